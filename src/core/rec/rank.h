/*
 * rank.h
 *		Ranking metrics over cases: all items ranked, ties at their mid-rank.
 */
#ifndef BM_RANK_H
#define BM_RANK_H

#include "core/rec/blend.h"

typedef enum BmExclude
{
	BM_EXCLUDE_NONE = 0,
	BM_EXCLUDE_SEEN, /* every item in the case's history is taken out; a repeated target is a miss */
	BM_EXCLUDE_PURCHASED /* only items whose event is a purchase (purchase[event] true) */
} BmExclude;

/* Does exclude take history entry i out? Without behaviours every event has code 0. */
static inline bool
bmc_excluded(BmExclude exclude, const bool *purchase, const BmHistory *h, size_t i)
{
	if (exclude == BM_EXCLUDE_PURCHASED)
		return purchase && purchase[h->event ? h->event[i] : 0];
	return exclude == BM_EXCLUDE_SEEN;
}

/* Case c: predict event pos[c] of user[c] from that user's events before it (all, hidden ones too). */
typedef struct BmCases
{
	const BmSequences *data; /* full sequences; use is ignored */
	size_t n;
	const uint32_t *user; /* (n) */
	const uint32_t *pos;  /* (n) position within the user's sequence, >= 0 */
	BmExclude exclude;
	const bool *purchase; /* (256) for BM_EXCLUDE_PURCHASED */
	const uint32_t
		*support; /* (nitems) training events per item; a target with 0 is cold: a miss, unless the
				   * model knows such items */
	size_t sampled; /* 0: rank all items; else that many uniform unseen negatives */
	uint64_t seed;  /* for sampled */
} BmCases;

/* Sums over cases, so that shards add up in order; divide by n. */
typedef struct BmMetrics
{
	size_t n;
	size_t cold_items;     /* targets without training support */
	size_t cold_users;     /* empty histories */
	size_t repeats;        /* targets that exclude took out */
	double hit, ndcg, mrr; /* @k; one relevant item: recall@k = hit */
	double ndcg_squares;   /* sum of the squares of ndcg, for its standard error */
	double
		popularity; /* sum over cases of the mean training share (support / events) of the k shown */
	double head;  /* sum over cases of the share of the k shown that the first 1 % of items have */
	size_t shown; /* distinct items shown at least once; coverage = shown / nitems */
	double gini;  /* of how often each item is shown: 0 all equally, 1 always the same; not a sum */
} BmMetrics;

/* Standard errors of recall@k and NDCG@k; 0 without cases. */
extern double bmc_recall_error(const BmMetrics *m);
extern double bmc_ndcg_error(const BmMetrics *m);
/*
 * Evaluate model on cases at cut-off k. rank (ncases) may be NULL; else it gets each case's rank
 * (1-based, mid-rank; 0 where it is a miss by rule). Batches of cases are the tasks; memory from mem.
 */
extern BmStatus bmc_evaluate(BmMetrics *out, float *rank, const BmBlend *model,
							 const BmCases *cases, size_t k, BmPool *pool, BmMem *mem,
							 const BmStop *stop);
/*
 * Fit blend->part[].weight on cases (weights non-negative, sum 1, grid of 1/10) for NDCG@k. Works on
 * at most max_cases cases (evenly taken). Writes the weights into blend and the metric into *ndcg.
 */
extern BmStatus bmc_blend_fit(BmBlend *blend, double *ndcg, const BmCases *cases, size_t max_cases,
							  size_t k, BmPool *pool, BmMem *mem, const BmStop *stop);

#endif
