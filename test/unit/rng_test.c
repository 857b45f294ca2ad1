/* Philox known answers (Random123's kat_vectors), independence of buffering, moments. */
#include "unit.h"
#include "core/num/rng.h"

static void
test_known(void)
{
	static const uint32_t in[3][6] = {
		{0, 0, 0, 0, 0, 0},
		{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
		{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0}};
	static const uint32_t out[3][4] = {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
									   {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
									   {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}};

	CASE("known answers of Philox4x32-10");
	for (int i = 0; i < 3; i++)
	{
		uint32_t got[4];

		bmc_philox(got, in[i], in[i] + 4);
		for (int j = 0; j < 4; j++)
			CHECK_INT(got[j], out[i][j]);
	}
}

static void
test_fill(void)
{
	uint32_t *whole = malloc(1000 * 4), *part = malloc(1000 * 4);

	CASE("filling in pieces gives the same numbers");
	bmc_rng_fill(whole, 1000, 3, 4, 0);
	for (size_t at = 0, n = 1; at < 1000; at += n, n = n * 3 % 97 + 1)
	{
		n = n < 1000 - at ? n : 1000 - at;
		bmc_rng_fill(part + at, n, 3, 4, at);
	}
	CHECK(memcmp(whole, part, 4000) == 0);
	free(whole), free(part);
}

static void
moments(double (*draw)(BmRng *), double mean, double variance)
{
	BmRng rng = bmc_rng(11, 22);
	double sum = 0, squares = 0;
	int n = 200000;

	for (int i = 0; i < n; i++)
	{
		double x = draw(&rng);

		sum += x;
		squares += x * x;
	}
	CHECK_NEAR(sum / n, mean, 6 * sqrt(variance / n));
	CHECK_NEAR(squares / n - sum / n * (sum / n), variance, 0.05 * variance);
}

static double
gamma9(BmRng *rng)
{
	return bmc_rng_gamma(rng, 9.0);
}

static double
gamma_half(BmRng *rng)
{
	return bmc_rng_gamma(rng, 0.5);
}

static double
poisson3(BmRng *rng)
{
	return bmc_rng_poisson(rng, 3.0);
}

static double
poisson200(BmRng *rng)
{
	return bmc_rng_poisson(rng, 200.0);
}

static double
below7(BmRng *rng)
{
	return bmc_rng_below(rng, 7);
}

static void
test_moments(void)
{
	CASE("means and variances of the distributions");
	moments(bmc_rng_double, 0.5, 1.0 / 12);
	moments(bmc_rng_normal, 0.0, 1.0);
	moments(bmc_rng_exponential, 1.0, 1.0);
	moments(gamma9, 9.0, 9.0);
	moments(gamma_half, 0.5, 0.5);
	moments(poisson3, 3.0, 3.0);
	moments(poisson200, 200.0, 200.0);
	moments(below7, 3.0, 4.0);
}

static void
test_shuffle(void)
{
	uint32_t a[100], seen[100] = {0};
	BmRng rng = bmc_rng(1, 2), again = bmc_rng(1, 2), other = bmc_rng(1, 3);

	CASE("a shuffle is a permutation; the same stream gives the same, another another");
	for (uint32_t i = 0; i < 100; i++)
		a[i] = i;
	bmc_rng_shuffle(&rng, a, 100);
	for (int i = 0; i < 100; i++)
		seen[a[i]]++;
	for (int i = 0; i < 100; i++)
		CHECK_INT(seen[i], 1);
	rng = bmc_rng(1, 2);
	CHECK(bmc_rng_u64(&rng) == bmc_rng_u64(&again));
	CHECK(bmc_rng_u64(&rng) != bmc_rng_u64(&other));
}

int
main(void)
{
	test_known();
	test_fill();
	test_moments();
	test_shuffle();
	return unit_done();
}
