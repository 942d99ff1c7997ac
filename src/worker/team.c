/*
 * team.c
 *		The workers of one database, as the launcher sees them.
 *
 * Owns start, restart with back-off, and the end of workers. The first worker of a
 * database that is not known is at the same time a probe: it stays if the
 * extension is there. The states are drawn in README.md.
 */
#include "postgres.h"

#include "worker/team.h"

#include <signal.h>

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/launcher.h"
#include "worker/worker.h"

/* A worker that was asked to leave is told to by signal after this. */
#define LEAVE_GRACE_MS		500

/* Whoever lives that long has not failed at its start. */
#define HEALTHY_LIFE_MS		10000
#define BACKOFF_MAX_S		60

/* How soon to try again where the server has no slot for a worker. */
#define NO_SLOT_RETRY_MS	1000

/* Warn once until there is a slot again. */
static bool teams_missing = false;
static bool probe_starved = false;

static void
set_state(PulseTeam *team, PulseTeamState state, int wanted, const char *reason)
{
	PulseSharedTeam *shared;

	if (team->slot == PULSE_NO_SLOT)
		return;
	shared = &pulse_shared->teams[team->slot];
	if (shared->state == state && shared->wanted == wanted &&
		strncmp(shared->reason, reason, PULSE_REASON_BYTES - 1) == 0)
		return;
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	if (shared->state != state)
		shared->since = GetCurrentTimestamp();
	shared->state = state;
	shared->wanted = wanted;
	pulse_reason_set(shared->reason, reason);
	LWLockRelease(pulse_shared_lock);
}

static void
launcher_reason(const char *reason)
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_reason_set(pulse_shared->launcher_reason, reason);
	LWLockRelease(pulse_shared_lock);
}

static void
alloc_members(PulseTeam *team)
{
	if (team->members == NULL)
		team->members = MemoryContextAllocZero(TopMemoryContext,
											   sizeof(PulseMember) * PULSE_WORKERS_MAX);
}

void
pulse_team_attach(PulseTeam *team, int slot)
{
	PulseSharedTeam *shared = &pulse_shared->teams[slot];

	team->slot = slot;
	team->installed = shared->installed;
	team->n_workers = pg_atomic_read_u32(&shared->n_workers);
	alloc_members(team);
}

void
pulse_team_adopt(PulseTeam *team, int slot)
{
	PulseSharedWorker *worker = &pulse_shared->workers[slot];
	PulseMember *member = &team->members[worker->number];

	memset(member, 0, sizeof(*member));
	member->alive = true;
	member->slot = slot;
	member->started_at = worker->report.started_at;
}

/* A shared slot for the team; false if all are taken. */
static bool
take_slot(PulseTeam *team)
{
	if (team->slot != PULSE_NO_SLOT)
		return true;

	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < PULSE_TEAMS_MAX; i++)
	{
		PulseSharedTeam *shared = &pulse_shared->teams[i];

		if (OidIsValid(pg_atomic_read_u32(&shared->database)))
			continue;
		shared->state = PULSE_TEAM_NONE;
		shared->since = GetCurrentTimestamp();
		shared->wanted = 0;
		shared->installed = team->installed;
		shared->gone = false;
		shared->reason[0] = '\0';
		pg_atomic_write_u32(&shared->n_workers, 0);
		pg_atomic_write_u32(&shared->database, team->database);
		team->slot = i;
		break;
	}
	LWLockRelease(pulse_shared_lock);

	if (team->slot == PULSE_NO_SLOT)
	{
		if (!teams_missing)
		{
			char		reason[PULSE_REASON_BYTES];

			snprintf(reason, sizeof(reason),
					 "more than %d databases have workers; name some in pulse.databases",
					 PULSE_TEAMS_MAX);
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("pulse cannot serve more than %d databases",
							PULSE_TEAMS_MAX),
					 errhint("Name the databases to serve in pulse.databases.")));
			launcher_reason(reason);
			teams_missing = true;
		}
		return false;
	}
	if (teams_missing)
	{
		launcher_reason("");
		teams_missing = false;
	}
	alloc_members(team);
	return true;
}

void
pulse_team_release(PulseTeam *team)
{
	Assert(pulse_team_alive(team) == 0);
	if (team->slot != PULSE_NO_SLOT)
	{
		PulseSharedTeam *shared = &pulse_shared->teams[team->slot];

		LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
		pg_atomic_write_u32(&shared->database, InvalidOid);
		pg_atomic_write_u32(&shared->n_workers, 0);
		shared->installed = false;
		LWLockRelease(pulse_shared_lock);
		team->slot = PULSE_NO_SLOT;
	}
	if (team->members)
		pfree(team->members);
	team->members = NULL;
}

