/*
 * likelihood.h
 *		Maximum likelihood for models of a few positive parameters and many rows.
 *
 * The search runs on the logarithms of the parameters, so that none can leave its range, and on the mean
 * log-likelihood, so that its stopping rule does not depend on the number of rows. It always answers
 * with the best point that it saw, and says whether that is a maximum.
 */
#ifndef BM_LIKELIHOOD_H
#define BM_LIKELIHOOD_H

#include "core/num/mem.h"
#include "core/num/pool.h"

#define BM_MAX_PARAMETERS 4

/*
 * Add to sum[0] the log-likelihood of rows first, first + stride, ... below last, and to sum[1..d] its
 * derivatives by the parameters (not by their logarithms).
 */
typedef void (*BmLikelihoodFn)(double *sum, const void *rows, const double *parameter, size_t first,
							   size_t last, size_t stride);

typedef struct BmLikelihood
{
	BmLikelihoodFn fn;
	const void *rows;
	size_t n;      /* rows */
	double weight; /* sum of the rows' weights */
	int d;         /* parameters, 1..BM_MAX_PARAMETERS */
	double most
		[BM_MAX_PARAMETERS]; /* largest |ln| of each: beyond, the data say nothing, or digits end */
	BmPool *pool;            /* may be NULL */
	BmMem *mem;
	const BmStop *stop;
} BmLikelihood;

typedef struct BmEstimate
{
	double value[BM_MAX_PARAMETERS];
	double
		std_error[BM_MAX_PARAMETERS]; /* from the observed information; NaN where there is none */
	double loglik;                    /* of all rows */
	bool converged;                   /* a maximum: gradient 0, information positive definite */
	bool identified; /* and each parameter is known to within a factor of about 50 */
	int evaluations; /* of all rows */
} BmEstimate;

/*
 * From each of the starts (nstarts, d) in turn, BFGS (Nocedal and Wright 2006, chapter 6), or the simplex
 * of Nelder and Mead (1965) where it fails; many rows are searched on a sample first. BM_ENOTFINITE when the
 * likelihood is finite at no start.
 */
extern BmStatus bmc_maximise(BmEstimate *out, const BmLikelihood *l, const double *start,
							 int nstarts);

#endif
