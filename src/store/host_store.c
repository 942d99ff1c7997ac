/*
 * host_store.c
 *		Hosts, actions and credentials as a worker reads them.
 */
#include "postgres.h"

#include "store/host_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Microseconds of an interval column given as seconds (numeric made double). */
static int64
row_usec(uint64 row, int col)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);

	return isnull ? 0 : (int64) (DatumGetFloat8(d) * 1000000.0);
}

static TimestampTz
row_time(uint64 row, int col)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(d);
}

static int
row_int(uint64 row, int col)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

static void
row_networks(uint64 row, int col, PulseHostRow *host, MemoryContext context)
{
	bool isnull;
	Datum d = pulse_row_datum(row, col, &isnull);
	Datum *texts;
	int n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(d), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, NULL, &n);
	host->n_networks = n;
	host->networks = MemoryContextAlloc(context, sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		host->networks[i] = MemoryContextStrdup(context, TextDatumGetCString(texts[i]));
}

PulseHostRow *
pulse_load_hosts(int worker, int *found)
{
	static PulseStmt stmt = {
		"SELECT h.name, h.url, h.tenant, h.networks::text[],"
		" extract(epoch from h.timeout)::float8, h.max_in_flight, h.rate_limit,"
		" extract(epoch from h.rate_period)::float8, h.ca_file, h.disabled_reason,"
		" h.credential, greatest(h.changed_at, m.changed_at, b.changed_at),"
		" m.secret, m.previous, m.file, b.secret, b.file,"
		" s.circuit = 'open', s.reason, s.opened_at, s.retry_at, s.throttled_until"
		" FROM _pulse.host h"
		" LEFT JOIN _pulse.credential m ON m.name = h.credential AND m.kind = 'hmac'"
		" LEFT JOIN _pulse.credential b ON b.name = h.credential AND b.kind = 'bearer'"
		" LEFT JOIN _pulse.host_state s ON s.host = h.name AND s.worker = $1"
		" ORDER BY h.name",
		1,
		{ INT2OID }
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum args[1];
	PulseStoreScope scope;
	PulseHostRow *rows;
	uint64 count;

	args[0] = Int16GetDatum((int16) worker);
	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, args, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseHostRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		PulseHostRow *r = &rows[i];
		bool isnull;
		Datum d;

		r->name = pulse_row_text(i, 1, caller);
		r->url = pulse_row_text(i, 2, caller);
		r->tenant = pulse_row_text(i, 3, caller);
		row_networks(i, 4, r, caller);
		r->timeout = row_usec(i, 5);
		r->max_in_flight = row_int(i, 6);
		r->rate_limit = row_int(i, 7);
		r->rate_period = row_usec(i, 8);
		r->ca_file = pulse_row_text(i, 9, caller);
		r->disabled_reason = pulse_row_text(i, 10, caller);
		r->credential = pulse_row_text(i, 11, caller);
		r->changed_at = DatumGetTimestampTz(pulse_row_datum(i, 12, &isnull));
		r->hmac = pulse_row_text(i, 13, caller);
		r->hmac_previous = pulse_row_text(i, 14, caller);
		r->hmac_file = pulse_row_text(i, 15, caller);
		r->bearer = pulse_row_text(i, 16, caller);
		r->bearer_file = pulse_row_text(i, 17, caller);
		d = pulse_row_datum(i, 18, &isnull);
		r->open = !isnull && DatumGetBool(d);
		r->reason = pulse_row_text(i, 19, caller);
		r->opened_at = row_time(i, 20);
		r->retry_at = row_time(i, 21);
		r->throttled_until = row_time(i, 22);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

PulseActionRow *
pulse_load_actions(int *found)
{
	static PulseStmt stmt = {
		"SELECT a.name, a.host, a.version, extract(epoch from a.timeout)::float8,"
		" a.retry, a.repeatable, a.read_only FROM _pulse.action a ORDER BY a.name",
		0,
		{ 0 }
	};
	MemoryContext caller = CurrentMemoryContext;
	PulseStoreScope scope;
	PulseActionRow *rows;
	uint64 count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, NULL, NULL, true, 0);
	rows = MemoryContextAllocZero(caller, sizeof(PulseActionRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool isnull;

		rows[i].name = pulse_row_text(i, 1, caller);
		rows[i].host = pulse_row_text(i, 2, caller);
		rows[i].version = pulse_row_text(i, 3, caller);
		rows[i].timeout = row_usec(i, 4);
		rows[i].retry = pulse_row_jsonb(i, 5, caller);
		rows[i].repeatable = DatumGetBool(pulse_row_datum(i, 6, &isnull));
		rows[i].read_only = DatumGetBool(pulse_row_datum(i, 7, &isnull));
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}

void
pulse_save_host_state(const char *host, int worker, bool open, const char *reason,
					  TimestampTz opened_at, TimestampTz retry_at,
					  TimestampTz throttled_until, int64 failures)
{
	static PulseStmt stmt = {
		"INSERT INTO _pulse.host_state (host, worker, circuit, reason, opened_at,"
		" retry_at, throttled_until, failures)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		" ON CONFLICT (host, worker) DO UPDATE SET circuit = EXCLUDED.circuit,"
		" reason = EXCLUDED.reason, opened_at = EXCLUDED.opened_at,"
		" retry_at = EXCLUDED.retry_at, throttled_until = EXCLUDED.throttled_until,"
		" failures = EXCLUDED.failures",
		8,
		{ TEXTOID, INT2OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		  TIMESTAMPTZOID, INT8OID }
	};
	Datum args[8];
	char nulls[9] = "        ";
	PulseStoreScope scope;

	args[0] = CStringGetTextDatum(host);
	args[1] = Int16GetDatum((int16) worker);
	args[2] = CStringGetTextDatum(open ? "open" : "closed");
	args[3] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	args[4] = TimestampTzGetDatum(opened_at);
	args[5] = TimestampTzGetDatum(retry_at);
	args[6] = TimestampTzGetDatum(throttled_until);
	args[7] = Int64GetDatum(failures);
	nulls[3] = reason ? ' ' : 'n';
	nulls[4] = opened_at ? ' ' : 'n';
	nulls[5] = retry_at ? ' ' : 'n';
	nulls[6] = throttled_until ? ' ' : 'n';
	pulse_store_enter(&scope);
	(void) pulse_stmt_exec(&stmt, args, nulls, false, 0);
	pulse_store_leave(&scope);
}
