/*
 * k-means against Lloyd's algorithm written down plainly, planted groups, and its definition; measures
 * of groupings against theirs.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/kmeans.h"
#include "core/stat/kmeans_nearest.h"

#define MOST 30000
#define D 3

static float x[MOST * D];
static uint32_t truth[MOST];
static const BmKmeansOptions usual = {.k = 5, .starts = 3, .iterations = 100, .tolerance = 1e-6};

/* groups of n rows around corners that are far apart, the first one largest */
static void
plant(size_t n, size_t groups, float spread, uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 1);

	for (size_t i = 0; i < n; i++)
	{
		uint32_t g = bmc_rng_below(&rng, (uint32_t) (groups * (groups + 1) / 2)), c = 0;

		for (uint32_t left = (uint32_t) groups; g >= left; left--, c++)
			g -= left;
		truth[i] = c;
		for (int j = 0; j < D; j++)
			x[i * D + j] = (float) ((c >> j & 1) * 10) + (c >= 8 ? 30 : 0) +
						   spread * (float) bmc_rng_normal(&rng);
	}
}

static double
rand_index(const BmKmeans *got, size_t n, size_t groups)
{
	double scratch[1000];

	return bmc_adjusted_rand(got->label, got->k, truth, groups, n, scratch);
}

/* What must hold of any answer; naive inertia. */
static void
check_answer(const BmKmeans *got, size_t n)
{
	double inertia = 0;
	size_t size[64] = {0};

	for (size_t i = 0; i < n; i++)
	{
		double best = INFINITY, own = 0;

		CHECK(got->label[i] < got->k);
		for (size_t c = 0; c < got->k; c++)
		{
			double d2 = 0;

			for (int j = 0; j < D; j++)
			{
				double diff = (double) x[i * D + j] - got->centre[c * D + j];

				d2 += diff * diff;
			}
			best = d2 < best ? d2 : best;
			if (c == got->label[i])
				own = d2;
		}
		CHECK(own <= best * (1 + 1e-5) + 1e-6);
		inertia += own;
		size[got->label[i]]++;
	}
	CHECK_NEAR(got->inertia, inertia, 1e-5 * inertia + 1e-6);
	for (size_t c = 0; c < got->k; c++)
	{
		CHECK_INT(got->size[c], size[c]);
		CHECK(size[c] > 0 && (c == 0 || size[c] <= size[c - 1]));
	}
}

static void
test_planted(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	CASE("planted groups are found, by all rows and by mini-batches");
	for (size_t groups = 1; groups <= 8; groups++)
		for (int batch = 0; batch <= 1; batch++)
		{
			BmKmeansOptions o = usual;
			BmKmeans got;
			size_t n = 6000;

			o.k = groups;
			o.batch = batch ? 500 : 0;
			plant(n, groups, 1, groups);
			CHECK_INT(bmc_kmeans(&got, x, n, D, &o, 1, NULL, mem, NULL), BM_OK);
			check_answer(&got, n);
			CHECK_INT(got.k, groups);
			CHECK(groups == 1 || rand_index(&got, n, groups) > .99);
			CHECK(got.converged || batch);
			CHECK(mem->peak <= bmc_kmeans_bytes(n, D, &o, 1));
			bmc_kmeans_free(&got, mem);
		}
	CHECK_INT(heap.live, 0);
}

/* The mean of the rows nearest to each centre is that centre: a fixed point of Lloyd's algorithm. */
static void
test_fixed_point(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmKmeansOptions o = {.k = 7, .starts = 1, .iterations = 1000, .tolerance = 0};
	BmKmeans got;

	CASE("centres are the means of their rows");
	for (uint64_t seed = 1; seed <= 20; seed++)
	{
		size_t n = 200 + 100 * seed;
		double sum[7][D] = {{0}};

		plant(n, 4, 4, seed);
		CHECK_INT(bmc_kmeans(&got, x, n, D, &o, seed, NULL, mem, NULL), BM_OK);
		check_answer(&got, n);
		CHECK(got.converged);
		for (size_t i = 0; i < n; i++)
			for (int j = 0; j < D; j++)
				sum[got.label[i]][j] += x[i * D + j];
		for (size_t c = 0; c < got.k; c++)
			for (int j = 0; j < D; j++)
				CHECK_NEAR(got.centre[c * D + j], sum[c][j] / (double) got.size[c], 1e-4);
		bmc_kmeans_free(&got, mem);
	}
}

