/*
 * test_section7.c
 *		Rewrites: semantics section 7 sentence by sentence, each a named case.
 *
 * The cases drive the step function as an engine does. What a rewrite is checked for
 * beside (random graphs, every code in every place) is in test_rewrite.c and
 * test_growth_model.c.  Documents are written with ' for ".
 */
#include "postgres_fe.h"

#include "core/budget.h"
#include "core/graph_grow.h"
#include "core/replay.h"
#include "core/rewrite.h"
#include "core/step.h"
#include "tap.h"

#define T0 INT64CONST(1700000000000000)

static PulseArena *arena;

/* One run. */
static PulseGraph *base;
static PulseRunState *run;
static PulseStep step;
static PulseStepResult result;
static pg_prng_state prng;

static const PulseJson *
document(const char *text)
{
	PulseDiag findings;
	const PulseJson *doc;
	char *copy = pulse_arena_strdup(arena, text);

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	pulse_diag_init(&findings, arena);
	doc = pulse_json_parse(arena, copy, strlen(copy), &findings);
	if (doc == NULL)
	{
		printf("Bail out! no JSON: %s\n", text);
		exit(1);
	}
	return doc;
}

/* ' for " again, with a space behind commas and colons; NULL stays. */
static const char *
text_of(const PulseJson *value)
{
	const char *from;
	char *text;
	char *to;
	bool quoted = false;

	if (value == NULL)
		return NULL;
	from = pulse_json_text(arena, value);
	text = to = pulse_arena_alloc(arena, 2 * strlen(from) + 1);
	for (; *from != '\0'; from++)
	{
		quoted ^= *from == '"';
		*to++ = *from == '"' ? '\'' : *from;
		if (!quoted && (*from == ',' || *from == ':') && from[1] != ' ')
			*to++ = ' ';
	}
	*to = '\0';
	return text;
}

static PulseActionInfo
action_info(void *arg, const char *name)
{
	PulseActionInfo info = { true, NULL, NULL };

	return info;
}

static void
feed(PulseFact *facts, int n)
{
	memset(&step, 0, sizeof(step));
	step.scratch = arena;
	step.now = T0;
	step.prng = &prng;
	step.max_expr_steps = PULSE_EXPR_MAX_STEPS;
	step.action = action_info;
	result = pulse_step(&step, run, facts, n);
	for (int i = 0; i < run->graph->n_nodes; i++)
	{
		run->nodes[i].has_row |= run->nodes[i].dirty;
		run->nodes[i].dirty = false;
	}
}

/* A new run of a graph, started. */
static void
begin(const char *graph, const char *input)
{
	PulseDiag findings;
	PulseFact start = { .kind = PULSE_FACT_START, .node = -1, .at = T0 };

	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(document(graph), PULSE_GRAPH_DEFINE, &findings);
	if (base == NULL)
	{
		printf("Bail out! %s: %s\n", findings.items[0].path, findings.items[0].message);
		exit(1);
	}
	run = pulse_state_create(base);
	run->input = document(input);
	feed(&start, 1);
}

static void
end(void)
{
	pulse_state_free(run);
	pulse_graph_free(base);
	run = NULL;
}

static int
number(const char *id)
{
	return pulse_graph_find(run->graph, id, strlen(id));
}

static void
set_outcome(PulseFact *fact, PulseOutcome *o, const char *id, PulseStageResult stage, const char *output)
{
	memset(fact, 0, sizeof(*fact));
	memset(o, 0, sizeof(*o));
	fact->kind = PULSE_FACT_OUTCOME;
	fact->node = number(id);
	fact->at = T0;
	fact->outcome = o;
	o->kind = PULSE_OUTCOME_SUCCEEDED;
	o->stage = stage;
	o->output = document(output);
	o->attempt = fact->node < 0 ? 0 : run->nodes[fact->node].attempt;
}

/* A node answers with a stage result; document: the rewrite, the reason, or NULL. */
static void
answer(const char *id, PulseStageResult stage, const char *output, const char *what)
{
	PulseOutcome o;
	PulseFact fact;

	set_outcome(&fact, &o, id, stage, output);
	if (stage == PULSE_STAGE_REWRITE)
		o.rewrite = document(what);
	else if (what != NULL)
		o.reason = document(what);
	feed(&fact, 1);
}

static void
completes(const char *id, const char *output)
{
	answer(id, PULSE_STAGE_COMPLETE, output, NULL);
}

