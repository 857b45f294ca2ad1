/*
 * layer_conv.c
 *		conv2d over maps (height, width, channels), and conv1d over rows (length, channels) or over the
 *		steps of a window.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/conv1d.h"
#include "core/nn/conv2d.h"
#include "core/nn/layers.h"

static size_t
at_least_1(int n)
{
	return n > 0 ? (size_t) n : 1;
}

/* Outputs along one side of n, with `before` zeros before it; 0: the kernel does not fit. */
static size_t
side(size_t *before, size_t n, size_t kernel, size_t stride, size_t dilation, int padding)
{
	size_t reach = (kernel - 1) * dilation + 1, outputs, padded = n;

	*before = 0;
	if (padding == BM_PAD_CAUSAL)
	{
		*before = reach - 1;
		padded = n + reach - 1;
	}
	else if (padding == BM_PAD_SAME)
	{
		outputs = (n + stride - 1) / stride;
		padded = (outputs - 1) * stride + reach;
		padded = padded > n ? padded : n;
		*before = (padded - n) / 2;
	}
	return padded < reach ? 0 : (padded - reach) / stride + 1;
}

/* A vector or (length, channels) counts as a map of one row. */
BmConv2d
bmc_layer_conv_geometry(const BmLayer *l)
{
	const BmDims *in = &l->in[0];
	const BmLayerSpec *s = &l->spec;
	bool map = in->rank == 3;
	BmConv2d g = {.H = map ? in->d[0] : 1,
				  .W = map ? in->d[1] : in->d[0],
				  .C = in->rank == 1 ? 1 : in->d[in->rank - 1],
				  .kh = map ? at_least_1(s->size[0]) : 1,
				  .kw = at_least_1(map ? s->size[1] : s->size[0]),
				  .sh = map ? at_least_1(s->stride[0]) : 1,
				  .sw = at_least_1(map ? s->stride[1] : s->stride[0]),
				  .dh = map ? at_least_1(s->dilation[0]) : 1,
				  .dw = at_least_1(map ? s->dilation[1] : s->dilation[0]),
				  .O = (size_t) s->units};

	g.OH = side(&g.top, g.H, g.kh, g.sh, g.dh, map ? s->padding : BM_PAD_VALID);
	g.OW = side(&g.left, g.W, g.kw, g.sw, g.dw, s->padding);
	return g;
}

static bool
shape2d(BmLayer *l, int inputs, BmShapeFault *fault)
{
	BmConv2d g;

	snprintf(fault->needs, sizeof(fault->needs), "a map (height, width, channels)");
	if (l->in[0].rank != 3)
		return false;
	g = bmc_layer_conv_geometry(l);
	snprintf(fault->needs, sizeof(fault->needs),
			 "a map of at least %zu x %zu, as its kernel reaches", (g.kh - 1) * g.dh + 1,
			 (g.kw - 1) * g.dw + 1);
	l->out = (BmDims){l->in[0].steps, 3, {g.OH, g.OW, g.O}};
	return g.OH > 0 && g.OW > 0;
}

static int
params(const BmLayer *l, BmParam *out)
{
	BmConv2d g = bmc_layer_conv_geometry(l);
	float bound = bmc_glorot(bmc_conv2d_depth(&g), g.kh * g.kw * g.O);

	out[0] = (BmParam){"weight", 4, {g.kh, g.kw, g.C, g.O}, bound, 0.0f, false};
	out[1] = (BmParam){"bias", 1, {g.O}, 0.0f, 0.0f, false};
	return 2;
}

bool
bmc_layer_conv2d_fuses(const BmLayer *l)
{
	BmConv2d g = bmc_layer_conv_geometry(l);

	return bmc_conv_pool_fits(&g);
}

/* A byte for each number after the pool. */
static size_t
keep2d(const BmLayer *l, size_t rows)
{
	size_t pooled = (l->out.d[0] / 2) * (l->out.d[1] / 2) * l->out.d[2];

	return l->fused ? bmc_mul(rows, pooled) / sizeof(float) + 1 : 0;
}

static size_t
scratch2d(const BmLayer *l, size_t rows)
{
	BmConv2d g = bmc_layer_conv_geometry(l);

	return bmc_add(bmc_conv2d_scratch(&g), l->fused ? g.OH * g.OW * g.O : 0);
}

static void
forward2d(const BmLayerCall *c)
{
	BmConv2d g = bmc_layer_conv_geometry(c->l);
	const float *b = c->w + bmc_conv2d_depth(&g) * g.O;

	if (c->l->fused)
		bmc_conv_pool_forward(c->y, (uint8_t *) c->keep, c->x[0], c->w, b, &g, c->rows);
	else
		bmc_conv2d_forward(c->y, c->x[0], c->w, b, &g, c->rows, c->scratch, c->gemm);
}

/* The input's gradient of a fused layer, which only a layer below that learns, or an explanation, wants. */
static void
fused_input(const BmLayerCall *c, const BmConv2d *g)
{
	size_t map = g->H * g->W * g->C, pooled = (g->OH / 2) * (g->OW / 2) * g->O;
	float *dc = c->scratch, *rest = c->scratch + g->OH * g->OW * g->O;

	for (size_t s = 0; s < c->rows; s++)
	{
		bmc_conv_pool_spread(dc, c->dy + s * pooled, (uint8_t *) c->keep + s * pooled, g);
		bmc_conv2d_backward(c->dx[0] + s * map, NULL, NULL, dc, NULL, c->w, g, 1, rest, c->gemm);
	}
}

