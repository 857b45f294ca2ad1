/*
 * bins.h
 *		Columns cut into bins at their quantiles, for trees.
 */
#ifndef BM_BINS_H
#define BM_BINS_H

#include "core/num/mem.h"

typedef struct BmBins
{
	size_t n, width;
	int most;      /* bins of a column at most */
	uint8_t *code; /* (width, n): how many cuts are <= the value; NaN: 0 */
	float *cut;    /* (width, most - 1) rising */
	int *cuts;     /* (width); 0 for a constant column */
} BmBins;

extern size_t bmc_bins_bytes(size_t n, size_t width, int most);
/* x (n, width). Cuts lie at values of the column, so that value >= cut is exact. */
extern BmStatus bmc_bins(BmBins *bins, const float *x, size_t n, size_t width, int most, BmMem *mem,
						 const BmStop *stop);
extern void bmc_bins_free(BmBins *bins, BmMem *mem);
/* The value at which codes above bin begin. */
static inline float
bmc_bins_cut(const BmBins *bins, size_t column, int bin)
{
	return bins->cut[column * (size_t) (bins->most - 1) + (size_t) bin];
}

#endif
