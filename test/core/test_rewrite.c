/*
 * test_rewrite.c
 *		Planning of rewrites: every sentence of semantics section 7 that is about it.
 *
 * Documents are written with ' for " to be legible.
 */
#include "postgres_fe.h"

#include "core/rewrite.h"

#include "portability/instr_time.h"

#include "core/local.h"
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

int
main(void)
{
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
	pulse_arena_free(arena);
	return tap_done();
}
