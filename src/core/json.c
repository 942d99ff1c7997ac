/*
 * json.c
 *		Reads JSON text.
 *
 * The lexer is the server's own (common/jsonapi.h), so that numbers, escapes
 * and white space are judged as the server judges them; the grammar is applied
 * here, with a stack instead of recursion, because the server's parser would
 * throw on deep nesting.  Besides base/compat.h the only file that may look at
 * PG_VERSION_NUM: the lexer's interface changed in 17.
 *
 * The input is checked to be UTF-8 before the lexer sees it; with that, and a
 * database encoding of UTF-8, the lexer reports every fault as a value.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/json.h"

#include <limits.h>

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "core/number.h"

/* So many members of open containers are kept without an allocation. */
#define INLINE_MEMBERS 64

/* A container that is being read. */
typedef struct OpenContainer
{
	bool		object;
	uint32		first;			/* where its members begin on the stack */
} OpenContainer;

/* The state of one reading; lives on the C stack, its stack grows by malloc/palloc. */
typedef struct JsonReader
{
	PulseArena *arena;
	PulseDiag  *diag;
	const char *text;
	size_t		len;
	bool		strict;			/* report duplicate keys */
	bool		duplicates;		/* some were reported */
	JsonLexContext *lex;

	int			depth;			/* open containers */
	OpenContainer open[PULSE_JSON_MAX_DEPTH];

	/* members of all open containers; of arrays the keys are NULL */
	PulseJsonPair *members;
	uint32		n_members;
	uint32		cap_members;
	PulseJsonPair inline_members[INLINE_MEMBERS];
} JsonReader;

static JsonLexContext *
lexer_open(const char *text, size_t len)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, (char *) text, len, PG_UTF8, true);
#else
	return makeJsonLexContextCstringLen((char *) text, (int) len, PG_UTF8, true);
#endif
}

static void
lexer_close(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	pfree(lex->strval->data);
	pfree(lex->strval);
	pfree(lex);
#endif
}

/* Line and column (in characters) of a place in the text, both from 1. */
static void
locate(const JsonReader *reader, const char *place, int *line, int *column)
{
	*line = 1;
	*column = 1;
	for (const char *p = reader->text; p < place; p++)
	{
		if (*p == '\n')
		{
			(*line)++;
			*column = 1;
		}
		else if (((unsigned char) *p & 0xc0) != 0x80)
			(*column)++;
	}
}

static void
fail_at(JsonReader *reader, const char *place, const char *code,
		const char *message)
{
	int			line;
	int			column;

	locate(reader, place, &line, &column);
	pulse_diag_error(reader->diag, code, NULL, NULL, "%s at line %d, column %d",
					 message, line, column);
}

/* A fault the lexer saw. */
static void
fail_lexer(JsonReader *reader, JsonParseErrorType type)
{
	const char *code = "json_syntax";
	const char *message;

	switch (type)
	{
		case JSON_ESCAPING_INVALID:
			message = "invalid escape sequence in a string";
			break;
		case JSON_ESCAPING_REQUIRED:
			message = "control character in a string that is not escaped";
			break;
		case JSON_UNICODE_CODE_POINT_ZERO:
			code = "json_unicode";
			message = "\\u0000 is not possible in a text";
			break;
		case JSON_UNICODE_ESCAPE_FORMAT:
			code = "json_unicode";
			message = "\\u is not followed by four hexadecimal digits";
			break;
		case JSON_UNICODE_HIGH_SURROGATE:
		case JSON_UNICODE_LOW_SURROGATE:
			code = "json_unicode";
			message = "surrogate without its other half";
			break;
		case JSON_UNICODE_HIGH_ESCAPE:
			code = "json_unicode";
			message = "escape of a character the encoding does not have";
			break;
		default:
			message = "invalid token";
			break;
	}
	fail_at(reader, Min(reader->lex->token_start != NULL ?
						reader->lex->token_start : reader->text,
						reader->text + reader->len), code, message);
}

/* A token that does not belong where it stands. */
static void
fail_expected(JsonReader *reader, const char *expected)
{
	char		message[160];
	const JsonLexContext *lex = reader->lex;

	if (lex->token_type == JSON_TOKEN_END)
		snprintf(message, sizeof(message), "expected %s, found the end", expected);
	else
	{
		int			shown = (int) pulse_utf8_clip(lex->token_start,
												  (size_t) (lex->token_terminator - lex->token_start),
												  40);

		snprintf(message, sizeof(message), "expected %s, found %.*s",
				 expected, shown, lex->token_start);
	}
	fail_at(reader, lex->token_type == JSON_TOKEN_END ? reader->text + reader->len
			: lex->token_start, "json_syntax", message);
}

