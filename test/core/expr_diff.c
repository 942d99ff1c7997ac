/*
 * expr_diff.c
 *		Differential test of expressions: the kernel against the server.
 *
 *	expr_diff generate SEED N
 *		prints N lines "number, expression, document" in COPY's text format;
 *	expr_diff compare FILE
 *		reads what the server made of them, in COPY's text format: the three
 *		columns, then sqlstate of the cast to jsonpath ("ok" if none), the
 *		result of jsonb_path_query_array, its sqlstate, the result of
 *		jsonb_path_match (t, f or n), its sqlstate; evaluates the same here, prints TAP.
 *
 * What the kernel accepts must parse on the server and give the same items, or an
 * error on both sides.  What it refuses as unsupported or by one of the
 * narrower rules of the lexer may parse on the server, nothing else may.
 */
#include "postgres_fe.h"

#include "core/expr.h"

#include "common/pg_prng.h"

#include "tap.h"

#define COLUMNS 8
#define MAX_STEPS 1000000
#define MAX_SHOWN 20

/* ---- generating ---- */

static pg_prng_state prng;
static StringInfoData out;		/* what is being generated */

static int
below(int n)
{
	return (int) (pg_prng_uint64(&prng) % (uint64) n);
}

static bool
chance(int percent)
{
	return below(100) < percent;
}

static const char *
pick(const char *const *from, int n)
{
	return from[below(n)];
}

#define PICK(array) pick(array, (int) lengthof(array))

static void
put(const char *s)
{
	appendStringInfoString(&out, s);
}

static const char *const keys[] = {
	"a", "b", "c", "nodes", "size", "a b", "\xc3\xa9", "last", ""
};

static const char *const plain_keys[] = {
	"a", "b", "c", "nodes", "size", "last", "to", "IS", "exists", "\xc3\xa9",
	"\"a b\"", "\"\"", "\"a\"", "\"\\u00e9\"", "\"\\x61\"", "\"no\""
};

static const char *const numbers[] = {
	"0", "1", "2", "3", "-1", "-2", "10", "1.0", "1.50", "-0.5", "-2.75",
	"0.001", "-0", "-0.00", "1e2", "1.5e3", "25e-3", "1E+1", "0e5", "0e-3",
	"9223372036854775807", "-9223372036854775808", "9223372036854775808",
	"999999999999999999", "1000000000", "2147483647", "2147483648",
	"-2147483649", "123456789012345678901234567890.123456789",
	"0.9999999999999999999", "99999999999999999999.5", "1e30", "1e-30"
};

static const char *const literal_numbers[] = {
	"0", "1", "2", "3", "10", "1.0", "1.50", ".5", "2.75", "1e2", "1.5e3", "25e-3",
	"0e5", "0.00", "2147483647", "2147483648", "9223372036854775807",
	"123456789012345678901234567890.123456789", "99999999999999999999.5"
};

static const char *const strings[] = {
	"", "a", "ab", "abc", "b", "B", "1", "\xc3\xa9", "\xef\xbd\x9e", "\xf0\x9f\x98\x80",
	"a b", "\\n", "\\u00e9", "\\\"", "\\\\", "true", "null"
};

static void
generate_string(void)
{
	put("\"");
	put(PICK(strings));
	put("\"");
}

static void
generate_document(int depth)
{
	int			kind = below(depth > 0 ? 12 : 7);
	int			n;

	/* the outermost is mostly something that has members */
	if (out.len == 0 && chance(70))
		kind = 11;
	if (kind < 3)
		put(PICK(numbers));
	else if (kind < 5)
		generate_string();
	else if (kind < 6)
		put(chance(50) ? "true" : "false");
	else if (kind < 7)
		put("null");
	else if (kind < 9)
	{
		n = below(5);
		put("[");
		for (int i = 0; i < n; i++)
		{
			put(i > 0 ? ", " : "");
			generate_document(depth - 1);
		}
		put("]");
	}
	else
	{
		n = below(6);
		put("{");
		for (int i = 0; i < n; i++)
		{
			put(i > 0 ? "," : "");
			put("\"");
			put(i == 0 ? "a" : PICK(keys));
			put("\":");
			generate_document(depth - 1);
		}
		put("}");
	}
}

