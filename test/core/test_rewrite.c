/*
 * test_rewrite.c
 *		Planning of rewrites: every sentence of semantics section 7 that this version
 *		decides, and random rewrites of random graphs against an obvious model.
 *
 * Documents are written with ' for " to be legible.
 *
 * Usage: test_rewrite [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/rewrite.h"

#include "common/pg_prng.h"
#include "portability/instr_time.h"

#include "core/graph_codes.h"
#include "core/inspect.h"
#include "core/local.h"
#include "core/sha256.h"
#include "tap.h"

static PulseArena *arena;
static PulseDiag findings;

static const PulseJson *
document(const char *text)
{
	const PulseJson *doc;
	char *copy;

	if (text == NULL)
		return NULL;
	copy = pulse_arena_strdup(arena, text);
	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	doc = pulse_json_parse_strict(arena, copy, strlen(copy), &findings);
	if (doc == NULL)
		diag("no JSON: %s", text);
	return doc;
}

/* ' for " again, so that expected texts are legible too */
static const char *
text_of(const PulseJson *value)
{
	StringInfoData buf;
	char *text;

	if (value == NULL)
		return NULL;
	initStringInfo(&buf);
	pulse_json_write(&buf, value);
	text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	for (char *p = text; *p != '\0'; p++)
	{
		if (*p == '"')
			*p = '\'';
	}
	return text;
}

static const PulseJson *
plan_with(const char *graph, const char *state, const char *anchor, const char *rewrite,
		  const char *budget)
{
	const PulseJson *docs[4];

	pulse_diag_init(&findings, arena);
	docs[0] = document(graph);
	docs[1] = document(state);
	docs[2] = document(rewrite);
	docs[3] = document(budget);
	return pulse_plan_rewrite(docs[0], docs[1], anchor, docs[2], docs[3], arena, &findings);
}

static const PulseJson *
plan(const char *graph, const char *anchor, const char *rewrite)
{
	return plan_with(graph, NULL, anchor, rewrite, NULL);
}

/* "code node, code node, …" of the errors */
static const char *
errors_of(const PulseJson *answer)
{
	const PulseJson *errors = answer == NULL ? NULL : pulse_json_get(answer, "errors");
	StringInfoData buf;
	const char *result;

	if (errors == NULL)
		return findings.n > 0 ? findings.items[0].message : "no answer";
	initStringInfo(&buf);
	for (uint32 i = 0; i < errors->len; i++)
	{
		const PulseJson *node = pulse_json_get(errors->u.items[i], "node");

		appendStringInfo(&buf, "%s%s", i == 0 ? "" : ", ",
						 pulse_json_get(errors->u.items[i], "code")->u.text);
		if (node != NULL)
			appendStringInfo(&buf, " %s", node->u.text);
	}
	result = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	return result;
}

static const char *
part(const PulseJson *answer, const char *key)
{
	return answer == NULL ? NULL : text_of(pulse_json_get(answer, key));
}

static const char *
hash_of(const PulseJson *doc)
{
	PulseGraph *graph = pulse_graph_read(doc, PULSE_GRAPH_LIVE, &findings);
	const char *hash = graph == NULL ? NULL : pulse_arena_strdup(arena, graph->hash);

	pulse_graph_free(graph);
	return hash;
}

/* "a>b c>d e" of a document in full form: edges in order, then isolated nodes */
static const char *
shape_of(const PulseJson *doc)
{
	PulseGraph *graph;
	StringInfoData buf;
	const char *result;

	pulse_diag_init(&findings, arena);
	graph = doc == NULL ? NULL : pulse_graph_read(doc, PULSE_GRAPH_LIVE, &findings);
	if (graph == NULL)
		return "not a graph";
	initStringInfo(&buf);
	for (int i = 0; i < graph->n_nodes; i++)
	{
		const PulseNode *node = graph->nodes[i];

		for (int s = 0; s < node->n_succs; s++)
			appendStringInfo(&buf, "%s%s>%s", buf.len > 0 ? " " : "", node->id,
							 graph->nodes[node->succs[s]]->id);
		if (node->n_succs == 0 && node->n_preds == 0)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? " " : "", node->id);
	}
	result = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	pulse_graph_free(graph);
	return result;
}

static const char *
result_shape(const PulseJson *answer)
{
	return answer == NULL ? "no answer" : shape_of(pulse_json_get(answer, "graph"));
}

static void
refused(const char *graph, const char *anchor, const char *rewrite, const char *expected,
		const char *name)
{
	const PulseJson *answer = plan(graph, anchor, rewrite);

	is(errors_of(answer), expected, name);
	if (answer == NULL)
		return;
	ok(pulse_json_get(answer, "admitted") == &pulse_json_false &&
		   pulse_json_get(answer, "cost")->type == PULSE_JSON_NULL &&
		   pulse_json_get(answer, "exceeded")->len == 0,
	   "%s: not admitted, no cost, nothing exceeded", name);
	ok(pulse_json_equal(pulse_json_get(answer, "graph"), document(graph)), "%s: the graph is as it was", name);
}

#define NOOP "{'noop':true}"
#define DIAMOND "{'edges':[['p','a'],['q','a'],['a','s'],['a','t'],['p','s']]}"
#define ONE "'fragment':{'nodes':{'x':" NOOP "}}"
#define TWO "'fragment':{'nodes':{'x':" NOOP ",'y':{'noop':true,'after':['x']}}}"

static void
test_forms(void)
{
	const PulseJson *a;
	const PulseJson *b;

	a = plan(DIAMOND, "a", "{'form':'replace'," TWO "}");
	is(errors_of(a), "", "replace: no errors");
	is(part(a, "admitted"), "true", "admitted");
	is(result_shape(a), "a:x>a:y a:y>s a:y>t p>a:x p>s q>a:x", "the anchor leaves, Pre x En, Ex x Suc");
	is(part(a, "cost"), "{'depth': 1, 'edges': 5, 'nodes': 2, 'frontier': 0, 'operations': 1}", "cost of replace");
	is(part(a, "remaining"), "{'depth': 5, 'edges': 27, 'nodes': 14, 'frontier': 4, 'operations': 3}", "remaining");
	is(part(a, "exceeded"), "[]", "nothing exceeded");

	a = plan(DIAMOND, "a", "{'form':'retain'," TWO "}");
	is(result_shape(a), "a>a:x a:x>a:y a:y>s a:y>t p>a p>s q>a", "retain: the anchor stays");
	is(part(a, "cost"), "{'depth': 2, 'edges': 4, 'nodes': 2, 'frontier': 0, 'operations': 1}", "cost of retain");
	b = plan(DIAMOND, "a", "{'form':'append'," TWO "}");
	ok(pulse_json_equal(a, b), "append is the same");

	a = plan("{'nodes':['a']}", "a", "{'form':'replace'," ONE "}");
	is(result_shape(a), "a:x", "an isolated anchor");
	is(part(a, "cost"), "{'depth': 0, 'edges': 0, 'nodes': 1, 'frontier': 0, 'operations': 1}", "depth is never below 0");
	a = plan("{'nodes':['a']}", "a", "{'form':'append'," ONE "}");
	is(result_shape(a), "a>a:x", "appended to an isolated anchor");

	a = plan(DIAMOND, "a", "{'form':'append','fragment':{'nodes':{'x':" NOOP ",'y':" NOOP ",'z':" NOOP "},'edges':[['x','z']],'entries':['x','y','z'],'exits':['z','y']}}");
	is(result_shape(a), "a>a:x a>a:y a>a:z a:x>a:z a:y>s a:y>t a:z>s a:z>t p>a p>s q>a", "entries and exits as given, each with each");
	is(part(a, "cost"), "{'depth': 2, 'edges': 8, 'nodes': 3, 'frontier': 2, 'operations': 1}", "frontier is entries - 1");
	b = plan(DIAMOND, "a", "{'form':'append','fragment':{'nodes':{'x':" NOOP ",'y':" NOOP ",'z':{'noop':true,'after':['x']}},'entries':['z','y','x'],'edges':[['x','z']],'exits':['y','z']}}");
	ok(pulse_json_equal(a, b), "edges come from after and from edges, in any order");

	/* the fragment that follows itself */
	a = plan_with(text_of(pulse_json_get(a, "graph")), "{'a':'rewritten','p':'completed','q':'completed'}", "a:x",
				  "{'form':'replace'," TWO "}", NULL);
	is(result_shape(a), "a>a:x:x a>a:y a>a:z a:x:x>a:x:y a:x:y>a:z a:y>s a:y>t a:z>s a:z>t p>a p>s q>a", "nesting repeats the prefix");
}

