/*
 * rewrite.c
 *		Rewrites: what they cost, whether they may be, and what comes of them.
 *
 * Owns the checks of semantics section 7 in their groups and order, the cost
 * formulas and the decision.  The shape of fragments is fragment.c's, definitions
 * are read by the reader of graphs, growth is graph_grow.c's.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/rewrite.h"

#include "core/graph_lower.h"
#include "core/suggest.h"

static const char *const form_names[] = {
	[PULSE_REWRITE_REPLACE] = "replace",
	[PULSE_REWRITE_RETAIN] = "retain",
	[PULSE_REWRITE_APPEND] = "append",
};

const char *
pulse_rewrite_form_name(PulseRewriteForm form)
{
	return form_names[form];
}

/* One planning. */
typedef struct Planner
{
	PulseRewritePlan *plan;
	const PulseGraph *graph;
	const PulseFragment *fragment;
	const char *id; /* of the anchor */
	int anchor;
	bool replace;
	int n_followers;
	int *followers;
	PulseArena *scratch;
} Planner;

/*
 * ---------------------------------------------------------------------
 * Reading
 * ---------------------------------------------------------------------
 */

static const char *
hint_among(const char *word, const char *const *words, int n, PulseArena *arena)
{
	PulseSuggest search;

	pulse_suggest_begin(&search, word, strlen(word));
	for (int i = 0; i < n; i++)
		pulse_suggest_offer(&search, words[i], strlen(words[i]));
	if (search.match == NULL)
		return NULL;
	return pulse_arena_printf(arena, "Perhaps you meant \"%s\".", search.match);
}

static void
read_form(const PulseJson *value, const char *path, PulseArena *arena,
		  PulseRewrite *rewrite, PulseDiag *diag)
{
	for (int i = 0; i < (int) lengthof(form_names); i++)
	{
		if (pulse_json_is(value, form_names[i]))
		{
			rewrite->form = (PulseRewriteForm) i;
			return;
		}
	}
	if (value->type == PULSE_JSON_STRING)
		pulse_diag_error(diag, "bad_value", path,
						 hint_among(value->u.text, form_names, lengthof(form_names), arena),
						 "must be \"replace\", \"retain\" or \"append\", not \"%.*s\"",
						 (int) pulse_utf8_clip(value->u.text, value->len, 60), value->u.text);
	else
		pulse_diag_error(diag, "wrong_type", path, NULL,
						 "must be \"replace\", \"retain\" or \"append\", not %s",
						 pulse_json_type_name(value));
}

bool
pulse_rewrite_read(const PulseJson *document, const char *path, PulseArena *arena,
				   PulseRewrite *rewrite, PulseDiag *diag)
{
	static const char *const keys[] = { "form", "fragment" };
	int errors = diag->n_errors;

	memset(rewrite, 0, sizeof(*rewrite));
	if (document->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "wrong_type", path,
						 "A rewrite is an object with the keys \"form\" and \"fragment\".",
						 "must be an object, not %s", pulse_json_type_name(document));
		return false;
	}
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (pulse_json_get(document, keys[i]) == NULL)
			pulse_diag_error(diag, "missing_key", path, NULL, "the key \"%s\" is missing", keys[i]);
	}
	for (uint32 i = 0; i < document->len; i++)
	{
		const PulseJsonPair *pair = &document->u.pairs[i];
		const char *at = pulse_path_key(arena, path, pair->key);

		if (strcmp(pair->key, "form") == 0)
			read_form(pair->value, at, arena, rewrite, diag);
		else if (strcmp(pair->key, "fragment") == 0)
			(void) pulse_fragment_read(pair->value, at, arena, &rewrite->fragment, diag);
		else
			pulse_diag_error(diag, "unknown_key", at,
							 hint_among(pair->key, keys, lengthof(keys), arena),
							 "unknown key \"%.*s\"",
							 (int) pulse_utf8_clip(pair->key, pair->key_len, 60), pair->key);
	}
	return diag->n_errors == errors;
}

/*
 * ---------------------------------------------------------------------
 * Groups 0 and 2: the anchor, and names
 * ---------------------------------------------------------------------
 */

static void
check_anchor(Planner *p, PulseStatus status)
{
	PulseRewriteErrors *errors = &p->plan->errors;

	if (p->anchor < 0)
		pulse_rewrite_error(errors, "anchor_unknown", p->id, "the graph has no node \"%.*s\"",
							(int) pulse_utf8_clip(p->id, strlen(p->id), 1000), p->id);
	else if (status != PULSE_PENDING && status != PULSE_RUNNING && status != PULSE_WAITING)
		pulse_rewrite_error(errors, "anchor_not_proposer", p->id,
							"\"%s\" is %s, so it cannot propose a rewrite",
							p->id, pulse_status_name(status));
}

