/*
 * assign.h
 *		Pairs of least total cost: each row gets a column of its own.
 */
#ifndef BM_ASSIGN_H
#define BM_ASSIGN_H

#include "core/num/mem.h"

/*
 * The assignment problem by shortest augmenting paths (Kuhn 1955, in the form of Jonker and Volgenant
 * 1987), O(rows^2 cols). cost (rows, cols) finite, rows <= cols; of_row (rows) is an output: the
 * columns, all different. BM_EINVAL for more rows than columns.
 */
extern BmStatus bmc_assign(size_t *of_row, const double *cost, size_t rows, size_t cols,
						   BmMem *mem);

#endif
