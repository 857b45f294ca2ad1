/*
 * sort.c
 *		Events into (user, time) order: a counting sort by user, then a sort inside each user, which
 *		is skipped where the events already are in order. And an LSD radix sort of 64-bit keys.
 */
#include <string.h>

#include "core/num/sort.h"

#define INSERTION 24
#define STOP_EVERY 65536

typedef struct Keys
{
	const int64_t *time;
	const uint64_t *tie;
} Keys;

/* Total order: time, tie, arrival. */
static inline bool
before(const Keys *k, uint32_t a, uint32_t b)
{
	if (k->time[a] != k->time[b])
		return k->time[a] < k->time[b];
	if (k->tie && k->tie[a] != k->tie[b])
		return k->tie[a] < k->tie[b];
	return a < b;
}

static void
insertion_sort(uint32_t *a, size_t n, const Keys *k)
{
	for (size_t i = 1; i < n; i++)
	{
		uint32_t x = a[i];
		size_t j = i;

		for (; j > 0 && before(k, x, a[j - 1]); j--)
			a[j] = a[j - 1];
		a[j] = x;
	}
}

static void
heap_down(uint32_t *a, size_t at, size_t n, const Keys *k)
{
	uint32_t x = a[at];

	for (size_t c; (c = 2 * at + 1) < n; at = c)
	{
		if (c + 1 < n && before(k, a[c], a[c + 1]))
			c++;
		if (!before(k, x, a[c]))
			break;
		a[at] = a[c];
	}
	a[at] = x;
}

static void
heap_sort(uint32_t *a, size_t n, const Keys *k)
{
	for (size_t i = n / 2; i-- > 0;)
		heap_down(a, i, n, k);
	for (size_t i = n; i-- > 1;)
	{
		uint32_t x = a[0];

		a[0] = a[i];
		a[i] = x;
		heap_down(a, 0, i, k);
	}
}

/* Quicksort with a median of three; depth bounded, then heap sort (Musser 1997). */
static void
intro_sort(uint32_t *a, size_t n, const Keys *k, int depth)
{
	while (n > INSERTION)
	{
		size_t m = n / 2, i = 0, j = n - 1;
		uint32_t p, t;

		if (depth-- == 0)
		{
			heap_sort(a, n, k);
			return;
		}
		p = before(k, a[0], a[m]) ? (before(k, a[m], a[j])   ? a[m]
									 : before(k, a[0], a[j]) ? a[j]
															 : a[0])
								  : (before(k, a[0], a[j])   ? a[0]
									 : before(k, a[m], a[j]) ? a[j]
															 : a[m]);
		for (;; i++, j--)
		{
			while (before(k, a[i], p))
				i++;
			while (before(k, p, a[j]))
				j--;
			if (i >= j)
				break;
			t = a[i];
			a[i] = a[j];
			a[j] = t;
		}
		intro_sort(a, i, k, depth);
		a += i;
		n -= i;
	}
	insertion_sort(a, n, k);
}

static bool
in_order(const uint32_t *a, size_t n, const Keys *k)
{
	for (size_t i = 1; i < n; i++)
		if (before(k, a[i], a[i - 1]))
			return false;
	return true;
}

BmStatus
bmc_sort_events(uint32_t *order, size_t *start, const uint32_t *user, const int64_t *time,
				const uint64_t *tie, size_t n, size_t nusers, BmMem *mem, const BmStop *stop)
{
	Keys keys = {time, tie};
	size_t *at;

	if (n >= BM_NONE)
		return BM_ELIMIT;
	at = bmc_alloc0(mem, nusers + 2, sizeof(size_t));
	if (at == NULL)
		return BM_ENOMEM;
	for (size_t e = 0; e < n; e++)
		at[user[e] + 2]++;
	for (size_t u = 2; u < nusers + 2; u++)
		at[u] += at[u - 1];
	for (size_t e = 0; e < n; e++)
		order[at[user[e] + 1]++] = (uint32_t) e;
	memcpy(start, at, (nusers + 1) * sizeof(size_t));
	bmc_free(mem, at);
	for (size_t u = 0, since = 0; u < nusers; u++)
	{
		size_t m = start[u + 1] - start[u];
		int depth = 0;

		if (!in_order(order + start[u], m, &keys))
		{
			for (size_t x = m; x > 1; x /= 2)
				depth += 2;
			intro_sort(order + start[u], m, &keys, depth);
		}
		since += m + 1;
		if (since > STOP_EVERY)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			since = 0;
		}
	}
	return BM_OK;
}

BmStatus
bmc_sort_u64_until(uint64_t *key, uint32_t *payload, size_t n, BmMem *mem, const BmStop *stop)
{
	uint64_t *key2 = bmc_alloc(mem, n, sizeof(uint64_t)), *k = key, *k2 = key2;
	uint32_t *payload2 = bmc_alloc(mem, n, sizeof(uint32_t)), *p = payload, *p2 = payload2;
	BmStatus status = BM_OK;

	if (key2 == NULL || payload2 == NULL)
	{
		bmc_free(mem, key2);
		bmc_free(mem, payload2);
		return BM_ENOMEM;
	}
	for (int shift = 0; shift < 64 && status == BM_OK; shift += 8)
	{
		size_t count[257] = {0};
		void *t;

		for (size_t i = 0; i < n; i++)
			count[(k[i] >> shift & 255) + 1]++;
		if (n > 0 && count[(k[0] >> shift & 255) + 1] == n)
			continue; /* this byte is the same everywhere */
		for (int b = 0; b < 256; b++)
			count[b + 1] += count[b];
		for (size_t i = 0; i < n; i++)
		{
			size_t to = count[k[i] >> shift & 255]++;

			k2[to] = k[i];
			p2[to] = p[i];
		}
		t = k;
		k = k2;
		k2 = t;
		t = p;
		p = p2;
		p2 = t;
		status = bmc_stop(stop) ? BM_ESTOP : BM_OK;
	}
	if (k != key)
	{
		memcpy(key, k, n * sizeof(uint64_t));
		memcpy(payload, p, n * sizeof(uint32_t));
	}
	bmc_free(mem, key2);
	bmc_free(mem, payload2);
	return status;
}

BmStatus
bmc_sort_u64(uint64_t *key, uint32_t *payload, size_t n, BmMem *mem)
{
	return bmc_sort_u64_until(key, payload, n, mem, NULL);
}
