/*
 * engine.c
 *		The engine of one worker: one batch after the other.
 *
 * Owns the batch: its transactions, what happens when one fails, and what is done
 * after it has committed.  What is read is collect.c's business, what it means
 * work.c's.  The engine never waits; it says when it wants to be called again.
 *
 * A batch that fails is rolled back and forgotten: positions fall back, the states of its
 * runs are dropped, finished calls stay.  If the error is nobody's fault the engine
 * backs off; otherwise the next batch runs each run in a subtransaction of its own, and
 * one that fails three times is set aside.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "access/xact.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/txn.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

/* What a batch keeps of its memory, so that small ones cost no system call. */
#define BATCH_KEEP ((Size) 128 * 1024)
#define BATCH_BLOCK_MAX ((Size) 8 * 1024 * 1024)

#define HEAP_KEEP (64 * 1024 * 1024)
#define HEAP_MMAP (32 * 1024 * 1024)
#define HEAP_PAD (1024 * 1024)

/* At most so long do answers gather while calls wait for a slot. */
#define GATHER_MAX INT64CONST(2000)

#define SAVE_INTERVAL INT64CONST(5000000) /* usec between saves of the marks */
#define BACKOFF_FIRST INT64CONST(100000)
#define BACKOFF_MAX INT64CONST(10000000)

/*
 * ---------------------------------------------------------------------
 * Life of an engine
 * ---------------------------------------------------------------------
 */

static void
take_parts(PulseEngine *e)
{
	pg_uuid_t **running = palloc(sizeof(pg_uuid_t *) * (size_t) e->n_parts);
	int *counts = palloc(sizeof(int) * (size_t) e->n_parts);
	int total = 0;

	pulse_parts_take(e->parts, e->n_parts, e->worker, e->part_rows);
	for (int i = 0; i < e->n_parts; i++)
	{
		PulsePartRow *row = &e->part_rows[i];

		pulse_streams_set_mark(e->streams, row->part, PULSE_STREAM_INBOX, row->inbox_mark);
		for (int p = 0; p < PULSE_PRIORITIES; p++)
			pulse_streams_set_mark(e->streams, row->part, p, row->run_marks[p]);
		e->careful |= row->unclean;
		running[i] = pulse_discover_running(row->part, &row->activation_mark, &counts[i]);
		total += counts[i];
	}
	e->recover = MemoryContextAllocHuge(e->context, sizeof(pg_uuid_t) * (size_t) Max(total, 1));
	for (int i = 0; i < e->n_parts; i++)
	{
		memcpy(e->recover + e->n_recover, running[i], sizeof(pg_uuid_t) * (size_t) counts[i]);
		e->n_recover += counts[i];
	}
	e->careful_left = e->n_recover + 3 * pulse_guc_batch_size;
}

/*
 * A worker's memory goes up and down with each batch; giving the top of the heap
 * back to the system in between costs more than the batch's own work.
 */
static void
keep_heap(void)
{
#ifdef M_TRIM_THRESHOLD
	(void) mallopt(M_TRIM_THRESHOLD, HEAP_KEEP);
	(void) mallopt(M_MMAP_THRESHOLD, HEAP_MMAP);
	(void) mallopt(M_TOP_PAD, HEAP_PAD);
#endif
}

PulseEngine *
pulse_engine_create(int worker, int n_workers, bool test_transport)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "pulse engine",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PulseEngine *e = palloc0(sizeof(PulseEngine));

	e->context = context;
	e->runs_context = AllocSetContextCreate(context, "pulse runs", ALLOCSET_DEFAULT_SIZES);
	e->calls_context = AllocSetContextCreate(context, "pulse calls", ALLOCSET_DEFAULT_SIZES);
	e->batch = AllocSetContextCreate(context, "pulse batch", 0, BATCH_KEEP, BATCH_BLOCK_MAX);
	e->scratch = pulse_arena_create(BATCH_KEEP);
	e->worker = worker;
	e->n_workers = n_workers;
	e->test = test_transport;
	for (int p = 0; p < PULSE_PARTS; p++)
	{
		e->part_at[p] = -1;
		if (p % n_workers == worker)
		{
			e->part_at[p] = e->n_parts;
			e->parts[e->n_parts++] = p;
		}
	}
	if (!e->test)
		keep_heap();
	pg_prng_seed(&e->prng, pulse_random_seed());
	e->next_timer = DT_NOBEGIN;
	for (int i = 0; i < e->n_parts; i++)
		e->timer_after[i] = DT_NOBEGIN;
	e->streams = pulse_streams_create(e->parts, e->n_parts);
	e->retry_at = DT_NOBEGIN;
	e->calls_per_run = 1.0;
	pulse_cache_init(e);
	pulse_hosts_init(e);
	pulse_calls_init(e);

	pulse_txn_begin("pulse: taking over parts");
	take_parts(e);
	pulse_txn_commit();
	memcpy(e->parts_stored, e->part_rows, sizeof(e->parts_stored));
	MemoryContextSwitchTo(old);
	e->parts_saved = pulse_now();
	return e;
}

