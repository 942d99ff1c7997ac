/*
 * ownership.h
 *		The locks by which one process owns the runs of its parts.
 */
#ifndef PULSE_WORKER_OWNERSHIP_H
#define PULSE_WORKER_OWNERSHIP_H

/*
 * Takes all parts p with p mod n_workers = worker, for the life of the process. Returns -1, or
 * the first part that somebody else still owns; call again then. Does not
 * wait. Needs no transaction.
 */
extern int	pulse_ownership_acquire(Oid extension, int worker, int n_workers);

/* Throws if a part is not owned any more, which cannot happen. */
extern void pulse_ownership_check(void);

#endif
