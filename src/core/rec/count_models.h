/*
 * count_models.h
 *		The count models and their option structs. Defaults, ranges and a sentence for each field stand
 *		in the option tables of src/recommend/.
 */
#ifndef BM_COUNT_MODELS_H
#define BM_COUNT_MODELS_H

#include "core/num/recommender.h"

/* s_i = sum of w_event * 2^-((T - t) / half_life), T = newest training event */
typedef struct BmPopularOptions
{
	double half_life_days; /* <= 0: no decay */
} BmPopularOptions;

/*
 * R[a][b] = c_a^-alpha c_b^-beta sum over users, positions p < q, q - p <= steps, x_p = a, x_q = b,
 * a != b, of weight(q) / (q - p); score s(b) = sum_k gamma^k R[h_k][b] over the newest `last` events.
 */
typedef struct BmSeqRulesOptions
{
	double alpha, beta, gamma;
	int steps; /* 1..1000 */
	int top;   /* neighbours kept per row; 0 = all */
	int last;  /* newest history events that count */
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
} BmItemKnnOptions;

/* B = -P / diag(P), P = (X'X + lambda I)^-1 (Steck 2019); history entries gamma^age of the last occurrence */
typedef struct BmEaseOptions
{
	double lambda, gamma;
	int top, last;
} BmEaseOptions;

extern const BmRecommender bmc_popular;   /* popular.c */
extern const BmRecommender bmc_seq_rules; /* seq_rules.c; markov is steps = 1, gamma = 0 */
extern const BmRecommender bmc_item_knn;  /* item_knn.c */
extern const BmRecommender bmc_ease;      /* ease.c */

#endif
