/*
 * test_rewrite_random.c
 *		Random rewrites of random graphs against an obvious model.
 *
 * The model is a graph as sets, and the rules read as they are written: paths by closing a
 * matrix, cost by comparing the edges before and after, the hash from the text. After every
 * admission the grown graph, and the one read anew from its document, are compared with it.
 *
 * Usage: test_rewrite_random [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/rewrite.h"

#include "common/pg_prng.h"

#include "core/sha256.h"
#include "tap.h"

static PulseArena *arena;
static PulseDiag findings;

#define MAX_MODEL 120
#define MAX_LOCAL 6

/* A graph as sets: ids, edges, and who reads whose output by which name. */
typedef struct Model
{
	int n;
	char id[MAX_MODEL][300];
	bool edge[MAX_MODEL][MAX_MODEL];
	bool ref[MAX_MODEL][MAX_MODEL];
} Model;

/* A fragment as proposed; node -1 in a list: "nowhere". */
typedef struct Proposal
{
	int form; /* 0 replace, 1 retain, 2 append */
	int n;
	char id[MAX_LOCAL][12];
	bool edge[MAX_LOCAL][MAX_LOCAL];
	bool undefined;
	bool given_entries;
	bool given_exits;
	int n_entries;
	int entries[MAX_LOCAL + 2];
	int n_exits;
	int exits[MAX_LOCAL + 2];
	char reads[MAX_LOCAL][300]; /* name that a node reads, or empty */
} Proposal;

static pg_prng_state prng;
static int n_bad;

static int
below(int n)
{
	return (int) (pg_prng_uint64(&prng) % (uint64) n);
}

static void
bad(int round, const char *what, const char *details)
{
	if (n_bad++ < 10)
		diag("round %d: %s: %s", round, what, details);
}

static int
model_find(const Model *m, const char *id)
{
	for (int i = 0; i < m->n; i++)
	{
		if (strcmp(m->id[i], id) == 0)
			return i;
	}
	return -1;
}

/* reach[i][j]: a path of one edge or more */
static void
model_reach(const Model *m, bool reach[MAX_MODEL][MAX_MODEL])
{
	for (int i = 0; i < m->n; i++)
		memcpy(reach[i], m->edge[i], sizeof(reach[i]));
	for (int k = 0; k < m->n; k++)
	{
		for (int i = 0; i < m->n; i++)
		{
			for (int j = 0; reach[i][k] && j < m->n; j++)
				reach[i][j] |= reach[k][j];
		}
	}
}

static void
model_remove(Model *m, int node)
{
	m->n--;
	for (int i = node; i < m->n; i++)
	{
		strcpy(m->id[i], m->id[i + 1]);
		memcpy(m->edge[i], m->edge[i + 1], sizeof(m->edge[i]));
		memcpy(m->ref[i], m->ref[i + 1], sizeof(m->ref[i]));
	}
	for (int i = 0; i <= m->n; i++)
	{
		for (int j = node; j < m->n; j++)
		{
			m->edge[i][j] = m->edge[i][j + 1];
			m->ref[i][j] = m->ref[i][j + 1];
		}
		m->edge[i][m->n] = m->ref[i][m->n] = false;
	}
	memset(m->edge[m->n], 0, sizeof(m->edge[0]));
	memset(m->ref[m->n], 0, sizeof(m->ref[0]));
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* SHA-256 of [[sorted ids],[[from,to] sorted]], the slow way */
static const char *
model_hash(const Model *m)
{
	static char hash[65];
	const char *ids[MAX_MODEL];
	StringInfoData buf;
	bool first = true;

	for (int i = 0; i < m->n; i++)
		ids[i] = m->id[i];
	qsort(ids, (size_t) m->n, sizeof(char *), compare_strings);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "[[");
	for (int i = 0; i < m->n; i++)
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? "," : "", ids[i]);
	appendStringInfoString(&buf, "],[");
	for (int i = 0; i < m->n; i++)
	{
		for (int j = 0; j < m->n; j++)
		{
			if (!m->edge[model_find(m, ids[i])][model_find(m, ids[j])])
				continue;
			appendStringInfo(&buf, "%s[\"%s\",\"%s\"]", first ? "" : ",", ids[i], ids[j]);
			first = false;
		}
	}
	appendStringInfoString(&buf, "]]");
	pulse_sha256_hex(buf.data, (size_t) buf.len, hash);
	pfree(buf.data);
	return hash;
}

