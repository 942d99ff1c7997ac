/*
 * test_body.c
 *		Composite nodes and the fragments in them: what is read, what is refused and where.
 *
 * Documents are written with ' for " to be legible.
 */
#include "postgres_fe.h"

#include "core/graph.h"

#include <time.h>

#include "core/graph_codes.h"
#include "core/graph_grow.h"
#include "core/graph_lower.h"
#include "core/rewrite.h"
#include "tap.h"

static PulseArena *arena;
static PulseDiag findings;

static const PulseJson *
document(const char *text)
{
	char *copy = pulse_arena_strdup(arena, text);

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	return pulse_json_parse_strict(arena, copy, strlen(copy), &findings);
}

static PulseGraph *
read_form(const char *text, PulseGraphForm form)
{
	const PulseJson *doc;
	PulseGraph *graph = NULL;

	pulse_diag_init(&findings, arena);
	doc = document(text);
	if (doc != NULL && findings.n_errors == 0)
		graph = pulse_graph_read(doc, form, &findings);
	for (int i = 0; i < findings.n; i++)
	{
		if (!pulse_graph_code_known(findings.items[i].code))
			ok(false, "code %s is in the list", findings.items[i].code);
	}
	return graph;
}

static void
show_findings(void)
{
	for (int i = 0; i < findings.n; i++)
	{
		const PulseFinding *f = &findings.items[i];

		diag("%s at %s: %s (%s) column %d", f->code, f->path, f->message,
			 f->hint != NULL ? f->hint : "no hint", f->column);
	}
}

static const PulseFinding *
finding(const char *code, const char *path)
{
	for (int i = 0; i < findings.n; i++)
	{
		if (strcmp(findings.items[i].code, code) == 0 && strcmp(findings.items[i].path, path) == 0)
			return &findings.items[i];
	}
	return NULL;
}

/* Refused, with this as the only error. */
static const PulseFinding *
refused_form(const char *text, PulseGraphForm form, const char *code, const char *path)
{
	PulseGraph *graph = read_form(text, form);
	const PulseFinding *f = finding(code, path);

	if (!ok(graph == NULL && f != NULL && findings.n_errors == 1, "%s at %s: %.90s", code, path, text))
		show_findings();
	pulse_graph_free(graph);
	return f;
}

static const PulseFinding *
refused(const char *text, const char *code, const char *path)
{
	return refused_form(text, PULSE_GRAPH_DEFINE, code, path);
}

static PulseGraph *
accepted_form(const char *text, PulseGraphForm form)
{
	PulseGraph *graph = read_form(text, form);

	if (!ok(graph != NULL && findings.n == 0, "accepted: %.100s", text))
		show_findings();
	return graph;
}

static PulseGraph *
accepted(const char *text)
{
	return accepted_form(text, PULSE_GRAPH_DEFINE);
}

static void
accepted_only(const char *text)
{
	pulse_graph_free(accepted(text));
}

/* A node of kind `what` in a document of its own. */
static const char *
one(const char *what)
{
	return pulse_arena_printf(arena, "{'nodes': {'c': {%s}}}", what);
}

static const PulseNode *
node(const PulseGraph *graph, const char *id)
{
	int n = pulse_graph_find(graph, id, strlen(id));

	return n < 0 ? NULL : graph->nodes[n];
}

/* "a,b": what the node reads, as name=id where these differ, ~name from outside. */
static const char *
refs_text(const PulseGraph *graph, const int *refs, const char *const *names, int n,
		  const PulseBody *body)
{
	char *s = pulse_arena_strdup(arena, "");

	for (int i = 0; i < n; i++)
	{
		const char *id = refs[i] >= 0 ? (names == NULL ? pulse_node_shown(graph, graph->nodes[refs[i]])->id : graph->nodes[refs[i]]->id)
						 : body != NULL ? pulse_arena_printf(arena, "~%s", body->outer[~refs[i]])
										: "~";

		s = pulse_arena_printf(arena, "%s%s%s", s, i > 0 ? "," : "", id);
		if (names != NULL && strcmp(names[i], id + (*id == '~')) != 0)
			s = pulse_arena_printf(arena, "%s=%s", s, names[i]);
	}
	return s;
}

static const char *
refs_of(const PulseGraph *graph, const char *id, const PulseBody *body)
{
	const PulseNode *n = node(graph, id);

	return n == NULL ? NULL : refs_text(graph, n->refs, n->ref_names, n->n_refs, body);
}

static const char *
ids_of(const PulseGraph *graph, const int *list, int n)
{
	return refs_text(graph, list, NULL, n, NULL);
}

/*
 * ---------------------------------------------------------------------
 * What is read
 * ---------------------------------------------------------------------
 */