int
pulse_engine_fd(PulseEngine *e)
{
	return e->mux ? pulse_mux_fd(e->mux) : -1;
}

/* Moments further ahead than they can be set are from before the clock was put back. */
static bool
gathering(PulseEngine *e, TimestampTz now)
{
	return now < e->gather_until && e->gather_until - now <= GATHER_MAX;
}

static bool
backing_off(PulseEngine *e, TimestampTz now)
{
	return now < e->retry_at && e->retry_at - now <= BACKOFF_MAX;
}

int64
pulse_engine_net_timeout(PulseEngine *e)
{
	int64 timeout = e->mux ? pulse_mux_timeout_us(e->mux) : -1;
	TimestampTz now = pulse_now();

	/* what has finished is no reason to come back while a failed batch backs off */
	if (e->n_finished > 0 && !backing_off(e, now))
	{
		int64 left = gathering(e, now) ? e->gather_until - now : 0;

		timeout = timeout < 0 ? left : Min(timeout, left);
	}
	return timeout;
}

bool
pulse_engine_drive(PulseEngine *e)
{
	bool finished = pulse_calls_drive(e);

	return finished && !(e->n_queued > 0 && e->n_finished < pulse_guc_batch_size &&
						 gathering(e, pulse_now()));
}

void
pulse_engine_stats(PulseEngine *e, PulseEngineStats *stats)
{
	*stats = e->stats;
	stats->in_flight = e->n_active;
	stats->queued = e->n_queued;
	stats->cached_runs = pulse_cache_count(e);
}

/*
 * ---------------------------------------------------------------------
 * Marks
 * ---------------------------------------------------------------------
 */

/* The oldest activation under way in each part. */
static void
compute_marks(PulseEngine *e)
{
	dlist_head *lists[2] = { &e->active, &e->finished };
	PulseUuid floor = pulse_uuid7_floor(pulse_time_to_unix(e->now) - 1000);

	for (int i = 0; i < e->n_parts; i++)
	{
		PulsePartRow *row = &e->part_rows[i];

		row->inbox_mark = pulse_streams_mark(e->streams, row->part, PULSE_STREAM_INBOX);
		for (int p = 0; p < PULSE_PRIORITIES; p++)
			row->run_marks[p] = pulse_streams_mark(e->streams, row->part, p);

		/* runs that still have to be recovered keep the old mark */
		if (e->recover_at >= e->n_recover)
			memcpy(row->activation_mark.data, floor.b, 16);
	}
	for (int l = 0; l < 2 + e->n_hosts; l++)
	{
		dlist_iter it;

		dlist_foreach(it, l < 2 ? lists[l] : &e->hosts[l - 2]->queue)
		{
			PulseCall *call = dlist_container(PulseCall, link, it.cur);
			PulsePartRow *row = &e->part_rows[e->part_at[call->part]];

			if (memcmp(call->activation.b, row->activation_mark.data, 16) < 0)
				memcpy(row->activation_mark.data, call->activation.b, 16);
		}
	}
}

/* Calls that this batch is about to start are in no list yet. */
static void
lower_marks(PulseEngine *e)
{
	for (int i = 0; i < e->n_batch_runs; i++)
	{
		PulseRun *run = e->batch_runs[i];

		for (int c = 0; c < run->n_commands; c++)
		{
			const PulseCommand *cmd = &run->commands[c];
			PulsePartRow *row = &e->part_rows[e->part_at[run->part]];

			if (cmd->kind == PULSE_CMD_DISPATCH &&
				memcmp(cmd->activation.b, row->activation_mark.data, 16) < 0)
				memcpy(row->activation_mark.data, cmd->activation.b, 16);
		}
	}
}

/* Every few seconds, in a batch that writes anyway. */
static void
save_marks(PulseEngine *e, bool leave)
{
	compute_marks(e);
	lower_marks(e);
	pulse_parts_save(e->part_rows, e->n_parts, leave);
	e->parts_saved = e->now;
}

void
pulse_engine_leave(PulseEngine *e)
{
	pulse_txn_begin("pulse: leaving");
	e->now = pulse_now();
	e->n_batch_runs = 0;
	pulse_calls_unsent(e);
	save_marks(e, true);
	pulse_txn_commit();
}

