/*
 * test_growth_model.c
 *		Random growths of random graphs against an obvious model.
 *
 * The model is a set of ids and a set of pairs of ids, and what semantics section 7 says
 * about rewrites and composite nodes as it is written: delete these pairs, add those.  After
 * every growth the graph of the kernel must be the same set; at the end it is made again
 * from its document and from the records of its growths, and its growths are applied in
 * another order.
 *
 * Usage: test_growth_model [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/graph_lower.h"
#include "core/replay.h"
#include "core/rewrite.h"

#include "common/pg_prng.h"

#include "core/sha256.h"
#include "tap.h"

#define MAX_BODY 4
#define MAX_LIVE 150
#define MAX_OPS 24

static PulseArena *arena;
static PulseDiag findings;
static pg_prng_state prng;
static int n_bad;
static int current_round;

/* What is written: nodes by local ids. */
typedef struct Body
{
	int n;
	struct Def
	{
		const char *id;
		PulseNodeKind kind; /* NOOP, PURE (reads something), CHOOSE, MAP, REPEAT */
		const char *reads;
		int handler; /* place of its error handler, or -1 */
		int guards;
		int n_bodies;
		struct Body *bodies[2];
	} nodes[MAX_BODY * 2];
	bool edge[MAX_BODY * 2][MAX_BODY * 2];
} Body;

typedef struct Def Def;

/* Where ids were given: by a document (no prefix), a rewrite or an instance. */
typedef struct Home
{
	const char *prefix;
	struct Home *parent;
	struct ModelNode *owner; /* anchor or composite node */
} Home;

typedef struct ModelNode
{
	const char *id;
	const Def *def; /* NULL: a collecting node */
	Home *home;
	const char *reads; /* id of the node it reads, or NULL */
	const char *handler; /* id of its handler, or NULL */
	bool is_handler;
	bool rewritten;
	int round; /* of a repeat that was lowered */
} ModelNode;

typedef struct ModelEdge
{
	ModelNode *from;
	ModelNode *to;
} ModelEdge;

typedef struct Model
{
	int n;
	ModelNode *nodes[1000];
	int n_edges;
	ModelEdge edges[20000];
} Model;

typedef enum OpKind
{
	OP_REWRITE,
	OP_LOWER,
	OP_ROUND
} OpKind;

/* One growth, as it may be applied to any graph that has its anchor. */
typedef struct Op
{
	OpKind kind;
	const char *anchor;
	PulseRewriteForm form;
	const Body *body;
	const char *document; /* of the rewrite */
	int branch;
	int n_items;
	int round;
	int revision;
	bool gone; /* the round it belongs to is over */
	bool moved; /* a repeat that went on to another round */
} Op;

static int
below(int n)
{
	return (int) (pg_prng_uint64(&prng) % (uint64) n);
}

static void
bad(const char *what, const char *details)
{
	if (n_bad++ < 10)
		diag("round %d: %s: %s", current_round, what, details);
}

/*
 * ---------------------------------------------------------------------
 * Documents
 * ---------------------------------------------------------------------
 */

static const char *const local_ids[] = { "a", "b", "c", "d", "B", "a.b", "a-b", "z9", "_" };

/* Ids that may be read within a body, beside those of its own ancestors. */
typedef struct Names
{
	int n;
	const char *names[100];
} Names;

static bool
among(const Names *names, const char *id)
{
	for (int i = 0; i < names->n; i++)
	{
		if (strcmp(names->names[i], id) == 0)
			return true;
	}
	return false;
}

static Body *make_body(int n, int depth, const Names *outer);

static void
make_def(Body *body, int i, int depth, const Names *readable)
{
	Def *def = &body->nodes[i];
	int kind = below(depth < 3 ? 10 : 5);
	Names inner = *readable;

	def->kind = PULSE_KIND_NOOP;
	if (kind == 4 && readable->n > 0)
	{
		def->kind = PULSE_KIND_PURE;
		def->reads = readable->names[below(readable->n)];
	}
	else if (kind == 5 || kind == 6)
	{
		def->kind = PULSE_KIND_CHOOSE;
		def->n_bodies = 1 + below(2);
	}
	else if (kind == 7)
	{
		def->kind = PULSE_KIND_MAP;
		def->n_bodies = 1;
	}
	else if (kind >= 8)
	{
		def->kind = PULSE_KIND_REPEAT;
		def->n_bodies = 1;
		inner.names[inner.n++] = def->id;
	}
	for (int b = 0; b < def->n_bodies; b++)
		def->bodies[b] = make_body(1 + below(3), depth + 1, &inner);
}

