/*
 * algorithms.h
 *		The recommenders' entries of the algorithm table.
 */
#ifndef BM_ALGORITHMS_H
#define BM_ALGORITHMS_H

#include "model/algorithm.h"

/* The option of every algorithm that counts events: old ones less. */
#define BM_HALF_LIFE_OPTION(at)                                                                    \
	{                                                                                              \
		"half_life_days", BM_OPT_FLOAT, at, "0", 0, 1e6, NULL,                                     \
			"An event counts half as much when it is older by so many days; 0 means no decay."     \
	}

extern const BmAlgorithm bm_algorithm_popular;
extern const BmAlgorithm bm_algorithm_trending;
extern const BmAlgorithm bm_algorithm_markov;
extern const BmAlgorithm bm_algorithm_seq_rules;
extern const BmAlgorithm bm_algorithm_item_knn;
extern const BmAlgorithm bm_algorithm_rp3beta;
extern const BmAlgorithm bm_algorithm_content;
extern const BmAlgorithm bm_algorithm_session_knn;
extern const BmAlgorithm bm_algorithm_next_basket;
extern const BmAlgorithm bm_algorithm_ease;
extern const BmAlgorithm bm_algorithm_als;
extern const BmAlgorithm bm_algorithm_bpr;
extern const BmAlgorithm bm_algorithm_sasrec;
extern const BmAlgorithm bm_algorithm_gru;
extern const BmAlgorithm bm_algorithm_caser;
extern const BmAlgorithm bm_algorithm_nextitnet;
extern const BmAlgorithm bm_algorithm_blend;

#endif
