/*
 * bpr.c
 *		Fit of BPR by synchronous mini-batches: all samples of a batch see the weights from before it, and
 *		every row is moved by one task in the order of the samples. So threads do not change the bits, as
 *		they would where they race for the rows (Hogwild).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/decay.h"
#include "core/num/rng.h"
#include "core/num/vec.h"
#include "core/rec/bpr.h"
#include "core/rec/index_check.h"
#include "core/rec/neighbours.h"

#define BATCH 2048
#define SHARD 64       /* samples of one task */
#define ROW_TASKS 32   /* of users, and as many of items */
#define STEP_BATCHES 8 /* of one fit_step: some 10 ms */
#define REJECTIONS 16  /* draws for an item that the user has not touched */

typedef struct Sample
{
	uint32_t u, i, j;
	float g;    /* step times the gradient's factor; 0: nothing moves */
	float loss; /* of BPR */
} Sample;

typedef struct BprState
{
	const BmBprOptions *o;
	BmSparse X, Xt;  /* (users, items) columns ascending; values NULL or the pairs' weights */
	uint32_t *owner; /* (nnz) user of each pair */
	size_t F;        /* factors and the bias */
	float *W, *H;    /* (U,F) with last column 1, (N,F) */
	float mean;      /* weight of a pair */
	float *gram;     /* (F,F) of answers */
	float config[BM_ALS_CONFIG];
	uint64_t seed;
	/* one batch */
	size_t first, n;
	int epoch;
	Sample sample[BATCH];
	float *user, *diff; /* (BATCH,F) old w_u, old h_i - h_j */
	/* samples by the task that moves their user, their item i, their item j */
	uint16_t by[3][BATCH];
	uint16_t bound[3][ROW_TASKS + 1];
	double loss; /* of the epoch so far */
} BprState;

static size_t
bpr_fit_bytes(const BmFitSize *size, const void *options)
{
	size_t F = (size_t) ((const BmBprOptions *) options)->factors + 1;
	size_t rows = bmc_add(size->nusers, size->nitems);

	return bmc_add(
		bmc_add(bmc_mul(rows, F * 4 + 16), bmc_mul(bmc_add(F, 2 * BATCH), F * 4)),
		bmc_add(bmc_mul(size->nnz, 20), bmc_add(bmc_mul(size->nevents, 12), sizeof(BprState))));
}

