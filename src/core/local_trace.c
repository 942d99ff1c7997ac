/*
 * local_trace.c
 *		What happened in a run in memory, entry by entry, and its proposed rewrites.
 *
 * Owns the shape of these entries, as local.h states it.  Values of nodes that may leave
 * the graph, and of runs that end before the whole does, are copied; it changes no state.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local.h"

#include "core/graph_lower.h"
#include "core/local_private.h"
#include "core/replay.h"
#include "core/timetext.h"

PulseLocalMembers
pulse_local_members(PulseArena *arena, int room)
{
	PulseLocalMembers m = {arena, pulse_arena_alloc(arena, sizeof(PulseJsonPair) * (size_t) Max(room, 1)), 0};

	return m;
}

void
pulse_local_put(PulseLocalMembers *m, const char *key, const PulseJson *value)
{
	m->pairs[m->n++] = (PulseJsonPair) {key, (uint32) strlen(key), value};
}

void
pulse_local_put_text(PulseLocalMembers *m, const char *key, const char *value)
{
	pulse_local_put(m, key, value ? pulse_json_string(m->arena, value) : &pulse_json_null);
}

const PulseJson *
pulse_local_object(PulseLocalMembers *m)
{
	return pulse_json_object(m->arena, m->pairs, m->n);
}

const PulseJson *
pulse_local_seconds(PulseArena *arena, int64 usec)
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

/*
 * ---------------------------------------------------------------------
 * Entries
 * ---------------------------------------------------------------------
 */

static PulseLocalMembers
entry(const PulseLocalUnit *unit, const char *event)
{
	PulseLocalRun *r = unit->all;
	PulseLocalMembers m = pulse_local_members(r->arena, 10);

	pulse_local_put(&m, "at", pulse_local_seconds(r->arena, r->now - r->options->now));
	pulse_local_put_text(&m, "event", event);
	if (unit->path != NULL)
		pulse_local_put_text(&m, "in", unit->path);
	return m;
}

static void
add_entry(PulseLocalRun *r, PulseLocalMembers *m)
{
	if (r->n_trace == r->cap_trace)
	{
		int			cap = Max(16, r->cap_trace * 2);

		r->trace = pulse_arena_grow(r->arena, r->trace,
									sizeof(PulseJson *) * (size_t) r->n_trace,
									sizeof(PulseJson *) * (size_t) cap);
		r->cap_trace = cap;
	}
	r->trace[r->n_trace++] = pulse_local_object(m);
}

/* A value of a node, or (NULL) of the run, if there is one. */
static void
put_value(PulseLocalMembers *m, const PulseLocalUnit *unit, const PulseNode *node,
		  const char *key, const PulseJson *value)
{
	bool		passing = unit->parent != NULL ||
		(node != NULL && pulse_scope_of(node, PULSE_SCOPE_ROUND) != NULL);

	if (value != NULL)
		pulse_local_put(m, key, passing ? pulse_json_copy(m->arena, value) : value);
}

static void
trace_node(const PulseLocalUnit *unit, int number)
{
	const PulseNode *node = unit->state->graph->nodes[number];
	const PulseNodeState *n = &unit->state->nodes[number];
	PulseLocalMembers m;

	/* a call says it by itself; pending nodes have nothing to tell, nor has no node */
	if (node->id_len == 0 || n->status == PULSE_RUNNING || n->status == PULSE_PENDING)
		return;
	/* that a composite node was lowered, and each of its rounds, is told as growth */
	if (n->status == PULSE_REWRITTEN && pulse_kind_composite(node->kind))
		return;
	m = entry(unit, pulse_status_name(n->status));
	pulse_local_put_text(&m, "node", node->id);
	if (pulse_status_has_output(n->status))
		put_value(&m, unit, node, "output", n->output);
	if (pulse_reason_name(n->reason) != NULL)
		pulse_local_put_text(&m, "reason", pulse_reason_name(n->reason));
	if (n->status == PULSE_FAILED || n->status == PULSE_SKIPPED)
		put_value(&m, unit, node, "error", n->error);
	if (n->status == PULSE_WAITING)
	{
		if (n->reason == PULSE_REASON_SIGNAL)
			pulse_local_put_text(&m, "signal", pulse_state_awaited(unit->state, number));
		if (n->due != 0)
			pulse_local_put(&m, "until",
							pulse_local_seconds(m.arena, n->due - unit->all->options->now));
	}
	add_entry(unit->all, &m);
}

