/*
 * next_item.c
 *		The stepwise fit of the networks of next_item.h, with softmax cross-entropy over all items or
 *		over shared negatives (Klenitskiy and Vasilev 2023) or BPR-max.
 *
 * A batch is dealt to fixed shards. Each shard runs forward and backward over chunks of its tokens
 * into gradients of its own; these are added in shard order, the norm is clipped, Adam steps. With
 * negatives only the rows of items that the batch touched are added and updated. The model that comes
 * out is a running average of the weights at the epochs' ends, which does what a falling learning rate
 * would (Izmailov et al. 2018), without knowing how many epochs there will be.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/next_item_state.h"
#include "core/nn/softmax.h"
#include "core/num/decay.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define STREAM_INIT 1

#define ITEM_STD 0.02f          /* of the items' embeddings at the start */
#define CHUNK_FLOPS 2e9         /* a chunk stays well below 50 ms */
#define FULL_SOFTMAX_ITEMS 5000 /* catalogues up to this size get the softmax over all items */
#define DEFAULT_NEGATIVES 512
#define BLOCK_HEADERS 4096 /* bytes: some forty blocks, with what the allocator adds to each */

/* ---- sizes ---- */

static size_t
resolve_negatives(const BmNextOptions *o, size_t nitems)
{
	bool all = o->loss == BM_LOSS_SOFTMAX && nitems <= FULL_SOFTMAX_ITEMS;
	size_t wanted = o->negatives >= 0 ? (size_t) o->negatives : all ? 0 : DEFAULT_NEGATIVES;

	if (o->loss == BM_LOSS_BPR_MAX)
		return wanted < nitems ? wanted : nitems;
	return wanted + 1 >= nitems ? 0 : wanted;
}

const char *
bmc_next_shape(BmNetShape *s, const BmHistoryEncoder *e, const BmNextOptions *o, size_t nitems)
{
	memset(s, 0, sizeof(*s));
	if (o->dim < 1 || o->dim > BM_NEXT_MAX_DIM)
		return "dim must be between 1 and 1024";
	if (o->length < 1 || o->length > BM_NEXT_MAX_LENGTH)
		return "length must be between 1 and 4096";
	s->N = nitems;
	s->D = (size_t) o->dim;
	s->L = (size_t) o->length;
	return e->shape(s, o);
}

double
bmc_next_flops(const BmHistoryEncoder *e, const BmNetShape *s, size_t negatives)
{
	return 6.0 * (double) s->D * (double) (negatives ? negatives : s->N) + e->flops(s);
}

/* Tokens of a chunk: whole sequences, so never below L. */
static size_t
chunk_tokens(const BmHistoryEncoder *e, const BmNetShape *s, size_t negatives)
{
	size_t fit = (size_t) (CHUNK_FLOPS / bmc_next_flops(e, s, negatives));

	fit = fit > e->chunk ? e->chunk : fit;
	return fit > s->L ? fit : s->L;
}

static size_t
loss_scratch(const BmNetShape *s, size_t chunk, size_t negatives)
{
	return negatives ? bmc_sampled_scratch(chunk, negatives) : bmc_softmax_scratch(s->N, s->D);
}

static size_t
area_count(int threads, size_t shards)
{
	return (size_t) threads < shards ? (size_t) (threads < 1 ? 1 : threads) : shards;
}

static size_t
task_count(const BmNetShape *s, size_t P, size_t rows_max)
{
	return P / BM_NEXT_BLOCK + bmc_mul(rows_max, s->D) / (BM_NEXT_BLOCK / 2) + 4;
}

