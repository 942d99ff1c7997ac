/*
 * graph_check.c
 *		The structure of a graph: handlers, edges, cycles.
 *
 * Owns what can be judged only when all nodes are known, up to the order of
 * execution; references of expressions are judged in graph_refs.c.  Everything
 * here is linear in the graph.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_private.h"

/* At most so many cycles are reported, and so many nodes of each named. */
#define MAX_CYCLES 10
#define MAX_CYCLE_NAMES 20

/*
 * ---------------------------------------------------------------------
 * Collecting nodes
 * ---------------------------------------------------------------------
 */

void
pulse_check_collecting(PulseGraphReader *r)
{
	PulseGraph *graph = r->graph;

	for (int i = 0; r->form == PULSE_GRAPH_LIVE && i < graph->n_nodes; i++)
	{
		PulseNode *out = graph->nodes[i];
		PulseNode *composite;

		if (out->kind != PULSE_KIND_COLLECT || out->collects < 0)
			continue;
		composite = graph->nodes[out->collects];
		if (!pulse_kind_composite(composite->kind) || out->id_len != composite->id_len + 4 ||
			memcmp(out->id, composite->id, composite->id_len) != 0 ||
			strcmp(out->id + composite->id_len, ":out") != 0)
		{
			pulse_diag_error(r->diag, "bad_value", pulse_node_path(r, i, "collect"), NULL,
							 "must be the id of the choose, map or repeat node that this node has its own id from");
			out->collects = -1;
			continue;
		}

		/* errors are handled behind it */
		out->on_error = composite->on_error;
		out->handler = composite->handler;
		composite->on_error = PULSE_ON_ERROR_FAIL;
		composite->handler = -1;
	}
}

/*
 * ---------------------------------------------------------------------
 * Handlers
 * ---------------------------------------------------------------------
 */

/*
 * A handler guards one node and has no other predecessor; the edge to it is
 * implied. Naming the guarded node in `after` says the same again and is let
 * pass.
 */
void
pulse_check_handlers(PulseGraphReader *r)
{
	PulseGraph *graph = r->graph;
	bool *linked = pulse_arena_zalloc(r->scratch, (size_t) graph->n_nodes);
	bool *told = pulse_arena_zalloc(r->scratch, (size_t) graph->n_nodes);

	for (int i = 0; i < graph->n_nodes; i++)
	{
		int h = graph->nodes[i]->handler;

		if (h < 0)
			continue;
		if (graph->nodes[h]->guards < 0)
		{
			graph->nodes[h]->guards = i;
			continue;
		}
		pulse_diag_error(r->diag, "handler_shared",
						 pulse_path_key(r->scratch, pulse_node_path(r, i, "on_error"), "goto"),
						 "Give each node a handler of its own.",
						 "\"%s\" already handles the errors of \"%s\"",
						 graph->nodes[h]->id, graph->nodes[graph->nodes[h]->guards]->id);
		r->broken = true;
	}

	for (int e = 0; e < r->n_edges; e++)
	{
		int to = r->edges[e].to;
		int guarded = graph->nodes[to]->guards;

		if (guarded < 0)
			continue;
		if (r->edges[e].from == guarded)
			linked[to] = true;
		else if (!told[to])
		{
			pulse_diag_error(r->diag, "handler_has_after",
							 pulse_node_path(r, to, "after"),
							 "Leave out \"after\": the edge from the guarded node is implied.",
							 "\"%s\" handles the errors of \"%s\" and cannot come after other nodes",
							 graph->nodes[to]->id, graph->nodes[guarded]->id);
			told[to] = true;
			r->broken = true;
		}
	}

	for (int i = 0; i < graph->n_nodes; i++)
	{
		int guarded = graph->nodes[i]->guards;

		if (guarded >= 0 && !linked[i] && !pulse_add_edge(r, guarded, i))
			return;
	}
}

/*
 * ---------------------------------------------------------------------
 * Edges
 * ---------------------------------------------------------------------
 */

/* From the list of edges to the vectors of the nodes, each in id order. */
void
pulse_build_edges(PulseGraphReader *r)
{
	PulseGraph *graph = r->graph;
	int n = graph->n_nodes;
	int *block = pulse_arena_alloc(r->arena, sizeof(int) * 2 * (size_t) r->n_edges);
	int *by_from = pulse_arena_alloc(r->scratch, sizeof(int) * (size_t) r->n_edges);
	int *start = pulse_arena_zalloc(r->scratch, sizeof(int) * ((size_t) n + 1));

	graph->n_edges = r->n_edges;
	for (int e = 0; e < r->n_edges; e++)
	{
		graph->nodes[r->edges[e].from]->n_succs++;
		graph->nodes[r->edges[e].to]->n_preds++;
	}
	for (int i = 0; i < n; i++)
	{
		PulseNode *node = graph->nodes[i];

		start[i + 1] = start[i] + node->n_succs;
		node->preds = block;
		block += node->n_preds;
		node->succs = block;
		block += node->n_succs;
		graph->n_roots += node->n_preds == 0;
		graph->n_sinks += node->n_succs == 0;
		node->n_preds = 0;
		node->n_succs = 0;
	}

	/* edges by their first node, so that predecessors come in order ... */
	for (int e = 0; e < r->n_edges; e++)
		by_from[start[r->edges[e].from]++] = e;
	for (int k = 0; k < r->n_edges; k++)
	{
		PulseNode *to = graph->nodes[r->edges[by_from[k]].to];

		to->preds[to->n_preds++] = r->edges[by_from[k]].from;
	}
	/* ... and then successors from them */
	for (int i = 0; i < n; i++)
	{
		for (int p = 0; p < graph->nodes[i]->n_preds; p++)
		{
			PulseNode *from = graph->nodes[graph->nodes[i]->preds[p]];

			from->succs[from->n_succs++] = i;
		}
	}

	graph->roots = pulse_arena_alloc(r->arena, sizeof(int) * (size_t) graph->n_roots);
	graph->sinks = pulse_arena_alloc(r->arena, sizeof(int) * (size_t) graph->n_sinks);
	graph->n_roots = graph->n_sinks = 0;
	for (int i = 0; i < n; i++)
	{
		if (graph->nodes[i]->n_preds == 0)
			graph->roots[graph->n_roots++] = i;
		if (graph->nodes[i]->n_succs == 0)
			graph->sinks[graph->n_sinks++] = i;
	}
}

