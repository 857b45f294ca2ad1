/*
 * onnx_network.c
 *		A network of layers as a graph of ONNX: operators for each type of layer.
 *
 * Values are (batch, ...) with channels last, as in the core, and (batch, steps, channels) where a sample has
 * steps. ONNX convolves and pools with channels first, so those operators stand between transpositions, which
 * a runtime moves or drops. A dropout is nothing, and batch normalisation is two constants.
 */
#include "pg/pg.h"

#include <math.h>

#include "core/nn/conv2d.h"
#include "core/nn/layers.h"
#include "model/onnx_parts.h"

#define BATCH_EPS 1e-5f /* of layer_norm.c */

/* One layer on its way: x are the names of what it reads. */
typedef struct Place
{
	BmOnnxGraph *g;
	const BmNetworkBound *b;
	const BmLayer *l;
	const float *w, *state;
	const char *x[BM_LAYER_INPUTS];
} Place;

static size_t
width_of(const BmDims *dims)
{
	return dims->d[dims->rank - 1];
}

/* ---- layers by which rows enter ---- */

static const char *
embedding(const Place *p)
{
	BmOnnxGraph *g = p->g;
	const BmNetworkBound *b = p->b;
	size_t D = (size_t) p->l->spec.units;
	int64 *first = palloc(sizeof(int64) * b->ncodes);
	bool steps = p->l->in[0].steps != 0;
	const char *y;

	for (size_t j = 0; j < b->ncodes; j++)
		first[j] = (int64) b->column[j];
	y = bm_onnx_op(g, "Add", 2, "codes", bm_onnx_integers(g, (int) b->ncodes, first));
	y = bm_onnx_op(g, "Gather", 2, bm_onnx_floats(g, p->w, 2, (size_t[]){b->net.input.rows, D}), y);
	y = bm_onnx_reshape(g, y, steps ? 3 : 2,
						steps ? (int64[]){0, 0, (int64) (b->ncodes * D)}
							  : (int64[]){0, (int64) (b->ncodes * D), 0});
	if (b->net.input.width == 0)
		return y;
	y = bm_onnx_op(g, "Concat", 2, p->x[0], y);
	bm_onnx_set_integer(g, "axis", -1);
	return y;
}

static const char *
tokens(const Place *p)
{
	BmOnnxGraph *g = p->g;
	size_t W = p->l->in[0].d[0], D = p->l->out.d[0], shape[2] = {W, D};
	const char *y = bm_onnx_op(g, "Unsqueeze", 2, p->x[0], bm_onnx_integers(g, 1, &(int64){2}));

	y = bm_onnx_op(g, "Mul", 2, y, bm_onnx_floats(g, p->w, 2, shape));
	return bm_onnx_op(g, "Add", 2, y, bm_onnx_floats(g, p->w + W * D, 2, shape));
}

static const char *
map(const Place *p)
{
	const size_t *d = p->l->out.d;
	int64 more = (int64) (d[0] * d[1] - p->l->in[0].d[0]);
	const char *y = p->x[0];

	if (more > 0)
		y = bm_onnx_op(p->g, "Pad", 2, y, bm_onnx_integers(p->g, 4, (int64[]){0, 0, 0, more}));
	return bm_onnx_reshape(p->g, y, 4, (int64[]){0, (int64) d[0], (int64) d[1], 1});
}

/* ---- convolutions and pools ---- */

/* Channels to the front of a map (4 dimensions) or of steps (3), and back. */
static const char *
channels_first(BmOnnxGraph *g, const char *x, bool map)
{
	return bm_onnx_transpose(g, x, map ? 4 : 3,
							 map ? (int64[]){0, 3, 1, 2} : (int64[]){0, 2, 1, 0});
}

static const char *
channels_last(BmOnnxGraph *g, const char *x, bool map)
{
	return bm_onnx_transpose(g, x, map ? 4 : 3,
							 map ? (int64[]){0, 2, 3, 1} : (int64[]){0, 2, 1, 0});
}

