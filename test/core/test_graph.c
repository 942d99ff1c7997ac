/*
 * test_graph.c
 *		Graphs are read, and every fault is refused with its code and path.
 *
 * Documents are written with ' for " to be legible.
 */
#include "postgres_fe.h"

#include "core/graph.h"

#include <time.h>

#include "common/pg_prng.h"

#include "core/graph_codes.h"
#include "core/sha256.h"
#include "core/suggest.h"
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

		diag("%s %s at %s: %s (%s) column %d",
			 f->severity == PULSE_SEV_ERROR ? "error" : "warning", f->code, f->path,
			 f->message, f->hint != NULL ? f->hint : "no hint", f->column);
	}
}

/* The finding with this code and path, or NULL. */
static const PulseFinding *
finding(const char *code, const char *path)
{
	for (int i = 0; i < findings.n; i++)
	{
		if (strcmp(findings.items[i].code, code) == 0 &&
			strcmp(findings.items[i].path, path) == 0)
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

	if (!ok(graph == NULL && f != NULL && findings.n_errors == 1,
			"%s at %s: %.90s", code, path, text))
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

	if (!ok(graph != NULL && findings.n_errors == 0, "accepted: %.100s", text))
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

static const PulseNode *
node(const PulseGraph *graph, const char *id)
{
	int n = pulse_graph_find(graph, id, strlen(id));

	return n < 0 ? NULL : graph->nodes[n];
}

/* "a,b" from node numbers */
static const char *
names(const PulseGraph *graph, const int *list, int n)
{
	char *s = pulse_arena_strdup(arena, "");

	for (int i = 0; i < n; i++)
		s = pulse_arena_printf(arena, "%s%s%s", s, i > 0 ? "," : "",
							   graph->nodes[list[i]]->id);
	return s;
}

static void
test_example(void)
{
	PulseGraph *g = accepted(
		"{'nodes': {"
		"'load': {'action': 'orders.load', 'input': {'id': {'$': '$.input.order_id'}}},"
		"'charge': {'action': 'payments.charge', 'after': ['load'], 'input': {'amount': {'$': '$.nodes.load.total'}},"
		" 'retry': {'max_attempts': 8, 'max': '10 min'}, 'timeout': '30 s'},"
		"'approve': {'signal': 'approve', 'after': ['charge'], 'when': '$.nodes.load.total > 500', 'timeout': '3 days'},"
		"'ship': {'action': 'warehouse.ship', 'after': ['charge', 'approve']},"
		"'sum': {'pure': {'order': {'$': '$.input.order_id'}, 'tracking': {'$': '$.nodes.ship.tracking'}}, 'after': ['ship']}},"
		"'output': {'$': '$.nodes.sum'}, 'deadline': '10 days', 'config': {'a': 1}, 'description': 'an order',"
		"'budget': {'nodes': 5, 'depth': 0}}");
	const PulseNode *n;
	int *anc;
	int n_anc;

	if (g == NULL)
		return;
	is_int(g->n_nodes, 5, "five nodes");
	is_int(g->n_edges, 5, "five edges");
	is(names(g, g->roots, g->n_roots), "load", "the root");
	is(names(g, g->sinks, g->n_sinks), "sum", "the sink");
	is(g->nodes[0]->id, "approve", "nodes stand in id order");
	is_int(g->nodes[3]->rank, 3, "rank is the number");
	n = node(g, "charge");
	is(n->name, "payments.charge", "name of the action");
	is_int(n->kind, PULSE_KIND_ACTION, "kind action");
	is_int(n->retry.max_attempts, 8, "max_attempts");
	is_int(n->retry.max, INT64CONST(600000000), "max in usec");
	ok(n->retry_given, "a policy is given");
	is_int(n->timeout, 30000000, "timeout in usec");
	is(names(g, n->preds, n->n_preds), "load", "predecessors of charge");
	is(names(g, n->succs, n->n_succs), "approve,ship", "successors of charge");
	is(names(g, n->refs, n->n_refs), "load", "charge reads load");
	n = node(g, "approve");
	is(names(g, n->refs, n->n_refs), "load", "approve reads load, two steps away");
	ok(n->when != NULL && n->kind == PULSE_KIND_SIGNAL && !n->timeout_completes, "approve");
	n = node(g, "ship");
	is(names(g, n->preds, n->n_preds), "approve,charge", "predecessors in id order");
	is_int(n->n_refs, 0, "direct predecessors are not listed for a missing input");
	ok(n->input == NULL && !n->retry_given && n->retry.max_attempts == 3, "defaults");
	is(names(g, g->output_refs, g->n_output_refs), "sum", "the output reads sum");
	is_int(g->deadline, INT64CONST(864000000000), "deadline in usec");
	ok(g->budget_given && g->budget.nodes == 5 && g->budget.depth == 0 && g->budget.edges == -1,
	   "budget, as far as given");
	is(g->description, "an order", "description");
	ok(pulse_json_get(g->config, "a") != NULL, "config");
	pulse_graph_ancestors(g, pulse_graph_find(g, "ship", 4), arena, &anc, &n_anc);
	is(names(g, anc, n_anc), "approve,charge,load", "ancestors in id order");
	pulse_graph_ancestors(g, pulse_graph_find(g, "load", 4), arena, &anc, &n_anc);
	is_int(n_anc, 0, "a root has none");
	is_int(pulse_graph_find(g, "shi", 3), -1, "no such node");
	is_int(pulse_graph_find(g, "ships", 5), -1, "no such longer node");
	pulse_graph_free(g);
}

static void
test_kinds(void)
{
	PulseGraph *g;

	g = accepted("{'nodes': {'a': {'delay': '5 min'}, 'b': {'delay': '$.input.wait'},"
				 "'c': {'delay': {'$': '$.input.wait'}}, 'd': {'until': '2026-11-21T10:00:00Z'},"
				 "'e': {'until': '$.input.at'}, 'f': {'noop': true, 'on_skip': 'run'}, 'g': {'delay': '0 s'},"
				 "'h': {'signal': 's', 'timeout': '1 s', 'on_timeout': 'complete'}}}");
	if (g != NULL)
	{
		is_int(g->nodes[0]->delay, 300000000, "a constant delay");
		ok(g->nodes[1]->delay_expr != NULL && g->nodes[1]->delay == -1, "a delay by expression");
		ok(g->nodes[2]->delay_expr != NULL, "a delay by template");
		ok(g->nodes[3]->until && g->nodes[3]->until_at == INT64CONST(1795255200000000), "until a moment");
		is(g->nodes[3]->until_text, "2026-11-21T10:00:00Z", "its text");
		ok(g->nodes[4]->until && g->nodes[4]->delay_expr != NULL, "until an expression");
		ok(g->nodes[5]->run_on_skip, "on_skip run");
		is_int(g->nodes[6]->delay, 0, "a delay of nothing");
		ok(g->nodes[7]->timeout_completes, "on_timeout complete");
		is(pulse_node_kind_name(g->nodes[0]), "delay", "kind name");
	}
	pulse_graph_free(g);

	refused("{'nodes': {'a': {}}}", "no_kind", "$.nodes.a");
	refused("{'nodes': {'a': {'after': []}}}", "no_kind", "$.nodes.a");
	refused("{'nodes': {'a': {'noop': true, 'action': 'x'}}}", "many_kinds", "$.nodes.a");
	refused("{'nodes': {'a': {'delay': '1 s', 'until': '2026-11-21T10:00:00Z'}}}", "many_kinds", "$.nodes.a");
	refused("{'nodes': {'a': {'noop': false}}}", "bad_value", "$.nodes.a.noop");
	refused("{'nodes': {'a': 5}}", "wrong_type", "$.nodes.a");
	refused("{'nodes': {'a': {'emit': {}}}}", "kind_unavailable", "$.nodes.a.emit");
	accepted_only("{'steps': []}");
	refused("{'nodes': {'a': {'action': ''}}}", "bad_name", "$.nodes.a.action");
	refused("{'nodes': {'a': {'action': 'x\\ny'}}}", "bad_name", "$.nodes.a.action");
	refused("{'nodes': {'a': {'action': 'x\\u007f'}}}", "bad_name", "$.nodes.a.action");
	refused("{'nodes': {'a': {'action': 'x\\u0085'}}}", "bad_name", "$.nodes.a.action");
	refused("{'nodes': {'a': {'action': 7}}}", "wrong_type", "$.nodes.a.action");
	refused("{'nodes': {'a': {'signal': 'a\\tb'}}}", "bad_name", "$.nodes.a.signal");
	refused("{'nodes': {'a': {'signal': 'pulse.x'}}}", "reserved_name", "$.nodes.a.signal");
	accepted_only("{'nodes': {'a': {'signal': 'pulses'}}}");
	accepted_only("{'nodes': {'a': {'action': 'größe'}}}");
	refused(pulse_arena_printf(arena, "{'nodes': {'a': {'action': '%0201d'}}}", 0),
			"bad_name", "$.nodes.a.action");
	accepted_only(pulse_arena_printf(arena, "{'nodes': {'a': {'action': '%0200d'}}}", 0));

	refused("{'nodes': {'a': {'delay': 5}}}", "wrong_type", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'delay': 'soon'}}}", "bad_duration", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'delay': '-1 s'}}}", "bad_duration", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'delay': '1 month'}}}", "bad_duration", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'delay': '366 days'}}}", "bad_duration", "$.nodes.a.delay");
	accepted_only("{'nodes': {'a': {'delay': '365 days'}}}");
	refused("{'nodes': {'a': {'delay': '$.input.'}}}", "bad_expression", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'delay': {'x': 1}}}}", "wrong_type", "$.nodes.a.delay");
	refused("{'nodes': {'a': {'until': 'tomorrow'}}}", "bad_timestamp", "$.nodes.a.until");
	refused("{'nodes': {'a': {'until': '2026-11-21T10:00:00'}}}", "bad_timestamp", "$.nodes.a.until");
	refused("{'nodes': {'a': {'until': 1}}}", "wrong_type", "$.nodes.a.until");
}