static void
trace_call(const PulseLocalUnit *unit, const PulseCommand *cmd)
{
	int			number = pulse_local_number(unit->state, cmd);
	const PulseNode *node;
	PulseLocalMembers m;

	/* it may have been taken back in the same step: then nobody is called */
	if (number < 0 || unit->state->nodes[number].status != PULSE_RUNNING ||
		unit->state->nodes[number].attempt != cmd->attempt)
		return;
	node = unit->state->graph->nodes[number];
	m = entry(unit, "call");
	pulse_local_put_text(&m, "node", node->id);
	pulse_local_put_text(&m, "action", node->name);
	pulse_local_put(&m, "attempt", pulse_json_int(m.arena, cmd->attempt));
	put_value(&m, unit, node, "input", cmd->input);
	put_value(&m, unit, node, "rejection", unit->state->nodes[number].rejection);
	add_entry(unit->all, &m);
}

static void
trace_attempt(const PulseLocalUnit *unit, const PulseCommand *cmd)
{
	PulseLocalMembers m = entry(unit, "attempt");

	pulse_local_put_text(&m, "node", pulse_command_node(unit->state, cmd));
	pulse_local_put(&m, "attempt", pulse_json_int(m.arena, cmd->attempt));
	pulse_local_put_text(&m, "outcome", cmd->outcome);
	if (cmd->detail != NULL)
		put_value(&m, unit, NULL, "error", cmd->detail->error);
	add_entry(unit->all, &m);
}

static void
trace_signal(const PulseLocalUnit *unit, const PulseCommand *cmd)
{
	const PulseLocalSignals *signals = unit->all->local->signals;
	PulseLocalMembers m = entry(unit, "signal");

	pulse_local_put_text(&m, "name", signals->items[strtol(cmd->signal_id, NULL, 10)].name);
	if (cmd->node >= 0)
		pulse_local_put_text(&m, "node", pulse_command_node(unit->state, cmd));
	add_entry(unit->all, &m);
}

/* Was it proposed, or is it a composite node that was lowered? */
static bool
is_proposal(const PulseGrowthRecord *growth)
{
	return growth->budget_before != NULL;
}

static void
trace_growth(const PulseLocalUnit *unit, const PulseGrowthRecord *growth)
{
	PulseLocalMembers m = entry(unit, !is_proposal(growth) ? "grown" :
								growth->admitted ? "rewrite" : "rejected");
	const PulseJson *items = pulse_json_get(growth->detail, "items");

	pulse_local_put_text(&m, "node", growth->anchor);
	pulse_local_put_text(&m, "form", growth->form);
	if (growth->admitted)
		pulse_local_put(&m, "revision", pulse_json_int(m.arena, growth->revision));
	else
		pulse_local_put_text(&m, "code", growth->code);
	if (items != NULL)
		pulse_local_put(&m, "items", pulse_json_int(m.arena, items->len));
	put_value(&m, unit, NULL, "branch", pulse_json_get(growth->detail, "branch"));
	put_value(&m, unit, NULL, "round", pulse_json_get(growth->detail, "round"));
	put_value(&m, unit, NULL, "cost", growth->cost);
	if (growth->admitted)
		put_value(&m, unit, NULL, "remaining", growth->budget_after);
	put_value(&m, unit, NULL, "reason", growth->reason);
	put_value(&m, unit, NULL, "errors", growth->errors);
	put_value(&m, unit, NULL, "exceeded", growth->exceeded);
	add_entry(unit->all, &m);
}

/* Records that are renewed are told again when they have moved on. */
static void
trace_renewed(PulseLocalUnit *unit)
{
	PulseLocalTold *told = &unit->told;

	for (int i = 0; i < told->n_growths; i++)
	{
		if (told->growths[i].revision == told->growths[i].growth->revision)
			continue;
		told->growths[i].revision = told->growths[i].growth->revision;
		trace_growth(unit, told->growths[i].growth);
	}
}

static void
watch_growth(PulseLocalUnit *unit, const PulseGrowthRecord *growth)
{
	PulseLocalTold *told = &unit->told;

	if (strcmp(growth->form, "repeat") != 0)
		return;
	if (told->n_growths == told->cap_growths)
	{
		int			cap = Max(8, told->cap_growths * 2);

		told->growths = pulse_arena_grow(unit->arena, told->growths,
										 sizeof(*told->growths) * (size_t) told->n_growths,
										 sizeof(*told->growths) * (size_t) cap);
		told->cap_growths = cap;
	}
	told->growths[told->n_growths].growth = growth;
	told->growths[told->n_growths++].revision = growth->revision;
}

static void
keep_for_later(PulseLocalUnit *unit, int command)
{
	PulseLocalTold *told = &unit->told;

	if (told->n_later == told->cap_later)
	{
		int			cap = Max(16, told->cap_later * 2);

		told->later = pulse_arena_grow(unit->arena, told->later,
									   sizeof(int) * (size_t) told->n_later,
									   sizeof(int) * (size_t) cap);
		told->cap_later = cap;
	}
	told->later[told->n_later++] = command;
}

/*
 * Within the step, a node that has not come to an end may do so yet; one of a round is told
 * of when the round is over, or at the end of the step.
 */
