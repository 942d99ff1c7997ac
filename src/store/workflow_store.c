/*
 * workflow_store.c
 *		Workflows and their versions.
 *
 * Owns the statements on _pulse.workflow_name and _pulse.workflow.  A definition locks
 * one row, that of the name; whoever caches what is enabled hears of changes by an
 * invalidation of the table of names.
 */
#include "postgres.h"

#include "store/workflow_store.h"

#include "base/extension.h"
#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

static void
changed(void)
{
	CacheInvalidateRelcacheByRelid(pulse_extension_table("workflow_name"));
}

static int
row_int(uint64 row, int col)
{
	bool		isnull;
	Datum		d = pulse_row_datum(row, col, &isnull);

	return isnull ? 0 : DatumGetInt32(d);
}

bool
pulse_workflow_find(const char *tenant, const char *name, int version,
					PulseWorkflowRow *info)
{
	static PulseStmt stmt = {
		"SELECT m.enabled_version, m.disabled_reason, w.version,"
		" w.graph ->> 'deadline', w.defaults"
		" FROM _pulse.workflow_name m LEFT JOIN _pulse.workflow w"
		" ON w.tenant = m.tenant AND w.name = m.name"
		" AND w.version = CASE WHEN $3 = 0 THEN m.enabled_version ELSE $3 END"
		" WHERE m.tenant = $1 AND m.name = $2",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		args[3];
	PulseStoreScope scope;
	bool		found;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);
	args[2] = Int32GetDatum(version);
	pulse_store_enter(&scope);

	/* detoasting below needs the snapshot to stay */
	PushActiveSnapshot(GetLatestSnapshot());
	found = pulse_stmt_exec(&stmt, args, NULL, true, 1) > 0;
	if (found)
	{
		info->enabled_version = row_int(0, 1);
		info->disabled_reason = pulse_row_text(0, 2, caller);
		info->version = row_int(0, 3);
		info->deadline = pulse_row_text(0, 4, caller);
		info->defaults = pulse_row_jsonb(0, 5, caller);
		info->enabled = info->enabled_version != 0;
	}
	PopActiveSnapshot();
	pulse_store_leave(&scope);
	return found;
}

Jsonb *
pulse_workflow_graph(const char *tenant, const char *name, int version, char **hash)
{
	static PulseStmt stmt = {
		"SELECT w.graph, w.content_hash FROM _pulse.workflow w"
		" LEFT JOIN _pulse.workflow_name m ON m.tenant = w.tenant AND m.name = w.name"
		" WHERE w.tenant = $1 AND w.name = $2"
		" AND ($3 <> 0 AND w.version = $3 OR $3 = 0 AND m.name IS NOT NULL)"
		" ORDER BY (w.version = m.enabled_version) DESC NULLS LAST, w.version DESC LIMIT 1",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		args[3];
	PulseStoreScope scope;
	Jsonb	   *graph = NULL;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);
	args[2] = Int32GetDatum(version);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&stmt, args, NULL, true, 1) > 0)
	{
		graph = pulse_row_jsonb(0, 1, caller);
		if (hash != NULL)
			*hash = pulse_row_text(0, 2, caller);
	}
	pulse_store_leave(&scope);
	return graph;
}

static void
insert_version(const PulseDefinition *def, int version, bool if_absent)
{
	static PulseStmt stmt = {
		"INSERT INTO _pulse.workflow (tenant, name, version, graph, content_hash,"
		" graph_hash, defaults, description, created_by)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		9, {TEXTOID, TEXTOID, INT4OID, JSONBOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}
	};
	static PulseStmt stmt_if_absent = {
		"INSERT INTO _pulse.workflow (tenant, name, version, graph, content_hash,"
		" graph_hash, defaults, description, created_by)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (tenant, name, version) DO NOTHING",
		9, {TEXTOID, TEXTOID, INT4OID, JSONBOID, TEXTOID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}
	};
	Datum		args[9];
	char		nulls[9];

	memset(nulls, ' ', sizeof(nulls));
	args[0] = CStringGetTextDatum(def->tenant);
	args[1] = CStringGetTextDatum(def->name);
	args[2] = Int32GetDatum(version);
	args[3] = JsonbPGetDatum(def->graph);
	args[4] = CStringGetTextDatum(def->content_hash);
	args[5] = CStringGetTextDatum(def->graph_hash);
	args[6] = def->defaults ? JsonbPGetDatum(def->defaults) : (Datum) 0;
	nulls[6] = def->defaults ? ' ' : 'n';
	args[7] = def->description ? CStringGetTextDatum(def->description) : (Datum) 0;
	nulls[7] = def->description ? ' ' : 'n';
	args[8] = CStringGetTextDatum(def->created_by);
	(void) pulse_stmt_exec(if_absent ? &stmt_if_absent : &stmt, args, nulls, false, 0);
}

/*
 * Locks the row of the name, making it if needed; returns its last version.  A
 * name that was dropped goes on counting where it stopped.
 */
static int
lock_name(const char *tenant, const char *name)
{
	static PulseStmt make = {
		"INSERT INTO _pulse.workflow_name (tenant, name, last_version)"
		" SELECT $1, $2, coalesce((SELECT max(version) FROM _pulse.workflow"
		" WHERE tenant = $1 AND name = $2), 0)"
		" ON CONFLICT (tenant, name) DO NOTHING",
		2, {TEXTOID, TEXTOID}
	};
	static PulseStmt lock = {
		"SELECT last_version FROM _pulse.workflow_name"
		" WHERE tenant = $1 AND name = $2 FOR UPDATE",
		2, {TEXTOID, TEXTOID}
	};
	Datum		args[2];

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);

	/* a name dropped between the two statements is made again */
	for (;;)
	{
		(void) pulse_stmt_exec(&make, args, NULL, false, 0);
		if (pulse_stmt_exec(&lock, args, NULL, false, 0) > 0)
			return row_int(0, 1);
	}
}