/* Nodes a graph begins with; edges go forwards. */
static void
model_begin(Model *m, StringInfo doc)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "B", "a.b", "a-b", "zz", "x1" };
	int n = 1 + below(8);

	memset(m, 0, sizeof(*m));
	while (m->n < n)
	{
		const char *name = names[below(lengthof(names))];

		if (model_find(m, name) < 0)
			strcpy(m->id[m->n++], name);
	}
	appendStringInfoString(doc, "{\"nodes\":{");
	for (int j = 0; j < n; j++)
	{
		bool first = true;
		int ref = j > 0 && below(3) == 0 ? below(j) : -1;

		appendStringInfo(doc, "%s\"%s\":{\"after\":[", j > 0 ? "," : "", m->id[j]);
		for (int i = 0; i < j; i++)
		{
			if (i != ref && below(5) > 1)
				continue;
			m->edge[i][j] = true;
			appendStringInfo(doc, "%s\"%s\"", first ? "" : ",", m->id[i]);
			first = false;
		}
		appendStringInfoString(doc, "],");
		if (ref >= 0)
		{
			m->ref[j][ref] = true;
			appendStringInfo(doc, "\"pure\":{\"$\":\"$.nodes.\\\"%s\\\"\"}}", m->id[ref]);
		}
		else
			appendStringInfoString(doc, "\"noop\":true}");
	}
	appendStringInfoString(doc, "}}");
}

static void
propose_list(StringInfo doc, const char *key, const Proposal *p, int *n, int *list)
{
	*n = below(3) == 0 ? below(4) : 1 + below(2);
	appendStringInfo(doc, ",\"%s\":[", key);
	for (int i = 0; i < *n; i++)
	{
		list[i] = p->n == 0 || below(25) == 0 ? -1 : below(p->n);
		appendStringInfo(doc, "%s\"%s\"", i > 0 ? "," : "", list[i] < 0 ? "nowhere" : p->id[list[i]]);
	}
	appendStringInfoChar(doc, ']');
}

