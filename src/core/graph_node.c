/*
 * graph_node.c
 *		Reads the definition of one node.
 *
 * Owns the keys of a node: which there are, which kinds they belong to, and
 * what their values may be.  It does not judge what only the whole graph can
 * tell (graph_check.c): it notes edges and expressions in the reader.
 *
 * The keys stand in one table; each has a function that checks its value and
 * puts it into the PulseNode, which lives in the graph's arena.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_private.h"

#include "core/retry.h"
#include "core/timetext.h"

#define MAX_REEXECUTIONS 1000

/* Kinds as bits; LATER: known, but cannot be executed yet. */
#define K_ACTION (1 << PULSE_KIND_ACTION)
#define K_PURE (1 << PULSE_KIND_PURE)
#define K_DELAY (1 << PULSE_KIND_DELAY)
#define K_SIGNAL (1 << PULSE_KIND_SIGNAL)
#define K_NOOP (1 << PULSE_KIND_NOOP)
#define K_CHOOSE (1 << PULSE_KIND_CHOOSE)
#define K_MAP (1 << PULSE_KIND_MAP)
#define K_REPEAT (1 << PULSE_KIND_REPEAT)
#define K_WORKFLOW (1 << PULSE_KIND_WORKFLOW)
#define K_COLLECT (1 << PULSE_KIND_COLLECT)
#define K_LATER (1 << (PULSE_KIND_COLLECT + 1))
#define K_ANY (~0)

typedef struct NodeKey
{
	const char *key;
	int kind;	   /* the kind it makes the node, or 0 */
	int allowed;   /* kinds it may stand with */
	int effective; /* kinds where it changes anything */
	void (*read)(PulseGraphReader *r, int node, const PulseJson *value,
				 const char *path);
} NodeKey;

/*
 * ---------------------------------------------------------------------
 * Values
 * ---------------------------------------------------------------------
 */

/* A name that goes into headers: 1 to 200 bytes, no control characters. */
static const char *
read_name(PulseGraphReader *r, const PulseJson *value, const char *path, const char *what)
{
	if (value->type != PULSE_JSON_STRING)
	{
		pulse_wrong_type(r, path, value, pulse_arena_printf(r->scratch, "the name of %s", what));
		return NULL;
	}
	if (value->len == 0 || value->len > PULSE_MAX_NAME)
	{
		pulse_diag_error(r->diag, "bad_name", path, NULL,
						 "the name of %s must have 1 to %d bytes, not %u",
						 what, PULSE_MAX_NAME, value->len);
		return NULL;
	}
	for (uint32 i = 0; i < value->len; i++)
	{
		unsigned char c = (unsigned char) value->u.text[i];

		/* C0, DEL, and C1 as UTF-8 writes it */
		if (c < 0x20 || c == 0x7f ||
			(c == 0xc2 && (unsigned char) value->u.text[i + 1] < 0xa0))
		{
			pulse_diag_error(r->diag, "bad_name", path, NULL,
							 "the name of %s has a control character at byte %u",
							 what, i + 1);
			return NULL;
		}
	}
	return value->u.text;
}

static bool
read_word(PulseGraphReader *r, const PulseJson *value, const char *path,
		  const char *const *words, const char *expected, int *which)
{
	for (*which = 0; words[*which] != NULL; (*which)++)
	{
		if (pulse_json_is(value, words[*which]))
			return true;
	}
	if (value->type == PULSE_JSON_STRING)
		pulse_diag_error(r->diag, "bad_value", path,
						 pulse_hint_word(r, value->u.text, words),
						 "must be %s, not %s", expected,
						 pulse_quote(r, value->u.text, value->len));
	else
		pulse_diag_error(r->diag, "bad_value", path, NULL,
						 "must be %s, not %s", expected, pulse_json_type_name(value));
	return false;
}

static PulseExpr *
read_expr(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseExpr *expr = pulse_expr_parse(r->arena, value->u.text, value->len, path, r->diag);

	if (expr != NULL)
		pulse_add_use(r, node, pulse_expr_refs(expr), value, path);
	return expr;
}

static PulseTemplate *
read_template(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseTemplate *tpl = pulse_template_compile(r->arena, value, path, r->diag);

	if (tpl != NULL)
		pulse_add_use(r, node, pulse_template_refs(tpl), value, path);
	return tpl;
}

