/*
 * test_stage.c
 *		Stage results: every word, everything that can be wrong with one, and where.
 *
 * Each document is tried as the answer of a host and as the value of a pure node, which
 * must come to the same.
 */
#include "postgres_fe.h"

#include "core/answer.h"
#include "core/outcome.h"
#include "core/stage.h"
#include "tap.h"

#define STAGE "application/vnd.pulse.result+json"
#define FRAGMENT "{\"nodes\": {\"x\": {\"noop\": true}}}"

static PulseArena *arena;

static const PulseJson *
parse(const char *text)
{
	PulseDiag	diag;

	pulse_diag_init(&diag, arena);
	return pulse_json_parse(arena, text, strlen(text), &diag);
}

static PulseAnswer
classify(const char *body, const char *const *secrets, int n)
{
	PulseResponse r;
	PulseAnswer a;

	memset(&r, 0, sizeof(r));
	r.connected = r.sent = true;
	r.sends = 1;
	r.status = 200;
	r.content_type = STAGE;
	r.body = body;
	r.body_len = strlen(body);
	r.error = "";
	r.address = "";
	pulse_answer_classify(arena, &r, 0, secrets, n, &a);
	return a;
}

static const char *
text_of(const PulseJson *value)
{
	return value ? pulse_json_text(arena, value) : "-";
}

/* An outcome in one line. */
static const char *
shown(const PulseOutcome *o)
{
	static const char *const stages[] = {"complete", "rewrite", "reject", "suspend"};

	if (o->kind == PULSE_OUTCOME_SUCCEEDED)
		return pulse_arena_printf(arena, "%s output %s rewrite %s reason %s signal %s",
								  stages[o->stage], text_of(o->output), text_of(o->rewrite),
								  text_of(o->reason), o->signal ? o->signal : "-");
	return pulse_arena_printf(arena, "%s %s code %s: %s", o->retryable ? "retry" : "failed",
							  o->class, o->code ? o->code : "-",
							  pulse_json_get(o->error, "message")->u.text);
}

static void
check(const char *body, const char *expected)
{
	PulseAnswer a = classify(body, NULL, 0);
	PulseOutcome o;

	pulse_outcome_from_answer(arena, &a, 200, &o);
	is(shown(&o), expected, body);
	is_int(o.http_status, 200, "it has a status");
	pulse_outcome_from_stage_result(arena, parse(body), &o);
	is(shown(&o), expected, "as the value of a pure node");
	is_int(o.http_status, 0, "which has none");
}

/* A malformed one; where is the path and what follows it. */
static void
bad(const char *body, const char *where)
{
	check(body, pulse_arena_printf(arena, "failed bad_response code -: malformed stage result: %s", where));
}

