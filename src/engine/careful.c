/*
 * careful.c
 *		Finding the run that fails a batch, or ends the process.
 *
 * An ERROR is easy: the runs of the failed batch are worked on in subtransactions, and
 * one that fails three times is set aside.  The end of the process is not: what it
 * was about died with it.  So after an owner that did not leave in order, the runs that
 * may have been in its last batch get a strike each, committed before they are
 * touched, and lose it when they are through; each stays watched until the first
 * outcome of a call of it is through as well.  A strike that is still there at the next
 * start was not taken back, because the process ended: such a run is a suspect and goes
 * alone.  With three, it is set aside.
 *
 * A careful batch commits in pieces; PulseRun.committed says which runs are through.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "access/xact.h"
#include "base/guc.h"
#include "base/txn.h"
#include "miscadmin.h"
#include "utils/resowner.h"

#define SOLO_TRIES	3
#define STRIKES_MAX 3

/* One run in a subtransaction of its own, three times; then it is set aside. */
static void
work_solo(PulseEngine *e, PulseRun *run)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int tries = 0;
	volatile bool done = false;

	while (!done)
	{
		BeginInternalSubTransaction(NULL);
		MemoryContextSwitchTo(context);
		PG_TRY();
		{
			pulse_work(e, &run, 1);
			ReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;
			done = true;
		}
		PG_CATCH();
		{
			ErrorData *error;

			MemoryContextSwitchTo(context);
			error = CopyErrorData();
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
			MemoryContextSwitchTo(context);
			CurrentResourceOwner = owner;

			/* start again from the rows */
			pulse_writes_init(&e->writes);
			pulse_cache_unload(e, run);
			run->loaded = false;
			run->missing = false;
			run->dropped = false;
			run->n_commands = 0;
			run->n_touched = 0;
			if (pulse_engine_nobodys_fault(error->sqlerrcode))
				ReThrowError(error);	/* no reason to blame a run */
			if (++tries >= SOLO_TRIES)
			{
				e->stats.errors++;
				pulse_work_quarantine(e, run, "engine_error", error->message,
									  error->sqlerrcode);
				pulse_write_consumed(e, run);
				pulse_writes_flush(&e->writes);
				run->done = true;
				done = true;
			}
			FreeErrorData(error);
		}
		PG_END_TRY();
	}
}

void
pulse_careful_solo(PulseEngine *e, PulseRun **runs, int n)
{
	for (int i = 0; i < n; i++)
		work_solo(e, runs[i]);
}

/* What was worked on so far stays, whatever comes; a new transaction is open. */
static void
commit_piece(PulseEngine *e)
{
	/* a mark that was lowered must not be committed later than what it is to find */
	if (e->save_parts)
		pulse_parts_save(e->part_rows, e->n_parts, false);
	pulse_txn_commit();
	e->save_parts = false;
	memcpy(e->parts_stored, e->part_rows, sizeof(e->parts_stored));
	for (int i = 0; i < e->n_batch_runs; i++)
		e->batch_runs[i]->committed |= e->batch_runs[i]->done;
	pulse_txn_begin("pulse: careful batch");
	MemoryContextSwitchTo(e->batch);
}

static void
watch(PulseEngine *e, PulseRun *run)
{
	if (!run->watched)
		e->n_watched++;
	run->watched = true;
}

void
pulse_careful_unwatch(PulseEngine *e, PulseRun *run)
{
	if (run->watched)
		e->n_watched--;
	run->watched = false;
}

/* These runs with a strike each while they are worked on. */
static void
work_struck(PulseEngine *e, PulseRun **runs, int n)
{
	pg_uuid_t *ids = palloc(sizeof(pg_uuid_t) * (size_t) n);
	int *parts = palloc(sizeof(int) * (size_t) n);

	for (int i = 0; i < n; i++)
	{
		ids[i] = runs[i]->id;
		parts[i] = Max(runs[i]->part, 0);
	}
	(void) pulse_strikes_add(ids, parts, n, NULL);
	commit_piece(e);
	e->struck = ids;
	e->n_struck = n;

	if (n == 1 || e->solo)
		pulse_careful_solo(e, runs, n);
	else
		pulse_work(e, runs, n);
	pulse_strikes_take_back(ids, n);
	for (int i = 0; i < n; i++)
	{
		/* its next call must come through too, then nothing speaks against it */
		if (!runs[i]->outcome)
			watch(e, runs[i]);
		else
		{
			pulse_careful_unwatch(e, runs[i]);
			pulse_writes_strike_done(&e->writes, &ids[i]);
		}
	}
	pulse_writes_flush(&e->writes);
}

/*
 * A batch in which runs are watched, or all of them are: those without a strike go
 * together, suspects alone.
 */
void
pulse_careful_work(PulseEngine *e)
{
	PulseRun **others = palloc(sizeof(PulseRun *) * (size_t) (e->n_batch_runs + 1));
	PulseRun **watched = palloc(sizeof(PulseRun *) * (size_t) (e->n_batch_runs + 1));
	pg_uuid_t *ids = palloc(sizeof(pg_uuid_t) * (size_t) (e->n_batch_runs + 1));
	int n_others = 0;
	int n_watched = 0;
	int n_fresh = 0;
	int *strikes;

	for (int i = 0; i < e->n_batch_runs; i++)
	{
		PulseRun *run = e->batch_runs[i];

		if (e->careful || run->watched)
		{
			ids[n_watched] = run->id;
			watched[n_watched++] = run;
		}
		else
			others[n_others++] = run;
	}
	e->careful_left -= n_watched;
	if (e->solo)
		pulse_careful_solo(e, others, n_others);
	else
		pulse_work(e, others, n_others);
	if (n_watched == 0)
		return;

	strikes = pulse_strikes_read(ids, n_watched);
	for (int i = 0; i < n_watched; i++)
	{
		if (strikes[i] >= STRIKES_MAX)
		{
			pulse_work_quarantine(e, watched[i], "ended_process",
								  "its processing ended the worker again and again",
								  ERRCODE_INTERNAL_ERROR);
			pulse_write_consumed(e, watched[i]);
			watched[i]->done = true;
		}
		else if (strikes[i] == 0)
			others[n_fresh++] = watched[i];
	}
	pulse_writes_flush(&e->writes);
	if (n_fresh > 0)
		work_struck(e, others, n_fresh);
	for (int i = 0; i < n_watched; i++)
	{
		if (strikes[i] > 0 && strikes[i] < STRIKES_MAX)
			work_struck(e, &watched[i], 1);
	}
}

/*
 * After a batch: everything that can have been in the last batch of the owner before
 * has been seen once it is all read, or once more than a batch of each kind is.
 */
void
pulse_careful_done(PulseEngine *e)
{
	if (e->careful && e->recover_at >= e->n_recover &&
		(e->careful_left <= 0 || (!e->more && !pulse_streams_first_pass(e->streams))))
		e->careful = false;
}

/*
 * The batch has failed, but the process lives: the strikes that it has committed are
 * taken back, or a full disk would pass for runs that end the process. In no transaction.
 */
void
pulse_careful_failed(PulseEngine *e)
{
	if (e->n_struck == 0)
		return;
	PG_TRY();
	{
		pulse_txn_begin("pulse: taking back strikes");
		pulse_strikes_take_back(e->struck, e->n_struck);
		pulse_txn_commit();
	}
	PG_CATCH();
	{
		/* whatever the matter is, the batch that comes next will say so */
		if (ProcDiePending)
			PG_RE_THROW();
		MemoryContextSwitchTo(e->batch);
		FlushErrorState();
		pulse_txn_abort();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(e->context);
	e->n_struck = 0;
}