static const char *
read_text(PulseGraphReader *r, const PulseJson *value, const char *path)
{
	if (value->type == PULSE_JSON_STRING)
		return value->u.text;
	pulse_wrong_type(r, path, value, "a text");
	return NULL;
}

/*
 * The expression in {"$": "…"} or in a text that begins with "$", or NULL:
 * how delay and until tell an expression from a constant.
 */
static const PulseJson *
expression_of(const PulseJson *value)
{
	if (value->type == PULSE_JSON_OBJECT && value->len == 1 &&
		strcmp(value->u.pairs[0].key, "$") == 0 &&
		value->u.pairs[0].value->type == PULSE_JSON_STRING)
		return value->u.pairs[0].value;
	if (value->type == PULSE_JSON_STRING)
	{
		const char *s = value->u.text;

		while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
			s++;
		if (*s == '$')
			return value;
	}
	return NULL;
}

/*
 * ---------------------------------------------------------------------
 * Kinds
 * ---------------------------------------------------------------------
 */

static void
key_action(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->kind = PULSE_KIND_ACTION;
	r->graph->nodes[node]->name = read_name(r, value, path, "an action");
}

static void
key_pure(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->kind = PULSE_KIND_PURE;
	r->graph->nodes[node]->pure = read_template(r, node, value, path);
}

static void
key_delay(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];
	const PulseJson *expr = expression_of(value);

	n->kind = PULSE_KIND_DELAY;
	if (expr == NULL)
		(void) pulse_read_duration(r, value, path, true, PULSE_MAX_DELAY_US, &n->delay);
	else if (expr == value)
		n->delay_expr = read_expr(r, node, expr, path);
	else
		n->delay_expr = read_expr(r, node, expr, pulse_path_key(r->scratch, path, "$"));
}

static void
key_until(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const hint =
		"Write it like \"2026-11-21T10:00:00Z\", or an expression like \"$.input.due\".";
	PulseNode *n = r->graph->nodes[node];
	const PulseJson *expr = expression_of(value);
	const char *why = "it is not understood";

	n->kind = PULSE_KIND_DELAY;
	n->until = true;
	if (expr != NULL)
		n->delay_expr = read_expr(r, node, expr, expr == value ? path : pulse_path_key(r->scratch, path, "$"));
	else if (value->type != PULSE_JSON_STRING)
		pulse_diag_error(r->diag, "wrong_type", path, hint,
						 "must be a timestamp or an expression, not %s",
						 pulse_json_type_name(value));
	else if (pulse_timestamp_parse(value->u.text, value->len, &n->until_at, &why))
		n->until_text = value->u.text;
	else
		pulse_diag_error(r->diag, "bad_timestamp", path, hint,
						 "%s is no timestamp: %s",
						 pulse_quote(r, value->u.text, value->len), why);
}

static void
key_signal(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];

	n->kind = PULSE_KIND_SIGNAL;
	n->name = read_name(r, value, path, "a signal");
	if (n->name != NULL && strncmp(n->name, "pulse.", 6) == 0)
		pulse_diag_error(r->diag, "reserved_name", path,
						 "Choose a name that does not begin with \"pulse.\".",
						 "the signal name %s is reserved for the engine",
						 pulse_quote(r, n->name, value->len));
}

static void
key_noop(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->kind = PULSE_KIND_NOOP;
	if (value->type != PULSE_JSON_BOOL || !value->u.boolean)
		pulse_diag_error(r->diag, "bad_value", path, "Write \"noop\": true.",
						 "must be true");
}

/* An object with these keys only, the first ones required; the values that are there, by key. */
static bool
read_members(PulseGraphReader *r, const PulseJson *value, const char *path, const char *what,
			 const char *const *keys, int required, const PulseJson **members)
{
	int n = 0;

	while (keys[n] != NULL)
		members[n++] = NULL;
	if (value->type != PULSE_JSON_OBJECT)
	{
		pulse_wrong_type(r, path, value, what);
		return false;
	}
	for (uint32 i = 0; i < value->len; i++)
	{
		const PulseJsonPair *pair = &value->u.pairs[i];
		int k = 0;

		while (k < n && strcmp(keys[k], pair->key) != 0)
			k++;
		if (k < n)
		{
			members[k] = pair->value;
			continue;
		}
		pulse_diag_error(r->diag, "unknown_key", pulse_path_key(r->scratch, path, pair->key),
						 pulse_hint_word(r, pair->key, keys),
						 "unknown key %s", pulse_quote(r, pair->key, pair->key_len));
	}
	for (int k = 0; k < required; k++)
	{
		if (members[k] == NULL)
			pulse_diag_error(r->diag, "missing_key", path, NULL, "the key \"%s\" is missing", keys[k]);
	}
	return true;
}

