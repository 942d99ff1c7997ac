/*
 * latency.c
 *		Submits runs one at a time, waits for each, and prints when what happened.
 *
 * Owns one connection and a clock.  One line a run: when submit was sent, when it had
 * returned, when wait had returned, in nanoseconds of CLOCK_MONOTONIC; a host on the
 * same machine reads the same clock.  Between two runs it pauses, so that each one finds
 * an engine with nothing to do.
 *
 *   latency WORKFLOW RUNS WARM_UP PAUSE_US [PRIORITY]
 *
 * The connection comes from the environment (PGHOST, PGPORT, ...).  The runs of the
 * warm-up, which come first, are not printed.  Exit status 1 at the first error.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libpq-fe.h"

static PGconn *conn;

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
fail(const char *what)
{
	fprintf(stderr, "latency: %s: %s", what, PQerrorMessage(conn));
	PQfinish(conn);
	exit(1);
}

static void
prepare(const char *name, const char *query)
{
	PGresult   *res = PQprepare(conn, name, query, 0, NULL);

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		fail(name);
	PQclear(res);
}

/* Runs a prepared statement that gives one row of one column. */
static PGresult *
execute(const char *name, int n, const char *const *values)
{
	PGresult   *res = PQexecPrepared(conn, name, n, values, NULL, NULL, 0);

	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
		fail(name);
	return res;
}

int
main(int argc, char **argv)
{
	const char *values[2];
	long		runs,
				warm_up,
				pause_us;

	if (argc < 5 || argc > 6)
	{
		fprintf(stderr, "usage: latency WORKFLOW RUNS WARM_UP PAUSE_US [PRIORITY]\n");
		return 2;
	}
	runs = strtol(argv[2], NULL, 10);
	warm_up = strtol(argv[3], NULL, 10);
	pause_us = strtol(argv[4], NULL, 10);
	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
		fail("connect");
	prepare("submit", "SELECT pulse.submit($1, '{\"i\": 1}', priority => $2::int)");
	prepare("wait", "SELECT status FROM pulse.wait($1::uuid, '30 s')");
	values[0] = argv[1];
	values[1] = argc > 5 ? argv[5] : "1";
	for (long i = -warm_up; i < runs; i++)
	{
		struct timespec pause = { pause_us / 1000000, pause_us % 1000000 * 1000 };
		PGresult   *run,
				   *status;
		const char *id;
		int64_t		sent,
					returned,
					ended;

		sent = now_ns();
		run = execute("submit", 2, values);
		returned = now_ns();
		id = PQgetvalue(run, 0, 0);
		status = execute("wait", 1, &id);
		ended = now_ns();
		if (strcmp(PQgetvalue(status, 0, 0), "completed") != 0)
		{
			fprintf(stderr, "latency: run %s: %s\n", id, PQgetvalue(status, 0, 0));
			PQfinish(conn);
			return 1;
		}
		if (i >= 0)
			printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", sent, returned, ended);
		PQclear(run);
		PQclear(status);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
	PQfinish(conn);
	return 0;
}
