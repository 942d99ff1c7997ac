/*
 * graph_lower.c
 *		Composite nodes in a graph that grows: instances of their bodies.
 *
 * Owns the structure of instances: ids, edges, references, scopes, and whose memory they
 * are.  What the author wrote was checked when it was defined, so nothing here can fail.
 *
 * Memory: all that comes of one lowering lies in an arena of its own, which goes with the
 * scope that the composite node is in (or with the graph); the nodes of a round lie in
 * one of their own, since the next round takes their place.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_lower.h"

#include "core/graph_index.h"

/* Stands where a number has no node. */
static PulseNode no_node = { .id = "", .kind = PULSE_KIND_NOOP, .handler = -1, .guards = -1, .collects = -1 };

bool
pulse_graph_has_room(const PulseGraph *graph, int64 n)
{
	return n <= PULSE_MAX_LIVE_NODES - pulse_graph_size(graph);
}

const PulseScope *
pulse_scope_of(const PulseNode *node, PulseScopeKind kind)
{
	const PulseScope *scope = node->scope;

	while (scope != NULL && scope->kind != kind)
		scope = scope->parent;
	return scope;
}

void
pulse_scope_walk(const PulseGraph *graph, const PulseScope *scope,
				 void (*visit)(void *arg, int node), void *arg)
{
	for (const PulseScope *child = scope->child; child != NULL; child = child->sibling)
		pulse_scope_walk(graph, child, visit, arg);
	for (int i = 0; i < scope->n_nodes; i++)
		visit(arg, scope->nodes[i]);
}

/*
 * ---------------------------------------------------------------------
 * Memory and numbers
 * ---------------------------------------------------------------------
 */

static void
own_part(PulseArena *arena, PulseGraphPart **list)
{
	PulseGraphPart *part = pulse_arena_alloc(arena, sizeof(PulseGraphPart));

	part->arena = arena;
	part->next = *list;
	*list = part;
}

static void
free_parts(PulseGraphPart **list)
{
	PulseGraphPart *next;

	for (PulseGraphPart *part = *list; part != NULL; part = next)
	{
		next = part->next;
		pulse_arena_free(part->arena);
	}
	*list = NULL;
}

static int
new_number(PulseGraph *graph)
{
	if (graph->n_gone > 0)
		return graph->gone[--graph->n_gone];
	pulse_graph_make_room(graph, graph->n_nodes + 1);
	return graph->n_nodes++;
}

static void
free_number(PulseGraph *graph, int node)
{
	if (graph->n_gone == graph->cap_gone)
	{
		int cap = Max(16, graph->cap_gone * 2);

		graph->gone = pulse_arena_grow(graph->arena, graph->gone,
									   sizeof(int) * (size_t) graph->n_gone,
									   sizeof(int) * (size_t) cap);
		graph->cap_gone = cap;
	}
	graph->gone[graph->n_gone++] = node;
	pulse_index_remove(graph, node);
	graph->nodes[node] = &no_node;
}

/* A scope with the next number, in arena. */
static PulseScope *
new_scope(PulseGraph *graph, PulseArena *arena, PulseScope *parent)
{
	PulseScope *scope = pulse_arena_zalloc(arena, sizeof(PulseScope));

	if (graph->n_scopes == graph->cap_scopes)
	{
		int cap = Max(8, graph->cap_scopes * 2);

		graph->scopes = pulse_arena_grow(graph->arena, graph->scopes,
										 sizeof(PulseScope *) * (size_t) graph->n_scopes,
										 sizeof(PulseScope *) * (size_t) cap);
		graph->cap_scopes = cap;
	}
	scope->number = graph->n_scopes;
	scope->arena = arena;
	scope->parent = parent;
	graph->scopes[graph->n_scopes++] = scope;
	if (parent != NULL)
	{
		scope->sibling = parent->child;
		parent->child = scope;
	}
	return scope;
}

