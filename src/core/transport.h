/*
 * transport.h
 *		What is known about one HTTP exchange after it has ended.
 *
 * Written by src/http, read by core/answer.c and the engine.  Plain C types
 * only: this header is also compiled where no server header is at hand.
 */
#ifndef PULSE_CORE_TRANSPORT_H
#define PULSE_CORE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum PulseTransport
{
	PULSE_TRANSPORT_OK,			/* a complete answer was read */
	PULSE_TRANSPORT_DNS,		/* the name could not be resolved */
	PULSE_TRANSPORT_REFUSED_ADDRESS,	/* resolved only to forbidden addresses */
	PULSE_TRANSPORT_CONNECT,	/* no connection could be made */
	PULSE_TRANSPORT_TLS,		/* handshake or certificate */
	PULSE_TRANSPORT_TIMEOUT,	/* of the connection or of the whole exchange */
	PULSE_TRANSPORT_BROKEN,		/* connection lost before the answer was complete */
	PULSE_TRANSPORT_PROTOCOL,	/* the answer is not HTTP as we speak it */
	PULSE_TRANSPORT_HEADERS,	/* too many or too large headers */
	PULSE_TRANSPORT_TOO_LARGE,	/* the body is larger than the cap */
	PULSE_TRANSPORT_LOCAL		/* our side: memory, descriptors, library */
} PulseTransport;

/*
 * All texts are NUL-terminated, without control characters, and never NULL
 * unless said so; they are remote bytes, so not necessarily valid UTF-8.
 * Times are microseconds from the start of the transfer, 0 if not reached.
 */
typedef struct PulseResponse
{
	PulseTransport transport;
	bool		connected;		/* a connection was open (perhaps a kept one) */
	bool		tls;			/* the URL was https */
	bool		tls_done;		/* the handshake was complete */
	bool		sent;			/* a byte of the request may have left */
	bool		body_truncated; /* body holds only the first part */
	bool		unframed;		/* only the end of the connection ended the body */
	int			sends;			/* times the request was put on a wire */
	int			status;			/* of the final answer; 0: none was read */
	const char *content_type;	/* NULL: no such header */
	const char *retry_after;	/* NULL: no such header */
	const char *location;		/* NULL: no such header */
	const char *action_version; /* Pulse-Action-Version; NULL: none */
	const char *body;			/* NUL-terminated for convenience; never NULL */
	size_t		body_len;
	const char *error;			/* short text for people; "" if OK */
	const char *address;		/* peer address, "" if none */
	int64_t		t_dns;
	int64_t		t_connect;
	int64_t		t_tls;
	int64_t		t_first_byte;
	int64_t		t_total;
} PulseResponse;

#endif
