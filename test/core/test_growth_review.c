/*
 * test_growth_review.c
 *		Graphs that grow, where operators, failures and rounds meet in one step.
 *
 * Each case is one that went wrong, or could have, in ways that only show when the memory
 * of a round is gone, or when the run is loaded again.
 */
#include "postgres_fe.h"

#include "core/graph_grow.h"
#include "core/replay.h"
#include "core/step.h"
#include "tap.h"

#define T0 INT64CONST(1700000000000000)

/* One run, one clock; what each step makes goes with the next one. */
typedef struct Bench
{
	PulseArena *arena;
	PulseArena *scratch;
	PulseGraph *graph;
	PulseRunState *run;
	pg_prng_state prng;
	int64 now;
	PulseStep step;
	PulseStepResult result;
} Bench;

static PulseActionInfo
action_info(void *arg, const char *name)
{
	PulseActionInfo info = { true, NULL, NULL };

	return info;
}

static const PulseWorkflowInfo *
workflow_info(void *arg, const PulseRunState *run, const char *name, int version)
{
	static const PulseWorkflowInfo info = { .name = "w", .version = 1 };

	return &info;
}

static const PulseJson *
json(PulseArena *arena, const char *text)
{
	PulseDiag findings;

	pulse_diag_init(&findings, arena);
	return pulse_json_parse(arena, text, strlen(text), &findings);
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
	b->step.workflow = workflow_info;
	b->result = pulse_step(&b->step, b->run, facts, n);
	for (int i = 0; i < b->run->graph->n_nodes; i++)
		b->run->nodes[i].dirty = false;
}

static int
node(Bench *b, const char *id)
{
	return pulse_graph_find(b->run->graph, id, strlen(id));
}

static void
fact(Bench *b, PulseFactKind kind, const char *id, const char *payload)
{
	PulseFact f = { .kind = kind, .node = id != NULL ? node(b, id) : -1, .at = b->now };

	if (payload != NULL)
		f.payload = json(b->scratch, payload);
	feed(b, &f, 1);
}

static void
answer(Bench *b, const char *id, const char *output)
{
	PulseOutcome o = { .kind = output != NULL ? PULSE_OUTCOME_SUCCEEDED : PULSE_OUTCOME_FAILED };
	PulseFact f = { .kind = PULSE_FACT_OUTCOME, .node = node(b, id), .at = b->now, .outcome = &o };

	o.attempt = b->run->nodes[f.node].attempt;
	if (output != NULL)
		o.output = json(b->scratch, output);
	else
	{
		o.class = "action";
		o.error = json(b->scratch, "{\"class\":\"action\",\"message\":\"no\"}");
	}
	feed(b, &f, 1);
}

static void
propose(Bench *b, const char *id, const char *rewrite)
{
	PulseOutcome o = { .kind = PULSE_OUTCOME_SUCCEEDED, .stage = PULSE_STAGE_REWRITE };
	PulseFact f = { .kind = PULSE_FACT_OUTCOME, .node = node(b, id), .at = b->now, .outcome = &o };

	o.attempt = b->run->nodes[f.node].attempt;
	o.output = &pulse_json_null;
	o.rewrite = json(b->scratch, rewrite);
	feed(b, &f, 1);
}

static void
open_bench(Bench *b, const char *text, const char *input)
{
	PulseDiag findings;

	memset(b, 0, sizeof(*b));
	b->arena = pulse_arena_create(0);
	b->scratch = pulse_arena_create(0);
	pulse_diag_init(&findings, b->arena);
	b->graph = pulse_graph_read(json(b->arena, text), PULSE_GRAPH_DEFINE, &findings);
	if (b->graph == NULL)
	{
		printf("Bail out! %s: %s in %s\n", findings.items[0].path, findings.items[0].message, text);
		exit(1);
	}
	b->run = pulse_state_create(b->graph);
	b->run->input = json(b->arena, input);
	b->now = T0;
	pg_prng_seed(&b->prng, 42);
	fact(b, PULSE_FACT_START, NULL, NULL);
}

