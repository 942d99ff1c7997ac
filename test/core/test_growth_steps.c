/*
 * test_growth_steps.c
 *		Random runs that grow, their facts in random order, with deaths in between.
 *
 * Each graph is run several times: facts come one by one or several together, in whatever
 * order, now and then all memory of the run is lost and made again of what the commands
 * of its steps have had stored, and operators cancel, retry, pause and resume.  What the nodes do depends on their ids only, and no failure ends
 * the run: so all of that commutes, and every run must end with the same statuses, outputs,
 * budget and graph.  After each step, what is stored must be what is in memory, and the
 * records of growth must give the graph.
 *
 * Usage: test_growth_steps [seed [graphs]]
 */
#include "postgres_fe.h"

#include "growth_world.h"

#define RUNS 5

/*
 * ---------------------------------------------------------------------
 * Graphs
 * ---------------------------------------------------------------------
 */

static void
write_fragment(StringInfo buf, int depth, int n, bool item, bool round)
{
	static const char *const ids[] = { "a", "b", "c", "d", "e" };
	uint32 above[5];

	appendStringInfoString(buf, "{\"nodes\":{");
	for (int i = 0; i < n; i++)
	{
		int kind = below(&prng, depth < 3 ? 16 : 10);
		bool first = true;

		above[i] = 0;
		appendStringInfo(buf, "%s\"%s\":{\"after\":[", i > 0 ? "," : "", ids[i]);
		for (int k = 0; k < i; k++)
		{
			if (below(&prng, 2) == 0)
				continue;
			above[i] |= above[k] | (1U << k);
			appendStringInfo(buf, "%s\"%s\"", first ? "" : ",", ids[k]);
			first = false;
		}
		appendStringInfoString(buf, "],");
		if (below(&prng, 6) == 0)
			appendStringInfo(buf, "\"when\":\"%s\",", item ? "$.index < 1" : round ? "$.round < 2" : "$.input.n < 1");
		if (kind < 6)
			appendStringInfoString(buf, "\"action\":\"x\",\"on_error\":\"skip\",\"retry\":{\"jitter\":0}}");
		else if (kind == 6)
		{
			int k = i > 0 ? below(&prng, i) : 0;

			if (i > 0 && (above[i] & (1U << k)) != 0)
				appendStringInfo(buf, "\"pure\":{\"of\":{\"$\":\"$.nodes.%s\"}}}", ids[k]);
			else
				appendStringInfo(buf, "\"pure\":{\"$\":\"%s\"}}", item ? "$.item" : round ? "$.round" : "$.input");
		}
		else if (kind == 7)
			appendStringInfo(buf, "\"delay\":\"%d s\"}", below(&prng, 4));
		else if (kind == 8)
			appendStringInfoString(buf, "\"workflow\":\"w\",\"on_error\":\"skip\"}");
		else if (kind == 9)
			appendStringInfoString(buf, "\"noop\":true,\"on_skip\":\"run\"}");
		else if (kind < 12)
		{
			appendStringInfo(buf, "\"choose\":[{\"when\":\"%s\",\"then\":", item ? "$.index == 1" : "$.input.n == 1");
			write_fragment(buf, depth + 1, 1 + below(&prng, 2), item, round);
			if (kind == 11)
			{
				appendStringInfoString(buf, "},{\"else\":");
				write_fragment(buf, depth + 1, 1 + below(&prng, 2), item, round);
			}
			appendStringInfoString(buf, "}]}");
		}
		else if (kind < 14)
		{
			appendStringInfo(buf, "\"map\":{\"over\":\"$.input.%s\",", depth > 1 ? "two" : "three");
			if (below(&prng, 2) == 0)
				appendStringInfo(buf, "\"max_parallel\":%d,", 1 + below(&prng, 2));
			appendStringInfoString(buf, "\"as\":");
			write_fragment(buf, depth + 1, 1 + below(&prng, 3), true, round);
			appendStringInfoString(buf, "}}");
		}
		else
		{
			appendStringInfo(buf, "\"repeat\":{\"while\":\"$.round < %d\",\"max\":5,\"body\":", 1 + below(&prng, 3));
			write_fragment(buf, depth + 1, 1 + below(&prng, 3), item, true);
			appendStringInfoString(buf, "}}");
		}
	}
	appendStringInfoString(buf, "}}");
}

