/*
 * guc.c
 *		Settings of pulse. Defined in _PG_init, preloaded or not.
 *
 * Owns the variables and the check of their values. Whatever governs the pace is SIGHUP
 * and is read anew by every process; what users may choose is USERSET. Check hooks
 * run in the postmaster too: they touch no catalog and throw nothing.
 */
#include "postgres.h"

#include "base/guc.h"

#include <sys/socket.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inet.h"
#include "utils/varlena.h"

char	   *pulse_guc_allow_networks = "";
int			pulse_guc_batch_size = 1000;
int			pulse_guc_cache_size = 65536;
char	   *pulse_guc_databases = "*";
bool		pulse_guc_enabled = true;
bool		pulse_guc_hold_on_new_timeline = false;
int			pulse_guc_max_in_flight = 256;
int			pulse_guc_max_input_bytes = 1024 * 1024;
int			pulse_guc_max_output_bytes = 1024 * 1024;
int			pulse_guc_max_response_bytes = 4 * 1024 * 1024;
int			pulse_guc_poll_interval = 5000;
char	   *pulse_guc_secret_directory = "";
char	   *pulse_guc_tenant = "default";
int			pulse_guc_workers = 2;

/* Splits a copy of the value; NULL on a syntax error. The list points into the copy. */
static List *
split_list(const char *value, bool *ok)
{
	List	   *list = NIL;

	*ok = SplitGUCList(pstrdup(value), ',', &list);
	return list;
}

static bool
check_networks(char **newval, void **extra pg_attribute_unused(),
			   GucSource source pg_attribute_unused())
{
	bool		ok;
	List	   *list = split_list(*newval, &ok);
	ListCell   *lc;

	if (!ok)
	{
		GUC_check_errdetail("The value is not a comma-separated list.");
		return false;
	}
	foreach(lc, list)
	{
		const char *item = lfirst(lc);
		unsigned char address[16];
		int			family = strchr(item, ':') ? PGSQL_AF_INET6 : PGSQL_AF_INET;

		if (pg_inet_net_pton(family, item, address, -1) < 0)
		{
			GUC_check_errdetail("\"%s\" is not a network in CIDR notation.", item);
			GUC_check_errhint("Write, for example, 10.0.0.0/8, fd00::/8.");
			return false;
		}
	}
	return true;
}

static bool
check_databases(char **newval, void **extra pg_attribute_unused(),
				GucSource source pg_attribute_unused())
{
	bool		ok;

	(void) split_list(*newval, &ok);
	if (!ok)
	{
		GUC_check_errdetail("The value is neither '*' nor a comma-separated list of database names.");
		return false;
	}
	return true;
}

static bool
check_directory(char **newval, void **extra pg_attribute_unused(),
				GucSource source pg_attribute_unused())
{
	if (**newval != '\0' && !is_absolute_path(*newval))
	{
		GUC_check_errdetail("The directory must be an absolute path.");
		return false;
	}
	canonicalize_path(*newval);
	return true;
}

