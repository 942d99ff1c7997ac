/*
 * test_local_grow.c
 *		Runs in memory of graphs that grow: rewrites, choose, map, repeat, child runs.
 *
 * Documents are written with ' for ".
 */
#include "postgres_fe.h"

#include "core/local.h"
#include "tap.h"

#define APPEND(nodes) "{'form': 'append', 'fragment': {'nodes': " nodes "}}"
#define PROPOSE(output, rewrite) "{'result': 'rewrite', 'output': " output ", 'rewrite': " rewrite "}"
#define ACTION "{'nodes': {'a': {'action': 'x'}}}"

static PulseArena *arena;
static PulseGraph *graph;
static PulseLocalRun *run;
static PulseLocalOptions options;
static const PulseJson *result;

static const PulseJson *
json(const char *text)
{
	PulseDiag	d;
	const PulseJson *value;
	char	   *copy;

	if (text == NULL)
		return NULL;
	copy = pulse_arena_strdup(arena, text);
	for (char *c = copy; *c; c++)
	{
		if (*c == '\'')
			*c = '"';
	}
	pulse_diag_init(&d, arena);
	value = pulse_json_parse(arena, copy, strlen(copy), &d);
	if (value == NULL)
	{
		printf("Bail out! %s in %s\n", d.items[0].message, copy);
		exit(1);
	}
	return value;
}

static void
forget(void)
{
	pulse_local_free(run);
	if (arena != NULL)
		pulse_local_options_free(&options);
	pulse_graph_free(graph);
	pulse_arena_free(arena);
	run = NULL;
	graph = NULL;
	arena = NULL;
}

/* NULL for what is not given. */
static void
ask(const char *document, const char *input, const char *bindings, const char *given_signals,
	const char *given_options)
{
	PulseLocal	local = {0};
	static PulseLocalSignals signals;
	PulseDiag	findings;

	forget();
	arena = pulse_arena_create(0);
	pulse_diag_init(&findings, arena);
	pulse_local_options_defaults(&options);
	graph = pulse_graph_read(json(document), PULSE_GRAPH_DEFINE, &findings);
	local.graph = graph;
	local.input = json(input);
	local.bindings = pulse_local_bindings_read(arena, json(bindings), "$bindings", &findings);
	(void) pulse_local_signals_read(arena, json(given_signals), "$signals", &signals, &findings);
	(void) pulse_local_options_read(json(given_options), "$options", &options, &findings);
	if (findings.n_errors > 0)
	{
		printf("Bail out! %s: %s in %s\n", findings.items[0].path, findings.items[0].message, document);
		exit(1);
	}
	local.signals = &signals;
	local.options = &options;
	run = pulse_local_run(&local);
	result = pulse_local_result(run);
}

/* A value as text with ' for ". */
static const char *
quoted(const PulseJson *value)
{
	char	   *text;

	if (value == NULL)
		return "(none)";
	text = pulse_json_text(arena, value);
	for (char *c = text; *c; c++)
	{
		if (*c == '"')
			*c = '\'';
	}
	return text;
}

static const PulseJson *
member(const char *path)
{
	const PulseJson *v = result;
	char	   *copy = pulse_arena_strdup(arena, path);
	char	   *word;
	char	   *rest = copy;

	while (v != NULL && (word = strsep(&rest, "/")) != NULL)
	{
		if (v->type == PULSE_JSON_ARRAY)
			v = atoi(word) < (int) v->len ? v->u.items[atoi(word)] : NULL;
		else
			v = pulse_json_get(v, word);
	}
	return v;
}

/* Text of a member of the result, by path of keys and places. */
static const char *
at(const char *path)
{
	return quoted(member(path));
}

static void
expect(const char *path, const char *expected, const char *name)
{
	is(at(path), expected, name);
}

/* The trace in short. */
static const char *
story(void)
{
	static const char *const keys[] = {"node", "form", "revision", "branch", "round", "items", "code",
	"signal", "status", "reason"};
	const PulseJson *trace = pulse_json_get(result, "trace");
	const char *text = "";

	for (uint32 i = 0; i < trace->len; i++)
	{
		const PulseJson *e = trace->u.items[i];
		const PulseJson *in = pulse_json_get(e, "in");

		text = pulse_arena_printf(arena, "%s%s%s %s%s", text, i ? "; " : "",
								  pulse_json_get(e, "at")->u.text,
								  in ? pulse_arena_printf(arena, "[%s] ", in->u.text) : "",
								  pulse_json_get(e, "event")->u.text);
		for (int k = 0; k < (int) lengthof(keys); k++)
		{
			const PulseJson *v = pulse_json_get(e, keys[k]);

			if (v != NULL)
				text = pulse_arena_printf(arena, "%s %s", text, v->type == PULSE_JSON_STRING ||
										  v->type == PULSE_JSON_NUMBER ? v->u.text : quoted(v));
		}
	}
	return text;
}