void
pulse_team_retry_now(PulseTeam *team)
{
	if (team->members)
		for (int i = 0; i < PULSE_WORKERS_MAX; i++)
			team->members[i].next_start = 0;
}

int
pulse_team_alive(const PulseTeam *team)
{
	int			n = 0;

	if (team->members)
		for (int i = 0; i < PULSE_WORKERS_MAX; i++)
			n += team->members[i].alive;
	return n;
}

/* Whether the process of a member has ended for certain. */
static bool
has_ended(PulseMember *member)
{
	BgwHandleStatus status;
	pid_t		pid;
	bool		ended;

	if (member->handle)
	{
		status = GetBackgroundWorkerPid(member->handle, &pid);
		return status == BGWH_STOPPED || status == BGWH_POSTMASTER_DIED;
	}
	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	ended = pulse_shared->workers[member->slot].ended;
	LWLockRelease(pulse_shared_lock);
	return ended;
}

/* The first restart is immediate; the next ones wait longer and longer. */
static void
schedule_restart(PulseMember *member, TimestampTz now, bool in_order)
{
	long		lived = TimestampDifferenceMilliseconds(member->started_at, now);

	if (member->asked_at != 0)
	{
		member->failures = 0;
		member->next_start = now;
		return;
	}
	if (lived >= HEALTHY_LIFE_MS || (in_order && lived >= LEAVE_GRACE_MS))
		member->failures = 0;
	member->failures++;
	if (member->failures == 1)
		member->next_start = now;
	else
		member->next_start =
			TimestampTzPlusMilliseconds(now,
										1000L * Min(BACKOFF_MAX_S,
													1 << Min(member->failures - 2, 10)));
}

static void
note_ends(PulseTeam *team, TimestampTz now)
{
	PulseSharedTeam *shared;
	bool		any = false;

	if (team->slot == PULSE_NO_SLOT)
		return;
	shared = &pulse_shared->teams[team->slot];
	for (int i = 0; i < PULSE_WORKERS_MAX; i++)
	{
		PulseMember *member = &team->members[i];
		PulseSharedWorker *worker;
		bool		in_order;

		if (!member->alive || !has_ended(member))
			continue;
		if (member->handle)
			pfree(member->handle);
		member->handle = NULL;
		member->alive = false;

		LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
		worker = &pulse_shared->workers[member->slot];
		in_order = worker->in_order;
		worker->used = false;
		worker->pid = 0;
		shared->member[i] = PULSE_NO_SLOT;
		pg_atomic_write_u32(&shared->procno[i], PULSE_NO_PROC);
		LWLockRelease(pulse_shared_lock);

		schedule_restart(member, now, in_order);
		any = true;
	}

	/* What workers have found out about the extension. */
	LWLockAcquire(pulse_shared_lock, LW_SHARED);
	team->installed = shared->installed;
	if (team->installed)
		team->requested = false;
	else if (any && pulse_team_alive(team) == 0)
	{
		if (!shared->gone)
			team->probe_wanted = true;	/* ended without an answer: ask again */
		else if (!team->probe_wanted)
			team->requested = false;
	}
	LWLockRelease(pulse_shared_lock);
}

/*
 * With ask, asks everybody to leave. Tells those who were asked and did not.
 * Returns when to look again.
 */
static TimestampTz
make_leave(PulseTeam *team, TimestampTz now, bool ask)
{
	TimestampTz next = DT_NOEND;

	for (int i = 0; i < PULSE_WORKERS_MAX; i++)
	{
		PulseMember *member = &team->members[i];
		PulseSharedWorker *worker;
		TimestampTz until;
		int			pid;
		uint32		procno;

		if (!member->alive || (!ask && member->asked_at == 0))
			continue;
		worker = &pulse_shared->workers[member->slot];
		LWLockAcquire(pulse_shared_lock, LW_SHARED);
		pid = worker->pid;
		procno = worker->procno;
		LWLockRelease(pulse_shared_lock);

		if (member->asked_at == 0)
		{
			member->asked_at = now;
			member->terminated = false;
			pg_atomic_write_u32(&worker->leave, 1);
			pg_memory_barrier();
			if (pid != 0)
				pulse_proc_wake(procno);
			/* otherwise it looks at the flag when it attaches */
		}
		until = TimestampTzPlusMilliseconds(member->asked_at, LEAVE_GRACE_MS);
		if (!member->terminated && now >= until)
		{
			member->terminated = true;
			if (member->handle)
				TerminateBackgroundWorker(member->handle);
			else
			{
				/* it cannot end, and its pid not be used again, while we hold the lock */
				LWLockAcquire(pulse_shared_lock, LW_SHARED);
				if (worker->pid != 0)
					kill(worker->pid, SIGTERM);
				LWLockRelease(pulse_shared_lock);
			}
		}
		if (!member->terminated)
			next = Min(next, until);
	}
	return next;
}

