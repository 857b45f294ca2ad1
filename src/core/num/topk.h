/*
 * topk.h
 *		The k largest of n scores, exactly: one pass with a threshold heap.
 */
#ifndef BM_TOPK_H
#define BM_TOPK_H

#include "core/num/status.h"

#define BM_MAX_K 10000

/*
 * Positions of the k largest scores (n), best first; ties go to the lower position. -INFINITY and
 * NaN never enter. Returns how many were found (<= k). index (k) and score (k) are outputs.
 */
extern size_t bmc_topk(uint32_t *index, float *score, size_t k, const float *scores, size_t n);

/*
 * The same for scores = E (N,D) rows . q (D), each as bmc_dot has it. keep (N bits): 1 = may come out;
 * NULL: all. Whole words of 0 cost nothing.
 */
extern size_t bmc_topk_dot(uint32_t *index, float *score, size_t k, const float *E, const float *q,
						   size_t N, size_t D, const uint64_t *keep);

/* ---- the heap itself, for scans of other kinds ---- */

/* index and score (k) hold the n best so far, the worst of them first. Begin with n = 0. */
typedef struct BmTopk
{
	uint32_t *index;
	float *score;
	size_t n, k; /* k > 0 */
} BmTopk;

extern void bmc_topk_offer(BmTopk *h, float score, uint32_t index);
/* scores (n) of the positions from first on, those that keep allows. */
extern void bmc_topk_block(BmTopk *h, const float *scores, size_t first, size_t n,
						   const uint64_t *keep);
extern size_t bmc_topk_finish(BmTopk *h); /* to a list, best first; returns n */

static inline bool
bmc_kept(const uint64_t *keep, size_t i)
{
	return keep == NULL || (keep[i / 64] >> (i % 64) & 1);
}

/* Bits 64 w on of keep, without those from N on. */
static inline uint64_t
bmc_keep_word(const uint64_t *keep, size_t w, size_t N)
{
	uint64_t bits = keep ? keep[w] : UINT64_MAX;

	return N - w * 64 >= 64 ? bits : bits & ((UINT64_C(1) << (N - w * 64)) - 1);
}

#endif
