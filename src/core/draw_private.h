/*
 * draw_private.h
 *		What the formats of a drawing share.
 */
#ifndef PULSE_CORE_DRAW_PRIVATE_H
#define PULSE_CORE_DRAW_PRIVATE_H

#include "core/draw.h"

/* How a status looks, whatever the format. */
typedef struct PulseDrawStyle
{
	const char *mark;	/* one character */
	const char *fill;	/* colours, as #rrggbb */
	const char *stroke; /* of the border */
	const char *ink;	/* of text */
	bool dashed;		/* the border */
} PulseDrawStyle;

extern const PulseDrawStyle *pulse_draw_style(PulseStatus status);

/*
 * What a node does, as one line without control characters, such as
 * "action orders.load" or "delay 5m, when $.input.late".
 */
extern void pulse_draw_describe(StringInfo out, const PulseGraph *graph, int node);

extern void pulse_draw_text(StringInfo out, const PulseGraph *graph,
							const PulseStatus *status);
extern void pulse_draw_mermaid(StringInfo out, const PulseGraph *graph,
							   const PulseStatus *status);
extern void pulse_draw_svg(StringInfo out, const PulseGraph *graph,
						   const PulseStatus *status);
extern void pulse_draw_dot(StringInfo out, const PulseGraph *graph,
						   const PulseStatus *status);

#endif
