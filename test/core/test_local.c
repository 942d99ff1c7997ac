/*
 * test_local.c
 *		Runs in memory: bindings, virtual time, signals, traces, determinism.
 *
 * With the argument "bench" it prints how many nodes a second it runs instead.
 */
#include "postgres_fe.h"

#include <time.h>

#include "core/local.h"
#include "tap.h"

/* One question: documents as texts, NULL for none. */
typedef struct Case
{
	const char *graph;
	const char *input;
	const char *bindings;
	const char *signals;
	const char *options;
} Case;

/* And its answer, until the next question. */
static PulseArena *arena;
static PulseGraph *graph;
static PulseLocalRun *run;
static PulseLocal local;
static PulseLocalSignals signals;
static PulseLocalOptions options;
static PulseDiag findings;
static const PulseJson *result;

static const PulseJson *
json(const char *text)
{
	PulseDiag	d;
	const PulseJson *value;

	if (text == NULL)
		return NULL;
	pulse_diag_init(&d, arena);
	value = pulse_json_parse(arena, text, strlen(text), &d);
	if (value == NULL)
	{
		printf("Bail out! %s in %s\n", d.items[0].message, text);
		exit(1);
	}
	return value;
}

static void
forget(void)
{
	pulse_local_free(run);
	pulse_graph_free(graph);
	pulse_arena_free(arena);
	run = NULL;
	graph = NULL;
	arena = NULL;
	result = NULL;
}

static bool
prepare(const Case *c)
{
	forget();
	arena = pulse_arena_create(0);
	pulse_diag_init(&findings, arena);
	memset(&local, 0, sizeof(local));
	graph = pulse_graph_read(json(c->graph), PULSE_GRAPH_DEFINE, &findings);
	if (graph == NULL)
	{
		printf("Bail out! %s: %s in %s\n", findings.items[0].path, findings.items[0].message, c->graph);
		exit(1);
	}
	findings.n = 0;
	pulse_local_options_defaults(&options);
	local.graph = graph;
	local.input = json(c->input);
	local.bindings = pulse_local_bindings_read(arena, json(c->bindings), "$bindings", &findings);
	(void) pulse_local_signals_read(arena, json(c->signals), "$signals", &signals, &findings);
	(void) pulse_local_options_read(json(c->options), "$options", &options, &findings);
	local.signals = &signals;
	local.options = &options;
	return findings.n_errors == 0;
}

static void
ask(Case c)
{
	if (!prepare(&c))
	{
		printf("Bail out! %s: %s\n", findings.items[0].path, findings.items[0].message);
		exit(1);
	}
	run = pulse_local_run(&local);
	result = pulse_local_result(run);
}

/* Text of a member of the result, by path; "(none)" if it is not there. */
static const char *
at(const char *first, const char *second)
{
	const PulseJson *v = pulse_json_get(result, first);

	if (v != NULL && second != NULL)
		v = pulse_json_get(v, second);
	return v == NULL ? "(none)" : pulse_json_text(arena, v);
}

/* The trace in short: "0 start; 0 call a; ..." */
static const char *
story(void)
{
	const PulseJson *trace = pulse_json_get(result, "trace");
	StringInfoData out;
	char	   *copy;

	initStringInfo(&out);
	for (uint32 i = 0; trace->type == PULSE_JSON_ARRAY && i < trace->len; i++)
	{
		const PulseJson *e = trace->u.items[i];
		const PulseJson *node = pulse_json_get(e, "node");
		const PulseJson *attempt = pulse_json_get(e, "attempt");

		appendStringInfo(&out, "%s%s %s", i ? "; " : "", pulse_json_get(e, "at")->u.text,
						 pulse_json_get(e, "event")->u.text);
		if (node != NULL)
			appendStringInfo(&out, " %s", node->u.text);
		if (attempt != NULL)
			appendStringInfo(&out, " %s", attempt->u.text);
	}
	copy = pulse_arena_strdup(arena, out.data);
	pfree(out.data);
	return copy;
}

