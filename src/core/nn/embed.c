/*
 * embed.c
 *		Item and position embeddings: gather forward, scatter backward.
 *
 * Positions count from the sequence's end, so that the newest event of a short and of a long history
 * share one position.
 */
#include <string.h>

#include "core/nn/embed.h"
#include "core/num/vec.h"

void
bmc_newest_rows(float *out, const float *x, const BmRagged *r, size_t D)
{
	for (size_t s = 0; s < r->S; s++)
		memcpy(out + s * D, x + bmc_ragged_newest(r, s) * D, D * sizeof(float));
}

BM_CLONES void
bmc_embed_forward(float *x, const BmRagged *r, const float *E, const float *P, float scale,
				  size_t D)
{
	for (size_t s = 0; s < r->S; s++)
		for (size_t t = r->start[s]; t < r->start[s + 1]; t++, x += D)
		{
			const float *e = E + (size_t) r->item[t] * D;
			const float *p = P ? P + (r->start[s + 1] - 1 - t) * D : NULL;

			for (size_t d = 0; d < D; d++)
				x[d] = scale * e[d] + (p ? p[d] : 0.0f);
		}
}

BM_CLONES void
bmc_embed_backward(float *dE, float *dP, const float *dx, const BmRagged *r, const uint32_t *slot,
				   float scale, size_t D)
{
	for (size_t s = 0; s < r->S; s++)
		for (size_t t = r->start[s]; t < r->start[s + 1]; t++, dx += D)
		{
			size_t row = slot ? slot[r->item[t]] : r->item[t];
			float *de = dE + row * D;
			float *dp = dP ? dP + (r->start[s + 1] - 1 - t) * D : NULL;

			for (size_t d = 0; d < D; d++)
				de[d] += scale * dx[d];
			for (size_t d = 0; dp && d < D; d++)
				dp[d] += dx[d];
		}
}
