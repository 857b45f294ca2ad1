/*
 * itemset_store.c
 *		Itemsets that were found: growing compressed rows, their order, and an index by content.
 */
#include <stdlib.h>
#include <string.h>

#include "core/mine/itemset.h"
#include "core/num/rng.h"
#include "core/num/sort.h"

#define STOP_EVERY 65536
#define INSERTION 16

void
bmc_itemsets_init(BmItemsets *s, BmMem *mem)
{
	memset(s, 0, sizeof(*s));
	s->mem = mem;
}

void
bmc_itemsets_free(BmItemsets *s)
{
	bmc_free(s->mem, s->start);
	bmc_free(s->mem, s->item);
	bmc_free(s->mem, s->count);
	bmc_free(s->mem, s->slot);
	bmc_itemsets_init(s, s->mem);
}

/* ---- growing ---- */

static BmStatus
reserve_rows(BmItemsets *s)
{
	size_t capacity = s->capacity ? bmc_mul(2, s->capacity) : 256;
	size_t *start = bmc_realloc(s->mem, s->start, bmc_add(capacity, 1), sizeof(size_t));
	uint32_t *count;

	if (start == NULL)
		return BM_ENOMEM;
	s->start = start;
	if (s->n == 0)
		start[0] = 0;
	count = bmc_realloc(s->mem, s->count, capacity, sizeof(uint32_t));
	if (count == NULL)
		return BM_ENOMEM;
	s->count = count;
	s->capacity = capacity;
	return BM_OK;
}

static BmStatus
reserve_items(BmItemsets *s, size_t wanted)
{
	size_t capacity = bmc_add(bmc_add(s->item_capacity, s->item_capacity / 2), 1024);
	uint32_t *item;

	if (capacity < wanted)
		capacity = wanted;
	item = bmc_realloc(s->mem, s->item, capacity, sizeof(uint32_t));
	if (item == NULL)
		return BM_ENOMEM;
	s->item = item;
	s->item_capacity = capacity;
	return BM_OK;
}

