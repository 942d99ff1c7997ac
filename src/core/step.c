/*
 * step.c
 *		Folds facts into the state of a run.
 *
 * Owns what each fact means for the nodes and the run; activate.c owns what
 * happens to a node that has become ready.  Nothing here looks at more of the
 * graph than the nodes concerned, but for the ends of a run and the actions of
 * operators, which are rare and linear.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step.h"

#include "core/retry.h"
#include "core/step_private.h"

/* After so many throttled answers in a row each further one counts as an attempt. */
#define FREE_THROTTLES 20

static const char *const timer_kind_names[] = {
	"start", "deadline", "delay", "retry", "timeout", "host"
};

const char *
pulse_timer_kind_name(PulseTimerKind kind)
{
	return timer_kind_names[kind];
}

bool
pulse_timer_kind_parse(const char *s, PulseTimerKind *kind)
{
	for (int i = 0; i < (int) lengthof(timer_kind_names); i++)
	{
		if (strcmp(s, timer_kind_names[i]) == 0)
		{
			*kind = (PulseTimerKind) i;
			return true;
		}
	}
	return false;
}

PulseCommand *
pulse_step_command(PulseStep *step, PulseCommandKind kind, int node)
{
	PulseCommand *cmd;

	if (step->n_commands == step->cap_commands)
	{
		int			cap = Max(16, step->cap_commands * 2);

		step->commands = pulse_arena_grow(step->scratch, step->commands,
										  sizeof(PulseCommand) * (size_t) step->n_commands,
										  sizeof(PulseCommand) * (size_t) cap);
		step->cap_commands = cap;
	}
	cmd = &step->commands[step->n_commands++];
	memset(cmd, 0, sizeof(*cmd));
	cmd->kind = kind;
	cmd->node = node;
	return cmd;
}

void
pulse_step_touch(PulseStep *step, PulseRunState *run, int node)
{
	if (run->nodes[node].dirty)
		return;
	run->nodes[node].dirty = true;
	(void) pulse_step_command(step, PULSE_CMD_NODE, node);
}

static PulseTimerKind
timer_of(const PulseNodeState *n)
{
	switch (n->reason)
	{
		case PULSE_REASON_SIGNAL:
			return PULSE_TIMER_TIMEOUT;
		case PULSE_REASON_RETRY:
			return PULSE_TIMER_RETRY;
		case PULSE_REASON_HOST:
			return PULSE_TIMER_HOST;
		default:
			return PULSE_TIMER_DELAY;
	}
}

void
pulse_step_clear_timer(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];
	PulseCommand *cmd;

	if (n->due == 0)
		return;
	cmd = pulse_step_command(step, PULSE_CMD_TIMER_CLEAR, node);
	cmd->timer = timer_of(n);
	cmd->due = n->due;
	n->due = 0;
}

void
pulse_step_wait(PulseStep *step, PulseRunState *run, int node,
				PulseReason reason, int64 due)
{
	PulseNodeState *n = &run->nodes[node];

	pulse_step_clear_timer(step, run, node);
	pulse_state_set(run, node, PULSE_WAITING, reason);
	n->due = due;
	if (due != 0)
	{
		PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_TIMER_SET, node);

		cmd->timer = timer_of(n);
		cmd->due = due;
	}
	if (reason == PULSE_REASON_SIGNAL)
		pulse_state_add_wait(run, node);
	pulse_step_touch(step, run, node);
}

/* What every end of a node has in common. */
static void
end_node(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	pulse_step_clear_timer(step, run, node);
	if (n->started_at == 0)
		n->started_at = step->now;
	n->ended_at = step->now;
	step->nodes_done++;
	pulse_step_touch(step, run, node);
}

void
pulse_step_complete(PulseStep *step, PulseRunState *run, int node,
					const PulseJson *output)
{
	PulseNodeState *n = &run->nodes[node];

	end_node(step, run, node);
	n->output = output;
	n->error = NULL;
	n->outcome_unknown = false;
	pulse_state_set(run, node, PULSE_COMPLETED, PULSE_REASON_NONE);
}

