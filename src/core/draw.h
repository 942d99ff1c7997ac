/*
 * draw.h
 *		Pictures of a graph as text: a layered outline and Mermaid.
 *
 * Labels are escaped for their format; a status vector colours and marks the
 * nodes. (DOT and SVG come with the authoring aids.)
 */
#ifndef PULSE_CORE_DRAW_H
#define PULSE_CORE_DRAW_H

#include "core/graph.h"
#include "core/status.h"

typedef enum PulseDrawFormat
{
	PULSE_DRAW_TEXT,
	PULSE_DRAW_MERMAID
} PulseDrawFormat;

extern bool pulse_draw_format_parse(const char *s, PulseDrawFormat *format);

/* Appends the drawing; status may be NULL: the definition alone. */
extern void pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
					   PulseDrawFormat format);

#endif
