/*
 * graph_refs.c
 *		What the expressions of a graph read, and whether they may.
 *
 * Owns the rule that a node reads outputs of its ancestors only, and the
 * vectors `refs` of the nodes.  Whether one node is an ancestor of another is
 * answered for 64 referenced nodes at a time, by one walk in the order of
 * execution over the part of the graph between them and their readers: memory
 * is one word a node, whatever the number of references.
 *
 * Nodes that rewrites made keep the expressions they came with, whose names are
 * those of their fragment: in "a:b:c" the name x means the first of "a:b:x", "a:x" and
 * "x" that is an ancestor; a name with a colon is an id.  Growth makes no node that stays an ancestor of
 * another, so a name keeps its meaning.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_private.h"

#include "core/suggest.h"

/* One node read by one place. */
typedef struct Ref
{
	int ref;  /* the node that is read; of the graph around a fragment: its complement */
	int node; /* the node that reads, or -1: the output */
	int use;  /* index into r->uses */
	int pos;  /* of ref in the order of execution */
	bool bad;
	const char *name; /* by which it is read */
} Ref;

typedef struct RefList
{
	Ref *items;
	int n;
	int cap;
} RefList;

/*
 * ---------------------------------------------------------------------
 * Where exactly
 * ---------------------------------------------------------------------
 */

static bool
listed(const char **list, int n, const char *what)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(list[i], what) == 0)
			return true;
	}
	return false;
}

/*
 * The path of the first expression in `value` that reads the node or member
 * `what`; also its text. NULL: it is not in here. Only for faults.
 */
static const char *
locate(PulseGraphReader *r, const PulseJson *value, const char *path, bool is_expr,
	   const char *what, bool member, const PulseJson **text)
{
	if (is_expr)
	{
		PulseDiag ignored;
		PulseExpr *expr;
		const PulseExprRefs *refs;

		pulse_diag_init(&ignored, r->scratch);
		expr = pulse_expr_parse(r->scratch, value->u.text, value->len, path, &ignored);
		if (expr == NULL)
			return NULL;
		refs = pulse_expr_refs(expr);
		if (!(member ? listed(refs->members, refs->n_members, what)
					 : listed(refs->nodes, refs->n_nodes, what)))
			return NULL;
		*text = value;
		return path;
	}
	if (value->type == PULSE_JSON_OBJECT)
	{
		for (uint32 i = 0; i < value->len; i++)
		{
			const PulseJsonPair *pair = &value->u.pairs[i];
			bool only = value->len == 1;
			bool expr = only && strcmp(pair->key, "$") == 0 &&
						pair->value->type == PULSE_JSON_STRING;
			const char *found;

			if (only && strcmp(pair->key, "$literal") == 0)
				return NULL;
			found = locate(r, pair->value, pulse_path_key(r->scratch, path, pair->key),
						   expr, what, member, text);
			if (found != NULL)
				return found;
		}
	}
	else if (value->type == PULSE_JSON_ARRAY)
	{
		for (uint32 i = 0; i < value->len; i++)
		{
			const char *found = locate(r, value->u.items[i],
									   pulse_arena_printf(r->scratch, "%s[%u]", path, i),
									   false, what, member, text);

			if (found != NULL)
				return found;
		}
	}
	return NULL;
}

/* The 1-based column of the word in the expression, or 0. */
static int
column_of(const PulseJson *text, const char *prefix, const char *word)
{
	size_t prefix_len = strlen(prefix);
	size_t len = strlen(word);

	for (const char *p = text->u.text; (p = strstr(p, prefix)) != NULL; p++)
	{
		const char *w = p + prefix_len;

		if (*w == '"')
			w++;
		if (strncmp(w, word, len) == 0)
			return (int) (w - text->u.text) + 1;
	}
	return 0;
}

/* A finding at the expression of `use` that reads `what`. */
static void
report(PulseGraphReader *r, PulseSeverity severity, const char *code,
	   const PulseRefUse *use, const char *what, bool member,
	   const char *hint, const char *message)
{
	PulseFinding f = {severity, code, use->path, message, hint, 0};
	const PulseJson *text = NULL;
	const char *path;

	/* a text that was compiled and reads something is an expression itself */
	if (r->diag->n < PULSE_DIAG_MAX)
	{
		path = locate(r, use->source, use->path, use->source->type == PULSE_JSON_STRING,
					  what, member, &text);
		if (path != NULL)
		{
			f.path = path;
			f.column = column_of(text, member ? "$." : "nodes.", what);
		}
	}
	pulse_diag_add(r->diag, &f);
}

