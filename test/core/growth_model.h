/*
 * growth_model.h
 *		Graphs that grow, as sets: random definitions, and the rules as they are written.
 *
 * Header only, part of test_growth_model.c. A graph is a set of ids and a set of pairs of ids.
 */
#ifndef PULSE_TEST_GROWTH_MODEL_H
#define PULSE_TEST_GROWTH_MODEL_H

#include "core/graph.h"
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

#endif
