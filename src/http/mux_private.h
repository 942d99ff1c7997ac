/*
 * mux_private.h
 *		What mux.c and transfer.c share; not for anybody else.
 */
#ifndef PULSE_HTTP_MUX_PRIVATE_H
#define PULSE_HTTP_MUX_PRIVATE_H

#include <sys/types.h>

#include <curl/curl.h>

#include "http/mux.h"

#define PULSE_MUX_SPARE		64	/* easy handles kept for reuse */

/* A socket in the epoll set; also curl's mark on it. */
typedef struct Watch
{
	struct Watch *prev;
	struct Watch *next;
	int			fd;
} Watch;

/* Sockets curl has open, by number; see pulse_transfer_sweep. */
typedef struct OpenSocket
{
	bool		open;
	ino_t		inode;
} OpenSocket;

#define PULSE_TRANSFER_SOCKETS 16

typedef enum TransferState
{
	TRANSFER_ACTIVE,
	TRANSFER_FINISHED,
	TRANSFER_TAKEN
} TransferState;

struct PulseTransfer
{
	PulseTransfer *prev;
	PulseTransfer *next;
	PulseMux   *mux;
	void	   *owner;
	TransferState state;

	/* the request, until it is finished */
	CURL	   *easy;
	bool		added;			/* to the multi handle */
	struct curl_slist *headers;
	char	   *body_out;
	int64_t		overdue_at;		/* monotonic usec: curl should long have ended it */
	PulseCidr  *networks;
	PulseAddressPolicy policy;
	char		error[CURL_ERROR_SIZE];

	/* what callbacks have seen */
	int			fds[PULSE_TRANSFER_SOCKETS];	/* opened for this transfer */
	int			n_fds;
	int			opened;			/* sockets */
	int			refused;		/* addresses the policy forbids */
	PulseAddressKind refused_kind;
	bool		handshaking;	/* TLS has begun, so the connection stands */
	bool		no_descriptor;
	bool		no_memory;
	const char *why;			/* the request was not acceptable: a literal */
	bool		doomed;			/* cannot be watched: to be ended */
	bool		headers_over;
	bool		headers_done;
	bool		framed;			/* the body says where it ends */
	bool		body_over;
	size_t		header_bytes;
	int			n_headers;

	/* the answer */
	char	   *body;
	size_t		body_size;
	size_t		max_body;
	char	   *content_type;
	char	   *retry_after;
	char	   *location;
	char	   *action_version;
	char		address[64];
	PulseResponse response;
};

typedef struct TransferList
{
	PulseTransfer *first;
	PulseTransfer *last;
	int			n;
} TransferList;

struct PulseMux
{
	PulseMuxConfig config;
	sigset_t	block;
	CURLM	   *multi;
	int			epoll_fd;
	int64_t		deadline;		/* monotonic usec; -1: none */
	int64_t		overdue_at;		/* no active transfer is overdue before; -1: none is active */
	Watch	   *watches;
	OpenSocket *open_sockets;	/* by descriptor */
	int			n_open_sockets; /* length of that array */
	TransferList active;
	TransferList finished;
	CURL	   *spare[PULSE_MUX_SPARE];
	int			n_spare;
	int			n_doomed;
	bool		broken;			/* curl refused to go on: rebuild */
	PulseMuxStats stats;
};

/* Copies everything a running transfer needs; false without memory. */
extern bool pulse_transfer_copy_request(PulseTransfer *t, const PulseHttpRequest *request);

/* Sets every option of the transfer's easy handle. */
extern CURLcode pulse_transfer_set_options(PulseTransfer *t, const PulseHttpRequest *request);

/* Fills the response once curl has said how the exchange ended. */
extern void pulse_transfer_conclude(PulseTransfer *t, CURLcode code);

/*
 * Accounts for sockets of the transfer that curl has closed without telling: while it
 * connects, 7.88 does not call the function it was given for that.
 */
extern void pulse_transfer_sweep(PulseTransfer *t);

/* Frees what only a running request needs; credentials are overwritten. */
extern void pulse_transfer_drop_request(PulseTransfer *t);

/* Frees the transfer; it is on no list and holds no easy handle. */
extern void pulse_transfer_free(PulseTransfer *t);

#endif
