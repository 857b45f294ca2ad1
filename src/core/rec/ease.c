/*
 * ease.c
 *		EASE: the closed-form item-to-item regression with a zero diagonal (Steck 2019,
 *		"Embarrassingly Shallow Autoencoders for Sparse Data").
 *
 * G = X'X + lambda I over distinct user-item pairs; P = G^-1; B_ij = -P_ij / P_jj, B_jj = 0.
 * Cost: N^3 operations and 4 N^2 bytes; only the largest entries of each row are kept.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/blas.h"
#include "core/num/decay.h"
#include "core/rec/count_models.h"
#include "core/rec/neighbours.h"

#define GRAM_TASKS 64

typedef struct EaseState
{
	BmRows rows;
	BmSequences data;
	BmSparse X, Xt;
	float *G; /* (N,N) Gram matrix, then its inverse */
	bool inverted;
} EaseState;

static size_t
ease_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmEaseOptions *o = options;
	size_t n = size->nitems;

	return bmc_add(bmc_add(bmc_mul(bmc_mul(n, n), 4), bmc_spd_inverse_bytes(n)),
				   bmc_add(bmc_add(bmc_mul(size->nnz, 16), bmc_mul(size->nevents, 12)),
						   bmc_rows_bytes(n, o->top, (double) n, size->threads)));
}

static void
ease_end(BmFit *fit)
{
	EaseState *s = fit->state;

	if (s)
	{
		bmc_rows_end(&s->rows, fit->mem);
		bmc_decay_end(&s->data, fit->data, fit->mem);
		bmc_sparse_free(&s->X, fit->mem);
		bmc_sparse_free(&s->Xt, fit->mem);
		bmc_free(fit->mem, s->G);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

static BmStatus
ease_begin(BmFit *fit)
{
	const BmEaseOptions *o = fit->options;
	size_t n = fit->data->nitems;
	EaseState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmStatus status;

	if (s == NULL || (s->G = bmc_alloc0(fit->mem, bmc_mul(n, n), sizeof(float))) == NULL)
		return BM_ENOMEM;
	status = bmc_decay_begin(&s->data, fit->data, o->half_life_days, fit->mem, fit->stop);
	if (status == BM_OK)
		status = bmc_interactions(&s->X, &s->data, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->Xt, &s->X, fit->mem);
	if (status != BM_OK)
		return status;
	fit->epochs = 1;
	fit->loss = NAN;
	return bmc_rows_begin(&s->rows, n, o->top, o->gamma, o->last, true, fit);
}

/* Rows a = task, task + GRAM_TASKS, ... of X'X: popular items, whose rows are long, are spread. */
static void
gram_task(void *arg, size_t task, int worker)
{
	EaseState *s = arg;
	size_t n = s->X.cols;

	(void) worker;
	for (size_t a = task; a < n; a += GRAM_TASKS)
	{
		float *row = s->G + a * n;

		for (size_t o = s->Xt.start[a]; o < s->Xt.start[a + 1]; o++)
		{
			uint32_t u = s->Xt.col[o];
			float w = s->Xt.value ? s->Xt.value[o] : 1.0f;

			for (size_t e = s->X.start[u]; e < s->X.start[u + 1]; e++)
				row[s->X.col[e]] += w * (s->X.value ? s->X.value[e] : 1.0f);
		}
	}
}

/* The whole of Gram matrix and inverse: polls stop inside. */
static BmStatus
invert(EaseState *s, BmFit *fit)
{
	const BmEaseOptions *o = fit->options;
	size_t n = fit->data->nitems;
	BmStatus status = bmc_pool_run(fit->pool, gram_task, s, GRAM_TASKS, fit->stop);

	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		s->G[i * n + i] += (float) o->lambda;
	status = bmc_spd_inverse(s->G, n, fit->mem, fit->pool, fit->stop);
	if (status == BM_ESINGULAR)
		snprintf(fit->error, sizeof(fit->error),
				 "The matrix of %zu items is singular; a larger \"lambda\" makes it regular.", n);
	s->inverted = status == BM_OK;
	return status == BM_OK ? BM_MORE : status;
}

/* Row a of B; P is symmetric, so row a of P is read along. */
static size_t
ease_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const EaseState *s = model;
	size_t n = s->X.cols, kept = 0;
	const float *p = s->G + (size_t) a * n;

	(void) dense;
	(void) touched;
	if (s->Xt.start[a] == s->Xt.start[a + 1])
		return 0; /* an item without events: its row is exactly 0 */
	for (size_t b = 0; b < n; b++)
		if (b != a && p[b] != 0.0f)
		{
			col[kept] = (uint32_t) b;
			value[kept++] = -p[b] / s->G[b * n + b];
		}
	return kept;
}

static BmStatus
ease_step(BmFit *fit)
{
	EaseState *s = fit->state;
	BmStatus status;

	if (!s->inverted)
		return invert(s, fit);
	status = bmc_rows_step(&s->rows, ease_row, s, &s->data, fit);
	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

static BmStatus
ease_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	return bmc_rows_tensors(&((EaseState *) fit->state)->rows, prefix, out);
}

const BmRecommender bmc_ease = {
	.name = "ease",
	.options_size = sizeof(BmEaseOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = ease_fit_bytes,
	.fit_begin = ease_begin,
	.fit_step = ease_step,
	.fit_tensors = ease_tensors,
	.fit_end = ease_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
