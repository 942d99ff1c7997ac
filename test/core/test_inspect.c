/*
 * test_inspect.c
 *		The window into the kernel, as semantics section 9 prints it.
 */
#include "postgres_fe.h"

#include "core/inspect.h"

#include "core/graph_codes.h"
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
	return pulse_json_parse(arena, copy, strlen(copy), &findings);
}

static const PulseJson *
inspect(const char *graph, const char *state)
{
	pulse_diag_init(&findings, arena);
	return pulse_inspect(document(graph), state == NULL ? NULL : document(state),
						 arena, &findings);
}

/* One member of the answer, or the whole, equals this document. */
static void
answers(const char *graph, const char *state, const char *member, const char *expected)
{
	const PulseJson *answer = inspect(graph, state);
	const PulseJson *got = answer == NULL ? NULL : member == NULL ? answer
																  : pulse_json_get(answer, member);

	if (!ok(got != NULL && pulse_json_equal(got, document(expected)), "%s of %s in %s",
			member != NULL ? member : "answer", state != NULL ? state : "nothing", graph))
	{
		diag("     got: %s", got == NULL ? "(null)" : pulse_json_text(arena, got));
		diag("expected: %s", expected);
		for (int i = 0; i < findings.n; i++)
			diag("%s: %s", findings.items[i].path, findings.items[i].message);
	}
}

static void
refuses(const char *graph, const char *state, const char *code, const char *path)
{
	const PulseJson *answer = inspect(graph, state);
	bool found = false;

	for (int i = 0; i < findings.n; i++)
	{
		found |= strcmp(findings.items[i].code, code) == 0 &&
				 strcmp(findings.items[i].path, path) == 0;
		if (!pulse_graph_code_known(findings.items[i].code))
			ok(false, "code %s is in the list", findings.items[i].code);
	}
	if (!ok(answer == NULL && found, "%s at %s", code, path))
	{
		for (int i = 0; i < findings.n; i++)
			diag("%s at %s: %s", findings.items[i].code, findings.items[i].path,
				 findings.items[i].message);
	}
}

#define DIAMOND "{'edges': [['a','b'],['a','c'],['b','d'],['c','d']]}"

static void
test_spec(void)
{
	const PulseJson *answer = inspect(DIAMOND, "{'a': {'status': 'completed', 'output': 1}, 'b': 'running'}");
	const PulseJson *hash = answer == NULL ? NULL : pulse_json_get(answer, "hash");
	PulseGraph *g = pulse_graph_read(document(DIAMOND), PULSE_GRAPH_LIVE, &findings);

	ok(hash != NULL && g != NULL && pulse_json_is(hash, g->hash), "the hash is that of the graph");
	answers(DIAMOND, "{'a': {'status': 'completed', 'output': 1}, 'b': 'running'}", NULL,
			pulse_arena_printf(arena,
							   "{'classification': 'progressing', 'frontier': ['c'], 'closed': {},"
							   "'blocked': {'d': {'pending': ['b', 'c']}}, 'inputs': {'c': {'a': 1}},"
							   "'recovered': {'b': 'pending'}, 'violations': [], 'hash': '%s'}",
							   g == NULL ? "" : g->hash));
	pulse_graph_free(g);
}

