/*
 * local.c
 *		Runs in memory: drives the step function until nothing is left to do.
 *
 * Owns the queue of calls and the virtual clock (what is due is local_event.c's).  It
 * decides nothing about the graph: whatever happens to a node is folded by pulse_step, as
 * in a durable run.  The run asked for and all that belongs to the whole live in the
 * arena of its state; a child run has an arena of its own, which goes when it ends.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/budget.h"
#include "core/graph_lower.h"
#include "core/local_private.h"
#include "core/step_private.h"

/* What a timed out attempt takes where no timeout is given. */
#define DEFAULT_TIMEOUT INT64CONST(30000000)

/* No virtual clock goes further than this. */
#define MAX_ELAPSED		(INT64CONST(1000) * 366 * 86400 * 1000000)

bool
pulse_local_stopped(PulseLocalRun *r)
{
	const PulseLocalHost *host = r->local->host;

	if (r->local->interrupt != NULL)
		r->local->interrupt();
	if (host != NULL && host->interrupted != NULL && host->interrupted(host->arg))
		r->interrupted = true;
	return r->interrupted || r->error != NULL;
}

/*
 * ---------------------------------------------------------------------
 * Steps
 * ---------------------------------------------------------------------
 */

/* config of the graph, overridden key by key by that of the node. */
static const PulseJson *
merged_config(PulseLocalUnit *unit, const PulseNode *node)
{
	const PulseJson *general = unit->state->graph->config;
	PulseJsonPair *pairs;
	uint32		n;

	if (node->config == NULL && general == NULL)
		return pulse_json_object(unit->arena, pulse_arena_alloc(unit->arena, 0), 0);
	if (node->config == NULL || general == NULL)
		return node->config ? node->config : general;
	n = general->len + node->config->len;
	pairs = pulse_arena_alloc(unit->arena, sizeof(*pairs) * (n + 1));
	memcpy(pairs, general->u.pairs, sizeof(*pairs) * general->len);
	memcpy(pairs + general->len, node->config->u.pairs, sizeof(*pairs) * node->config->len);
	return pulse_json_object(unit->arena, pairs, n);
}

static void
queue_call(PulseLocalUnit *unit, const PulseCommand *cmd)
{
	PulseLocalRun *r = unit->all;
	int			number = pulse_local_number(unit->state, cmd);
	const PulseNode *node;
	const PulseNodeState *n;
	const PulseScope *item;
	const PulseScope *round;
	PulseLocalCall *call;

	if (number < 0)
		return;					/* it was taken back in the same step */
	node = unit->state->graph->nodes[number];
	n = &unit->state->nodes[number];
	item = pulse_scope_of(node, PULSE_SCOPE_ITEM);
	round = pulse_scope_of(node, PULSE_SCOPE_ROUND);
	call = pulse_arena_zalloc(r->arena, sizeof(*call));
	call->unit = unit;
	call->run = unit->state;
	call->node = number;
	call->node_id = pulse_arena_strndup(r->arena, node->id, node->id_len);
	call->action = node->name;
	call->attempt = cmd->attempt;
	call->activation = cmd->activation;
	call->input = cmd->input;
	call->config = merged_config(unit, node);
	call->rejection = n->rejection;
	call->item = item ? item->item : NULL;
	call->index = item ? pulse_json_int(r->arena, item->index) : NULL;
	call->round = round ? pulse_json_int(r->arena, round->index) : NULL;
	call->timeout = node->timeout;
	if (n->total_deadline != 0)
	{
		int64		left = Max(n->total_deadline - r->now, 1000);

		call->timeout = call->timeout > 0 ? Min(call->timeout, left) : left;
	}
	call->bound = pulse_local_bindings_find(r->local->bindings, node->name) >= 0;
	call->at = r->now;

	if (r->head == r->n_calls)
		r->head = r->n_calls = 0;
	if (r->n_calls == r->cap_calls)
	{
		int			cap = Max(8, r->cap_calls * 2);

		r->calls = pulse_arena_grow(r->arena, r->calls,
									sizeof(call) * (size_t) r->n_calls,
									sizeof(call) * (size_t) cap);
		r->cap_calls = cap;
	}
	r->calls[r->n_calls++] = call;
}

