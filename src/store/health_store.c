/*
 * health_store.c
 *		Questions that only doctor() asks, and the rebuilding that only adopt() does.
 *
 * These statements may read whole tables; nothing on the way of a run uses them.
 */
#include "postgres.h"

#include "store/health_store.h"

#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "store/stamp.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define TALLY(query) \
	"SELECT count(*), string_agg(t.x, ', ' ORDER BY t.x) FILTER (WHERE t.nth <= 5)" \
	" FROM (SELECT q.x, row_number() OVER (ORDER BY q.x) AS nth FROM (" query ") AS q(x)) AS t"

/* The nodes of the enabled workflows, with those inside of composite nodes. */
#define ENABLED_NODES \
	"WITH RECURSIVE nodes AS (" \
	"SELECT m.tenant, jsonb_path_query(w.graph, '$.\"nodes\".*') AS node FROM _pulse.workflow_name m" \
	" JOIN _pulse.workflow w ON w.tenant = m.tenant AND w.name = m.name" \
	" AND w.version = m.enabled_version" \
	" UNION ALL SELECT n.tenant, f.node FROM nodes n CROSS JOIN LATERAL (" \
	"SELECT jsonb_path_query(n.node, '$.\"map\".\"as\".\"nodes\".*')" \
	" UNION ALL SELECT jsonb_path_query(n.node, '$.\"repeat\".\"body\".\"nodes\".*')" \
	" UNION ALL SELECT jsonb_path_query(n.node, '$.\"choose\"[*].\"then\".\"nodes\".*')" \
	" UNION ALL SELECT jsonb_path_query(n.node, '$.\"choose\"[*].\"else\".\"nodes\".*')" \
	") AS f(node) WHERE jsonb_typeof(n.node) = 'object') "

static void
tally(PulseStmt *stmt, const Datum *args, PulseTally *result, MemoryContext context)
{
	bool		isnull;

	(void) pulse_stmt_exec(stmt, args, NULL, true, 0);
	result->n = DatumGetInt64(pulse_row_datum(0, 1, &isnull));
	result->names = pulse_row_text(0, 2, context);
}

