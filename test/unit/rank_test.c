/* Metrics, blends and serving against brute force. */
#include "rec_check.h"
#include "core/num/topk.h"
#include "core/rec/serve.h"

static Log L;
static Fitted rules, knn, popular;
static uint32_t support[ITEMS];
static bool purchase[256] = {false, true};

static void
fit_all(void)
{
	static BmSeqRulesOptions r = {0.5, 0, 0.7, 5, 0, 50, 0, false};
	static BmItemKnnOptions k = {10, 0.8, 0, 50, BM_KNN_COSINE, 0};
	static BmPopularOptions p = {30, {0}};

	fit_model(&rules, &bmc_seq_rules, &r, &L.s, NULL, NULL, 0);
	fit_model(&knn, &bmc_item_knn, &k, &L.s, NULL, NULL, 0);
	fit_model(&popular, &bmc_popular, &p, &L.s, NULL, NULL, 0);
	for (size_t u = 0; u < USERS; u++)
		for (size_t e = 0; e < bmc_sequence_length(&L.s, u); e++)
			support[L.item[L.start[u] + e]]++;
}

static BmBlend
blend_of(int n, float a, float b, float c)
{
	return (BmBlend){n,
					 ITEMS,
					 {{&bmc_seq_rules, rules.bound, a},
					  {&bmc_item_knn, knn.bound, b},
					  {&bmc_popular, popular.bound, c}},
					 NULL,
					 0};
}

/* Every event of every user is a case. */
static BmCases
all_cases(BmExclude exclude)
{
	static uint32_t user[USERS * LONGEST], pos[USERS * LONGEST];
	size_t n = 0;

	for (uint32_t u = 0; u < USERS; u++)
		for (uint32_t p = 0; p < L.start[u + 1] - L.start[u]; p++)
		{
			user[n] = u;
			pos[n++] = p;
		}
	return (BmCases){&L.s, n, user, pos, exclude, purchase, support, 0, 9};
}

/* The blend's scores of one history, in double from the parts' own scores. */
static void
naive_scores(double *out, const BmBlend *blend, const BmHistory *h)
{
	float row[ITEMS];
	void *scratch = aligned_alloc(64, 65536);

	memset(out, 0, sizeof(double) * ITEMS);
	for (int p = 0; p < blend->n; p++)
	{
		double mean = 0, sd = 0;

		blend->part[p].algorithm->score(row, blend->part[p].bound, h, 1, scratch, false);
		for (int i = 0; i < ITEMS; i++)
			mean += row[i] / (double) ITEMS;
		for (int i = 0; i < ITEMS; i++)
			sd += (row[i] - mean) * (row[i] - mean) / ITEMS;
		sd = sqrt(sd);
		for (int i = 0; i < ITEMS; i++)
			out[i] += blend->n == 1 ? row[i]
					  : sd > 0      ? blend->part[p].weight * ((row[i] - mean) / sd)
									: 0;
	}
	free(scratch);
}

static bool
out_of(const BmCases *c, const BmHistory *h, uint32_t item)
{
	for (size_t e = 0; e < h->n; e++)
		if (h->item[e] == item && (c->exclude == BM_EXCLUDE_SEEN ||
								   (c->exclude == BM_EXCLUDE_PURCHASED && purchase[h->event[e]])))
			return true;
	return false;
}

typedef struct Naive
{
	double hit, ndcg, mrr;
	size_t cold_items, cold_users, repeats, shown;
} Naive;

static Naive
naive_metrics(const BmBlend *blend, const BmCases *c, size_t k, float *rank)
{
	Naive m = {0};
	bool shown[ITEMS] = {false};

	for (size_t i = 0; i < c->n; i++)
	{
		BmHistory h = history(&L.s, c->user[i]);
		uint32_t target = h.item[c->pos[i]];
		double s[ITEMS], r = 1;

		h.n = c->pos[i];
		naive_scores(s, blend, &h);
		m.cold_users += h.n == 0;
		m.repeats += out_of(c, &h, target);
		m.cold_items += support[target] == 0;
		for (uint32_t j = 0; j < ITEMS; j++)
		{
			size_t before = 0;

			if (out_of(c, &h, j))
				continue;
			for (uint32_t x = 0; x < ITEMS; x++)
				before += !out_of(c, &h, x) &&
						  ((float) s[x] > (float) s[j] || ((float) s[x] == (float) s[j] && x < j));
			shown[j] |= before < k;
			r += j == target                         ? 0
				 : (float) s[j] > (float) s[target]  ? 1
				 : (float) s[j] == (float) s[target] ? 0.5
													 : 0;
		}
		if (support[target] == 0 || out_of(c, &h, target))
			r = 0;
		rank[i] = (float) r;
		if (r > 0 && r <= (double) k)
		{
			m.hit++;
			m.ndcg += 1 / log2(1 + r);
			m.mrr += 1 / r;
		}
	}
	for (int j = 0; j < ITEMS; j++)
		m.shown += shown[j];
	return m;
}