static void
rewrites(const char *id, const char *rewrite)
{
	answer(id, PULSE_STAGE_REWRITE, "{'by': 'it'}", rewrite);
}

/* "a completed, b:c pending": all nodes in id order. */
static const char *
statuses(void)
{
	const char *text = "";

	pulse_graph_settle(run->graph);
	for (int i = 0; i < pulse_graph_size(run->graph); i++)
	{
		int at = pulse_graph_at_rank(run->graph, i);

		text = pulse_arena_printf(arena, "%s%s%s %s", text, i > 0 ? ", " : "", run->graph->nodes[at]->id,
								  pulse_status_name(run->nodes[at].status));
	}
	return text;
}

/* "a>b, b>c" */
static const char *
edges(void)
{
	const char *text = "";

	pulse_graph_settle(run->graph);
	for (int i = 0; i < pulse_graph_size(run->graph); i++)
	{
		const PulseNode *node = run->graph->nodes[pulse_graph_at_rank(run->graph, i)];

		for (int k = 0; k < node->n_succs; k++)
			text = pulse_arena_printf(arena, "%s%s%s>%s", text, *text == '\0' ? "" : ", ", node->id,
									  run->graph->nodes[node->succs[k]]->id);
	}
	return text;
}

static const PulseCommand *
command(PulseCommandKind kind, const char *id)
{
	for (int i = 0; i < step.n_commands; i++)
	{
		const PulseCommand *cmd = &step.commands[i];

		if (cmd->kind == kind && (id == NULL || strcmp(pulse_command_node(run, cmd), id) == 0))
			return cmd;
	}
	return NULL;
}

static const PulseGrowthRecord *
record(void)
{
	static const PulseGrowthRecord none = { .anchor = "no record", .form = "" };
	const PulseCommand *cmd = NULL;

	for (int i = 0; i < step.n_commands; i++)
	{
		if (step.commands[i].kind == PULSE_CMD_GROWTH)
			cmd = &step.commands[i];
	}
	return cmd == NULL ? &none : cmd->growth;
}

static const char *
input_of(const char *id)
{
	const PulseCommand *cmd = command(PULSE_CMD_DISPATCH, id);

	return cmd == NULL ? "not called" : text_of(cmd->input);
}

/* "nodes edges depth frontier operations", as numbers */
static const char *
dims(const PulseJson *budget)
{
	const char *text = "";

	for (int i = 0; budget != NULL && i < PULSE_BUDGET_DIMS; i++)
		text = pulse_arena_printf(arena, "%s%s%s", text, i > 0 ? " " : "",
								  text_of(pulse_json_get(budget, pulse_budget_dim_name(i))));
	return text;
}

/* "dimension requested>remaining, …" */
static const char *
exceeded(const PulseJson *list)
{
	const char *text = "";

	for (uint32 i = 0; list != NULL && i < list->len; i++)
	{
		const PulseJson *e = list->u.items[i];

		text = pulse_arena_printf(arena, "%s%s%s %s>%s", text, i > 0 ? ", " : "",
								  pulse_json_get(e, "dimension")->u.text,
								  text_of(pulse_json_get(e, "requested")), text_of(pulse_json_get(e, "remaining")));
	}
	return text;
}

static const char *
budget_left(void)
{
	return dims(pulse_budget_json(&run->budget, arena));
}

static const char *
status(const char *id)
{
	int at = number(id);

	return at < 0 ? "not in the graph" : pulse_status_name(run->nodes[at].status);
}

static const char *
output(const char *id)
{
	int at = number(id);

	return at < 0 ? "not in the graph" : text_of(run->nodes[at].output);
}

/* "code node, …" */
static const char *
errors(const PulseGrowthRecord *r)
{
	const char *text = "";

	for (uint32 i = 0; r->errors != NULL && i < r->errors->len; i++)
	{
		const PulseJson *node = pulse_json_get(r->errors->u.items[i], "node");

		text = pulse_arena_printf(arena, "%s%s%s%s%s", text, i > 0 ? ", " : "",
								  pulse_json_get(r->errors->u.items[i], "code")->u.text,
								  node != NULL ? " " : "", node != NULL ? node->u.text : "");
	}
	return text;
}

static const char *
class_of(const PulseJson *error)
{
	const PulseJson *class = error == NULL ? NULL : pulse_json_get(error, "class");

	return class == NULL ? "none" : class->u.text;
}

