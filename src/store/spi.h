/*
 * spi.h
 *		Kept statements: the one place that talks to SPI.
 *
 * Every SQL text of the C code stands in src/store as a static PulseStmt, is
 * prepared at first use and kept for the life of the process.  Statements are
 * run between pulse_store_enter and pulse_store_leave, which act as the owner of
 * the extension with search_path = pg_catalog, pg_temp; an ERROR in between is
 * undone by the transaction's abort, as for any function.
 */
#ifndef PULSE_STORE_SPI_H
#define PULSE_STORE_SPI_H

#include "executor/spi.h"

#define PULSE_STMT_MAX_ARGS 24

typedef struct PulseStmt
{
	const char *sql;
	int			nargs;
	Oid			args[PULSE_STMT_MAX_ARGS];
	SPIPlanPtr	plan;			/* NULL until first use */
} PulseStmt;

/* State to restore; lives on the caller's stack. */
typedef struct PulseStoreScope
{
	Oid			save_user;
	int			save_sec;
	int			save_nest;
	bool		in_worker;
} PulseStoreScope;

/*
 * Connects SPI and acts as the extension's owner. Throws 55000 if the extension
 * is not installed in this database. Calls may not be nested.
 */
extern void pulse_store_enter(PulseStoreScope *scope);
extern void pulse_store_leave(PulseStoreScope *scope);

/*
 * Runs a statement; returns SPI_processed; rows are in SPI_tuptable. nulls may
 * be NULL. read_only uses the active snapshot as it is; otherwise a new one is
 * taken as SPI does. Throws on any error. limit 0: all rows.
 */
extern uint64 pulse_stmt_exec(PulseStmt *stmt, const Datum *values, const char *nulls,
							  bool read_only, long limit);

/* The same under a snapshot of the caller's (wait uses the latest one). */
extern uint64 pulse_stmt_exec_snapshot(PulseStmt *stmt, const Datum *values, const char *nulls,
									   Snapshot snapshot, long limit);

/* Column `col` (1-based) of row `row` of SPI_tuptable. */
extern Datum pulse_row_datum(uint64 row, int col, bool *isnull);

#endif
