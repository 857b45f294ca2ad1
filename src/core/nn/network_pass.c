/*
 * network_pass.c
 *		One shard's way through a network, forward and backward, in one block of memory.
 *
 * Every layer has a buffer for its answer and one for its gradient, unless it works in its input's. A
 * gradient is written by the first reader of a layer and added to by the others, through a spare
 * buffer. Of an input that only the newest rows are read of (BmLayer.gathers), these are copied together
 * going forward, and their gradients go back to their places.
 */
#include <string.h>

#include "core/nn/layers.h"
#include "core/nn/network.h"
#include "core/num/vec.h"

#define PASS_FLOATS (1 << 20) /* of answers in one pass: 4 MB, about what is near the caches */
#define PASS_FLOPS 1e9        /* of its forward pass, a third of all: well below 50 ms */

/* Where layer i's answer lies: its own buffer, or that of the layer that shares. */
static size_t
layer_floats(const BmNetwork *net, int i, size_t S, size_t T)
{
	const BmLayer *l = &net->layer[i];

	if (l->inplace || l->done_before)
		return 0;
	l += l->fused;
	return bmc_mul(bmc_layer_rows_out(l, S, T), bmc_dims_count(&l->out));
}

/* Numbers of one row of all inputs before k that are gathered. */
static size_t
gathered_width(const BmLayer *l, int k)
{
	size_t n = 0;

	for (int j = 0; j < k; j++)
		n += l->gathers[j] ? bmc_dims_count(&l->in[j]) : 0;
	return n;
}

/* What the largest of all layers needs. */
typedef struct Largest
{
	size_t scratch, input;
} Largest;

static Largest
largest(const BmNetwork *net, size_t S, size_t T)
{
	Largest most = {0, bmc_mul(T, net->input.width)};

	for (int i = 0; i < net->n; i++)
	{
		const BmLayer *l = &net->layer[i];
		size_t rows = bmc_layer_rows_in(l, S, T);
		size_t scratch = l->type->scratch ? l->type->scratch(l, rows) : 0;

		most.scratch = scratch > most.scratch ? scratch : most.scratch;
		for (int k = 0; k < l->spec.inputs; k++)
		{
			size_t in = bmc_mul(rows, bmc_dims_count(&l->in[k]));

			most.input = in > most.input ? in : most.input;
		}
	}
	return most;
}

/* Lay the buffers out; with memory NULL only count the bytes. */
static size_t
lay(BmPass *p, const BmNetwork *net, size_t S, size_t T, bool backward, bool input_wanted,
	void *memory)
{
	BmArena arena = {memory, SIZE_MAX, 0};
	Largest most = largest(net, S, T);
	size_t bytes = 0, f = sizeof(float);

#define TAKE(to, n, size)                                                                          \
	do                                                                                             \
	{                                                                                              \
		size_t want = (n);                                                                         \
		(to) = memory && want ? bmc_take(&arena, want, size) : NULL;                               \
		bytes = want ? bmc_add(bytes, bmc_take_size(want, size)) : bytes;                          \
	} while (0)

	TAKE(p->x, bmc_mul(T, net->input.width) + 16, f);
	TAKE(p->dx, input_wanted ? bmc_mul(T, net->input.width) + 16 : 0, f);
	TAKE(p->code, bmc_mul(T, net->input.ncodes), sizeof(uint32_t));
	TAKE(p->start, bmc_add(S, 1), sizeof(uint32_t));
	TAKE(p->tokens, bmc_add(S, 1), sizeof(uint32_t));
	for (int i = 0; i < net->n; i++)
	{
		const BmLayer *l = &net->layer[i];
		size_t n = layer_floats(net, i, S, T), rows = bmc_layer_rows_in(l, S, T);

		TAKE(p->y[i], n, f);
		TAKE(p->gathered[i], bmc_mul(S, gathered_width(l, l->spec.inputs)), f);
		TAKE(p->dy[i], backward && (l->learns || input_wanted) ? n : 0, f);
		TAKE(p->keep[i], l->type->keep && !l->done_before ? l->type->keep(l, rows) : 0, f);
		if (l->inplace && l->spec.input[0] >= 0)
		{
			p->y[i] = p->y[l->spec.input[0]];
			p->dy[i] = p->dy[l->spec.input[0]];
		}
		if (l->done_before)
		{
			p->y[i] = p->y[i - 1];
			p->dy[i] = p->dy[i - 1];
		}
	}
	TAKE(p->scratch, most.scratch, f);
	TAKE(p->spare, backward ? most.input : 0, f);
#undef TAKE
	return bytes;
}

