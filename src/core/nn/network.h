/*
 * network.h
 *		A network: a list of layers, each reading earlier ones, with shapes inferred and checked before
 *		any work; and the passes of a shard through it.
 */
#ifndef BM_NETWORK_H
#define BM_NETWORK_H

#include "core/nn/layer.h"
#include "core/num/predictor.h"

#define BM_NETWORK_LAYERS 96
#define BM_NETWORK_ERROR 160 /* as BmFit.error */

/* A network as data: what src/predict/network_json.c makes of {"layers": [...]}. */
typedef struct BmNetworkSpec
{
	int n;
	int code; /* index of the layer whose answer is the embedding, -1: none */
	BmLayerSpec layer[BM_NETWORK_LAYERS];
} BmNetworkSpec;

/* What the samples look like: from BmSamples, or from a stored model. */
typedef struct BmNetworkInput
{
	size_t width, ncodes, rows; /* numeric features, codes, rows of the embedding's table */
	size_t steps;               /* 1: rows; more: windows */
} BmNetworkInput;

typedef struct BmNetwork
{
	int n;
	BmLayer layer[BM_NETWORK_LAYERS];
	BmNetworkInput input;
	BmDims in; /* of the network's input */
	int code;
	int embedding; /* index of the embedding, -1: none */
	size_t P, Q;   /* floats trained, floats of state; without the embedding's table */
	int syncs, sync[BM_NETWORK_LAYERS]; /* layers that need sums over the whole batch */
	size_t stats;                       /* doubles of the largest such sum */
	double flops;                       /* of one sample's forward pass */
} BmNetwork;

/*
 * Lay the layers of spec over input: shapes, places of the parameters. A first conv2d over plain rows
 * gets a "map" before it, and a network over rows with codes an "embedding". BM_EINVAL with the layer,
 * the shape that it got and the one that it needs in error (BM_NETWORK_ERROR).
 */
extern BmStatus bmc_network_plan(BmNetwork *net, const BmNetworkSpec *spec,
								 const BmNetworkInput *input, char *error);
extern BmNetworkInput bmc_network_input(const BmSamples *s);
/* Rows of a shape, for S samples with T rows. */
extern size_t bmc_network_rows(const BmDims *dims, size_t S, size_t T);
/* Rows of its first input that a layer reads, and rows that it answers. */
extern size_t bmc_layer_rows_in(const BmLayer *l, size_t S, size_t T);
extern size_t bmc_layer_rows_out(const BmLayer *l, size_t S, size_t T);
static inline const BmDims *
bmc_network_out(const BmNetwork *net)
{
	return &net->layer[net->n - 1].out;
}

/* ---- passes ---- */

/* The weights of a network, layer by layer; of the embedding its table. NULL where there are none. */
typedef struct BmNetworkWeights
{
	const float *layer[BM_NETWORK_LAYERS], *state[BM_NETWORK_LAYERS];
} BmNetworkWeights;

/* Buffers of one shard. All pointers are into one block of bmc_network_pass_size bytes. */
typedef struct BmPass
{
	const BmNetwork *net;
	size_t S, T;       /* samples and rows now */
	size_t maxS, maxT; /* and at most */
	bool backward;     /* has buffers for gradients */
	bool input_wanted; /* dx is filled, too */
	float *x, *dx;     /* (T, width) */
	uint32_t *code;    /* (T, ncodes) rows of the table */
	uint32_t *start;   /* (S+1) */
	uint32_t *tokens;  /* (S+1) starts of sequences with a fixed number of steps */
	float *y[BM_NETWORK_LAYERS], *dy[BM_NETWORK_LAYERS], *keep[BM_NETWORK_LAYERS];
	bool filled[BM_NETWORK_LAYERS];     /* dy holds something */
	float *scratch, *spare;             /* of a layer; of a second gradient to the same buffer */
	float *gathered[BM_NETWORK_LAYERS]; /* newest rows of the inputs that are gathered */
	double *stats[BM_NETWORK_LAYERS];   /* of the whole batch, NULL outside of training */
	BmDropout drop;                     /* of this batch and shard */
	bool training;
	BmGemm gemm;
} BmPass;

extern size_t bmc_network_pass_size(const BmNetwork *net, size_t S, size_t T, bool backward,
									bool input_wanted);
/* Bytes that layer i alone takes of such a block: its answer, its gradient, what it keeps. */
extern size_t bmc_network_layer_bytes(const BmNetwork *net, int i, size_t S, size_t T);
extern BmPass bmc_network_pass(const BmNetwork *net, size_t S, size_t T, bool backward,
							   bool input_wanted, void *memory);
/* Samples that a pass takes at once, so that its numbers stay near the caches and its work short. */
extern size_t bmc_pass_samples(const BmNetwork *net);
/* Copy samples index[0..S) of s (NULL: first, first + 1, ...) into x, code and start. */
extern void bmc_pass_fill(BmPass *p, const BmSamples *s, const uint32_t *index, size_t first,
						  size_t S, const uint32_t *column);
/* Layers [from, to) forward; the last one's answer is y[n - 1]. */
extern void bmc_pass_forward(BmPass *p, const BmNetworkWeights *w, int from, int to);
/*
 * Layers from - 1 down to `to` backward; dy of the last is the caller's to fill (and filled to set).
 * dw (P) and dtable are added to; NULL: not wanted. slot: a table row's row in dtable.
 */
extern void bmc_pass_backward(BmPass *p, const BmNetworkWeights *w, float *dw, float *dtable,
							  const uint32_t *slot, int from, int to);
/* The call of layer i in this pass; for its sums over the batch. */
extern BmLayerCall bmc_pass_call(BmPass *p, const BmNetworkWeights *w, float *dw, int i);
/* Begin to go backward from layer top - 1; returns its dy, for the caller to fill. */
extern float *bmc_pass_gradient(BmPass *p, int top);

#endif