static void
close_bench(Bench *b)
{
	pulse_state_free(b->run);
	pulse_graph_free(b->graph);
	pulse_arena_free(b->scratch);
	pulse_arena_free(b->arena);
}

static const char *
status(Bench *b, const char *id)
{
	static char buf[64];
	int at = node(b, id);
	const PulseNodeState *n = &b->run->nodes[at];
	const char *reason;

	if (at < 0)
		return "no such node";
	reason = pulse_reason_name(n->reason);
	snprintf(buf, sizeof(buf), "%s%s%s", pulse_status_name(n->status), reason ? "/" : "", reason ? reason : "");
	return buf;
}

static int
commands(const Bench *b, PulseCommandKind kind)
{
	int n = 0;

	for (int i = 0; i < b->step.n_commands; i++)
		n += b->step.commands[i].kind == kind;
	return n;
}

static bool
written(Bench *b, const char *id)
{
	for (int i = 0; i < b->step.n_commands; i++)
	{
		const PulseCommand *cmd = &b->step.commands[i];

		if (cmd->kind == PULSE_CMD_NODE && strcmp(b->run->graph->nodes[cmd->node]->id, id) == 0)
			return true;
	}
	return false;
}

/*
 * An operator gives the result of a map that has failed: its items stay as they are. (They were
 * tried again behind a collecting node that had ended, which no run can be loaded with.)
 */
static void
test_skip_failed_map(void)
{
	static const char *const graph =
		"{\"nodes\":{\"m\":{\"map\":{\"over\":\"$.input\",\"tolerate\":0,\"max_parallel\":1,\"as\":"
		"{\"nodes\":{\"a\":{\"action\":\"x\",\"retry\":{\"max_attempts\":1}}}}}},"
		"\"z\":{\"pure\":{\"$\":\"$.nodes.m\"},\"after\":[\"m\"]}}}";
	Bench b;

	open_bench(&b, graph, "[1,2,3]");
	answer(&b, "m:item_0:a", "1");
	answer(&b, "m:item_1:a", NULL);
	is(pulse_run_status_name(b.run->status), "failed", "a map has failed");
	fact(&b, PULSE_FACT_SKIP, "m:out", "[\"by hand\"]");
	is(pulse_run_status_name(b.run->status), "completed", "with a result by hand the run goes on");
	is(status(&b, "m:item_1:a"), "skipped/error", "the item that failed stays so");
	is(status(&b, "m:item_2:a"), "skipped/upstream", "and the one that was given up");
	is(pulse_json_text(b.scratch, b.run->output), "[\"by hand\"]", "the result is taken");
	is(pulse_state_violation(b.run, b.scratch), NULL, "the state can be loaded");
	close_bench(&b);

	open_bench(&b, graph, "[1,2,3]");
	answer(&b, "m:item_0:a", "1");
	answer(&b, "m:item_1:a", NULL);
	fact(&b, PULSE_FACT_SKIP, "m:out", NULL);
	is(pulse_run_status_name(b.run->status), "completed", "without a result as well");
	is(pulse_state_violation(b.run, b.scratch), NULL, "the state can be loaded");
	close_bench(&b);
}

/*
 * A retry takes up what a failed map has given up, and nothing that had ended by its own rules:
 * nodes behind that have ended already.
 */
