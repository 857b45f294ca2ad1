/*
 * next_item_step.c
 *		One training step of the networks of next_item.h: shards forward and backward, their gradients
 *		added in shard order, the norm clipped, Adam.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/next_item_state.h"
#include "core/nn/softmax.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define STREAM_NET (UINT64_C(1) << 40) /* dropout: above every stream of batch.c */
#define STEP_FLOPS 6e9                 /* of one fit_step: about 100 ms of one core */

/* ---- a shard ---- */

/* Sequences [first, result) of the shard make a chunk: at most chunk tokens, at least one sequence. */
static size_t
chunk_end(const BmShard *h, size_t first, size_t chunk)
{
	size_t end = first + 1;

	while (end < h->S && h->start[end + 1] - h->start[first] <= chunk)
		end++;
	return end;
}

/* Loss of the tokens of r from their hidden states, and its gradients. */
static double
chunk_loss(BmNextFit *z, float *dhidden, float *ditem, const float *hidden, const BmShard *h,
		   const BmRagged *r, float *scratch)
{
	size_t first = r->start[0], T = bmc_ragged_tokens(r), D = z->shape.D;
	const uint32_t *target = h->target + first;
	const float *weight = h->weight + first;
	BmNegatives neg = {z->data.K, z->data.row_item, z->negative, z->shift, z->data.slot};

	if (z->o.loss == BM_LOSS_BPR_MAX)
		return bmc_bpr_max_loss(dhidden, ditem, hidden, z->item, &neg, target, weight, T, D,
								(float) z->o.bpreg, scratch, bmc_gemm);
	if (neg.K > 0)
		return bmc_sampled_loss(dhidden, ditem, hidden, z->item, &neg, target, weight, T, D,
								scratch, bmc_gemm);
	return bmc_softmax_loss(dhidden, ditem, hidden, z->item, target, weight, T, z->shape.N, D,
							scratch, bmc_gemm);
}

/* Forward, loss and backward of the sequences of r; returns the loss. */
static double
run_chunk(BmNextFit *z, BmNextArea *area, const BmShard *h, const BmRagged *r, BmWeights *dw,
		  float *ditem, BmDropout drop)
{
	const BmHistoryEncoder *e = z->encoder;
	const float *hidden = e->forward(area->pass, &z->weights, z->item, r, drop, bmc_gemm);
	double loss = chunk_loss(z, e->gradient(area->pass), ditem, hidden, h, r, area->scratch);

	e->backward(area->pass, &z->weights, dw, ditem, z->data.slot, r, drop, bmc_gemm);
	return loss;
}

/* Task of the pool: the whole of one shard. */
static void
run_shard(void *arg, size_t shard, int worker)
{
	BmNextFit *z = arg;
	const BmShard *h = &z->data.shard[shard];
	size_t row_floats = z->data.rows * z->shape.D;
	float *ditem = z->ditem + shard * z->data.rows_max * z->shape.D;
	float *dw = z->dw + shard * z->P;
	BmNextArea *area = &z->area[(size_t) z->threads <= z->data.shards ? (size_t) worker : shard];
	BmWeights gradient = bmc_weights_moved(&z->weights, z->w, dw);
	BmDropout drop = {(float) z->o.dropout, bmc_mix64(z->seed ^ bmc_mix64(z->step)), 0};
	size_t chunk = 0;

	memset(ditem, 0, row_floats * sizeof(float));
	memset(dw, 0, z->P * sizeof(float));
	z->loss[shard] = 0.0;
	for (size_t s = 0, end; s < h->S; s = end, chunk++)
	{
		BmRagged r;

		if (worker == 0 && bmc_stop(z->stop))
			atomic_store(&z->halt, 1);
		if (atomic_load(&z->halt))
			return;
		end = chunk_end(h, s, z->chunk);
		r = (BmRagged){end - s, h->start + s, h->item};
		drop.stream = STREAM_NET + ((shard << 20) + chunk) * BM_NET_STREAMS;
		z->loss[shard] += run_chunk(z, area, h, &r, &gradient, ditem, drop);
	}
}

