/*
 * net.c
 *		SASRec's Transformer (Kang and McAuley 2018) on packed sequences: pre-norm blocks of causal
 *		attention and a ReLU feed-forward, residuals around both, a last layer norm.
 *
 * x = sqrt(D) * item + position;  x += attention(norm(x));  x += feed-forward(norm(x));  h = norm(x).
 * Every position's state predicts the next item.
 */
#include <math.h>
#include <string.h>

#include "core/nn/net.h"
#include "core/nn/norm.h"
#include "core/num/vec.h"

/* ---- weights ---- */

static float *
carve(float **at, size_t n)
{
	float *p = *at;

	*at += n;
	return p;
}

BmNetWeights
bmc_net_weights(const BmNetShape *s, float *base)
{
	BmNetWeights w;
	float *at = base;

	memset(&w, 0, sizeof(w));
	w.position = carve(&at, s->L * s->D);
	w.norm = carve(&at, 2 * s->D);
	for (size_t b = 0; b < s->blocks; b++)
	{
		BmNetBlock *k = &w.block[b];

		k->norm1 = carve(&at, 2 * s->D);
		k->wqkv = carve(&at, 3 * s->D * s->D);
		k->bqkv = carve(&at, 3 * s->D);
		k->wo = carve(&at, s->D * s->D);
		k->bo = carve(&at, s->D);
		k->norm2 = carve(&at, 2 * s->D);
		k->w1 = carve(&at, s->D * s->F);
		k->b1 = carve(&at, s->F);
		k->w2 = carve(&at, s->F * s->D);
		k->b2 = carve(&at, s->D);
	}
	return w;
}

size_t
bmc_net_count(const BmNetShape *s)
{
	size_t block = 4 * s->D * s->D + 2 * s->D * s->F + 9 * s->D + s->F;

	return bmc_add(bmc_mul(s->L, s->D), 2 * s->D + s->blocks * block);
}

/* ---- one training pass ---- */

/* What the backward pass needs of one block. */
typedef struct BlockState
{
	float *x;     /* (T,D) the block's input */
	float *norm1; /* (T,D) */
	float *stat1; /* (2,T) mean, rstd */
	float *qkv;   /* (T,3D) */
	float *att;   /* (T,D) attention's result before wo */
	float *lse;   /* (T,H) */
	float *mid;   /* (T,D) after the first residual */
	float *norm2; /* (T,D) */
	float *stat2; /* (2,T) */
	float *ff;    /* (T,F) after ReLU and dropout */
} BlockState;

struct BmNetPass
{
	BmNetShape shape;
	size_t T; /* tokens of room */
	BlockState block[BM_NET_MAX_BLOCKS];
	float *x;       /* (T,D) after the last block */
	float *stat;    /* (2,T) */
	float *hidden;  /* (T,D) */
	float *dhidden; /* (T,D) */
	float *dx;      /* (T,D) */
	float *dy;      /* (T,D) */
	float *dz;      /* (T,D) */
	float *dqkv;    /* (T,3D) */
	float *dff;     /* (T,F) */
	float *scratch; /* attention's */
};

/* Carve the arrays; their sizes are added up in bmc_net_pass_size. */
static void
lay_out(BmNetPass *p, const BmNetShape *s, size_t T, BmArena *arena)
{
	size_t f = sizeof(float), D = s->D;

	p->shape = *s;
	p->T = T;
	for (size_t b = 0; b < s->blocks; b++)
	{
		BlockState *k = &p->block[b];

		k->x = bmc_take(arena, T * D, f);
		k->norm1 = bmc_take(arena, T * D, f);
		k->stat1 = bmc_take(arena, T * 2, f);
		k->qkv = bmc_take(arena, T * 3 * D, f);
		k->att = bmc_take(arena, T * D, f);
		k->lse = bmc_take(arena, T * s->H, f);
		k->mid = bmc_take(arena, T * D, f);
		k->norm2 = bmc_take(arena, T * D, f);
		k->stat2 = bmc_take(arena, T * 2, f);
		k->ff = bmc_take(arena, T * s->F, f);
	}
	p->x = bmc_take(arena, T * D, f);
	p->stat = bmc_take(arena, T * 2, f);
	p->hidden = bmc_take(arena, T * D, f);
	p->dhidden = bmc_take(arena, T * D, f);
	p->dx = bmc_take(arena, T * D, f);
	p->dy = bmc_take(arena, T * D, f);
	p->dz = bmc_take(arena, T * D, f);
	p->dqkv = bmc_take(arena, T * 3 * D, f);
	p->dff = bmc_take(arena, T * s->F, f);
	p->scratch = bmc_take(arena, bmc_attention_scratch(s->L), f);
}

