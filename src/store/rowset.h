/*
 * rowset.h
 *		Rows to be written, as parallel arrays that one statement unnests.
 *
 * A row set is filled row by row and flushed as a whole; its arrays live in the memory
 * context that is current when rows are added and die with it.
 */
#ifndef PULSE_STORE_ROWSET_H
#define PULSE_STORE_ROWSET_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

#include "store/spi.h"

/* A column of values to come: grows by doubling. */
typedef struct PulseColumn
{
	Datum *values;
	bool *nulls;
} PulseColumn;

#define PULSE_ROWSET_COLUMNS 20

typedef struct PulseRowSet
{
	int n;
	int cap;
	int n_columns;
	PulseColumn columns[PULSE_ROWSET_COLUMNS];
} PulseRowSet;

/* Index of a new row with n_columns columns, all NULL. */
extern int pulse_rowset_add(PulseRowSet *set, int n_columns);

static inline void
pulse_rowset_put(PulseRowSet *set, int row, int col, Datum value)
{
	set->columns[col].values[row] = value;
	set->columns[col].nulls[row] = false;
}

/* NULL pointers, and the time 0, stay SQL NULL. */
extern void pulse_rowset_text(PulseRowSet *set, int row, int col, const char *s);
extern void pulse_rowset_time(PulseRowSet *set, int row, int col, TimestampTz t);

/* Returns the bytes of the value. */
extern size_t pulse_rowset_jsonb(PulseRowSet *set, int row, int col, Jsonb *jb);

/*
 * Runs the statement, whose arguments are arrays of these element types, a column each;
 * nothing if there are no rows. The set is empty then. Between pulse_store_enter and
 * pulse_store_leave.
 */
extern void pulse_rowset_flush(PulseRowSet *set, PulseStmt *stmt, const Oid *types);

#endif