static void
test_group_zero(void)
{
	static const char *const statuses[] = { "pending", "running", "waiting", "interrupted",
											"completed", "rewritten", "skipped", "failed" };

	refused(DIAMOND, "b", "{'form':'replace','fragment':{'nodes':{}}}", "anchor_unknown b",
			"an unknown anchor, and nothing else is looked at");
	refused(DIAMOND, "", "{'form':'append'," ONE "}", "anchor_unknown ", "an empty anchor");
	for (size_t i = 0; i < lengthof(statuses); i++)
	{
		const char *state = pulse_arena_printf(arena, "{'nodes':{'a':'%s'},'strict':false}", statuses[i]);
		const PulseJson *a = plan_with(DIAMOND, state, "a", "{'form':'append'," ONE "}", NULL);

		is(errors_of(a), i < 3 ? "" : "anchor_not_proposer a", pulse_arena_printf(arena, "an anchor that is %s", statuses[i]));
	}
}

#define FRAGMENT(x) "{'form':'append','fragment':{" x "}}"

static void
test_group_one(void)
{
	refused(DIAMOND, "a", FRAGMENT("'nodes':{}"), "fragment_empty, no_entries, no_exits", "an empty fragment");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':{'noop':true,'after':['y']},'y':{'noop':true,'after':['x']}}"),
			"fragment_cycle, no_entries, no_exits, orphan x, orphan y", "a cycle");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'w':" NOOP ",'x':{'noop':true,'after':['w','y']},'y':{'noop':true,'after':['x']},'z':{'noop':true,'after':['y']}}"),
			"fragment_cycle", "a cycle within");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP ",'y':{'noop':true,'after':['x']}},'edges':[['y','x']],'entries':['x'],'exits':['y']"),
			"fragment_cycle", "a cycle by edges");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':{'noop':true,'after':['x']}},'entries':['x'],'exits':['x']"),
			"fragment_cycle", "a node after itself");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'entries':[]"), "no_entries, orphan x", "no entries");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'exits':[]"), "no_exits, orphan x", "no exits");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'entries':['x','x','x']"), "duplicate_entry x", "an entry twice");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'exits':['x','x']"), "duplicate_exit x", "an exit twice");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'entries':['x','p']"), "entry_outside p", "an entry outside");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP "},'exits':['s','x','']"), "exit_outside , exit_outside s", "exits outside");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP ",'y':" NOOP "},'entries':['x']"), "orphan y", "not behind an entry");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':" NOOP ",'y':" NOOP "},'exits':['x']"), "orphan y", "not before an exit");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x':{'noop':true,'after':['p','p']},'y':{'noop':true,'on_error':{'goto':'h'}}},'edges':[['x','q']]"),
			"undefined_node h, undefined_node p, undefined_node q", "edges to nodes that the fragment does not have");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'':" NOOP ",'x:y':{'nop':true},'z':{'noop':true,'after':['n']}},'entries':['','','o'],'exits':['x:y','x:y','u','z']"),
			"duplicate_entry , duplicate_exit x:y, entry_outside o, exit_outside u, orphan , orphan x:y, orphan z, undefined_node n",
			"errors of the group accumulate, later groups are not reached");
}

static void
test_group_two(void)
{
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'':" NOOP "}"), "empty_id ", "an empty id");
	refused(DIAMOND, "a", FRAGMENT("'nodes':{'x:y':" NOOP ",'b c':" NOOP ",'é':" NOOP "}"),
			"reserved_id b c, reserved_id x:y, reserved_id é", "ids with characters they may not have");
	refused("{'edges':[['a','a:x'],['a:x','b']]}", "a", "{'form':'replace'," TWO "}", "id_taken x", "an id that is taken");
	refused("{'edges':[['a','a:x:y']],'nodes':['a:']}", "a", FRAGMENT("'nodes':{'':{'no':1},'x:y':{},'z':1}"),
			"empty_id , reserved_id x:y, id_taken , id_taken x:y", "they accumulate, definitions are not reached");
	is(errors_of(plan("{'edges':[['a','x'],['x','b']]}", "a", "{'form':'replace'," TWO "}")), "",
	   "local ids do not meet those of the graph");
	is(errors_of(plan("{'nodes':['a','a:']}", "a:", "{'form':'replace'," ONE "}")), "", "an anchor with a colon at its end");
}

#define GRAPH                                                                                        \
	"{'nodes':{'p':{'pure':1},'o':{'pure':2},"                                                       \
	"'a':{'action':'x','after':['p']},"                                                              \
	"'s':{'pure':{'$':'$.nodes.p'},'after':['a']}}}"

static void
definition(const char *fragment, const char *expected, const char *message)
{
	const PulseJson *answer = plan(GRAPH, "a", pulse_arena_printf(arena, "{'form':'retain','fragment':{'nodes':{%s}}}", fragment));

	is(errors_of(answer), expected, fragment);
	if (message != NULL)
		is(text_of(pulse_json_get(pulse_json_get(answer, "errors")->u.items[0], "message")), message, "its message");
}

static void
test_group_three(void)
{
	char id[2100];

	definition("'x':{}", "invalid_definition x", "'nothing says what node \\'x\\' does (no_kind at $rewrite.fragment.nodes.x)'");
	definition("'x':1", "invalid_definition x", NULL);
	definition("'x':{'noop':true,'aftr':[]}", "invalid_definition x", "'unknown key \\'aftr\\' (unknown_key at $rewrite.fragment.nodes.x.aftr)'");
	definition("'x':{'noop':1},'a.b':{'pure':{'$':'$.'},'when':1}", "invalid_definition a.b, invalid_definition a.b, invalid_definition x", NULL);
	definition("'x':{'noop':true,'after':'y'},'y':{'noop':true}", "invalid_definition x", NULL);
	definition("'x':{'noop':true,'after':['y','y']},'y':{'noop':true}", "invalid_definition x", NULL);
	definition("'x':{'delay':'1 fortnight'}", "invalid_definition x", NULL);

	/* $.nodes.x: the local one first, then what is before the anchor, and the anchor */
	definition("'x':{'pure':{'$':'$.nodes.p'}}", "", NULL);
	definition("'x':{'pure':{'$':'$.nodes.a'}}", "", NULL);
	definition("'p':{'pure':3},'x':{'pure':{'$':'$.nodes.p'},'after':['p']}", "", NULL);
	definition("'p':{'pure':3},'x':{'pure':{'$':'$.nodes.p'}}", "invalid_definition x", NULL);
	definition("'x':{'pure':{'$':'$.nodes.x'}}", "invalid_definition x", "'\\'x\\' cannot read its own output (not_ancestor at $rewrite.fragment.nodes.x.pure.\\'$\\')'");
	definition("'x':{'pure':{'$':'$.nodes.s'}}", "invalid_definition x", "'\\'s\\' does not run before \\'a\\', so its output cannot be read (not_ancestor at $rewrite.fragment.nodes.x.pure.\\'$\\')'");
	definition("'x':{'pure':{'$':'$.nodes.o'}}", "invalid_definition x", NULL);
	definition("'x':{'pure':{'$':'$.nodes.z'}}", "invalid_definition x", "'there is no node \\'z\\' (unknown_node at $rewrite.fragment.nodes.x.pure.\\'$\\')'");
	is(errors_of(plan(GRAPH, "a", "{'form':'replace','fragment':{'nodes':{'x':{'pure':{'$':'$.nodes.a'}}}}}")),
	   "invalid_definition x", "a fragment that replaces cannot read the anchor");
	is(errors_of(plan(GRAPH, "a", "{'form':'replace','fragment':{'nodes':{'x':{'pure':[{'$':'$.nodes'},{'$':'$.nodes.p'}]}}}}")),
	   "", "but all that is before it");

	/* what remains must not read a node that leaves */
	refused("{'nodes':{'a':{'noop':true},'b':{'noop':true,'after':['a']},'c':{'pure':[{'$':'$.nodes.a'},{'$':'$.nodes.a.x'}],'after':['b']}},'output':{'$':'$.nodes.a'}}",
			"a", "{'form':'replace'," ONE "}", "invalid_definition c, invalid_definition", "a replaced node that others read");
	is(errors_of(plan("{'nodes':{'a':{'noop':true},'c':{'pure':{'$':'$.nodes.a'},'after':['a']}},'output':{'$':'$.nodes.a'}}",
					  "a", "{'form':'retain'," ONE "}")),
	   "", "it may be retained");

	/* sizes */
	memset(id, 'i', sizeof(id));
	id[201] = '\0';
	definition(pulse_arena_printf(arena, "'%s':" NOOP, id), pulse_arena_printf(arena, "invalid_definition %s", id), NULL);
	id[200] = '\0';
	definition(pulse_arena_printf(arena, "'%s':" NOOP, id), "", NULL);
	id[200] = id[201] = 'i';
	id[1998] = '\0';
	is(errors_of(plan(pulse_arena_printf(arena, "{'nodes':['%s']}", id), id, "{'form':'replace'," ONE "}")), "", "an id of 2,000 bytes");
	id[1998] = 'i';
	id[1999] = '\0';
	is(errors_of(plan(pulse_arena_printf(arena, "{'nodes':['%s']}", id), id, "{'form':'replace'," ONE "}")),
	   "invalid_definition x", "an id of 2,001 bytes");
}