static void
test_retry_failed_map(void)
{
	Bench b;

	open_bench(&b,
			   "{\"nodes\":{\"m\":{\"map\":{\"over\":\"$.input\",\"tolerate\":0,\"as\":{\"nodes\":{"
			   "\"a\":{\"noop\":true,\"when\":\"$.index > 0\"},"
			   "\"b\":{\"noop\":true,\"after\":[\"a\"]},"
			   "\"c\":{\"noop\":true,\"after\":[\"b\"],\"on_skip\":\"run\"},"
			   "\"x\":{\"action\":\"x\",\"when\":\"$.index > 0\",\"retry\":{\"max_attempts\":1}},"
			   "\"y\":{\"pure\":{\"$\":\"$.index\"},\"after\":[\"x\"]}}}}}}}",
			   "[0,1,2]");
	answer(&b, "m:item_1:x", NULL);
	is(pulse_run_status_name(b.run->status), "failed", "a map has failed");
	is(status(&b, "m:item_0:b"), "skipped/upstream", "a node of an item that went well was skipped by its own rules");
	is(status(&b, "m:item_1:y"), "skipped/upstream", "one of the item that failed because of that");
	fact(&b, PULSE_FACT_RETRY, NULL, NULL);
	is(status(&b, "m:item_0:b"), "skipped/upstream", "the first one stays");
	ok(!written(&b, "m:item_0:b"), "and is not written again");
	is(status(&b, "m:item_1:x"), "running", "what failed runs again");
	is(status(&b, "m:item_2:x"), "running", "what was given up, too");
	is(status(&b, "m:item_1:y"), "pending", "what comes behind waits for it");
	is(pulse_state_violation(b.run, b.scratch), NULL, "the state can be loaded");
	answer(&b, "m:item_1:x", "1");
	answer(&b, "m:item_2:x", "2");
	is(pulse_run_status_name(b.run->status), "completed", "the run completes");
	is(pulse_json_text(b.scratch, b.run->output), "[{\"c\":null},{\"c\":null,\"y\":1},{\"c\":null,\"y\":2}]",
	   "with all of it");
	close_bench(&b);
}

/*
 * A handler that would have run when the map was given up runs after the retry; that of a node
 * that went well stays skipped.
 */
static void
test_retry_handlers(void)
{
	Bench b;

	open_bench(&b,
			   "{\"nodes\":{\"m\":{\"map\":{\"over\":\"$.input\",\"tolerate\":0,\"as\":{\"nodes\":{"
			   "\"a\":{\"noop\":true,\"on_error\":{\"goto\":\"h\"}},\"h\":{\"noop\":true},"
			   "\"x\":{\"action\":\"x\",\"on_error\":{\"goto\":\"i\"},\"retry\":{\"max_attempts\":1}},"
			   "\"i\":{\"action\":\"x\",\"retry\":{\"max_attempts\":1}}},"
			   "\"exits\":[\"a\",\"h\",\"x\",\"i\"]}}}}}",
			   "[0,1]");
	answer(&b, "m:item_0:x", NULL);
	is(status(&b, "m:item_0:i"), "running", "a handler runs");
	answer(&b, "m:item_1:x", NULL);
	answer(&b, "m:item_1:i", NULL);
	is(status(&b, "m:item_0:i"), "skipped/upstream", "and is given up");
	fact(&b, PULSE_FACT_RETRY, NULL, NULL);
	is(status(&b, "m:item_0:i"), "running", "the handler runs again");
	is(status(&b, "m:item_0:x"), "skipped/error", "but not what it handles");
	is(status(&b, "m:item_0:h"), "skipped/upstream", "that of a node that went well stays skipped");
	close_bench(&b);
}

/*
 * A child run that is started and given up in a round that is over in the same step is not
 * started at all: its input may lie in the memory of the round, which is gone.
 */
static void
test_child_of_a_round(void)
{
	Bench b;
	const PulseCommand *start = NULL;

	open_bench(&b,
			   "{\"nodes\":{\"r\":{\"repeat\":{\"while\":\"$.round < 3\",\"max\":3,\"body\":{\"nodes\":{"
			   "\"c\":{\"on_error\":\"skip\",\"choose\":[{\"else\":{\"nodes\":{"
			   "\"v\":{\"pure\":{\"$\":\"$.round\"}},"
			   "\"w\":{\"workflow\":\"w\",\"after\":[\"v\"]},"
			   "\"y\":{\"pure\":{\"$\":\"$.input + 1\"},\"after\":[\"v\"]}}}}]}}}}}}}",
			   "{}");
	is(pulse_run_status_name(b.run->status), "completed", "three rounds in one step");
	ok(commands(&b, PULSE_CMD_CHILD) == 1 && commands(&b, PULSE_CMD_CHILD_CANCEL) == 1,
	   "the child of the last round is started and cancelled, the others are not started");
	for (int i = 0; i < b.step.n_commands; i++)
	{
		if (b.step.commands[i].kind == PULSE_CMD_CHILD)
			start = &b.step.commands[i];
	}
	is(start != NULL ? pulse_json_text(b.scratch, start->input) : NULL, "{\"r:iter_3:c:v\":3}", "its input can be read");
	is(start != NULL ? pulse_command_node(b.run, start) : NULL, "r:iter_3:c:w", "it is the one of the last round");
	close_bench(&b);
}

