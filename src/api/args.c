/*
 * args.c
 *		Reading arguments, returning rows, and the errors all functions share.
 *
 * Owns nothing beyond the call.  Texts that name things become parts of headers
 * and of messages, so control characters are refused here, once for all.
 */
#include "postgres.h"

#include "api/api.h"

#include "access/detoast.h"
#include "base/errors.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "store/jsonb.h"
#include "utils/builtins.h"

void
pulse_arg_require(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", what)));
}

void
pulse_check_name(const char *s, const char *what)
{
	size_t		len = strlen(s);

	if (len == 0 || len > PULSE_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg(len == 0 ? "%s is empty" : "%s is too long", what),
				 errdetail("It has %zu bytes; 1 to %d are allowed.", len, PULSE_NAME_BYTES)));
	for (const char *p = s; *p; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s contains a control character", what),
					 errdetail("Byte %zu is 0x%02x.", (size_t) (p - s) + 1,
							   (unsigned char) *p)));
	}
}

char *
pulse_arg_name_opt(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *s;

	if (PG_ARGISNULL(n))
		return NULL;
	s = text_to_cstring(PG_GETARG_TEXT_PP(n));
	pulse_check_name(s, what);
	return s;
}

char *
pulse_arg_name(FunctionCallInfo fcinfo, int n, const char *what)
{
	pulse_arg_require(fcinfo, n, what);
	return pulse_arg_name_opt(fcinfo, n, what);
}

char *
pulse_arg_text_opt(FunctionCallInfo fcinfo, int n, const char *what, int max)
{
	char	   *s;
	size_t		len;

	if (PG_ARGISNULL(n))
		return NULL;
	s = text_to_cstring(PG_GETARG_TEXT_PP(n));
	len = strlen(s);
	if (len > (size_t) max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errdetail("It has %zu bytes; %d are allowed.", len, max)));
	return len == 0 ? NULL : s;
}

void
pulse_check_tenant(const char *tenant)
{
	pulse_check_name(tenant, "tenant");
	if (strcmp(tenant, "*") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("tenant \"*\" is reserved"),
				 errdetail("It stands for all tenants.")));
}

char *
pulse_arg_tenant(FunctionCallInfo fcinfo, int n)
{
	char	   *tenant = PG_ARGISNULL(n) ? pstrdup(pulse_guc_tenant) :
	text_to_cstring(PG_GETARG_TEXT_PP(n));

	pulse_check_tenant(tenant);
	return tenant;
}

pg_uuid_t *
pulse_arg_uuid(FunctionCallInfo fcinfo, int n, const char *what)
{
	pulse_arg_require(fcinfo, n, what);
	return PG_GETARG_UUID_P(n);
}

Jsonb *
pulse_arg_jsonb_opt(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : PG_GETARG_JSONB_P(n);
}

Jsonb *
pulse_arg_jsonb(FunctionCallInfo fcinfo, int n, const char *what)
{
	pulse_arg_require(fcinfo, n, what);
	return PG_GETARG_JSONB_P(n);
}

bool
pulse_arg_bool(FunctionCallInfo fcinfo, int n, bool if_null)
{
	return PG_ARGISNULL(n) ? if_null : PG_GETARG_BOOL(n);
}

int64
pulse_interval_usec(const Interval *interval, const char *what)
{
	int64		days;
	int64		usec;

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has no fixed length", what),
				 errdetail("It contains months or years."),
				 errhint("Give it in days or smaller units.")));
	if (pg_mul_s64_overflow(interval->day, USECS_PER_DAY, &days) ||
		pg_add_s64_overflow(days, interval->time, &usec))
		ereport(ERROR,
				(errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW),
				 errmsg("%s is out of range", what)));
	if (usec < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is negative", what)));
	return usec;
}

const PulseJson *
pulse_check_payload(PulseArena *arena, Jsonb *value, const char *what)
{
	Size		size = VARSIZE(value) - VARHDRSZ;

	if (size > (Size) pulse_guc_max_input_bytes)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s is too large", what),
				 errdetail("It has %zu bytes; pulse.max_input_bytes allows %d.",
						   size, pulse_guc_max_input_bytes),
				 errhint("Keep large data elsewhere and pass a reference to it.")));
	return pulse_jsonb_read(arena, value);
}

