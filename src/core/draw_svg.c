/*
 * draw_svg.c
 *		A graph as an SVG picture.
 *
 * The picture stands alone: no scripts, no style sheets, nothing is loaded.
 * What a node does is said by the shape of its box and in words; its status by a
 * mark, in words, by the border and by colour, so that a black and white print
 * says it too. Layers go down the page or across it, whichever gives the more
 * compact picture. Texts are cut to fit; titles, which browsers show as tooltips,
 * have all of them.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/draw.h"

#include <math.h>

#include "core/draw_private.h"
#include "core/layout.h"

/* Sizes in pixels; the widths are those of a monospaced font. */
#define MARGIN 20
#define ID_SIZE 12
#define ID_CHAR 7.3
#define TEXT_SIZE 10.5
#define TEXT_CHAR 6.4
#define ID_LINE 16
#define TEXT_LINE 14
#define MAX_ID_SHOWN 30
#define MAX_TEXT_SHOWN 36
#define MARK 11
#define MARK_GAP 5
#define MIN_BOX 84
#define CORNER 9 /* cut off the corners of some shapes */

#define LINE_COLOUR "#52525b"

typedef struct Picture
{
	StringInfo out;
	const PulseDrawing *all;
	const PulseGraph *graph;
	const PulseStatus *status;
	PulseLayout *layout;
	char **does; /* by node: what it does, or NULL: nothing worth saying */
	char **also; /* what its body is, who has added it; or NULL */
	double box_w;
	double box_h;
	bool across;	  /* layers go from left to right */
	double *layer_at; /* by layer: where it begins */
	double length;	  /* of all layers and gaps */
} Picture;

typedef struct Point
{
	double x;
	double y;
} Point;

/*
 * ---------------------------------------------------------------------
 * Texts
 * ---------------------------------------------------------------------
 */

/* len bytes as character data: escaped, and without what XML cannot hold. */
static void
put_text(StringInfo out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];

		if (c == '<')
			appendStringInfoString(out, "&lt;");
		else if (c == '>')
			appendStringInfoString(out, "&gt;");
		else if (c == '&')
			appendStringInfoString(out, "&amp;");
		else if (c == '"')
			appendStringInfoString(out, "&quot;");
		else if (c == 0xef && i + 2 < len && (unsigned char) s[i + 1] == 0xbf &&
				 ((unsigned char) s[i + 2] | 1) == 0xbf)
		{
			appendStringInfoString(out, "\xef\xbf\xbd"); /* U+FFFE, U+FFFF */
			i += 2;
		}
		else
			appendStringInfoChar(out, c < 0x20 || c == 0x7f ? ' ' : s[i]);
	}
}

/* Columns of the character at s, and its bytes: many scripts are twice as wide. */
static int
columns(const char *s, int *bytes)
{
	unsigned char c = (unsigned char) *s;

	*bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	return c >= 0xf0 || (c > 0xe2 && c < 0xf0) ? 2 : 1;
}

static int
width_of(const char *s)
{
	int width = 0;

	for (int bytes; *s != '\0'; s += bytes)
		width += columns(s, &bytes);
	return width;
}

/* As much of a text as max columns hold. */
static void
put_clipped(StringInfo out, const char *s, int max)
{
	const char *end = s;
	int width = 0;

	if (width_of(s) <= max)
	{
		put_text(out, s, strlen(s));
		return;
	}
	for (;;)
	{
		int bytes;

		width += columns(end, &bytes);
		if (width > max - 1)
			break;
		end += bytes;
	}
	put_text(out, s, (size_t) (end - s));
	appendStringInfoString(out, "…");
}

/* Of a long id, the beginning and the end: those of grown graphs differ there. */
static void
put_id(StringInfo out, const PulseNode *n)
{
	size_t head = (MAX_ID_SHOWN - 1) / 2;
	size_t tail = MAX_ID_SHOWN - 1 - head;

	if (n->id_len <= MAX_ID_SHOWN)
	{
		put_text(out, n->id, n->id_len);
		return;
	}
	put_text(out, n->id, head);
	appendStringInfoString(out, "…");
	put_text(out, n->id + n->id_len - tail, tail);
}

static char *
what_it_does(const PulseDrawing *d, int node, PulseArena *arena)
{
	StringInfoData text;
	char *copy = NULL;

	initStringInfo(&text);
	if (pulse_draw_does(&text, d, node))
		copy = pulse_arena_strdup(arena, text.data);
	pfree(text.data);
	return copy;
}

