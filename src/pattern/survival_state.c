/*
 * survival_state.c
 *		behav_survival_agg(duration, event): how many ended, and how many were last seen, after each
 *		duration, as a state; and the curve of a state.
 *
 * An entry is a duration (the bits of a double >= 0 sort as numbers), how many ended then, and how many
 * went out of sight. Counts of equal durations are added up before a state grows, so its size is that of
 * the distinct durations, and the curve is the same however the rows were divided.
 */
#include "pattern/survival.h"

#include <math.h>

#include "pattern/states.h"

enum
{
	DURATION,
	EVENTS,
	CENSORED,
	ENTRY_WORDS
};

#define MOST_COUNT ((uint64) 1 << 52) /* sums of counts stay exact in a double */

static double
duration_of(uint64 bits)
{
	double d;

	memcpy(&d, &bits, sizeof(d));
	return d;
}

static const char *
check_survival(const BmFlat *s)
{
	const uint64 *e = bm_flat_entries(s);
	uint64 sum = 0;

	for (int64 i = 0; i < s->n; i++, e += ENTRY_WORDS)
	{
		double d = duration_of(e[DURATION]);

		if (!isfinite(d) || signbit(d))
			return "It has a duration that is negative or not finite.";
		if (e[EVENTS] > MOST_COUNT || e[CENSORED] > MOST_COUNT)
			return "It has a count out of range.";
		sum += e[EVENTS] + e[CENSORED];
		if (sum > MOST_COUNT)
			return "It has a count out of range.";
	}
	return NULL;
}

static const BmFlatKind survival_kind = {.type = "behav_survival_state",
										 .config = "configuration",
										 .id = BM_FLAT_SURVIVAL,
										 .version = 1,
										 .words = ENTRY_WORDS,
										 .times = false,
										 .config_words = 0,
										 .check = check_survival};

BM_FLAT_FUNCTION(behav_survival_state, in, survival_kind);
BM_FLAT_FUNCTION(behav_survival_state, out, survival_kind);
BM_FLAT_FUNCTION(behav_survival_state, recv, survival_kind);
BM_FLAT_FUNCTION(behav_survival_state, send, survival_kind);
BM_FLAT_FUNCTION(behav_survival_state, ignored, survival_kind);

static size_t
unite(uint64 *e, size_t n)
{
	uint64 *to = e;
	size_t kept = 0;

	for (size_t i = 0; i < n; i++, e += ENTRY_WORDS)
	{
		if (kept > 0 && to[DURATION] == e[DURATION])
		{
			to[EVENTS] += e[EVENTS];
			to[CENSORED] += e[CENSORED];
			continue;
		}
		if (kept++ > 0)
			to += ENTRY_WORDS;
		memmove(to, e, ENTRY_WORDS * sizeof(uint64));
	}
	return kept;
}

static BmFlat *
add_duration(BmFlat *s, double duration, bool event)
{
	uint64 entry[ENTRY_WORDS] = {0, event, !event}, *last;

	duration += 0.0; /* no negative zero */
	memcpy(&entry[DURATION], &duration, sizeof(double));
	last = bm_flat_entries(s) + (Size) s->n * ENTRY_WORDS - ENTRY_WORDS;
	if (s->n > 0 && last[DURATION] == entry[DURATION])
	{
		last[EVENTS] += entry[EVENTS];
		last[CENSORED] += entry[CENSORED];
		return s;
	}
	if (bm_flat_size(s, 1) > VARSIZE(s))
		s = bm_state_unite(s, 1, unite);
	return bm_flat_push(s, entry);
}

/* behav_survival_accum(state, duration, event): a NULL in either is counted, and left out. */
BM_FUNCTION(behav_survival_accum);
Datum
behav_survival_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &survival_kind);
	static const uint64 no_config = 0;
	double duration;

	if (s == NULL)
		s = bm_flat_new(&survival_kind, &no_config);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
	{
		s->ignored++;
		PG_RETURN_POINTER(s);
	}
	duration = PG_GETARG_FLOAT8(1);
	if (!isfinite(duration) || duration < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a duration must be finite and not negative"),
				 errdetail("It is %g.", duration),
				 errhint("Leave such rows out with FILTER, or make them NULL: they are counted.")));
	PG_RETURN_POINTER(add_duration(s, duration, PG_GETARG_BOOL(2)));
}

