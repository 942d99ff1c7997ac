/*
 * expr_eval.c
 *		Evaluates expressions, with the rules of jsonpath's lax mode.
 *
 * Owns the semantics: unwrapping, three-valued logic, which errors are
 * errors.  They are those of the server's executor, to the item; a
 * differential test holds both against each other.
 *
 * Every visited item costs a step, long numbers and texts cost more, so that time
 * and memory of an evaluation are bounded by the steps it may take.  Two errors
 * cannot be caught by a predicate, as all others can: running out of steps,
 * and numbers beyond the limit of digits.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/expr.h"

#include "core/expr_private.h"
#include "core/number.h"

/* Results of most paths: one item. */
#define INLINE_ITEMS 4

/* Bytes of a number or text that cost one more step. */
#define NUMBER_BYTES_PER_STEP 16
#define TEXT_BYTES_PER_STEP 256

typedef enum Result
{
	RESULT_ERROR,
	RESULT_EMPTY,				/* nothing found */
	RESULT_OK
} Result;

/* A sequence of items. Must not be copied: items may point into itself. */
typedef struct Seq
{
	int			n;
	int			cap;
	const PulseJson **items;
	const PulseJson *inline_items[INLINE_ITEMS];
} Seq;

/* State of one evaluation; lives on the stack of the caller. */
typedef struct Eval
{
	PulseArena *arena;
	const PulseJson *root;
	const PulseJson *current;	/* @ */
	int			array_size;		/* of the innermost subscript, for `last` */
	int64		steps;			/* left; negative: out of steps, or fatal */
	bool		quiet;			/* in a predicate: errors need no message */
	bool		fatal;			/* error is set and nothing may catch it */
	const char *error;
} Eval;

static Result exec_node(Eval *eval, const PulseExprNode *node, Seq *found);
static PulseTruth exec_predicate(Eval *eval, const PulseExprNode *node);

static inline void
seq_init(Seq *seq)
{
	seq->n = 0;
	seq->cap = INLINE_ITEMS;
	seq->items = seq->inline_items;
}

static inline void
seq_append(Eval *eval, Seq *seq, const PulseJson *item)
{
	if (unlikely(seq->n == seq->cap))
	{
		seq->items = pulse_arena_grow(eval->arena, seq->items,
									  sizeof(PulseJson *) * (size_t) seq->n,
									  sizeof(PulseJson *) * (size_t) seq->n * 4);
		seq->cap = seq->n * 4;
	}
	seq->items[seq->n++] = item;
}

static Result
fail_fatal(Eval *eval, const char *message)
{
	if (!eval->fatal)
	{
		eval->fatal = true;
		eval->error = message;
	}
	eval->steps = -1;			/* whatever still wants to go on stops */
	return RESULT_ERROR;
}

/* Pays for work; false when there are no steps left. */
static inline bool
charge(Eval *eval, int64 cost)
{
	eval->steps -= cost;
	if (likely(eval->steps >= 0))
		return true;
	fail_fatal(eval, "the evaluation takes too many steps");
	return false;
}

static Result
fail(Eval *eval, const char *message)
{
	if (!eval->quiet && eval->error == NULL)
		eval->error = message;
	return RESULT_ERROR;
}

static const char *
type_name(const PulseJson *item)
{
	switch (item->type)
	{
		case PULSE_JSON_NULL:
			return "null";
		case PULSE_JSON_BOOL:
			return "boolean";
		case PULSE_JSON_NUMBER:
			return "number";
		case PULSE_JSON_STRING:
			return "string";
		case PULSE_JSON_ARRAY:
			return "array";
		case PULSE_JSON_OBJECT:
			return "object";
	}
	return "unknown";			/* not reached */
}