static void
test_keys(void)
{
	const PulseFinding *f;
	PulseGraph *g;

	f = refused("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'aftr': ['a']}}}",
				"unknown_key", "$.nodes.b.aftr");
	is(f ? f->hint : NULL, "Perhaps you meant \"after\".", "hint for a key");
	f = refused("{'nodes': {'a': {'acton': 'x', 'noop': true}}}", "unknown_key", "$.nodes.a.acton");
	is(f ? f->hint : NULL, "Perhaps you meant \"action\".", "hint for a kind");
	f = refused("{'nodes': {'a': {'xyzzy': 'x', 'noop': true}}}", "unknown_key", "$.nodes.a.xyzzy");
	is(f ? f->hint : NULL, NULL, "no hint where nothing is near");
	f = refused("{'nodes': {}, 'Output': 1}", "unknown_key", "$.Output");
	is(f ? f->hint : NULL, "Perhaps you meant \"output\".", "hint at the top");
	refused("{'nodes': {}, 'a b': 1}", "unknown_key", "$.\"a b\"");
	refused("{'nodes': {'x-y.z': {'noop': true, 'q': 1}}}", "unknown_key", "$.nodes.\"x-y.z\".q");
	refused("{}", "missing_key", "$");
	refused("[]", "wrong_type", "$");
	refused("{'nodes': []}", "wrong_type", "$.nodes");
	refused("{'nodes': {}, 'edges': []}", "unknown_key", "$.edges");
	refused("{'nodes': {}, 'nodes': {}}", "duplicate_key", "$.nodes");
	refused("{'nodes': {'a': {'noop': true}, 'a': {'noop': true}}}", "duplicate_key", "$.nodes.a");
	accepted_only("{'nodes': {}}");

	refused("{'nodes': {'': {'noop': true}}}", "bad_id", "$.nodes.\"\"");
	refused("{'nodes': {'a:b': {'noop': true}}}", "bad_id", "$.nodes.\"a:b\"");
	refused("{'nodes': {'a b': {'noop': true}}}", "bad_id", "$.nodes.\"a b\"");
	refused("{'nodes': {'é': {'noop': true}}}", "bad_id", "$.nodes.\"é\"");
	refused(pulse_arena_printf(arena, "{'nodes': {'a%0200d': {'noop': true}}}", 0), "bad_id",
			pulse_arena_printf(arena, "$.nodes.a%0200d", 0));
	accepted_only(pulse_arena_printf(arena, "{'nodes': {'%0200d': {'noop': true}}}", 0));

	refused("{'nodes': {'a': {'action': 'x', 'when': true}}}", "wrong_type", "$.nodes.a.when");
	f = refused("{'nodes': {'a': {'action': 'x', 'when': '$.input ='}}}", "bad_expression", "$.nodes.a.when");
	ok(f != NULL && f->column > 0, "a column is given");
	f = refused("{'nodes': {'a': {'action': 'x', 'input': {'k': [{'$': '$.input / 2'}]}}}}",
				"expression_unsupported", "$.nodes.a.input.k[0].\"$\"");
	ok(f != NULL && f->column > 0, "a column is given");
	refused("{'nodes': {'a': {'action': 'x', 'timeout': '0 s'}}}", "bad_duration", "$.nodes.a.timeout");
	refused("{'nodes': {'a': {'action': 'x', 'timeout': 3}}}", "wrong_type", "$.nodes.a.timeout");
	refused("{'nodes': {'a': {'action': 'x', 'timeout': '40000 days'}}}", "bad_duration", "$.nodes.a.timeout");
	refused("{'nodes': {'a': {'action': 'x', 'total_timeout': 'x'}}}", "bad_duration", "$.nodes.a.total_timeout");
	refused("{'nodes': {'a': {'action': 'x', 'config': []}}}", "wrong_type", "$.nodes.a.config");
	refused("{'nodes': {'a': {'action': 'x', 'description': 1}}}", "wrong_type", "$.nodes.a.description");
	refused("{'nodes': {'a': {'action': 'x', 'on_skip': 'go'}}}", "bad_value", "$.nodes.a.on_skip");
	refused("{'nodes': {'a': {'action': 'x', 'on_timeout': 'fail'}}}", "key_not_allowed", "$.nodes.a.on_timeout");
	f = refused("{'nodes': {'a': {'signal': 'x', 'timeout': '1 s', 'on_timeout': 'compete'}}}",
				"bad_value", "$.nodes.a.on_timeout");
	is(f ? f->hint : NULL, "Perhaps you meant \"complete\".", "hint for a word");
	refused("{'nodes': {'a': {'noop': true, 'rewrite': {}}}}", "key_not_allowed", "$.nodes.a.rewrite");
	refused("{'nodes': {'a': {'action': 'x', 'on_exhausted': 'fail'}}}", "key_not_allowed", "$.nodes.a.on_exhausted");
	accepted_only("{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': 0, 'on_exhausted': 'degrade'}}}}");
	refused("{'nodes': {'a': {'action': 'x', 'rewrite': 1}}}", "wrong_type", "$.nodes.a.rewrite");
	refused("{'nodes': {'a': {'action': 'x', 'rewrite': {'max': 1}}}}", "unknown_key", "$.nodes.a.rewrite.max");
	refused("{'nodes': {'a': {'action': 'x', 'rewrite': {'max_reexecutions': -1}}}}", "bad_value",
			"$.nodes.a.rewrite.max_reexecutions");
	refused("{'nodes': {'a': {'action': 'x', 'rewrite': {'on_exhausted': 'x'}}}}", "bad_value",
			"$.nodes.a.rewrite.on_exhausted");
	refused("{'nodes': {'a': {'action': 'x', 'retry': []}}}", "bad_retry", "$.nodes.a.retry");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'max_attempts': 0}}}}", "bad_retry", "$.nodes.a.retry.max_attempts");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'max_attempts': 1001}}}}", "bad_retry", "$.nodes.a.retry.max_attempts");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'factor': 0.5}}}}", "bad_retry", "$.nodes.a.retry.factor");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'jitter': 2}}}}", "bad_retry", "$.nodes.a.retry.jitter");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'initial': 'x'}}}}", "bad_duration", "$.nodes.a.retry.initial");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'retry_on': [1]}}}}", "bad_retry", "$.nodes.a.retry.retry_on");
	refused("{'nodes': {'a': {'action': 'x', 'retry': {'tries': 1}}}}", "unknown_key", "$.nodes.a.retry.tries");
	refused("{'nodes': {}, 'config': 1}", "wrong_type", "$.config");
	refused("{'nodes': {}, 'description': {}}", "wrong_type", "$.description");
	refused("{'nodes': {}, 'deadline': '0 s'}", "bad_duration", "$.deadline");
	refused("{'nodes': {}, 'deadline': true}", "wrong_type", "$.deadline");
	refused("{'nodes': {}, 'budget': 1}", "wrong_type", "$.budget");
	refused("{'nodes': {}, 'budget': {'nodes': -1}}", "bad_budget", "$.budget.nodes");
	refused("{'nodes': {}, 'budget': {'nodes': 1.5}}", "bad_budget", "$.budget.nodes");
	f = refused("{'nodes': {}, 'budget': {'node': 1}}", "unknown_key", "$.budget.node");
	is(f ? f->hint : NULL, "Perhaps you meant \"nodes\".", "hint for a dimension");

	g = accepted("{'nodes': {'a': {'noop': true, 'timeout': '1 s'}}}");
	ok(finding("no_effect", "$.nodes.a.timeout") != NULL, "a warning for a timeout of a no-op");
	pulse_graph_free(g);
	g = accepted("{'nodes': {'a': {'signal': 's', 'on_timeout': 'complete'}}}");
	ok(finding("no_effect", "$.nodes.a.on_timeout") != NULL, "a warning for on_timeout without timeout");
	pulse_graph_free(g);
}

