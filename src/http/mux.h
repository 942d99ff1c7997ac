/*
 * mux.h
 *		All HTTP exchanges of one process, on one curl multi handle.
 *
 * The mux never waits.  Its owner adds pulse_mux_fd() to its own wait set (readable),
 * waits at most pulse_mux_timeout_us(), then calls pulse_mux_drive() and takes
 * what has finished.  A transfer belongs to the mux from start to release: by
 * plain malloc, so it survives any error of its owner's transactions.
 *
 * Nothing here throws, and no callback of curl does more than touch the transfer: lack
 * of memory or of descriptors is an outcome (PULSE_TRANSPORT_LOCAL), never a crash.
 * Signals are blocked while curl runs, so that threads it starts never
 * run a handler of the server.
 */
#ifndef PULSE_HTTP_MUX_H
#define PULSE_HTTP_MUX_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/transport.h"
#include "http/address.h"
#include "http/request.h"

typedef struct PulseMux PulseMux;
typedef struct PulseTransfer PulseTransfer;

typedef struct PulseMuxConfig
{
	/* Accounting of descriptors; both or neither. acquire says no by false. */
	bool		(*fd_acquire) (void);
	void		(*fd_release) (void);
	const sigset_t *block;		/* mask while curl runs; NULL: all signals */
	int			max_idle;		/* connections kept open; 0: 64 */
	size_t		max_buffered;	/* bytes of all bodies held at once; 0: no limit */
} PulseMuxConfig;

typedef struct PulseHttpRequest
{
	const char *url;			/* checked by pulse_url_parse before */
	bool		get;			/* GET without a body; else POST */
	const PulseHeaders *headers;	/* NULL: none; a failed list is not sent */
	const void *body;
	size_t		body_len;
	int64_t		timeout_ms;		/* of the whole exchange; >= 1 */
	int64_t		connect_timeout_ms; /* 0: 10 s */
	size_t		max_body;		/* cap of the answer's body, decoded; 0: 1 MiB */
	bool		fresh;			/* new connection, never re-sent by the library */
	const PulseAddressPolicy *policy;
	const char *ca_file;		/* NULL: the system's */
	void	   *owner;			/* given back by pulse_transfer_owner */
} PulseHttpRequest;

typedef struct PulseMuxStats
{
	int			active;			/* running */
	int			finished;		/* not yet taken */
	int			sockets;		/* open, in use or kept */
	size_t		buffered;		/* bytes of bodies held */
	uint64_t	started;
	uint64_t	connections;	/* sockets ever opened */
	uint64_t	rebuilt;		/* times curl had to be set up anew */
} PulseMuxStats;

#define PULSE_MUX_MAX_HEADER_BYTES	65536
#define PULSE_MUX_MAX_HEADERS		256

/*
 * Sets up curl in this process. NULL and a literal in *why if the library is too old or was
 * built without TLS or with a resolver that blocks, or there is no memory.
 */
extern PulseMux *pulse_mux_create(const PulseMuxConfig *config, const char **why);

/* For tests: at the exit of a worker nothing needs to be called. */
extern void pulse_mux_destroy(PulseMux *mux);

/* Descriptor that becomes readable when there is something to drive. */
extern int	pulse_mux_fd(const PulseMux *mux);

/* Microseconds until drive must be called even so; 0: now; -1: never. */
extern int64_t pulse_mux_timeout_us(const PulseMux *mux);

/*
 * Starts an exchange; everything in the request is copied. NULL only if
 * there is no memory at all; what else goes wrong is the outcome of the transfer.
 */
extern PulseTransfer *pulse_mux_start(PulseMux *mux, const PulseHttpRequest *request);

/* Moves everything that can move. True if finished transfers wait to be taken. */
extern bool pulse_mux_drive(PulseMux *mux);

/* The next finished transfer, or NULL; to be released by the caller. */
extern PulseTransfer *pulse_mux_take_finished(PulseMux *mux);

extern void *pulse_transfer_owner(const PulseTransfer *transfer);

/* Of a finished transfer; valid until it is released. */
extern const PulseResponse *pulse_transfer_response(const PulseTransfer *transfer);

/* Frees a transfer that was taken. */
extern void pulse_mux_release(PulseMux *mux, PulseTransfer *transfer);

/* Stops a transfer, whatever its state, and frees it; it is not reported any more. */
extern void pulse_mux_abort(PulseMux *mux, PulseTransfer *transfer);

extern void pulse_mux_stats(const PulseMux *mux, PulseMuxStats *stats);

#endif
