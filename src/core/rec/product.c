/*
 * product.c
 *		Sparse products of items and users, row by row.
 */
#include <math.h>

#include "core/num/decay.h"
#include "core/rec/product.h"

size_t
bmc_product_bytes(const BmFitSize *size, int top)
{
	double per_user = (double) size->nnz / ((double) size->nusers + 1.0);
	double mean_row = (double) size->nnz * per_user / ((double) size->nitems + 1.0);

	return bmc_add(bmc_add(bmc_mul(size->nnz, 16), bmc_mul(size->nevents, 12)),
				   bmc_add(bmc_mul(bmc_add(size->nusers, size->nitems), 24),
						   bmc_rows_bytes(size->nitems, top, mean_row * 4.0, size->threads)));
}

void
bmc_product_end(BmFit *fit)
{
	BmProduct *p = fit->state;

	if (p)
	{
		bmc_rows_end(&p->rows, fit->mem);
		bmc_decay_end(&p->data, fit->data, fit->mem);
		bmc_sparse_free(&p->X, fit->mem);
		bmc_sparse_free(&p->Xt, fit->mem);
		bmc_free(fit->mem, p->scale);
		bmc_free(fit->mem, p);
	}
	fit->state = NULL;
}

/* bmc_interactions with values in any case. */
static BmStatus
weighted_interactions(BmSparse *X, const BmSequences *data, BmMem *mem)
{
	BmStatus status = bmc_interactions(X, data, mem);
	size_t n = status == BM_OK ? X->start[X->rows] : 0;

	if (status != BM_OK || X->value)
		return status;
	X->value = bmc_alloc(mem, n, sizeof(float));
	if (X->value == NULL)
		return BM_ENOMEM;
	for (size_t e = 0; e < n; e++)
		X->value[e] = 1.0f;
	return BM_OK;
}

BmStatus
bmc_product_begin(BmFit *fit, double half_life_days, bool values)
{
	BmProduct *p = fit->state = bmc_alloc0(fit->mem, 1, sizeof(*p));
	BmStatus status;

	if (p == NULL || (p->scale = bmc_alloc0(fit->mem, fit->data->nitems, sizeof(float))) == NULL)
		return BM_ENOMEM;
	fit->epochs = 1;
	fit->loss = NAN;
	status = bmc_decay_begin(&p->data, fit->data, half_life_days, fit->mem, fit->stop);
	if (status != BM_OK)
		return status;
	return values ? weighted_interactions(&p->X, &p->data, fit->mem)
				  : bmc_interactions(&p->X, &p->data, fit->mem);
}

BmStatus
bmc_product_step(BmFit *fit, BmRowFill fill)
{
	BmProduct *p = fit->state;
	BmStatus status = bmc_rows_step(&p->rows, fill, p, &p->data, fit);

	if (status == BM_OK)
		fit->epoch = 1;
	return status;
}

BmStatus
bmc_product_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	return bmc_rows_tensors(&((BmProduct *) fit->state)->rows, prefix, out);
}

/* dense += w * the row of X. */
static inline void
add_row(float *restrict dense, const BmSparse *X, uint32_t u, float w)
{
	const uint32_t *restrict col = X->col;
	const float *restrict value = X->value;

	if (value)
		for (size_t e = X->start[u]; e < X->start[u + 1]; e++)
			dense[col[e]] += w * value[e];
	else
		for (size_t e = X->start[u]; e < X->start[u + 1]; e++)
			dense[col[e]] += w;
}

/* The same, with the columns met for the first time appended to touched. */
static inline size_t
add_row_noting(float *dense, uint32_t *touched, size_t n, const BmSparse *X, uint32_t u, float w)
{
	for (size_t e = X->start[u]; e < X->start[u + 1]; e++)
	{
		uint32_t b = X->col[e];

		if (dense[b] == 0.0f)
			touched[n++] = b;
		dense[b] += w * (X->value ? X->value[e] : 1.0f);
	}
	return n;
}

size_t
bmc_product_row(float *dense, uint32_t *touched, const BmProduct *p, uint32_t a)
{
	const BmSparse *X = &p->X, *Xt = &p->Xt;
	size_t additions = 0, n = 0, kept = 0;

	for (size_t o = Xt->start[a]; o < Xt->start[a + 1]; o++)
		additions += X->start[Xt->col[o] + 1] - X->start[Xt->col[o]];
	if (bmc_row_is_dense(additions, X->cols))
	{
		for (size_t o = Xt->start[a]; o < Xt->start[a + 1]; o++)
			add_row(dense, X, Xt->col[o], Xt->value ? Xt->value[o] : 1.0f);
		dense[a] = 0.0f;
		return bmc_row_columns(touched, dense, X->cols);
	}
	for (size_t o = Xt->start[a]; o < Xt->start[a + 1]; o++)
		n = add_row_noting(dense, touched, n, X, Xt->col[o], Xt->value ? Xt->value[o] : 1.0f);
	dense[a] = 0.0f;
	for (size_t i = 0; i < n; i++)
		if (touched[i] != a)
			touched[kept++] = touched[i];
	return kept;
}