/* A third line: either the outline of its body, or who has added it, or both. */
static char *
what_else(const PulseDrawing *d, int node, PulseArena *arena)
{
	StringInfoData text;
	char *copy = NULL;
	int at;

	initStringInfo(&text);
	if (pulse_draw_has_body(d, node))
	{
		appendStringInfoString(&text, "of ");
		pulse_draw_outline(&text, d->graph->nodes[node]);
	}
	at = text.len;
	appendStringInfoString(&text, at > 0 ? ", " : "");
	if (!pulse_draw_remark(&text, d, node))
		text.data[text.len = at] = '\0';
	if (text.len > 0)
		copy = pulse_arena_strdup(arena, text.data);
	pfree(text.data);
	return copy;
}

/*
 * ---------------------------------------------------------------------
 * Places
 * ---------------------------------------------------------------------
 */

/* Boxes are all of one size, made for the widest of them. */
static void
size_boxes(Picture *p, PulseArena *arena)
{
	double width = 0;
	bool does = false;
	bool also = false;

	p->does = pulse_arena_alloc(arena, sizeof(char *) * (size_t) p->graph->n_nodes);
	p->also = pulse_arena_alloc(arena, sizeof(char *) * (size_t) p->graph->n_nodes);
	for (int i = 0; i < p->graph->n_nodes; i++)
	{
		p->does[i] = what_it_does(p->all, i, arena);
		p->also[i] = what_else(p->all, i, arena);
		width = Max(width, ID_CHAR * Min((int) p->graph->nodes[i]->id_len, MAX_ID_SHOWN));
		if (p->does[i] != NULL)
			width = Max(width, TEXT_CHAR * Min(width_of(p->does[i]), MAX_TEXT_SHOWN));
		if (p->also[i] != NULL)
			width = Max(width, TEXT_CHAR * Min(width_of(p->also[i]), MAX_TEXT_SHOWN));
		does |= p->does[i] != NULL;
		also |= p->also[i] != NULL;
	}
	if (p->status != NULL)
		width = Max(width, TEXT_CHAR * (double) strlen("interrupted") + MARK + MARK_GAP);
	p->box_w = Max((int) width + 30, MIN_BOX);
	p->box_h = ID_LINE + (does ? TEXT_LINE : 0) + (also ? TEXT_LINE : 0) + (p->status != NULL ? TEXT_LINE + 2 : 0) + 14;
}

/* Where layers begin: the further lines go sideways, the wider the gap. */
static void
space_layers(Picture *p, PulseArena *arena)
{
	const PulseLayout *l = p->layout;
	double *far = pulse_arena_zalloc(arena, sizeof(double) * (size_t) (l->n_layers + 1));
	double thick = p->across ? p->box_w : p->box_h;
	double at = 0;

	for (int i = 0; i < l->n_links; i++)
	{
		const PulseLayoutSpot *from = &l->spots[l->links[i].from];
		double d = fabs(from->across - l->spots[l->links[i].to].across);

		far[from->layer] = Max(far[from->layer], d);
	}
	for (int k = 0; k < l->n_layers; k++)
	{
		p->layer_at[k] = at;
		p->length = at + thick;
		at += thick + (p->across ? 48 : 34) + Min(far[k] * 0.08, 110);
	}
}

static void
place(Picture *p, PulseArena *arena)
{
	PulseLayoutRoom room;

	room.node = p->across ? p->box_h : p->box_w;
	room.node_gap = p->across ? 14 : 24;
	room.lane = 2;
	room.lane_gap = p->across ? 10 : 14;
	pulse_layout_place(p->layout, &room, arena);
	space_layers(p, arena);
}

/* A place on the page, from one along the layers and one across them. */
static Point
at(const Picture *p, double along, double across)
{
	Point point;

	point.x = MARGIN + (p->across ? along : across);
	point.y = MARGIN + (p->across ? across : along);
	return point;
}

/*
 * ---------------------------------------------------------------------
 * Lines
 * ---------------------------------------------------------------------
 */

