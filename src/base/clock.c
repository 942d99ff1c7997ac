/*
 * clock.c
 *		Time and chance: the only places where the server asks for either.
 */
#include "postgres.h"

#include "base/clock.h"

#include "port.h"
#include "utils/timestamp.h"

/* Set by tests; of this process only. */
static bool overridden = false;
static TimestampTz override_time;

TimestampTz
pulse_now(void)
{
	if (unlikely(overridden))
		return override_time;
	return GetCurrentTimestamp();
}

void
pulse_clock_set_override(TimestampTz t)
{
	override_time = t;
	overridden = true;
}

void
pulse_clock_clear_override(void)
{
	overridden = false;
}

uint64
pulse_random_seed(void)
{
	uint64		seed;

	if (!pg_strong_random(&seed, sizeof(seed)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random values")));
	return seed;
}
