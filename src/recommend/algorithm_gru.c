/*
 * algorithm_gru.c
 *		The entry of "gru": options, adaptation to the data's size, cost.
 */
#include "pg/pg.h"

#include "recommend/next_item_options.h"

static const BmOptionSpec options[] = {
	{"dim", BM_OPT_INT, BM_NEXT_AT(dim), "64", 4, 1024, NULL, "Width of the embeddings."},
	{"layers", BM_OPT_INT, BM_NEXT_AT(blocks), "1", 1, 8, NULL,
	 "Layers of recurrent units, one on the other."},
	{"hidden", BM_OPT_INT, BM_NEXT_AT(hidden), "0", 0, 4096, NULL,
	 "Width of the state; 0 means by the data: \"dim\", or three times that for long histories."},
	BM_NEXT_BATCH_OPTIONS,
	{"loss", BM_OPT_ENUM, BM_NEXT_AT(loss), "softmax", 0, 0, "softmax|bpr_max",
	 "Cross-entropy of the softmax, or BPR-max, which ranks the target above sampled negatives."},
	{"bpreg", BM_OPT_FLOAT, BM_NEXT_AT(bpreg), "1", 0, 1000, NULL,
	 "Of bpr_max: weight of the negatives' squared scores."},
	BM_NEXT_TRAIN_OPTIONS,
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static void
settle(void *options, const BmFitSize *size)
{
	BmNextOptions *o = options;

	if (o->hidden == 0)
		o->hidden = Min(bm_next_long_history(size) ? 3 * o->dim : o->dim, 4096);
	bm_next_settle(options, size);
}

static double
work(const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;
	double D = o->dim, F = o->hidden > 0 ? o->hidden : D;

	return bm_next_work(size, o, 18.0 * F * (D + F + (o->blocks - 1) * 2.0 * F) + 6.0 * D * F);
}

const BmAlgorithm bm_algorithm_gru = {
	.name = "gru",
	.task = "recommend",
	.summary =
		"Gated recurrent units over the user's items (GRU4Rec), trained with a softmax over all "
		"items or shared negatives, or with BPR-max.",
	.core = &bmc_gru,
	.options = options,
	.space = "{\"layers\": [1, 2], " BM_NEXT_SPACE "}",
	.on_request = true,
	.network = true,
	.settle = settle,
	.work = work,
};