/* Where the document says that `from` comes before `to`. */
static const char *
edge_path(PulseGraphReader *r, int from, int to)
{
	const char *from_id = r->graph->nodes[from]->id;
	const char *to_id = r->graph->nodes[to]->id;
	const PulseJson *list;

	if (r->short_form)
	{
		list = pulse_json_get(r->graph->source, "edges");
		for (uint32 i = 0; list != NULL && i < list->len; i++)
		{
			const PulseJson *edge = list->u.items[i];

			if (pulse_json_is(edge->u.items[0], from_id) &&
				pulse_json_is(edge->u.items[1], to_id))
				return pulse_arena_printf(r->scratch, "$.edges[%u]", i);
		}
		return "$.edges";
	}
	list = pulse_json_get(r->docs[to], "after");
	for (uint32 i = 0; list != NULL && list->type == PULSE_JSON_ARRAY && i < list->len; i++)
	{
		if (pulse_json_is(list->u.items[i], from_id))
			return pulse_arena_printf(r->scratch, "%s[%u]",
									  pulse_node_path(r, to, "after"), i);
	}
	return pulse_path_key(r->scratch, pulse_node_path(r, from, "on_error"), "goto");
}

/*
 * ---------------------------------------------------------------------
 * Cycles
 * ---------------------------------------------------------------------
 */

/* nodes[0..n) lie on a cycle, in order. Spelt from the lowest id on. */
static void
report_cycle(PulseGraphReader *r, const int *nodes, int n)
{
	PulseFinding f = {PULSE_SEV_ERROR, "cycle", NULL, NULL, "Remove one of these edges.", 0};
	StringInfoData buf;
	int first = 0;

	for (int i = 1; i < n; i++)
	{
		if (nodes[i] < nodes[first])
			first = i;
	}
	initStringInfo(&buf);
	appendStringInfoString(&buf, "nodes wait for each other in a cycle: ");
	for (int i = 0; i < n; i++)
	{
		if (i == MAX_CYCLE_NAMES - 1 && n > MAX_CYCLE_NAMES)
		{
			appendStringInfo(&buf, "… (%d more) > ", n - i);
			break;
		}
		appendStringInfo(&buf, "%s > ", r->graph->nodes[nodes[(first + i) % n]]->id);
	}
	appendStringInfoString(&buf, r->graph->nodes[nodes[first]]->id);
	f.path = edge_path(r, nodes[(first + n - 1) % n], nodes[first]);
	f.message = buf.data;
	pulse_diag_add(r->diag, &f);
	pfree(buf.data);
}

/*
 * Depth-first over the nodes that have no place in the order; an edge back
 * into the current path closes a cycle. Cycles that share a node with one
 * already told are not told.
 */
static void
find_cycles(PulseGraphReader *r, const bool *placed)
{
	PulseGraph *graph = r->graph;
	size_t n = (size_t) graph->n_nodes;
	int *path = pulse_arena_alloc(r->scratch, sizeof(int) * n);
	int *next = pulse_arena_zalloc(r->scratch, sizeof(int) * n);
	int *depth = pulse_arena_zalloc(r->scratch, sizeof(int) * n); /* 1-based on the path, -1: done */
	bool *told = pulse_arena_zalloc(r->scratch, n);
	int n_told = 0;

	for (int root = 0; root < graph->n_nodes; root++)
	{
		int len = 0;

		if (placed[root] || depth[root] != 0)
			continue;
		path[len++] = root;
		depth[root] = len;
		while (len > 0)
		{
			int at = path[len - 1];
			const PulseNode *node = graph->nodes[at];
			int to;

			if (next[at] == node->n_succs)
			{
				depth[at] = -1;
				len--;
				continue;
			}
			to = node->succs[next[at]++];
			if (depth[to] == 0)
			{
				path[len++] = to;
				depth[to] = len;
			}
			else if (depth[to] > 0 && !told[to] && !told[at])
			{
				report_cycle(r, path + depth[to] - 1, len - depth[to] + 1);
				for (int i = depth[to] - 1; i < len; i++)
					told[path[i]] = true;
				if (++n_told == MAX_CYCLES)
					return;
			}
		}
	}
}

void
pulse_check_cycles(PulseGraphReader *r, int *topo)
{
	PulseGraph *graph = r->graph;
	int *open = pulse_arena_alloc(r->scratch, sizeof(int) * (size_t) graph->n_nodes);
	bool *placed = pulse_arena_zalloc(r->scratch, (size_t) graph->n_nodes);
	int n = 0;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		open[i] = graph->nodes[i]->n_preds;
		if (open[i] == 0)
			topo[n++] = i;
	}
	for (int k = 0; k < n; k++)
	{
		const PulseNode *node = graph->nodes[topo[k]];

		placed[topo[k]] = true;
		for (int s = 0; s < node->n_succs; s++)
		{
			if (--open[node->succs[s]] == 0)
				topo[n++] = node->succs[s];
		}
	}
	if (n == graph->n_nodes)
		return;
	r->broken = true;
	find_cycles(r, placed);
}
