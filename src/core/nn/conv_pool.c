/*
 * conv_pool.c
 *		Convolution, ReLU and 2x2 max-pool in one sweep: the four outputs of a block stay in registers,
 *		and going back only the largest of a block takes part.
 *
 * Sixteen channels are a vector; a block of four outputs by two vectors gives eight independent sums,
 * which keeps the multipliers busy however long the chain of taps is.
 */
#include <string.h>

#include "core/nn/conv2d.h"
#include "core/num/lanes.h"

typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias)); /* where they lie */
typedef int32_t Mask __attribute__((vector_size(64)));
typedef uint8_t Places __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))

bool
bmc_conv_pool_fits(const BmConv2d *g)
{
	return g->sh == 1 && g->sw == 1 && g->dh == 1 && g->dw == 1 && g->top == 0 && g->left == 0 &&
		   g->OH + g->kh == g->H + 1 && g->OW + g->kw == g->W + 1 && g->O % 16 == 0 && g->OH >= 2 &&
		   g->OW >= 2;
}

#define LOAD(p) (*(const Floats *) (p))
#define STORE(p, v) (*(Floats *) (p) = (v))

/* y (16) and arg (16) of one block whose four outputs are a[0..3]. */
INLINE void
pool_block(float *y, uint8_t *arg, const BmLanes *a)
{
	float out[4][16];

	memcpy(out, a, sizeof(out));
	for (int c = 0; c < 16; c++) /* left to the compiler: it finds no vectors for chains of masks */
	{
		float best = out[0][c];
		uint8_t place = 0;

		place = out[1][c] > best ? 1 : place;
		best = out[1][c] > best ? out[1][c] : best;
		place = out[2][c] > best ? 2 : place;
		best = out[2][c] > best ? out[2][c] : best;
		place = out[3][c] > best ? 3 : place;
		best = out[3][c] > best ? out[3][c] : best;
		arg[c] = best > 0.0f ? place : 4;
		y[c] = best > 0.0f ? best : 0.0f;
	}
}

/* One block, V vectors of channels: x is its first input, w and b the channels' first weights. */
INLINE void
forward_block(float *y, uint8_t *arg, const float *x, const float *w, const float *b,
			  const BmConv2d *g, int V)
{
	size_t row = g->W * g->C, taps = g->kw * g->C, O = g->O;
	BmLanes a[2][4];

	for (int v = 0; v < V; v++)
		for (int q = 0; q < 4; q++)
			a[v][q] = LOAD(b + 16 * v);
	for (size_t i = 0; i < g->kh; i++, x += row)
		for (size_t j = 0; j < taps; j++, w += O)
		{
			float x0 = x[j], x1 = x[j + g->C], x2 = x[j + row], x3 = x[j + row + g->C];

			for (int v = 0; v < V; v++)
			{
				BmLanes k = LOAD(w + 16 * v);

				a[v][0] += x0 * k;
				a[v][1] += x1 * k;
				a[v][2] += x2 * k;
				a[v][3] += x3 * k;
			}
		}
	for (int v = 0; v < V; v++)
		pool_block(y + 16 * v, arg + 16 * v, a[v]);
}

BM_CLONES void
bmc_conv_pool_forward(float *y, uint8_t *arg, const float *x, const float *w, const float *b,
					  const BmConv2d *g, size_t B)
{
	size_t PH = g->OH / 2, PW = g->OW / 2, O = g->O, row = g->W * g->C;

	for (size_t s = 0; s < B; s++, x += g->H * row)
		for (size_t py = 0; py < PH; py++)
			for (size_t px = 0; px < PW; px++, y += O, arg += O)
			{
				const float *at = x + 2 * py * row + 2 * px * g->C;
				size_t o = 0;

				for (; o + 32 <= O; o += 32)
					forward_block(y + o, arg + o, at, w + o, b + o, g, 2);
				for (; o < O; o += 16)
					forward_block(y + o, arg + o, at, w + o, b + o, g, 1);
			}
}

/* d[q] = dy where the block's largest is at place q, else 0. */
INLINE void
split_block(BmLanes *d, const float *dy, const uint8_t *arg)
{
	BmLanes v = LOAD(dy);
	Places bytes;
	Mask place;

	memcpy(&bytes, arg, sizeof(bytes));
	place = __builtin_convertvector(bytes, Mask);
	for (int q = 0; q < 4; q++)
		d[q] = (BmLanes) ((Mask) v & (place == q));
}

/* As forward_block: dw (kh,kw,C,O) and db of V vectors of channels += what one block gives. */
INLINE void
backward_block(float *dw, float *db, const float *dy, const uint8_t *arg, const float *x,
			   const BmConv2d *g, int V)
{
	size_t row = g->W * g->C, taps = g->kw * g->C, O = g->O;
	BmLanes d[2][4];

	for (int v = 0; v < V; v++)
	{
		BmLanes sum = LOAD(db + 16 * v);

		split_block(d[v], dy + 16 * v, arg + 16 * v);
		sum += (d[v][0] + d[v][1]) + (d[v][2] + d[v][3]);
		STORE(db + 16 * v, sum);
	}
	for (size_t i = 0; i < g->kh; i++, x += row)
		for (size_t j = 0; j < taps; j++, dw += O)
		{
			float x0 = x[j], x1 = x[j + g->C], x2 = x[j + row], x3 = x[j + row + g->C];

			for (int v = 0; v < V; v++)
			{
				BmLanes k = LOAD(dw + 16 * v);

				k += x0 * d[v][0];
				k += x1 * d[v][1];
				k += x2 * d[v][2];
				k += x3 * d[v][3];
				STORE(dw + 16 * v, k);
			}
		}
}

BM_CLONES void
bmc_conv_pool_backward(float *dw, float *db, const float *dy, const uint8_t *arg, const float *x,
					   const BmConv2d *g, size_t B)
{
	size_t PH = g->OH / 2, PW = g->OW / 2, O = g->O, row = g->W * g->C;

	for (size_t s = 0; s < B; s++, x += g->H * row)
		for (size_t py = 0; py < PH; py++)
			for (size_t px = 0; px < PW; px++, dy += O, arg += O)
			{
				const float *at = x + 2 * py * row + 2 * px * g->C;
				size_t o = 0;

				for (; o + 32 <= O; o += 32)
					backward_block(dw + o, db + o, dy + o, arg + o, at, g, 2);
				for (; o < O; o += 16)
					backward_block(dw + o, db + o, dy + o, arg + o, at, g, 1);
			}
}

void
bmc_conv_pool_spread(float *dc, const float *dy, const uint8_t *arg, const BmConv2d *g)
{
	size_t PH = g->OH / 2, PW = g->OW / 2, O = g->O;

	memset(dc, 0, g->OH * g->OW * O * sizeof(float));
	for (size_t py = 0; py < PH; py++)
		for (size_t px = 0; px < PW; px++, dy += O, arg += O)
			for (size_t o = 0; o < O; o++)
				if (arg[o] < 4)
					dc[((2 * py + arg[o] / 2) * g->OW + 2 * px + arg[o] % 2) * O + o] = dy[o];
}
