/*
 * wait.c
 *		Waiting for the end of a run.
 *
 * Sleeps on a condition variable of the run's part and looks with a snapshot of its own
 * each time, whatever the isolation level of the caller.  A wake-up that gets lost, or an
 * engine that is off, costs a second and nothing else: pulse_wait_sleep comes back once a
 * second.
 */
#include "postgres.h"

#include "api/api.h"

#include "access/xact.h"
#include "api/submit.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "store/jsonb.h"
#include "store/look_store.h"
#include "store/part.h"
#include "store/submit_store.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_wait);
PG_FUNCTION_INFO_V1(pulse_sql_result);
PG_FUNCTION_INFO_V1(pulse_sql_run);

/* Longest sleep; longer timeouts are made of several. */
#define MAX_SLEEP_MS INT64CONST(3600000)

/* True: the run has ended. Leaves no snapshot behind unless there was one. */
static bool
look(const pg_uuid_t *id)
{
	bool		push = !ActiveSnapshotSet();
	bool		gone;
	bool		ended;

	if (push)
		PushActiveSnapshot(GetTransactionSnapshot());
	ended = pulse_view_ended(id, &gone);
	if (push)
		PopActiveSnapshot();
	if (gone)
		pulse_throw_no_run(id);
	return ended;
}

/* Waits until the run has ended or timeout_usec (negative: none) have passed. */
static void
wait_for(const pg_uuid_t *id, int part, int64 timeout_usec)
{
	TimestampTz start = GetCurrentTimestamp();
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "pulse wait",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);

	pulse_wait_prepare(part);
	for (;;)
	{
		long		ms = -1;

		MemoryContextReset(scratch);
		if (look(id))
			break;
		if (timeout_usec >= 0)
		{
			int64		left = timeout_usec - (GetCurrentTimestamp() - start);

			if (left <= 0)
				break;
			ms = (long) Min((left + 999) / 1000, MAX_SLEEP_MS);
		}
		(void) pulse_wait_sleep(ms);
	}
	pulse_wait_cancel();
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

static void
refuse_own(const PulseRunHead *run)
{
	FullTransactionId top = GetTopFullTransactionIdIfAny();

	if (FullTransactionIdIsValid(top) && U64FromFullTransactionId(top) == run->xid)
		ereport(ERROR,
				(errcode(ERRCODE_PULSE_RUN_NOT_COMMITTED),
				 errmsg("run %s was submitted in this transaction", pulse_uuid_out(&run->id)),
				 errdetail("It cannot start before the transaction commits, so waiting for it here would not end."),
				 errhint("Commit first, or use: CALL pulse.run(%s);", pulse_quoted(run->workflow))));
}

/* An interval argument; -1: none. */
static int64
timeout_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? -1 : pulse_interval_usec(PG_GETARG_INTERVAL_P(n), "timeout");
}

/* Asks for the rights again: they may have gone while the caller waited. */
static void
read_result(const pg_uuid_t *id, const char *tenant, PulseRunResult *result)
{
	bool		push = !ActiveSnapshotSet();

	if (push)
		PushActiveSnapshot(GetTransactionSnapshot());
	if (!pulse_view_result(id, result) || !pulse_access_has(PULSE_LEVEL_READ, tenant))
		pulse_throw_no_run(id);
	if (push)
		PopActiveSnapshot();
}

Datum
pulse_sql_wait(PG_FUNCTION_ARGS)
{
	PulseRunResult result = {0};
	PulseRunHead *run;
	TupleDesc	desc;
	Datum		values[4];
	bool		nulls[4] = {false};
	int64		timeout;

	pulse_api_begin();
	timeout = timeout_arg(fcinfo, 1);
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_READ, false, "wait for a run");
	refuse_own(run);
	wait_for(&run->id, run->part, timeout);
	read_result(&run->id, run->tenant, &result);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = UUIDPGetDatum(&run->id);
	values[1] = CStringGetTextDatum(result.status);
	values[2] = result.output ? JsonbPGetDatum(result.output) : (Datum) 0;
	nulls[2] = result.output == NULL;
	values[3] = result.error ? JsonbPGetDatum(result.error) : (Datum) 0;
	nulls[3] = result.error == NULL;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static void
