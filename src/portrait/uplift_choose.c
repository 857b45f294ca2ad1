/*
 * uplift_choose.c
 *		The learners of an effect fitted, measured by their Qini beside the best rule of one column and a
 *		random order, and the best of them fitted again on everybody.
 */
#include "pg/pg.h"

#include <math.h>

#include "core/num/rng.h"
#include "portrait/uplift_fit.h"

#define STREAM_RANDOM 0x524e444d
#define BAND_PEOPLE 800 /* an effect of a few percent shows in so many */
#define FEW_COLUMNS 16

/* ---- measuring ---- */

static int
best_first(const void *a, const void *b)
{
	double x = ((const BmUpliftRow *) a)->score, y = ((const BmUpliftRow *) b)->score;

	return x > y ? -1 : x < y;
}

/* The people of a part by score (n) + j * stride times sign, best first; palloc'd. */
static BmUpliftRow *
ranked(const BmUpliftPart *p, const float *score, size_t stride, double sign)
{
	BmUpliftRow *rows = palloc_extended(sizeof(BmUpliftRow) * Max(p->n, 1), MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < p->n; i++)
		rows[i] = (BmUpliftRow){sign * (double) score[i * stride], p->outcome[i], p->treated[i]};
	qsort(rows, p->n, sizeof(BmUpliftRow), best_first);
	return rows;
}

static BmUpliftAreas
areas_of(const BmUpliftCall *c, const BmUpliftRow *rows, size_t n, double *top)
{
	BmUpliftPoint *points = palloc_extended(sizeof(BmUpliftPoint) * Max(n, 1), MCXT_ALLOC_HUGE);
	size_t npoints = bmc_uplift_curve(points, rows, NULL, n);
	BmUpliftAreas areas = bmc_uplift_areas(points, npoints, c->binary);

	if (top)
	{
		BmUpliftPoint best = bmc_uplift_top(points, npoints, c->options.top);

		*top = bmc_uplift_effect(&best);
	}
	pfree(points);
	return areas;
}

/* What learners are chosen by: higher is better. */
double
bm_uplift_criterion(const BmUpliftCall *c, const BmUpliftAreas *a)
{
	return c->binary ? a->qini : a->qini_raw;
}

static double
measure(const BmUpliftCall *c, const BmUpliftPart *p, const float *score, size_t stride,
		double sign)
{
	BmUpliftRow *rows = ranked(p, score, stride, sign);
	BmUpliftAreas areas = areas_of(c, rows, p->n, NULL);

	pfree(rows);
	return bm_uplift_criterion(c, &areas);
}

/* 95 % interval of the criterion of rows, by a bootstrap. */
static void
interval_of(BmUpliftCall *c, const BmUpliftRow *rows, size_t n, double *low, double *high)
{
	double all_low[BM_UPLIFT_MEASURES], all_high[BM_UPLIFT_MEASURES];
	int which = c->binary ? BM_UPLIFT_QINI : BM_UPLIFT_QINI_RAW;

	bm_check(bmc_uplift_bootstrap(all_low, all_high, rows, n, c->options.top,
								  (size_t) c->options.bootstrap, 0.95, (uint64) c->seed, c->pool,
								  &c->mem, &c->watch.stop),
			 "resample the people", NULL);
	*low = all_low[which];
	*high = all_high[which];
}

/* Standard error of the criterion on a part. */
static double
spread(BmUpliftCall *c, const BmUpliftPart *p, const float *score)
{
	BmUpliftRow *rows = ranked(p, score, 1, 1.0);
	double low, high;

	interval_of(c, rows, p->n, &low, &high);
	pfree(rows);
	return isfinite(high - low) ? (high - low) / (2.0 * 1.959964) : 0.0;
}

/* Fill what is known of a ranking from the test part. */
static void
measure_test(BmUpliftCall *c, BmUpliftRanking *r, const float *score, size_t stride, double sign)
{
	BmUpliftRow *rows = ranked(&c->test, score, stride, sign);

	r->test = areas_of(c, rows, c->test.n, &r->top);
	interval_of(c, rows, c->test.n, &r->low, &r->high);
	pfree(rows);
}

/* ---- learners ---- */

static BmUpliftData
data_of(const BmUpliftCall *c, const BmUpliftPart *p)
{
	return (BmUpliftData){.n = p->n,
						  .width = c->encoder->core.width,
						  .x = p->x,
						  .outcome = p->outcome,
						  .treated = p->treated};
}

