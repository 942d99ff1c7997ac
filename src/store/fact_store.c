/*
 * fact_store.c
 *		Facts that users send to runs: rows of the inbox, and signals.
 *
 * Only inserts: no row of a run is locked or changed here, so that a user's
 * open transaction can hold up nothing.
 */
#include "postgres.h"

#include "store/fact_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

bool
pulse_run_head(const pg_uuid_t *id, bool with_inbox, PulseRunHead *head)
{
	static PulseStmt plain = {
		"SELECT part, xid, tenant, workflow, version, status, NULL::text, false"
		" FROM _pulse.run WHERE id = $1",
		1, {UUIDOID}
	};
	static PulseStmt full = {
		"SELECT r.part, r.xid, r.tenant, r.workflow, r.version, r.status,"
		" (SELECT i.kind FROM _pulse.inbox i WHERE i.part = r.part AND i.run = r.id"
		" AND i.kind NOT IN ('signal', 'skip', 'child') ORDER BY i.xid DESC, i.id DESC LIMIT 1),"
		" EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id"
		" AND n.status = 'waiting' AND n.reason = 'operator')"
		" FROM _pulse.run r WHERE r.id = $1",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(id);
	PulseStoreScope scope;
	bool		found;
	bool		isnull;

	pulse_store_enter(&scope);
	found = pulse_stmt_exec(with_inbox ? &full : &plain, &arg, NULL, false, 1) > 0;
	if (found)
	{
		head->id = *id;
		head->part = DatumGetInt16(pulse_row_datum(0, 1, &isnull));
		head->xid = U64FromFullTransactionId(DatumGetFullTransactionId(pulse_row_datum(0, 2, &isnull)));
		head->tenant = pulse_row_text(0, 3, caller);
		head->workflow = pulse_row_text(0, 4, caller);
		head->version = DatumGetInt32(pulse_row_datum(0, 5, &isnull));
		head->status = pulse_row_text(0, 6, caller);
		head->asked = pulse_row_text(0, 7, caller);
		head->awaits_operator = DatumGetBool(pulse_row_datum(0, 8, &isnull));
	}
	pulse_store_leave(&scope);
	return found;
}

void
pulse_fact_send(const PulseRunHead *run, const PulseFactRow *fact)
{
	static PulseStmt stmt = {
		"INSERT INTO _pulse.inbox (run, part, at, kind, node, actor, payload)"
		" VALUES ($1, $2, $3, $4, $5, $6, CASE"
		" WHEN $4 NOT IN ('cancel', 'pause', 'skip') THEN '{}'::jsonb"
		" WHEN $8 IS NULL THEN jsonb_build_object('reason', $7)"
		" ELSE jsonb_build_object('reason', $7, 'output', $8) END)",
		8, {UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
	};
	Datum		args[8];
	char		nulls[8];
	PulseStoreScope scope;

	memset(nulls, ' ', sizeof(nulls));
	args[0] = UUIDPGetDatum(&run->id);
	args[1] = Int16GetDatum((int16) run->part);
	args[2] = TimestampTzGetDatum(fact->at);
	args[3] = CStringGetTextDatum(fact->kind);
	args[4] = fact->node ? CStringGetTextDatum(fact->node) : (Datum) 0;
	nulls[4] = fact->node ? ' ' : 'n';
	args[5] = CStringGetTextDatum(fact->actor);
	args[6] = fact->reason ? CStringGetTextDatum(fact->reason) : (Datum) 0;
	nulls[6] = fact->reason ? ' ' : 'n';
	args[7] = fact->output ? JsonbPGetDatum(fact->output) : (Datum) 0;
	nulls[7] = fact->output ? ' ' : 'n';
	pulse_store_enter(&scope);
	(void) pulse_stmt_exec(&stmt, args, nulls, false, 0);
	pulse_store_leave(&scope);
}

bool
pulse_signal_send(const PulseRunHead *run, const PulseSignalRow *signal)
{
	static PulseStmt stmt = {
		"WITH s AS (INSERT INTO _pulse.signal (run, at, id, name, actor, payload)"
		" VALUES ($1, $3, $4, $5, $6, $7) ON CONFLICT (run, id) DO NOTHING RETURNING id)"
		" INSERT INTO _pulse.inbox (run, part, at, kind, actor, payload)"
		" SELECT $1, $2, $3, 'signal', $6, jsonb_build_object('id', s.id) FROM s",
		7, {UUIDOID, INT2OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID}
	};
	Datum		args[7];
	PulseStoreScope scope;
	uint64		n;

	args[0] = UUIDPGetDatum(&run->id);
	args[1] = Int16GetDatum((int16) run->part);
	args[2] = TimestampTzGetDatum(signal->at);
	args[3] = CStringGetTextDatum(signal->id);
	args[4] = CStringGetTextDatum(signal->name);
	args[5] = CStringGetTextDatum(signal->actor);
	args[6] = JsonbPGetDatum(signal->payload);
	pulse_store_enter(&scope);
	n = pulse_stmt_exec(&stmt, args, NULL, false, 0);
	pulse_store_leave(&scope);
	return n > 0;
}

bool
pulse_signal_known(const PulseRunHead *run, const char *id)
{
	static PulseStmt stmt = {
		"SELECT 1 FROM _pulse.signal WHERE run = $1 AND id = $2",
		2, {UUIDOID, TEXTOID}
	};
	Datum		args[2];
	PulseStoreScope scope;
	uint64		n;

	args[0] = UUIDPGetDatum(&run->id);
	args[1] = CStringGetTextDatum(id);
	pulse_store_enter(&scope);
	n = pulse_stmt_exec(&stmt, args, NULL, false, 1);
	pulse_store_leave(&scope);
	return n > 0;
}
