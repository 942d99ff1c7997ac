/*
 * write.c
 *		Commands of the kernel become the writes of a batch.
 *
 * Runs inside the batch's transaction, after a run was folded; numbers of nodes mean what they
 * mean in the graph as it is then, names what they meant when the command was given.  What is
 * sent to the world after the commit is not its business.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "store/growth_store.h"
#include "store/jsonb.h"
#include "utils/timestamp.h"

/* Of one answer: lines that are kept, and bytes of a message. */
#define MAX_LOG_LINES 1000
#define MAX_LOG_BYTES 8192

/* Writes are flushed when so many bytes of payload have gathered. */
#define FLUSH_BYTES (16 * 1024 * 1024)

static TimestampTz
server_time(int64 unix_usec)
{
	return unix_usec == 0 ? 0 : pulse_time_from_unix(unix_usec);
}

void
pulse_write_touched(PulseRun *run, int node)
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

/* False: there is no such node any more, or nothing has happened to it. */
static bool
has_row_to_be(const PulseRunState *s, int node)
{
	const PulseNodeState *n = &s->nodes[node];

	return pulse_node_exists(s->graph->nodes[node]) &&
		(n->status != PULSE_PENDING || n->has_row || n->attempt > 0 || n->has_activation);
}

static void
write_node(PulseEngine *e, PulseRun *run, int node)
{
	PulseNodeState *n = &run->state->nodes[node];
	PulseNodeWrite row = { 0 };
	const PulseJson *memo;

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
	memo = pulse_state_memo(n, e->scratch);
	if (memo != NULL)
		row.memo = pulse_jsonb_write(memo);
	if (n->output != NULL)
		row.output = pulse_jsonb_write(n->output);
	if (n->error != NULL)
		row.error = pulse_jsonb_write(n->error);
	pulse_writes_node(&e->writes, &row, !n->has_row);
	n->has_row = true;
	pulse_write_touched(run, node);
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
	if (run->ended)
		pulse_children_ended(e, run);
}

