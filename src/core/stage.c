/*
 * stage.c
 *		Stage results: what an action, or a pure node, answers beside an output.
 *
 * Owns which keys a stage result may have and of what types.  The rewrite in it is read
 * by rewrite.c; nothing is decided here.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/stage.h"

#include "core/rewrite.h"
#include "core/suggest.h"

#define SHOWN 60 /* bytes of a text of the other side in a message */

static const char *const words[] = {
	[PULSE_STAGE_WORD_COMPLETE] = "complete",
	[PULSE_STAGE_WORD_REWRITE] = "rewrite",
	[PULSE_STAGE_WORD_REJECT] = "reject_rewrite",
	[PULSE_STAGE_WORD_SUSPEND] = "suspend",
	[PULSE_STAGE_WORD_FAIL] = "fail",
};

#define COMPLETE (1 << PULSE_STAGE_WORD_COMPLETE)
#define REWRITE (1 << PULSE_STAGE_WORD_REWRITE)
#define REJECT (1 << PULSE_STAGE_WORD_REJECT)
#define SUSPEND (1 << PULSE_STAGE_WORD_SUSPEND)
#define FAIL (1 << PULSE_STAGE_WORD_FAIL)
#define ANY (COMPLETE | REWRITE | REJECT | SUSPEND | FAIL)

static const struct
{
	const char *name;
	int allowed;
	int required;
} keys[] = {
	{ "result", ANY, 0 }, /* read first */
	{ "output", COMPLETE | REWRITE | REJECT, 0 },
	{ "rewrite", REWRITE, REWRITE },
	{ "reason", REJECT, 0 },
	{ "signal", SUSPEND, SUSPEND },
	{ "error", FAIL, 0 },
	{ "progress", ANY, 0 },
	{ "cost", ANY, 0 },
	{ "logs", ANY, 0 },
	{ "emit", ANY, 0 },
};

typedef struct Reader
{
	PulseArena *arena;
	PulseStage *stage;
	PulseDiag *diag;
} Reader;

bool
pulse_stage_looks_like(const PulseJson *value)
{
	const PulseJson *result = pulse_json_get(value, "result");

	for (int i = 0; result != NULL && i < (int) lengthof(words); i++)
	{
		if (pulse_json_is(result, words[i]))
			return true;
	}
	return false;
}

static const char *
hint_among(Reader *r, const char *word, const char *(*offer)(int i), int n)
{
	PulseSuggest search;

	pulse_suggest_begin(&search, word, strlen(word));
	for (int i = 0; i < n; i++)
		pulse_suggest_offer(&search, offer(i), strlen(offer(i)));
	if (search.match == NULL)
		return NULL;
	return pulse_arena_printf(r->arena, "Perhaps you meant \"%s\".", search.match);
}

static const char *
word_at(int i)
{
	return words[i];
}

static const char *
key_at(int i)
{
	return keys[i].name;
}

/* False: it is none of the words, which has been said. */
static bool
read_word(Reader *r, const PulseJson *document)
{
	static const char what[] = "must be \"complete\", \"rewrite\", \"reject_rewrite\", "
							   "\"suspend\" or \"fail\", not";
	const PulseJson *result = pulse_json_get(document, "result");

	if (result == NULL)
	{
		pulse_diag_error(r->diag, "missing_key", "$", NULL, "the key \"result\" is missing");
		return false;
	}
	for (int i = 0; i < (int) lengthof(words); i++)
	{
		if (pulse_json_is(result, words[i]))
		{
			r->stage->word = (PulseStageWord) i;
			return true;
		}
	}
	if (result->type == PULSE_JSON_STRING)
		pulse_diag_error(r->diag, "bad_value", "$.result",
						 hint_among(r, result->u.text, word_at, lengthof(words)),
						 "%s \"%.*s\"", what,
						 (int) pulse_utf8_clip(result->u.text, result->len, SHOWN), result->u.text);
	else
		pulse_diag_error(r->diag, "wrong_type", "$.result", NULL, "%s %s", what,
						 pulse_json_type_name(result));
	return false;
}

static bool
has_type(Reader *r, const PulseJson *value, PulseJsonType type, const char *what, const char *path)
{
	if (value->type == type)
		return true;
	pulse_diag_error(r->diag, "wrong_type", path, NULL, "must be %s, not %s", what,
					 pulse_json_type_name(value));
	return false;
}

static void
read_signal(Reader *r, const PulseJson *value, const char *path)
{
	if (!has_type(r, value, PULSE_JSON_STRING, "the name of a signal", path))
		return;
	if (value->len == 0 || value->len > PULSE_MAX_NAME)
		pulse_diag_error(r->diag, "bad_value", path, NULL, "must have 1 to %d bytes", PULSE_MAX_NAME);
	else if (strncmp(value->u.text, "pulse.", 6) == 0)
		pulse_diag_error(r->diag, "bad_value", path, "Names beginning with \"pulse.\" are reserved.",
						 "the signal name \"%.*s\" is reserved for the engine",
						 (int) pulse_utf8_clip(value->u.text, value->len, SHOWN), value->u.text);
	else
		r->stage->signal = value->u.text;
}

