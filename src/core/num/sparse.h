/*
 * sparse.h
 *		Compressed sparse rows, and products of a sparse 0/1 or weighted matrix with its transpose.
 */
#ifndef BM_SPARSE_H
#define BM_SPARSE_H

#include "core/num/mem.h"

typedef struct BmSparse
{
	size_t rows, cols;
	size_t *start; /* (rows+1); row r is [start[r], start[r+1]) */
	uint32_t *col; /* (start[rows]) ascending within a row */
	float *value;  /* same length, or NULL: all ones */
} BmSparse;

extern BmStatus bmc_sparse_transpose(BmSparse *out, const BmSparse *in, BmMem *mem);
extern void bmc_sparse_free(BmSparse *m, BmMem *mem);

#endif
