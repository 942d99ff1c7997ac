/*
 * graph.h
 *		The graph of a workflow: nodes, edges and what each node means.
 *
 * A graph is read once from its document, checked in full (graph_read.c,
 * graph_check.c), and then shared, immutable, by every run of that version.
 * A run whose graph grows works on a copy of its own (graph_grow.h): therefore
 * edges are vectors of the node and not one packed array, node numbers are stable,
 * and the order of ids is kept as a rank.
 *
 * In a graph that comes from a document, nodes are stored in id order, so rank
 * equals number; only one that has grown needs by_rank.
 *
 * Composite nodes (choose, map, repeat) carry the fragments that their author wrote,
 * parsed once (PulseBody).  When such a node is activated, the private graph of its run
 * is lowered (graph_lower.h): instances of the body come in, each a PulseScope.
 */
#ifndef PULSE_CORE_GRAPH_H
#define PULSE_CORE_GRAPH_H

#include "core/expr.h"
#include "core/json.h"
#include "core/template.h"

#define PULSE_MAX_NODES 10000 /* in a document */
#define PULSE_MAX_EDGES 50000
#define PULSE_MAX_LIVE_NODES 250000 /* in a graph that grew */
#define PULSE_MAX_LIVE_EDGES 1250000
#define PULSE_MAX_GRAPH_BYTES (1024 * 1024)
#define PULSE_MAX_ID 200	   /* bytes, in a document */
#define PULSE_MAX_LIVE_ID 2000 /* bytes, composed at run time */
#define PULSE_MAX_NAME 200	   /* actions, signals, workflows */
#define PULSE_MAX_REEXECUTIONS 2 /* where none is given */
#define PULSE_MAX_NESTING 16   /* fragments in fragments */
#define PULSE_MAP_ITEMS 1000   /* max_items where none is given */
#define PULSE_MAX_MAP_ITEMS 100000
#define PULSE_MAX_ROUNDS 1000000000
#define PULSE_MAX_RUN_DEPTH 32 /* runs that start runs */
#define PULSE_MAX_DELAY_US (INT64CONST(365) * 86400 * 1000000)

typedef enum PulseNodeKind
{
	PULSE_KIND_ACTION,
	PULSE_KIND_PURE,
	PULSE_KIND_DELAY, /* "delay" and "until" */
	PULSE_KIND_SIGNAL,
	PULSE_KIND_NOOP,
	PULSE_KIND_CHOOSE,
	PULSE_KIND_MAP,
	PULSE_KIND_REPEAT,
	PULSE_KIND_WORKFLOW,
	PULSE_KIND_COLLECT /* <id>:out of a composite node that was lowered; in no definition */
} PulseNodeKind;

static inline bool
pulse_kind_composite(PulseNodeKind kind)
{
	return kind == PULSE_KIND_CHOOSE || kind == PULSE_KIND_MAP || kind == PULSE_KIND_REPEAT;
}

typedef enum PulseOnError
{
	PULSE_ON_ERROR_FAIL,
	PULSE_ON_ERROR_SKIP,
	PULSE_ON_ERROR_GOTO
} PulseOnError;

/* Times in microseconds; defaults of semantics section 5 filled in. */
typedef struct PulseRetryPolicy
{
	int max_attempts; /* 1 .. 1000 */
	int64 initial;
	double factor;
	int64 max;
	double jitter;	/* 0 .. 1 */
	int n_retry_on; /* 0: everything retryable */
	const char **retry_on;
	int n_no_retry_on;
	const char **no_retry_on;
} PulseRetryPolicy;

/*
 * A fragment that an author wrote into a composite node, read once and put into
 * graphs many times. Immutable; lives with the graph or fragment it was read with.
 */
typedef struct PulseBody
{
	/*
	 * Its nodes by local ids, in id order (rank = number). A ref >= 0 is a node of
	 * it, one below is ~index into outer; ref_names are given wherever a
	 * name is not the id of a node of it. Of the members of a graph only
	 * nodes, edges and what follows from these are set.
	 */
	struct PulseGraph *graph;
	int n_entries;
	int *entries; /* numbers in it, in id order; never none */
	int n_exits;
	int *exits;

	/*
	 * Names of nodes outside of it that its expressions read, each once. The composite
	 * node has a ref by each of these names, but for self.
	 */
	int n_outer;
	const char **outer;
	int self;		   /* index in outer of the composite's own id, or -1 */
	bool outer_all;	   /* some expression reads $.nodes as a whole */
	PulseExpr *again;  /* REPEAT: while; refs as those of a node of it */
	int n_again_refs;
	int *again_refs;
	const char **again_names;
	bool again_refs_all;
	const PulseJson *source; /* the fragment as written */
} PulseBody;

