/*
 * fact_store.h
 *		Facts that users send to runs: rows of the inbox, and signals.
 */
#ifndef PULSE_STORE_FACT_STORE_H
#define PULSE_STORE_FACT_STORE_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

/* What must be known of a run before something is sent to it. */
typedef struct PulseRunHead
{
	pg_uuid_t	id;
	int			part;
	uint64		xid;			/* transaction that submitted it */
	char	   *tenant;
	char	   *workflow;
	int			version;
	char	   *status;			/* as stored */
	char	   *asked;			/* kind of the last fact not yet folded, or NULL */
	bool		awaits_operator;	/* a node of it waits for an operator */
} PulseRunHead;

/*
 * False: there is no such run. What is sent but not yet folded is looked up only if
 * with_inbox. Texts in the current memory context.
 */
extern bool pulse_run_head(const pg_uuid_t *id, bool with_inbox, PulseRunHead *head);

typedef struct PulseFactRow
{
	const char *kind;
	const char *node;			/* or NULL */
	const char *actor;
	const char *reason;			/* or NULL */
	Jsonb	   *output;			/* skip: or NULL */
	TimestampTz at;
} PulseFactRow;

/* Puts a fact into the inbox of the owner of the run's part. */
extern void pulse_fact_send(const PulseRunHead *run, const PulseFactRow *fact);

typedef struct PulseSignalRow
{
	const char *id;
	const char *name;
	const char *actor;
	Jsonb	   *payload;
	TimestampTz at;
} PulseSignalRow;

/* False: the run has had a signal of this id; nothing is stored then. */
extern bool pulse_signal_send(const PulseRunHead *run, const PulseSignalRow *signal);

/* Whether the run has had a signal of this id. */
extern bool pulse_signal_known(const PulseRunHead *run, const char *id);

#endif
