/*
 * test_growth_steps.c
 *		Random runs that grow, their facts in random order, with deaths in between.
 *
 * Each graph is run several times: facts come one by one or several together, in whatever
 * order, and now and then all memory of the run is lost and made again of what the commands
 * of its steps have had stored.  What the nodes do depends on their ids only, and no failure ends
 * the run: so all of that commutes, and every run must end with the same statuses, outputs,
 * budget and graph.  After each step, what is stored must be what is in memory, and the
 * records of growth must give the graph.
 *
 * Usage: test_growth_steps [seed [graphs]]
 */
#include "postgres_fe.h"

#include "core/budget.h"
#include "core/graph_grow.h"
#include "core/replay.h"
#include "core/step.h"

#include "common/pg_prng.h"
#include "tap.h"

#define T0 INT64CONST(1700000000000000)
#define RUNS 5

static PulseArena *arena;
static pg_prng_state prng;	/* of the graphs */
static pg_prng_state order; /* of what happens when */
static uint64 salt;
static int n_bad;
static int current_graph;
static const char *current_text;

static void
bad(const char *what, const char *details)
{
	if (n_bad++ < 5)
		diag("graph %d: %s: %s\n# %s", current_graph, what, details, current_text);
}

static int
below(pg_prng_state *state, int n)
{
	return (int) (pg_prng_uint64(state) % (uint64) n);
}

static const PulseJson *
parse(const char *text)
{
	PulseDiag findings;
	const PulseJson *doc;

	pulse_diag_init(&findings, arena);
	doc = pulse_json_parse(arena, text, strlen(text), &findings);
	if (doc == NULL)
		bad("no JSON", text);
	return doc;
}

/*
 * ---------------------------------------------------------------------
 * Graphs
 * ---------------------------------------------------------------------
 */

static void
write_fragment(StringInfo buf, int depth, int n, bool item, bool round)
{
	static const char *const ids[] = { "a", "b", "c", "d", "e" };
	uint32 above[5];

	appendStringInfoString(buf, "{\"nodes\":{");
	for (int i = 0; i < n; i++)
	{
		int kind = below(&prng, depth < 3 ? 16 : 10);
		bool first = true;

		above[i] = 0;
		appendStringInfo(buf, "%s\"%s\":{\"after\":[", i > 0 ? "," : "", ids[i]);
		for (int k = 0; k < i; k++)
		{
			if (below(&prng, 2) == 0)
				continue;
			above[i] |= above[k] | (1U << k);
			appendStringInfo(buf, "%s\"%s\"", first ? "" : ",", ids[k]);
			first = false;
		}
		appendStringInfoString(buf, "],");
		if (below(&prng, 6) == 0)
			appendStringInfo(buf, "\"when\":\"%s\",", item ? "$.index < 1" : round ? "$.round < 2" : "$.input.n < 1");
		if (kind < 6)
			appendStringInfoString(buf, "\"action\":\"x\",\"on_error\":\"skip\",\"retry\":{\"jitter\":0}}");
		else if (kind == 6)
		{
			int k = i > 0 ? below(&prng, i) : 0;

			if (i > 0 && (above[i] & (1U << k)) != 0)
				appendStringInfo(buf, "\"pure\":{\"of\":{\"$\":\"$.nodes.%s\"}}}", ids[k]);
			else
				appendStringInfo(buf, "\"pure\":{\"$\":\"%s\"}}", item ? "$.item" : round ? "$.round" : "$.input");
		}
		else if (kind == 7)
			appendStringInfo(buf, "\"delay\":\"%d s\"}", below(&prng, 4));
		else if (kind == 8)
			appendStringInfoString(buf, "\"workflow\":\"w\",\"on_error\":\"skip\"}");
		else if (kind == 9)
			appendStringInfoString(buf, "\"noop\":true,\"on_skip\":\"run\"}");
		else if (kind < 12)
		{
			appendStringInfo(buf, "\"choose\":[{\"when\":\"%s\",\"then\":", item ? "$.index == 1" : "$.input.n == 1");
			write_fragment(buf, depth + 1, 1 + below(&prng, 2), item, round);
			if (kind == 11)
			{
				appendStringInfoString(buf, "},{\"else\":");
				write_fragment(buf, depth + 1, 1 + below(&prng, 2), item, round);
			}
			appendStringInfoString(buf, "}]}");
		}
		else if (kind < 14)
		{
			appendStringInfo(buf, "\"map\":{\"over\":\"$.input.%s\",", depth > 1 ? "two" : "three");
			if (below(&prng, 2) == 0)
				appendStringInfo(buf, "\"max_parallel\":%d,", 1 + below(&prng, 2));
			appendStringInfoString(buf, "\"as\":");
			write_fragment(buf, depth + 1, 1 + below(&prng, 3), true, round);
			appendStringInfoString(buf, "}}");
		}
		else
		{
			appendStringInfo(buf, "\"repeat\":{\"while\":\"$.round < %d\",\"max\":5,\"body\":", 1 + below(&prng, 3));
			write_fragment(buf, depth + 1, 1 + below(&prng, 3), item, true);
			appendStringInfoString(buf, "}}");
		}
	}
	appendStringInfoString(buf, "}}");
}

