/*
 * host_store.h
 *		Hosts, actions and credentials as a worker reads them.
 *
 * Results are copied into the memory context that is current at the call. Secrets go
 * nowhere but into the caller's memory.
 */
#ifndef PULSE_STORE_HOST_STORE_H
#define PULSE_STORE_HOST_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct PulseHostRow
{
	char	   *name;
	char	   *url;
	char	   *tenant;			/* or NULL: of all */
	int			n_networks;
	char	  **networks;		/* CIDR texts */
	int64		timeout;		/* usec */
	int			max_in_flight;
	int			rate_limit;		/* calls per rate_period; 0: none */
	int64		rate_period;	/* usec */
	char	   *ca_file;		/* or NULL */
	char	   *disabled_reason;	/* or NULL */
	char	   *credential;		/* or NULL */
	TimestampTz changed_at;		/* of the host or its credential, the later */
	char	   *hmac;			/* whsec_…, or NULL */
	char	   *hmac_previous;
	char	   *hmac_file;
	char	   *bearer;
	char	   *bearer_file;

	/* what a worker of this number has learned of it, perhaps in an earlier life */
	bool		open;			/* circuit */
	char	   *reason;			/* or NULL */
	TimestampTz opened_at;		/* 0: none, as the others */
	TimestampTz retry_at;
	TimestampTz throttled_until;
} PulseHostRow;

typedef struct PulseActionRow
{
	char	   *name;
	char	   *host;
	char	   *version;		/* or NULL */
	int64		timeout;		/* usec; 0: the host's */
	Jsonb	   *retry;			/* or NULL */
	bool		repeatable;
	bool		read_only;
} PulseActionRow;

/* All hosts, with what worker `worker` has saved of them. */
extern PulseHostRow *pulse_load_hosts(int worker, int *found);
extern PulseActionRow *pulse_load_actions(int *found);

/* Remembers what worker `worker` knows of a host; times 0 are NULL. */
extern void pulse_save_host_state(const char *host, int worker, bool open, const char *reason,
								  TimestampTz opened_at, TimestampTz retry_at,
								  TimestampTz throttled_until, int64 failures);

#endif