static bool
read_whole(PulseGraphReader *r, const PulseJson *value, const char *path, int64 min, int64 max,
		   int *number)
{
	int64 n;

	if (!pulse_json_as_int(value, &n) || n < min || n > max)
	{
		pulse_diag_error(r->diag, "bad_value", path, NULL,
						 "must be a whole number from " INT64_FORMAT " to " INT64_FORMAT, min, max);
		return false;
	}
	*number = (int) n;
	return true;
}

/* False, with a finding, if it is no text, as an expression must be. */
static bool
check_expr_text(PulseGraphReader *r, const PulseJson *value, const char *path, const char *example)
{
	if (value->type == PULSE_JSON_STRING)
		return true;
	pulse_diag_error(r->diag, "wrong_type", path,
					 pulse_arena_printf(r->scratch, "Write the expression as a text, such as \"%s\".", example),
					 "must be an expression, not %s", pulse_json_type_name(value));
	return false;
}

/* The fragment under this key, if it is there. */
static PulseBody *
read_body(PulseGraphReader *r, int node, const PulseJson *value, const char *path, const char *key,
		  PulseScopeKind kind)
{
	if (value == NULL)
		return NULL;
	return pulse_body_read(r, node, value, pulse_path_key(r->scratch, path, key), kind, NULL, NULL);
}

static void
read_choice(PulseGraphReader *r, int node, const PulseJson *value, const char *path, bool last)
{
	static const char *const with_when[] = {"when", "then", NULL};
	static const char *const without[] = {"else", NULL};
	PulseNode *n = r->graph->nodes[node];
	PulseChoice *choice = &n->choices[n->n_choices];
	const PulseJson *members[3];

	if (pulse_json_get(value, "else") != NULL && pulse_json_get(value, "when") == NULL)
	{
		if (!read_members(r, value, path, "an object with the key \"else\"", without, 1, members))
			return;
		if (!last)
			pulse_diag_error(r->diag, "bad_value", path, "Put it last.",
							 "what comes after \"else\" is never reached");
		choice->body = read_body(r, node, members[0], path, "else", PULSE_SCOPE_BRANCH);
	}
	else
	{
		const char *when = pulse_path_key(r->scratch, path, "when");

		if (!read_members(r, value, path, "an object with the keys \"when\" and \"then\"", with_when, 2, members))
			return;
		if (members[0] != NULL && check_expr_text(r, members[0], when, "$.input.amount > 500"))
			choice->when = read_expr(r, node, members[0], when);
		choice->body = read_body(r, node, members[1], path, "then", PULSE_SCOPE_BRANCH);
	}
	n->n_choices++;
}

static void
key_choose(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];

	n->kind = PULSE_KIND_CHOOSE;
	if (value->type != PULSE_JSON_ARRAY || value->len == 0)
	{
		pulse_diag_error(r->diag, value->type == PULSE_JSON_ARRAY ? "bad_value" : "wrong_type", path,
						 "Write [{\"when\": \"…\", \"then\": {\"nodes\": …}}, …, {\"else\": {\"nodes\": …}}].",
						 "must be a list of at least one choice");
		return;
	}
	n->choices = pulse_arena_zalloc(r->arena, sizeof(PulseChoice) * value->len);
	for (uint32 i = 0; i < value->len; i++)
		read_choice(r, node, value->u.items[i], pulse_arena_printf(r->scratch, "%s[%u]", path, i),
					i + 1 == value->len);
}

