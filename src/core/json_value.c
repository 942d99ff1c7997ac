/*
 * json_value.c
 *		Values of the kernel: constructors, look-up, comparison, text.
 *
 * Owns the rules of how jsonb orders and prints; reading text is json.c's.
 * Values are immutable and live as long as the arena they were made in.  The
 * functions recurse over values, whose depth the reader and the templates bound.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/json.h"

#include "core/number.h"

/* Up to so many pairs are sorted by insertion. */
#define SMALL_OBJECT 12

#define MAX_DEPTH_VALUE 0xffff

const PulseJson pulse_json_null = {.type = PULSE_JSON_NULL};
const PulseJson pulse_json_true = {.type = PULSE_JSON_BOOL,.u.boolean = true};
const PulseJson pulse_json_false = {.type = PULSE_JSON_BOOL,.u.boolean = false};

static const PulseJson empty_string = {.type = PULSE_JSON_STRING,.u.text = ""};
static const PulseJson empty_array = {.type = PULSE_JSON_ARRAY,.depth = 1};
static const PulseJson empty_object = {.type = PULSE_JSON_OBJECT,.depth = 1};

/* ---- constructors ---- */

const PulseJson *
pulse_json_bool(bool b)
{
	return b ? &pulse_json_true : &pulse_json_false;
}

static const PulseJson *
make_text(PulseArena *arena, PulseJsonType type, const char *s, size_t len)
{
	PulseJson  *value;
	char	   *text;

	/* value and text in one piece: they are used together */
	value = pulse_arena_alloc(arena, sizeof(PulseJson) + len + 1);
	text = (char *) (value + 1);
	memcpy(text, s, len);
	text[len] = '\0';
	value->type = type;
	value->depth = 0;
	value->len = (uint32) len;
	value->u.text = text;
	return value;
}

const PulseJson *
pulse_json_stringn(PulseArena *arena, const char *s, size_t len)
{
	if (len == 0)
		return &empty_string;
	return make_text(arena, PULSE_JSON_STRING, s, len);
}

const PulseJson *
pulse_json_string(PulseArena *arena, const char *s)
{
	return pulse_json_stringn(arena, s, strlen(s));
}

const PulseJson *
pulse_json_number_text(PulseArena *arena, const char *s, size_t len)
{
	return make_text(arena, PULSE_JSON_NUMBER, s, len);
}