static const char *
wrong_option(const BmNextOptions *o)
{
	if (o->batch < 1 || o->batch > 65536)
		return "batch must be between 1 and 65536";
	if (o->epochs < 1)
		return "epochs must be at least 1";
	if (!(o->dropout >= 0.0 && o->dropout < 1.0))
		return "dropout must be at least 0 and below 1";
	if (!(o->learning_rate > 0.0) || !(o->beta2 > 0.0 && o->beta2 < 1.0))
		return "learning_rate must be positive and beta2 between 0 and 1";
	if (!(o->weight_decay >= 0.0) || !(o->clip >= 0.0))
		return "weight_decay and clip must not be negative";
	if (!(o->alpha >= 0.0 && o->alpha <= 1.0) || !(o->logq >= 0.0 && o->logq <= 1.0))
		return "alpha and logq must be between 0 and 1";
	if (!(o->bpreg >= 0.0))
		return "bpreg must not be negative";
	if (o->loss == BM_LOSS_BPR_MAX && o->negatives == 0)
		return "negatives must not be 0 with the loss bpr_max";
	return NULL;
}

size_t
bmc_next_fit_bytes(const BmHistoryEncoder *e, const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;
	BmNetShape s;
	size_t K, L, batch = (size_t) o->batch, f = sizeof(float);
	size_t P, chunk, windows, shards, tokens, rows, area, total;

	if (wrong_option(o) || bmc_next_shape(&s, e, o, size->nitems))
		return 0; /* fit_begin says what is wrong */
	L = s.L;
	K = resolve_negatives(o, s.N);
	P = bmc_weights_count(e, &s);
	chunk = chunk_tokens(e, &s, K);
	windows = bmc_add(size->nusers, size->nevents / L);
	batch = batch < windows ? batch : windows;
	shards = bmc_batches_shards(batch, L);
	tokens = bmc_mul(batch, L) < size->nevents ? bmc_mul(batch, L) : size->nevents;
	rows = bmc_batches_rows(tokens, batch, K, s.N);
	area = bmc_add(e->pass_size(&s, chunk), bmc_take_size(loss_scratch(&s, chunk, K), f));
	total = bmc_batches_bytes(size, L, batch, K, o->alpha);
	if (o->half_life_days > 0.0)
		total = bmc_add(total, bmc_mul(size->nevents, 2 * sizeof(float))); /* weights, kept ones */
	total = bmc_add(total, sizeof(BmNextFit));
	total = bmc_add(total, bmc_mul(4, bmc_take_size(bmc_mul(s.N, s.D), f)));
	total = bmc_add(total, bmc_mul(4 + shards, bmc_take_size(P, f)));
	total = bmc_add(total, bmc_mul(shards, bmc_take_size(bmc_mul(rows, s.D), f)));
	total = bmc_add(total, bmc_take_size(bmc_mul(K, s.D + 1), f));
	total = bmc_add(total, bmc_take_size(task_count(&s, P, rows), sizeof(double)));
	total = bmc_add(total, BLOCK_HEADERS);
	return bmc_add(total, bmc_mul(area_count(size->threads, shards), area));
}

/* ---- begin and end ---- */

static void
fill(float *x, float value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = value;
}

/* n numbers N(0, std); of what is no matrix only the numbers are drawn. */
static void
init_normal(float *x, size_t n, float std, BmRng *rng)
{
	for (size_t i = 0; i < n; i++)
		x[i] = std * (float) bmc_rng_normal(rng);
}

/* Matrices and embeddings normal, gains 1, biases 0. */
static void
init_weights(BmNextFit *z, uint64_t seed)
{
	BmNetTensor t[BM_MAX_TENSORS];
	BmRng item = bmc_rng(seed, STREAM_INIT), net = bmc_rng(seed, STREAM_INIT + 8);
	int n = z->encoder->tensors(t, &z->weights, &z->shape);

	init_normal(z->item, z->shape.N * z->shape.D, ITEM_STD, &item);
	for (int i = 0; i < n; i++)
	{
		size_t floats = t[i].shape[0] * (t[i].ndim == 2 ? t[i].shape[1] : 1);
		float *w = *t[i].at;

		init_normal(w, floats, t[i].init, &net);
		if (t[i].init == BM_INIT_NORM)
		{
			fill(w, 1.0f, floats / 2);
			fill(w + floats / 2, 0.0f, floats / 2);
		}
		else if (t[i].init == 0.0f)
			fill(w, 0.0f, floats);
	}
}