/* Weights (taps, C, O), taps row by row, as (O, C, [kh,] kw). */
static const char *
kernel(BmOnnxGraph *g, const float *w, const BmConv2d *c, bool map)
{
	size_t taps = c->kh * c->kw;
	float *t = palloc_extended(sizeof(float) * taps * c->C * c->O, MCXT_ALLOC_HUGE);

	for (size_t k = 0; k < taps; k++)
		for (size_t i = 0; i < c->C; i++)
			for (size_t o = 0; o < c->O; o++)
				t[(o * c->C + i) * taps + k] = w[(k * c->C + i) * c->O + o];
	return bm_onnx_floats(g, t, map ? 4 : 3,
						  map ? (size_t[]){c->O, c->C, c->kh, c->kw}
							  : (size_t[]){c->O, c->C, c->kw, 0});
}

/* Zeros after the last place of a side of n with `before` zeros before it. */
static int64
zeros_after(size_t n, size_t before, size_t outputs, size_t stride, size_t kernel, size_t dilation)
{
	size_t reach = (outputs - 1) * stride + (kernel - 1) * dilation + 1;

	return reach > n + before ? (int64) (reach - n - before) : 0;
}

static const char *
convolution(const Place *p)
{
	BmOnnxGraph *g = p->g;
	bool map = p->l->in[0].rank == 3;
	BmConv2d c = bmc_layer_conv_geometry(p->l);
	int64 bottom = zeros_after(c.H, c.top, c.OH, c.sh, c.kh, c.dh);
	int64 right = zeros_after(c.W, c.left, c.OW, c.sw, c.kw, c.dw);
	const char *x = p->x[0], *y;

	if (p->l->in[0].steps) /* as many outputs as steps, whose number is free */
	{
		size_t zeros = (c.kw - 1) * c.dw;

		c.C = p->l->in[0].d[0];
		c.left = p->l->spec.padding == BM_PAD_CAUSAL ? zeros : zeros / 2;
		right = (int64) (zeros - c.left);
	}
	if (p->l->in[0].rank == 1 && !p->l->in[0].steps) /* a row is a length of one channel */
		x = bm_onnx_reshape(g, x, 3, (int64[]){0, (int64) c.W, 1});
	y = bm_onnx_op(g, "Conv", 3, channels_first(g, x, map), kernel(g, p->w, &c, map),
				   bm_onnx_vector(g, p->w + bmc_conv2d_depth(&c) * c.O, c.O));
	if (map)
	{
		bm_onnx_set_integers(g, "strides", 2, (int64[]){(int64) c.sh, (int64) c.sw});
		bm_onnx_set_integers(g, "dilations", 2, (int64[]){(int64) c.dh, (int64) c.dw});
		bm_onnx_set_integers(g, "pads", 4, (int64[]){(int64) c.top, (int64) c.left, bottom, right});
	}
	else
	{
		bm_onnx_set_integers(g, "strides", 1, (int64[]){(int64) c.sw});
		bm_onnx_set_integers(g, "dilations", 1, (int64[]){(int64) c.dw});
		bm_onnx_set_integers(g, "pads", 2, (int64[]){(int64) c.left, right});
	}
	return channels_last(g, y, map);
}

static const char *
pool(const Place *p, const char *type)
{
	BmOnnxGraph *g = p->g;
	bool map = p->l->in[0].rank == 3;
	int64 size[2], stride[2];
	const char *y;

	for (int d = 0; d < 2; d++)
	{
		size[d] = p->l->spec.size[d] > 0 ? p->l->spec.size[d] : 2;
		stride[d] = p->l->spec.stride[d] > 0 ? p->l->spec.stride[d] : size[d];
	}
	y = bm_onnx_op(g, type, 1, channels_first(g, p->x[0], map));
	bm_onnx_set_integers(g, "kernel_shape", map ? 2 : 1, size);
	bm_onnx_set_integers(g, "strides", map ? 2 : 1, stride);
	return channels_last(g, y, map);
}

static const char *
global_pool(const Place *p, const char *type)
{
	bool map = p->l->in[0].rank == 3;
	const char *y = bm_onnx_op(p->g, type, 1, p->x[0]);

	bm_onnx_set_integers(p->g, "axes", map ? 2 : 1, (int64[]){1, 2});
	bm_onnx_set_integer(p->g, "keepdims", 0);
	return y;
}

/* ---- activations and norms ---- */

