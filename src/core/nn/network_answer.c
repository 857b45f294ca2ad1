/*
 * network_answer.c
 *		A stored network answers: bound and checked, predictions, embeddings, and integrated gradients
 *		(Sundararajan, Taly and Yan 2017) from the mean row.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/network_state.h"
#include "core/num/vec.h"

#define PATH_STEPS                                                                                 \
	32 /* points of the path of an explanation; its shares then sum up to about 1 % */

/* ---- bind ---- */

static const char *
bind_layers(BmNetworkBound *b, const BmTensors *t, const char *prefix)
{
	for (int i = 0; i < b->net.n; i++)
	{
		const BmLayer *l = &b->net.layer[i];
		char name[BM_TENSOR_NAME];
		const BmTensor *w, *state;

		snprintf(name, sizeof(name), "layer%d.%s", i, l->type->name);
		w = l->params ? bmc_tensors_find(t, prefix, name, BM_F32, 1, &l->params) : NULL;
		snprintf(name, sizeof(name), "layer%d.state", i);
		state = l->state ? bmc_tensors_find(t, prefix, name, BM_F32, 1, &l->state) : NULL;
		if ((l->params && !w) || (l->state && !state))
			return "a layer's weights are missing or of the wrong size";
		if ((w && !bmc_all_finite(w->data, l->params)) ||
			(state && !bmc_all_finite(state->data, l->state)))
			return "a weight is not finite";
		b->weights.layer[i] = w ? w->data : NULL;
		b->weights.state[i] = state ? state->data : NULL;
	}
	return NULL;
}

static const char *
bind_codes(BmNetworkBound *b, const BmTensors *t, const char *prefix)
{
	const BmTensor *c = bmc_tensors_find(t, prefix, "cardinality", BM_I32, 1, &b->ncodes);
	const BmTensor *s = bmc_tensors_find(t, prefix, "support", BM_I32, 1, &b->net.input.rows);
	size_t rows = 0;

	if (c == NULL || s == NULL)
		return "the categories are missing";
	for (size_t j = 0; j < b->ncodes; j++)
	{
		int32_t n = ((const int32_t *) c->data)[j];

		b->column[j] = (uint32_t) rows;
		if (n < 0 || (rows += (size_t) n) > b->net.input.rows)
			return "the categories do not fit the table";
	}
	b->support = s->data;
	return NULL;
}

/* The spec as it was stored; every number is checked again by the plan. */
static const char *
read_spec(BmNetworkSpec *spec, const BmNetworkHead *h, const int32_t *config, size_t n)
{
	if (h->layers < 1 || h->layers > BM_NETWORK_LAYERS - 2 ||
		n != BM_NETWORK_HEAD + (size_t) h->layers * BM_NETWORK_SPEC)
		return "the number of layers is wrong";
	memcpy(spec->layer, config + BM_NETWORK_HEAD, (size_t) h->layers * sizeof(BmLayerSpec));
	spec->n = h->layers;
	spec->code = h->code;
	for (int i = 0; i < spec->n; i++)
	{
		const BmLayerSpec *l = &spec->layer[i];
		bool small = true;

		for (int k = 0; k < BM_LAYER_INPUTS; k++)
			small &= l->input[k] >= -1 && l->input[k] < spec->n;
		for (int k = 0; k < 2; k++)
			small &= l->size[k] >= 0 && l->size[k] < (1 << 30) && l->stride[k] >= 0 &&
					 l->stride[k] < 65536 && l->dilation[k] >= 0 && l->dilation[k] < 65536;
		if (l->type < 0 || l->type >= BM_LAYER_TYPES || l->inputs < 0 ||
			l->inputs > BM_LAYER_INPUTS || l->units < 0 || l->units > (1 << 20) || l->heads < 0 ||
			!small || !(l->rate >= 0.0f && l->rate < 1.0f))
			return "a layer's settings are wrong";
	}
	return NULL;
}

