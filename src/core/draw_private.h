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

/* Nodes that belong together: instances of a composite node, what a rewrite has added. */
typedef struct PulseDrawGroup
{
	const char *label;
	int parent; /* -1: none */
} PulseDrawGroup;

/* What is drawn. Lives in the arena that it was made in. */
typedef struct PulseDrawing
{
	const PulseGraph *graph;   /* what is shown of it, by numbers of its own */
	const PulseStatus *status; /* by node; or NULL */
	const char *const *notes;  /* by node; or NULL */
	const bool *failed;		   /* by node of `whole`; or NULL */
	const char *const *more;   /* by node: the text of one that stands for many items; or NULL */

	const PulseGraph *whole; /* scopes have its numbers */
	int n_growths;
	const PulseDrawGrowth *growths;
	int last_growth;
	const PulseDrawGrowth **by_id;		  /* growths, 0 to last_growth; NULL: none */
	const struct PulseScope **instances; /* by node of `whole`: one of the composite's, or NULL */

	/* made by pulse_draw_group */
	int n_groups;
	PulseDrawGroup *groups;
	int *group_of; /* by node; -1: none */
} PulseDrawing;

extern const PulseDrawStyle *pulse_draw_style(PulseStatus status);

/*
 * What a node does, as one line without control characters, such as
 * "action orders.load" or "delay 5m, when $.input.late".
 */
extern void pulse_draw_describe(StringInfo out, const PulseGraph *graph, int node);

/* The same, and how a composite node was lowered; false: there is nothing worth saying. */
extern bool pulse_draw_does(StringInfo out, const PulseDrawing *d, int node);

/* Its note, and unless a group says it who has added the node; false: nothing. */
extern bool pulse_draw_remark(StringInfo out, const PulseDrawing *d, int node);

/* A user's text on one line, cut between characters. */
extern void pulse_draw_line(StringInfo out, const char *s);

/* Whether the bodies of a composite node are to be told: they are not in the graph. */
extern bool pulse_draw_has_body(const PulseDrawing *d, int node);

/* The bodies of a composite node in one line: "check, book", "small | large". */
extern void pulse_draw_outline(StringInfo out, const PulseNode *node);

/* The same as lines that are indented, each with its end. */
extern void pulse_draw_body(StringInfo out, const PulseNode *node);

/*
 * At most so many items of each map, from 1: d's graph becomes a smaller one. The other
 * items are one node a status; if only one is shown, one node.
 */
extern void pulse_draw_reduce(PulseDrawing *d, int most, PulseArena *arena);

/* Finds the groups. */
extern void pulse_draw_group(PulseDrawing *d, PulseArena *arena);

extern void pulse_draw_text(StringInfo out, const PulseDrawing *d);
extern void pulse_draw_mermaid(StringInfo out, PulseDrawing *d, PulseArena *arena);
extern void pulse_draw_svg(StringInfo out, const PulseDrawing *d);
extern void pulse_draw_dot(StringInfo out, PulseDrawing *d, PulseArena *arena);

#endif
