/*
 * special.c
 *		Special functions: the gamma family from the C library and its asymptotic series, 2F1 as a series.
 */
#include "core/stat/special.h"

#include <math.h>

#define HYP_TERMS 1000000

/* Abramowitz and Stegun, table 25.4. */
const double bmc_gauss10_point[10] = {
	-.973906528517171720, -.865063366688984511, -.679409568299024406, -.433395394129247191,
	-.148874338981631211, .148874338981631211,  .433395394129247191,  .679409568299024406,
	.865063366688984511,  .973906528517171720};
const double bmc_gauss10_weight[10] = {
	.066671344308688138, .149451349150580593, .219086362515982044, .269266719309996355,
	.295524224714752870, .295524224714752870, .269266719309996355, .219086362515982044,
	.149451349150580593, .066671344308688138};

double
bmc_lgamma(double x)
{
	int sign; /* lgamma() itself writes to a global */

	return lgamma_r(x, &sign);
}

/* Up to 10 by the recurrence, then the asymptotic series (Abramowitz and Stegun, 6.3.18). */
double
bmc_digamma(double x)
{
	double down = 0.0, z;

	while (x < 10.0)
	{
		down += 1.0 / x;
		x += 1.0;
	}
	z = 1.0 / (x * x);
	return log(x) - 0.5 / x - down -
		   z * (1.0 / 12 -
				z * (1.0 / 120 -
					 z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * 691.0 / 32760)))));
}

double
bmc_hyp2f1(double a, double b, double c, double z)
{
	double term = 1.0, sum = 1.0;

	for (int n = 0; n < HYP_TERMS; n++)
	{
		term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z;
		sum += term;
		/* beyond n the terms shrink at least about as fast as z^n */
		if (fabs(term) <= 1e-16 * fabs(sum) * (1.0 - z))
			return sum;
	}
	return NAN;
}

double
bmc_log_hyp2f1(double a, double b, double c, double z)
{
	double term = 1.0, sum = 1.0, scale = 0.0;

	for (int n = 0; n < HYP_TERMS; n++)
	{
		double ratio = (a + n) * (b + n) / ((c + n) * (n + 1)) * z;

		term *= ratio;
		sum += term;
		if (ratio < 1.0 && term <= 1e-16 * sum * (1.0 - z))
			return log(sum) + scale;
		if (sum > 1e200)
		{
			scale += log(sum);
			term /= sum;
			sum = 1.0;
		}
	}
	return NAN;
}

double
bmc_gauss10(double (*fn)(double t, const void *arg), const void *arg, double from, double to)
{
	double half = 0.5 * (to - from), middle = 0.5 * (to + from), sum = 0.0;

	for (int i = 0; i < 10; i++)
		sum += bmc_gauss10_weight[i] * fn(middle + half * bmc_gauss10_point[i], arg);
	return half * sum;
}