static void
test_forms(void)
{
	answers(DIAMOND, NULL, "frontier", "['a']");
	answers(DIAMOND, "{}", "frontier", "['a']");
	answers(DIAMOND, "{}", "inputs", "{}");
	answers(DIAMOND, "{}", "blocked", "{'b': {'pending': ['a']}, 'c': {'pending': ['a']}, 'd': {'pending': ['b','c']}}");
	answers(DIAMOND, "{'nodes': {'a': 'completed'}}", "frontier", "['b','c']");
	answers(DIAMOND, "{'nodes': {'a': 'completed'}}", "inputs", "{'b': {'a': null}, 'c': {'a': null}}");
	answers(DIAMOND, "{'nodes': {}}", "frontier", "['a']");
	answers(DIAMOND, "{'nodes': {}, 'strict': true}", "violations",
			"[{'code':'status_missing','node':'a'},{'code':'status_missing','node':'b'},"
			"{'code':'status_missing','node':'c'},{'code':'status_missing','node':'d'}]");
	/* a node named nodes is no wrapper */
	answers("{'nodes': ['nodes']}", "{'nodes': 'completed'}", "classification", "'completed'");
	answers("{'nodes': ['nodes']}", "{'nodes': {'status': 'completed'}}", "classification", "'completed'");
	answers("{'nodes': ['a']}", "{'a': {'status': 'waiting', 'signal': 's'}}", "classification", "'suspended'");
	answers("{'nodes': ['a']}", "{'a': {'status': 'interrupted', 'reason': 'shutdown'}}", "classification", "'stuck'");
	answers("{'nodes': ['a']}", "{'a': {'status': 'interrupted', 'reason': 'shutdown'}}", "recovered", "{'a': 'pending'}");
	answers("{'nodes': ['a']}", "{'a': {'status': 'failed', 'error': {'class': 'x'}}}", "classification", "'failed'");
	answers("{}", "{}", "classification", "'completed'");
	answers("{'nodes': {'a': {'action': 'x'}, 'b': {'noop': true, 'after': ['a']}}}", "{'a': 'skipped'}", "inputs", "{'b': {}}");
	answers("{'nodes': ['a:b:c']}", NULL, "frontier", "['a:b:c']");
}

static void
test_failed(void)
{
	const char *state = "{'a': {'status':'completed','output':null}, 'b': {'status':'failed'}}";

	answers(DIAMOND, state, "classification", "'failed'");
	answers(DIAMOND, state, "frontier", "['c']");
	answers(DIAMOND, state, "closed", "{'d': 'failed'}");
	answers(DIAMOND, state, "blocked", "{'d': {'failed': ['b']}}");
	answers(DIAMOND, state, "recovered", "{'d': 'failed'}");
	answers(DIAMOND, "{'a':'failed'}", "closed", "{'b':'failed','c':'failed','d':'failed'}");
	/* before closure: d waits for b and c, which have not failed as given */
	answers(DIAMOND, "{'a':'failed'}", "blocked",
			"{'b':{'failed':['a']},'c':{'failed':['a']},'d':{'pending':['b','c']}}");
	answers(DIAMOND, "{'a':'failed'}", "frontier", "[]");
	answers(DIAMOND, "{'a':'completed','b':'failed','c':'running'}", "recovered", "{'c':'pending','d':'failed'}");
	answers(DIAMOND, "{'a':'completed','b':'rewritten','c':'skipped'}", "inputs", "{'d':{'b':null}}");
	answers(DIAMOND, "{'nodes':{'a':{'status':'completed','output':0},'b':{'status':'rewritten','output':[1]},'c':'skipped','d':'pending'},'strict':true}",
			"inputs", "{'d':{'b':[1]}}");
}

static void
test_violations(void)
{
	const char *state =
		"{'nodes': {'zz': {'status':'pending','output':1}, 'y': 'completed', 'a': {'status':'pending','output':null},"
		"'b': 'completed', 'c': {'status':'running'}}, 'strict': true}";

	answers(DIAMOND, state, "violations",
			"[{'code':'status_outside','node':'y'},{'code':'status_outside','node':'zz'},"
			"{'code':'status_missing','node':'d'},"
			"{'code':'output_outside','node':'zz'},"
			"{'code':'output_not_allowed','node':'a'},"
			"{'code':'output_missing','node':'b'},"
			"{'code':'ancestor_unfinished','node':'b','ancestor':'a'}]");
	answers(DIAMOND, state, "recovered", "{}");
	/* once a node, with the lowest ancestor, whatever the distance */
	answers("{'edges':[['c','b'],['b','a'],['a','d']]}", "{'c':'running','b':'skipped','a':'waiting','d':'rewritten'}",
			"violations", "[{'code':'ancestor_unfinished','node':'b','ancestor':'c'},"
						  "{'code':'ancestor_unfinished','node':'d','ancestor':'a'}]");
	answers(DIAMOND, "{'a':'failed','b':'completed'}", "violations", "[]");
	answers(DIAMOND, "{'a':{'status':'failed','output':1}}", "violations", "[{'code':'output_not_allowed','node':'a'}]");
	answers(DIAMOND, "{'a':'completed'}", "violations", "[]");
}

