/*
 * conv2d.h
 *		Convolution over maps (LeCun et al. 1998), channels last, and its fusion with ReLU and a 2x2
 *		max-pool.
 */
#ifndef BM_CONV2D_H
#define BM_CONV2D_H

#include "core/nn/linear.h"

typedef struct BmConv2d
{
	size_t H, W, C;   /* of the map */
	size_t kh, kw;    /* kernel */
	size_t sh, sw;    /* stride */
	size_t dh, dw;    /* dilation */
	size_t top, left; /* zeros before the first row and column */
	size_t OH, OW, O; /* of the answer */
} BmConv2d;

/* Inputs of one output: kh * kw * C. */
static inline size_t
bmc_conv2d_depth(const BmConv2d *g)
{
	return g->kh * g->kw * g->C;
}

/* Floats of scratch of the passes below. */
extern size_t bmc_conv2d_scratch(const BmConv2d *g);
/* y (B,OH,OW,O) from x (B,H,W,C), weights w (kh,kw,C,O), b (O). */
extern void bmc_conv2d_forward(float *y, const float *x, const float *w, const float *b,
							   const BmConv2d *g, size_t B, float *scratch, BmGemm gemm);
/* dx overwritten, or NULL; dw, db +=, or NULL both. */
extern void bmc_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
								const float *w, const BmConv2d *g, size_t B, float *scratch,
								BmGemm gemm);

/* Can the kernels below do it? Stride and dilation 1, no padding, O a multiple of 16. */
extern bool bmc_conv_pool_fits(const BmConv2d *g);
/*
 * y (B,OH/2,OW/2,O) = the largest of each 2x2 block of max(convolution, 0), without the convolution
 * ever being in memory; arg (the same shape) is the place of the largest in its block, 0..3 by rows,
 * or 4 where nothing is above 0.
 */
extern void bmc_conv_pool_forward(float *y, uint8_t *arg, const float *x, const float *w,
								  const float *b, const BmConv2d *g, size_t B);
/* dw, db += the gradients; only the largest of a block has one. dy (B,OH/2,OW/2,O). */
extern void bmc_conv_pool_backward(float *dw, float *db, const float *dy, const uint8_t *arg,
								   const float *x, const BmConv2d *g, size_t B);
/* The gradient of one sample by the convolution's answer, dc (OH,OW,O) overwritten, from dy (OH/2,OW/2,O). */
extern void bmc_conv_pool_spread(float *dc, const float *dy, const uint8_t *arg, const BmConv2d *g);

#endif
