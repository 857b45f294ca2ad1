/*
 * layer_join.c
 *		Layers without parameters that change or join shapes: add (residual connections, He et al. 2016),
 *		concat, flatten, map.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/num/vec.h"

static bool
same_dims(const BmDims *a, const BmDims *b)
{
	bool same = a->steps == b->steps && a->rank == b->rank;

	for (int i = 0; same && i < a->rank; i++)
		same = a->d[i] == b->d[i];
	return same;
}

/* ---- add ---- */

static bool
shape_add(BmLayer *l, int inputs, BmShapeFault *fault)
{
	char other[48];

	bmc_dims_text(other, sizeof(other), &l->in[1]);
	snprintf(fault->needs, sizeof(fault->needs), "the shape of what it is added to, %s", other);
	l->out = l->in[0];
	return same_dims(&l->in[0], &l->in[1]);
}

static void
forward_add(const BmLayerCall *c)
{
	size_t n = c->rows * bmc_dims_count(&c->l->out);

	memcpy(c->y, c->x[0], n * sizeof(float));
	bmc_axpy(c->y, 1.0f, c->x[1], n);
}

static void
backward_add(const BmLayerCall *c)
{
	size_t n = c->rows * bmc_dims_count(&c->l->out);

	for (int k = 0; k < 2; k++)
		if (c->dx[k])
			memcpy(c->dx[k], c->dy, n * sizeof(float));
}

const BmLayerType bmc_layer_add = {
	.name = "add",
	.options = "",
	.min_inputs = 2,
	.max_inputs = 2,
	.shape = shape_add,
	.forward = forward_add,
	.backward = backward_add,
	.row_wise = true,
};

/* ---- concat: channels side by side ---- */

static bool
shape_concat(BmLayer *l, int inputs, BmShapeFault *fault)
{
	snprintf(fault->needs, sizeof(fault->needs),
			 "inputs that differ in their channels (the last dimension) only");
	l->out = l->in[0];
	for (int k = 1; k < inputs; k++)
	{
		BmDims other = l->in[k];

		l->out.d[l->out.rank - 1] += bmc_dims_width(&other);
		if (other.rank != l->in[0].rank)
			return false;
		other.d[other.rank - 1] = l->in[0].d[other.rank - 1];
		if (!same_dims(&other, &l->in[0]))
			return false;
	}
	return true;
}

/* Rows of channels of the answer, and the first channel of input k. */
static size_t
parts(const BmLayerCall *c, int k, size_t *first)
{
	*first = 0;
	for (int i = 0; i < k; i++)
		*first += bmc_dims_width(&c->l->in[i]);
	return c->rows * bmc_dims_count(&c->l->out) / bmc_dims_width(&c->l->out);
}

static void
forward_concat(const BmLayerCall *c)
{
	size_t W = bmc_dims_width(&c->l->out), first;

	for (int k = 0; k < c->l->spec.inputs; k++)
	{
		size_t n = parts(c, k, &first), part = bmc_dims_width(&c->l->in[k]);

		for (size_t t = 0; t < n; t++)
			memcpy(c->y + t * W + first, c->x[k] + t * part, part * sizeof(float));
	}
}

static void
backward_concat(const BmLayerCall *c)
{
	size_t W = bmc_dims_width(&c->l->out), first;

	for (int k = 0; k < c->l->spec.inputs; k++)
	{
		size_t n = parts(c, k, &first), part = bmc_dims_width(&c->l->in[k]);

		for (size_t t = 0; c->dx[k] && t < n; t++)
			memcpy(c->dx[k] + t * part, c->dy + t * W + first, part * sizeof(float));
	}
}

const BmLayerType bmc_layer_concat = {
	.name = "concat",
	.options = "",
	.min_inputs = 2,
	.max_inputs = BM_LAYER_INPUTS,
	.shape = shape_concat,
	.forward = forward_concat,
	.backward = backward_concat,
	.row_wise = true,
};

/* ---- flatten ---- */

/* Packed steps are flat already: of a fixed number they become one row. */
static bool
shape_flatten(BmLayer *l, int inputs, BmShapeFault *fault)
{
	const BmDims *in = &l->in[0];
	size_t steps = in->steps > 0 ? (size_t) in->steps : 1;

	snprintf(fault->needs, sizeof(fault->needs),
			 "a fixed number of steps; put \"last\" or a global pool here");
	l->out = (BmDims){0, 1, {steps * bmc_dims_count(in)}};
	return in->steps != BM_LAYER_WINDOW;
}

static void
forward_copy(const BmLayerCall *c)
{
	if (c->y != c->x[0])
		memcpy(c->y, c->x[0], c->rows * bmc_dims_count(&c->l->in[0]) * sizeof(float));
}

static void
backward_copy(const BmLayerCall *c)
{
	if (c->dx[0] && c->dx[0] != c->dy)
		memcpy(c->dx[0], c->dy, c->rows * bmc_dims_count(&c->l->in[0]) * sizeof(float));
}

const BmLayerType bmc_layer_flatten = {
	.name = "flatten",
	.options = "",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_flatten,
	.forward = forward_copy,
	.backward = backward_copy,
	.inplace = true,
};

/* ---- map: a row becomes a map of one channel, zeros at its end ---- */

/* size, or the smallest square that holds the row. */
static bool
shape_map(BmLayer *l, int inputs, BmShapeFault *fault)
{
	size_t W = l->in[0].d[0], side = 1;
	size_t h = (size_t) l->spec.size[0], w = (size_t) l->spec.size[1];

	while (side * side < W)
		side++;
	h = h ? h : side;
	w = w ? w : side;
	snprintf(fault->needs, sizeof(fault->needs),
			 "rows of one dimension, at most %zu wide, no steps", h * w);
	l->out = (BmDims){0, 3, {h, w, 1}};
	return l->in[0].rank == 1 && l->in[0].steps == 0 && W <= h * w;
}

static void
forward_map(const BmLayerCall *c)
{
	size_t W = c->l->in[0].d[0], n = bmc_dims_count(&c->l->out);

	for (size_t t = 0; t < c->rows; t++)
	{
		memcpy(c->y + t * n, c->x[0] + t * W, W * sizeof(float));
		memset(c->y + t * n + W, 0, (n - W) * sizeof(float));
	}
}

static void
backward_map(const BmLayerCall *c)
{
	size_t W = c->l->in[0].d[0], n = bmc_dims_count(&c->l->out);

	for (size_t t = 0; c->dx[0] && t < c->rows; t++)
		memcpy(c->dx[0] + t * W, c->dy + t * n, W * sizeof(float));
}

const BmLayerType bmc_layer_map = {
	.name = "map",
	.options = "size",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape_map,
	.forward = forward_map,
	.backward = backward_map,
};
