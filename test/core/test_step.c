/*
 * test_step.c
 *		The step function: each rule of semantics sections 2 to 6 as a case, and
 *		random stories with crashes against the slow forms of status.c.
 */
#include "postgres_fe.h"

#include <time.h>

#include "core/retry.h"
#include "core/step.h"
#include "core/step_private.h"
#include "tap.h"

#define T0 INT64CONST(1700000000000000)
#define SEC INT64CONST(1000000)

static bool repeatable = true;

static PulseActionInfo
action_info(void *arg, const char *name)
{
	PulseActionInfo info = { repeatable, NULL, NULL };

	return info;
}

/* One run, one scratch arena, one clock. */
typedef struct Bench
{
	PulseArena *scratch;
	PulseGraph *graph;
	PulseRunState *run;
	pg_prng_state prng;
	int64 now;
	PulseStep step; /* of the last step */
	PulseStepResult result;
} Bench;

static PulseGraph *
read_graph(PulseArena *arena, const char *text)
{
	PulseDiag diag;
	const PulseJson *doc;
	PulseGraph *graph;

	pulse_diag_init(&diag, arena);
	doc = pulse_json_parse(arena, text, strlen(text), &diag);
	graph = doc ? pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &diag) : NULL;
	if (graph == NULL)
	{
		printf("Bail out! %s: %s in %s\n", diag.items[0].path, diag.items[0].message, text);
		exit(1);
	}
	return graph;
}

static const PulseJson *
json(Bench *b, const char *text)
{
	PulseDiag diag;

	pulse_diag_init(&diag, b->scratch);
	return pulse_json_parse(b->scratch, text, strlen(text), &diag);
}

static void
bench_open(Bench *b, const char *graph)
{
	memset(b, 0, sizeof(*b));
	b->scratch = pulse_arena_create(0);
	b->graph = read_graph(b->scratch, graph);
	b->run = pulse_state_create(b->graph);
	b->now = T0;
	repeatable = true;
	pg_prng_seed(&b->prng, 42);
}

static void
bench_close(Bench *b)
{
	pulse_state_free(b->run);
	pulse_graph_free(b->graph);
	pulse_arena_free(b->scratch);
}

static void
feed(Bench *b, PulseFact *facts, int n)
{
	memset(&b->step, 0, sizeof(b->step));
	b->step.scratch = b->scratch;
	b->step.now = b->now;
	b->step.prng = &b->prng;
	b->step.max_expr_steps = PULSE_EXPR_MAX_STEPS;
	b->step.action = action_info;
	b->result = pulse_step(&b->step, b->run, facts, n);
	for (int i = 0; i < b->graph->n_nodes; i++)
		b->run->nodes[i].dirty = false;
}

static void
fact(Bench *b, PulseFactKind kind)
{
	PulseFact f = { 0 };

	f.kind = kind;
	f.node = -1;
	f.at = b->now;
	feed(b, &f, 1);
}

static int
node(Bench *b, const char *id)
{
	return pulse_graph_find(b->graph, id, strlen(id));
}

static PulseNodeState *
ns(Bench *b, const char *id)
{
	return &b->run->nodes[node(b, id)];
}

static const char *
status(Bench *b, const char *id)
{
	static char buf[64];
	PulseNodeState *n = ns(b, id);
	const char *reason = pulse_reason_name(n->reason);

	snprintf(buf, sizeof(buf), "%s%s%s", pulse_status_name(n->status),
			 reason ? "/" : "", reason ? reason : "");
	return buf;
}

static void
outcome(Bench *b, const char *id, PulseOutcome o)
{
	PulseFact f = { 0 };

	f.kind = PULSE_FACT_OUTCOME;
	f.node = node(b, id);
	if (o.attempt == 0)
		o.attempt = b->run->nodes[f.node].attempt;
	f.outcome = &o;
	feed(b, &f, 1);
}

static void
done(Bench *b, const char *id, const char *output)
{
	PulseOutcome o = { 0 };

	o.kind = PULSE_OUTCOME_SUCCEEDED;
	o.output = json(b, output);
	outcome(b, id, o);
}

static void
fails(Bench *b, const char *id, PulseOutcomeKind kind, bool retryable)
{
	PulseOutcome o = { 0 };

	o.kind = kind;
	o.class = "server";
	o.retryable = retryable;
	o.error = json(b, "{\"class\": \"server\", \"message\": \"no\"}");
	outcome(b, id, o);
}