/* Where an expression stands: what it may use. */
typedef struct Scope
{
	bool		filter;
	bool		subscript;
} Scope;

static void generate_path(int depth, Scope scope);
static void generate_value(int depth, Scope scope);
static void generate_predicate(int depth, Scope scope);

static void
blank(void)
{
	static const char *const blanks[] = {"", "", "", " ", " ", "\t", "\n "};

	put(PICK(blanks));
}

static void
generate_subscript(int depth, Scope scope)
{
	scope.subscript = true;
	if (depth > 0 && chance(3))
	{
		/* a search for existence inside of a subscript */
		scope.filter = true;
		put("0 ? (exists(");
		generate_path(depth - 1, scope);
		put("[0])), last");
		return;
	}
	switch (below(6))
	{
		case 0:
		case 1:
			put(PICK(literal_numbers));
			break;
		case 2:
			put("last");
			break;
		case 3:
			put("last - ");
			put(chance(50) ? "1" : "0");
			break;
		case 4:
			put("-1");
			break;
		default:
			generate_value(depth - 1, scope);
			break;
	}
}

static void
generate_step(int depth, Scope scope)
{
	static const char *const methods[] = {
		".size()", ".type()", ".abs()", ".floor()", ".ceiling()", ".SIZE()",
		". type ( )"
	};
	static const char *const others[] = {
		".double()", ".keyvalue()", ".**", ".**{1}", ".datetime()"
	};
	int			kind = below(20);

	if (kind < 8)
	{
		put(".");
		blank();
		put(PICK(plain_keys));
	}
	else if (kind < 9)
		put(".*");
	else if (kind < 11)
		put(chance(70) ? "[*]" : "[ * ]");
	else if (kind < 14)
	{
		int			n = chance(80) ? 1 : 2;

		put("[");
		for (int i = 0; i < n; i++)
		{
			put(i > 0 ? "," : "");
			generate_subscript(depth, scope);
			if (chance(25))
			{
				put(" to ");
				generate_subscript(depth, scope);
			}
		}
		put("]");
	}
	else if (kind < 17 && depth > 0)
	{
		scope.filter = true;
		blank();
		put("?");
		blank();
		put("(");
		generate_predicate(depth - 1, scope);
		put(")");
	}
	else if (chance(3))
		put(PICK(others));
	else
		put(PICK(methods));
}

static void
generate_path(int depth, Scope scope)
{
	int			n = below(4);
	int			kind = below(20);

	if (scope.filter && kind < 10)
		put("@");
	else if (scope.subscript && kind < 4)
		put("last");
	else if (kind < 16)
	{
		put("$");
		if (chance(70))
			put(".a");
	}
	else if (kind < 17)
	{
		put("(");
		put(PICK(literal_numbers));
		put(")");
	}
	else if (kind < 18)
		generate_string();
	else if (depth > 0)
	{
		put("(");
		if (chance(50))
			generate_value(depth - 1, scope);
		else
			generate_predicate(depth - 1, scope);
		put(")");
		n++;
	}
	else
		put(chance(50) ? "null" : "true");
	while (n-- > 0)
		generate_step(depth, scope);
}

static void
generate_value(int depth, Scope scope)
{
	static const char *const operators[] = {"+", "-", "*", " + ", " - ", " * "};
	static const char *const others[] = {" / ", " % "};
	static const char *const constants[] = {"true", "false", "null"};
	int			kind = below(20);

	if (depth <= 0 || kind < 11)
		generate_path(depth, scope);
	else if (kind < 13)
		put(PICK(literal_numbers));
	else if (kind < 14)
		generate_string();
	else if (kind < 15)
		put(PICK(constants));
	else if (kind < 16)
	{
		put(chance(70) ? "-" : "+");
		blank();
		generate_value(depth - 1, scope);
	}
	else if (kind < 17)
	{
		put("(");
		generate_value(depth - 1, scope);
		put(")");
	}
	else
	{
		int			n = 1 + below(2);

		generate_value(depth - 1, scope);
		for (int i = 0; i < n; i++)
		{
			put(chance(2) ? PICK(others) : PICK(operators));
			generate_value(depth - 1, scope);
		}
	}
}

