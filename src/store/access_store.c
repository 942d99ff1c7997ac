/*
 * access_store.c
 *		Who may do what: rows of _pulse.access, and the grants that go with them.
 *
 * Owns the list of what each level may execute.  A right to execute lets a role
 * call a function; whether the call is served is decided by the row, in
 * api/access.c.  Whoever caches the rows hears of changes by an invalidation of the table.
 */
#include "postgres.h"

#include "store/access_store.h"

#include "base/extension.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

static const char *const level_names[] = {"read", "submit", "author", "host", "admin"};

/*
 * What a level may call beyond the levels it includes. Names are unique, so no
 * argument lists are needed.
 */
static const char *const read_routines =
"pulse.version, pulse.readable_tenants, pulse.validate, pulse.graph, pulse.inspect, pulse.plan_rewrite, pulse.run_local,"
" pulse.draw, pulse.run_graph, pulse.wait, pulse.result, pulse.timeline, pulse.why,"
" _pulse.run_nodes, _pulse.node_name, _pulse.worker_stats";
static const char *const submit_routines =
"pulse.submit, pulse.signal, pulse.cancel, pulse.pause, pulse.resume, pulse.retry, pulse.run";
static const char *const author_routines =
"pulse.define, pulse.enable, pulse.disable, pulse.drop_workflow, pulse.submit_graph,"
" pulse.skip, pulse.release";
static const char *const host_routines =
"pulse.version";
static const char *const admin_routines =
"pulse.doctor, pulse.adopt, pulse.grant_access, pulse.revoke_access,"
" pulse.register_host, pulse.alter_host, pulse.drop_host, pulse.register_action,"
" pulse.drop_action, pulse.set_credential, pulse.drop_credential";
static const char *const views =
"pulse.runs, pulse.nodes, pulse.attempts, pulse.signals, pulse.logs, pulse.waiting,"
" pulse.failed_runs, pulse.rewrites, pulse.workflows, pulse.hosts, pulse.actions, pulse.stat_now,"
" pulse.stat_workers, pulse.stat_hosts";

const char *
pulse_level_name(PulseLevel level)
{
	return level_names[level];
}

bool
pulse_level_parse(const char *s, PulseLevel *level)
{
	for (int i = 0; i < (int) lengthof(level_names); i++)
	{
		if (strcmp(s, level_names[i]) == 0)
		{
			*level = (PulseLevel) i;
			return true;
		}
	}
	return false;
}

bool
pulse_level_includes(PulseLevel have, PulseLevel want)
{
	if (have == PULSE_LEVEL_ADMIN || have == want)
		return true;
	if (have == PULSE_LEVEL_HOST || want == PULSE_LEVEL_HOST)
		return false;
	return have > want;
}

PulseAccessRow *
pulse_access_load(MemoryContext context, int *n)
{
	static PulseStmt stmt = {
		"SELECT role::oid, level, tenants FROM _pulse.access", 0, {0}
	};
	PulseStoreScope scope;
	PulseAccessRow *rows;
	uint64		count;

	pulse_store_enter(&scope);

	/* the statement's snapshot may be old, and what is cached outlives it */
	count = pulse_stmt_exec_snapshot(&stmt, NULL, NULL, GetLatestSnapshot(), 0);
	rows = MemoryContextAllocZero(context, sizeof(PulseAccessRow) * Max(count, 1));
	*n = 0;
	for (uint64 i = 0; i < count; i++)
	{
		PulseAccessRow *row = &rows[*n];
		bool		isnull;
		Datum		tenants;
		char	   *level;

		row->role = DatumGetObjectId(pulse_row_datum(i, 1, &isnull));
		level = TextDatumGetCString(pulse_row_datum(i, 2, &isnull));
		if (!pulse_level_parse(level, &row->level))
			continue;
		tenants = pulse_row_datum(i, 3, &isnull);
		row->all_tenants = isnull;
		if (!isnull)
		{
			Datum	   *items;
			bool	   *nulls;
			int			n_items;

			deconstruct_array(DatumGetArrayTypeP(tenants), TEXTOID, -1, false,
							  TYPALIGN_INT, &items, &nulls, &n_items);
			row->tenants = MemoryContextAlloc(context, sizeof(char *) * Max(n_items, 1));
			for (int k = 0; k < n_items; k++)
			{
				if (!nulls[k])
					row->tenants[row->n_tenants++] =
						MemoryContextStrdup(context, TextDatumGetCString(items[k]));
			}
		}
		(*n)++;
	}
	pulse_store_leave(&scope);
	return rows;
}

/* One utility statement; role names are quoted by the caller. */
static void
utility(const char *fmt,...) pg_attribute_printf(1, 2);

static void
utility(const char *fmt,...)
{
	StringInfoData sql;
	int			rc;

	initStringInfo(&sql);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&sql, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&sql, needed);
	}
	rc = SPI_execute(sql.data, false, 0);
	if (rc < 0)
		elog(ERROR, "\"%s\" failed: %s", sql.data, SPI_result_code_string(rc));
	pfree(sql.data);
}

