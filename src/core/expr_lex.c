/*
 * expr_lex.c
 *		Tokens of the expression language.
 *
 * Owns what a name, a text and a number look like: those of the server's
 * jsonpath, less what its versions read differently (numbers that run into
 * names, leading zeros, escapes in unquoted names, comments), which is refused.
 * The caller has checked that the text is UTF-8 without NUL.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/expr_parser.h"

#include <stdarg.h>

#include "mb/pg_wchar.h"

#include "core/number.h"

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		IS_HIGHBIT_SET(c);
}

static inline bool
is_name_char(char c)
{
	return is_name_start(c) || is_digit(c);
}

/* Column of a place, in characters, from 1. */
static int
column_of(const PulseExprParser *parser, const char *place)
{
	int			column = 1;

	for (const char *p = parser->text; p < place; p++)
	{
		if (((unsigned char) *p & 0xc0) != 0x80)
			column++;
	}
	return column;
}

void
pulse_expr_fail(PulseExprParser *parser, const char *place, const char *code,
				const char *hint, const char *fmt,...)
{
	char		message[512];
	va_list		ap;
	PulseFinding finding;

	if (parser->failed)
		return;
	parser->failed = true;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);

	finding.severity = PULSE_SEV_ERROR;
	finding.code = code;
	finding.path = parser->path;
	finding.message = message;
	finding.hint = hint;
	finding.column = column_of(parser, place);
	pulse_diag_add(parser->diag, &finding);
}

/* The text of the current token for messages, in buf of 64 bytes. */
const char *
pulse_expr_token_text(const PulseExprParser *parser, char *buf)
{
	const PulseExprToken *token = &parser->token;
	size_t		len = (size_t) (token->end - token->start);
	size_t		shown = pulse_utf8_clip(token->start, len, 40);

	if (token->type == PULSE_TOKEN_END)
		return "the end";
	snprintf(buf, 64, "%.*s%s", (int) shown, token->start, shown < len ? "..." : "");
	return buf;
}

static void
lex_number(PulseExprParser *parser)
{
	PulseExprToken *token = &parser->token;
	const char *p = token->start;
	const char *digits = p;

	while (is_digit(*p))
		p++;
	if (p - digits > 1 && *digits == '0')
	{
		pulse_expr_fail(parser, digits, "bad_expression", NULL,
						"a number must not begin with 0");
		return;
	}
	if (*p == '.')
	{
		if (!is_digit(p[1]))
		{
			pulse_expr_fail(parser, p, "bad_expression",
							"To apply a method to a number put the number in brackets.",
							"expected digits after the decimal point");
			return;
		}
		p++;
		while (is_digit(*p))
			p++;
	}
	if (*p == 'e' || *p == 'E')
	{
		const char *exponent = p + 1;

		if (*exponent == '+' || *exponent == '-')
			exponent++;
		/* without digits the e is the beginning of a name */
		if (is_digit(*exponent))
		{
			while (is_digit(*exponent))
				exponent++;
			p = exponent;
		}
	}
	token->end = p;
	if (is_name_char(*p) || *p == '\\')
	{
		pulse_expr_fail(parser, token->start, "bad_expression",
						"A member name that begins with a digit must be quoted.",
						"a number runs into a name");
		return;
	}
	token->type = PULSE_TOKEN_NUMBER;
	token->number = pulse_number_canonical(parser->arena, token->start,
										   (size_t) (p - token->start));
	if (token->number == NULL)
		pulse_expr_fail(parser, token->start, "bad_expression", NULL,
						"a number has more than 1000 digits");
}

/* Reads `digits` hexadecimal digits; -1 if there are fewer. */
static int
hex_value(const char *p, int digits)
{
	int			value = 0;

	for (int i = 0; i < digits; i++)
	{
		char		c = p[i];

		if (is_digit(c))
			value = value * 16 + (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value * 16 + (c - 'A' + 10);
		else
			return -1;
	}
	return value;
}

/* One \uXXXX or \u{X...} at *p; moves past it. -1 if malformed. */
static int
read_unicode(const char **p)
{
	int			value;

	if ((*p)[0] != '\\' || (*p)[1] != 'u')
		return -1;
	if ((*p)[2] == '{')
	{
		const char *digits = *p + 3;
		int			n = 0;

		while (n < 6 && hex_value(digits + n, 1) >= 0)
			n++;
		if (n == 0 || digits[n] != '}')
			return -1;
		value = hex_value(digits, n);
		*p = digits + n + 1;
		return value;
	}
	value = hex_value(*p + 2, 4);
	*p += 6;
	return value;
}

/* The escape sequence at p, written to *out; NULL with an error if it is bad. */
static const char *
read_escape(PulseExprParser *parser, const char *p, char **out)
{
	static const char from[] = "\"\\/'bfnrtv";
	static const char to[] = "\"\\/'\b\f\n\r\t\v";
	const char *start = p;
	const char *plain = p[1] == '\0' ? NULL : strchr(from, p[1]);
	int			c;

	if (plain != NULL)
	{
		*(*out)++ = to[plain - from];
		return p + 2;
	}
	if (p[1] == 'x')
	{
		c = hex_value(p + 2, 2);
		p += 4;
	}
	else if (p[1] == 'u')
	{
		c = read_unicode(&p);
		if (c >= 0xd800 && c <= 0xdbff)
		{
			int			low = read_unicode(&p);

			c = low >= 0xdc00 && low <= 0xdfff
				? 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff) : -1;
		}
		else if (c >= 0xdc00 && c <= 0xdfff)
			c = -1;
	}
	else
		c = -1;

	if (c <= 0 || c > 0x10ffff)
	{
		pulse_expr_fail(parser, start, "bad_expression", NULL,
						"invalid escape sequence in a text");
		return NULL;
	}
	unicode_to_utf8((pg_wchar) c, (unsigned char *) *out);
	*out += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	return p;
}

