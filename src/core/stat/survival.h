/*
 * survival.h
 *		Survival curves: Kaplan and Meier 1958, variance by Greenwood 1926.
 */
#ifndef BM_SURVIVAL_H
#define BM_SURVIVAL_H

#include "core/num/status.h"

/* How many ended, and how many were last seen, after a time t >= 0. */
typedef struct BmLifetimes
{
	double t;
	int64_t events, censored;
} BmLifetimes;

typedef struct BmSurvivalRow
{
	double t;
	int64_t at_risk; /* not ended and not out of sight just before t */
	int64_t events, censored;
	double survival;  /* share that outlives t */
	double std_error; /* Greenwood; NaN once nobody is left */
	double low, high; /* log-log band; NaN where survival is 1 or 0 */
} BmSurvivalRow;

/* in (n): t rises strictly, counts >= 0. z: normal quantile of the band, 1.96 for 95 %. */
extern void bmc_survival(BmSurvivalRow *out, const BmLifetimes *in, size_t n, double z);
/* The first time at which no more than share are left; NaN when the curve ends above it. */
extern double bmc_survival_quantile(const BmSurvivalRow *row, size_t n, double share);

#endif
