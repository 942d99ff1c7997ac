/*
 * format.c
 *		The canonical form of a document.
 *
 * What fits on a line stands on one, except for the document and its nodes.
 * Keys of the format come in the order in which one reads about them; nodes come
 * in the order in which they can run, those of a layer by id, also in fragments; keys of everything
 * else (inputs, values, configuration) are sorted bytewise.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/format.h"

#include "core/layout.h"

#define INDENT 2

/* What a value is, which decides on the order of its keys. */
typedef enum Place
{
	PLACE_DOCUMENT,
	PLACE_NODES,
	PLACE_NODE,
	PLACE_RETRY,
	PLACE_REWRITE,
	PLACE_BUDGET,
	PLACE_CHOOSE, /* a list of choices */
	PLACE_CHOICE,
	PLACE_MAP,
	PLACE_REPEAT,
	PLACE_FRAGMENT,
	PLACE_DATA
} Place;

/* Where in the document one is, and what was read there. */
typedef struct At
{
	Place place;
	const PulseGraph *graph; /* DOCUMENT, NODES: whose nodes these are */
	const PulseNode *node;	 /* NODE, CHOOSE, MAP, REPEAT */
	const PulseBody *body;	 /* CHOICE, FRAGMENT */
} At;

typedef struct Writer
{
	StringInfo out;
	PulseArena *scratch;
} Writer;

static const char *const document_keys[] = { "description", "nodes", "edges", "output",
											 "config", "deadline", "budget", NULL };
static const char *const node_keys[] = {
	"action", "pure", "delay", "until", "signal", "noop", "emit", "choose",
	"map", "repeat", "workflow", "collect", "result", "version", "input", "after", "when", "retry", "timeout",
	"total_timeout", "on_timeout", "on_exhausted", "on_error", "on_skip", "config", "rewrite", "description",
	NULL
};
static const char *const retry_keys[] = { "max_attempts", "initial", "factor", "max",
										  "jitter", "retry_on", "no_retry_on", NULL };
static const char *const rewrite_keys[] = { "max_reexecutions", "on_exhausted", NULL };
static const char *const budget_keys[] = { "nodes", "edges", "depth",
										   "frontier", "operations", NULL };
static const char *const choice_keys[] = { "when", "then", "else", NULL };
static const char *const map_keys[] = { "over", "as", "max_parallel", "max_items", "tolerate", NULL };
static const char *const repeat_keys[] = { "body", "while", "max", NULL };
static const char *const fragment_keys[] = { "nodes", "edges", "entries", "exits", NULL };
static const char *const no_keys[] = { NULL };

static const char *const *const keys_of[] = {
	[PLACE_DOCUMENT] = document_keys, [PLACE_NODES] = no_keys,
	[PLACE_NODE] = node_keys,		  [PLACE_RETRY] = retry_keys,
	[PLACE_REWRITE] = rewrite_keys,	  [PLACE_BUDGET] = budget_keys,
	[PLACE_CHOOSE] = no_keys,		  [PLACE_CHOICE] = choice_keys,
	[PLACE_MAP] = map_keys,			  [PLACE_REPEAT] = repeat_keys,
	[PLACE_FRAGMENT] = fragment_keys, [PLACE_DATA] = no_keys,
};

static const At data = { .place = PLACE_DATA };

static At
member_of_node(const PulseNode *node, const char *key)
{
	At at = { .place = PLACE_DATA, .node = node };

	if (strcmp(key, "retry") == 0)
		at.place = PLACE_RETRY;
	else if (strcmp(key, "rewrite") == 0)
		at.place = PLACE_REWRITE;
	else if (strcmp(key, "choose") == 0)
		at.place = PLACE_CHOOSE;
	else if (strcmp(key, "map") == 0)
		at.place = PLACE_MAP;
	else if (strcmp(key, "repeat") == 0)
		at.place = PLACE_REPEAT;
	return at;
}

