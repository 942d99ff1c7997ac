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
put_node(StringInfo out, const PulseGraph *graph, int i)
{
	/* one shape a kind */
	static const char *const open[] = {
		[PULSE_KIND_ACTION] = "[\"",
		[PULSE_KIND_PURE] = "(\"",
		[PULSE_KIND_DELAY] = "([\"",
		[PULSE_KIND_SIGNAL] = "{{\"",
		[PULSE_KIND_NOOP] = "((\"",
	};
	static const char *const close[] = {
		[PULSE_KIND_ACTION] = "\"]",
		[PULSE_KIND_PURE] = "\")",
		[PULSE_KIND_DELAY] = "\"])",
		[PULSE_KIND_SIGNAL] = "\"}}",
		[PULSE_KIND_NOOP] = "\"))",
	};
	const PulseNode *n = graph->nodes[i];
	StringInfoData text;

	appendStringInfo(out, "    n%d%s", i, open[n->kind]);
	put_label(out, n->id);
	initStringInfo(&text);
	pulse_draw_describe(&text, graph, i);
	if (strcmp(text.data, "noop") != 0)
	{
		appendStringInfoString(out, "<br/>");
		put_label(out, text.data);
	}
	pfree(text.data);
	appendStringInfo(out, "%s\n", close[n->kind]);
}

void
pulse_draw_mermaid(StringInfo out, const PulseGraph *graph, const PulseStatus *status)
{
	appendStringInfoString(out, "flowchart TD\n");
	for (int i = 0; i < graph->n_nodes; i++)
		put_node(out, graph, i);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *n = graph->nodes[i];

		for (int s = 0; s < n->n_succs; s++)
			appendStringInfo(out, "    n%d %s n%d\n", i,
							 n->succs[s] == n->handler ? "-. error .->" : "-->",
							 n->succs[s]);
	}
	if (status == NULL)
		return;
	for (int k = PULSE_PENDING; k <= PULSE_FAILED; k++)
	{
		const PulseDrawStyle *style = pulse_draw_style((PulseStatus) k);
		bool any = false;

		for (int i = 0; i < graph->n_nodes; i++)
		{
			if ((int) status[i] != k)
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
