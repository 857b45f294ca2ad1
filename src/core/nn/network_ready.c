/*
 * network_ready.c
 *		Ready-made networks, and what every network gets at its end.
 */
#include <stdio.h>
#include <string.h>

#include "core/nn/predict_network.h"

static BmLayerSpec *
add(BmNetworkSpec *s, int type, int units)
{
	BmLayerSpec *l = &s->layer[s->n++];

	memset(l, 0, sizeof(*l));
	l->type = type;
	l->units = units;
	return l;
}

static void
add_dropout(BmNetworkSpec *s, double rate)
{
	if (rate > 0.0)
		add(s, BM_LAYER_DROPOUT, 0)->rate = (float) rate;
}

/* The newest layer's answer plus that of layer `from`. */
static void
add_residual(BmNetworkSpec *s, int from)
{
	BmLayerSpec *l = add(s, BM_LAYER_ADD, 0);

	l->inputs = 2;
	l->input[0] = s->n - 2;
	l->input[1] = from;
}

static void
mlp(BmNetworkSpec *s, const BmNetworkOptions *o)
{
	for (int i = 0; i < o->depth; i++)
	{
		add(s, BM_LAYER_DENSE, o->units);
		add(s, BM_LAYER_RELU, 0);
		add_dropout(s, o->dropout);
	}
}

/* Over windows: causal convolutions over the steps, each looking twice as far back. */
static void
cnn_steps(BmNetworkSpec *s, const BmNetworkOptions *o)
{
	for (int i = 0; i < o->depth; i++)
	{
		BmLayerSpec *l = add(s, BM_LAYER_CONV1D, o->units);

		l->size[0] = 3;
		l->dilation[0] = 1 << (i < 8 ? i : 8);
		l->padding = BM_PAD_CAUSAL;
		add(s, BM_LAYER_RELU, 0);
	}
	add(s, BM_LAYER_GLOBAL_MAX_POOL, 0);
	add_dropout(s, o->dropout);
}

/* Over rows as square maps; pooled by two as long as the map is large enough for the next kernel. */
static void
cnn_map(BmNetworkSpec *s, const BmNetworkOptions *o, size_t width)
{
	size_t side = 1;

	while (side * side < width)
		side++;
	for (int i = 0; i < o->depth; i++)
	{
		BmLayerSpec *l = add(s, BM_LAYER_CONV2D, o->units);
		bool wide = side >= 4;

		l->size[0] = l->size[1] = 3;
		l->padding = wide ? BM_PAD_VALID : BM_PAD_SAME;
		add(s, BM_LAYER_RELU, 0);
		if (wide)
		{
			add(s, BM_LAYER_MAX_POOL2D, 0);
			side = (side - 2) / 2;
		}
	}
	add(s, BM_LAYER_FLATTEN, 0);
	add_dropout(s, o->dropout);
}

/* Pre-norm blocks (Xiong et al. 2020); of a row each feature is a step. */
static void
transformer(BmNetworkSpec *s, const BmNetworkOptions *o, bool windows)
{
	if (windows)
	{
		add(s, BM_LAYER_DENSE, o->units);
		add(s, BM_LAYER_POSITION, 0);
	}
	else
		add(s, BM_LAYER_TOKENS, o->units);
	for (int i = 0; i < o->depth; i++)
	{
		int from = s->n - 1;
		BmLayerSpec *l;

		add(s, BM_LAYER_LAYER_NORM, 0);
		l = add(s, BM_LAYER_ATTENTION, 0);
		l->heads = o->heads;
		l->causal = windows;
		add_dropout(s, o->dropout);
		add_residual(s, from);
		from = s->n - 1;
		add(s, BM_LAYER_LAYER_NORM, 0);
		add(s, BM_LAYER_DENSE, 2 * o->units);
		add(s, BM_LAYER_GELU, 0);
		add(s, BM_LAYER_DENSE, o->units);
		add_dropout(s, o->dropout);
		add_residual(s, from);
	}
	add(s, BM_LAYER_LAYER_NORM, 0);
	add(s, windows ? BM_LAYER_LAST : BM_LAYER_GLOBAL_AVERAGE_POOL, 0);
}

static void
recurrent(BmNetworkSpec *s, const BmNetworkOptions *o, int type)
{
	for (int i = 0; i < o->depth; i++)
		add(s, type, o->units);
	add(s, BM_LAYER_LAST, 0);
	add_dropout(s, o->dropout);
}

static void
autoencoder(BmNetworkSpec *s, const BmNetworkOptions *o, size_t width)
{
	add(s, BM_LAYER_DENSE, o->units);
	add(s, BM_LAYER_RELU, 0);
	add(s, BM_LAYER_DENSE, o->code);
	s->code = s->n - 1;
	add(s, BM_LAYER_DENSE, o->units);
	add(s, BM_LAYER_RELU, 0);
	add(s, BM_LAYER_DENSE, (int) width);
}

void
bmc_network_ready(BmNetworkSpec *s, const BmNetworkOptions *o, const BmNetworkInput *input)
{
	bool windows = input->steps > 1;

	s->n = 0;
	s->code = -1;
	if (o->ready == BM_READY_AUTOENCODER)
		autoencoder(s, o, input->width);
	else if (o->ready == BM_READY_CNN && windows)
		cnn_steps(s, o);
	else if (o->ready == BM_READY_CNN)
		cnn_map(s, o, input->width);
	else if (o->ready == BM_READY_TRANSFORMER)
		transformer(s, o, windows);
	else if (o->ready == BM_READY_GRU || o->ready == BM_READY_LSTM)
		recurrent(s, o, o->ready == BM_READY_GRU ? BM_LAYER_GRU : BM_LAYER_LSTM);
	else
	{
		if (windows)
			add(s, BM_LAYER_LAST, 0); /* an mlp looks at the newest row */
		mlp(s, o);
	}
}