/* One way of a choose. */
typedef struct PulseChoice
{
	PulseExpr *when; /* NULL: else, the last one */
	PulseBody *body;
} PulseChoice;

typedef enum PulseScopeKind
{
	PULSE_SCOPE_BRANCH, /* of a choose */
	PULSE_SCOPE_ITEM,	/* of a map */
	PULSE_SCOPE_ROUND	/* of a repeat */
} PulseScopeKind;

/*
 * An instance of a body in a graph that has grown. Made by graph_lower.c; what rewrites
 * add to a node of it belongs to it too.
 */
typedef struct PulseScope
{
	PulseScopeKind kind;
	int number; /* place in graph->scopes */
	int index;	/* BRANCH: which, from 0; ITEM: from 0; ROUND: from 1 */
	int n_items; /* ITEM: of how many */
	const PulseJson *item;	   /* ITEM: $.item */
	struct PulseScope *parent; /* or NULL */
	struct PulseScope *child;  /* first of those inside it, by sibling */
	struct PulseScope *sibling;
	int anchor;		   /* number of the composite node, which is rewritten */
	int out;		   /* of its collecting node */
	int n_nodes;	   /* those directly in it */
	int cap_nodes;
	int *nodes;
	int n_records;	   /* ids of growths recorded inside of it (replay.h) */
	int cap_records;
	int *records;
	PulseArena *arena;			  /* this struct lives in it */
	struct PulseGraphPart *parts; /* memory that goes when its nodes go */
} PulseScope;

typedef struct PulseNode
{
	const char *id;
	uint32 id_len;
	int rank; /* place in ascending byte order of all ids */
	PulseNodeKind kind;

	/* what it does */
	const char *name;	   /* action, signal or workflow name, else NULL */
	PulseTemplate *pure;   /* KIND_PURE: the value */
	bool result;		   /* KIND_PURE: the value is a stage result */
	int64 delay;		   /* KIND_DELAY with a constant: usec, else -1 */
	PulseExpr *delay_expr; /* KIND_DELAY: interval or, if until, timestamp */
	bool until;
	const char *until_text; /* until given as a constant timestamp, or NULL */
	int64 until_at;			/* that, as unix usec */
	bool timeout_completes; /* signal: on_timeout = complete */
	int max_reexecutions;	/* ACTION: after rejected rewrites; default 2 */
	bool degrade;			/* ACTION: rewrite.on_exhausted = degrade */
	int n_choices;			/* CHOOSE */
	PulseChoice *choices;
	PulseBody *body;		/* MAP, REPEAT */
	PulseExpr *over;		/* MAP */
	int max_parallel;		/* MAP: items under way at once; 0: all */
	int max_items;			/* MAP */
	double tolerate;		/* MAP: share of items that may fail, 0 to 1; -1: not given */
	int max_rounds;			/* REPEAT */
	bool exhausted_completes; /* REPEAT: on_exhausted = complete */
	int version;			/* WORKFLOW: 0: the enabled one */
	int collects;			/* COLLECT: number of the composite node; else -1 */

	/* common keys */
	PulseExpr *when;
	PulseTemplate *input; /* NULL: the inputs of the node */
	PulseRetryPolicy retry;
	bool retry_given; /* false: an action's registered policy may apply */
	int64 timeout;	  /* usec, 0: none given */
	int64 total_timeout;
	PulseOnError on_error;
	int handler;	  /* node number of the handler, or -1 */
	int guards;		  /* this node is the handler of that one, or -1 */
	bool run_on_skip; /* on_skip = run */
	PulseScope *scope; /* the instance it belongs to, or NULL */
	int origin;		   /* id of the growth that brought it (replay.h); 0: the document */
	const PulseJson *config;
	const char *description;

	const PulseJson *source; /* its definition; NULL: a no-op of the short form */

	/* edges: node numbers in id order */
	int n_preds;
	int *preds;
	int n_succs;
	int *succs;

	/*
	 * Outputs its expressions read ($.nodes.x): node numbers in id order,
	 * ancestors all of them; refs_all: every ancestor ($.nodes as a whole).
	 * Direct predecessors are not listed for a missing `input`: they are its
	 * input anyway. ref_names: the names its expressions use, where one is not
	 * the id (nodes made by rewrites name their neighbours by local ids; the
	 * same node may then be listed once a name); NULL: all are the ids.
	 */
	int n_refs;
	int *refs;
	const char **ref_names;
	bool refs_all;
} PulseNode;

