/*
 * network.c
 *		From a list of layers to a plan: what each reads, the shapes, the places of parameters, which
 *		layers share a buffer, and which are done in one sweep.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/conv2d.h"
#include "core/nn/layers.h"
#include "core/nn/network.h"

size_t
bmc_network_rows(const BmDims *dims, size_t S, size_t T)
{
	return dims->steps == BM_LAYER_WINDOW ? T : dims->steps > 0 ? S * (size_t) dims->steps : S;
}

size_t
bmc_layer_rows_in(const BmLayer *l, size_t S, size_t T)
{
	return l->newest && l->type->row_wise ? S : bmc_network_rows(&l->in[0], S, T);
}

size_t
bmc_layer_rows_out(const BmLayer *l, size_t S, size_t T)
{
	return l->newest ? S : bmc_network_rows(&l->out, S, T);
}

BmNetworkInput
bmc_network_input(const BmSamples *s)
{
	BmNetworkInput in = {s->width, s->ncodes, 0, s->steps};

	for (size_t j = 0; j < s->ncodes; j++)
		in.rows += s->cardinality[j];
	return in;
}

/* Append one layer of spec, reading what is `shift` places further than it says. */
static bool
append(BmNetwork *net, const BmLayerSpec *spec, int shift)
{
	BmLayer *l = &net->layer[net->n];

	if (net->n == BM_NETWORK_LAYERS)
		return false;
	memset(l, 0, sizeof(*l));
	l->spec = *spec;
	l->type = bmc_layer_types[spec->type];
	if (l->spec.inputs == 0)
	{
		l->spec.inputs = 1;
		l->spec.input[0] = net->n - 1;
	}
	else
		for (int k = 0; k < l->spec.inputs; k++)
			l->spec.input[k] += shift; /* the network's input, -1, becomes what was put before it */
	net->n++;
	return true;
}

/* The first layer that the user wrote decides what is put before it. */
static int
put_before(BmNetwork *net, const BmNetworkSpec *spec)
{
	const BmLayerSpec embedding = {.type = BM_LAYER_EMBEDDING, .units = 8};
	const BmLayerSpec map = {.type = BM_LAYER_MAP};

	if (net->input.ncodes > 0 && spec->layer[0].type != BM_LAYER_EMBEDDING)
		append(net, &embedding, 0);
	if (spec->layer[0].type == BM_LAYER_CONV2D && net->input.steps <= 1)
		append(net, &map, 0);
	return net->n;
}

static BmStatus
wrong_input(const BmNetwork *net, int i, char *error)
{
	const BmLayer *l = &net->layer[i];

	if (l->spec.inputs < l->type->min_inputs || l->spec.inputs > l->type->max_inputs)
	{
		snprintf(error, BM_NETWORK_ERROR, "Layer %d (%s) reads %d layers; it needs %d to %d.",
				 i + 1, l->type->name, l->spec.inputs, l->type->min_inputs, l->type->max_inputs);
		return BM_EINVAL;
	}
	for (int k = 0; k < l->spec.inputs; k++)
		if (l->spec.input[k] < -1 || l->spec.input[k] >= i)
		{
			snprintf(error, BM_NETWORK_ERROR,
					 "Layer %d (%s) reads layer %d, which is not before it.", i + 1, l->type->name,
					 l->spec.input[k] + 1);
			return BM_EINVAL;
		}
	return BM_OK;
}

/* What only the whole network knows goes into the spec: rows of the table, most steps. */
static void
settle(BmNetwork *net, BmLayer *l)
{
	if (l->spec.type == BM_LAYER_EMBEDDING)
	{
		l->spec.heads = (int) net->input.ncodes;
		l->spec.size[0] = (int) net->input.rows;
	}
	if (l->spec.type == BM_LAYER_POSITION)
		l->spec.size[0] = l->in[0].steps > 0 ? l->in[0].steps : (int) net->input.steps;
}

static BmStatus
infer(BmNetwork *net, int i, char *error)
{
	BmLayer *l = &net->layer[i];
	BmShapeFault fault = {""};
	BmStatus status = wrong_input(net, i, error);
	char got[40];

	if (status != BM_OK)
		return status;
	for (int k = 0; k < l->spec.inputs; k++)
		l->in[k] = l->spec.input[k] < 0 ? net->in : net->layer[l->spec.input[k]].out;
	settle(net, l);
	bmc_dims_text(got, sizeof(got), &l->in[0]);
	if (strstr(l->type->options, "units") || strstr(l->type->options, "filters"))
		if (l->spec.units < 1)
		{
			snprintf(error, BM_NETWORK_ERROR, "Layer %d (%s) needs \"%s\" of at least 1.", i + 1,
					 l->type->name, strstr(l->type->options, "units") ? "units" : "filters");
			return BM_EINVAL;
		}
	if (!l->type->shape(l, l->spec.inputs, &fault))
	{
		snprintf(error, BM_NETWORK_ERROR, "Layer %d (%s) got %s; it needs %.80s.", i + 1,
				 l->type->name, got, fault.needs);
		return BM_EINVAL;
	}
	return BM_OK;
}

/* Places of the layer's parameters in the vectors. */
static void
place(BmNetwork *net, BmLayer *l)
{
	BmParam p[BM_LAYER_PARAMS];
	int n = l->type->params ? l->type->params(l, p) : 0;

	l->at = net->P;
	l->state_at = net->Q;
	for (int i = 0; i < n; i++)
	{
		size_t size = 1;

		for (int d = 0; d < p[i].ndim; d++)
			size = bmc_mul(size, p[i].shape[d]);
		*(p[i].state ? &l->state : &l->params) += size;
	}
	if (!l->type->is_sparse)
	{
		net->P = bmc_add(net->P, l->params);
		net->Q = bmc_add(net->Q, l->state);
	}
}