/* A random fragment, often with faults. */
static void
propose(Proposal *p, const Model *m, StringInfo doc)
{
	static const char *const names[] = { "a", "b", "c", "d", "B", "a.b", "x-", "z9" };
	static const char *const forms[] = { "replace", "retain", "append" };
	bool wild = below(4) == 0;
	bool in_edges[MAX_LOCAL][MAX_LOCAL];
	bool first = true;

	memset(p, 0, sizeof(*p));
	memset(in_edges, 0, sizeof(in_edges));
	p->form = below(3);
	p->n = below(12) == 0 ? 0 : 1 + below(MAX_LOCAL - 1);
	for (int i = 0; i < p->n;)
	{
		const char *name = below(wild ? 20 : 400) == 0 ? (below(2) == 0 ? "" : "a:b")
													   : names[below(lengthof(names))];
		bool known = false;

		for (int k = 0; k < i; k++)
			known |= strcmp(p->id[k], name) == 0;
		if (!known)
			strcpy(p->id[i++], name);
	}
	for (int i = 0; i < p->n; i++)
	{
		for (int j = i + 1; j < p->n; j++)
			p->edge[i][j] = below(3) == 0;
	}
	if (p->n > 0 && below(wild ? 6 : 60) == 0)
		p->edge[below(p->n)][below(p->n)] = true;
	for (int i = 0; i < p->n; i++)
	{
		if (below(3) > 0)
			continue;
		if (below(2) == 0)
			strcpy(p->reads[i], p->id[below(p->n)]);
		else
			strcpy(p->reads[i], m->id[below(m->n)]);
	}

	appendStringInfo(doc, "{\"form\":\"%s\",\"fragment\":{\"nodes\":{", forms[p->form]);
	for (int j = 0; j < p->n; j++)
	{
		bool first_pred = true;

		appendStringInfo(doc, "%s\"%s\":{\"after\":[", j > 0 ? "," : "", p->id[j]);
		for (int i = 0; i < p->n; i++)
		{
			if (!p->edge[i][j])
				continue;
			/* a node after itself is a fault of its own in `after` */
			in_edges[i][j] = i == j || below(3) == 0;
			if (in_edges[i][j] && (i == j || below(3) > 0))
				continue;
			appendStringInfo(doc, "%s\"%s\"", first_pred ? "" : ",", p->id[i]);
			first_pred = false;
		}
		appendStringInfoString(doc, "],");
		if (p->reads[j][0] != '\0')
			appendStringInfo(doc, "\"pure\":{\"$\":\"$.nodes.\\\"%s\\\"\"}}", p->reads[j]);
		else
			appendStringInfoString(doc, "\"noop\":true}");
	}
	appendStringInfoString(doc, "},\"edges\":[");
	for (int i = 0; i < p->n; i++)
	{
		for (int j = 0; j < p->n; j++)
		{
			if (!in_edges[i][j])
				continue;
			appendStringInfo(doc, "%s[\"%s\",\"%s\"]", first ? "" : ",", p->id[i], p->id[j]);
			first = false;
		}
	}
	if (p->n > 0 && below(wild ? 10 : 100) == 0)
	{
		p->undefined = true;
		appendStringInfo(doc, "%s[\"nope\",\"%s\"]", first ? "" : ",", p->id[0]);
	}
	appendStringInfoChar(doc, ']');
	p->given_entries = below(4) == 0;
	p->given_exits = below(4) == 0;
	if (p->given_entries)
		propose_list(doc, "entries", p, &p->n_entries, p->entries);
	if (p->given_exits)
		propose_list(doc, "exits", p, &p->n_exits, p->exits);
	appendStringInfoString(doc, "}}");
	for (int i = 0; i < p->n; i++)
	{
		bool has_pred = false;
		bool has_succ = false;

		for (int k = 0; k < p->n; k++)
		{
			has_pred |= p->edge[k][i];
			has_succ |= p->edge[i][k];
		}
		if (!p->given_entries && !has_pred)
			p->entries[p->n_entries++] = i;
		if (!p->given_exits && !has_succ)
			p->exits[p->n_exits++] = i;
	}
}

/* Codes as bits, in the order of the checks. */
static const char *const model_codes[] = {
	"fragment_cycle", "fragment_empty", "no_entries", "no_exits", "duplicate_entry",
	"duplicate_exit", "entry_outside", "exit_outside", "orphan", "undefined_node",
	"empty_id", "reserved_id", "id_taken", "invalid_definition"
};

enum
{
	CYCLE,
	EMPTY,
	NO_ENTRIES,
	NO_EXITS,
	DUPLICATE_ENTRY,
	DUPLICATE_EXIT,
	ENTRY_OUTSIDE,
	EXIT_OUTSIDE,
	ORPHAN,
	UNDEFINED,
	EMPTY_ID,
	RESERVED_ID,
	ID_TAKEN,
	INVALID
};

static unsigned
list_faults(const int *list, int n, int none, int twice, int outside)
{
	unsigned faults = n == 0 ? 1u << none : 0;

	for (int i = 0; i < n; i++)
	{
		if (list[i] < 0)
			faults |= 1u << outside;
		for (int k = 0; k < i; k++)
		{
			if (list[i] == list[k])
				faults |= 1u << twice;
		}
	}
	return faults;
}

