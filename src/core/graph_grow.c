/*
 * graph_grow.c
 *		Graphs that grow: a private copy, a fragment put into it, its document.
 *
 * Owns how a graph changes after it was read, and nothing of the rules about
 * it.  A grown graph differs from one that was read in one point only: numbers are
 * in order of arrival, by_rank has the order of ids.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_grow.h"

#include "core/graph_private.h"

PulseGraph *
pulse_graph_copy(const PulseGraph *base)
{
	int n = base->n_nodes;
	PulseArena *arena = pulse_arena_create(0);
	PulseGraph *graph = pulse_arena_alloc(arena, sizeof(PulseGraph));
	PulseNode *block = pulse_arena_alloc(arena, sizeof(PulseNode) * (size_t) n);

	*graph = *base;
	graph->arena = arena;
	graph->parts = NULL;
	graph->cap_nodes = n;
	graph->nodes = pulse_arena_alloc(arena, sizeof(PulseNode *) * (size_t) n);
	graph->by_rank = pulse_arena_alloc(arena, sizeof(int) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		block[i] = *base->nodes[i];
		graph->nodes[i] = &block[i];
		graph->by_rank[i] = pulse_graph_at_rank(base, i);
	}
	return graph;
}

int
pulse_graph_followers(const PulseGraph *graph, int node, PulseArena *arena, int **followers)
{
	const PulseNode *def = graph->nodes[node];
	int n = 0;

	*followers = pulse_arena_alloc(arena, sizeof(int) * (size_t) def->n_succs);
	for (int i = 0; i < def->n_succs; i++)
	{
		if (def->succs[i] != def->handler)
			(*followers)[n++] = def->succs[i];
	}
	return n;
}

/*
 * ---------------------------------------------------------------------
 * Vectors
 * ---------------------------------------------------------------------
 */

static int
rank_of(const PulseGraph *graph, int node)
{
	return graph->nodes[node]->rank;
}

/*
 * A new vector: the old one without `without` (-1: nothing), and the added ones
 * among it. Both are in id order. In the graph's arena.
 */
static int *
merged(const PulseGraph *graph, const int *old, int n_old, int without,
	   const int *added, int n_added, int *n)
{
	int *list = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) (n_old + n_added));
	int k = 0;
	int a = 0;

	for (int i = 0; i < n_old; i++)
	{
		if (old[i] == without)
			continue;
		while (a < n_added && rank_of(graph, added[a]) < rank_of(graph, old[i]))
			list[k++] = added[a++];
		list[k++] = old[i];
	}
	while (a < n_added)
		list[k++] = added[a++];
	*n = k;
	return list;
}

static void
make_room(PulseGraph *graph, int n)
{
	int cap = Max(graph->cap_nodes, 8);

	while (cap < n)
		cap *= 2;
	if (cap == graph->cap_nodes)
		return;
	graph->nodes = pulse_arena_grow(graph->arena, graph->nodes,
									sizeof(PulseNode *) * (size_t) graph->n_nodes,
									sizeof(PulseNode *) * (size_t) cap);
	graph->by_rank = pulse_arena_grow(graph->arena, graph->by_rank,
									  sizeof(int) * (size_t) graph->n_nodes,
									  sizeof(int) * (size_t) cap);
	graph->cap_nodes = cap;
}

static int
compare_ids(const PulseNode *a, const PulseNode *b)
{
	int c = memcmp(a->id, b->id, Min(a->id_len, b->id_len));

	return c != 0 ? c : (a->id_len > b->id_len) - (a->id_len < b->id_len);
}

/* Merges the new nodes, which are in id order, into by_rank; then the ranks. */
static void
make_ranks(PulseGraph *graph, int n_old, const int *added, int n_added)
{
	int to = n_old + n_added;
	int i = n_old;
	int a = n_added;

	/* from the back, in place */
	while (a > 0)
	{
		if (i > 0 && compare_ids(graph->nodes[graph->by_rank[i - 1]],
								 graph->nodes[added[a - 1]]) > 0)
			graph->by_rank[--to] = graph->by_rank[--i];
		else
			graph->by_rank[--to] = added[--a];
	}
	for (i = 0; i < n_old + n_added; i++)
		graph->nodes[graph->by_rank[i]]->rank = i;
}