#define HANDLED                                                                                              \
	"{'nodes':{'a':{'action':'x','on_error':{'goto':'h'}},'h':{'pure':{'$':'$.error'}},"                     \
	"'b':{'noop':true,'after':['a']}}}"

static void
test_handlers(void)
{
	const PulseJson *a = plan(HANDLED, "a", "{'form':'retain'," ONE "}");

	is(result_shape(a), "a>a:x a>h a:x>b", "the handler stays with the anchor");
	is(part(a, "cost"), "{'depth': 1, 'edges': 2, 'nodes': 1, 'frontier': 0, 'operations': 1}", "and costs nothing");
	refused(HANDLED, "a", "{'form':'replace'," ONE "}", "invalid_definition h", "an anchor with a handler cannot be replaced");
	refused(HANDLED, "h", "{'form':'replace'," ONE "}", "invalid_definition a", "nor a handler");
	is(result_shape(plan(HANDLED, "h", "{'form':'append'," ONE "}")), "a>b a>h h>h:x", "a handler may append");

	a = plan("{'edges':[['a','b']]}", "a",
			 "{'form':'replace','fragment':{'nodes':{'t':{'action':'x','on_error':{'goto':'h'}},'h':{'pure':{'$':'$.error.code'}}},'exits':['t','h']}}");
	is(result_shape(a), "a:h>b a:t>a:h a:t>b", "a fragment with a handler");
	is(text_of(pulse_json_get(pulse_json_get(pulse_json_get(a, "graph"), "nodes"), "a:t")),
	   "{'action': 'x', 'on_error': {'goto': 'a:h'}}", "its goto has the composed id");
	is(errors_of(plan("{'edges':[['a','b']]}", "a",
					  "{'form':'replace','fragment':{'nodes':{'t':{'action':'x','on_error':{'goto':'h'}},'h':{'pure':1}},'entries':['t','h'],'exits':['t','h']}}")),
	   "invalid_definition h", "a handler cannot be an entry");
	is(errors_of(plan("{'edges':[['a','b']]}", "a",
					  "{'form':'replace','fragment':{'nodes':{'t':{'action':'x','on_error':{'goto':'h'}},'u':{'noop':true,'after':['t']},'h':{'pure':1,'after':['u']}}}}")),
	   "invalid_definition h", "nor come after others");
	is(errors_of(plan("{'edges':[['a','b']]}", "a",
					  "{'form':'replace','fragment':{'nodes':{'t':{'noop':true},'u':{'pure':{'$':'$.error'}}}}}")),
	   "invalid_definition u", "$.error only in a handler");
}

static const char *
exceeded(const char *budget, const char *rewrite)
{
	const PulseJson *a = plan_with(DIAMOND, "{'a':'running'}", "a", rewrite, budget);

	is(errors_of(a), "", pulse_arena_printf(arena, "budget %s", budget));
	ok(pulse_json_equal(pulse_json_get(a, "graph"), document(DIAMOND)) ==
		   (pulse_json_get(a, "admitted") == &pulse_json_false),
	   "the graph is new if it was admitted only");
	return part(a, "exceeded");
}

static void
test_budget(void)
{
	const PulseJson *a;
	static const char *const three =
		"{'form':'append','fragment':{'nodes':{'x':" NOOP ",'y':" NOOP ",'z':{'noop':true,'after':['x']}}}}";

	/* nodes 3, edges 1 + 2 + 4, depth 2, frontier 1, operations 1 */
	is(exceeded("{'nodes':3,'edges':7,'depth':2,'frontier':1,'operations':1}", three), "[]", "all spent, nothing exceeded");
	is(exceeded("{'nodes':2,'edges':7,'depth':2,'frontier':1,'operations':1}", three),
	   "[{'dimension': 'nodes', 'remaining': 2, 'requested': 3}]", "nodes");
	is(exceeded("{'nodes':3,'edges':6,'depth':2,'frontier':1,'operations':1}", three),
	   "[{'dimension': 'edges', 'remaining': 6, 'requested': 7}]", "edges");
	is(exceeded("{'nodes':3,'edges':7,'depth':1,'frontier':1,'operations':1}", three),
	   "[{'dimension': 'depth', 'remaining': 1, 'requested': 2}]", "depth");
	is(exceeded("{'nodes':3,'edges':7,'depth':2,'frontier':0,'operations':1}", three),
	   "[{'dimension': 'frontier', 'remaining': 0, 'requested': 1}]", "frontier");
	is(exceeded("{'nodes':3,'edges':7,'depth':2,'frontier':1,'operations':0}", three),
	   "[{'dimension': 'operations', 'remaining': 0, 'requested': 1}]", "operations");
	is(exceeded("{'operations':0,'frontier':0,'depth':0,'edges':0,'nodes':0}", three),
	   "[{'dimension': 'nodes', 'remaining': 0, 'requested': 3}, {'dimension': 'edges', 'remaining': 0, 'requested': 7}, "
	   "{'dimension': 'depth', 'remaining': 0, 'requested': 2}, {'dimension': 'frontier', 'remaining': 0, 'requested': 1}, "
	   "{'dimension': 'operations', 'remaining': 0, 'requested': 1}]",
	   "every one, in the fixed order");

	a = plan_with(DIAMOND, NULL, "a", three, "{'nodes':2}");
	is(part(a, "admitted"), "false", "rejected");
	is(part(a, "remaining"), "{'depth': 6, 'edges': 32, 'nodes': 2, 'frontier': 4, 'operations': 4}",
	   "then the budget is unchanged; defaults where nothing is given");
	is(part(a, "cost"), "{'depth': 2, 'edges': 7, 'nodes': 3, 'frontier': 1, 'operations': 1}", "the cost is told");

	a = plan("{'nodes':{'a':{'noop':true}},'budget':{'nodes':5,'operations':1}}", "a", "{'form':'append'," ONE "}");
	is(part(a, "remaining"), "{'depth': 5, 'edges': 31, 'nodes': 4, 'frontier': 4, 'operations': 0}", "the graph's own budget");
	a = plan_with("{'nodes':{'a':{'noop':true}},'budget':{'nodes':5}}", NULL, "a", "{'form':'append'," ONE "}", "{'nodes':9}");
	is(part(a, "remaining"), "{'depth': 5, 'edges': 31, 'nodes': 8, 'frontier': 4, 'operations': 3}", "a budget given wins");
	a = plan_with("{'nodes':{'a':{'noop':true}},'budget':{'nodes':5}}", NULL, "a", "{'form':'append'," ONE "}", "null");
	is(part(a, "remaining"), "{'depth': 5, 'edges': 31, 'nodes': 4, 'frontier': 4, 'operations': 3}", "null is none");
	a = plan_with(DIAMOND, NULL, "a", three, "{'nodes':9223372036854775807}");
	is(part(a, "admitted"), "true", "the largest budget");
}

static void
bad_input(const char *graph, const char *state, const char *rewrite, const char *budget,
		  const char *code, const char *path)
{
	const PulseJson *answer = plan_with(graph, state, "a", rewrite, budget);
	bool found = false;

	for (int i = 0; i < findings.n; i++)
		found |= strcmp(findings.items[i].code, code) == 0 && strcmp(findings.items[i].path, path) == 0;
	if (!ok(answer == NULL && found, "%s at %s", code, path))
	{
		for (int i = 0; i < findings.n; i++)
			diag("%s at %s: %s", findings.items[i].code, findings.items[i].path, findings.items[i].message);
	}
}

