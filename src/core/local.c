/*
 * local.c
 *		Runs in memory: drives the step function until nothing is left to do.
 *
 * Owns the queue of calls, the heap of what is due, and the virtual clock.  It decides
 * nothing about the graph: whatever happens to a node is folded by pulse_step, as
 * in a durable run.  A run and all that belongs to it live in the arena of its state.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/local_private.h"
#include "core/step_private.h"

/* What a timed out attempt takes where no timeout is given. */
#define DEFAULT_TIMEOUT INT64CONST(30000000)

/* No virtual clock goes further than this. */
#define MAX_ELAPSED		(INT64CONST(1000) * 366 * 86400 * 1000000)

/*
 * ---------------------------------------------------------------------
 * What is due
 * ---------------------------------------------------------------------
 */

static inline bool
event_before(const PulseLocalEvent *a, const PulseLocalEvent *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void
push_event(PulseLocalRun *r, int64 at, PulseLocalEventKind kind, int index,
		   PulseLocalCall *call)
{
	PulseLocalEvent event = {at, r->seq++, kind, index, call};
	int			i;

	if (r->n_events == r->cap_events)
	{
		int			cap = Max(8, r->cap_events * 2);

		r->events = pulse_arena_grow(r->arena, r->events,
									 sizeof(event) * (size_t) r->n_events,
									 sizeof(event) * (size_t) cap);
		r->cap_events = cap;
	}
	for (i = r->n_events++; i > 0; i = (i - 1) / 2)
	{
		if (!event_before(&event, &r->events[(i - 1) / 2]))
			break;
		r->events[i] = r->events[(i - 1) / 2];
	}
	r->events[i] = event;
}

static PulseLocalEvent
pop_event(PulseLocalRun *r)
{
	PulseLocalEvent top = r->events[0];
	PulseLocalEvent last = r->events[--r->n_events];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= r->n_events)
			break;
		if (child + 1 < r->n_events &&
			event_before(&r->events[child + 1], &r->events[child]))
			child++;
		if (!event_before(&r->events[child], &last))
			break;
		r->events[i] = r->events[child];
		i = child;
	}
	r->events[i] = last;
	return top;
}

/* One that has been overtaken must not move the clock. */
static bool
event_holds(const PulseLocalRun *r, const PulseLocalEvent *event)
{
	const PulseNodeState *n;

	switch (event->kind)
	{
		case PULSE_LOCAL_TIMER:
			n = &r->state->nodes[event->index];
			return n->status == PULSE_WAITING && n->due == event->at;
		case PULSE_LOCAL_OUTCOME:
			n = &r->state->nodes[event->index];
			return n->status == PULSE_RUNNING && n->attempt == event->call->attempt;
		default:
			return true;
	}
}

/*
 * ---------------------------------------------------------------------
 * Steps
 * ---------------------------------------------------------------------
 */

/* config of the graph, overridden key by key by that of the node. */
static const PulseJson *
merged_config(PulseLocalRun *r, const PulseNode *node)
{
	const PulseJson *general = r->state->graph->config;
	PulseJsonPair *pairs;
	uint32		n;

	if (node->config == NULL && general == NULL)
		return pulse_json_object(r->arena, pulse_arena_alloc(r->arena, 0), 0);
	if (node->config == NULL || general == NULL)
		return node->config ? node->config : general;
	n = general->len + node->config->len;
	pairs = pulse_arena_alloc(r->arena, sizeof(*pairs) * (n + 1));
	memcpy(pairs, general->u.pairs, sizeof(*pairs) * general->len);
	memcpy(pairs + general->len, node->config->u.pairs, sizeof(*pairs) * node->config->len);
	return pulse_json_object(r->arena, pairs, n);
}