/* Empties a scope: its nodes, and all scopes inside it, leave the graph. */
static void
empty_scope(PulseGraph *graph, PulseScope *scope)
{
	for (PulseScope *child = scope->child; child != NULL; child = child->sibling)
	{
		empty_scope(graph, child);
		graph->scopes[child->number] = NULL;
	}
	while (graph->n_scopes > 0 && graph->scopes[graph->n_scopes - 1] == NULL)
		graph->n_scopes--;
	for (int i = 0; i < scope->n_nodes; i++)
		free_number(graph, scope->nodes[i]);
	scope->child = NULL;
	scope->n_nodes = 0;
	scope->n_records = 0;
	free_parts(&scope->parts);
}

/*
 * ---------------------------------------------------------------------
 * One instance
 * ---------------------------------------------------------------------
 */

/* One instance in the making. */
typedef struct Instance
{
	PulseGraph *graph;
	const PulseLowering *low;
	PulseScope *scope;
	PulseArena *arena;		/* of its nodes */
	const char *prefix;		/* of their ids */
	size_t prefix_len;
	const int *outer;		/* numbers that the outer names mean */
	int *numbers;			/* by local number */
} Instance;

/* {"goto": id} instead of the local one */
static const PulseJson *
moved_goto(const Instance *in, const PulseJson *source, const PulseNode *handler)
{
	PulseJsonPair *pairs = pulse_arena_alloc(in->arena, sizeof(PulseJsonPair) * source->len);
	PulseJsonPair *pair = pulse_arena_alloc(in->arena, sizeof(PulseJsonPair));

	*pair = (PulseJsonPair){ "goto", 4, pulse_json_stringn(in->arena, handler->id, handler->id_len) };
	for (uint32 i = 0; i < source->len; i++)
	{
		pairs[i] = source->u.pairs[i];
		if (strcmp(pairs[i].key, "on_error") == 0)
			pairs[i].value = pulse_json_object(in->arena, pair, 1);
	}
	return pulse_json_object(in->arena, pairs, source->len);
}

static bool
listed(const int *list, int n, int what)
{
	for (int i = 0; i < n; i++)
	{
		if (list[i] == what)
			return true;
	}
	return false;
}

/* Numbers of the instance for local ones, and one more in front or behind (-1: none). */
static int *
moved(const Instance *in, const int *list, int n, int before, int after, int *count)
{
	int *out = pulse_arena_alloc(in->arena, sizeof(int) * ((size_t) n + 2));
	int k = 0;

	if (before >= 0)
		out[k++] = before;
	for (int i = 0; i < n; i++)
		out[k++] = in->numbers[list[i]];
	if (after >= 0)
		out[k++] = after;
	*count = k;
	return out;
}

/* What the references of a node of the body mean here, each with the name it goes by. */
static int *
moved_refs(const Instance *in, const int *refs, const char *const *names, int n,
		   const char ***moved_names)
{
	const PulseGraph *body = in->low->body->graph;
	int *out = pulse_arena_alloc(in->arena, sizeof(int) * (size_t) n);

	*moved_names = pulse_arena_alloc(in->arena, sizeof(char *) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		out[i] = refs[i] < 0 ? in->outer[~refs[i]] : in->numbers[refs[i]];
		(*moved_names)[i] = names != NULL ? names[i] : body->nodes[refs[i]]->id;
	}
	return out;
}

static void
make_node(const Instance *in, PulseNode *node, int local)
{
	const PulseBody *body = in->low->body;
	const PulseNode *def = body->graph->nodes[local];
	char *id = pulse_arena_alloc(in->arena, in->prefix_len + def->id_len + 1);
	bool entry = listed(body->entries, body->n_entries, local);
	bool exit = listed(body->exits, body->n_exits, local);

	*node = *def;
	memcpy(id, in->prefix, in->prefix_len);
	memcpy(id + in->prefix_len, def->id, def->id_len + 1);
	node->id = id;
	node->id_len = (uint32) in->prefix_len + def->id_len;
	node->preds = moved(in, def->preds, def->n_preds, entry ? in->low->anchor : -1, -1,
						&node->n_preds);
	node->succs = moved(in, def->succs, def->n_succs, -1, exit ? in->low->out : -1,
						&node->n_succs);
	if (def->handler >= 0)
		node->handler = in->numbers[def->handler];
	if (def->guards >= 0)
		node->guards = in->numbers[def->guards];
	if (def->n_refs > 0)
		node->refs = moved_refs(in, def->refs, def->ref_names, def->n_refs, &node->ref_names);
	node->scope = in->scope;
	node->origin = in->low->origin;
}

