/*
 * fragment.c
 *		Fragments: pieces of a graph with entries and exits.
 *
 * Owns the shape of fragments and the checks that need nothing else: the first
 * group of semantics section 7.  What a node means is not looked at, only
 * which others it names; whatever is wrong with a definition is left to the
 * reader of graphs.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/fragment.h"

#include <stdarg.h>

#include "core/suggest.h"

/* At most so many nodes of a cycle are named. */
#define MAX_CYCLE_NAMES 20

/* A fragment in the making. */
typedef struct Reader
{
	PulseFragment *f;
	PulseArena *arena;
	PulseDiag *diag;
	int cap_edges;
	int cap_undefined;
} Reader;

void
pulse_rewrite_error(PulseRewriteErrors *errors, const char *code, const char *node,
					const char *fmt, ...)
{
	char message[2048];
	PulseRewriteError *e;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	message[pulse_utf8_clip(message, strlen(message), sizeof(message) - 4)] = '\0';
	if (errors->n == errors->cap)
	{
		int cap = Max(8, errors->cap * 2);

		errors->items = pulse_arena_grow(errors->arena, errors->items,
										 sizeof(PulseRewriteError) * (size_t) errors->n,
										 sizeof(PulseRewriteError) * (size_t) cap);
		errors->cap = cap;
	}
	e = &errors->items[errors->n++];
	e->code = code;
	e->node = node == NULL ? NULL : pulse_arena_strdup(errors->arena, node);
	e->message = pulse_arena_strdup(errors->arena, message);
}

/*
 * ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

static int
find_node(const PulseFragment *f, const PulseJson *id)
{
	PulseNodeEntry key = { id->u.text, id->len, NULL };
	PulseNodeEntry *found = NULL;

	if (f->n_nodes > 0)
		found = bsearch(&key, f->nodes, (size_t) f->n_nodes, sizeof(PulseNodeEntry), pulse_compare_entries);
	return found == NULL ? -1 : (int) (found - f->nodes);
}

static void
add_undefined(Reader *r, const char *id)
{
	PulseFragment *f = r->f;

	if (f->n_undefined == r->cap_undefined)
	{
		int cap = Max(8, r->cap_undefined * 2);

		f->undefined = pulse_arena_grow(r->arena, f->undefined,
										sizeof(char *) * (size_t) f->n_undefined,
										sizeof(char *) * (size_t) cap);
		r->cap_undefined = cap;
	}
	f->undefined[f->n_undefined++] = id;
}

/* Resolves an end of an edge; -1: there is no such node, and that is noted. */
static int
edge_end(Reader *r, const PulseJson *id)
{
	int node = find_node(r->f, id);

	if (node < 0)
		add_undefined(r, id->u.text);
	return node;
}

static void
add_edge(Reader *r, int from, int to)
{
	PulseFragment *f = r->f;

	if (from < 0 || to < 0)
		return;
	if (f->n_edges == r->cap_edges)
	{
		int cap = Max(32, r->cap_edges * 2);

		f->edges = pulse_arena_grow(r->arena, f->edges,
									sizeof(PulseGraphEdge) * (size_t) f->n_edges,
									sizeof(PulseGraphEdge) * (size_t) cap);
		r->cap_edges = cap;
	}
	f->edges[f->n_edges++] = (PulseGraphEdge){ from, to };
}

/* `after` and `goto`, as far as they can be understood. */
static void
read_definition(Reader *r, int node)
{
	const PulseJson *doc = r->f->nodes[node].doc;
	const PulseJson *after = pulse_json_get(doc, "after");
	const PulseJson *on_error = pulse_json_get(doc, "on_error");
	const PulseJson *handler = on_error != NULL ? pulse_json_get(on_error, "goto") : NULL;

	for (uint32 i = 0; after != NULL && after->type == PULSE_JSON_ARRAY && i < after->len; i++)
	{
		if (after->u.items[i]->type == PULSE_JSON_STRING)
			add_edge(r, edge_end(r, after->u.items[i]), node);
	}
	if (handler != NULL && handler->type == PULSE_JSON_STRING)
		add_edge(r, node, edge_end(r, handler));
}

