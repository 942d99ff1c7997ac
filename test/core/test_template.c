/*
 * test_template.c
 *		Templates: what is replaced, what is kept, what they refer to.
 */
#include "postgres_fe.h"

#include "core/template.h"

#include "tap.h"

#define MAX_STEPS 10000

static PulseArena *arena;
static const PulseJson *root;

static const PulseJson *
json(const char *text)
{
	PulseDiag	findings;
	const PulseJson *value;

	pulse_diag_init(&findings, arena);
	value = pulse_json_parse(arena, text, strlen(text), &findings);
	if (value == NULL)
		diag("%s: %s", text, findings.items[0].message);
	return value;
}

/* The value as compact text; or "path: message" of the first error. */
static const char *
eval(const char *text)
{
	PulseDiag	findings;
	PulseTemplate *tpl;
	const PulseJson *value;
	const char *error = NULL;

	pulse_diag_init(&findings, arena);
	tpl = pulse_template_compile(arena, json(text), "$.input", &findings);
	if (tpl == NULL)
		return pulse_arena_printf(arena, "%s: %s at %d", findings.items[0].path,
								  findings.items[0].code, findings.items[0].column);
	value = pulse_template_eval(tpl, root, arena, MAX_STEPS, &error);
	return value == NULL ? error : pulse_json_text(arena, value);
}

static PulseTemplate *
compile(const char *text)
{
	PulseDiag	findings;

	pulse_diag_init(&findings, arena);
	return pulse_template_compile(arena, json(text), "$", &findings);
}

static const char *
nested(int depth)
{
	StringInfoData buf;
	const char *result;

	initStringInfo(&buf);
	for (int i = 0; i < depth; i++)
		appendStringInfoString(&buf, "{\"x\":");
	appendStringInfoString(&buf, "{\"$\":\"$.deep\"}");
	for (int i = 0; i < depth; i++)
		appendStringInfoString(&buf, "}");
	result = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	return result;
}

static void
test_values(void)
{
	is(eval("1"), "1", "a scalar");
	is(eval("{\"a\": [1, {\"b\": null}]}"), "{\"a\":[1,{\"b\":null}]}", "a constant");
	is(eval("{\"$\": \"$.input.n\"}"), "7", "an expression");
	is(eval("{\"n\": {\"$\": \"$.input.n\"}, \"k\": 1}"), "{\"k\":1,\"n\":7}", "inside an object");
	is(eval("[{\"$\": \"$.none\"}, {\"$\": \"$.input.l[*]\"}, {\"$\": \"$.input.l\"}]"),
	   "[null,[1,2.50],[1,2.50]]", "no item, more items, an array");
	is(eval("{\"$literal\": {\"$\": \"$.input\"}}"), "{\"$\":\"$.input\"}", "a literal");
	is(eval("{\"a\": {\"$literal\": {\"$literal\": 1}}}"), "{\"a\":{\"$literal\":1}}",
	   "a literal in a literal");
	is(eval("{\"$\": \"$.input.n\", \"b\": 1}"), "{\"$\":\"$.input.n\",\"b\":1}",
	   "two keys are an ordinary object");
	is(eval("{\"$\": \"$.input.n + 0.5\"}"), "7.5", "arithmetic");
	is(eval("{\"$\": \"$.input.n == 7\"}"), "true", "a condition as value");
}

static void
test_errors(void)
{
	is(eval("{\"a\": [0, {\"b c\": {\"$\": \"$.x +\"}}]}"),
	   "$.input.a[1].\"b c\".\"$\": bad_expression at 6", "path and column of a bad expression");
	is(eval("{\"$\": 5}"), "$.input.\"$\": bad_template at 0", "not a string");
	is(eval("{\"a\": {\"$\": \"strict $.x\"}}"), "$.input.a.\"$\": expression_unsupported at 1",
	   "strict mode");
	is(eval("[1, {\"$\": \"$.input.s + 1\"}]"),
	   "the left operand of + must be a single number, not a string", "an error in evaluation");
	is(eval("[{\"$\": \"$.many[*] ? (@ > 0)\"}, {\"$\": \"$.many[*] ? (@ > 0)\"}]"),
	   "the evaluation takes too many steps", "steps are shared by all expressions");
	ok(eval("{\"$\": \"$.many[*] ? (@ > 0)\"}")[0] == '[', "one of them has enough");

	ok(eval(nested(50))[0] == '{', "50 and 50 deep");
	is(eval(nested(51)), "the result is nested more than 100 deep", "51 and 50 deep");
}

static void
test_shared(void)
{
	const PulseJson *source = json("{\"a\": {\"deep\": [1, 2]}, \"b\": {\"$\": \"$.input.n\"}}");
	PulseDiag	findings;
	PulseTemplate *tpl;
	const PulseJson *value;
	const char *error;

	pulse_diag_init(&findings, arena);
	tpl = pulse_template_compile(arena, source, "$", &findings);
	value = pulse_template_eval(tpl, root, arena, MAX_STEPS, &error);
	ok(pulse_json_get(value, "a") == pulse_json_get(source, "a"), "constant parts are shared");
	ok(!pulse_template_is_constant(tpl), "not constant");
	ok(pulse_template_is_constant(compile("{\"a\": [1]}")), "constant");
	tpl = compile("{\"a\": [{\"$literal\": {\"$\": 1}}]}");
	ok(pulse_template_is_constant(tpl), "constant with a literal");
	is(pulse_json_text(arena, pulse_template_eval(tpl, root, arena, 0, &error)),
	   "{\"a\":[{\"$\":1}]}", "its value");
}

static void
test_refs(void)
{
	const PulseExprRefs *refs;
	PulseTemplate *tpl;

	tpl = compile("[{\"$\": \"$.nodes.b.x\"}, {\"$\": \"$.nodes.\\\"a-1\\\" + $.nodes.b.y\"},"
				  " {\"$\": \"$.input.n + $.item\"}, {\"$\": \"$.input\"}]");
	refs = pulse_template_refs(tpl);
	is_int(refs->n_nodes, 2, "two nodes");
	is(refs->nodes[0], "b", "the first");
	is(refs->nodes[1], "a-1", "the second");
	is_int(refs->n_members, 2, "two members");
	is(refs->members[0], "input", "input");
	is(refs->members[1], "item", "item");
	ok(!refs->all_nodes, "not all nodes");
	refs = pulse_template_refs(compile("[{\"$\": \"$.nodes.a\"}, {\"$\": \"$.nodes\"}]"));
	ok(refs->all_nodes, "all nodes");
	is_int(refs->n_nodes, 1, "and one by name");
}

int
main(void)
{
	StringInfoData buf;

	arena = pulse_arena_create(0);
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"input\": {\"n\": 7, \"s\": \"x\", \"l\": [1, 2.50]}, \"deep\": ");
	for (int i = 0; i < 50; i++)
		appendStringInfoString(&buf, "[");
	for (int i = 0; i < 50; i++)
		appendStringInfoString(&buf, "]");
	appendStringInfoString(&buf, ", \"many\": [0");
	for (int i = 0; i < 2000; i++)
		appendStringInfoString(&buf, ",1");
	appendStringInfoString(&buf, "]}");
	root = json(buf.data);
	pfree(buf.data);

	test_values();
	test_errors();
	test_shared();
	test_refs();
	pulse_arena_free(arena);
	return tap_done();
}
