/*
 * test_draw.c
 *		Drawings: exact pictures of small graphs, and order in large ones.
 */
#include "postgres_fe.h"

#include "core/draw.h"
#include "core/layout.h"
#include "core/replay.h"

#include "common/pg_prng.h"

#include "tap.h"

static PulseArena *arena;

static PulseGraph *
graph_of(const char *text)
{
	char *copy = pulse_arena_strdup(arena, text);
	const PulseJson *doc;
	PulseGraph *graph;
	PulseDiag d;

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	pulse_diag_init(&d, arena);
	doc = pulse_json_parse(arena, copy, strlen(copy), &d);
	graph = doc == NULL ? NULL : pulse_graph_read(doc, PULSE_GRAPH_LIVE, &d);
	if (graph == NULL)
	{
		printf("Bail out! %s\n", d.n > 0 ? d.items[0].message : "no graph");
		exit(1);
	}
	return graph;
}

static const char *
drawing(const PulseGraph *g, const PulseStatus *status, PulseDrawFormat format)
{
	StringInfoData out;
	const char *text;

	initStringInfo(&out);
	pulse_draw(&out, g, status, format);
	text = pulse_arena_strdup(arena, out.data);
	pfree(out.data);
	return text;
}

static void
draws(const char *text, const PulseStatus *status, PulseDrawFormat format,
	  const char *expected, const char *name)
{
	PulseGraph *g = graph_of(text);

	is(drawing(g, status, format), expected, name);
	pulse_graph_free(g);
}

static void
test_text(void)
{
	static const PulseStatus some[] = {PULSE_COMPLETED, PULSE_RUNNING, PULSE_WAITING, PULSE_PENDING};

	draws("{}", NULL, PULSE_DRAW_TEXT, "(no nodes)\n", "nothing");
	draws("{'edges':[['a','b'],['b','c']]}", NULL, PULSE_DRAW_TEXT,
		  "○ a  noop\n"
		  "○ b  noop\n"
		  "○ c  noop\n",
		  "a path");
	draws("{'edges':[['a','b'],['a','c'],['b','d'],['c','d']]}", NULL, PULSE_DRAW_TEXT,
		  "○   a  noop\n"
		  "├─╮\n"
		  "○ │ b  noop\n"
		  "│ ○ c  noop\n"
		  "├─╯\n"
		  "○   d  noop\n",
		  "a diamond");
	draws("{'edges':[['a','b'],['a','c'],['b','d'],['c','d']]}", some, PULSE_DRAW_TEXT,
		  "●   a  completed    noop\n"
		  "├─╮\n"
		  "◐ │ b  running      noop\n"
		  "│ ◷ c  waiting      noop\n"
		  "├─╯\n"
		  "○   d  pending      noop\n",
		  "a diamond with statuses");
	draws("{'edges':[['a','b'],['a','c'],['a','d'],['b','z'],['d','z'],['c','y']]}", NULL, PULSE_DRAW_TEXT,
		  "○     a  noop\n"
		  "├─┬─╮\n"
		  "○ │ │ b  noop\n"
		  "│ ○ │ c  noop\n"
		  "│ │ ○ d  noop\n"
		  "├─│─╯\n"
		  "│ ○   y  noop\n"
		  "○     z  noop\n",
		  "a lane that is crossed");
	draws("{'nodes': {'load': {'action': 'orders.load', 'timeout': '90 s', 'on_error': {'goto': 'sorry'}},"
		  "'wait': {'signal': 'go', 'after': ['load'], 'when': '$.nodes.load.n > 1'},"
		  "'nap': {'delay': '5 min', 'after': ['load'], 'on_error': 'skip'},"
		  "'late': {'until': '2026-11-21T10:00:00Z', 'after': ['nap']},"
		  "'sorry': {'pure': 1}}}",
		  NULL, PULSE_DRAW_TEXT,
		  "○     load   action orders.load, timeout 1m30s\n"
		  "├─┬─╮\n"
		  "○ │ │ nap    delay 5m, on error skip\n"
		  "│ ○ │ sorry  pure, on error of load\n"
		  "│   ○ wait   signal go, when $.nodes.load.n > 1\n"
		  "○     late   until 2026-11-21T10:00:00Z\n",
		  "all kinds");
}

