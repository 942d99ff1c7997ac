/*
 * graph_body.c
 *		Reads the fragments that authors write into composite nodes.
 *
 * Owns the way from a fragment in a definition to a PulseBody: shape, ids, definitions,
 * edges, and which names mean nodes outside.  It is the reader of graphs once more,
 * with the reader of the graph around it as its parent: what it reads there, the composite
 * node reads, and is judged there like any other reference.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/fragment.h"

#include "core/suggest.h"

/* path.nodes.id */
static const char *
fragment_path(PulseGraphReader *r, const char *path, const char *node)
{
	return pulse_path_key(r->scratch, pulse_path_key(r->scratch, path, "nodes"), node);
}

/*
 * ---------------------------------------------------------------------
 * Shape
 * ---------------------------------------------------------------------
 */

/* The path of the item of a list that is this name, or in a list of lists has it; or NULL. */
static const char *
place_in_list(PulseGraphReader *r, const PulseJson *list, const char *path, const char *name)
{
	if (list == NULL || list->type != PULSE_JSON_ARRAY)
		return NULL;
	for (uint32 i = 0; i < list->len; i++)
	{
		const PulseJson *item = list->u.items[i];
		const char *at;

		if (pulse_json_is(item, name))
			return pulse_arena_printf(r->scratch, "%s[%u]", path, i);
		if (item->type != PULSE_JSON_ARRAY)
			continue;
		at = place_in_list(r, item, pulse_arena_printf(r->scratch, "%s[%u]", path, i), name);
		if (at != NULL)
			return at;
	}
	return NULL;
}

/* Where the fragment names a node that it does not have. */
static const char *
place_of_name(PulseGraphReader *r, const PulseFragment *f, const char *path, const char *name)
{
	const char *at;

	for (int i = 0; i < f->n_nodes; i++)
	{
		const PulseJson *doc = f->nodes[i].doc;
		const PulseJson *on_error = pulse_json_get(doc, "on_error");
		const PulseJson *handler = on_error != NULL ? pulse_json_get(on_error, "goto") : NULL;
		const char *base = fragment_path(r, path, f->nodes[i].id);

		at = place_in_list(r, pulse_json_get(doc, "after"), pulse_path_key(r->scratch, base, "after"), name);
		if (at != NULL)
			return at;
		if (handler != NULL && pulse_json_is(handler, name))
			return pulse_arena_printf(r->scratch, "%s.on_error.goto", base);
	}
	at = place_in_list(r, pulse_json_get(f->document, "edges"), pulse_path_key(r->scratch, path, "edges"), name);
	return at != NULL ? at : path;
}

/* True if there is such a node in one of the graphs around. */
static bool
is_outside(const PulseGraphReader *r, const char *name)
{
	for (; r != NULL; r = r->up)
	{
		if (pulse_graph_find(r->graph, name, strlen(name)) >= 0)
			return true;
	}
	return false;
}

/* Where the fault is that the check of the shape has found; perhaps a hint. */
static const char *
place_of_error(PulseGraphReader *r, const PulseFragment *f, const char *path,
			   const PulseRewriteError *e, const char **hint)
{
	bool entries = strcmp(e->code, "duplicate_entry") == 0 || strcmp(e->code, "entry_outside") == 0;
	bool exits = strcmp(e->code, "duplicate_exit") == 0 || strcmp(e->code, "exit_outside") == 0;
	bool unknown = strcmp(e->code, "undefined_node") == 0;
	PulseSuggest search;

	if (e->node == NULL)
		return path;
	if (!entries && !exits && !unknown)
		return fragment_path(r, path, e->node);
	if (unknown && is_outside(r, e->node))
		*hint = pulse_arena_printf(r->scratch, "\"%s\" is a node outside of the fragment: let the node that the fragment belongs to come after it.",
								   e->node);
	else if (strncmp(e->code, "duplicate", 9) != 0 && pulse_reader_root(r)->n_suggested++ < PULSE_DIAG_MAX)
	{
		pulse_suggest_begin(&search, e->node, strlen(e->node));
		for (int i = 0; i < f->n_nodes; i++)
			pulse_suggest_offer(&search, f->nodes[i].id, f->nodes[i].len);
		if (search.match != NULL)
			*hint = pulse_arena_printf(r->scratch, "Perhaps you meant \"%s\".", search.match);
	}
	return unknown ? place_of_name(r, f, path, e->node)
				   : pulse_path_key(r->scratch, path, entries ? "entries" : "exits");
}

/* What is wrong with the shape, as findings. */
static bool
check_shape(PulseGraphReader *up, const PulseFragment *f, const char *path)
{
	PulseRewriteErrors errors = { .arena = up->scratch };

	pulse_fragment_check(f, &errors);
	for (int i = 0; i < errors.n; i++)
	{
		PulseFinding finding = { PULSE_SEV_ERROR, errors.items[i].code, path, errors.items[i].message, NULL, 0 };

		/* the place is looked for only while it is told */
		if (up->diag->n < PULSE_DIAG_MAX)
			finding.path = place_of_error(up, f, path, &errors.items[i], &finding.hint);
		pulse_diag_add(up->diag, &finding);
	}
	return errors.n == 0;
}

