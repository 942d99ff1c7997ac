/*
 * call.c
 *		Attempts under way: from the commit that made them durable to the commit of
 *		their outcome.
 *
 * Owns PulseCall: the queue of each host, the active transfers and the finished ones.
 * It runs outside of transactions and knows no rows (but for pulse_calls_unsent, part of an
 * orderly leave); an outcome waits in the finished list until a batch has recorded
 * it, however often that fails.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/guc.h"
#include "core/outcome.h"
#include "storage/fd.h"
#include "utils/timestamp.h"

/* Descriptors left for curl's own use. */
#define SPARE_FDS 8

/* When to try again what our own side could not start. */
#define LOCAL_WAIT INT64CONST(1000000)

/* A queue whose head waits longer than this is stuck, not busy. */
#define STUCK_AFTER INT64CONST(2000000)

/* How many calls a stuck host may keep in memory beyond its slots. */
#define STUCK_KEEP 64

/* When to come again for a call that did not fit. */
#define SPILL_WAIT INT64CONST(5000000)

/* Bytes of answers held at once, at least. */
#define MIN_BUFFERED ((size_t) 64 * 1024 * 1024)

#define DEFAULT_TIMEOUT INT64CONST(30000000)

static int max_active(PulseEngine *e);

static bool
acquire_fd(void)
{
	return AcquireExternalFD();
}

static void
release_fd(void)
{
	ReleaseExternalFD();
}

void
pulse_calls_init(PulseEngine *e)
{
	dlist_init(&e->active);
	dlist_init(&e->finished);
	if (!e->test)
	{
		PulseMuxConfig config = { 0 };
		const char *why;

		config.fd_acquire = acquire_fd;
		config.fd_release = release_fd;
		config.max_idle = max_active(e);
		config.max_buffered = Max(MIN_BUFFERED, 4 * (size_t) pulse_guc_max_response_bytes);
		e->mux = pulse_mux_create(&config, &why);
		if (e->mux == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("HTTP calls are not possible: %s", why),
					 errhint("pulse needs libcurl 7.88.1 or newer with TLS and an asynchronous resolver.")));
		ReserveExternalFD();
	}
}

/*
 * ---------------------------------------------------------------------
 * Ends of a call
 * ---------------------------------------------------------------------
 */

/* Takes the call out of whatever list it is in. */
static void
unlink_call(PulseEngine *e, PulseCall *call)
{
	dlist_delete(&call->link);
	switch (call->state)
	{
		case PULSE_CALL_QUEUED:
			call->host->queued--;
			e->n_queued--;
			break;
		case PULSE_CALL_ACTIVE:
			call->host->active--;
			e->n_active--;
			break;
		case PULSE_CALL_FINISHED:
			e->n_finished--;
			break;
	}
}

void
pulse_call_free(PulseEngine *e, PulseCall *call)
{
	unlink_call(e, call);
	if (call->transfer != NULL)
		pulse_mux_abort(e->mux, call->transfer);
	MemoryContextDelete(call->context);
}

/*
 * The outcome of a finished call is recorded. States and commands of this batch point
 * into it, so its memory goes with the batch.
 */
void
pulse_call_retire(PulseEngine *e, PulseCall *call)
{
	unlink_call(e, call);
	MemoryContextSetParent(call->context, e->batch);
}

static void
set_finished(PulseEngine *e, PulseCall *call)
{
	call->state = PULSE_CALL_FINISHED;
	dlist_push_tail(&e->finished, &call->link);
	e->n_finished++;
}

/* The call was active; what it brought is its outcome. */
void
pulse_call_finish(PulseEngine *e, PulseCall *call, const PulseResponse *response)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	PulseArena *arena = pulse_arena_create(0);
	const char *secrets[1];
	PulseAnswer answer;

	secrets[0] = call->host->bearer;
	pulse_answer_classify(arena, response, pulse_time_to_unix(pulse_now()), secrets,
						  call->host->bearer != NULL ? 1 : 0, &answer);
	pulse_outcome_from_answer(arena, &answer, response->status, &call->outcome);
	call->outcome.attempt = call->attempt;
	if (response->transport == PULSE_TRANSPORT_LOCAL && !response->sent)
	{
		/* our own shortage: nobody's attempt is spent on it */
		call->outcome.kind = PULSE_OUTCOME_HELD;
		call->outcome.wait = LOCAL_WAIT;
	}
	MemoryContextSwitchTo(old);

	unlink_call(e, call);
	set_finished(e, call);
	e->now = pulse_now();
	pulse_host_learn(e, call->host, &answer);
	if (answer.kind == PULSE_ANSWER_HOLD_HOST)
		call->outcome.wait = Max(call->host->retry_at - e->now, 1);
}

