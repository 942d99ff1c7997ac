/*
 * steps.h
 *		The linear form of a workflow, {"steps": […]}, turned into a graph.
 */
#ifndef PULSE_CORE_STEPS_H
#define PULSE_CORE_STEPS_H

#include "core/json.h"

/* Which step a node comes from. Lives in the arena of the translation. */
typedef struct PulseStepPlace
{
	const char *name; /* of the step, which is the id of the node */
	const char *path; /* such as $.steps[2] */
	const PulseJson *step;
	struct PulseStepPlace *next; /* of those with the same hash */
} PulseStepPlace;

typedef struct PulseSteps
{
	const PulseJson *document; /* {"nodes": …} and whatever else stood at the top */
	int n_slots;
	PulseStepPlace **slots;
	PulseArena *arena;
} PulseSteps;

/* True if the document is written as steps, whether well or not. */
extern bool pulse_steps_given(const PulseJson *document);

/*
 * Turns the document into a graph. NULL, with findings, if there is anything wrong with
 * the steps. The answer shares with the document; expressions, templates and
 * references are for the reader of graphs to judge.
 */
extern PulseSteps *pulse_steps_translate(const PulseJson *document, PulseArena *arena, PulseDiag *diag);

/* Adds what the reader of graphs has found, with paths into the steps. */
extern void pulse_steps_findings(const PulseSteps *steps, const PulseDiag *found, PulseDiag *diag);

#endif
