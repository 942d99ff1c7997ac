/*
 * stream.c
 *		Finding new rows without reading old ones again.
 *
 * Owns positions, not rows.  Everything read in a batch moves provisional
 * positions; they become real at commit and fall back at rollback, so that a
 * failed batch is simply read again.
 */
#include "postgres.h"

#include "engine/stream.h"

#include "access/transam.h"
#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#define KINDS (PULSE_PRIORITIES + 1) /* kind 0 is the inbox */

/* A snapshot in 64-bit ids; shared by the streams that were read under it. */
typedef struct Snap
{
	int refs;
	uint64 xmin;
	uint64 xmax;
	int n;
	uint64 xip[FLEXIBLE_ARRAY_MEMBER];
} Snap;

/* A part of an open window. */
typedef struct Piece
{
	uint64 xid; /* position: rows after (xid, key) */
	pg_uuid_t run;
	int64 id;
	uint64 to_xid;
	bool done;
	/* provisional, until commit */
	bool moved;
	uint64 new_xid;
	pg_uuid_t new_run;
	int64 new_id;
	bool new_done;
} Piece;

typedef struct Stream
{
	Snap *seen; /* everything visible in it has been read */
	bool noted;
	bool first; /* not drained since creation */
	Snap *next; /* the open window ends here; NULL: none open */
	int n_pieces;
	Piece *pieces;
} Stream;

struct PulseStreams
{
	MemoryContext context;
	int n_parts;
	int parts[PULSE_PARTS];
	int at[PULSE_PARTS]; /* place of a part, -1: not ours */
	Stream streams[PULSE_PARTS][KINDS];
	int n_first;

	/* the last answer of pulse_streams_ranges: where each range belongs */
	int n_ranges;
	struct
	{
		int place;
		int kind;
		int piece;
	} * origin;
	int cap_origin;
	Snap *current; /* of the active snapshot of this batch */
};

static Snap *
snap_new(PulseStreams *s, uint64 xmin, uint64 xmax, int n)
{
	Snap *snap = MemoryContextAlloc(s->context, offsetof(Snap, xip) + sizeof(uint64) * n);

	snap->refs = 0;
	snap->xmin = xmin;
	snap->xmax = xmax;
	snap->n = n;
	return snap;
}

static void
snap_release(Snap *snap)
{
	if (snap != NULL && --snap->refs <= 0)
		pfree(snap);
}

/* The 64-bit id of a transaction that is not in the future. */
static uint64
widen(TransactionId xid, FullTransactionId next)
{
	uint32 epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return U64FromFullTransactionId(FullTransactionIdFromEpochAndXid(epoch, xid));
}

/* The active snapshot as a Snap, once a batch. */
static Snap *
current_snap(PulseStreams *s)
{
	Snapshot active = GetActiveSnapshot();
	FullTransactionId next = ReadNextFullTransactionId();
	Snap *snap;

	if (s->current != NULL)
		return s->current;
	snap = snap_new(s, widen(active->xmin, next), widen(active->xmax, next), (int) active->xcnt);
	for (int i = 0; i < snap->n; i++)
		snap->xip[i] = widen(active->xip[i], next);
	snap->refs = 1;
	s->current = snap;
	return snap;
}

PulseStreams *
pulse_streams_create(const int *parts, int n)
{
	PulseStreams *s = palloc0(sizeof(PulseStreams));

	s->context = CurrentMemoryContext;
	s->n_parts = n;
	for (int p = 0; p < PULSE_PARTS; p++)
		s->at[p] = -1;
	for (int i = 0; i < n; i++)
	{
		s->parts[i] = parts[i];
		s->at[parts[i]] = i;
		for (int k = 0; k < KINDS; k++)
		{
			s->streams[i][k].noted = true;
			s->streams[i][k].first = true;
			s->streams[i][k].seen = snap_new(s, 0, 0, 0);
			s->streams[i][k].seen->refs = 1;
			s->n_first++;
		}
	}
	return s;
}

void
pulse_streams_set_mark(PulseStreams *s, int part, int priority, uint64 mark)
{
	Stream *st = &s->streams[s->at[part]][priority + 1];

	st->seen->xmin = mark;
	st->seen->xmax = mark;
}

void
pulse_streams_hint(PulseStreams *s, const PulseHints *hints)
{
	for (int i = 0; i < s->n_parts; i++)
	{
		uint64 bit = UINT64CONST(1) << s->parts[i];

		if (hints->all || (hints->inbox & bit))
			s->streams[i][0].noted = true;
		for (int p = 0; p < PULSE_PRIORITIES; p++)
		{
			if (hints->all || (hints->runs[p] & bit))
				s->streams[i][p + 1].noted = true;
		}
	}
}

bool
pulse_streams_wanted(const PulseStreams *s, int priority)
{
	for (int i = 0; i < s->n_parts; i++)
	{
		const Stream *st = &s->streams[i][priority + 1];

		if (st->noted || st->next != NULL)
			return true;
	}
	return false;
}

