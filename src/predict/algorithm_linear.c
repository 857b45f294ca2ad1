/*
 * algorithm_linear.c
 *		The entries of "logistic" and "linear": options, grids, cost.
 */
#include "pg/pg.h"

#include "core/stat/linear.h"
#include "predict/algorithms_rows.h"

#define AT(field) offsetof(BmLinearOptions, field)

static const BmOptionSpec options[] = {
	{"l2", BM_OPT_FLOAT, AT(l2), "1", 0, 1e9, NULL,
	 "Penalty on the squared weights (1/C of other libraries); larger is smoother."},
	{"max_iterations", BM_OPT_INT, AT(max_iterations), "500", 1, 100000, NULL,
	 "At most so many steps of L-BFGS."},
	{"tolerance", BM_OPT_FLOAT, AT(tolerance), "1e-6", 1e-12, 1, NULL,
	 "Stop when no part of the gradient of the mean loss is larger."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const grid[] = {"{\"l2\": 1}",   "{\"l2\": 0.1}",  "{\"l2\": 10}",
								   "{\"l2\": 100}", "{\"l2\": 1000}", NULL};

/* Iterations, two passes over the features each; about 60 until the gradient is small. */
static double
work(const BmFitSize *size, const void *options)
{
	double K = size->classes > 2 ? (double) size->classes : 1.0;

	return 60.0 * 4.0 * K * (double) size->nsamples * (double) size->width;
}

const BmAlgorithm bm_algorithm_logistic = {
	.name = "logistic",
	.task = "predict",
	.summary = "Logistic regression of a class, binary or multinomial, with an L2 penalty; its "
			   "explanations are exact.",
	.predictor = &bmc_logistic,
	.classifies = true,
	.options = options,
	.grid = grid,
	.work = work,
};

const BmAlgorithm bm_algorithm_linear = {
	.name = "linear",
	.task = "predict",
	.summary =
		"Linear regression of a number with an L2 penalty (ridge); its explanations are exact.",
	.predictor = &bmc_linear,
	.regresses = true,
	.options = options,
	.grid = grid,
	.work = work,
};
