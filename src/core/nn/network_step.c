/*
 * network_step.c
 *		Training steps of a network: a batch dealt to fixed shards, their gradients added in shard order,
 *		the norm clipped, the weights moved; and the measuring that a plateau needs.
 *
 * A layer that needs sums over the whole batch (batch normalisation) cuts the way into phases: all
 * shards run up to it and add up their part, then all go on; the same on the way back. Without one, a
 * shard is a single task that works in chunks small enough for the caches.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/nn/network_state.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define STREAM_ORDER 2
#define STREAM_DROP (UINT64_C(1) << 40)
#define STEP_FLOPS 6e9         /* of one fit_step: about 100 ms of one core */
#define PER_BATCH_FLOPS 2e6    /* what a batch costs however small it is */
#define MEASURED_SAMPLES 16384 /* of the validation part, at most, for a plateau */

/* ---- a shard ---- */

static size_t
shard_from(const BmNetworkFit *z, size_t shard)
{
	return z->S * shard / z->shards;
}

static BmPass *
pass_of(BmNetworkFit *z, size_t shard, int worker)
{
	bool own = z->net.syncs > 0 || (size_t) z->threads > z->shards;

	return &z->pass[own ? shard : (size_t) worker];
}

static void
fill(BmNetworkFit *z, BmPass *p, size_t shard, size_t from, size_t count)
{
	bmc_pass_fill(p, z->samples, z->index + from, 0, count, z->column);
	p->training = true;
	p->gemm = bmc_gemm;
	p->drop.seed = bmc_mix64(z->seed ^ bmc_mix64(z->step));
	p->drop.stream = STREAM_DROP + ((uint64_t) from << 8);
}

/* Loss of the samples in p, and dy of the top layer. */
static double
loss_of(BmNetworkFit *z, BmPass *p, size_t from)
{
	float *dz = bmc_pass_gradient(p, z->top);

	return bmc_loss(dz, p->y[z->top - 1], &z->loss, z->reconstruct ? NULL : z->y + from,
					z->reconstruct ? p->x : NULL, z->weight ? z->weight + from : NULL, p->S,
					z->batch_weight);
}

/* The whole of one shard, in chunks; nothing in it looks beyond its own rows. */
static void
run_shard(void *arg, size_t shard, int worker)
{
	BmNetworkFit *z = arg;
	BmPass *p = pass_of(z, shard, worker);
	size_t end = shard_from(z, shard + 1);
	float *dw = z->dw + shard * z->net.P, *dtable = z->dtable + shard * z->maxR * z->D;

	memset(dw, 0, z->net.P * sizeof(float));
	if (z->D)
		memset(dtable, 0, z->R * z->D * sizeof(float));
	z->shard_loss[shard] = 0.0;
	for (size_t from = shard_from(z, shard); from < end; from += z->chunk)
	{
		size_t count = end - from < z->chunk ? end - from : z->chunk;

		if (worker == 0 && bmc_stop(z->stop))
			atomic_store(&z->halt, 1);
		if (atomic_load(&z->halt))
			return;
		fill(z, p, shard, from, count);
		bmc_pass_forward(p, &z->weights, 0, z->top);
		z->shard_loss[shard] += loss_of(z, p, from);
		bmc_pass_backward(p, &z->weights, dw, z->D ? dtable : NULL, z->slot, z->top, 0);
	}
}

/* ---- phases, with batch normalisation ---- */

static void
add_stats(BmNetworkFit *z, BmPass *p, size_t shard, int sync, bool back)
{
	BmLayerCall c = bmc_pass_call(p, &z->weights, NULL, z->net.sync[sync]);
	double *part = z->part + shard * z->net.stats;

	memset(part, 0, z->net.stats * sizeof(double));
	c.l->type->add_stats(&c, part, back);
}

/* Task: a shard's part of phase 0..2n: forward to each of the n syncs, the turn, back to each. */
static void
run_phase(void *arg, size_t shard, int worker)
{
	BmNetworkFit *z = arg;
	BmPass *p = &z->pass[shard];
	int n = z->net.syncs, f = z->phase, back = 2 * n - f; /* syncs not yet gone back through */
	float *dw = z->dw + shard * z->net.P, *dtable = z->dtable + shard * z->maxR * z->D;
	size_t from = shard_from(z, shard);

	if (f == 0)
	{
		fill(z, p, shard, from, shard_from(z, shard + 1) - from);
		memset(dw, 0, z->net.P * sizeof(float));
		if (z->D)
			memset(dtable, 0, z->R * z->D * sizeof(float));
	}
	if (f <= n)
		bmc_pass_forward(p, &z->weights, f > 0 ? z->net.sync[f - 1] : 0,
						 f < n ? z->net.sync[f] : z->top);
	if (f < n)
	{
		add_stats(z, p, shard, f, false);
		return;
	}
	if (f == n)
		z->shard_loss[shard] = loss_of(z, p, from);
	bmc_pass_backward(p, &z->weights, dw, z->D ? dtable : NULL, z->slot,
					  f == n ? z->top : z->net.sync[back] + 1,
					  back ? z->net.sync[back - 1] + 1 : 0);
	if (back)
		add_stats(z, p, shard, back - 1, true);
}

