/*
 * state.h
 *		The state of one run in memory, and its bookkeeping.
 *
 * A state is the graph plus one small struct a node: what the store has in rows and
 * what can be derived from them in time proportional to a node's degree (open
 * predecessors, the heap of ready nodes, counts by status).  It lives in its run's
 * arena, is a cache, and may be dropped whenever no fold is under way.
 *
 * Outputs are references: NULL for a node that has one means "not in memory"; the step
 * function asks for it when an expression needs it.
 */
#ifndef PULSE_CORE_STATE_H
#define PULSE_CORE_STATE_H

#include "core/graph.h"
#include "core/status.h"
#include "core/uuid.h"

typedef enum PulseRunStatus
{
	PULSE_RUN_PENDING, /* live; also while it runs and waits */
	PULSE_RUN_PAUSED,
	PULSE_RUN_COMPLETED,
	PULSE_RUN_FAILED,
	PULSE_RUN_CANCELLED,
	PULSE_RUN_TIMED_OUT,
	PULSE_RUN_QUARANTINED
} PulseRunStatus;

typedef struct PulseNodeState
{
	uint8 status;		  /* PulseStatus */
	uint8 reason;		  /* PulseReason */
	bool has_row;		  /* the store has a row of it */
	bool dirty;			  /* a NODE command of this step names it */
	bool ready;			  /* in the heap */
	bool in_flight;		  /* the caller has a call of it under way */
	bool outcome_unknown; /* its last attempt may have had its effect */
	bool has_activation;  /* a pending node that has one is activated under it again */
	bool needed;		  /* its output was asked for (PULSE_STEP_NEED) */
	int32 listed;		  /* which command, if it is dirty */
	int32 attempt;		  /* last attempt number; never restarts */
	int32 tries;		  /* attempts the policy has counted */
	int32 holds;		  /* times in a row a host was not available */
	int32 open_preds;	  /* predecessors that do not unblock yet */
	int32 skipped_preds;
	int32 reexecutions; /* calls after rejected rewrites */
	PulseUuid activation; /* of a workflow node: the id of the child run */
	int64 started_at; /* first activation, unix usec; 0: none */
	int64 attempt_at; /* this attempt; 0: not known (loaded) */
	int64 ended_at;
	int64 due; /* of its timer, while it waits for one */
	int64 total_deadline;
	const PulseJson *output;
	const PulseJson *error;
	const char *action_version;
	const char *signal;			/* that its action suspended it on; else NULL */
	const PulseJson *rejection; /* why its rewrite was rejected: told to the next call; or NULL */
} PulseNodeState;

/* Bookkeeping of a scope of the graph, by its number. */
typedef struct PulseScopeState
{
	int live;	  /* nodes in it, and in scopes inside it, that have not ended */
	bool started; /* ITEM: it may run, or has */
	int failed;	  /* ITEM: the node that failed and ended it, plus 1; 0: none */

	/* of item 0, for all of its map: */
	int next;	  /* no item before this one is still to be started */
	int active;	  /* started and not ended */
	int failures; /* items that failed */
} PulseScopeState;

/* A signal that was accepted and not yet settled. */
typedef struct PulseSignal
{
	int64 seq; /* order of arrival */
	const char *id;
	const char *name;
	const PulseJson *payload;
	bool settled;
} PulseSignal;

typedef struct PulseRunState
{
	PulseArena *arena; /* owns all of it, this struct included */
	const PulseGraph *graph;
	PulseGraph *own_graph; /* graph, once it has grown: private, freed with the state */
	PulseUuid id;
	PulseUuid parent;		 /* the run whose node started this one */
	const char *parent_node; /* that node; NULL: nobody's child */
	int depth;				 /* 0, or one more than its parent's */
	const char *tenant;
	const char *workflow;
	int version;
	const char *traceparent; /* or NULL */
	PulseRunStatus status;
	int64 submitted_at;
	int64 start_at;	  /* 0: at once */
	int64 deadline;	  /* 0: none */
	int64 started_at; /* 0: not yet */
	int64 ended_at;
	const PulseJson *input; /* never NULL once loaded */
	const PulseJson *output;
	const PulseJson *error;
	const PulseJson *run_member; /* `$.run`, made at first use */

	/* rewrites */
	PulseBudget budget; /* left; no dimension is missing */
	bool spent;			/* some of it is spent */
	int revision;		/* of the graph; 0: as defined */
	int n_records;		/* id of the last growth recorded (replay.h) */

	PulseNodeState *nodes;
	int cap_nodes;
	PulseScopeState *scopes; /* by number in the graph */
	int cap_scopes;
	int counts[PULSE_FAILED + 1];
	int *heap; /* ready nodes, lowest id first; those that were ended otherwise stay in it */
	int n_heap;
	int cap_heap;
	int *waits; /* nodes that wait for a signal, some no longer */
	int n_waits;
	int cap_waits;
	PulseSignal *signals;
	int n_signals;
	int cap_signals;
	int first_signal; /* those before are settled */
	int *signal_slots; /* by hash of the id; -1: empty. Made when there are many */
	int n_slots;
} PulseRunState;

