/*
 * sasrec.h
 *		SASRec (Kang and McAuley 2018) trained with a softmax loss: a causal Transformer over a user's
 *		items; shared item embedding, learned positions counted from the end, pre-norm blocks.
 */
#ifndef BM_SASREC_H
#define BM_SASREC_H

#include "core/num/recommender.h"

/*
 * Defaults, to be settled by who knows the data:
 *
 *	option     over 40 events a user   fewer   why
 *	length     200                     50      films against shops
 *	dropout    0.2                     0.5     Beauty, valid NDCG@10: 0.5 .0672, 0.2 .0642
 *	blocks     2                       1
 *	batch      64                      128     more steps in an epoch of few long windows
 *	negatives  0 (all) up to 5,000 items, 512 above: an epoch of Beauty takes .8 s instead of 10 s
 *	dim 64, heads 1, hidden 0 (= dim), learning_rate 0.001, beta2 0.98, weight_decay 0, clip 0, epochs 200
 */
typedef struct BmSasrecOptions
{
	int dim; /* D: width, a multiple of heads */
	int blocks;
	int heads;
	int hidden;    /* feed-forward width; 0 = dim */
	int length;    /* newest events that count */
	int batch;     /* users in a batch */
	int epochs;    /* at most */
	int negatives; /* shared sampled negatives; 0 = softmax over all items; -1 = choose by size */
	double dropout;
	double learning_rate;
	double beta2; /* Adam */
	double weight_decay;
	double clip; /* gradient norm; 0 = off */
} BmSasrecOptions;

extern const BmRecommender bmc_sasrec;

#endif
