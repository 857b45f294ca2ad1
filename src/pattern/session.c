/*
 * session.c
 *		Sessions: behav_sessionize numbers them over rows in order of time; behav_session_agg keeps them
 *		as a list that merges.
 *
 * A new session begins where the pause since the event before is longer than the gap. That rule needs
 * no order: sessions of two parts of the data that overlap, or lie within the gap of each other, are
 * one. So late events, any order and parallel workers give the same sessions. A limit on the length, a
 * forced beginning and midnight need the order, and are the window function's alone.
 */
#include "pg/pg.h"
#include "pg/flat.h"

#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#define MARK_ROWS 64 /* rows between two marks: each costs as much as the rest of a row */

/* ---- window function ---- */

/* Where a partition stands. Zeroed by the server at its first row. */
typedef struct SessionRun
{
	bool begun;        /* the arguments are read */
	bool never_forced; /* force_new is the constant false */
	uint32 rows;       /* of the partition so far, modulo 2^32 */
	int64 session;     /* number of the present one; 0: none yet */
	int64 gap;         /* microseconds */
	int64 max_length;  /* microseconds; INT64_MAX: no limit */
	pg_tz *zone;       /* a new session at midnight there, or NULL */
	TimestampTz start; /* of the session */
	TimestampTz last;  /* event */
	TimestampTz day;   /* the next midnight in zone */
} SessionRun;

enum
{
	ARG_TS,
	ARG_GAP,
	ARG_MAX_LENGTH,
	ARG_FORCE_NEW,
	ARG_TIME_ZONE
};

static pg_tz *
zone_by_name(const char *name)
{
	pg_tz *zone = pg_tzset(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" not recognized", name),
				 errhint("View pg_timezone_names lists the time zones, such as 'Europe/Berlin'.")));
	return zone;
}

static inline bool
forced(WindowObject winobj)
{
	bool isnull;
	Datum d = WinGetFuncArgCurrent(winobj, ARG_FORCE_NEW, &isnull);

	return !isnull && DatumGetBool(d);
}

/* The arguments that hold for a whole partition, from its first row. */
static void
begin_partition(FunctionCallInfo fcinfo, WindowObject winobj, SessionRun *run)
{
	bool isnull;
	Datum d = WinGetFuncArgCurrent(winobj, ARG_GAP, &isnull);

	if (isnull)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"gap\" must not be null")));
	run->gap = bm_interval_micros(DatumGetIntervalP(d), "gap");
	d = WinGetFuncArgCurrent(winobj, ARG_MAX_LENGTH, &isnull);
	run->max_length =
		isnull ? PG_INT64_MAX : bm_interval_micros(DatumGetIntervalP(d), "max_length");
	d = WinGetFuncArgCurrent(winobj, ARG_TIME_ZONE, &isnull);
	run->zone = isnull ? NULL : zone_by_name(TextDatumGetCString(d));
	run->never_forced = get_fn_expr_arg_stable(fcinfo->flinfo, ARG_FORCE_NEW) && !forced(winobj);
	run->begun = true;
}

/* The first midnight after ts in a zone; where the clock skips it, the first moment of the day. */
static TimestampTz
next_midnight(TimestampTz ts, pg_tz *zone)
{
	struct pg_tm tm;
	TimestampTz midnight;
	fsec_t fsec;
	int tz;

	if (timestamp2tm(ts, &tz, &tm, &fsec, NULL, zone) != 0)
		return DT_NOEND;
	j2date(date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) + 1, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tz = DetermineTimeZoneOffset(&tm, zone);
	return tm2timestamp(&tm, 0, &tz, &midnight) == 0 ? midnight : DT_NOEND;
}

/* a - b, for a >= b; the largest number where it does not fit. */
static inline int64
distance(TimestampTz a, TimestampTz b)
{
	uint64 d = (uint64) a - (uint64) b;

	return d > (uint64) PG_INT64_MAX ? PG_INT64_MAX : (int64) d;
}

static void
raise_order(TimestampTz before, TimestampTz after)
{
	char *first = pstrdup(timestamptz_to_str(before));

	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("behav_sessionize needs rows in order of time"),
					errdetail("After %s came %s.", first, timestamptz_to_str(after)),
					errhint("Write OVER (PARTITION BY user_id ORDER BY ts).")));
}

/* Does a new session begin with this event? */
static inline bool
begins(const SessionRun *run, TimestampTz ts, bool force_new)
{
	return run->session == 0 || force_new || distance(ts, run->last) > run->gap ||
		   distance(ts, run->start) > run->max_length || (run->zone && ts >= run->day);
}

/*
 * behav_sessionize(ts, gap, max_length, force_new, time_zone): the number of the row's session in
 * its partition, from 1. A row without a finite time belongs to none: NULL.
 */