/* Budget of rewrites; -1 in a dimension: not given, the default applies. */
typedef struct PulseBudget
{
	int64 nodes;
	int64 edges;
	int64 depth;
	int64 frontier;
	int64 operations;
} PulseBudget;

/* Memory of something that a graph has grown by. */
typedef struct PulseGraphPart
{
	PulseArena *arena;
	struct PulseGraphPart *next;
} PulseGraphPart;

typedef struct PulseGraph
{
	PulseArena *arena; /* owns everything below; freed with the graph */
	int n_nodes;   /* numbers in use, those of n_gone nodes included */
	int n_gone;	   /* numbers without a node (rounds of a repeat that are over) */
	int cap_nodes; /* room in the vectors of a graph that grows; else 0 */
	PulseNode **nodes;
	int *by_rank; /* node numbers in id order, n_nodes - n_gone of them; NULL: rank equals number */

	/*
	 * It has grown since pulse_graph_settle: ranks, by_rank, n_edges, roots, sinks, hash
	 * and the successors of nodes that have ended are out of date.
	 */
	bool unsettled;
	int n_scopes;
	int cap_scopes;
	PulseScope **scopes; /* by number; NULL: pruned */
	struct PulseGraphIndex *index; /* ids of an unsettled graph (graph_index.h), or NULL */
	int cap_gone;
	int *gone; /* the numbers without a node, to be used again */
	int cap_edges; /* room in succ_block, where pulse_graph_settle puts successors */
	int *succ_block;
	int cap_ends;
	int *end_block;
	int n_edges;
	int n_sinks;
	int *sinks; /* in id order */
	int n_roots;
	int *roots;
	PulseTemplate *output; /* NULL: outputs of the sinks */
	int n_output_refs;	   /* as refs of a node; any node is allowed */
	int *output_refs;
	bool output_refs_all;
	const PulseJson *config; /* object, or NULL */
	const char *description;
	int64 deadline; /* usec after the start, 0: none */
	bool budget_given;
	PulseBudget budget;
	const PulseJson *source; /* the document; of a graph that has grown: the first one */
	PulseGraphPart *parts;	 /* arenas of what it has grown by */
	char hash[65];			 /* structure: SHA-256 of [[ids],[[from,to]]], lower hex; "": to be computed */
} PulseGraph;

typedef enum PulseGraphForm
{
	PULSE_GRAPH_DEFINE, /* a workflow definition: no ':' in ids */
	PULSE_GRAPH_LIVE	/* inspect, plan_rewrite, stored revisions: ':' allowed and
						 * the short form {"edges": …, "nodes": […]} accepted */
} PulseGraphForm;

/*
 * Reads and checks a document. NULL if there is any error; warnings may be
 * added even on success. The graph lives in an arena of its own (created
 * inside; free with pulse_graph_free) and does not refer to `document`.
 */
extern PulseGraph *pulse_graph_read(const PulseJson *document, PulseGraphForm form,
									PulseDiag *diag);
extern void pulse_graph_free(PulseGraph *graph);

/* Node number by id, or -1. */
extern int pulse_graph_find(const PulseGraph *graph, const char *id, size_t len);

/*
 * Fills (*anc)[0..*n) with the strict ancestors of node, in id order (of an
 * unsettled graph: in no order); the array is in arena. Costs the size of the ancestry.
 */
extern void pulse_graph_ancestors(const PulseGraph *graph, int node, PulseArena *arena,
								  int **anc, int *n);

/* The number of the node at this place in id order. */
static inline int
pulse_graph_at_rank(const PulseGraph *graph, int rank)
{
	return graph->by_rank == NULL ? rank : graph->by_rank[rank];
}

/* True if a comes before b in the order of ids. */
extern bool pulse_node_before(const PulseGraph *graph, int a, int b);

/*
 * The id by which others know a node: of a collecting node that of its composite,
 * else its own.
 */
static inline const PulseNode *
pulse_node_shown(const PulseGraph *graph, const PulseNode *node)
{
	return node->kind == PULSE_KIND_COLLECT ? graph->nodes[node->collects] : node;
}

/* False: this number has no node. */
static inline bool
pulse_node_exists(const PulseNode *node)
{
	return node->id_len > 0;
}

/* How many nodes there are. */
static inline int
pulse_graph_size(const PulseGraph *graph)
{
	return graph->n_nodes - graph->n_gone;
}

/* "action", "pure", "choose", ...; of a collecting node "collect". */
extern const char *pulse_node_kind_name(const PulseNode *node);

#endif
