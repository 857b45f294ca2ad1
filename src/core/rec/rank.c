/*
 * rank.c
 *		Ranking metrics with every item ranked, and the weights of a blend.
 *
 * Ties stand at their mid-rank, so that a constant model earns what chance earns. Cases are cut into
 * fixed batches; each batch is a task with sums of its own, added in batch order.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/num/topk.h"
#include "core/num/vec.h"
#include "core/rec/rank.h"

#define BATCH_FLOATS (1 << 20) /* scores of a batch: about 4 MB a worker */
#define BATCH_MOST 64

typedef struct EvaluateJob
{
	const BmBlend *model;
	const BmCases *cases;
	size_t k, batch;
	double events;   /* sum of support */
	float *rank;     /* (ncases) or NULL */
	BmMetrics *part; /* per task */
	uint32_t *shown; /* (threads, nitems) how often each item was shown */
	char *scratch;   /* per worker */
	size_t scratch_bytes;
} EvaluateJob;

static size_t
batch_size(size_t nitems)
{
	size_t b = BATCH_FLOATS / (nitems + 1);

	return b < 1 ? 1 : b > BATCH_MOST ? BATCH_MOST : b;
}

/* scores, histories, model scratch, top-k */
static size_t
worker_bytes(const BmBlend *model, size_t nitems, size_t k, size_t batch)
{
	return bmc_add(
		bmc_add(bmc_take_size(bmc_mul(batch, nitems), sizeof(float)),
				bmc_take_size(batch, sizeof(BmHistory))),
		bmc_add(bmc_take_size(bmc_blend_score_bytes(model, batch), 1),
				bmc_add(bmc_take_size(k, sizeof(uint32_t)), bmc_take_size(k, sizeof(float)))));
}

/* The user's past before case c, pointing into the data. */
static BmHistory
history_of(const BmCases *cases, size_t c)
{
	const BmSequences *d = cases->data;
	size_t first = d->start[cases->user[c]];

	return (BmHistory){.n = cases->pos[c],
					   .item = d->item + first,
					   .time = d->time + first,
					   .event = d->event ? d->event + first : NULL,
					   .event_weight = d->event_weight};
}

static uint32_t
target_of(const BmCases *cases, size_t c)
{
	return cases->data->item[cases->data->start[cases->user[c]] + cases->pos[c]];
}

/* Set what exclude takes out to value; true when the target is among it. */
static bool
take_out(float *scores, const BmCases *cases, const BmHistory *h, uint32_t target, float value)
{
	bool repeat = false;

	if (cases->exclude == BM_EXCLUDE_NONE)
		return false;
	for (size_t i = 0; i < h->n; i++)
		if (bmc_excluded(cases->exclude, cases->purchase, h, i))
		{
			scores[h->item[i]] = value;
			repeat |= h->item[i] == target;
		}
	return repeat;
}

/* How many scores are above t, and how many are equal to it. */
BM_CLONES static void
count_above(const float *scores, size_t n, float t, size_t *above, size_t *equal)
{
	uint32_t a = 0, e = 0;

	for (size_t i = 0; i < n; i++)
	{
		a += scores[i] > t;
		e += scores[i] == t;
	}
	*above = a;
	*equal = e;
}

/* Mid-rank of the target among `sampled` uniform items that the user has not met. */
static double
sampled_rank(const float *scores, const BmCases *cases, size_t c, const BmHistory *h,
			 uint32_t target)
{
	BmRng rng = bmc_rng(cases->seed, bmc_mix64(((uint64_t) cases->user[c] << 32) | cases->pos[c]));
	size_t nitems = cases->data->nitems, above = 0, equal = 0;

	for (size_t drawn = 0, tries = 0; drawn < cases->sampled && tries < cases->sampled * 100;
		 tries++)
	{
		uint32_t i = bmc_rng_below(&rng, (uint32_t) nitems);
		bool met = i == target;

		for (size_t j = 0; j < h->n && !met; j++)
			met = h->item[j] == i;
		if (met)
			continue;
		drawn++;
		above += scores[i] > scores[target];
		equal += scores[i] == scores[target];
	}
	return 1.0 + (double) above + (double) equal / 2.0;
}

/* Items that are the most popular 1 %: they are numbered the most frequent first. */
static size_t
head_items(size_t nitems)
{
	return (nitems + 99) / 100;
}

/* What was shown: how often, and popularity of the k best. */
static void
add_shown(BmMetrics *m, const EvaluateJob *job, const float *scores, uint32_t *shown,
		  uint32_t *index, float *best)
{
	size_t n = bmc_topk(index, best, job->k, scores, job->model->nitems), head = 0;
	double share = 0.0;

	for (size_t i = 0; i < n; i++)
	{
		shown[index[i]]++;
		head += index[i] < head_items(job->model->nitems);
		if (job->cases->support && job->events > 0.0)
			share += (double) job->cases->support[index[i]] / job->events;
	}
	if (n == 0)
		return;
	m->popularity += share / (double) n;
	m->head += (double) head / (double) n;
}

