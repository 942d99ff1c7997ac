/*
 * extension.h
 *		Which pulse is installed in this database: its oid, owner, version, tables.
 *
 * Found by name in pg_extension and, for relations, by membership: a schema
 * "_pulse" of somebody else's is not ours. Answers are cached per process and
 * dropped by invalidation messages; bad news (not installed, other version) is
 * always read afresh. All functions need a transaction.
 */
#ifndef PULSE_BASE_EXTENSION_H
#define PULSE_BASE_EXTENSION_H

#include "base/version.h"

#define PULSE_EXTENSION_NAME	"pulse"
#define PULSE_SCHEMA			"pulse"
#define PULSE_STATE_SCHEMA		"_pulse"

typedef struct PulseExtension
{
	Oid			oid;
	Oid			owner;
	char		version[64];	/* of the SQL objects */
} PulseExtension;

/*
 * The extension, or NULL if it is not installed. The result is static and valid until the
 * next call of a function of this file. Does not compare versions.
 */
extern const PulseExtension *pulse_extension_lookup(void);

/* Like pulse_extension_lookup; throws 55000 if not installed, PU006 on a version mismatch. */
extern const PulseExtension *pulse_extension_require(void);

/* InvalidOid if not installed. */
extern Oid	pulse_extension_oid(void);

/* Throws 55000 if not installed. */
extern Oid	pulse_extension_owner(void);

/* Oid of _pulse.<name>, a member of the extension; throws 55000. Kept names only: a literal. */
extern Oid	pulse_extension_table(const char *name);

/*
 * Takes the lock that DROP EXTENSION waits for, until the end of the transaction, then
 * reads pg_extension again. Returns NULL if the extension is not there, or no longer.
 */
extern const PulseExtension *pulse_extension_lock(void);

/* Counts invalidations that may concern the extension; compare to see "something changed". */
extern uint64 pulse_extension_generation(void);

#endif