static void
test_shape(void)
{
	ask((Case) {"{\"nodes\": {\"a\": {\"pure\": {\"n\": {\"$\": \"$.input.n\"}}},"
		" \"b\": {\"action\": \"x.b\", \"after\": [\"a\"]}}}", "{\"n\": 7}",
		"{\"x.b\": {\"got\": {\"$\": \"$.input.a.n * 2\"}}}"});
	is(pulse_json_text(arena, result),
	   "{\"hash\":\"ab0fc59bedc243ee4406170fc37ece033a9ed9e1dca247fc369cd472c5e36864\",\"mode\":\"in_memory\",\"error\":null,\"trace\":["
	   "{\"at\":0,\"now\":\"2000-01-01T00:00:00Z\",\"event\":\"start\"},"
	   "{\"at\":0,\"node\":\"a\",\"event\":\"completed\",\"output\":{\"n\":7}},"
	   "{\"at\":0,\"node\":\"b\",\"event\":\"call\",\"input\":{\"a\":{\"n\":7}},\"action\":\"x.b\",\"attempt\":1},"
	   "{\"at\":0,\"node\":\"b\",\"event\":\"completed\",\"output\":{\"got\":14}},"
	   "{\"at\":0,\"event\":\"run\",\"status\":\"completed\"}],"
	   "\"output\":{\"got\":14},\"status\":\"completed\",\"elapsed\":0,"
	   "\"outputs\":{\"a\":{\"n\":7},\"b\":{\"got\":14}},"
	   "\"rewrites\":{\"admitted\":[],\"rejected\":[]},"
	   "\"statuses\":{\"a\":\"completed\",\"b\":\"completed\"},"
	   "\"remaining_budget\":{\"depth\":6,\"edges\":32,\"nodes\":16,\"frontier\":4,\"operations\":4}}",
	   "a result has exactly these keys");
	ask((Case) {"{\"nodes\": {}}"});
	is(at("status", NULL), "\"completed\"", "an empty graph completes");
	ask((Case) {"{\"nodes\": {\"a\": {\"pure\": {\"$\": \"$.input\"}}}, \"budget\": {\"nodes\": 3}}", NULL, NULL, NULL,
		"{\"trace\": false, \"budget\": {\"edges\": 0}}"});
	is(at("trace", NULL), "null", "no trace if none is wanted");
	is(at("output", NULL), "null", "no input is null");
	is(at("remaining_budget", "nodes"), "3", "the budget of the graph");
	is(at("remaining_budget", "edges"), "0", "the budget of the options");
	is(at("remaining_budget", "depth"), "6", "the default budget");
}

#define ONE "{\"nodes\": {\"a\": {\"action\": \"x\", \"retry\": {\"jitter\": 0}}}}"

