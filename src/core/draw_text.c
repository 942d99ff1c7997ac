/*
 * draw_text.c
 *		A graph as text, one line a node, top to bottom by layers.
 *
 * To the left of the nodes run lanes.  A lane belongs to the node it leads to:
 * whoever comes before that node joins the lane, so there are never more lanes
 * than nodes still to come that have been reached.  A lane that is crossed is
 * drawn through (─│─), one that is joined is not (─┼─).
 *
 *		● load     action orders.load
 *		├─╮
 *		○ │ charge action payments.charge
 *		│ ○ check  action risk.check
 *		├─╯
 *		○ ship     action warehouse.ship
 *
 * A graph that needs too many lanes is listed by layers instead, with the
 * predecessors in words.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include "core/draw_private.h"
#include "core/layout.h"

#define MAX_LANES 24
#define MAX_ID_WIDTH 40
#define MAX_LISTED 8 /* predecessors in words */

#define UP 1
#define DOWN 2
#define LEFT 4
#define RIGHT 8

static const char *const boxes[16] = {
	[0] = " ",
	[UP] = "╵",
	[DOWN] = "╷",
	[UP |
		DOWN] = "│",
	[LEFT] = "╴",
	[UP |
		LEFT] = "╯",
	[DOWN |
		LEFT] = "╮",
	[UP | DOWN |
		LEFT] = "┤",
	[RIGHT] = "╶",
	[UP |
		RIGHT] = "╰",
	[DOWN |
		RIGHT] = "╭",
	[UP | DOWN |
		RIGHT] = "├",
	[LEFT |
		RIGHT] = "─",
	[UP | LEFT |
		RIGHT] = "┴",
	[DOWN | LEFT |
		RIGHT] = "┬",
	[UP | DOWN | LEFT |
		RIGHT] = "┼",
};

typedef struct Drawing
{
	StringInfo out; /* NULL: only measure */
	const PulseGraph *graph;
	const PulseStatus *status;
	int *layer;	  /* by node, from 0 */
	int *order;	  /* nodes by layer, then id */
	int *lane_of; /* by node: its lane, or -1 */
	int *lanes;	  /* by lane: the node it leads to, or -1 */
	int n_lanes;  /* in use at the moment, gaps included */
	int width;	  /* lanes ever in use at once */
	int id_width;
} Drawing;

/* Takes a free lane, to the right of `from` if there is one. */
static int
take_lane(Drawing *d, int from, int node)
{
	int lane = from;

	while (lane < d->n_lanes && d->lanes[lane] >= 0)
		lane++;
	if (lane == d->n_lanes)
	{
		for (int k = 0; k < d->n_lanes; k++)
		{
			if (d->lanes[k] < 0)
			{
				lane = k;
				break;
			}
		}
	}
	if (lane == d->n_lanes)
		d->n_lanes++;
	d->width = Max(d->width, d->n_lanes);
	d->lanes[lane] = node;
	d->lane_of[node] = lane;
	return lane;
}

static void
put_padding(StringInfo out, int n)
{
	for (int i = 0; i < n; i++)
		appendStringInfoChar(out, ' ');
}

/* "id  status  what it does" */
static void
put_label(const Drawing *d, int node)
{
	const PulseNode *def = d->graph->nodes[node];
	int len = (int) def->id_len;

	if (len > MAX_ID_WIDTH)
		appendStringInfo(d->out, "%.*s…", MAX_ID_WIDTH - 1, def->id);
	else
		appendStringInfoString(d->out, def->id);
	put_padding(d->out, d->id_width - Min(len, MAX_ID_WIDTH) + 2);
	if (d->status != NULL)
		appendStringInfo(d->out, "%-12s ", pulse_status_name(d->status[node]));
	pulse_draw_describe(d->out, d->graph, node);
}

static const char *
mark(const Drawing *d, int node)
{
	return pulse_draw_style(d->status != NULL ? d->status[node] : PULSE_PENDING)->mark;
}

static void
put_node_row(const Drawing *d, int node, int lane)
{
	for (int k = 0; k < d->width; k++)
	{
		if (k == lane)
			appendStringInfoString(d->out, mark(d, node));
		else
			appendStringInfoString(d->out, k < d->n_lanes && d->lanes[k] >= 0 ? "│" : " ");
		appendStringInfoChar(d->out, ' ');
	}
	put_label(d, node);
	appendStringInfoChar(d->out, '\n');
}

/*
 * The row under a node: from its lane to those of its successors. dirs holds
 * what the node itself does in each lane: DOWN opens one, UP | DOWN joins one.
 */
