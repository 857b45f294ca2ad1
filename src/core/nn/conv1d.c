/*
 * conv1d.c
 *		Convolution over time on packed ragged sequences: each output's inputs are laid side by side,
 *		and one product does the rest.
 */
#include <string.h>

#include "core/nn/conv1d.h"
#include "core/num/vec.h"

size_t
bmc_conv1d_length(const BmConv1d *c, size_t n)
{
	size_t padded = n + c->left + c->right, reach = (c->kernel - 1) * c->dilation + 1;

	return n == 0 || padded < reach ? 0 : (padded - reach) / c->stride + 1;
}

void
bmc_conv1d_starts(uint32_t *start, const BmConv1d *c, const BmRagged *r)
{
	start[0] = 0;
	for (size_t s = 0; s < r->S; s++)
		start[s + 1] = start[s] + (uint32_t) bmc_conv1d_length(c, r->start[s + 1] - r->start[s]);
}

/* The token that tap j of output p looks at, or BM_NONE outside the n tokens. */
static inline size_t
tap(const BmConv1d *c, size_t p, size_t j, size_t n)
{
	size_t at = p * c->stride + j * c->dilation;

	return at < c->left || at - c->left >= n ? BM_NONE : at - c->left;
}

void
bmc_conv1d_gather(float *col, const float *x, const BmConv1d *c, const BmRagged *r, size_t I)
{
	for (size_t s = 0; s < r->S; s++)
	{
		size_t n = r->start[s + 1] - r->start[s], outputs = bmc_conv1d_length(c, n);

		for (size_t p = 0; p < outputs; p++)
			for (size_t j = 0; j < c->kernel; j++, col += I)
			{
				size_t at = tap(c, p, j, n);

				if (at == BM_NONE)
					memset(col, 0, I * sizeof(float));
				else
					memcpy(col, x + at * I, I * sizeof(float));
			}
		x += n * I;
	}
}

void
bmc_conv1d_scatter(float *dx, const float *dcol, const BmConv1d *c, const BmRagged *r, size_t I)
{
	for (size_t s = 0; s < r->S; s++)
	{
		size_t n = r->start[s + 1] - r->start[s], outputs = bmc_conv1d_length(c, n);

		for (size_t p = 0; p < outputs; p++)
			for (size_t j = 0; j < c->kernel; j++, dcol += I)
			{
				size_t at = tap(c, p, j, n);

				if (at != BM_NONE)
					bmc_axpy(dx + at * I, 1.0f, dcol, I);
			}
		dx += n * I;
	}
}

/* Outputs of all sequences. */
static size_t
count_outputs(const BmConv1d *c, const BmRagged *r)
{
	size_t n = 0;

	for (size_t s = 0; s < r->S; s++)
		n += bmc_conv1d_length(c, r->start[s + 1] - r->start[s]);
	return n;
}

void
bmc_conv1d_forward(float *y, float *col, const float *x, const float *W, const float *b,
				   const BmConv1d *c, const BmRagged *r, size_t I, size_t O, BmGemm gemm)
{
	bmc_conv1d_gather(col, x, c, r, I);
	bmc_linear_forward(y, O, col, W, O, b, count_outputs(c, r), c->kernel * I, O, gemm);
}

void
bmc_conv1d_backward(float *dx, float *dW, float *db, const float *dy, float *col, const float *W,
					const BmConv1d *c, const BmRagged *r, size_t I, size_t O, BmGemm gemm)
{
	size_t Q = count_outputs(c, r), K = c->kernel * I;

	if (dW)
		bmc_linear_gradients(dW, db, dy, col, Q, K, O, gemm);
	bmc_linear_backward(col, NULL, NULL, dy, NULL, W, Q, K, O, gemm);
	memset(dx, 0, bmc_ragged_tokens(r) * I * sizeof(float));
	bmc_conv1d_scatter(dx, col, c, r, I);
}
