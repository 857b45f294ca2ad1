/*
 * Scores against counting, ties, missing values; segments.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/rfm.h"

static void
test_scores(void)
{
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmRng rng = bmc_rng(3, 3);
	double v[500];
	int32_t score[500];

	CASE("a score counts the values below; equal values have equal scores");
	for (int round = 0; round < 20; round++)
	{
		size_t n = 1 + bmc_rng_below(&rng, 500);

		for (size_t i = 0; i < n; i++)
			v[i] = round % 2 ? bmc_rng_normal(&rng) : (double) bmc_rng_below(&rng, 4) - 2.0;
		if (round % 5 == 0)
			v[0] = NAN;
		CHECK_INT(bmc_quintiles(score, v, n, mem), BM_OK);
		for (size_t i = 0; i < n; i++)
		{
			size_t below = 0;

			for (size_t j = 0; j < n; j++)
				below += v[j] < v[i] || (isnan(v[j]) && !isnan(v[i]));
			CHECK_INT(score[i], 1 + 5 * below / n);
		}
	}
	v[0] = 0.0;
	v[1] = -0.0;
	CHECK_INT(bmc_quintiles(score, v, 2, mem), BM_OK);
	CHECK_INT(score[0], score[1]);
	heap.fail_at = heap.calls + 1;
	CHECK_INT(bmc_quintiles(score, v, 2, mem), BM_ENOMEM);
	CHECK_INT(heap.live, 0);
}

static void
test_segments(void)
{
	const char *seen[11];
	int n = 0;

	CASE("eleven segments");
	for (int r = 1; r <= 5; r++)
		for (int w = 1; w <= 5; w++)
		{
			int i = 0;

			while (i < n && strcmp(seen[i], bmc_rfm_segment(r, w)) != 0)
				i++;
			if (i == n && n < 11)
				seen[n++] = bmc_rfm_segment(r, w);
		}
	CHECK_INT(n, 11);
	CHECK(strcmp(bmc_rfm_segment(5, 5), "champion") == 0);
	CHECK(strcmp(bmc_rfm_segment(1, 1), "lost") == 0);
	CHECK(strcmp(bmc_rfm_segment(5, 1), "new_customer") == 0);
	CHECK(strcmp(bmc_rfm_segment(1, 5), "cannot_lose") == 0);
}

int
main(void)
{
	test_scores();
	test_segments();
	return unit_done();
}
