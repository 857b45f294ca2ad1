/*
 * vec.h
 *		Vector kernels compiled for several instruction sets and chosen at run time.
 */
#ifndef BM_VEC_H
#define BM_VEC_H

#include "core/num/status.h"

/* On gcc with ifunc: one body for AVX-512, AVX2+FMA and the baseline. Elsewhere: the baseline. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(BM_NO_CLONES)
#define BM_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define BM_CLONES
#endif

extern float bmc_dot(const float *a, const float *b, size_t n);
extern void bmc_axpy(float *y, float a, const float *x, size_t n); /* y += a x */
extern void bmc_scale(float *x, float a, size_t n);
extern double bmc_sum(const float *x, size_t n);
extern float bmc_max(const float *x, size_t n); /* -INFINITY for n = 0 */
/* y = exp(x), 2 ulp, flush below -87.3 to 0, above 88.7 to INFINITY; y may be x. */
extern void bmc_exp(float *y, const float *x, size_t n);
/* y = exp(x - shift); returns the sum of y. The heart of softmax. */
extern float bmc_exp_sum(float *y, const float *x, float shift, size_t n);
extern bool bmc_all_finite(const float *x, size_t n);

#endif