size_t
bmc_net_pass_size(const BmNetShape *s, size_t T)
{
	size_t f = sizeof(float), width = bmc_take_size(bmc_mul(T, s->D), f);
	size_t stat = bmc_take_size(bmc_mul(T, 2), f), wide = bmc_take_size(bmc_mul(T, 3 * s->D), f);
	size_t ff = bmc_take_size(bmc_mul(T, s->F), f);
	size_t block = bmc_add(bmc_mul(5, width), bmc_add(bmc_mul(2, stat), bmc_add(wide, ff)));
	size_t total = bmc_take_size(1, sizeof(BmNetPass));

	block = bmc_add(block, bmc_take_size(bmc_mul(T, s->H), f));
	total = bmc_add(total, bmc_mul(s->blocks, block));
	total = bmc_add(total, bmc_add(bmc_mul(6, width), bmc_add(stat, bmc_add(wide, ff))));
	return bmc_add(total, bmc_take_size(bmc_attention_scratch(s->L), f));
}

BmNetPass *
bmc_net_pass(const BmNetShape *s, size_t T, void *memory)
{
	BmArena arena = {memory, bmc_net_pass_size(s, T), 0};
	BmNetPass *p = bmc_take(&arena, 1, sizeof(BmNetPass));

	lay_out(p, s, T, &arena);
	return p;
}

float *
bmc_net_gradient(BmNetPass *p)
{
	return p->dhidden;
}

/* The dropout of site i; site 0 is the input, block b has sites 3b+1 .. 3b+3. */
static BmDropout
site(BmDropout drop, size_t i)
{
	drop.stream += i;
	return drop;
}

static void
block_forward(BmNetPass *p, size_t b, float *out, const BmNetBlock *w, const BmRagged *r, size_t T,
			  BmDropout drop, BmGemm gemm)
{
	const BmNetShape *s = &p->shape;
	BlockState *k = &p->block[b];
	size_t D = s->D, F = s->F;

	bmc_norm_forward(k->norm1, k->stat1, k->stat1 + p->T, k->x, w->norm1, T, D);
	bmc_linear_forward(k->qkv, 3 * D, k->norm1, w->wqkv, 3 * D, w->bqkv, T, D, 3 * D, gemm);
	bmc_attention_forward(k->att, k->lse, k->qkv, r, D, s->H, p->scratch, gemm);
	bmc_linear_forward(p->dy, D, k->att, w->wo, D, w->bo, T, D, D, gemm);
	memcpy(k->mid, k->x, T * D * sizeof(float));
	bmc_residual(k->mid, p->dy, T * D, site(drop, 3 * b + 1));

	bmc_norm_forward(k->norm2, k->stat2, k->stat2 + p->T, k->mid, w->norm2, T, D);
	bmc_linear_forward(k->ff, F, k->norm2, w->w1, F, w->b1, T, D, F, gemm);
	bmc_relu_forward(k->ff, T * F, site(drop, 3 * b + 2));
	bmc_linear_forward(p->dy, D, k->ff, w->w2, D, w->b2, T, F, D, gemm);
	memcpy(out, k->mid, T * D * sizeof(float));
	bmc_residual(out, p->dy, T * D, site(drop, 3 * b + 3));
}

