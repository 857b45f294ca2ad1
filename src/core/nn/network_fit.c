/*
 * network_fit.c
 *		Begin and end of a network's fit, its memory, its tensors; its entry as a predictor.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/network_state.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define STREAM_INIT 16
#define SHARD_SAMPLES 16    /* a shard of a batch has about so many, for products of some height */
#define BLOCK_HEADERS 16384 /* bytes: what the allocator adds to some forty blocks */

int
bmc_network_top(const BmNetwork *net, int loss)
{
	int last = net->layer[net->n - 1].spec.type;
	bool fused = (loss == BM_LOSS_CROSS_ENTROPY && last == BM_LAYER_SOFTMAX) ||
				 (loss == BM_LOSS_BINARY_CROSS_ENTROPY && last == BM_LAYER_SIGMOID);

	return fused && net->n > 1 ? net->n - 1 : net->n;
}

/* ---- sizes ---- */

/* What the options and the data's size decide; the same for the estimate and for the fit. */
typedef struct Sizes
{
	size_t batch, shards, areas, chunk, maxR, D, tasks, valid;
} Sizes;

static Sizes
sizes_of(const BmNetwork *net, const BmNetworkOptions *o, size_t n, int threads)
{
	Sizes z = {.batch = (size_t) o->batch < n ? (size_t) o->batch : n};
	size_t shard, parts;

	z.shards = z.batch / SHARD_SAMPLES;
	z.shards = z.shards < 1 ? 1 : z.shards > BM_NETWORK_SHARDS ? BM_NETWORK_SHARDS : z.shards;
	shard = (z.batch + z.shards - 1) / z.shards;
	z.areas =
		net->syncs || (size_t) threads > z.shards ? z.shards : (size_t) (threads < 1 ? 1 : threads);
	z.chunk = bmc_pass_samples(net);
	parts = net->syncs || z.chunk > shard ? 1 : (shard + z.chunk - 1) / z.chunk;
	z.chunk = (shard + parts - 1) / parts; /* chunks of about one size */
	if (net->embedding >= 0)
	{
		z.D = (size_t) net->layer[net->embedding].spec.units;
		z.maxR = bmc_mul(bmc_mul(z.batch, net->input.steps), net->input.ncodes);
		z.maxR = z.maxR < net->input.rows ? z.maxR : net->input.rows;
	}
	z.tasks = net->P / BM_NETWORK_BLOCK + z.maxR * z.D / (BM_NETWORK_BLOCK / 2) + 4;
	z.valid = o->schedule == BM_SCHEDULE_PLATEAU ? 2 * (16384 / z.chunk + 1) : 1;
	return z;
}

/*
 * A block of memory that the fit takes, and the estimate counts: one list for both. mem NULL: count.
 */
typedef struct Taker
{
	BmMem *mem;
	size_t bytes;
	bool refused;
} Taker;

static void *
take(Taker *t, size_t n, size_t size, bool zero)
{
	void *block;

	if (n == 0)
		return NULL;
	t->bytes = bmc_add(t->bytes, bmc_take_size(n, size));
	if (t->mem == NULL || t->refused)
		return NULL;
	block = zero ? bmc_alloc0(t->mem, n, size) : bmc_alloc(t->mem, n, size);
	t->refused = block == NULL;
	return block;
}

static void
take_all(Taker *t, BmNetworkFit *z, const BmNetwork *net, const BmNetworkOptions *o, const Sizes *s,
		 size_t n, size_t classes, bool weighted)
{
	size_t f = sizeof(float), P = net->P, table = bmc_mul(net->input.rows, s->D);
	size_t pass =
		bmc_network_pass_size(net, s->chunk, bmc_mul(s->chunk, net->input.steps), true, false);
	BmOptimizer opt = {.kind = (BmOptimizerKind) o->optimizer, .momentum = o->momentum};
	bool m = bmc_optimizer_needs_m(&opt), v = bmc_optimizer_needs_v(&opt);

	z->w = take(t, P, f, false);
	z->m = take(t, m ? P : 0, f, true);
	z->v = take(t, v ? P : 0, f, true);
	z->dw = take(t, bmc_mul(s->shards, P), f, false);
	z->state = take(t, net->Q, f, false);
	z->table = take(t, table, f, false);
	z->tm = take(t, m ? table : 0, f, true);
	z->tv = take(t, v ? table : 0, f, true);
	z->dtable = take(t, bmc_mul(s->shards, bmc_mul(s->maxR, s->D)), f, false);
	z->slot = take(t, s->D ? net->input.rows : 0, sizeof(uint32_t), false);
	z->row = take(t, s->maxR, sizeof(uint32_t), false);
	z->order = take(t, n, sizeof(uint32_t), false);
	z->y = take(t, s->batch, f, true);
	z->weight = take(t, weighted ? s->batch : 0, f, false);
	z->norm = take(t, s->tasks, sizeof(double), true);
	z->stats = take(t, net->stats * (size_t) net->syncs, sizeof(double), true);
	z->part = take(t, bmc_mul(s->shards, net->stats), sizeof(double), true);
	z->mean = take(t, net->input.width, f, true);
	z->support = take(t, s->D ? net->input.rows : 0, sizeof(int32_t), true);
	z->cardinality = take(t, s->D ? net->input.ncodes : 0, sizeof(int32_t), true);
	z->class_weight = take(t, o->balanced ? classes : 0, f, true);
	z->valid_loss = take(t, s->valid, sizeof(double), true);
	for (size_t i = 0; i < s->areas; i++)
		z->block[i] = take(t, pass, 1, false);
}