static void
test_input(void)
{
	static const char *const good = "{'form':'append'," ONE "}";

	bad_input("{'nodes':{'a':{}}}", "{}", good, NULL, "no_kind", "$graph.nodes.a");
	bad_input(DIAMOND, "[]", good, NULL, "wrong_type", "$state");
	bad_input(DIAMOND, "{'a':'sleeping'}", good, NULL, "unknown_status", "$state.a");
	bad_input(DIAMOND, NULL, "1", NULL, "wrong_type", "$rewrite");
	bad_input(DIAMOND, NULL, "{}", NULL, "missing_key", "$rewrite");
	bad_input(DIAMOND, NULL, "{'form':'append'}", NULL, "missing_key", "$rewrite");
	bad_input(DIAMOND, NULL, "{'form':'expand'," ONE "}", NULL, "bad_value", "$rewrite.form");
	bad_input(DIAMOND, NULL, "{'form':null," ONE "}", NULL, "wrong_type", "$rewrite.form");
	bad_input(DIAMOND, NULL, "{'form':'append','anchor':'a'," ONE "}", NULL, "unknown_key", "$rewrite.anchor");
	bad_input(DIAMOND, NULL, "{'form':'append','fragment':[]}", NULL, "wrong_type", "$rewrite.fragment");
	bad_input(DIAMOND, NULL, FRAGMENT("'nods':{}"), NULL, "unknown_key", "$rewrite.fragment.nods");
	bad_input(DIAMOND, NULL, FRAGMENT("'edges':[]"), NULL, "missing_key", "$rewrite.fragment");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':['x']"), NULL, "wrong_type", "$rewrite.fragment.nodes");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':{},'edges':{}"), NULL, "wrong_type", "$rewrite.fragment.edges");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':{},'edges':[['a']]"), NULL, "wrong_type", "$rewrite.fragment.edges[0]");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':{},'edges':[['a',1]]"), NULL, "wrong_type", "$rewrite.fragment.edges[0]");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':{},'entries':'x'"), NULL, "wrong_type", "$rewrite.fragment.entries");
	bad_input(DIAMOND, NULL, FRAGMENT("'nodes':{},'exits':['x',2]"), NULL, "wrong_type", "$rewrite.fragment.exits[1]");
	bad_input(DIAMOND, NULL, good, "[]", "wrong_type", "$budget");
	bad_input(DIAMOND, NULL, good, "{'node':1}", "unknown_key", "$budget.node");
	bad_input(DIAMOND, NULL, good, "{'nodes':-1}", "bad_budget", "$budget.nodes");
	bad_input(DIAMOND, NULL, good, "{'depth':1.5}", "bad_budget", "$budget.depth");
}

static void
test_document(void)
{
	const PulseJson *a = plan("{'nodes':{'p':{'pure':1},'a':{'action':'x','after':['p'],'description':'d'},"
							  "'s':{'noop':true,'after':['p','a'],'when':'true'}},"
							  "'output':{'$':'$.nodes.s'},'config':{'k':1},'deadline':'1 day','description':'all','budget':{'nodes':3}}",
							  "a", "{'form':'replace','fragment':{'nodes':{'x':{'pure':{'$':'$.nodes.p'},'description':'new'},'y':{'noop':true,'after':['x'],'when':'$.nodes.x > 0'}}}}");
	const PulseJson *doc = pulse_json_get(a, "graph");

	is(text_of(doc),
	   "{'nodes': {'p': {'pure': 1}, 's': {'noop': true, 'when': 'true', 'after': ['a:y', 'p']}, "
	   "'a:x': {'pure': {'$': '$.nodes.p'}, 'after': ['p'], 'description': 'new'}, "
	   "'a:y': {'noop': true, 'when': '$.nodes.x > 0', 'after': ['a:x']}}, "
	   "'budget': {'nodes': 3}, 'config': {'k': 1}, 'output': {'$': '$.nodes.s'}, 'deadline': '1 day', 'description': 'all'}",
	   "the document of the result");
	is(pulse_json_get(a, "hash")->u.text, hash_of(doc),
	   "its hash is that of the graph read anew");
}

/* A name in the fragment of a fragment: its own, then those around, then the graph's. */
static void
test_scopes(void)
{
	static const char *const graph =
		"{'nodes':{'x':{'pure':0},'y':{'pure':0},'a':{'action':'x','after':['x','y']}}}";
	const PulseJson *a;
	const char *text;
	PulseGraph *g;
	const PulseNode *node;

	a = plan(graph, "a", "{'form':'append','fragment':{'nodes':{'x':{'pure':1},'b':{'action':'x','after':['x']},'z':{'pure':1}}}}");
	text = text_of(pulse_json_get(a, "graph"));
	a = plan_with(text, "{'a':'rewritten'}", "a:b",
				  "{'form':'append','fragment':{'nodes':{'c':{'pure':[{'$':'$.nodes.x'},{'$':'$.nodes.y'},{'$':'$.nodes.b'},{'$':'$.nodes.a'}]}}}}", NULL);
	is(errors_of(a), "", "the fragments around are in scope");
	g = pulse_graph_read(pulse_json_get(a, "graph"), PULSE_GRAPH_LIVE, &findings);
	node = g->nodes[pulse_graph_find(g, "a:b:c", 5)];
	is_int(node->n_refs, 4, "four references");
	is(g->nodes[node->refs[0]]->id, "a", "the graph's");
	is(node->ref_names[0], "a", "by its id");
	is(g->nodes[node->refs[1]]->id, "a:b", "the anchor");
	is(node->ref_names[1], "b", "by its local id");
	is(g->nodes[node->refs[2]]->id, "a:x", "the nearer of two");
	is(g->nodes[node->refs[3]]->id, "y", "the only one");
	pulse_graph_free(g);
	a = plan_with(text, "{'a':'rewritten'}", "a:b",
				  "{'form':'append','fragment':{'nodes':{'c':{'pure':{'$':'$.nodes.z'}}}}}", NULL);
	is(errors_of(a), "invalid_definition c", "a:z is no ancestor");
	a = plan_with(text, "{'a':'rewritten'}", "a:b",
				  "{'form':'append','fragment':{'nodes':{'c':{'pure':{'$':'$.nodes.\\\"a:x\\\"'}}}}}", NULL);
	is(errors_of(a), "", "by its full id");
	a = plan_with(text, "{'a':'rewritten'}", "a:z",
				  "{'form':'append','fragment':{'nodes':{'c':{'pure':{'$':'$.nodes.x'}}}}}", NULL);
	g = pulse_graph_read(pulse_json_get(a, "graph"), PULSE_GRAPH_LIVE, &findings);
	node = g->nodes[pulse_graph_find(g, "a:z:c", 5)];
	is(node->n_refs == 1 ? g->nodes[node->refs[0]]->id : NULL, "x", "a:x is nearer, but no ancestor");
	pulse_graph_free(g);
}

static void
test_effects(void)
{
	PulseGraph *base;
	PulseGraph *g;
	PulseRewrite rewrite;
	PulseRewritePlan *p;
	PulseBudget budget = { -1, -1, -1, -1, -1 };

	pulse_diag_init(&findings, arena);
	pulse_budget_fill(&budget);
	base = pulse_graph_read(document(DIAMOND), PULSE_GRAPH_LIVE, &findings);
	(void) pulse_rewrite_read(document("{'form':'replace'," TWO "}"), "$", arena, &rewrite, &findings);
	p = pulse_rewrite_plan(base, 0, "a", PULSE_RUNNING, &rewrite, &budget);
	g = pulse_graph_copy(base);
	pulse_rewrite_apply(p, g);
	ok(p->effects.anchor_gone && p->effects.n_pending == 2 && p->effects.pending[0] == 0 &&
		   p->effects.pending[1] == 5 && p->effects.n_entries == 1 && p->effects.entries[0] == 0 &&
		   p->effects.n_followers == 2,
	   "replace: the first new node has the anchor's number");
	is(g->nodes[1]->id, base->nodes[1]->id, "numbers of those that stay do not change");
	pulse_rewrite_free(p);
	pulse_graph_free(g);

	(void) pulse_rewrite_read(document("{'form':'retain'," TWO "}"), "$", arena, &rewrite, &findings);
	p = pulse_rewrite_plan(base, 0, "a", PULSE_RUNNING, &rewrite, &budget);
	g = pulse_graph_copy(base);
	pulse_rewrite_apply(p, g);
	ok(!p->effects.anchor_gone && p->effects.pending[0] == 5 && p->effects.pending[1] == 6 &&
		   p->effects.entries[0] == 5,
	   "retain: new numbers behind the old ones");
	pulse_rewrite_free(p);
	pulse_graph_free(g);
	is(base->nodes[0]->id, "a", "the graph it came from has not changed");
	is_int(base->n_nodes, 5, "at all");
	pulse_graph_free(base);
}

