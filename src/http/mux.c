/*
 * mux.c
 *		All HTTP exchanges of one process, on one curl multi handle.
 *
 * Owns the multi handle, an epoll descriptor with curl's sockets in it, and
 * every transfer from start to release, all by plain malloc: resolver threads
 * allocate too, and transfers outlive the transactions of their owner.  A mux
 * lives as long as its process; the kernel closes its sockets.
 *
 * Must not wait, throw, or know the server.  What a finished exchange
 * means is none of its business (core/answer.c).
 *
 * HTTP/1.1 only: a call is one request, and whether a byte of it left must be
 * known for certain, which shared connections make harder and slower to tell.
 */
#include "http/mux_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#if LIBCURL_VERSION_NUM < 0x075801
#error "libcurl 7.88.1 or later is needed"
#endif

#define EVENTS_PER_ROUND	64
#define ROUNDS_MAX			32
#define DEFAULT_IDLE		64
#define OVERDUE_AFTER		2000000 /* usec beyond a transfer's own timeout */

static int64_t
now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void
signals_block(PulseMux *mux, sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, &mux->block, old);
}

static void
signals_restore(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static void
list_add(TransferList *list, PulseTransfer *t)
{
	t->prev = list->last;
	t->next = NULL;
	if (list->last)
		list->last->next = t;
	else
		list->first = t;
	list->last = t;
	list->n++;
}

static void
list_remove(TransferList *list, PulseTransfer *t)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		list->first = t->next;
	if (t->next)
		t->next->prev = t->prev;
	else
		list->last = t->prev;
	t->prev = t->next = NULL;
	list->n--;
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	PulseMux   *mux = arg;

	(void) multi;
	mux->deadline = timeout_ms < 0 ? -1 : now_usec() + (int64_t) timeout_ms * 1000;
	return 0;
}

static void
watch_free(PulseMux *mux, Watch *watch)
{
	if (watch->prev)
		watch->prev->next = watch->next;
	else
		mux->watches = watch->next;
	if (watch->next)
		watch->next->prev = watch->prev;
	free(watch);
}

/* Marks the transfer behind an easy handle; what on_socket returns. */
static int
doom(PulseMux *mux, CURL *easy)
{
	PulseTransfer *t = NULL;

	if (easy == NULL || curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t) != CURLE_OK || t == NULL)
		return -1;
	if (!t->doomed)
		mux->n_doomed++;
	t->doomed = true;
	return 0;
}

/*
 * Keeps the epoll set as curl wants it.  Returning an error from here would end
 * every transfer of the multi handle, so one that cannot be watched is marked,
 * and ended later on its own.
 */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *mark)
{
	PulseMux   *mux = arg;
	Watch	   *watch = mark;
	struct epoll_event event;
	int			rc;

	memset(&event, 0, sizeof(event));
	event.data.fd = fd;
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(mux->epoll_fd, EPOLL_CTL_DEL, fd, &event);
		if (watch)
			watch_free(mux, watch);
		return 0;
	}

	if (what & CURL_POLL_IN)
		event.events |= EPOLLIN;
	if (what & CURL_POLL_OUT)
		event.events |= EPOLLOUT;

	if (watch == NULL)
	{
		watch = calloc(1, sizeof(Watch));
		if (watch == NULL)
			return doom(mux, easy);
		watch->fd = fd;
		watch->next = mux->watches;
		if (watch->next)
			watch->next->prev = watch;
		mux->watches = watch;
		if (curl_multi_assign(mux->multi, fd, watch) != CURLM_OK)
		{
			watch_free(mux, watch);
			return doom(mux, easy);
		}
	}

	/* A number may have been closed and reused without our being told. */
	rc = epoll_ctl(mux->epoll_fd, EPOLL_CTL_MOD, fd, &event);
	if (rc < 0 && errno == ENOENT)
		rc = epoll_ctl(mux->epoll_fd, EPOLL_CTL_ADD, fd, &event);
	if (rc == 0)
		return 0;
	return doom(mux, easy);
}

/* ---- setting up ---- */

