/* Sets of names against a list that is searched from the front, and against damage. */
#include "unit.h"
#include "core/mine/names.h"
#include "core/num/rng.h"

#define NAMES 600

static char list[NAMES][24];
static size_t length[NAMES];

/* A block that grows as states do: into a larger copy. */
static uint64_t *
put(uint64_t *block, size_t *words, const char *name, size_t len, uint32_t *code)
{
	BmStatus status = bmc_names_put(block, *words, name, len, code);

	if (status == BM_MORE)
	{
		size_t nslots, more = bmc_names_larger(&nslots, block, len);
		uint64_t *larger = malloc(more * sizeof(uint64_t));

		bmc_names_init(larger, more, nslots);
		CHECK_INT(bmc_names_copy(larger, more, block, NULL), BM_OK);
		free(block);
		block = larger;
		*words = more;
		status = bmc_names_put(block, *words, name, len, code);
	}
	CHECK_INT(status, BM_OK);
	return block;
}

static int
compare(const char *a, size_t la, const char *b, size_t lb)
{
	int c = memcmp(a, b, la < lb ? la : lb);

	return c ? c : (la > lb) - (la < lb);
}

static void
test_random(uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 4);
	size_t words = BM_NAMES_FIRST, known = 0, least, nslots;
	uint64_t *block = malloc(words * sizeof(uint64_t)), *copy;
	uint32_t order[NAMES], code;
	BmNameRank rank[NAMES];

	bmc_names_init(block, words, BM_NAMES_FEWEST);
	for (int round = 0; round < 2000 && known < NAMES; round++)
	{
		char name[24];
		size_t len = bmc_rng_below(&rng, 20), at = 0;

		for (size_t i = 0; i < len; i++)
			name[i] = (char) (bmc_rng_below(&rng, 3) ? bmc_rng_below(&rng, 2)
													 : 128 + bmc_rng_below(&rng, 128));
		while (at < known && compare(list[at], length[at], name, len) != 0)
			at++;
		if (at == known)
		{
			memcpy(list[known], name, len);
			length[known++] = len;
		}
		block = put(block, &words, name, len, &code);
		CHECK_INT(code, at);
	}
	CHECK_INT(bmc_names_count(block), known);
	CHECK(bmc_names_valid(block, words));
	bmc_names_order(order, block, rank);
	least = bmc_names_least(&nslots, block);
	CHECK(least <= words);
	copy = malloc(least * sizeof(uint64_t));
	bmc_names_init(copy, least, nslots);
	CHECK_INT(bmc_names_copy(copy, least, block, order), BM_OK);
	CHECK(bmc_names_valid(copy, least));
	CHECK(bmc_names_ordered(copy));
	for (uint32_t i = 0; i < known; i++)
	{
		char out[24];

		CHECK_INT(bmc_name_length(block, i), length[i]);
		bmc_name_bytes(out, block, i);
		CHECK(memcmp(out, list[i], length[i]) == 0);
		bmc_name_bytes(out, copy, i);
		CHECK(memcmp(out, list[order[i]], length[order[i]]) == 0);
		if (i > 0)
			CHECK(compare(list[order[i - 1]], length[order[i - 1]], list[order[i]],
						  length[order[i]]) < 0);
		CHECK_INT(bmc_names_put(copy, least, out, length[order[i]], &code), BM_OK);
		CHECK_INT(code, i);
	}
	free(block), free(copy);
}

/* A flipped bit makes a block invalid, or leaves it one that works; never anything else. */
static void
test_damage(void)
{
	BmRng rng = bmc_rng(7, 7);
	size_t words = BM_NAMES_FIRST;
	uint64_t *block = malloc(words * sizeof(uint64_t));
	uint32_t code;
	long valid = 0, invalid = 0;

	CASE("names: a block with flipped bits is refused or works; a cut one is refused");
	bmc_names_init(block, words, BM_NAMES_FEWEST);
	for (uint32_t i = 0; i < 30; i++)
	{
		char name[16];

		block = put(block, &words, name, (size_t) sprintf(name, "event %u", i * i), &code);
	}
	for (int round = 0; round < 200000; round++)
	{
		uint64_t *copy = malloc(words * sizeof(uint64_t));
		size_t n = round % 7 == 0 ? bmc_rng_below(&rng, (uint32_t) words) : words;

		memcpy(copy, block, words * sizeof(uint64_t));
		for (uint32_t flips = bmc_rng_below(&rng, 3) + (n == words); flips > 0; flips--)
			copy[bmc_rng_below(&rng, (uint32_t) words)] ^= UINT64_C(1) << bmc_rng_below(&rng, 64);
		copy = realloc(copy, n ? n * sizeof(uint64_t) : 1); /* so that asan sees a step beyond */
		if (bmc_names_valid(copy, n))
		{
			char out[BM_MAX_NAME];

			valid++;
			for (uint32_t i = 0; i < bmc_names_count(copy); i++)
			{
				bmc_name_bytes(out, copy, i);
				CHECK_INT(bmc_names_put(copy, n, out, bmc_name_length(copy, i), &code), BM_OK);
				CHECK_INT(code, i);
			}
		}
		else
			invalid++;
		free(copy);
	}
	CHECK(invalid > 100000 && valid > 0);
	CHECK_INT(bmc_names_put(block, words, "", 0, &code), BM_OK);
	CHECK_INT(code, 30);
	free(block);
	block = calloc(BM_NAMES_FIRST, sizeof(uint64_t));
	CHECK(!bmc_names_valid(block, BM_NAMES_FIRST));
	bmc_names_init(block, BM_NAMES_FIRST, BM_NAMES_FEWEST);
	CHECK(bmc_names_valid(block, BM_NAMES_FIRST));
	{
		char *long_name = calloc(BM_MAX_NAME + 1, 1);

		CHECK_INT(bmc_names_put(block, BM_NAMES_FIRST, long_name, BM_MAX_NAME + 1, &code),
				  BM_ELIMIT);
		free(long_name);
	}
	free(block);
}

int
main(void)
{
	CHECK_INT(BM_NAMES_FIRST, bmc_names_words(BM_NAMES_FEWEST, 16));
	CASE("names: codes by arrival, found again, copied in order, as a searched list has them");
	for (uint64_t seed = 1; seed <= 20; seed++)
		test_random(seed);
	test_damage();
	return unit_done();
}