/* "pending", "paused", ... */
extern const char *pulse_run_status_name(PulseRunStatus status);
extern bool pulse_run_status_parse(const char *s, PulseRunStatus *status);

static inline bool
pulse_run_status_terminal(PulseRunStatus s)
{
	return s >= PULSE_RUN_COMPLETED && s <= PULSE_RUN_TIMED_OUT;
}

/*
 * A state with every node pending, in an arena of its own. The budget is that of the
 * graph, with the defaults.
 */
extern PulseRunState *pulse_state_create(const PulseGraph *graph);
extern void pulse_state_free(PulseRunState *run);

/*
 * After the statuses of nodes[] were filled in by hand (loading, retry):
 * recomputes counts, open predecessors and the heap. Linear in the graph.
 */
extern void pulse_state_derive(PulseRunState *run);

/*
 * Changes a node's status and reason, and what depends on it. Costs the
 * node's degree (times log n for nodes that become ready).
 */
extern void pulse_state_set(PulseRunState *run, int node, PulseStatus status, PulseReason reason);

/* The ready node with the lowest id, removed from the heap; -1: none. */
extern int pulse_state_pop_ready(PulseRunState *run);
extern void pulse_state_push_ready(PulseRunState *run, int node);

/* The graph, private from now on so that it may grow. */
extern PulseGraph *pulse_state_own_graph(PulseRunState *run);

/*
 * After the graph has grown: makes room for its numbers and scopes, and lets these n
 * become pending and untouched, ready where nothing blocks them.
 */
extern void pulse_state_grown(PulseRunState *run, const int *numbers, int n);

/*
 * The same where one of the numbers was that of a node that has left: its state goes.
 */
extern void pulse_state_replaced(PulseRunState *run, int anchor, const int *numbers, int n);

/* Room for all numbers and scopes of the graph. */
extern void pulse_state_make_room(PulseRunState *run);

/* Counts the open predecessors of a pending node anew: they have changed. */
extern void pulse_state_recount(PulseRunState *run, int node);

/* Nodes of these numbers are about to leave the graph; they have ended. */
extern void pulse_state_gone(PulseRunState *run, int node);

/* True of a collecting node while something in its composite node has not ended. */
extern bool pulse_state_gathers(PulseRunState *run, int node);

/* Starts as many items of a map as may run; scope is any of its items. */
extern void pulse_state_start_items(PulseRunState *run, const PulseScope *scope);

/* The name of the signal that a node waits for, whatever its kind. */
static inline const char *
pulse_state_awaited(const PulseRunState *run, int node)
{
	return run->nodes[node].signal != NULL ? run->nodes[node].signal : run->graph->nodes[node]->name;
}

/*
 * What of a node's state has no column of its own, as an object: {"signal",
 * "rejection", "reexecutions"}; NULL if there is nothing. And back.
 */
extern const PulseJson *pulse_state_memo(const PulseNodeState *node, PulseArena *arena);
extern void pulse_state_memo_read(PulseNodeState *node, const PulseJson *memo, PulseArena *arena);

/* Notes that a node waits for a signal. */
extern void pulse_state_add_wait(PulseRunState *run, int node);

/* The lowest of the nodes that wait for a signal of this name, or -1. */
extern int pulse_state_find_wait(PulseRunState *run, const char *name);

/* Adds a signal unless one with this id is known; texts are copied. */
extern void pulse_state_add_signal(PulseRunState *run, int64 seq, const char *id,
								   const char *name, const PulseJson *payload);

/*
 * Checks a loaded state as semantics section 2 demands before recovery (with
 * every node present by construction: output rules and unfinished ancestors);
 * returns NULL or the first violation as text in arena.
 */
extern const char *pulse_state_violation(const PulseRunState *run, PulseArena *arena);

/*
 * Moves outputs and errors of this step (allocated in the step's scratch arena)
 * into the run's arena if small, and forgets them otherwise. Call after commit,
 * before scratch is reset, with the nodes that NODE commands named.
 */
extern void pulse_state_settle(PulseRunState *run, const int *nodes, int n);

#endif
