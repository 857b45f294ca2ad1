/*
 * softmax.c
 *		Softmax cross-entropy over all items without ever holding targets x items.
 *
 * A strip of targets meets the items one tile at a time; a tile's logits become exp(logit - the
 * tile row's maximum) while they are in cache. Once a strip's tiles are done the row sums are known,
 * and the right factor exp(maximum - log sum) is multiplied onto the narrow side (hidden states),
 * never onto the tile. One exponential and three products per logit.
 */
#include <math.h>
#include <string.h>

#include "core/num/lanes.h"
#include "core/nn/softmax.h"

#define TILE 1024               /* items in a tile */
#define STRIP 128               /* targets in a strip at most */
#define STRIP_LOGITS (1u << 20) /* floats that a strip may hold, unless it is 16 targets */

/* Targets in a strip: fewer when there are many items. */
static size_t
strip_rows(size_t N)
{
	size_t rows = STRIP_LOGITS / (N ? N : 1) / 16 * 16;

	return rows < 16 ? 16 : rows > STRIP ? STRIP : rows;
}

static size_t
tile_count(size_t N)
{
	return (N + TILE - 1) / TILE;
}

/* One strip's working arrays. */
typedef struct Strip
{
	size_t rows;
	float *logit; /* (tiles) x (rows, width of the tile) */
	float *top;   /* (tiles, STRIP) row maxima */
	float *sum;   /* (tiles, STRIP) row sums of exp(logit - top) */
	float *h;     /* (STRIP, D) hidden states times their factor */
	float *dh;    /* (STRIP, D) */
} Strip;

size_t
bmc_softmax_scratch(size_t N, size_t D)
{
	size_t rows = strip_rows(N);

	return rows * N + 2 * tile_count(N) * STRIP + 2 * STRIP * D + 64;
}

static Strip
carve(float *scratch, size_t N, size_t D)
{
	Strip s;

	s.rows = strip_rows(N);
	s.logit = scratch;
	s.h = s.logit + (s.rows * N + 15) / 16 * 16;
	s.dh = s.h + STRIP * D;
	s.top = s.dh + STRIP * D;
	s.sum = s.top + tile_count(N) * STRIP;
	return s;
}

/* Logits of tile j and their exponentials; target_logit[r] is set where the target is in the tile. */
static void
tile_forward(Strip *s, float *target_logit, const float *H, const float *E, const uint32_t *target,
			 size_t j, size_t rows, size_t N, size_t D, BmGemm gemm)
{
	size_t first = j * TILE, width = N - first < TILE ? N - first : TILE;
	float *logit = s->logit + first * rows;

	gemm(false, true, rows, width, D, 1.0f, H, D, E + first * D, D, 0.0f, logit, width);
	for (size_t r = 0; r < rows; r++, logit += width)
	{
		float top = bmc_max(logit, width);

		if (target[r] >= first && target[r] < first + width)
			target_logit[r] = logit[target[r] - first];
		s->top[j * STRIP + r] = top;
		s->sum[j * STRIP + r] = bmc_exp_sum(logit, logit, top, width);
	}
}

/* lse (rows) = log of the whole row's sum, from the tiles' maxima and sums. */
static void
join_tiles(float *lse, const Strip *s, size_t tiles, size_t rows)
{
	for (size_t r = 0; r < rows; r++)
	{
		float top = s->top[r];
		double sum = 0.0;

		for (size_t j = 1; j < tiles; j++)
			top = s->top[j * STRIP + r] > top ? s->top[j * STRIP + r] : top;
		for (size_t j = 0; j < tiles; j++)
			sum += (double) s->sum[j * STRIP + r] * exp((double) s->top[j * STRIP + r] - top);
		lse[r] = top + (float) log(sum);
	}
}

/* Gradients of tile j; the tile holds exp(logit - top), the factor goes onto the (rows,D) side. */
static void
tile_backward(Strip *s, float *dH, float *dE, const float *H, const float *E, const float *lse,
			  const float *weight, size_t j, size_t rows, size_t N, size_t D, BmGemm gemm)
{
	size_t first = j * TILE, width = N - first < TILE ? N - first : TILE;
	const float *p = s->logit + first * rows;
	float factor[STRIP];

	for (size_t r = 0; r < rows; r++)
	{
		factor[r] = weight[r] * expf(s->top[j * STRIP + r] - lse[r]);
		memset(s->h + r * D, 0, D * sizeof(float));
		bmc_axpy(s->h + r * D, factor[r], H + r * D, D);
	}
	gemm(true, false, width, D, rows, 1.0f, p, width, s->h, D, 1.0f, dE + first * D, D);
	gemm(false, false, rows, D, width, 1.0f, p, width, E + first * D, D, 0.0f, s->dh, D);
	for (size_t r = 0; r < rows; r++)
		bmc_axpy(dH + r * D, factor[r], s->dh + r * D, D);
}

double
bmc_softmax_loss(float *dH, float *dE, const float *H, const float *E, const uint32_t *target,
				 const float *weight, size_t T, size_t N, size_t D, float *scratch, BmGemm gemm)
{
	Strip s = carve(scratch, N, D);
	size_t tiles = tile_count(N);
	double loss = 0.0;

	memset(dH, 0, T * D * sizeof(float));
	for (size_t t = 0; t < T; t += s.rows)
	{
		size_t rows = T - t < s.rows ? T - t : s.rows;
		float target_logit[STRIP], lse[STRIP];

		for (size_t j = 0; j < tiles; j++)
			tile_forward(&s, target_logit, H + t * D, E, target + t, j, rows, N, D, gemm);
		join_tiles(lse, &s, tiles, rows);
		for (size_t j = 0; j < tiles; j++)
			tile_backward(&s, dH + t * D, dE, H + t * D, E, lse, weight + t, j, rows, N, D, gemm);
		for (size_t r = 0; r < rows; r++)
		{
			size_t item = target[t + r];
			float w = weight[t + r];

			loss += (double) w * (lse[r] - target_logit[r]);
			bmc_axpy(dH + (t + r) * D, -w, E + item * D, D);
			bmc_axpy(dE + item * D, -w, H + (t + r) * D, D);
		}
	}
	return loss;
}
