/*
 * rewrite.h
 *		Rewrites: what they cost, whether they may be, and what comes of them.
 *
 * Planning changes nothing: it looks at a graph, the anchor in it and the budget left,
 * and says all that is to be known.  Only pulse_rewrite_apply changes a graph, a
 * private one (graph_grow.h).  What follows for the state of a run is data here; the
 * engine folds it.
 */
#ifndef PULSE_CORE_REWRITE_H
#define PULSE_CORE_REWRITE_H

#include "core/budget.h"
#include "core/fragment.h"
#include "core/graph_grow.h"
#include "core/status.h"

typedef enum PulseRewriteForm
{
	PULSE_REWRITE_REPLACE,
	PULSE_REWRITE_RETAIN,
	PULSE_REWRITE_APPEND
} PulseRewriteForm;

/* "replace", "retain", "append" */
extern const char *pulse_rewrite_form_name(PulseRewriteForm form);

/* A rewrite as proposed; ids lie in its document. */
typedef struct PulseRewrite
{
	PulseRewriteForm form;
	PulseFragment fragment;
} PulseRewrite;

/* What an applied rewrite means for the state: numbers of the grown graph, in id order. */
typedef struct PulseRewriteEffects
{
	/*
	 * replace: the anchor's node leaves the state, and its number is that of
	 * pending[0] now. Else it becomes rewritten, with its output.
	 */
	bool anchor_gone;
	int n_pending; /* new nodes */
	int *pending;
	int n_entries; /* those of them that come right behind what was before */
	int *entries;
	int n_followers; /* were and are pending; their predecessors have changed */
	int *followers;
} PulseRewriteEffects;

typedef struct PulseRewritePlan
{
	PulseArena *arena; /* owns all of it but the fragment's graph */
	PulseRewriteForm form;
	PulseRewriteErrors errors; /* n = 0: valid */
	bool admitted;			   /* valid, and within the budget */
	PulseBudget cost;		   /* if valid */
	PulseBudget before;
	PulseBudget remaining; /* as before unless admitted */
	int n_exceeded;
	PulseExceeded exceeded[PULSE_BUDGET_DIMS];
	PulseGrowth growth;			 /* admitted and not yet applied */
	PulseRewriteEffects effects; /* applied */
} PulseRewritePlan;

/*
 * Reads {"form": …, "fragment": {…}}. False, with findings under path, if it is no
 * such document; whether it makes sense is for the plan.
 */
extern bool pulse_rewrite_read(const PulseJson *document, const char *path, PulseArena *arena,
							   PulseRewrite *rewrite, PulseDiag *diag);

/*
 * Plans a rewrite that the node `id` proposes, whose number is anchor (-1: it is not in
 * the graph) and which has this status. The budget must have no dimension
 * left out. Free the plan; it does not refer to the document.
 */
extern PulseRewritePlan *pulse_rewrite_plan(const PulseGraph *graph, int anchor, const char *id,
											PulseStatus status, const PulseRewrite *rewrite,
											const PulseBudget *budget);
extern void pulse_rewrite_free(PulseRewritePlan *plan);

/*
 * Carries out an admitted plan, once, on a copy of the graph it was made for
 * (pulse_graph_copy), and fills in its effects, which live as long as the graph.
 */
extern void pulse_rewrite_apply(PulseRewritePlan *plan, PulseGraph *graph);

/*
 * Answers plan_rewrite of semantics section 9; state and budget may be NULL. NULL
 * on bad input, with errors whose paths start with $graph, $state, $rewrite or
 * $budget. The answer is in arena. cost is null if there are errors; graph and
 * hash are those of the graph as given unless the rewrite is admitted.
 */
extern const PulseJson *pulse_plan_rewrite(const PulseJson *graph, const PulseJson *state,
										   const char *anchor, const PulseJson *rewrite,
										   const PulseJson *budget, PulseArena *arena,
										   PulseDiag *diag);

#endif