#define DIAMOND "{'nodes': {'a': {'action': 'x'}, 'b': {'action': 'x', 'after': ['a']}, 'c': {'noop': true, 'after': ['a']}," \
				" 'd': {'action': 'x', 'after': ['b', 'c']}, 'e': {'noop': true, 'after': ['b']}}}"
#define FRAGMENT "{'nodes': {'p': {'action': 'x'}, 'q': {'action': 'x'}, 'r': {'action': 'x', 'after': ['p']}}}"

static const char *
form(const char *name, const char *fragment)
{
	return pulse_arena_printf(arena, "{'form': '%s', 'fragment': %s}", name, fragment);
}

/*
 * ---------------------------------------------------------------------
 * Who rewrites, and the forms
 * ---------------------------------------------------------------------
 */

static void
test_proposers(void)
{
	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", form("retain", FRAGMENT));
	is(status("b"), "rewritten", "a host action may answer with a rewrite");
	is(output("b"), "{'by': 'it'}", "... beside its output");
	end();

	begin("{'nodes': {'a': {'pure': {'result': 'rewrite', 'output': {'$': '$.input'}, 'rewrite': {'$literal': "
		  "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}}}}}}, 'result': true}, 'b': {'noop': true, 'after': ['a']}}}", "7");
	is(statuses(), "a rewritten, a:p completed, b completed", "a pure node may answer with a rewrite");
	is(output("a"), "7", "... beside its output");
	end();
}

static void
test_forms(void)
{
	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", form("replace", FRAGMENT));
	is(status("b"), "not in the graph", "replace: the proposing node leaves the graph");
	is(edges(), "a>b:p, a>b:q, a>c, b:p>b:r, b:q>d, b:q>e, b:r>d, b:r>e, c>d",
	   "replace: a fragment takes its place: Pre x En and Ex x Suc are added, its own edges are gone");
	is(statuses(), "a completed, b:p running, b:q running, b:r pending, c completed, d pending, e pending",
	   "replace: the anchor's node leaves the state, new nodes are pending and run as they become ready");
	is(text_of(record()->output), "{'by': 'it'}", "replace: its output is kept in the record");
	is(input_of("b:p"), "{'a': 2}", "replace: entries read the outputs of Pre");
	ok(command(PULSE_CMD_NODE_GONE, "b") != NULL, "replace: the row of the node is to be deleted");
	end();

	begin("{'nodes': {'a': {'action': 'x'}, 'b': {'noop': true, 'after': ['a']}}}", "{'i': 1}");
	rewrites("a", form("replace", "{'nodes': {'p': {'action': 'x'}}}"));
	is(input_of("a:p"), "{'i': 1}", "replace: entries of a root read the run's input");
	is(edges(), "a:p>b", "replace: a root is replaced by a root");
	end();

	for (int i = 0; i < 2; i++)
	{
		const char *name = i == 0 ? "retain" : "append";

		begin(DIAMOND, "1");
		completes("a", "2");
		rewrites("b", form(name, FRAGMENT));
		is(edges(), "a>b, a>c, b>b:p, b>b:q, b:p>b:r, b:q>d, b:q>e, b:r>d, b:r>e, c>d",
		   pulse_arena_printf(arena, "%s: the proposing node stays, the fragment is put between it and its successors: "
							  "anchor > Suc is gone, anchor x En and Ex x Suc are there", name));
		is(statuses(), "a completed, b rewritten, b:p running, b:q running, b:r pending, c completed, d pending, e pending",
		   pulse_arena_printf(arena, "%s: the anchor is rewritten, new nodes are pending", name));
		is(input_of("b:q"), "{'b': {'by': 'it'}}", pulse_arena_printf(arena, "%s: entries read the anchor's output", name));
		is(record()->form, name, pulse_arena_printf(arena, "%s: is recorded as such", name));
		end();
	}
}

static void
test_fragments(void)
{
	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", form("append", "{'nodes': {'p': {'noop': true}, 'q': {'noop': true, 'after': ['p']}, 'r': {'noop': true}},"
					   " 'edges': [['p', 'r']], 'entries': ['p'], 'exits': ['r', 'q']}"));
	is(edges(), "a>b, a>c, b>b:p, b:p>b:q, b:p>b:r, b:q>d, b:q>e, b:r>d, b:r>e, c>d",
	   "a fragment has nodes, edges, entries, exits");
	end();

	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", form("append", "{'nodes': {'p': {'action': 'x'}, 'q': {'noop': true, 'after': ['p']}}, 'entries': ['p', 'q']}"));
	is(edges(), "a>b, a>c, b>b:p, b>b:q, b:p>b:q, b:q>d, b:q>e, c>d", "an entry may have a predecessor in the fragment");
	rewrites("b:p", form("retain", "{'nodes': {'p': {'action': 'x'}}}"));
	is(record()->anchor, "b:p", "the anchor is always the proposing node");
	ok(number("b:p:p") >= 0, "new ids are <anchor>:<local id>");
	rewrites("b:p:p", form("replace", "{'nodes': {'p': {'action': 'x'}}}"));
	ok(number("b:p:p:p") >= 0, "... and nesting repeats");
	end();
}

