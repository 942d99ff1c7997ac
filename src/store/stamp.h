/*
 * stamp.h
 *		Is this database the one its runs were submitted in, or a copy of it?
 *
 * The first write through a function (define, register, submit) into empty tables stamps the
 * cluster's system identifier, the database and the timeline. A copy (restored
 * dump, template, logical subscriber) must not send a byte until an administrator adopts
 * it. Only functions that people call stamp, never a worker: rows that a restore is
 * just copying in must not start to run because the tables looked empty a moment ago.
 * All functions run statements: between pulse_store_enter and pulse_store_leave.
 */
#ifndef PULSE_STORE_STAMP_H
#define PULSE_STORE_STAMP_H

typedef enum PulseStampVerdict
{
	PULSE_STAMP_OURS,			/* go on; needs no second look in this process */
	PULSE_STAMP_EMPTY,			/* no stamp and no rows: nothing to do yet */
	PULSE_STAMP_HELD			/* a copy: stand still */
} PulseStampVerdict;

/* For workers and doctor(); reason (of size bytes) is filled unless OURS. */
extern PulseStampVerdict pulse_stamp_check(char *reason, size_t size);

/*
 * For whatever writes rows: define, register_host, register_action, submit, submit_graph, emit.
 * Stamps if there is neither stamp nor row yet, or if this is a copy without
 * live runs. Free of cost in a process that has seen the right stamp. True: it has
 * stamped; the caller calls pulse_wake_registry().
 */
extern bool pulse_stamp_ensure(void);

/*
 * For pulse.adopt(): stamps with the identity of this database and the reason (may be NULL).
 * False: it bore that stamp already. The caller calls pulse_wake_registry().
 */
extern bool pulse_stamp_adopt(const char *reason);

#endif
