/*
 * timetext.c
 *		Durations and timestamps as text.
 *
 * Owns which texts are accepted and what they mean.  Needs no time zone data,
 * no locale and no settings: everything it accepts means the same on every
 * server.  All functions are pure; nothing is allocated.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/timetext.h"

#include "common/int.h"

#define USEC_PER_SECOND	INT64CONST(1000000)
#define USEC_PER_MINUTE	(60 * USEC_PER_SECOND)
#define USEC_PER_HOUR	(60 * USEC_PER_MINUTE)
#define USEC_PER_DAY	(24 * USEC_PER_HOUR)

#define FRACTION_DIGITS 6		/* of a second, kept */
#define MAX_DIGITS 18			/* of one number */

static const struct
{
	const char *name;
	int64		usec;			/* 0: a unit without a fixed length */
}			units[] =
{
	{"us", 1}, {"usec", 1}, {"usecs", 1}, {"usecond", 1}, {"useconds", 1},
	{"microsecond", 1}, {"microseconds", 1},
	{"ms", 1000}, {"msec", 1000}, {"msecs", 1000}, {"msecond", 1000},
	{"mseconds", 1000}, {"millisecond", 1000}, {"milliseconds", 1000},
	{"s", USEC_PER_SECOND}, {"sec", USEC_PER_SECOND}, {"secs", USEC_PER_SECOND},
	{"second", USEC_PER_SECOND}, {"seconds", USEC_PER_SECOND},
	{"m", USEC_PER_MINUTE}, {"min", USEC_PER_MINUTE}, {"mins", USEC_PER_MINUTE},
	{"minute", USEC_PER_MINUTE}, {"minutes", USEC_PER_MINUTE},
	{"h", USEC_PER_HOUR}, {"hr", USEC_PER_HOUR}, {"hrs", USEC_PER_HOUR},
	{"hour", USEC_PER_HOUR}, {"hours", USEC_PER_HOUR},
	{"d", USEC_PER_DAY}, {"day", USEC_PER_DAY}, {"days", USEC_PER_DAY},
	{"w", 7 * USEC_PER_DAY}, {"week", 7 * USEC_PER_DAY}, {"weeks", 7 * USEC_PER_DAY},
	{"mon", 0}, {"mons", 0}, {"month", 0}, {"months", 0},
	{"y", 0}, {"yr", 0}, {"yrs", 0}, {"year", 0}, {"years", 0},
	{"decade", 0}, {"decades", 0}, {"century", 0}, {"centuries", 0},
	{"millennium", 0}, {"millennia", 0}
};

static const char *const no_fixed_length =
"months and years have no fixed length; use days or weeks";
static const char *const too_long = "the duration is too long";

/* A place in the text. */
typedef struct Cursor
{
	const char *p;
	const char *end;
} Cursor;

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
peek(const Cursor *cursor)
{
	return cursor->p < cursor->end ? *cursor->p : '\0';
}

static inline bool
accept(Cursor *cursor, char c)
{
	if (cursor->p >= cursor->end || *cursor->p != c)
		return false;
	cursor->p++;
	return true;
}

static void
skip_space(Cursor *cursor)
{
	while (cursor->p < cursor->end && (*cursor->p == ' ' || *cursor->p == '\t' ||
									   *cursor->p == '\n' || *cursor->p == '\r'))
		cursor->p++;
}

/* Digits; false if there are none or too many. */
static bool
read_digits(Cursor *cursor, int64 *value, int *n_digits)
{
	int			n = 0;

	*value = 0;
	*n_digits = 0;
	while (cursor->p < cursor->end && is_digit(*cursor->p))
	{
		if (n == MAX_DIGITS)
		{
			*n_digits = n;
			return false;
		}
		*value = *value * 10 + (*cursor->p++ - '0');
		n++;
	}
	*n_digits = n;
	return n > 0;
}

/* Exactly n digits. */
static bool
read_fixed(Cursor *cursor, int n, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++)
	{
		if (!is_digit(peek(cursor)))
			return false;
		*value = *value * 10 + (*cursor->p++ - '0');
	}
	return true;
}

/*
 * A decimal number; the value of its fraction is given as numerator over
 * denominator, digits beyond the ninth being of no consequence.
 */
