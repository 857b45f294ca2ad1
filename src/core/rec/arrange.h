/*
 * arrange.h
 *		From a pool of the best items to the list that is shown: at most so many of a kind, variety by
 *		maximal marginal relevance (Carbonell and Goldstein 1998), items at fixed places.
 */
#ifndef BM_ARRANGE_H
#define BM_ARRANGE_H

#include "core/rec/blend.h"

#define BM_MAX_CAPS 4
#define BM_MAX_PINS 64

/* The best of a set of items stands at a place, whatever its score; places count from 0. */
typedef struct BmPin
{
	size_t place;
	const uint64_t *items; /* (nitems bits) */
} BmPin;

typedef struct BmArrange
{
	size_t nitems;
	/*
	 * The next item is the one with the largest lambda * s - (1 - lambda) * (its largest similarity to
	 * what was picked), s the score scaled to 0..1 over the pool. 1: by score alone.
	 */
	float lambda;
	/* At most limit[c] items of one group[c][item]; BM_NONE: an item without a value, never capped. */
	int ncaps;
	const uint32_t *group[BM_MAX_CAPS]; /* (nitems) each, codes < ngroups[c] */
	uint32_t ngroups[BM_MAX_CAPS];
	uint32_t limit[BM_MAX_CAPS]; /* >= 1 */
	/*
	 * By place, ascending. A place that is taken already, or lies beyond the end of a short list, gives
	 * way to the next free one. What is pinned counts among its kind, but is not capped.
	 */
	const BmPin *pin;
	size_t npins; /* <= BM_MAX_PINS */
	/*
	 * What lambda < 1 compares with: the cosine of embedding's rows, or, where it is NULL, the answer of
	 * model to the one item over its largest, of items that the model relates to it; and where it relates
	 * none of the pool, 1 for the same group[0].
	 */
	const float *embedding; /* (nitems, D) or NULL */
	size_t D;
	const BmBlend *model;
} BmArrange;

/* Items to take from the scan so that k can be arranged: k itself, or more where kinds matter. */
extern size_t bmc_arrange_pool(const BmArrange *a, size_t k);
/*
 * pinned (npins): the best item of each pin's set that no earlier pin has; BM_NONE where all are taken
 * out.
 */
extern void bmc_arrange_pins(uint32_t *pinned, const BmArrange *a, const float *scores);
/*
 * The want best of scores (nitems), and what is pinned besides. item, score (want + npins). Returns how
 * many; -INFINITY never enters.
 */
extern size_t bmc_arrange_candidates(uint32_t *item, float *score, size_t want, const BmArrange *a,
									 const uint32_t *pinned, const float *scores);
/* Scratch for a pool of n items. */
extern size_t bmc_arrange_bytes(const BmArrange *a, size_t n);
/*
 * place (k): positions in the pool, in the order to show. item, score (n): the pool, best first, what is
 * pinned anywhere in it; whole: there is nothing beside it. Returns how many; fewer than k where the caps
 * leave no more of this pool, so that a larger one may give more. By score alone the answer is exact for the
 * whole catalogue as soon as k are found. BM_NONE when stop says so.
 */
extern size_t bmc_arrange(uint32_t *place, size_t k, const BmArrange *a, const uint32_t *pinned,
						  const uint32_t *item, const float *score, size_t n, bool whole,
						  void *scratch, const BmStop *stop);

#endif