/*
 * ---------------------------------------------------------------------
 * Members of `$`
 * ---------------------------------------------------------------------
 */

static void
check_members(PulseGraphReader *r, const PulseRefUse *use)
{
	static const char *const known[] = {"input", "nodes", "config", "run", "event",
										"item", "index", "round", "error", NULL};
	const PulseNode *node = use->node >= 0 ? r->graph->nodes[use->node] : NULL;
	bool handler = node != NULL && node->guards >= 0;

	/* made by a growth: what it may read was judged then */
	bool composed = node != NULL && memchr(node->id, ':', node->id_len) != NULL;

	for (int i = 0; i < use->refs->n_members; i++)
	{
		const char *name = use->refs->members[i];
		const char *where = NULL;
		int k = 0;

		if (strcmp(name, "*") == 0)
			continue;
		while (known[k] != NULL && strcmp(known[k], name) != 0)
			k++;
		if (known[k] == NULL)
		{
			const char *hint;

			if (!pulse_may_warn(r))
				continue;
			hint = pulse_hint_word(r, name, known);
			report(r, PULSE_SEV_WARNING, "unknown_member", use, name, true,
				   hint != NULL ? hint : "There are input, nodes, config, run, event and, in some places, item, index, round and error.",
				   pulse_arena_printf(r->scratch, "there is no $.%s, so it gives nothing", name));
			continue;
		}
		if (strcmp(name, "item") == 0 || strcmp(name, "index") == 0)
			where = r->in_map || composed ? NULL : "the fragment of a map";
		else if (strcmp(name, "round") == 0)
			where = r->in_repeat || composed ? NULL : "the body of a repeat";
		else if (strcmp(name, "error") == 0 && !handler)
			where = "an error handler";
		if (where != NULL)
			report(r, PULSE_SEV_ERROR, "member_unavailable", use, name, true, NULL,
				   pulse_arena_printf(r->scratch, "$.%s exists only in %s", name, where));
	}
}

/*
 * ---------------------------------------------------------------------
 * Ancestors
 * ---------------------------------------------------------------------
 */

static bool
is_pred(const PulseNode *node, int pred)
{
	int low = 0;
	int high = node->n_preds - 1;

	while (low <= high)
	{
		int mid = (low + high) / 2;

		if (node->preds[mid] == pred)
			return true;
		if (node->preds[mid] < pred)
			low = mid + 1;
		else
			high = mid - 1;
	}
	return false;
}

static int
compare_pos(const void *a, const void *b)
{
	const Ref *x = *(Ref *const *) a;
	const Ref *y = *(Ref *const *) b;

	return (x->pos > y->pos) - (x->pos < y->pos);
}

/* refs[0..n) name at most 64 nodes; low is the least position, high the greatest of a reader. */
static void
check_block(const PulseGraph *graph, const int *topo, const int *pos, uint64 *reached,
			Ref **refs, int n, int low, int high)
{
	int bit = -1;
	int last = -1;

	memset(reached + low, 0, sizeof(uint64) * (size_t) (high - low + 1));
	for (int i = 0; i < n; i++)
	{
		if (refs[i]->pos != last)
			bit++;
		last = refs[i]->pos;
		reached[last] |= UINT64CONST(1) << bit;
	}
	for (int p = low; p <= high; p++)
	{
		const PulseNode *node = graph->nodes[topo[p]];
		uint64 word = reached[p];

		for (int k = 0; k < node->n_preds; k++)
		{
			int q = pos[node->preds[k]];

			if (q >= low)
				word |= reached[q];
		}
		reached[p] = word;
	}
	bit = last = -1;
	for (int i = 0; i < n; i++)
	{
		if (refs[i]->pos != last)
			bit++;
		last = refs[i]->pos;
		if ((reached[pos[refs[i]->node]] & (UINT64CONST(1) << bit)) == 0)
			refs[i]->bad = true;
	}
}