static void
timer(Bench *b, const char *id)
{
	PulseFact f = { 0 };

	f.kind = PULSE_FACT_TIMER;
	f.node = node(b, id);
	f.due = b->run->nodes[f.node].due;
	b->now = Max(b->now, f.due);
	feed(b, &f, 1);
}

static void
give_signal(Bench *b, int64 seq, const char *id, const char *name, const char *payload)
{
	PulseFact f = { 0 };

	f.kind = PULSE_FACT_SIGNAL;
	f.node = -1;
	f.signal_seq = seq;
	f.signal_id = id;
	f.signal_name = name;
	f.payload = json(b, payload);
	feed(b, &f, 1);
}

static int
count(Bench *b, PulseCommandKind kind)
{
	int n = 0;

	for (int i = 0; i < b->step.n_commands; i++)
		n += b->step.commands[i].kind == kind;
	return n;
}

static const char *
output_text(Bench *b)
{
	return b->run->output ? pulse_json_text(b->scratch, b->run->output) : "(none)";
}

static void
test_linear(void)
{
	Bench b;

	bench_open(&b, "{\"nodes\": {\"a\": {\"pure\": {\"n\": {\"$\": \"$.input.n\"}}},"
				   " \"b\": {\"pure\": {\"$\": \"$.nodes.a.n\"}, \"after\": [\"a\"]}, \"c\": {\"noop\": true, \"after\": [\"b\"]}},"
				   " \"output\": {\"$\": \"$.nodes.b\"}}");
	b.run->input = json(&b, "{\"n\": 7}");
	fact(&b, PULSE_FACT_START);
	is(pulse_run_status_name(b.run->status), "completed", "a linear run ends in one step");
	is(output_text(&b), "7", "with its output");
	is_int(count(&b, PULSE_CMD_NODE), 3, "one row a node");
	is_int(count(&b, PULSE_CMD_RUN), 1, "one row for the run");
	fact(&b, PULSE_FACT_START);
	is_int(b.step.n_commands, 0, "a second start changes nothing");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {}}");
	fact(&b, PULSE_FACT_START);
	is(pulse_run_status_name(b.run->status), "completed", "an empty graph is completed");
	bench_close(&b);
}

static void
test_join_and_skip(void)
{
	Bench b;

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}, \"b\": {\"action\": \"x.b\"},"
				   " \"c\": {\"action\": \"x.c\", \"after\": [\"a\", \"b\"], \"when\": \"$.nodes.a.go == true\"},"
				   " \"d\": {\"noop\": true, \"after\": [\"c\"]},"
				   " \"e\": {\"noop\": true, \"after\": [\"c\"], \"on_skip\": \"run\"}}}");
	fact(&b, PULSE_FACT_START);
	is_int(count(&b, PULSE_CMD_DISPATCH), 2, "both roots are called");
	done(&b, "a", "{\"go\": null}");
	is(status(&b, "c"), "pending", "a join waits for all");
	done(&b, "b", "1");
	is(status(&b, "c"), "skipped/when", "null is not true");
	is(status(&b, "d"), "skipped/upstream", "a node with skipped predecessors only is skipped");
	is(status(&b, "e"), "completed", "unless on_skip says run");
	is(pulse_run_status_name(b.run->status), "completed", "the run completes");
	is(output_text(&b), "{\"e\":null}", "the outputs of the sinks that have one");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"noop\": true, \"when\": \"$.input.x + 1\"}}}");
	b.run->input = json(&b, "{\"x\": \"text\"}");
	fact(&b, PULSE_FACT_START);
	is(status(&b, "a"), "failed", "an error in when fails the node");
	is(pulse_json_get(b.run->error, "class")->u.text, "expression", "with class expression");
	bench_close(&b);
}

