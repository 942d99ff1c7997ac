/*
 * engine_private.h
 *		The structs that the files of the engine share.
 *
 * All of it belongs to one PulseEngine, is local to the process and can be rebuilt
 * from the tables.  Memory: engine->context lives as long as the engine; runs,
 * graphs and calls have child contexts of it; engine->batch is reset at the
 * begin of each batch, so what a batch computes stays valid until the next one.
 */
#ifndef PULSE_ENGINE_ENGINE_PRIVATE_H
#define PULSE_ENGINE_ENGINE_PRIVATE_H

#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "core/answer.h"
#include "core/replay.h"
#include "core/sign.h"
#include "core/step.h"
#include "engine/engine.h"
#include "engine/stream.h"
#include "http/mux.h"
#include "store/batch_store.h"
#include "store/load_store.h"
#include "store/part_store.h"

/* Which version of which workflow. */
typedef struct PulseGraphKey
{
	const char *tenant;
	const char *workflow;
	int version;
} PulseGraphKey;

/* A graph shared by the runs of one workflow version. Context of its own. */
typedef struct PulseGraphEntry
{
	PulseGraphKey key;
	PulseGraph *graph;
	int refs; /* cached runs that use it */
	MemoryContext context;
	dlist_node idle; /* in engine->idle_graphs while refs is 0 */
} PulseGraphEntry;

/* A fact whose node is known by name until the run is loaded. */
typedef struct PulseRawFact
{
	PulseFact fact;
	const char *node; /* or NULL */
	Jsonb *payload;	  /* of an inbox row; read when the run is worked on, so
								 * that what cannot be read is that run's trouble only */
} PulseRawFact;

typedef struct PulseInboxKey
{
	int part;
	uint64 xid;
	int64 id;
} PulseInboxKey;

/* A run in the cache; the second half belongs to the current batch. */
typedef struct PulseRun
{
	pg_uuid_t id;
	int part;
	int priority;
	PulseRunState *state; /* NULL: not loaded yet */
	PulseGraphEntry *graph;
	dlist_node lru;
	bool		watched;		/* its worker died under it; see careful.c */
	size_t		fresh_bytes;	/* of its state right after it was read; 0: not known yet */

	/* current batch, in engine->batch */
	bool in_batch;
	bool loaded;	  /* in this batch, from rows of its own */
	bool missing;	  /* there is no such run */
	bool dropped;	  /* quarantined in this batch */
	const char *violation; /* what is wrong with the rows it was loaded from, or NULL */
	bool		done;			/* worked on in the open transaction */
	bool		committed;		/* worked on, and that is committed */
	bool		outcome;		/* one of its facts is an outcome */
	PulseRunRow *row; /* as discovered or loaded in this batch */
	PulseRawFact *raw;
	int n_raw;
	int cap_raw;
	PulseInboxKey *inbox;
	int n_inbox;
	int cap_inbox;
	PulseTimerRow **timers;
	int n_timers;
	int cap_timers;
	PulseCommand *commands;
	int n_commands;
	int *touched; /* nodes, of the graph as it is now, whose values are in scratch */
	int n_touched;
	int cap_touched;
	bool ended; /* reached a terminal status */
} PulseRun;

typedef struct PulseHost
{
	char *name;
	char *url;
	char *tenant;
	PulseAddressPolicy policy;
	PulseSecret secrets[PULSE_SECRETS_MAX];
	int n_secrets;
	char *bearer;
	char *ca_file;
	char *disabled; /* why nothing may be sent to it, or NULL */
	int64 timeout;	/* usec */
	int slots;		/* calls at once, of this worker */
	double rate;	/* calls a usec; 0: no limit */
	double burst;
	TimestampTz changed_at;
	bool gone;			   /* no longer registered */
	MemoryContext context; /* of the members above; made anew at each reload */

	/* learned */
	bool open; /* circuit */
	char reason[256];
	int trips; /* times it opened in a row */
	TimestampTz opened_at;
	TimestampTz retry_at;
	TimestampTz throttled_until;
	int64 failures;
	bool unsaved;
	bool		saving;			/* saved in the open transaction */

	/* calls */
	dlist_head queue;
	int queued;
	int active;
	double tokens;
	TimestampTz tokens_at;
} PulseHost;

typedef struct PulseAction
{
	char *name;
	PulseHost *host;
	char *version;
	int64 timeout;
	bool has_retry;
	PulseRetryPolicy retry;
	bool repeatable;
	bool read_only;
} PulseAction;

typedef enum PulseCallState
{
	PULSE_CALL_QUEUED,
	PULSE_CALL_ACTIVE,
	PULSE_CALL_FINISHED
} PulseCallState;