/*
 * ---------------------------------------------------------------------
 * A run, and what is stored of it
 * ---------------------------------------------------------------------
 */

typedef struct Row
{
	const char *id;
	PulseNodeState node; /* its columns */
	const PulseJson *memo;
} Row;

typedef enum PendingKind
{
	CALL,
	TIMER,
	SIGNAL,
	CHILD
} PendingKind;

/* Something that is going to happen. */
typedef struct Pending
{
	PendingKind kind;
	const char *id;
	int attempt;
	int64 due;
	PulseUuid activation;
	const char *signal;
} Pending;

#define MAX_ROWS 4000

typedef struct World
{
	const PulseGraph *base;
	const PulseJson *input;
	PulseRunState *run;
	int64 now;
	int n_rows;
	Row rows[MAX_ROWS];
	int n_records;
	PulseGrowthRecord records[MAX_ROWS];
	int n_pending;
	Pending pending[MAX_ROWS];
	int64 n_signals;
	pg_prng_state ids;
	PulseBudget left;
	int deaths;
	int steps;
} World;

static int
find(const World *w, const char *id)
{
	return pulse_graph_find(w->run->graph, id, strlen(id));
}

static Row *
find_row(World *w, const char *id)
{
	for (int i = 0; i < w->n_rows; i++)
	{
		if (strcmp(w->rows[i].id, id) == 0)
			return &w->rows[i];
	}
	return NULL;
}

static void
add_pending(World *w, PendingKind kind, const char *id, int attempt, int64 due)
{
	Pending *p = &w->pending[w->n_pending++];

	memset(p, 0, sizeof(*p));
	p->kind = kind;
	p->id = pulse_arena_strdup(arena, id);
	p->attempt = attempt;
	p->due = due;
}

static void
drop_pending(World *w, PendingKind kind, const char *id)
{
	int n = 0;

	for (int i = 0; i < w->n_pending; i++)
	{
		if (w->pending[i].kind != kind || (id != NULL && strcmp(w->pending[i].id, id) != 0))
			w->pending[n++] = w->pending[i];
	}
	w->n_pending = n;
}

/* What is stored is nobody else's memory. */
static const PulseJson *
own(const PulseJson *value)
{
	return value == NULL ? NULL : pulse_json_copy(arena, value);
}