static void
set_timer(PulseLocalUnit *unit, const PulseCommand *cmd)
{
	PulseLocalEvent event = {cmd->due};

	event.unit = unit;
	event.index = cmd->node;
	if (cmd->node >= 0)
	{
		event.index = pulse_local_number(unit->state, cmd);
		if (event.index < 0)
			return;
		event.kind = PULSE_LOCAL_TIMER;
		event.id = pulse_arena_strdup(unit->all->arena, unit->state->graph->nodes[event.index]->id);
	}
	else if (cmd->timer == PULSE_TIMER_DEADLINE)
		event.kind = PULSE_LOCAL_DEADLINE;
	else
		return;
	pulse_local_push(unit->all, event);
}

/* Does what the commands of a step say; true: the step was cut short and is to go on. */
static bool
obey(PulseLocalUnit *unit)
{
	PulseStep  *step = &unit->step;
	bool		again = false;
	int			number;

	for (int i = 0; i < step->n_commands; i++)
	{
		const PulseCommand *cmd = &step->commands[i];

		switch (cmd->kind)
		{
			case PULSE_CMD_NODE:
				number = pulse_local_number(unit->state, cmd);
				if (number >= 0)
					unit->state->nodes[number].dirty = false;
				break;
			case PULSE_CMD_DISPATCH:
				queue_call(unit, cmd);
				break;
			case PULSE_CMD_TIMER_SET:
			case PULSE_CMD_TIMER_CLEAR:
				if (cmd->timer == PULSE_TIMER_CONTINUE && cmd->node < 0)
					again = cmd->kind == PULSE_CMD_TIMER_SET;
				else if (cmd->kind == PULSE_CMD_TIMER_SET)
					set_timer(unit, cmd);
				break;
			case PULSE_CMD_GROWTH:
				if (unit->parent == NULL)
					pulse_local_note_growth(unit->all, cmd->growth);
				break;
			case PULSE_CMD_GROWTH_GONE:
				if (unit->parent == NULL)
					pulse_local_forget_growth(unit->all, cmd->number);
				break;
			case PULSE_CMD_CHILD:
				pulse_local_child_begin(unit, cmd);
				break;
			case PULSE_CMD_CHILD_CANCEL:
				pulse_local_child_cancel(unit, &cmd->activation);
				break;
			default:			/* rows and records, of which there are none */
				break;
		}
	}
	return again;
}

/* What the kernel would have loaded from rows; here all of it is in memory already. */
static void
supply(PulseLocalUnit *unit)
{
	for (int i = 0; i < unit->step.n_need; i++)
	{
		PulseNodeState *n = &unit->state->nodes[unit->step.need[i]];

		if (n->status == PULSE_SKIPPED && n->error == NULL)
			n->error = &pulse_json_null;
	}
}

void
pulse_local_fold(PulseLocalUnit *unit, PulseFact *facts, int n)
{
	PulseLocalRun *r = unit->all;
	PulseStep  *step = &unit->step;
	PulseFact	go_on;
	bool		again;

	do
	{
		PulseStepResult result;

		step->now = r->now;
		step->n_commands = 0;
		step->n_need = 0;
		result = pulse_step(step, unit->state, facts, n);
		while (result == PULSE_STEP_NEED)
		{
			supply(unit);
			result = pulse_step_continue(step, unit->state);
		}
		if (result == PULSE_STEP_STUCK)
			r->error = pulse_step_error(&r->root->step, "stuck", "%s", step->stuck);
		if (r->options->trace)
			pulse_local_trace_step(unit);
		again = obey(unit) && !pulse_run_status_terminal(unit->state->status);
		if (r->options->trace)
			pulse_local_trace_run(unit);

		memset(&go_on, 0, sizeof(go_on));
		go_on.kind = PULSE_FACT_START;
		go_on.node = -1;
		go_on.at = r->now;
		facts = &go_on;
		n = 1;
	} while (again && !pulse_local_stopped(r));
	if (unit->parent != NULL && pulse_run_status_terminal(unit->state->status))
		pulse_local_child_end(unit);
}

