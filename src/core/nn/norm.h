/*
 * norm.h
 *		Layer normalisation over rows (Ba, Kiros and Hinton 2016).
 */
#ifndef BM_NORM_H
#define BM_NORM_H

#include "core/num/status.h"

/*
 * y (T,D) = (x - mean) * rstd * gain + bias, row by row; gain and bias (D) lie one after the other
 * in gb (2,D). mean and rstd (T) are kept for the backward pass and may be NULL. y is not x.
 */
extern void bmc_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gb,
							 size_t T, size_t D);
/* dx (T,D) += its gradient; dgb (2,D) +=, may be NULL; dx may not be dy. */
extern void bmc_norm_backward(float *dx, float *dgb, const float *dy, const float *x,
							  const float *gb, const float *mean, const float *rstd, size_t T,
							  size_t D);

#endif
