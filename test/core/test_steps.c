/*
 * test_steps.c
 *		The linear form: what it is turned into, what is refused and where, and random
 *		ones run in memory against an interpreter of steps.
 *
 * Usage: test_steps [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/local.h"
#include "core/steps.h"

#include "common/pg_prng.h"

#include "core/graph_codes.h"
#include "tap.h"

static PulseArena *arena;
static PulseDiag findings;

/* With ' for ". */
static const PulseJson *
json(const char *text)
{
	char *copy = pulse_arena_strdup(arena, text);
	const PulseJson *value;

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	pulse_diag_init(&findings, arena);
	value = pulse_json_parse(arena, copy, strlen(copy), &findings);
	if (value == NULL)
	{
		printf("Bail out! %s in %s\n", findings.items[0].message, copy);
		exit(1);
	}
	return value;
}

static void
show_findings(void)
{
	for (int i = 0; i < findings.n; i++)
	{
		const PulseFinding *f = &findings.items[i];

		diag("%s at %s: %s (%s) column %d", f->code, f->path, f->message,
			 f->hint != NULL ? f->hint : "no hint", f->column);
	}
}

static PulseGraph *
read_text(const char *text)
{
	const PulseJson *doc = json(text);
	PulseGraph *graph = pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &findings);

	for (int i = 0; i < findings.n; i++)
	{
		if (!pulse_graph_code_known(findings.items[i].code))
			ok(false, "code %s is in the list", findings.items[i].code);
	}
	return graph;
}

/* The steps become these nodes, and what they become is accepted. */
static void
becomes(const char *steps, const char *nodes, const char *what)
{
	PulseGraph *graph = read_text(pulse_arena_printf(arena, "{'steps': %s}", steps));

	if (!ok(graph != NULL && findings.n == 0, "%s: accepted", what))
		show_findings();
	if (graph == NULL)
		return;
	is(pulse_json_text(arena, pulse_json_get(graph->source, "nodes")), pulse_json_text(arena, json(nodes)), what);
	pulse_graph_free(graph);
}

static void
test_translation(void)
{
	PulseGraph *g;

	becomes("[]", "{}", "no steps");
	becomes("[{'name': 'a', 'type': 'action', 'action': 'x.y', 'retry_policy': {'max_attempts': 10, 'backoff_ms': 100},"
			" 'timeout_ms': 1500, 'config': {'k': 1}, 'input': {'$': '$.input'}, 'description': 'what'},"
			"{'name': 'b-c.d', 'type': 'action'}, {'name': 'w', 'type': 'delay', 'delay_ms': 2592000000}]",
			"{'a': {'action': 'x.y', 'retry': {'max_attempts': 10, 'initial': '100 ms'}, 'timeout': '1500 ms', 'config': {'k': 1},"
			" 'input': {'$': '$.input'}, 'description': 'what'}, 'b-c.d': {'action': 'b-c.d', 'after': ['a']},"
			" 'w': {'delay': '2592000000 ms', 'after': ['b-c.d']}}",
			"one after the other");
	becomes("[{'name': 'c-1', 'type': 'condition', 'when': '$.input > 1'}, {'name': 'a', 'type': 'action'}, {'name': 'b', 'type': 'action'}]",
			"{'c-1': {'pure': {'$': '$.input > 1'}}, 'a': {'action': 'a', 'after': ['c-1'], 'when': '$.nodes.\\\"c-1\\\"'},"
			" 'b': {'action': 'b', 'after': ['a'], 'when': '$.nodes.\\\"c-1\\\"', 'on_skip': 'run'}}",
			"complete");
	becomes("[{'name': 'c', 'type': 'condition', 'action': 'ask', 'timeout_ms': 1, 'on_false': 'skip'}, {'name': 'a', 'type': 'action'}, {'name': 'b', 'type': 'action'}]",
			"{'c': {'action': 'ask', 'timeout': '1 ms'}, 'a': {'action': 'a', 'after': ['c'], 'when': '$.nodes.c'},"
			" 'b': {'action': 'b', 'after': ['a'], 'on_skip': 'run'}}",
			"skip");
	becomes("[{'name': 'c', 'type': 'condition', 'when': '$.input.a', 'on_false': 2}, {'name': 'd', 'type': 'condition', 'when': '$.input.b', 'on_false': 2},"
			" {'name': 'x', 'type': 'action'}, {'name': 'y', 'type': 'action'}]",
			"{'c': {'pure': {'$': '$.input.a'}}, 'd': {'pure': {'$': '$.input.b'}, 'after': ['c'], 'when': '$.nodes.c'},"
			" 'x': {'action': 'x', 'after': ['d'], 'on_skip': 'run', 'when': '$.nodes.d'},"
			" 'y': {'action': 'y', 'after': ['x'], 'on_skip': 'run', 'when': '(!exists($.nodes.d) || $.nodes.d == true)'}}",
			"a condition that may be skipped where what it governs is not");
	becomes("[{'name': 'c', 'type': 'condition', 'when': '$.input.a', 'on_false': 'skip'}, {'name': 'p', 'type': 'parallel', 'branches': ["
			"[{'name': 'x', 'type': 'action'}, {'name': 'd', 'type': 'condition', 'when': '$.input.b'}, {'name': 'x2', 'type': 'action'}], [{'name': 'y', 'type': 'action'}]]},"
			" {'name': 'z', 'type': 'action'}]",
			"{'c': {'pure': {'$': '$.input.a'}}, 'x': {'action': 'x', 'after': ['c'], 'when': '$.nodes.c'},"
			" 'd': {'pure': {'$': '$.input.b'}, 'after': ['x'], 'on_skip': 'run', 'when': '$.nodes.c'},"
			" 'x2': {'action': 'x2', 'after': ['d'], 'on_skip': 'run', 'when': '$.nodes.d'},"
			" 'y': {'action': 'y', 'after': ['c'], 'when': '$.nodes.c'},"
			" 'p': {'noop': true, 'after': ['x2', 'y'], 'on_skip': 'run', 'when': '$.nodes.c'},"
			" 'z': {'action': 'z', 'after': ['p'], 'on_skip': 'run'}}",
			"parallel");

	g = read_text("{'steps': [{'name': 'a', 'type': 'action'}], 'output': {'$': '$.nodes.a'}, 'config': {'x': 1}, 'deadline': '1 day',"
				  "'budget': {'nodes': 3}, 'description': 'd'}");
	ok(g != NULL && g->output != NULL && g->deadline > 0 && g->budget.nodes == 3 && g->config != NULL, "the rest of the document stays");
	ok(g != NULL && pulse_json_get(g->source, "steps") == NULL, "no steps are left");
	pulse_graph_free(g);
}

