/*
 * content.c
 *		Items that are like those of the history: TF-IDF cosines of what they are (Salton and Buckley 1988;
 *		Lops, de Gemmis, Semeraro 2011, "Content-based recommender systems") and cosines of their vectors.
 *
 * It learns nothing from events but the order of what nothing speaks for, so it knows items that have none.
 * The neighbours of an item are found once, row by row: work grows with the square of the catalogue.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/num/vec.h"
#include "core/rec/content.h"
#include "core/rec/product.h"

#define LEAST_SIMILARITY 1e-4f /* below: nothing in common but rounding */

typedef struct Content
{
	BmProduct
		product; /* X (terms, items) unit columns, Xt its transpose; first, for bmc_product_end */
	const BmItemFeatures *features;
} Content;

static size_t
content_fit_bytes(const BmFitSize *size, const void *options)
{
	const BmContentOptions *o = options;

	return bmc_add(
		bmc_mul(size->nterms, 36),
		bmc_add(bmc_mul(size->nitems, 32),
				bmc_rows_bytes(size->nitems, o->top, (double) size->nitems, size->threads)));
}

/* df (terms): items that have a term; returns how many items have any. */
static size_t
count_terms(uint32_t *df, const BmSparse *terms)
{
	size_t described = 0;

	for (size_t i = 0; i < terms->rows; i++)
	{
		described += terms->start[i + 1] > terms->start[i];
		for (size_t e = terms->start[i]; e < terms->start[i + 1]; e++)
			df[terms->col[e]]++;
	}
	return described;
}

/* To unit length; 0 stays. */
static void
to_unit(float *x, size_t n)
{
	double squares = 0.0;

	for (size_t i = 0; i < n; i++)
		squares += (double) x[i] * (double) x[i];
	for (size_t i = 0; i < n && squares > 0.0; i++)
		x[i] = (float) ((double) x[i] / sqrt(squares));
}

/*
 * out (items, terms) = weight of the column * ln(described / df), rows of unit length. A term that one item
 * alone has, or that all have, finds nothing and is left out, so that it does not dilute the others.
 */
static BmStatus
weigh_terms(BmSparse *out, const BmSparse *terms, BmMem *mem)
{
	size_t n = terms->start[terms->rows], kept = 0, described;
	uint32_t *df = bmc_alloc0(mem, terms->cols, sizeof(uint32_t));

	*out = (BmSparse){terms->rows, terms->cols, bmc_alloc0(mem, terms->rows + 1, sizeof(size_t)),
					  bmc_alloc(mem, n, sizeof(uint32_t)), bmc_alloc(mem, n, sizeof(float))};
	if (!df || !out->start || !out->col || !out->value)
	{
		bmc_free(mem, df);
		return BM_ENOMEM;
	}
	described = count_terms(df, terms);
	for (size_t i = 0; i < terms->rows; i++)
	{
		for (size_t e = terms->start[i]; e < terms->start[i + 1]; e++)
		{
			uint32_t t = terms->col[e];

			if (df[t] < 2 || df[t] == described)
				continue;
			out->col[kept] = t;
			out->value[kept++] = terms->value[e] * (float) log((double) described / (double) df[t]);
		}
		out->start[i + 1] = kept;
		to_unit(out->value + out->start[i], kept - out->start[i]);
	}
	bmc_free(mem, df);
	return BM_OK;
}

static BmStatus
content_begin(BmFit *fit)
{
	const BmContentOptions *o = fit->options;
	const BmItemFeatures *f = fit->data->features;
	Content *c = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*c));
	BmStatus status;

	if (c == NULL)
		return BM_ENOMEM;
	if (f == NULL || f->terms.rows != fit->data->nitems)
	{
		snprintf(fit->error, sizeof(fit->error), "Nothing is known of the items but their events.");
		return BM_EINVAL;
	}
	fit->epochs = 1;
	fit->loss = NAN;
	c->features = f;
	c->product.data = *fit->data;
	status = weigh_terms(&c->product.Xt, &f->terms, fit->mem);
	if (status == BM_OK)
		status = bmc_sparse_transpose(&c->product.X, &c->product.Xt, fit->mem);
	if (status != BM_OK)
		return status;
	return bmc_rows_begin(&c->product.rows, fit->data->nitems, o->top, o->gamma, o->last, true,
						  fit);
}

/* dense (N) += the cosines of a's vector with the others', where they are positive. */
static void
add_vectors(float *dense, const BmItemFeatures *f, uint32_t a, size_t nitems)
{
	const float *own = f->vector + (size_t) a * f->width;

	for (size_t b = 0; b < nitems; b++)
	{
		float cosine = bmc_dot(own, f->vector + b * f->width, f->width);

		dense[b] += cosine > 0.0f ? cosine : 0.0f;
	}
	dense[a] = 0.0f;
}

static size_t
content_row(void *model, uint32_t a, float *value, uint32_t *col, float *dense, uint32_t *touched)
{
	const Content *c = model;
	size_t N = c->product.rows.nitems, kept = 0;
	size_t n = bmc_product_row(dense, touched, &c->product, a);

	if (c->features->width > 0)
	{
		add_vectors(dense, c->features, a, N);
		n = bmc_row_columns(touched, dense, N);
	}
	for (size_t i = 0; i < n; i++)
	{
		float similarity = dense[touched[i]];

		dense[touched[i]] = 0.0f;
		if (similarity < LEAST_SIMILARITY)
			continue;
		col[kept] = touched[i];
		value[kept++] = similarity;
	}
	return kept;
}

static BmStatus
content_step(BmFit *fit)
{
	return bmc_product_step(fit, content_row);
}

const BmRecommender bmc_content = {
	.name = "content",
	.options_size = sizeof(BmContentOptions),
	.bound_size = sizeof(BmNeighbours),
	.fit_bytes = content_fit_bytes,
	.fit_begin = content_begin,
	.fit_step = content_step,
	.fit_tensors = bmc_product_tensors,
	.fit_end = bmc_product_end,
	.bind = bmc_neighbours_bind,
	.score_bytes = bmc_neighbours_score_bytes,
	.score = bmc_neighbours_score,
	.explain = bmc_neighbours_explain,
	.knows_cold = true,
};
