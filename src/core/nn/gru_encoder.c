/*
 * gru_encoder.c
 *		GRU4Rec (Hidasi et al. 2016; history mode) as a history encoder: layers of gated recurrent units
 *		over a user's items, then a linear layer to the items' width and a layer norm.
 *
 * x = sqrt(D) * item;  x = gru(x) for each layer;  h = norm(x W + b). Rows are kept in the order of the
 * steps (recurrent.h) from the embedding to the norm. Dropout on the input and on every layer's states.
 */
#include <stdio.h>
#include <math.h>
#include <string.h>

#include "core/nn/gru.h"
#include "core/nn/next_item_state.h"
#include "core/nn/norm.h"

#define MAX_LAYERS 8

typedef struct Weights
{
	BmRecurrent layer[MAX_LAYERS]; /* inputs D, then F; states F */
	float *wo;                     /* (F,D) */
	float *bo;                     /* (D) */
	float *norm;                   /* (2,D) */
} Weights;

_Static_assert(sizeof(Weights) <= sizeof(BmWeights), "a weight has no place");

/* ---- sizes and storage ---- */

static const char *
shape(BmNetShape *s, const BmNextOptions *o)
{
	if (o->blocks < 1 || o->blocks > MAX_LAYERS)
		return "layers must be between 1 and 8";
	if (o->hidden < 0 || o->hidden > BM_NEXT_MAX_HIDDEN)
		return "hidden must be between 0 and 4096";
	s->blocks = (size_t) o->blocks;
	s->F = (size_t) (o->hidden > 0 ? o->hidden : o->dim);
	return NULL;
}

static int
tensors(BmNetTensor *out, BmWeights *weights, const BmNetShape *s)
{
	Weights *w = (Weights *) weights->at;
	size_t D = s->D, F = s->F, W = BM_GRU_GATES * F;
	float std = 1.0f / sqrtf((float) F);
	int n = 0;

	for (size_t i = 0; i < s->blocks; i++)
	{
		BmRecurrent *k = &w->layer[i];
		const BmNetTensor layer[] = {{"w", {i ? F : D, W}, 2, &k->W, std},
									 {"b", {W, 0}, 1, &k->b, 0.0f},
									 {"u", {F, W}, 2, &k->U, std},
									 {"c", {W, 0}, 1, &k->c, 0.0f}};

		for (size_t j = 0; j < sizeof(layer) / sizeof(layer[0]); j++, n++)
		{
			out[n] = layer[j];
			snprintf(out[n].name, sizeof(out[n].name), "layer%zu.%.20s", i, layer[j].name);
		}
	}
	out[n++] = (BmNetTensor){"wo", {F, D}, 2, &w->wo, std};
	out[n++] = (BmNetTensor){"bo", {D, 0}, 1, &w->bo, 0.0f};
	out[n++] = (BmNetTensor){"norm", {2, D}, 2, &w->norm, BM_INIT_NORM};
	return n;
}

static double
flops(const BmNetShape *s)
{
	double D = (double) s->D, F = (double) s->F, layers = (double) s->blocks;

	return 18.0 * F * (D + F + (layers - 1.0) * 2.0 * F) + 6.0 * D * F;
}

/* ---- one training pass ---- */

typedef struct Pass
{
	BmNetShape shape;
	size_t T;                /* tokens of room */
	void *order;             /* of steps */
	BmSteps steps;           /* of the forward pass */
	float *x;                /* (T,D) inputs */
	float *keep[MAX_LAYERS]; /* of the units */
	float *h[MAX_LAYERS];    /* (T,F) states */
	float *y[MAX_LAYERS];    /* (T,F) after dropout */
	float *out;              /* (T,D) before the norm */
	float *stat;             /* (2,T) mean, rstd */
	float *hidden;           /* (T,D) in the tokens' order, as are the gradients by it */
	float *dhidden;          /* (T,D) */
	float *d1, *d2;          /* (T, the wider of D and F) */
	float *scratch;
} Pass;

_Static_assert(sizeof(Pass) <= BM_MAX_PASS, "a pass has no place");