throw_not_completed(const pg_uuid_t *id, const PulseRunResult *result)
{
	char	   *message = "there is no error recorded";

	if (result->error != NULL)
	{
		PulseArena *arena = pulse_arena_create(0);
		const PulseJson *error = pulse_jsonb_read(arena, result->error);
		const PulseJson *text = pulse_json_get(error, "message");
		const PulseJson *node = pulse_json_get(error, "node");

		if (text != NULL && text->type == PULSE_JSON_STRING)
			message = pstrdup(text->u.text);
		if (node != NULL && node->type == PULSE_JSON_STRING)
			message = psprintf("node \"%s\": %s", node->u.text, message);
		pulse_arena_free(arena);
	}
	ereport(ERROR,
			(errcode(ERRCODE_PULSE_RUN_NOT_COMPLETED),
			 errmsg("run %s ended with status %s", pulse_uuid_out(id), result->status),
			 errdetail("%s.", message),
			 errhint("SELECT * FROM pulse.timeline('%s');", pulse_uuid_out(id))));
}

/* Output of a completed run, JSON null if it has none; throws otherwise. */
static Jsonb *
completed_output(const pg_uuid_t *id, const PulseRunResult *result)
{
	if (!result->ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %s has not ended", pulse_uuid_out(id)),
				 errdetail("Its status is %s.", result->status),
				 errhint("SELECT * FROM pulse.wait('%s');", pulse_uuid_out(id))));
	if (strcmp(result->status, "completed") != 0)
		throw_not_completed(id, result);
	return result->output ? result->output : pulse_jsonb_write(&pulse_json_null);
}

Datum
pulse_sql_result(PG_FUNCTION_ARGS)
{
	PulseRunResult result = {0};
	PulseRunHead *run;

	pulse_api_begin();
	run = pulse_arg_run(fcinfo, 0, PULSE_LEVEL_READ, false, "read the result of a run");
	read_result(&run->id, run->tenant, &result);
	PG_RETURN_JSONB_P(completed_output(&run->id, &result));
}

Datum
pulse_sql_run(PG_FUNCTION_ARGS)
{
	PulseRunResult result = {0};
	PulseSubmitArgs a = {0};
	CallContext *call = (CallContext *) fcinfo->context;
	PulseRunHead run;
	TupleDesc	desc;
	HeapTuple	tuple;
	Datum		value;
	bool		isnull = false;
	int64		timeout;

	if (call == NULL || !IsA(call, CallContext) || call->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("pulse.run cannot be called inside a transaction block"),
				 errdetail("It commits the submit before it waits."),
				 errhint("Use pulse.submit, and pulse.wait after the commit.")));
	pulse_api_begin();
	a.workflow = pulse_arg_name(fcinfo, 0, "name of the workflow");
	a.tenant = pstrdup(pulse_guc_tenant);
	pulse_check_tenant(a.tenant);
	a.input = pulse_arg_jsonb_opt(fcinfo, 1);
	timeout = timeout_arg(fcinfo, 2);
	run.id = pulse_api_submit(&a);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = CreateTupleDescCopy(desc);

	pulse_submit_commit();

	wait_for(&run.id, pulse_part_of(&run.id), timeout);
	read_result(&run.id, a.tenant, &result);
	if (!result.ended)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run %s did not end within the timeout", pulse_uuid_out(&run.id)),
				 errdetail("It goes on; its status is %s.", result.status),
				 errhint("SELECT * FROM pulse.why('%s');", pulse_uuid_out(&run.id))));
	value = JsonbPGetDatum(completed_output(&run.id, &result));
	tuple = heap_form_tuple(BlessTupleDesc(desc), &value, &isnull);
	PG_RETURN_DATUM(HeapTupleGetDatum(tuple));
}
