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

#define BM_LANES 16

/* Sum of BM_LANES partial sums, halves onto halves. */
static inline __attribute__((always_inline)) float
bmc_lanes_add(const float *s)
{
	float t[BM_LANES];

	memcpy(t, s, sizeof(t));
	for (int w = BM_LANES / 2; w > 0; w /= 2)
		for (int i = 0; i < w; i++)
			t[i] += t[i + w];
	return t[0];
}

static inline __attribute__((always_inline)) float
bmc_lanes_total(const BmLanes *sum)
{
	float s[BM_LANES];

	memcpy(s, sum, sizeof(s));
	return bmc_lanes_add(s);
}

/* <a, b> over n floats with four times as many sums: what bmc_dot is, for kernels that hold a scan. */
static inline __attribute__((always_inline)) float
bmc_lanes_dot4(const float *a, const float *b, size_t n)
{
	float s[4 * BM_LANES] = {0}, rest = 0.0f;
	size_t i = 0;

	for (; i + 4 * BM_LANES <= n; i += 4 * BM_LANES)
		for (int j = 0; j < 4 * BM_LANES; j++)
			s[j] += a[i + j] * b[i + j];
	for (; i + BM_LANES <= n; i += BM_LANES)
		for (int j = 0; j < BM_LANES; j++)
			s[j] += a[i + j] * b[i + j];
	for (; i < n; i++)
		rest += a[i] * b[i];
	for (int j = 0; j < BM_LANES; j++)
		s[j] += s[j + BM_LANES] + s[j + 2 * BM_LANES] + s[j + 3 * BM_LANES];
	return bmc_lanes_add(s) + rest;
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
