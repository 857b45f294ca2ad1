/*
 * nn_check.h
 *		What the tests of core/nn share: random arrays, and the numeric gradient check.
 *
 * A layer y = f(x) is checked through the scalar loss <y, c> with fixed random c: the backward pass
 * fed with c must give the central difference of that loss by every input.
 */
#ifndef NN_CHECK_H
#define NN_CHECK_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "core/nn/linear.h"
#include "core/num/rng.h"

/* n numbers N(0, size), the same for the same stream. */
static inline float *
random_floats(size_t n, float size, uint64_t stream)
{
	BmRng rng = bmc_rng(7, stream);
	float *x = malloc((n + 16) * sizeof(float));

	for (size_t i = 0; i < n; i++)
		x[i] = size * (float) bmc_rng_normal(&rng);
	return x;
}

static inline float *
zeros(size_t n)
{
	return calloc(n + 16, sizeof(float));
}

/* <a, b> in double. */
static inline double
dot(const float *a, const float *b, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/* Largest |a - b| / (1 + |b|). */
static inline double
worst(const float *a, const float *b, size_t n)
{
	double most = 0.0;

	for (size_t i = 0; i < n; i++)
	{
		double e = fabs((double) a[i] - b[i]) / (1.0 + fabs((double) b[i]));

		most = e > most || isnan(e) ? e : most;
	}
	return most;
}

/*
 * Largest error of the gradient dx (n) of loss(arg) by x (n), which loss reads: against the central
 * difference over h at about `probes` evenly spaced places, relative to 1 + |difference|.
 */
static inline double
gradient_error_at(double (*loss)(void *), void *arg, float *x, const float *dx, size_t n,
				  size_t probes, float h)
{
	double most = 0.0;
	size_t stride = n > probes ? n / probes : 1;

	for (size_t i = 0; i < n; i += stride)
	{
		float keep = x[i];
		double up, down, numeric, e;

		x[i] = keep + h;
		up = loss(arg);
		x[i] = keep - h;
		down = loss(arg);
		x[i] = keep;
		numeric = (up - down) / (2.0 * (double) h);
		e = fabs(numeric - dx[i]) / (1.0 + fabs(numeric));
		most = e > most || isnan(e) ? e : most;
	}
	return most;
}

static inline double
gradient_error(double (*loss)(void *), void *arg, float *x, const float *dx, size_t n,
			   size_t probes)
{
	return gradient_error_at(loss, arg, x, dx, n, probes, 1e-2f);
}

#endif
