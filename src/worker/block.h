/*
 * block.h
 *		Keeps workers out of a database for the rest of a transaction.
 */
#ifndef PULSE_WORKER_BLOCK_H
#define PULSE_WORKER_BLOCK_H

/*
 * Asks the launcher to stop the workers of a database and to start none until this
 * transaction ends; waits for the last one to go, for a bounded time. Serves interrupts.
 * Does nothing where the library is not preloaded.
 */
extern void pulse_block_acquire(Oid database);

/* At the end of the transaction. Does not throw. */
extern void pulse_block_release(void);

#endif