static void
test_refused(void)
{
	refuses("{'edges':[['a','a']]}", NULL, "self_edge", "$graph.edges[0]");
	refuses("[]", NULL, "wrong_type", "$graph");
	refuses("{'nodes':['a'],'x':1}", NULL, "unknown_key", "$graph.x");
	refuses(DIAMOND, "[]", "wrong_type", "$state");
	refuses(DIAMOND, "{'a': 'done'}", "unknown_status", "$state.a");
	refuses(DIAMOND, "{'a': 1}", "wrong_type", "$state.a");
	refuses(DIAMOND, "{'a': {'status': 'complete'}}", "unknown_status", "$state.a.status");
	is(findings.n > 0 ? findings.items[0].hint : NULL, "Perhaps you meant \"completed\".", "hint for a status");
	refuses(DIAMOND, "{'a': {'status': null}}", "wrong_type", "$state.a.status");
	refuses(DIAMOND, "{'a': {'output': 1}}", "missing_key", "$state.a");
	refuses(DIAMOND, "{'a': {'status': 'completed', 'outptu': 1}}", "unknown_key", "$state.a.outptu");
	refuses(DIAMOND, "{'nodes': {'a': {'status': 'x'}}}", "unknown_status", "$state.nodes.a.status");
	refuses(DIAMOND, "{'nodes': {}, 'strikt': true}", "unknown_key", "$state.strikt");
	refuses(DIAMOND, "{'nodes': {}, 'strict': 1}", "wrong_type", "$state.strict");
	refuses(DIAMOND, "{'a': {'status': 'skipped', 'reason': 'whim'}}", "bad_value", "$state.a.reason");
	refuses(DIAMOND, "{'a': {'status': 'waiting', 'signal': 1}}", "wrong_type", "$state.a.signal");
	refuses(DIAMOND, "{'x y': 'nope'}", "unknown_status", "$state.\"x y\"");
}

#define GROWN "{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'x': {'pure': {'$': '$.item'}}}}}}," \
	"'m:item_0:x': {'pure': {'$': '$.item'}, 'after': ['m']}, 'm:item_1:x': {'pure': {'$': '$.item'}, 'after': ['m']}," \
	"'m:out': {'collect': 'm', 'after': ['m:item_0:x', 'm:item_1:x']}, 'z': {'pure': {'$': '$.nodes.m'}, 'after': ['m:out']}}}"

/* Graphs that have grown: composite nodes go by their collecting nodes. */
static void
test_grown(void)
{
	answers(GROWN, NULL, "frontier", "['m']");
	answers(GROWN, "{'m': {'status': 'rewritten', 'output': null}}", "frontier", "['m:item_0:x','m:item_1:x']");
	answers(GROWN, "{'m': 'rewritten', 'm:item_0:x': 'completed', 'm:item_1:x': 'skipped'}", "frontier", "['m:out']");
	answers(GROWN, "{'m': 'rewritten', 'm:item_0:x': {'status': 'completed', 'output': 1}, 'm:item_1:x': 'skipped'}", "inputs",
			"{'m:out': {'m:item_0:x': 1}}");
	answers(GROWN, "{'m': 'rewritten', 'm:item_0:x': 'completed', 'm:item_1:x': 'completed', 'm:out': {'status': 'completed', 'output': [1, 2]}}",
			"inputs", "{'z': {'m': [1, 2]}}");
	answers(GROWN, "{'m': 'rewritten', 'm:item_0:x': 'failed'}", "closed", "{'m:out': 'failed', 'z': 'failed'}");
	answers(GROWN, "{'m': 'pending', 'm:item_0:x': 'completed'}", "violations",
			"[{'code':'ancestor_unfinished','node':'m:item_0:x','ancestor':'m'}]");
	answers("{'steps': [{'name': 'a', 'type': 'delay', 'delay_ms': 1}, {'name': 'b', 'type': 'action'}]}", "{'a': 'completed'}", "frontier", "['b']");
	refuses("{'nodes': {'m:out': {'collect': 'm'}}}", NULL, "unknown_node", "$graph.nodes.\"m:out\".collect");
}

int
main(void)
{
	arena = pulse_arena_create(0);
	pulse_diag_init(&findings, arena);
	test_spec();
	test_forms();
	test_failed();
	test_violations();
	test_refused();
	test_grown();
	pulse_arena_free(arena);
	return tap_done();
}
