/*
 * item_knn.c
 *		Item-based nearest neighbours over the users who have both items (Sarwar et al. 2001), with
 *		cosine, TF-IDF or BM25 weights and a shrunk denominator.
 */
#include <math.h>
#include <string.h>

#include "core/num/decay.h"
#include "core/rec/count_models.h"
#include "core/rec/neighbours.h"

/* Robertson and Walker 1994; the values that collaborative filtering commonly uses */
#define BM25_K1 1.2
#define BM25_B 0.75

typedef struct KnnState
{
	BmRows rows;
	BmSequences data;
	BmSparse X;  /* (users, items) weighted as options say */
	BmSparse Xt; /* (items, users) */
	float *norm; /* (N) Euclidean norm of an item's column */
	float shrink;
} KnnState;

static size_t
knn_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmItemKnnOptions *o = options;
	double per_user = (double) size->nnz / ((double) size->nusers + 1.0);
	double mean_row = (double) size->nnz * per_user / ((double) size->nitems + 1.0);

	return bmc_add(bmc_add(bmc_mul(size->nnz, 16), bmc_mul(size->nevents, 12)),
				   bmc_add(bmc_mul(bmc_add(size->nusers, size->nitems), 24),
						   bmc_rows_bytes(size->nitems, o->top, mean_row * 4.0, size->threads)));
}

static void
knn_end(BmFit *fit)
{
	KnnState *s = fit->state;

	if (s)
	{
		bmc_rows_end(&s->rows, fit->mem);
		bmc_decay_end(&s->data, fit->data, fit->mem);
		bmc_sparse_free(&s->X, fit->mem);
		bmc_sparse_free(&s->Xt, fit->mem);
		bmc_free(fit->mem, s->norm);
		bmc_free(fit->mem, s);
	}
	fit->state = NULL;
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

static BmStatus
knn_begin(BmFit *fit)
{
	const BmItemKnnOptions *o = fit->options;
	size_t nitems = fit->data->nitems;
	KnnState *s = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*s));
	BmStatus status;

	if (s == NULL || (s->norm = bmc_alloc0(fit->mem, nitems, sizeof(float))) == NULL)
		return BM_ENOMEM;
	s->shrink = (float) o->shrink;
	status = bmc_decay_begin(&s->data, fit->data, o->half_life_days, fit->mem);
	if (status == BM_OK)
		status = (o->weight == BM_KNN_COSINE ? bmc_interactions : bmc_weighted_interactions)(
			&s->X, &s->data, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t e = 0; e < s->X.start[s->X.rows]; e++)
		s->norm[s->X.col[e]] += 1.0f; /* counts for now */
	if (o->weight != BM_KNN_COSINE)
		weigh(&s->X, o->weight, s->norm);
	status = bmc_sparse_transpose(&s->Xt, &s->X, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < nitems; i++)
	{
		double sum = 0.0;

		for (size_t e = s->Xt.start[i]; e < s->Xt.start[i + 1]; e++)
			sum += s->Xt.value ? (double) s->Xt.value[e] * (double) s->Xt.value[e] : 1.0;
		s->norm[i] = (float) sqrt(sum);
	}
	fit->epochs = 1;
	fit->loss = NAN;
	return bmc_rows_begin(&s->rows, nitems, o->top, o->gamma, o->last, true, fit);
}

/* Row a: sum over a's users of their other items, over the norms. */
static size_t
knn_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const KnnState *s = model;
	size_t n = bmc_product_row(dense, touched, &s->Xt, &s->X, a);

	for (size_t i = 0; i < n; i++)
	{
		uint32_t b = touched[i];

		col[i] = b;
		value[i] = dense[b] / (s->norm[a] * s->norm[b] + s->shrink);
		dense[b] = 0.0f;
	}
	return n;
}

static BmStatus
knn_step(BmFit *fit)
{
	KnnState *s = fit->state;
	BmStatus status = bmc_rows_step(&s->rows, knn_row, s, &s->data, fit);

	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

static BmStatus
knn_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	return bmc_rows_tensors(&((KnnState *) fit->state)->rows, prefix, out);
}

const BmRecommender bmc_item_knn = {
	.name = "item_knn",
	.options_size = sizeof(BmItemKnnOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = knn_fit_bytes,
	.fit_begin = knn_begin,
	.fit_step = knn_step,
	.fit_tensors = knn_tensors,
	.fit_end = knn_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
};
