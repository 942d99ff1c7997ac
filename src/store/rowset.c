/*
 * rowset.c
 *		Rows to be written, as parallel arrays that one statement unnests.
 */
#include "postgres.h"

#include "store/rowset.h"

#include "store/rows.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

int
pulse_rowset_add(PulseRowSet *set, int n_columns)
{
	Assert(n_columns <= PULSE_ROWSET_COLUMNS);
	if (set->n == set->cap)
	{
		int cap = Max(64, set->cap * 2);

		set->n_columns = n_columns;
		for (int c = 0; c < n_columns; c++)
		{
			PulseColumn *col = &set->columns[c];

			if (set->cap == 0)
			{
				col->values = palloc_extended(sizeof(Datum) * cap, MCXT_ALLOC_HUGE);
				col->nulls = palloc_extended(sizeof(bool) * cap, MCXT_ALLOC_HUGE);
			}
			else
			{
				col->values = repalloc_huge(col->values, sizeof(Datum) * cap);
				col->nulls = repalloc_huge(col->nulls, sizeof(bool) * cap);
			}
		}
		set->cap = cap;
	}
	for (int c = 0; c < n_columns; c++)
	{
		set->columns[c].values[set->n] = (Datum) 0;
		set->columns[c].nulls[set->n] = true;
	}
	return set->n++;
}

void
pulse_rowset_text(PulseRowSet *set, int row, int col, const char *s)
{
	if (s != NULL)
		pulse_rowset_put(set, row, col, CStringGetTextDatum(s));
}

void
pulse_rowset_time(PulseRowSet *set, int row, int col, TimestampTz t)
{
	if (t != 0)
		pulse_rowset_put(set, row, col, TimestampTzGetDatum(t));
}

size_t
pulse_rowset_jsonb(PulseRowSet *set, int row, int col, Jsonb *jb)
{
	if (jb == NULL)
		return 0;
	pulse_rowset_put(set, row, col, JsonbPGetDatum(jb));
	return VARSIZE(jb);
}

void
pulse_rowset_flush(PulseRowSet *set, PulseStmt *stmt, const Oid *types)
{
	Datum args[PULSE_ROWSET_COLUMNS];

	if (set->n == 0)
		return;
	for (int c = 0; c < set->n_columns; c++)
		args[c] = pulse_array(types[c], set->columns[c].values,
							  set->columns[c].nulls, set->n);
	(void) pulse_stmt_exec(stmt, args, NULL, false, 0);
	for (int c = 0; c < set->n_columns; c++)
		pfree(DatumGetPointer(args[c]));
	set->n = 0;
}