static void
write_timer(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	TimestampTz due = pulse_time_from_unix(cmd->due);
	bool set = cmd->kind == PULSE_CMD_TIMER_SET;

	pulse_writes_timer(&e->writes, set, run->part, due, &run->id,
					   cmd->node < 0 ? "" : pulse_command_node(run->state, cmd),
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
	row.node = pulse_command_node(run->state, cmd);
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

/*
 * Timers cleared in a step, by what they are: one that is set only to be cleared again
 * further on must not be set, as all deletes of a batch come before all inserts.
 */
typedef struct Cleared
{
	const char *node;
	PulseTimerKind timer;
	int64 due;
	int at; /* place among the commands */
} Cleared;

static int
compare_timers(const Cleared *a, const Cleared *b)
{
	if (a->due != b->due)
		return a->due < b->due ? -1 : 1;
	if (a->timer != b->timer)
		return a->timer < b->timer ? -1 : 1;
	return strcmp(a->node, b->node);
}

/* Of the same timer the last one comes first. */
static int
compare_cleared(const void *a, const void *b)
{
	const Cleared *x = a;
	const Cleared *y = b;
	int by_timer = compare_timers(x, y);

	return by_timer != 0 ? by_timer : y->at - x->at;
}

static Cleared
timer_of(const PulseRun *run, int at)
{
	const PulseCommand *cmd = &run->commands[at];
	Cleared c;

	c.node = cmd->node < 0 ? "" : pulse_command_node(run->state, cmd);
	c.timer = cmd->timer;
	c.due = cmd->due;
	c.at = at;
	return c;
}

static Cleared *
find_cleared(const PulseRun *run, int *n)
{
	Cleared *list;
	int k = 0;

	*n = 0;
	for (int i = 0; i < run->n_commands; i++)
		*n += run->commands[i].kind == PULSE_CMD_TIMER_CLEAR;
	if (*n == 0)
		return NULL;
	list = palloc(sizeof(Cleared) * (size_t) *n);
	for (int i = 0; i < run->n_commands; i++)
	{
		if (run->commands[i].kind == PULSE_CMD_TIMER_CLEAR)
			list[k++] = timer_of(run, i);
	}
	qsort(list, (size_t) *n, sizeof(Cleared), compare_cleared);
	return list;
}

/* True if the timer that this command sets is cleared further on. */
static bool
cleared_later(const PulseRun *run, int at, const Cleared *list, int n)
{
	Cleared set;
	int lo = 0;
	int hi = n;

	if (n == 0)
		return false;
	set = timer_of(run, at);
	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (compare_timers(&list[mid], &set) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && compare_timers(&list[lo], &set) == 0 && list[lo].at > at;
}

/* What a step says of one growth comes together, in order. */
static int
compare_growths(const void *a, const void *b)
{
	const PulseCommand *x = *(const PulseCommand *const *) a;
	const PulseCommand *y = *(const PulseCommand *const *) b;
	int i = x->kind == PULSE_CMD_GROWTH ? x->growth->id : x->number;
	int j = y->kind == PULSE_CMD_GROWTH ? y->growth->id : y->number;

	if (i != j)
		return i < j ? -1 : 1;
	return x < y ? -1 : x > y;
}

/*
 * One write for each growth, whatever was said of it in this step: a repeat may have come
 * in, moved on by many rounds, and gone.
 */
static void
write_growths(PulseEngine *e, PulseRun *run)
{
	const PulseCommand **list;
	int n = 0;

	for (int i = 0; i < run->n_commands; i++)
		n += run->commands[i].kind == PULSE_CMD_GROWTH ||
			run->commands[i].kind == PULSE_CMD_GROWTH_GONE;
	if (n == 0)
		return;
	list = palloc(sizeof(*list) * (size_t) n);
	n = 0;
	for (int i = 0; i < run->n_commands; i++)
	{
		if (run->commands[i].kind == PULSE_CMD_GROWTH ||
			run->commands[i].kind == PULSE_CMD_GROWTH_GONE)
			list[n++] = &run->commands[i];
	}
	qsort(list, (size_t) n, sizeof(*list), compare_growths);

	for (int i = 0; i < n;)
	{
		int id = list[i]->kind == PULSE_CMD_GROWTH ? list[i]->growth->id : list[i]->number;
		const PulseGrowthRecord *made = NULL;
		const PulseGrowthRecord *last = NULL;
		bool gone = false;

		for (; i < n; i++)
		{
			const PulseCommand *cmd = list[i];

			if ((cmd->kind == PULSE_CMD_GROWTH ? cmd->growth->id : cmd->number) != id)
				break;
			gone = cmd->kind == PULSE_CMD_GROWTH_GONE;
			if (gone)
				continue;
			last = cmd->growth;
			if (!last->renewed)
				made = last;
		}
		if (gone && made == NULL)
			pulse_writes_growth_gone(&e->writes, &run->id, id);
		else if (!gone && made == NULL)
			pulse_writes_growth_renewed(&e->writes, &run->id, last);
		else if (!gone)
		{
			PulseGrowthRecord record = *made;

			record.revision = last->revision;
			record.detail = last->detail;
			record.hash = last->hash;
			record.budget_after = last->budget_after ? last->budget_after : made->budget_after;
			pulse_writes_growth(&e->writes, &run->id, &record, e->now);
		}
	}
}

/* A node that has left the graph has no rows any more, so none may be added. */
static bool
has_left(const PulseRun *run, const PulseCommand *cmd)
{
	return pulse_command_at(run->state, cmd) < 0;
}

static const char *
log_level(const PulseJson *level)
{
	static const char *const known[] = { "debug", "info", "warning", "error" };

	for (int i = 0; level != NULL && i < (int) lengthof(known); i++)
	{
		if (pulse_json_is(level, known[i]))
			return known[i];
	}
	return "info";
}

/* Progress, cost and log lines that came with an answer. */
static void
write_side(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	const PulseOutcome *o = cmd->detail;
	const char *node = pulse_command_node(run->state, cmd);
	uint32 lines = o->logs != NULL ? Min(o->logs->len, MAX_LOG_LINES) : 0;

	if (o->progress != NULL || o->cost != NULL)
		pulse_writes_side(&e->writes, &run->id, node,
						  o->progress ? pulse_jsonb_write(o->progress) : NULL,
						  o->cost ? pulse_jsonb_write(o->cost) : NULL);
	for (uint32 i = 0; i < lines; i++)
	{
		const PulseJson *line = o->logs->u.items[i];
		const PulseJson *message = pulse_json_get(line, "message");
		const PulseJson *data = pulse_json_get(line, "data");
		const char *text = "";

		if (message != NULL)
			text = message->type == PULSE_JSON_STRING ? message->u.text : pulse_json_text(e->scratch, message);
		pulse_writes_log(&e->writes, &run->id, node, cmd->attempt,
						 log_level(pulse_json_get(line, "level")), NULL,
						 pulse_arena_strndup(e->scratch, text, pulse_utf8_clip(text, strlen(text), MAX_LOG_BYTES)),
						 data ? pulse_jsonb_write(data) : NULL, e->now);
	}
	if (o->logs != NULL && o->logs->len > lines)
		pulse_writes_log(&e->writes, &run->id, node, cmd->attempt, "warning", NULL,
						 psprintf("%u more lines of this answer were left out", o->logs->len - lines),
						 NULL, e->now);
}

void
pulse_write_flush_if_full(PulseEngine *e)
{
	if (e->writes.bytes > FLUSH_BYTES)
		pulse_writes_flush(&e->writes);
}

/* Turns the commands of the run into writes of the batch. */
void
pulse_write_commands(PulseEngine *e, PulseRun *run)
{
	bool run_written = false;
	int n_cleared;
	Cleared *cleared = find_cleared(run, &n_cleared);

	write_growths(e, run);
	pulse_write_flush_if_full(e);

	/* the last word on the run's row counts, so it is written once */
	for (int i = 0; i < run->n_commands; i++)
	{
		const PulseCommand *cmd = &run->commands[i];

		switch (cmd->kind)
		{
			case PULSE_CMD_NODE:
				/* about whoever has the number now */
				if (run->state->nodes[cmd->node].dirty && has_row_to_be(run->state, cmd->node))
					write_node(e, run, cmd->node);
				run->state->nodes[cmd->node].dirty = false;
				pulse_write_flush_if_full(e);
				break;
			case PULSE_CMD_RUN:
				if (!run_written)
					write_run(e, run);
				run_written = true;
				break;
			case PULSE_CMD_TIMER_SET:
				if (!cleared_later(run, i, cleared, n_cleared))
					write_timer(e, run, cmd);
				break;
			case PULSE_CMD_TIMER_CLEAR:
				write_timer(e, run, cmd);
				break;
			case PULSE_CMD_ATTEMPT:
				if (!has_left(run, cmd))
					write_attempt(e, run, cmd);
				break;
			case PULSE_CMD_SIGNAL:
				pulse_writes_signal(&e->writes, &run->id, cmd->signal_id, cmd->consumed,
									cmd->node < 0 ? NULL : pulse_command_node(run->state, cmd),
									cmd->message, e->now);
				break;
			case PULSE_CMD_LOG:
				pulse_writes_log(&e->writes, &run->id,
								 cmd->node < 0 ? NULL : pulse_command_node(run->state, cmd), 0,
								 "operator", cmd->actor, cmd->message, NULL, e->now);
				break;
			case PULSE_CMD_SIDE:
				write_side(e, run, cmd);
				pulse_write_flush_if_full(e);
				break;
			case PULSE_CMD_DISPATCH:
				guard_mark(e, run, cmd);
				break;
			case PULSE_CMD_NODE_GONE:
				pulse_writes_node_gone(&e->writes, &run->id, cmd->id);
				break;
			case PULSE_CMD_CHILD:
				pulse_children_start(e, run, cmd);
				pulse_write_flush_if_full(e);
				break;
			case PULSE_CMD_CHILD_CANCEL:
				pulse_children_cancel(e, cmd);
				break;
			case PULSE_CMD_GROWTH:
			case PULSE_CMD_GROWTH_GONE:
			case PULSE_CMD_ABORT:
			case PULSE_CMD_VOID:
				break;
		}
	}
}

/* The rows that brought this run's facts are done with. */
void
pulse_write_consumed(PulseEngine *e, PulseRun *run)
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
