/* Vector kernels against double loops, at every length around a register's width. */
#include "unit.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

static void
test_reductions(void)
{
	float a[300], b[300], y[300];
	BmRng rng = bmc_rng(1, 1);

	CASE("dot, sum, max, axpy, scale for lengths 0 to 130");
	for (int i = 0; i < 300; i++)
	{
		a[i] = (float) bmc_rng_normal(&rng);
		b[i] = (float) bmc_rng_normal(&rng);
	}
	for (size_t n = 0; n <= 130; n++)
	{
		double dot = 0, sum = 0, most = -INFINITY;

		for (size_t i = 0; i < n; i++)
		{
			dot += (double) a[i + 1] * b[i + 2];
			sum += a[i + 1];
			most = a[i + 1] > most ? a[i + 1] : most;
		}
		CHECK_NEAR(bmc_dot(a + 1, b + 2, n), dot, 1e-4);
		CHECK_NEAR(bmc_sum(a + 1, n), sum, 1e-9 * (double) (n + 1));
		CHECK(bmc_max(a + 1, n) == (float) most);
		memcpy(y, b, sizeof(y));
		bmc_axpy(y + 3, 2.5f, a + 1, n);
		bmc_scale(y + 3, -1.0f, n);
		for (size_t i = 0; i < n; i++)
			CHECK_NEAR(y[i + 3], -(b[i + 3] + 2.5 * a[i + 1]), 1e-5);
		CHECK(y[2] == b[2] && y[n + 3] == b[n + 3]);
	}
}

static void
test_exp(void)
{
	float x[4], y[4];
	double worst = 0;

	CASE("exp: relative error below 2e-7, flushes and saturates, sums");
	for (double v = -87; v < 88; v += 0.0137)
	{
		x[0] = (float) v;
		bmc_exp(y, x, 1);
		worst = fmax(worst, fabs(y[0] / exp((double) x[0]) - 1));
	}
	CHECK(worst < 2e-7);
	x[0] = -100, x[1] = 100, x[2] = 0, x[3] = -INFINITY;
	bmc_exp(y, x, 4);
	CHECK(y[0] == 0 && y[1] == INFINITY && y[2] == 1 && y[3] == 0);
	x[0] = 1, x[1] = 2, x[2] = 3, x[3] = -1;
	CHECK_NEAR(bmc_exp_sum(y, x, 3, 4), exp(-2) + exp(-1) + 1 + exp(-4), 1e-6);
}

static void
test_finite(void)
{
	float x[100] = {0};

	CASE("finite: NaN and infinities are found wherever they stand");
	CHECK(bmc_all_finite(x, 100) && bmc_all_finite(x, 0));
	for (int i = 0; i < 100; i++)
	{
		x[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
		CHECK(!bmc_all_finite(x, 100));
		x[i] = 3e38f;
	}
	CHECK(bmc_all_finite(x, 100));
}

int
main(void)
{
	test_reductions();
	test_exp();
	test_finite();
	return unit_done();
}