static void
test_forms(void)
{
	const char *chain = "{'nodes': {'a': {'pure': 1}, 'b': {'action': 'x', 'after': ['a']}, "
		"'c': {'pure': {'$': '$.nodes'}, 'after': ['b']}}}";

	ask(chain, NULL, "{'x': " PROPOSE("2", APPEND("{'x': {'pure': {'$': '$.nodes.a'}}, 'y': {'pure': {'$': '$.nodes.x + 10'}, 'after': ['x']}}")) "}",
		NULL, NULL);
	expect("status", "'completed'", "append");
	expect("outputs", "{'a':1,'b':2,'c':{'a':1,'b':2,'b:x':1,'b:y':11},'b:x':1,'b:y':11}", "its nodes run behind the anchor");
	expect("statuses/b", "'rewritten'", "which is rewritten");
	expect("output", "{'a':1,'b':2,'b:x':1,'b:y':11}", "and is an ancestor of what follows");
	expect("rewrites/admitted/0/cost", "{'depth':2,'edges':3,'nodes':2,'frontier':0,'operations':1}", "cost");
	expect("rewrites/admitted/0/budget_before", "{'depth':6,'edges':32,'nodes':16,'frontier':4,'operations':4}", "before");
	expect("rewrites/admitted/0/budget_after", "{'depth':4,'edges':29,'nodes':14,'frontier':4,'operations':3}", "after");
	expect("remaining_budget", "{'depth':4,'edges':29,'nodes':14,'frontier':4,'operations':3}", "what remains");
	expect("rewrites/admitted/0/anchor", "'b'", "anchor");
	expect("rewrites/admitted/0/revision", "1", "revision");
	is(at("rewrites/admitted/0/hash"), at("hash"), "hash");
	expect("rewrites/rejected", "[]", "none is rejected");
	is(story(), "0 start; 0 completed a; 0 call b; 0 rewrite b append 1; 0 rewritten b; 0 completed b:x; "
	   "0 completed b:y; 0 completed c; 0 run completed", "the trace");

	ask(chain, NULL, "{'x': " PROPOSE("2", "{'form': 'retain', 'fragment': {'nodes': {'x': {'pure': {'$': '$.nodes.b'}}}}}") "}",
		NULL, NULL);
	expect("outputs", "{'a':1,'b':2,'c':{'a':1,'b':2,'b:x':2},'b:x':2}", "retain: the entry reads the anchor");

	ask(chain, NULL, "{'x': " PROPOSE("2", "{'form': 'replace', 'fragment': {'nodes': {'x': {'action': 'y'}}}}") ", "
		"'y': {'$': '$.input'}}", NULL, NULL);
	expect("outputs", "{'a':1,'c':{'a':1,'b:x':{'a':1}},'b:x':{'a':1}}", "replace: the entry reads what the anchor read");
	expect("statuses", "{'a':'completed','c':'completed','b:x':'completed'}", "the anchor is gone");

	/* rewrites of what rewrites brought; the parts of one budget */
	ask(ACTION, NULL, "{'x': [" PROPOSE("1", APPEND("{'n': {'action': 'x'}}")) ", "
		PROPOSE("2", "{'form': 'replace', 'fragment': {'nodes': {'m': {'action': 'x'}}}}") ", 3]}", NULL, NULL);
	expect("outputs", "{'a':1,'a:n:m':3}", "a rewrite within a rewrite");
	expect("remaining_budget", "{'depth':5,'edges':30,'nodes':14,'frontier':4,'operations':2}", "both are charged");
	expect("rewrites/admitted/1/revision", "2", "the second revision");

	/* a pure node */
	ask("{'nodes': {'p': {'pure': {'result': 'rewrite', 'output': {'$': '$.input'}, 'rewrite': {'form': 'append', 'fragment': "
		"{'$literal': {'nodes': {'n': {'pure': {'$': '$.nodes.p + 1'}}}}}}}, 'result': true}}}", "5", NULL, NULL, NULL);
	expect("outputs", "{'p':5,'p:n':6}", "a pure node proposes");
	expect("rewrites/admitted/0/attempt", "null", "without an attempt");
	ask("{'nodes': {'p': {'pure': {'result': 'complete'}, 'result': true}}}", NULL, NULL, NULL, NULL);
	expect("output", "null", "or completes");
	ask("{'nodes': {'p': {'pure': {'result': 'fail', 'error': {'code': 'c', 'detail': 'd'}}, 'result': true}}}",
		NULL, NULL, NULL, NULL);
	expect("error/error/code", "'c'", "or fails");
	ask("{'nodes': {'p': {'pure': {'result': 'complete', 'otput': 1}, 'result': true}}}", NULL, NULL, NULL, NULL);
	expect("error/error/class", "'bad_response'", "a malformed one");
	expect("error/error/message", "'malformed stage result: $.otput: unknown key \\'otput\\''", "is told where");
	ask("{'nodes': {'p': {'pure': {'result': 'complete', 'otput': 1}}}}", NULL, NULL, NULL, NULL);
	expect("output", "{'otput':1,'result':'complete'}", "without result: true it is a value");
}