static size_t
network_fit_bytes(const BmFitSize *size, const void *options)
{
	BmNetworkOptions o = *(const BmNetworkOptions *) options;
	BmNetworkInput input = {size->width, size->ncodes, size->ntable, size->steps ? size->steps : 1};
	Taker t = {NULL, sizeof(BmNetworkFit) + BLOCK_HEADERS, false};
	char error[BM_NETWORK_ERROR];
	BmNetworkFit nowhere;
	BmNetwork net;
	Sizes s;

	if (bmc_network_check(&net, &o, &input, size->classes, error) != BM_OK)
		return 0; /* fit_begin says what is wrong */
	s = sizes_of(&net, &o, size->nsamples, size->threads);
	take_all(&t, &nowhere, &net, &o, &s, size->nsamples, size->classes, true);
	return t.bytes;
}

/* ---- begin and end ---- */

static void
network_fit_end(BmFit *fit)
{
	BmNetworkFit *z = fit->state;
	BmMem *mem = fit->mem;

	if (z == NULL)
		return;
	for (size_t i = 0; i < BM_NETWORK_SHARDS; i++)
		bmc_free(mem, z->block[i]);
	bmc_free(mem, z->w), bmc_free(mem, z->m), bmc_free(mem, z->v), bmc_free(mem, z->dw);
	bmc_free(mem, z->state);
	bmc_free(mem, z->table), bmc_free(mem, z->tm), bmc_free(mem, z->tv), bmc_free(mem, z->dtable);
	bmc_free(mem, z->slot), bmc_free(mem, z->row), bmc_free(mem, z->order);
	bmc_free(mem, z->y), bmc_free(mem, z->weight), bmc_free(mem, z->norm);
	bmc_free(mem, z->stats), bmc_free(mem, z->part), bmc_free(mem, z->mean);
	bmc_free(mem, z->support), bmc_free(mem, z->cardinality), bmc_free(mem, z->class_weight);
	bmc_free(mem, z->valid_loss);
	bmc_free(mem, z);
	fit->state = NULL;
}

static void
init_layer(const BmNetworkFit *z, const BmLayer *l, uint64_t seed)
{
	BmParam p[BM_LAYER_PARAMS];
	int n = l->type->params ? l->type->params(l, p) : 0;
	float *w = l->type->is_sparse ? z->table : z->w + l->at, *state = z->state + l->state_at;
	BmRng rng = bmc_rng(seed, STREAM_INIT + l->stream);

	for (int i = 0; i < n; i++)
	{
		size_t count = 1;
		float **to = p[i].state ? &state : &w;

		for (int d = 0; d < p[i].ndim; d++)
			count *= p[i].shape[d];
		for (size_t k = 0; k < count; k++)
			(*to)[k] =
				p[i].bound > 0.0f ? p[i].bound * (2.0f * bmc_rng_float(&rng) - 1.0f) : p[i].start;
		*to += count;
	}
}

static void
init_weights(BmNetworkFit *z, uint64_t seed)
{
	for (int i = 0; i < z->net.n; i++)
	{
		const BmLayer *l = &z->net.layer[i];

		init_layer(z, l, seed);
		z->weights.layer[i] = l->type->is_sparse ? z->table : z->w + l->at;
		z->weights.state[i] = l->state ? z->state + l->state_at : NULL;
	}
}

