/*
 * cache.c
 *		Runs and graphs in memory.
 *
 * Owns the tables of cached runs and of parsed graphs, and fills a state
 * from its rows.  Everything here can be dropped between batches and is read again
 * when a fact needs it: a run that is loaded while it lives is recovered at once,
 * since whatever was in flight elsewhere died with its process.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/guc.h"
#include "common/hashfn.h"
#include "core/budget.h"
#include "store/growth_store.h"
#include "store/jsonb.h"

/*
 * What runs in loops leave behind in their arenas goes when they are read again, which is
 * cheap: when a state has twice the size it had when it was read, and so much more.
 */
#define BLOAT_BYTES ((size_t) 4 * 1024 * 1024)

/* Graphs that no cached run uses are dropped beyond this number. */
#define MAX_IDLE_GRAPHS 1000

typedef struct RunSlot
{
	pg_uuid_t id;
	PulseRun *run;
	char status;
} RunSlot;

#define SH_PREFIX runhash
#define SH_ELEMENT_TYPE RunSlot
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY id
#define SH_HASH_KEY(tb, key) hash_bytes((const unsigned char *) &(key), sizeof(pg_uuid_t))
#define SH_EQUAL(tb, a, b) (memcmp(&(a), &(b), sizeof(pg_uuid_t)) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct GraphSlot
{
	PulseGraphKey key;
	PulseGraphEntry *entry;
	char status;
} GraphSlot;

static inline uint32
graph_key_hash(const PulseGraphKey *key)
{
	uint32 h = hash_bytes((const unsigned char *) key->workflow, (int) strlen(key->workflow));

	h = hash_combine(h, hash_bytes((const unsigned char *) key->tenant, (int) strlen(key->tenant)));
	return hash_combine(h, murmurhash32((uint32) key->version));
}

static inline bool
graph_key_equal(const PulseGraphKey *a, const PulseGraphKey *b)
{
	return a->version == b->version && strcmp(a->workflow, b->workflow) == 0 &&
		strcmp(a->tenant, b->tenant) == 0;
}

#define SH_PREFIX graphhash
#define SH_ELEMENT_TYPE GraphSlot
#define SH_KEY_TYPE PulseGraphKey
#define SH_KEY key
#define SH_HASH_KEY(tb, key) graph_key_hash(&(key))
#define SH_EQUAL(tb, a, b) graph_key_equal(&(a), &(b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
pulse_cache_init(PulseEngine *e)
{
	e->runs = runhash_create(e->context, 1024, NULL);
	dlist_init(&e->run_lru);
	e->graphs = graphhash_create(e->context, 64, NULL);
	dlist_init(&e->idle_graphs);
}

PulseRun *
pulse_cache_find(PulseEngine *e, const pg_uuid_t *id)
{
	RunSlot *slot = runhash_lookup(e->runs, *id);

	return slot ? slot->run : NULL;
}

/* The cached run, or a new empty entry. It becomes the most recently used. */
PulseRun *
pulse_cache_run(PulseEngine *e, const pg_uuid_t *id, int part)
{
	bool found;
	RunSlot *slot = runhash_insert(e->runs, *id, &found);
	PulseRun *run;

	if (found)
	{
		run = slot->run;
		dlist_delete(&run->lru);
	}
	else
	{
		/* the slot must never be seen without its run */
		slot->run = NULL;
		run = MemoryContextAllocExtended(e->runs_context, sizeof(PulseRun),
										 MCXT_ALLOC_ZERO | MCXT_ALLOC_NO_OOM);
		if (run == NULL)
		{
			runhash_delete(e->runs, *id);
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("The cache of runs cannot grow.")));
		}
		run->id = *id;
		run->part = part;
		slot->run = run;
	}
	dlist_push_tail(&e->run_lru, &run->lru);
	return run;
}

static void
graph_release(PulseEngine *e, PulseGraphEntry *g)
{
	Assert(g->refs > 0);
	if (--g->refs == 0)
		dlist_push_tail(&e->idle_graphs, &g->idle);
}