/* A free slot for a worker process, filled in; or PULSE_NO_SLOT. */
static int
take_worker_slot(PulseTeam *team, int number, TimestampTz now)
{
	PulseSharedTeam *shared = &pulse_shared->teams[team->slot];
	int			slot = PULSE_NO_SLOT;

	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	for (int i = 0; i < pulse_shared->n_workers && slot == PULSE_NO_SLOT; i++)
	{
		PulseSharedWorker *worker = &pulse_shared->workers[i];

		if (worker->used)
			continue;
		worker->used = true;
		worker->ended = false;
		worker->in_order = false;
		worker->generation++;
		worker->team = team->slot;
		worker->number = number;
		worker->n_workers = team->n_workers;
		worker->database = team->database;
		worker->pid = 0;
		worker->procno = -1;
		pg_atomic_write_u32(&worker->leave, 0);
		SpinLockAcquire(&worker->mutex);
		memset(&worker->report, 0, sizeof(worker->report));
		worker->report.state = PULSE_WORKER_STARTING;
		worker->report.started_at = now;
		worker->report.state_since = now;
		SpinLockRelease(&worker->mutex);
		shared->member[number] = i;
		slot = i;
	}
	LWLockRelease(pulse_shared_lock);
	return slot;
}

static void
give_worker_slot_back(PulseTeam *team, int number, int slot)
{
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_shared->workers[slot].used = false;
	pulse_shared->teams[team->slot].member[number] = PULSE_NO_SLOT;
	LWLockRelease(pulse_shared_lock);
}

/* False if the server has no room for another worker; next_start is set then. */
static bool
start_member(PulseTeam *team, int number, TimestampTz now)
{
	PulseMember *member = &team->members[number];
	PulseWorkerArgs args;
	BackgroundWorker bgw;
	BackgroundWorkerHandle *handle = NULL;
	MemoryContext old;
	int			slot;
	bool		started = false;

	slot = take_worker_slot(team, number, now);
	if (slot != PULSE_NO_SLOT)
	{
		memset(&args, 0, sizeof(args));
		args.database = team->database;
		args.slot = slot;
		args.generation = pulse_shared->workers[slot].generation;

		memset(&bgw, 0, sizeof(bgw));
		bgw.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
		bgw.bgw_start_time = BgWorkerStart_RecoveryFinished;
		bgw.bgw_restart_time = BGW_NEVER_RESTART;	/* the launcher does that */
		bgw.bgw_notify_pid = MyProcPid;
		strlcpy(bgw.bgw_library_name, "pulse", sizeof(bgw.bgw_library_name));
		strlcpy(bgw.bgw_function_name, "pulse_worker_main",
				sizeof(bgw.bgw_function_name));
		strlcpy(bgw.bgw_type, "pulse worker", sizeof(bgw.bgw_type));
		snprintf(bgw.bgw_name, sizeof(bgw.bgw_name),
				 "pulse worker %d for database %u", number, team->database);
		StaticAssertStmt(sizeof(args) <= BGW_EXTRALEN, "arguments fit");
		memcpy(bgw.bgw_extra, &args, sizeof(args));

		old = MemoryContextSwitchTo(TopMemoryContext);
		started = RegisterDynamicBackgroundWorker(&bgw, &handle);
		MemoryContextSwitchTo(old);
		if (!started)
			give_worker_slot_back(team, number, slot);
	}
	if (!started)
	{
		member->next_start = TimestampTzPlusMilliseconds(now, NO_SLOT_RETRY_MS);
		if (team->installed ? !team->starved : !probe_starved)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("no background worker slot is free for pulse in database \"%s\"",
							NameStr(team->name)),
					 errdetail("Its runs wait. Pulse keeps trying."),
					 errhint("Raise max_worker_processes (now %d), or lower pulse.workers.",
							 max_worker_processes)));
		if (!team->installed)
			probe_starved = true;
		team->starved = true;
		return false;
	}

	team->starved = false;
	if (!team->installed)
		probe_starved = false;
	member->alive = true;
	member->slot = slot;
	member->handle = handle;
	member->started_at = now;
	member->asked_at = 0;
	member->terminated = false;
	return true;
}