/* Roots and sinks, by one walk in id order. */
static void
make_ends(PulseGraph *graph)
{
	int *roots;
	int *sinks;
	int n_roots = 0;
	int n_sinks = 0;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		n_roots += graph->nodes[i]->n_preds == 0;
		n_sinks += graph->nodes[i]->n_succs == 0;
	}
	roots = n_roots <= graph->n_roots && graph->parts != NULL
				? graph->roots
				: pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) n_roots);
	sinks = n_sinks <= graph->n_sinks && graph->parts != NULL
				? graph->sinks
				: pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) n_sinks);
	graph->roots = roots;
	graph->sinks = sinks;
	graph->n_roots = graph->n_sinks = 0;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		int at = pulse_graph_at_rank(graph, i);

		if (graph->nodes[at]->n_preds == 0)
			roots[graph->n_roots++] = at;
		if (graph->nodes[at]->n_succs == 0)
			sinks[graph->n_sinks++] = at;
	}
}

/*
 * ---------------------------------------------------------------------
 * From the fragment to the graph
 * ---------------------------------------------------------------------
 */

/* {"goto": local} with the id it has now */
static const PulseJson *
goto_value(PulseArena *arena, const PulseNode *handler)
{
	PulseJsonPair *pair = pulse_arena_alloc(arena, sizeof(PulseJsonPair));

	pair->key = "goto";
	pair->key_len = 4;
	pair->value = pulse_json_stringn(arena, handler->id, handler->id_len);
	return pulse_json_object(arena, pair, 1);
}

/* The definition without `after`, which is made from the edges, and with a new goto. */
static const PulseJson *
adopted_source(PulseArena *arena, const PulseJson *source, const PulseNode *handler)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * source->len);
	uint32 n = 0;

	for (uint32 i = 0; i < source->len; i++)
	{
		if (strcmp(source->u.pairs[i].key, "after") == 0)
			continue;
		pairs[n] = source->u.pairs[i];
		if (handler != NULL && strcmp(pairs[n].key, "on_error") == 0)
			pairs[n].value = goto_value(arena, handler);
		n++;
	}
	return pulse_json_object(arena, pairs, n);
}

static void
map_vector(int *list, int n, const int *numbers)
{
	for (int i = 0; i < n; i++)
		list[i] = numbers[list[i]];
}

/* A reference with its name, for sorting. */
typedef struct NamedRef
{
	int ref;
	int rank;
	const char *name;
} NamedRef;

static int
compare_named(const void *a, const void *b)
{
	const NamedRef *x = a;
	const NamedRef *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* References of a node that has just come in: new numbers, and names in any case. */
static void
map_refs(PulseGraph *graph, PulseNode *node, PulseArena *arena, const int *numbers)
{
	NamedRef *list = pulse_arena_alloc(arena, sizeof(NamedRef) * (size_t) node->n_refs);
	const char **names = pulse_arena_alloc(arena, sizeof(char *) * (size_t) node->n_refs);

	for (int i = 0; i < node->n_refs; i++)
	{
		int ref = node->refs[i];

		list[i].ref = ref < 0 ? ~ref : numbers[ref];
		list[i].rank = rank_of(graph, list[i].ref);
		list[i].name = node->ref_names[i];
	}
	qsort(list, (size_t) node->n_refs, sizeof(NamedRef), compare_named);
	for (int i = 0; i < node->n_refs; i++)
	{
		node->refs[i] = list[i].ref;
		names[i] = list[i].name;
	}
	node->ref_names = names;
}

/* Names are ids as long as these are local: keep them while they are known. */
static void
keep_names(const PulseGraph *fragment)
{
	for (int i = 0; i < fragment->n_nodes; i++)
	{
		PulseNode *node = fragment->nodes[i];

		if (node->ref_names != NULL || node->n_refs == 0)
			continue;
		node->ref_names = pulse_arena_alloc(fragment->arena, sizeof(char *) * (size_t) node->n_refs);
		for (int k = 0; k < node->n_refs; k++)
			node->ref_names[k] = fragment->nodes[node->refs[k]]->id;
	}
}

/* Ids, definitions and places in the vector of nodes. */
static void
adopt_nodes(PulseGraph *graph, const PulseGrowth *growth, const PulseNode *anchor)
{
	PulseGraph *fragment = growth->fragment;
	PulseArena *arena = fragment->arena;

	keep_names(fragment);
	for (int i = 0; i < fragment->n_nodes; i++)
	{
		PulseNode *node = fragment->nodes[i];

		node->id = pulse_arena_printf(arena, "%s:%s", anchor->id, node->id);
		node->id_len += anchor->id_len + 1;
		graph->nodes[growth->numbers[i]] = node;
	}
	for (int i = 0; i < fragment->n_nodes; i++)
	{
		PulseNode *node = fragment->nodes[i];
		const PulseNode *handler = node->handler >= 0 ? fragment->nodes[node->handler] : NULL;

		node->source = adopted_source(arena, node->source, handler);
		if (node->handler >= 0)
			node->handler = growth->numbers[node->handler];
		if (node->guards >= 0)
			node->guards = growth->numbers[node->guards];
		map_vector(node->preds, node->n_preds, growth->numbers);
		map_vector(node->succs, node->n_succs, growth->numbers);
	}
}

/* Edges from each of a to each of b; both are in id order. */
static void
connect(PulseGraph *graph, const int *a, int n_a, const int *b, int n_b)
{
	for (int i = 0; i < n_a; i++)
	{
		PulseNode *node = graph->nodes[a[i]];

		node->succs = merged(graph, node->succs, node->n_succs, -1, b, n_b, &node->n_succs);
	}
	for (int i = 0; i < n_b; i++)
	{
		PulseNode *node = graph->nodes[b[i]];

		node->preds = merged(graph, node->preds, node->n_preds, -1, a, n_a, &node->n_preds);
	}
}

static int *
numbers_of(const PulseGraph *graph, const PulseGrowth *growth, const int *local, int n)
{
	int *list = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) n);

	for (int i = 0; i < n; i++)
		list[i] = growth->numbers[local[i]];
	return list;
}

