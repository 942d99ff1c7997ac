/*
 * replay.h
 *		Growths of a run's graph as they are recorded, and the graph made of them again.
 *
 * Whatever changes the graph of a run is recorded in the transaction in which it
 * happens: rewrites that hosts propose, admitted or rejected, and the lowering of
 * composite nodes.  The graph at any revision is the graph as defined plus the
 * growths recorded up to it, in the order of their revisions.  A repeat has one record,
 * which moves on from round to round and takes a new revision each time: the graph as it
 * was in a round that is over cannot be made again.
 */
#ifndef PULSE_CORE_REPLAY_H
#define PULSE_CORE_REPLAY_H

#include "core/state.h"

typedef struct PulseGrowthRecord
{
	int id;				/* order of arrival within the run, from 1 */
	bool admitted;
	bool renewed;		/* a record that is there already: revision, detail and hash change */
	int revision;		/* of the graph it has made; 0: rejected */
	const char *anchor; /* id of the node that proposed it, or of the composite node */
	const char *form;	/* "replace", "retain", "append", "reject"; "choose", "map", "repeat" */
	bool has_activation;
	PulseUuid activation; /* of the proposing node */
	int attempt;		  /* 0: proposed by a pure node, or lowered */
	const PulseJson *rewrite; /* as proposed: {"form", "fragment"}; NULL: lowered, or reject_rewrite */
	const PulseJson *detail;  /* lowered: {"branch": n}, {"items": […]} or {"round": n} */
	const PulseJson *output;  /* that came with the proposal */
	const PulseJson *cost;	  /* {"nodes": …}; NULL: none (not valid, lowered) */
	const PulseJson *budget_before; /* NULL: lowered */
	const PulseJson *budget_after;
	const char *code;		  /* rejected: rewrite_invalid, budget_exceeded, rejected_by_host */
	const PulseJson *reason;  /* rejected_by_host: as given; or NULL */
	const PulseJson *errors;  /* rewrite_invalid: [{"code", "node"?, "message"}] */
	const PulseJson *exceeded; /* budget_exceeded: [{"dimension", "requested", "remaining"}] */
	const char *hash;		  /* of the graph at its revision; NULL: not computed */
} PulseGrowthRecord;

/*
 * Makes the graph at a revision (-1: the last) from the graph as defined, which must
 * outlive it, and the admitted records. NULL if that cannot be, *why says why (in arena). If
 * a record at that revision has a hash and the graph another, that is such a fault too.
 * The answer is settled; free it. Records in any order; rejected ones are passed over.
 */
extern PulseGraph *pulse_graph_replay(const PulseGraph *base, const PulseGrowthRecord *records,
									  int n, int revision, PulseArena *arena, const char **why);

/*
 * The same for a state whose graph is the one as defined: its graph becomes the last
 * revision, nodes[] has room for it, budget, revision and n_records are set. Before the rows
 * of nodes are filled in and pulse_state_derive. False: *why, the state is to be dropped.
 */
extern bool pulse_state_replay(PulseRunState *run, const PulseGrowthRecord *records, int n,
							   PulseArena *arena, const char **why);

#endif
