/*
 * worker.c
 *		A worker process: one of the owners of the runs of a database.
 *
 * Owns the process: connecting, the reasons to stand still or to leave, the loop
 * and its one wait. What is done in a batch is the engine's. No transaction, snapshot
 * or lock but those of the parts is held while it waits, and it
 * never sleeps otherwise than in its WaitEventSet.
 *
 * It ends with code 0 when it leaves in order (asked by the launcher, told by SIGTERM while
 * it waits, extension gone), with 1 otherwise; either way the launcher decides what comes next.
 */
#include "postgres.h"

#include "worker/worker.h"

#include "access/xact.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/extension.h"
#include "base/txn.h"
#include "commands/dbcommands.h"
#include "engine/engine.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procsignal.h"
#include "store/stamp.h"
#include "store/spi.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/ownership.h"
#include "worker/shared.h"
#include "worker/surroundings.h"
#include "worker/wake.h"

/*
 * A batch of so many facts is a busy one: the next waits for more to come, as long as it took
 * and at most so many microseconds. Fewer, and what comes is answered at once.
 */
#define GATHER_FACTS 4
#define GATHER_MAX_USEC INT64CONST(1000)

/* While a predecessor still owns a part. */
#define PART_RETRY_MS 20

typedef enum Verdict
{
	GO,
	IDLE,						/* nothing to do yet */
	HOLD,
	LEAVE
} Verdict;

/* This process; lives as long as it. */
static PulseSharedWorker *me = NULL;
static PulseSharedTeam *team = NULL;
static uint32 my_generation;
static int	my_number;
static int	my_n_workers;
static char activity_waiting[64];
static char activity_held[64];
static uint32 wait_event;
static PulseEngine *engine = NULL;
static MemoryContext loop_context;

/* ---------- what others see ---------- */

static void
set_state(PulseWorkerState state, const char *reason)
{
	TimestampTz now = GetCurrentTimestamp();
	char		text[PULSE_REASON_BYTES];

	pulse_reason_set(text, reason);
	SpinLockAcquire(&me->mutex);
	if (me->report.state != state)
		me->report.state_since = now;
	me->report.state = state;
	memcpy(me->report.reason, text, sizeof(text));
	SpinLockRelease(&me->mutex);
}

/* Cheap enough for each batch; reason stays. */
static void
set_busy(bool busy)
{
	PulseWorkerState state = busy ? PULSE_WORKER_BATCH : PULSE_WORKER_WAITING;

	if (me->report.state == state)
		return;					/* only this process writes it */
	SpinLockAcquire(&me->mutex);
	me->report.state = state;
	SpinLockRelease(&me->mutex);
}

static void
report_batch(TimestampTz started, TimestampTz ended)
{
	PulseEngineStats stats;

	memset(&stats, 0, sizeof(stats));
	pulse_engine_stats(engine, &stats);
	SpinLockAcquire(&me->mutex);
	me->report.last_batch_at = started;
	me->report.last_batch_usec = ended - started;
	me->report.stats = stats;
	SpinLockRelease(&me->mutex);
}

static void
report_wakeup(bool poll)
{
	SpinLockAcquire(&me->mutex);
	me->report.wakeups++;
	if (poll)
		me->report.polls++;
	SpinLockRelease(&me->mutex);
}

/* Tells the launcher whether the extension is there. */
static void
report_extension(bool installed)
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	if (me->generation == my_generation)
	{
		team->installed = installed;
		team->gone = !installed;
	}
	LWLockRelease(pulse_shared_lock);
	pulse_launcher_wake();
}

static void
detach(int code, Datum arg pg_attribute_unused())
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	if (me->generation == my_generation && me->pid == MyProcPid)
	{
		me->pid = 0;
		me->ended = true;
		me->in_order = code == 0;
		pg_atomic_write_u32(&team->procno[my_number], PULSE_NO_PROC);
	}
	LWLockRelease(pulse_shared_lock);
	pulse_launcher_wake();
}