/*
 * Takes the anchor's number out of the vectors of its neighbours, and out of
 * by_rank if it leaves: before the number can mean another node.
 */
static void
detach(PulseGraph *graph, const PulseGrowth *growth, const int *followers, int n_followers)
{
	PulseNode *anchor = graph->nodes[growth->anchor];

	for (int i = 0; i < n_followers; i++)
	{
		PulseNode *node = graph->nodes[followers[i]];

		node->preds = merged(graph, node->preds, node->n_preds, growth->anchor, NULL, 0, &node->n_preds);
	}
	if (!growth->replace)
	{
		/* its handler stays with it */
		anchor->n_succs = anchor->handler >= 0 ? 1 : 0;
		anchor->succs = pulse_arena_alloc(graph->arena, sizeof(int));
		anchor->succs[0] = anchor->handler;
		return;
	}
	for (int i = 0; i < anchor->n_preds; i++)
	{
		PulseNode *node = graph->nodes[anchor->preds[i]];

		node->succs = merged(graph, node->succs, node->n_succs, growth->anchor, NULL, 0, &node->n_succs);
	}
	memmove(graph->by_rank + anchor->rank, graph->by_rank + anchor->rank + 1,
			sizeof(int) * (size_t) (graph->n_nodes - anchor->rank - 1));
}

void
pulse_graph_grow(PulseGraph *graph, PulseGrowth *growth)
{
	PulseGraph *fragment = growth->fragment;
	PulseNode anchor = *graph->nodes[growth->anchor];
	PulseGraphPart *part = pulse_arena_alloc(graph->arena, sizeof(PulseGraphPart));
	int stay = graph->n_nodes - growth->replace;
	int n_added = fragment->n_nodes;
	int *followers;
	int n_followers = pulse_graph_followers(graph, growth->anchor, graph->arena, &followers);
	int *entries;
	int *exits;

	make_room(graph, stay + n_added);
	growth->numbers = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) n_added);
	for (int i = 0; i < n_added; i++)
		growth->numbers[i] = stay + i;
	if (growth->replace)
		growth->numbers[0] = growth->anchor;
	detach(graph, growth, followers, n_followers);
	adopt_nodes(graph, growth, &anchor);
	graph->n_nodes = stay + n_added;
	make_ranks(graph, stay, growth->numbers, n_added);
	for (int i = 0; i < n_added; i++)
	{
		if (fragment->nodes[i]->n_refs > 0)
			map_refs(graph, fragment->nodes[i], fragment->arena, growth->numbers);
	}

	entries = numbers_of(graph, growth, growth->entries, growth->n_entries);
	exits = numbers_of(graph, growth, growth->exits, growth->n_exits);
	if (growth->replace)
		connect(graph, anchor.preds, anchor.n_preds, entries, growth->n_entries);
	else
		connect(graph, &growth->anchor, 1, entries, growth->n_entries);
	connect(graph, exits, growth->n_exits, followers, n_followers);

	graph->n_edges = 0;
	for (int i = 0; i < graph->n_nodes; i++)
		graph->n_edges += graph->nodes[i]->n_succs;
	make_ends(graph);
	pulse_graph_hash(graph);

	/* the fragment's memory is the graph's now */
	part->arena = fragment->arena;
	part->next = graph->parts;
	graph->parts = part;
	growth->fragment = NULL;
}

