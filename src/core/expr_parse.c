/*
 * expr_parse.c
 *		Parses expressions.
 *
 * Owns the grammar: the stated subset of SQL/JSON path.  What the server's grammar
 * would refuse is bad_expression; what it has and the subset has not is
 * expression_unsupported, by name.  Recursive descent, bounded in depth;
 * the tree lives in the arena of the caller.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/expr.h"

#include "mb/pg_wchar.h"

#include "core/expr_parser.h"
#include "core/number.h"

typedef PulseExprParser Parser;

/* What the server has as a method and the subset has not, up to version 18. */
static const char *const other_methods[] = {
	"bigint", "boolean", "btrim", "date", "datetime", "decimal", "double",
	"initcap", "integer", "keyvalue", "lower", "ltrim", "number", "replace",
	"rtrim", "split_part", "string", "time", "time_tz", "timestamp",
	"timestamp_tz", "upper"
};

static const struct
{
	const char *name;
	PulseStepKind kind;
}			methods[] =
{
	{"size", PULSE_ACCESS_SIZE},
	{"type", PULSE_ACCESS_TYPE},
	{"abs", PULSE_ACCESS_ABS},
	{"floor", PULSE_ACCESS_FLOOR},
	{"ceiling", PULSE_ACCESS_CEILING}
};

/* What a piece of the text turned out to be. */
typedef struct Piece
{
	PulseExprNode *node;
	bool		predicate;
	bool		bracketed;		/* a predicate in brackets: "is unknown" may follow */
	const char *start;
} Piece;

static Piece parse_or(Parser *parser);
static Piece parse_sum(Parser *parser);

/* ---- helpers ---- */

static bool
is_word(const Parser *parser, const char *word)
{
	return parser->token.type == PULSE_TOKEN_NAME &&
		pg_strcasecmp(parser->token.string, word) == 0;
}

static void
fail_expected(Parser *parser, const char *expected)
{
	char		buf[64];

	pulse_expr_fail(parser, parser->token.start, "bad_expression", NULL,
					"expected %s, found %s", expected,
					pulse_expr_token_text(parser, buf));
}

static void
expect(Parser *parser, PulseExprTokenType type, const char *what)
{
	if (parser->token.type == type)
		pulse_expr_advance(parser);
	else
		fail_expected(parser, what);
}

static void
fail_unsupported(Parser *parser, const char *place, const char *feature)
{
	pulse_expr_fail(parser, place, "expression_unsupported", NULL,
					"%s is not supported in expressions", feature);
}

/* Every bracket, sign and filter enters; balanced by parser->depth--. */
static void
enter(Parser *parser)
{
	if (++parser->depth > PULSE_EXPR_MAX_NESTING)
		pulse_expr_fail(parser, parser->token.start, "bad_expression", NULL,
						"the expression is nested more than %d deep",
						PULSE_EXPR_MAX_NESTING);
}

static PulseExprNode *
make_node(Parser *parser, PulseExprKind kind)
{
	PulseExprNode *node = pulse_arena_zalloc(parser->arena, sizeof(PulseExprNode));

	node->kind = kind;
	return node;
}

static PulseExprNode *
make_const(Parser *parser, const PulseJson *value)
{
	PulseExprNode *node = make_node(parser, PULSE_EXPR_CONST);

	node->value = value;
	return node;
}

static PulseExprNode *
make_unary(Parser *parser, PulseExprKind kind, PulseExprNode *arg)
{
	PulseExprNode *node = make_node(parser, kind);

	node->n_args = 1;
	node->args = pulse_arena_alloc(parser->arena, sizeof(PulseExprNode *));
	node->args[0] = arg;
	return node;
}

static void
add_arg(Parser *parser, PulseExprNode *node, PulseExprNode *arg, char op)
{
	int			n = node->n_args;

	if (pulse_expr_full(n))
	{
		size_t		cap = n == 0 ? 1 : (size_t) n * 2;

		node->args = pulse_arena_grow(parser->arena, node->args,
									  sizeof(PulseExprNode *) * (size_t) n,
									  sizeof(PulseExprNode *) * cap);
		node->ops = pulse_arena_grow(parser->arena, node->ops, (size_t) n, cap);
	}
	node->args[n] = arg;
	if (n > 0)
		node->ops[n - 1] = op;
	node->n_args = n + 1;
}

