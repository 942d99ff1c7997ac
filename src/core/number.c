/*
 * number.c
 *		Exact decimal arithmetic on decimal text.
 *
 * Owns the rules of scale and sign of the server's numeric; knows nothing of
 * documents.  Integers that fit into int64 take a short way; the rest is done
 * digit by digit, products in limbs of nine digits.  No state.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/number.h"

#include "common/int.h"

/* Integers of up to so many digits fit into int64. */
#define INT64_SAFE_DIGITS 18

/* Exponents beyond this are too large or too small whatever the digits. */
#define EXPONENT_CAP 100000

#define LIMB_DIGITS 9
#define LIMB_BASE UINT64CONST(1000000000)
#define MAX_LIMBS (2 * (PULSE_JSON_MAX_DIGITS / LIMB_DIGITS + 2))

/* Room for the digits of any sum or product of two numbers within the limit. */
#define WORK_DIGITS (2 * PULSE_JSON_MAX_DIGITS + 2 * LIMB_DIGITS + 2)

/* Sign, integral and fractional digits of a number: pointers into its text. */
typedef struct Parts
{
	bool		negative;
	const char *integral;		/* without leading zeros, but at least one digit */
	int			n_integral;
	const char *fraction;
	int			scale;			/* digits of the fraction */
} Parts;

static void
split(const PulseJson *a, Parts *parts)
{
	const char *s = a->u.text;
	const char *end = s + a->len;
	const char *point;

	parts->negative = *s == '-';
	if (parts->negative)
		s++;
	point = memchr(s, '.', (size_t) (end - s));
	parts->integral = s;
	if (point == NULL)
	{
		parts->n_integral = (int) (end - s);
		parts->fraction = end;
		parts->scale = 0;
	}
	else
	{
		parts->n_integral = (int) (point - s);
		parts->fraction = point + 1;
		parts->scale = (int) (end - point - 1);
	}
}

static bool
all_zero(const char *digits, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (digits[i] != '0')
			return false;
	}
	return true;
}

/* The short way: an integer of few digits. */
static inline bool
small_int(const PulseJson *a, int64 *out)
{
	const char *s = a->u.text;
	uint32		len = a->len;
	bool		negative = *s == '-';
	int64		n = 0;

	if (negative)
	{
		s++;
		len--;
	}
	if (len > INT64_SAFE_DIGITS)
		return false;
	for (uint32 i = 0; i < len; i++)
	{
		unsigned int digit = (unsigned char) s[i] - (unsigned int) '0';

		if (digit > 9)
			return false;
		n = n * 10 + (int64) digit;
	}
	*out = negative ? -n : n;
	return true;
}

/*
 * Makes a number of n digits, the last `scale` of them the fraction. There must be
 * more digits than that; leading zeros are dropped.
 */
static const PulseJson *
make_number(PulseArena *arena, bool negative, const char *digits, int n, int scale)
{
	char		text[PULSE_JSON_MAX_DIGITS + 3];
	char	   *p = text;

	while (n > scale + 1 && *digits == '0')
	{
		digits++;
		n--;
	}
	if (n > PULSE_JSON_MAX_DIGITS)
		return NULL;
	if (negative && !all_zero(digits, n))
		*p++ = '-';
	memcpy(p, digits, (size_t) (n - scale));
	p += n - scale;
	if (scale > 0)
	{
		*p++ = '.';
		memcpy(p, digits + n - scale, (size_t) scale);
		p += scale;
	}
	return pulse_json_number_text(arena, text, (size_t) (p - text));
}

/* As written without an exponent and with digits around the point. */
static const PulseJson *
canonical_plain(PulseArena *arena, const char *s, size_t len)
{
	const char *digits = s;
	size_t		n_digits = len;
	bool		zero = true;

	if (*digits == '-')
	{
		digits++;
		n_digits--;
	}
	if (n_digits > PULSE_JSON_MAX_DIGITS + 1)
		return NULL;
	for (size_t i = 0; i < n_digits; i++)
	{
		if (digits[i] >= '1' && digits[i] <= '9')
			zero = false;
	}
	if (memchr(digits, '.', n_digits) == NULL && n_digits > PULSE_JSON_MAX_DIGITS)
		return NULL;
	return zero ? pulse_json_number_text(arena, digits, n_digits)
		: pulse_json_number_text(arena, s, len);
}

