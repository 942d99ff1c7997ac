/*
 * submit_store.h
 *		Inserting a run: the one row that is the fact of its start.
 */
#ifndef PULSE_STORE_SUBMIT_STORE_H
#define PULSE_STORE_SUBMIT_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

typedef struct PulseSubmission
{
	pg_uuid_t	id;
	int			part;
	int			priority;
	int			version;
	bool		version_given;	/* by the caller: then it counts for sameness */
	const char *tenant;
	const char *workflow;
	const char *submitted_by;
	TimestampTz submitted_at;
	TimestampTz start_at;
	TimestampTz deadline;
	bool		has_start_at;
	bool		has_deadline;
	const char *idempotency_key;	/* or NULL */
	const char *traceparent;	/* or NULL */
	Jsonb	   *input;			/* these may be NULL */
	Jsonb	   *labels;
	Jsonb	   *budget;
	bool		stamped;		/* answer: this was the first row of the database */
} PulseSubmission;

/* The run that has the idempotency key already. */
typedef struct PulseEarlierRun
{
	pg_uuid_t	id;
	int			version;
	bool		same;			/* workflow, version if given, input, labels, budget */
	TimestampTz submitted_at;
} PulseEarlierRun;

/*
 * True: inserted. False: the key is taken, *earlier says by what. Waits for a concurrent
 * submit of the same key; throws 40001 where the isolation level demands it.
 */
extern bool pulse_run_insert(PulseSubmission *s, PulseEarlierRun *earlier);

/*
 * Commits and begins the next transaction: for a procedure that is called outside of a
 * transaction block.
 */
extern void pulse_submit_commit(void);

#endif
