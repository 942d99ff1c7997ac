/*
 * access.c
 *		Who may do what, and the functions that change it.
 *
 * Owns the cache of _pulse.access in this backend: it is read as committed now (not
 * as an old snapshot sees it) and thrown away when an invalidation of the table
 * arrives, which every grant and revoke sends.  Rights are asked for the current user;
 * membership in roles is the server's own question and is not cached here.
 * Superusers, the extension's owner and its members have every level in all tenants.
 */
#include "postgres.h"

#include "api/api.h"

#include "access/xact.h"
#include "base/extension.h"
#include "base/guc.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "store/access_store.h"
#include "store/rows.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(pulse_sql_readable_tenants);
PG_FUNCTION_INFO_V1(pulse_sql_grant_access);
PG_FUNCTION_INFO_V1(pulse_sql_revoke_access);

#define MAX_TENANTS 10000

/* Rows of _pulse.access of relation `table`; valid while cache_valid. */
static MemoryContext cache_context = NULL;
static PulseAccessRow *cache_rows;
static int	cache_n;
static Oid	cache_table = InvalidOid;
static bool cache_valid = false;

static void
forget(Datum arg pg_attribute_unused(), Oid relid)
{
	if (relid == InvalidOid || relid == cache_table)
		cache_valid = false;
}

static void
load(void)
{
	static bool registered = false;
	Oid			table = pulse_extension_table("access");
	MemoryContext fresh;
	PulseAccessRow *rows;
	int			n;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		registered = true;
	}
	AcceptInvalidationMessages();
	if (cache_valid && cache_table == table)
		return;

	fresh = AllocSetContextCreate(TopMemoryContext, "pulse access", ALLOCSET_SMALL_SIZES);

	/* a change that arrives while we read makes the result stale again */
	cache_table = table;
	cache_valid = true;
	PG_TRY();
	{
		rows = pulse_access_load(fresh, &n);
	}
	PG_CATCH();
	{
		cache_valid = false;
		MemoryContextDelete(fresh);
		PG_RE_THROW();
	}
	PG_END_TRY();
	if (cache_context != NULL)
		MemoryContextDelete(cache_context);
	cache_context = fresh;
	cache_rows = rows;
	cache_n = n;
}

void
pulse_api_begin(void)
{
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("pulse cannot be used during a parallel operation"),
				 errhint("A function that calls pulse must be PARALLEL UNSAFE.")));
	(void) pulse_extension_require();
}

static bool
is_owner(void)
{
	return has_privs_of_role(GetUserId(), pulse_extension_owner());
}

static bool
covers(const PulseAccessRow *row, const char *tenant)
{
	if (row->all_tenants)
		return true;
	for (int i = 0; tenant != NULL && i < row->n_tenants; i++)
	{
		if (strcmp(row->tenants[i], tenant) == 0)
			return true;
	}
	return false;
}

static bool
has_role(const PulseAccessRow *row)
{
	/* the role may be gone, if its privileges were dropped by force */
	return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(row->role)) &&
		has_privs_of_role(GetUserId(), row->role);
}

bool
pulse_access_has(PulseLevel level, const char *tenant)
{
	if (is_owner())
		return true;
	load();
	for (int i = 0; i < cache_n; i++)
	{
		PulseAccessRow *row = &cache_rows[i];

		if (pulse_level_includes(row->level, level) && covers(row, tenant) &&
			has_role(row))
			return true;
	}
	return false;
}

bool
pulse_access_has_some(PulseLevel level)
{
	if (is_owner())
		return true;
	load();
	for (int i = 0; i < cache_n; i++)
	{
		PulseAccessRow *row = &cache_rows[i];

		if (pulse_level_includes(row->level, level) &&
			(row->all_tenants || row->n_tenants > 0) && has_role(row))
			return true;
	}
	return false;
}

static void
deny(PulseLevel level, const char *tenant, const char *what)
{
	const char *user = GetUserNameFromId(GetUserId(), false);

	if (tenant != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s", what),
				 errdetail("This needs level %s in tenant \"%s\", which role \"%s\" does not have.",
						   pulse_level_name(level), tenant, user),
				 errhint("An administrator can run: SELECT pulse.grant_access(%s, '%s', ARRAY[%s]);",
						 pulse_quoted(quote_identifier(user)),
						 pulse_level_name(level), pulse_quoted(tenant))));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to %s", what),
			 errdetail("This needs level %s for all tenants, which role \"%s\" does not have.",
					   pulse_level_name(level), user),
			 errhint("An administrator can run: SELECT pulse.grant_access(%s, '%s');",
					 pulse_quoted(quote_identifier(user)), pulse_level_name(level))));
}

