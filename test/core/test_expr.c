/*
 * test_expr.c
 *		Expressions: errors with their places, references, bounds, values.
 *
 * That the values are those of the server is shown by the differential test; here
 * is what that one cannot see.
 */
#include "postgres_fe.h"

#include "core/expr.h"

#include "common/pg_prng.h"

#include "tap.h"

static PulseArena *arena;

static const PulseJson *
json(const char *text)
{
	PulseDiag	findings;

	pulse_diag_init(&findings, arena);
	return pulse_json_parse(arena, text, strlen(text), &findings);
}

/* "code column: message" of the error, or "accepted". */
static const char *
parse(const char *text)
{
	PulseDiag	findings;
	PulseExpr  *expr;

	pulse_diag_init(&findings, arena);
	expr = pulse_expr_parse(arena, text, strlen(text), "$.when", &findings);
	if (expr != NULL)
		return findings.n == 0 ? "accepted" : "accepted with errors";
	if (findings.n != 1 || strcmp(findings.items[0].path, "$.when") != 0)
		return "not one error";
	return pulse_arena_printf(arena, "%s %d: %s", findings.items[0].code,
							  findings.items[0].column, findings.items[0].message);
}

static PulseExpr *
expr_of(const char *text)
{
	PulseDiag	findings;

	pulse_diag_init(&findings, arena);
	return pulse_expr_parse(arena, text, strlen(text), "$", &findings);
}

static void
test_refused(void)
{
	static const struct
	{
		const char *text;
		const char *error;
	}			cases[] =
	{
		{"", "bad_expression 1: expected a value, found the end"},
		{"  ", "bad_expression 3: expected a value, found the end"},
		{"$.", "bad_expression 3: expected a member name after \".\", found the end"},
		{"$.a +", "bad_expression 6: expected a value, found the end"},
		{"$.a b", "bad_expression 5: expected an operator or the end, found b"},
		{"($.a", "bad_expression 5: expected \")\", found the end"},
		{"$.a[0", "bad_expression 6: expected \",\", \"to\" or \"]\", found the end"},
		{"$.a[]", "bad_expression 5: expected a value, found ]"},
		{"$.a ? @.b", "bad_expression 7: expected \"(\", found @"},
		{"$.a ? (@.b)", "bad_expression 8: expected a condition, found a value"},
		{"$.a && $.b", "bad_expression 1: expected a condition, found a value"},
		{"!$.a", "bad_expression 2: expected \"(\" or exists after \"!\", found $"},
		{"exists($.a == 1)", "bad_expression 12: expected \")\", found =="},
		{"($.a == 1) + 1", "bad_expression 1: expected a value, found a condition"},
		{"$.a == 1 == true", "bad_expression 10: expected an operator or the end, found =="},
		{"$.a is unknown",
		"bad_expression 5: expected a condition in brackets before \"is unknown\""},
		{"($.a == 1) is null", "bad_expression 15: expected unknown after \"is\", found null"},
		{"$.a starts with $.b", "bad_expression 17: expected a text after \"starts with\", found $"},
		{"@.a", "bad_expression 1: \"@\" is allowed only in a filter"},
		{"$.a ? (@.b == last)", "bad_expression 15: \"last\" is allowed only in an array subscript"},
		{"$.nodes.1a", "bad_expression 8: a number runs into a name"},
		{"TRUE", "bad_expression 1: null, true and false are written in lower case"},
		{"$.a == 'x'", "bad_expression 8: unexpected character \"'\""},
		{"$.\xc3\xa4\xc3\xb6 = 1", "bad_expression 6: unexpected character \"=\""},
		{"\"abc", "bad_expression 1: the text that begins here has no closing quote"},
		{"\"\\ud800\"", "bad_expression 2: invalid escape sequence in a text"},
		{"\"\\u0000\"", "bad_expression 2: invalid escape sequence in a text"},
		{"\"a\xff\"", "bad_expression 3: the expression is not valid UTF-8"},
		{"$.a.foo()", "bad_expression 5: there is no method .foo()"},
		{"01", "bad_expression 1: a number must not begin with 0"},
		{"1e1000", "bad_expression 1: a number has more than 1000 digits"},
		{"strict $.a", "expression_unsupported 1: strict mode is not supported in expressions"},
		{"$.a / 2", "expression_unsupported 5: division (/) is not supported in expressions"},
		{"$.a % 2", "expression_unsupported 5: the remainder (%) is not supported in expressions"},
		{"$.a.double()",
		"expression_unsupported 5: the method .double() is not supported in expressions"},
		{"$.a.keyvalue()",
		"expression_unsupported 5: the method .keyvalue() is not supported in expressions"},
		{"$.a.datetime(\"x\")",
		"expression_unsupported 5: the method .datetime() is not supported in expressions"},
		{"$.a like_regex \"^x\"",
		"expression_unsupported 5: like_regex is not supported in expressions"},
		{"$x", "expression_unsupported 1: variables are not supported in expressions"},
		{"$.a + $\"x\"", "expression_unsupported 7: variables are not supported in expressions"},
		{"$.**", "expression_unsupported 3: the accessor .** is not supported in expressions"},
		{"$.a /* c */", "expression_unsupported 5: comments are not supported in expressions"}
	};

	for (int i = 0; i < (int) lengthof(cases); i++)
		is(parse(cases[i].text), cases[i].error, cases[i].text);
}

