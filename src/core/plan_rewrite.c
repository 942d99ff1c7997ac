/*
 * plan_rewrite.c
 *		plan_rewrite(graph, state, anchor, rewrite, budget): the answer as JSON.
 *
 * Owns the form of the answer; what is planned is rewrite.c's. Everything lives in
 * the caller's arena but the graphs, which are freed on return.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/rewrite.h"

#include "core/inspect.h"

static void
put(PulseJsonPair *pairs, uint32 *n, const char *key, const PulseJson *value)
{
	pairs[(*n)++] = (PulseJsonPair){ key, (uint32) strlen(key), value };
}

static const PulseJson *
errors_json(const PulseRewritePlan *plan, PulseArena *arena)
{
	int n = plan->errors.n;
	const PulseJson **items = pulse_arena_alloc(arena, sizeof(PulseJson *) * (size_t) n);

	for (int i = 0; i < n; i++)
	{
		const PulseRewriteError *e = &plan->errors.items[i];
		PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * 3);
		uint32 k = 0;

		put(pairs, &k, "code", pulse_json_string(arena, e->code));
		if (e->node != NULL)
			put(pairs, &k, "node", pulse_json_string(arena, e->node));
		put(pairs, &k, "message", pulse_json_string(arena, e->message));
		items[i] = pulse_json_object(arena, pairs, k);
	}
	return pulse_json_array(arena, items, (uint32) n);
}

static const PulseJson *
exceeded_json(const PulseRewritePlan *plan, PulseArena *arena)
{
	const PulseJson **items = pulse_arena_alloc(arena, sizeof(PulseJson *) * PULSE_BUDGET_DIMS);

	for (int i = 0; i < plan->n_exceeded; i++)
	{
		PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * 3);
		uint32 k = 0;

		put(pairs, &k, "dimension", pulse_json_string(arena, plan->exceeded[i].dimension));
		put(pairs, &k, "requested", pulse_json_int(arena, plan->exceeded[i].requested));
		put(pairs, &k, "remaining", pulse_json_int(arena, plan->exceeded[i].remaining));
		items[i] = pulse_json_object(arena, pairs, k);
	}
	return pulse_json_array(arena, items, (uint32) plan->n_exceeded);
}

static const PulseJson *
answer(PulseRewritePlan *plan, const PulseGraph *graph, PulseArena *arena)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * 7);
	const PulseJson *document;
	PulseGraph *grown = NULL;
	uint32 n = 0;

	if (plan->admitted)
	{
		PulseArena *scratch = pulse_arena_create(0);

		grown = pulse_graph_copy(graph);
		pulse_rewrite_apply(plan, grown);
		document = pulse_json_copy(arena, pulse_graph_document(grown, scratch));
		pulse_arena_free(scratch);
	}
	else
		document = pulse_json_copy(arena, graph->source);
	put(pairs, &n, "admitted", pulse_json_bool(plan->admitted));
	put(pairs, &n, "cost", plan->errors.n > 0 ? &pulse_json_null : pulse_budget_json(&plan->cost, arena));
	put(pairs, &n, "remaining", pulse_budget_json(&plan->remaining, arena));
	put(pairs, &n, "exceeded", exceeded_json(plan, arena));
	put(pairs, &n, "errors", errors_json(plan, arena));
	put(pairs, &n, "graph", document);
	put(pairs, &n, "hash", pulse_json_string(arena, grown != NULL ? grown->hash : graph->hash));
	pulse_graph_free(grown);
	return pulse_json_object(arena, pairs, n);
}

const PulseJson *
pulse_plan_rewrite(const PulseJson *graph, const PulseJson *state, const char *anchor,
				   const PulseJson *rewrite, const PulseJson *budget, PulseArena *arena,
				   PulseDiag *diag)
{
	int errors = diag->n_errors;
	PulseGraph *g = pulse_inspect_graph(graph, arena, diag);
	const PulseStatus *status = NULL;
	const PulseJson *result = NULL;
	PulseRewrite given;
	PulseBudget left;

	if (g != NULL)
		status = pulse_inspect_statuses(g, state, arena, diag);
	(void) pulse_rewrite_read(rewrite, "$rewrite", arena, &given, diag);
	if (budget != NULL && budget->type != PULSE_JSON_NULL)
		(void) pulse_budget_read(budget, "$budget", arena, &left, diag);
	else if (g != NULL)
		left = g->budget;
	if (diag->n_errors == errors)
	{
		int at = pulse_graph_find(g, anchor, strlen(anchor));
		PulseRewritePlan *plan;

		pulse_budget_fill(&left);
		plan = pulse_rewrite_plan(g, at, anchor, at < 0 ? PULSE_PENDING : status[at], &given, &left);
		result = answer(plan, g, arena);
		pulse_rewrite_free(plan);
	}
	pulse_graph_free(g);
	return result;
}