static void
test_structure(void)
{
	const PulseFinding *f;
	PulseGraph *g;

	f = refused("{'nodes': {'load': {'noop': true}, 'b': {'noop': true, 'after': ['laod']}}}",
				"unknown_node", "$.nodes.b.after[0]");
	is(f ? f->hint : NULL, "Perhaps you meant \"load\".", "hint for a node");
	refused("{'nodes': {'b': {'noop': true, 'after': ['b']}}}", "self_edge", "$.nodes.b.after[0]");
	refused("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'after': ['a', 'a']}}}",
			"duplicate_entry", "$.nodes.b.after[1]");
	refused("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'after': 'a'}}}", "wrong_type", "$.nodes.b.after");
	refused("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'after': [1]}}}", "wrong_type", "$.nodes.b.after[0]");
	f = refused("{'nodes': {'c': {'noop': true, 'after': ['b']}, 'b': {'noop': true, 'after': ['x', 'a']},"
				"'a': {'noop': true, 'after': ['c']}, 'x': {'noop': true}, 'y': {'noop': true, 'after': ['c']}}}",
				"cycle", "$.nodes.a.after[0]");
	is(f ? f->message : NULL, "nodes wait for each other in a cycle: a > b > c > a", "the cycle is spelt out");
	read_form("{'nodes': {'a': {'noop': true, 'after': ['b']}, 'b': {'noop': true, 'after': ['a']},"
			  "'c': {'noop': true, 'after': ['d']}, 'd': {'noop': true, 'after': ['c']}}}",
			  PULSE_GRAPH_DEFINE);
	ok(findings.n_errors == 2 && finding("cycle", "$.nodes.a.after[0]") && finding("cycle", "$.nodes.c.after[0]"),
	   "two cycles are two findings");

	/* handlers */
	g = accepted("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}},"
				 "'h': {'pure': {'$': '$.error.message'}}, 'b': {'noop': true, 'after': ['a', 'h']}}}");
	if (g != NULL)
	{
		is(names(g, node(g, "h")->preds, node(g, "h")->n_preds), "a", "the edge to the handler is implied");
		is(names(g, node(g, "a")->succs, node(g, "a")->n_succs), "b,h", "on both sides");
		is_int(node(g, "a")->handler, pulse_graph_find(g, "h", 1), "handler");
		is_int(node(g, "h")->guards, pulse_graph_find(g, "a", 1), "guards");
		is_int(node(g, "a")->on_error, PULSE_ON_ERROR_GOTO, "on_error");
		is_int(g->n_edges, 3, "it is counted");
	}
	pulse_graph_free(g);
	g = accepted("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true, 'after': ['a']}}}");
	is_int(g ? g->n_edges : -1, 1, "named in after as well: one edge");
	pulse_graph_free(g);
	g = accepted("{'nodes': {'a': {'action': 'x', 'on_error': 'skip'}}}");
	is_int(g ? (int) g->nodes[0]->on_error : -1, PULSE_ON_ERROR_SKIP, "on_error skip");
	pulse_graph_free(g);
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'b': {'noop': true},"
			"'h': {'noop': true, 'after': ['b']}}}",
			"handler_has_after", "$.nodes.h.after");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'b': {'action': 'x', 'on_error': {'goto': 'h'}},"
			"'h': {'noop': true}}}",
			"handler_shared", "$.nodes.b.on_error.goto");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'a'}}}}", "self_edge", "$.nodes.a.on_error.goto");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'z'}}}}", "unknown_node", "$.nodes.a.on_error.goto");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 1}}}}", "wrong_type", "$.nodes.a.on_error.goto");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': {}}}}", "missing_key", "$.nodes.a.on_error");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': 'retry'}}}", "bad_value", "$.nodes.a.on_error");
	refused("{'nodes': {'a': {'action': 'x', 'on_error': 1}}}", "bad_value", "$.nodes.a.on_error");
	refused("{'nodes': {'a': {'noop': true}, 'b': {'action': 'x', 'after': ['a'], 'on_error': {'goto': 'a'}}}}",
			"cycle", "$.nodes.b.on_error.goto");

	/* the short form */
	g = accepted_form("{'edges': [['b', 'c'], ['a', 'b']], 'nodes': ['x', 'a:1']}", PULSE_GRAPH_LIVE);
	if (g != NULL)
	{
		is_int(g->n_nodes, 5, "nodes of edges and listed ones");
		is(names(g, node(g, "b")->succs, 1), "c", "edges");
		is_int(g->nodes[0]->kind, PULSE_KIND_NOOP, "no-ops");
	}
	pulse_graph_free(g);
	pulse_graph_free(accepted_form("{}", PULSE_GRAPH_LIVE));
	pulse_graph_free(accepted_form("{'nodes': {'a:b': {'noop': true}}}", PULSE_GRAPH_LIVE));
	refused_form("{'edges': [['a', 'a']]}", PULSE_GRAPH_LIVE, "self_edge", "$.edges[0]");
	refused_form("{'edges': [['a', 'b'], ['a', 'b']]}", PULSE_GRAPH_LIVE, "duplicate_entry", "$.edges");
	refused_form("{'edges': [['a']]}", PULSE_GRAPH_LIVE, "wrong_type", "$.edges[0]");
	refused_form("{'edges': [['a', 1]]}", PULSE_GRAPH_LIVE, "wrong_type", "$.edges[0][1]");
	refused_form("{'edges': {}}", PULSE_GRAPH_LIVE, "wrong_type", "$.edges");
	refused_form("{'edges': [], 'nodes': {}}", PULSE_GRAPH_LIVE, "wrong_type", "$.nodes");
	refused_form("{'nodes': ['a', 'a']}", PULSE_GRAPH_LIVE, "duplicate_node", "$.nodes");
	refused_form("{'nodes': ['a b']}", PULSE_GRAPH_LIVE, "bad_id", "$.nodes[0]");
	refused_form("{'edges': [], 'output': 1}", PULSE_GRAPH_LIVE, "unknown_key", "$.output");
	refused_form("{'edges': [['a', 'b'], ['b', 'a']]}", PULSE_GRAPH_LIVE, "cycle", "$.edges[1]");
}

