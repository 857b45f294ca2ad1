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

/* As above for matrix x vector: scores = E (N,D) rows . q (D), never stored; skip (N bits) may be NULL, 1 = leave out. */
extern size_t bmc_topk_dot(uint32_t *index, float *score, size_t k, const float *E, const float *q,
						   size_t N, size_t D, const uint64_t *skip);

#endif