static void
key_map(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const keys[] = {"over", "as", "max_parallel", "max_items", "tolerate", NULL};
	PulseNode *n = r->graph->nodes[node];
	const char *over = pulse_path_key(r->scratch, path, "over");
	const PulseJson *members[6];

	n->kind = PULSE_KIND_MAP;
	n->max_items = PULSE_MAP_ITEMS;
	if (!read_members(r, value, path, "an object with the keys \"over\" and \"as\"", keys, 2, members))
		return;
	if (members[0] != NULL && check_expr_text(r, members[0], over, "$.input.lines"))
		n->over = read_expr(r, node, members[0], over);
	n->body = read_body(r, node, members[1], path, "as", PULSE_SCOPE_ITEM);
	if (members[2] != NULL)
		(void) read_whole(r, members[2], pulse_path_key(r->scratch, path, "max_parallel"), 1,
						  PULSE_MAX_MAP_ITEMS, &n->max_parallel);
	if (members[3] != NULL)
		(void) read_whole(r, members[3], pulse_path_key(r->scratch, path, "max_items"), 1,
						  PULSE_MAX_MAP_ITEMS, &n->max_items);
	if (members[4] != NULL)
	{
		double share = members[4]->type == PULSE_JSON_NUMBER ? strtod(members[4]->u.text, NULL) : -1;

		if (share >= 0 && share <= 1)
			n->tolerate = share;
		else
			pulse_diag_error(r->diag, "bad_value", pulse_path_key(r->scratch, path, "tolerate"), NULL,
							 "must be a number from 0 to 1");
	}
}

static void
key_repeat(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const keys[] = {"body", "while", "max", NULL};
	PulseNode *n = r->graph->nodes[node];
	const PulseJson *members[4];
	const char *again = pulse_path_key(r->scratch, path, "while");

	n->kind = PULSE_KIND_REPEAT;
	if (!read_members(r, value, path, "an object with the keys \"body\", \"while\" and \"max\"", keys, 3, members))
		return;
	if (members[2] != NULL)
		(void) read_whole(r, members[2], pulse_path_key(r->scratch, path, "max"), 1, PULSE_MAX_ROUNDS,
						  &n->max_rounds);
	if (members[1] != NULL && !check_expr_text(r, members[1], again, "$.nodes.poll.status == \\\"busy\\\""))
		members[1] = NULL;
	if (members[0] != NULL)
		n->body = pulse_body_read(r, node, members[0], pulse_path_key(r->scratch, path, "body"),
								  PULSE_SCOPE_ROUND, members[1], again);
}

static void
key_workflow(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->kind = PULSE_KIND_WORKFLOW;
	r->graph->nodes[node]->name = read_name(r, value, path, "a workflow");
}

static void
key_version(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	(void) read_whole(r, value, path, 1, PG_INT32_MAX, &r->graph->nodes[node]->version);
}

static void
key_result(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	if (value->type == PULSE_JSON_BOOL)
		r->graph->nodes[node]->result = value->u.boolean;
	else
		pulse_wrong_type(r, path, value, "true or false");
}

/* In documents of graphs that have grown: the node behind the instances of a composite. */
static void
key_collect(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];
	int at = value->type == PULSE_JSON_STRING ? pulse_graph_find(r->graph, value->u.text, value->len) : -1;

	n->kind = PULSE_KIND_COLLECT;
	n->run_on_skip = true;
	if (r->form != PULSE_GRAPH_LIVE)
		pulse_diag_error(r->diag, "unknown_key", path, NULL,
						 "a collecting node is made when its composite node runs");
	else if (at < 0 || at == node)
		pulse_diag_error(r->diag, "unknown_node", path, NULL, "must be the id of a composite node");
	else
		n->collects = at;
}

static void
key_later(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	const char *dot = strrchr(path, '.');

	(void) node;
	(void) value;
	pulse_diag_error(r->diag, "kind_unavailable", path,
					 "Available kinds are action, pure, delay, until, signal, noop, choose, map, repeat and workflow.",
					 "this version of pulse does not have nodes of kind \"%s\" yet",
					 dot != NULL ? dot + 1 : path);
}

/*
 * ---------------------------------------------------------------------
 * Common keys
 * ---------------------------------------------------------------------
 */

