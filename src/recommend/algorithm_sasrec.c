/*
 * algorithm_sasrec.c
 *		The entry of "sasrec": options, adaptation to the data's size, cost.
 */
#include "pg/pg.h"

#include "recommend/next_item_options.h"

static const BmOptionSpec options[] = {
	{"dim", BM_OPT_INT, BM_NEXT_AT(dim), "64", 4, 1024, NULL,
	 "Width of the embeddings; a multiple of \"heads\"."},
	{"blocks", BM_OPT_INT, BM_NEXT_AT(blocks), "0", 0, 16, NULL,
	 "Transformer blocks; 0 means by the data: 1 for short histories, 2 for long ones."},
	{"heads", BM_OPT_INT, BM_NEXT_AT(heads), "1", 1, 64, NULL, "Attention heads of a block."},
	{"hidden", BM_OPT_INT, BM_NEXT_AT(hidden), "0", 0, 4096, NULL,
	 "Width of the feed-forward layer; 0 means \"dim\"."},
	BM_NEXT_BATCH_OPTIONS,
	BM_NEXT_TRAIN_OPTIONS,
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static void
settle(void *options, const BmFitSize *size)
{
	BmNextOptions *o = options;

	if (o->blocks == 0)
		o->blocks = bm_next_long_history(size) ? 2 : 1;
	bm_next_settle(options, size);
}

static double
work(const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;
	double D = o->dim, F = o->hidden > 0 ? o->hidden : D;

	return bm_next_work(size, o, o->blocks * (24.0 * D * D + 12.0 * D * F + 8.0 * D * o->length));
}

const BmAlgorithm bm_algorithm_sasrec = {
	.name = "sasrec",
	.task = "recommend",
	.summary =
		"A causal Transformer over the user's items (SASRec), trained with a softmax over all "
		"items or shared negatives.",
	.core = &bmc_sasrec,
	.options = options,
	.space = "{\"blocks\": [1, 2], " BM_NEXT_SPACE "}",
	.network = true,
	.settle = settle,
	.work = work,
};
