/*
 * batch_store.c
 *		All that a batch writes: one statement for each table and kind of change.
 *
 * Owns the statements and the arrays that feed them.  A row set is a set of
 * parallel arrays which one statement unnests; the arrays live in the batch's
 * memory context and die with it.
 */
#include "postgres.h"

#include "store/batch_store.h"

#include "catalog/pg_type.h"
#include "store/child_store.h"
#include "store/growth_store.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define NODE_COLUMNS 17

void
pulse_writes_init(PulseWrites *w)
{
	memset(w, 0, sizeof(*w));
}

void
pulse_writes_node(PulseWrites *w, const PulseNodeWrite *r, bool insert)
{
	PulseRowSet *set = insert ? &w->node_insert : &w->node_update;
	int row = pulse_rowset_add(set, NODE_COLUMNS);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(r->run));
	pulse_rowset_text(set, row, 1, r->node);
	pulse_rowset_put(set, row, 2, Int16GetDatum((int16) r->part));
	pulse_rowset_text(set, row, 3, r->status);
	pulse_rowset_text(set, row, 4, r->reason);
	pulse_rowset_put(set, row, 5, Int32GetDatum(r->attempt));
	pulse_rowset_put(set, row, 6, Int32GetDatum(r->tries));
	if (r->activation != NULL)
		pulse_rowset_put(set, row, 7, UUIDPGetDatum(r->activation));
	pulse_rowset_put(set, row, 8, BoolGetDatum(r->outcome_unknown));
	pulse_rowset_time(set, row, 9, r->started_at);
	pulse_rowset_time(set, row, 10, r->ended_at);
	pulse_rowset_time(set, row, 11, r->due);
	pulse_rowset_time(set, row, 12, r->total_deadline);
	pulse_rowset_text(set, row, 13, r->action_version);
	w->bytes += pulse_rowset_jsonb(set, row, 14, r->output);
	w->bytes += pulse_rowset_jsonb(set, row, 15, r->error);
	w->bytes += pulse_rowset_jsonb(set, row, 16, r->memo);
	w->bytes += strlen(r->node); /* composed ids may be long */
}

void
pulse_writes_run(PulseWrites *w, const pg_uuid_t *id, const char *status,
				 Jsonb *output, Jsonb *error, TimestampTz started_at,
				 TimestampTz ended_at, TimestampTz deadline)
{
	PulseRowSet *set = &w->run_update;
	int row = pulse_rowset_add(set, 7);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(id));
	pulse_rowset_text(set, row, 1, status);
	w->bytes += pulse_rowset_jsonb(set, row, 2, output);
	w->bytes += pulse_rowset_jsonb(set, row, 3, error);
	pulse_rowset_time(set, row, 4, started_at);
	pulse_rowset_time(set, row, 5, ended_at);
	pulse_rowset_time(set, row, 6, deadline);
}

void
pulse_writes_attempt(PulseWrites *w, const PulseAttemptWrite *r)
{
	PulseRowSet *set = &w->attempt_insert;
	int row = pulse_rowset_add(set, 13);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(r->run));
	pulse_rowset_text(set, row, 1, r->node);
	pulse_rowset_put(set, row, 2, Int32GetDatum(r->attempt));
	pulse_rowset_put(set, row, 3, UUIDPGetDatum(r->activation));
	pulse_rowset_text(set, row, 4, r->outcome);
	pulse_rowset_text(set, row, 5, r->class_);
	pulse_rowset_text(set, row, 6, r->code);
	if (r->http_status != 0)
		pulse_rowset_put(set, row, 7, Int32GetDatum(r->http_status));
	w->bytes += pulse_rowset_jsonb(set, row, 8, r->error);
	pulse_rowset_time(set, row, 9, r->started_at);
	pulse_rowset_time(set, row, 10, r->ended_at);
	pulse_rowset_text(set, row, 11, r->action_version);
	pulse_rowset_put(set, row, 12, Int64GetDatum(r->epoch));
}

