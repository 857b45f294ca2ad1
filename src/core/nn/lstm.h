/*
 * lstm.h
 *		Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000)
 *		over packed sequences; gates in the order of PyTorch.
 *
 *		i, f, o = sigmoid(x W + b + h U + c)      g = tanh(the same)
 *		cell = f * cell + i * g                   h = o * tanh(cell)
 */
#ifndef BM_LSTM_H
#define BM_LSTM_H

#include "core/nn/recurrent.h"

#define BM_LSTM_GATES 4 /* i, f, g, o side by side */

/* Floats that the forward pass keeps for the backward pass of up to T rows. */
extern size_t bmc_lstm_keep(size_t T, size_t H);
/* h (T,H): the state after each row, from 0 at a sequence's start; x (T,I); rows in the steps' order. */
extern void bmc_lstm_forward(float *h, float *keep, const float *x, const BmRecurrent *w,
							 const BmSteps *s, size_t I, size_t H, BmGemm gemm);
/*
 * dx (T,I) is overwritten, dw += (NULL: not wanted). dh (T,H) is the gradient by h, and is overwritten;
 * keep is used up. scratch: bmc_recurrent_scratch(T, H, BM_LSTM_GATES) floats.
 */
extern void bmc_lstm_backward(float *dx, const BmRecurrent *dw, float *dh, const float *h,
							  float *keep, const float *x, const BmRecurrent *w, const BmSteps *s,
							  size_t I, size_t H, float *scratch, BmGemm gemm);

#endif
