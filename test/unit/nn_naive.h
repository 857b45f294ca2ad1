/*
 * nn_naive.h
 *		SASRec's network written down once more, in float64, without products, packing or tricks.
 */
#ifndef NN_NAIVE_H
#define NN_NAIVE_H

#include <math.h>
#include <stdlib.h>

#include "core/nn/net.h"

/* y (D) = layer norm of x (D). */
static inline void
naive_norm_row(double *y, const double *x, const float *gb, size_t D)
{
	double mean = 0.0, var = 0.0;

	for (size_t d = 0; d < D; d++)
		mean += x[d] / (double) D;
	for (size_t d = 0; d < D; d++)
		var += (x[d] - mean) * (x[d] - mean) / (double) D;
	for (size_t d = 0; d < D; d++)
		y[d] = (x[d] - mean) / sqrt(var + 1e-5) * gb[d] + gb[D + d];
}

/* y (O) = x (I) W (I,O) + b (O). */
static inline void
naive_linear_row(double *y, const double *x, const float *W, const float *b, size_t I, size_t O)
{
	for (size_t o = 0; o < O; o++)
	{
		y[o] = b[o];
		for (size_t i = 0; i < I; i++)
			y[o] += x[i] * W[i * O + o];
	}
}

/* att (D) of token t from qkv (t+1 rows of 3D). */
static inline void
naive_attend(double *att, const double *qkv, size_t t, size_t D, size_t H)
{
	size_t dh = D / H;
	double *p = malloc((t + 1) * sizeof(double));

	for (size_t h = 0; h < H; h++)
	{
		double sum = 0.0;

		for (size_t j = 0; j <= t; j++)
		{
			double score = 0.0;

			for (size_t d = h * dh; d < (h + 1) * dh; d++)
				score += qkv[t * 3 * D + d] * qkv[j * 3 * D + D + d];
			sum += p[j] = exp(score / sqrt((double) dh));
		}
		for (size_t d = h * dh; d < (h + 1) * dh; d++)
		{
			att[d] = 0.0;
			for (size_t j = 0; j <= t; j++)
				att[d] += p[j] / sum * qkv[j * 3 * D + 2 * D + d];
		}
	}
	free(p);
}

/* x (n,D) goes through one block. */
static inline void
naive_block(double *x, const BmNetShape *s, const BmNetBlock *w, size_t n)
{
	size_t D = s->D, F = s->F;
	double *qkv = malloc(n * 3 * D * sizeof(double));
	double *row = malloc(D * sizeof(double)), *att = malloc(D * sizeof(double));
	double *ff = malloc(F * sizeof(double));

	for (size_t t = 0; t < n; t++)
	{
		naive_norm_row(row, x + t * D, w->norm1, D);
		naive_linear_row(qkv + t * 3 * D, row, w->wqkv, w->bqkv, D, 3 * D);
	}
	for (size_t t = 0; t < n; t++)
	{
		double *xt = x + t * D;

		naive_attend(att, qkv, t, D, s->H);
		naive_linear_row(row, att, w->wo, w->bo, D, D);
		for (size_t d = 0; d < D; d++)
			xt[d] += row[d];
		naive_norm_row(row, xt, w->norm2, D);
		naive_linear_row(ff, row, w->w1, w->b1, D, F);
		for (size_t f = 0; f < F; f++)
			ff[f] = ff[f] > 0.0 ? ff[f] : 0.0;
		naive_linear_row(row, ff, w->w2, w->b2, F, D);
		for (size_t d = 0; d < D; d++)
			xt[d] += row[d];
	}
	free(qkv), free(row), free(att), free(ff);
}

/* out (n,D) = hidden states of one sequence of n <= L items. */
static inline void
naive_net(double *out, const BmNetShape *s, const BmNetWeights *w, const float *E,
		  const uint32_t *item, size_t n)
{
	size_t D = s->D;
	double *x = malloc(n * D * sizeof(double));

	for (size_t t = 0; t < n; t++)
		for (size_t d = 0; d < D; d++)
			x[t * D + d] = sqrt((double) D) * E[item[t] * D + d] + w->position[(n - 1 - t) * D + d];
	for (size_t b = 0; b < s->blocks; b++)
		naive_block(x, s, &w->block[b], n);
	for (size_t t = 0; t < n; t++)
		naive_norm_row(out + t * D, x + t * D, w->norm, D);
	free(x);
}

#endif
