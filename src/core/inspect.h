/*
 * inspect.h
 *		The window into the kernel of semantics section 9.
 */
#ifndef PULSE_CORE_INSPECT_H
#define PULSE_CORE_INSPECT_H

#include "core/status.h"

/*
 * A state is {id: entry, …}, an entry a status text or an object with the keys
 * status, output, reason, signal, due, error; or it is wrapped as
 * {"nodes": {…}, "strict": bool}.
 *
 * Violations come in the order of the specification, each kind by id:
 *
 *	{"code": "status_outside", "node": id}		a status for no node of the graph
 *	{"code": "status_missing", "node": id}		strict only
 *	{"code": "output_outside", "node": id}		an output for no node of the graph
 *	{"code": "output_not_allowed", "node": id}		of a status that has none
 *	{"code": "output_missing", "node": id}			strict only
 *	{"code": "ancestor_unfinished", "node": id, "ancestor": id}
 */

/*
 * Answers inspect(graph, state) exactly as the specification prints it. state may be
 * NULL for {}. NULL on bad input, with errors whose paths start with $graph or
 * $state. The answer is in arena.
 */
extern const PulseJson *pulse_inspect(const PulseJson *graph, const PulseJson *state,
									  PulseArena *arena, PulseDiag *diag);

/* The graph for such a question; paths of findings begin with $graph. */
extern PulseGraph *pulse_inspect_graph(const PulseJson *document, PulseArena *arena,
									   PulseDiag *diag);

/* Statuses by node number of a state as above, in arena; NULL on bad input. */
extern const PulseStatus *pulse_inspect_statuses(const PulseGraph *graph, const PulseJson *state,
												 PulseArena *arena, PulseDiag *diag);

#endif
