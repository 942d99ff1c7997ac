/*
 * graph_private.h
 *		What the files that read a graph share: the reader and its helpers.
 *
 * graph_read.c owns the document as a whole, graph_node.c one node, graph_check.c
 * and graph_refs.c what can only be judged when all nodes are known;
 * graph_reader.c has the helpers.
 */
#ifndef PULSE_CORE_GRAPH_PRIVATE_H
#define PULSE_CORE_GRAPH_PRIVATE_H

#include "core/graph.h"

/* Longest time a document may name, other than a delay: no overflow of sums. */
#define PULSE_MAX_DURATION_US (INT64CONST(36500) * 86400 * 1000000)

/* One place in the document whose expressions read something. */
typedef struct PulseRefUse
{
	int node; /* -1: the output of the graph */
	const PulseExprRefs *refs;
	const PulseJson *source; /* what was compiled: a template or a string */
	const char *path;
	const PulseGraph *inner; /* it stands in this body of the node; or NULL */
} PulseRefUse;

/* What a document has in all, the bodies in it included. */
typedef struct PulseGraphTotal
{
	int nodes;
	int edges;
	bool told; /* that there are too many edges */
} PulseGraphTotal;

/* A node of a document that has no number yet. */
typedef struct PulseNodeEntry
{
	const char *id;
	uint32 len;
	const PulseJson *doc; /* NULL: short form */
} PulseNodeEntry;

typedef struct PulseGraphEdge
{
	int from;
	int to;
} PulseGraphEdge;

/*
 * Lives during one pulse_graph_read. Paths and messages are made in scratch.
 */
typedef struct PulseGraphReader
{
	PulseGraph *graph; /* in the making */
	PulseArena *arena; /* the graph's */
	PulseArena *scratch;
	PulseDiag *diag; /* the caller's; copies what it gets */
	PulseGraphForm form;
	bool short_form;		/* {"edges", "nodes"} */

	/*
	 * A fragment is read: names that are not its own mean ancestors of the
	 * anchor, and the anchor if it stays. Else outer is NULL.
	 */
	const PulseGraph *outer;
	int anchor;
	bool anchor_stays;
	uint8 *above; /* a bit a node of outer: what may be read; made at first use */

	/*
	 * A body is read (graph_body.c): the reader of the graph around it, and the composite
	 * node there. Names that are not its own mean nodes outside. Else NULL.
	 */
	struct PulseGraphReader *up;
	int up_node;
	PulseBody *body;
	PulseScopeKind kind;
	int *outer_slots; /* hash of the outer names: index + 1 */
	int n_outer_slots;

	const char *base; /* path of the nodes; NULL: $.nodes */
	int depth;		  /* of nesting */
	int prefix;		  /* bytes that ids get in front of them in a run, at most */
	bool in_map;	  /* $.item and $.index exist */
	bool in_repeat;	  /* $.round exists */
	PulseGraphTotal *total; /* NULL: no limit */
	const char **output_names; /* as ref_names, of what is read by no node */

	const PulseJson **docs; /* definition by node number; NULL: short form */

	PulseGraphEdge *edges;
	int n_edges;
	int cap_edges;
	int max_edges;
	bool edges_full; /* the limit was hit, and that was said */
	bool broken;	 /* the edges are not those that were meant */

	PulseRefUse *uses;
	int n_uses;
	int cap_uses;

	int *stamp;		 /* by node number: scratch of duplicate checks */
	int n_suggested; /* bounds the cost of hints */
	int n_warnings;	 /* so that they leave room for errors */
} PulseGraphReader;

/* base."key" or base.key; in scratch */
extern const char *pulse_path_key(PulseArena *arena, const char *base, const char *key);

/* $.nodes.<id>.<key>; key may be NULL */
extern const char *pulse_node_path(PulseGraphReader *r, int node, const char *key);

/* "Perhaps you meant …." or NULL. */
extern const char *pulse_hint_word(PulseGraphReader *r, const char *word,
								   const char *const *words);
