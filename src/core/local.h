/*
 * local.h
 *		Runs in memory: a graph run to its end by the kernel alone.
 *
 * The same step function, validation and rules of retries as in durable runs, but the
 * state lives in one arena, time is virtual and actions are answered by bindings.
 * One call at a time is folded, in the order in which the kernel asked for it (the
 * frontier in id order); so the same input gives the same trace, whatever the number of
 * calls that a host has under way at once.
 *
 * Virtual time: the clock stands at options.now and moves only when nothing else is left
 * to do: to the next end of a delay, retry, timeout or deadline, or the next
 * signal. A call takes no time, one that times out takes its timeout.
 *
 * Child runs share the clock, the bindings and the queue of calls with the run that
 * starts them. They are given no signals.
 *
 * The result is an object with these keys, always all of them but for the last two:
 *
 *	mode				"in_memory"
 *	status				"completed", "failed" or "suspended"
 *	output				of the run; null unless completed
 *	outputs				{node: output}, of the nodes that have one
 *	statuses			{node: status}, after closure
 *	error				of the run, with the class that says why (class "deadline" where a
 *						durable run is timed_out, "cancelled" where it is cancelled); or null
 *	trace				[entry, ...]; null if options.trace is false
 *	elapsed				virtual seconds from start to end
 *	hash				of the graph at its last revision
 *	remaining_budget	{nodes, edges, depth, frontier, operations}
 *	rewrites			{"admitted": [...], "rejected": [...]}: those proposed, each with rewrite (its
 *						number), anchor, form, attempt, proposal, output, cost, budget_before,
 *						budget_after; revision and hash if admitted; code, reason, errors, exceeded
 *						if rejected
 *	waiting				suspended only: {node: {"for": reason, "signal"?: name,
 *						"child"?: {node: ...}}}
 *	note				suspended only: says that the run cannot be resumed
 *
 * There is no id or handle in it: nothing of the run exists once it has been returned.
 *
 * An entry of the trace has "at" (virtual seconds since the start), "event", and "in" if it
 * is about a child run: the ids of the workflow nodes that lead to it, joined by "/".
 *
 *	start		now; of a child run: workflow, input
 *	call		node, action, attempt, input, rejection
 *	attempt		node, attempt, outcome, error: one that did not succeed
 *	completed	node, output
 *	rewritten	node, output: it has proposed a rewrite
 *	skipped		node, reason, error
 *	failed		node, error
 *	waiting		node, reason, signal, until (virtual seconds since the start)
 *	interrupted node, reason
 *	rewrite		node, form, revision, cost, remaining: a proposal was admitted
 *	rejected	node, form, code, and what of cost, reason, errors, exceeded there is
 *	grown		node, form, revision, and branch, round, or the number of items: a choose, repeat
 *				or map was lowered, or went on to its next round
 *	signal		name, node: consumed; without node: discarded
 *	log			message
 *	child		node, workflow, status, output, error: a child run has ended
 *	run			status: the last entry of a run
 */
#ifndef PULSE_CORE_LOCAL_H
#define PULSE_CORE_LOCAL_H

#include "core/local_bindings.h"
#include "core/state.h"
#include "core/step.h"

/* One attempt that somebody has to answer. */
typedef struct PulseLocalCall
{
	struct PulseLocalUnit *unit;	/* whose; inside of local.c */
	const PulseRunState *run;
	int			node;
	const char *node_id;
	const char *action;
	int			attempt;
	PulseUuid	activation;
	const PulseJson *input;
	const PulseJson *config;	/* of graph and node, never NULL */
	const PulseJson *rejection; /* why the rewrite of the call before was rejected; or NULL */
	const PulseJson *item;		/* $.item, $.index and $.round of its node; or NULL */
	const PulseJson *index;
	const PulseJson *round;
	int64		timeout;		/* usec of this attempt; 0: none given */
	bool		bound;			/* the bindings answer it, not the host */
	void	   *handle;			/* the host's own; NULL at first */
	int64		at;				/* virtual time it was asked for */
	PulseOutcome outcome;
} PulseLocalCall;

/*
 * Who answers what the bindings do not. All calls in turn go to answer(); calls[0] is to be
 * answered, and those among the others that are not bound may be begun ahead.
 */
typedef struct PulseLocalHost
{
	void	   *arg;

	/* true: it will answer calls of this action */
	bool		(*knows) (void *arg, const char *action);

	/* fills calls[0]->outcome (helpers in local_bindings.h; values in arena); false: give up */
	bool		(*answer) (void *arg, PulseLocalCall **calls, int n, PulseArena *arena);

	/* nobody waits for the call any more, which was begun; all: nor for any other */
	void		(*abort) (void *arg, PulseLocalCall *call, bool all);

	/* asked between steps; true: give up. May be NULL */
	bool		(*interrupted) (void *arg);
} PulseLocalHost;

typedef struct PulseLocal
{
	const PulseGraph *graph;
	const PulseJson *input;		/* NULL: JSON null */
	const PulseLocalBindings *bindings; /* or NULL */
	const PulseLocalSignals *signals;	/* or NULL */
	const PulseLocalOptions *options;	/* NULL: the defaults */
	const PulseLocalHost *host; /* or NULL */
	void		(*interrupt) (void);	/* called now and then; may throw. Or NULL */
} PulseLocal;

typedef enum PulseLocalStatus
{
	PULSE_LOCAL_COMPLETED,
	PULSE_LOCAL_FAILED,
	PULSE_LOCAL_SUSPENDED
} PulseLocalStatus;

typedef struct PulseLocalRun PulseLocalRun;

/*
 * Runs a graph to its end. What `local` refers to must live as long as the
 * answer, which pulse_local_free frees with all that was made.
 */
extern PulseLocalRun *pulse_local_run(const PulseLocal *local);
extern void pulse_local_free(PulseLocalRun *run);

extern PulseLocalStatus pulse_local_status(const PulseLocalRun *run);
extern const PulseRunState *pulse_local_state(const PulseLocalRun *run);

/* True if the host gave up. */
extern bool pulse_local_interrupted(const PulseLocalRun *run);

/* The object described above; it lives in the run. */
extern const PulseJson *pulse_local_result(PulseLocalRun *run);

/* The request body of the host protocol for this call, in arena. */
extern const PulseJson *pulse_local_body(const PulseLocalCall *call, PulseArena *arena);

#endif
