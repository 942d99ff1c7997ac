/*
 * facts.c
 *		What people send to runs: signals, and the actions of operators.
 *
 * Each function looks the run up, refuses what cannot be meant, and leaves a row for
 * the owner of the run's part.  The owner decides again when it folds the row, because the
 * run may have moved on by then; so these checks are for people, not for safety.
 */
#include "postgres.h"

#include "api/api.h"

#include "api/look.h"
#include "base/clock.h"
#include "base/errors.h"
#include "core/graph.h"
#include "core/state.h"
#include "store/fact_store.h"
#include "store/jsonb.h"
#include "utils/builtins.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_signal);
PG_FUNCTION_INFO_V1(pulse_sql_cancel);
PG_FUNCTION_INFO_V1(pulse_sql_pause);
PG_FUNCTION_INFO_V1(pulse_sql_resume);
PG_FUNCTION_INFO_V1(pulse_sql_retry);
PG_FUNCTION_INFO_V1(pulse_sql_skip);
PG_FUNCTION_INFO_V1(pulse_sql_release);

#define RESERVED_PREFIX "pulse."

static PulseRunStatus
status_of(const PulseRunHead *run)
{
	PulseRunStatus status;

	if (!pulse_run_status_parse(run->status, &status))
		elog(ERROR, "run %s has unknown status \"%s\"", pulse_uuid_out(&run->id), run->status);
	return status;
}

static bool
ended(const PulseRunHead *run)
{
	return pulse_run_status_terminal(status_of(run));
}

/* Whether the last thing asked for, and not yet done, is this. */
static bool
asked(const PulseRunHead *run, const char *kind)
{
	return run->asked != NULL && strcmp(run->asked, kind) == 0;
}

static void
throw_ended(const PulseRunHead *run)
{
	ereport(ERROR,
			(errcode(ERRCODE_PULSE_RUN_ENDED),
			 errmsg("run %s has ended", pulse_uuid_out(&run->id)),
			 errdetail("Its status is %s.", run->status),
			 errhint("SELECT * FROM pulse.timeline('%s');", pulse_uuid_out(&run->id))));
}

static void
send_fact(const PulseRunHead *run, PulseFactRow *fact)
{
	fact->actor = pulse_actor();
	fact->at = pulse_now();
	pulse_fact_send(run, fact);
	pulse_wake_inbox(run->part);
}

Datum
pulse_sql_signal(PG_FUNCTION_ARGS)
{
	PulseSignalRow signal = {0};
	PulseRunHead *run;
	bool		id_given = !PG_ARGISNULL(3);

	pulse_api_begin();
	signal.name = pulse_arg_name(fcinfo, 1, "name of the signal");
	if (strncmp(signal.name, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("signal name \"%s\" is reserved", signal.name),
				 errdetail("Names that begin with \"%s\" belong to the engine.", RESERVED_PREFIX)));
	signal.payload = pulse_arg_jsonb_opt(fcinfo, 2);
	if (signal.payload == NULL)
		signal.payload = pulse_jsonb_write(&pulse_json_null);
	else
	{
		PulseArena *arena = pulse_arena_create(0);

		(void) pulse_check_payload(arena, signal.payload, "payload of the signal");
		pulse_arena_free(arena);
	}
	signal.id = pulse_arg_name_opt(fcinfo, 3, "id of the signal");
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_SUBMIT, false, "send a signal");

	if (ended(run))
	{
		/* a repeat stays harmless after the end */
		if (id_given && pulse_signal_known(run, signal.id))
			PG_RETURN_TEXT_P(cstring_to_text("duplicate"));
		throw_ended(run);
	}
	if (!id_given)
		signal.id = DatumGetCString(DirectFunctionCall1(uuid_out,
														DirectFunctionCall1(gen_random_uuid, (Datum) 0)));
	signal.actor = pulse_actor();
	signal.at = pulse_now();
	if (!pulse_signal_send(run, &signal))
		PG_RETURN_TEXT_P(cstring_to_text("duplicate"));
	pulse_wake_inbox(run->part);
	PG_RETURN_TEXT_P(cstring_to_text("accepted"));
}

Datum
pulse_sql_cancel(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "cancel"};
	PulseRunHead *run;

	pulse_api_begin();
	fact.reason = pulse_arg_text_opt(fcinfo, 1, "reason", PULSE_REASON_LENGTH);
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_SUBMIT, true, "cancel a run");
	if (asked(run, "cancel") || (ended(run) && !asked(run, "retry")))
		PG_RETURN_BOOL(false);
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}

Datum
pulse_sql_pause(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "pause"};
	PulseRunHead *run;
	PulseRunStatus status;

	pulse_api_begin();
	fact.reason = pulse_arg_text_opt(fcinfo, 1, "reason", PULSE_REASON_LENGTH);
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_SUBMIT, true, "pause a run");
	status = status_of(run);
	if (pulse_run_status_terminal(status) && !asked(run, "retry"))
		throw_ended(run);
	if (status == PULSE_RUN_QUARANTINED || asked(run, "pause") ||
		(status == PULSE_RUN_PAUSED && !asked(run, "resume")))
		PG_RETURN_BOOL(false);
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}