static void
test_words(void)
{
	check("{\"result\": \"complete\", \"output\": {\"a\": 1}}",
		  "complete output {\"a\":1} rewrite - reason - signal -");
	check("{\"result\": \"complete\"}", "complete output null rewrite - reason - signal -");
	check("{\"result\": \"complete\", \"output\": null}",
		  "complete output null rewrite - reason - signal -");
	check("{\"result\": \"rewrite\", \"output\": 7, \"rewrite\": {\"form\": \"append\", \"fragment\": " FRAGMENT "}}",
		  "rewrite output 7 rewrite {\"form\":\"append\",\"fragment\":{\"nodes\":{\"x\":{\"noop\":true}}}} "
		  "reason - signal -");
	check("{\"result\": \"rewrite\", \"rewrite\": {\"form\": \"replace\", \"fragment\": {\"nodes\": {}}}}",
		  "rewrite output null rewrite {\"form\":\"replace\",\"fragment\":{\"nodes\":{}}} reason - signal -");
	check("{\"result\": \"reject_rewrite\"}", "reject output null rewrite - reason - signal -");
	check("{\"result\": \"reject_rewrite\", \"output\": 1, \"reason\": {\"too\": \"big\"}}",
		  "reject output 1 rewrite - reason {\"too\":\"big\"} signal -");
	check("{\"result\": \"reject_rewrite\", \"reason\": null}",
		  "reject output null rewrite - reason - signal -");
	check("{\"result\": \"suspend\", \"signal\": \"approved\"}",
		  "suspend output - rewrite - reason - signal approved");
	check("{\"result\": \"fail\"}", "failed action code -: the action reported a failure");
	check("{\"result\": \"fail\", \"error\": null}", "failed action code -: the action reported a failure");
	check("{\"result\": \"fail\", \"error\": \"no luck\"}", "failed action code -: no luck");
	check("{\"result\": \"fail\", \"error\": {\"code\": \"c\", \"title\": \"t\", \"detail\": \"d\", \"extra\": 1}}",
		  "failed action code c: d");
	check("{\"result\": \"fail\", \"error\": {\"retryable\": true}}",
		  "retry action code -: the action reported a failure");

	/* what any of them may carry */
	check("{\"result\": \"suspend\", \"signal\": \"s\", \"progress\": 50, \"cost\": {\"amount\": \"0.0042\", "
		  "\"unit\": \"USD\"}, \"logs\": [{\"level\": \"info\"}], \"emit\": []}",
		  "suspend output - rewrite - reason - signal s");
	check("{\"result\": \"complete\", \"progress\": null, \"cost\": null, \"logs\": null, \"emit\": null}",
		  "complete output null rewrite - reason - signal -");
	check("{\"result\": \"complete\", \"cost\": {\"amount\": 1.5}}",
		  "complete output null rewrite - reason - signal -");

	ok(pulse_stage_looks_like(parse("{\"result\": \"suspend\", \"x\": 1}")), "looks like one");
	ok(!pulse_stage_looks_like(parse("{\"result\": \"other\"}")), "another word");
	ok(!pulse_stage_looks_like(parse("{\"output\": 1}")), "no word");
	ok(!pulse_stage_looks_like(parse("\"complete\"")), "no object");
}

static void
test_malformed(void)
{
	static const char words[] = "must be \"complete\", \"rewrite\", \"reject_rewrite\", \"suspend\" or "
	"\"fail\", not";
	char		name[300];

	bad("[]", "$: must be an object, not a list");
	bad("null", "$: must be an object, not null");
	bad("\"complete\"", "$: must be an object, not a text");
	bad("{}", "$: the key \"result\" is missing");
	bad("{\"output\": 1}", "$: the key \"result\" is missing");
	bad("{\"result\": 1}", pulse_arena_printf(arena, "$.result: %s a number", words));
	bad("{\"result\": null}", pulse_arena_printf(arena, "$.result: %s null", words));
	bad("{\"result\": \"Complete\"}", pulse_arena_printf(arena, "$.result: %s \"Complete\"", words));

	/* keys */
	bad("{\"result\": \"complete\", \"outptu\": 1}", "$.outptu: unknown key \"outptu\"");
	bad("{\"result\": \"complete\", \"out put\": 1}", "$.\"out put\": unknown key \"out put\"");
	bad("{\"result\": \"complete\", \"rewrite\": {}}",
		"$.rewrite: a stage result \"complete\" has no key \"rewrite\"");
	bad("{\"result\": \"complete\", \"signal\": \"s\"}",
		"$.signal: a stage result \"complete\" has no key \"signal\"");
	bad("{\"result\": \"complete\", \"error\": {}}",
		"$.error: a stage result \"complete\" has no key \"error\"");
	bad("{\"result\": \"complete\", \"reason\": 1}",
		"$.reason: a stage result \"complete\" has no key \"reason\"");
	bad("{\"result\": \"suspend\", \"signal\": \"s\", \"output\": 1}",
		"$.output: a stage result \"suspend\" has no key \"output\"");
	bad("{\"result\": \"fail\", \"output\": 1}", "$.output: a stage result \"fail\" has no key \"output\"");
	bad("{\"result\": \"reject_rewrite\", \"rewrite\": {}}",
		"$.rewrite: a stage result \"reject_rewrite\" has no key \"rewrite\"");
	bad("{\"result\": \"reject_rewrite\", \"error\": \"x\"}",
		"$.error: a stage result \"reject_rewrite\" has no key \"error\"");

	/* signals */
	bad("{\"result\": \"suspend\"}", "$: the key \"signal\" is missing");
	bad("{\"result\": \"suspend\", \"signal\": null}", "$.signal: must be the name of a signal, not null");
	bad("{\"result\": \"suspend\", \"signal\": 5}", "$.signal: must be the name of a signal, not a number");
	bad("{\"result\": \"suspend\", \"signal\": \"\"}", "$.signal: must have 1 to 200 bytes");
	memset(name, 'x', 201);
	name[201] = '\0';
	bad(pulse_arena_printf(arena, "{\"result\": \"suspend\", \"signal\": \"%s\"}", name),
		"$.signal: must have 1 to 200 bytes");
	name[200] = '\0';
	check(pulse_arena_printf(arena, "{\"result\": \"suspend\", \"signal\": \"%s\"}", name),
		  pulse_arena_printf(arena, "suspend output - rewrite - reason - signal %s", name));
	bad("{\"result\": \"suspend\", \"signal\": \"pulse.x\"}",
		"$.signal: the signal name \"pulse.x\" is reserved for the engine");

	/* failures and the rest */
	bad("{\"result\": \"fail\", \"error\": 5}", "$.error: must be an object or text, not a number");
	bad("{\"result\": \"fail\", \"error\": []}", "$.error: must be an object or text, not a list");
	bad("{\"result\": \"complete\", \"cost\": 5}", "$.cost: must be an object, not a number");
	bad("{\"result\": \"complete\", \"cost\": {\"amount\": []}}",
		"$.cost.amount: must be a number or text, not a list");
	bad("{\"result\": \"complete\", \"cost\": {\"unit\": 5}}", "$.cost.unit: must be text, not a number");
	bad("{\"result\": \"complete\", \"logs\": {}}", "$.logs: must be a list, not an object");
	bad("{\"result\": \"complete\", \"logs\": [{}, 1]}", "$.logs[1]: must be an object, not a number");
	bad("{\"result\": \"complete\", \"emit\": \"x\"}", "$.emit: must be a list, not a text");
	bad("{\"result\": \"complete\", \"emit\": [null]}", "$.emit[0]: must be an object, not null");
}