/* The shards' sums of one sync together, in shard order. */
static void
gather_stats(BmNetworkFit *z, int sync)
{
	const BmLayer *l = &z->net.layer[z->net.sync[sync]];
	double *sum = z->stats + (size_t) sync * z->net.stats;

	memset(sum, 0, z->net.stats * sizeof(double));
	for (size_t s = 0; s < z->shards; s++)
		for (size_t i = 0; i < z->net.stats; i++)
			sum[i] += z->part[s * z->net.stats + i];
	if (z->phase < z->net.syncs)
		l->type->keep_stats(l, z->state + l->state_at, sum);
}

static BmStatus
run_phases(BmNetworkFit *z, BmFit *fit)
{
	int n = z->net.syncs;

	for (z->phase = 0; z->phase <= 2 * n; z->phase++)
	{
		BmStatus status = bmc_pool_run(fit->pool, run_phase, z, z->shards, fit->stop);

		if (status != BM_OK)
			return status;
		if (z->phase < n)
			gather_stats(z, z->phase);
		else if (z->phase < 2 * n)
			gather_stats(z, 2 * n - z->phase - 1);
	}
	return BM_OK;
}

/* ---- adding and updating ---- */

/* A task's part: n floats of the gradient, in shard 0's buffer, which the sum ends in. */
typedef struct Part
{
	float *g;
	size_t stride, n, first; /* first: place in w, or row of the batch's rows */
	bool rows;
} Part;

static Part
part_of(const BmNetworkFit *z, size_t task)
{
	Part p = {.rows = task >= z->dense_tasks};
	size_t P = z->net.P;

	if (!p.rows)
	{
		p.first = task * BM_NETWORK_BLOCK;
		p.n = P - p.first < BM_NETWORK_BLOCK ? P - p.first : BM_NETWORK_BLOCK;
		p.g = z->dw + p.first;
		p.stride = P;
		return p;
	}
	p.first = (task - z->dense_tasks) * z->row_block;
	p.n = (z->R - p.first < z->row_block ? z->R - p.first : z->row_block) * z->D;
	p.g = z->dtable + p.first * z->D;
	p.stride = z->maxR * z->D;
	return p;
}

static void
move_part(BmNetworkFit *z, const Part *p)
{
	float *m = z->m ? z->m + p->first : NULL, *v = z->v ? z->v + p->first : NULL;

	if (p->rows)
		bmc_update_rows(&z->update, z->table, z->tm, z->tv, p->g, z->row + p->first, p->n / z->D,
						z->D);
	else
		bmc_update_weights(&z->update, z->w + p->first, m, v, p->g, p->n);
}

/* Task: add the shards' gradients in shard order; then move the weights, unless the norm is to be clipped. */
static void
add_part(void *arg, size_t task, int worker)
{
	BmNetworkFit *z = arg;
	Part p = part_of(z, task);
	double squares = 0.0;

	for (size_t s = 1; s < z->shards; s++)
		bmc_axpy(p.g, 1.0f, p.g + s * p.stride, p.n);
	if (z->o.clip <= 0.0)
	{
		move_part(z, &p);
		return;
	}
	for (size_t i = 0; i < p.n; i += 1024)
		squares += (double) bmc_dot(p.g + i, p.g + i, p.n - i < 1024 ? p.n - i : 1024);
	z->norm[task] = squares;
}

static void
move_task(void *arg, size_t task, int worker)
{
	Part p = part_of(arg, task);

	move_part(arg, &p);
}

static double
clip_factor(const BmNetworkFit *z)
{
	double squares = 0.0;

	for (size_t i = 0; z->o.clip > 0.0 && i < z->tasks; i++)
		squares += z->norm[i];
	return squares > z->o.clip * z->o.clip ? z->o.clip / (sqrt(squares) + 1e-6) : 1.0;
}