/* An amount is exact where it is given as text. */
static const PulseJson *
read_cost(Reader *r, const PulseJson *value, const char *path)
{
	const PulseJson *amount = pulse_json_get(value, "amount");
	const PulseJson *unit = pulse_json_get(value, "unit");

	if (!has_type(r, value, PULSE_JSON_OBJECT, "an object", path))
		return NULL;
	if (amount != NULL && amount->type != PULSE_JSON_NUMBER)
		(void) has_type(r, amount, PULSE_JSON_STRING, "a number or text",
						pulse_path_key(r->arena, path, "amount"));
	if (unit != NULL)
		(void) has_type(r, unit, PULSE_JSON_STRING, "text", pulse_path_key(r->arena, path, "unit"));
	return value;
}

static const PulseJson *
read_objects(Reader *r, const PulseJson *value, const char *path)
{
	if (!has_type(r, value, PULSE_JSON_ARRAY, "a list", path))
		return NULL;
	for (uint32 i = 0; i < value->len; i++)
		(void) has_type(r, value->u.items[i], PULSE_JSON_OBJECT, "an object",
						pulse_arena_printf(r->arena, "%s[%u]", path, i));
	return value;
}

/* What a definition says is for the plan; that it is one is not. */
static void
check_nodes(Reader *r, const PulseFragment *fragment, const char *path)
{
	const char *at = pulse_arena_printf(r->arena, "%s.fragment.nodes", path);

	for (int i = 0; i < fragment->n_nodes; i++)
	{
		if (fragment->nodes[i].doc->type != PULSE_JSON_OBJECT)
			(void) has_type(r, fragment->nodes[i].doc, PULSE_JSON_OBJECT, "the definition of a node",
							pulse_path_key(r->arena, at, fragment->nodes[i].id));
	}
}

static void
read_key(Reader *r, const char *key, const PulseJson *value, const char *path)
{
	PulseStage *stage = r->stage;
	PulseRewrite rewrite;

	if (strcmp(key, "output") == 0)
		stage->output = value;
	else if (strcmp(key, "rewrite") == 0)
	{
		stage->rewrite = value;
		if (pulse_rewrite_read(value, path, r->arena, &rewrite, r->diag))
			check_nodes(r, &rewrite.fragment, path);
	}
	else if (strcmp(key, "signal") == 0)
		read_signal(r, value, path);
	else if (strcmp(key, "progress") == 0)
		stage->progress = value;
	else if (value->type == PULSE_JSON_NULL)
		return; /* the rest may be null, as if it were not there */
	else if (strcmp(key, "reason") == 0)
		stage->reason = value;
	else if (strcmp(key, "error") == 0)
	{
		if (value->type == PULSE_JSON_STRING ||
			has_type(r, value, PULSE_JSON_OBJECT, "an object or text", path))
			stage->error = value;
	}
	else if (strcmp(key, "cost") == 0)
		stage->cost = read_cost(r, value, path);
	else if (strcmp(key, "logs") == 0)
		stage->logs = read_objects(r, value, path);
	else if (strcmp(key, "emit") == 0)
		stage->emit = read_objects(r, value, path);
}

static void
read_pair(Reader *r, const PulseJsonPair *pair)
{
	const char *path = pulse_path_key(r->arena, "$", pair->key);
	const char *hint = NULL;

	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if (strcmp(pair->key, keys[i].name) != 0)
			continue;
		if (keys[i].allowed & (1 << r->stage->word))
			read_key(r, pair->key, pair->value, path);
		else
			pulse_diag_error(r->diag, "key_not_allowed", path, NULL,
							 "a stage result \"%s\" has no key \"%s\"", words[r->stage->word],
							 pair->key);
		return;
	}
	hint = hint_among(r, pair->key, key_at, lengthof(keys));
	pulse_diag_error(r->diag, "unknown_key", path, hint, "unknown key \"%.*s\"",
					 (int) pulse_utf8_clip(pair->key, pair->key_len, SHOWN), pair->key);
}

bool
pulse_stage_read(const PulseJson *document, PulseArena *arena, PulseStage *stage, PulseDiag *diag)
{
	Reader reader = { arena, stage, diag };
	Reader *r = &reader;
	int before = diag->n_errors;

	memset(stage, 0, sizeof(*stage));
	if (!has_type(r, document, PULSE_JSON_OBJECT, "an object", "$") || !read_word(r, document))
		return false;
	if (keys[1].allowed & (1 << stage->word))
		stage->output = &pulse_json_null;
	for (int i = 0; i < (int) lengthof(keys); i++)
	{
		if ((keys[i].required & (1 << stage->word)) && pulse_json_get(document, keys[i].name) == NULL)
			pulse_diag_error(diag, "missing_key", "$", NULL, "the key \"%s\" is missing", keys[i].name);
	}
	for (uint32 i = 0; i < document->len; i++)
		read_pair(r, &document->u.pairs[i]);
	return diag->n_errors == before;
}
