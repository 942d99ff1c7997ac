/*
 * diag.h
 *		Errors as values: what the kernel returns instead of throwing.
 *
 * A finding names a stable code, the JSON path of the fault in the document
 * (such as $.nodes.ship.after[1]; "$" is the whole document), a message, and a
 * hint where one is known.  All texts live in the arena of the list or are
 * literals.
 */
#ifndef PULSE_CORE_DIAG_H
#define PULSE_CORE_DIAG_H

#include "core/arena.h"

typedef enum PulseSeverity
{
	PULSE_SEV_ERROR,
	PULSE_SEV_WARNING
} PulseSeverity;

typedef struct PulseFinding
{
	PulseSeverity severity;
	const char *code;			/* literal, snake_case, e.g. "cycle" */
	const char *path;			/* JSON path, never NULL */
	const char *message;		/* lower case, no full stop, never NULL */
	const char *hint;			/* a sentence, or NULL */
	int			column;			/* 1-based column in an expression, or 0 */
} PulseFinding;

typedef struct PulseDiag
{
	PulseArena *arena;
	int			n;				/* findings kept (at most PULSE_DIAG_MAX) */
	int			n_errors;		/* errors seen, also those not kept */
	PulseFinding *items;
	int			cap;
} PulseDiag;

#define PULSE_DIAG_MAX 100

extern void pulse_diag_init(PulseDiag *diag, PulseArena *arena);

/* Adds an error; path may be NULL for "$", hint may be NULL. */
extern void pulse_diag_error(PulseDiag *diag, const char *code,
							 const char *path, const char *hint,
							 const char *fmt,...) pg_attribute_printf(5, 6);
extern void pulse_diag_warning(PulseDiag *diag, const char *code,
							   const char *path, const char *hint,
							   const char *fmt,...) pg_attribute_printf(5, 6);

/* The general form, for findings with a column. */
extern void pulse_diag_add(PulseDiag *diag, const PulseFinding *finding);

#endif