static PulseExprStep *
add_step(Parser *parser, PulseExprNode *node, PulseStepKind kind)
{
	int			n = node->n_steps;

	if (pulse_expr_full(n))
		node->steps = pulse_arena_grow(parser->arena, node->steps,
									   sizeof(PulseExprStep) * (size_t) n,
									   sizeof(PulseExprStep) * (n == 0 ? 1 : (size_t) n * 2));
	memset(&node->steps[n], 0, sizeof(PulseExprStep));
	node->steps[n].kind = kind;
	node->n_steps = n + 1;
	return &node->steps[n];
}

static void
require_value(Parser *parser, const Piece *piece)
{
	if (piece->predicate)
		pulse_expr_fail(parser, piece->start, "bad_expression", NULL,
						"expected a value, found a condition");
}

static void
require_predicate(Parser *parser, const Piece *piece)
{
	if (!piece->predicate)
		pulse_expr_fail(parser, piece->start, "bad_expression",
						"To test a boolean member write == true; to test that something is there write exists( ... ).",
						"expected a condition, found a value");
}

/* `( condition )`, the opening bracket being the current token. */
static PulseExprNode *
parse_bracketed_predicate(Parser *parser)
{
	Piece		piece;

	expect(parser, PULSE_TOKEN_OPEN, "\"(\"");
	enter(parser);
	piece = parse_or(parser);
	require_predicate(parser, &piece);
	parser->depth--;
	expect(parser, PULSE_TOKEN_CLOSE, "\")\"");
	return piece.node;
}

/* ---- accessors ---- */

static void
parse_method(Parser *parser, PulseExprNode *node, const PulseExprToken *name)
{
	for (int i = 0; i < (int) lengthof(methods); i++)
	{
		if (pg_strcasecmp(name->string, methods[i].name) == 0)
		{
			add_step(parser, node, methods[i].kind);
			pulse_expr_advance(parser);
			expect(parser, PULSE_TOKEN_CLOSE, "\")\"");
			return;
		}
	}
	for (int i = 0; i < (int) lengthof(other_methods); i++)
	{
		if (pg_strcasecmp(name->string, other_methods[i]) == 0)
		{
			char		feature[32];

			snprintf(feature, sizeof(feature), "the method .%s()", other_methods[i]);
			fail_unsupported(parser, name->start, feature);
			return;
		}
	}
	pulse_expr_fail(parser, name->start, "bad_expression",
					"The methods are .size(), .type(), .abs(), .floor() and .ceiling().",
					"there is no method .%.64s()", name->string);
}

/* What follows a "." */
static void
parse_member(Parser *parser, PulseExprNode *node)
{
	PulseExprToken name = parser->token;
	PulseExprStep *step;

	switch (name.type)
	{
		case PULSE_TOKEN_STAR:
			add_step(parser, node, PULSE_ACCESS_ANY_KEY);
			pulse_expr_advance(parser);
			return;
		case PULSE_TOKEN_ANY_PATH:
			fail_unsupported(parser, name.start, "the accessor .**");
			return;
		case PULSE_TOKEN_NAME:
		case PULSE_TOKEN_STRING:
			break;
		default:
			fail_expected(parser, "a member name after \".\"");
			return;
	}

	pulse_expr_advance(parser);
	if (name.type == PULSE_TOKEN_NAME && parser->token.type == PULSE_TOKEN_OPEN)
	{
		parse_method(parser, node, &name);
		return;
	}
	step = add_step(parser, node, PULSE_ACCESS_KEY);
	step->key = name.string;
	step->key_len = name.string_len;
}

