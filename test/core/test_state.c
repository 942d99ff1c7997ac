/*
 * test_state.c
 *		The bookkeeping of a run's state: many signals.
 */
#include "postgres_fe.h"

#include "common/pg_prng.h"

#include "core/state.h"
#include "tap.h"

#define MANY 5000
#define SEED 7

/* Signals come in any order of arrival, each several times. */
static void
many_signals(void)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseDiag	findings;
	const char *text = "{\"nodes\": {\"s\": {\"signal\": \"go\"}}}";
	PulseGraph *graph;
	PulseRunState *run;
	pg_prng_state prng;
	bool		in_order = true;
	bool		each_once = true;
	bool	   *seen = pulse_arena_zalloc(arena, MANY);

	pulse_diag_init(&findings, arena);
	graph = pulse_graph_read(pulse_json_parse(arena, text, strlen(text), &findings), PULSE_GRAPH_DEFINE,
							 &findings);
	run = pulse_state_create(graph);
	pg_prng_seed(&prng, SEED);
	for (int i = 0; i < 4 * MANY; i++)
	{
		int			which = i < MANY ? i : (int) pg_prng_uint64_range(&prng, 0, MANY - 1);
		char		id[32];

		/* neighbours change places now and then */
		if (i < MANY && i % 10 < 2)
			which = i ^ 1;
		snprintf(id, sizeof(id), "signal-%d", which);
		pulse_state_add_signal(run, which + 1, id, "go", pulse_json_int(arena, which));
	}
	ok(run->n_signals == MANY, "each signal is there once, however often it came");
	for (int i = 0; i < run->n_signals; i++)
	{
		int			n = atoi(run->signals[i].id + strlen("signal-"));

		in_order &= run->signals[i].seq == i + 1;
		each_once &= !seen[n];
		seen[n] = true;
	}
	ok(in_order, "they are in order of arrival");
	ok(each_once, "and each id is there once");
	pulse_state_free(run);
	pulse_graph_free(graph);
	pulse_arena_free(arena);
}

int
main(void)
{
	printf("# seed %d\n", SEED);
	many_signals();
	return tap_done();
}
