/*
 * layout.c
 *		Places for the nodes and edges of a graph on a page.
 *
 * Knows nothing of fonts, colours and formats: whoever draws says how large
 * things are.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/layout.h"

int *
pulse_layout_layers(const PulseGraph *graph, PulseArena *arena)
{
	size_t n = (size_t) graph->n_nodes;
	int *layer = pulse_arena_zalloc(arena, sizeof(int) * n);
	int *open = pulse_arena_alloc(arena, sizeof(int) * n);
	int *topo = pulse_arena_alloc(arena, sizeof(int) * n);
	int filled = 0;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		open[i] = graph->nodes[i]->n_preds;
		if (open[i] == 0)
			topo[filled++] = i;
	}
	for (int k = 0; k < filled; k++)
	{
		const PulseNode *node = graph->nodes[topo[k]];

		for (int s = 0; s < node->n_succs; s++)
		{
			int to = node->succs[s];

			layer[to] = Max(layer[to], layer[topo[k]] + 1);
			if (--open[to] == 0)
				topo[filled++] = to;
		}
	}
	return layer;
}

int *
pulse_layout_reading_order(const PulseGraph *graph, const int *layer, PulseArena *arena)
{
	size_t n = (size_t) graph->n_nodes;
	int *order = pulse_arena_alloc(arena, sizeof(int) * n);
	int *start = pulse_arena_zalloc(arena, sizeof(int) * (n + 1));

	for (int i = 0; i < graph->n_nodes; i++)
		start[layer[i] + 1]++;
	for (int i = 0; i < graph->n_nodes; i++)
		start[i + 1] += start[i];
	for (int i = 0; i < graph->n_nodes; i++)
	{
		int node = pulse_graph_at_rank(graph, i);

		order[start[layer[node]]++] = node;
	}
	return order;
}
