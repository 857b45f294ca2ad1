/*
 * lstm.c
 *		Long short-term memory, forward and backward. The inputs of all steps are projected in one
 *		product; a step adds one product of the panel of its sequences' states and one fused pass.
 */
#include <string.h>

#include "core/nn/lstm.h"
#include "core/num/exp1.h"
#include "core/num/vec.h"

#define G BM_LSTM_GATES

size_t
bmc_lstm_keep(size_t T, size_t H)
{
	return bmc_mul(T, (G + 2) * H); /* gates after their functions, cells, gradients by cells */
}

/* cell (H): before the row's token, then after; gate (4H) in: x W + b + h U + c. */
BM_CLONES static void
step_row(float *restrict h, float *restrict cell, float *restrict gate, size_t H)
{
	for (size_t j = 0; j < H; j++)
	{
		float i = bmc_sigmoid_one(gate[j]), f = bmc_sigmoid_one(gate[H + j]);
		float g = bmc_tanh_one(gate[2 * H + j]), o = bmc_sigmoid_one(gate[3 * H + j]);

		gate[j] = i;
		gate[H + j] = f;
		gate[2 * H + j] = g;
		gate[3 * H + j] = o;
		cell[j] = f * cell[j] + i * g;
		h[j] = o * bmc_tanh_one(cell[j]);
	}
}

void
bmc_lstm_forward(float *h, float *keep, const float *x, const BmRecurrent *w, const BmSteps *s,
				 size_t I, size_t H, BmGemm gemm)
{
	size_t W = G * H;
	float *gate = keep, *cell = keep + s->T * W;

	bmc_linear_forward(gate, W, x, w->W, W, w->b, s->T, I, W, gemm);
	for (size_t i = 0; i < s->T; i++)
		bmc_axpy(gate + i * W, 1.0f, w->c, W);
	for (size_t t = 0; t < s->n; t++)
	{
		size_t at = s->first[t], rows = s->first[t + 1] - at, last = t ? s->first[t - 1] : 0;

		if (t > 0)
		{
			memcpy(cell + at * H, cell + last * H, rows * H * sizeof(float));
			gemm(false, false, rows, W, H, 1.0f, h + last * H, H, w->U, W, 1.0f, gate + at * W, W);
		}
		else
			memset(cell, 0, rows * H * sizeof(float));
		for (size_t i = at; i < at + rows; i++)
			step_row(h + i * H, cell + i * H, gate + i * W, H);
	}
}

/*
 * gate (4H) becomes its gradient. dcell (H): in, the gradient by the row's cell that later steps left;
 * out, by the cell before. cell (H) after the row, before (H) the cell before it, NULL: 0.
 */
BM_CLONES static void
step_row_backward(float *restrict gate, float *restrict dcell, const float *restrict dh,
				  const float *restrict cell, const float *restrict before, size_t H)
{
	for (size_t j = 0; j < H; j++)
	{
		float i = gate[j], f = gate[H + j], g = gate[2 * H + j], o = gate[3 * H + j];
		float y = bmc_tanh_one(cell[j]), dc = dcell[j] + dh[j] * o * (1.0f - y * y);

		gate[j] = dc * g * i * (1.0f - i);
		gate[H + j] = before ? dc * before[j] * f * (1.0f - f) : 0.0f;
		gate[2 * H + j] = dc * i * (1.0f - g * g);
		gate[3 * H + j] = dh[j] * y * o * (1.0f - o);
		dcell[j] = dc * f;
	}
}

void
bmc_lstm_backward(float *dx, const BmRecurrent *dw, float *dh, const float *h, float *keep,
				  const float *x, const BmRecurrent *w, const BmSteps *s, size_t I, size_t H,
				  float *scratch, BmGemm gemm)
{
	size_t W = G * H;
	float *gate = keep, *cell = keep + s->T * W, *dcell = cell + s->T * H;
	float *before = scratch, *Ut = scratch + s->T * H;

	bmc_transpose(Ut, w->U, W, H);
	memset(dcell, 0, s->T * H * sizeof(float));
	for (size_t t = s->n; t-- > 0;)
	{
		size_t at = s->first[t], rows = s->first[t + 1] - at, last = t ? s->first[t - 1] : 0;

		for (size_t i = 0; i < rows; i++)
			step_row_backward(gate + (at + i) * W, dcell + (at + i) * H, dh + (at + i) * H,
							  cell + (at + i) * H, t ? cell + (last + i) * H : NULL, H);
		if (t == 0)
			break;
		memcpy(dcell + last * H, dcell + at * H, rows * H * sizeof(float));
		bmc_recurrent_carry(dh, NULL, gate, Ut, s, t, H, W, gemm);
	}
	bmc_states_before(before, h, s, H);
	bmc_recurrent_gradients(dx, dw, gate, gate, before, x, w, s, I, H, G, gemm);
}
