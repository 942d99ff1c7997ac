/*
 * fragment.h
 *		Fragments: pieces of a graph with entries and exits.
 *
 * What is read here is the shape of a fragment, by itself; its definitions and how it
 * fits into a graph are rewrite.c's.
 */
#ifndef PULSE_CORE_FRAGMENT_H
#define PULSE_CORE_FRAGMENT_H

#include "core/graph_private.h"

/* Something a rewrite is refused for. */
typedef struct PulseRewriteError
{
	const char *code;	 /* literal, of the list of the graph format */
	const char *node;	 /* id as the rewrite writes it, or NULL */
	const char *message; /* lower case, no full stop */
} PulseRewriteError;

typedef struct PulseRewriteErrors
{
	PulseArena *arena;
	PulseRewriteError *items;
	int n;
	int cap;
} PulseRewriteErrors;

/* node may be NULL; both texts are copied. */
extern void pulse_rewrite_error(PulseRewriteErrors *errors, const char *code, const char *node,
								const char *fmt, ...) pg_attribute_printf(4, 5);

/* A name in a list of entries or exits, or an end of an edge. */
typedef struct PulseFragmentName
{
	const char *id;
	int node; /* -1: not in the fragment */
} PulseFragmentName;

typedef struct PulseFragment
{
	const PulseJson *document;
	int n_nodes;
	PulseNodeEntry *nodes; /* in id order: this is the number of a node */
	int n_edges;
	PulseGraphEdge *edges; /* of `after`, `edges` and `goto`; each once, by from and to */
	int n_entries;
	PulseFragmentName *entries; /* as written, or the nodes without a predecessor */
	int n_exits;
	PulseFragmentName *exits;
	int n_undefined;
	const char **undefined; /* each once, in order */
	const char *cycle; /* one, such as "a > b > a"; NULL: there is none */
	int depth; /* nodes on the longest path from an entry; 0 if there is a cycle */
} PulseFragment;

/*
 * Reads the shape. False, with findings under path, if the document is no
 * fragment at all: types, unknown keys. All lives in arena, ids in the document.
 */
extern bool pulse_fragment_read(const PulseJson *document, const char *path, PulseArena *arena,
								PulseFragment *fragment, PulseDiag *diag);

/* The first group of checks. */
extern void pulse_fragment_check(const PulseFragment *fragment, PulseRewriteErrors *errors);

#endif
