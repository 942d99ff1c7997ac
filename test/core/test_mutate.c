/*
 * test_mutate.c
 *		Random damage to documents: whatever comes, there is an answer.
 *
 * Documents are mutated token by token (so that most stay JSON) and byte by byte,
 * then read in both forms, drawn, formatted, grown and inspected with a mutated state. Held here:
 * a graph or an error, never both or neither; known codes; paths from the root.
 *
 * Usage: test_mutate [seed [rounds]]; best under ASan and UBSan.
 */
#include "postgres_fe.h"

#include "core/draw.h"
#include "core/format.h"
#include "core/graph_codes.h"
#include "core/graph_grow.h"
#include "core/graph_lower.h"
#include "core/graph_private.h"
#include "core/inspect.h"
#include "core/rewrite.h"

#include "common/pg_prng.h"

#include "tap.h"

#define MAX_TEXT 20000

static const char *const corpus[] = {
	("{\"nodes\":{\"load\":{\"action\":\"orders.load\",\"input\":{\"id\":{\"$\":\"$.input.order_id\"}}},"
	"\"charge\":{\"action\":\"payments.charge\",\"after\":[\"load\"],\"input\":{\"amount\":{\"$\":\"$.nodes.load.total\"}},"
	"\"retry\":{\"max_attempts\":8,\"max\":\"10 min\",\"retry_on\":[\"server\"]},\"timeout\":\"30 s\",\"on_error\":{\"goto\":\"sorry\"}},"
	"\"sorry\":{\"pure\":{\"$\":\"$.error.message\"}},"
	"\"approve\":{\"signal\":\"approve\",\"after\":[\"charge\"],\"when\":\"$.nodes.load.total > 500\",\"timeout\":\"3 days\",\"on_timeout\":\"complete\"},"
	"\"ship\":{\"action\":\"warehouse.ship\",\"after\":[\"charge\",\"approve\"],\"rewrite\":{\"max_reexecutions\":2,\"on_exhausted\":\"fail\"}},"
	"\"sum\":{\"pure\":{\"order\":{\"$\":\"$.input.order_id\"},\"t\":[{\"$\":\"$.nodes.ship.tracking\"}]},\"after\":[\"ship\"],\"on_skip\":\"run\"}},"
	"\"output\":{\"$\":\"$.nodes.sum\"},\"config\":{\"a\":1},\"deadline\":\"2 days\",\"budget\":{\"nodes\":3},\"description\":\"x\"}"),
	("{\"nodes\":{\"a\":{\"delay\":\"5 min\"},\"b\":{\"until\":\"2026-11-21T10:00:00Z\",\"after\":[\"a\"]},"
	"\"c\":{\"delay\":{\"$\":\"$.input.wait\"},\"after\":[\"a\",\"b\"]},\"d\":{\"noop\":true,\"after\":[\"c\"],\"on_error\":\"skip\"}}}"),
	"{\"edges\":[[\"a\",\"b\"],[\"a\",\"c\"],[\"b\",\"d\"],[\"c\",\"d\"]],\"nodes\":[\"x\",\"a:1\"]}",
	("{\"nodes\":{\"a\":{\"noop\":true},\"m\":{\"after\":[\"a\"],\"on_error\":{\"goto\":\"h\"},\"map\":{\"over\":\"$.nodes.a\",\"max_items\":9,\"tolerate\":0.5,\"as\":{\"nodes\":{"
	"\"l\":{\"pure\":{\"$\":\"$.item\"},\"result\":false},\"r\":{\"after\":[\"l\"],\"repeat\":{\"max\":3,\"while\":\"$.nodes.r < 3 && $.nodes.q == $.item\",\"body\":{\"nodes\":{"
	"\"p\":{\"choose\":[{\"when\":\"$.nodes.r == $.round\",\"then\":{\"nodes\":{\"z\":{\"pure\":[{\"$\":\"$.nodes.r\"},{\"$\":\"$.nodes.a\"},{\"$\":\"$.nodes.l\"}]},\"w\":{\"pure\":{\"$\":\"$.nodes\"}}},\"edges\":[[\"z\",\"w\"]],\"entries\":[\"z\"],\"exits\":[\"w\"]}},{\"else\":{\"nodes\":{\"x\":{\"noop\":true}}}}]},"
	"\"q\":{\"action\":\"x\",\"after\":[\"p\"],\"on_error\":{\"goto\":\"g\"}},\"g\":{\"pure\":{\"$\":\"$.error\"}}},\"exits\":[\"q\",\"g\"]}},\"on_exhausted\":\"complete\"}}}}},"
	"\"h\":{\"pure\":{\"$\":\"$.error\"}},\"b\":{\"after\":[\"m\",\"h\"],\"pure\":{\"$\":\"$.nodes.m\"}},\"c\":{\"workflow\":\"w\",\"version\":2,\"after\":[\"b\"]}},\"output\":{\"$\":\"$.nodes.m\"}}"),
	("{\"nodes\":{\"c\":{\"choose\":[{\"when\":\"$.input.a == 1\",\"then\":{\"nodes\":{\"x\":{\"noop\":true}}}},{\"else\":{\"nodes\":{\"y\":{\"map\":{\"over\":\"$.input\",\"as\":{\"nodes\":{\"c\":{\"pure\":{\"$\":\"$.index\"}}}}}}}}}]},\"a\":{\"after\":[\"c\"],\"pure\":{\"$\":\"$.nodes.c\"}}}}"),
	("{\"nodes\":{\"a\":{\"noop\":true},\"b\":{\"after\":[\"a\"],\"on_error\":\"skip\",\"map\":{\"over\":\"$.input\",\"as\":{\"nodes\":{\"x\":{\"pure\":{\"$\":\"$.nodes.a\"}},\"y\":{\"after\":[\"x\"],\"repeat\":{\"body\":{\"nodes\":{\"z\":{\"pure\":{\"$\":\"$.item\"}}}},\"while\":\"$.nodes.y == $.nodes.x\",\"max\":2}}}}}},"
	"\"b:item_0:x\":{\"pure\":{\"$\":\"$.nodes.a\"},\"after\":[\"b\"]},\"b:item_0:y\":{\"after\":[\"b:item_0:x\"],\"repeat\":{\"body\":{\"nodes\":{\"z\":{\"pure\":{\"$\":\"$.item\"}}}},\"while\":\"$.nodes.y == $.nodes.x\",\"max\":2}},"
	"\"b:item_0:y:iter_1:z\":{\"pure\":{\"$\":\"$.item\"},\"after\":[\"b:item_0:y\"]},\"b:item_0:y:out\":{\"collect\":\"b:item_0:y\",\"after\":[\"b:item_0:y:iter_1:z\"]},\"b:out\":{\"collect\":\"b\",\"after\":[\"b:item_0:y:out\"]},\"c\":{\"pure\":{\"$\":\"$.nodes.b\"},\"after\":[\"b:out\"]}}}"),
	("{\"steps\":[{\"name\":\"a\",\"type\":\"action\",\"action\":\"x\",\"retry_policy\":{\"max_attempts\":2,\"backoff_ms\":100},\"timeout_ms\":5,\"config\":{}},"
	"{\"name\":\"b\",\"type\":\"condition\",\"when\":\"$.nodes.a == 1\",\"on_false\":2},{\"name\":\"c\",\"type\":\"condition\",\"action\":\"y\",\"on_false\":\"skip\"},{\"name\":\"x\",\"type\":\"delay\",\"delay_ms\":9},"
	"{\"name\":\"ship\",\"type\":\"parallel\",\"branches\":[[{\"name\":\"q\",\"type\":\"action\",\"input\":{\"$\":\"$.nodes.b\"}}],[{\"name\":\"s\",\"type\":\"condition\",\"when\":\"$.input.x\"},{\"name\":\"t\",\"type\":\"action\"}]]},{\"name\":\"charge\",\"type\":\"action\"}],\"output\":{\"$\":\"$.nodes.a\"}}"),
};