/* ".abs() needs a number, not a string", in the arena. */
static Result
fail_operand(Eval *eval, const char *what, const Seq *seq)
{
	const char *found;

	if (eval->quiet || eval->error != NULL)
		return RESULT_ERROR;
	if (seq->n == 0)
		found = "nothing";
	else if (seq->n > 1)
		found = pulse_arena_printf(eval->arena, "%d items", seq->n);
	else
		found = pulse_arena_printf(eval->arena, "%s %s",
								   seq->items[0]->type == PULSE_JSON_ARRAY ||
								   seq->items[0]->type == PULSE_JSON_OBJECT ? "an" : "a",
								   type_name(seq->items[0]));
	eval->error = pulse_arena_printf(eval->arena, "%s must be a single number, not %s",
									 what, found);
	return RESULT_ERROR;
}

static inline bool
single_number(const Seq *seq)
{
	return seq->n == 1 && seq->items[0]->type == PULSE_JSON_NUMBER;
}

/* ---- accessors ---- */

static Result exec_steps(Eval *eval, const PulseExprNode *node, int at,
						 const PulseJson *item, Seq *found, bool unwrap);

/* Goes on with each item of an array, from step `at`. */
static Result
exec_items(Eval *eval, const PulseExprNode *node, int at,
		   const PulseJson *array, Seq *found, bool unwrap)
{
	Result		result = RESULT_EMPTY;

	for (uint32 i = 0; i < array->len; i++)
	{
		if (!charge(eval, 1))
			return RESULT_ERROR;
		result = exec_steps(eval, node, at, array->u.items[i], found, unwrap);
		if (result == RESULT_ERROR || (result == RESULT_OK && found == NULL))
			break;
	}
	return result;
}

static Result
exec_members(Eval *eval, const PulseExprNode *node, int at,
			 const PulseJson *object, Seq *found)
{
	Result		result = RESULT_EMPTY;

	for (uint32 i = 0; i < object->len; i++)
	{
		if (!charge(eval, 1))
			return RESULT_ERROR;
		result = exec_steps(eval, node, at, object->u.pairs[i].value, found, true);
		if (result == RESULT_ERROR || (result == RESULT_OK && found == NULL))
			break;
	}
	return result;
}

/* The value of a subscript: a single number, cut to an int32. */
static bool
exec_subscript(Eval *eval, const PulseExprNode *node, int *out)
{
	Seq			seq;
	int64		value;

	seq_init(&seq);
	if (exec_node(eval, node, &seq) == RESULT_ERROR)
		return false;
	if (!single_number(&seq))
	{
		fail_operand(eval, "an array subscript", &seq);
		return false;
	}
	if (!pulse_number_trunc(seq.items[0], &value) ||
		value > PG_INT32_MAX || value < PG_INT32_MIN)
	{
		fail(eval, "an array subscript is out of the range of integers");
		return false;
	}
	*out = (int) value;
	return true;
}

static Result
exec_index(Eval *eval, const PulseExprNode *node, int at,
		   const PulseJson *item, Seq *found)
{
	const PulseExprStep *step = &node->steps[at];
	bool		array = item->type == PULSE_JSON_ARRAY;
	int			size = array ? (int) item->len : 1;
	int			outer_size = eval->array_size;
	Result		result = RESULT_EMPTY;

	eval->array_size = size;
	for (int i = 0; i < step->n_ranges; i++)
	{
		int			from;
		int			to;

		result = RESULT_ERROR;
		if (!exec_subscript(eval, step->ranges[i].from, &from))
			break;
		to = from;
		if (step->ranges[i].to != NULL &&
			!exec_subscript(eval, step->ranges[i].to, &to))
			break;

		/* lax: what is outside is not there */
		from = Max(from, 0);
		to = Min(to, size - 1);
		result = RESULT_EMPTY;
		for (int index = from; index <= to; index++)
		{
			if (!charge(eval, 1))
			{
				result = RESULT_ERROR;
				break;
			}

			/*
			 * The server leaves here without restoring what `last` means in
			 * an enclosing subscript, as can be seen in
			 * $.a[0 ? (exists($.b[0])), last]. So do we: the value of an
			 * expression is the one the server gives.
			 */
			if (found == NULL && at + 1 == node->n_steps)
				return RESULT_OK;
			result = exec_steps(eval, node, at + 1,
								array ? item->u.items[index] : item, found, true);
			if (result == RESULT_ERROR || (result == RESULT_OK && found == NULL))
				break;
		}
		if (result == RESULT_ERROR || (result == RESULT_OK && found == NULL))
			break;
	}
	eval->array_size = outer_size;
	return result;
}

