/*
 * test_json.c
 *		Reading, writing, comparing and building JSON values; the arena.
 */
#include "postgres_fe.h"

#include "core/json.h"

#include "common/pg_prng.h"

#include "tap.h"

static PulseArena *arena;

/* Code and message of the error, or the value as text, "!" between them. */
static const char *
parse(const char *text, size_t len)
{
	PulseDiag	findings;
	const PulseJson *value;

	pulse_diag_init(&findings, arena);
	value = pulse_json_parse(arena, text, len, &findings);
	if (value != NULL)
	{
		StringInfoData buf;
		const char *result;

		if (findings.n != 0)
			return "value and error";
		initStringInfo(&buf);
		pulse_json_write(&buf, value);
		result = pulse_arena_strdup(arena, buf.data);
		pfree(buf.data);
		return result;
	}
	if (findings.n != 1)
		return "not one error";
	return pulse_arena_printf(arena, "%s: %s", findings.items[0].code,
							  findings.items[0].message);
}

#define PARSE(text) parse(text, strlen(text))

static const PulseJson *
value_of(const char *text)
{
	PulseDiag	findings;

	pulse_diag_init(&findings, arena);
	return pulse_json_parse(arena, text, strlen(text), &findings);
}

static void
test_read(void)
{
	is(PARSE("null"), "null", "null");
	is(PARSE(" true\n"), "true", "true with white space");
	is(PARSE("[]"), "[]", "empty array");
	is(PARSE("{}"), "{}", "empty object");
	is(PARSE("[1,[2,{\"a\":[]}],\"x\"]"), "[1, [2, {\"a\": []}], \"x\"]", "nested");
	is(PARSE("{\"bb\":1,\"a\":2,\"c\":3,\"a\":4}"), "{\"a\": 4, \"c\": 3, \"bb\": 1}",
	   "order of keys is that of jsonb, the last duplicate wins");
	is(PARSE("\"\\u00e9\\n\\\"\\\\\\/\\u0001\\ud83d\\ude00\""),
	   "\"\xc3\xa9\\n\\\"\\\\/\\u0001\xf0\x9f\x98\x80\"", "escapes");
	is(PARSE("[1.50, -0, -0.0, 1e3, 1.5e-3, 100e-2, 0e10, 12345678901234567890]"),
	   "[1.50, 0, 0.0, 1000, 0.0015, 1.00, 0, 12345678901234567890]",
	   "numbers as numeric_out prints them");
}

static void
test_refused(void)
{
	StringInfoData deep;

	is(PARSE(""), "json_syntax: expected a value, found the end at line 1, column 1",
	   "nothing");
	is(PARSE("[1 2]"), "json_syntax: expected \",\" or \"]\", found 2 at line 1, column 4",
	   "missing comma");
	is(PARSE("{\"a\" 1}"), "json_syntax: expected \":\", found 1 at line 1, column 6",
	   "missing colon");
	is(PARSE("{1:2}"), "json_syntax: expected a string as key or \"}\", found 1 at line 1, column 2",
	   "number as key");
	is(PARSE("{\"a\":1,}"), "json_syntax: expected a string as key, found } at line 1, column 8",
	   "comma before the end");
	is(PARSE("[1,]"), "json_syntax: expected a value, found ] at line 1, column 4",
	   "comma before the end of an array");
	is(PARSE("1 2"), "json_syntax: expected the end, found 2 at line 1, column 3",
	   "two values");
	is(PARSE("{\n \"a\": nul}"), "json_syntax: invalid token at line 2, column 7",
	   "unknown word");
	ok(strncmp(PARSE("\"\\x\""), "json_syntax: invalid escape sequence", 36) == 0,
	   "unknown escape");
	ok(strncmp(PARSE("\"\\u0000\""), "json_unicode:", 13) == 0, "\\u0000");
	ok(strncmp(PARSE("\"\\ud800\""), "json_unicode:", 13) == 0, "half a surrogate pair");
	ok(strncmp(PARSE("\"\xc3(\""), "json_unicode:", 13) == 0, "not UTF-8");
	ok(strncmp(PARSE("\"\xed\xa0\x80\""), "json_unicode:", 13) == 0, "a surrogate as UTF-8");
	is(parse("\"a\0b\"", 5),
	   "json_unicode: a NUL byte is not possible in a text at line 1, column 3", "NUL byte");
	ok(strncmp(PARSE("01"), "json_syntax:", 12) == 0, "leading zero");
	ok(strncmp(PARSE("\"abc"), "json_syntax:", 12) == 0, "no closing quote");
	ok(strncmp(PARSE("[\"a\nb\"]"), "json_syntax:", 12) == 0, "raw line feed in a string");

	is(PARSE("1e999"), PARSE("1e999"), "a thousand digits are possible");
	ok(PARSE("1e999")[0] == '1', "1e999 is read");
	is(PARSE("[1e1000]"),
	   "json_number: a number has more than 1000 digits at line 1, column 2",
	   "1e1000 is not");
	ok(strncmp(PARSE("1e99999999999999999999"), "json_number:", 12) == 0, "huge exponent");
	ok(strncmp(PARSE("1e-99999999999999999999"), "json_number:", 12) == 0,
	   "huge negative exponent");

	initStringInfo(&deep);
	for (int i = 0; i < 100; i++)
		appendStringInfoString(&deep, "[");
	for (int i = 0; i < 100; i++)
		appendStringInfoString(&deep, "]");
	is(PARSE(deep.data), deep.data, "100 deep");
	is_int((int) value_of(deep.data)->depth, 100, "depth is kept");
	resetStringInfo(&deep);
	for (int i = 0; i < 100000; i++)
		appendStringInfoString(&deep, i % 2 == 0 ? "[" : "{\"a\":");
	ok(strncmp(PARSE(deep.data), "json_depth:", 11) == 0, "100,000 deep is refused");
	pfree(deep.data);
}

