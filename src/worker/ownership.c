/*
 * ownership.c
 *		The locks by which one process owns the runs of its parts.
 *
 * A session lock of the user lock method: it survives the end of any transaction,
 * aborted ones included (session locks of the default method do not), and it goes with
 * the process, however that ends. Field 4 is out of reach of the SQL functions for
 * advisory locks, so nobody can take or block a part from outside.
 */
#include "postgres.h"

#include "worker/ownership.h"

#include "base/compat.h"
#include "base/errors.h"
#include "engine/engine.h"
#include "miscadmin.h"
#include "storage/lock.h"

#define PART_LOCK_CLASS 0x7075

static Oid	my_extension = InvalidOid;
static uint64 my_parts = 0;

static void
part_tag(LOCKTAG *tag, int part)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, part, my_extension, PART_LOCK_CLASS);
}

int
pulse_ownership_acquire(Oid extension, int worker, int n_workers)
{
	my_extension = extension;
	for (int part = worker; part < PULSE_PARTS; part += n_workers)
	{
		LOCKTAG		tag;

		if (my_parts & (UINT64CONST(1) << part))
			continue;
		part_tag(&tag, part);
		if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
			return part;
		my_parts |= UINT64CONST(1) << part;
	}
	return -1;
}

void
pulse_ownership_check(void)
{
	for (int part = 0; part < PULSE_PARTS; part++)
	{
		LOCKTAG		tag;

		if (!(my_parts & (UINT64CONST(1) << part)))
			continue;
		part_tag(&tag, part);
		PULSE_ENSURE(pulse_compat_lock_held(&tag, ExclusiveLock),
					 "worker does not own its part");
	}
}
