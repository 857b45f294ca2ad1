/*
 * algorithm_nextitnet.c
 *		The entry of "nextitnet": options, adaptation to the data's size, cost.
 */
#include "pg/pg.h"

#include "recommend/next_item_options.h"

static const BmOptionSpec options[] = {
	{"dim", BM_OPT_INT, BM_NEXT_AT(dim), "64", 4, 1024, NULL, "Width of the embeddings."},
	{"blocks", BM_OPT_INT, BM_NEXT_AT(blocks), "0", 0, 8, NULL,
	 "Residual blocks of two convolutions, each with twice the dilation of the one before; 0 means "
	 "by the data: 2, or 3 for long histories."},
	{"kernel", BM_OPT_INT, BM_NEXT_AT(kernel), "3", 2, 16, NULL,
	 "Events that a convolution looks at."},
	BM_NEXT_BATCH_OPTIONS,
	BM_NEXT_TRAIN_OPTIONS,
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static void
settle(void *options, const BmFitSize *size)
{
	BmNextOptions *o = options;

	if (o->blocks == 0)
		o->blocks = bm_next_long_history(size) ? 3 : 2;
	bm_next_settle(options, size);
}

static double
work(const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;

	return bm_next_work(size, o, 12.0 * o->blocks * o->kernel * o->dim * o->dim);
}

const BmAlgorithm bm_algorithm_nextitnet = {
	.name = "nextitnet",
	.task = "recommend",
	.summary =
		"Dilated causal convolutions over the user's items (NextItNet), trained as sasrec is.",
	.core = &bmc_nextitnet,
	.options = options,
	.space = "{\"blocks\": [2, 3], " BM_NEXT_SPACE "}",
	.on_request = true,
	.network = true,
	.settle = settle,
	.work = work,
};
