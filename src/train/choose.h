/*
 * choose.h
 *		Fitting candidate algorithms, each at its best setting, and choosing among them.
 */
#ifndef BM_CHOOSE_H
#define BM_CHOOSE_H

#include "train/fit.h"

#define BM_MAX_CANDIDATES 32

/* Rows that stand beside whatever is compared or tuned. */
extern const char *const bm_baselines[]; /* NULL ends */

typedef struct BmChoice
{
	int n;
	BmFitted *candidate[BM_MAX_CANDIDATES]; /* best setting of each algorithm, in table order */
	int best;                               /* index of the best single one on validation */
	bool blended;                           /* the blend is better than the best single one */
	BmBlend blend;                          /* the answer: one part, or several */
	int part[BM_MAX_BLEND];                 /* candidate of each part */
	BmMetrics valid, test;                  /* of the answer */
	BmFitted *baseline;                     /* popular; always among the candidates */
	bool stopped;                           /* max_seconds cut the search short */
} BmChoice;

/*
 * Fit every named algorithm (NULL names: those that the data's size allows) at each setting of its
 * grid on the training part, keep the best setting by NDCG@k on validation, then consider a blend.
 * "popular" is always fitted. Measures all of them on the test cases. One name: that algorithm is
 * the answer. force_blend: a blend is the answer even where a single algorithm is as good. baselines: those
 * of bm_baselines that fit are candidates too.
 */
extern BmChoice *bm_choose(BmRun *run, const BmSplit *split, const char *const *names, int nnames,
						   Jsonb *options, bool force_blend, bool baselines);
/* In a default choice: does the algorithm fit this size in memory and in reasonable time? A note says no. */
extern bool bm_affordable(BmRun *run, const BmSplit *split, const BmAlgorithm *algorithm,
						  Jsonb *options);
/* Did the caller set any option of this algorithm? Then there is nothing to tune. */
extern bool bm_has_own_options(const BmAlgorithm *algorithm, Jsonb *options);
extern double bm_work(const BmAlgorithm *algorithm, const BmFitSize *size, const void *settings);

#endif
