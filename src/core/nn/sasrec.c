/*
 * sasrec.c
 *		The stepwise fit of SASRec (Kang and McAuley 2018) with softmax cross-entropy over all items
 *		or over shared negatives (Klenitskiy and Vasilev 2023), and its entry in the recommenders.
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

#include "core/nn/sasrec_state.h"
#include "core/nn/softmax.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define STREAM_INIT 1

#define INIT_STD 0.02f          /* of all weights, as BERT and GPT start */
#define CHUNK_TOKENS 1024       /* activations of a chunk stay near the caches */
#define CHUNK_FLOPS 2e9         /* and a chunk stays well below 50 ms */
#define FULL_SOFTMAX_ITEMS 5000 /* catalogues up to this size get the softmax over all items */
#define DEFAULT_NEGATIVES 512
#define BLOCK_HEADERS 4096 /* bytes: some forty blocks, with what the allocator adds to each */

/* ---- sizes ---- */

static size_t
resolve_negatives(const BmSasrecOptions *o, size_t nitems)
{
	size_t wanted = o->negatives < 0 ? (nitems <= FULL_SOFTMAX_ITEMS ? 0 : DEFAULT_NEGATIVES)
									 : (size_t) o->negatives;

	return wanted + 1 >= nitems ? 0 : wanted;
}

static BmNetShape
shape_of(const BmSasrecOptions *o, size_t nitems)
{
	BmNetShape s;

	s.N = nitems;
	s.D = (size_t) o->dim;
	s.H = (size_t) o->heads;
	s.F = (size_t) (o->hidden > 0 ? o->hidden : o->dim);
	s.L = (size_t) o->length;
	s.blocks = (size_t) o->blocks;
	return s;
}

double
bmc_sasrec_flops(const BmNetShape *s, size_t negatives)
{
	double D = (double) s->D, F = (double) s->F;
	double loss = 6.0 * D * (double) (negatives ? negatives : s->N);

	return loss + (double) s->blocks * (24.0 * D * D + 12.0 * D * F + 8.0 * D * (double) s->L);
}

/* Tokens of a chunk: whole sequences, so never below L. */
static size_t
chunk_tokens(const BmNetShape *s, size_t negatives)
{
	size_t fit = (size_t) (CHUNK_FLOPS / bmc_sasrec_flops(s, negatives));

	fit = fit > CHUNK_TOKENS ? CHUNK_TOKENS : fit;
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
	return P / BM_SASREC_BLOCK + bmc_mul(rows_max, s->D) / (BM_SASREC_BLOCK / 2) + 4;
}

static const char *
wrong_option(const BmSasrecOptions *o)
{
	if (o->dim < 1 || o->dim > BM_SASREC_MAX_DIM)
		return "dim must be between 1 and 1024";
	if (o->heads < 1 || o->dim % o->heads != 0)
		return "dim must be a multiple of heads";
	if (o->blocks < 0 || o->blocks > BM_NET_MAX_BLOCKS)
		return "blocks must be between 0 and 16";
	if (o->hidden < 0 || o->hidden > 4 * BM_SASREC_MAX_DIM)
		return "hidden must be between 0 and 4096";
	if (o->length < 1 || o->length > BM_SASREC_MAX_LENGTH)
		return "length must be between 1 and 4096";
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
	return NULL;
}

static size_t
sasrec_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmSasrecOptions *o = options;
	BmNetShape s = shape_of(o, size->nitems);
	size_t K, L = s.L, batch = (size_t) o->batch, f = sizeof(float);
	size_t P, chunk, windows, shards, tokens, rows, area, total;

	if (wrong_option(o))
		return 0; /* fit_begin says what is wrong */
	K = resolve_negatives(o, s.N);
	P = bmc_net_count(&s);
	chunk = chunk_tokens(&s, K);
	windows = bmc_add(size->nusers, size->nevents / L);
	batch = batch < windows ? batch : windows;
	shards = bmc_batches_shards(batch, L);
	tokens = bmc_mul(batch, L) < size->nevents ? bmc_mul(batch, L) : size->nevents;
	rows = bmc_batches_rows(tokens, batch, K, s.N);
	area = bmc_add(bmc_net_pass_size(&s, chunk), bmc_take_size(loss_scratch(&s, chunk, K), f));
	total = bmc_batches_bytes(size, L, batch, K);
	total = bmc_add(total, sizeof(BmSasrecFit));
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
init_normal(float *x, size_t n, uint64_t seed, uint64_t stream)
{
	BmRng rng = bmc_rng(seed, stream);

	for (size_t i = 0; i < n; i++)
		x[i] = INIT_STD * (float) bmc_rng_normal(&rng);
}