/*
 * ---------------------------------------------------------------------
 * Checks
 * ---------------------------------------------------------------------
 */

/* The rewrite is refused with these errors, and the node has failed at once. */
static void
refused(const char *graph, const char *rewrite, const char *expected, const char *name)
{
	const PulseGrowthRecord *r;

	begin(graph, "1");
	rewrites("a", rewrite);
	r = record();
	is(errors(r), expected, name);
	ok(strcmp(r->code ? r->code : "", "rewrite_invalid") == 0 && !r->admitted && r->cost == NULL &&
		   strcmp(class_of(run->nodes[number("a")].error), "rewrite_invalid") == 0 &&
		   strcmp(status("a"), "failed") == 0 && run->status == PULSE_RUN_FAILED,
	   "... and fails the node at once");
	end();
}

#define PAIR "{'nodes': {'a': {'action': 'x', 'retry': {'max_attempts': 5}}, 'b': {'pure': {'$': '$.nodes.a'}, 'after': ['a']}}}"

static void
test_checks(void)
{
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}, 'q': {'noop': true}},"
				  " 'edges': [['p', 'q'], ['q', 'p']], 'entries': ['p'], 'exits': ['q']}}",
			"fragment_cycle", "group 1: cycle");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {}}}", "fragment_empty, no_entries, no_exits",
			"group 1: empty, no entries or exits; errors inside a group accumulate");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}}, 'entries': ['p', 'p'], 'exits': ['p', 'p']}}",
			"duplicate_entry p, duplicate_exit p", "group 1: duplicates among entries and exits");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}}, 'entries': ['p', 'x'], 'exits': ['p', 'y']}}",
			"entry_outside x, exit_outside y", "group 1: entries or exits outside");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}, 'q': {'noop': true}}, 'entries': ['p'], 'exits': ['p']}}",
			"orphan q", "group 1: orphans");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true, 'after': ['x']}}}}",
			"undefined_node x", "group 1: undefined nodes");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'': {'noop': true}}}}", "empty_id ", "group 2: empty local id");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p:q': {'noop': true}}}}", "reserved_id p:q", "group 2: a colon in a local id");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}, 'q': {'acton': 'x'}}}}",
			"invalid_definition q, invalid_definition q", "group 3: everything the graph validator checks");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p:q': {'acton': 'x'}}, 'exits': ['y']}}",
			"exit_outside y, orphan p:q", "a group runs only if the one before is clean: 1 before 2");
	refused(PAIR, "{'form': 'append', 'fragment': {'nodes': {'p:q': {'acton': 'x'}}}}",
			"reserved_id p:q", "a group runs only if the one before is clean: 2 before 3");
	refused(PAIR, "{'form': 'replace', 'fragment': {'nodes': {'p': {'noop': true}}}}",
			"invalid_definition b", "group 3: a replace while anything that remains reads the anchor's output");
}

/* What the step function cannot come to by itself is asked of the planner. */
static const char *
planned(const char *graph, const char *state, const char *anchor, const char *rewrite)
{
	PulseDiag findings;
	const PulseJson *said;
	const PulseJson *list;
	const char *text = "";

	pulse_diag_init(&findings, arena);
	said = pulse_plan_rewrite(document(graph), document(state), anchor, document(rewrite), NULL, arena, &findings);
	if (said == NULL)
		return findings.items[0].message;
	list = pulse_json_get(said, "errors");
	for (uint32 i = 0; i < list->len; i++)
		text = pulse_arena_printf(arena, "%s%s ", text, pulse_json_get(list->u.items[i], "code")->u.text);
	return text;
}

