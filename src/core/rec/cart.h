/*
 * cart.h
 *		Answers to a set of items, in whose order nothing lies: what goes with each of them, averaged.
 */
#ifndef BM_CART_H
#define BM_CART_H

#include "core/rec/blend.h"

/*
 * A recommender around another: its answer to a history is the mean, over the history's entries, of the
 * inner model's answers to each entry alone, each with mean 0 and standard deviation 1 over the items. So
 * no item outweighs another because it has more neighbours, and the order of the entries changes nothing.
 * bound is the inner BmBlend. Shares are each entry's positive part of the mean. Only score_bytes, score and
 * explain exist.
 */
extern const BmRecommender bmc_cart;

#endif
