/*
 * layer_pool.c
 *		max_pool2d and average_pool2d over maps; global pools over a whole map, or over a window's steps;
 *		last, the newest step of a window.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/num/vec.h"

/* ---- pools over blocks of a map ---- */

typedef struct Block
{
	size_t H, W, C, ph, pw, sh, sw, OH, OW;
} Block;

static size_t
given(int n, size_t otherwise)
{
	return n > 0 ? (size_t) n : otherwise;
}

static Block
blocks(const BmLayer *l)
{
	const BmDims *in = &l->in[0];
	const BmLayerSpec *s = &l->spec;
	bool map = in->rank == 3;
	Block b = {.H = map ? in->d[0] : 1, .W = in->d[in->rank - 2], .C = in->d[in->rank - 1]};

	b.ph = map ? given(s->size[0], 2) : 1;
	b.pw = given(map ? s->size[1] : s->size[0], 2);
	b.sh = map ? given(s->stride[0], b.ph) : 1;
	b.sw = given(map ? s->stride[1] : s->stride[0], b.pw);
	b.OH = b.H < b.ph ? 0 : (b.H - b.ph) / b.sh + 1;
	b.OW = b.W < b.pw ? 0 : (b.W - b.pw) / b.sw + 1;
	return b;
}

static bool
shape(BmLayer *l, int inputs, BmShapeFault *fault)
{
	Block b;

	snprintf(fault->needs, sizeof(fault->needs),
			 "a map (height, width, channels) or (length, channels)");
	if (l->in[0].rank < 2)
		return false;
	b = blocks(l);
	snprintf(fault->needs, sizeof(fault->needs), "a map of at least %zu x %zu", b.ph, b.pw);
	l->out = l->in[0];
	l->out.d[l->out.rank - 2] = b.OW;
	if (l->out.rank == 3)
		l->out.d[0] = b.OH;
	return b.OH > 0 && b.OW > 0;
}

/* One place for each number of the answer. */
static size_t
keep(const BmLayer *l, size_t rows)
{
	return bmc_mul(rows, bmc_dims_count(&l->out));
}

/* y (C) and arg (C): largest of the block that begins at x, which is place `first` of the sample. */
BM_CLONES static void
max_block(float *restrict y, uint32_t *restrict arg, const float *restrict x, uint32_t first,
		  const Block *b)
{
	memcpy(y, x, b->C * sizeof(float));
	for (size_t c = 0; c < b->C; c++)
		arg[c] = first + (uint32_t) c;
	for (size_t i = 0; i < b->ph; i++)
		for (size_t j = 0; j < b->pw; j++)
		{
			size_t at = (i * b->W + j) * b->C;

			for (size_t c = 0; c < b->C; c++)
			{
				float v = x[at + c];
				bool above = v > y[c];

				arg[c] = above ? first + (uint32_t) (at + c) : arg[c];
				y[c] = above ? v : y[c];
			}
		}
}

static void
max_forward(const BmLayerCall *c)
{
	Block b = blocks(c->l);
	const float *x = c->x[0];
	float *y = c->y;
	uint32_t *arg = (uint32_t *) c->keep;

	for (size_t s = 0; s < c->rows; s++, x += b.H * b.W * b.C)
		for (size_t i = 0; i < b.OH; i++)
			for (size_t j = 0; j < b.OW; j++, y += b.C, arg += b.C)
			{
				size_t first = (i * b.sh * b.W + j * b.sw) * b.C;

				max_block(y, arg, x + first, (uint32_t) first, &b);
			}
}

/* dx of `rows` samples of `in` numbers from dy of `out`, at the places that arg names. */
static void
max_scatter(float *dx, const float *dy, const uint32_t *arg, size_t rows, size_t in, size_t out)
{
	memset(dx, 0, rows * in * sizeof(float));
	for (size_t s = 0; s < rows; s++, dx += in, dy += out, arg += out)
		for (size_t i = 0; i < out; i++)
			dx[arg[i]] += dy[i];
}

static void
max_backward(const BmLayerCall *c)
{
	if (c->dx[0])
		max_scatter(c->dx[0], c->dy, (uint32_t *) c->keep, c->rows, bmc_dims_count(&c->l->in[0]),
					bmc_dims_count(&c->l->out));
}

static void
average_forward(const BmLayerCall *c)
{
	Block b = blocks(c->l);
	const float *x = c->x[0];
	float *y = c->y, share = 1.0f / (float) (b.ph * b.pw);

	memset(y, 0, c->rows * b.OH * b.OW * b.C * sizeof(float));
	for (size_t s = 0; s < c->rows; s++, x += b.H * b.W * b.C)
		for (size_t o = 0; o < b.OH * b.OW; o++, y += b.C)
			for (size_t i = 0; i < b.ph; i++)
				for (size_t j = 0; j < b.pw; j++)
				{
					size_t row = o / b.OW * b.sh + i, column = o % b.OW * b.sw + j;

					bmc_axpy(y, share, x + (row * b.W + column) * b.C, b.C);
				}
}