static const char *
gelu(const Place *p)
{
	BmOnnxGraph *g = p->g;
	const char *y = bm_onnx_op(g, "Mul", 2, p->x[0], bm_onnx_number(g, (float) M_SQRT1_2));

	y = bm_onnx_op(g, "Add", 2, bm_onnx_op(g, "Erf", 1, y), bm_onnx_number(g, 1.0f));
	y = bm_onnx_op(g, "Mul", 2, y, p->x[0]);
	return bm_onnx_op(g, "Mul", 2, y, bm_onnx_number(g, 0.5f));
}

static const char *
softmax(const Place *p)
{
	const char *y = bm_onnx_op(p->g, "Softmax", 1, p->x[0]);

	bm_onnx_set_integer(p->g, "axis", -1);
	return y;
}

/* (x - mean) * rstd * gain + bias as x * scale + shift. */
static const char *
batch_norm(const Place *p)
{
	size_t D = width_of(&p->l->out);
	float *scale = palloc(sizeof(float) * D), *shift = palloc(sizeof(float) * D);
	const char *y;

	for (size_t d = 0; d < D; d++)
	{
		scale[d] = p->w[d] / sqrtf(p->state[D + d] + BATCH_EPS);
		shift[d] = p->w[D + d] - p->state[d] * scale[d];
	}
	y = bm_onnx_op(p->g, "Mul", 2, p->x[0], bm_onnx_vector(p->g, scale, D));
	return bm_onnx_op(p->g, "Add", 2, y, bm_onnx_vector(p->g, shift, D));
}

/* ---- layers over steps, and joins ---- */

static const char *
attention(const Place *p)
{
	size_t D = p->l->out.d[0];
	const float *bqkv = p->w + 3 * D * D, *wo = bqkv + 3 * D;
	size_t H = p->l->spec.heads > 0 ? (size_t) p->l->spec.heads : 1;

	return bm_onnx_attention(
		p->g, p->x[0],
		&(BmOnnxAttention){p->w, bqkv, wo, wo + D * D, D, H, p->l->spec.causal != 0});
}

static const char *
recurrent(const Place *p, bool lstm)
{
	size_t I = p->l->in[0].d[0], H = p->l->out.d[0], W = (lstm ? 4 : 3) * H;
	const float *b = p->w + I * W, *U = b + W;

	return bm_onnx_recurrent(p->g, p->x[0], &(BmOnnxRecurrent){p->w, b, U, U + H * W, I, H, lstm});
}

static const char *
concat(const Place *p)
{
	const char *y = p->x[0];

	for (int k = 1; k < p->l->spec.inputs; k++)
	{
		y = bm_onnx_op(p->g, "Concat", 2, y, p->x[k]);
		bm_onnx_set_integer(p->g, "axis", -1);
	}
	return y;
}

static const char *
layer(const Place *p)
{
	BmOnnxGraph *g = p->g;
	const BmLayer *l = p->l;
	const char *x = p->x[0];

	switch (l->spec.type)
	{
	case BM_LAYER_DENSE:
		return bm_onnx_linear(g, x, p->w, p->w + l->in[0].d[0] * l->out.d[0], l->in[0].d[0],
							  l->out.d[0]);
	case BM_LAYER_EMBEDDING:
		return embedding(p);
	case BM_LAYER_POSITION:
		return bm_onnx_position(g, x, p->w, (size_t) l->spec.size[0], l->out.d[0]);
	case BM_LAYER_TOKENS:
		return tokens(p);
	case BM_LAYER_CONV2D:
	case BM_LAYER_CONV1D:
		return convolution(p);
	case BM_LAYER_MAX_POOL2D:
		return pool(p, "MaxPool");
	case BM_LAYER_AVERAGE_POOL2D:
		return pool(p, "AveragePool");
	case BM_LAYER_GLOBAL_MAX_POOL:
		return global_pool(p, "ReduceMax");
	case BM_LAYER_GLOBAL_AVERAGE_POOL:
		return global_pool(p, "ReduceMean");
	case BM_LAYER_RELU:
		return bm_onnx_op(g, "Relu", 1, x);
	case BM_LAYER_GELU:
		return gelu(p);
	case BM_LAYER_SILU:
		return bm_onnx_op(g, "Mul", 2, x, bm_onnx_op(g, "Sigmoid", 1, x));
	case BM_LAYER_SIGMOID:
		return bm_onnx_op(g, "Sigmoid", 1, x);
	case BM_LAYER_TANH:
		return bm_onnx_op(g, "Tanh", 1, x);
	case BM_LAYER_SOFTMAX:
		return softmax(p);
	case BM_LAYER_LAYER_NORM:
		return bm_onnx_norm(g, x, p->w, width_of(&l->out));
	case BM_LAYER_BATCH_NORM:
		return batch_norm(p);
	case BM_LAYER_DROPOUT:
		return x;
	case BM_LAYER_ATTENTION:
		return attention(p);
	case BM_LAYER_GRU:
	case BM_LAYER_LSTM:
		return recurrent(p, l->spec.type == BM_LAYER_LSTM);
	case BM_LAYER_ADD:
		return bm_onnx_op(g, "Add", 2, x, p->x[1]);
	case BM_LAYER_CONCAT:
		return concat(p);
	case BM_LAYER_FLATTEN:
		return bm_onnx_reshape(g, x, 2, (int64[]){0, (int64) l->out.d[0]});
	case BM_LAYER_MAP:
		return map(p);
	case BM_LAYER_LAST:
		return bm_onnx_pick(g, x, -1, 1);
	default:
		elog(ERROR, "layer type \"%s\" has no operator of ONNX", l->type->name);
	}
	return NULL;
}

