/*
 * budget.c
 *		The budget of rewrites: five naturals, spent and never refunded.
 *
 * Owns names, order, defaults and arithmetic of the dimensions. What a rewrite
 * costs is told by rewrite.c.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/budget.h"

#include "core/graph_private.h"
#include "core/suggest.h"

static const struct
{
	const char *name;
	size_t offset;
	int64 by_default;
} dims[PULSE_BUDGET_DIMS] = {
	{ "nodes", offsetof(PulseBudget, nodes), 16 },
	{ "edges", offsetof(PulseBudget, edges), 32 },
	{ "depth", offsetof(PulseBudget, depth), 6 },
	{ "frontier", offsetof(PulseBudget, frontier), 4 },
	{ "operations", offsetof(PulseBudget, operations), 4 },
};

const char *
pulse_budget_dim_name(int dim)
{
	return dims[dim].name;
}

int64 *
pulse_budget_dim(PulseBudget *budget, int dim)
{
	return (int64 *) ((char *) budget + dims[dim].offset);
}

static int64
value_of(const PulseBudget *budget, int dim)
{
	return *(const int64 *) ((const char *) budget + dims[dim].offset);
}

void
pulse_budget_fill(PulseBudget *budget)
{
	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		if (value_of(budget, i) < 0)
			*pulse_budget_dim(budget, i) = dims[i].by_default;
	}
}

static void
unknown_key(const PulseJsonPair *pair, const char *path, PulseArena *arena, PulseDiag *diag)
{
	const char *hint = NULL;
	PulseSuggest search;

	pulse_suggest_begin(&search, pair->key, pair->key_len);
	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
		pulse_suggest_offer(&search, dims[i].name, strlen(dims[i].name));
	if (search.match != NULL)
		hint = pulse_arena_printf(arena, "Perhaps you meant \"%s\".", search.match);
	pulse_diag_error(diag, "unknown_key", path, hint, "unknown key \"%.*s\"",
					 (int) pulse_utf8_clip(pair->key, pair->key_len, 60), pair->key);
}

bool
pulse_budget_read(const PulseJson *value, const char *path, PulseArena *arena,
				  PulseBudget *budget, PulseDiag *diag)
{
	int errors = diag->n_errors;

	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
		*pulse_budget_dim(budget, i) = -1;
	if (value->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "wrong_type", path, NULL, "must be an object, not %s",
						 pulse_json_type_name(value));
		return false;
	}
	for (uint32 i = 0; i < value->len; i++)
	{
		const PulseJsonPair *pair = &value->u.pairs[i];
		const char *at = pulse_path_key(arena, path, pair->key);
		int dim = 0;
		int64 n;

		while (dim < PULSE_BUDGET_DIMS && strcmp(dims[dim].name, pair->key) != 0)
			dim++;
		if (dim == PULSE_BUDGET_DIMS)
			unknown_key(pair, at, arena, diag);
		else if (!pulse_json_as_int(pair->value, &n) || n < 0)
			pulse_diag_error(diag, "bad_budget", at, NULL,
							 "must be a whole number, zero or more");
		else
			*pulse_budget_dim(budget, dim) = n;
	}
	return diag->n_errors == errors;
}

const PulseJson *
pulse_budget_json(const PulseBudget *budget, PulseArena *arena)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * PULSE_BUDGET_DIMS);

	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		pairs[i].key = dims[i].name;
		pairs[i].key_len = (uint32) strlen(dims[i].name);
		pairs[i].value = pulse_json_int(arena, value_of(budget, i));
	}
	return pulse_json_object(arena, pairs, PULSE_BUDGET_DIMS);
}

int
pulse_budget_exceeded(const PulseBudget *remaining, const PulseBudget *cost,
					  PulseExceeded list[PULSE_BUDGET_DIMS])
{
	int n = 0;

	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		if (value_of(cost, i) > value_of(remaining, i))
			list[n++] = (PulseExceeded){ dims[i].name, value_of(cost, i), value_of(remaining, i) };
	}
	return n;
}

void
pulse_budget_spend(PulseBudget *remaining, const PulseBudget *cost)
{
	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
		*pulse_budget_dim(remaining, i) -= value_of(cost, i);
}
