/*
 * look_store.c
 *		What people look at: rows of runs as C values.
 *
 * Owns the reading statements behind views and functions that need more than SQL:
 * the derived nodes, the timeline, why, wait.  It changes nothing.
 */
#include "postgres.h"

#include "store/look_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

/* The status of a run r as views show it; the same stands in sql/60_views.sql. */
#define RUN_STATUS \
	"CASE WHEN r.status <> 'pending' THEN r.status::text" \
	" WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'running') THEN 'running'" \
	" WHEN EXISTS (SELECT FROM _pulse.node n WHERE n.run = r.id AND n.status = 'waiting') THEN 'waiting'" \
	" WHEN r.started_at IS NULL AND NOT EXISTS" \
	" (SELECT FROM _pulse.node n WHERE n.run = r.id) THEN 'pending'" \
	" ELSE 'running' END"

/* Written with the end of the run; until then its first node tells. */
#define RUN_STARTED \
	"coalesce(r.started_at, (SELECT min(n.started_at) FROM _pulse.node n WHERE n.run = r.id))"

#define LINE(kind) CppAsString2(PULSE_LINE_##kind)

/*
 * Activations that may be ids of child runs. They are found by the nodes, of which there
 * are few, since runs have no index by parent.
 */
#define CHILD_IDS \
	"SELECT n.activation AS id FROM _pulse.node n WHERE n.run = $1 AND n.activation IS NOT NULL" \
	" UNION SELECT a.activation FROM _pulse.attempt a WHERE a.run = $1"

/* One that is to be retried, as somebody has asked, has not ended. */
#define RUN_ENDED \
	"(r.status IN ('completed', 'failed', 'cancelled', 'timed_out')" \
	" AND NOT EXISTS (SELECT FROM _pulse.inbox i WHERE i.part = r.part AND i.run = r.id" \
	" AND i.kind IN ('retry', 'skip')))"

static bool
row_time(uint64 row, int col, TimestampTz *t)
{
	bool		isnull;
	Datum		d = pulse_row_datum(row, col, &isnull);

	*t = isnull ? 0 : DatumGetTimestampTz(d);
	return !isnull;
}

