/*
 * collect.c
 *		What is new becomes facts of runs.
 *
 * Owns the reading side of a batch: finished calls, inbox rows, due timers, runs to
 * recover and new runs, each bounded.  It reads under the batch's one
 * snapshot, changes no row, and resolves nothing: a fact names its node by
 * text until its run is loaded.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/guc.h"
#include "utils/timestamp.h"

/*
 * Calls that wait for a slot, beyond which no new runs are taken up. Enough to keep
 * the slots busy over a batch; not more, since after a crash nobody knows of a waiting
 * call whether it was sent.
 */
#define MAX_WAITING_CALLS 128

/* The smallest useful piece of a read that is shared by many streams. */
#define MIN_PIECE 16

/* Held calls that go on early: how many at once, and how far ahead their timers can be. */
#define HELD_MAX 100000
#define HELD_HORIZON (INT64CONST(65) * 60 * 1000000)

/* Inputs of new runs in one batch, as stored. */
#define MAX_INPUT_BYTES (16 * 1024 * 1024)

/* Runs looked at in one batch while strikes are counted. */
#define CAREFUL_RUNS 256

/* The run takes part in this batch. */
static PulseRun *
batch_run(PulseEngine *e, const pg_uuid_t *id, int part)
{
	PulseRun *run = pulse_cache_run(e, id, part);

	if (run->in_batch)
		return run;
	if (e->n_batch_runs == e->cap_batch_runs)
	{
		int cap = Max(256, e->cap_batch_runs * 2);

		e->batch_runs = e->batch_runs == NULL ? palloc(sizeof(PulseRun *) * (size_t) cap) : repalloc(e->batch_runs, sizeof(PulseRun *) * (size_t) cap);
		e->cap_batch_runs = cap;
	}
	run->in_batch = true;
	run->loaded = false;
	run->missing = false;
	run->dropped = false;
	run->done = false;
	run->committed = false;
	run->outcome = false;
	run->ended = false;
	run->row = NULL;
	run->n_raw = run->cap_raw = 0;
	run->n_inbox = run->cap_inbox = 0;
	run->n_timers = run->cap_timers = 0;
	run->commands = NULL;
	run->n_commands = 0;
	run->n_touched = run->cap_touched = 0;

	e->batch_runs[e->n_batch_runs++] = run;
	return run;
}

/* Room for one more element of an array that starts at 4. */
#define GROW(array, n, cap)                                               \
	do                                                                    \
	{                                                                     \
		if ((n) == (cap))                                                 \
		{                                                                 \
			void *larger;                                                 \
			(cap) = Max(4, (cap) *2);                                     \
			larger = palloc(sizeof(*(array)) * (size_t) (cap));           \
			if ((n) > 0)                                                  \
				memcpy(larger, (array), sizeof(*(array)) * (size_t) (n)); \
			(array) = larger;                                             \
		}                                                                 \
	} while (0)

static PulseRawFact *
add_raw(PulseEngine *e, PulseRun *run, PulseFactKind kind, const char *node)
{
	PulseRawFact *raw;

	GROW(run->raw, run->n_raw, run->cap_raw);
	raw = &run->raw[run->n_raw++];
	memset(raw, 0, sizeof(*raw));
	raw->fact.kind = kind;
	raw->fact.node = -1;
	raw->fact.at = pulse_time_to_unix(e->now);
	raw->node = node;
	run->outcome |= kind == PULSE_FACT_OUTCOME;
	e->facts++;
	return raw;
}

static PulseFact *
add_fact(PulseEngine *e, PulseRun *run, PulseFactKind kind, const char *node)
{
	return &add_raw(e, run, kind, node)->fact;
}

static void
collect_calls(PulseEngine *e, int limit)
{
	dlist_iter it;

	dlist_foreach(it, &e->finished)
	{
		PulseCall *call = dlist_container(PulseCall, link, it.cur);
		PulseFact *fact;

		if (limit-- <= 0)
		{
			e->more = true;
			break;
		}
		fact = add_fact(e, batch_run(e, &call->run, call->part), PULSE_FACT_OUTCOME,
						call->node);
		fact->outcome = &call->outcome;
		call->taken = true;
	}
}