void
pulse_writes_timer(PulseWrites *w, bool insert, int part, TimestampTz due,
				   const pg_uuid_t *run, const char *node, const char *kind)
{
	PulseRowSet *set = insert ? &w->timer_insert : &w->timer_delete;
	int row = pulse_rowset_add(set, 5);

	pulse_rowset_put(set, row, 0, Int16GetDatum((int16) part));
	pulse_rowset_put(set, row, 1, TimestampTzGetDatum(due));
	pulse_rowset_put(set, row, 2, UUIDPGetDatum(run));
	pulse_rowset_text(set, row, 3, node);
	pulse_rowset_text(set, row, 4, kind);
}

void
pulse_writes_inbox_done(PulseWrites *w, int part, uint64 xid, int64 id)
{
	PulseRowSet *set = &w->inbox_delete;
	int row = pulse_rowset_add(set, 3);

	pulse_rowset_put(set, row, 0, Int16GetDatum((int16) part));
	pulse_rowset_put(set, row, 1, UInt64GetDatum(xid));
	pulse_rowset_put(set, row, 2, Int64GetDatum(id));
}

void
pulse_writes_signal(PulseWrites *w, const pg_uuid_t *run, const char *id,
					bool consumed, const char *node, const char *reason,
					TimestampTz at)
{
	PulseRowSet *set = &w->signal_update;
	int row = pulse_rowset_add(set, 6);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_text(set, row, 1, id);
	pulse_rowset_text(set, row, 2, consumed ? "consumed" : "discarded");
	pulse_rowset_text(set, row, 3, node);
	pulse_rowset_text(set, row, 4, reason);
	pulse_rowset_time(set, row, 5, at);
}

void
pulse_writes_log(PulseWrites *w, const pg_uuid_t *run, const char *node, int attempt,
				 const char *level, const char *actor, const char *message, Jsonb *data,
				 TimestampTz at)
{
	PulseRowSet *set = &w->log_insert;
	int row = pulse_rowset_add(set, 8);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_text(set, row, 1, node);
	pulse_rowset_text(set, row, 2, actor);
	pulse_rowset_text(set, row, 3, message);
	pulse_rowset_time(set, row, 4, at);
	pulse_rowset_text(set, row, 5, level);
	if (attempt > 0)
		pulse_rowset_put(set, row, 6, Int32GetDatum(attempt));
	w->bytes += pulse_rowset_jsonb(set, row, 7, data);
}

void
pulse_writes_side(PulseWrites *w, const pg_uuid_t *run, const char *node,
				  Jsonb *progress, Jsonb *cost)
{
	PulseRowSet *set = &w->side_update;
	int row = pulse_rowset_add(set, 4);

	pulse_rowset_put(set, row, 0, UUIDPGetDatum(run));
	pulse_rowset_text(set, row, 1, node);
	w->bytes += pulse_rowset_jsonb(set, row, 2, progress);
	w->bytes += pulse_rowset_jsonb(set, row, 3, cost);
}

void
pulse_writes_strike_done(PulseWrites *w, const pg_uuid_t *run)
{
	int row = pulse_rowset_add(&w->strike_delete, 1);

	pulse_rowset_put(&w->strike_delete, row, 0, UUIDPGetDatum(run));
}

#define NODE_ARRAYS                                                       \
	UUIDARRAYOID, TEXTARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, \
		INT4ARRAYOID, INT4ARRAYOID, UUIDARRAYOID, BOOLARRAYOID,           \
		TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,    \
		TIMESTAMPTZARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID, JSONBARRAYOID

#define NODE_SOURCE                                                              \
	"ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4), unnest($5),"     \
	" unnest($6), unnest($7), unnest($8), unnest($9), unnest($10), unnest($11)," \
	" unnest($12), unnest($13), unnest($14), unnest($15), unnest($16), unnest($17))" \
	" AS u(run, node, part, status, reason, attempt, tries, activation,"         \
	" outcome_unknown, started_at, ended_at, due, total_deadline,"               \
	" action_version, output, error, memo)"

