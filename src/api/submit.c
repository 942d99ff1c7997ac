/*
 * submit.c
 *		Submitting runs.
 *
 * Owns the checks of what goes with a run, and a small cache of enabled versions:
 * it is filled with what is committed now and emptied by the invalidation that every
 * definition sends, so a submit is one statement in the common case.
 */
#include "postgres.h"

#include "api/submit.h"

#include "api/api.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/extension.h"
#include "common/int.h"
#include "common/int.h"
#include "core/timetext.h"
#include "core/uuid.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "store/jsonb.h"
#include "store/part.h"
#include "store/submit_store.h"
#include "store/workflow_store.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_submit);
PG_FUNCTION_INFO_V1(pulse_sql_submit_graph);

#define DEFAULT_PRIORITY 1
#define TRACEPARENT_BYTES 55
#define CACHE_SIZE 32

/* What submit needs to know of a version; texts and defaults are in cache_context. */
typedef struct CachedWorkflow
{
	char	   *tenant;
	char	   *name;
	int			asked;			/* version asked for; 0: the enabled one */
	int			version;
	int64		deadline;		/* usec after the start, 0: none */
	Jsonb	   *input;			/* defaults, or NULL */
	Jsonb	   *labels;
	Jsonb	   *budget;
	int			priority;
} CachedWorkflow;

static MemoryContext cache_context = NULL;
static CachedWorkflow *cache[CACHE_SIZE];
static int	cache_n = 0;
static Oid	cache_table = InvalidOid;
static uint64 cache_generation = 0; /* counts invalidations */

static void
forget(Datum arg pg_attribute_unused(), Oid relid)
{
	if (relid == InvalidOid || relid == cache_table)
	{
		cache_n = 0;
		cache_generation++;
	}
}

/* Throws away what was forgotten; memory is freed here and not in the callback. */
static void
prepare_cache(void)
{
	static uint64 seen = 0;
	Oid			table;

	if (cache_context == NULL)
	{
		cache_context = AllocSetContextCreate(TopMemoryContext, "pulse workflows",
											  ALLOCSET_SMALL_SIZES);
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
	}
	AcceptInvalidationMessages();
	table = pulse_extension_table("workflow_name");
	if (table != cache_table || seen != cache_generation || cache_n == CACHE_SIZE)
	{
		cache_n = 0;
		MemoryContextReset(cache_context);
		cache_table = table;
		seen = cache_generation;
	}
}

static void
throw_disabled(const char *name, const PulseWorkflowRow *info)
{
	ereport(ERROR,
			(errcode(ERRCODE_PULSE_WORKFLOW_DISABLED),
			 errmsg("workflow \"%s\" is disabled", name),
			 info->disabled_reason ?
			 errdetail("The reason given is: %s", info->disabled_reason) :
			 errdetail("None of its versions is enabled."),
			 errhint("An author can run: SELECT pulse.enable(%s);", pulse_quoted(name))));
}

/* Fills in what defaults say; they were checked when they were stored. */
static void
apply_defaults(CachedWorkflow *w, Jsonb *defaults)
{
	PulseArena *arena = pulse_arena_create(0);
	const PulseJson *json = pulse_jsonb_read(arena, defaults);
	const PulseJson *value;
	int64		n;

	if ((value = pulse_json_get(json, "input")) != NULL)
		w->input = pulse_jsonb_write(value);
	if ((value = pulse_json_get(json, "labels")) != NULL)
		w->labels = pulse_jsonb_write(value);
	if ((value = pulse_json_get(json, "budget")) != NULL)
		w->budget = pulse_jsonb_write(value);
	if ((value = pulse_json_get(json, "priority")) != NULL && pulse_json_as_int(value, &n))
		w->priority = (int) n;
	pulse_arena_free(arena);
}

static const CachedWorkflow *
find_workflow(const char *tenant, const char *name, int asked)
{
	PulseWorkflowRow info = {0};
	MemoryContext old;
	CachedWorkflow *w;
	uint64		generation;
	const char *why;

	prepare_cache();
	for (int i = 0; i < cache_n; i++)
	{
		w = cache[i];
		if (w->asked == asked && strcmp(w->name, name) == 0 &&
			strcmp(w->tenant, tenant) == 0)
			return w;
	}

	generation = cache_generation;
	if (!pulse_workflow_find(tenant, name, asked, &info))
		pulse_throw_no_workflow(name, tenant);
	if (!info.enabled)
		throw_disabled(name, &info);
	if (info.version == 0)
		pulse_throw_no_version(name, asked, tenant);

	old = MemoryContextSwitchTo(cache_context);
	w = palloc0(sizeof(*w));
	w->tenant = pstrdup(tenant);
	w->name = pstrdup(name);
	w->asked = asked;
	w->version = info.version;
	w->priority = DEFAULT_PRIORITY;
	if (info.deadline != NULL &&
		!pulse_duration_parse(info.deadline, strlen(info.deadline), &w->deadline, &why))
		elog(ERROR, "stored deadline \"%s\" is no duration: %s", info.deadline, why);
	if (info.defaults != NULL)
		apply_defaults(w, info.defaults);
	MemoryContextSwitchTo(old);

	/* something changed while we read: good for this call, not for the next */
	if (generation == cache_generation)
		cache[cache_n++] = w;
	return w;
}