/* The weights of an earlier fit, which the average then goes on from. False: they do not fit. */
static bool
take_over(BmNextFit *z, const BmFitStart *start)
{
	BmNetTensor t[BM_MAX_TENSORS];
	int n = z->encoder->tensors(t, &z->weights, &z->shape);
	bool fits = bmc_start_items(z->item, start, "item", z->shape.N, z->shape.D);

	for (int i = 0; fits && i < n; i++)
		fits = bmc_start_copy(*t[i].at, start, t[i].name, t[i].ndim, t[i].shape);
	memcpy(z->item_mean, z->item, z->shape.N * z->shape.D * sizeof(float));
	memcpy(z->w_mean, z->w, z->P * sizeof(float));
	return fits;
}

static BmStatus
allocate_areas(BmNextFit *z, BmMem *mem)
{
	size_t scratch = loss_scratch(&z->shape, z->chunk, z->data.K);

	for (size_t i = 0; i < z->areas; i++)
	{
		BmNextArea *a = &z->area[i];

		a->memory = bmc_alloc(mem, z->encoder->pass_size(&z->shape, z->chunk), 1);
		a->scratch = bmc_alloc(mem, scratch, sizeof(float));
		if (!a->memory || !a->scratch)
			return BM_ENOMEM;
		a->pass = z->encoder->pass(&z->shape, z->chunk, a->memory);
	}
	return BM_OK;
}

static BmStatus
allocate_weights(BmNextFit *z, BmMem *mem)
{
	size_t ND = bmc_mul(z->shape.N, z->shape.D), f = sizeof(float);
	size_t grads = bmc_mul(z->data.shards, bmc_mul(z->data.rows_max, z->shape.D));

	z->item = bmc_alloc(mem, ND, f);
	z->item_m = bmc_alloc0(mem, ND, f);
	z->item_v = bmc_alloc0(mem, ND, f);
	z->item_mean = bmc_alloc0(mem, ND, f);
	z->w_mean = bmc_alloc0(mem, z->P, f);
	z->w = bmc_alloc(mem, z->P, f);
	z->m = bmc_alloc0(mem, z->P, f);
	z->v = bmc_alloc0(mem, z->P, f);
	z->dw = bmc_alloc(mem, bmc_mul(z->data.shards, z->P), f);
	z->ditem = bmc_alloc(mem, grads, f);
	z->norm = bmc_alloc0(mem, task_count(&z->shape, z->P, z->data.rows_max), sizeof(double));
	if (z->data.K > 0)
	{
		z->negative = bmc_alloc(mem, bmc_mul(z->data.K, z->shape.D), f);
		z->shift = bmc_alloc0(mem, z->data.K, f);
		if (!z->negative || !z->shift)
			return BM_ENOMEM;
	}
	if (!z->item_mean || !z->w_mean)
		return BM_ENOMEM;
	return z->item && z->item_m && z->item_v && z->w && z->m && z->v && z->dw && z->ditem && z->norm
			   ? BM_OK
			   : BM_ENOMEM;
}

void
bmc_next_fit_end(BmFit *fit)
{
	BmNextFit *z = fit->state;
	BmMem *mem = fit->mem;

	if (z == NULL)
		return;
	for (size_t i = 0; i < BM_MAX_SHARDS; i++)
	{
		bmc_free(mem, z->area[i].memory);
		bmc_free(mem, z->area[i].scratch);
	}
	bmc_free(mem, z->item);
	bmc_free(mem, z->item_m);
	bmc_free(mem, z->item_v);
	bmc_free(mem, z->item_mean);
	bmc_free(mem, z->w_mean);
	bmc_free(mem, z->w);
	bmc_free(mem, z->m);
	bmc_free(mem, z->v);
	bmc_free(mem, z->dw);
	bmc_free(mem, z->ditem);
	bmc_free(mem, z->negative);
	bmc_free(mem, z->shift);
	bmc_free(mem, z->norm);
	bmc_batches_end(&z->data, mem);
	bmc_free(mem, z);
	fit->state = NULL;
}

