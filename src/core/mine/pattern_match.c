/*
 * pattern_match.c
 *		Where a given pattern is: the occurrence that ends first and, of those, begins last. The
 *		miners do not keep occurrences; whoever asks for the few patterns that count finds them here.
 */
#include <string.h>

#include "core/mine/sweep.h"

/* Items of element e. */
static inline size_t
element_at(const BmPatternDb *db, size_t e)
{
	return db->element ? db->element[e] : e;
}

/* Does element e contain the n ids of token, which ascend? */
static inline bool
contains(const BmPatternDb *db, size_t e, const uint32_t *token, uint32_t n)
{
	size_t i = element_at(db, e), end = element_at(db, e + 1);

	for (uint32_t t = 0; t < n; t++)
	{
		uint32_t id = BM_TOKEN_ID(token[t]);

		while (i < end && db->item[i] < id)
			i++;
		if (i == end || db->item[i] != id)
			return false;
		i++;
	}
	return true;
}

/* Tokens of the pattern's element that begins at t. */
static inline uint32_t
element_length(const uint32_t *token, uint32_t length, uint32_t t)
{
	uint32_t n = 1;

	while (t + n < length && BM_TOKEN_JOINED(token[t + n]))
		n++;
	return n;
}

/* Without limits: the first match from the left, then the last one within it from the right. */
static bool
match_free(BmPatternMatch *m, const BmPatternDb *db, size_t s, const uint32_t *token,
		   uint32_t length)
{
	size_t e = db->start[s], end = db->start[s + 1];

	for (uint32_t t = 0, n; t < length; t += n)
	{
		n = element_length(token, length, t);
		while (e < end && !contains(db, e, token + t, n))
			e++;
		if (e == end)
			return false;
		m->last = e++;
	}
	e = m->last + 1;
	for (uint32_t t = length, n; t > 0;)
	{
		n = 1;
		while (BM_TOKEN_JOINED(token[t - n]))
			n++;
		t -= n;
		do
			e--;
		while (!contains(db, e, token + t, n));
	}
	m->first = e;
	return true;
}

static bool
match_limited(BmPatternMatch *m, const BmPatternDb *db, size_t s, const uint32_t *token,
			  uint32_t length, const BmPatternLimits *limits, BmEnd *now, BmEnd *then)
{
	uint32_t t = element_length(token, length, 0);
	size_t n = 0;

	for (size_t e = db->start[s]; e < db->start[s + 1]; e++)
		if (contains(db, e, token, t))
			now[n++] = (BmEnd){(uint32_t) e, (uint32_t) e};
	while (t < length && n > 0)
	{
		uint32_t items = element_length(token, length, t);
		BmSweep w = bmc_sweep(db, limits, true, s, now, n);
		BmEnd x, *swap = then;
		size_t found = 0;

		while (bmc_sweep_next(&w, &x))
			if (contains(db, x.end, token + t, items))
				then[found++] = x;
		then = now;
		now = swap;
		n = found;
		t += items;
	}
	if (n == 0)
		return false;
	m->first = now[0].start;
	m->last = now[0].end;
	return true;
}

size_t
bmc_pattern_match_bytes(const BmPatternDb *db)
{
	return bmc_mul(2 * sizeof(BmEnd), db->longest);
}

/* See pattern.h. */
bool
bmc_pattern_match(BmPatternMatch *match, const BmPatternDb *db, size_t s, const uint32_t *token,
				  uint32_t length, const BmPatternLimits *limits, void *scratch)
{
	if (!bmc_pattern_limited(limits))
		return match_free(match, db, s, token, length);
	return match_limited(match, db, s, token, length, limits, scratch,
						 (BmEnd *) scratch + db->longest);
}

/* ---- item lists ---- */

BmStatus
bmc_item_lists_build(BmItemLists *lists, const BmPatternDb *db, BmMem *mem)
{
	size_t total = 0, *fill = bmc_alloc(mem, db->nitems, sizeof(size_t));

	lists->start = bmc_alloc(mem, (size_t) db->nitems + 1, sizeof(size_t));
	lists->sequence = NULL;
	if (fill && lists->start)
	{
		for (uint32_t i = 0; i < db->nitems; i++)
		{
			lists->start[i] = fill[i] = total;
			total += db->support[i];
		}
		lists->start[db->nitems] = total;
		lists->sequence = bmc_alloc(mem, total, sizeof(uint32_t));
	}
	if (!lists->sequence)
	{
		bmc_free(mem, fill);
		bmc_item_lists_free(lists, mem);
		return BM_ENOMEM;
	}
	for (size_t s = 0; s < db->n; s++)
		for (size_t i = element_at(db, db->start[s]); i < element_at(db, db->start[s + 1]); i++)
		{
			size_t at = fill[db->item[i]];

			if (at > lists->start[db->item[i]] && lists->sequence[at - 1] == (uint32_t) s)
				continue;
			lists->sequence[at] = (uint32_t) s;
			fill[db->item[i]]++;
		}
	bmc_free(mem, fill);
	return BM_OK;
}

void
bmc_item_lists_free(BmItemLists *lists, BmMem *mem)
{
	bmc_free(mem, lists->sequence);
	bmc_free(mem, lists->start);
	lists->sequence = NULL;
	lists->start = NULL;
}
