/*
 * block.c
 *		Keeps workers out of a database for the rest of a transaction.
 *
 * Owns this backend's entry in the list of blocked databases. Used around
 * statements that refuse to work while anybody is connected. The end of the
 * transaction takes the entry away, whatever way it ends; a crash wipes
 * shared memory.
 */
#include "postgres.h"

#include "worker/block.h"

#include "base/compat.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/timestamp.h"
#include "worker/shared.h"

/*
 * The launcher needs milliseconds; a second if it is just being restarted. After that the
 * statement goes on and says itself who is in the way.
 */
#define BLOCK_WAIT_MS 10000

/* Entry of this backend, or PULSE_NO_SLOT. */
static int	my_block = PULSE_NO_SLOT;

/* Takes a free entry; false if there is none. */
static bool
take_entry(Oid database)
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < PULSE_BLOCKS_MAX; i++)
	{
		PulseSharedBlock *block = &pulse_shared->blocks[i];

		if (OidIsValid(block->database))
			continue;
		block->database = database;
		block->pid = MyProcPid;
		block->clear = false;
		my_block = i;
		break;
	}
	LWLockRelease(pulse_shared_lock);
	return my_block != PULSE_NO_SLOT;
}

/*
 * Whether the workers are out: the launcher says so; or there is neither launcher (a standby)
 * nor worker, and a launcher that starts now reads the list first.
 */
static bool
is_clear(void)
{
	PulseSharedBlock *block = &pulse_shared->blocks[my_block];
	bool		clear;

	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	clear = block->clear;
	if (!clear && pulse_shared->launcher_pid == 0)
	{
		clear = true;
		for (int i = 0; i < pulse_shared->n_workers; i++)
			if (pulse_shared->workers[i].used && !pulse_shared->workers[i].ended &&
				pulse_shared->workers[i].database == block->database)
				clear = false;
	}
	LWLockRelease(pulse_shared_lock);
	return clear;
}

void
pulse_block_acquire(Oid database)
{
	static uint32 wait_event = 0;
	TimestampTz until;

	if (pulse_shared == NULL || database == MyDatabaseId ||
		my_block != PULSE_NO_SLOT)
		return;
	if (wait_event == 0)
		wait_event = pulse_compat_wait_event("PulseWorkersLeave");

	until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), BLOCK_WAIT_MS);
	ConditionVariablePrepareToSleep(&pulse_shared->blocks_changed);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();

		if (my_block == PULSE_NO_SLOT && take_entry(database))
			pulse_launcher_wake();
		if ((my_block != PULSE_NO_SLOT && is_clear()) || now >= until)
			break;
		(void) ConditionVariableTimedSleep(&pulse_shared->blocks_changed,
										   Min(1000, 1 + (until - now) / 1000),
										   wait_event);
	}
	ConditionVariableCancelSleep();
}

void
pulse_block_release(void)
{
	if (my_block == PULSE_NO_SLOT)
		return;
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_shared->blocks[my_block].database = InvalidOid;
	pulse_shared->rescan = true;	/* the database has changed its name, or is gone */
	LWLockRelease(pulse_shared_lock);
	my_block = PULSE_NO_SLOT;
	ConditionVariableBroadcast(&pulse_shared->blocks_changed);
	pulse_launcher_wake();
}
