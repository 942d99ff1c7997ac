/*
 * extension.c
 *		Which pulse is installed in this database: its oid, owner, version, tables.
 *
 * Owns a per-process cache of one pg_extension row and of table oids. There is no
 * cache of the server's for pg_extension (and none of its invalidations) before 18, so
 * this one is dropped when a table of ours, or any schema, changes: DROP
 * EXTENSION, REASSIGN OWNED and every update script do that. An update that
 * touches the version only is covered by reading bad news afresh.
 */
#include "postgres.h"

#include "base/extension.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "base/errors.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define MAX_TABLES 48

typedef struct TableEntry
{
	const char *name;			/* the caller's literal */
	Oid			oid;
} TableEntry;

static bool callbacks_registered = false;
static bool cache_valid = false;
static PulseExtension cache;
static TableEntry tables[MAX_TABLES];
static int	n_tables = 0;
static uint64 generation = 1;

/* The answer of functions that read afresh. */
static PulseExtension current;

static void
drop_cache(void)
{
	cache_valid = false;
	n_tables = 0;
	generation++;
}

static void
relation_changed(Datum arg pg_attribute_unused(), Oid relid)
{
	if (!cache_valid)
		return;
	if (!OidIsValid(relid))
	{
		drop_cache();
		return;
	}
	for (int i = 0; i < n_tables; i++)
		if (tables[i].oid == relid)
		{
			drop_cache();
			return;
		}
}

static void
schema_changed(Datum arg pg_attribute_unused(),
			   int cacheid pg_attribute_unused(),
			   uint32 hashvalue pg_attribute_unused())
{
	if (cache_valid)
		drop_cache();
}

static bool
read_row(PulseExtension *ext)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(PULSE_EXTENSION_NAME));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);
		bool		isnull;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(rel), &isnull);

		memset(ext, 0, sizeof(*ext));
		ext->oid = form->oid;
		ext->owner = form->extowner;
		if (!isnull)
			text_to_cstring_buffer(DatumGetTextPP(version), ext->version,
								   sizeof(ext->version));
		found = true;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/* Reads the row; keeps it. An invalidation while reading leaves the cache empty. */
static bool
refresh(void)
{
	uint64		before;

	if (!callbacks_registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, (Datum) 0);
		callbacks_registered = true;
	}
	drop_cache();
	before = generation;
	if (!read_row(&current))
		return false;
	if (generation == before)
	{
		cache = current;
		cache_valid = true;
	}
	return true;
}

const PulseExtension *
pulse_extension_lookup(void)
{
	if (cache_valid)
		return &cache;
	return refresh() ? &current : NULL;
}

static const PulseExtension *
lookup_or_throw(void)
{
	const PulseExtension *ext = pulse_extension_lookup();

	if (ext == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" is not installed in this database",
						PULSE_EXTENSION_NAME),
				 errhint("Run CREATE EXTENSION %s.", PULSE_EXTENSION_NAME)));
	return ext;
}

const PulseExtension *
pulse_extension_require(void)
{
	const PulseExtension *ext = lookup_or_throw();

	if (likely(strcmp(ext->version, PULSE_SQL_VERSION) == 0))
		return ext;

	/* bad news: read afresh before saying so */
	drop_cache();
	ext = lookup_or_throw();
	if (strcmp(ext->version, PULSE_SQL_VERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_PULSE_VERSION_MISMATCH),
				 errmsg("pulse's library and its SQL objects are of different versions"),
				 errdetail("The library works with version %s, this database has %s.",
						   PULSE_SQL_VERSION, ext->version),
				 errhint("Run ALTER EXTENSION %s UPDATE, or restart the server if the library is the older one.",
						 PULSE_EXTENSION_NAME)));
	return ext;
}

Oid
pulse_extension_oid(void)
{
	const PulseExtension *ext = pulse_extension_lookup();

	return ext ? ext->oid : InvalidOid;
}

Oid
pulse_extension_owner(void)
{
	return lookup_or_throw()->owner;
}

Oid
pulse_extension_table(const char *name)
{
	Oid			ext;
	Oid			schema;
	Oid			relid = InvalidOid;

	ext = lookup_or_throw()->oid;
	for (int i = 0; i < n_tables; i++)
		if (tables[i].name == name || strcmp(tables[i].name, name) == 0)
			return tables[i].oid;

	schema = get_namespace_oid(PULSE_STATE_SCHEMA, true);
	if (OidIsValid(schema))
		relid = get_relname_relid(name, schema);
	if (!OidIsValid(relid) ||
		getExtensionOfObject(RelationRelationId, relid) != ext)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s.%s\" of extension \"%s\" does not exist",
						PULSE_STATE_SCHEMA, name, PULSE_EXTENSION_NAME),
				 errhint("Drop and create the extension.")));
	if (cache_valid && n_tables < MAX_TABLES)
	{
		tables[n_tables].name = name;
		tables[n_tables].oid = relid;
		n_tables++;
	}
	return relid;
}

const PulseExtension *
pulse_extension_lock(void)
{
	const PulseExtension *ext = pulse_extension_lookup();
	LOCKTAG		tag;
	Oid			oid;

	if (ext == NULL)
		return NULL;
	oid = ext->oid;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, oid, 0);
	(void) LockAcquire(&tag, AccessShareLock, false, false);
	AcceptInvalidationMessages();

	/* It may have gone, or have been updated, before we got the lock. */
	if (!read_row(&current))
	{
		drop_cache();
		return NULL;
	}
	if (current.oid != oid)
	{
		drop_cache();
		return NULL;
	}
	if (!cache_valid || memcmp(&cache, &current, sizeof(cache)) != 0)
	{
		drop_cache();
		cache = current;
		cache_valid = true;
	}
	return &current;
}

uint64
pulse_extension_generation(void)
{
	return generation;
}