static void
test_metrics(void)
{
	static float rank[USERS * LONGEST], want[USERS * LONGEST];

	CASE("metrics are those of brute force: single models, each exclusion, ties, cold targets");
	for (int exclude = BM_EXCLUDE_NONE; exclude <= BM_EXCLUDE_PURCHASED; exclude++)
		for (int which = 0; which < 3; which++)
		{
			UnitHeap heap;
			BmCases c = all_cases((BmExclude) exclude);
			BmBlend b = blend_of(3, 1, 1, 1);
			Naive m;
			BmMetrics got;

			b.part[0] = b.part[which];
			b.n = 1;
			m = naive_metrics(&b, &c, 5, want);
			CHECK_INT(bmc_evaluate(&got, rank, &b, &c, 5, NULL, unit_heap(&heap), NULL), BM_OK);
			for (size_t i = 0; i < c.n; i++)
				CHECK_NEAR(rank[i], want[i], 1e-6);
			CHECK_NEAR(got.hit, m.hit, 1e-9);
			CHECK_NEAR(got.ndcg, m.ndcg, 1e-9);
			CHECK_NEAR(got.mrr, m.mrr, 1e-9);
			CHECK_INT(got.n, c.n);
			CHECK_INT(got.cold_items, m.cold_items);
			CHECK_INT(got.cold_users, m.cold_users);
			CHECK_INT(got.repeats, m.repeats);
			CHECK_INT(got.shown, m.shown);
			CHECK_INT(heap.live, 0);
		}
}

static void
test_threads(void)
{
	BmCases c = all_cases(BM_EXCLUDE_SEEN);
	BmBlend b = blend_of(3, 0.5f, 0.3f, 0.2f);
	BmMetrics one, many;
	UnitHeap heap;

	CASE("the same metrics, to the bit, with any number of threads");
	bmc_evaluate(&one, NULL, &b, &c, 10, NULL, unit_heap(&heap), NULL);
	for (int threads = 1; threads <= 3; threads++)
	{
		void *memory = malloc(bmc_pool_size(threads));
		BmPool *pool = bmc_pool_open(memory, threads);

		bmc_evaluate(&many, NULL, &b, &c, 10, pool, unit_heap(&heap), NULL);
		CHECK(memcmp(&one, &many, sizeof(one)) == 0);
		bmc_pool_close(pool);
		free(memory);
	}
}

static void
test_sampled(void)
{
	BmCases c = all_cases(BM_EXCLUDE_SEEN);
	BmBlend b = blend_of(1, 1, 0, 0);
	BmMetrics all, sampled, again;
	UnitHeap heap;

	CASE("sampled negatives rank easier than all items, and the same way twice");
	bmc_evaluate(&all, NULL, &b, &c, 3, NULL, unit_heap(&heap), NULL);
	c.sampled = 5;
	bmc_evaluate(&sampled, NULL, &b, &c, 3, NULL, unit_heap(&heap), NULL);
	bmc_evaluate(&again, NULL, &b, &c, 3, NULL, unit_heap(&heap), NULL);
	CHECK(sampled.hit > all.hit && sampled.hit == again.hit && sampled.ndcg == again.ndcg);
}

