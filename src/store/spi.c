/*
 * spi.c
 *		Kept statements: the one place that talks to SPI.
 *
 * Owns the switch to the extension's owner and to a search_path that no user can
 * influence, and the life of prepared plans.  It holds no data of its own: the
 * plan of a statement hangs on the caller's static PulseStmt and lives as long as
 * the process; the plan cache replans it when tables change, also over DROP and
 * CREATE EXTENSION, because it is kept as parsed text.
 */
#include "postgres.h"

#include "store/spi.h"

#include "base/extension.h"
#include "base/txn.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

void
pulse_store_enter(PulseStoreScope *scope)
{
	GetUserIdAndSecContext(&scope->save_user, &scope->save_sec);
	SetUserIdAndSecContext(pulse_extension_owner(),
						   scope->save_sec | SECURITY_LOCAL_USERID_CHANGE);

	/*
	 * A worker of ours has set its path for good; anybody else's may be anything,
	 * also in background workers of others.
	 */
	scope->in_worker = pulse_txn_is_open() && !pulse_txn_is_driven();
	if (!scope->in_worker)
	{
		scope->save_nest = NewGUCNestLevel();
		(void) set_config_option("search_path", "pg_catalog, pg_temp",
								 PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

void
pulse_store_leave(PulseStoreScope *scope)
{
	SPI_finish();
	if (!scope->in_worker)
		AtEOXact_GUC(false, scope->save_nest);
	SetUserIdAndSecContext(scope->save_user, scope->save_sec);
}

static void
prepare(PulseStmt *stmt)
{
	SPIPlanPtr plan = SPI_prepare(stmt->sql, stmt->nargs, stmt->args);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", stmt->sql,
			 SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", stmt->sql);
	stmt->plan = plan;
}

uint64
pulse_stmt_exec(PulseStmt *stmt, const Datum *values, const char *nulls,
				bool read_only, long limit)
{
	int rc;

	if (stmt->plan == NULL)
		prepare(stmt);
	rc = SPI_execute_plan(stmt->plan, unconstify(Datum *, values), nulls,
						  read_only, limit);
	if (rc < 0)
		elog(ERROR, "\"%s\" failed: %s", stmt->sql, SPI_result_code_string(rc));
	return SPI_processed;
}

uint64
pulse_stmt_exec_snapshot(PulseStmt *stmt, const Datum *values, const char *nulls,
						 Snapshot snapshot, long limit)
{
	uint64 processed;

	PushActiveSnapshot(snapshot);
	processed = pulse_stmt_exec(stmt, values, nulls, true, limit);
	PopActiveSnapshot();
	return processed;
}

Datum
pulse_row_datum(uint64 row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col,
						 isnull);
}
