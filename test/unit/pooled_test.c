/* Windows as rows against naive means, and shares that lose nothing on the way back. */
#include "unit.h"
#include "core/num/pooled.h"
#include "core/num/rng.h"

#define W 5
#define ROWS 40

static void
test_pool(void)
{
	float x[ROWS * W], out[BM_POOLED_ROWS * W];
	uint32_t code[ROWS * 2], got[2], length[3] = {1, 7, 20};
	size_t end[3] = {1, 9, 40};
	BmSamples s = {.n = 3,
				   .nrows = ROWS,
				   .width = W,
				   .x = x,
				   .ncodes = 2,
				   .code = code,
				   .steps = 20,
				   .end = end,
				   .length = length};
	BmRng rng = bmc_rng(1, 1);

	CASE("newest row, the one before, mean; of windows of 1, 7 and 20 rows");
	for (int i = 0; i < ROWS * W; i++)
		x[i] = (float) bmc_rng_normal(&rng);
	for (uint32_t i = 0; i < ROWS * 2; i++)
		code[i] = i;
	for (size_t i = 0; i < 3; i++)
	{
		size_t last = end[i] - 1;

		bmc_pool_window(out, got, &s, i);
		for (size_t j = 0; j < W; j++)
		{
			double mean = 0.0;

			for (size_t t = end[i] - length[i]; t < end[i]; t++)
				mean += x[t * W + j] / (double) length[i];
			CHECK(out[j] == x[last * W + j]);
			CHECK(out[W + j] == (length[i] > 1 ? x[(last - 1) * W + j] : 0.0f));
			CHECK_NEAR(out[2 * W + j], mean, 1e-6);
		}
		CHECK(got[0] == 2 * last && got[1] == 2 * last + 1);
	}
}

static void
test_shares(void)
{
	float pooled[BM_POOLED_ROWS * W + 2], share[9 * (W + 2)];
	BmRng rng = bmc_rng(2, 1);

	CASE("shares of a window add up to those of its row; a code's are the newest row's");
	for (int i = 0; i < BM_POOLED_ROWS * W + 2; i++)
		pooled[i] = (float) bmc_rng_normal(&rng);
	for (size_t rows = 1; rows <= 9; rows++)
	{
		double whole = 0.0, sum = 0.0;

		bmc_pooled_share(share, pooled, rows, W, 2);
		for (int i = 0; i < BM_POOLED_ROWS * W + 2; i++)
			whole += pooled[i];
		for (size_t i = 0; i < rows * (W + 2); i++)
			sum += share[i];
		CHECK_NEAR(sum, whole, 1e-5);
		CHECK(share[(rows - 1) * (W + 2) + W + 1] == pooled[BM_POOLED_ROWS * W + 1]);
	}
}

int
main(void)
{
	test_pool();
	test_shares();
	return unit_done();
}
