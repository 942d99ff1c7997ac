/*
 * test_format.c
 *		The canonical form: exact text of a document, and of random ones that it
 *		says the same and is its own canonical form.
 *
 * Usage: test_format [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/format.h"

#include "common/pg_prng.h"

#include "tap.h"

static PulseArena *arena;

static const PulseJson *
parse(const char *text)
{
	PulseDiag d;
	const PulseJson *doc;

	pulse_diag_init(&d, arena);
	doc = pulse_json_parse_strict(arena, text, strlen(text), &d);
	if (doc == NULL)
	{
		printf("Bail out! %s in %s\n", d.items[0].message, text);
		exit(1);
	}
	return doc;
}

static const char *
formatted(const char *text)
{
	PulseDiag d;
	PulseGraph *graph;
	StringInfoData out;
	const char *result;

	pulse_diag_init(&d, arena);
	graph = pulse_graph_read(parse(text), PULSE_GRAPH_DEFINE, &d);
	if (graph == NULL)
	{
		printf("Bail out! %s in %s\n", d.items[0].message, text);
		exit(1);
	}
	initStringInfo(&out);
	pulse_graph_format(&out, graph);
	result = pulse_arena_strdup(arena, out.data);
	pfree(out.data);
	pulse_graph_free(graph);
	return result;
}

static void
test_exact(void)
{
	is(formatted("{\"nodes\":{}}"), "{\n  \"nodes\": {}\n}\n", "no nodes");
	is(formatted("{\"deadline\": \"2 days\", \"output\": {\"b\": 1, \"aa\": [1.50, null, true]},\n"
				 " \"budget\": {\"edges\": 2, \"nodes\": 1}, \"config\": {}, \"description\": \"é\\n\\\"\\u0007\",\n"
				 " \"nodes\": {\"z\": {\"noop\": true},\n"
				 " \"b\": {\"after\": [\"z\"], \"retry\": {\"jitter\": 0, \"retry_on\": [\"x\"], \"max_attempts\": 3},\n"
				 "   \"description\": \"what it is good for, in some more words\", \"action\": \"x\"},\n"
				 " \"a\": {\"after\": [\"b\", \"z\"], \"on_error\": {\"goto\": \"h\"}, \"pure\": 1}, \"h\": {\"pure\": {\"$\": \"$.error\"}}}}"),
	   "{\n"
	   "  \"description\": \"é\\n\\\"\\u0007\",\n"
	   "  \"nodes\": {\n"
	   "    \"z\": {\"noop\": true},\n"
	   "    \"b\": {\n"
	   "      \"action\": \"x\",\n"
	   "      \"after\": [\"z\"],\n"
	   "      \"retry\": {\"max_attempts\": 3, \"jitter\": 0, \"retry_on\": [\"x\"]},\n"
	   "      \"description\": \"what it is good for, in some more words\"\n"
	   "    },\n"
	   "    \"a\": {\"pure\": 1, \"after\": [\"b\", \"z\"], \"on_error\": {\"goto\": \"h\"}},\n"
	   "    \"h\": {\"pure\": {\"$\": \"$.error\"}}\n"
	   "  },\n"
	   "  \"output\": {\"aa\": [1.50, null, true], \"b\": 1},\n"
	   "  \"config\": {},\n"
	   "  \"deadline\": \"2 days\",\n"
	   "  \"budget\": {\"nodes\": 1, \"edges\": 2}\n"
	   "}\n",
	   "order of keys and nodes, what fits on a line");
	is(formatted("{\"nodes\": {\"a\": {\"pure\": [\"a text of thirty characters ...\", \"a text of thirty characters ...\","
				 " {\"k\": \"a text of thirty characters ...\"}]}}}"),
	   "{\n"
	   "  \"nodes\": {\n"
	   "    \"a\": {\n"
	   "      \"pure\": [\n"
	   "        \"a text of thirty characters ...\",\n"
	   "        \"a text of thirty characters ...\",\n"
	   "        {\"k\": \"a text of thirty characters ...\"}\n"
	   "      ]\n"
	   "    }\n"
	   "  }\n"
	   "}\n",
	   "a list that does not fit");
	is(formatted("{\"nodes\": {\"w\": {\"version\": 2, \"input\": 1, \"workflow\": \"x\"}, \"p\": {\"result\": true, \"pure\": {\"result\": \"complete\"}},\n"
				 " \"c\": {\"choose\": [{\"then\": {\"nodes\": {\"b\": {\"noop\": true}}, \"exits\": [\"b\"], \"entries\": [\"b\"]}, \"when\": \"$.input.a == 1\"},\n"
				 "  {\"else\": {\"nodes\": {\"a\": {\"description\": \"the order of these is that of running\", \"after\": [\"b\"], \"noop\": true}, \"b\": {\"noop\": true}}}}]},\n"
				 " \"m\": {\"on_error\": \"skip\", \"map\": {\"tolerate\": 0.5, \"max_items\": 9, \"over\": \"$.input\", \"as\": {\"nodes\": {\"r\": {\"repeat\": {\"max\": 3,\n"
				 "  \"body\": {\"edges\": [[\"z\", \"a\"]], \"nodes\": {\"a\": {\"pure\": {\"retry\": 1, \"map\": 2}}, \"z\": {\"action\": \"x\"}}}, \"while\": \"$.round < 3\"}, \"on_exhausted\": \"complete\"}}}}}}}"),
	   "{\n"
	   "  \"nodes\": {\n"
	   "    \"c\": {\n"
	   "      \"choose\": [\n"
	   "        {\n"
	   "          \"when\": \"$.input.a == 1\",\n"
	   "          \"then\": {\"nodes\": {\"b\": {\"noop\": true}}, \"entries\": [\"b\"], \"exits\": [\"b\"]}\n"
	   "        },\n"
	   "        {\n"
	   "          \"else\": {\n"
	   "            \"nodes\": {\n"
	   "              \"b\": {\"noop\": true},\n"
	   "              \"a\": {\n"
	   "                \"noop\": true,\n"
	   "                \"after\": [\"b\"],\n"
	   "                \"description\": \"the order of these is that of running\"\n"
	   "              }\n"
	   "            }\n"
	   "          }\n"
	   "        }\n"
	   "      ]\n"
	   "    },\n"
	   "    \"m\": {\n"
	   "      \"map\": {\n"
	   "        \"over\": \"$.input\",\n"
	   "        \"as\": {\n"
	   "          \"nodes\": {\n"
	   "            \"r\": {\n"
	   "              \"repeat\": {\n"
	   "                \"body\": {\n"
	   "                  \"nodes\": {\n"
	   "                    \"z\": {\"action\": \"x\"},\n"
	   "                    \"a\": {\"pure\": {\"map\": 2, \"retry\": 1}}\n"
	   "                  },\n"
	   "                  \"edges\": [[\"z\", \"a\"]]\n"
	   "                },\n"
	   "                \"while\": \"$.round < 3\",\n"
	   "                \"max\": 3\n"
	   "              },\n"
	   "              \"on_exhausted\": \"complete\"\n"
	   "            }\n"
	   "          }\n"
	   "        },\n"
	   "        \"max_items\": 9,\n"
	   "        \"tolerate\": 0.5\n"
	   "      },\n"
	   "      \"on_error\": \"skip\"\n"
	   "    },\n"
	   "    \"p\": {\"pure\": {\"result\": \"complete\"}, \"result\": true},\n"
	   "    \"w\": {\"workflow\": \"x\", \"version\": 2, \"input\": 1}\n"
	   "  }\n"
	   "}\n",
	   "fragments");
}

static int
below(pg_prng_state *prng, int n)
{
	return (int) (pg_prng_uint64(prng) % (uint64) n);
}

static void
put_space(StringInfo out, pg_prng_state *prng)
{
	if (below(prng, 4) == 0)
		appendStringInfoString(out, below(prng, 2) == 0 ? " " : "\n\t");
}

/* Any value, written in any way. */
static void
put_random(StringInfo out, pg_prng_state *prng, int depth)
{
	static const char *const scalars[] = {
		"null", "true", "false", "0", "-1.50", "1e20", "12345678901234567890.5",
		"\"\"", "\"x\"", "\"a longer text, longer than others\"",
		"\"\\u0001\\\"\\\\\\/\\b\"", "\"ünïcödé \\ud83d\\ude00\""
	};
	int kind = depth == 0 ? 0 : below(prng, 3);
	int n = below(prng, 5);

	put_space(out, prng);
	if (kind == 0)
		appendStringInfoString(out, scalars[below(prng, lengthof(scalars))]);
	else
	{
		appendStringInfoChar(out, kind == 1 ? '[' : '{');
		for (int i = 0; i < n; i++)
		{
			if (i > 0)
				appendStringInfoChar(out, ',');
			put_space(out, prng);
			if (kind == 2)
				appendStringInfo(out, "\"%s%d\" :", below(prng, 2) == 0 ? "k" : "nodes", i);
			put_random(out, prng, depth - 1);
		}
		appendStringInfoChar(out, kind == 1 ? ']' : '}');
	}
	put_space(out, prng);
}

