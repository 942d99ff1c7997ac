/*
 * slow_resolver.c
 *		Preloaded: every name takes SLOW_RESOLVER_MS to resolve, and then does not exist.
 *
 * Tells on stderr whether the thread that resolves could run signal handlers.
 */
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **res)
{
	const char *ms = getenv("SLOW_RESOLVER_MS");
	long		n = ms ? atol(ms) : 1000;
	struct timespec ts = {n / 1000, n % 1000 * 1000000};
	sigset_t	set;

	(void) node;
	(void) service;
	(void) hints;
	(void) res;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	fprintf(stderr, "resolver: TERM %s USR1 %s ALRM %s\n",
			sigismember(&set, SIGTERM) ? "blocked" : "open",
			sigismember(&set, SIGUSR1) ? "blocked" : "open",
			sigismember(&set, SIGALRM) ? "blocked" : "open");
	nanosleep(&ts, NULL);
	return EAI_NONAME;
}
