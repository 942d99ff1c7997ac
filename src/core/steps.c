/*
 * steps.c
 *		The linear form of a workflow, {"steps": […]}, turned into a graph.
 *
 * A pure translation of documents: each step becomes the node of its name, which comes after
 * the step before it; a parallel becomes its branches and a no-op where they join.  What
 * the graph would be refused for anyway is left to its reader, whose findings are moved
 * back to the steps.
 *
 * A condition becomes a node that completes with its value, and the steps that it governs
 * get a `when`.  Each condition governs a contiguous range of the steps behind it in its
 * list, with all that these contain; hence whatever the last condition that governs a step
 * is governed by, and what still reaches the step, is contained in that one: if it was
 * skipped, it has no value, and neither does the step run.  Only where it may have been skipped
 * by a condition that does not reach the step, more has to be asked.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/steps.h"

#include "core/graph.h"
#include "core/graph_private.h"
#include "core/suggest.h"

#define MIN_BACKOFF_MS 100
#define MAX_BACKOFF_MS 300000
#define MAX_STEP_ATTEMPTS 10
#define MAX_STEP_DELAY_MS (INT64CONST(30) * 86400 * 1000)

/* A condition that reaches the steps that are looked at. */
typedef struct Governor
{
	const char *value; /* the path that gives its value */
	int n_before;	   /* how many governed it */
	int depth;		   /* of the list it stands in */
	uint32 last;	   /* place in that list of the last step that it governs */
} Governor;

/* What the next step comes after: ids; and whether one of them may be skipped. */
typedef struct Tail
{
	int n;
	const PulseJson **ids;
	bool may_skip;
} Tail;

typedef struct Translator
{
	PulseSteps *steps;
	PulseArena *arena;
	PulseDiag *diag;
	int depth; /* of lists of steps */
	int64 text; /* bytes of conditions that were made */
	bool full;	/* a limit was hit, and that was said */

	int n_steps;
	int n_nodes;
	int cap_nodes;
	PulseJsonPair *nodes;

	int n_governors;
	int cap_governors;
	Governor *governors;
} Translator;

/* A node in the making. */
typedef struct Node
{
	PulseJsonPair pairs[12];
	uint32 n;
} Node;

static void
put(Node *node, const char *key, const PulseJson *value)
{
	Assert(node->n < lengthof(node->pairs));
	node->pairs[node->n++] = (PulseJsonPair){ key, (uint32) strlen(key), value };
}

bool
pulse_steps_given(const PulseJson *document)
{
	return pulse_json_get(document, "steps") != NULL;
}

/*
 * ---------------------------------------------------------------------
 * Places
 * ---------------------------------------------------------------------
 */

static PulseStepPlace **
slot_of(const PulseSteps *steps, const char *name)
{
	uint32 h = 2166136261u;

	for (const char *p = name; *p != '\0'; p++)
		h = (h ^ (unsigned char) *p) * 16777619u;
	return &steps->slots[(h ^ (h >> 15)) % (uint32) steps->n_slots];
}

static PulseStepPlace *
find_place(const PulseSteps *steps, const char *name)
{
	PulseStepPlace *place = *slot_of(steps, name);

	while (place != NULL && strcmp(place->name, name) != 0)
		place = place->next;
	return place;
}

/*
 * ---------------------------------------------------------------------
 * Members of steps
 * ---------------------------------------------------------------------
 */

static void
wrong_type(Translator *t, const char *path, const PulseJson *value, const char *what)
{
	pulse_diag_error(t->diag, "wrong_type", path, NULL, "must be %s, not %s", what, pulse_json_type_name(value));
}

/* "Perhaps you meant …." or NULL. */
static const char *
hint_among(Translator *t, const char *word, const char *const *words)
{
	PulseSuggest search;

	if (t->diag->n >= PULSE_DIAG_MAX)
		return NULL;
	pulse_suggest_begin(&search, word, strlen(word));
	for (int i = 0; words[i] != NULL; i++)
		pulse_suggest_offer(&search, words[i], strlen(words[i]));
	return search.match == NULL ? NULL : pulse_arena_printf(t->arena, "Perhaps you meant \"%s\".", search.match);
}

