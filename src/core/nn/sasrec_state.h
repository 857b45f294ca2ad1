/*
 * sasrec_state.h
 *		What the fit and the answers of SASRec share: names and shapes of the stored tensors, the
 *		bound model, and the entry points of the vtable.
 */
#ifndef BM_SASREC_STATE_H
#define BM_SASREC_STATE_H

#include <stdatomic.h>

#include "core/nn/adam.h"
#include "core/nn/batch.h"
#include "core/nn/net.h"
#include "core/nn/sasrec.h"

#define BM_SASREC_FORMAT 1
#define BM_SASREC_CONFIG 3 /* int32: format, blocks, heads */
#define BM_SASREC_MAX_DIM 1024
#define BM_SASREC_MAX_LENGTH 4096

/* One stored weight: where it is in BmNetWeights, and its shape. */
typedef struct BmSasrecTensor
{
	char name[BM_TENSOR_NAME];
	size_t shape[2];
	int ndim;
	float **at;
} BmSasrecTensor;

/* Every tensor of the weights w but the items; returns their number (<= BM_MAX_TENSORS). */
extern int bmc_sasrec_tensors(BmSasrecTensor *out, BmNetWeights *w, const BmNetShape *shape);

/* ---- the fit ---- */

#define BM_SASREC_BLOCK 16384 /* floats of a task that adds and updates weights */

/* What one worker needs to run a shard. */
typedef struct BmSasrecArea
{
	BmNetPass *pass;
	float *scratch; /* of the loss */
} BmSasrecArea;

typedef struct BmSasrecFit
{
	BmSasrecOptions o; /* negatives, hidden resolved */
	BmNetShape shape;
	BmBatches data;
	size_t P;     /* weights but the items */
	size_t chunk; /* tokens of a chunk at most */
	size_t areas;
	uint64_t seed, step;
	size_t next; /* batch */
	double epoch_loss;

	float *item, *item_m, *item_v; /* (N,D) weights and moments */
	float *w, *m, *v;              /* (P) */
	BmNetWeights weights;          /* into w */
	float *item_mean;              /* (N,D) the model: weights averaged over the epochs' ends */
	float *w_mean;                 /* (P) */
	BmNetWeights mean;             /* into w_mean */
	float mean_rate;               /* share of the epoch that is being averaged in */
	float *dw;                     /* (shards,P) */
	float *ditem;                  /* (shards,rows_max,D) */
	float *negative;               /* (K,D) */
	float *shift;                  /* (K) */
	double *norm;                  /* (tasks) squares of the summed gradient */
	BmSasrecArea area[BM_MAX_SHARDS];
	double loss[BM_MAX_SHARDS];
	int32_t config[BM_SASREC_CONFIG];

	/* during a batch */
	BmAdam adam;
	size_t dense_tasks, row_block, tasks;
	int threads;
	const BmStop *stop;
	atomic_int halt;
} BmSasrecFit;

/* Rough operations of one token's training; negatives 0 = all items. */
extern double bmc_sasrec_flops(const BmNetShape *shape, size_t negatives);
extern BmStatus bmc_sasrec_step(BmFit *fit);

/* ---- answers ---- */

typedef struct BmSasrecBound
{
	BmNetShape shape;
	BmNetWeights weights;   /* never written */
	const float *item;      /* (N,D) */
	const int32_t *support; /* (N) training events; items without any rank last */
} BmSasrecBound;

extern const char *bmc_sasrec_bind(void *bound, const BmTensors *t, const char *prefix,
								   size_t nitems);
extern size_t bmc_sasrec_score_bytes(const void *bound, size_t B);
extern void bmc_sasrec_score(float *scores, const void *bound, const BmHistory *h, size_t B,
							 void *scratch, bool fast_blas);
extern void bmc_sasrec_explain(float *share, const void *bound, const BmHistory *h,
							   const uint32_t *items, size_t n, void *scratch);
extern void bmc_sasrec_similar(float *scores, const void *bound, uint32_t item, void *scratch);

#endif