static void
test_mermaid(void)
{
	static const PulseStatus some[] = {PULSE_COMPLETED, PULSE_PENDING, PULSE_PENDING};

	draws("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true},"
		  "'b': {'signal': 's<\\\"&#%`>\\\\', 'after': ['a']}}}",
		  some, PULSE_DRAW_MERMAID,
		  "flowchart TD\n"
		  "    n0[\"a<br/>action x\"]\n"
		  "    n1{{\"b<br/>signal s#lt;#quot;#amp;#35;#37;#96;#gt;#92;\"}}\n"
		  "    n2((\"h<br/>noop, on error of a\"))\n"
		  "    n0 --> n1\n"
		  "    n0 -. error .-> n2\n"
		  "    classDef pending fill:#f4f4f5,stroke:#a1a1aa,color:#3f3f46\n"
		  "    class n1,n2 pending\n"
		  "    classDef completed fill:#dcfce7,stroke:#16a34a,color:#14532d\n"
		  "    class n0 completed\n",
		  "statuses, a handler, escapes");
	draws("{}", NULL, PULSE_DRAW_MERMAID, "flowchart TD\n", "nothing");
	draws("{'nodes': {'a': {'pure': 1}, 'b': {'delay': '1 s'}}}", NULL, PULSE_DRAW_MERMAID,
		  "flowchart TD\n"
		  "    n0(\"a<br/>pure\")\n"
		  "    n1([\"b<br/>delay 1s\"])\n",
		  "shapes");
}

static int
count_lines(const char *text, const char *with)
{
	int n = 0;

	for (const char *p = text; *p != '\0';)
	{
		const char *end = strchr(p, '\n');
		const char *hit = strstr(p, with);

		n += hit != NULL && hit < end;
		p = end + 1;
	}
	return n;
}

static void
test_svg(void)
{
	static const PulseStatus all[] = {PULSE_PENDING, PULSE_RUNNING, PULSE_WAITING, PULSE_INTERRUPTED,
									  PULSE_COMPLETED, PULSE_REWRITTEN, PULSE_SKIPPED, PULSE_FAILED};
	PulseGraph *g = graph_of("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true},"
							 "'b': {'signal': 's<\\\"&>\\uffff', 'after': ['a'], 'description': '</title>\\u0001'}}}");
	const char *out = drawing(g, NULL, PULSE_DRAW_SVG);

	ok(strstr(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"") == out, "svg");
	ok(strstr(out, "signal s&lt;&quot;&amp;&gt;\xef\xbf\xbd</text>") != NULL, "labels are escaped");
	ok(strstr(out, ". &lt;/title&gt; </title>") != NULL, "titles are escaped");
	ok(strstr(out, "script") == NULL && strstr(out, "href") == NULL && strstr(out, "onload") == NULL,
	   "nothing is run or loaded");
	is_int(count_lines(out, "marker-end="), 2, "an arrow an edge");
	is_int(count_lines(out, "stroke-dasharray="), 1, "a dashed one to the handler");
	pulse_graph_free(g);

	g = graph_of("{'nodes': ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']}");
	out = drawing(g, all, PULSE_DRAW_SVG);
	for (int k = PULSE_PENDING; k <= PULSE_FAILED; k++)
		is_int(count_lines(out, psprintf(">%s</text>", pulse_status_name((PulseStatus) k))), 1,
			   "a status in words");
	pulse_graph_free(g);

	g = graph_of("{}");
	is_int(count_lines(drawing(g, NULL, PULSE_DRAW_SVG), "<title>0 nodes</title>"), 1, "nothing");
	pulse_graph_free(g);
	g = graph_of("{'nodes': {'0123456789012345678901234567890123456789': {'signal': "
				 "'ééééééééééééééééééééééééééééééééééééééééééééé'}}}");
	out = drawing(g, NULL, PULSE_DRAW_SVG);
	ok(strstr(out, ">01234567890123…567890123456789</text>") != NULL, "the middle of a long id is left out");
	ok(strstr(out, ">signal éééééééééééééééééééééééééééé…</text>") != NULL, "long texts are cut between characters");
	pulse_graph_free(g);
}