const PulseJson *
pulse_json_int(PulseArena *arena, int64 n)
{
	char		buf[24];
	char	   *p = buf + sizeof(buf);
	uint64		rest = n < 0 ? 0 - (uint64) n : (uint64) n;

	do
	{
		*--p = (char) ('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (n < 0)
		*--p = '-';
	return make_text(arena, PULSE_JSON_NUMBER, p, (size_t) (buf + sizeof(buf) - p));
}

const PulseJson *
pulse_json_array(PulseArena *arena, const PulseJson *const *items, uint32 n)
{
	PulseJson  *value;
	unsigned int depth = 0;

	if (n == 0)
		return &empty_array;
	for (uint32 i = 0; i < n; i++)
		depth = Max(depth, items[i]->depth);

	value = pulse_arena_alloc(arena, sizeof(PulseJson));
	value->type = PULSE_JSON_ARRAY;
	value->depth = Min(depth + 1, MAX_DEPTH_VALUE);
	value->len = n;
	value->u.items = items;
	return value;
}

/* The order of keys in jsonb: the shorter first, then by bytes. */
static inline int
compare_keys(const char *a, uint32 a_len, const char *b, uint32 b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

static inline int
compare_pairs(const PulseJsonPair *a, const PulseJsonPair *b)
{
	return compare_keys(a->key, a->key_len, b->key, b->key_len);
}

/* Stable merge sort from src to dst (both hold the pairs at the start). */
static void
merge_pairs(PulseJsonPair *src, PulseJsonPair *dst, uint32 n)
{
	uint32		half = n / 2;
	uint32		i = 0;
	uint32		j = half;

	if (n < 2)
		return;
	merge_pairs(dst, src, half);
	merge_pairs(dst + half, src + half, n - half);
	for (uint32 k = 0; k < n; k++)
	{
		if (j >= n || (i < half && compare_pairs(&src[i], &src[j]) <= 0))
			dst[k] = src[i++];
		else
			dst[k] = src[j++];
	}
}

static void
sort_pairs(PulseArena *arena, PulseJsonPair *pairs, uint32 n)
{
	if (n <= SMALL_OBJECT)
	{
		for (uint32 i = 1; i < n; i++)
		{
			PulseJsonPair pair = pairs[i];
			uint32		j = i;

			while (j > 0 && compare_pairs(&pairs[j - 1], &pair) > 0)
			{
				pairs[j] = pairs[j - 1];
				j--;
			}
			pairs[j] = pair;
		}
	}
	else
	{
		PulseJsonPair *copy = pulse_arena_grow(arena, pairs,
											   sizeof(PulseJsonPair) * n,
											   sizeof(PulseJsonPair) * n);

		merge_pairs(copy, pairs, n);
	}
}

const PulseJson *
pulse_json_object(PulseArena *arena, PulseJsonPair *pairs, uint32 n)
{
	PulseJson  *value;
	unsigned int depth = 0;
	bool		sorted = true;

	if (n == 0)
		return &empty_object;

	for (uint32 i = 1; i < n; i++)
	{
		if (compare_pairs(&pairs[i - 1], &pairs[i]) >= 0)
		{
			sorted = false;
			break;
		}
	}
	if (!sorted)
	{
		uint32		kept = 0;

		sort_pairs(arena, pairs, n);
		for (uint32 i = 1; i < n; i++)
		{
			if (compare_pairs(&pairs[kept], &pairs[i]) != 0)
				kept++;
			pairs[kept] = pairs[i];
		}
		n = kept + 1;
	}
	for (uint32 i = 0; i < n; i++)
		depth = Max(depth, pairs[i].value->depth);

	value = pulse_arena_alloc(arena, sizeof(PulseJson));
	value->type = PULSE_JSON_OBJECT;
	value->depth = Min(depth + 1, MAX_DEPTH_VALUE);
	value->len = n;
	value->u.pairs = pairs;
	return value;
}

const PulseJson *
pulse_json_copy(PulseArena *arena, const PulseJson *value)
{
	switch (value->type)
	{
		case PULSE_JSON_NULL:
			return &pulse_json_null;
		case PULSE_JSON_BOOL:
			return pulse_json_bool(value->u.boolean);
		case PULSE_JSON_STRING:
			return pulse_json_stringn(arena, value->u.text, value->len);
		case PULSE_JSON_NUMBER:
			return make_text(arena, PULSE_JSON_NUMBER, value->u.text, value->len);
		case PULSE_JSON_ARRAY:
		{
			const PulseJson **items;

				if (value->len == 0)
					return &empty_array;
			items = pulse_arena_alloc(arena, sizeof(PulseJson *) * value->len);
			for (uint32 i = 0; i < value->len; i++)
					items[i] = pulse_json_copy(arena, value->u.items[i]);
			return pulse_json_array(arena, items, value->len);
		}
		case PULSE_JSON_OBJECT:
		{
			PulseJsonPair *pairs;

				if (value->len == 0)
					return &empty_object;
			pairs = pulse_arena_alloc(arena, sizeof(PulseJsonPair) * value->len);
			for (uint32 i = 0; i < value->len; i++)
			{
				const PulseJsonPair *pair = &value->u.pairs[i];

					pairs[i].key = pulse_arena_strndup(arena, pair->key, pair->key_len);
				pairs[i].key_len = pair->key_len;
				pairs[i].value = pulse_json_copy(arena, pair->value);
			}
			return pulse_json_object(arena, pairs, value->len);
		}
	}
	return &pulse_json_null;	/* not reached */
}

/* ---- look-up and comparison ---- */

const PulseJsonPair *
pulse_json_find(const PulseJson *object, const char *key, size_t len)
{
	uint32		low = 0;
	uint32		high;

	if (object == NULL || object->type != PULSE_JSON_OBJECT)
		return NULL;

	high = object->len;
	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;
		const PulseJsonPair *pair = &object->u.pairs[middle];
		int			cmp = compare_keys(key, (uint32) len, pair->key, pair->key_len);

		if (cmp == 0)
			return pair;
		if (cmp < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const PulseJson *
pulse_json_getn(const PulseJson *object, const char *key, size_t len)
{
	const PulseJsonPair *pair = pulse_json_find(object, key, len);

	return pair == NULL ? NULL : pair->value;
}

const PulseJson *
pulse_json_get(const PulseJson *object, const char *key)
{
	return pulse_json_getn(object, key, strlen(key));
}

bool
pulse_json_equal(const PulseJson *a, const PulseJson *b)
{
	if (a == b)
		return true;
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case PULSE_JSON_NULL:
			return true;
		case PULSE_JSON_BOOL:
			return a->u.boolean == b->u.boolean;
		case PULSE_JSON_NUMBER:
			return pulse_number_compare(a, b) == 0;
		case PULSE_JSON_STRING:
			return a->len == b->len && memcmp(a->u.text, b->u.text, a->len) == 0;
		case PULSE_JSON_ARRAY:
			if (a->len != b->len)
				return false;
			for (uint32 i = 0; i < a->len; i++)
			{
				if (!pulse_json_equal(a->u.items[i], b->u.items[i]))
					return false;
			}
			return true;
		case PULSE_JSON_OBJECT:
			if (a->len != b->len)
				return false;
			for (uint32 i = 0; i < a->len; i++)
			{
				if (compare_pairs(&a->u.pairs[i], &b->u.pairs[i]) != 0 ||
					!pulse_json_equal(a->u.pairs[i].value, b->u.pairs[i].value))
					return false;
			}
			return true;
	}
	return false;				/* not reached */
}

bool
pulse_json_as_int(const PulseJson *value, int64 *out)
{
	return value != NULL && value->type == PULSE_JSON_NUMBER &&
		pulse_number_as_int(value, out);
}

bool
pulse_json_is(const PulseJson *value, const char *s)
{
	return value != NULL && value->type == PULSE_JSON_STRING &&
		value->len == strlen(s) && memcmp(value->u.text, s, value->len) == 0;
}

size_t
pulse_json_size(const PulseJson *value)
{
	size_t		size = 1;

	switch (value->type)
	{
		case PULSE_JSON_NULL:
		case PULSE_JSON_BOOL:
			break;
		case PULSE_JSON_NUMBER:
		case PULSE_JSON_STRING:
			size += value->len;
			break;
		case PULSE_JSON_ARRAY:
			for (uint32 i = 0; i < value->len; i++)
				size += pulse_json_size(value->u.items[i]);
			break;
		case PULSE_JSON_OBJECT:
			for (uint32 i = 0; i < value->len; i++)
				size += value->u.pairs[i].key_len +
					pulse_json_size(value->u.pairs[i].value);
			break;
	}
	return size;
}

/* ---- text ---- */

size_t
pulse_utf8_clip(const char *s, size_t len, size_t limit)
{
	if (len <= limit)
		return len;
	while (limit > 0 && ((unsigned char) s[limit] & 0xc0) == 0x80)
		limit--;
	return limit;
}

void
pulse_json_write_string(StringInfo out, const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	size_t		start = 0;

	appendStringInfoCharMacro(out, '"');
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];
		char		escape[7] = "\\";
		int			escape_len = 2;

		if (likely(c >= 0x20 && c != '"' && c != '\\'))
			continue;

		switch (c)
		{
			case '"':
			case '\\':
				escape[1] = (char) c;
				break;
			case '\b':
				escape[1] = 'b';
				break;
			case '\f':
				escape[1] = 'f';
				break;
			case '\n':
				escape[1] = 'n';
				break;
			case '\r':
				escape[1] = 'r';
				break;
			case '\t':
				escape[1] = 't';
				break;
			default:
				memcpy(escape, "\\u00", 4);
				escape[4] = hex[c >> 4];
				escape[5] = hex[c & 0xf];
				escape_len = 6;
				break;
		}
		if (i > start)
			appendBinaryStringInfo(out, s + start, (int) (i - start));
		appendBinaryStringInfo(out, escape, escape_len);
		start = i + 1;
	}
	if (len > start)
		appendBinaryStringInfo(out, s + start, (int) (len - start));
	appendStringInfoCharMacro(out, '"');
}

static void
write_value(StringInfo out, const PulseJson *value, bool compact)
{
	switch (value->type)
	{
		case PULSE_JSON_NULL:
			appendBinaryStringInfo(out, "null", 4);
			break;
		case PULSE_JSON_BOOL:
			if (value->u.boolean)
				appendBinaryStringInfo(out, "true", 4);
			else
				appendBinaryStringInfo(out, "false", 5);
			break;
		case PULSE_JSON_NUMBER:
			appendBinaryStringInfo(out, value->u.text, (int) value->len);
			break;
		case PULSE_JSON_STRING:
			pulse_json_write_string(out, value->u.text, value->len);
			break;
		case PULSE_JSON_ARRAY:
			appendStringInfoCharMacro(out, '[');
			for (uint32 i = 0; i < value->len; i++)
			{
				if (i > 0)
					appendBinaryStringInfo(out, ", ", compact ? 1 : 2);
				write_value(out, value->u.items[i], compact);
			}
			appendStringInfoCharMacro(out, ']');
			break;
		case PULSE_JSON_OBJECT:
			appendStringInfoCharMacro(out, '{');
			for (uint32 i = 0; i < value->len; i++)
			{
				const PulseJsonPair *pair = &value->u.pairs[i];

				if (i > 0)
					appendBinaryStringInfo(out, ", ", compact ? 1 : 2);
				pulse_json_write_string(out, pair->key, pair->key_len);
				appendBinaryStringInfo(out, ": ", compact ? 1 : 2);
				write_value(out, pair->value, compact);
			}
			appendStringInfoCharMacro(out, '}');
			break;
	}
}

void
pulse_json_write(StringInfo out, const PulseJson *value)
{
	write_value(out, value, false);
}

void
pulse_json_write_compact(StringInfo out, const PulseJson *value)
{
	write_value(out, value, true);
}

char *
pulse_json_text(PulseArena *arena, const PulseJson *value)
{
	StringInfoData buf;
	char	   *result;

	initStringInfo(&buf);
	write_value(&buf, value, true);
	result = pulse_arena_strndup(arena, buf.data, (size_t) buf.len);
	pfree(buf.data);
	return result;
}