static void
test_retry(void)
{
	Bench b;
	PulseUuid first;

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"retry\": {\"jitter\": 0}}}}");
	fact(&b, PULSE_FACT_START);
	first = ns(&b, "a")->activation;
	fails(&b, "a", PULSE_OUTCOME_FAILED, true);
	is(status(&b, "a"), "waiting/retry", "a retryable failure waits");
	is_int((int) ((ns(&b, "a")->due - b.now) / 1000), 1000, "for a second at first");
	timer(&b, "a");
	is(status(&b, "a"), "running", "and is called again");
	ok(memcmp(&first, &ns(&b, "a")->activation, 16) == 0, "under the same activation");
	is_int(ns(&b, "a")->attempt, 2, "as attempt 2");
	fails(&b, "a", PULSE_OUTCOME_UNKNOWN, true);
	is_int((int) ((ns(&b, "a")->due - b.now) / 1000), 2000, "then for two");
	timer(&b, "a");
	fails(&b, "a", PULSE_OUTCOME_FAILED, true);
	is(status(&b, "a"), "failed", "the third failure is the last");
	is(pulse_run_status_name(b.run->status), "failed", "and fails the run");

	fact(&b, PULSE_FACT_RETRY);
	is(status(&b, "a"), "running", "the run is retried");
	is_int(ns(&b, "a")->attempt, 4, "attempt numbers never restart");
	ok(memcmp(&first, &ns(&b, "a")->activation, 16) != 0,
	   "a node whose last outcome is known gets a new activation");
	fails(&b, "a", PULSE_OUTCOME_FAILED, false);
	is(pulse_run_status_name(b.run->status), "failed", "a final failure is not retried");
	fact(&b, PULSE_FACT_RETRY);
	first = ns(&b, "a")->activation;
	fails(&b, "a", PULSE_OUTCOME_TIMED_OUT, true);
	fact(&b, PULSE_FACT_CANCEL);
	is(status(&b, "a"), "interrupted/cancelled", "cancel interrupts what waits");
	fact(&b, PULSE_FACT_RETRY);
	ok(memcmp(&first, &ns(&b, "a")->activation, 16) == 0,
	   "a node whose last outcome is unknown keeps its activation");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"total_timeout\": \"3 s\", \"retry\": {\"initial\": \"2 s\", \"jitter\": 0}}}}");
	fact(&b, PULSE_FACT_START);
	fails(&b, "a", PULSE_OUTCOME_FAILED, true);
	timer(&b, "a");
	fails(&b, "a", PULSE_OUTCOME_FAILED, true);
	is_int((int) ((ns(&b, "a")->due - T0) / 1000), 3000, "a retry never waits beyond total_timeout");
	timer(&b, "a");
	is(status(&b, "a"), "failed", "which then fails the node");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}}}");
	repeatable = false;
	fact(&b, PULSE_FACT_START);
	fails(&b, "a", PULSE_OUTCOME_UNKNOWN, true);
	is(status(&b, "a"), "waiting/operator", "what may not be repeated waits for an operator");
	fact(&b, PULSE_FACT_RETRY);
	is(status(&b, "a"), "running", "who may let it be called again");
	ns(&b, "a")->reason = PULSE_REASON_HOST;
	fact(&b, PULSE_FACT_RECOVER);
	is(status(&b, "a"), "running", "one that was never sent when its worker left is called");
	is_int(count(&b, PULSE_CMD_ATTEMPT), 0, "and nothing was lost");
	fact(&b, PULSE_FACT_RECOVER);
	is(status(&b, "a"), "waiting/operator", "one that may have been sent waits for an operator");
	bench_close(&b);
}

static void
test_hold(void)
{
	Bench b;
	PulseOutcome o = { 0 };

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}}}");
	fact(&b, PULSE_FACT_START);
	o.kind = PULSE_OUTCOME_HELD;
	o.class = "throttled";
	o.wait = 7 * SEC;
	o.error = json(&b, "{\"class\": \"throttled\", \"message\": \"slow down\"}");
	outcome(&b, "a", o);
	is(status(&b, "a"), "waiting/host", "a held node waits for its host");
	is_int(ns(&b, "a")->tries, 0, "and burns no attempt");
	ok(ns(&b, "a")->due >= b.now + 7 * SEC, "not less than it was asked to");
	is_int(count(&b, PULSE_CMD_ATTEMPT), 1, "the first hold is recorded");
	for (int i = 0; i < 10; i++)
	{
		timer(&b, "a");
		outcome(&b, "a", o);
	}
	is_int(count(&b, PULSE_CMD_ATTEMPT), 0, "further ones are not");
	is(status(&b, "a"), "waiting/host", "however often");
	o.burns = true;
	for (int i = 0; i < 30 && b.run->status == PULSE_RUN_PENDING; i++)
	{
		timer(&b, "a");
		outcome(&b, "a", o);
	}
	is(status(&b, "a"), "failed", "throttling for ever burns attempts in the end");
	bench_close(&b);
}

