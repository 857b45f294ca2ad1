/*
 * layer_attention.c
 *		Multi-head self-attention over steps (Vaswani et al. 2017), with its projections in and out;
 *		causal, or every step sees the whole window. Windows are packed, so there is nothing to mask
 *		between them. Where only the newest step's answer is read, there is one query to a window.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/num/vec.h"

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
	return bmc_mul(rows, (l->newest ? 5 : 4) * l->out.d[0] + heads_of(l));
}

/* Going back: gradients of the same but the log-sums; then what the kernel needs for one window. */
static size_t
scratch(const BmLayer *l, size_t rows)
{
	return bmc_add(bmc_mul(rows, (l->newest ? 5 : 4) * l->out.d[0]), bmc_attention_scratch(rows));
}

/* ---- the newest steps only ---- */

/* What is kept, in order: at most (T, 5D + H), for no window is empty. */
typedef struct Newest
{
	float *kv, *q, *o, *x, *p; /* (T,2D), (S,D) three times: x the rows that ask; (T*H) */
} Newest;

static Newest
newest_of(const BmLayerCall *c, size_t D)
{
	float *q = c->keep + c->rows * 2 * D, *o = q + c->out_rows * D, *x = o + c->out_rows * D;

	return (Newest){c->keep, q, o, x, x + c->out_rows * D};
}

static void
newest_forward(const BmLayerCall *c)
{
	size_t T = c->rows, S = c->out_rows, D = c->l->out.d[0], H = heads_of(c->l);
	const float *bqkv = c->w + 3 * D * D, *wo = bqkv + 3 * D, *bo = wo + D * D;
	Newest n = newest_of(c, D);

	bmc_linear_forward(n.kv, 2 * D, c->x[0], c->w + D, 3 * D, bqkv + D, T, D, 2 * D, c->gemm);
	bmc_newest_rows(n.x, c->x[0], c->r, D);
	bmc_linear_forward(n.q, D, n.x, c->w, 3 * D, bqkv, S, D, D, c->gemm);
	bmc_attention_last(n.o, n.p, n.q, n.kv, c->r, D, H, c->scratch);
	bmc_linear_forward(c->y, D, n.o, wo, D, bo, S, D, D, c->gemm);
}

static void
newest_backward(const BmLayerCall *c)
{
	size_t T = c->rows, S = c->out_rows, D = c->l->out.d[0], H = heads_of(c->l);
	size_t bqkv = 3 * D * D, wo = bqkv + 3 * D, bo = wo + D * D;
	Newest n = newest_of(c, D);
	float *dkv = c->scratch, *dq = dkv + T * 2 * D, *dout = dq + S * D, *dx = dout + S * D;

	bmc_linear_backward(dout, c->dw ? c->dw + wo : NULL, c->dw ? c->dw + bo : NULL, c->dy, n.o,
						c->w + wo, S, D, D, c->gemm);
	bmc_attention_last_backward(dq, dkv, dout, n.p, n.q, n.kv, c->r, D, H, dx + S * D);
	if (c->dw)
	{
		c->gemm(true, false, D, 2 * D, T, 1.0f, c->x[0], D, dkv, 2 * D, 1.0f, c->dw + D, 3 * D);
		c->gemm(true, false, D, D, S, 1.0f, n.x, D, dq, D, 1.0f, c->dw, 3 * D);
		bmc_column_sums(c->dw + bqkv, dq, S, D);
		bmc_column_sums(c->dw + bqkv + D, dkv, T, 2 * D);
	}
	if (c->dx[0] == NULL)
		return;
	c->gemm(false, true, T, D, 2 * D, 1.0f, dkv, 2 * D, c->w + D, 3 * D, 0.0f, c->dx[0], D);
	c->gemm(false, true, S, D, D, 1.0f, dq, D, c->w, 3 * D, 0.0f, dx, D);
	for (size_t s = 0; s < S; s++)
		bmc_axpy(c->dx[0] + bmc_ragged_newest(c->r, s) * D, 1.0f, dx + s * D, D);
}

/* ---- all steps ---- */

static void
forward(const BmLayerCall *c)
{
	size_t T = c->rows, D = c->l->out.d[0], H = heads_of(c->l);
	const float *bqkv = c->w + 3 * D * D, *wo = bqkv + 3 * D, *bo = wo + D * D;
	float *qkv = c->keep, *o = qkv + T * 3 * D, *lse = o + T * D;

	if (c->l->newest)
	{
		newest_forward(c);
		return;
	}
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

	if (c->l->newest)
	{
		newest_backward(c);
		return;
	}
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

	if (l->newest)
		return 4.0 * D * D + 4.0 * D;
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
	.can_newest = true,
	.flops = flops,
};
