/*
 * wake.c
 *		How a commit reaches a worker, and how the end of a run reaches those who wait.
 *
 * Owns the notes of the transaction in progress and the one transaction callback. Notes are
 * kept by nesting level, the top level in static memory so that a plain submit allocates
 * nothing; a subtransaction's notes go up when it commits and away when it
 * aborts. At COMMIT the transaction is visible to new snapshots already, so a worker
 * that takes the bits and then its snapshot misses nothing. Nothing here may
 * throw at that point.
 */
#include "postgres.h"

#include "worker/wake.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/errors.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_bitutils.h"
#include "utils/timestamp.h"
#include "worker/block.h"
#include "worker/shared.h"

/* Longest sleep of somebody who waits for a run: covers a lost broadcast. */
#define WAIT_POLL_MS 1000

typedef struct WakeNotes
{
	int			level;			/* nesting level of the transaction */
	bool		any;
	bool		registry;
	bool		extension;
	bool		databases;
	uint64		inbox;
	uint64		runs[PULSE_PRIORITIES];
	struct WakeNotes *parent;
} WakeNotes;

/* Level 1, always there; `notes` is the innermost level that has any. */
static WakeNotes top_notes = {.level = 1};
static WakeNotes *notes = &top_notes;

static PulseSharedTeam *wait_team = NULL;
static int	wait_part;

static void
reset_notes(void)
{
	/* inner levels were in TopTransactionContext */
	memset(&top_notes, 0, sizeof(top_notes));
	top_notes.level = 1;
	notes = &top_notes;
}

/* The notes of the current level. */
static WakeNotes *
current_notes(void)
{
	int			level = GetCurrentTransactionNestLevel();

	if (unlikely(notes->level < level))
	{
		WakeNotes  *inner = MemoryContextAllocZero(TopTransactionContext,
												   sizeof(WakeNotes));

		inner->level = level;
		inner->parent = notes;
		notes = inner;
	}
	notes->any = true;
	return notes;
}

void
pulse_wake_run(int part, int priority)
{
	Assert(part >= 0 && part < PULSE_PARTS);
	Assert(priority >= 0 && priority < PULSE_PRIORITIES);
	if (pulse_shared)
		current_notes()->runs[priority] |= UINT64CONST(1) << part;
}

void
pulse_wake_inbox(int part)
{
	Assert(part >= 0 && part < PULSE_PARTS);
	if (pulse_shared)
		current_notes()->inbox |= UINT64CONST(1) << part;
}

void
pulse_wake_registry(void)
{
	if (pulse_shared)
		current_notes()->registry = true;
}

void
pulse_wake_extension(void)
{
	if (pulse_shared)
		current_notes()->extension = true;
}

void
pulse_wake_databases(void)
{
	if (pulse_shared)
		current_notes()->databases = true;
}

/*
 * Sets bits; returns those that were not set yet. The read comes first because under
 * load the bit is usually set, and a read does not take the cache line away from
 * the worker. Whoever has set a bit also sets the latch.
 */
static inline uint64
set_hint(pg_atomic_uint64 *hint, uint64 bits)
{
	uint64		missing = bits & ~pg_atomic_read_u64(hint);

	if (missing == 0)
		return 0;
	return missing & ~pg_atomic_fetch_or_u64(hint, missing);
}

static void
wake_workers(PulseSharedTeam *team, uint64 workers)
{
	while (workers != 0)
	{
		int			i = pg_rightmost_one_pos64(workers);

		workers &= workers - 1;
		pulse_proc_wake(pg_atomic_read_u32(&team->procno[i]));
	}
}

/* Bits of all workers of the team. */
static inline uint64
all_workers(uint32 n_workers)
{
	return n_workers >= 64 ? ~UINT64CONST(0) :
		(UINT64CONST(1) << n_workers) - 1;
}

/* Worker bits from part bits. */
static inline uint64
owners(uint64 parts, uint32 n_workers)
{
	uint64		workers = 0;

	while (parts != 0)
	{
		workers |= UINT64CONST(1) << (pg_rightmost_one_pos64(parts) % n_workers);
		parts &= parts - 1;
	}
	return workers;
}

/* Sets what is to be looked at; returns the workers concerned. */
static uint64
hint_parts(PulseSharedTeam *team, uint32 n_workers, uint64 inbox, const uint64 *runs)
{
	uint64		parts = 0;

	/* our rows must be visible before we look whether the bits are set */
	pg_memory_barrier();
	if (inbox)
		parts |= set_hint(&team->hints.inbox, inbox);
	for (int i = 0; i < PULSE_PRIORITIES; i++)
		if (runs[i])
			parts |= set_hint(&team->hints.runs[i], runs[i]);
	return owners(parts, n_workers);
}

void
pulse_wake_parts_now(uint64 inbox, const uint64 *runs)
{
	PulseSharedTeam *team = pulse_team_find(MyDatabaseId);
	uint32		n_workers = team ? pg_atomic_read_u32(&team->n_workers) : 0;

	if (n_workers > 0)
		wake_workers(team, hint_parts(team, n_workers, inbox, runs));
}

