/*
 * The assignment of least cost against every permutation.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/assign.h"

/* Least cost of the rows from row on, by trying every free column. */
static double
brute(const double *cost, size_t rows, size_t cols, size_t row, uint32_t taken)
{
	double best = INFINITY;

	if (row == rows)
		return 0;
	for (size_t j = 0; j < cols; j++)
		if (!(taken >> j & 1))
			best = fmin(best, cost[row * cols + j] +
								  brute(cost, rows, cols, row + 1, taken | UINT32_C(1) << j));
	return best;
}

int
main(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmRng rng = bmc_rng(5, 1);
	double cost[49];
	size_t of_row[7];

	CASE("least of all permutations, ties and negative costs too");
	for (int t = 0; t < 3000; t++)
	{
		size_t cols = 1 + bmc_rng_below(&rng, 7), rows = 1 + bmc_rng_below(&rng, (uint32_t) cols);
		uint32_t used = 0;
		double sum = 0;

		for (size_t i = 0; i < rows * cols; i++)
			cost[i] = t % 2 ? bmc_rng_normal(&rng) : (double) bmc_rng_below(&rng, 4);
		CHECK(bmc_assign(of_row, cost, rows, cols, mem) == BM_OK);
		for (size_t i = 0; i < rows; i++)
		{
			CHECK(of_row[i] < cols && !(used >> of_row[i] & 1));
			used |= UINT32_C(1) << of_row[i];
			sum += cost[i * cols + of_row[i]];
		}
		CHECK_NEAR(sum, brute(cost, rows, cols, 0, 0), 1e-9);
	}

	CASE("no rows, too many rows, no memory");
	CHECK(bmc_assign(of_row, cost, 0, 3, mem) == BM_OK);
	CHECK(bmc_assign(of_row, cost, 4, 3, mem) == BM_EINVAL);
	mem->limit = 64;
	CHECK(bmc_assign(of_row, cost, 3, 3, mem) == BM_ENOMEM);
	mem->limit = 0;
	CHECK_INT(mem->used, 0);
	return unit_done();
}
