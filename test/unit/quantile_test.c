/*
 * Exact sums, selection and the summary of quantiles, against sorting and long doubles.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/moments.h"
#include "core/stat/quantile.h"

static int
compare(const void *x, const void *y)
{
	double a = *(const double *) x, b = *(const double *) y;

	return a < b ? -1 : a > b;
}

/* Some of everything: ties, negative ones, zeros, wide and narrow ranges. */
static double
draw(BmRng *rng, int shape)
{
	switch (shape)
	{
	case 0:
		return bmc_rng_normal(rng);
	case 1:
		return (double) bmc_rng_below(rng, 10) - 5;
	case 2:
		return exp(bmc_rng_normal(rng) * 8);
	case 3:
		return 1.7e9 + bmc_rng_double(rng);
	default:
		return bmc_rng_below(rng, 3) ? 0.0 : -exp(bmc_rng_normal(rng) * 3);
	}
}

static void
test_quantiles(void)
{
	static const double p[] = {0, 0.01, 0.25, 0.5, 0.75, 0.99, 1};
	BmRng rng = bmc_rng(1, 1);

	CASE("selected quantiles are those of a sort");
	for (int round = 0; round < 300; round++)
	{
		size_t n = 1 + bmc_rng_below(&rng, round < 250 ? 60 : 5000);
		double *v = malloc(n * sizeof(double)), *sorted = malloc(n * sizeof(double)), q[7];

		for (size_t i = 0; i < n; i++)
			v[i] = sorted[i] = draw(&rng, round % 5);
		qsort(sorted, n, sizeof(double), compare);
		CHECK_INT(bmc_quantiles(q, p, 7, v, n, NULL), BM_OK);
		for (int k = 0; k < 7; k++)
		{
			double rank = p[k] * (double) (n - 1);
			size_t at = (size_t) rank;
			double next = sorted[at + 1 < n ? at + 1 : at];

			CHECK_NEAR(q[k], sorted[at] + (next - sorted[at]) * (rank - (double) at),
					   1e-12 * fabs(next));
		}
		free(v);
		free(sorted);
	}
}

static int
compare_entries(const void *x, const void *y)
{
	const BmSketchEntry *a = x, *b = y;

	return a->bucket < b->bucket ? -1 : a->bucket > b->bucket;
}

/* Add n values to a summary piece by piece, as the aggregate does. */
static size_t
summarise(BmSketchEntry *e, size_t have, int *level, const double *v, size_t n, size_t piece)
{
	for (size_t i = 0; i < n; i++)
	{
		e[have++] = (BmSketchEntry){bmc_sketch_bucket(v[i], *level), 1};
		if (have == 2 * BM_SKETCH_MOST || i % piece == piece - 1)
		{
			qsort(e, have, sizeof(BmSketchEntry), compare_entries);
			have = bmc_sketch_unite(e, have, level);
		}
	}
	qsort(e, have, sizeof(BmSketchEntry), compare_entries);
	return bmc_sketch_unite(e, have, level);
}

static void
test_sketch(void)
{
	static const double p[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 1};
	static BmSketchEntry a[2 * BM_SKETCH_MOST + 1], b[2 * BM_SKETCH_MOST + 1];
	BmRng rng = bmc_rng(2, 7);

	CASE("the summary: within its bound, and the same in any order");
	for (int round = 0; round < 60; round++)
	{
		size_t n = 1 + bmc_rng_below(&rng, round % 2 ? 900 : 20000), na, nb;
		double *v = malloc(n * sizeof(double));
		int la = 0, lb = 0;

		for (size_t i = 0; i < n; i++)
			v[i] = draw(&rng, round % 5);
		na = summarise(a, 0, &la, v, n, 700);
		for (size_t i = n - 1; i > 0; i--) /* another order, other pieces */
		{
			size_t k = bmc_rng_below(&rng, (uint32_t) i + 1);
			double t = v[i];

			v[i] = v[k];
			v[k] = t;
		}
		nb = summarise(b, 0, &lb, v, n, 90);
		CHECK_INT(na, nb);
		CHECK_INT(la, lb);
		CHECK(na == nb && memcmp(a, b, na * sizeof(BmSketchEntry)) == 0);
		CHECK(na <= BM_SKETCH_MOST && (n > BM_SKETCH_MOST || la == 0));
		qsort(v, n, sizeof(double), compare);
		for (int k = 0; k < 7; k++)
		{
			double rank = p[k] * (double) (n - 1), got;
			size_t at = (size_t) rank, next = at + 1 < n ? at + 1 : at;
			double want = v[at] + (v[next] - v[at]) * (rank - (double) at);

			got = bmc_sketch_quantile(a, na, la, p[k], v[0], v[n - 1]);
			CHECK_NEAR(got, want,
					   (bmc_sketch_error(la) + 1e-12) * fmax(fabs(v[at]), fabs(v[next])));
		}
		free(v);
	}
}

