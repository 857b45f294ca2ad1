/*
 * nextitnet_encoder.c
 *		NextItNet (Yuan, Karatzoglou, Arapakis, Jose, He 2019) as a history encoder: residual blocks of
 *		two causal convolutions over time, the dilation doubling from one to the next.
 *
 * x = sqrt(D) * item;  u = relu(norm(conv(x)));  x += relu(norm(conv(u))) for each block;  h = norm(x).
 */
#include <stdio.h>
#include <math.h>
#include <string.h>

#include "core/nn/conv1d.h"
#include "core/nn/next_item_state.h"
#include "core/nn/norm.h"
#include "core/num/vec.h"

#define MAX_BLOCKS 8
#define MAX_KERNEL 16

/* One convolution with the norm after it. */
typedef struct Layer
{
	float *w;    /* (KD,D) */
	float *b;    /* (D) */
	float *norm; /* (2,D) */
} Layer;

typedef struct Weights
{
	Layer layer[2 * MAX_BLOCKS];
	float *norm; /* (2,D), the last norm */
} Weights;

_Static_assert(sizeof(Weights) <= sizeof(BmWeights), "a weight has no place");

/* ---- sizes and storage ---- */

static const char *
shape(BmNetShape *s, const BmNextOptions *o)
{
	if (o->blocks < 1 || o->blocks > MAX_BLOCKS)
		return "blocks must be between 1 and 8";
	if (o->kernel < 2 || o->kernel > MAX_KERNEL)
		return "kernel must be between 2 and 16";
	s->blocks = (size_t) o->blocks;
	s->K = (size_t) o->kernel;
	return NULL;
}

static int
tensors(BmNetTensor *out, BmWeights *weights, const BmNetShape *s)
{
	Weights *w = (Weights *) weights->at;
	size_t D = s->D, fan = s->K * D;
	int n = 0;

	for (size_t i = 0; i < 2 * s->blocks; i++)
	{
		Layer *k = &w->layer[i];
		const BmNetTensor layer[] = {{"w", {fan, D}, 2, &k->w, sqrtf(2.0f / (float) fan)},
									 {"b", {D, 0}, 1, &k->b, 0.0f},
									 {"norm", {2, D}, 2, &k->norm, BM_INIT_NORM}};

		for (size_t j = 0; j < sizeof(layer) / sizeof(layer[0]); j++, n++)
		{
			out[n] = layer[j];
			snprintf(out[n].name, sizeof(out[n].name), "conv%zu.%.20s", i, layer[j].name);
		}
	}
	out[n++] = (BmNetTensor){"norm", {2, D}, 2, &w->norm, BM_INIT_NORM};
	return n;
}

static double
flops(const BmNetShape *s)
{
	return 12.0 * (double) s->blocks * (double) (s->K * s->D * s->D);
}

/* ---- one training pass ---- */

/* What the backward pass needs of one convolution. */
typedef struct LayerState
{
	float *col;  /* (T,KD) its inputs side by side */
	float *conv; /* (T,D) before the norm */
	float *stat; /* (2,T) mean, rstd */
	float *y;    /* (T,D) after ReLU (and dropout, at a block's end) */
} LayerState;

typedef struct Pass
{
	BmNetShape shape;
	size_t T; /* tokens of room */
	LayerState layer[2 * MAX_BLOCKS];
	float *x;       /* (T,D) the stream */
	float *stat;    /* (2,T) of the last norm */
	float *hidden;  /* (T,D) */
	float *dhidden; /* (T,D) */
	float *dx;      /* (T,D) of the stream */
	float *dy, *dz; /* (T,D) */
} Pass;

_Static_assert(sizeof(Pass) <= BM_MAX_PASS, "a pass has no place");

static void
lay_out(void *pass, const BmNetShape *s, size_t T, BmArena *arena)
{
	Pass *p = pass;
	size_t f = sizeof(float), TD = bmc_mul(T, s->D);

	p->shape = *s;
	p->T = T;
	for (size_t i = 0; i < 2 * s->blocks; i++)
	{
		LayerState *k = &p->layer[i];

		k->col = bmc_take(arena, bmc_mul(TD, s->K), f);
		k->conv = bmc_take(arena, TD, f);
		k->stat = bmc_take(arena, bmc_mul(T, 2), f);
		k->y = bmc_take(arena, TD, f);
	}
	p->x = bmc_take(arena, TD, f);
	p->stat = bmc_take(arena, bmc_mul(T, 2), f);
	p->hidden = bmc_take(arena, TD, f);
	p->dhidden = bmc_take(arena, TD, f);
	p->dx = bmc_take(arena, TD, f);
	p->dy = bmc_take(arena, TD, f);
	p->dz = bmc_take(arena, TD, f);
}