static void put_nodes(StringInfo out, pg_prng_state *prng, int n, int depth);

/* A composite node with a fragment, whose keys come in any order. */
static void
put_composite(StringInfo out, pg_prng_state *prng, int depth)
{
	bool map = below(prng, 2) == 0;

	appendStringInfoString(out, map ? "\"map\": {\"max_items\": 5, \"as\": {" : "\"choose\": [{\"else\": {");
	if (below(prng, 2) == 0)
		appendStringInfoString(out, "\"edges\": [], ");
	put_nodes(out, prng, 1 + below(prng, 4), depth - 1);
	appendStringInfoString(out, map ? "}, \"over\": \"$.input\"}" : "}}]");
}

static void
put_nodes(StringInfo out, pg_prng_state *prng, int n, int depth)
{
	appendStringInfoString(out, "\"nodes\": {");
	for (int i = 0; i < n; i++)
	{
		bool first = true;

		/* numbers are no order of ids */
		appendStringInfo(out, "%s\"n%d\": {", i > 0 ? "," : "", i * 7 % 12);
		if (below(prng, 2) == 0)
			appendStringInfoString(out, "\"timeout\": \"90 s\", \"retry\": {\"max\": \"1 min\", \"factor\": 2.0}, ");
		appendStringInfoString(out, "\"after\": [");
		for (int k = 0; k < i; k++)
		{
			if (below(prng, 3) > 0)
				continue;
			appendStringInfo(out, "%s\"n%d\"", first ? "" : ", ", k * 7 % 12);
			first = false;
		}
		appendStringInfoString(out, "], ");
		if (depth > 0 && below(prng, 4) == 0)
			put_composite(out, prng, depth);
		else
		{
			appendStringInfoString(out, "\"pure\": {\"$literal\":");
			put_random(out, prng, 5);
			appendStringInfoChar(out, '}');
		}
		appendStringInfoChar(out, '}');
	}
	appendStringInfoChar(out, '}');
}

