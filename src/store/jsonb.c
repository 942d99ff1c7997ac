/*
 * jsonb.c
 *		jsonb of the server <-> JSON values of the kernel.
 *
 * Both directions walk the binary form; no text is made but that of numbers.
 * A jsonb never has duplicate keys and its keys are ordered as the kernel orders
 * them, so objects are taken over as they stand.
 */
#include "postgres.h"

#include "store/jsonb.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static const PulseJson *
read_scalar(PulseArena *arena, const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return &pulse_json_null;
		case jbvBool:
			return pulse_json_bool(v->val.boolean);
		case jbvString:
			return pulse_json_stringn(arena, v->val.string.val,
									  v->val.string.len);
		case jbvNumeric:
		{
			char *text = DatumGetCString(DirectFunctionCall1(numeric_out,
															 NumericGetDatum(v->val.numeric)));
			size_t len = strlen(text);
			const PulseJson *result;

			if (len > PULSE_JSON_MAX_DIGITS + 2)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("number in JSON is too long"),
						 errdetail("A number may have %d digits.",
								   PULSE_JSON_MAX_DIGITS)));
			result = pulse_json_number_text(arena, text, len);
			pfree(text);
			return result;
		}
		default:
			elog(ERROR, "unexpected jsonb scalar of type %d", (int) v->type);
	}
}

static const PulseJson *
read_container(PulseArena *arena, JsonbContainer *container, int depth)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbValue v;
	JsonbIteratorToken token = JsonbIteratorNext(&it, &v, true);
	uint32 n = JsonContainerSize(container);
	const PulseJson *result;

	if (depth > PULSE_JSON_MAX_DEPTH)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("JSON is nested too deeply"),
				 errdetail("The limit is %d levels.", PULSE_JSON_MAX_DEPTH)));

	if (token == WJB_BEGIN_ARRAY)
	{
		bool scalar = v.val.array.rawScalar;
		const PulseJson **items = pulse_arena_alloc(arena, n * sizeof(*items));
		uint32 i = 0;

		while ((token = JsonbIteratorNext(&it, &v, true)) == WJB_ELEM)
			items[i++] = v.type == jbvBinary ? read_container(arena, v.val.binary.data, depth + 1) : read_scalar(arena, &v);
		result = scalar ? items[0] : pulse_json_array(arena, items, i);
	}
	else
	{
		PulseJsonPair *pairs = pulse_arena_alloc(arena, n * sizeof(*pairs));
		uint32 i = 0;

		while ((token = JsonbIteratorNext(&it, &v, true)) == WJB_KEY)
		{
			pairs[i].key = pulse_arena_strndup(arena, v.val.string.val,
											   v.val.string.len);
			pairs[i].key_len = v.val.string.len;
			(void) JsonbIteratorNext(&it, &v, true);
			pairs[i].value = v.type == jbvBinary ? read_container(arena, v.val.binary.data, depth + 1) : read_scalar(arena, &v);
			i++;
		}
		result = pulse_json_object(arena, pairs, i);
	}
	/* the iterator freed itself when it reached the end */
	(void) JsonbIteratorNext(&it, &v, true);
	return result;
}

const PulseJson *
pulse_jsonb_read(PulseArena *arena, Jsonb *jb)
{
	return read_container(arena, &jb->root, 1);
}

static void
fill_scalar(JsonbValue *v, const PulseJson *value)
{
	switch (value->type)
	{
		case PULSE_JSON_NULL:
			v->type = jbvNull;
			break;
		case PULSE_JSON_BOOL:
			v->type = jbvBool;
			v->val.boolean = value->u.boolean;
			break;
		case PULSE_JSON_STRING:
			v->type = jbvString;
			v->val.string.val = unconstify(char *, value->u.text);
			v->val.string.len = value->len;
			break;
		case PULSE_JSON_NUMBER:
			v->type = jbvNumeric;
			v->val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in,
																 CStringGetDatum(value->u.text),
																 ObjectIdGetDatum(InvalidOid),
																 Int32GetDatum(-1)));
			break;
		default:
			elog(ERROR, "unexpected JSON scalar of type %d", (int) value->type);
	}
}

static JsonbValue *
write_value(JsonbParseState **state, JsonbIteratorToken token,
			const PulseJson *value)
{
	JsonbValue v;

	if (value->type == PULSE_JSON_ARRAY)
	{
		(void) pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
		for (uint32 i = 0; i < value->len; i++)
			(void) write_value(state, WJB_ELEM, value->u.items[i]);
		return pushJsonbValue(state, WJB_END_ARRAY, NULL);
	}
	if (value->type == PULSE_JSON_OBJECT)
	{
		(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		for (uint32 i = 0; i < value->len; i++)
		{
			v.type = jbvString;
			v.val.string.val = unconstify(char *, value->u.pairs[i].key);
			v.val.string.len = value->u.pairs[i].key_len;
			(void) pushJsonbValue(state, WJB_KEY, &v);
			(void) write_value(state, WJB_VALUE, value->u.pairs[i].value);
		}
		return pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	fill_scalar(&v, value);
	return pushJsonbValue(state, token, &v);
}

Jsonb *
pulse_jsonb_write(const PulseJson *value)
{
	JsonbParseState *state = NULL;
	JsonbValue scalar;

	if (value->type == PULSE_JSON_ARRAY || value->type == PULSE_JSON_OBJECT)
		return JsonbValueToJsonb(write_value(&state, WJB_VALUE, value));

	fill_scalar(&scalar, value);
	return JsonbValueToJsonb(&scalar);
}