static void
repeated(const char *begin, const char *piece, int n, const char *middle,
		 const char *closing, const char *expected, const char *name)
{
	StringInfoData buf;
	const char *result;

	initStringInfo(&buf);
	appendStringInfoString(&buf, begin);
	for (int i = 0; i < n; i++)
		appendStringInfoString(&buf, piece);
	appendStringInfoString(&buf, middle);
	for (int i = 0; i < n; i++)
		appendStringInfoString(&buf, closing);
	result = parse(buf.data);
	ok(strstr(result, expected) != NULL, "%s: %.80s", name, result);

	/* what is accepted can be evaluated */
	if (strcmp(result, "accepted") == 0)
	{
		const PulseJson *const *items;
		const char *error = NULL;
		int			n_items;

		(void) pulse_expr_query(expr_of(buf.data), json("{\"a\": [[{\"a\": 1}]]}"), arena,
								PULSE_EXPR_MAX_STEPS, &items, &n_items, &error);
	}
	pfree(buf.data);
}

static void
test_bounds(void)
{
	PulseExpr  *expr;
	const PulseJson *doc;
	const PulseJson *const *items;
	const char *error = NULL;
	int			n;

	repeated("", "(", 100, "1", ")", "accepted", "100 brackets");
	repeated("", "(", 101, "1", ")", "nested more than 100 deep", "101 brackets");
	repeated("", "(", 30000, "1", ")", "nested more than 100 deep", "30,000 brackets");
	repeated("", "-", 60000, "$.a", "", "nested more than 100 deep", "60,000 signs");
	repeated("$", " ?(@", 10000, " == 1", ")", "nested more than 100 deep", "filters in filters");
	repeated("$", "[$", 101, "", "]", "nested more than 100 deep", "subscripts in subscripts");
	repeated("$", ".a", 400, "", "", "accepted", "400 accessors");
	repeated("$", ".a", 30000, "", "", "too deep", "30,000 accessors");
	repeated("1", "+1", 30000, "", "", "accepted", "30,000 additions");
	repeated("1==1", "&&1==1", 10000, "", "", "accepted", "10,000 conditions");
	repeated("", "          ", 7000, "1", "", "longer than 65536 bytes", "70,000 bytes");

	/* nested filters over an array: bounded by the steps */
	doc = json("[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9]");
	expr = expr_of("$[*] ? (exists($[*] ? (exists($[*] ? (exists($[*] ? (@ == 77)))))))");
	ok(!pulse_expr_query(expr, doc, arena, 100000, &items, &n, &error), "steps run out");
	is(error, "the evaluation takes too many steps", "message");
	expr = expr_of("$[*] ? (!(exists($[*] ? (exists($[*] ? (exists($[*] ? (@ == 77))))))))");
	ok(!pulse_expr_query(expr, doc, arena, 100000, &items, &n, &error),
	   "a predicate does not hide it");

	doc = json("{\"x\": 1e600}");
	ok(!pulse_expr_query(expr_of("$.x * $.x"), doc, arena, 1000, &items, &n, &error),
	   "a product with 1,201 digits");
	is(error, "a number has more than 1000 digits", "message");
	ok(!pulse_expr_query(expr_of("$.x * $.x > 1"), doc, arena, 1000, &items, &n, &error),
	   "a predicate does not hide that either");
	ok(pulse_expr_query(expr_of("$.x"), doc, arena, 10, &items, &n, &error), "few steps suffice");
}

/* nodes, then members, then "all" */
static void
refs(const char *text, const char *expected)
{
	const PulseExprRefs *r = pulse_expr_refs(expr_of(text));
	const char *got = "";

	for (int i = 0; i < r->n_nodes; i++)
		got = pulse_arena_printf(arena, "%s%s ", got, r->nodes[i]);
	got = pulse_arena_printf(arena, "%s| ", got);
	for (int i = 0; i < r->n_members; i++)
		got = pulse_arena_printf(arena, "%s%s ", got, r->members[i]);
	got = pulse_arena_printf(arena, "%s|%s", got, r->all_nodes ? " all" : "");
	is(got, expected, text);
}

static void
test_refs(void)
{
	refs("$.nodes.a.b > $.nodes.c", "a c | |");
	refs("$.nodes.\"x-1.y\"[0] == $.nodes.a + $.nodes.a", "x-1.y a | |");
	refs("$.nodes", "| | all");
	refs("$.nodes.*", "| | all");
	refs("$.nodes[*].a", "| | all");
	refs("$.nodes ? (@.a == 1)", "| | all");
	refs("$.nodes.size()", "| | all");
	refs("$", "| * | all");
	refs("$.*", "| * | all");
	refs("$ ? (@.input == 1)", "| * | all");
	refs("$[0].nodes.a", "| * | all");
	refs("$.input.n + $.item * $.input.m", "| input item |");
	refs("$.input[$.index].x ? (@.y == $.nodes.a && exists($.nodes.b))", "a b | input index |");
	refs("($).nodes.a", "a | |");
	refs("($.nodes).a", "a | |");
	refs("$.input ? (@.nodes.a == 1)", "| input |");
	refs("1 + 1", "| |");
}

