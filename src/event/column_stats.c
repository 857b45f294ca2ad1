/*
 * column_stats.c
 *		behav_column_agg(value): number, mean, variance, extremes and quantiles of a column, as a state
 *		of bounded size (at most 34 kB) that is the same in whatever order it was made and merged.
 *
 * Sums are exact (moments.h), so are all quantiles up to 1,024 different values; beyond, within the
 * bound of quantile.h. An entry is a bucket and its count.
 */
#include "event/column_stats.h"

#include <math.h>

#include "core/stat/moments.h"
#include "core/stat/quantile.h"

/* Words of the configuration; they grow with the data and are not compared. */
enum
{
	LEVEL,
	NONFINITE,
	LOWEST, /* bits of a double */
	HIGHEST,
	MOMENTS,
	CONFIG_WORDS = MOMENTS + sizeof(BmMoments) / sizeof(uint64)
};

#define ENTRY_WORDS 2
#define MOST_ENTRIES (2 * BM_SKETCH_MOST)

static inline BmMoments *
moments_of(const BmFlat *s)
{
	return (BmMoments *) (bm_flat_config(s) + MOMENTS);
}

static inline uint64 *
config_of(BmFlat *s)
{
	return (uint64 *) bm_flat_config(s);
}

static inline double
number_at(const BmFlat *s, int word)
{
	double v;

	memcpy(&v, &bm_flat_config(s)[word], sizeof(v));
	return v;
}

static void
put_number(BmFlat *s, int word, double v)
{
	memcpy(&config_of(s)[word], &v, sizeof(v));
}

static const char *
check_column(const BmFlat *s)
{
	const uint64 *config = bm_flat_config(s);
	const BmSketchEntry *e = (const BmSketchEntry *) bm_flat_entries(s);
	uint64 sum = 0, most = (uint64) 1 << 52;

	if (config[LEVEL] > BM_SKETCH_LEVELS || config[NONFINITE] > most)
		return "A field of it is out of range.";
	if (!bmc_moments_valid(moments_of(s)))
		return "Its sums are out of range.";
	if (s->n > MOST_ENTRIES)
		return "It has too many entries.";
	if (s->n > 0 && !(bmc_is_number(number_at(s, LOWEST)) && bmc_is_number(number_at(s, HIGHEST)) &&
					  number_at(s, LOWEST) <= number_at(s, HIGHEST)))
		return "Its extremes are out of range.";
	for (int64 i = 0; i < s->n; i++)
	{
		if (!bmc_is_number(bmc_sketch_value(e[i].bucket, 0)))
			return "It has a value out of range.";
		if (e[i].count == 0 || e[i].count > most || (sum += e[i].count) > most)
			return "It has a count out of range.";
	}
	return sum == (uint64) moments_of(s)->n ? NULL : "Its counts do not add up.";
}

static const BmFlatKind column_kind = {.type = "behav_column_state",
									   .config = "configuration",
									   .id = BM_FLAT_COLUMN,
									   .version = 1,
									   .words = ENTRY_WORDS,
									   .times = false,
									   .config_words = CONFIG_WORDS,
									   .check = check_column};

BM_FLAT_FUNCTION(behav_column_state, in, column_kind);
BM_FLAT_FUNCTION(behav_column_state, out, column_kind);
BM_FLAT_FUNCTION(behav_column_state, recv, column_kind);
BM_FLAT_FUNCTION(behav_column_state, send, column_kind);

/* ---- building ---- */

/* Order, unite equal buckets, and coarsen them all until they are few enough. */
static void
compact(BmFlat *s)
{
	int level = (int) config_of(s)[LEVEL];
	size_t n;

	bm_flat_sort(s);
	n = bmc_sketch_unite((BmSketchEntry *) bm_flat_entries(s), (size_t) s->n, &level);
	config_of(s)[LEVEL] = (uint64) level;
	bm_flat_settle(s, (int64) n);
}

static BmFlat *
new_state(void)
{
	uint64 config[CONFIG_WORDS] = {0};
	BmFlat *s = bm_flat_new(&column_kind, config);

	put_number(s, LOWEST, INFINITY);
	put_number(s, HIGHEST, -INFINITY);
	return s;
}

static BmFlat *
add_value(BmFlat *s, double v)
{
	int64 bucket = bmc_sketch_bucket(v, (int) config_of(s)[LEVEL]);
	uint64 entry[ENTRY_WORDS] = {(uint64) bucket, 1};

	bmc_moments_add(moments_of(s), v);
	if (v < number_at(s, LOWEST))
		put_number(s, LOWEST, v);
	if (v > number_at(s, HIGHEST))
		put_number(s, HIGHEST, v);
	if (s->n > 0 && s->last == bucket)
	{
		bm_flat_entries(s)[(s->n - 1) * ENTRY_WORDS + 1]++;
		return s;
	}
	if (s->n >= MOST_ENTRIES)
	{
		compact(s);
		entry[0] = (uint64) bmc_sketch_bucket(v, (int) config_of(s)[LEVEL]);
	}
	return bm_flat_push(s, entry);
}

/* behav_column_accum(state, value): a NULL is counted, and so is what is not finite. */
BM_FUNCTION(behav_column_accum);
Datum
behav_column_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &column_kind);

	if (s == NULL)
		s = new_state();
	if (PG_ARGISNULL(1))
		s->ignored++;
	else if (!bmc_is_number(PG_GETARG_FLOAT8(1)))
		config_of(s)[NONFINITE]++;
	else
		s = add_value(s, PG_GETARG_FLOAT8(1) + 0.0); /* no negative zero */
	PG_RETURN_POINTER(s);
}

