/*
 * kmeans.h
 *		k-means by Lloyd's algorithm from greedy k-means++ starts (Arthur and Vassilvitskii 2007), and by
 *		mini-batches (Sculley 2010); how good a grouping is, and how many groups there are.
 *
 * Distances are Euclidean: scale the columns first. Rows are float, centres float, sums double; the work
 * is cut into shards by the number of rows alone, so the same seed gives the same bits at any thread
 * count.
 */
#ifndef BM_KMEANS_H
#define BM_KMEANS_H

#include "core/num/mem.h"
#include "core/num/pool.h"

#define BM_KMEANS_MAX_K 4096

typedef struct BmKmeansOptions
{
	size_t k;         /* 1..BM_KMEANS_MAX_K */
	int starts;       /* >= 1; the best is kept */
	int iterations;   /* at most, >= 1 */
	double tolerance; /* ends when the centres moved by less than this share of the mean variance */
	size_t batch;     /* rows of a mini-batch; 0: all rows in each iteration */
} BmKmeansOptions;

typedef struct BmKmeans
{
	size_t k, d;     /* k is less than asked where there are fewer distinct rows */
	float *centre;   /* (k,d) the largest group first */
	uint32_t *label; /* (n) */
	size_t *size;    /* (k) rows of each group */
	double inertia;  /* sum over the rows of the squared distance to their centre */
	int iterations;  /* of the start that was kept */
	bool converged;
} BmKmeans;

extern size_t bmc_kmeans_bytes(size_t n, size_t d, const BmKmeansOptions *o, int threads);
/* x (n,d) finite, n >= 1. Arrays of out are taken from mem: bmc_kmeans_free. BM_EINVAL for bad options. */
extern BmStatus bmc_kmeans(BmKmeans *out, const float *x, size_t n, size_t d,
						   const BmKmeansOptions *o, uint64_t seed, BmPool *pool, BmMem *mem,
						   const BmStop *stop);
extern void bmc_kmeans_free(BmKmeans *k, BmMem *mem);
/* Nearest centre of each row, ties to the first one; distance (n), squared, may be NULL. Serial. */
extern void bmc_kmeans_assign(uint32_t *label, float *distance, const float *centre, size_t k,
							  const float *x, size_t n, size_t d);

/*
 * Mean silhouette (Rousseeuw 1987) of n rows, each against all others: O(n^2), so give a sample. A row
 * alone in its group counts 0. NaN with fewer than two groups. each (n) may be NULL.
 */
extern BmStatus bmc_silhouette(double *mean, float *each, const float *x, const uint32_t *label,
							   size_t n, size_t d, size_t k, BmPool *pool, BmMem *mem,
							   const BmStop *stop);

/*
 * Gap statistic (Tibshirani, Walther, Hastie 2001): log of the inertia that rows spread evenly over the
 * box of the data have, less that of the data; se with the factor sqrt(1 + 1/references). gap, se (most)
 * for 1..most groups. The best number of groups is the first k with gap[k] >= gap[k+1] - se[k+1].
 */
extern BmStatus bmc_gap(double *gap, double *se, const float *x, size_t n, size_t d, size_t most,
						int references, const BmKmeansOptions *o, uint64_t seed, BmPool *pool,
						BmMem *mem, const BmStop *stop);
extern size_t bmc_gap_best(const double *gap, const double *se, size_t most);

/* Adjusted Rand index (Hubert and Arabie 1985) of two groupings of n rows; 1: the same. NaN for n < 2. */
extern double bmc_adjusted_rand(const uint32_t *a, size_t ka, const uint32_t *b, size_t kb,
								size_t n, double *scratch); /* (ka * kb + ka + kb) */

#endif
