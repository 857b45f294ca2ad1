/*
 * recurrent.h
 *		What GRU and LSTM share: the order in which they meet packed sequences, their weights, and the
 *		weights' gradients.
 *
 * All sequences step together, the longest first. The sequences that are alive at a step are then the
 * first ones of the step before, so a step's rows are one panel and its products need no padding. The
 * layers work on rows in that order; gather and scatter lead there and back.
 */
#ifndef BM_RECURRENT_H
#define BM_RECURRENT_H

#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/num/mem.h"

/* Rows first[t] .. first[t+1]-1 are the tokens at distance t from their sequences' starts. */
typedef struct BmSteps
{
	size_t T;        /* rows = tokens */
	size_t n;        /* steps = the longest sequence */
	uint32_t *first; /* (n+1) */
	uint32_t *token; /* (T) of a row, counted from the first token of the batch */
} BmSteps;

/* Bytes for up to T tokens; lay the steps of r into such a block. Sequences may be empty. */
extern size_t bmc_steps_size(size_t T);
extern BmSteps bmc_steps(const BmRagged *r, void *memory);
/* rows (T,D) = tokens x (T,D) in the order of the steps, and back. */
extern void bmc_steps_gather(float *rows, const float *x, const BmSteps *s, size_t D);
extern void bmc_steps_scatter(float *x, const float *rows, const BmSteps *s, size_t D);

/*
 * Weights of a layer with inputs of width I, a state of width H and G gates side by side: the input's
 * and the state's projection, each with a bias of its own, as in PyTorch and ONNX. Gradients too.
 */
typedef struct BmRecurrent
{
	float *W; /* (I,GH) */
	float *b; /* (GH) */
	float *U; /* (H,GH) */
	float *c; /* (GH) */
} BmRecurrent;

/* Floats of scratch of a backward pass over up to T rows: the states before, and U transposed. */
extern size_t bmc_recurrent_scratch(size_t T, size_t H, size_t G);
/* before (T,H) = the state that a row's step starts from: h (T,H) of the step before, first 0. */
extern void bmc_states_before(float *before, const float *h, const BmSteps *s, size_t H);
/*
 * Step t > 0 of a backward pass gives to the states before it: rows of dh (T,H) of step t - 1 +=
 * dmix (T,W) of step t times Ut (W,H), and += add (T,H) of step t (NULL: 0).
 */
extern void bmc_recurrent_carry(float *dh, const float *add, const float *dmix, const float *Ut,
								const BmSteps *s, size_t t, size_t H, size_t W, BmGemm gemm);
/*
 * The end of a backward pass: dx (T,I) = dgate W^T, and dw += what the gradients of the input's
 * projection, dgate (T,GH), and of the state's, dmix (T,GH), give. dw NULL: dx only.
 */
extern void bmc_recurrent_gradients(float *dx, const BmRecurrent *dw, const float *dgate,
									const float *dmix, const float *before, const float *x,
									const BmRecurrent *w, const BmSteps *s, size_t I, size_t H,
									size_t G, BmGemm gemm);
/* to (M,N) = from (N,M) transposed: U once a pass, for the products of every step. */
extern void bmc_transpose(float *to, const float *from, size_t M, size_t N);

#endif
