/*
 * algorithm_seq_rules.c
 *		The entries of "seq_rules" and of "markov", which is seq_rules with one step.
 */
#include "pg/pg.h"

#include "core/rec/count_models.h"
#include "recommend/algorithms.h"

#define AT(field) offsetof(BmSeqRulesOptions, field)

static const BmOptionSpec rules_options[] = {
	{"alpha", BM_OPT_FLOAT, AT(alpha), "0.5", 0, 2, NULL,
	 "Power of the earlier item's popularity that a rule is divided by."},
	{"beta", BM_OPT_FLOAT, AT(beta), "0.25", 0, 2, NULL,
	 "Power of the later item's popularity that a rule is divided by."},
	{"gamma", BM_OPT_FLOAT, AT(gamma), "0.7", 0, 1, NULL,
	 "Each older event of the history counts by this factor less."},
	{"steps", BM_OPT_INT, AT(steps), "50", 1, 1000, NULL,
	 "Items that follow within so many steps make a rule, weighted by 1 / distance."},
	{"top", BM_OPT_INT, AT(top), "500", 0, 1000000, NULL,
	 "Strongest rules kept of an item; 0 keeps all."},
	{"last", BM_OPT_INT, AT(last), "50", 1, 100000, NULL, "Newest events of a history that count."},
	{"repeats", BM_OPT_BOOL, AT(repeats), "false", 0, 0, NULL,
	 "May an item follow itself? Its chance is learned; for next clicks with \"exclude\": "
	 "\"nothing\"."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Best settings on Amazon Beauty, ML-1M, LastFM, ML-100K, and their neighbours. */
static const char *const rules_grid[] = {
	"{\"alpha\": 0.5, \"beta\": 0.25, \"gamma\": 0.7, \"steps\": 50}",
	"{\"alpha\": 0, \"beta\": 0, \"gamma\": 0.5, \"steps\": 50}",
	"{\"alpha\": 1, \"beta\": 0.25, \"gamma\": 0.7, \"steps\": 10}",
	"{\"alpha\": 0.5, \"beta\": 0.25, \"gamma\": 0.85, \"steps\": 50}",
	"{\"alpha\": 0.5, \"beta\": 0, \"gamma\": 0.7, \"steps\": 50}",
	"{\"alpha\": 0.5, \"beta\": 0, \"gamma\": 0.5, \"steps\": 10}",
	"{\"alpha\": 1, \"beta\": 0.5, \"gamma\": 0.85, \"steps\": 10}",
	"{\"alpha\": 1, \"beta\": 0, \"gamma\": 0.85, \"steps\": 50}",
	"{\"alpha\": 0.5, \"beta\": 0.25, \"gamma\": 0.7, \"steps\": 50, \"repeats\": true}",
	"{\"alpha\": 0.5, \"beta\": 0, \"gamma\": 0.5, \"steps\": 10, \"repeats\": true}",
	NULL};

static double
rules_work(const BmFitSize *size, const void *options)
{
	const BmSeqRulesOptions *o = options;
	double per_user = (double) size->nevents / Max((double) size->nusers, 1.0);

	return 20.0 * (double) size->nevents * Min((double) o->steps, per_user);
}

static const BmOptionSpec markov_options[] = {
	{"beta", BM_OPT_FLOAT, AT(beta), "0", 0, 2, NULL,
	 "Power of the next item's popularity that a transition is divided by."},
	{"top", BM_OPT_INT, AT(top), "500", 0, 1000000, NULL,
	 "Most frequent next items kept of an item; 0 keeps all."},
	{"repeats", BM_OPT_BOOL, AT(repeats), "false", 0, 0, NULL,
	 "May an item follow itself? Its chance is learned; for next clicks with \"exclude\": "
	 "\"nothing\"."},
	BM_HALF_LIFE_OPTION(AT(half_life_days)),
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char *const markov_grid[] = {"{\"beta\": 0}", "{\"beta\": 0.25}",
										  "{\"beta\": 0, \"repeats\": true}", NULL};

static void
markov_settle(void *options, const BmFitSize *size)
{
	BmSeqRulesOptions *o = options;

	o->steps = 1;
	o->last = 1;
}

const BmAlgorithm bm_algorithm_seq_rules = {
	.name = "seq_rules",
	.task = "recommend",
	.summary = "Items that followed a user's newest items in other users' sequences, nearer ones "
			   "counting more.",
	.core = &bmc_seq_rules,
	.options = rules_options,
	.grid = rules_grid,
	.work = rules_work,
};

const BmAlgorithm bm_algorithm_markov = {
	.name = "markov",
	.task = "recommend",
	.summary =
		"The items that most often came next after the last one: a first-order Markov chain.",
	.core = &bmc_seq_rules,
	.options = markov_options,
	.grid = markov_grid,
	.settle = markov_settle,
};