static void
check_keys(Translator *t, const PulseJson *object, const char *path, const char *const *keys)
{
	for (uint32 i = 0; i < object->len; i++)
	{
		const PulseJsonPair *pair = &object->u.pairs[i];
		int k = 0;

		while (keys[k] != NULL && strcmp(keys[k], pair->key) != 0)
			k++;
		if (keys[k] == NULL)
			pulse_diag_error(t->diag, "unknown_key", pulse_path_key(t->arena, path, pair->key),
							 hint_among(t, pair->key, keys), "unknown key \"%.*s\"",
							 (int) pulse_utf8_clip(pair->key, pair->key_len, 60), pair->key);
	}
}

/* A whole number of the object, or false; with a finding if it is there and none. */
static bool
read_whole(Translator *t, const PulseJson *object, const char *path, const char *key,
		   int64 min, int64 max, int64 *number)
{
	const PulseJson *value = pulse_json_get(object, key);

	if (value == NULL)
		return false;
	if (pulse_json_as_int(value, number) && *number >= min && *number <= max)
		return true;
	pulse_diag_error(t->diag, "bad_value", pulse_path_key(t->arena, path, key), NULL,
					 "must be a whole number from " INT64_FORMAT " to " INT64_FORMAT, min, max);
	return false;
}

static const PulseJson *
milliseconds(Translator *t, int64 n)
{
	return pulse_json_string(t->arena, pulse_arena_printf(t->arena, INT64_FORMAT " ms", n));
}

static void
put_retry(Translator *t, const PulseJson *step, const char *path, Node *node)
{
	static const char *const keys[] = { "max_attempts", "backoff_ms", NULL };
	const PulseJson *policy = pulse_json_get(step, "retry_policy");
	const char *at = pulse_path_key(t->arena, path, "retry_policy");
	PulseJsonPair *pairs = pulse_arena_alloc(t->arena, sizeof(PulseJsonPair) * 2);
	uint32 n = 0;
	int64 number;

	if (policy == NULL)
		return;
	if (policy->type != PULSE_JSON_OBJECT)
	{
		wrong_type(t, at, policy, "an object with the keys \"max_attempts\" and \"backoff_ms\"");
		return;
	}
	check_keys(t, policy, at, keys);
	if (read_whole(t, policy, at, "max_attempts", 1, MAX_STEP_ATTEMPTS, &number))
		pairs[n++] = (PulseJsonPair){ "max_attempts", 12, pulse_json_int(t->arena, number) };
	if (read_whole(t, policy, at, "backoff_ms", MIN_BACKOFF_MS, MAX_BACKOFF_MS, &number))
		pairs[n++] = (PulseJsonPair){ "initial", 7, milliseconds(t, number) };
	put(node, "retry", pulse_json_object(t->arena, pairs, n));
}

/* The keys that calls of actions have. */
static void
put_call(Translator *t, const PulseJson *step, const char *path, Node *node)
{
	static const char *const same[] = { "input", "config" };
	int64 number;

	put_retry(t, step, path, node);
	if (read_whole(t, step, path, "timeout_ms", 1, PULSE_MAX_DURATION_US / 1000, &number))
		put(node, "timeout", milliseconds(t, number));
	for (size_t i = 0; i < lengthof(same); i++)
	{
		const PulseJson *value = pulse_json_get(step, same[i]);

		if (value != NULL)
			put(node, same[i], value);
	}
}

/*
 * ---------------------------------------------------------------------
 * Conditions
 * ---------------------------------------------------------------------
 */

/* Those that do not reach this step are over. */
static void
expire(Translator *t, uint32 at)
{
	int kept = 0;

	for (int i = 0; i < t->n_governors; i++)
	{
		const Governor *g = &t->governors[i];

		if (g->depth < t->depth || (g->depth == t->depth && g->last >= at))
			t->governors[kept++] = *g;
	}
	t->n_governors = kept;
}

