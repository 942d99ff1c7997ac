/*
 * draw_mermaid.c
 *		A graph as a Mermaid flow chart.
 *
 * Node names are n0, n1, …, so that no id can clash with the syntax; whatever
 * comes from the document stands in quoted labels, escaped as Mermaid's entity
 * codes.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"

static void
put_label(StringInfo out, const char *s)
{
	for (; *s != '\0'; s++)
	{
		unsigned char c = (unsigned char) *s;

		switch (c)
		{
			case '"':
				appendStringInfoString(out, "#quot;");
				break;
			case '<':
				appendStringInfoString(out, "#lt;");
				break;
			case '>':
				appendStringInfoString(out, "#gt;");
				break;
			case '&':
				appendStringInfoString(out, "#amp;");
				break;
			case '#':
			case '%':
			case '\\':
			case '`':
				appendStringInfo(out, "#%d;", c);
				break;
			default:
				appendStringInfoChar(out, c < 0x20 || c == 0x7f ? ' ' : *s);
				break;
		}
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
	appendStringInfoString(out, "<br/>");
	put_label(out, s);
}

static void
put_node(StringInfo out, const PulseDrawing *d, int i, int depth)
{
	/* one shape a kind */
	static const char *const open[] = {
		[PULSE_KIND_ACTION] = "[\"",
		[PULSE_KIND_PURE] = "(\"",
		[PULSE_KIND_DELAY] = "([\"",
		[PULSE_KIND_SIGNAL] = "{{\"",
		[PULSE_KIND_NOOP] = "((\"",
		[PULSE_KIND_CHOOSE] = "{\"",
		[PULSE_KIND_MAP] = "[/\"",
		[PULSE_KIND_REPEAT] = "(((\"",
		[PULSE_KIND_WORKFLOW] = "[[\"",
		[PULSE_KIND_COLLECT] = "[\\\"",
	};
	static const char *const close[] = {
		[PULSE_KIND_ACTION] = "\"]",
		[PULSE_KIND_PURE] = "\")",
		[PULSE_KIND_DELAY] = "\"])",
		[PULSE_KIND_SIGNAL] = "\"}}",
		[PULSE_KIND_NOOP] = "\"))",
		[PULSE_KIND_CHOOSE] = "\"}",
		[PULSE_KIND_MAP] = "\"\\]",
		[PULSE_KIND_REPEAT] = "\")))",
		[PULSE_KIND_WORKFLOW] = "\"]]",
		[PULSE_KIND_COLLECT] = "\"/]",
	};
	const PulseNode *n = d->graph->nodes[i];
	StringInfoData text;

	put_indent(out, depth);
	appendStringInfo(out, "n%d%s", i, open[n->kind]);
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
	appendStringInfo(out, "%s\n", close[n->kind]);
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
		appendStringInfo(out, "subgraph g%d[\"", g);
		put_label(out, d->groups[g].label);
		appendStringInfoString(out, "\"]\n");
		put_group(out, d, g, depth + 1);
		put_indent(out, depth);
		appendStringInfoString(out, "end\n");
	}
}

static void
put_classes(StringInfo out, const PulseDrawing *d)
{
	for (int k = PULSE_PENDING; k <= PULSE_FAILED; k++)
	{
		const PulseDrawStyle *style = pulse_draw_style((PulseStatus) k);
		bool any = false;

		for (int i = 0; i < d->graph->n_nodes; i++)
		{
			if ((int) d->status[i] != k)
				continue;
			if (!any)
				appendStringInfo(out, "    classDef %s fill:%s,stroke:%s,color:%s%s\n    class ",
								 pulse_status_name((PulseStatus) k), style->fill, style->stroke,
								 style->ink, style->dashed ? ",stroke-dasharray:4 3" : "");
			appendStringInfo(out, "%sn%d", any ? "," : "", i);
			any = true;
		}
		if (any)
			appendStringInfo(out, " %s\n", pulse_status_name((PulseStatus) k));
	}
}

void
pulse_draw_mermaid(StringInfo out, PulseDrawing *d, PulseArena *arena)
{
	appendStringInfoString(out, "flowchart TD\n");
	pulse_draw_group(d, arena);
	put_group(out, d, -1, 1);
	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		const PulseNode *n = d->graph->nodes[i];

		for (int s = 0; s < n->n_succs; s++)
			appendStringInfo(out, "    n%d %s n%d\n", i,
							 n->succs[s] == n->handler ? "-. error .->" : "-->",
							 n->succs[s]);
	}
	if (d->status != NULL)
		put_classes(out, d);
}
