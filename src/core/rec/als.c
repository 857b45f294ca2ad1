/*
 * als.c
 *		Fit of implicit alternating least squares.
 *
 * The unobserved cells cost nothing: their part of every row's matrix is a0 H'H, made once a half-sweep
 * (the Gram trick). A row is solved exactly by Cholesky for narrow factors, or by three steps of
 * conjugate gradients from its last value (Takács, Pilászy, Tikk 2011), which never make its matrix.
 * A row's solution depends on the other side alone, so threads do not change the bits.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/decay.h"
#include "core/num/rng.h"
#include "core/num/vec.h"
#include "core/rec/als.h"
#include "core/rec/neighbours.h"

#define GRAM_ROWS 1024 /* of one partial product */
#define ROW_TASKS 64
#define STEP_WORK 2e9 /* operations of one step, about 50 ms a core */
/* Above this width three steps of conjugate gradients cost less than half of the exact solution. */
#define CHOLESKY_FACTORS 32

typedef struct Half /* one side is solved, the other one is given */
{
	const BmSparse *X;  /* (rows, others) */
	float *out;         /* (rows, D) */
	const float *given; /* (others, D) */
} Half;

typedef struct AlsState
{
	BmSparse X, Xt;
	float *W, *H;  /* (U,D), (N,D) */
	float *gram;   /* (D,D) a0 given'given */
	float *parts;  /* partial Gram matrices */
	char *scratch; /* per thread */
	size_t scratch_bytes, D;
	const BmAlsOptions *o;
	bool cg;
	Half half;
	bool items;         /* the half-sweep over items is on */
	size_t next;        /* first row not yet solved */
	size_t first, last; /* rows of this step */
	float config[BM_ALS_CONFIG];
} AlsState;

static size_t
gram_parts(size_t rows)
{
	return (rows + GRAM_ROWS - 1) / GRAM_ROWS;
}

static size_t
scratch_size(size_t D)
{
	return bmc_add(bmc_take_size(D * D, sizeof(float)),
				   bmc_add(bmc_take_size(BM_ALS_PANEL * D, sizeof(float)),
						   bmc_take_size(3 * D, sizeof(float))));
}

static size_t
als_fit_bytes(const BmFitSize *size, const void *options)
{
	size_t D = (size_t) ((const BmAlsOptions *) options)->factors;
	size_t rows = bmc_add(size->nusers, size->nitems);
	size_t most = size->nusers > size->nitems ? size->nusers : size->nitems;

	return bmc_add(
		bmc_add(bmc_mul(rows, D * 4), bmc_mul(gram_parts(most) + 1, D * D * 4)),
		bmc_add(bmc_add(bmc_mul(size->nnz, 16), bmc_mul(size->nevents, 12)),
				bmc_add(bmc_mul((size_t) size->threads, scratch_size(D)), bmc_mul(rows, 8))));
}