BM_FUNCTION(behav_column_state_combine);
Datum
behav_column_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &column_kind);
	const BmFlat *b;
	uint64 *config;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &column_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &column_kind);
	config = config_of(a);
	config[LEVEL] = Max(config[LEVEL], bm_flat_config(b)[LEVEL]);
	config[NONFINITE] += bm_flat_config(b)[NONFINITE];
	put_number(a, LOWEST, Min(number_at(a, LOWEST), number_at(b, LOWEST)));
	put_number(a, HIGHEST, Max(number_at(a, HIGHEST), number_at(b, HIGHEST)));
	bmc_moments_merge(moments_of(a), moments_of(b));
	a->ignored += b->ignored;
	a = bm_flat_grow(a, b->n);
	for (int64 i = 0; i < b->n; i++)
		a = bm_flat_push(a, bm_flat_entries(b) + i * ENTRY_WORDS);
	if (a->n > BM_SKETCH_MOST)
		compact(a);
	PG_RETURN_POINTER(a);
}

/* A copy in canonical form: equal columns make equal states. */
static BmFlat *
canonical(const BmFlat *s)
{
	BmFlat *c = palloc(bm_flat_size(s, 0));

	memcpy(c, s, bm_flat_size(s, 0));
	SET_VARSIZE(c, bm_flat_size(s, 0));
	bmc_moments_settle(moments_of(c));
	compact(c);
	return c;
}

/* behav_column_state_final(state) */
BM_FUNCTION(behav_column_state_final);
Datum
behav_column_state_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(bm_flat_trim(canonical(bm_flat_get(PG_GETARG_DATUM(0), &column_kind))));
}

/* ---- reading ---- */

static double
quantile(const BmFlat *s, double p)
{
	return bmc_sketch_quantile((const BmSketchEntry *) bm_flat_entries(s), (size_t) s->n,
							   (int) bm_flat_config(s)[LEVEL], p, number_at(s, LOWEST),
							   number_at(s, HIGHEST));
}

/* behav_column_stats(state) */
BM_FUNCTION(behav_column_stats);
Datum
behav_column_stats(PG_FUNCTION_ARGS)
{
	BmFlat *s = canonical(bm_flat_get(PG_GETARG_DATUM(0), &column_kind));
	const BmMoments *m = moments_of(s);
	int level = (int) config_of(s)[LEVEL];
	bool null[12] = {false};
	Datum v[12];

	v[0] = Int64GetDatum(m->n);
	v[1] = Int64GetDatum(s->ignored);
	v[2] = Int64GetDatum((int64) config_of(s)[NONFINITE]);
	bm_set_float8(v, null, 3, bmc_moments_mean(m));
	bm_set_float8(v, null, 4, sqrt(bmc_moments_variance(m)));
	bm_set_float8(v, null, 5, number_at(s, LOWEST));
	bm_set_float8(v, null, 6, s->n > 0 ? quantile(s, 0.25) : NAN);
	bm_set_float8(v, null, 7, s->n > 0 ? quantile(s, 0.5) : NAN);
	bm_set_float8(v, null, 8, s->n > 0 ? quantile(s, 0.75) : NAN);
	bm_set_float8(v, null, 9, number_at(s, HIGHEST));
	null[10] = level > 0;
	v[10] = Int64GetDatum(s->n);
	v[11] = Float8GetDatum(bmc_sketch_error(level));
	bm_srf_begin(fcinfo);
	bm_srf_row(fcinfo, v, null);
	return (Datum) 0;
}

/* behav_column_quantile(state, p) */
BM_FUNCTION(behav_column_quantile);
Datum
behav_column_quantile(PG_FUNCTION_ARGS)
{
	BmFlat *s = canonical(bm_flat_get(PG_GETARG_DATUM(0), &column_kind));
	double p = PG_GETARG_FLOAT8(1);

	if (!(p >= 0 && p <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"p\" must be between 0 and 1"), errdetail("It is %g.", p),
						errhint("0.5 is the median.")));
	if (s->n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(quantile(s, p));
}

/* ---- as a column of a frame ---- */

static BmFlat *
from_text(const char *text)
{
	Datum value;

	LOCAL_FCINFO(call, 1);
	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = CStringGetDatum(text);
	call->args[0].isnull = false;
	value = bm_flat_in(call, &column_kind);
	return canonical(bm_flat_get(value, &column_kind));
}

int64
bm_column_state_rows(const char *state)
{
	BmFlat *s = from_text(state);

	return moments_of(s)->n + s->ignored + (int64) config_of(s)[NONFINITE];
}

void
bm_column_state_fill(BmColumn *column, size_t rows, const char *state)
{
	BmFlat *s = from_text(state);
	const BmSketchEntry *e = (const BmSketchEntry *) bm_flat_entries(s);
	int level = (int) config_of(s)[LEVEL];
	int64 total = moments_of(s)->n + s->ignored + (int64) config_of(s)[NONFINITE];
	uint64 upto = 0;
	size_t row = 0;

	for (int64 i = 0; i < s->n; i++)
	{
		double v = bmc_sketch_value(e[i].bucket, level);

		v = Min(Max(v, number_at(s, LOWEST)), number_at(s, HIGHEST));
		upto += e[i].count;
		for (; row < bm_spread(upto, total, rows); row++)
			column->number[row] = v;
	}
	column->missing = rows - row;
	column->nonfinite = (size_t) config_of(s)[NONFINITE];
	for (; row < rows; row++)
		column->number[row] = NAN;
}
