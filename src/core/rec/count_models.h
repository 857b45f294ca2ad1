/*
 * count_models.h
 *		The count models and their option structs. Defaults, ranges and a sentence for each field stand
 *		in the option tables of src/recommend/.
 */
#ifndef BM_COUNT_MODELS_H
#define BM_COUNT_MODELS_H

#include "core/num/recommender.h"

/*
 * Every model weighs an event by its behaviour and, with half_life_days > 0, by its age (core/num/decay.h).
 * A weight of 0 is as if the event had not happened, in fits and in answers.
 */

#define BM_TRENDS 3 /* half-lives of an hour, a day, a week */

/*
 * s_i = sum of w_event, decayed with half_life_days. With any trend: s_i = the weighted mean of i's
 * share in that sum at each of the trends' half-lives.
 */
typedef struct BmPopularOptions
{
	double half_life_days;
	double trend[BM_TRENDS]; /* weights >= 0; all 0: half_life_days alone */
} BmPopularOptions;

/*
 * R[a][b] = c_a^-alpha c_b^-beta sum over users, positions p < q, q - p <= steps, x_p = a, x_q = b,
 * a != b, of weight(q) / (q - p); score s(b) = sum_k gamma^k R[h_k][b] over the newest `last` events.
 * With repeats also a = b, smoothed towards the share r of repeats among all pairs:
 * R[a][a] = c_a^-alpha c_a^-beta (sum + BM_REPEAT_PRIOR r). c counts events of some weight.
 */
#define BM_REPEAT_PRIOR 5.0 /* pairs' worth of trust in the mean share of repeats */

typedef struct BmSeqRulesOptions
{
	double alpha, beta, gamma;
	int steps; /* 1..1000 */
	int top;   /* neighbours kept per row; 0 = all */
	int last;  /* newest history events that count */
	double half_life_days;
	bool repeats; /* may an item follow itself? */
} BmSeqRulesOptions;

typedef enum BmKnnWeight
{
	BM_KNN_COSINE = 0,
	BM_KNN_TFIDF,
	BM_KNN_BM25
} BmKnnWeight;

/* w_ab = c_ab / (sqrt(c_a c_b) + shrink), users who have both; s(b) = sum_k gamma^k w[h_k][b] */
typedef struct BmItemKnnOptions
{
	double shrink, gamma;
	int top, last;
	int weight; /* BmKnnWeight */
	double half_life_days;
} BmItemKnnOptions;

/*
 * A walk item - user - item (Paudel et al. 2017, "RP3beta"): W_ab = c_b^-beta sum over users u of
 * (x_ua / c_a)^alpha (x_ub / d_u)^alpha, c and d the column and row sums of X; s(b) = sum_k gamma^k W[h_k][b]
 */
typedef struct BmRp3betaOptions
{
	double alpha, beta, gamma;
	int top, last;
	double half_life_days;
} BmRp3betaOptions;

/* B = -P / diag(P), P = (X'X + lambda I)^-1 (Steck 2019); history entries gamma^age of the last occurrence */
typedef struct BmEaseOptions
{
	double lambda, gamma;
	int top, last;
	double half_life_days;
} BmEaseOptions;

extern const BmRecommender bmc_popular;   /* popular.c; trending is the same with trends */
extern const BmRecommender bmc_seq_rules; /* seq_rules.c; markov is steps = 1, gamma = 0 */
extern const BmRecommender bmc_item_knn;  /* item_knn.c */
extern const BmRecommender bmc_rp3beta;   /* rp3beta.c */
extern const BmRecommender bmc_ease;      /* ease.c */

#endif