static const char *const states[] = {
	"{\"a\":{\"status\":\"completed\",\"output\":1},\"b\":\"running\",\"c\":{\"status\":\"waiting\",\"signal\":\"s\"}}",
	("{\"a\":\"completed\",\"b\":{\"status\":\"rewritten\",\"output\":null},\"b:item_0:x\":\"completed\",\"b:item_0:y\":\"rewritten\",\"c\":\"pending\"}"),
	"{\"nodes\":{\"a\":\"failed\",\"b\":{\"status\":\"rewritten\",\"output\":null},\"d\":{\"status\":\"interrupted\",\"reason\":\"shutdown\"}},\"strict\":true}",
};

static const char *const rewrites[] = {
	("{\"form\":\"append\",\"fragment\":{\"nodes\":{\"x\":{\"choose\":[{\"when\":\"$.nodes.a == 1\",\"then\":{\"nodes\":{\"y\":{\"pure\":{\"$\":\"$.nodes.b\"}}}}}]},"
	"\"z\":{\"after\":[\"x\"],\"map\":{\"over\":\"$.nodes.x\",\"as\":{\"nodes\":{\"x\":{\"pure\":[{\"$\":\"$.item\"},{\"$\":\"$.nodes.a\"}]}}}}}}}}"),
	"{\"form\":\"retain\",\"fragment\":{\"nodes\":{\"x\":{\"pure\":{\"$\":\"$.nodes.a\"}},\"y\":{\"action\":\"n\",\"after\":[\"x\"],"
	"\"when\":\"$.nodes.x > 1\",\"on_error\":{\"goto\":\"h\"}},\"h\":{\"pure\":{\"$\":\"$.error.code\"}},\"z\":{\"noop\":true,\"after\":[\"x\",\"y\"]}},"
	"\"edges\":[[\"x\",\"z\"]],\"entries\":[\"x\"],\"exits\":[\"z\",\"h\"]}}",
	"{\"form\":\"replace\",\"fragment\":{\"nodes\":{\"a\":{\"delay\":\"1 s\"},\"b\":{\"signal\":\"s\",\"after\":[\"a\"]},\"c\":{\"noop\":true,\"after\":[\"a\"]}}}}",
};

