/*
 * fold_run.c
 *		What the facts of a run mean: start, recovery, signals, operators, deadline.
 *
 * Called by step.c in the order of arrival.  The actions of operators look at the
 * whole graph; they are rare.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/graph_grow.h"

static void
log_line(PulseStep *step, int node, const PulseFact *fact, const char *message)
{
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_LOG, node);

	cmd->message = message;
	cmd->actor = fact->actor;
}

/* "cancel: out of stock" */
static const char *
with_reason(PulseStep *step, const char *what, const char *reason)
{
	if (reason == NULL)
		return what;
	return pulse_arena_printf(step->scratch, "%s: %s", what, reason);
}

static void
fold_start(PulseStep *step, PulseRunState *run)
{
	if (run->started_at != 0)
		return;
	if (run->deadline != 0)
	{
		if (run->deadline <= step->now)
		{
			pulse_step_end_run(step, run, PULSE_RUN_TIMED_OUT, NULL,
							   pulse_step_error(step, "deadline", "the run did not end before its deadline"),
							   PULSE_REASON_CANCELLED);
			return;
		}
		pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
	}
	if (run->start_at > step->now)
		pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_START, run->start_at);
	else
		run->started_at = step->now;
}

/*
 * A call whose fate nobody knows: repeat it under its key, or ask. One that still waited for
 * its host when its worker left in order (running, reason host) was never sent.
 */
static void
lose_attempt(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];
	PulseActionInfo info = step->action(step->action_arg, run->graph->nodes[node]->name);
	bool sent = n->reason != PULSE_REASON_HOST;

	if (n->tries > 0)
		n->tries--; /* nobody's fault: it does not count */
	if (sent)
	{
		PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_ATTEMPT, node);

		cmd->attempt = n->attempt;
		cmd->outcome = "lost";
		cmd->activation = n->activation;
		cmd->started_at = n->attempt_at;
		n->outcome_unknown = true;
	}
	if (info.repeatable || !sent)
	{
		pulse_state_set(run, node, PULSE_PENDING, PULSE_REASON_NONE);
		pulse_step_touch(step, run, node);
		pulse_state_push_ready(run, node);
	}
	else
		pulse_step_wait(step, run, node, PULSE_REASON_OPERATOR, 0);
}

static void
fold_recover(PulseStep *step, PulseRunState *run)
{
	if (run->counts[PULSE_RUNNING] + run->counts[PULSE_INTERRUPTED] == 0)
		return;
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];

		if (n->status == PULSE_RUNNING && !n->in_flight)
			lose_attempt(step, run, i);
		else if (n->status == PULSE_INTERRUPTED)
		{
			pulse_state_set(run, i, PULSE_PENDING, PULSE_REASON_NONE);
			n->has_activation &= n->outcome_unknown;
			pulse_step_touch(step, run, i);
			if (n->open_preds == 0)
				pulse_state_push_ready(run, i);
		}
	}
}

static void
consume_signal(PulseStep *step, PulseRunState *run, PulseSignal *signal, int node)
{
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_SIGNAL, node);

	cmd->signal_id = signal->id;
	cmd->consumed = true;
	signal->settled = true;
	pulse_step_complete(step, run, node, signal->payload);
}

bool
pulse_step_take_signal(PulseStep *step, PulseRunState *run, int node, const char *name)
{
	while (run->first_signal < run->n_signals && run->signals[run->first_signal].settled)
		run->first_signal++;
	for (int i = run->first_signal; i < run->n_signals; i++)
	{
		if (!run->signals[i].settled && strcmp(run->signals[i].name, name) == 0)
		{
			consume_signal(step, run, &run->signals[i], node);
			return true;
		}
	}
	return false;
}

static void
fold_signal(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	int node;

	if (pulse_run_status_terminal(run->status))
	{
		PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_SIGNAL, -1);

		cmd->signal_id = fact->signal_id;
		cmd->message = "run ended";
		return;
	}
	pulse_state_add_signal(run, fact->signal_seq, fact->signal_id,
						   fact->signal_name, fact->payload);

	/* the oldest unsettled one of the name is due first, whichever this was */
	node = pulse_state_find_wait(run, fact->signal_name);
	if (node >= 0)
		(void) pulse_step_take_signal(step, run, node, fact->signal_name);
}

/* Puts one node of an ended run back to the beginning. */
static void
reset_node(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	if (n->status == PULSE_WAITING && n->reason == PULSE_REASON_CHILD)
		pulse_child_cancel(step, run, node, "its parent was taken up anew");
	n->status = PULSE_PENDING;
	n->reason = PULSE_REASON_NONE;
	n->has_activation &= n->outcome_unknown;
	if (!n->has_activation)
		n->action_version = NULL;
	n->tries = 0;
	n->holds = 0;
	n->error = NULL;
	n->signal = NULL;
	n->rejection = NULL;
	n->reexecutions = 0;
	n->due = 0;
	n->total_deadline = 0;
	n->ended_at = 0;
	if (n->has_row)
		pulse_step_touch(step, run, node);
}

