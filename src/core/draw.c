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

void
pulse_draw_line(StringInfo out, const char *s)
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

static void
put_count(StringInfo out, const char *before, int n, const char *what, const char *after)
{
	appendStringInfo(out, "%s%d %s%s%s", before, n, what, n == 1 ? "" : "s", after);
}

/* What follows the word "delay" or "until". */
static void
put_delay(StringInfo out, const PulseNode *n)
{
	if (n->delay_expr != NULL)
	{
		appendStringInfoChar(out, ' ');
		pulse_draw_line(out, pulse_expr_text(n->delay_expr));
	}
	else if (n->until)
	{
		appendStringInfoChar(out, ' ');
		pulse_draw_line(out, n->until_text);
	}
	else
		put_duration(out, " ", n->delay);
}

/* scope: of one of its instances, if it was lowered; so for all of these. */
static void
put_choose(StringInfo out, const PulseNode *n, const PulseScope *scope)
{
	if (scope == NULL)
		appendStringInfo(out, ", %d branch%s", n->n_choices, n->n_choices == 1 ? "" : "es");
	else if (n->choices[scope->index].when == NULL)
		appendStringInfoString(out, ", took else");
	else
		appendStringInfo(out, ", took branch %d of %d", scope->index + 1, n->n_choices);
}

static void
put_map(StringInfo out, const PulseNode *n, const PulseScope *scope)
{
	if (scope != NULL)
		put_count(out, ", ", scope->n_items, "item", " of ");
	else
		appendStringInfoString(out, " over ");
	pulse_draw_line(out, pulse_expr_text(n->over));
	put_count(out, ", ", n->body->graph->n_nodes, "node", " each");
	if (n->max_parallel > 0)
		appendStringInfo(out, ", at most %d at once", n->max_parallel);
	if (n->tolerate > 0)
		appendStringInfo(out, ", %g%% may fail", n->tolerate * 100);
}

static void
put_repeat(StringInfo out, const PulseNode *n, const PulseScope *scope)
{
	if (scope != NULL)
		appendStringInfo(out, ", in round %d,", scope->index);
	appendStringInfoString(out, " while ");
	pulse_draw_line(out, pulse_expr_text(n->body->again));
	put_count(out, ", ", n->body->graph->n_nodes, "node", "");
	put_count(out, ", at most ", n->max_rounds, "round", "");
}

static void
describe(StringInfo out, const PulseGraph *graph, const PulseNode *n, const PulseScope *scope)
{
	if (n->kind == PULSE_KIND_DELAY && n->until)
		appendStringInfoString(out, "until");
	else
		appendStringInfoString(out, pulse_node_kind_name(n));
	if (n->name != NULL)
	{
		appendStringInfoChar(out, ' ');
		pulse_draw_line(out, n->name);
	}
	if (n->kind == PULSE_KIND_DELAY)
		put_delay(out, n);
	else if (n->kind == PULSE_KIND_CHOOSE)
		put_choose(out, n, scope);
	else if (n->kind == PULSE_KIND_MAP)
		put_map(out, n, scope);
	else if (n->kind == PULSE_KIND_REPEAT)
		put_repeat(out, n, scope);
	else if (n->kind == PULSE_KIND_WORKFLOW && n->version > 0)
		appendStringInfo(out, " version %d", n->version);
	if (n->timeout > 0)
		put_duration(out, ", timeout ", n->timeout);
	if (n->when != NULL)
	{
		appendStringInfoString(out, ", when ");
		pulse_draw_line(out, pulse_expr_text(n->when));
	}
	if (n->on_error == PULSE_ON_ERROR_SKIP && n->kind != PULSE_KIND_COLLECT)
		appendStringInfoString(out, ", on error skip");
	if (n->guards >= 0)
	{
		appendStringInfoString(out, ", on error of ");
		pulse_draw_line(out, pulse_node_shown(graph, graph->nodes[n->guards])->id);
	}
}

void
pulse_draw_describe(StringInfo out, const PulseGraph *graph, int node)
{
	describe(out, graph, graph->nodes[node], NULL);
}

/* One of the instances of a composite node that was lowered, or NULL. */
static const PulseScope *
instance_of(const PulseDrawing *d, const PulseNode *n)
{
	int at;

	if (d->instances == NULL || !pulse_kind_composite(n->kind))
		return NULL;
	at = pulse_graph_find(d->whole, n->id, n->id_len);
	return at < 0 ? NULL : d->instances[at];
}