/* Edges go forwards; some nodes get an error handler. */
static Body *
make_body(int n, int depth, const Names *outer)
{
	Body *body = pulse_arena_zalloc(arena, sizeof(Body));
	Names own = { 0 };

	while (own.n < n)
	{
		const char *id = local_ids[below(lengthof(local_ids))];

		if (!among(&own, id))
			own.names[own.n++] = id;
	}
	for (int i = 0; i < n; i++)
	{
		bool above[MAX_BODY * 2] = { false };
		Names readable = { 0 };

		body->nodes[i].id = own.names[i];
		body->nodes[i].handler = body->nodes[i].guards = -1;
		for (int k = i - 1; k >= 0; k--)
		{
			body->edge[k][i] = below(2) == 0;
			above[k] |= body->edge[k][i];
			for (int j = 0; above[k] && j < k; j++)
				above[j] |= body->edge[j][k];
			if (above[k])
				readable.names[readable.n++] = own.names[k];
		}
		for (int k = 0; k < outer->n; k++)
		{
			if (!among(&own, outer->names[k]) && readable.n < 50)
				readable.names[readable.n++] = outer->names[k];
		}
		body->n = i + 1;
		make_def(body, i, depth, &readable);
	}
	for (int i = 0; i < n; i++)
	{
		Def *handler = &body->nodes[body->n];

		if (below(8) > 0)
			continue;
		handler->id = pulse_arena_printf(arena, "%s-h", body->nodes[i].id);
		handler->kind = PULSE_KIND_NOOP;
		handler->guards = i;
		handler->handler = -1;
		body->edge[i][body->n] = true;
		body->nodes[i].handler = body->n++;
	}
	return body;
}

static void write_fragment(StringInfo buf, const Body *body);

static void
write_def(StringInfo buf, const Body *body, int i)
{
	const Def *def = &body->nodes[i];
	bool first = true;

	appendStringInfo(buf, "\"%s\":{", def->id);
	switch (def->kind)
	{
		case PULSE_KIND_PURE:
			appendStringInfo(buf, "\"pure\":{\"$\":\"$.nodes.\\\"%s\\\"\"}", def->reads);
			break;
		case PULSE_KIND_CHOOSE:
			appendStringInfoString(buf, "\"choose\":[{\"when\":\"$.input == 1\",\"then\":");
			write_fragment(buf, def->bodies[0]);
			appendStringInfoChar(buf, '}');
			if (def->n_bodies > 1)
			{
				appendStringInfoString(buf, ",{\"else\":");
				write_fragment(buf, def->bodies[1]);
				appendStringInfoChar(buf, '}');
			}
			appendStringInfoChar(buf, ']');
			break;
		case PULSE_KIND_MAP:
			appendStringInfoString(buf, "\"map\":{\"over\":\"$.input.l\",\"as\":");
			write_fragment(buf, def->bodies[0]);
			appendStringInfoChar(buf, '}');
			break;
		case PULSE_KIND_REPEAT:
			appendStringInfoString(buf, "\"repeat\":{\"while\":\"$.round < 9\",\"max\":1000,\"body\":");
			write_fragment(buf, def->bodies[0]);
			appendStringInfoChar(buf, '}');
			break;
		default:
			appendStringInfoString(buf, "\"noop\":true");
			break;
	}
	if (def->handler >= 0)
		appendStringInfo(buf, ",\"on_error\":{\"goto\":\"%s\"}", body->nodes[def->handler].id);
	for (int k = 0; k < body->n; k++)
	{
		if (!body->edge[k][i] || def->guards == k)
			continue;
		appendStringInfo(buf, "%s\"%s\"", first ? ",\"after\":[" : ",", body->nodes[k].id);
		first = false;
	}
	appendStringInfoString(buf, first ? "}" : "]}");
}

static void
write_fragment(StringInfo buf, const Body *body)
{
	appendStringInfoString(buf, "{\"nodes\":{");
	for (int i = 0; i < body->n; i++)
	{
		if (i > 0)
			appendStringInfoChar(buf, ',');
		write_def(buf, body, i);
	}
	appendStringInfoString(buf, "}}");
}

static const PulseJson *
parse(const char *text)
{
	const PulseJson *doc = pulse_json_parse(arena, text, strlen(text), &findings);

	if (doc == NULL)
		bad("no JSON", text);
	return doc;
}

/*
 * ---------------------------------------------------------------------
 * The model
 * ---------------------------------------------------------------------
 */

static ModelNode *
model_find(const Model *m, const char *id)
{
	for (int i = 0; i < m->n; i++)
	{
		if (strcmp(m->nodes[i]->id, id) == 0)
			return m->nodes[i];
	}
	return NULL;
}

