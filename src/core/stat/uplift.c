/*
 * uplift.c
 *		Uplift and Qini curves, their areas, and intervals by the bootstrap.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/stat/uplift.h"

/* ---- points ---- */

double
bmc_qini_value(const BmUpliftPoint *p)
{
	return p->y_treated - (p->n_control > 0 ? p->y_control * p->n_treated / p->n_control : 0.0);
}

double
bmc_uplift_value(const BmUpliftPoint *p)
{
	double treated = p->n_treated > 0 ? p->y_treated / p->n_treated : 0.0;
	double control = p->n_control > 0 ? p->y_control / p->n_control : 0.0;

	return (treated - control) * (p->n_treated + p->n_control);
}

double
bmc_uplift_effect(const BmUpliftPoint *p)
{
	return p->n_treated > 0 && p->n_control > 0
			   ? p->y_treated / p->n_treated - p->y_control / p->n_control
			   : NAN;
}

static double
people(const BmUpliftPoint *p)
{
	return p->n_treated + p->n_control;
}

static void
add_row(BmUpliftPoint *p, const BmUpliftRow *row, double weight)
{
	if (row->treated)
	{
		p->n_treated += weight;
		p->y_treated += weight * row->outcome;
	}
	else
	{
		p->n_control += weight;
		p->y_control += weight * row->outcome;
	}
}

size_t
bmc_uplift_curve(BmUpliftPoint *out, const BmUpliftRow *rows, const uint32_t *weight, size_t n)
{
	BmUpliftPoint sum = {0};
	size_t points = 0;

	for (size_t i = 0; i < n; i++)
	{
		add_row(&sum, &rows[i], weight ? weight[i] : 1.0);
		if (i + 1 < n && rows[i + 1].score == rows[i].score)
			continue;
		sum.score = rows[i].score;
		if (people(&sum) > (points ? people(&out[points - 1]) : 0.0))
			out[points++] = sum;
	}
	return points;
}

/* ---- areas ---- */

static double
area(const BmUpliftPoint *points, size_t n, double (*value)(const BmUpliftPoint *))
{
	double x = 0, y = 0, sum = 0;

	for (size_t i = 0; i < n; i++)
	{
		double next_x = people(&points[i]), next_y = value(&points[i]);

		sum += (next_x - x) * (y + next_y) / 2;
		x = next_x;
		y = next_y;
	}
	return sum;
}

static BmUpliftPoint
add(BmUpliftPoint p, double n_treated, double y_treated, double n_control, double y_control)
{
	p.n_treated += n_treated;
	p.y_treated += y_treated;
	p.n_control += n_control;
	p.y_control += y_control;
	return p;
}

/*
 * The perfect orders of scikit-uplift. tr, cr: who responded among treated and controls, tn, cn: who did
 * not. Qini: treated responders, then all who did not respond, then responding controls.
 */
static double
perfect_qini(double tr, double tn, double cr, double cn)
{
	BmUpliftPoint p[3];

	p[0] = add((BmUpliftPoint){0}, tr, tr, 0, 0);
	p[1] = add(p[0], tn, 0, cn, 0);
	p[2] = add(p[1], 0, 0, cr, cr);
	return area(p, 3, bmc_qini_value);
}

/* Uplift: treated responders, controls who did not respond, then the larger of the other two last. */
static double
perfect_uplift(double tr, double tn, double cr, double cn)
{
	BmUpliftPoint p[4];
	bool controls_first = cr > tn;

	p[0] = add((BmUpliftPoint){0}, tr, tr, 0, 0);
	p[1] = add(p[0], 0, 0, cn, 0);
	p[2] = controls_first ? add(p[1], 0, 0, cr, cr) : add(p[1], tn, 0, 0, 0);
	p[3] = controls_first ? add(p[2], tn, 0, 0, 0) : add(p[2], 0, 0, cr, cr);
	return area(p, 4, bmc_uplift_value);
}

/* NaN where the perfect order is no better than chance. */
static double
scaled(double got, double random, double perfect)
{
	return perfect > random ? (got - random) / (perfect - random) : NAN;
}

