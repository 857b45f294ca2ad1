/*
 * attention.h
 *		Causal multi-head attention on packed ragged sequences: no padding, nothing of size T x T kept.
 */
#ifndef BM_ATTENTION_H
#define BM_ATTENTION_H

#include "core/nn/embed.h"
#include "core/nn/linear.h"

/* Floats of scratch for sequences of up to L tokens. */
extern size_t bmc_attention_scratch(size_t L);

/*
 * o (T,D) = softmax(q k^T / sqrt(D/H), causal) v inside every sequence and head. qkv (T,3D): a row is
 * q, k, v, each with its H heads side by side. lse (T,H) is kept for the backward pass; may be NULL.
 */
extern void bmc_attention_forward(float *o, float *lse, const float *qkv, const BmRagged *r,
								  size_t D, size_t H, float *scratch, BmGemm gemm);
/* dqkv (T,3D) is overwritten; o, lse as the forward pass left them; dout (T,D). */
extern void bmc_attention_backward(float *dqkv, const float *dout, const float *qkv, const float *o,
								   const float *lse, const BmRagged *r, size_t D, size_t H,
								   float *scratch, BmGemm gemm);
/* The same, but every token sees its whole sequence. */
extern void bmc_attention_full_forward(float *o, float *lse, const float *qkv, const BmRagged *r,
									   size_t D, size_t H, float *scratch, BmGemm gemm);
extern void bmc_attention_full_backward(float *dqkv, const float *dout, const float *qkv,
										const float *o, const float *lse, const BmRagged *r,
										size_t D, size_t H, float *scratch, BmGemm gemm);
/*
 * The newest token of every sequence only: o (S,D) from q (S,D) and the keys and values of all
 * tokens, kv (T,2D). p (T*H) keeps the probabilities for the backward pass; may be NULL. Scratch: as
 * above.
 */
extern void bmc_attention_last(float *o, float *p, const float *q, const float *kv,
							   const BmRagged *r, size_t D, size_t H, float *scratch);
/* dq (S,D) and dkv (T,2D) are overwritten; dout (S,D); scratch as above. */
extern void bmc_attention_last_backward(float *dq, float *dkv, const float *dout, const float *p,
										const float *q, const float *kv, const BmRagged *r,
										size_t D, size_t H, float *scratch);

#endif