static void
test_anchor(void)
{
	static const char *const may[] = { "pending", "running", "waiting", "completed", "rewritten", "skipped", "failed", "interrupted" };
	const char *rewrite = "{'form': 'append', 'fragment': {'nodes': {}}}";

	is(planned("{'edges': [['a', 'b']]}", "{}", "x", rewrite), "anchor_unknown ", "group 0: the anchor is in the graph");
	for (int i = 0; i < (int) lengthof(may); i++)
		is(planned("{'edges': [['a', 'b']]}", pulse_arena_printf(arena, "{'a': '%s'}", may[i]), "a", rewrite),
		   i < 3 ? "fragment_empty no_entries no_exits " : "anchor_not_proposer ",
		   pulse_arena_printf(arena, "group 0: a node that is %s %s", may[i], i < 3 ? "may propose" : "may not"));
	is(planned("{'nodes': {'a': {'noop': true}, 'a:p': {'noop': true}}}", "{}", "a",
			   "{'form': 'append', 'fragment': {'nodes': {'p': {'noop': true}}}}"),
	   "id_taken ", "group 2: id already taken");
}

/*
 * ---------------------------------------------------------------------
 * Budget
 * ---------------------------------------------------------------------
 */

static void
test_defaults(void)
{
	begin(PAIR, "1");
	is(budget_left(), "16 32 6 4 4",
	   "budget: five naturals per run, with their defaults");
	end();
	begin("{'nodes': {'a': {'noop': true}}, 'budget': {'nodes': 3, 'depth': 0}}", "1");
	is(budget_left(), "3 32 0 4 4", "budget: set by the workflow");
	end();
}

/* Cost of a rewrite by b of the diamond. */
static void
costs(const char *rewrite, const char *cost, const char *name)
{
	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", rewrite);
	is(dims(record()->cost), cost, name);
	end();
}

static void
test_costs(void)
{
	costs(form("append", "{'nodes': {'p': {'noop': true}}}"),
		  "1 3 1 0 1",
		  "cost: nodes, and edges present after and not before: b>p, p>d, p>e");
	costs(form("replace", "{'nodes': {'p': {'noop': true}}}"),
		  "1 3 0 0 1",
		  "cost: depth is one less for replace, not below 0");
	costs(form("retain", FRAGMENT),
		  "3 7 2 1 1",
		  "cost: depth is the nodes on the longest path from an entry, frontier entries - 1, operations 1");
	costs(form("retain", "{'nodes': {'p': {'noop': true}, 'q': {'noop': true, 'after': ['p']}}, 'entries': ['p', 'q']}"),
		  "2 5 2 1 1",
		  "cost: each edge once, also for an entry in the middle");
}

#define TIGHT(budget) "{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 0, 'on_exhausted': 'degrade'}}," \
					  " 'b': {'noop': true, 'after': ['a']}}, 'budget': " budget "}"

static void
test_admission_rule(void)
{
	static const char *const dims[] = { "nodes", "edges", "depth", "frontier", "operations" };
	static const int need[] = { 3, 5, 2, 1, 1 }; /* of the fragment, put behind a */

	for (int i = 0; i < PULSE_BUDGET_DIMS; i++)
	{
		const char *graph = "{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 0, 'on_exhausted': 'degrade'}}, "
							"'b': {'noop': true, 'after': ['a']}}, 'budget': {'%s': %d}}";

		begin(pulse_arena_printf(arena, graph, dims[i], need[i] - 1), "1");
		rewrites("a", form("append", FRAGMENT));
		is(exceeded(record()->exceeded), pulse_arena_printf(arena, "%s %d>%d", dims[i], need[i], need[i] - 1),
		   pulse_arena_printf(arena, "not admitted if the cost exceeds what remains of %s: requested and remaining are named", dims[i]));
		is_int(*pulse_budget_dim(&run->budget, i), need[i] - 1, "... and nothing is paid");
		ok(strcmp(record()->code ? record()->code : "", "budget_exceeded") == 0 && !record()->admitted && number("a:p") < 0 &&
			   record()->revision == 0 && run->revision == 0,
		   "... and nothing of it is in the graph");
		end();

		begin(pulse_arena_printf(arena, graph, dims[i], need[i]), "1");
		rewrites("a", form("append", FRAGMENT));
		ok(record()->admitted && *pulse_budget_dim(&run->budget, i) == 0, "admitted if it is just within %s", dims[i]);
		end();
	}
	begin(TIGHT("{'nodes': 0, 'edges': 0, 'depth': 0, 'frontier': 0, 'operations': 0}"), "1");
	rewrites("a", form("append", FRAGMENT));
	is(exceeded(record()->exceeded), "nodes 3>0, edges 5>0, depth 2>0, frontier 1>0, operations 1>0",
	   "a rejection names every exceeded dimension, in that fixed order");
	end();
}