/*
 * ---------------------------------------------------------------------
 * What goes with a run
 * ---------------------------------------------------------------------
 */

static bool
lower_hex(const char *s, int n, bool *all_zero)
{
	*all_zero = true;
	for (int i = 0; i < n; i++)
	{
		if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
			return false;
		*all_zero &= s[i] == '0';
	}
	return true;
}

/* version-trace-parent-flags of W3C Trace Context. */
static void
check_traceparent(const char *s)
{
	bool		zero;
	bool		ok = strlen(s) == TRACEPARENT_BYTES &&
		s[2] == '-' && s[35] == '-' && s[52] == '-' &&
		lower_hex(s, 2, &zero) && strncmp(s, "ff", 2) != 0 &&
		lower_hex(s + 3, 32, &zero) && !zero &&
		lower_hex(s + 36, 16, &zero) && !zero &&
		lower_hex(s + 53, 2, &zero);

	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("traceparent is malformed"),
				 errdetail("It must be of the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case, with ids that are not zero.")));
}

static TimestampTz
add_usec(TimestampTz t, int64 usec)
{
	TimestampTz sum;

	if (pg_add_s64_overflow(t, usec, &sum) || !IS_VALID_TIMESTAMP(sum))
		return DT_NOEND;
	return sum;
}

/* Fills the times; deadline_usec is that of the graph. */
static void
set_times(PulseSubmission *s, const PulseSubmitArgs *a, int64 deadline_usec)
{
	s->submitted_at = pulse_now();
	if (a->has_start_at)
	{
		if (TIMESTAMP_NOT_FINITE(a->start_at))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("start_at must be finite")));
		/* a start in the past is one at once */
		s->has_start_at = a->start_at > s->submitted_at;
		s->start_at = a->start_at;
	}
	if (a->has_deadline)
	{
		TimestampTz start = s->has_start_at ? s->start_at : s->submitted_at;

		if (TIMESTAMP_NOT_FINITE(a->deadline))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("deadline must be finite")));
		if (a->deadline <= start)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg(s->has_start_at ? "deadline is not after start_at" :
							"deadline is in the past"),
					 errdetail("The deadline is %s, the run would start at %s.",
							   pstrdup(timestamptz_to_str(a->deadline)),
							   pstrdup(timestamptz_to_str(start)))));
		s->has_deadline = true;
		s->deadline = a->deadline;
	}
	else if (deadline_usec > 0)
	{
		s->deadline = add_usec(s->has_start_at ? s->start_at : s->submitted_at,
							   deadline_usec);
		s->has_deadline = s->deadline != DT_NOEND;
	}
}

static void
check_args(const PulseSubmitArgs *a)
{
	PulseArena *arena;

	if (a->traceparent != NULL)
		check_traceparent(a->traceparent);
	if (a->priority_given)
		(void) pulse_check_priority(a->priority);
	if (a->input == NULL && a->labels == NULL && a->budget == NULL)
		return;
	arena = pulse_arena_create(0);
	if (a->input != NULL)
		(void) pulse_check_payload(arena, a->input, "input");
	if (a->labels != NULL)
		pulse_check_labels(pulse_check_payload(arena, a->labels, "labels"), "labels");
	if (a->budget != NULL)
		pulse_check_budget(pulse_check_payload(arena, a->budget, "budget"), "budget");
	pulse_arena_free(arena);
}

static void
make_id(PulseSubmission *s)
{
	static pg_prng_state prng;
	static int	seeded_pid = 0;
	PulseUuid	id;

	/* by process: a state inherited by fork would repeat ids */
	if (seeded_pid != MyProcPid)
	{
		pg_prng_seed(&prng, pulse_random_seed());
		seeded_pid = MyProcPid;
	}
	id = pulse_uuid7(pulse_time_to_unix(s->submitted_at), &prng);
	memcpy(s->id.data, id.b, UUID_LEN);
	s->part = pulse_part_of(&s->id);
}

static void
throw_key_reused(const PulseSubmission *s, const PulseEarlierRun *earlier)
{
	ereport(ERROR,
			(errcode(ERRCODE_PULSE_KEY_REUSED),
			 errmsg("idempotency key \"%s\" is used with other content", s->idempotency_key),
			 errdetail("Run %s of workflow \"%s\", version %d, was submitted with this key at %s and differs in version, input, labels or budget.",
					   pulse_uuid_out(&earlier->id), s->workflow, earlier->version,
					   timestamptz_to_str(earlier->submitted_at)),
			 errhint("SELECT * FROM pulse.runs WHERE run = '%s';", pulse_uuid_out(&earlier->id))));
}