static void
key_after(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	if (value->type != PULSE_JSON_ARRAY)
	{
		pulse_diag_error(r->diag, "wrong_type", path,
						 value->type == PULSE_JSON_STRING ? "Write a list, such as [\"a\"], also for one node." : NULL,
						 "must be a list of node ids, not %s",
						 pulse_json_type_name(value));
		r->broken = true;
		return;
	}
	for (uint32 i = 0; i < value->len; i++)
	{
		const PulseJson *item = value->u.items[i];
		const char *at;
		int pred = -1;

		if (item->type == PULSE_JSON_STRING)
		{
			pred = pulse_graph_find(r->graph, item->u.text, item->len);
			if (pred >= 0 && pred != node && r->stamp[pred] != node + 1)
			{
				r->stamp[pred] = node + 1;
				if (!pulse_add_edge(r, pred, node))
					return;
				continue;
			}
		}

		/* all else is a fault */
		r->broken = true;
		at = pulse_arena_printf(r->scratch, "%s[%u]", path, i);
		if (item->type != PULSE_JSON_STRING)
			pulse_wrong_type(r, at, item, "a node id");
		else if (pred < 0)
			pulse_diag_error(r->diag, "unknown_node", at,
							 pulse_hint_node(r, NULL, item->u.text, item->len),
							 "there is no node %s",
							 pulse_quote(r, item->u.text, item->len));
		else if (pred == node)
			pulse_diag_error(r->diag, "self_edge", at, NULL,
							 "node \"%s\" cannot come after itself", item->u.text);
		else
			pulse_diag_error(r->diag, "duplicate_entry", at,
							 "Name each predecessor once.",
							 "\"%s\" is listed twice", item->u.text);
	}
}

static void
key_when(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	if (check_expr_text(r, value, path, "$.input.amount > 500"))
		r->graph->nodes[node]->when = read_expr(r, node, value, path);
}

static void
key_input(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->input = read_template(r, node, value, path);
}

static void
key_retry(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];

	n->retry_given = true;
	(void) pulse_retry_read(r->arena, value, path, &n->retry, r->diag);
}

static void
key_timeout(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	(void) pulse_read_duration(r, value, path, false, PULSE_MAX_DURATION_US,
							   &r->graph->nodes[node]->timeout);
}

static void
key_total_timeout(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	(void) pulse_read_duration(r, value, path, false, PULSE_MAX_DURATION_US,
							   &r->graph->nodes[node]->total_timeout);
}

static void
read_goto(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	PulseNode *n = r->graph->nodes[node];
	int handler;

	if (value->type != PULSE_JSON_STRING)
	{
		pulse_wrong_type(r, path, value, "the id of a node");
		r->broken = true;
		return;
	}
	handler = pulse_graph_find(r->graph, value->u.text, value->len);
	if (handler >= 0 && handler != node)
	{
		n->on_error = PULSE_ON_ERROR_GOTO;
		n->handler = handler; /* the edge is added by pulse_check_handlers */
		return;
	}
	r->broken = true;
	if (handler < 0)
		pulse_diag_error(r->diag, "unknown_node", path,
						 pulse_hint_node(r, NULL, value->u.text, value->len),
						 "there is no node %s", pulse_quote(r, value->u.text, value->len));
	else
		pulse_diag_error(r->diag, "self_edge", path,
						 "Name another node, which runs when this one has failed.",
						 "node \"%s\" cannot handle its own errors", n->id);
}

static void
key_on_error(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const words[] = {"fail", "skip", NULL};
	static const char *const keys[] = {"goto", NULL};
	int which;

	if (value->type != PULSE_JSON_OBJECT)
	{
		if (read_word(r, value, path, words, "\"fail\", \"skip\" or {\"goto\": id}", &which))
			r->graph->nodes[node]->on_error = which == 0 ? PULSE_ON_ERROR_FAIL
														 : PULSE_ON_ERROR_SKIP;
		return;
	}
	if (pulse_json_get(value, "goto") == NULL)
		pulse_diag_error(r->diag, "missing_key", path, NULL,
						 "the key \"goto\" is missing");
	for (uint32 i = 0; i < value->len; i++)
	{
		const PulseJsonPair *pair = &value->u.pairs[i];
		const char *at = pulse_path_key(r->scratch, path, pair->key);

		if (strcmp(pair->key, "goto") == 0)
			read_goto(r, node, pair->value, at);
		else
			pulse_diag_error(r->diag, "unknown_key", at,
							 pulse_hint_word(r, pair->key, keys),
							 "unknown key %s", pulse_quote(r, pair->key, pair->key_len));
	}
}

