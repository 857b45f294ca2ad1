/*
 * Content similarity against its formula written down in double precision, with terms, with vectors and
 * with both; bands of numbers; and where a blend puts items that have no event.
 */
#include "rec_check.h"
#include "core/rec/blend.h"
#include "core/rec/content.h"
#include "core/rec/rank.h"

#define TERMS 12
#define DIM 3

static Log L;
static size_t start[ITEMS + 1];
static uint32_t col[ITEMS * TERMS];
static float weight[ITEMS * TERMS], vector[ITEMS * DIM];
static bool has[ITEMS][TERMS];
static double column_weight[TERMS];
static BmItemFeatures F;

/* Term 0: all items have it; term 1: one item alone. Item 4 has no term, item 5 no vector. */
static void
make_features(uint64_t seed, bool terms, bool vectors)
{
	BmRng rng = bmc_rng(seed, 9);
	size_t n = 0;

	memset(has, 0, sizeof(has));
	memset(vector, 0, sizeof(vector));
	for (int t = 0; t < TERMS; t++)
		column_weight[t] = t % 3 == 0 ? 2.5 : 1.0;
	for (size_t i = 0; i < ITEMS; i++)
	{
		for (int t = 0; t < TERMS && terms && i != 4; t++)
			if (t == 0 || (t == 1 ? i == 7 : bmc_rng_below(&rng, 4) == 0))
			{
				has[i][t] = true;
				col[n] = (uint32_t) t;
				weight[n++] = (float) column_weight[t];
			}
		start[i + 1] = n;
		for (int d = 0; d < DIM && i != 5; d++)
			vector[i * DIM + d] = ((float) bmc_rng_below(&rng, 2001) - 1000) / 2000;
	}
	F = (BmItemFeatures){{ITEMS, TERMS, start, col, weight}, vectors ? DIM : 0, vector};
	L.s.features = &F;
}

static double
term_weight(size_t i, int t)
{
	int df = 0, described = 0;

	for (size_t j = 0; j < ITEMS; j++)
	{
		bool any = false;

		df += has[j][t];
		for (int x = 0; x < TERMS; x++)
			any |= has[j][x];
		described += any;
	}
	return has[i][t] && df > 1 ? column_weight[t] * log((double) described / df) : 0;
}

static double
twin_similarity(size_t a, size_t b)
{
	double ab = 0, aa = 0, bb = 0, v = 0;

	for (int t = 0; t < TERMS; t++)
	{
		double x = term_weight(a, t), y = term_weight(b, t);

		ab += x * y, aa += x * x, bb += y * y;
	}
	for (int d = 0; d < DIM && F.width > 0; d++)
		v += (double) vector[a * DIM + d] * vector[b * DIM + d];
	return a == b ? 0 : (aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0) + fmax(v, 0);
}

/* Every score and share of every user; and of the two items that have no event some are above 0. */
static void
test_formula(bool terms, bool vectors)
{
	static float scores[ITEMS], share[LONGEST];
	BmContentOptions o = {.gamma = 0.7, .top = 0, .last = 6};
	double cold = 0;
	const float *prior;
	char *scratch;
	Fitted f;

	CASE(terms && vectors ? "content: terms and vectors"
		 : terms          ? "content: terms"
						  : "content: vectors");
	make_features(3 + terms + 2 * vectors, terms, vectors);
	CHECK_INT(fit_model(&f, &bmc_content, &o, &L.s, NULL, NULL, 0), BM_OK);
	prior = bmc_tensors_find(&f.tensors, "m/", "prior", BM_F32, 1, NULL)->data;
	CHECK(prior[ITEMS - 1] == 0);
	scratch = aligned_alloc(64, 4096);
	for (size_t u = 0; u < USERS; u++)
	{
		BmHistory h = history(&L.s, u);
		double part[LONGEST];

		bmc_content.score(scores, f.bound, &h, 1, scratch, false);
		for (uint32_t b = 0; b < ITEMS; b++)
		{
			double sum = 0, w = 1;
			bool met[ITEMS] = {false};
			int left = o.last;

			memset(part, 0, sizeof(part));
			for (size_t k = h.n; k-- > 0 && left > 0;)
			{
				if (L.weight[h.event[k]] <= 0)
					continue;
				if (!met[h.item[k]])
					part[k] = w * twin_similarity(h.item[k], b);
				met[h.item[k]] = true;
				sum += part[k];
				left--;
				w *= o.gamma;
			}
			CHECK_NEAR(scores[b] - prior[b], sum, 1e-4); /* below which nothing is kept */
			cold += b >= ITEMS - 2 ? scores[b] : 0;
			bmc_content.explain(share, f.bound, &h, &b, 1, scratch);
			for (size_t k = 0; k < h.n && sum > 0.01; k++)
				CHECK_NEAR(share[k], part[k] / sum, 5e-3);
		}
	}
	CHECK(cold > 1);
	free(scratch);
	free_model(&f);
}