static void
test_kinds(void)
{
	PulseGraph *g;
	const PulseNode *n;

	g = accepted("{'nodes': {"
				 "'a': {'action': 'x', 'rewrite': {'max_reexecutions': 5, 'on_exhausted': 'degrade'}},"
				 "'b': {'action': 'x', 'rewrite': {}},"
				 "'c': {'choose': [{'when': '$.input.x == 1', 'then': {'nodes': {'p': {'noop': true}}}},"
				 "                 {'else': {'nodes': {'q': {'noop': true}, 'r': {'noop': true}}}}]},"
				 "'m': {'map': {'over': '$.input.list', 'as': {'nodes': {'p': {'pure': {'$': '$.item'}}}}}},"
				 "'n': {'map': {'over': '$.input.list', 'as': {'nodes': {'p': {'pure': {'$': '$.index'}}}},"
				 "              'max_parallel': 3, 'max_items': 100000, 'tolerate': 0.25}},"
				 "'p': {'pure': {'result': 'complete'}, 'result': true},"
				 "'r': {'repeat': {'body': {'nodes': {'p': {'pure': {'$': '$.round'}}}}, 'while': '$.nodes.p < 3', 'max': 7}},"
				 "'s': {'repeat': {'body': {'nodes': {'p': {'noop': true}}}, 'while': '$.round < 3', 'max': 1000000000},"
				 "      'on_exhausted': 'complete'},"
				 "'w': {'workflow': 'other', 'version': 3, 'input': 1, 'retry': {'max_attempts': 2}, 'timeout': '1 h',"
				 "      'total_timeout': '2 h'},"
				 "'x': {'workflow': 'other'}}}");
	if (g == NULL)
		return;
	n = node(g, "a");
	ok(n->max_reexecutions == 5 && n->degrade, "rewrite of an action");
	n = node(g, "b");
	ok(n->max_reexecutions == 2 && !n->degrade, "its defaults");
	n = node(g, "c");
	ok(n->kind == PULSE_KIND_CHOOSE && n->n_choices == 2 && n->choices[0].when != NULL && n->choices[1].when == NULL,
	   "choose");
	is(ids_of(n->choices[1].body->graph, n->choices[1].body->exits, n->choices[1].body->n_exits), "q,r", "exits");
	n = node(g, "m");
	ok(n->kind == PULSE_KIND_MAP && n->max_items == 1000 && n->max_parallel == 0 && n->tolerate == -1 && n->over != NULL,
	   "map and its defaults");
	n = node(g, "n");
	ok(n->max_items == 100000 && n->max_parallel == 3 && n->tolerate == 0.25, "map");
	ok(node(g, "p")->result, "a pure node with a stage result");
	n = node(g, "r");
	ok(n->kind == PULSE_KIND_REPEAT && n->max_rounds == 7 && !n->exhausted_completes && n->body->again != NULL, "repeat");
	is(refs_text(n->body->graph, n->body->again_refs, n->body->again_names, n->body->n_again_refs, n->body), "p",
	   "what its condition reads");
	n = node(g, "s");
	ok(n->exhausted_completes && n->max_rounds == 1000000000, "repeat that completes");
	n = node(g, "w");
	ok(n->kind == PULSE_KIND_WORKFLOW && n->version == 3 && n->retry_given && n->retry.max_attempts == 2 &&
	   n->timeout == INT64CONST(3600000000), "workflow");
	is(n->name, "other", "its name");
	n = node(g, "x");
	ok(n->version == 0 && !n->retry_given, "its defaults");
	pulse_graph_free(g);
}

static void
test_fragments(void)
{
	PulseGraph *g = accepted(
		"{'nodes': {'before': {'noop': true}, 'c': {'after': ['before'], 'choose': [{'else': {"
		"'nodes': {'d': {'noop': true, 'after': ['b']}, 'b': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'pure': {'$': '$.error'}},"
		"          'a': {'noop': true}, 'e': {'noop': true}},"
		"'edges': [['a', 'd'], ['a', 'd'], ['b', 'd'], ['a', 'e']], 'entries': ['b', 'a'], 'exits': ['h', 'd', 'e', 'b']}}]}}}");
	const PulseBody *body;
	const PulseNode *n;

	if (g == NULL)
		return;
	body = node(g, "c")->choices[0].body;
	is_int(body->graph->n_nodes, 5, "five nodes");
	is_int(body->graph->n_edges, 4, "edges of after, edges and goto, each once");
	is(ids_of(body->graph, body->entries, body->n_entries), "a,b", "entries in id order");
	is(ids_of(body->graph, body->exits, body->n_exits), "b,d,e,h", "exits in id order");
	n = node(body->graph, "d");
	is(ids_of(body->graph, n->preds, n->n_preds), "a,b", "predecessors");
	n = node(body->graph, "b");
	is(ids_of(body->graph, n->succs, n->n_succs), "d,h", "successors");
	ok(n->handler >= 0 && body->graph->nodes[n->handler]->guards >= 0, "handlers are local");
	is_int(body->graph->nodes[3]->rank, 3, "rank is the number");
	is_int(g->n_nodes, 2, "none of it is in the graph");
	pulse_graph_free(g);
}