static void
test_blend(void)
{
	static float rank[USERS * LONGEST];
	BmCases c = all_cases(BM_EXCLUDE_SEEN);
	BmBlend b = blend_of(3, 1, 1, 1);
	double best = -1, got, naive;
	UnitHeap heap;

	CASE("blend weights are the best of the grid by brute force");
	for (int i = 0; i <= 10; i++)
		for (int j = 0; i + j <= 10; j++)
		{
			BmBlend x = blend_of(3, (float) i / 10, (float) j / 10, (float) (10 - i - j) / 10);

			naive = naive_metrics(&x, &c, 5, rank).ndcg / (double) c.n;
			best = fmax(best, naive);
		}
	CHECK_INT(bmc_blend_fit(&b, &got, &c, c.n, 5, NULL, unit_heap(&heap), NULL), BM_OK);
	CHECK_NEAR(got, best, 0.002 * best);
	CHECK_NEAR(b.part[0].weight + b.part[1].weight + b.part[2].weight, 1, 1e-6);
	naive = naive_metrics(&b, &c, 5, rank).ndcg / (double) c.n;
	CHECK_NEAR(naive, best, 0.002 * best);
	CHECK_INT(heap.live, 0);
}

static void
test_explain(void)
{
	BmBlend b = blend_of(2, 0.6f, 0.4f, 0);
	uint32_t items[ITEMS];
	static float share[ITEMS * LONGEST];

	CASE("shares of a blend are not negative and sum to one, or are all nothing");
	for (uint32_t i = 0; i < ITEMS; i++)
		items[i] = i;
	for (size_t u = 0; u < USERS; u++)
	{
		BmHistory h = history(&L.s, u);
		void *scratch =
			aligned_alloc(64, (bmc_blend_explain_bytes(&b, h.n, ITEMS) + 127) / 64 * 64);

		bmc_blend_explain(share, &b, &h, items, ITEMS, scratch);
		for (int i = 0; i < ITEMS; i++)
		{
			double sum = 0;

			for (size_t e = 0; e < h.n; e++)
			{
				CHECK(share[(size_t) i * h.n + e] >= 0);
				sum += share[(size_t) i * h.n + e];
			}
			CHECK(sum == 0 || fabs(sum - 1) < 1e-5);
		}
		free(scratch);
	}
}

static void
test_serve(void)
{
	BmBlend b = blend_of(2, 0.5f, 0.5f, 0);
	float popularity[ITEMS], score[ITEMS];
	uint64_t allowed = 0x5555555555555555;
	uint32_t item[ITEMS];
	BmServe s = {.model = &b,
				 .popularity = popularity,
				 .k = 7,
				 .exclude = BM_EXCLUDE_PURCHASED,
				 .purchase = purchase,
				 .min_score = -INFINITY};

	CASE("the k best: exclusions, candidates, least score, cold users by popularity");
	for (int i = 0; i < ITEMS; i++)
		popularity[i] = (float) (i % 9);
	for (size_t u = 0; u < USERS; u++)
	{
		BmHistory h = history(&L.s, u);
		BmCases c = {.exclude = BM_EXCLUDE_PURCHASED};
		void *scratch = aligned_alloc(64, (bmc_serve_bytes(&s) + 127) / 64 * 64);
		double want[ITEMS];
		size_t n;

		s.allowed = u % 2 ? &allowed : NULL;
		s.min_score = u % 3 ? -INFINITY : 0.2f;
		if (h.n > 0)
			naive_scores(want, &b, &h);
		for (int i = 0; h.n == 0 && i < ITEMS; i++)
			want[i] = popularity[i];
		n = bmc_serve(item, score, &s, &h, scratch, false);
		for (size_t i = 0; i < n; i++)
		{
			size_t above = 0;

			CHECK_NEAR(score[i], want[item[i]], 1e-4);
			CHECK(!out_of(&c, &h, item[i]));
			CHECK(s.allowed == NULL || item[i] % 2 == 0);
			CHECK(score[i] >= s.min_score);
			for (uint32_t j = 0; j < ITEMS; j++)
				above += !out_of(&c, &h, j) && (s.allowed == NULL || j % 2 == 0) &&
						 want[j] > score[i] + 1e-4;
			CHECK(above <= i);
		}
		free(scratch);
	}
}

int
main(void)
{
	make_log(&L, 4);
	fit_all();
	test_metrics();
	test_threads();
	test_sampled();
	test_blend();
	test_explain();
	test_serve();
	free_model(&rules);
	free_model(&knn);
	free_model(&popular);
	return unit_done();
}