/* One case: takes out what exclude says, ranks the target, adds to the sums. Returns the rank or 0. */
static double
add_case(BmMetrics *m, const EvaluateJob *job, size_t c, const BmHistory *h, float *scores)
{
	const BmCases *cases = job->cases;
	uint32_t target = target_of(cases, c);
	float t = scores[target];
	bool repeat = take_out(scores, cases, h, target, -INFINITY);
	size_t above, equal;
	double rank;

	m->n++;
	m->cold_users += h->n == 0;
	m->repeats += repeat;
	if (cases->support && cases->support[target] == 0)
	{
		m->cold_items++;
		if (!bmc_blend_knows_cold(job->model))
			return 0.0;
	}
	if (repeat)
		return 0.0;
	if (cases->sampled > 0)
		rank = sampled_rank(scores, cases, c, h, target);
	else
	{
		count_above(scores, job->model->nitems, t, &above, &equal);
		rank = 1.0 + (double) above + (double) (equal - 1) / 2.0;
	}
	if (rank <= (double) job->k)
	{
		m->hit += 1.0;
		m->ndcg += 1.0 / log2(1.0 + rank);
		m->ndcg_squares += 1.0 / (log2(1.0 + rank) * log2(1.0 + rank));
		m->mrr += 1.0 / rank;
	}
	return rank;
}

static void
evaluate_task(void *arg, size_t task, int worker)
{
	EvaluateJob *job = arg;
	size_t nitems = job->model->nitems, first = task * job->batch;
	size_t n = job->cases->n - first < job->batch ? job->cases->n - first : job->batch;
	BmArena arena = {job->scratch + (size_t) worker * job->scratch_bytes, job->scratch_bytes, 0};
	float *scores = bmc_take(&arena, job->batch * nitems, sizeof(float));
	BmHistory *h = bmc_take(&arena, job->batch, sizeof(BmHistory));
	uint32_t *index = bmc_take(&arena, job->k, sizeof(uint32_t));
	float *best = bmc_take(&arena, job->k, sizeof(float));
	void *inner = bmc_take(&arena, bmc_blend_score_bytes(job->model, job->batch), 1);
	BmMetrics *m = &job->part[task];

	for (size_t i = 0; i < n; i++)
		h[i] = history_of(job->cases, first + i);
	bmc_blend_score(scores, job->model, h, n, inner, true);
	for (size_t i = 0; i < n; i++)
	{
		double rank = add_case(m, job, first + i, &h[i], scores + i * nitems);

		if (job->rank)
			job->rank[first + i] = (float) rank;
		add_shown(m, job, scores + i * nitems, job->shown + (size_t) worker * nitems, index, best);
	}
}

static int
by_count(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* Gini's coefficient of counts (n), which it sorts. */
static double
gini(uint32_t *count, size_t n)
{
	double total = 0.0, weighted = 0.0;

	qsort(count, n, sizeof(uint32_t), by_count);
	for (size_t i = 0; i < n; i++)
	{
		total += (double) count[i];
		weighted += (double) (i + 1) * (double) count[i];
	}
	return total > 0.0 ? 2.0 * weighted / ((double) n * total) - (double) (n + 1) / (double) n
					   : 0.0;
}

/* Add the batches in order; and how often each item was shown by any worker. */
static void
add_up(BmMetrics *out, const EvaluateJob *job, size_t ntasks, size_t threads)
{
	size_t nitems = job->model->nitems;

	memset(out, 0, sizeof(*out));
	for (size_t t = 0; t < ntasks; t++)
	{
		const BmMetrics *p = &job->part[t];

		out->n += p->n;
		out->cold_items += p->cold_items;
		out->cold_users += p->cold_users;
		out->repeats += p->repeats;
		out->hit += p->hit;
		out->ndcg += p->ndcg;
		out->mrr += p->mrr;
		out->ndcg_squares += p->ndcg_squares;
		out->popularity += p->popularity;
		out->head += p->head;
	}
	for (size_t t = 1; t < threads; t++)
		for (size_t i = 0; i < nitems; i++)
			job->shown[i] += job->shown[t * nitems + i];
	for (size_t i = 0; i < nitems; i++)
		out->shown += job->shown[i] > 0;
	out->gini = gini(job->shown, nitems);
}

double
bmc_recall_error(const BmMetrics *m)
{
	double n = (double) m->n, mean = n > 0.0 ? m->hit / n : 0.0;

	return n > 0.0 ? sqrt(mean * (1.0 - mean) / n) : 0.0;
}

double
bmc_ndcg_error(const BmMetrics *m)
{
	double n = (double) m->n, mean = n > 0.0 ? m->ndcg / n : 0.0;

	return n > 0.0 ? sqrt(fmax(0.0, m->ndcg_squares / n - mean * mean) / n) : 0.0;
}

BmStatus
bmc_evaluate(BmMetrics *out, float *rank, const BmBlend *model, const BmCases *cases, size_t k,
			 BmPool *pool, BmMem *mem, const BmStop *stop)
{
	size_t threads = (size_t) bmc_pool_threads(pool), nitems = model->nitems;
	size_t batch = batch_size(nitems), ntasks = (cases->n + batch - 1) / batch;
	EvaluateJob job = {.model = model, .cases = cases, .k = k, .batch = batch, .rank = rank};
	BmStatus status = BM_ENOMEM;

	job.scratch_bytes = worker_bytes(model, nitems, k, batch);
	job.part = bmc_alloc0(mem, ntasks + 1, sizeof(BmMetrics));
	job.shown = bmc_alloc0(mem, bmc_mul(threads, nitems), sizeof(uint32_t));
	job.scratch = bmc_alloc(mem, threads, job.scratch_bytes);
	for (size_t i = 0; cases->support && i < nitems; i++)
		job.events += (double) cases->support[i];
	if (job.part && job.shown && job.scratch)
		status = bmc_pool_run(pool, evaluate_task, &job, ntasks, stop);
	if (status == BM_OK)
		add_up(out, &job, ntasks, threads);
	bmc_free(mem, job.part);
	bmc_free(mem, job.shown);
	bmc_free(mem, job.scratch);
	return status;
}
