/*
 * pulse_test.c
 *		An engine in a test's own backend, under the test's own clock.
 *
 * The same functions that a worker drives, driven by SQL: deterministic, so that
 * pg_regress can compare.  The functions are not part of the extension; a test
 * declares them (test/sql/setup.sql), which only a superuser may.  The procedures
 * end transactions: CALL them outside of a transaction block, with
 * pulse.enabled = off, since two owners of one part do not go together.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/txn.h"
#include "engine/test_driver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "store/jsonb.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* Rounds after which a drain is taken for a loop without end. */
#define MAX_ROUNDS 100000

static PulseEngine *engine = NULL;

/* Where the lists of answers of pulse_test.answer_all stand. */
static int *cursors = NULL;
static int n_cursors = 0;

PG_FUNCTION_INFO_V1(pulse_test_set_now);
PG_FUNCTION_INFO_V1(pulse_test_drain);
PG_FUNCTION_INFO_V1(pulse_test_kill);
PG_FUNCTION_INFO_V1(pulse_test_calls);
PG_FUNCTION_INFO_V1(pulse_test_answer);
PG_FUNCTION_INFO_V1(pulse_test_answer_all);
PG_FUNCTION_INFO_V1(pulse_test_bindings_reset);

/* pulse_test.set_now(timestamptz): NULL gives the real clock back. */
Datum
pulse_test_set_now(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		pulse_clock_clear_override();
	else
		pulse_clock_set_override(PG_GETARG_TIMESTAMPTZ(0));
	PG_RETURN_VOID();
}

/* CALL pulse_test.drain(n): batches until nothing is left to do now, at most n if that is not 0. */
Datum
pulse_test_drain(PG_FUNCTION_ARGS)
{
	PulseHints hints = { 0 };
	volatile bool again;
	volatile int rounds = 0;
	volatile int most = PG_NARGS() > 0 ? PG_GETARG_INT32(0) : 0;

	pulse_txn_set_driven(true);
	PG_TRY();
	{
		if (engine == NULL)
			engine = pulse_engine_create(0, 1, true);
		hints.all = true;
		do
		{
			PulseBatchResult r;

			CHECK_FOR_INTERRUPTS();
			(void) pulse_engine_drive(engine);
			r = pulse_engine_batch(engine, &hints);
			again = r.more || r.next_due <= pulse_now();
			if (++rounds > MAX_ROUNDS)
				elog(ERROR, "the engine does not come to rest");
		} while (again && rounds != most);
	}
	PG_FINALLY();
	{
		pulse_txn_set_driven(false);
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}

/* CALL pulse_test.kill(): what the engine had in memory is gone, as by kill -9. */
Datum
pulse_test_kill(PG_FUNCTION_ARGS)
{
	if (engine != NULL)
		pulse_engine_test_kill(engine);
	engine = NULL;
	PG_RETURN_VOID();
}

/* pulse_test.calls() -> setof (run, node, action, attempt, key, body) */
Datum
pulse_test_calls(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	PulseTestCall *calls = NULL;
	int n = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (engine != NULL)
		calls = pulse_engine_test_calls(engine, &n);
	for (int i = 0; i < n; i++)
	{
		Datum values[6];
		bool nulls[6] = { false };

		values[0] = UUIDPGetDatum(&calls[i].run);
		values[1] = CStringGetTextDatum(calls[i].node);
		values[2] = CStringGetTextDatum(calls[i].action);
		values[3] = Int32GetDatum(calls[i].attempt);
		values[4] = CStringGetTextDatum(calls[i].key);
		values[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum(calls[i].body));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static char *
text_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

static PulseTransport
transport_arg(const char *name)
{
	static const struct
	{
		const char *name;
		PulseTransport transport;
	} names[] = {
		{ "ok", PULSE_TRANSPORT_OK },
		{ "dns", PULSE_TRANSPORT_DNS },
		{ "connect", PULSE_TRANSPORT_CONNECT },
		{ "tls", PULSE_TRANSPORT_TLS },
		{ "timeout", PULSE_TRANSPORT_TIMEOUT },
		{ "broken", PULSE_TRANSPORT_BROKEN },
		{ "too_large", PULSE_TRANSPORT_TOO_LARGE }
	};

	for (int i = 0; i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i].name) == 0)
			return names[i].transport;
	}
	elog(ERROR, "unknown transport outcome \"%s\"", name);
}