size_t
bmc_network_pass_size(const BmNetwork *net, size_t S, size_t T, bool backward, bool input_wanted)
{
	BmPass p;

	return bmc_add(lay(&p, net, S, T, backward, input_wanted, NULL), 64);
}

size_t
bmc_network_layer_bytes(const BmNetwork *net, int i, size_t S, size_t T)
{
	const BmLayer *l = &net->layer[i];
	size_t rows = bmc_layer_rows_in(l, S, T), n = layer_floats(net, i, S, T);

	n = bmc_add(l->learns ? bmc_mul(2, n) : n, bmc_mul(S, gathered_width(l, l->spec.inputs)));
	if (l->type->keep && !l->done_before)
		n = bmc_add(n, l->type->keep(l, rows));
	return bmc_mul(n, sizeof(float));
}

BmPass
bmc_network_pass(const BmNetwork *net, size_t S, size_t T, bool backward, bool input_wanted,
				 void *memory)
{
	BmPass p;

	memset(&p, 0, sizeof(p));
	lay(&p, net, S, T, backward, input_wanted, memory);
	p.net = net;
	p.maxS = S;
	p.maxT = T;
	p.backward = backward;
	p.input_wanted = input_wanted;
	return p;
}

size_t
bmc_pass_samples(const BmNetwork *net)
{
	size_t floats = 1, by_size, by_work;

	for (int i = 0; i < net->n; i++)
		floats = bmc_add(floats, layer_floats(net, i, 1, net->input.steps));
	by_size = PASS_FLOATS / floats;
	by_work = (size_t) (PASS_FLOPS / (net->flops + 1.0));
	by_size = by_size < by_work ? by_size : by_work;
	return by_size > 1 ? by_size : 1;
}

void
bmc_pass_fill(BmPass *p, const BmSamples *s, const uint32_t *index, size_t first, size_t S,
			  const uint32_t *column)
{
	size_t T = 0, W = s->width;

	p->start[0] = 0;
	for (size_t i = 0; i < S; i++)
	{
		size_t rows, from = bmc_sample(s, index ? index[i] : first + i, &rows);

		memcpy(p->x + T * W, s->x + from * W, rows * W * sizeof(float));
		for (size_t t = 0; p->code && t < rows; t++)
			for (size_t j = 0; j < s->ncodes; j++)
				p->code[(T + t) * s->ncodes + j] = column[j] + s->code[(from + t) * s->ncodes + j];
		T += rows;
		p->start[i + 1] = (uint32_t) T;
	}
	p->S = S;
	p->T = T;
}

/* The sequences of a layer's input; those of a fixed number of steps are counted out. */
static void
sequences(BmPass *p, const BmDims *in, BmRagged *r)
{
	*r = (BmRagged){p->S, p->start, NULL};
	if (in->steps <= 0)
		return;
	for (size_t i = 0; i <= p->S; i++)
		p->tokens[i] = (uint32_t) (i * (size_t) in->steps);
	r->start = p->tokens;
}

static const float *
input_of(const BmPass *p, const BmLayer *l, int k)
{
	return l->spec.input[k] < 0 ? p->x : p->y[l->spec.input[k]];
}

BmLayerCall
bmc_pass_call(BmPass *p, const BmNetworkWeights *w, float *dw, int i)
{
	const BmLayer *l = &p->net->layer[i];
	BmLayerCall c = {.l = l,
					 .rows = bmc_layer_rows_in(l, p->S, p->T),
					 .out_rows = bmc_layer_rows_out(l, p->S, p->T),
					 .w = w->layer[i],
					 .dw = dw && l->params && !l->type->is_sparse ? dw + l->at : NULL,
					 .state = w->state[i],
					 .y = p->y[i],
					 .dy = p->dy[i],
					 .keep = p->keep[i],
					 .scratch = p->scratch,
					 .stats = p->stats[i],
					 .code = p->code,
					 .columns = p->net->input.ncodes,
					 .drop = {l->spec.rate, p->drop.seed, p->drop.stream + l->stream},
					 .training = p->training,
					 .gemm = p->gemm};

	for (int k = 0; k < l->spec.inputs; k++)
		c.x[k] = l->gathers[k] ? p->gathered[i] + p->S * gathered_width(l, k) : input_of(p, l, k);
	return c;
}

/* The newest rows of the layer's gathered inputs, to where bmc_pass_call looks for them. */
static void
gather(BmPass *p, const BmLayer *l, int i, const BmRagged *r)
{
	float *to = p->gathered[i];

	for (int k = 0; k < l->spec.inputs; k++)
	{
		size_t n = bmc_dims_count(&l->in[k]);

		for (size_t s = 0; l->gathers[k] && s < p->S; s++, to += n)
			memcpy(to, input_of(p, l, k) + bmc_ragged_newest(r, s) * n, n * sizeof(float));
	}
}