static void
test_handlers(void)
{
	Bench b;
	const char *doc = "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"on_error\": {\"goto\": \"h\"}},"
					  " \"h\": {\"pure\": {\"$\": \"$.error.message\"}},"
					  " \"z\": {\"noop\": true, \"after\": [\"a\"]}}}";

	bench_open(&b, doc);
	fact(&b, PULSE_FACT_START);
	fails(&b, "a", PULSE_OUTCOME_FAILED, false);
	is(status(&b, "a"), "skipped/error", "a guarded node that fails is skipped");
	is(status(&b, "h"), "completed", "its handler runs");
	is(pulse_json_text(b.scratch, ns(&b, "h")->output), "\"no\"", "and sees the error");
	is(status(&b, "z"), "skipped/upstream", "other successors are skipped");
	is(pulse_run_status_name(b.run->status), "completed", "the run completes");
	bench_close(&b);

	bench_open(&b, doc);
	fact(&b, PULSE_FACT_START);
	done(&b, "a", "1");
	is(status(&b, "h"), "skipped/upstream", "a handler is skipped when nothing went wrong");
	is(status(&b, "z"), "completed", "and the rest goes on");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"on_error\": \"skip\"}, \"b\": {\"noop\": true, \"after\": [\"a\"]}}}");
	fact(&b, PULSE_FACT_START);
	fails(&b, "a", PULSE_OUTCOME_FAILED, false);
	is(pulse_run_status_name(b.run->status), "completed", "on_error skip does not fail the run");
	bench_close(&b);
}

static void
test_signals(void)
{
	Bench b;
	const char *doc = "{\"nodes\": {\"s\": {\"signal\": \"go\", \"timeout\": \"1 min\"},"
					  " \"t\": {\"signal\": \"go\", \"after\": [\"s\"]}}}";

	bench_open(&b, doc);
	fact(&b, PULSE_FACT_START);
	is(status(&b, "s"), "waiting/signal", "a signal node waits");
	is_int(count(&b, PULSE_CMD_TIMER_SET), 1, "with a timer");
	give_signal(&b, 2, "two", "other", "1");
	is(status(&b, "s"), "waiting/signal", "for its own name only");
	give_signal(&b, 3, "three", "go", "{\"x\": 1}");
	is(status(&b, "s"), "completed", "and completes with it");
	is_int(count(&b, PULSE_CMD_TIMER_CLEAR), 1, "dropping the timer");
	is(status(&b, "t"), "waiting/signal", "a signal is consumed once");
	give_signal(&b, 3, "three", "go", "{\"x\": 1}");
	is(status(&b, "t"), "waiting/signal", "also when it comes again under its id");
	give_signal(&b, 4, "four", "go", "2");
	is(pulse_run_status_name(b.run->status), "completed", "the next one ends the run");
	is_int(count(&b, PULSE_CMD_SIGNAL), 2, "one consumed, the one of no use discarded");
	give_signal(&b, 5, "five", "go", "3");
	is_int(count(&b, PULSE_CMD_SIGNAL), 1, "a late one is discarded");
	bench_close(&b);

	bench_open(&b, doc);
	give_signal(&b, 9, "late", "go", "9");
	give_signal(&b, 8, "early", "go", "8");
	fact(&b, PULSE_FACT_START);
	is(pulse_json_text(b.scratch, ns(&b, "s")->output), "8", "signals are kept in order of arrival");
	is(pulse_run_status_name(b.run->status), "completed", "also before the run starts");
	bench_close(&b);

	bench_open(&b, doc);
	fact(&b, PULSE_FACT_START);
	timer(&b, "s");
	is(status(&b, "s"), "failed", "a signal that does not come in time fails its node");
	is(pulse_json_get(b.run->error, "class")->u.text, "timeout", "with class timeout");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"s\": {\"signal\": \"go\", \"timeout\": \"1 s\", \"on_timeout\": \"complete\"}}}");
	fact(&b, PULSE_FACT_START);
	timer(&b, "s");
	is(output_text(&b), "null", "or gives null");
	bench_close(&b);
}

