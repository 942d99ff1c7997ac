/*
 * layout.h
 *		Places for the nodes and edges of a graph on a page.
 */
#ifndef PULSE_CORE_LAYOUT_H
#define PULSE_CORE_LAYOUT_H

#include "core/graph.h"

/*
 * The layer of each node, from 0: the length of the longest path that leads to
 * it. An array by node number, in arena.
 */
extern int *pulse_layout_layers(const PulseGraph *graph, PulseArena *arena);

/* Node numbers by layer and, within one, by id; in arena. */
extern int *pulse_layout_reading_order(const PulseGraph *graph, const int *layer,
									   PulseArena *arena);

/*
 * What has a place in a layer: a node, or a lane that leads past the layer to a
 * node further down. A lane belongs to the node it leads to, whoever comes
 * before that node joins it; so there are never more lanes in a layer than
 * nodes below.
 */
typedef struct PulseLayoutSpot
{
	int node; /* the node; of a lane, the one it leads to */
	bool lane;
	int layer;
	int place;	   /* in the layer, from 0 */
	double across; /* its middle; set by pulse_layout_place */
} PulseLayoutSpot;

/* From a spot to one in the next layer. */
typedef struct PulseLayoutLink
{
	int from;
	int to;
} PulseLayoutLink;

/* Lives in the arena that it was made in. */
typedef struct PulseLayout
{
	int n_layers;
	int n_spots;
	PulseLayoutSpot *spots; /* the nodes by number, then lanes */
	int n_links;
	PulseLayoutLink *links;
	int *order; /* spots by layer and place */
	int *start; /* by layer: its first one in order; n_layers + 1 of them */
	double extent;

	int *above; /* by spot: where its links from above begin; and to below */
	int *below;
	int *above_of; /* spots at the other end */
	int *below_of;
} PulseLayout;

/*
 * Finds layers, lanes and an order within layers with few crossings. The same
 * graph gives the same layout. Takes memory and time by the product of nodes
 * and layers: for graphs of some hundred nodes.
 */
extern PulseLayout *pulse_layout_make(const PulseGraph *graph, PulseArena *arena);

/* How much room things take across the layers, in any unit. */
typedef struct PulseLayoutRoom
{
	double node;
	double node_gap;
	double lane;
	double lane_gap; /* beside a lane */
} PulseLayoutRoom;

/* Sets `across` of every spot, from 0 to extent; edges as straight as can be. */
extern void pulse_layout_place(PulseLayout *layout, const PulseLayoutRoom *room,
							   PulseArena *arena);

#endif
