/*
 * algorithm_bpr.c
 *		The entry of "bpr": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/bpr.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmBprOptions, field)

static const BmOptionSpec options[] = {
	{"factors", BM_OPT_INT, AT(factors), "64", 1, BM_BPR_MAX_FACTORS, NULL,
	 "Width of the users' and items' vectors; items have a bias besides."},
	{"epochs", BM_OPT_INT, AT(epochs), "60", 1, 100000, NULL,
	 "Passes of as many samples as there are pairs of user and item."},
	{"learning_rate", BM_OPT_FLOAT, AT(learning_rate), "0.05", 1e-7, 10, NULL, "Size of a step."},
	{"regularization", BM_OPT_FLOAT, AT(regularization), "0.01", 0, 10, NULL,
	 "Penalty on the length of the vectors."},
	{"negatives", BM_OPT_ENUM, AT(negatives), "uniform", 0, 0, "uniform|popular|warp",
	 "Items drawn against: any, as often as they occur, or the first that is ranked too high."},
	{"tries", BM_OPT_INT, AT(tries), "10", 1, 1000, NULL, "warp: draws for such an item."},
	{"unobserved", BM_OPT_FLOAT, AT(unobserved), "0.01", 1e-6, 1e3, NULL,
	 "Weight of what a user did not touch when a history is folded in."},
	{"ridge", BM_OPT_FLOAT, AT(ridge), "10", 1e-8, 1e6, NULL,
	 "Penalty on a folded-in user; a very large one makes it the sum of the history's vectors."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.9", 0, 1, NULL,
	 "Each older event of the history counts by this factor less when answers are made."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Folded in by recent taste, as sparse and sequential data want, or by everything, as dense data do. */
static const char *const grid[] = {"{\"gamma\": 0.8, \"ridge\": 10}",
								   "{\"gamma\": 0.8, \"ridge\": 10, \"negatives\": \"popular\"}",
								   "{\"gamma\": 0.9, \"ridge\": 10, \"learning_rate\": 0.1}",
								   "{\"gamma\": 1, \"ridge\": 1000}", NULL};

/* A sample: two products of vectors, three rows moved; warp draws more. */
static double
work(const BmFitSize *size, const void *options)
{
	const BmBprOptions *o = options;
	double rows = o->negatives == BM_BPR_WARP ? 8.0 + 2.0 * o->tries : 10.0;

	return o->epochs * (double) size->nnz * rows * (2.0 * o->factors + 100.0);
}

const BmAlgorithm bm_algorithm_bpr = {
	.name = "bpr",
	.task = "recommend",
	.summary = "Matrix factorisation trained to rank what users touched above what they did not "
			   "(BPR, WARP); users folded in at every answer.",
	.core = &bmc_bpr,
	.options = options,
	.grid = grid,
	.on_request = true,
	.work = work,
};