/* Everything about the multi handle; false without memory. */
static bool
multi_open(PulseMux *mux)
{
	CURLM	   *multi = curl_multi_init();
	long		idle = mux->config.max_idle > 0 ? mux->config.max_idle : DEFAULT_IDLE;

	if (multi == NULL)
		return false;
	if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, mux) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_TIMERDATA, mux) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long) CURLPIPE_NOTHING) != CURLM_OK ||
		curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, idle) != CURLM_OK)
	{
		curl_multi_cleanup(multi);
		return false;
	}
#ifdef CURLMOPT_QUICK_EXIT
	curl_multi_setopt(multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
	mux->multi = multi;
	mux->deadline = -1;
	mux->overdue_at = -1;
	return true;
}

static const char *
library_check(void)
{
	static bool done = false;
	const curl_version_info_data *info;

	if (!done)
	{
		if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
			return "libcurl could not be initialized";
		done = true;
	}
	info = curl_version_info(CURLVERSION_NOW);
	if (info->version_num < 0x075801)
		return "libcurl is older than 7.88.1";
	if (!(info->features & CURL_VERSION_ASYNCHDNS))
		return "libcurl was built with a resolver that blocks";
	if (!(info->features & CURL_VERSION_SSL))
		return "libcurl was built without TLS";
	return NULL;
}

PulseMux *
pulse_mux_create(const PulseMuxConfig *config, const char **why)
{
	PulseMux   *mux = calloc(1, sizeof(PulseMux));
	sigset_t	old;
	bool		ok;

	*why = "out of memory";
	if (mux == NULL)
		return NULL;
	mux->config = *config;
	mux->config.block = NULL;
	mux->deadline = -1;
	if (config->block)
		mux->block = *config->block;
	else
	{
		/* All but those that tell of a fault in this very thread. */
		sigfillset(&mux->block);
		sigdelset(&mux->block, SIGSEGV);
		sigdelset(&mux->block, SIGBUS);
		sigdelset(&mux->block, SIGILL);
		sigdelset(&mux->block, SIGFPE);
		sigdelset(&mux->block, SIGTRAP);
		sigdelset(&mux->block, SIGABRT);
		sigdelset(&mux->block, SIGSYS);
	}

	mux->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (mux->epoll_fd < 0)
	{
		*why = "could not create an epoll descriptor";
		free(mux);
		return NULL;
	}

	signals_block(mux, &old);
	*why = library_check();
	ok = *why == NULL;
	if (ok && !multi_open(mux))
	{
		*why = "out of memory";
		ok = false;
	}
	signals_restore(&old);

	if (!ok)
	{
		close(mux->epoll_fd);
		free(mux);
		return NULL;
	}
	return mux;
}

/* Gives an easy handle back, or away if the multi handle would not let go of it. */
static void
easy_drop(PulseTransfer *t)
{
	PulseMux   *mux = t->mux;
	CURL	   *easy = t->easy;

	if (easy == NULL)
		return;
	t->easy = NULL;
	if (t->added && curl_multi_remove_handle(mux->multi, easy) != CURLM_OK)
	{
		/*
		 * Still in the multi handle: leaked on purpose, and the whole handle
		 * is replaced at the next drive. Its pointers to the transfer must
		 * not be followed any more.
		 */
		mux->broken = true;
		curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL);
		curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
		return;
	}
	t->added = false;
	if (mux->n_spare < PULSE_MUX_SPARE)
	{
		curl_easy_reset(easy);
		mux->spare[mux->n_spare++] = easy;
	}
	else
		curl_easy_cleanup(easy);
}

/* ---- the end of a transfer ---- */

/* Notes the facts, lets go of curl, and puts the transfer on the finished list. */
static void
finish(PulseTransfer *t, CURLcode code)
{
	PulseMux   *mux = t->mux;

	pulse_transfer_conclude(t, code);
	easy_drop(t);
	pulse_transfer_sweep(t);
	pulse_transfer_drop_request(t);
	if (t->doomed)
		mux->n_doomed--;

	list_remove(&mux->active, t);
	t->state = TRANSFER_FINISHED;
	list_add(&mux->finished, t);
}

/*
 * Curl has reported an error of the multi handle itself: all that runs on it ends,
 * and a new one takes its place.  The old one is cleaned up only if it agrees.
 */
