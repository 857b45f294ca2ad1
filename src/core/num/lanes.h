/*
 * lanes.h
 *		Row reductions over sixteen partial sums, for use inside BM_CLONES kernels: without
 *		-ffast-math the compiler may not reorder a plain sum, so the lanes are written out.
 */
#ifndef BM_LANES_H
#define BM_LANES_H

#include <string.h>

#include "core/num/vec.h"

typedef float BmLanes __attribute__((vector_size(64)));

static inline __attribute__((always_inline)) float
bmc_lanes_total(const BmLanes *sum)
{
	float s[16];

	memcpy(s, sum, sizeof(s));
	for (int half = 8; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			s[i] += s[i + half];
	return s[0];
}

/* <a, b> over n floats. */
static inline __attribute__((always_inline)) float
bmc_lanes_dot(const float *a, const float *b, size_t n)
{
	BmLanes sum = {0};
	float rest = 0.0f;
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		BmLanes x, y;

		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		sum += x * y;
	}
	for (; i < n; i++)
		rest += a[i] * b[i];
	return bmc_lanes_total(&sum) + rest;
}

/* Sum of x over n floats. */
static inline __attribute__((always_inline)) float
bmc_lanes_sum(const float *a, size_t n)
{
	BmLanes sum = {0};
	float rest = 0.0f;
	size_t i = 0;

	for (; i + 16 <= n; i += 16)
	{
		BmLanes x;

		memcpy(&x, a + i, sizeof(x));
		sum += x;
	}
	for (; i < n; i++)
		rest += a[i];
	return bmc_lanes_total(&sum) + rest;
}

#endif
