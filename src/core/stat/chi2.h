/*
 * chi2.h
 *		Tail of the chi-squared distribution and quantiles of the normal one.
 */
#ifndef BM_CHI2_H
#define BM_CHI2_H

#include "core/num/status.h"

/* P(X >= x) of chi-squared with df > 0 degrees of freedom; relative error below 1e-12 or so. */
extern double bmc_chi2_upper(double x, double df);
/* z with P(Z <= z) = p for a standard normal Z; 0 < p < 1. */
extern double bmc_normal_quantile(double p);

#endif
