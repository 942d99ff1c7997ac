/*
 * errors.h
 *		Error codes of pulse's own: SQLSTATE class PU.
 *
 * Everything else uses the server's codes. "Does not exist" and "is not yours"
 * are the same answer: ERRCODE_UNDEFINED_OBJECT.
 */
#ifndef PULSE_BASE_ERRORS_H
#define PULSE_BASE_ERRORS_H

#include "utils/elog.h"

/* An idempotency key is used again with other content. */
#define ERRCODE_PULSE_KEY_REUSED		MAKE_SQLSTATE('P', 'U', '0', '0', '1')
/* A graph, or a rewrite of one, is not valid. */
#define ERRCODE_PULSE_INVALID_GRAPH		MAKE_SQLSTATE('P', 'U', '0', '0', '2')
/* The run has ended already. */
#define ERRCODE_PULSE_RUN_ENDED			MAKE_SQLSTATE('P', 'U', '0', '0', '3')
/* The run is of the transaction that asks, so it cannot start before that commits. */
#define ERRCODE_PULSE_RUN_NOT_COMMITTED MAKE_SQLSTATE('P', 'U', '0', '0', '4')
/* The workflow, or the version asked for, is disabled. */
#define ERRCODE_PULSE_WORKFLOW_DISABLED MAKE_SQLSTATE('P', 'U', '0', '0', '5')
/* Library and SQL objects are of different versions. */
#define ERRCODE_PULSE_VERSION_MISMATCH	MAKE_SQLSTATE('P', 'U', '0', '0', '6')
/* A run that somebody waited for ended otherwise than completed. */
#define ERRCODE_PULSE_RUN_NOT_COMPLETED MAKE_SQLSTATE('P', 'U', '0', '0', '7')
/* The database is a copy that nobody has adopted. */
#define ERRCODE_PULSE_HELD				MAKE_SQLSTATE('P', 'U', '0', '0', '8')
/* A task has been answered differently, or has ended. */
#define ERRCODE_PULSE_TASK_SETTLED		MAKE_SQLSTATE('P', 'U', '0', '0', '9')

/*
 * Checks what must hold. A violation aborts one transaction and leaves the
 * server alone; msg is a literal.
 */
#define PULSE_ENSURE(cond, msg) \
	do { \
		Assert(cond); \
		if (unlikely(!(cond))) \
			ereport(ERROR, \
					(errcode(ERRCODE_INTERNAL_ERROR), \
					 errmsg("pulse: internal error: %s", (msg)), \
					 errdetail("Condition \"%s\" does not hold.", #cond))); \
	} while (0)

#endif
