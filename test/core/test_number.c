/*
 * test_number.c
 *		Exact decimals: scale, signs, limits, and the laws of arithmetic.
 */
#include "postgres_fe.h"

#include "core/number.h"

#include "common/pg_prng.h"

#include "tap.h"

static PulseArena *arena;

static const PulseJson *
num(const char *text)
{
	return pulse_number_canonical(arena, text, strlen(text));
}

static const char *
text_of(const PulseJson *number)
{
	return number == NULL ? "too long" : number->u.text;
}

static void
check(const char *a, char op, const char *b, const char *expected)
{
	const PulseJson *x = num(a);
	const PulseJson *y = num(b);
	const PulseJson *r = op == '+' ? pulse_number_add(arena, x, y)
		: op == '-' ? pulse_number_sub(arena, x, y) : pulse_number_mul(arena, x, y);

	is(text_of(r), expected, pulse_arena_printf(arena, "%.40s %c %.40s", a, op, b));
}

static void
canonical(const char *text, const char *expected)
{
	is(text_of(num(text)), expected, pulse_arena_printf(arena, "%.40s as text", text));
}

static char *
repeat(char c, int n)
{
	char	   *s = pulse_arena_alloc(arena, (size_t) n + 1);

	memset(s, c, (size_t) n);
	s[n] = '\0';
	return s;
}

static void
test_canonical(void)
{
	canonical("0", "0");
	canonical("-0", "0");
	canonical("-0.00", "0.00");
	canonical(".5", "0.5");
	canonical("1.50", "1.50");
	canonical("1e2", "100");
	canonical("1.5e0", "1.5");
	canonical("1.50e1", "15.0");
	canonical("1.5E+3", "1500");
	canonical("25e-3", "0.025");
	canonical("-25e-3", "-0.025");
	canonical("0e5", "0");
	canonical("0e5000", "0");
	canonical("0e-3", "0.000");
	canonical("0.00e1", "0.0");
	canonical("12.34e1", "123.4");
	canonical("0.012e1", "0.12");
	canonical("0.012e2", "1.2");
	canonical("0.012e-2", "0.00012");
	canonical(repeat('9', 1000), repeat('9', 1000));
	canonical(repeat('9', 1001), "too long");
	canonical("1e999", pulse_arena_printf(arena, "1%s", repeat('0', 999)));
	canonical("1e1000", "too long");
	canonical("1e-999", pulse_arena_printf(arena, "0.%s1", repeat('0', 998)));
	canonical("1e-1000", "too long");
	canonical("0e-5000", "too long");
}

static void
test_arithmetic(void)
{
	check("1", '+', "2", "3");
	check("1.5", '+', "2.50", "4.00");
	check("0.1", '+', "0.2", "0.3");
	check("1", '-', "1.00", "0.00");
	check("1", '-', "2.5", "-1.5");
	check("-1", '-', "-2.5", "1.5");
	check("-1", '+', "-2.5", "-3.5");
	check("99.9", '+', "0.1", "100.0");
	check("100", '-', "0.001", "99.999");
	check("9223372036854775807", '+', "1", "9223372036854775808");
	check("-9223372036854775808", '-', "1", "-9223372036854775809");
	check("999999999999999999", '+', "999999999999999999", "1999999999999999998");
	check("1.5", '*', "2", "3.0");
	check("1.50", '*', "2.00", "3.0000");
	check("-0.5", '*', "0.0", "0.00");
	check("-3", '*', "4", "-12");
	check("3037000500", '*', "3037000500", "9223372037000250000");
	check("99999999999999999999.5", '*', "-2", "-199999999999999999999.0");
	check("123456789012345678901234567890", '*', "987654321098765432109876543210",
		  "121932631137021795226185032733622923332237463801111263526900");
	check(repeat('9', 1000), '+', "1", "too long");
	check(repeat('9', 1000), '-', "1", pulse_arena_printf(arena, "%s8", repeat('9', 999)));
	check(repeat('9', 500), '*', repeat('9', 500),
		  pulse_arena_printf(arena, "%s8%s1", repeat('9', 499), repeat('0', 499)));
	check(repeat('9', 501), '*', repeat('9', 500), "too long");
	check("1e-600", '*', "1e-600", "too long");
}