BM_FUNCTION(behav_sessionize);
Datum
behav_sessionize(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	SessionRun *run;
	TimestampTz ts;
	bool isnull, force_new;

	if (!WindowObjectIsValid(winobj))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("behav_sessionize must be called as a window function"),
						errhint("Write OVER (PARTITION BY user_id ORDER BY ts).")));
	run = WinGetPartitionLocalMemory(winobj, sizeof(SessionRun));
	if (!run->begun)
		begin_partition(fcinfo, winobj, run);
	ts = DatumGetTimestampTz(WinGetFuncArgCurrent(winobj, ARG_TS, &isnull));
	/* no earlier row is asked for again: a partition of any size does not pile up in the tuplestore */
	if (++run->rows % MARK_ROWS == 0)
		WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));
	if (isnull || TIMESTAMP_NOT_FINITE(ts))
		PG_RETURN_NULL();
	force_new = !run->never_forced && forced(winobj);
	if (run->session > 0 && ts < run->last)
		raise_order(run->last, ts);
	if (begins(run, ts, force_new))
	{
		run->session++;
		run->start = ts;
		if (run->zone && (run->session == 1 || ts >= run->day))
			run->day = next_midnight(ts, run->zone);
	}
	run->last = ts;
	PG_RETURN_INT64(run->session);
}

/* ---- aggregate ---- */

/* An entry: first event, last event, number of events. Configuration: the gap. */
enum
{
	START,
	END,
	EVENTS,
	WORDS
};

static const char *check_sessions(const BmFlat *state);

static const BmFlatKind session_kind = {.type = "behav_session_state",
										.config = "gap",
										.id = BM_FLAT_SESSION,
										.version = 1,
										.words = WORDS,
										.times = true,
										.config_words = 1,
										.check = check_sessions};

BM_FLAT_FUNCTION(behav_session_state, in, session_kind);
BM_FLAT_FUNCTION(behav_session_state, out, session_kind);
BM_FLAT_FUNCTION(behav_session_state, recv, session_kind);
BM_FLAT_FUNCTION(behav_session_state, send, session_kind);
BM_FLAT_FUNCTION(behav_session_state, ignored, session_kind);

static const char *
check_sessions(const BmFlat *state)
{
	const uint64 *e = bm_flat_entries(state);

	if ((int64) bm_flat_config(state)[0] <= 0)
		return "Its gap is not longer than zero.";
	for (int64 i = 0; i < state->n; i++, e += WORDS)
		if (!IS_VALID_TIMESTAMP((int64) e[END]) || (int64) e[END] < (int64) e[START] ||
			(int64) e[EVENTS] < 1 || (int64) e[EVENTS] > PG_INT32_MAX * INT64CONST(1000))
			return "It has a session that ends before it begins, or has no events.";
	return NULL;
}

/*
 * Merge neighbours of sorted sessions (n) into to, which may be from; returns how many are left.
 * Afterwards any two lie further apart than the gap.
 */
static int64
merge_sorted(uint64 *to, const uint64 *from, int64 n, int64 gap)
{
	int64 out = 0;

	for (int64 i = 0; i < n; i++, from += WORDS)
	{
		uint64 *last = to + (out - 1) * WORDS;

		if (i % 0x10000 == 0xffff)
			CHECK_FOR_INTERRUPTS();
		if (out > 0 && ((int64) from[START] <= (int64) last[END] ||
						distance((int64) from[START], (int64) last[END]) <= gap))
		{
			last[END] = Max((int64) last[END], (int64) from[END]);
			last[EVENTS] += from[EVENTS];
		}
		else
			memmove(to + out++ * WORDS, from, WORDS * sizeof(uint64));
	}
	return out;
}

/* Sort and merge the sessions of a writable state. */
static void
compact(BmFlat *s)
{
	uint64 *entries = bm_flat_entries(s);
	const uint64 *sorted = bm_flat_sorted(s);
	int64 n = s->n;

	bm_flat_settle(s, merge_sorted(entries, sorted, n, (int64) bm_flat_config(s)[0]));
	/* the room behind them is as in a new state: nothing of what was is stored or sent */
	memset(entries + s->n * WORDS, 0, (n - s->n) * WORDS * sizeof(uint64));
	if (sorted != entries)
		pfree((void *) sorted);
}

/* s with room for more entries; sessions that can be merged are merged before it grows. */
static BmFlat *
make_room(BmFlat *s, int64 more)
{
	if (bm_flat_size(s, more) <= VARSIZE(s))
		return s;
	compact(s);
	/* three quarters full is full: else every few events would sort the list again */
	return bm_flat_grow(s, more + s->n / 3);
}

/* Is ts part of session e, or within the gap of it? */
static inline bool
belongs(const uint64 *e, TimestampTz ts, int64 gap)
{
	if (ts >= (int64) e[START])
		return ts <= (int64) e[END] || distance(ts, (int64) e[END]) <= gap;
	return distance((int64) e[START], ts) <= gap;
}