/* What follows a "[" */
static void
parse_subscripts(Parser *parser, PulseExprNode *node)
{
	PulseExprRange *ranges = NULL;
	PulseExprStep *step;
	int			n = 0;

	if (parser->token.type == PULSE_TOKEN_STAR)
	{
		add_step(parser, node, PULSE_ACCESS_ANY_ITEM);
		pulse_expr_advance(parser);
		expect(parser, PULSE_TOKEN_CLOSE_BRACKET, "\"]\"");
		return;
	}

	enter(parser);
	parser->subscripts++;
	for (;;)
	{
		Piece		piece = parse_sum(parser);

		require_value(parser, &piece);
		if (pulse_expr_full(n))
			ranges = pulse_arena_grow(parser->arena, ranges,
									  sizeof(PulseExprRange) * (size_t) n,
									  sizeof(PulseExprRange) * (n == 0 ? 1 : (size_t) n * 2));
		ranges[n].from = piece.node;
		ranges[n].to = NULL;
		if (is_word(parser, "to"))
		{
			pulse_expr_advance(parser);
			piece = parse_sum(parser);
			require_value(parser, &piece);
			ranges[n].to = piece.node;
		}
		n++;
		if (parser->token.type != PULSE_TOKEN_COMMA)
			break;
		pulse_expr_advance(parser);
	}
	parser->subscripts--;
	parser->depth--;
	expect(parser, PULSE_TOKEN_CLOSE_BRACKET, "\",\", \"to\" or \"]\"");

	step = add_step(parser, node, PULSE_ACCESS_INDEX);
	step->ranges = ranges;
	step->n_ranges = n;
}

/* The accessors that follow a value; true if there were any. */
static bool
parse_steps(Parser *parser, PulseExprNode *node)
{
	bool		any = false;

	for (;; any = true)
	{
		switch (parser->token.type)
		{
			case PULSE_TOKEN_DOT:
				pulse_expr_advance(parser);
				parse_member(parser, node);
				break;
			case PULSE_TOKEN_OPEN_BRACKET:
				pulse_expr_advance(parser);
				parse_subscripts(parser, node);
				break;
			case PULSE_TOKEN_QUESTION:
			{
				PulseExprNode *filter;

					pulse_expr_advance(parser);
				parser->filters++;
				filter = parse_bracketed_predicate(parser);
				parser->filters--;
				add_step(parser, node, PULSE_ACCESS_FILTER)->filter = filter;
				break;
			}
			default:
				return any;
		}
		if (parser->failed)
			return any;
	}
}

/* ---- values ---- */

static PulseExprNode *
parse_name(Parser *parser)
{
	const PulseExprToken *token = &parser->token;

	/* these three are lower case in jsonpath, the other words may be either */
	if (strcmp(token->string, "null") == 0)
		return make_const(parser, &pulse_json_null);
	if (strcmp(token->string, "true") == 0)
		return make_const(parser, &pulse_json_true);
	if (strcmp(token->string, "false") == 0)
		return make_const(parser, &pulse_json_false);
	if (is_word(parser, "last"))
	{
		if (parser->subscripts == 0)
			pulse_expr_fail(parser, token->start, "bad_expression", NULL,
							"\"last\" is allowed only in an array subscript");
		return make_node(parser, PULSE_EXPR_LAST);
	}
	if (is_word(parser, "null") || is_word(parser, "true") || is_word(parser, "false"))
		pulse_expr_fail(parser, token->start, "bad_expression", NULL,
						"null, true and false are written in lower case");
	else if (is_word(parser, "strict"))
		fail_unsupported(parser, token->start, "strict mode");
	else
		pulse_expr_fail(parser, token->start, "bad_expression",
						"A path begins with $, a text stands in double quotes, and so does a member name with other characters than letters, digits and _: $.nodes.\"a-b\".",
						"expected a value, found %.64s", token->string);
	return NULL;
}

/* `exists( value )` */
static PulseExprNode *
parse_exists(Parser *parser)
{
	Piece		piece;

	pulse_expr_advance(parser);
	expect(parser, PULSE_TOKEN_OPEN, "\"(\" after exists");
	enter(parser);
	piece = parse_sum(parser);
	require_value(parser, &piece);
	parser->depth--;
	expect(parser, PULSE_TOKEN_CLOSE, "\")\"");
	return make_unary(parser, PULSE_EXPR_EXISTS, piece.node);
}

