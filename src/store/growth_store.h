/*
 * growth_store.h
 *		How graphs of runs have grown: rows of _pulse.rewrite, and nodes that have left.
 *
 * Writes are collected in the batch's PulseWrites (batch_store.h) and flushed with them.
 */
#ifndef PULSE_STORE_GROWTH_STORE_H
#define PULSE_STORE_GROWTH_STORE_H

#include "core/replay.h"
#include "store/batch_store.h"

/* A growth that is new. */
extern void pulse_writes_growth(PulseWrites *w, const pg_uuid_t *run,
								const PulseGrowthRecord *record, TimestampTz at);

/* One that is stored has a new revision, detail and hash, and budget_after if that is given. */
extern void pulse_writes_growth_renewed(PulseWrites *w, const pg_uuid_t *run,
										const PulseGrowthRecord *record);

/* One is forgotten. */
extern void pulse_writes_growth_gone(PulseWrites *w, const pg_uuid_t *run, int id);

/* A node has left the graph: its row, and those of its attempts. */
extern void pulse_writes_node_gone(PulseWrites *w, const pg_uuid_t *run, const char *node);

/* The statements, between pulse_store_enter and pulse_store_leave: what goes, and the rest. */
extern void pulse_growth_flush_gone(PulseWrites *w);
extern void pulse_growth_flush(PulseWrites *w);

/* What a graph is made again from. Values of rejected growths are not read. */
typedef struct PulseGrowthRow
{
	int			run;			/* index into the ids asked for */
	int			id;
	int			revision;		/* 0: rejected */
	char	   *anchor;
	char	   *form;
	char	   *hash;			/* this and those below may be NULL */
	Jsonb	   *rewrite;
	Jsonb	   *detail;
	Jsonb	   *budget_after;
} PulseGrowthRow;

/* All growths of these runs, by run and then by id. In the current memory context. */
extern PulseGrowthRow *pulse_load_growths(const pg_uuid_t *ids, int n, int *found);

#endif