static BmFlat *
add_event(BmFlat *s, TimestampTz ts)
{
	uint64 entry[WORDS] = {(uint64) ts, (uint64) ts, 1};

	if (s->n > 0)
	{
		uint64 *last = bm_flat_entries(s) + (s->n - 1) * WORDS;

		if (belongs(last, ts, (int64) bm_flat_config(s)[0]))
		{
			last[EVENTS]++;
			last[END] = Max((int64) last[END], ts);
			if (ts < (int64) last[START])
			{
				last[START] = (uint64) ts;
				s->last = ts;
				if (s->n > 1 && !bmc_entry_le(last - WORDS, last, WORDS))
					s->flags &= ~BM_FLAT_SORTED;
			}
			return s;
		}
	}
	return bm_flat_push(make_room(s, 1), entry);
}

/* (state, ts, gap) */
BM_FUNCTION(behav_session_state_accum);
Datum
behav_session_state_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &session_kind);
	uint64 gap;

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"gap\" must not be null")));
	gap = (uint64) bm_interval_micros(PG_GETARG_INTERVAL_P(2), "gap");
	if (s == NULL)
		s = bm_flat_new(&session_kind, &gap);
	else if (bm_flat_config(s)[0] != gap)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"gap\" changes within a group"),
						errhint("Give it as a constant, or group by what it depends on.")));
	if (PG_ARGISNULL(1) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(1)))
		s->ignored++;
	else
		s = add_event(s, PG_GETARG_TIMESTAMPTZ(1));
	PG_RETURN_POINTER(s);
}

BM_FUNCTION(behav_session_state_combine);
Datum
behav_session_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &session_kind);
	const BmFlat *b;

	if (PG_ARGISNULL(1))
	{
		if (a == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(a);
	}
	b = bm_flat_get(PG_GETARG_DATUM(1), &session_kind);
	if (a == NULL)
		PG_RETURN_POINTER(b);
	PG_RETURN_POINTER(bm_flat_append(make_room(a, b->n), b, &session_kind));
}

/* Sessions of any state, merged: *n of them, in the state itself or in a copy. */
static const uint64 *
merged(const BmFlat *s, int64 *n)
{
	const uint64 *sorted = bm_flat_sorted(s);
	uint64 *to = palloc_extended(sizeof(uint64) * WORDS * (Size) Max(s->n, 1), MCXT_ALLOC_HUGE);

	*n = merge_sorted(to, sorted, s->n, (int64) bm_flat_config(s)[0]);
	return to;
}

/* FINALFUNC: the state in the one form that its events have, whatever way they came. */
BM_FUNCTION(behav_session_state_final);
Datum
behav_session_state_final(PG_FUNCTION_ARGS)
{
	const BmFlat *s;
	BmFlat *out;
	const uint64 *entries;
	Size size;
	int64 n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	s = bm_flat_get(PG_GETARG_DATUM(0), &session_kind);
	entries = merged(s, &n);
	size = sizeof(BmFlat) + sizeof(uint64) * (s->config_words + (Size) n * WORDS);
	out = palloc(size);
	memcpy(out, s, sizeof(BmFlat) + sizeof(uint64) * s->config_words);
	SET_VARSIZE(out, size);
	memcpy(bm_flat_entries(out), entries, sizeof(uint64) * WORDS * (Size) n);
	bm_flat_settle(out, n);
	PG_RETURN_POINTER(out);
}

/* ---- accessors ---- */

/* bigint: sessions. */
BM_FUNCTION(behav_session_count);
Datum
behav_session_count(PG_FUNCTION_ARGS)
{
	int64 n;

	(void) merged(bm_flat_get(PG_GETARG_DATUM(0), &session_kind), &n);
	PG_RETURN_INT64(n);
}

/* bigint: events in all sessions. */
BM_FUNCTION(behav_session_state_events);
Datum
behav_session_state_events(PG_FUNCTION_ARGS)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), &session_kind);
	const uint64 *e = bm_flat_entries(s);
	int64 events = 0;

	for (int64 i = 0; i < s->n; i++)
		events += (int64) e[i * WORDS + EVENTS];
	PG_RETURN_INT64(events);
}

/* Rows: session, started, ended, events, seconds. */
BM_FUNCTION(behav_sessions);
Datum
behav_sessions(PG_FUNCTION_ARGS)
{
	int64 n;
	const uint64 *e;

	bm_srf_begin(fcinfo);
	e = merged(bm_flat_get(PG_GETARG_DATUM(0), &session_kind), &n);
	for (int64 i = 0; i < n; i++, e += WORDS)
	{
		Datum values[5];
		bool nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int64GetDatum(i + 1);
		values[1] = TimestampTzGetDatum((int64) e[START]);
		values[2] = TimestampTzGetDatum((int64) e[END]);
		values[3] = Int64GetDatum((int64) e[EVENTS]);
		values[4] = Float8GetDatum((double) distance((int64) e[END], (int64) e[START]) / 1e6);
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}