static void
test_time(void)
{
	Bench b;
	PulseFact f = { 0 };

	bench_open(&b, "{\"nodes\": {\"d\": {\"delay\": \"3 days\"}, \"e\": {\"noop\": true, \"after\": [\"d\"]}}}");
	b.run->deadline = T0 + 10 * 86400 * SEC;
	fact(&b, PULSE_FACT_START);
	is(status(&b, "d"), "waiting/timer", "a delay waits");
	is_int(count(&b, PULSE_CMD_TIMER_SET), 2, "timers of deadline and delay");
	f.kind = PULSE_FACT_TIMER;
	f.node = node(&b, "d");
	f.due = ns(&b, "d")->due - 1;
	feed(&b, &f, 1);
	is(status(&b, "d"), "waiting/timer", "a timer that was replaced fires nothing");
	timer(&b, "d");
	is(pulse_run_status_name(b.run->status), "completed", "and completes when due");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"d\": {\"delay\": \"0 s\"}}}");
	fact(&b, PULSE_FACT_START);
	is(pulse_run_status_name(b.run->status), "completed", "a delay of nothing passes at once");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}}}");
	b.run->start_at = T0 + 60 * SEC;
	b.run->deadline = T0 + 120 * SEC;
	fact(&b, PULSE_FACT_START);
	is(status(&b, "a"), "pending", "start_at delays the start");
	b.now += 60 * SEC;
	fact(&b, PULSE_FACT_START);
	is(status(&b, "a"), "running", "until it has come");
	fact(&b, PULSE_FACT_DEADLINE);
	is(pulse_run_status_name(b.run->status), "pending", "a deadline is not early");
	b.now += 60 * SEC;
	fact(&b, PULSE_FACT_DEADLINE);
	is(pulse_run_status_name(b.run->status), "timed_out", "and ends the run");
	is_int(count(&b, PULSE_CMD_ABORT), 1, "aborting what is in flight");
	done(&b, "a", "1");
	is(status(&b, "a"), "interrupted/cancelled", "a late outcome changes nothing");
	is_int(count(&b, PULSE_CMD_ATTEMPT), 1, "but is recorded");
	bench_close(&b);
}

static void
test_operators(void)
{
	Bench b;
	PulseFact f = { 0 };

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}, \"b\": {\"action\": \"x.b\", \"after\": [\"a\"]},"
				   " \"c\": {\"pure\": {\"$\": \"$.nodes.b\"}, \"after\": [\"b\"]}}}");
	fact(&b, PULSE_FACT_START);
	fact(&b, PULSE_FACT_PAUSE);
	done(&b, "a", "1");
	is(status(&b, "b"), "pending", "nothing new starts while a run is paused");
	fact(&b, PULSE_FACT_RESUME);
	is(status(&b, "b"), "running", "and goes on when it is resumed");
	f.kind = PULSE_FACT_SKIP;
	f.node = node(&b, "c");
	feed(&b, &f, 1);
	is(status(&b, "c"), "pending", "a node is not skipped before its ancestors have ended");
	fails(&b, "b", PULSE_OUTCOME_FAILED, false);
	is(pulse_run_status_name(b.run->status), "failed", "the run fails");
	f.node = node(&b, "b");
	f.payload = json(&b, "{\"by\": \"hand\"}");
	feed(&b, &f, 1);
	is(output_text(&b), "{\"by\":\"hand\"}", "an operator gives a failed node its output, and the run goes on");
	fact(&b, PULSE_FACT_CANCEL);
	is(pulse_run_status_name(b.run->status), "completed", "the first terminal status wins");
	fact(&b, PULSE_FACT_RETRY);
	is(pulse_run_status_name(b.run->status), "completed", "a completed run is not retried");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}, \"b\": {\"signal\": \"s\"}}}");
	fact(&b, PULSE_FACT_CANCEL);
	is(pulse_run_status_name(b.run->status), "cancelled", "a run is cancelled before it starts");
	fact(&b, PULSE_FACT_START);
	is(pulse_run_status_name(b.run->status), "cancelled", "and then never starts");
	is_int(b.step.n_commands, 0, "without a trace");
	bench_close(&b);
}

/*
 * Random stories. Rows are what NODE commands have written; a crash forgets the
 * state and reads them again.
 */
typedef struct Row
{
	bool there;
	PulseNodeState state;
} Row;

