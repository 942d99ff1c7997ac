/*
 * look_store.h
 *		What people look at: rows of runs as C values.
 *
 * Everything returned is in the memory context that is current at the call. Rows
 * are those of the caller's snapshot unless said otherwise.
 */
#ifndef PULSE_STORE_LOOK_STORE_H
#define PULSE_STORE_LOOK_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* A run, for those who look at its nodes. */
typedef struct PulseRunView
{
	char	   *tenant;
	char	   *workflow;
	int			version;
	char	   *status;			/* as stored */
	char	   *shown;			/* as pulse.runs shows it */
	char	   *content_hash;	/* of its graph; NULL: the version is gone */
	char	   *graph_hash;		/* of the structure; NULL as well */
	uint64		xid;
	bool		has_start_at;
	bool		has_started_at;
	bool		has_ended_at;
	TimestampTz start_at;
	TimestampTz started_at;
	TimestampTz ended_at;
	char	   *asked;			/* kind of the last fact not yet folded, or NULL */
	Jsonb	   *error;			/* or NULL */
} PulseRunView;

/* False: there is no such run. */
extern bool pulse_view_run(const pg_uuid_t *id, PulseRunView *run);

/* Columns of a node that are shown as they are stored. */
typedef enum PulseNodeColumn
{
	PULSE_NODE_ATTEMPT,
	PULSE_NODE_TRIES,
	PULSE_NODE_ACTIVATION,
	PULSE_NODE_OUTPUT,
	PULSE_NODE_ERROR,
	PULSE_NODE_PROGRESS,
	PULSE_NODE_COST,
	PULSE_NODE_OUTCOME_UNKNOWN,
	PULSE_NODE_ACTION_VERSION,
	PULSE_NODE_DUE,
	PULSE_NODE_TOTAL_DEADLINE,
	PULSE_NODE_STARTED_AT,
	PULSE_NODE_ENDED_AT,
	PULSE_NODE_COLUMNS
} PulseNodeColumn;

typedef struct PulseNodeRow
{
	char	   *node;
	char	   *status;
	char	   *reason;			/* or NULL */
	char	   *signal;			/* that its action suspended it on, or NULL */
	Datum		values[PULSE_NODE_COLUMNS]; /* large ones still toasted */
	bool		nulls[PULSE_NODE_COLUMNS];
} PulseNodeRow;

extern PulseNodeRow *pulse_view_nodes(const pg_uuid_t *run, int *n);

/* Kinds of lines of a timeline, in the order they have at the same moment. */
#define PULSE_LINE_SUBMITTED	0
#define PULSE_LINE_STARTED		1
#define PULSE_LINE_ACCEPTED		2	/* signals */
#define PULSE_LINE_OPERATOR		3
#define PULSE_LINE_NODE_STARTED 4	/* from here by place in the graph */
#define PULSE_LINE_CHILD		5
#define PULSE_LINE_SETTLED		6
#define PULSE_LINE_CHILD_ENDED	7
#define PULSE_LINE_ATTEMPT		8
#define PULSE_LINE_REWRITE		9
#define PULSE_LINE_NODE_ENDED	10
#define PULSE_LINE_LOWERED		11
#define PULSE_LINE_LOG			12
#define PULSE_LINE_RUN_ENDED	13

typedef struct PulseTimelineRow
{
	TimestampTz at;
	int			order;			/* PULSE_LINE_... */
	char	   *what;
	char	   *node;			/* or NULL */
	char	   *detail;			/* or NULL */
} PulseTimelineRow;

/* Those of one kind in their order; else in none. */
extern PulseTimelineRow *pulse_view_timeline(const pg_uuid_t *run, int *n);

/* A child run that a node of a run has now. */
typedef struct PulseChildView
{
	char	   *node;
	char	   *run;			/* id of the child */
	char	   *status;			/* as pulse.runs shows it */
} PulseChildView;

extern PulseChildView *pulse_view_children(const pg_uuid_t *run, int *n);

/* Status as pulse.runs shows it, output and error, as committed now. */
typedef struct PulseRunResult
{
	char	   *status;
	bool		ended;
	Jsonb	   *output;			/* or NULL */
	Jsonb	   *error;			/* or NULL */
} PulseRunResult;

extern bool pulse_view_result(const pg_uuid_t *id, PulseRunResult *result);

/* Whether the run has ended, as committed now. False also if it is gone (*gone). */
extern bool pulse_view_ended(const pg_uuid_t *id, bool *gone);

/* What a host is doing, for why: of the action's host. */
typedef struct PulseActionView
{
	char	   *host;
	char	   *disabled_reason;	/* or NULL */
	bool		open;			/* a circuit is open */
	char	   *reason;			/* of that, or NULL */
	bool		throttled;
	TimestampTz until;			/* open or throttled until */
} PulseActionView;

/* False: no such action is registered for this tenant. */
extern bool pulse_view_action(const char *action, const char *tenant, TimestampTz now,
							  PulseActionView *view);

#endif
