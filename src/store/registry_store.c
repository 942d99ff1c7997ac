/*
 * registry_store.c
 *		Hosts, actions and credentials as administrators change them.
 *
 * Owns the statements only; what values are acceptable is decided in api/hosts.c.
 * Secrets pass through as parameters and are never part of a statement's text.
 */
#include "postgres.h"

#include "store/registry_store.h"

#include "base/extension.h"
#include "catalog/pg_type.h"
#include "store/rows.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/inval.h"

static void
changed(void)
{
	CacheInvalidateRelcacheByRelid(pulse_extension_table("host"));
}

static Datum
text_arg(const char *s, char *null)
{
	*null = s ? ' ' : 'n';
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

static Datum
pointer_arg(const void *p, char *null)
{
	*null = p ? ' ' : 'n';
	return PointerGetDatum(p);
}

static Datum
int_arg(int n, char *null)
{
	*null = n >= 0 ? ' ' : 'n';
	return Int32GetDatum(n);
}

static Datum
flag_arg(int n, char *null)
{
	*null = n >= 0 ? ' ' : 'n';
	return BoolGetDatum(n > 0);
}

#define HOST_ARGS 13
#define HOST_TYPES \
	{                                                                                    \
		TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, CIDRARRAYOID, INTERVALOID, INT4OID, \
			INT4OID, INTERVALOID, BOOLOID, BOOLOID, TEXTOID                              \
	}

/* The array type of cidr has no symbol of its own. */
#ifndef CIDRARRAYOID
#define CIDRARRAYOID 651
#endif

static void
host_args(const PulseHostChange *h, Datum args[HOST_ARGS], char nulls[HOST_ARGS])
{
	args[0] = text_arg(h->name, &nulls[0]);
	args[1] = text_arg(h->url, &nulls[1]);
	args[2] = text_arg(h->credential, &nulls[2]);
	args[3] = text_arg(h->tenant, &nulls[3]);
	args[4] = text_arg(h->ca_file, &nulls[4]);
	args[5] = pointer_arg(h->networks, &nulls[5]);
	args[6] = pointer_arg(h->timeout, &nulls[6]);
	args[7] = int_arg(h->max_in_flight, &nulls[7]);
	args[8] = int_arg(h->rate_limit, &nulls[8]);
	args[9] = pointer_arg(h->rate_period, &nulls[9]);
	args[10] = flag_arg(h->allow_http, &nulls[10]);
	args[11] = flag_arg(h->enable, &nulls[11]);
	args[12] = text_arg(h->reason, &nulls[12]);
}

/* Settings as one row, in the order of the columns below. */
#define NEW_HOST \
	"$2, nullif($3, ''), nullif($4, ''), nullif($5, ''), coalesce($6, '{}'::cidr[])," \
	" coalesce($7, '30 s'), coalesce($8, 64), nullif($9, 0)," \
	" CASE WHEN nullif($9, 0) IS NOT NULL THEN coalesce($10, '1 s') END, coalesce($11, false)"
#define HOST_COLUMNS \
	"url, credential, tenant, ca_file, networks, timeout, max_in_flight, rate_limit," \
	" rate_period, allow_http"

PulseChange
pulse_host_register(const PulseHostChange *host)
{
	static PulseStmt insert = {
		"INSERT INTO _pulse.host (name, " HOST_COLUMNS ") SELECT $1, " NEW_HOST
		" WHERE $12 IS NULL AND $13 IS NULL ON CONFLICT (name) DO NOTHING",
		HOST_ARGS, HOST_TYPES
	};
	static PulseStmt same = {
		"SELECT 1 FROM _pulse.host WHERE name = $1 AND $12 IS NULL AND $13 IS NULL"
		" AND ROW(" HOST_COLUMNS ") IS NOT DISTINCT FROM ROW(" NEW_HOST ")",
		HOST_ARGS, HOST_TYPES
	};
	Datum		args[HOST_ARGS];
	char		nulls[HOST_ARGS];
	PulseStoreScope scope;
	PulseChange change = PULSE_CHANGE_DONE;

	host_args(host, args, nulls);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&insert, args, nulls, false, 0) > 0)
		changed();
	else if (pulse_stmt_exec(&same, args, nulls, false, 0) > 0)
		change = PULSE_CHANGE_NOTHING;
	else
		change = PULSE_CHANGE_NO_OBJECT;
	pulse_store_leave(&scope);
	return change;
}