static void
fill(float *x, float value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = value;
}

/* Matrices and embeddings N(0, INIT_STD), gains 1, biases 0. */
static void
init_weights(BmSasrecFit *z, uint64_t seed)
{
	size_t D = z->shape.D;
	BmNetWeights *w = &z->weights;

	init_normal(z->item, z->shape.N * D, seed, STREAM_INIT);
	init_normal(z->w, z->P, seed, STREAM_INIT + 8);
	fill(w->norm, 1.0f, D);
	fill(w->norm + D, 0.0f, D);
	for (size_t b = 0; b < z->shape.blocks; b++)
	{
		BmNetBlock *k = &w->block[b];

		fill(k->norm1, 1.0f, D);
		fill(k->norm1 + D, 0.0f, D);
		fill(k->norm2, 1.0f, D);
		fill(k->norm2 + D, 0.0f, D);
		fill(k->bqkv, 0.0f, 3 * D);
		fill(k->bo, 0.0f, D);
		fill(k->b1, 0.0f, z->shape.F);
		fill(k->b2, 0.0f, D);
	}
}

static BmStatus
allocate_areas(BmSasrecFit *z, BmMem *mem)
{
	size_t scratch = loss_scratch(&z->shape, z->chunk, z->data.K);

	for (size_t i = 0; i < z->areas; i++)
	{
		void *memory = bmc_alloc(mem, bmc_net_pass_size(&z->shape, z->chunk), 1);

		if (memory == NULL)
			return BM_ENOMEM;
		z->area[i].pass = bmc_net_pass(&z->shape, z->chunk, memory);
		z->area[i].scratch = bmc_alloc(mem, scratch, sizeof(float));
		if (z->area[i].scratch == NULL)
			return BM_ENOMEM;
	}
	return BM_OK;
}

static BmStatus
allocate_weights(BmSasrecFit *z, BmMem *mem)
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