static void
store_node(World *w, const PulseCommand *cmd)
{
	const char *id = pulse_command_node(w->run, cmd);
	int at = find(w, id);
	Row *row = find_row(w, id);

	if (at < 0)
	{
		bad("a row is written of a node that is gone", id);
		return;
	}
	if (row == NULL)
	{
		row = &w->rows[w->n_rows++];
		row->id = pulse_arena_strdup(arena, id);
	}
	row->node = w->run->nodes[at];
	if (pulse_status_has_output(row->node.status) && row->node.output == NULL)
		bad("an output is not in memory when it is to be written", id);
	row->memo = own(pulse_state_memo(&row->node, arena));
	row->node.output = own(row->node.output);
	row->node.error = own(row->node.error);
	w->run->nodes[at].dirty = false;
	w->run->nodes[at].has_row = true;
}

static void
delete_row(World *w, const char *id)
{
	Row *row = find_row(w, id);

	if (row == NULL)
		bad("no row to delete", id);
	else
		*row = w->rows[--w->n_rows];
	if (find(w, id) >= 0)
		bad("the row of a node that is there is deleted", id);
}

static void
store_growth(World *w, const PulseGrowthRecord *growth)
{
	PulseGrowthRecord *old = NULL;

	for (int i = 0; i < w->n_records; i++)
	{
		if (w->records[i].id == growth->id)
			old = &w->records[i];
	}
	if (growth->renewed != (old != NULL))
		bad("a growth that is new, or one that is not", growth->anchor);
	if (old == NULL)
	{
		old = &w->records[w->n_records++];
		*old = *growth;
		old->anchor = pulse_arena_strdup(arena, growth->anchor);
		old->rewrite = own(growth->rewrite);
		old->budget_after = own(growth->budget_after);
	}
	old->revision = growth->revision;
	old->detail = own(growth->detail);
	old->hash = growth->hash == NULL ? NULL : pulse_arena_strdup(arena, growth->hash);
	if (growth->budget_after != NULL)
		old->budget_after = own(growth->budget_after);
}

static void
forget_growth(World *w, int id)
{
	for (int i = 0; i < w->n_records; i++)
	{
		if (w->records[i].id == id)
		{
			w->records[i] = w->records[--w->n_records];
			return;
		}
	}
	bad("no growth to forget", pulse_arena_printf(arena, "%d", id));
}

static void
store(World *w, const PulseStep *step)
{
	/* what is deleted first: a later command may be about a node of the same id */
	for (int i = 0; i < step->n_commands; i++)
	{
		const PulseCommand *cmd = &step->commands[i];
		const char *id = cmd->node >= 0 || cmd->id != NULL ? pulse_command_node(w->run, cmd) : "";

		switch (cmd->kind)
		{
			case PULSE_CMD_NODE:
				store_node(w, cmd);
				break;
			case PULSE_CMD_NODE_GONE:
				delete_row(w, id);
				break;
			case PULSE_CMD_GROWTH:
				store_growth(w, cmd->growth);
				break;
			case PULSE_CMD_GROWTH_GONE:
				forget_growth(w, cmd->number);
				break;
			case PULSE_CMD_DISPATCH:
				add_pending(w, CALL, id, cmd->attempt, 0);
				break;
			case PULSE_CMD_ABORT:
				drop_pending(w, CALL, id);
				break;
			case PULSE_CMD_TIMER_SET:
				add_pending(w, TIMER, id, 0, cmd->due);
				break;
			case PULSE_CMD_TIMER_CLEAR:
				drop_pending(w, TIMER, id);
				break;
			case PULSE_CMD_CHILD:
				add_pending(w, CHILD, id, 0, 0);
				w->pending[w->n_pending - 1].activation = cmd->activation;
				break;
			default:
				break;
		}
	}
}

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