static char *
random_graph(pg_prng_state *prng, int n)
{
	static char buf[16384];
	size_t len = 0;

	len += (size_t) sprintf(buf + len, "{\"nodes\": {");
	for (int i = 0; i < n; i++)
	{
		static const char *const kinds[] = {
			"\"action\": \"x.a\"", "\"noop\": true", "\"pure\": {\"k\": 1}",
			"\"signal\": \"s\"", "\"delay\": \"5 s\"",
			"\"action\": \"x.b\", \"on_error\": \"skip\"",
			"\"noop\": true, \"when\": \"$.input.x == 1\""
		};

		len += (size_t) sprintf(buf + len, "%s\"n%02d\": {%s, \"after\": [", i ? ", " : "", i,
								kinds[pg_prng_uint64(prng) % lengthof(kinds)]);
		for (int p = 0, k = 0; p < i; p++)
		{
			if (pg_prng_uint64(prng) % 4 == 0)
				len += (size_t) sprintf(buf + len, "%s\"n%02d\"", k++ ? "," : "", p);
		}
		len += (size_t) sprintf(buf + len, "]}");
	}
	sprintf(buf + len, "}}");
	return buf;
}

static bool
agrees(Bench *b, const char **why)
{
	PulseRunState *r = b->run;
	int n = b->graph->n_nodes;
	PulseStatus *s = pulse_arena_alloc(b->scratch, sizeof(PulseStatus) * (size_t) (n + 1));
	int *out = pulse_arena_alloc(b->scratch, sizeof(int) * (size_t) (n + 1));
	PulseClass class;
	int ready;

	for (int i = 0; i < n; i++)
		s[i] = r->nodes[i].status;
	ready = pulse_frontier(b->graph, s, out);
	if (ready != r->n_heap)
	{
		*why = "frontier and heap differ";
		return false;
	}
	for (int i = 0; i < n; i++)
	{
		int open = 0;

		for (int p = 0; p < b->graph->nodes[i]->n_preds; p++)
			open += !pulse_status_unblocks(s[b->graph->nodes[i]->preds[p]]);
		if (open != r->nodes[i].open_preds)
		{
			*why = "open predecessors are miscounted";
			return false;
		}
		if (pulse_status_has_output(s[i]) != (r->nodes[i].output != NULL))
		{
			*why = "an output is missing or too much";
			return false;
		}
	}
	(void) pulse_closure(b->graph, s, NULL);
	class = pulse_classify(b->graph, s);
	*why = pulse_class_name(class);
	switch (r->status)
	{
		case PULSE_RUN_COMPLETED:
			return class == PULSE_CLASS_COMPLETED;
		case PULSE_RUN_FAILED:
			return class == PULSE_CLASS_FAILED;
		case PULSE_RUN_PENDING:
			return class == PULSE_CLASS_IN_FLIGHT || class == PULSE_CLASS_SUSPENDED;
		case PULSE_RUN_PAUSED:
			return class != PULSE_CLASS_FAILED;
		default:
			return true;
	}
}

static void
keep_rows(Bench *b, Row *rows)
{
	for (int i = 0; i < b->step.n_commands; i++)
	{
		PulseCommand *c = &b->step.commands[i];

		if (c->kind == PULSE_CMD_NODE)
		{
			rows[c->node].there = true;
			rows[c->node].state = b->run->nodes[c->node];
			b->run->nodes[c->node].has_row = true;

			/* the state's own memory dies with it */
			if (b->run->nodes[c->node].output != NULL)
				rows[c->node].state.output =
					pulse_json_copy(b->scratch, b->run->nodes[c->node].output);
		}
	}
}

static void
crash(Bench *b, const Row *rows)
{
	PulseRunState *old = b->run;
	PulseRunState *r = pulse_state_create(b->graph);

	for (int i = 0; i < b->graph->n_nodes; i++)
	{
		if (!rows[i].there)
			continue;
		r->nodes[i] = rows[i].state;
		r->nodes[i].ready = false;
		r->nodes[i].has_row = true;
		if (rows[i].state.started_at != 0 &&
			(r->started_at == 0 || rows[i].state.started_at < r->started_at))
			r->started_at = rows[i].state.started_at;
	}
	r->input = old->input;
	r->status = old->status;
	r->error = old->error;
	r->output = old->output;
	for (int i = 0; i < old->n_signals; i++)
	{
		if (!old->signals[i].settled)
			pulse_state_add_signal(r, old->signals[i].seq, old->signals[i].id,
								   old->signals[i].name, old->signals[i].payload);
	}
	pulse_state_derive(r);
	b->run = r;
	pulse_state_free(old);
	fact(b, PULSE_FACT_RECOVER);
}