static void
inbox_fact(PulseEngine *e, PulseRun *run, const PulseInboxRow *row)
{
	static const struct
	{
		const char *name;
		PulseFactKind kind;
	} kinds[] = {
		{ "cancel", PULSE_FACT_CANCEL },
		{ "pause", PULSE_FACT_PAUSE },
		{ "resume", PULSE_FACT_RESUME },
		{ "retry", PULSE_FACT_RETRY },
		{ "skip", PULSE_FACT_SKIP },
		{ "release", PULSE_FACT_RELEASE },
		{ "child", PULSE_FACT_CHILD }
	};
	PulseRawFact *raw;

	GROW(run->inbox, run->n_inbox, run->cap_inbox);
	run->inbox[run->n_inbox++] = (PulseInboxKey){ row->part, row->xid, row->id };

	if (strcmp(row->kind, "signal") == 0)
	{
		/* its row goes with its run only; then there is nothing to tell */
		if (row->signal_id == NULL)
			return;
		raw = add_raw(e, run, PULSE_FACT_SIGNAL, NULL);
		raw->fact.signal_id = row->signal_id;
		raw->fact.signal_name = row->signal_name;
		raw->fact.signal_seq = row->signal_seq;
		raw->payload = row->signal_payload;
		return;
	}
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (strcmp(row->kind, kinds[i].name) != 0)
			continue;
		raw = add_raw(e, run, kinds[i].kind, row->node);
		raw->fact.at = pulse_time_to_unix(row->at);
		raw->fact.actor = row->actor;
		raw->payload = row->payload;
		return;
	}
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("inbox row of unknown kind \"%s\" dropped", row->kind)));
}

static void
collect_inbox(PulseEngine *e, int limit)
{
	PulseRange *ranges;
	PulseInboxRow *rows;
	int n;
	int found;
	int per_range;
	int i = 0;

	if (!pulse_streams_wanted(e->streams, PULSE_STREAM_INBOX))
		return;
	ranges = pulse_streams_ranges(e->streams, PULSE_STREAM_INBOX, &n);
	if (n == 0)
		return;
	per_range = Max(limit / n, MIN_PIECE);
	rows = pulse_discover_inbox(ranges, n, per_range, &found);

	for (int r = 0; r < n; r++)
	{
		int first = i;

		for (; i < found && rows[i].range == r; i++)
			inbox_fact(e, batch_run(e, &rows[i].run, rows[i].part), &rows[i]);
		pulse_streams_read(e->streams, r, i - first, per_range,
						   i > first ? rows[i - 1].xid : 0, NULL,
						   i > first ? rows[i - 1].id : 0);
		e->more |= i - first >= per_range;
	}
}

static void
collect_timers(PulseEngine *e, int limit)
{
	PulseTimerRow *rows;
	int found;

	if (e->next_timer > e->now)
		return;
	rows = pulse_discover_timers(e->parts, e->timer_after, e->n_parts, e->now,
								 limit, &found);
	for (int i = 0; i < found; i++)
	{
		PulseTimerRow *row = &rows[i];
		PulseRun *run = batch_run(e, &row->run, row->part);

		GROW(run->timers, run->n_timers, run->cap_timers);
		run->timers[run->n_timers++] = row;
		/* "continue": what was cut short goes on when the run is looked at */
		if (strcmp(row->kind, "start") == 0 || strcmp(row->kind, "continue") == 0)
			(void) add_fact(e, run, PULSE_FACT_START, NULL);
		else if (strcmp(row->kind, "deadline") == 0)
			(void) add_fact(e, run, PULSE_FACT_DEADLINE, NULL);
		else
			add_fact(e, run, PULSE_FACT_TIMER, row->node)->due = pulse_time_to_unix(row->due);
	}
	if (found >= limit)
	{
		/* those of a part come in order: the next read starts at its last */
		for (int i = 0; i < found; i++)
			e->timer_after[e->part_at[rows[i].part]] = rows[i].due;
		e->more = true;
		return;
	}
	/* all that was due has been read: the next read starts here */
	for (int i = 0; i < e->n_parts; i++)
		e->timer_after[i] = e->now;
	e->next_timer = pulse_discover_next_due(e->parts, e->n_parts, e->now + 1);
}

/*
 * Calls that wait for a host go on before their time when something was mended. Their
 * timers are listed once: what is held again meanwhile waits for its own.
 */
static void
collect_held(PulseEngine *e, int limit)
{
	if (e->mended && e->held == NULL)
	{
		MemoryContext old;

		e->held_context = AllocSetContextCreate(e->context, "pulse held calls",
												ALLOCSET_DEFAULT_SIZES);
		old = MemoryContextSwitchTo(e->held_context);
		e->held = pulse_discover_held(e->parts, e->n_parts, e->now, e->now + HELD_HORIZON,
									  HELD_MAX, &e->n_held);
		MemoryContextSwitchTo(old);
		e->held_at = 0;
		e->mended = false;
	}
	if (e->held == NULL)
		return;
	for (; e->held_at < e->n_held && limit > 0; e->held_at++, limit--)
	{
		PulseTimerRow *row = &e->held[e->held_at];
		PulseRun *run = batch_run(e, &row->run, row->part);

		GROW(run->timers, run->n_timers, run->cap_timers);
		run->timers[run->n_timers++] = row;
		add_fact(e, run, PULSE_FACT_TIMER, row->node)->due = pulse_time_to_unix(row->due);
	}
	e->more |= e->held_at < e->n_held || e->mended;
}