static void
deliver(const WakeNotes *n)
{
	PulseSharedTeam *team;
	uint32		n_workers;
	uint64		workers;

	if (n->databases)
		pulse_launcher_rescan();
	if (n->extension)
		pulse_launcher_request(MyDatabaseId);

	team = pulse_team_find(MyDatabaseId);
	if (team == NULL)
	{
		/* nobody works here: has the launcher overlooked this database? */
		if (!n->extension && (n->inbox || n->runs[0] || n->runs[1] ||
							  n->runs[2] || n->runs[3]))
			pulse_launcher_request(MyDatabaseId);
		return;
	}
	n_workers = pg_atomic_read_u32(&team->n_workers);
	if (n_workers == 0)
		return;
	workers = hint_parts(team, n_workers, n->inbox, n->runs);
	if (n->registry || n->extension)
		workers |= set_hint(&team->hints.registry, all_workers(n_workers));
	wake_workers(team, workers);
}

void
pulse_wake_all_now(void)
{
	PulseSharedTeam *team = pulse_team_find(MyDatabaseId);
	uint32		n_workers;

	if (team == NULL)
		return;
	n_workers = pg_atomic_read_u32(&team->n_workers);
	pg_memory_barrier();
	(void) set_hint(&team->hints.registry, all_workers(n_workers));
	wake_workers(team, set_hint(&team->hints.all, all_workers(n_workers)));
}

static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			pulse_block_release();
			if (unlikely(notes != &top_notes))
				reset_notes();	/* cannot happen: subtransactions have ended */
			else if (top_notes.any)
			{
				deliver(&top_notes);
				reset_notes();
			}
			break;
		case XACT_EVENT_ABORT:
			pulse_block_release();
			pulse_wait_cancel();
			reset_notes();
			break;
		case XACT_EVENT_PREPARE:
			/* the rows appear at COMMIT PREPARED, in some other session */
			reset_notes();
			break;
		default:
			break;
	}
}

static void
at_subtransaction_end(SubXactEvent event,
					  SubTransactionId my_subid pg_attribute_unused(),
					  SubTransactionId parent_subid pg_attribute_unused(),
					  void *arg pg_attribute_unused())
{
	int			level = GetCurrentTransactionNestLevel();

	/* Called at the level that ends. */
	if (event == SUBXACT_EVENT_ABORT_SUB)
		pulse_wait_cancel();
	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (notes->level >= level && notes != &top_notes)
	{
		WakeNotes  *inner = notes;

		if (event == SUBXACT_EVENT_COMMIT_SUB &&
			inner->parent->level < level - 1)
		{
			/* the parent level has no notes of its own: hand these down to it */
			inner->level = level - 1;
			return;
		}
		notes = inner->parent;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
		{
			notes->any = true;
			notes->registry |= inner->registry;
			notes->extension |= inner->extension;
			notes->databases |= inner->databases;
			notes->inbox |= inner->inbox;
			for (int i = 0; i < PULSE_PRIORITIES; i++)
				notes->runs[i] |= inner->runs[i];
		}
	}
}

void
pulse_wake_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
}

void
pulse_wait_prepare(int part)
{
	PULSE_ENSURE(wait_team == NULL, "one wait at a time");
	Assert(part >= 0 && part < PULSE_PARTS);

	wait_part = part;
	wait_team = pulse_team_find(MyDatabaseId);
	if (wait_team == NULL)
		return;
	pg_atomic_fetch_add_u32(&wait_team->waiting[part], 1);
	ConditionVariablePrepareToSleep(&wait_team->ended[part]);
}

bool
pulse_wait_sleep(long timeout_ms)
{
	static uint32 wait_event = 0;
	long		ms = WAIT_POLL_MS;

	if (timeout_ms == 0)
		return false;
	if (timeout_ms > 0 && timeout_ms < ms)
		ms = timeout_ms;
	if (wait_event == 0)
		wait_event = pulse_compat_wait_event("PulseRunEnd");

	if (wait_team)
		(void) ConditionVariableTimedSleep(&wait_team->ended[wait_part], ms,
										   wait_event);
	else
	{
		/* no workers known here: poll; perhaps some come, or this is a standby */
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 ms, wait_event);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return true;
}

void
pulse_wait_cancel(void)
{
	if (wait_team == NULL)
		return;
	ConditionVariableCancelSleep();
	pg_atomic_fetch_sub_u32(&wait_team->waiting[wait_part], 1);
	wait_team = NULL;
}

void
pulse_wake_waiters(uint64 parts)
{
	PulseSharedTeam *team = pulse_team_find(MyDatabaseId);

	if (team == NULL)
		return;

	/* pairs with the barrier of fetch_add: either they see the end, or we see them */
	pg_memory_barrier();
	while (parts != 0)
	{
		int			part = pg_rightmost_one_pos64(parts);

		parts &= parts - 1;
		if (pg_atomic_read_u32(&team->waiting[part]) > 0)
			ConditionVariableBroadcast(&team->ended[part]);
	}
}
