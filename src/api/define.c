/*
 * define.c
 *		Defining workflows: check a graph, store it, say which version counts.
 *
 * Owns the reading of documents for all functions that take a graph, and the shape of
 * what goes with a definition.  A graph lives in an arena of its own below the current
 * memory context and is freed with it.
 */
#include "postgres.h"

#include "api/api.h"

#include "base/errors.h"
#include "core/graph.h"
#include "core/inspect.h"
#include "core/sha256.h"
#include "core/timetext.h"
#include "store/jsonb.h"
#include "store/spi.h"
#include "store/stamp.h"
#include "store/workflow_store.h"
#include "utils/builtins.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_define);
PG_FUNCTION_INFO_V1(pulse_sql_validate);
PG_FUNCTION_INFO_V1(pulse_sql_graph);
PG_FUNCTION_INFO_V1(pulse_sql_enable);
PG_FUNCTION_INFO_V1(pulse_sql_disable);
PG_FUNCTION_INFO_V1(pulse_sql_drop_workflow);
PG_FUNCTION_INFO_V1(pulse_sql_inspect);

#define GRAPH_PREFIX	"graph:"
#define GRAPH_HASH_SHOWN 32		/* hex digits in the name of a submitted graph */
#define MAX_LABELS		64
#define MAX_LABELS_BYTES 8192

/* The document as kernel value; too large, too deep or long numbers: PU002. */
const PulseJson *
pulse_api_document(PulseArena *arena, Jsonb *graph)
{
	Size		size = VARSIZE(graph) - VARHDRSZ;

	/* the kernel bounds its text; this bounds the work of making it */
	if (size > 4 * (Size) PULSE_MAX_GRAPH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PULSE_INVALID_GRAPH),
				 errmsg("graph is too large"),
				 errdetail("It has %zu bytes; the limit is %d.", size, PULSE_MAX_GRAPH_BYTES)));
	return pulse_jsonb_read(arena, graph);
}

PulseGraph *
pulse_api_read_graph(PulseArena *arena, Jsonb *graph, const PulseJson **document)
{
	PulseDiag	diag;
	PulseGraph *result;
	const PulseJson *doc = pulse_api_document(arena, graph);

	pulse_diag_init(&diag, arena);
	result = pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &diag);
	if (result == NULL)
		pulse_throw_findings(&diag);
	if (document != NULL)
		*document = doc;
	return result;
}

/*
 * What is stored of a graph that was read from this document: of the linear form, the graph
 * that it was turned into.
 */
static Jsonb *
stored_form(Jsonb *given, const PulseGraph *graph, const PulseJson **document)
{
	if (pulse_json_get(*document, "steps") == NULL)
		return given;
	*document = graph->source;
	return pulse_jsonb_write(graph->source);
}

/* Hash of all that makes one version differ from another. */
static void
content_hash(const PulseJson *graph, const PulseJson *defaults, char hash[PULSE_SHA256_HEX + 1])
{
	StringInfoData text;

	initStringInfo(&text);
	pulse_json_write_compact(&text, graph);
	if (defaults != NULL)
	{
		appendStringInfoChar(&text, '\n');
		pulse_json_write_compact(&text, defaults);
	}
	pulse_sha256_hex(text.data, (size_t) text.len, hash);
	pfree(text.data);
}

/*
 * ---------------------------------------------------------------------
 * Shapes
 * ---------------------------------------------------------------------
 */

int
pulse_check_priority(int64 priority)
{
	if (priority < 0 || priority > 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority %lld is out of range", (long long) priority),
				 errdetail("Priorities are 0 (most urgent) to 3.")));
	return (int) priority;
}