void
bmc_pass_forward(BmPass *p, const BmNetworkWeights *w, int from, int to)
{
	for (int i = from; i < to; i++)
	{
		BmLayerCall c = bmc_pass_call(p, w, NULL, i);
		BmRagged r;

		if (c.l->done_before)
			continue;
		sequences(p, &c.l->in[0], &r);
		c.r = c.l->in[0].steps ? &r : NULL;
		if (c.l->newest)
			gather(p, c.l, i, &r);
		c.l->type->forward(&c);
	}
}

float *
bmc_pass_gradient(BmPass *p, int top)
{
	memset(p->filled, 0, sizeof(p->filled));
	p->filled[top - 1] = true;
	return p->dy[top - 1];
}

/* Where the gradient of input k goes: its layer's buffer, or the spare one if that has some already. */
static float *
target(BmPass *p, const BmLayer *l, int k, bool *add)
{
	int from = l->spec.input[k];

	*add = false;
	if (from < 0)
		return p->input_wanted ? p->dx : NULL;
	if (!p->net->layer[from].learns && !p->input_wanted)
		return NULL;
	*add = p->filled[from];
	return p->dy[from];
}

static bool
input_filled(const BmPass *p, int i)
{
	for (int j = i + 1; j < p->net->n; j++)
		for (int k = 0; k < p->net->layer[j].spec.inputs; k++)
			if (p->net->layer[j].spec.input[k] < 0)
				return true;
	return false;
}

/* The gradient of input k from the spare buffer to where it belongs, beside what is there (add). */
static void
hand_on(BmPass *p, const BmLayerCall *c, int k, float *to, bool add)
{
	const BmLayer *l = c->l;
	size_t n = bmc_dims_count(&l->in[k]), rows = bmc_network_rows(&l->in[k], p->S, p->T);

	if (!l->gathers[k])
	{
		bmc_axpy(to, 1.0f, p->spare, c->rows * n);
		return;
	}
	if (!add)
		memset(to, 0, rows * n * sizeof(float));
	for (size_t s = 0; s < p->S; s++)
		bmc_axpy(to + bmc_ragged_newest(c->r, s) * n, 1.0f, p->spare + s * n, n);
}

/* One layer with one input backward: the gradient is written, or added through the spare buffer. */
static void
back_one(BmPass *p, BmLayerCall *c, int i)
{
	const BmLayer *l = c->l;
	bool add;
	float *to = target(p, l, 0, &add);
	int from = l->spec.input[0];

	if (from < 0 && to)
		add = input_filled(p, i);
	c->dx[0] = to && ((add && !l->inplace) || l->gathers[0]) ? p->spare : to;
	l->type->backward(c);
	if (c->dx[0] != to)
		hand_on(p, c, 0, to, add);
	if (from >= 0)
		p->filled[from] = true;
}

/* A join hands the same gradient on to several; one input at a time. */
static void
back_join(BmPass *p, BmLayerCall *c, int i)
{
	for (int k = 0; k < c->l->spec.inputs; k++)
	{
		bool add;
		float *to = target(p, c->l, k, &add);
		int from = c->l->spec.input[k];

		memset(c->dx, 0, sizeof(c->dx));
		if (from < 0 && to)
			add = input_filled(p, i) || k > 0;
		c->dx[k] = add || c->l->gathers[k] ? p->spare : to;
		if (to == NULL)
			continue;
		c->l->type->backward(c);
		if (c->dx[k] != to)
			hand_on(p, c, k, to, add);
		if (from >= 0)
			p->filled[from] = true;
	}
}

void
bmc_pass_backward(BmPass *p, const BmNetworkWeights *w, float *dw, float *dtable,
				  const uint32_t *slot, int from, int to)
{
	for (int i = from - 1; i >= to; i--)
	{
		BmLayerCall c = bmc_pass_call(p, w, dw, i);
		BmRagged r;

		if (c.l->done_before || !(c.l->learns || p->input_wanted))
		{
			if (c.l->done_before)
				p->filled[i - 1] = p->filled[i];
			continue;
		}
		if (!p->filled[i])
			continue; /* nothing after it reads it */
		if (c.l->type->is_sparse)
			c.dw = dtable;
		c.slot = slot;
		sequences(p, &c.l->in[0], &r);
		c.r = c.l->in[0].steps ? &r : NULL;
		if (c.l->spec.inputs == 1)
			back_one(p, &c, i);
		else
			back_join(p, &c, i);
	}
}
