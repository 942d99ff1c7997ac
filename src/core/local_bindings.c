/*
 * local_bindings.c
 *		What runs in memory are given: answers of actions, signals, options.
 *
 * Owns the reading of these documents and what an answer means.  Stage results and texts of
 * programs go through core/answer.c, so that they mean what they mean from a host.
 * Everything lives in the caller's arena.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/local_bindings.h"

#include "core/answer.h"
#include "core/budget.h"
#include "core/outcome.h"
#include "core/retry.h"
#include "core/stage.h"
#include "core/timetext.h"

#define STAGE_RESULT	"application/vnd.pulse.result+json"

#define SEEN_HINT \
	"A binding sees $.input, $.config, $.node, $.action, $.attempt, $.rejection, $.item, $.index " \
	"and $.round of the call."

typedef enum AnswerKind
{
	ANSWER_VALUE,
	ANSWER_STAGE,
	ANSWER_ERROR
} AnswerKind;

typedef struct Answer
{
	AnswerKind	kind;
	PulseTemplate *value;		/* VALUE, STAGE */
	const PulseJson *error;		/* ERROR: the object */
} Answer;

typedef struct Binding
{
	const char *action;
	int			n;
	Answer	   *answers;
} Binding;

struct PulseLocalBindings
{
	int			n;
	Binding    *items;
};

static const char *
member_path(PulseDiag *diag, const char *path, const char *key)
{
	return pulse_arena_printf(diag->arena, "%s.%s", path, key);
}

/*
 * ---------------------------------------------------------------------
 * Bindings
 * ---------------------------------------------------------------------
 */

static bool
check_error(const PulseJson *error, const char *path, PulseDiag *diag)
{
	static const struct
	{
		const char *key;
		PulseJsonType type;
	}			keys[] = {
		{"class", PULSE_JSON_STRING},
		{"message", PULSE_JSON_STRING},
		{"code", PULSE_JSON_STRING},
		{"retryable", PULSE_JSON_BOOL},
		{"retry_after_seconds", PULSE_JSON_NUMBER}
	};
	int			before = diag->n_errors;

	if (error->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "bad_binding", path, NULL, "must be an object");
		return false;
	}
	for (uint32 i = 0; i < error->len; i++)
	{
		const PulseJsonPair *pair = &error->u.pairs[i];
		bool		known = strcmp(pair->key, "details") == 0;

		for (int k = 0; k < (int) lengthof(keys); k++)
		{
			if (strcmp(pair->key, keys[k].key) != 0)
				continue;
			known = true;
			if (pair->value->type != keys[k].type)
				pulse_diag_error(diag, "bad_binding", member_path(diag, path, pair->key), NULL,
								 "has the wrong type");
		}
		if (!known)
			pulse_diag_error(diag, "unknown_key", member_path(diag, path, pair->key),
							 "Keys of an error: class, message, code, retryable, retry_after_seconds, details.",
							 "unknown key \"%s\"", pair->key);
	}
	return diag->n_errors == before;
}

/* Expressions may use what a call has, and nothing else. */
static void
check_refs(const PulseExprRefs *refs, const char *path, PulseDiag *diag)
{
	static const char *const known[] = {"input", "config", "node", "action", "attempt",
	"rejection", "item", "index", "round", "*"};

	if (refs->all_nodes || refs->n_nodes > 0)
	{
		/* "$" as a whole counts as all nodes too, and is fine */
		bool		whole = false;

		for (int i = 0; i < refs->n_members; i++)
			whole |= strcmp(refs->members[i], "*") == 0;
		if (!whole)
			pulse_diag_error(diag, "bad_binding", path,
							 SEEN_HINT,
							 "a binding does not see $.nodes");
	}
	for (int i = 0; i < refs->n_members; i++)
	{
		bool		found = strcmp(refs->members[i], "nodes") == 0;

		for (int k = 0; k < (int) lengthof(known); k++)
			found |= strcmp(refs->members[i], known[k]) == 0;
		if (!found)
			pulse_diag_error(diag, "bad_binding", path,
							 SEEN_HINT,
							 "a binding does not see $.%s", refs->members[i]);
	}
}