static const char *const budgets[] = {
	"{\"nodes\":20,\"edges\":1000,\"depth\":9,\"frontier\":9,\"operations\":1}", "null",
	"{\"nodes\":2}"
};

static const char *const words[] = {
	"\"a\"", "\"b\"", "\"c\"", "\"load\"", "\"ship\"", "\"sorry\"", "\"\"",
	"\"$\"", "\"$.nodes.a\"", "\"$.nodes\"", "\"$literal\"", "\"after\"",
	"\"action\"", "\"noop\"", "\"pure\"", "\"map\"", "\"until\"", "\"delay\"",
	"\"goto\"", "\"on_error\"", "\"nodes\"", "\"edges\"", "\"status\"",
	"\"completed\"", "\"pending\"", "\"failed\"", "\"output\"", "\"1 s\"",
	"\"400 days\"", "\"$.item\"", "\"$.error\"", "\"x\\u0001y\"",
	"\"\\u00e9\"", "\"\xf0\x9f\x98\x80\"", "null", "true", "false", "0", "-1",
	"1e400", "1.50", "[]", "{}", "[\"a\"]", "{\"$\":\"$.nodes.b\"}",
	"{\"goto\":\"b\"}", "\"choose\"", "\"repeat\"", "\"collect\"", "\"when\"",
	"\"else\"", "\"body\"", "\"over\"", "\"as\"", "\"out\"", "\"x\"",
	"\"b:out\"", "\"b:item_0:y\"", "\"$.round\"", "\"$.nodes.m\"", "\"on_false\"",
	"\"type\"", "\"steps\"", "\"condition\"", "\"parallel\"", "\"entries\"",
	"{\"nodes\":{\"x\":{\"pure\":{\"$\":\"$.nodes.a\"}}}}",
	"{\"map\":{\"over\":\"$.input\",\"as\":{\"nodes\":{\"out\":{\"pure\":{\"$\":\"$.nodes.a\"}}}}}}"
};

typedef struct Text
{
	char s[MAX_TEXT + 1];
	int len;
} Text;

