/*
 * algorithm_popular.c
 *		The entries of "popular" and of "trending", which is popular at several half-lives: options, grids.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmPopularOptions, field)

static const BmOptionSpec popular_options[] = {
	{"half_life_days", BM_OPT_FLOAT, AT(half_life_days), "30", 0, 1e6, NULL,
	 "An event counts half as much when it is older by so many days; 0 means no decay."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const popular_grid[] = {"{\"half_life_days\": 30}", "{\"half_life_days\": 7}",
										   "{\"half_life_days\": 90}", "{\"half_life_days\": 0}",
										   NULL};

static const BmOptionSpec trending_options[] = {
	{"hour", BM_OPT_FLOAT, AT(trend[0]), "1", 0, 1e6, NULL,
	 "Weight of popularity with a half-life of an hour."},
	{"day", BM_OPT_FLOAT, AT(trend[1]), "1", 0, 1e6, NULL, "The same with a half-life of a day."},
	{"week", BM_OPT_FLOAT, AT(trend[2]), "1", 0, 1e6, NULL,
	 "The same with a half-life of seven days; all three 0 means no decay at all."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const trending_grid[] = {
	"{\"hour\": 1, \"day\": 1, \"week\": 1}", "{\"hour\": 1, \"day\": 0, \"week\": 0}",
	"{\"hour\": 0, \"day\": 1, \"week\": 0}", "{\"hour\": 0, \"day\": 0, \"week\": 1}", NULL};

const BmAlgorithm bm_algorithm_popular = {
	.name = "popular",
	.task = "recommend",
	.summary = "Items by time-decayed popularity, the same for everyone: the baseline.",
	.core = &bmc_popular,
	.options = popular_options,
	.grid = popular_grid,
};

const BmAlgorithm bm_algorithm_trending = {
	.name = "trending",
	.task = "recommend",
	.summary =
		"What is on the rise: popularity of the last hour, day and week in one, the same for "
		"everyone.",
	.core = &bmc_popular,
	.options = trending_options,
	.grid = trending_grid,
};
