/*
 * rp3beta.c
 *		A random walk of two steps over the graph of items and users, from an item to a user of it to an
 *		item of that user, with popular items held down (Paudel, Christoffel, Newell, Bernstein 2017,
 *		"Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive Applications").
 */
#include <math.h>

#include "core/num/decay.h"
#include "core/rec/count_models.h"
#include "core/rec/neighbours.h"

/* Probabilities stay above it, so that the product of two is above zero in float32. */
#define LEAST_STEP 1e-18f

typedef struct WalkState
{
	BmRows rows;
	BmSequences data;
	BmSparse X;   /* (users, items) P_ub^alpha */
	BmSparse Xt;  /* (items, users) P_au^alpha */
	float *right; /* (N) c^-beta */
} WalkState;

static size_t
walk_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmRp3betaOptions *o = options;
	double per_user = (double) size->nnz / ((double) size->nusers + 1.0);
	double mean_row = (double) size->nnz * per_user / ((double) size->nitems + 1.0);

	return bmc_add(bmc_add(bmc_mul(size->nnz, 16), bmc_mul(size->nevents, 12)),
				   bmc_add(bmc_mul(bmc_add(size->nusers, size->nitems), 24),
						   bmc_rows_bytes(size->nitems, o->top, mean_row * 4.0, size->threads)));
}

static void
walk_end(BmFit *fit)
{
	WalkState *s = fit->state;

	if (s)
	{
		bmc_rows_end(&s->rows, fit->mem);
		bmc_decay_end(&s->data, fit->data, fit->mem);
		bmc_sparse_free(&s->X, fit->mem);
		bmc_sparse_free(&s->Xt, fit->mem);
		bmc_free(fit->mem, s->right);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
}

/* Sum of row r. */
static double
row_sum(const BmSparse *m, size_t r)
{
	double sum = 0.0;

	for (size_t e = m->start[r]; e < m->start[r + 1]; e++)
		sum += (double) m->value[e];
	return sum;
}

/* Each row becomes its probabilities to the power of alpha. */
static void
to_steps(BmSparse *m, double alpha)
{
	for (size_t r = 0; r < m->rows; r++)
	{
		double sum = row_sum(m, r);

		for (size_t e = m->start[r]; e < m->start[r + 1]; e++)
			m->value[e] = fmaxf((float) pow((double) m->value[e] / sum, alpha), LEAST_STEP);
	}
}

static BmStatus
walk_begin(BmFit *fit)
{
	const BmRp3betaOptions *o = fit->options;
	size_t N = fit->data->nitems;
	WalkState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmStatus status;

	if (s == NULL || (s->right = bmc_alloc(fit->mem, N, sizeof(float))) == NULL)
		return BM_ENOMEM;
	status = bmc_decay_begin(&s->data, fit->data, o->half_life_days, fit->mem);
	if (status == BM_OK)
		status = bmc_weighted_interactions(&s->X, &s->data, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&s->Xt, &s->X, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < N; i++)
	{
		double c = row_sum(&s->Xt, i);

		s->right[i] = c > 0.0 ? (float) pow(c, -o->beta) : 0.0f;
	}
	to_steps(&s->X, o->alpha);
	to_steps(&s->Xt, o->alpha);
	fit->epochs = 1;
	fit->loss = NAN;
	return bmc_rows_begin(&s->rows, N, o->top, o->gamma, o->last, true, fit);
}

static size_t
walk_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const WalkState *s = model;
	size_t n = bmc_product_row(dense, touched, &s->Xt, &s->X, a);

	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[i] = b;
		value[i] = dense[b] * s->right[b];
		dense[b] = 0.0f;
	}
	return n;
}

static BmStatus
walk_step(BmFit *fit)
{
	WalkState *s = fit->state;
	BmStatus status = bmc_rows_step(&s->rows, walk_row, s, &s->data, fit);

	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

static BmStatus
walk_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	return bmc_rows_tensors(&((WalkState *) fit->state)->rows, prefix, out);
}

const BmRecommender bmc_rp3beta = {
	.name = "rp3beta",
	.options_size = sizeof(BmRp3betaOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = walk_fit_bytes,
	.fit_begin = walk_begin,
	.fit_step = walk_step,
	.fit_tensors = walk_tensors,
	.fit_end = walk_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