static void
bad_rewrite(const char *rewrite, const char *where)
{
	bad(pulse_arena_printf(arena, "{\"result\": \"rewrite\", \"output\": 1, \"rewrite\": %s}", rewrite), where);
}

static void
bad_fragment(const char *fragment, const char *where)
{
	bad_rewrite(pulse_arena_printf(arena, "{\"form\": \"append\", \"fragment\": %s}", fragment), where);
}

static void
test_rewrites(void)
{
	static const char forms[] = "must be \"replace\", \"retain\" or \"append\", not";
	PulseAnswer a;

	bad("{\"result\": \"rewrite\", \"output\": 1}", "$: the key \"rewrite\" is missing");
	bad_rewrite("null", "$.rewrite: must be an object, not null");
	bad_rewrite("[]", "$.rewrite: must be an object, not a list");
	bad_rewrite("{\"fragment\": " FRAGMENT "}", "$.rewrite: the key \"form\" is missing");
	bad_rewrite("{\"form\": \"append\"}", "$.rewrite: the key \"fragment\" is missing");
	bad_rewrite("{\"form\": \"insert\", \"fragment\": " FRAGMENT "}",
				pulse_arena_printf(arena, "$.rewrite.form: %s \"insert\"", forms));
	bad_rewrite("{\"form\": true, \"fragment\": " FRAGMENT "}",
				pulse_arena_printf(arena, "$.rewrite.form: %s true", forms));
	bad_rewrite("{\"form\": \"append\", \"fragment\": " FRAGMENT ", \"anchor\": \"a\"}",
				"$.rewrite.anchor: unknown key \"anchor\"");

	bad_fragment("[]", "$.rewrite.fragment: must be a fragment, which is an object with the key \"nodes\", not a list");
	bad_fragment("{}", "$.rewrite.fragment: the key \"nodes\" is missing");
	bad_fragment("{\"nodes\": []}", "$.rewrite.fragment.nodes: must be an object of node definitions by id, not a list");
	bad_fragment("{\"nodes\": {\"x\": 5}}", "$.rewrite.fragment.nodes.x: must be the definition of a node, not a number");
	bad_fragment("{\"nodes\": {\"x\": {\"noop\": true}}, \"nods\": {}}",
				 "$.rewrite.fragment.nods: unknown key \"nods\"");
	bad_fragment("{\"nodes\": {\"x\": {\"noop\": true}}, \"edges\": {}}",
				 "$.rewrite.fragment.edges: must be a list of edges, not an object");
	bad_fragment("{\"nodes\": {\"x\": {\"noop\": true}}, \"edges\": [[\"x\"]]}",
				 "$.rewrite.fragment.edges[0]: must be a list of two node ids");
	bad_fragment("{\"nodes\": {\"x\": {\"noop\": true}}, \"entries\": \"x\"}",
				 "$.rewrite.fragment.entries: must be a list of node ids, not a text");
	bad_fragment("{\"nodes\": {\"x\": {\"noop\": true}}, \"exits\": [1]}",
				 "$.rewrite.fragment.exits[0]: must be a node id, not a number");

	/* what can be read is for the plan: it says why it is not valid */
	check("{\"result\": \"rewrite\", \"rewrite\": {\"form\": \"retain\", \"fragment\": {\"nodes\": "
		  "{\"x\": {\"acton\": 1}}}}}",
		  "rewrite output null rewrite {\"form\":\"retain\",\"fragment\":{\"nodes\":{\"x\":{\"acton\":1}}}} "
		  "reason - signal -");

	/* several faults: all of them are kept */
	a = classify("{\"result\": \"rewrite\", \"rewrite\": {\"form\": 1, \"fragment\": 2}, \"cost\": 3}", NULL, 0);
	is_int(pulse_json_get(a.error, "details")->len, 3, "all findings");
	is(text_of(pulse_json_get(pulse_json_get(a.error, "details")->u.items[2], "path")),
	   "\"$.rewrite.fragment\"", "with paths");
	ok(pulse_json_get(a.error, "body") != NULL, "the body is kept as evidence");
	ok(a.cost == NULL && a.rewrite == NULL && a.output == NULL, "nothing of it is used");
}

