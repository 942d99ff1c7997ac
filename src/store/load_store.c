/*
 * load_store.c
 *		What a worker reads of runs it does not have in memory.
 *
 * Every statement is by key; outputs are read on demand only, so that taking
 * up a wide run costs its small columns.
 */
#include "postgres.h"

#include "store/load_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PulseRunRow *
pulse_load_runs(const pg_uuid_t *ids, int n, int *found)
{
	static PulseStmt stmt = {
		"SELECT r.id, r.part, r.priority, r.status, r.tenant, r.workflow,"
		" r.version, r.submitted_at, r.start_at, r.deadline, r.started_at,"
		" r.traceparent, r.input, r.budget, r.parent, r.parent_node, r.depth"
		" FROM unnest($1) AS u(id) JOIN _pulse.run r ON r.id = u.id",
		1,
		{ UUIDARRAYOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[1];
	PulseStoreScope scope;
	PulseRunRow *rows;
	uint64 count;

	args[0] = pulse_uuid_array(ids, n);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseRunRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		rows[i].range = -1;
		pulse_row_run(i, 1, &rows[i], caller);
		rows[i].touched = true;
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseNodeRow *
pulse_load_nodes(const pg_uuid_t *ids, int n, int *found)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, n.node, n.status, n.reason, n.attempt, n.tries,"
		" n.activation, n.outcome_unknown, n.started_at, n.ended_at, n.due,"
		" n.total_deadline, n.action_version, n.output IS NOT NULL, n.memo"
		" FROM unnest($1) WITH ORDINALITY AS u(id, ord)"
		" JOIN _pulse.node n ON n.run = u.id",
		1,
		{ UUIDARRAYOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[1];
	PulseStoreScope scope;
	PulseNodeRow *rows;
	uint64 count;

	args[0] = pulse_uuid_array(ids, n);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseNodeRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		PulseNodeRow *r = &rows[i];
		bool isnull;
		Datum d;

		memset(r, 0, sizeof(*r));
		r->run = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		r->node = pulse_row_text(i, 2, caller);
		r->status = pulse_row_text(i, 3, caller);
		r->reason = pulse_row_text(i, 4, caller);
		r->attempt = DatumGetInt32(pulse_row_datum(i, 5, &isnull));
		r->tries = DatumGetInt32(pulse_row_datum(i, 6, &isnull));
		d = pulse_row_datum(i, 7, &isnull);
		r->has_activation = !isnull;
		if (!isnull)
			r->activation = *DatumGetUUIDP(d);
		r->outcome_unknown = DatumGetBool(pulse_row_datum(i, 8, &isnull));
		d = pulse_row_datum(i, 9, &isnull);
		r->started_at = isnull ? 0 : DatumGetTimestampTz(d);
		d = pulse_row_datum(i, 10, &isnull);
		r->ended_at = isnull ? 0 : DatumGetTimestampTz(d);
		d = pulse_row_datum(i, 11, &isnull);
		r->has_due = !isnull;
		r->due = isnull ? 0 : DatumGetTimestampTz(d);
		d = pulse_row_datum(i, 12, &isnull);
		r->has_deadline = !isnull;
		r->total_deadline = isnull ? 0 : DatumGetTimestampTz(d);
		r->action_version = pulse_row_text(i, 13, caller);
		r->has_output = DatumGetBool(pulse_row_datum(i, 14, &isnull));
		r->memo = pulse_row_jsonb(i, 15, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseSignalRow *
pulse_load_signals(const pg_uuid_t *ids, int n, int *found)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, s.seq, s.id, s.name, s.payload"
		" FROM unnest($1) WITH ORDINALITY AS u(id, ord)"
		" JOIN _pulse.signal s ON s.run = u.id"
		" WHERE s.state = 'pending' ORDER BY s.seq",
		1,
		{ UUIDARRAYOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[1];
	PulseStoreScope scope;
	PulseSignalRow *rows;
	uint64 count;

	args[0] = pulse_uuid_array(ids, n);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseSignalRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		rows[i].run = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		rows[i].seq = DatumGetInt64(pulse_row_datum(i, 2, &isnull));
		rows[i].id = pulse_row_text(i, 3, caller);
		rows[i].name = pulse_row_text(i, 4, caller);
		rows[i].payload = pulse_row_jsonb(i, 5, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseValueRow *
pulse_load_values(const pg_uuid_t *run, const char *const *nodes, int n, int *found)
{
	static PulseStmt stmt = {
		"SELECT n.node, n.output, n.error FROM unnest($2) AS u(node)"
		" JOIN _pulse.node n ON n.run = $1 AND n.node = u.node",
		2,
		{ UUIDOID, TEXTARRAYOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum *cols = palloc(sizeof(Datum) * (size_t) n);
	Datum args[2];
	PulseStoreScope scope;
	PulseValueRow *rows;
	uint64 count;

	for (int i = 0; i < n; i++)
		cols[i] = CStringGetTextDatum(nodes[i]);
	args[0] = UUIDPGetDatum(run);
	args[1] = pulse_array(TEXTOID, cols, NULL, n);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseValueRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		rows[i].node = pulse_row_text(i, 1, caller);
		rows[i].output = pulse_row_jsonb(i, 2, caller);
		rows[i].error = pulse_row_jsonb(i, 3, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

Jsonb *
pulse_load_graph(const char *tenant, const char *workflow, int version)
{
	static PulseStmt stmt = {
		"SELECT w.graph FROM _pulse.workflow w"
		" WHERE w.tenant = $1 AND w.name = $2 AND w.version = $3",
		3,
		{ TEXTOID, TEXTOID, INT4OID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[3];
	PulseStoreScope scope;
	Jsonb *graph = NULL;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(workflow);
	args[2] = Int32GetDatum(version);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&stmt, args, NULL, true, 1) > 0)
		graph = pulse_row_jsonb(0, 1, caller);
	pulse_store_leave(&scope);
	return graph;
}