/* The JSON path of a member of the innermost container, in the arena. */
static const char *
path_of(JsonReader *reader, const PulseJsonPair *last)
{
	const char *path = "$";

	for (int i = 0; i < reader->depth; i++)
	{
		const OpenContainer *open = &reader->open[i];
		bool		innermost = i + 1 == reader->depth;

		/* members: those read, and of an object also the one being read */
		uint32		next = innermost ? (uint32) (last - reader->members) + 1
			: reader->open[i + 1].first;

		if (open->object)
		{
			const char *key = reader->members[next - 1].key;
			bool		plain = key[0] != '\0' &&
				strspn(key, "abcdefghijklmnopqrstuvwxyz"
					   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(key) &&
				!(key[0] >= '0' && key[0] <= '9');

			if (plain)
				path = pulse_arena_printf(reader->arena, "%s.%s", path, key);
			else
			{
				StringInfoData quoted;

				initStringInfo(&quoted);
				pulse_json_write_string(&quoted, key, strlen(key));
				path = pulse_arena_printf(reader->arena, "%s.%s", path, quoted.data);
				pfree(quoted.data);
			}
		}
		else
			path = pulse_arena_printf(reader->arena, "%s[%u]", path, next - open->first);
	}
	return path;
}

static PulseJsonPair *
push_member(JsonReader *reader)
{
	if (reader->n_members == reader->cap_members)
	{
		uint32		cap = reader->cap_members * 2;
		PulseJsonPair *members = palloc_extended(sizeof(PulseJsonPair) * (size_t) cap,
												 MCXT_ALLOC_HUGE);

		memcpy(members, reader->members, sizeof(PulseJsonPair) * reader->n_members);
		if (reader->members != reader->inline_members)
			pfree(reader->members);
		reader->members = members;
		reader->cap_members = cap;
	}
	return &reader->members[reader->n_members++];
}

/* Reports keys of the innermost object that occur more than once. */
static void
find_duplicates(JsonReader *reader, PulseJsonPair *pairs, uint32 n,
				const PulseJson *object)
{
	/* the object has each key once; a key that is not its own is a duplicate */
	for (uint32 i = 0; i < n; i++)
	{
		const PulseJsonPair *kept = pulse_json_find(object, pairs[i].key,
													pairs[i].key_len);

		if (kept->key != pairs[i].key)
		{
			pulse_diag_error(reader->diag, "duplicate_key", path_of(reader, &pairs[i]),
							 NULL, "the key occurs more than once in this object");
			reader->duplicates = true;
		}
	}
}

/* Makes the innermost container a value and takes it off the stack. */
static const PulseJson *
close_container(JsonReader *reader)
{
	OpenContainer *open = &reader->open[reader->depth - 1];
	PulseJsonPair *members = reader->members + open->first;
	uint32		n = reader->n_members - open->first;
	const PulseJson *value;

	if (open->object)
	{
		PulseJsonPair *pairs = NULL;

		if (n > 0)
			pairs = pulse_arena_grow(reader->arena, members,
									 sizeof(PulseJsonPair) * n,
									 sizeof(PulseJsonPair) * n);
		value = pulse_json_object(reader->arena, pairs, n);
		if (reader->strict && value->len != n)
			find_duplicates(reader, members, n, value);
	}
	else
	{
		const PulseJson **items = NULL;

		if (n > 0)
		{
			items = pulse_arena_alloc(reader->arena, sizeof(PulseJson *) * n);
			for (uint32 i = 0; i < n; i++)
				items[i] = members[i].value;
		}
		value = pulse_json_array(reader->arena, items, n);
	}
	reader->n_members = open->first;
	reader->depth--;
	return value;
}

/* The next token; false with an error. */
static bool
advance(JsonReader *reader)
{
	JsonParseErrorType result = json_lex(reader->lex);

	if (result == JSON_SUCCESS)
		return true;
	fail_lexer(reader, result);
	return false;
}

/* The scalar of the current token; NULL if it is none, or with an error. */
static const PulseJson *
read_scalar(JsonReader *reader, bool *failed)
{
	JsonLexContext *lex = reader->lex;
	const PulseJson *value;

	switch (lex->token_type)
	{
		case JSON_TOKEN_STRING:
			return pulse_json_stringn(reader->arena, lex->strval->data,
									  (size_t) lex->strval->len);
		case JSON_TOKEN_NUMBER:
			value = pulse_number_canonical(reader->arena, lex->token_start,
										   (size_t) (lex->token_terminator - lex->token_start));
			if (value == NULL)
			{
				fail_at(reader, lex->token_start, "json_number",
						"a number has more than 1000 digits");
				*failed = true;
			}
			return value;
		case JSON_TOKEN_TRUE:
			return &pulse_json_true;
		case JSON_TOKEN_FALSE:
			return &pulse_json_false;
		case JSON_TOKEN_NULL:
			return &pulse_json_null;
		default:
			return NULL;
	}
}

/* Reads `"key" :` and pushes the member; its value follows. */
static bool
read_key(JsonReader *reader, const char *expected)
{
	JsonLexContext *lex = reader->lex;
	PulseJsonPair *pair;

	if (lex->token_type != JSON_TOKEN_STRING)
	{
		fail_expected(reader, expected);
		return false;
	}
	pair = push_member(reader);
	pair->key = pulse_arena_strndup(reader->arena, lex->strval->data,
									(size_t) lex->strval->len);
	pair->key_len = (uint32) lex->strval->len;
	pair->value = NULL;
	if (!advance(reader))
		return false;
	if (lex->token_type != JSON_TOKEN_COLON)
	{
		fail_expected(reader, "\":\"");
		return false;
	}
	return advance(reader);
}

/*
 * Puts a finished value into the innermost open container.  What follows may
 * close that one too, and so on; gives the value when none is open any more.
 * *more is set if another member follows (its first token is current).
 */
static const PulseJson *
place_value(JsonReader *reader, const PulseJson *value, bool *more)
{
	JsonLexContext *lex = reader->lex;

	*more = false;
	while (reader->depth > 0)
	{
		OpenContainer *open = &reader->open[reader->depth - 1];

		if (open->object)
			reader->members[reader->n_members - 1].value = value;
		else
		{
			PulseJsonPair *item = push_member(reader);

			item->key = NULL;
			item->key_len = 0;
			item->value = value;
		}

		if (!advance(reader))
			return NULL;
		if (lex->token_type == JSON_TOKEN_COMMA)
		{
			if (!advance(reader))
				return NULL;
			if (open->object && !read_key(reader, "a string as key"))
				return NULL;
			*more = true;
			return NULL;
		}
		if (lex->token_type != (open->object ? JSON_TOKEN_OBJECT_END
								: JSON_TOKEN_ARRAY_END))
		{
			fail_expected(reader, open->object ? "\",\" or \"}\"" : "\",\" or \"]\"");
			return NULL;
		}
		value = close_container(reader);
	}
	return value;
}

static const PulseJson *
read_document(JsonReader *reader)
{
	JsonLexContext *lex = reader->lex;
	const PulseJson *value;

	if (!advance(reader))
		return NULL;

	for (;;)
	{
		bool		more = false;
		bool		failed = false;

		/* the current token begins a value */
		value = read_scalar(reader, &failed);
		if (failed)
			return NULL;
		if (value == NULL)
		{
			bool		object = lex->token_type == JSON_TOKEN_OBJECT_START;
			OpenContainer *open;

			if (!object && lex->token_type != JSON_TOKEN_ARRAY_START)
			{
				fail_expected(reader, "a value");
				return NULL;
			}
			if (reader->depth == PULSE_JSON_MAX_DEPTH)
			{
				fail_at(reader, lex->token_start, "json_depth",
						"the document is nested more than 100 deep");
				return NULL;
			}
			open = &reader->open[reader->depth++];
			open->object = object;
			open->first = reader->n_members;

			if (!advance(reader))
				return NULL;
			if (lex->token_type != (object ? JSON_TOKEN_OBJECT_END
									: JSON_TOKEN_ARRAY_END))
			{
				if (object && !read_key(reader, "a string as key or \"}\""))
					return NULL;
				continue;
			}
			value = close_container(reader);
		}

		value = place_value(reader, value, &more);
		if (more)
			continue;
		if (value == NULL || !advance(reader))
			return NULL;
		if (lex->token_type != JSON_TOKEN_END)
		{
			fail_expected(reader, "the end");
			return NULL;
		}
		return reader->duplicates ? NULL : value;
	}
}

static const PulseJson *
read_text(PulseArena *arena, const char *text, size_t len, bool strict,
		  PulseDiag *diag)
{
	JsonReader	reader;
	const PulseJson *value;
	int			valid;

	reader.arena = arena;
	reader.diag = diag;
	reader.text = text;
	reader.len = len;
	reader.strict = strict;
	reader.duplicates = false;
	reader.depth = 0;
	reader.members = reader.inline_members;
	reader.n_members = 0;
	reader.cap_members = INLINE_MEMBERS;

	if (len > INT_MAX / 2)
	{
		pulse_diag_error(diag, "json_syntax", NULL, NULL, "the document is too long");
		return NULL;
	}
	valid = pg_encoding_verifymbstr(PG_UTF8, text, (int) len);
	if ((size_t) valid < len)
	{
		fail_at(&reader, text + valid, "json_unicode",
				text[valid] == '\0' ? "a NUL byte is not possible in a text"
				: "invalid UTF-8");
		return NULL;
	}

	reader.lex = lexer_open(text, len);
	value = read_document(&reader);
	lexer_close(reader.lex);
	if (reader.members != reader.inline_members)
		pfree(reader.members);
	return value;
}

const PulseJson *
pulse_json_parse(PulseArena *arena, const char *text, size_t len, PulseDiag *diag)
{
	return read_text(arena, text, len, false, diag);
}

const PulseJson *
pulse_json_parse_strict(PulseArena *arena, const char *text, size_t len,
						PulseDiag *diag)
{
	return read_text(arena, text, len, true, diag);
}
