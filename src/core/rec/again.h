/*
 * again.h
 *		What a user buys again and again, and when it is due: by the intervals of the user's own
 *		purchases of each item.
 */
#ifndef BM_AGAIN_H
#define BM_AGAIN_H

#include "core/num/status.h"

typedef struct BmPurchase
{
	uint32_t item;
	int64_t time; /* microseconds */
} BmPurchase;

typedef struct BmAgain
{
	uint32_t item;
	size_t times;     /* purchases, >= 2 */
	int64_t last;     /* time of the newest */
	int64_t interval; /* median time between purchases, > 0 */
	int64_t due;      /* last + interval */
	/*
	 * (1 - 1 / times) * min(r, 1 / r), r the time since the last purchase in intervals: 1 - 1/times on
	 * the day that it is due, less before, and less again when the user has let it pass.
	 */
	double score;
} BmAgain;

/*
 * out (npurchases / 2 at most): items bought at least twice before now, the best score first, ties to
 * the item bought more often, then to the lower code. Purchases of an item less than gap after another of
 * it are one. Sorts purchases by (item, time). Returns how many.
 */
extern size_t bmc_again(BmAgain *out, BmPurchase *purchases, size_t n, int64_t now, int64_t gap);

#endif
