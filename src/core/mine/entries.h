/*
 * entries.h
 *		Events of one user as fixed-size entries of 64-bit words: (time, value, ...).
 *
 * The first word is a signed time in microseconds, the others are compared as unsigned numbers. That
 * order is total over what an entry holds, so a sorted list does not depend on how its entries
 * arrived: in one process, from workers, or from states merged later.
 */
#ifndef BM_ENTRIES_H
#define BM_ENTRIES_H

#include "core/num/status.h"

#define BM_MAX_ENTRY_WORDS 8

/* Are n entries of words 64-bit words in ascending order? Long lists ask stop: then false. */
extern bool bmc_entries_sorted(const uint64_t *entries, size_t n, size_t words, const BmStop *stop);
/*
 * Sort from (n, words) into to (n, words); scratch (n, words); none of them overlap. O(n) where from
 * is a few sorted runs one after the other. words is 1 to BM_MAX_ENTRY_WORDS. BM_OK, BM_ESTOP.
 */
extern BmStatus bmc_entries_sort(uint64_t *to, const uint64_t *from, size_t n, size_t words,
								 uint64_t *scratch, const BmStop *stop);

/*
 * Merge b (m, words) into a (n, words), which has room for n + m; both ascend, and they do not overlap.
 * O(n + m). BM_OK; BM_ESTOP: a is in pieces.
 */
extern BmStatus bmc_entries_merge(uint64_t *a, size_t n, const uint64_t *b, size_t m, size_t words,
								  const BmStop *stop);

/* a <= b: (time, then the other words). */
static inline bool
bmc_entry_le(const uint64_t *a, const uint64_t *b, size_t words)
{
	if (a[0] != b[0])
		return (int64_t) a[0] < (int64_t) b[0];
	for (size_t w = 1; w < words; w++)
		if (a[w] != b[w])
			return a[w] < b[w];
	return true;
}

#endif
