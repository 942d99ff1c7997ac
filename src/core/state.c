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

#include "common/hashfn.h"

#include "core/budget.h"
#include "core/graph_grow.h"

/* Larger values are loaded again when needed instead of being kept. */
#define KEEP_VALUE_BYTES 4096
#define KEEP_RUN_BYTES (1024 * 1024)

/* Of more signals than these, ids are found by their hash. */
#define FEW_SIGNALS 32

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
	run->budget = graph->budget;
	pulse_budget_fill(&run->budget);
	run->nodes = pulse_arena_zalloc(arena, node_bytes);
	run->heap = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	run->cap_nodes = run->cap_heap = graph->n_nodes;
	pulse_state_derive(run);
	return run;
}

void
pulse_state_free(PulseRunState *run)
{
	if (run == NULL)
		return;
	pulse_graph_free(run->own_graph);
	pulse_arena_free(run->arena);
}

PulseGraph *
pulse_state_own_graph(PulseRunState *run)
{
	if (run->own_graph == NULL)
		run->graph = run->own_graph = pulse_graph_copy_beside(run->graph, run->arena);
	return run->own_graph;
}

static inline bool
heap_before(const PulseRunState *run, int a, int b)
{
	return pulse_node_before(run->graph, a, b);
}

void
pulse_state_push_ready(PulseRunState *run, int node)
{
	int i;

	/* it may be in the heap from an earlier time, when it was ended in another way */
	if (run->nodes[node].ready)
		return;
	run->nodes[node].ready = true;
	if (run->n_heap == run->cap_heap)
	{
		int cap = Max(run->cap_heap * 2, 16);

		run->heap = pulse_arena_grow(run->arena, run->heap, sizeof(int) * (size_t) run->n_heap,
									 sizeof(int) * (size_t) cap);
		run->cap_heap = cap;
	}
	i = run->n_heap++;
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

/* The top of the heap, removed. */
static int
pop_heap(PulseRunState *run)
{
	int top = run->heap[0];
	int last = run->heap[--run->n_heap];
	int i = 0;

	run->nodes[top].ready = false;
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

int
pulse_state_pop_ready(PulseRunState *run)
{
	while (run->n_heap > 0)
	{
		int top = pop_heap(run);

		if (run->nodes[top].status == PULSE_PENDING && run->nodes[top].open_preds == 0)
			return top;
	}
	return -1;
}

/*
 * ---------------------------------------------------------------------
 * Scopes
 * ---------------------------------------------------------------------
 */

static PulseScopeState *
scope_state(PulseRunState *run, const PulseScope *scope)
{
	return &run->scopes[scope->number];
}

/* That of item 0, where the bookkeeping of the whole map is. */
static PulseScopeState *
map_state(PulseRunState *run, const PulseScope *item)
{
	return &run->scopes[item->number - item->index];
}

/* Changes the number of nodes that have not ended, in all scopes around the node. */
static void
count_live(PulseRunState *run, const PulseNode *def, int delta)
{
	for (const PulseScope *scope = def->scope; scope != NULL; scope = scope->parent)
	{
		PulseScopeState *s = scope_state(run, scope);

		s->live += delta;
		if (s->live != 0 || delta > 0)
			continue;
		if (scope->kind == PULSE_SCOPE_ITEM && s->started)
		{
			map_state(run, scope)->active--;
			pulse_state_start_items(run, scope);
		}

		/* what came behind a node with an error handler may end after all exits have */
		if (run->nodes[scope->out].status == PULSE_PENDING && run->nodes[scope->out].open_preds == 0 &&
			!pulse_state_gathers(run, scope->out))
			pulse_state_push_ready(run, scope->out);
	}
}

bool
pulse_state_gathers(PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	const PulseScope *scope;

	if (def->kind != PULSE_KIND_COLLECT)
		return false;
	scope = run->graph->nodes[def->preds[0]]->scope;
	while (scope->out != node)
		scope = scope->parent;
	return scope->kind == PULSE_SCOPE_ITEM ? map_state(run, scope)->active > 0 : scope_state(run, scope)->live > 0;
}

/*
 * A node of an item whose turn has not come is not ready, whatever is before it; nor is a
 * collecting node before all it collects has ended.
 */
static bool
held_back(PulseRunState *run, int node)
{
	const PulseScope *scope = run->graph->nodes[node]->scope;

	if (scope != NULL && scope->kind == PULSE_SCOPE_ITEM && !scope_state(run, scope)->started)
		return true;
	return pulse_state_gathers(run, node);
}

static void
start_item(PulseRunState *run, const PulseScope *scope)
{
	scope_state(run, scope)->started = true;
	for (int i = 0; i < scope->n_nodes; i++)
	{
		const PulseNodeState *n = &run->nodes[scope->nodes[i]];

		if (n->status == PULSE_PENDING && n->open_preds == 0)
			pulse_state_push_ready(run, scope->nodes[i]);
	}
}

void
pulse_state_start_items(PulseRunState *run, const PulseScope *scope)
{
	const PulseGraph *graph = run->graph;
	int first = scope->number - scope->index;
	PulseScopeState *map = &run->scopes[first];
	int max = graph->nodes[scope->anchor]->max_parallel;

	while (map->next < scope->n_items && (max == 0 || map->active < max))
	{
		int number = first + map->next++;

		/* all ended already: the whole map was, or it was skipped */
		if (run->scopes[number].started || run->scopes[number].live == 0)
			continue;
		map->active++;
		start_item(run, graph->scopes[number]);
	}
}

static void
room_for_scopes(PulseRunState *run)
{
	int n = run->graph->n_scopes;
	int cap = Max(run->cap_scopes, 8);

	if (n <= run->cap_scopes)
		return;
	while (cap < n)
		cap *= 2;
	run->scopes = pulse_arena_grow(run->arena, run->scopes,
								   sizeof(PulseScopeState) * (size_t) run->cap_scopes,
								   sizeof(PulseScopeState) * (size_t) cap);
	memset(run->scopes + run->cap_scopes, 0,
		   sizeof(PulseScopeState) * (size_t) (cap - run->cap_scopes));
	run->cap_scopes = cap;
}

static void
room_for_nodes(PulseRunState *run)
{
	int n = run->graph->n_nodes;
	int cap = Max(run->cap_nodes, 16);

	if (n <= run->cap_nodes)
		return;
	while (cap < n)
		cap *= 2;
	run->nodes = pulse_arena_grow(run->arena, run->nodes,
								  sizeof(PulseNodeState) * (size_t) run->cap_nodes,
								  sizeof(PulseNodeState) * (size_t) cap);
	memset(run->nodes + run->cap_nodes, 0,
		   sizeof(PulseNodeState) * (size_t) (cap - run->cap_nodes));
	run->cap_nodes = cap;
}

static void
count_preds(PulseRunState *run, int node)
{
	const PulseNode *def = run->graph->nodes[node];
	PulseNodeState *n = &run->nodes[node];

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
}

void
pulse_state_make_room(PulseRunState *run)
{
	room_for_nodes(run);
	room_for_scopes(run);
}

void
pulse_state_grown(PulseRunState *run, const int *numbers, int n)
{
	pulse_state_make_room(run);
	for (int i = 0; i < n; i++)
	{
		PulseNodeState *s = &run->nodes[numbers[i]];
		bool ready = s->ready; /* an old entry is in the heap still */
		bool dirty = s->dirty; /* and an old command in the list */
		int32 listed = s->listed;

		memset(s, 0, sizeof(*s));
		s->ready = ready;
		s->dirty = dirty;
		s->listed = listed;
		run->counts[PULSE_PENDING]++;
		count_live(run, run->graph->nodes[numbers[i]], 1);
	}
	for (int i = 0; i < n; i++)
	{
		count_preds(run, numbers[i]);
		if (run->nodes[numbers[i]].open_preds == 0 && !held_back(run, numbers[i]))
			pulse_state_push_ready(run, numbers[i]);
	}
}

void
pulse_state_replaced(PulseRunState *run, int anchor, const int *numbers, int n)
{
	PulseStatus old = run->nodes[anchor].status;

	pulse_state_grown(run, numbers, n);
	run->counts[old]--;
	if (!pulse_status_terminal(old))
		count_live(run, run->graph->nodes[anchor], -1);
}

void
pulse_state_recount(PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	count_preds(run, node);
	if (n->status == PULSE_PENDING && n->open_preds == 0 && !held_back(run, node))
		pulse_state_push_ready(run, node);
}

void
pulse_state_gone(PulseRunState *run, int node)
{
	PulseNodeState *n = &run->nodes[node];

	Assert(pulse_status_terminal(n->status));
	run->counts[n->status]--;
	n->output = NULL;
	n->error = NULL;
}

/* Which items have been started follows from their nodes. */
static void
derive_items(PulseRunState *run)
{
	const PulseGraph *graph = run->graph;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *def = graph->nodes[i];
		PulseNodeState *n = &run->nodes[i];

		if (n->status == PULSE_PENDING && !n->has_activation)
			continue;
		for (const PulseScope *scope = def->scope; scope != NULL; scope = scope->parent)
			scope_state(run, scope)->started = true;

		/* one that failed without an on_error of its own has ended its item */
		if (n->status == PULSE_SKIPPED && n->reason == PULSE_REASON_ERROR &&
			def->on_error == PULSE_ON_ERROR_FAIL)
		{
			for (const PulseScope *scope = def->scope; scope != NULL; scope = scope->parent)
			{
				if (scope->kind == PULSE_SCOPE_ITEM && graph->nodes[scope->anchor]->tolerate >= 0)
				{
					if (scope_state(run, scope)->failed == 0)
						map_state(run, scope)->failures++;
					scope_state(run, scope)->failed = i + 1;
					break;
				}
				if (graph->nodes[scope->out]->on_error != PULSE_ON_ERROR_FAIL)
					break;
			}
		}
	}
	for (int i = 0; i < graph->n_scopes; i++)
	{
		const PulseScope *scope = graph->scopes[i];

		if (scope != NULL && scope->kind == PULSE_SCOPE_ITEM &&
			run->scopes[i].started && run->scopes[i].live > 0)
			map_state(run, scope)->active++;
	}
	for (int i = 0; i < graph->n_scopes; i++)
	{
		const PulseScope *scope = graph->scopes[i];

		if (scope != NULL && scope->kind == PULSE_SCOPE_ITEM && scope->index == 0)
			pulse_state_start_items(run, scope);
	}
}

void
pulse_state_derive(PulseRunState *run)
{
	const PulseGraph *graph = run->graph;

	memset(run->counts, 0, sizeof(run->counts));
	run->n_heap = 0;
	run->n_waits = 0;
	pulse_state_make_room(run);
	if (run->cap_scopes > 0)
		memset(run->scopes, 0, sizeof(PulseScopeState) * (size_t) run->cap_scopes);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];
		const PulseNode *def = graph->nodes[i];

		n->ready = false;
		if (!pulse_node_exists(def))
			continue;
		run->counts[n->status]++;
		count_preds(run, i);
		if (def->scope != NULL && !pulse_status_terminal(n->status))
			count_live(run, def, 1);
	}
	if (graph->n_scopes > 0)
		derive_items(run);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		PulseNodeState *n = &run->nodes[i];

		if (!pulse_node_exists(graph->nodes[i]))
			continue;
		if (n->status == PULSE_PENDING && n->open_preds == 0 && !held_back(run, i))
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
		if (strcmp(pulse_state_awaited(run, node), name) == 0 &&
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

	run->counts[old]--;
	run->counts[status]++;
	n->status = status;
	n->reason = reason;
	if (def->scope != NULL && pulse_status_terminal(status) != pulse_status_terminal(old))
		count_live(run, def, pulse_status_terminal(status) ? -1 : 1);
	if (!pulse_status_unblocks(status))
		return;

	for (int s = 0; s < def->n_succs; s++)
	{
		int succ = def->succs[s];
		PulseNodeState *m = &run->nodes[succ];

		m->open_preds--;
		if (status == PULSE_SKIPPED)
			m->skipped_preds++;
		if (m->open_preds == 0 && m->status == PULSE_PENDING && !held_back(run, succ))
			pulse_state_push_ready(run, succ);
	}
}

