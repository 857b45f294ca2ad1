/*
 * chain.c
 *		Absorbing Markov chains by elimination without subtractions.
 */
#include "core/mine/chain.h"

#include <math.h>
#include <string.h>

#define STOP_WORK 0x1000000 /* multiplications: about 10 ms */

BmStatus
bmc_chain_factor(BmChain *chain, double *w, double *pivot, double *d, const double *out,
				 double *scratch, size_t n, const BmStop *stop)
{
	double *absorbed = scratch; /* (n) what has come to leave each state for absorption */
	size_t work = 0;

	*chain = (BmChain){n, w, pivot, d};
	for (size_t i = 0; i < n; i++)
	{
		d[i] = absorbed[i] = out[i];
		for (size_t j = 0; j < n; j++)
		{
			d[i] += w[i * n + j];
			if (!(w[i * n + j] >= 0))
				return BM_ENOTFINITE;
		}
		if (!(out[i] >= 0) || !isfinite(d[i]))
			return BM_ENOTFINITE;
	}
	for (size_t k = 0; k < n; k++)
	{
		const double *row = w + k * n;

		pivot[k] = absorbed[k];
		for (size_t j = k + 1; j < n; j++)
			pivot[k] += row[j];
		if (!(pivot[k] > 0))
			return BM_ESINGULAR;
		for (size_t i = k + 1; i < n; i++)
		{
			double *other = w + i * n, f = other[k] / pivot[k];

			other[k] = f;
			if (f == 0)
				continue;
			absorbed[i] += f * absorbed[k];
			for (size_t j = k + 1; j < n; j++)
				other[j] += f * row[j]; /* [i][i], too, where it is not used */
		}
		work += (n - k) * (n - k);
		if (work >= STOP_WORK)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			work = 0;
		}
	}
	return BM_OK;
}

void
bmc_chain_solve(double *x, const BmChain *c)
{
	size_t n = c->n;

	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++)
			x[i] += c->w[i * n + k] * x[k];
	for (size_t k = n; k-- > 0;)
	{
		for (size_t j = k + 1; j < n; j++)
			x[k] += c->w[k * n + j] * x[j];
		x[k] /= c->pivot[k];
	}
}

BmStatus
bmc_chain_removal(double *effect, double *total, double *w, const double *convert,
				  const double *fail, size_t n, double *scratch, const BmStop *stop)
{
	double *pivot = scratch, *d = scratch + n, *h = scratch + 2 * n, *x = scratch + 3 * n;
	BmChain chain;
	BmStatus status;

	for (size_t i = 0; i < n; i++)
		x[i] = convert[i] + fail[i];
	status = bmc_chain_factor(&chain, w, pivot, d, x, h, n, stop);
	if (status != BM_OK)
		return status;
	memcpy(h, convert, n * sizeof(double));
	bmc_chain_solve(h, &chain); /* P(conversion) from each state */
	*total = h[0];
	effect[0] = 0;
	for (size_t i = 1; i < n; i++)
	{
		memset(x, 0, n * sizeof(double));
		x[i] = 1;
		bmc_chain_solve(x, &chain); /* column i of the fundamental matrix, but for a factor */
		effect[i] = h[0] > 0 ? x[0] / x[i] * h[i] / h[0] : 0;
		if ((i & 15) == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

BmStatus
bmc_chain_reach(double *probability, double *steps, double *w, const double *target,
				const double *other, size_t n, double *scratch, const BmStop *stop)
{
	double *pivot = scratch, *d = scratch + n, *out = scratch + 2 * n;
	BmChain chain;
	BmStatus status;

	for (size_t i = 0; i < n; i++)
		out[i] = target[i] + other[i];
	status = bmc_chain_factor(&chain, w, pivot, d, out, probability, n, stop);
	if (status != BM_OK)
		return status;
	memcpy(probability, target, n * sizeof(double));
	bmc_chain_solve(probability, &chain);
	/* E[steps; target] = sum of P(target) over the states that are visited: (I - Q) g = h */
	for (size_t i = 0; i < n; i++)
		steps[i] = d[i] * probability[i];
	bmc_chain_solve(steps, &chain);
	for (size_t i = 0; i < n; i++)
		steps[i] = probability[i] > 0 ? steps[i] / probability[i] : NAN;
	return BM_OK;
}
