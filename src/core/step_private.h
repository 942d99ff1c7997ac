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

/* One fact each (fold_run.c, fold_node.c). */
extern void pulse_fold_run_fact(PulseStep *step, PulseRunState *run, const PulseFact *fact);
extern void pulse_fold_timer(PulseStep *step, PulseRunState *run, const PulseFact *fact);
extern void pulse_fold_outcome(PulseStep *step, PulseRunState *run, const PulseFact *fact);

/* Activates what is ready and ends the run if all is done (activate.c). */
extern PulseStepResult pulse_step_advance(PulseStep *step, PulseRunState *run);

#endif
