/*
 * Sequence and row pattern kernels: events a second on one core, and patterns on which backtracking
 * takes exponential time. Run by bench/sequence.sh.
 */
#include <time.h>

#include "../test/unit/unit.h"
#include "core/mine/row_match.h"
#include "core/mine/sequence_match.h"
#include "core/num/rng.h"

#define ROUNDS 5

/* Seconds of this process's own work: others on the machine do not count. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static BmSequencePattern
parsed(const char *text)
{
	BmSequencePattern p;
	BmPatternError error;

	if (bmc_sequence_parse(&p, text, strlen(text), 4, &error) != BM_OK)
	{
		fprintf(stderr, "%s: %s\n", text, error.what);
		exit(1);
	}
	return p;
}

/* n events of four conditions, about two minutes apart. */
static uint64_t *
random_events(size_t n)
{
	uint64_t *events = malloc(n * 16);
	BmRng rng = bmc_rng(1, 2);
	int64_t t = 0;

	for (size_t i = 0; i < n; i++)
	{
		t += bmc_rng_below(&rng, 240) * INT64_C(1000000);
		events[2 * i] = (uint64_t) t;
		events[2 * i + 1] = BM_NO_CONDITION ^ bmc_condition_bit((int) bmc_rng_below(&rng, 4));
	}
	return events;
}

/* Count matches user by user, best of some rounds. */
static void
count_speed(const char *text, uint64_t within, const uint64_t *events, size_t n, size_t a_user)
{
	BmSequencePattern p = parsed(text);
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	double best = 1e9;
	uint64_t sum = 0;

	p.within = within;
	for (int round = 0; round < ROUNDS; round++)
	{
		double begin = now(), seconds;

		sum = 0;
		for (size_t u = 0; u < n; u += a_user)
		{
			uint64_t count;

			bmc_sequence_count(&count, &p, events + 2 * u, n - u < a_user ? n - u : a_user,
							   UINT64_MAX, mem, NULL);
			sum += count;
		}
		seconds = now() - begin;
		best = seconds < best ? seconds : best;
	}
	printf("%-44s %5.0f M events/s   (%zu events a user, %llu matches)\n", text,
		   (double) n / best / 1e6, a_user, (unsigned long long) sum);
}

static void
row_speed(const char *text, const uint64_t *rows, size_t n, size_t a_user)
{
	static const char *const name[] = {"A", "B", "C", "D"};
	static const size_t len[] = {1, 1, 1, 1};
	const BmRowNames names = {name, len, 4};
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRowProgram program;
	BmPatternError error;
	double best = 1e9;
	uint64_t sum = 0;

	if (bmc_row_parse(&program, text, strlen(text), &names, mem, &error) != BM_OK)
		exit(1);
	for (int round = 0; round < ROUNDS; round++)
	{
		double begin = now(), seconds;

		sum = 0;
		for (size_t u = 0; u < n; u += a_user)
		{
			BmRowSearch *s = bmc_row_search(&program, rows + 2 * u, n - u < a_user ? n - u : a_user,
											UINT64_MAX, false, mem, NULL);
			BmRowMatch match;

			while (bmc_row_next(s, &match) == BM_OK && match.n > 0)
				sum++;
			bmc_row_search_free(s);
		}
		seconds = now() - begin;
		best = seconds < best ? seconds : best;
	}
	bmc_row_free(&program, mem);
	printf("%-44s %5.1f M rows/s     (%zu rows a user, %llu matches)\n", text,
		   (double) n / best / 1e6, a_user, (unsigned long long) sum);
}

/* Time for n events of one condition and twice as many: 2 is linear. */
static void
adversarial(const char *text, size_t n)
{
	BmSequencePattern p = parsed(text);
	uint64_t *events = random_events(2 * n), count;
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	double seconds[2] = {1e9, 1e9};

	for (size_t i = 0; i < 2 * n; i++)
		events[2 * i + 1] = BM_NO_CONDITION ^ bmc_condition_bit(0);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t twice = 0; twice < 2; twice++)
		{
			double begin = now(), took;

			bmc_sequence_count(&count, &p, events, n << twice, UINT64_MAX, mem, NULL);
			took = now() - begin;
			seconds[twice] = took < seconds[twice] ? took : seconds[twice];
		}
	printf("%-44s %zu events: %.1f ms, twice as many: %.1f ms, ratio %.2f (2 is linear; "
		   "ClickHouse gives up after 1,000,000 steps)\n",
		   text, n, seconds[0] * 1e3, seconds[1] * 1e3, seconds[1] / seconds[0]);
	free(events);
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000000;
	uint64_t *events = random_events(n);

	count_speed("(?1)(?2)", UINT64_MAX, events, n, 100);
	count_speed("(?1).*(?2).*(?3)", UINT64_MAX, events, n, 100);
	count_speed("(?1).*(?2).*(?3)", UINT64_MAX, events, n, n);
	count_speed("(?1)(?t<=600)(?2)(?t<=600)(?3)", UINT64_MAX, events, n, 100);
	count_speed("(?1)(?t>=60)(?t<=600)(?2).*(?3)", UINT64_MAX, events, n, 100);
	count_speed("(?1).*(?2).*(?3)", 600 * UINT64_C(1000000), events, n, 100);
	printf("wanted: at least 50 M events/s, then 100\n");
	row_speed("A B+ C", events, n, 100);
	row_speed("(A | B)+? C D{2,}", events, n, 100);
	row_speed("PERMUTE(A, B, C, D)", events, n, 100);
	adversarial("(?1).*(?1).*(?1).*(?1).*(?1).*(?1).*(?2)", 2000000);
	adversarial("(?1)(?t<=9999)(?1)(?t>=9)(?1)(?t<=9999)(?2)", 2000000);
	free(events);
	return 0;
}
