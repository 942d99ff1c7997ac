/*
 * request.c
 *		Header lists of calls to hosts.
 *
 * Owns the wire form of the headers of host protocol 1.  Must not know curl or
 * the server: plain C and malloc.  A list lives until pulse_headers_free, which
 * overwrites it.
 */
#include "http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 8192

void
pulse_headers_init(PulseHeaders *headers)
{
	memset(headers, 0, sizeof(*headers));
}

void
pulse_headers_free(PulseHeaders *headers)
{
	int			i;

	for (i = 0; i < headers->n; i++)
	{
		explicit_bzero(headers->lines[i], strlen(headers->lines[i]));
		free(headers->lines[i]);
	}
	free(headers->lines);
	pulse_headers_init(headers);
}

bool
pulse_header_value_ok(const char *value, size_t len)
{
	size_t		i;

	if (len > VALUE_MAX)
		return false;
	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) value[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
name_ok(const char *name)
{
	return name[0] != '\0' &&
		name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789-_.!#$%&'*+^`|~")] == '\0';
}

static bool
fail(PulseHeaders *headers, const char *why)
{
	if (headers->why == NULL)
		headers->why = why;
	return false;
}

bool
pulse_headers_add(PulseHeaders *headers, const char *name, const char *value)
{
	char	   *line;
	size_t		len;

	if (headers->why)
		return false;
	if (!name_ok(name))
		return fail(headers, "a header name contains a character that is not allowed");
	if (!pulse_header_value_ok(value, strlen(value)))
		return fail(headers, "a header value is too long or contains a control character");

	if (headers->n == headers->cap)
	{
		int			cap = headers->cap ? headers->cap * 2 : 24;
		char	  **lines = realloc(headers->lines, cap * sizeof(char *));

		if (lines == NULL)
			return fail(headers, "out of memory");
		headers->lines = lines;
		headers->cap = cap;
	}

	/* curl reads "Name;" as a header without a value, "Name:" as "remove it". */
	len = strlen(name) + strlen(value) + 3;
	line = malloc(len);
	if (line == NULL)
		return fail(headers, "out of memory");
	if (value[0] == '\0')
		snprintf(line, len, "%s;", name);
	else
		snprintf(line, len, "%s: %s", name, value);
	headers->lines[headers->n++] = line;
	return true;
}

/* Adds a header whose value is made of pieces (the last is NULL). */
static bool
add_pieces(PulseHeaders *headers, const char *name, const char *const *pieces)
{
	size_t		len = 1;
	char	   *value;
	char	   *p;
	int			i;
	bool		ok;

	for (i = 0; pieces[i] != NULL; i++)
		len += strlen(pieces[i]);
	value = malloc(len);
	if (value == NULL)
		return fail(headers, "out of memory");
	for (p = value, i = 0; pieces[i] != NULL; i++)
		p = stpcpy(p, pieces[i]);
	*p = '\0';
	ok = pulse_headers_add(headers, name, value);
	explicit_bzero(value, len);
	free(value);
	return ok;
}

/*
 * A copy with all but unreserved characters percent-encoded: names of people go
 * into URI references. NULL without memory.
 */
static char *
encode(const char *s)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *out = malloc(strlen(s) * 3 + 1);
	char	   *p = out;

	if (out == NULL)
		return NULL;
	for (; *s != '\0'; s++)
	{
		unsigned char c = (unsigned char) *s;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			(c >= 'A' && c <= 'Z') || strchr("-._~", c) != NULL)
			*p++ = (char) c;
		else
		{
			*p++ = '%';
			*p++ = digits[c >> 4];
			*p++ = digits[c & 15];
		}
	}
	*p = '\0';
	return out;
}

/* ce-source: /pulse/<tenant>; ce-subject: <workflow>/<node>. */
static bool
add_path(PulseHeaders *headers, const char *name, const char *prefix,
		 const char *first, const char *second)
{
	char	   *a = encode(first);
	char	   *b = second ? encode(second) : NULL;
	const char *pieces[5];
	int			n = 0;
	bool		ok;

	if (a == NULL || (second && b == NULL))
		ok = fail(headers, "out of memory");
	else
	{
		pieces[n++] = prefix;
		pieces[n++] = a;
		if (b)
		{
			pieces[n++] = "/";
			pieces[n++] = b;
		}
		pieces[n] = NULL;
		ok = add_pieces(headers, name, pieces);
	}
	free(a);
	free(b);
	return ok;
}

bool
pulse_request_headers(PulseHeaders *headers, const PulseCallHeaders *call)
{
	char		number[64];

	pulse_headers_add(headers, "Content-Type", "application/json");
	pulse_headers_add(headers, "Accept", "application/json, application/problem+json, "
					  "application/vnd.pulse.result+json");
	if (call->user_agent)
		pulse_headers_add(headers, "User-Agent", call->user_agent);
	if (call->id)
	{
		pulse_headers_add(headers, "webhook-id", call->id);
		snprintf(number, sizeof(number), "%lld", (long long) call->timestamp);
		pulse_headers_add(headers, "webhook-timestamp", number);
		if (call->idempotency_key)
		{
			const char *const pieces[] = {"\"", call->id, "\"", NULL};

			/* A structured-field string must not need escapes here. */
			if (strpbrk(call->id, "\"\\") != NULL)
				return fail(headers, "an idempotency key contains a quote or a backslash");
			add_pieces(headers, "Idempotency-Key", pieces);
		}
	}
	if (call->signature)
		pulse_headers_add(headers, "webhook-signature", call->signature);
	if (call->bearer)
	{
		const char *const pieces[] = {"Bearer ", call->bearer, NULL};

		add_pieces(headers, "Authorization", pieces);
	}
	if (call->type)
	{
		pulse_headers_add(headers, "ce-specversion", "1.0");
		if (call->id)
			pulse_headers_add(headers, "ce-id", call->id);
		pulse_headers_add(headers, "ce-type", call->type);
		if (call->tenant)
			add_path(headers, "ce-source", "/pulse/", call->tenant, NULL);
		if (call->workflow && call->node)
			add_path(headers, "ce-subject", "", call->workflow, call->node);
	}
	if (call->traceparent)
		pulse_headers_add(headers, "traceparent", call->traceparent);
	if (call->wait_seconds > 0)
	{
		snprintf(number, sizeof(number), "respond-async, wait=%d", call->wait_seconds);
		pulse_headers_add(headers, "Prefer", number);
	}
	snprintf(number, sizeof(number), "%d", call->attempt);
	pulse_headers_add(headers, "Pulse-Attempt", number);
	pulse_headers_add(headers, "Pulse-Protocol", "1");
	return headers->why == NULL;
}
