/*
 * loss.h
 *		Losses of a batch and their gradients: cross-entropies fused with softmax and sigmoid, and errors
 *		of numbers. All are means over the batch, weighted, as in PyTorch.
 */
#ifndef BM_LOSS_H
#define BM_LOSS_H

#include "core/num/status.h"

typedef enum BmLossKind
{
	BM_LOSS_AUTO = 0, /* by the target: a cross-entropy for classes, mse for numbers */
	BM_LOSS_CROSS_ENTROPY,
	BM_LOSS_BINARY_CROSS_ENTROPY,
	BM_LOSS_MSE,
	BM_LOSS_MAE,
	BM_LOSS_HUBER
} BmLossKind;

typedef struct BmLoss
{
	BmLossKind kind;
	size_t outputs;            /* O: numbers of one sample's answer */
	size_t classes;            /* y is a class code; 0: a number */
	float smoothing;           /* share of the target that all classes get evenly */
	float delta;               /* huber: where squares become lines */
	const float *class_weight; /* (classes), or NULL: all 1 */
} BmLoss;

/* What samples count together, the divisor of the mean: their weights (S), NULL: 1 each. */
extern double bmc_loss_weight(const BmLoss *l, const float *y, const float *weight, size_t S);
/*
 * The samples' part of the loss, sum / norm. dz (S,O) is overwritten with its gradient by z (S,O), the
 * answers, for the cross-entropies before softmax or sigmoid; NULL: not wanted. Targets: y (S), or rows
 * of numbers to reconstruct (S,O), then y is NULL.
 */
extern double bmc_loss(float *dz, const float *z, const BmLoss *l, const float *y,
					   const float *rows, const float *weight, size_t S, double norm);

#endif