static void
generate_predicate(int depth, Scope scope)
{
	static const char *const comparisons[] = {
		"==", "!=", "<>", "<", "<=", ">", ">=", " == ", " < "
	};
	int			kind = below(20);

	if (depth <= 0 || kind < 9)
	{
		generate_value(depth - 1, scope);
		put(PICK(comparisons));
		if (chance(50))
			put(PICK(literal_numbers));
		else
			generate_value(depth - 1, scope);
	}
	else if (kind < 13)
	{
		int			n = 1 + below(3);

		generate_predicate(depth - 1, scope);
		for (int i = 0; i < n; i++)
		{
			put(chance(50) ? " && " : " || ");
			generate_predicate(depth - 1, scope);
		}
	}
	else if (kind < 14)
	{
		put("!(");
		generate_predicate(depth - 1, scope);
		put(")");
	}
	else if (kind < 15)
	{
		put("(");
		generate_predicate(depth - 1, scope);
		put(") is unknown");
	}
	else if (kind < 17)
	{
		put(chance(20) ? "! exists (" : "exists(");
		generate_value(depth - 1, scope);
		put(")");
	}
	else if (kind < 19)
	{
		generate_value(depth - 1, scope);
		if (chance(3))
		{
			put(" like_regex \"^a\"");
			return;
		}
		put(" starts with ");
		generate_string();
	}
	else
	{
		put("(");
		generate_predicate(depth - 1, scope);
		put(")");
	}
}

/* Spoils the expression that begins at `from`: for what is refused. */
static void
mutate(int from)
{
	static const char *const pieces[] = {
		"$", "@", "last", "(", ")", "[", "]", ".", "*", "?", "!", "&&", "||", "==", "<",
		"is unknown", "exists(", "starts with", "1", "\"a\"", "a", "-", "+", ",", " to ",
		"lax ", "strict ", "$x", "/", "%", "'", "\\", "{", "}", "=", "true", "TRUE",
		"1.", "01", "1a", "..", ";", "#", "\xc3\xa9", "\\u00zz", "/* c */"
	};
	int			len = out.len - from;
	int			at = from + (len > 0 ? below(len + 1) : 0);
	char	   *tail;

	/* not inside a character */
	while (at > from && at < out.len && ((unsigned char) out.data[at] & 0xc0) == 0x80)
		at--;
	tail = pg_strdup(out.data + at);
	out.len = at;
	out.data[at] = '\0';
	if (chance(50))
		put(PICK(pieces));
	else if (tail[0] != '\0' && !IS_HIGHBIT_SET(tail[0]))
	{
		put(tail + 1);
		pg_free(tail);
		return;
	}
	put(tail);
	pg_free(tail);
}

/* Prints a column in COPY's text format. */
static void
print_column(const char *s)
{
	for (; *s != '\0'; s++)
	{
		switch (*s)
		{
			case '\\':
				fputs("\\\\", stdout);
				break;
			case '\t':
				fputs("\\t", stdout);
				break;
			case '\n':
				fputs("\\n", stdout);
				break;
			case '\r':
				fputs("\\r", stdout);
				break;
			default:
				putchar(*s);
				break;
		}
	}
}

