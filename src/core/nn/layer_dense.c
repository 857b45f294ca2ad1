/*
 * layer_dense.c
 *		dense: y = x W + b on every row; W (I, units), b (units).
 */
#include <stdio.h>

#include "core/nn/layers.h"

static bool
shape(BmLayer *l, int inputs, BmShapeFault *fault)
{
	bool vectors = bmc_shape_vectors(l, inputs, fault);

	l->out.d[0] = (size_t) l->spec.units;
	return vectors;
}

static int
params(const BmLayer *l, BmParam *out)
{
	size_t I = l->in[0].d[0], O = l->out.d[0];

	out[0] = (BmParam){"weight", 2, {I, O}, bmc_glorot(I, O), 0.0f, false};
	out[1] = (BmParam){"bias", 1, {O}, 0.0f, 0.0f, false};
	return 2;
}

static void
forward(const BmLayerCall *c)
{
	size_t I = c->l->in[0].d[0], O = c->l->out.d[0];

	bmc_linear_forward(c->y, O, c->x[0], c->w, O, c->w + I * O, c->rows, I, O, c->gemm);
}

static void
backward(const BmLayerCall *c)
{
	size_t I = c->l->in[0].d[0], O = c->l->out.d[0];

	if (c->dw)
		bmc_linear_gradients(c->dw, c->dw + I * O, c->dy, c->x[0], c->rows, I, O, c->gemm);
	if (c->dx[0])
		bmc_linear_backward(c->dx[0], NULL, NULL, c->dy, NULL, c->w, c->rows, I, O, c->gemm);
}

static double
flops(const BmLayer *l)
{
	return 2.0 * (double) l->in[0].d[0] * (double) l->out.d[0];
}

const BmLayerType bmc_layer_dense = {
	.name = "dense",
	.options = "units",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape,
	.params = params,
	.forward = forward,
	.backward = backward,
	.row_wise = true,
	.flops = flops,
};
