/*
 * next_item_state.h
 *		What the fit and the answers of the networks of next_item.h share: the stored config, the state
 *		of a fit, the bound model, and the entry points of the recommenders' vtables.
 */
#ifndef BM_NEXT_ITEM_STATE_H
#define BM_NEXT_ITEM_STATE_H

#include <stdatomic.h>

#include "core/nn/adam.h"
#include "core/nn/batch.h"
#include "core/nn/history_encoder.h"

#define BM_NEXT_FORMAT 1
#define BM_NEXT_MAX_DIM 1024
#define BM_NEXT_MAX_HIDDEN 4096
#define BM_NEXT_MAX_LENGTH 4096

/* Sizes from options and the number of items; NULL, or what is wrong with the options. */
extern const char *bmc_next_shape(BmNetShape *s, const BmHistoryEncoder *e, const BmNextOptions *o,
								  size_t nitems);
/* An int option by its place in BmHistoryEncoder.config. */
static inline int *
bmc_next_option(BmNextOptions *o, size_t offset)
{
	return (int *) ((char *) o + offset);
}

/* ---- the fit ---- */

#define BM_NEXT_BLOCK 16384 /* floats of a task that adds and updates weights */

/* What one worker needs to run a shard. */
typedef struct BmNextArea
{
	void *memory;   /* of the pass */
	void *pass;     /* the encoder's */
	float *scratch; /* of the loss */
} BmNextArea;

typedef struct BmNextFit
{
	const BmHistoryEncoder *encoder;
	BmNextOptions o;
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
	BmWeights weights;             /* into w */
	float *item_mean;              /* (N,D) the model: weights averaged over the epochs' ends */
	float *w_mean;                 /* (P) */
	BmWeights mean;                /* into w_mean */
	float mean_rate;               /* share of the epoch that is being averaged in */
	float *dw;                     /* (shards,P) */
	float *ditem;                  /* (shards,rows_max,D) */
	float *negative;               /* (K,D) */
	float *shift;                  /* (K) */
	double *norm;                  /* (tasks) squares of the summed gradient */
	BmNextArea area[BM_MAX_SHARDS];
	double loss[BM_MAX_SHARDS];
	int32_t config[BM_NEXT_CONFIG];
	size_t nconfig;

	/* during a batch */
	BmAdam adam;
	size_t dense_tasks, row_block, tasks;
	int threads;
	const BmStop *stop;
	atomic_int halt;
} BmNextFit;

/* Rough operations of one token's training; negatives 0 = all items. */
extern double bmc_next_flops(const BmHistoryEncoder *e, const BmNetShape *s, size_t negatives);

extern size_t bmc_next_fit_bytes(const BmHistoryEncoder *e, const BmFitSize *size,
								 const void *options);
extern BmStatus bmc_next_fit_begin(const BmHistoryEncoder *e, BmFit *fit);
extern BmStatus bmc_next_step(BmFit *fit);
extern BmStatus bmc_next_fit_tensors(BmFit *fit, const char *prefix, BmTensors *out);
extern void bmc_next_fit_end(BmFit *fit);

/* ---- answers ---- */

typedef struct BmNextBound
{
	const BmHistoryEncoder *encoder;
	BmNetShape shape;
	BmWeights weights;      /* never written */
	const float *item;      /* (N,D) */
	const int32_t *support; /* (N) training events; items without any rank last */
	char wrong[128];        /* what bind found */
} BmNextBound;

extern const char *bmc_next_bind(const BmHistoryEncoder *e, void *bound, const BmTensors *t,
								 const char *prefix, size_t nitems);
extern size_t bmc_next_score_bytes(const void *bound, size_t B);
extern BmItemMatrix bmc_next_matrix(const void *bound);
extern void bmc_next_state(float *state, const void *bound, const BmHistory *h, size_t B,
						   void *scratch, bool fast_blas);
extern void bmc_next_score(float *scores, const void *bound, const BmHistory *h, size_t B,
						   void *scratch, bool fast_blas);
extern void bmc_next_explain(float *share, const void *bound, const BmHistory *h,
							 const uint32_t *items, size_t n, void *scratch);
extern void bmc_next_similar(float *scores, const void *bound, uint32_t item, void *scratch);

/* The recommender `algorithm`, called `title`, of an encoder of the same file. */
#define BM_NEXT_RECOMMENDER(algorithm, title, encoder)                                             \
	static size_t fit_bytes(const BmFitSize *size, const void *options)                            \
	{                                                                                              \
		return bmc_next_fit_bytes(&encoder, size, options);                                        \
	}                                                                                              \
	static BmStatus fit_begin(BmFit *fit)                                                          \
	{                                                                                              \
		return bmc_next_fit_begin(&encoder, fit);                                                  \
	}                                                                                              \
	static const char *bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)    \
	{                                                                                              \
		return bmc_next_bind(&encoder, bound, t, prefix, nitems);                                  \
	}                                                                                              \
	const BmRecommender algorithm = {                                                              \
		.name = title,                                                                             \
		.options_size = sizeof(BmNextOptions),                                                     \
		.bound_size = sizeof(BmNextBound),                                                         \
		.warm_start = true,                                                                        \
		.fit_bytes = fit_bytes,                                                                    \
		.fit_begin = fit_begin,                                                                    \
		.fit_step = bmc_next_step,                                                                 \
		.fit_tensors = bmc_next_fit_tensors,                                                       \
		.fit_end = bmc_next_fit_end,                                                               \
		.bind = bind,                                                                              \
		.score_bytes = bmc_next_score_bytes,                                                       \
		.score = bmc_next_score,                                                                   \
		.matrix = bmc_next_matrix,                                                                 \
		.state = bmc_next_state,                                                                   \
		.explain = bmc_next_explain,                                                               \
		.similar = bmc_next_similar,                                                               \
		.item_embedding = "item",                                                                  \
	}

#endif