/* The mean row, and how often each code occurs: where explanations start from. */
static void
summarise(BmNetworkFit *z, const BmSamples *s)
{
	double sum[64];

	for (size_t from = 0; from < s->width; from += 64) /* some columns at a time, row by row */
	{
		size_t n = s->width - from < 64 ? s->width - from : 64;

		memset(sum, 0, sizeof(sum));
		for (size_t i = 0; i < s->nrows; i++)
			for (size_t j = 0; j < n; j++)
				sum[j] += (double) s->x[i * s->width + from + j];
		for (size_t j = 0; j < n; j++)
			z->mean[from + j] = (float) (sum[j] / (double) s->nrows);
	}
	for (size_t k = 0; z->D && k < s->nrows * s->ncodes; k++)
		z->support[z->column[k % s->ncodes] + s->code[k]]++;
	for (size_t j = 0; z->D && j < s->ncodes; j++)
		z->cardinality[j] = (int32_t) s->cardinality[j];
}

/* Classes count n / (classes * n of the class). */
static void
balance(BmNetworkFit *z, const BmSamples *s)
{
	for (size_t i = 0; i < s->n; i++)
		z->class_weight[(size_t) s->y[i]] += 1.0f;
	for (size_t c = 0; c < s->classes; c++)
		z->class_weight[c] = z->class_weight[c] > 0.0f
								 ? (float) s->n / ((float) s->classes * z->class_weight[c])
								 : 0.0f;
	z->loss.class_weight = z->class_weight;
}

static BmStatus
wrong_samples(const BmSamples *s, const BmNetworkOptions *o, char *error)
{
	if (s->n == 0 || s->n >= BM_NONE)
		snprintf(error, BM_NETWORK_ERROR, "There are %zu samples to learn from.", s->n);
	else if (s->ncodes > BM_NETWORK_CODES)
		snprintf(error, BM_NETWORK_ERROR, "A row has %zu categorical features; a network takes %d.",
				 s->ncodes, BM_NETWORK_CODES);
	else if (s->y == NULL && o->ready != BM_READY_AUTOENCODER)
		snprintf(error, BM_NETWORK_ERROR, "The samples have no target.");
	else if (!bmc_all_finite(s->x, s->nrows * s->width))
		snprintf(error, BM_NETWORK_ERROR, "A feature is not finite.");
	else
		return BM_OK;
	return BM_EINVAL;
}

static void
begin_passes(BmNetworkFit *z, const Sizes *s)
{
	for (size_t i = 0; i < s->areas; i++)
		z->pass[i] = bmc_network_pass(&z->net, s->chunk, s->chunk * z->net.input.steps, true, false,
									  z->block[i]);
	for (size_t i = 0; i < s->areas; i++)
		for (int j = 0; j < z->net.syncs; j++)
			z->pass[i].stats[z->net.sync[j]] = z->stats + (size_t) j * z->net.stats;
}

static BmStatus
begin(BmNetworkFit *z, BmFit *fit)
{
	const BmSamples *data = fit->samples;
	BmNetworkInput input = bmc_network_input(data);
	Taker t = {fit->mem, 0, false};
	BmStatus status = wrong_samples(data, &z->o, fit->error);
	uint32_t column = 0;
	Sizes s;

	if (status == BM_OK)
		status = bmc_network_check(&z->net, &z->o, &input, data->classes, fit->error);
	if (status != BM_OK)
		return status;
	z->threads = fit->pool ? bmc_pool_threads(fit->pool) : 1;
	s = sizes_of(&z->net, &z->o, data->n, z->threads);
	take_all(&t, z, &z->net, &z->o, &s, data->n, data->classes, data->weight != NULL);
	if (t.refused)
		return BM_ENOMEM;
	z->o.batch = (int) s.batch;
	z->shards = s.shards, z->areas = s.areas, z->chunk = s.chunk, z->maxR = s.maxR, z->D = s.D;
	z->reconstruct = z->o.ready == BM_READY_AUTOENCODER;
	z->top = bmc_network_top(&z->net, z->o.loss);
	z->loss = (BmLoss){(BmLossKind) z->o.loss,
					   bmc_dims_count(bmc_network_out(&z->net)),
					   z->reconstruct ? 0 : data->classes,
					   (float) z->o.label_smoothing,
					   (float) z->o.huber_delta,
					   NULL};
	z->optimizer = (BmOptimizer){(BmOptimizerKind) z->o.optimizer, z->o.nesterov, z->o.momentum,
								 z->o.beta2, z->o.weight_decay};
	z->schedule = (BmSchedule){(BmScheduleKind) z->o.schedule, z->o.every, z->o.patience,
							   z->o.warmup, z->o.factor};
	z->plateau.scale = 1.0;
	for (size_t j = 0; j < data->ncodes; column += data->cardinality[j++])
		z->column[j] = column;
	for (size_t i = 0; z->D && i < input.rows; i++)
		z->slot[i] = BM_NONE;
	if (z->o.balanced && data->classes)
		balance(z, data);
	begin_passes(z, &s);
	init_weights(z, fit->seed);
	summarise(z, data);
	fit->epochs = z->o.epochs;
	fit->total = (data->n + s.batch - 1) / s.batch;
	return BM_OK;
}