/*
 * ---------------------------------------------------------------------
 * What nodes do
 * ---------------------------------------------------------------------
 */

static uint64
nature(const char *id)
{
	uint64 h = UINT64CONST(14695981039346656037) ^ salt;

	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char) *id) * UINT64CONST(1099511628211);
	return h ^ (h >> 29);
}

static const char *
fragment_of(uint64 h)
{
	static const char *const fragments[] = {
		"{\"nodes\":{\"p\":{\"action\":\"x\",\"on_error\":\"skip\"}}}",
		"{\"nodes\":{\"p\":{\"action\":\"x\",\"on_error\":\"skip\"},\"q\":{\"action\":\"x\",\"on_error\":\"skip\"},"
		"\"r\":{\"noop\":true,\"after\":[\"p\",\"q\"],\"on_skip\":\"run\"}}}",
		"{\"nodes\":{\"p\":{\"map\":{\"over\":\"$.input.two\",\"as\":{\"nodes\":{\"a\":{\"action\":\"x\",\"on_error\":\"skip\"}}}}},"
		"\"q\":{\"pure\":{\"$\":\"$.nodes.p\"},\"after\":[\"p\"]}}}",
		"{\"nodes\":{\"p\":{\"repeat\":{\"while\":\"$.round < 2\",\"max\":2,\"body\":{\"nodes\":{\"a\":{\"action\":\"x\",\"on_error\":\"skip\"}}}}}}}",
		"{\"nodes\":{\"p:\":{\"noop\":true}}}"
	};

	return fragments[h % lengthof(fragments)];
}

/* The answer of a call: by the id of its node, and what it was told. */
static void
answer(World *w, const Pending *p, PulseFact *fact)
{
	static const char *const forms[] = { "replace", "retain", "append" };
	PulseOutcome *o = pulse_arena_zalloc(arena, sizeof(PulseOutcome));
	uint64 h = nature(p->id);
	int what = (int) (h % 12);
	const PulseNodeState *n = &w->run->nodes[fact->node];

	fact->kind = PULSE_FACT_OUTCOME;
	fact->outcome = o;
	o->kind = PULSE_OUTCOME_SUCCEEDED;
	o->attempt = p->attempt;
	o->output = parse(pulse_arena_printf(arena, "{\"of\":\"%s\"}", p->id));
	if (what <= 2 && strlen(p->id) < 40)
	{
		o->stage = PULSE_STAGE_REWRITE;
		o->rewrite = parse(pulse_arena_printf(arena, "{\"form\":\"%s\",\"fragment\":%s}", forms[what], fragment_of(h >> 8)));
	}
	else if (what == 3)
	{
		o->stage = PULSE_STAGE_SUSPEND;
		o->output = NULL;
		o->signal = pulse_arena_printf(arena, "s %s", p->id);
	}
	else if (what == 4 && n->rejection == NULL)
		o->stage = PULSE_STAGE_REJECT;
	else if (what == 5 || (what == 6 && p->attempt == 1))
	{
		o->kind = PULSE_OUTCOME_FAILED;
		o->output = NULL;
		o->class = "action";
		o->retryable = what == 6;
		o->error = parse("{\"class\":\"action\",\"message\":\"no\"}");
	}
}

