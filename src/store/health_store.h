/*
 * health_store.h
 *		Questions that only doctor() asks, and the rebuilding that only adopt() does.
 */
#ifndef PULSE_STORE_HEALTH_STORE_H
#define PULSE_STORE_HEALTH_STORE_H

#include "datatype/timestamp.h"

/* How many, and the first of them by name; palloc'd. */
typedef struct PulseTally
{
	int64		n;
	char	   *names;			/* or NULL */
} PulseTally;

typedef struct PulseHealth
{
	PulseTally	unknown_actions;	/* of enabled workflows, with no registration */
	PulseTally	unknown_workflows;	/* that these name, and that do not run */
	PulseTally	open_hosts;		/* with an open circuit */
	PulseTally	disabled_hosts;
	PulseTally	bare_hosts;		/* whose credential is not set */
	PulseTally	quarantined;	/* runs */
	PulseTally	late;			/* facts and timers overdue by more than 10 s */
	PulseTally	lost_roles;		/* access of roles that are gone */
} PulseHealth;

extern void pulse_health_read(TimestampTz now, PulseHealth *health);

/* What pulse_stamp_check answers, in a scope of its own. True: the engine holds. */
extern bool pulse_health_held(char *reason, size_t size);

/*
 * Stamps this database and rebuilds what a dump leaves out: timers, marks, and
 * transaction ids that lie in the future here. False: it was ours already.
 */
extern bool pulse_health_adopt(const char *reason);

#endif
