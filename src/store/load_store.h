/*
 * load_store.h
 *		What a worker reads of runs it does not have in memory.
 *
 * Results are copied into the memory context that is current at the call.
 */
#ifndef PULSE_STORE_LOAD_STORE_H
#define PULSE_STORE_LOAD_STORE_H

#include "store/discover_store.h"

typedef struct PulseNodeRow
{
	int			run;			/* index into the ids asked for */
	char	   *node;
	char	   *status;
	char	   *reason;			/* or NULL */
	int			attempt;
	int			tries;
	bool		has_activation;
	pg_uuid_t	activation;
	bool		outcome_unknown;
	bool		has_due;
	bool		has_deadline;
	bool		has_output;
	TimestampTz started_at;		/* 0: none */
	TimestampTz ended_at;
	TimestampTz due;
	TimestampTz total_deadline;
	char	   *action_version; /* or NULL */
	Jsonb	   *memo;			/* or NULL */
} PulseNodeRow;

typedef struct PulseSignalRow
{
	int			run;
	int64		seq;
	char	   *id;
	char	   *name;
	Jsonb	   *payload;
} PulseSignalRow;

typedef struct PulseValueRow
{
	char	   *node;
	Jsonb	   *output;			/* or NULL */
	Jsonb	   *error;			/* or NULL */
} PulseValueRow;

/* Runs by id; those that do not exist are missing from the answer. */
extern PulseRunRow *pulse_load_runs(const pg_uuid_t *ids, int n, int *found);

/* All node rows of these runs, without outputs and errors. */
extern PulseNodeRow *pulse_load_nodes(const pg_uuid_t *ids, int n, int *found);

/* Signals of these runs that are pending, in order of arrival. */
extern PulseSignalRow *pulse_load_signals(const pg_uuid_t *ids, int n, int *found);

/* Outputs and errors of some nodes of one run. */
extern PulseValueRow *pulse_load_values(const pg_uuid_t *run, const char *const *nodes, int n,
										int *found);

/* The document of a workflow version, or NULL. */
extern Jsonb *pulse_load_graph(const char *tenant, const char *workflow, int version);

#endif