static void
flush_nodes(PulseWrites *w)
{
	static const Oid types[] = {
		UUIDOID, TEXTOID, INT2OID, TEXTOID, TEXTOID, INT4OID, INT4OID, UUIDOID,
		BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TEXTOID, JSONBOID, JSONBOID, JSONBOID
	};
	static PulseStmt insert = {
		"INSERT INTO _pulse.node (run, node, part, status, reason, attempt, tries,"
		" activation, outcome_unknown, started_at, ended_at, due, total_deadline,"
		" action_version, output, error, memo) SELECT * FROM " NODE_SOURCE,
		NODE_COLUMNS,
		{ NODE_ARRAYS }
	};
	static PulseStmt update = {
		"UPDATE _pulse.node n SET status = u.status, reason = u.reason,"
		" attempt = u.attempt, tries = u.tries, activation = u.activation,"
		" outcome_unknown = u.outcome_unknown, started_at = u.started_at,"
		" ended_at = u.ended_at, due = u.due, total_deadline = u.total_deadline,"
		" action_version = u.action_version, output = u.output, error = u.error,"
		" memo = u.memo"
		" FROM " NODE_SOURCE " WHERE n.run = u.run AND n.node = u.node",
		NODE_COLUMNS,
		{ NODE_ARRAYS }
	};

	pulse_rowset_flush(&w->node_insert, &insert, types);
	pulse_rowset_flush(&w->node_update, &update, types);
}

static void
flush_runs(PulseWrites *w)
{
	static const Oid types[] = {
		UUIDOID, TEXTOID, JSONBOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
		TIMESTAMPTZOID
	};
	static PulseStmt update = {
		"UPDATE _pulse.run r SET status = u.status, output = u.output,"
		" error = u.error, started_at = u.started_at, ended_at = u.ended_at,"
		" deadline = u.deadline"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5), unnest($6), unnest($7))"
		" AS u(id, status, output, error, started_at, ended_at, deadline)"
		" WHERE r.id = u.id",
		7,
		{ UUIDARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID,
		  TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID }
	};

	pulse_rowset_flush(&w->run_update, &update, types);
}

static void
flush_attempts(PulseWrites *w)
{
	static const Oid types[] = {
		UUIDOID, TEXTOID, INT4OID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT4OID,
		JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID
	};

	/* a late answer of an attempt that is on record already adds nothing */
	static PulseStmt insert = {
		"INSERT INTO _pulse.attempt (run, node, attempt, activation, outcome, class,"
		" code, http_status, error, started_at, ended_at, action_version, epoch)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5), unnest($6), unnest($7), unnest($8), unnest($9), unnest($10),"
		" unnest($11), unnest($12), unnest($13)) ON CONFLICT DO NOTHING",
		13,
		{ UUIDARRAYOID, TEXTARRAYOID, INT4ARRAYOID, UUIDARRAYOID, TEXTARRAYOID,
		  TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, JSONBARRAYOID,
		  TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, INT8ARRAYOID }
	};

	pulse_rowset_flush(&w->attempt_insert, &insert, types);
}

static void
flush_timers(PulseWrites *w)
{
	static const Oid types[] = { INT2OID, TIMESTAMPTZOID, UUIDOID, TEXTOID, TEXTOID };
	static PulseStmt delete = {
		"DELETE FROM _pulse.timer t USING ROWS FROM (unnest($1), unnest($2),"
		" unnest($3), unnest($4), unnest($5)) AS u(part, due, run, node, kind)"
		" WHERE t.part = u.part AND t.due = u.due AND t.run = u.run"
		" AND t.node = u.node AND t.kind = u.kind",
		5,
		{ INT2ARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID }
	};
	static PulseStmt insert = {
		"INSERT INTO _pulse.timer (part, due, run, node, kind)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5)) ON CONFLICT DO NOTHING",
		5,
		{ INT2ARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID }
	};

	/* what is set again in the same batch must survive: delete first */
	pulse_rowset_flush(&w->timer_delete, &delete, types);
	pulse_rowset_flush(&w->timer_insert, &insert, types);
}