static void
bpr_end(BmFit *fit)
{
	BprState *s = fit->state;

	if (s)
	{
		bmc_sparse_free(&s->X, fit->mem);
		bmc_sparse_free(&s->Xt, fit->mem);
		bmc_free(fit->mem, s->owner);
		bmc_free(fit->mem, s->W);
		bmc_free(fit->mem, s->H);
		bmc_free(fit->mem, s->gram);
		bmc_free(fit->mem, s->user);
		bmc_free(fit->mem, s->diff);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

/* X with ascending columns, for the search of negatives; Xt stays for draws by popularity. */
static BmStatus
read_pairs(BprState *s, BmFit *fit)
{
	BmSequences decayed;
	BmSparse X = {0};
	double sum = 0.0;
	size_t nnz;
	BmStatus status =
		bmc_decay_begin(&decayed, fit->data, s->o->half_life_days, fit->mem, fit->stop);

	if (status == BM_OK)
		status = bmc_interactions(&X, &decayed, fit->mem);
	bmc_decay_end(&decayed, fit->data, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->Xt, &X, fit->mem);
	bmc_sparse_free(&X, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->X, &s->Xt, fit->mem);
	if (status != BM_OK)
		return status;
	nnz = s->X.start[s->X.rows];
	if (nnz == 0)
	{
		snprintf(fit->error, sizeof(fit->error), "No event has a weight above 0.");
		return BM_EINVAL;
	}
	s->owner = bmc_alloc(fit->mem, nnz, sizeof(uint32_t));
	if (s->owner == NULL)
		return BM_ENOMEM;
	for (size_t u = 0; u < s->X.rows; u++)
		for (size_t e = s->X.start[u]; e < s->X.start[u + 1]; e++)
		{
			s->owner[e] = (uint32_t) u;
			sum += s->X.value ? (double) s->X.value[e] : 1.0;
		}
	s->mean = (float) (sum / (double) nnz);
	fit->total = nnz;
	return BM_OK;
}

static void
fill_rows(float *rows, size_t n, size_t F, float bias, uint64_t seed, uint64_t stream)
{
	BmRng rng = bmc_rng(seed, stream);

	for (size_t r = 0; r < n; r++, rows += F)
	{
		for (size_t d = 0; d + 1 < F; d++)
			rows[d] = (float) (0.1 / sqrt((double) F) * bmc_rng_normal(&rng));
		rows[F - 1] = bias;
	}
}

static BmStatus
bpr_begin(BmFit *fit)
{
	const BmBprOptions *o = fit->options;
	size_t U = fit->data->nusers, N = fit->data->nitems, F = (size_t) o->factors + 1;
	BprState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmStatus status;

	if (s == NULL)
		return BM_ENOMEM;
	s->o = o;
	s->F = F;
	s->seed = fit->seed;
	s->W = bmc_alloc(fit->mem, bmc_mul(U, F), sizeof(float));
	s->H = bmc_alloc(fit->mem, bmc_mul(N, F), sizeof(float));
	s->gram = bmc_alloc(fit->mem, F * F, sizeof(float));
	s->user = bmc_alloc(fit->mem, BATCH * F, sizeof(float));
	s->diff = bmc_alloc(fit->mem, BATCH * F, sizeof(float));
	if (!s->W || !s->H || !s->gram || !s->user || !s->diff)
		return BM_ENOMEM;
	status = read_pairs(s, fit);
	if (status != BM_OK)
		return status;
	fill_rows(s->W, U, F, 1.0f, fit->seed, 0xb90);
	fill_rows(s->H, N, F, 0.0f, fit->seed, 0xb91);
	s->config[0] = (float) o->unobserved;
	s->config[1] = (float) o->ridge;
	s->config[2] = 0.0f; /* the same penalty for every length of a history */
	s->config[3] = (float) o->gamma;
	fit->epochs = o->epochs;
	fit->loss = NAN;
	return BM_OK;
}

/* ---- samples ---- */

static bool
touched(const BmSparse *X, uint32_t u, uint32_t item)
{
	return bmc_find_index((const int32_t *) X->col, X->start[u], X->start[u + 1], item) != SIZE_MAX;
}

/* An item that u has not touched; BM_NONE when none is found. */
static uint32_t
draw_negative(const BprState *s, uint32_t u, BmRng *rng)
{
	for (int t = 0; t < REJECTIONS; t++)
	{
		uint32_t j = s->o->negatives == BM_BPR_POPULAR
						 ? s->X.col[bmc_rng_u64(rng) % s->X.start[s->X.rows]]
						 : bmc_rng_below(rng, (uint32_t) s->X.cols);

		if (!touched(&s->X, u, j))
			return j;
	}
	return BM_NONE;
}

/*
 * The first of some draws that is nearer to i than the margin; g gets its weight, 1 where the first draw
 * is one already, so that steps are of BPR's size; 0 without any.
 */
static uint32_t
draw_violator(float *g, const BprState *s, uint32_t u, const float *w, float score, BmRng *rng)
{
	*g = 0.0f;
	for (int t = 1; t <= s->o->tries; t++)
	{
		uint32_t j = draw_negative(s, u, rng);

		if (j == BM_NONE)
			return BM_NONE;
		if (bmc_dot(w, s->H + j * s->F, s->F) > score - 1.0f)
		{
			double rank = floor(((double) s->X.cols - 1.0) / (double) t);

			*g = (float) (log(rank + 1.0) / log((double) s->X.cols));
			return j;
		}
	}
	return BM_NONE;
}

static void
draw_sample(BprState *s, size_t at)
{
	Sample *x = &s->sample[at];
	BmRng rng = bmc_rng(s->seed, (uint64_t) s->epoch << 40 | (s->first + at));
	size_t F = s->F, pair = bmc_rng_u64(&rng) % s->X.start[s->X.rows];
	float c = s->X.value ? s->X.value[pair] / s->mean : 1.0f, score, margin;
	const float *w, *hi, *hj;

	x->u = s->owner[pair];
	x->i = s->X.col[pair];
	x->g = x->loss = 0.0f;
	w = s->W + x->u * F;
	hi = s->H + x->i * F;
	score = bmc_dot(w, hi, F);
	if (s->o->negatives == BM_BPR_WARP)
		x->j = draw_violator(&x->g, s, x->u, w, score, &rng);
	else
		x->j = draw_negative(s, x->u, &rng);
	if (x->j == BM_NONE)
	{
		x->j = x->i;
		return;
	}
	hj = s->H + x->j * F;
	margin = score - bmc_dot(w, hj, F);
	if (s->o->negatives != BM_BPR_WARP)
		x->g = 1.0f / (1.0f + expf(margin));
	x->loss = margin > 0.0f ? log1pf(expf(-margin)) : log1pf(expf(margin)) - margin;
	x->g *= c * (float) s->o->learning_rate;
	memcpy(s->user + at * F, w, F * sizeof(float));
	for (size_t d = 0; d < F; d++)
		s->diff[at * F + d] = hi[d] - hj[d];
}

static void
sample_task(void *arg, size_t task, int worker)
{
	BprState *s = arg;

	(void) worker;
	for (size_t at = task * SHARD; at < s->n && at < (task + 1) * SHARD; at++)
		draw_sample(s, at);
}

/* ---- moves ---- */

static uint32_t
row_of(const Sample *x, int side)
{
	return side == 0 ? x->u : side == 1 ? x->i : x->j;
}

/* Counting sort of the batch's samples by the task of their user, of their i, of their j. */
static void
deal(BprState *s)
{
	for (int side = 0; side < 3; side++)
	{
		uint16_t *bound = s->bound[side], at[ROW_TASKS];

		memset(bound, 0, sizeof(s->bound[side]));
		for (size_t x = 0; x < s->n; x++)
			bound[row_of(&s->sample[x], side) % ROW_TASKS + 1]++;
		for (int t = 0; t < ROW_TASKS; t++)
		{
			bound[t + 1] = (uint16_t) (bound[t + 1] + bound[t]);
			at[t] = bound[t];
		}
		for (size_t x = 0; x < s->n; x++)
			s->by[side][at[row_of(&s->sample[x], side) % ROW_TASKS]++] = (uint16_t) x;
	}
}

/* The rows of one task on one side: row = (1 - shrink) row + g * other for each sample. */
static void
move_rows(BprState *s, int side, size_t task)
{
	size_t F = s->F, width = side == 0 ? F - 1 : F; /* a user's last column stays 1 */
	float keep = 1.0f - (float) (s->o->learning_rate * s->o->regularization);

	for (size_t k = s->bound[side][task]; k < s->bound[side][task + 1]; k++)
	{
		size_t at = s->by[side][k];
		const Sample *x = &s->sample[at];
		float *row = (side == 0 ? s->W : s->H) + row_of(x, side) * F;

		if (x->g == 0.0f)
			continue;
		bmc_scale(row, keep, width);
		bmc_axpy(row, side == 2 ? -x->g : x->g, (side == 0 ? s->diff : s->user) + at * F, width);
	}
}

/* The first ROW_TASKS tasks move users, the others items. */
static void
move_task(void *arg, size_t task, int worker)
{
	BprState *s = arg;

	(void) worker;
	if (task < ROW_TASKS)
		move_rows(s, 0, task);
	else
	{
		move_rows(s, 1, task - ROW_TASKS);
		move_rows(s, 2, task - ROW_TASKS);
	}
}

static BmStatus
run_batch(BprState *s, BmFit *fit)
{
	BmStatus status;

	s->epoch = fit->epoch;
	s->first = fit->done;
	s->n = fit->total - fit->done < BATCH ? fit->total - fit->done : BATCH;
	status = bmc_pool_run(fit->pool, sample_task, s, (s->n + SHARD - 1) / SHARD, fit->stop);
	if (status != BM_OK)
		return status;
	deal(s);
	status = bmc_pool_run(fit->pool, move_task, s, 2 * ROW_TASKS, fit->stop);
	if (status != BM_OK)
		return status;
	for (size_t at = 0; at < s->n; at++)
		s->loss += (double) s->sample[at].loss;
	fit->done += s->n;
	fit->loss = s->loss / (double) fit->done;
	return BM_OK;
}

static BmStatus
bpr_step(BmFit *fit)
{
	BprState *s = fit->state;

	if (fit->done == fit->total)
	{
		fit->done = 0;
		s->loss = 0.0;
	}
	for (int b = 0; b < STEP_BATCHES && fit->done < fit->total; b++)
	{
		BmStatus status = run_batch(s, fit);

		if (status != BM_OK)
			return status;
	}
	if (fit->done < fit->total)
		return BM_MORE;
	fit->epoch++;
	if (!bmc_all_finite(s->H, s->X.cols * s->F) || !bmc_all_finite(s->W, s->X.rows * s->F))
	{
		snprintf(fit->error, sizeof(fit->error), "In epoch %d; lower \"learning_rate\".",
				 fit->epoch);
		return BM_ENOTFINITE;
	}
	return fit->epoch < fit->epochs ? BM_EPOCH : BM_OK;
}

static BmStatus
bpr_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	BprState *s = fit->state;
	size_t N = s->X.cols, F = s->F, config = BM_ALS_CONFIG;
	size_t item[2] = {N, F}, gram[2] = {F, F};
	bool ok;

	bmc_gemm(true, false, F, F, N, s->config[0], s->H, F, s->H, F, 0.0f, s->gram, F);
	ok = bmc_tensors_add(out, prefix, "item", BM_F32, s->H, 2, item);
	ok &= bmc_tensors_add(out, prefix, "gram", BM_F32, s->gram, 2, gram);
	ok &= bmc_tensors_add(out, prefix, "config", BM_F32, s->config, 1, &config);
	return ok ? BM_OK : BM_ELIMIT;
}

const BmRecommender bmc_bpr = {
	.name = "bpr",
	.options_size = sizeof(BmBprOptions),
	.bound_size = sizeof(BmAlsBound),
	.fit_bytes = bpr_fit_bytes,
	.fit_begin = bpr_begin,
	.fit_step = bpr_step,
	.fit_tensors = bpr_tensors,
	.fit_end = bpr_end,
	.bind = bmc_als_bind,
	.score_bytes = bmc_als_score_bytes,
	.score = bmc_als_score,
	.matrix = bmc_als_matrix,
	.state = bmc_als_state,
	.explain = bmc_als_explain,
	.similar = bmc_als_similar,
	.item_embedding = "item",
};