/* Makes the fact of something that happens now; false: it means nothing any more. */
static bool
happen(World *w, const Pending *p, PulseFact *fact)
{
	char uuid[64];
	bool of_run = p->id[0] == '\0';

	memset(fact, 0, sizeof(*fact));
	fact->node = of_run ? -1 : find(w, p->id);
	if (!of_run && fact->node < 0)
	{
		/* what was taken back may come when the round of its node is over */
		if (p->kind != CHILD_CANCELLED && p->kind != LATE && p->kind != SIGNAL)
			bad("something happens to a node that is gone", p->id);
		return false;
	}
	switch (p->kind)
	{
		case CALL:
		case LATE:
			answer(w, p, fact);
			break;
		case TIMER:
			w->now = Max(w->now, p->due);
			fact->kind = of_run ? PULSE_FACT_START : PULSE_FACT_TIMER;
			fact->due = p->due;
			break;
		case SIGNAL:
			fact->node = -1;
			fact->kind = PULSE_FACT_SIGNAL;
			fact->signal_seq = ++w->last_signal;
			fact->signal_id = pulse_arena_printf(arena, INT64_FORMAT, w->last_signal);
			fact->signal_name = p->signal;
			fact->payload = parse("\"signal\"");
			w->signals[w->n_signals++] = (PulseSignal){ w->last_signal, fact->signal_id, p->signal, fact->payload, false };
			break;
		case CHILD_CANCELLED:
			fact->kind = PULSE_FACT_CHILD;
			fact->payload = parse(pulse_arena_printf(arena, "{\"run\":\"%s\",\"status\":\"cancelled\"}",
													 pulse_uuid_text(&p->activation, uuid)));
			break;
		case CHILD:
			fact->kind = PULSE_FACT_CHILD;
			fact->payload = parse(pulse_arena_printf(arena,
													 nature(p->id) % 4 == 0 ? "{\"run\":\"%s\",\"status\":\"failed\",\"error\":{\"class\":\"action\",\"message\":\"no\"}}"
																			: "{\"run\":\"%s\",\"status\":\"completed\",\"output\":\"child\"}",
													 pulse_uuid_text(&p->activation, uuid)));
			break;
	}
	fact->at = w->now;
	return true;
}

/* Nodes that wait for a signal that nobody has announced yet. */
static void
announce_signals(World *w)
{
	for (int i = 0; i < w->run->graph->n_nodes; i++)
	{
		const PulseNode *def = w->run->graph->nodes[i];
		bool known = false;

		if (!pulse_node_exists(def) || w->run->nodes[i].status != PULSE_WAITING ||
			w->run->nodes[i].reason != PULSE_REASON_SIGNAL)
			continue;
		for (int k = 0; k < w->n_pending; k++)
			known |= w->pending[k].kind == SIGNAL && strcmp(w->pending[k].id, def->id) == 0;
		if (known)
			continue;
		add_pending(w, SIGNAL, def->id, 0, 0);
		w->pending[w->n_pending - 1].signal = pulse_arena_strdup(arena, pulse_state_awaited(w->run, i));
	}
}

/* The run is told something. */
static void
tell(World *w, PulseFactKind kind)
{
	PulseFact fact = { .kind = kind, .node = -1, .at = w->now };

	feed(w, &fact, 1);
}

/* An operator who cannot make up his mind. */
static void
operate(World *w)
{
	if (w->status == PULSE_RUN_PAUSED)
		tell(w, PULSE_FACT_RESUME);
	else if (below(&order, 2) == 0)
		tell(w, PULSE_FACT_PAUSE);
	else
		tell(w, PULSE_FACT_CANCEL);
	w->operations++;
}

static void
play(World *w, bool deaths, bool operators)
{
	tell(w, PULSE_FACT_START);
	while (n_bad == 0 && w->status != PULSE_RUN_COMPLETED)
	{
		PulseFact facts[4];
		int wanted = 1 + below(&order, 4);
		int n = 0;

		if (deaths && !pulse_run_status_terminal(w->status) && below(&order, 4) == 0)
		{
			die(w);
			continue;
		}
		if (operators && !pulse_run_status_terminal(w->status) && below(&order, w->status == PULSE_RUN_PAUSED ? 3 : 12) == 0)
		{
			operate(w);
			continue;
		}
		if (w->status == PULSE_RUN_CANCELLED && (w->n_pending == 0 || below(&order, 2) == 0))
		{
			tell(w, PULSE_FACT_RETRY);
			continue;
		}
		if (pulse_run_status_terminal(w->status) && w->status != PULSE_RUN_CANCELLED)
			break;
		announce_signals(w);
		if (w->n_pending == 0 && w->status == PULSE_RUN_PAUSED)
		{
			operate(w);
			continue;
		}
		if (w->n_pending == 0)
		{
			bad("nothing is going to happen", "");
			break;
		}
		while (n < wanted && w->n_pending > 0)
		{
			int k = below(&order, w->n_pending);
			Pending p = w->pending[k];

			w->pending[k] = w->pending[--w->n_pending];
			n += happen(w, &p, &facts[n]);
		}
		if (n > 0)
			feed(w, facts, n);
		if (w->steps > 5000)
			bad("the run does not end", "");
	}
}