/* Refused, with this as the only error. */
static const PulseFinding *
refused_doc(const char *text, const char *code, const char *path)
{
	PulseGraph *graph = read_text(text);
	const PulseFinding *f = NULL;

	for (int i = 0; i < findings.n && f == NULL; i++)
	{
		if (strcmp(findings.items[i].code, code) == 0 && strcmp(findings.items[i].path, path) == 0)
			f = &findings.items[i];
	}
	if (!ok(graph == NULL && f != NULL && findings.n_errors == 1, "%s at %s: %.90s", code, path, text))
		show_findings();
	pulse_graph_free(graph);
	return f;
}

static const PulseFinding *
refused(const char *steps, const char *code, const char *path)
{
	return refused_doc(pulse_arena_printf(arena, "{'steps': [%s]}", steps), code, path);
}

static void
test_faults(void)
{
	const PulseFinding *f;

	refused_doc("{'steps': {}}", "wrong_type", "$.steps");
	refused_doc("{'steps': [], 'nodes': {}}", "key_not_allowed", "$.steps");
	refused_doc("{'steps': [], 'outptu': 1}", "unknown_key", "$.outptu");
	refused_doc("{'steps': [], 'output': {'$': '$.nodes.x'}}", "unknown_node", "$.output.\"$\"");
	refused("1", "wrong_type", "$.steps[0]");
	refused("{'type': 'action', 'action': 'x'}", "missing_key", "$.steps[0]");
	refused("{'name': 'a'}", "missing_key", "$.steps[0]");
	refused("{'name': 'a b', 'type': 'action'}", "bad_id", "$.steps[0].name");
	refused("{'name': '', 'type': 'action', 'action': 'x'}", "bad_id", "$.steps[0].name");
	refused("{'name': 'a:b', 'type': 'action'}", "bad_id", "$.steps[0].name");
	refused("{'name': 1, 'type': 'action', 'action': 'x'}", "wrong_type", "$.steps[0].name");
	refused(pulse_arena_printf(arena, "{'name': '%0201d', 'type': 'action'}", 0), "bad_id", "$.steps[0].name");
	f = refused("{'name': 'a', 'type': 'action'}, {'name': 'p', 'type': 'parallel', 'branches': [[{'name': 'b', 'type': 'action'}], [{'name': 'a', 'type': 'action'}]]}",
				"duplicate_node", "$.steps[1].branches[1][0].name");
	is(f ? f->message : NULL, "the step at $.steps[0] has the name \"a\" already", "where the other one is");
	f = refused("{'name': 'a', 'type': 'acton'}", "bad_value", "$.steps[0].type");
	is(f ? f->hint : NULL, "Perhaps you meant \"action\".", "hint for a type");
	refused("{'name': 'a', 'type': 7}", "bad_value", "$.steps[0].type");
	f = refused("{'name': 'a', 'type': 'action', 'timout_ms': 5}", "unknown_key", "$.steps[0].timout_ms");
	is(f ? f->hint : NULL, "Perhaps you meant \"timeout_ms\".", "hint for a key");
	refused("{'name': 'a', 'type': 'action', 'timeout_ms': 0}", "bad_value", "$.steps[0].timeout_ms");
	refused("{'name': 'a', 'type': 'action', 'timeout_ms': '5'}", "bad_value", "$.steps[0].timeout_ms");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': 5}", "wrong_type", "$.steps[0].retry_policy");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': {'max_attempts': 11}}", "bad_value", "$.steps[0].retry_policy.max_attempts");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': {'max_attempts': 0}}", "bad_value", "$.steps[0].retry_policy.max_attempts");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': {'backoff_ms': 99}}", "bad_value", "$.steps[0].retry_policy.backoff_ms");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': {'backoff_ms': 300001}}", "bad_value", "$.steps[0].retry_policy.backoff_ms");
	refused("{'name': 'a', 'type': 'action', 'retry_policy': {'backof_ms': 100}}", "unknown_key", "$.steps[0].retry_policy.backof_ms");
	refused("{'name': 'a', 'type': 'delay'}", "missing_key", "$.steps[0]");
	refused("{'name': 'a', 'type': 'delay', 'delay_ms': 2592000001}", "bad_value", "$.steps[0].delay_ms");
	refused("{'name': 'a', 'type': 'delay', 'delay_ms': -1}", "bad_value", "$.steps[0].delay_ms");
	refused("{'name': 'a', 'type': 'condition'}", "missing_key", "$.steps[0]");
	refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'action': 'x'}", "many_kinds", "$.steps[0]");
	refused("{'name': 'a', 'type': 'condition', 'when': true}", "wrong_type", "$.steps[0].when");
	refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'timeout_ms': 5}", "key_not_allowed", "$.steps[0].timeout_ms");
	f = refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'on_false': 'compete'}", "bad_value", "$.steps[0].on_false");
	is(f ? f->hint : NULL, "Perhaps you meant \"complete\".", "hint for a word");
	refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'on_false': 0}, {'name': 'b', 'type': 'action'}", "bad_value", "$.steps[0].on_false");
	refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'on_false': 2}, {'name': 'b', 'type': 'action'}", "bad_value", "$.steps[0].on_false");
	refused("{'name': 'a', 'type': 'condition', 'when': '$.input', 'on_false': 'skip'}", "bad_value", "$.steps[0].on_false");
	refused("{'name': 'a', 'type': 'parallel'}", "missing_key", "$.steps[0]");
	refused("{'name': 'a', 'type': 'parallel', 'branches': {}}", "wrong_type", "$.steps[0].branches");
	refused("{'name': 'a', 'type': 'parallel', 'branches': [[{'name': 'b', 'type': 'action'}]]}", "bad_value", "$.steps[0].branches");
	refused("{'name': 'a', 'type': 'parallel', 'branches': [[{'name': 'b', 'type': 'action'}], []]}", "bad_value", "$.steps[0].branches[1]");
	refused("{'name': 'a', 'type': 'parallel', 'branches': [[{'name': 'b', 'type': 'action'}], 1]}", "wrong_type", "$.steps[0].branches[1]");

	/* what the reader of graphs finds */
	refused("{'name': 'a', 'type': 'action', 'action': ''}", "bad_name", "$.steps[0].action");
	refused("{'name': 'a', 'type': 'action', 'action': 3}", "wrong_type", "$.steps[0].action");
	refused("{'name': 'a', 'type': 'action', 'config': []}", "wrong_type", "$.steps[0].config");
	refused("{'name': 'a', 'type': 'action', 'description': []}", "wrong_type", "$.steps[0].description");
	f = refused("{'name': 'a.b', 'type': 'condition', 'when': '$.input = 1'}", "bad_expression", "$.steps[0].when");
	is_int(f ? f->column : 0, 9, "with a column");
	refused("{'name': 'a', 'type': 'action', 'input': [{'$': '$.nodes.b'}]}", "unknown_node", "$.steps[0].input[0].\"$\"");
	f = refused("{'name': 'a', 'type': 'action', 'input': [{'$': '$.nodes.b'}]}, {'name': 'b', 'type': 'action'}", "not_ancestor", "$.steps[0].input[0].\"$\"");
	is(f ? f->hint : NULL, "A step reads the outputs of the steps before it, and not those of another branch.", "why not");
	refused("{'name': 'p', 'type': 'parallel', 'branches': [[{'name': 'a', 'type': 'action'}], [{'name': 'b', 'type': 'condition', 'when': '$.nodes.a'}]]}",
			"not_ancestor", "$.steps[0].branches[1][0].when");
}

