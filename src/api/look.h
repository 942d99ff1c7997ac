/*
 * look.h
 *		The nodes of a run: what is stored, and what follows for the others.
 */
#ifndef PULSE_API_LOOK_H
#define PULSE_API_LOOK_H

#include "core/graph.h"
#include "core/status.h"
#include "store/growth_store.h"
#include "store/look_store.h"

typedef struct PulseRunNodes
{
	PulseRunView run;
	const PulseGraph *graph;	/* as it is now; valid until the next call */
	PulseGrowthRow *growths;	/* how it came to be so, by id */
	int			n_growths;
	PulseStatus *stored;		/* by node number; pending without a row */
	PulseStatus *shown;			/* after closure, and what a cancel leaves over */
	const char **reason;		/* or NULL */
	int		   *cause;			/* of a closure: node that failed by itself, or -1 */
	PulseNodeRow **rows;		/* by node number; NULL: no row */
	PulseNodeRow *all;			/* the rows as they are stored */
	int			n_all;
} PulseRunNodes;

/*
 * Reads a run in the current memory context; throws if there is none that the current
 * user may read.
 */
extern PulseRunNodes *pulse_look_nodes(const pg_uuid_t *run);

/* The graph of a version, from the cache of this backend; NULL: none that can be read. */
extern const PulseGraph *pulse_look_graph(const char *tenant, const char *workflow,
										  int version, const char *content_hash);

/*
 * The graph at a revision (-1: the last) from the one as defined, which must stay; in
 * the current memory context. NULL: *why says what does not fit.
 */
extern const PulseGraph *pulse_look_grown(const PulseGraph *base, const PulseGrowthRow *rows,
										  int n, int revision, const char **why);

/* The growth of this id that is part of the graph, or NULL. */
extern const PulseGrowthRow *pulse_look_growth(const PulseRunNodes *nodes, int id);

#endif