static bool
head_fits(const BmNetworkHead *h)
{
	return h->format == BM_NETWORK_FORMAT && h->width >= 0 && h->ncodes >= 0 &&
		   h->ncodes <= BM_NETWORK_CODES && h->rows >= 0 && h->steps >= 1 && h->steps < 65536 &&
		   h->classes >= 0 && h->loss >= 0 && h->loss <= BM_LOSS_HUBER && h->code < h->layers;
}

const char *
bmc_network_bind(void *bound, const BmTensors *t, const char *prefix)
{
	BmNetworkBound *b = bound;
	const BmTensor *config = bmc_tensors_find(t, prefix, "config", BM_I32, 1, (size_t[]){0});
	BmNetworkHead h;
	BmNetworkSpec spec;
	char error[BM_NETWORK_ERROR];
	const char *wrong;
	size_t width, outputs;
	const BmTensor *mean;

	if (config == NULL || config->shape[0] < BM_NETWORK_HEAD)
		return "the layers are missing";
	memcpy(&h, config->data, sizeof(h));
	if (!head_fits(&h))
		return "the settings are wrong";
	wrong = read_spec(&spec, &h, config->data, config->shape[0]);
	if (wrong)
		return wrong;
	memset(b, 0, sizeof(*b));
	if (bmc_network_plan(&b->net, &spec,
						 &(BmNetworkInput){(size_t) h.width, (size_t) h.ncodes, (size_t) h.rows,
										   (size_t) h.steps},
						 error) != BM_OK ||
		b->net.n != spec.n)
		return "the layers do not fit together";
	b->classes = (size_t) h.classes;
	b->ncodes = (size_t) h.ncodes;
	b->reconstruct = h.reconstruct != 0;
	b->loss = h.loss;
	outputs = bmc_dims_count(bmc_network_out(&b->net));
	if (bmc_network_out(&b->net)->steps ||
		(outputs != (b->reconstruct ? (size_t) h.width : bmc_outputs(b->classes)) &&
		 !(outputs == 1 && b->classes == 2)))
		return "the last layer does not fit the target";
	width = b->net.input.width;
	mean = width ? bmc_tensors_find(t, prefix, "mean", BM_F32, 1, &width) : NULL;
	if (width && mean == NULL)
		return "the mean row is missing";
	b->mean = mean ? mean->data : NULL;
	wrong = b->net.embedding >= 0 ? bind_codes(b, t, prefix) : NULL;
	return wrong ? wrong : bind_layers(b, t, prefix);
}

const BmNetwork *
bmc_network_of(const void *bound)
{
	return &((const BmNetworkBound *) bound)->net;
}

/* ---- predictions ---- */

static size_t
pass_samples(const BmNetworkBound *b, size_t B)
{
	size_t most = bmc_pass_samples(&b->net);

	return B < 1 ? 1 : B < most ? B : most;
}

/* Floats that an explanation needs beside its pass: a path's end, start and gradient. */
static size_t
entry_floats(const BmNetworkBound *b)
{
	const BmDims *in = b->net.embedding >= 0 ? &b->net.layer[b->net.embedding].out : &b->net.in;

	return bmc_mul(bmc_dims_count(in), b->net.input.steps);
}

size_t
bmc_network_predict_bytes(const void *bound, size_t B)
{
	const BmNetworkBound *b = bound;
	size_t S = pass_samples(b, B), steps = b->net.input.steps;
	size_t predict = bmc_network_pass_size(&b->net, S, bmc_mul(S, steps), false, false);
	size_t explain = bmc_network_pass_size(&b->net, 1, steps, true, true);

	explain = bmc_add(explain, bmc_mul(3, bmc_take_size(entry_floats(b), sizeof(float))));
	explain =
		bmc_add(explain, bmc_take_size(bmc_dims_count(bmc_network_out(&b->net)), sizeof(float)));
	return predict > explain ? predict : explain;
}