static void
add_edge(Model *m, ModelNode *from, ModelNode *to)
{
	for (int i = 0; i < m->n_edges; i++)
	{
		if (m->edges[i].from == from && m->edges[i].to == to)
			return;
	}
	m->edges[m->n_edges++] = (ModelEdge){ from, to };
}

static void
remove_edges(Model *m, const ModelNode *from, const ModelNode *to)
{
	int n = 0;

	for (int i = 0; i < m->n_edges; i++)
	{
		if ((from == NULL || m->edges[i].from == from) && (to == NULL || m->edges[i].to == to))
			continue;
		m->edges[n++] = m->edges[i];
	}
	m->n_edges = n;
}

static void
remove_node(Model *m, ModelNode *node)
{
	int n = 0;

	remove_edges(m, node, NULL);
	remove_edges(m, NULL, node);
	for (int i = 0; i < m->n; i++)
	{
		if (m->nodes[i] != node)
			m->nodes[n++] = m->nodes[i];
	}
	m->n = n;
}

/* Direct neighbours; of successors those but the error handler. */
static int
neighbours(const Model *m, const ModelNode *node, bool after, ModelNode **list)
{
	int n = 0;

	for (int i = 0; i < m->n_edges; i++)
	{
		const ModelEdge *e = &m->edges[i];

		if (after && e->from == node && (node->handler == NULL || strcmp(e->to->id, node->handler) != 0))
			list[n++] = e->to;
		if (!after && e->to == node)
			list[n++] = e->from;
	}
	return n;
}

/* The id that a name means: a node of this home, or of one around it. */
static const char *
meaning(const Model *m, const Home *home, const char *name)
{
	for (; home != NULL; home = home->parent)
	{
		const char *id = pulse_arena_printf(arena, "%s%s", home->prefix, name);

		if (model_find(m, id) != NULL)
			return id;
	}
	return NULL;
}

/* The nodes of a body, named from home on; fills first[] with them. */
static void
add_body(Model *m, const Body *body, Home *home, ModelNode **made)
{
	for (int i = 0; i < body->n; i++)
	{
		ModelNode *node = pulse_arena_zalloc(arena, sizeof(ModelNode));

		node->def = &body->nodes[i];
		node->home = home;
		node->id = pulse_arena_printf(arena, "%s%s", home->prefix, node->def->id);
		node->is_handler = node->def->guards >= 0;
		m->nodes[m->n++] = made[i] = node;
	}
	for (int i = 0; i < body->n; i++)
	{
		if (made[i]->def->handler >= 0)
			made[i]->handler = made[made[i]->def->handler]->id;
		if (made[i]->def->reads != NULL)
			made[i]->reads = meaning(m, home, made[i]->def->reads);
		for (int k = 0; k < body->n; k++)
		{
			if (body->edge[i][k])
				add_edge(m, made[i], made[k]);
		}
	}
}

static bool
is_end(const Body *body, int i, bool exit)
{
	for (int k = 0; k < body->n; k++)
	{
		if (exit ? body->edge[i][k] : body->edge[k][i])
			return false;
	}
	return true;
}

static Home *
make_home(const char *prefix, ModelNode *owner)
{
	Home *home = pulse_arena_alloc(arena, sizeof(Home));

	*home = (Home){ prefix, owner != NULL ? owner->home : NULL, owner };
	return home;
}

/* Semantics section 7: "replace", and "retain, append". */
static void
model_rewrite(Model *m, const Op *op)
{
	ModelNode *anchor = model_find(m, op->anchor);
	ModelNode *pre[1000];
	ModelNode *suc[1000];
	ModelNode *made[MAX_BODY * 2];
	int n_pre = neighbours(m, anchor, false, pre);
	int n_suc = neighbours(m, anchor, true, suc);
	Home *home = make_home(pulse_arena_printf(arena, "%s:", anchor->id), anchor);

	if (op->form == PULSE_REWRITE_REPLACE)
		remove_node(m, anchor);
	for (int i = 0; i < n_suc; i++)
		remove_edges(m, anchor, suc[i]);
	add_body(m, op->body, home, made);
	anchor->rewritten = true;
	for (int i = 0; i < op->body->n; i++)
	{
		if (is_end(op->body, i, false) && op->form == PULSE_REWRITE_REPLACE)
		{
			for (int k = 0; k < n_pre; k++)
				add_edge(m, pre[k], made[i]);
		}
		else if (is_end(op->body, i, false))
			add_edge(m, anchor, made[i]);
		for (int k = 0; is_end(op->body, i, true) && k < n_suc; k++)
			add_edge(m, made[i], suc[k]);
	}
}

