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

#include "growth_model.h"

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