PulseChange
pulse_host_alter(const PulseHostChange *c)
{
	static PulseStmt find = {
		"SELECT 1 FROM _pulse.host WHERE name = $1 FOR UPDATE", 1, {TEXTOID}
	};
	static PulseStmt update = {
		"WITH new AS (SELECT coalesce($2, url) AS url,"
		" nullif(coalesce($3, credential), '') AS credential,"
		" nullif(coalesce($4, tenant), '') AS tenant,"
		" nullif(coalesce($5, ca_file), '') AS ca_file,"
		" coalesce($6, networks) AS networks, coalesce($7, timeout) AS timeout,"
		" coalesce($8, max_in_flight) AS max_in_flight,"
		" nullif(coalesce($9, rate_limit), 0) AS rate_limit,"
		" CASE WHEN nullif(coalesce($9, rate_limit), 0) IS NOT NULL"
		" THEN coalesce($10, rate_period, '1 s') END AS rate_period,"
		" coalesce($11, allow_http) AS allow_http,"
		" CASE WHEN $12 THEN NULL WHEN NOT $12 THEN coalesce($13, disabled_reason, 'disabled')"
		" ELSE disabled_reason END AS disabled_reason"
		" FROM _pulse.host WHERE name = $1)"
		" UPDATE _pulse.host h SET url = new.url, credential = new.credential,"
		" tenant = new.tenant, ca_file = new.ca_file, networks = new.networks,"
		" timeout = new.timeout, max_in_flight = new.max_in_flight,"
		" rate_limit = new.rate_limit, rate_period = new.rate_period,"
		" allow_http = new.allow_http, disabled_reason = new.disabled_reason,"
		" changed_at = clock_timestamp()"
		" FROM new WHERE h.name = $1"
		" AND (h.url, h.credential, h.tenant, h.ca_file, h.networks, h.timeout,"
		" h.max_in_flight, h.rate_limit, h.rate_period, h.allow_http, h.disabled_reason)"
		" IS DISTINCT FROM (new.url, new.credential, new.tenant, new.ca_file,"
		" new.networks, new.timeout, new.max_in_flight, new.rate_limit,"
		" new.rate_period, new.allow_http, new.disabled_reason)",
		HOST_ARGS, HOST_TYPES
	};
	Datum		args[HOST_ARGS];
	char		nulls[HOST_ARGS];
	PulseStoreScope scope;
	PulseChange change = PULSE_CHANGE_NOTHING;

	host_args(c, args, nulls);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&find, args, NULL, false, 0) == 0)
		change = PULSE_CHANGE_NO_OBJECT;
	else if (pulse_stmt_exec(&update, args, nulls, false, 0) > 0)
	{
		change = PULSE_CHANGE_DONE;
		changed();
	}
	pulse_store_leave(&scope);
	return change;
}

bool
pulse_host_url(const char *name, char **url, bool *allow_http)
{
	static PulseStmt stmt = {
		"SELECT url, allow_http FROM _pulse.host WHERE name = $1", 1, {TEXTOID}
	};
	MemoryContext caller = CurrentMemoryContext;
	Datum		arg = CStringGetTextDatum(name);
	PulseStoreScope scope;
	bool		found;
	bool		isnull;

	pulse_store_enter(&scope);
	found = pulse_stmt_exec(&stmt, &arg, NULL, false, 1) > 0;
	if (found)
	{
		*url = pulse_row_text(0, 1, caller);
		*allow_http = DatumGetBool(pulse_row_datum(0, 2, &isnull));
	}
	pulse_store_leave(&scope);
	return found;
}

static int64
count_by_name(PulseStmt *stmt, const char *name)
{
	Datum		arg = CStringGetTextDatum(name);
	bool		isnull;

	(void) pulse_stmt_exec(stmt, &arg, NULL, false, 1);
	return DatumGetInt64(pulse_row_datum(0, 1, &isnull));
}

bool
pulse_host_drop(const char *name, int64 *n_actions)
{
	static PulseStmt count = {
		"SELECT count(*) FROM _pulse.action WHERE host = $1", 1, {TEXTOID}
	};
	static PulseStmt drop_state = {
		"DELETE FROM _pulse.host_state WHERE host = $1", 1, {TEXTOID}
	};
	static PulseStmt drop = {
		"DELETE FROM _pulse.host WHERE name = $1", 1, {TEXTOID}
	};
	Datum		arg = CStringGetTextDatum(name);
	PulseStoreScope scope;
	bool		done = false;

	pulse_store_enter(&scope);
	*n_actions = count_by_name(&count, name);
	if (*n_actions == 0)
	{
		(void) pulse_stmt_exec(&drop_state, &arg, NULL, false, 0);
		done = pulse_stmt_exec(&drop, &arg, NULL, false, 0) > 0;
		if (done)
			changed();
	}
	pulse_store_leave(&scope);
	return done;
}