/*
 * True if a node was skipped because a composite node around it had failed, and not by its own
 * rules: something before it had ended otherwise, or is tried again itself.
 */
static bool
given_up(const PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	const PulseNodeState *n = &run->nodes[node];

	if (n->status != PULSE_SKIPPED)
		return false;
	if (n->reason == PULSE_REASON_ERROR)
		return def->on_error == PULSE_ON_ERROR_FAIL;
	if (n->reason != PULSE_REASON_UPSTREAM)
		return false;
	if (def->guards >= 0)
	{
		const PulseNodeState *guarded = &run->nodes[def->guards];

		return !pulse_status_terminal(guarded->status) ||
			(guarded->status == PULSE_SKIPPED && guarded->reason == PULSE_REASON_ERROR);
	}
	for (int p = 0; p < def->n_preds; p++)
	{
		if (run->nodes[def->preds[p]].status != PULSE_SKIPPED)
			return true;
	}
	return def->run_on_skip;
}

/*
 * What a failed composite node has given up is tried again: nodes that failed, and those that
 * were skipped because of them. What has ended by its own rules stays. list has room for all
 * nodes.
 */
static void
reset_scope(PulseStep *step, PulseRunState *run, const PulseScope *scope, int *list)
{
	for (int i = 0; i < scope->n_nodes; i++)
	{
		int n = 0;

		if (!given_up(run, scope->nodes[i]))
			continue;
		reset_node(step, run, scope->nodes[i]);
		list[n++] = scope->nodes[i];
		while (n > 0)
		{
			const PulseNode *def = run->graph->nodes[list[--n]];

			for (int s = 0; s < def->n_succs; s++)
			{
				if (!given_up(run, def->succs[s]))
					continue;
				reset_node(step, run, def->succs[s]);
				list[n++] = def->succs[s];
			}
		}
	}
	for (const PulseScope *child = scope->child; child != NULL; child = child->sibling)
	{
		if (!pulse_status_terminal(run->nodes[child->out].status))
			reset_scope(step, run, child, list);
	}
}

/*
 * From the point of failure; keeps every output. A failed composite node is tried again with what
 * is in it, unless it is the collecting node that ends another way now (-1: none is).
 */
static void
revive(PulseStep *step, PulseRunState *run, int except)
{
	int *list = pulse_arena_alloc(step->scratch, sizeof(int) * (size_t) Max(run->graph->n_nodes, 1));

	/* nodes that had ended are pending again, so their successors matter */
	pulse_graph_order(run->graph);
	for (int i = 0; i < run->graph->n_scopes; i++)
	{
		const PulseScope *scope = run->graph->scopes[i];

		if (scope != NULL && scope->out != except && run->nodes[scope->out].status == PULSE_FAILED)
			reset_scope(step, run, scope, list);
	}
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];

		/* a run that was given up as damaged ended without its nodes */
		if (n->status == PULSE_RUNNING)
			n->outcome_unknown = true;
		if (n->status == PULSE_FAILED || n->status == PULSE_INTERRUPTED ||
			n->status == PULSE_RUNNING || n->status == PULSE_WAITING)
			reset_node(step, run, i);
	}
	run->status = PULSE_RUN_PENDING;
	run->ended_at = 0;
	run->error = NULL;
	run->output = NULL;
	if (run->deadline != 0 && run->deadline <= step->now)
		run->deadline = 0;
	(void) pulse_step_command(step, PULSE_CMD_RUN, -1);
	pulse_state_derive(run);
	if (run->started_at == 0)
		fold_start(step, run);
	else if (run->deadline != 0)
		pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
}

static void
fold_retry(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	if (run->status == PULSE_RUN_FAILED || run->status == PULSE_RUN_CANCELLED ||
		run->status == PULSE_RUN_TIMED_OUT)
	{
		log_line(step, -1, fact, "retry");
		revive(step, run, -1);
		return;
	}
	if ((run->status != PULSE_RUN_PENDING && run->status != PULSE_RUN_PAUSED) ||
		run->counts[PULSE_WAITING] == 0)
		return;

	/* a live run: the calls whose outcome is unknown may be repeated */
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];

		if (n->status != PULSE_WAITING || n->reason != PULSE_REASON_OPERATOR)
			continue;
		log_line(step, i, fact, "retry");
		pulse_state_set(run, i, PULSE_PENDING, PULSE_REASON_NONE);
		n->tries = 0;
		n->total_deadline = 0; /* the operator may have taken long */
		pulse_step_touch(step, run, i);
		pulse_state_push_ready(run, i);
	}
}

