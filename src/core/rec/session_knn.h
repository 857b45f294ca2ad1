/*
 * session_knn.h
 *		Nearest sessions: what came in the past sessions that are most like the newest events
 *		(V-SKNN, Ludewig and Jannach 2018; index of the newest sessions of an item: Kersbergen, Sprangers,
 *		Schelter 2022, "Serenade"; STAN: Garg, Gupta, Malhotra, Vig, Shroff 2019).
 *
 * A session is a run of a user's events without a pause longer than a gap; it is kept as its distinct
 * items in the order of their last event. The newest `last` events of a history are the evolving session
 * s, len its distinct items, pos 1 for the oldest.
 *
 * linear:  sim(n) = sum over shared items of pos / len
 *          score(j) = sum over the k nearest n with j of sim(n) max(0, 1 - 0.1 dist(n)) idf(j)
 *          dist(n) = places from the newest item of s back to the newest one that n shares
 * stan:    sim(n) = sum over shared items of exp(-(len - pos) / l1) / sqrt(len len_n) exp(-(t - t_n) / l2)
 *          score(j) = sum over the k nearest n with j of sim(n) exp(-|pos_n(j) - pos_n(i)| / l3),
 *          i = the newest shared item
 *
 * With a half-life sim(n) is also halved for each one that n is older than the newest session. A behaviour's
 * weight counts only as some or none.
 *
 * The newest item a, which the visitor looks at, gets no score unless repeats are wanted (26 % of the next
 * clicks of YooChoose are the same item again). Then it gets p / (1 - p) times the sum of the others' scores,
 * p its learned chance of coming again: (n_aa + BM_REPEAT_PRIOR r) / (n_a + BM_REPEAT_PRIOR), n_a the events of
 * sessions that follow it, n_aa those of the same item, r the share of repeats over all items.
 */
#ifndef BM_SESSION_KNN_H
#define BM_SESSION_KNN_H

#include "core/num/recommender.h"

typedef enum BmSessionWeight
{
	BM_SESSION_LINEAR = 0,
	BM_SESSION_STAN
} BmSessionWeight;

typedef struct BmSessionKnnOptions
{
	int neighbours;     /* k sessions that vote */
	int index;          /* m newest sessions that an item remembers */
	int last;           /* newest distinct items of a history that count */
	double gap_minutes; /* a longer pause ends a session; 0: a user's history is one session */
	int weight;         /* BmSessionWeight */
	double l1;          /* items; 0 = half of last */
	double l2_days;
	double l3;    /* items */
	bool repeats; /* the newest item may be the answer */
	double half_life_days;
} BmSessionKnnOptions;

extern const BmRecommender bmc_session_knn;

/* Floats of tensor "config": neighbours, last, weight, l1, l2 in minutes, l3, repeats, half-life in minutes. */
#define BM_SESSION_CONFIG 8

/* What answers read. Sessions are numbered newest first. */
typedef struct BmSessionBound
{
	size_t N, S;
	const int32_t *start, *item; /* (S+1), (start[S]) items in the order of their last event */
	const int32_t *minute;       /* (S) of the last event, from the epoch of the times */
	const int32_t *index_start, *index; /* (N+1), sessions of an item, newest first */
	const float *idf;                   /* (N) ln(sessions / sessions with the item) */
	const float *repeat;                /* (N) p / (1 - p) */
	size_t neighbours, last;
	BmSessionWeight weight;
	float l1, l2, l3;
	bool repeats;
	float half_life; /* minutes; 0: no decay */
} BmSessionBound;

extern const char *bmc_session_knn_bind(void *bound, const BmTensors *t, const char *prefix,
										size_t nitems);
extern size_t bmc_session_knn_score_bytes(const void *bound, size_t B);
extern void bmc_session_knn_score(float *scores, const void *bound, const BmHistory *h, size_t B,
								  void *scratch, bool fast_blas);
extern void bmc_session_knn_explain(float *share, const void *bound, const BmHistory *h,
									const uint32_t *items, size_t n, void *scratch);

#endif