static void
test_bindings(void)
{
	/* expressions around the fragment are the binding's, those in it are the fragment's */
	ask("{'nodes': {'a': {'action': 'x', 'input': {'k': 7}}}}", "1",
		"{'x': " PROPOSE("{'$': '$.input.k'}", APPEND("{'n': {'pure': {'$': '$.input'}}}")) "}", NULL, NULL);
	expect("outputs", "{'a':7,'a:n':1}", "the fragment is taken as it stands");
	ask("{'nodes': {'a': {'action': 'x', 'input': {'f': {'nodes': {'n': {'noop': true}}}}}}}", NULL,
		"{'x': " PROPOSE("1", "{'form': 'append', 'fragment': {'$': '$.input.f'}}") "}", NULL, NULL);
	expect("outputs", "{'a':1,'a:n':null}", "unless it is computed");
	ask("{'nodes': {'a': {'action': 'x', 'input': {'n': {'noop': true}}}}}", NULL,
		"{'x': " PROPOSE("1", APPEND("{'$': '$.input'}")) "}", NULL, NULL);
	expect("outputs", "{'a':1,'a:n':null}", "or its nodes are");
	ask(ACTION, NULL, "{'x': " PROPOSE("1", "{'form': 'append', 'fragment': {'$literal': {'nodes': {'n': {'pure': {'$': '$.nodes.a'}}}}}}") "}",
		NULL, NULL);
	expect("outputs", "{'a':1,'a:n':1}", "$literal around it does no harm");
	ask(ACTION, NULL, "{'x': {'$literal': {'result': 'suspend', 'signal': 's'}}}", NULL, NULL);
	expect("output", "{'result':'suspend','signal':'s'}", "a stage result as a value");
	ask(ACTION, NULL, "{'x': {'result': 'suspend'}}", NULL, NULL);
	expect("error/error/message", "'malformed stage result: $: the key \\'signal\\' is missing'", "a malformed one");
	expect("error/error/class", "'bad_response'", "is a bad response");
	ask(ACTION, NULL, "{'x': {'result': 'rewrite', 'rewrite': {'form': 'append', 'fragment': {'nodes': []}}}}", NULL, NULL);
	ok(strstr(at("error/error/message"), "$.rewrite.fragment.nodes: ") != NULL, "with its path");
}