static void
check_ancestors(PulseGraphReader *r, const int *topo, RefList *list)
{
	PulseGraph *graph = r->graph;
	int *pos = pulse_arena_alloc(r->scratch, sizeof(int) * (size_t) graph->n_nodes);
	uint64 *reached = pulse_arena_alloc(r->scratch, sizeof(uint64) * (size_t) graph->n_nodes);
	Ref **far = pulse_arena_alloc(r->scratch, sizeof(Ref *) * (size_t) list->n);
	int n_far = 0;
	int first = 0;

	for (int i = 0; i < graph->n_nodes; i++)
		pos[topo[i]] = i;
	for (int i = 0; i < list->n; i++)
	{
		Ref *ref = &list->items[i];

		if (ref->node < 0 || ref->ref < 0 || is_pred(graph->nodes[ref->node], ref->ref))
			continue;
		ref->pos = pos[ref->ref];
		if (ref->pos >= pos[ref->node])
			ref->bad = true;
		else
			far[n_far++] = ref;
	}
	qsort(far, (size_t) n_far, sizeof(Ref *), compare_pos);

	while (first < n_far)
	{
		int low = far[first]->pos;
		int high = pos[far[first]->node];
		int distinct = 1;
		int end = first + 1;

		while (end < n_far)
		{
			if (far[end]->pos != far[end - 1]->pos && ++distinct > 64)
				break;
			high = Max(high, pos[far[end]->node]);
			end++;
		}
		check_block(graph, topo, pos, reached, far + first, end - first, low, high);
		first = end;
	}
}

static void
report_not_ancestor(PulseGraphReader *r, const Ref *ref)
{
	const PulseNode *reader = r->graph->nodes[ref->node];
	const PulseNode *read = r->graph->nodes[ref->ref];
	const char *hint = NULL;
	const char *message;
	int *anc;
	int n = 0;
	bool behind = false;

	/* the walk is worth its cost for the first few only */
	if (r->n_suggested++ < PULSE_DIAG_MAX)
		pulse_graph_ancestors(r->graph, ref->ref, r->scratch, &anc, &n);
	for (int i = 0; i < n && !behind; i++)
		behind = anc[i] == ref->node;

	if (reader == read)
		message = pulse_arena_printf(r->scratch, "\"%s\" cannot read its own output", reader->id);
	else if (behind)
		message = pulse_arena_printf(r->scratch, "\"%s\" runs after \"%s\", which cannot read its output",
									 read->id, reader->id);
	else
	{
		message = pulse_arena_printf(r->scratch, "\"%s\" does not run before \"%s\", which cannot read its output",
									 read->id, reader->id);
		if (reader->guards < 0)
			hint = pulse_arena_printf(r->scratch, "Add \"%s\" to \"after\" of \"%s\" or of a node before it.",
									  read->id, reader->id);
	}
	report(r, PULSE_SEV_ERROR, "not_ancestor", &r->uses[ref->use], read->id, false,
		   hint, message);
}

/*
 * ---------------------------------------------------------------------
 * What a name means
 * ---------------------------------------------------------------------
 */

/* The candidates for a name, from the innermost scope outwards. */
typedef struct Scopes
{
	const PulseGraph *graph;
	const char *name;
	size_t len;
	const char *scope; /* an id; what stands before each of its colons is a scope */
	size_t left;	   /* of it; 0: only the bare name is left */
	bool done;
	char *buf;
} Scopes;

static void
scopes_begin(Scopes *s, PulseGraphReader *r, const PulseGraph *graph, const char *scope,
			 const char *name, size_t len)
{
	s->graph = graph;
	s->name = name;
	s->len = len;
	s->scope = scope;
	s->left = memchr(name, ':', len) != NULL ? 0 : strlen(scope);
	s->done = false;
	s->buf = pulse_arena_alloc(r->scratch, s->left + len + 1);
}

/* The next candidate that there is, or -1. */
static int
scopes_next(Scopes *s)
{
	while (!s->done)
	{
		int at;

		while (s->left > 0 && s->scope[--s->left] != ':')
			;
		if (s->left == 0)
		{
			s->done = true;
			return pulse_graph_find(s->graph, s->name, s->len);
		}
		memcpy(s->buf, s->scope, s->left + 1);
		memcpy(s->buf + s->left + 1, s->name, s->len);
		at = pulse_graph_find(s->graph, s->buf, s->left + 1 + s->len);
		if (at >= 0)
			return at;
	}
	return -1;
}

static bool
inside(const PulseNode *composite, const PulseNode *node)
{
	return node->id_len > composite->id_len && node->id[composite->id_len] == ':' &&
		   memcmp(node->id, composite->id, composite->id_len) == 0;
}

/*
 * The node that the one found stands for: of a composite node that was lowered its collecting
 * node, but for those inside it.
 */
static int
stands_for(PulseGraphReader *r, const PulseGraph *graph, const PulseNode *reader, int at)
{
	int out = pulse_graph_collecting(graph, at, r->scratch);

	if (out < 0 || (reader != NULL && reader != graph->nodes[out] && inside(graph->nodes[at], reader)))
		return at;
	return out;
}

