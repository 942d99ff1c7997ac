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
	PULSE_LOCAL_DEADLINE,
	PULSE_LOCAL_START,		/* of a child run */
	PULSE_LOCAL_CHILD_ENDED /* of the unit that waits for it */
} PulseLocalEventKind;

/* How far the commands of the step under way have been told. */
typedef struct PulseLocalTold
{
	int n;			   /* commands looked at */
	int wave;		   /* revision at which the last round to leave left */
	int n_later;	   /* those of nodes that may come to an end yet, or leave */
	int cap_later;
	int *later;
	int n_growths;	   /* records that are renewed, and the revisions told */
	int cap_growths;
	struct
	{
		const struct PulseGrowthRecord *growth;
		int revision;
	} *growths;
} PulseLocalTold;

/*
 * One run: the one asked for, or a child. The struct lives as long as the whole; the
 * state of a child is gone once it has ended. Numbers of nodes may come to mean
 * others, so whoever keeps one keeps the id as well.
 */
typedef struct PulseLocalUnit
{
	PulseLocalRun *all;
	PulseRunState *state; /* NULL: has not started yet, or has ended */
	PulseArena *arena;	  /* of the state */
	PulseStep step;
	PulseLocalTold told;

	/* of a child */
	struct PulseLocalUnit *parent;
	int parent_node;
	const char *parent_id;
	PulseUuid id;
	int depth;
	const char *path; /* ids of the nodes that lead to it */
	const PulseLocalWorkflow *workflow;
	int version;
	const PulseJson *input;
	bool over;
	struct PulseLocalUnit *children; /* those that are not over, the newest first */
	struct PulseLocalUnit *newer;	 /* of the same parent */
	struct PulseLocalUnit *older;
	struct PulseLocalUnit *collision; /* the next in its bucket */

	/* events of the time that is being folded: places in the list of them */
	int64 due_turn; /* of which turn of the clock */
	int n_due;
	int last_due;
} PulseLocalUnit;

/* Something that happens at a virtual time ahead. */
typedef struct PulseLocalEvent
{
	int64		at;
	int64		seq;			/* order of events of the same time */
	PulseLocalEventKind kind;
	PulseLocalUnit *unit;
	int			index;			/* node, or signal */
	const char *id;				/* of that node */
	PulseUuid	child;			/* CHILD_ENDED: its id */
	const PulseJson *payload;	/* CHILD_ENDED */
	PulseLocalCall *call;		/* OUTCOME */
	int			next;			/* place of the next one of this unit and time, or -1 */
} PulseLocalEvent;

/* A growth that was proposed. */
typedef struct PulseLocalRewrite
{
	int			id;
	bool		admitted;
	const PulseJson *value;
} PulseLocalRewrite;

/* It lies in the arena of the state of its root, like everything it has. */
struct PulseLocalRun
{
	const PulseLocal *local;
	const PulseLocalOptions *options;
	PulseLocalOptions defaults;
	PulseLocalUnit *root;
	PulseArena *arena;
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
	int64		turn;			/* of the clock */

	PulseLocalUnit **buckets;	/* children that are not over, by id */
	int			n_buckets;		/* a power of two, or 0 */
	int			n_children;

	const PulseJson **trace;
	int			n_trace;
	int			cap_trace;

	PulseLocalRewrite *rewrites;	/* of the root, by id */
	int			n_rewrites;
	int			cap_rewrites;

	PulseLocalStatus status;
	const PulseJson *error;		/* of the runner itself, or NULL */
	bool		interrupted;
};

/* local.c: how a run is driven */

/* Gives the unit its state, which has not been started. */
extern void pulse_local_unit_prepare(PulseLocalUnit *unit, PulseRunState *state);

/* Folds the facts and does what the commands say; the unit may be over then. */
extern void pulse_local_fold(PulseLocalUnit *unit, PulseFact *facts, int n);


/* True if somebody wants the whole to end. */
extern bool pulse_local_stopped(PulseLocalRun *run);

/* local_event.c: what is due. Adds an event, whose seq is set here; takes the earliest */
extern void pulse_local_push(PulseLocalRun *run, PulseLocalEvent event);
extern PulseLocalEvent pulse_local_pop(PulseLocalRun *run);

/* Does anybody wait for it? One that has been overtaken must not move the clock. */
extern bool pulse_local_event_holds(const PulseLocalEvent *event);
extern bool pulse_local_call_holds(const PulseLocalCall *call);

/* local_child.c: runs that nodes of other runs start */
extern const PulseWorkflowInfo *pulse_local_workflow(void *arg, const PulseRunState *run,
													 const char *name, int version);
extern void pulse_local_child_begin(PulseLocalUnit *parent, const PulseCommand *cmd);
extern void pulse_local_child_start(PulseLocalUnit *child);
extern void pulse_local_child_cancel(PulseLocalUnit *parent, const PulseUuid *id);
extern void pulse_local_child_end(PulseLocalUnit *child);
extern PulseLocalUnit *pulse_local_child_find(const PulseLocalUnit *parent, const PulseUuid *id);

/* local_trace.c: what happened */
extern void pulse_local_trace_start(PulseLocalUnit *unit);

/* What the commands of the step say: at its end, and before a node leaves the graph. */
extern void pulse_local_trace_step(PulseLocalUnit *unit);
extern void pulse_local_trace_run(PulseLocalUnit *unit);
extern void pulse_local_trace_leaving(void *arg, const PulseRunState *run, int node);
extern void pulse_local_trace_child(PulseLocalUnit *child, const PulseJson *payload);
extern void pulse_local_trace_end(PulseLocalRun *run);

/* Notes a growth that was proposed, or (gone) that it is not to be told of any more. */
extern void pulse_local_note_growth(PulseLocalRun *run, const struct PulseGrowthRecord *growth);
extern void pulse_local_forget_growth(PulseLocalRun *run, int id);

/* Members of an object under construction (local_trace.c). */
typedef struct PulseLocalMembers
{
	PulseArena *arena;
	PulseJsonPair *pairs;
	uint32		n;
} PulseLocalMembers;

extern PulseLocalMembers pulse_local_members(PulseArena *arena, int room);
extern void pulse_local_put(PulseLocalMembers *m, const char *key, const PulseJson *value);
extern void pulse_local_put_text(PulseLocalMembers *m, const char *key, const char *value);
extern const PulseJson *pulse_local_object(PulseLocalMembers *m);

/* Seconds with as many digits as they need. */
extern const PulseJson *pulse_local_seconds(PulseArena *arena, int64 usec);

/* The number of the node that the command is about, or -1: it is not in the graph any more. */
static inline int
pulse_local_number(const PulseRunState *run, const PulseCommand *cmd)
{
	const PulseGraph *graph = run->graph;

	if (cmd->node >= 0 && cmd->node < graph->n_nodes &&
		(cmd->id == NULL || strcmp(cmd->id, graph->nodes[cmd->node]->id) == 0))
		return cmd->node;
	return cmd->id == NULL ? -1 : pulse_graph_find(graph, cmd->id, strlen(cmd->id));
}

#endif