static bool
is_open(const PulseLocalUnit *unit, int number)
{
	return !pulse_status_terminal(unit->state->nodes[number].status) ||
		pulse_scope_of(unit->state->graph->nodes[number], PULSE_SCOPE_ROUND) != NULL;
}

static void
trace_command(PulseLocalUnit *unit, const PulseCommand *cmd)
{
	PulseLocalMembers m;

	switch (cmd->kind)
	{
		case PULSE_CMD_NODE:
			trace_node(unit, cmd->node);
			break;
		case PULSE_CMD_DISPATCH:
			trace_call(unit, cmd);
			break;
		case PULSE_CMD_ATTEMPT:
			trace_attempt(unit, cmd);
			break;
		case PULSE_CMD_SIGNAL:
			trace_signal(unit, cmd);
			break;
		case PULSE_CMD_GROWTH:
			trace_growth(unit, cmd->growth);
			watch_growth(unit, cmd->growth);
			break;
		case PULSE_CMD_LOG:
			m = entry(unit, "log");
			pulse_local_put_text(&m, "message", cmd->message);
			add_entry(unit->all, &m);
			break;
		default:				/* timers show in what waits, aborts in what is interrupted */
			break;
	}
}

/* Tells what has not been told; at the end of the step, all of it. */
static void
tell(PulseLocalUnit *unit, bool all)
{
	PulseLocalTold *told = &unit->told;

	trace_renewed(unit);
	for (int i = 0; all && i < told->n_later; i++)
		trace_command(unit, &unit->step.commands[told->later[i]]); /* if it has not been taken back */
	for (; told->n < unit->step.n_commands; told->n++)
	{
		const PulseCommand *cmd = &unit->step.commands[told->n];

		if (!all && cmd->kind == PULSE_CMD_NODE && is_open(unit, cmd->node))
			keep_for_later(unit, told->n);
		else
			trace_command(unit, cmd);
	}
}

/*
 * ---------------------------------------------------------------------
 * Rounds that are over
 * ---------------------------------------------------------------------
 */

/* The nodes of a round about which something is to be told. */
typedef struct Wave
{
	const PulseRunState *run;
	PulseArena *arena;
	int			n;
	int			cap;
	int		   *nodes;
} Wave;

static void
join_wave(void *arg, int node)
{
	Wave	   *w = arg;

	if (!w->run->nodes[node].dirty)
		return;					/* that was another step */
	if (w->n == w->cap)
	{
		int			cap = Max(16, w->cap * 2);

		w->nodes = pulse_arena_grow(w->arena, w->nodes, sizeof(int) * (size_t) w->n,
									sizeof(int) * (size_t) cap);
		w->cap = cap;
	}
	w->nodes[w->n++] = node;
}

/* Does the node come after one of those from `first` on? */
static bool
comes_later(const Wave *w, int node, int first)
{
	const PulseNode *def = w->run->graph->nodes[node];

	for (int i = first; i < w->n; i++)
	{
		for (int p = 0; p < def->n_preds; p++)
		{
			if (def->preds[p] == w->nodes[i])
				return true;
		}
	}
	return false;
}

/* Those that come first are told first. */
static void
trace_wave(PulseLocalUnit *unit, Wave *w)
{
	for (int i = 0; i < w->n; i++)
	{
		int			k = i;
		int			node;

		/* in a large one the order of ids will do */
		while (w->n <= 200 && k < w->n - 1 && comes_later(w, w->nodes[k], i))
			k++;
		node = w->nodes[k];
		memmove(w->nodes + i + 1, w->nodes + i, sizeof(int) * (size_t) (k - i));
		w->nodes[i] = node;
		trace_node(unit, node);
	}
}

void
pulse_local_trace_leaving(void *arg, const PulseRunState *run, int node)
{
	PulseLocalUnit *unit = arg;
	const PulseScope *scope = run->graph->nodes[node]->scope;
	Wave		wave = {run, unit->arena};

	/* the round that is over is the one whose collecting node is being activated */
	while (scope != NULL && (scope->kind != PULSE_SCOPE_ROUND ||
							 run->nodes[scope->out].status != PULSE_PENDING ||
							 run->nodes[scope->out].open_preds > 0))
		scope = scope->parent;
	if (scope == NULL || unit->told.wave == run->revision)
		return;					/* a replace; or told with the first of its nodes */
	unit->told.wave = run->revision;
	tell(unit, false);
	pulse_scope_walk(run->graph, scope, join_wave, &wave);
	trace_wave(unit, &wave);
}

/*
 * ---------------------------------------------------------------------
 * Starts, steps and ends
 * ---------------------------------------------------------------------
 */