static size_t
pass_size(const BmNetShape *s, size_t T)
{
	return bmc_pass_size(sizeof(Pass), lay_out, s, T);
}

static void *
pass(const BmNetShape *s, size_t T, void *memory)
{
	return bmc_pass(sizeof(Pass), lay_out, s, T, memory);
}

static float *
gradient(void *pass)
{
	return ((Pass *) pass)->dhidden;
}

/* The dropout at the end of a block; the input has site 0, and layers within a block none. */
static BmDropout
site(BmDropout drop, size_t layer)
{
	drop.stream += layer + 1;
	drop.p = layer % 2 ? drop.p : 0.0f;
	return drop;
}

static BmConv1d
conv_of(const BmNetShape *s, size_t layer)
{
	return bmc_conv1d_causal(s->K, (size_t) 1 << layer);
}

static const float *
forward(void *pass, const BmWeights *weights, const float *E, const BmRagged *r, BmDropout drop,
		BmGemm gemm)
{
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	size_t T = bmc_ragged_tokens(r), D = p->shape.D, layers = 2 * p->shape.blocks;

	bmc_embed_forward(p->x, r, E, NULL, bmc_input_scale(&p->shape), D);
	bmc_dropout(p->x, T * D, drop);
	for (size_t i = 0; i < layers; i++)
	{
		LayerState *k = &p->layer[i];
		const Layer *l = &w->layer[i];
		BmConv1d c = conv_of(&p->shape, i);

		bmc_conv1d_forward(k->conv, k->col, i % 2 ? p->layer[i - 1].y : p->x, l->w, l->b, &c, r, D,
						   D, gemm);
		bmc_norm_forward(k->y, k->stat, k->stat + p->T, k->conv, l->norm, T, D);
		bmc_relu_forward(k->y, T * D, site(drop, i));
		if (i % 2)
			bmc_axpy(p->x, 1.0f, k->y, T * D);
	}
	bmc_norm_forward(p->hidden, p->stat, p->stat + p->T, p->x, w->norm, T, D);
	return p->hidden;
}

/* dy (T,D): in, the gradient by the layer's result; out, by its input. */
static void
layer_backward(Pass *p, size_t i, const Layer *l, const Layer *d, const BmRagged *r, size_t T,
			   BmDropout drop, BmGemm gemm)
{
	LayerState *k = &p->layer[i];
	size_t D = p->shape.D;
	BmConv1d c = conv_of(&p->shape, i);

	bmc_relu_backward(p->dy, k->y, T * D, site(drop, i).p);
	memset(p->dz, 0, T * D * sizeof(float));
	bmc_norm_backward(p->dz, d->norm, p->dy, k->conv, l->norm, k->stat, k->stat + p->T, T, D);
	bmc_conv1d_backward(p->dy, d->w, d->b, p->dz, k->col, l->w, &c, r, D, D, gemm);
}

static const float *
backward(void *pass, const BmWeights *weights, BmWeights *dweights, float *dE, const uint32_t *slot,
		 const BmRagged *r, BmDropout drop, BmGemm gemm)
{
	static const Weights none; /* all NULL: no gradients of weights */
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	const Weights *d = dweights ? (const Weights *) dweights->at : &none;
	size_t T = bmc_ragged_tokens(r), D = p->shape.D;

	memset(p->dx, 0, T * D * sizeof(float));
	bmc_norm_backward(p->dx, d->norm, p->dhidden, p->x, w->norm, p->stat, p->stat + p->T, T, D);
	for (size_t b = p->shape.blocks; b-- > 0;)
	{
		memcpy(p->dy, p->dx, T * D * sizeof(float));
		layer_backward(p, 2 * b + 1, &w->layer[2 * b + 1], &d->layer[2 * b + 1], r, T, drop, gemm);
		layer_backward(p, 2 * b, &w->layer[2 * b], &d->layer[2 * b], r, T, drop, gemm);
		bmc_axpy(p->dx, 1.0f, p->dy, T * D);
	}
	bmc_dropout(p->dx, T * D, drop);
	if (dweights)
		bmc_embed_backward(dE, NULL, p->dx, r, slot, bmc_input_scale(&p->shape), D);
	return p->dx;
}

const BmHistoryEncoder bmc_nextitnet_encoder = {
	.chunk = 1024,
	.shape = shape,
	.config = {offsetof(BmNextOptions, length), offsetof(BmNextOptions, blocks),
			   offsetof(BmNextOptions, kernel)},
	.tensors = tensors,
	.flops = flops,
	.pass_size = pass_size,
	.pass = pass,
	.forward = forward,
	.gradient = gradient,
	.backward = backward,
};

BM_NEXT_RECOMMENDER(bmc_nextitnet, "nextitnet", bmc_nextitnet_encoder);
