/*
 * sasrec.h
 *		SASRec (Kang and McAuley 2018) trained with a softmax loss: a causal Transformer over a user's
 *		items; shared item embedding, learned positions counted from the end, pre-norm blocks.
 */
#ifndef BM_SASREC_H
#define BM_SASREC_H

#include "core/num/recommender.h"

/* Defaults and what is settled by the data's size: src/recommend/algorithm_sasrec.c. */
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
