/*
 * moments.h
 *		Number, mean and variance of numbers, by sums that lose nothing: the same bits in whatever order
 *		the numbers come, and however they were divided and merged.
 *
 * A sum of doubles is kept as an integer of 2,176 bits in units of the smallest double (Kulisch 1971),
 * in limbs of 32 bits, so that an addition touches three of them. Squares enter as their exact high and
 * low parts. Mean and variance are then computed in twice the precision of a double.
 */
#ifndef BM_MOMENTS_H
#define BM_MOMENTS_H

#include "core/num/status.h"

#define BM_SUM_LIMBS 68

/* Larger numbers count as not finite: their squares are none that a double can hold. */
#define BM_MAX_NUMBER 1e150

typedef struct BmMoments
{
	int64_t n;
	int64_t pending;           /* additions since the carries were last settled */
	int64_t sum[BM_SUM_LIMBS]; /* least first */
	int64_t squares[BM_SUM_LIMBS];
} BmMoments;

/* Is it a number that can be added? */
static inline bool
bmc_is_number(double x)
{
	return x >= -BM_MAX_NUMBER && x <= BM_MAX_NUMBER;
}

extern void bmc_moments_add(BmMoments *m, double x); /* bmc_is_number(x) */
extern void bmc_moments_merge(BmMoments *m, const BmMoments *other);
/* Settle the carries: equal sums then have equal limbs. */
extern void bmc_moments_settle(BmMoments *m);
/* Could it be one (from outside)? Then nothing that is done with it overflows. */
extern bool bmc_moments_valid(const BmMoments *m);
extern double bmc_moments_mean(const BmMoments *m);     /* NaN for n = 0 */
extern double bmc_moments_variance(const BmMoments *m); /* of the sample, by n - 1; NaN for n < 2 */

#endif