/* Everything that must be the same whatever the order was. */
static const char *
dump(const World *w)
{
	const PulseGraph *graph = w->run->graph;
	StringInfoData buf;
	const char *text;

	pulse_graph_settle(graph);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s %s %s %s", pulse_run_status_name(w->run->status),
					 w->run->output ? pulse_json_text(arena, w->run->output) : "none", graph->hash,
					 pulse_json_text(arena, pulse_budget_json(&w->run->budget, arena)));
	for (int i = 0; i < pulse_graph_size(graph); i++)
	{
		int at = pulse_graph_at_rank(graph, i);
		const Row *row = find_row((World *) w, graph->nodes[at]->id);

		appendStringInfo(&buf, "\n# %s %s %s %s", graph->nodes[at]->id, pulse_status_name(w->run->nodes[at].status),
						 pulse_reason_name(w->run->nodes[at].reason) ? pulse_reason_name(w->run->nodes[at].reason) : "",
						 row != NULL && row->node.output != NULL ? pulse_json_text(arena, row->node.output) : "none");
	}
	text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	return text;
}

typedef struct Tally
{
	int steps;
	int deaths;
	int operations;
	int growths;
	int largest;
} Tally;

static void
random_graph(int number, Tally *tally)
{
	static World w;
	const char *first = NULL;
	PulseDiag findings;
	PulseGraph *base;
	StringInfoData buf;

	initStringInfo(&buf);
	write_fragment(&buf, 0, 1 + below(&prng, 5), false, false);
	current_text = pulse_arena_strdup(arena, buf.data);
	pfree(buf.data);
	salt = pg_prng_uint64(&prng);
	pulse_diag_init(&findings, arena);
	base = pulse_graph_read(parse(current_text), PULSE_GRAPH_DEFINE, &findings);
	if (base == NULL)
	{
		bad(findings.items[0].path, findings.items[0].message);
		return;
	}
	base->budget_given = true;
	base->budget = (PulseBudget){ 1000000, 1000000, 1000000, 1000000, 1000000 };
	for (int i = 0; i < RUNS && n_bad == 0; i++)
	{
		const char *ended;

		memset(&w, 0, offsetof(World, rows));
		w.n_records = w.n_pending = w.deaths = w.steps = w.operations = 0;
		w.n_signals = 0;
		w.last_signal = 0;
		w.base = base;
		w.input = parse("{\"n\":1,\"two\":[1,2],\"three\":[1,\"x\",null]}");
		w.now = T0;
		w.left = base->budget;
		pg_prng_seed(&w.ids, 42);
		w.run = new_state(&w);
		play(&w, i > RUNS / 3, i > RUNS / 2);
		ended = dump(&w);
		if (first == NULL)
			first = ended;
		else if (n_bad == 0 && strcmp(first, ended) != 0)
			bad("another order gives something else", pulse_arena_printf(arena, "%s\n# instead of\n# %s", ended, first));
		if (w.run->status != PULSE_RUN_COMPLETED && n_bad == 0)
			bad("not completed", w.run->error != NULL ? pulse_json_text(arena, w.run->error) : "");
		tally->steps += w.steps;
		tally->deaths += w.deaths;
		tally->operations += w.operations;
		tally->growths += w.n_records;
		tally->largest = Max(tally->largest, pulse_graph_size(w.run->graph));
		pulse_state_free(w.run);
	}
	pulse_graph_free(base);
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int graphs = argc > 2 ? atoi(argv[2]) : 2000;
	Tally tally = { 0 };

	diag("seed %llu, %d graphs", (unsigned long long) seed, graphs);
	for (current_graph = 0; current_graph < graphs && n_bad == 0; current_graph++)
	{
		/* each by itself: test_growth_steps SEED + N 1 repeats the Nth */
		pg_prng_seed(&prng, seed + (uint64) current_graph);
		pg_prng_seed(&order, ~(seed + (uint64) current_graph));
		arena = pulse_arena_create(0);
		random_graph(current_graph, &tally);
		pulse_arena_free(arena);
	}
	diag("%d steps, %d deaths, %d operations, %d growths; up to %d nodes",
		 tally.steps, tally.deaths, tally.operations, tally.growths, tally.largest);
	is_int(n_bad, 0, "facts in any order, with deaths in between, come to the same");
	ok(tally.deaths > graphs && tally.operations > graphs && tally.growths > graphs, "of everything enough");
	return tap_done();
}