static void
wrong_type(Reader *r, const char *path, const PulseJson *value, const char *what)
{
	pulse_diag_error(r->diag, "wrong_type", path, NULL, "must be %s, not %s",
					 what, pulse_json_type_name(value));
}

static void
read_edges(Reader *r, const PulseJson *edges, const char *path)
{
	if (edges->type != PULSE_JSON_ARRAY)
	{
		wrong_type(r, path, edges, "a list of edges");
		return;
	}
	for (uint32 i = 0; i < edges->len; i++)
	{
		const PulseJson *edge = edges->u.items[i];
		int from;

		if (edge->type != PULSE_JSON_ARRAY || edge->len != 2 ||
			edge->u.items[0]->type != PULSE_JSON_STRING ||
			edge->u.items[1]->type != PULSE_JSON_STRING)
		{
			pulse_diag_error(r->diag, "wrong_type",
							 pulse_arena_printf(r->arena, "%s[%u]", path, i),
							 "Write an edge as [\"a\", \"b\"].",
							 "must be a list of two node ids");
			continue;
		}
		from = edge_end(r, edge->u.items[0]);
		add_edge(r, from, edge_end(r, edge->u.items[1]));
	}
}

static PulseFragmentName *
read_names(Reader *r, const PulseJson *list, const char *path, int *n)
{
	PulseFragmentName *names;

	*n = 0;
	if (list->type != PULSE_JSON_ARRAY)
	{
		wrong_type(r, path, list, "a list of node ids");
		return NULL;
	}
	names = pulse_arena_alloc(r->arena, sizeof(PulseFragmentName) * list->len);
	for (uint32 i = 0; i < list->len; i++)
	{
		const PulseJson *id = list->u.items[i];

		if (id->type != PULSE_JSON_STRING)
			wrong_type(r, pulse_arena_printf(r->arena, "%s[%u]", path, i), id, "a node id");
		else
			names[(*n)++] = (PulseFragmentName){ id->u.text, find_node(r->f, id) };
	}
	return names;
}

static void
read_nodes(Reader *r, const PulseJson *nodes)
{
	PulseFragment *f = r->f;

	f->nodes = pulse_arena_alloc(r->arena, sizeof(PulseNodeEntry) * nodes->len);
	f->n_nodes = (int) nodes->len;
	for (uint32 i = 0; i < nodes->len; i++)
	{
		const PulseJsonPair *pair = &nodes->u.pairs[i];

		f->nodes[i] = (PulseNodeEntry){ pair->key, pair->key_len, pair->value };
	}
	qsort(f->nodes, (size_t) f->n_nodes, sizeof(PulseNodeEntry), pulse_compare_entries);
	for (int i = 0; i < f->n_nodes; i++)
		read_definition(r, i);
}

