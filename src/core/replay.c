/*
 * replay.c
 *		The graph of a run, made again from what is on record of its growth.
 *
 * Owns the way from records to a graph: the same code that let the graph grow grows it
 * again.  A record that does not fit any more is damage, and is told, never worked around.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/replay.h"

#include "core/graph_grow.h"
#include "core/graph_lower.h"
#include "core/rewrite.h"

static int
compare_revisions(const void *a, const void *b)
{
	const PulseGrowthRecord *x = *(const PulseGrowthRecord *const *) a;
	const PulseGrowthRecord *y = *(const PulseGrowthRecord *const *) b;

	return (x->revision > y->revision) - (x->revision < y->revision);
}

static bool
is_proposal(const PulseGrowthRecord *record)
{
	return record->rewrite != NULL;
}

/* What was admitted once is admitted again, whatever is left of the budget by now. */
static bool
replay_proposal(PulseGraph *graph, const PulseGrowthRecord *record, int anchor,
				PulseArena *arena, const char **why)
{
	PulseBudget no_limit = { PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX, PG_INT64_MAX };
	PulseRewrite rewrite;
	PulseRewritePlan *plan;
	PulseDiag diag;
	bool ok;

	pulse_diag_init(&diag, arena);
	if (!pulse_rewrite_read(record->rewrite, "$", arena, &rewrite, &diag))
	{
		*why = pulse_arena_printf(arena, "rewrite %d cannot be read: %s: %s", record->id,
								  diag.items[0].path, diag.items[0].message);
		return false;
	}
	pulse_graph_order(graph);
	plan = pulse_rewrite_plan(graph, anchor, record->anchor, PULSE_RUNNING, &rewrite, &no_limit);
	ok = plan->admitted;
	if (ok)
	{
		plan->growth.origin = record->id;
		pulse_rewrite_apply(plan, graph);
	}
	else
		*why = pulse_arena_printf(arena, "rewrite %d does not fit: %s", record->id,
								  plan->errors.n > 0 ? plan->errors.items[0].message : "budget");
	pulse_rewrite_free(plan);
	return ok;
}

/* A whole number in the detail of a record; false: it is not there or not in [min, max]. */
static bool
detail_number(const PulseGrowthRecord *record, const char *key, int min, int max, int *value)
{
	const PulseJson *json = pulse_json_get(record->detail, key);
	int64 n;

	if (json == NULL || !pulse_json_as_int(json, &n) || n < min || n > max)
		return false;
	*value = (int) n;
	return true;
}

static bool
replay_lowering(PulseGraph *graph, const PulseGrowthRecord *record, int anchor,
				PulseArena *arena, const char **why)
{
	const PulseNode *node = graph->nodes[anchor];
	PulseLowering low = { .out = anchor, .origin = record->id, .n = 1, .body = node->body };
	const PulseJson *items;
	bool ok = false;

	if (record->detail != NULL && strcmp(record->form, "choose") == 0 &&
		node->kind == PULSE_KIND_CHOOSE)
	{
		low.kind = PULSE_SCOPE_BRANCH;
		ok = detail_number(record, "branch", 0, node->n_choices - 1, &low.index);
		if (ok)
			low.body = node->choices[low.index].body;
	}
	else if (record->detail != NULL && strcmp(record->form, "map") == 0 &&
			 node->kind == PULSE_KIND_MAP)
	{
		low.kind = PULSE_SCOPE_ITEM;
		items = pulse_json_get(record->detail, "items");
		ok = items != NULL && items->type == PULSE_JSON_ARRAY && items->len > 0 &&
			items->len <= PULSE_MAX_MAP_ITEMS;
		if (ok)
		{
			low.n = (int) items->len;
			low.items = items->u.items;
		}
	}
	else if (record->detail != NULL && strcmp(record->form, "repeat") == 0 &&
			 node->kind == PULSE_KIND_REPEAT)
	{
		low.kind = PULSE_SCOPE_ROUND;
		ok = detail_number(record, "round", 1, PG_INT32_MAX, &low.index);
	}
	if (!ok || !pulse_graph_has_room(graph, (int64) low.n * low.body->graph->n_nodes + 1))
	{
		*why = pulse_arena_printf(arena, "growth %d (%s of node %s) does not fit", record->id,
								  record->form, record->anchor);
		return false;
	}
	pulse_graph_lower(graph, &low);
	return true;
}

/* Whether the graph was otherwise at a revision than can be told now. */
static bool
gone_on(const PulseGrowthRecord *record, int revision, PulseArena *arena, const char **why)
{
	int round;

	if (record->revision <= revision || strcmp(record->form, "repeat") != 0 ||
		(detail_number(record, "round", 1, PG_INT32_MAX, &round) && round == 1))
		return false;
	*why = pulse_arena_printf(arena, "the repeat %s has gone on to other rounds since revision %d",
							  record->anchor, revision);
	return true;
}