BM_FUNCTION(behav_survival_state_combine);
Datum
behav_survival_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &survival_kind);
	const BmFlat *b;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &survival_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &survival_kind);
	if (bm_flat_size(a, b->n) > VARSIZE(a))
		a = bm_state_unite(a, b->n, unite);
	PG_RETURN_POINTER(bm_flat_append(a, b, &survival_kind));
}

BM_FUNCTION(behav_survival_state_final);
Datum
behav_survival_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(bm_state_united(bm_flat_get(PG_GETARG_DATUM(0), &survival_kind), unite));
}

/* ---- the curve ---- */

double
bm_survival_z(double confidence)
{
	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"confidence\" must be between 0 and 1"),
						errdetail("It is %g.", confidence),
						errhint("Use 0.95 for a band of 95 percent.")));
	return bmc_normal_quantile(0.5 + confidence / 2);
}

static Datum
finite_or_null(double x, bool *null)
{
	*null = !isfinite(x);
	return Float8GetDatum(x);
}

void
bm_survival_rows(FunctionCallInfo fcinfo, const BmLifetimes *lives, size_t n, double z,
				 const char *breakdown, bool has_breakdown)
{
	BmSurvivalRow *row = palloc_extended(Max(n, 1) * sizeof(BmSurvivalRow), MCXT_ALLOC_HUGE);

	bmc_survival(row, lives, n, z);
	for (size_t i = 0; i < n; i++)
	{
		bool null[9] = {false};
		Datum v[9] = {Float8GetDatum(row[i].t), Int64GetDatum(row[i].at_risk),
					  Int64GetDatum(row[i].events), Int64GetDatum(row[i].censored),
					  Float8GetDatum(row[i].survival)};

		v[5] = finite_or_null(row[i].std_error, &null[5]);
		v[6] = finite_or_null(row[i].low, &null[6]);
		v[7] = finite_or_null(row[i].high, &null[7]);
		null[8] = breakdown == NULL;
		if (has_breakdown && breakdown)
			v[8] = bm_text_datum(breakdown);
		bm_srf_row(fcinfo, v, null);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(row);
}

/* Argument 0 as lives in the current context. */
static BmLifetimes *
lives_argument(FunctionCallInfo fcinfo, size_t *n)
{
	BmFlat *s = bm_state_united(bm_flat_get(PG_GETARG_DATUM(0), &survival_kind), unite);
	const uint64 *e = bm_flat_entries(s);
	BmLifetimes *lives = palloc_extended(Max(s->n, 1) * sizeof(BmLifetimes), MCXT_ALLOC_HUGE);

	*n = (size_t) s->n;
	for (size_t i = 0; i < *n; i++, e += ENTRY_WORDS)
		lives[i] = (BmLifetimes){duration_of(e[DURATION]), (int64) e[EVENTS], (int64) e[CENSORED]};
	return lives;
}

/* behav_survival_curve(state, confidence): the curve, a row per distinct duration. */
BM_FUNCTION(behav_survival_curve);
Datum
behav_survival_curve(PG_FUNCTION_ARGS)
{
	double z = bm_survival_z(PG_GETARG_FLOAT8(1));
	size_t n;
	BmLifetimes *lives = lives_argument(fcinfo, &n);

	bm_srf_begin(fcinfo);
	bm_survival_rows(fcinfo, lives, n, z, NULL, false);
	return (Datum) 0;
}

/* behav_survival_quantile(state, share): when no more than share are left; NULL: not yet. */
BM_FUNCTION(behav_survival_quantile);
Datum
behav_survival_quantile(PG_FUNCTION_ARGS)
{
	double share = PG_GETARG_FLOAT8(1), t;
	size_t n;
	BmLifetimes *lives = lives_argument(fcinfo, &n);
	BmSurvivalRow *row = palloc_extended(Max(n, 1) * sizeof(BmSurvivalRow), MCXT_ALLOC_HUGE);

	if (!(share >= 0 && share < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"share\" must be at least 0 and below 1"),
						errdetail("It is %g.", share)));
	bmc_survival(row, lives, n, 1);
	t = bmc_survival_quantile(row, n, share);
	if (isnan(t))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(t);
}
