/*
 * Uplift measures against their definitions computed anew for every cut, against scikit-uplift's
 * numbers, and against effects that are known because they were planted.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/uplift.h"

#define N 600

static int
best_first(const void *a, const void *b)
{
	const BmUpliftRow *x = a, *y = b;

	return x->score > y->score ? -1 : x->score < y->score;
}

/* The same rows that produced the constants of scikit-uplift 0.5.1 below. */
static void
hashed_rows(BmUpliftRow *rows, size_t n, uint32_t levels)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t h = (uint32_t) (i + 1) * UINT32_C(2654435761);

		rows[i].outcome = (h >> 7) % 5 < 2;
		rows[i].treated = (h >> 13) % 3 > 0;
		rows[i].score = (h >> 3) % levels;
	}
	qsort(rows, n, sizeof(*rows), best_first);
}

static void
test_published(void)
{
	static const struct
	{
		size_t n;
		uint32_t levels;
		double qini, auuc;
	} want[] = {
		{60, 5, 0.030877842981, 0.010015686619},
		{500, 1000, 0.068335774719, 0.075028757863},
		{501, 13, 0.011400131702, 0.012922155182},
	};

	CASE("areas are those of scikit-uplift");
	for (size_t c = 0; c < sizeof(want) / sizeof(want[0]); c++)
	{
		BmUpliftRow rows[N];
		BmUpliftPoint points[N];
		BmUpliftAreas a;

		hashed_rows(rows, want[c].n, want[c].levels);
		CHECK(bmc_uplift_binary(rows, want[c].n));
		a = bmc_uplift_areas(points, bmc_uplift_curve(points, rows, NULL, want[c].n), true);
		CHECK_NEAR(a.qini, want[c].qini, 1e-11);
		CHECK_NEAR(a.auuc, want[c].auuc, 1e-11);
		CHECK_NEAR(a.n, want[c].n, 0);
	}
}

/* Sums over the people with score >= s, from the definition. */
static BmUpliftPoint
count_at(const BmUpliftRow *rows, size_t n, double s)
{
	BmUpliftPoint p = {.score = s};

	for (size_t i = 0; i < n; i++)
		if (rows[i].score >= s)
		{
			*(rows[i].treated ? &p.n_treated : &p.n_control) += 1;
			*(rows[i].treated ? &p.y_treated : &p.y_control) += rows[i].outcome;
		}
	return p;
}

static void
test_naive(void)
{
	BmRng rng = bmc_rng(3, 1);

	CASE("the curve, the best part and the bins are what they say");
	for (int c = 0; c < 500; c++)
	{
		BmUpliftRow rows[50];
		BmUpliftPoint points[50], bins[7], top;
		size_t n = 1 + bmc_rng_below(&rng, 50), m, nbins = 1 + bmc_rng_below(&rng, 7), inside = 0;
		double share = (1 + bmc_rng_below(&rng, 10)) / 10.0, sum = 0;
		BmUpliftPoint want;

		for (size_t i = 0; i < n; i++)
			rows[i] = (BmUpliftRow){bmc_rng_below(&rng, 12), bmc_rng_normal(&rng),
									bmc_rng_below(&rng, 2)};
		qsort(rows, n, sizeof(*rows), best_first);
		m = bmc_uplift_curve(points, rows, NULL, n);
		for (size_t i = 0; i < m; i++)
		{
			want = count_at(rows, n, points[i].score);
			CHECK(i == 0 || points[i].score < points[i - 1].score);
			CHECK_NEAR(points[i].n_treated, want.n_treated, 0);
			CHECK_NEAR(points[i].n_control, want.n_control, 0);
			CHECK_NEAR(points[i].y_treated, want.y_treated, 1e-12);
			CHECK_NEAR(points[i].y_control, want.y_control, 1e-12);
		}
		CHECK_INT(points[m - 1].n_treated + points[m - 1].n_control, n);
		/* the last row that begins before the cut */
		for (size_t i = 0; i < n; i++)
			if ((double) i < share * (double) n)
				inside = i;
		want = count_at(rows, n, rows[inside].score);
		top = bmc_uplift_top(points, m, share);
		CHECK_NEAR(top.n_treated, want.n_treated, 0);
		CHECK_NEAR(top.y_control, want.y_control, 1e-12);
		bmc_uplift_table(bins, nbins, points, m);
		for (size_t b = 0; b < nbins; b++)
			sum += bins[b].n_treated + bins[b].n_control;
		CHECK_NEAR(sum, n, 0);
	}
}

