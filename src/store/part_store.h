/*
 * part_store.h
 *		The rows of parts: the lease as operators see it, and the owner's marks.
 */
#ifndef PULSE_STORE_PART_STORE_H
#define PULSE_STORE_PART_STORE_H

#include "utils/uuid.h"

#define PULSE_PART_PRIORITIES 4

typedef struct PulsePartRow
{
	int			part;
	int64		epoch;			/* of the new owner */
	bool		unclean;		/* the owner before did not leave in order */
	uint64		inbox_mark;		/* all inbox rows with smaller xids are folded */
	uint64		run_marks[PULSE_PART_PRIORITIES];
	pg_uuid_t	activation_mark;	/* no smaller activation is in flight */
} PulsePartRow;

/*
 * Takes the parts over: owner, since, epoch + 1, unclean until left. The caller
 * holds their locks. Fills rows[] in the order of parts[].
 */
extern void pulse_parts_take(const int *parts, int n, int worker, PulsePartRow *rows);

/* Saves the marks of parts; with leave, marks them as left in order. */
extern void pulse_parts_save(const PulsePartRow *rows, int n, bool leave);

#endif