static void
test_cumulative(void)
{
	begin("{'nodes': {'a': {'action': 'x'}, 'b': {'action': 'x'}}}", "1");
	rewrites("a", form("append", FRAGMENT));
	is(budget_left(), "13 29 4 3 3", "the cost is subtracted pointwise");
	is(dims(record()->budget_before), "16 32 6 4 4", "... the record has what was left before");
	is(dims(record()->budget_after), budget_left(), "... and after");
	rewrites("b", form("replace", FRAGMENT));
	is(budget_left(), "10 28 3 2 2", "all five are cumulative over the run");
	completes("a:p", "1");
	completes("a:q", "1");
	completes("a:r", "1");
	completes("b:p", "1");
	completes("b:q", "1");
	completes("b:r", "1");
	is(budget_left(), "10 28 3 2 2", "... and never refunded");
	ok(run->status == PULSE_RUN_COMPLETED, "... to the end of the run");
	end();
}

/* Two of one batch: in id order, each against what the other left. */
static void
test_together(void)
{
	PulseFact facts[2];
	PulseOutcome outcomes[2];

	begin("{'nodes': {'a': {'action': 'x'}, 'b': {'action': 'x', 'rewrite': {'max_reexecutions': 0, 'on_exhausted': 'degrade'}}},"
		  " 'budget': {'operations': 1}}", "1");
	set_outcome(&facts[0], &outcomes[0], "b", PULSE_STAGE_REWRITE, "1");
	set_outcome(&facts[1], &outcomes[1], "a", PULSE_STAGE_REWRITE, "1");
	outcomes[0].rewrite = outcomes[1].rewrite = document(form("append", "{'nodes': {'p': {'action': 'x'}}}"));
	feed(facts, 2);
	ok(number("a:p") >= 0 && number("b:p") < 0, "two nodes rewriting at the same time: one after the other, in node-id order");
	is(exceeded(record()->exceeded), "operations 1>0", "... each against the budget the other left");
	end();
}

/*
 * ---------------------------------------------------------------------
 * Admission
 * ---------------------------------------------------------------------
 */

static void
test_admission(void)
{
	const PulseGrowthRecord *r;
	char want[65];

	begin(DIAMOND, "1");
	completes("a", "2");
	rewrites("b", form("retain", FRAGMENT));
	r = record();
	ok(r->admitted && r->id == 1 && r->revision == 1 && run->revision == 1, "one step with the outcome: the record, and the new graph revision");
	ok(command(PULSE_CMD_NODE, "b") != NULL && command(PULSE_CMD_DISPATCH, "b:p") != NULL, "... the statuses");
	pulse_graph_settle(run->graph);
	is(r->hash, run->graph->hash, "... the graph's hash");
	{
		/* of the compact JSON [[sorted ids],[[from,to] sorted]] */
		PulseDiag findings;
		PulseGraph *same;

		pulse_diag_init(&findings, arena);
		same = pulse_graph_read(document("{'nodes': ['a', 'b', 'b:p', 'b:q', 'b:r', 'c', 'd', 'e'], 'edges': [['a','b'],['a','c'],"
										 "['b:p','b:r'],['b:q','d'],['b:q','e'],['b:r','d'],['b:r','e'],['b','b:p'],['b','b:q'],['c','d']]}"),
								PULSE_GRAPH_LIVE, &findings);
		strlcpy(want, same->hash, sizeof(want));
		pulse_graph_free(same);
	}
	is(r->hash, want, "... which is that of its ids and edges");
	ok(run->graph->nodes[number("b:p")]->origin == 1 && run->graph->nodes[number("b:r")]->origin == 1 &&
		   run->graph->nodes[number("a")]->origin == 0 && run->graph->nodes[number("b")]->origin == 0,
	   "... and the provenance of every new node");
	is(r->anchor, "b", "... with its proposer");
	ok(r->attempt == 1 && r->has_activation, "... and the attempt that proposed it");
	is(text_of(pulse_json_get(r->rewrite, "form")), "'retain'", "... the rewrite as proposed is kept");
	end();
}

