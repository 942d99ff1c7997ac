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

/* path.nodes.id, or path itself */
static const char *
fragment_path(PulseGraphReader *r, const char *path, const char *node)
{
	return node == NULL ? path : pulse_path_key(r->scratch, pulse_path_key(r->scratch, path, "nodes"), node);
}

/* What is wrong with the shape, as findings. */
static bool
check_shape(PulseGraphReader *up, const PulseFragment *f, const char *path)
{
	PulseRewriteErrors errors = { .arena = up->scratch };

	pulse_fragment_check(f, &errors);
	for (int i = 0; i < errors.n; i++)
	{
		const char *node = errors.items[i].node;
		PulseFinding finding = { PULSE_SEV_ERROR, errors.items[i].code, NULL, errors.items[i].message, NULL, 0 };
		bool known = false;

		for (int k = 0; node != NULL && k < f->n_nodes && !known; k++)
			known = strcmp(f->nodes[k].id, node) == 0;
		finding.path = fragment_path(up, path, known ? node : NULL);
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
	r->depth = up->depth + 1;
	r->base = pulse_path_key(up->scratch, path, "nodes");
	r->body = body;
	r->in_map = up->in_map || kind == PULSE_SCOPE_ITEM;
	r->in_repeat = up->in_repeat || kind == PULSE_SCOPE_ROUND;
	r->total = up->total;
	body->self = -1;
	body->source = document;
	body->graph = graph;

	if (!pulse_make_nodes(r, f.nodes, f.n_nodes))
		return NULL;
	for (int i = 0; i < f.n_nodes; i++)
		pulse_node_read(r, i);
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

/* By its id or, in a graph that has grown, by what it is called in its own fragment. */
static bool
names_composite(const PulseGraphReader *r, const char *name)
{
	const char *id = r->up->graph->nodes[r->up_node]->id;
	const char *local = strrchr(id, ':');

	return strcmp(name, id) == 0 || (local != NULL && strcmp(name, local + 1) == 0);
}

int
pulse_body_outer(PulseGraphReader *r, const PulseRefUse *use, const char *name)
{
	PulseBody *body = r->body;
	PulseExprRefs *refs;
	int i = 0;

	while (i < body->n_outer && strcmp(body->outer[i], name) != 0)
		i++;
	if (i < body->n_outer)
		return i;
	if (body->n_outer % 8 == 0)
		body->outer = pulse_arena_grow(r->arena, body->outer, sizeof(char *) * (size_t) i,
									   sizeof(char *) * ((size_t) i + 8));
	body->outer[body->n_outer++] = name;
	if (names_composite(r, name))
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