static Result
exec_number_method(Eval *eval, PulseStepKind kind, const PulseJson **item)
{
	const PulseJson *value = NULL;

	if ((*item)->type != PULSE_JSON_NUMBER)
	{
		const char *name = kind == PULSE_ACCESS_ABS ? "abs"
			: kind == PULSE_ACCESS_FLOOR ? "floor" : "ceiling";

		if (!eval->quiet && eval->error == NULL)
			eval->error = pulse_arena_printf(eval->arena,
											 ".%s() can only be applied to a number, not to %s %s",
											 name, (*item)->type == PULSE_JSON_OBJECT ||
											 (*item)->type == PULSE_JSON_ARRAY ? "an" : "a",
											 type_name(*item));
		return RESULT_ERROR;
	}
	if (!charge(eval, (*item)->len / NUMBER_BYTES_PER_STEP))
		return RESULT_ERROR;
	if (kind == PULSE_ACCESS_ABS)
		value = pulse_number_abs(eval->arena, *item);
	else if (kind == PULSE_ACCESS_FLOOR)
		value = pulse_number_floor(eval->arena, *item);
	else
		value = pulse_number_ceiling(eval->arena, *item);
	if (value == NULL)
		return fail_fatal(eval, "a number has more than 1000 digits");
	*item = value;
	return RESULT_OK;
}

/*
 * Applies the steps of a path from number `at` on to an item; what comes out at the
 * end is appended to found.  found NULL: only whether there is anything
 * matters, and the search stops at the first.  unwrap: an array met by a step that is not
 * about arrays stands for its items.
 */
static Result
exec_steps(Eval *eval, const PulseExprNode *node, int at,
		   const PulseJson *item, Seq *found, bool unwrap)
{
	for (; at < node->n_steps; at++, unwrap = true)
	{
		const PulseExprStep *step = &node->steps[at];

		if (!charge(eval, 1))
			return RESULT_ERROR;

		switch (step->kind)
		{
			case PULSE_ACCESS_KEY:
				if (item->type == PULSE_JSON_OBJECT)
				{
					item = pulse_json_getn(item, step->key, step->key_len);
					if (item == NULL)
						return RESULT_EMPTY;
					break;
				}
				if (unwrap && item->type == PULSE_JSON_ARRAY)
					return exec_items(eval, node, at, item, found, false);
				return RESULT_EMPTY;

			case PULSE_ACCESS_ANY_KEY:
				if (item->type == PULSE_JSON_OBJECT)
					return exec_members(eval, node, at + 1, item, found);
				if (unwrap && item->type == PULSE_JSON_ARRAY)
					return exec_items(eval, node, at, item, found, false);
				return RESULT_EMPTY;

			case PULSE_ACCESS_ANY_ITEM:
				if (item->type == PULSE_JSON_ARRAY)
					return exec_items(eval, node, at + 1, item, found, true);
				break;			/* stands for an array of itself */

			case PULSE_ACCESS_INDEX:
				return exec_index(eval, node, at, item, found);

			case PULSE_ACCESS_FILTER:
			{
				const PulseJson *outer = eval->current;
				PulseTruth truth;

					if (unwrap && item->type == PULSE_JSON_ARRAY)
						return exec_items(eval, node, at, item, found, false);
				eval->current = item;
				truth = exec_predicate(eval, step->filter);
				eval->current = outer;
				if (eval->fatal)
						return RESULT_ERROR;
				if (truth != PULSE_TRUE)
						return RESULT_EMPTY;
				break;
			}

			case PULSE_ACCESS_TYPE:
			{
				const char *name = type_name(item);

					item = pulse_json_string(eval->arena, name);
				break;
			}

			case PULSE_ACCESS_SIZE:
				item = pulse_json_int(eval->arena,
									  item->type == PULSE_JSON_ARRAY ? item->len : 1);
				break;

			case PULSE_ACCESS_ABS:
			case PULSE_ACCESS_FLOOR:
			case PULSE_ACCESS_CEILING:
				if (unwrap && item->type == PULSE_JSON_ARRAY)
					return exec_items(eval, node, at, item, found, false);
				if (exec_number_method(eval, step->kind, &item) == RESULT_ERROR)
					return RESULT_ERROR;
				break;
		}
	}

	if (found != NULL)
		seq_append(eval, found, item);
	return RESULT_OK;
}

