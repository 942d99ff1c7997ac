/*
 * growth_world.h
 *		A run in the hands of a test: its state, what is stored of it, what is going to happen.
 *
 * Header only, part of test_growth_steps.c.  The store is vectors; all of it can be taken for
 * the only thing that is left (die), as after the death of a worker.
 */
#ifndef PULSE_TEST_GROWTH_WORLD_H
#define PULSE_TEST_GROWTH_WORLD_H

#include "core/budget.h"
#include "core/graph_grow.h"
#include "core/replay.h"
#include "core/step.h"

#include "common/pg_prng.h"
#include "tap.h"

#define T0 INT64CONST(1700000000000000)

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
	CHILD,
	CHILD_CANCELLED,
	LATE /* of a call that was aborted */
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
	int64 last_signal;
	int n_signals; /* accepted, and not settled */
	PulseSignal signals[MAX_ROWS];
	PulseRunStatus status;
	pg_prng_state ids;
	PulseBudget left;
	int deaths;
	int operations;
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
settle_signal(World *w, const char *id)
{
	for (int i = 0; i < w->n_signals; i++)
	{
		if (strcmp(w->signals[i].id, id) == 0)
		{
			w->signals[i] = w->signals[--w->n_signals];
			return;
		}
	}
	bad("a signal is settled that nobody has sent", id);
}

/* What becomes of a child that is to be cancelled: its parent hears of it, some time. */
static void
cancel_child(World *w, const PulseUuid *activation)
{
	for (int i = 0; i < w->n_pending; i++)
	{
		if (w->pending[i].kind == CHILD && memcmp(&w->pending[i].activation, activation, sizeof(*activation)) == 0)
			w->pending[i].kind = CHILD_CANCELLED;
	}
}

/* The answer of a call that was aborted comes all the same, or does not. */
static void
abort_call(World *w, const char *id)
{
	int n = 0;

	for (int i = 0; i < w->n_pending; i++)
	{
		Pending p = w->pending[i];

		if (p.kind == CALL && strcmp(p.id, id) == 0)
		{
			if (below(&order, 2) == 0)
				continue;
			p.kind = LATE;
		}
		w->pending[n++] = p;
	}
	w->n_pending = n;
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
				abort_call(w, id);
				break;
			case PULSE_CMD_SIGNAL:
				settle_signal(w, cmd->signal_id);
				break;
			case PULSE_CMD_CHILD_CANCEL:
				cancel_child(w, &cmd->activation);
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
	w->status = w->run->status;
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
	w->run->status = w->status;
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
	for (int i = 0; i < w->n_signals; i++)
		pulse_state_add_signal(w->run, w->signals[i].seq, w->signals[i].id, w->signals[i].name, w->signals[i].payload);
	pulse_state_derive(w->run);
	why = pulse_state_violation(w->run, arena);
	if (why != NULL)
		bad("what is stored is no state", why);
	drop_pending(w, CALL, NULL);
	w->deaths++;
	feed(w, &recover, 1);
}

#endif