static void
test_rejections(void)
{
	const char *wide = "{'x': [" PROPOSE("1", APPEND("{'n': {'noop': true}, 'm': {'noop': true}}")) ", {'$': '$.rejection'}]}";
	const char *budget = "{'budget': {'nodes': 1, 'frontier': 0}}";
	const char *refusing = "{'x': {'result': 'reject_rewrite', 'output': {'$': '$.attempt'}, 'reason': {'why': 'small'}}}";

	ask(ACTION, NULL, wide, NULL, budget);
	expect("status", "'completed'", "over budget: called again");
	expect("output", "{'code':'budget_exceeded','budget':{'depth':6,'edges':32,'nodes':1,'frontier':0,'operations':4},"
		   "'exceeded':[{'dimension':'nodes','remaining':1,'requested':2},{'dimension':'frontier','remaining':0,'requested':1}],"
		   "'reexecution':1,'max_reexecutions':2}", "and told why");
	expect("rewrites/rejected/0/code", "'budget_exceeded'", "it is kept");
	expect("rewrites/rejected/0/cost/nodes", "2", "with its cost");
	expect("rewrites/rejected/0/exceeded/1/dimension", "'frontier'", "with all that is exceeded");
	expect("rewrites/admitted", "[]", "none is admitted");
	expect("remaining_budget/operations", "4", "and nothing is charged");
	is(story(), "0 start; 0 call a; 0 rejected a append budget_exceeded; 0 attempt a; 0 call a; 0 completed a; 0 run completed",
	   "the trace");
	expect("trace/1/rejection", "(none)", "the first call knows nothing");
	expect("trace/4/rejection/code", "'budget_exceeded'", "the second one does");

	ask(ACTION, NULL, refusing, NULL, NULL);
	expect("status", "'failed'", "reject_rewrite again and again");
	expect("error/class", "'rewrite_exhausted'", "is exhausted");
	is_int(pulse_json_get(member("rewrites"), "rejected")->len, 3, "after two calls more");
	expect("rewrites/rejected/2/code", "'rejected_by_host'", "each is kept");
	expect("rewrites/rejected/2/reason", "{'why':'small'}", "with the reason");
	expect("rewrites/rejected/2/form", "'reject'", "as what it was");
	ask("{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 0}}}}", NULL, refusing, NULL, NULL);
	is_int(pulse_json_get(member("rewrites"), "rejected")->len, 1, "max_reexecutions: 0");
	ask("{'nodes': {'a': {'action': 'x', 'rewrite': {'on_exhausted': 'degrade'}}}}", NULL, refusing, NULL, NULL);
	expect("status", "'completed'", "degrade");
	expect("output", "3", "the last output counts");
	ask("{'nodes': {'a': {'action': 'x', 'on_error': 'skip'}}}", NULL, refusing, NULL, NULL);
	expect("statuses", "{'a':'skipped'}", "on_error applies");

	ask(ACTION, NULL, "{'x': " PROPOSE("1", APPEND("{'n': {'noop': true, 'after': ['n']}}")) "}", NULL, NULL);
	expect("error/class", "'rewrite_invalid'", "an invalid one fails at once");
	expect("rewrites/rejected/0/code", "'rewrite_invalid'", "it is kept");
	expect("rewrites/rejected/0/errors/0/code", "'fragment_cycle'", "with its errors");
	expect("rewrites/rejected/0/cost", "null", "and no cost");
	ask(ACTION, NULL, "{'x': " PROPOSE("1", APPEND("{'n': {'acton': 'y'}}")) "}", NULL, NULL);
	expect("rewrites/rejected/0/errors/0/code", "'invalid_definition'", "one with a bad definition");

	/* the budget of the graph, overridden by that of the options */
	ask("{'nodes': {'a': {'action': 'x'}}, 'budget': {'nodes': 9, 'depth': 2}}", NULL, "{'x': 1}", NULL,
		"{'budget': {'depth': 3}}");
	expect("remaining_budget", "{'depth':3,'edges':32,'nodes':9,'frontier':4,'operations':4}",
		   "options, then the graph, then the defaults");

	/* two that propose at once: in id order, each against what the other left */
	ask("{'nodes': {'b': {'action': 'x'}, 'a': {'action': 'x'}}}", NULL,
		"{'x': [" PROPOSE("1", APPEND("{'n': {'noop': true}}")) ", " PROPOSE("2", APPEND("{'n': {'noop': true}}")) ", 3]}", NULL,
		"{'budget': {'operations': 1}}");
	expect("statuses", "{'a':'rewritten','b':'completed','a:n':'completed'}", "one after the other");
}

static void
test_suspend(void)
{
	const char *doc = "{'nodes': {'a': {'action': 'x'}, 'b': {'pure': {'$': '$.nodes.a'}, 'after': ['a']}}}";
	const char *binding = "{'x': {'result': 'suspend', 'signal': 'go'}}";

	ask(doc, NULL, binding, "{'go': {'n': 1}}", NULL);
	expect("output", "{'n':1}", "suspend: the payload becomes the output");
	is(story(), "0 start; 0 call a; 0 signal a; 0 completed a; 0 completed b; 0 run completed",
	   "a signal that is there already is taken");
	ask(doc, NULL, binding, "[{'name': 'go', 'payload': 2, 'after': '1 h'}]", NULL);
	expect("output", "2", "one that comes later too");
	expect("elapsed", "3600", "in its time");
	ask(doc, NULL, binding, NULL, NULL);
	expect("status", "'suspended'", "none at all suspends the run");
	expect("waiting", "{'a':{'for':'signal','signal':'go'}}", "and it says what it waits for");
	ask("{'nodes': {'a': {'action': 'x', 'total_timeout': '1 min'}}}", NULL, binding, NULL, NULL);
	expect("error/class", "'timeout'", "total_timeout bounds it");
	expect("elapsed", "60", "in virtual time");
}