PulseChange
pulse_action_register(const PulseActionChange *a)
{
	static PulseStmt host = {
		"SELECT 1 FROM _pulse.host WHERE name = $1 FOR KEY SHARE", 1, {TEXTOID}
	};
	static PulseStmt stmt = {
		"INSERT INTO _pulse.action AS a (name, host, version, timeout, retry, repeatable,"
		" read_only, replay_safe, description)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
		" ON CONFLICT (name) DO UPDATE SET host = excluded.host, version = excluded.version,"
		" timeout = excluded.timeout, retry = excluded.retry,"
		" repeatable = excluded.repeatable, read_only = excluded.read_only,"
		" replay_safe = excluded.replay_safe, description = excluded.description,"
		" changed_at = clock_timestamp()"
		" WHERE (a.host, a.version, a.timeout, a.retry, a.repeatable, a.read_only,"
		" a.replay_safe, a.description) IS DISTINCT FROM (excluded.host, excluded.version,"
		" excluded.timeout, excluded.retry, excluded.repeatable, excluded.read_only,"
		" excluded.replay_safe, excluded.description)",
		9, {TEXTOID, TEXTOID, TEXTOID, INTERVALOID, JSONBOID, BOOLOID, BOOLOID, BOOLOID, TEXTOID}
	};
	Datum		args[9];
	char		nulls[9];
	PulseStoreScope scope;
	PulseChange change = PULSE_CHANGE_NOTHING;

	memset(nulls, ' ', sizeof(nulls));
	args[0] = CStringGetTextDatum(a->name);
	args[1] = CStringGetTextDatum(a->host);
	args[2] = text_arg(a->version, &nulls[2]);
	args[3] = pointer_arg(a->timeout, &nulls[3]);
	args[4] = pointer_arg(a->retry, &nulls[4]);
	args[5] = BoolGetDatum(a->repeatable);
	args[6] = BoolGetDatum(a->read_only);
	args[7] = BoolGetDatum(a->replay_safe);
	args[8] = text_arg(a->description, &nulls[8]);
	pulse_store_enter(&scope);
	if (pulse_stmt_exec(&host, &args[1], NULL, false, 0) == 0)
		change = PULSE_CHANGE_NO_OBJECT;
	else if (pulse_stmt_exec(&stmt, args, nulls, false, 0) > 0)
	{
		change = PULSE_CHANGE_DONE;
		changed();
	}
	pulse_store_leave(&scope);
	return change;
}

bool
pulse_action_drop(const char *name)
{
	static PulseStmt stmt = {
		"DELETE FROM _pulse.action WHERE name = $1", 1, {TEXTOID}
	};
	Datum		arg = CStringGetTextDatum(name);
	PulseStoreScope scope;
	bool		done;

	pulse_store_enter(&scope);
	done = pulse_stmt_exec(&stmt, &arg, NULL, false, 0) > 0;
	if (done)
		changed();
	pulse_store_leave(&scope);
	return done;
}

bool
pulse_credential_set(const char *name, const char *kind, const char *secret,
					 const char *file)
{
	static PulseStmt stmt = {
		"INSERT INTO _pulse.credential AS c (name, kind, secret, file)"
		" VALUES ($1, $2, $3, $4)"
		" ON CONFLICT (name, kind) DO UPDATE SET secret = excluded.secret,"
		" file = excluded.file, previous = NULL, changed_at = clock_timestamp()"
		" WHERE (c.secret, c.file, c.previous) IS DISTINCT FROM (excluded.secret, excluded.file, NULL)",
		4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
	};
	Datum		args[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};
	PulseStoreScope scope;
	bool		done;

	args[0] = CStringGetTextDatum(name);
	args[1] = CStringGetTextDatum(kind);
	args[2] = text_arg(secret, &nulls[2]);
	args[3] = text_arg(file, &nulls[3]);
	pulse_store_enter(&scope);
	done = pulse_stmt_exec(&stmt, args, nulls, false, 0) > 0;
	if (done)
		changed();
	pulse_store_leave(&scope);
	return done;
}

bool
pulse_credential_drop(const char *name, const char *kind, int64 *n_hosts)
{
	static PulseStmt count = {
		"SELECT count(*) FROM _pulse.host WHERE credential = $1", 1, {TEXTOID}
	};
	static PulseStmt drop = {
		"DELETE FROM _pulse.credential WHERE name = $1 AND ($2 IS NULL OR kind = $2)",
		2, {TEXTOID, TEXTOID}
	};
	Datum		args[2];
	char		nulls[2] = {' ', ' '};
	PulseStoreScope scope;
	bool		done = false;

	args[0] = CStringGetTextDatum(name);
	args[1] = text_arg(kind, &nulls[1]);
	pulse_store_enter(&scope);
	*n_hosts = kind == NULL ? count_by_name(&count, name) : 0;
	if (*n_hosts == 0)
	{
		done = pulse_stmt_exec(&drop, args, nulls, false, 0) > 0;
		if (done)
			changed();
	}
	pulse_store_leave(&scope);
	return done;
}