static void
put_link_row(const Drawing *d, const uint8 *dirs, int lane)
{
	int low = lane;
	int high = lane;
	int end;

	for (int k = 0; k < d->n_lanes; k++)
	{
		if (dirs[k] != 0)
		{
			low = Min(low, k);
			high = Max(high, k);
		}
	}
	end = d->n_lanes;
	while (end > high + 1 && d->lanes[end - 1] < 0)
		end--;
	for (int k = 0; k < end; k++)
	{
		bool touched = dirs[k] != 0 || k == lane;
		int box = dirs[k] | (k == lane ? UP : 0);

		if (!touched && d->lanes[k] >= 0)
			box = UP | DOWN; /* crossed, or out of reach */
		else
			box |= (k > low && k <= high ? LEFT : 0) | (k >= low && k < high ? RIGHT : 0);
		appendStringInfoString(d->out, boxes[box]);
		if (k + 1 < end)
			appendStringInfoString(d->out, k >= low && k < high ? "─" : " ");
	}
	appendStringInfoChar(d->out, '\n');
}

/* Draws one node, or only follows the lanes. */
static void
put_node(Drawing *d, int node, uint8 *dirs)
{
	const PulseNode *def = d->graph->nodes[node];
	int lane = d->lane_of[node];
	int right = -1; /* the leftmost lane it joins to its right */
	bool links = false;

	if (lane < 0)
		lane = take_lane(d, 0, node);
	if (d->out != NULL)
		put_node_row(d, node, lane);
	d->lanes[lane] = -1;
	memset(dirs, 0, (size_t) Min(d->n_lanes + def->n_succs, d->graph->n_nodes));
	for (int s = 0; s < def->n_succs; s++)
	{
		int to = def->succs[s];

		if (d->out == NULL && d->width > MAX_LANES)
			return; /* it will be a list */
		if (d->lane_of[to] >= 0)
		{
			dirs[d->lane_of[to]] = UP | DOWN;
			if (d->lane_of[to] > lane && (right < 0 || d->lane_of[to] < right))
				right = d->lane_of[to];
			links = true;
		}
		else
		{
			int taken = take_lane(d, lane, to);

			dirs[taken] = DOWN;
			links |= taken != lane;
		}
	}
	if (right >= 0 && d->lanes[lane] < 0)
	{
		/* its own lane would end: that one moves over, and lanes stay left */
		dirs[lane] = DOWN;
		dirs[right] = UP;
		d->lanes[lane] = d->lanes[right];
		d->lane_of[d->lanes[lane]] = lane;
		d->lanes[right] = -1;
	}
	if (links && d->out != NULL)
		put_link_row(d, dirs, lane);

	while (d->n_lanes > 0 && d->lanes[d->n_lanes - 1] < 0)
		d->n_lanes--;
}

static void
draw_lanes(Drawing *d, PulseArena *arena)
{
	uint8 *dirs = pulse_arena_alloc(arena, (size_t) d->graph->n_nodes + 1);

	for (int i = 0; i < d->graph->n_nodes; i++)
		d->lane_of[i] = d->lanes[i] = -1;
	d->n_lanes = 0;
	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		put_node(d, d->order[i], dirs);
		if (d->out == NULL && d->width > MAX_LANES)
			return;
	}
}

/* By layers, with the predecessors in words. */
static void
draw_list(const Drawing *d)
{
	int layer = -1;

	for (int i = 0; i < d->graph->n_nodes; i++)
	{
		int node = d->order[i];
		const PulseNode *def = d->graph->nodes[node];

		if (d->layer[node] != layer)
		{
			layer = d->layer[node];
			appendStringInfo(d->out, "%slayer %d\n", layer > 0 ? "\n" : "", layer + 1);
		}
		appendStringInfo(d->out, "  %s ", mark(d, node));
		put_label(d, node);
		for (int p = 0; p < def->n_preds; p++)
		{
			if (p == MAX_LISTED)
			{
				appendStringInfo(d->out, ", … (%d more)", def->n_preds - p);
				break;
			}
			appendStringInfo(d->out, "%s%s", p == 0 ? "  ← " : ", ",
							 d->graph->nodes[def->preds[p]]->id);
		}
		appendStringInfoChar(d->out, '\n');
	}
}

void
pulse_draw_text(StringInfo out, const PulseGraph *graph, const PulseStatus *status)
{
	PulseArena *arena;
	Drawing d;

	if (graph->n_nodes == 0)
	{
		appendStringInfoString(out, "(no nodes)\n");
		return;
	}
	arena = pulse_arena_create(0);
	memset(&d, 0, sizeof(d));
	d.graph = graph;
	d.status = status;
	d.lane_of = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	d.lanes = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	d.layer = pulse_layout_layers(graph, arena);
	d.order = pulse_layout_reading_order(graph, d.layer, arena);
	for (int i = 0; i < graph->n_nodes; i++)
		d.id_width = Max(d.id_width, Min((int) graph->nodes[i]->id_len, MAX_ID_WIDTH));

	/* once to see how many lanes it takes, then for good */
	draw_lanes(&d, arena);
	d.out = out;
	if (d.width > MAX_LANES)
		draw_list(&d);
	else
		draw_lanes(&d, arena);
	pulse_arena_free(arena);
}
