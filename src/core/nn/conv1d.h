/*
 * conv1d.h
 *		Convolution over time on packed ragged sequences: kernel, stride, dilation and padding; causal
 *		where all padding is on the left.
 *
 * Output place p of a sequence looks at its tokens p * stride - left + j * dilation, j = 0 .. kernel-1;
 * a token outside the sequence counts as 0, never as a neighbour sequence's token.
 */
#ifndef BM_CONV1D_H
#define BM_CONV1D_H

#include "core/nn/embed.h"
#include "core/nn/linear.h"

typedef struct BmConv1d
{
	size_t kernel, stride, dilation; /* each at least 1 */
	size_t left, right;              /* zeros around a sequence */
} BmConv1d;

/* As many outputs as tokens, output t from token t and older ones only. */
static inline BmConv1d
bmc_conv1d_causal(size_t kernel, size_t dilation)
{
	return (BmConv1d){kernel, 1, dilation, (kernel - 1) * dilation, 0};
}

/* Outputs of a sequence of n tokens; 0 where the kernel's reach is longer than what is padded. */
extern size_t bmc_conv1d_length(const BmConv1d *c, size_t n);
/* start (S+1) of the outputs of r, from 0; the last is their number, Q. */
extern void bmc_conv1d_starts(uint32_t *start, const BmConv1d *c, const BmRagged *r);

/*
 * col (Q, kernel * I) = the inputs of each output side by side, oldest first, from x (T,I); and its
 * transpose: dx (T,I) += dcol. Then a linear layer with W (kernel * I, O) is the convolution.
 */
extern void bmc_conv1d_gather(float *col, const float *x, const BmConv1d *c, const BmRagged *r,
							  size_t I);
extern void bmc_conv1d_scatter(float *dx, const float *dcol, const BmConv1d *c, const BmRagged *r,
							   size_t I);

/* y (Q,O) = convolution of x (T,I) with W (kernel * I, O) and b (O); col (Q, kernel * I) is kept. */
extern void bmc_conv1d_forward(float *y, float *col, const float *x, const float *W, const float *b,
							   const BmConv1d *c, const BmRagged *r, size_t I, size_t O,
							   BmGemm gemm);
/*
 * dx (T,I) is overwritten; dW, db += (dW NULL: not wanted); dy (Q,O); col as the forward pass left it,
 * used up.
 */
extern void bmc_conv1d_backward(float *dx, float *dW, float *db, const float *dy, float *col,
								const float *W, const BmConv1d *c, const BmRagged *r, size_t I,
								size_t O, BmGemm gemm);

#endif
