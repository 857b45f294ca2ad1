/*
 * algorithm_ease.c
 *		The entry of "ease": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmEaseOptions, field)

static const BmOptionSpec options[] = {
	{"lambda", BM_OPT_FLOAT, AT(lambda), "300", 1e-3, 1e7, NULL,
	 "Ridge penalty: 50 to 200 for sparse data, 300 to 1000 for dense."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.7", 0, 1, NULL,
	 "Each older event of the history counts by this factor less."},
	{"top", BM_OPT_INT, AT(top), "200", 0, 1000000, NULL,
	 "Largest coefficients kept of an item; 0 keeps all."},
	{"last", BM_OPT_INT, AT(last), "50", 1, 100000, NULL, "Newest events of a history that count."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {
	"{\"lambda\": 100, \"gamma\": 0.7}", "{\"lambda\": 1000, \"gamma\": 0.7}",
	"{\"lambda\": 300, \"gamma\": 0.85}", "{\"lambda\": 500, \"gamma\": 0.7}", NULL};

/* Cholesky factor and inverse of an (N,N) matrix: N^3 multiply-adds. */
static double
work(const BmFitSize *size, const void *options)
{
	double n = (double) size->nitems;

	return 2.0 * n * n * n;
}

const BmAlgorithm bm_algorithm_ease = {
	.name = "ease",
	.task = "recommend",
	.summary = "Linear item-to-item regression in closed form (EASE); strong on catalogues up to "
			   "about 20,000 items.",
	.core = &bmc_ease,
	.options = options,
	.grid = grid,
	.work = work,
};