static int
compare_edges(const void *a, const void *b)
{
	const PulseGraphEdge *x = a;
	const PulseGraphEdge *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* Edges and undefined ids, each once. */
static void
make_unique(PulseFragment *f)
{
	int n = 0;

	if (f->n_edges > 1)
		qsort(f->edges, (size_t) f->n_edges, sizeof(PulseGraphEdge), compare_edges);
	for (int i = 0; i < f->n_edges; i++)
	{
		if (n == 0 || compare_edges(&f->edges[n - 1], &f->edges[i]) != 0)
			f->edges[n++] = f->edges[i];
	}
	f->n_edges = n;

	n = 0;
	if (f->n_undefined > 1)
		qsort(f->undefined, (size_t) f->n_undefined, sizeof(char *), compare_texts);
	for (int i = 0; i < f->n_undefined; i++)
	{
		if (n == 0 || strcmp(f->undefined[n - 1], f->undefined[i]) != 0)
			f->undefined[n++] = f->undefined[i];
	}
	f->n_undefined = n;
}

/* The nodes that no edge leads to (or, at the other end, from). */
static PulseFragmentName *
default_names(Reader *r, bool entries, int *n)
{
	const PulseFragment *f = r->f;
	bool *inner = pulse_arena_zalloc(r->arena, (size_t) f->n_nodes);
	PulseFragmentName *names = pulse_arena_alloc(r->arena, sizeof(PulseFragmentName) * (size_t) f->n_nodes);

	*n = 0;
	for (int i = 0; i < f->n_edges; i++)
		inner[entries ? f->edges[i].to : f->edges[i].from] = true;
	for (int i = 0; i < f->n_nodes; i++)
	{
		if (!inner[i])
			names[(*n)++] = (PulseFragmentName){ f->nodes[i].id, i };
	}
	return names;
}

/*
 * Where the edges of each node begin: start[i] to start[i + 1] in the list, which is
 * ordered by `from`.
 */
static int *
edge_starts(const PulseFragment *f, PulseArena *arena)
{
	int *start = pulse_arena_zalloc(arena, sizeof(int) * ((size_t) f->n_nodes + 1));

	for (int i = 0; i < f->n_edges; i++)
		start[f->edges[i].from + 1]++;
	for (int i = 0; i < f->n_nodes; i++)
		start[i + 1] += start[i];
	return start;
}

/*
 * Some cycle, from its lowest id on. Nodes that are open have a predecessor that is: going
 * back from one to the other must come round.
 */
static const char *
spell_cycle(const PulseFragment *f, const int *open, PulseArena *arena)
{
	int *back = pulse_arena_alloc(arena, sizeof(int) * (size_t) f->n_nodes);
	int *place = pulse_arena_zalloc(arena, sizeof(int) * (size_t) f->n_nodes); /* from 1 */
	int *path = pulse_arena_alloc(arena, sizeof(int) * (size_t) f->n_nodes);
	const char *text;
	int first;
	int lowest;
	int at = -1;
	int n = 0;

	for (int e = f->n_edges - 1; e >= 0; e--)
	{
		if (open[f->edges[e].from] > 0 && open[f->edges[e].to] > 0)
		{
			at = f->edges[e].to;
			back[at] = f->edges[e].from;
		}
	}
	for (; place[at] == 0; at = back[at])
	{
		path[n++] = at;
		place[at] = n;
	}
	lowest = first = place[at] - 1;
	for (int i = first; i < n; i++)
	{
		if (path[i] < path[lowest])
			lowest = i;
	}

	/* the path goes backwards */
	text = f->nodes[path[lowest]].id;
	for (int i = 1; i <= n - first; i++)
	{
		if (i == MAX_CYCLE_NAMES && n - first > MAX_CYCLE_NAMES + 1)
		{
			text = pulse_arena_printf(arena, "%s > … (%d more)", text, n - first - i);
			i = n - first;
		}
		text = pulse_arena_printf(arena, "%s > %s", text,
								  f->nodes[path[first + (lowest - first + (n - first) - i) % (n - first)]].id);
	}
	return text;
}

/* Whether there is a cycle, and the longest path from an entry. */
static void
find_depth(PulseFragment *f, PulseArena *arena)
{
	int *start = edge_starts(f, arena);
	int *open = pulse_arena_zalloc(arena, sizeof(int) * (size_t) f->n_nodes);
	int *order = pulse_arena_alloc(arena, sizeof(int) * (size_t) f->n_nodes);
	int *depth = pulse_arena_zalloc(arena, sizeof(int) * (size_t) f->n_nodes);
	int n = 0;

	for (int i = 0; i < f->n_edges; i++)
		open[f->edges[i].to]++;
	for (int i = 0; i < f->n_nodes; i++)
	{
		if (open[i] == 0)
			order[n++] = i;
	}
	for (int i = 0; i < f->n_entries; i++)
	{
		if (f->entries[i].node >= 0)
			depth[f->entries[i].node] = 1;
	}
	f->depth = 0;
	for (int k = 0; k < n; k++)
	{
		int at = order[k];

		f->depth = Max(f->depth, depth[at]);
		for (int e = start[at]; e < start[at + 1]; e++)
		{
			int to = f->edges[e].to;

			if (depth[at] > 0)
				depth[to] = Max(depth[to], depth[at] + 1);
			if (--open[to] == 0)
				order[n++] = to;
		}
	}
	if (n < f->n_nodes)
	{
		f->cycle = spell_cycle(f, open, arena);
		f->depth = 0;
	}
}

static void
check_keys(Reader *r, const PulseJson *document, const char *path)
{
	static const char *const keys[] = { "nodes", "edges", "entries", "exits" };

	for (uint32 i = 0; i < document->len; i++)
	{
		const PulseJsonPair *pair = &document->u.pairs[i];
		const char *hint = NULL;
		PulseSuggest search;
		size_t k = 0;

		while (k < lengthof(keys) && strcmp(keys[k], pair->key) != 0)
			k++;
		if (k < lengthof(keys))
			continue;
		pulse_suggest_begin(&search, pair->key, pair->key_len);
		for (k = 0; k < lengthof(keys); k++)
			pulse_suggest_offer(&search, keys[k], strlen(keys[k]));
		if (search.match != NULL)
			hint = pulse_arena_printf(r->arena, "Perhaps you meant \"%s\".", search.match);
		pulse_diag_error(r->diag, "unknown_key", pulse_path_key(r->arena, path, pair->key), hint,
						 "unknown key \"%.*s\"",
						 (int) pulse_utf8_clip(pair->key, pair->key_len, 60), pair->key);
	}
}

bool
pulse_fragment_read(const PulseJson *document, const char *path, PulseArena *arena,
					PulseFragment *fragment, PulseDiag *diag)
{
	Reader reader = { .f = fragment, .arena = arena, .diag = diag };
	const PulseJson *nodes;
	const PulseJson *part;
	int errors = diag->n_errors;

	memset(fragment, 0, sizeof(*fragment));
	fragment->document = document;
	if (document->type != PULSE_JSON_OBJECT)
	{
		wrong_type(&reader, path, document, "a fragment, which is an object with the key \"nodes\"");
		return false;
	}
	check_keys(&reader, document, path);
	nodes = pulse_json_get(document, "nodes");
	if (nodes == NULL)
		pulse_diag_error(diag, "missing_key", path, NULL, "the key \"nodes\" is missing");
	else if (nodes->type != PULSE_JSON_OBJECT)
		wrong_type(&reader, pulse_path_key(arena, path, "nodes"), nodes,
				   "an object of node definitions by id");
	else
		read_nodes(&reader, nodes);
	part = pulse_json_get(document, "edges");
	if (part != NULL)
		read_edges(&reader, part, pulse_path_key(arena, path, "edges"));
	make_unique(fragment);

	part = pulse_json_get(document, "entries");
	if (part != NULL)
		fragment->entries = read_names(&reader, part, pulse_path_key(arena, path, "entries"),
									   &fragment->n_entries);
	else
		fragment->entries = default_names(&reader, true, &fragment->n_entries);
	part = pulse_json_get(document, "exits");
	if (part != NULL)
		fragment->exits = read_names(&reader, part, pulse_path_key(arena, path, "exits"),
									 &fragment->n_exits);
	else
		fragment->exits = default_names(&reader, false, &fragment->n_exits);
	if (diag->n_errors > errors)
		return false;
	find_depth(fragment, arena);
	return true;
}

/*
 * ---------------------------------------------------------------------
 * Checks
 * ---------------------------------------------------------------------
 */

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const PulseFragmentName *) a)->id, ((const PulseFragmentName *) b)->id);
}

