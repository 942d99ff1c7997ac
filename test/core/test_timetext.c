/*
 * test_timetext.c
 *		Durations, timestamps and UUIDs as text.
 */
#include "postgres_fe.h"

#include "core/timetext.h"
#include "core/uuid.h"

#include "tap.h"

#define SECOND INT64CONST(1000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void
duration(const char *text, int64 expected)
{
	const char *why = NULL;
	int64		usec = -1;
	bool		good = pulse_duration_parse(text, strlen(text), &usec, &why);

	if (expected < 0)
		ok(!good && why != NULL, "\"%s\" is refused: %s", text, good ? "no" : why);
	else if (!ok(good && usec == expected, "\"%s\"", text))
		diag("got " INT64_FORMAT " (%s)", usec, why == NULL ? "" : why);
}

static void
test_durations(void)
{
	duration("10 min", 10 * MINUTE);
	duration("1 hour 30 minutes", 90 * MINUTE);
	duration("1h30m", 90 * MINUTE);
	duration("1.5 s", 1500000);
	duration(".5 s", 500000);
	duration("3 days", 3 * DAY);
	duration("2 weeks", 14 * DAY);
	duration("  250MS ", 250000);
	duration("5 us", 5);
	duration("0 s", 0);
	duration("02:30:00", 150 * MINUTE);
	duration("02:30", 150 * MINUTE);
	duration("100:00:00.25", 100 * HOUR + 250000);
	duration("1 day 02:30:00", DAY + 150 * MINUTE);
	duration("PT5M", 5 * MINUTE);
	duration("P3DT4H", 3 * DAY + 4 * HOUR);
	duration("P1W", 7 * DAY);
	duration("pt0.5s", 500000);
	duration("0.1 s", 100000);
	duration("0.0000005 s", 1);
	duration("0.3 ms", 300);
	duration("", -1);
	duration("  ", -1);
	duration("10", -1);
	duration("min", -1);
	duration("-5 s", -1);
	duration("1 hour -5 min", -1);
	duration("1 month", -1);
	duration("P1M", -1);
	duration("P1Y", -1);
	duration("PT", -1);
	duration("P", -1);
	duration("P1DT", -1);
	duration("P1H", -1);
	duration("PT1S1M", -1);
	duration("P1", -1);
	duration("5 parsecs", -1);
	duration("1:2:3", -1);
	duration("1:60", -1);
	duration("1:00:60", -1);
	duration("1:00:00 s", -1);
	duration("99999999999999999 weeks", -1);
	duration("9999999999999999999999 s", -1);
	duration("1 s x", -1);
}

static void
timestamp(const char *text, const char *expected)
{
	const char *why = NULL;
	int64		usec = 0;
	char		buf[40];
	bool		good = pulse_timestamp_parse(text, strlen(text), &usec, &why);

	if (expected == NULL)
	{
		ok(!good && why != NULL, "\"%s\" is refused: %s", text, good ? "no" : why);
		return;
	}
	if (!ok(good, "\"%s\" is read", text))
	{
		diag("%s", why);
		return;
	}
	pulse_timestamp_format(usec, buf);
	is(buf, expected, text);
}