static void
test_limits(void)
{
	StringInfoData buf;
	PulseGraph *g;

	initStringInfo(&buf);
	for (int i = 0; i < 10001; i++)
		appendStringInfo(&buf, "%s{'name':'%d','type':'action'}", i > 0 ? "," : "", i);
	refused(buf.data, "limit_nodes", "$.steps");

	/* each is skipped by conditions that do not reach what it governs */
	resetStringInfo(&buf);
	for (int i = 0; i < 5000; i++)
		appendStringInfo(&buf, "%s{'name':'%d','type':'condition','when':'$.input','on_false':%d}", i > 0 ? "," : "", i, Min(1000, 4999 - i));
	buf.data[strlen(buf.data) - 2] = '1';
	g = read_text(pulse_arena_printf(arena, "{'steps': [%s, {'name':'z','type':'action'}]}", buf.data));
	ok(g == NULL && findings.n_errors == 1 && strcmp(findings.items[0].code, "limit_bytes") == 0, "conditions that would grow without end");
	if (findings.n_errors != 1)
		show_findings();
	pulse_graph_free(g);

	/* what it is turned into is bounded too */
	resetStringInfo(&buf);
	for (int i = 0; i < 9000; i++)
		appendStringInfo(&buf, "%s{'name':'%0110d','type':'delay','delay_ms':1}", i > 0 ? "," : "", i);
	g = read_text(pulse_arena_printf(arena, "{'steps': [%s]}", buf.data));
	ok(g == NULL && findings.n_errors == 1 && strcmp(findings.items[0].code, "limit_bytes") == 0, "a graph larger than its steps");
	pulse_graph_free(g);
	pfree(buf.data);
}

