/*
 * graph_grow.h
 *		Graphs that grow: a private copy, a fragment put into it, its document.
 *
 * Whether a fragment may be put in is not asked here: rewrite.h does that.
 */
#ifndef PULSE_CORE_GRAPH_GROW_H
#define PULSE_CORE_GRAPH_GROW_H

#include "core/graph.h"

/* A fragment and where it goes. */
typedef struct PulseGrowth
{
	int anchor;
	bool replace; /* else the anchor stays */
	int origin;	  /* id of the growth it is recorded as (replay.h) */

	/*
	 * The fragment as a graph of its own, with local ids; references to the
	 * graph around it are complements (~number) in the refs of its nodes.
	 */
	PulseGraph *fragment;
	int n_entries; /* numbers in it, in id order */
	int *entries;
	int n_exits;
	int *exits;

	/* filled: numbers in the grown graph, by number in the fragment */
	int *numbers;
} PulseGrowth;

/*
 * A copy that may grow, in an arena of its own. It shares definitions with base, which
 * must outlive it. The second form: see pulse_arena_create_beside.
 */
extern PulseGraph *pulse_graph_copy(const PulseGraph *base);
extern PulseGraph *pulse_graph_copy_beside(const PulseGraph *base, const PulseArena *other);

/*
 * Puts the fragment into a graph made by pulse_graph_copy and takes its memory
 * over; growth->numbers lies in the graph's arena. Numbers of nodes that
 * stay do not change; if the anchor leaves, the first node of the fragment takes
 * its number. The graph is unsettled then; it costs the size of the fragment
 * and the degree of its neighbours.
 */
extern void pulse_graph_grow(PulseGraph *graph, PulseGrowth *growth);

/*
 * After growth: ranks, by_rank, n_edges, roots, sinks, successors and the hash. Costs a
 * sort and a walk over the graph; nothing if it is settled. Whoever asks for one of these
 * of a graph that may have grown calls it first.
 */
extern void pulse_graph_settle(const PulseGraph *graph);

/* The same without the hash. */
extern void pulse_graph_order(const PulseGraph *graph);

/* For graph_lower.c: room for n numbers; a note that the graph has changed; one more node. */
extern void pulse_graph_make_room(PulseGraph *graph, int n);
extern void pulse_graph_unsettle(PulseGraph *graph);
extern void pulse_scope_add_node(PulseGraph *graph, PulseScope *scope, int node);

/* Notes that a growth was recorded inside a scope. */
extern void pulse_scope_add_record(PulseScope *scope, int id);

/* Successors of a node but for its error handler, which belongs to it; in arena. */
extern int pulse_graph_followers(const PulseGraph *graph, int node, PulseArena *arena,
								 int **followers);

/*
 * The document of the graph as it is now, in full form: reading it (as
 * PULSE_GRAPH_LIVE) gives the same nodes, edges and hash. It shares with the graph
 * and lives in arena.
 */
extern const PulseJson *pulse_graph_document(const PulseGraph *graph, PulseArena *arena);

#endif