/* A literal, $, @, last, something in brackets or exists, with its accessors. */
static Piece
parse_primary(Parser *parser)
{
	Piece		piece = {.start = parser->token.start};

	switch (parser->token.type)
	{
		case PULSE_TOKEN_DOLLAR:
			piece.node = make_node(parser, PULSE_EXPR_ROOT);
			break;
		case PULSE_TOKEN_AT:
			if (parser->filters == 0)
				pulse_expr_fail(parser, parser->token.start, "bad_expression", NULL,
								"\"@\" is allowed only in a filter");
			piece.node = make_node(parser, PULSE_EXPR_CURRENT);
			break;
		case PULSE_TOKEN_STRING:
			piece.node = make_const(parser, pulse_json_stringn(parser->arena,
															   parser->token.string,
															   parser->token.string_len));
			break;
		case PULSE_TOKEN_NUMBER:
			piece.node = make_const(parser, parser->token.number);
			break;
		case PULSE_TOKEN_NAME:
			if (is_word(parser, "exists"))
			{
				piece.node = parse_exists(parser);
				piece.predicate = true;
				return piece;
			}
			piece.node = parse_name(parser);
			break;
		case PULSE_TOKEN_OPEN:
		{
			Piece inner;

				pulse_expr_advance(parser);
			enter(parser);
			inner = parse_or(parser);
			parser->depth--;
			expect(parser, PULSE_TOKEN_CLOSE, "\")\"");
			piece.node = inner.node;
			piece.predicate = inner.predicate;
			piece.bracketed = inner.predicate;

				/* a predicate with accessors is a value */
				if (!parser->failed && parse_steps(parser, piece.node))
					piece.predicate = piece.bracketed = false;
			return piece;
		}
		case PULSE_TOKEN_ANY_PATH:
			fail_unsupported(parser, parser->token.start, "**");
			break;
		default:
			fail_expected(parser, "a value");
			break;
	}
	if (parser->failed)
		return piece;
	pulse_expr_advance(parser);
	parse_steps(parser, piece.node);
	return piece;
}

static Piece
parse_signed(Parser *parser)
{
	PulseExprTokenType sign = parser->token.type;
	Piece		piece;
	Piece		operand;

	if (sign != PULSE_TOKEN_PLUS && sign != PULSE_TOKEN_MINUS)
		return parse_primary(parser);

	piece = (Piece) {.start = parser->token.start};
	pulse_expr_advance(parser);
	enter(parser);
	operand = parser->failed ? piece : parse_signed(parser);
	parser->depth--;
	require_value(parser, &operand);
	if (parser->failed)
		return piece;

	if (operand.node->kind == PULSE_EXPR_CONST && operand.node->n_steps == 0 &&
		operand.node->value->type == PULSE_JSON_NUMBER)
	{
		piece.node = operand.node;
		if (sign == PULSE_TOKEN_MINUS)
			piece.node = make_const(parser, pulse_number_neg(parser->arena,
															 operand.node->value));
	}
	else
		piece.node = make_unary(parser, sign == PULSE_TOKEN_MINUS ? PULSE_EXPR_MINUS
								: PULSE_EXPR_PLUS, operand.node);
	return piece;
}

static bool
is_product_operator(Parser *parser)
{
	switch (parser->token.type)
	{
		case PULSE_TOKEN_STAR:
			return true;
		case PULSE_TOKEN_SLASH:
			fail_unsupported(parser, parser->token.start, "division (/)");
			return false;
		case PULSE_TOKEN_PERCENT:
			fail_unsupported(parser, parser->token.start, "the remainder (%)");
			return false;
		case PULSE_TOKEN_ANY_PATH:
			fail_unsupported(parser, parser->token.start, "**");
			return false;
		default:
			return false;
	}
}

/* A chain of operators of one precedence, as one node. */
static Piece
parse_product(Parser *parser)
{
	Piece		piece = parse_signed(parser);
	PulseExprNode *chain = NULL;

	while (!parser->failed && is_product_operator(parser))
	{
		Piece		right;

		require_value(parser, &piece);
		if (chain == NULL)
		{
			chain = make_node(parser, PULSE_EXPR_ARITH);
			add_arg(parser, chain, piece.node, 0);
		}
		pulse_expr_advance(parser);
		right = parse_signed(parser);
		require_value(parser, &right);
		add_arg(parser, chain, right.node, '*');
	}
	if (chain != NULL)
		piece.node = chain;
	return piece;
}

