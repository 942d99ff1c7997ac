/*
 * run_job.c
 *		Commands that answer actions: processes of pulse-run.
 *
 * Owns processes, pipes and signals; what an answer means is not its business.  Signal
 * handlers only note the signal and write a byte into a pipe, which poll() watches.
 * A job lives from pulse_job_start to pulse_job_free.
 */
#include "postgres_fe.h"

#include "cli/run_job.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GRACE_USEC INT64CONST(1000000)
#define CHUNK 65536

extern char **environ;

static volatile sig_atomic_t asked_to_end = 0;
static int	wake_pipe[2] = {-1, -1};
static PulseJob *jobs = NULL;

static int64
now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
on_signal(int signo)
{
	int			saved = errno;

	if (signo != SIGCHLD)
		asked_to_end = signo;
	if (write(wake_pipe[1], "", 1) < 0)
	{
		/* full: it will wake up anyway */
	}
	errno = saved;
}

static bool
open_pipe(int fds[2])
{
	if (pipe(fds) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		(void) fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	return true;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool
pulse_jobs_init(const char **why)
{
	struct sigaction action;
	int			fd;

	/* so that no pipe gets the number of a standard stream */
	do
	{
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd < 0 || !open_pipe(wake_pipe))
	{
		*why = strerror(errno);
		return false;
	}
	close(fd);
	for (int i = 0; i < 2; i++)
		(void) fcntl(wake_pipe[i], F_SETFL, O_NONBLOCK);

	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	sigaction(SIGCHLD, &action, NULL);
	/* a second one ends us at once, wherever we are */
	action.sa_flags = SA_RESTART | SA_RESETHAND;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	action.sa_handler = SIG_IGN;
	action.sa_flags = 0;
	sigaction(SIGPIPE, &action, NULL);
	return true;
}

int
pulse_jobs_interrupted(void)
{
	return asked_to_end;
}

/*
 * ---------------------------------------------------------------------
 * Beginning
 * ---------------------------------------------------------------------
 */

/* /bin/sh -c command with these ends of pipes; 0 or an error number. */
static int
spawn(const char *command, int in, int out, pid_t *pid)
{
	char	   *argv[] = {"sh", "-c", unconstify(char *, command), NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t	set;
	int			error;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);

	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP |
							 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attributes, 0);
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	posix_spawnattr_setsigdefault(&attributes, &set);

	error = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return error;
}

PulseJob *
pulse_job_start(const char *command, const char *text, size_t len, int64 timeout,
				const char **why)
{
	int			in[2] = {-1, -1};
	int			out[2] = {-1, -1};
	PulseJob   *job;
	pid_t		pid;
	int			error = 0;

	if (!open_pipe(in) || !open_pipe(out))
		error = errno;
	if (error == 0)
		error = spawn(command, in[0], out[1], &pid);
	close_fd(&in[0]);
	close_fd(&out[1]);
	if (error != 0)
	{
		close_fd(&in[1]);
		close_fd(&out[0]);
		*why = strerror(error);
		return NULL;
	}
	(void) fcntl(in[1], F_SETFL, O_NONBLOCK);
	(void) fcntl(out[0], F_SETFL, O_NONBLOCK);

	job = pg_malloc0(sizeof(*job));
	job->pid = pid;
	job->in = in[1];
	job->out = out[0];
	job->text = text;
	job->text_len = len;
	job->deadline = timeout > 0 ? now_usec() + timeout : 0;
	initStringInfo(&job->output);
	job->next = jobs;
	jobs = job;
	return job;
}

/*
 * ---------------------------------------------------------------------
 * Serving
 * ---------------------------------------------------------------------
 */

static void
send_input(PulseJob *job)
{
	ssize_t		n = 0;

	if (job->text_sent < job->text_len)
		n = write(job->in, job->text + job->text_sent, job->text_len - job->text_sent);
	if (n > 0)
		job->text_sent += (size_t) n;
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;

	/* all sent, or nobody reads it: commands need not */
	if (n < 0 || job->text_sent == job->text_len)
		close_fd(&job->in);
}

/* Reads what is there; true at its end. */
static bool
take_output(PulseJob *job)
{
	for (;;)
	{
		char		chunk[CHUNK];
		ssize_t		n = read(job->out, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (n <= 0)
			return true;
		if (job->output.len + n > PULSE_JOB_MAX_OUTPUT)
		{
			job->too_large = true;
			kill(-job->pid, SIGKILL);
			return true;
		}
		appendBinaryStringInfo(&job->output, chunk, (int) n);
	}
}

/* Has the shell ended? What it has started in the background is not waited for. */
static void
reap(PulseJob *job)
{
	siginfo_t	info;

	memset(&info, 0, sizeof(info));
	if (waitid(P_PID, (id_t) job->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
		info.si_pid == 0)
		return;

	/* of one that was to be stopped nothing stays behind */
	if (job->timed_out)
		kill(-job->pid, SIGKILL);
	while (waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR)
		continue;
	if (job->out >= 0 && !job->too_large)
		(void) take_output(job);
	job->pid = 0;
	close_fd(&job->in);
	close_fd(&job->out);
}

static void
kill_late(PulseJob *job, int64 now)
{
	if (job->pid == 0 || job->deadline == 0 || now < job->deadline)
		return;
	/* politely once, then by force */
	kill(-job->pid, job->timed_out ? SIGKILL : SIGTERM);
	job->deadline = job->timed_out ? 0 : now + GRACE_USEC;
	job->timed_out = true;
}

/* Milliseconds until the next deadline of a job or `until`; -1: none. */
static int
patience(int64 now, int64 until)
{
	int64		next = until;

	for (PulseJob *job = jobs; job != NULL; job = job->next)
	{
		if (job->pid != 0 && job->deadline != 0 && (next == 0 || job->deadline < next))
			next = job->deadline;
	}
	if (next == 0)
		return -1;
	return (int) Min(Max((next - now + 999) / 1000, 0), 60000);
}

/* Waits for something to happen, but not beyond `until` (0: however long), and serves it. */
static void
serve(int64 until)
{
	static struct pollfd *fds = NULL;
	static int	cap = 0;
	char		drained[256];
	int			n = 1;
	int			i = 1;

	for (PulseJob *job = jobs; job != NULL; job = job->next)
		n += 2;
	if (n > cap)
	{
		pg_free(fds);
		fds = pg_malloc(sizeof(*fds) * (size_t) n);
		cap = n;
	}
	fds[0] = (struct pollfd) {wake_pipe[0], POLLIN, 0};
	for (PulseJob *job = jobs; job != NULL; job = job->next)
	{
		fds[i++] = (struct pollfd) {job->in, POLLOUT, 0};
		fds[i++] = (struct pollfd) {job->out, POLLIN, 0};
	}
	if (poll(fds, (nfds_t) n, patience(now_usec(), until)) < 0)
	{
		for (i = 0; i < n; i++)
			fds[i].revents = 0;
	}
	while (read(wake_pipe[0], drained, sizeof(drained)) > 0)
		continue;

	i = 1;
	for (PulseJob *job = jobs; job != NULL; job = job->next)
	{
		if (fds[i++].revents != 0)
			send_input(job);
		if (fds[i++].revents != 0 && take_output(job))
			close_fd(&job->out);
		if (job->pid != 0)
			reap(job);
		kill_late(job, now_usec());
	}
}

static int
count_running(void)
{
	int			n = 0;

	for (PulseJob *job = jobs; job != NULL; job = job->next)
		n += job->pid != 0;
	return n;
}

bool
pulse_jobs_wait(void)
{
	int			before = count_running();

	while (!asked_to_end && before > 0 && count_running() == before)
		serve(0);
	return !asked_to_end;
}

/*
 * ---------------------------------------------------------------------
 * Ending
 * ---------------------------------------------------------------------
 */

static void
stop_all(int signo)
{
	for (PulseJob *job = jobs; job != NULL; job = job->next)
	{
		job->deadline = 0;
		job->timed_out = true;
		if (job->pid != 0)
			kill(-job->pid, signo);
	}
}

void
pulse_jobs_stop(void)
{
	int64		until = now_usec() + GRACE_USEC;

	if (count_running() == 0)
		return;
	stop_all(SIGTERM);
	while (count_running() > 0 && now_usec() < until)
		serve(until);
	stop_all(SIGKILL);
	while (count_running() > 0)
		serve(0);
}

void
pulse_job_free(PulseJob *job)
{
	PulseJob  **link = &jobs;

	if (job->pid != 0)
	{
		kill(-job->pid, SIGTERM);
		job->deadline = now_usec() + GRACE_USEC;
		job->timed_out = true;
		while (job->pid != 0)
			serve(0);
	}
	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	pfree(job->output.data);
	pg_free(job);
}