/* Memory and store agree, and the records give the graph. */
static void
check(World *w)
{
	const PulseGraph *graph = w->run->graph;
	const char *why = NULL;
	PulseGraph *again;
	int n_rows = 0;

	pulse_graph_settle(graph);
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		int at = pulse_graph_at_rank(graph, i);
		const PulseNodeState *n = &w->run->nodes[at];
		const Row *row = find_row(w, graph->nodes[at]->id);

		n_rows += row != NULL;
		if (row == NULL && (n->status != PULSE_PENDING || n->attempt != 0))
			bad("nothing is stored of", graph->nodes[at]->id);
		if (row != NULL && (row->node.status != n->status || row->node.reason != n->reason ||
							row->node.attempt != n->attempt || row->node.due != n->due))
			bad("stored is something else",
				pulse_arena_printf(arena, "%s: %s %s, attempt %d, not %s %s, attempt %d", graph->nodes[at]->id,
								   pulse_status_name(row->node.status), row->node.reason ? pulse_reason_name(row->node.reason) : "",
								   row->node.attempt, pulse_status_name(n->status),
								   n->reason ? pulse_reason_name(n->reason) : "", n->attempt));
		if (n->dirty)
			bad("still dirty", graph->nodes[at]->id);
	}
	if (n_rows != w->n_rows)
		bad("rows are left of nodes that are gone", "");
	for (int d = 0; d < PULSE_BUDGET_DIMS; d++)
	{
		int64 now = *pulse_budget_dim(&w->run->budget, d);

		if (now < 0 || now > *pulse_budget_dim(&w->left, d))
			bad("budget refunded or overdrawn", pulse_budget_dim_name(d));
	}
	w->left = w->run->budget;
	again = pulse_graph_replay(w->base, w->records, w->n_records, -1, arena, &why);
	if (again == NULL)
		bad("replay", why);
	else if (strcmp(again->hash, graph->hash) != 0)
		bad("replay", "another graph");
	pulse_graph_free(again);
	for (int i = 0; i < w->n_records; i++)
	{
		if (w->records[i].admitted && w->records[i].revision == w->run->revision &&
			(w->records[i].hash == NULL || strcmp(w->records[i].hash, graph->hash) != 0))
			bad("the hash on record", w->records[i].anchor);
	}
}

/* What the kernel asks for is in the rows. */
static void
supply(World *w, const PulseStep *step)
{
	for (int i = 0; i < step->n_need; i++)
	{
		PulseNodeState *n = &w->run->nodes[step->need[i]];
		const Row *row = find_row(w, w->run->graph->nodes[step->need[i]]->id);

		n->output = row != NULL ? row->node.output : n->output;
		n->error = row != NULL ? row->node.error : n->error;
		if (n->error == NULL && n->status == PULSE_SKIPPED)
			n->error = &pulse_json_null;
	}
}

static void
feed(World *w, PulseFact *facts, int n)
{
	PulseStep step = { 0 };
	PulseStepResult result;

	step.scratch = arena;
	step.now = w->now;
	step.prng = &w->ids;
	step.max_expr_steps = PULSE_EXPR_MAX_STEPS;
	step.action = action_info;
	step.workflow = workflow_info;
	result = pulse_step(&step, w->run, facts, n);
	while (result == PULSE_STEP_NEED)
	{
		supply(w, &step);
		result = pulse_step_continue(&step, w->run);
	}
	if (result == PULSE_STEP_STUCK)
		bad("stuck", step.stuck);
	store(w, &step);
	w->steps++;
	check(w);
}

static PulseRunState *
new_state(const World *w)
{
	PulseRunState *run = pulse_state_create(w->base);

	run->submitted_at = T0;
	run->tenant = "t";
	run->workflow = "g";
	run->input = w->input;
	return run;
}

