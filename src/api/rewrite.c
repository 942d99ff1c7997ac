/*
 * rewrite.c
 *		Planning a rewrite, asked for by SQL.
 *
 * Owns the reading of the arguments; the kernel does the rest. Nothing is read
 * from or written to a table but the rights of the caller.
 */
#include "postgres.h"

#include "api/api.h"
#include "base/errors.h"
#include "core/rewrite.h"
#include "store/jsonb.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(pulse_sql_plan_rewrite);

/* A budget is a parameter, all else is about graphs, states and rewrites of them. */
static void
throw_findings(const PulseDiag *diag)
{
	for (int i = 0; i < diag->n; i++)
	{
		const PulseFinding *f = &diag->items[i];
		bool budget = strncmp(f->path, "$budget", 7) == 0;

		if (f->severity != PULSE_SEV_ERROR)
			continue;
		if (!budget && strncmp(f->path, "$rewrite", 8) != 0)
			break;
		ereport(ERROR,
				(errcode(budget ? ERRCODE_INVALID_PARAMETER_VALUE : ERRCODE_PULSE_INVALID_GRAPH),
				 errmsg(budget ? "budget is not valid: %s" : "rewrite is not valid: %s", f->message),
				 errdetail("At %s (%s).", f->path, f->code),
				 f->hint ? errhint("%s", f->hint) : 0));
	}
	pulse_throw_findings(diag);
}

static const PulseJson *
argument(FunctionCallInfo fcinfo, int n, PulseArena *arena, const char *what)
{
	Jsonb *value = pulse_arg_jsonb_opt(fcinfo, n);

	return value == NULL ? NULL : pulse_check_payload(arena, value, what);
}

Datum
pulse_sql_plan_rewrite(PG_FUNCTION_ARGS)
{
	PulseArena *arena;
	PulseDiag diag;
	const PulseJson *graph;
	const PulseJson *rewrite;
	const PulseJson *result;
	Jsonb *answer;

	pulse_api_begin();
	pulse_access_require_some(PULSE_LEVEL_READ, "plan a rewrite");
	pulse_arg_require(fcinfo, 0, "graph");
	pulse_arg_require(fcinfo, 2, "anchor");
	pulse_arg_require(fcinfo, 3, "rewrite");
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);
	graph = pulse_api_document(arena, PG_GETARG_JSONB_P(0));
	rewrite = argument(fcinfo, 3, arena, "rewrite");
	result = pulse_plan_rewrite(graph, argument(fcinfo, 1, arena, "state"),
								text_to_cstring(PG_GETARG_TEXT_PP(2)), rewrite,
								argument(fcinfo, 4, arena, "budget"), arena, &diag);
	if (result == NULL)
		throw_findings(&diag);
	answer = pulse_jsonb_write(result);
	pulse_arena_free(arena);
	PG_RETURN_JSONB_P(answer);
}
