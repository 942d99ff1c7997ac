/*
 * local_private.h
 *		The inside of a run in memory: shared by its driver and its report.
 */
#ifndef PULSE_CORE_LOCAL_PRIVATE_H
#define PULSE_CORE_LOCAL_PRIVATE_H

#include "core/local.h"

typedef enum PulseLocalEventKind
{
	PULSE_LOCAL_TIMER,
	PULSE_LOCAL_OUTCOME,
	PULSE_LOCAL_SIGNAL,
	PULSE_LOCAL_DEADLINE
} PulseLocalEventKind;

/* Something that happens at a virtual time ahead. */
typedef struct PulseLocalEvent
{
	int64		at;
	int64		seq;			/* order of events of the same time */
	PulseLocalEventKind kind;
	int			index;			/* node, or signal */
	PulseLocalCall *call;		/* OUTCOME */
} PulseLocalEvent;

/* It lies in the arena of its state, like everything it has. */
struct PulseLocalRun
{
	const PulseLocal *local;
	const PulseLocalOptions *options;
	PulseLocalOptions defaults;
	PulseRunState *state;
	PulseArena *arena;
	PulseStep	step;
	pg_prng_state prng;
	int64		now;			/* virtual, unix usec */
	int		   *cursors;		/* into the lists of answers */

	PulseLocalCall **calls;		/* asked for, not yet answered: [head, n) */
	int			head;
	int			n_calls;
	int			cap_calls;

	PulseLocalEvent *events;	/* heap, earliest first */
	int			n_events;
	int			cap_events;
	int64		seq;

	const PulseJson **trace;
	int			n_trace;
	int			cap_trace;

	PulseLocalStatus status;
	const PulseJson *error;		/* of the runner itself, or NULL */
	bool		interrupted;
};

/* Adds what the commands of the last step say (local_result.c). */
extern void pulse_local_trace_start(PulseLocalRun *run);
extern void pulse_local_trace_step(PulseLocalRun *run);
extern void pulse_local_trace_end(PulseLocalRun *run);

#endif
