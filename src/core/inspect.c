/*
 * inspect.c
 *		inspect(graph, state): the answers of the kernel about one state.
 *
 * Owns the JSON form of states and of the answer; the questions themselves are
 * answered by status.c.  Everything lives in the caller's arena but the graph,
 * which is freed on return.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/inspect.h"

#include "core/graph_private.h"
#include "core/status.h"
#include "core/suggest.h"

/* A state as given, by node number. */
typedef struct GivenState
{
	const PulseGraph *graph;
	PulseArena *arena;
	PulseDiag *diag;
	bool strict;
	PulseStatus *status;
	const PulseJson **output;	   /* NULL: none given */
	bool *named;				   /* a status was given */
	const PulseJsonPair **outside; /* entries for no node of the graph, by id */
	int n_outside;
} GivenState;

/* A list or object in the making. */
typedef struct Items
{
	const PulseJson **items;
	uint32 n;
	uint32 cap;
} Items;

typedef struct Pairs
{
	PulseJsonPair *pairs;
	uint32 n;
	uint32 cap;
} Pairs;

static void
add_item(PulseArena *arena, Items *list, const PulseJson *value)
{
	if (list->n == list->cap)
	{
		uint32 cap = Max(8, list->cap * 2);

		list->items = pulse_arena_grow(arena, list->items, sizeof(*list->items) * list->n,
									   sizeof(*list->items) * cap);
		list->cap = cap;
	}
	list->items[list->n++] = value;
}

/* The key is not copied. */
static void
add_pair(PulseArena *arena, Pairs *object, const char *key, const PulseJson *value)
{
	if (object->n == object->cap)
	{
		uint32 cap = Max(8, object->cap * 2);

		object->pairs = pulse_arena_grow(arena, object->pairs,
										 sizeof(*object->pairs) * object->n,
										 sizeof(*object->pairs) * cap);
		object->cap = cap;
	}
	object->pairs[object->n++] = (PulseJsonPair){key, (uint32) strlen(key), value};
}

static const PulseJson *
make_object(PulseArena *arena, const Pairs *object)
{
	return pulse_json_object(arena, object->pairs, object->n);
}

/* The graph's own texts do not outlive it. */
static const char *
keep_id(const GivenState *s, int node)
{
	const PulseNode *def = s->graph->nodes[node];

	return pulse_arena_strndup(s->arena, def->id, def->id_len);
}

/* By which whoever comes after it knows the node. */
static const char *
shown_id(const GivenState *s, int node)
{
	const PulseNode *def = pulse_node_shown(s->graph, s->graph->nodes[node]);

	return pulse_arena_strndup(s->arena, def->id, def->id_len);
}

static const PulseJson *
id_value(const GivenState *s, int node)
{
	const PulseNode *def = s->graph->nodes[node];

	return pulse_json_stringn(s->arena, def->id, def->id_len);
}

/*
 * ---------------------------------------------------------------------
 * Reading a state
 * ---------------------------------------------------------------------
 */

/* "Perhaps you meant …." among words, or NULL. */
static const char *
hint_among(const GivenState *s, const char *word, const char *const *words)
{
	PulseSuggest search;

	pulse_suggest_begin(&search, word, strlen(word));
	for (int i = 0; words[i] != NULL; i++)
		pulse_suggest_offer(&search, words[i], strlen(words[i]));
	if (search.match == NULL)
		return NULL;
	return pulse_arena_printf(s->arena, "Perhaps you meant \"%s\".", search.match);
}

static void
bad_type(const GivenState *s, const char *path, const PulseJson *value, const char *what)
{
	pulse_diag_error(s->diag, "wrong_type", path, NULL, "must be %s, not %s",
					 what, pulse_json_type_name(value));
}

static void
unknown_key(const GivenState *s, const char *path, const char *key, const char *const *words)
{
	pulse_diag_error(s->diag, "unknown_key", pulse_path_key(s->arena, path, key),
					 hint_among(s, key, words), "unknown key \"%s\"", key);
}

static void
read_status(GivenState *s, const PulseJson *value, const char *path, PulseStatus *status)
{
	const char *words[PULSE_FAILED + 2];

	if (value->type != PULSE_JSON_STRING)
	{
		bad_type(s, path, value, "a status");
		return;
	}
	if (pulse_status_parse(value->u.text, status))
		return;
	for (int i = 0; i <= PULSE_FAILED; i++)
		words[i] = pulse_status_name((PulseStatus) i);
	words[PULSE_FAILED + 1] = NULL;
	pulse_diag_error(s->diag, "unknown_status", path,
					 hint_among(s, value->u.text, words),
					 "there is no status \"%s\"", value->u.text);
}