/* The node that a name means in the fragment of anchor, in the model; -1: none. */
static int
model_meaning(const Model *m, bool reach[MAX_MODEL][MAX_MODEL], int anchor, bool stays, const char *name)
{
	char scope[400];

	snprintf(scope, sizeof(scope), "%s", strchr(name, ':') != NULL ? "" : m->id[anchor]);
	if (scope[0] != '\0')
		strcat(scope, ":");
	for (;;)
	{
		char *colon = strrchr(scope, ':');
		char id[800];
		int at;

		if (colon != NULL)
			colon[1] = '\0';
		snprintf(id, sizeof(id), "%s%s", colon != NULL ? scope : "", name);
		at = model_find(m, id);
		if (at >= 0 && (reach[at][anchor] || (stays && at == anchor)))
			return at;
		if (colon == NULL)
			return -1;
		*colon = '\0';
	}
}

/*
 * What the rules say: the faults of the first group that has any. If there are
 * none, meant[i] is the node that i reads: local ones as they are, others from
 * MAX_LOCAL on; -1: nothing.
 */
static unsigned
model_faults(const Model *m, int anchor, const Proposal *p, bool local[MAX_LOCAL][MAX_LOCAL], int *meant)
{
	static bool reach[MAX_MODEL][MAX_MODEL];
	unsigned faults = 0;

	memcpy(local, p->edge, sizeof(p->edge));
	for (int k = 0; k < p->n; k++)
	{
		for (int i = 0; i < p->n; i++)
		{
			for (int j = 0; j < p->n; j++)
				local[i][j] |= local[i][k] && local[k][j];
		}
	}
	for (int i = 0; i < p->n; i++)
	{
		bool from = false;
		bool to = false;

		if (local[i][i])
			faults |= 1u << CYCLE;
		for (int e = 0; e < p->n_entries; e++)
			from |= p->entries[e] >= 0 && (p->entries[e] == i || local[p->entries[e]][i]);
		for (int e = 0; e < p->n_exits; e++)
			to |= p->exits[e] >= 0 && (p->exits[e] == i || local[i][p->exits[e]]);
		if (!from || !to)
			faults |= 1u << ORPHAN;
	}
	if (p->n == 0)
		faults |= 1u << EMPTY;
	if (p->undefined)
		faults |= 1u << UNDEFINED;
	faults |= list_faults(p->entries, p->n_entries, NO_ENTRIES, DUPLICATE_ENTRY, ENTRY_OUTSIDE);
	faults |= list_faults(p->exits, p->n_exits, NO_EXITS, DUPLICATE_EXIT, EXIT_OUTSIDE);
	if (faults != 0)
		return faults;

	for (int i = 0; i < p->n; i++)
	{
		char id[400];

		snprintf(id, sizeof(id), "%s:%s", m->id[anchor], p->id[i]);
		if (p->id[i][0] == '\0')
			faults |= 1u << EMPTY_ID;
		if (strchr(p->id[i], ':') != NULL)
			faults |= 1u << RESERVED_ID;
		if (model_find(m, id) >= 0)
			faults |= 1u << ID_TAKEN;
	}
	if (faults != 0)
		return faults;

	model_reach(m, reach);
	for (int i = 0; i < p->n; i++)
	{
		bool own = false;
		int outer;

		meant[i] = -1;
		if (p->reads[i][0] == '\0')
			continue;
		for (int k = 0; k < p->n; k++)
		{
			if (strcmp(p->id[k], p->reads[i]) != 0)
				continue;
			own = true;
			meant[i] = k;
			if (!local[k][i])
				faults |= 1u << INVALID;
		}
		if (own)
			continue;
		outer = model_meaning(m, reach, anchor, p->form != 0, p->reads[i]);
		meant[i] = MAX_LOCAL + outer;
		if (outer < 0)
			faults |= 1u << INVALID;
	}
	for (int i = 0; p->form == 0 && i < m->n; i++)
	{
		if (m->ref[i][anchor])
			faults |= 1u << INVALID;
	}
	return faults;
}