/* Is the value to be computed, or set off already? */
static bool
is_marked(const PulseJson *value)
{
	return value->type != PULSE_JSON_OBJECT ||
		(value->len == 1 && value->u.pairs[0].key[0] == '$');
}

/* The object with another value of one of its keys. */
static const PulseJson *
with_value(PulseArena *arena, const PulseJson *object, const char *key, const PulseJson *value)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, sizeof(*pairs) * object->len);

	memcpy(pairs, object->u.pairs, sizeof(*pairs) * object->len);
	for (uint32 i = 0; i < object->len; i++)
	{
		if (strcmp(pairs[i].key, key) == 0)
			pairs[i].value = value;
	}
	return pulse_json_object(arena, pairs, object->len);
}

/* A stage result whose fragment is set off with $literal, unless it is to be computed. */
static const PulseJson *
set_off_fragment(PulseArena *arena, const PulseJson *stage)
{
	const PulseJson *rewrite = pulse_json_get(stage, "rewrite");
	const PulseJson *fragment = pulse_json_get(rewrite, "fragment");
	const PulseJson *nodes = pulse_json_get(fragment, "nodes");
	PulseJsonPair *pair;

	if (nodes == NULL || is_marked(rewrite) || is_marked(fragment) || is_marked(nodes))
		return stage;
	pair = pulse_arena_alloc(arena, sizeof(*pair));
	*pair = (PulseJsonPair) {"$literal", 8, fragment};
	fragment = pulse_json_object(arena, pair, 1);
	return with_value(arena, stage, "rewrite", with_value(arena, rewrite, "fragment", fragment));
}

static void
read_answer(PulseArena *arena, const PulseJson *source, const char *path,
			Answer *answer, PulseDiag *diag)
{
	const PulseJson *error = pulse_json_get(source, "$error");

	if (error != NULL && source->len == 1)
	{
		answer->kind = ANSWER_ERROR;
		answer->error = error;
		(void) check_error(error, member_path(diag, path, "$error"), diag);
		return;
	}
	answer->kind = pulse_stage_looks_like(source) ? ANSWER_STAGE : ANSWER_VALUE;
	if (answer->kind == ANSWER_STAGE)
		source = set_off_fragment(arena, source);
	answer->value = pulse_template_compile(arena, source, path, diag);
	if (answer->value != NULL)
		check_refs(pulse_template_refs(answer->value), path, diag);
}

PulseLocalBindings *
pulse_local_bindings_read(PulseArena *arena, const PulseJson *document, const char *path,
						  PulseDiag *diag)
{
	PulseLocalBindings *b = pulse_arena_zalloc(arena, sizeof(*b));
	int			before = diag->n_errors;

	if (document == NULL)
		return b;
	if (document->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "bad_binding", path, "Write {\"action\": answer, ...}.",
						 "bindings must be an object");
		return NULL;
	}
	b->n = (int) document->len;
	b->items = pulse_arena_zalloc(arena, sizeof(Binding) * (size_t) Max(b->n, 1));
	for (int i = 0; i < b->n; i++)
	{
		const PulseJsonPair *pair = &document->u.pairs[i];
		const char *at = pulse_arena_printf(arena, "%s[\"%s\"]", path, pair->key);
		bool		list = pair->value->type == PULSE_JSON_ARRAY;
		Binding    *item = &b->items[i];

		item->action = pair->key;
		item->n = list ? (int) pair->value->len : 1;
		if (item->n == 0)
			pulse_diag_error(diag, "bad_binding", at,
							 "An empty array as a value is written {\"$literal\": []}.",
							 "a list of answers is empty");
		item->answers = pulse_arena_zalloc(arena, sizeof(Answer) * (size_t) Max(item->n, 1));
		for (int k = 0; k < item->n; k++)
			read_answer(arena, list ? pair->value->u.items[k] : pair->value,
						list ? pulse_arena_printf(arena, "%s[%d]", at, k) : at,
						&item->answers[k], diag);
	}
	return diag->n_errors == before ? b : NULL;
}

