/*
 * stamp.h
 *		Is this database the one its runs were submitted in, or a copy of it?
 *
 * The first definition, registration or submit into empty tables stamps the
 * cluster's system identifier, the database and the timeline. A copy (restored dump, template,
 * logical subscriber) must not send a byte until an administrator adopts it.
 * All functions run statements: between pulse_store_enter and pulse_store_leave.
 */
#ifndef PULSE_STORE_STAMP_H
#define PULSE_STORE_STAMP_H

/*
 * For the worker. True: go on. False: hold; reason (of size bytes) says why. A
 * copy without live runs is stamped anew here and goes on.
 */
extern bool pulse_stamp_check(char *reason, size_t size);

/* What pulse_stamp_check would say, without stamping: for doctor(). */
extern bool pulse_stamp_verdict(char *reason, size_t size);

/*
 * For whatever writes the first row: define, register_host, submit_graph, ... Stamps if
 * there is no stamp and no row yet. Cheap when there is one.
 */
extern void pulse_stamp_ensure(void);

/*
 * pulse.adopt(): stamps with the identity of this database and the reason. False: it bore that
 * stamp already. The caller calls pulse_wake_registry().
 */
extern bool pulse_stamp_adopt(const char *reason);

#endif