/* The slot of a signal's id, or the empty one where it belongs. */
static int *
signal_slot(PulseRunState *run, const char *id)
{
	uint32 at = hash_bytes((const unsigned char *) id, (int) strlen(id));

	for (;; at++)
	{
		int *slot = &run->signal_slots[at & (uint32) (run->n_slots - 1)];

		if (*slot < 0 || strcmp(run->signals[*slot].id, id) == 0)
			return slot;
	}
}

/* All signals into slots, at least twice as many. */
static void
fill_signal_slots(PulseRunState *run)
{
	int n = Max(run->n_slots, 4 * FEW_SIGNALS);

	while (n < 2 * run->cap_signals)
		n *= 2;
	if (n > run->n_slots)
		run->signal_slots = pulse_arena_alloc(run->arena, sizeof(int) * (size_t) n);
	run->n_slots = n;
	for (int i = 0; i < n; i++)
		run->signal_slots[i] = -1;
	for (int i = 0; i < run->n_signals; i++)
		*signal_slot(run, run->signals[i].id) = i;
}

static bool
knows_signal(PulseRunState *run, const char *id)
{
	if (run->n_slots > 0)
		return *signal_slot(run, id) >= 0;
	for (int i = 0; i < run->n_signals; i++)
	{
		if (strcmp(run->signals[i].id, id) == 0)
			return true;
	}
	return false;
}

