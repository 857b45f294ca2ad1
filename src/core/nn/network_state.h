/*
 * network_state.h
 *		What the fit and the answers of a network share: the form in which it is stored.
 *
 * Tensors of a stored network: "config" (int32): BM_NETWORK_HEAD numbers (see BmNetworkHead), then
 * BM_NETWORK_SPEC for each layer in the order of BmLayerSpec's fields, the rate as the bits of a float;
 * "cardinality" (ncodes) and "support" (rows of the table), where there are codes; "mean" (width), the
 * mean row; "layer<i>.<type>" with the layer's parameters one after the other, "layer<i>.state".
 */
#ifndef BM_NETWORK_STATE_H
#define BM_NETWORK_STATE_H

#include <stdatomic.h>

#include "core/nn/predict_network.h"

#define BM_NETWORK_FORMAT 1
#define BM_NETWORK_HEAD 12
#define BM_NETWORK_SPEC 21
#define BM_NETWORK_CODES 256 /* categorical features of a row */
#define BM_NETWORK_CONFIG (BM_NETWORK_HEAD + BM_NETWORK_SPEC * BM_NETWORK_LAYERS)

typedef struct BmNetworkHead
{
	int32_t format, layers, code, width, ncodes, rows, steps, classes, loss, reconstruct;
	int32_t spare[2];
} BmNetworkHead;

typedef struct BmNetworkBound
{
	BmNetwork net;
	BmNetworkWeights weights;
	uint32_t column[BM_NETWORK_CODES]; /* first row of each code's part of the table */
	const float *mean;
	const int32_t *support;
	size_t classes, ncodes;
	bool reconstruct;
	int loss;
} BmNetworkBound;

/* Layers whose last numbers the loss looks at: all but a last softmax or sigmoid that it is fused with. */
extern int bmc_network_top(const BmNetwork *net, int loss);
/* config (BM_NETWORK_CONFIG) from a plan; its length. */
extern size_t bmc_network_config(int32_t *config, const BmNetwork *net, size_t classes, int loss,
								 bool reconstruct);

/* ---- the fit ---- */

#define BM_NETWORK_SHARDS 8
#define BM_NETWORK_BLOCK 16384 /* floats of a task that adds and updates weights */

typedef struct BmNetworkFit
{
	BmNetworkOptions o;
	BmNetwork net;
	BmLoss loss;
	BmOptimizer optimizer;
	BmSchedule schedule;
	BmPlateau plateau;
	int top; /* layers forward in training */
	bool reconstruct;
	size_t shards, areas, chunk; /* of a batch; buffers; samples of one pass */
	size_t D, R, maxR;           /* embedding: width, rows of the batch, and at most */
	uint64_t step, seed;
	size_t next; /* batch of the epoch */
	double epoch_loss, since_measure;
	uint64_t measured; /* step of the last measuring */

	float *w, *m, *v, *dw;           /* (P), dw (shards,P) */
	float *state;                    /* (Q) */
	float *table, *tm, *tv, *dtable; /* (rows,D), dtable (shards,maxR,D) */
	uint32_t *slot, *row;            /* (rows), (maxR) */
	uint32_t *order;                 /* (n) samples as this epoch meets them */
	float *y, *weight;               /* (batch) of the batch's samples */
	double *norm;                    /* (tasks) squares of the gradient */
	double *stats, *part;            /* (syncs,stats) sums; (shards,stats) */
	float *mean;                     /* (width) */
	int32_t *support, *cardinality;
	float *class_weight;
	double *valid_loss; /* (tasks) */
	uint32_t column[BM_NETWORK_CODES];
	void *block[BM_NETWORK_SHARDS];
	BmPass pass[BM_NETWORK_SHARDS];
	BmNetworkWeights weights;
	int32_t config[BM_NETWORK_CONFIG];

	/* during a batch */
	const BmSamples *samples;
	const uint32_t *index;
	size_t S;
	double batch_weight, shard_loss[BM_NETWORK_SHARDS];
	int phase;
	BmUpdate update;
	size_t dense_tasks, tasks, row_block;
	int threads;
	const BmStop *stop;
	atomic_int halt;
} BmNetworkFit;

extern BmStatus bmc_network_step(BmFit *fit);

/* ---- answers ---- */

extern const char *bmc_network_bind(void *bound, const BmTensors *t, const char *prefix);
extern size_t bmc_network_predict_bytes(const void *bound, size_t B);
extern void bmc_network_predict(float *out, const void *bound, const BmSamples *s, size_t first,
								size_t count, void *scratch, bool fast_blas);
extern void bmc_network_explain(float *share, const void *bound, const BmSamples *s, size_t i,
								size_t target, void *scratch);

#endif