/* The longest idle graphs go when there are many; between batches only. */
static void
trim_graphs(PulseEngine *e)
{
	int idle = 0;
	dlist_mutable_iter it;

	if (e->graphs->members <= MAX_IDLE_GRAPHS)
		return;
	dlist_foreach_modify(it, &e->idle_graphs)
		idle++;
	dlist_foreach_modify(it, &e->idle_graphs)
	{
		PulseGraphEntry *g = dlist_container(PulseGraphEntry, idle, it.cur);

		if (idle-- <= MAX_IDLE_GRAPHS)
			break;
		dlist_delete(&g->idle);
		graphhash_delete(e->graphs, g->key);
		pulse_graph_free(g->graph);
		MemoryContextDelete(g->context);
	}
}

/* Forgets what is known of a run, but not the entry. */
void
pulse_cache_unload(PulseEngine *e, PulseRun *run)
{
	pulse_state_free(run->state);
	run->state = NULL;
	if (run->graph != NULL)
		graph_release(e, run->graph);
	run->graph = NULL;
	run->fresh_bytes = 0;
}

void
pulse_cache_drop(PulseEngine *e, PulseRun *run)
{
	pulse_cache_unload(e, run);
	pulse_careful_unwatch(e, run);
	dlist_delete(&run->lru);
	runhash_delete(e->runs, run->id);
	pfree(run);
}

/* Between batches: the run goes on when a fact of it comes, and so do its calls. */
void
pulse_cache_evict(PulseEngine *e, PulseRun *run)
{
	pulse_cache_drop(e, run);
	e->evicted = true;
}

/* After a batch: is it time to forget the state in order to read it again? */
bool
pulse_cache_bloated(PulseRun *run)
{
	const PulseRunState *s = run->state;
	size_t bytes = pulse_arena_size(s->arena) +
		(s->own_graph != NULL ? pulse_arena_size(s->own_graph->arena) : 0);

	if (run->fresh_bytes == 0)
		run->fresh_bytes = bytes;
	return bytes > 2 * run->fresh_bytes + BLOAT_BYTES;
}

int
pulse_cache_count(PulseEngine *e)
{
	return (int) e->runs->members;
}

/* Back to the limit of pulse.cache_size: a coarse measure, looked at between batches. */
void
pulse_cache_trim(PulseEngine *e)
{
	Size limit = (Size) pulse_guc_cache_size * 1024;
	dlist_mutable_iter it;
	int dropped = 0;

	trim_graphs(e);
	if (MemoryContextMemAllocated(e->runs_context, true) <= limit)
		return;
	dlist_foreach_modify(it, &e->run_lru)
	{
		PulseRun *run = dlist_container(PulseRun, lru, it.cur);

		pulse_cache_evict(e, run);
		if (++dropped % 64 == 0 &&
			MemoryContextMemAllocated(e->runs_context, true) <= limit)
			break;
	}
}

/*
 * ---------------------------------------------------------------------
 * Graphs
 * ---------------------------------------------------------------------
 */

static PulseGraphEntry *
graph_load(PulseEngine *e, const PulseGraphKey *key)
{
	Jsonb *document = pulse_load_graph(key->tenant, key->workflow, key->version);
	GraphSlot *slot;
	bool found;
	MemoryContext context;
	MemoryContext old;
	PulseGraphEntry *g;
	PulseGraph *graph;
	PulseDiag diag;

	if (document == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d of workflow \"%s\" does not exist",
						key->version, key->workflow),
				 errdetail("A run refers to it.")));

	context = AllocSetContextCreate(e->batch, "pulse graph", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	pulse_diag_init(&diag, e->scratch);
	graph = pulse_graph_read(pulse_jsonb_read(e->scratch, document),
							 PULSE_GRAPH_LIVE, &diag);
	if (graph == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored graph of workflow \"%s\" version %d is invalid",
						key->workflow, key->version),
				 errdetail("%s: %s", diag.items[0].path, diag.items[0].message)));
	g = palloc0(sizeof(PulseGraphEntry));
	g->key.tenant = pstrdup(key->tenant);
	g->key.workflow = pstrdup(key->workflow);
	g->key.version = key->version;
	g->graph = graph;
	g->context = context;
	MemoryContextSwitchTo(old);

	/* complete: from here on it outlives the batch */
	slot = graphhash_insert(e->graphs, g->key, &found);
	slot->entry = g;
	MemoryContextSetParent(context, e->context);
	dlist_push_tail(&e->idle_graphs, &g->idle);
	return g;
}

