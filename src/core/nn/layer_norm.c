/*
 * layer_norm.c
 *		layer_norm over the channels of a row, and batch_norm over the batch (Ioffe and Szegedy 2015).
 *
 * Batch normalisation in training needs sums over the whole batch, though its rows are dealt to shards:
 * each shard adds up its part, the parts are added in shard order, and only then do the shards go on.
 * Outside of training the running averages of those sums take their place.
 */
#include <math.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/nn/norm.h"
#include "core/num/vec.h"

#define BATCH_EPS 1e-5f /* the usual guard against channels without variance */
#define BATCH_MOMENTUM                                                                             \
	0.1 /* share of the newest batch in the running averages; PyTorch's default */

/* Rows of channels: every place of a map is one. */
static size_t
rows_of(const BmLayerCall *c)
{
	return c->rows * bmc_dims_count(&c->l->out) / bmc_dims_width(&c->l->out);
}

static int
affine(const BmLayer *l, BmParam *out)
{
	size_t D = bmc_dims_width(&l->out);

	out[0] = (BmParam){"gain", 1, {D}, 0.0f, 1.0f, false};
	out[1] = (BmParam){"bias", 1, {D}, 0.0f, 0.0f, false};
	return 2;
}

/* ---- layer norm ---- */

static size_t
layer_keep(const BmLayer *l, size_t rows)
{
	return bmc_mul(2, bmc_mul(rows, bmc_dims_count(&l->out) / bmc_dims_width(&l->out)));
}

/* Where a gradient goes that nobody wants. */
static size_t
spare(const BmLayer *l, size_t rows)
{
	return bmc_mul(rows, bmc_dims_count(&l->out));
}

static void
layer_forward(const BmLayerCall *c)
{
	size_t T = rows_of(c);

	bmc_norm_forward(c->y, c->keep, c->keep + T, c->x[0], c->w, T, bmc_dims_width(&c->l->out));
}

static void
layer_backward(const BmLayerCall *c)
{
	size_t T = rows_of(c), D = bmc_dims_width(&c->l->out);
	float *dx = c->dx[0] ? c->dx[0] : c->scratch;

	memset(dx, 0, T * D * sizeof(float));
	bmc_norm_backward(dx, c->dw, c->dy, c->x[0], c->w, c->keep, c->keep + T, T, D);
}

const BmLayerType bmc_layer_layer_norm = {
	.name = "layer_norm",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = bmc_shape_same,
	.params = affine,
	.keep = layer_keep,
	.scratch = spare,
	.forward = layer_forward,
	.backward = layer_backward,
	.row_wise = true,
};

/* ---- batch norm: stats are rows, then two sums for each channel ---- */

static int
batch_params(const BmLayer *l, BmParam *out)
{
	size_t D = bmc_dims_width(&l->out);

	affine(l, out);
	out[2] = (BmParam){"mean", 1, {D}, 0.0f, 0.0f, true};
	out[3] = (BmParam){"variance", 1, {D}, 0.0f, 1.0f, true};
	return 4;
}

static size_t
batch_stats(const BmLayer *l)
{
	return 1 + 2 * bmc_dims_width(&l->out);
}

/* mean and 1 / deviation (2,D): of the batch, or of all batches so far. */
static size_t
batch_keep(const BmLayer *l, size_t rows)
{
	return 2 * bmc_dims_width(&l->out);
}

static double
variance(const double *stats, size_t d, size_t D)
{
	double mean = stats[1 + d] / stats[0], v = stats[1 + D + d] / stats[0] - mean * mean;

	return v > 0.0 ? v : 0.0;
}

/* Going forward the sums of x and x * x, going back those of dy and dy * normalised x. */
static void
batch_add(const BmLayerCall *c, double *sum, bool back)
{
	size_t T = rows_of(c), D = bmc_dims_width(&c->l->out);
	const float *x = c->x[0], *dy = c->dy, *mean = c->keep, *rstd = c->keep + D;

	sum[0] += (double) T;
	for (size_t t = 0; t < T; t++, x += D, dy = back ? dy + D : NULL)
		for (size_t d = 0; d < D; d++)
		{
			sum[1 + d] += (double) (back ? dy[d] : x[d]);
			sum[1 + D + d] +=
				back ? (double) dy[d] * ((x[d] - mean[d]) * rstd[d]) : (double) x[d] * x[d];
		}
}

static void
batch_forward(const BmLayerCall *c)
{
	size_t T = rows_of(c), D = bmc_dims_width(&c->l->out);
	float *mean = c->keep, *rstd = c->keep + D, *y = c->y;
	const float *gain = c->w, *bias = c->w + D, *x = c->x[0];

	for (size_t d = 0; d < D; d++)
	{
		mean[d] = c->stats ? (float) (c->stats[1 + d] / c->stats[0]) : c->state[d];
		rstd[d] = 1.0f / sqrtf((c->stats ? (float) variance(c->stats, d, D) : c->state[D + d]) +
							   BATCH_EPS);
	}
	for (size_t t = 0; t < T; t++, x += D, y += D)
		for (size_t d = 0; d < D; d++)
			y[d] = (x[d] - mean[d]) * rstd[d] * gain[d] + bias[d];
}

static void
batch_gradients(const BmLayerCall *c)
{
	size_t T = rows_of(c), D = bmc_dims_width(&c->l->out);
	const float *mean = c->keep, *rstd = c->keep + D, *x = c->x[0], *dy = c->dy;

	for (size_t t = 0; t < T; t++, x += D, dy += D)
		for (size_t d = 0; d < D; d++)
		{
			c->dw[d] += dy[d] * (x[d] - mean[d]) * rstd[d];
			c->dw[D + d] += dy[d];
		}
}

/* dx = gain * rstd * (dy - avg(dy) - n * avg(dy * n)); with running averages just gain * rstd * dy. */
static void
batch_backward(const BmLayerCall *c)
{
	size_t T = rows_of(c), D = bmc_dims_width(&c->l->out);
	const float *mean = c->keep, *rstd = c->keep + D, *x = c->x[0], *dy = c->dy;
	float *dx = c->dx[0];

	if (c->dw)
		batch_gradients(c);
	for (size_t t = 0; dx && t < T; t++, x += D, dy += D, dx += D)
		for (size_t d = 0; d < D; d++)
		{
			float g = dy[d];

			if (c->stats)
				g -= (float) ((c->stats[1 + d] +
							   (double) ((x[d] - mean[d]) * rstd[d]) * c->stats[1 + D + d]) /
							  c->stats[0]);
			dx[d] = c->w[d] * rstd[d] * g;
		}
}

/* The running variance is of the population: n / (n - 1) times the batch's. */
static void
batch_running(const BmLayer *l, float *state, const double *sum)
{
	size_t D = bmc_dims_width(&l->out);
	double unbias = sum[0] > 1.0 ? sum[0] / (sum[0] - 1.0) : 1.0;

	for (size_t d = 0; d < D; d++)
	{
		state[d] += (float) (BATCH_MOMENTUM * (sum[1 + d] / sum[0] - (double) state[d]));
		state[D + d] +=
			(float) (BATCH_MOMENTUM * (variance(sum, d, D) * unbias - (double) state[D + d]));
	}
}

const BmLayerType bmc_layer_batch_norm = {
	.name = "batch_norm",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = bmc_shape_same,
	.params = batch_params,
	.keep = batch_keep,
	.forward = batch_forward,
	.backward = batch_backward,
	.stats = batch_stats,
	.add_stats = batch_add,
	.keep_stats = batch_running,
};
