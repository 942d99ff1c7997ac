/*
 * stream.h
 *		Finding new rows without reading old ones again.
 *
 * Rows of runs and of the inbox carry the id of the transaction that wrote them. A
 * stream (the inbox of one part, or the runs of one part and priority) remembers the
 * snapshot of its last complete read; what is new since is in rows with an id beyond that
 * snapshot, or of one of the transactions that were in progress in it and have ended
 * since.  A read that is cut short by its bound keeps its window open; only when
 * that is drained does the stream's snapshot move on.  See architecture section 2.
 */
#ifndef PULSE_ENGINE_STREAM_H
#define PULSE_ENGINE_STREAM_H

#include "engine/engine.h"
#include "store/discover_store.h"

typedef struct PulseStreams PulseStreams;

#define PULSE_STREAM_INBOX (-1)

/* Streams of these parts, from their marks on. Lives in the current context. */
extern PulseStreams *pulse_streams_create(const int *parts, int n);
extern void pulse_streams_set_mark(PulseStreams *s, int part, int priority, uint64 mark);

/* Notes which streams have something to read. */
extern void pulse_streams_hint(PulseStreams *s, const PulseHints *hints);

/* True if a stream of this kind (PULSE_STREAM_INBOX or a priority) is to be read. */
extern bool pulse_streams_wanted(const PulseStreams *s, int priority);

/*
 * The ranges to read now for one kind, under the active snapshot; palloc'd in the current
 * context. Opens windows of streams that were noted.
 */
extern PulseRange *pulse_streams_ranges(PulseStreams *s, int priority, int *n);

/*
 * What was read: for range i, count[i] rows and the key of the last one; limit
 * was the bound of each range. Takes effect at pulse_streams_commit.
 */
extern void pulse_streams_read(PulseStreams *s, int range, int count, int limit,
							   uint64 last_xid, const pg_uuid_t *last_run, int64 last_id);

/* The batch has committed, or not. */
extern void pulse_streams_commit(PulseStreams *s);
extern void pulse_streams_rollback(PulseStreams *s);

/* All rows of smaller transactions have been read and folded. */
extern uint64 pulse_streams_mark(const PulseStreams *s, int part, int priority);

/* No transaction that the batch can see has an id as large as this. Under the active snapshot. */
extern uint64 pulse_streams_xmax(PulseStreams *s);

/* True until each stream has been drained once since creation. */
extern bool pulse_streams_first_pass(const PulseStreams *s);

#endif