/* A rewrite that is refused leaves the state as it was, whatever group refuses it. */
static void
test_nothing_of_it(void)
{
	char hash[65];

	begin("{'nodes': {'a': {'action': 'x', 'on_error': 'skip'}, 'b': {'action': 'x'}}}", "1");
	strlcpy(hash, run->graph->hash, sizeof(hash));
	rewrites("a", form("append", "{'nodes': {'p': {'noop': true}, 'q:': {'noop': true}}}"));
	pulse_graph_settle(run->graph);
	ok(strcmp(run->graph->hash, hash) == 0 && run->revision == 0 && pulse_graph_size(run->graph) == 2,
	   "all or nothing: an invalid rewrite adds nothing");
	is(statuses(), "a skipped, b running", "... and on_error applies to its node");
	end();
}

/*
 * ---------------------------------------------------------------------
 * Rejection
 * ---------------------------------------------------------------------
 */

static void
test_reexecution(void)
{
	PulseUuid first;
	const PulseJson *told;

	begin("{'nodes': {'a': {'action': 'x'}, 'b': {'noop': true, 'after': ['a']}}, 'budget': {'nodes': 2, 'edges': 1}}", "1");
	first = run->nodes[number("a")].activation;
	rewrites("a", form("append", FRAGMENT));
	ok(command(PULSE_CMD_DISPATCH, "a") != NULL, "over budget: the action is called again");
	ok(memcmp(&first, &run->nodes[number("a")].activation, sizeof(first)) != 0, "... each time as a new activation");
	is_int(run->nodes[number("a")].attempt, 2, "... attempt numbers go on");
	is(command(PULSE_CMD_ATTEMPT, "a") ? command(PULSE_CMD_ATTEMPT, "a")->outcome : "none", "rejected", "... the attempt is on record");
	told = run->nodes[number("a")].rejection;
	is(told == NULL ? NULL : text_of(pulse_json_get(told, "code")), "'budget_exceeded'", "... told why: the code");
	is(told == NULL ? NULL : exceeded(pulse_json_get(told, "exceeded")), "nodes 3>2, edges 5>1",
	   "... the exceeded dimensions");
	is(told == NULL ? NULL : dims(pulse_json_get(told, "budget")),
	   "2 1 6 4 4", "... the budget");
	answer("a", PULSE_STAGE_REJECT, "{'o': 1}", "{'why': 'so'}");
	told = run->nodes[number("a")].rejection;
	is(told == NULL ? NULL : text_of(pulse_json_get(told, "code")), "'rejected_by_host'", "a host that answers reject_rewrite: called again, told the code");
	is(told == NULL ? NULL : text_of(pulse_json_get(told, "reason")), "{'why': 'so'}", "... and the reason");
	is(record()->form, "reject", "... which is on record");
	is(text_of(record()->reason), "{'why': 'so'}", "... with its reason");
	rewrites("a", form("append", FRAGMENT));
	is(status("a"), "failed", "at most twice by default: then the policy is fail");
	is(class_of(run->nodes[number("a")].error), "rewrite_exhausted", "... class rewrite_exhausted");
	is_int(run->n_records, 3, "rejected rewrites are kept");
	is_int(run->revision, 0, "... and no revision of the graph");
	end();

	begin("{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 1, 'on_exhausted': 'degrade'}},"
		  " 'b': {'action': 'x', 'after': ['a']}}, 'budget': {'nodes': 2}}", "1");
	rewrites("a", form("append", FRAGMENT));
	is(status("a"), "running", "max_reexecutions 1: called again once");
	answer("a", PULSE_STAGE_REWRITE, "{'last': 1}", form("append", FRAGMENT));
	is(status("a"), "completed", "degrade: the last output counts as an ordinary completion");
	is(output("a"), "{'last': 1}", "... with that output");
	is(input_of("b"), "{'a': {'last': 1}}", "... for those that follow");
	ok(run->nodes[number("a")].rejection == NULL, "... and nothing is left to be told");
	end();

	begin("{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 0}}}, 'budget': {'nodes': 2}}", "1");
	answer("a", PULSE_STAGE_REJECT, "1", NULL);
	is(status("a"), "failed", "max_reexecutions 0: not called again");
	is(class_of(run->nodes[number("a")].error), "rewrite_exhausted", "... class rewrite_exhausted");
	end();

	begin("{'nodes': {'a': {'action': 'x'}}, 'budget': {'nodes': 2}}", "1");
	rewrites("a", form("append", FRAGMENT));
	rewrites("a", form("append", "{'nodes': {'p': {'action': 'x'}}}"));
	ok(number("a:p") >= 0 && strcmp(status("a"), "rewritten") == 0, "a smaller one may be admitted after a rejection");
	is_int(run->budget.nodes, 1, "... and only that one is paid");
	end();

	/* a pure node cannot be called again: it would say the same */
	begin("{'nodes': {'a': {'pure': {'result': 'rewrite', 'output': 1, 'rewrite': {'$literal': {'form': 'append', 'fragment': "
		  "{'nodes': {'p': {'noop': true}}}}}}, 'result': true}}, 'budget': {'nodes': 0}}", "1");
	is(class_of(run->nodes[number("a")].error), "rewrite_exhausted", "a pure node over budget fails, class rewrite_exhausted");
	end();
}