/* False when this learner cannot be fitted on so few people. */
static bool
fit(BmUpliftCall *c, BmUpliftLearner *l, BmUpliftMethod method, const BmUpliftPart *p)
{
	BmUpliftData data = data_of(c, p);
	BmStatus status = bmc_uplift_learner_fit(l, method, &data, c->binary, &c->settings,
											 (uint64) c->seed, c->pool, &c->mem, &c->watch.stop);

	if (status == BM_EINVAL && c->options.learner == 0)
	{
		bmc_uplift_learner_free(l);
		return false;
	}
	bm_check(status, psprintf("train learner \"%s\"", bm_uplift_method_names[method]),
			 status == BM_EINVAL ? "Too few people of one arm for its leaves." : NULL);
	return true;
}

static float *
scores(BmUpliftCall *c, const BmUpliftLearner *l, const BmUpliftPart *p)
{
	float *score = bm_uplift_need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(float)));

	for (size_t i = 0; i < p->n; i += 4096)
	{
		bm_interrupts();
		bmc_uplift_learner_predict(score + i, l, p->x + i * l->width, Min(4096, p->n - i));
	}
	return score;
}

/*
 * How far effects (n) are from the true ones, in the mean square, but for a constant: the mean of the
 * transformed outcome is the true effect (Athey and Imbens 2016). The mean outcome is taken off to calm it.
 */
static double
distance(const BmUpliftPart *p, const float *effect)
{
	double n = (double) p->n, mean = 0.0, share = 0.0, sum = 0.0;

	for (size_t i = 0; i < p->n; i++)
	{
		mean += p->outcome[i] / n;
		share += p->treated[i] / n;
	}
	for (size_t i = 0; i < p->n; i++)
	{
		double y = (p->outcome[i] - mean) / (p->treated[i] ? share : share - 1.0);

		sum += ((double) effect[i] - 2.0 * y) * (double) effect[i];
	}
	return sum / n;
}

static void
try_learner(BmUpliftCall *c, BmUpliftMethod method)
{
	BmUpliftRanking *r = &c->ranking[method];
	BmUpliftLearner *l = &c->candidate[method];
	float *score;

	bm_progress_phase(BM_PHASE_FIT, bm_uplift_method_names[method]);
	r->name = bm_uplift_method_names[method];
	if (!fit(c, l, method, &c->train))
		return;
	c->tried[method] = true;
	score = scores(c, l, &c->valid);
	r->valid = measure(c, &c->valid, score, 1, 1.0);
	r->loss = distance(&c->valid, score);
	r->error = spread(c, &c->valid, score);
	bmc_free(&c->mem, score);
	score = scores(c, l, &c->test);
	measure_test(c, r, score, 1, 1.0);
	bmc_free(&c->mem, score);
}

/*
 * The best Qini on validation; of those that one standard error cannot tell from it, the one whose effects
 * are nearest the true ones, for a Qini sees their order only, and money is spent by their size.
 */
static void
choose_learner(BmUpliftCall *c)
{
	int top = -1;

	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m] && (top < 0 || c->ranking[m].valid > c->ranking[top].valid))
			top = m;
	c->best = top;
	for (int m = 0; m < BM_UPLIFT_METHODS && top >= 0; m++)
		if (c->tried[m] && c->ranking[m].valid >= c->ranking[top].valid - c->ranking[top].error &&
			c->ranking[m].loss < c->ranking[c->best].loss)
			c->best = m;
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m] && m != c->best)
			bmc_uplift_learner_free(&c->candidate[m]);
	if (c->best < 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("no uplift learner can be fitted on %s", c->relation)));
	c->learner = c->candidate[c->best];
}

/* The feature, up or down, that ranks the training part best, as it does on the others. */
static void
try_columns(BmUpliftCall *c)
{
	size_t width = c->encoder->core.width, best = 0, column;
	double sign = 1.0, most = -INFINITY;
	char name[2 * NAMEDATALEN + 8];

	for (size_t j = 0; j < width; j++)
		for (int s = 1; s >= -1; s -= 2)
		{
			double q = measure(c, &c->train, c->train.x + j, width, s);

			bm_interrupts();
			if (q > most)
			{
				most = q;
				best = j;
				sign = s;
			}
		}
	bmc_encoder_feature(&c->encoder->core, best, name, sizeof(name), &column);
	c->column.name = psprintf("one column: %s, %s first", name, sign > 0 ? "highest" : "lowest");
	c->column.valid = measure(c, &c->valid, c->valid.x + best, width, sign);
	measure_test(c, &c->column, c->test.x + best, width, sign);
}

