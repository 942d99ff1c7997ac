/*
 * health.c
 *		version, doctor, adopt, and the figures of the workers.
 *
 * doctor() answers one question a row, in the order in which one would look.  It changes
 * nothing and waits for nothing.
 */
#include "postgres.h"

#include "api/health.h"

#include "access/xlog.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/extension.h"
#include "base/guc.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "store/health_store.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "worker/shmem.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_version);
PG_FUNCTION_INFO_V1(pulse_sql_doctor);
PG_FUNCTION_INFO_V1(pulse_sql_adopt);
PG_FUNCTION_INFO_V1(pulse_sql_worker_stats);
PG_FUNCTION_INFO_V1(pulse_sql_install_check);

Datum
pulse_sql_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(PULSE_VERSION));
}

/* Refuses what pulse cannot work in. Called by the install script. */
Datum
pulse_sql_install_check(PG_FUNCTION_ARGS)
{
	if (GetDatabaseEncoding() != PG_UTF8)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pulse needs a database with encoding UTF8"),
				 errdetail("The encoding of this database is %s.", GetDatabaseEncodingName()),
				 errhint("CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0;")));
	pulse_wake_extension();
	PG_RETURN_VOID();
}

static char *
preload_hint(void)
{
	const char *now = GetConfigOption("shared_preload_libraries", true, false);

	return psprintf("ALTER SYSTEM SET shared_preload_libraries = %s; then restart the server.",
					now == NULL || *now == '\0' ? "'pulse'" :
					psprintf("%s, 'pulse'", now));
}

static bool
problem_is(PulseProblem *problem, const char *item, char *detail, char *hint)
{
	problem->item = item;
	problem->detail = detail;
	problem->hint = hint;
	return true;
}

/* A standby, or a transaction that may not write: the engine waits by itself. */
static bool
standby_problem(PulseProblem *problem)
{
	if (!RecoveryInProgress())
		return false;
	return problem_is(problem, "primary", pstrdup("this server is a standby"),
					  pstrdup("The engine works on the primary; here it starts after promotion."));
}

static bool
preload_problem(PulseProblem *problem)
{
	if (pulse_shmem_available())
		return false;
	return problem_is(problem, "preload",
					  pstrdup("pulse is not in shared_preload_libraries, so there are no workers"),
					  preload_hint());
}

static bool
settings_problem(PulseProblem *problem)
{
	const char *database = get_database_name(MyDatabaseId);

	if (!pulse_guc_enabled)
		return problem_is(problem, "settings", pstrdup("pulse.enabled is off"),
						  pstrdup("ALTER SYSTEM SET pulse.enabled = on; SELECT pg_reload_conf();"));
	if (database != NULL && !pulse_guc_database_listed(database))
		return problem_is(problem, "settings",
						  psprintf("pulse.databases does not name database \"%s\"", database),
						  psprintf("ALTER SYSTEM SET pulse.databases = %s; SELECT pg_reload_conf();",
								   pulse_quoted(psprintf("%s,%s", pulse_guc_databases, database))));
	return false;
}

static bool
copy_problem(PulseProblem *problem)
{
	char		reason[PULSE_REASON_BYTES];

	if (!pulse_health_held(reason, sizeof(reason)))
		return false;
	return problem_is(problem, "copy", psprintf("the engine holds: %s", reason),
					  pstrdup("SELECT pulse.adopt('why these runs may go on here');"));
}

static bool
launcher_problem(PulseProblem *problem)
{
	PulseLauncherReport report;

	pulse_launcher_report(&report);
	if (report.pid != 0 && report.reason[0] == '\0')
		return false;
	return problem_is(problem, "launcher",
					  report.reason[0] != '\0' ? pstrdup(report.reason) :
					  pstrdup("the launcher is not running"),
					  pstrdup("The server log says more; it is started again by itself."));
}

static bool
workers_problem(PulseProblem *problem)
{
	PulseTeamReport team;

	pulse_team_report(MyDatabaseId, &team);
	if (team.state == PULSE_TEAM_RUNNING && team.running >= team.wanted && team.held == 0)
		return false;
	return problem_is(problem, "workers",
					  psprintf("%d of %d workers run, %d of them hold; state %s%s%s",
							   team.running, team.wanted, team.held,
							   pulse_team_state_name(team.state),
							   team.reason[0] ? ": " : "", team.reason),
					  team.running < team.wanted ?
					  pstrdup("SHOW max_worker_processes; the server log says more.") : NULL);
}

