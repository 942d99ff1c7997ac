/*
 * local_result.c
 *		What a run in memory tells: its result, its trace, its request bodies.
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
#include "core/local_private.h"
#include "core/timetext.h"

static const char suspended_note[] =
	"the run waits for what nobody will send; an in-memory run cannot be resumed: "
	"run it again and give it the signals from the start";

/* Members of an object under construction. */
typedef struct Members
{
	PulseArena *arena;
	PulseJsonPair *pairs;
	uint32		n;
} Members;

static Members
members(PulseArena *arena, int room)
{
	Members		m = {arena, pulse_arena_alloc(arena, sizeof(PulseJsonPair) * (size_t) Max(room, 1)), 0};

	return m;
}

static void
put(Members *m, const char *key, const PulseJson *value)
{
	m->pairs[m->n++] = (PulseJsonPair) {key, (uint32) strlen(key), value};
}

static void
put_text(Members *m, const char *key, const char *value)
{
	put(m, key, value ? pulse_json_string(m->arena, value) : &pulse_json_null);
}

static void
put_node(Members *m, const PulseLocalRun *r, int node)
{
	const PulseNode *def = r->state->graph->nodes[node];

	put(m, "node", pulse_json_stringn(m->arena, def->id, def->id_len));
}

static const PulseJson *
object(Members *m)
{
	return pulse_json_object(m->arena, m->pairs, m->n);
}

/* Seconds with as many digits as they need. */
static const PulseJson *
seconds(PulseArena *arena, int64 usec)
{
	char		text[40];
	int			len;

	len = snprintf(text, sizeof(text), INT64_FORMAT ".%06d", usec / 1000000,
				   (int) (usec % 1000000));
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	return pulse_json_number_text(arena, text, (size_t) len);
}

/* What waits: the name of the signal, if it is one. */
static const char *
awaited(const PulseLocalRun *r, int node)
{
	if (r->state->nodes[node].reason != PULSE_REASON_SIGNAL)
		return NULL;
	return r->state->graph->nodes[node]->name;
}

/*
 * ---------------------------------------------------------------------
 * The trace
 * ---------------------------------------------------------------------
 */

static Members
entry(PulseLocalRun *r, const char *event)
{
	Members		m = members(r->arena, 8);

	put(&m, "at", seconds(r->arena, r->now - r->options->now));
	put_text(&m, "event", event);
	return m;
}

static void
add_entry(PulseLocalRun *r, Members *m)
{
	if (r->n_trace == r->cap_trace)
	{
		int			cap = Max(16, r->cap_trace * 2);

		r->trace = pulse_arena_grow(r->arena, r->trace,
									sizeof(PulseJson *) * (size_t) r->n_trace,
									sizeof(PulseJson *) * (size_t) cap);
		r->cap_trace = cap;
	}
	r->trace[r->n_trace++] = object(m);
}

static void
trace_node(PulseLocalRun *r, int node)
{
	const PulseNodeState *n = &r->state->nodes[node];
	Members		m;

	/* a call says it by itself; pending nodes have nothing to tell */
	if (n->status == PULSE_RUNNING || n->status == PULSE_PENDING)
		return;
	m = entry(r, pulse_status_name(n->status));
	put_node(&m, r, node);
	if (pulse_status_has_output(n->status))
		put(&m, "output", n->output);
	if (pulse_reason_name(n->reason) != NULL)
		put_text(&m, "reason", pulse_reason_name(n->reason));
	if (n->error != NULL && (n->status == PULSE_FAILED || n->status == PULSE_SKIPPED))
		put(&m, "error", n->error);
	if (n->status == PULSE_WAITING)
	{
		if (awaited(r, node) != NULL)
			put_text(&m, "signal", awaited(r, node));
		if (n->due != 0)
			put(&m, "until", seconds(r->arena, n->due - r->options->now));
	}
	add_entry(r, &m);
}

