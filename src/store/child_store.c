/*
 * child_store.c
 *		What a run writes for other runs: child runs, and rows of their inboxes.
 *
 * Only inserts, as users do: no row of a run of somebody else's is changed.
 */
#include "postgres.h"

#include "store/child_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"

#define CHILD_COLUMNS 15
#define MESSAGE_COLUMNS 6

void
pulse_writes_child(PulseWrites *w, const PulseChildWrite *r)
{
	PulseRowSet *set = &w->run_insert;
	int row = pulse_rowset_add(set, CHILD_COLUMNS);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(r->id));
	pulse_rowset_put(set, row, 1, Int16GetDatum((int16) r->part));
	pulse_rowset_put(set, row, 2, Int16GetDatum((int16) r->priority));
	pulse_rowset_put(set, row, 3, Int32GetDatum(r->version));
	pulse_rowset_text(set, row, 4, r->tenant);
	pulse_rowset_text(set, row, 5, r->workflow);
	pulse_rowset_time(set, row, 6, r->submitted_at);
	pulse_rowset_time(set, row, 7, r->deadline);
	pulse_rowset_text(set, row, 8, r->traceparent);
	w->bytes += pulse_rowset_jsonb(set, row, 9, r->input);
	w->bytes += pulse_rowset_jsonb(set, row, 10, r->labels);
	w->bytes += pulse_rowset_jsonb(set, row, 11, r->budget);
	pulse_rowset_put(set, row, 12, UUIDPGetDatum(r->parent));
	pulse_rowset_text(set, row, 13, r->parent_node);
	pulse_rowset_put(set, row, 14, Int16GetDatum((int16) r->depth));
}

void
pulse_writes_message(PulseWrites *w, const pg_uuid_t *run, int part, const char *kind,
					 const char *node, Jsonb *payload, TimestampTz at)
{
	PulseRowSet *set = &w->inbox_insert;
	int row = pulse_rowset_add(set, MESSAGE_COLUMNS);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_put(set, row, 1, Int16GetDatum((int16) part));
	pulse_rowset_text(set, row, 2, kind);
	pulse_rowset_text(set, row, 3, node);
	w->bytes += pulse_rowset_jsonb(set, row, 4, payload);
	pulse_rowset_time(set, row, 5, at);
}

void
pulse_child_flush(PulseWrites *w)
{
	static const Oid run_types[] = {
		UUIDOID, INT2OID, INT2OID, INT4OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TEXTOID, JSONBOID, JSONBOID, JSONBOID, UUIDOID, TEXTOID, INT2OID
	};
	static PulseStmt run = {
		"INSERT INTO _pulse.run (id, part, priority, version, tenant, workflow, submitted_at,"
		" deadline, traceparent, input, labels, budget, parent, parent_node, depth, submitted_by)"
		" SELECT u.*, (SELECT p.submitted_by FROM _pulse.run p WHERE p.id = u.parent)"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5), unnest($6),"
		" unnest($7), unnest($8), unnest($9), unnest($10), unnest($11), unnest($12), unnest($13),"
		" unnest($14), unnest($15)) AS u(id, part, priority, version, tenant, workflow,"
		" submitted_at, deadline, traceparent, input, labels, budget, parent, parent_node, depth)",
		CHILD_COLUMNS,
		{ UUIDARRAYOID, INT2ARRAYOID, INT2ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		  TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID,
		  JSONBARRAYOID, UUIDARRAYOID, TEXTARRAYOID, INT2ARRAYOID }
	};
	static const Oid inbox_types[] = { UUIDOID, INT2OID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID };
	static PulseStmt inbox = {
		"INSERT INTO _pulse.inbox (run, part, kind, node, payload, at, actor)"
		" SELECT u.*, 'pulse' FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5), unnest($6)) AS u(run, part, kind, node, payload, at)",
		MESSAGE_COLUMNS,
		{ UUIDARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, TIMESTAMPTZARRAYOID }
	};

	pulse_rowset_flush(&w->run_insert, &run, run_types);
	pulse_rowset_flush(&w->inbox_insert, &inbox, inbox_types);
}