/* Replaces [from, to) by something else. */
static void
splice(Text *t, int from, int to, const char *with, int len)
{
	if (t->len - (to - from) + len > MAX_TEXT)
		return;
	memmove(t->s + from + len, t->s + to, (size_t) (t->len - to));
	memcpy(t->s + from, with, (size_t) len);
	t->len += len - (to - from);
	t->s[t->len] = '\0';
}

/* The end of the token at i: a string, a number or word, or one character. */
static int
token_end(const Text *t, int i)
{
	int start = i;

	if (t->s[i] == '"')
	{
		for (i++; i < t->len && t->s[i] != '"'; i++)
			i += t->s[i] == '\\';
		return Min(i + 1, t->len);
	}
	while (i < t->len && (isalnum((unsigned char) t->s[i]) || strchr("+-.", t->s[i]) != NULL))
		i++;
	return i > start ? i : start + 1;
}

/* The end of the value at i, brackets and all. */
static int
value_end(const Text *t, int i)
{
	int depth = 0;

	do
	{
		depth += t->s[i] == '{' || t->s[i] == '[';
		depth -= t->s[i] == '}' || t->s[i] == ']';
		i = token_end(t, i);
	} while (depth > 0 && i < t->len);
	return i;
}

/* A random place where a token begins. */
static int
random_token(pg_prng_state *prng, const Text *t)
{
	int goal = (int) (pg_prng_uint64(prng) % (uint64) Max(t->len, 1));
	int i = 0;

	for (;;)
	{
		int end = token_end(t, i);

		if (end > goal || end >= t->len)
			return i;
		i = end;
	}
}

static void
mutate(pg_prng_state *prng, Text *t)
{
	int from;
	int other;
	int end;
	const char *word = words[pg_prng_uint64(prng) % lengthof(words)];
	char copy[256];

	if (t->len == 0)
		return;
	from = random_token(prng, t);
	other = random_token(prng, t);
	switch (pg_prng_uint64(prng) % 8)
	{
		case 0: /* a word for a string or scalar */
		case 1:
			if (strchr("{}[]:,", t->s[from]) == NULL)
				splice(t, from, token_end(t, from), word, (int) strlen(word));
			break;
		case 2: /* one token for another */
		case 3:
			end = token_end(t, other);
			if (strchr("{}[]:,", t->s[from]) != NULL || end - other > (int) sizeof(copy))
				break;
			memcpy(copy, t->s + other, (size_t) (end - other));
			splice(t, from, token_end(t, from), copy, end - other);
			break;
		case 4: /* a word for a whole value */
			splice(t, from, value_end(t, from), word, (int) strlen(word));
			break;
		case 5: /* one value for another */
			end = value_end(t, other);
			if (end - other > (int) sizeof(copy))
				break;
			memcpy(copy, t->s + other, (size_t) (end - other));
			splice(t, from, value_end(t, from), copy, end - other);
			break;
		case 6: /* a byte inside of a token */
			from = (int) (pg_prng_uint64(prng) % (uint64) t->len);
			t->s[from] = (char) (pg_prng_uint64(prng) % 3 == 0 ? pg_prng_uint64(prng) % 256
															   : (uint64) "abz.$:-_ 019"[pg_prng_uint64(prng) % 12]);
			break;
		default: /* a token less */
			splice(t, from, token_end(t, from), "", 0);
			break;
	}
}

static int
bad_findings(const PulseDiag *d, char root)
{
	int bad = d->n_errors < 0;

	for (int i = 0; i < d->n; i++)
	{
		const PulseFinding *f = &d->items[i];

		bad += !pulse_graph_code_known(f->code) || f->path[0] != root ||
			   f->message == NULL || f->column < 0;
		if (!pulse_graph_code_known(f->code))
			diag("unknown code %s: %s", f->code, f->message);
	}
	return bad;
}

