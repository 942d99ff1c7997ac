/*
 * suggest.c
 *		Edit distance with a bound, for hints about misspelt words.
 *
 * Owns nothing and allocates nothing.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/suggest.h"

#define MAX_EDITS 3

int
pulse_edit_distance(const char *a, size_t a_len, const char *b, size_t b_len, int limit)
{
	int rows[3][PULSE_SUGGEST_MAX + 1];
	int *before = rows[0]; /* of i - 2 */
	int *last = rows[1];   /* of i - 1 */
	int *cur = rows[2];
	int na = (int) a_len;
	int nb = (int) b_len;

	if (a_len > PULSE_SUGGEST_MAX || b_len > PULSE_SUGGEST_MAX ||
		abs(na - nb) > limit)
		return limit + 1;

	for (int j = 0; j <= nb; j++)
		last[j] = j;
	for (int i = 1; i <= na; i++)
	{
		/* cells further than limit from the diagonal cannot matter */
		int from = Max(1, i - limit);
		int to = Min(nb, i + limit);
		int least = i;
		int *spare;

		cur[0] = i;
		if (from > 1)
			cur[from - 1] = limit + 1;
		for (int j = from; j <= to; j++)
		{
			int d = last[j - 1] + (a[i - 1] != b[j - 1]);

			/* the cell above the band's right end was not computed */
			if (j < i + limit || i == 1)
				d = Min(d, last[j] + 1);
			d = Min(d, cur[j - 1] + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d = Min(d, before[j - 2] + 1);
			cur[j] = d;
			least = Min(least, d);
		}
		if (least > limit)
			return limit + 1;
		spare = before;
		before = last;
		last = cur;
		cur = spare;
	}
	return Min(last[nb], limit + 1);
}

void
pulse_suggest_begin(PulseSuggest *search, const char *word, size_t len)
{
	search->word = word;
	search->word_len = len;
	search->best = Min(MAX_EDITS, (int) Min(len, PULSE_SUGGEST_MAX) / 3) + 1;
	if (len >= 2 && search->best == 1)
		search->best = 2;
	search->match = NULL;
}

void
pulse_suggest_offer(PulseSuggest *search, const char *candidate, size_t len)
{
	int d;

	if (search->best == 0)
		return;
	if (len == search->word_len && pg_strncasecmp(candidate, search->word, len) == 0)
		d = 0;
	else
		d = pulse_edit_distance(search->word, search->word_len, candidate, len,
								search->best - 1);
	if (d < search->best)
	{
		search->best = d;
		search->match = candidate;
	}
}