/* Adds the nodes of one instance; returns their number. */
static int
instantiate(Instance *in)
{
	const PulseGraph *body = in->low->body->graph;
	int n = body->n_nodes;
	PulseNode *block = pulse_arena_alloc(in->arena, sizeof(PulseNode) * (size_t) n);

	for (int i = 0; i < n; i++)
	{
		in->numbers[i] = new_number(in->graph);
		in->graph->nodes[in->numbers[i]] = &block[i];
		block[i].id_len = 0;
	}
	for (int i = 0; i < n; i++)
	{
		make_node(in, &block[i], i);
		pulse_scope_add_node(in->graph, in->scope, in->numbers[i]);
		pulse_index_add(in->graph, in->numbers[i]);
	}
	for (int i = 0; i < n; i++)
	{
		if (body->nodes[i]->handler >= 0)
			block[i].source = moved_goto(in, block[i].source, in->graph->nodes[block[i].handler]);
	}
	return n;
}

/* What the outer names of the body mean: the composite node knows them all. */
static int *
resolve_outer(const PulseGraph *graph, const PulseLowering *low, PulseArena *arena)
{
	const PulseBody *body = low->body;
	const PulseNode *anchor = graph->nodes[low->anchor];
	int *outer = pulse_arena_alloc(arena, sizeof(int) * (size_t) body->n_outer);

	for (int i = 0; i < body->n_outer; i++)
	{
		outer[i] = low->anchor;
		if (i == body->self)
			continue;
		for (int k = 0; k < anchor->n_refs; k++)
		{
			const char *name = anchor->ref_names != NULL ? anchor->ref_names[k] : pulse_node_shown(graph, graph->nodes[anchor->refs[k]])->id;

			if (strcmp(name, body->outer[i]) == 0)
			{
				outer[i] = anchor->refs[k];
				break;
			}
		}
		Assert(outer[i] != low->anchor);
	}
	return outer;
}

static const char *
instance_prefix(const PulseGraph *graph, const PulseLowering *low, int index, PulseArena *arena)
{
	const char *id = graph->nodes[low->anchor]->id;

	switch (low->kind)
	{
		case PULSE_SCOPE_ITEM:
			return pulse_arena_printf(arena, "%s:item_%d:", id, index);
		case PULSE_SCOPE_ROUND:
			return pulse_arena_printf(arena, "%s:iter_%d:", id, index);
		case PULSE_SCOPE_BRANCH:
			break;
	}
	return pulse_arena_printf(arena, "%s:", id);
}

/*
 * ---------------------------------------------------------------------
 * Lowering
 * ---------------------------------------------------------------------
 */

/* The composite node gets a number of its own, and its old one a collecting node. */
static void
make_collecting_node(PulseGraph *graph, PulseLowering *low, PulseArena *arena)
{
	PulseNode *composite = graph->nodes[low->out];
	PulseNode *out = pulse_arena_zalloc(arena, sizeof(PulseNode));
	PulseJsonPair *pair = pulse_arena_alloc(arena, sizeof(PulseJsonPair));

	pulse_index_remove(graph, low->out);
	low->anchor = new_number(graph);
	graph->nodes[low->anchor] = composite;
	graph->nodes[low->out] = out;

	out->kind = PULSE_KIND_COLLECT;
	out->id = pulse_arena_printf(arena, "%s:out", composite->id);
	out->id_len = composite->id_len + 4;
	out->collects = low->anchor;
	out->delay = -1;
	out->guards = -1;
	out->run_on_skip = true;
	out->origin = low->origin;
	out->scope = composite->scope;
	out->on_error = composite->on_error;
	out->handler = composite->handler;
	out->n_succs = composite->n_succs;
	out->succs = composite->succs;
	*pair = (PulseJsonPair){ "collect", 7, pulse_json_stringn(arena, composite->id, composite->id_len) };
	out->source = pulse_json_object(arena, pair, 1);

	/* errors are handled behind the collecting node from now on */
	composite->on_error = PULSE_ON_ERROR_FAIL;
	composite->handler = -1;
	if (composite->guards >= 0)
		graph->nodes[composite->guards]->handler = low->anchor;
	pulse_scope_add_node(graph, composite->scope, low->anchor);
	pulse_index_add(graph, low->out);
	pulse_index_add(graph, low->anchor);
}

