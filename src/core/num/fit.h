/*
 * fit.h
 *		A stepwise fit in progress, as its caller and the algorithm share it: cancellable, bounded in
 *		memory, with progress. Recommenders fit sequences (recommender.h), predictors fit samples
 *		(predictor.h).
 */
#ifndef BM_FIT_STATE_H
#define BM_FIT_STATE_H

#include "core/num/mem.h"
#include "core/num/pool.h"
#include "core/num/tensor.h"

typedef struct BmSequences BmSequences;
typedef struct BmSamples BmSamples;

/* What a fit costs depends on these; for estimates before anything is read or taken. */
typedef struct BmFitSize
{
	size_t nusers;
	size_t nitems;
	size_t nevents;
	size_t nnz; /* distinct (user, item) pairs, or nevents when unknown */
	/* of samples; 0 in a fit from sequences */
	size_t nsamples, nrows, width, steps, classes;
	size_t ncodes, ntable; /* codes of a row, and what they can be, added up: an embedding's rows */
	int threads;
	size_t nterms; /* entries of the items' features */
} BmFitSize;

/*
 * Where a fit starts instead of at random: weights of an earlier fit with the same options, named as
 * fit_tensors names them after prefix. Items may have other codes now.
 */
typedef struct BmFitStart
{
	const BmTensors *tensors;
	const char *prefix;
	size_t nitems; /* of the earlier fit */
	const uint32_t
		*item; /* (items of the data) the earlier code, BM_NONE: a new item; NULL: the same */
} BmFitStart;

/* A fit in progress. The caller fills the upper part; the fit owns state and reports below. */
typedef struct BmFit
{
	const BmSequences *data;  /* of a recommender (recommender.h), else NULL */
	const BmSamples *samples; /* of a predictor (predictor.h), else NULL */
	/*
	 * Of a predictor: samples that it may measure itself on between steps, every so many batches, for
	 * a learning rate that falls on a plateau. May be NULL: its training loss serves. It never learns
	 * from them.
	 */
	const BmSamples *valid;
	const void *options; /* the algorithm's option struct */
	uint64_t seed;
	BmPool *pool; /* may be NULL */
	BmMem *mem;
	const BmStop *stop;
	const BmFitStart *start; /* NULL: from nothing; a fit that has no use for it counts anew */

	void *state;        /* the algorithm's; allocated from mem */
	int epoch;          /* epochs finished */
	int epochs;         /* epochs planned; 1 for a one-shot fit */
	size_t done, total; /* units of work inside the epoch (batches, rows), for progress */
	double loss;        /* mean loss over the epoch so far; NaN where there is none */
	char error[160];    /* detail for a failing status, may be empty */
} BmFit;

/*
 * Copy the (items, D) tensor `name` of the start into out (items, D), row by row under the codes of now;
 * rows of new items stay as they are. False when there is no such tensor: out is untouched.
 */
extern bool bmc_start_items(float *out, const BmFitStart *start, const char *name, size_t nitems,
							size_t D);
/* Copy a tensor that has nothing to do with items: n floats of this shape. */
extern bool bmc_start_copy(float *out, const BmFitStart *start, const char *name, int ndim,
						   const size_t *shape);
static inline bool
bmc_start_is_new(const BmFitStart *start, size_t item)
{
	return start->item ? start->item[item] == BM_NONE : item >= start->nitems;
}

#endif