/* A name in a fragment that is none of its own nodes. */
static bool
resolve_outer(PulseGraphReader *r, const char *name, size_t len, int *ref)
{
	const PulseGraph *outer = r->outer;
	int first = -1;
	int at;
	Scopes s;

	if (r->above == NULL)
	{
		int *anc;
		int n;

		r->above = pulse_arena_zalloc(r->scratch, (size_t) outer->n_nodes / 8 + 1);
		pulse_graph_ancestors(outer, r->anchor, r->scratch, &anc, &n);
		for (int i = 0; i < n; i++)
			r->above[anc[i] / 8] |= (uint8) (1 << (anc[i] % 8));
		if (r->anchor_stays)
			r->above[r->anchor / 8] |= (uint8) (1 << (r->anchor % 8));
	}
	scopes_begin(&s, r, outer, pulse_arena_printf(r->scratch, "%s:", outer->nodes[r->anchor]->id),
				 name, len);
	while ((at = scopes_next(&s)) >= 0)
	{
		int found = at;
		bool around;

		at = stands_for(r, outer, outer->nodes[r->anchor], at);

		/* of those composite nodes that it is in, only a repeat has something to read */
		around = at == found && inside(outer->nodes[at], outer->nodes[r->anchor]) &&
				 pulse_kind_composite(outer->nodes[at]->kind) && outer->nodes[at]->kind != PULSE_KIND_REPEAT;
		if (!around && (r->above[at / 8] & (1 << (at % 8))))
		{
			*ref = ~at;
			return true;
		}
		if (first < 0)
			first = at;
	}
	*ref = first;
	return false;
}

/* In a graph with nodes that rewrites made. */
static bool
resolve_scoped(PulseGraphReader *r, int reader, const char *name, size_t len, int *ref)
{
	const PulseGraph *graph = r->graph;
	const PulseNode *node = graph->nodes[reader];
	int *anc;
	int n;
	int at;
	Scopes s;

	scopes_begin(&s, r, graph, node->id, name, len);
	at = *ref = scopes_next(&s);
	if (at < 0)
		return false;
	at = *ref = stands_for(r, graph, node, at);
	/* mostly there is no choice, or no question */
	if (is_pred(node, at))
		return true;
	at = scopes_next(&s);
	if (at < 0)
		return true;
	pulse_graph_ancestors(graph, reader, r->scratch, &anc, &n);
	scopes_begin(&s, r, graph, node->id, name, len);
	while ((at = scopes_next(&s)) >= 0)
	{
		at = stands_for(r, graph, node, at);
		for (int i = 0; i < n; i++)
		{
			if (anc[i] == at)
			{
				*ref = at;
				return true;
			}
		}
	}
	return true; /* the first one; that it is no ancestor is found later */
}

/* False: there is no such node (*ref is -1), or it may not be read. */
static bool
resolve(PulseGraphReader *r, const PulseRefUse *use, const char *name, size_t len, int *ref)
{
	const PulseNode *node = use->node >= 0 ? r->graph->nodes[use->node] : NULL;

	if (node != NULL && r->outer == NULL && r->form == PULSE_GRAPH_LIVE &&
		memchr(node->id, ':', node->id_len) != NULL)
		return resolve_scoped(r, use->node, name, len, ref);
	*ref = pulse_graph_find(r->graph, name, len);
	if (*ref >= 0 && r->form == PULSE_GRAPH_LIVE)
		*ref = stands_for(r, r->graph, node, *ref);
	if (*ref >= 0)
		return true;
	if (r->body != NULL)
	{
		*ref = ~pulse_body_outer(r, use, name);
		return true;
	}
	return r->outer != NULL && resolve_outer(r, name, len, ref);
}

/* A fragment reads a node of the graph around it that it may not read. */
static void
report_outer(PulseGraphReader *r, const PulseRefUse *use, const char *name, int ref)
{
	const char *id = r->outer->nodes[ref]->id;
	const char *anchor = r->outer->nodes[r->anchor]->id;

	if (ref == r->anchor)
		report(r, PULSE_SEV_ERROR, "not_ancestor", use, name, false,
			   "Use the form \"retain\" or \"append\" to read its output.",
			   pulse_arena_printf(r->scratch, "\"%s\" is replaced, so its output cannot be read", id));
	else
		report(r, PULSE_SEV_ERROR, "not_ancestor", use, name, false, NULL,
			   pulse_arena_printf(r->scratch, "\"%s\" does not run before \"%s\", so its output cannot be read",
								  id, anchor));
}

