/*
 * mux_probe.c
 *		Drives src/http from a script: the HTTP layer without a server around it.
 *
 * Linked with libcurl and nothing else, so that a call of the server's API from
 * src/http fails to link.  Reads one command a line from stdin, arguments separated by
 * tabs, and prints one line a result; see 020_http_mux.pl.
 *
 *	start name=... url=... [body=...] [timeout=ms] [connect=ms] [max=bytes]
 *		[fresh=1] [get=1] [loopback=0|1] [net=cidr] [ca=file] [repeat=n] [H=Name: value]
 *	wait			until everything has finished; prints each outcome
 *	run ms=...		the same, but for a limited time
 *	abort name=...	stops a transfer (all of that name)
 *	stats			prints the counters
 *	fds limit=n		lets at most n sockets be opened from now on
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http/mux.h"

#define MAX_RUNNING 20000

typedef struct Running
{
	char		name[64];
	PulseTransfer *transfer;
} Running;

static PulseMux *mux;
static Running running[MAX_RUNNING];
static int	n_running;
static int	fds_left = 1000000;
static int	fds_used;
static int64_t longest;

static const char *const transports[] = {
	"ok", "dns", "refused_address", "connect", "tls", "timeout", "broken", "protocol",
	"headers", "too_large", "local"
};

static bool
fd_acquire(void)
{
	if (fds_left <= 0)
		return false;
	fds_left--;
	fds_used++;
	return true;
}

static void
fd_release(void)
{
	fds_left++;
	fds_used--;
}

static int64_t
now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
note_duration(int64_t since)
{
	int64_t		d = now_usec() - since;

	if (d > longest)
		longest = d;
}

static void
print_text(const char *key, const char *s, size_t len)
{
	size_t		i;

	printf("\t%s=", key);
	for (i = 0; i < len && i < 300; i++)
	{
		if (s[i] == '\t' || s[i] == '\n' || s[i] == '\\' || (unsigned char) s[i] < ' ')
			printf("\\x%02x", (unsigned char) s[i]);
		else
			putchar(s[i]);
	}
}

static void
forget(Running *r)
{
	*r = running[--n_running];
}

static void
report_finished(void)
{
	PulseTransfer *t;

	while ((t = pulse_mux_take_finished(mux)) != NULL)
	{
		const PulseResponse *r = pulse_transfer_response(t);
		const char *owner = pulse_transfer_owner(t);
		const char *name = owner ? owner : "?";
		int			i;

		printf("done\tname=%s\ttransport=%s\tstatus=%d\tsent=%d\tsends=%d\tconnected=%d"
			   "\ttls_done=%d\ttruncated=%d\tbody_len=%zu\tt_total=%lld",
			   name, transports[r->transport], r->status, r->sent, r->sends, r->connected,
			   r->tls_done, r->body_truncated, r->body_len, (long long) r->t_total);
		if (r->content_type)
			print_text("type", r->content_type, strlen(r->content_type));
		if (r->retry_after)
			print_text("retry_after", r->retry_after, strlen(r->retry_after));
		if (r->location)
			print_text("location", r->location, strlen(r->location));
		if (r->action_version)
			print_text("version", r->action_version, strlen(r->action_version));
		print_text("error", r->error, strlen(r->error));
		print_text("address", r->address, strlen(r->address));
		print_text("body", r->body, r->body_len);
		putchar('\n');

		for (i = 0; i < n_running; i++)
		{
			if (running[i].transfer == t)
				forget(&running[i]);
		}
		free((char *) owner);
		pulse_mux_release(mux, t);
	}
}

/* Waits the way a worker does: one poll of one descriptor. */
static void
drive_until(int64_t deadline)
{
	PulseMuxStats stats;

	for (;;)
	{
		struct pollfd p = {pulse_mux_fd(mux), POLLIN, 0};
		int64_t		wait = pulse_mux_timeout_us(mux);
		int64_t		left = deadline - now_usec();
		int64_t		start;

		pulse_mux_stats(mux, &stats);
		if ((stats.active == 0 && stats.finished == 0) || left <= 0)
			break;
		if (wait < 0 || wait > left)
			wait = left;
		poll(&p, 1, (int) ((wait + 999) / 1000));
		start = now_usec();
		pulse_mux_drive(mux);
		note_duration(start);
		report_finished();
	}
	printf("end\tlongest=%lld\n", (long long) longest);
	fflush(stdout);
}