const PulseJson *
pulse_number_canonical(PulseArena *arena, const char *s, size_t len)
{
	const char *end = s + len;
	const char *exp_text = NULL;
	const char *point = NULL;
	const char *p;
	bool		negative = false;
	const char *digits;
	char	   *out;
	int			exponent = 0;
	int64		n_integral;
	int64		scale;
	int64		n;
	int64		at;

	for (p = s; p < end; p++)
	{
		if (*p == '.')
			point = p;
		else if (*p == 'e' || *p == 'E')
		{
			exp_text = p;
			break;
		}
	}

	digits = s;
	if (*digits == '-')
	{
		negative = true;
		digits++;
	}
	if (exp_text == NULL && *digits != '.' &&
		(*digits != '0' || digits + 1 == end || digits[1] == '.'))
		return canonical_plain(arena, s, len);

	if (exp_text != NULL)
	{
		bool		minus = false;

		p = exp_text + 1;
		if (*p == '-' || *p == '+')
			minus = *p++ == '-';
		for (; p < end; p++)
			exponent = Min(exponent * 10 + (*p - '0'), EXPONENT_CAP);
		if (minus)
			exponent = -exponent;
		end = exp_text;
	}

	/* 12.345e1: the digits 12345, two integral ones, then moved by one */
	while (digits < end && *digits == '0')
		digits++;
	if (point != NULL)
	{
		n_integral = Max(point - digits, 0);
		scale = end - point - 1;
	}
	else
	{
		n_integral = end - digits;
		scale = 0;
	}
	scale = Max(scale - exponent, 0);
	n_integral += exponent;		/* where the point stands, counted in digits */
	if (n_integral > PULSE_JSON_MAX_DIGITS || scale > PULSE_JSON_MAX_DIGITS)
	{
		/* 0e5000 is 0; anything else is too long, or its fraction is */
		bool		zero = scale <= PULSE_JSON_MAX_DIGITS;

		for (p = digits; p < end && zero; p++)
		{
			if (*p >= '1' && *p <= '9')
				zero = false;
		}
		if (!zero)
			return NULL;
		n_integral = 0;
	}

	/* one leading zero, the integral digits, the fraction */
	n = 1 + Max(n_integral, 0) + scale;
	out = pulse_arena_alloc(arena, (size_t) n);
	memset(out, '0', (size_t) n);
	at = 1 - Min(n_integral, 0);
	for (p = digits; p < end; p++)
	{
		if (*p == '.')
			continue;
		if (at < n)
			out[at] = *p;
		at++;
	}
	return make_number(arena, negative, out, (int) n, (int) scale);
}

/* Compares the sizes, without regard to the signs. */
static int
compare_magnitude(const Parts *a, const Parts *b)
{
	int			common = Min(a->scale, b->scale);
	int			cmp;

	if (a->n_integral != b->n_integral)
		return a->n_integral < b->n_integral ? -1 : 1;
	cmp = memcmp(a->integral, b->integral, (size_t) a->n_integral);
	if (cmp != 0)
		return cmp;
	if (common > 0)
	{
		cmp = memcmp(a->fraction, b->fraction, (size_t) common);
		if (cmp != 0)
			return cmp;
	}
	if (!all_zero(a->fraction + common, a->scale - common))
		return 1;
	if (!all_zero(b->fraction + common, b->scale - common))
		return -1;
	return 0;
}

int
pulse_number_compare(const PulseJson *a, const PulseJson *b)
{
	Parts		pa;
	Parts		pb;
	int			cmp;

	split(a, &pa);
	split(b, &pb);
	if (pa.negative != pb.negative)
		return pa.negative ? -1 : 1;
	cmp = compare_magnitude(&pa, &pb);
	return pa.negative ? -cmp : cmp;
}

/* Too long for the work areas: a number that was not made by these rules. */
static inline bool
oversized(const PulseJson *a)
{
	return a->len > PULSE_JSON_MAX_DIGITS + 2;
}