/* ---- arithmetic ---- */

/* Evaluates an operand; arrays in the result stand for their items. */
static Result
exec_operand(Eval *eval, const PulseExprNode *node, Seq *seq)
{
	int			first_array;
	Seq			flat;

	seq_init(seq);
	if (exec_node(eval, node, seq) == RESULT_ERROR)
		return RESULT_ERROR;

	for (first_array = 0; first_array < seq->n; first_array++)
	{
		if (seq->items[first_array]->type == PULSE_JSON_ARRAY)
			break;
	}
	if (likely(first_array == seq->n))
		return RESULT_OK;

	if (seq->n == 1)
	{
		/* the usual case: the items of the one array, used where they are */
		const PulseJson *array = seq->items[0];

		if (!charge(eval, array->len))
			return RESULT_ERROR;
		seq->items = (const PulseJson **) array->u.items;
		seq->n = seq->cap = (int) array->len;
		return RESULT_OK;
	}

	seq_init(&flat);
	for (int i = 0; i < seq->n; i++)
	{
		const PulseJson *item = seq->items[i];

		if (item->type != PULSE_JSON_ARRAY)
			seq_append(eval, &flat, item);
		else
		{
			if (!charge(eval, item->len))
				return RESULT_ERROR;
			for (uint32 j = 0; j < item->len; j++)
				seq_append(eval, &flat, item->u.items[j]);
		}
	}
	seq->n = flat.n;
	seq->cap = flat.cap;
	if (flat.items == flat.inline_items)
	{
		seq->items = seq->inline_items;
		memcpy(seq->inline_items, flat.inline_items, sizeof(flat.inline_items));
	}
	else
		seq->items = flat.items;
	return RESULT_OK;
}

static const PulseJson *
arithmetic(Eval *eval, char op, const PulseJson *a, const PulseJson *b)
{
	const PulseJson *value;
	int64		cost = (a->len + b->len) / NUMBER_BYTES_PER_STEP;

	if (op == '*')
		cost += (int64) a->len * b->len / 1024;
	if (!charge(eval, cost + 1))
		return NULL;
	if (op == '+')
		value = pulse_number_add(eval->arena, a, b);
	else if (op == '-')
		value = pulse_number_sub(eval->arena, a, b);
	else
		value = pulse_number_mul(eval->arena, a, b);
	if (value == NULL)
		fail_fatal(eval, "a number has more than 1000 digits");
	return value;
}

static Result
exec_arith(Eval *eval, const PulseExprNode *node, Seq *found)
{
	const PulseJson *sum;
	Seq			left;

	if (exec_operand(eval, node->args[0], &left) == RESULT_ERROR)
		return RESULT_ERROR;

	for (int i = 1; i < node->n_args; i++)
	{
		Seq			right;
		char		op = node->ops[i - 1];

		/* both sides are evaluated before either is judged */
		if (exec_operand(eval, node->args[i], &right) == RESULT_ERROR)
			return RESULT_ERROR;
		if (!single_number(&left))
			return fail_operand(eval, op == '+' ? "the left operand of +"
								: op == '-' ? "the left operand of -"
								: "the left operand of *", &left);
		if (!single_number(&right))
			return fail_operand(eval, op == '+' ? "the right operand of +"
								: op == '-' ? "the right operand of -"
								: "the right operand of *", &right);
		sum = arithmetic(eval, op, left.items[0], right.items[0]);
		if (sum == NULL)
			return RESULT_ERROR;
		seq_init(&left);
		seq_append(eval, &left, sum);
	}
	return exec_steps(eval, node, 0, left.items[0], found, true);
}

