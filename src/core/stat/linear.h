/*
 * linear.h
 *		Linear models of rows: logistic regression (binary and multinomial) and ridge regression.
 *
 * Minimised is the mean loss + l2 / (2 n) * |w|^2, biases free, n the sum of the weights: l2 is 1/C of the
 * usual libraries for classes, their alpha for values. By L-BFGS in double precision; the gradient is
 * summed over fixed shards, so that the number of threads changes no bit.
 *
 * Tensors: "weight" (K, width), "bias" (K), "mean" (width) of the training rows, "classes" (1): K is 1 for
 * values and for two classes.
 */
#ifndef BM_LINEAR_H
#define BM_LINEAR_H

#include "core/num/predictor.h"

typedef struct BmLinearOptions
{
	double l2;
	int max_iterations;
	double tolerance; /* on the gradient of the mean loss */
} BmLinearOptions;

extern const BmPredictor bmc_logistic, bmc_linear;

#endif