/* One instance between a composite node and its collecting node. */
static void
add_instance(Model *m, ModelNode *composite, ModelNode *out, const Body *body, const char *prefix)
{
	ModelNode *made[MAX_BODY * 2];

	add_body(m, body, make_home(prefix, composite), made);
	for (int i = 0; i < body->n; i++)
	{
		if (is_end(body, i, false))
			add_edge(m, composite, made[i]);
		if (is_end(body, i, true))
			add_edge(m, made[i], out);
	}
}

static const char *
round_prefix(const ModelNode *node, int round)
{
	return pulse_arena_printf(arena, "%s:iter_%d:", node->id, round);
}

/* "The fragment follows it, and a collecting node stands between its exits and the successors." */
static void
model_lower(Model *m, const Op *op)
{
	ModelNode *node = model_find(m, op->anchor);
	ModelNode *out = pulse_arena_zalloc(arena, sizeof(ModelNode));
	ModelNode *suc[1000];
	int n_suc;

	/* its handler comes after what collects */
	node->handler = NULL;
	n_suc = neighbours(m, node, true, suc);
	out->id = pulse_arena_printf(arena, "%s:out", node->id);
	out->home = node->home;
	m->nodes[m->n++] = out;
	for (int i = 0; i < n_suc; i++)
	{
		remove_edges(m, node, suc[i]);
		add_edge(m, out, suc[i]);
	}
	node->rewritten = true;
	if (node->def->kind == PULSE_KIND_CHOOSE)
		add_instance(m, node, out, op->body, pulse_arena_printf(arena, "%s:", node->id));
	for (int i = 0; node->def->kind == PULSE_KIND_MAP && i < op->n_items; i++)
		add_instance(m, node, out, op->body, pulse_arena_printf(arena, "%s:item_%d:", node->id, i));
	if (node->def->kind == PULSE_KIND_REPEAT)
	{
		add_instance(m, node, out, op->body, round_prefix(node, 1));
		node->round = 1;
	}
}

/* All that begins with the prefix of the round goes, the next one comes. */
static void
model_round(Model *m, const Op *op)
{
	ModelNode *node = model_find(m, op->anchor);
	const char *prefix = round_prefix(node, node->round);

	for (int i = m->n - 1; i >= 0; i--)
	{
		if (strncmp(m->nodes[i]->id, prefix, strlen(prefix)) == 0)
			remove_node(m, m->nodes[i]);
	}
	node->round = op->round;
	add_instance(m, node, model_find(m, pulse_arena_printf(arena, "%s:out", node->id)), op->body,
				 round_prefix(node, node->round));
}

static void
model_apply(Model *m, const Op *op)
{
	if (op->kind == OP_REWRITE)
		model_rewrite(m, op);
	else if (op->kind == OP_LOWER)
		model_lower(m, op);
	else
		model_round(m, op);
}

static int
compare_nodes(const void *a, const void *b)
{
	return strcmp((*(ModelNode *const *) a)->id, (*(ModelNode *const *) b)->id);
}

static int
compare_edges(const void *a, const void *b)
{
	const ModelEdge *x = a;
	const ModelEdge *y = b;
	int c = strcmp(x->from->id, y->from->id);

	return c != 0 ? c : strcmp(x->to->id, y->to->id);
}

/* SHA-256 of [[sorted ids],[[from,to] sorted]] */
static void
model_hash(Model *m, char hash[65])
{
	StringInfoData buf;

	initStringInfo(&buf);
	qsort(m->nodes, (size_t) m->n, sizeof(ModelNode *), compare_nodes);
	qsort(m->edges, (size_t) m->n_edges, sizeof(ModelEdge), compare_edges);
	appendStringInfoString(&buf, "[[");
	for (int i = 0; i < m->n; i++)
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? "," : "", m->nodes[i]->id);
	appendStringInfoString(&buf, "],[");
	for (int i = 0; i < m->n_edges; i++)
		appendStringInfo(&buf, "%s[\"%s\",\"%s\"]", i > 0 ? "," : "", m->edges[i].from->id, m->edges[i].to->id);
	appendStringInfoString(&buf, "]]");
	pulse_sha256_hex(buf.data, (size_t) buf.len, hash);
	pfree(buf.data);
}

/*
 * ---------------------------------------------------------------------
 * The kernel against the model
 * ---------------------------------------------------------------------
 */

static int
find(const PulseGraph *g, const char *id)
{
	return pulse_graph_find(g, id, strlen(id));
}

