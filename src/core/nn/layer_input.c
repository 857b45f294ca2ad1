/*
 * layer_input.c
 *		Layers by which rows enter: embedding of codes, tokens (a vector for each feature, Gorishniy et
 *		al. 2021), and learned positions of steps.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/num/vec.h"

/* ---- embedding: numbers as they are, then a row of the table for each code ---- */

/* What a row's codes are in a network is known to its plan, which sets columns and the table's rows. */
static bool
shape_embedding(BmLayer *l, int inputs, BmShapeFault *fault)
{
	snprintf(fault->needs, sizeof(fault->needs),
			 "the network's input, with categorical features in its rows");
	l->out = l->in[0];
	l->out.d[0] += (size_t) l->spec.heads * (size_t) l->spec.units;
	return l->spec.input[0] < 0 && l->spec.heads > 0 && l->in[0].rank == 1;
}

static int
params_embedding(const BmLayer *l, BmParam *out)
{
	size_t N = (size_t) l->spec.size[0], D = (size_t) l->spec.units;

	out[0] = (BmParam){"table", 2, {N, D}, 0.05f, 0.0f, false}; /* Keras' start */
	return 1;
}

BM_CLONES static void
forward_embedding(const BmLayerCall *c)
{
	size_t D = (size_t) c->l->spec.units, W = c->l->in[0].d[0];
	const float *x = c->x[0];
	const uint32_t *code = c->code;
	float *y = c->y;

	for (size_t t = 0; t < c->rows; t++, x += W)
	{
		memcpy(y, x, W * sizeof(float));
		y += W;
		for (size_t j = 0; j < c->columns; j++, y += D)
			memcpy(y, c->w + (size_t) *code++ * D, D * sizeof(float));
	}
}

static void
backward_embedding(const BmLayerCall *c)
{
	size_t D = (size_t) c->l->spec.units, W = c->l->in[0].d[0];
	const uint32_t *code = c->code;
	const float *dy = c->dy;

	for (size_t t = 0; t < c->rows; t++)
	{
		if (c->dx[0])
			memcpy(c->dx[0] + t * W, dy, W * sizeof(float));
		dy += W;
		for (size_t j = 0; j < c->columns; j++, dy += D, code++)
			if (c->dw)
				bmc_axpy(c->dw + (size_t) c->slot[*code] * D, 1.0f, dy, D);
	}
}

const BmLayerType bmc_layer_embedding = {
	.name = "embedding",
	.options = "units",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_embedding,
	.params = params_embedding,
	.forward = forward_embedding,
	.backward = backward_embedding,
	.is_sparse = true,
};

/* ---- positions, counted from the newest step ---- */

/* size[0] is the most steps, which the plan knows. */
static bool
shape_position(BmLayer *l, int inputs, BmShapeFault *fault)
{
	snprintf(fault->needs, sizeof(fault->needs), "steps of one dimension");
	l->out = l->in[0];
	return l->in[0].steps && l->in[0].rank == 1;
}

static int
params_position(const BmLayer *l, BmParam *out)
{
	out[0] = (BmParam){"position", 2, {(size_t) l->spec.size[0], l->out.d[0]}, 0.05f, 0.0f, false};
	return 1;
}

static void
forward_position(const BmLayerCall *c)
{
	size_t D = c->l->out.d[0];
	float *y = c->y;

	if (y != c->x[0])
		memcpy(y, c->x[0], c->rows * D * sizeof(float));
	for (size_t s = 0; s < c->r->S; s++)
		for (size_t n = c->r->start[s + 1] - c->r->start[s]; n > 0; n--, y += D)
			bmc_axpy(y, 1.0f, c->w + (n - 1) * D, D);
}

static void
backward_position(const BmLayerCall *c)
{
	size_t D = c->l->out.d[0];
	const float *dy = c->dy;

	for (size_t s = 0; c->dw && s < c->r->S; s++)
		for (size_t n = c->r->start[s + 1] - c->r->start[s]; n > 0; n--, dy += D)
			bmc_axpy(c->dw + (n - 1) * D, 1.0f, dy, D);
	if (c->dx[0] && c->dx[0] != c->dy)
		memcpy(c->dx[0], c->dy, c->rows * D * sizeof(float));
}

const BmLayerType bmc_layer_position = {
	.name = "position",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_position,
	.params = params_position,
	.forward = forward_position,
	.backward = backward_position,
	.inplace = true,
};

/* ---- tokens: step j of a row is x[j] * weight[j] + bias[j] ---- */

static bool
shape_tokens(BmLayer *l, int inputs, BmShapeFault *fault)
{
	snprintf(fault->needs, sizeof(fault->needs), "rows of one dimension, no steps");
	l->out = (BmDims){(int) l->in[0].d[0], 1, {(size_t) l->spec.units}};
	return l->in[0].steps == 0 && l->in[0].rank == 1;
}

static int
params_tokens(const BmLayer *l, BmParam *out)
{
	size_t W = l->in[0].d[0], D = l->out.d[0];
	float bound = bmc_glorot(1, D);

	out[0] = (BmParam){"weight", 2, {W, D}, bound, 0.0f, false};
	out[1] = (BmParam){"bias", 2, {W, D}, bound, 0.0f, false};
	return 2;
}

BM_CLONES static void
forward_tokens(const BmLayerCall *c)
{
	size_t W = c->l->in[0].d[0], D = c->l->out.d[0];
	const float *b = c->w + W * D;
	float *y = c->y;

	for (size_t t = 0; t < c->rows; t++)
		for (size_t j = 0; j < W; j++, y += D)
			for (size_t d = 0; d < D; d++)
				y[d] = c->x[0][t * W + j] * c->w[j * D + d] + b[j * D + d];
}

static void
backward_tokens(const BmLayerCall *c)
{
	size_t W = c->l->in[0].d[0], D = c->l->out.d[0];
	const float *dy = c->dy;

	for (size_t t = 0; t < c->rows; t++)
		for (size_t j = 0; j < W; j++, dy += D)
		{
			if (c->dw)
			{
				bmc_axpy(c->dw + j * D, c->x[0][t * W + j], dy, D);
				bmc_axpy(c->dw + (W + j) * D, 1.0f, dy, D);
			}
			if (c->dx[0])
				c->dx[0][t * W + j] = bmc_dot(dy, c->w + j * D, D);
		}
}

const BmLayerType bmc_layer_tokens = {
	.name = "tokens",
	.options = "units",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_tokens,
	.params = params_tokens,
	.forward = forward_tokens,
	.backward = backward_tokens,
};
