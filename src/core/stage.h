/*
 * stage.h
 *		Stage results: what an action, or a pure node, answers beside an output.
 *
 * {"result": "complete" | "rewrite" | "reject_rewrite" | "suspend" | "fail", …}. Only the
 * shape is read here; a rewrite that can be read need not be valid (rewrite.h).
 */
#ifndef PULSE_CORE_STAGE_H
#define PULSE_CORE_STAGE_H

#include "core/json.h"

typedef enum PulseStageWord
{
	PULSE_STAGE_WORD_COMPLETE,
	PULSE_STAGE_WORD_REWRITE,
	PULSE_STAGE_WORD_REJECT,
	PULSE_STAGE_WORD_SUSPEND,
	PULSE_STAGE_WORD_FAIL
} PulseStageWord;

/* Values are those of the document. */
typedef struct PulseStage
{
	PulseStageWord word;
	const PulseJson *output;  /* COMPLETE, REWRITE, REJECT: never NULL */
	const PulseJson *rewrite; /* REWRITE: pulse_rewrite_read takes it */
	const PulseJson *reason;  /* REJECT: or NULL */
	const char *signal;		  /* SUSPEND */
	const PulseJson *error;	  /* FAIL: an object, a string, or NULL */

	/* of any; NULL if absent */
	const PulseJson *progress; /* anything */
	const PulseJson *cost;	   /* object */
	const PulseJson *logs;	   /* array of objects */
	const PulseJson *emit;	   /* array of objects */
} PulseStage;

/* True if the value is an object with one of the words under "result". */
extern bool pulse_stage_looks_like(const PulseJson *value);

/* False, with findings whose paths begin with $, if the document is malformed. */
extern bool pulse_stage_read(const PulseJson *document, PulseArena *arena, PulseStage *stage,
							 PulseDiag *diag);

#endif
