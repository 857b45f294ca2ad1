/*
 * sampled.c
 *		Losses of a target against negatives shared by the whole batch: softmax cross-entropy, BPR-max.
 *
 * Shared negatives turn the gather of K rows per target into one product. A negative that happens to
 * be the target itself (an accidental hit) is taken out of that row's sum.
 */
#include <math.h>
#include <string.h>

#include "core/num/exp1.h"
#include "core/num/lanes.h"
#include "core/nn/softmax.h"

#define STRIP 256   /* targets at a time */
#define TINY 1e-24f /* keeps the logarithm of a sum that has come to 0 finite */

size_t
bmc_sampled_scratch(size_t T, size_t K)
{
	return (T < STRIP ? T : STRIP) * K + 2 * STRIP + K + 32;
}

/*
 * logit (rows,K) becomes weight * p(negative); positive (rows) the target's logit becomes
 * weight * (p(target) - 1). Returns the loss.
 */
BM_CLONES static double
sampled_rows(float *logit, float *positive, const BmNegatives *neg, const uint32_t *target,
			 const float *weight, size_t rows, float unused, float *room)
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

/*
 * The same for BPR-max: with y the target's logit, x_k a negative's, p = softmax(x) and
 * s_k = sigmoid(y - x_k), the loss of a row is -log(A) + bpreg B, A = sum p_k s_k, B = sum p_k x_k^2.
 */
BM_CLONES static double
bpr_max_rows(float *logit, float *positive, const BmNegatives *neg, const uint32_t *target,
			 const float *weight, size_t rows, float bpreg, float *p)
{
	size_t K = neg->K;
	double loss = 0.0;

	for (size_t r = 0; r < rows; r++, logit += K)
	{
		float y = positive[r], A = TINY, B = 0.0f, rise = 0.0f, factor;

		for (size_t k = 0; k < K; k++)
			p[k] = neg->item[k] == target[r] ? -INFINITY : logit[k] + neg->shift[k];
		factor = 1.0f / (bmc_exp_sum(p, p, bmc_max(p, K), K) + TINY);
		for (size_t k = 0; k < K; k++)
			p[k] *= factor;
		for (size_t k = 0; k < K; k++)
		{
			A += p[k] * bmc_sigmoid_one(y - logit[k]);
			B += p[k] * logit[k] * logit[k];
		}
		loss += (double) weight[r] * (bpreg * B - logf(A));
		for (size_t k = 0; k < K; k++)
		{
			float x = logit[k], s = bmc_sigmoid_one(y - x), slope = p[k] * s * (1.0f - s);

			rise += slope;
			logit[k] =
				weight[r] * ((slope - p[k] * (s - A)) / A + bpreg * p[k] * (x * x - B + 2.0f * x));
		}
		positive[r] = -weight[r] * rise / A;
	}
	return loss;
}

/* What a kernel of rows makes of a strip's logits; see sampled_rows. */
typedef double (*BmRows)(float *logit, float *positive, const BmNegatives *neg,
						 const uint32_t *target, const float *weight, size_t rows, float extra,
						 float *room);

/* Logits of strips of targets in products, the kernel on them, and their gradients in products. */
static double
sweep(BmRows kernel, float extra, float *dH, float *dE, const float *H, const float *E,
	  const BmNegatives *neg, const uint32_t *target, const float *weight, size_t T, size_t D,
	  float *scratch, BmGemm gemm)
{
	size_t K = neg->K;
	float *positive = scratch, *logit = scratch + 2 * STRIP + K + 16, *room = scratch + 2 * STRIP;
	double loss = 0.0;

	for (size_t t = 0; t < T; t += STRIP)
	{
		size_t rows = T - t < STRIP ? T - t : STRIP;
		const float *h = H + t * D;
		float *dh = dH + t * D;

		gemm(false, true, rows, K, D, 1.0f, h, D, neg->E, D, 0.0f, logit, K);
		for (size_t r = 0; r < rows; r++)
			positive[r] = bmc_dot(h + r * D, E + (size_t) target[t + r] * D, D);
		loss += kernel(logit, positive, neg, target + t, weight + t, rows, extra, room);
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

double
bmc_sampled_loss(float *dH, float *dE, const float *H, const float *E, const BmNegatives *neg,
				 const uint32_t *target, const float *weight, size_t T, size_t D, float *scratch,
				 BmGemm gemm)
{
	return sweep(sampled_rows, 0.0f, dH, dE, H, E, neg, target, weight, T, D, scratch, gemm);
}

double
bmc_bpr_max_loss(float *dH, float *dE, const float *H, const float *E, const BmNegatives *neg,
				 const uint32_t *target, const float *weight, size_t T, size_t D, float bpreg,
				 float *scratch, BmGemm gemm)
{
	return sweep(bpr_max_rows, bpreg, dH, dE, H, E, neg, target, weight, T, D, scratch, gemm);
}
