/*
 * uplift.h
 *		How well a score ranks people by the effect of a treatment: the uplift and the Qini curve
 *		(Radcliffe 2007), their areas in two scalings, uplift among the best, a table by bins.
 *
 * The treatment must have been given at random, or by chance within what the score knows.
 */
#ifndef BM_UPLIFT_H
#define BM_UPLIFT_H

#include "core/num/mem.h"
#include "core/num/pool.h"

/* One person: what happened, was he treated, the score (higher: treat him first). All finite. */
typedef struct BmUpliftRow
{
	double score;
	double outcome;
	bool treated;
} BmUpliftRow;

/* After the people with score >= this one: how many of each arm, and the sums of their outcomes. */
typedef struct BmUpliftPoint
{
	double score;
	double n_treated, n_control;
	double y_treated, y_control;
} BmUpliftPoint;

/* Y_t - Y_c N_t / N_c, the second term 0 without controls: extra outcomes had all of these been treated. */
extern double bmc_qini_value(const BmUpliftPoint *p);
/* (Y_t / N_t - Y_c / N_c) (N_t + N_c), a mean of nobody being 0. */
extern double bmc_uplift_value(const BmUpliftPoint *p);
/* Difference of the means of the two arms; NaN when one of them is empty. */
extern double bmc_uplift_effect(const BmUpliftPoint *p);

/*
 * Cumulative points, one for each distinct score, best first; returns how many. rows (n) sorted by
 * score descending. weight (n) >= 0 or NULL: all 1.
 */
extern size_t bmc_uplift_curve(BmUpliftPoint *out, const BmUpliftRow *rows, const uint32_t *weight,
							   size_t n);

/*
 * Areas by the trapezoid rule from (0, 0) over the number of people.
 * *_raw: area / n^2, as it is. qini, auuc: (area - area of random) / (area of perfect - area of
 * random), as scikit-uplift's qini_auc_score and uplift_auc_score; NaN unless outcomes are 0 or 1 and
 * both arms are there.
 */
typedef struct BmUpliftAreas
{
	double n, n_treated, n_control;
	double effect; /* of the treatment on everybody */
	double qini_raw, qini;
	double auuc_raw, auuc;
} BmUpliftAreas;

extern BmUpliftAreas bmc_uplift_areas(const BmUpliftPoint *points, size_t n, bool binary);
extern bool bmc_uplift_binary(const BmUpliftRow *rows, size_t n);

/* Everybody within the best share (0, 1] of the people; a tie that begins inside counts wholly. */
extern BmUpliftPoint bmc_uplift_top(const BmUpliftPoint *points, size_t n, double share);
/*
 * Bins 1..nbins of equal size, best first, into out (nbins), not cumulative; score is the least one of
 * the bin. People of one score stay together, in the bin where the first of them falls; so a bin can
 * be empty.
 */
extern void bmc_uplift_table(BmUpliftPoint *out, size_t nbins, const BmUpliftPoint *points,
							 size_t n);

/* What a bootstrap bounds. */
enum
{
	BM_UPLIFT_EFFECT,
	BM_UPLIFT_QINI_RAW,
	BM_UPLIFT_QINI,
	BM_UPLIFT_AUUC_RAW,
	BM_UPLIFT_AUUC,
	BM_UPLIFT_TOP, /* effect among the best top_share */
	BM_UPLIFT_MEASURES
};

/* The measures of rows as in the enum above. */
extern void bmc_uplift_measures(double out[BM_UPLIFT_MEASURES], const BmUpliftPoint *points,
								size_t n, bool binary, double top_share);
/*
 * low, high: percentile interval (confidence) of each measure over replicates resamplings with Poisson(1)
 * weights (Chamandy et al. 2012), 10..10000 of them; NaN where less than half of the replicates have a
 * value. A replicate is a task of the pool.
 */
extern BmStatus bmc_uplift_bootstrap(double low[BM_UPLIFT_MEASURES],
									 double high[BM_UPLIFT_MEASURES], const BmUpliftRow *rows,
									 size_t n, double top_share, size_t replicates,
									 double confidence, uint64_t seed, BmPool *pool, BmMem *mem,
									 const BmStop *stop);
extern size_t bmc_uplift_bootstrap_bytes(size_t n, size_t replicates, int threads);

#endif