void
pulse_step_skip(PulseStep *step, PulseRunState *run, int node,
				PulseReason reason, const PulseJson *error)
{
	PulseNodeState *n = &run->nodes[node];

	end_node(step, run, node);
	n->output = NULL;
	n->error = error;
	pulse_state_set(run, node, PULSE_SKIPPED, reason);
}

const PulseJson *
pulse_step_error(PulseStep *step, const char *class, const char *fmt,...)
{
	PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, 2 * sizeof(*pairs));
	char		text[1024];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pairs[0].key = "class";
	pairs[0].key_len = 5;
	pairs[0].value = pulse_json_string(step->scratch, class);
	pairs[1].key = "message";
	pairs[1].key_len = 7;
	pairs[1].value = pulse_json_string(step->scratch, text);
	return pulse_json_object(step->scratch, pairs, 2);
}

void
pulse_step_fail(PulseStep *step, PulseRunState *run, int node,
				const PulseJson *error)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];
	PulseJsonPair *pairs;
	const PulseJson *class;
	const PulseJson *message;

	if (def->on_error != PULSE_ON_ERROR_FAIL)
	{
		pulse_step_skip(step, run, node, PULSE_REASON_ERROR, error);
		return;
	}
	end_node(step, run, node);
	n->output = NULL;
	n->error = error;
	pulse_state_set(run, node, PULSE_FAILED, PULSE_REASON_NONE);

	class = pulse_json_get(error, "class");
	message = pulse_json_get(error, "message");
	pairs = pulse_arena_alloc(step->scratch, 4 * sizeof(*pairs));
	pairs[0] = (PulseJsonPair) {"node", 4, pulse_json_stringn(step->scratch, def->id, def->id_len)};
	pairs[1] = (PulseJsonPair) {"class", 5, class ? class : &pulse_json_null};
	pairs[2] = (PulseJsonPair) {"error", 5, error};
	pairs[3] = (PulseJsonPair) {"message", 7, message ? message : &pulse_json_null};
	pulse_step_end_run(step, run, PULSE_RUN_FAILED, NULL,
					   pulse_json_object(step->scratch, pairs, 4),
					   PULSE_REASON_SIBLING);
}

/* Nothing of a call that was under way will be accepted any more. */
static void
interrupt_node(PulseStep *step, PulseRunState *run, int node, PulseReason reason)
{
	PulseNodeState *n = &run->nodes[node];

	if (n->status == PULSE_RUNNING)
	{
		PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_ABORT, node);

		cmd->attempt = n->attempt;
		cmd = pulse_step_command(step, PULSE_CMD_ATTEMPT, node);
		cmd->attempt = n->attempt;
		cmd->outcome = "interrupted";
		cmd->activation = n->activation;
		cmd->started_at = n->attempt_at;
		n->outcome_unknown = true;
	}
	pulse_step_clear_timer(step, run, node);
	pulse_state_set(run, node, PULSE_INTERRUPTED, reason);
	pulse_step_touch(step, run, node);
}

static void
run_timer(PulseStep *step, PulseCommandKind kind, PulseTimerKind timer, int64 due)
{
	PulseCommand *cmd = pulse_step_command(step, kind, -1);

	cmd->timer = timer;
	cmd->due = due;
}