static bool
read_decimal(Cursor *cursor, int64 *whole, int64 *numerator, int64 *denominator)
{
	int			n;
	bool		any = read_digits(cursor, whole, &n);

	if (!any && n != 0)
		return false;			/* too many digits */
	*numerator = 0;
	*denominator = 1;
	if (accept(cursor, '.'))
	{
		int			digits = 0;

		for (; is_digit(peek(cursor)); cursor->p++, digits++)
		{
			if (digits < 9)
			{
				*numerator = *numerator * 10 + (*cursor->p - '0');
				*denominator *= 10;
			}
		}
		any = any || digits > 0;
	}
	return any;
}

/* Adds (whole + numerator / denominator) units, rounding to microseconds. */
static bool
add_units(int64 *usec, int64 whole, int64 numerator, int64 denominator, int64 unit)
{
	int64		part;
	double		fraction = (double) numerator / (double) denominator * (double) unit;

	return !pg_mul_s64_overflow(whole, unit, &part) &&
		!pg_add_s64_overflow(*usec, part, usec) &&
		!pg_add_s64_overflow(*usec, (int64) (fraction + 0.5), usec);
}

/* hh:mm or hh:mm:ss[.ffffff]; the hours and the first colon are read already. */
static bool
read_clock(Cursor *cursor, int64 hours, int64 *usec, const char **why)
{
	int64		value;
	int64		numerator;
	int64		denominator;
	int			n;

	if (!read_digits(cursor, &value, &n) || n != 2 || value > 59)
	{
		*why = "minutes must be two digits from 00 to 59";
		return false;
	}
	if (!add_units(usec, hours, 0, 1, USEC_PER_HOUR) ||
		!add_units(usec, value, 0, 1, USEC_PER_MINUTE))
	{
		*why = too_long;
		return false;
	}
	if (accept(cursor, ':'))
	{
		const char *start = cursor->p;

		if (!read_decimal(cursor, &value, &numerator, &denominator) ||
			cursor->p - start < 2 || !is_digit(start[1]) ||
			(cursor->p - start > 2 && start[2] != '.') || value > 59)
		{
			*why = "seconds must be two digits from 00 to 59";
			return false;
		}
		if (!add_units(usec, value, numerator, denominator, USEC_PER_SECOND))
		{
			*why = too_long;
			return false;
		}
	}
	return true;
}

/* ISO 8601, after the P: nW nD T nH nM nS in this order, at least one. */
static bool
read_iso(Cursor *cursor, int64 *usec, const char **why)
{
	static const char order[] = "YOWDHMS";	/* O: months */
	int			last = -1;
	bool		time = false;
	bool		any = false;

	*why = "not an ISO 8601 duration";
	for (;;)
	{
		int64		whole;
		int64		numerator;
		int64		denominator;
		int64		unit;
		char		letter;
		int			place;

		if (!time && (accept(cursor, 'T') || accept(cursor, 't')))
		{
			time = true;
			any = false;		/* something must follow */
			continue;
		}
		if (cursor->p >= cursor->end)
			return any;
		if (!read_decimal(cursor, &whole, &numerator, &denominator))
			return false;

		letter = (char) pg_toupper((unsigned char) peek(cursor));
		if (cursor->p < cursor->end)
			cursor->p++;
		if (letter == 'M' && !time)
			letter = 'O';
		place = letter == '\0' || strchr(order, letter) == NULL ? -1
			: (int) (strchr(order, letter) - order);
		if (place <= last || time != (place >= 4))
			return false;
		last = place;
		any = true;

		switch (letter)
		{
			case 'W':
				unit = 7 * USEC_PER_DAY;
				break;
			case 'D':
				unit = USEC_PER_DAY;
				break;
			case 'H':
				unit = USEC_PER_HOUR;
				break;
			case 'M':
				unit = USEC_PER_MINUTE;
				break;
			case 'S':
				unit = USEC_PER_SECOND;
				break;
			default:
				*why = no_fixed_length;
				return false;
		}
		if (!add_units(usec, whole, numerator, denominator, unit))
		{
			*why = too_long;
			return false;
		}
	}
}

