/*
 * step.h
 *		The one function that says what happens next.
 *
 * step(run, facts, now) -> commands, and the state folded in place.  Deterministic:
 * time and randomness are arguments.  Everything the store must write and the world must be told
 * is in the commands; a caller that loses them must drop the state.
 */
#ifndef PULSE_CORE_STEP_H
#define PULSE_CORE_STEP_H

#include "common/pg_prng.h"

#include "core/state.h"

typedef enum PulseFactKind
{
	/* facts of the run, folded first, in the order given */
	PULSE_FACT_START,	/* taken up; harmless if it has started already */
	PULSE_FACT_RECOVER, /* its worker died: nothing of it is in flight */
	PULSE_FACT_SIGNAL,
	PULSE_FACT_CANCEL,
	PULSE_FACT_PAUSE,
	PULSE_FACT_RESUME,
	PULSE_FACT_RETRY,
	PULSE_FACT_SKIP,
	PULSE_FACT_RELEASE, /* out of quarantine */
	PULSE_FACT_DEADLINE,

	/* facts of a node, folded afterwards in the order of ids */
	PULSE_FACT_TIMER,
	PULSE_FACT_OUTCOME
} PulseFactKind;

typedef enum PulseOutcomeKind
{
	PULSE_OUTCOME_SUCCEEDED,
	PULSE_OUTCOME_FAILED,
	PULSE_OUTCOME_TIMED_OUT, /* this attempt; effect unknown */
	PULSE_OUTCOME_UNKNOWN,	 /* sent, no complete answer */
	PULSE_OUTCOME_HELD		 /* host or action not available: no attempt burned */
} PulseOutcomeKind;

typedef struct PulseOutcome
{
	PulseOutcomeKind kind;
	int attempt;			 /* which attempt; others are late */
	const PulseJson *output; /* SUCCEEDED */
	const PulseJson *error;	 /* an object with class, message, ... */
	const char *class;		 /* error class */
	const char *code;		 /* or NULL */
	bool retryable;
	bool burns;		 /* HELD: count it after many (throttling) */
	int64 wait;		 /* Retry-After or hold time, usec */
	int http_status; /* 0: none */
	const char *action_version;
} PulseOutcome;

typedef struct PulseFact
{
	PulseFactKind kind;
	int node;		   /* number, or -1 */
	int64 at;		   /* when it was accepted, unix usec */
	int64 due;		   /* TIMER: which */
	const char *actor; /* who, for operator facts */
	const char *reason;
	const char *signal_id;
	const char *signal_name;
	int64 signal_seq;
	const PulseJson *payload; /* SIGNAL: payload; SKIP: output or NULL */
	const PulseOutcome *outcome;
	int ord;  /* set by pulse_step: place in the given order, */
	int rank; /* and of its node among the ids */
} PulseFact;

typedef enum PulseCommandKind
{
	PULSE_CMD_NODE,		/* write this node's row; at most one a node and step */
	PULSE_CMD_RUN,		/* write the run's row */
	PULSE_CMD_DISPATCH, /* call the action */
	PULSE_CMD_ABORT,	/* abort the call in flight */
	PULSE_CMD_TIMER_SET,
	PULSE_CMD_TIMER_CLEAR,
	PULSE_CMD_ATTEMPT, /* record an attempt that did not succeed */
	PULSE_CMD_SIGNAL,  /* settle a signal */
	PULSE_CMD_LOG
} PulseCommandKind;

typedef enum PulseTimerKind
{
	PULSE_TIMER_START,
	PULSE_TIMER_DEADLINE,
	PULSE_TIMER_DELAY,
	PULSE_TIMER_RETRY,
	PULSE_TIMER_TIMEOUT,
	PULSE_TIMER_HOST
} PulseTimerKind;

typedef struct PulseCommand
{
	PulseCommandKind kind;
	int node; /* -1: of the run */
	PulseTimerKind timer;
	int64 due;
	const PulseJson *input; /* DISPATCH: the evaluated input */
	/* ATTEMPT */
	int attempt;
	const char *outcome; /* 'failed', 'unknown', 'timed_out', 'held', 'lost', 'interrupted', 'late' */
	PulseUuid activation;
	int64 started_at;
	const PulseOutcome *detail; /* or NULL */
	/* SIGNAL */
	const char *signal_id;
	bool consumed; /* else discarded */
	/* LOG, and the reason of a discarded signal */
	const char *message;
	const char *actor;
} PulseCommand;

extern const char *pulse_timer_kind_name(PulseTimerKind kind);

/* What the caller knows of an action; NULL members: nothing registered. */
typedef struct PulseActionInfo
{
	bool repeatable;
	const PulseRetryPolicy *retry; /* NULL: the defaults */
	const char *version;		   /* asked for by new activations; or NULL */
} PulseActionInfo;

typedef enum PulseStepResult
{
	PULSE_STEP_DONE,
	PULSE_STEP_NEED, /* outputs are needed: load them, then call pulse_step_continue */
	PULSE_STEP_STUCK /* no cause of progress: quarantine the run */
} PulseStepResult;

typedef struct PulseStep
{
	/* filled by the caller */
	PulseArena *scratch; /* results of this step live here */
	int64 now;			 /* unix usec */
	pg_prng_state *prng;
	int64 max_expr_steps;
	int64 max_output_bytes; /* 0: no limit */
	PulseActionInfo (*action)(void *arg, const char *name);
	void *action_arg;
	void		(*interrupt) (void);	/* NULL, or called now and then: may throw */

	/* answers */
	PulseCommand *commands;
	int n_commands;
	int cap_commands;
	int *need; /* nodes whose outputs are needed */
	int n_need;
	int cap_need;
	const char *stuck; /* STEP_STUCK: what is wrong */
	int nodes_done;	   /* nodes that reached a terminal status */
} PulseStep;

/*
 * Folds the facts (sorted in place) and activates what became ready. After
 * STEP_NEED the outputs asked for must be put into run->nodes[].output, then
 * pulse_step_continue goes on. The commands of all calls add up.
 */
extern PulseStepResult pulse_step(PulseStep *step, PulseRunState *run,
								  PulseFact *facts, int n_facts);
extern PulseStepResult pulse_step_continue(PulseStep *step, PulseRunState *run);

#endif