static Result
exec_sign(Eval *eval, const PulseExprNode *node, Seq *found)
{
	bool		only_existence = found == NULL && node->n_steps == 0;
	Result		result = RESULT_EMPTY;
	Seq			seq;

	if (exec_operand(eval, node->args[0], &seq) == RESULT_ERROR)
		return RESULT_ERROR;

	for (int i = 0; i < seq.n; i++)
	{
		const PulseJson *item = seq.items[i];
		Result		next;

		if (!charge(eval, 1 + (item->type == PULSE_JSON_NUMBER ?
							   item->len / NUMBER_BYTES_PER_STEP : 0)))
			return RESULT_ERROR;
		if (item->type != PULSE_JSON_NUMBER)
		{
			if (only_existence)
				continue;
			return fail(eval, node->kind == PULSE_EXPR_MINUS
						? "the operand of unary - must be a number"
						: "the operand of unary + must be a number");
		}
		if (only_existence)
			return RESULT_OK;
		if (node->kind == PULSE_EXPR_MINUS)
			item = pulse_number_neg(eval->arena, item);
		next = exec_steps(eval, node, 0, item, found, true);
		if (next == RESULT_ERROR)
			return RESULT_ERROR;
		if (next == RESULT_OK)
		{
			if (found == NULL)
				return RESULT_OK;
			result = RESULT_OK;
		}
	}
	return result;
}

/* ---- predicates ---- */

static PulseTruth
compare(Eval *eval, PulseExprOp op, const PulseJson *a, const PulseJson *b)
{
	int			cmp;

	if (a->type != b->type)
	{
		/* null differs from everything else; other types cannot be compared */
		if (a->type == PULSE_JSON_NULL || b->type == PULSE_JSON_NULL)
			return op == PULSE_OP_NE ? PULSE_TRUE : PULSE_FALSE;
		return PULSE_UNKNOWN;
	}
	switch (a->type)
	{
		case PULSE_JSON_NULL:
			cmp = 0;
			break;
		case PULSE_JSON_BOOL:
			cmp = (int) a->u.boolean - (int) b->u.boolean;
			break;
		case PULSE_JSON_NUMBER:
			cmp = pulse_number_compare(a, b);
			break;
		case PULSE_JSON_STRING:
		{
			uint32 common = Min(a->len, b->len);

				if (!charge(eval, common / TEXT_BYTES_PER_STEP))
					return PULSE_UNKNOWN;
			cmp = memcmp(a->u.text, b->u.text, common);
			if (cmp == 0)
					cmp = a->len < b->len ? -1 : a->len > b->len;
			break;
		}
		default:
			return PULSE_UNKNOWN;
	}
	switch (op)
	{
		case PULSE_OP_EQ:
			return cmp == 0 ? PULSE_TRUE : PULSE_FALSE;
		case PULSE_OP_NE:
			return cmp != 0 ? PULSE_TRUE : PULSE_FALSE;
		case PULSE_OP_LT:
			return cmp < 0 ? PULSE_TRUE : PULSE_FALSE;
		case PULSE_OP_LE:
			return cmp <= 0 ? PULSE_TRUE : PULSE_FALSE;
		case PULSE_OP_GT:
			return cmp > 0 ? PULSE_TRUE : PULSE_FALSE;
		case PULSE_OP_GE:
			return cmp >= 0 ? PULSE_TRUE : PULSE_FALSE;
	}
	return PULSE_UNKNOWN;		/* not reached */
}

/* True if any pair of items compares so; else unknown if any cannot be compared. */
static PulseTruth
exec_compare(Eval *eval, const PulseExprNode *node)
{
	bool		unknown = false;
	Seq			left;
	Seq			right;

	if (exec_operand(eval, node->args[0], &left) == RESULT_ERROR ||
		exec_operand(eval, node->args[1], &right) == RESULT_ERROR)
		return PULSE_UNKNOWN;
	for (int i = 0; i < left.n; i++)
	{
		for (int j = 0; j < right.n; j++)
		{
			PulseTruth	truth;

			if (!charge(eval, 1))
				return PULSE_UNKNOWN;
			truth = compare(eval, node->op, left.items[i], right.items[j]);
			if (truth == PULSE_TRUE)
				return PULSE_TRUE;
			if (truth == PULSE_UNKNOWN)
				unknown = true;
		}
	}
	return unknown ? PULSE_UNKNOWN : PULSE_FALSE;
}