void
pulse_step_end_run(PulseStep *step, PulseRunState *run, PulseRunStatus status,
				   const PulseJson *output, const PulseJson *error,
				   PulseReason interrupted)
{
	/* the first terminal status wins */
	if (pulse_run_status_terminal(run->status))
		return;

	if (run->counts[PULSE_RUNNING] + run->counts[PULSE_WAITING] > 0)
	{
		for (int i = 0; i < run->graph->n_nodes; i++)
		{
			if (run->nodes[i].status == PULSE_RUNNING ||
				run->nodes[i].status == PULSE_WAITING)
				interrupt_node(step, run, i, interrupted);
		}
	}
	for (int i = 0; i < run->n_signals; i++)
	{
		if (!run->signals[i].settled)
		{
			PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_SIGNAL, -1);

			cmd->signal_id = run->signals[i].id;
			cmd->message = "run ended";
			run->signals[i].settled = true;
		}
	}
	if (run->deadline != 0)
		run_timer(step, PULSE_CMD_TIMER_CLEAR, PULSE_TIMER_DEADLINE, run->deadline);
	if (run->start_at != 0 && run->started_at == 0)
		run_timer(step, PULSE_CMD_TIMER_CLEAR, PULSE_TIMER_START, run->start_at);

	run->status = status;
	run->ended_at = step->now;
	run->output = output;
	run->error = error;
	(void) pulse_step_command(step, PULSE_CMD_RUN, -1);
}

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
		run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
	}
	if (run->start_at > step->now)
		run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_START, run->start_at);
	else
		run->started_at = step->now;
}

/* A call whose fate nobody knows: repeat it under its key, or ask. */
static void
lose_attempt(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];
	PulseActionInfo info = step->action(step->action_arg, run->graph->nodes[node]->name);
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_ATTEMPT, node);

	cmd->attempt = n->attempt;
	cmd->outcome = "lost";
	cmd->activation = n->activation;
	cmd->started_at = n->attempt_at;
	n->outcome_unknown = true;
	if (n->tries > 0)
		n->tries--;				/* nobody's fault: it does not count */
	if (info.repeatable)
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

static void
fold_signal(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	int			node;

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
	for (int i = 0; node >= 0 && i < run->n_signals; i++)
	{
		if (!run->signals[i].settled &&
			strcmp(run->signals[i].name, fact->signal_name) == 0)
		{
			consume_signal(step, run, &run->signals[i], node);
			break;
		}
	}
}

/* Puts one node of an ended run back to the beginning. */
static void
reset_node(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	n->status = PULSE_PENDING;
	n->reason = PULSE_REASON_NONE;
	n->has_activation &= n->outcome_unknown;
	if (!n->has_activation)
		n->action_version = NULL;
	n->tries = 0;
	n->holds = 0;
	n->error = NULL;
	n->due = 0;
	n->total_deadline = 0;
	n->ended_at = 0;
	if (n->has_row)
		pulse_step_touch(step, run, node);
}

/* From the point of failure; keeps every output. */
static void
revive(PulseStep *step, PulseRunState *run)
{
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		if (run->nodes[i].status == PULSE_FAILED ||
			run->nodes[i].status == PULSE_INTERRUPTED)
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
		run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
}

static void
fold_retry(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	if (run->status == PULSE_RUN_FAILED || run->status == PULSE_RUN_CANCELLED ||
		run->status == PULSE_RUN_TIMED_OUT)
	{
		log_line(step, -1, fact, "retry");
		revive(step, run);
		return;
	}
	if (run->status != PULSE_RUN_PENDING || run->counts[PULSE_WAITING] == 0)
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
		pulse_step_touch(step, run, i);
		pulse_state_push_ready(run, i);
	}
}

static void
fold_skip(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	int			node = fact->node;
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
	if (n->open_preds > 0)
	{
		log_line(step, node, fact, "skip refused: not all ancestors have ended");
		return;
	}
	log_line(step, node, fact, with_reason(step, "skip", fact->reason));
	if (pulse_run_status_terminal(run->status))
		revive(step, run);
	else if (run->started_at == 0)
		run->started_at = step->now;

	if (n->status == PULSE_RUNNING)
		interrupt_node(step, run, node, PULSE_REASON_CANCELLED);
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
		cmd->timer = timer_of(n);
		cmd->due = n->due;
	}
	if (run->deadline != 0)
		run_timer(step, PULSE_CMD_TIMER_SET, PULSE_TIMER_DEADLINE, run->deadline);
}