static void
als_end(BmFit *fit)
{
	AlsState *s = fit->state;

	if (s)
	{
		bmc_sparse_free(&s->X, fit->mem);
		bmc_sparse_free(&s->Xt, fit->mem);
		bmc_free(fit->mem, s->W);
		bmc_free(fit->mem, s->H);
		bmc_free(fit->mem, s->gram);
		bmc_free(fit->mem, s->parts);
		bmc_free(fit->mem, s->scratch);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

static void
start_half(AlsState *s, bool items)
{
	s->items = items;
	s->next = 0;
	s->half = items ? (Half){&s->Xt, s->H, s->W} : (Half){&s->X, s->W, s->H};
}

static BmStatus
als_begin(BmFit *fit)
{
	const BmAlsOptions *o = fit->options;
	size_t U = fit->data->nusers, N = fit->data->nitems, D = (size_t) o->factors;
	size_t most = U > N ? U : N, threads = (size_t) bmc_pool_threads(fit->pool);
	AlsState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmRng rng = bmc_rng(fit->seed, 0x615);
	BmSequences decayed;
	BmStatus status;

	if (s == NULL)
		return BM_ENOMEM;
	s->o = o;
	s->D = D;
	s->cg = o->solver == BM_ALS_CG || (o->solver == BM_ALS_AUTO && D > CHOLESKY_FACTORS);
	s->W = bmc_alloc0(fit->mem, bmc_mul(U, D), sizeof(float));
	s->H = bmc_alloc(fit->mem, bmc_mul(N, D), sizeof(float));
	s->gram = bmc_alloc(fit->mem, D * D, sizeof(float));
	s->parts = bmc_alloc(fit->mem, bmc_mul(gram_parts(most), D * D), sizeof(float));
	s->scratch_bytes = scratch_size(D);
	s->scratch = bmc_alloc(fit->mem, threads, s->scratch_bytes);
	if (!s->W || !s->H || !s->gram || !s->parts || !s->scratch)
		return BM_ENOMEM;
	status = bmc_decay_begin(&decayed, fit->data, o->half_life_days, fit->mem, fit->stop);
	if (status == BM_OK)
		status = bmc_interactions(&s->X, &decayed, fit->mem);
	bmc_decay_end(&decayed, fit->data, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->Xt, &s->X, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < N; i++)
		for (size_t d = 0; d < D; d++)
			s->H[i * D + d] = (float) (0.1 / sqrt((double) D) * bmc_rng_normal(&rng));
	if (fit->start && !bmc_start_items(s->H, fit->start, "item", N, D))
		return BM_EINVAL;
	s->config[0] = (float) o->unobserved;
	s->config[1] = (float) o->regularization;
	s->config[2] = (float) o->activity;
	s->config[3] = (float) o->gamma;
	start_half(s, false);
	fit->epochs = o->iterations;
	fit->total = U + N;
	fit->loss = NAN;
	return BM_OK;
}

/* ---- the Gram matrix of the given side ---- */

static void
gram_task(void *arg, size_t task, int worker)
{
	AlsState *s = arg;
	size_t D = s->D, others = s->half.X->cols, first = task * GRAM_ROWS;
	size_t n = others - first < GRAM_ROWS ? others - first : GRAM_ROWS;
	const float *rows = s->half.given + first * D;

	(void) worker;
	bmc_gemm(true, false, D, D, n, s->config[0], rows, D, rows, D, 0.0f, s->parts + task * D * D,
			 D);
}

/* Partial products of fixed rows, added in their order. */
static BmStatus
make_gram(AlsState *s, BmFit *fit)
{
	size_t parts = gram_parts(s->half.X->cols), DD = s->D * s->D;
	BmStatus status = bmc_pool_run(fit->pool, gram_task, s, parts, fit->stop);

	memset(s->gram, 0, DD * sizeof(float));
	for (size_t p = 0; p < parts; p++)
		bmc_axpy(s->gram, 1.0f, s->parts + p * DD, DD);
	return status;
}

/* ---- one row ---- */

float
bmc_als_penalty(double lambda, double nu, double a0, size_t n, size_t others)
{
	return (float) (lambda * pow((double) n + a0 * (double) others, nu));
}

void
bmc_als_add(float *A, float *x, const float *H, size_t D, const BmAlsRow *row, float *panel,
			bool fast)
{
	for (size_t at = 0; at < row->n; at += BM_ALS_PANEL)
	{
		size_t n = row->n - at < BM_ALS_PANEL ? row->n - at : BM_ALS_PANEL;

		for (size_t i = 0; i < n; i++)
		{
			float c = row->c ? row->c[at + i] : 1.0f;
			const float *h = H + (size_t) row->col[at + i] * D;

			memcpy(panel + i * D, h, D * sizeof(float));
			bmc_axpy(x, c, h, D);
			if (c != 1.0f)
				bmc_scale(panel + i * D, sqrtf(c), D);
		}
		(fast ? bmc_gemm : bmc_gemm_builtin)(true, false, D, D, n, 1.0f, panel, D, panel, D, 1.0f,
											 A, D);
	}
}

/* x (D) = its exact solution. The matrix is positive definite, for lambda > 0; else x stays 0. */
static void
solve_exactly(float *x, const AlsState *s, const BmAlsRow *row, float penalty, float *scratch)
{
	size_t D = s->D;
	float *A = scratch, *panel = scratch + D * D;

	memcpy(A, s->gram, D * D * sizeof(float));
	for (size_t d = 0; d < D; d++)
		A[d * D + d] += penalty;
	memset(x, 0, D * sizeof(float));
	bmc_als_add(A, x, s->half.given, D, row, panel, true);
	if (bmc_chol_factor(A, D))
		bmc_chol_solve(x, A, D);
	else
		memset(x, 0, D * sizeof(float));
}

/* Rows first + task, first + task + ROW_TASKS, ...: frequent items, whose rows are long, are spread. */
static void
row_task(void *arg, size_t task, int worker)
{
	AlsState *s = arg;
	const BmSparse *X = s->half.X;
	float *scratch = (float *) (s->scratch + (size_t) worker * s->scratch_bytes);

	for (size_t r = s->first + task; r < s->last; r += ROW_TASKS)
	{
		size_t from = X->start[r];
		BmAlsRow row = {X->start[r + 1] - from, X->col + from, X->value ? X->value + from : NULL};
		float penalty =
			bmc_als_penalty(s->o->regularization, s->o->activity, s->o->unobserved, row.n, X->cols);
		float *x = s->half.out + r * s->D;

		if (row.n == 0)
			memset(x, 0, s->D * sizeof(float));
		else if (s->cg)
			bmc_als_gradients(x, s->gram, penalty, s->half.given, s->D, &row, scratch);
		else
			solve_exactly(x, s, &row, penalty, scratch);
	}
}

/* ---- steps ---- */

/* The rows of the next step: about STEP_WORK operations for each thread. */
static void
choose_rows(AlsState *s, int threads)
{
	const BmSparse *X = s->half.X;
	double D = (double) s->D, work = 0.0, cell = s->cg ? 16.0 * D : 2.0 * D * D;

	s->first = s->last = s->next;
	while (s->last < X->rows && work < STEP_WORK * threads)
	{
		work += cell * (D + (double) (X->start[s->last + 1] - X->start[s->last]));
		s->last++;
	}
}

static BmStatus
als_step(BmFit *fit)
{
	AlsState *s = fit->state;
	BmStatus status = BM_OK;

	if (fit->epoch == 0 && fit->done == 0)
		status = make_gram(s, fit);
	choose_rows(s, bmc_pool_threads(fit->pool));
	if (status == BM_OK)
		status = bmc_pool_run(fit->pool, row_task, s, ROW_TASKS, fit->stop);
	if (status != BM_OK)
		return status;
	s->next = s->last;
	fit->done = s->next + (s->items ? s->X.rows : 0);
	if (s->next < s->half.X->rows)
		return BM_MORE;
	if (!bmc_all_finite(s->half.out, s->half.X->rows * s->D))
	{
		snprintf(fit->error, sizeof(fit->error), "In iteration %d; raise \"regularization\".",
				 fit->epoch + 1);
		return BM_ENOTFINITE;
	}
	fit->epoch += s->items;
	start_half(s, !s->items);
	status = make_gram(s, fit);
	if (status != BM_OK || s->items)
		return status == BM_OK ? BM_MORE : status;
	return fit->epoch < fit->epochs ? BM_EPOCH : BM_OK; /* gram is that of the items now */
}

static BmStatus
als_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	AlsState *s = fit->state;
	size_t N = fit->data->nitems, D = s->D, config = BM_ALS_CONFIG;
	size_t item[2] = {N, D}, gram[2] = {D, D};
	bool ok = bmc_tensors_add(out, prefix, "item", BM_F32, s->H, 2, item);

	ok &= bmc_tensors_add(out, prefix, "gram", BM_F32, s->gram, 2, gram);
	ok &= bmc_tensors_add(out, prefix, "config", BM_F32, s->config, 1, &config);
	return ok ? BM_OK : BM_ELIMIT;
}

const BmRecommender bmc_als = {
	.name = "als",
	.options_size = sizeof(BmAlsOptions),
	.bound_size = sizeof(BmAlsBound),
	.warm_start = true,
	.fit_bytes = als_fit_bytes,
	.fit_begin = als_begin,
	.fit_step = als_step,
	.fit_tensors = als_tensors,
	.fit_end = als_end,
	.bind = bmc_als_bind,
	.score_bytes = bmc_als_score_bytes,
	.score = bmc_als_score,
	.matrix = bmc_als_matrix,
	.state = bmc_als_state,
	.explain = bmc_als_explain,
	.similar = bmc_als_similar,
	.item_embedding = "item",
};