void
pulse_health_read(TimestampTz now, PulseHealth *health)
{
	static PulseStmt unknown_actions = {
		ENABLED_NODES
		TALLY("SELECT DISTINCT n.node ->> 'action' FROM nodes n"
			  " WHERE n.node ? 'action' AND NOT EXISTS (SELECT FROM _pulse.action a"
			  " WHERE a.name = n.node ->> 'action')"), 0, {0}
	};
	static PulseStmt unknown_workflows = {
		ENABLED_NODES
		TALLY("SELECT DISTINCT n.node ->> 'workflow' FROM nodes n"
			  " WHERE n.node ? 'workflow' AND NOT EXISTS (SELECT FROM _pulse.workflow_name m"
			  " JOIN _pulse.workflow w ON w.tenant = m.tenant AND w.name = m.name"
			  " WHERE m.tenant = n.tenant AND m.name = n.node ->> 'workflow'"
			  " AND m.enabled_version IS NOT NULL"
			  " AND w.version = coalesce((n.node ->> 'version')::integer, m.enabled_version))"), 0, {0}
	};
	static PulseStmt open_hosts = {
		TALLY("SELECT DISTINCT host FROM _pulse.host_state WHERE circuit = 'open'"), 0, {0}
	};
	static PulseStmt disabled_hosts = {
		TALLY("SELECT name FROM _pulse.host WHERE disabled_reason IS NOT NULL"), 0, {0}
	};
	static PulseStmt bare_hosts = {
		TALLY("SELECT h.name FROM _pulse.host h WHERE h.credential IS NOT NULL"
			  " AND NOT EXISTS (SELECT FROM _pulse.credential c WHERE c.name = h.credential)"),
		0, {0}
	};
	static PulseStmt quarantined = {
		TALLY("SELECT r.id::text FROM _pulse.run r WHERE r.status = 'quarantined'"), 0, {0}
	};
	static PulseStmt late = {
		TALLY("SELECT 'inbox of part ' || i.part FROM _pulse.inbox i"
			  " WHERE i.at < $1 - interval '10 s'"
			  " UNION ALL SELECT 'timer of part ' || t.part FROM _pulse.timer t"
			  " WHERE t.due < $1 - interval '10 s'"), 1, {TIMESTAMPTZOID}
	};
	static PulseStmt lost_roles = {
		TALLY("SELECT a.role::oid::text FROM _pulse.access a WHERE NOT EXISTS"
			  " (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = a.role::oid)"), 0, {0}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = TimestampTzGetDatum(now);
	PulseStoreScope scope;

	pulse_store_enter(&scope);
	tally(&unknown_actions, NULL, &health->unknown_actions, caller);
	tally(&unknown_workflows, NULL, &health->unknown_workflows, caller);
	tally(&open_hosts, NULL, &health->open_hosts, caller);
	tally(&disabled_hosts, NULL, &health->disabled_hosts, caller);
	tally(&bare_hosts, NULL, &health->bare_hosts, caller);
	tally(&quarantined, NULL, &health->quarantined, caller);
	tally(&late, &arg, &health->late, caller);
	tally(&lost_roles, NULL, &health->lost_roles, caller);
	pulse_store_leave(&scope);
}

bool
pulse_health_held(char *reason, size_t size)
{
	PulseStoreScope scope;
	PulseStampVerdict verdict;

	reason[0] = '\0';
	pulse_store_enter(&scope);
	verdict = pulse_stamp_check(reason, size);
	pulse_store_leave(&scope);
	return verdict == PULSE_STAMP_HELD;
}

static void
run_one(PulseStmt *stmt)
{
	(void) pulse_stmt_exec(stmt, NULL, NULL, false, 0);
}

bool
pulse_health_adopt(const char *reason)
{
	static PulseStmt run_xids = {
		"UPDATE _pulse.run SET xid = pg_current_xact_id()"
		" WHERE xid >= pg_current_xact_id()", 0, {0}
	};
	static PulseStmt inbox_xids = {
		"UPDATE _pulse.inbox SET xid = pg_current_xact_id()"
		" WHERE xid >= pg_current_xact_id()", 0, {0}
	};
	static PulseStmt no_timers = {"DELETE FROM _pulse.timer", 0, {0}};
	static PulseStmt run_timers = {
		"INSERT INTO _pulse.timer (part, due, run, node, kind)"
		" SELECT r.part, t.due, r.id, '', t.kind FROM _pulse.run r"
		" CROSS JOIN LATERAL (VALUES (r.deadline, 'deadline'),"
		" (CASE WHEN r.started_at IS NULL THEN r.start_at END, 'start')) AS t(due, kind)"
		" WHERE r.status IN ('pending', 'paused') AND t.due IS NOT NULL", 0, {0}
	};
	static PulseStmt node_timers = {
		"INSERT INTO _pulse.timer (part, due, run, node, kind)"
		" SELECT n.part, n.due, n.run, n.node, CASE n.reason WHEN 'signal' THEN 'timeout'"
		" WHEN 'child' THEN 'timeout' WHEN 'retry' THEN 'retry' WHEN 'host' THEN 'host' ELSE 'delay' END"
		" FROM _pulse.node n JOIN _pulse.run r ON r.id = n.run"
		" WHERE r.status IN ('pending', 'paused') AND n.status = 'waiting'"
		" AND n.due IS NOT NULL", 0, {0}
	};
	static PulseStmt marks = {
		"UPDATE _pulse.part SET inbox_mark = DEFAULT, run_marks = DEFAULT,"
		" activation_mark = DEFAULT", 0, {0}
	};
	PulseStoreScope scope;
	bool		done;

	pulse_store_enter(&scope);
	done = pulse_stamp_adopt(reason);
	if (done)
	{
		run_one(&run_xids);
		run_one(&inbox_xids);
		run_one(&no_timers);
		run_one(&run_timers);
		run_one(&node_timers);
		run_one(&marks);
	}
	pulse_store_leave(&scope);
	return done;
}
