/*
 * buyer.h
 *		Models of customers who buy now and then and one day no more ("buy till you die"), and of what
 *		they spend.
 *
 * BG/NBD: Fader, Hardie and Lee 2005, "Counting your customers" the easy way. MBG/NBD: Batislam, Denizel and
 * Filiztekin 2007. Pareto/NBD: Schmittlein, Morrison and Colombo 1987. Gamma-Gamma: Fader and Hardie 2013.
 * All of them count purchases with a rate that is gamma distributed (r, alpha) among customers; the first
 * two let a customer leave after a purchase with a probability that is beta distributed (a, b), the third
 * at a rate that is gamma distributed (s, beta).
 */
#ifndef BM_BUYER_H
#define BM_BUYER_H

#include "core/stat/likelihood.h"

typedef enum BmBuyModel
{
	BM_BG_NBD = 0, /* r, alpha, a, b */
	BM_MBG_NBD,    /* r, alpha, a, b */
	BM_PARETO_NBD, /* r, alpha, s, beta */
	BM_BUY_MODELS
} BmBuyModel;

#define BM_BUY_PARAMETERS 4
#define BM_SPEND_PARAMETERS 3 /* p, q, v */

/* A customer: x repeat purchases, the last one tx after the first, seen for T. Any unit of time. */
typedef struct BmBuyer
{
	double x;  /* whole, >= 0 */
	double tx; /* 0 <= tx <= T; 0 when x is 0 */
	double T;
} BmBuyer;

/* Rows of a fit: customers with equal numbers are one row. Ordered by x. */
typedef struct BmBuyers
{
	size_t n;
	double *x, *tx, *T, *w; /* (n) each; w > 0 customers */
	double customers;       /* sum of w */
} BmBuyers;

/*
 * Merge equal rows and put them in order of x, in place. In spends, tx is the mean amount of a
 * purchase and T is NULL, or its logarithm.
 */
extern BmStatus bmc_buyers_merge(BmBuyers *rows, BmMem *mem);

/* The log-likelihood and its gradient, as likelihood.h wants them: rows is a BmBuyers. */
extern const BmLikelihoodFn bmc_buy_likelihood[BM_BUY_MODELS];
extern void bmc_spend_likelihood(double *sum, const void *rows, const double *p, size_t first,
								 size_t last, size_t stride);

/* Fit; needs a customer with x > 0 (BM_EINVAL without): else nothing is identified. */
extern BmStatus bmc_buy_fit(BmEstimate *out, BmBuyModel model, const BmBuyers *rows, BmPool *pool,
							BmMem *mem, const BmStop *stop);
/* Rows are customers with x > 0 and a mean amount tx > 0; at least 2, else BM_EINVAL. */
extern BmStatus bmc_spend_fit(BmEstimate *out, const BmBuyers *rows, BmPool *pool, BmMem *mem,
							  const BmStop *stop);

/* ln of the odds that a Pareto/NBD customer left between tx and T; -INFINITY for tx = T. */
extern double bmc_pareto_log_odds(const double *p, const BmBuyer *b);

/* ---- what a fitted model says; p are its parameters, times from now (T) on ---- */

extern double bmc_buy_alive(BmBuyModel model, const double *p, const BmBuyer *b);
/* Expected purchases in the time t to come. */
extern double bmc_buy_expected(BmBuyModel model, const double *p, const BmBuyer *b, double t);
/* Expected repeat purchases of a new customer in the time t after the first. */
extern double bmc_buy_new(BmBuyModel model, const double *p, double t);
/*
 * As bmc_buy_expected, each purchase discounted at the continuous rate delta a unit of time. The
 * horizon is cut into 24 parts, each discounted to its middle.
 */
extern double bmc_buy_discounted(BmBuyModel model, const double *p, const BmBuyer *b, double t,
								 double delta);
/* Probability of a purchase within h. */
extern double bmc_buy_within(BmBuyModel model, const double *p, const BmBuyer *b, double h);
/* Time by which the next purchase has come with probability share; INFINITY: never that probable. */
extern double bmc_buy_next(BmBuyModel model, const double *p, const BmBuyer *b, double share);
/* Expected mean amount of a purchase, after x purchases of mean m (x = 0: of anyone); NaN: q <= 1. */
extern double bmc_spend_mean(const double *p, double x, double m);

#endif
