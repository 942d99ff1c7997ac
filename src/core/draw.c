/*
 * draw.c
 *		Drawings of a graph: the choice of format, and what all formats say
 *		about a node.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"
#include "core/timetext.h"

/* Bytes of a user's text that are shown. */
#define MAX_SHOWN 60

static const PulseDrawStyle styles[] = {
	[PULSE_PENDING] = { "○", "#f4f4f5", "#a1a1aa", "#3f3f46", false },
	[PULSE_RUNNING] = { "◐", "#dbeafe", "#2563eb", "#1e3a8a", false },
	[PULSE_WAITING] = { "◷", "#fef3c7", "#d97706", "#78350f", false },
	[PULSE_INTERRUPTED] = { "◌", "#ffedd5", "#ea580c", "#7c2d12", true },
	[PULSE_COMPLETED] = { "●", "#dcfce7", "#16a34a", "#14532d", false },
	[PULSE_REWRITTEN] = { "◆", "#ede9fe", "#7c3aed", "#4c1d95", false },
	[PULSE_SKIPPED] = { "⊘", "#fafafa", "#a1a1aa", "#71717a", true },
	[PULSE_FAILED] = { "✗", "#fee2e2", "#dc2626", "#7f1d1d", false },
};

const PulseDrawStyle *
pulse_draw_style(PulseStatus status)
{
	return &styles[status];
}

bool
pulse_draw_format_parse(const char *s, PulseDrawFormat *format)
{
	if (strcmp(s, "text") == 0)
		*format = PULSE_DRAW_TEXT;
	else if (strcmp(s, "mermaid") == 0)
		*format = PULSE_DRAW_MERMAID;
	else if (strcmp(s, "dot") == 0)
		*format = PULSE_DRAW_DOT;
	else if (strcmp(s, "svg") == 0)
		*format = PULSE_DRAW_SVG;
	else
		return false;
	return true;
}

/* A user's text on one line, cut between characters. */
static void
put_line(StringInfo out, const char *s)
{
	size_t len = strlen(s);
	size_t shown = len;

	if (len > MAX_SHOWN)
	{
		shown = MAX_SHOWN - 1;
		while (shown > 0 && ((unsigned char) s[shown] & 0xc0) == 0x80)
			shown--;
	}
	for (size_t i = 0; i < shown; i++)
	{
		unsigned char c = (unsigned char) s[i];

		appendStringInfoChar(out, c < 0x20 || c == 0x7f ? ' ' : s[i]);
	}
	if (shown < len)
		appendStringInfoString(out, "…");
}

static void
put_duration(StringInfo out, const char *what, int64 usec)
{
	char buf[64];

	pulse_duration_format(usec, buf);
	appendStringInfo(out, "%s%s", what, buf);
}

void
pulse_draw_describe(StringInfo out, const PulseGraph *graph, int node)
{
	const PulseNode *n = graph->nodes[node];

	if (n->kind == PULSE_KIND_DELAY && n->until)
		appendStringInfoString(out, "until");
	else
		appendStringInfoString(out, pulse_node_kind_name(n));
	if (n->name != NULL)
	{
		appendStringInfoChar(out, ' ');
		put_line(out, n->name);
	}
	if (n->kind == PULSE_KIND_DELAY)
	{
		if (n->delay_expr != NULL)
		{
			appendStringInfoChar(out, ' ');
			put_line(out, pulse_expr_text(n->delay_expr));
		}
		else if (n->until)
		{
			appendStringInfoChar(out, ' ');
			put_line(out, n->until_text);
		}
		else
			put_duration(out, " ", n->delay);
	}
	if (n->timeout > 0)
		put_duration(out, ", timeout ", n->timeout);
	if (n->when != NULL)
	{
		appendStringInfoString(out, ", when ");
		put_line(out, pulse_expr_text(n->when));
	}
	if (n->on_error == PULSE_ON_ERROR_SKIP)
		appendStringInfoString(out, ", on error skip");
	if (n->guards >= 0)
	{
		appendStringInfoString(out, ", on error of ");
		put_line(out, graph->nodes[n->guards]->id);
	}
}

bool
pulse_draw_fits(const PulseGraph *graph, PulseDrawFormat format)
{
	return format != PULSE_DRAW_SVG || graph->n_nodes <= PULSE_DRAW_SVG_MAX;
}

void
pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
		   PulseDrawFormat format)
{
	switch (format)
	{
		case PULSE_DRAW_TEXT:
			pulse_draw_text(out, graph, status);
			break;
		case PULSE_DRAW_MERMAID:
			pulse_draw_mermaid(out, graph, status);
			break;
		case PULSE_DRAW_DOT:
			pulse_draw_dot(out, graph, status);
			break;
		case PULSE_DRAW_SVG:
			pulse_draw_svg(out, graph, status);
			break;
	}
}