static void
test_bindings(void)
{
	ask((Case) {ONE, "1", "{\"x\": 5}"});
	is(at("output", NULL), "5", "a constant");
	ask((Case) {ONE, "4", "{\"x\": {\"$\": \"$.input * 2\"}}"});
	is(at("output", NULL), "8", "an expression");
	ask((Case) {ONE, "4", "{\"x\": [{\"$\": \"$\"}]}"});
	is(at("output", NULL), "{\"node\":\"a\",\"input\":4,\"action\":\"x\",\"config\":{},\"attempt\":1}",
	   "what an expression sees");
	ask((Case) {ONE, NULL, "{\"x\": {\"$literal\": [1, 2]}}"});
	is(at("output", NULL), "[1,2]", "a list as a value");
	ask((Case) {ONE, NULL, "{\"x\": {\"$literal\": {\"result\": \"fail\"}}}"});
	is(at("output", NULL), "{\"result\":\"fail\"}", "what looks like a stage result as a value");

	ask((Case) {ONE, NULL, "{\"x\": [{\"$error\": {\"class\": \"server\"}}, {\"$error\": {\"class\": \"network\"}}, 3]}"});
	is(at("output", NULL), "3", "the third answer of a list");
	is(story(), "0 start; 0 call a 1; 0 attempt a 1; 0 waiting a; 1 call a 2; 1 attempt a 2; 1 waiting a;"
	   " 3 call a 3; 3 completed a; 3 run", "retries wait in virtual time");
	is(at("elapsed", NULL), "3", "which is told");
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"x\"}, \"b\": {\"action\": \"x\"}, \"c\": {\"action\": \"x\"}}}",
		NULL, "{\"x\": [1, 2]}"});
	is(at("output", NULL), "{\"a\":1,\"b\":2,\"c\":2}", "the last answer of a list stays");

	ask((Case) {ONE, NULL, "{\"x\": {\"$error\": {\"message\": \"no\", \"code\": \"c1\", \"details\": {\"k\": 1}}}}"});
	is(at("status", NULL), "\"failed\"", "an error fails the run");
	is(at("error", NULL), "{\"node\":\"a\",\"class\":\"action\",\"error\":{\"code\":\"c1\",\"class\":\"action\","
	   "\"details\":{\"k\":1},\"message\":\"no\"},\"message\":\"no\"}", "and is told");
	is(story(), "0 start; 0 call a 1; 0 attempt a 1; 0 failed a; 0 run", "class action is final");
	ask((Case) {ONE, NULL, "{\"x\": {\"$error\": {\"retryable\": true, \"retry_after_seconds\": 7.5}}}"});
	is(at("elapsed", NULL), "15", "retryable and Retry-After are honoured, three attempts");
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"x\", \"retry\": {\"no_retry_on\": [\"c1\"]}}}}", NULL,
		"{\"x\": {\"$error\": {\"class\": \"server\", \"code\": \"c1\"}}}"});
	is(at("elapsed", NULL), "0", "no_retry_on is honoured");

	ask((Case) {ONE, NULL, "{\"x\": {\"result\": \"complete\", \"output\": {\"$\": \"$.node\"}}}"});
	is(at("output", NULL), "\"a\"", "a stage result, with an expression in it");
	ask((Case) {ONE, NULL, "{\"x\": {\"result\": \"fail\", \"error\": {\"code\": \"e\", \"detail\": \"broken\"}}}"});
	is(at("error", "error"), "{\"code\":\"e\",\"class\":\"action\",\"detail\":\"broken\",\"message\":\"broken\"}",
	   "a stage result that fails");
	ask((Case) {ONE, NULL, "{\"x\": {\"result\": \"complete\", \"logs\": 3}}"});
	is(at("error", "class"), "\"bad_response\"", "a malformed stage result");
	ask((Case) {ONE, NULL, "{\"x\": {\"$\": \"$.input + 1\"}}"});
	is(at("error", "class"), "\"expression\"", "an expression that fails");
	ask((Case) {ONE});
	is(at("error", "message"), "\"action \\\"x\\\" has no binding\"", "an action without a binding");
	is(at("error", "class"), "\"unknown_action\"", "and its class");
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"x\", \"config\": {\"b\": 2}}}, \"config\": {\"a\": 1, \"b\": 1}}", NULL,
		"{\"x\": {\"$\": \"$.config\"}}"});
	is(at("output", NULL), "{\"a\":1,\"b\":2}", "config of graph and node");
}

static void
refused(Case c, const char *path, const char *name)
{
	bool		good = prepare(&c);

	ok(!good, "%s is refused", name);
	is(good ? "" : findings.items[0].path, path, "at its place");
}

