/*
 * step_private.h
 *		What the files of the step function share: changes of one node and of the
 *		run, each with the commands that follow from it.
 */
#ifndef PULSE_CORE_STEP_PRIVATE_H
#define PULSE_CORE_STEP_PRIVATE_H

#include "core/step.h"

/* A new zeroed command at the end of the list. */
extern PulseCommand *pulse_step_command(PulseStep *step, PulseCommandKind kind, int node);

/* Names the node in a NODE command, once. */
extern void pulse_step_touch(PulseStep *step, PulseRunState *run, int node);

/* Drops the timer the node waits for, if any. */
extern void pulse_step_clear_timer(PulseStep *step, PulseRunState *run, int node);

/* The node becomes waiting; due 0: without a timer. */
extern void pulse_step_wait(PulseStep *step, PulseRunState *run, int node,
							PulseReason reason, int64 due);

/* Ends of a node. output and error live in scratch or longer. */
extern void pulse_step_complete(PulseStep *step, PulseRunState *run, int node,
								const PulseJson *output);
extern void pulse_step_skip(PulseStep *step, PulseRunState *run, int node,
							PulseReason reason, const PulseJson *error);

/* on_error applies: the node is skipped, or it fails and the run with it. */
extern void pulse_step_fail(PulseStep *step, PulseRunState *run, int node,
							const PulseJson *error);

/* {"class": class, "message": message} in scratch. */
extern const PulseJson *pulse_step_error(PulseStep *step, const char *class,
										 const char *fmt, ...) pg_attribute_printf(3, 4);

/* Ends the run: interrupts what is under way, drops timers, discards signals. */
extern void pulse_step_end_run(PulseStep *step, PulseRunState *run, PulseRunStatus status,
							   const PulseJson *output, const PulseJson *error,
							   PulseReason interrupted);

/* Which timer a waiting node has. */
extern PulseTimerKind pulse_step_timer_of(const PulseNodeState *n);

/* A timer of the run itself: PULSE_CMD_TIMER_SET or _CLEAR. */
extern void pulse_step_run_timer(PulseStep *step, PulseCommandKind kind,
								 PulseTimerKind timer, int64 due);

/* Nothing of what the node had under way will be accepted any more. */
extern void pulse_step_interrupt(PulseStep *step, PulseRunState *run, int node,
								 PulseReason reason);

/* Ends of composite nodes and of those that propose; the output lives in scratch or longer. */
extern void pulse_step_rewritten(PulseStep *step, PulseRunState *run, int node,
								 const PulseJson *output);

/*
 * Before numbers come to mean other nodes: all commands so far get the ids of their nodes.
 */
extern void pulse_step_seal(PulseStep *step, PulseRunState *run);

/* Takes the NODE command of a node back. */
extern void pulse_step_unlist(PulseStep *step, PulseRunState *run, int node);

/* Consumes the oldest signal of this name that has not been settled; false: there is none. */
extern bool pulse_step_take_signal(PulseStep *step, PulseRunState *run, int node,
								   const char *name);

/* Asks for the output (or error) of a node: PULSE_STEP_NEED. */
extern void pulse_step_need(PulseStep *step, PulseRunState *run, int node);

/* The document `$` for the expressions of a node. */
extern const PulseJson *pulse_step_context(PulseStep *step, PulseRunState *run, int node);

/* True: the failure ended an item or a composite node around the node, not the run. */
extern bool pulse_step_caught(PulseStep *step, PulseRunState *run, int node,
							  const PulseJson *error);

/* Composite nodes that have become ready, and their collecting nodes (lower.c). */
extern void pulse_activate_choose(PulseStep *step, PulseRunState *run, int node,
								  const PulseJson *root);
extern void pulse_activate_map(PulseStep *step, PulseRunState *run, int node,
							   const PulseJson *root);
extern void pulse_activate_repeat(PulseStep *step, PulseRunState *run, int node);
extern void pulse_activate_collect(PulseStep *step, PulseRunState *run, int node);
extern void pulse_collect_needs(PulseStep *step, PulseRunState *run, int node);

/*
 * Records of growth (growth.c). A new one in scratch, with the command that records it;
 * admit gives it the next revision, renew moves an admitted one on to the next.
 */
extern struct PulseGrowthRecord *pulse_step_record(PulseStep *step, PulseRunState *run, int node,
												   const char *form);
extern void pulse_step_admit(PulseStep *step, PulseRunState *run,
							 struct PulseGrowthRecord *record);
extern void pulse_step_renew(PulseStep *step, PulseRunState *run, int id, const char *anchor,
							 const PulseJson *detail);

/* What this step was to record, call or start of nodes whose ids begin so is void. */
extern void pulse_step_void(PulseStep *step, const PulseRunState *run, const char *prefix);

/* The record with this id is not kept. */
extern void pulse_step_forget(PulseStep *step, int id);

/* At the end of a step: the last record gets the hash of the graph. */
extern void pulse_step_hash(PulseStep *step, PulseRunState *run);

/* What a successful attempt, or the value of a pure node, asks for (growth.c). */
extern void pulse_step_stage(PulseStep *step, PulseRunState *run, int node,
							 const PulseOutcome *outcome);

/* What was said beside the result of an attempt, or of a pure node, is kept (growth.c). */
extern void pulse_step_side(PulseStep *step, int node, const PulseOutcome *outcome, int attempt);

/* Child runs (child.c). */
extern void pulse_activate_workflow(PulseStep *step, PulseRunState *run, int node,
									const PulseJson *input);
extern void pulse_fold_child(PulseStep *step, PulseRunState *run, const PulseFact *fact);
extern void pulse_child_timeout(PulseStep *step, PulseRunState *run, int node);
extern void pulse_child_cancel(PulseStep *step, PulseRunState *run, int node, const char *reason);

/* An attempt that did not succeed: goes on record; detail may be NULL (fold_node.c). */
extern void pulse_step_attempt(PulseStep *step, PulseRunState *run, int node, int attempt,
							   const char *outcome, const PulseOutcome *detail);

/* Waits for the next try, or until the node's whole time is over (fold_node.c). */
extern void pulse_step_retry_later(PulseStep *step, PulseRunState *run, int node,
								   PulseReason reason, int64 due);

/* One fact each (fold_run.c, fold_node.c). */
extern void pulse_fold_run_fact(PulseStep *step, PulseRunState *run, const PulseFact *fact);
extern void pulse_fold_timer(PulseStep *step, PulseRunState *run, const PulseFact *fact);
extern void pulse_fold_outcome(PulseStep *step, PulseRunState *run, const PulseFact *fact);

/* Activates what is ready and ends the run if all is done (activate.c). */
extern PulseStepResult pulse_step_advance(PulseStep *step, PulseRunState *run);

#endif
