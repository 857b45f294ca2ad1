/*
 * next_basket.h
 *		The next basket by personal frequency and that of the nearest users (TIFU-kNN: Hu, He, Gao, Zhang
 *		2020, "Modeling Personalized Item Frequency Information for Next-basket Recommendation"). Repeats
 *		are its point: an item of the history is as good an answer as any.
 *
 * A basket is a run of a user's events of some weight without a pause longer than a gap; an item's entry
 * in it is the largest weight of its events. From the newest one back, n baskets make G groups of
 * ceil(n / groups) each (the oldest may have fewer).
 *
 * profile  v_i = 1/G sum over groups g = 0, 1, ... of between^g / |g| sum over its baskets a = 0, 1, ... of
 *          within^a entry_i, 0 the newest of both
 * score    s_i = own v_i + (1 - own) mean of v_i over the nearest users
 *
 * The nearest users are those of the least |v - v'| (euclidean), or of the largest cosine above 0.
 */
#ifndef BM_NEXT_BASKET_H
#define BM_NEXT_BASKET_H

#include "core/num/recommender.h"

typedef enum BmBasketDistance
{
	BM_BASKET_EUCLIDEAN = 0,
	BM_BASKET_COSINE
} BmBasketDistance;

typedef struct BmNextBasketOptions
{
	int neighbours; /* users that vote */
	int groups;
	double within, between; /* decay of a basket in its group, of a group */
	double own;             /* part of the user's own profile */
	double gap_minutes;     /* a longer pause ends a basket; 0: only events of one time are one */
	int distance;           /* BmBasketDistance */
} BmNextBasketOptions;

extern const BmRecommender bmc_next_basket;

/* What makes a profile of a history. */
typedef struct BmBasketRule
{
	size_t groups;
	float within, between;
	int64_t gap; /* microseconds */
} BmBasketRule;

/* Dense working room over the items. */
typedef struct BmProfile
{
	float *value;      /* (N) the profile; all 0 between uses */
	float *entry;      /* (N) an item's entry in the basket of its stamp */
	uint32_t *stamp;   /* (N) basket that met the item last, from 1; all 0 between uses */
	uint32_t *touched; /* (N) items of the profile */
	size_t n;
	float square; /* |v|^2 */
} BmProfile;

/* Fill p from h; part (h->n, or NULL) gets what each event adds to its item's value. */
extern void bmc_profile_fill(BmProfile *p, float *part, const BmBasketRule *rule,
							 const BmHistory *h);
/* Back to zeros. */
extern void bmc_profile_clear(BmProfile *p);

/* Floats of tensor "config": neighbours, groups, within, between, own, gap in minutes, distance. */
#define BM_BASKET_CONFIG 7

/* What answers read. */
typedef struct BmBasketBound
{
	size_t N, U;
	const int32_t *start, *item; /* (U+1), (nnz) ascending within a user */
	const float *value;          /* (nnz) profiles */
	const int32_t *index_start, *index;
	const float *index_value; /* the same by item: (N+1), (nnz) users, (nnz) */
	const float *square;      /* (U) |v|^2 */
	BmBasketRule rule;
	size_t neighbours;
	float own;
	BmBasketDistance distance;
} BmBasketBound;

extern const char *bmc_next_basket_bind(void *bound, const BmTensors *t, const char *prefix,
										size_t nitems);
extern size_t bmc_next_basket_score_bytes(const void *bound, size_t B);
extern void bmc_next_basket_score(float *scores, const void *bound, const BmHistory *h, size_t B,
								  void *scratch, bool fast_blas);
extern void bmc_next_basket_explain(float *share, const void *bound, const BmHistory *h,
									const uint32_t *items, size_t n, void *scratch);

#endif
