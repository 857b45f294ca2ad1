/*
 * algorithm_rp3beta.c
 *		The entry of "rp3beta": options, grid, cost.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmRp3betaOptions, field)

static const BmOptionSpec options[] = {
	{"alpha", BM_OPT_FLOAT, AT(alpha), "0.6", 0, 4, NULL,
	 "Power of the steps' probabilities; the smaller, the less it matters how many events users "
	 "and items have."},
	{"beta", BM_OPT_FLOAT, AT(beta), "0.5", 0, 2, NULL,
	 "Power of the recommended item's popularity that a score is divided by."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.7", 0, 1, NULL,
	 "Each older event of the history counts by this factor less."},
	{"top", BM_OPT_INT, AT(top), "300", 0, 1000000, NULL,
	 "Likeliest items kept of an item; 0 keeps all."},
	{"last", BM_OPT_INT, AT(last), "50", 1, 100000, NULL, "Newest events of a history that count."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Best settings on ML-1M, LastFM, Amazon Beauty. */
static const char *const grid[] = {"{\"alpha\": 0.6, \"beta\": 0.6, \"gamma\": 0.7}",
								   "{\"alpha\": 0.6, \"beta\": 0.3, \"gamma\": 0.8}",
								   "{\"alpha\": 0.4, \"beta\": 0.3, \"gamma\": 0.6}", NULL};

static double
work(const BmFitSize *size, const void *options)
{
	double per_user = (double) size->nnz / Max((double) size->nusers, 1.0);

	return 30.0 * (double) size->nnz * per_user; /* long histories weigh more than the mean says */
}

const BmAlgorithm bm_algorithm_rp3beta = {
	.name = "rp3beta",
	.task = "recommend",
	.summary = "Items that a walk from the history's items over their users reaches, popular ones "
			   "held down (RP3beta).",
	.core = &bmc_rp3beta,
	.options = options,
	.grid = grid,
	.work = work,
};
