/*
 * inspect.h
 *		The window into the kernel of semantics section 9.
 */
#ifndef PULSE_CORE_INSPECT_H
#define PULSE_CORE_INSPECT_H

#include "core/graph.h"

/*
 * Answers inspect(graph, state) exactly as the specification prints it. state may be
 * NULL for {}. NULL on bad input, with errors whose paths start with $graph or
 * $state. The answer is in arena.
 */
extern const PulseJson *pulse_inspect(const PulseJson *graph, const PulseJson *state,
									  PulseArena *arena, PulseDiag *diag);

#endif
