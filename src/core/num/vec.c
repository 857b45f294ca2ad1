/*
 * vec.c
 *		Vector kernels. Reductions keep 16 partial sums that are added in a fixed order, so that the
 *		compiler may vectorise them without -ffast-math and every CPU adds in the same order (an FMA
 *		may still differ in the last bit).
 */
#include <math.h>
#include <string.h>

#include "core/num/exp1.h"
#include "core/num/lanes.h"

#define LANES BM_LANES

BM_CLONES
float
bmc_dot(const float *a, const float *b, size_t n)
{
	return bmc_lanes_dot4(a, b, n);
}

BM_CLONES
void
bmc_axpy(float *y, float a, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] += a * x[i];
}

BM_CLONES
void
bmc_scale(float *x, float a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= a;
}

BM_CLONES
double
bmc_sum(const float *x, size_t n)
{
	double s[LANES] = {0}, sum = 0.0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
			s[j] += (double) x[i + j];
	for (; i < n; i++)
		sum += (double) x[i];
	for (int j = 0; j < LANES; j++)
		sum += s[j];
	return sum;
}

BM_CLONES
float
bmc_max(const float *x, size_t n)
{
	float m[LANES], best;
	size_t i = 0;

	for (int j = 0; j < LANES; j++)
		m[j] = -INFINITY;
	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
			m[j] = x[i + j] > m[j] ? x[i + j] : m[j];
	best = m[0];
	for (int j = 1; j < LANES; j++)
		best = m[j] > best ? m[j] : best;
	for (; i < n; i++)
		best = x[i] > best ? x[i] : best;
	return best;
}

BM_CLONES
void
bmc_exp(float *y, const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = bmc_exp_one(x[i]);
}

BM_CLONES
float
bmc_exp_sum(float *y, const float *x, float shift, size_t n)
{
	float s[LANES] = {0}, rest = 0.0f;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		for (int j = 0; j < LANES; j++)
		{
			float e = bmc_exp_one(x[i + j] - shift);

			y[i + j] = e;
			s[j] += e;
		}
	for (; i < n; i++)
	{
		y[i] = bmc_exp_one(x[i] - shift);
		rest += y[i];
	}
	return bmc_lanes_add(s) + rest;
}

BM_CLONES
bool
bmc_all_finite(const float *x, size_t n)
{
	uint32_t bad = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t bits;

		memcpy(&bits, &x[i], sizeof(bits));
		bad |= (bits & UINT32_C(0x7f800000)) == UINT32_C(0x7f800000);
	}
	return bad == 0;
}