/* Lines go from layer to layer, and nothing lies on anything else. */
static bool
is_sound(const PulseGraph *g, const PulseLayout *l, const PulseLayoutRoom *room)
{
	int n_arrows = 0;

	for (int i = 0; i < l->n_links; i++)
	{
		const PulseLayoutSpot *from = &l->spots[l->links[i].from];
		const PulseLayoutSpot *to = &l->spots[l->links[i].to];

		if (to->layer != from->layer + 1 || (from->lane && from->node != to->node))
			return false;
		n_arrows += !from->lane;
	}
	for (int k = 0; k < l->n_layers; k++)
	{
		for (int i = l->start[k] + 1; i < l->start[k + 1]; i++)
		{
			const PulseLayoutSpot *a = &l->spots[l->order[i - 1]];
			const PulseLayoutSpot *b = &l->spots[l->order[i]];
			double gap = a->lane || b->lane ? room->lane_gap : room->node_gap;
			double half = ((a->lane ? room->lane : room->node) + (b->lane ? room->lane : room->node)) / 2;

			if (b->layer != k || b->place != a->place + 1 || b->across - a->across < half + gap - 0.01)
				return false;
		}
	}
	for (int i = 0; i < l->n_spots; i++)
	{
		double half = (l->spots[i].lane ? room->lane : room->node) / 2;

		if (l->spots[i].across < half - 0.01 || l->spots[i].across > l->extent - half + 0.01)
			return false;
	}
	return n_arrows == g->n_edges;
}

static bool
is_well_formed(const char *svg)
{
	int tags = 0;
	bool inside = false;

	for (const char *p = svg; *p != '\0'; p++)
	{
		if (*p == '<' || *p == '>')
		{
			if (inside == (*p == '<'))
				return false;
			inside = !inside;
		}
		if (*p == '<')
			tags += p[1] == '/' ? -1 : 1;
		if (*p == '>' && p[-1] == '/')
			tags--;
	}
	return tags == 0 && !inside;
}

/* Random and wide graphs: each node has its line, and nothing breaks. */
static void
test_large(uint64 seed)
{
	pg_prng_state prng;
	int bad = 0;
	StringInfoData text;
	PulseGraph *g;
	const char *out;
	PulseLayout *layout;
	PulseLayoutRoom room = {100, 20, 2, 8};

	pg_prng_seed(&prng, seed);
	for (int round = 0; round < 300; round++)
	{
		int n = 1 + (int) (pg_prng_uint64(&prng) % 60);
		int density = 1 + (int) (pg_prng_uint64(&prng) % 30);
		bool first = true;

		initStringInfo(&text);
		appendStringInfoString(&text, "{'edges':[");
		for (int a = 0; a < n; a++)
		{
			for (int b = a + 1; b < n; b++)
			{
				if ((int) (pg_prng_uint64(&prng) % 100) >= density)
					continue;
				appendStringInfo(&text, "%s['n%d','n%d']", first ? "" : ",", a, b);
				first = false;
			}
		}
		appendStringInfoString(&text, "],'nodes':[");
		for (int a = 0; a < n; a++)
			appendStringInfo(&text, "%s'n%d'", a > 0 ? "," : "", a);
		appendStringInfoString(&text, "]}");
		g = graph_of(text.data);
		out = drawing(g, NULL, PULSE_DRAW_TEXT);
		bad += count_lines(out, "noop") != n;
		out = drawing(g, NULL, PULSE_DRAW_MERMAID);
		bad += count_lines(out, "-->") != g->n_edges;
		out = drawing(g, NULL, PULSE_DRAW_DOT);
		bad += count_lines(out, " -> ") != g->n_edges || count_lines(out, "label=") != n;
		out = drawing(g, NULL, PULSE_DRAW_SVG);
		bad += count_lines(out, "<g><title>") != n || !is_well_formed(out);
		bad += strcmp(out, drawing(g, NULL, PULSE_DRAW_SVG)) != 0;
		layout = pulse_layout_make(g, arena);
		pulse_layout_place(layout, &room, arena);
		bad += !is_sound(g, layout, &room);
		pulse_graph_free(g);
		pfree(text.data);
		pulse_arena_reset(arena);
	}
	is_int(bad, 0, "every node has a line, every edge an arrow");

	initStringInfo(&text);
	appendStringInfoString(&text, "{'edges':[");
	for (int i = 0; i < 5000; i++)
		appendStringInfo(&text, "%s['a','n%d'],['n%d','z']", i > 0 ? "," : "", i, i);
	appendStringInfoString(&text, "]}");
	g = graph_of(text.data);
	out = drawing(g, NULL, PULSE_DRAW_TEXT);
	ok(strncmp(out, "layer 1\n  ○ a      noop\n\nlayer 2\n  ○ n0     noop  ← a\n", 50) == 0,
	   "a wide graph is listed by layers");
	is_int(count_lines(out, "noop"), 5002, "with all its nodes");
	is_int(count_lines(out, "(4992 more)"), 1, "but not all predecessors");
	ok(pulse_draw_fits(g, PULSE_DRAW_DOT) && !pulse_draw_fits(g, PULSE_DRAW_SVG), "as svg it is too large");
	pulse_graph_free(g);
	pfree(text.data);
}

