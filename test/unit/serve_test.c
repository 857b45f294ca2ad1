/*
 * A scan, a scan by the panel and blocks of products against the scores of all items and their top-k, over
 * random models and every filter; and ALS, whose states come from a fit.
 */
#include "rec_check.h"
#include "core/num/panel.h"
#include "core/num/vec.h"
#include "core/rec/als.h"
#include "core/rec/serve.h"

#define MANY 150 /* more than a block of histories */

/* A model whose state is the sum of the history's items. */
typedef struct Sum
{
	size_t N;
	BmItemMatrix m;
} Sum;

static BmItemMatrix
sum_matrix(const void *bound)
{
	return ((const Sum *) bound)->m;
}

static size_t
sum_bytes(const void *bound, size_t B)
{
	return bmc_take_size(B * ((const Sum *) bound)->m.D, sizeof(float));
}

static void
sum_state(float *state, const void *bound, const BmHistory *h, size_t B, void *scratch, bool fast)
{
	BmItemMatrix m = ((const Sum *) bound)->m;

	memset(state, 0, B * m.D * sizeof(float));
	for (size_t b = 0; b < B; b++)
		for (size_t e = 0; e < h[b].n; e++)
			for (size_t d = 0; d < m.D; d++)
				state[b * m.D + d] += m.item[h[b].item[e] * m.D + d];
}

static void
sum_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch, bool fast)
{
	const Sum *s = bound;

	for (size_t b = 0; b < B; b++, scores += s->N)
	{
		float least = INFINITY;

		sum_state(scratch, bound, &h[b], 1, NULL, false);
		for (size_t i = 0; i < s->N; i++)
		{
			scores[i] = bmc_dot(s->m.item + i * s->m.D, scratch, s->m.D);
			if ((s->m.support == NULL || s->m.support[i] > 0) && scores[i] < least)
				least = scores[i];
		}
		for (size_t i = 0; s->m.support && i < s->N; i++)
			if (s->m.support[i] <= 0)
				scores[i] = least < INFINITY ? least : 0.0f;
	}
}

static const BmRecommender sum = {
	.score_bytes = sum_bytes, .score = sum_score, .matrix = sum_matrix, .state = sum_state};

static bool purchase[256] = {[2] = true};

typedef struct Case
{
	BmBlend blend;
	BmServe serve;
	BmPanel panel;
	float *popularity;
	int32_t *code;
	float *scale;
	BmHistory h[MANY];
	size_t nhistories;
	UnitHeap heap;
	BmMem *mem;
	double tolerance; /* of the sums in another order */
} Case;

static void
make_panel(Case *c, BmItemMatrix m)
{
	size_t N = c->blend.nitems;
	float bound[2];

	c->code = malloc(bmc_panel_words(N, m.D) * 4);
	c->scale = malloc(bmc_panel_scales(N) * 4);
	bmc_panel_fill(c->code, c->scale, bound, m.item, N, m.D);
	c->panel = (BmPanel){N, m.D, c->code, c->scale, bound[0], bound[1]};
}

/* The list in which other sums may have swapped neighbours: place by place the score, and every item's own. */
static void
near_list(const uint32_t *item, const float *score, size_t n, const float *want, size_t m,
		  const float *scores, double tolerance)
{
	CHECK_INT(n, m);
	for (size_t i = 0; i < n && i < m; i++)
	{
		CHECK_NEAR(score[i], want[i], tolerance);
		CHECK_NEAR(score[i], scores[item[i]], tolerance);
	}
}

static void
check_one(Case *c, size_t u, const uint32_t *many, const float *many_score, size_t nmany)
{
	BmServe s = c->serve;
	size_t k = s.k, n, N = c->blend.nitems;
	void *scratch = aligned_alloc(64, (bmc_serve_bytes(&s) + 127) / 64 * 64);
	uint32_t *want = malloc(4 * k), *item = malloc(4 * k);
	float *best = malloc(4 * k), *score = malloc(4 * k), *scores = malloc(4 * N);

	memcpy(scores, bmc_serve_scores(&s, &c->h[u], scratch, false), 4 * N);
	n = bmc_topk(want, best, k, scores, N);
	for (int panel = 0; panel < 2; panel++)
	{
		s.panel = panel ? &c->panel : NULL;
		CHECK_INT(bmc_serve(item, score, &s, &c->h[u], scratch, false), n);
		for (size_t i = 0; i < n; i++)
		{
			CHECK_INT(item[i], want[i]);
			CHECK(score[i] == best[i]);
		}
	}
	near_list(many, many_score, nmany, best, n, scores, c->tolerance);
	free(scratch), free(want), free(item), free(best), free(score), free(scores);
}

