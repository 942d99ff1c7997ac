/*
 * txn.h
 *		The one way in which engine code opens and ends transactions.
 *
 * A worker's transaction is short, has a snapshot, and holds the extension's lock, so
 * that DROP EXTENSION waits for milliseconds and never pulls tables from under it. Tests drive
 * the same code in a client's backend, inside a CALLed procedure: see
 * pulse_txn_set_driven.
 */
#ifndef PULSE_BASE_TXN_H
#define PULSE_BASE_TXN_H

/*
 * Begins: statement timestamp, activity (a literal, or a string that lives as long as the
 * transaction; NULL leaves it), extension lock with recheck, active snapshot.
 * Current memory context is then the transaction's. If the extension is gone,
 * or is another one than at the first call, or of another version than the library, a
 * worker leaves for good (proc_exit, not an error); driven code gets an ERROR.
 */
extern void pulse_txn_begin(const char *activity);

/* Commits, sends statistics, goes back to the memory context of pulse_txn_begin. */
extern void pulse_txn_commit(void);

/*
 * Rolls back; the same otherwise. Harmless when no transaction is open. In PG_CATCH: copy the error and
 * FlushErrorState() first.
 */
extern void pulse_txn_abort(void);

/* Whether pulse_txn_begin has been called and neither commit nor abort since. */
extern bool pulse_txn_is_open(void);

/*
 * What a worker does before it leaves because the extension is gone (installed
 * false) or is another one or another version (installed true). Must not throw.
 */
extern void pulse_txn_on_gone(void (*callback) (bool installed));

/*
 * For tests: while driven, transactions are those of a top-level CALL of a C procedure that
 * is not atomic and has not connected SPI. begin takes over the open
 * transaction, commit and abort end it and start the next.
 */
extern void pulse_txn_set_driven(bool driven);
extern bool pulse_txn_is_driven(void);

#endif
