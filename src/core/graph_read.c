/*
 * graph_read.c
 *		From a document to a graph.
 *
 * Owns the document as a whole: its size, its top level, the list of nodes and
 * the order of the steps of checking.  Single nodes are read by graph_node.c,
 * structure and references are judged by graph_check.c.
 *
 * The graph is built in an arena of its own, from a copy of the document. The
 * reader and its paths live in a second arena that is freed on return.  Every fault that can be seen is
 * reported in one go; only faults that would be echoes of others are not.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph.h"

#include "core/budget.h"
#include "core/graph_private.h"
#include "core/retry.h"
#include "core/steps.h"

/*
 * ---------------------------------------------------------------------
 * Size
 * ---------------------------------------------------------------------
 */

/*
 * Bytes of the compact text, counted until it is over the limit; -1: nested
 * too deep. Nothing is copied before this is known.
 */
static int64
text_size(const PulseJson *value, int depth, int64 limit)
{
	int64 size = 2;

	switch (value->type)
	{
		case PULSE_JSON_NULL:
		case PULSE_JSON_BOOL:
			return 5;
		case PULSE_JSON_NUMBER:
			return value->len;
		case PULSE_JSON_STRING:
			return (int64) value->len + 2;
		case PULSE_JSON_ARRAY:
		case PULSE_JSON_OBJECT:
			break;
	}
	if (depth == PULSE_JSON_MAX_DEPTH)
		return -1;
	for (uint32 i = 0; i < value->len && size <= limit; i++)
	{
		const PulseJson *item;
		int64 part;

		if (value->type == PULSE_JSON_ARRAY)
			item = value->u.items[i];
		else
		{
			item = value->u.pairs[i].value;
			size += value->u.pairs[i].key_len + 3;
		}
		part = text_size(item, depth + 1, limit - size);
		if (part < 0)
			return -1;
		size += part + 1;
	}
	return size;
}

bool
pulse_check_size(PulseDiag *diag, const PulseJson *document, PulseGraphForm form)
{
	int64 limit = form == PULSE_GRAPH_DEFINE ? PULSE_MAX_GRAPH_BYTES : PG_INT64_MAX / 2;
	int64 size = text_size(document, 0, limit);

	if (size < 0)
		pulse_diag_error(diag, "limit_depth", "$", NULL,
						 "the document is nested more than %d deep",
						 PULSE_JSON_MAX_DEPTH);
	else if (size > limit)
		pulse_diag_error(diag, "limit_bytes", "$",
						 "Keep large data outside of the workflow, and refer to it.",
						 "the document is larger than %d bytes", (int) limit);
	return size >= 0 && size <= limit;
}

/*
 * ---------------------------------------------------------------------
 * Nodes
 * ---------------------------------------------------------------------
 */

