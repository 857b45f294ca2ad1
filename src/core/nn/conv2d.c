/*
 * conv2d.c
 *		Convolution over maps: the inputs of each output laid side by side, and one product a map.
 */
#include <string.h>

#include "core/nn/conv2d.h"
#include "core/num/mem.h"
#include "core/num/vec.h"

size_t
bmc_conv2d_scratch(const BmConv2d *g)
{
	return bmc_mul(bmc_mul(g->OH, g->OW), bmc_conv2d_depth(g));
}

/* The input row or column that tap k of output p looks at; false outside the n there are. */
static inline bool
tap(size_t *at, size_t p, size_t k, size_t stride, size_t dilation, size_t before, size_t n)
{
	size_t i = p * stride + k * dilation;

	*at = i - before;
	return i >= before && *at < n;
}

/* One row of taps, (kw,C), of the output at column ox from map row `row`; NULL: outside the map. */
static float *
gather_taps(float *col, const float *row, const BmConv2d *g, size_t ox)
{
	size_t C = g->C, first = ox * g->sw, at;

	if (row && g->dw == 1 && first >= g->left && first - g->left + g->kw <= g->W)
	{
		memcpy(col, row + (first - g->left) * C, g->kw * C * sizeof(float));
		return col + g->kw * C;
	}
	for (size_t j = 0; j < g->kw; j++, col += C)
		if (row && tap(&at, ox, j, g->sw, g->dw, g->left, g->W))
			memcpy(col, row + at * C, C * sizeof(float));
		else
			memset(col, 0, C * sizeof(float));
	return col;
}

/* col (OH,OW,kh,kw,C) from x (H,W,C). */
static void
gather(float *col, const float *x, const BmConv2d *g)
{
	size_t at;

	for (size_t oy = 0; oy < g->OH; oy++)
		for (size_t ox = 0; ox < g->OW; ox++)
			for (size_t i = 0; i < g->kh; i++)
			{
				bool inside = tap(&at, oy, i, g->sh, g->dh, g->top, g->H);

				col = gather_taps(col, inside ? x + at * g->W * g->C : NULL, g, ox);
			}
}

/* dx (H,W,C) += what col (OH,OW,kh,kw,C) holds for it. */
static void
scatter(float *dx, const float *col, const BmConv2d *g)
{
	size_t C = g->C, y, x;

	for (size_t oy = 0; oy < g->OH; oy++)
		for (size_t ox = 0; ox < g->OW; ox++)
			for (size_t i = 0; i < g->kh; i++)
			{
				bool inside = tap(&y, oy, i, g->sh, g->dh, g->top, g->H);

				for (size_t j = 0; j < g->kw; j++, col += C)
					if (inside && tap(&x, ox, j, g->sw, g->dw, g->left, g->W))
						bmc_axpy(dx + (y * g->W + x) * C, 1.0f, col, C);
			}
}

void
bmc_conv2d_forward(float *y, const float *x, const float *w, const float *b, const BmConv2d *g,
				   size_t B, float *scratch, BmGemm gemm)
{
	size_t P = g->OH * g->OW, K = bmc_conv2d_depth(g);

	for (size_t s = 0; s < B; s++)
	{
		gather(scratch, x + s * g->H * g->W * g->C, g);
		bmc_linear_forward(y + s * P * g->O, g->O, scratch, w, g->O, b, P, K, g->O, gemm);
	}
}

void
bmc_conv2d_backward(float *dx, float *dw, float *db, const float *dy, const float *x,
					const float *w, const BmConv2d *g, size_t B, float *scratch, BmGemm gemm)
{
	size_t P = g->OH * g->OW, K = bmc_conv2d_depth(g), map = g->H * g->W * g->C;

	if (dx)
		memset(dx, 0, B * map * sizeof(float));
	for (size_t s = 0; s < B; s++, dy += P * g->O)
	{
		if (dw)
		{
			gather(scratch, x + s * map, g);
			bmc_linear_gradients(dw, db, dy, scratch, P, K, g->O, gemm);
		}
		if (dx)
		{
			bmc_linear_backward(scratch, NULL, NULL, dy, NULL, w, P, K, g->O, gemm);
			scatter(dx + s * map, scratch, g);
		}
	}
}
