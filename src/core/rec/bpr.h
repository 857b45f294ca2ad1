/*
 * bpr.h
 *		Bayesian personalised ranking of a matrix factorisation (Rendle, Freudenthaler, Gantner,
 *		Schmidt-Thieme 2009), with negatives by popularity, or those that violate the order most (WARP:
 *		Weston, Bengio, Usunier 2011).
 *
 * Sampled pairs (u, i), each with an item j that u has not touched, are moved along the gradient of
 * c_ui ln sigma(<w_u, h_i> + b_i - <w_u, h_j> - b_j) - reg (|w_u|^2 + |h_i|^2 + |h_j|^2) / 2, c the weight of
 * the pair over the mean weight. WARP draws j until <w_u, h_j> + b_j > <w_u, h_i> + b_i - 1, at most `tries`
 * times, and moves by ln(1 + (N - 1) / draws) / ln N: the rank that the number of draws speaks for.
 *
 * Answers fold the history in as ALS does (als_answer.c): w minimises sum over the history of
 * c (1 - <w, h>)^2 + a0 sum over all items of <w, h>^2 + lambda |w|^2, the bias being one factor more.
 * A large lambda makes it the plain sum of the history's vectors.
 */
#ifndef BM_BPR_H
#define BM_BPR_H

#include "core/rec/als.h"

#define BM_BPR_MAX_FACTORS (BM_ALS_MAX_FACTORS - 1)

typedef enum BmBprNegatives
{
	BM_BPR_UNIFORM = 0,
	BM_BPR_POPULAR, /* as often as the item occurs */
	BM_BPR_WARP
} BmBprNegatives;

typedef struct BmBprOptions
{
	int factors; /* D */
	int epochs;  /* of as many samples as there are pairs */
	double learning_rate;
	double regularization; /* reg */
	int negatives;         /* BmBprNegatives */
	int tries;             /* of WARP */
	double unobserved;     /* a0 > 0, of answers */
	double ridge;          /* lambda > 0, of answers */
	double gamma;          /* a history's older events count by this factor less, at answers only */
	double half_life_days; /* of a pair's weight */
} BmBprOptions;

extern const BmRecommender bmc_bpr;

#endif
