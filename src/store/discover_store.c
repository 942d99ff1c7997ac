/*
 * discover_store.c
 *		What is new for a worker: runs, inbox rows, due timers, interrupted work.
 *
 * Owns the statements only; which positions to read from is the engine's business
 * (engine/stream.c).  The LATERAL form makes one descent of the index for each range,
 * whatever lies before it; workers run with plans that cannot flip.  (An EXISTS
 * could: it may become a hash over the whole table.  A sub-select with LIMIT cannot.)
 */
#include "postgres.h"

#include "store/discover_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/timestamp.h"

PulseRunRow *
pulse_discover_runs(const PulseRange *ranges, int n, int limit, uint64 old_xid,
					int *found)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, r.xid, r.id, r.part, r.priority, r.status,"
		" r.tenant, r.workflow, r.version, r.submitted_at, r.start_at,"
		" r.deadline, r.started_at, r.traceparent,"
		" CASE WHEN pg_column_size(r.input) <= 16384 THEN r.input END,"
		" r.budget, r.parent, r.parent_node, r.depth,"
		" r.xid < $7 AND ((SELECT true FROM _pulse.node n WHERE n.run = r.id LIMIT 1) IS NOT NULL"
		" OR (SELECT true FROM _pulse.signal s WHERE s.run = r.id LIMIT 1) IS NOT NULL)"
		" OR COALESCE(pg_column_size(r.input) > 16384, false),"
		" COALESCE(pg_column_size(r.input), 0)"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5))"
		" WITH ORDINALITY AS u(part, priority, xid, id, to_xid, ord)"
		" CROSS JOIN LATERAL (SELECT * FROM _pulse.run q"
		" WHERE q.part = u.part AND q.priority = u.priority"
		" AND (q.xid, q.id) > (u.xid, u.id) AND q.xid <= u.to_xid"
		" AND q.status = 'pending'"
		" ORDER BY q.xid, q.id LIMIT $6) AS r",
		7,
		{ INT2ARRAYOID, INT2ARRAYOID, XID8ARRAYOID, UUIDARRAYOID, XID8ARRAYOID, INT8OID, XID8OID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum *cols = palloc(sizeof(Datum) * 5 * (size_t) n);
	Datum args[7];
	PulseStoreScope scope;
	PulseRunRow *rows;
	uint64 count;

	for (int i = 0; i < n; i++)
	{
		cols[i] = Int16GetDatum((int16) ranges[i].part);
		cols[n + i] = Int16GetDatum((int16) ranges[i].priority);
		cols[2 * n + i] = UInt64GetDatum(ranges[i].xid);
		cols[3 * n + i] = UUIDPGetDatum(&ranges[i].run);
		cols[4 * n + i] = UInt64GetDatum(ranges[i].to_xid);
	}
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = pulse_array(INT2OID, cols + n, NULL, n);
	args[2] = pulse_array(XID8OID, cols + 2 * n, NULL, n);
	args[3] = pulse_array(UUIDOID, cols + 3 * n, NULL, n);
	args[4] = pulse_array(XID8OID, cols + 4 * n, NULL, n);
	args[5] = Int64GetDatum(limit);
	args[6] = UInt64GetDatum(old_xid);

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseRunRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		rows[i].range = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		rows[i].xid = DatumGetUInt64(pulse_row_datum(i, 2, &isnull));
		pulse_row_run(i, 3, &rows[i], caller);
		rows[i].touched = DatumGetBool(pulse_row_datum(i, 20, &isnull));
		rows[i].bytes = DatumGetInt32(pulse_row_datum(i, 21, &isnull));
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseInboxRow *
pulse_discover_inbox(const PulseRange *ranges, int n, int limit, int *found)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, i.xid, i.id, i.part, i.run, i.at, i.kind,"
		" i.node, i.actor, i.payload, s.id, s.name, s.seq, s.payload"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4))"
		" WITH ORDINALITY AS u(part, xid, id, to_xid, ord)"
		" CROSS JOIN LATERAL (SELECT * FROM _pulse.inbox q"
		" WHERE q.part = u.part AND (q.xid, q.id) > (u.xid, u.id)"
		" AND q.xid <= u.to_xid ORDER BY q.xid, q.id LIMIT $5) AS i"
		" LEFT JOIN _pulse.signal s ON i.kind = 'signal' AND s.run = i.run"
		" AND s.id = i.payload ->> 'id' AND s.state = 'pending'",
		5,
		{ INT2ARRAYOID, XID8ARRAYOID, INT8ARRAYOID, XID8ARRAYOID, INT8OID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum *cols = palloc(sizeof(Datum) * 4 * (size_t) n);
	Datum args[5];
	PulseStoreScope scope;
	PulseInboxRow *rows;
	uint64 count;

	for (int i = 0; i < n; i++)
	{
		cols[i] = Int16GetDatum((int16) ranges[i].part);
		cols[n + i] = UInt64GetDatum(ranges[i].xid);
		cols[2 * n + i] = Int64GetDatum(ranges[i].id);
		cols[3 * n + i] = UInt64GetDatum(ranges[i].to_xid);
	}
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = pulse_array(XID8OID, cols + n, NULL, n);
	args[2] = pulse_array(INT8OID, cols + 2 * n, NULL, n);
	args[3] = pulse_array(XID8OID, cols + 3 * n, NULL, n);
	args[4] = Int64GetDatum(limit);

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseInboxRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		PulseInboxRow *r = &rows[i];
		bool isnull;

		r->range = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		r->xid = DatumGetUInt64(pulse_row_datum(i, 2, &isnull));
		r->id = DatumGetInt64(pulse_row_datum(i, 3, &isnull));
		r->part = DatumGetInt16(pulse_row_datum(i, 4, &isnull));
		r->run = *DatumGetUUIDP(pulse_row_datum(i, 5, &isnull));
		r->at = DatumGetTimestampTz(pulse_row_datum(i, 6, &isnull));
		r->kind = pulse_row_text(i, 7, caller);
		r->node = pulse_row_text(i, 8, caller);
		r->actor = pulse_row_text(i, 9, caller);
		r->payload = pulse_row_jsonb(i, 10, caller);
		r->signal_id = pulse_row_text(i, 11, caller);
		r->signal_name = pulse_row_text(i, 12, caller);
		r->signal_seq = DatumGetInt64(pulse_row_datum(i, 13, &isnull));
		r->signal_payload = pulse_row_jsonb(i, 14, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

/* Runs a statement that gives part, due, run, node and kind of timers. */
static PulseTimerRow *
read_timers(PulseStmt *stmt, const Datum *args, int *found)
{
	MemoryContext caller = CurrentMemoryContext;
	PulseStoreScope scope;
	PulseTimerRow *rows;
	uint64 count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(stmt, args, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseTimerRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		rows[i].part = DatumGetInt16(pulse_row_datum(i, 1, &isnull));
		rows[i].due = DatumGetTimestampTz(pulse_row_datum(i, 2, &isnull));
		rows[i].run = *DatumGetUUIDP(pulse_row_datum(i, 3, &isnull));
		rows[i].node = pulse_row_text(i, 4, caller);
		rows[i].kind = pulse_row_text(i, 5, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseTimerRow *
pulse_discover_timers(const int *parts, const TimestampTz *after, int n,
					  TimestampTz now, int limit, int *found)
{
	static PulseStmt stmt = {
		"SELECT t.part, t.due, t.run, t.node, t.kind"
		" FROM ROWS FROM (unnest($1), unnest($2)) AS u(part, after)"
		" CROSS JOIN LATERAL (SELECT * FROM _pulse.timer q"
		" WHERE q.part = u.part AND q.due >= u.after AND q.due <= $3"
		" ORDER BY q.due LIMIT $4) AS t LIMIT $4",
		4,
		{ INT2ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZOID, INT8OID }
	};
	Datum *cols = palloc(sizeof(Datum) * 2 * (size_t) n);
	Datum args[4];

	for (int i = 0; i < n; i++)
	{
		cols[i] = Int16GetDatum((int16) parts[i]);
		cols[n + i] = TimestampTzGetDatum(after[i]);
	}
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = pulse_array(TIMESTAMPTZOID, cols + n, NULL, n);
	args[2] = TimestampTzGetDatum(now);
	args[3] = Int64GetDatum(limit);

	return read_timers(&stmt, args, found);
}

PulseTimerRow *
pulse_discover_held(const int *parts, int n, TimestampTz now, TimestampTz until,
					int limit, int *found)
{
	static PulseStmt stmt = {
		"SELECT t.part, t.due, t.run, t.node, t.kind FROM unnest($1) AS u(part)"
		" CROSS JOIN LATERAL (SELECT * FROM _pulse.timer q"
		" WHERE q.part = u.part AND q.due > $2 AND q.due <= $3 AND q.kind = 'host'"
		" ORDER BY q.due LIMIT $4) AS t LIMIT $4",
		4,
		{ INT2ARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID }
	};
	Datum *cols = palloc(sizeof(Datum) * (size_t) n);
	Datum args[4];

	for (int i = 0; i < n; i++)
		cols[i] = Int16GetDatum((int16) parts[i]);
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = TimestampTzGetDatum(now);
	args[2] = TimestampTzGetDatum(until);
	args[3] = Int64GetDatum(limit);
	return read_timers(&stmt, args, found);
}

TimestampTz
pulse_discover_next_due(const int *parts, int n, TimestampTz after)
{
	static PulseStmt stmt = {
		"SELECT t.due FROM unnest($1) AS u(part)"
		" CROSS JOIN LATERAL (SELECT q.due FROM _pulse.timer q"
		" WHERE q.part = u.part AND q.due >= $2"
		" ORDER BY q.due LIMIT 1) AS t ORDER BY t.due LIMIT 1",
		2,
		{ INT2ARRAYOID, TIMESTAMPTZOID }
	};
	Datum *cols = palloc(sizeof(Datum) * (size_t) n);
	Datum args[2];
	PulseStoreScope scope;
	TimestampTz result = DT_NOEND;

	for (int i = 0; i < n; i++)
		cols[i] = Int16GetDatum((int16) parts[i]);
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = TimestampTzGetDatum(after);

	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&stmt, args, NULL, true, 0) > 0)
	{
		bool isnull;

		result = DatumGetTimestampTz(pulse_row_datum(0, 1, &isnull));
	}
	pulse_store_leave(&scope);
	return result;
}

pg_uuid_t *
pulse_discover_running(int part, const pg_uuid_t *mark, int *found)
{
	static PulseStmt stmt = {
		"SELECT DISTINCT n.run FROM _pulse.node n"
		" WHERE n.part = $1 AND n.activation >= $2 AND n.status = 'running'",
		2,
		{ INT2OID, UUIDOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[2];
	PulseStoreScope scope;
	pg_uuid_t *runs;
	uint64 count;

	args[0] = Int16GetDatum((int16) part);
	args[1] = UUIDPGetDatum(mark);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	runs = MemoryContextAlloc(caller, sizeof(pg_uuid_t) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		runs[i] = *DatumGetUUIDP(pulse_row_datum(i, 1, &isnull));
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return runs;
}