/* What chance would seldom find; each goes with each of the documents. */
static const char *const corner_exprs[] = {
	"$.a[0 ? (exists($.b[0])), last]",
	"$.a[0 ? (exists($.b[0 to 1].c)), last]",
	"$.a[0 ? (exists($.b[last] ? (@ > 0))), last]",
	"$.a[last ? (@ == last)]",
	"$.a[$.b[last]]",
	"$.a[last - $.b.size() to last]",
	"$.a ? (exists(@[*] ? (@ > 2)) && @ < 3)",
	"$.a[*] ? (exists(@ ? (@ > 2)) || @ == 1)",
	"$.c[*] ? (exists(@.d ? (@ > 1)) && @.e == 1).e",
	"$.c ? (@.d > 1 && exists($.c ? (@.e == 2)) && @.e == 1)",
	"$.c ? (@.d[*] ? (@ > 1) > 1 && @.e == 1)",
	"($.a[*] + 1 > 2) is unknown",
	"($.a[*] > \"x\") is unknown",
	"exists($.a[*].abs())", "exists($.c.abs())", "exists(-$.c)", "exists(-$.a)", "exists(+$.c.e)",
	"exists($.a + 1)", "exists($.a[$.c])", "exists($.a[0, $.c])", "exists(1 ? (@ > 2))",
	"!exists($.c[*].abs())", "(exists($.c.abs())) is unknown",
	"$.c.*", "$.*.*", "$.*[*]", "$[*].*", "$.*.size()", "$.*.type()",
	"-$.a", "+$.a", "-$.a[*] ? (@ < -1)", "(-$.a).abs()", "-$.a.abs()", "-1.5.abs()", "(-1.5).abs()",
	"$.a.abs().floor().ceiling()", "-$.a - -$.a[0]", "$.a[0] - 1 - 1", "$.a[0] - 1 * 2 + 3 * -1",
	"$.c.e * $.b", "$.b * 1.00 + 0.5", "$.b[0] + $.b[0]", "$.b[0] * $.b[0] - 0.001",
	"($.a == 1).type()", "($.a > 0) ? (@ == true)", "($.c.e == 7) ? (@ == false)",
	"($.a > \"x\") ? (@ == null)", "($.a > \"x\").type()", "(!($.a == 1)).size()",
	"$.a[1.9]", "$.a[-1]", "$.a[-0.5]", "$.a[2 to 0]", "$.a[0 to 100]", "$.a[100]", "$.a[2147483647]",
	"$.a[2147483648]", "$.a[-2147483649]", "$.a[\"0\"]", "$.a[$.none]", "$.a[$.a]", "$.a[0, 0, 0]",
	"$.s starts with \"\"", "$.s starts with \"a\"", "$.a starts with \"a\"",
	"$.s < \"\\uffff\"", "$.s > \"\\ue000\"", "$.s == \"a\\u0301\"", "$.s[*] >= \"ab\"",
	"null == null", "null < 1", "null != 1", "null <> $.c", "null <= null", "$.n == null",
	"true > false", "true == 1", "$.a == $.a", "$.a != $.a", "$.c == $.c", "$.c != $.c",
	"1 == 1 && 1 == \"1\"", "1 == \"1\" && 1 == 2", "1 == \"1\" || 1 == 1", "1 == 2 || 1 == \"1\"",
	"1 == \"1\" || 1 == 2 || 1 == 1", "1 == \"1\" && 1 == 1 && 1 == 2",
	"1 == 1 || 1 == 2 && 1 == 2", "(1 == 1 || 1 == 2) && 1 == 2",
	"lax $.a", "LAX $.a", "$ . a [ * ] ? ( @ > 1 )", "$.a?(@>1)?(@<3)", "($.a)[0]", "($)", "(((1)))",
	"$.\"a\"", "$.\"\\u0061\"", "$.\"\\x61\"", "$.\"\\u{61}\"", "$.a.size", "$.a.type", "$.true",
	"last", "@", "$[last]", "$.a ? (@ == @)", "$ ? ($.a[0] == 1).b",
	"1e5", "1E-2", ".5", "1.50", "0.0", "-0", "-0.0", "+5", "- 5", "--5", "+-5", "1-1", "1 -1", "2*-3"
};