static void
test_references(void)
{
	PulseGraph *g;
	const PulseNode *n;
	const PulseFinding *f;
	const PulseBody *body;

	g = accepted("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'after': ['a']}, 'x': {'noop': true, 'after': ['a']},"
				 "'m': {'after': ['b', 'x'], 'map': {'over': '$.nodes.a.list', 'as': {'nodes': {"
				 "  'x': {'pure': [{'$': '$.item'}, {'$': '$.nodes.a'}, {'$': '$.nodes.b'}]},"
				 "  'y': {'after': ['x'], 'pure': [{'$': '$.nodes.x'}, {'$': '$.nodes.a'}]}}}}}}}");
	if (g != NULL)
	{
		n = node(g, "m");
		is(refs_of(g, "m", NULL), "a,b", "the composite node reads what its fragment reads outside");
		is_int(n->body->n_outer, 2, "two outer names");
		is(refs_of(n->body->graph, "x", n->body), "~b,~a", "references outwards");
		is(refs_of(n->body->graph, "y", n->body), "~a,x", "a local name goes before one outside");
		is_int(n->body->self, -1, "not itself");
	}
	pulse_graph_free(g);

	/* at any depth */
	g = accepted("{'nodes': {'a': {'noop': true},"
				 "'m': {'after': ['a'], 'map': {'over': '$.input', 'as': {'nodes': {'l': {'noop': true},"
				 "  'r': {'after': ['l'], 'repeat': {'max': 3, 'while': '$.nodes.r < 3 && $.nodes.p == $.item && $.round < 9', 'body': {'nodes': {"
				 "    'p': {'choose': [{'when': '$.nodes.r == $.round', 'then': {'nodes': {'z':"
				 "       {'pure': [{'$': '$.nodes.a'}, {'$': '$.nodes.l'}, {'$': '$.nodes.r'}, {'$': '$.item'}, {'$': '$.index'}, {'$': '$.round'}]}}}}]}}}}}}}}}}}");
	if (g != NULL)
	{
		body = node(g, "m")->body;
		is(refs_of(g, "m", NULL), "a", "only what the document has");
		is(refs_of(body->graph, "r", body), "~a,l", "names of the fragments between");
		body = node(body->graph, "r")->body;
		ok(body->self >= 0 && strcmp(body->outer[body->self], "r") == 0, "a repeat sees its last round");
		is(refs_text(body->graph, body->again_refs, body->again_names, body->n_again_refs, body), "~r,p", "and so does its condition");
		is(refs_of(body->graph, "p", body), "~l,~a,~r", "and all in it");
		is_int(node(body->graph, "p")->choices[0].body->self, -1, "which is not itself for what is in between");
	}
	pulse_graph_free(g);

	g = accepted("{'nodes': {'a': {'noop': true}, 'm': {'after': ['a'], 'map': {'over': '$.input', 'as': {'nodes': {"
				 "'c': {'choose': [{'else': {'nodes': {'x': {'pure': {'$': '$.nodes'}}}}}]}}}}}}}");
	if (g != NULL)
	{
		body = node(g, "m")->body;
		ok(node(g, "m")->refs_all && body->outer_all && node(body->graph, "c")->refs_all, "all of $.nodes, at every depth");
	}
	pulse_graph_free(g);

	f = refused("{'nodes': {'load': {'noop': true}, 'm': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': [0, {'$': '1 + $.nodes.load'}]}}}}}}}",
				"not_ancestor", "$.nodes.m.map.as.nodes.x.pure[1].\"$\"");
	is(f ? f->hint : NULL, "Add \"load\" to \"after\" of \"m\" or of a node before it.", "how to mend it");
	is_int(f ? f->column : 0, 13, "and where");
	f = refused("{'nodes': {'load': {'noop': true}, 'm': {'after': ['load'], 'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': {'$': '$.nodes.laod'}}}}}}}}",
				"unknown_node", "$.nodes.m.map.as.nodes.x.pure.\"$\"");
	is(f ? f->hint : NULL, "Perhaps you meant \"load\".", "a hint from outside");
	f = refused(one("'map': {'over': '$.input', 'as': {'nodes': {'first': {'noop': true}, 'x': {'after': ['first'], 'pure': {'$': '$.nodes.frist'}}}}}"),
				"unknown_node", "$.nodes.c.map.as.nodes.x.pure.\"$\"");
	is(f ? f->hint : NULL, "Perhaps you meant \"first\".", "a hint from the fragment");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'y': {'noop': true}, 'x': {'pure': {'$': '$.nodes.y'}}}}}"),
			"not_ancestor", "$.nodes.c.map.as.nodes.x.pure.\"$\"");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': {'$': '$.nodes.c'}}}}}"),
			"not_ancestor", "$.nodes.c.map.as.nodes.x.pure.\"$\"");
	refused(one("'choose': [{'when': '$.nodes.c == 1', 'then': {'nodes': {'x': {'noop': true}}}}]"),
			"not_ancestor", "$.nodes.c.choose[0].when");
	refused(one("'choose': [{'else': {'nodes': {'x': {'when': '$.nodes.c == 1', 'noop': true}}}}]"),
			"not_ancestor", "$.nodes.c.choose[0].else.nodes.x.when");
	refused("{'nodes': {'c': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}}}, 'd': {'noop': true, 'when': '$.nodes.x == 1', 'after': ['c']}}}",
			"unknown_node", "$.nodes.d.when");
	accepted_only("{'nodes': {'c': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}}}, 'd': {'pure': {'$': '$.nodes.c'}, 'after': ['c']}}}");

	/* members of $ */
	refused(one("'map': {'over': '$.item', 'as': {'nodes': {'x': {'noop': true}}}}"), "member_unavailable", "$.nodes.c.map.over");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': {'$': '$.round'}}}}}"),
			"member_unavailable", "$.nodes.c.map.as.nodes.x.pure.\"$\"");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.item == 1', 'max': 1}"),
			"member_unavailable", "$.nodes.c.repeat.while");
	refused(one("'repeat': {'body': {'nodes': {'x': {'pure': {'$': '$.index'}}}}, 'while': '$.round == 1', 'max': 1}"),
			"member_unavailable", "$.nodes.c.repeat.body.nodes.x.pure.\"$\"");
	refused(one("'when': '$.round == 1', 'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.round == 1', 'max': 1}"),
			"member_unavailable", "$.nodes.c.when");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': {'$': '$.error'}}}}}"),
			"member_unavailable", "$.nodes.c.map.as.nodes.x.pure.\"$\"");
	accepted_only(one("'map': {'over': '$.input', 'as': {'nodes': {'i': {'map': {'over': '$.item', 'as': {'nodes': {'x': {'noop': true}}}}}}}}"));
	accepted_only("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'c'}},"
				  "'c': {'choose': [{'when': '$.error.class == \\\"timeout\\\"', 'then': {'nodes': {'x': {'noop': true}}}}]}}}");
}

/*
 * ---------------------------------------------------------------------
 * What is refused
 * ---------------------------------------------------------------------
 */

