/*
 * outcome.c
 *		From a host's answer to the outcome of an attempt.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/outcome.h"

/* A host that has withdrawn is asked again after this. */
#define WITHDRAWN_WAIT INT64CONST(300000000)

const PulseJson *
pulse_outcome_error(PulseArena *arena, const char *class_, const char *message)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, 2 * sizeof(*pairs));

	pairs[0] = (PulseJsonPair){ "class", 5, pulse_json_string(arena, class_) };
	pairs[1] = (PulseJsonPair){ "message", 7, pulse_json_string(arena, message) };
	return pulse_json_object(arena, pairs, 2);
}

void
pulse_outcome_from_answer(PulseArena *arena, const PulseAnswer *a, int status,
						  PulseOutcome *o)
{
	const char *unsupported = NULL;

	memset(o, 0, sizeof(*o));
	o->output = a->output;
	o->error = a->error;
	o->class = a->class_;
	o->code = a->code;
	o->wait = Max(a->retry_after, 0);
	o->http_status = status;
	o->action_version = a->action_version;
	o->progress = a->progress;
	o->cost = a->cost;
	o->logs = a->logs;
	switch (a->kind)
	{
		case PULSE_ANSWER_DONE:
			o->kind = PULSE_OUTCOME_SUCCEEDED;
			break;
		case PULSE_ANSWER_REWRITE:
			o->kind = PULSE_OUTCOME_SUCCEEDED;
			o->stage = PULSE_STAGE_REWRITE;
			o->rewrite = a->rewrite;
			break;
		case PULSE_ANSWER_REJECT:
			o->kind = PULSE_OUTCOME_SUCCEEDED;
			o->stage = PULSE_STAGE_REJECT;
			o->reason = a->reason;
			break;
		case PULSE_ANSWER_SUSPEND:
			o->kind = PULSE_OUTCOME_SUCCEEDED;
			o->stage = PULSE_STAGE_SUSPEND;
			o->signal = a->signal;
			break;
		case PULSE_ANSWER_FAILED:
			o->kind = PULSE_OUTCOME_FAILED;
			break;
		case PULSE_ANSWER_RETRY:
			o->kind = PULSE_OUTCOME_FAILED;
			o->retryable = true;
			break;
		case PULSE_ANSWER_UNKNOWN:
			o->kind = strcmp(a->class_, "timeout") == 0 ? PULSE_OUTCOME_TIMED_OUT : PULSE_OUTCOME_UNKNOWN;
			o->retryable = true;
			break;
		case PULSE_ANSWER_THROTTLE:
			o->burns = true;
			/* fall through */
		case PULSE_ANSWER_HOLD:
		case PULSE_ANSWER_HOLD_HOST:
			o->kind = PULSE_OUTCOME_HELD;
			o->retryable = true;
			break;
		case PULSE_ANSWER_WITHDRAWN:
			o->kind = PULSE_OUTCOME_HELD;
			o->retryable = true;
			o->wait = WITHDRAWN_WAIT;
			break;
		case PULSE_ANSWER_ACCEPTED:
			unsupported = "202 Accepted: completion by token is not available in this version";
			break;
	}
	if (unsupported != NULL)
	{
		o->kind = PULSE_OUTCOME_FAILED;
		o->class = "bad_response";
		o->error = pulse_outcome_error(arena, o->class, unsupported);
	}
}

void
pulse_outcome_from_stage_result(PulseArena *arena, const PulseJson *value, PulseOutcome *outcome)
{
	PulseAnswer answer;

	pulse_answer_from_stage(arena, value, &answer);
	pulse_outcome_from_answer(arena, &answer, 0, outcome);
}