/* The graph of a version, with one reference more. */
static PulseGraphEntry *
graph_get(PulseEngine *e, const PulseRunRow *row)
{
	PulseGraphKey key = { row->tenant, row->workflow, row->version };
	GraphSlot *slot = graphhash_lookup(e->graphs, key);
	PulseGraphEntry *g = slot ? slot->entry : graph_load(e, &key);

	if (g->refs++ == 0)
		dlist_delete(&g->idle);
	return g;
}

/*
 * ---------------------------------------------------------------------
 * States
 * ---------------------------------------------------------------------
 */

static int64
unix_time(TimestampTz t)
{
	return pulse_time_to_unix(t);
}

/* What the run itself was given, over what its graph says. */
static void
own_budget(PulseEngine *e, PulseRunState *state, Jsonb *value)
{
	PulseBudget own;
	PulseDiag diag;

	pulse_diag_init(&diag, e->scratch);
	if (!pulse_budget_read(pulse_jsonb_read(e->scratch, value), "$", e->scratch, &own, &diag))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("budget of a run is malformed"),
				 errdetail("%s", diag.items[0].message)));
	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		if (*pulse_budget_dim(&own, i) >= 0)
			*pulse_budget_dim(&state->budget, i) = *pulse_budget_dim(&own, i);
	}
}

/* A state with all nodes pending, from a run's row. */
static void
make_state(PulseEngine *e, PulseRun *run)
{
	const PulseRunRow *row = run->row;
	PulseRunState *state;
	MemoryContext old;

	/* the cache owns both as soon as they are there, whatever happens below */
	run->graph = graph_get(e, row);
	old = MemoryContextSwitchTo(e->runs_context);
	state = pulse_state_create(run->graph->graph);
	MemoryContextSwitchTo(old);
	run->state = state;
	run->part = row->part;
	run->priority = row->priority;
	memcpy(state->id.b, row->id.data, 16);
	state->tenant = run->graph->key.tenant;
	state->workflow = run->graph->key.workflow;
	state->version = row->version;
	if (!pulse_run_status_parse(row->status, &state->status))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("run has unknown status \"%s\"", row->status)));
	state->submitted_at = unix_time(row->submitted_at);
	state->start_at = row->has_start_at ? unix_time(row->start_at) : 0;
	state->deadline = row->has_deadline ? unix_time(row->deadline) : 0;
	state->started_at = row->has_started_at ? unix_time(row->started_at) : 0;
	if (row->traceparent != NULL)
		state->traceparent = pulse_arena_strdup(state->arena, row->traceparent);
	if (row->input != NULL)
		state->input = pulse_jsonb_read(state->arena, row->input);
	if (row->budget != NULL)
		own_budget(e, state, row->budget);
	if (row->has_parent)
	{
		memcpy(state->parent.b, row->parent.data, 16);
		state->parent_node = pulse_arena_strdup(state->arena, row->parent_node);
		state->depth = row->depth;
	}
}

/*
 * The graph of a run as its growths have made it. False: that cannot be done, so nothing
 * else of the run can be read either.
 */