static void
test_refusals(void)
{
	refused((Case) {ONE, NULL, "[]"}, "$bindings", "no object of bindings");
	refused((Case) {ONE, NULL, "{\"x\": []}"}, "$bindings[\"x\"]", "an empty list");
	refused((Case) {ONE, NULL, "{\"x\": {\"$\": \"$.nodes.a\"}}"}, "$bindings[\"x\"]", "an output in a binding");
	refused((Case) {ONE, NULL, "{\"x\": [1, {\"$\": \"$.itme\"}]}"}, "$bindings[\"x\"][1]", "an unknown member");
	refused((Case) {ONE, NULL, "{\"x\": {\"$error\": {\"clas\": 1}}}"}, "$bindings[\"x\"].$error.clas", "an unknown key");
	refused((Case) {ONE, NULL, "{\"x\": {\"$error\": {\"class\": 1}}}"}, "$bindings[\"x\"].$error.class", "a wrong type");
	refused((Case) {ONE, NULL, NULL, "3"}, "$signals", "no list of signals");
	refused((Case) {ONE, NULL, NULL, "[{\"nam\": 1}]"}, "$signals[0]", "a signal without a name");
	refused((Case) {ONE, NULL, NULL, "[{\"name\": \"a\", \"later\": 1}]"}, "$signals[0].later", "an unknown key of a signal");
	refused((Case) {ONE, NULL, NULL, "[{\"name\": \"a\", \"after\": \"soon\"}]"}, "$signals[0].after", "a bad duration");
	refused((Case) {ONE, NULL, NULL, "{\"pulse.x\": 1}"}, "$signals[\"pulse.x\"]", "a reserved name");
	refused((Case) {ONE, NULL, NULL, NULL, "{\"now\": \"today\"}"}, "$options.now", "a bad time");
	refused((Case) {ONE, NULL, NULL, NULL, "{\"budget\": {\"nodes\": -1}}"}, "$options.budget.nodes", "a bad budget");
	refused((Case) {ONE, NULL, NULL, NULL, "{\"fast\": true}"}, "$options.fast", "an unknown option");
}

static void
test_time(void)
{
	ask((Case) {"{\"nodes\": {\"a\": {\"delay\": \"1 day\"}, \"b\": {\"delay\": \"1.5 s\"},"
		" \"c\": {\"pure\": {\"$\": \"$.run.started_at\"}, \"after\": [\"b\"]},"
		" \"d\": {\"until\": \"2000-01-03T00:00:00Z\", \"after\": [\"a\"]}}, \"output\": {\"$\": \"$.nodes.c\"}}"});
	is(story(), "0 start; 0 waiting a; 0 waiting b; 1.5 completed b; 1.5 completed c; 86400 completed a;"
	   " 86400 waiting d; 172800 completed d; 172800 run", "delays pass in order");
	is(at("output", NULL), "\"2000-01-01T00:00:00Z\"", "the clock stands at a fixed time");
	ask((Case) {"{\"nodes\": {\"c\": {\"pure\": {\"$\": \"$.run.started_at\"}}}}", NULL, NULL, NULL,
		"{\"now\": \"2026-11-21T12:00:00+02\"}"});
	is(at("output", NULL), "\"2026-11-21T10:00:00Z\"", "or where it is said to stand");

	ask((Case) {"{\"nodes\": {\"a\": {\"delay\": \"2 h\"}}, \"deadline\": \"1 h\"}"});
	is(at("status", NULL), "\"failed\"", "a deadline passes in virtual time");
	is(at("error", "class"), "\"deadline\"", "and is the reason");
	is(at("statuses", NULL), "{\"a\":\"interrupted\"}", "what waited is interrupted");
	is(at("elapsed", NULL), "3600", "at that time");

	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"x\", \"timeout\": \"10 s\", \"retry\": {\"jitter\": 0}},"
		" \"b\": {\"action\": \"y\"}}}", NULL, "{\"x\": [{\"$error\": {\"class\": \"timeout\"}}, 1], \"y\": 2}"});
	is(story(), "0 start; 0 call a 1; 0 call b 1; 0 completed b; 10 attempt a 1; 10 waiting a; 11 call a 2;"
	   " 11 completed a; 11 run", "an attempt that times out takes its time, others go on");
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"x\", \"total_timeout\": \"45 s\"}}}", NULL,
		"{\"x\": {\"$error\": {\"class\": \"timeout\"}}}"});
	is(at("elapsed", NULL), "45", "total_timeout bounds attempts and waits together");
	is(at("error", "class"), "\"timeout\"", "with its class");
}