static const char *const corner_docs[] = {
	"{\"a\": [1, 2, 3, 4, 5], \"b\": [1], \"c\": [{\"d\": [1, 2], \"e\": 1}, {\"d\": 5, \"e\": 2}],"
	" \"s\": \"ab\", \"n\": null}",
	"{\"a\": [[1, 2], [3, \"x\"], 4.50], \"b\": 2.50, \"c\": {\"d\": \"x\", \"e\": [1, 1.0]},"
	" \"s\": [\"a\\u0301\", \"\\ud83d\\ude00\", \"\\uffee\"], \"true\": 1}",
	"[{\"a\": 1, \"b\": [0, 1.5]}, {\"a\": [], \"b\": {}}, {\"c\": 3}]",
	"{\"a\": \"abc\", \"b\": null, \"c\": 1e20}",
	"5"
};

#define N_CORNERS ((int) (lengthof(corner_exprs) * lengthof(corner_docs)))

static int
generate(uint64 seed, int n)
{
	pg_prng_seed(&prng, seed);
	initStringInfo(&out);
	for (int i = 1; i <= n; i++)
	{
		Scope		scope = {false, false};

		if (i <= N_CORNERS)
		{
			printf("%d\t", i);
			print_column(corner_exprs[(i - 1) / (int) lengthof(corner_docs)]);
			putchar('\t');
			print_column(corner_docs[(i - 1) % (int) lengthof(corner_docs)]);
			putchar('\n');
			continue;
		}
		resetStringInfo(&out);
		if (chance(5))
			put("lax ");
		if (chance(50))
			generate_value(1 + below(4), scope);
		else
			generate_predicate(1 + below(3), scope);
		if (chance(15))
			mutate(0);
		printf("%d\t", i);
		print_column(out.data);
		putchar('\t');
		resetStringInfo(&out);
		generate_document(2 + below(3));
		print_column(out.data);
		putchar('\n');
	}
	return 0;
}

/* ---- comparing ---- */

/* Undoes COPY's text format, in place. */
static void
unescape(char *s)
{
	char	   *to = s;

	for (; *s != '\0'; s++)
	{
		if (*s != '\\' || s[1] == '\0')
		{
			*to++ = *s;
			continue;
		}
		s++;
		*to++ = *s == 't' ? '\t' : *s == 'n' ? '\n' : *s == 'r' ? '\r'
			: *s == 'b' ? '\b' : *s == 'f' ? '\f' : *s == 'v' ? '\v' : *s;
	}
	*to = '\0';
}

/* Where the kernel is narrower than some versions of the server, on purpose. */
static const char *const narrower[] = {
	"a number must not begin with 0",
	"expected digits after the decimal point",
	"a number runs into a name",
	"a name with an escape sequence must be quoted",
	"invalid escape sequence in a text",
	"unexpected character",
	"unexpected control character"
};

static int	shown = 0;

static void
report(char **column, const char *what, const char *ours)
{
	if (++shown > MAX_SHOWN)
		return;
	diag("pair %s: %s", column[0], what);
	fputs("#   expression: ", stdout);
	print_column(column[1]);
	fputs("\n#   document:   ", stdout);
	print_column(column[2]);
	putchar('\n');
	diag("  server:     cast %s, query %s %s, match %s %s", column[3], column[5],
		 column[4], column[7], column[6]);
	diag("  kernel:     %s", ours);
}