static const PulseJson *
parsed(PulseArena *arena, pg_prng_state *prng, const char *seed_text, Text *t, bool strict)
{
	PulseDiag d;
	int n = (int) (pg_prng_uint64(prng) % 5);

	t->len = (int) strlen(seed_text);
	memcpy(t->s, seed_text, (size_t) t->len + 1);
	for (int i = 0; i < n; i++)
		mutate(prng, t);
	pulse_diag_init(&d, arena);
	return strict ? pulse_json_parse_strict(arena, t->s, (size_t) t->len, &d)
				  : pulse_json_parse(arena, t->s, (size_t) t->len, &d);
}

/* A rewrite of the graph by each of its nodes, or of one it does not have. */
static int
plan_all(PulseArena *arena, pg_prng_state *prng, const PulseJson *doc, const PulseJson *state, long *admitted)
{
	static Text text;
	const PulseJson *rewrite = parsed(arena, prng, rewrites[pg_prng_uint64(prng) % lengthof(rewrites)], &text, false);
	const PulseJson *budget = parsed(arena, prng, budgets[pg_prng_uint64(prng) % lengthof(budgets)], &text, false);
	static const char *const anchors[] = {"a", "b", "c", "charge", "sorry", "x", "ship", "", "m", "b:out", "b:item_0:x", "b:item_0:y:iter_1:z"};
	int bad = 0;

	for (size_t i = 0; rewrite != NULL && i < lengthof(anchors); i++)
	{
		const PulseJson *answer;
		const PulseJson *grown;
		PulseGraph *g;
		PulseDiag d;

		pulse_diag_init(&d, arena);
		answer = pulse_plan_rewrite(doc, state, anchors[i], rewrite, budget, arena, &d);
		bad += (answer != NULL) != (d.n_errors == 0) || bad_findings(&d, '$') > 0;
		if (answer == NULL || pulse_json_get(answer, "admitted") != &pulse_json_true)
			continue;
		(*admitted)++;
		grown = pulse_json_get(answer, "graph");
		pulse_diag_init(&d, arena);
		g = pulse_graph_read(grown, PULSE_GRAPH_LIVE, &d);
		bad += g == NULL || !pulse_json_is(pulse_json_get(answer, "hash"), g->hash);
		if (g == NULL)
			diag("%s at %s: %s", d.items[0].code, d.items[0].path, d.items[0].message);
		pulse_graph_free(g);
	}
	return bad;
}

/* The canonical form is a document that says the same. */
static int
format_again(PulseArena *arena, const PulseGraph *g)
{
	const PulseJson *doc;
	StringInfoData out;
	PulseDiag d;
	int bad;

	initStringInfo(&out);
	pulse_graph_format(&out, g);
	pulse_diag_init(&d, arena);
	doc = pulse_json_parse_strict(arena, out.data, (size_t) out.len, &d);
	bad = doc == NULL || !pulse_json_equal(doc, g->source);
	pfree(out.data);
	return bad;
}

/* A composite node that has not been lowered, or -1. */
static int
find_composite(pg_prng_state *prng, const PulseGraph *g, PulseArena *arena)
{
	int size = pulse_graph_size(g);
	int first = size == 0 ? 0 : (int) (pg_prng_uint64(prng) % (uint64) size);

	for (int i = 0; i < size; i++)
	{
		int at = pulse_graph_at_rank(g, (first + i) % size);

		if (pulse_kind_composite(g->nodes[at]->kind) && pulse_graph_collecting(g, at, arena) < 0)
			return at;
	}
	return -1;
}

