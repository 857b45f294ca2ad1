/*
 * Uplift trees: the first split against all splits tried by hand, planted effects found, predictions
 * that add up, arrays from outside refused.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/uplift_forest.h"

#define WIDTH 4
#define MOST 20000

static float x[MOST * WIDTH];
static double outcome[MOST], truth[MOST];
static bool treated[MOST];
static BmUpliftData data = {.width = WIDTH, .x = x, .outcome = outcome, .treated = treated};

static BmUpliftForestOptions
usual(int criterion)
{
	return (BmUpliftForestOptions){.trees = 60,
								   .depth = 5,
								   .min_arm = 30,
								   .bins = 32,
								   .columns = 0,
								   .criterion = criterion,
								   .sample = .5,
								   .honest = true};
}

/* The treatment moves those with column 0 above 0 by .3, and moves away those with column 1 below -.5. */
static void
plant(size_t n, uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 1);

	data.n = n;
	for (size_t i = 0; i < n; i++)
	{
		for (int c = 0; c < WIDTH; c++)
			x[i * WIDTH + c] = (float) bmc_rng_normal(&rng);
		truth[i] = (x[i * WIDTH] > 0 ? .3 : 0) - (x[i * WIDTH + 1] < -.5 ? .2 : 0);
		treated[i] = bmc_rng_below(&rng, 2);
		outcome[i] =
			bmc_rng_double(&rng) < .3 + .05 * (x[i * WIDTH + 2] > 0) + (treated[i] ? truth[i] : 0);
	}
}

/* The gain of cutting column c at v, from its definition; -1 where a side lacks people. */
static double
naive_gain(int c, float v, const BmUpliftForestOptions *o)
{
	double n[3][2] = {{0}}, y[3][2] = {{0}}, d[3];

	for (size_t i = 0; i < data.n; i++)
		for (int side = 0; side < 3; side++)
			if (side == 0 || (side == 1) == (x[i * WIDTH + c] < v))
			{
				n[side][treated[i]]++;
				y[side][treated[i]] += outcome[i];
			}
	for (int side = 0; side < 3; side++)
	{
		double t = (y[side][1] + .5) / (n[side][1] + 1), k = (y[side][0] + .5) / (n[side][0] + 1);
		double effect = y[side][1] / n[side][1] - y[side][0] / n[side][0];

		if (n[side][0] < o->min_arm || n[side][1] < o->min_arm)
			return -1;
		d[side] = o->criterion == BM_UPLIFT_BY_EFFECT ? effect * effect
				  : o->criterion == BM_UPLIFT_BY_KL
					  ? t * log(t / k) + (1 - t) * log((1 - t) / (1 - k))
				  : o->criterion == BM_UPLIFT_BY_EUCLID ? 2 * (t - k) * (t - k)
														: (t - k) * (t - k) / (k * (1 - k));
	}
	return ((n[1][0] + n[1][1]) * d[1] + (n[2][0] + n[2][1]) * d[2]) / (double) data.n - d[0];
}

static void
test_split(void)
{
	CASE("the first split is the best of all, by every criterion");
	for (int c = 0; c < 40; c++)
	{
		BmUpliftForestOptions o = {1, 1, 3, 64, WIDTH, c % 4, 1.0, false};
		BmUpliftForest f;
		UnitHeap heap;
		BmMem *mem = unit_heap(&heap);
		double best = 0, got;

		plant(60, 10 + (uint64_t) c);
		for (size_t i = 0; i < data.n * WIDTH; i++)
			x[i] = roundf(x[i] * 2) / 2; /* few values: all of them are cuts */
		CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, NULL), BM_OK);
		for (int col = 0; col < WIDTH; col++)
			for (float v = -4; v < 4; v += .5f)
				if (naive_gain(col, v, &o) > best)
					best = naive_gain(col, v, &o);
		if (best < 1e-9)
			CHECK_INT(f.nodes, 1);
		else
		{
			got = naive_gain(f.column[0], f.threshold[0], &o);
			CHECK_INT(f.nodes, 3);
			CHECK_NEAR(got, best, 1e-12);
		}
		bmc_uplift_forest_free(&f, mem);
		CHECK_INT(heap.live, 0);
	}
}

static double
correlation(const float *a, const double *b, size_t n)
{
	double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;

	for (size_t i = 0; i < n; i++)
		ma += a[i] / (double) n, mb += b[i] / (double) n;
	for (size_t i = 0; i < n; i++)
	{
		ab += (a[i] - ma) * (b[i] - mb);
		aa += (a[i] - ma) * (a[i] - ma);
		bb += (b[i] - mb) * (b[i] - mb);
	}
	return ab / sqrt(aa * bb);
}