/*
 * What is put behind a node that only its error handler follows comes before no exit. What
 * collects waits for it all the same: a round must not go on to the next one, and what fails
 * must not find that its composite node has ended.
 */
static void
test_behind_a_guarded_node(void)
{
	static const char *const body =
		"{\"nodes\":{\"a\":{\"action\":\"x\",\"on_error\":{\"goto\":\"h\"}},\"h\":{\"noop\":true}}}";
	static const char *const rewrite =
		"{\"form\":\"append\",\"fragment\":{\"nodes\":{\"p\":{\"action\":\"x\",\"retry\":{\"max_attempts\":1}}}}}";
	Bench b;
	PulseArena *arena = pulse_arena_create(0);

	open_bench(&b, pulse_arena_printf(arena, "{\"nodes\":{\"r\":{\"repeat\":{\"while\":\"$.round < 2\",\"max\":2,\"body\":%s}}}}", body), "0");
	propose(&b, "r:iter_1:a", rewrite);
	is(status(&b, "r:iter_1:h"), "skipped/upstream", "all exits of a round have ended");
	is(status(&b, "r:iter_1:a:p"), "running", "but not all of it");
	is(status(&b, "r:out"), "pending", "so it is not over");
	pulse_state_derive(b.run);
	ok(!b.run->nodes[node(&b, "r:out")].ready, "nor when the run is loaded again");
	fact(&b, PULSE_FACT_SKIP, "r:out", "1");
	is(status(&b, "r:out"), "pending", "nor for an operator");
	answer(&b, "r:iter_1:a:p", "1");
	is(status(&b, "r:iter_2:a"), "running", "then the next one begins");
	answer(&b, "r:iter_2:a", "1");
	is(pulse_run_status_name(b.run->status), "completed", "and the run completes");
	close_bench(&b);

	open_bench(&b, pulse_arena_printf(arena, "{\"nodes\":{\"c\":{\"on_error\":\"skip\",\"choose\":[{\"else\":%s}]}}}", body), "0");
	propose(&b, "c:a", rewrite);
	answer(&b, "c:a:p", NULL);
	is(status(&b, "c:out"), "skipped/error", "a failure behind the exits ends the branch");
	is(pulse_run_status_name(b.run->status), "completed", "and the run completes");
	close_bench(&b);

	open_bench(&b, pulse_arena_printf(arena, "{\"nodes\":{\"m\":{\"map\":{\"over\":\"$.input\",\"tolerate\":0.5,\"max_parallel\":1,\"as\":%s}}}}", body), "[0,1]");
	answer(&b, "m:item_0:a", "1");
	propose(&b, "m:item_1:a", rewrite);
	is(status(&b, "m:out"), "pending", "a map waits as well");
	answer(&b, "m:item_1:a:p", NULL);
	is(b.run->output != NULL ? pulse_json_text(b.scratch, b.run->output) : NULL,
	   "[null,{\"error\":{\"class\":\"action\",\"message\":\"no\"}}]", "and has the failure in its result");
	close_bench(&b);
	pulse_arena_free(arena);
}

