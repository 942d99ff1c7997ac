/*
 * local.c
 *		Runs in memory, asked for by SQL.
 *
 * Owns the reading of the arguments only; the kernel runs the graph.  Nothing is
 * read from or written to a table but the rights of the caller, no worker is asked, and
 * everything made is gone when the function returns.
 */
#include "postgres.h"

#include "core/local.h"

#include "api/api.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "store/jsonb.h"

/* What a run may hold in memory, looked at between activations. */
#define MEMORY_MAX ((Size) 256 * 1024 * 1024)

PG_FUNCTION_INFO_V1(pulse_sql_run_local);

/* Throws if bindings, signals or options are not valid. */
static void
check_findings(const PulseDiag *diag)
{
	if (diag->n_errors == 0)
		return;
	for (int i = 0; i < diag->n; i++)
	{
		const PulseFinding *f = &diag->items[i];

		if (f->severity != PULSE_SEV_ERROR)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument of a run in memory is not valid: %s", f->message),
				 errdetail("At %s (%s).", f->path, f->code),
				 f->hint ? errhint("%s", f->hint) : 0));
	}
}

/* The run is in this context and below it. */
static MemoryContext run_context;

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (MemoryContextMemAllocated(run_context, true) > MEMORY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("run in memory is too large"),
				 errdetail("It may take %d MB.", (int) (MEMORY_MAX / (1024 * 1024))),
				 errhint("Use pulse-run, or a durable run, for a graph with so much data.")));
}

static const PulseJson *
argument(FunctionCallInfo fcinfo, int n, PulseArena *arena, const char *what)
{
	return PG_ARGISNULL(n) ? NULL : pulse_check_payload(arena, PG_GETARG_JSONB_P(n), what);
}

Datum
pulse_sql_run_local(PG_FUNCTION_ARGS)
{
	PulseLocal	local = {0};
	PulseLocalSignals signals;
	PulseLocalOptions options;
	PulseLocalRun *run;
	PulseGraph *graph;
	PulseArena *arena;
	PulseDiag	diag;
	Jsonb	   *result;

	pulse_api_begin();
	pulse_access_require_some(PULSE_LEVEL_READ, "run a graph in memory");
	arena = pulse_arena_create(0);
	pulse_diag_init(&diag, arena);
	pulse_local_options_defaults(&options);
	options.max_output_bytes = pulse_guc_max_output_bytes;

	graph = pulse_api_read_graph(arena, pulse_arg_jsonb(fcinfo, 0, "graph"), NULL);
	local.graph = graph;
	local.input = argument(fcinfo, 1, arena, "input");
	local.bindings = pulse_local_bindings_read(arena, argument(fcinfo, 2, arena, "bindings"),
											   "$bindings", &diag);
	(void) pulse_local_signals_read(arena, argument(fcinfo, 3, arena, "signals"),
									"$signals", &signals, &diag);
	(void) pulse_local_options_read(argument(fcinfo, 4, arena, "options"), "$options",
									&options, &diag);
	check_findings(&diag);
	local.signals = &signals;
	local.options = &options;
	local.interrupt = check_interrupts;
	run_context = CurrentMemoryContext;

	run = pulse_local_run(&local);
	result = pulse_jsonb_write(pulse_local_result(run));
	pulse_local_free(run);
	pulse_local_options_free(&options);
	pulse_graph_free(graph);
	pulse_arena_free(arena);
	PG_RETURN_JSONB_P(result);
}