/* The call was active, and its outcome but for the attempt is filled in (tests). */
void
pulse_call_settle(PulseEngine *e, PulseCall *call)
{
	call->outcome.attempt = call->attempt;
	unlink_call(e, call);
	set_finished(e, call);
}

/* The call was queued, or is new and in no list (host NULL or not): not sent. */
void
pulse_call_hold(PulseEngine *e, PulseCall *call, const char *class_,
				const char *message, int64 wait)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	PulseArena *arena = pulse_arena_create(0);
	PulseOutcome *o = &call->outcome;

	o->kind = PULSE_OUTCOME_HELD;
	o->attempt = call->attempt;
	o->class = class_;
	o->error = pulse_outcome_error(arena, class_, message);
	o->wait = wait;
	MemoryContextSwitchTo(old);
	set_finished(e, call);
}

/* Gives back calls from the end of a host's queue until `keep` are left. */
static void
spill(PulseEngine *e, PulseHost *host, int keep, const char *class_,
	  const char *message, int64 wait)
{
	while (host->queued > keep)
	{
		PulseCall *call = dlist_container(PulseCall, link, dlist_tail_node(&host->queue));

		unlink_call(e, call);
		pulse_call_hold(e, call, class_, message, wait);
	}
}

void
pulse_call_abort(PulseEngine *e, const pg_uuid_t *run, const char *node)
{
	dlist_head *lists[2] = { &e->active, &e->finished };

	for (int l = 0; l < 2 + e->n_hosts; l++)
	{
		dlist_mutable_iter it;

		dlist_foreach_modify(it, l < 2 ? lists[l] : &e->hosts[l - 2]->queue)
		{
			PulseCall *call = dlist_container(PulseCall, link, it.cur);

			if (memcmp(&call->run, run, sizeof(*run)) == 0 &&
				(node == NULL || strcmp(call->node, node) == 0))
				pulse_call_free(e, call);
		}
	}
}

void
pulse_calls_abort_run(PulseEngine *e, const pg_uuid_t *run)
{
	pulse_call_abort(e, run, NULL);
}

/*
 * ---------------------------------------------------------------------
 * Beginnings
 * ---------------------------------------------------------------------
 */

