/*
 * lbfgs.h
 *		Minimising a smooth function of many numbers: limited-memory BFGS (Liu and Nocedal 1989) with a
 *		line search for the weak Wolfe conditions by bracketing (Lewis and Overton 2013).
 */
#ifndef BM_LBFGS_H
#define BM_LBFGS_H

#include "core/num/mem.h"

#define BM_LBFGS_PAIRS 10

/* Value at x (n) and its gradient; anything but BM_OK ends the search with this status. */
typedef BmStatus (*BmObjective)(double *value, double *gradient, const double *x, void *arg);

typedef struct BmLbfgs
{
	size_t n;
	BmObjective objective;
	void *arg;
	double tolerance; /* on the largest part of the gradient */
	double *x;        /* (n) where the search stands; the caller sets the start */
	double value;
	double *gradient, *direction, *trial, *trial_gradient; /* (n) */
	double *s, *y;                                         /* (BM_LBFGS_PAIRS, n) */
	double rho[BM_LBFGS_PAIRS];
	int pairs, next;
	int iterations;
	void *block;
} BmLbfgs;

extern size_t bmc_lbfgs_bytes(size_t n);
/* Take memory; x is zero. Then set x where another start is wanted. */
extern BmStatus bmc_lbfgs_begin(BmLbfgs *l, size_t n, BmObjective objective, void *arg,
								double tolerance, BmMem *mem);
/* One iteration: BM_MORE, BM_OK at a minimum or where no step helps any more, or the objective's status. */
extern BmStatus bmc_lbfgs_step(BmLbfgs *l);
extern void bmc_lbfgs_end(BmLbfgs *l, BmMem *mem);

#endif
