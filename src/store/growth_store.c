/*
 * growth_store.c
 *		How graphs of runs have grown: rows of _pulse.rewrite, and nodes that have left.
 */
#include "postgres.h"

#include "store/growth_store.h"

#include "catalog/pg_type.h"
#include "store/jsonb.h"
#include "store/rows.h"
#include "store/spi.h"

#define GROWTH_COLUMNS 19

static void
put_json(PulseWrites *w, PulseRowSet *set, int row, int col, const PulseJson *value)
{
	if (value != NULL)
		w->bytes += pulse_rowset_jsonb(set, row, col, pulse_jsonb_write(value));
}

static void
put_int(PulseRowSet *set, int row, int col, int value)
{
	if (value != 0)
		pulse_rowset_put(set, row, col, Int32GetDatum(value));
}

void
pulse_writes_growth(PulseWrites *w, const pg_uuid_t *run, const PulseGrowthRecord *r,
					TimestampTz at)
{
	PulseRowSet *set = &w->growth_insert;
	int row = pulse_rowset_add(set, GROWTH_COLUMNS);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_put(set, row, 1, Int32GetDatum(r->id));
	put_int(set, row, 2, r->revision);
	put_int(set, row, 3, r->attempt);
	if (r->has_activation)
	{
		pg_uuid_t *activation = palloc(sizeof(pg_uuid_t));

		/* the record is not kept until the flush */
		memcpy(activation->data, r->activation.b, UUID_LEN);
		pulse_rowset_put(set, row, 4, UUIDPGetDatum(activation));
	}
	pulse_rowset_time(set, row, 5, at);
	pulse_rowset_text(set, row, 6, r->form);
	pulse_rowset_text(set, row, 7, r->anchor);
	pulse_rowset_text(set, row, 8, r->hash);
	pulse_rowset_text(set, row, 9, r->code);
	put_json(w, set, row, 10, r->rewrite);
	put_json(w, set, row, 11, r->detail);
	put_json(w, set, row, 12, r->output);
	put_json(w, set, row, 13, r->cost);
	put_json(w, set, row, 14, r->budget_before);
	put_json(w, set, row, 15, r->budget_after);
	put_json(w, set, row, 16, r->reason);
	put_json(w, set, row, 17, r->errors);
	put_json(w, set, row, 18, r->exceeded);
}

void
pulse_writes_growth_renewed(PulseWrites *w, const pg_uuid_t *run, const PulseGrowthRecord *r)
{
	PulseRowSet *set = &w->growth_update;
	int row = pulse_rowset_add(set, 6);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_put(set, row, 1, Int32GetDatum(r->id));
	put_int(set, row, 2, r->revision);
	pulse_rowset_text(set, row, 3, r->hash);
	put_json(w, set, row, 4, r->detail);
	put_json(w, set, row, 5, r->budget_after);
}

void
pulse_writes_growth_gone(PulseWrites *w, const pg_uuid_t *run, int id)
{
	PulseRowSet *set = &w->growth_delete;
	int row = pulse_rowset_add(set, 2);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_put(set, row, 1, Int32GetDatum(id));
}

void
pulse_writes_node_gone(PulseWrites *w, const pg_uuid_t *run, const char *node)
{
	PulseRowSet *set = &w->node_delete;
	int row = pulse_rowset_add(set, 2);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_text(set, row, 1, node);
}