static BmStatus
update(BmNetworkFit *z, BmFit *fit)
{
	uint64_t total = (uint64_t) fit->total * (uint64_t) fit->epochs;
	double rate = bmc_schedule_rate(&z->schedule, &z->plateau, z->o.learning_rate, z->step, total);
	BmStatus status;

	z->dense_tasks = (z->net.P + BM_NETWORK_BLOCK - 1) / BM_NETWORK_BLOCK;
	z->row_block = z->D ? BM_NETWORK_BLOCK / z->D + 1 : 1;
	z->tasks = z->dense_tasks + (z->R + z->row_block - 1) / z->row_block;
	z->update = bmc_update(&z->optimizer, rate, 1.0, z->step + 1);
	status = bmc_pool_run(fit->pool, add_part, z, z->tasks, fit->stop);
	if (status == BM_OK && z->o.clip > 0.0)
	{
		z->update = bmc_update(&z->optimizer, rate, clip_factor(z), z->step + 1);
		status = bmc_pool_run(fit->pool, move_task, z, z->tasks, fit->stop);
	}
	return status;
}

/* ---- a batch ---- */

/* Number the rows of the table that the batch touches. */
static void
number_rows(BmNetworkFit *z)
{
	const BmSamples *s = z->samples;

	for (size_t i = 0; i < z->R; i++)
		z->slot[z->row[i]] = BM_NONE;
	z->R = 0;
	for (size_t i = 0; i < z->S; i++)
	{
		size_t rows, from = bmc_sample(s, z->index[i], &rows);

		for (size_t k = from * s->ncodes; k < (from + rows) * s->ncodes; k++)
		{
			uint32_t row = z->column[k % s->ncodes] + s->code[k];

			if (z->slot[row] != BM_NONE)
				continue;
			z->slot[row] = (uint32_t) z->R;
			z->row[z->R++] = row;
		}
	}
}

static void
gather_targets(BmNetworkFit *z)
{
	const BmSamples *s = z->samples;

	for (size_t i = 0; i < z->S; i++)
	{
		if (s->y)
			z->y[i] = s->y[z->index[i]];
		if (s->weight)
			z->weight[i] = s->weight[z->index[i]];
	}
	z->batch_weight = bmc_loss_weight(&z->loss, z->reconstruct ? NULL : z->y, z->weight, z->S);
}

/* what: "loss is", "weights are". */
static BmStatus
diverged(const BmNetworkFit *z, BmFit *fit, const char *what, uint64_t step)
{
	snprintf(fit->error, BM_NETWORK_ERROR,
			 "The %s not finite at step %llu, epoch %d; try a learning_rate of %g instead of %g.",
			 what, (unsigned long long) step, fit->epoch + 1, z->o.learning_rate / 10.0,
			 z->o.learning_rate);
	return BM_ENOTFINITE;
}

/* Nobody can use weights that are not finite, though the loss before the last step was. */
static BmStatus
epoch_end(BmNetworkFit *z, BmFit *fit)
{
	if (!bmc_all_finite(z->w, z->net.P) || !bmc_all_finite(z->state, z->net.Q) ||
		!bmc_all_finite(z->table, z->net.input.rows * z->D))
		return diverged(z, fit, "weights are", z->step);
	z->next = 0;
	return ++fit->epoch == fit->epochs ? BM_OK : BM_EPOCH;
}

/* Forward, backward and update of samples index[0..S). */
static BmStatus
run_batch(BmNetworkFit *z, BmFit *fit, const uint32_t *index, size_t S, double *loss)
{
	BmStatus status;

	z->samples = fit->samples;
	z->index = index;
	z->S = S;
	z->stop = fit->stop;
	z->seed = fit->seed;
	gather_targets(z);
	if (z->D)
		number_rows(z);
	*loss = 0.0;
	if (!(z->batch_weight > 0.0))
		return BM_OK; /* weights of 0 only: nothing to learn from */
	status = z->net.syncs ? run_phases(z, fit)
						  : bmc_pool_run(fit->pool, run_shard, z, z->shards, fit->stop);
	if (status != BM_OK || atomic_load(&z->halt))
		return BM_ESTOP;
	for (size_t s = 0; s < z->shards; s++)
		*loss += z->shard_loss[s];
	if (!isfinite(*loss))
		return diverged(z, fit, "loss is", z->step + 1);
	status = update(z, fit);
	z->step++;
	return status;
}

BmStatus
bmc_network_fit_batch(BmFit *fit, const uint32_t *index, size_t S, double *loss)
{
	BmNetworkFit *z = fit->state;

	return S > (size_t) z->o.batch ? BM_EINVAL : run_batch(z, fit, index, S, loss);
}