/*
 * ---------------------------------------------------------------------
 * Against an interpreter
 * ---------------------------------------------------------------------
 */

typedef struct Random
{
	pg_prng_state prng;
	StringInfoData text;
	int n; /* steps */
	int values[200]; /* of conditions by number: 1, 0, or -1 for null */
} Random;

static int
below(Random *r, int n)
{
	return (int) (pg_prng_uint64(&r->prng) % (uint64) n);
}

static void
random_list(Random *r, int len, int depth)
{
	appendStringInfoChar(&r->text, '[');
	for (int i = 0; i < len; i++)
	{
		int left = len - 1 - i;
		int kind = below(r, 10);
		int number = r->n++;

		appendStringInfo(&r->text, "%s{'name':'s%d','type':", i > 0 ? "," : "", number);
		if (kind < 5)
		{
			int value = r->values[number] = below(r, 4) == 0 ? -1 : below(r, 2);

			if (below(r, 2) == 0)
				appendStringInfo(&r->text, "'condition','action':'%s'", value == 1 ? "yes" : value == 0 ? "no" : "null");
			else
				appendStringInfo(&r->text, "'condition','when':'$.input.%s'", value == 1 ? "yes" : value == 0 ? "no" : "null");
			if (left > 0 && below(r, 3) > 0)
				appendStringInfo(&r->text, ",'on_false':%d", 1 + below(r, Min(left, 4)));
			else if (left > 0 && below(r, 3) == 0)
				appendStringInfoString(&r->text, ",'on_false':'skip'");
		}
		else if (kind == 5 && depth < 2)
		{
			appendStringInfoString(&r->text, "'parallel','branches':[");
			random_list(r, 1 + below(r, 4), depth + 1);
			appendStringInfoChar(&r->text, ',');
			random_list(r, 1 + below(r, 4), depth + 1);
			appendStringInfoChar(&r->text, ']');
		}
		else if (kind == 6)
			appendStringInfoString(&r->text, "'delay','delay_ms':1000");
		else
			appendStringInfoString(&r->text, "'action','action':'yes'");
		appendStringInfoChar(&r->text, '}');
	}
	appendStringInfoChar(&r->text, ']');
}