static void
test_keys(void)
{
	const PulseFinding *f;

	refused(one("'choose': {}"), "wrong_type", "$.nodes.c.choose");
	refused(one("'choose': []"), "bad_value", "$.nodes.c.choose");
	refused(one("'choose': [1]"), "wrong_type", "$.nodes.c.choose[0]");
	refused(one("'choose': [{'when': '$.input.a == 1'}]"), "missing_key", "$.nodes.c.choose[0]");
	refused(one("'choose': [{'then': {'nodes': {'x': {'noop': true}}}}]"), "missing_key", "$.nodes.c.choose[0]");
	refused(one("'choose': [{'when': true, 'then': {'nodes': {'x': {'noop': true}}}}]"), "wrong_type", "$.nodes.c.choose[0].when");
	refused(one("'choose': [{'when': '$.', 'then': {'nodes': {'x': {'noop': true}}}}]"), "bad_expression", "$.nodes.c.choose[0].when");
	refused(one("'choose': [{'else': {'nodes': {'x': {'noop': true}}}}, {'when': '$.input.a == 1', 'then': {'nodes': {'x': {'noop': true}}}}]"),
			"bad_value", "$.nodes.c.choose[0]");
	refused(one("'choose': [{'else': {'nodes': {'x': {'noop': true}}}}, {'else': {'nodes': {'x': {'noop': true}}}}]"),
			"bad_value", "$.nodes.c.choose[0]");
	refused(one("'choose': [{'when': '$.input.a == 1', 'then': {'nodes': {'x': {'noop': true}}}, 'else': {}}]"),
			"unknown_key", "$.nodes.c.choose[0].else");
	f = refused(one("'choose': [{'when': '$.input.a == 1', 'then': {'nodes': {'x': {'noop': true}}}, 'whne': 1}]"),
				"unknown_key", "$.nodes.c.choose[0].whne");
	is(f ? f->hint : NULL, "Perhaps you meant \"when\".", "hint for a key of a choice");
	f = refused(one("'choose': [{'else': {'nodes': {'out': {'noop': true}}}}]"), "reserved_id", "$.nodes.c.choose[0].else.nodes.out");
	accepted_only(one("'map': {'over': '$.input', 'as': {'nodes': {'out': {'noop': true}}}}"));
	accepted_only(one("'repeat': {'body': {'nodes': {'out': {'noop': true}}}, 'while': '$.input == 1', 'max': 2}"));

	refused(one("'map': []"), "wrong_type", "$.nodes.c.map");
	refused(one("'map': {'as': {'nodes': {'x': {'noop': true}}}}"), "missing_key", "$.nodes.c.map");
	refused(one("'map': {'over': '$.input'}"), "missing_key", "$.nodes.c.map");
	refused(one("'map': {'over': [1, 2], 'as': {'nodes': {'x': {'noop': true}}}}"), "wrong_type", "$.nodes.c.map.over");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'max_parallel': 0}"), "bad_value", "$.nodes.c.map.max_parallel");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'max_items': 100001}"), "bad_value", "$.nodes.c.map.max_items");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'max_items': 1.5}"), "bad_value", "$.nodes.c.map.max_items");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'tolerate': 1.01}"), "bad_value", "$.nodes.c.map.tolerate");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'tolerate': -0.1}"), "bad_value", "$.nodes.c.map.tolerate");
	refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'tolerate': '1'}"), "bad_value", "$.nodes.c.map.tolerate");
	accepted_only(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'tolerate': 1}"));
	f = refused(one("'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}, 'max_paralel': 1}"),
				"unknown_key", "$.nodes.c.map.max_paralel");
	is(f ? f->hint : NULL, "Perhaps you meant \"max_parallel\".", "hint for a key of a map");

	refused(one("'repeat': 1"), "wrong_type", "$.nodes.c.repeat");
	refused(one("'repeat': {'while': '$.input == 1', 'max': 1}"), "missing_key", "$.nodes.c.repeat");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'max': 1}"), "missing_key", "$.nodes.c.repeat");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.input == 1'}"), "missing_key", "$.nodes.c.repeat");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.input == 1', 'max': 0}"), "bad_value", "$.nodes.c.repeat.max");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.input == 1', 'max': 1000000001}"), "bad_value", "$.nodes.c.repeat.max");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.nodes.y == 1', 'max': 1}"), "unknown_node", "$.nodes.c.repeat.while");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$ ==', 'max': 1}"), "bad_expression", "$.nodes.c.repeat.while");
	refused(one("'repeat': {'body': {'nodes': {'x': {'noop': true}}}, 'while': '$.round < 2', 'max': 1}, 'on_exhausted': 'degrade'"),
			"bad_value", "$.nodes.c.on_exhausted");
	read_form(one("'repeat': {'body': {'nodes': {'x': {'noop': 1}}}, 'while': 5, 'max': 0}"), PULSE_GRAPH_DEFINE);
	ok(findings.n_errors == 3 && finding("bad_value", "$.nodes.c.repeat.max") && finding("wrong_type", "$.nodes.c.repeat.while") &&
	   finding("bad_value", "$.nodes.c.repeat.body.nodes.x.noop"), "all faults of a repeat at once");

	refused(one("'workflow': ''"), "bad_name", "$.nodes.c.workflow");
	refused(one("'workflow': 7"), "wrong_type", "$.nodes.c.workflow");
	refused(one("'workflow': 'x', 'version': 0"), "bad_value", "$.nodes.c.version");
	refused(one("'workflow': 'x', 'version': '1'"), "bad_value", "$.nodes.c.version");
	refused(one("'action': 'x', 'version': 1"), "key_not_allowed", "$.nodes.c.version");
	refused(one("'action': 'x', 'result': true"), "key_not_allowed", "$.nodes.c.result");
	refused(one("'pure': 1, 'result': 'yes'"), "wrong_type", "$.nodes.c.result");
	refused(one("'action': 'x', 'on_exhausted': 'fail'"), "key_not_allowed", "$.nodes.c.on_exhausted");
	refused(one("'workflow': 'x', 'rewrite': {}"), "key_not_allowed", "$.nodes.c.rewrite");
	refused(one("'action': 'x', 'rewrite': {'max_reexecutions': 1001}"), "bad_value", "$.nodes.c.rewrite.max_reexecutions");
	refused(one("'noop': true, 'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}}"), "many_kinds", "$.nodes.c");
	refused(one("'collect': 'c'"), "unknown_key", "$.nodes.c.collect");
}

