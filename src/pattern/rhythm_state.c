/*
 * rhythm_state.c
 *		behav_rhythm_agg(ts, time_zone): events by hour of the week as a state; its rows and its strength.
 *
 * An entry is a cell of the week (24 * weekday + hour) and its count; a state has at most 168. The
 * zone, the first and the last event are part of the state, because how long each cell was observed
 * depends on them.
 */
#include "pattern/rhythm.h"

#include <math.h>

#include "utils/timestamp.h"

#include "pattern/states.h"

/* Words of the configuration. */
enum
{
	ZONE,
	FIRST = ZONE + BM_ZONE_WORDS, /* instants; not compared */
	LAST,
	CONFIG_WORDS
};

enum
{
	CELL,
	COUNT,
	ENTRY_WORDS
};

#define MOST_COUNT ((uint64) 1 << 52) /* sums of counts stay exact in a double */

static const char *
check_rhythm(const BmFlat *s)
{
	const uint64 *config = bm_flat_config(s), *e = bm_flat_entries(s);
	uint64 sum = 0;

	if (!bm_zone_words_valid(config + ZONE))
		return "It has no time zone.";
	if (s->n > 0 &&
		(!bm_period_time((int64) config[FIRST]) || !bm_period_time((int64) config[LAST]) ||
		 (int64) config[FIRST] > (int64) config[LAST]))
		return "It has a time out of range.";
	for (int64 i = 0; i < s->n; i++, e += ENTRY_WORDS)
	{
		if (e[CELL] >= BM_RHYTHM_CELLS)
			return "It has an hour out of range.";
		if (e[COUNT] > MOST_COUNT || (sum += e[COUNT]) > MOST_COUNT)
			return "It has a count out of range.";
	}
	return NULL;
}

static const BmFlatKind rhythm_kind = {.type = "behav_rhythm_state",
									   .config = "time zone",
									   .id = BM_FLAT_RHYTHM,
									   .version = 1,
									   .words = ENTRY_WORDS,
									   .times = false,
									   .config_words = CONFIG_WORDS,
									   .check = check_rhythm};

BM_FLAT_FUNCTION(behav_rhythm_state, in, rhythm_kind);
BM_FLAT_FUNCTION(behav_rhythm_state, out, rhythm_kind);
BM_FLAT_FUNCTION(behav_rhythm_state, recv, rhythm_kind);
BM_FLAT_FUNCTION(behav_rhythm_state, send, rhythm_kind);
BM_FLAT_FUNCTION(behav_rhythm_state, ignored, rhythm_kind);

/* ---- building ---- */

/* Count n events in a cell: entries stay in the order of cells, each cell once. */
static BmFlat *
add_cell(BmFlat *s, uint64 cell, uint64 n)
{
	uint64 *e = bm_flat_entries(s), entry[ENTRY_WORDS] = {cell, n};
	size_t lo = 0, hi = (size_t) s->n;

	while (lo < hi)
	{
		size_t mid = (lo + hi) / 2;

		if (e[mid * ENTRY_WORDS + CELL] < cell)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < (size_t) s->n && e[lo * ENTRY_WORDS + CELL] == cell)
	{
		e[lo * ENTRY_WORDS + COUNT] += n;
		return s;
	}
	s = bm_flat_grow(s, 1);
	e = bm_flat_entries(s) + lo * ENTRY_WORDS;
	memmove(e + ENTRY_WORDS, e, ((size_t) s->n - lo) * sizeof(entry));
	memcpy(e, entry, sizeof(entry));
	s->n++;
	return s;
}