static void
lex_string(PulseExprParser *parser)
{
	PulseExprToken *token = &parser->token;
	const char *p = token->start + 1;
	const char *end = parser->text + parser->len;
	const char *close = p;
	char	   *out;

	/* escapes are at least as long as what they stand for */
	while (close < end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= end)
	{
		pulse_expr_fail(parser, token->start, "bad_expression", NULL,
						"the text that begins here has no closing quote");
		return;
	}

	out = pulse_arena_alloc(parser->arena, (size_t) (close - p) + 8);
	token->string = out;
	while (p < close)
	{
		if (*p != '\\')
			*out++ = *p++;
		else
		{
			p = read_escape(parser, p, &out);
			if (p == NULL)
				return;
		}
	}
	*out = '\0';
	token->string_len = (uint32) (out - token->string);
	token->end = close + 1;
	token->type = PULSE_TOKEN_STRING;
}

static void
lex_name(PulseExprParser *parser)
{
	PulseExprToken *token = &parser->token;
	const char *p = token->start;

	while (is_name_char(*p))
		p++;
	if (*p == '\\')
	{
		pulse_expr_fail(parser, p, "bad_expression", "Put the whole name in double quotes.",
						"a name with an escape sequence must be quoted");
		return;
	}
	token->end = p;
	token->type = PULSE_TOKEN_NAME;
	token->string = pulse_arena_strndup(parser->arena, token->start,
										(size_t) (p - token->start));
	token->string_len = (uint32) (p - token->start);
}

/* `$x` and `$"x"` are variables, which there are none of. */
static void
lex_dollar(PulseExprParser *parser)
{
	char		next = parser->token.start[1];

	if (is_name_char(next) || next == '"')
		pulse_expr_fail(parser, parser->token.start, "expression_unsupported",
						"Members of the context are written as $.name.",
						"variables are not supported in expressions");
	parser->token.type = PULSE_TOKEN_DOLLAR;
}

static const struct
{
	const char *text;
	PulseExprTokenType type;
}			operators[] =
{
	/* the longer first */
	{"&&", PULSE_TOKEN_AND},
	{"||", PULSE_TOKEN_OR},
	{"**", PULSE_TOKEN_ANY_PATH},
	{"==", PULSE_TOKEN_EQ},
	{"!=", PULSE_TOKEN_NE},
	{"<>", PULSE_TOKEN_NE},
	{"<=", PULSE_TOKEN_LE},
	{">=", PULSE_TOKEN_GE},
	{"<", PULSE_TOKEN_LT},
	{">", PULSE_TOKEN_GT},
	{"!", PULSE_TOKEN_NOT},
	{"@", PULSE_TOKEN_AT},
	{".", PULSE_TOKEN_DOT},
	{",", PULSE_TOKEN_COMMA},
	{"?", PULSE_TOKEN_QUESTION},
	{"(", PULSE_TOKEN_OPEN},
	{")", PULSE_TOKEN_CLOSE},
	{"[", PULSE_TOKEN_OPEN_BRACKET},
	{"]", PULSE_TOKEN_CLOSE_BRACKET},
	{"*", PULSE_TOKEN_STAR},
	{"+", PULSE_TOKEN_PLUS},
	{"-", PULSE_TOKEN_MINUS},
	{"/", PULSE_TOKEN_SLASH},
	{"%", PULSE_TOKEN_PERCENT}
};

static void
lex_operator(PulseExprParser *parser)
{
	PulseExprToken *token = &parser->token;
	const char *p = token->start;
	const char *hint = NULL;

	if (p[0] == '/' && p[1] == '*')
	{
		pulse_expr_fail(parser, p, "expression_unsupported", NULL,
						"comments are not supported in expressions");
		return;
	}
	for (int i = 0; i < (int) lengthof(operators); i++)
	{
		size_t		len = strlen(operators[i].text);

		if (strncmp(p, operators[i].text, len) == 0)
		{
			token->type = operators[i].type;
			token->end = p + len;
			return;
		}
	}

	if (*p == '=')
		hint = "Equality is written as ==.";
	else if (*p == '&')
		hint = "The conjunction is written as &&.";
	else if (*p == '|')
		hint = "The disjunction is written as ||.";
	else if (*p == '\'')
		hint = "Texts are written in double quotes.";
	if ((unsigned char) *p < 0x20 || *p == 0x7f)
		pulse_expr_fail(parser, p, "bad_expression", hint,
						"unexpected control character");
	else
		pulse_expr_fail(parser, p, "bad_expression", hint,
						"unexpected character \"%c\"", *p);
}

void
pulse_expr_advance(PulseExprParser *parser)
{
	PulseExprToken *token = &parser->token;
	const char *p = token->end;

	while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r' || *p == '\f')
		p++;
	token->start = p;
	token->end = p + 1;

	if (p >= parser->text + parser->len)
	{
		token->type = PULSE_TOKEN_END;
		token->end = p;
	}
	else if (is_digit(*p) || (*p == '.' && is_digit(p[1])))
		lex_number(parser);
	else if (is_name_start(*p))
		lex_name(parser);
	else if (*p == '"')
		lex_string(parser);
	else if (*p == '$')
		lex_dollar(parser);
	else
		lex_operator(parser);

	if (parser->failed)
	{
		/* nothing follows: every caller comes to its end */
		token->type = PULSE_TOKEN_END;
		token->end = parser->text + parser->len;
	}
}