/* ---- the network ---- */

static void
inputs(BmOnnxGraph *g, const BmNetworkBound *b)
{
	int n = b->net.in.steps ? 3 : 2;
	int64 dims[3] = {BM_ONNX_BATCH, BM_ONNX_STEPS, 0};

	dims[n - 1] = (int64) b->net.input.width;
	if (b->net.input.width > 0)
		bm_onnx_input(g, "features", BM_ONNX_FLOAT, n, dims);
	dims[n - 1] = (int64) b->ncodes;
	if (b->ncodes > 0)
		bm_onnx_input(g, "codes", BM_ONNX_INT64, n, dims);
}

/* z (batch, O) as bmc_network_predict answers it; see answer() of network_answer.c. */
static const char *
answer(BmOnnxGraph *g, const BmNetworkBound *b, const char *z)
{
	size_t O = bmc_dims_count(bmc_network_out(&b->net));
	const char *y, *sum;

	if (b->reconstruct)
	{
		y = bm_onnx_op(g, "Sub", 2, z, "features");
		y = bm_onnx_op(g, "ReduceMean", 1, bm_onnx_op(g, "Mul", 2, y, y));
		bm_onnx_set_integers(g, "axes", 1, &(int64){1});
		return y;
	}
	if (b->classes == 0 || b->net.layer[b->net.n - 1].spec.type == BM_LAYER_SOFTMAX)
		return z;
	if (O == 1)
	{
		y = bm_onnx_op(g, "Clip", 3, z, bm_onnx_number(g, 0.0f), bm_onnx_number(g, 1.0f));
		y = bm_onnx_op(g, "Concat", 2, bm_onnx_op(g, "Sub", 2, bm_onnx_number(g, 1.0f), y), y);
		bm_onnx_set_integer(g, "axis", 1);
		return y;
	}
	y = bm_onnx_op(g, "Relu", 1, z);
	sum = bm_onnx_op(g, "ReduceSum", 2, y, bm_onnx_integers(g, 1, &(int64){1}));
	return bm_onnx_op(g, "Where", 3, bm_onnx_op(g, "Greater", 2, sum, bm_onnx_number(g, 0.0f)),
					  bm_onnx_op(g, "Div", 2, y, sum), bm_onnx_number(g, 1.0f / (float) O));
}

const char *
bm_onnx_network(BmOnnxGraph *g, const BmNetworkBound *b)
{
	const BmNetwork *net = &b->net;
	const char *y[BM_NETWORK_LAYERS];

	inputs(g, b);
	for (int i = 0; i < net->n; i++)
	{
		Place p = {g, b, &net->layer[i], b->weights.layer[i], b->weights.state[i], {NULL}};

		for (int k = 0; k < p.l->spec.inputs; k++)
			p.x[k] = p.l->spec.input[k] < 0 ? "features" : y[p.l->spec.input[k]];
		y[i] = layer(&p);
	}
	return answer(g, b, y[net->n - 1]);
}