/* Checks an entry, whether its node is in the graph or not. */
static void
read_entry(GivenState *s, const PulseJson *entry, const char *path,
		   PulseStatus *status, const PulseJson **output)
{
	static const char *const keys[] = {"status", "output", "reason", "signal", "due", "error", NULL};

	*status = PULSE_PENDING;
	*output = NULL;
	if (entry->type == PULSE_JSON_STRING)
	{
		read_status(s, entry, path, status);
		return;
	}
	if (entry->type != PULSE_JSON_OBJECT)
	{
		bad_type(s, path, entry, "a status or an object with the key \"status\"");
		return;
	}
	if (pulse_json_get(entry, "status") == NULL)
		pulse_diag_error(s->diag, "missing_key", path, NULL,
						 "the key \"status\" is missing");
	for (uint32 i = 0; i < entry->len; i++)
	{
		const PulseJsonPair *pair = &entry->u.pairs[i];
		const char *at = pulse_path_key(s->arena, path, pair->key);
		PulseReason reason;

		if (strcmp(pair->key, "status") == 0)
			read_status(s, pair->value, at, status);
		else if (strcmp(pair->key, "output") == 0)
			*output = pair->value;
		else if (strcmp(pair->key, "reason") == 0)
		{
			if (pair->value->type != PULSE_JSON_STRING)
				bad_type(s, at, pair->value, "a reason");
			else if (!pulse_reason_parse(pair->value->u.text, &reason))
				pulse_diag_error(s->diag, "bad_value", at, NULL,
								 "there is no reason \"%s\"", pair->value->u.text);
		}
		else if (strcmp(pair->key, "signal") == 0)
		{
			if (pair->value->type != PULSE_JSON_STRING)
				bad_type(s, at, pair->value, "the name of a signal");
		}
		else if (strcmp(pair->key, "due") != 0 && strcmp(pair->key, "error") != 0)
			unknown_key(s, path, pair->key, keys);
	}
}

static int
compare_pairs(const void *a, const void *b)
{
	/* no id holds a NUL, so this is the order of bytes */
	return strcmp((*(const PulseJsonPair *const *) a)->key,
				  (*(const PulseJsonPair *const *) b)->key);
}

static void
read_state(GivenState *s, const PulseJson *state)
{
	static const char *const keys[] = {"nodes", "strict", NULL};
	const PulseJson *nodes = state;
	const PulseJson *inner;
	const char *path = "$state";

	if (state->type != PULSE_JSON_OBJECT)
	{
		bad_type(s, path, state, "an object of statuses by node id");
		return;
	}
	inner = pulse_json_get(state, "nodes");
	if (inner != NULL && inner->type == PULSE_JSON_OBJECT &&
		pulse_json_get(inner, "status") == NULL)
	{
		for (uint32 i = 0; i < state->len; i++)
		{
			const PulseJsonPair *pair = &state->u.pairs[i];

			if (strcmp(pair->key, "strict") == 0)
			{
				if (pair->value->type == PULSE_JSON_BOOL)
					s->strict = pair->value->u.boolean;
				else
					bad_type(s, "$state.strict", pair->value, "true or false");
			}
			else if (strcmp(pair->key, "nodes") != 0)
				unknown_key(s, path, pair->key, keys);
		}
		nodes = inner;
		path = "$state.nodes";
	}

	s->outside = pulse_arena_alloc(s->arena, sizeof(*s->outside) * nodes->len);
	for (uint32 i = 0; i < nodes->len; i++)
	{
		const PulseJsonPair *pair = &nodes->u.pairs[i];
		int node = pulse_graph_find(s->graph, pair->key, pair->key_len);
		const PulseJson *output;
		PulseStatus status;

		read_entry(s, pair->value, pulse_path_key(s->arena, path, pair->key),
				   &status, &output);
		if (node < 0)
		{
			s->outside[s->n_outside++] = pair;
			continue;
		}
		s->named[node] = true;
		s->status[node] = status;
		s->output[node] = output;
	}
	qsort(s->outside, (size_t) s->n_outside, sizeof(*s->outside), compare_pairs);
}

/*
 * ---------------------------------------------------------------------
 * The parts of the answer
 * ---------------------------------------------------------------------
 */

