/* Sorts against qsort. */
#include "unit.h"
#include "core/num/rng.h"
#include "core/num/sort.h"

#define N 20000

static const uint32_t *users;
static const int64_t *times;
static const uint64_t *ties;

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	if (users[x] != users[y])
		return users[x] < users[y] ? -1 : 1;
	if (times[x] != times[y])
		return times[x] < times[y] ? -1 : 1;
	if (ties && ties[x] != ties[y])
		return ties[x] < ties[y] ? -1 : 1;
	return x < y ? -1 : 1;
}

static void
test_events(size_t n, uint32_t nusers, int64_t span, bool with_tie, const char *name)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(n, nusers);
	uint32_t *user = malloc((n + 1) * 4), *order = malloc((n + 1) * 4), *want = malloc((n + 1) * 4);
	int64_t *time = malloc((n + 1) * 8);
	uint64_t *tie = malloc((n + 1) * 8);
	size_t *start = malloc((nusers + 1) * sizeof(size_t));

	CASE(name);
	for (size_t i = 0; i < n; i++)
	{
		user[i] = bmc_rng_below(&rng, nusers);
		time[i] = (int64_t) (bmc_rng_u64(&rng) % (uint64_t) span) - span / 2;
		tie[i] = bmc_rng_below(&rng, 3);
		want[i] = (uint32_t) i;
	}
	users = user, times = time, ties = with_tie ? tie : NULL;
	qsort(want, n, 4, compare);
	CHECK_INT(bmc_sort_events(order, start, user, time, ties, n, nusers, mem, NULL), BM_OK);
	for (size_t i = 0; i < n; i++)
		CHECK_INT(order[i], want[i]);
	CHECK_INT(start[0], 0);
	CHECK_INT(start[nusers], n);
	for (uint32_t u = 0; u < nusers; u++)
		for (size_t i = start[u]; i < start[u + 1]; i++)
			CHECK_INT(user[order[i]], u);
	CHECK_INT(h.live, 0);
	free(user), free(order), free(want), free(time), free(tie), free(start);
}

static bool
stop_now(void *arg)
{
	return true;
}

static void
test_u64(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(9, 9);
	uint64_t *key = malloc(N * 8), *copy = malloc(N * 8);
	uint32_t *payload = malloc(N * 4);

	CASE("radix sort of 64-bit keys is stable and moves the payload along");
	for (size_t i = 0; i < N; i++)
	{
		copy[i] = key[i] = bmc_rng_u64(&rng) >> (i % 64);
		payload[i] = (uint32_t) i;
	}
	CHECK_INT(bmc_sort_u64(key, payload, N, mem), BM_OK);
	for (size_t i = 0; i < N; i++)
	{
		CHECK(copy[payload[i]] == key[i]);
		if (i > 0)
			CHECK(key[i - 1] < key[i] || (key[i - 1] == key[i] && payload[i - 1] < payload[i]));
	}
	CHECK_INT(bmc_sort_u64(key, payload, 0, mem), BM_OK);
	CHECK_INT(bmc_sort_u64_until(copy, payload, N, mem, &(BmStop){stop_now, NULL}), BM_ESTOP);
	CHECK_INT(h.live, 0);
	free(key), free(copy), free(payload);
}

int
main(void)
{
	test_events(0, 3, 10, false, "no events");
	test_events(1, 1, 10, false, "one event");
	test_events(N, 1, 1000, false, "one user, many ties");
	test_events(N, 300, INT64_C(1) << 60, false, "wide times");
	test_events(N, 5000, 4, true, "ties broken by tie, then by arrival");
	test_u64();
	return unit_done();
}
