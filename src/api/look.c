/*
 * look.c
 *		The nodes of a run, and its timeline.
 *
 * Rows exist only for nodes that have left pending; the statuses of the others
 * follow from the graph, by the kernel's own rules.  Owns a few graphs, parsed, for
 * the life of the backend; they never go stale, because they are found by the hash of their
 * content.
 */
#include "postgres.h"

#include "api/look.h"

#include "api/api.h"
#include "base/errors.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "store/jsonb.h"
#include "store/rows.h"
#include "store/workflow_store.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(pulse_sql_run_nodes);
PG_FUNCTION_INFO_V1(pulse_sql_timeline);

#define CACHED_GRAPHS 8

typedef struct CachedGraph
{
	char		content_hash[65];
	PulseGraph *graph;
	uint64		used;
} CachedGraph;

static CachedGraph graphs[CACHED_GRAPHS];
static uint64 uses = 0;

const PulseGraph *
pulse_look_graph(const char *tenant, const char *workflow, int version,
				 const char *content_hash)
{
	CachedGraph *slot = &graphs[0];
	PulseArena *arena;
	PulseDiag	diag;
	MemoryContext old;
	PulseGraph *graph;
	Jsonb	   *source;

	for (int i = 0; i < CACHED_GRAPHS; i++)
	{
		if (graphs[i].graph != NULL && strcmp(graphs[i].content_hash, content_hash) == 0)
		{
			graphs[i].used = ++uses;
			return graphs[i].graph;
		}
		if (graphs[i].used < slot->used)
			slot = &graphs[i];
	}

	source = pulse_workflow_graph(tenant, workflow, version, NULL);
	if (source == NULL)
		return NULL;
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);

	/* the graph's arena lives where it is created */
	old = MemoryContextSwitchTo(TopMemoryContext);
	graph = pulse_graph_read(pulse_jsonb_read(arena, source), PULSE_GRAPH_DEFINE, &diag);
	MemoryContextSwitchTo(old);
	pulse_arena_free(arena);
	if (graph == NULL)
		return NULL;
	pulse_graph_free(slot->graph);
	slot->graph = graph;
	strlcpy(slot->content_hash, content_hash, sizeof(slot->content_hash));
	slot->used = ++uses;
	return graph;
}

/* Statuses that follow from those stored, by the rules of the kernel. */
static void
derive(PulseRunNodes *nodes)
{
	const PulseGraph *graph = nodes->graph;
	bool		cancelled = strcmp(nodes->run.status, "cancelled") == 0;

	memcpy(nodes->shown, nodes->stored, sizeof(PulseStatus) * (size_t) graph->n_nodes);
	(void) pulse_closure(graph, nodes->shown, nodes->cause);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		if (nodes->shown[i] != nodes->stored[i])
			nodes->reason[i] = pulse_reason_name(PULSE_REASON_CLOSURE);
		else if (cancelled && nodes->shown[i] == PULSE_PENDING)
		{
			nodes->shown[i] = PULSE_SKIPPED;
			nodes->reason[i] = pulse_reason_name(PULSE_REASON_CANCELLED);
		}
	}
}

/* Reads the run; its *damage is NULL, or says why its rows and graph do not fit together. */
static PulseRunNodes *
read_nodes(const pg_uuid_t *run, const char **damage)
{
	PulseRunNodes *nodes = palloc0(sizeof(*nodes));
	size_t		n;

	*damage = NULL;
	/* before anything else is read: what goes wrong below names the workflow */
	if (!pulse_view_run(run, &nodes->run) ||
		!pulse_access_has(PULSE_LEVEL_READ, nodes->run.tenant))
		pulse_throw_no_run(run);
	nodes->all = pulse_view_nodes(run, &nodes->n_all);
	if (nodes->run.content_hash != NULL)
		nodes->graph = pulse_look_graph(nodes->run.tenant, nodes->run.workflow,
										nodes->run.version, nodes->run.content_hash);
	if (nodes->graph == NULL)
	{
		*damage = psprintf("Version %d of workflow \"%s\" is not stored, or cannot be read.",
						   nodes->run.version, nodes->run.workflow);
		return nodes;
	}
	nodes->growths = pulse_load_growths(run, 1, &nodes->n_growths);
	nodes->graph = pulse_look_grown(nodes->graph, nodes->growths, nodes->n_growths, -1, damage);
	if (nodes->graph == NULL)
		return nodes;

	n = (size_t) Max(nodes->graph->n_nodes, 1);
	nodes->stored = palloc0(sizeof(PulseStatus) * n);
	nodes->shown = palloc0(sizeof(PulseStatus) * n);
	nodes->reason = palloc0(sizeof(char *) * n);
	nodes->cause = palloc0(sizeof(int) * n);
	nodes->rows = palloc0(sizeof(PulseNodeRow *) * n);
	for (int i = 0; i < nodes->n_all; i++)
	{
		PulseNodeRow *row = &nodes->all[i];
		int			at = pulse_graph_find(nodes->graph, row->node, strlen(row->node));

		if (at < 0 || !pulse_status_parse(row->status, &nodes->stored[at]))
		{
			*damage = psprintf("Stored node \"%s\" does not fit the graph.", row->node);
			return nodes;
		}
		nodes->rows[at] = row;
		nodes->reason[at] = row->reason;
	}
	derive(nodes);
	return nodes;
}

