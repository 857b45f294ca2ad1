/*
 * next_item.h
 *		Networks that predict a user's next item from the order of what came before, all trained,
 *		stored and served the same way: SASRec (Kang and McAuley 2018), GRU (Hidasi et al. 2016), Caser
 *		(Tang and Wang 2018) and NextItNet (Yuan et al. 2019).
 */
#ifndef BM_NEXT_ITEM_H
#define BM_NEXT_ITEM_H

#include "core/num/recommender.h"

typedef enum BmNextLoss
{
	BM_LOSS_SOFTMAX = 0, /* cross-entropy over all items, or over shared negatives */
	BM_LOSS_BPR_MAX      /* Hidasi and Karatzoglou 2018; needs negatives */
} BmNextLoss;

/* Defaults and what is settled by the data's size: src/recommend/algorithm_<name>.c. */
typedef struct BmNextOptions
{
	int dim;       /* D: width of items and states; of SASRec a multiple of heads */
	int blocks;    /* layers of the network */
	int heads;     /* SASRec */
	int hidden;    /* SASRec: feed-forward width; GRU: width of the state; 0 = dim */
	int length;    /* newest events that count */
	int batch;     /* windows in a batch */
	int epochs;    /* at most */
	int negatives; /* shared sampled negatives; 0 = softmax over all items; -1 = choose by size */
	double dropout;
	double learning_rate;
	double beta2; /* Adam */
	double weight_decay;
	double clip;  /* gradient norm; 0 = off */
	double alpha; /* negatives are drawn as support^alpha; 0 = evenly */
	double logq;  /* share of -log(chance to be drawn) added to a negative's logit */
	int loss;     /* BmNextLoss */
	double bpreg; /* BPR-max: weight of the negatives' squared scores */
	int kernel;   /* NextItNet: taps of a convolution; Caser: newest events that its filters see */
	int filters;  /* Caser: horizontal filters of each height */
	int vertical; /* Caser: vertical filters */
	double half_life_days; /* the loss of an older target counts less; 0: as much */
} BmNextOptions;

extern const BmRecommender bmc_sasrec;
extern const BmRecommender bmc_gru;
extern const BmRecommender bmc_caser;
extern const BmRecommender bmc_nextitnet;

#endif
