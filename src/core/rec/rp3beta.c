/*
 * rp3beta.c
 *		A random walk of two steps over the graph of items and users, from an item to a user of it to an
 *		item of that user, with popular items held down (Paudel, Christoffel, Newell, Bernstein 2017,
 *		"Updatable, Accurate, Diverse, and Scalable Recommendations for Interactive Applications").
 */
#include <math.h>

#include "core/rec/count_models.h"
#include "core/rec/product.h"

/* Probabilities stay above it, so that the product of two is above zero in float32. */
#define LEAST_STEP 1e-18f

static size_t
walk_fit_bytes(const BmFitSize *size, const void *options)
{
	return bmc_product_bytes(size, ((const BmRp3betaOptions *) options)->top);
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

/* X and Xt become the steps P_ub^alpha and P_au^alpha, scale c^-beta. */
static BmStatus
walk_begin(BmFit *fit)
{
	const BmRp3betaOptions *o = fit->options;
	size_t N = fit->data->nitems;
	BmStatus status = bmc_product_begin(fit, o->half_life_days, true);
	BmProduct *p = fit->state;

	if (status == BM_OK)
		status = bmc_sparse_transpose(&p->Xt, &p->X, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < N; i++)
	{
		double c = row_sum(&p->Xt, i);

		p->scale[i] = c > 0.0 ? (float) pow(c, -o->beta) : 0.0f;
	}
	to_steps(&p->X, o->alpha);
	to_steps(&p->Xt, o->alpha);
	return bmc_rows_begin(&p->rows, N, o->top, o->gamma, o->last, true, fit);
}

static size_t
walk_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const BmProduct *p = model;
	size_t n = bmc_product_row(dense, touched, p, a);

	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[i] = b;
		value[i] = dense[b] * p->scale[b];
		dense[b] = 0.0f;
	}
	return n;
}

static BmStatus
walk_step(BmFit *fit)
{
	return bmc_product_step(fit, walk_row);
}

const BmRecommender bmc_rp3beta = {
	.name = "rp3beta",
	.options_size = sizeof(BmRp3betaOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = walk_fit_bytes,
	.fit_begin = walk_begin,
	.fit_step = walk_step,
	.fit_tensors = bmc_product_tensors,
	.fit_end = bmc_product_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
