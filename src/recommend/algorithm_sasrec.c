/*
 * algorithm_sasrec.c
 *		The entry of "sasrec": options, adaptation to the data's size, cost.
 */
#include "pg/pg.h"

#include "core/nn/next_item.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmNextOptions, field)

/* Epochs that early stopping usually needs; for the estimate of cost only. */
#define USUAL_EPOCHS 40.0
/* The softmax runs over all items up to this catalogue, over shared negatives above. */
#define FULL_SOFTMAX_ITEMS 5000
#define USUAL_NEGATIVES 512
/* Users with more events than this, on average, have long histories. */
#define LONG_HISTORY 20.0

static const BmOptionSpec options[] = {
	{"dim", BM_OPT_INT, AT(dim), "64", 4, 1024, NULL,
	 "Width of the embeddings; a multiple of \"heads\"."},
	{"blocks", BM_OPT_INT, AT(blocks), "0", 0, 16, NULL,
	 "Transformer blocks; 0 means by the data: 1 for short histories, 2 for long ones."},
	{"heads", BM_OPT_INT, AT(heads), "1", 1, 64, NULL, "Attention heads of a block."},
	{"hidden", BM_OPT_INT, AT(hidden), "0", 0, 4096, NULL,
	 "Width of the feed-forward layer; 0 means \"dim\"."},
	{"length", BM_OPT_INT, AT(length), "0", 0, 4096, NULL,
	 "Newest events of a history that count; 0 means by the data: 50, or 200 for long ones."},
	{"batch", BM_OPT_INT, AT(batch), "0", 0, 65536, NULL,
	 "Histories of one step; 0 means by the data: 128, or 32 for long histories."},
	{"epochs", BM_OPT_INT, AT(epochs), "200", 1, 100000, NULL,
	 "At most so many passes over the users; early stopping usually ends sooner."},
	{"negatives", BM_OPT_INT, AT(negatives), "-1", -1, 1000000, NULL,
	 "Shared sampled negatives of a step; 0 means softmax over all items, -1 by the catalogue."},
	{"dropout", BM_OPT_FLOAT, AT(dropout), "-1", -1, 0.95, NULL,
	 "Share of activations dropped in training; -1 means by the data: 0.5, or 0.2 for long ones."},
	{"learning_rate", BM_OPT_FLOAT, AT(learning_rate), "0.002", 1e-7, 1, NULL,
	 "Step size of Adam."},
	{"beta2", BM_OPT_FLOAT, AT(beta2), "0.98", 0, 0.99999, NULL, "Decay of Adam's second moment."},
	{"weight_decay", BM_OPT_FLOAT, AT(weight_decay), "0", 0, 1, NULL,
	 "Decoupled weight decay of the dense layers."},
	{"clip", BM_OPT_FLOAT, AT(clip), "0", 0, 1e6, NULL,
	 "Largest norm of a step's gradient; 0 means no limit."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static void
settle(void *options, const BmFitSize *size)
{
	BmNextOptions *o = options;
	double events = (double) size->nevents / Max((double) size->nusers, 1.0);
	bool long_history = events > LONG_HISTORY;

	if (o->length == 0)
		o->length = events > 2 * LONG_HISTORY ? 200 : 50;
	if (o->blocks == 0)
		o->blocks = long_history ? 2 : 1;
	if (o->batch == 0)
		o->batch = long_history ? 32 : 128;
	if (o->dropout < 0)
		o->dropout = long_history ? 0.2 : 0.5;
	if (o->negatives < 0)
		o->negatives = size->nitems <= FULL_SOFTMAX_ITEMS ? 0 : USUAL_NEGATIVES;
}

static double
work(const BmFitSize *size, const void *options)
{
	const BmNextOptions *o = options;
	double D = o->dim, F = o->hidden > 0 ? o->hidden : D;
	double targets = o->negatives > 0 ? o->negatives : (double) size->nitems;
	double token =
		6.0 * D * targets + o->blocks * (24.0 * D * D + 12.0 * D * F + 8.0 * D * o->length);
	double tokens = Min((double) size->nevents, (double) size->nusers * o->length);

	return token * tokens * Min((double) o->epochs, USUAL_EPOCHS);
}

const BmAlgorithm bm_algorithm_sasrec = {
	.name = "sasrec",
	.task = "recommend",
	.summary =
		"A causal Transformer over the user's items (SASRec), trained with a softmax over all "
		"items or shared negatives.",
	.core = &bmc_sasrec,
	.options = options,
	.network = true,
	.settle = settle,
	.work = work,
};
