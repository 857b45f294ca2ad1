/*
 * funnel_kernel.c
 *		Events a second of the funnel kernel alone, in memory, on one core: events of 100 a user in
 *		order of time, for each mode; sorting shuffled ones; all events as one user's.
 *
 * usage: funnel_kernel [events] [rounds]     default 20,000,000 events, best of 5
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mine/entries.h"
#include "core/mine/funnel.h"
#include "core/num/rng.h"

#define USER_EVENTS 100
#define STEPS 4

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* Sessions of a shop: most events view, some cart, few buy; others match nothing and are not kept. */
static void
fill(uint64_t *e, size_t n, size_t user_events)
{
	BmRng rng = bmc_rng(3, 1);
	int64_t time = 0;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t r = bmc_rng_below(&rng, 100);
		int step = r < 70 ? 0 : r < 85 ? 1 : r < 95 ? 2 : 3;

		time = i % user_events == 0 ? 0
									: time + (int64_t) bmc_rng_below(&rng, 4) * 1000000 *
												 (bmc_rng_below(&rng, 10) == 0 ? 20000 : 60);
		e[2 * i] = (uint64_t) time;
		e[2 * i + 1] = BM_FUNNEL_NOTHING ^ bmc_funnel_bit(step);
	}
}

/* Every user's events in the order that the kernel wants, ties included. */
static void
order(uint64_t *e, size_t n, size_t user_events)
{
	uint64_t *held = malloc(user_events * 16), *scratch = malloc(user_events * 16);

	for (size_t i = 0; i < n; i += user_events)
	{
		memcpy(held, e + 2 * i, user_events * 16);
		bmc_entries_sort(e + 2 * i, held, user_events, 2, scratch, NULL);
	}
	free(held), free(scratch);
}

/* Sum of levels over users of user_events events each. */
static long
levels(const BmFunnel *f, const uint64_t *e, size_t n, size_t user_events, int64_t *times,
	   void *scratch)
{
	long sum = 0;
	int level;

	for (size_t i = 0; i < n; i += user_events)
	{
		if (bmc_funnel(&level, times, f, e + 2 * i, user_events, scratch, NULL) != BM_OK)
			exit(2);
		sum += level;
	}
	return sum;
}

static void
bench(const char *name, const BmFunnel *f, const uint64_t *e, size_t n, size_t user_events,
	  bool with_times, int rounds, const char *wanted)
{
	void *scratch = malloc(bmc_funnel_scratch(f, with_times) + 8);
	int64_t times[BM_MAX_STEPS];
	double best = 1e9;
	long sum = 0;

	for (int r = 0; r < rounds; r++)
	{
		double t = now();

		sum = levels(f, e, n, user_events, with_times ? times : NULL, scratch);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("%-34s %7.1f M events/s (sum of levels %ld)%s\n", name, (double) n / best / 1e6, sum,
		   wanted);
	free(scratch);
}

static void
bench_sort(const uint64_t *e, size_t n, int rounds, const BmFunnel *f)
{
	uint64_t *shuffled = malloc(n * 16), *sorted = malloc(n * 16),
			 *scratch = malloc(USER_EVENTS * 16);
	BmRng rng = bmc_rng(4, 4);
	double best = 1e9;

	memcpy(shuffled, e, n * 16);
	for (size_t u = 0; u < n; u += USER_EVENTS)
		for (uint32_t i = USER_EVENTS - 1; i > 0; i--)
		{
			uint64_t *a = shuffled + 2 * (u + i),
					 *b = shuffled + 2 * (u + bmc_rng_below(&rng, i + 1)), held[2];

			memcpy(held, a, 16);
			memmove(a, b, 16);
			memcpy(b, held, 16);
		}
	for (int r = 0; r < rounds; r++)
	{
		double t = now();

		for (size_t u = 0; u < n; u += USER_EVENTS)
			bmc_entries_sort(sorted + 2 * u, shuffled + 2 * u, USER_EVENTS, 2, scratch, NULL);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("%-34s %7.1f M events/s (%s)\n", "sort of shuffled users", (double) n / best / 1e6,
		   levels(f, sorted, n, USER_EVENTS, NULL, NULL) == levels(f, e, n, USER_EVENTS, NULL, NULL)
			   ? "the same levels"
			   : "DIFFERENT LEVELS");
	free(shuffled), free(sorted), free(scratch);
}

int
main(int argc, char **argv)
{
	size_t n = (argc > 1 ? (size_t) atol(argv[1]) : 20000000) / USER_EVENTS * USER_EVENTS;
	int rounds = argc > 2 ? atoi(argv[2]) : 5;
	uint64_t *e = malloc(n * 16);
	/* a window that few users convert in: the scan must look at every event */
	BmFunnel f = {.steps = STEPS, .within = INT64_C(60000000)};
	int64_t gap[STEPS] = {0, 600000000, 600000000, 600000000};

	if (e == NULL || n == 0)
		return 2;
	fill(e, n, USER_EVENTS);
	order(e, n, USER_EVENTS);
	bench("default", &f, e, n, USER_EVENTS, false, rounds, ", wanted at least 50 (then 100)");
	f.modes = BM_FUNNEL_INCREASE;
	bench("strict_increase", &f, e, n, USER_EVENTS, false, rounds,
		  ", wanted at least 50 (then 100)");
	f.modes = BM_FUNNEL_ONCE;
	bench("strict_once", &f, e, n, USER_EVENTS, false, rounds, "");
	f.modes = BM_FUNNEL_ORDER;
	bench("strict_order", &f, e, n, USER_EVENTS, false, rounds, "");
	f.modes = BM_FUNNEL_DEDUP;
	bench("strict_dedup", &f, e, n, USER_EVENTS, false, rounds, "");
	f.modes = BM_FUNNEL_ANY;
	bench("any_order", &f, e, n, USER_EVENTS, false, rounds, "");
	f.modes = 0;
	bench("times", &f, e, n, USER_EVENTS, true, rounds, "");
	f.gap = gap;
	bench("maximal gaps", &f, e, n, USER_EVENTS, false, rounds, "");
	bench_sort(e, n, rounds, &(BmFunnel){.steps = STEPS, .within = INT64_C(60000000)});
	fill(e, n, n);
	order(e, n, n);
	f.gap = NULL;
	f.steps = STEPS + 1; /* a step that never comes: to the end */
	bench("one user, default", &f, e, n, n, false, rounds, ", wanted at least 50 (then 100)");
	free(e);
	return 0;
}