static const char *
outputs_of(const PulseGraph *graph)
{
	PulseLocal local = { .graph = graph };
	PulseLocalRun *run = pulse_local_run(&local);
	const char *text = text_of(pulse_json_get(pulse_local_result(run), "outputs"));

	pulse_local_free(run);
	return text;
}

/* A graph that has grown runs as the graph of its document does; names are in scope. */
static void
test_run(void)
{
	static const char *const expected =
		"{'a': 7, 'p': 1, 'q': [5, 7, 1], 'x': 3, 'a:x': [1], 'a:y': [[1], [1], 7], "
		"'a:x:q': 'inner', 'a:x:z': [1, [1], 'inner']}";
	PulseBudget budget = { 100, 100, 100, 100, 100 };
	PulseGraph *base;
	PulseGraph *again;
	PulseGraph *g;

	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(document("{'nodes':{'p':{'pure':1},'x':{'pure':3},'a':{'pure':7,'after':['p','x']},"
									 "'q':{'pure':[5,{'$':'$.nodes.a'},{'$':'$.nodes.p'}],'after':['a']}}}"),
							PULSE_GRAPH_LIVE, &findings);
	g = pulse_graph_copy(base);
	for (int i = 0; i < 2; i++)
	{
		static const char *const anchors[] = { "a", "a:x" };
		static const char *const texts[] = {
			"{'form':'retain','fragment':{'nodes':{'x':{'pure':[{'$':'$.nodes.p'}]},"
			"'y':{'pure':[{'$':'$.nodes.x'},{'$':'$.nodes.\\\"x\\\"'},{'$':'$.nodes.a'}],'after':['x']}}}}",
			"{'form':'append','fragment':{'nodes':{'q':{'pure':'inner'},"
			"'z':{'pure':[{'$':'$.nodes.p'},{'$':'$.nodes.x'},{'$':'$.nodes.q'}],'after':['q']}}}}"
		};
		PulseRewrite rewrite;
		PulseRewritePlan *p;

		(void) pulse_rewrite_read(document(texts[i]), "$", arena, &rewrite, &findings);
		p = pulse_rewrite_plan(g, pulse_graph_find(g, anchors[i], strlen(anchors[i])), anchors[i],
							   PULSE_RUNNING, &rewrite, &budget);
		ok(p->admitted, "rewrite %d: %s", i, p->errors.n > 0 ? p->errors.items[0].message : "admitted");
		pulse_rewrite_apply(p, g);
		pulse_rewrite_free(p);
	}
	again = pulse_graph_read(pulse_graph_document(g, arena), PULSE_GRAPH_LIVE, &findings);
	is(outputs_of(g), expected, "a grown graph runs");
	is(outputs_of(again), expected, "and so does that of its document");
	pulse_graph_free(again);
	pulse_graph_free(g);
	pulse_graph_free(base);
}

/* The largest fragment into a large graph, and one that is larger. */
static void
test_large(void)
{
	PulseBudget budget = { 1000000, 1000000, 1000000, 1000000, 1000000 };
	PulseGraph *base;
	PulseGraph *g;
	PulseRewrite rewrite;
	PulseRewritePlan *p;
	StringInfoData doc;
	instr_time start;
	instr_time end;

	pulse_diag_init(&findings, arena);
	initStringInfo(&doc);
	appendStringInfoString(&doc, "{\"nodes\":[\"n0\"],\"edges\":[");
	for (int i = 1; i < PULSE_MAX_NODES; i++)
		appendStringInfo(&doc, "%s[\"n%d\",\"n%d\"]", i > 1 ? "," : "", i / 2, i);
	appendStringInfoString(&doc, "]}");
	base = pulse_graph_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), PULSE_GRAPH_LIVE, &findings);
	g = pulse_graph_copy(base);

	for (int n = PULSE_MAX_NODES; n <= PULSE_MAX_NODES + 1; n++)
	{
		resetStringInfo(&doc);
		appendStringInfoString(&doc, "{\"form\":\"retain\",\"fragment\":{\"nodes\":{");
		for (int i = 0; i < n; i++)
			appendStringInfo(&doc, "%s\"k%d\":{\"pure\":{\"$\":\"$.nodes.n1\"}%s}", i > 0 ? "," : "", i,
							 i % 10 > 0 ? pulse_arena_printf(arena, ",\"after\":[\"k%d\"]", i - 1) : "");
		appendStringInfoString(&doc, "}}}");
		INSTR_TIME_SET_CURRENT(start);
		(void) pulse_rewrite_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), "$", arena, &rewrite, &findings);
		p = pulse_rewrite_plan(g, pulse_graph_find(g, n > PULSE_MAX_NODES ? "n4" : "n3", 2),
							   n > PULSE_MAX_NODES ? "n4" : "n3", PULSE_RUNNING, &rewrite, &budget);
		if (n > PULSE_MAX_NODES)
			is(p->errors.n == 1 ? p->errors.items[0].code : NULL, "invalid_definition", "a fragment over the limit");
		else if (ok(p->admitted, "the largest fragment"))
		{
			pulse_rewrite_apply(p, g);
			INSTR_TIME_SET_CURRENT(end);
			INSTR_TIME_SUBTRACT(end, start);
			diag("%d nodes into %d: %.1f ms", n, base->n_nodes, INSTR_TIME_GET_MILLISEC(end));
			is_int(g->n_nodes, 2 * PULSE_MAX_NODES, "all of it is there");
		}
		pulse_rewrite_free(p);
	}

	/* small ones into a graph that large */
	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < 100; i++)
	{
		char id[20];

		snprintf(id, sizeof(id), "n%d", 100 + i);
		(void) pulse_rewrite_read(document("{'form':'replace'," TWO "}"), "$", arena, &rewrite, &findings);
		p = pulse_rewrite_plan(g, pulse_graph_find(g, id, strlen(id)), id, PULSE_RUNNING, &rewrite, &budget);
		pulse_rewrite_apply(p, g);
		pulse_rewrite_free(p);
	}
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	diag("a small rewrite of %d nodes: %.2f ms", g->n_nodes, INSTR_TIME_GET_MILLISEC(end) / 100);
	is_int(g->n_nodes, 2 * PULSE_MAX_NODES + 100, "a hundred more");
	pulse_graph_free(g);
	pulse_graph_free(base);
	pfree(doc.data);
}

/*
 * ---------------------------------------------------------------------
 * Random rewrites against an obvious model
 * ---------------------------------------------------------------------
 */

#define MAX_MODEL 120
#define MAX_LOCAL 6

/* A graph as sets: ids, edges, and who reads whose output by which name. */
typedef struct Model
{
	int n;
	char id[MAX_MODEL][300];
	bool edge[MAX_MODEL][MAX_MODEL];
	bool ref[MAX_MODEL][MAX_MODEL];
} Model;

/* A fragment as proposed; node -1 in a list: "nowhere". */
typedef struct Proposal
{
	int form; /* 0 replace, 1 retain, 2 append */
	int n;
	char id[MAX_LOCAL][12];
	bool edge[MAX_LOCAL][MAX_LOCAL];
	bool undefined;
	bool given_entries;
	bool given_exits;
	int n_entries;
	int entries[MAX_LOCAL + 2];
	int n_exits;
	int exits[MAX_LOCAL + 2];
	char reads[MAX_LOCAL][300]; /* name that a node reads, or empty */
} Proposal;

static pg_prng_state prng;
static int n_bad;

static int
below(int n)
{
	return (int) (pg_prng_uint64(&prng) % (uint64) n);
}

static void
bad(int round, const char *what, const char *details)
{
	if (n_bad++ < 10)
		diag("round %d: %s: %s", round, what, details);
}

static int
model_find(const Model *m, const char *id)
{
	for (int i = 0; i < m->n; i++)
	{
		if (strcmp(m->id[i], id) == 0)
			return i;
	}
	return -1;
}

/* reach[i][j]: a path of one edge or more */
static void
model_reach(const Model *m, bool reach[MAX_MODEL][MAX_MODEL])
{
	for (int i = 0; i < m->n; i++)
		memcpy(reach[i], m->edge[i], sizeof(reach[i]));
	for (int k = 0; k < m->n; k++)
	{
		for (int i = 0; i < m->n; i++)
		{
			for (int j = 0; reach[i][k] && j < m->n; j++)
				reach[i][j] |= reach[k][j];
		}
	}
}

