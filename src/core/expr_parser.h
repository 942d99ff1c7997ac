/*
 * expr_parser.h
 *		What the lexer and the parser of expressions share.
 *
 * The parser lives on the C stack during one pulse_expr_parse. After the first error
 * (pulse_expr_fail reports it) the only token is END.
 */
#ifndef PULSE_CORE_EXPR_PARSER_H
#define PULSE_CORE_EXPR_PARSER_H

#include "core/expr_private.h"

typedef enum PulseExprTokenType
{
	PULSE_TOKEN_END,
	PULSE_TOKEN_NAME,
	PULSE_TOKEN_STRING,
	PULSE_TOKEN_NUMBER,
	PULSE_TOKEN_DOLLAR,
	PULSE_TOKEN_AT,
	PULSE_TOKEN_DOT,
	PULSE_TOKEN_COMMA,
	PULSE_TOKEN_QUESTION,
	PULSE_TOKEN_OPEN,
	PULSE_TOKEN_CLOSE,
	PULSE_TOKEN_OPEN_BRACKET,
	PULSE_TOKEN_CLOSE_BRACKET,
	PULSE_TOKEN_STAR,
	PULSE_TOKEN_PLUS,
	PULSE_TOKEN_MINUS,
	PULSE_TOKEN_SLASH,
	PULSE_TOKEN_PERCENT,
	PULSE_TOKEN_ANY_PATH,		/* ** */
	PULSE_TOKEN_AND,
	PULSE_TOKEN_OR,
	PULSE_TOKEN_NOT,
	PULSE_TOKEN_EQ,
	PULSE_TOKEN_NE,
	PULSE_TOKEN_LT,
	PULSE_TOKEN_LE,
	PULSE_TOKEN_GT,
	PULSE_TOKEN_GE
} PulseExprTokenType;

typedef struct PulseExprToken
{
	PulseExprTokenType type;
	const char *start;
	const char *end;
	const char *string;			/* NAME, STRING: the text meant, NUL-terminated */
	uint32		string_len;
	const PulseJson *number;	/* NUMBER */
} PulseExprToken;

typedef struct PulseExprParser
{
	PulseArena *arena;
	PulseDiag  *diag;
	const char *path;
	const char *text;			/* NUL-terminated */
	size_t		len;
	bool		failed;
	int			depth;			/* of nesting, in the text */
	int			filters;		/* filters around the current place: @ is allowed */
	int			subscripts;		/* subscripts around it: last is allowed */
	PulseExprToken token;
} PulseExprParser;

/* Makes the next token the current one. */
extern void pulse_expr_advance(PulseExprParser *parser);

/* Reports an error at a place in the text; only the first is reported. */
extern void pulse_expr_fail(PulseExprParser *parser, const char *place, const char *code,
							const char *hint, const char *fmt,...) pg_attribute_printf(5, 6);

/* The current token as a text for messages; buf of >= 64 bytes. */
extern const char *pulse_expr_token_text(const PulseExprParser *parser, char *buf);

#endif
