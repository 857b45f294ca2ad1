/* Sorting entries of 64-bit words against qsort: every length, runs, ties, extreme values, stop. */
#include "unit.h"
#include "core/mine/entries.h"
#include "core/num/rng.h"

static size_t compare_words;

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	if (x[0] != y[0])
		return (int64_t) x[0] < (int64_t) y[0] ? -1 : 1;
	for (size_t w = 1; w < compare_words; w++)
		if (x[w] != y[w])
			return x[w] < y[w] ? -1 : 1;
	return 0;
}

typedef enum Shape
{
	RANDOM,     /* any 64 bits */
	TIES,       /* few different times and values */
	RUNS,       /* some sorted runs, one after the other */
	NEARLY,     /* sorted but for a few late ones */
	DESCENDING, /* the worst case of insertion */
	SHAPES
} Shape;

static void
fill(uint64_t *e, size_t n, size_t words, Shape shape, BmRng *rng)
{
	size_t run = 1 + bmc_rng_below(rng, (uint32_t) n + 1);

	for (size_t i = 0; i < n; i++)
	{
		uint64_t *entry = e + i * words;

		for (size_t w = 0; w < words; w++)
			entry[w] = shape == TIES ? (uint64_t) ((int64_t) bmc_rng_below(rng, 3) - (w == 0))
									 : bmc_rng_u64(rng);
		if (shape == RUNS)
			entry[0] = i % run * 1000 + (i % 7 == 0);
		if (shape == NEARLY)
			entry[0] = bmc_rng_below(rng, 20) == 0 ? bmc_rng_below(rng, (uint32_t) n + 1) : i;
		if (shape == DESCENDING)
			entry[0] = (uint64_t) ((int64_t) n / 2 - (int64_t) i);
	}
}

static void
check_sort(size_t n, size_t words, Shape shape, BmRng *rng)
{
	size_t bytes = n * words * 8;
	uint64_t *from = malloc(bytes + 1), *to = malloc(bytes + 1), *want = malloc(bytes + 1),
			 *scratch = malloc(bytes + 1);

	fill(from, n, words, shape, rng);
	if (n > 0)
		memcpy(want, from, bytes);
	compare_words = words;
	if (n > 0)
		qsort(want, n, words * 8, compare);
	CHECK_INT(bmc_entries_sort(to, from, n, words, scratch, NULL), BM_OK);
	CHECK(n == 0 || memcmp(to, want, bytes) == 0);
	CHECK(bmc_entries_sorted(to, n, words, NULL));
	CHECK(bmc_entries_sorted(from, n, words, NULL) == (n == 0 || memcmp(from, want, bytes) == 0));
	free(from), free(to), free(want), free(scratch);
}

/* Two sorted lists of a random division merged: the sorted whole. */
static void
check_merge(size_t n, size_t words, Shape shape, BmRng *rng)
{
	size_t bytes = n * words * 8, m = bmc_rng_below(rng, (uint32_t) n + 1);
	uint64_t *from = malloc(bytes + 1), *to = malloc(bytes + 1), *want = malloc(bytes + 1),
			 *scratch = malloc(2 * bytes + 1);

	fill(from, n, words, shape, rng);
	CHECK_INT(bmc_entries_sort(want, from, n, words, scratch, NULL), BM_OK);
	CHECK_INT(bmc_entries_sort(to, from, n - m, words, scratch, NULL), BM_OK);
	memcpy(scratch, from + (n - m) * words, m * words * 8);
	CHECK_INT(bmc_entries_sort(from, scratch, m, words, scratch + m * words, NULL), BM_OK);
	CHECK_INT(bmc_entries_merge(to, n - m, from, m, words, NULL), BM_OK);
	CHECK(n == 0 || memcmp(to, want, bytes) == 0);
	free(from), free(to), free(want), free(scratch);
}

static bool
stop_later(void *arg)
{
	return --*(int *) arg < 0;
}

int
main(void)
{
	BmRng rng = bmc_rng(5, 5);
	static const size_t large[] = {4095, 4096, 4097, 50000, 140000};

	CASE("every length up to 200, every shape and width");
	for (size_t n = 0; n <= 200; n++)
		for (int shape = 0; shape < SHAPES; shape++)
			check_sort(n, 1 + bmc_rng_below(&rng, BM_MAX_ENTRY_WORDS), shape, &rng);
	CASE("two lists merged in place are the sorted whole");
	for (size_t n = 0; n <= 120; n++)
		for (int shape = 0; shape < SHAPES; shape++)
			check_merge(n, 1 + bmc_rng_below(&rng, 3), shape, &rng);
	check_merge(300000, 2, RANDOM, &rng);
	CASE("long lists: merges and radix passes");
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		for (int shape = 0; shape < SHAPES; shape++)
			for (size_t words = 1; words <= 3; words++)
				check_sort(large[i], words, shape, &rng);
	CASE("stop is asked, and ends the work, in merges and in radix passes");
	for (int shape = RANDOM; shape <= RUNS; shape++)
		for (int after = 0; after < 3; after++)
		{
			size_t n = 300000;
			uint64_t *e = malloc(n * 48);
			int left = after;
			BmStop stop = {stop_later, &left};

			fill(e, n, 2, shape, &rng);
			if (shape == RUNS)
				for (size_t j = 0; j < n; j++)
					e[j * 2] = j % (n / 2);
			CHECK_INT(bmc_entries_sort(e + n * 2, e, n, 2, e + n * 4, &stop), BM_ESTOP);
			free(e);
		}
	CASE("no words, or too many, are refused");
	CHECK_INT(bmc_entries_sort(NULL, NULL, 0, 0, NULL, NULL), BM_EINVAL);
	CHECK_INT(bmc_entries_sort(NULL, NULL, 0, BM_MAX_ENTRY_WORDS + 1, NULL, NULL), BM_EINVAL);
	return unit_done();
}