static void
rebuild(PulseMux *mux)
{
	CURLM	   *old = mux->multi;

	while (mux->active.first)
	{
		PulseTransfer *t = mux->active.first;

		snprintf(t->error, sizeof(t->error), "the HTTP library had to be set up anew");
		finish(t, CURLE_FAILED_INIT);
	}
	curl_multi_cleanup(old);
	while (mux->watches)
	{
		epoll_ctl(mux->epoll_fd, EPOLL_CTL_DEL, mux->watches->fd, NULL);
		watch_free(mux, mux->watches);
	}
	mux->multi = NULL;
	mux->stats.rebuilt++;
	mux->broken = !multi_open(mux);
}

static void
check_multi(PulseMux *mux, CURLMcode code)
{
	if (code != CURLM_OK && code != CURLM_BAD_SOCKET)
		mux->broken = true;
}

/*
 * Each transfer ends, whatever curl does: releases of it have been seen to lose one for
 * ever when memory is short.
 */
static void
end_overdue(PulseMux *mux)
{
	int64_t		now = now_usec();
	PulseTransfer *t;
	PulseTransfer *next;

	if (mux->overdue_at < 0 || mux->overdue_at > now)
		return;
	mux->overdue_at = -1;
	for (t = mux->active.first; t; t = next)
	{
		next = t->next;
		if (t->overdue_at <= now)
		{
			snprintf(t->error, sizeof(t->error), "the HTTP library has lost the exchange");
			finish(t, CURLE_OPERATION_TIMEDOUT);
		}
		else if (mux->overdue_at < 0 || t->overdue_at < mux->overdue_at)
			mux->overdue_at = t->overdue_at;
	}
}

/* ---- the interface ---- */

int
pulse_mux_fd(const PulseMux *mux)
{
	return mux->epoll_fd;
}

int64_t
pulse_mux_timeout_us(const PulseMux *mux)
{
	int64_t		wake = mux->deadline;
	int64_t		left;

	if (mux->finished.n > 0 || mux->n_doomed > 0 ||
		(mux->broken && mux->active.n > 0))
		return 0;
	if (mux->active.n > 0 && (wake < 0 || mux->overdue_at < wake))
		wake = mux->overdue_at;
	if (wake < 0)
		return -1;
	left = wake - now_usec();
	return left > 0 ? left : 0;
}

PulseTransfer *
pulse_mux_start(PulseMux *mux, const PulseHttpRequest *request)
{
	PulseTransfer *t = calloc(1, sizeof(PulseTransfer));
	CURLcode	code;
	sigset_t	old;

	if (t == NULL)
		return NULL;
	t->mux = mux;
	t->owner = request->owner;
	t->state = TRANSFER_ACTIVE;
	t->overdue_at = now_usec() + request->timeout_ms * 1000 + OVERDUE_AFTER;
	if (mux->overdue_at < 0 || t->overdue_at < mux->overdue_at)
		mux->overdue_at = t->overdue_at;
	list_add(&mux->active, t);
	mux->stats.started++;

	signals_block(mux, &old);
	if (mux->broken)
	{
		rebuild(mux);			/* ends this one too, with the rest */
		signals_restore(&old);
		return t;
	}

	if (!pulse_transfer_copy_request(t, request))
	{
		t->no_memory = true;
		code = CURLE_OUT_OF_MEMORY;
	}
	else
	{
		if (mux->n_spare > 0)
			t->easy = mux->spare[--mux->n_spare];
		else
			t->easy = curl_easy_init();
		code = t->easy ? pulse_transfer_set_options(t, request) : CURLE_OUT_OF_MEMORY;
	}
	if (code == CURLE_OK)
	{
		CURLMcode	mcode = curl_multi_add_handle(mux->multi, t->easy);

		t->added = mcode == CURLM_OK;
		if (!t->added)
		{
			snprintf(t->error, sizeof(t->error), "%s", curl_multi_strerror(mcode));
			code = CURLE_FAILED_INIT;
			mux->broken = true;
		}
	}
	if (code != CURLE_OK)
		finish(t, code);
	signals_restore(&old);
	return t;
}