/* behav_rhythm_accum(state, ts, time_zone) */
BM_FUNCTION(behav_rhythm_accum);
Datum
behav_rhythm_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &rhythm_kind);
	const uint64 *words;
	BmZone *zone = bm_zone_argument(fcinfo, 2, &words);
	uint64 *config;
	int64 t;

	if (s == NULL)
	{
		uint64 fresh[CONFIG_WORDS];

		memcpy(fresh + ZONE, words, BM_ZONE_BYTES);
		fresh[FIRST] = (uint64) PG_INT64_MAX;
		fresh[LAST] = (uint64) PG_INT64_MIN;
		s = bm_flat_new(&rhythm_kind, fresh);
	}
	config = (uint64 *) bm_flat_config(s);
	if (memcmp(config + ZONE, words, BM_ZONE_BYTES) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"time_zone\" changes within one group")));
	t = PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1);
	if (!bm_period_time(t))
	{
		s->ignored++;
		PG_RETURN_POINTER(s);
	}
	config[FIRST] = (uint64) Min((int64) config[FIRST], t);
	config[LAST] = (uint64) Max((int64) config[LAST], t);
	PG_RETURN_POINTER(add_cell(s, (uint64) bmc_rhythm_cell(bm_zone_local(zone, t)), 1));
}

/* 22023: the zones of two states. */
static void
raise_zones_differ(const uint64 *a, const uint64 *b)
{
	char one[BM_ZONE_BYTES], other[BM_ZONE_BYTES];

	bm_zone_words_name(one, a);
	bm_zone_words_name(other, b);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("states of type behav_rhythm_state differ in time zone"),
					errdetail("They are of \"%s\" and \"%s\".", one, other),
					errhint("Combine only states that were made with the same time zone.")));
}

BM_FUNCTION(behav_rhythm_state_combine);
Datum
behav_rhythm_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &rhythm_kind);
	const BmFlat *b;
	const uint64 *e, *other;
	uint64 *config;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &rhythm_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &rhythm_kind);
	config = (uint64 *) bm_flat_config(a);
	other = bm_flat_config(b);
	if (memcmp(config + ZONE, other + ZONE, BM_ZONE_BYTES) != 0)
		raise_zones_differ(config + ZONE, other + ZONE);
	config[FIRST] = (uint64) Min((int64) config[FIRST], (int64) other[FIRST]);
	config[LAST] = (uint64) Max((int64) config[LAST], (int64) other[LAST]);
	a->ignored += b->ignored;
	e = bm_flat_entries(b);
	for (int64 i = 0; i < b->n; i++, e += ENTRY_WORDS)
		a = add_cell(a, e[CELL], e[COUNT]);
	PG_RETURN_POINTER(a);
}

BM_FUNCTION(behav_rhythm_state_final);
Datum
behav_rhythm_state_final(PG_FUNCTION_ARGS)
{
	return bm_flat_final(fcinfo, &rhythm_kind);
}

/* ---- rows ---- */

void
bm_rhythm_init(BmRhythm *r, BmZone *zone)
{
	memset(r, 0, sizeof(BmRhythm));
	r->zone = zone;
	r->first = PG_INT64_MAX;
	r->last = PG_INT64_MIN;
}

/*
 * Hours that each cell was observed: from the beginning of the first event's hour to the end of the
 * last one's, on the clock of the zone, span by span.
 */
static void
exposure_of(double *exposure, BmRhythm *r)
{
	int64 at, end;

	memset(exposure, 0, BM_RHYTHM_CELLS * sizeof(double));
	if (r->first > r->last)
		return;
	at = bmc_floor_div(bm_zone_local(r->zone, r->first), USECS_PER_HOUR) * USECS_PER_HOUR -
		 bm_zone_span(r->zone, r->first)->offset;
	end = bmc_floor_div(bm_zone_local(r->zone, r->last), USECS_PER_HOUR) * USECS_PER_HOUR +
		  USECS_PER_HOUR - bm_zone_span(r->zone, r->last)->offset;
	while (at < end)
	{
		const BmZoneSpan *s = bm_zone_span(r->zone, at);
		int64 to = Min(s->to, end);

		bmc_rhythm_exposure(exposure, at + s->offset, to + s->offset);
		at = to;
		CHECK_FOR_INTERRUPTS();
	}
}

