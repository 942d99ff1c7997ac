/*
 * draw.h
 *		Pictures of a graph: an outline in text, Mermaid, and Graphviz DOT.
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
	PULSE_DRAW_DOT
} PulseDrawFormat;

/* The names of the formats, for messages. */
#define PULSE_DRAW_FORMATS "text, mermaid and dot"

extern bool pulse_draw_format_parse(const char *s, PulseDrawFormat *format);

/* Appends the drawing; status may be NULL: the definition alone. */
extern void pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
					   PulseDrawFormat format);

#endif