static bool
check_ids(PulseGraphReader *up, const PulseFragment *f, const char *path, PulseScopeKind kind)
{
	bool ok = true;

	for (int i = 0; i < f->n_nodes; i++)
	{
		const PulseNodeEntry *node = &f->nodes[i];
		const char *at = fragment_path(up, path, node->id);

		if (!pulse_check_id(up, at, node->id, node->len, PULSE_GRAPH_DEFINE))
			ok = false;
		else if (kind == PULSE_SCOPE_BRANCH && strcmp(node->id, "out") == 0)
		{
			pulse_diag_error(up->diag, "reserved_id", at, "Choose another id.",
							 "\"out\" is the id of the node that collects the result of a choose");
			ok = false;
		}
	}
	return ok;
}

/* A node here can have no id of more than 2,000 bytes when it runs. */
static void
check_composed(PulseGraphReader *r)
{
	for (int i = 0; i < r->graph->n_nodes; i++)
	{
		const PulseNode *node = r->graph->nodes[i];
		int len = r->prefix + (int) node->id_len + (pulse_kind_composite(node->kind) ? 4 : 0);

		if (len > PULSE_MAX_LIVE_ID)
			pulse_diag_error(r->diag, "bad_id", pulse_node_path(r, i, NULL),
							 "Choose shorter ids for the nodes around it.",
							 "with the ids of the nodes around it the id would have %d bytes when it runs, and %d are allowed",
							 len, PULSE_MAX_LIVE_ID);
	}
}

/* The most bytes that stand in front of a local id. */
static int
prefix_of(const PulseGraphReader *up, int node, PulseScopeKind kind)
{
	int len = up->prefix + (int) up->graph->nodes[node]->id_len + 1;

	switch (kind)
	{
		case PULSE_SCOPE_ITEM:
			return len + (int) strlen("item_99999:");
		case PULSE_SCOPE_ROUND:
			return len + (int) strlen("iter_1000000000:");
		case PULSE_SCOPE_BRANCH:
			break;
	}
	return len;
}

static int
compare_numbers(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return (x > y) - (x < y);
}

static int *
numbers_of(PulseArena *arena, const PulseFragmentName *names, int n)
{
	int *list = pulse_arena_alloc(arena, sizeof(int) * (size_t) n);

	for (int i = 0; i < n; i++)
		list[i] = names[i].node;
	qsort(list, (size_t) n, sizeof(int), compare_numbers);
	return list;
}

/* An entry comes behind the composite node, and a handler behind nothing but its node. */
static void
check_entries(PulseGraphReader *r, const PulseBody *body)
{
	for (int i = 0; i < body->n_entries; i++)
	{
		const PulseNode *node = r->graph->nodes[body->entries[i]];

		if (node->guards >= 0)
			pulse_diag_error(r->diag, "handler_has_after", pulse_node_path(r, body->entries[i], NULL), NULL,
							 "\"%s\" handles the errors of \"%s\" and cannot be an entry",
							 node->id, r->graph->nodes[node->guards]->id);
	}
}