static bool
in_progress(const Snap *snap, uint64 xid)
{
	if (xid >= snap->xmax)
		return true;
	for (int i = 0; i < snap->n; i++)
	{
		if (snap->xip[i] == xid)
			return true;
	}
	return false;
}

static void
open_window(PulseStreams *s, Stream *st)
{
	Snap *now = current_snap(s);
	Snap *seen = st->seen;

	st->pieces = MemoryContextAllocZero(s->context, sizeof(Piece) * (size_t) (seen->n + 1));
	st->n_pieces = 0;
	for (int i = 0; i < seen->n; i++)
	{
		if (!in_progress(now, seen->xip[i]))
		{
			Piece *p = &st->pieces[st->n_pieces++];

			p->xid = p->to_xid = seen->xip[i];
		}
	}
	st->pieces[st->n_pieces].xid = seen->xmax;
	st->pieces[st->n_pieces].to_xid = PG_UINT64_MAX;
	st->n_pieces++;
	st->next = now;
	now->refs++;
	st->noted = false;
}

PulseRange *
pulse_streams_ranges(PulseStreams *s, int priority, int *n)
{
	int kind = priority + 1;
	int cap = 0;
	PulseRange *ranges;

	for (int i = 0; i < s->n_parts; i++)
	{
		Stream *st = &s->streams[i][kind];

		if (st->next == NULL && st->noted)
			open_window(s, st);
		if (st->next != NULL)
			cap += st->n_pieces;
	}
	if (cap > s->cap_origin)
	{
		if (s->origin != NULL)
			pfree(s->origin);
		s->origin = MemoryContextAlloc(s->context, sizeof(*s->origin) * (size_t) cap);
		s->cap_origin = cap;
	}
	ranges = palloc0(sizeof(PulseRange) * (size_t) Max(cap, 1));
	s->n_ranges = 0;
	for (int i = 0; i < s->n_parts; i++)
	{
		Stream *st = &s->streams[i][kind];

		for (int p = 0; st->next != NULL && p < st->n_pieces; p++)
		{
			Piece *piece = &st->pieces[p];
			PulseRange *r;

			if (piece->done)
				continue;
			r = &ranges[s->n_ranges];
			r->part = s->parts[i];
			r->priority = priority;
			r->xid = piece->xid;
			r->to_xid = piece->to_xid;
			r->run = piece->run;
			r->id = piece->id;
			s->origin[s->n_ranges].place = i;
			s->origin[s->n_ranges].kind = kind;
			s->origin[s->n_ranges].piece = p;
			s->n_ranges++;
		}
	}
	*n = s->n_ranges;
	return ranges;
}

void
pulse_streams_read(PulseStreams *s, int range, int count, int limit,
				   uint64 last_xid, const pg_uuid_t *last_run, int64 last_id)
{
	Stream *st = &s->streams[s->origin[range].place][s->origin[range].kind];
	Piece *piece = &st->pieces[s->origin[range].piece];

	piece->moved = true;
	piece->new_xid = piece->xid;
	piece->new_run = piece->run;
	piece->new_id = piece->id;
	piece->new_done = count < limit;
	if (count > 0)
	{
		piece->new_xid = last_xid;
		if (last_run != NULL)
			piece->new_run = *last_run;
		piece->new_id = last_id;
	}
}

static void
close_if_drained(PulseStreams *s, Stream *st)
{
	for (int p = 0; p < st->n_pieces; p++)
	{
		if (!st->pieces[p].done)
			return;
	}
	snap_release(st->seen);
	st->seen = st->next;
	st->next = NULL;
	pfree(st->pieces);
	st->pieces = NULL;
	st->n_pieces = 0;
	if (st->first)
	{
		st->first = false;
		s->n_first--;
	}
}

static void
end_batch(PulseStreams *s, bool commit)
{
	for (int i = 0; i < s->n_parts; i++)
	{
		for (int k = 0; k < KINDS; k++)
		{
			Stream *st = &s->streams[i][k];

			if (st->next == NULL)
				continue;
			for (int p = 0; p < st->n_pieces; p++)
			{
				Piece *piece = &st->pieces[p];

				if (!piece->moved)
					continue;
				piece->moved = false;
				if (!commit)
					continue;
				piece->xid = piece->new_xid;
				piece->run = piece->new_run;
				piece->id = piece->new_id;
				piece->done = piece->new_done;
			}
			close_if_drained(s, st);
		}
	}
	snap_release(s->current);
	s->current = NULL;
}

void
pulse_streams_commit(PulseStreams *s)
{
	end_batch(s, true);
}

void
pulse_streams_rollback(PulseStreams *s)
{
	end_batch(s, false);
}

uint64
pulse_streams_mark(const PulseStreams *s, int part, int priority)
{
	return s->streams[s->at[part]][priority + 1].seen->xmin;
}

uint64
pulse_streams_xmax(PulseStreams *s)
{
	return current_snap(s)->xmax;
}

bool
pulse_streams_first_pass(const PulseStreams *s)
{
	return s->n_first > 0;
}