void
pulse_state_add_signal(PulseRunState *run, int64 seq, const char *id,
					   const char *name, const PulseJson *payload)
{
	PulseSignal *s;
	bool moved = false;

	if (knows_signal(run, id))
		return;
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
		moved = true;
		run->first_signal = Min(run->first_signal, (int) (p - run->signals) - 1);
	}
	if (run->n_slots >= 2 * run->n_signals && !moved)
		*signal_slot(run, s->id) = run->n_signals - 1;
	else if (run->n_signals >= FEW_SIGNALS)
		fill_signal_slots(run);
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
		if (node->signal != NULL)
			node->signal = pulse_arena_strdup(run->arena, node->signal);
		if (node->rejection != NULL)
			node->rejection = pulse_json_copy(run->arena, node->rejection);
	}
}

const PulseJson *
pulse_state_memo(const PulseNodeState *node, PulseArena *arena)
{
	PulseJsonPair *pairs;
	uint32 n = 0;

	if (node->signal == NULL && node->rejection == NULL && node->reexecutions == 0)
		return NULL;
	pairs = pulse_arena_alloc(arena, 3 * sizeof(PulseJsonPair));
	if (node->signal != NULL)
		pairs[n++] = (PulseJsonPair){ "signal", 6, pulse_json_string(arena, node->signal) };
	if (node->rejection != NULL)
		pairs[n++] = (PulseJsonPair){ "rejection", 9, node->rejection };
	if (node->reexecutions > 0)
		pairs[n++] = (PulseJsonPair){ "reexecutions", 12, pulse_json_int(arena, node->reexecutions) };
	return pulse_json_object(arena, pairs, n);
}

void
pulse_state_memo_read(PulseNodeState *node, const PulseJson *memo, PulseArena *arena)
{
	const PulseJson *signal = pulse_json_get(memo, "signal");
	const PulseJson *rejection = pulse_json_get(memo, "rejection");
	const PulseJson *count = pulse_json_get(memo, "reexecutions");
	int64 n;

	if (signal != NULL && signal->type == PULSE_JSON_STRING)
		node->signal = pulse_arena_strdup(arena, signal->u.text);
	if (rejection != NULL)
		node->rejection = pulse_json_copy(arena, rejection);
	if (count != NULL && pulse_json_as_int(count, &n) && n > 0 && n < PG_INT32_MAX)
		node->reexecutions = (int32) n;
}
