/*
 * shmem.c
 *		Makes pulse's shared memory, and reports what is in it.
 *
 * Owns size, initialisation and the readers. It must not be used to change
 * anything: launcher.c, worker.c and wake.c do that. The memory is sized
 * once, from max_worker_processes: there can be no more workers than that.
 */
#include "postgres.h"

#include "worker/shmem.h"

#include "base/compat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
#include "worker/shared.h"

#define TRANCHE_NAME	"pulse"

/* Registered but not yet ended workers may overlap with ended ones not yet noticed. */
#define SPARE_WORKERS	16

PulseShared *pulse_shared = NULL;
LWLock	   *pulse_shared_lock = NULL;

static shmem_request_hook_type prev_request_hook = NULL;
static shmem_startup_hook_type prev_startup_hook = NULL;

static int
worker_slots(void)
{
	return max_worker_processes + SPARE_WORKERS;
}

static Size
shared_size(void)
{
	return add_size(offsetof(PulseShared, workers),
					mul_size(worker_slots(), sizeof(PulseSharedWorker)));
}

static void
request_shared(void)
{
	if (prev_request_hook)
		prev_request_hook();
	RequestAddinShmemSpace(MAXALIGN(shared_size()));
	RequestNamedLWLockTranche(TRANCHE_NAME, 1);
}

static void
init_team(PulseSharedTeam *team)
{
	pg_atomic_init_u32(&team->database, InvalidOid);
	pg_atomic_init_u32(&team->n_workers, 0);
	pg_atomic_init_u64(&team->hints.inbox, 0);
	pg_atomic_init_u64(&team->hints.all, 0);
	pg_atomic_init_u64(&team->hints.registry, 0);
	for (int i = 0; i < PULSE_PRIORITIES; i++)
		pg_atomic_init_u64(&team->hints.runs[i], 0);
	for (int i = 0; i < PULSE_WORKERS_MAX; i++)
	{
		pg_atomic_init_u32(&team->procno[i], PULSE_NO_PROC);
		team->member[i] = PULSE_NO_SLOT;
	}
	for (int i = 0; i < PULSE_PARTS; i++)
	{
		pg_atomic_init_u32(&team->waiting[i], 0);
		ConditionVariableInit(&team->ended[i]);
	}
}

static void
start_shared(void)
{
	bool		found;
	PulseShared *shared;

	if (prev_startup_hook)
		prev_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("pulse", shared_size(), &found);
	pulse_shared_lock = &GetNamedLWLockTranche(TRANCHE_NAME)->lock;
	if (!found)
	{
		memset(shared, 0, shared_size());
		pg_atomic_init_u32(&shared->launcher_procno, PULSE_NO_PROC);
		ConditionVariableInit(&shared->blocks_changed);
		shared->probe_all = true;
		for (int i = 0; i < PULSE_TEAMS_MAX; i++)
			init_team(&shared->teams[i]);
		shared->n_workers = worker_slots();
		for (int i = 0; i < shared->n_workers; i++)
		{
			pg_atomic_init_u32(&shared->workers[i].leave, 0);
			SpinLockInit(&shared->workers[i].mutex);
		}
	}
	LWLockRelease(AddinShmemInitLock);
	pulse_shared = shared;
}

void
pulse_shmem_init(void)
{
	prev_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared;
	prev_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_shared;
}

PulseSharedTeam *
pulse_team_find(Oid database)
{
	/* the slot of our own database hardly ever moves */
	static int	last = 0;

	if (pulse_shared == NULL || !OidIsValid(database))
		return NULL;
	if (pg_atomic_read_u32(&pulse_shared->teams[last].database) == database)
		return &pulse_shared->teams[last];
	for (int i = 0; i < PULSE_TEAMS_MAX; i++)
		if (pg_atomic_read_u32(&pulse_shared->teams[i].database) == database)
		{
			last = i;
			return &pulse_shared->teams[i];
		}
	return NULL;
}

void
pulse_proc_wake(uint32 procno)
{
	if (procno < pulse_compat_proc_count())
		SetLatch(&GetPGProcByNumber(procno)->procLatch);
}

void
pulse_launcher_wake(void)
{
	if (pulse_shared)
		pulse_proc_wake(pg_atomic_read_u32(&pulse_shared->launcher_procno));
}

void
pulse_launcher_request(Oid database)
{
	bool		known = false;

	if (pulse_shared == NULL)
		return;
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < pulse_shared->n_requests; i++)
		if (pulse_shared->requests[i] == database)
			known = true;
	if (!known)
	{
		if (pulse_shared->n_requests < PULSE_REQUESTS_MAX)
			pulse_shared->requests[pulse_shared->n_requests++] = database;
		else
			pulse_shared->probe_all = true;
	}
	LWLockRelease(pulse_shared_lock);
	if (!known)
		pulse_launcher_wake();
}