int
pulse_local_bindings_count(const PulseLocalBindings *bindings)
{
	return bindings->n;
}

/* Keys of an object are ordered by length, then by bytes. */
int
pulse_local_bindings_find(const PulseLocalBindings *bindings, const char *action)
{
	size_t		len = strlen(action);
	int			low = 0;
	int			high = bindings ? bindings->n : 0;

	while (low < high)
	{
		int			mid = (low + high) / 2;
		size_t		mid_len = strlen(bindings->items[mid].action);
		int			cmp = len != mid_len ? (len < mid_len ? -1 : 1) :
			memcmp(action, bindings->items[mid].action, len);

		if (cmp == 0)
			return mid;
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -1;
}

/*
 * ---------------------------------------------------------------------
 * Answers
 * ---------------------------------------------------------------------
 */

static const PulseJson *
error_object(PulseArena *arena, const char *class, const char *code,
			 const char *message, const PulseJson *details)
{
	PulseJsonPair *pairs = pulse_arena_alloc(arena, 4 * sizeof(*pairs));
	uint32		n = 0;

	pairs[n++] = (PulseJsonPair) {"class", 5, pulse_json_string(arena, class)};
	pairs[n++] = (PulseJsonPair) {"message", 7, pulse_json_string(arena, message)};
	if (code != NULL)
		pairs[n++] = (PulseJsonPair) {"code", 4, pulse_json_string(arena, code)};
	if (details != NULL)
		pairs[n++] = (PulseJsonPair) {"details", 7, details};
	return pulse_json_object(arena, pairs, n);
}

void
pulse_local_outcome_error(PulseArena *arena, const char *class, const char *code,
						  const char *message, bool retryable, PulseOutcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->kind = strcmp(class, "timeout") == 0 ? PULSE_OUTCOME_TIMED_OUT : PULSE_OUTCOME_FAILED;
	outcome->class = class;
	outcome->code = code;
	outcome->retryable = retryable;
	outcome->error = error_object(arena, class, code, message, NULL);
}

static void
set_value(const PulseJson *value, PulseOutcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->kind = PULSE_OUTCOME_SUCCEEDED;
	outcome->output = value;
}

/* As the body of a host's answer with status 200. */
static void
classify(PulseArena *arena, const char *text, size_t len, const char *content_type,
		 PulseOutcome *outcome)
{
	PulseResponse response = {0};
	PulseAnswer answer;

	response.transport = PULSE_TRANSPORT_OK;
	response.connected = true;
	response.sent = true;
	response.sends = 1;
	response.status = 200;
	response.content_type = content_type;
	response.body = text;
	response.body_len = len;
	response.error = "";
	response.address = "";
	pulse_answer_classify(arena, &response, 0, NULL, 0, &answer);

	pulse_outcome_from_answer(arena, &answer, 0, outcome);
}

/* Is the text JSON of the shape of a stage result? */
static const PulseJson *
stage_result_in(PulseArena *arena, const char *text, size_t len)
{
	const PulseJson *value;
	PulseDiag	diag;

	pulse_diag_init(&diag, arena);
	value = pulse_json_parse(arena, text, len, &diag);
	return value != NULL && pulse_stage_looks_like(value) ? value : NULL;
}

void
pulse_local_outcome_text(PulseArena *arena, const char *text, size_t len, PulseOutcome *outcome)
{
	while (len > 0 && memchr(" \t\r\n", text[len - 1], 4) != NULL)
		len--;
	if (len == 0)
		set_value(&pulse_json_null, outcome);
	else
		classify(arena, text, len,
				 stage_result_in(arena, text, len) ? STAGE_RESULT : "application/json", outcome);
}

bool
pulse_local_text_fails(PulseArena *arena, const char *text, size_t len)
{
	const PulseJson *value = stage_result_in(arena, text, len);

	return value != NULL && pulse_json_is(pulse_json_get(value, "result"), "fail");
}

static const char *
text_of(const PulseJson *object, const char *key, const char *otherwise)
{
	const PulseJson *value = pulse_json_get(object, key);

	return value != NULL ? value->u.text : otherwise;
}

static bool
class_is_passing(const char *class)
{
	static const char *const passing[] = {"network", "timeout", "server", "throttled", "local"};

	for (int i = 0; i < (int) lengthof(passing); i++)
	{
		if (strcmp(class, passing[i]) == 0)
			return true;
	}
	return false;
}

static void
answer_error(PulseArena *arena, const PulseJson *error, PulseOutcome *outcome)
{
	const char *class = text_of(error, "class", "action");
	const char *code = text_of(error, "code", NULL);
	const char *message = text_of(error, "message", "the binding says that the attempt fails");
	const PulseJson *retryable = pulse_json_get(error, "retryable");
	const PulseJson *wait = pulse_json_get(error, "retry_after_seconds");

	pulse_local_outcome_error(arena, class, code, message,
							  retryable ? retryable->u.boolean : class_is_passing(class), outcome);
	outcome->error = error_object(arena, class, code, message, pulse_json_get(error, "details"));
	if (wait != NULL)
	{
		double		usec = strtod(wait->u.text, NULL) * 1e6;

		outcome->wait = (int64) Min(Max(usec, 0), (double) PULSE_RETRY_AFTER_CAP);
	}
}

static const PulseJson *
request_context(PulseArena *arena, const PulseLocalRequest *request)
{
	const PulseJson *const given[] = {request->rejection, request->item, request->index,
	request->round};
	static const char *const names[] = {"rejection", "item", "index", "round"};
	PulseJsonPair *pairs = pulse_arena_alloc(arena, 9 * sizeof(*pairs));
	uint32		n = 5;

	pairs[0] = (PulseJsonPair) {"node", 4, pulse_json_string(arena, request->node)};
	pairs[1] = (PulseJsonPair) {"input", 5, request->input};
	pairs[2] = (PulseJsonPair) {"action", 6, pulse_json_string(arena, request->action)};
	pairs[3] = (PulseJsonPair) {"config", 6, request->config};
	pairs[4] = (PulseJsonPair) {"attempt", 7, pulse_json_int(arena, request->attempt)};
	for (int i = 0; i < (int) lengthof(given); i++)
	{
		if (given[i] != NULL)
			pairs[n++] = (PulseJsonPair) {names[i], (uint32) strlen(names[i]), given[i]};
	}
	return pulse_json_object(arena, pairs, n);
}

void
pulse_local_bindings_answer(const PulseLocalBindings *bindings, int binding, int *cursors,
							const PulseLocalRequest *request, const PulseLocalOptions *options,
							PulseArena *arena, PulseOutcome *outcome)
{
	const Binding *b = &bindings->items[binding];
	const Answer *answer = &b->answers[cursors[binding]];
	const PulseJson *root = &pulse_json_null;
	const PulseJson *value;
	const char *why;

	if (cursors[binding] < b->n - 1)
		cursors[binding]++;
	if (answer->kind == ANSWER_ERROR)
	{
		answer_error(arena, answer->error, outcome);
		return;
	}
	if (!pulse_template_is_constant(answer->value))
		root = request_context(arena, request);
	value = pulse_template_eval(answer->value, root, arena, options->max_expr_steps, &why);
	if (value == NULL)
		pulse_local_outcome_error(arena, "expression", NULL,
								  pulse_arena_printf(arena, "binding of action \"%s\": %s",
													 request->action, why),
								  false, outcome);
	else if (answer->kind == ANSWER_STAGE)
		pulse_outcome_from_stage_result(arena, value, outcome);
	else
		set_value(value, outcome);
}

/*
 * ---------------------------------------------------------------------
 * Signals
 * ---------------------------------------------------------------------
 */

static PulseLocalSignal *
add_signal(PulseLocalSignals *signals, const char *name, const PulseJson *payload,
		   const char *path, PulseDiag *diag)
{
	PulseLocalSignal *s = &signals->items[signals->n++];
	size_t		len = strlen(name);

	s->name = name;
	s->payload = payload;
	s->after = 0;
	if (len == 0 || len > PULSE_MAX_NAME)
		pulse_diag_error(diag, "bad_signal", path, NULL, "a name has 1 to %d bytes", PULSE_MAX_NAME);
	else if (strncmp(name, "pulse.", 6) == 0)
		pulse_diag_error(diag, "bad_signal", path, NULL,
						 "names that begin with \"pulse.\" are reserved");
	return s;
}

static void
read_signal(const PulseJson *item, const char *path, PulseLocalSignals *signals, PulseDiag *diag)
{
	const PulseJson *name = pulse_json_get(item, "name");
	const PulseJson *payload = pulse_json_get(item, "payload");
	const PulseJson *after = pulse_json_get(item, "after");
	PulseLocalSignal *s;
	const char *why = "it is no text";

	if (name == NULL || name->type != PULSE_JSON_STRING)
	{
		pulse_diag_error(diag, "bad_signal", path,
						 "Write {\"name\": \"approve\", \"payload\": {}, \"after\": \"2 hours\"}.",
						 "a signal is an object with a name");
		return;
	}
	for (uint32 i = 0; i < item->len; i++)
	{
		const char *key = item->u.pairs[i].key;

		if (strcmp(key, "name") != 0 && strcmp(key, "payload") != 0 && strcmp(key, "after") != 0)
			pulse_diag_error(diag, "unknown_key", member_path(diag, path, key),
							 "Keys of a signal: name, payload, after.", "unknown key \"%s\"", key);
	}
	s = add_signal(signals, name->u.text, payload ? payload : &pulse_json_null, path, diag);
	if (after != NULL &&
		(after->type != PULSE_JSON_STRING ||
		 !pulse_duration_parse(after->u.text, after->len, &s->after, &why) ||
		 s->after > PULSE_MAX_DELAY_US))
		pulse_diag_error(diag, "bad_duration", member_path(diag, path, "after"),
						 "Write a duration of at most 365 days, such as \"30 s\" or \"2 hours\".",
						 "not such a duration: %s",
						 s->after > PULSE_MAX_DELAY_US ? "it is too long" : why);
}

bool
pulse_local_signals_read(PulseArena *arena, const PulseJson *document, const char *path,
						 PulseLocalSignals *signals, PulseDiag *diag)
{
	int			before = diag->n_errors;
	int			n = 0;

	memset(signals, 0, sizeof(*signals));
	if (document == NULL)
		return true;
	if (document->type != PULSE_JSON_OBJECT && document->type != PULSE_JSON_ARRAY)
	{
		pulse_diag_error(diag, "bad_signal", path,
						 "Write {\"name\": payload, ...} or [{\"name\": ..., \"payload\": ...}, ...].",
						 "signals must be an object or an array");
		return false;
	}
	if (document->type == PULSE_JSON_ARRAY)
	{
		signals->items = pulse_arena_zalloc(arena, sizeof(PulseLocalSignal) * (size_t) Max(document->len, 1));
		for (uint32 i = 0; i < document->len; i++)
			read_signal(document->u.items[i], pulse_arena_printf(arena, "%s[%u]", path, i),
						signals, diag);
		return diag->n_errors == before;
	}
	for (uint32 i = 0; i < document->len; i++)
		n += document->u.pairs[i].value->type == PULSE_JSON_ARRAY ?
			(int) document->u.pairs[i].value->len : 1;
	signals->items = pulse_arena_zalloc(arena, sizeof(PulseLocalSignal) * (size_t) Max(n, 1));
	for (uint32 i = 0; i < document->len; i++)
	{
		const PulseJsonPair *pair = &document->u.pairs[i];
		const char *at = pulse_arena_printf(arena, "%s[\"%s\"]", path, pair->key);

		if (pair->value->type != PULSE_JSON_ARRAY)
			(void) add_signal(signals, pair->key, pair->value, at, diag);
		else
		{
			for (uint32 k = 0; k < pair->value->len; k++)
				(void) add_signal(signals, pair->key, pair->value->u.items[k], at, diag);
		}
	}
	return diag->n_errors == before;
}

/*
 * ---------------------------------------------------------------------
 * Options
 * ---------------------------------------------------------------------
 */

void
pulse_local_options_defaults(PulseLocalOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->now = PULSE_LOCAL_EPOCH;
	options->trace = true;
	options->budget = (PulseBudget) {-1, -1, -1, -1, -1};
	options->max_expr_steps = PULSE_EXPR_MAX_STEPS;
}

void
pulse_local_options_free(PulseLocalOptions *options)
{
	for (int i = 0; i < options->n_workflows; i++)
		pulse_graph_free(options->workflows[i].graph);
	options->n_workflows = 0;
}

bool
pulse_local_options_workflow(PulseLocalOptions *options, const char *name,
							 const PulseJson *document, const char *path, PulseDiag *diag)
{
	PulseDiag	own;
	PulseGraph *graph;

	pulse_diag_init(&own, diag->arena);
	graph = pulse_graph_read(document, PULSE_GRAPH_DEFINE, &own);
	for (int i = 0; i < own.n; i++)
	{
		PulseFinding f = own.items[i];

		f.path = pulse_arena_printf(diag->arena, "%s%s", path, f.path + 1);
		pulse_diag_add(diag, &f);
	}
	if (graph == NULL)
		return false;
	options->workflows = pulse_arena_grow(diag->arena, options->workflows,
										  sizeof(PulseLocalWorkflow) * (size_t) options->n_workflows,
										  sizeof(PulseLocalWorkflow) * (size_t) (options->n_workflows + 1));
	options->workflows[options->n_workflows++] = (PulseLocalWorkflow) {name, graph};
	return true;
}

static void
read_workflows(const PulseJson *value, const char *path, PulseLocalOptions *options,
			   PulseDiag *diag)
{
	if (value->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "bad_option", path, "Write {\"name\": {\"nodes\": ...}, ...}.",
						 "must be an object of graphs by name");
		return;
	}
	for (uint32 i = 0; i < value->len; i++)
		(void) pulse_local_options_workflow(options, value->u.pairs[i].key, value->u.pairs[i].value,
											pulse_arena_printf(diag->arena, "%s[\"%s\"]", path,
															   value->u.pairs[i].key),
											diag);
}

