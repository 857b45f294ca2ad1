/*
 * entries.c
 *		Sorting fixed-size entries: natural merges for short lists and for a few sorted runs, radix
 *		passes over the bytes that differ for long unordered ones.
 *
 * A state is a concatenation of what came in order, so runs are the rule: one run is a copy, two
 * runs (states of two workers) are one merge. A user with millions of shuffled events takes about
 * one pass for each byte in which times differ (six for a month in microseconds).
 */
#include "core/mine/entries.h"

#include <string.h>

#define SIGN (UINT64_C(1) << 63)
#define SHORT_RUN 12          /* sorted by insertion; 8 to 16 measure alike */
#define RADIX_ENTRIES 64      /* below: merges win over clearing histograms */
#define RADIX_RUNS 16         /* fewer runs than this: merges win over radix passes */
#define STOP_ENTRIES 0x10000U /* asked for every so many entries, well below 50 ms of work */

static inline void
copy_entry(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t w = 0; w < words; w++)
		to[w] = from[w];
}

bool
bmc_entries_sorted(const uint64_t *entries, size_t n, size_t words, const BmStop *stop)
{
	for (size_t i = 1; i < n; i++)
	{
		if (!bmc_entry_le(entries + (i - 1) * words, entries + i * words, words))
			return false;
		if (i % STOP_ENTRIES == 0 && bmc_stop(stop))
			return false;
	}
	return true;
}

/* The end of the run that begins at entry i; equal entries stay in it. */
static inline size_t
run_end(const uint64_t *e, size_t i, size_t n, size_t words)
{
	for (i++; i < n; i++)
		if (!bmc_entry_le(e + (i - 1) * words, e + i * words, words))
			break;
	return i;
}

static size_t
count_runs(const uint64_t *e, size_t n, size_t words, size_t enough)
{
	size_t runs = 0;

	for (size_t i = 0; i < n && runs < enough; runs++)
		i = run_end(e, i, n, words);
	return runs;
}

/* Insertion sort of entries [begin, n) of e; [0, begin) is in order already. */
static inline void
insert_entries(uint64_t *e, size_t begin, size_t n, size_t words)
{
	for (size_t i = begin; i < n; i++)
	{
		uint64_t held[BM_MAX_ENTRY_WORDS];
		size_t j = i;

		copy_entry(held, e + i * words, words);
		for (; j > 0 && !bmc_entry_le(e + (j - 1) * words, held, words); j--)
			copy_entry(e + j * words, e + (j - 1) * words, words);
		copy_entry(e + j * words, held, words);
	}
}

/*
 * Two entries' order without a branch, which a random merge would mispredict every other time: for
 * two words as one number of 128 bits.
 */
static inline bool
entry_le(const uint64_t *a, const uint64_t *b, size_t words)
{
#ifdef __SIZEOF_INT128__
	if (words == 2)
	{
		unsigned __int128 x = (unsigned __int128) (a[0] ^ SIGN) << 64 | a[1];
		unsigned __int128 y = (unsigned __int128) (b[0] ^ SIGN) << 64 | b[1];

		return x <= y;
	}
#endif
	return bmc_entry_le(a, b, words);
}

/* Merge [a, middle) and [middle, end) of from into to at a. */
static inline BmStatus
merge(uint64_t *to, const uint64_t *from, size_t a, size_t middle, size_t end, size_t words,
	  const BmStop *stop)
{
	size_t b = middle, i = a, left = a;

	while (left < middle && b < end)
	{
		size_t both = middle - left < end - b ? middle - left : end - b;

		/* this many at least come before one of the two is used up */
		both = both < STOP_ENTRIES ? both : STOP_ENTRIES;
		for (; both > 0; both--, i++)
		{
			const uint64_t *x = from + left * words, *y = from + b * words;
			size_t first = entry_le(x, y, words);
			const uint64_t *next = (const uint64_t *) (((uintptr_t) x & -(uintptr_t) first) |
													   ((uintptr_t) y & ((uintptr_t) first - 1)));

			copy_entry(to + i * words, next, words);
			left += first;
			b += 1 - first;
		}
		if (i - a >= STOP_ENTRIES && bmc_stop(stop))
			return BM_ESTOP;
	}
	memcpy(to + i * words, from + left * words, (middle - left) * words * sizeof(uint64_t));
	i += middle - left;
	memcpy(to + i * words, from + b * words, (end - b) * words * sizeof(uint64_t));
	return BM_OK;
}

/* Copy from to to, lengthening runs below SHORT_RUN by insertion. */
static inline void
make_runs(uint64_t *to, const uint64_t *from, size_t n, size_t words)
{
	memcpy(to, from, n * words * sizeof(uint64_t));
	for (size_t i = 0; i < n;)
	{
		size_t run = run_end(to, i, n, words), end = i + SHORT_RUN < n ? i + SHORT_RUN : n;

		if (run < end)
			insert_entries(to + i * words, run - i, end - i, words);
		i = run < end ? end : run;
	}
}