static void
test_dot(void)
{
	static const PulseStatus some[] = {PULSE_COMPLETED, PULSE_SKIPPED, PULSE_PENDING};

	draws("{'nodes': {'a': {'action': 'x', 'on_error': {'goto': 'h'}}, 'h': {'noop': true},"
		  "'b': {'signal': 's<\\\"&\\\\n>', 'after': ['a']}}}",
		  some, PULSE_DRAW_DOT,
		  "digraph pulse {\n"
		  "    node [fontname=\"sans-serif\", fontsize=11];\n"
		  "    edge [fontname=\"sans-serif\", fontsize=9];\n"
		  "    n0 [shape=box, label=\"a\\naction x\\n● completed\", style=\"filled\", "
		  "fillcolor=\"#dcfce7\", color=\"#16a34a\", fontcolor=\"#14532d\"];\n"
		  "    n1 [shape=hexagon, label=\"b\\nsignal s<\\\"&\\\\n>\\n⊘ skipped\", style=\"filled,dashed\", "
		  "fillcolor=\"#fafafa\", color=\"#a1a1aa\", fontcolor=\"#71717a\"];\n"
		  "    n2 [shape=ellipse, label=\"h\\nnoop, on error of a\\n○ pending\", style=\"filled\", "
		  "fillcolor=\"#f4f4f5\", color=\"#a1a1aa\", fontcolor=\"#3f3f46\"];\n"
		  "    n0 -> n1;\n"
		  "    n0 -> n2 [style=dashed, label=\"error\"];\n"
		  "}\n",
		  "statuses, a handler, escapes");
	draws("{'nodes': {'a': {'pure': 1}, 'b': {'delay': '1 s'}, 'c': {'noop': true}}}", NULL, PULSE_DRAW_DOT,
		  "digraph pulse {\n"
		  "    node [fontname=\"sans-serif\", fontsize=11];\n"
		  "    edge [fontname=\"sans-serif\", fontsize=9];\n"
		  "    n0 [shape=box, label=\"a\\npure\", style=\"rounded\"];\n"
		  "    n1 [shape=octagon, label=\"b\\ndelay 1s\"];\n"
		  "    n2 [shape=ellipse, label=\"c\"];\n"
		  "}\n",
		  "shapes");
}

/*
 * Composite nodes and graphs that have grown
 */

#define COMPOSITES \
	"{'nodes': {'load': {'action': 'x.load'}," \
	"'route': {'choose': [{'when': '$.input.big', 'then': {'nodes': {'ask': {'signal': 'ok'}, 'book': {'noop': true, 'after': ['ask']}}}}," \
	"{'else': {'nodes': {'skip': {'noop': true}}}}], 'after': ['load']}," \
	"'lines': {'map': {'over': '$.nodes.load.lines', 'as': {'nodes': {'inner': {'map': {'over': '$.item', 'as': {'nodes': {'n': {'pure': 1}}}}}}}," \
	" 'max_parallel': 4, 'tolerate': 0.1}, 'after': ['route']}," \
	"'poll': {'repeat': {'body': {'nodes': {'look': {'action': 'x.look'}}}, 'while': '$.nodes.poll.more', 'max': 10}, 'after': ['route']}," \
	"'bill': {'workflow': 'billing', 'version': 3, 'after': ['lines', 'poll']}}}"

