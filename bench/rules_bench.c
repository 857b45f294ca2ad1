/*
 * rules_bench.c
 *		Mining alone: rules_bench file support confidence. The file has a basket a line, items separated
 *		by commas. Prints the rules with one item on the right and the seconds from numbered baskets.
 */
#include <time.h>

#include "unit.h"
#include "core/mine/rule.h"
#include "core/num/dict.h"

#define MOST ((size_t) 1 << 24)

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* Baskets of the file, items numbered by descending support. */
static BmSparse
read_baskets(FILE *f, BmMem *mem)
{
	static char line[1 << 22];
	BmSparse b = {0, 0, malloc(MOST * sizeof(size_t)), malloc(MOST * sizeof(uint32_t)), NULL};
	size_t n = 0;
	uint32_t *count, *code;
	BmDict d;

	bmc_dict_init(&d, BM_KEY_BYTES, mem);
	while (fgets(line, sizeof(line), f))
	{
		char *rest = line;

		line[strcspn(line, "\n")] = '\0';
		b.start[b.rows++] = n;
		for (char *item; (item = strsep(&rest, ",")) != NULL; n++)
			bmc_dict_put_bytes(&d, item, strlen(item), &b.col[n]);
	}
	b.start[b.rows] = n;
	b.cols = d.view.n;
	count = calloc(b.cols, sizeof(uint32_t));
	code = malloc(b.cols * sizeof(uint32_t));
	for (size_t e = 0; e < n; e++)
		count[b.col[e]]++;
	bmc_dict_order(&d, count, NULL, code);
	for (size_t r = 0; r < b.rows; r++)
	{
		for (size_t e = b.start[r]; e < b.start[r + 1]; e++)
			b.col[e] = code[b.col[e]];
		qsort(b.col + b.start[r], b.start[r + 1] - b.start[r], sizeof(uint32_t), compare);
	}
	free(count), free(code);
	bmc_dict_free(&d);
	return b;
}

int
main(int argc, char **argv)
{
	FILE *f = argc == 4 ? fopen(argv[1], "r") : NULL;
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmItemsetOptions io = {BM_ITEMSETS_ALL, 1, 1, UINT32_MAX, 0, 0, BM_ENGINE_AUTO};
	BmRuleOptions o = {0, 0, 0, UINT32_MAX, 1};
	BmItemsets sets;
	BmRules rules;
	BmSparse b;
	double start;

	if (f == NULL)
	{
		fprintf(stderr, "usage: rules_bench file support confidence\n");
		return 2;
	}
	b = read_baskets(f, mem);
	io.min_support = (uint32_t) strtoul(argv[2], NULL, 10);
	o.baskets = (uint32_t) b.rows;
	o.min_confidence = strtod(argv[3], NULL);
	start = now();
	if (bmc_itemsets_mine(&sets, &b, &io, mem, NULL) != BM_OK ||
		bmc_itemsets_index(&sets, NULL) != BM_OK ||
		bmc_rules_make(&rules, &sets, &o, mem, NULL) != BM_OK)
		return 1;
	printf("rules: %zu seconds: %.4f itemsets: %zu\n", rules.n, now() - start, sets.n);
	return 0;
}
