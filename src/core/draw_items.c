/*
 * draw_items.c
 *		Large maps in a picture: some items one by one, the others counted.
 *
 * Makes a graph that only a drawing can use: what is left out is neither in its nodes nor
 * in its edges, and stands in it as one node for each status.  Shown are the items
 * that somebody would look for: those that failed, then those under way, then the first ones.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"

/* Of an item, by number of its scope. */
typedef struct Item
{
	const PulseScope *scope; /* NULL: no item of a map */
	PulseStatus status;
	bool hidden;
} Item;

/* How much it says of an item that one of its nodes is so. */
static const int weights[] = {
	[PULSE_FAILED] = 7,
	[PULSE_RUNNING] = 6,
	[PULSE_WAITING] = 5,
	[PULSE_INTERRUPTED] = 4,
	[PULSE_PENDING] = 3,
	[PULSE_COMPLETED] = 2,
	[PULSE_REWRITTEN] = 1, /* those behind it say more */
	[PULSE_SKIPPED] = 0,
};

static Item *
find_items(const PulseDrawing *d, PulseArena *arena)
{
	const PulseGraph *graph = d->whole;
	Item *items = pulse_arena_zalloc(arena, sizeof(Item) * (size_t) graph->n_scopes);

	for (int i = 0; i < graph->n_scopes; i++)
	{
		if (graph->scopes[i] != NULL && graph->scopes[i]->kind == PULSE_SCOPE_ITEM)
			items[i].scope = graph->scopes[i];
		items[i].status = d->status != NULL ? PULSE_SKIPPED : PULSE_PENDING;
	}
	for (int i = 0; d->status != NULL && i < graph->n_nodes; i++)
	{
		/* one that the map tolerates has failed all the same */
		PulseStatus status = d->failed != NULL && d->failed[i] ? PULSE_FAILED : d->status[i];

		for (const PulseScope *s = graph->nodes[i]->scope; s != NULL; s = s->parent)
		{
			if (weights[status] > weights[items[s->number].status])
				items[s->number].status = status;
		}
	}
	return items;
}

/* 0: failed, 1: under way, 2: all others */
static int
urgency(const Item *item)
{
	return item->status == PULSE_FAILED ? 0 : item->status == PULSE_RUNNING || item->status == PULSE_WAITING ||
		item->status == PULSE_INTERRUPTED ? 1 : 2;
}

/* By map, then the ones to be shown first. */
static int
compare_items(const void *a, const void *b)
{
	const Item *x = *(const Item *const *) a;
	const Item *y = *(const Item *const *) b;

	if (x->scope->anchor != y->scope->anchor)
		return x->scope->anchor - y->scope->anchor;
	if (urgency(x) != urgency(y))
		return urgency(x) - urgency(y);
	return x->scope->index - y->scope->index;
}

/* Hides all but some items of each map. False: the graph may as well stay as it is. */
static bool
hide(Item *items, int n_scopes, int most, PulseArena *arena)
{
	Item **order = pulse_arena_alloc(arena, sizeof(Item *) * (size_t) n_scopes);
	int n = 0;
	int place = 0;
	bool changes = false;

	for (int i = 0; i < n_scopes; i++)
	{
		if (items[i].scope != NULL)
			order[n++] = &items[i];
	}
	qsort(order, (size_t) n, sizeof(Item *), compare_items);
	for (int i = 0; i < n; i++, place++)
	{
		if (i > 0 && order[i]->scope->anchor != order[i - 1]->scope->anchor)
			place = 0;
		order[i]->hidden = place >= most;

		/* or else item_10 stands before item_2 */
		changes |= order[i]->hidden || place >= 10;
	}
	return changes;
}

static bool
is_hidden(const Item *items, const PulseScope *scope)
{
	for (; scope != NULL; scope = scope->parent)
	{
		if (items[scope->number].hidden)
			return true;
	}
	return false;
}

/* A node of the smaller graph in the making. */
typedef struct Shown
{
	PulseNode *node;
	int old; /* number in the whole graph; -1: it stands for items */
	PulseStatus status;
	const char *more;
	int anchor; /* of its map, and */
	int out;	/* of the collecting node: numbers in the whole graph */
} Shown;