static void
test_buckets(void)
{
	BmRng rng = bmc_rng(3, 3);

	CASE("buckets keep the order of values, at every level");
	for (int round = 0; round < 20000; round++)
	{
		double x = draw(&rng, round % 5), y = draw(&rng, (round / 5) % 5);
		int level = (int) bmc_rng_below(&rng, BM_SKETCH_LEVELS + 1);

		CHECK(bmc_sketch_value(bmc_sketch_bucket(x, 0), 0) == x);
		if (x < y)
			CHECK(bmc_sketch_bucket(x, level) <= bmc_sketch_bucket(y, level));
		if (level <= 52)
			CHECK(fabs(bmc_sketch_value(bmc_sketch_bucket(x, level), level) - x) <=
				  bmc_sketch_error(level) * fabs(x) * 1.0000001);
	}
}

static void
test_moments(void)
{
	BmRng rng = bmc_rng(4, 4);

	CASE("mean and variance: right, and the same bits in any order and division");
	for (int round = 0; round < 100; round++)
	{
		size_t n = 2 + bmc_rng_below(&rng, 3000), cut = bmc_rng_below(&rng, (uint32_t) n);
		double *v = malloc(n * sizeof(double));
		long double sum = 0, squares = 0, mean;
		BmMoments one, left, right;

		memset(&one, 0, sizeof(one));
		memset(&left, 0, sizeof(left));
		memset(&right, 0, sizeof(right));
		for (size_t i = 0; i < n; i++)
		{
			v[i] = draw(&rng, round % 5);
			sum += v[i];
			bmc_moments_add(&one, v[i]);
		}
		for (size_t i = n; i-- > 0;)
			bmc_moments_add(i < cut ? &left : &right, v[i]);
		mean = sum / (long double) n;
		for (size_t i = 0; i < n; i++)
			squares += ((long double) v[i] - mean) * ((long double) v[i] - mean);
		CHECK_NEAR(bmc_moments_mean(&one), mean, 1e-15 * fabsl(mean) + 1e-17 * (double) n);
		CHECK_NEAR(bmc_moments_variance(&one) /
					   (double) (squares / (long double) (n - 1) + 1e-300L),
				   1, 1e-10);
		CHECK(bmc_moments_valid(&left) && bmc_moments_valid(&right));
		bmc_moments_merge(&right, &left);
		bmc_moments_settle(&one);
		CHECK(memcmp(&one, &right, sizeof(one)) == 0);
		free(v);
	}
}

static void
test_extremes(void)
{
	static const double v[] = {1e150, -1e150, 5e-324, 1, -1, 1e-300, 3};
	BmMoments m;

	CASE("sums that cancel lose nothing");
	memset(&m, 0, sizeof(m));
	for (int i = 0; i < 7; i++)
		bmc_moments_add(&m, v[i]);
	CHECK_NEAR(bmc_moments_mean(&m) * 7, 3, 1e-15);
	CHECK(isfinite(bmc_moments_variance(&m)));
	memset(&m, 0, sizeof(m));
	CHECK(isnan(bmc_moments_mean(&m)) && isnan(bmc_moments_variance(&m)));
	for (int i = 0; i < 1000; i++)
		bmc_moments_add(&m, 0.1);
	CHECK_NEAR(bmc_moments_mean(&m), 0.1, 0);
	CHECK_NEAR(bmc_moments_variance(&m), 0, 1e-30);
	CHECK(!bmc_is_number(NAN) && !bmc_is_number(INFINITY) && !bmc_is_number(1e151));
}

int
main(void)
{
	test_quantiles();
	test_sketch();
	test_buckets();
	test_moments();
	test_extremes();
	return unit_done();
}