static void
model_remove(Model *m, int node)
{
	m->n--;
	for (int i = node; i < m->n; i++)
	{
		strcpy(m->id[i], m->id[i + 1]);
		memcpy(m->edge[i], m->edge[i + 1], sizeof(m->edge[i]));
		memcpy(m->ref[i], m->ref[i + 1], sizeof(m->ref[i]));
	}
	for (int i = 0; i <= m->n; i++)
	{
		for (int j = node; j < m->n; j++)
		{
			m->edge[i][j] = m->edge[i][j + 1];
			m->ref[i][j] = m->ref[i][j + 1];
		}
		m->edge[i][m->n] = m->ref[i][m->n] = false;
	}
	memset(m->edge[m->n], 0, sizeof(m->edge[0]));
	memset(m->ref[m->n], 0, sizeof(m->ref[0]));
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

/* SHA-256 of [[sorted ids],[[from,to] sorted]], the slow way */
static const char *
model_hash(const Model *m)
{
	static char hash[65];
	const char *ids[MAX_MODEL];
	StringInfoData buf;
	bool first = true;

	for (int i = 0; i < m->n; i++)
		ids[i] = m->id[i];
	qsort(ids, (size_t) m->n, sizeof(char *), compare_strings);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "[[");
	for (int i = 0; i < m->n; i++)
		appendStringInfo(&buf, "%s\"%s\"", i > 0 ? "," : "", ids[i]);
	appendStringInfoString(&buf, "],[");
	for (int i = 0; i < m->n; i++)
	{
		for (int j = 0; j < m->n; j++)
		{
			if (!m->edge[model_find(m, ids[i])][model_find(m, ids[j])])
				continue;
			appendStringInfo(&buf, "%s[\"%s\",\"%s\"]", first ? "" : ",", ids[i], ids[j]);
			first = false;
		}
	}
	appendStringInfoString(&buf, "]]");
	pulse_sha256_hex(buf.data, (size_t) buf.len, hash);
	pfree(buf.data);
	return hash;
}

/* Nodes a graph begins with; edges go forwards. */
static void
model_begin(Model *m, StringInfo doc)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "B", "a.b", "a-b", "zz", "x1" };
	int n = 1 + below(8);

	memset(m, 0, sizeof(*m));
	while (m->n < n)
	{
		const char *name = names[below(lengthof(names))];

		if (model_find(m, name) < 0)
			strcpy(m->id[m->n++], name);
	}
	appendStringInfoString(doc, "{\"nodes\":{");
	for (int j = 0; j < n; j++)
	{
		bool first = true;
		int ref = j > 0 && below(3) == 0 ? below(j) : -1;

		appendStringInfo(doc, "%s\"%s\":{\"after\":[", j > 0 ? "," : "", m->id[j]);
		for (int i = 0; i < j; i++)
		{
			if (i != ref && below(5) > 1)
				continue;
			m->edge[i][j] = true;
			appendStringInfo(doc, "%s\"%s\"", first ? "" : ",", m->id[i]);
			first = false;
		}
		appendStringInfoString(doc, "],");
		if (ref >= 0)
		{
			m->ref[j][ref] = true;
			appendStringInfo(doc, "\"pure\":{\"$\":\"$.nodes.\\\"%s\\\"\"}}", m->id[ref]);
		}
		else
			appendStringInfoString(doc, "\"noop\":true}");
	}
	appendStringInfoString(doc, "}}");
}

static void
propose_list(StringInfo doc, const char *key, const Proposal *p, int *n, int *list)
{
	*n = below(3) == 0 ? below(4) : 1 + below(2);
	appendStringInfo(doc, ",\"%s\":[", key);
	for (int i = 0; i < *n; i++)
	{
		list[i] = p->n == 0 || below(25) == 0 ? -1 : below(p->n);
		appendStringInfo(doc, "%s\"%s\"", i > 0 ? "," : "", list[i] < 0 ? "nowhere" : p->id[list[i]]);
	}
	appendStringInfoChar(doc, ']');
}

/* A random fragment, often with faults. */
static void
propose(Proposal *p, const Model *m, StringInfo doc)
{
	static const char *const names[] = { "a", "b", "c", "d", "B", "a.b", "x-", "z9" };
	static const char *const forms[] = { "replace", "retain", "append" };
	bool wild = below(4) == 0;
	bool in_edges[MAX_LOCAL][MAX_LOCAL];
	bool first = true;

	memset(p, 0, sizeof(*p));
	memset(in_edges, 0, sizeof(in_edges));
	p->form = below(3);
	p->n = below(12) == 0 ? 0 : 1 + below(MAX_LOCAL - 1);
	for (int i = 0; i < p->n;)
	{
		const char *name = below(wild ? 20 : 400) == 0 ? (below(2) == 0 ? "" : "a:b")
													   : names[below(lengthof(names))];
		bool known = false;

		for (int k = 0; k < i; k++)
			known |= strcmp(p->id[k], name) == 0;
		if (!known)
			strcpy(p->id[i++], name);
	}
	for (int i = 0; i < p->n; i++)
	{
		for (int j = i + 1; j < p->n; j++)
			p->edge[i][j] = below(3) == 0;
	}
	if (p->n > 0 && below(wild ? 6 : 60) == 0)
		p->edge[below(p->n)][below(p->n)] = true;
	for (int i = 0; i < p->n; i++)
	{
		if (below(3) > 0)
			continue;
		if (below(2) == 0)
			strcpy(p->reads[i], p->id[below(p->n)]);
		else
			strcpy(p->reads[i], m->id[below(m->n)]);
	}

	appendStringInfo(doc, "{\"form\":\"%s\",\"fragment\":{\"nodes\":{", forms[p->form]);
	for (int j = 0; j < p->n; j++)
	{
		bool first_pred = true;

		appendStringInfo(doc, "%s\"%s\":{\"after\":[", j > 0 ? "," : "", p->id[j]);
		for (int i = 0; i < p->n; i++)
		{
			if (!p->edge[i][j])
				continue;
			/* a node after itself is a fault of its own in `after` */
			in_edges[i][j] = i == j || below(3) == 0;
			if (in_edges[i][j] && (i == j || below(3) > 0))
				continue;
			appendStringInfo(doc, "%s\"%s\"", first_pred ? "" : ",", p->id[i]);
			first_pred = false;
		}
		appendStringInfoString(doc, "],");
		if (p->reads[j][0] != '\0')
			appendStringInfo(doc, "\"pure\":{\"$\":\"$.nodes.\\\"%s\\\"\"}}", p->reads[j]);
		else
			appendStringInfoString(doc, "\"noop\":true}");
	}
	appendStringInfoString(doc, "},\"edges\":[");
	for (int i = 0; i < p->n; i++)
	{
		for (int j = 0; j < p->n; j++)
		{
			if (!in_edges[i][j])
				continue;
			appendStringInfo(doc, "%s[\"%s\",\"%s\"]", first ? "" : ",", p->id[i], p->id[j]);
			first = false;
		}
	}
	if (p->n > 0 && below(wild ? 10 : 100) == 0)
	{
		p->undefined = true;
		appendStringInfo(doc, "%s[\"nope\",\"%s\"]", first ? "" : ",", p->id[0]);
	}
	appendStringInfoChar(doc, ']');
	p->given_entries = below(4) == 0;
	p->given_exits = below(4) == 0;
	if (p->given_entries)
		propose_list(doc, "entries", p, &p->n_entries, p->entries);
	if (p->given_exits)
		propose_list(doc, "exits", p, &p->n_exits, p->exits);
	appendStringInfoString(doc, "}}");
	for (int i = 0; i < p->n; i++)
	{
		bool has_pred = false;
		bool has_succ = false;

		for (int k = 0; k < p->n; k++)
		{
			has_pred |= p->edge[k][i];
			has_succ |= p->edge[i][k];
		}
		if (!p->given_entries && !has_pred)
			p->entries[p->n_entries++] = i;
		if (!p->given_exits && !has_succ)
			p->exits[p->n_exits++] = i;
	}
}

/* Codes as bits, in the order of the checks. */
static const char *const model_codes[] = {
	"fragment_cycle", "fragment_empty", "no_entries", "no_exits", "duplicate_entry",
	"duplicate_exit", "entry_outside", "exit_outside", "orphan", "undefined_node",
	"empty_id", "reserved_id", "id_taken", "invalid_definition"
};

enum
{
	CYCLE,
	EMPTY,
	NO_ENTRIES,
	NO_EXITS,
	DUPLICATE_ENTRY,
	DUPLICATE_EXIT,
	ENTRY_OUTSIDE,
	EXIT_OUTSIDE,
	ORPHAN,
	UNDEFINED,
	EMPTY_ID,
	RESERVED_ID,
	ID_TAKEN,
	INVALID
};

