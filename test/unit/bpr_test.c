/*
 * BPR: epochs against a twin in double precision that draws the same samples, a planted taste that is found,
 * and what every fit promises. Answers are those of ALS (als_test.c).
 */
#include "rec_check.h"
#include "core/num/blas.h"
#include "core/rec/bpr.h"

#define D 6
#define GROUPS 3
#define GROUP_ITEMS 40
#define GROUP_USERS 60

static Log L;

static BmBprOptions
options(int epochs, int negatives)
{
	return (BmBprOptions){D, epochs, 0.05, 0.01, negatives, 10, 0.01, 10, 0.9, 0};
}

/* ---- twin: dense, serial, in double precision, with the same draws ---- */

static double W[USERS][D + 1], H[ITEMS][D + 1];

static void
twin_start(void)
{
	BmRng users = bmc_rng(5, 0xb90), items = bmc_rng(5, 0xb91); /* 5: fit_model's seed */

	for (int u = 0; u < USERS; u++)
		for (int d = 0; d <= D; d++)
			W[u][d] = d < D ? (float) (0.1 / sqrt(D + 1.0) * bmc_rng_normal(&users)) : 1;
	for (int i = 0; i < ITEMS; i++)
		for (int d = 0; d <= D; d++)
			H[i][d] = d < D ? (float) (0.1 / sqrt(D + 1.0) * bmc_rng_normal(&items)) : 0;
}

static double
twin_score(int u, int i)
{
	double sum = 0;

	for (int d = 0; d <= D; d++)
		sum += W[u][d] * H[i][d];
	return sum;
}

/* x (USERS, ITEMS): weight of a pair; pairs (n) in order. One epoch is one batch: gradients of old weights. */
static void
twin_epoch(double x[USERS][ITEMS], int (*pair)[2], size_t n, int epoch, const BmBprOptions *o)
{
	static double w[USERS][D + 1], h[ITEMS][D + 1];
	double mean = 0, keep = 1 - o->learning_rate * o->regularization;

	memcpy(w, W, sizeof(W));
	memcpy(h, H, sizeof(H));
	for (size_t p = 0; p < n; p++)
		mean += x[pair[p][0]][pair[p][1]] / (double) n;
	/* items' rows move for all i first, then for all j: a shrinking row forgets in this order */
	for (int side = 0; side < 3; side++)
		for (size_t t = 0; t < n; t++)
		{
			BmRng rng = bmc_rng(5, (uint64_t) epoch << 40 | t);
			size_t p = bmc_rng_u64(&rng) % n;
			int u = pair[p][0], i = pair[p][1], j = -1;
			double g;

			for (int tries = 0; tries < 16 && j < 0; tries++)
			{
				j = o->negatives == BM_BPR_POPULAR ? pair[bmc_rng_u64(&rng) % n][1]
												   : (int) bmc_rng_below(&rng, ITEMS);
				if (x[u][j] > 0)
					j = -1;
			}
			if (j < 0)
				continue;
			g = o->learning_rate * x[u][i] / mean / (1 + exp(twin_score(u, i) - twin_score(u, j)));
			for (int d = 0; d <= D; d++)
				if (side == 0 && d < D)
					w[u][d] = keep * w[u][d] + g * (H[i][d] - H[j][d]);
				else if (side == 1)
					h[i][d] = keep * h[i][d] + g * W[u][d];
				else if (side == 2)
					h[j][d] = keep * h[j][d] - g * W[u][d];
		}
	memcpy(W, w, sizeof(W));
	memcpy(H, h, sizeof(H));
}

static void
test_twin(void)
{
	static double x[USERS][ITEMS];
	static int pair[USERS * ITEMS][2];
	size_t n = 0;

	CASE("factors and biases are those of the same samples in double precision");
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = L.start[u]; e < L.start[u] + bmc_sequence_length(&L.s, u); e++)
			x[u][L.item[e]] = fmax(x[u][L.item[e]], L.weight[L.event[e]]);
	for (int u = 0; u < USERS; u++)
		for (int i = 0; i < ITEMS; i++)
			if (x[u][i] > 0)
				pair[n][0] = u, pair[n++][1] = i;
	for (int negatives = BM_BPR_UNIFORM; negatives <= BM_BPR_POPULAR; negatives++)
	{
		BmBprOptions o = options(4, negatives);
		Fitted f;

		twin_start();
		for (int epoch = 0; epoch < o.epochs; epoch++)
			twin_epoch(x, pair, n, epoch, &o);
		CHECK_INT(fit_model(&f, &bmc_bpr, &o, &L.s, NULL, NULL, 0), BM_OK);
		for (size_t c = 0; c < ITEMS * (D + 1); c++)
			CHECK_NEAR(((const float *) f.tensors.t[0].data)[c], H[c / (D + 1)][c % (D + 1)], 1e-5);
		free_model(&f);
	}
}