static void
check_all(Case *c)
{
	size_t k = c->serve.k, n = c->nhistories;
	uint32_t *item = malloc(4 * k * n), found[MANY];
	float *score = malloc(4 * k * n);

	CHECK_INT(bmc_serve_many(item, score, found, &c->serve, c->h, n, NULL, c->mem, NULL), BM_OK);
	for (size_t u = 0; u < n; u++)
		check_one(c, u, item + u * k, score + u * k, found[u]);
	CHECK_INT(c->heap.live, 0);
	free(item), free(score);
}

/* Every filter of a request, by the bits of which. */
static void
check_filters(Case *c, const uint64_t *allowed)
{
	for (int which = 0; which < 16; which++)
	{
		c->serve.allowed = which & 1 ? allowed : NULL;
		c->serve.exclude = which & 2 ? BM_EXCLUDE_PURCHASED : BM_EXCLUDE_SEEN;
		c->serve.min_score = which & 4 ? 1.5f : -INFINITY;
		c->serve.k = which & 8 ? c->blend.nitems : 10;
		check_all(c);
	}
}

/* N items, D wide; untaught: every so many-th has no training event; 0: the model knows of none. */
static void
test_random(size_t N, size_t D, int untaught, int kept)
{
	BmRng rng = bmc_rng(N, D);
	float *E = malloc(N * D * 4);
	int32_t *support = malloc(N * 4);
	uint32_t *item = malloc(MANY * 30 * 4);
	uint8_t *event = malloc(MANY * 30);
	uint64_t *allowed = calloc(N / 64 + 1, 8);
	Sum bound = {N, {D, E, untaught ? support : NULL}};
	Case c = {.nhistories = MANY, .tolerance = 1e-3};

	for (size_t i = 0; i < N * D; i++)
		E[i] = (float) bmc_rng_normal(&rng) * 0.3f;
	for (size_t i = 0; i < N; i++)
	{
		support[i] = untaught && i % (size_t) untaught == 0 ? 0 : 3;
		if ((int) bmc_rng_below(&rng, 100) < kept)
			allowed[i / 64] |= UINT64_C(1) << (i % 64);
	}
	for (size_t u = 0; u < MANY; u++) /* 0: cold, so the answer is the popularity */
	{
		c.h[u] = (BmHistory){u % 30, item + u * 30, NULL, event + u * 30, NULL};
		for (size_t e = 0; e < 30; e++)
		{
			item[u * 30 + e] = bmc_rng_below(&rng, (uint32_t) N);
			event[u * 30 + e] = (uint8_t) bmc_rng_below(&rng, 3);
		}
	}
	c.mem = unit_heap(&c.heap);
	c.blend = (BmBlend){.n = 1, .nitems = N, .part = {{&sum, &bound, 1.0f}}};
	c.popularity = E;
	c.serve = (BmServe){.model = &c.blend, .popularity = E, .purchase = purchase};
	make_panel(&c, bound.m);
	check_filters(&c, allowed);
	free(E), free(support), free(item), free(event), free(allowed), free(c.code), free(c.scale);
}

static void
test_als(void)
{
	static Log l;
	BmAlsOptions o = {.factors = 9,
					  .iterations = 3,
					  .unobserved = 0.1,
					  .regularization = 0.01,
					  .activity = 1.0,
					  .gamma = 0.9};
	float popularity[ITEMS] = {0};
	uint64_t allowed = 0x5555555555;
	Fitted f;
	Case c = {.nhistories = USERS, .tolerance = 1e-4};

	CASE("ALS: folded in one by one, and in blocks");
	make_log(&l, 3);
	CHECK_INT(fit_model(&f, &bmc_als, &o, &l.s, NULL, NULL, 0), BM_OK);
	for (size_t u = 0; u < USERS; u++)
		c.h[u] = history(&l.s, u);
	c.mem = unit_heap(&c.heap);
	c.blend = (BmBlend){.n = 1, .nitems = ITEMS, .part = {{&bmc_als, f.bound, 1.0f}}};
	c.serve = (BmServe){.model = &c.blend, .popularity = popularity, .purchase = purchase};
	make_panel(&c, bmc_als_matrix(f.bound));
	check_filters(&c, &allowed);
	free(c.code), free(c.scale);
	free_model(&f);
}

int
main(void)
{
	CASE("every item scored, in several tiles");
	test_random(1300, 20, 0, 60);
	CASE("some items without training events, a wide and a narrow filter");
	test_random(700, 64, 7, 60);
	test_random(513, 5, 2, 3);
	CASE("only two items, and no item with training events");
	test_random(2, 3, 0, 50);
	test_random(40, 3, 1, 50);
	test_als();
	return unit_done();
}
