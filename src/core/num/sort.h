/*
 * sort.h
 *		Radix sorts.
 */
#ifndef BM_SORT_H
#define BM_SORT_H

#include <string.h>

#include "core/num/mem.h"

/* Bits of a number that is no NaN, ordered as the numbers are; -0 as 0. */
static inline uint32_t
bmc_float_key(float v)
{
	uint32_t bits;

	if (v == 0.0f)
		v = 0.0f;
	memcpy(&bits, &v, sizeof(bits));
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/*
 * Bring events into (user, time) order, given their users are dense codes: stable counting sort by
 * user, then by time inside each user (skipped where already in order). order (n) gets the
 * permutation: the i-th event in sorted order is event order[i]; start (nusers+1) the users' bounds.
 * Ties in time are ordered by tie (n), then by arrival; tie may be NULL.
 */
extern BmStatus bmc_sort_events(uint32_t *order, size_t *start, const uint32_t *user,
								const int64_t *time, const uint64_t *tie, size_t n, size_t nusers,
								BmMem *mem, const BmStop *stop);
/* LSD radix sort of keys with 32-bit payloads; scratch from mem. */
extern BmStatus bmc_sort_u64(uint64_t *key, uint32_t *payload, size_t n, BmMem *mem);
/* The same for many: stop is polled between the passes. */
extern BmStatus bmc_sort_u64_until(uint64_t *key, uint32_t *payload, size_t n, BmMem *mem,
								   const BmStop *stop);

#endif