/* Puts the fragment into the model; the cost by comparing before and after. */
static void
model_apply(Model *m, int anchor, const Proposal *p, const int *meant, PulseBudget *cost)
{
	static Model old;
	int base = m->n;
	int longest = 0;
	int length[MAX_LOCAL] = { 0 };
	bool suc[MAX_MODEL];

	old = *m;
	for (int i = 0; i < p->n; i++)
		snprintf(m->id[m->n++], sizeof(m->id[0]), "%s:%s", old.id[anchor], p->id[i]);
	for (int i = 0; i < p->n; i++)
	{
		for (int j = 0; j < p->n; j++)
			m->edge[base + i][base + j] = p->edge[i][j];
		if (meant[i] >= MAX_LOCAL)
			m->ref[base + i][meant[i] - MAX_LOCAL] = true;
		else if (meant[i] >= 0)
			m->ref[base + i][base + meant[i]] = true;
	}
	for (int i = 0; i < base; i++)
	{
		suc[i] = m->edge[anchor][i];
		m->edge[anchor][i] = false;
		for (int e = 0; suc[i] && e < p->n_exits; e++)
			m->edge[base + p->exits[e]][i] = true;
		for (int e = 0; p->form == 0 && m->edge[i][anchor] && e < p->n_entries; e++)
			m->edge[i][base + p->entries[e]] = true;
	}
	for (int e = 0; p->form != 0 && e < p->n_entries; e++)
		m->edge[anchor][base + p->entries[e]] = true;

	/* longest path from an entry, by as many rounds as there are nodes */
	for (int e = 0; e < p->n_entries; e++)
		length[p->entries[e]] = 1;
	for (int round = 0; round < p->n; round++)
	{
		for (int i = 0; i < p->n; i++)
		{
			for (int j = 0; j < p->n; j++)
			{
				if (p->edge[i][j] && length[i] > 0)
					length[j] = Max(length[j], length[i] + 1);
			}
		}
	}
	for (int i = 0; i < p->n; i++)
		longest = Max(longest, length[i]);

	if (p->form == 0)
		model_remove(m, anchor);
	cost->nodes = p->n;
	cost->edges = 0;
	for (int i = 0; i < m->n; i++)
	{
		for (int j = 0; j < m->n; j++)
		{
			int was_i = model_find(&old, m->id[i]);
			int was_j = model_find(&old, m->id[j]);

			if (m->edge[i][j] && !(was_i >= 0 && was_j >= 0 && old.edge[was_i][was_j]))
				cost->edges++;
		}
	}
	cost->depth = p->form == 0 ? Max(longest - 1, 0) : longest;
	cost->frontier = p->n_entries - 1;
	cost->operations = 1;
}

static unsigned
plan_faults(const PulseRewritePlan *plan, int round)
{
	unsigned faults = 0;
	size_t last = 0;

	for (int i = 0; i < plan->errors.n; i++)
	{
		size_t k = 0;

		while (k < lengthof(model_codes) && strcmp(model_codes[k], plan->errors.items[i].code) != 0)
			k++;
		if (k == lengthof(model_codes))
			bad(round, "code", plan->errors.items[i].code);
		if (k < last)
			bad(round, "order of errors", plan->errors.items[i].code);
		last = k;
		faults |= 1u << k;
	}
	return faults;
}

/* Vectors are in id order and mean the same nodes as the row or column of the model. */
static bool
same_vector(const PulseGraph *g, const int *list, int n, const Model *m,
			bool (*holds)(const Model *m, int a, int b), int node)
{
	int count = 0;

	for (int i = 0; i < m->n; i++)
		count += holds(m, node, i);
	if (count != n)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (i > 0 && strcmp(g->nodes[list[i - 1]]->id, g->nodes[list[i]]->id) >= 0)
			return false;
		if (!holds(m, node, model_find(m, g->nodes[list[i]]->id)))
			return false;
	}
	return true;
}

static bool
model_edge(const Model *m, int a, int b)
{
	return m->edge[a][b];
}

static bool
model_back(const Model *m, int a, int b)
{
	return m->edge[b][a];
}

static bool
model_ref(const Model *m, int a, int b)
{
	return m->ref[a][b];
}

static bool above[MAX_MODEL][MAX_MODEL];

