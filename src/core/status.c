/*
 * status.c
 *		Frontier, closure, recovery and classification on a vector of statuses.
 *
 * The slow, obvious forms: each question is one walk over the graph. Nothing is
 * kept between calls; scratch memory is an arena that is freed on return.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/status.h"

#include "core/graph_grow.h"

static const char *const status_names[] = {
	[PULSE_PENDING] = "pending",
	[PULSE_RUNNING] = "running",
	[PULSE_WAITING] = "waiting",
	[PULSE_INTERRUPTED] = "interrupted",
	[PULSE_COMPLETED] = "completed",
	[PULSE_REWRITTEN] = "rewritten",
	[PULSE_SKIPPED] = "skipped",
	[PULSE_FAILED] = "failed",
};

static const char *const reason_names[] = {
	[PULSE_REASON_NONE] = NULL,
	[PULSE_REASON_WHEN] = "when",
	[PULSE_REASON_UPSTREAM] = "upstream",
	[PULSE_REASON_ERROR] = "error",
	[PULSE_REASON_OPERATOR] = "operator",
	[PULSE_REASON_REPLAY] = "replay",
	[PULSE_REASON_SIBLING] = "sibling",
	[PULSE_REASON_SHUTDOWN] = "shutdown",
	[PULSE_REASON_CANCELLED] = "cancelled",
	[PULSE_REASON_SIGNAL] = "signal",
	[PULSE_REASON_TIMER] = "timer",
	[PULSE_REASON_RETRY] = "retry",
	[PULSE_REASON_HOST] = "host",
	[PULSE_REASON_CHILD] = "child",
	[PULSE_REASON_CLOSURE] = "closure",
};

static const char *const class_names[] = {
	[PULSE_CLASS_FAILED] = "failed",
	[PULSE_CLASS_PROGRESSING] = "progressing",
	[PULSE_CLASS_IN_FLIGHT] = "in_flight",
	[PULSE_CLASS_COMPLETED] = "completed",
	[PULSE_CLASS_SUSPENDED] = "suspended",
	[PULSE_CLASS_STUCK] = "stuck",
};

const char *
pulse_status_name(PulseStatus status)
{
	return status_names[status];
}

bool
pulse_status_parse(const char *s, PulseStatus *status)
{
	for (size_t i = 0; i < lengthof(status_names); i++)
	{
		if (strcmp(status_names[i], s) == 0)
		{
			*status = (PulseStatus) i;
			return true;
		}
	}
	return false;
}

const char *
pulse_reason_name(PulseReason reason)
{
	return reason_names[reason];
}

bool
pulse_reason_parse(const char *s, PulseReason *reason)
{
	for (size_t i = 0; i < lengthof(reason_names); i++)
	{
		if (reason_names[i] != NULL && strcmp(reason_names[i], s) == 0)
		{
			*reason = (PulseReason) i;
			return true;
		}
	}
	return false;
}

const char *
pulse_class_name(PulseClass class)
{
	return class_names[class];
}

static bool
is_ready(const PulseGraph *graph, const PulseStatus *status, int node)
{
	const PulseNode *def = graph->nodes[node];

	if (status[node] != PULSE_PENDING)
		return false;
	for (int p = 0; p < def->n_preds; p++)
	{
		if (!pulse_status_unblocks(status[def->preds[p]]))
			return false;
	}
	return true;
}

int
pulse_frontier(const PulseGraph *graph, const PulseStatus *status, int *out)
{
	int n = 0;

	pulse_graph_order(graph);
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		int at = pulse_graph_at_rank(graph, i);

		if (is_ready(graph, status, at))
			out[n++] = at;
	}
	return n;
}

void
pulse_lowest_ancestors(const PulseGraph *graph, const bool *marked, int *lowest)
{
	PulseArena *arena = pulse_arena_create(0);
	int *stack = pulse_arena_alloc(arena, sizeof(int) * ((size_t) graph->n_nodes + 1));

	for (int i = 0; i < graph->n_nodes; i++)
		lowest[i] = -1;

	/* whoever is reached first is reached from the lowest */
	pulse_graph_order(graph);
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		int first = pulse_graph_at_rank(graph, i);
		int n = 0;

		if (!marked[first])
			continue;
		stack[n++] = first;
		while (n > 0)
		{
			const PulseNode *def = graph->nodes[stack[--n]];

			for (int s = 0; s < def->n_succs; s++)
			{
				if (lowest[def->succs[s]] >= 0)
					continue;
				lowest[def->succs[s]] = first;
				stack[n++] = def->succs[s];
			}
		}
	}
	pulse_arena_free(arena);
}

int
pulse_closure(const PulseGraph *graph, PulseStatus *status, int *cause)
{
	PulseArena *arena = pulse_arena_create(0);
	bool *failed = pulse_arena_alloc(arena, sizeof(bool) * (size_t) graph->n_nodes);
	int *lowest = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	int changed = 0;

	for (int i = 0; i < graph->n_nodes; i++)
		failed[i] = status[i] == PULSE_FAILED;
	pulse_lowest_ancestors(graph, failed, lowest);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		bool closes = lowest[i] >= 0 &&
					  (status[i] == PULSE_PENDING || status[i] == PULSE_WAITING);

		if (closes)
		{
			status[i] = PULSE_FAILED;
			changed++;
		}
		if (cause != NULL)
			cause[i] = closes ? lowest[i] : -1;
	}
	pulse_arena_free(arena);
	return changed;
}

void
pulse_recover(const PulseGraph *graph, PulseStatus *status)
{
	for (int i = 0; i < graph->n_nodes; i++)
	{
		if (status[i] == PULSE_RUNNING || status[i] == PULSE_INTERRUPTED)
			status[i] = PULSE_PENDING;
	}
	(void) pulse_closure(graph, status, NULL);
}

PulseClass
pulse_classify(const PulseGraph *graph, const PulseStatus *status)
{
	int counts[PULSE_FAILED + 1] = {0};
	int terminal;

	for (int i = 0; i < graph->n_nodes; i++)
		counts[status[i]]++;
	if (counts[PULSE_FAILED] > 0)
		return PULSE_CLASS_FAILED;
	for (int i = 0; counts[PULSE_PENDING] > 0 && i < graph->n_nodes; i++)
	{
		if (is_ready(graph, status, i))
			return PULSE_CLASS_PROGRESSING;
	}
	if (counts[PULSE_RUNNING] > 0)
		return PULSE_CLASS_IN_FLIGHT;
	terminal = counts[PULSE_COMPLETED] + counts[PULSE_REWRITTEN] + counts[PULSE_SKIPPED];
	if (terminal == graph->n_nodes)
		return PULSE_CLASS_COMPLETED;
	if (counts[PULSE_WAITING] > 0)
		return PULSE_CLASS_SUSPENDED;
	return PULSE_CLASS_STUCK;
}
