/*
 * request.h
 *		Header lists of calls to hosts.
 *
 * A list owns copies of its lines, by plain malloc; it is wiped when freed since it
 * may carry a credential.  A header that is refused or does not fit into memory makes the
 * list failed: it is never sent in part.
 */
#ifndef PULSE_HTTP_REQUEST_H
#define PULSE_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct PulseHeaders
{
	int			n;
	int			cap;
	char	  **lines;			/* "Name: value" */
	const char *why;			/* NULL, or why the list has failed: a literal */
} PulseHeaders;

/* What the headers of a call say. Texts are borrowed; NULL leaves a header out. */
typedef struct PulseCallHeaders
{
	const char *type;			/* "pulse.action.run.v1" */
	const char *id;				/* "act_<activation uuid>" */
	int64_t		timestamp;		/* Unix seconds of this attempt */
	const char *signature;		/* value of webhook-signature */
	const char *bearer;			/* credential, without "Bearer " */
	bool		idempotency_key;	/* false: the action is declared read-only */
	const char *tenant;
	const char *workflow;
	const char *node;
	const char *traceparent;
	const char *user_agent;
	int			attempt;
	int			wait_seconds;	/* Prefer: respond-async, wait=; <= 0: no Prefer */
} PulseCallHeaders;

extern void pulse_headers_init(PulseHeaders *headers);
extern void pulse_headers_free(PulseHeaders *headers);

/* Adds a header. False (and the list has failed) if name or value is refused. */
extern bool pulse_headers_add(PulseHeaders *headers, const char *name, const char *value);

/* May this be the value of a header? No CR, LF, NUL, other controls; at most 8 KiB. */
extern bool pulse_header_value_ok(const char *value, size_t len);

/*
 * Fills an initialised list with all headers of host protocol 1. False and
 * headers->why set if anything was refused or there is no memory.
 */
extern bool pulse_request_headers(PulseHeaders *headers, const PulseCallHeaders *call);

#endif