/* After the commit that recorded the attempt: queues it, or says why it must wait. */
void
pulse_call_dispatch(PulseEngine *e, PulseRun *run, const PulseCommand *cmd)
{
	const PulseRunState *s = run->state;
	const PulseNode *node = s->graph->nodes[cmd->node];
	const PulseNodeState *n = &s->nodes[cmd->node];
	const PulseAction *action = pulse_hosts_action(e, node->name);
	PulseHost *host = action ? action->host : NULL;
	MemoryContext context = AllocSetContextCreate(e->calls_context, "pulse call",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PulseCall *call = palloc0(sizeof(PulseCall));

	call->context = context;
	call->run = run->id;
	call->part = run->part;
	call->node = pstrdup(node->id);
	call->attempt = cmd->attempt;
	call->activation = cmd->activation;
	call->queued_at = e->now;
	call->host = host;
	e->stats.calls++;

	if (host != NULL && !host->gone)
	{
		call->action = pstrdup(node->name);
		call->workflow = pstrdup(s->workflow);
		call->tenant = pstrdup(s->tenant);
		call->traceparent = s->traceparent ? pstrdup(s->traceparent) : NULL;
		call->repeatable = action->repeatable;
		call->read_only = action->read_only;
		call->timeout = node->timeout > 0 ? node->timeout : action->timeout > 0 ? action->timeout
			: host->timeout > 0													? host->timeout
																				: DEFAULT_TIMEOUT;
		if (n->total_deadline != 0)
			call->timeout = Max(1000, Min(call->timeout, n->total_deadline - pulse_time_to_unix(e->now)));
		pulse_body_build(e, run, cmd, action, call);
	}
	MemoryContextSwitchTo(old);

	if (action == NULL)
		pulse_call_hold(e, call, "unknown_action",
						psprintf("action \"%s\" is not registered", node->name), 0);
	else if (host == NULL || host->gone)
		pulse_call_hold(e, call, "unknown_host", "the host of the action is not registered", 0);
	else if (host->tenant != NULL && strcmp(host->tenant, s->tenant) != 0)
		pulse_call_hold(e, call, "unknown_action",
						psprintf("action \"%s\" is not registered", node->name), 0);
	else if (host->disabled != NULL)
		pulse_call_hold(e, call, "host_disabled", host->disabled, 0);
	else if (host->open && host->retry_at > e->now)
		pulse_call_hold(e, call, "credentials", host->reason, host->retry_at - e->now);
	else if (host->throttled_until > e->now)
		pulse_call_hold(e, call, "throttled", host->reason, host->throttled_until - e->now);
	else
	{
		call->state = PULSE_CALL_QUEUED;
		dlist_push_tail(&host->queue, &call->link);
		host->queued++;
		e->n_queued++;
	}
}

static bool
take_token(PulseEngine *e, PulseHost *host)
{
	if (host->rate <= 0)
		return true;
	if (host->tokens_at != 0)
		host->tokens = Min(host->burst,
						   host->tokens + host->rate * (double) Max(e->now - host->tokens_at, 0));
	host->tokens_at = e->now;
	if (host->tokens < 1.0)
		return false;
	host->tokens -= 1.0;
	return true;
}

/* The transfer could not even be tried: an outcome like any other. */
static void
fail_locally(PulseEngine *e, PulseCall *call, const char *why)
{
	PulseResponse response = { 0 };

	response.transport = PULSE_TRANSPORT_LOCAL;
	response.error = why;
	response.body = "";
	response.address = "";
	pulse_call_finish(e, call, &response);
}

static void
start_call(PulseEngine *e, PulseHost *host)
{
	PulseCall *call = dlist_container(PulseCall, link, dlist_head_node(&host->queue));
	PulseHttpRequest request = { 0 };
	PulseHeaders headers;

	unlink_call(e, call);
	call->state = PULSE_CALL_ACTIVE;
	dlist_push_tail(&e->active, &call->link);
	host->active++;
	e->n_active++;
	if (e->test)
		return;

	pulse_headers_init(&headers);
	if (!pulse_body_headers(e, call, e->now, &headers))
	{
		fail_locally(e, call, headers.why);
		pulse_headers_free(&headers);
		return;
	}
	request.url = host->url;
	request.headers = &headers;
	request.body = call->body;
	request.body_len = call->body_len;
	request.timeout_ms = Max(1, call->timeout / 1000);
	request.max_body = (size_t) pulse_guc_max_response_bytes;
	request.fresh = !call->repeatable;
	request.policy = &host->policy;
	request.ca_file = host->ca_file;
	request.owner = call;
	call->transfer = pulse_mux_start(e->mux, &request);
	pulse_headers_free(&headers);
	if (call->transfer == NULL)
		fail_locally(e, call, "out of memory");
}

/* Calls this process may have in flight: as set, and as descriptors allow. */
static int
max_active(PulseEngine *e)
{
	return e->test ? pulse_guc_max_in_flight :
		Max(1, Min(pulse_guc_max_in_flight, max_safe_fds / 3 - SPARE_FDS));
}

/* Calls that could be started at once if they were there. */
int
pulse_calls_free_slots(PulseEngine *e)
{
	int slots = 0;

	for (int i = 0; i < e->n_hosts; i++)
	{
		PulseHost *host = e->hosts[i];

		if (!host->gone && host->disabled == NULL && pulse_host_available(e, host))
			slots += Max(0, host->slots - host->active);
	}
	return Max(0, Min(slots, max_active(e) - e->n_active));
}

/* Calls that wait for a slot of a host that moves; the others use their own only. */
int
pulse_calls_waiting(PulseEngine *e)
{
	int waiting = 0;

	for (int i = 0; i < e->n_hosts; i++)
	{
		PulseHost *host = e->hosts[i];

		if (host->queued > 0 &&
			e->now - dlist_container(PulseCall, link, dlist_head_node(&host->queue))->queued_at <= STUCK_AFTER)
			waiting += host->queued;
	}
	return waiting;
}

/*
 * Starts what may be started: hosts in turn, each within its slots and its
 * rate, all within pulse.max_in_flight. A host that does not move gives back
 * what does not fit, so that it uses its own slots only.
 */
void
pulse_calls_pump(PulseEngine *e)
{
	bool started = true;
	int limit = max_active(e);

	e->now = pulse_now();
	for (int i = 0; i < e->n_hosts; i++)
	{
		PulseHost *host = e->hosts[i];
		PulseCall *head;

		if (host->queued == 0)
			continue;
		head = dlist_container(PulseCall, link, dlist_head_node(&host->queue));
		if (host->gone || host->disabled != NULL)
			spill(e, host, 0, "host_disabled", host->disabled ? host->disabled : "the host is not registered", 0);
		else if (host->throttled_until > e->now)
			spill(e, host, 0, "throttled", host->reason, host->throttled_until - e->now);
		else if (host->open && host->retry_at > e->now)
			spill(e, host, 0, "credentials", host->reason, host->retry_at - e->now);
		else if (e->now - head->queued_at > STUCK_AFTER)
			spill(e, host, host->slots + STUCK_KEEP, "busy", "all slots of the host are in use", SPILL_WAIT);
	}
	while (started && e->n_active < limit)
	{
		started = false;
		for (int i = 0; i < e->n_hosts && e->n_active < limit; i++)
		{
			PulseHost *host = e->hosts[(e->next_host + i) % e->n_hosts];

			if (host->queued == 0 || host->active >= host->slots ||
				!pulse_host_available(e, host) || !take_token(e, host))
				continue;
			start_call(e, host);
			started = true;
		}
		if (e->n_hosts > 0)
			e->next_host = (e->next_host + 1) % e->n_hosts;
	}
}

/*
 * When the pump must be looked at although nothing finishes. Only moments that let it
 * do something: a moment in the past that changes nothing would be a hot loop.
 */
TimestampTz
pulse_calls_next_due(PulseEngine *e)
{
	TimestampTz now = pulse_now();
	TimestampTz due = DT_NOEND;

	if (e->n_finished > 0)
		return Max(now, e->gather_until);
	for (int i = 0; i < e->n_hosts; i++)
	{
		PulseHost *host = e->hosts[i];

		if (host->queued == 0)
			continue;
		if (e->full)
		{
			/* then it counts no longer against new runs */
			TimestampTz stuck = dlist_container(PulseCall, link, dlist_head_node(&host->queue))->queued_at + STUCK_AFTER + 1;

			if (stuck > now)
				due = Min(due, stuck);
		}
		if (host->open && host->retry_at > now)
			due = Min(due, host->retry_at);
		else if (host->rate > 0 && host->tokens < 1.0 && host->active < host->slots &&
				 e->n_active < max_active(e) && !(host->open && host->active > 0))
			due = Min(due, host->tokens_at + (TimestampTz) ((1.0 - host->tokens) / host->rate) + 1);
		if (host->queued > host->slots + STUCK_KEEP)
			due = Min(due, dlist_container(PulseCall, link, dlist_head_node(&host->queue))->queued_at + STUCK_AFTER + 1);
	}
	return due;
}

/* Moves the network; true if outcomes wait for a batch. */
bool
pulse_calls_drive(PulseEngine *e)
{
	if (e->mux != NULL && pulse_mux_drive(e->mux))
	{
		PulseTransfer *transfer;

		while ((transfer = pulse_mux_take_finished(e->mux)) != NULL)
		{
			PulseCall *call = pulse_transfer_owner(transfer);

			pulse_call_finish(e, call, pulse_transfer_response(transfer));
			call->transfer = NULL;
			pulse_mux_release(e->mux, transfer);
		}
	}
	pulse_calls_pump(e);
	return e->n_finished > 0;
}

/* In the transaction of an orderly leave: what waits for a slot was never sent. */
void
pulse_calls_unsent(PulseEngine *e)
{
	pg_uuid_t *runs = palloc(sizeof(pg_uuid_t) * (size_t) Max(e->n_queued, 1));
	const char **nodes = palloc(sizeof(char *) * (size_t) Max(e->n_queued, 1));
	int *attempts = palloc(sizeof(int) * (size_t) Max(e->n_queued, 1));
	int n = 0;

	for (int i = 0; i < e->n_hosts; i++)
	{
		dlist_iter it;

		dlist_foreach(it, &e->hosts[i]->queue)
		{
			PulseCall *call = dlist_container(PulseCall, link, it.cur);

			runs[n] = call->run;
			nodes[n] = call->node;
			attempts[n++] = call->attempt;
		}
	}
	if (n > 0)
		pulse_nodes_unsent(runs, nodes, attempts, n);
}
