/*
 * expr.h
 *		Expressions: the stated subset of SQL/JSON path, lax mode.
 *
 * An expression is parsed once, when the graph is read, and evaluated against
 * the context document of an activation.  The parser also says which outputs the
 * expression refers to, so that the context holds those only and no others are
 * ever loaded.
 */
#ifndef PULSE_CORE_EXPR_H
#define PULSE_CORE_EXPR_H

#include "core/json.h"

typedef struct PulseExpr PulseExpr;

/*
 * What an expression reads under `$.nodes`: the ids, or everything ("$",
 * "$.*", "$.nodes", "$.nodes.*", "$.nodes ? ..."). Names of other root members
 * used are listed too, so that `$.item` outside a map can be refused.
 */
typedef struct PulseExprRefs
{
	int			n_nodes;
	const char **nodes;			/* unique ids in order of first use */
	bool		all_nodes;
	int			n_members;
	const char **members;		/* unique names of root members used; "*" for the whole root */
} PulseExprRefs;

/* Default bound on the work of one evaluation (visited items). */
#define PULSE_EXPR_MAX_STEPS 1000000

/*
 * Parses text. NULL on failure, with one error added: code bad_expression
 * with the column, or expression_unsupported, which names the feature outside
 * the subset. path is the JSON path of the string in the document.
 */
extern PulseExpr *pulse_expr_parse(PulseArena *arena, const char *text, size_t len,
								   const char *path, PulseDiag *diag);

extern const PulseExprRefs *pulse_expr_refs(const PulseExpr *expr);

/* The text it was parsed from. */
extern const char *pulse_expr_text(const PulseExpr *expr);

typedef enum PulseTruth
{
	PULSE_FALSE,
	PULSE_TRUE,
	PULSE_UNKNOWN				/* null, or an empty result */
} PulseTruth;

/*
 * Evaluates against root, as jsonb_path_query with silent => false would:
 * *items (in arena) and *n_items get the result sequence. False on error (class
 * `expression`), then *error is a message in the arena.
 */
extern bool pulse_expr_query(const PulseExpr *expr, const PulseJson *root,
							 PulseArena *arena, int64 max_steps,
							 const PulseJson *const **items, int *n_items,
							 const char **error);

/*
 * As a condition (the `when` of a node): like jsonb_path_match, except that an empty
 * result is unknown. Anything but one boolean, null or nothing is an error.
 */
extern bool pulse_expr_match(const PulseExpr *expr, const PulseJson *root,
							 PulseArena *arena, int64 max_steps,
							 PulseTruth *truth, const char **error);

/*
 * As a value (the "$" of a template): no item gives JSON null, one item
 * itself, more an array. NULL on error.
 */
extern const PulseJson *pulse_expr_value(const PulseExpr *expr, const PulseJson *root,
										 PulseArena *arena, int64 max_steps,
										 const char **error);

#endif