/* All shall be new: size of the team, and members. */
static void
set_size(PulseTeam *team, int n_workers)
{
	team->n_workers = n_workers;
	pg_atomic_write_u32(&pulse_shared->teams[team->slot].n_workers, n_workers);
}

/* No workers are wanted, for a reason. */
static TimestampTz
advance_to_none(PulseTeam *team, TimestampTz now, const char *why)
{
	if (pulse_team_alive(team) > 0)
	{
		set_state(team, PULSE_TEAM_LEAVING, 0, why);
		return make_leave(team, now, true);
	}
	if (team->exists && (team->installed || team->requested) && take_slot(team))
		set_state(team, PULSE_TEAM_STOPPED, 0, why);
	else
		pulse_team_release(team);
	return DT_NOEND;
}

/* It is not known whether the extension is there, or known that it is not. */
static TimestampTz
advance_probe(PulseTeam *team, TimestampTz now, bool may_probe, bool *probing)
{
	PulseMember *member;

	if (pulse_team_alive(team) > 0)
	{
		/* a probe under way; or members that find out by themselves that it is gone */
		*probing = true;
		return make_leave(team, now, false);
	}
	if (!team->probe_wanted)
	{
		pulse_team_release(team);
		return DT_NOEND;
	}
	if (!may_probe)
		return DT_NOEND;		/* called again when another probe has ended */
	if (!take_slot(team))
		return TimestampTzPlusMilliseconds(now, 5 * NO_SLOT_RETRY_MS);
	member = &team->members[0];
	if (now < member->next_start)
		return member->next_start;

	set_size(team, pulse_guc_workers);
	LWLockAcquire(pulse_shared_lock, LW_EXCLUSIVE);
	pulse_shared->teams[team->slot].gone = false;
	LWLockRelease(pulse_shared_lock);
	if (!start_member(team, 0, now))
	{
		set_state(team, PULSE_TEAM_PROBING, 1,
				  "no background worker slot is free: raise max_worker_processes");
		return member->next_start;
	}
	team->probe_wanted = false;
	*probing = true;
	set_state(team, PULSE_TEAM_PROBING, 1, "");
	return DT_NOEND;
}

static TimestampTz
advance_running(PulseTeam *team, TimestampTz now)
{
	int			wanted = pulse_guc_workers;
	int			alive = pulse_team_alive(team);
	TimestampTz next;
	char		reason[PULSE_REASON_BYTES] = "";

	if (alive > 0 && team->n_workers != wanted)
	{
		set_state(team, PULSE_TEAM_LEAVING, wanted, "pulse.workers has changed");
		return make_leave(team, now, true);
	}
	/* those who were asked to leave for a reason that has passed go all the same */
	next = make_leave(team, now, false);
	if (alive == 0)
		set_size(team, wanted);
	for (int i = 0; i < wanted; i++)
	{
		PulseMember *member = &team->members[i];

		if (member->alive)
			continue;
		if (now < member->next_start)
		{
			if (member->failures > 1)
				snprintf(reason, sizeof(reason),
						 "worker %d has ended %d times in a row; see the server log",
						 i, member->failures);
			next = Min(next, member->next_start);
		}
		else if (!start_member(team, i, now))
			next = Min(next, member->next_start);
		if (!member->alive && team->starved)
			snprintf(reason, sizeof(reason),
					 "no background worker slot is free: raise max_worker_processes (now %d)",
					 max_worker_processes);
	}
	set_state(team, PULSE_TEAM_RUNNING, wanted, reason);
	return next;
}

TimestampTz
pulse_team_advance(PulseTeam *team, TimestampTz now, bool blocked,
				   bool may_probe, bool *probing)
{
	const char *why = NULL;

	*probing = false;
	note_ends(team, now);

	if (!team->exists)
		why = "the database is gone";
	else if (!team->usable)
		why = "the database is a template or accepts no connections";
	else if (!pulse_guc_enabled)
		why = "pulse.enabled is off";
	else if (!pulse_guc_database_listed(NameStr(team->name)))
		why = "the database is not named in pulse.databases";
	else if (blocked)
		why = "a statement needs the database without connections";

	if (why)
		return advance_to_none(team, now, why);
	if (!team->installed)
		return advance_probe(team, now, may_probe, probing);
	return advance_running(team, now);
}