static const PulseFinding *
shape(const char *fragment, const char *code, const char *path)
{
	return refused(one(pulse_arena_printf(arena, "'map': {'over': '$.input', 'as': %s}", fragment)), code,
				   pulse_arena_printf(arena, "$.nodes.c.map.as%s", path));
}

static void
test_shapes(void)
{
	const PulseFinding *f;

	shape("[]", "wrong_type", "");
	shape("{}", "missing_key", "");
	shape("{'nodes': []}", "wrong_type", ".nodes");
	shape("{'nodes': {'x': {'noop': true}}, 'edge': []}", "unknown_key", ".edge");
	shape("{'nodes': {'x': {'noop': true}}, 'edges': {}}", "wrong_type", ".edges");
	shape("{'nodes': {'x': {'noop': true}}, 'edges': [['x']]}", "wrong_type", ".edges[0]");
	shape("{'nodes': {'x': {'noop': true}}, 'entries': 'x'}", "wrong_type", ".entries");
	shape("{'nodes': {'x': {'noop': true}}, 'exits': [1]}", "wrong_type", ".exits[0]");
	read_form(one("'map': {'over': '$.input', 'as': {'nodes': {}}}"), PULSE_GRAPH_DEFINE);
	ok(findings.n_errors == 3 && finding("fragment_empty", "$.nodes.c.map.as") && finding("no_entries", "$.nodes.c.map.as") &&
	   finding("no_exits", "$.nodes.c.map.as"), "an empty fragment");
	f = shape("{'nodes': {'load': {'noop': true}, 'x': {'after': ['load', 'laod'], 'noop': true}}}", "undefined_node", ".nodes.x.after[1]");
	is(f ? f->hint : NULL, "Perhaps you meant \"load\".", "hint for a node of the fragment");
	shape("{'nodes': {'x': {'on_error': {'goto': 'h'}, 'action': 'x'}}}", "undefined_node", ".nodes.x.on_error.goto");
	f = refused("{'nodes': {'load': {'noop': true}, 'm': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true, 'after': ['load']}}}}}}}",
				"undefined_node", "$.nodes.m.map.as.nodes.x.after[0]");
	is(f ? f->hint : NULL, "\"load\" is a node outside of the fragment: let the node that the fragment belongs to come after it.",
	   "hint for a node outside");
	shape("{'nodes': {'x': {'noop': true}}, 'edges': [['x', 'y']]}", "undefined_node", ".edges[0][1]");
	f = shape("{'nodes': {'load': {'noop': true}}, 'entries': ['load', 'lad']}", "entry_outside", ".entries");
	is(f ? f->hint : NULL, "Perhaps you meant \"load\".", "hint for an entry");
	shape("{'nodes': {'x': {'noop': true}}, 'exits': ['x', 'y']}", "exit_outside", ".exits");
	shape("{'nodes': {'x': {'noop': true}}, 'entries': ['x', 'x']}", "duplicate_entry", ".entries");
	shape("{'nodes': {'x': {'noop': true}}, 'exits': ['x', 'x']}", "duplicate_exit", ".exits");
	shape("{'nodes': {'x': {'noop': true}, 'y': {'noop': true, 'after': ['x']}}, 'exits': ['x']}", "orphan", ".nodes.y");
	shape("{'nodes': {'x': {'noop': true}, 'y': {'noop': true}}, 'entries': ['x']}", "orphan", ".nodes.y");
	f = shape("{'nodes': {'x': {'noop': true}, 'y': {'noop': true, 'after': ['x', 'w']}, 'z': {'noop': true, 'after': ['y']}, 'w': {'noop': true, 'after': ['z']}},"
			  " 'entries': ['x'], 'exits': ['z']}", "fragment_cycle", "");
	is(f ? f->message : NULL, "nodes of the fragment wait for each other in a cycle: w > y > z > w", "the cycle is spelt out");
	f = shape("{'nodes': {'a': {'noop': true, 'on_error': {'goto': 'a'}}}, 'entries': ['a'], 'exits': ['a']}", "fragment_cycle", "");
	is(f ? f->message : NULL, "nodes of the fragment wait for each other in a cycle: a > a", "also of one node");
	shape("{'nodes': {'a:b': {'noop': true}}}", "bad_id", ".nodes.\"a:b\"");
	shape("{'nodes': {'': {'noop': true}}}", "bad_id", ".nodes.\"\"");
	shape(pulse_arena_printf(arena, "{'nodes': {'x%0200d': {'noop': true}}}", 0), "bad_id", pulse_arena_printf(arena, ".nodes.x%0200d", 0));
	shape("{'nodes': {'x': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true}}, 'entries': ['x', 'h']}",
		  "handler_has_after", ".nodes.h");
	shape("{'nodes': {'w': {'noop': true}, 'x': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true, 'after': ['w']}}}",
		  "handler_has_after", ".nodes.h.after");

	/* definitions */
	shape("{'nodes': {'x': {}}}", "no_kind", ".nodes.x");
	shape("{'nodes': {'x': {'emit': {}}}}", "kind_unavailable", ".nodes.x.emit");
	shape("{'nodes': {'x': {'noop': true, 'aftr': []}}}", "unknown_key", ".nodes.x.aftr");
	shape("{'nodes': {'x': {'collect': 'x'}}}", "unknown_key", ".nodes.x.collect");
	shape("{'nodes': {'x-y': {'pure': [{'$': '$.input ='}]}}}", "bad_expression", ".nodes.\"x-y\".pure[0].\"$\"");
	shape("{'nodes': {'x': {'choose': [{'else': {'nodes': {'y': {'repeat': {'while': '$.round < 1', 'max': 1, 'body': {'nodes': {'z': {'delay': 'x'}}}}}}}}]}}}",
		  "bad_duration", ".nodes.x.choose[0].else.nodes.y.repeat.body.nodes.z.delay");
}