int
pulse_workflow_define(const PulseDefinition *def)
{
	static PulseStmt same = {
		"SELECT version FROM _pulse.workflow"
		" WHERE tenant = $1 AND name = $2 AND content_hash = $3"
		" ORDER BY version DESC LIMIT 1",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	static PulseStmt update = {
		"UPDATE _pulse.workflow_name SET"
		" last_version = greatest(last_version, $3),"
		" enabled_version = CASE WHEN $4 THEN $3 ELSE enabled_version END,"
		" disabled_reason = CASE WHEN $4 THEN NULL ELSE disabled_reason END,"
		" description = coalesce($5, description)"
		" WHERE tenant = $1 AND name = $2",
		5, {TEXTOID, TEXTOID, INT4OID, BOOLOID, TEXTOID}
	};
	Datum		args[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};
	PulseStoreScope scope;
	int			last;
	int			version;

	pulse_store_enter(&scope);
	last = lock_name(def->tenant, def->name);
	args[0] = CStringGetTextDatum(def->tenant);
	args[1] = CStringGetTextDatum(def->name);
	args[2] = CStringGetTextDatum(def->content_hash);
	if (pulse_stmt_exec(&same, args, NULL, false, 1) > 0)
		version = row_int(0, 1);
	else
	{
		version = last + 1;
		insert_version(def, version, false);
	}
	args[2] = Int32GetDatum(version);
	args[3] = BoolGetDatum(def->enable);
	args[4] = def->description ? CStringGetTextDatum(def->description) : (Datum) 0;
	nulls[4] = def->description ? ' ' : 'n';
	(void) pulse_stmt_exec(&update, args, nulls, false, 0);
	changed();
	pulse_store_leave(&scope);
	return version;
}

void
pulse_workflow_define_graph(const PulseDefinition *def)
{
	PulseStoreScope scope;

	pulse_store_enter(&scope);
	insert_version(def, 1, true);
	pulse_store_leave(&scope);
}

PulseChange
pulse_workflow_enable(const char *tenant, const char *name, int version)
{
	static PulseStmt find = {
		"SELECT m.enabled_version, (SELECT w.version FROM _pulse.workflow w"
		" WHERE w.tenant = m.tenant AND w.name = m.name"
		" AND w.version = CASE WHEN $3 = 0 THEN m.last_version ELSE $3 END)"
		" FROM _pulse.workflow_name m WHERE m.tenant = $1 AND m.name = $2 FOR UPDATE",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	static PulseStmt update = {
		"UPDATE _pulse.workflow_name SET enabled_version = $3, disabled_reason = NULL"
		" WHERE tenant = $1 AND name = $2",
		3, {TEXTOID, TEXTOID, INT4OID}
	};
	Datum		args[3];
	PulseStoreScope scope;
	PulseChange change = PULSE_CHANGE_DONE;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);
	args[2] = Int32GetDatum(version);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&find, args, NULL, false, 1) == 0)
		change = PULSE_CHANGE_NO_OBJECT;
	else if (row_int(0, 2) == 0)
		change = PULSE_CHANGE_NO_VERSION;
	else if (row_int(0, 1) == row_int(0, 2))
		change = PULSE_CHANGE_NOTHING;
	else
	{
		args[2] = Int32GetDatum(row_int(0, 2));
		(void) pulse_stmt_exec(&update, args, NULL, false, 0);
		changed();
	}
	pulse_store_leave(&scope);
	return change;
}

PulseChange
pulse_workflow_disable(const char *tenant, const char *name, const char *reason)
{
	static PulseStmt find = {
		"SELECT enabled_version FROM _pulse.workflow_name"
		" WHERE tenant = $1 AND name = $2 FOR UPDATE",
		2, {TEXTOID, TEXTOID}
	};
	static PulseStmt update = {
		"UPDATE _pulse.workflow_name SET enabled_version = NULL, disabled_reason = $3"
		" WHERE tenant = $1 AND name = $2",
		3, {TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		args[3];
	char		nulls[3] = {' ', ' ', ' '};
	PulseStoreScope scope;
	PulseChange change = PULSE_CHANGE_DONE;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);
	args[2] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[2] = reason ? ' ' : 'n';
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&find, args, NULL, false, 1) == 0)
		change = PULSE_CHANGE_NO_OBJECT;
	else if (row_int(0, 1) == 0)
		change = PULSE_CHANGE_NOTHING;
	else
	{
		(void) pulse_stmt_exec(&update, args, nulls, false, 0);
		changed();
	}
	pulse_store_leave(&scope);
	return change;
}

PulseChange
pulse_workflow_drop(const char *tenant, const char *name)
{
	static PulseStmt stmt = {
		"DELETE FROM _pulse.workflow_name WHERE tenant = $1 AND name = $2",
		2, {TEXTOID, TEXTOID}
	};
	Datum		args[2];
	PulseStoreScope scope;
	uint64		n;

	args[0] = CStringGetTextDatum(tenant);
	args[1] = CStringGetTextDatum(name);
	pulse_store_enter(&scope);
	n = pulse_stmt_exec(&stmt, args, NULL, false, 0);
	if (n > 0)
		changed();
	pulse_store_leave(&scope);
	return n > 0 ? PULSE_CHANGE_DONE : PULSE_CHANGE_NO_OBJECT;
}
