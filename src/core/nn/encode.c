/*
 * encode.c
 *		The forward pass of serving and evaluation: each history's last hidden state, no dropout,
 *		nothing kept for a backward pass; and what each token adds to it.
 *
 * The last block needs keys and values of all tokens but queries, and all that follows, of the last
 * token only, which nearly halves the work of a two-block network.
 */
#include <math.h>
#include <string.h>

#include "core/nn/net.h"
#include "core/nn/norm.h"
#include "core/num/vec.h"

typedef struct Room
{
	float *x;    /* (T,D) */
	float *norm; /* (T,D) */
	float *qkv;  /* (T,3D); the last block: keys and values (T,2D) */
	float *att;  /* (T,D) */
	float *ff;   /* (T,F) */
	float *last; /* (3,S,D) last tokens: x, query, attention */
	float *scratch;
} Room;

size_t
bmc_net_encode_size(const BmNetShape *s, size_t T, size_t S)
{
	size_t f = sizeof(float), width = bmc_take_size(bmc_mul(T, s->D), f);
	size_t rows = T > S ? T : S; /* the feed-forward also runs over the last tokens */
	size_t total = bmc_mul(3, width);

	total = bmc_add(total, bmc_take_size(bmc_mul(T, 3 * s->D), f));
	total = bmc_add(total, bmc_take_size(bmc_mul(rows, s->F), f));
	total = bmc_add(total, bmc_take_size(bmc_mul(bmc_mul(S, 3), s->D), f));
	return bmc_add(total, bmc_take_size(bmc_attention_scratch(s->L), f));
}

static Room
lay_out(const BmNetShape *s, size_t T, size_t S, void *scratch)
{
	BmArena arena = {scratch, bmc_net_encode_size(s, T, S), 0};
	size_t f = sizeof(float);
	Room m;

	m.x = bmc_take(&arena, T * s->D, f);
	m.norm = bmc_take(&arena, T * s->D, f);
	m.att = bmc_take(&arena, T * s->D, f);
	m.qkv = bmc_take(&arena, T * 3 * s->D, f);
	m.ff = bmc_take(&arena, (T > S ? T : S) * s->F, f);
	m.last = bmc_take(&arena, 3 * S * s->D, f);
	m.scratch = bmc_take(&arena, bmc_attention_scratch(s->L), f);
	return m;
}

static const BmDropout no_drop; /* p = 0 */

/* x (T,D) += feed-forward(norm(x)); norm (T,D) and ff (T,F) are overwritten. */
static void
feed_forward(float *x, float *norm, float *ff, const BmNetShape *s, const BmNetBlock *w, size_t T,
			 BmGemm gemm)
{
	size_t D = s->D, F = s->F;

	bmc_norm_forward(norm, NULL, NULL, x, w->norm2, T, D);
	bmc_linear_forward(ff, F, norm, w->w1, F, w->b1, T, D, F, gemm);
	bmc_relu_forward(ff, T * F, no_drop);
	bmc_linear_forward(norm, D, ff, w->w2, D, w->b2, T, F, D, gemm);
	bmc_axpy(x, 1.0f, norm, T * D);
}

static void
whole_block(Room *m, const BmNetShape *s, const BmNetBlock *w, const BmRagged *r, size_t T,
			BmGemm gemm)
{
	size_t D = s->D;

	bmc_norm_forward(m->norm, NULL, NULL, m->x, w->norm1, T, D);
	bmc_linear_forward(m->qkv, 3 * D, m->norm, w->wqkv, 3 * D, w->bqkv, T, D, 3 * D, gemm);
	bmc_attention_forward(m->att, NULL, m->qkv, r, D, s->H, m->scratch, gemm);
	bmc_linear_forward(m->norm, D, m->att, w->wo, D, w->bo, T, D, D, gemm);
	bmc_axpy(m->x, 1.0f, m->norm, T * D);
	feed_forward(m->x, m->norm, m->ff, s, w, T, gemm);
}

/* The last block for the last tokens: their states end in m->last (S,D). */
static void
last_block(Room *m, const BmNetShape *s, const BmNetBlock *w, const BmRagged *r, size_t T,
		   BmGemm gemm)
{
	size_t D = s->D, S = r->S;
	float *x = m->last, *q = x + S * D, *att = q + S * D;

	bmc_norm_forward(m->norm, NULL, NULL, m->x, w->norm1, T, D);
	bmc_linear_forward(m->qkv, 2 * D, m->norm, w->wqkv + D, 3 * D, w->bqkv + D, T, D, 2 * D, gemm);
	bmc_newest_rows(att, m->norm, r, D);
	bmc_linear_forward(q, D, att, w->wqkv, 3 * D, w->bqkv, S, D, D, gemm);
	bmc_newest_rows(x, m->x, r, D);
	bmc_attention_last(att, NULL, q, m->qkv, r, D, s->H, m->scratch);
	bmc_linear_forward(q, D, att, w->wo, D, w->bo, S, D, D, gemm);
	bmc_axpy(x, 1.0f, q, S * D);
	feed_forward(x, q, m->ff, s, w, S, gemm);
}

