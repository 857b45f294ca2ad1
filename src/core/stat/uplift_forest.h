/*
 * uplift_forest.h
 *		Forests of uplift trees: who is moved by a treatment.
 *
 * A split is good where the arms differ more below than above: by the difference of means (any outcome;
 * Athey and Imbens 2016), or by the divergence of the two distributions of an outcome of 0 and 1
 * (Rzepakowski and Jaroszewicz 2012: Kullback-Leibler, squared Euclidean, chi-squared). Columns are cut
 * into bins first. Each tree sees a random part of the people; an honest one chooses its splits on one
 * half of them and takes its leaves' effects from the other.
 */
#ifndef BM_UPLIFT_FOREST_H
#define BM_UPLIFT_FOREST_H

#include "core/num/mem.h"
#include "core/num/pool.h"

#define BM_UPLIFT_MAX_BINS 64
#define BM_UPLIFT_MAX_DEPTH 16

typedef enum BmUpliftCriterion
{
	BM_UPLIFT_BY_EFFECT = 0,
	BM_UPLIFT_BY_KL,
	BM_UPLIFT_BY_EUCLID,
	BM_UPLIFT_BY_CHI2
} BmUpliftCriterion;

typedef struct BmUpliftForestOptions
{
	int trees;     /* >= 1 */
	int depth;     /* 1..BM_UPLIFT_MAX_DEPTH */
	int min_arm;   /* least people of each arm in a leaf, >= 1 */
	int bins;      /* 2..BM_UPLIFT_MAX_BINS */
	int columns;   /* tried at a split; 0: the root of their number, rounded up, and one more */
	int criterion; /* BmUpliftCriterion; other than BY_EFFECT needs outcomes of 0 and 1 */
	double sample; /* share of the people that a tree sees, (0, 1] */
	bool honest;
} BmUpliftForestOptions;

typedef struct BmUpliftData
{
	size_t n, width;
	const float *x; /* (n, width); NaN goes with the lowest bin */
	const double *outcome;
	const bool *treated;
} BmUpliftData;

/* Trees one after the other. A node's children are left and left + 1; a leaf has left 0. */
typedef struct BmUpliftForest
{
	size_t trees, nodes;
	int32_t *root;    /* (trees) */
	int32_t *column;  /* (nodes) */
	float *threshold; /* (nodes) left where x < threshold or x is NaN */
	int32_t *left;    /* (nodes) */
	float *effect;    /* (nodes) also of inner nodes, for bmc_uplift_forest_explain */
} BmUpliftForest;

extern size_t bmc_uplift_forest_bytes(size_t n, size_t width, const BmUpliftForestOptions *o,
									  int threads);
/*
 * Arrays of out are taken from mem (bmc_uplift_forest_free). BM_EINVAL without min_arm people in both
 * arms, or where the criterion does not fit the outcome. A tree is a task: the same bits at any thread
 * count; stop is polled between trees.
 */
extern BmStatus bmc_uplift_forest_fit(BmUpliftForest *out, const BmUpliftData *data,
									  const BmUpliftForestOptions *o, uint64_t seed, BmPool *pool,
									  BmMem *mem, const BmStop *stop);
extern void bmc_uplift_forest_free(BmUpliftForest *forest, BmMem *mem);
/* What is wrong with arrays from outside (every walk must end inside them), or NULL. */
extern const char *bmc_uplift_forest_check(const BmUpliftForest *forest, size_t width);
/* Expected effect on each of n people. */
extern void bmc_uplift_forest_predict(float *effect, const BmUpliftForest *forest, const float *x,
									  size_t n, size_t width);
/*
 * share (width): what each column adds to the effect on this person, along the paths of the trees
 * (Saabas 2014); returns the effect where nothing is known: shares and it sum to the prediction.
 */
extern double bmc_uplift_forest_explain(double *share, const BmUpliftForest *forest, const float *x,
										size_t width);

#endif