/* Carve the pass's arrays. */
static void
lay_out(void *pass, const BmNetShape *s, size_t T, BmArena *arena)
{
	Pass *p = pass;
	size_t f = sizeof(float), D = s->D, F = s->F, wide = D > F ? D : F;

	p->shape = *s;
	p->T = T;
	p->order = bmc_take(arena, bmc_steps_size(T), 1);
	p->x = bmc_take(arena, bmc_mul(T, D), f);
	for (size_t i = 0; i < s->blocks; i++)
	{
		p->keep[i] = bmc_take(arena, bmc_gru_keep(T, F), f);
		p->h[i] = bmc_take(arena, bmc_mul(T, F), f);
		p->y[i] = bmc_take(arena, bmc_mul(T, F), f);
	}
	p->out = bmc_take(arena, bmc_mul(T, D), f);
	p->stat = bmc_take(arena, bmc_mul(T, 2), f);
	p->hidden = bmc_take(arena, bmc_mul(T, D), f);
	p->dhidden = bmc_take(arena, bmc_mul(T, D), f);
	p->d1 = bmc_take(arena, bmc_mul(T, wide), f);
	p->d2 = bmc_take(arena, bmc_mul(T, wide), f);
	p->scratch = bmc_take(arena, bmc_recurrent_scratch(T, F, BM_GRU_GATES), f);
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

/* The dropout of site i: 0 is the input, layer l has site l + 1. */
static BmDropout
site(BmDropout drop, size_t i)
{
	drop.stream += i;
	return drop;
}

static const float *
forward(void *pass, const BmWeights *weights, const float *E, const BmRagged *r, BmDropout drop,
		BmGemm gemm)
{
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	const BmNetShape *s = &p->shape;
	size_t T = bmc_ragged_tokens(r), D = s->D, F = s->F;
	const float *x = p->x;

	p->steps = bmc_steps(r, p->order);
	bmc_embed_forward(p->d1, r, E, NULL, bmc_input_scale(s), D);
	bmc_steps_gather(p->x, p->d1, &p->steps, D);
	bmc_dropout(p->x, T * D, site(drop, 0));
	for (size_t i = 0; i < s->blocks; i++)
	{
		bmc_gru_forward(p->h[i], p->keep[i], x, &w->layer[i], &p->steps, i ? F : D, F, gemm);
		memcpy(p->y[i], p->h[i], T * F * sizeof(float));
		bmc_dropout(p->y[i], T * F, site(drop, i + 1));
		x = p->y[i];
	}
	bmc_linear_forward(p->out, D, x, w->wo, D, w->bo, T, F, D, gemm);
	bmc_norm_forward(p->d1, p->stat, p->stat + p->T, p->out, w->norm, T, D);
	bmc_steps_scatter(p->hidden, p->d1, &p->steps, D);
	return p->hidden;
}

static const float *
backward(void *pass, const BmWeights *weights, BmWeights *dweights, float *dE, const uint32_t *slot,
		 const BmRagged *r, BmDropout drop, BmGemm gemm)
{
	static const Weights none; /* all NULL: no gradients of weights */
	Pass *p = pass;
	const Weights *w = (const Weights *) weights->at;
	const Weights *d = dweights ? (const Weights *) dweights->at : &none;
	const BmNetShape *s = &p->shape;
	size_t T = p->steps.T, D = s->D, F = s->F;

	bmc_steps_gather(p->d1, p->dhidden, &p->steps, D);
	memset(p->d2, 0, T * D * sizeof(float));
	bmc_norm_backward(p->d2, d->norm, p->d1, p->out, w->norm, p->stat, p->stat + p->T, T, D);
	bmc_linear_backward(p->d1, d->wo, d->bo, p->d2, p->y[s->blocks - 1], w->wo, T, F, D, gemm);
	for (size_t i = s->blocks; i-- > 0;)
	{
		float *dy = p->d1;

		bmc_dropout(dy, T * F, site(drop, i + 1));
		bmc_gru_backward(p->d2, d->wo ? &d->layer[i] : NULL, dy, p->h[i], p->keep[i],
						 i ? p->y[i - 1] : p->x, &w->layer[i], &p->steps, i ? F : D, F, p->scratch,
						 gemm);
		p->d1 = p->d2;
		p->d2 = dy;
	}
	bmc_dropout(p->d1, T * D, site(drop, 0));
	bmc_steps_scatter(p->d2, p->d1, &p->steps, D);
	if (dweights)
		bmc_embed_backward(dE, NULL, p->d2, r, slot, bmc_input_scale(s), D);
	return p->d2;
}

const BmHistoryEncoder bmc_gru_encoder = {
	.chunk = 2048, /* the more sequences step together, the better */
	.shape = shape,
	.config = {offsetof(BmNextOptions, length), offsetof(BmNextOptions, blocks),
			   offsetof(BmNextOptions, hidden)},
	.tensors = tensors,
	.flops = flops,
	.pass_size = pass_size,
	.pass = pass,
	.forward = forward,
	.gradient = gradient,
	.backward = backward,
};

BM_NEXT_RECOMMENDER(bmc_gru, "gru", bmc_gru_encoder);
