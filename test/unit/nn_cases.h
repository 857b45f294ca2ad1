/*
 * nn_cases.h
 *		Small networks that hold every type of layer, loss and optimiser between them, with data: for the
 *		gradient check and the golden loss curves (nn_network_test.c), and for comparing live with
 *		PyTorch (bench/engine_curves.c), whose twin in Python knows them by name.
 */
#ifndef NN_CASES_H
#define NN_CASES_H

#include <stdlib.h>
#include <string.h>

#include "core/nn/predict_network.h"
#include "core/num/rng.h"

#define CASE_SAMPLES 96
#define CASE_BATCH 32
#define CASE_STEPS 100

typedef struct NnCase
{
	const char *name;
	BmNetworkOptions o;
	BmSamples s;
	float *x, *y;
	uint32_t *code, *length, cardinality[2];
	size_t *end;
} NnCase;

/* ---- building ---- */

static inline BmLayerSpec *
nn_add(NnCase *c, int type, int units)
{
	BmLayerSpec *l = &c->o.spec.layer[c->o.spec.n++];

	memset(l, 0, sizeof(*l));
	l->type = type;
	l->units = units;
	return l;
}

static inline BmLayerSpec *
nn_kernel(NnCase *c, int type, int units, int size, int stride, int dilation, int padding)
{
	BmLayerSpec *l = nn_add(c, type, units);

	l->size[0] = l->size[1] = size;
	l->stride[0] = l->stride[1] = stride;
	l->dilation[0] = l->dilation[1] = dilation;
	l->padding = padding;
	return l;
}

/* The newest layer joined with an earlier one. */
static inline void
nn_join(NnCase *c, int type, int from)
{
	BmLayerSpec *l = nn_add(c, type, 0);

	l->inputs = 2;
	l->input[0] = c->o.spec.n - 2;
	l->input[1] = from;
}

/* Rows or windows (steps > 1) of `width` numbers; classes that depend on the first numbers. */
static inline void
nn_data(NnCase *c, size_t width, size_t steps, size_t classes, size_t ncodes)
{
	BmRng rng = bmc_rng(11, 5);
	size_t n = CASE_SAMPLES, rows = steps > 1 ? n + steps : n;

	c->x = malloc(rows * width * sizeof(float));
	c->y = malloc(n * sizeof(float));
	c->code = malloc((rows * ncodes + 1) * sizeof(uint32_t));
	c->end = malloc(n * sizeof(size_t));
	c->length = malloc(n * sizeof(uint32_t));
	c->cardinality[0] = 7;
	c->cardinality[1] = 5;
	for (size_t i = 0; i < rows * width; i++)
		c->x[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < rows * ncodes; i++)
		c->code[i] = bmc_rng_below(&rng, c->cardinality[i % ncodes]);
	for (size_t i = 0; i < n; i++)
	{
		c->length[i] = (uint32_t) (steps > 1 ? 1 + bmc_rng_below(&rng, (uint32_t) steps) : 1);
		c->end[i] = steps > 1 ? i + steps : i + 1;
		if (classes)
		{
			const float *row = c->x + (c->end[i] - 1) * width;
			float score = row[0] + 0.5f * row[1];

			c->y[i] = (float) (score > 0.7f ? classes - 1 : score > 0.0f ? classes / 2 : 0);
		}
		else
			c->y[i] = c->x[(c->end[i] - 1) * width] + 0.3f * (float) bmc_rng_normal(&rng);
	}
	c->s = (BmSamples){.n = n,
					   .nrows = rows,
					   .width = width,
					   .x = c->x,
					   .ncodes = ncodes,
					   .code = c->code,
					   .cardinality = c->cardinality,
					   .steps = steps,
					   .end = steps > 1 ? c->end : NULL,
					   .length = steps > 1 ? c->length : NULL,
					   .classes = classes,
					   .y = c->y};
}

static inline void
nn_free(NnCase *c)
{
	free(c->x), free(c->y), free(c->code), free(c->end), free(c->length);
}

/* ---- the cases ---- */

static inline void
nn_dense(NnCase *c)
{
	c->name = "dense_sgd";
	nn_data(c, 12, 1, 3, 0);
	nn_add(c, BM_LAYER_DENSE, 16);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = BM_SGD;
	c->o.momentum = 0.9;
	c->o.learning_rate = 0.02;
}

static inline void
nn_gelu(NnCase *c)
{
	nn_dense(c);
	c->name = "gelu_adam";
	free(c->y);
	c->y = NULL;
	nn_free(c);
	nn_data(c, 12, 1, 0, 0);
	c->o.spec.layer[1].type = BM_LAYER_GELU;
	c->o.spec.layer[2].units = 1;
	c->o.optimizer = BM_ADAM;
	c->o.learning_rate = 0.005;
	c->o.loss = BM_LOSS_MSE;
}

