/*
 * expr_private.h
 *		The tree of an expression: what the parser makes and the evaluator walks.
 *
 * A path is a node with accessors ("steps"): `$.a[0] ? (...)` is ROOT with three steps.
 * Chains of operators of one precedence are one node with many operands, so
 * that the depth of the tree is the depth of the brackets and not the length of the
 * text.  Everything lies in the arena the expression was parsed into.
 */
#ifndef PULSE_CORE_EXPR_PRIVATE_H
#define PULSE_CORE_EXPR_PRIVATE_H

#include "core/expr.h"

#define PULSE_EXPR_MAX_TEXT		(64 * 1024)
#define PULSE_EXPR_MAX_NESTING	100 /* of brackets, signs and filters in the text */
#define PULSE_EXPR_MAX_HEIGHT	1000 /* of what the evaluator recurses through */

typedef enum PulseExprKind
{
	/* values, which may have steps */
	PULSE_EXPR_CONST,
	PULSE_EXPR_ROOT,			/* $ */
	PULSE_EXPR_CURRENT,			/* @ */
	PULSE_EXPR_LAST,
	PULSE_EXPR_ARITH,			/* args[0] ops[0] args[1] ops[1] ... */
	PULSE_EXPR_PLUS,			/* signs */
	PULSE_EXPR_MINUS,

	/* predicates; in brackets they may have steps too */
	PULSE_EXPR_AND,
	PULSE_EXPR_OR,
	PULSE_EXPR_NOT,
	PULSE_EXPR_IS_UNKNOWN,
	PULSE_EXPR_COMPARE,
	PULSE_EXPR_STARTS_WITH,
	PULSE_EXPR_EXISTS
} PulseExprKind;

typedef enum PulseExprOp
{
	PULSE_OP_EQ,
	PULSE_OP_NE,
	PULSE_OP_LT,
	PULSE_OP_LE,
	PULSE_OP_GT,
	PULSE_OP_GE
} PulseExprOp;

typedef enum PulseStepKind
{
	PULSE_ACCESS_KEY,
	PULSE_ACCESS_ANY_KEY,
	PULSE_ACCESS_ANY_ITEM,		/* [*] */
	PULSE_ACCESS_INDEX,
	PULSE_ACCESS_FILTER,
	PULSE_ACCESS_TYPE,
	PULSE_ACCESS_SIZE,
	PULSE_ACCESS_ABS,
	PULSE_ACCESS_FLOOR,
	PULSE_ACCESS_CEILING
} PulseStepKind;

typedef struct PulseExprNode PulseExprNode;

typedef struct PulseExprRange
{
	PulseExprNode *from;
	PulseExprNode *to;			/* NULL: one item */
} PulseExprRange;

typedef struct PulseExprStep
{
	PulseStepKind kind;
	uint32		key_len;		/* KEY */
	const char *key;
	int			n_ranges;		/* INDEX */
	PulseExprRange *ranges;
	PulseExprNode *filter;		/* FILTER */
} PulseExprStep;

struct PulseExprNode
{
	PulseExprKind kind;
	PulseExprOp op;				/* COMPARE */
	int			height;			/* of the recursion it causes */
	const PulseJson *value;		/* CONST; STARTS_WITH: the beginning */
	int			n_args;
	PulseExprNode **args;
	char	   *ops;			/* ARITH: '+', '-', '*' */
	int			n_steps;
	PulseExprStep *steps;
};

struct PulseExpr
{
	PulseExprNode *root;
	PulseExprRefs refs;
	const char *text;
};

/* True when a vector of n entries is full: those here grow at powers of two. */
static inline bool
pulse_expr_full(int n)
{
	return (n & (n - 1)) == 0;
}

/* Fills in heights and references of a tree that has just been parsed. */
extern void pulse_expr_finish(PulseExpr *expr, PulseArena *arena);

/* As pulse_expr_value, but takes its steps from a purse that others share. */
extern const PulseJson *pulse_expr_value_steps(const PulseExpr *expr, const PulseJson *root,
											   PulseArena *arena, int64 *steps,
											   const char **error);

/*
 * Adds what `from` reads to `to`; the lists grow in arena. They may hold names
 * more than once until refs_unique has been called, which keeps the first of each.
 */
extern void pulse_expr_refs_merge(PulseArena *arena, PulseExprRefs *to,
								  const PulseExprRefs *from);
extern void pulse_expr_refs_unique(PulseArena *arena, PulseExprRefs *refs);

#endif
