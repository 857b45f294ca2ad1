/*
 * optimizer.h
 *		How gradients move weights, and how the learning rate changes over the steps.
 */
#ifndef BM_OPTIMIZER_H
#define BM_OPTIMIZER_H

#include "core/nn/adam.h"

typedef enum BmOptimizerKind
{
	BM_SGD = 0, /* with momentum (Polyak 1964), or Nesterov's (Sutskever et al. 2013) */
	BM_ADAM,    /* Kingma and Ba 2015; weight decay as a penalty */
	BM_ADAMW,   /* Loshchilov and Hutter 2019; weight decay of its own */
	BM_ADAGRAD  /* Duchi, Hazan and Singer 2011 */
} BmOptimizerKind;

typedef struct BmOptimizer
{
	BmOptimizerKind kind;
	bool nesterov;
	double momentum, beta2, weight_decay;
} BmOptimizer;

typedef enum BmScheduleKind
{
	BM_SCHEDULE_CONSTANT = 0,
	BM_SCHEDULE_STEP,   /* times factor after every `every` batches */
	BM_SCHEDULE_COSINE, /* falls to 0 over all batches (Loshchilov and Hutter 2017) */
	BM_SCHEDULE_PLATEAU /* measured every `every` batches; times factor after `patience` without gain */
} BmScheduleKind;

typedef struct BmSchedule
{
	BmScheduleKind kind;
	int every, patience;
	int warmup; /* batches of a linear rise from 0 */
	double factor;
} BmSchedule;

/* Where a schedule on a plateau is. */
typedef struct BmPlateau
{
	double best, scale;
	int since_best;
	bool begun;
} BmPlateau;

/* Learning rate of batch step (from 0) of total. */
extern double bmc_schedule_rate(const BmSchedule *s, const BmPlateau *p, double rate, uint64_t step,
								uint64_t total);
/* A measured loss; falls below the best by less than 1e-4 of it do not count (PyTorch's default). */
extern void bmc_plateau_measured(BmPlateau *p, const BmSchedule *s, double loss);

/* One step's constants. step counts from 1; clip: factor on the gradient. */
typedef struct BmUpdate
{
	BmOptimizer o;
	float rate, clip;
	BmAdam adam;
} BmUpdate;

extern BmUpdate bmc_update(const BmOptimizer *o, double rate, double clip, uint64_t step);
/* Buffers of the weights' size that it needs: m, v. */
extern bool bmc_optimizer_needs_m(const BmOptimizer *o);
extern bool bmc_optimizer_needs_v(const BmOptimizer *o);
/* w (n) moves; m, v (n) or NULL; g (n) is overwritten. */
extern void bmc_update_weights(const BmUpdate *u, float *w, float *m, float *v, float *g, size_t n);
/* The same for rows that a batch touched: row i of g (R,D) belongs to row[i] of w, m, v; lazily. */
extern void bmc_update_rows(const BmUpdate *u, float *w, float *m, float *v, float *g,
							const uint32_t *row, size_t R, size_t D);

#endif