char *
pulse_uuid_out(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

char *
pulse_quoted(const char *s)
{
	return quote_literal_cstr(s);
}

void
pulse_throw_no_run(const pg_uuid_t *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("run %s does not exist", pulse_uuid_out(id)),
			 errdetail("There is no such run that you may see."),
			 errhint("SELECT run, workflow, status FROM pulse.runs ORDER BY run DESC LIMIT 10;")));
}

void
pulse_throw_no_version(const char *name, int version, const char *tenant)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("workflow \"%s\" has no version %d", name, version),
			 errdetail("There is no such version in tenant \"%s\".", tenant),
			 errhint("SELECT version, enabled FROM pulse.workflows WHERE name = %s;",
					 pulse_quoted(name))));
}

void
pulse_throw_no_workflow(const char *name, const char *tenant)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("workflow \"%s\" does not exist", name),
			 errdetail("There is no such workflow in tenant \"%s\" that you may see.", tenant),
			 errhint("SELECT tenant, name FROM pulse.workflows WHERE enabled;")));
}

PulseRunHead *
pulse_arg_run(FunctionCallInfo fcinfo, int n, PulseLevel level, bool with_inbox,
			  const char *what)
{
	pg_uuid_t  *id = pulse_arg_uuid(fcinfo, n, "run");
	PulseRunHead *head = palloc0(sizeof(*head));

	if (!pulse_run_head(id, with_inbox, head) ||
		!pulse_access_has(PULSE_LEVEL_READ, head->tenant))
		pulse_throw_no_run(id);
	pulse_access_require(level, head->tenant, what);
	return head;
}

PulseRows
pulse_rows_begin(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	PulseRows	rows;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in a place that cannot take a set"),
				 errhint("Call it in FROM.")));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rows.desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rows.store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0,
									   false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = rows.store;
	info->setDesc = rows.desc;
	MemoryContextSwitchTo(old);
	return rows;
}

void
pulse_rows_add(PulseRows *rows, const Datum *values, const bool *nulls)
{
	tuplestore_putvalues(rows->store, rows->desc, unconstify(Datum *, values),
						 unconstify(bool *, nulls));
}

/* Findings shown in an error; the rest is counted. */
#define MAX_SHOWN 20

void
pulse_throw_findings(const PulseDiag *diag)
{
	const PulseFinding *first = NULL;
	StringInfoData detail;
	int			shown = 0;

	initStringInfo(&detail);
	for (int i = 0; i < diag->n; i++)
	{
		const PulseFinding *f = &diag->items[i];

		if (f->severity != PULSE_SEV_ERROR)
			continue;
		if (first == NULL)
			first = f;
		if (shown++ >= MAX_SHOWN)
			continue;
		if (shown > 1)
			appendStringInfo(&detail, "\n%s: %s (%s)", f->path, f->message, f->code);
		else if (f->column > 0)
			appendStringInfo(&detail, "At %s, column %d (%s).", f->path, f->column, f->code);
		else
			appendStringInfo(&detail, "At %s (%s).", f->path, f->code);
	}
	if (diag->n_errors > MAX_SHOWN)
		appendStringInfo(&detail, "\nAnd %d more; pulse.validate lists them.",
						 diag->n_errors - MAX_SHOWN);
	PULSE_ENSURE(first != NULL, "no finding to report");
	if (strncmp(first->path, "$state", 6) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("state is not valid: %s", first->message),
				 errdetail("%s", detail.data),
				 first->hint ? errhint("%s", first->hint) : 0));
	ereport(ERROR,
			(errcode(ERRCODE_PULSE_INVALID_GRAPH),
			 errmsg("graph is not valid: %s", first->message),
			 errdetail("%s", detail.data),
			 first->hint ? errhint("%s", first->hint) : 0));
}