/* ---- planted taste: users of a group touch items of their group only ---- */

static uint32_t planted_item[GROUPS * GROUP_USERS * GROUP_ITEMS];
static int64_t planted_time[GROUPS * GROUP_USERS * GROUP_ITEMS];
static size_t planted_start[GROUPS * GROUP_USERS + 1];

static BmSequences
planted(void)
{
	BmRng rng = bmc_rng(11, 2);
	size_t n = 0;

	for (size_t u = 0; u < GROUPS * GROUP_USERS; u++)
	{
		for (uint32_t i = 0; i < GROUP_ITEMS; i++)
			if (bmc_rng_below(&rng, 4) == 0)
				planted_item[n++] = (uint32_t) (u % GROUPS) * GROUP_ITEMS + i;
		planted_start[u + 1] = n;
	}
	return (BmSequences){GROUPS * GROUP_USERS,
						 GROUPS * GROUP_ITEMS,
						 planted_start,
						 planted_item,
						 planted_time,
						 NULL,
						 NULL,
						 NULL,
						 NULL,
						 NULL};
}

/* Share of (touched, untouched, other group) pairs of the folded-in user that are in order. */
static double
in_order(const Fitted *f, const BmSequences *s)
{
	static float scores[GROUPS * GROUP_ITEMS];
	void *scratch = aligned_alloc(64, (f->r->score_bytes(f->bound, 1) + 127) / 64 * 64);
	double right = 0, all = 0;

	for (size_t u = 0; u < s->nusers; u++)
	{
		BmHistory h = history(s, u);

		if (h.n == 0)
			continue;
		h.n = h.n > 3 ? 3 : h.n; /* a few events say which group it is */
		f->r->score(scores, f->bound, &h, 1, scratch, false);
		for (size_t a = 0; a < GROUP_ITEMS; a++)
			for (size_t b = 0; b < GROUP_ITEMS; b++, all++)
				right += scores[u % GROUPS * GROUP_ITEMS + a] >
						 scores[(u + 1) % GROUPS * GROUP_ITEMS + b];
	}
	free(scratch);
	return right / all;
}

static void
test_planted(void)
{
	BmSequences s = planted();

	CASE("a planted taste is found, with every kind of negatives; the loss falls");
	for (int negatives = BM_BPR_UNIFORM; negatives <= BM_BPR_WARP; negatives++)
	{
		BmBprOptions o = options(60, negatives), short_one = options(1, negatives);
		double before;
		Fitted f;

		CHECK_INT(fit_model(&f, &bmc_bpr, &short_one, &s, NULL, NULL, 0), BM_OK);
		before = f.fit.loss;
		free_model(&f);
		CHECK_INT(fit_model(&f, &bmc_bpr, &o, &s, NULL, NULL, 0), BM_OK);
		CHECK_INT(f.fit.epoch, 60);
		CHECK(f.fit.loss < before && f.fit.loss < 0.65);
		CHECK(in_order(&f, &s) > 0.97);
		free_model(&f);
	}
}

/*
 * Two users, three items, one sample known in advance: user 0 touched items 0 and 1 and user 1 items 0
 * and 2, so that every negative is certain; the direction of the first epoch is that of the gradient.
 */