static void
grant_level(const char *role, PulseLevel level)
{
	utility("GRANT USAGE ON SCHEMA pulse TO %s", role);
	if (level == PULSE_LEVEL_HOST)
	{
		utility("GRANT EXECUTE ON ROUTINE %s TO %s", host_routines, role);
		return;
	}
	utility("GRANT SELECT ON %s TO %s", views, role);
	utility("GRANT EXECUTE ON ROUTINE %s TO %s", read_routines, role);
	if (level >= PULSE_LEVEL_SUBMIT)
		utility("GRANT EXECUTE ON ROUTINE %s TO %s", submit_routines, role);
	if (level >= PULSE_LEVEL_AUTHOR)
		utility("GRANT EXECUTE ON ROUTINE %s TO %s", author_routines, role);
	if (level == PULSE_LEVEL_ADMIN)
	{
		utility("GRANT EXECUTE ON ROUTINE %s TO %s", host_routines, role);
		utility("GRANT EXECUTE ON ROUTINE %s TO %s", admin_routines, role);
	}
}

static void
revoke_everything(const char *role)
{
	utility("REVOKE SELECT ON %s FROM %s", views, role);
	utility("REVOKE EXECUTE ON ROUTINE %s, %s, %s, %s, %s FROM %s",
			read_routines, submit_routines, author_routines, host_routines,
			admin_routines, role);
	utility("REVOKE USAGE ON SCHEMA pulse FROM %s", role);
}

static void
changed(void)
{
	CacheInvalidateRelcacheByRelid(pulse_extension_table("access"));
}

/* Levels of a role, as this transaction sees them; returns their number. */
static int
levels_of(Oid role, PulseLevel levels[])
{
	static PulseStmt stmt = {
		"SELECT level FROM _pulse.access WHERE role = $1::regrole", 1, {OIDOID}
	};
	Datum		arg = ObjectIdGetDatum(role);
	uint64		count = pulse_stmt_exec(&stmt, &arg, NULL, false, 0);
	int			n = 0;

	for (uint64 i = 0; i < count && n < (int) lengthof(level_names); i++)
	{
		bool		isnull;

		if (pulse_level_parse(TextDatumGetCString(pulse_row_datum(i, 1, &isnull)),
							  &levels[n]))
			n++;
	}
	return n;
}

bool
pulse_access_grant(Oid role, PulseLevel level, ArrayType *tenants, const char *by)
{
	static PulseStmt stmt = {
		"INSERT INTO _pulse.access AS a (role, level, tenants, granted_by)"
		" VALUES ($1::regrole, $2, $3, $4)"
		" ON CONFLICT (role, level) DO UPDATE"
		" SET tenants = excluded.tenants, granted_by = excluded.granted_by,"
		" granted_at = pg_catalog.now()"
		" WHERE a.tenants IS DISTINCT FROM excluded.tenants",
		4, {OIDOID, TEXTOID, TEXTARRAYOID, TEXTOID}
	};
	char	   *name = pstrdup(quote_identifier(GetUserNameFromId(role, false)));
	Datum		args[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	PulseStoreScope scope;
	bool		done;

	args[0] = ObjectIdGetDatum(role);
	args[1] = CStringGetTextDatum(pulse_level_name(level));
	args[2] = PointerGetDatum(tenants);
	if (tenants == NULL)
		nulls[2] = 'n';
	args[3] = CStringGetTextDatum(by);

	pulse_store_enter(&scope);
	done = pulse_stmt_exec(&stmt, args, nulls, false, 0) > 0;

	/* first: what follows ends a command, so a rollback undoes what caches read until then */
	changed();
	grant_level(name, level);
	pulse_store_leave(&scope);
	return done;
}

bool
pulse_access_revoke(Oid role, const PulseLevel *level)
{
	static PulseStmt stmt = {
		"DELETE FROM _pulse.access WHERE role = $1::regrole AND ($2 IS NULL OR level = $2)",
		2, {OIDOID, TEXTOID}
	};
	char	   *name = pstrdup(quote_identifier(GetUserNameFromId(role, false)));
	PulseLevel	left[lengthof(level_names)];
	Datum		args[2];
	char		nulls[2] = {' ', ' '};
	PulseStoreScope scope;
	bool		done;

	args[0] = ObjectIdGetDatum(role);
	args[1] = (Datum) 0;
	if (level == NULL)
		nulls[1] = 'n';
	else
		args[1] = CStringGetTextDatum(pulse_level_name(*level));

	pulse_store_enter(&scope);
	done = pulse_stmt_exec(&stmt, args, nulls, false, 0) > 0;
	if (done)
	{
		int			n;

		changed();
		revoke_everything(name);
		n = levels_of(role, left);
		for (int i = 0; i < n; i++)
			grant_level(name, left[i]);
	}
	pulse_store_leave(&scope);
	return done;
}