static int
compare_codes(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* The search takes items rarest first, so the reverse is nearly sorted. */
static void
copy_sorted(uint32_t *to, const uint32_t *from, uint32_t n)
{
	bool sorted = true;

	for (uint32_t i = 0; i < n; i++)
	{
		to[i] = from[n - 1 - i];
		sorted = sorted && (i == 0 || to[i - 1] < to[i]);
	}
	if (sorted)
		return;
	if (n > INSERTION)
	{
		qsort(to, n, sizeof(uint32_t), compare_codes);
		return;
	}
	for (uint32_t i = 1; i < n; i++)
	{
		uint32_t x = to[i], j = i;

		for (; j > 0 && to[j - 1] > x; j--)
			to[j] = to[j - 1];
		to[j] = x;
	}
}

BmStatus
bmc_itemsets_put(BmItemsets *s, const uint32_t *item, uint32_t length, uint32_t count)
{
	size_t at;
	BmStatus status;

	if (s->n == s->capacity && (status = reserve_rows(s)) != BM_OK)
		return status;
	at = s->start[s->n];
	if (length > s->item_capacity - at && (status = reserve_items(s, at + length)) != BM_OK)
		return status;
	copy_sorted(s->item + at, item, length);
	s->count[s->n++] = count;
	s->start[s->n] = at + length;
	return BM_OK;
}

void
bmc_itemsets_compact(BmItemsets *s, const bool *keep)
{
	size_t n = 0, at = 0;

	for (size_t i = 0; i < s->n; i++)
	{
		size_t from = s->start[i], length = s->start[i + 1] - from;

		if (!keep[i])
			continue;
		memmove(s->item + at, s->item + from, length * sizeof(uint32_t));
		s->count[n] = s->count[i];
		s->start[n++] = at; /* n <= i: start[i + 1] is still to be read */
		at += length;
	}
	s->n = n;
	if (s->start)
		s->start[n] = at;
}

/* ---- order ---- */

/* Codes of two itemsets of one length. */
static inline bool
codes_before(const BmItemsets *s, uint32_t a, uint32_t b)
{
	const uint32_t *x = s->item + s->start[a], *y = s->item + s->start[b];
	uint32_t length = bmc_itemset_length(s, a);

	for (uint32_t i = 0; i < length; i++)
		if (x[i] != y[i])
			return x[i] < y[i];
	return false;
}

/* Merge sort of row numbers by codes, bottom up; other (n) is scratch. */
static BmStatus
sort_run(const BmItemsets *s, uint32_t *row, uint32_t *other, size_t n, const BmStop *stop)
{
	uint32_t *from = row, *to = other;
	size_t work = 0;

	for (size_t width = 1; width < n; width *= 2)
	{
		uint32_t *t;

		for (size_t lo = 0; lo < n; lo += 2 * width)
		{
			size_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
			size_t a = lo, b = mid;

			for (size_t i = lo; i < hi; i++)
				to[i] = b >= hi || (a < mid && !codes_before(s, from[b], from[a])) ? from[a++]
																				   : from[b++];
			work += hi - lo;
			if (work > STOP_EVERY)
			{
				if (bmc_stop(stop))
					return BM_ESTOP;
				work = 0;
			}
		}
		t = from;
		from = to;
		to = t;
	}
	if (from != row)
		memcpy(row, from, n * sizeof(uint32_t));
	return BM_OK;
}

/* Of every row: support and length as a number that is the smaller the better, and the row. */
static void
sort_keys(uint64_t *key, uint32_t *row, const BmItemsets *s)
{
	for (size_t i = 0; i < s->n; i++)
	{
		key[i] = (uint64_t) (UINT32_MAX - s->count[i]) << 32 | bmc_itemset_length(s, i);
		row[i] = (uint32_t) i;
	}
}

/* row (n) becomes the order: radix sort by (support, length), then each run of equals by codes. */
static BmStatus
sorted_rows(const BmItemsets *s, uint64_t *key, uint32_t *row, uint32_t *other, const BmStop *stop)
{
	BmStatus status;

	sort_keys(key, row, s);
	status = bmc_sort_u64_until(key, row, s->n, s->mem, stop);
	for (size_t a = 0, b, work = 0; a < s->n && status == BM_OK; a = b)
	{
		for (b = a + 1; b < s->n && key[b] == key[a]; b++)
			;
		status = sort_run(s, row + a, other, b - a, stop);
		work += b - a;
		if (status == BM_OK && work > STOP_EVERY)
		{
			work = 0;
			status = bmc_stop(stop) ? BM_ESTOP : BM_OK;
		}
	}
	return status;
}

/* The rows of from in the order of row, into to. */
static BmStatus
copy_rows(BmItemsets *to, const BmItemsets *from, const uint32_t *row, const BmStop *stop)
{
	size_t at = 0;

	to->start = bmc_alloc(from->mem, from->n + 1, sizeof(size_t));
	to->item = bmc_alloc(from->mem, from->start[from->n], sizeof(uint32_t));
	to->count = bmc_alloc(from->mem, from->n, sizeof(uint32_t));
	if (to->start == NULL || to->item == NULL || to->count == NULL)
		return BM_ENOMEM;
	to->capacity = from->n;
	to->item_capacity = from->start[from->n];
	for (size_t i = 0; i < from->n; i++)
	{
		uint32_t length = bmc_itemset_length(from, row[i]);

		memcpy(to->item + at, from->item + from->start[row[i]], length * sizeof(uint32_t));
		to->count[i] = from->count[row[i]];
		to->start[i] = at;
		at += length;
		if (i % STOP_EVERY == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	to->n = from->n;
	to->start[to->n] = at;
	return BM_OK;
}

BmStatus
bmc_itemsets_sort(BmItemsets *s, const BmStop *stop)
{
	uint64_t *key;
	uint32_t *row, *other;
	BmItemsets sorted;
	BmStatus status = BM_ENOMEM;

	if (s->n < 2)
		return BM_OK;
	if (s->n >= BM_NONE)
		return BM_ELIMIT;
	bmc_itemsets_init(&sorted, s->mem);
	key = bmc_alloc(s->mem, s->n, sizeof(uint64_t));
	row = bmc_alloc(s->mem, s->n, sizeof(uint32_t));
	other = bmc_alloc(s->mem, s->n, sizeof(uint32_t));
	if (key && row && other)
		status = sorted_rows(s, key, row, other, stop);
	bmc_free(s->mem, key);
	bmc_free(s->mem, other);
	if (status == BM_OK)
		status = copy_rows(&sorted, s, row, stop);
	bmc_free(s->mem, row);
	if (status != BM_OK)
	{
		bmc_itemsets_free(&sorted);
		return status;
	}
	bmc_itemsets_free(s);
	*s = sorted;
	return BM_OK;
}

/* ---- index ---- */

static inline uint64_t
hash_codes(const uint32_t *item, uint32_t length)
{
	uint64_t h = length;

	for (uint32_t i = 0; i < length; i++)
		h = (h ^ item[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return bmc_mix64(h);
}

BmStatus
bmc_itemsets_index(BmItemsets *s, const BmStop *stop)
{
	size_t nslots = 16;

	if (s->n >= BM_NONE)
		return BM_ELIMIT;
	while (nslots < 2 * s->n)
		nslots *= 2;
	s->slot = bmc_alloc(s->mem, nslots, sizeof(uint32_t));
	if (s->slot == NULL)
		return BM_ENOMEM;
	s->nslots = nslots;
	memset(s->slot, 0xff, nslots * sizeof(uint32_t)); /* BM_NONE */
	for (size_t i = 0; i < s->n; i++)
	{
		size_t at = hash_codes(s->item + s->start[i], bmc_itemset_length(s, i)) & (nslots - 1);

		while (s->slot[at] != BM_NONE)
			at = (at + 1) & (nslots - 1);
		s->slot[at] = (uint32_t) i;
		if (i % STOP_EVERY == 0 && bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

uint32_t
bmc_itemsets_find(const BmItemsets *s, const uint32_t *item, uint32_t length)
{
	size_t at = hash_codes(item, length) & (s->nslots - 1);

	for (; s->slot[at] != BM_NONE; at = (at + 1) & (s->nslots - 1))
	{
		size_t i = s->slot[at];

		if (bmc_itemset_length(s, i) == length &&
			memcmp(s->item + s->start[i], item, length * sizeof(uint32_t)) == 0)
			return (uint32_t) i;
	}
	return BM_NONE;
}
