/*
 * association.h
 *		How strongly A and B go together, from four counts: n baskets, a of them with A, b with B,
 *		both with both.
 */
#ifndef BM_ASSOCIATION_H
#define BM_ASSOCIATION_H

#include "core/num/mem.h"

/* Measures of A => B. NaN where a measure is 0/0: mostly when A or B is in every basket. */
typedef struct BmAssociation
{
	double support;
	double confidence;
	double lift;
	double leverage;
	double conviction; /* infinite at confidence 1 */
	double zhang;
	double jaccard;
	double cosine;
	double kulczynski;
	double imbalance;
	double chi2; /* Pearson's, without a correction for continuity */
} BmAssociation;

/* 1 <= both <= a, b; max(a, b) <= n; n < 2^32. */
extern BmAssociation bmc_association(uint32_t both, uint32_t a, uint32_t b, uint32_t n);
/*
 * Fisher's exact test, one-sided: the probability that a random set of b of n baskets meets a given
 * one of a in at least both baskets (the upper tail of the hypergeometric distribution).
 */
extern double bmc_fisher_greater(uint32_t both, uint32_t a, uint32_t b, uint32_t n);
/*
 * Benjamini and Hochberg (1995): p (n) of tests >= n hypotheses, those that are not given having
 * p = 1, into adjusted (n); the two may not overlap. BM_OK, BM_ENOMEM, BM_ELIMIT, BM_ESTOP.
 */
extern BmStatus bmc_benjamini_hochberg(double *adjusted, const double *p, size_t n, double tests,
									   BmMem *mem, const BmStop *stop);

#endif