/* Spreads the digits over `width` places, `scale` of them behind the point. */
static void
align(char *out, int width, int scale, const Parts *parts)
{
	int			integral_at = width - scale - parts->n_integral;

	memset(out, '0', (size_t) width);
	memcpy(out + integral_at, parts->integral, (size_t) parts->n_integral);
	if (parts->scale > 0)
		memcpy(out + width - scale, parts->fraction, (size_t) parts->scale);
}

static const PulseJson *
add_signed(PulseArena *arena, const PulseJson *a, const PulseJson *b, bool subtract)
{
	char		da[WORK_DIGITS];
	char		db[WORK_DIGITS];
	Parts		pa;
	Parts		pb;
	int			scale;
	int			width;
	int			carry = 0;
	bool		negative;

	if (oversized(a) || oversized(b))
		return NULL;
	split(a, &pa);
	split(b, &pb);
	if (subtract)
		pb.negative = !pb.negative;

	scale = Max(pa.scale, pb.scale);
	width = Max(pa.n_integral, pb.n_integral) + 1 + scale;
	align(da, width, scale, &pa);
	align(db, width, scale, &pb);

	if (pa.negative == pb.negative)
	{
		negative = pa.negative;
		for (int i = width - 1; i >= 0; i--)
		{
			int			sum = (da[i] - '0') + (db[i] - '0') + carry;

			carry = sum >= 10;
			da[i] = (char) ('0' + sum - (carry ? 10 : 0));
		}
	}
	else
	{
		bool		swap = compare_magnitude(&pa, &pb) < 0;
		const char *larger = swap ? db : da;
		const char *smaller = swap ? da : db;

		negative = swap ? pb.negative : pa.negative;
		for (int i = width - 1; i >= 0; i--)
		{
			int			difference = larger[i] - smaller[i] - carry;

			carry = difference < 0;
			da[i] = (char) ('0' + difference + (carry ? 10 : 0));
		}
	}
	return make_number(arena, negative, da, width, scale);
}

const PulseJson *
pulse_number_add(PulseArena *arena, const PulseJson *a, const PulseJson *b)
{
	int64		x;
	int64		y;

	if (small_int(a, &x) && small_int(b, &y))
		return pulse_json_int(arena, x + y);
	return add_signed(arena, a, b, false);
}

const PulseJson *
pulse_number_sub(PulseArena *arena, const PulseJson *a, const PulseJson *b)
{
	int64		x;
	int64		y;

	if (small_int(a, &x) && small_int(b, &y))
		return pulse_json_int(arena, x - y);
	return add_signed(arena, a, b, true);
}

/* The digits of a number as limbs, lowest first; returns how many. */
static int
to_limbs(const Parts *parts, uint32 *limbs)
{
	char		digits[WORK_DIGITS];
	int			n = parts->n_integral + parts->scale;
	int			n_limbs = 0;

	memcpy(digits, parts->integral, (size_t) parts->n_integral);
	if (parts->scale > 0)
		memcpy(digits + parts->n_integral, parts->fraction, (size_t) parts->scale);
	while (n > 0)
	{
		int			from = Max(0, n - LIMB_DIGITS);
		uint32		limb = 0;

		for (int i = from; i < n; i++)
			limb = limb * 10 + (uint32) (digits[i] - '0');
		limbs[n_limbs++] = limb;
		n = from;
	}
	return n_limbs;
}

