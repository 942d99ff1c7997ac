/*
 * wake.h
 *		How a commit reaches a worker, and how the end of a run reaches those who wait.
 *
 * A backend notes what its (sub)transaction has written; at COMMIT, and only
 * then, the notes become bits in shared memory and the worker that owns the part gets
 * its latch set. A wake-up is a hint: all of them may be lost (PREPARE loses them
 * by design) and the safety poll of the worker still finds every row. All functions work, and
 * do nothing, where the library is not preloaded.
 */
#ifndef PULSE_WORKER_WAKE_H
#define PULSE_WORKER_WAKE_H

/* Registers the transaction callbacks. Once, from _PG_init. */
extern void pulse_wake_init(void);

/* This transaction has inserted a run of that part and priority. Does not throw for lack of workers. */
extern void pulse_wake_run(int part, int priority);

/* This transaction has inserted an inbox row of that part. */
extern void pulse_wake_inbox(int part);

/* This transaction has changed what all workers read: hosts, actions, workflows, stamp. */
extern void pulse_wake_registry(void);

/* This transaction has created, updated or dropped the extension: tell the launcher and all workers. */
extern void pulse_wake_extension(void);

/* This transaction has created or changed databases: the launcher looks at all of them. */
extern void pulse_wake_databases(void);

/*
 * At once: rows of these parts were committed by a worker, who is not the owner of them; runs
 * by priority.
 */
extern void pulse_wake_parts_now(uint64 inbox, const uint64 *runs);

/* At once: all workers of this database look at everything (COMMIT PREPARED). */
extern void pulse_wake_all_now(void);

/*
 * Waiting for the end of a run:
 *
 *	pulse_wait_prepare(part);
 *	for (;;)
 *	{
 *		look, with a fresh snapshot; break when ended
 *		if (!pulse_wait_sleep(ms left)) break;
 *	}
 *	pulse_wait_cancel();
 *
 * sleep returns true when there may be something to see (also spuriously, at least
 * once a second), false when timeout_ms have passed; negative: no limit. Interrupts are served; an
 * ERROR cancels the wait by itself. One wait at a time.
 */
extern void pulse_wait_prepare(int part);
extern bool pulse_wait_sleep(long timeout_ms);
extern void pulse_wait_cancel(void);

/* For the worker: runs of these parts have ended. */
extern void pulse_wake_waiters(uint64 parts);

#endif