/*
 * ---------------------------------------------------------------------
 * After a batch
 * ---------------------------------------------------------------------
 */

/* An ended run has nothing under way: one look at the calls, not one for each. */
static void
abort_if_told(PulseEngine *e, PulseRun *run)
{
	for (int c = 0; c < run->n_commands; c++)
	{
		if (run->commands[c].kind == PULSE_CMD_ABORT)
		{
			pulse_calls_abort_run(e, &run->id);
			return;
		}
	}
}

/* Learns from this batch how many calls the next runs will bring. */
static void
learn_calls(PulseEngine *e, int dispatched)
{
	if (e->taken_up > 0)
		e->calls_per_run = (e->calls_per_run + (double) dispatched / e->taken_up) / 2;
}

/* What the run's commit has made true is told to the world; returns the calls made. */
static int
act_on(PulseEngine *e, PulseRun *run)
{
	int dispatched = 0;
	PulseCommand call;

	run->in_batch = false;
	if (run->missing || run->dropped)
	{
		pulse_calls_abort_run(e, &run->id);
		pulse_cache_drop(e, run);
		return 0;
	}
	if (pulse_run_status_terminal(run->state->status))
	{
		if (run->ended)
		{
			e->ended |= UINT64CONST(1) << run->part;
			abort_if_told(e, run);
		}
		pulse_cache_drop(e, run);
		return 0;
	}
	for (int c = 0; c < run->n_commands; c++)
	{
		const PulseCommand *cmd = &run->commands[c];

		if (cmd->kind == PULSE_CMD_ABORT)
			pulse_call_abort(e, &run->id, pulse_command_node(run->state, cmd));
		else if (cmd->kind == PULSE_CMD_DISPATCH)
		{
			/* a node that has left the graph in the same step is not called */
			call = *cmd;
			call.node = pulse_command_at(run->state, cmd);
			if (call.node < 0)
				continue;
			pulse_call_dispatch(e, run, &call);
			dispatched++;
		}
	}
	pulse_state_settle(run->state, run->touched, run->n_touched);
	run->row = NULL;
	if (pulse_cache_bloated(run))
		pulse_cache_evict(e, run);
	return dispatched;
}

/* The last commit of the batch is there. */
static void
act(PulseEngine *e)
{
	int dispatched = 0;

	for (int i = 0; i < e->n_batch_runs; i++)
		dispatched += act_on(e, e->batch_runs[i]);
	learn_calls(e, dispatched);
	pulse_cache_trim(e);
	pulse_calls_pump(e);
}

/*
 * The batch has failed: positions fall back, and what was not committed is
 * forgotten. (A careful batch commits in pieces; those that are through count.)
 */
static void
forget(PulseEngine *e)
{
	dlist_mutable_iter it;

	dlist_foreach_modify(it, &e->finished)
	{
		PulseCall  *call = dlist_container(PulseCall, link, it.cur);
		PulseRun   *run = call->taken ? pulse_cache_find(e, &call->run) : NULL;

		call->taken = false;
		if (run != NULL && run->committed)
			pulse_call_retire(e, call);	/* its outcome is still pointed to */
	}
	pulse_streams_rollback(e->streams);
	pulse_hosts_unsave(e);
	memcpy(e->part_rows, e->parts_stored, sizeof(e->part_rows));
	e->held_at = 0;
	e->recover_at = e->recover_from;
	e->evicted = true;
	for (int i = 0; i < e->n_batch_runs; i++)
	{
		if (e->batch_runs[i]->committed)
			(void) act_on(e, e->batch_runs[i]);
		else
			pulse_cache_drop(e, e->batch_runs[i]);
	}
	e->n_batch_runs = 0;
	e->next_timer = DT_NOBEGIN;
	for (int i = 0; i < e->n_parts; i++)
		e->timer_after[i] = DT_NOBEGIN;
}

/*
 * ---------------------------------------------------------------------
 * The batch
 * ---------------------------------------------------------------------
 */

/*
 * The commit, and how long the next batch may wait for more answers: about as
 * long as this one took, while calls queue for slots. So batches grow with the
 * cost of a flush, and an idle engine answers at once.
 */
static void
commit_batch(PulseEngine *e)
{
	TimestampTz before = pulse_now();
	TimestampTz after;

	pulse_txn_commit();
	after = pulse_now();
	e->gather_until = after + Min(Max(after - before, 0), GATHER_MAX);
}