/*
 * pulse_test.answer(run, node, status, body, content_type, retry_after, transport) -> boolean
 */
Datum
pulse_test_answer(PG_FUNCTION_ARGS)
{
	PulseResponse response = { 0 };
	char *node = text_arg(fcinfo, 1);
	char *body = text_arg(fcinfo, 3);
	char *transport = text_arg(fcinfo, 6);

	if (engine == NULL)
		PG_RETURN_BOOL(false);
	response.transport = transport_arg(transport ? transport : "ok");
	response.connected = response.transport != PULSE_TRANSPORT_DNS &&
		response.transport != PULSE_TRANSPORT_CONNECT;
	response.sent = response.connected && response.transport != PULSE_TRANSPORT_TLS;
	response.sends = response.sent ? 1 : 0;
	response.status = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	response.body = body ? body : "";
	response.body_len = strlen(response.body);
	response.content_type = text_arg(fcinfo, 4);
	response.retry_after = text_arg(fcinfo, 5);
	response.error = transport ? transport : "";
	response.address = "";
	PG_RETURN_BOOL(pulse_engine_test_answer(engine, PG_GETARG_UUID_P(0), node, &response));
}

/* pulse_test.bindings_reset(): lists of answers begin anew */
Datum
pulse_test_bindings_reset(PG_FUNCTION_ARGS)
{
	n_cursors = 0;
	PG_RETURN_VOID();
}

/* The bindings of the last call are read once only. */
static PulseLocalBindings *
read_bindings(Jsonb *doc)
{
	static PulseLocalBindings *bindings = NULL;
	static PulseArena *arena = NULL;
	static Jsonb *known = NULL;
	MemoryContext old;
	PulseDiag diag;

	if (known != NULL && VARSIZE(known) == VARSIZE(doc) && memcmp(known, doc, VARSIZE(doc)) == 0)
		return bindings;
	if (known != NULL)
	{
		pfree(known);
		pulse_arena_free(arena);
		known = NULL;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);
	known = palloc(VARSIZE(doc));
	memcpy(known, doc, VARSIZE(doc));
	bindings = pulse_local_bindings_read(arena, pulse_jsonb_read(arena, known), "$bindings", &diag);
	MemoryContextSwitchTo(old);
	if (bindings == NULL)
	{
		pfree(known);
		known = NULL;
		elog(ERROR, "%s: %s", diag.items[0].path, diag.items[0].message);
	}
	return bindings;
}

static int *
cursors_for(const PulseLocalBindings *bindings)
{
	int n = pulse_local_bindings_count(bindings);

	if (n != n_cursors)
	{
		if (cursors != NULL)
			pfree(cursors);
		cursors = MemoryContextAllocZero(TopMemoryContext, sizeof(int) * (size_t) Max(n, 1));
		n_cursors = n;
	}
	return cursors;
}

/*
 * pulse_test.answer_all(bindings, most) -> integer: calls are answered as bindings of runs in
 * memory say; how many
 */
Datum
pulse_test_answer_all(PG_FUNCTION_ARGS)
{
	PulseLocalBindings *bindings = read_bindings(PG_GETARG_JSONB_P(0));
	int n = 0;

	if (engine != NULL)
		n = pulse_engine_test_answer_all(engine, bindings, cursors_for(bindings), PG_GETARG_INT32(1));
	PG_RETURN_INT32(n);
}
