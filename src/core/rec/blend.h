/*
 * blend.h
 *		A weighted sum of recommenders' z-scored scores.
 */
#ifndef BM_BLEND_H
#define BM_BLEND_H

#include "core/num/recommender.h"

#define BM_MAX_BLEND 8

typedef struct BmBlendPart
{
	const BmRecommender *algorithm;
	const void *bound;
	float weight;
} BmBlendPart;

typedef struct BmBlend
{
	int n;
	size_t nitems;
	BmBlendPart part[BM_MAX_BLEND];
	/*
	 * Items without an event in the fits. What a part that does not know them (knows_cold) gives them is not
	 * believed: by itself such a part gives them less than any other item; in a blend with a part of some
	 * weight that knows them, it agrees with that one. So their score is the weighted mean of the knowing
	 * parts' z-scores, and they stand beside the others on the one scale that all have.
	 */
	const uint32_t *cold; /* (ncold) ascending */
	size_t ncold;
} BmBlend;

/* Does any part of some weight know items without events? */
extern bool bmc_blend_knows_cold(const BmBlend *blend);
/*
 * Replace what part p gave to the cold items in its scores (nitems): by less than any other's score, or,
 * where another part knows them, by the mean of the others' scores, a z-score of 0.
 */
extern void bmc_blend_settle(float *scores, const BmBlend *blend, int p);

/* To mean 0 and standard deviation 1; a row without spread to 0. */
extern void bmc_standardise(float *x, size_t n);
/* To a sum of 1; a row of zeros stays. */
extern void bmc_normalise(float *share, size_t n);

extern size_t bmc_blend_score_bytes(const BmBlend *blend, size_t B);
/* Each part's row is centred and divided by its standard deviation over the items (0 stays 0). */
extern void bmc_blend_score(float *scores, const BmBlend *blend, const BmHistory *h, size_t B,
							void *scratch, bool fast_blas);
/*
 * share (n, h->n) for items[0..n-1]: weighted mean of the parts' shares, each part weighted by weight *
 * |its z-score of the item|. Scratch: bmc_blend_explain_bytes.
 */
extern size_t bmc_blend_explain_bytes(const BmBlend *blend, size_t nevents, size_t n);
extern void bmc_blend_explain(float *share, const BmBlend *blend, const BmHistory *h,
							  const uint32_t *items, size_t n, void *scratch);

#endif
