/*
 * txn.c
 *		The one way in which engine code opens and ends transactions.
 *
 * Owns the order of the server's calls around a worker's transaction, which is easy to get
 * wrong in ways that show late: a frozen now(), statistics that never arrive, memory that
 * ends up in TopMemoryContext. State is one transaction's, static, of this process.
 */
#include "postgres.h"

#include "base/txn.h"

#include "access/xact.h"
#include "base/errors.h"
#include "base/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "tcop/pquery.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

/* begin has been called; and has come to its end. */
static bool has_begun = false;
static bool is_open = false;
static bool is_driven = false;
static MemoryContext caller_context = NULL;

/* The extension this process works for; fixed at the first begin of a worker. */
static Oid	my_extension = InvalidOid;
static void (*gone_callback) (bool installed) = NULL;

/* Ends what pulse_txn_begin has opened, committing or not. */
static void
end_transaction(bool commit)
{
	is_open = false;
	if (commit)
		PopActiveSnapshot();
	if (is_driven)
	{
		/* an error leaves more snapshots than the portal's own */
		while (!commit && ActiveSnapshotSet() &&
			   (ActivePortal == NULL ||
				GetActiveSnapshot() != ActivePortal->portalSnapshot))
			PopActiveSnapshot();
		ForgetPortalSnapshots();
	}

	if (commit)
		CommitTransactionCommand();
	else
		AbortCurrentTransaction();

	has_begun = false;
	if (is_driven)
		StartTransactionCommand();
	else
	{
		(void) pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, NULL);
	}
	MemoryContextSwitchTo(caller_context);
}

static void
leave_for_good(bool installed)
{
	AbortCurrentTransaction();
	is_open = false;
	ereport(DEBUG1,
			(errmsg_internal("pulse: extension is gone or has changed, worker leaves")));
	if (gone_callback)
		gone_callback(installed);
	proc_exit(0);
}

void
pulse_txn_begin(const char *activity)
{
	const PulseExtension *ext;

	PULSE_ENSURE(!is_open, "transactions of the engine do not nest");
	caller_context = CurrentMemoryContext;
	has_begun = true;
	if (is_driven)
		(void) pulse_extension_require();
	else
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		if (activity)
			pgstat_report_activity(STATE_RUNNING, activity);
	}

	ext = pulse_extension_lock();
	if (is_driven)
	{
		if (ext == NULL)
			(void) pulse_extension_require();	/* throws */
	}
	else
	{
		if (ext == NULL)
			leave_for_good(OidIsValid(pulse_extension_oid()));
		if (!OidIsValid(my_extension))
			my_extension = ext->oid;
		if (ext->oid != my_extension ||
			strcmp(ext->version, PULSE_SQL_VERSION) != 0)
			leave_for_good(true);
	}

	PushActiveSnapshot(GetTransactionSnapshot());
	MemoryContextSwitchTo(TopTransactionContext);
	is_open = true;
}

void
pulse_txn_commit(void)
{
	PULSE_ENSURE(is_open, "no transaction of the engine to commit");
	end_transaction(true);
}

void
pulse_txn_abort(void)
{
	/* has_begun alone: begin itself has failed, or a commit has */
	if (has_begun)
		end_transaction(false);
	else if (!is_driven)
		AbortCurrentTransaction();	/* nothing to do, usually */
}

bool
pulse_txn_is_open(void)
{
	return is_open;
}

void
pulse_txn_on_gone(void (*callback) (bool installed))
{
	gone_callback = callback;
}

void
pulse_txn_set_driven(bool driven)
{
	PULSE_ENSURE(!is_open, "no transaction of the engine may be open");
	is_driven = driven;
}

bool
pulse_txn_is_driven(void)
{
	return is_driven;
}