static inline void
nn_silu(NnCase *c)
{
	c->name = "silu_tanh_sigmoid_adamw";
	nn_data(c, 12, 1, 0, 0);
	nn_add(c, BM_LAYER_DENSE, 16);
	nn_add(c, BM_LAYER_SILU, 0);
	nn_add(c, BM_LAYER_DENSE, 12);
	nn_add(c, BM_LAYER_TANH, 0);
	nn_add(c, BM_LAYER_DENSE, 8);
	nn_add(c, BM_LAYER_SIGMOID, 0);
	nn_add(c, BM_LAYER_DENSE, 1);
	c->o.loss = BM_LOSS_MAE;
	c->o.optimizer = BM_ADAMW;
	c->o.weight_decay = 0.01;
	c->o.learning_rate = 0.003;
}

static inline void
nn_conv(NnCase *c)
{
	c->name = "conv2d_adagrad";
	nn_data(c, 90, 1, 3, 0); /* a map of 10 x 10, its last ten places 0 */
	nn_kernel(c, BM_LAYER_CONV2D, 6, 3, 2, 1, BM_PAD_SAME);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_kernel(c, BM_LAYER_CONV2D, 5, 2, 1, 2, BM_PAD_VALID);
	nn_add(c, BM_LAYER_TANH, 0);
	nn_kernel(c, BM_LAYER_AVERAGE_POOL2D, 0, 2, 1, 0, 0);
	nn_add(c, BM_LAYER_FLATTEN, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.label_smoothing = 0.1;
	c->o.optimizer = BM_ADAGRAD;
	c->o.learning_rate = 0.02;
}

static inline void
nn_conv_pool(NnCase *c)
{
	c->name = "conv_pool_sgd";
	nn_data(c, 121, 1, 3, 0); /* an odd map: the last row and column of the convolution fall away */
	nn_kernel(c, BM_LAYER_CONV2D, 48, 3, 1, 1, BM_PAD_VALID);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_kernel(c, BM_LAYER_MAX_POOL2D, 0, 2, 0, 0, 0);
	nn_kernel(c, BM_LAYER_CONV2D, 16, 3, 1, 1, BM_PAD_VALID);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_kernel(c, BM_LAYER_MAX_POOL2D, 0, 2, 0, 0, 0);
	nn_add(c, BM_LAYER_FLATTEN, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.balanced = true;
	c->o.optimizer = BM_SGD;
	c->o.learning_rate = 0.02;
}

static inline void
nn_pool(NnCase *c)
{
	c->name = "max_pool_softmax_mse";
	nn_data(c, 81, 1, 3, 0);
	nn_kernel(c, BM_LAYER_CONV2D, 6, 3, 1, 1, BM_PAD_SAME);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_kernel(c, BM_LAYER_MAX_POOL2D, 0, 3, 2, 0, 0);
	nn_add(c, BM_LAYER_FLATTEN, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	nn_add(c, BM_LAYER_SOFTMAX, 0);
	c->o.loss = BM_LOSS_MSE;
	c->o.optimizer = BM_SGD;
	c->o.momentum = 0.9;
	c->o.nesterov = true;
	c->o.learning_rate = 0.05;
}

static inline void
nn_conv1d(NnCase *c)
{
	c->name = "conv1d_huber_l2";
	nn_data(c, 20, 1, 0, 0);
	nn_kernel(c, BM_LAYER_CONV1D, 6, 3, 2, 1, BM_PAD_VALID);
	nn_add(c, BM_LAYER_TANH, 0);
	nn_kernel(c, BM_LAYER_CONV1D, 8, 3, 1, 2, BM_PAD_CAUSAL);
	nn_add(c, BM_LAYER_GLOBAL_MAX_POOL, 0);
	nn_add(c, BM_LAYER_DENSE, 1);
	c->o.loss = BM_LOSS_HUBER;
	c->o.huber_delta = 0.7;
	c->o.optimizer = BM_ADAM;
	c->o.weight_decay = 0.02;
	c->o.learning_rate = 0.005;
}

static inline void
nn_norms(NnCase *c)
{
	c->name = "norms_binary";
	nn_data(c, 49, 1, 2, 0);
	nn_kernel(c, BM_LAYER_CONV2D, 5, 3, 1, 1, BM_PAD_VALID);
	nn_add(c, BM_LAYER_BATCH_NORM, 0);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_add(c, BM_LAYER_GLOBAL_AVERAGE_POOL, 0);
	nn_add(c, BM_LAYER_DENSE, 10);
	nn_add(c, BM_LAYER_LAYER_NORM, 0);
	nn_add(c, BM_LAYER_DENSE, 8);
	nn_add(c, BM_LAYER_BATCH_NORM, 0);
	nn_add(c, BM_LAYER_DENSE, 1);
	c->o.loss = BM_LOSS_BINARY_CROSS_ENTROPY;
	c->o.optimizer = BM_ADAM;
	c->o.learning_rate = 0.005;
}

static inline void
nn_attention(NnCase *c, bool causal)
{
	int heads = 2;

	nn_data(c, 6, 9, 3, 0);
	nn_add(c, BM_LAYER_DENSE, 16);
	nn_add(c, BM_LAYER_POSITION, 0);
	nn_add(c, BM_LAYER_LAYER_NORM, 0);
	nn_add(c, BM_LAYER_ATTENTION, 0)->heads = heads;
	c->o.spec.layer[3].causal = causal;
	nn_join(c, BM_LAYER_ADD, 1);
	nn_add(c, causal ? BM_LAYER_LAST : BM_LAYER_GLOBAL_AVERAGE_POOL, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = causal ? BM_ADAM : BM_ADAMW;
	c->o.clip = causal ? 0.0 : 0.5;
	c->o.learning_rate = 0.003;
}

static inline void
nn_causal(NnCase *c)
{
	c->name = "attention_causal";
	nn_attention(c, true);
}

static inline void
nn_full(NnCase *c)
{
	c->name = "attention_full_clip";
	nn_attention(c, false);
}

static inline void
nn_recurrent(NnCase *c, int type)
{
	c->name = type == BM_LAYER_GRU ? "gru" : "lstm";
	nn_data(c, 6, 9, 3, 0);
	nn_add(c, type, 12);
	nn_add(c, type, 10);
	nn_add(c, BM_LAYER_LAST, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = BM_ADAM;
	c->o.learning_rate = 0.005;
}

static inline void
nn_gru(NnCase *c)
{
	nn_recurrent(c, BM_LAYER_GRU);
}

static inline void
nn_lstm(NnCase *c)
{
	nn_recurrent(c, BM_LAYER_LSTM);
}

static inline void
nn_conv_steps(NnCase *c)
{
	c->name = "conv1d_steps";
	nn_data(c, 6, 9, 3, 0);
	nn_kernel(c, BM_LAYER_CONV1D, 12, 3, 1, 2, BM_PAD_CAUSAL);
	nn_add(c, BM_LAYER_RELU, 0);
	nn_kernel(c, BM_LAYER_CONV1D, 10, 3, 1, 1, BM_PAD_SAME);
	nn_add(c, BM_LAYER_GLOBAL_MAX_POOL, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = BM_ADAM;
	c->o.learning_rate = 0.005;
}

static inline void
nn_embedding(NnCase *c)
{
	c->name = "embedding_concat";
	nn_data(c, 5, 1, 3, 2);
	nn_add(c, BM_LAYER_EMBEDDING, 4);
	nn_add(c, BM_LAYER_DENSE, 8);
	nn_add(c, BM_LAYER_TANH, 0);
	nn_join(c, BM_LAYER_CONCAT, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = BM_SGD;
	c->o.learning_rate = 0.1;
}

static inline void
nn_tokens(NnCase *c)
{
	c->name = "tokens";
	nn_data(c, 7, 1, 3, 0);
	nn_add(c, BM_LAYER_TOKENS, 8);
	nn_add(c, BM_LAYER_ATTENTION, 0)->heads = 1;
	nn_add(c, BM_LAYER_FLATTEN, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.optimizer = BM_ADAM;
	c->o.learning_rate = 0.003;
}

static void (*const nn_cases[])(NnCase *) = {
	nn_dense,  nn_gelu, nn_silu, nn_conv, nn_conv_pool,  nn_pool,      nn_conv1d, nn_norms,
	nn_causal, nn_full, nn_gru,  nn_lstm, nn_conv_steps, nn_embedding, nn_tokens};

#define NN_CASES (sizeof(nn_cases) / sizeof(nn_cases[0]))

static inline void
nn_case(NnCase *c, size_t i)
{
	memset(c, 0, sizeof(*c));
	c->o.beta2 = 0.999;
	c->o.batch = CASE_BATCH;
	c->o.epochs = 1;
	c->o.spec.code = -1;
	nn_cases[i](c);
}

static inline BmFit
nn_fit(NnCase *c, BmMem *mem, BmPool *pool)
{
	return (BmFit){.samples = &c->s, .options = &c->o, .seed = 3, .mem = mem, .pool = pool};
}

/* The samples of training step `step`: the data in its order, over and over. */
static inline void
nn_batch(uint32_t *index, size_t step)
{
	for (size_t i = 0; i < CASE_BATCH; i++)
		index[i] = (uint32_t) ((step * CASE_BATCH + i) % CASE_SAMPLES);
}

#endif