typedef struct Reduction
{
	PulseDrawing *d;
	PulseArena *arena;
	Item *items;
	Shown *shown;
	int n;
	int *numbers; /* new ones by old ones; -1: hidden */
	int *rest;	  /* by old number of a map or its collecting node: first of what stands for items */
} Reduction;

/* As people order ids: numbers in them by their value. */
static int
compare_ids(const char *a, const char *b)
{
	for (;;)
	{
		size_t x = strspn(a, "0123456789");
		size_t y = strspn(b, "0123456789");

		if (x > 0 && y > 0)
		{
			int order = x != y ? (x < y ? -1 : 1) : strncmp(a, b, x);

			if (order != 0)
				return order;
			a += x;
			b += y;
		}
		else if (*a != *b || *a == '\0')
			return (unsigned char) *a - (unsigned char) *b;
		else
		{
			a++;
			b++;
		}
	}
}

static int
compare_shown(const void *a, const void *b)
{
	const Shown *x = a;
	const Shown *y = b;
	int order = compare_ids(x->node->id, y->node->id);

	return order != 0 ? order : (x->status > y->status) - (x->status < y->status);
}

static void
add_more(Reduction *r, const PulseScope *scope, PulseStatus status, const char *text)
{
	Shown *s = &r->shown[r->n++];
	const PulseNode *map = r->d->whole->nodes[scope->anchor];

	s->node = pulse_arena_zalloc(r->arena, sizeof(PulseNode));
	s->node->id = pulse_arena_printf(r->arena, "%s:…", map->id);
	s->node->id_len = (uint32) strlen(s->node->id);
	s->node->kind = PULSE_KIND_NOOP;
	s->node->handler = s->node->guards = s->node->collects = -1;
	s->node->scope = unconstify(PulseScope *, scope);
	s->old = -1;
	s->status = status;
	s->more = text;
	s->anchor = scope->anchor;
	s->out = scope->out;
}

/* The nodes that stand for the hidden items of one map. */
static void
add_rest(Reduction *r, const PulseScope *scope, const int *counts, bool as_one)
{
	PulseStatus top = PULSE_SKIPPED;
	int total = 0;
	int kinds = 0;

	for (int k = PULSE_PENDING; k <= PULSE_FAILED; k++)
	{
		total += counts[k];
		kinds += counts[k] > 0;
		if (counts[k] > 0 && weights[k] >= weights[top])
			top = (PulseStatus) k;
	}
	if (kinds == 1 || as_one)
	{
		const char *what = total == 1 ? "item" : "items";

		add_more(r, scope, top,
				 r->d->status == NULL || total == 1 || kinds > 1 ? pulse_arena_printf(r->arena, "%d more %s", total, what) :
				 pulse_arena_printf(r->arena, "%d more %s, all %s", total, what, pulse_status_name(top)));
		return;
	}
	for (int k = PULSE_PENDING; k <= PULSE_FAILED; k++)
	{
		if (counts[k] > 0)
			add_more(r, scope, (PulseStatus) k,
					 pulse_arena_printf(r->arena, "%d more item%s", counts[k], counts[k] == 1 ? "" : "s"));
	}
}

/* The same for all maps that are shown themselves. */
static void
add_rests(Reduction *r, bool as_one)
{
	const PulseGraph *graph = r->d->whole;
	int (*counts)[PULSE_FAILED + 1] = pulse_arena_zalloc(r->arena, sizeof(*counts) * (size_t) graph->n_nodes);
	const PulseScope **some = pulse_arena_zalloc(r->arena, sizeof(*some) * (size_t) graph->n_nodes);

	for (int i = 0; i < graph->n_scopes; i++)
	{
		const Item *item = &r->items[i];

		if (item->scope == NULL || !item->hidden || is_hidden(r->items, item->scope->parent))
			continue;
		counts[item->scope->anchor][item->status]++;
		some[item->scope->anchor] = item->scope;
	}
	for (int i = 0; i < graph->n_nodes; i++)
	{
		if (some[i] != NULL)
			add_rest(r, some[i], counts[i], as_one);
	}
}