static void
test_planted(void)
{
	static float effect[MOST];
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	CASE("planted effects are found, by every criterion, with the right size");
	plant(MOST, 3);
	for (int criterion = 0; criterion < 4; criterion++)
	{
		BmUpliftForestOptions o = usual(criterion);
		BmUpliftForest f;
		double mean = 0, share[WIDTH], base, importance[WIDTH] = {0};

		CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 7, NULL, mem, NULL), BM_OK);
		CHECK(mem->peak <= bmc_uplift_forest_bytes(MOST, WIDTH, &o, 1));
		CHECK(bmc_uplift_forest_check(&f, WIDTH) == NULL);
		bmc_uplift_forest_predict(effect, &f, x, MOST, WIDTH);
		CHECK(correlation(effect, truth, MOST) > .85);
		for (size_t i = 0; i < MOST; i++)
			mean += (effect[i] - truth[i]) / MOST;
		CHECK_NEAR(mean, 0, .02);
		for (size_t i = 0; i < 200; i++)
		{
			double sum = base = bmc_uplift_forest_explain(share, &f, x + i * WIDTH, WIDTH);

			for (int c = 0; c < WIDTH; c++)
			{
				sum += share[c];
				importance[c] += fabs(share[c]);
			}
			CHECK_NEAR(sum, effect[i], 1e-5);
		}
		CHECK(importance[0] > 3 * importance[2] && importance[1] > 2 * importance[3]);
		bmc_uplift_forest_free(&f, mem);
	}
}

static bool
stop_now(void *arg)
{
	return true;
}

static void
test_threads(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmUpliftForestOptions o = usual(BM_UPLIFT_BY_EFFECT);
	BmUpliftForest first, f;
	BmStop stop = {stop_now, NULL};

	CASE("the same bits at any thread count; stops; gives back its memory");
	plant(3000, 4);
	CHECK_INT(bmc_uplift_forest_fit(&first, &data, &o, 1, NULL, mem, NULL), BM_OK);
	for (int threads = 1; threads <= 3; threads++)
	{
		void *room = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(room, threads);

		CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, pool, mem, NULL), BM_OK);
		CHECK_INT(f.nodes, first.nodes);
		CHECK(memcmp(f.effect, first.effect, f.nodes * sizeof(float)) == 0);
		CHECK(memcmp(f.threshold, first.threshold, f.nodes * sizeof(float)) == 0);
		bmc_uplift_forest_free(&f, mem);
		bmc_pool_close(pool);
		free(room);
	}
	bmc_uplift_forest_free(&first, mem);
	CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, &stop), BM_ESTOP);
	for (long at = 1; at <= 15; at++)
	{
		heap.calls = 0;
		heap.fail_at = at;
		if (bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, NULL) == BM_OK)
			bmc_uplift_forest_free(&f, mem);
		CHECK_INT(heap.live, 0);
	}
}

static void
test_refused(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmUpliftForestOptions o = usual(BM_UPLIFT_BY_KL);
	BmUpliftForest f;

	CASE("one arm, outcomes that do not fit, NaN, constant columns, damaged arrays");
	plant(2000, 5);
	outcome[7] = .5;
	CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, NULL), BM_EINVAL);
	o.criterion = BM_UPLIFT_BY_EFFECT;
	for (size_t i = 0; i < data.n; i++)
	{
		x[i * WIDTH + 3] = 1.5f;
		if (i % 7 == 0)
			x[i * WIDTH] = NAN;
	}
	CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, NULL), BM_OK);
	for (size_t i = 0; i < f.nodes; i++)
		CHECK(f.left[i] == 0 || f.column[i] != 3);
	f.left[0] = (int32_t) f.nodes;
	CHECK(bmc_uplift_forest_check(&f, WIDTH) != NULL);
	f.left[0] = 0;
	f.column[1] = WIDTH;
	CHECK(bmc_uplift_forest_check(&f, WIDTH) != NULL);
	f.column[1] = 0;
	f.root[0] = -1;
	CHECK(bmc_uplift_forest_check(&f, WIDTH) != NULL);
	bmc_uplift_forest_free(&f, mem);
	memset(treated, 1, sizeof(treated));
	CHECK_INT(bmc_uplift_forest_fit(&f, &data, &o, 1, NULL, mem, NULL), BM_EINVAL);
	CHECK_INT(heap.live, 0);
}

int
main(void)
{
	test_split();
	test_planted();
	test_threads();
	test_refused();
	return unit_done();
}
