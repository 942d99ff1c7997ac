/*
 * mux_faults.c
 *		Preloaded below mux_probe: faults of the machine and of libcurl, by environment.
 *
 *	SLOW_RESOLVER_MS=n	every name takes n ms to resolve, and then does not exist; tells on
 *						stderr whether the resolving thread could run signal handlers
 *	EPOLL_FAIL=n		the n-th change of an epoll set fails, and all after it
 *	MULTI_FAIL=n		the n-th curl_multi_socket_action reports an internal error
 *	MALLOC_FAIL=n		every n-th allocation fails, once MALLOC_FAIL_AFTER have been made; not
 *						while libraries initialise: releases of OpenSSL 3 hang then
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#undef curl_multi_socket_action

static int	initialising;

static long
setting(const char *name)
{
	const char *value = getenv(name);

	return value ? atol(value) : 0;
}

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res)
{
	long		ms = setting("SLOW_RESOLVER_MS");
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
	sigset_t	set;

	if (ms == 0)
	{
		int			(*real) (const char *, const char *, const struct addrinfo *,
							 struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

		return real(node, service, hints, res);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	fprintf(stderr, "resolver: TERM %s USR1 %s ALRM %s\n",
			sigismember(&set, SIGTERM) ? "blocked" : "open",
			sigismember(&set, SIGUSR1) ? "blocked" : "open",
			sigismember(&set, SIGALRM) ? "blocked" : "open");
	nanosleep(&ts, NULL);
	return EAI_NONAME;
}

int
epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	static int	(*real) (int, int, int, struct epoll_event *);
	static long calls;
	long		fail = setting("EPOLL_FAIL");

	if (real == NULL)
		real = dlsym(RTLD_NEXT, "epoll_ctl");
	if (fail > 0 && op != EPOLL_CTL_DEL && ++calls >= fail)
	{
		errno = ENOMEM;
		return -1;
	}
	return real(epfd, op, fd, event);
}

CURLcode
curl_global_init(long flags)
{
	CURLcode	(*real) (long) = dlsym(RTLD_NEXT, "curl_global_init");
	CURLcode	result;

	initialising++;
	result = real(flags);
	initialising--;
	return result;
}

CURLMcode
curl_multi_socket_action(CURLM *multi, curl_socket_t s, int bits, int *running)
{
	static CURLMcode (*real) (CURLM *, curl_socket_t, int, int *);
	static long calls;
	long		fail = setting("MULTI_FAIL");

	if (real == NULL)
		real = dlsym(RTLD_NEXT, "curl_multi_socket_action");
	if (fail > 0 && ++calls == fail)
		return CURLM_INTERNAL_ERROR;
	return real(multi, s, bits, running);
}

#ifndef __SANITIZE_ADDRESS__
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static int
starved(void)
{
	static long every = -1;
	static long after;
	static long calls;
	long		n;

	if (every < 0)
	{
		every = setting("MALLOC_FAIL");
		after = setting("MALLOC_FAIL_AFTER");
	}
	if (every == 0 || initialising)
		return 0;
	n = __sync_add_and_fetch(&calls, 1);
	return n > after && (n - after) % every == 0;
}

void *
malloc(size_t size)
{
	return starved() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return starved() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	return starved() ? NULL : __libc_realloc(p, size);
}
#endif