static void
trace_command(PulseLocalRun *r, const PulseCommand *cmd)
{
	Members		m;

	switch (cmd->kind)
	{
		case PULSE_CMD_NODE:
			trace_node(r, cmd->node);
			return;
		case PULSE_CMD_RUN:
			m = entry(r, "run");
			put_text(&m, "status", pulse_run_status_name(r->state->status));
			break;
		case PULSE_CMD_DISPATCH:
			m = entry(r, "call");
			put_node(&m, r, cmd->node);
			put_text(&m, "action", r->state->graph->nodes[cmd->node]->name);
			put(&m, "attempt", pulse_json_int(r->arena, cmd->attempt));
			put(&m, "input", cmd->input);
			break;
		case PULSE_CMD_ATTEMPT:
			m = entry(r, "attempt");
			put_node(&m, r, cmd->node);
			put(&m, "attempt", pulse_json_int(r->arena, cmd->attempt));
			put_text(&m, "outcome", cmd->outcome);
			if (cmd->detail != NULL && cmd->detail->error != NULL)
				put(&m, "error", cmd->detail->error);
			break;
		case PULSE_CMD_SIGNAL:
			m = entry(r, "signal");
			put_text(&m, "name",
					 r->local->signals->items[strtol(cmd->signal_id, NULL, 10)].name);
			if (cmd->node >= 0)
				put_node(&m, r, cmd->node);
			break;
		case PULSE_CMD_LOG:
			m = entry(r, "log");
			put_text(&m, "message", cmd->message);
			break;
		default:				/* timers show in what waits, aborts in what is interrupted */
			return;
	}
	add_entry(r, &m);
}

void
pulse_local_trace_start(PulseLocalRun *r)
{
	Members		m = entry(r, "start");
	char		text[64];

	pulse_timestamp_format(r->now, text);
	put_text(&m, "now", text);
	add_entry(r, &m);
}

/* The word about the run, if there is one, is the last. */
void
pulse_local_trace_step(PulseLocalRun *r)
{
	const PulseCommand *last = NULL;

	for (int i = 0; i < r->step.n_commands; i++)
	{
		if (r->step.commands[i].kind == PULSE_CMD_RUN)
			last = &r->step.commands[i];
		else
			trace_command(r, &r->step.commands[i]);
	}
	if (last != NULL)
		trace_command(r, last);
}

/* For the ends the kernel does not know. */
void
pulse_local_trace_end(PulseLocalRun *r)
{
	Members		m;

	if (pulse_run_status_terminal(r->state->status))
		return;
	m = entry(r, "run");
	put_text(&m, "status", r->status == PULSE_LOCAL_SUSPENDED ? "suspended" : "failed");
	add_entry(r, &m);
}

/*
 * ---------------------------------------------------------------------
 * The result
 * ---------------------------------------------------------------------
 */

static const PulseJson *
outputs(PulseLocalRun *r)
{
	const PulseGraph *graph = r->state->graph;
	Members		m = members(r->arena, graph->n_nodes);

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNodeState *n = &r->state->nodes[i];

		if (pulse_status_has_output(n->status))
			m.pairs[m.n++] = (PulseJsonPair) {graph->nodes[i]->id, graph->nodes[i]->id_len, n->output};
	}
	return object(&m);
}

/* After closure, as the views of durable runs show them. */
static const PulseJson *
statuses(PulseLocalRun *r)
{
	const PulseGraph *graph = r->state->graph;
	Members		m = members(r->arena, graph->n_nodes);
	PulseStatus *shown = pulse_arena_alloc(r->arena, sizeof(*shown) * (size_t) Max(graph->n_nodes, 1));
	const PulseJson *names[PULSE_FAILED + 1] = {NULL};

	for (int i = 0; i < graph->n_nodes; i++)
		shown[i] = r->state->nodes[i].status;
	if (r->state->counts[PULSE_FAILED] > 0)
		(void) pulse_closure(graph, shown, NULL);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		if (names[shown[i]] == NULL)
			names[shown[i]] = pulse_json_string(r->arena, pulse_status_name(shown[i]));
		m.pairs[m.n++] = (PulseJsonPair) {graph->nodes[i]->id, graph->nodes[i]->id_len, names[shown[i]]};
	}
	return object(&m);
}