bool
pulse_draw_does(StringInfo out, const PulseDrawing *d, int node)
{
	const PulseNode *n = d->graph->nodes[node];
	int from = out->len;

	if (d->more != NULL && d->more[node] != NULL)
	{
		appendStringInfoString(out, d->more[node]);
		return true;
	}
	describe(out, d->graph, n, instance_of(d, n));
	return strcmp(out->data + from, "noop") != 0;
}

/* The rewrite that has brought the node, or NULL. */
static const PulseDrawGrowth *
rewrite_of(const PulseDrawing *d, const PulseNode *node)
{
	int id = pulse_node_shown(d->graph, node)->origin;
	const PulseDrawGrowth *g = id > 0 && id <= d->last_growth ? d->by_id[id] : NULL;

	if (g == NULL || strcmp(g->form, "choose") == 0 || strcmp(g->form, "map") == 0 ||
		strcmp(g->form, "repeat") == 0)
		return NULL;
	return g;
}

static void
put_rewrite(StringInfo out, const PulseDrawGrowth *g)
{
	appendStringInfoString(out, "added by ");
	pulse_draw_line(out, g->anchor);
	appendStringInfo(out, " (rewrite %d)", g->id);
}

bool
pulse_draw_remark(StringInfo out, const PulseDrawing *d, int node)
{
	/* where there are groups, they say it */
	const PulseDrawGrowth *g = d->groups == NULL ? rewrite_of(d, d->graph->nodes[node]) : NULL;
	const char *note = d->notes != NULL ? d->notes[node] : NULL;

	if (note != NULL)
		appendStringInfoString(out, note);
	if (g != NULL)
	{
		appendStringInfoString(out, note != NULL ? ", " : "");
		put_rewrite(out, g);
	}
	return g != NULL || note != NULL;
}

bool
pulse_draw_has_body(const PulseDrawing *d, int node)
{
	const PulseNode *n = d->graph->nodes[node];

	if (!pulse_kind_composite(n->kind) || instance_of(d, n) != NULL ||
		(d->status != NULL && d->status[node] != PULSE_PENDING))
		return false;
	/* a document of a graph that has grown has the instances as plain nodes */
	for (int i = 0; i < n->n_succs; i++)
	{
		const PulseNode *succ = d->graph->nodes[n->succs[i]];

		if (succ->id_len > n->id_len && strncmp(succ->id, n->id, n->id_len) == 0 &&
			succ->id[n->id_len] == ':')
			return false;
	}
	return true;
}

/*
 * ---------------------------------------------------------------------
 * Groups
 * ---------------------------------------------------------------------
 */

static int
new_group(PulseDrawing *d, int parent, const StringInfoData *label, PulseArena *arena)
{
	d->groups[d->n_groups].parent = parent;
	d->groups[d->n_groups].label = pulse_arena_strdup(arena, label->data);
	return d->n_groups++;
}

/* Of all instances of one composite node; by_anchor has those that are known. */
static int
scope_group(PulseDrawing *d, const PulseScope *scope, int *by_anchor, PulseArena *arena)
{
	StringInfoData label;
	int parent;

	if (scope == NULL || by_anchor[scope->anchor] >= 0)
		return scope == NULL ? -1 : by_anchor[scope->anchor];
	parent = scope_group(d, scope->parent, by_anchor, arena);
	initStringInfo(&label);
	pulse_draw_line(&label, d->whole->nodes[scope->anchor]->id);
	if (scope->kind == PULSE_SCOPE_ITEM)
		put_count(&label, ": ", scope->n_items, "item", "");
	else if (scope->kind == PULSE_SCOPE_ROUND)
		appendStringInfo(&label, ": round %d", scope->index);
	else if (d->whole->nodes[scope->anchor]->choices[scope->index].when == NULL)
		appendStringInfoString(&label, ": else");
	else
		appendStringInfo(&label, ": branch %d", scope->index + 1);
	by_anchor[scope->anchor] = new_group(d, parent, &label, arena);
	pfree(label.data);
	return by_anchor[scope->anchor];
}

