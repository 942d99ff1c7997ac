/*
 * draw.h
 *		Pictures of a graph: an outline in text, Mermaid, Graphviz DOT, SVG.
 *
 * Labels are escaped for their format; a status vector colours and marks the
 * nodes.  Of a graph that has grown it is told who has added what, and of a large map only
 * some items are shown, and how many others there are.
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

/* The most nodes of a picture as SVG; other formats take any. */
#define PULSE_DRAW_SVG_MAX 200

/* The most items of one map that are shown one by one. */
#define PULSE_DRAW_ITEMS 20

/* Whether the graph is not too large for the format: ask before drawing. */
extern bool pulse_draw_fits(const PulseGraph *graph, PulseDrawFormat format);

/* Appends the drawing; status may be NULL: the definition alone. */
extern void pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
					   PulseDrawFormat format);

/* By whom a graph has grown (replay.h). */
typedef struct PulseDrawGrowth
{
	int id;
	const char *anchor; /* id of the node that proposed it, or was lowered */
	const char *form;
} PulseDrawGrowth;

/* What is known of a run. */
typedef struct PulseDrawRun
{
	const PulseStatus *status; /* by node */
	const char *const *notes;  /* by node: what else is to be said of it, or NULL; or NULL */
	const bool *failed;		   /* by node: it was skipped because of an error; or NULL */
	int n_growths;			   /* those that were admitted */
	const PulseDrawGrowth *growths;
} PulseDrawRun;

/* Appends the drawing of a run; its graph is settled. */
extern void pulse_draw_run(StringInfo out, const PulseGraph *graph, const PulseDrawRun *run,
						   PulseDrawFormat format);

#endif
