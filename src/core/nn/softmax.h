/*
 * softmax.h
 *		Softmax cross-entropy of hidden states against item embeddings: over all items, tile by tile,
 *		or over each target and negatives shared by the batch. Loss and gradients in one sweep.
 */
#ifndef BM_SOFTMAX_H
#define BM_SOFTMAX_H

#include "core/nn/linear.h"

/* Floats of scratch. */
extern size_t bmc_softmax_scratch(size_t N, size_t D);
extern size_t bmc_sampled_scratch(size_t T, size_t K);

/*
 * Softmax over all N items. Returns sum over t of weight[t] * -log p(target[t]); dH (T,D) is
 * overwritten with its gradient, dE (N,D) += its gradient. H (T,D), E (N,D).
 */
extern double bmc_softmax_loss(float *dH, float *dE, const float *H, const float *E,
							   const uint32_t *target, const float *weight, size_t T, size_t N,
							   size_t D, float *scratch, BmGemm gemm);

/* What a batch's tokens share: K distinct negatives and where an item's gradient row is. */
typedef struct BmNegatives
{
	size_t K;
	const uint32_t *item; /* (K) */
	const float *E;       /* (K,D) their embeddings, side by side */
	const float *shift;   /* (K) added to a negative's logit: -log of how often it is drawn */
	const uint32_t *slot; /* (N) gradient row of an item; negative k has row k */
} BmNegatives;

/*
 * Softmax over {target} and the negatives other than the target. As above, but gradients go to
 * dE[slot[target]] and dE[0..K).
 */
extern double bmc_sampled_loss(float *dH, float *dE, const float *H, const float *E,
							   const BmNegatives *neg, const uint32_t *target, const float *weight,
							   size_t T, size_t D, float *scratch, BmGemm gemm);
/*
 * BPR-max (Hidasi and Karatzoglou 2018): -log of the softmax-weighted chance that the target beats a
 * negative, plus bpreg times the weighted square of the negatives' scores. Gradients as above.
 */
extern double bmc_bpr_max_loss(float *dH, float *dE, const float *H, const float *E,
							   const BmNegatives *neg, const uint32_t *target, const float *weight,
							   size_t T, size_t D, float bpreg, float *scratch, BmGemm gemm);

#endif