/*
 * ---------------------------------------------------------------------
 * The document
 * ---------------------------------------------------------------------
 */

/* The predecessors that the document has to name, by number; returns the count. */
static int
named_preds(const PulseNode *node, int *list)
{
	int n = 0;

	for (int i = 0; i < node->n_preds; i++)
	{
		/* what a goto implies is not named */
		if (node->preds[i] != node->guards)
			list[n++] = node->preds[i];
	}
	return n;
}

/* True if `after` names just these, in whatever order. */
static bool
says_preds(const PulseGraph *graph, const PulseNode *node, const PulseJson *after, int n)
{
	uint32 len = after == NULL ? 0 : after->len;
	int known = 0;

	for (uint32 i = 0; i < len; i++)
	{
		const PulseJson *item = after->u.items[i];
		int at = pulse_graph_find(graph, item->u.text, item->len);
		bool found = false;

		if (at >= 0 && at == node->guards)
			continue;
		for (int p = 0; at >= 0 && p < node->n_preds && !found; p++)
			found = node->preds[p] == at;
		if (!found)
			return false;
		known++;
	}
	return known == n;
}

/* list has room for the predecessors of any node. */
static const PulseJson *
node_document(const PulseGraph *graph, const PulseNode *node, int *list, PulseArena *arena)
{
	const PulseJson *source = node->source;
	const PulseJson **items;
	PulseJsonPair *pairs;
	uint32 k = 0;
	int n = named_preds(node, list);

	/* as it was written, if it still says so; long lists are not compared */
	if (source != NULL && n <= 64 && says_preds(graph, node, pulse_json_get(source, "after"), n))
		return source;
	pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * ((source == NULL ? 0 : source->len) + 2));
	if (source == NULL)
		pairs[k++] = (PulseJsonPair){ "noop", 4, &pulse_json_true };
	for (uint32 i = 0; source != NULL && i < source->len; i++)
	{
		if (strcmp(source->u.pairs[i].key, "after") != 0)
			pairs[k++] = source->u.pairs[i];
	}
	if (n > 0)
	{
		items = pulse_arena_alloc(arena, sizeof(PulseJson *) * (size_t) n);
		for (int i = 0; i < n; i++)
		{
			const PulseNode *pred = graph->nodes[list[i]];

			items[i] = pulse_json_stringn(arena, pred->id, pred->id_len);
		}
		pairs[k++] = (PulseJsonPair){ "after", 5, pulse_json_array(arena, items, (uint32) n) };
	}
	return pulse_json_object(arena, pairs, k);
}

const PulseJson *
pulse_graph_document(const PulseGraph *graph, PulseArena *arena)
{
	size_t n = (size_t) graph->n_nodes;
	const PulseJson *source = graph->source;
	const PulseJson *old = pulse_json_get(source, "nodes");
	PulseJsonPair *nodes = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * n);
	PulseJsonPair *top = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * ((size_t) source->len + 1));
	int *list = pulse_arena_alloc(arena, sizeof(int) * n);
	uint32 k = 0;

	for (size_t i = 0; i < n; i++)
	{
		const PulseNode *node = graph->nodes[i];

		nodes[i] = (PulseJsonPair){ node->id, node->id_len, node_document(graph, node, list, arena) };
	}
	top[k++] = (PulseJsonPair){ "nodes", 5, pulse_json_object(arena, nodes, (uint32) n) };

	/* the short form has nothing but its nodes and edges */
	for (uint32 i = 0; old != NULL && old->type == PULSE_JSON_OBJECT && i < source->len; i++)
	{
		if (strcmp(source->u.pairs[i].key, "nodes") != 0)
			top[k++] = source->u.pairs[i];
	}
	return pulse_json_object(arena, top, k);
}