static unsigned
list_faults(const int *list, int n, int none, int twice, int outside)
{
	unsigned faults = n == 0 ? 1u << none : 0;

	for (int i = 0; i < n; i++)
	{
		if (list[i] < 0)
			faults |= 1u << outside;
		for (int k = 0; k < i; k++)
		{
			if (list[i] == list[k])
				faults |= 1u << twice;
		}
	}
	return faults;
}

/* The node that a name means in the fragment of anchor, in the model; -1: none. */
static int
model_meaning(const Model *m, bool reach[MAX_MODEL][MAX_MODEL], int anchor, bool stays, const char *name)
{
	char scope[400];

	snprintf(scope, sizeof(scope), "%s", strchr(name, ':') != NULL ? "" : m->id[anchor]);
	if (scope[0] != '\0')
		strcat(scope, ":");
	for (;;)
	{
		char *colon = strrchr(scope, ':');
		char id[800];
		int at;

		if (colon != NULL)
			colon[1] = '\0';
		snprintf(id, sizeof(id), "%s%s", colon != NULL ? scope : "", name);
		at = model_find(m, id);
		if (at >= 0 && (reach[at][anchor] || (stays && at == anchor)))
			return at;
		if (colon == NULL)
			return -1;
		*colon = '\0';
	}
}

/*
 * What the rules say: the faults of the first group that has any. If there are
 * none, meant[i] is the node that i reads: local ones as they are, others from
 * MAX_LOCAL on; -1: nothing.
 */
static unsigned
model_faults(const Model *m, int anchor, const Proposal *p, bool local[MAX_LOCAL][MAX_LOCAL], int *meant)
{
	static bool reach[MAX_MODEL][MAX_MODEL];
	unsigned faults = 0;

	memcpy(local, p->edge, sizeof(p->edge));
	for (int k = 0; k < p->n; k++)
	{
		for (int i = 0; i < p->n; i++)
		{
			for (int j = 0; j < p->n; j++)
				local[i][j] |= local[i][k] && local[k][j];
		}
	}
	for (int i = 0; i < p->n; i++)
	{
		bool from = false;
		bool to = false;

		if (local[i][i])
			faults |= 1u << CYCLE;
		for (int e = 0; e < p->n_entries; e++)
			from |= p->entries[e] >= 0 && (p->entries[e] == i || local[p->entries[e]][i]);
		for (int e = 0; e < p->n_exits; e++)
			to |= p->exits[e] >= 0 && (p->exits[e] == i || local[i][p->exits[e]]);
		if (!from || !to)
			faults |= 1u << ORPHAN;
	}
	if (p->n == 0)
		faults |= 1u << EMPTY;
	if (p->undefined)
		faults |= 1u << UNDEFINED;
	faults |= list_faults(p->entries, p->n_entries, NO_ENTRIES, DUPLICATE_ENTRY, ENTRY_OUTSIDE);
	faults |= list_faults(p->exits, p->n_exits, NO_EXITS, DUPLICATE_EXIT, EXIT_OUTSIDE);
	if (faults != 0)
		return faults;

	for (int i = 0; i < p->n; i++)
	{
		char id[400];

		snprintf(id, sizeof(id), "%s:%s", m->id[anchor], p->id[i]);
		if (p->id[i][0] == '\0')
			faults |= 1u << EMPTY_ID;
		if (strchr(p->id[i], ':') != NULL)
			faults |= 1u << RESERVED_ID;
		if (model_find(m, id) >= 0)
			faults |= 1u << ID_TAKEN;
	}
	if (faults != 0)
		return faults;

	model_reach(m, reach);
	for (int i = 0; i < p->n; i++)
	{
		bool own = false;
		int outer;

		meant[i] = -1;
		if (p->reads[i][0] == '\0')
			continue;
		for (int k = 0; k < p->n; k++)
		{
			if (strcmp(p->id[k], p->reads[i]) != 0)
				continue;
			own = true;
			meant[i] = k;
			if (!local[k][i])
				faults |= 1u << INVALID;
		}
		if (own)
			continue;
		outer = model_meaning(m, reach, anchor, p->form != 0, p->reads[i]);
		meant[i] = MAX_LOCAL + outer;
		if (outer < 0)
			faults |= 1u << INVALID;
	}
	for (int i = 0; p->form == 0 && i < m->n; i++)
	{
		if (m->ref[i][anchor])
			faults |= 1u << INVALID;
	}
	return faults;
}

/* Puts the fragment into the model; the cost by comparing before and after. */
static void
model_apply(Model *m, int anchor, const Proposal *p, const int *meant, PulseBudget *cost)
{
	static Model old;
	int base = m->n;
	int longest = 0;
	int length[MAX_LOCAL] = { 0 };
	bool suc[MAX_MODEL];

	old = *m;
	for (int i = 0; i < p->n; i++)
		snprintf(m->id[m->n++], sizeof(m->id[0]), "%s:%s", old.id[anchor], p->id[i]);
	for (int i = 0; i < p->n; i++)
	{
		for (int j = 0; j < p->n; j++)
			m->edge[base + i][base + j] = p->edge[i][j];
		if (meant[i] >= MAX_LOCAL)
			m->ref[base + i][meant[i] - MAX_LOCAL] = true;
		else if (meant[i] >= 0)
			m->ref[base + i][base + meant[i]] = true;
	}
	for (int i = 0; i < base; i++)
	{
		suc[i] = m->edge[anchor][i];
		m->edge[anchor][i] = false;
		for (int e = 0; suc[i] && e < p->n_exits; e++)
			m->edge[base + p->exits[e]][i] = true;
		for (int e = 0; p->form == 0 && m->edge[i][anchor] && e < p->n_entries; e++)
			m->edge[i][base + p->entries[e]] = true;
	}
	for (int e = 0; p->form != 0 && e < p->n_entries; e++)
		m->edge[anchor][base + p->entries[e]] = true;

	/* longest path from an entry, by as many rounds as there are nodes */
	for (int e = 0; e < p->n_entries; e++)
		length[p->entries[e]] = 1;
	for (int round = 0; round < p->n; round++)
	{
		for (int i = 0; i < p->n; i++)
		{
			for (int j = 0; j < p->n; j++)
			{
				if (p->edge[i][j] && length[i] > 0)
					length[j] = Max(length[j], length[i] + 1);
			}
		}
	}
	for (int i = 0; i < p->n; i++)
		longest = Max(longest, length[i]);

	if (p->form == 0)
		model_remove(m, anchor);
	cost->nodes = p->n;
	cost->edges = 0;
	for (int i = 0; i < m->n; i++)
	{
		for (int j = 0; j < m->n; j++)
		{
			int was_i = model_find(&old, m->id[i]);
			int was_j = model_find(&old, m->id[j]);

			if (m->edge[i][j] && !(was_i >= 0 && was_j >= 0 && old.edge[was_i][was_j]))
				cost->edges++;
		}
	}
	cost->depth = p->form == 0 ? Max(longest - 1, 0) : longest;
	cost->frontier = p->n_entries - 1;
	cost->operations = 1;
}

static unsigned
plan_faults(const PulseRewritePlan *plan, int round)
{
	unsigned faults = 0;
	size_t last = 0;

	for (int i = 0; i < plan->errors.n; i++)
	{
		size_t k = 0;

		while (k < lengthof(model_codes) && strcmp(model_codes[k], plan->errors.items[i].code) != 0)
			k++;
		if (k == lengthof(model_codes))
			bad(round, "code", plan->errors.items[i].code);
		if (k < last)
			bad(round, "order of errors", plan->errors.items[i].code);
		last = k;
		faults |= 1u << k;
	}
	return faults;
}

/* Vectors are in id order and mean the same nodes as the row or column of the model. */
static bool
same_vector(const PulseGraph *g, const int *list, int n, const Model *m,
			bool (*holds)(const Model *m, int a, int b), int node)
{
	int count = 0;

	for (int i = 0; i < m->n; i++)
		count += holds(m, node, i);
	if (count != n)
		return false;
	for (int i = 0; i < n; i++)
	{
		if (i > 0 && strcmp(g->nodes[list[i - 1]]->id, g->nodes[list[i]]->id) >= 0)
			return false;
		if (!holds(m, node, model_find(m, g->nodes[list[i]]->id)))
			return false;
	}
	return true;
}

static bool
model_edge(const Model *m, int a, int b)
{
	return m->edge[a][b];
}

static bool
model_back(const Model *m, int a, int b)
{
	return m->edge[b][a];
}

