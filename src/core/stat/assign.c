/*
 * assign.c
 *		The assignment problem by shortest augmenting paths.
 *
 * Rows enter one by one. For each a shortest path over reduced costs (cost less the potentials of row and
 * column, never below zero) leads to a free column; along it the pairs are exchanged.
 */
#include "core/stat/assign.h"

#include <math.h>
#include <string.h>

typedef struct Search
{
	const double *cost;
	size_t rows, cols;
	double *u, *v;  /* (rows + 1), (cols + 1) potentials */
	size_t *row;    /* (cols + 1) row of a column, 1-based; 0: free. row[0]: the one that enters */
	size_t *before; /* (cols + 1) the column before it on the path */
	double *least;  /* (cols + 1) length of the shortest path so far */
	bool *done;     /* (cols + 1) */
} Search;

/* Take the nearest column into the tree of shortest paths; returns it. */
static size_t
grow(Search *s, size_t from)
{
	size_t row = s->row[from], nearest = 0;
	double delta = INFINITY;

	s->done[from] = true;
	for (size_t j = 1; j <= s->cols; j++)
	{
		double reduced;

		if (s->done[j])
			continue;
		reduced = s->cost[(row - 1) * s->cols + j - 1] - s->u[row] - s->v[j];
		if (reduced < s->least[j])
		{
			s->least[j] = reduced;
			s->before[j] = from;
		}
		if (s->least[j] < delta)
		{
			delta = s->least[j];
			nearest = j;
		}
	}
	for (size_t j = 0; j <= s->cols; j++)
		if (s->done[j])
		{
			s->u[s->row[j]] += delta;
			s->v[j] -= delta;
		}
		else
			s->least[j] -= delta;
	return nearest;
}

static void
enter(Search *s, size_t row)
{
	size_t column = 0;

	for (size_t j = 0; j <= s->cols; j++)
	{
		s->least[j] = INFINITY;
		s->done[j] = false;
	}
	s->row[0] = row;
	do
		column = grow(s, column);
	while (s->row[column] != 0);
	while (column != 0)
	{
		s->row[column] = s->row[s->before[column]];
		column = s->before[column];
	}
}

BmStatus
bmc_assign(size_t *of_row, const double *cost, size_t rows, size_t cols, BmMem *mem)
{
	Search s = {.cost = cost, .rows = rows, .cols = cols};
	BmStatus status = BM_ENOMEM;

	if (rows > cols)
		return BM_EINVAL;
	s.u = bmc_alloc0(mem, rows + 1, sizeof(double));
	s.v = bmc_alloc0(mem, cols + 1, sizeof(double));
	s.least = bmc_alloc(mem, cols + 1, sizeof(double));
	s.row = bmc_alloc0(mem, cols + 1, sizeof(size_t));
	s.before = bmc_alloc0(mem, cols + 1, sizeof(size_t));
	s.done = bmc_alloc(mem, cols + 1, sizeof(bool));
	if (s.u && s.v && s.least && s.row && s.before && s.done)
	{
		for (size_t i = 1; i <= rows; i++)
			enter(&s, i);
		for (size_t j = 1; j <= cols; j++)
			if (s.row[j] != 0)
				of_row[s.row[j] - 1] = j - 1;
		status = BM_OK;
	}
	bmc_free(mem, s.done);
	bmc_free(mem, s.before);
	bmc_free(mem, s.row);
	bmc_free(mem, s.least);
	bmc_free(mem, s.v);
	bmc_free(mem, s.u);
	return status;
}
