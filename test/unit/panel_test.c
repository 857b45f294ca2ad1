/* The k best by the 8-bit panel against those of the products: the same rows and bits, whatever the numbers. */
#include "unit.h"
#include "core/num/panel.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

typedef struct Case
{
	size_t N, D, k;
	float *E, *q;
	uint64_t *keep;
	int32_t *code;
	float *scale;
	BmPanel panel;
} Case;

/* kind 0: normal; 1: rows of very different length; 2: few values, so ties; 3: one large component. */
static float
draw(BmRng *rng, int kind, size_t i, size_t d)
{
	float x = (float) bmc_rng_normal(rng);

	if (kind == 1)
		return x * powf(10.0f, (float) (i % 9) - 4.0f);
	if (kind == 2)
		return (float) bmc_rng_below(rng, 2);
	return kind == 3 && d == 0 ? 50.0f : x;
}

static Case
make_case(size_t N, size_t D, size_t k, int kind, int kept)
{
	Case c = {.N = N, .D = D, .k = k};
	BmRng rng = bmc_rng(N + D, (uint64_t) kind);
	float bound[2];

	c.E = malloc((N * D + 1) * 4), c.q = malloc(D * 4);
	c.keep = calloc(N / 64 + 1, 8);
	c.code = malloc(bmc_panel_words(N, D) * 4 + 4), c.scale = malloc(bmc_panel_scales(N) * 4 + 4);
	for (size_t i = 0; i < N; i++)
		for (size_t d = 0; d < D; d++)
			c.E[i * D + d] = i % 11 == 5 ? 0.0f : draw(&rng, kind, i, d);
	for (size_t d = 0; d < D; d++)
		c.q[d] = draw(&rng, kind, 4, d);
	for (size_t i = 0; i < N; i++)
		if ((int) bmc_rng_below(&rng, 100) < kept && i / 64 % 3 != 1)
			c.keep[i / 64] |= UINT64_C(1) << (i % 64);
	bmc_panel_fill(c.code, c.scale, bound, c.E, N, D);
	c.panel = (BmPanel){N, D, c.code, c.scale, bound[0], bound[1]};
	return c;
}

static void
free_case(Case *c)
{
	free(c->E), free(c->q), free(c->keep), free(c->code), free(c->scale);
}

static void
compare(const Case *c, const uint64_t *keep, const float *q)
{
	uint32_t want[200], got[200];
	float best[200], score[200];
	void *scratch = malloc(bmc_panel_scratch(c->D));
	size_t n = bmc_topk_dot(want, best, c->k, c->E, q, c->N, c->D, keep);

	for (int level = BM_PANEL_PLAIN; level <= (int) bmc_panel_level(); level++)
	{
		size_t m = bmc_topk_panel(got, score, c->k, &c->panel, c->E, q, keep, (BmPanelLevel) level,
								  scratch);

		CHECK_INT(m, n);
		for (size_t i = 0; i < m && i < n; i++)
		{
			CHECK_INT(got[i], want[i]);
			CHECK(score[i] == best[i]);
		}
	}
	free(scratch);
}

static void
test_same(void)
{
	static const size_t rows[] = {1, 17, 64, 65, 1000, 5003}, widths[] = {1, 3, 64, 70, 128};

	CASE("the same rows in the same order, with the same bits, at every level of the machine");
	for (size_t n = 0; n < 6; n++)
		for (size_t d = 0; d < 5; d++)
			for (int kind = 0; kind < 4; kind++)
			{
				Case c = make_case(rows[n], widths[d], n % 2 ? 10 : 100, kind, 40);

				compare(&c, NULL, c.q);
				compare(&c, c.keep, c.q);
				free_case(&c);
			}
}

static void
test_scales(void)
{
	static const float scale[] = {0.0f, 1e-38f, 1e-20f, 1e-6f, 1e6f, 1e18f, 1e30f};
	Case c = make_case(3000, 64, 10, 0, 40);
	float q[64];

	CASE("queries from nothing to overflow");
	for (int s = 0; s < 7; s++)
	{
		for (int d = 0; d < 64; d++)
			q[d] = c.q[d] * scale[s];
		compare(&c, NULL, q);
	}
	free_case(&c);
}

/* The proof itself: no product leaves its bounds, and the bounds are of use. */
static void
test_bound(void)
{
	Case c = make_case(2000, 64, 10, 1, 40);
	double worst = 0.0;

	CASE("rows stay within the error that the panel states");
	for (size_t i = 0; i < c.N; i++)
	{
		const uint8_t *code = (const uint8_t *) c.code + (i / 16 * 16 * 16 + i % 16) * 4;
		double gap = 0.0;

		for (size_t d = 0; d < 64; d++)
		{
			double x = (double) c.scale[i] * (code[d / 4 * 64 + d % 4] - 128);

			gap += (c.E[i * 64 + d] - x) * (c.E[i * 64 + d] - x);
		}
		CHECK(sqrt(gap) <= (double) c.panel.error * (double) c.scale[i]);
		worst = fmax(worst, sqrt(gap) / (double) c.scale[i]);
	}
	CHECK(worst > 0.99 * (double) c.panel.error);
	CHECK(c.panel.error <= 4.0f); /* half a step in each of 64 components */
	free_case(&c);
}

int
main(void)
{
	test_same();
	test_scales();
	test_bound();
	return unit_done();
}