/* In id order, for both checks. */
static PulseFragmentName *
sorted_names(const PulseFragmentName *names, int n, PulseArena *arena)
{
	PulseFragmentName *copy = pulse_arena_alloc(arena, sizeof(PulseFragmentName) * (size_t) n);

	if (n > 0)
	{
		memcpy(copy, names, sizeof(PulseFragmentName) * (size_t) n);
		qsort(copy, (size_t) n, sizeof(PulseFragmentName), compare_names);
	}
	return copy;
}

static void
check_duplicates(const PulseFragmentName *names, int n, bool entries, PulseRewriteErrors *errors)
{
	for (int i = 1; i < n; i++)
	{
		if (strcmp(names[i].id, names[i - 1].id) == 0 &&
			(i == 1 || strcmp(names[i].id, names[i - 2].id) != 0))
			pulse_rewrite_error(errors, entries ? "duplicate_entry" : "duplicate_exit", names[i].id,
								"\"%s\" is listed more than once among the %s of the fragment",
								names[i].id, entries ? "entries" : "exits");
	}
}

static void
check_outside(const PulseFragmentName *names, int n, bool entries, PulseRewriteErrors *errors)
{
	for (int i = 0; i < n; i++)
	{
		if (names[i].node < 0 && (i == 0 || strcmp(names[i].id, names[i - 1].id) != 0))
			pulse_rewrite_error(errors, entries ? "entry_outside" : "exit_outside", names[i].id,
								"the %s \"%s\" is no node of the fragment",
								entries ? "entry" : "exit", names[i].id);
	}
}