/* Acyclic: as many nodes can be taken away one after the other as there are. */
static bool
is_acyclic(const PulseGraph *g)
{
	int size = pulse_graph_size(g);
	int *open = pulse_arena_zalloc(arena, sizeof(int) * (size_t) (g->n_nodes + 1));
	int *ready = pulse_arena_alloc(arena, sizeof(int) * (size_t) (g->n_nodes + 1));
	int n = 0;

	for (int i = 0; i < size; i++)
	{
		int at = pulse_graph_at_rank(g, i);

		open[at] = g->nodes[at]->n_preds;
		if (open[at] == 0)
			ready[n++] = at;
	}
	for (int i = 0; i < n; i++)
	{
		const PulseNode *node = g->nodes[ready[i]];

		for (int k = 0; k < node->n_succs; k++)
		{
			if (--open[node->succs[k]] == 0)
				ready[n++] = node->succs[k];
		}
	}
	return n == size;
}

/* Ids, edges from both ends, ranks, roots and sinks, references, hash. */
static void
compare(const PulseGraph *g, Model *m, const char *which)
{
	char hash[65];
	int n_edges = 0;
	int n_roots = 0;
	int n_sinks = 0;

	pulse_graph_settle(g);
	model_hash(m, hash);
	if (pulse_graph_size(g) != m->n)
		bad(which, "number of nodes");
	else if (strcmp(g->hash, hash) != 0)
		bad(which, "hash");
	else if (!is_acyclic(g))
		bad(which, "a cycle");
	if (n_bad > 0)
		return;
	for (int i = 0; i < m->n; i++)
	{
		const ModelNode *want = m->nodes[i];
		int at = pulse_graph_at_rank(g, i);
		const PulseNode *node = g->nodes[at];
		bool found = want->reads == NULL;

		n_edges += node->n_succs;
		n_roots += node->n_preds == 0;
		n_sinks += node->n_succs == 0;
		if (strcmp(node->id, want->id) != 0 || node->rank != i || find(g, want->id) != at)
			bad(which, "ids in order");
		for (int k = 0; k < node->n_succs; k++)
		{
			ModelEdge wanted = { (ModelNode *) want, model_find(m, g->nodes[node->succs[k]]->id) };

			if (wanted.to == NULL ||
				bsearch(&wanted, m->edges, (size_t) m->n_edges, sizeof(ModelEdge), compare_edges) == NULL)
				bad(which, "successors");
			if (k > 0 && !pulse_node_before(g, node->succs[k - 1], node->succs[k]))
				bad(which, "order of successors");
		}
		for (int k = 0; k < node->n_refs; k++)
			found |= strcmp(pulse_node_shown(g, g->nodes[node->refs[k]])->id, want->reads ? want->reads : "") == 0;
		if (!found)
			bad(which, pulse_arena_printf(arena, "%s should read %s", want->id, want->reads));
		if ((want->handler != NULL) != (node->handler >= 0 && node->kind != PULSE_KIND_COLLECT) ||
			(want->handler != NULL && strcmp(g->nodes[node->handler]->id, want->handler) != 0))
			bad(which, "handlers");
	}
	if (n_edges != g->n_edges || n_edges != m->n_edges || n_roots != g->n_roots || n_sinks != g->n_sinks)
		bad(which, "number of edges, roots or sinks");
}

static PulseJson item_value = { PULSE_JSON_NULL };

static int
new_round(PulseGraph *g, const Op *op, int out)
{
	PulseLowering low = { .out = out, .body = NULL, .kind = PULSE_SCOPE_ROUND, .n = 1, .index = op->round };
	PulseScope *scope = NULL;

	low.anchor = g->nodes[out]->collects;
	low.origin = g->nodes[out]->origin;
	low.body = g->nodes[low.anchor]->body;
	for (int i = 0; i < g->n_scopes; i++)
	{
		if (g->scopes[i] != NULL && g->scopes[i]->out == out && g->scopes[i]->kind == PULSE_SCOPE_ROUND)
			scope = g->scopes[i];
	}
	if (scope == NULL)
	{
		bad("no scope of the round", op->anchor);
		return 0;
	}
	pulse_graph_next_round(g, scope, &low);
	return low.n_new;
}