void
pulse_access_require(PulseLevel level, const char *tenant, const char *what)
{
	if (!pulse_access_has(level, tenant))
		deny(level, tenant, what);
}

void
pulse_access_require_some(PulseLevel level, const char *what)
{
	if (!pulse_access_has_some(level))
		deny(level, pulse_guc_tenant, what);
}

char *
pulse_actor(void)
{
	char	   *name = GetUserNameFromId(GetSessionUserId(), true);

	/* a session outlives the role that logged in, when that is dropped */
	return name ? name : psprintf("%u", GetSessionUserId());
}

Datum
pulse_sql_readable_tenants(PG_FUNCTION_ARGS)
{
	Datum	   *items;
	int			n = 0;
	int			room = 1;

	pulse_api_begin();
	if (pulse_access_has(PULSE_LEVEL_READ, NULL))
	{
		Datum		all = CStringGetTextDatum("*");

		PG_RETURN_DATUM(pulse_array(TEXTOID, &all, NULL, 1));
	}
	for (int i = 0; i < cache_n; i++)
		room += cache_rows[i].n_tenants;
	items = palloc(sizeof(Datum) * (size_t) room);
	for (int i = 0; i < cache_n; i++)
	{
		PulseAccessRow *row = &cache_rows[i];

		if (!pulse_level_includes(row->level, PULSE_LEVEL_READ) || !has_role(row))
			continue;
		for (int k = 0; k < row->n_tenants; k++)
			items[n++] = CStringGetTextDatum(row->tenants[k]);
	}
	if (n == 0)
		PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));
	PG_RETURN_DATUM(pulse_array(TEXTOID, items, NULL, n));
}

static PulseLevel
level_arg(const char *s)
{
	PulseLevel	level;

	if (!pulse_level_parse(s, &level))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no level \"%s\"", s),
				 errdetail("Levels are read, submit, author, host and admin.")));
	return level;
}

/* The role of argument 0; it must exist, since regrole takes any number. */
static Oid
role_arg(FunctionCallInfo fcinfo)
{
	Oid			role;

	pulse_arg_require(fcinfo, 0, "role");
	role = PG_GETARG_OID(0);
	if (!SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(role)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role with OID %u does not exist", role)));
	return role;
}

static ArrayType *
tenants_arg(FunctionCallInfo fcinfo, int arg)
{
	ArrayType  *array;
	Datum	   *items;
	bool	   *nulls;
	int			n;

	if (PG_ARGISNULL(arg))
		return NULL;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("tenants must be a list"),
				 errdetail("The array has %d dimensions.", ARR_NDIM(array))));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	if (n == 0 || n > MAX_TENANTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("list of tenants has %d entries", n),
				 errdetail("It needs 1 to %d of them.", MAX_TENANTS),
				 errhint("Leave tenants out to give the level in all of them.")));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("list of tenants contains NULL")));
		pulse_check_tenant(TextDatumGetCString(items[i]));
	}
	return array;
}

Datum
pulse_sql_grant_access(PG_FUNCTION_ARGS)
{
	PulseLevel	level;
	ArrayType  *tenants;
	Oid			role;

	pulse_api_begin();
	pulse_access_require(PULSE_LEVEL_ADMIN, NULL, "grant access to pulse");
	role = role_arg(fcinfo);
	level = level_arg(pulse_arg_name(fcinfo, 1, "level"));
	tenants = tenants_arg(fcinfo, 2);
	PG_RETURN_BOOL(pulse_access_grant(role, level, tenants, pulse_actor()));
}

Datum
pulse_sql_revoke_access(PG_FUNCTION_ARGS)
{
	char	   *name;
	PulseLevel	level;
	Oid			role;

	pulse_api_begin();
	pulse_access_require(PULSE_LEVEL_ADMIN, NULL, "revoke access to pulse");
	role = role_arg(fcinfo);
	name = pulse_arg_name_opt(fcinfo, 1, "level");
	if (name != NULL)
		level = level_arg(name);
	PG_RETURN_BOOL(pulse_access_revoke(role, name ? &level : NULL));
}
