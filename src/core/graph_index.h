/*
 * graph_index.h
 *		Node numbers by id, for graphs that grow.
 *
 * A graph that stands is searched by rank; while one grows, its ranks are out of date,
 * and this table answers instead.  It lives in the graph's arena.
 */
#ifndef PULSE_CORE_GRAPH_INDEX_H
#define PULSE_CORE_GRAPH_INDEX_H

#include "core/graph.h"

typedef struct PulseGraphIndex PulseGraphIndex;

/* Number by id, or -1. Makes the index of the graph if it has none. */
extern int pulse_index_find(PulseGraph *graph, const char *id, size_t len);

/* These do nothing for a graph without an index. The node stands in graph->nodes. */
extern void pulse_index_add(PulseGraph *graph, int node);
extern void pulse_index_remove(PulseGraph *graph, int node);

#endif
