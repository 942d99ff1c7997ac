/*
 * local_result.c
 *		What a run in memory tells at its end, and the request bodies of its calls.
 *
 * Owns the shape of these documents, as local.h states it.  It changes no
 * state.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/budget.h"
#include "core/graph_grow.h"
#include "core/local_private.h"
#include "core/timetext.h"

static const char suspended_note[] =
	"the run waits for what nobody will send; an in-memory run cannot be resumed: "
	"run it again and give it the signals from the start";

/*
 * ---------------------------------------------------------------------
 * The result
 * ---------------------------------------------------------------------
 */

static const PulseJson *
outputs(const PulseRunState *run, PulseArena *arena)
{
	const PulseGraph *graph = run->graph;
	PulseLocalMembers m = pulse_local_members(arena, graph->n_nodes);

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];

		if (node->id_len > 0 && pulse_status_has_output(run->nodes[i].status))
			m.pairs[m.n++] = (PulseJsonPair) {node->id, node->id_len, run->nodes[i].output};
	}
	return pulse_local_object(&m);
}

/* After closure, as the views of durable runs show them. */
static const PulseJson *
statuses(const PulseRunState *run, PulseArena *arena)
{
	const PulseGraph *graph = run->graph;
	PulseLocalMembers m = pulse_local_members(arena, graph->n_nodes);
	PulseStatus *shown = pulse_arena_alloc(arena, sizeof(*shown) * (size_t) Max(graph->n_nodes, 1));
	const PulseJson *names[PULSE_FAILED + 1] = {NULL};

	for (int i = 0; i < graph->n_nodes; i++)
		shown[i] = run->nodes[i].status;
	if (run->counts[PULSE_FAILED] > 0)
		(void) pulse_closure(graph, shown, NULL);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];

		if (node->id_len == 0)
			continue;			/* a number without a node */
		if (names[shown[i]] == NULL)
			names[shown[i]] = pulse_json_string(arena, pulse_status_name(shown[i]));
		m.pairs[m.n++] = (PulseJsonPair) {node->id, node->id_len, names[shown[i]]};
	}
	return pulse_local_object(&m);
}

static const PulseJson *
rewrites(PulseLocalRun *r)
{
	PulseLocalMembers m = pulse_local_members(r->arena, 2);
	const PulseJson **lists[2];
	uint32		n[2] = {0, 0};

	for (int k = 0; k < 2; k++)
		lists[k] = pulse_arena_alloc(r->arena, sizeof(PulseJson *) * (size_t) Max(r->n_rewrites, 1));
	for (int i = 0; i < r->n_rewrites; i++)
	{
		int			k = r->rewrites[i].admitted ? 0 : 1;

		lists[k][n[k]++] = r->rewrites[i].value;
	}
	pulse_local_put(&m, "admitted", pulse_json_array(r->arena, lists[0], n[0]));
	pulse_local_put(&m, "rejected", pulse_json_array(r->arena, lists[1], n[1]));
	return pulse_local_object(&m);
}

/* What the nodes of a run wait for, and those of its child runs. */
static const PulseJson *
waiting(const PulseLocalUnit *unit)
{
	PulseArena *arena = unit->all->arena;
	const PulseRunState *run = unit->state;
	const PulseGraph *graph = run->graph;
	PulseLocalMembers m = pulse_local_members(arena, run->counts[PULSE_WAITING]);

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];
		const PulseNodeState *n = &run->nodes[i];
		const PulseLocalUnit *child;
		PulseLocalMembers w;

		if (node->id_len == 0 || n->status != PULSE_WAITING)
			continue;
		w = pulse_local_members(arena, 3);
		pulse_local_put_text(&w, "for", pulse_reason_name(n->reason));
		if (n->reason == PULSE_REASON_SIGNAL)
			pulse_local_put_text(&w, "signal", pulse_state_awaited(run, i));
		child = n->reason == PULSE_REASON_CHILD ?
			pulse_local_child_find(unit, &n->activation) : NULL;
		if (child != NULL && child->state != NULL)
			pulse_local_put(&w, "child", waiting(child));
		m.pairs[m.n++] = (PulseJsonPair) {node->id, node->id_len, pulse_local_object(&w)};
	}
	return pulse_local_object(&m);
}

const PulseJson *
pulse_local_result(PulseLocalRun *r)
{
	static const char *const names[] = {"completed", "failed", "suspended"};
	const PulseRunState *run = r->root->state;
	PulseLocalMembers m = pulse_local_members(r->arena, 13);
	const PulseJson *error = r->error ? r->error : run->error;

	pulse_graph_settle(run->graph);
	pulse_local_put_text(&m, "mode", "in_memory");
	pulse_local_put_text(&m, "status", names[r->status]);
	pulse_local_put(&m, "output", r->status == PULSE_LOCAL_COMPLETED ? run->output : &pulse_json_null);
	pulse_local_put(&m, "outputs", outputs(run, r->arena));
	pulse_local_put(&m, "statuses", statuses(run, r->arena));
	pulse_local_put(&m, "error", error ? error : &pulse_json_null);
	pulse_local_put(&m, "trace", r->options->trace ?
					pulse_json_array(r->arena, r->trace, (uint32) r->n_trace) : &pulse_json_null);
	pulse_local_put(&m, "elapsed", pulse_local_seconds(r->arena, r->now - r->options->now));
	pulse_local_put_text(&m, "hash", run->graph->hash);
	pulse_local_put(&m, "remaining_budget", pulse_budget_json(&run->budget, r->arena));
	pulse_local_put(&m, "rewrites", rewrites(r));
	if (r->status == PULSE_LOCAL_SUSPENDED)
	{
		pulse_local_put(&m, "waiting", waiting(r->root));
		pulse_local_put_text(&m, "note", suspended_note);
	}
	return pulse_local_object(&m);
}

/*
 * ---------------------------------------------------------------------
 * The request of a call
 * ---------------------------------------------------------------------
 */

const PulseJson *
pulse_local_body(const PulseLocalCall *call, PulseArena *arena)
{
	const PulseRunState *run = call->run;
	PulseLocalMembers body = pulse_local_members(arena, 3);
	PulseLocalMembers data = pulse_local_members(arena, 10);
	PulseLocalMembers head = pulse_local_members(arena, 4);
	char		text[64];

	pulse_local_put_text(&head, "id", pulse_uuid_text(&run->id, text));
	pulse_local_put_text(&head, "workflow", run->workflow);
	pulse_local_put(&head, "version", pulse_json_int(arena, run->version));
	pulse_local_put(&head, "is_replay", &pulse_json_false);

	pulse_local_put_text(&data, "activation", pulse_uuid_text(&call->activation, text));
	pulse_local_put_text(&data, "action", call->action);
	pulse_local_put(&data, "action_version", &pulse_json_null);
	pulse_local_put_text(&data, "tenant", run->tenant);
	pulse_local_put(&data, "run", pulse_local_object(&head));
	pulse_local_put_text(&data, "node", call->node_id);
	pulse_local_put(&data, "event", &pulse_json_null);
	pulse_local_put(&data, "input", call->input);
	pulse_local_put(&data, "config", call->config);
	if (call->rejection != NULL)
		pulse_local_put(&data, "rejection", call->rejection);

	pulse_local_put_text(&body, "type", "pulse.action.run.v1");
	pulse_timestamp_format(call->at, text);
	pulse_local_put_text(&body, "timestamp", text);
	pulse_local_put(&body, "data", pulse_local_object(&data));
	return pulse_local_object(&body);
}
