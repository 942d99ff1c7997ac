/*
 * stamp.c
 *		Is this database the one its runs were submitted in, or a copy of it?
 *
 * Owns the one row of _pulse.stamp. The identity is system identifier and database oid: a
 * base backup or a promoted standby has the same one and goes on, a restored dump,
 * a template copy or a subscriber has another one.
 */
#include "postgres.h"

#include "store/stamp.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/extension.h"
#include "base/guc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "store/spi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A copy with live runs is not searched for them again by each submit. */
#define HELD_MEMORY_MS 5000

typedef struct Stamp
{
	uint64		system_identifier;
	Oid			database;
	TimeLineID	timeline;
} Stamp;

/* pulse_extension_generation() when the right stamp was last seen; 0: never. */
static uint64 seen_generation = 0;
static TimestampTz held_until = 0;

/* The last transaction of this process that stamped: it may still be rolled back. */
static FullTransactionId stamped_in = {0};

static PulseStmt read_stamp = {
	"SELECT system_identifier, database, timeline FROM _pulse.stamp",
	0, {0}, NULL
};

static PulseStmt any_rows = {
	"SELECT FROM (SELECT 1) AS one WHERE EXISTS (SELECT FROM _pulse.workflow_name)"
	" OR EXISTS (SELECT FROM _pulse.run) OR EXISTS (SELECT FROM _pulse.host)",
	0, {0}, NULL
};

static PulseStmt live_runs = {
	"SELECT FROM _pulse.run WHERE status IN ('pending', 'paused', 'quarantined') LIMIT 1",
	0, {0}, NULL
};

static PulseStmt subscribed = {
	"SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = $1",
	1, {OIDOID}, NULL
};

static PulseStmt first_stamp = {
	"INSERT INTO _pulse.stamp (system_identifier, database, timeline)"
	" VALUES ($1, $2, $3) ON CONFLICT (one) DO NOTHING",
	3, {INT8OID, OIDOID, INT4OID}, NULL
};

static PulseStmt new_stamp = {
	"INSERT INTO _pulse.stamp AS s (system_identifier, database, timeline, reason)"
	" VALUES ($1, $2, $3, $4) ON CONFLICT (one) DO UPDATE"
	" SET system_identifier = $1, database = $2, timeline = $3, reason = $4,"
	" stamped_at = pg_catalog.now()",
	4, {INT8OID, OIDOID, INT4OID, TEXTOID}, NULL
};

static PulseStmt new_timeline = {
	"UPDATE _pulse.stamp SET timeline = $1",
	1, {INT4OID}, NULL
};

static bool
read_row(Stamp *stamp)
{
	bool		isnull;

	if (pulse_stmt_exec(&read_stamp, NULL, NULL, true, 1) == 0)
		return false;
	stamp->system_identifier = (uint64) DatumGetInt64(pulse_row_datum(0, 1, &isnull));
	stamp->database = DatumGetObjectId(pulse_row_datum(0, 2, &isnull));
	stamp->timeline = (TimeLineID) DatumGetInt32(pulse_row_datum(0, 3, &isnull));
	return true;
}

static bool
finds(PulseStmt *stmt)
{
	return pulse_stmt_exec(stmt, NULL, NULL, true, 1) > 0;
}

static bool
is_subscribed(void)
{
	Datum		arg = ObjectIdGetDatum(pulse_extension_table("run"));

	return pulse_stmt_exec(&subscribed, &arg, NULL, true, 1) > 0;
}

static bool
is_ours(const Stamp *stamp)
{
	return stamp->system_identifier == GetSystemIdentifier() &&
		stamp->database == MyDatabaseId;
}

/* 0 on a standby: it writes nothing, so its timeline does not matter. */
static TimeLineID
current_timeline(void)
{
	return RecoveryInProgress() ? 0 : GetWALInsertionTimeLine();
}

static bool
stamped_here(void)
{
	return FullTransactionIdIsValid(stamped_in) &&
		FullTransactionIdEquals(stamped_in, GetTopFullTransactionIdIfAny());
}

static uint64
write_stamp(PulseStmt *stmt, const char *reason)
{
	Datum		args[4];
	char		nulls[5] = "    ";

	args[0] = Int64GetDatum((int64) GetSystemIdentifier());
	args[1] = ObjectIdGetDatum(MyDatabaseId);
	args[2] = Int32GetDatum((int32) current_timeline());
	args[3] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	if (reason == NULL)
		nulls[3] = 'n';
	stamped_in = GetTopFullTransactionId();
	return pulse_stmt_exec(stmt, args, nulls, false, 0);
}

PulseStampVerdict
pulse_stamp_check(char *reason, size_t size)
{
	Stamp		stamp;
	TimeLineID	timeline;

	if (is_subscribed())
	{
		strlcpy(reason, "its tables are filled by a subscription: drop that, then call pulse.adopt()",
				size);
		return PULSE_STAMP_HELD;
	}
	if (!read_row(&stamp))
	{
		if (!finds(&any_rows))
		{
			strlcpy(reason, "nothing has been defined yet", size);
			return PULSE_STAMP_EMPTY;
		}
		strlcpy(reason, "its rows were copied from elsewhere: call pulse.adopt() to let them run here",
				size);
		return PULSE_STAMP_HELD;
	}
	if (!is_ours(&stamp))
	{
		snprintf(reason, size, "it is a copy of database %u of %s: call pulse.adopt() to let its runs run here",
				 stamp.database,
				 stamp.system_identifier == GetSystemIdentifier() ?
				 "this cluster" : "another cluster");
		return PULSE_STAMP_HELD;
	}
	timeline = current_timeline();
	if (timeline != 0 && timeline != stamp.timeline)
	{
		if (pulse_guc_hold_on_new_timeline)
		{
			snprintf(reason, size, "it is on timeline %u, its runs were on %u: call pulse.adopt() to go on",
					 timeline, stamp.timeline);
			return PULSE_STAMP_HELD;
		}
		if (!XactReadOnly)
		{
			Datum		arg = Int32GetDatum((int32) timeline);

			(void) pulse_stmt_exec(&new_timeline, &arg, NULL, false, 0);
		}
	}
	return PULSE_STAMP_OURS;
}

bool
pulse_stamp_ensure(void)
{
	Stamp		stamp;

	if (likely(seen_generation == pulse_extension_generation()))
		return false;
	if (read_row(&stamp))
	{
		if (is_ours(&stamp))
		{
			if (!stamped_here())
				seen_generation = pulse_extension_generation();
			return false;
		}
		if (GetCurrentTimestamp() < held_until)
			return false;
		if (is_subscribed() || finds(&live_runs))
		{
			held_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													 HELD_MEMORY_MS);
			return false;
		}
		(void) write_stamp(&new_stamp, "a copy without live runs");
		return true;
	}
	if (finds(&any_rows))
		return false;			/* rows of a copy; or of somebody who stamps just now */
	return write_stamp(&first_stamp, NULL) > 0;
}

bool
pulse_stamp_adopt(const char *reason)
{
	Stamp		stamp;

	if (read_row(&stamp) && is_ours(&stamp) &&
		stamp.timeline == current_timeline())
		return false;
	(void) write_stamp(&new_stamp, reason);
	return true;
}