/* Records of this run as they would be stored. */
static void
keep_records(Bench *b, PulseGrowthRecord *records, int *n)
{
	for (int i = 0; i < b->step.n_commands; i++)
	{
		const PulseCommand *cmd = &b->step.commands[i];

		if (cmd->kind == PULSE_CMD_GROWTH && !cmd->growth->renewed)
			records[(*n)++] = *cmd->growth;
	}
}

/*
 * A proposal was rejected in a round and the node replaced then: when the run is loaded again
 * that record still belongs to the round, and goes with it.
 */
static void
test_rejected_and_replaced(void)
{
	static const char *const rewrite =
		"{\"form\":\"replace\",\"fragment\":{\"nodes\":{\"p\":{\"action\":\"x\"}}}}";
	static const char *const large =
		"{\"form\":\"replace\",\"fragment\":{\"nodes\":{\"p\":{\"noop\":true},\"q\":{\"noop\":true}}}}";
	PulseGrowthRecord records[8];
	PulseRunState *again;
	const char *why = NULL;
	int n = 0;
	bool found = false;
	Bench b;

	open_bench(&b,
			   "{\"nodes\":{\"r\":{\"repeat\":{\"while\":\"$.round < 2\",\"max\":2,\"body\":{\"nodes\":{"
			   "\"a\":{\"action\":\"x\"}}}}}},\"budget\":{\"nodes\":1}}",
			   "0");
	keep_records(&b, records, &n);
	propose(&b, "r:iter_1:a", large);
	keep_records(&b, records, &n);
	propose(&b, "r:iter_1:a", rewrite);
	keep_records(&b, records, &n);
	is(status(&b, "r:iter_1:a:p"), "running", "rejected once, then replaced");
	ok(n == 3 && !records[1].admitted && records[2].admitted, "three growths are on record");
	again = pulse_state_create(b.graph);
	ok(pulse_state_replay(again, records, n, b.scratch, &why), "the run can be loaded");
	for (int i = 0; again->graph->n_scopes == 1 && i < again->graph->scopes[0]->n_records; i++)
		found |= again->graph->scopes[0]->records[i] == records[1].id;
	ok(found, "the rejected one belongs to the round");
	pulse_state_free(again);
	close_bench(&b);
}

/* Rounds of many nodes and growths, all in a few steps: what they leave goes at linear cost. */
static void
test_large_rounds(void)
{
	StringInfoData list;
	int steps = 1;
	Bench b;

	initStringInfo(&list);
	for (int i = 0; i < 6000; i++)
		appendStringInfo(&list, "%s%d", i > 0 ? "," : "[", i);
	appendStringInfoString(&list, "]");
	open_bench(&b,
			   "{\"nodes\":{\"r\":{\"repeat\":{\"while\":\"$.round < 3\",\"max\":3,\"body\":{\"nodes\":{"
			   "\"m\":{\"map\":{\"over\":\"$.input\",\"max_items\":6000,\"as\":{\"nodes\":{"
			   "\"c\":{\"choose\":[{\"else\":{\"nodes\":{\"p\":{\"pure\":{\"$\":\"$.item\"}}}}}]}}}}}}}}}}}",
			   list.data);
	for (; !pulse_run_status_terminal(b.run->status) && steps < 100; steps++)
	{
		ok(commands(&b, PULSE_CMD_TIMER_SET) == 1, "step %d was cut, and goes on", steps);
		fact(&b, PULSE_FACT_START, NULL, NULL);
	}
	is(pulse_run_status_name(b.run->status), "completed", "all rounds");
	ok(steps > 3, "in more than three steps");
	ok(b.run->output != NULL && b.run->output->len == 6000, "with all results");
	ok(pulse_graph_size(b.run->graph) == 2 + 2 + 6000 * 3, "one round is in the graph");
	pfree(list.data);
	close_bench(&b);
}

int
main(void)
{
	test_skip_failed_map();
	test_retry_failed_map();
	test_retry_handlers();
	test_child_of_a_round();
	test_behind_a_guarded_node();
	test_rejected_and_replaced();
	test_large_rounds();
	return tap_done();
}