static int
last_type(const BmNetworkSpec *s)
{
	return s->layer[s->n - 1].type;
}

void
bmc_network_complete(BmNetworkOptions *o, const BmNetworkInput *input, size_t classes)
{
	BmNetworkSpec *s = &o->spec;
	bool ready = s->n == 0;

	if (ready)
		bmc_network_ready(s, o, input);
	if (o->ready == BM_READY_AUTOENCODER)
	{
		if (o->loss == BM_LOSS_AUTO)
			o->loss = BM_LOSS_MSE;
		return;
	}
	if (o->loss == BM_LOSS_AUTO && classes == 2 && last_type(s) == BM_LAYER_SIGMOID)
		o->loss = BM_LOSS_BINARY_CROSS_ENTROPY;
	if (o->loss == BM_LOSS_AUTO)
		o->loss = classes ? BM_LOSS_CROSS_ENTROPY : BM_LOSS_MSE;
	if (ready)
		add(s, BM_LAYER_DENSE,
			!classes || o->loss == BM_LOSS_BINARY_CROSS_ENTROPY ? 1 : (int) classes);
	if (o->loss == BM_LOSS_CROSS_ENTROPY && last_type(s) != BM_LAYER_SOFTMAX)
		add(s, BM_LAYER_SOFTMAX, 0);
	if (o->loss == BM_LOSS_BINARY_CROSS_ENTROPY && last_type(s) != BM_LAYER_SIGMOID)
		add(s, BM_LAYER_SIGMOID, 0);
	if (classes && ready && o->loss > BM_LOSS_BINARY_CROSS_ENTROPY)
		add(s, BM_LAYER_SOFTMAX, 0);
}

/* ---- checks ---- */

const char *
bmc_network_wrong_option(const BmNetworkOptions *o)
{
	if (o->batch < 1 || o->epochs < 1)
		return "batch and epochs must be at least 1";
	if (!(o->learning_rate > 0.0))
		return "learning_rate must be positive";
	if (!(o->momentum >= 0.0 && o->momentum < 1.0) || !(o->beta2 > 0.0 && o->beta2 < 1.0))
		return "momentum must be in [0, 1), beta2 in (0, 1)";
	if (!(o->weight_decay >= 0.0) || !(o->clip >= 0.0))
		return "weight_decay and clip must not be negative";
	if (!(o->label_smoothing >= 0.0 && o->label_smoothing < 1.0))
		return "label_smoothing must be in [0, 1)";
	if (o->loss == BM_LOSS_HUBER && !(o->huber_delta > 0.0))
		return "huber_delta must be positive";
	if (o->nesterov && !(o->momentum > 0.0))
		return "nesterov needs a momentum above 0";
	if ((o->schedule == BM_SCHEDULE_STEP || o->schedule == BM_SCHEDULE_PLATEAU) && o->every < 1)
		return "every must be at least 1";
	return NULL;
}

/* The same for a target of so many classes. */
static const char *
wrong_loss(const BmNetworkOptions *o, size_t classes)
{
	bool entropy = o->loss == BM_LOSS_CROSS_ENTROPY || o->loss == BM_LOSS_BINARY_CROSS_ENTROPY;

	if (entropy && o->ready == BM_READY_AUTOENCODER)
		return "loss of an autoencoder must be mse, mae or huber";
	if (entropy && classes == 0)
		return "loss must be mse, mae or huber, for the target is a number";
	if (o->loss == BM_LOSS_BINARY_CROSS_ENTROPY && classes != 2)
		return "loss binary_cross_entropy needs two classes";
	return NULL;
}

static BmStatus
wrong_end(const BmNetwork *net, const BmNetworkOptions *o, size_t classes, char *error)
{
	const BmDims *out = bmc_network_out(net);
	size_t want = o->ready == BM_READY_AUTOENCODER ? net->input.width : classes ? classes : 1;
	bool one = classes == 2 && o->loss != BM_LOSS_CROSS_ENTROPY;
	char got[48];

	if (o->loss == BM_LOSS_BINARY_CROSS_ENTROPY)
		want = 1;
	if (out->steps == 0 && out->rank == 1 && (out->d[0] == want || (one && out->d[0] == 1)))
		return BM_OK;
	bmc_dims_text(got, sizeof(got), out);
	snprintf(error, BM_NETWORK_ERROR, "The last layer, %d (%s), answers %s; it needs (%zu).",
			 net->n, net->layer[net->n - 1].type->name, got, want);
	return BM_EINVAL;
}

BmStatus
bmc_network_check(BmNetwork *net, BmNetworkOptions *o, const BmNetworkInput *input, size_t classes,
				  char *error)
{
	const char *wrong;
	BmStatus status;

	error[0] = '\0';
	if (o->spec.n == 0 && (o->depth < 1 || o->units < 1 || o->depth > 6))
	{
		snprintf(error, BM_NETWORK_ERROR, "Options depth must be 1 to 6, and units at least 1.");
		return BM_EINVAL;
	}
	if (o->spec.n > BM_NETWORK_LAYERS - 6)
	{
		snprintf(error, BM_NETWORK_ERROR, "A network has at most %d layers.",
				 BM_NETWORK_LAYERS - 6);
		return BM_EINVAL;
	}
	bmc_network_complete(o, input, classes);
	wrong = bmc_network_wrong_option(o);
	if (wrong == NULL)
		wrong = wrong_loss(o, classes);
	if (wrong)
	{
		snprintf(error, BM_NETWORK_ERROR, "Option %s.", wrong);
		return BM_EINVAL;
	}
	status = bmc_network_plan(net, &o->spec, input, error);
	return status == BM_OK ? wrong_end(net, o, classes, error) : status;
}
