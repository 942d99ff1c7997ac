/*
 * discover_store.h
 *		What is new for a worker: runs, inbox rows, due timers, interrupted work.
 *
 * All reads are bounded and start from a position their caller remembers, so that
 * what is finished, asleep or dead is not read again.  Results are copied into the memory
 * context that is current at the call.
 */
#ifndef PULSE_STORE_DISCOVER_STORE_H
#define PULSE_STORE_DISCOVER_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* One range of one stream: rows after (xid, key) up to to_xid, in that order. */
typedef struct PulseRange
{
	int			part;
	int			priority;		/* runs only */
	uint64		xid;
	uint64		to_xid;
	pg_uuid_t	run;			/* runs: key within xid */
	int64		id;				/* inbox: key within xid */
} PulseRange;

typedef struct PulseRunRow
{
	int			range;			/* which range it came from; -1: by id */
	uint64		xid;
	pg_uuid_t	id;
	int			part;
	int			priority;
	char	   *status;
	char	   *tenant;
	char	   *workflow;
	int			version;
	TimestampTz submitted_at;
	TimestampTz start_at;		/* 0 in unset times: see has_ flags */
	TimestampTz deadline;
	TimestampTz started_at;
	bool		has_start_at;
	bool		has_deadline;
	bool		has_started_at;
	char	   *traceparent;	/* or NULL */
	Jsonb	   *input;			/* or NULL */
	Jsonb	   *budget;			/* of its own, or NULL */
	bool		has_parent;
	pg_uuid_t	parent;
	char	   *parent_node;
	int			depth;
	bool		touched;		/* it has rows of nodes or signals, or a large input: load them */
	int64		bytes;			/* of the input, as stored */
} PulseRunRow;

typedef struct PulseInboxRow
{
	int			range;
	uint64		xid;
	int64		id;
	int			part;
	pg_uuid_t	run;
	TimestampTz at;
	char	   *kind;
	char	   *node;			/* or NULL */
	char	   *actor;			/* or NULL */
	Jsonb	   *payload;		/* or NULL */
	char	   *signal_id;		/* of the signal, if its row is there */
	char	   *signal_name;
	int64		signal_seq;
	Jsonb	   *signal_payload;
} PulseInboxRow;

typedef struct PulseTimerRow
{
	int			part;
	TimestampTz due;
	pg_uuid_t	run;
	char	   *node;			/* "" for the run */
	char	   *kind;
} PulseTimerRow;

/*
 * Pending runs in these ranges, at most limit of each. Whether a run has rows
 * already is looked up for transactions before old_xid only: the caller knows of later ones.
 */
extern PulseRunRow *pulse_discover_runs(const PulseRange *ranges, int n, int limit,
										uint64 old_xid, int *found);

extern PulseInboxRow *pulse_discover_inbox(const PulseRange *ranges, int n, int limit, int *found);

/* Timers of the parts with after <= due <= now, earliest first, at most limit in all. */
extern PulseTimerRow *pulse_discover_timers(const int *parts, const TimestampTz *after, int n,
											TimestampTz now, int limit, int *found);

/* Timers of kind 'host' due after now and until `until`, at most limit. */
extern PulseTimerRow *pulse_discover_held(const int *parts, int n, TimestampTz now,
										  TimestampTz until, int limit, int *found);

/* The next due time after `after` in any of the parts; DT_NOEND if none. */
extern TimestampTz pulse_discover_next_due(const int *parts, int n, TimestampTz after);

/*
 * Runs of the parts with a node running under an activation >= mark: work of a
 * process that died. Each run once.
 */
extern pg_uuid_t *pulse_discover_running(int part, const pg_uuid_t *mark, int *found);

#endif
