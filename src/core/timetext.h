/*
 * timetext.h
 *		Durations and timestamps as people write them in a document.
 *
 * Durations follow interval input of the server as far as the unit is fixed:
 * "10 min", "1 hour 30 minutes", "1.5 s", "3 days", "2 weeks", "02:30:00", ISO 8601
 * "PT5M", "P3DT4H".  Months and years have no fixed length and are refused by name.
 * A day is 24 hours.  Timestamps are ISO 8601 / SQL with a zone ("2026-11-21T10:00:00Z",
 * "2026-11-21 10:00:00.5+02"); one without a zone is refused: it would mean something
 * else on every server.
 */
#ifndef PULSE_CORE_TIMETEXT_H
#define PULSE_CORE_TIMETEXT_H

#include <stddef.h>

/* Microseconds; false if s is no duration or is negative; *why gets a literal. */
extern bool pulse_duration_parse(const char *s, size_t len, int64 *usec, const char **why);

/* Unix microseconds. */
extern bool pulse_timestamp_parse(const char *s, size_t len, int64 *unix_usec, const char **why);

/* "2026-11-21T10:00:00.123456Z" (fraction only when not zero) into buf of >= 40 bytes. */
extern void pulse_timestamp_format(int64 unix_usec, char *buf);

/* "1h30m", "250ms", "3d": for drawings and messages; buf of >= 40 bytes. */
extern void pulse_duration_format(int64 usec, char *buf);

#endif
