/*
 * blend_fit.c
 *		The weights of a blend: every point of a simplex grid, measured on the same cases in one pass.
 *
 * For each case the parts' standardised scores, less the target's, are computed once; a grid point's
 * rank is then the number of items whose weighted sum is above zero.
 */
#include <math.h>
#include <string.h>

#include "core/num/vec.h"
#include "core/rec/rank.h"

#define CASES_PER_TASK 8
#define MAX_POINTS 1024

typedef struct FitJob
{
	const BmBlend *blend;
	const BmCases *cases;
	size_t ncases, stride, k;
	int points;
	float weight[MAX_POINTS][BM_MAX_BLEND];
	double *sum; /* (tasks, points) of NDCG */
	char *scratch;
	size_t scratch_bytes;
} FitJob;

/* All ways to give `units` units to the parts, most to the first part first. */
static void
enumerate(FitJob *job, int part, int left, int units, int *given)
{
	if (part == job->blend->n - 1)
	{
		given[part] = left;
		if (job->points < MAX_POINTS)
		{
			for (int p = 0; p < job->blend->n; p++)
				job->weight[job->points][p] = (float) given[p] / (float) units;
			job->points++;
		}
		return;
	}
	for (int u = left; u >= 0; u--)
	{
		given[part] = u;
		enumerate(job, part + 1, left - u, units, given);
	}
}

static size_t
fit_worker_bytes(const BmBlend *blend)
{
	size_t inner = 0, rows = bmc_take_size(bmc_mul((size_t) blend->n + 1, blend->nitems), 4);

	for (int p = 0; p < blend->n; p++)
	{
		size_t bytes = blend->part[p].algorithm->score_bytes(blend->part[p].bound, 1);

		inner = bytes > inner ? bytes : inner;
	}
	return bmc_add(rows, bmc_take_size(bmc_add(inner, 64), 1));
}

/* The first part that knows items without events, or -1. */
static int
knowing_part(const BmBlend *blend)
{
	for (int p = 0; p < blend->n; p++)
		if (blend->part[p].algorithm->knows_cold)
			return p;
	return -1;
}

/*
 * rows (parts, items) become z-scores less the target's. Of cold items the parts that do not know them say what
 * the knowing one does, which is what bmc_blend_score comes to.
 */
static void
standardise_rows(float *rows, const BmBlend *blend, uint32_t target)
{
	size_t n = blend->nitems;
	int knowing = knowing_part(blend);

	for (int p = 0; p < blend->n; p++)
		bmc_standardise(rows + (size_t) p * n, n);
	for (int p = 0; p < blend->n && knowing >= 0; p++)
		for (size_t c = 0; c < blend->ncold && !blend->part[p].algorithm->knows_cold; c++)
			rows[(size_t) p * n + blend->cold[c]] = rows[(size_t) knowing * n + blend->cold[c]];
	for (int p = 0; p < blend->n; p++)
	{
		float *x = rows + (size_t) p * n, t = x[target];

		for (size_t i = 0; i < n; i++)
			x[i] -= t;
	}
}

/* total = sum of w[p] * row p; counts the sums above 0 and those equal to 0. */
BM_CLONES static void
count_beaten(const float *rows, const float *w, int nparts, size_t n, float *total, size_t *above,
			 size_t *equal)
{
	uint32_t a = 0, e = 0;

	for (size_t i = 0; i < n; i++)
		total[i] = w[0] * rows[i];
	for (int p = 1; p < nparts; p++)
		for (size_t i = 0; i < n; i++)
			total[i] += w[p] * rows[(size_t) p * n + i];
	for (size_t i = 0; i < n; i++)
	{
		a += total[i] > 0.0f;
		e += total[i] == 0.0f;
	}
	*above = a;
	*equal = e;
}

/* A target that no part can find: cold, or taken out by exclude. */
static bool
unreachable(const BmBlend *blend, const BmCases *cases, const BmHistory *h, uint32_t target)
{
	if (cases->support && cases->support[target] == 0 && !bmc_blend_knows_cold(blend))
		return true;
	for (size_t i = 0; i < h->n; i++)
		if (h->item[i] == target && bmc_excluded(cases->exclude, cases->purchase, h, i))
			return true;
	return false;
}

static void
take_out_rows(float *rows, int nparts, size_t n, const BmCases *cases, const BmHistory *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (bmc_excluded(cases->exclude, cases->purchase, h, i))
			for (int p = 0; p < nparts; p++)
				rows[(size_t) p * n + h->item[i]] = -1e30f; /* below 0 under any weights */
}

