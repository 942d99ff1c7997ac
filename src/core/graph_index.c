/*
 * graph_index.c
 *		Node numbers by id, for graphs that grow.
 *
 * Open addressing over node numbers; ids are those of the graph.  A table of the same
 * size is filled anew in place, so that a loop without end keeps its memory.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_index.h"

#include "common/hashfn.h"

#define EMPTY (-1)
#define REMOVED (-2)

struct PulseGraphIndex
{
	uint32 mask;
	int used; /* slots that are not empty */
	int *slots;
};

static uint32
hash_id(const char *id, size_t len)
{
	return hash_bytes((const unsigned char *) id, (int) len);
}

static void
insert(PulseGraphIndex *index, const PulseGraph *graph, int node)
{
	uint32 at = hash_id(graph->nodes[node]->id, graph->nodes[node]->id_len) & index->mask;

	while (index->slots[at] >= 0)
		at = (at + 1) & index->mask;
	if (index->slots[at] == EMPTY)
		index->used++;
	index->slots[at] = node;
}

/* All nodes but `without`, into at least twice the room they need. */
static void
fill(PulseGraph *graph, int without)
{
	PulseGraphIndex *index = graph->index;
	uint32 size = 64;

	while (size < 4 * (uint32) pulse_graph_size(graph))
		size *= 2;
	if (index->slots == NULL || size > index->mask + 1)
	{
		index->slots = pulse_arena_alloc(graph->arena, sizeof(int) * size);
		index->mask = size - 1;
	}
	for (uint32 i = 0; i <= index->mask; i++)
		index->slots[i] = EMPTY;
	index->used = 0;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		if (i != without && pulse_node_exists(graph->nodes[i]))
			insert(index, graph, i);
	}
}

int
pulse_index_find(PulseGraph *graph, const char *id, size_t len)
{
	PulseGraphIndex *index = graph->index;
	uint32 at;

	if (index == NULL)
	{
		index = graph->index = pulse_arena_zalloc(graph->arena, sizeof(PulseGraphIndex));
		fill(graph, -1);
	}
	at = hash_id(id, len) & index->mask;
	for (; index->slots[at] != EMPTY; at = (at + 1) & index->mask)
	{
		const PulseNode *node;

		if (index->slots[at] == REMOVED)
			continue;
		node = graph->nodes[index->slots[at]];
		if (node->id_len == len && memcmp(node->id, id, len) == 0)
			return index->slots[at];
	}
	return -1;
}

void
pulse_index_add(PulseGraph *graph, int node)
{
	PulseGraphIndex *index = graph->index;

	if (index == NULL)
		return;
	if ((uint32) index->used >= (index->mask + 1) / 2)
		fill(graph, node);
	insert(index, graph, node);
}

void
pulse_index_remove(PulseGraph *graph, int node)
{
	PulseGraphIndex *index = graph->index;
	uint32 at;

	if (index == NULL)
		return;
	at = hash_id(graph->nodes[node]->id, graph->nodes[node]->id_len) & index->mask;
	while (index->slots[at] != node)
	{
		Assert(index->slots[at] != EMPTY);
		at = (at + 1) & index->mask;
	}
	index->slots[at] = REMOVED;
}