/* One attempt under way, from its commit to the commit of its outcome. */
typedef struct PulseCall
{
	PulseCallState state;
	dlist_node link;	   /* of the host's queue, or of the active or finished list */
	MemoryContext context; /* owns everything here, this struct included */
	pg_uuid_t run;
	int part;
	char *node;
	int attempt;
	PulseUuid activation;
	PulseHost *host; /* NULL: none known, finished at once */
	char *action;
	char *workflow;
	char *tenant;
	char *traceparent;
	char *body;
	size_t body_len;
	int64 timeout; /* usec */
	bool repeatable;
	bool read_only;
	TimestampTz queued_at;
	PulseTransfer *transfer; /* while active, unless in a test */
	PulseOutcome outcome;	 /* when finished */
	bool taken;				 /* its fact is in the current batch */
} PulseCall;

struct PulseEngine
{
	MemoryContext context;
	MemoryContext runs_context;
	MemoryContext calls_context;
	MemoryContext hosts_context;
	MemoryContext batch;

	int worker;
	int n_workers;
	bool test;
	int n_parts;
	int parts[PULSE_PARTS];
	PulsePartRow part_rows[PULSE_PARTS]; /* by place in parts[]; as saved */
	PulsePartRow parts_stored[PULSE_PARTS]; /* the same, as last committed */
	int part_at[PULSE_PARTS];			 /* place of a part in parts[], -1: not ours */
	bool save_parts;					 /* a mark must be lowered in this batch */
	TimestampTz parts_saved;
	pg_prng_state prng;

	/* what is new */
	PulseStreams *streams;
	TimestampTz timer_after[PULSE_PARTS];
	TimestampTz next_timer;
	pg_uuid_t *recover; /* runs to be looked at after a start */
	int n_recover;
	int recover_at;
	int			recover_from;	/* recover_at before the current batch */
	bool careful; /* the owner before ended badly: strikes first */
	int			careful_left;	/* runs until that is over */
	int			n_watched;
	pg_uuid_t  *struck;			/* runs with a committed strike of this batch; in batch */
	int			n_struck;
	uint64		old_xid;		/* runs of earlier transactions may have been touched before */
	bool		evicted;		/* a live run was dropped from the cache since */

	bool mended;  /* a host or action has changed: held calls go on */
	MemoryContext held_context;
	PulseTimerRow *held; /* their timers, in held_context; NULL: none */
	int n_held;
	int held_at;

	/* caches */
	struct runhash_hash *runs;
	dlist_head run_lru; /* least recently used first */
	struct graphhash_hash *graphs;
	dlist_head idle_graphs; /* without runs, longest idle first */

	/* the outside */
	PulseMux *mux;
	PulseHost **hosts;
	int n_hosts;
	PulseAction *actions; /* by name; made anew at each reload */
	int n_actions;
	MemoryContext actions_context;
	bool registry_loaded;
	int next_host; /* round robin */
	dlist_head active;
	dlist_head finished;
	int n_active;
	int n_queued;
	int n_finished;

	/* how many calls a run that is taken up brings at once: a running mean */
	double		calls_per_run;
	bool		full;			/* no new runs are taken up for the time being */
	int			taken_up;		/* runs taken up in this batch */
	TimestampTz gather_until;	/* let answers gather before the next batch */
	int64		input_bytes;	/* of their inputs */

	/* the current batch */
	TimestampTz now;
	PulseArena *scratch;
	PulseRun **batch_runs;
	int n_batch_runs;
	int cap_batch_runs;
	PulseWrites writes;
	int facts;
	bool more;
	uint64 ended;
	PulseHints told; /* parts for which rows were written: children, words of an end */
	struct PulseChildWorkflow *workflows; /* looked up in this batch */
	bool solo;			  /* a batch failed: each run in a subtransaction */
	int failures;		  /* batches failed in a row */
	TimestampTz retry_at; /* backing off until then */
	bool complained;

	PulseEngineStats stats;
};

/* engine.c: true for errors that are no run's fault; the whole engine backs off. */
extern bool pulse_engine_nobodys_fault(int sqlstate);

/* cache.c */
extern void pulse_cache_init(PulseEngine *e);
extern PulseRun *pulse_cache_run(PulseEngine *e, const pg_uuid_t *id, int part);
extern PulseRun *pulse_cache_find(PulseEngine *e, const pg_uuid_t *id);
extern void pulse_cache_unload(PulseEngine *e, PulseRun *run);
extern void pulse_cache_drop(PulseEngine *e, PulseRun *run);
extern void pulse_cache_trim(PulseEngine *e);
extern bool pulse_cache_bloated(PulseRun *run);
extern void pulse_cache_evict(PulseEngine *e, PulseRun *run);
extern int pulse_cache_count(PulseEngine *e);
/* Loads the state of runs that have none; sets missing where there is no run. */
extern void pulse_cache_load(PulseEngine *e, PulseRun **runs, int n);
extern void pulse_cache_values(PulseEngine *e, PulseRun *run, const int *nodes, int n);

