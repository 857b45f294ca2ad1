/*
 * rfm.c
 *		Scores by counting smaller values, segments by a table.
 */
#include "core/stat/rfm.h"

#include <math.h>
#include <string.h>

#include "core/num/sort.h"

/* Unsigned integers in the order of doubles; NaN first, and the two zeros one value. */
static uint64_t
ordered(double v)
{
	uint64_t u;

	if (isnan(v))
		return 0;
	v += 0.0;
	memcpy(&u, &v, sizeof(u));
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

BmStatus
bmc_quintiles(int32_t *score, const double *value, size_t n, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *who = bmc_alloc(mem, n, sizeof(uint32_t));
	BmStatus status = key && who ? BM_OK : BM_ENOMEM;
	size_t below = 0;

	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		key[i] = ordered(value[i]);
		who[i] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64(key, who, n, mem);
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		if (i > 0 && key[i] != key[i - 1])
			below = i;
		score[who[i]] = 1 + (int32_t) (5 * below / n);
	}
	bmc_free(mem, key);
	bmc_free(mem, who);
	return status;
}

const char *
bmc_rfm_segment(int recency, int worth)
{
	static const char *const segment[5][5] = {
		{"lost", "lost", "at_risk", "cannot_lose", "cannot_lose"},
		{"hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"},
		{"about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"},
		{"promising", "potential_loyalist", "potential_loyalist", "loyal", "champion"},
		{"new_customer", "potential_loyalist", "potential_loyalist", "champion", "champion"}};

	return segment[recency - 1][worth - 1];
}