/* One sample's answer from the last layer's numbers z (O): probabilities, a value, or an error. */
static void
answer(float *out, const BmNetworkBound *b, const float *z, size_t O, const float *row)
{
	float sum = 0.0f, error = 0.0f;

	if (b->reconstruct)
	{
		for (size_t o = 0; o < O; o++)
			error += (z[o] - row[o]) * (z[o] - row[o]);
		out[0] = error / (float) O;
	}
	else if (b->classes == 0)
		out[0] = z[0];
	else if (O == 1)
	{
		out[1] = z[0] < 0.0f ? 0.0f : z[0] > 1.0f ? 1.0f : z[0];
		out[0] = 1.0f - out[1];
	}
	else
	{
		for (size_t o = 0; o < O; o++) /* a network that ends without softmax may answer anything */
			sum += out[o] = z[o] > 0.0f ? z[o] : 0.0f;
		for (size_t o = 0; o < O; o++)
			out[o] = sum > 0.0f ? out[o] / sum : 1.0f / (float) O;
	}
}

/* Run layers up to `to` on all samples and hand each pass's numbers on. */
typedef void (*Taken)(float *out, const BmNetworkBound *b, const float *z, size_t O,
					  const float *row);

static void
run(float *out, size_t stride, const BmNetworkBound *b, int to, Taken taken, const BmSamples *s,
	size_t first, size_t count, void *scratch, bool fast_blas)
{
	size_t S = pass_samples(b, count), O = bmc_dims_count(&b->net.layer[to - 1].out);
	BmPass p = bmc_network_pass(&b->net, S, S * b->net.input.steps, false, false, scratch);

	p.gemm = fast_blas ? bmc_gemm : bmc_gemm_builtin;
	for (size_t i = 0; i < count; i += S)
	{
		size_t n = count - i < S ? count - i : S;

		bmc_pass_fill(&p, s, NULL, first + i, n, b->column);
		bmc_pass_forward(&p, &b->weights, 0, to);
		for (size_t k = 0; k < n; k++, out += stride)
			taken(out, b, p.y[to - 1] + k * O, O, p.x + k * b->net.input.width);
	}
}

void
bmc_network_predict(float *out, const void *bound, const BmSamples *s, size_t first, size_t count,
					void *scratch, bool fast_blas)
{
	const BmNetworkBound *b = bound;

	run(out, b->reconstruct ? 1 : bmc_outputs(b->classes), b, b->net.n, answer, s, first, count,
		scratch, fast_blas);
}

size_t
bmc_network_code_width(const void *bound)
{
	const BmNetworkBound *b = bound;

	return b->net.code < 0 ? 0 : bmc_dims_count(&b->net.layer[b->net.code].out);
}

static void
copy(float *out, const BmNetworkBound *b, const float *z, size_t O, const float *row)
{
	memcpy(out, z, O * sizeof(float));
}

void
bmc_network_embed(float *out, const void *bound, const BmSamples *s, size_t first, size_t count,
				  void *scratch, bool fast_blas)
{
	const BmNetworkBound *b = bound;

	run(out, bmc_network_code_width(b), b, b->net.code + 1, copy, s, first, count, scratch,
		fast_blas);
}

/* ---- explanations ---- */

/* The row where a path starts: mean numbers, and of each code the mean of its part of the table. */
static void
start_row(float *row, const BmNetworkBound *b)
{
	const BmNetwork *net = &b->net;
	size_t W = net->input.width, D;
	const float *e;

	memcpy(row, b->mean, W * sizeof(float));
	if (net->embedding < 0)
		return;
	D = (size_t) net->layer[net->embedding].spec.units;
	e = b->weights.layer[net->embedding];
	memset(row + W, 0, b->ncodes * D * sizeof(float));
	for (size_t j = 0; j < b->ncodes; j++)
	{
		size_t end = j + 1 < b->ncodes ? b->column[j + 1] : net->input.rows;
		double n = 0.0;

		for (size_t r = b->column[j]; r < end; r++)
			n += (double) b->support[r];
		for (size_t r = b->column[j]; n > 0.0 && r < end; r++)
			bmc_axpy(row + W + j * D, (float) ((double) b->support[r] / n), e + r * D, D);
	}
}