/* collect.c: what is new becomes raw facts of runs. */
extern void pulse_collect(PulseEngine *e, PulseHints *hints);
extern void pulse_collect_committed(PulseEngine *e);
extern bool pulse_collect_pending(PulseEngine *e);

/* work.c: facts to commands. */
extern void pulse_work(PulseEngine *e, PulseRun **runs, int n);
extern void pulse_work_quarantine(PulseEngine *e, PulseRun *run, const char *class_,
								  const char *message, int sqlstate);

/* write.c: commands to writes. */
extern void pulse_write_commands(PulseEngine *e, PulseRun *run);
extern void pulse_write_consumed(PulseEngine *e, PulseRun *run);
extern void pulse_write_flush_if_full(PulseEngine *e);
/* After this batch, values of this node must not point into scratch. */
extern void pulse_write_touched(PulseRun *run, int node);

/* The number that the node of a command has now; -1: it has left the graph. */
static inline int
pulse_command_at(const PulseRunState *run, const PulseCommand *cmd)
{
	return cmd->id == NULL ? cmd->node : pulse_graph_find(run->graph, cmd->id, strlen(cmd->id));
}

/* children.c: what runs write for their children and parents. */
extern const PulseWorkflowInfo *pulse_children_workflow(void *engine, const PulseRunState *run,
														const char *name, int version);
extern void pulse_children_start(PulseEngine *e, PulseRun *run, const PulseCommand *cmd);
extern void pulse_children_cancel(PulseEngine *e, const PulseCommand *cmd);
extern void pulse_children_ended(PulseEngine *e, PulseRun *run);
extern void pulse_children_abandoned(PulseEngine *e, const pg_uuid_t *run, const PulseAbandoned *who,
								  const PulseJson *error);
extern void pulse_children_told(PulseEngine *e, PulseHints *others);

/* careful.c: strikes, and runs one by one. */
extern void pulse_careful_work(PulseEngine *e);
extern void pulse_careful_solo(PulseEngine *e, PulseRun **runs, int n);
extern void pulse_careful_done(PulseEngine *e);
extern void pulse_careful_failed(PulseEngine *e);
extern void pulse_careful_unwatch(PulseEngine *e, PulseRun *run);

/* hosts.c: the registry and what is learned of hosts. */
extern void pulse_hosts_init(PulseEngine *e);
extern void pulse_hosts_reload(PulseEngine *e, bool told);
extern const PulseAction *pulse_hosts_action(PulseEngine *e, const char *name);
extern PulseActionInfo pulse_hosts_action_info(void *engine, const char *name);
extern void pulse_hosts_save(PulseEngine *e);
extern void pulse_hosts_unsave(PulseEngine *e);
extern bool pulse_host_available(PulseEngine *e, PulseHost *host);
extern void pulse_host_learn(PulseEngine *e, PulseHost *host, const PulseAnswer *answer);

/* call.c: attempts under way. */
extern void pulse_calls_init(PulseEngine *e);
extern void pulse_call_dispatch(PulseEngine *e, PulseRun *run, const PulseCommand *cmd);
extern void pulse_call_abort(PulseEngine *e, const pg_uuid_t *run, const char *node);
extern void pulse_calls_abort_run(PulseEngine *e, const pg_uuid_t *run);
extern void pulse_calls_pump(PulseEngine *e);
extern int pulse_calls_free_slots(PulseEngine *e);
extern int pulse_calls_waiting(PulseEngine *e);
extern void pulse_calls_unsent(PulseEngine *e);
extern TimestampTz pulse_calls_next_due(PulseEngine *e);
extern bool pulse_calls_drive(PulseEngine *e);
extern void pulse_call_finish(PulseEngine *e, PulseCall *call, const PulseResponse *response);
extern void pulse_call_settle(PulseEngine *e, PulseCall *call);
extern void pulse_call_hold(PulseEngine *e, PulseCall *call, const char *class_,
							const char *message, int64 wait);
extern void pulse_call_free(PulseEngine *e, PulseCall *call);
extern void pulse_call_retire(PulseEngine *e, PulseCall *call);

/* body.c: the bytes a host gets. */
extern void pulse_body_build(PulseEngine *e, PulseRun *run, const PulseCommand *cmd,
							 const PulseAction *action, PulseCall *call);
extern bool pulse_body_headers(PulseEngine *e, PulseCall *call, TimestampTz now,
							   PulseHeaders *headers);

#endif