static void
fold_skip(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	int node = fact->node;
	PulseNodeState *n;

	if (node < 0)
	{
		log_line(step, -1, fact, "skip refused: no such node");
		return;
	}
	n = &run->nodes[node];
	if (run->status == PULSE_RUN_COMPLETED || pulse_status_unblocks(n->status))
	{
		log_line(step, node, fact, "skip refused: the node has ended already");
		return;
	}
	if (n->open_preds > 0 || pulse_state_gathers(run, node))
	{
		log_line(step, node, fact, "skip refused: not all ancestors have ended");
		return;
	}
	if (run->started_at == 0 && run->start_at > step->now)
	{
		/* a node that ends would start the run before its time */
		log_line(step, node, fact, "skip refused: the run has not started");
		return;
	}
	log_line(step, node, fact, with_reason(step, "skip", fact->reason));
	if (pulse_run_status_terminal(run->status))
		revive(step, run, node);
	else
		fold_start(step, run);
	if (pulse_run_status_terminal(run->status))
		return; /* its deadline is over */

	if (n->status == PULSE_RUNNING || n->status == PULSE_WAITING)
		pulse_step_interrupt(step, run, node, PULSE_REASON_CANCELLED);
	pulse_step_clear_timer(step, run, node);

	/* out of the heap, by rebuilding it: an operator's action may cost that */
	n->status = PULSE_INTERRUPTED;
	pulse_state_derive(run);
	if (fact->payload != NULL)
		pulse_step_complete(step, run, node, fact->payload);
	else
		pulse_step_skip(step, run, node, PULSE_REASON_OPERATOR, NULL);
}

/* Timers that came due in quarantine are gone: set them all again. */
static void
rearm_timers(PulseStep *step, PulseRunState *run)
{
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];
		PulseCommand *cmd;

		if (n->status != PULSE_WAITING || n->due == 0)
			continue;
		cmd = pulse_step_command(step, PULSE_CMD_TIMER_SET, i);
		cmd->timer = pulse_step_timer_of(n);
		cmd->due = n->due;
	}
	if (run->deadline != 0)
		pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
}

void
pulse_fold_run_fact(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	bool live = !pulse_run_status_terminal(run->status);

	switch (fact->kind)
	{
		case PULSE_FACT_START:
			if (live && run->status != PULSE_RUN_QUARANTINED)
				fold_start(step, run);
			break;
		case PULSE_FACT_RECOVER:
			if (live && run->status != PULSE_RUN_QUARANTINED)
				fold_recover(step, run);
			break;
		case PULSE_FACT_SIGNAL:
			fold_signal(step, run, fact);
			break;
		case PULSE_FACT_CANCEL:
			if (!live)
				break;
			log_line(step, -1, fact, with_reason(step, "cancel", fact->reason));
			pulse_step_end_run(step, run, PULSE_RUN_CANCELLED, NULL,
							   pulse_step_error(step, "cancelled", "%s",
												fact->reason ? fact->reason : "cancelled"),
							   PULSE_REASON_CANCELLED);
			break;
		case PULSE_FACT_PAUSE:
			if (run->status != PULSE_RUN_PENDING)
				break;
			log_line(step, -1, fact, with_reason(step, "pause", fact->reason));
			run->status = PULSE_RUN_PAUSED;
			(void) pulse_step_command(step, PULSE_CMD_RUN, -1);

			/* paused before it was taken up, it would not be found for its start */
			if (run->started_at == 0 && run->deadline != 0)
				pulse_step_run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
			break;
		case PULSE_FACT_RESUME:
			if (run->status != PULSE_RUN_PAUSED)
				break;
			log_line(step, -1, fact, "resume");
			run->status = PULSE_RUN_PENDING;
			(void) pulse_step_command(step, PULSE_CMD_RUN, -1);
			fold_start(step, run);
			break;
		case PULSE_FACT_RETRY:
			fold_retry(step, run, fact);
			break;
		case PULSE_FACT_SKIP:
			if (run->status == PULSE_RUN_QUARANTINED)
				log_line(step, -1, fact, "skip refused: the run is quarantined");
			else
				fold_skip(step, run, fact);
			break;
		case PULSE_FACT_RELEASE:
			if (run->status != PULSE_RUN_QUARANTINED)
				break;
			log_line(step, -1, fact, "release");
			run->status = PULSE_RUN_PENDING;
			run->error = NULL;
			run->ended_at = 0;
			(void) pulse_step_command(step, PULSE_CMD_RUN, -1);
			fold_recover(step, run);
			rearm_timers(step, run);
			fold_start(step, run);
			break;
		case PULSE_FACT_DEADLINE:
			if (live && run->deadline != 0 && step->now >= run->deadline)
				pulse_step_end_run(step, run, PULSE_RUN_TIMED_OUT, NULL,
								   pulse_step_error(step, "deadline", "the run did not end before its deadline"),
								   PULSE_REASON_CANCELLED);
			break;
		case PULSE_FACT_TIMER:
		case PULSE_FACT_OUTCOME:
		case PULSE_FACT_CHILD:
			break;
	}
}