static void
put_link(const Picture *p, const PulseLayoutLink *link)
{
	const PulseLayoutSpot *from = &p->layout->spots[link->from];
	const PulseLayoutSpot *to = &p->layout->spots[link->to];
	double thick = p->across ? p->box_w : p->box_h;
	double begin = p->layer_at[from->layer];
	double leave = begin + thick;
	double arrive = p->layer_at[to->layer];
	double middle = (leave + arrive) / 2;
	Point a = at(p, leave, from->across);
	Point c1 = at(p, middle, from->across);
	Point c2 = at(p, middle, to->across);
	Point b = at(p, arrive, to->across);

	appendStringInfoString(p->out, "<path d=\"");
	if (from->lane)
	{
		Point start = at(p, begin, from->across);

		appendStringInfo(p->out, "M%.1f %.1fL%.1f %.1f", start.x, start.y, a.x, a.y);
	}
	else
		appendStringInfo(p->out, "M%.1f %.1f", a.x, a.y);
	if (fabs(from->across - to->across) < 0.5)
		appendStringInfo(p->out, "L%.1f %.1f\"", b.x, b.y);
	else
		appendStringInfo(p->out, "C%.1f %.1f %.1f %.1f %.1f %.1f\"", c1.x, c1.y, c2.x, c2.y,
						 b.x, b.y);
	if (p->graph->nodes[to->node]->guards >= 0)
		appendStringInfoString(p->out, " stroke-dasharray=\"5 3\"");
	if (!to->lane)
		appendStringInfoString(p->out, " marker-end=\"url(#tip)\"");
	appendStringInfoString(p->out, "/>\n");
}

/*
 * ---------------------------------------------------------------------
 * Nodes
 * ---------------------------------------------------------------------
 */

/* A hexagon that points to both sides. */
static void
put_pointed(StringInfo out, double x, double y, double w, double h, double cut)
{
	appendStringInfo(out, "<path d=\"M%.1f %.1fh%.1fl%.1f %.1fl%.1f %.1fh%.1fl%.1f %.1fz\"",
					 x + cut, y, w - 2 * cut, cut, h / 2, -cut, h / 2, 2 * cut - w, -cut, -h / 2);
}

static void
put_rectangle(StringInfo out, double x, double y, double w, double h, double radius)
{
	appendStringInfo(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%.1f\"",
					 x, y, w, h, radius);
}

static void
put_shape(StringInfo out, PulseNodeKind kind, bool across, double x, double y, double w, double h)
{
	double cut = CORNER;

	switch (kind)
	{
		case PULSE_KIND_ACTION:
		case PULSE_KIND_MAP:
		case PULSE_KIND_WORKFLOW:
			put_rectangle(out, x, y, w, h, 2);
			break;
		case PULSE_KIND_PURE:
		case PULSE_KIND_REPEAT:
			put_rectangle(out, x, y, w, h, 12);
			break;
		case PULSE_KIND_NOOP:
			put_rectangle(out, x, y, w, h, h / 2);
			break;
		case PULSE_KIND_DELAY:
			appendStringInfo(out, "<path d=\"M%.1f %.1fh%.1fl%.1f %.1fv%.1fl%.1f %.1fh%.1f"
								  "l%.1f %.1fv%.1fz\"",
							 x + cut, y, w - 2 * cut, cut, cut, h - 2 * cut, -cut, cut,
							 2 * cut - w, -cut, -cut, 2 * cut - h);
			break;
		case PULSE_KIND_SIGNAL:
			put_pointed(out, x, y, w, h, cut);
			break;
		case PULSE_KIND_CHOOSE:
			put_pointed(out, x, y, w, h, 2 * cut);
			break;
		case PULSE_KIND_COLLECT:
			/* wide where lines come in */
			if (across)
				appendStringInfo(out, "<path d=\"M%.1f %.1fl%.1f %.1fv%.1fl%.1f %.1fz\"", x, y, w, cut,
								 h - 2 * cut, -w, cut);
			else
				appendStringInfo(out, "<path d=\"M%.1f %.1fh%.1fl%.1f %.1fh%.1fz\"", x, y, w,
								 -1.5 * cut, h, 3 * cut - w);
			break;
	}
}

/* What tells some kinds apart beside their shape: a stack, a second border, bars. */
static void
put_second(StringInfo out, PulseNodeKind kind, double x, double y, double w, double h,
		   const char *stroke)
{
	const double gap = 3;

	if (kind == PULSE_KIND_CHOOSE || kind == PULSE_KIND_REPEAT)
	{
		put_shape(out, kind, false, x + gap + (kind == PULSE_KIND_CHOOSE ? 1 : 0), y + gap,
				  w - 2 * gap - (kind == PULSE_KIND_CHOOSE ? 2 : 0), h - 2 * gap);
		appendStringInfo(out, " fill=\"none\" stroke=\"%s\" stroke-width=\"0.9\"/>\n", stroke);
	}
	else if (kind == PULSE_KIND_WORKFLOW)
		appendStringInfo(out, "<path d=\"M%.1f %.1fv%.1fm%.1f 0v%.1f\" fill=\"none\" stroke=\"%s\" "
							  "stroke-width=\"0.9\"/>\n",
						 x + 6, y, h, w - 12, -h, stroke);
}