void
pulse_local_trace_start(PulseLocalUnit *unit)
{
	PulseLocalMembers m = entry(unit, "start");
	char		text[64];

	pulse_timestamp_format(unit->all->now, text);
	pulse_local_put_text(&m, "now", text);
	if (unit->parent != NULL)
	{
		pulse_local_put_text(&m, "workflow", unit->state->workflow);
		put_value(&m, unit, NULL, "input", unit->input);
	}
	add_entry(unit->all, &m);
}

void
pulse_local_trace_step(PulseLocalUnit *unit)
{
	tell(unit, true);
	unit->told.n = unit->told.n_later = unit->told.n_growths = 0;
	unit->told.wave = -1;
}

/* The word about the run is its last, after the ends of the child runs that it has cancelled. */
void
pulse_local_trace_run(PulseLocalUnit *unit)
{
	for (int i = 0; i < unit->step.n_commands; i++)
	{
		PulseLocalMembers m;

		if (unit->step.commands[i].kind != PULSE_CMD_RUN)
			continue;
		m = entry(unit, "run");
		pulse_local_put_text(&m, "status", pulse_run_status_name(unit->state->status));
		add_entry(unit->all, &m);
		break;
	}
}

void
pulse_local_trace_child(PulseLocalUnit *child, const PulseJson *payload)
{
	static const char *const keys[] = {"status", "output", "error"};
	PulseLocalMembers m = entry(child->parent, "child");

	pulse_local_put_text(&m, "node", child->parent_id);
	pulse_local_put_text(&m, "workflow", child->workflow->name);
	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		const PulseJson *value = pulse_json_get(payload, keys[i]);

		if (value != NULL)
			pulse_local_put(&m, keys[i], value);
	}
	add_entry(child->all, &m);
}

/* For the ends the kernel does not know. */
void
pulse_local_trace_end(PulseLocalRun *r)
{
	PulseLocalMembers m;

	if (pulse_run_status_terminal(r->root->state->status))
		return;
	m = entry(r->root, "run");
	pulse_local_put_text(&m, "status", r->status == PULSE_LOCAL_SUSPENDED ? "suspended" : "failed");
	add_entry(r, &m);
}

/*
 * ---------------------------------------------------------------------
 * Rewrites
 * ---------------------------------------------------------------------
 */

static void
put_or_null(PulseLocalMembers *m, const char *key, const PulseJson *value)
{
	pulse_local_put(m, key, value ? pulse_json_copy(m->arena, value) : &pulse_json_null);
}

void
pulse_local_note_growth(PulseLocalRun *r, const PulseGrowthRecord *growth)
{
	PulseLocalMembers m = pulse_local_members(r->arena, 14);

	if (!is_proposal(growth))
		return;
	pulse_local_put(&m, "rewrite", pulse_json_int(r->arena, growth->id));
	pulse_local_put_text(&m, "anchor", growth->anchor);
	pulse_local_put_text(&m, "form", growth->form);
	pulse_local_put(&m, "attempt", growth->attempt > 0 ?
					pulse_json_int(r->arena, growth->attempt) : &pulse_json_null);
	put_or_null(&m, "proposal", growth->rewrite);
	put_or_null(&m, "output", growth->output);
	put_or_null(&m, "cost", growth->cost);
	put_or_null(&m, "budget_before", growth->budget_before);
	put_or_null(&m, "budget_after", growth->budget_after);
	if (growth->admitted)
	{
		pulse_local_put(&m, "revision", pulse_json_int(r->arena, growth->revision));
		pulse_local_put_text(&m, "hash", growth->hash);
	}
	else
	{
		pulse_local_put_text(&m, "code", growth->code);
		put_or_null(&m, "reason", growth->reason);
		put_or_null(&m, "errors", growth->errors);
		put_or_null(&m, "exceeded", growth->exceeded);
	}

	if (r->n_rewrites == r->cap_rewrites)
	{
		int			cap = Max(8, r->cap_rewrites * 2);

		r->rewrites = pulse_arena_grow(r->arena, r->rewrites,
									   sizeof(PulseLocalRewrite) * (size_t) r->n_rewrites,
									   sizeof(PulseLocalRewrite) * (size_t) cap);
		r->cap_rewrites = cap;
	}
	r->rewrites[r->n_rewrites++] = (PulseLocalRewrite) {
		growth->id, growth->admitted, pulse_local_object(&m)
	};
}

void
pulse_local_forget_growth(PulseLocalRun *r, int id)
{
	int			low = 0;
	int			high = r->n_rewrites;

	while (low < high)
	{
		int			mid = (low + high) / 2;

		if (r->rewrites[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == r->n_rewrites || r->rewrites[low].id != id)
		return;					/* lowered, not proposed */
	memmove(&r->rewrites[low], &r->rewrites[low + 1],
			sizeof(PulseLocalRewrite) * (size_t) (r->n_rewrites - low - 1));
	r->n_rewrites--;
}
