/*
 * retry.h
 *		Retry arithmetic of semantics section 5.
 */
#ifndef PULSE_CORE_RETRY_H
#define PULSE_CORE_RETRY_H

#include "common/pg_prng.h"

#include "core/graph.h"

#define PULSE_RETRY_AFTER_CAP INT64CONST(3600000000)

/* max_attempts 3, initial 1 s, factor 2, max 5 min, jitter 0.2, no lists. */
extern void pulse_retry_defaults(PulseRetryPolicy *policy);

/*
 * Reads a policy object ({"max_attempts": 5, "initial": "1 s", …}) over the
 * defaults; errors are added under path. Texts are kept in arena.
 */
extern bool pulse_retry_read(PulseArena *arena, const PulseJson *object,
							 const char *path, PulseRetryPolicy *policy, PulseDiag *diag);

/*
 * Microseconds until the n-th retry (n >= 1): min(max, initial x factor^(n-1))
 * x (1 +- jitter), never negative, never overflowing. retry_after (0: none)
 * only lengthens it and is capped at one hour.
 */
extern int64 pulse_retry_delay(const PulseRetryPolicy *policy, int n, int64 retry_after,
							   pg_prng_state *prng);

/*
 * May this failure be retried? no_retry_on refuses, retry_on (if any) must name the
 * class or code, otherwise `retryable` of the failure decides.
 */
extern bool pulse_retry_applies(const PulseRetryPolicy *policy, const char *class,
								const char *code, bool retryable);

#endif