static Piece
parse_sum(Parser *parser)
{
	Piece		piece = parse_product(parser);
	PulseExprNode *chain = NULL;

	while (!parser->failed && (parser->token.type == PULSE_TOKEN_PLUS ||
							   parser->token.type == PULSE_TOKEN_MINUS))
	{
		char		op = parser->token.type == PULSE_TOKEN_PLUS ? '+' : '-';
		Piece		right;

		require_value(parser, &piece);
		if (chain == NULL)
		{
			chain = make_node(parser, PULSE_EXPR_ARITH);
			add_arg(parser, chain, piece.node, 0);
		}
		pulse_expr_advance(parser);
		right = parse_product(parser);
		require_value(parser, &right);
		add_arg(parser, chain, right.node, op);
	}
	if (chain != NULL)
		piece.node = chain;
	return piece;
}

/* ---- conditions ---- */

static bool
comparison_operator(const Parser *parser, PulseExprOp *op)
{
	switch (parser->token.type)
	{
		case PULSE_TOKEN_EQ:
			*op = PULSE_OP_EQ;
			return true;
		case PULSE_TOKEN_NE:
			*op = PULSE_OP_NE;
			return true;
		case PULSE_TOKEN_LT:
			*op = PULSE_OP_LT;
			return true;
		case PULSE_TOKEN_LE:
			*op = PULSE_OP_LE;
			return true;
		case PULSE_TOKEN_GT:
			*op = PULSE_OP_GT;
			return true;
		case PULSE_TOKEN_GE:
			*op = PULSE_OP_GE;
			return true;
		default:
			return false;
	}
}

/* `! ( condition )` or `! exists( ... )` */
static Piece
parse_not(Parser *parser)
{
	Piece		piece = {.start = parser->token.start,.predicate = true};
	PulseExprNode *arg;

	pulse_expr_advance(parser);
	if (is_word(parser, "exists"))
		arg = parse_exists(parser);
	else if (parser->token.type == PULSE_TOKEN_OPEN)
		arg = parse_bracketed_predicate(parser);
	else
	{
		fail_expected(parser, "\"(\" or exists after \"!\"");
		return piece;
	}
	piece.node = make_unary(parser, PULSE_EXPR_NOT, arg);
	return piece;
}

static Piece
parse_condition(Parser *parser)
{
	Piece		piece;
	PulseExprOp op;

	if (parser->token.type == PULSE_TOKEN_NOT)
		return parse_not(parser);

	piece = parse_sum(parser);
	if (parser->failed)
		return piece;

	if (comparison_operator(parser, &op))
	{
		PulseExprNode *node = make_node(parser, PULSE_EXPR_COMPARE);
		Piece		right;

		require_value(parser, &piece);
		pulse_expr_advance(parser);
		right = parse_sum(parser);
		require_value(parser, &right);
		node->op = op;
		add_arg(parser, node, piece.node, 0);
		add_arg(parser, node, right.node, 0);
		piece.node = node;
		piece.predicate = true;
		piece.bracketed = false;
	}
	else if (is_word(parser, "is"))
	{
		if (!piece.bracketed)
			pulse_expr_fail(parser, parser->token.start, "bad_expression", NULL,
							"expected a condition in brackets before \"is unknown\"");
		pulse_expr_advance(parser);
		if (!is_word(parser, "unknown"))
			fail_expected(parser, "unknown after \"is\"");
		pulse_expr_advance(parser);
		piece.node = make_unary(parser, PULSE_EXPR_IS_UNKNOWN, piece.node);
		piece.bracketed = false;
	}
	else if (is_word(parser, "starts"))
	{
		require_value(parser, &piece);
		pulse_expr_advance(parser);
		if (!is_word(parser, "with"))
			fail_expected(parser, "with after \"starts\"");
		pulse_expr_advance(parser);
		if (parser->token.type != PULSE_TOKEN_STRING)
			fail_expected(parser, "a text after \"starts with\"");
		if (parser->failed)
			return piece;
		piece.node = make_unary(parser, PULSE_EXPR_STARTS_WITH, piece.node);
		piece.node->value = pulse_json_stringn(parser->arena, parser->token.string,
											   parser->token.string_len);
		piece.predicate = true;
		piece.bracketed = false;
		pulse_expr_advance(parser);
	}
	else if (is_word(parser, "like_regex"))
		fail_unsupported(parser, parser->token.start, "like_regex");
	return piece;
}