bool
pulse_engine_problem(PulseProblem *problem)
{
	return standby_problem(problem) || preload_problem(problem) ||
		settings_problem(problem) || copy_problem(problem) ||
		launcher_problem(problem) || workers_problem(problem);
}

/*
 * ---------------------------------------------------------------------
 * doctor
 * ---------------------------------------------------------------------
 */

static void
put(PulseRows *rows, const char *item, bool ok, const char *detail, const char *hint)
{
	Datum		values[4];
	bool		nulls[4] = {false};

	values[0] = CStringGetTextDatum(item);
	values[1] = BoolGetDatum(ok);
	values[2] = CStringGetTextDatum(detail);
	nulls[3] = hint == NULL;
	values[3] = hint ? CStringGetTextDatum(hint) : (Datum) 0;
	pulse_rows_add(rows, values, nulls);
}

static void
ask(PulseRows *rows, const char *item, bool (*question) (PulseProblem *), const char *well)
{
	PulseProblem problem;

	if (question(&problem))
		put(rows, item, false, problem.detail, problem.hint);
	else
		put(rows, item, true, well, NULL);
}

static void
put_tally(PulseRows *rows, const char *item, const PulseTally *tally, const char *none,
		  const char *some, const char *hint)
{
	if (tally->n == 0)
		put(rows, item, true, none, NULL);
	else
		put(rows, item, false,
			psprintf("%s (%lld): %s%s", some, (long long) tally->n, tally->names,
					 tally->n > 5 ? ", ..." : ""), hint);
}

/* False: they do not fit each other, and nothing else may be asked of the tables. */
static bool
put_versions(PulseRows *rows)
{
	const PulseExtension *ext = pulse_extension_lookup();
	bool		same;

	PULSE_ENSURE(ext != NULL, "a function of an extension that is not there");
	same = strcmp(ext->version, PULSE_SQL_VERSION) == 0;
	put(rows, "version", same,
		psprintf("library %s for SQL objects %s, which are %s", PULSE_VERSION,
				 PULSE_SQL_VERSION, ext->version),
		same ? NULL : "ALTER EXTENSION pulse UPDATE; or restart the server with the other library.");
	return same;
}

static void
put_files(PulseRows *rows)
{
	int			needed = 3 * pulse_guc_max_in_flight;

	if (max_files_per_process >= needed)
		put(rows, "files", true,
			psprintf("max_files_per_process is %d, for %d calls in flight",
					 max_files_per_process, pulse_guc_max_in_flight), NULL);
	else
		put(rows, "files", false,
			psprintf("max_files_per_process is %d, so fewer than pulse.max_in_flight = %d calls fit into a worker",
					 max_files_per_process, pulse_guc_max_in_flight),
			psprintf("ALTER SYSTEM SET max_files_per_process = %d; then restart the server.", needed));
}

