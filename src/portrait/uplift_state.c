/*
 * uplift_state.c
 *		behav_uplift_agg(outcome, treated, score): people of a campaign as a state, and the measures of
 *		how well the score ranks them by the effect of the treatment.
 *
 * An entry is a score (its bits so that the best sorts first), an outcome and the arm: 24 bytes a
 * person. The entries' order is total, so every sum is taken in one order, however the rows came.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/memutils.h"

#include "core/stat/uplift.h"
#include "pg/flat.h"

enum
{
	SCORE,
	OUTCOME,
	TREATED,
	ENTRY_WORDS
};

static uint64
bits_of(double v)
{
	uint64 bits;

	v += 0.0; /* no negative zero */
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static double
double_of(uint64 bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* As signed numbers these sort as the doubles do; the same function goes back. */
static uint64
turn(uint64 bits)
{
	return (int64) bits < 0 ? bits ^ (uint64) PG_INT64_MAX : bits;
}

static const char *
check_uplift(const BmFlat *s)
{
	const uint64 *e = bm_flat_entries(s);

	for (int64 i = 0; i < s->n; i++, e += ENTRY_WORDS)
		if (!isfinite(double_of(turn(e[SCORE]))) || !isfinite(double_of(e[OUTCOME])) ||
			e[TREATED] > 1)
			return "It has a score, an outcome or an arm that is impossible.";
	return NULL;
}

static const BmFlatKind uplift_kind = {.type = "behav_uplift_state",
									   .config = "configuration",
									   .id = BM_FLAT_UPLIFT,
									   .version = 1,
									   .words = ENTRY_WORDS,
									   .times = false,
									   .config_words = 0,
									   .check = check_uplift};

BM_FLAT_TYPE(behav_uplift_state, uplift_kind);
BM_FLAT_FUNCTION(behav_uplift_state, events, uplift_kind);
BM_FLAT_FUNCTION(behav_uplift_state, ignored, uplift_kind);

static double
finite_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	double v = PG_GETARG_FLOAT8(i);

	if (!isfinite(v))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be finite", name), errdetail("It is %g.", v),
						errhint("Make such values NULL: these rows are left out and counted.")));
	return v;
}

/* behav_uplift_accum(state, outcome, treated, score): rows with a NULL are counted. */
BM_FUNCTION(behav_uplift_accum);
Datum
behav_uplift_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &uplift_kind);
	static const uint64 no_config = 0;
	uint64 entry[ENTRY_WORDS];

	if (s == NULL)
		s = bm_flat_new(&uplift_kind, &no_config);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
	{
		s->ignored++;
		PG_RETURN_POINTER(s);
	}
	entry[OUTCOME] = bits_of(finite_argument(fcinfo, 1, "outcome"));
	entry[TREATED] = PG_GETARG_BOOL(2);
	entry[SCORE] = turn(bits_of(-finite_argument(fcinfo, 3, "score")));
	PG_RETURN_POINTER(bm_flat_push(s, entry));
}

/* ---- questions to a state ---- */

/* Everybody of a state, best first, and the curve. */
typedef struct Campaign
{
	BmUpliftRow *rows;
	size_t n;
	BmUpliftPoint *points;
	size_t npoints;
	bool binary;
} Campaign;

static Campaign
campaign_of(const BmFlat *s)
{
	Campaign c = {.n = (size_t) s->n};
	const uint64 *e = bm_flat_sorted(s);

	c.rows = palloc_extended(Max(c.n, 1) * sizeof(BmUpliftRow), MCXT_ALLOC_HUGE);
	c.points = palloc_extended(Max(c.n, 1) * sizeof(BmUpliftPoint), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < c.n; i++, e += ENTRY_WORDS)
		c.rows[i] = (BmUpliftRow){-double_of(turn(e[SCORE])), double_of(e[OUTCOME]), e[TREATED]};
	c.npoints = bmc_uplift_curve(c.points, c.rows, NULL, c.n);
	c.binary = bmc_uplift_binary(c.rows, c.n);
	return c;
}

static Campaign
campaign_argument(FunctionCallInfo fcinfo)
{
	return campaign_of(bm_flat_get(PG_GETARG_DATUM(0), &uplift_kind));
}

static Datum
number_or_null(FunctionCallInfo fcinfo, double v)
{
	if (!isfinite(v))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(v);
}

BM_FUNCTION(behav_qini);
Datum
behav_qini(PG_FUNCTION_ARGS)
{
	Campaign c;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	c = campaign_argument(fcinfo);
	return number_or_null(fcinfo, bmc_uplift_areas(c.points, c.npoints, c.binary).qini);
}

BM_FUNCTION(behav_auuc);
Datum
behav_auuc(PG_FUNCTION_ARGS)
{
	Campaign c;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	c = campaign_argument(fcinfo);
	return number_or_null(fcinfo, bmc_uplift_areas(c.points, c.npoints, c.binary).auuc);
}

static double
share_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	double share = PG_GETARG_FLOAT8(i);

	if (!(share > 0 && share <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be above 0 and at most 1", name),
						errdetail("It is %g.", share),
						errhint("Use 0.1 for the best tenth of the people.")));
	return share;
}

BM_FUNCTION(behav_uplift_at);
Datum
behav_uplift_at(PG_FUNCTION_ARGS)
{
	Campaign c = campaign_argument(fcinfo);
	BmUpliftPoint top = bmc_uplift_top(c.points, c.npoints, share_argument(fcinfo, 1, "share"));

	return number_or_null(fcinfo, bmc_uplift_effect(&top));
}

/* ---- rows ---- */

