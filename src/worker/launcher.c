/*
 * launcher.c
 *		The process that keeps workers running in every database with the extension.
 *
 * Owns the list of databases and the loop. It is connected to shared catalogs only, so
 * it stands in nobody's way, and it reads no catalog while nothing changes. It
 * must never be needed for a worker's work: if it ends, its workers go on, and
 * its successor takes them over.
 */
#include "postgres.h"

#include "worker/launcher.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/team.h"

/* Databases looked into at once while nothing is known about them. */
#define PROBES_AT_ONCE		4

/* pg_database is read again after this, whatever happens. */
#define RESCAN_MS			60000

static HTAB *teams = NULL;

void
pulse_launcher_register(void)
{
	BackgroundWorker bgw;

	/* pg_upgrade's server runs nobody's work */
	if (IsBinaryUpgrade)
		return;
	memset(&bgw, 0, sizeof(bgw));
	bgw.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	bgw.bgw_start_time = BgWorkerStart_RecoveryFinished;
	bgw.bgw_restart_time = 1;
	strlcpy(bgw.bgw_library_name, "pulse", sizeof(bgw.bgw_library_name));
	strlcpy(bgw.bgw_function_name, "pulse_launcher_main",
			sizeof(bgw.bgw_function_name));
	strlcpy(bgw.bgw_name, "pulse launcher", sizeof(bgw.bgw_name));
	strlcpy(bgw.bgw_type, "pulse launcher", sizeof(bgw.bgw_type));
	RegisterBackgroundWorker(&bgw);
}

static void
detach(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	if (pulse_shared->launcher_pid == MyProcPid)
	{
		pulse_shared->launcher_pid = 0;
		pg_atomic_write_u32(&pulse_shared->launcher_procno, PULSE_NO_PROC);
	}
	LWLockRelease(pulse_shared_lock);
}

/*
 * Shows itself in shared memory and takes note of what an earlier launcher
 * has left. Workers that have been registered but have not attached
 * may or may not come: their slots get another generation, so they leave at once.
 */
static void
attach(void)
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_shared->launcher_pid = MyProcPid;
	pulse_shared->launcher_started_at = GetCurrentTimestamp();
	pulse_reason_set(pulse_shared->launcher_reason, "");
	pg_atomic_write_u32(&pulse_shared->launcher_procno, pulse_compat_my_procno());
	for (int i = 0; i < pulse_shared->n_workers; i++)
	{
		PulseSharedWorker *worker = &pulse_shared->workers[i];

		if (worker->used && worker->pid == 0)
		{
			pulse_shared->teams[worker->team].member[worker->number] = PULSE_NO_SLOT;
			worker->used = false;
			worker->generation++;
		}
	}
	pulse_shared->rescan = true;
	pulse_shared->probe_all = true;
	LWLockRelease(pulse_shared_lock);
	before_shmem_exit(detach, (Datum) 0);
}

/* Teams that exist already; their databases get names at the first scan. */
static void
adopt_leftovers(void)
{
	for (int t = 0; t < PULSE_TEAMS_MAX; t++)
	{
		Oid			database = pg_atomic_read_u32(&pulse_shared->teams[t].database);
		PulseTeam  *team;
		bool		found;

		if (!OidIsValid(database))
			continue;
		team = hash_search(teams, &database, HASH_ENTER, &found);
		memset(team, 0, sizeof(*team));
		team->database = database;
		pulse_team_attach(team, t);
		for (int i = 0; i < PULSE_WORKERS_MAX; i++)
		{
			int			slot = pulse_shared->teams[t].member[i];

			if (slot != PULSE_NO_SLOT)
				pulse_team_adopt(team, slot);
		}
	}
}

/* Reads pg_database. A new database is probed; one that is gone loses its team later. */
static void
scan_databases(void)
{
	HASH_SEQ_STATUS status;
	PulseTeam  *team;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tuple;
	MemoryContext old = CurrentMemoryContext;

	hash_seq_init(&status, teams);
	while ((team = hash_seq_search(&status)) != NULL)
		team->exists = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		Oid			oid = form->oid;
		bool		found;

		team = hash_search(teams, &oid, HASH_ENTER, &found);
		if (!found)
		{
			memset(team, 0, sizeof(*team));
			team->database = oid;
			team->slot = PULSE_NO_SLOT;
			team->probe_wanted = true;
		}
		team->exists = true;
		team->name = form->datname;
		/* a limit of -2 marks a database whose DROP was interrupted */
		team->usable = form->datallowconn && !form->datistemplate &&
			form->datconnlimit != -2;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	(void) pgstat_report_stat(false);
	MemoryContextSwitchTo(old);
}