/* That of the options, else of the graph, else the default. */
static const PulseJson *
remaining_budget(PulseLocalRun *r)
{
	const PulseGraph *graph = r->state->graph;
	PulseBudget budget = r->options->budget;

	for (int i = 0; graph->budget_given && i < PULSE_BUDGET_DIMS; i++)
	{
		PulseBudget given = graph->budget;
		int64	   *field = pulse_budget_dim(&budget, i);

		if (*field < 0)
			*field = *pulse_budget_dim(&given, i);
	}
	pulse_budget_fill(&budget);
	return pulse_budget_json(&budget, r->arena);
}

static const PulseJson *
rewrites(PulseLocalRun *r)
{
	Members		m = members(r->arena, 2);

	put(&m, "admitted", pulse_json_array(r->arena, NULL, 0));
	put(&m, "rejected", pulse_json_array(r->arena, NULL, 0));
	return object(&m);
}

static const PulseJson *
waiting(PulseLocalRun *r)
{
	const PulseGraph *graph = r->state->graph;
	Members		m = members(r->arena, r->state->counts[PULSE_WAITING]);

	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNodeState *n = &r->state->nodes[i];
		Members		w;

		if (n->status != PULSE_WAITING)
			continue;
		w = members(r->arena, 2);
		put_text(&w, "for", pulse_reason_name(n->reason));
		if (awaited(r, i) != NULL)
			put_text(&w, "signal", awaited(r, i));
		m.pairs[m.n++] = (PulseJsonPair) {graph->nodes[i]->id, graph->nodes[i]->id_len, object(&w)};
	}
	return object(&m);
}

const PulseJson *
pulse_local_result(PulseLocalRun *r)
{
	static const char *const names[] = {"completed", "failed", "suspended"};
	Members		m = members(r->arena, 12);
	const PulseJson *error = r->error ? r->error : r->state->error;

	put_text(&m, "mode", "in_memory");
	put_text(&m, "status", names[r->status]);
	put(&m, "output", r->status == PULSE_LOCAL_COMPLETED ? r->state->output : &pulse_json_null);
	put(&m, "outputs", outputs(r));
	put(&m, "statuses", statuses(r));
	put(&m, "error", error ? error : &pulse_json_null);
	put(&m, "trace", r->options->trace ?
		pulse_json_array(r->arena, r->trace, (uint32) r->n_trace) : &pulse_json_null);
	put(&m, "elapsed", seconds(r->arena, r->now - r->options->now));
	put(&m, "remaining_budget", remaining_budget(r));
	put(&m, "rewrites", rewrites(r));
	if (r->status == PULSE_LOCAL_SUSPENDED)
	{
		put(&m, "waiting", waiting(r));
		put_text(&m, "note", suspended_note);
	}
	return object(&m);
}

/*
 * ---------------------------------------------------------------------
 * The request of a call
 * ---------------------------------------------------------------------
 */

const PulseJson *
pulse_local_body(const PulseLocalCall *call, const PulseRunState *run, PulseArena *arena)
{
	Members		body = members(arena, 3);
	Members		data = members(arena, 9);
	Members		head = members(arena, 4);
	char		text[64];

	put_text(&head, "id", pulse_uuid_text(&run->id, text));
	put_text(&head, "workflow", run->workflow);
	put(&head, "version", pulse_json_int(arena, run->version));
	put(&head, "is_replay", &pulse_json_false);

	put_text(&data, "activation", pulse_uuid_text(&call->activation, text));
	put_text(&data, "action", call->action);
	put(&data, "action_version", &pulse_json_null);
	put_text(&data, "tenant", run->tenant);
	put(&data, "run", object(&head));
	put_text(&data, "node", call->node_id);
	put(&data, "event", &pulse_json_null);
	put(&data, "input", call->input);
	put(&data, "config", call->config);

	put_text(&body, "type", "pulse.action.run.v1");
	pulse_timestamp_format(call->at, text);
	put_text(&body, "timestamp", text);
	put(&body, "data", object(&data));
	return object(&body);
}
