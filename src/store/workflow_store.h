/*
 * workflow_store.h
 *		Workflows and their versions.
 *
 * Rows of _pulse.workflow never change and are never removed, so that a run keeps its
 * version for life whatever happens to the name; a version may be cached for
 * ever. Everything returned is in the memory context that is current at the call.
 */
#ifndef PULSE_STORE_WORKFLOW_STORE_H
#define PULSE_STORE_WORKFLOW_STORE_H

#include "utils/jsonb.h"

typedef struct PulseWorkflowRow
{
	bool		enabled;		/* runs are accepted */
	int			version;		/* the one asked for; 0: there is no such version */
	int			enabled_version;	/* 0: disabled */
	char	   *disabled_reason;	/* or NULL */
	char	   *deadline;		/* as the graph says, or NULL */
	Jsonb	   *defaults;		/* or NULL */
} PulseWorkflowRow;

/*
 * Version 0: the enabled one. As committed now, whatever the snapshot of the statement.
 * False: there is no workflow of that name.
 */
extern bool pulse_workflow_find(const char *tenant, const char *name, int version,
								PulseWorkflowRow *info);

/*
 * Graph of a version; 0: of the enabled one, else of the latest. NULL: none. *hash (may be
 * NULL) gets the hash of the content. Seen by the statement's snapshot.
 */
extern Jsonb *pulse_workflow_graph(const char *tenant, const char *name, int version,
								   char **hash);

typedef struct PulseDefinition
{
	const char *tenant;
	const char *name;
	Jsonb	   *graph;
	const char *content_hash;
	const char *graph_hash;
	Jsonb	   *defaults;		/* or NULL */
	const char *description;	/* or NULL: keep */
	const char *created_by;
	bool		enable;
} PulseDefinition;

/* Stores a version unless its content is there; returns its number. */
extern int	pulse_workflow_define(const PulseDefinition *def);

/* Stores the graph of submit_graph as version 1 of a name made from its hash. */
extern void pulse_workflow_define_graph(const PulseDefinition *def);

typedef enum PulseChange
{
	PULSE_CHANGE_DONE,
	PULSE_CHANGE_NOTHING,		/* it was so already */
	PULSE_CHANGE_NO_OBJECT,
	PULSE_CHANGE_NO_VERSION
} PulseChange;

/* Version 0: the latest. */
extern PulseChange pulse_workflow_enable(const char *tenant, const char *name, int version);
extern PulseChange pulse_workflow_disable(const char *tenant, const char *name, const char *reason);
extern PulseChange pulse_workflow_drop(const char *tenant, const char *name);

#endif