static int
readers(const BmNetwork *net, int i)
{
	int n = 0;

	for (int j = i + 1; j < net->n; j++)
		for (int k = 0; k < net->layer[j].spec.inputs; k++)
			n += net->layer[j].spec.input[k] == i;
	return n + (net->code == i);
}

/* Does layer i alone read layer i - 1? */
static bool
follows(const BmNetwork *net, int i, int type)
{
	return i < net->n && net->layer[i].spec.type == type && net->layer[i].spec.input[0] == i - 1 &&
		   readers(net, i - 1) == 1;
}

static bool
plain_pool(const BmLayerSpec *s)
{
	return (s->size[0] | s->size[1]) == 0 ||
		   (s->size[0] == 2 && s->size[1] == 2 && (s->stride[0] == 0 || s->stride[0] == 2) &&
			(s->stride[1] == 0 || s->stride[1] == 2));
}

/* conv2d, relu and max_pool2d that the fused kernels can do become one. */
static void
fuse(BmNetwork *net, int i)
{
	BmLayer *l = &net->layer[i];

	if (l->spec.type != BM_LAYER_CONV2D || !follows(net, i + 1, BM_LAYER_RELU) ||
		!follows(net, i + 2, BM_LAYER_MAX_POOL2D) || !plain_pool(&net->layer[i + 2].spec) ||
		!bmc_layer_conv2d_fuses(l))
		return;
	l->fused = 2;
	net->layer[i + 1].done_before = net->layer[i + 2].done_before = true;
}

/* May layer i work in the buffer of the layer that it reads? */
static bool
in_place(const BmNetwork *net, int i)
{
	const BmLayer *l = &net->layer[i];
	int from = l->spec.input[0];

	return l->type->inplace && from >= 0 && readers(net, from) == 1 &&
		   !net->layer[from].type->reads_y && !l->gathers[0];
}

/* Does every reader of layer i want the newest rows alone? */
static bool
newest_is_enough(const BmNetwork *net, int i)
{
	for (int j = i + 1; j < net->n; j++)
		for (int k = 0; k < net->layer[j].spec.inputs; k++)
		{
			const BmLayer *l = &net->layer[j];

			if (l->spec.input[k] == i && l->spec.type != BM_LAYER_LAST &&
				!(l->newest && l->type->row_wise))
				return false;
		}
	return i != net->code && readers(net, i) > 0;
}

/*
 * What only a "last" reads, through layers that work row by row, is worked out for the newest rows alone:
 * of a Transformer's last block all but keys and values.
 */
static void
pull_last_back(BmNetwork *net)
{
	for (int i = net->n - 1; i >= 0; i--)
	{
		BmLayer *l = &net->layer[i];

		l->newest =
			l->out.steps && (l->type->row_wise || l->type->can_newest) && newest_is_enough(net, i);
	}
	for (int i = 0; i < net->n; i++)
	{
		BmLayer *l = &net->layer[i];

		if (l->spec.type == BM_LAYER_LAST)
			l->newest = l->spec.input[0] >= 0 && net->layer[l->spec.input[0]].newest;
		for (int k = 0; k < l->spec.inputs; k++)
			l->gathers[k] = l->newest && l->type->row_wise &&
							!(l->spec.input[k] >= 0 && net->layer[l->spec.input[k]].newest);
	}
}

static void
finish(BmNetwork *net)
{
	double rows;

	pull_last_back(net);
	for (int i = 0; i < net->n; i++)
	{
		BmLayer *l = &net->layer[i];

		l->learns = l->params > 0;
		for (int k = 0; k < l->spec.inputs; k++)
			l->learns |= l->spec.input[k] >= 0 && net->layer[l->spec.input[k]].learns;
		fuse(net, i);
		l->inplace = !l->done_before && in_place(net, i);
		l->stream = (uint64_t) i;
		if (l->spec.type == BM_LAYER_EMBEDDING)
			net->embedding = i;
		if (l->type->stats)
		{
			size_t n = l->type->stats(l);

			net->sync[net->syncs++] = i;
			net->stats = n > net->stats ? n : net->stats;
		}
		rows = (double) bmc_layer_rows_in(l, 1, net->input.steps);
		net->flops +=
			rows * (l->type->flops ? l->type->flops(l) : 4.0 * (double) bmc_dims_count(&l->in[0]));
	}
}

BmStatus
bmc_network_plan(BmNetwork *net, const BmNetworkSpec *spec, const BmNetworkInput *input,
				 char *error)
{
	int shift;

	memset(net, 0, sizeof(*net));
	net->input = *input;
	net->embedding = -1;
	net->in = (BmDims){input->steps > 1 ? BM_LAYER_WINDOW : 0, 1, {input->width}};
	if (spec->n < 1 || spec->n > BM_NETWORK_LAYERS - 2)
	{
		snprintf(error, BM_NETWORK_ERROR, "A network has 1 to %d layers; this one has %d.",
				 BM_NETWORK_LAYERS - 2, spec->n);
		return BM_EINVAL;
	}
	shift = put_before(net, spec);
	for (int i = 0; i < spec->n; i++)
		append(net, &spec->layer[i], shift);
	net->code = spec->code >= 0 ? spec->code + shift : -1;
	for (int i = 0; i < net->n; i++)
	{
		BmStatus status = infer(net, i, error);

		if (status != BM_OK)
			return status;
		place(net, &net->layer[i]);
	}
	finish(net);
	return BM_OK;
}