/* The `when` of a step that these conditions govern. */
static void
put_when(Translator *t, Node *node)
{
	StringInfoData buf;

	if (t->n_governors == 0 || t->full)
		return;
	initStringInfo(&buf);
	for (int i = t->n_governors - 1; i >= 0; i--)
	{
		const Governor *g = &t->governors[i];
		bool contained = g->n_before == i;

		if (contained && buf.len == 0)
			appendStringInfoString(&buf, g->value);
		else if (contained)
			appendStringInfo(&buf, " && %s == true", g->value);
		else
			appendStringInfo(&buf, "%s(!exists(%s) || %s == true)", buf.len > 0 ? " && " : "", g->value, g->value);
		if (contained)
			break;
	}
	t->text += buf.len;
	if (t->text > PULSE_MAX_GRAPH_BYTES)
	{
		pulse_diag_error(t->diag, "limit_bytes", "$.steps", NULL,
						 "the conditions of all steps together are larger than %d bytes", PULSE_MAX_GRAPH_BYTES);
		t->full = true;
	}
	put(node, "when", pulse_json_stringn(t->arena, buf.data, (size_t) buf.len));
	pfree(buf.data);
}

static void
add_governor(Translator *t, const char *name, uint32 last, int n_before)
{
	if (t->n_governors == t->cap_governors)
	{
		int cap = Max(16, t->cap_governors * 2);

		t->governors = pulse_arena_grow(t->arena, t->governors, sizeof(Governor) * (size_t) t->n_governors,
										sizeof(Governor) * (size_t) cap);
		t->cap_governors = cap;
	}
	t->governors[t->n_governors++] = (Governor){
		.value = pulse_path_key(t->arena, "$.nodes", name),
		.n_before = n_before,
		.depth = t->depth,
		.last = last,
	};
}

/* How many steps behind a condition it governs, of `left` that there are. */
static uint32
read_on_false(Translator *t, const PulseJson *step, const char *path, uint32 left)
{
	static const char *const words[] = { "complete", "skip", NULL };
	const PulseJson *value = pulse_json_get(step, "on_false");
	const char *at = pulse_path_key(t->arena, path, "on_false");
	int64 n = 1;

	if (value == NULL || pulse_json_is(value, "complete"))
		return left;
	if (!pulse_json_is(value, "skip") && (!pulse_json_as_int(value, &n) || n < 1))
	{
		pulse_diag_error(t->diag, "bad_value", at,
						 value->type == PULSE_JSON_STRING ? hint_among(t, value->u.text, words) : NULL,
						 "must be \"complete\", \"skip\" or a number of steps from 1");
		return left;
	}
	if (n > left)
	{
		pulse_diag_error(t->diag, "bad_value", at, "Write \"complete\" to skip all steps that follow.",
						 "would skip more steps than follow, which are %u", left);
		return left;
	}
	return (uint32) n;
}

/*
 * ---------------------------------------------------------------------
 * Steps
 * ---------------------------------------------------------------------
 */

static void translate_list(Translator *t, const PulseJson *list, const char *path, Tail *tail);

static void
add_node(Translator *t, const PulseJson *name, const Tail *tail, Node *node)
{
	PulseJsonPair *pairs = pulse_arena_alloc(t->arena, sizeof(PulseJsonPair) * lengthof(node->pairs));

	if (tail->n > 0)
		put(node, "after", pulse_json_array(t->arena, tail->ids, (uint32) tail->n));
	if (tail->may_skip)
		put(node, "on_skip", pulse_json_string(t->arena, "run"));
	put_when(t, node);
	memcpy(pairs, node->pairs, sizeof(PulseJsonPair) * node->n);
	if (t->n_nodes == t->cap_nodes)
	{
		int cap = Max(64, t->cap_nodes * 2);

		t->nodes = pulse_arena_grow(t->arena, t->nodes, sizeof(PulseJsonPair) * (size_t) t->n_nodes,
									sizeof(PulseJsonPair) * (size_t) cap);
		t->cap_nodes = cap;
	}
	t->nodes[t->n_nodes++] = (PulseJsonPair){ name->u.text, name->len, pulse_json_object(t->arena, pairs, node->n) };
}

/* What comes next comes after this step. */
static void
set_tail(Translator *t, const PulseJson *name, Tail *tail)
{
	tail->n = 1;
	tail->ids = pulse_arena_alloc(t->arena, sizeof(PulseJson *));
	tail->ids[0] = name;
	tail->may_skip = t->n_governors > 0;
}

static void
missing_key(Translator *t, const char *path, const char *key)
{
	pulse_diag_error(t->diag, "missing_key", path, NULL, "the key \"%s\" is missing", key);
}