static void
signal_fact(PulseLocalRun *r, int index, PulseFact *fact)
{
	const PulseLocalSignal *s = &r->local->signals->items[index];

	memset(fact, 0, sizeof(*fact));
	fact->kind = PULSE_FACT_SIGNAL;
	fact->node = -1;
	fact->at = r->now;
	fact->signal_seq = index + 1;
	fact->signal_id = pulse_arena_printf(r->arena, "%d", index);
	fact->signal_name = s->name;
	fact->payload = s->payload;
}

static void
event_fact(const PulseLocalEvent *event, PulseFact *fact)
{
	PulseLocalRun *r = event->unit->all;

	if (event->kind == PULSE_LOCAL_SIGNAL)
	{
		signal_fact(r, event->index, fact);
		return;
	}
	memset(fact, 0, sizeof(*fact));
	fact->node = event->index;
	fact->at = r->now;
	switch (event->kind)
	{
		case PULSE_LOCAL_TIMER:
			fact->kind = PULSE_FACT_TIMER;
			fact->due = event->at;
			break;
		case PULSE_LOCAL_OUTCOME:
			fact->kind = PULSE_FACT_OUTCOME;
			fact->outcome = &event->call->outcome;
			break;
		case PULSE_LOCAL_CHILD_ENDED:
			fact->kind = PULSE_FACT_CHILD;
			fact->payload = event->payload;
			break;
		default:
			fact->kind = PULSE_FACT_DEADLINE;
			break;
	}
}

/* Folds the events of one unit and time, the first of which is given. */
static void
fold_events(const PulseLocalEvent *due, int first)
{
	PulseLocalUnit *unit = due[first].unit;
	PulseFact	few[8];
	PulseFact  *facts = few;
	int			n = 0;

	if (unit->n_due > (int) lengthof(few))
		facts = pulse_arena_alloc(unit->all->arena, sizeof(PulseFact) * (size_t) unit->n_due);
	for (int i = first; i >= 0; i = due[i].next)
	{
		/* what was folded before may have overtaken it */
		if (pulse_local_event_holds(&due[i]))
			event_fact(&due[i], &facts[n++]);
	}
	if (n > 0)
		pulse_local_fold(unit, facts, n);
}

/* Puts the event, which is at a place in a list, behind the others of its unit. */
static void
chain_event(PulseLocalEvent *due, int place, int64 turn)
{
	PulseLocalUnit *unit = due[place].unit;

	due[place].next = -1;
	if (unit->due_turn != turn)
	{
		unit->due_turn = turn;
		unit->n_due = 0;
	}
	else
		due[unit->last_due].next = place;
	unit->last_due = place;
	unit->n_due++;
}

/* Moves the clock to what is due next and folds all of that time; false: nothing is. */
static bool
advance(PulseLocalRun *r)
{
	PulseLocalEvent few[8];
	PulseLocalEvent *due = few;
	int			cap = lengthof(few);
	int			n = 0;

	r->turn++;
	while (r->n_events > 0 && (n == 0 || r->events[0].at <= r->now))
	{
		PulseLocalEvent event = pulse_local_pop(r);

		if (!pulse_local_event_holds(&event))
			continue;
		if (event.at - r->options->now > MAX_ELAPSED)
		{
			r->error = pulse_step_error(&r->root->step, "local", "the virtual clock would pass 1000 years");
			return true;
		}
		r->now = Max(r->now, event.at);
		if (n == cap)
		{
			due = pulse_arena_grow(r->arena, due, sizeof(event) * (size_t) n,
								   sizeof(event) * (size_t) cap * 2);
			cap *= 2;
		}
		due[n] = event;
		chain_event(due, n++, r->turn);
	}
	for (int i = 0; i < n; i++)
	{
		PulseLocalUnit *unit = due[i].unit;

		if (unit->over || unit->due_turn != r->turn)
			continue;			/* folded with the first of its unit */
		unit->due_turn = 0;
		if (due[i].kind == PULSE_LOCAL_START)
			pulse_local_child_start(unit);
		else
			fold_events(due, i);
		if (i % 64 == 63 && pulse_local_stopped(r))
			break;
	}
	return n > 0;
}

