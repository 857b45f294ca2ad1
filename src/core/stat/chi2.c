/*
 * chi2.c
 *		The regularised incomplete gamma function by its series and its continued fraction (Abramowitz
 *		and Stegun 1964, 6.5.29 and 6.5.31), the fraction evaluated as Lentz 1976 does.
 */
#include "core/stat/chi2.h"

#include <float.h>
#include <math.h>

#define MOST_TERMS 100000 /* about 10 sqrt(a) are needed */
#define TINY 1e-300       /* in place of a zero denominator (Lentz) */

/* P(a, x) by the series, for x < a + 1. */
static double
lower_series(double a, double x)
{
	double term = 1.0 / a, sum = term;

	for (int i = 1; i < MOST_TERMS && term > sum * DBL_EPSILON / 4; i++)
	{
		term *= x / (a + i);
		sum += term;
	}
	return sum * exp(a * log(x) - x - lgamma(a));
}

/* Q(a, x) by the continued fraction, for x >= a + 1. */
static double
upper_fraction(double a, double x)
{
	double b = x + 1.0 - a, c = 1.0 / TINY, d = 1.0 / b, f = d;

	for (int i = 1; i < MOST_TERMS; i++)
	{
		double an = -i * (i - a), step;

		b += 2.0;
		d = an * d + b;
		d = 1.0 / (fabs(d) < TINY ? TINY : d);
		c = b + an / c;
		c = fabs(c) < TINY ? TINY : c;
		step = c * d;
		f *= step;
		if (fabs(step - 1.0) < DBL_EPSILON)
			break;
	}
	return f * exp(a * log(x) - x - lgamma(a));
}

double
bmc_chi2_upper(double x, double df)
{
	double a = df / 2.0, half = x / 2.0;

	if (!(half > 0.0))
		return 1.0;
	if (isinf(half))
		return 0.0;
	return half < a + 1.0 ? fmax(0.0, 1.0 - lower_series(a, half)) : upper_fraction(a, half);
}

/* Halving: 64 steps reach the last bit, and nothing here is called in a loop over data. */
double
bmc_normal_quantile(double p)
{
	double lo = -40.0, hi = 40.0;

	for (int i = 0; i < 80; i++)
	{
		double z = 0.5 * (lo + hi);

		if (0.5 * erfc(-z / sqrt(2.0)) < p)
			lo = z;
		else
			hi = z;
	}
	return 0.5 * (lo + hi);
}