static bool
check_tenant(char **newval, void **extra pg_attribute_unused(),
			 GucSource source pg_attribute_unused())
{
	size_t		len = strlen(*newval);

	if (len == 0 || len > PULSE_TENANT_MAX_BYTES)
	{
		GUC_check_errdetail("The name of a tenant has 1 to %d bytes.",
							PULSE_TENANT_MAX_BYTES);
		return false;
	}
	for (const char *p = *newval; *p; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
		{
			GUC_check_errdetail("The name of a tenant has no control characters.");
			return false;
		}
	return true;
}

/* Sorted by name, as everywhere. */
void
pulse_guc_init(void)
{
	DefineCustomStringVariable("pulse.allow_networks",
							   "Networks beyond public addresses that hosts may be in.",
							   "A comma-separated list in CIDR notation. Applies to all hosts, "
							   "in addition to the networks of a host's registration.",
							   &pulse_guc_allow_networks,
							   "",
							   PGC_SIGHUP, GUC_LIST_INPUT | GUC_SUPERUSER_ONLY,
							   check_networks, NULL, NULL);
	DefineCustomIntVariable("pulse.batch_size",
							"Most facts and new runs that a worker takes up in one transaction.",
							NULL,
							&pulse_guc_batch_size,
							1000, 1, 100000,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.cache_size",
							"Memory of each worker for runs and graphs it has read.",
							NULL,
							&pulse_guc_cache_size,
							64 * 1024, 1024, 16 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomStringVariable("pulse.databases",
							   "Databases in which workers run.",
							   "'*' for all that have the extension, or a comma-separated list of names.",
							   &pulse_guc_databases,
							   "*",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	DefineCustomBoolVariable("pulse.enabled",
							 "Runs workers.",
							 "When off, workers leave; runs can still be submitted and wait.",
							 &pulse_guc_enabled,
							 true,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("pulse.hold_on_new_timeline",
							 "Holds the engine on a new timeline until pulse.adopt() is called.",
							 "For point-in-time recovery beside a server that goes on.",
							 &pulse_guc_hold_on_new_timeline,
							 false,
							 PGC_SIGHUP, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.max_in_flight",
							"Most calls that a worker has in flight at once.",
							NULL,
							&pulse_guc_max_in_flight,
							256, 1, 10000,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.max_input_bytes",
							"Most bytes of the input of a run and of the payload of a signal.",
							NULL,
							&pulse_guc_max_input_bytes,
							1024 * 1024, 1024, 256 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.max_output_bytes",
							"Most bytes of the output of a node.",
							NULL,
							&pulse_guc_max_output_bytes,
							1024 * 1024, 1024, 256 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.max_response_bytes",
							"Most bytes of a host's response, uncompressed.",
							NULL,
							&pulse_guc_max_response_bytes,
							4 * 1024 * 1024, 1024, 256 * 1024 * 1024,
							PGC_SIGHUP, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomIntVariable("pulse.poll_interval",
							"Time after which a worker looks for work that nobody told it of.",
							"Covers lost wake-ups; the common case does not wait for it.",
							&pulse_guc_poll_interval,
							5000, 10, 5000,
							PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomStringVariable("pulse.secret_directory",
							   "Directory from which credentials of hosts may be read.",
							   "Empty: credentials cannot be kept in files.",
							   &pulse_guc_secret_directory,
							   "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_directory, NULL, NULL);
	DefineCustomStringVariable("pulse.tenant",
							   "Tenant of calls that name none.",
							   NULL,
							   &pulse_guc_tenant,
							   "default",
							   PGC_USERSET, 0,
							   check_tenant, NULL, NULL);
	DefineCustomIntVariable("pulse.workers",
							"Workers of each database that has the extension.",
							"When it changes, all workers finish their batch and are started anew.",
							&pulse_guc_workers,
							2, 1, PULSE_WORKERS_MAX,
							PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("pulse");
}

bool
pulse_guc_database_listed(const char *name)
{
	char	   *copy = pstrdup(pulse_guc_databases);
	List	   *list = NIL;
	ListCell   *lc;
	bool		listed = false;

	/* the check hook has seen to the syntax */
	(void) SplitGUCList(copy, ',', &list);
	foreach(lc, list)
	{
		const char *item = lfirst(lc);

		if (strcmp(item, "*") == 0 || strcmp(item, name) == 0)
			listed = true;
	}
	list_free(list);
	pfree(copy);
	return listed;
}

bool
pulse_guc_secret_file_allowed(const char *file)
{
	size_t		len = strlen(pulse_guc_secret_directory);

	while (len > 1 && pulse_guc_secret_directory[len - 1] == '/')
		len--;
	return len > 0 && strncmp(file, pulse_guc_secret_directory, len) == 0 &&
		file[len] == '/' && !path_contains_parent_reference(file);
}
