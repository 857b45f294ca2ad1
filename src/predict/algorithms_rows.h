/*
 * algorithms_rows.h
 *		The entries of the algorithm table that learn from rows.
 */
#ifndef BM_ALGORITHMS_ROWS_H
#define BM_ALGORITHMS_ROWS_H

#include "model/algorithm.h"

extern const BmAlgorithm bm_algorithm_logistic;
extern const BmAlgorithm bm_algorithm_linear;
extern const BmAlgorithm bm_algorithm_gbdt;
extern const BmAlgorithm bm_algorithm_mlp, bm_algorithm_cnn, bm_algorithm_transformer;
extern const BmAlgorithm bm_algorithm_gru_events, bm_algorithm_lstm; /* of windows of events */

#endif
