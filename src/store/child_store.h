/*
 * child_store.h
 *		What a run writes for other runs: child runs, and rows of their inboxes.
 *
 * Writes are collected in the batch's PulseWrites (batch_store.h) and flushed with them, so
 * that a child and the node that waits for it, an end and the word of it, are one
 * transaction.
 */
#ifndef PULSE_STORE_CHILD_STORE_H
#define PULSE_STORE_CHILD_STORE_H

#include "store/batch_store.h"

/* Times 0 and pointers NULL are SQL NULL. Who submitted the parent has submitted the child. */
typedef struct PulseChildWrite
{
	const pg_uuid_t *id;
	int			part;
	int			priority;
	int			version;
	const char *tenant;
	const char *workflow;
	TimestampTz submitted_at;
	TimestampTz deadline;
	const char *traceparent;
	Jsonb	   *input;
	Jsonb	   *labels;
	Jsonb	   *budget;
	const pg_uuid_t *parent;
	const char *parent_node;
	int			depth;
} PulseChildWrite;

extern void pulse_writes_child(PulseWrites *w, const PulseChildWrite *row);

/* A row for the inbox of the run's owner. */
extern void pulse_writes_message(PulseWrites *w, const pg_uuid_t *run, int part, const char *kind,
								 const char *node, Jsonb *payload, TimestampTz at);

/* The statements, between pulse_store_enter and pulse_store_leave. */
extern void pulse_child_flush(PulseWrites *w);

#endif
