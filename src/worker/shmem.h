/*
 * shmem.h
 *		What anybody may ask about launcher and workers: reports out of shared memory.
 *
 * Copies only; no lock is held when a function returns. Strings are
 * UTF-8 safe ASCII made by pulse itself, or server messages cut at a character.
 */
#ifndef PULSE_WORKER_SHMEM_H
#define PULSE_WORKER_SHMEM_H

#include "datatype/timestamp.h"
#include "engine/engine.h"

#define PULSE_REASON_BYTES 256

typedef enum PulseTeamState
{
	PULSE_TEAM_NONE,			/* the launcher knows of no extension here */
	PULSE_TEAM_PROBING,			/* a worker is on its way to look for it */
	PULSE_TEAM_RUNNING,			/* workers are kept running */
	PULSE_TEAM_LEAVING,			/* workers are asked to leave, and are awaited */
	PULSE_TEAM_STOPPED			/* extension there, no workers wanted: see reason */
} PulseTeamState;

typedef enum PulseWorkerState
{
	PULSE_WORKER_FREE,
	PULSE_WORKER_STARTING,		/* registered, not yet attached */
	PULSE_WORKER_CONNECTING,	/* attached; connecting, looking for the extension, taking parts */
	PULSE_WORKER_HELD,			/* does nothing until its reason goes away */
	PULSE_WORKER_WAITING,
	PULSE_WORKER_BATCH,
	PULSE_WORKER_LEAVING
} PulseWorkerState;

typedef struct PulseLauncherReport
{
	bool		preloaded;		/* library is in shared_preload_libraries */
	int			pid;			/* 0: not running */
	TimestampTz started_at;
	int			databases;		/* databases with workers */
	char		reason[PULSE_REASON_BYTES]; /* what keeps it from its work, or "" */
} PulseLauncherReport;

typedef struct PulseTeamReport
{
	Oid			database;
	PulseTeamState state;
	int			wanted;			/* workers that should run */
	int			running;		/* attached now, held ones included */
	int			held;
	TimestampTz since;			/* of the state */
	char		reason[PULSE_REASON_BYTES]; /* why fewer run than wanted, why held, or "" */
} PulseTeamReport;

typedef struct PulseWorkerReport
{
	Oid			database;
	int			worker;			/* 0 .. n_workers - 1 */
	int			n_workers;
	int			pid;
	PulseWorkerState state;
	TimestampTz started_at;
	TimestampTz state_since;
	TimestampTz last_batch_at;	/* 0: none yet */
	int64		last_batch_usec;
	uint64		wakeups;		/* times it left its wait */
	uint64		polls;			/* safety polls among them */
	PulseEngineStats stats;
	char		reason[PULSE_REASON_BYTES]; /* why held, or the last error, or "" */
} PulseWorkerReport;

/* Whether the library was preloaded, so that launcher and workers can exist. */
extern bool pulse_shmem_available(void);

extern void pulse_launcher_report(PulseLauncherReport *report);

/* Always fills report; state NONE for a database unknown to the launcher. */
extern void pulse_team_report(Oid database, PulseTeamReport *report);

/* Workers of a database, of all databases if InvalidOid, in order; *reports is palloc'd. Returns their number. */
extern int	pulse_worker_reports(Oid database, PulseWorkerReport **reports);

/* Literals for views: "waiting", "batch", ... */
extern const char *pulse_worker_state_name(PulseWorkerState state);
extern const char *pulse_team_state_name(PulseTeamState state);

#endif
