/*
 * format.c
 *		The canonical form of a document.
 *
 * What fits on a line stands on one, except for the document and its nodes.
 * Keys of the format come in the order in which one reads about them; nodes come
 * in the order in which they can run, those of a layer by id; keys of everything
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

/* What an object is, which decides on the order of its keys. */
typedef enum Place
{
	PLACE_DOCUMENT,
	PLACE_NODES,
	PLACE_NODE,
	PLACE_RETRY,
	PLACE_REWRITE,
	PLACE_BUDGET,
	PLACE_DATA
} Place;

typedef struct Writer
{
	StringInfo out;
	PulseArena *scratch;
	const PulseGraph *graph;
} Writer;

static const char *const document_keys[] = { "description", "nodes", "edges", "output",
											 "config", "deadline", "budget", NULL };
static const char *const node_keys[] = {
	"action", "pure", "delay", "until", "signal", "noop", "emit", "choose",
	"map", "repeat", "workflow", "input", "after", "when", "retry", "timeout",
	"total_timeout", "on_timeout", "on_exhausted", "on_error", "on_skip", "config", "rewrite", "description",
	NULL
};
static const char *const retry_keys[] = { "max_attempts", "initial", "factor", "max",
										  "jitter", "retry_on", "no_retry_on", NULL };
static const char *const rewrite_keys[] = { "max_reexecutions", "on_exhausted", NULL };
static const char *const budget_keys[] = { "nodes", "edges", "depth",
										   "frontier", "operations", NULL };
static const char *const no_keys[] = { NULL };

static const char *const *const keys_of[] = {
	[PLACE_DOCUMENT] = document_keys, [PLACE_NODES] = no_keys,
	[PLACE_NODE] = node_keys,		  [PLACE_RETRY] = retry_keys,
	[PLACE_REWRITE] = rewrite_keys,	  [PLACE_BUDGET] = budget_keys,
	[PLACE_DATA] = no_keys,
};

static Place
place_of_member(Place place, const char *key)
{
	switch (place)
	{
		case PLACE_DOCUMENT:
			return strcmp(key, "nodes") == 0	? PLACE_NODES
				   : strcmp(key, "budget") == 0 ? PLACE_BUDGET
												: PLACE_DATA;
		case PLACE_NODES:
			return PLACE_NODE;
		case PLACE_NODE:
			return strcmp(key, "retry") == 0	 ? PLACE_RETRY
				   : strcmp(key, "rewrite") == 0 ? PLACE_REWRITE
												 : PLACE_DATA;
		default:
			return PLACE_DATA;
	}
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
sorted_pairs(const Writer *w, const PulseJson *object, Place place)
{
	const PulseJsonPair **pairs =
		pulse_arena_alloc(w->scratch, sizeof(PulseJsonPair *) * object->len);
	const char *const *keys = keys_of[place];
	uint32 n = 0;

	if (place == PLACE_NODES && object->len == (uint32) w->graph->n_nodes)
	{
		int *layer = pulse_layout_layers(w->graph, w->scratch);
		int *order = pulse_layout_reading_order(w->graph, layer, w->scratch);

		for (; n < object->len; n++)
		{
			const PulseNode *node = w->graph->nodes[order[n]];

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
put_flat(const Writer *w, const PulseJson *value, Place place)
{
	StringInfo out = w->out;

	if (value->type == PULSE_JSON_ARRAY)
	{
		appendStringInfoChar(out, '[');
		for (uint32 i = 0; i < value->len; i++)
		{
			if (i > 0)
				appendStringInfoString(out, ", ");
			put_flat(w, value->u.items[i], PLACE_DATA);
		}
		appendStringInfoChar(out, ']');
	}
	else if (value->type == PULSE_JSON_OBJECT)
	{
		const PulseJsonPair **pairs = sorted_pairs(w, value, place);

		appendStringInfoChar(out, '{');
		for (uint32 i = 0; i < value->len; i++)
		{
			if (i > 0)
				appendStringInfoString(out, ", ");
			pulse_json_write_string(out, pairs[i]->key, pairs[i]->key_len);
			appendStringInfoString(out, ": ");
			put_flat(w, pairs[i]->value, place_of_member(place, pairs[i]->key));
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
put_value(const Writer *w, const PulseJson *value, Place place, int indent, int column)
{
	bool object = value->type == PULSE_JSON_OBJECT;
	bool open = place == PLACE_DOCUMENT || place == PLACE_NODES;
	int inner = indent + INDENT;
	int room = PULSE_FORMAT_WIDTH - 1 - column;
	const PulseJsonPair **pairs = NULL;

	if ((!object && value->type != PULSE_JSON_ARRAY) || value->len == 0 ||
		(!open && flat_width(value, room) <= room))
	{
		put_flat(w, value, place);
		return;
	}
	if (object)
		pairs = sorted_pairs(w, value, place);
	appendStringInfoChar(w->out, object ? '{' : '[');
	for (uint32 i = 0; i < value->len; i++)
	{
		int start = w->out->len + 1;
		Place member = PLACE_DATA;

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
			member = place_of_member(place, pairs[i]->key);
		}
		put_value(w, object ? pairs[i]->value : value->u.items[i], member, inner,
				  w->out->len - start);
	}
	put_line_end(w->out, indent);
	appendStringInfoChar(w->out, object ? '}' : ']');
}

void
pulse_graph_format(StringInfo out, const PulseGraph *graph)
{
	Writer w = { .out = out, .graph = graph, .scratch = pulse_arena_create(0) };

	put_value(&w, graph->source, PLACE_DOCUMENT, 0, 0);
	appendStringInfoChar(out, '\n');
	pulse_arena_free(w.scratch);
}