bool
pulse_view_run(const pg_uuid_t *id, PulseRunView *run)
{
	static PulseStmt stmt = {
		"SELECT r.tenant, r.workflow, r.version, r.status, w.content_hash, r.xid,"
		" r.start_at, " RUN_STARTED ", r.ended_at,"
		" (SELECT i.kind FROM _pulse.inbox i WHERE i.part = r.part AND i.run = r.id"
		" AND i.kind NOT IN ('signal', 'skip') ORDER BY i.xid DESC, i.id DESC LIMIT 1),"
		" r.error, " RUN_STATUS ", w.graph_hash"
		" FROM _pulse.run r LEFT JOIN _pulse.workflow w"
		" ON w.tenant = r.tenant AND w.name = r.workflow AND w.version = r.version"
		" WHERE r.id = $1",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(id);
	PulseStoreScope scope;
	bool		found;
	bool		isnull;

	pulse_store_enter(&scope);
	found = pulse_stmt_exec(&stmt, &arg, NULL, true, 1) > 0;
	if (found)
	{
		run->tenant = pulse_row_text(0, 1, caller);
		run->workflow = pulse_row_text(0, 2, caller);
		run->version = DatumGetInt32(pulse_row_datum(0, 3, &isnull));
		run->status = pulse_row_text(0, 4, caller);
		run->content_hash = pulse_row_text(0, 5, caller);
		run->xid = U64FromFullTransactionId(DatumGetFullTransactionId(pulse_row_datum(0, 6, &isnull)));
		run->has_start_at = row_time(0, 7, &run->start_at);
		run->has_started_at = row_time(0, 8, &run->started_at);
		run->has_ended_at = row_time(0, 9, &run->ended_at);
		run->asked = pulse_row_text(0, 10, caller);
		run->error = pulse_row_jsonb(0, 11, caller);
		run->shown = pulse_row_text(0, 12, caller);
		run->graph_hash = pulse_row_text(0, 13, caller);
	}
	pulse_store_leave(&scope);
	return found;
}

PulseNodeRow *
pulse_view_nodes(const pg_uuid_t *run, int *n)
{
	static PulseStmt stmt = {
		"SELECT node, status, reason, attempt, tries, activation, output, error,"
		" progress, cost, outcome_unknown, action_version, due, total_deadline,"
		" started_at, ended_at, memo ->> 'signal' FROM _pulse.node WHERE run = $1",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(run);
	PulseStoreScope scope;
	PulseNodeRow *rows;
	uint64		count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, &arg, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseNodeRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		PulseNodeRow *row = &rows[i];

		row->node = pulse_row_text(i, 1, caller);
		row->status = pulse_row_text(i, 2, caller);
		row->reason = pulse_row_text(i, 3, caller);
		row->signal = pulse_row_text(i, PULSE_NODE_COLUMNS + 4, caller);
		for (int c = 0; c < PULSE_NODE_COLUMNS; c++)
		{
			Form_pg_attribute att = TupleDescAttr(SPI_tuptable->tupdesc, c + 3);
			Datum		d = pulse_row_datum(i, c + 4, &row->nulls[c]);
			MemoryContext old = MemoryContextSwitchTo(caller);

			row->values[c] = row->nulls[c] ? (Datum) 0 :
				datumCopy(d, att->attbyval, att->attlen);
			MemoryContextSwitchTo(old);
		}
	}
	pulse_store_leave(&scope);
	*n = (int) count;
	return rows;
}

PulseTimelineRow *
pulse_view_timeline(const pg_uuid_t *run, int *n)
{
	static PulseStmt stmt = {
		"WITH r AS (SELECT * FROM _pulse.run WHERE id = $1)"
		" SELECT t.at, t.what, t.node, t.detail, t.ord FROM ("
		/* the run */
		"SELECT r.submitted_at AS at, " LINE(SUBMITTED) " AS ord, 'run submitted' AS what, NULL AS node,"
		" format('%s version %s%s%s', r.workflow, r.version,"
		" ', by ' || r.submitted_by, ', not before ' || r.start_at) AS detail, 0::bigint AS tie FROM r"
		" UNION ALL SELECT " RUN_STARTED ", " LINE(STARTED) ", 'run started', NULL, NULL, 0 FROM r"
		" UNION ALL SELECT r.ended_at, " LINE(RUN_ENDED) ", 'run ' || r.status, NULL,"
		" r.error ->> 'message', 0 FROM r"
		/* its nodes: those that took no time are one line */
		" UNION ALL SELECT n.started_at, " LINE(NODE_STARTED) ", 'node started', n.node,"
		" CASE WHEN n.status = 'waiting' THEN 'waits for ' || n.reason ||"
		" coalesce(', until ' || n.due, '') END, 0"
		" FROM _pulse.node n WHERE n.run = $1"
		" AND (n.ended_at IS NULL OR n.ended_at > n.started_at)"
		" UNION ALL SELECT n.ended_at, " LINE(NODE_ENDED) ", 'node ' || n.status, n.node,"
		" CASE WHEN n.status = 'failed' OR n.status = 'skipped' AND n.reason = 'error'"
		" THEN n.error ->> 'message' WHEN n.status = 'skipped' THEN n.reason"
		" WHEN n.attempt > 1 THEN format('attempt %s', n.attempt) END, 0"
		" FROM _pulse.node n WHERE n.run = $1"
		/* what their rows cannot hold */
		" UNION ALL SELECT a.ended_at, " LINE(ATTEMPT) ", 'attempt ' || a.outcome, a.node,"
		" concat_ws(', ', format('attempt %s', a.attempt), 'HTTP ' || a.http_status,"
		" a.class, a.error ->> 'message'), a.attempt FROM _pulse.attempt a WHERE a.run = $1"
		" UNION ALL SELECT s.at, " LINE(ACCEPTED) ", 'signal accepted', NULL,"
		" s.name || coalesce(', from ' || s.actor, ''), s.seq FROM _pulse.signal s WHERE s.run = $1"
		" UNION ALL SELECT s.settled_at, " LINE(SETTLED) ", 'signal ' || s.state, s.node,"
		" s.name || coalesce(': ' || s.reason, ''), s.seq FROM _pulse.signal s WHERE s.run = $1"
		" UNION ALL SELECT l.at, CASE l.level WHEN 'operator' THEN " LINE(OPERATOR)
		" ELSE " LINE(LOG) " END, CASE l.level WHEN 'operator' THEN 'operator' ELSE 'log' END,"
		" l.node, CASE WHEN l.level = 'operator' THEN l.message ||"
		" coalesce(', by ' || l.actor, '') ELSE l.level || ': ' || l.message END, l.id"
		" FROM _pulse.log l WHERE l.run = $1"
		/* how its graph has grown */
		" UNION ALL SELECT g.at, CASE WHEN g.form IN ('choose', 'map', 'repeat')"
		" THEN " LINE(LOWERED) " ELSE " LINE(REWRITE) " END,"
		" CASE WHEN g.form IN ('choose', 'map', 'repeat') THEN 'node lowered'"
		" WHEN g.revision IS NULL THEN 'rewrite rejected' ELSE 'rewrite admitted' END, g.anchor,"
		" CASE g.form WHEN 'choose' THEN format('branch %s', (g.detail ->> 'branch')::integer + 1)"
		" WHEN 'map' THEN format('%s items', jsonb_array_length(g.detail -> 'items'))"
		" WHEN 'repeat' THEN format('round %s', g.detail ->> 'round')"
		" ELSE concat_ws(', ', format('rewrite %s (%s)', g.id, g.form),"
		" CASE WHEN g.revision IS NOT NULL THEN format('%s nodes, revision %s',"
		" g.cost ->> 'nodes', g.revision) END, g.code,"
		" (SELECT string_agg(format('%s: %s of %s', x ->> 'dimension', x ->> 'requested',"
		" x ->> 'remaining'), ', ') FROM jsonb_array_elements(g.exceeded) x),"
		" g.errors -> 0 ->> 'message', CASE jsonb_typeof(g.reason) WHEN 'string'"
		" THEN g.reason #>> '{}' ELSE g.reason::text END) END, g.id"
		" FROM _pulse.rewrite g WHERE g.run = $1"
		/* the runs it has started */
		" UNION ALL SELECT v.at, v.ord, v.what, c.parent_node,"
		" format('%s, %s version %s', c.id, c.workflow, c.version) ||"
		" coalesce(': ' || (v.error ->> 'message'), ''), 0"
		" FROM (" CHILD_IDS ") AS k JOIN _pulse.run c ON c.id = k.id AND c.parent = $1"
		" CROSS JOIN LATERAL (VALUES (c.submitted_at, " LINE(CHILD) ", 'child started', NULL::jsonb),"
		" (c.ended_at, " LINE(CHILD_ENDED) ", 'child ' || c.status, c.error))"
		" AS v(at, ord, what, error)"
		") AS t WHERE t.at IS NOT NULL ORDER BY t.tie",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(run);
	PulseStoreScope scope;
	PulseTimelineRow *rows;
	uint64		count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, &arg, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseTimelineRow) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		bool		isnull;

		(void) row_time(i, 1, &rows[i].at);
		rows[i].order = DatumGetInt32(pulse_row_datum(i, 5, &isnull));
		rows[i].what = pulse_row_text(i, 2, caller);
		rows[i].node = pulse_row_text(i, 3, caller);
		rows[i].detail = pulse_row_text(i, 4, caller);
	}
	pulse_store_leave(&scope);
	*n = (int) count;
	return rows;
}

