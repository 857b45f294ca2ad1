/*
 * algorithm_popular.c
 *		The entry of "popular": options, grid.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

static const BmOptionSpec options[] = {
	{"half_life_days", BM_OPT_FLOAT, offsetof(BmPopularOptions, half_life_days), "30", 0, 1e6, NULL,
	 "An event counts half as much when it is older by so many days; 0 means no decay."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {"{\"half_life_days\": 30}", "{\"half_life_days\": 7}",
								   "{\"half_life_days\": 90}", "{\"half_life_days\": 0}", NULL};

const BmAlgorithm bm_algorithm_popular = {
	.name = "popular",
	.task = "recommend",
	.summary = "Items by time-decayed popularity, the same for everyone: the baseline.",
	.core = &bmc_popular,
	.options = options,
	.grid = grid,
};