static void
test_references(void)
{
	const PulseFinding *f;
	PulseGraph *g;

	f = refused("{'nodes': {'load': {'noop': true}, 'b': {'action': 'x', 'input': {'q': [1, {'$': '$.nodes.load'}]}}}}",
				"not_ancestor", "$.nodes.b.input.q[1].\"$\"");
	is(f ? f->hint : NULL, "Add \"load\" to \"after\" of \"b\" or of a node before it.", "how to mend it");
	is_int(f ? f->column : -1, 9, "the column of the id");
	refused("{'nodes': {'a': {'noop': true, 'when': '$.nodes.b.x == 1'}, 'b': {'noop': true, 'after': ['a']}}}",
			"not_ancestor", "$.nodes.a.when");
	refused("{'nodes': {'a': {'pure': {'$': '$.nodes.a'}}}}", "not_ancestor", "$.nodes.a.pure.\"$\"");
	f = refused("{'nodes': {'load': {'noop': true}, 'b': {'pure': {'$': '$.nodes.lod'}, 'after': ['load']}}}",
				"unknown_node", "$.nodes.b.pure.\"$\"");
	is(f ? f->hint : NULL, "Perhaps you meant \"load\".", "hint for a reference");
	refused("{'nodes': {'a': {'noop': true}}, 'output': [{'$': '$.nodes.x'}]}", "unknown_node", "$.output[0].\"$\"");
	refused("{'nodes': {'a': {'pure': {'$': '$.item'}}}}", "member_unavailable", "$.nodes.a.pure.\"$\"");
	refused("{'nodes': {'a': {'pure': {'$': '$.index'}}}}", "member_unavailable", "$.nodes.a.pure.\"$\"");
	refused("{'nodes': {'a': {'pure': {'$': '$.round'}}}}", "member_unavailable", "$.nodes.a.pure.\"$\"");
	refused("{'nodes': {'a': {'noop': true, 'when': '$.error.x == 1'}}}", "member_unavailable", "$.nodes.a.when");
	refused("{'nodes': {}, 'output': {'$': '$.error'}}", "member_unavailable", "$.output.\"$\"");
	refused("{'nodes': {'a': {'delay': {'$': '$.nodes.z'}}}}", "unknown_node", "$.nodes.a.delay.\"$\"");
	accepted_only("{'nodes': {'a': {'pure': {'$literal': {'$': '$.nodes.z'}}}}}");
	accepted_only("{'nodes': {'a': {'pure': [{'$': '$.config'}, {'$': '$.run.id'}, {'$': '$.event'}, {'$': '$.input'}]}}}");
	g = accepted("{'nodes': {'a': {'pure': {'$': '$.imput.x'}}}}");
	f = finding("unknown_member", "$.nodes.a.pure.\"$\"");
	is(f ? f->hint : NULL, "Perhaps you meant \"input\".", "a warning for a member that never is");
	pulse_graph_free(g);

	/* what is listed */
	g = accepted("{'nodes': {'a': {'noop': true}, 'b': {'noop': true, 'after': ['a']},"
				 "'c': {'action': 'x', 'after': ['b'], 'when': '$.nodes.b == 1 && $.nodes.a == 2', 'input': {'$': '$.nodes.a'}},"
				 "'d': {'pure': {'$': '$.nodes'}, 'after': ['c']}}, 'output': {'$': '$.nodes'}}");
	if (g != NULL)
	{
		is(names(g, node(g, "c")->refs, node(g, "c")->n_refs), "a,b", "references, each once");
		ok(node(g, "d")->refs_all && node(g, "d")->n_refs == 0, "all of $.nodes");
		ok(g->output_refs_all, "and in the output");
	}
	pulse_graph_free(g);
}

