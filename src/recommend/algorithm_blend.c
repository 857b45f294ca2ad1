/*
 * algorithm_blend.c
 *		The entry of "blend": a weighted sum of other algorithms, which have options of their own.
 */
#include "pg/pg.h"

#include "recommend/algorithms.h"

static const BmOptionSpec options[] = {{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmAlgorithm bm_algorithm_blend = {
	.name = "blend",
	.task = "recommend",
	.summary = "Weighted sum of the standardised scores of the best algorithms; the weights are "
			   "fitted on the validation part.",
	.core = NULL,
	.options = options,
};
