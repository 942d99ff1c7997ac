/*
 * suggest.h
 *		"Perhaps you meant …": the nearest of some known words.
 */
#ifndef PULSE_CORE_SUGGEST_H
#define PULSE_CORE_SUGGEST_H

#include <stddef.h>

/* Words longer than this are never compared. */
#define PULSE_SUGGEST_MAX 200

/*
 * Edits (insert, delete, replace, swap of neighbours; in bytes) that turn a
 * into b, or limit + 1 if it takes more than limit. Costs about
 * len x limit; no memory but the stack.
 */
extern int pulse_edit_distance(const char *a, size_t a_len,
							   const char *b, size_t b_len, int limit);

/*
 * A search is begun, fed with candidates, and asked for the best: the nearest,
 * of equals the first. A third of the word may be wrong, at most three edits;
 * a difference in case only is always near.
 */
typedef struct PulseSuggest
{
	const char *word;
	size_t word_len;
	int best;		   /* distance of the best so far */
	const char *match; /* NULL: none is near */
} PulseSuggest;

extern void pulse_suggest_begin(PulseSuggest *search, const char *word, size_t len);

/* candidate must outlive the search. */
extern void pulse_suggest_offer(PulseSuggest *search, const char *candidate, size_t len);

#endif
