/*
 * algorithm_next_basket.c
 *		The entry of "next_basket": options, grid.
 */
#include "pg/pg.h"

#include "core/num/topk.h"
#include "core/rec/next_basket.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmNextBasketOptions, field)

static const BmOptionSpec options[] = {
	{"neighbours", BM_OPT_INT, AT(neighbours), "300", 1, BM_MAX_K, NULL,
	 "Nearest users whose baskets count."},
	{"groups", BM_OPT_INT, AT(groups), "7", 1, 100000, NULL,
	 "A user's baskets, by time, are cut into so many groups."},
	{"within", BM_OPT_FLOAT, AT(within), "0.9", 1e-6, 1, NULL,
	 "Each older basket of a group counts by this factor less."},
	{"between", BM_OPT_FLOAT, AT(between), "0.8", 1e-6, 1, NULL,
	 "Each older group counts by this factor less."},
	{"own", BM_OPT_FLOAT, AT(own), "0.4", 0, 1, NULL,
	 "Part of the user's own baskets in a score; the rest is the nearest users'."},
	{"gap_minutes", BM_OPT_FLOAT, AT(gap_minutes), "30", 0, 1e9, NULL,
	 "A longer pause ends a basket; 0 makes one only of events of the same time."},
	{"distance", BM_OPT_ENUM, AT(distance), "cosine", 0, 0, "euclidean|cosine",
	 "Which users are near: by the difference of their baskets, or by their angle."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {
	"{\"own\": 0.4, \"between\": 0.8}", "{\"own\": 0.1, \"between\": 0.7}",
	"{\"own\": 0.7, \"between\": 0.9}",
	"{\"own\": 0.7, \"between\": 0.7, \"distance\": \"euclidean\"}", NULL};

const BmAlgorithm bm_algorithm_next_basket = {
	.name = "next_basket",
	.task = "recommend",
	.summary = "The next basket: what the user buys again and again, and what the nearest users do "
			   "(TIFU-kNN).",
	.core = &bmc_next_basket,
	.options = options,
	.grid = grid,
	.on_request = true,
};
