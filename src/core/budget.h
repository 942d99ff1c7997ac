/*
 * budget.h
 *		The budget of rewrites: five naturals, spent and never refunded.
 */
#ifndef PULSE_CORE_BUDGET_H
#define PULSE_CORE_BUDGET_H

#include "core/graph.h"

#define PULSE_BUDGET_DIMS 5

typedef struct PulseExceeded
{
	const char *dimension;
	int64 requested;
	int64 remaining;
} PulseExceeded;

/* "nodes", "edges", "depth", "frontier", "operations": the order of reports. */
extern const char *pulse_budget_dim_name(int dim);
extern int64 *pulse_budget_dim(PulseBudget *budget, int dim);

/* Defaults in all dimensions that are not given (-1). */
extern void pulse_budget_fill(PulseBudget *budget);

/*
 * Reads {"nodes": 16, …}; what is missing is -1. False, with findings under path,
 * if it is no object of naturals or has other keys.
 */
extern bool pulse_budget_read(const PulseJson *value, const char *path, PulseArena *arena,
							  PulseBudget *budget, PulseDiag *diag);

extern const PulseJson *pulse_budget_json(const PulseBudget *budget, PulseArena *arena);

/* Fills list with the dimensions in which cost exceeds remaining; returns how many. */
extern int pulse_budget_exceeded(const PulseBudget *remaining, const PulseBudget *cost,
								 PulseExceeded list[PULSE_BUDGET_DIMS]);

/* Of a cost that does not exceed it. */
extern void pulse_budget_spend(PulseBudget *remaining, const PulseBudget *cost);

#endif
