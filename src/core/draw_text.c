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
 * Under a composite node that is not lowered yet stand its bodies, indented.
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

typedef struct Outline
{
	StringInfo out; /* NULL: only measure */
	const PulseDrawing *all;
	const PulseGraph *graph;
	const PulseStatus *status;
	int *layer;	  /* by node, from 0 */
	int *order;	  /* nodes by layer, then id */
	int *lane_of; /* by node: its lane, or -1 */
	int *lanes;	  /* by lane: the node it leads to, or -1 */
	int n_lanes;  /* in use at the moment, gaps included */
	int width;	  /* lanes ever in use at once */
	int id_width;
} Outline;

/* Takes a free lane, to the right of `from` if there is one. */
static int
take_lane(Outline *d, int from, int node)
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

/* Columns that an id takes. */
static int
id_width(const PulseNode *n)
{
	int width = 0;

	if (n->id_len > MAX_ID_WIDTH)
		return MAX_ID_WIDTH;
	for (const char *p = n->id; *p != '\0'; p++)
		width += ((unsigned char) *p & 0xc0) != 0x80;
	return width;
}

/* Of a long id, the beginning and the end: those of grown graphs differ there. */
static void
put_id(StringInfo out, const PulseNode *n)
{
	int head = (MAX_ID_WIDTH - 1) / 2;

	if (n->id_len <= MAX_ID_WIDTH)
		appendStringInfoString(out, n->id);
	else
		appendStringInfo(out, "%.*s…%s", head, n->id, n->id + n->id_len - (MAX_ID_WIDTH - 1 - head));
}

/* "id  status  what it does" */
static void
put_label(const Outline *d, int node)
{
	const PulseNode *def = d->graph->nodes[node];
	int at;

	put_id(d->out, def);
	put_padding(d->out, d->id_width - id_width(def) + 2);
	if (d->status != NULL)
		appendStringInfo(d->out, "%-12s ", pulse_status_name(d->status[node]));
	(void) pulse_draw_does(d->out, d->all, node);
	at = d->out->len;
	appendStringInfoString(d->out, ", ");
	if (!pulse_draw_remark(d->out, d->all, node))
		d->out->data[d->out->len = at] = '\0';
}

static const char *
mark(const Outline *d, int node)
{
	return pulse_draw_style(d->status != NULL ? d->status[node] : PULSE_PENDING)->mark;
}

static void
put_node_row(const Outline *d, int node, int lane)
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

/* Under a composite node, what its bodies are; beside them go the lanes. */
static void
put_body(const Outline *d, int node, int lane)
{
	StringInfoData body;
	char *line;

	if (!pulse_draw_has_body(d->all, node))
		return;
	initStringInfo(&body);
	pulse_draw_body(&body, d->graph->nodes[node]);
	for (line = body.data; *line != '\0';)
	{
		char *end = strchr(line, '\n');

		for (int k = 0; lane >= 0 && k < d->width; k++)
		{
			bool goes_on = k == lane ? d->graph->nodes[node]->n_succs > 0 : k < d->n_lanes && d->lanes[k] >= 0;

			appendStringInfoString(d->out, goes_on ? "│ " : "  ");
		}
		if (lane < 0)
			put_padding(d->out, 4);
		appendBinaryStringInfo(d->out, line, (int) (end + 1 - line));
		line = end + 1;
	}
	pfree(body.data);
}

/*
 * The row under a node: from its lane to those of its successors. dirs holds
 * what the node itself does in each lane: DOWN opens one, UP | DOWN joins one.
 */
static void
put_link_row(const Outline *d, const uint8 *dirs, int lane)
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
put_node(Outline *d, int node, uint8 *dirs)
{
	const PulseNode *def = d->graph->nodes[node];
	int lane = d->lane_of[node];
	int right = -1; /* the leftmost lane it joins to its right */
	bool links = false;

	if (lane < 0)
		lane = take_lane(d, 0, node);
	if (d->out != NULL)
	{
		put_node_row(d, node, lane);
		put_body(d, node, lane);
	}
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
draw_lanes(Outline *d, PulseArena *arena)
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
draw_list(const Outline *d)
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
		put_body(d, node, -1);
	}
}

void
pulse_draw_text(StringInfo out, const PulseDrawing *all)
{
	const PulseGraph *graph = all->graph;
	PulseArena *arena;
	Outline d;

	if (graph->n_nodes == 0)
	{
		appendStringInfoString(out, "(no nodes)\n");
		return;
	}
	arena = pulse_arena_create(0);
	memset(&d, 0, sizeof(d));
	d.all = all;
	d.graph = graph;
	d.status = all->status;
	d.lane_of = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	d.lanes = pulse_arena_alloc(arena, sizeof(int) * (size_t) graph->n_nodes);
	d.layer = pulse_layout_layers(graph, arena);
	d.order = pulse_layout_reading_order(graph, d.layer, arena);
	for (int i = 0; i < graph->n_nodes; i++)
		d.id_width = Max(d.id_width, id_width(graph->nodes[i]));

	/* once to see how many lanes it takes, then for good */
	draw_lanes(&d, arena);
	d.out = out;
	if (d.width > MAX_LANES)
		draw_list(&d);
	else
		draw_lanes(&d, arena);
	pulse_arena_free(arena);
}
