/*
 * metrics.h
 *		How good the answers of a predictor are: classes, rankings by probability, probabilities, values.
 *
 * A binary problem is told by the probability of class 1; its class is 1 from a threshold on. With more
 * classes the class is the most probable one, the lowest of equals. Ties between scores never depend on
 * the order of the rows: half a pair in the AUC, one step in the average precision, an even spread in
 * bins.
 */
#ifndef BM_METRICS_H
#define BM_METRICS_H

#include "core/num/mem.h"

/* Answers beside the truth. */
typedef struct BmAnswers
{
	size_t n;
	size_t classes;   /* >= 2, or 0: values */
	const float *p;   /* (n, classes) probabilities, or (n) values */
	const float *y;   /* (n) class codes, or values */
	double threshold; /* of class 1 where classes is 2 */
} BmAnswers;

typedef struct BmClassMetrics
{
	double n;                     /* rows of this class */
	double precision, recall, f1; /* 0 where nothing is there to divide by */
	double auc, pr_auc;           /* this class against the rest; NaN where one side is empty */
} BmClassMetrics;

typedef struct BmAccuracy
{
	double n;
	double accuracy;
	double log_loss; /* mean, natural logarithm; probabilities from 1e-15 */
	double brier; /* mean squared error of class 1; of all classes, summed, where more than two */
	BmClassMetrics macro, weighted; /* n unset; the weighted AUC, too, is by the classes' rows */
	BmClassMetrics positive;        /* class 1 of a binary problem */
} BmAccuracy;

typedef struct BmErrors
{
	double n;
	double mse, mae;
	double r2; /* 1 - squared error / squared deviation from the mean; NaN for a constant truth */
} BmErrors;

/* Class of one row of probabilities. */
extern size_t bmc_answer_class(const float *p, size_t classes, double threshold);
/* each (classes) may be NULL. */
extern BmStatus bmc_accuracy(BmAccuracy *out, BmClassMetrics *each, const BmAnswers *a, BmMem *mem);
extern BmErrors bmc_errors(const BmAnswers *a);
/*
 * Area under the ROC curve (ties by mid-rank) and under the precision-recall curve (average precision)
 * of score[i * stride] for y[i] == positive; NaN where one side is empty.
 */
extern BmStatus bmc_rank_quality(double *auc, double *pr_auc, const float *score, size_t stride,
								 const float *y, float positive, size_t n, BmMem *mem);
/* count (classes, classes): rows of the truth (row) that got an answer (column). */
extern void bmc_confusion(uint64_t *count, const BmAnswers *a);

/* ---- bins of rows ordered by their score ---- */

typedef struct BmBin
{
	double n;         /* rows, a fraction where a tie is spread over two bins */
	double positives; /* of them */
	double score;     /* sum */
	double low, high; /* scores that are met */
} BmBin;

/*
 * nbins of equally many rows, the highest scores first; score[i * stride] against y[i] == positive. For
 * lift and gain take the sums of the first bins; for calibration compare score / n with positives / n.
 */
extern BmStatus bmc_score_bins(BmBin *bin, size_t nbins, const float *score, size_t stride,
							   const float *y, float positive, size_t n, BmMem *mem);

/* ---- threshold ---- */

typedef enum BmThresholdRule
{
	BM_THRESHOLD_F1 = 0, /* the largest F1 of class 1 */
	BM_THRESHOLD_YOUDEN, /* the largest recall + specificity */
	BM_THRESHOLD_ACCURACY,
	BM_THRESHOLD_HALF /* 0.5 */
} BmThresholdRule;

/*
 * The threshold of a binary problem that is best by the rule on these rows: midway between two met
 * scores; of several the one nearest to 0.5.
 */
extern BmStatus bmc_threshold(double *threshold, BmThresholdRule rule, const float *score,
							  size_t stride, const float *y, size_t n, BmMem *mem);

/* ---- calibration ---- */

/*
 * Isotonic regression of y (0 or 1) on score by pooling adjacent violators (Ayer et al. 1955): steps
 * (*nsteps <= n) with their lowest and highest score and their mean; knot has room for 3 n numbers and gets
 * (nsteps, 3): low, high, value.
 */
extern BmStatus bmc_isotonic(float *knot, size_t *nsteps, const float *score, size_t stride,
							 const float *y, size_t n, BmMem *mem);
/* Its value at a score: constant in a step, linear between steps, constant beyond the ends. */
extern float bmc_isotonic_at(const float *knot, size_t nsteps, float score);
/*
 * Platt scaling: p = 1 / (1 + exp(-(a * logit(score) + b))) by maximum likelihood with the targets
 * (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) (Platt 1999).
 */
extern void bmc_platt(double *a, double *b, const float *score, size_t stride, const float *y,
					  size_t n);
extern float bmc_platt_at(double a, double b, float score);

#endif
