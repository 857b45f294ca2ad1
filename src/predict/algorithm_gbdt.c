/*
 * algorithm_gbdt.c
 *		The entry of "gbdt": options, grid, and whether XGBoost is here.
 */
#include "pg/pg.h"

#include "core/stat/gbdt.h"
#include "predict/algorithms_rows.h"

extern char *bm_xgboost_library; /* setting behavmine.xgboost_library */

#define AT(field) offsetof(BmGbdtOptions, field)

static const BmOptionSpec options[] = {
	{"rounds", BM_OPT_INT, AT(rounds), "500", 1, 100000, NULL,
	 "At most so many trees, of each class one; the best number on validation is kept."},
	{"depth", BM_OPT_INT, AT(depth), "4", 1, 20, NULL, "Most questions of a tree on one path."},
	{"eta", BM_OPT_FLOAT, AT(learning_rate), "0.05", 1e-4, 1, NULL,
	 "Share of each tree that is taken: smaller needs more rounds and is often better."},
	{"min_child_weight", BM_OPT_FLOAT, AT(min_child_weight), "1", 0, 1e9, NULL,
	 "Least sum of curvature in a leaf: larger keeps trees from following single rows."},
	{"subsample", BM_OPT_FLOAT, AT(subsample), "0.8", 0.01, 1, NULL,
	 "Share of the rows that each tree sees."},
	{"colsample", BM_OPT_FLOAT, AT(colsample), "0.8", 0.01, 1, NULL,
	 "Share of the features that each tree sees."},
	{"l1", BM_OPT_FLOAT, AT(l1), "0", 0, 1e9, NULL, "Absolute penalty on the leaves."},
	{"lambda", BM_OPT_FLOAT, AT(l2), "1", 0, 1e9, NULL, "Squared penalty on the leaves."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0", 0, 1e9, NULL, "Least gain of a split."},
	{"bins", BM_OPT_INT, AT(bins), "256", 2, 65535, NULL, "Steps into which each feature is cut."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {"{\"depth\": 4, \"eta\": 0.05}",
								   "{\"depth\": 6, \"eta\": 0.05, \"min_child_weight\": 5}",
								   "{\"depth\": 2, \"eta\": 0.1}", NULL};

/* The library is no option of a caller's: its name comes from a setting that only a superuser changes. */
static void
settle(void *options, const BmFitSize *size)
{
	((BmGbdtOptions *) options)->library = bm_xgboost_library;
}

static double
work(const BmFitSize *size, const void *options)
{
	const BmGbdtOptions *o = options;
	double K = size->classes > 2 ? (double) size->classes : 1.0;

	return 20.0 * o->rounds * K * o->depth * (double) size->nsamples * (double) size->width;
}

static const char *
unavailable(void)
{
	char *error = palloc(256);

	return bmc_gbdt_unavailable(bm_xgboost_library, error, 256);
}

const BmAlgorithm bm_algorithm_gbdt = {
	.name = "gbdt",
	.task = "predict",
	.summary = "Gradient-boosted trees, fitted by XGBoost where its library is installed; answers "
			   "need no library.",
	.predictor = &bmc_gbdt,
	.classifies = true,
	.regresses = true,
	.staged = true,
	.options = options,
	.grid = grid,
	.settle = settle,
	.work = work,
	.unavailable = unavailable,
};