static void
test_signals(void)
{
	const char *wait = "{\"nodes\": {\"s\": {\"signal\": \"go\"}, \"t\": {\"signal\": \"go\", \"after\": [\"s\"]}}}";

	ask((Case) {wait, NULL, NULL, "{\"go\": [1, {\"n\": 2}]}"});
	is(at("outputs", NULL), "{\"s\":1,\"t\":{\"n\":2}}", "signals are consumed in their order");
	ask((Case) {wait, NULL, NULL, "[{\"name\": \"go\"}, {\"name\": \"other\"}]"});
	is(at("status", NULL), "\"suspended\"", "one too few suspends the run");
	is(at("output", NULL), "null", "which has no output");
	is(at("outputs", NULL), "{\"s\":null}", "but those of its nodes");
	is(at("waiting", NULL), "{\"t\":{\"for\":\"signal\",\"signal\":\"go\"}}", "and says what for");
	ok(strstr(at("note", NULL), "cannot be resumed") != NULL, "and that it cannot be resumed");
	is(at("run", NULL), "(none)", "there is no handle");
	is(at("id", NULL), "(none)", "of any name");

	ask((Case) {"{\"nodes\": {\"s\": {\"signal\": \"go\", \"timeout\": \"1 h\"}}}"});
	is(at("error", "class"), "\"timeout\"", "a signal that does not come in time");
	ask((Case) {"{\"nodes\": {\"s\": {\"signal\": \"go\", \"timeout\": \"1 h\"}}}", NULL, NULL,
		"[{\"name\": \"go\", \"payload\": 1, \"after\": \"59 min\"}]"});
	is(at("output", NULL), "1", "one that comes just in time");
	is(at("elapsed", NULL), "3540", "the timer that was dropped does not move the clock");
	ask((Case) {"{\"nodes\": {\"s\": {\"signal\": \"go\", \"timeout\": \"1 h\", \"on_timeout\": \"complete\"}}}", NULL, NULL,
		"[{\"name\": \"go\", \"payload\": 1, \"after\": \"2 h\"}]"});
	is(at("output", NULL), "null", "on_timeout complete");
	ask((Case) {"{\"nodes\": {\"a\": {\"noop\": true}}}", NULL, NULL, "{\"late\": 1}"});
	is(story(), "0 start; 0 completed a; 0 signal; 0 run", "what nobody wants is discarded");
}

static void
test_failures(void)
{
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"bad\"}, \"b\": {\"action\": \"good\"}, \"c\": {\"noop\": true, \"after\": [\"a\"]},"
		" \"d\": {\"noop\": true, \"after\": [\"b\"]}}}", NULL, "{\"bad\": {\"$error\": {}}, \"good\": 1}"});
	is(at("statuses", NULL), "{\"a\":\"failed\",\"b\":\"interrupted\",\"c\":\"failed\",\"d\":\"pending\"}",
	   "statuses are shown after closure");
	ask((Case) {"{\"nodes\": {\"a\": {\"action\": \"bad\", \"on_error\": {\"goto\": \"h\"}}, \"h\": {\"pure\": {\"$\": \"$.error.message\"}}}}",
		NULL, "{\"bad\": {\"$error\": {\"message\": \"no\"}}}"});
	is(at("output", NULL), "\"no\"", "a handler sees the error");
	ask((Case) {"{\"nodes\": {\"a\": {\"noop\": true, \"when\": \"1 == 2\", \"on_error\": {\"goto\": \"h\"}}, \"h\": {\"noop\": true}}}"});
	is(at("statuses", NULL), "{\"a\":\"skipped\",\"h\":\"skipped\"}", "a handler of a node that was skipped");
	ask((Case) {"{\"nodes\": {\"a\": {\"noop\": true, \"when\": \"$.input.x\"}, \"b\": {\"noop\": true, \"after\": [\"a\"]},"
		" \"c\": {\"pure\": 1, \"after\": [\"a\"], \"on_skip\": \"run\"}}}"});
	is(at("statuses", NULL), "{\"a\":\"skipped\",\"b\":\"skipped\",\"c\":\"completed\"}", "when and on_skip");
	ask((Case) {"{\"nodes\": {\"a\": {\"noop\": true}}, \"output\": {\"$\": \"$.input + 1\"}}", "\"x\""});
	is(at("error", "class"), "\"expression\"", "an output that cannot be made");
}