static void
test_choose(void)
{
	const char *doc = "{'nodes': {'c': {'choose': [{'when': '$.input > 10', 'then': {'nodes': {'big': {'pure': 'b'}}}}, "
		"{'when': '$.input > 5', 'then': {'nodes': {'m1': {'pure': 1}, 'm2': {'pure': null}}}}, "
		"{'else': {'nodes': {'s': {'action': 'x'}}}}]}, 'd': {'pure': {'$': '$.nodes.c'}, 'after': ['c']}}}";

	ask(doc, "20", "{'x': 9}", NULL, NULL);
	expect("output", "'b'", "choose: the first that holds");
	expect("statuses", "{'c':'rewritten','d':'completed','c:big':'completed','c:out':'completed'}", "the others never enter");
	expect("outputs", "{'c':null,'d':'b','c:big':'b','c:out':'b'}", "outputs");
	expect("remaining_budget/operations", "4", "nothing is charged");
	expect("rewrites/admitted", "[]", "and it is no rewrite");
	is(story(), "0 start; 0 grown c choose 1 0; 0 completed c:big; 0 completed c:out; 0 completed d; 0 run completed",
	   "the trace");
	ask(doc, "7", "{'x': 9}", NULL, NULL);
	expect("output", "{'m1':1,'m2':null}", "several exits");
	ask(doc, "1", "{'x': 9}", NULL, NULL);
	expect("output", "9", "else");
	ask("{'nodes': {'c': {'choose': [{'when': '$.input', 'then': {'nodes': {'n': {'noop': true}}}}]}}}", "false", NULL, NULL, NULL);
	expect("statuses", "{'c':'completed'}", "none is chosen: a plain completion");
	expect("output", "null", "with null");
	ask("{'nodes': {'c': {'choose': [{'when': '$.input + 1', 'then': {'nodes': {'n': {'noop': true}}}}]}}}", "'x'", NULL, NULL, NULL);
	expect("error/class", "'expression'", "a condition that cannot be told");
	ask("{'nodes': {'c': {'choose': [{'else': {'nodes': {'n': {'action': 'x'}, 'm': {'noop': true, 'after': ['n']}}}}], 'on_error': 'skip'}}}",
		NULL, "{'x': {'$error': {}}}", NULL, NULL);
	expect("statuses", "{'c':'rewritten','c:m':'skipped','c:n':'skipped','c:out':'skipped'}", "on_error covers what is inside");
}

