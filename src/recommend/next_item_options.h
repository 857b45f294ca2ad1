/*
 * next_item_options.h
 *		What the entries of the networks of core/nn/next_item.h share: the options of training, and how
 *		defaults follow the data.
 */
#ifndef BM_NEXT_ITEM_OPTIONS_H
#define BM_NEXT_ITEM_OPTIONS_H

#include "core/nn/next_item.h"
#include "recommend/algorithms.h"

#define BM_NEXT_AT(field) offsetof(BmNextOptions, field)

/* Epochs that early stopping usually needs; for the estimate of cost only. */
#define BM_NEXT_USUAL_EPOCHS 40.0

/* Rows of an option table: sizes of batches, then what follows a network's own options. */
/* clang-format off */
#define BM_NEXT_BATCH_OPTIONS \
	{"length", BM_OPT_INT, BM_NEXT_AT(length), "0", 0, 4096, NULL, \
	 "Newest events of a history that count; 0 means by the data: 50, or 200 for long ones."}, \
	{"batch", BM_OPT_INT, BM_NEXT_AT(batch), "0", 0, 65536, NULL, \
	 "Histories of one step; 0 means by the data: 128, or 32 for long histories."}, \
	{"epochs", BM_OPT_INT, BM_NEXT_AT(epochs), "200", 1, 100000, NULL, \
	 "At most so many passes over the users; early stopping usually ends sooner."}

#define BM_NEXT_TRAIN_OPTIONS \
	{"negatives", BM_OPT_INT, BM_NEXT_AT(negatives), "-1", -1, 1000000, NULL, \
	 "Shared sampled negatives of a step; 0 means softmax over all items, -1 by the catalogue."}, \
	{"alpha", BM_OPT_FLOAT, BM_NEXT_AT(alpha), "0", 0, 1, NULL, \
	 "Negatives are drawn in proportion to this power of an item's events; 0 means evenly."}, \
	{"logq", BM_OPT_FLOAT, BM_NEXT_AT(logq), "0", 0, 1, NULL, \
	 "How much of a negative's chance to be drawn is taken out of its score; 1 means all."}, \
	{"dropout", BM_OPT_FLOAT, BM_NEXT_AT(dropout), "-1", -1, 0.95, NULL, \
	 "Share of activations dropped in training; -1 means by the data: 0.5, or 0.2 for long ones."}, \
	{"learning_rate", BM_OPT_FLOAT, BM_NEXT_AT(learning_rate), "0.002", 1e-7, 1, NULL, \
	 "Step size of Adam."}, \
	{"beta2", BM_OPT_FLOAT, BM_NEXT_AT(beta2), "0.98", 0, 0.99999, NULL, \
	 "Decay of Adam's second moment."}, \
	{"weight_decay", BM_OPT_FLOAT, BM_NEXT_AT(weight_decay), "0", 0, 1, NULL, \
	 "Decoupled weight decay of the dense layers."}, \
	{"clip", BM_OPT_FLOAT, BM_NEXT_AT(clip), "0", 0, 1e6, NULL, \
	 "Largest norm of a step's gradient; 0 means no limit."}, \
	BM_HALF_LIFE_OPTION(BM_NEXT_AT(half_life_days))
/* clang-format on */

/* Where behav_tune looks by itself: {..., BM_NEXT_SPACE}. */
#define BM_NEXT_SPACE                                                                              \
	"\"dim\": [32, 64, 128], \"dropout\": {\"range\": [0.1, 0.6]}, "                               \
	"\"learning_rate\": {\"log\": [0.0005, 0.005]}"

/* Whether users have more than twenty events on average. */
extern bool bm_next_long_history(const BmFitSize *size);
/* length, batch, dropout and negatives that mean "by the data"; BmAlgorithm.settle of most networks. */
extern void bm_next_settle(void *options, const BmFitSize *size);
/* Operations of one fit when the network itself costs so many an event, its loss left out. */
extern double bm_next_work(const BmFitSize *size, const BmNextOptions *o, double event);

#endif