static void
test_strict(void)
{
	PulseDiag	findings;
	const char *text = "{\"a\": null, \"b\": [{\"x y\": null, \"x y\": null}], \"a\": null}";

	pulse_diag_init(&findings, arena);
	ok(pulse_json_parse_strict(arena, text, strlen(text), &findings) == NULL,
	   "duplicate keys are refused");
	is_int(findings.n, 2, "each of them is reported");
	is(findings.items[0].path, "$.b[0].\"x y\"", "path of the inner one");
	is(findings.items[1].path, "$.a", "path of the outer one");
	is(findings.items[1].code, "duplicate_key", "code");
	pulse_diag_init(&findings, arena);
	ok(pulse_json_parse_strict(arena, "{\"a\": 1}", 8, &findings) != NULL,
	   "a document without is read");
}

static void
test_values(void)
{
	const PulseJson *doc = value_of("{\"a\": 1.0, \"zz\": \"t\", \"n\": null, \"big\": 9223372036854775807}");
	const PulseJson *copy;
	PulseArena *other = pulse_arena_create(1);
	PulseJsonPair *pairs;
	int64		n = 0;
	char	   *text;

	ok(pulse_json_as_int(pulse_json_get(doc, "a"), &n) && n == 1, "1.0 is the integer 1");
	ok(pulse_json_as_int(pulse_json_get(doc, "big"), &n) && n == PG_INT64_MAX,
	   "largest int64");
	ok(!pulse_json_as_int(value_of("9223372036854775808"), &n), "one more is none");
	ok(pulse_json_as_int(value_of("-9223372036854775808"), &n) && n == PG_INT64_MIN,
	   "smallest int64");
	ok(!pulse_json_as_int(value_of("1.5"), &n), "1.5 is no integer");
	ok(!pulse_json_as_int(pulse_json_get(doc, "zz"), &n), "a text is no integer");
	ok(pulse_json_is(pulse_json_get(doc, "zz"), "t"), "is");
	ok(!pulse_json_is(NULL, "t"), "is of nothing");
	ok(pulse_json_get(doc, "none") == NULL, "no such key");
	ok(pulse_json_get(pulse_json_get(doc, "a"), "a") == NULL, "get of a number");

	ok(pulse_json_equal(value_of("{\"a\": [1.0, true]}"), value_of("{\"a\": [1.00, true]}")),
	   "equal but for the scale");
	ok(!pulse_json_equal(value_of("[1]"), value_of("[1, 2]")), "not equal");

	copy = pulse_json_copy(other, doc);
	text = pulse_json_text(arena, copy);
	is(text, "{\"a\":1.0,\"n\":null,\"zz\":\"t\",\"big\":9223372036854775807}",
	   "a copy, compact");
	is_int((int) copy->depth, 1, "depth of a copy");
	pulse_arena_free(other);

	is(pulse_json_int(arena, PG_INT64_MIN)->u.text, "-9223372036854775808", "int64 as text");
	is(pulse_json_int(arena, 0)->u.text, "0", "zero as text");

	/* enough pairs for the merge sort, with duplicates */
	pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * 100);
	for (int i = 0; i < 100; i++)
	{
		pairs[i].key = pulse_arena_printf(arena, "k%d", i * 37 % 50);
		pairs[i].key_len = (uint32) strlen(pairs[i].key);
		pairs[i].value = pulse_json_int(arena, i);
	}
	doc = pulse_json_object(arena, pairs, 100);
	is_int(doc->len, 50, "each key once");
	ok(pulse_json_as_int(pulse_json_get(doc, "k0"), &n) && n == 50,
	   "the last of equal keys wins");
	is(doc->u.pairs[9].key, "k9", "short keys first");
	is(doc->u.pairs[10].key, "k10", "then the longer");
	is_int((int) pulse_utf8_clip("a\xc3\xa9z", 4, 2), 1, "a character is not cut");
}

