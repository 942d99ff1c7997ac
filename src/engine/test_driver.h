/*
 * test_driver.h
 *		The outside of an engine in the hands of a test.
 *
 * For engines made with test_transport: calls are not sent, they can be listed and
 * answered. Nothing here is used by a worker.
 */
#ifndef PULSE_ENGINE_TEST_DRIVER_H
#define PULSE_ENGINE_TEST_DRIVER_H

#include "utils/uuid.h"

#include "core/local_bindings.h"
#include "core/transport.h"
#include "engine/engine.h"

typedef struct PulseTestCall
{
	pg_uuid_t run;
	const char *node;
	const char *action;
	int attempt;
	const char *key; /* act_<activation> */
	const char *body;
} PulseTestCall;

/* The calls that would be under way, oldest first; palloc'd in the current context. */
extern PulseTestCall *pulse_engine_test_calls(PulseEngine *engine, int *n);

/* Ends one of them; false if there is none of that run and node. */
extern bool pulse_engine_test_answer(PulseEngine *engine, const pg_uuid_t *run, const char *node,
									 const PulseResponse *response);

/*
 * Ends calls, oldest first, at most so many (0: all, -1: one of each run), with what bindings
 * say: those of actions that are bound. cursors: see local_bindings.h. Returns how many.
 */
extern int pulse_engine_test_answer_all(PulseEngine *engine, const PulseLocalBindings *bindings,
										int *cursors, int most);

/* Forgets the engine, as the death of its process would. */
extern void pulse_engine_test_kill(PulseEngine *engine);

#endif