/* Inserts the run, or finds the one its key stands for. */
static pg_uuid_t
insert(PulseSubmission *s)
{
	PulseEarlierRun earlier;

	make_id(s);
	s->submitted_by = pulse_actor();
	if (!pulse_run_insert(s, &earlier))
	{
		if (!earlier.same)
			throw_key_reused(s, &earlier);
		return earlier.id;
	}
	if (s->stamped)
		pulse_wake_registry();
	pulse_wake_run(s->part, s->priority);
	return s->id;
}

pg_uuid_t
pulse_api_submit(const PulseSubmitArgs *a)
{
	PulseSubmission s = {0};
	const CachedWorkflow *w;

	if (!pulse_access_has(PULSE_LEVEL_SUBMIT, a->tenant))
	{
		if (!pulse_access_has(PULSE_LEVEL_READ, a->tenant))
			pulse_throw_no_workflow(a->workflow, a->tenant);
		pulse_access_require(PULSE_LEVEL_SUBMIT, a->tenant, "submit a run");
	}
	check_args(a);
	w = find_workflow(a->tenant, a->workflow, a->version);

	s.tenant = a->tenant;
	s.workflow = a->workflow;
	s.version = w->version;
	s.version_given = a->version != 0;
	s.priority = a->priority_given ? (int) a->priority : w->priority;
	s.idempotency_key = a->idempotency_key;
	s.traceparent = a->traceparent;
	s.input = a->input ? a->input : w->input;
	s.labels = a->labels ? a->labels : w->labels;
	s.budget = a->budget ? a->budget : w->budget;
	set_times(&s, a, w->deadline);
	return insert(&s);
}

static void
common_args(FunctionCallInfo fcinfo, PulseSubmitArgs *a, int first)
{
	a->input = pulse_arg_jsonb_opt(fcinfo, first);
	a->idempotency_key = pulse_arg_name_opt(fcinfo, first + 1, "idempotency key");
	a->tenant = pulse_arg_tenant(fcinfo, first + 2);
	a->priority_given = !PG_ARGISNULL(first + 3);
	a->priority = a->priority_given ? PG_GETARG_INT32(first + 3) : 0;
	a->has_start_at = !PG_ARGISNULL(first + 4);
	a->start_at = a->has_start_at ? PG_GETARG_TIMESTAMPTZ(first + 4) : 0;
	a->has_deadline = !PG_ARGISNULL(first + 5);
	a->deadline = a->has_deadline ? PG_GETARG_TIMESTAMPTZ(first + 5) : 0;
}

static void
last_args(FunctionCallInfo fcinfo, PulseSubmitArgs *a, int first)
{
	a->labels = pulse_arg_jsonb_opt(fcinfo, first);
	a->budget = pulse_arg_jsonb_opt(fcinfo, first + 1);
	a->traceparent = pulse_arg_name_opt(fcinfo, first + 2, "traceparent");
}

Datum
pulse_sql_submit(PG_FUNCTION_ARGS)
{
	PulseSubmitArgs a = {0};
	pg_uuid_t  *id = palloc(sizeof(*id));

	pulse_api_begin();
	a.workflow = pulse_arg_name(fcinfo, 0, "name of the workflow");
	common_args(fcinfo, &a, 1);
	if (!PG_ARGISNULL(7))
	{
		a.version = PG_GETARG_INT32(7);
		if (a.version <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version %d is out of range", a.version),
					 errdetail("Versions count from 1.")));
	}
	last_args(fcinfo, &a, 8);
	*id = pulse_api_submit(&a);
	PG_RETURN_UUID_P(id);
}

Datum
pulse_sql_submit_graph(PG_FUNCTION_ARGS)
{
	PulseSubmitArgs a = {0};
	PulseSubmission s = {0};
	pg_uuid_t  *id = palloc(sizeof(*id));
	int64		deadline;

	pulse_api_begin();
	common_args(fcinfo, &a, 1);
	last_args(fcinfo, &a, 7);
	pulse_access_require(PULSE_LEVEL_AUTHOR, a.tenant, "submit a graph");
	check_args(&a);

	s.tenant = a.tenant;
	s.workflow = pulse_api_store_graph(a.tenant, pulse_arg_jsonb(fcinfo, 0, "graph"), &deadline);
	s.version = 1;
	s.priority = a.priority_given ? (int) a.priority : DEFAULT_PRIORITY;
	s.idempotency_key = a.idempotency_key;
	s.traceparent = a.traceparent;
	s.input = a.input;
	s.labels = a.labels;
	s.budget = a.budget;
	set_times(&s, &a, deadline);
	*id = insert(&s);
	PG_RETURN_UUID_P(id);
}