static void
test_map(void)
{
	const char *doc = "{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'a': {'action': 'x', "
		"'input': {'item': {'$': '$.item'}, 'index': {'$': '$.index'}}}}}%s}}, 'd': {'pure': {'$': '$.nodes.m'}, 'after': ['m']}}}";
	PulseArena *mine = pulse_arena_create(0);
	const char *plain = pulse_arena_printf(mine, doc, "");
	const char *two = pulse_arena_printf(mine, doc, ", 'max_parallel': 2");
	const char *tolerant = pulse_arena_printf(mine, doc, ", 'tolerate': 0.5");
	const char *few = pulse_arena_printf(mine, doc, ", 'max_items': 2");

	ask(plain, "['p', 'q', 'r']", "{'x': {'$': '$.input.item'}}", NULL, NULL);
	expect("output", "['p','q','r']", "map: results in input order");
	expect("outputs/m:item_1:a", "'q'", "ids of items");
	expect("outputs/m:out", "['p','q','r']", "the collecting node");
	is(story(), "0 start; 0 grown m map 1 3; 0 call m:item_0:a; 0 call m:item_1:a; 0 call m:item_2:a; "
	   "0 completed m:item_0:a; 0 completed m:item_1:a; 0 completed m:item_2:a; 0 completed m:out; 0 completed d; 0 run completed",
	   "all at once");
	ask(plain, "['p', 'q']", "{'x': [{'$error': {'class': 'server'}}, {'$': '$.index'}]}", NULL, NULL);
	expect("output", "[0,1]", "whatever the order of completion; $.index of the call");
	ask(two, "[1, 2, 3]", "{'x': {'$': '$.item'}}", NULL, NULL);
	expect("output", "[1,2,3]", "max_parallel");
	is(story(), "0 start; 0 grown m map 1 3; 0 call m:item_0:a; 0 call m:item_1:a; 0 completed m:item_0:a; "
	   "0 call m:item_2:a; 0 completed m:item_1:a; 0 completed m:item_2:a; 0 completed m:out; 0 completed d; 0 run completed",
	   "two at once");
	ask(plain, "[]", "{'x': 1}", NULL, NULL);
	expect("outputs", "{'d':[],'m':[]}", "an empty array at once");
	ask(plain, "{'a': 1}", "{'x': 1}", NULL, NULL);
	expect("error/class", "'expression'", "no array");
	ask(few, "[1, 2, 3]", "{'x': 1}", NULL, NULL);
	expect("error/class", "'map_too_large'", "more than max_items");
	ask(plain, "[1, 2, 3]", "{'x': [1, {'$error': {'code': 'c'}}]}", NULL, NULL);
	expect("status", "'failed'", "a failing item fails the run");
	expect("error/node", "'m:item_1:a'", "by its node");
	ask(tolerant, "[1, 2, 3]", "{'x': [1, {'$error': {'code': 'c', 'message': 'broken'}}, 3]}", NULL, NULL);
	expect("output", "[1,{'error':{'code':'c','class':'action','message':'broken'}},3]", "tolerate: errors are collected");
	ask(tolerant, "[1, 2, 3]", "{'x': [1, {'$error': {}}]}", NULL, NULL);
	expect("error/class", "'map_failed'", "up to a share");
	ask("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'a': {'action': 'x'}}}}, 'on_error': {'goto': 'h'}}, "
		"'h': {'pure': {'$': '$.error.class'}}, 'z': {'noop': true}}}", "[1, 2]", "{'x': [{'$error': {'class': 'client'}}, 1]}",
		NULL, NULL);
	expect("outputs/h", "'client'", "a handler of the whole map");
	expect("statuses/m:item_1:a", "'skipped'", "the rest of it is skipped");
	expect("statuses/m:out", "'skipped'", "the collecting node too");
	pulse_arena_free(mine);
}

static void
test_repeat(void)
{
	const char *doc = "{'nodes': {'r': {'repeat': {'body': {'nodes': {'n': {'pure': {'n': {'$': '$.round'}, 'before': "
		"{'$': '$.nodes.r'}}}}}, 'while': '$.nodes.n.n < 3', 'max': %d}%s}, 'd': {'pure': {'$': '$.nodes.r.n'}, 'after': ['r']}}}";
	PulseArena *mine = pulse_arena_create(0);

	ask(pulse_arena_printf(mine, doc, 5, ""), NULL, NULL, NULL, NULL);
	expect("output", "3", "repeat: while the condition holds");
	expect("outputs/r:out/before/n", "2", "a round sees the result of the one before");
	expect("outputs/r:out/before/before/before", "null", "the first one null");
	expect("statuses", "{'d':'completed','r':'rewritten','r:out':'completed','r:iter_3:n':'completed'}",
		   "only the last round is in the graph");
	is(story(), "0 start; 0 grown r repeat 1 1; 0 completed r:iter_1:n; 0 grown r repeat 2 2; 0 completed r:iter_2:n; "
	   "0 grown r repeat 3 3; 0 completed r:iter_3:n; 0 completed r:out; 0 completed d; 0 run completed",
	   "but all of them are in the trace");
	ask(pulse_arena_printf(mine, doc, 2, ""), NULL, NULL, NULL, NULL);
	expect("error/class", "'repeat_exhausted'", "max");
	ask(pulse_arena_printf(mine, doc, 2, ", 'on_exhausted': 'complete'"), NULL, NULL, NULL, NULL);
	expect("output", "2", "on_exhausted: complete");
	ask("{'nodes': {'r': {'repeat': {'body': {'nodes': {'n': {'action': 'x'}}}, 'while': '$.nodes.n == 1', 'max': 1}}}}", NULL,
		"{'x': {'$': '$.round'}}", NULL, "{'trace': false}");
	expect("error/class", "'repeat_exhausted'", "never silent at the bound");
	ask("{'nodes': {'r': {'repeat': {'body': {'nodes': {'n': {'action': 'x'}}}, 'while': '$.nodes.n < 4', 'max': 9}}}}", NULL,
		"{'x': [1, {'$error': {'class': 'server'}}, 2, 3, {'$': '$.round'}]}", NULL, NULL);
	expect("output", "4", "rounds of actions, with a retry");
	ask("{'nodes': {'r': {'repeat': {'body': {'nodes': {'n': {'pure': 1}}}, 'while': '$.nodes.n == 1', 'max': 30000}, "
		"'on_exhausted': 'complete'}}}", NULL, NULL, NULL, "{'trace': false}");
	expect("statuses/r:iter_30000:n", "'completed'", "30,000 rounds, in several steps");

	/* proposals inside of a round that is over are not told of any more */
	ask("{'nodes': {'r': {'repeat': {'body': {'nodes': {'n': {'action': 'x'}}}, 'while': '$.nodes.n < 3', 'max': 9}}}}", NULL,
		"{'x': [" PROPOSE("1", APPEND("{'k': {'noop': true}}")) ", " PROPOSE("2", APPEND("{'k': {'noop': true}}")) ", 3]}", NULL, NULL);
	expect("status", "'completed'", "rewrites inside of rounds");
	expect("rewrites/admitted", "[]", "go with their rounds");
	expect("remaining_budget/operations", "2", "but stay charged");
	pulse_arena_free(mine);
}