void
pulse_check_budget(const PulseJson *budget, const char *what)
{
	static const char *const keys[] = {"nodes", "edges", "depth", "frontier", "operations"};

	if (budget->type != PULSE_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", what),
				 errdetail("Its keys are nodes, edges, depth, frontier and operations.")));
	for (uint32 i = 0; i < budget->len; i++)
	{
		const PulseJsonPair *pair = &budget->u.pairs[i];
		bool		known = false;
		int64		n;

		for (int k = 0; k < (int) lengthof(keys); k++)
			known |= strcmp(pair->key, keys[k]) == 0;
		if (!known)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s has an unknown key \"%s\"", what, pair->key),
					 errdetail("Its keys are nodes, edges, depth, frontier and operations.")));
		if (!pulse_json_as_int(pair->value, &n) || n < 0 || n > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"%s\" of %s is no natural number", pair->key, what)));
	}
}

void
pulse_check_labels(const PulseJson *labels, const char *what)
{
	if (labels->type != PULSE_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a JSON object", what)));
	if (labels->len > MAX_LABELS || pulse_json_size(labels) > MAX_LABELS_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s are too many or too large", what),
				 errdetail("%u labels are given; %d of together %d bytes are allowed.",
						   labels->len, MAX_LABELS, MAX_LABELS_BYTES)));
	for (uint32 i = 0; i < labels->len; i++)
	{
		const PulseJsonPair *pair = &labels->u.pairs[i];

		if (pair->value->type == PULSE_JSON_ARRAY || pair->value->type == PULSE_JSON_OBJECT)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("label \"%s\" is no simple value", pair->key),
					 errdetail("Labels are texts, numbers, booleans or null.")));
	}
}

static void
check_defaults(const PulseJson *defaults)
{
	if (defaults->type != PULSE_JSON_OBJECT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("defaults must be a JSON object"),
				 errdetail("Its keys are input, priority, labels and budget.")));
	for (uint32 i = 0; i < defaults->len; i++)
	{
		const PulseJsonPair *pair = &defaults->u.pairs[i];
		int64		n;

		if (strcmp(pair->key, "priority") == 0)
		{
			if (!pulse_json_as_int(pair->value, &n))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("\"priority\" of defaults is no integer")));
			(void) pulse_check_priority(n);
		}
		else if (strcmp(pair->key, "labels") == 0)
			pulse_check_labels(pair->value, "\"labels\" of defaults");
		else if (strcmp(pair->key, "budget") == 0)
			pulse_check_budget(pair->value, "\"budget\" of defaults");
		else if (strcmp(pair->key, "input") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("defaults have an unknown key \"%s\"", pair->key),
					 errdetail("The keys are input, priority, labels and budget.")));
	}
}

static void
refuse_unavailable(FunctionCallInfo fcinfo, int n, const char *what)
{
	if (!PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s of a workflow is not available in this version", what),
				 errdetail("It would have no effect, so it is not accepted."),
				 errhint("Leave it out.")));
}

static char *
workflow_arg(FunctionCallInfo fcinfo, int n)
{
	return pulse_arg_name(fcinfo, n, "name of the workflow");
}

/* Of a workflow that is changed: who may not see it is told that it is not there. */
static char *
own_workflow(FunctionCallInfo fcinfo, int tenant_arg, char **name, const char *what)
{
	char	   *tenant;

	pulse_api_begin();
	*name = workflow_arg(fcinfo, 0);
	tenant = pulse_arg_tenant(fcinfo, tenant_arg);
	if (!pulse_access_has(PULSE_LEVEL_READ, tenant))
		pulse_throw_no_workflow(*name, tenant);
	pulse_access_require(PULSE_LEVEL_AUTHOR, tenant, what);
	return tenant;
}

/*
 * ---------------------------------------------------------------------
 * Functions
 * ---------------------------------------------------------------------
 */