/* Puts one growth into a graph of the kernel; false: it was refused. */
static bool
apply(PulseGraph *g, const Op *op, int id, PulseBudget *budget)
{
	int at = find(g, op->anchor);
	PulseLowering low = { .out = at, .origin = id, .body = NULL, .n = 1 };
	const PulseJson *items[8];

	if (at < 0)
	{
		bad("anchor not found", op->anchor);
		return false;
	}
	if (op->kind == OP_REWRITE)
	{
		PulseRewrite rewrite;
		PulseRewritePlan *plan;
		bool admitted;

		pulse_diag_init(&findings, arena);
		if (!pulse_rewrite_read(parse(op->document), "$", arena, &rewrite, &findings))
		{
			bad("shape", op->document);
			return false;
		}
		plan = pulse_rewrite_plan(g, at, op->anchor, PULSE_RUNNING, &rewrite, budget);
		admitted = plan->admitted;
		for (int i = 0; i < plan->errors.n; i++)
		{
			/* a node that others read, or whose handler stays, cannot be replaced */
			if (op->form != PULSE_REWRITE_REPLACE || strcmp(plan->errors.items[i].code, "invalid_definition") != 0)
				bad("refused", plan->errors.items[i].message);
		}
		for (int d = 0; d < PULSE_BUDGET_DIMS; d++)
		{
			int64 left = *pulse_budget_dim(&plan->remaining, d);
			int64 had = *pulse_budget_dim(budget, d);

			if (left < 0 || left > had || left != (admitted ? had - *pulse_budget_dim(&plan->cost, d) : had))
				bad("budget", op->document);
		}
		*budget = plan->remaining;
		if (admitted)
		{
			plan->growth.origin = id;
			pulse_rewrite_apply(plan, g);
		}
		pulse_rewrite_free(plan);
		return admitted;
	}
	if (op->kind == OP_ROUND)
	{
		int out = find(g, pulse_arena_printf(arena, "%s:out", op->anchor));

		return new_round(g, op, out) == op->body->n;
	}
	for (int i = 0; i < op->n_items; i++)
		items[i] = &item_value;
	low.kind = g->nodes[at]->kind == PULSE_KIND_CHOOSE ? PULSE_SCOPE_BRANCH : g->nodes[at]->kind == PULSE_KIND_MAP ? PULSE_SCOPE_ITEM
																												   : PULSE_SCOPE_ROUND;
	low.body = low.kind == PULSE_SCOPE_BRANCH ? g->nodes[at]->choices[op->branch].body : g->nodes[at]->body;
	low.n = low.kind == PULSE_SCOPE_ITEM ? op->n_items : 1;
	low.index = low.kind == PULSE_SCOPE_BRANCH ? op->branch : low.kind == PULSE_SCOPE_ROUND ? 1 : 0;
	low.items = items;
	pulse_graph_lower(g, &low);
	if (low.n_new != low.n * op->body->n)
		bad("nodes of a lowering", op->anchor);
	return true;
}

/*
 * ---------------------------------------------------------------------
 * Random growths
 * ---------------------------------------------------------------------
 */

static const char *const forms[] = { "replace", "retain", "append" };

static void
propose(Op *op, ModelNode *node)
{
	StringInfoData buf;
	Names none = { 0 };

	op->kind = OP_REWRITE;
	op->form = (PulseRewriteForm) below(3);
	/* the id of a handler may come again in the fragment, and would mean that one */
	if (op->form != PULSE_REWRITE_REPLACE && !node->is_handler)
		none.names[none.n++] = node->def->id;
	op->body = make_body(1 + below(MAX_BODY), 1, &none);
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"form\":\"%s\",\"fragment\":", forms[op->form]);
	write_fragment(&buf, op->body);
	appendStringInfoChar(&buf, '}');
	op->document = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
}

/* A growth that some node of the model may have now; false: this one has none. */
static bool
choose_op(Op *op, ModelNode *node)
{
	memset(op, 0, sizeof(*op));
	op->anchor = node->id;
	if (node->def == NULL)
		return false;
	if (node->def->kind == PULSE_KIND_REPEAT && node->rewritten && below(2) == 0)
	{
		op->kind = OP_ROUND;
		op->round = node->round + 1 + below(3);
		op->body = node->def->bodies[0];
		return true;
	}
	if (node->rewritten)
		return false;
	if (node->def->n_bodies == 0)
	{
		propose(op, node);
		return true;
	}
	op->kind = OP_LOWER;
	op->branch = below(node->def->n_bodies);
	op->body = node->def->bodies[op->branch];
	op->n_items = node->def->kind == PULSE_KIND_MAP ? 1 + below(4) : 0;
	return true;
}

static const char *
op_form(const PulseGraph *base, const Op *op, const Model *m)
{
	if (op->kind == OP_REWRITE)
		return forms[op->form];
	if (op->n_items > 0)
		return "map";
	return op->round > 0 ? "repeat" : "choose";
}