/* Takes the mail; returns whether pg_database is to be read. */
static bool
read_mail(void)
{
	Oid			requests[PULSE_REQUESTS_MAX];
	int			n;
	bool		rescan;
	bool		probe_all;
	HASH_SEQ_STATUS status;
	PulseTeam  *team;

	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	n = pulse_shared->n_requests;
	memcpy(requests, pulse_shared->requests, sizeof(Oid) * n);
	rescan = pulse_shared->rescan;
	probe_all = pulse_shared->probe_all;
	pulse_shared->n_requests = 0;
	pulse_shared->rescan = false;
	pulse_shared->probe_all = false;
	LWLockRelease(pulse_shared_lock);

	for (int i = 0; i < n; i++)
	{
		team = hash_search(teams, &requests[i], HASH_FIND, NULL);
		if (team)
		{
			team->probe_wanted = true;
			team->requested = true;
			pulse_team_retry_now(team);
		}
		else
			rescan = true;		/* a new database, which is probed anyway */
	}
	if (probe_all)
	{
		hash_seq_init(&status, teams);
		while ((team = hash_seq_search(&status)) != NULL)
			team->probe_wanted = true;
	}
	return rescan;
}

/* Databases that statements need for themselves; returns their number. */
static int
read_blocks(Oid *databases)
{
	int			n = 0;

	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	for (int i = 0; i < PULSE_BLOCKS_MAX; i++)
		if (OidIsValid(pulse_shared->blocks[i].database))
			databases[n++] = pulse_shared->blocks[i].database;
	LWLockRelease(pulse_shared_lock);
	return n;
}

static bool
is_in(Oid oid, const Oid *list, int n)
{
	for (int i = 0; i < n; i++)
		if (list[i] == oid)
			return true;
	return false;
}

/* Tells those who wait that the last worker is out. Entries newer than the list wait a turn. */
static void
clear_blocks(const Oid *databases, int n)
{
	bool		any = false;

	for (int i = 0; i < n; i++)
	{
		PulseTeam  *team = hash_search(teams, &databases[i], HASH_FIND, NULL);

		if (team && pulse_team_alive(team) > 0)
			continue;
		LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
		for (int b = 0; b < PULSE_BLOCKS_MAX; b++)
		{
			PulseSharedBlock *block = &pulse_shared->blocks[b];

			if (block->database == databases[i] && !block->clear)
			{
				block->clear = true;
				any = true;
			}
		}
		LWLockRelease(pulse_shared_lock);
	}
	if (any)
		ConditionVariableBroadcast(&pulse_shared->blocks_changed);
}

/* Brings all teams forward; returns when to come again at the latest. */
static TimestampTz
advance_teams(TimestampTz now)
{
	HASH_SEQ_STATUS status;
	PulseTeam  *team;
	Oid			blocked[PULSE_BLOCKS_MAX];
	int			n_blocked = read_blocks(blocked);
	int			n_probing = 0;
	TimestampTz next = DT_NOEND;

	/* probes under way come first, so that they are all counted before a new one starts */
	for (int pass = 0; pass < 2; pass++)
	{
		hash_seq_init(&status, teams);
		while ((team = hash_seq_search(&status)) != NULL)
		{
			bool		probing;
			bool		alive = pulse_team_alive(team) > 0;

			if (alive != (pass == 0))
				continue;
			next = Min(next,
					   pulse_team_advance(team, now,
										  is_in(team->database, blocked, n_blocked),
										  n_probing < PROBES_AT_ONCE, &probing));
			n_probing += probing;
		}
	}

	hash_seq_init(&status, teams);
	while ((team = hash_seq_search(&status)) != NULL)
		if (!team->exists && pulse_team_alive(team) == 0)
		{
			pulse_team_release(team);
			(void) hash_search(teams, &team->database, HASH_REMOVE, NULL);
		}
	clear_blocks(blocked, n_blocked);
	return next;
}

/* Ends quietly when told to; the postmaster starts another one. */
static void
serve_signals(void)
{
	if (ProcDiePending)
		proc_exit(1);
	/* a cancel has nothing to cancel here */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		HASH_SEQ_STATUS status;
		PulseTeam  *team;

		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
		hash_seq_init(&status, teams);
		while ((team = hash_seq_search(&status)) != NULL)
			pulse_team_retry_now(team);
	}
}

void
pulse_launcher_main(Datum arg pg_attribute_unused())
{
	HASHCTL		ctl;
	uint32		wait_event;
	TimestampTz last_scan = 0;
	MemoryContext loop_context;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	wait_event = pulse_compat_wait_event("PulseLauncherMain");

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(PulseTeam);
	ctl.hcxt = TopMemoryContext;
	teams = hash_create("pulse teams", 64, &ctl,
						HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	loop_context = AllocSetContextCreate(TopMemoryContext, "pulse launcher",
										 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(loop_context);

	attach();
	adopt_leftovers();
	pgstat_report_activity(STATE_IDLE, "pulse launcher: waiting");

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz next;

		if (read_mail() ||
			TimestampDifferenceExceeds(last_scan, now, RESCAN_MS))
		{
			scan_databases();
			last_scan = now;
			pgstat_report_activity(STATE_IDLE, "pulse launcher: waiting");
		}
		next = advance_teams(now);
		next = Min(next, TimestampTzPlusMilliseconds(last_scan, RESCAN_MS + 1));
		MemoryContextReset(loop_context);

		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 Max(1, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next)),
						 wait_event);
		ResetLatch(MyLatch);
		serve_signals();
	}
}