void
pulse_growth_flush_gone(PulseWrites *w)
{
	static const Oid node_types[] = { UUIDOID, TEXTOID };
	static const Oid growth_types[] = { UUIDOID, INT4OID };

	/* one set, two tables: the statement is of two parts */
	static PulseStmt nodes = {
		"WITH u AS MATERIALIZED (SELECT * FROM ROWS FROM (unnest($1), unnest($2)) AS u(run, node)),"
		" attempts AS (DELETE FROM _pulse.attempt a USING u"
		" WHERE a.run = u.run AND a.node = u.node)"
		" DELETE FROM _pulse.node n USING u WHERE n.run = u.run AND n.node = u.node",
		2,
		{ UUIDARRAYOID, TEXTARRAYOID }
	};
	static PulseStmt growths = {
		"DELETE FROM _pulse.rewrite g USING ROWS FROM (unnest($1), unnest($2)) AS u(run, id)"
		" WHERE g.run = u.run AND g.id = u.id",
		2,
		{ UUIDARRAYOID, INT4ARRAYOID }
	};

	pulse_rowset_flush(&w->node_delete, &nodes, node_types);
	pulse_rowset_flush(&w->growth_delete, &growths, growth_types);
}

void
pulse_growth_flush(PulseWrites *w)
{
	static const Oid insert_types[] = {
		UUIDOID, INT4OID, INT4OID, INT4OID, UUIDOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID, JSONBOID,
		JSONBOID
	};
	static PulseStmt insert = {
		"INSERT INTO _pulse.rewrite (run, id, revision, attempt, activation, at, form, anchor,"
		" hash, code, rewrite, detail, output, cost, budget_before, budget_after, reason, errors,"
		" exceeded)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5),"
		" unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12),"
		" unnest($13), unnest($14), unnest($15), unnest($16), unnest($17), unnest($18),"
		" unnest($19))",
		GROWTH_COLUMNS,
		{ UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, UUIDARRAYOID, TIMESTAMPTZARRAYOID,
		  TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID,
		  JSONBARRAYOID, JSONBARRAYOID, JSONBARRAYOID, JSONBARRAYOID, JSONBARRAYOID, JSONBARRAYOID,
		  JSONBARRAYOID }
	};
	static const Oid update_types[] = { UUIDOID, INT4OID, INT4OID, TEXTOID, JSONBOID, JSONBOID };
	static PulseStmt update = {
		"UPDATE _pulse.rewrite g SET revision = u.revision, hash = u.hash, detail = u.detail,"
		" budget_after = coalesce(u.budget_after, g.budget_after)"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6))"
		" AS u(run, id, revision, hash, detail, budget_after) WHERE g.run = u.run AND g.id = u.id",
		6,
		{ UUIDARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID }
	};

	pulse_rowset_flush(&w->growth_insert, &insert, insert_types);
	pulse_rowset_flush(&w->growth_update, &update, update_types);
}

PulseGrowthRow *
pulse_load_growths(const pg_uuid_t *ids, int n, int *found)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, g.id, g.revision, g.anchor, g.form, g.hash,"
		" CASE WHEN g.revision IS NOT NULL THEN g.rewrite END, g.detail, g.budget_after"
		" FROM unnest($1) WITH ORDINALITY AS u(id, ord)"
		" JOIN _pulse.rewrite g ON g.run = u.id ORDER BY u.ord, g.id",
		1,
		{ UUIDARRAYOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	PulseGrowthRow *rows;
	Datum arg = pulse_uuid_array(ids, n);
	PulseStoreScope scope;
	uint64 count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, &arg, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseGrowthRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		PulseGrowthRow *r = &rows[i];
		bool isnull;
		Datum d;

		r->run = DatumGetInt32(pulse_row_datum(i, 1, &isnull));
		r->id = DatumGetInt32(pulse_row_datum(i, 2, &isnull));
		d = pulse_row_datum(i, 3, &isnull);
		r->revision = isnull ? 0 : DatumGetInt32(d);
		r->anchor = pulse_row_text(i, 4, caller);
		r->form = pulse_row_text(i, 5, caller);
		r->hash = pulse_row_text(i, 6, caller);
		r->rewrite = pulse_row_jsonb(i, 7, caller);
		r->detail = pulse_row_jsonb(i, 8, caller);
		r->budget_after = pulse_row_jsonb(i, 9, caller);
	}
	pulse_store_leave(&scope);
	*found = (int) count;
	return rows;
}