static bool
model_above(const Model *m, int a, int b)
{
	return above[b][a];
}

static bool
model_root(const Model *m, int a, int b)
{
	for (int i = 0; i < m->n; i++)
	{
		if (m->edge[i][b])
			return false;
	}
	return true;
}

static bool
model_sink(const Model *m, int a, int b)
{
	for (int i = 0; i < m->n; i++)
	{
		if (m->edge[b][i])
			return false;
	}
	return true;
}

static void
compare_graph(const PulseGraph *g, const Model *m, int round, const char *which)
{
	int n_edges = 0;

	if (g->n_nodes != m->n)
	{
		bad(round, which, "number of nodes");
		return;
	}
	model_reach(m, above);
	for (int i = 0; i < m->n; i++)
	{
		int at = pulse_graph_find(g, m->id[i], strlen(m->id[i]));
		const PulseNode *node = at < 0 ? NULL : g->nodes[at];
		int *anc;
		int n_anc;

		if (above[i][i])
			bad(round, which, "a cycle");
		if (node == NULL || strcmp(node->id, m->id[i]) != 0 || node->id_len != strlen(m->id[i]))
		{
			bad(round, which, "a node is not found");
			continue;
		}
		if (pulse_graph_at_rank(g, node->rank) != at)
			bad(round, which, "ranks");
		if (!same_vector(g, node->preds, node->n_preds, m, model_back, i))
			bad(round, which, "predecessors");
		if (!same_vector(g, node->succs, node->n_succs, m, model_edge, i))
			bad(round, which, "successors");
		if (!same_vector(g, node->refs, node->n_refs, m, model_ref, i))
			bad(round, which, pulse_arena_printf(arena, "references of %s in %s", node->id, pulse_json_text(arena, pulse_graph_document(g, arena))));
		pulse_graph_ancestors(g, at, arena, &anc, &n_anc);
		if (!same_vector(g, anc, n_anc, m, model_above, i))
			bad(round, which, "ancestors");
		n_edges += node->n_succs;
	}
	if (!same_vector(g, g->roots, g->n_roots, m, model_root, 0))
		bad(round, which, "roots");
	if (!same_vector(g, g->sinks, g->n_sinks, m, model_sink, 0))
		bad(round, which, "sinks");
	if (g->n_edges != n_edges)
		bad(round, which, "number of edges");
	if (strcmp(g->hash, model_hash(m)) != 0)
		bad(round, which, "hash");
}

/* The document of a grown graph, read anew, is the same graph. */
static PulseGraph *
read_anew(const PulseGraph *g, const Model *m, int round)
{
	PulseGraph *again;

	pulse_diag_init(&findings, arena);
	again = pulse_graph_read(pulse_graph_document(g, arena), PULSE_GRAPH_LIVE, &findings);
	if (again == NULL)
		bad(round, "read anew", findings.items[0].message);
	else
		compare_graph(again, m, round, "read anew");
	return again;
}

typedef struct Tally
{
	int admitted;
	int over;
	int invalid;
	int largest;
} Tally;