void
bm_rhythm_rows(FunctionCallInfo fcinfo, BmRhythm *r)
{
	double exposure[BM_RHYTHM_CELLS], time = 0, events = 0;

	exposure_of(exposure, r);
	for (int c = 0; c < BM_RHYTHM_CELLS; c++)
	{
		time += exposure[c];
		events += (double) r->count[c];
	}
	for (int c = 0; c < BM_RHYTHM_CELLS && events > 0; c++)
	{
		double share = (double) r->count[c] / events, expected = exposure[c] / time;
		bool null[6] = {false, false, false, false, false, !(expected > 0)};
		Datum v[6] = {
			Int32GetDatum(c / 24 + 1),  Int32GetDatum(c % 24),
			Int64GetDatum(r->count[c]), Float8GetDatum(share),
			Float8GetDatum(expected),   Float8GetDatum(expected > 0 ? share / expected : 0)};

		bm_srf_row(fcinfo, v, null);
	}
}

/* The cell with the highest rate, the first of several; -1 without events. */
static int
busiest(const BmRhythm *r, const double *exposure)
{
	int best = -1;

	for (int c = 0; c < BM_RHYTHM_CELLS; c++)
		if (r->count[c] > 0 && exposure[c] > 0 &&
			(best < 0 ||
			 (double) r->count[c] / exposure[c] > (double) r->count[best] / exposure[best]))
			best = c;
	return best;
}

void
bm_rhythm_strength_row(FunctionCallInfo fcinfo, BmRhythm *r)
{
	double exposure[BM_RHYTHM_CELLS];
	bool null[9] = {false};
	BmRhythmTest t;
	Datum v[9];
	int best;

	exposure_of(exposure, r);
	bmc_rhythm_test(&t, r->count, exposure);
	best = busiest(r, exposure);
	v[0] = Int64GetDatum(t.events);
	v[1] = Int32GetDatum(t.cells);
	v[2] = Float8GetDatum(t.chi2);
	v[3] = Float8GetDatum(t.df);
	v[4] = Float8GetDatum(t.p_value);
	v[5] = Float8GetDatum(t.cramers_v);
	v[6] = Float8GetDatum(t.entropy);
	v[7] = Int32GetDatum(best / 24 + 1);
	v[8] = Int32GetDatum(best % 24);
	null[2] = null[3] = null[4] = null[5] = null[6] = isnan(t.chi2);
	null[7] = null[8] = best < 0;
	bm_srf_row(fcinfo, v, null);
}

/* Argument 0 as counts. */
static void
rhythm_argument(FunctionCallInfo fcinfo, BmRhythm *r)
{
	const BmFlat *s = bm_flat_get(PG_GETARG_DATUM(0), &rhythm_kind);
	const uint64 *config = bm_flat_config(s), *e = bm_flat_entries(s);

	bm_rhythm_init(r, bm_zone_of_words(config + ZONE));
	r->first = (int64) config[FIRST];
	r->last = (int64) config[LAST];
	for (int64 i = 0; i < s->n; i++, e += ENTRY_WORDS)
		if (e[CELL] < BM_RHYTHM_CELLS)
			r->count[e[CELL]] += (int64) e[COUNT];
}

/* behav_rhythm(state) */
BM_FUNCTION(behav_rhythm_of_state);
Datum
behav_rhythm_of_state(PG_FUNCTION_ARGS)
{
	BmRhythm r;

	rhythm_argument(fcinfo, &r);
	bm_srf_begin(fcinfo);
	bm_rhythm_rows(fcinfo, &r);
	return (Datum) 0;
}

/* behav_rhythm_strength(state) */
BM_FUNCTION(behav_rhythm_strength_of_state);
Datum
behav_rhythm_strength_of_state(PG_FUNCTION_ARGS)
{
	BmRhythm r;

	rhythm_argument(fcinfo, &r);
	bm_srf_begin(fcinfo);
	bm_rhythm_strength_row(fcinfo, &r);
	return (Datum) 0;
}
