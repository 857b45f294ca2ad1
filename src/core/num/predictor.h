/*
 * predictor.h
 *		What every model of rows and of event windows is to the rest of the system: a stepwise fit from
 *		samples to named tensors, and an answer that is a function of one sample.
 *
 * A sample is one encoded row (steps = 1), or a window of consecutive rows of one user, oldest first:
 * windows overlap, so the rows are stored once and a sample names a range of them. What a row's columns
 * mean is the encoder's business; a predictor sees numbers, and codes for embedding layers.
 */
#ifndef BM_PREDICTOR_H
#define BM_PREDICTOR_H

#include "core/num/fit.h"
#include "core/num/tensor.h"

struct BmSamples
{
	size_t n;                    /* samples */
	size_t nrows;                /* encoded rows; == n when steps is 1 */
	size_t width;                /* numeric features of a row */
	const float *x;              /* (nrows, width), finite */
	size_t ncodes;               /* categorical features of a row; 0: none */
	const uint32_t *code;        /* (nrows, ncodes), code[., j] < cardinality[j] */
	const uint32_t *cardinality; /* (ncodes) */
	size_t steps;                /* most rows of one sample */
	const size_t *end;           /* (n) sample i is the rows [end[i] - length[i], end[i]); */
	const uint32_t *length;      /* (n) 1..steps; both NULL when steps is 1: sample i is row i */
	size_t classes;              /* >= 2: y is a class code; 0: y is a number */
	const float *y;              /* (n); NULL when there is nothing to learn from */
	const float *weight;         /* (n) >= 0, or NULL: all 1 */
};

/* First row and number of rows of sample i. */
static inline size_t
bmc_sample(const BmSamples *s, size_t i, size_t *rows)
{
	*rows = s->length ? s->length[i] : 1;
	return s->end ? s->end[i] - *rows : i;
}

/* Numbers that a predictor answers for one sample: a probability for each class, or one value. */
static inline size_t
bmc_outputs(size_t classes)
{
	return classes ? classes : 1;
}

typedef struct BmPredictor
{
	const char *name;
	size_t options_size; /* of the option struct */
	size_t bound_size;   /* of the bound model */

	/* ---- fit: as in recommender.h, from fit->samples ---- */
	size_t (*fit_bytes)(const BmFitSize *size, const void *options);
	BmStatus (*fit_begin)(BmFit *fit);
	BmStatus (*fit_step)(BmFit *fit);
	BmStatus (*fit_tensors)(BmFit *fit, const char *prefix, BmTensors *out);
	void (*fit_end)(BmFit *fit);

	/* ---- answer; never allocates; thread-safe on one bound model with different scratch ---- */
	/* Fill bound from tensors named prefix*; everything in them is checked. NULL, or what is wrong. */
	const char *(*bind)(void *bound, const BmTensors *t, const char *prefix);
	/* What the bound model takes and answers, to be compared with the encoder of its rows. */
	void (*shape)(const void *bound, size_t *width, size_t *ncodes, size_t *classes);
	/* Scratch bytes to predict up to B samples at once. */
	size_t (*predict_bytes)(const void *bound, size_t B);
	/* out (count, bmc_outputs(classes)) for samples first..first+count-1 of s; probabilities sum to 1. */
	void (*predict)(float *out, const void *bound, const BmSamples *s, size_t first, size_t count,
					void *scratch, bool fast_blas);
	/*
	 * share (length of sample i, width + ncodes): signed part that each input of sample i has in
	 * output number target (log-odds for classes). Exact for linear models, integrated gradients
	 * (Sundararajan et al. 2017) from the encoder's mean row for networks. NULL: cannot tell.
	 */
	void (*explain)(float *share, const void *bound, const BmSamples *s, size_t i, size_t target,
					void *scratch);
} BmPredictor;

#endif
