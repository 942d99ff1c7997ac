/*
 * work.c
 *		From facts to commands to rows: the middle of a batch.
 *
 * Runs inside the batch's transaction.  It loads the runs concerned, lets the
 * kernel fold their facts, and turns the kernel's commands into the batch's writes.
 * It sends nothing: calls and aborts are done after the commit, from the same commands.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "store/jsonb.h"
#include "utils/timestamp.h"

/* Writes are flushed when so many bytes of payload have gathered. */
#define FLUSH_BYTES (16 * 1024 * 1024)

static TimestampTz
server_time(int64 unix_usec)
{
	return unix_usec == 0 ? 0 : pulse_time_from_unix(unix_usec);
}

/* After this batch, values of these nodes must not point into scratch. */
static void
note_touched(PulseRun *run, int node)
{
	if (run->n_touched == run->cap_touched)
	{
		int cap = Max(8, run->cap_touched * 2);
		int *larger = palloc(sizeof(int) * (size_t) cap);

		if (run->n_touched > 0)
			memcpy(larger, run->touched, sizeof(int) * (size_t) run->n_touched);
		run->touched = larger;
		run->cap_touched = cap;
	}
	run->touched[run->n_touched++] = node;
}

/*
 * ---------------------------------------------------------------------
 * Commands to rows
 * ---------------------------------------------------------------------
 */

static void
write_node(PulseEngine *e, PulseRun *run, int node)
{
	PulseNodeState *n = &run->state->nodes[node];
	PulseNodeWrite row = { 0 };

	row.run = &run->id;
	row.part = run->part;
	row.node = run->state->graph->nodes[node]->id;
	row.status = pulse_status_name(n->status);
	row.reason = pulse_reason_name(n->reason);
	row.attempt = n->attempt;
	row.tries = n->tries;
	row.activation = n->has_activation ? (const pg_uuid_t *) &n->activation : NULL;
	row.outcome_unknown = n->outcome_unknown;
	row.started_at = server_time(n->started_at);
	row.ended_at = server_time(n->ended_at);
	row.due = server_time(n->due);
	row.total_deadline = server_time(n->total_deadline);
	row.action_version = n->action_version;
	if (n->output != NULL)
		row.output = pulse_jsonb_write(n->output);
	if (n->error != NULL)
		row.error = pulse_jsonb_write(n->error);
	pulse_writes_node(&e->writes, &row, !n->has_row);
	n->has_row = true;
	n->dirty = false;
	note_touched(run, node);
}

static void
write_run(PulseEngine *e, PulseRun *run)
{
	PulseRunState *s = run->state;

	pulse_writes_run(&e->writes, &run->id, pulse_run_status_name(s->status),
					 s->output ? pulse_jsonb_write(s->output) : NULL,
					 s->error ? pulse_jsonb_write(s->error) : NULL,
					 server_time(s->started_at), server_time(s->ended_at),
					 server_time(s->deadline));
	run->ended = pulse_run_status_terminal(s->status);
}

static void
write_timer(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	TimestampTz due = pulse_time_from_unix(cmd->due);
	bool set = cmd->kind == PULSE_CMD_TIMER_SET;

	pulse_writes_timer(&e->writes, set, run->part, due, &run->id,
					   cmd->node < 0 ? "" : run->state->graph->nodes[cmd->node]->id,
					   pulse_timer_kind_name(cmd->timer));
	if (set)
	{
		int at = e->part_at[run->part];

		e->next_timer = Min(e->next_timer, due);
		e->timer_after[at] = Min(e->timer_after[at], due);
	}
}

static void
write_attempt(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	PulseAttemptWrite row = { 0 };

	row.run = &run->id;
	row.node = run->state->graph->nodes[cmd->node]->id;
	row.attempt = cmd->attempt;
	row.activation = (const pg_uuid_t *) &cmd->activation;
	row.outcome = cmd->outcome;
	row.started_at = server_time(cmd->started_at);
	row.ended_at = e->now;
	row.epoch = e->part_rows[e->part_at[run->part]].epoch;
	if (cmd->detail != NULL)
	{
		row.class_ = cmd->detail->class;
		row.code = cmd->detail->code;
		row.http_status = cmd->detail->http_status;
		row.error = cmd->detail->error ? pulse_jsonb_write(cmd->detail->error) : NULL;
		row.action_version = cmd->detail->action_version;
	}
	pulse_writes_attempt(&e->writes, &row);
}

/* An activation older than the saved mark would not be found after a crash. */
static void
guard_mark(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	PulsePartRow *part = &e->part_rows[e->part_at[run->part]];

	if (memcmp(cmd->activation.b, part->activation_mark.data, 16) < 0)
	{
		memcpy(part->activation_mark.data, cmd->activation.b, 16);
		e->save_parts = true;
	}
}

