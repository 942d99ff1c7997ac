/*
 * registry_store.h
 *		Hosts, actions and credentials as administrators change them.
 *
 * Every change invalidates the relation _pulse.host, which tells the workers to read
 * the registry again; the caller wakes them.
 */
#ifndef PULSE_STORE_REGISTRY_STORE_H
#define PULSE_STORE_REGISTRY_STORE_H

#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "store/workflow_store.h"

/* What is NULL, or negative, is left as it is (alter) or takes its default (register). */
typedef struct PulseHostChange
{
	const char *name;
	const char *url;
	const char *credential;		/* "" takes it away */
	const char *tenant;			/* "" takes it away */
	const char *ca_file;		/* "" takes it away */
	ArrayType  *networks;
	Interval   *timeout;
	int			max_in_flight;
	int			rate_limit;		/* 0 takes it away */
	Interval   *rate_period;
	int			allow_http;		/* -1, 0, 1 */
	int			enable;			/* alter only: -1, 0, 1 */
	const char *reason;			/* of enable 0 */
} PulseHostChange;

/*
 * DONE: registered. NOTHING: registered already, just so. NO_OBJECT: the
 * name is taken by other settings.
 */
extern PulseChange pulse_host_register(const PulseHostChange *host);

/* DONE, NOTHING or NO_OBJECT. */
extern PulseChange pulse_host_alter(const PulseHostChange *change);

/* URL and allow_http of a host, for checks of a change; false: no such host. */
extern bool pulse_host_url(const char *name, char **url, bool *allow_http);

/* n_actions: how many hold it up; then nothing is done. False: no such host. */
extern bool pulse_host_drop(const char *name, int64 *n_actions);

typedef struct PulseActionChange
{
	const char *name;
	const char *host;
	const char *version;		/* or NULL, as what follows */
	Interval   *timeout;
	Jsonb	   *retry;
	bool		repeatable;
	bool		read_only;
	bool		replay_safe;
	const char *description;
} PulseActionChange;

/* DONE, NOTHING, or NO_OBJECT: there is no such host. */
extern PulseChange pulse_action_register(const PulseActionChange *action);
extern bool pulse_action_drop(const char *name);

/* secret or file is NULL. False: it was just that already. */
extern bool pulse_credential_set(const char *name, const char *kind,
								 const char *secret, const char *file);

/* kind NULL: all kinds. n_hosts: how many hosts hold it up; then nothing is done. */
extern bool pulse_credential_drop(const char *name, const char *kind, int64 *n_hosts);

#endif
