/*
 * rng.c
 *		Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 *		SC 2011) and the distributions on top of it.
 *
 * The 128-bit counter is (block, stream), the 64-bit key is the seed.
 */
#include <math.h>

#include "core/num/rng.h"
#include "core/num/vec.h"

#define M0 UINT32_C(0xD2511F53)
#define M1 UINT32_C(0xCD9E8D57)
#define W0 UINT32_C(0x9E3779B9) /* golden ratio */
#define W1 UINT32_C(0xBB67AE85) /* sqrt(3) - 1 */
#define ROUNDS 10

static inline void
philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	for (int r = 0; r < ROUNDS; r++)
	{
		uint64_t p0 = (uint64_t) M0 * c[0], p1 = (uint64_t) M1 * c[2];
		uint32_t c1 = c[1], c3 = c[3];

		c[0] = (uint32_t) (p1 >> 32) ^ c1 ^ k0;
		c[1] = (uint32_t) p1;
		c[2] = (uint32_t) (p0 >> 32) ^ c3 ^ k1;
		c[3] = (uint32_t) p0;
		k0 += W0;
		k1 += W1;
	}
}

void
bmc_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
	for (int i = 0; i < 4; i++)
		out[i] = counter[i];
	philox(out, key[0], key[1]);
}

static inline void
block_at(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t block)
{
	out[0] = (uint32_t) block;
	out[1] = (uint32_t) (block >> 32);
	out[2] = (uint32_t) stream;
	out[3] = (uint32_t) (stream >> 32);
	philox(out, (uint32_t) seed, (uint32_t) (seed >> 32));
}

BmRng
bmc_rng(uint64_t seed, uint64_t stream)
{
	BmRng rng = {seed, stream, 0, {0}, 0};

	return rng;
}

uint32_t
bmc_rng_u32(BmRng *rng)
{
	if (rng->left == 0)
	{
		block_at(rng->buffer, rng->seed, rng->stream, rng->counter++);
		rng->left = 4;
	}
	return rng->buffer[4 - rng->left--];
}

uint64_t
bmc_rng_u64(BmRng *rng)
{
	uint64_t high = bmc_rng_u32(rng);

	return high << 32 | bmc_rng_u32(rng);
}

/* Lemire 2019: multiply, reject the short first interval. */
uint32_t
bmc_rng_below(BmRng *rng, uint32_t n)
{
	uint64_t m = (uint64_t) bmc_rng_u32(rng) * n;

	if ((uint32_t) m < n)
	{
		uint32_t threshold = -n % n;

		while ((uint32_t) m < threshold)
			m = (uint64_t) bmc_rng_u32(rng) * n;
	}
	return (uint32_t) (m >> 32);
}

float
bmc_rng_float(BmRng *rng)
{
	return (float) (bmc_rng_u32(rng) >> 8) * 0x1p-24f;
}

double
bmc_rng_double(BmRng *rng)
{
	return (double) (bmc_rng_u64(rng) >> 11) * 0x1p-53;
}

/* Box and Muller 1958, one of the pair. */
double
bmc_rng_normal(BmRng *rng)
{
	double u = 1.0 - bmc_rng_double(rng), v = bmc_rng_double(rng);

	return sqrt(-2.0 * log(u)) * cos(6.283185307179586477 * v);
}

double
bmc_rng_exponential(BmRng *rng)
{
	return -log(1.0 - bmc_rng_double(rng));
}

double
bmc_rng_gamma(BmRng *rng, double shape)
{
	double boost = 1.0, d, c;

	if (shape < 1.0)
	{
		boost = pow(1.0 - bmc_rng_double(rng), 1.0 / shape);
		shape += 1.0;
	}
	d = shape - 1.0 / 3.0;
	c = 1.0 / sqrt(9.0 * d);
	for (;;)
	{
		double x = bmc_rng_normal(rng), v = 1.0 + c * x, u;

		if (v <= 0.0)
			continue;
		v = v * v * v;
		u = 1.0 - bmc_rng_double(rng);
		if (log(u) < 0.5 * x * x + d - d * v + d * log(v))
			return boost * d * v;
	}
}

/* Knuth's product for small means; for large ones halves by a gamma step (Ahrens and Dieter 1974). */
uint32_t
bmc_rng_poisson(BmRng *rng, double mean)
{
	uint32_t n = 0;
	double limit, product;

	while (mean > 16.0)
	{
		uint32_t m = (uint32_t) (mean * 0.875);
		double x = bmc_rng_gamma(rng, m);

		if (x > mean)
		{
			double p = mean / x;

			for (uint32_t i = 0; i + 1 < m; i++)
				n += bmc_rng_double(rng) < p;
			return n;
		}
		n += m;
		mean -= x;
	}
	limit = exp(-mean);
	for (product = bmc_rng_double(rng); product > limit; product *= bmc_rng_double(rng))
		n++;
	return n;
}

void
bmc_rng_shuffle(BmRng *rng, uint32_t *a, size_t n)
{
	for (size_t i = n; i > 1; i--)
	{
		size_t j = bmc_rng_below(rng, (uint32_t) i);
		uint32_t t = a[i - 1];

		a[i - 1] = a[j];
		a[j] = t;
	}
}

#define LANES 16

/* LANES blocks from block on, side by side so that the rounds vectorise; out (4 * LANES). */
BM_CLONES
static void
fill_blocks(uint32_t *out, uint64_t seed, uint64_t stream, uint64_t block)
{
	uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
	uint32_t k0 = (uint32_t) seed, k1 = (uint32_t) (seed >> 32);

	for (int i = 0; i < LANES; i++)
	{
		c0[i] = (uint32_t) (block + (uint64_t) i);
		c1[i] = (uint32_t) ((block + (uint64_t) i) >> 32);
		c2[i] = (uint32_t) stream;
		c3[i] = (uint32_t) (stream >> 32);
	}
	for (int r = 0; r < ROUNDS; r++, k0 += W0, k1 += W1)
		for (int i = 0; i < LANES; i++)
		{
			uint64_t p0 = (uint64_t) M0 * c0[i], p1 = (uint64_t) M1 * c2[i];

			c0[i] = (uint32_t) (p1 >> 32) ^ c1[i] ^ k0;
			c1[i] = (uint32_t) p1;
			c2[i] = (uint32_t) (p0 >> 32) ^ c3[i] ^ k1;
			c3[i] = (uint32_t) p0;
		}
	for (int i = 0; i < LANES; i++)
	{
		out[4 * i] = c0[i];
		out[4 * i + 1] = c1[i];
		out[4 * i + 2] = c2[i];
		out[4 * i + 3] = c3[i];
	}
}

void
bmc_rng_fill(uint32_t *out, size_t n, uint64_t seed, uint64_t stream, uint64_t first)
{
	uint32_t block[4 * LANES];

	while (n > 0)
	{
		size_t skip = (size_t) (first % 4), take = 4 * LANES - skip;

		fill_blocks(block, seed, stream, first / 4);
		if (take > n)
			take = n;
		for (size_t i = 0; i < take; i++)
			out[i] = block[skip + i];
		out += take;
		first += take;
		n -= take;
	}
}
