/*
 * grown.c
 *		Graphs of runs as they have grown: made again from what is on record.
 *
 * Owns the way from rows of growths to a graph at a revision, and what is asked of such a
 * graph alone.
 */
#include "postgres.h"

#include "api/look.h"

#include "api/api.h"
#include "core/graph_grow.h"
#include "core/replay.h"
#include "store/jsonb.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(pulse_sql_run_graph);
PG_FUNCTION_INFO_V1(pulse_sql_node_name);

const PulseGraph *
pulse_look_grown(const PulseGraph *base, const PulseGrowthRow *rows, int n, int revision,
				 const char **why)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseGrowthRecord *records = pulse_arena_zalloc(arena, sizeof(PulseGrowthRecord) * (size_t) Max(n, 1));
	int count = 0;

	for (int i = 0; i < n; i++)
	{
		PulseGrowthRecord *r = &records[count];

		if (rows[i].revision == 0)
			continue;
		r->id = rows[i].id;
		r->admitted = true;
		r->revision = rows[i].revision;
		r->anchor = rows[i].anchor;
		r->form = rows[i].form;
		r->hash = rows[i].hash;
		if (rows[i].rewrite != NULL)
			r->rewrite = pulse_jsonb_read(arena, rows[i].rewrite);
		if (rows[i].detail != NULL)
			r->detail = pulse_jsonb_read(arena, rows[i].detail);
		count++;
	}
	if (count == 0)
		return base;
	return pulse_graph_replay(base, records, count, revision, arena, why);
}

pg_noreturn static void
throw_damaged(const pg_uuid_t *run, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored graph of run %s is damaged", pulse_uuid_out(run)),
			 errdetail_internal("%s", why)));
}

/* The run if the current user may read it, and its graph as it was defined. */
static const PulseGraph *
base_graph(const pg_uuid_t *run, PulseRunView *view, const char **why)
{
	const PulseGraph *base = NULL;

	if (!pulse_view_run(run, view) || !pulse_access_has(PULSE_LEVEL_READ, view->tenant))
		pulse_throw_no_run(run);
	if (view->content_hash != NULL)
		base = pulse_look_graph(view->tenant, view->workflow, view->version, view->content_hash);
	if (base == NULL)
		*why = psprintf("Version %d of workflow \"%s\" is not stored, or cannot be read.",
						view->version, view->workflow);
	else if (strcmp(base->hash, view->graph_hash) != 0)
	{
		*why = psprintf("The graph of version %d of workflow \"%s\" does not have the hash that is stored with it.",
						view->version, view->workflow);
		base = NULL;
	}
	return base;
}

/* A round that is over left nothing to make the graphs of its time from. */
static void
check_rounds(const pg_uuid_t *run, const PulseGrowthRow *rows, int n, int revision)
{
	PulseArena *arena = pulse_arena_create(0);

	for (int i = 0; i < n; i++)
	{
		const PulseJson *round;
		int64 number;

		if (rows[i].revision <= revision || strcmp(rows[i].form, "repeat") != 0 ||
			rows[i].detail == NULL)
			continue;
		round = pulse_json_get(pulse_jsonb_read(arena, rows[i].detail), "round");
		if (round != NULL && pulse_json_as_int(round, &number) && number > 1)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("revision %d of the graph of run %s is not kept any more", revision,
							pulse_uuid_out(run)),
					 errdetail("Node \"%s\" has gone on to round %lld since, and rounds that are over leave the graph.",
							   rows[i].anchor, (long long) number),
					 errhint("SELECT pulse.run_graph('%s'); shows the graph as it is now.",
							 pulse_uuid_out(run))));
	}
	pulse_arena_free(arena);
}

Datum
pulse_sql_run_graph(PG_FUNCTION_ARGS)
{
	pg_uuid_t *run;
	PulseRunView view;
	const char *why = NULL;
	const PulseGraph *graph;
	PulseGrowthRow *rows;
	PulseArena *arena;
	Jsonb *document;
	int revision;
	int last = 0;
	int n;

	pulse_api_begin();
	run = pulse_arg_uuid(fcinfo, 0, "run");
	graph = base_graph(run, &view, &why);
	rows = pulse_load_growths(run, 1, &n);
	for (int i = 0; i < n; i++)
		last = Max(last, rows[i].revision);
	revision = PG_ARGISNULL(1) ? last : PG_GETARG_INT32(1);
	if (revision < 0 || revision > last)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the graph of run %s has no revision %d", pulse_uuid_out(run), revision),
				 last == 0 ? errdetail("It has not grown, so there is only revision 0.") : errdetail("Its revisions are 0 to %d.", last)));
	check_rounds(run, rows, n, revision);
	if (graph != NULL && revision > 0)
		graph = pulse_look_grown(graph, rows, n, revision, &why);
	if (graph == NULL)
		throw_damaged(run, why);
	arena = pulse_arena_create(0);
	document = pulse_jsonb_write(pulse_graph_document(graph, arena));
	pulse_arena_free(arena);
	PG_RETURN_JSONB_P(document);
}

/*
 * ---------------------------------------------------------------------
 * Names
 * ---------------------------------------------------------------------
 */

/* What the nodes of one run name, for the time of a query: its rows come run by run. */
typedef struct Names
{
	pg_uuid_t run;
	MemoryContext context;
	int n;
	char **ids; /* ascending */
	char **names;
} Names;

static void
read_names(Names *names, const pg_uuid_t *run)
{
	MemoryContext old;
	PulseRunView view;
	PulseGrowthRow *rows;
	const char *why;
	const PulseGraph *graph = base_graph(run, &view, &why);
	int n;

	MemoryContextReset(names->context);
	names->run = *run;
	names->n = 0;
	if (graph == NULL)
		return;
	rows = pulse_load_growths(run, 1, &n);
	graph = pulse_look_grown(graph, rows, n, -1, &why);
	if (graph == NULL)
		return;
	old = MemoryContextSwitchTo(names->context);
	names->ids = palloc_extended(sizeof(char *) * (size_t) Max(graph->n_nodes, 1), MCXT_ALLOC_HUGE);
	names->names = palloc_extended(sizeof(char *) * (size_t) Max(graph->n_nodes, 1), MCXT_ALLOC_HUGE);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[pulse_graph_at_rank(graph, i)];

		if (node->name == NULL)
			continue;
		names->ids[names->n] = pstrdup(node->id);
		names->names[names->n++] = pstrdup(node->name);
	}
	MemoryContextSwitchTo(old);
}

Datum
pulse_sql_node_name(PG_FUNCTION_ARGS)
{
	Names *names = fcinfo->flinfo->fn_extra;
	pg_uuid_t *run;
	char *node;
	int low = 0;
	int high;

	pulse_api_begin();
	run = pulse_arg_uuid(fcinfo, 0, "run");
	pulse_arg_require(fcinfo, 1, "node");
	node = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (names == NULL)
	{
		names = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Names));
		names->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pulse names of nodes",
											   ALLOCSET_DEFAULT_SIZES);
		fcinfo->flinfo->fn_extra = names;
		names->n = -1;
	}
	if (names->n < 0 || memcmp(&names->run, run, UUID_LEN) != 0)
		read_names(names, run);
	high = names->n;
	while (low < high)
	{
		int middle = low + (high - low) / 2;
		int order = strcmp(names->ids[middle], node);

		if (order == 0)
			PG_RETURN_TEXT_P(cstring_to_text(names->names[middle]));
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	PG_RETURN_NULL();
}