/* What a run would have recorded; rounds are in the record of their repeat. */
static int
make_records(const PulseGraph *base, const Op *ops, int n_ops, const Model *m, PulseGrowthRecord *records,
			 const char *hash)
{
	int n = 0;
	int last = 0;

	for (int i = 0; i < n_ops; i++)
		last = Max(last, ops[i].gone ? 0 : ops[i].revision);
	for (int i = 0; i < n_ops; i++)
	{
		PulseGrowthRecord *r = &records[n];

		if (ops[i].kind == OP_ROUND || ops[i].gone)
			continue;
		memset(r, 0, sizeof(*r));
		r->id = i + 1;
		r->admitted = true;
		r->revision = ops[i].revision;
		r->anchor = ops[i].anchor;
		r->form = op_form(base, &ops[i], m);
		if (ops[i].kind == OP_REWRITE)
			r->rewrite = parse(ops[i].document);
		else if (ops[i].n_items > 0)
			r->detail = parse(ops[i].n_items == 1 ? "{\"items\":[null]}" : ops[i].n_items == 2 ? "{\"items\":[null,null]}" : ops[i].n_items == 3 ? "{\"items\":[null,null,null]}"
																																				 : "{\"items\":[null,null,null,null]}");
		else
			r->detail = parse(pulse_arena_printf(arena, ops[i].round > 0 ? "{\"round\":%d}" : "{\"branch\":%d}",
												 ops[i].round > 0 ? ops[i].round : ops[i].branch));
		if (r->revision == last)
			r->hash = hash;
		n++;
	}
	/* in any order */
	for (int i = n - 1; i > 0; i--)
	{
		int k = below(i + 1);
		PulseGrowthRecord swap = records[i];

		records[i] = records[k];
		records[k] = swap;
	}
	return n;
}

/* The growth that the round belongs to moves on, what happened inside of the old one is forgotten. */
static void
note_round(Op *ops, int n_ops, const Op *round, const char *old_prefix)
{
	for (int i = 0; i < n_ops; i++)
	{
		if (ops[i].kind == OP_LOWER && strcmp(ops[i].anchor, round->anchor) == 0)
		{
			ops[i].round = round->round;
			ops[i].revision = round->revision;
			ops[i].moved = true;
		}
		if (strncmp(ops[i].anchor, old_prefix, strlen(old_prefix)) == 0)
			ops[i].gone = true;
	}
}

static PulseGraph *
replay(const PulseGraph *base, const PulseGrowthRecord *records, int n, int revision, const char *which)
{
	const char *why = NULL;
	PulseGraph *g = pulse_graph_replay(base, records, n, revision, arena, &why);

	if (g == NULL)
		bad(which, why);
	return g;
}

/* Growths of nodes that are there already, in one order and in another. */
static void
check_order(const PulseGraph *base, const Model *begin, bool settling)
{
	PulseBudget budget = { 10000, 10000, 10000, 10000, 10000 };
	PulseGraph *one = pulse_graph_copy(base);
	PulseGraph *other = pulse_graph_copy(base);
	Op ops[MAX_OPS];
	int n = 0;

	for (int i = 0; i < begin->n && n < MAX_OPS; i++)
	{
		/* who reads whom changes what may be replaced, so that the order counts */
		if (choose_op(&ops[n], begin->nodes[i]) &&
			!(ops[n].kind == OP_REWRITE && ops[n].form == PULSE_REWRITE_REPLACE &&
			  (begin->nodes[i]->handler != NULL || begin->nodes[i]->is_handler)))
		{
			if (ops[n].kind == OP_REWRITE && ops[n].form == PULSE_REWRITE_REPLACE && !apply(one, &ops[n], n + 1, &budget))
				continue;
			else if (ops[n].kind != OP_REWRITE || ops[n].form != PULSE_REWRITE_REPLACE)
				(void) apply(one, &ops[n], n + 1, &budget);
			if (settling)
				pulse_graph_settle(one);
			n++;
		}
	}
	for (int i = n - 1; i >= 0; i--)
	{
		if (!apply(other, &ops[i], i + 1, &budget))
			bad("another order", "a growth is refused");
	}
	pulse_graph_settle(one);
	pulse_graph_settle(other);
	if (strcmp(one->hash, other->hash) != 0)
		bad("another order", "hash");
	pulse_graph_free(one);
	pulse_graph_free(other);
}

/* The document, read anew, is the same graph. */
static void
check_document(const PulseGraph *g)
{
	const PulseJson *doc = pulse_graph_document(g, arena);
	PulseGraph *again;

	pulse_diag_init(&findings, arena);
	again = pulse_graph_read(doc, PULSE_GRAPH_LIVE, &findings);
	if (again == NULL)
		bad("read anew", pulse_arena_printf(arena, "%s at %s in %s", findings.items[0].message, findings.items[0].path,
											pulse_json_text(arena, doc)));
	else if (strcmp(again->hash, g->hash) != 0)
		bad("read anew", "hash");
	pulse_graph_free(again);
}

typedef struct Tally
{
	int rewrites;
	int refused;
	int lowered;
	int rounds;
	int largest;
} Tally;