static int
compare_numbers(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/* New numbers of those that are shown, and of what stands for items beside this node. */
static int *
moved(const Reduction *r, int rest, const int *list, int n, int *count)
{
	int end = rest;
	int *out;
	int k = 0;

	while (rest >= 0 && end < r->n && r->shown[end].old < 0 &&
		   r->shown[end].anchor == r->shown[rest].anchor)
		end++;
	out = pulse_arena_alloc(r->arena, sizeof(int) * (size_t) (n + end - rest));
	for (int i = 0; i < n; i++)
	{
		if (r->numbers[list[i]] >= 0)
			out[k++] = r->numbers[list[i]];
	}
	for (int i = rest; i < end; i++)
		out[k++] = i;
	qsort(out, (size_t) k, sizeof(int), compare_numbers);
	*count = k;
	return out;
}

static void
connect(const Reduction *r, Shown *s)
{
	PulseNode *node = s->node;
	int rest = s->old >= 0 ? r->rest[s->old] : -1;
	bool collects = node->kind == PULSE_KIND_COLLECT;

	if (s->old < 0)
	{
		node->n_preds = node->n_succs = 1;
		node->preds = pulse_arena_alloc(r->arena, sizeof(int));
		node->succs = pulse_arena_alloc(r->arena, sizeof(int));
		node->preds[0] = r->numbers[s->anchor];
		node->succs[0] = r->numbers[s->out];
		return;
	}
	node->preds = moved(r, collects ? rest : -1, node->preds, node->n_preds, &node->n_preds);
	node->succs = moved(r, collects ? -1 : rest, node->succs, node->n_succs, &node->n_succs);
	node->handler = node->handler < 0 ? -1 : r->numbers[node->handler];
	node->guards = node->guards < 0 ? -1 : r->numbers[node->guards];
	node->collects = node->collects < 0 ? -1 : r->numbers[node->collects];
}

/* The new graph, and what belongs to its nodes, become what is drawn. */
static void
finish(Reduction *r)
{
	PulseGraph *graph = pulse_arena_zalloc(r->arena, sizeof(PulseGraph));
	PulseStatus *status = pulse_arena_alloc(r->arena, sizeof(PulseStatus) * (size_t) r->n);
	const char **notes = pulse_arena_zalloc(r->arena, sizeof(char *) * (size_t) r->n);
	const char **more = pulse_arena_zalloc(r->arena, sizeof(char *) * (size_t) r->n);

	graph->n_nodes = r->n;
	graph->nodes = pulse_arena_alloc(r->arena, sizeof(PulseNode *) * (size_t) r->n);
	for (int i = 0; i < r->n; i++)
	{
		Shown *s = &r->shown[i];

		connect(r, s);
		s->node->rank = i;
		graph->nodes[i] = s->node;
		graph->n_edges += s->node->n_preds;
		status[i] = s->status;
		more[i] = s->more;
		if (s->old >= 0 && r->d->notes != NULL)
			notes[i] = r->d->notes[s->old];
	}
	r->d->graph = graph;
	r->d->status = r->d->status != NULL ? status : NULL;
	r->d->notes = notes;
	r->d->more = more;
}

void
pulse_draw_reduce(PulseDrawing *d, int most, PulseArena *arena)
{
	const PulseGraph *graph = d->whole;
	Reduction r = { .d = d, .arena = arena };

	if (graph->n_scopes == 0)
		return;
	r.items = find_items(d, arena);
	if (!hide(r.items, graph->n_scopes, most, arena))
		return;

	/* never more than there were: each hidden item has nodes */
	r.shown = pulse_arena_alloc(arena, sizeof(Shown) * (size_t) graph->n_nodes);
	r.numbers = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		Shown *s = &r.shown[r.n];

		r.numbers[i] = -1;
		if (is_hidden(r.items, graph->nodes[i]->scope))
			continue;
		s->node = pulse_arena_alloc(arena, sizeof(PulseNode));
		*s->node = *graph->nodes[i];
		s->old = i;
		s->status = d->status != NULL ? d->status[i] : PULSE_PENDING;
		s->more = NULL;
		s->anchor = s->out = -1;
		r.n++;
	}
	add_rests(&r, most == 1);
	qsort(r.shown, (size_t) r.n, sizeof(Shown), compare_shown);
	r.rest = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	memset(r.rest, 0xff, sizeof(int) * (size_t) graph->n_nodes);
	for (int i = r.n - 1; i >= 0; i--)
	{
		if (r.shown[i].old >= 0)
			r.numbers[r.shown[i].old] = i;
		else
			r.rest[r.shown[i].anchor] = r.rest[r.shown[i].out] = i;
	}
	finish(&r);
}
