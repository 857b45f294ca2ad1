/*
 * layer_recurrent.c
 *		gru and lstm over steps: the kernels of gru.c and lstm.c, which want the rows in the order of the
 *		steps, in the packed order of everything else.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/gru.h"
#include "core/nn/layers.h"
#include "core/nn/lstm.h"

typedef struct Cell
{
	size_t gates;
	size_t (*keep)(size_t T, size_t H);
	void (*forward)(float *h, float *keep, const float *x, const BmRecurrent *w, const BmSteps *s,
					size_t I, size_t H, BmGemm gemm);
	void (*backward)(float *dx, const BmRecurrent *dw, float *dh, const float *h, float *keep,
					 const float *x, const BmRecurrent *w, const BmSteps *s, size_t I, size_t H,
					 float *scratch, BmGemm gemm);
} Cell;

static const Cell gru = {BM_GRU_GATES, bmc_gru_keep, bmc_gru_forward, bmc_gru_backward};
static const Cell lstm = {BM_LSTM_GATES, bmc_lstm_keep, bmc_lstm_forward, bmc_lstm_backward};

static const Cell *
cell_of(const BmLayer *l)
{
	return l->type == &bmc_layer_gru ? &gru : &lstm;
}

static bool
shape(BmLayer *l, int inputs, BmShapeFault *fault)
{
	const BmDims *in = &l->in[0];

	snprintf(fault->needs, sizeof(fault->needs), "steps of one dimension");
	l->out = (BmDims){in->steps, 1, {(size_t) l->spec.units}};
	return in->steps && in->rank == 1;
}

static int
params(const BmLayer *l, BmParam *out)
{
	size_t I = l->in[0].d[0], H = l->out.d[0], W = cell_of(l)->gates * H;
	float bound = bmc_glorot(H, H);

	out[0] = (BmParam){"weight", 2, {I, W}, bmc_glorot(I, H), 0.0f, false};
	out[1] = (BmParam){"bias", 1, {W}, 0.0f, 0.0f, false};
	out[2] = (BmParam){"state_weight", 2, {H, W}, bound, 0.0f, false};
	out[3] = (BmParam){"state_bias", 1, {W}, 0.0f, 0.0f, false};
	return 4;
}

static BmRecurrent
weights(const BmLayer *l, float *w)
{
	size_t I = l->in[0].d[0], H = l->out.d[0], W = cell_of(l)->gates * H;

	return (BmRecurrent){w, w + I * W, w + I * W + W, w + I * W + W + H * W};
}

/* Kept: the steps, inputs and states in their order, and what the cell keeps. */
typedef struct Kept
{
	BmSteps steps;
	float *x, *h, *cell;
} Kept;

static size_t
steps_floats(size_t rows)
{
	return bmc_add(bmc_steps_size(rows) / sizeof(float), 16);
}

static size_t
keep(const BmLayer *l, size_t rows)
{
	size_t I = l->in[0].d[0], H = l->out.d[0];

	return bmc_add(bmc_add(steps_floats(rows), sizeof(BmSteps) / sizeof(float) + 16),
				   bmc_add(bmc_mul(rows, I + H), cell_of(l)->keep(rows, H)));
}

/* Where the parts of c->keep are; the steps are laid there by the forward pass. */
static Kept
kept(const BmLayerCall *c, bool lay)
{
	size_t T = c->rows, I = c->l->in[0].d[0], H = c->l->out.d[0];
	size_t header = sizeof(BmSteps) / sizeof(float) + 16;
	Kept k;

	header -= header % 16;
	if (lay)
	{
		k.steps = bmc_steps(c->r, c->keep + header);
		memcpy(c->keep, &k.steps, sizeof(k.steps));
	}
	else
		memcpy(&k.steps, c->keep, sizeof(k.steps));
	k.x = c->keep + header + steps_floats(T);
	k.h = k.x + T * I;
	k.cell = k.h + T * H;
	return k;
}

/* Going back: gradients of inputs and states, and what the kernel needs. */
static size_t
scratch(const BmLayer *l, size_t rows)
{
	size_t I = l->in[0].d[0], H = l->out.d[0];

	return bmc_add(bmc_mul(rows, I + H), bmc_recurrent_scratch(rows, H, cell_of(l)->gates));
}

static void
forward(const BmLayerCall *c)
{
	size_t I = c->l->in[0].d[0], H = c->l->out.d[0];
	BmRecurrent w = weights(c->l, (float *) c->w);
	Kept k = kept(c, true);

	bmc_steps_gather(k.x, c->x[0], &k.steps, I);
	cell_of(c->l)->forward(k.h, k.cell, k.x, &w, &k.steps, I, H, c->gemm);
	bmc_steps_scatter(c->y, k.h, &k.steps, H);
}

static void
backward(const BmLayerCall *c)
{
	size_t T = c->rows, I = c->l->in[0].d[0], H = c->l->out.d[0];
	BmRecurrent w = weights(c->l, (float *) c->w), dw = {0};
	float *dx = c->scratch, *dh = dx + T * I;
	Kept k = kept(c, false);

	if (c->dw)
		dw = weights(c->l, c->dw);
	bmc_steps_gather(dh, c->dy, &k.steps, H);
	cell_of(c->l)->backward(dx, c->dw ? &dw : NULL, dh, k.h, k.cell, k.x, &w, &k.steps, I, H,
							dh + T * H, c->gemm);
	if (c->dx[0])
		bmc_steps_scatter(c->dx[0], dx, &k.steps, I);
}

static double
flops(const BmLayer *l)
{
	double H = (double) l->out.d[0];

	return 2.0 * (double) cell_of(l)->gates * H * ((double) l->in[0].d[0] + H);
}

#define RECURRENT(type)                                                                            \
	const BmLayerType bmc_layer_##type = {.name = #type,                                           \
										  .options = "units",                                      \
										  .min_inputs = 1,                                         \
										  .max_inputs = 1,                                         \
										  .shape = shape,                                          \
										  .params = params,                                        \
										  .keep = keep,                                            \
										  .scratch = scratch,                                      \
										  .forward = forward,                                      \
										  .backward = backward,                                    \
										  .flops = flops}

RECURRENT(gru);
RECURRENT(lstm);