static void
test_timestamps(void)
{
	int64		usec;
	const char *why;
	bool		sound = true;

	timestamp("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z");
	timestamp("2026-11-21 10:00:00.5+02", "2026-11-21T08:00:00.5Z");
	timestamp("2026-11-21 10:00:00.123456-05:30", "2026-11-21T15:30:00.123456Z");
	timestamp("2026-11-21 10:00:00.9999999Z", "2026-11-21T10:00:01Z");
	timestamp("2026-11-21t10:00z", "2026-11-21T10:00:00Z");
	timestamp("2026-11-21 10:00:00 UTC", "2026-11-21T10:00:00Z");
	timestamp("2026-11-21T24:00:00Z", "2026-11-22T00:00:00Z");
	timestamp("2024-02-29T00:00:00+0000", "2024-02-29T00:00:00Z");
	timestamp("1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25Z");
	timestamp("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
	timestamp("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z");
	timestamp("2026-11-21T10:00:00", NULL);
	timestamp("2026-11-21", NULL);
	timestamp("2026-02-29T00:00:00Z", NULL);
	timestamp("1900-02-29T00:00:00Z", NULL);
	timestamp("2026-13-01T00:00:00Z", NULL);
	timestamp("2026-11-21T25:00:00Z", NULL);
	timestamp("2026-11-21T24:00:01Z", NULL);
	timestamp("2026-11-21T10:60:00Z", NULL);
	timestamp("2026-11-21T10:00:00+2", NULL);
	timestamp("2026-11-21T10:00:00Zx", NULL);
	timestamp("2026-11-21T10:00:00 Europe/Berlin", NULL);
	timestamp("tomorrow", NULL);
	timestamp("", NULL);

	ok(pulse_timestamp_parse("1970-01-01T00:00:00Z", 20, &usec, &why) && usec == 0, "epoch");
	for (int64 day = -700000; day < 2900000; day += 13)
	{
		char		buf[40];

		pulse_timestamp_format(day * DAY + 1, buf);
		if (!pulse_timestamp_parse(buf, strlen(buf), &usec, &why) || usec != day * DAY + 1)
			sound = false;
	}
	ok(sound, "dates survive a round trip");
}

static void
shown(int64 usec, const char *expected)
{
	char		buf[40];

	pulse_duration_format(usec, buf);
	is(buf, expected, expected);
}

static void
test_uuid(void)
{
	pg_prng_state prng;
	PulseUuid	uuid;
	PulseUuid	again;
	PulseUuid	floor;
	char		buf[37];
	bool		sound = true;
	char		last[37] = "";

	pg_prng_seed(&prng, 1);
	/* the example of RFC 9562, appendix A.6, has this time */
	floor = pulse_uuid7_floor(INT64CONST(1645557742000) * 1000);
	is(pulse_uuid_text(&floor, buf), "017f22e2-79b0-7000-8000-000000000000", "layout");
	uuid = pulse_uuid7(INT64CONST(1645557742000) * 1000, &prng);
	ok(memcmp(&uuid, &floor, 8) == 0 && memcmp(&uuid, &floor, 16) >= 0, "time and bound");

	for (int64 usec = 0; usec < 5000; usec++)
	{
		uuid = pulse_uuid7(INT64CONST(1645557742000000) + usec, &prng);
		pulse_uuid_text(&uuid, buf);
		if (strcmp(last, buf) >= 0 || buf[14] != '7' || strchr("89ab", buf[19]) == NULL ||
			!pulse_uuid_parse(buf, &again) || memcmp(&again, &uuid, 16) != 0)
			sound = false;
		strcpy(last, buf);
	}
	ok(sound, "ids of successive microseconds ascend and survive a round trip");
	ok(pulse_uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", &uuid), "upper case");
	ok(!pulse_uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398", &uuid), "too short");
	ok(!pulse_uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398ff", &uuid), "too long");
	ok(!pulse_uuid_parse("017f22e2079b0-7cc3-98c4-dc0c0c07398f", &uuid), "no hyphen");
	ok(!pulse_uuid_parse("017f22e2-79b0-7cc3-98c4-dc0c0c07398g", &uuid), "no digit");
	ok(!pulse_uuid_parse("", &uuid), "empty");
}

int
main(void)
{
	test_durations();
	test_timestamps();
	shown(0, "0s");
	shown(90 * MINUTE, "1h30m");
	shown(250000, "250ms");
	shown(3 * DAY, "3d");
	shown(DAY + HOUR + MINUTE + SECOND + 1001, "1d1h1m1s1ms1us");
	shown(-5 * SECOND, "-5s");
	shown(PG_INT64_MIN, "-106751991d4h54s775ms808us");
	test_uuid();
	return tap_done();
}
