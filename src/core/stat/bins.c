/*
 * bins.c
 *		Columns cut into bins at their quantiles.
 */
#include <math.h>
#include <string.h>

#include "core/num/sort.h"
#include "core/stat/bins.h"

/* Bits of a float that sort as the number does. */
static uint32_t
sortable(float v)
{
	uint32_t bits;

	v += 0.0f; /* no negative zero */
	memcpy(&bits, &v, sizeof(bits));
	return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

static float
value_of(uint64_t key)
{
	uint32_t bits = (uint32_t) key;
	float v;

	bits = bits & 0x80000000U ? bits & 0x7FFFFFFFU : ~bits;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Cuts of one column from its sorted keys: at the first value of each part of equal size. */
static int
make_cuts(float *cut, const uint64_t *key, size_t n, int most)
{
	int cuts = 0;

	for (int q = 1; q < most && n > 0; q++)
	{
		size_t at = (size_t) ((double) n * q / most);
		float v = value_of(key[at]);

		if (v > value_of(key[0]) && (cuts == 0 || v > cut[cuts - 1]))
			cut[cuts++] = v;
	}
	return cuts;
}

static uint8_t
code_of(float v, const float *cut, int cuts)
{
	int lo = 0, hi = cuts;

	if (isnan(v))
		return 0;
	while (lo < hi)
	{
		int mid = (lo + hi) / 2;

		if (v >= cut[mid])
			lo = mid + 1;
		else
			hi = mid;
	}
	return (uint8_t) lo;
}

size_t
bmc_bins_bytes(size_t n, size_t width, int most)
{
	/* codes and cuts; while a column is sorted, keys and payloads twice */
	return bmc_add(bmc_add(bmc_mul(n, width), bmc_mul(width, (size_t) most * sizeof(float) + 8)),
				   bmc_mul(n, 2 * (sizeof(uint64_t) + sizeof(uint32_t)))) +
		   4096;
}

BmStatus
bmc_bins(BmBins *b, const float *x, size_t n, size_t width, int most, BmMem *mem,
		 const BmStop *stop)
{
	uint64_t *key = bmc_alloc(mem, n ? n : 1, sizeof(uint64_t));
	uint32_t *payload = bmc_alloc0(mem, n ? n : 1, sizeof(uint32_t));
	BmStatus status = BM_OK;

	*b = (BmBins){.n = n, .width = width, .most = most};
	b->code = bmc_alloc(mem, bmc_mul(n ? n : 1, width), 1);
	b->cut = bmc_alloc(mem, bmc_mul(width, (size_t) most), sizeof(float));
	b->cuts = bmc_alloc(mem, width, sizeof(int));
	if (!key || !payload || !b->code || !b->cut || !b->cuts)
		status = BM_ENOMEM;
	for (size_t c = 0; status == BM_OK && c < width; c++)
	{
		float *cut = b->cut + c * (size_t) (most - 1);
		size_t known = 0;

		for (size_t i = 0; i < n; i++)
			if (!isnan(x[i * width + c]))
				key[known++] = sortable(x[i * width + c]);
		status = bmc_sort_u64_until(key, payload, known, mem, stop);
		if (status != BM_OK)
			break;
		b->cuts[c] = make_cuts(cut, key, known, most);
		for (size_t i = 0; i < n; i++)
			b->code[c * n + i] = code_of(x[i * width + c], cut, b->cuts[c]);
	}
	bmc_free(mem, payload);
	bmc_free(mem, key);
	return status;
}

void
bmc_bins_free(BmBins *b, BmMem *mem)
{
	bmc_free(mem, b->cuts);
	bmc_free(mem, b->cut);
	bmc_free(mem, b->code);
	memset(b, 0, sizeof(*b));
}
