/*
 * algorithm_session_knn.c
 *		The entry of "session_knn": options, grid.
 */
#include "pg/pg.h"

#include "core/num/topk.h"
#include "core/rec/session_knn.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmSessionKnnOptions, field)

static const BmOptionSpec options[] = {
	{"neighbours", BM_OPT_INT, AT(neighbours), "500", 1, BM_MAX_K, NULL,
	 "Nearest past sessions that vote."},
	{"index", BM_OPT_INT, AT(index), "5000", 1, 1e9, NULL,
	 "Newest sessions that each item remembers; older ones are never neighbours."},
	{"last", BM_OPT_INT, AT(last), "20", 1, 256, NULL,
	 "Newest distinct items of a history that count."},
	{"gap_minutes", BM_OPT_FLOAT, AT(gap_minutes), "30", 0, 1e9, NULL,
	 "A longer pause ends a session; 0 makes a user's whole history one session."},
	{"weight", BM_OPT_ENUM, AT(weight), "linear", 0, 0, "linear|stan",
	 "linear: by place and rarity; stan: by place, age and distance."},
	{"l1", BM_OPT_FLOAT, AT(l1), "0", 0, 1e6, NULL,
	 "stan: places over which an item of the history fades; 0 is half of last."},
	{"l2_days", BM_OPT_FLOAT, AT(l2_days), "40", 1e-3, 1e6, NULL,
	 "stan: days over which a past session fades."},
	{"l3", BM_OPT_FLOAT, AT(l3), "2.5", 1e-3, 1e6, NULL,
	 "stan: places over which a neighbour's items fade, from the newest shared one."},
	{"repeats", BM_OPT_BOOL, AT(repeats), "false", 0, 0, NULL,
	 "May the newest item itself be the answer? For next clicks, where the same item often "
	 "follows."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {
	"{\"weight\": \"linear\", \"gap_minutes\": 30}",
	"{\"weight\": \"stan\", \"gap_minutes\": 30}",
	"{\"weight\": \"linear\", \"gap_minutes\": 0, \"last\": 10}",
	"{\"weight\": \"stan\", \"gap_minutes\": 0, \"last\": 10}",
	"{\"weight\": \"linear\", \"gap_minutes\": 30, \"repeats\": true}",
	"{\"weight\": \"stan\", \"gap_minutes\": 30, \"repeats\": true}",
	NULL};

const BmAlgorithm bm_algorithm_session_knn = {
	.name = "session_knn",
	.task = "recommend",
	.summary = "What came in the past sessions most like the newest events (V-SKNN, STAN); made "
			   "for visitors without an account.",
	.core = &bmc_session_knn,
	.options = options,
	.grid = grid,
};
