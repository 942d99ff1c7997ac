/*
 * format.h
 *		The canonical form of a document.
 */
#ifndef PULSE_CORE_FORMAT_H
#define PULSE_CORE_FORMAT_H

#include "core/graph.h"

/* Columns that a line does not go beyond if that can be helped. */
#define PULSE_FORMAT_WIDTH 88

/*
 * Appends the document that the graph was read from, as people would write it,
 * with a line end. It says the same as the document did, and does not depend
 * on how that was written.
 */
extern void pulse_graph_format(StringInfo out, const PulseGraph *graph);

#endif
