/*
 * submit_store.c
 *		Inserting a run: the one row that is the fact of its start.
 *
 * Owns the insert, and what an idempotency key that is taken means.  Two statements,
 * because a plain insert is cheaper than one that may meet a conflict.
 */
#include "postgres.h"

#include "store/submit_store.h"

#include "base/errors.h"
#include "catalog/pg_type.h"
#include "store/spi.h"
#include "store/stamp.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define INSERT_RUN \
	"INSERT INTO _pulse.run (id, part, priority, version, tenant, workflow," \
	" submitted_by, submitted_at, start_at, deadline, idempotency_key, traceparent," \
	" input, labels, budget)" \
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"

#define INSERT_TYPES \
	{                                                                                      \
		UUIDOID, INT2OID, INT2OID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID,     \
			TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, JSONBOID \
	}

static Datum
text_or_null(const char *s, char *null)
{
	*null = s ? ' ' : 'n';
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

static Datum
jsonb_or_null(Jsonb *jb, char *null)
{
	*null = jb ? ' ' : 'n';
	return jb ? JsonbPGetDatum(jb) : (Datum) 0;
}

/* Reads the run that has the key; false: it is gone again. */
static bool
read_earlier(const PulseSubmission *s, PulseEarlierRun *earlier)
{
	static PulseStmt stmt = {
		"SELECT id, version, submitted_at,"
		" input IS NOT DISTINCT FROM $4 AND labels IS NOT DISTINCT FROM $5"
		" AND budget IS NOT DISTINCT FROM $6 AND ($7 = 0 OR version = $7)"
		" FROM _pulse.run"
		" WHERE tenant = $1 AND workflow = $2 AND idempotency_key = $3",
		7, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, JSONBOID, INT4OID}
	};
	Datum		args[7];
	char		nulls[7];
	bool		isnull;

	memset(nulls, ' ', sizeof(nulls));
	args[0] = CStringGetTextDatum(s->tenant);
	args[1] = CStringGetTextDatum(s->workflow);
	args[2] = CStringGetTextDatum(s->idempotency_key);
	args[3] = jsonb_or_null(s->input, &nulls[3]);
	args[4] = jsonb_or_null(s->labels, &nulls[4]);
	args[5] = jsonb_or_null(s->budget, &nulls[5]);
	args[6] = Int32GetDatum(s->version_given ? s->version : 0);

	/* the other submit may have committed after our statement began */
	if (pulse_stmt_exec_snapshot(&stmt, args, nulls, GetLatestSnapshot(), 1) == 0)
		return false;
	earlier->id = *DatumGetUUIDP(pulse_row_datum(0, 1, &isnull));
	earlier->version = DatumGetInt32(pulse_row_datum(0, 2, &isnull));
	earlier->submitted_at = DatumGetTimestampTz(pulse_row_datum(0, 3, &isnull));
	earlier->same = DatumGetBool(pulse_row_datum(0, 4, &isnull));
	return true;
}

bool
pulse_run_insert(PulseSubmission *s, PulseEarlierRun *earlier)
{
	static PulseStmt plain = {INSERT_RUN, 15, INSERT_TYPES};
	static PulseStmt keyed = {
		INSERT_RUN " ON CONFLICT (tenant, workflow, idempotency_key)"
		" WHERE idempotency_key IS NOT NULL DO NOTHING", 15, INSERT_TYPES
	};
	Datum		args[15];
	char		nulls[15];
	PulseStoreScope scope;
	bool		inserted = true;

	memset(nulls, ' ', sizeof(nulls));
	args[0] = UUIDPGetDatum(&s->id);
	args[1] = Int16GetDatum((int16) s->part);
	args[2] = Int16GetDatum((int16) s->priority);
	args[3] = Int32GetDatum(s->version);
	args[4] = CStringGetTextDatum(s->tenant);
	args[5] = CStringGetTextDatum(s->workflow);
	args[6] = text_or_null(s->submitted_by, &nulls[6]);
	args[7] = TimestampTzGetDatum(s->submitted_at);
	args[8] = TimestampTzGetDatum(s->start_at);
	nulls[8] = s->has_start_at ? ' ' : 'n';
	args[9] = TimestampTzGetDatum(s->deadline);
	nulls[9] = s->has_deadline ? ' ' : 'n';
	args[10] = text_or_null(s->idempotency_key, &nulls[10]);
	args[11] = text_or_null(s->traceparent, &nulls[11]);
	args[12] = jsonb_or_null(s->input, &nulls[12]);
	args[13] = jsonb_or_null(s->labels, &nulls[13]);
	args[14] = jsonb_or_null(s->budget, &nulls[14]);

	pulse_store_enter(&scope);
	s->stamped = pulse_stamp_ensure();
	if (s->idempotency_key == NULL)
		(void) pulse_stmt_exec(&plain, args, nulls, false, 0);
	else
	{
		/* a run that vanishes between the two statements frees its key */
		for (;;)
		{
			inserted = pulse_stmt_exec(&keyed, args, nulls, false, 0) > 0;
			if (inserted || read_earlier(s, earlier))
				break;
		}
	}
	pulse_store_leave(&scope);
	return inserted;
}

void
pulse_submit_commit(void)
{
	int			rc = SPI_connect_ext(SPI_OPT_NONATOMIC);

	PULSE_ENSURE(rc == SPI_OK_CONNECT, "no SPI connection");
	SPI_commit();
	rc = SPI_finish();
	PULSE_ENSURE(rc == SPI_OK_FINISH, "SPI connection lost");
}
