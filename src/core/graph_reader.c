/*
 * graph_reader.c
 *		Helpers of all that read graphs: paths, hints, types, durations, and the
 *		lists of the reader.
 *
 * Knows nothing of the format itself.  All texts are made in the reader's
 * scratch arena.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/graph_private.h"

#include "core/suggest.h"
#include "core/timetext.h"

/* Hints need a comparison with every known word: not for endless faults. */
#define MAX_SUGGESTIONS 20

const char *
pulse_path_key(PulseArena *arena, const char *base, const char *key)
{
	StringInfoData buf;
	const char *p = key;
	char *path;

	while ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
		   (*p >= '0' && *p <= '9' && p > key))
		p++;
	if (*p == '\0' && p > key)
		return pulse_arena_printf(arena, "%s.%s", base, key);

	initStringInfo(&buf);
	pulse_json_write_string(&buf, key, strlen(key));
	path = pulse_arena_printf(arena, "%s.%s", base, buf.data);
	pfree(buf.data);
	return path;
}

const char *
pulse_node_path(PulseGraphReader *r, int node, const char *key)
{
	const char *path = pulse_path_key(r->scratch, r->base != NULL ? r->base : "$.nodes",
									   r->graph->nodes[node]->id);

	return key == NULL ? path : pulse_path_key(r->scratch, path, key);
}

static const char *
suggestion(PulseGraphReader *r, const PulseSuggest *search)
{
	if (search->match == NULL)
		return NULL;
	return pulse_arena_printf(r->scratch, "Perhaps you meant \"%s\".", search->match);
}

const char *
pulse_hint_word(PulseGraphReader *r, const char *word, const char *const *words)
{
	PulseSuggest search;

	if (pulse_reader_root(r)->n_suggested++ >= PULSE_DIAG_MAX)
		return NULL;
	pulse_suggest_begin(&search, word, strlen(word));
	for (int i = 0; words[i] != NULL; i++)
		pulse_suggest_offer(&search, words[i], strlen(words[i]));
	return suggestion(r, &search);
}

const char *
pulse_hint_node(PulseGraphReader *r, const PulseGraph *inner, const char *word, size_t len)
{
	PulseSuggest search;

	if (pulse_reader_root(r)->n_suggested++ >= MAX_SUGGESTIONS)
		return NULL;
	pulse_suggest_begin(&search, word, len);
	for (int i = 0; inner != NULL && i < inner->n_nodes; i++)
		pulse_suggest_offer(&search, inner->nodes[i]->id, inner->nodes[i]->id_len);
	for (int i = 0; i < r->graph->n_nodes; i++)
		pulse_suggest_offer(&search, r->graph->nodes[i]->id, r->graph->nodes[i]->id_len);
	return suggestion(r, &search);
}

const char *
pulse_quote(PulseGraphReader *r, const char *text, size_t len)
{
	StringInfoData buf;
	size_t shown = len;
	char *quoted;

	if (len > 60)
	{
		/* not in the middle of a character */
		shown = 57;
		while (shown > 0 && ((unsigned char) text[shown] & 0xc0) == 0x80)
			shown--;
	}
	initStringInfo(&buf);
	pulse_json_write_string(&buf, text, shown);
	quoted = pulse_arena_printf(r->scratch, "%s%s", buf.data, shown < len ? "…" : "");
	pfree(buf.data);
	return quoted;
}

const char *
pulse_json_type_name(const PulseJson *value)
{
	switch (value->type)
	{
		case PULSE_JSON_NULL:
			return "null";
		case PULSE_JSON_BOOL:
			return value->u.boolean ? "true" : "false";
		case PULSE_JSON_NUMBER:
			return "a number";
		case PULSE_JSON_STRING:
			return "a text";
		case PULSE_JSON_ARRAY:
			return "a list";
		case PULSE_JSON_OBJECT:
			return "an object";
	}
	return "?";
}

void
pulse_wrong_type(PulseGraphReader *r, const char *path, const PulseJson *value,
				 const char *what)
{
	pulse_diag_error(r->diag, "wrong_type", path, NULL, "must be %s, not %s",
					 what, pulse_json_type_name(value));
}

bool
pulse_read_duration(PulseGraphReader *r, const PulseJson *value, const char *path,
					bool zero_ok, int64 max, int64 *usec)
{
	static const char *const hint =
		"Write a duration such as \"500 ms\", \"30 s\", \"2 hours\" or \"3 days\".";
	const char *why = "it is not understood";
	int64 n;

	if (value->type != PULSE_JSON_STRING)
		pulse_diag_error(r->diag, "wrong_type", path, hint,
						 "must be a duration, not %s", pulse_json_type_name(value));
	else if (!pulse_duration_parse(value->u.text, value->len, &n, &why))
		pulse_diag_error(r->diag, "bad_duration", path, hint, "%s is no duration: %s",
						 pulse_quote(r, value->u.text, value->len), why);
	else if (n == 0 && !zero_ok)
		pulse_diag_error(r->diag, "bad_duration", path, hint,
						 "the duration must be longer than zero");
	else if (n > max)
		pulse_diag_error(r->diag, "bad_duration", path, NULL,
						 "the duration can be %d days at most",
						 (int) (max / (INT64CONST(86400) * 1000000)));
	else
	{
		*usec = n;
		return true;
	}
	return false;
}

bool
pulse_count_edges(PulseGraphReader *r, int n)
{
	if (r->total == NULL)
		return true;
	r->total->edges += n;
	if (r->total->edges <= r->max_edges)
		return true;
	if (!r->total->told && !r->edges_full)
		pulse_diag_error(r->diag, "limit_edges", r->base != NULL ? r->base : "$.nodes", NULL,
						 "the document has more than %d edges", r->max_edges);
	r->total->told = true;
	r->broken = true;
	return false;
}

bool
pulse_add_edge(PulseGraphReader *r, int from, int to)
{
	if (r->n_edges == r->max_edges)
	{
		if (!r->edges_full)
			pulse_diag_error(r->diag, "limit_edges",
							 r->short_form ? "$.edges" : r->base != NULL ? r->base : "$.nodes", NULL, "the document has more than %d edges", r->max_edges);
		r->edges_full = true;
		r->broken = true;
		return false;
	}
	if (r->n_edges == r->cap_edges)
	{
		int cap = Max(64, r->cap_edges * 2);

		r->edges = pulse_arena_grow(r->scratch, r->edges,
									sizeof(PulseGraphEdge) * (size_t) r->n_edges,
									sizeof(PulseGraphEdge) * (size_t) cap);
		r->cap_edges = cap;
	}
	r->edges[r->n_edges].from = from;
	r->edges[r->n_edges].to = to;
	r->n_edges++;
	return true;
}

void
pulse_add_use(PulseGraphReader *r, int node, const PulseExprRefs *refs,
			  const PulseJson *source, const char *path)
{
	PulseRefUse *use;

	if (refs->n_nodes == 0 && refs->n_members == 0 && !refs->all_nodes)
		return;
	if (r->n_uses == r->cap_uses)
	{
		int cap = Max(32, r->cap_uses * 2);

		r->uses = pulse_arena_grow(r->scratch, r->uses,
								   sizeof(PulseRefUse) * (size_t) r->n_uses,
								   sizeof(PulseRefUse) * (size_t) cap);
		r->cap_uses = cap;
	}
	use = &r->uses[r->n_uses++];
	use->node = node;
	use->refs = refs;
	use->source = source;
	use->path = path;
	use->inner = NULL;
}
