/*
 * json.h
 *		JSON values of the kernel: read, write, compare, look up.
 *
 * A value is immutable once built and may be shared between documents as long
 * as its arena lives.  Documents are read as jsonb would store them: the last
 * duplicate key wins, keys are ordered by length and then bytewise, numbers keep
 * their scale.  A number is held as the decimal text that numeric_out prints
 * (no exponent, at most PULSE_JSON_MAX_DIGITS digits); arithmetic is in number.h.
 */
#ifndef PULSE_CORE_JSON_H
#define PULSE_CORE_JSON_H

#include "lib/stringinfo.h"

#include "core/arena.h"
#include "core/diag.h"

#define PULSE_JSON_MAX_DEPTH	100
#define PULSE_JSON_MAX_DIGITS	1000

typedef enum PulseJsonType
{
	PULSE_JSON_NULL,
	PULSE_JSON_BOOL,
	PULSE_JSON_NUMBER,
	PULSE_JSON_STRING,
	PULSE_JSON_ARRAY,
	PULSE_JSON_OBJECT
} PulseJsonType;

typedef struct PulseJson PulseJson;

typedef struct PulseJsonPair
{
	const char *key;			/* NUL-terminated; no embedded NUL is possible */
	uint32		key_len;
	const PulseJson *value;
} PulseJsonPair;

/*
 * Values are made by the constructors below, which keep depth: a value that is
 * to be stored must not be deeper than PULSE_JSON_MAX_DEPTH.
 */
struct PulseJson
{
	PulseJsonType type:8;
	unsigned int depth:16;		/* 0 of a scalar, else 1 + the deepest member */
	uint32		len;			/* bytes of text, or number of items or pairs */
	union
	{
		bool		boolean;
		const char *text;		/* STRING, NUMBER; NUL-terminated */
		const PulseJson *const *items;	/* ARRAY */
		const PulseJsonPair *pairs; /* OBJECT, in jsonb order, keys unique */
	}			u;
};

extern const PulseJson pulse_json_null;
extern const PulseJson pulse_json_true;
extern const PulseJson pulse_json_false;

/*
 * Reads a document. Returns NULL and adds one error (codes json_syntax,
 * json_depth, json_unicode, json_number) on failure. Never throws, whatever
 * the bytes; the caller has checked the size. The input must be valid UTF-8:
 * anything else is json_unicode.
 */
extern const PulseJson *pulse_json_parse(PulseArena *arena, const char *text,
										 size_t len, PulseDiag *diag);

/*
 * Reads a document and reports every duplicate object key as an error (code
 * duplicate_key, with its path), then NULL: for documents that people write.
 */
extern const PulseJson *pulse_json_parse_strict(PulseArena *arena, const char *text,
												size_t len, PulseDiag *diag);

/* Appends the text jsonb_out would give / the same without white space. */
extern void pulse_json_write(StringInfo out, const PulseJson *value);
extern void pulse_json_write_compact(StringInfo out, const PulseJson *value);

/* The compact text, in the arena. */
extern char *pulse_json_text(PulseArena *arena, const PulseJson *value);

/* Appends s as a JSON string with its quotes. */
extern void pulse_json_write_string(StringInfo out, const char *s, size_t len);

/* Member of an object; NULL if value is no object or has no such key. */
extern const PulseJson *pulse_json_get(const PulseJson *object, const char *key);
extern const PulseJson *pulse_json_getn(const PulseJson *object, const char *key, size_t len);

/* The same, but gives the pair. */
extern const PulseJsonPair *pulse_json_find(const PulseJson *object, const char *key, size_t len);

/* Structural equality as jsonb = jsonb (1.0 equals 1.00). */
extern bool pulse_json_equal(const PulseJson *a, const PulseJson *b);

/* A deep copy into another arena. */
extern const PulseJson *pulse_json_copy(PulseArena *arena, const PulseJson *value);

/* Constructors. Texts are copied. */
extern const PulseJson *pulse_json_bool(bool b);
extern const PulseJson *pulse_json_string(PulseArena *arena, const char *s);
extern const PulseJson *pulse_json_stringn(PulseArena *arena, const char *s, size_t len);
extern const PulseJson *pulse_json_int(PulseArena *arena, int64 n);

/* A number from decimal text, already in numeric_out form; copied. */
extern const PulseJson *pulse_json_number_text(PulseArena *arena, const char *s, size_t len);

/* Takes the array of pointers as it is (not copied). */
extern const PulseJson *pulse_json_array(PulseArena *arena,
										 const PulseJson *const *items, uint32 n);

/*
 * Builds an object from n pairs in any order: sorts the array in place (the
 * last of equal keys wins) and takes it.
 */
extern const PulseJson *pulse_json_object(PulseArena *arena, PulseJsonPair *pairs, uint32 n);

/* True and *out set if value is a number that is an integer in int64's range. */
extern bool pulse_json_as_int(const PulseJson *value, int64 *out);

/* True if value is the string s. */
extern bool pulse_json_is(const PulseJson *value, const char *s);

/* The most bytes of UTF-8 text, up to limit, that do not cut a character. */
extern size_t pulse_utf8_clip(const char *s, size_t len, size_t limit);

/* Depth-first size in nodes and text bytes, for limits. */
extern size_t pulse_json_size(const PulseJson *value);

#endif
