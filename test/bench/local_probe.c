/*
 * local_probe.c
 *		How many nodes a second a run in memory is worth, without a server.
 *
 *   local_probe GRAPH.json
 *
 * Runs the graph again and again for about a second, trace off, its result made each
 * time, and prints nodes a second.  The graph is read once.
 */
#include "postgres_fe.h"

#include <time.h>

#include "core/local.h"

static char content[16 * 1024 * 1024];

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseLocalOptions options;
	PulseLocal local = { .options = &options };
	PulseDiag diag;
	const PulseJson *document;
	PulseGraph *graph;
	double begun;
	int64 nodes = 0;
	size_t len;
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (file == NULL)
	{
		fprintf(stderr, "usage: local_probe GRAPH.json\n");
		return 2;
	}
	len = fread(content, 1, sizeof(content), file);
	fclose(file);
	pulse_diag_init(&diag, arena);
	document = pulse_json_parse(arena, content, len, &diag);
	graph = document == NULL ? NULL : pulse_graph_read(document, PULSE_GRAPH_DEFINE, &diag);
	if (graph == NULL)
	{
		fprintf(stderr, "local_probe: %s: %s\n", diag.items[0].path, diag.items[0].message);
		return 1;
	}
	pulse_local_options_defaults(&options);
	options.trace = false;
	local.graph = graph;
	begun = seconds();
	do
	{
		PulseLocalRun *run = pulse_local_run(&local);

		if (pulse_local_status(run) != PULSE_LOCAL_COMPLETED)
		{
			fprintf(stderr, "local_probe: the run did not complete\n");
			return 1;
		}
		(void) pulse_local_result(run);
		pulse_local_free(run);
		nodes += graph->n_nodes;
	} while (seconds() - begun < 1.0);
	printf("%.0f\n", (double) nodes / (seconds() - begun));
	return 0;
}
