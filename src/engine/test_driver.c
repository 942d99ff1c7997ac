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

void
pulse_engine_test_kill(PulseEngine *e)
{
	MemoryContextDelete(e->context);
}