static void
test_hash(void)
{
	PulseGraph *g = accepted_form("{'edges': [['a', 'c'], ['a', 'b'], ['b', 'd'], ['c', 'd']]}", PULSE_GRAPH_LIVE);
	PulseGraph *empty = accepted_form("{}", PULSE_GRAPH_LIVE);
	const char *text = "[[\"a\",\"b\",\"c\",\"d\"],[[\"a\",\"b\"],[\"a\",\"c\"],[\"b\",\"d\"],[\"c\",\"d\"]]]";
	char hex[PULSE_SHA256_HEX + 1];
	char hex_empty[PULSE_SHA256_HEX + 1];

	pulse_sha256_hex(text, strlen(text), hex);
	pulse_sha256_hex("[[],[]]", 7, hex_empty);
	is(g ? g->hash : NULL, hex, "hash of a diamond");
	is(empty ? empty->hash : NULL, hex_empty, "hash of nothing");
	pulse_graph_free(g);
	pulse_graph_free(empty);
	g = read_form("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true}}}", PULSE_GRAPH_DEFINE);
	text = "[[\"a\",\"h\"],[[\"a\",\"h\"]]]";
	pulse_sha256_hex(text, strlen(text), hex);
	is(g ? g->hash : NULL, hex, "implied edges are edges");
	pulse_graph_free(g);
}

