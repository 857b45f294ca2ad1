/*
 * gru.c
 *		Gated recurrent units, forward and backward. The inputs of all steps are projected in one
 *		product; a step is one product on the panel of its sequences' states and one fused pass.
 */
#include <string.h>

#include "core/nn/gru.h"
#include "core/num/exp1.h"
#include "core/num/vec.h"

#define G BM_GRU_GATES

size_t
bmc_gru_keep(size_t T, size_t H)
{
	return bmc_mul(T, 2 * G * H); /* gates after their functions, and the state's projections */
}

/* h (H): the state before the row's token, then after; gate (3H) in: x W + b; mix (3H): h U + c. */
BM_CLONES static void
step_row(float *restrict h, float *restrict gate, const float *restrict mix, size_t H)
{
	for (size_t i = 0; i < H; i++)
	{
		float r = bmc_sigmoid_one(gate[i] + mix[i]);
		float z = bmc_sigmoid_one(gate[H + i] + mix[H + i]);
		float n = bmc_tanh_one(gate[2 * H + i] + r * mix[2 * H + i]);

		gate[i] = r;
		gate[H + i] = z;
		gate[2 * H + i] = n;
		h[i] = n + z * (h[i] - n);
	}
}

void
bmc_gru_forward(float *h, float *keep, const float *x, const BmRecurrent *w, const BmSteps *s,
				size_t I, size_t H, BmGemm gemm)
{
	size_t W = G * H;
	float *gate = keep, *mix = keep + s->T * W;

	bmc_linear_forward(gate, W, x, w->W, W, w->b, s->T, I, W, gemm);
	for (size_t t = 0; t < s->n; t++)
	{
		size_t at = s->first[t], rows = s->first[t + 1] - at;

		if (t > 0)
		{
			memcpy(h + at * H, h + s->first[t - 1] * H, rows * H * sizeof(float));
			bmc_linear_forward(mix + at * W, W, h + at * H, w->U, W, w->c, rows, H, W, gemm);
		}
		else
		{
			memset(h, 0, rows * H * sizeof(float));
			for (size_t i = 0; i < rows; i++)
				memcpy(mix + i * W, w->c, W * sizeof(float));
		}
		for (size_t i = at; i < at + rows; i++)
			step_row(h + i * H, gate + i * W, mix + i * W, H);
	}
}

/*
 * gate and mix (3H) become their gradients; dh (H) becomes what of the gradient passes the update gate
 * to the state before.
 */
BM_CLONES static void
step_row_backward(float *restrict dh, float *restrict gate, float *restrict mix,
				  const float *restrict before, size_t H)
{
	for (size_t i = 0; i < H; i++)
	{
		float r = gate[i], z = gate[H + i], n = gate[2 * H + i];
		float dn = dh[i] * (1.0f - z) * (1.0f - n * n);
		float dz = dh[i] * (before[i] - n) * z * (1.0f - z);
		float dr = dn * mix[2 * H + i] * r * (1.0f - r);

		gate[i] = mix[i] = dr;
		gate[H + i] = mix[H + i] = dz;
		gate[2 * H + i] = dn;
		mix[2 * H + i] = dn * r;
		dh[i] *= z;
	}
}

void
bmc_gru_backward(float *dx, const BmRecurrent *dw, float *dh, const float *h, float *keep,
				 const float *x, const BmRecurrent *w, const BmSteps *s, size_t I, size_t H,
				 float *scratch, BmGemm gemm)
{
	size_t W = G * H;
	float *gate = keep, *mix = keep + s->T * W, *before = scratch, *Ut = scratch + s->T * H;

	bmc_transpose(Ut, w->U, W, H);
	bmc_states_before(before, h, s, H);
	for (size_t t = s->n; t-- > 0;)
	{
		size_t at = s->first[t], rows = s->first[t + 1] - at;

		for (size_t i = at; i < at + rows; i++)
			step_row_backward(dh + i * H, gate + i * W, mix + i * W, before + i * H, H);
		if (t > 0)
			bmc_recurrent_carry(dh, dh, mix, Ut, s, t, H, W, gemm);
	}
	bmc_recurrent_gradients(dx, dw, gate, mix, before, x, w, s, I, H, G, gemm);
}