const PulseJson *
pulse_number_mul(PulseArena *arena, const PulseJson *a, const PulseJson *b)
{
	uint32		la[MAX_LIMBS];
	uint32		lb[MAX_LIMBS];
	uint32		product[2 * MAX_LIMBS];
	char		digits[2 * MAX_LIMBS * LIMB_DIGITS];
	Parts		pa;
	Parts		pb;
	int			na;
	int			nb;
	int			n;
	int			scale;
	int64		x;
	int64		y;
	int64		result;

	if (small_int(a, &x) && small_int(b, &y) && !pg_mul_s64_overflow(x, y, &result))
		return pulse_json_int(arena, result);
	if (oversized(a) || oversized(b))
		return NULL;

	split(a, &pa);
	split(b, &pb);
	scale = pa.scale + pb.scale;
	na = to_limbs(&pa, la);
	nb = to_limbs(&pb, lb);
	memset(product, 0, sizeof(uint32) * (size_t) (na + nb));
	for (int i = 0; i < na; i++)
	{
		uint64		carry = 0;

		for (int j = 0; j < nb; j++)
		{
			uint64		t = (uint64) la[i] * lb[j] + product[i + j] + carry;

			product[i + j] = (uint32) (t % LIMB_BASE);
			carry = t / LIMB_BASE;
		}
		product[i + nb] = (uint32) carry;
	}

	n = (na + nb) * LIMB_DIGITS;
	for (int i = 0; i < na + nb; i++)
	{
		uint32		limb = product[i];

		for (int j = 1; j <= LIMB_DIGITS; j++)
		{
			digits[n - i * LIMB_DIGITS - j] = (char) ('0' + limb % 10);
			limb /= 10;
		}
	}
	/* enough digits for the fraction: each operand had an integral one */
	return make_number(arena, pa.negative != pb.negative, digits, n, scale);
}

const PulseJson *
pulse_number_neg(PulseArena *arena, const PulseJson *a)
{
	char		stack[64];
	char	   *text;

	if (a->u.text[0] == '-')
		return pulse_json_number_text(arena, a->u.text + 1, a->len - 1);
	for (uint32 i = 0;; i++)
	{
		if (i == a->len)
			return a;			/* zero */
		if (a->u.text[i] >= '1' && a->u.text[i] <= '9')
			break;
	}
	text = a->len < sizeof(stack) ? stack : pulse_arena_alloc(arena, a->len + 1);
	text[0] = '-';
	memcpy(text + 1, a->u.text, a->len);
	return pulse_json_number_text(arena, text, a->len + 1);
}

const PulseJson *
pulse_number_abs(PulseArena *arena, const PulseJson *a)
{
	if (a->u.text[0] == '-')
		return pulse_json_number_text(arena, a->u.text + 1, a->len - 1);
	return a;
}

/* The integral part, one further from zero if there is a fraction on that side. */
static const PulseJson *
round_away(PulseArena *arena, const PulseJson *a, bool when_negative)
{
	char		digits[WORK_DIGITS];
	Parts		parts;
	int			n;

	split(a, &parts);
	if (parts.scale == 0)
		return a;
	if (oversized(a))
		return NULL;

	n = parts.n_integral + 1;
	digits[0] = '0';
	memcpy(digits + 1, parts.integral, (size_t) parts.n_integral);
	if (parts.negative == when_negative && !all_zero(parts.fraction, parts.scale))
	{
		int			i = n - 1;

		while (digits[i] == '9')
			digits[i--] = '0';
		digits[i]++;
	}
	return make_number(arena, parts.negative, digits, n, 0);
}

const PulseJson *
pulse_number_floor(PulseArena *arena, const PulseJson *a)
{
	return round_away(arena, a, true);
}

const PulseJson *
pulse_number_ceiling(PulseArena *arena, const PulseJson *a)
{
	return round_away(arena, a, false);
}

bool
pulse_number_trunc(const PulseJson *a, int64 *out)
{
	Parts		parts;
	uint64		n = 0;
	uint64		limit;

	if (small_int(a, out))
		return true;
	split(a, &parts);
	if (parts.n_integral > INT64_SAFE_DIGITS + 1)
		return false;
	/* 19 digits fit into uint64 */
	for (int i = 0; i < parts.n_integral; i++)
		n = n * 10 + (uint64) (parts.integral[i] - '0');
	limit = (uint64) PG_INT64_MAX + (parts.negative ? 1 : 0);
	if (n > limit)
		return false;
	*out = parts.negative ? (int64) (0 - n) : (int64) n;
	return true;
}

bool
pulse_number_as_int(const PulseJson *a, int64 *out)
{
	Parts		parts;

	if (small_int(a, out))
		return true;
	split(a, &parts);
	return all_zero(parts.fraction, parts.scale) && pulse_number_trunc(a, out);
}
