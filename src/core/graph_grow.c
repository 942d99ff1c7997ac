/*
 * graph_grow.c
 *		Graphs that grow: a private copy, a fragment put into it, its document.
 *
 * Owns how a graph changes after it was read, and nothing of the rules about
 * it.  In a graph that grows, numbers are in order of arrival; what costs a walk over the
 * whole graph (ranks, ends, the hash) is made when somebody asks for it, so that a growth
 * costs its own size only.  Composite nodes are graph_lower.c's.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_grow.h"

#include "core/graph_index.h"
#include "core/graph_private.h"

PulseGraph *
pulse_graph_copy(const PulseGraph *base)
{
	return pulse_graph_copy_beside(base, NULL);
}

PulseGraph *
pulse_graph_copy_beside(const PulseGraph *base, const PulseArena *other)
{
	int n = base->n_nodes;
	PulseArena *arena = pulse_arena_create_beside(other, 0);
	PulseGraph *graph = pulse_arena_alloc(arena, sizeof(PulseGraph));
	PulseNode *block = pulse_arena_alloc(arena, sizeof(PulseNode) * (size_t) n);

	Assert(!base->unsettled && base->n_gone == 0 && base->n_scopes == 0);
	*graph = *base;
	graph->arena = arena;
	graph->parts = NULL;
	graph->index = NULL;
	graph->succ_block = graph->end_block = NULL;
	graph->cap_edges = graph->cap_ends = 0;
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

/*
 * A new vector: the old one without `without` (-1: nothing), and the added ones
 * among it. Both are in id order, more or less: a collecting node keeps the place of its
 * composite. In the graph's arena.
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
		while (a < n_added && pulse_node_before(graph, added[a], old[i]))
			list[k++] = added[a++];
		list[k++] = old[i];
	}
	while (a < n_added)
		list[k++] = added[a++];
	*n = k;
	return list;
}

void
pulse_graph_make_room(PulseGraph *graph, int n)
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

void
pulse_graph_unsettle(PulseGraph *graph)
{
	graph->unsettled = true;
	graph->hash[0] = '\0';
}

void
pulse_scope_add_node(PulseGraph *graph, PulseScope *scope, int node)
{
	if (scope == NULL)
		return;
	if (scope->n_nodes == scope->cap_nodes)
	{
		int cap = Max(4, scope->cap_nodes * 2);

		scope->nodes = pulse_arena_grow(scope->arena, scope->nodes,
										sizeof(int) * (size_t) scope->n_nodes,
										sizeof(int) * (size_t) cap);
		scope->cap_nodes = cap;
	}
	scope->nodes[scope->n_nodes++] = node;
}

void
pulse_scope_add_record(PulseScope *scope, int id)
{
	if (scope->n_records == scope->cap_records)
	{
		int cap = Max(4, scope->cap_records * 2);

		scope->records = pulse_arena_grow(scope->arena, scope->records,
										  sizeof(int) * (size_t) scope->n_records,
										  sizeof(int) * (size_t) cap);
		scope->cap_records = cap;
	}
	scope->records[scope->n_records++] = id;
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

/* References of a node that has just come in: new numbers, and names in any case. */
static void
map_refs(PulseNode *node, const int *numbers)
{
	for (int i = 0; i < node->n_refs; i++)
		node->refs[i] = node->refs[i] < 0 ? ~node->refs[i] : numbers[node->refs[i]];
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
		node->scope = anchor->scope;
		node->origin = growth->origin;
		graph->nodes[growth->numbers[i]] = node;
		if (growth->numbers[i] != growth->anchor)
			pulse_scope_add_node(graph, node->scope, growth->numbers[i]);
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
	pulse_index_remove(graph, growth->anchor);
}

void
pulse_graph_grow(PulseGraph *graph, PulseGrowth *growth)
{
	PulseGraph *fragment = growth->fragment;
	PulseNode anchor = *graph->nodes[growth->anchor];
	PulseGraphPart *part = pulse_arena_alloc(graph->arena, sizeof(PulseGraphPart));
	int first = graph->n_nodes - growth->replace;
	int n_added = fragment->n_nodes;
	int *followers;
	int n_followers = pulse_graph_followers(graph, growth->anchor, graph->arena, &followers);
	int *entries;
	int *exits;

	pulse_graph_make_room(graph, first + n_added);
	pulse_graph_unsettle(graph);
	growth->numbers = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) n_added);
	for (int i = 0; i < n_added; i++)
		growth->numbers[i] = first + i;
	if (growth->replace)
		growth->numbers[0] = growth->anchor;
	detach(graph, growth, followers, n_followers);
	adopt_nodes(graph, growth, &anchor);
	graph->n_nodes = first + n_added;
	for (int i = 0; i < n_added; i++)
	{
		map_refs(fragment->nodes[i], growth->numbers);
		pulse_index_add(graph, growth->numbers[i]);
	}

	entries = numbers_of(graph, growth, growth->entries, growth->n_entries);
	exits = numbers_of(graph, growth, growth->exits, growth->n_exits);
	if (growth->replace)
		connect(graph, anchor.preds, anchor.n_preds, entries, growth->n_entries);
	else
		connect(graph, &growth->anchor, 1, entries, growth->n_entries);
	connect(graph, exits, growth->n_exits, followers, n_followers);

	/* the fragment's memory is the graph's now */
	part->arena = fragment->arena;
	part->next = graph->parts;
	graph->parts = part;
	growth->fragment = NULL;
}