PulseBody *
pulse_body_read(PulseGraphReader *up, int node, const PulseJson *document, const char *path,
				PulseScopeKind kind, const PulseJson *again, const char *again_path)
{
	PulseBody *body = pulse_arena_zalloc(up->arena, sizeof(PulseBody));
	PulseGraph *graph = pulse_arena_zalloc(up->arena, sizeof(PulseGraph));
	int errors = up->diag->n_errors;
	PulseGraphReader reader;
	PulseGraphReader *r = &reader;
	PulseFragment f;
	/* a node that a graph has grown by may be in a map or repeat that is not seen any more */
	bool composed = up->form == PULSE_GRAPH_LIVE && strchr(up->graph->nodes[node]->id, ':') != NULL;
	int *topo;

	if (up->depth >= PULSE_MAX_NESTING)
	{
		pulse_diag_error(up->diag, "limit_nesting", path, "Move the inner part into a workflow of its own.",
						 "fragments are nested more than %d deep", PULSE_MAX_NESTING);
		return NULL;
	}
	if (!pulse_fragment_read(document, path, up->scratch, &f, up->diag) ||
		!check_shape(up, &f, path) || !check_ids(up, &f, path, kind))
		return NULL;

	graph->arena = up->arena;
	memset(r, 0, sizeof(*r));
	r->graph = graph;
	r->arena = up->arena;
	r->scratch = up->scratch;
	r->diag = up->diag;
	r->form = PULSE_GRAPH_DEFINE;
	r->max_edges = up->max_edges;
	r->up = up;
	r->up_node = node;
	r->kind = kind;
	r->depth = up->depth + 1;
	r->prefix = prefix_of(up, node, kind);
	r->base = pulse_path_key(up->scratch, path, "nodes");
	r->body = body;
	r->in_map = up->in_map || composed || kind == PULSE_SCOPE_ITEM;
	r->in_repeat = up->in_repeat || composed || kind == PULSE_SCOPE_ROUND;
	r->total = up->total;
	body->self = -1;
	body->source = document;
	body->graph = graph;

	if (!pulse_make_nodes(r, f.nodes, f.n_nodes) || !pulse_count_edges(r, f.n_edges))
		return NULL;
	for (int i = 0; i < f.n_nodes; i++)
		pulse_node_read(r, i);
	check_composed(r);
	if (again != NULL)
	{
		body->again = pulse_expr_parse(r->arena, again->u.text, again->len, again_path, r->diag);
		if (body->again != NULL)
			pulse_add_use(r, -1, pulse_expr_refs(body->again), again, again_path);
	}

	/* those of `after` and `goto` are among the fragment's */
	r->edges = NULL;
	r->n_edges = r->cap_edges = 0;
	for (int i = 0; i < f.n_edges; i++)
	{
		if (!pulse_add_edge(r, f.edges[i].from, f.edges[i].to))
			return NULL;
	}
	pulse_check_handlers(r);
	pulse_build_edges(r);
	topo = pulse_arena_alloc(r->scratch, sizeof(int) * (size_t) graph->n_nodes);
	pulse_check_cycles(r, topo);
	pulse_check_refs(r, topo);

	body->n_entries = f.n_entries;
	body->entries = numbers_of(up->arena, f.entries, f.n_entries);
	body->n_exits = f.n_exits;
	body->exits = numbers_of(up->arena, f.exits, f.n_exits);
	check_entries(r, body);
	body->n_again_refs = graph->n_output_refs;
	body->again_refs = graph->output_refs;
	body->again_names = r->output_names;
	body->again_refs_all = graph->output_refs_all;
	graph->output_refs = NULL;
	graph->n_output_refs = 0;
	return up->diag->n_errors == errors ? body : NULL;
}

/*
 * ---------------------------------------------------------------------
 * Names of nodes outside
 * ---------------------------------------------------------------------
 */

bool
pulse_body_self(const PulseGraphReader *r, const char *name)
{
	const char *id = r->up->graph->nodes[r->up_node]->id;

	/* in a graph that has grown the composite node goes by its local id in what it came with */
	if (r->up->form == PULSE_GRAPH_LIVE && strchr(name, ':') == NULL && strrchr(id, ':') != NULL)
		id = strrchr(id, ':') + 1;
	return strcmp(name, id) == 0;
}

static uint32
hash_name(const char *name)
{
	uint32 h = 2166136261u;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char) *p) * 16777619u;
	return h ^ (h >> 15);
}

/* Its slot: that of the name, or a free one. */
static int *
outer_slot(PulseGraphReader *r, const char *name)
{
	uint32 mask = (uint32) r->n_outer_slots - 1;
	uint32 at = hash_name(name) & mask;

	while (r->outer_slots[at] != 0 && strcmp(r->body->outer[r->outer_slots[at] - 1], name) != 0)
		at = (at + 1) & mask;
	return &r->outer_slots[at];
}

static void
make_slots(PulseGraphReader *r)
{
	PulseBody *body = r->body;

	if (body->n_outer * 2 < r->n_outer_slots)
		return;
	r->n_outer_slots = Max(16, r->n_outer_slots * 2);
	r->outer_slots = pulse_arena_zalloc(r->scratch, sizeof(int) * (size_t) r->n_outer_slots);
	body->outer = pulse_arena_grow(r->arena, body->outer, sizeof(char *) * (size_t) body->n_outer,
								   sizeof(char *) * (size_t) r->n_outer_slots / 2 + 1);
	for (int i = 0; i < body->n_outer; i++)
		*outer_slot(r, body->outer[i]) = i + 1;
}

int
pulse_body_outer(PulseGraphReader *r, const PulseRefUse *use, const char *name)
{
	PulseBody *body = r->body;
	PulseExprRefs *refs;
	int *slot;
	int i;

	make_slots(r);
	slot = outer_slot(r, name);
	if (*slot != 0)
		return *slot - 1;
	i = body->n_outer++;
	body->outer[i] = name;
	*slot = i + 1;
	if (pulse_body_self(r, name))
	{
		body->self = i;
		return i;
	}

	/* the composite node reads it, as far as the graph around is concerned */
	refs = pulse_arena_zalloc(r->arena, sizeof(PulseExprRefs));
	refs->n_nodes = 1;
	refs->nodes = pulse_arena_alloc(r->arena, sizeof(char *));
	refs->nodes[0] = name;
	pulse_add_use(r->up, r->up_node, refs, use->source, use->path);
	r->up->uses[r->up->n_uses - 1].inner = use->inner != NULL ? use->inner : r->graph;
	return i;
}

void
pulse_body_outer_all(PulseGraphReader *r, const PulseRefUse *use)
{
	static const PulseExprRefs all = { .all_nodes = true };

	if (r->body->outer_all)
		return;
	r->body->outer_all = true;
	pulse_add_use(r->up, r->up_node, &all, use->source, use->path);
}
