/*
 * layer_attention.c
 *		Multi-head self-attention over steps (Vaswani et al. 2017), with its projections in and out;
 *		causal, or every step sees the whole window. Windows are packed, so there is nothing to mask
 *		between them.
 */
#include <stdio.h>

#include "core/nn/layers.h"

static size_t
heads_of(const BmLayer *l)
{
	return l->spec.heads > 0 ? (size_t) l->spec.heads : 1;
}

static bool
shape(BmLayer *l, int inputs, BmShapeFault *fault)
{
	const BmDims *in = &l->in[0];

	snprintf(fault->needs, sizeof(fault->needs),
			 "steps of one dimension, a multiple of its %zu heads", heads_of(l));
	l->out = *in;
	return in->steps && in->rank == 1 && in->d[0] % heads_of(l) == 0;
}

static int
params(const BmLayer *l, BmParam *out)
{
	size_t D = l->out.d[0];
	float bound = bmc_glorot(D, D);

	out[0] = (BmParam){"wqkv", 2, {D, 3 * D}, bound, 0.0f, false};
	out[1] = (BmParam){"bqkv", 1, {3 * D}, 0.0f, 0.0f, false};
	out[2] = (BmParam){"wo", 2, {D, D}, bound, 0.0f, false};
	out[3] = (BmParam){"bo", 1, {D}, 0.0f, 0.0f, false};
	return 4;
}

/* Kept: queries, keys and values (T,3D), what was attended (T,D), log-sums (T,H). */
static size_t
keep(const BmLayer *l, size_t rows)
{
	return bmc_mul(rows, 4 * l->out.d[0] + heads_of(l));
}

/* Going back: gradients of the same but the log-sums; then what the kernel needs for one window. */
static size_t
scratch(const BmLayer *l, size_t rows)
{
	return bmc_add(bmc_mul(rows, 4 * l->out.d[0]), bmc_attention_scratch(rows));
}

static void
forward(const BmLayerCall *c)
{
	size_t T = c->rows, D = c->l->out.d[0], H = heads_of(c->l);
	const float *bqkv = c->w + 3 * D * D, *wo = bqkv + 3 * D, *bo = wo + D * D;
	float *qkv = c->keep, *o = qkv + T * 3 * D, *lse = o + T * D;

	bmc_linear_forward(qkv, 3 * D, c->x[0], c->w, 3 * D, bqkv, T, D, 3 * D, c->gemm);
	(c->l->spec.causal ? bmc_attention_forward
					   : bmc_attention_full_forward)(o, lse, qkv, c->r, D, H, c->scratch, c->gemm);
	bmc_linear_forward(c->y, D, o, wo, D, bo, T, D, D, c->gemm);
}

static void
backward(const BmLayerCall *c)
{
	size_t T = c->rows, D = c->l->out.d[0], H = heads_of(c->l);
	size_t bqkv = 3 * D * D, wo = bqkv + 3 * D, bo = wo + D * D;
	float *qkv = c->keep, *o = qkv + T * 3 * D, *lse = o + T * D;
	float *dqkv = c->scratch, *dout = dqkv + T * 3 * D, *rest = dout + T * D;

	bmc_linear_backward(dout, c->dw ? c->dw + wo : NULL, c->dw ? c->dw + bo : NULL, c->dy, o,
						c->w + wo, T, D, D, c->gemm);
	(c->l->spec.causal ? bmc_attention_backward : bmc_attention_full_backward)(
		dqkv, dout, qkv, o, lse, c->r, D, H, rest, c->gemm);
	if (c->dw)
		bmc_linear_gradients(c->dw, c->dw + bqkv, dqkv, c->x[0], T, D, 3 * D, c->gemm);
	if (c->dx[0])
		bmc_linear_backward(c->dx[0], NULL, NULL, dqkv, NULL, c->w, T, D, 3 * D, c->gemm);
}

static double
flops(const BmLayer *l)
{
	double D = (double) l->out.d[0];

	return 8.0 * D * D + 4.0 * D * (l->in[0].steps > 0 ? (double) l->in[0].steps : 50.0);
}

const BmLayerType bmc_layer_attention = {
	.name = "attention",
	.options = "heads causal",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = shape,
	.params = params,
	.keep = keep,
	.scratch = scratch,
	.forward = forward,
	.backward = backward,
	.flops = flops,
};
