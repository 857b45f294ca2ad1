/*
 * recurrent.c
 *		The order of steps over packed sequences, and the gradients of a recurrent layer's weights.
 */
#include <string.h>

#include "core/nn/recurrent.h"
#include "core/num/vec.h"

size_t
bmc_steps_size(size_t T)
{
	size_t u = sizeof(uint32_t);

	return bmc_add(bmc_mul(2, bmc_take_size(bmc_add(T, 2), u)), bmc_take_size(T, u));
}

/* Sequences by length, longest first, ties in their order: alive[l] of them are longer than l. */
BmSteps
bmc_steps(const BmRagged *r, void *memory)
{
	size_t T = bmc_ragged_tokens(r), u = sizeof(uint32_t);
	BmArena arena = {memory, bmc_steps_size(T), 0};
	BmSteps s = {T, 0, bmc_take(&arena, T + 2, u), bmc_take(&arena, T, u)};
	uint32_t *rank = bmc_take(&arena, T + 2, u), alive = (uint32_t) r->S;

	memset(rank, 0, (T + 2) * u);
	for (size_t i = 0; i < r->S; i++)
	{
		size_t n = r->start[i + 1] - r->start[i];

		rank[n]++;
		s.n = n > s.n ? n : s.n;
	}
	s.first[0] = 0;
	for (size_t n = 0; n <= s.n; n++) /* rank[n]: where the sequences of length n begin */
	{
		alive -= rank[n];
		rank[n] = alive;
		if (n < s.n)
			s.first[n + 1] = s.first[n] + alive;
	}
	for (size_t i = 0; i < r->S; i++)
	{
		uint32_t n = r->start[i + 1] - r->start[i], base = r->start[i] - r->start[0];

		for (uint32_t t = 0; t < n; t++)
			s.token[s.first[t] + rank[n]] = base + t;
		rank[n]++;
	}
	return s;
}

void
bmc_steps_gather(float *rows, const float *x, const BmSteps *s, size_t D)
{
	for (size_t i = 0; i < s->T; i++)
		memcpy(rows + i * D, x + s->token[i] * D, D * sizeof(float));
}

void
bmc_steps_scatter(float *x, const float *rows, const BmSteps *s, size_t D)
{
	for (size_t i = 0; i < s->T; i++)
		memcpy(x + s->token[i] * D, rows + i * D, D * sizeof(float));
}

void
bmc_transpose(float *to, const float *from, size_t M, size_t N)
{
	for (size_t n = 0; n < N; n++)
		for (size_t m = 0; m < M; m++)
			to[m * N + n] = from[n * M + m];
}

size_t
bmc_recurrent_scratch(size_t T, size_t H, size_t G)
{
	return bmc_add(bmc_mul(T, H), G * H * H);
}

void
bmc_states_before(float *before, const float *h, const BmSteps *s, size_t H)
{
	if (s->n == 0)
		return;
	memset(before, 0, s->first[1] * H * sizeof(float));
	for (size_t t = 1; t < s->n; t++)
		memcpy(before + s->first[t] * H, h + s->first[t - 1] * H,
			   (s->first[t + 1] - s->first[t]) * H * sizeof(float));
}

void
bmc_recurrent_carry(float *dh, const float *add, const float *dmix, const float *Ut,
					const BmSteps *s, size_t t, size_t H, size_t W, BmGemm gemm)
{
	size_t at = s->first[t], rows = s->first[t + 1] - at;
	float *to = dh + s->first[t - 1] * H;

	if (add)
		bmc_axpy(to, 1.0f, add + at * H, rows * H);
	gemm(false, false, rows, H, W, 1.0f, dmix + at * W, W, Ut, H, 1.0f, to, H);
}

void
bmc_recurrent_gradients(float *dx, const BmRecurrent *dw, const float *dgate, const float *dmix,
						const float *before, const float *x, const BmRecurrent *w, const BmSteps *s,
						size_t I, size_t H, size_t G, BmGemm gemm)
{
	bmc_linear_backward(dx, dw ? dw->W : NULL, dw ? dw->b : NULL, dgate, x, w->W, s->T, I, G * H,
						gemm);
	if (dw)
		bmc_linear_gradients(dw->U, dw->c, dmix, before, s->T, H, G * H, gemm);
}