/* The exits of all instances come before the collecting node, their entries after the composite. */
static void
connect_instances(PulseGraph *graph, const PulseLowering *low, PulseArena *arena)
{
	const PulseBody *body = low->body;
	PulseNode *out = graph->nodes[low->out];
	PulseNode *anchor = graph->nodes[low->anchor];
	int size = body->graph->n_nodes;

	out->preds = pulse_arena_alloc(arena, sizeof(int) * (size_t) (low->n * body->n_exits));
	anchor->succs = pulse_arena_alloc(arena, sizeof(int) * (size_t) (low->n * body->n_entries));
	out->n_preds = anchor->n_succs = 0;
	for (int i = 0; i < low->n; i++)
	{
		for (int k = 0; k < body->n_exits; k++)
			out->preds[out->n_preds++] = low->new_nodes[i * size + body->exits[k]];
		for (int k = 0; k < body->n_entries; k++)
			anchor->succs[anchor->n_succs++] = low->new_nodes[i * size + body->entries[k]];
	}
}

/* What `while` reads: the round that is in the graph now. */
static void
refer_to_round(Instance *in)
{
	const PulseBody *body = in->low->body;
	PulseNode *out = in->graph->nodes[in->low->out];

	out->refs_all = body->again_refs_all;
	out->n_refs = body->n_again_refs;
	if (body->n_again_refs > 0)
		out->refs = moved_refs(in, body->again_refs, body->again_names, body->n_again_refs,
							   &out->ref_names);
}

static void
make_instances(PulseGraph *graph, PulseLowering *low, PulseArena *arena, PulseScope *first)
{
	int size = low->body->graph->n_nodes;
	PulseArena *round = low->kind == PULSE_SCOPE_ROUND ? pulse_arena_create_beside(graph->arena, 2048) : arena;
	Instance in = { .graph = graph, .low = low, .arena = round };

	if (low->kind == PULSE_SCOPE_ROUND)
		own_part(round, &first->parts);
	in.outer = resolve_outer(graph, low, round);
	low->n_new = low->n * size;
	low->new_nodes = pulse_arena_alloc(round, sizeof(int) * (size_t) low->n_new);
	for (int i = 0; i < low->n; i++)
	{
		in.scope = graph->scopes[first->number + i];
		in.prefix = instance_prefix(graph, low, low->index + i, round);
		in.prefix_len = strlen(in.prefix);
		in.numbers = low->new_nodes + i * size;
		(void) instantiate(&in);
	}
	connect_instances(graph, low, round);
	if (low->kind == PULSE_SCOPE_ROUND)
		refer_to_round(&in);
	pulse_graph_unsettle(graph);
}

void
pulse_graph_lower(PulseGraph *graph, PulseLowering *low)
{
	PulseScope *parent = graph->nodes[low->out]->scope;
	PulseArena *arena = pulse_arena_create_beside(graph->arena, 2048);

	own_part(arena, parent != NULL ? &parent->parts : &graph->parts);
	make_collecting_node(graph, low, arena);
	low->first_scope = graph->n_scopes;
	for (int i = 0; i < low->n; i++)
	{
		PulseScope *scope = new_scope(graph, arena, parent);

		scope->kind = low->kind;
		scope->index = low->index + i;
		scope->n_items = low->n;
		scope->anchor = low->anchor;
		scope->out = low->out;
		if (low->kind == PULSE_SCOPE_ITEM)
			scope->item = pulse_json_copy(arena, low->items[i]);
	}
	make_instances(graph, low, arena, graph->scopes[low->first_scope]);
}

void
pulse_graph_next_round(PulseGraph *graph, PulseScope *scope, PulseLowering *low)
{
	empty_scope(graph, scope);
	scope->index = low->index;
	low->n = 1;
	low->first_scope = scope->number;
	make_instances(graph, low, scope->arena, scope);
}