/* Half are treated; the effect of the treatment is effect of the score's rank, on a base of .2. */
static void
plant(BmUpliftRow *rows, size_t n, uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 2);

	for (size_t i = 0; i < n; i++)
	{
		double x = bmc_rng_double(&rng);
		bool treated = bmc_rng_below(&rng, 2);

		rows[i] = (BmUpliftRow){x, bmc_rng_double(&rng) < .2 + (treated ? .4 * x : 0), treated};
	}
	qsort(rows, n, sizeof(*rows), best_first);
}

static void
test_planted(void)
{
	static BmUpliftRow rows[40000];
	static BmUpliftPoint points[40000];
	size_t n = 40000, m;
	BmUpliftPoint top, bins[10];
	BmUpliftAreas good, bad;

	CASE("planted effects are found: .2 on average, .38 in the best tenth");
	plant(rows, n, 1);
	m = bmc_uplift_curve(points, rows, NULL, n);
	good = bmc_uplift_areas(points, m, true);
	top = bmc_uplift_top(points, m, .1);
	bmc_uplift_table(bins, 10, points, m);
	CHECK_NEAR(good.effect, .2, .012);
	CHECK_NEAR(bmc_uplift_effect(&top), .38, .04);
	for (int b = 0; b < 10; b++)
		CHECK_NEAR(bmc_uplift_effect(&bins[b]), .4 * (.95 - .1 * b), .06);
	CHECK(good.qini > .05 && good.auuc > 0);
	for (size_t i = 0; i < n; i++)
		rows[i].score = -rows[i].score;
	qsort(rows, n, sizeof(*rows), best_first);
	bad = bmc_uplift_areas(points, bmc_uplift_curve(points, rows, NULL, n), true);
	CHECK(bad.qini < -.05 && bad.qini_raw < good.qini_raw);
}

static bool
stop_now(void *arg)
{
	return true;
}

static void
test_bootstrap(void)
{
	static BmUpliftRow rows[3000];
	double low[BM_UPLIFT_MEASURES], high[BM_UPLIFT_MEASURES], first[BM_UPLIFT_MEASURES];
	int covered = 0;
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmStop stop = {stop_now, NULL};

	CASE("intervals hold the planted effect as often as they say, the same bits at any thread "
		 "count");
	for (uint64_t c = 0; c < 60; c++)
	{
		plant(rows, 3000, 100 + c);
		CHECK_INT(bmc_uplift_bootstrap(low, high, rows, 3000, .2, 100, .9, c, NULL, mem, NULL),
				  BM_OK);
		for (int m = 0; m < BM_UPLIFT_MEASURES; m++)
			CHECK(low[m] < high[m]);
		covered += low[BM_UPLIFT_EFFECT] < .2 && .2 < high[BM_UPLIFT_EFFECT];
	}
	CHECK(covered >= 47 && covered <= 60); /* 54 wanted, deviation 2.3 */
	memcpy(first, high, sizeof(first));
	for (int threads = 1; threads <= 3; threads++)
	{
		void *room = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(room, threads);

		CHECK_INT(bmc_uplift_bootstrap(low, high, rows, 3000, .2, 100, .9, 59, pool, mem, NULL),
				  BM_OK);
		CHECK(memcmp(first, high, sizeof(first)) == 0);
		CHECK(mem->peak <= bmc_uplift_bootstrap_bytes(3000, 100, threads));
		bmc_pool_close(pool);
		free(room);
	}
	CHECK_INT(bmc_uplift_bootstrap(low, high, rows, 3000, .2, 100, .9, 1, NULL, mem, &stop),
			  BM_ESTOP);
	heap.calls = 0;
	heap.fail_at = 2;
	CHECK_INT(bmc_uplift_bootstrap(low, high, rows, 3000, .2, 100, .9, 1, NULL, mem, NULL),
			  BM_ENOMEM);
	CHECK_INT(heap.live, 0);
}

static void
test_edges(void)
{
	BmUpliftRow rows[3] = {{1, 1, true}, {1, 0, true}, {0, 2, true}};
	BmUpliftPoint points[3], top;
	BmUpliftAreas a;

	CASE("one arm, no rows, outcomes that are not 0 or 1");
	a = bmc_uplift_areas(points, bmc_uplift_curve(points, rows, NULL, 3), false);
	CHECK(isnan(a.effect) && isnan(a.qini) && isnan(a.auuc) && isfinite(a.qini_raw));
	CHECK(!bmc_uplift_binary(rows, 3) && bmc_uplift_binary(rows, 2));
	a = bmc_uplift_areas(points, 0, true);
	CHECK(isnan(a.effect) && isnan(a.qini_raw) && a.n == 0);
	top = bmc_uplift_top(points, 0, .5);
	CHECK(isnan(bmc_uplift_effect(&top)));
}

int
main(void)
{
	test_published();
	test_naive();
	test_planted();
	test_bootstrap();
	test_edges();
	return unit_done();
}