static void
test_composites(void)
{
	PulseGraph *g = graph_of(COMPOSITES);
	const char *out;

	is(drawing(g, NULL, PULSE_DRAW_TEXT),
	   "○   load   action x.load\n"
	   "○   route  choose, 2 branches\n"
	   "│     when $.input.big\n"
	   "│       · ask   signal ok\n"
	   "│       · book  noop  ← ask\n"
	   "│     else\n"
	   "│       · skip  noop\n"
	   "├─╮\n"
	   "○ │ lines  map over $.nodes.load.lines, 1 node each, at most 4 at once, 10% may fail\n"
	   "│ │   · inner  map over $.item, 1 node each\n"
	   "│ │     · n  pure\n"
	   "│ ○ poll   repeat while $.nodes.poll.more, 1 node, at most 10 rounds\n"
	   "│ │   · look  action x.look\n"
	   "├─╯\n"
	   "○   bill   workflow billing version 3\n",
	   "bodies in words");
	is(drawing(g, NULL, PULSE_DRAW_MERMAID),
	   "flowchart TD\n"
	   "    n0[[\"bill<br/>workflow billing version 3\"]]\n"
	   "    n1[/\"lines<br/>map over $.nodes.load.lines, 1 node each, at most 4 at once, 10#37; may fail<br/>inner\"\\]\n"
	   "    n2[\"load<br/>action x.load\"]\n"
	   "    n3(((\"poll<br/>repeat while $.nodes.poll.more, 1 node, at most 10 rounds<br/>look\")))\n"
	   "    n4{\"route<br/>choose, 2 branches<br/>ask, book | skip\"}\n"
	   "    n1 --> n0\n"
	   "    n2 --> n4\n"
	   "    n3 --> n0\n"
	   "    n4 --> n1\n"
	   "    n4 --> n3\n",
	   "their shapes in mermaid");
	out = drawing(g, NULL, PULSE_DRAW_DOT);
	is_int(count_lines(out, "peripheries=2"), 3, "a second border in dot");
	is_int(count_lines(out, "shape=component"), 1, "a workflow in dot");
	out = drawing(g, NULL, PULSE_DRAW_SVG);
	is_int(count_lines(out, "fill=\"none\" stroke=\"#52525b\" stroke-width=\"0.9\""), 3, "second borders and bars in svg");
	is_int(count_lines(out, "<title>route: choose, 2 branches, of ask, book | skip</title>"), 1, "outlines in svg");
	ok(is_well_formed(out), "well-formed");
	pulse_graph_free(g);
}

static const PulseJson *
json_of(const char *text)
{
	char *copy = pulse_arena_strdup(arena, text);
	PulseDiag d;

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	pulse_diag_init(&d, arena);
	return pulse_json_parse(arena, copy, strlen(copy), &d);
}

/* The graph after these growths; their revisions are their numbers. */
static PulseGraph *
grown(const PulseGraph *base, PulseGrowthRecord *records, int n, PulseDrawGrowth *growths)
{
	const char *why = "no reason";
	PulseGraph *g;

	for (int i = 0; i < n; i++)
	{
		records[i].id = records[i].revision = i + 1;
		records[i].admitted = true;
		growths[i] = (PulseDrawGrowth){ i + 1, records[i].anchor, records[i].form };
	}
	g = pulse_graph_replay(base, records, n, -1, arena, &why);
	if (g == NULL)
	{
		printf("Bail out! %s\n", why);
		exit(1);
	}
	return g;
}

static const char *
run_drawing(const PulseGraph *g, const PulseDrawRun *run, PulseDrawFormat format)
{
	StringInfoData out;
	const char *text;

	initStringInfo(&out);
	pulse_draw_run(&out, g, run, format);
	text = pulse_arena_strdup(arena, out.data);
	pfree(out.data);
	return text;
}

