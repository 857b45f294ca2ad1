/*
 * pooled.c
 *		Windows of rows as one row each; see pooled.h.
 */
#include <string.h>

#include "core/num/pooled.h"

void
bmc_pool_window(float *x, uint32_t *code, const BmSamples *s, size_t i)
{
	size_t W = s->width, rows, first = bmc_sample(s, i, &rows), last = first + rows - 1;

	memcpy(x, s->x + last * W, W * sizeof(float));
	if (rows > 1)
		memcpy(x + W, s->x + (last - 1) * W, W * sizeof(float));
	else
		memset(x + W, 0, W * sizeof(float));
	for (size_t j = 0; j < W; j++)
	{
		double sum = 0.0;

		for (size_t t = first; t <= last; t++)
			sum += (double) s->x[t * W + j];
		x[2 * W + j] = (float) (sum / (double) rows);
	}
	if (s->ncodes)
		memcpy(code, s->code + last * s->ncodes, s->ncodes * sizeof(uint32_t));
}

void
bmc_pooled_share(float *share, const float *pooled, size_t rows, size_t width, size_t ncodes)
{
	size_t F = width + ncodes;
	float *newest = share + (rows - 1) * F;

	memset(share, 0, rows * F * sizeof(float));
	for (size_t t = 0; t < rows; t++)
		for (size_t j = 0; j < width; j++)
			share[t * F + j] = pooled[2 * width + j] / (float) rows;
	for (size_t j = 0; j < width; j++)
	{
		newest[j] += pooled[j];
		/* a window of one row has no row before it: that there is none is said of its only row */
		(rows > 1 ? newest - F : newest)[j] += pooled[width + j];
	}
	for (size_t k = 0; k < ncodes; k++)
		newest[width + k] += pooled[BM_POOLED_ROWS * width + k];
}
