/*
 * draw.h
 *		Pictures of a graph: an outline in text, Mermaid, Graphviz DOT, SVG.
 *
 * Labels are escaped for their format; a status vector colours and marks the
 * nodes.
 */
#ifndef PULSE_CORE_DRAW_H
#define PULSE_CORE_DRAW_H

#include "core/graph.h"
#include "core/status.h"

typedef enum PulseDrawFormat
{
	PULSE_DRAW_TEXT,
	PULSE_DRAW_MERMAID,
	PULSE_DRAW_DOT,
	PULSE_DRAW_SVG
} PulseDrawFormat;

/* The names of the formats, for messages. */
#define PULSE_DRAW_FORMATS "text, mermaid, dot and svg"

extern bool pulse_draw_format_parse(const char *s, PulseDrawFormat *format);

/* The most nodes of a graph as SVG; other formats take any. */
#define PULSE_DRAW_SVG_MAX 200

/* Whether the graph is not too large for the format: ask before drawing. */
extern bool pulse_draw_fits(const PulseGraph *graph, PulseDrawFormat format);

/* Appends the drawing; status may be NULL: the definition alone. */
extern void pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
					   PulseDrawFormat format);

#endif