static BmStatus
begin(BmNextFit *z, BmFit *fit)
{
	BmSequences data;
	BmStatus status = bmc_decay_begin(&data, fit->data, z->o.half_life_days, fit->mem, fit->stop);

	z->P = bmc_weights_count(z->encoder, &z->shape);
	if (status == BM_OK)
		status = bmc_batches_begin(&z->data, &data, z->shape.L, (size_t) z->o.batch,
								   resolve_negatives(&z->o, data.nitems), z->o.alpha, fit->mem,
								   fit->stop);
	bmc_decay_end(&data, fit->data, fit->mem);
	if (status != BM_OK)
		return status;
	z->chunk = chunk_tokens(z->encoder, &z->shape, z->data.K);
	z->threads = fit->pool ? bmc_pool_threads(fit->pool) : 1;
	z->areas = area_count(z->threads, z->data.shards);
	status = allocate_weights(z, fit->mem);
	if (status == BM_OK)
		status = allocate_areas(z, fit->mem);
	if (status != BM_OK)
		return status;
	bmc_weights_into(&z->weights, z->encoder, &z->shape, z->w);
	bmc_weights_into(&z->mean, z->encoder, &z->shape, z->w_mean);
	init_weights(z, fit->seed);
	if (fit->start && !take_over(z, fit->start))
	{
		snprintf(fit->error, sizeof(fit->error), "The weights to start from have other shapes.");
		return BM_EINVAL;
	}
	z->config[z->nconfig++] = BM_NEXT_FORMAT;
	for (const size_t *at = z->encoder->config; *at; at++)
		z->config[z->nconfig++] = *bmc_next_option(&z->o, *at);
	fit->epoch = 0;
	fit->epochs = z->o.epochs;
	fit->done = 0;
	fit->total = bmc_batches_count(&z->data);
	fit->loss = NAN;
	return BM_OK;
}

BmStatus
bmc_next_fit_begin(const BmHistoryEncoder *e, BmFit *fit)
{
	const BmNextOptions *o = fit->options;
	const char *wrong = wrong_option(o);
	BmNetShape shape;
	BmNextFit *z;
	BmStatus status;

	fit->state = NULL;
	fit->error[0] = '\0';
	if (wrong == NULL)
		wrong = bmc_next_shape(&shape, e, o, fit->data->nitems);
	if (wrong)
	{
		snprintf(fit->error, sizeof(fit->error), "Option %s.", wrong);
		return BM_EINVAL;
	}
	z = bmc_alloc0(fit->mem, 1, sizeof(*z));
	if (z == NULL)
		return BM_ENOMEM;
	fit->state = z;
	z->encoder = e;
	z->shape = shape;
	z->o = *o;
	status = begin(z, fit);
	if (status == BM_EINVAL && fit->error[0] == '\0')
		snprintf(fit->error, sizeof(fit->error), "No user has two events to learn from.");
	if (status != BM_OK)
		bmc_next_fit_end(fit);
	return status;
}

BmStatus
bmc_next_fit_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	BmNextFit *z = fit->state;
	BmNetTensor t[BM_MAX_TENSORS];
	size_t item[] = {z->shape.N, z->shape.D};
	int n = z->encoder->tensors(t, &z->mean, &z->shape);
	bool fits = bmc_tensors_add(out, prefix, "config", BM_I32, z->config, 1, &z->nconfig) &&
				bmc_tensors_add(out, prefix, "item", BM_F32, z->item_mean, 2, item) &&
				bmc_tensors_add(out, prefix, "support", BM_I32, z->data.support, 1, item);

	for (int i = 0; fits && i < n; i++)
		fits = bmc_tensors_add(out, prefix, t[i].name, BM_F32, *t[i].at, t[i].ndim, t[i].shape);
	return fits ? BM_OK : BM_ELIMIT;
}
