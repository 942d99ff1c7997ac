/*
 * uuid.c
 *		UUIDv7 of RFC 9562.
 *
 * Owns the layout: 48 bits of milliseconds, then 12 bits that hold the microseconds
 * within them (method 3 of section 6.2: ids of one process made in
 * different microseconds sort by time), then 62 random bits.  No state; time and
 * randomness come from the caller.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/uuid.h"

#define VERSION_BITS 0x70
#define VARIANT_BITS 0x80

static PulseUuid
make_uuid(int64 unix_usec, uint64 random)
{
	uint64		usec = unix_usec < 0 ? 0 : (uint64) unix_usec;
	uint64		msec = usec / 1000;
	uint32		fraction = (uint32) (usec % 1000 * 4096 / 1000);
	PulseUuid	uuid;

	for (int i = 0; i < 6; i++)
		uuid.b[i] = (unsigned char) (msec >> (40 - 8 * i));
	uuid.b[6] = (unsigned char) (VERSION_BITS | fraction >> 8);
	uuid.b[7] = (unsigned char) fraction;
	for (int i = 0; i < 8; i++)
		uuid.b[8 + i] = (unsigned char) (random >> (56 - 8 * i));
	uuid.b[8] = (unsigned char) (VARIANT_BITS | (uuid.b[8] & 0x3f));
	return uuid;
}

PulseUuid
pulse_uuid7(int64 unix_usec, pg_prng_state *prng)
{
	return make_uuid(unix_usec, pg_prng_uint64(prng));
}

PulseUuid
pulse_uuid7_floor(int64 unix_usec)
{
	return make_uuid(unix_usec, 0);
}

char *
pulse_uuid_text(const PulseUuid *uuid, char *buf)
{
	static const char hex[] = "0123456789abcdef";
	char	   *p = buf;

	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[uuid->b[i] >> 4];
		*p++ = hex[uuid->b[i] & 0xf];
	}
	*p = '\0';
	return buf;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
pulse_uuid_parse(const char *s, PulseUuid *uuid)
{
	for (int i = 0; i < 16; i++)
	{
		int			high;
		int			low;

		if (i == 4 || i == 6 || i == 8 || i == 10)
		{
			if (*s++ != '-')
				return false;
		}
		high = hex_digit(s[0]);
		if (high < 0)
			return false;
		low = hex_digit(s[1]);
		if (low < 0)
			return false;
		uuid->b[i] = (unsigned char) (high << 4 | low);
		s += 2;
	}
	return *s == '\0';
}
