/*
 * sampled.c
 *		Softmax cross-entropy over the target and negatives shared by the whole batch.
 *
 * Shared negatives turn the gather of K rows per target into one product. A negative that happens to
 * be the target itself (an accidental hit) is taken out of that row's sum.
 */
#include <math.h>
#include <string.h>

#include "core/num/lanes.h"
#include "core/nn/softmax.h"

#define STRIP 256 /* targets at a time */

size_t
bmc_sampled_scratch(size_t T, size_t K)
{
	return (T < STRIP ? T : STRIP) * (K + 16) + 2 * STRIP;
}

/*
 * logit (rows,K) becomes weight * p(negative); positive (rows) the target's logit becomes
 * weight * (p(target) - 1). Returns the loss.
 */
BM_CLONES static double
sampled_rows(float *logit, float *positive, const BmNegatives *neg, const uint32_t *target,
			 const float *weight, size_t rows)
{
	double loss = 0.0;

	for (size_t r = 0; r < rows; r++, logit += neg->K)
	{
		uint32_t own = target[r];
		float top, sum, factor;

		for (size_t k = 0; k < neg->K; k++)
			logit[k] = neg->item[k] == own ? -INFINITY : logit[k] + neg->shift[k];
		top = bmc_max(logit, neg->K);
		top = top > positive[r] ? top : positive[r];
		sum = bmc_exp_sum(logit, logit, top, neg->K) + expf(positive[r] - top);
		loss += (double) weight[r] * (top + logf(sum) - positive[r]);
		factor = weight[r] / sum;
		for (size_t k = 0; k < neg->K; k++)
			logit[k] *= factor;
		positive[r] = factor * expf(positive[r] - top) - weight[r];
	}
	return loss;
}

double
bmc_sampled_loss(float *dH, float *dE, const float *H, const float *E, const BmNegatives *neg,
				 const uint32_t *target, const float *weight, size_t T, size_t D, float *scratch,
				 BmGemm gemm)
{
	size_t K = neg->K;
	float *positive = scratch, *logit = scratch + 2 * STRIP;
	double loss = 0.0;

	for (size_t t = 0; t < T; t += STRIP)
	{
		size_t rows = T - t < STRIP ? T - t : STRIP;
		const float *h = H + t * D;
		float *dh = dH + t * D;

		gemm(false, true, rows, K, D, 1.0f, h, D, neg->E, D, 0.0f, logit, K);
		for (size_t r = 0; r < rows; r++)
			positive[r] = bmc_dot(h + r * D, E + (size_t) target[t + r] * D, D);
		loss += sampled_rows(logit, positive, neg, target + t, weight + t, rows);
		gemm(false, false, rows, D, K, 1.0f, logit, K, neg->E, D, 0.0f, dh, D);
		gemm(true, false, K, D, rows, 1.0f, logit, K, h, D, 1.0f, dE, D);
		for (size_t r = 0; r < rows; r++)
		{
			bmc_axpy(dh + r * D, positive[r], E + (size_t) target[t + r] * D, D);
			bmc_axpy(dE + (size_t) neg->slot[target[t + r]] * D, positive[r], h + r * D, D);
		}
	}
	return loss;
}
