/*
 * algorithm_als.c
 *		The entry of "als": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/als.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmAlsOptions, field)

static const BmOptionSpec options[] = {
	{"factors", BM_OPT_INT, AT(factors), "64", 1, BM_ALS_MAX_FACTORS, NULL,
	 "Width of the users' and items' vectors."},
	{"iterations", BM_OPT_INT, AT(iterations), "15", 1, 1000, NULL,
	 "Sweeps over all users and all items."},
	{"unobserved", BM_OPT_FLOAT, AT(unobserved), "0.1", 1e-6, 1e3, NULL,
	 "Weight of what a user did not touch, beside 1 for what they did."},
	{"regularization", BM_OPT_FLOAT, AT(regularization), "0.01", 1e-8, 1e6, NULL,
	 "Penalty on the length of the vectors; the option that matters most."},
	{"activity", BM_OPT_FLOAT, AT(activity), "1", 0, 4, NULL,
	 "How the penalty grows with a user's or item's events: 0 not at all, 1 in proportion."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.9", 0, 1, NULL,
	 "Each older event of the history counts by this factor less when answers are made."},
	{"solver", BM_OPT_ENUM, AT(solver), "auto", 0, 0, "auto|cholesky|cg",
	 "Exact rows, or three steps of conjugate gradients; auto takes these above 32 factors."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {
	"{\"unobserved\": 0.1, \"regularization\": 0.01, \"gamma\": 0.9}",
	"{\"unobserved\": 0.1, \"regularization\": 0.03, \"gamma\": 0.9}",
	"{\"unobserved\": 0.3, \"regularization\": 0.01, \"gamma\": 0.9}",
	"{\"unobserved\": 0.3, \"regularization\": 0.003, \"gamma\": 0.9}",
	"{\"unobserved\": 0.1, \"regularization\": 0.03, \"gamma\": 1}",
	"{\"unobserved\": 0.03, \"regularization\": 0.03, \"gamma\": 0.9}",
	"{\"unobserved\": 0.03, \"regularization\": 0.003, \"gamma\": 0.9}",
	NULL};

/* Per sweep: the rows' matrices or their products with four vectors, on both sides; the solutions. */
static double
work(const BmFitSize *size, const void *options)
{
	const BmAlsOptions *o = options;
	double d = o->factors, rows = (double) size->nusers + (double) size->nitems;
	bool exact = o->solver == BM_ALS_CHOLESKY || (o->solver == BM_ALS_AUTO && d <= 32);

	return o->iterations * (exact ? 4.0 * d * d * ((double) size->nnz + rows * d / 4.0)
								  : 64.0 * d * ((double) size->nnz + rows * d / 8.0));
}

const BmAlgorithm bm_algorithm_als = {
	.name = "als",
	.task = "recommend",
	.summary = "Matrix factorisation of what users touched (implicit ALS); vectors for users and "
			   "items, users folded in at every answer.",
	.core = &bmc_als,
	.options = options,
	.grid = grid,
	.work = work,
};
