/*
 * Top 10 of products against one pass over the same matrix at the memory's speed.
 *		scan_bench items width
 */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/num/panel.h"
#include "core/num/rng.h"
#include "core/num/vec.h"

#define K 10
#define RUNS 41

typedef struct Bench
{
	size_t N, D;
	float *E, *q;
	uint64_t *keep;
	BmPanel panel;
	void *scratch;
	uint32_t item[K];
	float score[K];
} Bench;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec * 1e3 + (double) t.tv_nsec * 1e-6;
}

static void
pass(Bench *b)
{
	static volatile double sink;

	sink = (double) bmc_max(b->E, b->N * b->D);
	(void) sink;
}

static void
exact(Bench *b)
{
	bmc_topk_dot(b->item, b->score, K, b->E, b->q, b->N, b->D, NULL);
}

static void
filtered(Bench *b)
{
	bmc_topk_dot(b->item, b->score, K, b->E, b->q, b->N, b->D, b->keep);
}

static void
panel(Bench *b)
{
	bmc_topk_panel(b->item, b->score, K, &b->panel, b->E, b->q, NULL, bmc_panel_level(),
				   b->scratch);
}

static int
by_time(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static void
new_query(Bench *b, int run)
{
	BmRng rng = bmc_rng(77, (uint64_t) run);

	for (size_t d = 0; d < b->D; d++)
		b->q[d] = (float) bmc_rng_normal(&rng);
}

/* Every way of one run after the other, so that all see the same machine. */
static void
measure(Bench *b)
{
	void (*way[4])(Bench *) = {pass, exact, filtered, panel};
	static const char *name[4] = {"one pass", "exact", "exact, filter keeps 10 %",
								  "int8, re-ranked"};
	double time[4][RUNS];
	int same = 0;

	for (int r = 0; r < RUNS; r++)
	{
		uint32_t want[K];

		new_query(b, r);
		for (int w = 0; w < 4; w++)
		{
			double begin = now();

			way[w](b);
			time[w][r] = now() - begin;
			if (w == 1)
				memcpy(want, b->item, sizeof(want));
		}
		same += memcmp(want, b->item, sizeof(want)) == 0;
	}
	for (int w = 0; w < 4; w++)
		qsort(time[w], RUNS, sizeof(double), by_time);
	for (int w = 0; w < 4; w++)
		printf("%9zu x %zu  %-26s p50 %7.3f ms  least %7.3f ms   of one pass: %.2f\n", b->N, b->D,
			   name[w], time[w][RUNS / 2], time[w][0], time[w][RUNS / 2] / time[0][RUNS / 2]);
	printf("%9zu x %zu  int8 gives the exact list in %d of %d queries\n", b->N, b->D, same, RUNS);
}

int
main(int argc, char **argv)
{
	Bench b = {.N = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000,
			   .D = argc > 2 ? strtoul(argv[2], NULL, 10) : 64};
	BmRng rng = bmc_rng(1, 1);
	int32_t *code = aligned_alloc(64, bmc_panel_words(b.N, b.D) * 4);
	float *scale = aligned_alloc(64, bmc_panel_scales(b.N) * 4), bound[2];

	b.E = aligned_alloc(64, b.N * b.D * 4 / 64 * 64 + 64);
	b.q = malloc(b.D * 4);
	b.keep = calloc(b.N / 64 + 1, 8);
	for (size_t i = 0; i < b.N * b.D; i++)
		b.E[i] = (float) bmc_rng_normal(&rng);
	for (size_t i = 0; i < b.N; i++)
		if (bmc_rng_below(&rng, 10) == 0)
			b.keep[i / 64] |= UINT64_C(1) << (i % 64);
	bmc_panel_fill(code, scale, bound, b.E, b.N, b.D);
	b.panel = (BmPanel){b.N, b.D, code, scale, bound[0], bound[1]};
	b.scratch = malloc(bmc_panel_scratch(b.D));
	measure(&b);
	return 0;
}
