/*
 * graph.c
 *		Questions to a graph that stands: find a node, ancestors, the hash.
 *
 * Changes nothing but the hash; reading is in graph_read.c.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph.h"

#include "core/graph_index.h"
#include "core/graph_private.h"
#include "core/sha256.h"

int
pulse_graph_find(const PulseGraph *graph, const char *id, size_t len)
{
	int low = 0;
	int high = pulse_graph_size(graph) - 1;

	if (graph->unsettled)
		return pulse_index_find((PulseGraph *) graph, id, len);

	while (low <= high)
	{
		int mid = low + (high - low) / 2;
		int at = pulse_graph_at_rank(graph, mid);
		const PulseNode *n = graph->nodes[at];
		int c = memcmp(id, n->id, Min(len, n->id_len));

		if (c == 0)
		{
			if (len == n->id_len)
				return at;
			c = len < n->id_len ? -1 : 1;
		}
		if (c < 0)
			high = mid - 1;
		else
			low = mid + 1;
	}
	return -1;
}

int
pulse_graph_collecting(const PulseGraph *graph, int node, PulseArena *scratch)
{
	const PulseNode *composite = graph->nodes[node];
	char *id;
	int at;

	if (!pulse_kind_composite(composite->kind))
		return -1;
	id = pulse_arena_printf(scratch, "%s:out", composite->id);
	at = pulse_graph_find(graph, id, composite->id_len + 4);
	return at >= 0 && graph->nodes[at]->kind == PULSE_KIND_COLLECT && graph->nodes[at]->collects == node ? at : -1;
}

bool
pulse_node_before(const PulseGraph *graph, int a, int b)
{
	const PulseNode *x = graph->nodes[a];
	const PulseNode *y = graph->nodes[b];
	int c;

	if (!graph->unsettled)
		return x->rank < y->rank;
	c = memcmp(x->id, y->id, Min(x->id_len, y->id_len));
	return c != 0 ? c < 0 : x->id_len < y->id_len;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *) a;
	int y = *(const int *) b;

	return (x > y) - (x < y);
}

void
pulse_graph_ancestors(const PulseGraph *graph, int node, PulseArena *arena,
					  int **anc, int *n)
{
	/* a bit a node is small next to one visit of the ancestry's edges */
	uint8 *seen = pulse_arena_zalloc(arena, (size_t) graph->n_nodes / 8 + 1);
	int cap = 32;
	int *list = pulse_arena_alloc(arena, sizeof(int) * (size_t) cap);
	int count = 0;
	int next = 0;
	int at = node;

	/* the list is its own queue */
	for (;;)
	{
		const PulseNode *def = graph->nodes[at];

		for (int i = 0; i < def->n_preds; i++)
		{
			int p = def->preds[i];

			if (seen[p / 8] & (1 << (p % 8)))
				continue;
			seen[p / 8] |= (uint8) (1 << (p % 8));
			if (count == cap)
			{
				list = pulse_arena_grow(arena, list, sizeof(int) * (size_t) cap,
										sizeof(int) * (size_t) cap * 2);
				cap *= 2;
			}
			list[count++] = p;
		}
		if (next == count)
			break;
		at = list[next++];
	}
	*anc = list;
	*n = count;
	if (graph->unsettled)
		return;
	if (graph->by_rank != NULL)
	{
		for (int i = 0; i < count; i++)
			list[i] = graph->nodes[list[i]]->rank;
	}
	qsort(list, (size_t) count, sizeof(int), compare_ints);
	if (graph->by_rank != NULL)
	{
		for (int i = 0; i < count; i++)
			list[i] = graph->by_rank[list[i]];
	}
}

const char *
pulse_node_kind_name(const PulseNode *node)
{
	switch (node->kind)
	{
		case PULSE_KIND_ACTION:
			return "action";
		case PULSE_KIND_PURE:
			return "pure";
		case PULSE_KIND_DELAY:
			return "delay";
		case PULSE_KIND_SIGNAL:
			return "signal";
		case PULSE_KIND_NOOP:
			return "noop";
		case PULSE_KIND_CHOOSE:
			return "choose";
		case PULSE_KIND_MAP:
			return "map";
		case PULSE_KIND_REPEAT:
			return "repeat";
		case PULSE_KIND_WORKFLOW:
			return "workflow";
		case PULSE_KIND_COLLECT:
			return "collect";
	}
	return "?";
}

/* Feeds text to the digest in pieces of some size. */
typedef struct HashSink
{
	PulseSha256 sha;
	size_t n;
	char buf[4096];
} HashSink;

static void
hash_bytes(HashSink *sink, const char *s, size_t len)
{
	if (sink->n + len > sizeof(sink->buf))
	{
		pulse_sha256_update(&sink->sha, sink->buf, sink->n);
		sink->n = 0;
	}
	/* an id has 2,000 bytes at most */
	Assert(len <= sizeof(sink->buf));
	memcpy(sink->buf + sink->n, s, len);
	sink->n += len;
}

static void
hash_id(HashSink *sink, const PulseNode *node)
{
	/* no character of an id needs an escape in JSON */
	hash_bytes(sink, "\"", 1);
	hash_bytes(sink, node->id, node->id_len);
	hash_bytes(sink, "\"", 1);
}

void
pulse_graph_hash(PulseGraph *graph)
{
	static const char hex[] = "0123456789abcdef";
	HashSink sink;
	unsigned char digest[PULSE_SHA256_LEN];
	bool first = true;

	pulse_sha256_init(&sink.sha);
	sink.n = 0;
	hash_bytes(&sink, "[[", 2);
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		if (i > 0)
			hash_bytes(&sink, ",", 1);
		hash_id(&sink, graph->nodes[pulse_graph_at_rank(graph, i)]);
	}
	hash_bytes(&sink, "],[", 3);
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		const PulseNode *from = graph->nodes[pulse_graph_at_rank(graph, i)];

		for (int s = 0; s < from->n_succs; s++)
		{
			hash_bytes(&sink, first ? "[" : ",[", first ? 1 : 2);
			hash_id(&sink, from);
			hash_bytes(&sink, ",", 1);
			hash_id(&sink, graph->nodes[from->succs[s]]);
			hash_bytes(&sink, "]", 1);
			first = false;
		}
	}
	hash_bytes(&sink, "]]", 2);
	pulse_sha256_update(&sink.sha, sink.buf, sink.n);
	pulse_sha256_final(&sink.sha, digest);
	for (int i = 0; i < PULSE_SHA256_LEN; i++)
	{
		graph->hash[2 * i] = hex[digest[i] >> 4];
		graph->hash[2 * i + 1] = hex[digest[i] & 15];
	}
	graph->hash[2 * PULSE_SHA256_LEN] = '\0';
}
