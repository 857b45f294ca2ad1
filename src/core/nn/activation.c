/*
 * activation.c
 *		ReLU, residual sums and counter-based dropout.
 */
#include "core/nn/activation.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define DROP_WORDS 256 /* 32-bit numbers drawn at a time; two elements share one */

/* x (n) *= 0 or scale; element i looks at 16 bits: the low halves of random first, then the high. */
BM_CLONES static void
apply_mask(float *x, size_t n, const uint32_t *random, uint32_t threshold, float scale)
{
	size_t low = n < DROP_WORDS ? n : DROP_WORDS;

	for (size_t i = 0; i < low; i++)
		x[i] = (random[i] & 0xffff) < threshold ? 0.0f : x[i] * scale;
	for (size_t i = low; i < n; i++)
		x[i] = (random[i - low] >> 16) < threshold ? 0.0f : x[i] * scale;
}

/* The chance of a zero in 1/65536; what is kept is scaled by the exact inverse. */
static uint32_t
drop_threshold(float p)
{
	return (uint32_t) (p * 65536.0f + 0.5f);
}

static float
drop_scale(float p)
{
	return 65536.0f / (65536.0f - (float) drop_threshold(p));
}

void
bmc_dropout(float *x, size_t n, BmDropout drop)
{
	uint32_t random[DROP_WORDS];

	if (drop.p <= 0.0f)
		return;
	for (size_t i = 0; i < n; i += 2 * DROP_WORDS)
	{
		size_t part = n - i < 2 * DROP_WORDS ? n - i : 2 * DROP_WORDS;

		bmc_rng_fill(random, DROP_WORDS, drop.seed, drop.stream, i / 2);
		apply_mask(x + i, part, random, drop_threshold(drop.p), drop_scale(drop.p));
	}
}

void
bmc_residual(float *x, float *y, size_t n, BmDropout drop)
{
	bmc_dropout(y, n, drop);
	bmc_axpy(x, 1.0f, y, n);
}

BM_CLONES static void
relu(float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

void
bmc_relu_forward(float *x, size_t n, BmDropout drop)
{
	relu(x, n);
	bmc_dropout(x, n, drop);
}

/* A positive result was neither cut by ReLU nor dropped: its slope is the dropout's scale. */
BM_CLONES static void
relu_slope(float *dy, const float *y, size_t n, float scale)
{
	for (size_t i = 0; i < n; i++)
		dy[i] = y[i] > 0.0f ? dy[i] * scale : 0.0f;
}

void
bmc_relu_backward(float *dy, const float *y, size_t n, float p)
{
	relu_slope(dy, y, n, p > 0.0f ? drop_scale(p) : 1.0f);
}
