/*
 * rows.h
 *		Small helpers between Datums and C values, shared by the statement files.
 */
#ifndef PULSE_STORE_ROWS_H
#define PULSE_STORE_ROWS_H

#include "utils/jsonb.h"
#include "utils/uuid.h"

/* Of _xid8: the catalog gives arrays of system types no symbol in every version. */
#ifndef XID8ARRAYOID
#define XID8ARRAYOID 271
#endif

struct PulseRunRow;

/* An array Datum of a built-in type; nulls may be NULL. In the current context. */
extern Datum pulse_array(Oid type, const Datum *values, const bool *nulls, int n);

extern Datum pulse_uuid_array(const pg_uuid_t *ids, int n);

/* Values of the current SPI result, copied into context; NULL for SQL NULL. */
extern char *pulse_row_text(uint64 row, int col, MemoryContext context);
extern Jsonb *pulse_row_jsonb(uint64 row, int col, MemoryContext context);

/*
 * Fills a run row from columns first..first+16: id, part, priority, status, tenant,
 * workflow, version, submitted_at, start_at, deadline, started_at, traceparent,
 * input, budget, parent, parent_node, depth.
 */
extern void pulse_row_run(uint64 row, int first, struct PulseRunRow *run, MemoryContext context);

#endif
