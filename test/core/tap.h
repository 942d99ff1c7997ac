/*
 * tap.h
 *		TAP for the unit tests of the kernel: one program, one main, no server.
 *
 * Header only. A test program calls ok() and friends and ends with
 * `return tap_done();`. The plan is printed at the end.
 */
#ifndef PULSE_TEST_TAP_H
#define PULSE_TEST_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int	tap_count = 0;
static int	tap_failed = 0;

/* A line of comment in the output. */
static inline void __attribute__((format(printf, 1, 2), unused))
diag(const char *fmt,...)
{
	va_list		ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vfprintf(stdout, fmt, ap);
	va_end(ap);
	fputc('\n', stdout);
}

/* One test; returns cond. */
static inline bool __attribute__((format(printf, 2, 3), unused))
ok(bool cond, const char *fmt,...)
{
	va_list		ap;

	tap_count++;
	if (!cond)
		tap_failed++;
	printf("%sok %d - ", cond ? "" : "not ", tap_count);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	return cond;
}

/* Two texts are equal; NULL equals NULL only. */
static inline bool __attribute__((unused))
is(const char *got, const char *expected, const char *name)
{
	bool		same;

	if (got == NULL || expected == NULL)
		same = (got == expected);
	else
		same = strcmp(got, expected) == 0;
	ok(same, "%s", name);
	if (!same)
	{
		diag("     got: %s", got == NULL ? "(null)" : got);
		diag("expected: %s", expected == NULL ? "(null)" : expected);
	}
	return same;
}

/* Two integers are equal. */
static inline bool __attribute__((unused))
is_int(long long got, long long expected, const char *name)
{
	ok(got == expected, "%s", name);
	if (got != expected)
	{
		diag("     got: %lld", got);
		diag("expected: %lld", expected);
	}
	return got == expected;
}

/* Prints the plan; gives the exit status. */
static inline int __attribute__((unused))
tap_done(void)
{
	printf("1..%d\n", tap_count);
	if (tap_failed > 0)
		diag("%d of %d tests failed", tap_failed, tap_count);
	fflush(stdout);
	return tap_failed > 0 ? 1 : 0;
}

#endif