static void
test_bounds(void)
{
	size_t		len = 3 * 1024 * 1024;
	char	   *key = pulse_arena_alloc(arena, len + 1);
	PulseAnswer a;

	memset(key, 'k', len);
	key[len] = '\0';
	a = classify(pulse_arena_printf(arena, "{\"result\": \"complete\", \"%s\": 1}", key), NULL, 0);
	is(a.class_, "bad_response", "a key of 3 MB");
	ok(strlen(a.message) < 2000, "the message is short");
}

static void
test_secrets(void)
{
	static const char *const secrets[] = {"s3cret-token"};
	PulseAnswer a;
	PulseOutcome o;

	a = classify("{\"result\": \"rewrite\", \"rewrite\": {\"form\": \"s3cret-token\", \"fragment\": "
				 FRAGMENT "}}", secrets, 1);
	is(a.message, "malformed stage result: $.rewrite.form: must be \"replace\", \"retain\" or \"append\", "
	   "not \"************\"", "secrets are blanked out in what is malformed");
	a = classify("{\"result\": \"s3cret-token\"}", secrets, 1);
	ok(strstr(text_of(a.error), "s3cret") == NULL, "everywhere");
	a = classify("{\"result\": \"complete\", \"s3cret-token\": 1, \"cost\": 1}", secrets, 1);
	ok(strstr(text_of(a.error), "s3cret") == NULL, "in keys");
	a = classify("{\"result\": \"reject_rewrite\", \"reason\": \"s3cret-token\", \"output\": \"s3cret-token\"}",
				 secrets, 1);
	pulse_outcome_from_answer(arena, &a, 200, &o);
	is(shown(&o), "reject output \"s3cret-token\" rewrite - reason \"************\" signal -",
	   "in reasons, not in outputs");
	a = classify("{\"result\": \"fail\", \"error\": \"s3cret-token\"}", secrets, 1);
	is(a.message, "************", "in failures");
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_words();
	test_malformed();
	test_rewrites();
	test_bounds();
	test_secrets();
	pulse_arena_free(arena);
	return tap_done();
}