/* True if this timer is set only to be cleared again further on in the same step. */
static bool
cleared_later(const PulseRun *run, int at, int last_clear)
{
	const PulseCommand *set = &run->commands[at];

	for (int i = at + 1; i <= last_clear; i++)
	{
		const PulseCommand *cmd = &run->commands[i];

		if (cmd->kind == PULSE_CMD_TIMER_CLEAR && cmd->node == set->node &&
			cmd->timer == set->timer && cmd->due == set->due)
			return true;
	}
	return false;
}

static void
write_commands(PulseEngine *e, PulseRun *run)
{
	bool run_written = false;
	int last_clear = -1;

	for (int i = 0; i < run->n_commands; i++)
	{
		if (run->commands[i].kind == PULSE_CMD_TIMER_CLEAR)
			last_clear = i;
	}

	/* the last word on the run's row counts, so it is written once */
	for (int i = 0; i < run->n_commands; i++)
	{
		const PulseCommand *cmd = &run->commands[i];

		switch (cmd->kind)
		{
			case PULSE_CMD_NODE:
				write_node(e, run, cmd->node);
				if (e->writes.bytes > FLUSH_BYTES)
					pulse_writes_flush(&e->writes);
				break;
			case PULSE_CMD_RUN:
				if (!run_written)
					write_run(e, run);
				run_written = true;
				break;
			case PULSE_CMD_TIMER_SET:
				/* all deletes of a batch come before all inserts */
				if (!cleared_later(run, i, last_clear))
					write_timer(e, run, cmd);
				break;
			case PULSE_CMD_TIMER_CLEAR:
				write_timer(e, run, cmd);
				break;
			case PULSE_CMD_ATTEMPT:
				write_attempt(e, run, cmd);
				break;
			case PULSE_CMD_SIGNAL:
				pulse_writes_signal(&e->writes, &run->id, cmd->signal_id, cmd->consumed,
									cmd->node < 0 ? NULL : run->state->graph->nodes[cmd->node]->id,
									cmd->message, e->now);
				break;
			case PULSE_CMD_LOG:
				pulse_writes_log(&e->writes, &run->id,
								 cmd->node < 0 ? NULL : run->state->graph->nodes[cmd->node]->id,
								 cmd->actor, cmd->message, e->now);
				break;
			case PULSE_CMD_DISPATCH:
				guard_mark(e, run, cmd);
				break;
			case PULSE_CMD_GROWTH:
			case PULSE_CMD_GROWTH_GONE:
			case PULSE_CMD_NODE_GONE:
			case PULSE_CMD_CHILD:
			case PULSE_CMD_CHILD_CANCEL:
			case PULSE_CMD_ABORT:
			case PULSE_CMD_VOID:
				break;
		}
	}
}

/* The rows that brought this run's facts are done with. */
void
pulse_work_consumed(PulseEngine *e, PulseRun *run)
{
	for (int i = 0; i < run->n_inbox; i++)
		pulse_writes_inbox_done(&e->writes, run->inbox[i].part, run->inbox[i].xid,
								run->inbox[i].id);
	for (int i = 0; i < run->n_timers; i++)
	{
		const PulseTimerRow *t = run->timers[i];

		pulse_writes_timer(&e->writes, false, t->part, t->due, &t->run, t->node, t->kind);
	}
}

/*
 * ---------------------------------------------------------------------
 * Facts to commands
 * ---------------------------------------------------------------------
 */

/* What the payload of an inbox row says. Throws if it is beyond the kernel's limits. */
static void
read_payload(PulseEngine *e, PulseFact *fact, Jsonb *jb)
{
	const PulseJson *payload = pulse_jsonb_read(e->scratch, jb);
	const PulseJson *reason;

	if (fact->kind == PULSE_FACT_SIGNAL)
	{
		fact->payload = payload;
		return;
	}
	reason = pulse_json_get(payload, "reason");
	if (reason != NULL && reason->type == PULSE_JSON_STRING)
		fact->reason = reason->u.text;
	fact->payload = pulse_json_get(payload, "output");
}

static PulseFact *
resolve_facts(PulseEngine *e, PulseRun *run, int *n)
{
	PulseFact *facts = palloc(sizeof(PulseFact) * (size_t) (run->n_raw + 1));
	int k = 0;

	if (run->loaded)
	{
		memset(&facts[k], 0, sizeof(PulseFact));
		facts[k].kind = PULSE_FACT_RECOVER;
		facts[k].node = -1;
		k++;
	}
	for (int i = 0; i < run->n_raw; i++)
	{
		facts[k] = run->raw[i].fact;
		if (run->raw[i].payload != NULL)
			read_payload(e, &facts[k], run->raw[i].payload);
		if (run->raw[i].node != NULL)
		{
			facts[k].node = pulse_graph_find(run->state->graph, run->raw[i].node,
											 strlen(run->raw[i].node));

			/* a node that a rewrite took away: its timer or answer is void */
			if (facts[k].node < 0 && facts[k].kind >= PULSE_FACT_TIMER)
				continue;
		}
		k++;
	}
	*n = k;
	return facts;
}

