/*
 * nn_naive_networks.h
 *		The networks of GRU, Caser and NextItNet written down once more, in float64, token by token, from
 *		the stored tensors "x/...".
 */
#ifndef NN_NAIVE_NETWORKS_H
#define NN_NAIVE_NETWORKS_H

#include "nn_naive.h"

/* A stored tensor's floats. */
static inline const float *
stored_floats(const BmTensors *t, const char *name)
{
	for (int i = 0; i < t->n; i++)
		if (strcmp(t->t[i].name + 2, name) == 0)
			return t->t[i].data;
	return NULL;
}

/* The same for a name with a number in it. */
static inline const float *
numbered_floats(const BmTensors *t, const char *format, size_t i)
{
	char name[BM_TENSOR_NAME];

	snprintf(name, sizeof(name), format, i);
	return stored_floats(t, name);
}

/* x (n,D) = sqrt(D) * item. */
static inline void
naive_inputs(double *x, const BmTensors *t, const BmNetShape *s, const uint32_t *item, size_t n)
{
	const float *E = stored_floats(t, "item");

	for (size_t i = 0; i < n * s->D; i++)
		x[i] = sqrt((double) s->D) * E[item[i / s->D] * s->D + i % s->D];
}

/* out (n,D) = states of n items through the GRU's layers. */
static inline void
naive_gru(double *out, const BmTensors *t, const BmNetShape *s, const uint32_t *item, size_t n)
{
	size_t D = s->D, F = s->F, wide = D > F ? D : F;
	double *x = malloc(n * wide * sizeof(double)), *a = malloc(3 * F * sizeof(double));
	double *b = malloc(3 * F * sizeof(double)), *h = malloc(F * sizeof(double));

	naive_inputs(x, t, s, item, n);
	for (size_t l = 0; l < s->blocks; l++)
	{
		size_t I = l ? F : D;
		double *y = malloc(n * wide * sizeof(double));

		memset(h, 0, F * sizeof(double));
		for (size_t i = 0; i < n; i++)
		{
			naive_linear_row(a, x + i * I, numbered_floats(t, "layer%zu.w", l),
							 numbered_floats(t, "layer%zu.b", l), I, 3 * F);
			naive_linear_row(b, h, numbered_floats(t, "layer%zu.u", l),
							 numbered_floats(t, "layer%zu.c", l), F, 3 * F);
			for (size_t f = 0; f < F; f++)
			{
				double r = 1.0 / (1.0 + exp(-a[f] - b[f]));
				double z = 1.0 / (1.0 + exp(-a[F + f] - b[F + f]));

				h[f] = (1.0 - z) * tanh(a[2 * F + f] + r * b[2 * F + f]) + z * h[f];
			}
			memcpy(y + i * F, h, F * sizeof(double));
		}
		free(x);
		x = y;
	}
	for (size_t i = 0; i < n; i++)
	{
		naive_linear_row(a, x + i * F, stored_floats(t, "wo"), stored_floats(t, "bo"), F, D);
		naive_norm_row(out + i * D, a, stored_floats(t, "norm"), D);
	}
	free(x), free(a), free(b), free(h);
}

/* y (D) = convolution at token i of x (n,D), taps step apart, token i the last. */
static inline void
naive_causal_conv(double *y, const double *x, const float *w, const float *b, size_t i, size_t K,
				  size_t step, size_t D, size_t O)
{
	for (size_t o = 0; o < O; o++)
		y[o] = b[o];
	for (size_t k = 0; k < K; k++)
		if ((K - 1 - k) * step <= i)
			for (size_t d = 0; d < D; d++)
				for (size_t o = 0; o < O; o++)
					y[o] += x[(i - (K - 1 - k) * step) * D + d] * w[(k * D + d) * O + o];
}

/* out (n,D) = states of n items through NextItNet's residual blocks. */
static inline void
naive_nextitnet(double *out, const BmTensors *t, const BmNetShape *s, const uint32_t *item,
				size_t n)
{
	size_t D = s->D;
	double *x = malloc(n * D * sizeof(double)), *u = malloc(n * D * sizeof(double));
	double *y = malloc(n * D * sizeof(double)), *row = malloc(D * sizeof(double));

	naive_inputs(x, t, s, item, n);
	for (size_t l = 0; l < 2 * s->blocks; l++)
		for (size_t i = 0; i < n; i++)
		{
			double *to = l % 2 ? y : u;

			naive_causal_conv(row, l % 2 ? u : x, numbered_floats(t, "conv%zu.w", l),
							  numbered_floats(t, "conv%zu.b", l), i, s->K, (size_t) 1 << l, D, D);
			naive_norm_row(to + i * D, row, numbered_floats(t, "conv%zu.norm", l), D);
			for (size_t d = 0; d < D; d++)
				to[i * D + d] = fmax(to[i * D + d], 0.0);
			for (size_t d = 0; l % 2 && d < D; d++)
				x[i * D + d] += y[i * D + d];
		}
	for (size_t i = 0; i < n; i++)
		naive_norm_row(out + i * D, x + i * D, stored_floats(t, "norm"), D);
	free(x), free(u), free(y), free(row);
}

/* feature (Z) of token i: each window is cut out and padded as the paper has it. */
static inline void
naive_caser_features(double *feature, const BmTensors *t, const BmNetShape *s, const double *x,
					 size_t i)
{
	size_t D = s->D, K = s->K, C = s->C;
	const float *wv = stored_floats(t, "vertical");
	double *y = malloc(C * sizeof(double));

	for (size_t k = 1; k <= K; k++)
		for (size_t back = 0; back <= K - k && back <= i; back++)
		{
			naive_causal_conv(y, x, numbered_floats(t, "horizontal%zu.w", k),
							  numbered_floats(t, "horizontal%zu.b", k), i - back, k, 1, D, C);
			for (size_t c = 0; c < C; c++)
			{
				double *best = &feature[(k - 1) * C + c];

				*best = fmax(back ? *best : 0.0, y[c]);
			}
		}
	for (size_t d = 0; d < D; d++)
	{
		double *mean = &feature[K * C + s->F * D + d];

		for (size_t v = 0; v < s->F; v++)
		{
			feature[K * C + v * D + d] = 0.0;
			for (size_t back = 0; back < K && back <= i; back++)
				feature[K * C + v * D + d] += wv[v * K + K - 1 - back] * x[(i - back) * D + d];
		}
		*mean = 0.0;
		for (size_t j = 0; j <= i; j++)
			*mean += x[j * D + d] / (double) (i + 1);
	}
	free(y);
}

/* out (n,D) = states of n items by Caser. */
static inline void
naive_caser(double *out, const BmTensors *t, const BmNetShape *s, const uint32_t *item, size_t n)
{
	size_t D = s->D, Z = s->K * s->C + s->F * D + D;
	double *x = malloc(n * D * sizeof(double)), *feature = malloc(Z * sizeof(double));
	double *z = malloc(D * sizeof(double)), *y = malloc(D * sizeof(double));

	naive_inputs(x, t, s, item, n);
	for (size_t i = 0; i < n; i++)
	{
		naive_caser_features(feature, t, s, x, i);
		naive_linear_row(z, feature, stored_floats(t, "w1"), stored_floats(t, "b1"), Z, D);
		for (size_t d = 0; d < D; d++)
			z[d] = fmax(z[d], 0.0);
		naive_linear_row(y, z, stored_floats(t, "w2"), stored_floats(t, "b2"), D, D);
		naive_norm_row(out + i * D, y, stored_floats(t, "norm"), D);
	}
	free(x), free(feature), free(z), free(y);
}

#endif