static void
sasrec_fit_end(BmFit *fit)
{
	BmSasrecFit *z = fit->state;
	BmMem *mem = fit->mem;

	if (z == NULL)
		return;
	for (size_t i = 0; i < BM_MAX_SHARDS; i++)
	{
		bmc_free(mem, z->area[i].pass);
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
begin(BmSasrecFit *z, BmFit *fit)
{
	const BmSequences *data = fit->data;
	BmStatus status;

	z->shape = shape_of(&z->o, data->nitems);
	z->P = bmc_net_count(&z->shape);
	status = bmc_batches_begin(&z->data, data, z->shape.L, (size_t) z->o.batch,
							   resolve_negatives(&z->o, data->nitems), fit->mem, fit->stop);
	if (status != BM_OK)
		return status;
	z->chunk = chunk_tokens(&z->shape, z->data.K);
	z->threads = fit->pool ? bmc_pool_threads(fit->pool) : 1;
	z->areas = area_count(z->threads, z->data.shards);
	status = allocate_weights(z, fit->mem);
	if (status == BM_OK)
		status = allocate_areas(z, fit->mem);
	if (status != BM_OK)
		return status;
	z->weights = bmc_net_weights(&z->shape, z->w);
	z->mean = bmc_net_weights(&z->shape, z->w_mean);
	init_weights(z, fit->seed);
	z->config[0] = BM_SASREC_FORMAT;
	z->config[1] = (int32_t) z->shape.blocks;
	z->config[2] = (int32_t) z->shape.H;
	fit->epoch = 0;
	fit->epochs = z->o.epochs;
	fit->done = 0;
	fit->total = bmc_batches_count(&z->data);
	fit->loss = NAN;
	return BM_OK;
}

static BmStatus
sasrec_fit_begin(BmFit *fit)
{
	const char *wrong = wrong_option(fit->options);
	BmSasrecFit *z;
	BmStatus status;

	fit->state = NULL;
	fit->error[0] = '\0';
	if (wrong)
	{
		snprintf(fit->error, sizeof(fit->error), "Option %s.", wrong);
		return BM_EINVAL;
	}
	z = bmc_alloc0(fit->mem, 1, sizeof(*z));
	if (z == NULL)
		return BM_ENOMEM;
	fit->state = z;
	z->o = *(const BmSasrecOptions *) fit->options;
	status = begin(z, fit);
	if (status == BM_EINVAL)
		snprintf(fit->error, sizeof(fit->error), "No user has two events to learn from.");
	if (status != BM_OK)
		sasrec_fit_end(fit);
	return status;
}

/* ---- tensors ---- */

int
bmc_sasrec_tensors(BmSasrecTensor *out, BmNetWeights *w, const BmNetShape *s)
{
	int n = 0;

	out[n++] = (BmSasrecTensor){"position", {s->L, s->D}, 2, &w->position};
	out[n++] = (BmSasrecTensor){"norm", {2, s->D}, 2, &w->norm};
	for (size_t b = 0; b < s->blocks; b++)
	{
		BmNetBlock *k = &w->block[b];
		const BmSasrecTensor block[] = {
			{"norm1", {2, s->D}, 2, &k->norm1},   {"wqkv", {s->D, 3 * s->D}, 2, &k->wqkv},
			{"bqkv", {3 * s->D, 0}, 1, &k->bqkv}, {"wo", {s->D, s->D}, 2, &k->wo},
			{"bo", {s->D, 0}, 1, &k->bo},         {"norm2", {2, s->D}, 2, &k->norm2},
			{"w1", {s->D, s->F}, 2, &k->w1},      {"b1", {s->F, 0}, 1, &k->b1},
			{"w2", {s->F, s->D}, 2, &k->w2},      {"b2", {s->D, 0}, 1, &k->b2},
		};

		for (size_t i = 0; i < sizeof(block) / sizeof(block[0]); i++, n++)
		{
			out[n] = block[i];
			snprintf(out[n].name, sizeof(out[n].name), "block%zu.%.20s", b, block[i].name);
		}
	}
	return n;
}

static BmStatus
sasrec_fit_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	BmSasrecFit *z = fit->state;
	BmSasrecTensor t[BM_MAX_TENSORS];
	size_t item[] = {z->shape.N, z->shape.D}, config[] = {BM_SASREC_CONFIG};
	int n = bmc_sasrec_tensors(t, &z->mean, &z->shape);
	bool fits = bmc_tensors_add(out, prefix, "config", BM_I32, z->config, 1, config) &&
				bmc_tensors_add(out, prefix, "item", BM_F32, z->item_mean, 2, item) &&
				bmc_tensors_add(out, prefix, "support", BM_I32, z->data.support, 1, item);

	for (int i = 0; fits && i < n; i++)
		fits = bmc_tensors_add(out, prefix, t[i].name, BM_F32, *t[i].at, t[i].ndim, t[i].shape);
	return fits ? BM_OK : BM_ELIMIT;
}

const BmRecommender bmc_sasrec = {
	.name = "sasrec",
	.options_size = sizeof(BmSasrecOptions),
	.bound_size = sizeof(BmSasrecBound),
	.fit_bytes = sasrec_fit_bytes,
	.fit_begin = sasrec_fit_begin,
	.fit_step = bmc_sasrec_step,
	.fit_tensors = sasrec_fit_tensors,
	.fit_end = sasrec_fit_end,
	.bind = bmc_sasrec_bind,
	.score_bytes = bmc_sasrec_score_bytes,
	.score = bmc_sasrec_score,
	.explain = bmc_sasrec_explain,
	.similar = bmc_sasrec_similar,
	.item_embedding = "item",
};
