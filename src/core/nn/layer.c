/*
 * layer.c
 *		The table of layer types, and what they share.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/layers.h"

const BmLayerType *const bmc_layer_types[BM_LAYER_TYPES] = {
	[BM_LAYER_DENSE] = &bmc_layer_dense,
	[BM_LAYER_EMBEDDING] = &bmc_layer_embedding,
	[BM_LAYER_POSITION] = &bmc_layer_position,
	[BM_LAYER_TOKENS] = &bmc_layer_tokens,
	[BM_LAYER_CONV2D] = &bmc_layer_conv2d,
	[BM_LAYER_CONV1D] = &bmc_layer_conv1d,
	[BM_LAYER_MAX_POOL2D] = &bmc_layer_max_pool2d,
	[BM_LAYER_AVERAGE_POOL2D] = &bmc_layer_average_pool2d,
	[BM_LAYER_GLOBAL_MAX_POOL] = &bmc_layer_global_max_pool,
	[BM_LAYER_GLOBAL_AVERAGE_POOL] = &bmc_layer_global_average_pool,
	[BM_LAYER_RELU] = &bmc_layer_relu,
	[BM_LAYER_GELU] = &bmc_layer_gelu,
	[BM_LAYER_SILU] = &bmc_layer_silu,
	[BM_LAYER_SIGMOID] = &bmc_layer_sigmoid,
	[BM_LAYER_TANH] = &bmc_layer_tanh,
	[BM_LAYER_SOFTMAX] = &bmc_layer_softmax,
	[BM_LAYER_LAYER_NORM] = &bmc_layer_layer_norm,
	[BM_LAYER_BATCH_NORM] = &bmc_layer_batch_norm,
	[BM_LAYER_DROPOUT] = &bmc_layer_dropout,
	[BM_LAYER_ATTENTION] = &bmc_layer_attention,
	[BM_LAYER_GRU] = &bmc_layer_gru,
	[BM_LAYER_LSTM] = &bmc_layer_lstm,
	[BM_LAYER_ADD] = &bmc_layer_add,
	[BM_LAYER_CONCAT] = &bmc_layer_concat,
	[BM_LAYER_FLATTEN] = &bmc_layer_flatten,
	[BM_LAYER_MAP] = &bmc_layer_map,
	[BM_LAYER_LAST] = &bmc_layer_last,
};

int
bmc_layer_find(const char *name)
{
	for (int i = 0; i < BM_LAYER_TYPES; i++)
		if (strcmp(bmc_layer_types[i]->name, name) == 0)
			return i;
	return -1;
}

float
bmc_glorot(size_t fan_in, size_t fan_out)
{
	return sqrtf(6.0f / (float) (fan_in + fan_out));
}

void
bmc_dims_text(char *text, size_t size, const BmDims *s)
{
	size_t at = 0;

	text[0] = '\0';
	if (s->steps == BM_LAYER_WINDOW)
		at = (size_t) snprintf(text, size, "(steps");
	else if (s->steps > 0)
		at = (size_t) snprintf(text, size, "(%d", s->steps);
	for (int i = 0; i < s->rank && at < size; i++)
		at += (size_t) snprintf(text + at, size - at, "%s%zu", at ? ", " : "(", s->d[i]);
	if (at < size)
		snprintf(text + at, size - at, ")");
}

bool
bmc_shape_same(BmLayer *l, int inputs, BmShapeFault *fault)
{
	l->out = l->in[0];
	return true;
}

bool
bmc_shape_vectors(BmLayer *l, int inputs, BmShapeFault *fault)
{
	l->out = l->in[0];
	snprintf(fault->needs, sizeof(fault->needs),
			 "rows of one dimension; put \"flatten\" before it");
	return l->in[0].rank == 1;
}