/* A host that knows one action, and is told to stop at the n-th call. */
static int	host_calls;
static int	host_stop;
static int	host_ahead;
static const char *host_body;

static bool
host_knows(void *arg, const char *action)
{
	return strcmp(action, "h") == 0;
}

static bool
host_answer(void *arg, PulseLocalCall **calls, int n, PulseArena *a)
{
	const char *complete = "{\"result\": \"complete\", \"output\": 9}\n";

	if (++host_calls == host_stop)
		return false;
	for (int i = 1; i < n; i++)
	{
		host_ahead += !calls[i]->bound;
		calls[i]->handle = &host_ahead;
	}
	host_body = pulse_json_text(a, pulse_local_body(calls[0], a));
	if (host_calls == 1)
		pulse_local_outcome_text(a, complete, strlen(complete), &calls[0]->outcome);
	else if (host_calls == 2)
		pulse_local_outcome_text(a, " \n", 2, &calls[0]->outcome);
	else
		pulse_local_outcome_text(a, "nonsense", 8, &calls[0]->outcome);
	return true;
}

static int	host_aborts;

static void
host_abort(void *arg, PulseLocalCall *call, bool all)
{
	host_aborts++;
}

static void
test_host(void)
{
	PulseLocalHost host = {NULL, host_knows, host_answer, host_abort, NULL};
	Case		c = {"{\"nodes\": {\"a\": {\"action\": \"h\"}, \"b\": {\"action\": \"h\"}, \"c\": {\"action\": \"h\"}, \"d\": {\"action\": \"h\"}}}",
	"{\"k\": 1}"};

	(void) prepare(&c);
	local.host = &host;
	run = pulse_local_run(&local);
	result = pulse_local_result(run);
	is(at("outputs", NULL), "{\"a\":9,\"b\":null}", "texts of a host: a stage result, nothing");
	is(at("error", "class"), "\"bad_response\"", "and what is no JSON");
	is_int(host_ahead, 6, "it sees what else is wanted");
	is_int(host_aborts, 1, "and what is wanted no more");
	ok(strstr(host_body, "\"input\":{\"k\":1}") != NULL && strstr(host_body, "pulse.action.run.v1") != NULL,
	   "it gets the body of the protocol");

	host_calls = 0;
	host_stop = 2;
	(void) prepare(&c);
	local.host = &host;
	run = pulse_local_run(&local);
	result = pulse_local_result(run);
	ok(pulse_local_interrupted(run), "a host may give up");
	is(at("status", NULL), "\"failed\"", "then the run has failed");
	is(at("error", "class"), "\"cancelled\"", "because it was cancelled");
	is(at("statuses", NULL), "{\"a\":\"completed\",\"b\":\"interrupted\",\"c\":\"interrupted\",\"d\":\"interrupted\"}",
	   "and what was under way is interrupted");
}