Datum
pulse_sql_define(PG_FUNCTION_ARGS)
{
	PulseDefinition def = {0};
	char		hash[PULSE_SHA256_HEX + 1];
	const PulseJson *document;
	const PulseJson *defaults = NULL;
	PulseStoreScope scope;
	PulseArena *arena;
	PulseGraph *graph;
	int			version;

	pulse_api_begin();
	def.name = workflow_arg(fcinfo, 0);
	def.tenant = pulse_arg_tenant(fcinfo, 9);
	pulse_access_require(PULSE_LEVEL_AUTHOR, def.tenant, "define a workflow");
	if (strncmp(def.name, GRAPH_PREFIX, strlen(GRAPH_PREFIX)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("workflow name \"%s\" is reserved", def.name),
				 errdetail("Names that begin with \"%s\" belong to graphs given to pulse.submit_graph.",
						   GRAPH_PREFIX)));
	refuse_unavailable(fcinfo, 2, "trigger");
	refuse_unavailable(fcinfo, 3, "environment");
	refuse_unavailable(fcinfo, 4, "resource_type");
	refuse_unavailable(fcinfo, 5, "filter");
	refuse_unavailable(fcinfo, 6, "input_schema");

	def.graph = pulse_arg_jsonb(fcinfo, 1, "graph");
	def.description = pulse_arg_text_opt(fcinfo, 7, "description", PULSE_REASON_LENGTH);
	def.defaults = pulse_arg_jsonb_opt(fcinfo, 8);
	def.enable = pulse_arg_bool(fcinfo, 10, true);
	def.created_by = pulse_actor();

	arena = pulse_arena_create(0);
	if (def.defaults != NULL)
	{
		defaults = pulse_check_payload(arena, def.defaults, "defaults");
		check_defaults(defaults);
	}
	graph = pulse_api_read_graph(arena, def.graph, &document);
	def.graph = stored_form(def.graph, graph, &document);
	content_hash(document, defaults, hash);
	def.content_hash = hash;
	def.graph_hash = pstrdup(graph->hash);
	pulse_graph_free(graph);
	pulse_arena_free(arena);

	pulse_store_enter(&scope);
	(void) pulse_stamp_ensure();
	pulse_store_leave(&scope);
	version = pulse_workflow_define(&def);
	pulse_wake_registry();
	PG_RETURN_INT32(version);
}

char *
pulse_api_store_graph(const char *tenant, Jsonb *jb, int64 *deadline)
{
	PulseDefinition def = {0};
	char		hash[PULSE_SHA256_HEX + 1];
	const PulseJson *document;
	PulseArena *arena = pulse_arena_create(0);
	PulseGraph *graph = pulse_api_read_graph(arena, jb, &document);

	def.graph = stored_form(jb, graph, &document);
	content_hash(document, NULL, hash);
	def.tenant = tenant;
	def.name = psprintf("%s%.*s", GRAPH_PREFIX, GRAPH_HASH_SHOWN, hash);
	def.content_hash = hash;
	def.graph_hash = pstrdup(graph->hash);
	def.created_by = pulse_actor();
	*deadline = graph->deadline;
	pulse_graph_free(graph);
	pulse_arena_free(arena);

	pulse_workflow_define_graph(&def);
	return unconstify(char *, def.name);
}

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

Datum
pulse_sql_validate(PG_FUNCTION_ARGS)
{
	PulseArena *arena;
	PulseDiag	diag;
	PulseGraph *graph;
	PulseRows	rows;

	pulse_api_begin();
	pulse_access_require_some(PULSE_LEVEL_READ, "validate a graph");
	rows = pulse_rows_begin(fcinfo);
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);
	graph = pulse_graph_read(pulse_api_document(arena, pulse_arg_jsonb(fcinfo, 0, "graph")),
							 PULSE_GRAPH_DEFINE, &diag);
	for (int i = 0; i < diag.n; i++)
	{
		const PulseFinding *f = &diag.items[i];
		Datum		values[5];
		bool		nulls[5] = {false};
		const char *message = f->message;

		if (f->column > 0)
			message = psprintf("%s (column %d)", f->message, f->column);
		values[0] = CStringGetTextDatum(f->severity == PULSE_SEV_ERROR ? "error" : "warning");
		values[1] = CStringGetTextDatum(f->path);
		values[2] = CStringGetTextDatum(f->code);
		values[3] = CStringGetTextDatum(message);
		values[4] = text_or_null(f->hint, &nulls[4]);
		pulse_rows_add(&rows, values, nulls);
	}
	if (diag.n_errors > 0 && diag.n >= PULSE_DIAG_MAX)
	{
		Datum		values[5] = {0};
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum("error");
		values[1] = CStringGetTextDatum("$");
		values[2] = CStringGetTextDatum("too_many");
		values[3] = CStringGetTextDatum(psprintf("%d errors in all; the first %d findings are shown",
												 diag.n_errors, PULSE_DIAG_MAX));
		nulls[4] = true;
		pulse_rows_add(&rows, values, nulls);
	}
	pulse_graph_free(graph);
	pulse_arena_free(arena);
	return (Datum) 0;
}