/* ---- measuring for a plateau ---- */

/* Task: loss of one chunk of the validation samples, and what they count. */
static void
measure_chunk(void *arg, size_t task, int worker)
{
	BmNetworkFit *z = arg;
	BmPass *p = &z->pass[z->net.syncs ? 0 : (size_t) worker % z->areas];
	const BmSamples *s = z->samples;
	size_t from = task * z->chunk, left = z->S - from, count = left < z->chunk ? left : z->chunk;
	const float *y = z->reconstruct ? NULL : s->y + from, *weight = s->weight;

	memset(p->stats, 0, sizeof(p->stats));
	bmc_pass_fill(p, s, NULL, from, count, z->column);
	p->training = false;
	p->gemm = bmc_gemm;
	bmc_pass_forward(p, &z->weights, 0, z->top);
	weight = weight ? weight + from : NULL;
	z->valid_loss[2 * task] = bmc_loss(NULL, p->y[z->top - 1], &z->loss, y,
									   z->reconstruct ? p->x : NULL, weight, count, 1.0);
	z->valid_loss[2 * task + 1] = bmc_loss_weight(&z->loss, y, weight, count);
}

static void
train_stats(BmNetworkFit *z)
{
	for (size_t a = 0; a < z->areas; a++)
		for (int j = 0; j < z->net.syncs; j++)
			z->pass[a].stats[z->net.sync[j]] = z->stats + (size_t) j * z->net.stats;
}

static BmStatus
measure(BmNetworkFit *z, BmFit *fit)
{
	double loss = 0.0, weight = 0.0;
	const BmSamples *s = fit->valid;
	BmStatus status = BM_OK;
	size_t tasks = 0;

	if (s && s->n > 0)
	{
		z->samples = s;
		z->S = s->n < MEASURED_SAMPLES ? s->n : MEASURED_SAMPLES;
		tasks = (z->S + z->chunk - 1) / z->chunk;
		/* with batch normalisation one buffer only: its shards' are laid out for training */
		status = bmc_pool_run(z->net.syncs ? NULL : fit->pool, measure_chunk, z, tasks, fit->stop);
		train_stats(z);
		if (status != BM_OK)
			return status;
	}
	for (size_t i = 0; i < tasks; i++)
	{
		loss += z->valid_loss[2 * i];
		weight += z->valid_loss[2 * i + 1];
	}
	bmc_plateau_measured(&z->plateau, &z->schedule,
						 weight > 0.0 ? loss / weight
									  : z->since_measure / (double) z->schedule.every);
	z->since_measure = 0.0;
	z->measured = z->step;
	return BM_OK;
}

/* ---- the step ---- */

/* The samples in a new order: a Fisher-Yates shuffle of its own for every epoch. */
static void
shuffle(BmNetworkFit *z, BmFit *fit)
{
	BmRng rng = bmc_rng(fit->seed ^ bmc_mix64((uint64_t) fit->epoch), STREAM_ORDER);

	for (size_t i = 0; i < fit->samples->n; i++)
		z->order[i] = (uint32_t) i;
	bmc_rng_shuffle(&rng, z->order, fit->samples->n);
	z->epoch_loss = 0.0;
}

BmStatus
bmc_network_step(BmFit *fit)
{
	BmNetworkFit *z = fit->state;
	size_t batch = (size_t) z->o.batch, n = fit->samples->n;

	for (double flops = 0.0; flops < STEP_FLOPS * z->threads;)
	{
		size_t from = z->next * batch, S = n - from < batch ? n - from : batch;
		double loss;
		BmStatus status;

		if (bmc_stop(fit->stop))
			return BM_ESTOP;
		if (z->next == 0)
			shuffle(z, fit);
		status = run_batch(z, fit, z->order + from, S, &loss);
		if (status != BM_OK)
			return status;
		flops += PER_BATCH_FLOPS + 3.0 * z->net.flops * (double) S;
		z->epoch_loss += loss;
		z->since_measure += loss;
		fit->done = ++z->next;
		fit->loss = z->epoch_loss / (double) z->next;
		if (z->schedule.kind == BM_SCHEDULE_PLATEAU &&
			z->step - z->measured >= (uint64_t) z->schedule.every)
		{
			status = measure(z, fit);
			if (status != BM_OK)
				return status;
		}
		if (z->next == fit->total)
			return epoch_end(z, fit);
	}
	return BM_MORE;
}