/* A chain of && or ||, as one node. */
static Piece
parse_junction(Parser *parser, PulseExprKind kind)
{
	PulseExprTokenType op = kind == PULSE_EXPR_AND ? PULSE_TOKEN_AND : PULSE_TOKEN_OR;
	Piece		piece = kind == PULSE_EXPR_AND ? parse_condition(parser)
		: parse_junction(parser, PULSE_EXPR_AND);
	PulseExprNode *chain = NULL;

	while (!parser->failed && parser->token.type == op)
	{
		Piece		right;

		require_predicate(parser, &piece);
		if (chain == NULL)
		{
			chain = make_node(parser, kind);
			add_arg(parser, chain, piece.node, 0);
		}
		pulse_expr_advance(parser);
		right = kind == PULSE_EXPR_AND ? parse_condition(parser)
			: parse_junction(parser, PULSE_EXPR_AND);
		require_predicate(parser, &right);
		add_arg(parser, chain, right.node, 0);
	}
	if (chain != NULL)
	{
		piece.node = chain;
		piece.bracketed = false;
	}
	return piece;
}

static Piece
parse_or(Parser *parser)
{
	return parse_junction(parser, PULSE_EXPR_OR);
}

/* ---- the entrances ---- */

static void
fail_rest(Parser *parser)
{
	const char *p = parser->token.start;
	char		buf[64];
	const char *hint = NULL;

	/* the common slip: $.a-b, $.1a and the like */
	if (parser->token.type == PULSE_TOKEN_NUMBER && *p == '.')
		hint = "A member name that begins with a digit must be quoted: .\"1a\".";
	pulse_expr_fail(parser, p, "bad_expression", hint,
					"expected an operator or the end, found %s",
					pulse_expr_token_text(parser, buf));
}

PulseExpr *
pulse_expr_parse(PulseArena *arena, const char *text, size_t len,
				 const char *path, PulseDiag *diag)
{
	Parser		parser = {.arena = arena,.diag = diag,.path = path,.text = text,
	.len = len};
	PulseExpr  *expr;
	Piece		piece;
	int			valid;

	if (len > PULSE_EXPR_MAX_TEXT)
	{
		pulse_expr_fail(&parser, text, "bad_expression", NULL,
						"the expression is longer than %d bytes", PULSE_EXPR_MAX_TEXT);
		return NULL;
	}
	parser.text = pulse_arena_strndup(arena, text, len);
	valid = pg_encoding_verifymbstr(PG_UTF8, parser.text, (int) len);
	if ((size_t) valid < len)
	{
		pulse_expr_fail(&parser, parser.text + valid, "bad_expression", NULL,
						"the expression is not valid UTF-8");
		return NULL;
	}

	parser.token.end = parser.text;
	pulse_expr_advance(&parser);
	if (is_word(&parser, "strict"))
		fail_unsupported(&parser, parser.token.start, "strict mode");
	else if (is_word(&parser, "lax"))
		pulse_expr_advance(&parser);
	if (parser.failed)
		return NULL;

	piece = parse_or(&parser);
	if (!parser.failed && parser.token.type != PULSE_TOKEN_END)
		fail_rest(&parser);
	if (parser.failed)
		return NULL;

	expr = pulse_arena_zalloc(arena, sizeof(PulseExpr));
	expr->root = piece.node;
	expr->text = parser.text;
	pulse_expr_finish(expr, arena);
	if (expr->root->height > PULSE_EXPR_MAX_HEIGHT)
	{
		pulse_expr_fail(&parser, parser.text, "bad_expression", NULL,
						"the expression is too deep: too many accessors in a row");
		return NULL;
	}
	return expr;
}

const char *
pulse_expr_text(const PulseExpr *expr)
{
	return expr->text;
}