/* Behind the box of a map: those of its items. */
static void
put_stack(StringInfo out, double x, double y, double w, double h, const char *fill,
		  const char *stroke)
{
	for (int k = 2; k > 0; k--)
	{
		put_rectangle(out, x + 3 * k, y + 3 * k, w, h, 2);
		appendStringInfo(out, " fill=\"%s\" stroke=\"%s\" stroke-width=\"0.9\"/>\n", fill, stroke);
	}
}

/* The mark of a status around (x, y): told apart by form alone. */
static void
put_mark(StringInfo out, PulseStatus status, double x, double y)
{
	const char *ink = pulse_draw_style(status)->ink;
	double r = MARK / 2.0 - 1;

	if (status == PULSE_REWRITTEN)
		appendStringInfo(out, "<path d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz\" fill=\"%s\"/>", x,
						 y - r - 1, r + 1, r + 1, -r - 1, r + 1, -r - 1, -r - 1, ink);
	else if (status == PULSE_FAILED)
		appendStringInfo(out,
						 "<path d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\" fill=\"none\" "
						 "stroke=\"%s\" stroke-width=\"2.4\"/>",
						 x - r + 0.5, y - r + 0.5, 2 * r - 1, 2 * r - 1, 1 - 2 * r, 1 - 2 * r,
						 2 * r - 1, ink);
	else
		appendStringInfo(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\" "
							  "stroke=\"%s\" stroke-width=\"1.4\"%s/>",
						 x, y, r, status == PULSE_COMPLETED ? ink : "none", ink,
						 status == PULSE_INTERRUPTED ? " stroke-dasharray=\"2.4 1.8\"" : "");
	switch (status)
	{
		case PULSE_RUNNING: /* its right half */
			appendStringInfo(out, "<path d=\"M%.1f %.1fa%.1f %.1f 0 0 1 0 %.1fz\" fill=\"%s\"/>", x,
							 y - r, r, r, 2 * r, ink);
			break;
		case PULSE_WAITING: /* the hands of a clock */
			appendStringInfo(out, "<path d=\"M%.1f %.1fv%.1fh%.1f\" fill=\"none\" stroke=\"%s\" "
								  "stroke-width=\"1.4\"/>",
							 x, y - r + 1.4, r - 1.4, r - 1.6, ink);
			break;
		case PULSE_SKIPPED: /* crossed out */
			appendStringInfo(out, "<path d=\"M%.1f %.1fl%.1f %.1f\" stroke=\"%s\" stroke-width=\"1.4\"/>",
							 x - r * 0.7, y + r * 0.7, r * 1.4, -r * 1.4, ink);
			break;
		case PULSE_COMPLETED: /* a tick */
			appendStringInfo(out, "<path d=\"M%.1f %.1fl1.8 1.9l3.2 -3.9\" fill=\"none\" stroke=\"#ffffff\" "
								  "stroke-width=\"1.4\"/>",
							 x - 2.5, y + 0.2);
			break;
		default:
			break;
	}
}