BmUpliftAreas
bmc_uplift_areas(const BmUpliftPoint *points, size_t n, bool binary)
{
	BmUpliftAreas a = {.effect = NAN, .qini_raw = NAN, .qini = NAN, .auuc_raw = NAN, .auuc = NAN};
	const BmUpliftPoint *all;
	double qini, auuc, size, tr, cr;

	if (n == 0)
		return a;
	all = &points[n - 1];
	size = people(all);
	tr = all->y_treated;
	cr = all->y_control;
	qini = area(points, n, bmc_qini_value);
	auuc = area(points, n, bmc_uplift_value);
	a.n = size;
	a.n_treated = all->n_treated;
	a.n_control = all->n_control;
	a.effect = bmc_uplift_effect(all);
	a.qini_raw = qini / size / size;
	a.auuc_raw = auuc / size / size;
	if (!binary || all->n_treated == 0 || all->n_control == 0)
		return a;
	a.qini = scaled(qini, size * bmc_qini_value(all) / 2,
					perfect_qini(tr, all->n_treated - tr, cr, all->n_control - cr));
	a.auuc = scaled(auuc, size * bmc_uplift_value(all) / 2,
					perfect_uplift(tr, all->n_treated - tr, cr, all->n_control - cr));
	return a;
}

bool
bmc_uplift_binary(const BmUpliftRow *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].outcome != 0.0 && rows[i].outcome != 1.0)
			return false;
	return true;
}

/* ---- parts ---- */

BmUpliftPoint
bmc_uplift_top(const BmUpliftPoint *points, size_t n, double share)
{
	double before = 0, limit;

	if (n == 0)
		return (BmUpliftPoint){0};
	limit = share * people(&points[n - 1]);
	for (size_t i = 0; i < n; i++)
	{
		if (i > 0 && before >= limit)
			return points[i - 1];
		before = people(&points[i]);
	}
	return points[n - 1];
}

void
bmc_uplift_table(BmUpliftPoint *out, size_t nbins, const BmUpliftPoint *points, size_t n)
{
	BmUpliftPoint before = {0};
	double size = n ? people(&points[n - 1]) : 0;

	for (size_t b = 0; b < nbins; b++)
		out[b] = (BmUpliftPoint){.score = NAN};
	for (size_t i = 0; i < n; i++)
	{
		size_t b = (size_t) (people(&before) * (double) nbins / size);
		BmUpliftPoint *bin = &out[b < nbins ? b : nbins - 1];

		*bin = add(*bin, points[i].n_treated - before.n_treated,
				   points[i].y_treated - before.y_treated, points[i].n_control - before.n_control,
				   points[i].y_control - before.y_control);
		bin->score = points[i].score;
		before = points[i];
	}
}

/* ---- intervals ---- */

void
bmc_uplift_measures(double out[BM_UPLIFT_MEASURES], const BmUpliftPoint *points, size_t n,
					bool binary, double top_share)
{
	BmUpliftAreas a = bmc_uplift_areas(points, n, binary);
	BmUpliftPoint top = bmc_uplift_top(points, n, top_share);

	out[BM_UPLIFT_EFFECT] = a.effect;
	out[BM_UPLIFT_QINI_RAW] = a.qini_raw;
	out[BM_UPLIFT_QINI] = a.qini;
	out[BM_UPLIFT_AUUC_RAW] = a.auuc_raw;
	out[BM_UPLIFT_AUUC] = a.auuc;
	out[BM_UPLIFT_TOP] = bmc_uplift_effect(&top);
}

/* Poisson(1) by inversion of one 32-bit number: P(X <= k) 2^32, until that is all of it. */
static const uint32_t poisson_below[] = {1580030169U, 3160060337U, 3950075422U, 4213413783U,
										 4279248374U, 4292415292U, 4294609778U, 4294923276U,
										 4294962463U, 4294966817U, 4294967252U, 4294967292U};