static void
flush_small(PulseWrites *w)
{
	static const Oid inbox_types[] = { INT2OID, XID8OID, INT8OID };
	static PulseStmt inbox = {
		"DELETE FROM _pulse.inbox i USING ROWS FROM (unnest($1), unnest($2),"
		" unnest($3)) AS u(part, xid, id)"
		" WHERE i.part = u.part AND i.xid = u.xid AND i.id = u.id",
		3,
		{ INT2ARRAYOID, XID8ARRAYOID, INT8ARRAYOID }
	};
	static const Oid signal_types[] = {
		UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID
	};
	static PulseStmt signal = {
		"UPDATE _pulse.signal s SET state = u.state, node = u.node,"
		" reason = u.reason, settled_at = u.at"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5), unnest($6)) AS u(run, id, state, node, reason, at)"
		" WHERE s.run = u.run AND s.id = u.id AND s.state = 'pending'",
		6,
		{ UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
		  TIMESTAMPTZARRAYOID }
	};
	static const Oid log_types[] = {
		UUIDOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT4OID, JSONBOID
	};
	static PulseStmt log = {
		"INSERT INTO _pulse.log (run, node, actor, message, at, level, attempt, data)"
		" SELECT * FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4),"
		" unnest($5), unnest($6), unnest($7), unnest($8))",
		8,
		{ UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
		  TEXTARRAYOID, INT4ARRAYOID, JSONBARRAYOID }
	};
	static const Oid side_types[] = { UUIDOID, TEXTOID, JSONBOID, JSONBOID };
	static PulseStmt side = {
		"UPDATE _pulse.node n SET progress = coalesce(u.progress, n.progress),"
		" cost = coalesce(u.cost, n.cost)"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4))"
		" AS u(run, node, progress, cost) WHERE n.run = u.run AND n.node = u.node",
		4,
		{ UUIDARRAYOID, TEXTARRAYOID, JSONBARRAYOID, JSONBARRAYOID }
	};
	static const Oid strike_types[] = { UUIDOID };
	static PulseStmt strike = {
		"DELETE FROM _pulse.strike s USING unnest($1) AS u(run) WHERE s.run = u.run",
		1,
		{ UUIDARRAYOID }
	};

	pulse_rowset_flush(&w->inbox_delete, &inbox, inbox_types);
	pulse_rowset_flush(&w->signal_update, &signal, signal_types);
	pulse_rowset_flush(&w->log_insert, &log, log_types);
	pulse_rowset_flush(&w->side_update, &side, side_types);
	pulse_rowset_flush(&w->strike_delete, &strike, strike_types);
}

void
pulse_writes_flush(PulseWrites *w)
{
	PulseStoreScope scope;

	pulse_store_enter(&scope);
	pulse_growth_flush_gone(w);
	flush_nodes(w);
	pulse_growth_flush(w);
	flush_runs(w);
	pulse_child_flush(w);
	flush_attempts(w);
	flush_timers(w);
	flush_small(w);
	pulse_store_leave(&scope);
	w->bytes = 0;
}

/*
 * ---------------------------------------------------------------------
 * Strikes and quarantine
 * ---------------------------------------------------------------------
 */

static int *
strike_counts(PulseStmt *stmt, Datum *args, const char *nulls, bool read_only, int n)
{
	int *counts = palloc0(sizeof(int) * (size_t) Max(n, 1));
	PulseStoreScope scope;
	uint64 rows;

	pulse_store_enter(&scope);
	rows = pulse_stmt_exec(stmt, args, nulls, read_only, 0);
	for (uint64 i = 0; i < rows; i++)
	{
		bool isnull;
		int at = DatumGetInt32(pulse_row_datum(i, 1, &isnull));

		counts[at] = DatumGetInt32(pulse_row_datum(i, 2, &isnull));
	}
	pulse_store_leave(&scope);
	return counts;
}

