/*
 * serve.c
 *		The k best items for one history, or for many.
 */
#include <math.h>
#include <string.h>

#include "core/num/topk.h"
#include "core/rec/serve.h"

size_t
bmc_serve_bytes(const BmServe *serve)
{
	return bmc_add(bmc_take_size(serve->model->nitems, sizeof(float)),
				   bmc_take_size(bmc_blend_score_bytes(serve->model, 1), 1));
}

static void
keep_candidates(float *scores, const uint64_t *allowed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(allowed[i / 64] >> (i % 64) & 1))
			scores[i] = -INFINITY;
}

size_t
bmc_serve(uint32_t *item, float *score, const BmServe *serve, const BmHistory *h, void *scratch,
		  bool fast_blas)
{
	size_t n = serve->model->nitems, found;
	BmArena arena = {scratch, bmc_serve_bytes(serve), 0};
	float *scores = bmc_take(&arena, n, sizeof(float));
	void *inner = bmc_take(&arena, bmc_blend_score_bytes(serve->model, 1), 1);

	if (h->n == 0)
		memcpy(scores, serve->popularity, n * sizeof(float));
	else
		bmc_blend_score(scores, serve->model, h, 1, inner, fast_blas);
	for (size_t i = 0; i < h->n; i++)
		if (bmc_excluded(serve->exclude, serve->purchase, h, i))
			scores[h->item[i]] = -INFINITY;
	if (serve->allowed)
		keep_candidates(scores, serve->allowed, n);
	found = bmc_topk(item, score, serve->k, scores, n);
	while (found > 0 && score[found - 1] < serve->min_score)
		found--;
	return found;
}

typedef struct ManyJob
{
	const BmServe *serve;
	const BmHistory *h;
	uint32_t *item, *found;
	float *score;
	char *scratch; /* per worker */
	size_t scratch_bytes;
} ManyJob;

static void
serve_task(void *arg, size_t task, int worker)
{
	ManyJob *job = arg;
	size_t k = job->serve->k;

	job->found[task] =
		(uint32_t) bmc_serve(job->item + task * k, job->score + task * k, job->serve, &job->h[task],
							 job->scratch + (size_t) worker * job->scratch_bytes, true);
}

BmStatus
bmc_serve_many(uint32_t *item, float *score, uint32_t *found, const BmServe *serve,
			   const BmHistory *h, size_t n, BmPool *pool, BmMem *mem, const BmStop *stop)
{
	ManyJob job = {.serve = serve, .h = h, .item = item, .found = found, .score = score};
	BmStatus status;

	job.scratch_bytes = bmc_take_size(bmc_serve_bytes(serve), 1);
	job.scratch = bmc_alloc(mem, (size_t) bmc_pool_threads(pool), job.scratch_bytes);
	if (job.scratch == NULL)
		return BM_ENOMEM;
	status = bmc_pool_run(pool, serve_task, &job, n, stop);
	bmc_free(mem, job.scratch);
	return status;
}
