/*
 * child.c
 *		Workflow nodes: runs that a run starts, waits for and cancels.
 *
 * The activation of the node is the id of the child run, so that whoever starts it twice
 * has started it once.  What happens inside of the child is its own business; its end comes
 * as a fact.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step_private.h"

#include "core/retry.h"

void
pulse_activate_workflow(PulseStep *step, PulseRunState *run, int node, const PulseJson *input)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];
	const PulseWorkflowInfo *info;
	PulseCommand *cmd;
	int64 due = def->timeout > 0 ? step->now + def->timeout : 0;

	if (n->total_deadline != 0 && step->now >= n->total_deadline)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "timeout", "total_timeout has passed"));
		return;
	}
	if (run->depth + 1 > PULSE_MAX_RUN_DEPTH)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "depth_exceeded",
										 "runs can start runs %d deep at most", PULSE_MAX_RUN_DEPTH));
		return;
	}
	if (step->workflow == NULL)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "unknown_workflow",
										 "workflow \"%s\" is not known here", def->name));
		return;
	}
	info = step->workflow(step->workflow_arg, run, def->name, def->version);
	if (info->refused != NULL)
	{
		pulse_step_fail(step, run, node,
						pulse_step_error(step, "unknown_workflow", "%s", info->refused));
		return;
	}
	n->activation = pulse_uuid7(step->now, step->prng);
	n->has_activation = true;
	n->outcome_unknown = false;
	if (def->total_timeout > 0 && n->total_deadline == 0)
		n->total_deadline = step->now + def->total_timeout;
	if (n->total_deadline != 0)
		due = due != 0 ? Min(due, n->total_deadline) : n->total_deadline;
	n->attempt_at = step->now;
	n->attempt++;
	n->tries++;
	pulse_step_wait(step, run, node, PULSE_REASON_CHILD, due);

	cmd = pulse_step_command(step, PULSE_CMD_CHILD, node);
	cmd->attempt = n->attempt;
	cmd->activation = n->activation;
	cmd->input = input;
	cmd->workflow = info;
}

void
pulse_child_cancel(PulseStep *step, PulseRunState *run, int node, const char *reason)
{
	PulseCommand *cmd = pulse_step_command(step, PULSE_CMD_CHILD_CANCEL, node);

	cmd->activation = run->nodes[node].activation;
	cmd->message = reason;
}

/* This child has not brought a result: another one, if the node says so, or the node fails. */
static void
child_failed(PulseStep *step, PulseRunState *run, int node, const char *class,
			 const PulseJson *error, const char *outcome)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];
	PulseOutcome *detail = pulse_arena_zalloc(step->scratch, sizeof(PulseOutcome));

	detail->kind = PULSE_OUTCOME_FAILED;
	detail->class = class;
	detail->error = error;
	pulse_step_attempt(step, run, node, n->attempt, outcome, detail);
	n->error = error;
	if (def->retry_given && n->tries < def->retry.max_attempts &&
		pulse_retry_applies(&def->retry, class, NULL, true))
	{
		int64 delay = pulse_retry_delay(&def->retry, Max(n->tries, 1), 0, step->prng);

		pulse_step_retry_later(step, run, node, PULSE_REASON_RETRY, step->now + delay);
	}
	else
		pulse_step_fail(step, run, node, error);
}

void
pulse_child_timeout(PulseStep *step, PulseRunState *run, int node)
{
	pulse_child_cancel(step, run, node, "its parent does not wait any longer");
	child_failed(step, run, node, "timeout",
				 pulse_step_error(step, "timeout", "the child run did not end in time"),
				 "timed_out");
}

void
pulse_fold_child(PulseStep *step, PulseRunState *run, const PulseFact *fact)
{
	PulseNodeState *n = &run->nodes[fact->node];
	const PulseJson *id = pulse_json_get(fact->payload, "run");
	const PulseJson *status = pulse_json_get(fact->payload, "status");
	const PulseJson *value;
	char text[PULSE_UUID_TEXT + 1];
	PulseJsonPair *pairs;

	/* one that nobody waits for: of an earlier attempt, or the parent has gone on */
	if (n->status != PULSE_WAITING || n->reason != PULSE_REASON_CHILD ||
		id == NULL || !pulse_json_is(id, pulse_uuid_text(&n->activation, text)))
		return;
	pulse_step_clear_timer(step, run, fact->node);
	if (status != NULL && pulse_json_is(status, "completed"))
	{
		value = pulse_json_get(fact->payload, "output");
		pulse_step_complete(step, run, fact->node, value != NULL ? value : &pulse_json_null);
		return;
	}
	value = pulse_json_get(fact->payload, "error");
	pairs = pulse_arena_alloc(step->scratch, 5 * sizeof(PulseJsonPair));
	pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(step->scratch, "child_failed") };
	pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(step->scratch, pulse_arena_printf(step->scratch, "the child run ended as %s", status != NULL && status->type == PULSE_JSON_STRING ? status->u.text : "failed")) };
	pairs[2] = (PulseJsonPair){ "child", 5, id };
	pairs[3] = (PulseJsonPair){ "status", 6, status != NULL ? status : &pulse_json_null };
	pairs[4] = (PulseJsonPair){ "error", 5, value != NULL ? value : &pulse_json_null };
	child_failed(step, run, fact->node, "child_failed",
				 pulse_json_object(step->scratch, pairs, 5), "failed");
}