/*
 * ---------------------------------------------------------------------
 * What authors wrote
 * ---------------------------------------------------------------------
 */

static void
test_composites(void)
{
	const char *whole = "{'nodes': 0, 'edges': 0, 'depth': 0, 'frontier': 0, 'operations': 0}";

	begin(pulse_arena_printf(arena, "{'nodes': {'c': {'choose': [{'when': '$.input == 2', 'then': {'nodes': {'n': {'noop': true}}}},"
							 "{'else': {'nodes': {'p': {'action': 'x'}}}}]}, 'd': {'action': 'x', 'after': ['c']}}, 'budget': %s}", whole), "1");
	is(edges(), "c>c:p, c:out>d, c:p>c:out", "choose lowers onto an append of a known fragment, with a collecting node before the successors");
	is(statuses(), "c rewritten, c:out pending, c:p running, d pending", "... the node is rewritten");
	is(output("c"), "null", "... with output null");
	is(budget_left(), "0 0 0 0 0", "... and not charged to the budget");
	is(record()->form, "choose", "... but recorded");
	completes("c:p", "7");
	is(output("c:out"), "7", "... the result is the output of the exit");
	is(input_of("d"), "{'c': 7}", "... which others read by the id of the node");
	end();

	begin(pulse_arena_printf(arena, "{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {'p': {'action': 'x', 'input': {'$': '$.item'}}}}}},"
							 " 'd': {'action': 'x', 'after': ['m']}}, 'budget': %s}", whole), "[5, 6]");
	is(edges(), "m>m:item_0:p, m>m:item_1:p, m:item_0:p>m:out, m:item_1:p>m:out, m:out>d", "map lowers onto it, an instance an item");
	is(budget_left(), "0 0 0 0 0", "... and is not charged");
	is(input_of("m:item_1:p"), "6", "... each with its item");
	completes("m:item_1:p", "'second'");
	completes("m:item_0:p", "'first'");
	is(output("m:out"), "['first', 'second']", "... results in input order");
	end();

	begin("{'nodes': {'m': {'map': {'over': '$.input', 'max_items': 1, 'as': {'nodes': {'p': {'noop': true}}}}}}}", "[5, 6]");
	is(class_of(run->nodes[number("m")].error), "map_too_large", "... but bounded by its own limit");
	end();

	begin(pulse_arena_printf(arena, "{'nodes': {'r': {'repeat': {'body': {'nodes': {'p': {'action': 'x', 'input': {'$': '$.round'}}}},"
							 " 'while': '$.round < 2', 'max': 3}}, 'd': {'action': 'x', 'after': ['r']}}, 'budget': %s}", whole), "1");
	is(edges(), "r>r:iter_1:p, r:iter_1:p>r:out, r:out>d", "repeat lowers onto it, a round after the other");
	completes("r:iter_1:p", "1");
	is(edges(), "r>r:iter_2:p, r:iter_2:p>r:out, r:out>d", "... the next round in the place of the last");
	ok(record()->renewed && record()->id == 1 && record()->revision == 2, "... under the same record");
	is(budget_left(), "0 0 0 0 0", "... and is not charged");
	completes("r:iter_2:p", "2");
	is(output("r:out"), "2", "... the result is that of the last round");
	end();

	begin("{'nodes': {'r': {'repeat': {'body': {'nodes': {'p': {'noop': true}}}, 'while': '$.round > 0', 'max': 3}}}}", "1");
	is(class_of(run->error), "repeat_exhausted", "... but bounded by its own limit");
	end();
}

int
main(void)
{
	arena = pulse_arena_create(0);
	pg_prng_seed(&prng, 42);
	test_proposers();
	test_forms();
	test_fragments();
	test_checks();
	test_anchor();
	test_defaults();
	test_costs();
	test_admission_rule();
	test_cumulative();
	test_together();
	test_admission();
	test_nothing_of_it();
	test_reexecution();
	test_composites();
	pulse_arena_free(arena);
	return tap_done();
}