static At
member_of(At at, const PulseJsonPair *pair)
{
	const char *key = pair->key;
	int node;

	switch (at.place)
	{
		case PLACE_DOCUMENT:
			if (strcmp(key, "nodes") == 0)
				return (At){ .place = PLACE_NODES, .graph = at.graph };
			return strcmp(key, "budget") == 0 ? (At){ .place = PLACE_BUDGET } : data;
		case PLACE_NODES:
			node = pulse_graph_find(at.graph, key, pair->key_len);
			return node < 0 ? data : (At){ .place = PLACE_NODE, .node = at.graph->nodes[node] };
		case PLACE_NODE:
			return member_of_node(at.node, key);
		case PLACE_CHOICE:
			return strcmp(key, "when") == 0 ? data : (At){ .place = PLACE_FRAGMENT, .body = at.body };
		case PLACE_MAP:
			return strcmp(key, "as") == 0 ? (At){ .place = PLACE_FRAGMENT, .body = at.node->body } : data;
		case PLACE_REPEAT:
			return strcmp(key, "body") == 0 ? (At){ .place = PLACE_FRAGMENT, .body = at.node->body } : data;
		case PLACE_FRAGMENT:
			return strcmp(key, "nodes") == 0 ? (At){ .place = PLACE_NODES, .graph = at.body->graph } : data;
		default:
			return data;
	}
}

static At
item_of(At at, uint32 i)
{
	if (at.place != PLACE_CHOOSE)
		return data;
	return (At){ .place = PLACE_CHOICE, .body = at.node->choices[i].body };
}