Datum
pulse_sql_doctor(PG_FUNCTION_ARGS)
{
	PulseHealth health;
	PulseRows	rows;
	bool		usable;

	/* no pulse_api_begin: this must answer when versions differ */
	pulse_access_require(PULSE_LEVEL_ADMIN, NULL, "examine the engine");
	rows = pulse_rows_begin(fcinfo);

	usable = put_versions(&rows);
	ask(&rows, "primary", standby_problem, "this server may write");
	ask(&rows, "preload", preload_problem, "the library is in shared_preload_libraries");
	ask(&rows, "settings", settings_problem, "the engine is switched on for this database");
	if (usable)
		ask(&rows, "copy", copy_problem, "the runs belong to this database");
	if (pulse_shmem_available())
	{
		ask(&rows, "launcher", launcher_problem, "the launcher is running");
		ask(&rows, "workers", workers_problem, "all workers are running");
	}
	put_files(&rows);
	if (!usable)
		return (Datum) 0;

	pulse_health_read(pulse_now(), &health);
	put_tally(&rows, "actions", &health.unknown_actions, "all actions of enabled workflows are registered",
			  "actions of enabled workflows that are not registered",
			  "SELECT pulse.register_action('name', 'host');");
	put_tally(&rows, "workflows", &health.unknown_workflows,
			  "all workflows that enabled workflows name are enabled",
			  "workflows that enabled workflows name, and that are disabled or not there",
			  "SELECT pulse.enable('name');");
	put_tally(&rows, "hosts", &health.open_hosts, "no circuit is open", "hosts with an open circuit",
			  "SELECT * FROM pulse.stat_hosts WHERE circuit = 'open';");
	put_tally(&rows, "disabled hosts", &health.disabled_hosts, "no host is disabled",
			  "disabled hosts", "SELECT pulse.alter_host('name', enable => true);");
	put_tally(&rows, "credentials", &health.bare_hosts, "all credentials that hosts name are set",
			  "hosts that name a credential which is not set",
			  "SELECT pulse.set_credential('name', 'hmac', secret => '...');");
	put_tally(&rows, "quarantine", &health.quarantined, "no run is quarantined",
			  "runs in quarantine", "SELECT * FROM pulse.failed_runs WHERE status = 'quarantined';");
	put_tally(&rows, "backlog", &health.late, "no fact and no timer is overdue",
			  "facts or timers overdue by more than 10 s", "SELECT * FROM pulse.stat_workers;");
	put_tally(&rows, "access", &health.lost_roles, "all roles with access exist",
			  "OIDs of roles with access that are gone",
			  "DELETE FROM _pulse.access a WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = a.role::oid);");
	return (Datum) 0;
}

Datum
pulse_sql_adopt(PG_FUNCTION_ARGS)
{
	char	   *reason;
	bool		done;

	pulse_api_begin();
	pulse_access_require(PULSE_LEVEL_ADMIN, NULL, "adopt a copy");
	reason = pulse_arg_text_opt(fcinfo, 0, "reason", PULSE_REASON_LENGTH);
	done = pulse_health_adopt(reason);
	if (done)
		pulse_wake_registry();
	PG_RETURN_BOOL(done);
}

Datum
pulse_sql_worker_stats(PG_FUNCTION_ARGS)
{
	PulseWorkerReport *reports;
	PulseRows	rows;
	int			n;

	pulse_api_begin();
	rows = pulse_rows_begin(fcinfo);
	if (!pulse_access_has(PULSE_LEVEL_READ, NULL))
		return (Datum) 0;
	n = pulse_worker_reports(MyDatabaseId, &reports);
	for (int i = 0; i < n; i++)
	{
		const PulseWorkerReport *r = &reports[i];
		Interval   *last = palloc0(sizeof(Interval));
		Datum		values[19];
		bool		nulls[19] = {false};

		last->time = r->last_batch_usec;
		values[0] = Int32GetDatum(r->worker);
		values[1] = Int32GetDatum(r->n_workers);
		values[2] = Int32GetDatum(r->pid);
		values[3] = CStringGetTextDatum(pulse_worker_state_name(r->state));
		values[4] = TimestampTzGetDatum(r->started_at);
		values[5] = TimestampTzGetDatum(r->state_since);
		values[6] = TimestampTzGetDatum(r->last_batch_at);
		nulls[6] = r->last_batch_at == 0;
		values[7] = IntervalPGetDatum(last);
		nulls[7] = r->last_batch_at == 0;
		values[8] = Int64GetDatum((int64) r->wakeups);
		values[9] = Int64GetDatum((int64) r->polls);
		values[10] = Int64GetDatum((int64) r->stats.batches);
		values[11] = Int64GetDatum((int64) r->stats.facts);
		values[12] = Int64GetDatum((int64) r->stats.nodes);
		values[13] = Int64GetDatum((int64) r->stats.calls);
		values[14] = Int64GetDatum((int64) r->stats.errors);
		values[15] = Int32GetDatum(r->stats.in_flight);
		values[16] = Int32GetDatum(r->stats.queued);
		values[17] = Int32GetDatum(r->stats.cached_runs);
		nulls[18] = r->reason[0] == '\0';
		values[18] = nulls[18] ? (Datum) 0 : CStringGetTextDatum(r->reason);
		pulse_rows_add(&rows, values, nulls);
	}
	return (Datum) 0;
}