Datum
pulse_sql_graph(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *tenant;
	int			version;
	Jsonb	   *graph;

	pulse_api_begin();
	name = workflow_arg(fcinfo, 0);
	version = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	tenant = pulse_arg_tenant(fcinfo, 2);
	if (!pulse_access_has(PULSE_LEVEL_READ, tenant))
		pulse_throw_no_workflow(name, tenant);
	if (PG_ARGISNULL(1))
		graph = pulse_workflow_graph(tenant, name, 0, NULL);
	else
		graph = version > 0 ? pulse_workflow_graph(tenant, name, version, NULL) : NULL;
	if (graph == NULL && PG_ARGISNULL(1))
		pulse_throw_no_workflow(name, tenant);
	if (graph == NULL)
		pulse_throw_no_version(name, version, tenant);
	PG_RETURN_JSONB_P(graph);
}

Datum
pulse_sql_enable(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *tenant = own_workflow(fcinfo, 2, &name, "enable a workflow");
	int			version = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);

	if (!PG_ARGISNULL(1) && version <= 0)
		pulse_throw_no_version(name, version, tenant);
	switch (pulse_workflow_enable(tenant, name, version))
	{
		case PULSE_CHANGE_DONE:
			pulse_wake_registry();
			PG_RETURN_BOOL(true);
		case PULSE_CHANGE_NO_OBJECT:
			pulse_throw_no_workflow(name, tenant);
			break;
		case PULSE_CHANGE_NO_VERSION:
			pulse_throw_no_version(name, version, tenant);
			break;
		case PULSE_CHANGE_NOTHING:
			break;
	}
	PG_RETURN_BOOL(false);
}

Datum
pulse_sql_disable(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *tenant = own_workflow(fcinfo, 2, &name, "disable a workflow");
	char	   *reason = pulse_arg_text_opt(fcinfo, 1, "reason", PULSE_REASON_LENGTH);
	PulseChange change = pulse_workflow_disable(tenant, name, reason);

	if (change == PULSE_CHANGE_NO_OBJECT)
		pulse_throw_no_workflow(name, tenant);
	PG_RETURN_BOOL(change == PULSE_CHANGE_DONE);
}

Datum
pulse_sql_drop_workflow(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *tenant;
	bool		if_exists = pulse_arg_bool(fcinfo, 1, false);

	tenant = own_workflow(fcinfo, 2, &name, "drop a workflow");
	if (pulse_workflow_drop(tenant, name) == PULSE_CHANGE_DONE)
		PG_RETURN_BOOL(true);
	if (!if_exists)
		pulse_throw_no_workflow(name, tenant);
	PG_RETURN_BOOL(false);
}

Datum
pulse_sql_inspect(PG_FUNCTION_ARGS)
{
	PulseArena *arena;
	PulseDiag	diag;
	const PulseJson *state = NULL;
	const PulseJson *answer;

	pulse_api_begin();
	pulse_access_require_some(PULSE_LEVEL_READ, "inspect a graph");
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);
	if (!PG_ARGISNULL(1))
		state = pulse_check_payload(arena, PG_GETARG_JSONB_P(1), "state");
	answer = pulse_inspect(pulse_api_document(arena, pulse_arg_jsonb(fcinfo, 0, "graph")),
						   state, arena, &diag);
	if (answer == NULL)
		pulse_throw_findings(&diag);
	PG_RETURN_JSONB_P(pulse_jsonb_write(answer));
}
