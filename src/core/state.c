/*
 * state.c
 *		The state of one run in memory, and its bookkeeping.
 *
 * Owns the incremental side of the kernel: what follows from one status change costs
 * the degree of the node, never the size of the graph.  The rules themselves are
 * in status.c (as questions), fold_run.c, fold_node.c and activate.c (as actions).
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/state.h"

/* Larger values are loaded again when needed instead of being kept. */
#define KEEP_VALUE_BYTES 4096
#define KEEP_RUN_BYTES (1024 * 1024)

static const char *const run_status_names[] = {
	"pending", "paused", "completed", "failed", "cancelled", "timed_out",
	"quarantined"
};

const char *
pulse_run_status_name(PulseRunStatus status)
{
	return run_status_names[status];
}

bool
pulse_run_status_parse(const char *s, PulseRunStatus *status)
{
	for (int i = 0; i < (int) lengthof(run_status_names); i++)
	{
		if (strcmp(s, run_status_names[i]) == 0)
		{
			*status = (PulseRunStatus) i;
			return true;
		}
	}
	return false;
}

PulseRunState *
pulse_state_create(const PulseGraph *graph)
{
	size_t node_bytes = sizeof(PulseNodeState) * (size_t) graph->n_nodes;
	PulseArena *arena = pulse_arena_create(512 + node_bytes +
										   sizeof(int) * (size_t) graph->n_nodes);
	PulseRunState *run = pulse_arena_zalloc(arena, sizeof(PulseRunState));

	run->arena = arena;
	run->graph = graph;
	run->input = &pulse_json_null;
	run->nodes = pulse_arena_zalloc(arena, node_bytes);
	run->heap = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	pulse_state_derive(run);
	return run;
}

void
pulse_state_free(PulseRunState *run)
{
	if (run != NULL)
		pulse_arena_free(run->arena);
}

static inline bool
heap_before(const PulseRunState *run, int a, int b)
{
	return run->graph->nodes[a]->rank < run->graph->nodes[b]->rank;
}

void
pulse_state_push_ready(PulseRunState *run, int node)
{
	int i = run->n_heap++;

	Assert(!run->nodes[node].ready);
	run->nodes[node].ready = true;
	while (i > 0)
	{
		int parent = (i - 1) / 2;

		if (!heap_before(run, node, run->heap[parent]))
			break;
		run->heap[i] = run->heap[parent];
		i = parent;
	}
	run->heap[i] = node;
}

int
pulse_state_pop_ready(PulseRunState *run)
{
	int top;
	int last;
	int i = 0;

	if (run->n_heap == 0)
		return -1;
	top = run->heap[0];
	run->nodes[top].ready = false;
	last = run->heap[--run->n_heap];
	for (;;)
	{
		int child = 2 * i + 1;

		if (child >= run->n_heap)
			break;
		if (child + 1 < run->n_heap &&
			heap_before(run, run->heap[child + 1], run->heap[child]))
			child++;
		if (!heap_before(run, run->heap[child], last))
			break;
		run->heap[i] = run->heap[child];
		i = child;
	}
	if (run->n_heap > 0)
		run->heap[i] = last;
	return top;
}

void
pulse_state_derive(PulseRunState *run)
{
	const PulseGraph *graph = run->graph;

	memset(run->counts, 0, sizeof(run->counts));
	run->n_heap = 0;
	run->n_waits = 0;
	for (int i = 0; i < graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];
		const PulseNode *def = graph->nodes[i];

		run->counts[n->status]++;
		n->ready = false;
		n->open_preds = 0;
		n->skipped_preds = 0;
		for (int p = 0; p < def->n_preds; p++)
		{
			PulseStatus s = run->nodes[def->preds[p]].status;

			if (!pulse_status_unblocks(s))
				n->open_preds++;
			else if (s == PULSE_SKIPPED)
				n->skipped_preds++;
		}
		if (n->status == PULSE_PENDING && n->open_preds == 0)
			pulse_state_push_ready(run, i);
		else if (n->status == PULSE_WAITING && n->reason == PULSE_REASON_SIGNAL)
			pulse_state_add_wait(run, i);
	}
}

void
pulse_state_add_wait(PulseRunState *run, int node)
{
	if (run->n_waits == run->cap_waits)
	{
		int cap = Max(4, run->cap_waits * 2);

		run->waits = pulse_arena_grow(run->arena, run->waits,
									  sizeof(int) * (size_t) run->n_waits,
									  sizeof(int) * (size_t) cap);
		run->cap_waits = cap;
	}
	run->waits[run->n_waits++] = node;
}