/*
 * ---------------------------------------------------------------------
 * Calls
 * ---------------------------------------------------------------------
 */

static PulseActionInfo
action_info(void *arg, const char *name)
{
	PulseActionInfo info = {true, NULL, NULL};

	return info;
}

/* Fills the outcome of the first call in the queue; false: the host gave up. */
static bool
get_answer(PulseLocalRun *r, PulseLocalCall *call)
{
	const PulseLocalHost *host = r->local->host;
	PulseArena *arena = call->unit->arena;

	if (call->bound)
	{
		PulseLocalRequest request = {call->action, call->node_id, call->attempt, call->input,
									  call->config, call->rejection, call->item, call->index, call->round };

		pulse_local_bindings_answer(r->local->bindings,
									pulse_local_bindings_find(r->local->bindings, call->action),
									r->cursors, &request, r->options, arena, &call->outcome);
	}
	else if (host != NULL && host->knows(host->arg, call->action))
	{
		if (!host->answer(host->arg, r->calls + r->head, r->n_calls - r->head, arena))
			return false;
	}
	else
		pulse_local_outcome_error(arena, "unknown_action", NULL,
								  pulse_arena_printf(arena, "action \"%s\" has no binding", call->action),
								  false, &call->outcome);
	call->outcome.attempt = call->attempt;
	return true;
}

/* Drops calls at the head of the queue for which nobody waits; false: there is no other. */
static bool
next_call(PulseLocalRun *r)
{
	for (; r->head < r->n_calls; r->head++)
	{
		PulseLocalCall *call = r->calls[r->head];

		if (pulse_local_call_holds(call))
			return true;
		if (call->handle != NULL)
			r->local->host->abort(r->local->host->arg, call, false);
	}
	return false;
}

static void
take_call(PulseLocalRun *r)
{
	PulseLocalCall *call = r->calls[r->head];
	PulseLocalEvent event = {call->at};

	if (!get_answer(r, call))
	{
		r->interrupted = true;
		return;
	}
	r->head++;
	event.kind = PULSE_LOCAL_OUTCOME;
	event.unit = call->unit;
	event.index = call->node;
	event.call = call;
	if (call->outcome.kind == PULSE_OUTCOME_TIMED_OUT)
	{
		event.at += call->timeout > 0 ? call->timeout : DEFAULT_TIMEOUT;
		pulse_local_push(r, event);
	}
	else
	{
		PulseFact	fact;

		event_fact(&event, &fact);
		pulse_local_fold(call->unit, &fact, 1);
	}
}

static void
abort_calls(PulseLocalRun *r)
{
	for (; r->head < r->n_calls; r->head++)
	{
		if (r->calls[r->head]->handle != NULL)
			r->local->host->abort(r->local->host->arg, r->calls[r->head], true);
	}
}

/*
 * ---------------------------------------------------------------------
 * The run
 * ---------------------------------------------------------------------
 */

void
pulse_local_unit_prepare(PulseLocalUnit *unit, PulseRunState *state)
{
	PulseLocalRun *r = unit->all;
	PulseStep  *step = &unit->step;

	unit->state = state;
	unit->arena = state->arena;
	state->tenant = "local";
	state->workflow = "local";
	state->submitted_at = r->now;
	if (state->graph->deadline > 0)
		state->deadline = r->now + state->graph->deadline;
	step->scratch = state->arena;
	step->prng = &r->prng;
	step->max_expr_steps = r->options->max_expr_steps;
	step->max_output_bytes = r->options->max_output_bytes;
	step->action = action_info;
	step->workflow = pulse_local_workflow;
	step->workflow_arg = unit;
	step->interrupt = r->local->interrupt;
	unit->told.wave = -1;
	if (r->options->trace)
	{
		step->leaving = pulse_local_trace_leaving;
		step->leaving_arg = unit;
	}
}