static void
command_start(char **args, int n)
{
	PulseHttpRequest request;
	PulseHeaders headers;
	PulseAddressPolicy policy;
	PulseCidr	nets[8];
	const char *name = "x";
	int			repeat = 1;
	int			i;

	memset(&request, 0, sizeof(request));
	memset(&policy, 0, sizeof(policy));
	pulse_headers_init(&headers);
	request.timeout_ms = 5000;
	request.url = "";
	request.policy = &policy;
	request.headers = &headers;
	policy.allow_loopback = true;
	policy.networks = nets;

	for (i = 0; i < n; i++)
	{
		char	   *value = strchr(args[i], '=');

		if (value == NULL)
			continue;
		*value++ = '\0';
		if (strcmp(args[i], "name") == 0)
			name = value;
		else if (strcmp(args[i], "url") == 0)
			request.url = value;
		else if (strcmp(args[i], "body") == 0)
		{
			request.body = value;
			request.body_len = strlen(value);
		}
		else if (strcmp(args[i], "timeout") == 0)
			request.timeout_ms = atol(value);
		else if (strcmp(args[i], "connect") == 0)
			request.connect_timeout_ms = atol(value);
		else if (strcmp(args[i], "max") == 0)
			request.max_body = strtoul(value, NULL, 10);
		else if (strcmp(args[i], "fresh") == 0)
			request.fresh = atoi(value) != 0;
		else if (strcmp(args[i], "get") == 0)
			request.get = atoi(value) != 0;
		else if (strcmp(args[i], "loopback") == 0)
			policy.allow_loopback = atoi(value) != 0;
		else if (strcmp(args[i], "net") == 0)
		{
			if (policy.n_networks < 8 && pulse_cidr_parse(value, &nets[policy.n_networks]))
				policy.n_networks++;
		}
		else if (strcmp(args[i], "ca") == 0)
			request.ca_file = value;
		else if (strcmp(args[i], "repeat") == 0)
			repeat = atoi(value);
		else if (strcmp(args[i], "H") == 0)
		{
			char	   *text = strchr(value, ':');

			if (text)
			{
				*text = '\0';
				pulse_headers_add(&headers, value, text + 2);
			}
		}
	}
	if (headers.why)
		printf("headers\terror=%s\n", headers.why);

	for (i = 0; i < repeat && n_running < MAX_RUNNING; i++)
	{
		Running    *r = &running[n_running];
		int64_t		start = now_usec();
		char	   *owner = strdup(name);

		request.owner = owner;
		snprintf(r->name, sizeof(r->name), "%s", name);
		r->transfer = pulse_mux_start(mux, &request);
		note_duration(start);
		if (r->transfer)
			n_running++;
		else
		{
			printf("nomemory\tname=%s\n", name);
			free(owner);
		}
	}
	pulse_headers_free(&headers);
}

static void
command_abort(const char *name)
{
	int64_t		start = now_usec();
	int			n = 0;
	int			i;

	for (i = 0; i < n_running;)
	{
		if (strcmp(running[i].name, name) == 0)
		{
			free(pulse_transfer_owner(running[i].transfer));
			pulse_mux_abort(mux, running[i].transfer);
			forget(&running[i]);
			n++;
		}
		else
			i++;
	}
	note_duration(start);
	printf("aborted\tn=%d\ttook=%lld\n", n, (long long) (now_usec() - start));
}

int
main(void)
{
	PulseMuxConfig config;
	const char *why;
	static char line[1 << 20];

	signal(SIGPIPE, SIG_IGN);
	memset(&config, 0, sizeof(config));
	config.fd_acquire = fd_acquire;
	config.fd_release = fd_release;
	if (getenv("PROBE_MAX_BUFFERED"))
		config.max_buffered = strtoul(getenv("PROBE_MAX_BUFFERED"), NULL, 10);
	mux = pulse_mux_create(&config, &why);
	if (mux == NULL)
	{
		printf("failed\terror=%s\n", why);
		return 1;
	}

	while (fgets(line, sizeof(line), stdin))
	{
		char	   *args[64];
		int			n = 0;
		char	   *p = line;

		line[strcspn(line, "\n")] = '\0';
		while (p && n < 64)
			args[n++] = strsep(&p, "\t");
		if (strcmp(args[0], "start") == 0)
			command_start(args + 1, n - 1);
		else if (strcmp(args[0], "wait") == 0)
			drive_until(now_usec() + INT64_C(120000000));
		else if (strcmp(args[0], "run") == 0 && n > 1)
			drive_until(now_usec() + atol(args[1] + 3) * 1000);
		else if (strcmp(args[0], "abort") == 0 && n > 1)
			command_abort(args[1] + 5);
		else if (strcmp(args[0], "fds") == 0 && n > 1)
			fds_left = atoi(args[1] + 6);
		else if (strcmp(args[0], "stats") == 0)
		{
			PulseMuxStats stats;

			pulse_mux_stats(mux, &stats);
			printf("stats\tactive=%d\tfinished=%d\tsockets=%d\tbuffered=%zu\tstarted=%llu"
				   "\tconnections=%llu\trebuilt=%llu\tfds=%d\n",
				   stats.active, stats.finished, stats.sockets, stats.buffered,
				   (unsigned long long) stats.started, (unsigned long long) stats.connections,
				   (unsigned long long) stats.rebuilt, fds_used);
		}
		fflush(stdout);
	}
	pulse_mux_destroy(mux);
	printf("bye\tfds=%d\n", fds_used);
	return 0;
}