static inline uint32_t
poisson(uint32_t u)
{
	uint32_t k = 0;

	while (k < sizeof(poisson_below) / sizeof(poisson_below[0]) && u >= poisson_below[k])
		k++;
	return k;
}

typedef struct Bootstrap
{
	const BmUpliftRow *rows;
	size_t n;
	bool binary;
	double top_share;
	uint64_t seed;
	size_t replicates;
	double *measure;       /* (BM_UPLIFT_MEASURES, replicates) */
	uint32_t *weight;      /* (threads, n) */
	BmUpliftPoint *points; /* (threads, n) */
} Bootstrap;

static void
replicate(void *arg, size_t task, int worker)
{
	Bootstrap *b = arg;
	uint32_t *weight = b->weight + (size_t) worker * b->n;
	BmUpliftPoint *points = b->points + (size_t) worker * b->n;
	double out[BM_UPLIFT_MEASURES];
	size_t npoints;

	bmc_rng_fill(weight, b->n, b->seed, task, 0);
	for (size_t i = 0; i < b->n; i++)
		weight[i] = poisson(weight[i]);
	npoints = bmc_uplift_curve(points, b->rows, weight, b->n);
	bmc_uplift_measures(out, points, npoints, b->binary, b->top_share);
	for (int m = 0; m < BM_UPLIFT_MEASURES; m++)
		b->measure[(size_t) m * b->replicates + task] = out[m];
}

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

/* Drops NaN, sorts what is left (within v); how many. */
static size_t
sort_finite(double *v, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(v[i]))
			v[kept++] = v[i];
	qsort(v, kept, sizeof(double), compare_doubles);
	return kept;
}

/* Linear between the order statistics (type 7 of Hyndman and Fan). */
static double
quantile(const double *v, size_t n, double p)
{
	double at = p * (double) (n - 1);
	size_t i = (size_t) at;

	return i + 1 < n ? v[i] + (at - (double) i) * (v[i + 1] - v[i]) : v[n - 1];
}

size_t
bmc_uplift_bootstrap_bytes(size_t n, size_t replicates, int threads)
{
	size_t row = sizeof(uint32_t) + sizeof(BmUpliftPoint);

	return bmc_add(bmc_mul(bmc_mul(n, row), (size_t) threads),
				   bmc_mul(replicates, BM_UPLIFT_MEASURES * sizeof(double)) + 4096);
}

BmStatus
bmc_uplift_bootstrap(double low[BM_UPLIFT_MEASURES], double high[BM_UPLIFT_MEASURES],
					 const BmUpliftRow *rows, size_t n, double top_share, size_t replicates,
					 double confidence, uint64_t seed, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	size_t threads = pool ? (size_t) bmc_pool_threads(pool) : 1;
	Bootstrap b = {.rows = rows,
				   .n = n,
				   .binary = bmc_uplift_binary(rows, n),
				   .top_share = top_share,
				   .seed = seed,
				   .replicates = replicates};
	BmStatus status = BM_ENOMEM;

	b.measure = bmc_alloc(mem, bmc_mul(replicates, BM_UPLIFT_MEASURES), sizeof(double));
	b.weight = bmc_alloc(mem, bmc_mul(threads, n ? n : 1), sizeof(uint32_t));
	b.points = bmc_alloc(mem, bmc_mul(threads, n ? n : 1), sizeof(BmUpliftPoint));
	if (b.measure && b.weight && b.points)
		status = bmc_pool_run(pool, replicate, &b, replicates, stop);
	for (int m = 0; status == BM_OK && m < BM_UPLIFT_MEASURES; m++)
	{
		double *v = b.measure + (size_t) m * replicates;
		size_t kept = sort_finite(v, replicates);

		low[m] = 2 * kept < replicates ? NAN : quantile(v, kept, (1 - confidence) / 2);
		high[m] = 2 * kept < replicates ? NAN : quantile(v, kept, (1 + confidence) / 2);
	}
	bmc_free(mem, b.points);
	bmc_free(mem, b.weight);
	bmc_free(mem, b.measure);
	return status;
}