static bool
random_story(uint64 seed, int *events)
{
	Bench b;
	pg_prng_state prng;
	Row rows[32];
	int n;
	int seq = 0;
	bool good = true;

	pg_prng_seed(&prng, seed);
	n = 1 + (int) (pg_prng_uint64(&prng) % 14);
	bench_open(&b, random_graph(&prng, n));
	b.run->input = json(&b, pg_prng_bool(&prng) ? "{\"x\": 1}" : "{}");
	memset(rows, 0, sizeof(rows));
	fact(&b, PULSE_FACT_START);
	keep_rows(&b, rows);

	for (int e = 0; e < 400 && good; e++)
	{
		int i = (int) (pg_prng_uint64(&prng) % (uint64) n);
		const char *id = b.graph->nodes[i]->id;
		PulseNodeState *s = &b.run->nodes[i];
		const char *why;
		int dice = (int) (pg_prng_uint64(&prng) % 100);
		bool calm = e > 200;

		(*events)++;
		if (s->status == PULSE_RUNNING && dice < (calm ? 100 : 60))
		{
			if (calm || dice < 40)
				done(&b, id, "{\"k\": 2}");
			else
				fails(&b, id, dice < 50 ? PULSE_OUTCOME_FAILED : PULSE_OUTCOME_UNKNOWN, dice % 2);
		}
		else if (s->status == PULSE_WAITING && s->due != 0)
			timer(&b, id);
		else if (s->status == PULSE_WAITING)
		{
			char sid[16];

			snprintf(sid, sizeof(sid), "s%d", ++seq);
			give_signal(&b, seq, sid, "s", "1");
		}
		else if (!calm && dice < 5)
			fact(&b, PULSE_FACT_PAUSE);
		else if (dice < 20 || calm)
			fact(&b, PULSE_FACT_RESUME);
		else if (dice < 24)
			fact(&b, PULSE_FACT_RETRY);
		else if (dice < 26)
			fact(&b, PULSE_FACT_CANCEL);
		else if (dice < 40)
			crash(&b, rows);
		else
			continue;
		keep_rows(&b, rows);
		if (b.result != PULSE_STEP_DONE)
		{
			diag("seed " UINT64_FORMAT ": result %d: %s", seed, (int) b.result,
				 b.step.stuck ? b.step.stuck : "");
			good = false;
		}
		else if (!agrees(&b, &why))
		{
			diag("seed " UINT64_FORMAT ", event %d: %s but the run is %s", seed, e, why,
				 pulse_run_status_name(b.run->status));
			good = false;
		}
	}
	if (good && !pulse_run_status_terminal(b.run->status))
	{
		diag("seed " UINT64_FORMAT ": the run does not end", seed);
		good = false;
	}
	bench_close(&b);
	return good;
}

static void
test_random(void)
{
	char *given = getenv("PULSE_SEED");
	uint64 seed = given ? strtoull(given, NULL, 10) : (uint64) time(NULL);
	int stories = 3000;
	int bad = 0;
	int events = 0;

	diag("random stories, seed " UINT64_FORMAT, seed);
	for (int i = 0; i < stories && bad < 3; i++)
		bad += !random_story(seed + (uint64) i, &events);
	ok(bad == 0, "%d random stories, %d events: the state agrees with the slow forms and every run ends",
	   stories, events);
}

static void
test_arithmetic(void)
{
	PulseRetryPolicy p;
	pg_prng_state prng;

	pg_prng_seed(&prng, 1);
	pulse_retry_defaults(&p);
	p.jitter = 0;
	ok(pulse_retry_delay(&p, 1, 0, &prng) == SEC, "the first retry after initial");
	ok(pulse_retry_delay(&p, 4, 0, &prng) == 8 * SEC, "doubling");
	ok(pulse_retry_delay(&p, 1000, 0, &prng) == 300 * SEC, "up to max, without overflow");
	ok(pulse_retry_delay(&p, 1, 60 * SEC, &prng) == 60 * SEC, "Retry-After lengthens it");
	ok(pulse_retry_delay(&p, 10, SEC, &prng) == 300 * SEC, "and never shortens it");
	ok(pulse_retry_delay(&p, 1, PG_INT64_MAX, &prng) == PULSE_RETRY_AFTER_CAP, "with a cap of an hour");
	p.initial = 0;
	p.factor = 1000;
	ok(pulse_retry_delay(&p, 1000, 0, &prng) >= 0, "nothing times infinity is no trouble");
	p.initial = SEC;
	p.factor = 1;
	p.jitter = 0.2;
	for (int i = 0; i < 1000; i++)
	{
		int64 d = pulse_retry_delay(&p, 1, 0, &prng);

		if (d < 800000 || d > 1200000)
		{
			ok(false, "jitter stays within its bounds");
			return;
		}
	}
	ok(true, "jitter stays within its bounds");
}