/*
 * A cancel among the facts ends a run whatever its state is: without it a run with
 * damaged rows could never be got rid of. True if there is one.
 */
static bool
abandon_if_asked(PulseEngine *e, PulseRun *run)
{
	for (int i = 0; i < run->n_raw; i++)
	{
		PulseFact fact = run->raw[i].fact;
		PulseJsonPair *pairs;

		if (fact.kind != PULSE_FACT_CANCEL)
			continue;
		if (run->raw[i].payload != NULL)
			read_payload(e, &fact, run->raw[i].payload);
		pairs = pulse_arena_alloc(e->scratch, 2 * sizeof(*pairs));
		pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(e->scratch, "cancelled") };
		pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(e->scratch, fact.reason ? fact.reason : "cancelled") };
		pulse_abandon_run(&run->id,
						  pulse_jsonb_write(pulse_json_object(e->scratch, pairs, 2)), e->now);
		pulse_writes_log(&e->writes, &run->id, NULL, fact.actor,
						 fact.reason ? psprintf("cancel: %s", fact.reason) : "cancel", e->now);
		if (run->part >= 0)
			e->ended |= UINT64CONST(1) << run->part;
		run->dropped = true;
		return true;
	}
	return false;
}

/* Tells whoever reads the run's row what is wrong with it, and stops touching it. */
void
pulse_work_quarantine(PulseEngine *e, PulseRun *run, const char *class_,
					  const char *message, int sqlstate)
{
	PulseJsonPair pairs[3];
	PulseJsonPair *copy = pulse_arena_alloc(e->scratch, sizeof(pairs));
	const PulseJson *error;
	char id[PULSE_UUID_TEXT + 1];

	if (abandon_if_asked(e, run))
		return;
	pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(e->scratch, class_) };
	pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(e->scratch, message) };
	pairs[2] = (PulseJsonPair){ "sqlstate", 8, pulse_json_string(e->scratch, unpack_sql_state(sqlstate)) };
	memcpy(copy, pairs, sizeof(pairs));
	error = pulse_json_object(e->scratch, copy, 3);

	pulse_quarantine_run(&run->id, pulse_jsonb_write(error), e->now);
	run->dropped = true;
	ereport(LOG,
			(errcode(sqlstate),
			 errmsg("run %s is quarantined: %s",
					pulse_uuid_text((const PulseUuid *) &run->id, id), message),
			 errhint("See pulse.runs.error; SELECT pulse.release('%s') lets it go on.", id)));
}

/* A graph of many thousand pure nodes must not keep a DROP DATABASE waiting. */
static void
serve_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void
step_run(PulseEngine *e, PulseRun *run)
{
	PulseStep step = { 0 };
	PulseStepResult result;
	PulseFact *facts;
	int n_facts;

	step.scratch = e->scratch;
	step.now = pulse_time_to_unix(e->now);
	step.prng = &e->prng;
	step.max_expr_steps = PULSE_EXPR_MAX_STEPS;
	step.max_output_bytes = (int64) pulse_guc_max_output_bytes;
	step.action = pulse_hosts_action_info;
	step.action_arg = e;
	step.interrupt = serve_interrupts;

	facts = resolve_facts(e, run, &n_facts);
	result = pulse_step(&step, run->state, facts, n_facts);
	while (result == PULSE_STEP_NEED)
	{
		for (int i = 0; i < step.n_need; i++)
			note_touched(run, step.need[i]);
		pulse_cache_values(e, run, step.need, step.n_need);
		result = pulse_step_continue(&step, run->state);
	}
	e->stats.nodes += step.nodes_done;
	if (result == PULSE_STEP_STUCK)
	{
		pulse_work_quarantine(e, run, "stuck", step.stuck, ERRCODE_INTERNAL_ERROR);
		return;
	}
	run->commands = step.commands;
	run->n_commands = step.n_commands;
	write_commands(e, run);
	if (e->writes.bytes > FLUSH_BYTES)
		pulse_writes_flush(&e->writes);
}

/*
 * Loads, folds and writes these runs. Throws on any error; then nothing of the
 * runs' states may be used any more.
 */
void
pulse_work(PulseEngine *e, PulseRun **runs, int n)
{
	pulse_cache_load(e, runs, n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		pulse_work_consumed(e, runs[i]);
		if (!runs[i]->missing && !runs[i]->dropped)
			step_run(e, runs[i]);
		runs[i]->done = true;
	}
	pulse_writes_flush(&e->writes);
}
