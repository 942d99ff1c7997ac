/*
 * test_driver.c
 *		The outside of an engine in the hands of a test.
 */
#include "postgres.h"

#include "engine/test_driver.h"

#include "engine/engine_private.h"

PulseTestCall *
pulse_engine_test_calls(PulseEngine *e, int *n)
{
	PulseTestCall *calls = palloc(sizeof(PulseTestCall) * (size_t) Max(e->n_active, 1));
	dlist_iter it;

	*n = 0;
	dlist_foreach(it, &e->active)
	{
		PulseCall *call = dlist_container(PulseCall, link, it.cur);
		PulseTestCall *c = &calls[(*n)++];
		char uuid[PULSE_UUID_TEXT + 1];

		c->run = call->run;
		c->node = call->node;
		c->action = call->action;
		c->attempt = call->attempt;
		c->key = psprintf("act_%s", pulse_uuid_text(&call->activation, uuid));
		c->body = call->body;
	}
	return calls;
}

bool
pulse_engine_test_answer(PulseEngine *e, const pg_uuid_t *run, const char *node,
						 const PulseResponse *response)
{
	dlist_iter it;

	dlist_foreach(it, &e->active)
	{
		PulseCall *call = dlist_container(PulseCall, link, it.cur);

		if (memcmp(&call->run, run, sizeof(*run)) == 0 && strcmp(call->node, node) == 0)
		{
			pulse_call_finish(e, call, response);
			return true;
		}
	}
	return false;
}

static const PulseJson *
own_value(PulseArena *arena, const PulseJson *value)
{
	return value != NULL ? pulse_json_copy(arena, value) : NULL;
}

static const char *
own_text(PulseArena *arena, const char *s)
{
	return s != NULL ? pulse_arena_strdup(arena, s) : NULL;
}

/* The call is answered as its binding says; nothing of the answer lies in the bindings. */
static void
answer_bound(PulseEngine *e, PulseCall *call, const PulseLocalBindings *bindings, int binding,
			 int *cursors)
{
	MemoryContext old = MemoryContextSwitchTo(call->context);
	PulseArena *arena = pulse_arena_create(0);
	PulseLocalOptions options;
	PulseLocalRequest request = { 0 };
	PulseOutcome *o = &call->outcome;
	const PulseJson *data;
	PulseDiag diag;

	pulse_diag_init(&diag, arena);
	data = pulse_json_get(pulse_json_parse(arena, call->body, call->body_len, &diag), "data");
	request.action = call->action;
	request.node = call->node;
	request.attempt = call->attempt;
	request.input = pulse_json_get(data, "input");
	request.config = pulse_json_get(data, "config");
	request.rejection = pulse_json_get(data, "rejection");
	pulse_local_options_defaults(&options);
	pulse_local_bindings_answer(bindings, binding, cursors, &request, &options, arena,
								o);
	o->output = own_value(arena, o->output);
	o->rewrite = own_value(arena, o->rewrite);
	o->reason = own_value(arena, o->reason);
	o->error = own_value(arena, o->error);
	o->signal = own_text(arena, o->signal);
	o->class = own_text(arena, o->class);
	o->code = own_text(arena, o->code);
	MemoryContextSwitchTo(old);
	pulse_call_settle(e, call);
}

static bool
answered_already(const pg_uuid_t *runs, int n, const pg_uuid_t *run)
{
	for (int i = 0; i < n; i++)
	{
		if (memcmp(&runs[i], run, sizeof(*run)) == 0)
			return true;
	}
	return false;
}

int
pulse_engine_test_answer_all(PulseEngine *e, const PulseLocalBindings *bindings, int *cursors,
							 int most)
{
	pg_uuid_t *runs = palloc(sizeof(pg_uuid_t) * (size_t) Max(e->n_active, 1));
	dlist_mutable_iter it;
	int n = 0;

	dlist_foreach_modify(it, &e->active)
	{
		PulseCall *call = dlist_container(PulseCall, link, it.cur);
		int binding = pulse_local_bindings_find(bindings, call->action);

		if (binding < 0 || (most < 0 && answered_already(runs, n, &call->run)))
			continue;
		runs[n] = call->run;
		answer_bound(e, call, bindings, binding, cursors);
		if (++n == most)
			break;
	}
	pfree(runs);
	return n;
}

void
pulse_engine_test_kill(PulseEngine *e)
{
	MemoryContextDelete(e->context);
}
