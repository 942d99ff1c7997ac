/*
 * fold_node.c
 *		What the facts of a node mean: timers and the outcomes of attempts.
 *
 * Owns retries, holds and time limits (semantics section 5).  Called by step.c in the
 * order of ids.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/retry.h"

/* After so many throttled answers in a row each further one counts as an attempt. */
#define FREE_THROTTLES 20

static void
fail_total_timeout(PulseStep *step, PulseRunState *run, int node)
{
	pulse_step_fail(step, run, node,
					pulse_step_error(step, "timeout", "total_timeout has passed"));
}

void
pulse_fold_timer(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	PulseNodeState *n = &run->nodes[fact->node];
	const PulseNode *def = run->graph->nodes[fact->node];

	if (pulse_run_status_terminal(run->status) || run->status == PULSE_RUN_QUARANTINED)
		return;

	/* one that was dropped, or replaced, since */
	if (n->status != PULSE_WAITING || n->due == 0 || n->due != fact->due)
		return;
	n->due = 0;

	switch (n->reason)
	{
		case PULSE_REASON_TIMER:
			pulse_step_complete(step, run, fact->node, &pulse_json_null);
			break;
		case PULSE_REASON_CHILD:
			pulse_child_timeout(step, run, fact->node);
			break;
		case PULSE_REASON_SIGNAL:
			if (def->timeout_completes)
				pulse_step_complete(step, run, fact->node, &pulse_json_null);
			else
				pulse_step_fail(step, run, fact->node,
								pulse_step_error(step, "timeout", "signal %s did not come in time",
												 pulse_state_awaited(run, fact->node)));
			break;
		default: /* retry, host */
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

void
pulse_step_attempt(PulseStep *step, PulseRunState *run, int node, int attempt,
				   const char *outcome, const PulseOutcome *detail)
{
	PulseNodeState *n = &run->nodes[node];
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_ATTEMPT, node);

	cmd->attempt = attempt;
	cmd->outcome = outcome;
	cmd->activation = n->activation;
	cmd->started_at = n->attempt_at;
	cmd->detail = detail;
}

static void
record_attempt(PulseStep *step, PulseRunState *run, int node,
			   const PulseOutcome *o, const char *outcome)
{
	pulse_step_attempt(step, run, node, o->attempt, outcome, o);
}

/* Waits until `due`, or fails if the node's whole time is over before that. */
void
pulse_step_retry_later(PulseStep *step, PulseRunState *run, int node,
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
	bool unknown = o->kind == PULSE_OUTCOME_UNKNOWN ||
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
				   o->kind == PULSE_OUTCOME_UNKNOWN ? "unknown" : o->kind == PULSE_OUTCOME_TIMED_OUT ? "timed_out"
																									 : "failed");
	n->outcome_unknown = unknown;
	n->error = o->error;

	if (unknown && !info.repeatable)
		pulse_step_wait(step, run, node, PULSE_REASON_OPERATOR, 0);
	else if (n->tries < policy->max_attempts &&
			 pulse_retry_applies(policy, o->class, o->code, o->retryable))
	{
		int64 delay = pulse_retry_delay(policy, Max(n->tries, 1), o->wait, step->prng);

		pulse_step_retry_later(step, run, node, PULSE_REASON_RETRY, step->now + delay);
	}
	else
		pulse_step_fail(step, run, node, o->error);
}

void
pulse_fold_outcome(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	PulseNodeState *n = &run->nodes[fact->node];
	const PulseOutcome *o = fact->outcome;

	if (n->status != PULSE_RUNNING || n->attempt != o->attempt)
	{
		record_attempt(step, run, fact->node, o, "late");
		return;
	}
	pulse_step_side(step, fact->node, o, o->attempt);
	if (o->kind == PULSE_OUTCOME_SUCCEEDED)
	{
		/* the version that ran, instead of the one that was asked for */
		if (o->action_version != NULL)
			n->action_version = o->action_version;
		n->holds = 0;
		pulse_step_stage(step, run, fact->node, o);
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
			pulse_step_retry_later(step, run, fact->node, PULSE_REASON_HOST,
							  step->now + hold_time(step, n->holds, o->wait));
			return;
		}
	}
	else
		n->holds = 0;
	fold_failure(step, run, fact->node, o);
}
