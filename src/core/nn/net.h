/*
 * net.h
 *		The Transformer of SASRec over packed sequences: its weights, one training pass (hidden states,
 *		then gradients), and the short pass of serving that only wants each history's last state.
 */
#ifndef BM_NET_H
#define BM_NET_H

#include "core/nn/attention.h"
#include "core/nn/history_encoder.h"

#define BM_NET_MAX_BLOCKS 16

/* One pre-norm block; every matrix is (in, out), row-major. */
typedef struct BmNetBlock
{
	float *norm1; /* (2,D) gain, bias */
	float *wqkv;  /* (D,3D) */
	float *bqkv;  /* (3D) */
	float *wo;    /* (D,D) */
	float *bo;    /* (D) */
	float *norm2; /* (2,D) */
	float *w1;    /* (D,F) */
	float *b1;    /* (F) */
	float *w2;    /* (F,D) */
	float *b2;    /* (D) */
} BmNetBlock;

/* All weights but the items; also the shape of their gradients. */
typedef struct BmNetWeights
{
	float *position; /* (L,D), row 0 = the newest event */
	float *norm;     /* (2,D), the last layer norm */
	BmNetBlock block[BM_NET_MAX_BLOCKS];
} BmNetWeights;

/* Floats of all weights but the items, and the pointers into such a block. */
extern size_t bmc_net_count(const BmNetShape *shape);
extern BmNetWeights bmc_net_weights(const BmNetShape *shape, float *base);

/* Activations of a training pass over up to T tokens, and scratch; from bmc_net_pass. */
typedef struct BmNetPass BmNetPass;

extern size_t bmc_net_pass_size(const BmNetShape *shape, size_t T);
extern BmNetPass *bmc_net_pass(const BmNetShape *shape, size_t T, void *memory);

/* Hidden states (T,D) of all tokens, owned by the pass; E (N,D). */
extern const float *bmc_net_forward(BmNetPass *pass, const BmNetWeights *w, const float *E,
									const BmRagged *r, BmDropout drop, BmGemm gemm);
/* Where the caller puts the hidden states' gradient (T,D) before bmc_net_backward. */
extern float *bmc_net_gradient(BmNetPass *pass);
/*
 * After the forward pass over the same r and drop. dw += gradients and dE[slot[item]] += the inputs'
 * part. dw NULL: only the gradient of the embedded inputs is wanted; then dE is NULL too. Returns
 * that gradient (T,D), owned by the pass.
 */
extern const float *bmc_net_backward(BmNetPass *pass, const BmNetWeights *w, BmNetWeights *dw,
									 float *dE, const uint32_t *slot, const BmRagged *r,
									 BmDropout drop, BmGemm gemm);

/* Bytes of scratch of bmc_net_encode for T tokens in S sequences. */
extern size_t bmc_net_encode_size(const BmNetShape *shape, size_t T, size_t S);
/*
 * out (S,D) = the hidden state after each sequence's last token, no dropout. The last block makes
 * queries for these tokens only.
 */
extern void bmc_net_encode(float *out, const BmNetShape *shape, const BmNetWeights *w,
						   const float *E, const BmRagged *r, void *scratch, BmGemm gemm);

/* The encoding of one sequence, kept for bmc_net_attribute; pointers into the scratch of the trace. */
typedef struct BmNetTrace
{
	const BmNetShape *shape;
	const BmNetWeights *w;
	size_t T;
	const float *state;    /* (D) hidden state of the last token, as bmc_net_encode gives it */
	const float *residual; /* (D) last token before the last block */
	const float *kv;       /* (T,2D) keys and values of the last block */
	const float *weight;   /* (H,T) the last token's attention in the last block */
	float rstd;            /* of the last norm */
	float *direction;      /* (2,D) scratch */
} BmNetTrace;

extern size_t bmc_net_trace_size(const BmNetShape *shape, size_t T);
extern void bmc_net_trace(BmNetTrace *trace, const BmNetShape *shape, const BmNetWeights *w,
						  const float *E, const BmRagged *r, void *scratch);
/*
 * part (T): what each token adds to <target, state>, target (D): through the last block's attention,
 * and for the last token also through the residual stream, the last norm's scale held fixed ("direct
 * logit attribution", Elhage et al. 2021). The last block's feed-forward layer, which mixes the tokens,
 * is left out. Blocks before the last have mixed a little of older tokens into each value.
 */
extern void bmc_net_attribute(float *part, const BmNetTrace *trace, const float *target);

#endif