static bool
replay(PulseGraph *graph, const PulseGrowthRecord *records, int n, int revision,
	   PulseArena *arena, const char **why)
{
	const PulseGrowthRecord **order = pulse_arena_alloc(arena, sizeof(*order) * (size_t) Max(n, 1));
	const PulseGrowthRecord *last = NULL;
	int count = 0;

	for (int i = 0; i < n; i++)
	{
		if (records[i].admitted)
			order[count++] = &records[i];
	}
	qsort(order, (size_t) count, sizeof(*order), compare_revisions);
	for (int i = 0; i < count; i++)
	{
		const PulseGrowthRecord *record = order[i];
		int anchor;

		if (revision >= 0 && record->revision > revision)
		{
			if (gone_on(record, revision, arena, why))
				return false;
			continue;
		}
		anchor = pulse_graph_find(graph, record->anchor, strlen(record->anchor));
		if (anchor < 0)
		{
			*why = pulse_arena_printf(arena, "growth %d belongs to node %s, which the graph does not have",
									  record->id, record->anchor);
			return false;
		}
		if (graph->nodes[anchor]->scope != NULL)
			pulse_scope_add_record(graph->nodes[anchor]->scope, record->id);
		if (!(is_proposal(record) ? replay_proposal(graph, record, anchor, arena, why) : replay_lowering(graph, record, anchor, arena, why)))
			return false;
		last = record;
	}
	if (revision > 0 && (last == NULL || last->revision != revision))
	{
		*why = pulse_arena_printf(arena, "there is no revision %d", revision);
		return false;
	}
	if (last != NULL && last->hash != NULL)
	{
		pulse_graph_settle(graph);
		if (strcmp(graph->hash, last->hash) != 0)
		{
			*why = pulse_arena_printf(arena, "the hash of revision %d is %s, and %s is on record",
									  last->revision, graph->hash, last->hash);
			return false;
		}
	}
	return true;
}

PulseGraph *
pulse_graph_replay(const PulseGraph *base, const PulseGrowthRecord *records, int n, int revision,
				   PulseArena *arena, const char **why)
{
	PulseGraph *graph = pulse_graph_copy(base);

	if (!replay(graph, records, n, revision, arena, why))
	{
		pulse_graph_free(graph);
		return NULL;
	}
	pulse_graph_settle(graph);
	return graph;
}

/* The innermost scope that a node which has been replaced was in, by its id; or NULL. */
static PulseScope *
scope_by_id(const PulseGraph *graph, const char *id)
{
	PulseScope *found = NULL;
	size_t len = strlen(id);
	uint32 longest = 0;

	for (int i = 0; i < graph->n_scopes; i++)
	{
		PulseScope *scope = graph->scopes[i];
		const PulseNode *composite;
		char instance[32] = "";

		if (scope == NULL)
			continue;
		composite = graph->nodes[scope->anchor];
		if (composite->id_len < longest || composite->id_len >= len || id[composite->id_len] != ':' ||
			memcmp(id, composite->id, composite->id_len) != 0)
			continue;
		if (scope->kind != PULSE_SCOPE_BRANCH)
			snprintf(instance, sizeof(instance), "%s_%d:", scope->kind == PULSE_SCOPE_ITEM ? "item" : "iter", scope->index);
		if (strncmp(id + composite->id_len + 1, instance, strlen(instance)) != 0)
			continue;
		found = scope;
		longest = composite->id_len;
	}
	return found;
}

bool
pulse_state_replay(PulseRunState *run, const PulseGrowthRecord *records, int n,
				   PulseArena *arena, const char **why)
{
	const PulseGrowthRecord *spent = NULL;
	PulseGraph *graph;
	PulseDiag diag;

	if (n == 0)
		return true;
	graph = pulse_state_own_graph(run);
	if (!replay(graph, records, n, -1, arena, why))
		return false;
	for (int i = 0; i < n; i++)
	{
		const PulseGrowthRecord *record = &records[i];
		PulseScope *scope;
		int anchor;

		run->n_records = Max(run->n_records, record->id);
		if (record->admitted)
		{
			run->revision = Max(run->revision, record->revision);
			if (record->budget_after != NULL && (spent == NULL || spent->revision < record->revision))
				spent = record;
			continue;
		}

		/* one that was rejected: its node may have been replaced since */
		anchor = pulse_graph_find(graph, record->anchor, strlen(record->anchor));
		scope = anchor >= 0 ? graph->nodes[anchor]->scope : scope_by_id(graph, record->anchor);
		if (scope != NULL)
			pulse_scope_add_record(scope, record->id);
	}
	pulse_diag_init(&diag, arena);
	run->spent = spent != NULL;
	if (spent != NULL && !pulse_budget_read(spent->budget_after, "$", arena, &run->budget, &diag))
	{
		*why = pulse_arena_printf(arena, "the budget left by rewrite %d cannot be read", spent->id);
		return false;
	}
	pulse_state_make_room(run);
	return true;
}
