/*
 * engine.h
 *		The engine of one worker: its parts, its cache of runs, its transfers.
 *
 * The engine is driven: it never waits.  pulse_engine_drive moves the network, outside of
 * any transaction; pulse_engine_batch runs one batch (collect, step, persist, commit,
 * act) in transactions of its own.  The worker loop waits in between; tests
 * drive the same functions in their own backend.
 */
#ifndef PULSE_ENGINE_ENGINE_H
#define PULSE_ENGINE_ENGINE_H

#include "datatype/timestamp.h"

#define PULSE_PARTS 64
#define PULSE_PRIORITIES 4

typedef struct PulseEngine PulseEngine;

/* What commits have told a worker to look at: one bit a part. */
typedef struct PulseHints
{
	uint64 inbox;
	uint64 runs[PULSE_PRIORITIES];
	bool all; /* the safety poll: look at everything */
	bool registry; /* hosts, actions or credentials have changed: read them again */
} PulseHints;

typedef struct PulseBatchResult
{
	bool more;			  /* call again without waiting */
	bool failed;		  /* the batch was rolled back; back off until next_due */
	TimestampTz next_due; /* when to call again at the latest (DT_NOEND: no time known) */
	uint64 ended;		  /* parts in which runs ended: wake those who wait */
	PulseHints others;	  /* parts of other workers that were written to: wake these */
	int facts;			  /* facts folded */
} PulseBatchResult;

/* Figures of a worker, for stat_workers. */
typedef struct PulseEngineStats
{
	uint64 batches;
	uint64 facts;
	uint64 nodes;
	uint64 calls;
	uint64 errors;
	int in_flight;
	int queued;
	int cached_runs;
} PulseEngineStats;

/*
 * An engine for the parts p with p mod n_workers = worker; the caller owns
 * them already (locks held) and is connected to the database, in no transaction. Bumps
 * the epochs of the parts and reads their marks, in a transaction of its own. Allocated
 * in a context below TopMemoryContext.
 * With test_transport, nothing is sent: calls wait for pulse_engine_test_answer.
 */
extern PulseEngine *pulse_engine_create(int worker, int n_workers, bool test_transport);

/* File descriptor that becomes readable when the network has something, or -1. */
extern int pulse_engine_fd(PulseEngine *engine);

/* Microseconds until the network wants to be driven although nothing is readable; -1: never. */
extern int64 pulse_engine_net_timeout(PulseEngine *engine);

/* Moves the network. Returns true if finished transfers wait for a batch. */
extern bool pulse_engine_drive(PulseEngine *engine);

/*
 * One batch. Takes and clears the hints it has used. Never throws for a batch that
 * failed (it is rolled back, logged once an episode, and retried); FATAL errors and
 * interrupts (terminate, DROP DATABASE) pass through.
 */
extern PulseBatchResult pulse_engine_batch(PulseEngine *engine, PulseHints *hints);

/* Marks the parts as left in order. In a transaction of its own; may throw. */
extern void pulse_engine_leave(PulseEngine *engine);

extern void pulse_engine_stats(PulseEngine *engine, PulseEngineStats *stats);

#endif