/*
 * ---------------------------------------------------------------------
 * What is made anew when it is asked for
 * ---------------------------------------------------------------------
 */

/* For sorting: the ids beside the numbers. */
typedef struct SortedNode
{
	const char *id;
	uint32 len;
	int node;
} SortedNode;

static int
compare_sorted(const void *a, const void *b)
{
	const SortedNode *x = a;
	const SortedNode *y = b;
	int c = memcmp(x->id, y->id, Min(x->len, y->len));

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

static void
make_ranks(PulseGraph *graph, PulseArena *scratch)
{
	int size = pulse_graph_size(graph);
	SortedNode *list = pulse_arena_alloc(scratch, sizeof(SortedNode) * (size_t) size);
	int n = 0;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];

		if (pulse_node_exists(node))
			list[n++] = (SortedNode){ node->id, node->id_len, i };
	}
	Assert(n == size);
	qsort(list, (size_t) n, sizeof(SortedNode), compare_sorted);
	for (int i = 0; i < n; i++)
	{
		graph->by_rank[i] = list[i].node;
		graph->nodes[list[i].node]->rank = i;
	}
}

/* Successors from predecessors, in id order. */
static void
make_succs(PulseGraph *graph)
{
	int size = pulse_graph_size(graph);
	int *block;

	graph->n_edges = 0;
	for (int i = 0; i < size; i++)
	{
		graph->nodes[graph->by_rank[i]]->n_succs = 0;
		graph->n_edges += graph->nodes[graph->by_rank[i]]->n_preds;
	}
	if (graph->n_edges > graph->cap_edges)
	{
		graph->cap_edges = Max(graph->n_edges, graph->cap_edges * 2);
		graph->succ_block = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) graph->cap_edges);
	}
	block = graph->succ_block;
	for (int i = 0; i < size; i++)
	{
		const PulseNode *node = graph->nodes[graph->by_rank[i]];

		for (int p = 0; p < node->n_preds; p++)
			graph->nodes[node->preds[p]]->n_succs++;
	}
	for (int i = 0; i < size; i++)
	{
		PulseNode *node = graph->nodes[graph->by_rank[i]];

		node->succs = block;
		block += node->n_succs;
		node->n_succs = 0;
	}
	for (int i = 0; i < size; i++)
	{
		int at = graph->by_rank[i];

		for (int p = 0; p < graph->nodes[at]->n_preds; p++)
		{
			PulseNode *pred = graph->nodes[graph->nodes[at]->preds[p]];

			pred->succs[pred->n_succs++] = at;
		}
	}
}

static void
make_ends(PulseGraph *graph)
{
	int size = pulse_graph_size(graph);
	int n_roots = 0;
	int n_sinks = 0;

	for (int i = 0; i < size; i++)
	{
		n_roots += graph->nodes[graph->by_rank[i]]->n_preds == 0;
		n_sinks += graph->nodes[graph->by_rank[i]]->n_succs == 0;
	}
	if (n_roots + n_sinks > graph->cap_ends)
	{
		graph->cap_ends = Max(n_roots + n_sinks, graph->cap_ends * 2);
		graph->end_block = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) graph->cap_ends);
	}
	graph->roots = graph->end_block;
	graph->sinks = graph->end_block + n_roots;
	graph->n_roots = graph->n_sinks = 0;
	for (int i = 0; i < size; i++)
	{
		int at = graph->by_rank[i];

		if (graph->nodes[at]->n_preds == 0)
			graph->roots[graph->n_roots++] = at;
		if (graph->nodes[at]->n_succs == 0)
			graph->sinks[graph->n_sinks++] = at;
	}
}

void
pulse_graph_order(const PulseGraph *unsettled)
{
	PulseGraph *graph = (PulseGraph *) unsettled; /* only what is out of date is written */
	PulseArena *scratch;

	if (!graph->unsettled)
		return;
	scratch = pulse_arena_create(0);
	make_ranks(graph, scratch);
	make_succs(graph);
	make_ends(graph);
	graph->unsettled = false;
	pulse_arena_free(scratch);
}

void
pulse_graph_settle(const PulseGraph *graph)
{
	pulse_graph_order(graph);
	if (graph->hash[0] == '\0')
		pulse_graph_hash((PulseGraph *) graph);
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
	size_t n = (size_t) pulse_graph_size(graph);
	const PulseJson *source = graph->source;
	const PulseJson *old = pulse_json_get(source, "nodes");
	PulseJsonPair *nodes = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * n);
	PulseJsonPair *top = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * ((size_t) source->len + 1));
	int *list;
	uint32 k = 0;

	pulse_graph_order(graph);
	list = pulse_arena_alloc(arena, sizeof(int) * n);
	for (size_t i = 0; i < n; i++)
	{
		const PulseNode *node = graph->nodes[pulse_graph_at_rank(graph, (int) i)];

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
