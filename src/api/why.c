/*
 * why.c
 *		Why a run is not moving, and what to do about it.
 *
 * One row for each cause: of the run as a whole (node is NULL), then of each node that
 * is under way or waits.  A hint is a statement that can be run as it stands where
 * there is one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "api/api.h"
#include "api/health.h"
#include "api/look.h"
#include "base/clock.h"
#include "core/state.h"
#include "store/jsonb.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulse_sql_why);

typedef struct Why
{
	PulseRows	rows;
	PulseRunNodes *nodes;
	PulseChildView *children;
	int			n_children;
	PulseArena *arena;
	char	   *id;				/* of the run, as text */
	TimestampTz now;
} Why;

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

static void
put(Why *why, const char *node, const char *status, const char *cause,
	const char *detail, const char *hint)
{
	Datum		values[5];
	bool		nulls[5] = {false};

	values[0] = text_or_null(node, &nulls[0]);
	values[1] = text_or_null(status, &nulls[1]);
	values[2] = CStringGetTextDatum(cause);
	values[3] = text_or_null(detail, &nulls[3]);
	values[4] = text_or_null(hint, &nulls[4]);
	pulse_rows_add(&why->rows, values, nulls);
}

/* "message" of an error, or NULL. */
static const char *
message_of(Why *why, Jsonb *error)
{
	const PulseJson *message;

	if (error == NULL)
		return NULL;
	message = pulse_json_get(pulse_jsonb_read(why->arena, error), "message");
	return message != NULL && message->type == PULSE_JSON_STRING ? message->u.text : NULL;
}

static const char *
node_error(Why *why, const PulseNodeRow *row)
{
	if (row->nulls[PULSE_NODE_ERROR])
		return NULL;
	return message_of(why, DatumGetJsonbP(row->values[PULSE_NODE_ERROR]));
}

static TimestampTz
node_due(const PulseNodeRow *row)
{
	return row->nulls[PULSE_NODE_DUE] ? 0 :
		DatumGetTimestampTz(row->values[PULSE_NODE_DUE]);
}

static char *
time_text(TimestampTz t)
{
	return pstrdup(timestamptz_to_str(t));
}

/* False: nothing more is to be said of this run. */
static bool
run_causes(Why *why)
{
	PulseRunView *run = &why->nodes->run;
	PulseRunStatus status;
	PulseProblem problem;

	if (!pulse_run_status_parse(run->status, &status))
		elog(ERROR, "run %s has unknown status \"%s\"", why->id, run->status);
	if (run->asked != NULL)
		put(why, NULL, run->shown, "inbox",
			psprintf("%s has been asked for and is not taken up yet", run->asked), NULL);
	else if (pulse_run_status_terminal(status))
	{
		put(why, NULL, run->shown, "ended", message_of(why, run->error),
			status == PULSE_RUN_COMPLETED ? psprintf("SELECT pulse.result('%s');", why->id) :
			psprintf("SELECT pulse.retry('%s');", why->id));
		return false;
	}
	if (status == PULSE_RUN_QUARANTINED)
	{
		put(why, NULL, run->shown, "quarantined", message_of(why, run->error),
			psprintf("SELECT pulse.release('%s');", why->id));
		return false;
	}
	if (status == PULSE_RUN_PAUSED)
		put(why, NULL, run->shown, "paused", "nothing new starts until it is resumed",
			psprintf("SELECT pulse.resume('%s');", why->id));

	if (FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()) &&
		U64FromFullTransactionId(GetTopFullTransactionIdIfAny()) == run->xid)
	{
		put(why, NULL, run->shown, "transaction",
			"it was submitted in this transaction, which has not committed", "COMMIT;");
		return false;
	}
	if (pulse_engine_problem(&problem))
		put(why, NULL, run->shown, "engine", problem.detail, problem.hint);
	if (!run->has_started_at && run->has_start_at && run->start_at > why->now)
		put(why, NULL, run->shown, "start_at",
			psprintf("it is not to be started before %s", time_text(run->start_at)), NULL);
	else if (!run->has_started_at && status == PULSE_RUN_PENDING)
		put(why, NULL, run->shown, "queued", "no worker has taken it up yet",
			"SELECT * FROM pulse.stat_workers;");
	return run->has_started_at;
}