static void
violation(const GivenState *s, Items *list, const char *code,
		  const PulseJson *node, const PulseJson *ancestor)
{
	Pairs v = {NULL, 0, 0};

	add_pair(s->arena, &v, "code", pulse_json_string(s->arena, code));
	add_pair(s->arena, &v, "node", node);
	if (ancestor != NULL)
		add_pair(s->arena, &v, "ancestor", ancestor);
	add_item(s->arena, list, make_object(s->arena, &v));
}

static void
find_violations(const GivenState *s, Items *list)
{
	int n = s->graph->n_nodes;
	bool *unfinished = pulse_arena_alloc(s->arena, sizeof(bool) * (size_t) n);
	int *lowest = pulse_arena_alloc(s->arena, sizeof(int) * (size_t) n);

	for (int i = 0; i < s->n_outside; i++)
		violation(s, list, "status_outside",
				  pulse_json_string(s->arena, s->outside[i]->key), NULL);
	for (int i = 0; s->strict && i < n; i++)
	{
		if (!s->named[i])
			violation(s, list, "status_missing", id_value(s, i), NULL);
	}
	for (int i = 0; i < s->n_outside; i++)
	{
		if (pulse_json_get(s->outside[i]->value, "output") != NULL)
			violation(s, list, "output_outside",
					  pulse_json_string(s->arena, s->outside[i]->key), NULL);
	}
	for (int i = 0; i < n; i++)
	{
		if (s->output[i] != NULL && !pulse_status_has_output(s->status[i]))
			violation(s, list, "output_not_allowed", id_value(s, i), NULL);
	}
	for (int i = 0; s->strict && i < n; i++)
	{
		if (s->output[i] == NULL && pulse_status_has_output(s->status[i]))
			violation(s, list, "output_missing", id_value(s, i), NULL);
	}
	for (int i = 0; i < n; i++)
		unfinished[i] = !pulse_status_terminal(s->status[i]);
	pulse_lowest_ancestors(s->graph, unfinished, lowest);
	for (int i = 0; i < n; i++)
	{
		if (pulse_status_unblocks(s->status[i]) && lowest[i] >= 0)
			violation(s, list, "ancestor_unfinished", id_value(s, i),
					  id_value(s, lowest[i]));
	}
}

/* The statuses in `now` that differ from the given ones. */
static const PulseJson *
changes(const GivenState *s, const PulseStatus *now)
{
	Pairs changed = {NULL, 0, 0};

	for (int i = 0; i < s->graph->n_nodes; i++)
	{
		if (now[i] != s->status[i])
			add_pair(s->arena, &changed, keep_id(s, i),
					 pulse_json_string(s->arena, pulse_status_name(now[i])));
	}
	return make_object(s->arena, &changed);
}

static const PulseJson *
blocked(const GivenState *s)
{
	Pairs all = {NULL, 0, 0};

	for (int i = 0; i < s->graph->n_nodes; i++)
	{
		const PulseNode *def = s->graph->nodes[i];
		Items failed = {NULL, 0, 0};
		Items pending = {NULL, 0, 0};
		Pairs why = {NULL, 0, 0};

		if (s->status[i] != PULSE_PENDING)
			continue;
		for (int p = 0; p < def->n_preds; p++)
		{
			PulseStatus status = s->status[def->preds[p]];

			if (status == PULSE_FAILED)
				add_item(s->arena, &failed, id_value(s, def->preds[p]));
			else if (!pulse_status_unblocks(status))
				add_item(s->arena, &pending, id_value(s, def->preds[p]));
		}
		if (failed.n > 0)
			add_pair(s->arena, &why, "failed",
					 pulse_json_array(s->arena, failed.items, failed.n));
		else if (pending.n > 0)
			add_pair(s->arena, &why, "pending",
					 pulse_json_array(s->arena, pending.items, pending.n));
		else
			continue; /* ready */
		add_pair(s->arena, &all, keep_id(s, i), make_object(s->arena, &why));
	}
	return make_object(s->arena, &all);
}

