/*
 * index_check.h
 *		What bind checks of the indexes in stored tensors, so that answers may trust them; and a search
 *		in them.
 */
#ifndef BM_INDEX_CHECK_H
#define BM_INDEX_CHECK_H

#include "core/num/status.h"

/* (n+1) rising from 0 to end. */
static inline bool
bmc_starts_rise(const int32_t *start, size_t n, size_t end)
{
	if (start[0] != 0 || (size_t) start[n] != end)
		return false;
	for (size_t i = 0; i < n; i++)
		if (start[i + 1] < start[i])
			return false;
	return true;
}

/* 0 <= value < limit. */
static inline bool
bmc_all_below(const int32_t *value, size_t n, size_t limit)
{
	for (size_t i = 0; i < n; i++)
		if (value[i] < 0 || (size_t) value[i] >= limit)
			return false;
	return true;
}

/* Where want stands in ascending index[from..to-1]; SIZE_MAX when it does not. */
static inline size_t
bmc_find_index(const int32_t *index, size_t from, size_t to, uint32_t want)
{
	size_t lo = from, hi = to;

	while (lo < hi)
	{
		size_t mid = lo + (hi - lo) / 2;

		if ((uint32_t) index[mid] < want)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < to && (uint32_t) index[lo] == want ? lo : SIZE_MAX;
}

#endif