static void
key_on_skip(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const words[] = {"skip", "run", NULL};
	int which;

	if (read_word(r, value, path, words, "\"skip\" or \"run\"", &which))
		r->graph->nodes[node]->run_on_skip = which == 1;
}

static void
key_on_timeout(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const words[] = {"fail", "complete", NULL};
	int which;

	if (!read_word(r, value, path, words, "\"fail\" or \"complete\"", &which))
		return;
	r->graph->nodes[node]->timeout_completes = which == 1;
	if (pulse_json_get(r->docs[node], "timeout") == NULL && pulse_may_warn(r))
		pulse_diag_warning(r->diag, "no_effect", path, "Add a \"timeout\".",
						   "on_timeout has no effect without a timeout");
}

static void
key_config(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	if (value->type == PULSE_JSON_OBJECT)
		r->graph->nodes[node]->config = value;
	else
		pulse_wrong_type(r, path, value, "an object");
}

static void
key_description(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	r->graph->nodes[node]->description = read_text(r, value, path);
}

static void
key_rewrite(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const keys[] = {"max_reexecutions", "on_exhausted", NULL};
	static const char *const words[] = {"fail", "degrade", NULL};

	PulseNode *n = r->graph->nodes[node];
	const PulseJson *members[3];
	int which;

	if (!read_members(r, value, path, "an object", keys, 0, members))
		return;
	if (members[0] != NULL)
		(void) read_whole(r, members[0], pulse_path_key(r->scratch, path, keys[0]), 0, MAX_REEXECUTIONS,
						  &n->max_reexecutions);
	if (members[1] != NULL &&
		read_word(r, members[1], pulse_path_key(r->scratch, path, keys[1]), words, "\"fail\" or \"degrade\"", &which))
		n->degrade = which == 1;
}

static void
key_on_exhausted(PulseGraphReader *r, int node, const PulseJson *value, const char *path)
{
	static const char *const words[] = {"fail", "complete", NULL};
	int which;

	if (read_word(r, value, path, words, "\"fail\" or \"complete\"", &which))
		r->graph->nodes[node]->exhausted_completes = which == 1;
}

static const NodeKey node_keys[] = {
	{"action", K_ACTION, K_ACTION, K_ANY, key_action},
	{"pure", K_PURE, K_PURE, K_ANY, key_pure},
	{"delay", K_DELAY, K_DELAY, K_ANY, key_delay},
	{"until", K_DELAY, K_DELAY, K_ANY, key_until},
	{"signal", K_SIGNAL, K_SIGNAL, K_ANY, key_signal},
	{"noop", K_NOOP, K_NOOP, K_ANY, key_noop},
	{"emit", K_LATER, K_LATER, K_ANY, key_later},
	{"choose", K_CHOOSE, K_CHOOSE, K_ANY, key_choose},
	{"map", K_MAP, K_MAP, K_ANY, key_map},
	{"repeat", K_REPEAT, K_REPEAT, K_ANY, key_repeat},
	{"workflow", K_WORKFLOW, K_WORKFLOW, K_ANY, key_workflow},
	{"collect", K_COLLECT, K_COLLECT, K_ANY, key_collect},

	{"after", 0, K_ANY, K_ANY, key_after},
	{"when", 0, K_ANY, K_ANY, key_when},
	{"input", 0, K_ANY, K_ACTION | K_WORKFLOW | K_LATER, key_input},
	{"retry", 0, K_ANY, K_ACTION | K_WORKFLOW | K_LATER, key_retry},
	{"timeout", 0, K_ANY, K_ACTION | K_SIGNAL | K_WORKFLOW | K_LATER, key_timeout},
	{"total_timeout", 0, K_ANY, K_ACTION | K_WORKFLOW | K_LATER, key_total_timeout},
	{"on_error", 0, K_ANY, K_ANY, key_on_error},
	{"on_skip", 0, K_ANY, K_ANY, key_on_skip},
	{"config", 0, K_ANY, K_ACTION | K_LATER, key_config},
	{"description", 0, K_ANY, K_ANY, key_description},
	{"rewrite", 0, K_ACTION, K_ANY, key_rewrite},
	{"on_timeout", 0, K_SIGNAL, K_ANY, key_on_timeout},
	{"on_exhausted", 0, K_REPEAT, K_ANY, key_on_exhausted},
	{"result", 0, K_PURE, K_ANY, key_result},
	{"version", 0, K_WORKFLOW, K_ANY, key_version},
};