static void
test_determinism(void)
{
	Case		c = {"{\"nodes\": {\"a\": {\"action\": \"x\"}, \"b\": {\"action\": \"x\", \"retry\": {\"jitter\": 1}},"
		" \"c\": {\"delay\": \"3 s\"}, \"d\": {\"action\": \"y\", \"after\": [\"a\", \"b\", \"c\"]}}}", NULL,
	"{\"x\": [{\"$error\": {\"class\": \"server\"}}, {\"$error\": {\"class\": \"timeout\"}}, 1, 2], \"y\": {\"$\": \"$\"}}"};
	char	   *first;

	ask(c);
	first = strdup(pulse_json_text(arena, result));
	ask(c);
	is(pulse_json_text(arena, result), first, "the same input gives the same result");
	c.options = "{\"seed\": 1}";
	ask(c);
	ok(strcmp(pulse_json_text(arena, result), first) != 0, "another seed other waits");
	free(first);
}

static void
test_wide(void)
{
	StringInfoData doc;

	initStringInfo(&doc);
	appendStringInfoString(&doc, "{\"nodes\": {");
	for (int i = 0; i < 9000; i++)
		appendStringInfo(&doc, "\"n%d\": {\"action\": \"x\"},", i);
	appendStringInfoString(&doc, "\"w\": {\"delay\": \"1 s\"}}, \"output\": {\"$\": \"$.nodes.*.size()\"}}");
	ask((Case) {doc.data, NULL, "{\"x\": {\"$\": \"$.node\"}}", NULL, "{\"trace\": false}"});
	is(at("status", NULL), "\"completed\"", "9000 calls at once");
	is(at("outputs", "n8999"), "\"n8999\"", "each with its answer");
	pfree(doc.data);
}

/* A graph of all kinds, edges from lower to higher numbers only. */
static void
random_graph(StringInfo doc, pg_prng_state *prng)
{
	static const char *const kinds[] = {
		"\"noop\": true", "\"pure\": {\"$\": \"$.input\"}", "\"delay\": \"3 s\"",
		"\"signal\": \"go\"", "\"signal\": \"go\", \"timeout\": \"5 s\", \"on_timeout\": \"complete\"",
		"\"action\": \"x\"", "\"action\": \"y\", \"timeout\": \"2 s\"", "\"action\": \"y\", \"on_error\": \"skip\"",
		"\"noop\": true, \"when\": \"$.input == 1\"", "\"noop\": true, \"on_skip\": \"run\""
	};
	int			n = 1 + (int) pg_prng_uint64_range(prng, 0, 14);

	appendStringInfoString(doc, "{\"nodes\": {");
	for (int i = 0; i < n; i++)
	{
		const char *comma = "";

		appendStringInfo(doc, "%s\"n%02d\": {%s, \"after\": [", i ? ", " : "", i,
						 kinds[pg_prng_uint64_range(prng, 0, lengthof(kinds) - 1)]);
		for (int k = 0; k < i; k++)
		{
			if (pg_prng_uint64_range(prng, 0, 3) > 0)
				continue;
			appendStringInfo(doc, "%s\"n%02d\"", comma, k);
			comma = ", ";
		}
		appendStringInfoString(doc, "]}");
	}
	appendStringInfoString(doc, "}}");
}

/* The state it ended in, against the slow forms; NULL if all is well. */
static const char *
wrong(void)
{
	static const char *const classes[] = {"failed", "?", "?", "completed", "suspended", "?"};
	const PulseRunState *state = pulse_local_state(run);
	PulseStatus status[16];

	for (int i = 0; i < graph->n_nodes; i++)
	{
		status[i] = state->nodes[i].status;
		for (int p = 0; p < graph->nodes[i]->n_preds; p++)
		{
			if (pulse_status_unblocks(status[i]) &&
				!pulse_status_unblocks(state->nodes[graph->nodes[i]->preds[p]].status))
				return "a node ended before one that comes before it";
		}
	}
	if (strcmp(pulse_json_get(result, "status")->u.text, "failed") == 0 &&
		state->counts[PULSE_FAILED] == 0)
		return "failed without a failed node";
	(void) pulse_closure(graph, status, NULL);
	if (strcmp(classes[pulse_classify(graph, status)], pulse_json_get(result, "status")->u.text) != 0)
		return "another status than the classification says";
	return NULL;
}

