/*
 * item_knn.c
 *		Item-based nearest neighbours over the users who have both items (Sarwar et al. 2001), with
 *		cosine, TF-IDF or BM25 weights and a shrunk denominator.
 */
#include <math.h>
#include <string.h>

#include "core/rec/count_models.h"
#include "core/rec/product.h"

/* Robertson and Walker 1994; the values that collaborative filtering commonly uses */
#define BM25_K1 1.2
#define BM25_B 0.75

static size_t
knn_fit_bytes(const BmFitSize *size, const void *options)
{
	return bmc_product_bytes(size, ((const BmItemKnnOptions *) options)->top);
}

/*
 * X's values: TF-IDF scales by ln((1 + U) / (1 + c_i)) + 1, BM25 by its idf and by a saturation of
 * the weight that penalises long histories. users_of (N) is the number of users of each item.
 */
static void
weigh(BmSparse *X, int scheme, const float *users_of)
{
	double U = (double) X->rows, mean = U > 0.0 ? (double) X->start[X->rows] / U : 1.0;

	for (size_t u = 0; u < X->rows; u++)
	{
		double length = (double) (X->start[u + 1] - X->start[u]);

		for (size_t e = X->start[u]; e < X->start[u + 1]; e++)
		{
			double c = (double) users_of[X->col[e]], tf = (double) X->value[e];

			if (scheme == BM_KNN_TFIDF)
				tf *= log((1.0 + U) / (1.0 + c)) + 1.0;
			else if (scheme == BM_KNN_BM25)
				tf = tf * (BM25_K1 + 1.0) /
					 (tf + BM25_K1 * (1.0 - BM25_B + BM25_B * length / mean)) *
					 log(1.0 + (U - c + 0.5) / (c + 0.5));
			X->value[e] = (float) tf;
		}
	}
}

/* scale becomes the Euclidean norm of an item's column. */
static BmStatus
knn_begin(BmFit *fit)
{
	const BmItemKnnOptions *o = fit->options;
	size_t nitems = fit->data->nitems;
	BmStatus status = bmc_product_begin(fit, o->half_life_days, o->weight != BM_KNN_COSINE);
	BmProduct *p = fit->state;

	if (status != BM_OK)
		return status;
	p->shrink = (float) o->shrink;
	for (size_t e = 0; e < p->X.start[p->X.rows]; e++)
		p->scale[p->X.col[e]] += 1.0f; /* counts for now */
	if (o->weight != BM_KNN_COSINE)
		weigh(&p->X, o->weight, p->scale);
	status = bmc_sparse_transpose(&p->Xt, &p->X, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < nitems; i++)
	{
		double sum = 0.0;

		for (size_t e = p->Xt.start[i]; e < p->Xt.start[i + 1]; e++)
			sum += p->Xt.value ? (double) p->Xt.value[e] * (double) p->Xt.value[e] : 1.0;
		p->scale[i] = (float) sqrt(sum);
	}
	return bmc_rows_begin(&p->rows, nitems, o->top, o->gamma, o->last, true, fit);
}

/* Row a: sum over a's users of their other items, over the norms. */
static size_t
knn_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const BmProduct *p = model;
	size_t n = bmc_product_row(dense, touched, p, a);

	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[i] = b;
		value[i] = dense[b] / (p->scale[a] * p->scale[b] + p->shrink);
		dense[b] = 0.0f;
	}
	return n;
}

static BmStatus
knn_step(BmFit *fit)
{
	return bmc_product_step(fit, knn_row);
}

const BmRecommender bmc_item_knn = {
	.name = "item_knn",
	.options_size = sizeof(BmItemKnnOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = knn_fit_bytes,
	.fit_begin = knn_begin,
	.fit_step = knn_step,
	.fit_tensors = bmc_product_tensors,
	.fit_end = bmc_product_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