/* All memory is lost; the state is made of what is stored. */
static void
die(World *w)
{
	PulseFact recover = { .kind = PULSE_FACT_RECOVER, .node = -1, .at = w->now };
	int64 started = w->run->started_at;
	const char *why = NULL;

	pulse_state_free(w->run);
	w->run = new_state(w);
	w->run->started_at = started;
	if (!pulse_state_replay(w->run, w->records, w->n_records, arena, &why))
	{
		bad("the state cannot be made again", why);
		return;
	}
	for (int i = 0; i < w->n_rows; i++)
	{
		int at = find(w, w->rows[i].id);
		const PulseNodeState *row = &w->rows[i].node;
		PulseNodeState *n;

		if (at < 0)
		{
			bad("a row of no node", w->rows[i].id);
			return;
		}
		n = &w->run->nodes[at];
		n->status = row->status;
		n->reason = row->reason;
		n->has_row = true;
		n->attempt = row->attempt;
		n->tries = row->tries;
		n->has_activation = row->has_activation;
		n->activation = row->activation;
		n->outcome_unknown = row->outcome_unknown;
		n->started_at = row->started_at;
		n->ended_at = row->ended_at;
		n->due = row->due;
		n->total_deadline = row->total_deadline;
		if (w->rows[i].memo != NULL)
			pulse_state_memo_read(n, w->rows[i].memo, w->run->arena);
	}
	pulse_state_derive(w->run);
	why = pulse_state_violation(w->run, arena);
	if (why != NULL)
		bad("what is stored is no state", why);
	drop_pending(w, CALL, NULL);
	w->deaths++;
	feed(w, &recover, 1);
}

/*
 * ---------------------------------------------------------------------
 * What nodes do
 * ---------------------------------------------------------------------
 */

static uint64
nature(const char *id)
{
	uint64 h = UINT64CONST(14695981039346656037) ^ salt;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char) *id) * UINT64CONST(1099511628211);
	return h ^ (h >> 29);
}

static const char *
fragment_of(uint64 h)
{
	static const char *const fragments[] = {
		"{\"nodes\":{\"p\":{\"action\":\"x\",\"on_error\":\"skip\"}}}",
		"{\"nodes\":{\"p\":{\"action\":\"x\",\"on_error\":\"skip\"},\"q\":{\"action\":\"x\",\"on_error\":\"skip\"},"
		"\"r\":{\"noop\":true,\"after\":[\"p\",\"q\"],\"on_skip\":\"run\"}}}",
		"{\"nodes\":{\"p\":{\"map\":{\"over\":\"$.input.two\",\"as\":{\"nodes\":{\"a\":{\"action\":\"x\",\"on_error\":\"skip\"}}}}},"
		"\"q\":{\"pure\":{\"$\":\"$.nodes.p\"},\"after\":[\"p\"]}}}",
		"{\"nodes\":{\"p\":{\"repeat\":{\"while\":\"$.round < 2\",\"max\":2,\"body\":{\"nodes\":{\"a\":{\"action\":\"x\",\"on_error\":\"skip\"}}}}}}}",
		"{\"nodes\":{\"p:\":{\"noop\":true}}}"
	};

	return fragments[h % lengthof(fragments)];
}

/* The answer of a call: by the id of its node, and what it was told. */
static void
answer(World *w, const Pending *p, PulseFact *fact)
{
	static const char *const forms[] = { "replace", "retain", "append" };
	PulseOutcome *o = pulse_arena_zalloc(arena, sizeof(PulseOutcome));
	uint64 h = nature(p->id);
	int what = (int) (h % 12);
	const PulseNodeState *n = &w->run->nodes[fact->node];

	fact->kind = PULSE_FACT_OUTCOME;
	fact->outcome = o;
	o->kind = PULSE_OUTCOME_SUCCEEDED;
	o->attempt = p->attempt;
	o->output = parse(pulse_arena_printf(arena, "{\"of\":\"%s\"}", p->id));
	if (what <= 2 && strlen(p->id) < 40)
	{
		o->stage = PULSE_STAGE_REWRITE;
		o->rewrite = parse(pulse_arena_printf(arena, "{\"form\":\"%s\",\"fragment\":%s}", forms[what], fragment_of(h >> 8)));
	}
	else if (what == 3)
	{
		o->stage = PULSE_STAGE_SUSPEND;
		o->output = NULL;
		o->signal = pulse_arena_printf(arena, "s %s", p->id);
	}
	else if (what == 4 && n->rejection == NULL)
		o->stage = PULSE_STAGE_REJECT;
	else if (what == 5 || (what == 6 && p->attempt == 1))
	{
		o->kind = PULSE_OUTCOME_FAILED;
		o->output = NULL;
		o->class = "action";
		o->retryable = what == 6;
		o->error = parse("{\"class\":\"action\",\"message\":\"no\"}");
	}
}