void
bmc_net_encode(float *out, const BmNetShape *s, const BmNetWeights *w, const float *E,
			   const BmRagged *r, void *scratch, BmGemm gemm)
{
	size_t T = bmc_ragged_tokens(r), D = s->D;
	Room m = lay_out(s, T, r->S, scratch);

	bmc_embed_forward(m.x, r, E, w->position, sqrtf((float) D), D);
	for (size_t b = 0; b + 1 < s->blocks; b++)
		whole_block(&m, s, &w->block[b], r, T, gemm);
	if (s->blocks)
		last_block(&m, s, &w->block[s->blocks - 1], r, T, gemm);
	else
		bmc_newest_rows(m.last, m.x, r, D);
	bmc_norm_forward(out, NULL, NULL, m.last, w->norm, r->S, D);
}

/* ---- attribution ---- */

size_t
bmc_net_trace_size(const BmNetShape *s, size_t T)
{
	size_t f = sizeof(float), rows = bmc_take_size(bmc_mul(s->D, 5), f);

	return bmc_add(bmc_add(bmc_net_encode_size(s, T, 1), rows), bmc_take_size(bmc_mul(s->H, T), f));
}

/* weight (H,T) = softmax over the tokens of <q, k> / sqrt(D/H), per head; q (D), kv (T,2D). */
static void
attention_weights(float *weight, const float *q, const float *kv, size_t T, size_t D, size_t H)
{
	size_t width = D / H;

	for (size_t h = 0; h < H; h++, weight += T)
	{
		float sum;

		for (size_t t = 0; t < T; t++)
			weight[t] =
				bmc_dot(q + h * width, kv + t * 2 * D + h * width, width) / sqrtf((float) width);
		sum = bmc_exp_sum(weight, weight, bmc_max(weight, T), T);
		bmc_scale(weight, 1.0f / sum, T);
	}
}

void
bmc_net_trace(BmNetTrace *trace, const BmNetShape *s, const BmNetWeights *w, const float *E,
			  const BmRagged *r, void *scratch)
{
	size_t T = bmc_ragged_tokens(r), D = s->D, f = sizeof(float);
	BmArena arena = {scratch, bmc_net_trace_size(s, T), 0};
	float *rows = bmc_take(&arena, 5 * D, f), *state = rows, *residual = rows + D;
	float *q = rows + 2 * D, *weight = bmc_take(&arena, s->H * T, f);
	Room m = lay_out(s, T, 1, arena.base + arena.used);

	*trace = (BmNetTrace){s, w, T, state, residual, m.qkv, weight, 0.0f, rows + 3 * D};
	bmc_embed_forward(m.x, r, E, w->position, sqrtf((float) D), D);
	for (size_t b = 0; b + 1 < s->blocks; b++)
		whole_block(&m, s, &w->block[b], r, T, bmc_gemm_builtin);
	memcpy(residual, m.x + (T - 1) * D, D * f);
	if (s->blocks)
	{
		const BmNetBlock *block = &w->block[s->blocks - 1];

		last_block(&m, s, block, r, T, bmc_gemm_builtin);
		bmc_linear_forward(q, D, m.norm + (T - 1) * D, block->wqkv, 3 * D, block->bqkv, 1, D, D,
						   bmc_gemm_builtin);
		attention_weights(weight, q, m.qkv, T, D, s->H);
	}
	else
		bmc_newest_rows(m.last, m.x, r, D);
	bmc_norm_forward(state, q, &trace->rstd, m.last, w->norm, 1, D);
}

/* The last norm as a linear map, transposed: direction = rstd * (gain * target, centred). */
static void
through_norm(float *direction, const BmNetTrace *t, const float *target)
{
	size_t D = t->shape->D;
	double mean = 0.0;

	for (size_t d = 0; d < D; d++)
	{
		direction[d] = t->rstd * t->w->norm[d] * target[d];
		mean += (double) direction[d] / (double) D;
	}
	for (size_t d = 0; d < D; d++)
		direction[d] -= (float) mean;
}

void
bmc_net_attribute(float *part, const BmNetTrace *t, const float *target)
{
	const BmNetShape *s = t->shape;
	size_t D = s->D, H = s->H, T = t->T, width = D / H;
	float *direction = t->direction, *value = direction + D;

	through_norm(direction, t, target);
	memset(part, 0, T * sizeof(float));
	if (s->blocks)
	{
		const float *wo = t->w->block[s->blocks - 1].wo;

		for (size_t i = 0; i < D; i++)
			value[i] = bmc_dot(wo + i * D, direction, D);
		for (size_t h = 0; h < H; h++)
			for (size_t i = 0; i < T; i++)
				part[i] += t->weight[h * T + i] *
						   bmc_dot(t->kv + i * 2 * D + D + h * width, value + h * width, width);
	}
	part[T - 1] += bmc_dot(t->residual, direction, D);
}
