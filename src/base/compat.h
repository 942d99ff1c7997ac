/*
 * compat.h
 *		What differs between PostgreSQL 15, 16, 17 and 18, behind one name each.
 *
 * Together with core/json.c the only place where PG_VERSION_NUM may be tested.
 */
#ifndef PULSE_BASE_COMPAT_H
#define PULSE_BASE_COMPAT_H

#include "catalog/pg_database.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "utils/resowner.h"
#endif

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "pulse needs PostgreSQL 15, 16, 17 or 18"
#endif

/* Before the declaration of a function that does not return. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

/* A wait event set for the life of the process. */
static inline WaitEventSet *
pulse_compat_wait_event_set(int n_events)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, n_events);
#else
	return CreateWaitEventSet(TopMemoryContext, n_events);
#endif
}

/*
 * Wait event of that name; before 17 all extensions share one. The caller keeps
 * the result in a static variable: each call may look the name up in shared memory.
 */
static inline uint32
pulse_compat_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
	return WaitEventExtensionNew(name);
#else
	(void) name;
	return PG_WAIT_EXTENSION;
#endif
}

/* Number of this process in ProcGlobal->allProcs. */
static inline int
pulse_compat_my_procno(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/* Numbers at or above this are no processes. */
static inline uint32
pulse_compat_proc_count(void)
{
	return ProcGlobal->allProcCount;
}

static inline bool
pulse_compat_lock_held(const LOCKTAG *tag, LOCKMODE mode)
{
#if PG_VERSION_NUM >= 170000
	return LockHeldByMe(tag, mode, false);
#else
	return LockHeldByMe(tag, mode);
#endif
}

/* Whether a role owns a database, or may act as if it did. */
static inline bool
pulse_compat_owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

#endif