static void
test_nothing_known(void)
{
	BmContentOptions o = {.gamma = 0.7, .top = 5, .last = 6};
	Fitted f;

	CASE("nothing is known of the items");
	L.s.features = NULL;
	CHECK_INT(fit_model(&f, &bmc_content, &o, &L.s, NULL, NULL, 0), BM_EINVAL);
	CHECK(f.fit.error[0] != '\0');
	free_model(&f);
}

static void
test_promises(void)
{
	static const char *const any[] = {"value", "prior", "config", NULL};
	BmContentOptions o = {.gamma = 0.7, .top = 5, .last = 6};

	CASE("content: threads, failures, damage");
	make_features(8, true, true);
	check_threads(&bmc_content, &o, &L);
	check_failures(&bmc_content, &o, &L);
	check_damage(&bmc_content, &o, &L, any);
}

/* Edges against counting: equally many, ties never cut, all in order. */
static void
test_bands(void)
{
	double x[100], y[100], edge[9];
	int filled[10] = {0};

	CASE("bands hold equally many");
	for (int i = 0; i < 100; i++)
		x[i] = y[i] = (i * 37) % 100;
	bmc_band_edges(edge, 10, x, 100);
	for (int i = 0; i < 100; i++)
	{
		CHECK_INT(bmc_band(edge, 10, y[i]), (int) y[i] / 10);
		filled[bmc_band(edge, 10, y[i])]++;
	}
	for (int b = 0; b < 10; b++)
		CHECK_INT(filled[b], 10);
	for (int i = 0; i < 100; i++)
		x[i] = i < 95 ? 0 : 5;
	bmc_band_edges(edge, 10, x, 100);
	CHECK(bmc_band(edge, 10, 0) == 0 && bmc_band(edge, 10, 5) == 1);
	for (int i = 0; i < 100; i++)
		x[i] = i < 5 ? 0 : i < 60 ? 5 : 7;
	bmc_band_edges(edge, 10, x, 100);
	CHECK(bmc_band(edge, 10, 0) == 0 && bmc_band(edge, 10, 5) == 1 && bmc_band(edge, 10, 7) == 2);
	bmc_band_edges(edge, 10, x, 0);
	CHECK(bmc_band(edge, 10, -1) == 0 && bmc_band(edge, 10, 1) == 0);
}

/* ---- cold items in a blend ---- */

/* A model of given scores. */
static size_t
given_bytes(const void *bound, size_t B)
{
	return 64;
}

static void
given_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
			bool fast_blas)
{
	for (size_t b = 0; b < B; b++)
		memcpy(scores + b * 5, bound, 5 * sizeof(float));
}

static const BmRecommender blind = {
	.name = "blind", .score_bytes = given_bytes, .score = given_score};
static const BmRecommender knowing = {
	.name = "knowing", .score_bytes = given_bytes, .score = given_score, .knows_cold = true};

