/*
 * activation.h
 *		Element-wise layers: ReLU, residual sums, and dropout (Srivastava et al. 2014) whose masks are
 *		a function of a counter, so the backward pass draws the same mask again instead of storing it.
 */
#ifndef BM_ACTIVATION_H
#define BM_ACTIVATION_H

#include "core/num/status.h"

/* One dropout site: masks are a function of (seed, stream) alone. p = 0 leaves everything alone. */
typedef struct BmDropout
{
	float p; /* chance of a zero, 0 <= p < 1 */
	uint64_t seed;
	uint64_t stream;
} BmDropout;

/*
 * x (n) *= mask / (1 - p), in place. The layer is linear in x, so the same call with the same drop
 * is its backward pass too.
 */
extern void bmc_dropout(float *x, size_t n, BmDropout drop);
/* x (n) += dropout(y (n)); y is overwritten with its dropped self. */
extern void bmc_residual(float *x, float *y, size_t n, BmDropout drop);

/* x (n) = dropout(max(x, 0)), in place. */
extern void bmc_relu_forward(float *x, size_t n, BmDropout drop);
/* dy (n) becomes the gradient before ReLU and dropout; y (n) is the forward result. */
extern void bmc_relu_backward(float *dy, const float *y, size_t n, float p);

#endif