static PulseLocalRun *
create(const PulseLocal *local)
{
	PulseRunState *state = pulse_state_create(local->graph);
	PulseLocalRun *r = pulse_arena_zalloc(state->arena, sizeof(*r));
	PulseBudget budget;

	r->local = local;
	r->options = local->options;
	if (r->options == NULL)
	{
		pulse_local_options_defaults(&r->defaults);
		r->options = &r->defaults;
	}
	r->arena = state->arena;
	r->now = r->options->now;
	pg_prng_seed(&r->prng, (uint64) r->options->seed);
	if (local->bindings != NULL)
		r->cursors = pulse_arena_zalloc(r->arena, sizeof(int) *
										(size_t) pulse_local_bindings_count(local->bindings));
	r->root = pulse_arena_zalloc(r->arena, sizeof(PulseLocalUnit));
	r->root->all = r;
	pulse_local_unit_prepare(r->root, state);

	state->id = pulse_uuid7(r->now, &r->prng);
	if (local->input != NULL)
		state->input = local->input;
	budget = r->options->budget;
	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		if (*pulse_budget_dim(&budget, i) >= 0)
			*pulse_budget_dim(&state->budget, i) = *pulse_budget_dim(&budget, i);
	}
	return r;
}

static void
start(PulseLocalRun *r)
{
	int			n = r->local->signals ? r->local->signals->n : 0;
	PulseFact	only;
	PulseFact  *facts = n == 0 ? &only :
		pulse_arena_alloc(r->arena, sizeof(PulseFact) * (size_t) (n + 1));
	int			k = 0;

	if (r->options->trace)
		pulse_local_trace_start(r->root);
	for (int i = 0; i < n; i++)
	{
		PulseLocalEvent event = {r->now + r->local->signals->items[i].after};

		if (event.at == r->now)
		{
			signal_fact(r, i, &facts[k++]);
			continue;
		}
		event.kind = PULSE_LOCAL_SIGNAL;
		event.unit = r->root;
		event.index = i;
		pulse_local_push(r, event);
	}
	memset(&facts[k], 0, sizeof(PulseFact));
	facts[k].kind = PULSE_FACT_START;
	facts[k].node = -1;
	facts[k].at = r->now;
	pulse_local_fold(r->root, facts, k + 1);
}

static void
cancel(PulseLocalRun *r)
{
	PulseFact	fact = {0};

	fact.kind = PULSE_FACT_CANCEL;
	fact.node = -1;
	fact.at = r->now;
	fact.reason = "interrupted";
	pulse_local_fold(r->root, &fact, 1);
}

PulseLocalRun *
pulse_local_run(const PulseLocal *local)
{
	PulseLocalRun *r = create(local);
	PulseRunState *state = r->root->state;

	start(r);
	while (!pulse_run_status_terminal(state->status) && !pulse_local_stopped(r))
	{
		if (next_call(r))
			take_call(r);
		else if (!advance(r))
			break;
	}
	if (r->interrupted && r->error == NULL && !pulse_run_status_terminal(state->status))
		cancel(r);
	abort_calls(r);

	if (r->error == NULL && state->status == PULSE_RUN_COMPLETED)
		r->status = PULSE_LOCAL_COMPLETED;
	else if (r->error == NULL && !pulse_run_status_terminal(state->status))
		r->status = PULSE_LOCAL_SUSPENDED;
	else
		r->status = PULSE_LOCAL_FAILED;
	if (r->options->trace)
		pulse_local_trace_end(r);
	return r;
}

static void
free_children(PulseLocalUnit *unit)
{
	for (PulseLocalUnit *child = unit->children; child != NULL; child = child->older)
	{
		free_children(child);
		pulse_state_free(child->state);
	}
}

void
pulse_local_free(PulseLocalRun *run)
{
	if (run == NULL)
		return;
	free_children(run->root);
	pulse_state_free(run->root->state);
}

PulseLocalStatus
pulse_local_status(const PulseLocalRun *run)
{
	return run->status;
}

const PulseRunState *
pulse_local_state(const PulseLocalRun *run)
{
	return run->root->state;
}

bool
pulse_local_interrupted(const PulseLocalRun *run)
{
	return run->interrupted;
}