static void
test_grown(void)
{
	PulseGrowthRecord records[4] = {
		{ .anchor = "load", .form = "append", .rewrite = json_of("{'form': 'append', 'fragment': {'nodes': {'more': {'noop': true}}}}") },
		{ .anchor = "route", .form = "choose", .detail = json_of("{'branch': 1}") },
		{ .anchor = "lines", .form = "map", .detail = json_of("{'items': [1, 2]}") },
		{ .anchor = "poll", .form = "repeat", .detail = json_of("{'round': 7}") }
	};
	PulseDrawGrowth growths[4];
	PulseGraph *base = graph_of(COMPOSITES);
	PulseGraph *g = grown(base, records, 4, growths);
	PulseStatus *status = pulse_arena_zalloc(arena, sizeof(PulseStatus) * (size_t) g->n_nodes);
	const char **notes = pulse_arena_zalloc(arena, sizeof(char *) * (size_t) g->n_nodes);
	PulseDrawRun run = { .status = status, .notes = notes, .n_growths = 4, .growths = growths };
	const char *out;

	for (int i = 0; i < g->n_nodes; i++)
	{
		if (pulse_kind_composite(g->nodes[i]->kind) && g->nodes[i]->scope == NULL)
			status[i] = PULSE_REWRITTEN;
	}
	notes[pulse_graph_find(g, "bill", 4)] = "child running, 42";
	is(run_drawing(g, &run, PULSE_DRAW_TEXT),
	   "○     load                pending      action x.load\n"
	   "○     load:more           pending      noop, added by load (rewrite 1)\n"
	   "◆     route               rewritten    choose, took else\n"
	   "○     route:skip          pending      noop\n"
	   "○     route:out           pending      collect\n"
	   "├─╮\n"
	   "◆ │   lines               rewritten    map, 2 items of $.nodes.load.lines, 1 node each, at most 4 at once, 10% may fail\n"
	   "├─│─╮\n"
	   "│ ◆ │ poll                rewritten    repeat, in round 7, while $.nodes.poll.more, 1 node, at most 10 rounds\n"
	   "○ │ │ lines:item_0:inner  pending      map over $.item, 1 node each\n"
	   "│ │ │   · n  pure\n"
	   "│ │ ○ lines:item_1:inner  pending      map over $.item, 1 node each\n"
	   "│ │ │   · n  pure\n"
	   "├─│─╯\n"
	   "│ ○   poll:iter_7:look    pending      action x.look\n"
	   "○ │   lines:out           pending      collect\n"
	   "│ ○   poll:out            pending      collect\n"
	   "├─╯\n"
	   "○     bill                pending      workflow billing version 3, child running, 42\n",
	   "a graph that has grown");
	out = run_drawing(g, &run, PULSE_DRAW_MERMAID);
	ok(strstr(out, "    subgraph g0[\"added by load (rewrite 1)\"]\n"
				   "        n5((\"load:more\"))\n"
				   "    end\n"
				   "    subgraph g1[\"route: else\"]\n"
				   "        n7((\"route:skip\"))\n"
				   "    end\n"
				   "    subgraph g2[\"lines: 2 items\"]\n"
				   "        n9[/\"lines:item_0:inner<br/>map over $.item, 1 node each<br/>n\"\\]\n"
				   "        n10[/\"lines:item_1:inner<br/>map over $.item, 1 node each<br/>n\"\\]\n"
				   "    end\n"
				   "    subgraph g3[\"poll: round 7\"]\n"
				   "        n12[\"poll:iter_7:look<br/>action x.look\"]\n"
				   "    end\n") != NULL,
	   "groups in mermaid");
	ok(strstr(out, "collect\"/]\n") != NULL && strstr(out, "<br/>child running, 42\"]]") != NULL, "and notes");
	out = run_drawing(g, &run, PULSE_DRAW_DOT);
	is_int(count_lines(out, "subgraph cluster_"), 4, "groups in dot");
	is_int(count_lines(out, "shape=invtrapezium"), 3, "collecting nodes in dot");
	out = run_drawing(g, &run, PULSE_DRAW_SVG);
	is_int(count_lines(out, ">added by load (rewrite 1)</text>"), 1, "who has added what in svg");
	ok(is_well_formed(out), "well-formed");
	pulse_graph_free(g);
	pulse_graph_free(base);
}