PulseChildView *
pulse_view_children(const pg_uuid_t *run, int *n)
{
	static PulseStmt stmt = {
		"SELECT k.node, r.id::text, " RUN_STATUS " FROM _pulse.node k JOIN _pulse.run r"
		" ON r.id = k.activation AND r.parent = k.run WHERE k.run = $1",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(run);
	PulseStoreScope scope;
	PulseChildView *rows;
	uint64		count;

	pulse_store_enter(&scope);
	count = pulse_stmt_exec(&stmt, &arg, NULL, true, 0);
	rows = MemoryContextAllocHuge(caller, sizeof(PulseChildView) * Max(count, 1));
	for (uint64 i = 0; i < count; i++)
	{
		rows[i].node = pulse_row_text(i, 1, caller);
		rows[i].run = pulse_row_text(i, 2, caller);
		rows[i].status = pulse_row_text(i, 3, caller);
	}
	pulse_store_leave(&scope);
	*n = (int) count;
	return rows;
}

bool
pulse_view_result(const pg_uuid_t *id, PulseRunResult *result)
{
	static PulseStmt stmt = {
		"SELECT " RUN_STATUS ", " RUN_ENDED ", r.output, r.error"
		" FROM _pulse.run r WHERE r.id = $1",
		1, {UUIDOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = UUIDPGetDatum(id);
	PulseStoreScope scope;
	bool		found;
	bool		isnull;

	pulse_store_enter(&scope);

	/* detoasting below needs the snapshot to stay */
	PushActiveSnapshot(GetLatestSnapshot());
	found = pulse_stmt_exec(&stmt, &arg, NULL, true, 1) > 0;
	if (found)
	{
		result->status = pulse_row_text(0, 1, caller);
		result->ended = DatumGetBool(pulse_row_datum(0, 2, &isnull));
		result->output = pulse_row_jsonb(0, 3, caller);
		result->error = pulse_row_jsonb(0, 4, caller);
	}
	PopActiveSnapshot();
	pulse_store_leave(&scope);
	return found;
}

bool
pulse_view_ended(const pg_uuid_t *id, bool *gone)
{
	static PulseStmt stmt = {
		"SELECT " RUN_ENDED " FROM _pulse.run r WHERE r.id = $1",
		1, {UUIDOID}
	};
	Datum		arg = UUIDPGetDatum(id);
	PulseStoreScope scope;
	bool		ended = false;
	bool		isnull;

	pulse_store_enter(&scope);
	*gone = pulse_stmt_exec_snapshot(&stmt, &arg, NULL, GetLatestSnapshot(), 1) == 0;
	if (!*gone)
		ended = DatumGetBool(pulse_row_datum(0, 1, &isnull));
	pulse_store_leave(&scope);
	return ended;
}

bool
pulse_view_action(const char *action, const char *tenant, TimestampTz now,
				  PulseActionView *view)
{
	static PulseStmt stmt = {
		"SELECT h.name, h.disabled_reason, s.circuit IS NOT NULL, s.reason, s.retry_at,"
		" (SELECT max(t.throttled_until) FROM _pulse.host_state t"
		" WHERE t.host = h.name AND t.throttled_until > $3)"
		" FROM _pulse.action a JOIN _pulse.host h ON h.name = a.host"
		" LEFT JOIN LATERAL (SELECT * FROM _pulse.host_state o WHERE o.host = h.name"
		" AND o.circuit = 'open' ORDER BY o.retry_at DESC NULLS LAST LIMIT 1) AS s ON true"
		" WHERE a.name = $1 AND (h.tenant IS NULL OR h.tenant = $2)",
		3, {TEXTOID, TEXTOID, TIMESTAMPTZOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		args[3];
	PulseStoreScope scope;
	bool		found;
	bool		isnull;
	TimestampTz until;

	args[0] = CStringGetTextDatum(action);
	args[1] = CStringGetTextDatum(tenant);
	args[2] = TimestampTzGetDatum(now);
	pulse_store_enter(&scope);
	found = pulse_stmt_exec(&stmt, args, NULL, true, 1) > 0;
	if (found)
	{
		memset(view, 0, sizeof(*view));
		view->host = pulse_row_text(0, 1, caller);
		view->disabled_reason = pulse_row_text(0, 2, caller);
		view->open = DatumGetBool(pulse_row_datum(0, 3, &isnull));
		view->reason = pulse_row_text(0, 4, caller);
		(void) row_time(0, 5, &view->until);
		view->throttled = row_time(0, 6, &until);
		if (view->throttled && !view->open)
			view->until = until;
	}
	pulse_store_leave(&scope);
	return found;
}