static void
test_rounding(void)
{
	static const struct
	{
		const char *n;
		const char *floor;
		const char *ceiling;
		const char *abs;
		const char *neg;
	}			cases[] =
	{
		{"1.5", "1", "2", "1.5", "-1.5"},
		{"-1.5", "-2", "-1", "1.5", "1.5"},
		{"-0.5", "-1", "0", "0.5", "0.5"},
		{"0.5", "0", "1", "0.5", "-0.5"},
		{"2.00", "2", "2", "2.00", "-2.00"},
		{"-2.00", "-2", "-2", "2.00", "2.00"},
		{"0.00", "0", "0", "0.00", "0.00"},
		{"99.9", "99", "100", "99.9", "-99.9"},
		{"-999.01", "-1000", "-999", "999.01", "999.01"},
		{"7", "7", "7", "7", "-7"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
	{
		const PulseJson *n = num(cases[i].n);

		is(text_of(pulse_number_floor(arena, n)), cases[i].floor, "floor");
		is(text_of(pulse_number_ceiling(arena, n)), cases[i].ceiling, "ceiling");
		is(text_of(pulse_number_abs(arena, n)), cases[i].abs, "abs");
		is(text_of(pulse_number_neg(arena, n)), cases[i].neg, "neg");
	}
	is(text_of(pulse_number_ceiling(arena, num(pulse_arena_printf(arena, "%s.5", repeat('9', 999))))),
	   pulse_arena_printf(arena, "1%s", repeat('0', 999)), "ceiling of 999 nines and a half");
}

static void
test_compare(void)
{
	static const char *const ascending[] = {
		"-100000000000000000000", "-10.5", "-10", "-9.99", "-1", "-0.001", "0", "0.001",
		"0.01", "1", "1.01", "9", "10", "10.05", "10.5", "100000000000000000000"
	};
	bool		sound = true;

	for (int i = 0; i < (int) lengthof(ascending); i++)
	{
		for (int j = 0; j < (int) lengthof(ascending); j++)
		{
			int			cmp = pulse_number_compare(num(ascending[i]), num(ascending[j]));

			if ((cmp > 0) - (cmp < 0) != (i > j) - (i < j))
				sound = false;
		}
	}
	ok(sound, "the order is total");
	is_int(pulse_number_compare(num("1.0"), num("1.000")), 0, "the scale does not matter");
	is_int(pulse_number_compare(num("0.0"), num("-0")), 0, "there is one zero");
}

static void
test_integers(void)
{
	int64		n = 0;

	ok(pulse_number_trunc(num("-1.9"), &n) && n == -1, "cut towards zero");
	ok(pulse_number_trunc(num("9223372036854775807.9"), &n) && n == PG_INT64_MAX, "largest");
	ok(!pulse_number_trunc(num("9223372036854775808"), &n), "too large");
	ok(pulse_number_trunc(num("-9223372036854775808.1"), &n) && n == PG_INT64_MIN, "smallest");
	ok(!pulse_number_trunc(num("-9223372036854775809"), &n), "too small");
	ok(!pulse_number_trunc(num("99999999999999999999999"), &n), "far too large");
	ok(pulse_number_as_int(num("3.000"), &n) && n == 3, "3.000 is an integer");
	ok(!pulse_number_as_int(num("3.0001"), &n), "3.0001 is none");
}

/* (a + b) * c = a * c + b * c and so on, on numbers of all sizes. */
static void
test_laws(uint64 seed)
{
	pg_prng_state prng;
	int			broken = 0;

	diag("seed " UINT64_FORMAT, seed);
	pg_prng_seed(&prng, seed);
	for (int i = 0; i < 20000; i++)
	{
		const PulseJson *n[3];
		const PulseJson *left;
		const PulseJson *right;

		for (int k = 0; k < 3; k++)
		{
			char		buf[128];
			int			len = 1 + (int) (pg_prng_uint64(&prng) % 60);
			int			at = 0;

			if (pg_prng_bool(&prng))
				buf[at++] = '-';
			buf[at++] = (char) ('1' + pg_prng_uint64(&prng) % 9);
			for (int j = 0; j < len; j++)
				buf[at++] = (char) ('0' + pg_prng_uint64(&prng) % 10);
			if (pg_prng_bool(&prng))
			{
				buf[at++] = '.';
				for (int j = 0; j < len / 2 + 1; j++)
					buf[at++] = (char) ('0' + pg_prng_uint64(&prng) % 10);
			}
			n[k] = pulse_number_canonical(arena, buf, (size_t) at);
		}
		left = pulse_number_mul(arena, pulse_number_add(arena, n[0], n[1]), n[2]);
		right = pulse_number_add(arena, pulse_number_mul(arena, n[0], n[2]),
								 pulse_number_mul(arena, n[1], n[2]));
		if (pulse_number_compare(left, right) != 0)
			broken++;
		left = pulse_number_sub(arena, pulse_number_add(arena, n[0], n[1]), n[1]);
		if (pulse_number_compare(left, n[0]) != 0)
			broken++;
		left = pulse_number_sub(arena, n[0], n[1]);
		if ((pulse_number_compare(n[0], n[1]) < 0) != (left->u.text[0] == '-'))
			broken++;
		if (pulse_number_compare(pulse_number_floor(arena, n[0]), n[0]) > 0 ||
			pulse_number_compare(pulse_number_ceiling(arena, n[0]), n[0]) < 0)
			broken++;
		if (i % 256 == 0)
			pulse_arena_reset(arena);
	}
	is_int(broken, 0, "laws of arithmetic");
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_canonical();
	test_arithmetic();
	test_rounding();
	test_compare();
	test_integers();
	test_laws(20261121);
	pulse_arena_free(arena);
	return tap_done();
}