static void
random_life(Tally *tally)
{
	static Model m;
	static Model begin;
	Names none = { 0 };
	Body *body = make_body(1 + below(MAX_BODY), 0, &none);
	PulseBudget budget = { 20 + below(60), 40 + below(200), 5 + below(20), 5 + below(20), 3 + below(12) };
	ModelNode *made[MAX_BODY * 2];
	Op ops[MAX_OPS];
	PulseGrowthRecord records[MAX_OPS];
	char hash[65];
	int n_ops = 0;
	int n_records;
	bool went_back = false;
	StringInfoData buf;
	PulseGraph *base;
	PulseGraph *g;
	PulseGraph *again;

	initStringInfo(&buf);
	write_fragment(&buf, body);
	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(parse(buf.data), PULSE_GRAPH_DEFINE, &findings);
	if (base == NULL)
	{
		bad("base", pulse_arena_printf(arena, "%s at %s in %s", findings.items[0].message, findings.items[0].path, buf.data));
		pfree(buf.data);
		return;
	}
	pfree(buf.data);
	m.n = m.n_edges = 0;
	add_body(&m, body, make_home("", NULL), made);
	begin = m;
	check_order(base, &begin, below(2) == 0);

	/* the model's nodes were only read so far */
	g = pulse_graph_copy(base);
	compare(g, &m, "copy");
	for (int step = 0; step < MAX_OPS * 2 && n_ops < MAX_OPS && m.n < MAX_LIVE && n_bad == 0; step++)
	{
		Op *op = &ops[n_ops];
		ModelNode *node = m.nodes[below(m.n)];
		char before[65];

		if (strlen(node->id) > 300 || !choose_op(op, node))
			continue;
		model_hash(&m, before);
		if (!apply(g, op, n_ops + 1, &budget))
		{
			if (op->kind != OP_REWRITE)
				bad("a lowering is refused", op->anchor);
			compare(g, &m, "refused");
			tally->refused++;
			continue;
		}
		op->revision = ++n_ops;
		if (op->kind == OP_ROUND)
		{
			note_round(ops, n_ops, op, round_prefix(node, node->round));
			went_back = true;
		}
		else if (op->kind == OP_LOWER && node->def->kind == PULSE_KIND_REPEAT)
			op->round = 1;
		model_apply(&m, op);
		tally->rewrites += op->kind == OP_REWRITE;
		tally->lowered += op->kind == OP_LOWER;
		tally->rounds += op->kind == OP_ROUND;

		/* sometimes several growths come before anybody asks for order */
		if (below(3) > 0)
			compare(g, &m, "grown");
	}
	compare(g, &m, "at the end");
	tally->largest = Max(tally->largest, m.n);
	strcpy(hash, g->hash);
	pulse_graph_settle(g);
	if (strcmp(hash, g->hash) != 0)
		bad("settled twice", "hash");
	check_document(g);

	n_records = make_records(base, ops, n_ops, &m, records, hash);
	again = replay(base, records, n_records, -1, "replay");
	if (again != NULL)
	{
		compare(again, &m, "replay");
		if (again->n_gone != 0 || again->unsettled)
			bad("replay", "numbers without a node, or not settled");
		check_document(again);
	}
	pulse_graph_free(again);

	/* in between: what was before a round is over can be made again only if none was */
	if (!went_back && n_ops > 0)
	{
		int revision = below(n_ops + 1);

		m = begin;
		for (int i = 0; i < m.n; i++)
		{
			m.nodes[i]->rewritten = false;
			m.nodes[i]->round = 0;
			m.nodes[i]->handler = m.nodes[i]->def->handler >= 0 ? body->nodes[m.nodes[i]->def->handler].id : NULL;
		}
		for (int i = 0; i < revision; i++)
			model_apply(&m, &ops[i]);
		again = replay(base, records, n_records, revision, "replay in part");
		if (again != NULL)
			compare(again, &m, "replay in part");
		pulse_graph_free(again);
	}
	pulse_graph_free(g);
	pulse_graph_free(base);
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 5000;
	Tally tally = { 0 };

	diag("seed %llu, %d rounds", (unsigned long long) seed, rounds);
	pg_prng_seed(&prng, seed);
	for (current_round = 0; current_round < rounds && n_bad == 0; current_round++)
	{
		arena = pulse_arena_create(0);
		random_life(&tally);
		pulse_arena_free(arena);
	}
	diag("%d rewrites, %d refused, %d lowered, %d more rounds; up to %d nodes",
		 tally.rewrites, tally.refused, tally.lowered, tally.rounds, tally.largest);
	is_int(n_bad, 0, "graphs that grow are what the model says");
	ok(tally.rewrites > rounds && tally.lowered > rounds / 2 && tally.rounds > rounds / 10 && tally.refused > rounds / 20,
	   "of every kind enough");
	return tap_done();
}