static const char *
match(const char *text, const char *doc)
{
	PulseTruth	truth;
	const char *error = NULL;

	if (!pulse_expr_match(expr_of(text), json(doc), arena, 1000, &truth, &error))
		return error;
	return truth == PULSE_TRUE ? "true" : truth == PULSE_FALSE ? "false" : "unknown";
}

static const char *
value(const char *text, const char *doc)
{
	const char *error = NULL;
	const PulseJson *result = pulse_expr_value(expr_of(text), json(doc), arena, 1000, &error);

	return result == NULL ? error : pulse_json_text(arena, result);
}

static void
test_results(void)
{
	is(match("$.a > 1", "{\"a\": 2}"), "true", "true");
	is(match("$.a > 1", "{\"a\": 1}"), "false", "false");
	is(match("$.a > 1", "{\"a\": \"x\"}"), "unknown", "unknown");
	is(match("$.a", "{\"a\": true}"), "true", "a boolean member");
	is(match("$.a", "{\"a\": null}"), "unknown", "null");
	is(match("$.a", "{}"), "unknown", "an empty result");
	is(match("$.a", "{\"a\": 1}"), "a condition must give true, false or null, not a number",
	   "a number");
	is(match("$.a[*]", "{\"a\": [true, true]}"),
	   "a condition must give true, false or null, not 2 items", "two items");
	is(value("$.a", "{}"), "null", "no item");
	is(value("$.a", "{\"a\": [1]}"), "[1]", "one item");
	is(value("$.a[*]", "{\"a\": [1, 2, 3, 4, 5, 6]}"), "[1,2,3,4,5,6]", "more items");
	is(value("$.a.abs()", "{\"a\": \"x\"}"), ".abs() can only be applied to a number, not to a string",
	   "an error");
	is(value("-$.a", "{\"a\": \"x\"}"), "the operand of unary - must be a number", "a sign");
	is(value("$.a + 1", "{\"a\": [1, 2]}"),
	   "the left operand of + must be a single number, not 2 items", "two operands");
	is(value("1 + $.b", "{}"), "the right operand of + must be a single number, not nothing",
	   "no operand");
	is(value("$.a[$.i]", "{\"a\": [1], \"i\": \"x\"}"),
	   "an array subscript must be a single number, not a string", "a subscript");
	is(pulse_expr_text(expr_of("$.a  + 1")), "$.a  + 1", "the text is kept");
}

/* Whatever the text: an expression or one error. */
static void
test_random(uint64 seed)
{
	static const char *const pieces[] = {
		"$", "@", ".a", ".", "[", "]", "(", ")", "?", "last", "exists(", " && ", "||", "==",
		"\"", "\\", "\\u00", "1", ".5", "e", "-", "*", "is unknown", "starts with", "to",
		"\xc3\xa9", "\xc3", "\n", "!", "{", "$.a", "?(@", ".size()", "9e99", "\"x\""
	};
	pg_prng_state prng;
	const PulseJson *doc = json("{\"a\": [1, {\"a\": \"x\"}, [2]]}");
	bool		sound = true;

	diag("seed " UINT64_FORMAT, seed);
	pg_prng_seed(&prng, seed);
	for (int i = 0; i < 100000; i++)
	{
		StringInfoData buf;
		int			n = (int) (pg_prng_uint64(&prng) % 10);
		PulseArena *mine = pulse_arena_create(0);
		PulseDiag	findings;
		PulseExpr  *expr;
		char	   *exact;

		initStringInfo(&buf);
		for (int j = 0; j < n; j++)
			appendStringInfoString(&buf, pieces[pg_prng_uint64(&prng) % lengthof(pieces)]);
		exact = malloc((size_t) Max(buf.len, 1));
		memcpy(exact, buf.data, (size_t) buf.len);
		pulse_diag_init(&findings, mine);
		expr = pulse_expr_parse(mine, exact, (size_t) buf.len, "$", &findings);
		if ((expr != NULL) != (findings.n == 0) || findings.n > 1)
			sound = false;
		if (expr != NULL)
		{
			const PulseJson *const *items;
			const char *error = NULL;
			int			n_items;

			if (!pulse_expr_query(expr, doc, mine, 1000, &items, &n_items, &error) &&
				error == NULL)
				sound = false;
		}
		free(exact);
		pfree(buf.data);
		pulse_arena_free(mine);
	}
	ok(sound, "random texts give an expression or one error");
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_refused();
	test_bounds();
	test_refs();
	test_results();
	test_random(20261121);
	pulse_arena_free(arena);
	return tap_done();
}