static void
put_node(const Picture *p, int node)
{
	const PulseNode *n = p->graph->nodes[node];
	const PulseLayoutSpot *spot = &p->layout->spots[node];
	const PulseDrawStyle *style = p->status ? pulse_draw_style(p->status[node]) : NULL;
	const char *ink = style != NULL ? style->ink : "#18181b";
	double thick = p->across ? p->box_w : p->box_h;
	Point centre = at(p, p->layer_at[spot->layer] + thick / 2, spot->across);
	double x = centre.x - p->box_w / 2;
	double y = centre.y - p->box_h / 2;
	const char *fill = style != NULL ? style->fill : "#fafafa";
	const char *stroke = style != NULL ? style->stroke : LINE_COLOUR;
	bool strong = p->status != NULL && (p->status[node] == PULSE_FAILED || p->status[node] == PULSE_RUNNING);
	int lines = ID_LINE + (p->does[node] ? TEXT_LINE : 0) + (p->also[node] ? TEXT_LINE : 0) +
		(style ? TEXT_LINE + 2 : 0);

	appendStringInfoString(p->out, "<g><title>");
	put_text(p->out, n->id, n->id_len);
	if (p->does[node] != NULL)
	{
		appendStringInfoString(p->out, ": ");
		put_text(p->out, p->does[node], strlen(p->does[node]));
	}
	if (p->also[node] != NULL)
	{
		appendStringInfoString(p->out, ", ");
		put_text(p->out, p->also[node], strlen(p->also[node]));
	}
	if (n->description != NULL)
	{
		appendStringInfoString(p->out, ". ");
		put_text(p->out, n->description, strlen(n->description));
	}
	appendStringInfoString(p->out, "</title>");
	if (n->kind == PULSE_KIND_MAP)
		put_stack(p->out, x, y, p->box_w, p->box_h, fill, stroke);
	put_shape(p->out, n->kind, p->across, x, y, p->box_w, p->box_h);
	appendStringInfo(p->out, " fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\"%s/>\n", fill, stroke,
					 strong ? "2.6" : "1.3",
					 style != NULL && style->dashed ? " stroke-dasharray=\"5 3\"" : "");
	put_second(p->out, n->kind, x, y, p->box_w, p->box_h, stroke);

	y += (p->box_h - lines) / 2 + 12;
	appendStringInfo(p->out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%d\" font-weight=\"bold\" fill=\"%s\">",
					 centre.x, y, ID_SIZE, ink);
	put_id(p->out, n);
	appendStringInfoString(p->out, "</text>");
	if (p->does[node] != NULL)
	{
		y += TEXT_LINE;
		appendStringInfo(p->out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">", centre.x, y, ink);
		put_clipped(p->out, p->does[node], MAX_TEXT_SHOWN);
		appendStringInfoString(p->out, "</text>");
	}
	if (p->also[node] != NULL)
	{
		y += TEXT_LINE;
		appendStringInfo(p->out, "<text x=\"%.1f\" y=\"%.1f\" font-style=\"italic\" fill=\"%s\">",
						 centre.x, y, ink);
		put_clipped(p->out, p->also[node], MAX_TEXT_SHOWN);
		appendStringInfoString(p->out, "</text>");
	}
	if (style != NULL)
	{
		const char *name = pulse_status_name(p->status[node]);
		double width = MARK + MARK_GAP + TEXT_CHAR * (double) strlen(name);
		double left = centre.x - width / 2;

		y += TEXT_LINE + 2;
		put_mark(p->out, p->status[node], left + MARK / 2.0, y - 3.6);
		appendStringInfo(p->out, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\" text-anchor=\"start\">%s</text>",
						 left + MARK + MARK_GAP, y, ink, name);
	}
	appendStringInfoString(p->out, "</g>\n");
}

static void
put_picture(const Picture *p)
{
	Point end = at(p, p->length, p->layout->extent);
	int width = (int) ceil(end.x) + MARGIN;
	int height = (int) ceil(end.y) + MARGIN;

	appendStringInfo(p->out,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
					 "viewBox=\"0 0 %d %d\" role=\"img\" font-size=\"%.1f\" text-anchor=\"middle\" "
					 "font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\">\n"
					 "<title>%d node%s</title>\n"
					 "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" "
					 "markerHeight=\"8\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
					 "<path d=\"M0 0.5L8 4L0 7.5z\" fill=\"" LINE_COLOUR "\"/></marker></defs>\n"
					 "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n",
					 width, height, width, height, TEXT_SIZE, p->graph->n_nodes,
					 p->graph->n_nodes == 1 ? "" : "s", width, height);
	appendStringInfoString(p->out, "<g fill=\"none\" stroke=\"" LINE_COLOUR "\" stroke-width=\"1.2\">\n");
	for (int i = 0; i < p->layout->n_links; i++)
		put_link(p, &p->layout->links[i]);
	appendStringInfoString(p->out, "</g>\n");
	for (int i = 0; i < p->graph->n_nodes; i++)
		put_node(p, i);
	appendStringInfoString(p->out, "</svg>\n");
}

void
pulse_draw_svg(StringInfo out, const PulseDrawing *d)
{
	PulseArena *arena = pulse_arena_create(0);
	Picture p = { .out = out, .all = d, .graph = d->graph, .status = d->status };
	double down;

	Assert(d->graph->n_nodes <= PULSE_DRAW_SVG_MAX);
	p.layout = pulse_layout_make(d->graph, arena);
	p.layer_at = pulse_arena_zalloc(arena, sizeof(double) * (size_t) (p.layout->n_layers + 1));
	size_boxes(&p, arena);
	place(&p, arena);
	down = Max(p.length, p.layout->extent);
	p.across = true;
	place(&p, arena);
	if (down <= Max(p.length, p.layout->extent))
	{
		p.across = false;
		place(&p, arena);
	}
	put_picture(&p);
	pulse_arena_free(arena);
}
