/*
 * special.h
 *		Special functions of the models of customers and of demand, for positive arguments.
 */
#ifndef BM_SPECIAL_H
#define BM_SPECIAL_H

#include "core/num/status.h"

extern double bmc_lgamma(double x);  /* ln Gamma(x), x > 0; safe in threads */
extern double bmc_digamma(double x); /* its derivative, x > 0, to 1e-13 */
/* Gauss's 2F1(a, b; c; z) by its series; 0 <= z < 1, c no integer <= 0; NaN when 1e6 terms are too few. */
extern double bmc_hyp2f1(double a, double b, double c, double z);
/* ln of it for a, b, c > 0, where the sum itself may be too large for a double. */
extern double bmc_log_hyp2f1(double a, double b, double c, double z);
/* Integral of fn over [from, to] by Gauss and Legendre's ten points. */
extern double bmc_gauss10(double (*fn)(double t, const void *arg), const void *arg, double from,
						  double to);
/* The ten points of [-1, 1] and their weights. */
extern const double bmc_gauss10_point[10], bmc_gauss10_weight[10];

#endif
