/*
 * trees.h
 *		Sums of decision trees as arrays: what boosting leaves, answered without any library.
 *
 * Node: feature >= 0: go left where x[feature] < value, else right; feature -1: a leaf that adds value to
 * the score of its tree's class. Score of class k = base[k] + its trees' leaves; probabilities by the
 * logistic function (one score for two classes) or softmax.
 *
 * Tensors: "feature", "left", "right" (nodes) int32, "value", "mean" (nodes) float32, "tree" (trees, 2)
 * int32: root and class, "base" (K), "classes" (1) and "width" (1). mean is what the node would
 * answer: its leaves weighted by the training rows that reach them.
 */
#ifndef BM_TREES_H
#define BM_TREES_H

#include "core/num/predictor.h"

typedef struct BmTrees
{
	size_t nnodes, ntrees, K, classes, width;
	const int32_t *feature, *left,
		*right;                /* (nnodes) children have higher numbers than their parent */
	const float *value, *mean; /* (nnodes) */
	const int32_t *tree;       /* (ntrees, 2) */
	const float *base;         /* (K) */
} BmTrees;

/* Everything is checked, so that an answer ends and stays inside. NULL, or what is wrong. */
extern const char *bmc_trees_bind(BmTrees *t, const BmTensors *tensors, const char *prefix);
extern void bmc_trees_predict(float *out, const BmTrees *t, const float *x, size_t count);
/*
 * share (width) of each feature in the score of class target (log-odds): along the path of every tree,
 * what each step changes in the mean answer (Saabas 2014). They add up to the score less the roots' means.
 */
extern void bmc_trees_explain(float *share, const BmTrees *t, const float *x, size_t target);

#endif
