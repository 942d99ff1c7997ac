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
#define PULSE_MAX_DELAY_US (INT64CONST(365) * 86400 * 1000000)

typedef enum PulseNodeKind
{
	PULSE_KIND_ACTION,
	PULSE_KIND_PURE,
	PULSE_KIND_DELAY, /* "delay" and "until" */
	PULSE_KIND_SIGNAL,
	PULSE_KIND_NOOP
} PulseNodeKind;

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

typedef struct PulseNode
{
	const char *id;
	uint32 id_len;
	int rank; /* place in ascending byte order of all ids */
	PulseNodeKind kind;

	/* what it does */
	const char *name;	   /* action or signal name, else NULL */
	PulseTemplate *pure;   /* KIND_PURE: the value */
	int64 delay;		   /* KIND_DELAY with a constant: usec, else -1 */
	PulseExpr *delay_expr; /* KIND_DELAY: interval or, if until, timestamp */
	bool until;
	const char *until_text; /* until given as a constant timestamp, or NULL */
	int64 until_at;			/* that, as unix usec */
	bool timeout_completes; /* signal: on_timeout = complete */

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
	int n_nodes;
	int cap_nodes; /* room in the vectors of a graph that grows; else 0 */
	PulseNode **nodes;
	int *by_rank; /* node numbers in id order; NULL: rank equals number */
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
	char hash[65];			 /* structure: SHA-256 of [[ids],[[from,to]]], lower hex */
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

/* Node number by id, or -1. Binary search by rank. */
extern int pulse_graph_find(const PulseGraph *graph, const char *id, size_t len);

/*
 * Fills (*anc)[0..*n) with the strict ancestors of node, in id order; the
 * array is in arena. Costs the size of the ancestry.
 */
extern void pulse_graph_ancestors(const PulseGraph *graph, int node, PulseArena *arena,
								  int **anc, int *n);

/* The number of the node at this place in id order. */
static inline int
pulse_graph_at_rank(const PulseGraph *graph, int rank)
{
	return graph->by_rank == NULL ? rank : graph->by_rank[rank];
}

/* "action", "pure", "delay", "signal", "noop". */
extern const char *pulse_node_kind_name(const PulseNode *node);

#endif
