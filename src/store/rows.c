/*
 * rows.c
 *		Small helpers between Datums and C values, shared by the statement files.
 */
#include "postgres.h"

#include "store/rows.h"

#include "catalog/pg_type.h"
#include "store/discover_store.h"
#include "store/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

Datum
pulse_array(Oid type, const Datum *values, const bool *nulls, int n)
{
	int16 len;
	bool byval;
	char align;
	int dims[1];
	int lbs[1];

	get_typlenbyvalalign(type, &len, &byval, &align);
	dims[0] = n;
	lbs[0] = 1;
	return PointerGetDatum(construct_md_array(unconstify(Datum *, values),
											  unconstify(bool *, nulls), 1, dims,
											  lbs, type, len, byval, align));
}

Datum
pulse_uuid_array(const pg_uuid_t *ids, int n)
{
	Datum *cols = palloc(sizeof(Datum) * (size_t) Max(n, 1));
	Datum result;

	for (int i = 0; i < n; i++)
		cols[i] = UUIDPGetDatum(&ids[i]);
	result = pulse_array(UUIDOID, cols, NULL, n);
	pfree(cols);
	return result;
}

char *
pulse_row_text(uint64 row, int col, MemoryContext context)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);
	text *t;
	char *result;
	int len;

	if (isnull)
		return NULL;
	t = DatumGetTextPP(d);
	len = VARSIZE_ANY_EXHDR(t);
	result = MemoryContextAlloc(context, len + 1);
	memcpy(result, VARDATA_ANY(t), len);
	result[len] = '\0';
	return result;
}

Jsonb *
pulse_row_jsonb(uint64 row, int col, MemoryContext context)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);
	MemoryContext old;
	Jsonb *result;

	if (isnull)
		return NULL;
	old = MemoryContextSwitchTo(context);
	result = DatumGetJsonbPCopy(d);
	MemoryContextSwitchTo(old);
	return result;
}

static bool
row_time(uint64 row, int col, TimestampTz *t)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);

	*t = isnull ? 0 : DatumGetTimestampTz(d);
	return !isnull;
}

void
pulse_row_run(uint64 row, int first, PulseRunRow *run, MemoryContext context)
{
	bool isnull;
	Datum parent;

	run->id = *DatumGetUUIDP(pulse_row_datum(row, first, &isnull));
	run->part = DatumGetInt16(pulse_row_datum(row, first + 1, &isnull));
	run->priority = DatumGetInt16(pulse_row_datum(row, first + 2, &isnull));
	run->status = pulse_row_text(row, first + 3, context);
	run->tenant = pulse_row_text(row, first + 4, context);
	run->workflow = pulse_row_text(row, first + 5, context);
	run->version = DatumGetInt32(pulse_row_datum(row, first + 6, &isnull));
	(void) row_time(row, first + 7, &run->submitted_at);
	run->has_start_at = row_time(row, first + 8, &run->start_at);
	run->has_deadline = row_time(row, first + 9, &run->deadline);
	run->has_started_at = row_time(row, first + 10, &run->started_at);
	run->traceparent = pulse_row_text(row, first + 11, context);
	run->input = pulse_row_jsonb(row, first + 12, context);
	run->budget = pulse_row_jsonb(row, first + 13, context);
	parent = pulse_row_datum(row, first + 14, &isnull);
	run->has_parent = !isnull;
	if (isnull)
		return;
	run->parent = *DatumGetUUIDP(parent);
	run->parent_node = pulse_row_text(row, first + 15, context);
	run->depth = DatumGetInt16(pulse_row_datum(row, first + 16, &isnull));
}