/* The list is at its end, and what it led to is committed. */
static void
end_held(PulseEngine *e)
{
	if (e->held == NULL || e->held_at < e->n_held)
		return;
	MemoryContextDelete(e->held_context);
	e->held = NULL;
}

static void
collect_recovery(PulseEngine *e, int limit)
{
	while (e->recover_at < e->n_recover && limit-- > 0)
	{
		pg_uuid_t *id = &e->recover[e->recover_at++];

		(void) batch_run(e, id, -1);
	}
	e->more |= e->recover_at < e->n_recover;
}

static void
collect_level(PulseEngine *e, int priority, int limit, int *taken)
{
	PulseRange *ranges;
	PulseRunRow *rows;
	int n;
	int found;
	int per_range;
	int i = 0;

	if (!pulse_streams_wanted(e->streams, priority))
		return;
	ranges = pulse_streams_ranges(e->streams, priority, &n);
	if (n == 0)
		return;
	per_range = Max(limit / n, MIN_PIECE);
	rows = pulse_discover_runs(ranges, n, per_range, e->old_xid, &found);

	for (int r = 0; r < n; r++)
	{
		int first = i;
		int count = 0;
		int bound = per_range;

		for (; i < found && rows[i].range == r; i++)
		{
			PulseRun *run;

			/* the rest of the range stays for the next batch */
			if (e->input_bytes > MAX_INPUT_BYTES)
			{
				bound = count;
				continue;
			}
			e->input_bytes += rows[i].bytes;
			count++;
			run = batch_run(e, &rows[i].id, rows[i].part);
			if (run->state == NULL)
				run->row = &rows[i];
			rows[i].touched |= run->n_raw > 0;
			(void) add_fact(e, run, PULSE_FACT_START, NULL);
		}
		pulse_streams_read(e->streams, r, count, bound,
						   count > 0 ? rows[first + count - 1].xid : 0,
						   count > 0 ? &rows[first + count - 1].id : NULL, 0);
		e->more |= count >= bound;
		*taken += count;
	}
}

/*
 * Higher levels first; each lower one that has something gets a tenth, so that
 * nothing starves.
 */
static void
collect_runs(PulseEngine *e, int limit)
{
	int taken = 0;
	int free = pulse_calls_free_slots(e) + MAX_WAITING_CALLS - pulse_calls_waiting(e);

	e->taken_up = 0;
	e->input_bytes = 0;
	e->full = free <= 0;
	if (e->full)
		return;
	if (e->calls_per_run * limit > free)
		limit = Max(MIN_PIECE, (int) (free / e->calls_per_run));
	for (int p = 0; p < PULSE_PRIORITIES; p++)
		collect_level(e, p, Max(limit - taken, limit / 10), &taken);
	e->taken_up = taken;
}

/* Fills e->batch_runs. Nothing is changed but provisional positions. */
void
pulse_collect(PulseEngine *e, PulseHints *hints)
{
	int limit = e->careful ? CAREFUL_RUNS : pulse_guc_batch_size;

	pulse_streams_hint(e->streams, hints);
	memset(hints, 0, sizeof(*hints));

	collect_calls(e, pulse_guc_batch_size);
	collect_inbox(e, limit);
	collect_timers(e, limit);
	collect_held(e, limit);
	collect_recovery(e, limit);
	collect_runs(e, limit);
}

/* What was read stays read, and the calls whose outcomes are recorded go. */
void
pulse_collect_committed(PulseEngine *e)
{
	dlist_mutable_iter it;

	pulse_streams_commit(e->streams);
	end_held(e);
	dlist_foreach_modify(it, &e->finished)
	{
		PulseCall *call = dlist_container(PulseCall, link, it.cur);

		if (call->taken)
			pulse_call_retire(e, call);
	}
}

/*
 * After the batch: has a stream been noted while its window was still open? The rows of
 * transactions that the window's snapshot saw in progress are not in it.
 */
bool
pulse_collect_pending(PulseEngine *e)
{
	if (pulse_streams_wanted(e->streams, PULSE_STREAM_INBOX))
		return true;
	for (int p = 0; !e->full && p < PULSE_PRIORITIES; p++)
	{
		if (pulse_streams_wanted(e->streams, p))
			return true;
	}
	return false;
}
