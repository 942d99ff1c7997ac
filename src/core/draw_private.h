/*
 * draw_private.h
 *		What the formats of a drawing share.
 */
#ifndef PULSE_CORE_DRAW_PRIVATE_H
#define PULSE_CORE_DRAW_PRIVATE_H

#include "core/draw.h"

/*
 * What a node does, as one line without control characters, such as
 * "action orders.load" or "delay 5m, when $.input.late".
 */
extern void pulse_draw_describe(StringInfo out, const PulseGraph *graph, int node);

extern void pulse_draw_text(StringInfo out, const PulseGraph *graph,
							const PulseStatus *status);
extern void pulse_draw_mermaid(StringInfo out, const PulseGraph *graph,
							   const PulseStatus *status);

#endif
