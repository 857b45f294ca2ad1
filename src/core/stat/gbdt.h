/*
 * gbdt.h
 *		Gradient-boosted trees, fitted by XGBoost (Chen and Guestrin 2016) where it is installed.
 *
 * The library is opened when a fit begins, never linked; what it learned is turned into the arrays of
 * trees.h, so answers need no library. The library takes its memory for itself: fit_bytes counts it in.
 * One boosting round is one call and cannot be interrupted.
 */
#ifndef BM_GBDT_H
#define BM_GBDT_H

#include "core/num/predictor.h"

typedef struct BmGbdtOptions
{
	int rounds;
	int depth;
	double learning_rate;
	double min_child_weight;
	double subsample, colsample;
	double l1, l2, gamma;
	int bins;
	const char *library; /* file to open; NULL or empty: the usual names */
} BmGbdtOptions;

/* Can the library be opened, and is all in it that is needed? NULL, or why not (error has the room). */
extern const char *bmc_gbdt_unavailable(const char *library, char *error, size_t size);

extern const BmPredictor bmc_gbdt;

#endif
