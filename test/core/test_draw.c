/*
 * test_draw.c
 *		Drawings: exact pictures of small graphs, and order in large ones.
 */
#include "postgres_fe.h"

#include "core/draw.h"
#include "core/layout.h"

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
	test_large(seed);
	pulse_arena_free(arena);
	return tap_done();
}
