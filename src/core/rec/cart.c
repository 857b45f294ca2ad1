/*
 * cart.c
 *		The mean of the answers to each item alone.
 */
#include <math.h>
#include <string.h>

#include "core/num/vec.h"
#include "core/rec/cart.h"

/* one answer, the inner model's scratch */
static size_t
cart_bytes(const void *bound, size_t B)
{
	const BmBlend *inner = bound;

	return bmc_add(bmc_take_size(inner->nitems, sizeof(float)),
				   bmc_take_size(bmc_blend_score_bytes(inner, 1), 1));
}

/* The standardised answer to entry e alone, in row. */
static void
answer_alone(float *row, const BmBlend *inner, const BmHistory *h, size_t e, void *scratch,
			 bool fast_blas)
{
	BmHistory one = {.n = 1, .item = &h->item[e]};

	bmc_blend_score(row, inner, &one, 1, scratch, fast_blas);
	bmc_standardise(row, inner->nitems);
}

static void
cart_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
		   bool fast_blas)
{
	const BmBlend *inner = bound;
	size_t n = inner->nitems;
	BmArena arena = {scratch, cart_bytes(bound, B), 0};
	float *row = bmc_take(&arena, n, sizeof(float));
	void *rest = bmc_take(&arena, bmc_blend_score_bytes(inner, 1), 1);

	for (size_t b = 0; b < B; b++, scores += n)
	{
		memset(scores, 0, n * sizeof(float));
		for (size_t e = 0; e < h[b].n; e++)
		{
			answer_alone(row, inner, &h[b], e, rest, fast_blas);
			bmc_axpy(scores, 1.0f / (float) h[b].n, row, n);
		}
	}
}

static void
cart_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items, size_t n,
			 void *scratch)
{
	const BmBlend *inner = bound;
	BmArena arena = {scratch, cart_bytes(bound, 1), 0};
	float *row = bmc_take(&arena, inner->nitems, sizeof(float));
	void *rest = bmc_take(&arena, bmc_blend_score_bytes(inner, 1), 1);

	for (size_t e = 0; e < h->n; e++)
	{
		answer_alone(row, inner, h, e, rest, false);
		for (size_t i = 0; i < n; i++)
			share[i * h->n + e] = fmaxf(0.0f, row[items[i]]);
	}
	for (size_t i = 0; i < n; i++)
		bmc_normalise(share + i * h->n, h->n);
}

const BmRecommender bmc_cart = {
	.name = "cart",
	.bound_size = sizeof(BmBlend),
	.score_bytes = cart_bytes,
	.score = cart_score,
	.explain = cart_explain,
};