static PulseTruth
exec_starts_with(Eval *eval, const PulseExprNode *node)
{
	const PulseJson *initial = node->value;
	bool		unknown = false;
	Seq			seq;

	if (exec_operand(eval, node->args[0], &seq) == RESULT_ERROR)
		return PULSE_UNKNOWN;
	for (int i = 0; i < seq.n; i++)
	{
		const PulseJson *item = seq.items[i];

		if (!charge(eval, 1 + initial->len / TEXT_BYTES_PER_STEP))
			return PULSE_UNKNOWN;
		if (item->type != PULSE_JSON_STRING)
			unknown = true;
		else if (item->len >= initial->len &&
				 memcmp(item->u.text, initial->u.text, initial->len) == 0)
			return PULSE_TRUE;
	}
	return unknown ? PULSE_UNKNOWN : PULSE_FALSE;
}

/* && and || of any number of operands, from the left. */
static PulseTruth
exec_junction(Eval *eval, const PulseExprNode *node)
{
	PulseTruth	stop = node->kind == PULSE_EXPR_AND ? PULSE_FALSE : PULSE_TRUE;
	PulseTruth	result = exec_predicate(eval, node->args[0]);

	for (int i = 1; i < node->n_args && result != stop; i++)
	{
		PulseTruth	next = exec_predicate(eval, node->args[i]);

		/* an operand that decides nothing leaves an unknown unknown */
		if (next == stop || next == PULSE_UNKNOWN)
			result = next;
	}
	return result;
}

static PulseTruth
exec_predicate(Eval *eval, const PulseExprNode *node)
{
	bool		outer_quiet = eval->quiet;
	PulseTruth	truth = PULSE_UNKNOWN;

	if (!charge(eval, 1))
		return PULSE_UNKNOWN;

	/* errors inside make the predicate unknown */
	eval->quiet = true;
	switch (node->kind)
	{
		case PULSE_EXPR_AND:
		case PULSE_EXPR_OR:
			truth = exec_junction(eval, node);
			break;
		case PULSE_EXPR_NOT:
			truth = exec_predicate(eval, node->args[0]);
			if (truth != PULSE_UNKNOWN)
				truth = truth == PULSE_TRUE ? PULSE_FALSE : PULSE_TRUE;
			break;
		case PULSE_EXPR_IS_UNKNOWN:
			truth = exec_predicate(eval, node->args[0]) == PULSE_UNKNOWN
				? PULSE_TRUE : PULSE_FALSE;
			break;
		case PULSE_EXPR_COMPARE:
			truth = exec_compare(eval, node);
			break;
		case PULSE_EXPR_STARTS_WITH:
			truth = exec_starts_with(eval, node);
			break;
		case PULSE_EXPR_EXISTS:
			switch (exec_node(eval, node->args[0], NULL))
			{
				case RESULT_ERROR:
					truth = PULSE_UNKNOWN;
					break;
				case RESULT_EMPTY:
					truth = PULSE_FALSE;
					break;
				case RESULT_OK:
					truth = PULSE_TRUE;
					break;
			}
			break;
		default:
			Assert(false);		/* the parser lets only predicates through */
			break;
	}
	eval->quiet = outer_quiet;
	return truth;
}

static Result
exec_node(Eval *eval, const PulseExprNode *node, Seq *found)
{
	const PulseJson *item;

	switch (node->kind)
	{
		case PULSE_EXPR_CONST:
			item = node->value;
			break;
		case PULSE_EXPR_ROOT:
			item = eval->root;
			break;
		case PULSE_EXPR_CURRENT:
			item = eval->current;
			break;
		case PULSE_EXPR_LAST:
			item = pulse_json_int(eval->arena, eval->array_size - 1);
			break;
		case PULSE_EXPR_ARITH:
			return exec_arith(eval, node, found);
		case PULSE_EXPR_PLUS:
		case PULSE_EXPR_MINUS:
			return exec_sign(eval, node, found);
		default:
		{
			PulseTruth truth = exec_predicate(eval, node);

				if (eval->fatal)
					return RESULT_ERROR;
			item = truth == PULSE_UNKNOWN ? &pulse_json_null
					: pulse_json_bool(truth == PULSE_TRUE);
			break;
		}
	}
	return exec_steps(eval, node, 0, item, found, true);
}