static void
test_workflow(void)
{
	const char *doc = "{'nodes': {'w': {'workflow': 'child', 'input': {'n': {'$': '$.input'}}}, "
		"'d': {'pure': {'$': '$.nodes.w'}, 'after': ['w']}}}";
	const char *pure = "{'workflows': {'child': {'nodes': {'k': {'action': 'x', 'input': {'$': '$.input.n'}}}}}}";
	const char *deep = "{'workflows': {'child': {'nodes': {'w': {'workflow': 'child'}}}}}";
	const char *slow = "{'workflows': {'child': {'nodes': {'k': {'delay': '1 h'}, 's': {'action': 'x', 'after': ['k']}}}}}";
	const char *asks = "{'workflows': {'child': {'nodes': {'k': {'signal': 'go'}}}}}";

	ask(doc, "5", "{'x': {'$': '$.input'}}", NULL, pure);
	expect("output", "5", "workflow: the output of the child run");
	is(story(), "0 start; 0 waiting w child; 0 [w] start; 0 [w] call k; 0 [w] completed k; 0 [w] run completed; "
	   "0 child w completed; 0 completed w; 0 completed d; 0 run completed", "the trace");
	expect("statuses", "{'d':'completed','w':'completed'}", "its nodes are its own");
	ask(doc, NULL, NULL, NULL, NULL);
	expect("error/class", "'unknown_workflow'", "one that is not given");
	ask(doc, NULL, "{'x': {'$error': {'code': 'c'}}}", NULL, pure);
	expect("error/class", "'child_failed'", "a child that fails");
	ask(doc, NULL, NULL, NULL, deep);
	expect("status", "'failed'", "children of children");
	ok(strstr(at("error"), "depth_exceeded") != NULL, "up to a depth");
	ask(doc, NULL, "{'x': 1}", NULL, slow);
	expect("elapsed", "3600", "its time counts");
	ask("{'nodes': {'w': {'workflow': 'child', 'timeout': '1 min'}}}", NULL, "{'x': 1}", NULL, slow);
	expect("error/class", "'timeout'", "its timeout");
	expect("elapsed", "60", "in virtual time");
	ask("{'nodes': {'w': {'workflow': 'child'}, 'p': {'delay': '1 min'}, 'q': {'action': 'y', 'after': ['p']}}}", NULL,
		"{'x': 1, 'y': {'$error': {}}}", NULL, slow);
	expect("elapsed", "60", "the parent may end before");
	expect("statuses/w", "'interrupted'", "which interrupts the node");
	ok(strstr(story(), "60 [w] run cancelled") != NULL, "and cancels the child");
	ok(strstr(story(), "[w] call") == NULL, "which never goes on");
	ask(doc, NULL, NULL, "{'go': 1}", asks);
	expect("status", "'suspended'", "a suspended child suspends its parent");
	expect("waiting", "{'w':{'for':'child','child':{'k':{'for':'signal','signal':'go'}}}}", "and says why");
	ask("{'nodes': {'a': {'workflow': 'child'}, 'b': {'workflow': 'child'}}}", NULL, "{'x': {'$': '$.node'}}", NULL, slow);
	expect("outputs", "{'a':'s','b':'s'}", "two at once");
	expect("elapsed", "3600", "on one clock");
	ask("{'nodes': {'w': {'workflow': 'child', 'retry': {'max_attempts': 2, 'jitter': 0}}}}", NULL,
		"{'x': [{'$error': {}}, 2]}", NULL, slow);
	expect("output", "2", "retry, where it is given");
	expect("elapsed", "7201", "with its wait");
	ask("{'nodes': {'w': {'workflow': 'child'}}}", NULL, NULL, NULL, "{'workflows': {'child': {'nodes': {'k': {'delay': '1 h'}}, 'deadline': '1 min'}}}");
	expect("error/class", "'child_failed'", "the deadline of a child");
	expect("elapsed", "60", "counts from its start");
	ask("{'nodes': {'w': {'workflow': 'child'}}}", NULL, "{'x': " PROPOSE("1", APPEND("{'n': {'pure': 2}}")) "}", NULL,
		"{'workflows': {'child': {'nodes': {'k': {'action': 'x'}}}}}");
	expect("output", "2", "a child that grows");
	expect("remaining_budget/operations", "4", "on a budget of its own");
	expect("rewrites/admitted", "[]", "and its rewrites are its own");
}

