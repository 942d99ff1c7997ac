/*
 * template.c
 *		JSON with expressions in it.
 *
 * Owns the two marks {"$": ...} and {"$literal": ...}.  A compiled template is a tree
 * of only those parts of the document that contain expressions; the rest are
 * constants, shared with the document.  It lives in the arena it was compiled
 * into and is immutable.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/template.h"

#include "core/expr_private.h"

typedef enum PartKind
{
	PART_CONSTANT,
	PART_EXPR,
	PART_ARRAY,
	PART_OBJECT
} PartKind;

typedef struct Part
{
	PartKind	kind;
	const PulseJson *value;		/* CONSTANT; OBJECT: the source, for its keys */
	const PulseExpr *expr;
	uint32		n;
	struct Part **parts;
} Part;

struct PulseTemplate
{
	const Part *root;
	PulseExprRefs refs;
};

typedef struct Compiler
{
	PulseArena *arena;
	PulseDiag  *diag;
	PulseExprRefs *refs;
	bool		failed;
} Compiler;

/*
 * The path of the place being compiled, as a chain on the C stack: a text is made
 * of it only when there is something to report.
 */
typedef struct Place
{
	const struct Place *up;
	const char *base;			/* of the outermost */
	const char *key;			/* or NULL: index */
	uint32		index;
} Place;

static bool
plain_key(const char *key)
{
	if (key[0] >= '0' && key[0] <= '9')
		return false;
	for (const char *p = key; *p != '\0'; p++)
	{
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			  (*p >= '0' && *p <= '9') || *p == '_'))
			return false;
	}
	return key[0] != '\0';
}

static const char *
place_text(PulseArena *arena, const Place *place)
{
	const char *up;

	if (place->up == NULL)
		return place->base;
	up = place_text(arena, place->up);
	if (place->key == NULL)
		return pulse_arena_printf(arena, "%s[%u]", up, place->index);
	if (plain_key(place->key))
		return pulse_arena_printf(arena, "%s.%s", up, place->key);
	else
	{
		StringInfoData quoted;
		const char *path;

		initStringInfo(&quoted);
		pulse_json_write_string(&quoted, place->key, strlen(place->key));
		path = pulse_arena_printf(arena, "%s.%s", up, quoted.data);
		pfree(quoted.data);
		return path;
	}
}

/* State of one evaluation. */
typedef struct Evaluation
{
	const PulseJson *root;
	PulseArena *arena;
	int64		steps;			/* left for all expressions together */
	const char **error;
} Evaluation;

static const PulseJson *
eval_part(Evaluation *evaluation, const Part *part)
{
	switch (part->kind)
	{
		case PART_CONSTANT:
			return part->value;
		case PART_EXPR:
			return pulse_expr_value_steps(part->expr, evaluation->root,
										  evaluation->arena, &evaluation->steps,
										  evaluation->error);
		case PART_ARRAY:
		{
			const PulseJson **items;

				items = pulse_arena_alloc(evaluation->arena,
										  sizeof(PulseJson *) * part->n);
			for (uint32 i = 0; i < part->n; i++)
			{
				items[i] = eval_part(evaluation, part->parts[i]);
				if (items[i] == NULL)
						return NULL;
			}
			return pulse_json_array(evaluation->arena, items, part->n);
		}
		case PART_OBJECT:
		{
			PulseJsonPair *pairs;

				pairs = pulse_arena_alloc(evaluation->arena,
										  sizeof(PulseJsonPair) * part->n);
			for (uint32 i = 0; i < part->n; i++)
			{
				/* in the order of the source, which is that of jsonb */
					pairs[i].key = part->value->u.pairs[i].key;
				pairs[i].key_len = part->value->u.pairs[i].key_len;
				pairs[i].value = eval_part(evaluation, part->parts[i]);
				if (pairs[i].value == NULL)
						return NULL;
			}
			return pulse_json_object(evaluation->arena, pairs, part->n);
		}
	}
	return NULL;				/* not reached */
}

static Part *
make_part(Compiler *compiler, PartKind kind)
{
	Part	   *part = pulse_arena_zalloc(compiler->arena, sizeof(Part));

	part->kind = kind;
	return part;
}

