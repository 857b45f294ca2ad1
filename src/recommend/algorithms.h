/*
 * algorithms.h
 *		The recommenders' entries of the algorithm table.
 */
#ifndef BM_ALGORITHMS_H
#define BM_ALGORITHMS_H

#include "model/algorithm.h"

extern const BmAlgorithm bm_algorithm_popular;
extern const BmAlgorithm bm_algorithm_markov;
extern const BmAlgorithm bm_algorithm_seq_rules;
extern const BmAlgorithm bm_algorithm_item_knn;
extern const BmAlgorithm bm_algorithm_session_knn;
extern const BmAlgorithm bm_algorithm_ease;
extern const BmAlgorithm bm_algorithm_als;
extern const BmAlgorithm bm_algorithm_sasrec;
extern const BmAlgorithm bm_algorithm_gru;
extern const BmAlgorithm bm_algorithm_caser;
extern const BmAlgorithm bm_algorithm_nextitnet;
extern const BmAlgorithm bm_algorithm_blend;

#endif