/* Maps in maps, so deep; the innermost body is a no-op with this id. */
static const char *
nested(int deep, const char *id)
{
	char *s = pulse_arena_printf(arena, "{'nodes': {'%s': {'noop': true}}}", id);

	for (int i = 0; i < deep; i++)
		s = pulse_arena_printf(arena, "{'nodes': {'m': {'map': {'over': '$.input', 'as': %s}}}}", s);
	return s;
}

/* Chooses in each other under ids of 200 bytes. */
static const char *
long_ids(int deep)
{
	char *s = pulse_arena_strdup(arena, "{'nodes': {'x': {'noop': true}}}");

	for (int i = 0; i < deep; i++)
		s = pulse_arena_printf(arena, "{'nodes': {'%0200d': {'choose': [{'else': %s}]}}}", 0, s);
	return s;
}

static void
test_limits(void)
{
	StringInfoData buf;
	const char *path = "$.nodes.m.map.as";
	PulseGraph *g;
	clock_t start;

	accepted_only(nested(16, "x"));
	for (int i = 1; i < 17; i++)
		path = pulse_arena_printf(arena, "%s.nodes.m.map.as", path);
	refused(nested(17, "x"), "limit_nesting", path);

	/* 201 bytes each: nine and ":x" have 1,811, ten 2,012 */
	accepted_only(long_ids(9));
	g = read_form(long_ids(10), PULSE_GRAPH_DEFINE);
	ok(g == NULL && findings.n_errors == 2 && strcmp(findings.items[0].code, "bad_id") == 0, "ids that would be too long when they run");
	pulse_graph_free(g);

	/* nodes and edges of fragments are counted */
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{'nodes': {'c': {'choose': [");
	for (int k = 0; k < 10; k++)
	{
		appendStringInfo(&buf, "%s{'when': '$.input == %d', 'then': {'nodes': {", k > 0 ? "," : "", k);
		for (int i = 0; i < (k < 9 ? 1000 : 999); i++)
			appendStringInfo(&buf, "%s'n%d': {'noop': true}", i > 0 ? "," : "", i);
		appendStringInfoString(&buf, "}}}");
	}
	accepted_only(pulse_arena_printf(arena, "%s]}}}", buf.data));
	refused(pulse_arena_printf(arena, "%s]}, 'd': {'noop': true}}}", buf.data), "limit_nodes", "$.nodes.c.choose[9].then.nodes");
	resetStringInfo(&buf);
	appendStringInfoString(&buf, "{'nodes': {'c': {'choose': [");
	for (int k = 0; k < 6; k++)
	{
		appendStringInfo(&buf, "%s{'when': '$.input == %d', 'then': {'nodes': {'a': {'noop': true}", k > 0 ? "," : "", k);
		for (int i = 0; i < 99; i++)
			appendStringInfo(&buf, ",'n%d': {'noop': true},'m%d': {'noop': true}", i, i);
		appendStringInfoString(&buf, "}, 'edges': [['a', 'n0']");
		for (int i = 0; i < 99; i++)
		{
			for (int j = 0; j < 99; j++)
				appendStringInfo(&buf, ",['n%d','m%d']", i, j);
			appendStringInfo(&buf, ",['a','n%d']", i);
		}
		appendStringInfoString(&buf, "]}}");
	}
	appendStringInfoString(&buf, "]}}}");
	refused(buf.data, "limit_edges", "$.nodes.c.choose[5].then.nodes");

	/* 20,000 names outside, from the innermost of 16 fragments */
	resetStringInfo(&buf);
	for (int i = 0; i < 15; i++)
		appendStringInfoString(&buf, "{'nodes': {'m': {'map': {'over': '$.input', 'as': ");
	appendStringInfoString(&buf, "{'nodes': {'x': {'pure': [0");
	for (int i = 0; i < 20000; i++)
		appendStringInfo(&buf, ",{'$':'$.nodes.n%d'}", i);
	appendStringInfoString(&buf, "]}}}");
	for (int i = 0; i < 15; i++)
		appendStringInfoString(&buf, "}}}}");
	start = clock();
	g = read_form(buf.data, PULSE_GRAPH_DEFINE);
	ok(g == NULL && findings.n_errors == 20000, "20,000 unknown names in %.0f ms", (double) (clock() - start) * 1000 / CLOCKS_PER_SEC);
	pulse_graph_free(g);

	/* 4,000 faults in shapes */
	resetStringInfo(&buf);
	appendStringInfoString(&buf, "{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}");
	for (int i = 0; i < 4000; i++)
		appendStringInfo(&buf, ",'n%d':{'noop':true,'after':['o%d']}", i, i);
	appendStringInfoString(&buf, "}, 'exits': ['x']}}}}}");
	start = clock();
	g = read_form(buf.data, PULSE_GRAPH_DEFINE);
	ok(g == NULL && findings.n_errors >= 8000, "%d faults of a shape in %.0f ms", findings.n_errors,
	   (double) (clock() - start) * 1000 / CLOCKS_PER_SEC);
	pulse_graph_free(g);
	pfree(buf.data);
}

/*
 * ---------------------------------------------------------------------
 * Graphs that have grown
 * ---------------------------------------------------------------------
 */

/* Lowers the composite node with this id, with so many instances. */
static void
lower(PulseGraph *g, const char *id, int branch, int n)
{
	int at = pulse_graph_find(g, id, strlen(id));
	const PulseNode *composite = g->nodes[at];
	const PulseJson **items = pulse_arena_alloc(arena, sizeof(PulseJson *) * (size_t) n);
	PulseLowering low = { .out = at, .origin = 1, .n = n, .items = items };

	for (int i = 0; i < n; i++)
		items[i] = pulse_json_int(arena, i);
	low.kind = composite->kind == PULSE_KIND_MAP	   ? PULSE_SCOPE_ITEM
			   : composite->kind == PULSE_KIND_REPEAT ? PULSE_SCOPE_ROUND
													   : PULSE_SCOPE_BRANCH;
	low.index = low.kind == PULSE_SCOPE_ROUND ? 1 : low.kind == PULSE_SCOPE_BRANCH ? branch : 0;
	low.body = low.kind == PULSE_SCOPE_BRANCH ? composite->choices[branch].body : composite->body;
	pulse_graph_lower(g, &low);
}

/* What the grown graph says of itself, read again, is the same graph. */
static void
reads_again(PulseGraph *g, const char *what)
{
	PulseGraph *again;

	pulse_graph_settle(g);
	pulse_diag_init(&findings, arena);
	again = pulse_graph_read(pulse_graph_document(g, arena), PULSE_GRAPH_LIVE, &findings);
	if (!ok(again != NULL, "%s: its document can be read", what))
	{
		show_findings();
		return;
	}
	is(again->hash, g->hash, what);
	for (int i = 0; i < pulse_graph_size(g); i++)
	{
		const PulseNode *a = g->nodes[pulse_graph_at_rank(g, i)];
		const PulseNode *b = again->nodes[i];
		const char *x;
		const char *y;

		if (a->kind != b->kind || a->on_error != b->on_error || (a->handler < 0) != (b->handler < 0) ||
			(a->guards < 0) != (b->guards < 0) ||
			(a->guards >= 0 && strcmp(g->nodes[a->guards]->id, again->nodes[b->guards]->id) != 0))
			ok(false, "%s: %s is the same", what, a->id);

		/* what the condition of a repeat reads, its collecting node does not say */
		if (a->kind == PULSE_KIND_COLLECT || a->n_refs > 1)
			continue;
		x = refs_text(g, a->refs, a->ref_names, a->n_refs, NULL);
		y = refs_text(again, b->refs, b->ref_names, b->n_refs, NULL);
		if (a->ref_names == NULL && b->ref_names != NULL)
			x = pulse_arena_printf(arena, "%s:out=%s", x, x);
		if (strcmp(x, y) != 0 || a->refs_all != b->refs_all)
			is(y, x, a->id);
	}
	pulse_graph_free(again);
}

static void
test_live(void)
{
	PulseGraph *base;
	PulseGraph *g;

	base = accepted("{'nodes': {'out': {'noop': true},"
					"'m': {'after': ['out'], 'on_error': {'goto': 'h'}, 'map': {'over': '$.input', 'as': {'nodes': {'l': {'pure': {'$': '$.nodes.out'}},"
					"  'r': {'after': ['l'], 'repeat': {'max': 3, 'while': '$.nodes.r < 3', 'body': {'nodes': {"
					"    'p': {'choose': [{'when': '$.nodes.r == $.round', 'then': {'nodes': {'z': {'pure': {'$': '$.nodes.r'}}, 'w': {'pure': {'$': '$.nodes.l'}}}}}]},"
					"    'q': {'pure': {'$': '$.nodes.p'}, 'after': ['p']}}}}}}}}},"
					"'h': {'pure': {'$': '$.error'}}, 'n': {'after': ['m', 'h'], 'pure': {'$': '$.nodes.m'}}}, 'output': {'$': '$.nodes.m'}}");
	if (base == NULL)
		return;
	g = pulse_graph_copy(base);
	reads_again(g, "not grown");
	lower(g, "m", 0, 2);
	reads_again(g, "a map");
	is(refs_of(g, "n", NULL), "m", "a composite node is known by its collecting node");
	is_int(node(g, "n")->refs[0], pulse_graph_find(g, "m:out", 5), "which has its number");
	is_int(node(g, "h")->guards, pulse_graph_find(g, "m:out", 5), "errors are handled behind it");
	lower(g, "m:item_1:r", 0, 1);
	reads_again(g, "a repeat in it");
	lower(g, "m:item_1:r:iter_1:p", 0, 1);
	reads_again(g, "a choose in that");
	is(refs_of(g, "m:item_1:r:iter_1:p:z", NULL), "m:item_1:r=r", "what is inside a repeat sees the repeat itself");
	pulse_graph_free(g);
	pulse_graph_free(base);

	g = accepted_form("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true}}}}, 'on_error': 'skip'},"
					  "'m:item_0:x': {'pure': [{'$': '$.item'}, {'$': '$.index'}], 'after': ['m']}, 'm:out': {'collect': 'm', 'after': ['m:item_0:x']},"
					  "'z': {'pure': {'$': '$.nodes.m'}, 'after': ['m:out']}}}", PULSE_GRAPH_LIVE);
	if (g != NULL)
	{
		ok(node(g, "m:out")->kind == PULSE_KIND_COLLECT && node(g, "m:out")->on_error == PULSE_ON_ERROR_SKIP &&
		   node(g, "m")->on_error == PULSE_ON_ERROR_FAIL && node(g, "m:out")->run_on_skip, "a collecting node");
		is(pulse_node_kind_name(node(g, "m:out")), "collect", "its kind");
		is(refs_of(g, "z", NULL), "m:out=m", "who is known by the composite node's name");
	}
	pulse_graph_free(g);
	refused_form("{'nodes': {'x:out': {'collect': 'x'}}}", PULSE_GRAPH_LIVE, "unknown_node", "$.nodes.\"x:out\".collect");
	refused_form("{'nodes': {'x': {'noop': true}, 'x:out': {'collect': 'x'}}}", PULSE_GRAPH_LIVE, "bad_value", "$.nodes.\"x:out\".collect");
	refused_form("{'nodes': {'x': {'map': {'over': '$.input', 'as': {'nodes': {'a': {'noop': true}}}}}, 'y:out': {'collect': 'x'}}}",
				 PULSE_GRAPH_LIVE, "bad_value", "$.nodes.\"y:out\".collect");
	refused_form("{'nodes': {'x:out': {'collect': 'x:out'}}}", PULSE_GRAPH_LIVE, "unknown_node", "$.nodes.\"x:out\".collect");
	refused_form("{'nodes': {'x:out': {'collect': 1}}}", PULSE_GRAPH_LIVE, "unknown_node", "$.nodes.\"x:out\".collect");
}

/* Plans to append a fragment behind the node; free it. */
static PulseRewritePlan *
plan(const PulseGraph *g, const char *anchor, const char *fragment)
{
	PulseBudget budget = { 100, 100, 100, 100, 100 };
	PulseRewritePlan *p;
	PulseRewrite rewrite;

	pulse_diag_init(&findings, arena);
	if (!pulse_rewrite_read(document(pulse_arena_printf(arena, "{'form': 'append', 'fragment': %s}", fragment)), "$", arena,
							&rewrite, &findings))
	{
		ok(false, "a rewrite: %s", fragment);
		show_findings();
		return NULL;
	}
	p = pulse_rewrite_plan(g, pulse_graph_find(g, anchor, strlen(anchor)), anchor, PULSE_RUNNING, &rewrite, &budget);
	return p;
}

static void
admitted(PulseGraph *g, const char *anchor, const char *fragment, const char *id, const char *expected)
{
	PulseRewritePlan *p = plan(g, anchor, fragment);
	const PulseGraph *f = p->growth.fragment;
	const PulseNode *n;

	if (ok(p->admitted, "admitted at %s: %.80s", anchor, fragment))
	{
		char *text = pulse_arena_strdup(arena, "");

		n = node(f, id);
		for (int i = 0; i < n->n_refs; i++)
			text = pulse_arena_printf(arena, "%s%s%s=%s", text, i > 0 ? "," : "",
									  n->refs[i] < 0 ? g->nodes[~n->refs[i]]->id : f->nodes[n->refs[i]]->id,
									  n->ref_names != NULL ? n->ref_names[i] : "");
		is(text, expected, "what it reads");
	}
	else
		diag("%s", p->errors.n > 0 ? p->errors.items[0].message : "exceeded");
	pulse_rewrite_free(p);
}

static void
invalid(PulseGraph *g, const char *anchor, const char *fragment, const char *where)
{
	PulseRewritePlan *p = plan(g, anchor, fragment);

	if (!ok(!p->admitted && p->errors.n == 1 && strcmp(p->errors.items[0].code, "invalid_definition") == 0 &&
				strstr(p->errors.items[0].message, where) != NULL,
			"invalid at %s: %s", anchor, where))
		diag("%d: %s", p->errors.n, p->errors.n > 0 ? p->errors.items[0].message : "");
	pulse_rewrite_free(p);
}

/* Composite nodes in fragments of rewrites, and rewrites in and behind composite nodes. */
static void
test_rewrites(void)
{
	PulseGraph *base = accepted("{'nodes': {'a': {'noop': true},"
								"'m': {'after': ['a'], 'map': {'over': '$.input', 'as': {'nodes': {'l': {'noop': true},"
								"  'r': {'after': ['l'], 'repeat': {'max': 3, 'while': '$.round < 3', 'body': {'nodes': {'p': {'noop': true}}}}}}}}},"
								"'n': {'after': ['m'], 'noop': true}}}");
	PulseGraph *g;

	if (base == NULL)
		return;
	g = pulse_graph_copy(base);
	admitted(g, "a", "{'nodes': {'x': {'noop': true}, 'c': {'after': ['x'], 'map': {'over': '$.nodes.a', 'as': {'nodes': {'y':"
			 " {'pure': [{'$': '$.nodes.x'}, {'$': '$.nodes.a'}, {'$': '$.item'}]}}}}}}}", "c", "a=a,x=x");
	lower(g, "m", 0, 2);
	lower(g, "m:item_1:r", 0, 1);
	pulse_graph_settle(g);
	admitted(g, "n", "{'nodes': {'x': {'pure': [{'$': '$.nodes.m'}, {'$': '$.nodes.a'}]}}}", "x", "m:out=m,a=a");
	admitted(g, "n", "{'nodes': {'x': {'choose': [{'else': {'nodes': {'y': {'pure': {'$': '$.nodes.m'}}}}}]}}}", "x", "m:out=m");
	admitted(g, "m:item_1:r:iter_1:p", "{'nodes': {'x': {'pure': [{'$': '$.nodes.r'}, {'$': '$.nodes.l'}, {'$': '$.item'}, {'$': '$.round'}]}}}",
			 "x", "m:item_1:r=r,m:item_1:l=l");
	invalid(g, "m:item_0:l", "{'nodes': {'x': {'pure': {'$': '$.nodes.m'}}}}", "$rewrite.fragment.nodes.x.pure");
	invalid(g, "m:item_0:l", "{'nodes': {'x': {'pure': {'$': '$.round'}}}}", "member_unavailable");
	invalid(g, "a", "{'nodes': {'x': {'pure': {'$': '$.item'}}}}", "member_unavailable");
	invalid(g, "a", "{'nodes': {'c': {'choose': [{'else': {'nodes': {'y': {'pure': {'$': '$.nodes.zz'}}}}}]}}}",
			"unknown_node at $rewrite.fragment.nodes.c.choose[0].else.nodes.y.pure.\"$\"");
	invalid(g, "a", "{'nodes': {'c': {'choose': [{'else': {'nodes': {'out': {'noop': true}}}}]}}}", "reserved_id");
	invalid(g, "a", "{'nodes': {'c': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'noop': true, 'after': ['y']}}}}}}}", "undefined_node");
	pulse_graph_free(g);
	pulse_graph_free(base);
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_kinds();
	test_fragments();
	test_references();
	test_keys();
	test_shapes();
	test_limits();
	test_live();
	test_rewrites();
	pulse_arena_free(arena);
	return tap_done();
}