Datum
pulse_sql_resume(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "resume"};
	PulseRunHead *run;
	PulseRunStatus status;

	pulse_api_begin();
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_SUBMIT, true, "resume a run");
	status = status_of(run);
	if (pulse_run_status_terminal(status))
		throw_ended(run);
	if (asked(run, "resume") || (status != PULSE_RUN_PAUSED && !asked(run, "pause")))
		PG_RETURN_BOOL(false);
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}

static void
throw_no_retry(const PulseRunHead *run)
{
	char	   *id = pulse_uuid_out(&run->id);
	PulseRunStatus status = status_of(run);
	bool		live = status == PULSE_RUN_PENDING || status == PULSE_RUN_PAUSED;
	const char *next = live ? "SELECT * FROM pulse.why('%s');" :
	status == PULSE_RUN_QUARANTINED ? "SELECT pulse.release('%s');" : "SELECT pulse.result('%s');";

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("run %s cannot be retried", id),
			 live ? errdetail("It is live, and none of its calls waits for an operator.") :
			 errdetail("Its status is %s; failed, cancelled and timed_out runs can be retried.",
					   run->status),
			 errhint(next, id)));
}

Datum
pulse_sql_retry(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "retry"};
	PulseRunHead *run;

	pulse_api_begin();
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_SUBMIT, true, "retry a run");
	if (asked(run, "retry"))
		PG_RETURN_BOOL(false);
	switch (status_of(run))
	{
		case PULSE_RUN_FAILED:
		case PULSE_RUN_CANCELLED:
		case PULSE_RUN_TIMED_OUT:
			break;
		case PULSE_RUN_PENDING:
		case PULSE_RUN_PAUSED:
			if (!run->awaits_operator && !asked(run, "cancel"))
				throw_no_retry(run);
			break;
		case PULSE_RUN_COMPLETED:
		case PULSE_RUN_QUARANTINED:
			throw_no_retry(run);
	}
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}

/* Nodes in a message: before the end of a map there may be very many. */
#define MAX_OPEN_SHOWN 8

/* Throws unless the node, as far as can be seen, may be skipped. */
static void
check_skip(const PulseRunHead *run, const char *node)
{
	PulseRunNodes *nodes = pulse_look_nodes(&run->id);
	const PulseGraph *graph = nodes->graph;
	int			at = pulse_graph_find(graph, node, strlen(node));
	StringInfoData open;
	int			n_open = 0;

	if (at < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run %s has no node \"%s\"", pulse_uuid_out(&run->id), node),
				 errhint("SELECT node, status FROM pulse.nodes WHERE run = '%s';",
						 pulse_uuid_out(&run->id))));
	if (pulse_status_unblocks(nodes->stored[at]))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node \"%s\" has ended", node),
				 errdetail("Its status is %s.", pulse_status_name(nodes->stored[at]))));

	initStringInfo(&open);
	for (int i = 0; i < graph->nodes[at]->n_preds; i++)
	{
		int			pred = graph->nodes[at]->preds[i];

		if (pulse_status_unblocks(nodes->stored[pred]))
			continue;
		if (++n_open <= MAX_OPEN_SHOWN)
			appendStringInfo(&open, "%s\"%s\" is %s", open.len > 0 ? ", " : "",
							 graph->nodes[pred]->id,
							 pulse_status_name(nodes->stored[pred]));
	}
	if (n_open > MAX_OPEN_SHOWN)
		appendStringInfo(&open, ", and %d more", n_open - MAX_OPEN_SHOWN);
	if (open.len > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("node \"%s\" cannot be skipped yet", node),
				 errdetail("All nodes before it must have ended: %s.", open.data),
				 errhint("SELECT * FROM pulse.why('%s');", pulse_uuid_out(&run->id))));
}

Datum
pulse_sql_skip(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "skip"};
	PulseRunHead *run;
	PulseRunStatus status;

	pulse_api_begin();
	fact.node = pulse_arg_text_opt(fcinfo, 1, "node", PULSE_MAX_LIVE_ID);
	if (fact.node == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("node must not be NULL or empty")));
	fact.output = pulse_arg_jsonb_opt(fcinfo, 2);
	if (fact.output != NULL)
	{
		PulseArena *arena = pulse_arena_create(0);

		(void) pulse_check_payload(arena, fact.output, "output");
		pulse_arena_free(arena);
	}
	fact.reason = pulse_arg_text_opt(fcinfo, 3, "reason", PULSE_REASON_LENGTH);
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_AUTHOR, true, "skip a node");
	status = status_of(run);
	if (status == PULSE_RUN_COMPLETED)
		throw_ended(run);
	if (status == PULSE_RUN_QUARANTINED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %s is quarantined", pulse_uuid_out(&run->id)),
				 errdetail("No node of it can be skipped before it is released."),
				 errhint("SELECT pulse.release('%s');", pulse_uuid_out(&run->id))));
	check_skip(run, fact.node);
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}

Datum
pulse_sql_release(PG_FUNCTION_ARGS)
{
	PulseFactRow fact = {.kind = "release"};
	PulseRunHead *run;

	pulse_api_begin();
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_AUTHOR, true, "release a run");
	if (ended(run))
		throw_ended(run);
	if (status_of(run) != PULSE_RUN_QUARANTINED || asked(run, "release"))
		PG_RETURN_BOOL(false);
	send_fact(run, &fact);
	PG_RETURN_BOOL(true);
}