static void
action_step(Translator *t, const PulseJson *step, const PulseJson *name, const char *path, Node *node)
{
	static const char *const keys[] = { "name", "type", "action", "input", "retry_policy", "timeout_ms",
										"config", "description", NULL };
	const PulseJson *action = pulse_json_get(step, "action");

	check_keys(t, step, path, keys);
	put(node, "action", action != NULL ? action : name);
	put_call(t, step, path, node);
}

static void
condition_step(Translator *t, const PulseJson *step, const char *path, Node *node)
{
	static const char *const keys[] = { "name", "type", "when", "action", "on_false", "input", "retry_policy",
										"timeout_ms", "config", "description", NULL };
	static const char *const calls[] = { "input", "retry_policy", "timeout_ms", "config" };
	const PulseJson *when = pulse_json_get(step, "when");
	const PulseJson *action = pulse_json_get(step, "action");

	check_keys(t, step, path, keys);
	if ((when == NULL) == (action == NULL))
	{
		pulse_diag_error(t->diag, when == NULL ? "missing_key" : "many_kinds", path,
						 "A condition is either an expression, \"when\", or an action that answers true or false.",
						 when == NULL ? "nothing says what the condition is" : "the condition has both \"when\" and \"action\"");
		return;
	}
	if (action != NULL)
	{
		put(node, "action", action);
		put_call(t, step, path, node);
	}
	else if (when->type == PULSE_JSON_STRING)
	{
		PulseJsonPair *pair = pulse_arena_alloc(t->arena, sizeof(PulseJsonPair));

		*pair = (PulseJsonPair){ "$", 1, when };
		put(node, "pure", pulse_json_object(t->arena, pair, 1));
	}
	else
		wrong_type(t, pulse_path_key(t->arena, path, "when"), when, "an expression");
	for (size_t i = 0; when != NULL && i < lengthof(calls); i++)
	{
		if (pulse_json_get(step, calls[i]) != NULL)
			pulse_diag_error(t->diag, "key_not_allowed", pulse_path_key(t->arena, path, calls[i]), NULL,
							 "\"%s\" is a key of steps that call an action only", calls[i]);
	}
}

static void
delay_step(Translator *t, const PulseJson *step, const char *path, Node *node)
{
	static const char *const keys[] = { "name", "type", "delay_ms", "description", NULL };
	int64 number;

	check_keys(t, step, path, keys);
	if (pulse_json_get(step, "delay_ms") == NULL)
		missing_key(t, path, "delay_ms");
	else if (read_whole(t, step, path, "delay_ms", 0, MAX_STEP_DELAY_MS, &number))
		put(node, "delay", milliseconds(t, number));
}

/* The branches; tail becomes the last steps of them all. */
static void
parallel_step(Translator *t, const PulseJson *step, const char *path, Node *node, Tail *tail)
{
	static const char *const keys[] = { "name", "type", "branches", "description", NULL };
	const PulseJson *branches = pulse_json_get(step, "branches");
	const char *at = pulse_path_key(t->arena, path, "branches");
	Tail joined = { 0, NULL, false };

	check_keys(t, step, path, keys);
	put(node, "noop", &pulse_json_true);
	if (branches == NULL)
	{
		missing_key(t, path, "branches");
		return;
	}
	if (branches->type != PULSE_JSON_ARRAY)
	{
		wrong_type(t, at, branches, "a list of lists of steps");
		return;
	}
	if (branches->len < 2)
		pulse_diag_error(t->diag, "bad_value", at, NULL, "must have two branches at least, not %u", branches->len);
	joined.ids = pulse_arena_alloc(t->arena, sizeof(PulseJson *) * branches->len);
	for (uint32 i = 0; i < branches->len; i++)
	{
		int governors = t->n_governors;
		Tail end = *tail;

		translate_list(t, branches->u.items[i], pulse_arena_printf(t->arena, "%s[%u]", at, i), &end);

		/* conditions in a branch end with it */
		t->n_governors = governors;
		if (end.n == 1)
			joined.ids[joined.n++] = end.ids[0];
		joined.may_skip |= end.may_skip;
	}
	*tail = joined;
}