/* ---- the entrances ---- */

/* Runs the expression; *steps is what is left. False on error. */
static bool
run(const PulseExpr *expr, const PulseJson *root, PulseArena *arena,
	int64 *steps, Seq *found, const char **error)
{
	Eval		eval;
	Result		result;

	eval.arena = arena;
	eval.root = root;
	eval.current = root;
	eval.array_size = -1;
	eval.steps = *steps;
	eval.quiet = false;
	eval.fatal = false;
	eval.error = NULL;

	seq_init(found);
	result = exec_node(&eval, expr->root, found);
	*steps = eval.steps;
	if (result != RESULT_ERROR && !eval.fatal)
		return true;
	*error = eval.error != NULL ? eval.error : "the expression cannot be evaluated";
	return false;
}

bool
pulse_expr_query(const PulseExpr *expr, const PulseJson *root,
				 PulseArena *arena, int64 max_steps,
				 const PulseJson *const **items, int *n_items,
				 const char **error)
{
	Seq			found;

	if (!run(expr, root, arena, &max_steps, &found, error))
		return false;
	if (found.items == found.inline_items)
		found.items = pulse_arena_grow(arena, found.items,
									   sizeof(PulseJson *) * (size_t) found.n,
									   sizeof(PulseJson *) * (size_t) found.n);
	*items = found.items;
	*n_items = found.n;
	return true;
}

bool
pulse_expr_match(const PulseExpr *expr, const PulseJson *root,
				 PulseArena *arena, int64 max_steps,
				 PulseTruth *truth, const char **error)
{
	Seq			found;

	if (!run(expr, root, arena, &max_steps, &found, error))
		return false;

	*truth = PULSE_UNKNOWN;
	if (found.n == 0 ||
		(found.n == 1 && found.items[0]->type == PULSE_JSON_NULL))
		return true;
	if (found.n == 1 && found.items[0]->type == PULSE_JSON_BOOL)
	{
		*truth = found.items[0]->u.boolean ? PULSE_TRUE : PULSE_FALSE;
		return true;
	}
	if (found.n > 1)
		*error = pulse_arena_printf(arena,
									"a condition must give true, false or null, not %d items",
									found.n);
	else
		*error = pulse_arena_printf(arena,
									"a condition must give true, false or null, not %s %s",
									found.items[0]->type == PULSE_JSON_ARRAY ||
									found.items[0]->type == PULSE_JSON_OBJECT ? "an" : "a",
									type_name(found.items[0]));
	return false;
}

const PulseJson *
pulse_expr_value_steps(const PulseExpr *expr, const PulseJson *root,
					   PulseArena *arena, int64 *steps, const char **error)
{
	const PulseJson **items;
	const PulseJson *value;
	Seq			found;

	if (!run(expr, root, arena, steps, &found, error))
		return NULL;
	if (found.n == 0)
		return &pulse_json_null;
	if (found.n == 1)
		return found.items[0];

	items = found.items;
	if (items == found.inline_items)
		items = pulse_arena_grow(arena, items, sizeof(PulseJson *) * (size_t) found.n,
								 sizeof(PulseJson *) * (size_t) found.n);
	value = pulse_json_array(arena, items, (uint32) found.n);
	if (value->depth > PULSE_JSON_MAX_DEPTH)
	{
		*error = "the result is nested more than 100 deep";
		return NULL;
	}
	return value;
}

const PulseJson *
pulse_expr_value(const PulseExpr *expr, const PulseJson *root,
				 PulseArena *arena, int64 max_steps, const char **error)
{
	return pulse_expr_value_steps(expr, root, arena, &max_steps, error);
}