void
pulse_draw_group(PulseDrawing *d, PulseArena *arena)
{
	int *by_anchor = pulse_arena_alloc(arena, sizeof(int) * (size_t) d->whole->n_nodes);
	int *by_growth = pulse_arena_alloc(arena, sizeof(int) * ((size_t) d->last_growth + 1));

	d->groups = pulse_arena_alloc(arena, sizeof(PulseDrawGroup) *
											 (size_t) (d->whole->n_scopes + d->n_growths + 1));
	d->group_of = pulse_arena_alloc(arena, sizeof(int) * (size_t) d->graph->n_nodes);
	memset(by_anchor, 0xff, sizeof(int) * (size_t) d->whole->n_nodes);
	memset(by_growth, 0xff, sizeof(int) * ((size_t) d->last_growth + 1));
	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		const PulseNode *node = d->graph->nodes[i];
		const PulseDrawGrowth *g = rewrite_of(d, node);
		int group = scope_group(d, node->scope, by_anchor, arena);

		if (g != NULL && by_growth[g->id] < 0)
		{
			StringInfoData label;

			initStringInfo(&label);
			put_rewrite(&label, g);
			by_growth[g->id] = new_group(d, group, &label, arena);
			pfree(label.data);
		}
		d->group_of[i] = g != NULL ? by_growth[g->id] : group;
	}
}

/*
 * ---------------------------------------------------------------------
 * All of it
 * ---------------------------------------------------------------------
 */

static void
begin(PulseDrawing *d, const PulseGraph *graph, const PulseDrawRun *run, PulseArena *arena)
{
	memset(d, 0, sizeof(*d));
	d->graph = d->whole = graph;
	if (run != NULL)
	{
		d->status = run->status;
		d->notes = run->notes;
		d->failed = run->failed;
		d->n_growths = run->n_growths;
		d->growths = run->growths;
	}
	for (int i = 0; i < d->n_growths; i++)
		d->last_growth = Max(d->last_growth, d->growths[i].id);
	d->by_id = pulse_arena_zalloc(arena, sizeof(*d->by_id) * ((size_t) d->last_growth + 1));
	for (int i = 0; i < d->n_growths; i++)
		d->by_id[d->growths[i].id] = &d->growths[i];
	if (graph->n_scopes == 0)
		return;
	d->instances = pulse_arena_zalloc(arena, sizeof(*d->instances) * (size_t) graph->n_nodes);
	for (int i = 0; i < graph->n_scopes; i++)
	{
		if (graph->scopes[i] != NULL)
			d->instances[graph->scopes[i]->anchor] = graph->scopes[i];
	}
}

/* As much of the items of maps as there is room for. */
static void
reduce(PulseDrawing *d, PulseDrawFormat format, PulseArena *arena)
{
	const PulseDrawing all = *d;

	pulse_draw_reduce(d, PULSE_DRAW_ITEMS, arena);
	for (int most = PULSE_DRAW_ITEMS / 2;
		 format == PULSE_DRAW_SVG && d->graph->n_nodes > PULSE_DRAW_SVG_MAX && most > 0;
		 most /= 2)
	{
		*d = all;
		pulse_draw_reduce(d, most, arena);
	}
}

bool
pulse_draw_fits(const PulseGraph *graph, PulseDrawFormat format)
{
	PulseArena *arena;
	PulseDrawing d;
	bool fits;

	if (format != PULSE_DRAW_SVG || graph->n_nodes <= PULSE_DRAW_SVG_MAX)
		return true;
	arena = pulse_arena_create(0);
	begin(&d, graph, NULL, arena);
	pulse_draw_reduce(&d, 1, arena);
	fits = d.graph->n_nodes <= PULSE_DRAW_SVG_MAX;
	pulse_arena_free(arena);
	return fits;
}

void
pulse_draw_run(StringInfo out, const PulseGraph *graph, const PulseDrawRun *run,
			   PulseDrawFormat format)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseDrawing d;

	begin(&d, graph, run, arena);
	reduce(&d, format, arena);
	switch (format)
	{
		case PULSE_DRAW_TEXT:
			pulse_draw_text(out, &d);
			break;
		case PULSE_DRAW_MERMAID:
			pulse_draw_mermaid(out, &d, arena);
			break;
		case PULSE_DRAW_DOT:
			pulse_draw_dot(out, &d, arena);
			break;
		case PULSE_DRAW_SVG:
			pulse_draw_svg(out, &d);
			break;
	}
	pulse_arena_free(arena);
}

void
pulse_draw(StringInfo out, const PulseGraph *graph, const PulseStatus *status,
		   PulseDrawFormat format)
{
	PulseDrawRun run = { .status = status };

	pulse_draw_run(out, graph, &run, format);
}