static BmStatus
network_fit_begin(BmFit *fit)
{
	BmNetworkFit *z = bmc_alloc0(fit->mem, 1, sizeof(*z));
	BmStatus status;

	fit->state = z;
	fit->error[0] = '\0';
	fit->epoch = 0;
	fit->done = 0;
	fit->loss = NAN;
	if (z == NULL)
		return BM_ENOMEM;
	z->o = *(const BmNetworkOptions *) fit->options;
	status = begin(z, fit);
	if (status != BM_OK)
		network_fit_end(fit);
	return status;
}

float *
bmc_network_fit_weights(BmFit *fit, const BmNetwork **net)
{
	BmNetworkFit *z = fit->state;

	*net = &z->net;
	return z->w;
}

/* ---- tensors ---- */

size_t
bmc_network_config(int32_t *config, const BmNetwork *net, size_t classes, int loss,
				   bool reconstruct)
{
	const BmNetworkHead head = {BM_NETWORK_FORMAT,
								net->n,
								net->code,
								(int32_t) net->input.width,
								(int32_t) net->input.ncodes,
								(int32_t) net->input.rows,
								(int32_t) net->input.steps,
								(int32_t) classes,
								loss,
								reconstruct,
								{0, 0}};
	int32_t *to = config + BM_NETWORK_HEAD;

	memcpy(config, &head, sizeof(head));
	for (int i = 0; i < net->n; i++, to += BM_NETWORK_SPEC)
		memcpy(to, &net->layer[i].spec, sizeof(BmLayerSpec));
	return (size_t) (to - config);
}

_Static_assert(sizeof(BmLayerSpec) == BM_NETWORK_SPEC * sizeof(int32_t), "a spec is its numbers");
_Static_assert(sizeof(BmNetworkHead) == BM_NETWORK_HEAD * sizeof(int32_t), "so is the head");

static bool
add_layer(BmTensors *out, const char *prefix, const BmNetworkFit *z, int i)
{
	const BmLayer *l = &z->net.layer[i];
	char name[BM_TENSOR_NAME];

	snprintf(name, sizeof(name), "layer%d.%s", i, l->type->name);
	if (l->params &&
		!bmc_tensors_add(out, prefix, name, BM_F32, z->weights.layer[i], 1, &l->params))
		return false;
	snprintf(name, sizeof(name), "layer%d.state", i);
	return !l->state ||
		   bmc_tensors_add(out, prefix, name, BM_F32, z->weights.state[i], 1, &l->state);
}

static BmStatus
network_fit_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	BmNetworkFit *z = fit->state;
	size_t n =
		bmc_network_config(z->config, &z->net, fit->samples->classes, z->o.loss, z->reconstruct);
	size_t width = z->net.input.width, codes = z->net.input.ncodes, rows = z->net.input.rows;
	bool fits = bmc_tensors_add(out, prefix, "config", BM_I32, z->config, 1, &n) &&
				(!width || bmc_tensors_add(out, prefix, "mean", BM_F32, z->mean, 1, &width));

	if (z->D)
		fits = fits &&
			   bmc_tensors_add(out, prefix, "cardinality", BM_I32, z->cardinality, 1, &codes) &&
			   bmc_tensors_add(out, prefix, "support", BM_I32, z->support, 1, &rows);
	for (int i = 0; fits && i < z->net.n; i++)
		fits = add_layer(out, prefix, z, i);
	return fits ? BM_OK : BM_ELIMIT;
}

const BmPredictor bmc_network = {
	.name = "network",
	.options_size = sizeof(BmNetworkOptions),
	.bound_size = sizeof(BmNetworkBound),
	.fit_bytes = network_fit_bytes,
	.fit_begin = network_fit_begin,
	.fit_step = bmc_network_step,
	.fit_tensors = network_fit_tensors,
	.fit_end = network_fit_end,
	.bind = bmc_network_bind,
	.predict_bytes = bmc_network_predict_bytes,
	.predict = bmc_network_predict,
	.explain = bmc_network_explain,
};
