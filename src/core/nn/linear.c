/*
 * linear.c
 *		Affine layers on packed rows, forward and backward.
 */
#include <string.h>

#include "core/nn/linear.h"
#include "core/num/vec.h"

void
bmc_linear_forward(float *y, size_t ldy, const float *x, const float *W, size_t ldw, const float *b,
				   size_t T, size_t I, size_t O, BmGemm gemm)
{
	for (size_t t = 0; t < T; t++)
		memcpy(y + t * ldy, b, O * sizeof(float));
	gemm(false, false, T, O, I, 1.0f, x, I, W, ldw, 1.0f, y, ldy);
}

BM_CLONES void
bmc_column_sums(float *sum, const float *y, size_t T, size_t O)
{
	for (size_t t = 0; t < T; t++, y += O)
		for (size_t o = 0; o < O; o++)
			sum[o] += y[o];
}

void
bmc_linear_gradients(float *dW, float *db, const float *dy, const float *x, size_t T, size_t I,
					 size_t O, BmGemm gemm)
{
	gemm(true, false, I, O, T, 1.0f, x, I, dy, O, 1.0f, dW, O);
	bmc_column_sums(db, dy, T, O);
}

void
bmc_linear_backward(float *dx, float *dW, float *db, const float *dy, const float *x,
					const float *W, size_t T, size_t I, size_t O, BmGemm gemm)
{
	gemm(false, true, T, I, O, 1.0f, dy, O, W, O, 0.0f, dx, I);
	if (dW)
		bmc_linear_gradients(dW, db, dy, x, T, I, O, gemm);
}
