/*
 * step.c
 *		The step function: the order of facts, and what ends nodes and runs.
 *
 * Owns the changes that every part of the step function makes (a node waits, completes, is
 * skipped, fails; a run ends), each with its commands.  What a fact means is in
 * fold_run.c, fold_node.c and child.c, what happens to a ready node in activate.c and
 * lower.c, how the graph grows in growth.c.
 * Nothing looks at more of the graph than the nodes concerned, but for the ends
 * of a run and the actions of operators, which are rare and linear.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/step.h"

#include "core/step_private.h"

static const char *const timer_kind_names[] = {
	"start", "deadline", "delay", "retry", "timeout", "host", "continue"
};

const char *
pulse_timer_kind_name(PulseTimerKind kind)
{
	return timer_kind_names[kind];
}

PulseCommand *
pulse_step_command(PulseStep *step, PulseCommandKind kind, int node)
{
	PulseCommand *cmd;

	if (step->n_commands == step->cap_commands)
	{
		int cap = Max(16, step->cap_commands * 2);

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
	run->nodes[node].listed = step->n_commands;
	(void) pulse_step_command(step, PULSE_CMD_NODE, node);
}

PulseTimerKind
pulse_step_timer_of(const PulseNodeState *n)
{
	switch (n->reason)
	{
		case PULSE_REASON_SIGNAL:
		case PULSE_REASON_CHILD:
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
	cmd->timer = pulse_step_timer_of(n);
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

		cmd->timer = pulse_step_timer_of(n);
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
	n->signal = NULL;
	n->rejection = NULL;
	n->outcome_unknown = false;
	pulse_state_set(run, node, PULSE_COMPLETED, PULSE_REASON_NONE);
}

void
pulse_step_rewritten(PulseStep *step, PulseRunState *run, int node, const PulseJson *output)
{
	PulseNodeState *n = &run->nodes[node];

	end_node(step, run, node);
	n->output = output;
	n->error = NULL;
	n->rejection = NULL;
	n->outcome_unknown = false;
	pulse_state_set(run, node, PULSE_REWRITTEN, PULSE_REASON_NONE);
}

void
pulse_step_seal(PulseStep *step, PulseRunState *run)
{
	for (int i = step->sealed; i < step->n_commands; i++)
	{
		PulseCommand *cmd = &step->commands[i];

		/* NODE is about whoever has the number when it is written */
		if (cmd->node >= 0 && cmd->id == NULL && cmd->kind != PULSE_CMD_NODE)
			cmd->id = pulse_arena_strdup(step->scratch, run->graph->nodes[cmd->node]->id);
	}
	step->sealed = step->n_commands;
}

void
pulse_step_unlist(PulseStep *step, PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	if (n->listed < step->n_commands && step->commands[n->listed].kind == PULSE_CMD_NODE &&
		step->commands[n->listed].node == node)
		step->commands[n->listed].kind = PULSE_CMD_VOID;
	n->dirty = false;
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
pulse_step_error(PulseStep *step, const char *class, const char *fmt, ...)
{
	PulseJsonPair *pairs = pulse_arena_alloc(step->scratch, 2 * sizeof(*pairs));
	char text[1024];
	va_list args;

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
	if (def->scope != NULL && pulse_step_caught(step, run, node, error))
		return;
	end_node(step, run, node);
	n->output = NULL;
	n->error = error;
	pulse_state_set(run, node, PULSE_FAILED, PULSE_REASON_NONE);

	class = pulse_json_get(error, "class");
	message = pulse_json_get(error, "message");
	pairs = pulse_arena_alloc(step->scratch, 4 * sizeof(*pairs));
	pairs[0] = (PulseJsonPair){ "node", 4, pulse_json_stringn(step->scratch, def->id, def->id_len) };
	pairs[1] = (PulseJsonPair){ "class", 5, class ? class : &pulse_json_null };
	pairs[2] = (PulseJsonPair){ "error", 5, error };
	pairs[3] = (PulseJsonPair){ "message", 7, message ? message : &pulse_json_null };
	pulse_step_end_run(step, run, PULSE_RUN_FAILED, NULL,
					   pulse_json_object(step->scratch, pairs, 4),
					   PULSE_REASON_SIBLING);
}

void
pulse_step_interrupt(PulseStep *step, PulseRunState *run, int node, PulseReason reason)
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
	else if (n->status == PULSE_WAITING && n->reason == PULSE_REASON_CHILD)
		pulse_child_cancel(step, run, node, "its parent does not wait any longer");
	pulse_step_clear_timer(step, run, node);
	n->signal = NULL;
	pulse_state_set(run, node, PULSE_INTERRUPTED, reason);
	pulse_step_touch(step, run, node);
}

void
pulse_step_run_timer(PulseStep *step, PulseCommandKind kind, PulseTimerKind timer, int64 due)
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
				pulse_step_interrupt(step, run, i, interrupted);
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
		pulse_step_run_timer(step, PULSE_CMD_TIMER_CLEAR, PULSE_TIMER_DEADLINE, run->deadline);
	if (run->start_at != 0 && run->started_at == 0)
		pulse_step_run_timer(step, PULSE_CMD_TIMER_CLEAR, PULSE_TIMER_START, run->start_at);

	run->status = status;
	run->ended_at = step->now;
	run->output = output;
	run->error = error;
	(void) pulse_step_command(step, PULSE_CMD_RUN, -1);
}

static int
compare_facts(const void *a, const void *b)
{
	const PulseFact *x = a;
	const PulseFact *y = b;
	bool x_node = x->kind >= PULSE_FACT_TIMER;
	bool y_node = y->kind >= PULSE_FACT_TIMER;

	if (x_node != y_node)
		return x_node ? 1 : -1;
	if (x_node && strcmp(x->id, y->id) != 0)
		return strcmp(x->id, y->id);
	return x->ord < y->ord ? -1 : x->ord > y->ord;
}

PulseStepResult
pulse_step(PulseStep *step, PulseRunState *run, PulseFact *facts, int n_facts)
{
	step->sealed = 0;
	step->first_record = run->n_records;
	step->activated = 0;
	step->grown = false;
	for (int i = 0; i < n_facts; i++)
	{
		facts[i].ord = i;
		facts[i].id = facts[i].node >= 0 ? run->graph->nodes[facts[i].node]->id : NULL;
	}
	if (n_facts > 1)
		qsort(facts, (size_t) n_facts, sizeof(PulseFact), compare_facts);

	for (int i = 0; i < n_facts; i++)
	{
		/* a node that has just been replaced: what it was told is void */
		if (facts[i].node >= 0 && run->graph->nodes[facts[i].node]->id != facts[i].id)
			continue;
		switch (facts[i].kind)
		{
			case PULSE_FACT_TIMER:
				pulse_fold_timer(step, run, &facts[i]);
				break;
			case PULSE_FACT_OUTCOME:
				pulse_fold_outcome(step, run, &facts[i]);
				break;
			case PULSE_FACT_CHILD:
				pulse_fold_child(step, run, &facts[i]);
				break;
			default:
				pulse_fold_run_fact(step, run, &facts[i]);
				break;
		}
	}
	return pulse_step_continue(step, run);
}

PulseStepResult
pulse_step_continue(PulseStep *step, PulseRunState *run)
{
	PulseStepResult result = pulse_step_advance(step, run);

	if (result == PULSE_STEP_DONE)
		pulse_step_hash(step, run);
	return result;
}
