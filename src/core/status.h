/*
 * status.h
 *		Node statuses and the four questions of semantics section 2 on a plain
 *		vector of statuses: frontier, closure, recovery, classification, and the
 *		blocked reason.
 *
 * These are the slow, obvious forms, each linear in the graph. They serve inspect, the
 * views, recovery and the reference side of tests; the engine's incremental
 * bookkeeping is in state.h and must agree with them.
 */
#ifndef PULSE_CORE_STATUS_H
#define PULSE_CORE_STATUS_H

#include "core/graph.h"

typedef enum PulseStatus
{
	PULSE_PENDING,
	PULSE_RUNNING,
	PULSE_WAITING,
	PULSE_INTERRUPTED,
	PULSE_COMPLETED,
	PULSE_REWRITTEN,
	PULSE_SKIPPED,
	PULSE_FAILED
} PulseStatus;

/* Why a node was skipped or interrupted, or what it waits for. */
typedef enum PulseReason
{
	PULSE_REASON_NONE,
	PULSE_REASON_WHEN, /* skipped */
	PULSE_REASON_UPSTREAM,
	PULSE_REASON_ERROR,
	PULSE_REASON_OPERATOR, /* skipped by, or waiting for, an operator */
	PULSE_REASON_REPLAY,
	PULSE_REASON_SIBLING, /* interrupted */
	PULSE_REASON_SHUTDOWN,
	PULSE_REASON_CANCELLED,
	PULSE_REASON_SIGNAL, /* waiting */
	PULSE_REASON_TIMER,
	PULSE_REASON_RETRY,
	PULSE_REASON_HOST,
	PULSE_REASON_CHILD, /* waiting: for a child run */
	PULSE_REASON_CLOSURE /* failed by closure (derived, never stored) */
} PulseReason;

typedef enum PulseClass
{
	PULSE_CLASS_FAILED,
	PULSE_CLASS_PROGRESSING,
	PULSE_CLASS_IN_FLIGHT,
	PULSE_CLASS_COMPLETED,
	PULSE_CLASS_SUSPENDED,
	PULSE_CLASS_STUCK
} PulseClass;

extern const char *pulse_status_name(PulseStatus status);
extern bool pulse_status_parse(const char *s, PulseStatus *status);
extern const char *pulse_reason_name(PulseReason reason); /* NULL for NONE */
extern bool pulse_reason_parse(const char *s, PulseReason *reason);
extern const char *pulse_class_name(PulseClass class);

static inline bool
pulse_status_unblocks(PulseStatus s)
{
	return s == PULSE_COMPLETED || s == PULSE_REWRITTEN || s == PULSE_SKIPPED;
}

static inline bool
pulse_status_terminal(PulseStatus s)
{
	return s >= PULSE_COMPLETED;
}

static inline bool
pulse_status_has_output(PulseStatus s)
{
	return s == PULSE_COMPLETED || s == PULSE_REWRITTEN;
}

/* All below: status[i] belongs to graph->nodes[i]; results are in id order. */

/* Ready nodes; returns the count, fills out (room for n_nodes). */
extern int pulse_frontier(const PulseGraph *graph, const PulseStatus *status, int *out);

/*
 * For every node its strict ancestor with the lowest id among the marked
 * ones, or -1: lowest has room for n_nodes.
 */
extern void pulse_lowest_ancestors(const PulseGraph *graph, const bool *marked, int *lowest);

/*
 * Closure in place. cause[i] (may be NULL) gets, for each node changed, the
 * lowest-id ancestor that failed by itself, else -1. Returns how many changed.
 */
extern int pulse_closure(const PulseGraph *graph, PulseStatus *status, int *cause);

/* Reset (running, interrupted become pending) and closure, in place. */
extern void pulse_recover(const PulseGraph *graph, PulseStatus *status);

/* Of a state that is closed already. */
extern PulseClass pulse_classify(const PulseGraph *graph, const PulseStatus *status);

#endif
