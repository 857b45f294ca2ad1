/*
 * calibrate.c
 *		Probabilities that mean what they say: isotonic regression and Platt scaling; see metrics.h.
 */
#include <math.h>

#include "core/num/sort.h"
#include "core/stat/metrics.h"

#define PLATT_STEPS 100
#define LOGIT_LIMIT 1e-7 /* of float32 probabilities */

typedef struct Block
{
	double n, sum;
	float low, high;
} Block;

/* Merge the last block into the one before while it is lower. */
static size_t
pool_back(Block *b, size_t n)
{
	while (n > 1 && b[n - 2].sum * b[n - 1].n >= b[n - 1].sum * b[n - 2].n)
	{
		b[n - 2].n += b[n - 1].n;
		b[n - 2].sum += b[n - 1].sum;
		b[n - 2].high = b[n - 1].high;
		n--;
	}
	return n;
}

BmStatus
bmc_isotonic(float *knot, size_t *nsteps, const float *score, size_t stride, const float *y,
			 size_t n, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *row = bmc_alloc(mem, n, sizeof(uint32_t));
	Block *block = bmc_alloc(mem, n, sizeof(Block));
	BmStatus status = BM_ENOMEM;
	size_t m = 0;

	if (key && row && block)
	{
		for (size_t i = 0; i < n; i++)
		{
			key[i] = bmc_float_key(score[i * stride]);
			row[i] = (uint32_t) i;
		}
		status = bmc_sort_u64(key, row, n, mem);
	}
	for (size_t i = 0; i < n && status == BM_OK;)
	{
		float s = score[row[i] * stride];
		Block b = {0.0, 0.0, s, s};

		for (uint64_t k = key[i]; i < n && key[i] == k; i++)
		{
			b.n += 1.0;
			b.sum += (double) y[row[i]];
		}
		block[m++] = b;
		m = pool_back(block, m);
	}
	*nsteps = m;
	for (size_t i = 0; i < m; i++)
	{
		knot[3 * i] = block[i].low;
		knot[3 * i + 1] = block[i].high;
		knot[3 * i + 2] = (float) (block[i].sum / block[i].n);
	}
	bmc_free(mem, block);
	bmc_free(mem, row);
	bmc_free(mem, key);
	return status;
}

float
bmc_isotonic_at(const float *knot, size_t nsteps, float score)
{
	size_t lo = 0, hi = nsteps;
	const float *a, *b;

	while (lo < hi) /* the first step that begins beyond score */
	{
		size_t mid = (lo + hi) / 2;

		if (knot[3 * mid] <= score)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return knot[2];
	a = knot + 3 * (lo - 1);
	if (lo == nsteps || score <= a[1])
		return a[2];
	b = a + 3;
	return a[2] + (b[2] - a[2]) * (score - a[1]) / (b[0] - a[1]);
}

static double
logit(float score)
{
	double p = fmin(fmax((double) score, LOGIT_LIMIT), 1.0 - LOGIT_LIMIT);

	return log(p / (1.0 - p));
}

static double
sigmoid(double z)
{
	return 1.0 / (1.0 + exp(-z));
}

/* Newton's method on the two parameters with a little ridge, halving steps that do not help. */
void
bmc_platt(double *a, double *b, const float *score, size_t stride, const float *y, size_t n)
{
	double ones = 0.0, high, low, before = INFINITY, da = 0.0, db = 0.0;

	for (size_t i = 0; i < n; i++)
		ones += y[i] == 1.0f;
	high = (ones + 1.0) / (ones + 2.0);
	low = 1.0 / ((double) n - ones + 2.0);
	*a = 1.0;
	*b = 0.0;
	for (int step = 0; step < PLATT_STEPS; step++)
	{
		double ga = 0.0, gb = 0.0, haa = 1e-12, hab = 0.0, hbb = 1e-12, loss = 0.0, det;

		for (size_t i = 0; i < n; i++)
		{
			double x = logit(score[i * stride]), z = *a * x + *b, p = sigmoid(z);
			double t = y[i] == 1.0f ? high : low, w = p * (1.0 - p);

			loss += (z > 0.0 ? z + log1p(exp(-z)) : log1p(exp(z))) - t * z;
			ga += (p - t) * x;
			gb += p - t;
			haa += w * x * x;
			hab += w * x;
			hbb += w;
		}
		if (loss > before + 1e-9 * fabs(before))
		{
			da *= 0.5; /* back half the step */
			db *= 0.5;
			*a += da;
			*b += db;
			if (fabs(da) + fabs(db) < 1e-10)
				return;
			continue;
		}
		before = loss;
		det = haa * hbb - hab * hab;
		if (!(det > 0.0))
			return;
		da = (hbb * ga - hab * gb) / det;
		db = (haa * gb - hab * ga) / det;
		*a -= da;
		*b -= db;
		if (fabs(da) + fabs(db) < 1e-10)
			return;
	}
}

float
bmc_platt_at(double a, double b, float score)
{
	return (float) sigmoid(a * logit(score) + b);
}
