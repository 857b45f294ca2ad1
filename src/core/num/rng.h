/*
 * rng.h
 *		Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011).
 *
 * A number is a pure function of (seed, stream, counter), so the result does not depend on the
 * thread that asks, nor on how work is cut. Give every independent use its own stream.
 */
#ifndef BM_RNG_H
#define BM_RNG_H

#include "core/num/status.h"

typedef struct BmRng
{
	uint64_t seed;
	uint64_t stream;
	uint64_t counter; /* blocks of four 32-bit numbers used so far */
	uint32_t buffer[4];
	int left; /* numbers still in buffer */
} BmRng;

/* The raw block function: out[4] from a 128-bit counter and a 64-bit key. */
extern void bmc_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

extern BmRng bmc_rng(uint64_t seed, uint64_t stream);
extern uint32_t bmc_rng_u32(BmRng *rng);
extern uint64_t bmc_rng_u64(BmRng *rng);
extern uint32_t bmc_rng_below(BmRng *rng, uint32_t n); /* unbiased, 0..n-1; n >= 1 */
extern float bmc_rng_float(BmRng *rng);                /* [0,1), 24 bits */
extern double bmc_rng_double(BmRng *rng);              /* [0,1), 53 bits */
extern double bmc_rng_normal(BmRng *rng);              /* N(0,1) */
extern double bmc_rng_exponential(BmRng *rng);         /* mean 1 */
extern double bmc_rng_gamma(BmRng *rng, double shape); /* scale 1; Marsaglia and Tsang 2000 */
extern uint32_t bmc_rng_poisson(BmRng *rng, double mean);
extern void bmc_rng_shuffle(BmRng *rng, uint32_t *a, size_t n);

/* n numbers at counters first, first+1, ... of (seed, stream); vectorised, for dropout masks. */
extern void bmc_rng_fill(uint32_t *out, size_t n, uint64_t seed, uint64_t stream, uint64_t first);

/* A 64-bit mix (splitmix64 finaliser): tie-breaking and sharding, not statistics. */
static inline uint64_t
bmc_mix64(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

#endif