/* False if the launcher has given the slot to somebody else. */
static bool
attach(const PulseWorkerArgs *args)
{
	bool		ok = false;

	if (args->slot < 0 || args->slot >= pulse_shared->n_workers)
		return false;
	me = &pulse_shared->workers[args->slot];
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	if (me->used && me->generation == args->generation && me->pid == 0 &&
		me->database == args->database)
	{
		ok = true;
		me->pid = MyProcPid;
		me->procno = pulse_compat_my_procno();
		my_generation = me->generation;
		my_number = me->number;
		my_n_workers = me->n_workers;
		team = &pulse_shared->teams[me->team];
		pg_atomic_write_u32(&team->procno[my_number], me->procno);
	}
	LWLockRelease(pulse_shared_lock);
	if (!ok)
		return false;
	before_shmem_exit(detach, (Datum) 0);
	set_state(PULSE_WORKER_CONNECTING, "");
	return true;
}

/* ---------- leaving ---------- */

static bool
asked_to_leave(void)
{
	return pg_atomic_read_u32(&me->leave) != 0 || ProcDiePending;
}

/*
 * Leaves in order: parts are marked so that the next owner need not be careful. If that
 * takes long or fails, the next owner is careful. A second SIGTERM ends the process at once.
 */
static void
leave(void)
{
	set_state(PULSE_WORKER_LEAVING, "");
	ProcDiePending = false;
	QueryCancelPending = false;
	if (engine)
	{
		pulse_surroundings_hurry();
		PG_TRY();
		{
			pulse_engine_leave(engine);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(loop_context);
			error = CopyErrorData();
			FlushErrorState();
			pulse_txn_abort();
			ereport(DEBUG1,
					(errmsg_internal("pulse: parts not left in order: %s",
									 error->message)));
		}
		PG_END_TRY();
	}
	(void) pgstat_report_stat(true);
	proc_exit(0);
}

/* Called by pulse_txn_begin, which then ends the process. */
static void
extension_gone(bool installed)
{
	report_extension(installed);
}

/* ---------- waiting ---------- */

/* After each wait. Returns only if the process is to go on. */
static void
serve_signals(void)
{
	if (asked_to_leave())
		leave();
	/* a cancel of nothing is not worth a message */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/* Waits for the latch, outside of the engine's loop. */
static void
wait_latch(long ms)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
					 ms, wait_event);
	ResetLatch(MyLatch);
	serve_signals();
}

/* Takes bits of ours out of shared memory. */
static inline uint64
take_bits(pg_atomic_uint64 *shared, uint64 mine)
{
	if ((pg_atomic_read_u64(shared) & mine) == 0)
		return 0;
	return pg_atomic_fetch_and_u64(shared, ~mine) & mine;
}

/* ---------- before the loop ---------- */

/* What stands in the way of working? Reason is filled for IDLE and HOLD. */
static Verdict
look_around(Oid *extension, char *reason)
{
	const PulseExtension *ext;
	Verdict		verdict = GO;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	pgstat_report_activity(STATE_RUNNING, "pulse worker: looking around");
	ext = pulse_extension_lock();
	if (ext == NULL)
		verdict = LEAVE;
	else if (strcmp(ext->version, PULSE_SQL_VERSION) != 0)
	{
		*extension = ext->oid;
		snprintf(reason, PULSE_REASON_BYTES,
				 "library works with SQL version %s, the database has %s",
				 PULSE_SQL_VERSION, ext->version);
		verdict = HOLD;
	}
	else
	{
		PulseStoreScope scope;

		*extension = ext->oid;
		PushActiveSnapshot(GetTransactionSnapshot());
		pulse_store_enter(&scope);
		switch (pulse_stamp_check(reason, PULSE_REASON_BYTES))
		{
			case PULSE_STAMP_OURS:
				break;
			case PULSE_STAMP_EMPTY:
				verdict = IDLE;
				break;
			case PULSE_STAMP_HELD:
				verdict = HOLD;
				break;
		}
		pulse_store_leave(&scope);
		PopActiveSnapshot();
	}
	CommitTransactionCommand();
	(void) pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, verdict == HOLD ? activity_held :
						   activity_waiting);
	MemoryContextSwitchTo(loop_context);
	return verdict;
}