/* Marks what is reached from the names along the edges, or against them. */
static bool *
reached(const PulseFragment *f, const PulseFragmentName *names, int n_names, bool forward,
		PulseArena *arena)
{
	size_t n = (size_t) f->n_nodes;
	bool *seen = pulse_arena_zalloc(arena, n);
	int *start = pulse_arena_zalloc(arena, sizeof(int) * (n + 2));
	int *next = pulse_arena_alloc(arena, sizeof(int) * (size_t) f->n_edges);
	int *queue = pulse_arena_alloc(arena, sizeof(int) * n);
	int len = 0;

	/* counting sort of the edges by the end they are entered from */
	for (int i = 0; i < f->n_edges; i++)
		start[(forward ? f->edges[i].from : f->edges[i].to) + 2]++;
	for (size_t i = 0; i < n; i++)
		start[i + 1] += start[i];
	for (int i = 0; i < f->n_edges; i++)
	{
		int a = forward ? f->edges[i].from : f->edges[i].to;

		next[start[a + 1]++] = forward ? f->edges[i].to : f->edges[i].from;
	}
	for (int i = 0; i < n_names; i++)
	{
		int at = names[i].node;

		if (at >= 0 && !seen[at])
		{
			seen[at] = true;
			queue[len++] = at;
		}
	}
	for (int k = 0; k < len; k++)
	{
		for (int e = start[queue[k]]; e < start[queue[k] + 1]; e++)
		{
			if (!seen[next[e]])
			{
				seen[next[e]] = true;
				queue[len++] = next[e];
			}
		}
	}
	return seen;
}

static void
check_orphans(const PulseFragment *f, PulseRewriteErrors *errors, PulseArena *arena)
{
	bool *from_entry = reached(f, f->entries, f->n_entries, true, arena);
	bool *to_exit = reached(f, f->exits, f->n_exits, false, arena);

	for (int i = 0; i < f->n_nodes; i++)
	{
		if (!from_entry[i] || !to_exit[i])
			pulse_rewrite_error(errors, "orphan", f->nodes[i].id,
								"\"%s\" is not on a path from an entry to an exit of the fragment",
								f->nodes[i].id);
	}
}

void
pulse_fragment_check(const PulseFragment *fragment, PulseRewriteErrors *errors)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseFragmentName *entries = sorted_names(fragment->entries, fragment->n_entries, arena);
	PulseFragmentName *exits = sorted_names(fragment->exits, fragment->n_exits, arena);

	if (fragment->cycle != NULL)
		pulse_rewrite_error(errors, "fragment_cycle", NULL,
							"nodes of the fragment wait for each other in a cycle: %s", fragment->cycle);
	if (fragment->n_nodes == 0)
		pulse_rewrite_error(errors, "fragment_empty", NULL, "the fragment has no nodes");
	if (fragment->n_entries == 0)
		pulse_rewrite_error(errors, "no_entries", NULL, "the fragment has no entries");
	if (fragment->n_exits == 0)
		pulse_rewrite_error(errors, "no_exits", NULL, "the fragment has no exits");
	check_duplicates(entries, fragment->n_entries, true, errors);
	check_duplicates(exits, fragment->n_exits, false, errors);
	check_outside(entries, fragment->n_entries, true, errors);
	check_outside(exits, fragment->n_exits, false, errors);
	check_orphans(fragment, errors, arena);
	for (int i = 0; i < fragment->n_undefined; i++)
		pulse_rewrite_error(errors, "undefined_node", fragment->undefined[i],
							"the fragment has an edge to or from \"%s\", which it does not define",
							fragment->undefined[i]);
	pulse_arena_free(arena);
}
