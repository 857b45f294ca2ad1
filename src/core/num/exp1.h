/*
 * exp1.h
 *		The exponential of one float and what is made of it, for use inside BM_CLONES kernels, where a
 *		loop over it becomes vectors.
 */
#ifndef BM_EXP1_H
#define BM_EXP1_H

#include <math.h>

#include "core/num/status.h"

/*
 * exp by x = n ln 2 + r, |r| <= ln 2 / 2, a polynomial of degree 6 for e^r (Cephes' expf), and 2^n
 * put together in the exponent bits in two factors, so that the ends of the range are right.
 */
static inline __attribute__((always_inline)) float
bmc_exp_one(float x)
{
	float n, r, p;
	int32_t k, k1;
	union
	{
		int32_t i;
		float f;
	} s1, s2;
	float clamped = x > 89.0f ? 89.0f : (x >= -88.0f ? x : -88.0f); /* NaN too: no int holds it */

	n = clamped * 1.44269504088896341f;
	n = (n + 12582912.0f) - 12582912.0f; /* round to nearest: 1.5 * 2^23 */
	r = clamped - n * 0.693359375f;
	r = r + n * 2.12194440e-4f;
	p = 1.9875691500e-4f;
	p = p * r + 1.3981999507e-3f;
	p = p * r + 8.3334519073e-3f;
	p = p * r + 4.1665795894e-2f;
	p = p * r + 1.6666665459e-1f;
	p = p * r + 5.0000001201e-1f;
	p = p * r * r + r + 1.0f;
	k = (int32_t) n;
	k1 = k / 2;
	s1.i = (k1 + 127) << 23;
	s2.i = (k - k1 + 127) << 23;
	p = p * s1.f * s2.f;
	p = x < -87.3f ? 0.0f : p;
	p = x > 88.7228f ? INFINITY : p;
	return x != x ? x : p;
}

/* 1 / (1 + exp(-x)). */
static inline __attribute__((always_inline)) float
bmc_sigmoid_one(float x)
{
	return 1.0f / (1.0f + bmc_exp_one(-x));
}

/* tanh(x), absolute error 1e-7. */
static inline __attribute__((always_inline)) float
bmc_tanh_one(float x)
{
	return 1.0f - 2.0f / (1.0f + bmc_exp_one(2.0f * x));
}

#endif
