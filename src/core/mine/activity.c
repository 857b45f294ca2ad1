/*
 * activity.c
 *		Active periods as a sparse bitmap.
 */
#include "core/mine/activity.h"

#include <string.h>

#define MAX_BLOCKS ((uint64_t) (2U * BM_PERIOD_BIAS / BM_ACTIVE_BLOCK))

BmActiveWalk
bmc_active_walk(const uint64_t *word, size_t n)
{
	return (BmActiveWalk){word, n, 0, n > 0 ? (uint32_t) word[0] : 0};
}

bool
bmc_active_next(BmActiveWalk *walk, int32_t *period, unsigned *flags)
{
	unsigned slot;

	while (walk->left == 0)
	{
		if (walk->i + 1 >= walk->n)
			return false;
		walk->left = (uint32_t) walk->word[++walk->i];
	}
	slot = (unsigned) __builtin_ctz(walk->left) / 2;
	*flags = walk->left >> (2 * slot) & BM_ACTIVE_FLAGS;
	*period = (int32_t) ((uint32_t) (walk->word[walk->i] >> 32) * BM_ACTIVE_BLOCK + slot) -
			  BM_PERIOD_BIAS;
	walk->left &= ~(BM_ACTIVE_FLAGS << (2 * slot));
	return true;
}

size_t
bmc_active_unite(uint64_t *word, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
	{
		if (kept > 0 && bmc_active_same_block(word[kept - 1], word[i]))
			word[kept - 1] |= word[i];
		else
			word[kept++] = word[i];
	}
	return kept;
}

bool
bmc_active_valid(const uint64_t *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((uint32_t) word[i] == 0 || word[i] >> 32 >= MAX_BLOCKS)
			return false;
	return true;
}

size_t
bmc_active_count(const uint64_t *word, size_t n, int32_t from, int32_t to, unsigned flags)
{
	BmActiveWalk walk = bmc_active_walk(word, n);
	size_t count = 0;
	int32_t period;
	unsigned has;

	while (bmc_active_next(&walk, &period, &has) && period < to)
		count += period >= from && (has & flags) != 0;
	return count;
}

bool
bmc_active_first(int32_t *period, const uint64_t *word, size_t n)
{
	BmActiveWalk walk = bmc_active_walk(word, n);
	unsigned flags;

	while (bmc_active_next(&walk, period, &flags))
		if (flags & BM_ACTIVE_START)
			return true;
	return false;
}

void
bmc_active_retained(bool *retained, size_t periods, int32_t first, bool or_after,
					const uint64_t *word, size_t n)
{
	BmActiveWalk walk = bmc_active_walk(word, n);
	int32_t period;
	unsigned flags;

	memset(retained, 0, periods * sizeof(bool));
	while (bmc_active_next(&walk, &period, &flags))
	{
		size_t k;

		if (period < first || !(flags & BM_ACTIVE_RETURN))
			continue;
		k = (size_t) (period - first);
		if (k < periods)
			retained[k] = true;
		else if (or_after && periods > 0)
			retained[periods - 1] = true;
	}
	for (size_t k = periods; or_after && k-- > 1;)
		retained[k - 1] = retained[k - 1] || retained[k];
}
