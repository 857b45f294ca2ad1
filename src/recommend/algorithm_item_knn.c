/*
 * algorithm_item_knn.c
 *		The entry of "item_knn": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmItemKnnOptions, field)

static const BmOptionSpec options[] = {
	{"weight", BM_OPT_ENUM, AT(weight), "cosine", 0, 0, "cosine|tfidf|bm25",
	 "How user-item pairs are weighted before the similarity."},
	{"shrink", BM_OPT_FLOAT, AT(shrink), "10", 0, 1e6, NULL,
	 "Added to the denominator: similarities that rest on few users shrink."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.8", 0, 1, NULL,
	 "Each older event of the history counts by this factor less."},
	{"top", BM_OPT_INT, AT(top), "300", 0, 1000000, NULL,
	 "Nearest neighbours kept of an item; 0 keeps all."},
	{"last", BM_OPT_INT, AT(last), "50", 1, 100000, NULL, "Newest events of a history that count."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {"{\"weight\": \"cosine\", \"shrink\": 10, \"gamma\": 0.8}",
								   "{\"weight\": \"cosine\", \"shrink\": 0, \"gamma\": 0.7}",
								   "{\"weight\": \"tfidf\", \"shrink\": 10, \"gamma\": 0.8}",
								   "{\"weight\": \"bm25\", \"shrink\": 0, \"gamma\": 0.8}", NULL};

static double
work(const BmFitSize *size, const void *options)
{
	double per_user = (double) size->nnz / Max((double) size->nusers, 1.0);

	return 30.0 * (double) size->nnz * per_user; /* long histories weigh more than the mean says */
}

const BmAlgorithm bm_algorithm_item_knn = {
	.name = "item_knn",
	.task = "recommend",
	.summary = "Items whose users are those of the history's items: cosine, TF-IDF or BM25 "
			   "neighbours.",
	.core = &bmc_item_knn,
	.options = options,
	.grid = grid,
	.work = work,
};