static void
fold_run_fact(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	bool		live = !pulse_run_status_terminal(run->status);

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
			break;
	}
}

static void
fail_total_timeout(PulseStep *step, PulseRunState *run, int node)
{
	pulse_step_fail(step, run, node,
					pulse_step_error(step, "timeout", "total_timeout has passed"));
}

static void
fold_timer(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	PulseNodeState *n = &run->nodes[fact->node];
	const PulseNode *def = run->graph->nodes[fact->node];

	/* one that was dropped, or replaced, since */
	if (n->status != PULSE_WAITING || n->due == 0 || n->due != fact->due)
		return;
	n->due = 0;

	switch (n->reason)
	{
		case PULSE_REASON_TIMER:
			pulse_step_complete(step, run, fact->node, &pulse_json_null);
			break;
		case PULSE_REASON_SIGNAL:
			if (def->timeout_completes)
				pulse_step_complete(step, run, fact->node, &pulse_json_null);
			else
				pulse_step_fail(step, run, fact->node,
								pulse_step_error(step, "timeout", "signal %s did not come in time", def->name));
			break;
		default:				/* retry, host */
			if (n->total_deadline != 0 && step->now >= n->total_deadline)
			{
				fail_total_timeout(step, run, fact->node);
				break;
			}
			pulse_state_set(run, fact->node, PULSE_PENDING, PULSE_REASON_NONE);
			pulse_step_touch(step, run, fact->node);
			pulse_state_push_ready(run, fact->node);
			break;
	}
}

static void
record_attempt(PulseStep *step, PulseRunState *run, int node,
			   const PulseOutcome *o, const char *outcome)
{
	PulseNodeState *n = &run->nodes[node];
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_ATTEMPT, node);

	cmd->attempt = o->attempt;
	cmd->outcome = outcome;
	cmd->activation = n->activation;
	cmd->started_at = n->attempt_at;
	cmd->detail = o;
}

/* Waits until `due`, or fails if the node's whole time is over before that. */
static void
wait_within_total(PulseStep *step, PulseRunState *run, int node,
				  PulseReason reason, int64 due)
{
	PulseNodeState *n = &run->nodes[node];

	if (n->total_deadline != 0 && due >= n->total_deadline)
	{
		if (n->total_deadline <= step->now)
		{
			fail_total_timeout(step, run, node);
			return;
		}
		due = n->total_deadline;
	}
	pulse_step_wait(step, run, node, reason, due);
}

/* What the host or the engine asks for, else 1 s doubling to 5 min; never all at once. */
static int64
hold_time(PulseStep *step, int holds, int64 wait)
{
	PulseRetryPolicy policy;

	pulse_retry_defaults(&policy);
	if (wait > 0)
	{
		policy.initial = wait;
		policy.factor = 1.0;
		policy.max = wait;
		policy.jitter = 0.05;
	}
	return Max(pulse_retry_delay(&policy, holds, wait, step->prng), 1);
}