/* Notes in done which steps of the list are executed. */
static void
interpret(const Random *r, const PulseJson *list, bool *done)
{
	for (uint32 i = 0; i < list->len; i++)
	{
		const PulseJson *step = list->u.items[i];
		const PulseJson *branches = pulse_json_get(step, "branches");
		const PulseJson *on_false = pulse_json_get(step, "on_false");
		int number = atoi(pulse_json_get(step, "name")->u.text + 1);
		int64 n = 1;

		done[number] = true;
		for (uint32 k = 0; branches != NULL && k < branches->len; k++)
			interpret(r, branches->u.items[k], done);
		if (!pulse_json_is(pulse_json_get(step, "type"), "condition") || r->values[number] == 1)
			continue;
		if (on_false == NULL)
			return;
		if (!pulse_json_is(on_false, "skip"))
			(void) pulse_json_as_int(on_false, &n);
		i += (uint32) n;
	}
}

/* True if the run did just what the steps say. */
static bool
same_run(Random *r)
{
	bool done[200] = { false };
	const PulseJson *document = json(r->text.data);
	PulseGraph *graph = pulse_graph_read(document, PULSE_GRAPH_DEFINE, &findings);
	PulseLocal local = { 0 };
	PulseLocalSignals signals;
	PulseLocalOptions options;
	PulseLocalRun *run;
	const PulseJson *statuses;
	bool same = true;

	if (graph == NULL)
	{
		show_findings();
		return false;
	}
	pulse_local_options_defaults(&options);
	(void) pulse_local_signals_read(arena, NULL, "$signals", &signals, &findings);
	local.graph = graph;
	local.input = json("{'yes': true, 'no': false, 'null': null}");
	local.bindings = pulse_local_bindings_read(arena, json("{'yes': true, 'no': false, 'null': null}"), "$bindings", &findings);
	local.signals = &signals;
	local.options = &options;
	run = pulse_local_run(&local);
	statuses = pulse_json_get(pulse_local_result(run), "statuses");
	interpret(r, pulse_json_get(document, "steps"), done);
	same = pulse_json_is(pulse_json_get(pulse_local_result(run), "status"), "completed");
	for (int i = 0; i < r->n; i++)
	{
		const PulseJson *status = pulse_json_get(statuses, pulse_arena_printf(arena, "s%d", i));

		if (status != NULL && pulse_json_is(status, done[i] ? "completed" : "skipped"))
			continue;
		diag("s%d: %s instead of %s", i, status != NULL ? status->u.text : "nothing", done[i] ? "completed" : "skipped");
		same = false;
	}
	pulse_local_free(run);
	pulse_local_options_free(&options);
	pulse_graph_free(graph);
	return same;
}

static void
test_random(uint64 seed, int rounds)
{
	Random r;
	int bad = 0;

	pg_prng_seed(&r.prng, seed);
	initStringInfo(&r.text);
	for (int i = 0; i < rounds && bad < 3; i++)
	{
		PulseArena *outer = arena;

		arena = pulse_arena_create(0);
		resetStringInfo(&r.text);
		r.n = 0;
		appendStringInfoString(&r.text, "{'steps':");
		random_list(&r, 1 + below(&r, 9), 0);
		appendStringInfoChar(&r.text, '}');
		if (!same_run(&r))
		{
			bad++;
			diag("round %d: %s", i, r.text.data);
		}
		pulse_arena_free(arena);
		arena = outer;
	}
	pfree(r.text.data);
	is_int(bad, 0, "runs do what the steps say");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 3000;

	diag("seed %llu, %d rounds", (unsigned long long) seed, rounds);
	arena = pulse_arena_create(0);
	test_translation();
	test_faults();
	test_limits();
	test_random(seed, rounds);
	pulse_arena_free(arena);
	return tap_done();
}
