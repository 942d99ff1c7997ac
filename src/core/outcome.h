/*
 * outcome.h
 *		From a host's answer to the outcome of an attempt.
 *
 * answer.h says what a response is, step.h what an attempt can come to; this is
 * the one place that maps the one to the other, for calls and for local runs.
 */
#ifndef PULSE_CORE_OUTCOME_H
#define PULSE_CORE_OUTCOME_H

#include "core/answer.h"
#include "core/step.h"

/*
 * Fills *outcome but for its attempt. Values are those of the answer, or live in
 * arena. status is that of HTTP, 0 if there was none.
 */
extern void pulse_outcome_from_answer(PulseArena *arena, const PulseAnswer *answer, int status,
									  PulseOutcome *outcome);

/*
 * The same for a stage result that comes from no host: the value of a pure node that says
 * "result": true. A malformed one is FAILED, class bad_response, and the message in
 * outcome->error names the JSON path.
 */
extern void pulse_outcome_from_stage_result(PulseArena *arena, const PulseJson *value,
											PulseOutcome *outcome);

/* {"class": class_, "message": message} in arena: an error of our own making. */
extern const PulseJson *pulse_outcome_error(PulseArena *arena, const char *class_,
											const char *message);

#endif
