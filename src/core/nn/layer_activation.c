/*
 * layer_activation.c
 *		Element-wise layers: relu, gelu (Hendrycks and Gimpel 2016), silu, sigmoid, tanh; softmax over
 *		channels; dropout.
 *
 * What can go back from its answer alone works in place; gelu and silu need their input.
 */
#include <math.h>
#include <string.h>

#include "core/nn/layers.h"
#include "core/num/exp1.h"
#include "core/num/lanes.h"

static size_t
numbers(const BmLayerCall *c)
{
	return c->rows * bmc_dims_count(&c->l->out);
}

/* erf by Abramowitz and Stegun 7.1.26, absolute error 1.5e-7. */
static inline __attribute__((always_inline)) float
erf_one(float x)
{
	float a = x < 0.0f ? -x : x, t = 1.0f / (1.0f + 0.3275911f * a);
	float p = ((((1.061405429f * t - 1.453152027f) * t) + 1.421413741f) * t - 0.284496736f) * t;
	float e = 1.0f - (p + 0.254829592f) * t * bmc_exp_one(-a * a);

	return x < 0.0f ? -e : e;
}

#define SQRT_HALF 0.70710678f
#define NORMAL_PEAK 0.39894228f /* 1 / sqrt(2 pi) */

BM_CLONES static void
relu_forward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0];
	float *y = c->y;

	for (size_t i = 0; i < n; i++)
		y[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

BM_CLONES static void
relu_backward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *y = c->y, *dy = c->dy;
	float *dx = c->dx[0];

	for (size_t i = 0; dx && i < n; i++)
		dx[i] = y[i] > 0.0f ? dy[i] : 0.0f;
}

BM_CLONES static void
gelu_forward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0];
	float *y = c->y;

	for (size_t i = 0; i < n; i++)
		y[i] = 0.5f * x[i] * (1.0f + erf_one(x[i] * SQRT_HALF));
}

BM_CLONES static void
gelu_backward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0], *dy = c->dy;
	float *dx = c->dx[0];

	for (size_t i = 0; dx && i < n; i++)
		dx[i] = dy[i] * (0.5f * (1.0f + erf_one(x[i] * SQRT_HALF)) +
						 x[i] * NORMAL_PEAK * bmc_exp_one(-0.5f * x[i] * x[i]));
}

BM_CLONES static void
silu_forward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0];
	float *y = c->y;

	for (size_t i = 0; i < n; i++)
		y[i] = x[i] * bmc_sigmoid_one(x[i]);
}

BM_CLONES static void
silu_backward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0], *dy = c->dy;
	float *dx = c->dx[0];

	for (size_t i = 0; dx && i < n; i++)
	{
		float s = bmc_sigmoid_one(x[i]);

		dx[i] = dy[i] * s * (1.0f + x[i] * (1.0f - s));
	}
}

BM_CLONES static void
sigmoid_forward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0];
	float *y = c->y;

	for (size_t i = 0; i < n; i++)
		y[i] = bmc_sigmoid_one(x[i]);
}

BM_CLONES static void
sigmoid_backward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *y = c->y, *dy = c->dy;
	float *dx = c->dx[0];

	for (size_t i = 0; dx && i < n; i++)
		dx[i] = dy[i] * y[i] * (1.0f - y[i]);
}

BM_CLONES static void
tanh_forward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *x = c->x[0];
	float *y = c->y;

	for (size_t i = 0; i < n; i++)
		y[i] = bmc_tanh_one(x[i]);
}

BM_CLONES static void
tanh_backward(const BmLayerCall *c)
{
	size_t n = numbers(c);
	const float *y = c->y, *dy = c->dy;
	float *dx = c->dx[0];

	for (size_t i = 0; dx && i < n; i++)
		dx[i] = dy[i] * (1.0f - y[i] * y[i]);
}

/* Over the last dimension. */
static void
softmax_forward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->out), n = numbers(c);

	for (size_t i = 0; i < n; i += C)
	{
		float sum = bmc_exp_sum(c->y + i, c->x[0] + i, bmc_max(c->x[0] + i, C), C);

		bmc_scale(c->y + i, 1.0f / sum, C);
	}
}

static void
softmax_backward(const BmLayerCall *c)
{
	size_t C = bmc_dims_width(&c->l->out), n = numbers(c);

	for (size_t i = 0; c->dx[0] && i < n; i += C)
	{
		float mean = bmc_dot(c->dy + i, c->y + i, C);

		for (size_t k = i; k < i + C; k++)
			c->dx[0][k] = c->y[k] * (c->dy[k] - mean);
	}
}

static void
dropout_forward(const BmLayerCall *c)
{
	if (c->y != c->x[0])
		memcpy(c->y, c->x[0], numbers(c) * sizeof(float));
	if (c->training)
		bmc_dropout(c->y, numbers(c), c->drop);
}

static void
dropout_backward(const BmLayerCall *c)
{
	if (c->dx[0] == NULL)
		return;
	if (c->dx[0] != c->dy)
		memcpy(c->dx[0], c->dy, numbers(c) * sizeof(float));
	if (c->training)
		bmc_dropout(c->dx[0], numbers(c), c->drop);
}

#define ELEMENTWISE(type, place)                                                                   \
	const BmLayerType bmc_layer_##type = {.name = #type,                                           \
										  .options = "",                                           \
										  .min_inputs = 1,                                         \
										  .max_inputs = 1,                                         \
										  .shape = bmc_shape_same,                                 \
										  .forward = type##_forward,                               \
										  .backward = type##_backward,                             \
										  .row_wise = true,                                        \
										  .inplace = place,                                        \
										  .reads_y = place}

ELEMENTWISE(relu, true);
ELEMENTWISE(gelu, false);
ELEMENTWISE(silu, false);
ELEMENTWISE(sigmoid, true);
ELEMENTWISE(tanh, true);
ELEMENTWISE(softmax, true);

const BmLayerType bmc_layer_dropout = {
	.name = "dropout",
	.options = "rate",
	.min_inputs = 1,
	.max_inputs = 1,
	.shape = bmc_shape_same,
	.forward = dropout_forward,
	.backward = dropout_backward,
	.row_wise = true,
	.inplace = true,
};