static const char *
skip_hint(Why *why, const char *node)
{
	return psprintf("SELECT pulse.skip('%s', %s);", why->id, pulse_quoted(node));
}

/* A node whose host is not available. */
static void
host_cause(Why *why, const PulseNode *def, const PulseNodeRow *row)
{
	const char *error = node_error(why, row);
	TimestampTz due = node_due(row);
	const char *next = due != 0 ? psprintf("; tried again at %s", time_text(due)) : "";
	PulseActionView action;

	if (!pulse_view_action(def->name, why->nodes->run.tenant, why->now, &action))
		put(why, def->id, "waiting", "unknown action",
			psprintf("action \"%s\" is not registered for this tenant%s", def->name, next),
			psprintf("SELECT pulse.register_action(%s, 'host');", pulse_quoted(def->name)));
	else if (action.disabled_reason != NULL)
		put(why, def->id, "waiting", "host disabled",
			psprintf("host \"%s\": %s%s", action.host, action.disabled_reason, next),
			psprintf("SELECT pulse.alter_host(%s, enable => true);", pulse_quoted(action.host)));
	else if (action.open)
		put(why, def->id, "waiting", "circuit open",
			psprintf("host \"%s\": %s%s", action.host,
					 action.reason ? action.reason : "it cannot be used", next),
			psprintf("SELECT * FROM pulse.stat_hosts WHERE host = %s;", pulse_quoted(action.host)));
	else if (action.throttled)
		put(why, def->id, "waiting", "host throttled",
			psprintf("host \"%s\" asked for silence until %s", action.host,
					 time_text(action.until)), NULL);
	else
		put(why, def->id, "waiting", "host",
			psprintf("host \"%s\": %s%s", action.host,
					 error ? error : "it was not available", next), NULL);
}

/* A node that waits for the run it has started. */
static void
child_cause(Why *why, const PulseNode *def)
{
	for (int i = 0; i < why->n_children; i++)
	{
		const PulseChildView *child = &why->children[i];

		if (strcmp(child->node, def->id) != 0)
			continue;
		put(why, def->id, "waiting", "child",
			psprintf("run %s of workflow \"%s\" is %s", child->run, def->name, child->status),
			psprintf("SELECT * FROM pulse.why('%s');", child->run));
		return;
	}
	put(why, def->id, "waiting", "child", psprintf("a run of workflow \"%s\"", def->name), NULL);
}

/* Items of maps that may not start yet: one row a map. */
static void
parallel_causes(Why *why)
{
	const PulseRunNodes *nodes = why->nodes;
	const PulseGraph *graph = nodes->graph;
	bool	   *begun = palloc0(sizeof(bool) * (size_t) Max(graph->n_scopes, 1));
	int		   *held = palloc0(sizeof(int) * (size_t) Max(graph->n_nodes, 1));

	for (int i = 0; i < graph->n_nodes; i++)
	{
		for (const PulseScope *s = graph->nodes[i]->scope; s != NULL; s = s->parent)
			begun[s->number] |= nodes->shown[i] != PULSE_PENDING;
	}
	for (int i = 0; i < graph->n_scopes; i++)
	{
		const PulseScope *scope = graph->scopes[i];

		if (scope != NULL && scope->kind == PULSE_SCOPE_ITEM && !begun[i])
			held[scope->anchor]++;
	}
	for (int k = 0; k < graph->n_nodes; k++)
	{
		int			i = pulse_graph_at_rank(graph, k);
		const PulseNode *map = graph->nodes[i];

		if (held[i] > 0 && map->max_parallel > 0)
			put(why, map->id, pulse_status_name(nodes->shown[i]), "max_parallel",
				psprintf("%d item%s to come: %d may be under way at once", held[i],
						 held[i] == 1 ? "" : "s", map->max_parallel), NULL);
	}
}

