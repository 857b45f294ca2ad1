/*
 * norm.c
 *		Layer normalisation over rows, forward and backward (Ba, Kiros and Hinton 2016).
 */
#include <math.h>

#include "core/num/lanes.h"
#include "core/nn/norm.h"

#define NORM_EPS 1e-5f /* the usual guard against rows without variance */

BM_CLONES void
bmc_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *gb, size_t T,
				 size_t D)
{
	const float *gain = gb, *bias = gb + D;

	for (size_t t = 0; t < T; t++, x += D, y += D)
	{
		float mu = bmc_lanes_sum(x, D) / (float) D;
		float r;

		for (size_t d = 0; d < D; d++)
			y[d] = x[d] - mu;
		r = 1.0f / sqrtf(bmc_lanes_dot(y, y, D) / (float) D + NORM_EPS);
		for (size_t d = 0; d < D; d++)
			y[d] = y[d] * r * gain[d] + bias[d];
		if (mean)
			mean[t] = mu;
		if (rstd)
			rstd[t] = r;
	}
}

/*
 * With n = (x - mean) * rstd and g = dy * gain:  dx = rstd * (g - avg(g) - n * avg(g * n)).
 */
BM_CLONES void
bmc_norm_backward(float *dx, float *dgb, const float *dy, const float *x, const float *gb,
				  const float *mean, const float *rstd, size_t T, size_t D)
{
	for (size_t t = 0; t < T; t++, x += D, dx += D, dy += D)
	{
		float mu = mean[t], r = rstd[t];
		float sum_g = bmc_lanes_dot(dy, gb, D), sum_gx = 0.0f;
		BmLanes lanes = {0};
		size_t d = 0;

		for (; d + 16 <= D; d += 16)
		{
			BmLanes vx, vy, vg;

			memcpy(&vx, x + d, sizeof(vx));
			memcpy(&vy, dy + d, sizeof(vy));
			memcpy(&vg, gb + d, sizeof(vg));
			lanes += vy * vg * (vx - mu);
		}
		for (; d < D; d++)
			sum_gx += dy[d] * gb[d] * (x[d] - mu);
		sum_gx = (sum_gx + bmc_lanes_total(&lanes)) * r / (float) D;
		sum_g /= (float) D;
		for (d = 0; d < D; d++)
			dx[d] += r * (dy[d] * gb[d] - sum_g - (x[d] - mu) * r * sum_gx);
		if (dgb)
			for (d = 0; d < D; d++)
			{
				dgb[d] += dy[d] * (x[d] - mu) * r;
				dgb[D + d] += dy[d];
			}
	}
}