extern const char *pulse_hint_node(PulseGraphReader *r, const PulseGraph *inner,
								   const char *word, size_t len);

/* A short printable form of a text from the document, for messages. */
extern const char *pulse_quote(PulseGraphReader *r, const char *text, size_t len);

extern const char *pulse_json_type_name(const PulseJson *value);

/* Adds wrong_type: "must be <what>, not <type>". */
extern void pulse_wrong_type(PulseGraphReader *r, const char *path,
							 const PulseJson *value, const char *what);

/* The reader of the whole document: what is counted once is counted there. */
static inline PulseGraphReader *
pulse_reader_root(PulseGraphReader *r)
{
	while (r->up != NULL)
		r = r->up;
	return r;
}

/* May one more warning be given? */
static inline bool
pulse_may_warn(PulseGraphReader *r)
{
	return pulse_reader_root(r)->n_warnings++ < PULSE_DIAG_MAX / 5;
}

extern bool pulse_add_edge(PulseGraphReader *r, int from, int to);
extern void pulse_add_use(PulseGraphReader *r, int node, const PulseExprRefs *refs,
						  const PulseJson *source, const char *path);

/* False, with a finding, unless value is a positive duration of at most max. */
extern bool pulse_read_duration(PulseGraphReader *r, const PulseJson *value,
								const char *path, bool zero_ok, int64 max, int64 *usec);

/* graph_read.c */

/* False, with a finding, if the document is too large or nested too deep. */
extern bool pulse_check_size(PulseDiag *diag, const PulseJson *document,
							 PulseGraphForm form);

/* False, with a finding, if these edges are too many together with those before. */
extern bool pulse_count_edges(PulseGraphReader *r, int n);

/* In ascending order of bytes of ids; for qsort. */
extern int pulse_compare_entries(const void *a, const void *b);

/* Numbers the nodes in id order; entries are sorted. */
extern bool pulse_make_nodes(PulseGraphReader *r, const PulseNodeEntry *entries, int n);

/* False, with a finding, if it is no id that a node may have. */
extern bool pulse_check_id(PulseGraphReader *r, const char *path, const char *id, size_t len,
						   PulseGraphForm form);

/*
 * graph_body.c: the fragment of a composite node, read and checked; NULL, with findings, if
 * there is anything wrong. again: the text of `while`, or NULL. The document must live as
 * long as the graph.
 */
extern PulseBody *pulse_body_read(PulseGraphReader *up, int node, const PulseJson *document,
								  const char *path, PulseScopeKind kind,
								  const PulseJson *again, const char *again_path);

/* Index of a name in the outer names of the body that is read. */
extern int pulse_body_outer(PulseGraphReader *r, const PulseRefUse *use, const char *name);

/* True if in this body the name means the composite node itself. */
extern bool pulse_body_self(const PulseGraphReader *r, const char *name);
extern void pulse_body_outer_all(PulseGraphReader *r, const PulseRefUse *use);

/* graph_node.c: fills graph->nodes[node] from its definition. */
extern void pulse_node_read(PulseGraphReader *r, int node);

/* graph_check.c, graph_refs.c */

/* Composite nodes that the document has with their collecting nodes count as lowered. */
extern void pulse_check_collecting(PulseGraphReader *r);
extern void pulse_check_handlers(PulseGraphReader *r);
extern void pulse_build_edges(PulseGraphReader *r);

/* Fills topo with all nodes in an order of execution; if it cannot, r->broken. */
extern void pulse_check_cycles(PulseGraphReader *r, int *topo);
extern void pulse_check_refs(PulseGraphReader *r, const int *topo);

/* graph.c */
extern void pulse_graph_hash(PulseGraph *graph);

/* The collecting node of a composite node that was lowered, or -1. */
extern int pulse_graph_collecting(const PulseGraph *graph, int node, PulseArena *scratch);

#endif
