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
put_node(StringInfo out, const PulseGraph *graph, const PulseStatus *status, int i)
{
	static const char *const shapes[] = {
		[PULSE_KIND_ACTION] = "box",	 [PULSE_KIND_PURE] = "box",
		[PULSE_KIND_DELAY] = "octagon",	 [PULSE_KIND_SIGNAL] = "hexagon",
		[PULSE_KIND_NOOP] = "ellipse",
	};
	const PulseNode *n = graph->nodes[i];
	bool rounded = n->kind == PULSE_KIND_PURE;
	StringInfoData text;

	appendStringInfo(out, "    n%d [shape=%s, label=\"", i, shapes[n->kind]);
	put_label(out, n->id);
	initStringInfo(&text);
	pulse_draw_describe(&text, graph, i);
	if (strcmp(text.data, "noop") != 0)
	{
		appendStringInfoString(out, "\\n");
		put_label(out, text.data);
	}
	pfree(text.data);
	if (status != NULL)
	{
		const PulseDrawStyle *style = pulse_draw_style(status[i]);

		appendStringInfo(out, "\\n%s %s\", style=\"%sfilled%s\", fillcolor=\"%s\", "
							  "color=\"%s\", fontcolor=\"%s",
						 style->mark, pulse_status_name(status[i]), rounded ? "rounded," : "",
						 style->dashed ? ",dashed" : "", style->fill, style->stroke, style->ink);
	}
	else if (rounded)
		appendStringInfoString(out, "\", style=\"rounded");
	appendStringInfoString(out, "\"];\n");
}

void
pulse_draw_dot(StringInfo out, const PulseGraph *graph, const PulseStatus *status)
{
	appendStringInfoString(out, "digraph pulse {\n"
								"    node [fontname=\"sans-serif\", fontsize=11];\n"
								"    edge [fontname=\"sans-serif\", fontsize=9];\n");
	for (int i = 0; i < graph->n_nodes; i++)
		put_node(out, graph, status, i);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *n = graph->nodes[i];

		for (int s = 0; s < n->n_succs; s++)
			appendStringInfo(out, "    n%d -> n%d%s;\n", i, n->succs[s],
							 n->succs[s] == n->handler ? " [style=dashed, label=\"error\"]" : "");
	}
	appendStringInfoString(out, "}\n");
}