int *
pulse_strikes_add(const pg_uuid_t *ids, const int *parts, int n, Jsonb *error)
{
	static PulseStmt stmt = {
		"WITH u AS (SELECT * FROM ROWS FROM (unnest($1), unnest($2))"
		" WITH ORDINALITY AS v(run, part, ord)), s AS ("
		"INSERT INTO _pulse.strike AS k (run, part, strikes, error)"
		" SELECT u.run, u.part, 1, $3 FROM u"
		" ON CONFLICT (run) DO UPDATE SET strikes = k.strikes + 1,"
		" error = COALESCE(EXCLUDED.error, k.error), at = clock_timestamp()"
		" RETURNING run, strikes)"
		" SELECT (u.ord - 1)::int4, s.strikes FROM u JOIN s ON s.run = u.run",
		3,
		{ UUIDARRAYOID, INT2ARRAYOID, JSONBOID }
	};
	Datum *cols = palloc(sizeof(Datum) * (size_t) Max(n, 1));
	Datum args[3];
	const char *nulls = error == NULL ? "  n" : "   ";

	for (int i = 0; i < n; i++)
		cols[i] = Int16GetDatum((int16) parts[i]);
	args[0] = pulse_uuid_array(ids, n);
	args[1] = pulse_array(INT2OID, cols, NULL, n);
	args[2] = error == NULL ? (Datum) 0 : JsonbPGetDatum(error);
	return strike_counts(&stmt, args, nulls, false, n);
}

int *
pulse_strikes_read(const pg_uuid_t *ids, int n)
{
	static PulseStmt stmt = {
		"SELECT (u.ord - 1)::int4, s.strikes"
		" FROM unnest($1) WITH ORDINALITY AS u(run, ord)"
		" JOIN _pulse.strike s ON s.run = u.run",
		1,
		{ UUIDARRAYOID }
	};
	Datum args[1];

	args[0] = pulse_uuid_array(ids, n);
	return strike_counts(&stmt, args, NULL, true, n);
}

void
pulse_strikes_take_back(const pg_uuid_t *ids, int n)
{
	static PulseStmt fewer = {
		"UPDATE _pulse.strike s SET strikes = s.strikes - 1"
		" FROM unnest($1) AS u(run) WHERE s.run = u.run AND s.strikes > 1",
		1,
		{ UUIDARRAYOID }
	};
	static PulseStmt none = {
		"DELETE FROM _pulse.strike s USING unnest($1) AS u(run)"
		" WHERE s.run = u.run AND s.strikes <= 1",
		1,
		{ UUIDARRAYOID }
	};
	PulseStoreScope scope;
	Datum args[1];

	args[0] = pulse_uuid_array(ids, n);
	pulse_store_enter(&scope);
	/* first those that go, so that the others are not taken for them */
	(void) pulse_stmt_exec(&none, args, NULL, false, 0);
	(void) pulse_stmt_exec(&fewer, args, NULL, false, 0);
	pulse_store_leave(&scope);
}

void
pulse_quarantine_run(const pg_uuid_t *id, Jsonb *error, TimestampTz now)
{
	static PulseStmt stmt = {
		"UPDATE _pulse.run SET status = 'quarantined', error = $2, ended_at = NULL"
		" WHERE id = $1 AND status IN ('pending', 'paused')",
		2,
		{ UUIDOID, JSONBOID }
	};
	static PulseStmt log = {
		"INSERT INTO _pulse.log (run, level, message, data, at)"
		" VALUES ($1, 'error', 'quarantined', $2, $3)",
		3,
		{ UUIDOID, JSONBOID, TIMESTAMPTZOID }
	};
	static PulseStmt clean = {
		"DELETE FROM _pulse.strike WHERE run = $1", 1, { UUIDOID }
	};
	PulseStoreScope scope;
	Datum args[3];

	args[0] = UUIDPGetDatum(id);
	args[1] = JsonbPGetDatum(error);
	args[2] = TimestampTzGetDatum(now);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&stmt, args, NULL, false, 0) > 0)
		(void) pulse_stmt_exec(&log, args, NULL, false, 0);
	(void) pulse_stmt_exec(&clean, args, NULL, false, 0);
	pulse_store_leave(&scope);
}

