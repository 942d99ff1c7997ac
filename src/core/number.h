/*
 * number.h
 *		Exact decimal arithmetic, as the server's numeric does it.
 *
 * Numbers are PulseJson values of type NUMBER: the decimal text that
 * numeric_out prints. The scale of a sum is the larger of the two, that of a
 * product the sum of both, floor and ceiling have none. A result of more than
 * PULSE_JSON_MAX_DIGITS digits is not made. Nothing here throws or keeps
 * state; results live in the arena given.
 */
#ifndef PULSE_CORE_NUMBER_H
#define PULSE_CORE_NUMBER_H

#include "core/json.h"

/*
 * A number as JSON or SQL/JSON path writes it (digits, fraction, exponent;
 * a leading "-" is allowed) in numeric_out's form. NULL if it would have more than
 * PULSE_JSON_MAX_DIGITS digits. The text must be a well-formed number.
 */
extern const PulseJson *pulse_number_canonical(PulseArena *arena, const char *s, size_t len);

/* Less than, equal to or greater than 0; the scale does not matter. */
extern int	pulse_number_compare(const PulseJson *a, const PulseJson *b);

/* NULL if the result would have too many digits. */
extern const PulseJson *pulse_number_add(PulseArena *arena, const PulseJson *a, const PulseJson *b);
extern const PulseJson *pulse_number_sub(PulseArena *arena, const PulseJson *a, const PulseJson *b);
extern const PulseJson *pulse_number_mul(PulseArena *arena, const PulseJson *a, const PulseJson *b);

extern const PulseJson *pulse_number_neg(PulseArena *arena, const PulseJson *a);
extern const PulseJson *pulse_number_abs(PulseArena *arena, const PulseJson *a);

/* NULL if the result would have too many digits (999…9.5). */
extern const PulseJson *pulse_number_floor(PulseArena *arena, const PulseJson *a);
extern const PulseJson *pulse_number_ceiling(PulseArena *arena, const PulseJson *a);

/* The integral part, if it lies in the range of int64; else false. */
extern bool pulse_number_trunc(const PulseJson *a, int64 *out);

/* True and *out set if it is an integer in int64's range (2.00 is one). */
extern bool pulse_number_as_int(const PulseJson *a, int64 *out);

#endif