/* The kind of a key that belongs to one only. */
static const char *
kind_word(int kinds)
{
	return kinds == K_ACTION ? "action" : kinds == K_SIGNAL ? "signal" : kinds == K_PURE ? "pure" : kinds == K_WORKFLOW ? "workflow" : "repeat";
}

static const NodeKey *
find_key(const char *key)
{
	for (size_t i = 0; i < lengthof(node_keys); i++)
	{
		if (strcmp(node_keys[i].key, key) == 0)
			return &node_keys[i];
	}
	return NULL;
}

static void
unknown_key(PulseGraphReader *r, int node, const PulseJsonPair *pair)
{
	const char *words[lengthof(node_keys) + 1];
	int n = 0;

	for (size_t i = 0; i < lengthof(node_keys); i++)
	{
		if (node_keys[i].kind != K_COLLECT || r->form == PULSE_GRAPH_LIVE)
			words[n++] = node_keys[i].key;
	}
	words[n] = NULL;
	pulse_diag_error(r->diag, "unknown_key", pulse_node_path(r, node, pair->key),
					 pulse_hint_word(r, pair->key, words),
					 "unknown key %s", pulse_quote(r, pair->key, pair->key_len));
}

/* Exactly one key says what the node does; returns its kind bit, or 0. */
static int
find_kind(PulseGraphReader *r, int node, const PulseJson *doc, bool *unknown)
{
	const char *first = NULL;
	int kind = 0;

	*unknown = false;
	for (uint32 i = 0; i < doc->len; i++)
	{
		const NodeKey *key = find_key(doc->u.pairs[i].key);

		if (key == NULL)
			*unknown = true;
		if (key == NULL || key->kind == 0)
			continue;
		if (first != NULL)
		{
			pulse_diag_error(r->diag, "many_kinds", pulse_node_path(r, node, NULL),
							 "Make two nodes of it, one after the other.",
							 "node \"%s\" has both \"%s\" and \"%s\"",
							 r->graph->nodes[node]->id, first, key->key);
			return 0;
		}
		first = key->key;
		kind = key->kind;
	}
	if (first == NULL)
		pulse_diag_error(r->diag, "no_kind", pulse_node_path(r, node, NULL),
						 "A node needs one of the keys action, pure, delay, until, signal, noop, choose, map, repeat or workflow.",
						 "nothing says what node \"%s\" does",
						 r->graph->nodes[node]->id);
	return kind;
}

void
pulse_node_read(PulseGraphReader *r, int node)
{
	const PulseJson *doc = r->docs[node];
	int kind;
	bool unknown;

	if (doc == NULL)
		return; /* short form: a no-op */
	if (doc->type != PULSE_JSON_OBJECT)
	{
		pulse_wrong_type(r, pulse_node_path(r, node, NULL), doc,
						 "an object that defines the node");
		r->broken = true;
		return;
	}

	kind = find_kind(r, node, doc, &unknown);
	for (uint32 i = 0; i < doc->len; i++)
	{
		const PulseJsonPair *pair = &doc->u.pairs[i];
		const NodeKey *key = find_key(pair->key);
		const char *path;

		if (key == NULL)
		{
			unknown_key(r, node, pair);
			continue;
		}
		path = pulse_node_path(r, node, key->key);
		if (kind != 0 && (key->allowed & kind) == 0)
		{
			pulse_diag_error(r->diag, "key_not_allowed", path, NULL,
							 "\"%s\" is a key of %s nodes only", key->key,
							 kind_word(key->allowed));
			continue;
		}
		key->read(r, node, pair->value, path);
		if (kind != 0 && (key->effective & kind) == 0 && pulse_may_warn(r))
			pulse_diag_warning(r->diag, "no_effect", path, NULL,
							   "\"%s\" has no effect on this kind of node", key->key);
	}
}