const float *
bmc_net_forward(BmNetPass *p, const BmNetWeights *w, const float *E, const BmRagged *r,
				BmDropout drop, BmGemm gemm)
{
	const BmNetShape *s = &p->shape;
	size_t T = bmc_ragged_tokens(r), D = s->D;
	float *x = s->blocks ? p->block[0].x : p->x;

	bmc_embed_forward(x, r, E, w->position, sqrtf((float) D), D);
	bmc_dropout(x, T * D, site(drop, 0));
	for (size_t b = 0; b < s->blocks; b++)
	{
		float *out = b + 1 < s->blocks ? p->block[b + 1].x : p->x;

		block_forward(p, b, out, &w->block[b], r, T, drop, gemm);
	}
	bmc_norm_forward(p->hidden, p->stat, p->stat + p->T, p->x, w->norm, T, D);
	return p->hidden;
}

/* dx (T,D): in, the gradient of the block's output; out, of its input. */
static void
block_backward(BmNetPass *p, size_t b, const BmNetBlock *w, BmNetBlock *dw, const BmRagged *r,
			   size_t T, BmDropout drop, BmGemm gemm)
{
	static const BmNetBlock none; /* all NULL: no gradients of parameters */
	const BmNetShape *s = &p->shape;
	const BmNetBlock *d = dw ? dw : &none;
	BlockState *k = &p->block[b];
	size_t D = s->D, F = s->F;

	memcpy(p->dy, p->dx, T * D * sizeof(float));
	bmc_dropout(p->dy, T * D, site(drop, 3 * b + 3));
	bmc_linear_backward(p->dff, d->w2, d->b2, p->dy, k->ff, w->w2, T, F, D, gemm);
	bmc_relu_backward(p->dff, k->ff, T * F, drop.p);
	bmc_linear_backward(p->dz, d->w1, d->b1, p->dff, k->norm2, w->w1, T, D, F, gemm);
	bmc_norm_backward(p->dx, d->norm2, p->dz, k->mid, w->norm2, k->stat2, k->stat2 + p->T, T, D);

	memcpy(p->dy, p->dx, T * D * sizeof(float));
	bmc_dropout(p->dy, T * D, site(drop, 3 * b + 1));
	bmc_linear_backward(p->dz, d->wo, d->bo, p->dy, k->att, w->wo, T, D, D, gemm);
	bmc_attention_backward(p->dqkv, p->dz, k->qkv, k->att, k->lse, r, D, s->H, p->scratch, gemm);
	bmc_linear_backward(p->dz, d->wqkv, d->bqkv, p->dqkv, k->norm1, w->wqkv, T, D, 3 * D, gemm);
	bmc_norm_backward(p->dx, d->norm1, p->dz, k->x, w->norm1, k->stat1, k->stat1 + p->T, T, D);
}

const float *
bmc_net_backward(BmNetPass *p, const BmNetWeights *w, BmNetWeights *dw, float *dE,
				 const uint32_t *slot, const BmRagged *r, BmDropout drop, BmGemm gemm)
{
	const BmNetShape *s = &p->shape;
	size_t T = bmc_ragged_tokens(r), D = s->D;

	memset(p->dx, 0, T * D * sizeof(float));
	bmc_norm_backward(p->dx, dw ? dw->norm : NULL, p->dhidden, p->x, w->norm, p->stat,
					  p->stat + p->T, T, D);
	for (size_t b = s->blocks; b-- > 0;)
		block_backward(p, b, &w->block[b], dw ? &dw->block[b] : NULL, r, T, drop, gemm);
	bmc_dropout(p->dx, T * D, site(drop, 0));
	if (dw)
		bmc_embed_backward(dE, dw->position, p->dx, r, slot, sqrtf((float) D), D);
	return p->dx;
}