bool
pulse_local_options_read(const PulseJson *document, const char *path,
						 PulseLocalOptions *options, PulseDiag *diag)
{
	int			before = diag->n_errors;

	if (document == NULL)
		return true;
	if (document->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "bad_option", path, NULL, "options must be an object");
		return false;
	}
	for (uint32 i = 0; i < document->len; i++)
	{
		const char *key = document->u.pairs[i].key;
		const PulseJson *v = document->u.pairs[i].value;
		const char *at = member_path(diag, path, key);
		const char *why = "must be a timestamp";

		if (strcmp(key, "now") == 0)
		{
			if (v->type != PULSE_JSON_STRING ||
				!pulse_timestamp_parse(v->u.text, v->len, &options->now, &why))
				pulse_diag_error(diag, "bad_option", at,
								 "Write a time with its zone, such as \"2026-11-21T10:00:00Z\".",
								 "%s", why);
		}
		else if (strcmp(key, "seed") == 0)
		{
			if (!pulse_json_as_int(v, &options->seed))
				pulse_diag_error(diag, "bad_option", at, NULL, "must be a whole number");
		}
		else if (strcmp(key, "trace") == 0)
		{
			if (v->type != PULSE_JSON_BOOL)
				pulse_diag_error(diag, "bad_option", at, NULL, "must be true or false");
			else
				options->trace = v->u.boolean;
		}
		else if (strcmp(key, "budget") == 0)
			(void) pulse_budget_read(v, at, diag->arena, &options->budget, diag);
		else if (strcmp(key, "workflows") == 0)
			read_workflows(v, at, options, diag);
		else
			pulse_diag_error(diag, "unknown_key", at, "Options: now, seed, trace, budget, workflows.",
							 "unknown key \"%s\"", key);
	}
	return diag->n_errors == before;
}
