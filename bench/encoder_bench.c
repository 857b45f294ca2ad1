/*
 * encoder_bench.c
 *		Fitting and applying an encoder on a frame in memory: ten numbers, four columns of keys, two booleans,
 *		a time. Prints "core_fit seconds" and "core_encode seconds"; one thread.
 *
 *		encoder_bench rows
 */
#include <time.h>

#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/row_encoder.h"

#define COLUMNS 17

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

static BmColumnKind
kind_of(int j)
{
	return j < 10   ? BM_COLUMN_NUMBER
		   : j < 14 ? BM_COLUMN_KEY
		   : j < 16 ? BM_COLUMN_BOOL
					: BM_COLUMN_TIME;
}

static void
fill(BmFrame *f, int j)
{
	static const uint32_t categories[] = {6, 21, 20001, 4};
	BmColumn *c = &f->column[j];
	BmRng rng = bmc_rng(1, (uint64_t) j);

	for (size_t i = 0; i < f->n; i++)
	{
		char text[16];
		int len;

		if (c->kind == BM_COLUMN_NUMBER)
			c->number[i] =
				j == 4 && bmc_rng_below(&rng, 10) == 0 ? NAN : bmc_rng_double(&rng) * 100;
		else if (c->kind == BM_COLUMN_BOOL)
			c->boolean[i] = (uint8_t) bmc_rng_below(&rng, 2);
		else if (c->kind == BM_COLUMN_TIME)
			c->time[i] = (int64_t) (bmc_rng_double(&rng) * 300 * 86400e6);
		else
		{
			len = snprintf(text, sizeof(text), "k%u", bmc_rng_below(&rng, categories[j - 10]));
			if (bmc_dict_put_bytes(&c->dict, text, (size_t) len, &c->code[i]) != BM_OK)
				exit(1);
		}
	}
}

int
main(int argc, char **argv)
{
	size_t n = argc > 1 ? (size_t) atol(argv[1]) : 1000000;
	UnitHeap heap;
	BmMem *mem = unit_heap(&heap);
	BmColumn column[COLUMNS] = {0};
	BmColumnSpec spec[COLUMNS];
	BmEncoderFit fit = {.classes = 2};
	float *y = malloc(n * sizeof(float)), *x;
	BmRowEncoder e;
	BmFrame f;
	double at;

	for (int j = 0; j < COLUMNS; j++)
	{
		column[j].name = "c";
		column[j].kind = kind_of(j);
		spec[j] = bmc_column_spec();
	}
	if (bmc_frame_init(&f, column, COLUMNS, NULL, mem) != BM_OK || bmc_frame_grow(&f, n) != BM_OK)
		return 1;
	f.n = n;
	for (int j = 0; j < COLUMNS; j++)
		fill(&f, j);
	for (size_t i = 0; i < n; i++)
		y[i] = i % 5 == 0;
	fit.y = y;
	at = now();
	if (bmc_encoder_fit(&e, &f, spec, &fit, mem) != BM_OK)
		return 1;
	printf("core_fit %.3f\n", now() - at);
	x = malloc(n * e.width * sizeof(float));
	memset(x, 1, n * e.width * sizeof(float)); /* the pages are there, as in training */
	at = now();
	if (bmc_encoder_apply(x, NULL, &e, &f, NULL, n, false, mem, NULL, NULL) != BM_OK)
		return 1;
	printf("core_encode %.3f\n", now() - at);
	return 0;
}