/* Merge neighbouring runs until one is left, back and forth between to and scratch. */
static inline BmStatus
merge_runs(uint64_t *to, size_t n, size_t words, uint64_t *scratch, const BmStop *stop)
{
	uint64_t *from = to, *other = scratch;
	size_t merged = 0;

	for (;;)
	{
		size_t runs = 0;
		uint64_t *swap = from;

		for (size_t i = 0; i < n; runs++)
		{
			size_t middle = run_end(from, i, n, words);
			size_t end = middle < n ? run_end(from, middle, n, words) : n;

			if (runs == 0 && middle == n)
			{
				if (from != to)
					memcpy(to, from, n * words * sizeof(uint64_t));
				return BM_OK;
			}
			if (merge(other, from, i, middle, end, words, stop) != BM_OK)
				return BM_ESTOP;
			merged += end - i;
			if (merged >= STOP_ENTRIES)
			{
				merged = 0;
				if (bmc_stop(stop))
					return BM_ESTOP;
			}
			i = end;
		}
		from = other;
		other = swap;
	}
}

/* Byte b of word w as a digit that sorts upwards: the sign bit of a time is turned. */
static inline unsigned
digit(const uint64_t *entry, size_t w, unsigned b)
{
	uint64_t v = w == 0 ? entry[0] ^ SIGN : entry[w];

	return (unsigned) (v >> (8 * b)) & 255;
}

/* One stable counting pass by one byte. */
static BmStatus
radix_pass(uint64_t *to, const uint64_t *from, size_t n, size_t words, size_t w, unsigned b,
		   const BmStop *stop)
{
	size_t place[256] = {0}, total = 0;

	for (size_t i = 0; i < n; i++)
	{
		place[digit(from + i * words, w, b)]++;
		if (i % STOP_ENTRIES == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	for (int d = 0; d < 256; d++)
	{
		size_t count = place[d];

		place[d] = total;
		total += count;
	}
	for (size_t i = 0; i < n; i++)
	{
		const uint64_t *entry = from + i * words;

		copy_entry(to + place[digit(entry, w, b)]++ * words, entry, words);
		if (i % STOP_ENTRIES == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* Which bits of each word differ between entries? */
static BmStatus
differing_bits(uint64_t *bits, const uint64_t *e, size_t n, size_t words, const BmStop *stop)
{
	memset(bits, 0, words * sizeof(uint64_t));
	for (size_t i = 0; i < n; i++)
	{
		for (size_t w = 0; w < words; w++)
			bits[w] |= e[i * words + w] ^ e[w];
		if (i % STOP_ENTRIES == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* Least significant byte first, last word first, bytes that are the same everywhere left out. */
static BmStatus
radix_sort(uint64_t *to, const uint64_t *from, size_t n, size_t words, uint64_t *scratch,
		   const BmStop *stop)
{
	uint64_t bits[BM_MAX_ENTRY_WORDS], *target = to;
	const uint64_t *source = from;
	BmStatus status = differing_bits(bits, from, n, words, stop);

	for (size_t w = words; w-- > 0 && status == BM_OK;)
		for (unsigned b = 0; b < 8 && status == BM_OK; b++)
		{
			if (((bits[w] >> (8 * b)) & 255) == 0)
				continue;
			status = radix_pass(target, source, n, words, w, b, stop);
			source = target;
			target = target == to ? scratch : to;
		}
	if (status == BM_OK && source != to)
		memcpy(to, source, n * words * sizeof(uint64_t));
	return status;
}

/* words is a constant where this is inlined: the loops over words disappear. */
static inline __attribute__((always_inline)) BmStatus
sort_entries(uint64_t *to, const uint64_t *from, size_t n, size_t words, uint64_t *scratch,
			 const BmStop *stop)
{
	if (n >= RADIX_ENTRIES && count_runs(from, n, words, RADIX_RUNS) == RADIX_RUNS)
		return radix_sort(to, from, n, words, scratch, stop);
	make_runs(to, from, n, words);
	return merge_runs(to, n, words, scratch, stop);
}

BmStatus
bmc_entries_sort(uint64_t *to, const uint64_t *from, size_t n, size_t words, uint64_t *scratch,
				 const BmStop *stop)
{
	if (words == 0 || words > BM_MAX_ENTRY_WORDS)
		return BM_EINVAL;
	if (n == 0)
		return BM_OK;
	return words == 2 ? sort_entries(to, from, n, 2, scratch, stop)
					  : sort_entries(to, from, n, words, scratch, stop);
}

/* From the back, where a's room is; a branch would be mispredicted every other time. */
static inline __attribute__((always_inline)) BmStatus
merge_back(uint64_t *a, size_t n, const uint64_t *b, size_t m, size_t words, const BmStop *stop)
{
	while (n > 0 && m > 0)
	{
		size_t both = n < m ? n : m;

		both = both < STOP_ENTRIES ? both : STOP_ENTRIES;
		for (; both > 0; both--)
		{
			const uint64_t *x = a + (n - 1) * words, *y = b + (m - 1) * words;
			size_t second = entry_le(x, y, words);
			const uint64_t *next = (const uint64_t *) (((uintptr_t) y & -(uintptr_t) second) |
													   ((uintptr_t) x & ((uintptr_t) second - 1)));

			copy_entry(a + (n + m - 1) * words, next, words);
			m -= second;
			n -= 1 - second;
		}
		if (n + m >= STOP_ENTRIES && bmc_stop(stop))
			return BM_ESTOP;
	}
	if (m > 0)
		memcpy(a, b, m * words * sizeof(uint64_t));
	return BM_OK; /* what is left of a stays where it is */
}

BmStatus
bmc_entries_merge(uint64_t *a, size_t n, const uint64_t *b, size_t m, size_t words,
				  const BmStop *stop)
{
	if (words == 0 || words > BM_MAX_ENTRY_WORDS)
		return BM_EINVAL;
	return words == 2 ? merge_back(a, n, b, m, 2, stop) : merge_back(a, n, b, m, words, stop);
}