/* ---- adding and updating ---- */

/* A task's part of the gradient: n floats at the same place of every shard's buffer. */
typedef struct Part
{
	float *g;      /* of shard 0; the sum ends here */
	size_t stride; /* to the next shard's */
	size_t n;
	size_t first; /* offset in the dense weights, or the first row */
} Part;

static Part
part_of(BmNextFit *z, size_t task)
{
	size_t D = z->shape.D;
	Part p;

	if (task < z->dense_tasks)
	{
		p.first = task * BM_NEXT_BLOCK;
		p.n = z->P - p.first < BM_NEXT_BLOCK ? z->P - p.first : BM_NEXT_BLOCK;
		p.g = z->dw + p.first;
		p.stride = z->P;
		return p;
	}
	p.first = (task - z->dense_tasks) * z->row_block;
	p.n = (z->data.rows - p.first < z->row_block ? z->data.rows - p.first : z->row_block) * D;
	p.g = z->ditem + p.first * D;
	p.stride = z->data.rows_max * D;
	return p;
}

/* Task: add the shards' gradients in shard order; note the squares. */
static void
add_part(void *arg, size_t task, int worker)
{
	BmNextFit *z = arg;
	Part p = part_of(z, task);
	double squares = 0.0;

	for (size_t s = 1; s < z->data.shards; s++)
		bmc_axpy(p.g, 1.0f, p.g + s * p.stride, p.n);
	for (size_t i = 0; z->o.clip > 0.0 && i < p.n; i += 1024)
		squares += bmc_dot(p.g + i, p.g + i, p.n - i < 1024 ? p.n - i : 1024);
	z->norm[task] = squares;
}

/* Task: Adam on the same part; lazily by row where only some rows have gradients. */
static void
update_part(void *arg, size_t task, int worker)
{
	BmNextFit *z = arg;
	Part p = part_of(z, task);
	size_t D = z->shape.D, at = p.first * D;

	if (task < z->dense_tasks)
		bmc_adam_update(&z->adam, z->w + p.first, z->m + p.first, z->v + p.first, p.g, p.n);
	else if (z->data.K == 0)
		bmc_adam_update(&z->adam, z->item + at, z->item_m + at, z->item_v + at, p.g, p.n);
	else
		bmc_adam_rows(&z->adam, z->item, z->item_m, z->item_v, p.g, z->data.row_item + p.first,
					  p.n / D, D);
}

static double
clip_factor(const BmNextFit *z)
{
	double squares = 0.0;

	for (size_t i = 0; i < z->tasks; i++)
		squares += z->norm[i];
	return z->o.clip > 0.0 && squares > z->o.clip * z->o.clip ? z->o.clip / sqrt(squares) : 1.0;
}

/* The negatives' embeddings side by side, as they are before this step, and their logits' shifts. */
static void
gather_negatives(BmNextFit *z)
{
	size_t D = z->shape.D;

	for (size_t k = 0; k < z->data.K; k++)
	{
		uint32_t item = z->data.row_item[k];

		memcpy(z->negative + k * D, z->item + (size_t) item * D, D * sizeof(float));
		if (z->o.logq > 0.0)
			z->shift[k] = (float) (-z->o.logq * log(bmc_batches_chance(&z->data, item)));
	}
}

/* ---- the average ---- */

#define MEAN_RATE 0.3f /* of the newest epoch: about the last five count */

/* Task: move a block of the average towards the weights; the net's blocks first, then the items'. */
BM_CLONES static void
average_part(void *arg, size_t task, int worker)
{
	BmNextFit *z = arg;
	bool net = task < z->dense_tasks;
	size_t first = (net ? task : task - z->dense_tasks) * BM_NEXT_BLOCK;
	size_t n = net ? z->P : z->shape.N * z->shape.D;
	size_t end = n - first < BM_NEXT_BLOCK ? n : first + BM_NEXT_BLOCK;
	float *mean = net ? z->w_mean : z->item_mean, rate = z->mean_rate;
	const float *w = net ? z->w : z->item;

	for (size_t i = first; i < end; i++)
		mean[i] += rate * (w[i] - mean[i]);
}

