/*
 * access_store.h
 *		Who may do what: rows of _pulse.access, and the grants that go with them.
 */
#ifndef PULSE_STORE_ACCESS_STORE_H
#define PULSE_STORE_ACCESS_STORE_H

#include "utils/array.h"

typedef enum PulseLevel
{
	PULSE_LEVEL_READ,
	PULSE_LEVEL_SUBMIT,			/* and read */
	PULSE_LEVEL_AUTHOR,			/* and submit */
	PULSE_LEVEL_HOST,			/* of its own: what hosts call */
	PULSE_LEVEL_ADMIN			/* everything */
} PulseLevel;

typedef struct PulseAccessRow
{
	Oid			role;
	PulseLevel	level;
	bool		all_tenants;
	int			n_tenants;
	char	  **tenants;
} PulseAccessRow;

extern const char *pulse_level_name(PulseLevel level);
extern bool pulse_level_parse(const char *s, PulseLevel *level);

/* Does holding `have` include `want`? */
extern bool pulse_level_includes(PulseLevel have, PulseLevel want);

/* All rows as committed now, allocated in context. */
extern PulseAccessRow *pulse_access_load(MemoryContext context, int *n);

/*
 * Writes the row and grants schema, functions and views to the role. tenants NULL: all. False:
 * the role had just that already (the grants are renewed anyway).
 */
extern bool pulse_access_grant(Oid role, PulseLevel level, ArrayType *tenants, const char *by);

/* Takes away one level, or all (level NULL). False: there was nothing. */
extern bool pulse_access_revoke(Oid role, const PulseLevel *level);

#endif
