/*
 * surroundings.c
 *		Settings that a worker depends on, set by itself.
 *
 * The owner of a database can set nearly anything by ALTER DATABASE ... SET; a
 * superuser's configuration may be tuned for other work. What decides about
 * correctness, or about the plans of the engine's statements, is therefore pinned here, with
 * a source that no reload of the configuration overrides.
 */
#include "postgres.h"

#include "worker/surroundings.h"

#include "utils/guc.h"

typedef struct Pin
{
	const char *name;
	const char *value;
} Pin;

static const Pin pins[] = {
	/* names mean what the engine's statements mean by them */
	{"search_path", "pg_catalog, pg_temp"},
	{"session_replication_role", "origin"},
	{"row_security", "off"},

	/* transactions are what the engine takes them for */
	{"default_transaction_read_only", "off"},
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_deferrable", "off"},
	{"synchronous_commit", "on"},

	/* nobody ends them but an operator */
	{"statement_timeout", "0"},
	{"lock_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"idle_session_timeout", "0"},
	{"transaction_timeout", "0"},

	/* statements go through keys, with plans that do not change with statistics */
	{"plan_cache_mode", "force_generic_plan"},
	{"enable_bitmapscan", "off"},
	{"enable_gathermerge", "off"},
	{"enable_hashjoin", "off"},
	{"enable_indexonlyscan", "on"},
	{"enable_indexscan", "on"},
	{"enable_memoize", "off"},
	{"enable_mergejoin", "off"},
	{"enable_nestloop", "on"},
	{"enable_seqscan", "off"},
	{"enable_sort", "on"},
	{"geqo", "off"},
	{"from_collapse_limit", "8"},
	{"join_collapse_limit", "8"},
	{"jit", "off"},
	{"work_mem", "64MB"},		/* arrays of a batch must not go to a file */
	{"max_parallel_workers_per_gather", "0"},
	{"max_parallel_maintenance_workers", "0"},

	/* texts of values read as they are written */
	{"bytea_output", "hex"},
	{"datestyle", "ISO, YMD"},
	{"extra_float_digits", "1"},
	{"intervalstyle", "postgres"},
	{"standard_conforming_strings", "on"},
	{"timezone", "UTC"},
	{"array_nulls", "on"},

	/* seen in pg_stat_activity */
	{"application_name", "pulse"},
};

static void
set(const char *name, const char *value)
{
	/* some settings exist from a later version on only */
	if (GetConfigOption(name, true, false) != NULL)
		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
pulse_surroundings_pin(void)
{
	for (int i = 0; i < (int) lengthof(pins); i++)
		set(pins[i].name, pins[i].value);
}

void
pulse_surroundings_hurry(void)
{
	set("lock_timeout", "200ms");
	set("synchronous_commit", "local");
}