static void
put_document(StringInfo out, pg_prng_state *prng)
{
	appendStringInfoChar(out, '{');
	put_nodes(out, prng, below(prng, 12), 3);
	appendStringInfoString(out, ", \"config\": {\"a\":");
	put_random(out, prng, 4);
	appendStringInfoString(out, "}}");
}

static void
test_random(uint64 seed, int rounds)
{
	pg_prng_state prng;
	int different = 0;
	int moving = 0;
	int ragged = 0;

	pg_prng_seed(&prng, seed);
	for (int i = 0; i < rounds; i++)
	{
		StringInfoData text;
		const char *once;
		const PulseJson *doc;

		initStringInfo(&text);
		put_document(&text, &prng);
		once = formatted(text.data);
		doc = parse(text.data);
		different += strcmp(pulse_json_text(arena, parse(once)), pulse_json_text(arena, doc)) != 0;
		moving += strcmp(formatted(once), once) != 0;
		moving += strcmp(formatted(pulse_json_text(arena, doc)), once) != 0;
		ragged += strstr(once, " \n") != NULL || strchr(once, '\t') != NULL;
		pfree(text.data);
		pulse_arena_reset(arena);
	}
	is_int(different, 0, "the canonical form says the same");
	is_int(moving, 0, "the canonical form is canonical");
	is_int(ragged, 0, "no tabs, no spaces at ends of lines");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;

	diag("seed %llu", (unsigned long long) seed);
	arena = pulse_arena_create(0);
	test_exact();
	test_random(seed, rounds);
	pulse_arena_free(arena);
	return tap_done();
}