static Part *
make_constant(Compiler *compiler, const PulseJson *value)
{
	Part	   *part = make_part(compiler, PART_CONSTANT);

	part->value = value;
	return part;
}

static Part *compile(Compiler *compiler, const PulseJson *source, const Place *place);

/* {"$": text} */
static Part *
compile_expr(Compiler *compiler, const PulseJson *text, const Place *up)
{
	Place		place = {.up = up,.key = "$"};
	Part	   *part;

	if (text->type != PULSE_JSON_STRING)
	{
		pulse_diag_error(compiler->diag, "bad_template",
						 place_text(compiler->arena, &place),
						 "To have an object with the key \"$\" write {\"$literal\": {\"$\": ...}}.",
						 "the value of \"$\" must be an expression, written as a string");
		compiler->failed = true;
		return make_constant(compiler, &pulse_json_null);
	}

	part = make_part(compiler, PART_EXPR);
	part->expr = pulse_expr_parse(compiler->arena, text->u.text, text->len,
								  place_text(compiler->arena, &place),
								  compiler->diag);
	if (part->expr == NULL)
		compiler->failed = true;
	else
		pulse_expr_refs_merge(compiler->arena, compiler->refs,
							  pulse_expr_refs(part->expr));
	return part;
}

static Part *
compile(Compiler *compiler, const PulseJson *source, const Place *up)
{
	bool		object = source->type == PULSE_JSON_OBJECT;
	Part	   *part;
	Part	  **parts;
	bool		constant = true;
	bool		same = true;

	if (!object && source->type != PULSE_JSON_ARRAY)
		return make_constant(compiler, source);

	if (object && source->len == 1)
	{
		const PulseJsonPair *only = &source->u.pairs[0];

		if (strcmp(only->key, "$") == 0)
			return compile_expr(compiler, only->value, up);
		if (strcmp(only->key, "$literal") == 0)
			return make_constant(compiler, only->value);
	}

	parts = pulse_arena_alloc(compiler->arena, sizeof(Part *) * source->len);
	for (uint32 i = 0; i < source->len; i++)
	{
		Place		place = {.up = up,.index = i};

		if (object)
			place.key = source->u.pairs[i].key;
		parts[i] = compile(compiler, object ? source->u.pairs[i].value
						   : source->u.items[i], &place);
		if (parts[i]->kind != PART_CONSTANT)
			constant = false;
		else if (parts[i]->value != (object ? source->u.pairs[i].value
									 : source->u.items[i]))
			same = false;		/* there was a $literal inside */
	}
	if (constant && same)
		return make_constant(compiler, source);

	part = make_part(compiler, object ? PART_OBJECT : PART_ARRAY);
	part->value = source;
	part->n = source->len;
	part->parts = parts;
	if (constant)
	{
		Evaluation	evaluation = {.arena = compiler->arena};

		return make_constant(compiler, eval_part(&evaluation, part));
	}
	return part;
}

PulseTemplate *
pulse_template_compile(PulseArena *arena, const PulseJson *source,
					   const char *path, PulseDiag *diag)
{
	PulseTemplate *tpl = pulse_arena_zalloc(arena, sizeof(PulseTemplate));
	Compiler	compiler = {.arena = arena,.diag = diag,.refs = &tpl->refs};
	Place		place = {.base = path == NULL ? "$" : path};

	tpl->root = compile(&compiler, source, &place);
	pulse_expr_refs_unique(arena, &tpl->refs);
	return compiler.failed ? NULL : tpl;
}

const PulseExprRefs *
pulse_template_refs(const PulseTemplate *tpl)
{
	return &tpl->refs;
}

bool
pulse_template_is_constant(const PulseTemplate *tpl)
{
	return tpl->root->kind == PART_CONSTANT;
}

const PulseJson *
pulse_template_eval(const PulseTemplate *tpl, const PulseJson *root,
					PulseArena *arena, int64 max_steps, const char **error)
{
	Evaluation	evaluation = {.root = root,.arena = arena,.steps = max_steps,
	.error = error};
	const PulseJson *value = eval_part(&evaluation, tpl->root);

	if (value != NULL && value->depth > PULSE_JSON_MAX_DEPTH)
	{
		*error = "the result is nested more than 100 deep";
		return NULL;
	}
	return value;
}
