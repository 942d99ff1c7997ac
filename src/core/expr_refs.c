/*
 * expr_refs.c
 *		What an expression reads, and how deep it is.
 *
 * Owns the rule which paths name the output of a node and which take all of
 * them.  The lists lie in the arena of the expression or template they belong
 * to.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/expr.h"

#include "core/expr_private.h"

static void
add_name(PulseArena *arena, const char ***names, int *n, const char *name)
{
	if (pulse_expr_full(*n))
		*names = pulse_arena_grow(arena, *names, sizeof(char *) * (size_t) *n,
								  sizeof(char *) * (*n == 0 ? 1 : (size_t) *n * 2));
	(*names)[(*n)++] = name;
}

/* Notes what a path from the root reads. */
static void
note_root(PulseExpr *expr, PulseArena *arena, const PulseExprNode *node)
{
	PulseExprRefs *refs = &expr->refs;
	const PulseExprStep *steps = node->steps;

	if (node->n_steps == 0 || steps[0].kind != PULSE_ACCESS_KEY)
	{
		refs->all_nodes = true;
		add_name(arena, &refs->members, &refs->n_members, "*");
	}
	else if (strcmp(steps[0].key, "nodes") != 0)
		add_name(arena, &refs->members, &refs->n_members, steps[0].key);
	else if (node->n_steps > 1 && steps[1].kind == PULSE_ACCESS_KEY)
		add_name(arena, &refs->nodes, &refs->n_nodes, steps[1].key);
	else
		refs->all_nodes = true;
}

/*
 * Fills in the heights, and the references in the order of the text. The recursion
 * is bounded by the nesting of the text.
 */
static void
finish_node(PulseExpr *expr, PulseArena *arena, PulseExprNode *node)
{
	int			height = 0;

	if (node->kind == PULSE_EXPR_ROOT)
		note_root(expr, arena, node);
	for (int i = 0; i < node->n_args; i++)
	{
		finish_node(expr, arena, node->args[i]);
		height = Max(height, node->args[i]->height);
	}
	for (int i = 0; i < node->n_steps; i++)
	{
		PulseExprStep *step = &node->steps[i];

		if (step->filter != NULL)
		{
			finish_node(expr, arena, step->filter);
			height = Max(height, step->filter->height);
		}
		for (int j = 0; j < step->n_ranges; j++)
		{
			finish_node(expr, arena, step->ranges[j].from);
			height = Max(height, step->ranges[j].from->height);
			if (step->ranges[j].to != NULL)
			{
				finish_node(expr, arena, step->ranges[j].to);
				height = Max(height, step->ranges[j].to->height);
			}
		}
	}
	/* each step may recurse twice: into the items of an array, then on */
	node->height = height + 2 + 2 * node->n_steps;
}

typedef struct NamePlace
{
	const char *name;
	int			place;
} NamePlace;

static int
compare_names(const void *a, const void *b)
{
	const NamePlace *x = a;
	const NamePlace *y = b;
	int			cmp = strcmp(x->name, y->name);

	return cmp != 0 ? cmp : x->place - y->place;
}

/* Keeps the first of each name, in place; returns how many are left. */
static int
unique_names(PulseArena *arena, const char **names, int n)
{
	NamePlace  *sorted;
	int			kept = 0;

	if (n < 2)
		return n;
	sorted = pulse_arena_alloc(arena, sizeof(NamePlace) * (size_t) n);
	for (int i = 0; i < n; i++)
	{
		sorted[i].name = names[i];
		sorted[i].place = i;
	}
	qsort(sorted, (size_t) n, sizeof(NamePlace), compare_names);
	for (int i = 1; i < n; i++)
	{
		if (strcmp(sorted[i].name, sorted[i - 1].name) == 0)
			names[sorted[i].place] = NULL;
	}
	for (int i = 0; i < n; i++)
	{
		if (names[i] != NULL)
			names[kept++] = names[i];
	}
	return kept;
}

void
pulse_expr_refs_unique(PulseArena *arena, PulseExprRefs *refs)
{
	refs->n_nodes = unique_names(arena, refs->nodes, refs->n_nodes);
	refs->n_members = unique_names(arena, refs->members, refs->n_members);
}

void
pulse_expr_refs_merge(PulseArena *arena, PulseExprRefs *to, const PulseExprRefs *from)
{
	for (int i = 0; i < from->n_nodes; i++)
		add_name(arena, &to->nodes, &to->n_nodes, from->nodes[i]);
	for (int i = 0; i < from->n_members; i++)
		add_name(arena, &to->members, &to->n_members, from->members[i]);
	to->all_nodes |= from->all_nodes;
}

void
pulse_expr_finish(PulseExpr *expr, PulseArena *arena)
{
	finish_node(expr, arena, expr->root);
	pulse_expr_refs_unique(arena, &expr->refs);
}

const PulseExprRefs *
pulse_expr_refs(const PulseExpr *expr)
{
	return &expr->refs;
}