bool
pulse_abandon_run(const pg_uuid_t *id, Jsonb *error, TimestampTz now, PulseAbandoned *who)
{
	static PulseStmt stmt = {
		"UPDATE _pulse.run SET status = 'cancelled', error = $2, output = NULL, ended_at = $3"
		" WHERE id = $1 AND status IN ('pending', 'paused', 'quarantined')"
		" RETURNING parent, parent_node",
		3,
		{ UUIDOID, JSONBOID, TIMESTAMPTZOID }
	};
	static PulseStmt children = {
		"SELECT activation FROM _pulse.node WHERE run = $1 AND status = 'waiting'"
		" AND reason = 'child' AND activation IS NOT NULL",
		1,
		{ UUIDOID }
	};
	static PulseStmt signals = {
		"UPDATE _pulse.signal SET state = 'discarded', reason = 'run ended', settled_at = $2"
		" WHERE run = $1 AND state = 'pending'",
		2,
		{ UUIDOID, TIMESTAMPTZOID }
	};
	static PulseStmt clean = {
		"DELETE FROM _pulse.strike WHERE run = $1", 1, { UUIDOID }
	};
	MemoryContext caller = CurrentMemoryContext;
	PulseStoreScope scope;
	Datum args[3];
	bool done;
	bool isnull;

	memset(who, 0, sizeof(*who));
	args[0] = UUIDPGetDatum(id);
	args[1] = JsonbPGetDatum(error);
	args[2] = TimestampTzGetDatum(now);
	pulse_store_enter(&scope);
	done = pulse_stmt_exec(&stmt, args, NULL, false, 0) > 0;
	if (done)
	{
		Datum parent = pulse_row_datum(0, 1, &isnull);

		who->has_parent = !isnull;
		if (!isnull)
			who->parent = *DatumGetUUIDP(parent);
		who->parent_node = pulse_row_text(0, 2, caller);
		who->n_children = (int) pulse_stmt_exec(&children, args, NULL, true, 0);
		who->children = MemoryContextAlloc(caller, sizeof(pg_uuid_t) *
										   (size_t) Max(who->n_children, 1));
		for (int i = 0; i < who->n_children; i++)
			who->children[i] = *DatumGetUUIDP(pulse_row_datum((uint64) i, 1, &isnull));
	}
	args[1] = TimestampTzGetDatum(now);
	(void) pulse_stmt_exec(&signals, args, NULL, false, 0);
	(void) pulse_stmt_exec(&clean, args, NULL, false, 0);
	pulse_store_leave(&scope);
	return done;
}

void
pulse_nodes_unsent(const pg_uuid_t *runs, const char *const *nodes,
				   const int *attempts, int n)
{
	static PulseStmt stmt = {
		"UPDATE _pulse.node n SET reason = 'host'"
		" FROM ROWS FROM (unnest($1), unnest($2), unnest($3)) AS u(run, node, attempt)"
		" WHERE n.run = u.run AND n.node = u.node AND n.attempt = u.attempt"
		" AND n.status = 'running'",
		3,
		{ UUIDARRAYOID, TEXTARRAYOID, INT4ARRAYOID }
	};
	Datum *cols = palloc(sizeof(Datum) * 2 * (size_t) n);
	Datum args[3];
	PulseStoreScope scope;

	for (int i = 0; i < n; i++)
	{
		cols[i] = CStringGetTextDatum(nodes[i]);
		cols[n + i] = Int32GetDatum(attempts[i]);
	}
	args[0] = pulse_uuid_array(runs, n);
	args[1] = pulse_array(TEXTOID, cols, NULL, n);
	args[2] = pulse_array(INT4OID, cols + n, NULL, n);
	pulse_store_enter(&scope);
	(void) pulse_stmt_exec(&stmt, args, NULL, false, 0);
	pulse_store_leave(&scope);
}