bool
pulse_mux_drive(PulseMux *mux)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	sigset_t	old;
	int			running;
	int			round;
	int			left;
	CURLMsg    *message;

	signals_block(mux, &old);
	for (round = 0; round < ROUNDS_MAX && !mux->broken; round++)
	{
		int			n = epoll_wait(mux->epoll_fd, events, EVENTS_PER_ROUND, 0);
		bool		due;
		int			i;

		for (i = 0; i < n; i++)
		{
			int			bits = 0;

			if (events[i].events & (EPOLLIN | EPOLLRDHUP))
				bits |= CURL_CSELECT_IN;
			if (events[i].events & EPOLLOUT)
				bits |= CURL_CSELECT_OUT;
			if (events[i].events & (EPOLLERR | EPOLLHUP))
				bits |= CURL_CSELECT_ERR;
			check_multi(mux, curl_multi_socket_action(mux->multi, events[i].data.fd,
													  bits, &running));
		}
		due = mux->deadline >= 0 && mux->deadline <= now_usec();
		if (due)
		{
			mux->deadline = -1;
			check_multi(mux, curl_multi_socket_action(mux->multi, CURL_SOCKET_TIMEOUT,
													  0, &running));
		}
		if (n < EVENTS_PER_ROUND && !due)
			break;
	}

	while (!mux->broken &&
		   (message = curl_multi_info_read(mux->multi, &left)) != NULL)
	{
		PulseTransfer *t = NULL;

		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t) == CURLE_OK &&
			t != NULL)
			finish(t, message->data.result);
	}

	if (mux->n_doomed > 0)
	{
		PulseTransfer *t = mux->active.first;

		while (t)
		{
			PulseTransfer *next = t->next;

			if (t->doomed)
				finish(t, CURLE_FAILED_INIT);
			t = next;
		}
	}
	end_overdue(mux);
	if (mux->broken)
		rebuild(mux);
	signals_restore(&old);
	return mux->finished.n > 0;
}

PulseTransfer *
pulse_mux_take_finished(PulseMux *mux)
{
	PulseTransfer *t = mux->finished.first;

	if (t)
	{
		list_remove(&mux->finished, t);
		t->state = TRANSFER_TAKEN;
	}
	return t;
}

void *
pulse_transfer_owner(const PulseTransfer *transfer)
{
	return transfer->owner;
}

const PulseResponse *
pulse_transfer_response(const PulseTransfer *transfer)
{
	return &transfer->response;
}

void
pulse_mux_release(PulseMux *mux, PulseTransfer *transfer)
{
	pulse_mux_abort(mux, transfer);
}

void
pulse_mux_abort(PulseMux *mux, PulseTransfer *transfer)
{
	sigset_t	old;

	switch (transfer->state)
	{
		case TRANSFER_ACTIVE:
			signals_block(mux, &old);
			list_remove(&mux->active, transfer);
			if (transfer->doomed)
				mux->n_doomed--;
			easy_drop(transfer);
			pulse_transfer_sweep(transfer);
			signals_restore(&old);
			break;
		case TRANSFER_FINISHED:
			list_remove(&mux->finished, transfer);
			break;
		case TRANSFER_TAKEN:
			break;
	}
	pulse_transfer_free(transfer);
}

void
pulse_mux_stats(const PulseMux *mux, PulseMuxStats *stats)
{
	*stats = mux->stats;
	stats->active = mux->active.n;
	stats->finished = mux->finished.n;
}

void
pulse_mux_destroy(PulseMux *mux)
{
	sigset_t	old;

	while (mux->active.first)
		pulse_mux_abort(mux, mux->active.first);
	while (mux->finished.first)
		pulse_mux_abort(mux, mux->finished.first);

	signals_block(mux, &old);
	while (mux->n_spare > 0)
		curl_easy_cleanup(mux->spare[--mux->n_spare]);
	if (mux->multi)
		curl_multi_cleanup(mux->multi);
	while (mux->watches)
		watch_free(mux, mux->watches);
	signals_restore(&old);
	close(mux->epoll_fd);
	free(mux->open_sockets);
	free(mux);
}
