/*
 * sparse.c
 *		Transposing compressed sparse rows by counting.
 */
#include "core/num/sparse.h"

BmStatus
bmc_sparse_transpose(BmSparse *out, const BmSparse *in, BmMem *mem)
{
	size_t nnz = in->start[in->rows];
	size_t *at;

	*out = (BmSparse){in->cols, in->rows, NULL, NULL, NULL};
	out->start = bmc_alloc0(mem, in->cols + 2, sizeof(size_t));
	out->col = bmc_alloc(mem, nnz, sizeof(uint32_t));
	out->value = in->value ? bmc_alloc(mem, nnz, sizeof(float)) : NULL;
	if (!out->start || !out->col || (in->value && !out->value))
	{
		bmc_sparse_free(out, mem);
		return BM_ENOMEM;
	}
	/* start[c + 1] serves as the cursor of column c while filling, and ends as its bound */
	at = out->start + 1;
	for (size_t e = 0; e < nnz; e++)
		at[in->col[e] + 1]++;
	for (size_t c = 1; c <= in->cols; c++)
		at[c] += at[c - 1];
	for (size_t r = 0; r < in->rows; r++)
		for (size_t e = in->start[r]; e < in->start[r + 1]; e++)
		{
			size_t to = at[in->col[e]]++;

			out->col[to] = (uint32_t) r;
			if (in->value)
				out->value[to] = in->value[e];
		}
	return BM_OK;
}

void
bmc_sparse_free(BmSparse *m, BmMem *mem)
{
	bmc_free(mem, m->start);
	bmc_free(mem, m->col);
	bmc_free(mem, m->value);
	m->start = NULL;
	m->col = NULL;
	m->value = NULL;
}
