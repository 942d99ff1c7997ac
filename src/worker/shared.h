/*
 * shared.h
 *		Layout of pulse's shared memory. For the files of src/worker only.
 *
 * Nothing in it is process-local: no pointer, no descriptor, no handle. A process
 * is named by pid and by its number in ProcGlobal; a slot that is used again has another
 * generation. What commits touch (hints, process numbers) is atomic and is read
 * without a lock, because a stale value only costs a needless wake-up. Everything
 * else is under pulse_shared_lock; figures of a worker under its spinlock.
 *
 * Lifetime: made by the postmaster at start, wiped by a crash restart.
 */
#ifndef PULSE_WORKER_SHARED_H
#define PULSE_WORKER_SHARED_H

#include "base/guc.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/spin.h"
#include "worker/shmem.h"

#define PULSE_TEAMS_MAX		64
#define PULSE_BLOCKS_MAX	64
#define PULSE_REQUESTS_MAX	64
#define PULSE_NO_PROC		PG_UINT32_MAX
#define PULSE_NO_SLOT		(-1)

/* What commits have left for the workers of a database. Bits of parts, or of workers. */
typedef struct PulseSharedHints
{
	pg_atomic_uint64 inbox;		/* by part */
	pg_atomic_uint64 runs[PULSE_PRIORITIES];	/* by part */
	pg_atomic_uint64 all;		/* by worker: look at everything */
	pg_atomic_uint64 registry;	/* by worker: definitions have changed */
} PulseSharedHints;

/* The workers of one database. */
typedef struct PulseSharedTeam
{
	/* atomic: read at each commit */
	pg_atomic_uint32 database;	/* InvalidOid: slot is free */
	pg_atomic_uint32 n_workers; /* size of the team that runs or is to run */
	pg_atomic_uint32 procno[PULSE_WORKERS_MAX]; /* PULSE_NO_PROC: absent */
	PulseSharedHints hints;

	/* those who wait for the end of a run, by part */
	pg_atomic_uint32 waiting[PULSE_PARTS];
	ConditionVariable ended[PULSE_PARTS];

	/* under the lock */
	int			member[PULSE_WORKERS_MAX];	/* index of PulseSharedWorker, or PULSE_NO_SLOT */
	PulseTeamState state;
	TimestampTz since;
	int			wanted;
	bool		installed;		/* a worker has seen the extension */
	bool		gone;			/* a worker has seen that it is not there */
	char		reason[PULSE_REASON_BYTES];
} PulseSharedTeam;

/* One worker process, from its registration until the launcher has taken note of its end. */
typedef struct PulseSharedWorker
{
	/* under the lock */
	bool		used;
	bool		ended;			/* detached; the launcher frees the slot */
	bool		in_order;		/* it left of its own accord, and not for an error */
	uint32		generation;
	int			team;
	int			number;
	int			n_workers;
	Oid			database;
	int			pid;			/* 0: not attached yet, or detached */
	int			procno;

	pg_atomic_uint32 leave;		/* set by the launcher */

	/* under the spinlock */
	slock_t		mutex;
	PulseWorkerReport report;	/* without what is above */
} PulseSharedWorker;

/* A database that a statement needs without workers, until its transaction has ended. */
typedef struct PulseSharedBlock
{
	Oid			database;		/* InvalidOid: free */
	int			pid;
	bool		clear;			/* the launcher has seen the last worker go */
} PulseSharedBlock;

typedef struct PulseShared
{
	/* launcher; all but the number under the lock */
	pg_atomic_uint32 launcher_procno;
	int			launcher_pid;
	TimestampTz launcher_started_at;
	char		launcher_reason[PULSE_REASON_BYTES];

	/* mail for the launcher, under the lock */
	bool		rescan;			/* databases have come, gone or changed */
	bool		probe_all;		/* requests did not fit */
	int			n_requests;
	Oid			requests[PULSE_REQUESTS_MAX];	/* extension created there */

	PulseSharedBlock blocks[PULSE_BLOCKS_MAX];
	ConditionVariable blocks_changed;

	PulseSharedTeam teams[PULSE_TEAMS_MAX];
	int			n_workers;		/* length of the array below */
	PulseSharedWorker workers[FLEXIBLE_ARRAY_MEMBER];
} PulseShared;

/* What the launcher hands to a worker in bgw_extra. */
typedef struct PulseWorkerArgs
{
	Oid			database;
	int			slot;			/* of PulseShared.workers */
	uint32		generation;
} PulseWorkerArgs;

/* NULL where the library is not preloaded. */
extern PulseShared *pulse_shared;

/* The lock of all that is neither atomic nor under a spinlock. Held for microseconds. */
extern LWLock *pulse_shared_lock;

/* Installs the hooks that make it. From _PG_init, while preloading. */
extern void pulse_shmem_init(void);

/* Team of a database, or NULL. No lock needed: the answer is a hint. */
extern PulseSharedTeam *pulse_team_find(Oid database);

/* Sets the latch of a process by its number; harmless if it is another one by now. */
extern void pulse_proc_wake(uint32 procno);

/* Sets the launcher's latch, if there is one. */
extern void pulse_launcher_wake(void);

/* Asks the launcher to look for the extension in a database. */
extern void pulse_launcher_request(Oid database);

/* Asks the launcher to read pg_database again. */
extern void pulse_launcher_rescan(void);

/* Cuts at a character and copies; for reasons. */
extern void pulse_reason_set(char *dst, const char *src);

#endif
