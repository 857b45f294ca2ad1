/*
 * history_encoder.h
 *		What a network is to the trainer and the answers of next_item.h: it turns each token of packed
 *		histories into a hidden state that predicts the next item. Windows, losses, optimiser, storage
 *		and scores are the same for all of them.
 */
#ifndef BM_HISTORY_ENCODER_H
#define BM_HISTORY_ENCODER_H

#include "core/nn/activation.h"
#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/next_item.h"

/*
 * Shape letters: N items, D width of items and states, L newest events that count. The others belong
 * to some encoders only: F hidden width, H heads, K kernel or window, C filters.
 */
typedef struct BmNetShape
{
	size_t N, D, H, F, L, blocks, K, C;
} BmNetShape;

/* All weights of an encoder but the items; each encoder lays a struct of its own, pointers only, over it. */
#define BM_MAX_WEIGHTS 192

typedef struct BmWeights
{
	float *at[BM_MAX_WEIGHTS];
} BmWeights;

/* One stored weight: its name, shape, place in the encoder's struct, and how it starts. */
typedef struct BmNetTensor
{
	char name[BM_TENSOR_NAME];
	size_t shape[2];
	int ndim;
	float **at;
	float init; /* standard deviation; 0: zeros; BM_INIT_NORM: a norm's gain and bias */
} BmNetTensor;

#define BM_INIT_NORM (-1.0f)
/* Dropout sites of one pass: streams stream, stream + 1, ... below it. */
#define BM_NET_STREAMS 64

/* int32 of the tensor "config" at most, the first of which is the format. */
#define BM_NEXT_CONFIG 8

typedef struct BmTrace BmTrace;

typedef struct BmHistoryEncoder
{
	size_t chunk; /* tokens that run together, whole sequences; a sequence may be longer */

	/* Sizes from options, but N; NULL, or what is wrong with them ("dim must be ..."). */
	const char *(*shape)(BmNetShape *s, const BmNextOptions *o);
	/* The int options that the stored tensor "config" keeps: offsets into BmNextOptions, 0 ends. */
	size_t config[BM_NEXT_CONFIG];
	/* Options that the other tensors tell; NULL, or what is wrong. May be NULL: none. */
	const char *(*stored)(BmNextOptions *o, const BmTensors *t, const char *prefix);
	/* Every weight, in the order in which they lie in one block; their number (< BM_MAX_TENSORS - 3). */
	int (*tensors)(BmNetTensor *out, BmWeights *w, const BmNetShape *s);
	double (*flops)(const BmNetShape *s); /* rough, of one token's training, without the loss */

	/* Bytes of a training pass over up to T tokens, and the pass in such a block. */
	size_t (*pass_size)(const BmNetShape *s, size_t T);
	void *(*pass)(const BmNetShape *s, size_t T, void *memory);
	/* Hidden states (T,D) of all tokens, owned by the pass; E (N,D). */
	const float *(*forward)(void *pass, const BmWeights *w, const float *E, const BmRagged *r,
							BmDropout drop, BmGemm gemm);
	/* Where the caller puts the hidden states' gradient (T,D) before backward. */
	float *(*gradient)(void *pass);
	/*
	 * After forward over the same r and drop. dw += gradients, dE[slot[item]] += the inputs' part; dw
	 * NULL: neither. Returns the gradient (T,D) of the embedded inputs, owned by the pass.
	 */
	const float *(*backward)(void *pass, const BmWeights *w, BmWeights *dw, float *dE,
							 const uint32_t *slot, const BmRagged *r, BmDropout drop, BmGemm gemm);

	/* out (S,D): the state after each sequence's last token, no dropout. NULL: by forward. */
	size_t (*encode_size)(const BmNetShape *s, size_t T, size_t S);
	void (*encode)(float *out, const BmNetShape *s, const BmWeights *w, const float *E,
				   const BmRagged *r, void *scratch, BmGemm gemm);
	/*
	 * What each token of one sequence adds to <target, state>. NULL: gradient times input, by a pass.
	 * See BmTrace.
	 */
	size_t (*trace_size)(const BmNetShape *s, size_t T);
	const float *(*trace)(BmTrace *trace, const BmRagged *r);
	void (*attribute)(float *part, const BmTrace *trace, const float *target);
} BmHistoryEncoder;

extern const BmHistoryEncoder bmc_transformer_encoder, bmc_gru_encoder, bmc_caser_encoder,
	bmc_nextitnet_encoder;

/* The factor of item embeddings at the input. */
extern float bmc_input_scale(const BmNetShape *s);

/* ---- weights ---- */

/* Floats of all weights; point w into a block of so many. */
extern size_t bmc_weights_count(const BmHistoryEncoder *e, const BmNetShape *s);
extern void bmc_weights_into(BmWeights *w, const BmHistoryEncoder *e, const BmNetShape *s,
							 float *base);
/* The same places in another block: w points into from. */
extern BmWeights bmc_weights_moved(const BmWeights *w, const float *from, float *to);

/* ---- passes ---- */

/* Carves the arrays of an encoder's own pass struct. */
typedef void (*BmLayOut)(void *pass, const BmNetShape *s, size_t T, BmArena *arena);

#define BM_MAX_PASS 2048 /* bytes of a pass struct at most */

/* pass_size and pass of an encoder whose struct takes so many bytes. */
extern size_t bmc_pass_size(size_t bytes, BmLayOut lay_out, const BmNetShape *s, size_t T);
extern void *bmc_pass(size_t bytes, BmLayOut lay_out, const BmNetShape *s, size_t T, void *memory);

/* ---- the last state ---- */

extern size_t bmc_encode_size(const BmHistoryEncoder *e, const BmNetShape *s, size_t T, size_t S);
extern void bmc_encode(float *out, const BmHistoryEncoder *e, const BmNetShape *s,
					   const BmWeights *w, const float *E, const BmRagged *r, void *scratch,
					   BmGemm gemm);

/* ---- attribution ---- */

/* One sequence as it was encoded, for bmc_trace_attribute. */
struct BmTrace
{
	const BmHistoryEncoder *encoder;
	const BmNetShape *shape;
	const BmWeights *w;
	const float *E;
	void *memory; /* the encoder's: bmc_trace_size bytes */
	const BmRagged *r;
	const float *state; /* (D) of the last token */
};

extern size_t bmc_trace_size(const BmHistoryEncoder *e, const BmNetShape *s, size_t T);
extern void bmc_trace_begin(BmTrace *trace, const BmHistoryEncoder *e, const BmNetShape *s,
							const BmWeights *w, const float *E, const BmRagged *r, void *memory);
/* part (T): what each token adds to <target, state>, target (D). */
extern void bmc_trace_attribute(float *part, const BmTrace *trace, const float *target);

#endif