/* "1 hour 30 minutes", "1.5 s", "3 days 02:30:00" */
static bool
read_verbose(Cursor *cursor, int64 *usec, const char **why)
{
	while (skip_space(cursor), cursor->p < cursor->end)
	{
		int64		whole;
		int64		numerator;
		int64		denominator;
		char		word[16];
		size_t		len = 0;
		int			found = -1;

		if (peek(cursor) == '-')
		{
			*why = "a duration cannot be negative";
			return false;
		}
		accept(cursor, '+');
		if (!read_decimal(cursor, &whole, &numerator, &denominator))
		{
			*why = "expected a number";
			return false;
		}
		if (denominator == 1 && accept(cursor, ':'))
		{
			if (!read_clock(cursor, whole, usec, why))
				return false;
			skip_space(cursor);
			if (cursor->p < cursor->end)
			{
				*why = "nothing may follow hh:mm:ss";
				return false;
			}
			return true;
		}

		skip_space(cursor);
		while (cursor->p < cursor->end && len < sizeof(word) - 1 &&
			   ((*cursor->p >= 'a' && *cursor->p <= 'z') ||
				(*cursor->p >= 'A' && *cursor->p <= 'Z')))
			word[len++] = (char) pg_tolower((unsigned char) *cursor->p++);
		word[len] = '\0';
		if (len == 0)
		{
			*why = "a number needs a unit, such as s, min, h or days";
			return false;
		}
		for (int i = 0; i < (int) lengthof(units); i++)
		{
			if (strcmp(word, units[i].name) == 0)
				found = i;
		}
		if (found < 0)
		{
			*why = "unknown unit; the units are us, ms, s, min, h, days and weeks";
			return false;
		}
		if (units[found].usec == 0)
		{
			*why = no_fixed_length;
			return false;
		}
		if (!add_units(usec, whole, numerator, denominator, units[found].usec))
		{
			*why = too_long;
			return false;
		}
	}
	return true;
}

bool
pulse_duration_parse(const char *s, size_t len, int64 *usec, const char **why)
{
	Cursor		cursor = {.p = s,.end = s + len};
	int64		sum = 0;

	skip_space(&cursor);
	while (cursor.end > cursor.p && (cursor.end[-1] == ' ' || cursor.end[-1] == '\t' ||
									 cursor.end[-1] == '\n' || cursor.end[-1] == '\r'))
		cursor.end--;
	if (cursor.p >= cursor.end)
	{
		*why = "the text is empty";
		return false;
	}
	if (accept(&cursor, 'P') || accept(&cursor, 'p'))
	{
		if (!read_iso(&cursor, &sum, why))
			return false;
	}
	else if (!read_verbose(&cursor, &sum, why))
		return false;
	*usec = sum;
	return true;
}

/* ---- timestamps ---- */

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64
days_from_date(int year, int month, int day)
{
	int64		y = month <= 2 ? (int64) year - 1 : year;
	int64		era = (y >= 0 ? y : y - 399) / 400;
	int64		year_of_era = y - era * 400;
	int64		month_from_march = (month + 9) % 12;
	int64		day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
		day_of_year - 719468;
}

