/*
 * serve.c
 *		The k best items for one history, or for many.
 */
#include <math.h>
#include <string.h>

#include "core/rec/serve_scan.h"

size_t
bmc_serve_bytes(const BmServe *serve)
{
	size_t scores = bmc_add(bmc_take_size(serve->model->nitems, sizeof(float)),
							bmc_take_size(bmc_blend_score_bytes(serve->model, 1), 1));
	size_t scan = bmc_scan_applies(serve) ? bmc_scan_bytes(serve) : 0;

	return scores > scan ? scores : scan;
}

static void
lift(float *scores, const BmServe *serve)
{
	float low = INFINITY;

	for (size_t i = 0; i < serve->model->nitems; i++)
		low = scores[i] < low ? scores[i] : low;
	for (size_t b = 0; b < serve->nboosts; b++)
	{
		float *s = &scores[serve->boost[b].item];

		*s = low + (*s - low) * serve->boost[b].factor;
	}
}

static void
keep_candidates(float *scores, const uint64_t *allowed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(allowed[i / 64] >> (i % 64) & 1))
			scores[i] = -INFINITY;
}

float *
bmc_serve_scores(const BmServe *serve, const BmHistory *h, void *scratch, bool fast_blas)
{
	size_t n = serve->model->nitems;
	BmArena arena = {scratch, bmc_serve_bytes(serve), 0};
	float *scores = bmc_take(&arena, n, sizeof(float));
	void *inner = bmc_take(&arena, bmc_blend_score_bytes(serve->model, 1), 1);

	if (h->n == 0)
		memcpy(scores, serve->popularity, n * sizeof(float));
	else
		bmc_blend_score(scores, serve->model, h, 1, inner, fast_blas);
	if (serve->nboosts > 0)
		lift(scores, serve);
	for (size_t i = 0; i < h->n; i++)
		if (bmc_excluded(serve->exclude, serve->purchase, h, i))
			scores[h->item[i]] = -INFINITY;
	if (serve->allowed)
		keep_candidates(scores, serve->allowed, n);
	for (size_t i = 0; i < n && serve->min_score > -INFINITY; i++)
		if (scores[i] < serve->min_score)
			scores[i] = -INFINITY;
	return scores;
}

size_t
bmc_serve(uint32_t *item, float *score, const BmServe *serve, const BmHistory *h, void *scratch,
		  bool fast_blas)
{
	size_t found;
	const float *scores;

	if (h->n > 0 && bmc_scan_applies(serve) &&
		bmc_scan(item, score, &found, serve, h, scratch, fast_blas))
		return found;
	scores = bmc_serve_scores(serve, h, scratch, fast_blas);
	return bmc_topk(item, score, serve->k, scores, serve->model->nitems);
}

typedef struct ManyJob
{
	const BmServe *serve;
	const BmHistory *h;
	uint32_t *item, *found;
	float *score;
	char *scratch;              /* per worker */
	size_t scratch_bytes, most; /* of a worker; items of the largest pool */
	size_t n, block;            /* histories, and those of a task */
	uint64_t *keep;             /* what may come out of a scan */
} ManyJob;

/* The list of one history: a larger pool as long as kinds that are full leave places empty. */
static size_t
serve_arranged(uint32_t *item, float *score, const ManyJob *job, const BmHistory *h, BmArena *arena)
{
	const BmServe *serve = job->serve;
	const BmArrange *a = serve->arrange;
	size_t most = job->most, want = bmc_arrange_pool(a, serve->k), n, found;
	uint32_t *pool = bmc_take(arena, most, sizeof(uint32_t));
	uint32_t *place = bmc_take(arena, serve->k, sizeof(uint32_t));
	float *value = bmc_take(arena, most, sizeof(float));
	void *inner = bmc_take(arena, bmc_arrange_bytes(a, most), 1);
	uint32_t pinned[BM_MAX_PINS];
	const float *scores =
		bmc_serve_scores(serve, h, bmc_take(arena, bmc_serve_bytes(serve), 1), true);

	bmc_arrange_pins(pinned, a, scores);
	for (bool whole;; want = want * 4 < a->nitems ? want * 4 : a->nitems)
	{
		n = bmc_arrange_candidates(pool, value, want, a, pinned, scores);
		whole = want == a->nitems || n < want;
		found = bmc_arrange(place, serve->k, a, pinned, pool, value, n, whole, inner, NULL);
		if (found == serve->k || whole)
			break;
	}
	for (size_t i = 0; i < found; i++)
	{
		item[i] = pool[place[i]];
		score[i] = value[place[i]];
	}
	return found;
}

