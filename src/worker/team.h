/*
 * team.h
 *		The workers of one database, as the launcher sees them.
 *
 * A PulseTeam is process-local to the launcher and lives as long as its database;
 * what others may see of it is copied to PulseSharedTeam. The launcher is single-threaded, so
 * nothing here is locked but the shared copies.
 */
#ifndef PULSE_WORKER_TEAM_H
#define PULSE_WORKER_TEAM_H

#include "base/guc.h"
#include "datatype/timestamp.h"
#include "postmaster/bgworker.h"
#include "worker/shared.h"

typedef struct PulseMember
{
	bool		alive;			/* registered, and not yet known to have ended */
	int			slot;			/* of PulseShared.workers */
	BackgroundWorkerHandle *handle; /* NULL: child of an earlier launcher */
	TimestampTz started_at;
	TimestampTz asked_at;		/* asked to leave; 0: not asked */
	bool		terminated;		/* ... and was told, when it did not */
	int			failures;		/* ends in a row, each soon after the start */
	TimestampTz next_start;
} PulseMember;

typedef struct PulseTeam
{
	Oid			database;		/* hash key */
	NameData	name;
	bool		exists;			/* in pg_database at the last look */
	bool		usable;			/* accepts connections and is no template */
	bool		probe_wanted;	/* nobody knows whether the extension is there */
	bool		requested;		/* somebody in the database has asked for workers */
	bool		installed;		/* as far as known */
	bool		starved;		/* the server had no slot for a worker: warned once */
	int			slot;			/* of PulseShared.teams, or PULSE_NO_SLOT */
	int			n_workers;		/* size of the team that is alive */
	PulseMember *members;		/* PULSE_WORKERS_MAX of them, with the slot */
} PulseTeam;

/*
 * Brings a team one step nearer to what settings and catalogs want: notes ends,
 * asks to leave, starts. may_probe: a further database may be probed now.
 * Returns when to call again at the latest. Sets *probing if a probe is under way.
 */
extern TimestampTz pulse_team_advance(PulseTeam *team, TimestampTz now,
									  bool blocked, bool may_probe, bool *probing);

/* Somebody has changed something: what is backed off is tried at once. */
extern void pulse_team_retry_now(PulseTeam *team);

/* Workers not known to have ended. */
extern int	pulse_team_alive(const PulseTeam *team);

/* Takes over a worker of an earlier launcher: shared slot, of a team that has its slot. */
extern void pulse_team_adopt(PulseTeam *team, int slot);

/* Gives the shared slot back; no worker may be alive. */
extern void pulse_team_release(PulseTeam *team);

/* Connects a team with a shared slot that bears its database already. */
extern void pulse_team_attach(PulseTeam *team, int slot);

#endif