static void
test_nearest(void)
{
	BmRng rng = bmc_rng(9, 1);

	CASE("the nearest centre is the nearest, for any number of centres and columns");
	for (int c = 0; c < 300; c++)
	{
		size_t k = 1 + bmc_rng_below(&rng, 40), d = 1 + bmc_rng_below(&rng, 35), n = 20;
		float centre[40 * 35], row[20 * 35], panel[48 * 35], distance[20], plain[20];
		uint32_t label[20], want[20];

		for (size_t i = 0; i < k * d; i++)
			centre[i] = (float) bmc_rng_below(&rng, 5);
		for (size_t i = 0; i < n * d; i++)
			row[i] = (float) bmc_rng_below(&rng, 5);
		memset(label, 0xFF, sizeof(label));
		bmc_nearest_panel(panel, centre, k, d);
		CHECK_INT(bmc_nearest(label, distance, panel, k, row, n, d), n);
		CHECK_INT(bmc_nearest(label, distance, panel, k, row, n, d), 0);
		bmc_kmeans_assign(want, plain, centre, k, row, n, d);
		for (size_t i = 0; i < n; i++)
		{
			float d2 = 0, best = INFINITY;
			uint32_t at = 0;

			for (size_t m = 0; m < k; m++, d2 = 0)
			{
				for (size_t j = 0; j < d; j++)
					d2 +=
						(row[i * d + j] - centre[m * d + j]) * (row[i * d + j] - centre[m * d + j]);
				if (d2 < best)
				{
					best = d2;
					at = (uint32_t) m;
				}
			}
			CHECK_INT(label[i], at);
			CHECK_INT(want[i], at);
			CHECK_NEAR(distance[i], best, 0);
			CHECK_NEAR(plain[i], best, 0);
		}
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
	BmKmeans first, got;
	BmStop stop = {stop_now, NULL};

	CASE("the same bits at any thread count; stops; gives back its memory");
	plant(MOST, 6, 3, 2);
	CHECK_INT(bmc_kmeans(&first, x, MOST, D, &usual, 3, NULL, mem, NULL), BM_OK);
	for (int threads = 1; threads <= 3; threads++)
	{
		void *room = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(room, threads);

		CHECK_INT(bmc_kmeans(&got, x, MOST, D, &usual, 3, pool, mem, NULL), BM_OK);
		CHECK(memcmp(got.centre, first.centre, first.k * D * sizeof(float)) == 0);
		CHECK(memcmp(got.label, first.label, MOST * sizeof(uint32_t)) == 0);
		CHECK(got.inertia == first.inertia);
		bmc_kmeans_free(&got, mem);
		bmc_pool_close(pool);
		free(room);
	}
	bmc_kmeans_free(&first, mem);
	CHECK_INT(bmc_kmeans(&got, x, MOST, D, &usual, 3, NULL, mem, &stop), BM_ESTOP);
	for (long at = 1; at <= 12; at++)
	{
		heap.calls = 0;
		heap.fail_at = at;
		if (bmc_kmeans(&got, x, 100, D, &usual, 3, NULL, mem, NULL) == BM_OK)
			bmc_kmeans_free(&got, mem);
		CHECK_INT(heap.live, 0);
	}
}

static void
test_edges(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmKmeansOptions o = usual;
	BmKmeans got;

	CASE("fewer distinct rows than groups, one row, constant columns, bad options");
	for (size_t i = 0; i < 50 * D; i++)
		x[i] = (float) (i / D % 3);
	CHECK_INT(bmc_kmeans(&got, x, 50, D, &o, 1, NULL, mem, NULL), BM_OK);
	CHECK_INT(got.k, 3);
	CHECK_NEAR(got.inertia, 0, 0);
	check_answer(&got, 50);
	bmc_kmeans_free(&got, mem);
	CHECK_INT(bmc_kmeans(&got, x, 1, D, &o, 1, NULL, mem, NULL), BM_OK);
	CHECK_INT(got.k, 1);
	CHECK_INT(got.size[0], 1);
	bmc_kmeans_free(&got, mem);
	CHECK_INT(bmc_kmeans(&got, x, 0, D, &o, 1, NULL, mem, NULL), BM_EINVAL);
	o.k = 0;
	CHECK_INT(bmc_kmeans(&got, x, 5, D, &o, 1, NULL, mem, NULL), BM_EINVAL);
	o.k = BM_KMEANS_MAX_K + 1;
	CHECK_INT(bmc_kmeans(&got, x, 5, D, &o, 1, NULL, mem, NULL), BM_EINVAL);
	CHECK_INT(heap.live, 0);
}

static double
distance(size_t a, size_t b)
{
	double sum = 0;

	for (int j = 0; j < D; j++)
		sum += ((double) x[a * D + j] - x[b * D + j]) * ((double) x[a * D + j] - x[b * D + j]);
	return sqrt(sum);
}

static void
test_silhouette(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	float each[300];
	double mean, sum = 0;
	size_t n = 300;

	CASE("the silhouette is its definition");
	plant(n, 4, 2, 7);
	CHECK_INT(bmc_silhouette(&mean, each, x, truth, n, D, 5, NULL, mem, NULL), BM_OK);
	for (size_t i = 0; i < n; i++)
	{
		double to[4] = {0}, a, b = INFINITY;
		int count[4] = {0};

		for (size_t m = 0; m < n; m++)
			if (m != i)
			{
				to[truth[m]] += distance(i, m);
				count[truth[m]]++;
			}
		a = to[truth[i]] / count[truth[i]];
		for (uint32_t g = 0; g < 4; g++)
			if (g != truth[i] && to[g] / count[g] < b)
				b = to[g] / count[g];
		CHECK_NEAR(each[i], (b - a) / (a > b ? a : b), 1e-5);
		sum += (b - a) / (a > b ? a : b) / (double) n;
	}
	CHECK_NEAR(mean, sum, 1e-5);
	memset(truth, 0, sizeof(truth));
	CHECK_INT(bmc_silhouette(&mean, NULL, x, truth, n, D, 1, NULL, mem, NULL), BM_OK);
	CHECK(isnan(mean));
	CHECK_INT(heap.live, 0);
}

static void
test_gap(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);

	CASE("the gap statistic finds how many groups there are");
	for (size_t groups = 1; groups <= 4; groups++)
	{
		double gap[6], se[6];

		plant(400, groups, 1, 20 + groups);
		CHECK_INT(bmc_gap(gap, se, x, 400, D, 6, 8, &usual, 1, NULL, mem, NULL), BM_OK);
		CHECK_INT(bmc_gap_best(gap, se, 6), groups);
	}
	CHECK_INT(heap.live, 0);
}

static void
test_rand(void)
{
	uint32_t a[] = {0, 0, 1, 1}, b[] = {0, 0, 1, 2}, c[] = {1, 1, 0, 0}, d[] = {0, 1, 0, 1};
	double scratch[100];

	CASE("the adjusted Rand index of known groupings");
	CHECK_NEAR(bmc_adjusted_rand(a, 2, b, 3, 4, scratch), 4.0 / 7, 1e-12);
	CHECK_NEAR(bmc_adjusted_rand(a, 2, c, 2, 4, scratch), 1, 0);
	CHECK_NEAR(bmc_adjusted_rand(a, 2, d, 2, 4, scratch), -.5, 1e-12);
	CHECK(isnan(bmc_adjusted_rand(a, 2, d, 2, 1, scratch)));
}

int
main(void)
{
	test_planted();
	test_fixed_point();
	test_nearest();
	test_threads();
	test_edges();
	test_silhouette();
	test_gap();
	test_rand();
	return unit_done();
}