void
pulse_launcher_rescan(void)
{
	if (pulse_shared == NULL)
		return;
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_shared->rescan = true;
	LWLockRelease(pulse_shared_lock);
	pulse_launcher_wake();
}

void
pulse_reason_set(char *dst, const char *src)
{
	int			len = strlen(src);

	if (len >= PULSE_REASON_BYTES)
		len = pg_mbcliplen(src, len, PULSE_REASON_BYTES - 1);
	memcpy(dst, src, len);
	memset(dst + len, 0, PULSE_REASON_BYTES - len);
}

bool
pulse_shmem_available(void)
{
	return pulse_shared != NULL;
}

void
pulse_launcher_report(PulseLauncherReport *report)
{
	memset(report, 0, sizeof(*report));
	if (pulse_shared == NULL)
		return;
	report->preloaded = true;
	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	report->pid = pulse_shared->launcher_pid;
	report->started_at = pulse_shared->launcher_started_at;
	strlcpy(report->reason, pulse_shared->launcher_reason,
			sizeof(report->reason));
	for (int i = 0; i < PULSE_TEAMS_MAX; i++)
		if (pulse_shared->teams[i].installed &&
			OidIsValid(pg_atomic_read_u32(&pulse_shared->teams[i].database)))
			report->databases++;
	LWLockRelease(pulse_shared_lock);
}

/* The caller holds the lock; takes the spinlock. */
static void
copy_worker(PulseSharedWorker *worker, PulseWorkerReport *report)
{
	SpinLockAcquire(&worker->mutex);
	*report = worker->report;
	SpinLockRelease(&worker->mutex);
	report->database = worker->database;
	report->worker = worker->number;
	report->n_workers = worker->n_workers;
	report->pid = worker->pid;
}

void
pulse_team_report(Oid database, PulseTeamReport *report)
{
	PulseSharedTeam *team = pulse_team_find(database);

	memset(report, 0, sizeof(*report));
	report->database = database;
	report->state = PULSE_TEAM_NONE;
	if (team == NULL)
		return;

	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	if (pg_atomic_read_u32(&team->database) == database)
	{
		report->state = team->state;
		report->wanted = team->wanted;
		report->since = team->since;
		strlcpy(report->reason, team->reason, sizeof(report->reason));
		for (int i = 0; i < PULSE_WORKERS_MAX; i++)
		{
			PulseSharedWorker *worker;
			PulseWorkerReport copy;

			if (team->member[i] == PULSE_NO_SLOT)
				continue;
			worker = &pulse_shared->workers[team->member[i]];
			if (worker->pid == 0)
				continue;
			report->running++;
			copy_worker(worker, &copy);
			if (copy.state == PULSE_WORKER_HELD)
			{
				report->held++;
				strlcpy(report->reason, copy.reason, sizeof(report->reason));
			}
		}
	}
	LWLockRelease(pulse_shared_lock);
}

int
pulse_worker_reports(Oid database, PulseWorkerReport **reports)
{
	PulseWorkerReport *result;
	int			n = 0;

	*reports = NULL;
	if (pulse_shared == NULL)
		return 0;
	result = palloc(sizeof(PulseWorkerReport) * pulse_shared->n_workers);
	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	for (int t = 0; t < PULSE_TEAMS_MAX; t++)
	{
		PulseSharedTeam *team = &pulse_shared->teams[t];
		Oid			oid = pg_atomic_read_u32(&team->database);

		if (!OidIsValid(oid) || (OidIsValid(database) && oid != database))
			continue;
		for (int i = 0; i < PULSE_WORKERS_MAX; i++)
			if (team->member[i] != PULSE_NO_SLOT)
				copy_worker(&pulse_shared->workers[team->member[i]],
							&result[n++]);
	}
	LWLockRelease(pulse_shared_lock);
	*reports = result;
	return n;
}

const char *
pulse_worker_state_name(PulseWorkerState state)
{
	switch (state)
	{
		case PULSE_WORKER_FREE:
			return "free";
		case PULSE_WORKER_STARTING:
			return "starting";
		case PULSE_WORKER_CONNECTING:
			return "connecting";
		case PULSE_WORKER_HELD:
			return "held";
		case PULSE_WORKER_WAITING:
			return "waiting";
		case PULSE_WORKER_BATCH:
			return "batch";
		case PULSE_WORKER_LEAVING:
			return "leaving";
	}
	return "unknown";
}

const char *
pulse_team_state_name(PulseTeamState state)
{
	switch (state)
	{
		case PULSE_TEAM_NONE:
			return "none";
		case PULSE_TEAM_PROBING:
			return "probing";
		case PULSE_TEAM_RUNNING:
			return "running";
		case PULSE_TEAM_LEAVING:
			return "leaving";
		case PULSE_TEAM_STOPPED:
			return "stopped";
	}
	return "unknown";
}