/* n nodes, each after the `fan` ones before it. */
static const char *
large(int n, int fan, bool refs)
{
	StringInfoData buf;
	const char *text;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{'nodes': {");
	for (int i = 0; i < n; i++)
	{
		appendStringInfo(&buf, "%s'%x':{'noop':true", i > 0 ? "," : "", i);
		for (int k = 1; k <= fan && k <= i; k++)
			appendStringInfo(&buf, "%s'%x'", k == 1 ? ",'after':[" : ",", i - k);
		if (fan > 0 && i > 0)
			appendStringInfoChar(&buf, ']');
		if (refs && i > 0)
			appendStringInfo(&buf, ",'when':'$.nodes.%c%x%c==1'", '\\', i / 2, '\\');
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "}}");
	if (refs)
	{
		StringInfoData quoted;

		/* member names that begin with a digit need quotes: \ becomes \" */
		initStringInfo(&quoted);
		for (int i = 0; i < buf.len; i++)
		{
			appendStringInfoChar(&quoted, buf.data[i]);
			if (buf.data[i] == '\\')
				appendStringInfoChar(&quoted, '"');
		}
		pfree(buf.data);
		buf = quoted;
	}
	text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	return text;
}

static void
timed(const char *text, const char *what)
{
	const PulseJson *doc;
	PulseGraph *g;
	clock_t start;

	pulse_diag_init(&findings, arena);
	doc = document(text);
	start = clock();
	g = doc == NULL ? NULL : pulse_graph_read(doc, PULSE_GRAPH_DEFINE, &findings);
	diag("%s: %d nodes, %d edges, %zu bytes of text read in %.1f ms, %zu kB held", what,
		 g ? g->n_nodes : -1, g ? g->n_edges : -1, strlen(text),
		 (double) (clock() - start) * 1000 / CLOCKS_PER_SEC,
		 g ? pulse_arena_size(g->arena) / 1024 : 0);
	if (!ok(g != NULL, "%s", what))
		show_findings();
	pulse_graph_free(g);
}

static void
test_limits(void)
{
	char *deep = pulse_arena_alloc(arena, 1000);
	char *p = deep;
	char *big;

	timed(large(10000, 5, false), "10,000 nodes and almost 50,000 edges");
	timed(large(10000, 1, true), "10,000 references far back");
	refused(large(10001, 0, false), "limit_nodes", "$.nodes");
	refused(large(9000, 6, false), "limit_edges", "$.nodes");

	p += sprintf(p, "{'nodes': {'a': {'pure': ");
	for (int i = 0; i < 97; i++)
		*p++ = '[';
	for (int i = 0; i < 97; i++)
		*p++ = ']';
	strcpy(p, "}}}");
	accepted_only(deep);
	p = deep + sprintf(deep, "{'nodes': {'a': {'pure': ");
	for (int i = 0; i < 98; i++)
		*p++ = '[';
	for (int i = 0; i < 98; i++)
		*p++ = ']';
	strcpy(p, "}}}");
	refused(deep, "json_depth", "$");

	big = pulse_arena_alloc(arena, 1100000);
	p = big + sprintf(big, "{'nodes': {'a': {'pure': '");
	memset(p, 'x', 1048576);
	strcpy(p + 1048576, "'}}}");
	refused(big, "limit_bytes", "$");
	memset(p, 'x', 1040000);
	strcpy(p + 1040000, "'}}}");
	accepted_only(big);
}

/* Many faults at once: kept ones are bounded, all are counted. */
static void
test_many(void)
{
	StringInfoData buf;
	PulseGraph *g;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{'nodes': {");
	for (int i = 0; i < 5000; i++)
		appendStringInfo(&buf, "%s'n%d':{'noop':true,'timeout':'1 s','after':['m%d']}", i > 0 ? "," : "", i, i);
	appendStringInfoString(&buf, "}}");
	g = read_form(buf.data, PULSE_GRAPH_DEFINE);
	ok(g == NULL && findings.n == PULSE_DIAG_MAX && findings.n_errors == 5000,
	   "5,000 faults: %d kept, %d counted", findings.n, findings.n_errors);
	pulse_graph_free(g);
	pfree(buf.data);
}

static void
test_suggest(void)
{
	is_int(pulse_edit_distance("after", 5, "after", 5, 3), 0, "equal");
	is_int(pulse_edit_distance("after", 5, "aftr", 4, 3), 1, "one missing");
	is_int(pulse_edit_distance("laod", 4, "load", 4, 3), 1, "two swapped");
	is_int(pulse_edit_distance("kitten", 6, "sitting", 7, 3), 3, "three");
	is_int(pulse_edit_distance("kitten", 6, "sitting", 7, 2), 3, "more than two");
	is_int(pulse_edit_distance("", 0, "abc", 3, 3), 3, "from nothing");
	is_int(pulse_edit_distance("abc", 3, "", 0, 3), 3, "to nothing");
	is_int(pulse_edit_distance("abcdef", 6, "x", 1, 3), 4, "too different in length");
}

/* The same by the full table, for the bounded form to be compared with. */
static int
full_distance(const char *a, int na, const char *b, int nb)
{
	int d[16][16];

	for (int i = 0; i <= na; i++)
		d[i][0] = i;
	for (int j = 0; j <= nb; j++)
		d[0][j] = j;
	for (int i = 1; i <= na; i++)
	{
		for (int j = 1; j <= nb; j++)
		{
			d[i][j] = Min(d[i - 1][j] + 1, d[i][j - 1] + 1);
			d[i][j] = Min(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = Min(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

static void
test_suggest_random(uint64 seed)
{
	pg_prng_state prng;
	int bad = 0;

	pg_prng_seed(&prng, seed);
	for (int round = 0; round < 20000; round++)
	{
		char a[16];
		char b[16];
		int na = (int) (pg_prng_uint64(&prng) % 13);
		int nb = (int) (pg_prng_uint64(&prng) % 13);
		int limit = (int) (pg_prng_uint64(&prng) % 5);

		for (int i = 0; i < na; i++)
			a[i] = (char) ('a' + pg_prng_uint64(&prng) % 3);
		for (int i = 0; i < nb; i++)
			b[i] = (char) ('a' + pg_prng_uint64(&prng) % 3);
		bad += pulse_edit_distance(a, (size_t) na, b, (size_t) nb, limit) !=
			   Min(full_distance(a, na, b, nb), limit + 1);
	}
	is_int(bad, 0, "edit distance agrees with the full table");
}

/*
 * References against a brute-force reachability on random graphs: the block-wise
 * check must refuse exactly the references to non-ancestors.
 */
static void
test_references_random(uint64 seed)
{
	pg_prng_state prng;
	int bad = 0;

	pg_prng_seed(&prng, seed);
	for (int round = 0; round < 60; round++)
	{
		int n = 2 + (int) (pg_prng_uint64(&prng) % 150);
		bool *reach = pulse_arena_zalloc(arena, (size_t) (n * n)); /* [a][b]: a before b */
		int expected = 0;
		StringInfoData buf;
		PulseGraph *g;

		initStringInfo(&buf);
		appendStringInfoString(&buf, "{'nodes': {");
		for (int i = 0; i < n; i++)
		{
			int first = 0;
			int n_refs = round % 2 == 0 ? 1 : 3;
			int used[3] = {-1, -1, -1};

			appendStringInfo(&buf, "%s'n%d':{'after':[", i > 0 ? "," : "", i);
			for (int k = 0; k < i; k++)
			{
				if (pg_prng_uint64(&prng) % (uint64) n >= 2)
					continue;
				appendStringInfo(&buf, "%s'n%d'", first++ > 0 ? "," : "", k);
				reach[k * n + i] = true;
				for (int a = 0; a < k; a++)
					reach[a * n + i] |= reach[a * n + k];
			}
			appendStringInfoString(&buf, "],'pure':[");
			for (int k = 0; k < n_refs; k++)
			{
				int ref = (int) (pg_prng_uint64(&prng) % (uint64) n);
				int tries = 0;
				bool again = false;

				/* every second round mostly ancestors, so that few are refused */
				while (round % 4 > 1 && !reach[ref * n + i] && tries++ < 50)
					ref = (int) (pg_prng_uint64(&prng) % (uint64) n);
				if (round % 4 == 3 && !reach[ref * n + i])
					continue;
				/* each node is told once a template */
				for (int e = 0; e < k; e++)
					again |= used[e] == ref;
				used[k] = ref;
				expected += !again && !reach[ref * n + i];
				appendStringInfo(&buf, "%s{'$':'$.nodes.n%d'}", buf.data[buf.len - 1] == '}' ? "," : "", ref);
			}
			appendStringInfoString(&buf, "]}");
		}
		appendStringInfoString(&buf, "}}");
		g = read_form(buf.data, PULSE_GRAPH_DEFINE);
		if ((g != NULL) != (expected == 0) || findings.n_errors != expected)
		{
			bad++;
			diag("round %d: %d nodes, %d expected, %d found", round, n, expected, findings.n_errors);
		}
		if (g != NULL)
		{
			for (int i = 0; i < n; i++)
			{
				int *anc;
				int n_anc;
				int count = 0;

				pulse_graph_ancestors(g, i, arena, &anc, &n_anc);
				for (int a = 0; a < n; a++)
				{
					int x = atoi(g->nodes[a]->id + 1);

					if (reach[x * n + atoi(g->nodes[i]->id + 1)])
						bad += count >= n_anc || anc[count++] != a;
				}
				bad += count != n_anc;
			}
		}
		pulse_graph_free(g);
		pfree(buf.data);
	}
	is_int(bad, 0, "references and ancestors agree with brute force");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;

	diag("seed %llu", (unsigned long long) seed);
	arena = pulse_arena_create(0);
	test_example();
	test_kinds();
	test_keys();
	test_structure();
	test_references();
	test_hash();
	test_limits();
	test_many();
	test_suggest();
	test_suggest_random(seed);
	test_references_random(seed);
	pulse_arena_free(arena);
	return tap_done();
}