static const PulseJson *
inputs(const GivenState *s, const int *frontier, int n)
{
	Pairs all = {NULL, 0, 0};

	for (int i = 0; i < n; i++)
	{
		const PulseNode *def = s->graph->nodes[frontier[i]];
		Pairs input = {NULL, 0, 0};

		if (def->n_preds == 0)
			continue;
		for (int p = 0; p < def->n_preds; p++)
		{
			int pred = def->preds[p];
			const PulseJson *output = s->output[pred];

			if (!pulse_status_has_output(s->status[pred]))
				continue;
			if (output == NULL && s->strict)
				continue; /* a violation; there is nothing to show */
			add_pair(s->arena, &input, shown_id(s, pred),
					 output == NULL ? &pulse_json_null
									: pulse_json_copy(s->arena, output));
		}
		add_pair(s->arena, &all, keep_id(s, frontier[i]), make_object(s->arena, &input));
	}
	return make_object(s->arena, &all);
}

static const PulseJson *
answer(const GivenState *s)
{
	size_t n = (size_t) s->graph->n_nodes;
	PulseArena *arena = s->arena;
	PulseStatus *closed = pulse_arena_alloc(arena, sizeof(PulseStatus) * n);
	PulseStatus *recovered = pulse_arena_alloc(arena, sizeof(PulseStatus) * n);
	int *frontier = pulse_arena_alloc(arena, sizeof(int) * n);
	int n_frontier;
	Items ids = {NULL, 0, 0};
	Items violations = {NULL, 0, 0};
	Pairs all = {NULL, 0, 0};

	if (n > 0)
	{
		memcpy(closed, s->status, sizeof(PulseStatus) * n);
		memcpy(recovered, s->status, sizeof(PulseStatus) * n);
	}
	(void) pulse_closure(s->graph, closed, NULL);
	n_frontier = pulse_frontier(s->graph, closed, frontier);
	for (int i = 0; i < n_frontier; i++)
		add_item(arena, &ids, id_value(s, frontier[i]));
	find_violations(s, &violations);
	if (violations.n == 0)
		pulse_recover(s->graph, recovered);

	add_pair(arena, &all, "classification",
			 pulse_json_string(arena, pulse_class_name(pulse_classify(s->graph, closed))));
	add_pair(arena, &all, "frontier", pulse_json_array(arena, ids.items, ids.n));
	add_pair(arena, &all, "closed", changes(s, closed));
	add_pair(arena, &all, "blocked", blocked(s));
	add_pair(arena, &all, "inputs", inputs(s, frontier, n_frontier));
	add_pair(arena, &all, "recovered", changes(s, recovered));
	add_pair(arena, &all, "violations", pulse_json_array(arena, violations.items, violations.n));
	add_pair(arena, &all, "hash", pulse_json_string(arena, s->graph->hash));
	return make_object(arena, &all);
}

PulseGraph *
pulse_inspect_graph(const PulseJson *document, PulseArena *arena, PulseDiag *diag)
{
	PulseDiag own;
	PulseGraph *graph;

	pulse_diag_init(&own, arena);
	graph = pulse_graph_read(document, PULSE_GRAPH_LIVE, &own);
	for (int i = 0; i < own.n; i++)
	{
		PulseFinding f = own.items[i];

		f.path = pulse_arena_printf(arena, "$graph%s", f.path + 1);
		pulse_diag_add(diag, &f);
	}
	return graph;
}

/* False, with findings, if it is no state. */
static bool
given_state(GivenState *s, const PulseGraph *graph, const PulseJson *state,
			PulseArena *arena, PulseDiag *diag)
{
	size_t n = (size_t) graph->n_nodes;
	int errors = diag->n_errors;

	memset(s, 0, sizeof(*s));
	s->graph = graph;
	s->arena = arena;
	s->diag = diag;
	s->status = pulse_arena_zalloc(arena, sizeof(PulseStatus) * n); /* pending */
	s->output = pulse_arena_zalloc(arena, sizeof(PulseJson *) * n);
	s->named = pulse_arena_zalloc(arena, sizeof(bool) * n);
	if (state != NULL)
		read_state(s, state);
	return diag->n_errors == errors;
}

const PulseStatus *
pulse_inspect_statuses(const PulseGraph *graph, const PulseJson *state,
					   PulseArena *arena, PulseDiag *diag)
{
	GivenState s;

	return given_state(&s, graph, state, arena, diag) ? s.status : NULL;
}

const PulseJson *
pulse_inspect(const PulseJson *graph, const PulseJson *state,
			  PulseArena *arena, PulseDiag *diag)
{
	PulseGraph *g = pulse_inspect_graph(graph, arena, diag);
	const PulseJson *result = NULL;
	GivenState s;

	if (g == NULL)
		return NULL;
	if (given_state(&s, g, state, arena, diag))
		result = answer(&s);
	pulse_graph_free(g);
	return result;
}