/* New items have no earlier weights to average with. */
static void
average_new_items(BmNextFit *z, const BmFitStart *start)
{
	size_t D = z->shape.D;

	for (size_t i = 0; i < z->shape.N; i++)
		if (bmc_start_is_new(start, i))
			memcpy(z->item_mean + i * D, z->item + i * D, D * sizeof(float));
}

/* An even average at first, so that the start weighs no more than what follows; a warm start goes on. */
static BmStatus
average(BmNextFit *z, BmFit *fit)
{
	float even = 1.0f / (float) (fit->epoch + 1);
	size_t items = (z->shape.N * z->shape.D + BM_NEXT_BLOCK - 1) / BM_NEXT_BLOCK;
	BmStatus status;

	z->mean_rate = even > MEAN_RATE && fit->start == NULL ? even : MEAN_RATE;
	status = bmc_pool_run(fit->pool, average_part, z, z->dense_tasks + items, fit->stop);
	if (status == BM_OK && fit->start && fit->epoch == 0)
		average_new_items(z, fit->start);
	return status;
}

/* ---- the step ---- */

static BmStatus
run_batch(BmNextFit *z, BmFit *fit)
{
	size_t D = z->shape.D;
	double loss = 0.0;
	BmStatus status;

	bmc_batches_fill(&z->data, z->next, fit->seed, z->step);
	gather_negatives(z);
	z->dense_tasks = (z->P + BM_NEXT_BLOCK - 1) / BM_NEXT_BLOCK;
	z->row_block = BM_NEXT_BLOCK / D;
	z->tasks = z->dense_tasks + (z->data.rows + z->row_block - 1) / z->row_block;
	status = bmc_pool_run(fit->pool, run_shard, z, z->data.shards, fit->stop);
	if (status != BM_OK || atomic_load(&z->halt))
		return BM_ESTOP;
	for (size_t s = 0; s < z->data.shards; s++)
		loss += z->loss[s];
	z->epoch_loss += loss;
	if (!isfinite(loss))
	{
		snprintf(fit->error, sizeof(fit->error),
				 "The loss is not finite at step %llu, epoch %d; learning_rate is %g.",
				 (unsigned long long) z->step, fit->epoch + 1, z->o.learning_rate);
		return BM_ENOTFINITE;
	}
	status = bmc_pool_run(fit->pool, add_part, z, z->tasks, fit->stop);
	if (status != BM_OK)
		return status;
	z->step++;
	z->adam =
		bmc_adam_step(z->o.learning_rate, z->o.beta2, z->o.weight_decay, clip_factor(z), z->step);
	return bmc_pool_run(fit->pool, update_part, z, z->tasks, fit->stop);
}

BmStatus
bmc_next_step(BmFit *fit)
{
	BmNextFit *z = fit->state;
	double flops = 0.0, per_token = bmc_next_flops(z->encoder, &z->shape, z->data.K);

	z->stop = fit->stop;
	z->seed = fit->seed;
	while (flops < STEP_FLOPS * z->threads)
	{
		BmStatus status;

		if (bmc_stop(fit->stop))
			return BM_ESTOP;
		if (z->next == 0)
		{
			z->epoch_loss = 0.0;
			bmc_batches_shuffle(&z->data, fit->seed, fit->epoch);
		}
		status = run_batch(z, fit);
		if (status != BM_OK)
			return status;
		flops += per_token * (double) z->data.T;
		fit->done = ++z->next;
		fit->loss = z->epoch_loss / (double) z->next;
		if (z->next == fit->total)
		{
			z->next = 0;
			status = average(z, fit);
			if (status != BM_OK)
				return status;
			return ++fit->epoch == fit->epochs ? BM_OK : BM_EPOCH;
		}
	}
	return BM_MORE;
}