const PulseGrowthRow *
pulse_look_growth(const PulseRunNodes *nodes, int id)
{
	int			low = 0;
	int			high = nodes->n_growths;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (nodes->growths[middle].id == id)
			return nodes->growths[middle].revision > 0 ? &nodes->growths[middle] : NULL;
		if (nodes->growths[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

PulseRunNodes *
pulse_look_nodes(const pg_uuid_t *run)
{
	const char *damage;
	PulseRunNodes *nodes = read_nodes(run, &damage);

	if (damage != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored state of run %s is damaged", pulse_uuid_out(run)),
				 errdetail("%s", damage),
				 errhint("SELECT pulse.cancel('%s') ends it.", pulse_uuid_out(run))));
	return nodes;
}

static Datum
text_or_null(const char *s, bool *isnull)
{
	*isnull = s == NULL;
	return s ? CStringGetTextDatum(s) : (Datum) 0;
}

/* Direct predecessors that hold up a pending node; NULL: none do. */
static Datum
blocked_by(const PulseRunNodes *nodes, int node, bool *isnull)
{
	const PulseNode *def = nodes->graph->nodes[node];
	Datum	   *ids;
	int			n = 0;

	*isnull = true;
	if (nodes->shown[node] != PULSE_PENDING || def->n_preds == 0)
		return (Datum) 0;
	ids = palloc(sizeof(Datum) * (size_t) def->n_preds);
	for (int i = 0; i < def->n_preds; i++)
	{
		if (!pulse_status_unblocks(nodes->stored[def->preds[i]]))
			ids[n++] = CStringGetTextDatum(nodes->graph->nodes[def->preds[i]]->id);
	}
	if (n == 0)
		return (Datum) 0;
	*isnull = false;
	return pulse_array(TEXTOID, ids, NULL, n);
}

/* Values of a stored column, or its default. */
static void
put_column(const PulseNodeRow *row, PulseNodeColumn c, Datum missing, bool missing_null,
		   Datum *value, bool *isnull)
{
	*value = row ? row->values[c] : missing;
	*isnull = row ? row->nulls[c] : missing_null;
}

/* The columns from `attempt` on, in this order. */
static const PulseNodeColumn node_columns[] = {
	PULSE_NODE_ATTEMPT, PULSE_NODE_TRIES, PULSE_NODE_ACTIVATION, PULSE_NODE_OUTPUT,
	PULSE_NODE_ERROR, PULSE_NODE_PROGRESS, PULSE_NODE_COST, PULSE_NODE_OUTCOME_UNKNOWN,
	PULSE_NODE_ACTION_VERSION, PULSE_NODE_DUE, PULSE_NODE_TOTAL_DEADLINE,
	PULSE_NODE_STARTED_AT, PULSE_NODE_ENDED_AT
};

/* Those before them. */
#define OWN_VALUES 9
#define NODE_VALUES (OWN_VALUES + lengthof(node_columns))

static void
put_columns(const PulseNodeRow *row, Datum *values, bool *nulls)
{
	for (int c = 0; c < (int) lengthof(node_columns); c++)
	{
		bool		counts = node_columns[c] == PULSE_NODE_ATTEMPT || node_columns[c] == PULSE_NODE_TRIES;
		bool		flag = node_columns[c] == PULSE_NODE_OUTCOME_UNKNOWN;

		put_column(row, node_columns[c], (Datum) 0, !(counts || flag),
				   &values[OWN_VALUES + c], &nulls[OWN_VALUES + c]);
	}
}

/* Where a node comes from, and the run that it has started. */
static void
put_provenance(const PulseRunNodes *nodes, int node, Datum *values, bool *nulls)
{
	const PulseNode *def = nodes->graph->nodes[node];
	const PulseGrowthRow *growth = pulse_look_growth(nodes, def->origin);
	const PulseNodeRow *row = nodes->rows[node];

	nulls[6] = growth == NULL;
	values[6] = Int32GetDatum(def->origin);
	values[7] = text_or_null(growth ? growth->anchor : NULL, &nulls[7]);
	nulls[8] = def->kind != PULSE_KIND_WORKFLOW || row == NULL || row->nulls[PULSE_NODE_ACTIVATION];
	values[8] = nulls[8] ? (Datum) 0 : row->values[PULSE_NODE_ACTIVATION];
}

/* A damaged run must not hide all others from a view: its rows, as they are. */
static void
put_stored(PulseRows *out, const PulseRunNodes *nodes)
{
	for (int i = 0; i < nodes->n_all; i++)
	{
		const PulseNodeRow *row = &nodes->all[i];
		Datum		values[NODE_VALUES];
		bool		nulls[NODE_VALUES] = {false};

		values[0] = CStringGetTextDatum(row->node);
		nulls[1] = nulls[2] = nulls[5] = nulls[6] = nulls[7] = nulls[8] = true;
		values[3] = CStringGetTextDatum(row->status);
		values[4] = text_or_null(row->reason, &nulls[4]);
		put_columns(row, values, nulls);
		pulse_rows_add(out, values, nulls);
	}
}

Datum
pulse_sql_run_nodes(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *run;
	PulseRunNodes *nodes;
	PulseRows	out;
	const char *damage;

	pulse_api_begin();
	run = pulse_arg_uuid(fcinfo, 0, "run");
	out = pulse_rows_begin(fcinfo);
	nodes = read_nodes(run, &damage);
	if (damage != NULL)
	{
		put_stored(&out, nodes);
		return (Datum) 0;
	}

	for (int k = 0; k < nodes->graph->n_nodes; k++)
	{
		int			i = pulse_graph_at_rank(nodes->graph, k);
		const PulseNode *def = nodes->graph->nodes[i];
		Datum		values[NODE_VALUES];
		bool		nulls[NODE_VALUES] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = CStringGetTextDatum(def->id);
		values[1] = CStringGetTextDatum(pulse_node_kind_name(def));
		values[2] = text_or_null(def->name, &nulls[2]);
		values[3] = CStringGetTextDatum(pulse_status_name(nodes->shown[i]));
		values[4] = text_or_null(nodes->reason[i], &nulls[4]);
		values[5] = blocked_by(nodes, i, &nulls[5]);
		put_provenance(nodes, i, values, nulls);
		put_columns(nodes->rows[i], values, nulls);
		pulse_rows_add(&out, values, nulls);
	}
	return (Datum) 0;
}

/*
 * ---------------------------------------------------------------------
 * Timeline
 * ---------------------------------------------------------------------
 */

typedef struct Line
{
	PulseTimelineRow row;
	int			depth;			/* of its node in the graph; 0 for the run */
	int			place;			/* as it was read */
} Line;

/* Longest path from a root to each node: what can come before what at one moment. */
static int *
node_depths(const PulseGraph *graph)
{
	size_t		n = (size_t) Max(graph->n_nodes, 1);
	int		   *depth = palloc0(sizeof(int) * n);
	int		   *open = palloc0(sizeof(int) * n);
	int		   *queue = palloc(sizeof(int) * n);
	int			head = 0;
	int			tail = 0;

	for (int i = 0; i < graph->n_nodes; i++)
	{
		open[i] = graph->nodes[i]->n_preds;
		if (open[i] == 0)
			queue[tail++] = i;
	}
	while (head < tail)
	{
		const PulseNode *node = graph->nodes[queue[head]];

		for (int k = 0; k < node->n_succs; k++)
		{
			int			succ = node->succs[k];

			depth[succ] = Max(depth[succ], depth[queue[head]] + 1);
			if (--open[succ] == 0)
				queue[tail++] = succ;
		}
		head++;
	}
	return depth;
}

/* At one moment: the run's beginning, then its nodes as the graph goes, then its end. */
static int
compare_lines(const void *a, const void *b)
{
	const Line *x = a;
	const Line *y = b;
	int			x_phase = (x->row.order >= PULSE_LINE_NODE_STARTED) + (x->row.order == PULSE_LINE_RUN_ENDED);
	int			y_phase = (y->row.order >= PULSE_LINE_NODE_STARTED) + (y->row.order == PULSE_LINE_RUN_ENDED);
	int			by_node;

	if (x->row.at != y->row.at)
		return x->row.at < y->row.at ? -1 : 1;
	if (x_phase != y_phase)
		return x_phase - y_phase;
	if (x->depth != y->depth)
		return x->depth - y->depth;
	if (x->row.order != y->row.order)
		return x->row.order - y->row.order;
	if (x->row.node == NULL || y->row.node == NULL)
		by_node = (x->row.node != NULL) - (y->row.node != NULL);
	else
		by_node = strcmp(x->row.node, y->row.node);
	return by_node != 0 ? by_node : x->place - y->place;
}

/* The line of a node that never ran, or whose work was broken off. */
static PulseTimelineRow
derived_line(const PulseRunNodes *nodes, int node)
{
	PulseTimelineRow row = {
		.at = nodes->run.ended_at,
		.order = PULSE_LINE_NODE_ENDED,
		.what = psprintf("node %s", pulse_status_name(nodes->shown[node])),
		.node = unconstify(char *, nodes->graph->nodes[node]->id),
		.detail = unconstify(char *, nodes->reason[node])
	};

	if (nodes->cause[node] >= 0 && nodes->shown[node] == PULSE_FAILED)
		row.detail = psprintf("%s has failed", nodes->graph->nodes[nodes->cause[node]]->id);
	return row;
}

/* "action payments.charge" */
static char *
what_it_does(const PulseNode *def)
{
	const char *kind = pulse_node_kind_name(def);

	return def->name ? psprintf("%s %s", kind, def->name) : pstrdup(kind);
}

static Line *
timeline(const pg_uuid_t *run, const PulseRunNodes *nodes, int *n)
{
	const PulseGraph *graph = nodes->graph;
	int		   *depth = node_depths(graph);
	int			n_rows;
	PulseTimelineRow *rows = pulse_view_timeline(run, &n_rows);
	Line	   *lines = MemoryContextAllocHuge(CurrentMemoryContext,
											   sizeof(Line) * ((size_t) n_rows + (size_t) graph->n_nodes));

	*n = 0;
	for (int i = 0; i < n_rows; i++)
	{
		int			at = rows[i].node ? pulse_graph_find(graph, rows[i].node, strlen(rows[i].node)) : -1;
		Line	   *line = &lines[*n];

		/* that it was lowered says more */
		if (at >= 0 && rows[i].order == PULSE_LINE_NODE_ENDED &&
			pulse_kind_composite(graph->nodes[at]->kind) && nodes->stored[at] == PULSE_REWRITTEN)
			continue;
		line->row = rows[i];
		line->depth = at >= 0 ? depth[at] : 0;
		line->place = i;
		if (at >= 0 && rows[i].order == PULSE_LINE_NODE_STARTED && rows[i].detail == NULL)
			line->row.detail = what_it_does(graph->nodes[at]);
		(*n)++;
	}
	for (int i = 0; nodes->run.has_ended_at && i < graph->n_nodes; i++)
	{
		if (nodes->shown[i] == nodes->stored[i] && nodes->stored[i] != PULSE_INTERRUPTED)
			continue;
		lines[*n].row = derived_line(nodes, i);
		lines[*n].place = n_rows + i;
		lines[(*n)++].depth = depth[i];
	}
	qsort(lines, (size_t) *n, sizeof(Line), compare_lines);
	return lines;
}

Datum
pulse_sql_timeline(PG_FUNCTION_ARGS)
{
	pg_uuid_t  *run;
	PulseRunNodes *nodes;
	PulseRows	out;
	Line	   *lines;
	int			n;

	pulse_api_begin();
	run = pulse_arg_uuid(fcinfo, 0, "run");
	out = pulse_rows_begin(fcinfo);
	nodes = pulse_look_nodes(run);
	lines = timeline(run, nodes, &n);
	for (int i = 0; i < n; i++)
	{
		const PulseTimelineRow *row = &lines[i].row;
		Datum		values[4];
		bool		nulls[4] = {false};

		values[0] = TimestampTzGetDatum(row->at);
		values[1] = CStringGetTextDatum(row->what);
		values[2] = text_or_null(row->node, &nulls[2]);
		values[3] = text_or_null(row->detail, &nulls[3]);
		pulse_rows_add(&out, values, nulls);
	}
	return (Datum) 0;
}
