/*
 * pattern_match.c
 *		Where a given pattern is: the occurrence that ends first and, of those, begins last. The
 *		miners keep no occurrences; pattern_details.c finds them for many patterns at once.
 */
#include <string.h>

#include "core/mine/sweep.h"

bool
bmc_element_contains(const BmPatternDb *db, size_t e, const uint32_t *token, uint32_t n)
{
	size_t i = bmc_element_at(db, e), end = bmc_element_at(db, e + 1);

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

uint32_t
bmc_element_length(const uint32_t *token, uint32_t length, uint32_t t)
{
	uint32_t n = 1;

	while (t + n < length && BM_TOKEN_JOINED(token[t + n]))
		n++;
	return n;
}

size_t
bmc_pattern_latest_start(const BmPatternDb *db, const uint32_t *token, uint32_t length, size_t last)
{
	size_t e = last + 1;

	if (!db->element)
	{
		for (uint32_t t = length; t-- > 0;)
			do
				e--;
			while (db->item[e] != BM_TOKEN_ID(token[t]));
		return e;
	}
	for (uint32_t t = length, n; t > 0;)
	{
		n = 1;
		while (BM_TOKEN_JOINED(token[t - n]))
			n++;
		t -= n;
		do
			e--;
		while (!bmc_element_contains(db, e, token + t, n));
	}
	return e;
}

/* Without limits: the first match from the left, then the last one within it from the right. */
static bool
match_free(BmPatternMatch *m, const BmPatternDb *db, size_t s, const uint32_t *token,
		   uint32_t length)
{
	size_t e = db->start[s], end = db->start[s + 1];

	for (uint32_t t = 0, n; t < length; t += n)
	{
		n = bmc_element_length(token, length, t);
		while (e < end && !bmc_element_contains(db, e, token + t, n))
			e++;
		if (e == end)
			return false;
		m->last = e++;
	}
	m->first = bmc_pattern_latest_start(db, token, length, m->last);
	return true;
}

static bool
match_limited(BmPatternMatch *m, const BmPatternDb *db, size_t s, const uint32_t *token,
			  uint32_t length, const BmPatternLimits *limits, BmEnd *now, BmEnd *then)
{
	uint32_t t = bmc_element_length(token, length, 0);
	size_t n = 0;

	for (size_t e = db->start[s]; e < db->start[s + 1]; e++)
		if (bmc_element_contains(db, e, token, t))
			now[n++] = (BmEnd){(uint32_t) e, (uint32_t) e};
	while (t < length && n > 0)
	{
		uint32_t items = bmc_element_length(token, length, t);
		BmSweep w = bmc_sweep(db, limits, true, s, now, n);
		BmEnd x, *swap = then;
		size_t found = 0;

		while (bmc_sweep_next(&w, &x))
			if (bmc_element_contains(db, x.end, token + t, items))
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