/*
 * ---------------------------------------------------------------------
 * All together
 * ---------------------------------------------------------------------
 */

static void
add_ref(PulseGraphReader *r, RefList *list, int ref, int use, const char *name)
{
	if (list->n == list->cap)
	{
		int cap = Max(64, list->cap * 2);

		list->items = pulse_arena_grow(r->scratch, list->items,
									   sizeof(Ref) * (size_t) list->n,
									   sizeof(Ref) * (size_t) cap);
		list->cap = cap;
	}
	list->items[list->n++] = (Ref){ ref, r->uses[use].node, use, -1, false, name };
}

static int
compare_refs(const void *a, const void *b)
{
	const Ref *x = a;
	const Ref *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	if (x->ref != y->ref)
		return x->ref < y->ref ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* True if all these read nodes by their ids. */
static bool
by_ids(const PulseGraph *graph, const Ref *refs, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (refs[i].ref < 0 || strcmp(graph->nodes[refs[i].ref]->id, refs[i].name) != 0)
			return false;
	}
	return true;
}

/* The vectors of the nodes and of the output, in id order, each node once. */
static void
store_refs(PulseGraphReader *r, RefList *list)
{
	PulseGraph *graph = r->graph;
	int *block = pulse_arena_alloc(r->arena, sizeof(int) * (size_t) list->n);
	int first = 0;
	bool scoped = r->form == PULSE_GRAPH_LIVE || r->outer != NULL || r->body != NULL;

	qsort(list->items, (size_t) list->n, sizeof(Ref), compare_refs);
	while (first < list->n)
	{
		int node = list->items[first].node;
		const char **names = NULL;
		int count = 0;
		int i = first;

		while (i < list->n && list->items[i].node == node)
			i++;
		if (scoped && !by_ids(graph, list->items + first, i - first))
			names = pulse_arena_alloc(r->arena, sizeof(char *) * (size_t) (i - first));
		for (i = first; i < list->n && list->items[i].node == node; i++)
		{
			const Ref *ref = &list->items[i];

			if (count > 0 && block[count - 1] == ref->ref &&
				(names == NULL || strcmp(names[count - 1], ref->name) == 0))
				continue;
			if (names != NULL)
				names[count] = ref->name;
			block[count++] = ref->ref;
		}
		if (node < 0)
		{
			graph->output_refs = block;
			graph->n_output_refs = count;
			r->output_names = names;
		}
		else
		{
			graph->nodes[node]->refs = block;
			graph->nodes[node]->ref_names = names;
			graph->nodes[node]->n_refs = count;
		}
		block += count;
		first = i;
	}
}

void
pulse_check_refs(PulseGraphReader *r, const int *topo)
{
	PulseGraph *graph = r->graph;
	RefList list = {NULL, 0, 0};

	for (int u = 0; u < r->n_uses; u++)
	{
		const PulseRefUse *use = &r->uses[u];

		check_members(r, use);
		if (use->refs->all_nodes)
		{
			if (use->node < 0)
				graph->output_refs_all = true;
			else
				graph->nodes[use->node]->refs_all = true;
			if (r->body != NULL)
				pulse_body_outer_all(r, use);
		}
		for (int i = 0; i < use->refs->n_nodes; i++)
		{
			const char *id = use->refs->nodes[i];
			size_t len = strlen(id);
			int ref;

			if (r->body != NULL && r->kind != PULSE_SCOPE_ROUND && pulse_body_self(r, id) &&
				pulse_graph_find(graph, id, len) < 0)
				report(r, PULSE_SEV_ERROR, "not_ancestor", use, id, false, NULL,
					   pulse_arena_printf(r->scratch, "\"%s\" has no output before all in it has ended", id));
			else if (resolve(r, use, id, len, &ref))
				add_ref(r, &list, ref, u, id);
			else if (ref >= 0)
				report_outer(r, use, id, ref);
			else
				report(r, PULSE_SEV_ERROR, "unknown_node", use, id, false,
					   pulse_hint_node(r, use->inner, id, len),
					   pulse_arena_printf(r->scratch, "there is no node %s",
										  pulse_quote(r, id, len)));
		}
	}

	/* with other edges than were meant, ancestry says nothing */
	if (r->broken || list.n == 0)
		return;
	check_ancestors(r, topo, &list);
	for (int i = 0; i < list.n; i++)
	{
		if (list.items[i].bad)
			report_not_ancestor(r, &list.items[i]);
	}
	store_refs(r, &list);
}
