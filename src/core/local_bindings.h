/*
 * local_bindings.h
 *		What runs in memory are given: answers of actions, signals, options.
 *
 * Bindings are an object {action: answer}. An answer is
 *
 *	a template		its value is the output; expressions see $.input, $.config, $.node,
 *					$.action and $.attempt of the call; $.rejection where it is a call after a
 *					rejected rewrite; $.item, $.index and $.round where there are such
 *	[answer, ...]	one after the other, a call each; the last one stays. A list that is meant
 *					as a value is written {"$literal": [...]}
 *	{"$error": {"class"?, "message"?, "code"?, "retryable"?, "retry_after_seconds"?,
 *	  "details"?}}	the attempt fails. Class "timeout": it times out, effect unknown
 *	{"result": "complete" | "fail" | "suspend" | "rewrite" | "reject_rewrite", ...}
 *					a stage result of the host protocol; may have expressions in it, but the
 *					fragment of a rewrite is taken as it stands, since its expressions are those
 *					of its nodes (in place of `rewrite`, `fragment` or `nodes` an expression may
 *					stand). One that is meant as a value is written {"$literal": ...}
 *
 * Documents are read once and are immutable; where a run stands in a list is kept
 * by the run.
 */
#ifndef PULSE_CORE_LOCAL_BINDINGS_H
#define PULSE_CORE_LOCAL_BINDINGS_H

#include "core/graph.h"
#include "core/step.h"

/* 2000-01-01T00:00:00Z: where the clock of a run stands if nothing else is said. */
#define PULSE_LOCAL_EPOCH	INT64CONST(946684800000000)

typedef struct PulseLocalBindings PulseLocalBindings;

typedef struct PulseLocalSignal
{
	const char *name;
	const PulseJson *payload;
	int64		after;			/* virtual usec after the start */
} PulseLocalSignal;

typedef struct PulseLocalSignals
{
	int			n;
	PulseLocalSignal *items;
} PulseLocalSignals;

/* A graph for workflow nodes of this name, whatever version they ask for. */
typedef struct PulseLocalWorkflow
{
	const char *name;
	PulseGraph *graph;
} PulseLocalWorkflow;

typedef struct PulseLocalOptions
{
	int64		now;			/* unix usec */
	int64		seed;			/* of jitter and ids */
	bool		trace;
	PulseBudget budget;			/* -1: that of the graph */
	int64		max_output_bytes;	/* 0: no limit */
	int64		max_expr_steps;
	int			n_workflows;
	PulseLocalWorkflow *workflows;
} PulseLocalOptions;

/*
 * All of these add errors under `path` and return false or NULL if there are any.
 * Results live in arena and share the document. A NULL document gives an empty
 * result.
 */
extern PulseLocalBindings *pulse_local_bindings_read(PulseArena *arena, const PulseJson *document,
													 const char *path, PulseDiag *diag);

/* {name: payload}, an array being several payloads; or [{"name", "payload"?, "after"?}, ...]. */
extern bool pulse_local_signals_read(PulseArena *arena, const PulseJson *document,
									 const char *path, PulseLocalSignals *signals, PulseDiag *diag);

/*
 * {"now": timestamp, "seed": integer, "trace": boolean, "budget": {...}, "workflows":
 * {name: graph}}
 */
extern bool pulse_local_options_read(const PulseJson *document, const char *path,
									 PulseLocalOptions *options, PulseDiag *diag);
extern void pulse_local_options_defaults(PulseLocalOptions *options);

/* Adds a workflow; a document that is not valid adds its findings under path. */
extern bool pulse_local_options_workflow(PulseLocalOptions *options, const char *name,
										 const PulseJson *document, const char *path,
										 PulseDiag *diag);

/* Frees the graphs of workflows. */
extern void pulse_local_options_free(PulseLocalOptions *options);

/* How many actions are bound: the size of an array of cursors, zeroed at first. */
extern int	pulse_local_bindings_count(const PulseLocalBindings *bindings);

/* The binding of an action, or -1. bindings may be NULL. */
extern int	pulse_local_bindings_find(const PulseLocalBindings *bindings, const char *action);

/* What an expression of a binding sees. */
typedef struct PulseLocalRequest
{
	const char *action;
	const char *node;
	int			attempt;
	const PulseJson *input;
	const PulseJson *config;
	const PulseJson *rejection; /* these may be NULL: */
	const PulseJson *item;
	const PulseJson *index;
	const PulseJson *round;
} PulseLocalRequest;

/* The next answer of a binding. Everything in *outcome lives in arena or longer. */
extern void pulse_local_bindings_answer(const PulseLocalBindings *bindings, int binding,
										int *cursors, const PulseLocalRequest *request,
										const PulseLocalOptions *options, PulseArena *arena,
										PulseOutcome *outcome);

/*
 * What a text says that a program gave as its answer: a stage result if it looks
 * like one, else the output; nothing at all is null. Anything but JSON fails the
 * attempt, class bad_response.
 */
extern void pulse_local_outcome_text(PulseArena *arena, const char *text, size_t len,
									 PulseOutcome *outcome);

/* True if the text is a stage result "fail". */
extern bool pulse_local_text_fails(PulseArena *arena, const char *text, size_t len);

/* A failed attempt. code may be NULL; class "timeout" times out. */
extern void pulse_local_outcome_error(PulseArena *arena, const char *class, const char *code,
									  const char *message, bool retryable, PulseOutcome *outcome);

#endif