static void
test_gradient(void)
{
	static const uint32_t item[] = {0, 1, 0, 2};
	static const int64_t time[] = {0, 0, 0, 0};
	static const size_t start[] = {0, 2, 4};
	static const uint8_t event[] = {0, 1, 0, 1};
	static const float weight[256] = {1, 3};
	BmSequences s = {2, 3, start, item, time, NULL, NULL, NULL, NULL, NULL};
	BmSequences heavy = {2, 3, start, item, time, event, weight, NULL, NULL, NULL};
	BmBprOptions o = options(1, BM_BPR_UNIFORM);
	float plain[3], weighed[3];
	Fitted f;

	CASE("biases move by the step's size; a pair of weight 3 moves three times as far");
	o.learning_rate = 1e-3;
	o.regularization = 0;
	CHECK_INT(fit_model(&f, &bmc_bpr, &o, &s, NULL, NULL, 0), BM_OK);
	for (int i = 0; i < 3; i++)
		plain[i] = ((const float *) f.tensors.t[0].data)[i * (D + 1) + D];
	free_model(&f);
	CHECK_INT(fit_model(&f, &bmc_bpr, &o, &heavy, NULL, NULL, 0), BM_OK);
	for (int i = 0; i < 3; i++)
		weighed[i] = ((const float *) f.tensors.t[0].data)[i * (D + 1) + D];
	free_model(&f);
	/* each of four samples moves one bias up and another down by about half a step */
	CHECK_NEAR(plain[0] + plain[1] + plain[2], 0, 1e-7);
	CHECK(plain[0] >= 0); /* both have touched it: never a negative */
	CHECK_NEAR(weighed[0] + weighed[1] + weighed[2], 0, 1e-7);
	/* mean weight 2: touches of item 0 count half, those of 1 and 2 one and a half */
	CHECK_NEAR(weighed[0], 0.5 * plain[0], 2e-5);
}

static void
test_runs(void)
{
	BmBprOptions o = options(3, BM_BPR_UNIFORM), warp = options(3, BM_BPR_WARP), half = o;
	static uint32_t many[20 * 300];
	static int64_t time[20 * 300];
	static size_t start[301];
	BmSequences s = {300, 50, start, many, time, NULL, NULL, NULL, NULL, NULL};
	Fitted a, b;
	void *memory = malloc(bmc_pool_size(2));
	BmPool *pool = bmc_pool_open(memory, 2);

	for (size_t e = 0; e < 20 * 300; e++)
		many[e] = (uint32_t) ((e * 3 + e / 20) % 50), start[e / 20 + 1] = e + 1;
	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	check_threads(&bmc_bpr, &o, &L);
	check_threads(&bmc_bpr, &warp, &L);
	/* three batches an epoch */
	CHECK_INT(fit_model(&a, &bmc_bpr, &o, &s, NULL, NULL, 0), BM_OK);
	CHECK_INT(fit_model(&b, &bmc_bpr, &o, &s, pool, NULL, 0), BM_OK);
	CHECK_INT(a.fit.total, 6000);
	CHECK(memcmp(a.tensors.t[0].data, b.tensors.t[0].data, 4 * bmc_tensor_count(&a.tensors.t[0])) ==
		  0);
	free_model(&a);
	free_model(&b);
	bmc_pool_close(pool);
	free(memory);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	check_failures(&bmc_bpr, &o, &L);
	CASE("a half-life weighs pairs by their age; an event of weight 0 is none at all");
	half.half_life_days = 2;
	check_half_life(&bmc_bpr, &half, &o, 2, &L);
	check_weight_zero(&bmc_bpr, &o, &L);
}

static void
test_bad_input(void)
{
	static const float nothing[256] = {0};
	BmBprOptions o = options(2, BM_BPR_UNIFORM), wild = options(50, BM_BPR_UNIFORM);
	BmSequences s = L.s;
	Fitted f;

	CASE("nothing of any weight; a user who has touched everything; a learning rate that diverges");
	s.event_weight = nothing;
	CHECK_INT(fit_model(&f, &bmc_bpr, &o, &s, NULL, NULL, 0), BM_EINVAL);
	CHECK(f.fit.error[0] != 0);
	free_model(&f);
	{
		static const uint32_t item[] = {0, 1};
		static const int64_t time[] = {0, 0};
		static const size_t start[] = {0, 2};
		BmSequences all = {1, 2, start, item, time, NULL, NULL, NULL, NULL, NULL};

		CHECK_INT(fit_model(&f, &bmc_bpr, &o, &all, NULL, NULL, 0), BM_OK);
		free_model(&f);
	}
	wild.learning_rate = 10;
	wild.regularization = 10;
	CHECK_INT(fit_model(&f, &bmc_bpr, &wild, &L.s, NULL, NULL, 0), BM_ENOTFINITE);
	free_model(&f);
}

int
main(void)
{
	make_log(&L, 3);
	test_twin();
	test_planted();
	test_gradient();
	test_runs();
	test_bad_input();
	return unit_done();
}
