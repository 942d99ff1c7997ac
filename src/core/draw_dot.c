/*
 * draw_dot.c
 *		A graph in the language of Graphviz.
 *
 * Node names are n0, n1, …; whatever comes from the document stands in quoted
 * labels.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"

/* Labels know escapes of their own, so a backslash is always doubled. */
static void
put_label(StringInfo out, const char *s)
{
	for (; *s != '\0'; s++)
	{
		unsigned char c = (unsigned char) *s;

		if (c == '"' || c == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, c < 0x20 || c == 0x7f ? ' ' : *s);
	}
}

static void
put_indent(StringInfo out, int depth)
{
	for (int i = 0; i < depth; i++)
		appendStringInfoString(out, "    ");
}

/* One more line of a label. */
static void
put_line(StringInfo out, const char *s)
{
	appendStringInfoString(out, "\\n");
	put_label(out, s);
}

static void
put_node(StringInfo out, const PulseDrawing *d, int i, int depth)
{
	static const char *const shapes[] = {
		[PULSE_KIND_ACTION] = "box",	   [PULSE_KIND_PURE] = "box",
		[PULSE_KIND_DELAY] = "octagon",	   [PULSE_KIND_SIGNAL] = "hexagon",
		[PULSE_KIND_NOOP] = "ellipse",	   [PULSE_KIND_CHOOSE] = "diamond",
		[PULSE_KIND_MAP] = "trapezium",	   [PULSE_KIND_REPEAT] = "ellipse",
		[PULSE_KIND_WORKFLOW] = "component", [PULSE_KIND_COLLECT] = "invtrapezium",
	};
	const PulseNode *n = d->graph->nodes[i];
	bool rounded = n->kind == PULSE_KIND_PURE;
	StringInfoData text;

	put_indent(out, depth);
	appendStringInfo(out, "n%d [shape=%s, %slabel=\"", i, shapes[n->kind],
					 pulse_kind_composite(n->kind) ? "peripheries=2, " : "");
	put_label(out, n->id);
	initStringInfo(&text);
	if (pulse_draw_does(&text, d, i))
		put_line(out, text.data);
	resetStringInfo(&text);
	if (pulse_draw_has_body(d, i))
	{
		pulse_draw_outline(&text, n);
		put_line(out, text.data);
	}
	resetStringInfo(&text);
	if (pulse_draw_remark(&text, d, i))
		put_line(out, text.data);
	pfree(text.data);
	if (d->status != NULL)
	{
		const PulseDrawStyle *style = pulse_draw_style(d->status[i]);

		appendStringInfo(out, "\\n%s %s\", style=\"%sfilled%s\", fillcolor=\"%s\", "
							  "color=\"%s\", fontcolor=\"%s",
						 style->mark, pulse_status_name(d->status[i]), rounded ? "rounded," : "",
						 style->dashed ? ",dashed" : "", style->fill, style->stroke, style->ink);
	}
	else if (rounded)
		appendStringInfoString(out, "\", style=\"rounded");
	appendStringInfoString(out, "\"];\n");
}

/* The nodes of a group, in its frame, and the groups inside it. */
static void
put_group(StringInfo out, const PulseDrawing *d, int group, int depth)
{
	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		if (d->group_of[i] == group)
			put_node(out, d, i, depth);
	}
	for (int g = 0; g < d->n_groups; g++)
	{
		if (d->groups[g].parent != group)
			continue;
		put_indent(out, depth);
		appendStringInfo(out, "subgraph cluster_%d {\n", g);
		put_indent(out, depth + 1);
		appendStringInfoString(out, "label=\"");
		put_label(out, d->groups[g].label);
		appendStringInfoString(out, "\"; fontname=\"sans-serif\"; fontsize=10; style=dashed; color=\"#71717a\";\n");
		put_group(out, d, g, depth + 1);
		put_indent(out, depth);
		appendStringInfoString(out, "}\n");
	}
}

void
pulse_draw_dot(StringInfo out, PulseDrawing *d, PulseArena *arena)
{
	appendStringInfoString(out, "digraph pulse {\n"
								"    node [fontname=\"sans-serif\", fontsize=11];\n"
								"    edge [fontname=\"sans-serif\", fontsize=9];\n");
	pulse_draw_group(d, arena);
	put_group(out, d, -1, 1);
	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		const PulseNode *n = d->graph->nodes[i];

		for (int s = 0; s < n->n_succs; s++)
			appendStringInfo(out, "    n%d -> n%d%s;\n", i, n->succs[s],
							 n->succs[s] == n->handler ? " [style=dashed, label=\"error\"]" : "");
	}
	appendStringInfoString(out, "}\n");
}