static int
compare_pairs(const void *a, const void *b)
{
	const PulseJsonPair *x = *(const PulseJsonPair *const *) a;
	const PulseJsonPair *y = *(const PulseJsonPair *const *) b;
	int c = memcmp(x->key, y->key, Min(x->key_len, y->key_len));

	return c != 0 ? c : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

/* The members of an object in canonical order. */
static const PulseJsonPair **
sorted_pairs(const Writer *w, const PulseJson *object, At at)
{
	const PulseJsonPair **pairs =
		pulse_arena_alloc(w->scratch, sizeof(PulseJsonPair *) * object->len);
	const char *const *keys = keys_of[at.place];
	uint32 n = 0;

	if (at.place == PLACE_NODES && object->len == (uint32) at.graph->n_nodes)
	{
		int *layer = pulse_layout_layers(at.graph, w->scratch);
		int *order = pulse_layout_reading_order(at.graph, layer, w->scratch);

		for (; n < object->len; n++)
		{
			const PulseNode *node = at.graph->nodes[order[n]];

			pairs[n] = pulse_json_find(object, node->id, node->id_len);
		}
		return pairs;
	}
	for (int k = 0; keys[k] != NULL; k++)
	{
		const PulseJsonPair *pair = pulse_json_find(object, keys[k], strlen(keys[k]));

		if (pair != NULL)
			pairs[n++] = pair;
	}
	if (n < object->len)
	{
		uint32 known = n;

		for (uint32 i = 0; i < object->len; i++)
		{
			const PulseJsonPair *pair = &object->u.pairs[i];
			int k = 0;

			while (keys[k] != NULL && strcmp(keys[k], pair->key) != 0)
				k++;
			if (keys[k] == NULL)
				pairs[n++] = pair;
		}
		qsort(pairs + known, n - known, sizeof(*pairs), compare_pairs);
	}
	return pairs;
}

/* On the line that has been begun. */
static void
put_flat(const Writer *w, const PulseJson *value, At at)
{
	StringInfo out = w->out;

	if (value->type == PULSE_JSON_ARRAY)
	{
		appendStringInfoChar(out, '[');
		for (uint32 i = 0; i < value->len; i++)
		{
			if (i > 0)
				appendStringInfoString(out, ", ");
			put_flat(w, value->u.items[i], item_of(at, i));
		}
		appendStringInfoChar(out, ']');
	}
	else if (value->type == PULSE_JSON_OBJECT)
	{
		const PulseJsonPair **pairs = sorted_pairs(w, value, at);

		appendStringInfoChar(out, '{');
		for (uint32 i = 0; i < value->len; i++)
		{
			if (i > 0)
				appendStringInfoString(out, ", ");
			pulse_json_write_string(out, pairs[i]->key, pairs[i]->key_len);
			appendStringInfoString(out, ": ");
			put_flat(w, pairs[i]->value, member_of(at, pairs[i]));
		}
		appendStringInfoChar(out, '}');
	}
	else
		pulse_json_write(out, value);
}

/*
 * The columns that a value takes on one line, or anything above `room`: what is
 * too long is not looked at any further.
 */
static int
flat_width(const PulseJson *value, int room)
{
	int width = 2;

	switch (value->type)
	{
		case PULSE_JSON_NULL:
		case PULSE_JSON_BOOL:
			return 5;
		case PULSE_JSON_NUMBER:
			return (int) value->len;
		case PULSE_JSON_STRING:
			for (uint32 i = 0; i < value->len && width <= room; i++)
			{
				unsigned char c = (unsigned char) value->u.text[i];

				width += c < 0x20				 ? 6
						 : c == '"' || c == '\\' ? 2
						 : (c & 0xc0) == 0x80	 ? 0
												 : 1;
			}
			return width;
		case PULSE_JSON_ARRAY:
		case PULSE_JSON_OBJECT:
			break;
	}
	for (uint32 i = 0; i < value->len && width <= room; i++)
	{
		width += i > 0 ? 2 : 0;
		if (value->type == PULSE_JSON_ARRAY)
			width += flat_width(value->u.items[i], room - width);
		else
		{
			width += (int) value->u.pairs[i].key_len + 4;
			width += flat_width(value->u.pairs[i].value, room - width);
		}
	}
	return width;
}

static void
put_line_end(StringInfo out, int indent)
{
	appendStringInfoChar(out, '\n');
	for (int i = 0; i < indent; i++)
		appendStringInfoChar(out, ' ');
}

/* From column `column` on; lines after the first are indented by `indent`. */
static void
put_value(const Writer *w, const PulseJson *value, At at, int indent, int column)
{
	bool object = value->type == PULSE_JSON_OBJECT;
	bool open = at.place == PLACE_DOCUMENT || at.place == PLACE_NODES;
	int inner = indent + INDENT;
	int room = PULSE_FORMAT_WIDTH - 1 - column;
	const PulseJsonPair **pairs = NULL;

	if ((!object && value->type != PULSE_JSON_ARRAY) || value->len == 0 ||
		(!open && flat_width(value, room) <= room))
	{
		put_flat(w, value, at);
		return;
	}
	if (object)
		pairs = sorted_pairs(w, value, at);
	appendStringInfoChar(w->out, object ? '{' : '[');
	for (uint32 i = 0; i < value->len; i++)
	{
		int start = w->out->len + 1;
		At inside = item_of(at, i);

		if (i > 0)
		{
			appendStringInfoChar(w->out, ',');
			start++;
		}
		put_line_end(w->out, inner);
		if (object)
		{
			pulse_json_write_string(w->out, pairs[i]->key, pairs[i]->key_len);
			appendStringInfoString(w->out, ": ");
			inside = member_of(at, pairs[i]);
		}
		put_value(w, object ? pairs[i]->value : value->u.items[i], inside, inner,
				  w->out->len - start);
	}
	put_line_end(w->out, indent);
	appendStringInfoChar(w->out, object ? '}' : ']');
}

void
pulse_graph_format(StringInfo out, const PulseGraph *graph)
{
	Writer w = { .out = out, .scratch = pulse_arena_create(0) };

	put_value(&w, graph->source, (At){ .place = PLACE_DOCUMENT, .graph = graph }, 0, 0);
	appendStringInfoChar(out, '\n');
	pulse_arena_free(w.scratch);
}
