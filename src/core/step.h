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
	PULSE_FACT_OUTCOME,
	PULSE_FACT_CHILD /* the child run of a workflow node has ended */
} PulseFactKind;

/* What a successful answer asks for beside its output: stage results. */
typedef enum PulseStageResult
{
	PULSE_STAGE_COMPLETE,
	PULSE_STAGE_REWRITE,
	PULSE_STAGE_REJECT, /* reject_rewrite */
	PULSE_STAGE_SUSPEND
} PulseStageResult;

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
	PulseStageResult stage;	 /* SUCCEEDED */
	const PulseJson *rewrite; /* STAGE_REWRITE: {"form", "fragment"}, which can be read */
	const PulseJson *reason;  /* STAGE_REJECT: as the host gave it, or NULL */
	const char *signal;		  /* STAGE_SUSPEND */

	/* beside any stage result; or NULL */
	const PulseJson *progress;
	const PulseJson *cost;
	const PulseJson *logs; /* [{"level", "message", "data"}, ...] */
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
	/*
	 * SIGNAL: payload; SKIP: output or NULL. CHILD: {"run": id, "status": …, "output"?: …,
	 * "error"?: …} of the child run that has ended.
	 */
	const PulseJson *payload;
	const PulseOutcome *outcome;
	int ord;		/* set by pulse_step: place in the given order, */
	const char *id; /* and the id of its node, by which they are folded */
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
	PULSE_CMD_LOG,
	PULSE_CMD_GROWTH,		/* record a growth, admitted or not: `growth` */
	PULSE_CMD_GROWTH_GONE,	/* forget growth number `number`: its round is over */
	PULSE_CMD_NODE_GONE,	/* the node with id `id` has left the graph: delete its rows */
	PULSE_CMD_CHILD,		/* start a child run; its id is `activation` */
	PULSE_CMD_SIDE,			/* keep progress, cost and logs of `detail` */
	PULSE_CMD_CHILD_CANCEL, /* ask the child run `activation` to be cancelled */
	PULSE_CMD_VOID			/* nothing: taken back in the same step */
} PulseCommandKind;

typedef enum PulseTimerKind
{
	PULSE_TIMER_START,
	PULSE_TIMER_DEADLINE,
	PULSE_TIMER_DELAY,
	PULSE_TIMER_RETRY,
	PULSE_TIMER_TIMEOUT,
	PULSE_TIMER_HOST,
	PULSE_TIMER_CONTINUE /* of a run: the step was cut short, go on */
} PulseTimerKind;

typedef struct PulseCommand
{
	PulseCommandKind kind;
	int node; /* -1: of the run */

	/*
	 * The id of the node when the command was given, if the number may mean another node
	 * by now; NULL: it is that of the node. Use pulse_command_node().
	 */
	const char *id;
	PulseTimerKind timer;
	int64 due;
	const PulseJson *input; /* DISPATCH, CHILD: the evaluated input */
	const struct PulseGrowthRecord *growth; /* GROWTH (replay.h) */
	int number;				/* GROWTH_GONE */
	const struct PulseWorkflowInfo *workflow; /* CHILD */
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

/* The id of the node that a command is about. */
static inline const char *
pulse_command_node(const PulseRunState *run, const PulseCommand *cmd)
{
	return cmd->id != NULL ? cmd->id : run->graph->nodes[cmd->node]->id;
}

/* What the caller knows of an action; NULL members: nothing registered. */
typedef struct PulseActionInfo
{
	bool repeatable;
	const PulseRetryPolicy *retry; /* NULL: the defaults */
	const char *version;		   /* asked for by new activations; or NULL */
} PulseActionInfo;

/* What the caller knows of a workflow that a node starts a run of. */
typedef struct PulseWorkflowInfo
{
	const char *name;
	int version;	/* the one to run */
	int64 deadline; /* usec after the start, 0: none */
	const char *refused; /* why no run can be started, or NULL */
} PulseWorkflowInfo;

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

	/* NULL: there are no child runs here. Never gives NULL; version 0: the enabled one */
	const PulseWorkflowInfo *(*workflow)(void *arg, const PulseRunState *run, const char *name,
										 int version);
	void *workflow_arg;

	/* NULL, or told of nodes that are about to leave the graph (a round is over, a replace) */
	void (*leaving)(void *arg, const PulseRunState *run, int node);
	void *leaving_arg;
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

	/* of the step function itself; zero at first */
	int sealed;		/* commands before this one have their ids */
	int first_record; /* n_records of the run at its begin: what is new has greater ids */
	int activated;	/* nodes, and rounds, since pulse_step: cut short when there are many */
	bool grown;		/* the graph has grown: the last growth recorded needs its hash */
	struct PulseGrowthRecord *last_growth;
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