static int
compare(const char *file)
{
	FILE	   *in = fopen(file, "r");
	PulseArena *arena = pulse_arena_create(0);
	char	   *line = NULL;
	size_t		cap = 0;
	int			pairs = 0;
	int			accepted = 0;
	int			refused = 0;
	int			errors = 0;
	int			unsupported = 0;
	int			parse_faults = 0;
	int			query_faults = 0;
	int			match_faults = 0;

	if (in == NULL)
	{
		fprintf(stderr, "could not open %s\n", file);
		return 1;
	}
	while (getline(&line, &cap, in) > 0)
	{
		char	   *column[COLUMNS];
		char	   *rest = line;
		PulseDiag	findings;
		PulseExpr  *expr;
		const PulseJson *doc;
		const PulseJson *const *items;
		const char *error = NULL;
		int			n_items;
		int			n = 0;
		PulseTruth	truth;
		bool		parses;
		const char *match;

		line[strcspn(line, "\n")] = '\0';
		while (n < COLUMNS && rest != NULL)
			column[n++] = strsep(&rest, "\t");
		if (n != COLUMNS)
		{
			ok(false, "line %d has %d columns", pairs + 1, n);
			return tap_done();
		}
		for (int i = 0; i < COLUMNS; i++)
			unescape(column[i]);
		pairs++;

		pulse_arena_reset(arena);
		pulse_diag_init(&findings, arena);
		expr = pulse_expr_parse(arena, column[1], strlen(column[1]), "$", &findings);
		parses = strcmp(column[3], "ok") == 0;
		if (expr == NULL)
		{
			bool		allowed = !parses;

			refused++;
			if (strcmp(findings.items[0].code, "expression_unsupported") == 0)
			{
				unsupported++;
				allowed = true;
			}
			for (int i = 0; i < (int) lengthof(narrower); i++)
			{
				if (strncmp(findings.items[0].message, narrower[i], strlen(narrower[i])) == 0)
					allowed = true;
			}
			if (!allowed)
			{
				parse_faults++;
				report(column, "only the server accepts it", findings.items[0].message);
			}
			continue;
		}
		if (!parses)
		{
			parse_faults++;
			report(column, "only the kernel accepts it", "");
			continue;
		}
		accepted++;

		doc = pulse_json_parse(arena, column[2], strlen(column[2]), &findings);
		if (doc == NULL)
		{
			query_faults++;
			report(column, "the document cannot be read", findings.items[0].message);
			continue;
		}
		if (pulse_expr_query(expr, doc, arena, MAX_STEPS, &items, &n_items, &error))
		{
			StringInfoData text;

			initStringInfo(&text);
			pulse_json_write(&text, pulse_json_array(arena, items, (uint32) n_items));
			if (strcmp(column[5], "ok") != 0 || strcmp(text.data, column[4]) != 0)
			{
				query_faults++;
				report(column, "the items differ", text.data);
			}
			pfree(text.data);
		}
		else
		{
			n_items = -1;
			errors++;
			if (strcmp(column[5], "ok") == 0)
			{
				query_faults++;
				report(column, "only the kernel has an error", error);
			}
		}

		match = "error";
		if (pulse_expr_match(expr, doc, arena, MAX_STEPS, &truth, &error))
			match = truth == PULSE_TRUE ? "t" : truth == PULSE_FALSE ? "f" : "n";
		/* the one difference meant: an empty result is unknown */
		if (n_items == 0 ? strcmp(match, "n") != 0
			: strcmp(match, strcmp(column[7], "ok") == 0 ? column[6] : "error") != 0)
		{
			match_faults++;
			report(column, "the matches differ", match);
		}
	}
	fclose(in);
	free(line);
	pulse_arena_free(arena);

	diag("%d pairs: %d accepted (%d with an error in evaluation), "
		 "%d refused (%d as unsupported)", pairs, accepted, errors, refused, unsupported);
	ok(pairs > 0, "there are pairs");
	ok(accepted > pairs / 2, "most expressions are accepted");
	is_int(parse_faults, 0, "what is accepted parses on the server, and the other way round");
	is_int(query_faults, 0, "items and errors are those of jsonb_path_query");
	is_int(match_faults, 0, "truth values are those of jsonb_path_match");
	return tap_done();
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "generate") == 0)
		return generate(strtoul(argv[2], NULL, 10), atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "compare") == 0)
		return compare(argv[2]);
	fprintf(stderr, "usage: expr_diff generate SEED N | expr_diff compare FILE\n");
	return 2;
}