/* Makes the fact of something that happens now; false: it means nothing any more. */
static bool
happen(World *w, const Pending *p, PulseFact *fact)
{
	char uuid[64];
	bool of_run = p->id[0] == '\0';

	memset(fact, 0, sizeof(*fact));
	fact->node = of_run ? -1 : find(w, p->id);
	if (!of_run && fact->node < 0)
	{
		bad("something happens to a node that is gone", p->id);
		return false;
	}
	switch (p->kind)
	{
		case CALL:
			answer(w, p, fact);
			break;
		case TIMER:
			w->now = Max(w->now, p->due);
			fact->kind = of_run ? PULSE_FACT_START : PULSE_FACT_TIMER;
			fact->due = p->due;
			break;
		case SIGNAL:
			fact->node = -1;
			fact->kind = PULSE_FACT_SIGNAL;
			fact->signal_seq = ++w->n_signals;
			fact->signal_id = pulse_arena_printf(arena, INT64_FORMAT, w->n_signals);
			fact->signal_name = p->signal;
			fact->payload = parse("\"signal\"");
			break;
		case CHILD:
			fact->kind = PULSE_FACT_CHILD;
			fact->payload = parse(pulse_arena_printf(arena,
													 nature(p->id) % 4 == 0 ? "{\"run\":\"%s\",\"status\":\"failed\",\"error\":{\"class\":\"action\",\"message\":\"no\"}}"
																			: "{\"run\":\"%s\",\"status\":\"completed\",\"output\":\"child\"}",
													 pulse_uuid_text(&p->activation, uuid)));
			break;
	}
	fact->at = w->now;
	return true;
}

/* Nodes that wait for a signal that nobody has announced yet. */
static void
announce_signals(World *w)
{
	for (int i = 0; i < w->run->graph->n_nodes; i++)
	{
		const PulseNode *def = w->run->graph->nodes[i];
		bool known = false;

		if (!pulse_node_exists(def) || w->run->nodes[i].status != PULSE_WAITING ||
			w->run->nodes[i].reason != PULSE_REASON_SIGNAL)
			continue;
		for (int k = 0; k < w->n_pending; k++)
			known |= w->pending[k].kind == SIGNAL && strcmp(w->pending[k].id, def->id) == 0;
		if (known)
			continue;
		add_pending(w, SIGNAL, def->id, 0, 0);
		w->pending[w->n_pending - 1].signal = pulse_arena_strdup(arena, pulse_state_awaited(w->run, i));
	}
}

static void
play(World *w, bool deaths)
{
	PulseFact start = { .kind = PULSE_FACT_START, .node = -1, .at = w->now };

	feed(w, &start, 1);
	while (n_bad == 0 && !pulse_run_status_terminal(w->run->status))
	{
		PulseFact facts[4];
		int wanted = 1 + below(&order, 4);
		int n = 0;

		if (deaths && below(&order, 4) == 0)
		{
			die(w);
			continue;
		}
		announce_signals(w);
		if (w->n_pending == 0)
		{
			bad("nothing is going to happen", "");
			break;
		}
		while (n < wanted && w->n_pending > 0)
		{
			int k = below(&order, w->n_pending);
			Pending p = w->pending[k];

			w->pending[k] = w->pending[--w->n_pending];
			n += happen(w, &p, &facts[n]);
		}
		if (n > 0)
			feed(w, facts, n);
		if (w->steps > 5000)
			bad("the run does not end", "");
	}
}