/* All of it up to the commit. Throws. */
static void
run_batch(PulseEngine *e, PulseHints *hints)
{
	PulseHints copy = *hints;

	pulse_txn_begin("pulse: batch");
	MemoryContextSwitchTo(e->batch);
	pulse_hosts_reload(e, copy.registry);
	if (e->evicted || e->old_xid == 0)
	{
		e->old_xid = pulse_streams_xmax(e->streams);
		e->evicted = false;
	}
	pulse_collect(e, &copy);

	if (e->careful || e->n_watched > 0)
		pulse_careful_work(e);
	else if (e->solo)
		pulse_careful_solo(e, e->batch_runs, e->n_batch_runs);
	else
		pulse_work(e, e->batch_runs, e->n_batch_runs);

	pulse_hosts_save(e);
	if (e->save_parts ||
		(e->n_batch_runs > 0 && e->now - e->parts_saved > SAVE_INTERVAL))
	{
		if (e->save_parts)
			pulse_parts_save(e->part_rows, e->n_parts, false);
		else
			save_marks(e, false);
	}
	commit_batch(e);
	MemoryContextSwitchTo(e->batch);
	*hints = copy;
}

bool
pulse_engine_nobodys_fault(int sqlstate)
{
	int class_ = ERRCODE_TO_CATEGORY(sqlstate);

	return class_ == ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK) ||
		class_ == ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES) ||
		class_ == ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION) ||
		class_ == ERRCODE_TO_CATEGORY(ERRCODE_SYSTEM_ERROR) ||
		class_ == ERRCODE_TO_CATEGORY(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE) ||
		sqlstate == ERRCODE_READ_ONLY_SQL_TRANSACTION;
}

/* The batch has failed: what to do next time. The error is in no state any more. */
static void
batch_failed(PulseEngine *e, ErrorData *error)
{
	int64 wait;

	pulse_txn_abort();
	MemoryContextSwitchTo(e->context);
	forget(e);
	pulse_careful_failed(e);
	e->stats.errors++;
	e->failures++;

	if (!pulse_engine_nobodys_fault(error->sqlerrcode) && !e->solo)
	{
		/* look again at once, one by one */
		e->solo = true;
		wait = 0;
	}
	else
		wait = Min(BACKOFF_FIRST << Min(e->failures, 10), BACKOFF_MAX);
	e->retry_at = pulse_now() + wait;

	if (!e->complained)
		ereport(LOG,
				(errcode(error->sqlerrcode),
				 errmsg("a batch of pulse worker %d failed: %s", e->worker, error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0,
				 errhint("It is tried again; further failures of this episode are not logged.")));
	e->complained = true;
}

PulseBatchResult
pulse_engine_batch(PulseEngine *e, PulseHints *hints)
{
	MemoryContext caller = CurrentMemoryContext;
	PulseBatchResult result = { 0 };
	volatile bool failed = false;

	e->now = pulse_now();
	if (backing_off(e, e->now))
	{
		result.failed = true;
		result.next_due = e->retry_at;
		return result;
	}

	MemoryContextReset(e->batch);
	MemoryContextSwitchTo(e->batch);
	pulse_arena_reset(e->scratch);
	e->batch_runs = NULL;
	e->n_batch_runs = e->cap_batch_runs = 0;
	e->facts = 0;
	e->more = false;
	e->ended = 0;
	memset(&e->told, 0, sizeof(e->told));
	e->workflows = NULL;
	e->save_parts = false;
	e->n_struck = 0;
	e->recover_from = e->recover_at;
	pulse_writes_init(&e->writes);

	PG_TRY();
	{
		run_batch(e, hints);
	}
	PG_CATCH();
	{
		ErrorData *error;

		/* who is asked to go, goes */
		if (ProcDiePending)
			PG_RE_THROW();
		MemoryContextSwitchTo(e->batch);
		error = CopyErrorData();
		FlushErrorState();
		batch_failed(e, error);
		failed = true;
	}
	PG_END_TRY();

	if (!failed)
	{
		MemoryContextSwitchTo(e->batch);
		memcpy(e->parts_stored, e->part_rows, sizeof(e->parts_stored));
		pulse_collect_committed(e);
		act(e);
		e->stats.batches++;
		e->stats.facts += e->facts;
		e->failures = 0;
		e->solo = false;
		e->complained = false;
		pulse_careful_done(e);
	}
	pulse_children_told(e, &result.others);
	MemoryContextSwitchTo(caller);
	result.failed = failed;
	result.facts = e->facts;
	result.ended = e->ended;
	result.more = !failed && (e->more || pulse_collect_pending(e));
	result.next_due = failed ? e->retry_at : Min(e->next_timer, pulse_calls_next_due(e));
	return result;
}
