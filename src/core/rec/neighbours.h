/*
 * neighbours.h
 *		What sequence rules, item-kNN and EASE share: an (items x items) matrix of sparse rows, built
 *		row by row in parallel, and answers that are sums of the rows of a user's newest events.
 */
#ifndef BM_NEIGHBOURS_H
#define BM_NEIGHBOURS_H

#include "core/num/recommender.h"
#include "core/num/sparse.h"

/* Leaves value[i] for col[i], i < n, of one row; columns in any order, each once. */
typedef size_t (*BmRowFill)(void *model, uint32_t row, float *value, uint32_t *col,
							float *dense /* (N) all 0, and left so */, uint32_t *touched /* (N) */);

typedef struct BmRows
{
	size_t nitems;
	size_t top;  /* entries kept in a row, the largest by absolute value; >= 1 */
	size_t next; /* first row not yet built */
	size_t nnz, capacity;
	int32_t *start; /* (N+1) */
	int32_t *col;   /* (nnz) ascending within a row */
	float *value;   /* (nnz) */
	float *prior;   /* (N) popularity, far below any value: orders what no row speaks for */
	/* one block of rows, before it is appended */
	int32_t *block_n;
	uint32_t *block_col;
	float *block_value;
	char *scratch; /* per thread */
	size_t scratch_bytes;
	float config[3]; /* gamma, last, a repeated item counts once */
} BmRows;

/* top 0 = all. Config is what scoring needs. */
extern BmStatus bmc_rows_begin(BmRows *rows, size_t nitems, int top, double gamma, int last,
							   bool once, BmFit *fit);
/* Build the next block of rows. BM_MORE, or BM_OK after the last. data: what the prior counts. */
extern BmStatus bmc_rows_step(BmRows *rows, BmRowFill fill, void *model, const BmSequences *data,
							  BmFit *fit);
extern BmStatus bmc_rows_tensors(const BmRows *rows, const char *prefix, BmTensors *out);
extern void bmc_rows_end(BmRows *rows, BmMem *mem);
extern size_t bmc_rows_bytes(size_t nitems, int top, double mean_row, int threads);

/*
 * Distinct items of each user (rows), weighted by the largest event weight; value NULL: all 1. Weights
 * below BM_LEAST_WEIGHT count as 0: products of two stay above zero in float32.
 */
#define BM_LEAST_WEIGHT 1e-13f
extern BmStatus bmc_interactions(BmSparse *X, const BmSequences *data, BmMem *mem);
/*
 * What a row's sums touch. A row with at least bmc_row_is_dense's additions is summed without notes and
 * its columns are found afterwards, by bmc_row_columns: touched gets the columns of dense (N) that are
 * not 0, ascending; returns how many.
 */
static inline bool
bmc_row_is_dense(size_t additions, size_t nitems)
{
	return additions > nitems / 8; /* a look at a cell costs about an eighth of a noted addition */
}

extern size_t bmc_row_columns(uint32_t *touched, const float *dense, size_t nitems);

/* ---- answers ---- */
typedef struct BmNeighbours
{
	size_t nitems;
	const int32_t *start, *col;
	const float *value, *prior;
	float gamma;
	size_t last;
	bool once;
} BmNeighbours;

extern const char *bmc_neighbours_bind(void *bound, const BmTensors *t, const char *prefix,
									   size_t nitems);
extern size_t bmc_neighbours_score_bytes(const void *bound, size_t B);
extern void bmc_neighbours_score(float *scores, const void *bound, const BmHistory *h, size_t B,
								 void *scratch, bool fast_blas);
extern void bmc_neighbours_explain(float *share, const void *bound, const BmHistory *h,
								   const uint32_t *items, size_t n, void *scratch);

#endif