/* Whatever the bytes: a value or one error. */
static void
test_random(uint64 seed)
{
	static const char *const pieces[] = {
		"{", "}", "[", "]", ",", ":", "\"a\"", "\"", "1", "-", ".5", "e9", "true", "nul",
		"null", " ", "\\", "\\u", "12", "\xc3\xa9", "\xc3", "\xff", "\n", "\"b\":"
	};
	pg_prng_state prng;
	int			values = 0;
	bool		sound = true;

	diag("seed " UINT64_FORMAT, seed);
	pg_prng_seed(&prng, seed);
	for (int i = 0; i < 50000; i++)
	{
		StringInfoData buf;
		int			n = (int) (pg_prng_uint64(&prng) % 12);
		PulseDiag	findings;
		const PulseJson *value;
		PulseArena *mine = pulse_arena_create(0);
		char	   *exact;

		initStringInfo(&buf);
		for (int j = 0; j < n; j++)
			appendStringInfoString(&buf, pieces[pg_prng_uint64(&prng) % lengthof(pieces)]);
		/* exactly as long as the text, so that overruns are seen */
		exact = malloc((size_t) Max(buf.len, 1));
		memcpy(exact, buf.data, (size_t) buf.len);
		pulse_diag_init(&findings, mine);
		value = pulse_json_parse(mine, exact, (size_t) buf.len, &findings);
		if ((value != NULL) != (findings.n == 0) || findings.n > 1)
			sound = false;
		if (value != NULL)
		{
			char	   *text = pulse_json_text(mine, value);
			const PulseJson *again = pulse_json_parse(mine, text, strlen(text), &findings);

			if (again == NULL || !pulse_json_equal(value, again))
				sound = false;
			values++;
		}
		free(exact);
		pfree(buf.data);
		pulse_arena_free(mine);
	}
	ok(sound, "random texts give a value or one error, and values survive a round trip");
	ok(values > 100, "some are values");
}

static void
test_arena(void)
{
	PulseArena *small = pulse_arena_create(1);
	char	   *first = pulse_arena_strdup(small, "first");
	char	   *large = pulse_arena_alloc(small, 5 * 1024 * 1024);
	size_t		held;

	memset(large, 'x', 5 * 1024 * 1024);
	for (int i = 0; i < 10000; i++)
	{
		char	   *p = pulse_arena_zalloc(small, (size_t) (i % 97));

		if ((uintptr_t) p % MAXIMUM_ALIGNOF != 0)
			ok(false, "alignment");
	}
	is(first, "first", "the first allocation is untouched");
	held = pulse_arena_size(small);
	ok(held > 5 * 1024 * 1024, "size counts all blocks");
	pulse_arena_reset(small);
	ok(pulse_arena_size(small) < held / 1000, "reset keeps the first block only");
	is(pulse_arena_printf(small, "%s-%d", "x", 5), "x-5", "printf");
	is_int((long long) strlen(pulse_arena_printf(small, "%1000d", 1)), 1000, "long printf");
	pulse_arena_free(small);
	pulse_arena_free(NULL);
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_arena();
	test_read();
	test_refused();
	test_strict();
	test_values();
	test_random(20261121);
	pulse_arena_free(arena);
	return tap_done();
}