int
pulse_state_find_wait(PulseRunState *run, const char *name)
{
	int best = -1;
	int kept = 0;

	for (int i = 0; i < run->n_waits; i++)
	{
		int node = run->waits[i];
		PulseNodeState *n = &run->nodes[node];

		/* those that have gone on are dropped in passing */
		if (n->status != PULSE_WAITING || n->reason != PULSE_REASON_SIGNAL)
			continue;
		run->waits[kept++] = node;
		if (strcmp(run->graph->nodes[node]->name, name) == 0 &&
			(best < 0 || heap_before(run, node, best)))
			best = node;
	}
	run->n_waits = kept;
	return best;
}

void
pulse_state_set(PulseRunState *run, int node, PulseStatus status,
				PulseReason reason)
{
	PulseNodeState *n = &run->nodes[node];
	const PulseNode *def = run->graph->nodes[node];
	PulseStatus old = n->status;

	/* unblocking is for ever: only pulse_state_derive takes it back */
	Assert(!pulse_status_unblocks(old));
	Assert(!n->ready);

	run->counts[old]--;
	run->counts[status]++;
	n->status = status;
	n->reason = reason;
	if (!pulse_status_unblocks(status))
		return;

	for (int s = 0; s < def->n_succs; s++)
	{
		int succ = def->succs[s];
		PulseNodeState *m = &run->nodes[succ];

		m->open_preds--;
		if (status == PULSE_SKIPPED)
			m->skipped_preds++;
		if (m->open_preds == 0 && m->status == PULSE_PENDING)
			pulse_state_push_ready(run, succ);
	}
}

void
pulse_state_add_signal(PulseRunState *run, int64 seq, const char *id,
					   const char *name, const PulseJson *payload)
{
	PulseSignal *s;

	for (int i = 0; i < run->n_signals; i++)
	{
		if (strcmp(run->signals[i].id, id) == 0)
			return;
	}
	if (run->n_signals == run->cap_signals)
	{
		int cap = Max(4, run->cap_signals * 2);

		run->signals = pulse_arena_grow(run->arena, run->signals,
										sizeof(PulseSignal) * (size_t) run->n_signals,
										sizeof(PulseSignal) * (size_t) cap);
		run->cap_signals = cap;
	}
	s = &run->signals[run->n_signals++];
	s->seq = seq;
	s->id = pulse_arena_strdup(run->arena, id);
	s->name = pulse_arena_strdup(run->arena, name);
	s->payload = pulse_json_copy(run->arena, payload);
	s->settled = false;

	/* keep them in order of arrival; they nearly always come so */
	for (PulseSignal *p = s; p > run->signals && p[-1].seq > p->seq; p--)
	{
		PulseSignal swap = p[-1];

		p[-1] = *p;
		*p = swap;
	}
}

const char *
pulse_state_violation(const PulseRunState *run, PulseArena *arena)
{
	const PulseGraph *graph = run->graph;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNodeState *n = &run->nodes[i];
		const PulseNode *def = graph->nodes[i];

		if (n->output != NULL && !pulse_status_has_output(n->status))
			return pulse_arena_printf(arena, "output_not_allowed: node %s is %s and has an output",
									  def->id, pulse_status_name(n->status));
		if (!pulse_status_unblocks(n->status))
			continue;

		/*
		 * An ancestor that does not end blocks all in between, so looking at
		 * the direct predecessors of every node finds each violation.
		 */
		for (int p = 0; p < def->n_preds; p++)
		{
			if (!pulse_status_terminal(run->nodes[def->preds[p]].status))
				return pulse_arena_printf(arena, "ancestor_unfinished: node %s is %s but %s is %s",
										  def->id, pulse_status_name(n->status),
										  graph->nodes[def->preds[p]]->id,
										  pulse_status_name(run->nodes[def->preds[p]].status));
		}
	}
	return NULL;
}

/* A copy in the run's arena if that is worth while, else NULL. */
static const PulseJson *
keep_value(PulseRunState *run, const PulseJson *value)
{
	if (value == NULL || value == &pulse_json_null ||
		value == &pulse_json_true || value == &pulse_json_false)
		return value;
	if (pulse_json_size(value) > KEEP_VALUE_BYTES ||
		pulse_arena_size(run->arena) > KEEP_RUN_BYTES)
		return NULL;
	return pulse_json_copy(run->arena, value);
}

void
pulse_state_settle(PulseRunState *run, const int *nodes, int n)
{
	for (int i = 0; i < n; i++)
	{
		PulseNodeState *node = &run->nodes[nodes[i]];

		node->dirty = false;
		node->has_row = true;
		node->output = keep_value(run, node->output);
		node->error = keep_value(run, node->error);
		if (node->action_version != NULL)
			node->action_version = pulse_arena_strdup(run->arena, node->action_version);
	}
}
