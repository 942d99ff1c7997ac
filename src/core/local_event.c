/*
 * local_event.c
 *		Runs in memory: what is due when, and whether anybody still waits for it.
 *
 * Owns the heap of events, which lies in the arena of the whole.  Numbers of nodes may come
 * to mean other nodes, so what an event or a call is about is told by the id as well.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/local_private.h"

static inline bool
event_before(const PulseLocalEvent *a, const PulseLocalEvent *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void
pulse_local_push(PulseLocalRun *r, PulseLocalEvent event)
{
	int			i;

	event.seq = r->seq++;
	if (r->n_events == r->cap_events)
	{
		int			cap = Max(8, r->cap_events * 2);

		r->events = pulse_arena_grow(r->arena, r->events,
									 sizeof(event) * (size_t) r->n_events,
									 sizeof(event) * (size_t) cap);
		r->cap_events = cap;
	}
	for (i = r->n_events++; i > 0; i = (i - 1) / 2)
	{
		if (!event_before(&event, &r->events[(i - 1) / 2]))
			break;
		r->events[i] = r->events[(i - 1) / 2];
	}
	r->events[i] = event;
}

PulseLocalEvent
pulse_local_pop(PulseLocalRun *r)
{
	PulseLocalEvent top = r->events[0];
	PulseLocalEvent last = r->events[--r->n_events];
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= r->n_events)
			break;
		if (child + 1 < r->n_events &&
			event_before(&r->events[child + 1], &r->events[child]))
			child++;
		if (!event_before(&r->events[child], &last))
			break;
		r->events[i] = r->events[child];
		i = child;
	}
	r->events[i] = last;
	return top;
}

/* The state of the node if its number still means it, else NULL. */
static const PulseNodeState *
same_node(const PulseLocalUnit *unit, int node, const char *id)
{
	const PulseGraph *graph;

	if (unit->over || unit->state == NULL)
		return NULL;
	graph = unit->state->graph;
	if (node >= graph->n_nodes || strcmp(graph->nodes[node]->id, id) != 0)
		return NULL;
	return &unit->state->nodes[node];
}

bool
pulse_local_call_holds(const PulseLocalCall *call)
{
	const PulseNodeState *n = same_node(call->unit, call->node, call->node_id);

	return n != NULL && n->status == PULSE_RUNNING && n->attempt == call->attempt &&
		memcmp(&n->activation, &call->activation, sizeof(PulseUuid)) == 0;
}

bool
pulse_local_event_holds(const PulseLocalEvent *event)
{
	const PulseNodeState *n;

	if (event->unit->over)
		return false;
	switch (event->kind)
	{
		case PULSE_LOCAL_TIMER:
			n = same_node(event->unit, event->index, event->id);
			return n != NULL && n->status == PULSE_WAITING && n->due == event->at;
		case PULSE_LOCAL_OUTCOME:
			return pulse_local_call_holds(event->call);
		case PULSE_LOCAL_CHILD_ENDED:
			n = same_node(event->unit, event->index, event->id);
			return n != NULL && n->status == PULSE_WAITING &&
				memcmp(&n->activation, &event->child, sizeof(PulseUuid)) == 0;
		default:
			return true;
	}
}