static void
queue_call(PulseLocalRun *r, const PulseCommand *cmd)
{
	const PulseNode *node = r->state->graph->nodes[cmd->node];
	const PulseNodeState *n = &r->state->nodes[cmd->node];
	PulseLocalCall *call = pulse_arena_zalloc(r->arena, sizeof(*call));

	call->node = cmd->node;
	call->node_id = node->id;
	call->action = node->name;
	call->attempt = cmd->attempt;
	call->activation = cmd->activation;
	call->input = cmd->input;
	call->config = merged_config(r, node);
	call->timeout = node->timeout;
	if (n->total_deadline != 0)
	{
		int64		left = Max(n->total_deadline - r->now, 1000);

		call->timeout = call->timeout > 0 ? Min(call->timeout, left) : left;
	}
	call->bound = pulse_local_bindings_find(r->local->bindings, node->name) >= 0;
	call->at = r->now;

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

/* What the kernel would have loaded from rows; here all of it is in memory already. */
static void
supply(PulseLocalRun *r)
{
	for (int i = 0; i < r->step.n_need; i++)
	{
		PulseNodeState *n = &r->state->nodes[r->step.need[i]];

		if (n->status == PULSE_SKIPPED && n->error == NULL)
			n->error = &pulse_json_null;
	}
}

static void
fold(PulseLocalRun *r, PulseFact *facts, int n)
{
	PulseStepResult result;

	r->step.now = r->now;
	r->step.n_commands = 0;
	r->step.n_need = 0;
	result = pulse_step(&r->step, r->state, facts, n);
	while (result == PULSE_STEP_NEED)
	{
		supply(r);
		result = pulse_step_continue(&r->step, r->state);
	}
	if (result == PULSE_STEP_STUCK)
		r->error = pulse_step_error(&r->step, "stuck", "%s", r->step.stuck);
	if (r->options->trace)
		pulse_local_trace_step(r);

	for (int i = 0; i < r->step.n_commands; i++)
	{
		const PulseCommand *cmd = &r->step.commands[i];

		switch (cmd->kind)
		{
			case PULSE_CMD_NODE:
				r->state->nodes[cmd->node].dirty = false;
				break;
			case PULSE_CMD_DISPATCH:
				queue_call(r, cmd);
				break;
			case PULSE_CMD_TIMER_SET:
				if (cmd->node >= 0)
					push_event(r, cmd->due, PULSE_LOCAL_TIMER, cmd->node, NULL);
				else if (cmd->timer == PULSE_TIMER_DEADLINE)
					push_event(r, cmd->due, PULSE_LOCAL_DEADLINE, -1, NULL);
				break;
			default:			/* rows and records, of which there are none */
				break;
		}
	}
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
event_fact(PulseLocalRun *r, const PulseLocalEvent *event, PulseFact *fact)
{
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
		default:
			fact->kind = PULSE_FACT_DEADLINE;
			break;
	}
}

/* Moves the clock to what is due next and folds all of that time; false: nothing is. */
static bool
advance(PulseLocalRun *r)
{
	PulseFact  *facts = NULL;
	int			n = 0;
	int			cap = 0;

	while (r->n_events > 0 && (n == 0 || r->events[0].at <= r->now))
	{
		PulseLocalEvent event = pop_event(r);

		if (!event_holds(r, &event))
			continue;
		if (event.at - r->options->now > MAX_ELAPSED)
		{
			r->error = pulse_step_error(&r->step, "local", "the virtual clock would pass 1000 years");
			return true;
		}
		r->now = Max(r->now, event.at);
		if (n == cap)
		{
			cap = Max(4, cap * 2);
			facts = pulse_arena_grow(r->arena, facts, sizeof(PulseFact) * (size_t) n,
									 sizeof(PulseFact) * (size_t) cap);
		}
		event_fact(r, &event, &facts[n++]);
	}
	if (n > 0)
		fold(r, facts, n);
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

	if (call->bound)
	{
		PulseLocalRequest request = {call->action, call->node_id, call->attempt,
		call->input, call->config};

		pulse_local_bindings_answer(r->local->bindings,
									pulse_local_bindings_find(r->local->bindings, call->action),
									r->cursors, &request, r->options, r->arena, &call->outcome);
	}
	else if (host != NULL && host->knows(host->arg, call->action))
	{
		if (!host->answer(host->arg, r->calls + r->head, r->n_calls - r->head,
						  r->state, r->arena))
			return false;
	}
	else
		pulse_local_outcome_error(r->arena, "unknown_action", NULL,
								  pulse_arena_printf(r->arena, "action \"%s\" has no binding", call->action),
								  false, &call->outcome);
	call->outcome.attempt = call->attempt;
	return true;
}

static void
take_call(PulseLocalRun *r)
{
	PulseLocalCall *call = r->calls[r->head];
	PulseLocalEvent event = {call->at, 0, PULSE_LOCAL_OUTCOME, call->node, call};

	if (!get_answer(r, call))
	{
		r->interrupted = true;
		return;
	}
	r->head++;
	if (call->outcome.kind == PULSE_OUTCOME_TIMED_OUT)
		push_event(r, call->at + (call->timeout > 0 ? call->timeout : DEFAULT_TIMEOUT),
				   PULSE_LOCAL_OUTCOME, call->node, call);
	else
	{
		PulseFact	fact;

		event_fact(r, &event, &fact);
		fold(r, &fact, 1);
	}
}

static void
abort_calls(PulseLocalRun *r)
{
	for (; r->head < r->n_calls; r->head++)
	{
		if (r->calls[r->head]->handle != NULL)
			r->local->host->abort(r->local->host->arg, r->calls[r->head]);
	}
}

static void
cancel(PulseLocalRun *r)
{
	PulseFact	fact = {0};

	fact.kind = PULSE_FACT_CANCEL;
	fact.node = -1;
	fact.at = r->now;
	fact.reason = "interrupted";
	fold(r, &fact, 1);
}

/*
 * ---------------------------------------------------------------------
 * The run
 * ---------------------------------------------------------------------
 */

static PulseLocalRun *
create(const PulseLocal *local)
{
	PulseRunState *state = pulse_state_create(local->graph);
	PulseLocalRun *r = pulse_arena_zalloc(state->arena, sizeof(*r));

	r->local = local;
	r->options = local->options;
	if (r->options == NULL)
	{
		pulse_local_options_defaults(&r->defaults);
		r->options = &r->defaults;
	}
	r->state = state;
	r->arena = state->arena;
	r->now = r->options->now;
	pg_prng_seed(&r->prng, (uint64) r->options->seed);
	if (local->bindings != NULL)
		r->cursors = pulse_arena_zalloc(r->arena, sizeof(int) *
										(size_t) pulse_local_bindings_count(local->bindings));

	state->id = pulse_uuid7(r->now, &r->prng);
	state->tenant = "local";
	state->workflow = "local";
	state->submitted_at = r->now;
	if (local->graph->deadline > 0)
		state->deadline = r->now + local->graph->deadline;
	if (local->input != NULL)
		state->input = local->input;

	r->step.scratch = r->arena;
	r->step.prng = &r->prng;
	r->step.max_expr_steps = r->options->max_expr_steps;
	r->step.max_output_bytes = r->options->max_output_bytes;
	r->step.action = action_info;
	r->step.interrupt = local->interrupt;
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
		pulse_local_trace_start(r);
	for (int i = 0; i < n; i++)
	{
		if (r->local->signals->items[i].after == 0)
			signal_fact(r, i, &facts[k++]);
		else
			push_event(r, r->now + r->local->signals->items[i].after,
					   PULSE_LOCAL_SIGNAL, i, NULL);
	}
	memset(&facts[k], 0, sizeof(PulseFact));
	facts[k].kind = PULSE_FACT_START;
	facts[k].node = -1;
	facts[k].at = r->now;
	fold(r, facts, k + 1);
}

PulseLocalRun *
pulse_local_run(const PulseLocal *local)
{
	const PulseLocalHost *host = local->host;
	PulseLocalRun *r = create(local);

	start(r);
	while (r->error == NULL && !pulse_run_status_terminal(r->state->status))
	{
		if (local->interrupt != NULL)
			local->interrupt();
		if (host != NULL && host->interrupted != NULL && host->interrupted(host->arg))
			r->interrupted = true;
		else if (r->head < r->n_calls)
			take_call(r);
		else if (!advance(r))
			break;
		if (r->interrupted)
		{
			cancel(r);
			break;
		}
	}
	abort_calls(r);

	if (r->error == NULL && r->state->status == PULSE_RUN_COMPLETED)
		r->status = PULSE_LOCAL_COMPLETED;
	else if (r->error == NULL && !pulse_run_status_terminal(r->state->status))
		r->status = PULSE_LOCAL_SUSPENDED;
	else
		r->status = PULSE_LOCAL_FAILED;
	if (r->options->trace)
		pulse_local_trace_end(r);
	return r;
}

void
pulse_local_free(PulseLocalRun *run)
{
	if (run != NULL)
		pulse_state_free(run->state);
}

PulseLocalStatus
pulse_local_status(const PulseLocalRun *run)
{
	return run->status;
}

const PulseRunState *
pulse_local_state(const PulseLocalRun *run)
{
	return run->state;
}

bool
pulse_local_interrupted(const PulseLocalRun *run)
{
	return run->interrupted;
}
