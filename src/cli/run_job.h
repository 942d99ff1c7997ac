/*
 * run_job.h
 *		Commands that answer actions: processes of pulse-run.
 *
 * A job is `/bin/sh -c command` in a process group of its own, with a text on its
 * standard input; what it writes to its standard output is kept, its standard error is
 * ours.  Some may run at once.  All waiting is done here, and ends by itself when
 * SIGINT or SIGTERM arrives.
 */
#ifndef PULSE_CLI_RUN_JOB_H
#define PULSE_CLI_RUN_JOB_H

#include "lib/stringinfo.h"

/* The most a command may write. */
#define PULSE_JOB_MAX_OUTPUT (64 * 1024 * 1024)

typedef struct PulseJob
{
	pid_t		pid;			/* and process group; 0: has ended */
	int			in;				/* our end of its standard input, or -1 */
	int			out;			/* of its standard output, or -1 */
	const char *text;			/* for its standard input */
	size_t		text_len;
	size_t		text_sent;
	StringInfoData output;
	int64		deadline;		/* monotonic usec; 0: none */
	bool		timed_out;
	bool		too_large;
	int			status;			/* as of waitpid, once it has ended */
	struct PulseJob *next;
} PulseJob;

/* Takes over SIGINT, SIGTERM, SIGCHLD and SIGPIPE. Call once, first. False: *why says why not. */
extern bool pulse_jobs_init(const char **why);

/*
 * Starts one. timeout is in usec, 0: none. text must live until the job is freed. NULL:
 * *why says why not.
 */
extern PulseJob *pulse_job_start(const char *command, const char *text, size_t len,
								 int64 timeout, const char **why);

/*
 * Serves all jobs until one more of them has ended (pid is 0); false: a signal came
 * first. A job whose time is over is stopped, with its whole process group.
 */
extern bool pulse_jobs_wait(void);

/* Stops it if it still runs, and frees it. */
extern void pulse_job_free(PulseJob *job);

/* Stops all that still run: politely, after a second by force. */
extern void pulse_jobs_stop(void);

/* The signal that asked us to end, or 0. */
extern int	pulse_jobs_interrupted(void);

#endif
