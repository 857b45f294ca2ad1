/*
 * gru.h
 *		Gated recurrent units (Cho et al. 2014) over packed sequences, in the form of cuDNN, PyTorch and
 *		ONNX (linear_before_reset): the reset gate scales the state's projection, so that one product a
 *		step serves all three gates.
 *
 *		r = sigmoid(x Wr + br + h Ur + cr)        z = sigmoid(x Wz + bz + h Uz + cz)
 *		n = tanh(x Wn + bn + r * (h Un + cn))     h = (1 - z) * n + z * h
 */
#ifndef BM_GRU_H
#define BM_GRU_H

#include "core/nn/recurrent.h"

#define BM_GRU_GATES 3 /* r, z, n side by side */

/* Floats that the forward pass keeps for the backward pass of up to T rows. */
extern size_t bmc_gru_keep(size_t T, size_t H);
/* h (T,H): the state after each row, from 0 at a sequence's start; x (T,I); rows in the steps' order. */
extern void bmc_gru_forward(float *h, float *keep, const float *x, const BmRecurrent *w,
							const BmSteps *s, size_t I, size_t H, BmGemm gemm);
/*
 * dx (T,I) is overwritten, dw += (NULL: not wanted). dh (T,H) is the gradient by h, and is overwritten;
 * keep is used up. scratch: bmc_recurrent_scratch(T, H, BM_GRU_GATES) floats.
 */
extern void bmc_gru_backward(float *dx, const BmRecurrent *dw, float *dh, const float *h,
							 float *keep, const float *x, const BmRecurrent *w, const BmSteps *s,
							 size_t I, size_t H, float *scratch, BmGemm gemm);

#endif
