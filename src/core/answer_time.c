/*
 * answer_time.c
 *		Retry-After: how long a host asks to be left alone.
 *
 * Owns the reading of HTTP dates.  The present is an argument; nothing is
 * allocated.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/answer.h"

static int64
cap_wait(int64 usec)
{
	if (usec < 0)
		return 0;
	return Min(usec, PULSE_ANSWER_RETRY_AFTER_MAX);
}

/* Unix days of a date of the proleptic Gregorian calendar. */
static int64
days_of(int64 year, int month, int day)
{
	int64		y = month <= 2 ? year - 1 : year;
	int64		era = (y >= 0 ? y : y - 399) / 400;
	int64		in_era = y - era * 400;
	int64		day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + day_of_year - 719468;
}

/* Reads n digits (a leading space stands for 0 if allowed); NULL if there are none. */
static const char *
digits(const char *p, int n, bool space, int *out)
{
	int			i;

	*out = 0;
	for (i = 0; i < n; i++, p++)
	{
		if (i == 0 && space && *p == ' ')
			continue;
		if (*p < '0' || *p > '9')
			return NULL;
		*out = *out * 10 + (*p - '0');
	}
	return p;
}

static const char *
month_name(const char *p, int *out)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int			i;

	for (i = 0; i < 12; i++)
	{
		if (strncmp(p, names + 3 * i, 3) == 0)
		{
			*out = i + 1;
			return p + 3;
		}
	}
	return NULL;
}

static const char *
clock_time(const char *p, int *seconds)
{
	int			h;
	int			m;
	int			s;

	if ((p = digits(p, 2, false, &h)) == NULL || *p != ':' ||
		(p = digits(p + 1, 2, false, &m)) == NULL || *p != ':' ||
		(p = digits(p + 1, 2, false, &s)) == NULL || h > 23 || m > 59 || s > 60)
		return NULL;
	*seconds = (h * 60 + m) * 60 + s;
	return p;
}

/* The three forms of dates in HTTP, to Unix seconds. */
static bool
http_date(const char *p, int64 now, int64 *out)
{
	static const char *const day_names[] = {
		"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"
	};
	int			day = 0;
	int			month = 0;
	int			year = 0;
	int			seconds = 0;
	int			i;
	size_t		len = 0;

	for (i = 0; i < 7 && len == 0; i++)
	{
		size_t		full = strlen(day_names[i]);

		if (strncmp(p, day_names[i], full) == 0)
			len = full;
		else if (strncmp(p, day_names[i], 3) == 0)
			len = 3;
	}
	if (len == 0)
		return false;
	p += len;

	if (len == 3 && p[0] == ',' && p[1] == ' ')
	{
		if ((p = digits(p + 2, 2, false, &day)) == NULL || *p != ' ' ||
			(p = month_name(p + 1, &month)) == NULL || *p != ' ' ||
			(p = digits(p + 1, 4, false, &year)) == NULL || *p != ' ' ||
			(p = clock_time(p + 1, &seconds)) == NULL || strcmp(p, " GMT") != 0)
			return false;
	}
	else if (len == 3 && p[0] == ' ')
	{
		if ((p = month_name(p + 1, &month)) == NULL || *p != ' ' ||
			(p = digits(p + 1, 2, true, &day)) == NULL || *p != ' ' ||
			(p = clock_time(p + 1, &seconds)) == NULL || *p != ' ' ||
			(p = digits(p + 1, 4, false, &year)) == NULL || *p != '\0')
			return false;
	}
	else if (len > 3 && p[0] == ',' && p[1] == ' ')
	{
		if ((p = digits(p + 2, 2, false, &day)) == NULL || *p != '-' ||
			(p = month_name(p + 1, &month)) == NULL || *p != '-' ||
			(p = digits(p + 1, 2, false, &year)) == NULL || *p != ' ' ||
			(p = clock_time(p + 1, &seconds)) == NULL || strcmp(p, " GMT") != 0)
			return false;
		/* Two digits: the nearest such year not more than 50 years ahead. */
		{
			int64		this_year = 1970 + now / INT64CONST(1000000) / 31556952;

			year += (int) (this_year / 100 * 100);
			if (year > this_year + 50)
				year -= 100;
		}
	}
	else
		return false;

	if (day < 1 || day > 31)
		return false;
	*out = days_of(year, month, day) * 86400 + seconds;
	return true;
}

int64
pulse_retry_after_parse(const char *value, int64 now)
{
	int64		when;

	if (*value >= '0' && *value <= '9')
	{
		int64		seconds = 0;

		for (; *value >= '0' && *value <= '9'; value++)
		{
			if (seconds < INT64CONST(1000000000))
				seconds = seconds * 10 + (*value - '0');
		}
		return *value == '\0' ? cap_wait(seconds * 1000000) : -1;
	}
	if (http_date(value, now, &when))
		return cap_wait(when * 1000000 - now);
	return -1;
}
