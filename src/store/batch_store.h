/*
 * batch_store.h
 *		All that a batch writes: one statement for each table and kind of change.
 *
 * The engine collects rows in these structs and flushes them together; nothing is
 * written row by row.  Pointers are borrowed until the flush.
 */
#ifndef PULSE_STORE_BATCH_STORE_H
#define PULSE_STORE_BATCH_STORE_H

#include "store/discover_store.h"
#include "store/rowset.h"

typedef struct PulseWrites
{
	PulseRowSet node_insert;
	PulseRowSet node_update;
	PulseRowSet run_update;
	PulseRowSet attempt_insert;
	PulseRowSet timer_insert;
	PulseRowSet timer_delete;
	PulseRowSet inbox_delete;
	PulseRowSet signal_update;
	PulseRowSet log_insert;
	PulseRowSet side_update;
	PulseRowSet strike_delete;

	/* growth_store.h */
	PulseRowSet node_delete;
	PulseRowSet growth_insert;
	PulseRowSet growth_update;
	PulseRowSet growth_delete;

	/* child_store.h */
	PulseRowSet run_insert;
	PulseRowSet inbox_insert;
	size_t		bytes;			/* of payload so far */
} PulseWrites;

/* All structs below: times 0 and pointers NULL are SQL NULL. */
typedef struct PulseNodeWrite
{
	const pg_uuid_t *run;
	int			part;
	const char *node;
	const char *status;
	const char *reason;
	int			attempt;
	int			tries;
	const pg_uuid_t *activation;
	bool		outcome_unknown;
	TimestampTz started_at;
	TimestampTz ended_at;
	TimestampTz due;
	TimestampTz total_deadline;
	const char *action_version;
	Jsonb	   *output;
	Jsonb	   *error;
	Jsonb	   *memo;
} PulseNodeWrite;

typedef struct PulseAttemptWrite
{
	const pg_uuid_t *run;
	const char *node;
	int			attempt;
	const pg_uuid_t *activation;
	const char *outcome;
	const char *class_;
	const char *code;
	int			http_status;	/* 0: NULL */
	Jsonb	   *error;
	TimestampTz started_at;
	TimestampTz ended_at;
	const char *action_version;
	int64		epoch;
} PulseAttemptWrite;

extern void pulse_writes_init(PulseWrites *w);

extern void pulse_writes_node(PulseWrites *w, const PulseNodeWrite *row, bool insert);
extern void pulse_writes_run(PulseWrites *w, const pg_uuid_t *id, const char *status,
							 Jsonb *output, Jsonb *error, TimestampTz started_at,
							 TimestampTz ended_at, TimestampTz deadline);
extern void pulse_writes_attempt(PulseWrites *w, const PulseAttemptWrite *row);
extern void pulse_writes_timer(PulseWrites *w, bool insert, int part, TimestampTz due,
							   const pg_uuid_t *run, const char *node, const char *kind);
extern void pulse_writes_inbox_done(PulseWrites *w, int part, uint64 xid, int64 id);
extern void pulse_writes_signal(PulseWrites *w, const pg_uuid_t *run, const char *id,
								bool consumed, const char *node, const char *reason,
								TimestampTz at);
/* attempt 0 and NULLs: none */
extern void pulse_writes_log(PulseWrites *w, const pg_uuid_t *run, const char *node, int attempt,
							 const char *level, const char *actor, const char *message, Jsonb *data,
							 TimestampTz at);

/* What a host said beside a result; NULL: what is there stays. */
extern void pulse_writes_side(PulseWrites *w, const pg_uuid_t *run, const char *node,
							  Jsonb *progress, Jsonb *cost);
extern void pulse_writes_strike_done(PulseWrites *w, const pg_uuid_t *run);

/*
 * Runs the statements, deletes first. What is deleted was written in an earlier flush or
 * never comes back in the same batch: ids of nodes that have left a graph, and numbers of its
 * growths, are not used again before the run is read anew. Needs a transaction; throws on any
 * error.
 */
extern void pulse_writes_flush(PulseWrites *w);

/*
 * Strikes: adds one to each run and returns the new counts, in the order of ids.
 * `error` may be NULL.
 */
extern int *pulse_strikes_add(const pg_uuid_t *ids, const int *parts, int n, Jsonb *error);

/* Takes one strike back from each run; those that have none left lose their row. */
extern void pulse_strikes_take_back(const pg_uuid_t *ids, int n);

/* The strikes runs have now, in the order of ids. */
extern int *pulse_strikes_read(const pg_uuid_t *ids, int n);

/* Sets a live run aside, whatever its state. */
extern void pulse_quarantine_run(const pg_uuid_t *id, Jsonb *error, TimestampTz now);

/* Who has to hear of the end of a run that was abandoned. */
typedef struct PulseAbandoned
{
	bool		has_parent;
	pg_uuid_t	parent;
	char	   *parent_node;
	int			n_children;		/* child runs that its nodes wait for */
	pg_uuid_t  *children;
} PulseAbandoned;

/*
 * Ends a live or quarantined run whose state cannot be read, because somebody asked. False:
 * it is none. *who is in the current memory context.
 */
extern bool pulse_abandon_run(const pg_uuid_t *id, Jsonb *error, TimestampTz now,
							  PulseAbandoned *who);

/*
 * Notes of running nodes that this attempt of them was never sent (reason host): whoever takes
 * them over may send it, also where a call must not be repeated.
 */
extern void pulse_nodes_unsent(const pg_uuid_t *runs, const char *const *nodes,
							   const int *attempts, int n);

#endif
