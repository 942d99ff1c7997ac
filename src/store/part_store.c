/*
 * part_store.c
 *		The rows of parts: the lease as operators see it, and the owner's marks.
 */
#include "postgres.h"

#include "store/part_store.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/array.h"

void
pulse_parts_take(const int *parts, int n, int worker, PulsePartRow *rows)
{
	static PulseStmt stmt = {
		"UPDATE _pulse.part p SET worker = $2, pid = $3, since = clock_timestamp(),"
		" epoch = p.epoch + 1, unclean = true"
		" FROM unnest($1) WITH ORDINALITY AS u(part, ord),"
		" _pulse.part o WHERE o.part = u.part AND p.part = u.part"
		" RETURNING (u.ord - 1)::int4, p.epoch, o.unclean, p.inbox_mark,"
		" p.run_marks, p.activation_mark",
		3,
		{ INT2ARRAYOID, INT2OID, INT4OID }
	};
	Datum *cols = palloc(sizeof(Datum) * (size_t) n);
	Datum args[3];
	PulseStoreScope scope;
	uint64 count;

	for (int i = 0; i < n; i++)
		cols[i] = Int16GetDatum((int16) parts[i]);
	args[0] = pulse_array(INT2OID, cols, NULL, n);
	args[1] = Int16GetDatum((int16) worker);
	args[2] = Int32GetDatum(MyProcPid);

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, false, 0);
	if (count != (uint64) n)
		elog(ERROR, "%d of %d rows of _pulse.part are missing", n - (int) count, n);
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;
		int at = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		PulsePartRow *r = &rows[at];
		Datum *marks;
		int n_marks;

		r->part = parts[at];
		r->epoch = DatumGetInt64(pulse_row_datum(i, 2, &isnull));
		r->unclean = DatumGetBool(pulse_row_datum(i, 3, &isnull));
		r->inbox_mark = DatumGetUInt64(pulse_row_datum(i, 4, &isnull));
		deconstruct_array(DatumGetArrayTypeP(pulse_row_datum(i, 5, &isnull)), XID8OID,
						  8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &marks, NULL, &n_marks);
		for (int p = 0; p < PULSE_PART_PRIORITIES; p++)
			r->run_marks[p] = p < n_marks ? DatumGetUInt64(marks[p]) : 0;
		r->activation_mark = *DatumGetUUIDP(pulse_row_datum(i, 6, &isnull));
	}
	pulse_store_leave(&scope);
}

void
pulse_parts_save(const PulsePartRow *rows, int n, bool leave)
{
	static PulseStmt stmt = {
		"UPDATE _pulse.part p SET inbox_mark = u.inbox,"
		" run_marks = ARRAY[u.r0, u.r1, u.r2, u.r3], activation_mark = u.activation,"
		" saved_at = clock_timestamp(), unclean = NOT $8"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5),"
		" unnest($6), unnest($7)) AS u(part, inbox, r0, r1, r2, r3, activation)"
		" WHERE p.part = u.part",
		8,
		{ INT2ARRAYOID, XID8ARRAYOID, XID8ARRAYOID, XID8ARRAYOID, XID8ARRAYOID,
		  XID8ARRAYOID, UUIDARRAYOID, BOOLOID }
	};
	static const Oid types[] = {
		INT2OID, XID8OID, XID8OID, XID8OID, XID8OID, XID8OID, UUIDOID
	};
	Datum *cols = palloc(sizeof(Datum) * 7 * (size_t) n);
	Datum args[8];
	PulseStoreScope scope;

	for (int i = 0; i < n; i++)
	{
		cols[i] = Int16GetDatum((int16) rows[i].part);
		cols[n + i] = UInt64GetDatum(rows[i].inbox_mark);
		for (int p = 0; p < PULSE_PART_PRIORITIES; p++)
			cols[(2 + p) * n + i] = UInt64GetDatum(rows[i].run_marks[p]);
		cols[6 * n + i] = UUIDPGetDatum(&rows[i].activation_mark);
	}
	for (int c = 0; c < 7; c++)
		args[c] = pulse_array(types[c], cols + c * n, NULL, n);
	args[7] = BoolGetDatum(leave);

	pulse_store_enter(&scope);
	(void) pulse_stmt_exec(&stmt, args, NULL, false, 0);
	pulse_store_leave(&scope);
}