/* The graph with composite nodes lowered at random says what it is: its document gives the same. */
static int
grow(PulseArena *arena, pg_prng_state *prng, const PulseGraph *base, long *lowered)
{
	PulseGraph *g = pulse_graph_copy(base);
	const PulseJson *items[] = { &pulse_json_null, &pulse_json_true, &pulse_json_false };
	int bad = 0;

	for (int round = 0; round < 6 && bad == 0; round++)
	{
		PulseLowering low = { .n = 1, .origin = round + 1, .items = items };
		const PulseNode *node;
		PulseGraph *again;
		PulseDiag d;

		pulse_graph_settle(g);
		low.out = find_composite(prng, g, arena);
		if (low.out < 0)
			break;
		node = g->nodes[low.out];
		low.body = node->body;
		if (node->kind == PULSE_KIND_CHOOSE)
		{
			low.kind = PULSE_SCOPE_BRANCH;
			low.index = (int) (pg_prng_uint64(prng) % (uint64) node->n_choices);
			low.body = node->choices[low.index].body;
		}
		else if (node->kind == PULSE_KIND_MAP)
		{
			low.kind = PULSE_SCOPE_ITEM;
			low.n = 1 + (int) (pg_prng_uint64(prng) % 3);
		}
		else
		{
			low.kind = PULSE_SCOPE_ROUND;
			low.index = 1;
		}
		pulse_graph_lower(g, &low);
		pulse_graph_settle(g);
		(*lowered)++;
		pulse_diag_init(&d, arena);
		again = pulse_graph_read(pulse_graph_document(g, arena), PULSE_GRAPH_LIVE, &d);
		bad += again == NULL || strcmp(again->hash, g->hash) != 0;
		if (again == NULL)
			diag("%s at %s: %s", d.items[0].code, d.items[0].path, d.items[0].message);
		else if (bad > 0)
			diag("another hash: %s", pulse_json_text(arena, pulse_graph_document(g, arena)));
		pulse_graph_free(again);
	}
	pulse_graph_free(g);
	return bad;
}

int
main(int argc, char **argv)
{
	long n_admitted = 0;
	long n_lowered = 0;
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	long rounds = argc > 2 ? atol(argv[2]) : 20000;
	long n_json = 0;
	long n_graphs = 0;
	long n_answers = 0;
	long bad = 0;
	PulseArena *arena = pulse_arena_create(0);
	static Text text;
	static Text state_text;
	pg_prng_state prng;

	diag("seed %llu, %ld rounds", (unsigned long long) seed, rounds);
	for (long r = 0; r < rounds && bad == 0; r++)
	{
		PulseGraphForm form = r % 2 == 0 ? PULSE_GRAPH_DEFINE : PULSE_GRAPH_LIVE;
		const PulseJson *doc;
		const PulseJson *state;
		const PulseJson *answer;
		PulseGraph *g;
		PulseDiag d;
		StringInfoData out;

		/* each round from a seed of its own, so that one can be repeated */
		pg_prng_seed(&prng, seed + (uint64) r);
		doc = parsed(arena, &prng, corpus[pg_prng_uint64(&prng) % lengthof(corpus)], &text, r % 3 == 0);
		state = parsed(arena, &prng, states[pg_prng_uint64(&prng) % lengthof(states)], &state_text, false);
		if (doc != NULL)
		{
			n_json++;
			pulse_diag_init(&d, arena);
			g = pulse_graph_read(doc, form, &d);
			bad += (g != NULL) != (d.n_errors == 0) || bad_findings(&d, '$') > 0;
			if (g != NULL)
			{
				n_graphs++;
				initStringInfo(&out);
				pulse_draw(&out, g, NULL, PULSE_DRAW_TEXT);
				pulse_draw(&out, g, NULL, PULSE_DRAW_MERMAID);
				pfree(out.data);
				if (form == PULSE_GRAPH_DEFINE)
					bad += format_again(arena, g) + grow(arena, &prng, g, &n_lowered);
				pulse_graph_free(g);
			}
			pulse_diag_init(&d, arena);
			answer = pulse_inspect(doc, state, arena, &d);
			bad += (answer != NULL) != (d.n_errors == 0) || bad_findings(&d, '$') > 0;
			n_answers += answer != NULL;
			bad += plan_all(arena, &prng, doc, state, &n_admitted);
		}
		if (bad > 0)
			diag("seed %llu: %s", (unsigned long long) (seed + (uint64) r), text.s);
		pulse_arena_reset(arena);
	}
	diag("%ld were JSON, %ld graphs, %ld answers, %ld rewrites admitted, %ld nodes lowered", n_json, n_graphs, n_answers,
		 n_admitted, n_lowered);
	is_int(bad, 0, "every document has an answer");
	ok(rounds < 1000 || (n_graphs > 0 && n_graphs < n_json && n_answers > 0 && n_admitted > 0 && n_lowered > 0), "of each kind");
	pulse_arena_free(arena);
	return tap_done();
}