static void
waiting_cause(Why *why, const PulseNode *def, const PulseNodeRow *row)
{
	const char *error = node_error(why, row);
	TimestampTz due = node_due(row);
	PulseReason reason = PULSE_REASON_NONE;
	const char *signal = row->signal ? row->signal : def->name;

	if (row->reason != NULL)
		(void) pulse_reason_parse(row->reason, &reason);
	switch (reason)
	{
		case PULSE_REASON_SIGNAL:
			put(why, def->id, "waiting", "signal",
				due != 0 ? psprintf("signal \"%s\", until %s", signal, time_text(due)) :
				psprintf("signal \"%s\"", signal),
				psprintf("SELECT pulse.signal('%s', %s, '{}');", why->id,
						 pulse_quoted(signal)));
			break;
		case PULSE_REASON_CHILD:
			child_cause(why, def);
			break;
		case PULSE_REASON_RETRY:
			put(why, def->id, "waiting", "retry",
				psprintf("attempt %d failed: %s; the next is due at %s",
						 DatumGetInt32(row->values[PULSE_NODE_ATTEMPT]),
						 error ? error : "no message", time_text(due)), NULL);
			break;
		case PULSE_REASON_HOST:
			host_cause(why, def, row);
			break;
		case PULSE_REASON_OPERATOR:
			put(why, def->id, "waiting", "operator",
				psprintf("nobody knows whether attempt %d had its effect, and the action may not be repeated: %s",
						 DatumGetInt32(row->values[PULSE_NODE_ATTEMPT]),
						 error ? error : "no answer was received"),
				psprintf("If it may be repeated: SELECT pulse.retry('%s'); if it is done: %s",
						 why->id,
						 psprintf("SELECT pulse.skip('%s', %s, output => '...');", why->id,
								  pulse_quoted(def->id))));
			break;
		default:
			put(why, def->id, "waiting", "timer",
				due != 0 ? psprintf("until %s", time_text(due)) : NULL,
				skip_hint(why, def->id));
			break;
	}
}

static void
running_cause(Why *why, const PulseNode *def, const PulseNodeRow *row)
{
	PulseActionView action;
	bool		known = pulse_view_action(def->name, why->nodes->run.tenant, why->now, &action);

	put(why, def->id, "running", "call",
		psprintf("attempt %d of action \"%s\"%s is under way",
				 DatumGetInt32(row->values[PULSE_NODE_ATTEMPT]), def->name,
				 known ? psprintf(", host \"%s\",", action.host) : ""),
		psprintf("SELECT * FROM pulse.attempts WHERE run = '%s';", why->id));
}

Datum
pulse_sql_why(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *run;
	Why			why;

	pulse_api_begin();
	run = pulse_arg_uuid(fcinfo, 0, "run");
	why.rows = pulse_rows_begin(fcinfo);
	why.nodes = pulse_look_nodes(run);
	why.children = pulse_view_children(run, &why.n_children);
	why.arena = pulse_arena_create(0);
	why.id = pulse_uuid_out(run);
	why.now = pulse_now();

	if (run_causes(&why))
	{
		for (int k = 0; k < why.nodes->graph->n_nodes; k++)
		{
			int			i = pulse_graph_at_rank(why.nodes->graph, k);
			const PulseNode *def = why.nodes->graph->nodes[i];
			const PulseNodeRow *row = why.nodes->rows[i];

			if (row == NULL)
				continue;
			if (why.nodes->stored[i] == PULSE_RUNNING)
				running_cause(&why, def, row);
			else if (why.nodes->stored[i] == PULSE_WAITING)
				waiting_cause(&why, def, row);
			else if (why.nodes->stored[i] == PULSE_INTERRUPTED)
				put(&why, def->id, "interrupted", "interrupted", row->reason, NULL);
		}
		parallel_causes(&why);
	}
	pulse_arena_free(why.arena);
	return (Datum) 0;
}
