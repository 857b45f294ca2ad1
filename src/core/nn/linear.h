/*
 * linear.h
 *		Affine layers on packed rows. Every product goes through a BmGemm: bmc_gemm in training and
 *		bulk scoring, bmc_gemm_builtin in serving.
 */
#ifndef BM_LINEAR_H
#define BM_LINEAR_H

#include "core/num/blas.h"

/* The signature of bmc_gemm and bmc_gemm_builtin. */
typedef void (*BmGemm)(bool ta, bool tb, size_t M, size_t N, size_t K, float alpha, const float *A,
					   size_t lda, const float *B, size_t ldb, float beta, float *C, size_t ldc);

/* y (T,O) = x (T,I) * W + b; W (I,O) has row stride ldw; ldy is y's row stride. y is not x. */
extern void bmc_linear_forward(float *y, size_t ldy, const float *x, const float *W, size_t ldw,
							   const float *b, size_t T, size_t I, size_t O, BmGemm gemm);
/*
 * dx (T,I) = dy (T,O) * W^T (overwritten);  dW (I,O) += x^T * dy;  db (O) += column sums of dy.
 * dW NULL: the parameters' gradients are not wanted. dx is neither dy nor x.
 */
extern void bmc_linear_backward(float *dx, float *dW, float *db, const float *dy, const float *x,
								const float *W, size_t T, size_t I, size_t O, BmGemm gemm);
/* The parameters' part alone: dW (I,O) += x^T * dy;  db (O) += column sums of dy. */
extern void bmc_linear_gradients(float *dW, float *db, const float *dy, const float *x, size_t T,
								 size_t I, size_t O, BmGemm gemm);
/* sum (O) += column sums of y (T,O). */
extern void bmc_column_sums(float *sum, const float *y, size_t T, size_t O);

#endif
