/*
 * association.c
 *		Measures of association of two events in a 2x2 table, Fisher's exact test, and the adjustment
 *		of many p-values.
 *
 * Measures: Brin et al. 1997 (lift, conviction), Piatetsky-Shapiro 1991 (leverage), Zhang 2000, Wu,
 * Chen and Han 2010 (Kulczynski, imbalance). Binomial probabilities are computed by Loader's
 * saddle-point expansion (2000), which keeps its relative precision for millions of baskets where
 * differences of log-factorials lose it.
 */
#include <math.h>
#include <string.h>

#include "core/mine/association.h"
#include "core/num/sort.h"

/* Terms below this share of the sum do not change it. */
#define NEGLIGIBLE 1e-18
#define LOG_2PI 1.83787706640934548356

/* The formulas of doc/rules.md times n squared: differences of whole numbers do not cancel. */
BmAssociation
bmc_association(uint32_t both, uint32_t a, uint32_t b, uint32_t n)
{
	BmAssociation m;
	double N = n, A = a, B = b, AB = both;
	double excess = AB * N - A * B;
	bool certain = a == n || b == n; /* no table but this one */

	m.support = AB / N;
	m.confidence = AB / A;
	m.lift = AB * N / (A * B);
	m.leverage = excess / (N * N);
	m.conviction = b == n      ? (double) NAN
				   : both == a ? (double) INFINITY
							   : (N - B) * A / (N * (A - AB));
	m.zhang = certain ? (double) NAN : excess / fmax(AB * (N - A), A * (B - AB));
	m.jaccard = AB / (A + B - AB);
	m.cosine = AB / sqrt(A * B);
	m.kulczynski = (AB / A + AB / B) / 2.0;
	m.imbalance = fabs(A - B) / (A + B - AB);
	m.chi2 = certain ? (double) NAN : N * excess * excess / (A * B * (N - A) * (N - B));
	return m;
}

/* ---- Fisher ---- */

/* ln x! minus Stirling's formula for it, x + 1/2 above: exact up to 15, then a series. */
static double
stirling_error(double x)
{
	static const double exact[16] = {0.0, /* not used */
									 0.08106146679532726,
									 0.0413406959554093,
									 0.02767792568499834,
									 0.020790672103765093,
									 0.016644691189821193,
									 0.013876128823070748,
									 0.01189670994589177,
									 0.010411265261972096,
									 0.009255462182712733,
									 0.00833056343336287,
									 0.007573675487951841,
									 0.00694284010720953,
									 0.006408994188004207,
									 0.0059513701127588475,
									 0.005554733551962801};
	double x2 = x * x;

	if (x < 16.0)
		return exact[(int) x];
	return (1.0 / 12.0 -
			(1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / x2) / x2) / x2) / x2) /
		   x;
}

/* x ln(x / m) + m - x without cancellation for x near m. */
static double
deviance(double x, double m)
{
	double v = (x - m) / (x + m), term, sum;

	if (fabs(x - m) >= 0.1 * (x + m))
		return x * log(x / m) + m - x;
	sum = (x - m) * v;
	term = 2.0 * x * v;
	for (int k = 1; k < 1000; k++)
	{
		double next;

		term *= v * v;
		next = sum + term / (2 * k + 1);
		if (next == sum)
			break;
		sum = next;
	}
	return sum;
}

/* ln of the binomial probability of x of n at p, 0 < p < 1. */
static double
log_binomial(double x, double n, double p)
{
	double y = n - x;

	if (n == 0.0)
		return 0.0;
	if (x == 0.0)
		return n * log1p(-p);
	if (y == 0.0)
		return n * log(p);
	return stirling_error(n) - stirling_error(x) - stirling_error(y) - deviance(x, n * p) -
		   deviance(y, n * (1.0 - p)) - 0.5 * (LOG_2PI + log(x) + log(y / n));
}

/* Hypergeometric: x of b draws lie among a of n. By Bayes from binomials, whatever their p. */
static double
hypergeometric(double x, double a, double b, double n)
{
	double p = b / n;

	return exp(log_binomial(x, a, p) + log_binomial(b - x, n - a, p) - log_binomial(b, n, p));
}

double
bmc_fisher_greater(uint32_t both, uint32_t a, uint32_t b, uint32_t n)
{
	double A = a, B = b, N = n, x = both;
	double least = A + B - N > 0 ? A + B - N : 0, most = A < B ? A : B;
	double term, sum;

	if (x <= least)
		return 1.0; /* no table has less; also a = n or b = n */
	if (x > A * B / N)
	{
		/* terms fall from the mean on */
		sum = term = hypergeometric(x, A, B, N);
		for (; x < most && term > NEGLIGIBLE * sum; x++)
		{
			term *= (A - x) * (B - x) / ((x + 1.0) * (N - A - B + x + 1.0));
			sum += term;
		}
		return sum < 1.0 ? sum : 1.0;
	}
	x--;
	sum = term = hypergeometric(x, A, B, N);
	for (; x > least && term > NEGLIGIBLE * sum; x--)
	{
		term *= x * (N - A - B + x) / ((A - x + 1.0) * (B - x + 1.0));
		sum += term;
	}
	return sum < 1.0 ? 1.0 - sum : 0.0;
}

/* ---- many tests ---- */

BmStatus
bmc_benjamini_hochberg(double *adjusted, const double *p, size_t n, double tests, BmMem *mem,
					   const BmStop *stop)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(mem, n, sizeof(uint32_t));
	BmStatus status = BM_ENOMEM;
	double least = 1.0;

	if (n >= BM_NONE)
		status = BM_ELIMIT;
	else if (key && order)
	{
		for (size_t i = 0; i < n; i++)
		{
			memcpy(&key[i], &p[i], sizeof(double)); /* not negative: bits order as values */
			order[i] = (uint32_t) i;
		}
		status = bmc_sort_u64_until(key, order, n, mem, stop);
	}
	for (size_t r = n; status == BM_OK && r > 0; r--)
	{
		double q = p[order[r - 1]] * (tests / (double) r); /* never below p */

		least = q < least ? q : least;
		adjusted[order[r - 1]] = least;
	}
	bmc_free(mem, key);
	bmc_free(mem, order);
	return status;
}