static void
date_from_days(int64 days, int *year, int *month, int *day)
{
	int64		z = days + 719468;
	int64		era = (z >= 0 ? z : z - 146096) / 146097;
	int64		day_of_era = z - era * 146097;
	int64		year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
							   day_of_era / 146096) / 365;
	int64		day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
											year_of_era / 100);
	int64		month_from_march = (5 * day_of_year + 2) / 153;

	*day = (int) (day_of_year - (153 * month_from_march + 2) / 5 + 1);
	*month = (int) (month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
	*year = (int) (year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Z, +hh, +hhmm, +hh:mm or +hh:mm:ss; seconds east of Greenwich. */
static bool
read_zone(Cursor *cursor, int64 *seconds, const char **why)
{
	static const char *const bad = "the zone must be Z, +hh, +hh:mm or +hhmm";
	int			sign = 1;
	int			hours = 0;
	int			minutes = 0;
	int			secs = 0;

	*seconds = 0;
	skip_space(cursor);
	if (accept(cursor, 'Z') || accept(cursor, 'z'))
		return true;
	if (cursor->end - cursor->p == 3 && pg_strncasecmp(cursor->p, "UTC", 3) == 0)
	{
		cursor->p += 3;
		return true;
	}
	if (cursor->p >= cursor->end)
	{
		*why = "the zone is missing; add Z or an offset such as +02:00";
		return false;
	}
	*why = bad;
	if (accept(cursor, '-'))
		sign = -1;
	else if (!accept(cursor, '+'))
		return false;
	if (!read_fixed(cursor, 2, &hours))
		return false;
	if (accept(cursor, ':'))
	{
		if (!read_fixed(cursor, 2, &minutes))
			return false;
		if (accept(cursor, ':') && !read_fixed(cursor, 2, &secs))
			return false;
	}
	else if (is_digit(peek(cursor)) && !read_fixed(cursor, 2, &minutes))
		return false;
	if (hours > 15 || minutes > 59 || secs > 59)
		return false;
	*seconds = sign * ((int64) hours * 3600 + minutes * 60 + secs);
	return true;
}

bool
pulse_timestamp_parse(const char *s, size_t len, int64 *unix_usec, const char **why)
{
	Cursor		cursor = {.p = s,.end = s + len};
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second = 0;
	int64		fraction = 0;
	int64		zone;

	skip_space(&cursor);
	while (cursor.end > cursor.p && cursor.end[-1] == ' ')
		cursor.end--;

	*why = "not a timestamp such as 2026-11-21T10:00:00Z";
	if (!read_fixed(&cursor, 4, &year) || !accept(&cursor, '-') ||
		!read_fixed(&cursor, 2, &month) || !accept(&cursor, '-') ||
		!read_fixed(&cursor, 2, &day) || is_digit(peek(&cursor)))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > days_in_month(year, month))
	{
		*why = "there is no such date";
		return false;
	}
	if (!accept(&cursor, 'T') && !accept(&cursor, 't') && !accept(&cursor, ' '))
	{
		*why = "the time of day is missing";
		return false;
	}
	skip_space(&cursor);
	if (!read_fixed(&cursor, 2, &hour) || !accept(&cursor, ':') ||
		!read_fixed(&cursor, 2, &minute))
	{
		*why = "the time of day must be hh:mm:ss";
		return false;
	}
	if (accept(&cursor, ':'))
	{
		if (!read_fixed(&cursor, 2, &second))
		{
			*why = "the time of day must be hh:mm:ss";
			return false;
		}
		if (accept(&cursor, '.'))
		{
			int			digits = 0;
			bool		round_up = false;

			for (; is_digit(peek(&cursor)); cursor.p++, digits++)
			{
				if (digits < FRACTION_DIGITS)
					fraction = fraction * 10 + (*cursor.p - '0');
				else if (digits == FRACTION_DIGITS)
					round_up = *cursor.p >= '5';
			}
			for (int i = digits; i < FRACTION_DIGITS; i++)
				fraction *= 10;
			fraction += round_up ? 1 : 0;
		}
	}
	if (hour > 24 || minute > 59 || second > 59 ||
		(hour == 24 && (minute > 0 || second > 0 || fraction > 0)))
	{
		*why = "there is no such time of day";
		return false;
	}
	if (!read_zone(&cursor, &zone, why))
		return false;
	if (cursor.p < cursor.end)
	{
		*why = "nothing may follow the zone";
		return false;
	}
	*unix_usec = days_from_date(year, month, day) * USEC_PER_DAY +
		hour * USEC_PER_HOUR + minute * USEC_PER_MINUTE + second * USEC_PER_SECOND +
		fraction - zone * USEC_PER_SECOND;
	return true;
}

/* ---- output ---- */

void
pulse_timestamp_format(int64 unix_usec, char *buf)
{
	int64		days = unix_usec / USEC_PER_DAY;
	int64		rest = unix_usec % USEC_PER_DAY;
	int			year;
	int			month;
	int			day;
	int			n;
	int			fraction;

	if (rest < 0)
	{
		rest += USEC_PER_DAY;
		days--;
	}
	date_from_days(days, &year, &month, &day);
	n = snprintf(buf, 40, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day,
				 (int) (rest / USEC_PER_HOUR), (int) (rest / USEC_PER_MINUTE % 60),
				 (int) (rest / USEC_PER_SECOND % 60));
	fraction = (int) (rest % USEC_PER_SECOND);
	if (fraction != 0)
	{
		n += snprintf(buf + n, 40 - (size_t) n, ".%06d", fraction);
		while (buf[n - 1] == '0')
			n--;
	}
	snprintf(buf + n, 40 - (size_t) n, "Z");
}

void
pulse_duration_format(int64 usec, char *buf)
{
	static const struct
	{
		const char *name;
		int64		usec;
	}			parts[] =
	{
		{"d", USEC_PER_DAY}, {"h", USEC_PER_HOUR}, {"m", USEC_PER_MINUTE},
		{"s", USEC_PER_SECOND}, {"ms", 1000}, {"us", 1}
	};
	uint64		rest = usec < 0 ? 0 - (uint64) usec : (uint64) usec;
	int			n = 0;

	if (usec == 0)
	{
		strlcpy(buf, "0s", 40);
		return;
	}
	if (usec < 0)
		buf[n++] = '-';
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		uint64		unit = (uint64) parts[i].usec;

		if (rest / unit > 0)
			n += snprintf(buf + n, 40 - (size_t) n, UINT64_FORMAT "%s", rest / unit,
						  parts[i].name);
		rest %= unit;
	}
}
