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

/*
 * ---------------------------------------------------------------------
 * Spots and links
 * ---------------------------------------------------------------------
 */

#define ORDER_SWEEPS 24
#define PLACE_SWEEPS 24

static void
add_link(PulseLayout *l, int from, int to)
{
	l->links[l->n_links].from = from;
	l->links[l->n_links].to = to;
	l->n_links++;
}

static void
make_spots(PulseLayout *l, const PulseGraph *graph, PulseArena *arena)
{
	int *layer = pulse_layout_layers(graph, arena);
	int *first = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	int n_spots = graph->n_nodes;

	/* the layer of the first predecessor of each node: there its lane begins */
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];

		l->n_layers = Max(l->n_layers, layer[i] + 1);
		first[i] = layer[i];
		for (int p = 0; p < node->n_preds; p++)
			first[i] = Min(first[i], layer[node->preds[p]]);
		n_spots += Max(layer[i] - first[i] - 1, 0);
	}
	l->spots = pulse_arena_zalloc(arena, sizeof(PulseLayoutSpot) * (size_t) n_spots);
	l->links = pulse_arena_alloc(arena, sizeof(PulseLayoutLink) * (size_t) (n_spots + graph->n_edges));
	l->n_spots = graph->n_nodes;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		l->spots[i].node = i;
		l->spots[i].layer = layer[i];
	}
	for (int r = 0; r < graph->n_nodes; r++)
	{
		int i = pulse_graph_at_rank(graph, r);
		const PulseNode *node = graph->nodes[i];
		int base = l->n_spots - first[i] - 1; /* + layer: the lane there */

		for (int k = first[i] + 1; k < layer[i]; k++)
		{
			PulseLayoutSpot *spot = &l->spots[l->n_spots];

			spot->node = i;
			spot->lane = true;
			spot->layer = k;
			add_link(l, l->n_spots, k + 1 < layer[i] ? l->n_spots + 1 : i);
			l->n_spots++;
		}
		for (int p = 0; p < node->n_preds; p++)
		{
			int from = node->preds[p];

			add_link(l, from, layer[from] + 1 < layer[i] ? base + layer[from] + 1 : i);
		}
	}
}

static void
make_neighbours(PulseLayout *l, PulseArena *arena)
{
	size_t n = (size_t) l->n_spots;
	int *up = pulse_arena_alloc(arena, sizeof(int) * (n + 1));
	int *down = pulse_arena_alloc(arena, sizeof(int) * (n + 1));

	l->above = pulse_arena_zalloc(arena, sizeof(int) * (n + 1));
	l->below = pulse_arena_zalloc(arena, sizeof(int) * (n + 1));
	l->above_of = pulse_arena_alloc(arena, sizeof(int) * (size_t) l->n_links);
	l->below_of = pulse_arena_alloc(arena, sizeof(int) * (size_t) l->n_links);
	for (int i = 0; i < l->n_links; i++)
	{
		l->above[l->links[i].to + 1]++;
		l->below[l->links[i].from + 1]++;
	}
	for (size_t i = 0; i < n; i++)
	{
		l->above[i + 1] += l->above[i];
		l->below[i + 1] += l->below[i];
	}
	memcpy(up, l->above, sizeof(int) * (n + 1));
	memcpy(down, l->below, sizeof(int) * (n + 1));
	for (int i = 0; i < l->n_links; i++)
	{
		const PulseLayoutLink *link = &l->links[i];

		l->above_of[up[link->to]++] = link->from;
		l->below_of[down[link->from]++] = link->to;
	}
}

/*
 * ---------------------------------------------------------------------
 * Order within layers
 * ---------------------------------------------------------------------
 */

/* Depth first from the roots, so that what belongs together starts together. */
static void
first_order(PulseLayout *l, const PulseGraph *graph, PulseArena *arena)
{
	int *stack = pulse_arena_alloc(arena, sizeof(int) * (size_t) (l->n_spots + l->n_links));
	bool *seen = pulse_arena_zalloc(arena, sizeof(bool) * (size_t) l->n_spots);
	int *fill;
	int height = 0;

	l->order = pulse_arena_alloc(arena, sizeof(int) * (size_t) l->n_spots);
	l->start = pulse_arena_zalloc(arena, sizeof(int) * (size_t) (l->n_layers + 1));
	fill = pulse_arena_alloc(arena, sizeof(int) * (size_t) (l->n_layers + 1));
	for (int i = 0; i < l->n_spots; i++)
		l->start[l->spots[i].layer + 1]++;
	for (int k = 0; k < l->n_layers; k++)
		l->start[k + 1] += l->start[k];
	memcpy(fill, l->start, sizeof(int) * (size_t) (l->n_layers + 1));

	for (int r = graph->n_nodes - 1; r >= 0; r--)
	{
		int i = pulse_graph_at_rank(graph, r);

		if (graph->nodes[i]->n_preds == 0)
			stack[height++] = i;
	}
	while (height > 0)
	{
		int i = stack[--height];
		PulseLayoutSpot *spot = &l->spots[i];

		if (seen[i])
			continue;
		seen[i] = true;
		spot->place = fill[spot->layer] - l->start[spot->layer];
		l->order[fill[spot->layer]++] = i;
		for (int k = l->below[i + 1] - 1; k >= l->below[i]; k--)
			stack[height++] = l->below_of[k];
	}
}

