/*
 * part.h
 *		Which of the 64 parts a run belongs to.
 */
#ifndef PULSE_STORE_PART_H
#define PULSE_STORE_PART_H

#include "common/hashfn.h"

#define PULSE_PART_COUNT 64

/* The part of a run: a hash of its 16 bytes of id, fixed for all time. */
static inline int
pulse_part_of(const void *run_id)
{
	return (int) (hash_bytes((const unsigned char *) run_id, 16) & (PULSE_PART_COUNT - 1));
}

#endif
