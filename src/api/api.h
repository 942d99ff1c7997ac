/*
 * api.h
 *		What all SQL-callable functions share: rights, arguments, rows, errors.
 *
 * A function reads its arguments, requires a level in a tenant, calls down and
 * returns. Rights are those of the current user; what somebody may not see does not
 * exist for them, with the same error.
 */
#ifndef PULSE_API_API_H
#define PULSE_API_API_H

#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "base/compat.h"
#include "core/diag.h"
#include "core/json.h"
#include "store/access_store.h"
#include "store/fact_store.h"

#define PULSE_NAME_BYTES	200 /* names, keys, ids of signals */
#define PULSE_REASON_LENGTH 2000	/* reasons, descriptions */

/*
 * ---------------------------------------------------------------------
 * Rights (access.c)
 * ---------------------------------------------------------------------
 */

/* Has the current user this level in this tenant (NULL: in all of them)? */
extern bool pulse_access_has(PulseLevel level, const char *tenant);

/* In any tenant? */
extern bool pulse_access_has_some(PulseLevel level);

/* Throws 42501 unless the level is held; what completes "permission denied to ...". */
extern void pulse_access_require(PulseLevel level, const char *tenant, const char *what);
extern void pulse_access_require_some(PulseLevel level, const char *what);

/* Name of the session's user, for the record. */
extern char *pulse_actor(void);

/*
 * ---------------------------------------------------------------------
 * Arguments (args.c); numbered from 0. _opt: NULL for SQL NULL
 * ---------------------------------------------------------------------
 */

/* Text that names something: 1 to PULSE_NAME_BYTES bytes, no control characters. */
extern char *pulse_arg_name(FunctionCallInfo fcinfo, int n, const char *what);
extern char *pulse_arg_name_opt(FunctionCallInfo fcinfo, int n, const char *what);

/* Text for people: no more than max bytes, not empty. */
extern char *pulse_arg_text_opt(FunctionCallInfo fcinfo, int n, const char *what, int max);

/* The tenant given, or else that of the setting. */
extern char *pulse_arg_tenant(FunctionCallInfo fcinfo, int n);

extern pg_uuid_t *pulse_arg_uuid(FunctionCallInfo fcinfo, int n, const char *what);
extern Jsonb *pulse_arg_jsonb_opt(FunctionCallInfo fcinfo, int n);
extern Jsonb *pulse_arg_jsonb(FunctionCallInfo fcinfo, int n, const char *what);
extern bool pulse_arg_bool(FunctionCallInfo fcinfo, int n, bool if_null);

/* Throws 22004 naming the argument. */
extern void pulse_arg_require(FunctionCallInfo fcinfo, int n, const char *what);

/* An interval of fixed length in microseconds; months are refused. */
extern int64 pulse_interval_usec(const Interval *interval, const char *what);

/* Checks as pulse_arg_name does. */
extern void pulse_check_name(const char *s, const char *what);
extern void pulse_check_tenant(const char *tenant);

/*
 * Throws unless the value is small enough and within what the kernel can hold.
 * Returns its kernel form in arena.
 */
extern const PulseJson *pulse_check_payload(PulseArena *arena, Jsonb *value, const char *what);

/*
 * ---------------------------------------------------------------------
 * Runs, rows, findings (args.c)
 * ---------------------------------------------------------------------
 */

/* The run of argument n if the caller holds the level for it; 42704, 42501 otherwise. */
extern PulseRunHead *pulse_arg_run(FunctionCallInfo fcinfo, int n, PulseLevel level,
								   bool with_inbox, const char *what);
pg_noreturn extern void pulse_throw_no_run(const pg_uuid_t *id);
pg_noreturn extern void pulse_throw_no_workflow(const char *name, const char *tenant);
pg_noreturn extern void pulse_throw_no_version(const char *name, int version, const char *tenant);

/* Text of an id, palloc'd. */
extern char *pulse_uuid_out(const pg_uuid_t *id);

/* s as a quoted literal of SQL, for hints; palloc'd. */
extern char *pulse_quoted(const char *s);

typedef struct PulseRows
{
	Tuplestorestate *store;
	TupleDesc	desc;
} PulseRows;

/* For set-returning functions: rows go into a tuplestore. */
extern PulseRows pulse_rows_begin(FunctionCallInfo fcinfo);
extern void pulse_rows_add(PulseRows *rows, const Datum *values, const bool *nulls);

/* Throws PU002 with the findings of a graph. */
pg_noreturn extern void pulse_throw_findings(const PulseDiag *diag);

/*
 * ---------------------------------------------------------------------
 * Between the files of this layer
 * ---------------------------------------------------------------------
 */

/* access.c: the extension must be there and of this version. Call first. */
extern void pulse_api_begin(void);

/* define.c: the kernel's form of a graph that is not far too large; not checked. */
extern const PulseJson *pulse_api_document(PulseArena *arena, Jsonb *graph);

/* define.c: checks a graph; throws PU002. The caller frees it. */
struct PulseGraph;
extern struct PulseGraph *pulse_api_read_graph(PulseArena *arena, Jsonb *graph,
											   const PulseJson **document);

/* define.c: checks the shape of a rewrite budget; throws 22023. */
extern void pulse_check_budget(const PulseJson *budget, const char *what);
extern void pulse_check_labels(const PulseJson *labels, const char *what);
extern int	pulse_check_priority(int64 priority);

/* define.c: stores a graph for submit_graph; returns the name of its workflow. */
extern char *pulse_api_store_graph(const char *tenant, Jsonb *graph, int64 *deadline);

#endif