static size_t
many_bytes(const BmServe *serve, size_t most)
{
	size_t bytes = bmc_take_size(bmc_serve_bytes(serve), 1);

	if (serve->arrange == NULL)
		return bytes;
	return bmc_add(bmc_add(bytes, bmc_take_size(bmc_arrange_bytes(serve->arrange, most), 1)),
				   bmc_add(bmc_mul(2, bmc_take_size(most, sizeof(float))),
						   bmc_take_size(serve->k, sizeof(uint32_t))));
}

static void
serve_one(const ManyJob *job, size_t i, char *scratch)
{
	const BmServe *serve = job->serve;
	uint32_t *item = job->item + i * serve->k;
	float *score = job->score + i * serve->k;
	BmArena arena = {scratch, job->scratch_bytes, 0};

	job->found[i] =
		(uint32_t) (serve->arrange ? serve_arranged(item, score, job, &job->h[i], &arena)
								   : bmc_serve(item, score, serve, &job->h[i], scratch, true));
}

static void
serve_task(void *arg, size_t task, int worker)
{
	ManyJob *job = arg;
	size_t first = task * job->block, n = job->n - first < job->block ? job->n - first : job->block;
	char *scratch = job->scratch + (size_t) worker * job->scratch_bytes;

	if (job->keep)
		bmc_scan_many(job->item + first * job->serve->k, job->score + first * job->serve->k,
					  job->found + first, job->serve, job->keep, job->h + first, n, scratch);
	for (size_t i = first; i < first + n; i++)
		if (job->keep == NULL || job->found[i] == BM_SCAN_NOT)
			serve_one(job, i, scratch);
}

/* Products of many states at once, where the model has states and nothing needs all scores. */
static BmStatus
prepare_scan(ManyJob *job, BmMem *mem)
{
	const BmServe *serve = job->serve;
	size_t bytes;

	job->block = 1;
	if (serve->arrange || !bmc_scan_applies(serve))
		return BM_OK;
	job->block = bmc_scan_block(serve);
	bytes = bmc_scan_many_bytes(serve, job->block);
	job->scratch_bytes = bytes > job->scratch_bytes ? bytes : job->scratch_bytes;
	job->keep = bmc_alloc(mem, serve->model->nitems / 64 + 1, sizeof(uint64_t));
	if (job->keep == NULL)
		return BM_ENOMEM;
	bmc_scan_keep(job->keep, serve);
	return BM_OK;
}

BmStatus
bmc_serve_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
			   const BmHistory *h, size_t n, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	ManyJob job = {.serve = serve, .h = h, .item = item, .found = found, .score = score, .n = n};
	BmStatus status;

	if (serve->arrange) /* caps may need the whole catalogue */
		job.most = (serve->arrange->ncaps > 0 ? serve->model->nitems
											  : bmc_arrange_pool(serve->arrange, serve->k)) +
				   serve->arrange->npins;
	job.scratch_bytes = bmc_take_size(many_bytes(serve, job.most), 1);
	status = prepare_scan(&job, mem);
	job.scratch = bmc_alloc(mem, (size_t) bmc_pool_threads(pool), job.scratch_bytes);
	if (status == BM_OK && job.scratch == NULL)
		status = BM_ENOMEM;
	if (status == BM_OK)
		status = bmc_pool_run(pool, serve_task, &job, (n + job.block - 1) / job.block, stop);
	bmc_free(mem, job.scratch);
	bmc_free(mem, job.keep);
	return status;
}