/* dz (O): the slope of what is explained by the top layer's numbers z, log-odds of a class or a value. */
static void
slope_of(float *dz, const BmNetworkBound *b, const float *z, size_t O, size_t target, int top)
{
	float most, sum, rest;

	memset(dz, 0, O * sizeof(float));
	if (b->reconstruct || b->classes == 0)
		dz[b->reconstruct ? 0 : target] = 1.0f;
	else if (O == 1)
		dz[0] = target ? 1.0f : -1.0f;
	else if (top == b->net.n)
		dz[target] = 1.0f;
	else
	{
		most = bmc_max(z, O);
		sum = bmc_exp_sum(dz, z, most, O);
		rest =
			sum -
			dz[target]; /* d log(p / (1 - p)): 1 for the class, -its share of the rest for others */
		for (size_t o = 0; o < O; o++)
			dz[o] = o == target ? 1.0f : rest > 0.0f ? -dz[o] / rest : 0.0f;
	}
}

/* Layers whose last numbers are explained: before a last softmax or sigmoid, whatever the loss. */
static int
explained(const BmNetworkBound *b)
{
	int last = b->net.layer[b->net.n - 1].spec.type;

	return b->net.n > 1 && (last == BM_LAYER_SOFTMAX || last == BM_LAYER_SIGMOID) ? b->net.n - 1
																				  : b->net.n;
}

/* A row's gradient times its distance, numbers first, then for each code over its embedding. */
static void
shares_of(float *share, const BmNetworkBound *b, const float *gradient, const float *end,
		  const float *start, size_t T)
{
	size_t W = b->net.input.width, F = entry_floats(b) / b->net.input.steps;
	size_t D = b->ncodes ? (F - W) / b->ncodes : 0;

	for (size_t t = 0; t < T; t++, gradient += F, end += F, share += W + b->ncodes)
	{
		for (size_t j = 0; j < W; j++)
			share[j] = gradient[j] * (end[j] - start[j]);
		for (size_t j = 0; j < b->ncodes; j++)
		{
			share[W + j] = 0.0f;
			for (size_t d = W + j * D; d < W + (j + 1) * D; d++)
				share[W + j] += gradient[d] * (end[d] - start[d]);
		}
	}
}

void
bmc_network_explain(float *share, const void *bound, const BmSamples *s, size_t i, size_t target,
					void *scratch)
{
	const BmNetworkBound *b = bound;
	const BmNetwork *net = &b->net;
	size_t steps = net->input.steps, size = bmc_network_pass_size(net, 1, steps, true, true),
		   f = sizeof(float);
	BmPass p = bmc_network_pass(net, 1, steps, true, true, scratch);
	BmArena arena = {(char *) scratch + size - size % 64, bmc_network_predict_bytes(b, 1), 0};
	size_t n = entry_floats(b), F = n / steps;
	float *end = bmc_take(&arena, n, f), *start = bmc_take(&arena, n, f);
	float *sum = bmc_take(&arena, n, f), *entry, *gradient;
	int from = net->embedding + 1, top = explained(b);

	bmc_pass_fill(&p, s, NULL, i, 1, b->column);
	p.gemm = bmc_gemm_builtin;
	bmc_pass_forward(&p, &b->weights, 0, from);
	entry = net->embedding < 0 ? p.x : p.y[net->embedding];
	gradient = net->embedding < 0 ? p.dx : p.dy[net->embedding];
	memcpy(end, entry, p.T * F * f);
	memset(sum, 0, p.T * F * f);
	start_row(start, b);
	for (int k = 0; k < PATH_STEPS; k++)
	{
		float at = ((float) k + 0.5f) / PATH_STEPS, *dz = bmc_pass_gradient(&p, top);

		for (size_t t = 0; t < p.T * F; t++)
			entry[t] = start[t % F] + at * (end[t] - start[t % F]);
		bmc_pass_forward(&p, &b->weights, from, top);
		slope_of(dz, b, p.y[top - 1], bmc_dims_count(&net->layer[top - 1].out), target, top);
		bmc_pass_backward(&p, &b->weights, NULL, NULL, NULL, top, from);
		bmc_axpy(sum, 1.0f / PATH_STEPS, gradient, p.T * F);
	}
	shares_of(share, b, sum, end, start, p.T);
}