static void
test_nesting(void)
{
	ask("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'r': {'repeat': {'body': {'nodes': {'c': {'choose': "
		"[{'when': '$.round < $.item', 'then': {'nodes': {'p': {'pure': {'go': true}}}}}, {'else': {'nodes': {'q': "
		"{'pure': {'go': false, 'n': {'$': '$.round'}, 'i': {'$': '$.index'}}}}}}]}}}, 'while': '$.nodes.c.go', 'max': 9}}}}}}}}",
		"[3, 1, 2]", NULL, NULL, NULL);
	expect("output", "[{'i':0,'n':3,'go':false},{'i':1,'n':1,'go':false},{'i':2,'n':2,'go':false}]",
		   "a choose in a repeat in a map");
	expect("statuses/m:item_0:r:iter_3:c:q", "'completed'", "ids nest");

	ask("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'w': {'workflow': 'c', 'input': {'$': '$.item'}}}}, 'max_parallel': 1}}}}",
		"['1 min', '2 min']", NULL, NULL,
		"{'workflows': {'c': {'nodes': {'d': {'delay': {'$': '$.input'}}, 'p': {'pure': {'$': '$.input'}, 'after': ['d']}}}}}");
	expect("output", "['1 min','2 min']", "child runs in a map");
	expect("elapsed", "180", "one at a time");

	ask(ACTION, "[1, 2]", "{'x': " PROPOSE("1", APPEND("{'m': {'map': {'over': '$.input', 'as': {'nodes': {'p': {'pure': {'$': '$.item * 2'}}}}}}}")) "}",
		NULL, NULL);
	expect("output", "[2,4]", "a map in a rewrite");
	expect("statuses/a:m:item_1:p", "'completed'", "its ids");
	expect("remaining_budget/nodes", "15", "one node is charged");

	ask("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'a': {'action': 'x'}}}}}}}", "[1, 2]",
		"{'x': " PROPOSE("1", APPEND("{'n': {'pure': {'$': '$.item'}}}")) "}", NULL, NULL);
	expect("output", "[1,2]", "rewrites in a map: what is added belongs to the item");
}

static const char *
whole(const char *document, const char *input, const char *bindings, const char *given_options)
{
	static char kept[65536];

	ask(document, input, bindings, NULL, given_options);
	strlcpy(kept, pulse_json_text(arena, result), sizeof(kept));
	return kept;
}

static void
test_same(void)
{
	const char *doc = "{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'a': {'action': 'x'}, 'w': {'workflow': 'c', 'after': ['a']}}}, 'tolerate': 1}}}}";
	const char *bindings = "{'x': [1, {'$error': {'class': 'server'}}, " PROPOSE("1", APPEND("{'n': {'noop': true}}")) ", {'$error': {}}, 4]}";
	const char *opts = "{'workflows': {'c': {'nodes': {'k': {'action': 'x', 'retry': {'max_attempts': 2}}}}}}";
	char	   *first = pg_strdup(whole(doc, "[1, 2, 3, 4]", bindings, opts));

	is(whole(doc, "[1, 2, 3, 4]", bindings, opts), first, "the same input, the same trace");
	free(first);
}

int
main(void)
{
	test_forms();
	test_bindings();
	test_rejections();
	test_suspend();
	test_choose();
	test_map();
	test_repeat();
	test_workflow();
	test_nesting();
	test_same();
	forget();
	return tap_done();
}