static void
average_backward(const BmLayerCall *c)
{
	Block b = blocks(c->l);
	float *dx = c->dx[0], share = 1.0f / (float) (b.ph * b.pw);
	const float *dy = c->dy;

	if (dx == NULL)
		return;
	memset(dx, 0, c->rows * b.H * b.W * b.C * sizeof(float));
	for (size_t s = 0; s < c->rows; s++, dx += b.H * b.W * b.C)
		for (size_t o = 0; o < b.OH * b.OW; o++, dy += b.C)
			for (size_t i = 0; i < b.ph; i++)
				for (size_t j = 0; j < b.pw; j++)
				{
					size_t row = o / b.OW * b.sh + i, column = o % b.OW * b.sw + j;

					bmc_axpy(dx + (row * b.W + column) * b.C, share, dy, b.C);
				}
}

const BmLayerType bmc_layer_max_pool2d = {
	.name = "max_pool2d",
	.options = "size stride",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape,
	.keep = keep,
	.forward = max_forward,
	.backward = max_backward,
};

const BmLayerType bmc_layer_average_pool2d = {
	.name = "average_pool2d",
	.options = "size stride",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape,
	.forward = average_forward,
	.backward = average_backward,
};

/* ---- over everything: a window's steps, or a map's places ---- */

static bool
shape_global(BmLayer *l, int inputs, BmShapeFault *fault)
{
	const BmDims *in = &l->in[0];

	snprintf(fault->needs, sizeof(fault->needs), "steps, or a map (height, width, channels)");
	l->out = (BmDims){0, 1, {bmc_dims_width(in)}};
	return in->steps ? in->rank == 1 : in->rank > 1;
}

static bool
shape_last(BmLayer *l, int inputs, BmShapeFault *fault)
{
	snprintf(fault->needs, sizeof(fault->needs), "steps");
	l->out = l->in[0];
	l->out.steps = 0;
	return l->in[0].steps != 0;
}

/* Places that are pooled for output row s: of a window its steps, of a map its pixels. */
static size_t
places(const BmLayerCall *c, size_t s)
{
	return c->r ? c->r->start[s + 1] - c->r->start[s]
				: bmc_dims_count(&c->l->in[0]) / bmc_dims_width(&c->l->in[0]);
}

static size_t
keep_global(const BmLayer *l, size_t rows)
{
	return bmc_mul(rows, bmc_dims_width(&l->in[0]));
}

static void
global_max_forward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->in[0]);
	uint32_t *arg = (uint32_t *) c->keep;
	const float *x = c->x[0];

	for (size_t s = 0; s < c->out_rows; s++, arg += C)
	{
		Block all = {.W = 1, .C = C, .ph = places(c, s), .pw = 1};

		max_block(c->y + s * C, arg, x, 0, &all);
		x += all.ph * C;
	}
}

static void
global_max_backward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->in[0]);
	const uint32_t *arg = (uint32_t *) c->keep;
	float *dx = c->dx[0];

	for (size_t s = 0; dx && s < c->out_rows; s++, arg += C)
	{
		size_t n = places(c, s);

		max_scatter(dx, c->dy + s * C, arg, 1, n * C, C);
		dx += n * C;
	}
}

static void
global_average_forward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->in[0]);
	const float *x = c->x[0];

	memset(c->y, 0, c->out_rows * C * sizeof(float));
	for (size_t s = 0; s < c->out_rows; s++)
	{
		size_t n = places(c, s);

		for (size_t i = 0; i < n; i++, x += C)
			bmc_axpy(c->y + s * C, 1.0f / (float) n, x, C);
	}
}

static void
global_average_backward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->in[0]);
	float *dx = c->dx[0];

	for (size_t s = 0; dx && s < c->out_rows; s++)
	{
		size_t n = places(c, s);

		for (size_t i = 0; i < n; i++, dx += C)
			for (size_t k = 0; k < C; k++)
				dx[k] = c->dy[s * C + k] / (float) n;
	}
}

/* The row of the input that is the newest of sequence s; where no other was worked out, row s. */
static size_t
newest_row(const BmLayerCall *c, size_t s)
{
	return c->l->newest ? s : bmc_ragged_newest(c->r, s);
}

static void
last_forward(const BmLayerCall *c)
{
	size_t C = bmc_dims_count(&c->l->in[0]);

	for (size_t s = 0; s < c->out_rows; s++)
		memcpy(c->y + s * C, c->x[0] + newest_row(c, s) * C, C * sizeof(float));
}

static void
last_backward(const BmLayerCall *c)
{
	size_t C = bmc_dims_count(&c->l->in[0]);

	if (c->dx[0] == NULL)
		return;
	memset(c->dx[0], 0, c->rows * C * sizeof(float));
	for (size_t s = 0; s < c->out_rows; s++)
		memcpy(c->dx[0] + newest_row(c, s) * C, c->dy + s * C, C * sizeof(float));
}

const BmLayerType bmc_layer_global_max_pool = {
	.name = "global_max_pool",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_global,
	.keep = keep_global,
	.forward = global_max_forward,
	.backward = global_max_backward,
};

const BmLayerType bmc_layer_global_average_pool = {
	.name = "global_average_pool",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_global,
	.forward = global_average_forward,
	.backward = global_average_backward,
};

const BmLayerType bmc_layer_last = {
	.name = "last",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_last,
	.forward = last_forward,
	.backward = last_backward,
	.row_wise = true,
};