/* One graph and the rewrites of its life. */
static void
random_life(int round, Tally *tally)
{
	static Model m;
	PulseBudget left = { 10 + below(60), 20 + below(150), 3 + below(15), 2 + below(12), 2 + below(12) };
	StringInfoData doc;
	PulseGraph *base;
	PulseGraph *g;
	bool again[MAX_MODEL * 2] = { false };

	initStringInfo(&doc);
	model_begin(&m, &doc);
	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), PULSE_GRAPH_LIVE, &findings);
	if (base == NULL)
	{
		bad(round, "base", doc.data);
		pfree(doc.data);
		return;
	}
	g = pulse_graph_copy(base);
	compare_graph(g, &m, round, "copy");
	for (int step = 0; step < 16 && m.n < MAX_MODEL - MAX_LOCAL - 1; step++)
	{
		bool local[MAX_LOCAL][MAX_LOCAL];
		int meant[MAX_LOCAL];
		int at = below(m.n);
		int number = pulse_graph_find(g, m.id[at], strlen(m.id[at]));
		char id[300];
		Proposal p;
		PulseRewrite rewrite;
		PulseRewritePlan *plan;
		PulseBudget cost = { 0 };
		PulseBudget was = left;
		unsigned faults;

		/* who has rewritten once does not again, and ids in its scope do not come twice */
		if (again[number] || strlen(m.id[at]) > 200)
			continue;
		strcpy(id, m.id[at]);
		resetStringInfo(&doc);
		propose(&p, &m, &doc);
		pulse_diag_init(&findings, arena);
		if (!pulse_rewrite_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), "$", arena, &rewrite, &findings))
		{
			bad(round, "shape", doc.data);
			continue;
		}
		plan = pulse_rewrite_plan(g, number, id, PULSE_RUNNING, &rewrite, &left);
		faults = model_faults(&m, at, &p, local, meant);
		if (plan_faults(plan, round) != faults)
		{
			bad(round, "errors differ", doc.data);
			for (int i = 0; i < plan->errors.n; i++)
				diag("%s: %s", plan->errors.items[i].code, plan->errors.items[i].message);
			diag("anchor %s of %s; the model says %x", id, pulse_json_text(arena, pulse_graph_document(g, arena)), faults);
			pulse_rewrite_free(plan);
			break;
		}
		if (faults != 0)
		{
			tally->invalid++;
			if (plan->admitted || memcmp(&plan->remaining, &was, sizeof(was)) != 0)
				bad(round, "an invalid rewrite", "admitted or paid for");
		}
		else
		{
			static Model after;
			int over = 0;

			after = m;
			model_apply(&after, at, &p, meant, &cost);
			if (memcmp(&cost, &plan->cost, sizeof(cost)) != 0)
				bad(round, "cost", doc.data);
			for (int d = 0; d < PULSE_BUDGET_DIMS; d++)
			{
				int64 now = *pulse_budget_dim(&plan->remaining, d);
				int64 before = *pulse_budget_dim(&was, d);
				int64 asked = *pulse_budget_dim(&cost, d);

				if (now < 0 || now > before || now != (plan->admitted ? before - asked : before))
					bad(round, "budget", pulse_budget_dim_name(d));
				if (asked > before)
				{
					if (over >= plan->n_exceeded || plan->exceeded[over].dimension != pulse_budget_dim_name(d) ||
						plan->exceeded[over].requested != asked || plan->exceeded[over].remaining != before)
						bad(round, "exceeded", pulse_budget_dim_name(d));
					over++;
				}
			}
			if (over != plan->n_exceeded || plan->admitted != (over == 0))
				bad(round, "decision", doc.data);
			if (plan->admitted)
			{
				left = plan->remaining;
				m = after;
				again[number] = p.form != 0;
				pulse_rewrite_apply(plan, g);
				compare_graph(g, &m, round, "grown");
				pulse_graph_free(read_anew(g, &m, round));
				tally->admitted++;
				tally->largest = Max(tally->largest, m.n);
			}
			else
				tally->over++;
		}
		pulse_rewrite_free(plan);
	}
	compare_graph(g, &m, round, "at the end");
	pulse_graph_free(g);
	pulse_graph_free(base);
	pfree(doc.data);
}

static void
test_random(uint64 seed, int rounds)
{
	Tally tally = { 0 };

	pg_prng_seed(&prng, seed);
	for (int round = 0; round < rounds; round++)
	{
		arena = pulse_arena_create(0);
		random_life(round, &tally);
		pulse_arena_free(arena);
	}
	diag("%d rewrites admitted, %d over budget, %d invalid; up to %d nodes",
		 tally.admitted, tally.over, tally.invalid, tally.largest);
	is_int(n_bad, 0, "rewrites of random graphs agree with the model");
	ok(tally.admitted > rounds && tally.over > rounds / 4 && tally.invalid > rounds, "of every kind enough");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;

	diag("seed %llu, %d rounds", (unsigned long long) seed, rounds);
	test_random(seed, rounds);
	return tap_done();
}
