/*
 * submit.h
 *		Submitting a run from C: for pulse.submit and pulse.run.
 */
#ifndef PULSE_API_SUBMIT_H
#define PULSE_API_SUBMIT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

typedef struct PulseSubmitArgs
{
	char	   *workflow;
	char	   *tenant;
	int			version;		/* 0: the enabled one */
	Jsonb	   *input;			/* or NULL, as the texts and values below */
	char	   *idempotency_key;
	char	   *traceparent;
	Jsonb	   *labels;
	Jsonb	   *budget;
	bool		priority_given;
	int64		priority;
	bool		has_start_at;
	TimestampTz start_at;
	bool		has_deadline;
	TimestampTz deadline;
} PulseSubmitArgs;

/* Checks rights and arguments, inserts the run, wakes its worker at commit. */
extern pg_uuid_t pulse_api_submit(const PulseSubmitArgs *args);

#endif