/*
 * Returns when there is nothing in the way, with the extension's oid. Otherwise
 * stands still, or leaves for good.
 */
static Oid
await_clearance(void)
{
	char		held[PULSE_REASON_BYTES] = "";
	bool		told = false;

	for (;;)
	{
		char		reason[PULSE_REASON_BYTES] = "";
		Oid			extension = InvalidOid;
		Verdict		verdict;

		serve_signals();

		/* a bit that is still set would keep the next change from waking us */
		(void) take_bits(&team->hints.registry, UINT64CONST(1) << my_number);
		verdict = look_around(&extension, reason);
		if (verdict == LEAVE)
		{
			report_extension(false);
			proc_exit(0);
		}
		if (!told)
			report_extension(true);
		told = true;
		if (verdict == GO)
		{
			if (held[0] && my_number == 0)
				ereport(LOG,
						(errmsg("pulse goes on in database %u", MyDatabaseId)));
			return extension;
		}
		if (verdict == IDLE)
		{
			held[0] = '\0';
			set_state(PULSE_WORKER_WAITING, reason);
		}
		else if (strcmp(held, reason) != 0)
		{
			/* once an episode, and by one worker */
			if (my_number == 0)
				ereport(LOG,
						(errmsg("pulse is held in database %u: %s",
								MyDatabaseId, reason)));
			strlcpy(held, reason, sizeof(held));
			set_state(PULSE_WORKER_HELD, reason);
		}
		wait_latch(pulse_guc_poll_interval);
	}
}

/* A predecessor that is just ending may own parts for some milliseconds. */
static void
acquire_parts(Oid extension)
{
	for (;;)
	{
		int			part = pulse_ownership_acquire(extension, my_number, my_n_workers);
		char		reason[PULSE_REASON_BYTES];

		if (part < 0)
			return;
		snprintf(reason, sizeof(reason), "part %d is still owned by another process",
				 part);
		set_state(PULSE_WORKER_CONNECTING, reason);
		wait_latch(PART_RETRY_MS);
	}
}

/* ---------- the loop ---------- */

static bool
any_hint(const PulseHints *hints)
{
	uint64		any = hints->inbox;

	for (int i = 0; i < PULSE_PRIORITIES; i++)
		any |= hints->runs[i];
	return any != 0 || hints->all;
}

static void
take_hints(PulseHints *hints, uint64 my_parts)
{
	PulseSharedHints *shared = &team->hints;
	uint64		my_bit = UINT64CONST(1) << my_number;

	hints->inbox |= take_bits(&shared->inbox, my_parts);
	for (int i = 0; i < PULSE_PRIORITIES; i++)
		hints->runs[i] |= take_bits(&shared->runs[i], my_parts);
	if (take_bits(&shared->all, my_bit))
		hints->all = true;
	if (take_bits(&shared->registry, my_bit))
	{
		/* who commits wakes us before he sends his invalidations */
		hints->registry = true;
		hints->all = true;
	}
}

/* Milliseconds until t, rounded up, within [0, limit]. */
static long
ms_until(TimestampTz t, TimestampTz now, long limit)
{
	if (t <= now)
		return 0;
	if (t == DT_NOEND || t - now >= limit * INT64CONST(1000))
		return limit;
	return (t - now + 999) / 1000;
}