static bool
model_ref(const Model *m, int a, int b)
{
	return m->ref[a][b];
}

static bool above[MAX_MODEL][MAX_MODEL];

static bool
model_above(const Model *m, int a, int b)
{
	return above[b][a];
}

static bool
model_root(const Model *m, int a, int b)
{
	for (int i = 0; i < m->n; i++)
	{
		if (m->edge[i][b])
			return false;
	}
	return true;
}

static bool
model_sink(const Model *m, int a, int b)
{
	for (int i = 0; i < m->n; i++)
	{
		if (m->edge[b][i])
			return false;
	}
	return true;
}

static void
compare_graph(const PulseGraph *g, const Model *m, int round, const char *which)
{
	int n_edges = 0;

	if (g->n_nodes != m->n)
	{
		bad(round, which, "number of nodes");
		return;
	}
	model_reach(m, above);
	for (int i = 0; i < m->n; i++)
	{
		int at = pulse_graph_find(g, m->id[i], strlen(m->id[i]));
		const PulseNode *node = at < 0 ? NULL : g->nodes[at];
		int *anc;
		int n_anc;

		if (above[i][i])
			bad(round, which, "a cycle");
		if (node == NULL || strcmp(node->id, m->id[i]) != 0 || node->id_len != strlen(m->id[i]))
		{
			bad(round, which, "a node is not found");
			continue;
		}
		if (pulse_graph_at_rank(g, node->rank) != at)
			bad(round, which, "ranks");
		if (!same_vector(g, node->preds, node->n_preds, m, model_back, i))
			bad(round, which, "predecessors");
		if (!same_vector(g, node->succs, node->n_succs, m, model_edge, i))
			bad(round, which, "successors");
		if (!same_vector(g, node->refs, node->n_refs, m, model_ref, i))
			bad(round, which, pulse_arena_printf(arena, "references of %s in %s", node->id, text_of(pulse_graph_document(g, arena))));
		pulse_graph_ancestors(g, at, arena, &anc, &n_anc);
		if (!same_vector(g, anc, n_anc, m, model_above, i))
			bad(round, which, "ancestors");
		n_edges += node->n_succs;
	}
	if (!same_vector(g, g->roots, g->n_roots, m, model_root, 0))
		bad(round, which, "roots");
	if (!same_vector(g, g->sinks, g->n_sinks, m, model_sink, 0))
		bad(round, which, "sinks");
	if (g->n_edges != n_edges)
		bad(round, which, "number of edges");
	if (strcmp(g->hash, model_hash(m)) != 0)
		bad(round, which, "hash");
}

/* The document of a grown graph, read anew, is the same graph. */
static PulseGraph *
read_anew(const PulseGraph *g, const Model *m, int round)
{
	PulseGraph *again;

	pulse_diag_init(&findings, arena);
	again = pulse_graph_read(pulse_graph_document(g, arena), PULSE_GRAPH_LIVE, &findings);
	if (again == NULL)
		bad(round, "read anew", findings.items[0].message);
	else
		compare_graph(again, m, round, "read anew");
	return again;
}

typedef struct Tally
{
	int admitted;
	int over;
	int invalid;
	int largest;
} Tally;

/* One graph and the rewrites of its life. */
static void
random_life(int round, Tally *tally)
{
	static Model m;
	PulseBudget left = { 10 + below(60), 20 + below(150), 3 + below(15), 2 + below(12), 2 + below(12) };
	StringInfoData doc;
	PulseGraph *base;
	PulseGraph *g;
	bool again[MAX_MODEL * 2] = { false };

	initStringInfo(&doc);
	model_begin(&m, &doc);
	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), PULSE_GRAPH_LIVE, &findings);
	if (base == NULL)
	{
		bad(round, "base", doc.data);
		pfree(doc.data);
		return;
	}
	g = pulse_graph_copy(base);
	compare_graph(g, &m, round, "copy");
	for (int step = 0; step < 16 && m.n < MAX_MODEL - MAX_LOCAL - 1; step++)
	{
		bool local[MAX_LOCAL][MAX_LOCAL];
		int meant[MAX_LOCAL];
		int at = below(m.n);
		int number = pulse_graph_find(g, m.id[at], strlen(m.id[at]));
		char id[300];
		Proposal p;
		PulseRewrite rewrite;
		PulseRewritePlan *plan;
		PulseBudget cost = { 0 };
		PulseBudget was = left;
		unsigned faults;

		/* who has rewritten once does not again, and ids in its scope do not come twice */
		if (again[number] || strlen(m.id[at]) > 200)
			continue;
		strcpy(id, m.id[at]);
		resetStringInfo(&doc);
		propose(&p, &m, &doc);
		pulse_diag_init(&findings, arena);
		if (!pulse_rewrite_read(pulse_json_parse(arena, doc.data, (size_t) doc.len, &findings), "$", arena, &rewrite, &findings))
		{
			bad(round, "shape", doc.data);
			continue;
		}
		plan = pulse_rewrite_plan(g, number, id, PULSE_RUNNING, &rewrite, &left);
		faults = model_faults(&m, at, &p, local, meant);
		if (plan_faults(plan, round) != faults)
		{
			bad(round, "errors differ", doc.data);
			for (int i = 0; i < plan->errors.n; i++)
				diag("%s: %s", plan->errors.items[i].code, plan->errors.items[i].message);
			diag("anchor %s of %s; the model says %x", id, text_of(pulse_graph_document(g, arena)), faults);
			pulse_rewrite_free(plan);
			break;
		}
		if (faults != 0)
		{
			tally->invalid++;
			if (plan->admitted || memcmp(&plan->remaining, &was, sizeof(was)) != 0)
				bad(round, "an invalid rewrite", "admitted or paid for");
		}
		else
		{
			static Model after;
			int over = 0;

			after = m;
			model_apply(&after, at, &p, meant, &cost);
			if (memcmp(&cost, &plan->cost, sizeof(cost)) != 0)
				bad(round, "cost", doc.data);
			for (int d = 0; d < PULSE_BUDGET_DIMS; d++)
			{
				int64 now = *pulse_budget_dim(&plan->remaining, d);
				int64 before = *pulse_budget_dim(&was, d);
				int64 asked = *pulse_budget_dim(&cost, d);

				if (now < 0 || now > before || now != (plan->admitted ? before - asked : before))
					bad(round, "budget", pulse_budget_dim_name(d));
				if (asked > before)
				{
					if (over >= plan->n_exceeded || plan->exceeded[over].dimension != pulse_budget_dim_name(d) ||
						plan->exceeded[over].requested != asked || plan->exceeded[over].remaining != before)
						bad(round, "exceeded", pulse_budget_dim_name(d));
					over++;
				}
			}
			if (over != plan->n_exceeded || plan->admitted != (over == 0))
				bad(round, "decision", doc.data);
			if (plan->admitted)
			{
				left = plan->remaining;
				m = after;
				again[number] = p.form != 0;
				pulse_rewrite_apply(plan, g);
				compare_graph(g, &m, round, "grown");
				pulse_graph_free(read_anew(g, &m, round));
				tally->admitted++;
				tally->largest = Max(tally->largest, m.n);
			}
			else
				tally->over++;
		}
		pulse_rewrite_free(plan);
	}
	compare_graph(g, &m, round, "at the end");
	pulse_graph_free(g);
	pulse_graph_free(base);
	pfree(doc.data);
}

static void
test_random(uint64 seed, int rounds)
{
	PulseArena *kept = arena;
	Tally tally = { 0 };

	pg_prng_seed(&prng, seed);
	for (int round = 0; round < rounds; round++)
	{
		arena = pulse_arena_create(0);
		random_life(round, &tally);
		pulse_arena_free(arena);
	}
	arena = kept;
	diag("%d rewrites admitted, %d over budget, %d invalid; up to %d nodes",
		 tally.admitted, tally.over, tally.invalid, tally.largest);
	is_int(n_bad, 0, "rewrites of random graphs agree with the model");
	ok(tally.admitted > rounds && tally.over > rounds / 4 && tally.invalid > rounds, "of every kind enough");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;

	diag("seed %llu, %d rounds", (unsigned long long) seed, rounds);
	arena = pulse_arena_create(0);
	test_forms();
	test_group_zero();
	test_group_one();
	test_group_two();
	test_group_three();
	test_handlers();
	test_budget();
	test_input();
	test_document();
	test_scopes();
	test_effects();
	test_run();
	test_large();
	test_random(seed, rounds);
	pulse_arena_free(arena);
	return tap_done();
}