static void
fit_case(FitJob *job, size_t c, double *sum, char *scratch)
{
	const BmBlend *blend = job->blend;
	const BmSequences *d = job->cases->data;
	size_t n = blend->nitems, first = d->start[job->cases->user[c]];
	BmArena arena = {scratch, job->scratch_bytes, 0};
	float *rows = bmc_take(&arena, ((size_t) blend->n + 1) * n, sizeof(float));
	void *inner = bmc_take(&arena, job->scratch_bytes - arena.used - 63, 1);
	BmHistory h = {job->cases->pos[c], d->item + first, d->time + first,
				   d->event ? d->event + first : NULL, d->event_weight};
	uint32_t target = d->item[first + h.n];
	int knowing = knowing_part(blend);
	bool cold = job->cases->support && job->cases->support[target] == 0;

	if (unreachable(blend, job->cases, &h, target))
		return;
	for (int p = 0; p < blend->n; p++)
	{
		float *row = rows + (size_t) p * n;

		blend->part[p].algorithm->score(row, blend->part[p].bound, &h, 1, inner, true);
		bmc_blend_settle(row, blend, p);
	}
	standardise_rows(rows, blend, target);
	take_out_rows(rows, blend->n, n, job->cases, &h);
	for (int point = 0; point < job->points; point++)
	{
		size_t above, equal;
		double rank;

		if (cold && !(job->weight[point][knowing] > 0.0f))
			continue;
		count_beaten(rows, job->weight[point], blend->n, n, rows + (size_t) blend->n * n, &above,
					 &equal);
		rank = 1.0 + (double) above + (double) (equal - 1) / 2.0;
		if (rank <= (double) job->k)
			sum[point] += 1.0 / log2(1.0 + rank);
	}
}

static void
fit_task(void *arg, size_t task, int worker)
{
	FitJob *job = arg;
	size_t first = task * CASES_PER_TASK;

	for (size_t i = first; i < first + CASES_PER_TASK && i < job->ncases; i++)
		fit_case(job, i * job->stride, job->sum + task * (size_t) job->points,
				 job->scratch + (size_t) worker * job->scratch_bytes);
}

/* Index of the best grid point; *ndcg gets its mean. */
static int
best_point(const FitJob *job, size_t ntasks, double *ndcg)
{
	int best = 0;

	*ndcg = -1.0;
	for (int point = 0; point < job->points; point++)
	{
		double sum = 0.0;

		for (size_t t = 0; t < ntasks; t++)
			sum += job->sum[t * (size_t) job->points + (size_t) point];
		if (sum / (double) job->ncases > *ndcg)
		{
			*ndcg = sum / (double) job->ncases;
			best = point;
		}
	}
	return best;
}

BmStatus
bmc_blend_fit(BmBlend *blend, double *ndcg, const BmCases *cases, size_t max_cases, size_t k,
			  BmPool *pool, BmMem *mem, const BmStop *stop)
{
	size_t threads = (size_t) bmc_pool_threads(pool), ntasks;
	int given[BM_MAX_BLEND], units = blend->n <= 4 ? 10 : 5;
	FitJob *job = bmc_alloc0(mem, 1, sizeof(FitJob));
	BmStatus status = BM_ENOMEM;

	if (job == NULL)
		return BM_ENOMEM;
	if (blend->n < 1 || blend->n > BM_MAX_BLEND || cases->n == 0 || max_cases == 0)
	{
		bmc_free(mem, job);
		return BM_EINVAL;
	}
	for (int p = 0; p < blend->n; p++)
		blend->part[p].weight = 1.0f; /* each may speak of the items that it knows */
	job->blend = blend;
	job->cases = cases;
	job->k = k;
	job->stride = (cases->n + max_cases - 1) / max_cases;
	job->ncases = (cases->n + job->stride - 1) / job->stride;
	ntasks = (job->ncases + CASES_PER_TASK - 1) / CASES_PER_TASK;
	enumerate(job, 0, units, units, given);
	job->scratch_bytes = fit_worker_bytes(blend);
	job->sum = bmc_alloc0(mem, bmc_mul(ntasks, (size_t) job->points), sizeof(double));
	job->scratch = bmc_alloc(mem, threads, job->scratch_bytes);
	if (job->sum && job->scratch)
		status = bmc_pool_run(pool, fit_task, job, ntasks, stop);
	if (status == BM_OK)
	{
		int point = best_point(job, ntasks, ndcg);

		for (int p = 0; p < blend->n; p++)
			blend->part[p].weight = job->weight[point][p];
	}
	bmc_free(mem, job->sum);
	bmc_free(mem, job->scratch);
	bmc_free(mem, job);
	return status;
}