typedef struct SortKey
{
	double key;
	int place;
	int spot;
} SortKey;

static int
compare_keys(const void *a, const void *b)
{
	const SortKey *x = a;
	const SortKey *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Orders a layer by the middle of its neighbours in the layer before. */
static void
sort_layer(PulseLayout *l, int layer, bool down, SortKey *keys)
{
	int n = l->start[layer + 1] - l->start[layer];
	int *order = l->order + l->start[layer];
	const int *ends = down ? l->above : l->below;
	const int *other = down ? l->above_of : l->below_of;

	for (int i = 0; i < n; i++)
	{
		int spot = order[i];
		double sum = 0;

		for (int k = ends[spot]; k < ends[spot + 1]; k++)
			sum += l->spots[other[k]].place;
		keys[i].spot = spot;
		keys[i].place = i;
		keys[i].key = ends[spot] == ends[spot + 1] ? i : sum / (ends[spot + 1] - ends[spot]);
	}
	qsort(keys, (size_t) n, sizeof(SortKey), compare_keys);
	for (int i = 0; i < n; i++)
	{
		order[i] = keys[i].spot;
		l->spots[order[i]].place = i;
	}
}

/* How often links cross, by a tree of counts of places taken below. */
static int64
count_crossings(const PulseLayout *l, int *tree)
{
	int64 crossings = 0;

	for (int layer = 0; layer + 1 < l->n_layers; layer++)
	{
		int n = l->start[layer + 2] - l->start[layer + 1];
		int total = 0;

		memset(tree, 0, sizeof(int) * (size_t) (n + 1));
		for (int i = l->start[layer]; i < l->start[layer + 1]; i++)
		{
			int spot = l->order[i];

			for (int k = l->below[spot]; k < l->below[spot + 1]; k++)
			{
				crossings += total;
				for (int p = l->spots[l->below_of[k]].place + 1; p > 0; p -= p & -p)
					crossings -= tree[p];
			}
			for (int k = l->below[spot]; k < l->below[spot + 1]; k++)
			{
				for (int p = l->spots[l->below_of[k]].place + 1; p <= n; p += p & -p)
					tree[p]++;
				total++;
			}
		}
	}
	return crossings;
}

static void
improve_order(PulseLayout *l, PulseArena *arena)
{
	size_t n = (size_t) l->n_spots;
	SortKey *keys = pulse_arena_alloc(arena, sizeof(SortKey) * n);
	int *tree = pulse_arena_alloc(arena, sizeof(int) * (n + 1));
	int *best = pulse_arena_alloc(arena, sizeof(int) * n);
	int64 fewest = count_crossings(l, tree);

	memcpy(best, l->order, sizeof(int) * n);
	for (int sweep = 0; sweep < ORDER_SWEEPS && fewest > 0; sweep++)
	{
		int64 crossings;

		if (sweep % 2 == 0)
		{
			for (int layer = 1; layer < l->n_layers; layer++)
				sort_layer(l, layer, true, keys);
		}
		else
		{
			for (int layer = l->n_layers - 2; layer >= 0; layer--)
				sort_layer(l, layer, false, keys);
		}
		crossings = count_crossings(l, tree);
		if (crossings < fewest)
		{
			fewest = crossings;
			memcpy(best, l->order, sizeof(int) * n);
		}
	}
	memcpy(l->order, best, sizeof(int) * n);
	for (int layer = 0; layer < l->n_layers; layer++)
	{
		for (int i = l->start[layer]; i < l->start[layer + 1]; i++)
			l->spots[l->order[i]].place = i - l->start[layer];
	}
}

PulseLayout *
pulse_layout_make(const PulseGraph *graph, PulseArena *arena)
{
	PulseLayout *l = pulse_arena_zalloc(arena, sizeof(PulseLayout));

	make_spots(l, graph, arena);
	make_neighbours(l, arena);
	first_order(l, graph, arena);
	improve_order(l, arena);
	return l;
}

/*
 * ---------------------------------------------------------------------
 * Coordinates
 * ---------------------------------------------------------------------
 */

/* Neighbours in a row that would overlap move as one. */
typedef struct Block
{
	double sum; /* of weights times wishes */
	double weight;
	int n;
} Block;

static double
distance(const PulseLayout *l, const PulseLayoutRoom *room, int a, int b)
{
	bool lane_a = l->spots[a].lane;
	bool lane_b = l->spots[b].lane;

	return ((lane_a ? room->lane : room->node) + (lane_b ? room->lane : room->node)) / 2 +
		   (lane_a || lane_b ? room->lane_gap : room->node_gap);
}

static bool
is_alone(const PulseLayout *l, int spot)
{
	return l->above[spot] == l->above[spot + 1] && l->below[spot] == l->below[spot + 1];
}

/* What pulls at a spot from one side; the longer a line, the straighter. */
static void
add_wishes(const PulseLayout *l, int spot, bool up, double *sum, double *weight)
{
	const int *ends = up ? l->above : l->below;
	const int *other = up ? l->above_of : l->below_of;

	for (int k = ends[spot]; k < ends[spot + 1]; k++)
	{
		const PulseLayoutSpot *end = &l->spots[other[k]];
		double w = l->spots[spot].lane && end->lane ? 8 : l->spots[spot].lane || end->lane ? 2
																						   : 1;

		*sum += w * end->across;
		*weight += w;
	}
}

/*
 * Moves the spots of a layer as near to their wishes as their order and size
 * allow: the least sum of weighted squares, by pooling those who are in each
 * other's way.
 */
static void
place_layer(PulseLayout *l, const PulseLayoutRoom *room, int layer, bool up, bool down,
			Block *blocks)
{
	int from = l->start[layer];
	int to = l->start[layer + 1];
	int n = 0;
	double offset = 0;

	while (from < to && is_alone(l, l->order[from]))
		from++;
	for (int i = from; i < to; i++)
	{
		int spot = l->order[i];
		double sum = 0;
		double weight = 0;

		if (i > from)
			offset += distance(l, room, l->order[i - 1], spot);
		if (up)
			add_wishes(l, spot, true, &sum, &weight);
		if (down)
			add_wishes(l, spot, false, &sum, &weight);
		if (weight == 0)
		{
			weight = 0.01;
			sum = weight * l->spots[spot].across;
			if (i > from && is_alone(l, spot)) /* just beside the one before */
				sum = weight * (blocks[n - 1].sum / blocks[n - 1].weight + offset);
		}
		blocks[n].sum = sum - weight * offset;
		blocks[n].weight = weight;
		blocks[n].n = 1;
		n++;
		while (n > 1 && blocks[n - 2].sum / blocks[n - 2].weight >=
							blocks[n - 1].sum / blocks[n - 1].weight)
		{
			blocks[n - 2].sum += blocks[n - 1].sum;
			blocks[n - 2].weight += blocks[n - 1].weight;
			blocks[n - 2].n += blocks[n - 1].n;
			n--;
		}
	}

	offset = 0;
	for (int b = 0, i = from; b < n; b++)
	{
		for (int k = 0; k < blocks[b].n; k++, i++)
		{
			if (i > from)
				offset += distance(l, room, l->order[i - 1], l->order[i]);
			l->spots[l->order[i]].across = blocks[b].sum / blocks[b].weight + offset;
		}
	}

	/* those who come first and are bound to nothing stand beside the others */
	for (int i = from - 1; i >= l->start[layer] && from < to; i--)
		l->spots[l->order[i]].across =
			l->spots[l->order[i + 1]].across - distance(l, room, l->order[i], l->order[i + 1]);
}

void
pulse_layout_place(PulseLayout *l, const PulseLayoutRoom *room, PulseArena *arena)
{
	Block *blocks = pulse_arena_alloc(arena, sizeof(Block) * (size_t) l->n_spots);
	double low = 0;
	double high = 0;

	/* packed, each layer around 0 */
	for (int layer = 0; layer < l->n_layers; layer++)
	{
		double at = 0;

		for (int i = l->start[layer]; i < l->start[layer + 1]; i++)
		{
			if (i > l->start[layer])
				at += distance(l, room, l->order[i - 1], l->order[i]);
			l->spots[l->order[i]].across = at;
		}
		for (int i = l->start[layer]; i < l->start[layer + 1]; i++)
			l->spots[l->order[i]].across -= at / 2;
	}
	for (int sweep = 0; sweep < PLACE_SWEEPS; sweep++)
	{
		bool both = sweep >= PLACE_SWEEPS / 2;

		for (int k = 0; k < l->n_layers; k++)
		{
			if (sweep % 2 == 0)
				place_layer(l, room, k, true, both, blocks);
			else
				place_layer(l, room, l->n_layers - 1 - k, both, true, blocks);
		}
	}

	for (int i = 0; i < l->n_spots; i++)
	{
		double half = (l->spots[i].lane ? room->lane : room->node) / 2;

		low = i == 0 ? l->spots[i].across - half : Min(low, l->spots[i].across - half);
		high = i == 0 ? l->spots[i].across + half : Max(high, l->spots[i].across + half);
	}
	for (int i = 0; i < l->n_spots; i++)
		l->spots[i].across -= low;
	l->extent = high - low;
}
