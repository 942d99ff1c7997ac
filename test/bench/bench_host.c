/*
 * bench_host.c
 *		A host for benchmarks: answers every POST with 200 and a little JSON.
 *
 * Owns sockets and nothing else: it checks no signature and keeps no ledger, so that
 * what is measured is the caller.  One process, one thread, one epoll set.  What tests
 * correctness is test/host.
 *
 *   bench_host [--port N] [--port-file FILE]
 *
 * It listens on 127.0.0.1 and speaks HTTP/1.1 with connections kept alive; a body needs
 * a Content-Length.  What a request gets depends on its path:
 *
 *   /d200/...    the answer after 200 milliseconds (any number up to 100000)
 *   /s/...       the moment of its first byte is remembered
 *   GET /stamps  the moments remembered since the last GET, one a line, in nanoseconds of
 *                CLOCK_MONOTONIC, in order of arrival
 *   GET /count   answers so far
 *   else         the answer at once
 *
 * A Connection lives from accept() to the close of either side.  A request is answered
 * before the next one of its connection is read.  Delays are kept in a timer wheel
 * of one slot per millisecond; a connection in it is watched for its end only.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_SIZE		16384	/* a request head must fit */
#define MAX_EVENTS		512
#define WHEEL_SLOTS		1024	/* a power of two; longer delays go round */
#define MAX_DELAY		100000

typedef struct Connection
{
	int			fd;
	bool		sleeping;		/* in the wheel */
	bool		starting;		/* the next byte is the first of a request */
	int64_t		first_byte;		/* when that came, nanoseconds */
	int64_t		body_left;		/* bytes of a body still to be skipped, or -1 */
	int64_t		due;			/* tick at which a delayed answer goes out */
	struct Connection *next,	/* neighbours in a slot of the wheel */
			  **link;
	int			delay;			/* what the request asked for */
	bool		is_get;
	bool		stamped;
	char		path[64];
	int			used;
	char		buffer[BUFFER_SIZE];
} Connection;

static const char answer[] =
	"HTTP/1.1 200 OK\r\n"
	"Content-Type: application/json\r\n"
	"Content-Length: 11\r\n"
	"\r\n"
	"{\"ok\":true}";

static int	epoll_fd;
static int	listen_fd;
static Connection *wheel[WHEEL_SLOTS];
static int	n_sleeping;
static int64_t wheel_now;		/* last tick that has been served */
static int64_t n_answers;
static int64_t *stamps;
static int	n_stamps;
static int	max_stamps;

static void
die(const char *what)
{
	fprintf(stderr, "bench_host: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
watch(Connection *c, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = c };

	if (epoll_ctl(epoll_fd, op, c->fd, &event) != 0)
		die("epoll_ctl");
}

static void
wheel_remove(Connection *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->sleeping = false;
	n_sleeping--;
}

static void
wheel_add(Connection *c, int delay)
{
	Connection **slot;

	if (n_sleeping++ == 0)
		wheel_now = now_ns() / 1000000;
	c->due = now_ns() / 1000000 + delay + 1;	/* never early */
	slot = &wheel[c->due & (WHEEL_SLOTS - 1)];
	c->next = *slot;
	if (c->next)
		c->next->link = &c->next;
	c->link = slot;
	*slot = c;
	c->sleeping = true;
}

static void
hang_up(Connection *c)
{
	if (c->sleeping)
		wheel_remove(c);
	close(c->fd);
	free(c);
}

/* False if the connection is gone.  A peer that does not read its answers is hung up on. */
static bool
send_all(Connection *c, const char *data, size_t size)
{
	ssize_t		sent = send(c->fd, data, size, MSG_NOSIGNAL);

	if (sent == (ssize_t) size)
		return true;
	hang_up(c);
	return false;
}

/* A report is longer than a socket's buffer may be, so this one waits. */
static bool
send_report(Connection *c)
{
	char		head[128];
	char	   *body = malloc(32 + (size_t) n_stamps * 24);
	size_t		size = 0;
	bool		ok;

	if (body == NULL)
		die("stamps");
	if (strcmp(c->path, "/stamps") == 0)
	{
		for (int i = 0; i < n_stamps; i++)
			size += (size_t) snprintf(body + size, 24, "%lld\n", (long long) stamps[i]);
		n_stamps = 0;
	}
	else
		size = (size_t) snprintf(body, 24, "%lld\n", (long long) n_answers);
	snprintf(head, sizeof(head),
			 "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", size);
	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
	ok = send_all(c, head, strlen(head)) && send_all(c, body, size);
	free(body);
	if (ok)
		fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) | O_NONBLOCK);
	return ok;
}

static bool
respond(Connection *c)
{
	if (c->is_get)
		return send_report(c);
	n_answers++;
	return send_all(c, answer, sizeof(answer) - 1);
}

static void
remember(int64_t moment)
{
	if (n_stamps == max_stamps)
	{
		max_stamps = max_stamps ? max_stamps * 2 : 4096;
		stamps = realloc(stamps, sizeof(int64_t) * (size_t) max_stamps);
		if (stamps == NULL)
			die("stamps");
	}
	stamps[n_stamps++] = moment;
}