/* n items of a map of a map: 30 inside each. */
static void
test_items(int n)
{
	StringInfoData items;
	PulseGrowthRecord *records = pulse_arena_zalloc(arena, sizeof(PulseGrowthRecord) * ((size_t) n + 1));
	PulseDrawGrowth *growths = pulse_arena_alloc(arena, sizeof(PulseDrawGrowth) * ((size_t) n + 1));
	PulseGraph *base = graph_of("{'nodes': {'m': {'map': {'over': '$.input', 'as': {'nodes': {"
								"'i': {'map': {'over': '$.item', 'as': {'nodes': {'n': {'noop': true}}}}}}}}}}}");
	PulseGraph *g;
	PulseStatus *status;
	bool *failed;
	PulseDrawRun run = { 0 };
	const char *out;

	initStringInfo(&items);
	for (int i = 0; i < n; i++)
		appendStringInfo(&items, "%s[]", i > 0 ? ", " : "");
	records[0].anchor = "m";
	records[0].form = "map";
	records[0].detail = json_of(psprintf("{'items': [%s]}", items.data));
	resetStringInfo(&items);
	for (int i = 0; i < 30; i++)
		appendStringInfo(&items, "%s%d", i > 0 ? ", " : "", i);
	for (int i = 0; i < n; i++)
	{
		records[i + 1].anchor = psprintf("m:item_%d:i", i);
		records[i + 1].form = "map";
		records[i + 1].detail = json_of(psprintf("{'items': [%s]}", items.data));
	}
	pfree(items.data);
	g = grown(base, records, n + 1, growths);
	status = pulse_arena_alloc(arena, sizeof(PulseStatus) * (size_t) g->n_nodes);
	failed = pulse_arena_zalloc(arena, sizeof(bool) * (size_t) g->n_nodes);
	for (int i = 0; i < g->n_nodes; i++)
		status[i] = pulse_kind_composite(g->nodes[i]->kind) ? PULSE_REWRITTEN : PULSE_COMPLETED;
	run.growths = growths;
	run.n_growths = n + 1;

	/* a definition would have no statuses: all items are alike */
	out = run_drawing(g, &run, PULSE_DRAW_TEXT);
	is_int(count_lines(out, " m:… "), 1, "items that are not shown");
	is_int(count_lines(out, psprintf("%d more items", n - 20)), 1, "counted");
	is_int(count_lines(out, ":i:… "), 20, "in each that is shown");

	run.status = status;
	run.failed = failed;
	out = run_drawing(g, &run, PULSE_DRAW_TEXT);
	is_int(count_lines(out, psprintf("completed    %d more items, all completed", n - 20)), 1, "all alike");
	is_int(count_lines(out, "item_19:i:out"), 1, "the first ones are shown");

	status[pulse_graph_find(g, "m:item_33:i:item_7:n", 20)] = PULSE_RUNNING;
	failed[pulse_graph_find(g, "m:item_34:i:item_29:n", 21)] = true;
	status[pulse_graph_find(g, "m:item_0:i:item_28:n", 20)] = PULSE_PENDING;
	status[pulse_graph_find(g, "m:item_0:i:item_29:n", 20)] = PULSE_WAITING;
	for (int k = 21; k < n; k++)
		status[pulse_graph_find(g, psprintf("m:item_%d:i", k), strlen(psprintf("m:item_%d:i", k)))] =
			k % 2 == 0 ? PULSE_REWRITTEN : PULSE_PENDING;
	out = run_drawing(g, &run, PULSE_DRAW_TEXT);
	is_int(count_lines(out, " m:item_33:i:item_7:n "), 1, "one under way is shown");
	is_int(count_lines(out, " m:item_34:i:item_29:n "), 1, "one that failed is shown");
	is_int(count_lines(out, " m:item_0:i:item_29:n "), 1, "one that waits is shown");
	is_int(count_lines(out, " m:item_17:i "), 1, "then the first ones");
	is_int(count_lines(out, " m:item_18:i "), 0, "as many as there is room for");
	is_int(count_lines(out, " m:… "), 2, "the others by status");
	is_int(count_lines(out, psprintf("pending      %d more items", (n - 21 + 1) / 2 - 1)), 1, "those to come");

	ok(pulse_draw_fits(g, PULSE_DRAW_SVG), "as svg it fits");
	out = run_drawing(g, &run, PULSE_DRAW_SVG);
	ok(is_well_formed(out) && count_lines(out, "<g><title>") <= PULSE_DRAW_SVG_MAX, "with fewer items");
	out = run_drawing(g, &run, PULSE_DRAW_DOT);
	is_int(count_lines(out, "subgraph cluster_"), 21, "a group a map that is shown");
	ok(strstr(out, "-> n-1") == NULL && strstr(out, "n-1 ->") == NULL, "no line to what is not there");
	pulse_graph_free(g);
	pulse_graph_free(base);
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	PulseDrawFormat format;

	diag("seed %llu", (unsigned long long) seed);
	arena = pulse_arena_create(0);
	ok(pulse_draw_format_parse("mermaid", &format) && format == PULSE_DRAW_MERMAID, "format");
	ok(!pulse_draw_format_parse("png", &format), "no format");
	test_text();
	test_mermaid();
	test_dot();
	test_svg();
	test_composites();
	test_grown();
	test_items(41);
	test_items(400);
	test_large(seed);
	pulse_arena_free(arena);
	return tap_done();
}