static void
run_loop(uint64 my_parts)
{
	WaitEventSet *set = pulse_compat_wait_event_set(3);
	PulseHints	hints;
	TimestampTz last_poll = 0;
	TimestampTz due = 0;		/* next batch at the latest */
	bool		failed = false; /* ... and not before */
	bool		more = true;
	TimestampTz quiet_until = 0;	/* let what is new gather */
	int			fd = pulse_engine_fd(engine);

	AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	if (fd >= 0)
		AddWaitEventToSet(set, WL_SOCKET_READABLE, fd, NULL, NULL);
	memset(&hints, 0, sizeof(hints));

	for (;;)
	{
		TimestampTz now;
		WaitEvent	event;
		bool		finished;
		bool		gathering;
		bool		poll = false;
		long		timeout = 0;

		serve_signals();
		take_hints(&hints, my_parts);
		now = pulse_now();
		if (now - last_poll >= pulse_guc_poll_interval * INT64CONST(1000) ||
			now < last_poll)
		{
			/* the clock was put back: moments that were ahead mean nothing */
			if (now < last_poll)
				due = now;
			hints.all = true;
			last_poll = now;
			poll = true;
		}
		finished = pulse_engine_drive(engine);

		/* under load, what is new gathers for as long as the last batch took */
		gathering = any_hint(&hints) && !more && !finished && now < quiet_until &&
			quiet_until - now <= GATHER_MAX_USEC;

		if ((more || finished || (any_hint(&hints) && !gathering) || now >= due) &&
			(!failed || now >= due))
		{
			PulseBatchResult result;
			TimestampTz ended;

			set_busy(true);
			pulse_ownership_check();
			result = pulse_engine_batch(engine, &hints);
			MemoryContextSwitchTo(loop_context);
			MemoryContextReset(loop_context);
			ended = pulse_now();
			report_batch(now, ended);
			quiet_until = result.facts < GATHER_FACTS ? 0 :
				ended + Min(ended - now, GATHER_MAX_USEC);
			gathering = false;
			if (result.ended)
				pulse_wake_waiters(result.ended);
			if (any_hint(&result.others))
				pulse_wake_parts_now(result.others.inbox, result.others.runs);
			due = result.next_due;
			failed = result.failed;
			more = result.more && !failed;
		}

		if (gathering)
			timeout = 1;
		else if (!more && !(any_hint(&hints) && !failed))
		{
			int64		net = pulse_engine_net_timeout(engine);
			long		stats;

			now = pulse_now();
			timeout = ms_until(last_poll + pulse_guc_poll_interval * INT64CONST(1000),
							   now, pulse_guc_poll_interval);
			timeout = ms_until(due, now, timeout);
			if (net >= 0)
				timeout = Min(timeout, (long) Min((net + 999) / 1000, 60000));
			if (timeout > 0)
			{
				set_busy(false);
				stats = pgstat_report_stat(false);
				if (stats > 0)
					timeout = Min(timeout, stats);
				pgstat_report_activity(STATE_IDLE, activity_waiting);
			}
		}

		if (WaitEventSetWait(set, timeout, &event, 1, wait_event) > 0 &&
			(event.events & WL_LATCH_SET))
			ResetLatch(MyLatch);
		if (timeout > 0)
			report_wakeup(poll);
	}
}

static uint64
parts_of(int worker, int n_workers)
{
	uint64		parts = 0;

	for (int part = worker; part < PULSE_PARTS; part += n_workers)
		parts |= UINT64CONST(1) << part;
	return parts;
}

void
pulse_worker_main(Datum arg pg_attribute_unused())
{
	PulseWorkerArgs args;
	Oid			extension;

	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(args));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();

	if (pulse_shared == NULL || !attach(&args))
		proc_exit(0);
	wait_event = pulse_compat_wait_event("PulseWorkerMain");
	snprintf(activity_waiting, sizeof(activity_waiting),
			 "pulse worker %d: waiting", my_number);
	snprintf(activity_held, sizeof(activity_held),
			 "pulse worker %d: held", my_number);

	/*
	 * The bootstrap superuser, because the owner of the extension is not known yet
	 * and may be a role that cannot log in. Statements run as the owner.
	 */
	if (asked_to_leave())
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(args.database, InvalidOid, 0);
	pulse_surroundings_pin();
	loop_context = AllocSetContextCreate(TopMemoryContext, "pulse worker",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(loop_context);

	extension = await_clearance();
	acquire_parts(extension);
	pulse_txn_on_gone(extension_gone);
	engine = pulse_engine_create(my_number, my_n_workers, false);
	MemoryContextSwitchTo(loop_context);
	set_state(PULSE_WORKER_WAITING, "");
	run_loop(parts_of(my_number, my_n_workers));
}