/* Reads the request line and the one header that matters; false for what is not HTTP. */
static bool
read_head(Connection *c, const char *head, const char *end)
{
	const char *line;
	const char *path = memchr(head, ' ', (size_t) (end - head));
	const char *path_end = path ? memchr(path + 1, ' ', (size_t) (end - path - 1)) : NULL;
	size_t		size;

	if (path_end == NULL)
		return false;
	c->is_get = memcmp(head, "GET ", 4) == 0;
	size = (size_t) (path_end - path - 1);
	if (size >= sizeof(c->path))
		size = sizeof(c->path) - 1;
	memcpy(c->path, path + 1, size);
	c->path[size] = '\0';
	c->delay = 0;
	if (c->path[0] == '/' && c->path[1] == 'd')
	{
		long		delay = strtol(c->path + 2, NULL, 10);

		if (delay > 0 && delay <= MAX_DELAY)
			c->delay = (int) delay;
	}
	c->stamped = strncmp(c->path, "/s/", 3) == 0;

	c->body_left = 0;
	for (line = head; (line = memchr(line, '\n', (size_t) (end - line))) != NULL && ++line < end;)
	{
		if (end - line > 15 && strncasecmp(line, "content-length:", 15) == 0)
			c->body_left = strtoll(line + 15, NULL, 10);
		else if (end - line > 18 && strncasecmp(line, "transfer-encoding:", 18) == 0)
			return false;
	}
	return c->body_left >= 0;
}

/*
 * Takes up what is in the buffer: answers requests that are complete, or begins a delay.
 * The connection may be gone afterwards.
 */
static void
take_up(Connection *c)
{
	int			at = 0;

	while (at < c->used && !c->sleeping)
	{
		if (c->body_left < 0)
		{
			char	   *head = c->buffer + at;
			char	   *end;

			if (c->starting)
			{
				c->first_byte = now_ns();
				c->starting = false;
			}
			end = memmem(head, (size_t) (c->used - at), "\r\n\r\n", 4);
			if (end == NULL)
				break;
			if (!read_head(c, head, end))
			{
				hang_up(c);
				return;
			}
			at = (int) (end + 4 - c->buffer);
		}
		if (c->body_left > c->used - at)
		{
			c->body_left -= c->used - at;
			at = c->used;
			break;
		}
		at += (int) c->body_left;
		c->body_left = -1;
		c->starting = true;
		if (c->stamped)
			remember(c->first_byte);
		if (c->delay > 0)
		{
			wheel_add(c, c->delay);
			watch(c, EPOLL_CTL_MOD, EPOLLRDHUP);
		}
		else if (!respond(c))
			return;
	}
	memmove(c->buffer, c->buffer + at, (size_t) (c->used - at));
	c->used -= at;
}

static void
serve(Connection *c, uint32_t events)
{
	ssize_t		n;

	if (c->sleeping)
	{
		hang_up(c);				/* it is watched for nothing else */
		return;
	}
	n = recv(c->fd, c->buffer + c->used, (size_t) (BUFFER_SIZE - c->used), 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR) && !(events & (EPOLLERR | EPOLLHUP)))
		return;
	if (n <= 0)
	{
		hang_up(c);				/* also if a head does not fit */
		return;
	}
	c->used += (int) n;
	take_up(c);
}

/* Answers what is due.  Each connection woken may have its next request buffered. */
static void
turn_wheel(void)
{
	int64_t		now = now_ns() / 1000000;

	if (now - wheel_now > WHEEL_SLOTS)
		wheel_now = now - WHEEL_SLOTS;
	while (n_sleeping > 0 && wheel_now < now)
	{
		Connection *c,
				   *next;

		wheel_now++;
		for (c = wheel[wheel_now & (WHEEL_SLOTS - 1)]; c; c = next)
		{
			next = c->next;
			if (c->due > now)
				continue;		/* a later round */
			wheel_remove(c);
			if (!respond(c))
				continue;
			watch(c, EPOLL_CTL_MOD, EPOLLIN);
			take_up(c);
		}
	}
}

static void
accept_all(void)
{
	int			one = 1;
	int			fd;

	while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
	{
		Connection *c = calloc(1, sizeof(Connection));

		if (c == NULL)
			die("connection");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		c->fd = fd;
		c->starting = true;
		c->body_left = -1;
		watch(c, EPOLL_CTL_ADD, EPOLLIN);
	}
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		die("accept");
}

static void
write_port(int port, const char *file)
{
	char		draft[PATH_MAX];
	FILE	   *f;

	/* whoever waits for the file never sees half of it */
	snprintf(draft, sizeof(draft), "%s.new", file);
	f = fopen(draft, "w");
	if (f == NULL || fprintf(f, "%d\n", port) < 0 || fclose(f) != 0 || rename(draft, file) != 0)
		die(file);
}

/* Returns the port that it listens on. */
static int
start_listening(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t	length = sizeof(address);
	struct epoll_event event = { .events = EPOLLIN };
	int			one = 1;

	listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listen_fd < 0)
		die("socket");
	setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t) port);
	if (bind(listen_fd, (struct sockaddr *) &address, length) != 0 ||
		listen(listen_fd, 4096) != 0 ||
		getsockname(listen_fd, (struct sockaddr *) &address, &length) != 0)
		die("listen");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0)
		die("epoll");
	return ntohs(address.sin_port);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[MAX_EVENTS];
	struct rlimit files;
	const char *port_file = NULL;
	int			port = 0;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--port") == 0 && i + 1 < argc)
			port = (int) strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--port-file") == 0 && i + 1 < argc)
			port_file = argv[++i];
		else
		{
			fprintf(stderr, "usage: bench_host [--port N] [--port-file FILE]\n");
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
	{
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	port = start_listening(port);
	if (port_file)
		write_port(port, port_file);
	else
	{
		printf("%d\n", port);
		fflush(stdout);
	}
	for (;;)
	{
		int			n = epoll_wait(epoll_fd, events, MAX_EVENTS, n_sleeping > 0 ? 1 : -1);

		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
		{
			if (events[i].data.ptr == NULL)
				accept_all();
			else
				serve(events[i].data.ptr, events[i].events);
		}
		turn_wheel();
	}
}