/* Items 1 and 4 have no event. ALS gives them about 0, which is above negative scores. */
static void
test_cold_items(void)
{
	static const float als[5] = {-2, 0, -4, 3, 0.1f}, content[5] = {0, 5, 1, 1, 0};
	static const uint32_t cold[2] = {1, 4};
	BmHistory nobody = {0};
	BmBlend one = {1, 5, {{&blind, als, 1}}, cold, 2};
	BmBlend two = {2, 5, {{&blind, als, 0.7f}, {&knowing, content, 0.3f}}, cold, 2};
	BmBlend alone = {1, 5, {{&knowing, content, 1}}, cold, 2};
	float s[5];
	double mean = -1, sd = sqrt((1 + 9 + 16) / 5.0), c = 1.4;
	double csd = sqrt((c * c + 3.6 * 3.6 + 0.4 * 0.4 * 2 + c * c) / 5);
	char *scratch = aligned_alloc(64, 4096);

	CASE("cold items in one model and in a blend");
	CHECK(!bmc_blend_knows_cold(&one) && bmc_blend_knows_cold(&two));
	bmc_blend_score(s, &one, &nobody, 1, scratch, false); /* less than any other */
	CHECK(s[0] == -2 && s[2] == -4 && s[3] == 3 && s[1] < -4 && s[1] > -4.001f && s[4] == s[1]);
	bmc_blend_score(s, &alone, &nobody, 1, scratch, false); /* as content says */
	CHECK(memcmp(s, content, sizeof(content)) == 0);
	bmc_blend_score(s, &two, &nobody, 1, scratch, false); /* the blind part agrees */
	CHECK_NEAR(s[1], (5 - c) / csd, 1e-5);
	CHECK_NEAR(s[4], (0 - c) / csd, 1e-5);
	CHECK_NEAR(s[3], 0.7 * (3 - mean) / sd + 0.3 * (1 - c) / csd, 1e-5);
	CHECK(s[1] > s[0] && s[1] > s[2]);
	two.part[1].weight = 0; /* nobody knows them: the least again */
	bmc_blend_score(s, &two, &nobody, 1, scratch, false);
	CHECK(s[1] <= s[2] && s[4] <= s[2] && s[2] < s[0]);
	free(scratch);
}

/* A target without events is a miss of a blind model, whatever it says, and counts in a knowing one. */
static void
test_cold_targets(void)
{
	static const float scores[5] = {0, 5, 1, 1, 0};
	static const uint32_t item[2] = {0, 1}, cold[1] = {1}, user[1] = {0}, pos[1] = {1};
	static const uint32_t support[5] = {3, 0, 2, 2, 1};
	static const size_t at[2] = {0, 2};
	static const int64_t time[2] = {1, 2};
	BmSequences data = {.nusers = 1, .nitems = 5, .start = at, .item = item, .time = time};
	BmCases cases = {.data = &data, .n = 1, .user = user, .pos = pos, .support = support};
	BmBlend model = {1, 5, {{&blind, scores, 1}}, cold, 1};
	BmMetrics m;
	UnitHeap heap = {0};
	double ndcg;

	CASE("cold targets count where they are known");
	CHECK_INT(bmc_evaluate(&m, NULL, &model, &cases, 3, NULL, unit_heap(&heap), NULL), BM_OK);
	CHECK(m.cold_items == 1 && m.hit == 0);
	model.part[0].algorithm = &knowing;
	CHECK_INT(bmc_evaluate(&m, NULL, &model, &cases, 3, NULL, &heap.mem, NULL), BM_OK);
	CHECK(m.cold_items == 1 && m.hit == 1 && m.ndcg == 1);
	/* the weights of a blend see it, too: only the knowing part finds the target */
	model = (BmBlend){2, 5, {{&blind, scores, 0}, {&knowing, scores, 0}}, cold, 1};
	CHECK_INT(bmc_blend_fit(&model, &ndcg, &cases, 10, 3, NULL, &heap.mem, NULL), BM_OK);
	CHECK(ndcg == 1 && model.part[1].weight > 0);
}

int
main(void)
{
	make_log(&L, 4);
	test_formula(true, false);
	test_formula(false, true);
	test_formula(true, true);
	test_nothing_known();
	test_promises();
	test_bands();
	test_cold_items();
	test_cold_targets();
	return unit_done();
}