/* behav_uplift_table(state, bins): bin, people, treated, control, mean of each arm, effect, score. */
BM_FUNCTION(behav_uplift_table);
Datum
behav_uplift_table(PG_FUNCTION_ARGS)
{
	size_t bins = (size_t) bm_arg_range(fcinfo, 1, "bins", 1, 10000);
	Campaign c = campaign_argument(fcinfo);
	BmUpliftPoint *bin = palloc(bins * sizeof(BmUpliftPoint));

	bm_srf_begin(fcinfo);
	bmc_uplift_table(bin, bins, c.points, c.npoints);
	for (size_t b = 0; b < bins; b++)
	{
		const BmUpliftPoint *p = &bin[b];
		Datum values[8] = {
			Int32GetDatum((int32) b + 1), Int64GetDatum((int64) (p->n_treated + p->n_control)),
			Int64GetDatum((int64) p->n_treated), Int64GetDatum((int64) p->n_control)};
		bool nulls[8] = {false};

		bm_set_float8(values, nulls, 4, p->y_treated / p->n_treated);
		bm_set_float8(values, nulls, 5, p->y_control / p->n_control);
		bm_set_float8(values, nulls, 6, bmc_uplift_effect(p));
		bm_set_float8(values, nulls, 7, p->score);
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/*
 * behav_uplift_curve(state, points): share of the people treated first, Qini value, uplift value, and
 * what a random order would give of the first. At most points rows, and the last.
 */
BM_FUNCTION(behav_uplift_curve);
Datum
behav_uplift_curve(PG_FUNCTION_ARGS)
{
	size_t most = (size_t) bm_arg_range(fcinfo, 1, "points", 1, 1000000), next = 1;
	Campaign c = campaign_argument(fcinfo);
	const BmUpliftPoint *all = c.npoints ? &c.points[c.npoints - 1] : NULL;

	bm_srf_begin(fcinfo);
	for (size_t i = 0; i < c.npoints; i++)
	{
		const BmUpliftPoint *p = &c.points[i];
		double n = p->n_treated + p->n_control, share = n / (double) c.n;
		Datum values[6] = {Float8GetDatum(share),
						   Int64GetDatum((int64) n),
						   Float8GetDatum(p->score),
						   Float8GetDatum(bmc_qini_value(p)),
						   Float8GetDatum(bmc_uplift_value(p)),
						   Float8GetDatum(share * bmc_qini_value(all))};
		bool nulls[6] = {false};

		if (share * (double) most < (double) next && p != all)
			continue;
		next = (size_t) (share * (double) most) + 1;
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

static void
emit_measure(FunctionCallInfo fcinfo, const char *name, double value, double low, double high)
{
	Datum values[4] = {bm_text_datum(name)};
	bool nulls[4] = {false};

	bm_set_float8(values, nulls, 1, value);
	bm_set_float8(values, nulls, 2, low);
	bm_set_float8(values, nulls, 3, high);
	bm_srf_row(fcinfo, values, nulls);
}

/* Intervals of all measures; NaN without replicates. */
static void
intervals(double *low, double *high, const Campaign *c, double top, size_t replicates,
		  double confidence, uint64 seed)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine bootstrap", ALLOCSET_DEFAULT_SIZES);
	BmPool *pool = bm_pool_open(context, bm_threads(), false);
	BmWatch watch;
	BmMem mem;

	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	bm_check_memory(&mem, bmc_uplift_bootstrap_bytes(c->n, replicates, bmc_pool_threads(pool)),
					"the bootstrap",
					"Raise behavmine.max_memory, or measure a random part of the people.");
	bm_check(bmc_uplift_bootstrap(low, high, c->rows, c->n, top, replicates, confidence, seed, pool,
								  &mem, &watch.stop),
			 "bootstrap", NULL);
	MemoryContextDelete(context);
}

/* behav_uplift_report(state, top, bootstrap, confidence, seed): measure, value, low, high. */
BM_FUNCTION(behav_uplift_report);
Datum
behav_uplift_report(PG_FUNCTION_ARGS)
{
	static const char *const name[BM_UPLIFT_MEASURES] = {"effect",   "qini_raw", "qini",
														 "auuc_raw", "auuc",     "effect_top"};
	Campaign c = campaign_argument(fcinfo);
	double top = share_argument(fcinfo, 1, "top"), confidence = PG_GETARG_FLOAT8(3);
	int64 replicates = bm_arg_range(fcinfo, 2, "bootstrap", 0, 10000);
	double value[BM_UPLIFT_MEASURES], low[BM_UPLIFT_MEASURES], high[BM_UPLIFT_MEASURES];

	if (!(confidence > 0 && confidence < 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"confidence\" must be between 0 and 1"),
						errdetail("It is %g.", confidence)));
	bm_srf_begin(fcinfo);
	bmc_uplift_measures(value, c.points, c.npoints, c.binary, top);
	for (int m = 0; m < BM_UPLIFT_MEASURES; m++)
		low[m] = high[m] = NAN;
	if (replicates > 0 && c.n > 0)
		intervals(low, high, &c, top, (size_t) replicates, confidence, (uint64) PG_GETARG_INT64(4));
	emit_measure(fcinfo, "people", (double) c.n, NAN, NAN);
	emit_measure(fcinfo, "treated", c.npoints ? c.points[c.npoints - 1].n_treated : 0, NAN, NAN);
	for (int m = 0; m < BM_UPLIFT_MEASURES; m++)
		emit_measure(fcinfo, name[m], value[m], low[m], high[m]);
	return (Datum) 0;
}