static void
fold_failure(PulseStep *step, PulseRunState *run, int node, const PulseOutcome *o)
{
	PulseNodeState *n = &run->nodes[node];
	const PulseNode *def = run->graph->nodes[node];
	PulseActionInfo info = step->action(step->action_arg, def->name);
	bool		unknown = o->kind == PULSE_OUTCOME_UNKNOWN ||
		o->kind == PULSE_OUTCOME_TIMED_OUT;
	PulseRetryPolicy defaults;
	const PulseRetryPolicy *policy = &def->retry;

	if (!def->retry_given && info.retry != NULL)
		policy = info.retry;
	else if (!def->retry_given)
	{
		pulse_retry_defaults(&defaults);
		policy = &defaults;
	}

	record_attempt(step, run, node, o,
				   o->kind == PULSE_OUTCOME_UNKNOWN ? "unknown" :
				   o->kind == PULSE_OUTCOME_TIMED_OUT ? "timed_out" : "failed");
	n->outcome_unknown = unknown;
	n->error = o->error;

	if (unknown && !info.repeatable)
		pulse_step_wait(step, run, node, PULSE_REASON_OPERATOR, 0);
	else if (n->tries < policy->max_attempts &&
			 pulse_retry_applies(policy, o->class, o->code, o->retryable))
	{
		int64		delay = pulse_retry_delay(policy, Max(n->tries, 1), o->wait, step->prng);

		wait_within_total(step, run, node, PULSE_REASON_RETRY, step->now + delay);
	}
	else
		pulse_step_fail(step, run, node, o->error);
}

static void
fold_outcome(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	PulseNodeState *n = &run->nodes[fact->node];
	const PulseOutcome *o = fact->outcome;

	if (n->status != PULSE_RUNNING || n->attempt != o->attempt)
	{
		record_attempt(step, run, fact->node, o, "late");
		return;
	}
	if (o->kind == PULSE_OUTCOME_SUCCEEDED)
	{
		/* the version that ran, instead of the one that was asked for */
		if (o->action_version != NULL)
			n->action_version = o->action_version;
		n->holds = 0;
		if (step->max_output_bytes > 0 &&
			(int64) pulse_json_size(o->output) > step->max_output_bytes)
			pulse_step_fail(step, run, fact->node,
							pulse_step_error(step, "output_too_large", "the output is larger than pulse.max_output_bytes"));
		else
			pulse_step_complete(step, run, fact->node, o->output);
		return;
	}
	if (o->kind == PULSE_OUTCOME_HELD)
	{
		/* the reason stays visible, but a hold of days is not a row a minute */
		if (n->holds == 0)
			record_attempt(step, run, fact->node, o, "held");
		n->holds++;
		n->error = o->error;
		if (!o->burns || n->holds <= FREE_THROTTLES)
		{
			if (n->tries > 0)
				n->tries--;
			wait_within_total(step, run, fact->node, PULSE_REASON_HOST,
							  step->now + hold_time(step, n->holds, o->wait));
			return;
		}
	}
	else
		n->holds = 0;
	fold_failure(step, run, fact->node, o);
}

static int
compare_facts(const void *a, const void *b)
{
	const PulseFact *x = a;
	const PulseFact *y = b;
	bool		x_node = x->kind >= PULSE_FACT_TIMER;
	bool		y_node = y->kind >= PULSE_FACT_TIMER;

	if (x_node != y_node)
		return x_node ? 1 : -1;
	if (x_node && x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->ord < y->ord ? -1 : x->ord > y->ord;
}

PulseStepResult
pulse_step(PulseStep *step, PulseRunState *run, PulseFact *facts, int n_facts)
{
	for (int i = 0; i < n_facts; i++)
	{
		facts[i].ord = i;
		facts[i].rank = facts[i].node >= 0 ? run->graph->nodes[facts[i].node]->rank : -1;
	}
	if (n_facts > 1)
		qsort(facts, (size_t) n_facts, sizeof(PulseFact), compare_facts);

	for (int i = 0; i < n_facts; i++)
	{
		if (facts[i].kind == PULSE_FACT_TIMER)
		{
			if (!pulse_run_status_terminal(run->status) &&
				run->status != PULSE_RUN_QUARANTINED)
				fold_timer(step, run, &facts[i]);
		}
		else if (facts[i].kind == PULSE_FACT_OUTCOME)
			fold_outcome(step, run, &facts[i]);
		else
			fold_run_fact(step, run, &facts[i]);
	}
	return pulse_step_advance(step, run);
}

PulseStepResult
pulse_step_continue(PulseStep *step, PulseRunState *run)
{
	return pulse_step_advance(step, run);
}
