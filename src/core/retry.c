/*
 * retry.c
 *		Retry arithmetic of semantics section 5. Pure functions, no state.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/retry.h"

#include <math.h>

#include "core/timetext.h"

#define MAX_ATTEMPTS 1000

void
pulse_retry_defaults(PulseRetryPolicy *policy)
{
	memset(policy, 0, sizeof(*policy));
	policy->max_attempts = 3;
	policy->initial = 1000000;
	policy->factor = 2.0;
	policy->max = INT64CONST(300) * 1000000;
	policy->jitter = 0.2;
}

int64
pulse_retry_delay(const PulseRetryPolicy *policy, int n, int64 retry_after,
				  pg_prng_state *prng)
{
	double limit = (double) policy->max;
	double delay = (double) policy->initial * pow(policy->factor, n - 1);
	int64 result;

	/* written so that infinity and NaN (0 x infinity) end at the limit */
	if (!(delay < limit))
		delay = limit;
	delay *= 1.0 + policy->jitter * (2.0 * pg_prng_double(prng) - 1.0);
	result = delay < 0 ? 0 : (int64) delay;

	if (retry_after > PULSE_RETRY_AFTER_CAP)
		retry_after = PULSE_RETRY_AFTER_CAP;
	return Max(result, retry_after);
}

static bool
listed(int n, const char **list, const char *class, const char *code)
{
	for (int i = 0; i < n; i++)
	{
		if ((class != NULL && strcmp(list[i], class) == 0) ||
			(code != NULL && strcmp(list[i], code) == 0))
			return true;
	}
	return false;
}

bool
pulse_retry_applies(const PulseRetryPolicy *policy, const char *class,
					const char *code, bool retryable)
{
	if (listed(policy->n_no_retry_on, policy->no_retry_on, class, code))
		return false;
	if (policy->n_retry_on > 0)
		return listed(policy->n_retry_on, policy->retry_on, class, code);
	return retryable;
}

static bool
read_duration(const PulseJson *v, const char *path, int64 *out, PulseDiag *diag)
{
	const char *why = "must be an interval such as \"10 s\"";

	if (v->type == PULSE_JSON_STRING &&
		pulse_duration_parse(v->u.text, v->len, out, &why))
	{
		if (*out <= PULSE_MAX_DELAY_US)
			return true;
		why = "it can be 365 days at most";
	}
	pulse_diag_error(diag, "bad_duration", path,
					 "Write a duration such as \"500 ms\", \"30 s\" or \"2 hours\".",
					 "not a duration: %s", why);
	return false;
}

static bool
read_fraction(const PulseJson *v, const char *path, double min, double max,
			  double *out, PulseDiag *diag)
{
	char *end;

	if (v->type == PULSE_JSON_NUMBER)
	{
		double d = strtod(v->u.text, &end);

		if (d >= min && d <= max)
		{
			*out = d;
			return true;
		}
	}
	pulse_diag_error(diag, "bad_retry", path, NULL,
					 "must be a number from %g to %g", min, max);
	return false;
}

static bool
read_list(PulseArena *arena, const PulseJson *v, const char *path,
		  const char ***list, int *n, PulseDiag *diag)
{
	bool ok = v->type == PULSE_JSON_ARRAY && v->len > 0;

	for (uint32 i = 0; ok && i < v->len; i++)
		ok = v->u.items[i]->type == PULSE_JSON_STRING;
	if (!ok)
	{
		pulse_diag_error(diag, "bad_retry", path, NULL,
						 "must be a list of error classes or codes");
		return false;
	}
	*list = pulse_arena_alloc(arena, v->len * sizeof(char *));
	*n = (int) v->len;
	for (uint32 i = 0; i < v->len; i++)
		(*list)[i] = pulse_arena_strdup(arena, v->u.items[i]->u.text);
	return true;
}

bool
pulse_retry_read(PulseArena *arena, const PulseJson *object, const char *path,
				 PulseRetryPolicy *policy, PulseDiag *diag)
{
	bool ok = true;

	pulse_retry_defaults(policy);
	if (object->type != PULSE_JSON_OBJECT)
	{
		pulse_diag_error(diag, "bad_retry", path, NULL, "must be an object");
		return false;
	}
	for (uint32 i = 0; i < object->len; i++)
	{
		const char *key = object->u.pairs[i].key;
		const PulseJson *v = object->u.pairs[i].value;
		const char *at = pulse_arena_printf(arena, "%s.%s", path, key);
		int64 n;

		if (strcmp(key, "max_attempts") == 0)
		{
			if (pulse_json_as_int(v, &n) && n >= 1 && n <= MAX_ATTEMPTS)
				policy->max_attempts = (int) n;
			else
			{
				pulse_diag_error(diag, "bad_retry", at, NULL,
								 "must be a whole number from 1 to %d", MAX_ATTEMPTS);
				ok = false;
			}
		}
		else if (strcmp(key, "initial") == 0)
			ok &= read_duration(v, at, &policy->initial, diag);
		else if (strcmp(key, "max") == 0)
			ok &= read_duration(v, at, &policy->max, diag);
		else if (strcmp(key, "factor") == 0)
			ok &= read_fraction(v, at, 1, 1000, &policy->factor, diag);
		else if (strcmp(key, "jitter") == 0)
			ok &= read_fraction(v, at, 0, 1, &policy->jitter, diag);
		else if (strcmp(key, "retry_on") == 0)
			ok &= read_list(arena, v, at, &policy->retry_on, &policy->n_retry_on, diag);
		else if (strcmp(key, "no_retry_on") == 0)
			ok &= read_list(arena, v, at, &policy->no_retry_on, &policy->n_no_retry_on, diag);
		else
		{
			pulse_diag_error(diag, "unknown_key", at,
							 "Keys of a retry policy: max_attempts, initial, factor, max, jitter, retry_on, no_retry_on.",
							 "unknown key \"%s\"", key);
			ok = false;
		}
	}
	return ok;
}
