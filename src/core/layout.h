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

#endif