/* The name, which becomes an id; NULL, with findings, if it cannot. */
static const PulseJson *
read_name(Translator *t, const PulseJson *step, const char *path)
{
	const PulseJson *name = pulse_json_get(step, "name");
	const char *at = pulse_path_key(t->arena, path, "name");
	PulseStepPlace *place;
	PulseStepPlace **slot;
	size_t plain;

	if (name == NULL)
	{
		missing_key(t, path, "name");
		return NULL;
	}
	if (name->type != PULSE_JSON_STRING)
	{
		wrong_type(t, at, name, "a name");
		return NULL;
	}
	plain = strspn(name->u.text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");
	if (name->len == 0 || name->len > PULSE_MAX_ID || plain != name->len)
	{
		pulse_diag_error(t->diag, "bad_id", at, "Names are made of ASCII letters, digits, \"_\", \"-\" and \".\".",
						 "a name of a step must have 1 to %d bytes of letters, digits, \"_\", \"-\" and \".\"",
						 PULSE_MAX_ID);
		return NULL;
	}
	place = find_place(t->steps, name->u.text);
	if (place != NULL)
	{
		pulse_diag_error(t->diag, "duplicate_node", at, "Give each step a name of its own.",
						 "the step at %s has the name \"%s\" already", place->path, name->u.text);
		return NULL;
	}
	slot = slot_of(t->steps, name->u.text);
	place = pulse_arena_alloc(t->arena, sizeof(PulseStepPlace));
	*place = (PulseStepPlace){ name->u.text, path, step, *slot };
	*slot = place;
	return name;
}

static void
translate_step(Translator *t, const PulseJson *step, const char *path, uint32 at, uint32 left, Tail *tail)
{
	static const char *const types[] = { "action", "condition", "delay", "parallel", NULL };
	const PulseJson *description;
	const PulseJson *name;
	const PulseJson *type;
	Node node = { .n = 0 };
	int kind = 0;

	if (++t->n_steps > PULSE_MAX_NODES)
	{
		pulse_diag_error(t->diag, "limit_nodes", "$.steps", NULL,
						 "the document has more than %d steps", PULSE_MAX_NODES);
		t->full = true;
		return;
	}
	if (step->type != PULSE_JSON_OBJECT)
	{
		wrong_type(t, path, step, "an object with the keys \"name\" and \"type\"");
		return;
	}
	name = read_name(t, step, path);
	type = pulse_json_get(step, "type");
	if (type == NULL)
	{
		missing_key(t, path, "type");
		return;
	}
	while (types[kind] != NULL && !pulse_json_is(type, types[kind]))
		kind++;
	if (types[kind] == NULL)
	{
		pulse_diag_error(t->diag, "bad_value", pulse_path_key(t->arena, path, "type"),
						 type->type == PULSE_JSON_STRING ? hint_among(t, type->u.text, types) : NULL,
						 "must be \"action\", \"condition\", \"delay\" or \"parallel\"");
		return;
	}

	/* a place for what comes after it, though there will be no graph */
	if (name == NULL)
		name = pulse_json_string(t->arena, "");
	description = pulse_json_get(step, "description");
	if (description != NULL)
		put(&node, "description", description);
	switch (kind)
	{
		case 0:
			action_step(t, step, name, path, &node);
			break;
		case 1:
			condition_step(t, step, path, &node);
			break;
		case 2:
			delay_step(t, step, path, &node);
			break;
		default:
			parallel_step(t, step, path, &node, tail);
			break;
	}
	add_node(t, name, tail, &node);
	set_tail(t, name, tail);
	if (kind == 1)
		add_governor(t, name->u.text, at + read_on_false(t, step, path, left), t->n_governors);
}

/* One after the other, behind tail, which is moved on to the last one. */
static void
translate_list(Translator *t, const PulseJson *list, const char *path, Tail *tail)
{
	if (list->type != PULSE_JSON_ARRAY)
	{
		wrong_type(t, path, list, "a list of steps");
		return;
	}
	if (list->len == 0 && t->depth > 0)
		pulse_diag_error(t->diag, "bad_value", path, NULL, "must have at least one step");
	t->depth++;
	for (uint32 i = 0; i < list->len && !t->full; i++)
	{
		expire(t, i);
		translate_step(t, list->u.items[i], pulse_arena_printf(t->arena, "%s[%u]", path, i), i, list->len - 1 - i, tail);
	}
	t->depth--;
}

PulseSteps *
pulse_steps_translate(const PulseJson *document, PulseArena *arena, PulseDiag *diag)
{
	PulseSteps *steps = pulse_arena_zalloc(arena, sizeof(PulseSteps));
	Translator translator = { .steps = steps, .arena = arena, .diag = diag };
	Translator *t = &translator;
	PulseJsonPair *top = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * document->len);
	Tail tail = { 0, NULL, false };
	int errors = diag->n_errors;
	uint32 n = 0;

	steps->arena = arena;
	steps->n_slots = 1021;
	steps->slots = pulse_arena_zalloc(arena, sizeof(PulseStepPlace *) * (size_t) steps->n_slots);
	if (pulse_json_get(document, "nodes") != NULL)
		pulse_diag_error(diag, "key_not_allowed", "$.steps", "Write the workflow either as \"nodes\" or as \"steps\".",
						 "a document with \"nodes\" cannot have \"steps\"");
	else
		translate_list(t, pulse_json_get(document, "steps"), "$.steps", &tail);
	if (diag->n_errors > errors)
		return NULL;
	for (uint32 i = 0; i < document->len; i++)
	{
		top[n] = document->u.pairs[i];
		if (strcmp(top[n].key, "steps") == 0)
			top[n] = (PulseJsonPair){ "nodes", 5, pulse_json_object(arena, t->nodes, (uint32) t->n_nodes) };
		n++;
	}
	steps->document = pulse_json_object(arena, top, n);
	return steps;
}