static bool
plain_id(const PulseNodeEntry *node)
{
	for (uint32 i = 0; i < node->len; i++)
	{
		char c = node->id[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			  (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
			return false;
	}
	return true;
}

static void
check_names(Planner *p)
{
	const PulseFragment *f = p->fragment;
	PulseRewriteErrors *errors = &p->plan->errors;
	size_t anchor_len = strlen(p->id);

	for (int i = 0; i < f->n_nodes; i++)
	{
		if (f->nodes[i].len == 0)
			pulse_rewrite_error(errors, "empty_id", "", "a node of the fragment has an empty id");
	}
	for (int i = 0; i < f->n_nodes; i++)
	{
		const PulseNodeEntry *node = &f->nodes[i];

		if (!plain_id(node))
			pulse_rewrite_error(errors, "reserved_id", node->id,
								"the id \"%.*s\" has a character that ids may not have",
								(int) pulse_utf8_clip(node->id, node->len, 200), node->id);
	}
	for (int i = 0; i < f->n_nodes; i++)
	{
		const PulseNodeEntry *node = &f->nodes[i];
		char *id;

		if (anchor_len + 1 + node->len > PULSE_MAX_LIVE_ID)
			continue; /* nobody has it; said with the definitions */
		id = pulse_arena_printf(p->scratch, "%s:%s", p->id, node->id);
		if (pulse_graph_find(p->graph, id, anchor_len + 1 + node->len) >= 0)
			pulse_rewrite_error(errors, "id_taken", node->id,
								"the graph has a node \"%.*s\" already",
								(int) pulse_utf8_clip(id, strlen(id), 1000), id);
	}
}

/*
 * ---------------------------------------------------------------------
 * Group 3: definitions
 * ---------------------------------------------------------------------
 */

/*
 * The node of the fragment that a finding is about, or NULL. Its path begins with
 * $.nodes.id or $.nodes."id", where the id needs no escapes.
 */
static const char *
node_of_path(Planner *p, const char *path)
{
	static const char *const root = "$.nodes.";
	const PulseFragment *f = p->fragment;
	const char *id = path + strlen(root);
	PulseNodeEntry key = { NULL, 0, NULL };
	PulseNodeEntry *found;

	if (strncmp(path, root, strlen(root)) != 0)
		return NULL;
	if (*id == '"')
		key = (PulseNodeEntry){ id + 1, (uint32) strcspn(id + 1, "\""), NULL };
	else
		key = (PulseNodeEntry){ id, (uint32) strcspn(id, ".["), NULL };
	found = bsearch(&key, f->nodes, (size_t) f->n_nodes, sizeof(PulseNodeEntry), pulse_compare_entries);
	return found == NULL ? NULL : found->id;
}

static void
take_findings(Planner *p, const PulseDiag *diag)
{
	for (int i = 0; i < diag->n; i++)
	{
		const PulseFinding *f = &diag->items[i];

		if (f->severity != PULSE_SEV_ERROR)
			continue;
		pulse_rewrite_error(&p->plan->errors, "invalid_definition", node_of_path(p, f->path),
							"%s (%s at $rewrite.fragment%s)", f->message, f->code, f->path + 1);
	}
}

static void
invalid(Planner *p, const char *node, const char *message)
{
	pulse_rewrite_error(&p->plan->errors, "invalid_definition", node, "%s", message);
}

/* What the reader of graphs cannot see, because the ids are yet to be composed. */
static void
check_ids(Planner *p)
{
	const PulseFragment *f = p->fragment;
	size_t anchor_len = strlen(p->id);

	for (int i = 0; i < f->n_nodes; i++)
	{
		const char *id = f->nodes[i].id;
		const char *shown = pulse_arena_strndup(p->scratch, id, pulse_utf8_clip(id, f->nodes[i].len, 60));

		if (f->nodes[i].len > PULSE_MAX_ID)
			invalid(p, id, pulse_arena_printf(p->scratch, "the id \"%s…\" has %u bytes, and %d are allowed",
											  shown, f->nodes[i].len, PULSE_MAX_ID));
		else if (anchor_len + 1 + f->nodes[i].len > PULSE_MAX_LIVE_ID)
			invalid(p, id, pulse_arena_printf(p->scratch, "the id of \"%s\" behind that of its anchor would have more than %d bytes",
											  shown, PULSE_MAX_LIVE_ID));
	}
}

/* Nothing that stays may refer to a node that leaves. */
static void
check_replaced(Planner *p)
{
	const PulseGraph *graph = p->graph;
	const PulseNode *anchor = graph->nodes[p->anchor];

	if (anchor->handler >= 0)
		invalid(p, graph->nodes[anchor->handler]->id,
				pulse_arena_printf(p->scratch, "\"%s\" handles the errors of \"%s\", which cannot be replaced therefore",
								   graph->nodes[anchor->handler]->id, p->id));
	if (anchor->guards >= 0)
		invalid(p, graph->nodes[anchor->guards]->id,
				pulse_arena_printf(p->scratch, "\"%s\" handles the errors of \"%s\" and cannot be replaced therefore",
								   p->id, graph->nodes[anchor->guards]->id));
	if (anchor->kind == PULSE_KIND_COLLECT)
		invalid(p, p->id, pulse_arena_printf(p->scratch, "\"%s\" collects what comes of \"%s\" and cannot be replaced therefore",
											 p->id, graph->nodes[anchor->collects]->id));
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		const PulseNode *node = graph->nodes[pulse_graph_at_rank(graph, i)];

		if (node->kind == PULSE_KIND_COLLECT && node->collects == p->anchor)
			invalid(p, node->id,
					pulse_arena_printf(p->scratch, "\"%s\" collects what comes of \"%s\", which cannot be replaced therefore",
									   node->id, p->id));
		for (int k = 0; k < node->n_refs; k++)
		{
			if (node->refs[k] != p->anchor)
				continue;
			invalid(p, node->id,
					pulse_arena_printf(p->scratch, "\"%s\" reads the output of \"%s\", which cannot be replaced therefore",
									   node->id, p->id));
			break;
		}
	}
	for (int k = 0; k < graph->n_output_refs; k++)
	{
		if (graph->output_refs[k] == p->anchor)
			invalid(p, NULL,
					pulse_arena_printf(p->scratch, "the output of the run reads that of \"%s\", which cannot be replaced therefore",
									   p->id));
	}
}

/* An entry gets other predecessors, which a handler must not have. */
static void
check_entries(Planner *p, const PulseGraph *graph)
{
	for (int i = 0; i < p->fragment->n_entries; i++)
	{
		const PulseNode *node = graph->nodes[p->fragment->entries[i].node];

		if (node->guards >= 0)
			invalid(p, node->id,
					pulse_arena_printf(p->scratch, "\"%s\" handles the errors of \"%s\" and cannot be an entry",
									   node->id, graph->nodes[node->guards]->id));
	}
}

static void
check_live_limits(Planner *p)
{
	if (pulse_graph_size(p->graph) + p->plan->cost.nodes > PULSE_MAX_LIVE_NODES)
		invalid(p, NULL, pulse_arena_printf(p->scratch, "the graph would have more than %d nodes",
											PULSE_MAX_LIVE_NODES));
	if (p->graph->n_edges + p->plan->cost.edges > PULSE_MAX_LIVE_EDGES)
		invalid(p, NULL, pulse_arena_printf(p->scratch, "the graph would have more than %d edges",
											PULSE_MAX_LIVE_EDGES));
}

/*
 * Whether a node that takes the place of the anchor, or follows it, may read $.item or $.round.
 * Of a graph that was read from a document of a grown one, only the ids tell.
 */
static bool
may_be_in(const Planner *p, PulseScopeKind kind)
{
	const PulseNode *anchor = p->graph->nodes[p->anchor];

	if (p->graph->cap_nodes == 0)
		return strstr(anchor->id, kind == PULSE_SCOPE_ITEM ? ":item_" : ":iter_") != NULL;
	return pulse_scope_of(anchor, kind) != NULL;
}

/*
 * Reads the definitions into a graph of local ids, which becomes part of the plan, with
 * findings in diag. The edges are those of the fragment, which had no cycle.
 */
static PulseGraph *
read_definitions(Planner *p, PulseDiag *diag)
{
	const PulseFragment *f = p->fragment;
	PulseArena *arena = pulse_arena_create_beside(p->graph->arena, 0);
	PulseGraph *graph = pulse_arena_zalloc(arena, sizeof(PulseGraph));
	PulseNodeEntry *entries = pulse_arena_alloc(p->scratch, sizeof(PulseNodeEntry) * (size_t) f->n_nodes);
	PulseGraphTotal total = { 0 };
	PulseGraphReader reader;
	PulseGraphReader *r = &reader;
	const PulseJson *nodes;
	int *topo;

	graph->arena = arena;
	graph->source = nodes = pulse_json_copy(arena, pulse_json_get(f->document, "nodes"));
	memset(r, 0, sizeof(*r));
	r->graph = graph;
	r->arena = arena;
	r->scratch = p->scratch;
	r->form = PULSE_GRAPH_DEFINE;
	r->max_edges = PULSE_MAX_EDGES;
	r->diag = diag;
	r->outer = p->graph;
	r->anchor = p->anchor;
	r->anchor_stays = !p->replace;
	r->total = &total;
	r->prefix = (int) strlen(p->id) + 1;
	r->in_map = may_be_in(p, PULSE_SCOPE_ITEM);
	r->in_repeat = may_be_in(p, PULSE_SCOPE_ROUND);

	for (uint32 i = 0; i < nodes->len; i++)
		entries[i] = (PulseNodeEntry){ nodes->u.pairs[i].key, nodes->u.pairs[i].key_len,
									   nodes->u.pairs[i].value };
	qsort(entries, (size_t) f->n_nodes, sizeof(PulseNodeEntry), pulse_compare_entries);
	if (!pulse_make_nodes(r, entries, f->n_nodes))
		return graph;
	for (int i = 0; i < f->n_nodes; i++)
		pulse_node_read(r, i);

	/* those of `after` and `goto` are among the fragment's */
	r->edges = NULL;
	r->n_edges = r->cap_edges = 0;
	for (int i = 0; i < f->n_edges; i++)
	{
		if (!pulse_add_edge(r, f->edges[i].from, f->edges[i].to))
			break;
	}
	pulse_check_handlers(r);
	(void) pulse_count_edges(r, r->n_edges);
	pulse_build_edges(r);
	topo = pulse_arena_alloc(p->scratch, sizeof(int) * (size_t) graph->n_nodes);
	pulse_check_cycles(r, topo);
	pulse_check_refs(r, topo);
	return graph;
}

static void
check_definitions(Planner *p)
{
	PulseGraph *graph = NULL;
	PulseDiag diag;

	pulse_diag_init(&diag, p->scratch);
	if (pulse_check_size(&diag, p->fragment->document, PULSE_GRAPH_DEFINE))
	{
		graph = read_definitions(p, &diag);
		p->plan->growth.fragment = graph;
	}
	take_findings(p, &diag);
	check_ids(p);
	if (graph != NULL && graph->n_nodes == p->fragment->n_nodes)
		check_entries(p, graph);
	if (p->replace)
		check_replaced(p);
	check_live_limits(p);
}

/*
 * ---------------------------------------------------------------------
 * Group 4: the resulting graph
 * ---------------------------------------------------------------------
 */

/*
 * The graph and the fragment have no cycle, so one in the result would leave
 * the fragment towards a follower and come back through what the entries follow.
 */
static void
check_cycle(Planner *p)
{
	const PulseGraph *graph = p->graph;
	const PulseNode *anchor = graph->nodes[p->anchor];
	size_t n = (size_t) graph->n_nodes;
	bool *before = pulse_arena_zalloc(p->scratch, n);
	bool *seen = pulse_arena_zalloc(p->scratch, n);
	int *stack = pulse_arena_alloc(p->scratch, sizeof(int) * n);
	int len = 0;

	before[p->anchor] = true;
	for (int i = 0; i < anchor->n_preds; i++)
		before[anchor->preds[i]] = true;
	for (int i = 0; i < p->n_followers; i++)
	{
		seen[p->followers[i]] = true;
		stack[len++] = p->followers[i];
	}
	while (len > 0)
	{
		int at = stack[--len];
		const PulseNode *node = graph->nodes[at];

		if (before[at])
		{
			pulse_rewrite_error(&p->plan->errors, "graph_cycle", node->id,
								"nodes of the resulting graph would wait for each other in a cycle through \"%s\"",
								node->id);
			return;
		}
		for (int i = 0; i < node->n_succs; i++)
		{
			if (!seen[node->succs[i]])
			{
				seen[node->succs[i]] = true;
				stack[len++] = node->succs[i];
			}
		}
	}
}

/*
 * ---------------------------------------------------------------------
 * Cost and decision
 * ---------------------------------------------------------------------
 */

/* Every edge that comes in touches a new node, so none was there before. */
static void
find_cost(Planner *p)
{
	const PulseFragment *f = p->fragment;
	PulseBudget *cost = &p->plan->cost;
	int64 n_before = p->replace ? p->graph->nodes[p->anchor]->n_preds : 1;

	cost->nodes = f->n_nodes;
	cost->edges = f->n_edges + n_before * f->n_entries + (int64) f->n_exits * p->n_followers;
	cost->depth = Max(0, f->depth - (p->replace ? 1 : 0));
	cost->frontier = f->n_entries - 1;
	cost->operations = 1;
}

static int
compare_numbers(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return (x > y) - (x < y);
}

/* Numbers in the fragment are in id order. */
static int *
sorted_numbers(PulseArena *arena, const PulseFragmentName *names, int n)
{
	int *list = pulse_arena_alloc(arena, sizeof(int) * (size_t) n);

	for (int i = 0; i < n; i++)
		list[i] = names[i].node;
	qsort(list, (size_t) n, sizeof(int), compare_numbers);
	return list;
}

static void
decide(Planner *p)
{
	PulseRewritePlan *plan = p->plan;
	PulseGrowth *growth = &plan->growth;

	plan->n_exceeded = pulse_budget_exceeded(&plan->before, &plan->cost, plan->exceeded);
	if (plan->n_exceeded > 0)
		return;
	plan->admitted = true;
	pulse_budget_spend(&plan->remaining, &plan->cost);
	growth->anchor = p->anchor;
	growth->replace = p->replace;
	growth->n_entries = p->fragment->n_entries;
	growth->entries = sorted_numbers(plan->arena, p->fragment->entries, growth->n_entries);
	growth->n_exits = p->fragment->n_exits;
	growth->exits = sorted_numbers(plan->arena, p->fragment->exits, growth->n_exits);
}

static void
plan_groups(Planner *p, PulseStatus status)
{
	PulseRewriteErrors *errors = &p->plan->errors;

	check_anchor(p, status);
	if (errors->n > 0)
		return;
	pulse_fragment_check(p->fragment, errors);
	if (errors->n > 0)
		return;
	check_names(p);
	if (errors->n > 0)
		return;
	p->n_followers = pulse_graph_followers(p->graph, p->anchor, p->scratch, &p->followers);
	find_cost(p);
	check_definitions(p);
	if (errors->n > 0)
		return;
	check_cycle(p);
	if (errors->n > 0)
		return;
	decide(p);
}

PulseRewritePlan *
pulse_rewrite_plan(const PulseGraph *graph, int anchor, const char *id, PulseStatus status,
				   const PulseRewrite *rewrite, const PulseBudget *budget)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseRewritePlan *plan = pulse_arena_zalloc(arena, sizeof(PulseRewritePlan));
	Planner planner = {
		.plan = plan,
		.graph = graph,
		.fragment = &rewrite->fragment,
		.id = id,
		.anchor = anchor,
		.replace = rewrite->form == PULSE_REWRITE_REPLACE,
	};

	plan->arena = arena;
	plan->errors.arena = arena;
	plan->form = rewrite->form;
	plan->before = plan->remaining = *budget;
	pulse_graph_order(graph);
	planner.scratch = pulse_arena_create(0);
	plan_groups(&planner, status);
	pulse_arena_free(planner.scratch);
	if (!plan->admitted)
	{
		pulse_graph_free(plan->growth.fragment);
		plan->growth.fragment = NULL;
	}
	return plan;
}

void
pulse_rewrite_free(PulseRewritePlan *plan)
{
	if (plan == NULL)
		return;
	pulse_graph_free(plan->growth.fragment);
	pulse_arena_free(plan->arena);
}

void
pulse_rewrite_apply(PulseRewritePlan *plan, PulseGraph *graph)
{
	PulseGrowth *growth = &plan->growth;
	PulseRewriteEffects *effects = &plan->effects;

	Assert(plan->admitted && growth->fragment != NULL);
	effects->anchor_gone = growth->replace;
	effects->n_pending = growth->fragment->n_nodes;
	effects->n_followers = pulse_graph_followers(graph, growth->anchor, graph->arena,
												 &effects->followers);
	pulse_graph_grow(graph, growth);
	effects->pending = growth->numbers;
	effects->n_entries = growth->n_entries;
	effects->entries = pulse_arena_alloc(graph->arena, sizeof(int) * (size_t) growth->n_entries);
	for (int i = 0; i < growth->n_entries; i++)
		effects->entries[i] = growth->numbers[growth->entries[i]];
	pulse_graph_settle(graph);
}