static bool
replay(PulseEngine *e, PulseRun *run, const PulseGrowthRow *rows, int n)
{
	PulseGrowthRecord *records = pulse_arena_zalloc(e->scratch, sizeof(PulseGrowthRecord) * (size_t) n);
	const char *why = NULL;
	bool ok;

	for (int i = 0; i < n; i++)
	{
		PulseGrowthRecord *r = &records[i];
		PulseArena *arena = run->state->arena;

		r->id = rows[i].id;
		r->revision = rows[i].revision;
		r->admitted = rows[i].revision != 0;
		r->anchor = rows[i].anchor;
		r->form = rows[i].form;
		r->hash = rows[i].hash;
		if (rows[i].rewrite != NULL)
			r->rewrite = pulse_jsonb_read(arena, rows[i].rewrite);
		if (rows[i].detail != NULL)
			r->detail = pulse_jsonb_read(arena, rows[i].detail);
		if (rows[i].budget_after != NULL)
			r->budget_after = pulse_jsonb_read(arena, rows[i].budget_after);
	}
	ok = pulse_state_replay(run->state, records, n, e->scratch, &why);
	if (ok)
		return true;
	pulse_cache_unload(e, run);
	pulse_work_quarantine(e, run, "invalid_state",
						  pulse_arena_printf(e->scratch, "its graph cannot be made again: %s", why),
						  ERRCODE_DATA_CORRUPTED);
	return false;
}

static void
fill_node(PulseEngine *e, PulseRun *run, const PulseNodeRow *row)
{
	PulseRunState *state = run->state;
	int at = pulse_graph_find(state->graph, row->node, strlen(row->node));
	PulseNodeState *n;
	PulseStatus status;
	PulseReason reason = PULSE_REASON_NONE;

	if (at < 0 || !pulse_status_parse(row->status, &status) ||
		(row->reason != NULL && !pulse_reason_parse(row->reason, &reason)))
	{
		run->violation = pulse_arena_printf(e->scratch, "status_outside: node %s, status %s, reason %s",
											row->node, row->status,
											row->reason ? row->reason : "none");
		return;
	}
	/* outputs are not loaded, but whether there is one is known */
	if (run->violation == NULL && row->has_output != pulse_status_has_output(status))
		run->violation = pulse_arena_printf(e->scratch,
											row->has_output ?
											"output_not_allowed: node %s is %s and has an output" :
											"output_missing: node %s is %s and has none",
											row->node, row->status);
	n = &state->nodes[at];
	n->status = status;
	n->reason = reason;
	n->has_row = true;
	n->attempt = row->attempt;
	n->tries = row->tries;
	n->has_activation = row->has_activation;
	if (row->has_activation)
		memcpy(n->activation.b, row->activation.data, 16);
	n->outcome_unknown = row->outcome_unknown;
	n->started_at = row->started_at ? unix_time(row->started_at) : 0;
	n->ended_at = row->ended_at ? unix_time(row->ended_at) : 0;
	n->due = row->has_due ? unix_time(row->due) : 0;
	n->total_deadline = row->has_deadline ? unix_time(row->total_deadline) : 0;
	if (row->action_version != NULL)
		n->action_version = pulse_arena_strdup(state->arena, row->action_version);
	if (row->memo != NULL)
		pulse_state_memo_read(n, pulse_jsonb_read(state->arena, row->memo), state->arena);

	/* the first nodes of a run start when the run does */
	if (n->started_at != 0 &&
		(state->started_at == 0 || n->started_at < state->started_at))
		state->started_at = n->started_at;
}

/* Calls that go on in this process although the state was dropped. */
static void
mark_calls(PulseEngine *e)
{
	dlist_head *lists[2] = { &e->active, &e->finished };

	for (int l = 0; l < 2 + e->n_hosts; l++)
	{
		dlist_iter it;

		dlist_foreach(it, l < 2 ? lists[l] : &e->hosts[l - 2]->queue)
		{
			PulseCall *call = dlist_container(PulseCall, link, it.cur);
			PulseRun *run = pulse_cache_find(e, &call->run);
			int node;

			if (run == NULL || run->state == NULL || !run->loaded)
				continue;
			node = pulse_graph_find(run->state->graph, call->node, strlen(call->node));
			if (node >= 0 && run->state->nodes[node].attempt == call->attempt)
				run->state->nodes[node].in_flight = true;
		}
	}
}

