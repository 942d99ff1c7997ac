/*
 * graph_lower.h
 *		Composite nodes in a graph that grows: instances of their bodies.
 *
 * Lowering a composite node c puts instances of its body behind it and a collecting node
 * c:out behind these. The collecting node takes over the number of c, so that all who
 * come after c, or read it, have the collecting node without being touched; c itself
 * moves to a new number.  A repeat has one round in the graph: the next one takes the
 * place of the last.
 *
 * Only the structure is made here; what it means for the state of a run is lower.c's.
 */
#ifndef PULSE_CORE_GRAPH_LOWER_H
#define PULSE_CORE_GRAPH_LOWER_H

#include "core/graph_grow.h"

typedef struct PulseLowering
{
	/* given */
	int out;		 /* the number of the composite node, which will be the collecting node's */
	int origin;		 /* id of the growth it is recorded as */
	PulseBody *body;
	PulseScopeKind kind;
	int n;			 /* instances: 1, or the number of items */
	int index;		 /* of the first one */
	const PulseJson *const *items; /* ITEM: they must live as long as the graph */

	/* filled, in the graph's memory */
	int anchor;		 /* the number that the composite node has now */
	int first_scope; /* number of the scope of the first instance; the others follow */
	int n_new;		 /* nodes of the instances */
	int *new_nodes;	 /* their numbers; by instance, then by local id */
} PulseLowering;

/* Whether the graph has room for so many nodes more. */
extern bool pulse_graph_has_room(const PulseGraph *graph, int64 n);

/* Lowers a composite node of a graph made by pulse_graph_copy, for the first time. */
extern void pulse_graph_lower(PulseGraph *graph, PulseLowering *lowering);

/*
 * The next round of a repeat: the nodes of `scope` and of all scopes inside it leave the
 * graph (their numbers are used again), and an instance comes in their place. lowering->out,
 * anchor, body, kind, index and origin are given.
 */
extern void pulse_graph_next_round(PulseGraph *graph, PulseScope *scope, PulseLowering *lowering);

/* Calls visit for each node of the scope and of those inside it. */
extern void pulse_scope_walk(const PulseGraph *graph, const PulseScope *scope,
							 void (*visit)(void *arg, int node), void *arg);

/* The innermost scope of this kind that the node is in, or NULL. */
extern const PulseScope *pulse_scope_of(const PulseNode *node, PulseScopeKind kind);

#endif
