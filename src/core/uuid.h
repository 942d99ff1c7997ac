/*
 * uuid.h
 *		UUIDv7 (RFC 9562): run and activation ids, ordered by time.
 *
 * Time and the random generator are arguments, so that the kernel stays
 * deterministic under test; the server seeds the generator with strong randomness once per
 * process.
 */
#ifndef PULSE_CORE_UUID_H
#define PULSE_CORE_UUID_H

#include "common/pg_prng.h"

typedef struct PulseUuid
{
	unsigned char b[16];
} PulseUuid;

#define PULSE_UUID_TEXT 36

extern PulseUuid pulse_uuid7(int64 unix_usec, pg_prng_state *prng);

/* The smallest UUIDv7 of that moment: a bound for searches by time. */
extern PulseUuid pulse_uuid7_floor(int64 unix_usec);

/* Text form into buf of >= 37 bytes; returns buf. */
extern char *pulse_uuid_text(const PulseUuid *uuid, char *buf);
extern bool pulse_uuid_parse(const char *s, PulseUuid *uuid);

#endif
