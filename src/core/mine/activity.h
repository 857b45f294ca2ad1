/*
 * activity.h
 *		When one user was active: a set of calendar periods, each with two flags, as a sparse bitmap.
 *
 * A word holds 16 neighbouring periods: (period + BM_PERIOD_BIAS) / 16 in its upper half, two bits for
 * each of them in its lower half. A daily user costs half a byte a day, a rare one eight bytes a visit.
 * A list is united when its blocks rise strictly; lists are united after they were put into ascending
 * order. Retention, stickiness and lifecycle are questions to a united list.
 */
#ifndef BM_ACTIVITY_H
#define BM_ACTIVITY_H

#include "core/mine/period.h"

#define BM_ACTIVE_START 1U  /* a start event happened in the period */
#define BM_ACTIVE_RETURN 2U /* a return event happened */
#define BM_ACTIVE_FLAGS 3U

#define BM_ACTIVE_BLOCK 16 /* periods in a word */

/* The word of one period with its flags. */
static inline uint64_t
bmc_active_word(int32_t period, unsigned flags)
{
	uint32_t p = (uint32_t) (period + BM_PERIOD_BIAS);

	return (uint64_t) (p / BM_ACTIVE_BLOCK) << 32 | (uint64_t) (flags & BM_ACTIVE_FLAGS)
														<< (2 * (p % BM_ACTIVE_BLOCK));
}

static inline bool
bmc_active_same_block(uint64_t a, uint64_t b)
{
	return (a ^ b) >> 32 == 0;
}

/* Walks the active periods of a united list in order. */
typedef struct BmActiveWalk
{
	const uint64_t *word;
	size_t n, i;
	uint32_t left; /* bits of word[i] not yet answered */
} BmActiveWalk;

extern BmActiveWalk bmc_active_walk(const uint64_t *word, size_t n);
/* The next active period and its flags; false at the end. */
extern bool bmc_active_next(BmActiveWalk *walk, int32_t *period, unsigned *flags);

/* Unite the words of equal blocks of an ascending list, in place; the new number of words. */
extern size_t bmc_active_unite(uint64_t *word, size_t n);
/* Is every word one that bmc_active_word and unite can make? The order is not looked at. */
extern bool bmc_active_valid(const uint64_t *word, size_t n);
/* Periods from (inclusive) to (exclusive) that have one of the flags. */
extern size_t bmc_active_count(const uint64_t *word, size_t n, int32_t from, int32_t to,
							   unsigned flags);
/* Period of the first start; false when there is none. */
extern bool bmc_active_first(int32_t *period, const uint64_t *word, size_t n);
/*
 * retained[k], k = 0..periods-1: was there a return in period first + k (or_after: in it or in a later
 * one)?
 */
extern void bmc_active_retained(bool *retained, size_t periods, int32_t first, bool or_after,
								const uint64_t *word, size_t n);

#endif