static void
load_rows(PulseEngine *e, PulseRun **runs, int n)
{
	pg_uuid_t *ids = palloc(sizeof(pg_uuid_t) * (size_t) n);
	PulseRunRow *rows;
	PulseGrowthRow *growths;
	PulseNodeRow *nodes;
	PulseSignalRow *signals;
	int found;

	for (int i = 0; i < n; i++)
		ids[i] = runs[i]->id;
	rows = pulse_load_runs(ids, n, &found);
	for (int i = 0; i < found; i++)
		pulse_cache_find(e, &rows[i].id)->row = &rows[i];

	for (int i = 0; i < n; i++)
	{
		runs[i]->loaded = true;
		runs[i]->violation = NULL;
		runs[i]->missing = runs[i]->row == NULL;
		if (!runs[i]->missing)
			make_state(e, runs[i]);
	}
	growths = pulse_load_growths(ids, n, &found);
	for (int i = 0, end; i < found; i = end)
	{
		PulseRun *run = runs[growths[i].run];

		for (end = i + 1; end < found && growths[end].run == growths[i].run; end++)
			;
		if (!run->missing)
			(void) replay(e, run, &growths[i], end - i);
	}

	/* what could not be read so far has no state */
	nodes = pulse_load_nodes(ids, n, &found);
	for (int i = 0; i < found; i++)
	{
		if (runs[nodes[i].run]->state != NULL)
			fill_node(e, runs[nodes[i].run], &nodes[i]);
	}
	signals = pulse_load_signals(ids, n, &found);
	for (int i = 0; i < found; i++)
	{
		PulseSignalRow *s = &signals[i];

		if (runs[s->run]->state != NULL)
			pulse_state_add_signal(runs[s->run]->state, s->seq, s->id, s->name,
								   pulse_jsonb_read(e->scratch, s->payload));
	}
	mark_calls(e);
	for (int i = 0; i < n; i++)
	{
		const char *violation;

		if (runs[i]->state == NULL)
			continue;
		pulse_state_derive(runs[i]->state);
		violation = runs[i]->violation;
		if (violation == NULL)
			violation = pulse_state_violation(runs[i]->state, e->scratch);
		if (violation != NULL)
			pulse_work_quarantine(e, runs[i], "invalid_state", violation,
								  ERRCODE_DATA_CORRUPTED);
	}
}

void
pulse_cache_load(PulseEngine *e, PulseRun **runs, int n)
{
	PulseRun **to_load = palloc(sizeof(PulseRun *) * (size_t) Max(n, 1));
	int n_load = 0;

	for (int i = 0; i < n; i++)
	{
		PulseRun *run = runs[i];

		if (run->state != NULL)
			continue;
		if (run->row != NULL && !run->row->touched)
			make_state(e, run);
		else
		{
			run->row = NULL;
			to_load[n_load++] = run;
		}
	}
	if (n_load > 0)
		load_rows(e, to_load, n_load);
}

/* Brings outputs and errors that the kernel asked for into the state (in scratch). */
void
pulse_cache_values(PulseEngine *e, PulseRun *run, const int *nodes, int n)
{
	const char **names = palloc(sizeof(char *) * (size_t) n);
	PulseValueRow *rows;
	int found;

	for (int i = 0; i < n; i++)
		names[i] = run->state->graph->nodes[nodes[i]]->id;
	rows = pulse_load_values(&run->id, names, n, &found);
	for (int i = 0; i < found; i++)
	{
		int at = pulse_graph_find(run->state->graph, rows[i].node, strlen(rows[i].node));
		PulseNodeState *s = &run->state->nodes[at];

		if (rows[i].output != NULL)
			s->output = pulse_jsonb_read(e->scratch, rows[i].output);
		if (rows[i].error != NULL)
			s->error = pulse_jsonb_read(e->scratch, rows[i].error);
	}
	for (int i = 0; i < n; i++)
	{
		PulseNodeState *s = &run->state->nodes[nodes[i]];

		if (s->output == NULL && pulse_status_has_output(s->status))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("stored state of a run is invalid"),
					 errdetail("output_missing: node \"%s\".",
							   run->state->graph->nodes[nodes[i]]->id)));
		if (s->error == NULL && s->status == PULSE_SKIPPED)
			s->error = &pulse_json_null;
	}
}
