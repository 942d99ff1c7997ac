/*
 * clock.h
 *		Time and chance: the only places where the server asks for either.
 *
 * The kernel takes time as Unix microseconds (UTC), the server keeps
 * timestamptz; infinities map to the limits of int64. Tests may set the clock of
 * their own process.
 */
#ifndef PULSE_BASE_CLOCK_H
#define PULSE_BASE_CLOCK_H

#include "datatype/timestamp.h"

/* Between the epochs: 1970-01-01 and 2000-01-01. */
#define PULSE_EPOCH_OFFSET_USEC INT64CONST(946684800000000)

/* Wall clock now, or what a test has set. */
extern TimestampTz pulse_now(void);

/* For tests: pulse_now() answers t in this process until cleared. */
extern void pulse_clock_set_override(TimestampTz t);
extern void pulse_clock_clear_override(void);

static inline int64
pulse_time_to_unix(TimestampTz t)
{
	if (t == DT_NOBEGIN || t == DT_NOEND)
		return t;
	if (t > PG_INT64_MAX - PULSE_EPOCH_OFFSET_USEC)
		return PG_INT64_MAX;
	return t + PULSE_EPOCH_OFFSET_USEC;
}

/* Saturates at infinity beyond what timestamptz can hold. */
static inline TimestampTz
pulse_time_from_unix(int64 unix_usec)
{
	int64		t;

	if (unix_usec == PG_INT64_MAX)
		return DT_NOEND;
	if (unix_usec < PG_INT64_MIN + PULSE_EPOCH_OFFSET_USEC)
		return DT_NOBEGIN;
	t = unix_usec - PULSE_EPOCH_OFFSET_USEC;
	if (t >= END_TIMESTAMP)
		return DT_NOEND;
	if (t < MIN_TIMESTAMP)
		return DT_NOBEGIN;
	return t;
}

/* 64 strong random bits; throws if the system has none. */
extern uint64 pulse_random_seed(void);

#endif