/* Everything that must be the same whatever the order was. */
static const char *
dump(const World *w)
{
	const PulseGraph *graph = w->run->graph;
	StringInfoData buf;
	const char *text;

	pulse_graph_settle(graph);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s %s %s %s", pulse_run_status_name(w->run->status),
					 w->run->output ? pulse_json_text(arena, w->run->output) : "none", graph->hash,
					 pulse_json_text(arena, pulse_budget_json(&w->run->budget, arena)));
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		int at = pulse_graph_at_rank(graph, i);
		const Row *row = find_row((World *) w, graph->nodes[at]->id);

		appendStringInfo(&buf, "\n# %s %s %s %s", graph->nodes[at]->id, pulse_status_name(w->run->nodes[at].status),
						 pulse_reason_name(w->run->nodes[at].reason) ? pulse_reason_name(w->run->nodes[at].reason) : "",
						 row != NULL && row->node.output != NULL ? pulse_json_text(arena, row->node.output) : "none");
	}
	text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	return text;
}

typedef struct Tally
{
	int steps;
	int deaths;
	int growths;
	int largest;
} Tally;

static void
random_graph(int number, Tally *tally)
{
	static World w;
	const char *first = NULL;
	PulseDiag findings;
	PulseGraph *base;
	StringInfoData buf;

	initStringInfo(&buf);
	write_fragment(&buf, 0, 1 + below(&prng, 5), false, false);
	current_text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	salt = pg_prng_uint64(&prng);
	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(parse(current_text), PULSE_GRAPH_DEFINE, &findings);
	if (base == NULL)
	{
		bad(findings.items[0].path, findings.items[0].message);
		return;
	}
	base->budget_given = true;
	base->budget = (PulseBudget){ 1000000, 1000000, 1000000, 1000000, 1000000 };
	for (int i = 0; i < RUNS && n_bad == 0; i++)
	{
		const char *ended;

		memset(&w, 0, offsetof(World, rows));
		w.n_records = w.n_pending = w.deaths = w.steps = 0;
		w.n_signals = 0;
		w.base = base;
		w.input = parse("{\"n\":1,\"two\":[1,2],\"three\":[1,\"x\",null]}");
		w.now = T0;
		w.left = base->budget;
		pg_prng_seed(&w.ids, 42);
		w.run = new_state(&w);
		play(&w, i > RUNS / 2);
		ended = dump(&w);
		if (first == NULL)
			first = ended;
		else if (n_bad == 0 && strcmp(first, ended) != 0)
			bad("another order gives something else", pulse_arena_printf(arena, "%s\n# instead of\n# %s", ended, first));
		if (w.run->status != PULSE_RUN_COMPLETED && n_bad == 0)
			bad("not completed", w.run->error != NULL ? pulse_json_text(arena, w.run->error) : "");
		tally->steps += w.steps;
		tally->deaths += w.deaths;
		tally->growths += w.n_records;
		tally->largest = Max(tally->largest, pulse_graph_size(w.run->graph));
		pulse_state_free(w.run);
	}
	pulse_graph_free(base);
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int graphs = argc > 2 ? atoi(argv[2]) : 2000;
	Tally tally = { 0 };

	diag("seed %llu, %d graphs", (unsigned long long) seed, graphs);
	for (current_graph = 0; current_graph < graphs && n_bad == 0; current_graph++)
	{
		/* each by itself: test_growth_steps SEED + N 1 repeats the Nth */
		pg_prng_seed(&prng, seed + (uint64) current_graph);
		pg_prng_seed(&order, ~(seed + (uint64) current_graph));
		arena = pulse_arena_create(0);
		random_graph(current_graph, &tally);
		pulse_arena_free(arena);
	}
	diag("%d steps, %d deaths, %d growths; up to %d nodes", tally.steps, tally.deaths, tally.growths, tally.largest);
	is_int(n_bad, 0, "facts in any order, with deaths in between, come to the same");
	ok(tally.deaths > graphs && tally.growths > graphs, "of everything enough");
	return tap_done();
}