/*
 * ---------------------------------------------------------------------
 * Findings of the reader of graphs
 * ---------------------------------------------------------------------
 */

/* What a key of a node is called in its step; NULL: it was made of the step as a whole. */
static const char *
key_in_step(const PulseStepPlace *place, const char *key, size_t len, const char **rest)
{
	static const char *const keys[][2] = { { "retry", "retry_policy" }, { "timeout", "timeout_ms" },
										   { "delay", "delay_ms" }, { "input", "input" },
										   { "config", "config" }, { "description", "description" } };

	/* pure."$" is the expression of a condition, and its `when` one that was made */
	if (len == 4 && strncmp(key, "pure", 4) == 0)
	{
		*rest = "";
		return "when";
	}
	if (len == 6 && strncmp(key, "action", 6) == 0)
		return pulse_json_get(place->step, "action") != NULL ? "action" : "name";
	for (size_t i = 0; i < lengthof(keys); i++)
	{
		if (strlen(keys[i][0]) == len && strncmp(key, keys[i][0], len) == 0)
			return keys[i][1];
	}
	return NULL;
}

static const char *
path_in_steps(const PulseSteps *steps, const char *path, const PulseStepPlace **found)
{
	static const char *const root = "$.nodes.";
	const char *id = path + strlen(root);
	const PulseStepPlace *place;
	const char *rest;
	const char *key;
	size_t len;

	*found = NULL;
	if (strcmp(path, "$.nodes") == 0)
		return "$.steps";
	if (strncmp(path, root, strlen(root)) != 0)
		return path;

	/* ids have no character that would need an escape */
	if (*id == '"')
	{
		len = strcspn(++id, "\"");
		rest = id + len + (id[len] == '"');
	}
	else
	{
		len = strcspn(id, ".[");
		rest = id + len;
	}
	*found = place = find_place(steps, pulse_arena_strndup(steps->arena, id, len));
	if (place == NULL || *rest != '.')
		return place == NULL ? "$.steps" : place->path;
	len = strcspn(++rest, ".[");
	key = rest;
	rest += len;
	key = key_in_step(place, key, len, &rest);
	return key == NULL ? place->path : pulse_arena_printf(steps->arena, "%s.%s%s", place->path, key, rest);
}

void
pulse_steps_findings(const PulseSteps *steps, const PulseDiag *found, PulseDiag *diag)
{
	for (int i = 0; i < found->n; i++)
	{
		PulseFinding f = found->items[i];
		const PulseStepPlace *place;

		f.path = path_in_steps(steps, f.path, &place);
		if (strcmp(f.code, "not_ancestor") == 0 && place != NULL)
			f.hint = "A step reads the outputs of the steps before it, and not those of another branch.";
		pulse_diag_add(diag, &f);
	}

	/* those that were not kept are counted all the same */
	if (found->n_errors > 0 && found->n >= PULSE_DIAG_MAX)
	{
		int kept = 0;

		for (int i = 0; i < found->n; i++)
			kept += found->items[i].severity == PULSE_SEV_ERROR;
		diag->n_errors += found->n_errors - kept;
	}
}