static void
backward2d(const BmLayerCall *c)
{
	BmConv2d g = bmc_layer_conv_geometry(c->l);
	float *db = c->dw ? c->dw + bmc_conv2d_depth(&g) * g.O : NULL;

	if (!c->l->fused)
	{
		bmc_conv2d_backward(c->dx[0], c->dw, db, c->dy, c->x[0], c->w, &g, c->rows, c->scratch,
							c->gemm);
		return;
	}
	if (c->dw)
		bmc_conv_pool_backward(c->dw, db, c->dy, (uint8_t *) c->keep, c->x[0], &g, c->rows);
	if (c->dx[0])
		fused_input(c, &g);
}

static double
flops2d(const BmLayer *l)
{
	BmConv2d g = bmc_layer_conv_geometry(l);

	return 2.0 * (double) (g.OH * g.OW * g.O) * (double) bmc_conv2d_depth(&g);
}

const BmLayerType bmc_layer_conv2d = {
	.name = "conv2d",
	.options = "filters kernel stride dilation padding",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape2d,
	.params = params,
	.keep = keep2d,
	.scratch = scratch2d,
	.forward = forward2d,
	.backward = backward2d,
	.flops = flops2d,
};

/* ---- conv1d: over steps where there are any ---- */

static BmConv1d
over_steps(const BmLayer *l)
{
	size_t kernel = at_least_1(l->spec.size[0]), dilation = at_least_1(l->spec.dilation[0]);
	size_t zeros = (kernel - 1) * dilation;
	size_t left = l->spec.padding == BM_PAD_CAUSAL ? zeros : zeros / 2;

	return (BmConv1d){kernel, 1, dilation, left, zeros - left};
}

static bool
shape1d(BmLayer *l, int inputs, BmShapeFault *fault)
{
	const BmDims *in = &l->in[0];
	BmConv2d g;

	if (in->steps)
	{
		snprintf(fault->needs, sizeof(fault->needs),
				 "over steps: rows of one dimension, stride 1, padding same or causal");
		l->out = (BmDims){in->steps, 1, {(size_t) l->spec.units}};
		return in->rank == 1 && at_least_1(l->spec.stride[0]) == 1 &&
			   l->spec.padding != BM_PAD_VALID;
	}
	snprintf(fault->needs, sizeof(fault->needs), "rows (length) or (length, channels), or steps");
	if (in->rank == 3)
		return false;
	g = bmc_layer_conv_geometry(l);
	snprintf(fault->needs, sizeof(fault->needs), "a length of at least %zu, as its kernel reaches",
			 (g.kw - 1) * g.dw + 1);
	l->out = (BmDims){0, 2, {g.OW, g.O}};
	return g.OW > 0;
}

static int
params1d(const BmLayer *l, BmParam *out)
{
	size_t K = at_least_1(l->spec.size[0]), O = (size_t) l->spec.units;
	size_t C = l->in[0].steps || l->in[0].rank == 2 ? bmc_dims_width(&l->in[0]) : 1;

	out[0] = (BmParam){"weight", 3, {K, C, O}, bmc_glorot(K * C, K * O), 0.0f, false};
	out[1] = (BmParam){"bias", 1, {O}, 0.0f, 0.0f, false};
	return 2;
}

static size_t
keep1d(const BmLayer *l, size_t rows)
{
	return l->in[0].steps ? bmc_mul(rows, at_least_1(l->spec.size[0]) * l->in[0].d[0]) : 0;
}

static size_t
scratch1d(const BmLayer *l, size_t rows)
{
	BmConv2d g = bmc_layer_conv_geometry(l);

	return l->in[0].steps ? bmc_mul(rows, l->in[0].d[0]) : bmc_conv2d_scratch(&g);
}

static void
forward1d(const BmLayerCall *c)
{
	size_t I = c->l->in[0].d[0], O = (size_t) c->l->spec.units;
	BmConv1d k = over_steps(c->l);

	if (c->l->in[0].steps)
		bmc_conv1d_forward(c->y, c->keep, c->x[0], c->w, c->w + k.kernel * I * O, &k, c->r, I, O,
						   c->gemm);
	else
		forward2d(c);
}

static void
backward1d(const BmLayerCall *c)
{
	size_t I = c->l->in[0].d[0], O = (size_t) c->l->spec.units;
	BmConv1d k = over_steps(c->l);

	if (c->l->in[0].steps)
		bmc_conv1d_backward(c->dx[0] ? c->dx[0] : c->scratch, c->dw,
							c->dw ? c->dw + k.kernel * I * O : NULL, c->dy, c->keep, c->w, &k, c->r,
							I, O, c->gemm);
	else
		backward2d(c);
}

static double
flops1d(const BmLayer *l)
{
	return l->in[0].steps ? 2.0 * (double) (at_least_1(l->spec.size[0]) * l->in[0].d[0]) *
								(double) l->spec.units
						  : flops2d(l);
}

const BmLayerType bmc_layer_conv1d = {
	.name = "conv1d",
	.options = "filters kernel stride dilation padding",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape1d,
	.params = params1d,
	.keep = keep1d,
	.scratch = scratch1d,
	.forward = forward1d,
	.backward = backward1d,
	.flops = flops1d,
};
