/*
 * draw_body.c
 *		The fragments of composite nodes, in words.
 *
 * What is not in the graph yet has no place in a picture of it: it is told as part of the
 * node that will bring it.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"
#include "core/layout.h"

#define MAX_BODY_LINES 40
#define MAX_BODY_ID 24
#define MAX_OUTLINE 60

typedef struct Outline
{
	StringInfo out;
	PulseArena *arena;
	int lines; /* left */
	int left_out;
} Outline;

static void put_bodies(Outline *o, const PulseNode *node, int depth);

static void
indent(StringInfo out, int depth)
{
	for (int i = 0; i < depth; i++)
		appendStringInfoString(out, "  ");
}

static bool
take_line(Outline *o)
{
	if (o->lines == 0)
	{
		o->left_out++;
		return false;
	}
	o->lines--;
	return true;
}

static void
put_body_node(Outline *o, const PulseGraph *graph, int node, int width, int depth)
{
	const PulseNode *n = graph->nodes[node];
	int len = (int) n->id_len;

	if (take_line(o))
	{
		indent(o->out, depth);
		appendStringInfoString(o->out, "· ");
		if (len > MAX_BODY_ID)
			appendStringInfo(o->out, "%.*s…", MAX_BODY_ID - 1, n->id);
		else
			appendStringInfo(o->out, "%-*s", width, n->id);
		appendStringInfoString(o->out, "  ");
		pulse_draw_describe(o->out, graph, node);
		for (int i = 0; i < n->n_preds; i++)
			appendStringInfo(o->out, "%s%s", i == 0 ? "  ← " : ", ", graph->nodes[n->preds[i]]->id);
		appendStringInfoChar(o->out, '\n');
	}
	put_bodies(o, n, depth + 1);
}

static void
put_body(Outline *o, const PulseBody *body, int depth)
{
	const PulseGraph *graph = body->graph;
	int *order = pulse_layout_reading_order(graph, pulse_layout_layers(graph, o->arena), o->arena);
	int width = 0;

	for (int i = 0; i < graph->n_nodes; i++)
		width = Max(width, Min((int) graph->nodes[i]->id_len, MAX_BODY_ID));
	for (int i = 0; i < graph->n_nodes; i++)
		put_body_node(o, graph, order[i], width, depth);
}

static void
put_bodies(Outline *o, const PulseNode *node, int depth)
{
	for (int i = 0; i < node->n_choices; i++)
	{
		if (take_line(o))
		{
			indent(o->out, depth);
			if (node->choices[i].when != NULL)
			{
				appendStringInfoString(o->out, "when ");
				pulse_draw_line(o->out, pulse_expr_text(node->choices[i].when));
			}
			else
				appendStringInfoString(o->out, "else");
			appendStringInfoChar(o->out, '\n');
		}
		put_body(o, node->choices[i].body, depth + 1);
	}
	if (node->body != NULL)
		put_body(o, node->body, depth);
}

void
pulse_draw_body(StringInfo out, const PulseNode *node)
{
	Outline o = { .out = out, .lines = MAX_BODY_LINES };

	o.arena = pulse_arena_create(0);
	put_bodies(&o, node, 1);
	if (o.left_out > 0)
		appendStringInfo(out, "  … %d more line%s\n", o.left_out, o.left_out == 1 ? "" : "s");
	pulse_arena_free(o.arena);
}

/* "check, book", as long as there is room. */
static void
put_ids(StringInfo out, const PulseBody *body, PulseArena *arena)
{
	const PulseGraph *graph = body->graph;
	int *order = pulse_layout_reading_order(graph, pulse_layout_layers(graph, arena), arena);

	for (int i = 0; i < graph->n_nodes && out->len <= MAX_OUTLINE; i++)
		appendStringInfo(out, "%s%s", i > 0 ? ", " : "", graph->nodes[order[i]]->id);
}

void
pulse_draw_outline(StringInfo out, const PulseNode *node)
{
	PulseArena *arena = pulse_arena_create(0);
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < node->n_choices && text.len <= MAX_OUTLINE; i++)
	{
		appendStringInfoString(&text, i > 0 ? " | " : "");
		put_ids(&text, node->choices[i].body, arena);
	}
	if (node->body != NULL)
		put_ids(&text, node->body, arena);
	pulse_draw_line(out, text.data);
	pfree(text.data);
	pulse_arena_free(arena);
}
