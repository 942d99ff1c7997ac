/*
 * answer.h
 *		What a host's answer means: the status table of the host protocol.
 *
 * Pure and total: every response gives exactly one answer.  Nothing here
 * decides about attempts, budgets or circuits; the engine does, from the kind.
 *
 * Error classes (stored with attempts, matched by retry_on and no_retry_on):
 *
 *	network			no connection, name not resolved, connection lost
 *	timeout			no complete answer in time; also status 408
 *	tls				handshake or certificate
 *	address			the address policy forbids every address of the host
 *	credentials		401, 403
 *	redirect		3xx
 *	not_found		404
 *	conflict		409
 *	withdrawn		410
 *	throttled		429, 503 with Retry-After
 *	server			other 5xx, 425
 *	client			other 4xx, 501
 *	action			the action itself says that it failed (stage result "fail")
 *	bad_response	unparsable, too large, wrong type, not HTTP
 *	local			our own side: memory, descriptors
 */
#ifndef PULSE_CORE_ANSWER_H
#define PULSE_CORE_ANSWER_H

#include "core/arena.h"
#include "core/json.h"
#include "core/transport.h"

#define PULSE_ANSWER_EVIDENCE		16384	/* bytes of a body kept in an error */
#define PULSE_ANSWER_RETRY_AFTER_MAX	INT64CONST(3600000000)

typedef enum PulseAnswerKind
{
	PULSE_ANSWER_DONE,			/* output is the node's output */
	PULSE_ANSWER_REWRITE,		/* so it is, and the graph is to be rewritten */
	PULSE_ANSWER_REJECT,		/* the action takes back a rewrite: reject_rewrite */
	PULSE_ANSWER_SUSPEND,		/* the node waits for `signal` */
	PULSE_ANSWER_ACCEPTED,		/* 202: completion comes later; location may be polled */
	PULSE_ANSWER_FAILED,		/* final unless retry_on names its class or code */
	PULSE_ANSWER_RETRY,			/* failed, retryable by the node's policy */
	PULSE_ANSWER_UNKNOWN,		/* sent, no complete answer: retryable, outcome unknown */
	PULSE_ANSWER_HOLD,			/* ask again later; no attempt burned (404, 409) */
	PULSE_ANSWER_THROTTLE,		/* as HOLD, for the whole host (429, 503) */
	PULSE_ANSWER_HOLD_HOST,		/* the host's circuit opens; no attempt burned */
	PULSE_ANSWER_WITHDRAWN		/* 410: the host is disabled; no attempt burned */
} PulseAnswerKind;

typedef struct PulseAnswer
{
	PulseAnswerKind kind;
	const PulseJson *output;	/* DONE, REWRITE, REJECT: never NULL; else NULL */
	const PulseJson *rewrite;	/* REWRITE: pulse_rewrite_read takes it; else NULL */
	const PulseJson *reason;	/* REJECT: as given, or NULL */
	const char *signal;			/* SUSPEND: never NULL */
	const char *location;		/* ACCEPTED: or NULL; as sent, not yet checked */
	int64		retry_after;	/* usec in [0, 1 h]; -1: the host said nothing */
	const char *action_version; /* version that ran, or NULL */

	/* All kinds after ACCEPTED: */
	const char *class_;			/* literal; one of the list above */
	const char *code;			/* from the problem document, or NULL */
	const char *message;		/* one line for people, valid UTF-8, never NULL */
	const PulseJson *error;		/* object {class, message, code?, status?, title?,
								 * detail?, details?, body? | body_base64?} */

	/* Side information of a stage result, NULL if absent (types checked): */
	const PulseJson *progress;	/* anything */
	const PulseJson *cost;		/* object */
	const PulseJson *logs;		/* array */
	const PulseJson *emit;		/* array */
} PulseAnswer;

/*
 * Classifies. Everything in *out lives in the arena or is literal; the
 * response may be freed afterwards. now is Unix microseconds (for dates in
 * Retry-After). secrets (may be NULL) are n texts which, if the host echoes
 * them in its answer, are blanked out in what is kept as error evidence.
 */
extern void pulse_answer_classify(PulseArena *arena, const PulseResponse *response,
								  int64 now, const char *const *secrets, int n_secrets,
								  PulseAnswer *out);

/*
 * The same for a stage result that comes from no host: the value of a pure node. The
 * kind is DONE, REWRITE, REJECT, SUSPEND, FAILED or RETRY; a malformed one is FAILED with
 * class bad_response, and its message names the JSON path of the first fault.
 */
extern void pulse_answer_from_stage(PulseArena *arena, const PulseJson *value, PulseAnswer *out);

/* "done", "retry", …: for logs. */
extern const char *pulse_answer_kind_name(PulseAnswerKind kind);

/*
 * Value of a Retry-After header: seconds or one of the three HTTP date forms.
 * Microseconds from now, in [0, PULSE_ANSWER_RETRY_AFTER_MAX]; -1 for junk.
 */
extern int64 pulse_retry_after_parse(const char *value, int64 now);

/* True if class_ is one of the error classes listed above. */
extern bool pulse_error_class_known(const char *class_);

#endif
