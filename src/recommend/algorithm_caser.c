/*
 * algorithm_caser.c
 *		The entry of "caser": options, cost.
 */
#include "pg/pg.h"

#include "recommend/next_item_options.h"

static const BmOptionSpec options[] = {
	{"dim", BM_OPT_INT, BM_NEXT_AT(dim), "64", 4, 1024, NULL, "Width of the embeddings."},
	{"window", BM_OPT_INT, BM_NEXT_AT(kernel), "5", 1, 32, NULL,
	 "Newest events that the filters see."},
	{"filters", BM_OPT_INT, BM_NEXT_AT(filters), "16", 1, 256, NULL,
	 "Horizontal filters of each height from 1 to \"window\"."},
	{"vertical", BM_OPT_INT, BM_NEXT_AT(vertical), "4", 1, 256, NULL, "Vertical filters."},
	BM_NEXT_BATCH_OPTIONS,
	BM_NEXT_TRAIN_OPTIONS,
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static double
work(const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;
	double D = o->dim, K = o->kernel, C = o->filters, V = o->vertical;

	return bm_next_work(size, o,
						3.0 * K * (K + 1.0) * D * C + 6.0 * D * (K * V + K * C + (V + 2.0) * D));
}

const BmAlgorithm bm_algorithm_caser = {
	.name = "caser",
	.task = "recommend",
	.summary =
		"Horizontal and vertical convolutions over the newest events (Caser), trained as sasrec "
		"is.",
	.core = &bmc_caser,
	.options = options,
	.space = "{\"window\": [3, 5, 8], " BM_NEXT_SPACE "}",
	.on_request = true,
	.network = true,
	.settle = bm_next_settle,
	.work = work,
};