static void
test_random(void)
{
	static const char *const bindings[] = {
		"{\"x\": 1, \"y\": 2}",
		"{\"x\": [{\"$error\": {\"class\": \"server\"}}, 1], \"y\": [{\"$error\": {\"class\": \"timeout\"}}, 2]}",
		"{\"x\": 1, \"y\": {\"$error\": {\"class\": \"network\"}}}",
		"{\"x\": {\"result\": \"complete\", \"output\": {\"$\": \"$.attempt\"}}, \"y\": [1, {\"$error\": {}}]}"
	};
	static const char *const sent[] = {
		NULL, "{\"go\": [1, 2, 3]}", "[{\"name\": \"go\", \"after\": \"4 s\"}, {\"name\": \"go\", \"after\": \"1 min\"}]"
	};
	pg_prng_state prng;
	const char *bad = NULL;
	int			ends[3] = {0};
	int			differ = 0;

	pg_prng_seed(&prng, 20260921);
	for (int i = 0; i < 3000 && bad == NULL; i++)
	{
		StringInfoData doc;
		Case		c = {0};
		char	   *first;

		initStringInfo(&doc);
		random_graph(&doc, &prng);
		c.graph = doc.data;
		c.input = pg_prng_bool(&prng) ? "1" : "2";
		c.bindings = bindings[pg_prng_uint64_range(&prng, 0, lengthof(bindings) - 1)];
		c.signals = sent[pg_prng_uint64_range(&prng, 0, lengthof(sent) - 1)];
		ask(c);
		bad = wrong();
		ends[pulse_local_status(run)]++;
		first = strdup(pulse_json_text(arena, result));
		ask(c);
		differ += strcmp(first, pulse_json_text(arena, result)) != 0;
		if (bad != NULL)
			diag("%s: %s gives %s", bad, c.graph, first);
		free(first);
		pfree(doc.data);
	}
	ok(bad == NULL, "3000 random runs (seed 20260921) end as the slow forms say");
	is_int(differ, 0, "and the same twice");
	ok(ends[0] > 300 && ends[1] > 300 && ends[2] > 300, "completed %d, failed %d, suspended %d",
	   ends[0], ends[1], ends[2]);
}

static int
bench(void)
{
	StringInfoData doc;
	struct timespec from;
	struct timespec to;
	int			runs = 100000;
	double		seconds;

	initStringInfo(&doc);
	appendStringInfoString(&doc, "{\"nodes\": {\"a0\": {\"pure\": {\"$\": \"$.input\"}}");
	for (int i = 1; i < 10; i++)
		appendStringInfo(&doc, ", \"a%d\": {\"pure\": {\"$\": \"$.nodes.a%d\"}, \"after\": [\"a%d\"]}", i, i - 1, i - 1);
	appendStringInfoString(&doc, "}}");
	for (int mode = 0; mode < 3; mode++)
	{
		Case		c = {doc.data, "{\"n\": 1}", NULL, NULL, mode == 2 ? "{}" : "{\"trace\": false}"};

		(void) prepare(&c);
		clock_gettime(CLOCK_MONOTONIC, &from);
		for (int i = 0; i < runs; i++)
		{
			run = pulse_local_run(&local);
			if (mode > 0)
				(void) pulse_local_result(run);
			pulse_local_free(run);
		}
		run = NULL;
		clock_gettime(CLOCK_MONOTONIC, &to);
		seconds = (double) (to.tv_sec - from.tv_sec) + (double) (to.tv_nsec - from.tv_nsec) / 1e9;
		printf("%-22s %10.0f nodes/s\n", mode == 0 ? "run" : mode == 1 ? "run and result" : "run, result, trace",
			   runs * 10 / seconds);
	}
	pfree(doc.data);
	forget();
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "bench") == 0)
		return bench();
	test_shape();
	test_bindings();
	test_refusals();
	test_time();
	test_signals();
	test_failures();
	test_host();
	test_determinism();
	test_wide();
	test_random();
	forget();
	return tap_done();
}