static void
try_random(BmUpliftCall *c)
{
	BmRng rng = bmc_rng((uint64) c->seed, STREAM_RANDOM);
	size_t n = Max(c->valid.n, c->test.n);
	float *score = bm_uplift_need(bmc_alloc(&c->mem, n, sizeof(float)));

	for (size_t i = 0; i < n; i++)
		score[i] = (float) bmc_rng_double(&rng);
	c->random.name = "random";
	c->random.valid = measure(c, &c->valid, score, 1, 1.0);
	measure_test(c, &c->random, score, 1, 1.0);
	bmc_free(&c->mem, score);
}

/* ---- the version ---- */

/* Mean and the variance of the mean of one arm of rows [first, last). */
static double
arm_mean(const BmUpliftRow *rows, size_t first, size_t last, bool treated, double *variance)
{
	double n = 0, sum = 0, squares = 0;

	for (size_t i = first; i < last; i++)
		if (rows[i].treated == treated)
		{
			n++;
			sum += rows[i].outcome;
			squares += rows[i].outcome * rows[i].outcome;
		}
	if (n < 2)
	{
		*variance = NAN;
		return NAN;
	}
	*variance = Max(squares - sum * sum / n, 0.0) / (n - 1) / n;
	return sum / n;
}

/* Effects that were seen in bins of the test part by the chosen learner's score. */
static void
make_bands(BmUpliftCall *c)
{
	float *score = scores(c, &c->learner, &c->test);
	BmUpliftRow *rows = ranked(&c->test, score, 1, 1.0);
	size_t n = c->test.n, bins = Max(Min(n / BAND_PEOPLE, BM_UPLIFT_BANDS), 1);

	c->band = palloc0(sizeof(BmUpliftBand) * bins);
	for (size_t b = 0; b < bins; b++)
	{
		size_t first = b * n / bins, last = (b + 1) * n / bins;
		double vt, vc,
			effect =
				arm_mean(rows, first, last, true, &vt) - arm_mean(rows, first, last, false, &vc);
		double width = 1.959964 * sqrt(vt + vc);

		if (isfinite(effect) && isfinite(width))
			c->band[c->nbands++] =
				(BmUpliftBand){(float) rows[last - 1].score, (float) effect,
							   (float) (effect - width), (float) (effect + width)};
	}
	pfree(rows);
	bmc_free(&c->mem, score);
}

static void
refit(BmUpliftCall *c)
{
	BmUpliftMethod method = (BmUpliftMethod) c->best;

	bm_progress_phase(BM_PHASE_FIT, "everybody");
	bmc_uplift_learner_free(&c->learner);
	bm_uplift_encoder(c, &c->all);
	bm_uplift_encode(c, &c->all, true);
	fit(c, &c->learner, method, &c->all);
}

/* ---- the whole ---- */

void
bm_uplift_choose(BmUpliftCall *c)
{
	int only = c->options.learner - 1;

	if (c->settings.forest.min_arm == 0)
		c->settings.forest.min_arm = (int) Max(10, c->train.n / 400);
	c->pool = bm_pool_open(c->context, bm_threads(), false);
	bm_uplift_encoder(c, &c->train);
	/* of few columns each split may take any: one that matters is then never missed */
	if (c->encoder->core.width <= FEW_COLUMNS)
		c->settings.forest.columns = (int) c->encoder->core.width;
	bm_uplift_encode(c, &c->train, true);
	bm_uplift_encode(c, &c->valid, false);
	bm_uplift_encode(c, &c->test, false);
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (only < 0 || only == m)
			try_learner(c, (BmUpliftMethod) m);
	choose_learner(c);
	try_columns(c);
	try_random(c);
	make_bands(c);
	if (bm_uplift_criterion(c, &c->ranking[c->best].test) <=
		bm_uplift_criterion(c, &c->column.test))
		c->note = "not better than the rule of one column";
	refit(c);
}