/* Operators and deadlines in states that are easily forgotten. */
static void
test_corners(void)
{
	Bench b;
	PulseFact f = { 0 };

	f.kind = PULSE_FACT_SKIP;
	f.payload = &pulse_json_null;

	bench_open(&b, "{\"nodes\": {\"a\": {\"signal\": \"s\"}, \"b\": {\"signal\": \"s\", \"after\": [\"a\"]}}}");
	b.run->start_at = T0 + 10 * SEC;
	fact(&b, PULSE_FACT_START);
	f.node = node(&b, "a");
	feed(&b, &f, 1);
	is(status(&b, "a"), "pending", "a skip does not start a run before its time");
	is_int(count(&b, PULSE_CMD_LOG), 1, "and says so");
	b.run->start_at = 0;
	b.run->deadline = T0 + 60 * SEC;
	feed(&b, &f, 1);
	is(status(&b, "a"), "completed", "a skip before the run is taken up");
	is(status(&b, "b"), "waiting/signal", "starts it");
	is_int(count(&b, PULSE_CMD_TIMER_SET), 1, "with its deadline");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"signal\": \"s\"}}}");
	b.run->deadline = T0 + 60 * SEC;
	fact(&b, PULSE_FACT_PAUSE);
	is_int(count(&b, PULSE_CMD_TIMER_SET), 1, "a run paused before it is taken up keeps its deadline");
	b.now = T0 + 60 * SEC;
	fact(&b, PULSE_FACT_DEADLINE);
	is(pulse_run_status_name(b.run->status), "timed_out", "and ends by it");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"total_timeout\": \"10 s\"}}}");
	repeatable = false;
	fact(&b, PULSE_FACT_START);
	fails(&b, "a", PULSE_OUTCOME_UNKNOWN, true);
	fact(&b, PULSE_FACT_PAUSE);
	b.now = T0 + 60 * SEC;
	fact(&b, PULSE_FACT_RETRY);
	is(status(&b, "a"), "pending", "an operator's retry counts in a paused run");
	fact(&b, PULSE_FACT_RESUME);
	is(status(&b, "a"), "running", "which calls it when it goes on");
	ok(ns(&b, "a")->total_deadline == b.now + 10 * SEC, "with all of its time");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\", \"total_timeout\": \"10 s\"}}}");
	fact(&b, PULSE_FACT_START);
	b.now = T0 + 60 * SEC;
	fact(&b, PULSE_FACT_RECOVER);
	is_int(count(&b, PULSE_CMD_DISPATCH), 0, "no call when no time is left for it");
	is(status(&b, "a"), "failed", "but the end of the node");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"delay\": {\"$\": \"$.input\"}}}}");
	b.run->input = json(&b, "\"9223372036854 s\"");
	fact(&b, PULSE_FACT_START);
	is(status(&b, "a"), "failed", "a delay beyond all bounds is not over at once");
	bench_close(&b);

	bench_open(&b, "{\"nodes\": {\"a\": {\"action\": \"x.a\"}, \"s\": {\"signal\": \"s\"}}}");
	fact(&b, PULSE_FACT_START);
	b.run->status = PULSE_RUN_CANCELLED; /* as pulse_abandon_run does, beside the state */
	fact(&b, PULSE_FACT_RETRY);
	is_int(count(&b, PULSE_CMD_DISPATCH), 1, "retry of a run that was given up calls again what was under way");
	is_int(ns(&b, "a")->attempt, 2, "as the next attempt");
	is(status(&b, "s"), "waiting/signal", "and waits again");
	bench_close(&b);
}

int
main(void)
{
	test_arithmetic();
	test_linear();
	test_join_and_skip();
	test_corners();
	test_retry();
	test_hold();
	test_handlers();
	test_signals();
	test_time();
	test_operators();
	test_random();
	return tap_done();
}
