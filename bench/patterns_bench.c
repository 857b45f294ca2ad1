/*
 * patterns_bench.c
 *		Mining alone, without a server: patterns of an SPMF file, their number and the best seconds.
 *
 *	patterns_bench FILE MINSUP [kind=all|closed|maximal] [top=K] [maxgap=N] [maxwin=N] [repeats=N]
 *		[details=1]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/mine/pattern.h"

static void *
get(void *arg, size_t bytes)
{
	return malloc(bytes);
}

static void
put(void *arg, void *block)
{
	free(block);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* One item an element; -1 ends an element, -2 a sequence. */
static void
read_file(BmSequenceSet *set, const char *path)
{
	FILE *in = fopen(path, "r");
	size_t n = 0, sequences = 0, capacity = 1 << 20;
	uint32_t *item = malloc(capacity * sizeof(uint32_t));
	size_t *start = malloc(capacity * sizeof(size_t));
	long v;

	memset(set, 0, sizeof(*set));
	if (!in)
	{
		perror(path);
		exit(2);
	}
	start[0] = 0;
	while (fscanf(in, "%ld", &v) == 1)
	{
		if (n + 2 >= capacity || sequences + 2 >= capacity)
		{
			capacity *= 2;
			item = realloc(item, capacity * sizeof(uint32_t));
			start = realloc(start, capacity * sizeof(size_t));
		}
		if (v >= 0)
		{
			item[n++] = (uint32_t) v;
			if ((uint32_t) v >= set->nitems)
				set->nitems = (uint32_t) v + 1;
		}
		else if (v == -2)
			start[++sequences] = n;
	}
	fclose(in);
	set->n = sequences;
	set->start = start;
	set->item = item;
}

static void
argument(BmMineOptions *o, int *repeats, bool *details, const char *a)
{
	const char *value = strchr(a, '=');
	long n = value ? atol(value + 1) : 0;

	if (strcmp(a, "kind=closed") == 0)
		o->kind = BM_PATTERNS_CLOSED;
	else if (strcmp(a, "kind=maximal") == 0)
		o->kind = BM_PATTERNS_MAXIMAL;
	else if (strncmp(a, "top=", 4) == 0)
		o->top = (size_t) n;
	else if (strncmp(a, "maxgap=", 7) == 0)
		o->limits.max_gap = n;
	else if (strncmp(a, "maxwin=", 7) == 0)
		o->limits.max_window = n;
	else if (strncmp(a, "repeats=", 8) == 0)
		*repeats = (int) n;
	else if (strncmp(a, "details=", 8) == 0)
		*details = n > 0;
	else if (strcmp(a, "kind=all") != 0)
	{
		fprintf(stderr, "unknown argument %s\n", a);
		exit(2);
	}
}

/* As behav_patterns does for its other columns. */
static bool
find_details(const BmPatterns *found, const BmPatternDb *db, const BmMineOptions *o, BmMem *mem)
{
	BmPatternDetail *detail = malloc((found->n + 1) * sizeof(BmPatternDetail));
	uint32_t *example = malloc((3 * found->n + 1) * sizeof(uint32_t));
	BmStatus status =
		bmc_pattern_details(detail, example, 3, NULL, found, db, &o->limits, mem, NULL);

	free(example);
	free(detail);
	return status == BM_OK;
}

int
main(int argc, char **argv)
{
	BmMem mem = {get, put, NULL, 0, 0, 0};
	BmMineOptions o = {.max_length = UINT32_MAX, .limits = BM_NO_LIMITS};
	BmSequenceSet set;
	double best = 1e9;
	size_t patterns = 0, supports = 0, peak = 0;
	uint32_t least = 0;
	int repeats = 1;
	bool details = false;

	if (argc < 3)
		return 2;
	read_file(&set, argv[1]);
	o.min_support = (uint32_t) atol(argv[2]);
	for (int i = 3; i < argc; i++)
		argument(&o, &repeats, &details, argv[i]);
	for (int r = 0; r < repeats; r++)
	{
		double began = seconds(), took;
		BmPatternDb db;
		BmPatterns found;

		bmc_patterns_init(&found, &mem);
		mem.peak = mem.used;
		if (bmc_pattern_db_build(&db, &set, o.min_support, NULL, &mem, NULL) != BM_OK ||
			bmc_patterns_mine(&found, &db, &o, &mem, NULL) != BM_OK)
			return 1;
		if (details && !find_details(&found, &db, &o, &mem))
			return 1;
		took = seconds() - began;
		best = took < best ? took : best;
		patterns = found.n;
		supports = 0;
		for (size_t i = 0; i < found.n; i++)
			supports += found.pattern[i].support;
		least = found.n > 0 ? found.pattern[found.n - 1].support : 0;
		peak = mem.peak;
		bmc_patterns_free(&found);
		bmc_pattern_db_free(&db, &mem);
	}
	printf("%zu patterns, supports %zu, least %u, %.1f MB, %.4f s\n", patterns, supports, least,
		   (double) peak / 1048576.0, best);
	return 0;
}