int
pulse_compare_entries(const void *a, const void *b)
{
	const PulseNodeEntry *x = a;
	const PulseNodeEntry *y = b;
	int c = memcmp(x->id, y->id, Min(x->len, y->len));

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

/* What is wrong with an id, or NULL. */
static const char *
id_fault(PulseGraphReader *r, const char *id, size_t len, PulseGraphForm form)
{
	size_t max = form == PULSE_GRAPH_LIVE ? PULSE_MAX_LIVE_ID : PULSE_MAX_ID;

	if (len == 0)
		return "a node id cannot be empty";
	if (len > max)
		return pulse_arena_printf(r->scratch, "a node id can have %d bytes at most, not %zu",
								  (int) max, len);
	for (size_t i = 0; i < len; i++)
	{
		char c = id[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.')
			continue;
		if (c == ':')
		{
			if (form == PULSE_GRAPH_LIVE)
				continue;
			return "\":\" is reserved for ids that are made at run time";
		}
		return pulse_arena_printf(r->scratch, "the node id %s has a character that ids may not have",
								  pulse_quote(r, id, len));
	}
	return NULL;
}

bool
pulse_check_id(PulseGraphReader *r, const char *path, const char *id, size_t len,
			   PulseGraphForm form)
{
	const char *fault = id_fault(r, id, len, form);

	if (fault == NULL)
		return true;
	pulse_diag_error(r->diag, "bad_id", path,
					 "Ids are made of ASCII letters, digits, \"_\", \"-\" and \".\".",
					 "%s", fault);
	r->broken = true;
	return false;
}

bool
pulse_make_nodes(PulseGraphReader *r, const PulseNodeEntry *entries, int n)
{
	PulseGraph *graph = r->graph;
	int max = r->form == PULSE_GRAPH_LIVE ? PULSE_MAX_LIVE_NODES : PULSE_MAX_NODES;
	PulseNode *block;

	if (r->total != NULL)
		r->total->nodes += n;
	if ((r->total != NULL ? r->total->nodes : n) > max)
	{
		pulse_diag_error(r->diag, "limit_nodes", r->base != NULL ? r->base : "$.nodes", NULL,
						 "the document has more than %d nodes", max);
		return false;
	}
	block = pulse_arena_zalloc(r->arena, sizeof(PulseNode) * (size_t) n);
	graph->nodes = pulse_arena_alloc(r->arena, sizeof(PulseNode *) * (size_t) n);
	graph->n_nodes = n;
	r->docs = pulse_arena_alloc(r->scratch, sizeof(PulseJson *) * (size_t) n);
	r->stamp = pulse_arena_zalloc(r->scratch, sizeof(int) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		PulseNode *node = &block[i];

		node->id = entries[i].id;
		node->id_len = entries[i].len;
		node->rank = i;
		node->kind = PULSE_KIND_NOOP;
		node->delay = -1;
		node->handler = -1;
		node->guards = -1;
		node->collects = -1;
		node->tolerate = -1;
		node->max_reexecutions = PULSE_MAX_REEXECUTIONS;
		pulse_retry_defaults(&node->retry);
		graph->nodes[i] = node;
		node->source = entries[i].doc;
		r->docs[i] = entries[i].doc;
	}
	return true;
}

/* {"nodes": {id: definition, …}} */
static bool
read_nodes(PulseGraphReader *r, const PulseJson *nodes)
{
	PulseNodeEntry *entries = pulse_arena_alloc(r->scratch, sizeof(PulseNodeEntry) * (size_t) nodes->len);
	int n = 0;

	if (nodes->len > (uint32) (r->form == PULSE_GRAPH_LIVE ? PULSE_MAX_LIVE_NODES : PULSE_MAX_NODES))
		return pulse_make_nodes(r, entries, (int) nodes->len);
	for (uint32 i = 0; i < nodes->len; i++)
	{
		const PulseJsonPair *pair = &nodes->u.pairs[i];

		if (!pulse_check_id(r, pulse_path_key(r->scratch, "$.nodes", pair->key),
							pair->key, pair->key_len, r->form))
			continue;
		entries[n].id = pair->key;
		entries[n].len = pair->key_len;
		entries[n].doc = pair->value;
		n++;
	}
	qsort(entries, (size_t) n, sizeof(PulseNodeEntry), pulse_compare_entries);
	if (!pulse_make_nodes(r, entries, n))
		return false;
	for (int i = 0; i < n; i++)
		pulse_node_read(r, i);
	return true;
}

/*
 * ---------------------------------------------------------------------
 * The short form: {"edges": [["a", "b"], …], "nodes": ["x", …]}
 * ---------------------------------------------------------------------
 */

static bool
short_id(PulseGraphReader *r, const PulseJson *item, const char *path)
{
	if (item->type == PULSE_JSON_STRING)
		return pulse_check_id(r, path, item->u.text, item->len, r->form);
	pulse_wrong_type(r, path, item, "a node id");
	r->broken = true;
	return false;
}

static void
short_edge(PulseGraphReader *r, const PulseJson *edge, uint32 i, PulseNodeEntry *entries, int *n)
{
	const char *path = pulse_arena_printf(r->scratch, "$.edges[%u]", i);

	if (edge->type != PULSE_JSON_ARRAY || edge->len != 2)
	{
		pulse_diag_error(r->diag, "wrong_type", path, "Write an edge as [\"a\", \"b\"].",
						 "must be a list of two node ids");
		r->broken = true;
		return;
	}
	for (int k = 0; k < 2; k++)
	{
		const PulseJson *item = edge->u.items[k];

		if (!short_id(r, item, pulse_arena_printf(r->scratch, "%s[%d]", path, k)))
			return;
		entries[*n].id = item->u.text;
		entries[*n].len = item->len;
		entries[*n].doc = NULL;
		(*n)++;
	}
}

static int
compare_edges(const void *a, const void *b)
{
	const PulseGraphEdge *x = a;
	const PulseGraphEdge *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* Resolves the edges; returns false at the limit. */
static void
short_edges(PulseGraphReader *r, const PulseJson *edges)
{
	for (uint32 i = 0; i < edges->len; i++)
	{
		const PulseJson *from = edges->u.items[i]->u.items[0];
		const PulseJson *to = edges->u.items[i]->u.items[1];
		int a = pulse_graph_find(r->graph, from->u.text, from->len);
		int b = pulse_graph_find(r->graph, to->u.text, to->len);

		if (a == b)
		{
			pulse_diag_error(r->diag, "self_edge",
							 pulse_arena_printf(r->scratch, "$.edges[%u]", i), NULL,
							 "node \"%s\" cannot come after itself", from->u.text);
			r->broken = true;
		}
		else if (!pulse_add_edge(r, a, b))
			return;
	}
	qsort(r->edges, (size_t) r->n_edges, sizeof(PulseGraphEdge), compare_edges);
	for (int i = 1; i < r->n_edges; i++)
	{
		if (compare_edges(&r->edges[i - 1], &r->edges[i]) != 0)
			continue;
		pulse_diag_error(r->diag, "duplicate_entry", "$.edges", "Name each edge once.",
						 "the edge [\"%s\", \"%s\"] is listed twice",
						 r->graph->nodes[r->edges[i].from]->id,
						 r->graph->nodes[r->edges[i].to]->id);
		r->broken = true;
	}
}

static bool
read_short(PulseGraphReader *r, const PulseJson *edges, const PulseJson *nodes)
{
	uint32 n_edges = edges != NULL ? edges->len : 0;
	uint32 n_nodes = nodes != NULL ? nodes->len : 0;
	PulseNodeEntry *entries;
	PulseNodeEntry *listed;
	int n = 0;
	int n_listed = 0;
	int unique = 0;

	if (n_edges > (uint32) r->max_edges || n_nodes > PULSE_MAX_LIVE_NODES)
	{
		bool many = n_nodes > PULSE_MAX_LIVE_NODES;

		pulse_diag_error(r->diag, many ? "limit_nodes" : "limit_edges",
						 many ? "$.nodes" : "$.edges", NULL,
						 "the document has more than %d %s",
						 many ? PULSE_MAX_LIVE_NODES : r->max_edges,
						 many ? "nodes" : "edges");
		return false;
	}
	entries = pulse_arena_alloc(r->scratch, sizeof(PulseNodeEntry) * ((size_t) n_edges * 2 + n_nodes));
	for (uint32 i = 0; i < n_nodes; i++)
	{
		const PulseJson *item = nodes->u.items[i];

		if (!short_id(r, item, pulse_arena_printf(r->scratch, "$.nodes[%u]", i)))
			continue;
		entries[n].id = item->u.text;
		entries[n].len = item->len;
		entries[n].doc = NULL;
		n++;
	}

	/* among the listed ones a repeat is a fault, edges may repeat them */
	n_listed = n;
	listed = pulse_arena_alloc(r->scratch, sizeof(PulseNodeEntry) * (size_t) n_listed);
	if (n_listed > 0)
		memcpy(listed, entries, sizeof(PulseNodeEntry) * (size_t) n_listed);
	qsort(listed, (size_t) n_listed, sizeof(PulseNodeEntry), pulse_compare_entries);
	for (int i = 1; i < n_listed; i++)
	{
		if (pulse_compare_entries(&listed[i - 1], &listed[i]) == 0)
			pulse_diag_error(r->diag, "duplicate_node", "$.nodes", "Name each node once.",
							 "the node \"%s\" is listed twice", listed[i].id);
	}

	for (uint32 i = 0; i < n_edges; i++)
		short_edge(r, edges->u.items[i], i, entries, &n);
	qsort(entries, (size_t) n, sizeof(PulseNodeEntry), pulse_compare_entries);
	for (int i = 0; i < n; i++)
	{
		if (unique == 0 || pulse_compare_entries(&entries[unique - 1], &entries[i]) != 0)
			entries[unique++] = entries[i];
	}
	if (!pulse_make_nodes(r, entries, unique))
		return false;
	if (n_edges > 0 && !r->broken)
		short_edges(r, edges);
	return true;
}

/*
 * ---------------------------------------------------------------------
 * The top level
 * ---------------------------------------------------------------------
 */

static void
read_top_key(PulseGraphReader *r, const PulseJsonPair *pair)
{
	static const char *const long_keys[] = {"nodes", "output", "config", "budget",
											"deadline", "description", NULL};
	static const char *const short_keys[] = {"nodes", "edges", NULL};
	const char *const *keys = r->short_form ? short_keys : long_keys;
	PulseGraph *graph = r->graph;
	const PulseJson *value = pair->value;
	const char *path = pulse_path_key(r->scratch, "$", pair->key);
	int k = 0;

	while (keys[k] != NULL && strcmp(keys[k], pair->key) != 0)
		k++;
	if (keys[k] == NULL)
	{
		pulse_diag_error(r->diag, "unknown_key", path,
						 pulse_hint_word(r, pair->key, keys),
						 "unknown key %s", pulse_quote(r, pair->key, pair->key_len));
		return;
	}
	if (r->short_form)
		return;
	switch (k)
	{
		case 1:
			graph->output = pulse_template_compile(r->arena, value, path, r->diag);
			if (graph->output != NULL)
				pulse_add_use(r, -1, pulse_template_refs(graph->output), value, path);
			break;
		case 2:
			if (value->type == PULSE_JSON_OBJECT)
				graph->config = value;
			else
				pulse_wrong_type(r, path, value, "an object");
			break;
		case 3:
			graph->budget_given = true;
			(void) pulse_budget_read(value, path, r->scratch, &graph->budget, r->diag);
			break;
		case 4:
			(void) pulse_read_duration(r, value, path, false, PULSE_MAX_DURATION_US,
									   &graph->deadline);
			break;
		case 5:
			if (value->type == PULSE_JSON_STRING)
				graph->description = value->u.text;
			else
				pulse_wrong_type(r, path, value, "a text");
			break;
		default: /* nodes */
			break;
	}
}

/* The nodes in whichever form; false if there is nothing to judge further. */
static bool
read_structure(PulseGraphReader *r, const PulseJson *doc)
{
	const PulseJson *nodes = pulse_json_get(doc, "nodes");
	const PulseJson *edges = pulse_json_get(doc, "edges");

	if (!r->short_form)
	{
		if (nodes == NULL)
		{
			pulse_diag_error(r->diag, "missing_key", "$",
							 "A workflow is an object with the key \"nodes\" or \"steps\".",
							 "the key \"nodes\" is missing");
			return false;
		}
		if (nodes->type != PULSE_JSON_OBJECT)
		{
			pulse_wrong_type(r, "$.nodes", nodes, "an object of node definitions by id");
			return false;
		}
		return read_nodes(r, nodes);
	}
	if (nodes != NULL && nodes->type != PULSE_JSON_ARRAY)
	{
		pulse_wrong_type(r, "$.nodes", nodes, "a list of node ids beside \"edges\"");
		return false;
	}
	if (edges != NULL && edges->type != PULSE_JSON_ARRAY)
	{
		pulse_wrong_type(r, "$.edges", edges, "a list of edges");
		return false;
	}
	return read_short(r, edges, nodes);
}

static void
read_document(PulseGraphReader *r, const PulseJson *doc)
{
	int *topo;

	if (doc->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(r->diag, "wrong_type", "$",
						 "A workflow is an object with the key \"nodes\".",
						 "must be an object, not %s", pulse_json_type_name(doc));
		return;
	}
	if (r->form == PULSE_GRAPH_LIVE)
	{
		const PulseJson *nodes = pulse_json_get(doc, "nodes");

		r->short_form = doc->len == 0 || pulse_json_get(doc, "edges") != NULL ||
						(nodes != NULL && nodes->type == PULSE_JSON_ARRAY);
	}
	for (uint32 i = 0; i < doc->len; i++)
		read_top_key(r, &doc->u.pairs[i]);
	if (!read_structure(r, doc))
		return;

	pulse_check_collecting(r);
	pulse_check_handlers(r);
	(void) pulse_count_edges(r, r->n_edges);
	pulse_build_edges(r);
	topo = pulse_arena_alloc(r->scratch, sizeof(int) * (size_t) r->graph->n_nodes);
	pulse_check_cycles(r, topo);
	pulse_check_refs(r, topo);
}

/* The linear form, by way of the graph that it is turned into. */
static PulseGraph *
read_steps(const PulseJson *document, PulseGraphForm form, PulseDiag *diag)
{
	PulseArena *scratch = pulse_arena_create(0);
	PulseSteps *steps = pulse_steps_translate(document, scratch, diag);
	PulseGraph *graph = NULL;
	PulseDiag found;

	if (steps != NULL)
	{
		pulse_diag_init(&found, scratch);
		graph = pulse_graph_read(steps->document, form, &found);
		pulse_steps_findings(steps, &found, diag);
	}
	pulse_arena_free(scratch);
	return graph;
}

PulseGraph *
pulse_graph_read(const PulseJson *document, PulseGraphForm form, PulseDiag *diag)
{
	PulseGraphReader reader;
	PulseGraphReader *r = &reader;
	PulseArena *arena;
	PulseGraph *graph;
	int errors_before = diag->n_errors;
	PulseGraphTotal total = { 0 };
	bool ok;

	if (!pulse_check_size(diag, document, form))
		return NULL;
	if (pulse_steps_given(document))
		return read_steps(document, form, diag);

	arena = pulse_arena_create(0);
	graph = pulse_arena_zalloc(arena, sizeof(PulseGraph));
	graph->arena = arena;
	graph->source = pulse_json_copy(arena, document);
	graph->budget.nodes = graph->budget.edges = graph->budget.depth = -1;
	graph->budget.frontier = graph->budget.operations = -1;

	memset(r, 0, sizeof(*r));
	r->graph = graph;
	r->arena = arena;
	r->scratch = pulse_arena_create(0);
	r->form = form;
	r->max_edges = form == PULSE_GRAPH_LIVE ? PULSE_MAX_LIVE_EDGES : PULSE_MAX_EDGES;
	r->total = form == PULSE_GRAPH_LIVE ? NULL : &total;
	r->diag = diag;

	read_document(r, graph->source);

	ok = diag->n_errors == errors_before;
	if (ok)
		pulse_graph_hash(graph);
	pulse_arena_free(r->scratch);
	if (!ok)
	{
		pulse_arena_free(arena);
		graph = NULL;
	}
	return graph;
}

void
pulse_graph_free(PulseGraph *graph)
{
	PulseGraphPart *next;

	if (graph == NULL)
		return;

	/* a part may lie in the memory that it names; scopes inside others have higher numbers */
	for (int i = graph->n_scopes - 1; i >= -1; i--)
	{
		PulseGraphPart *part = graph->parts;

		if (i >= 0)
			part = graph->scopes[i] != NULL ? graph->scopes[i]->parts : NULL;
		for (; part != NULL; part = next)
		{
			next = part->next;
			pulse_arena_free(part->arena);
		}
	}
	pulse_arena_free(graph->arena);
}
