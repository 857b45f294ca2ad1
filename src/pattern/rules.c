/*
 * rules.c
 *		behav_rules and its variants for plain data.
 */
#include "pattern/basket.h"

#include <math.h>

#include "utils/memutils.h"

#include "core/mine/association.h"
#include "core/mine/rule.h"

#define OPT(field) offsetof(BmBasketOptions, field)
#define ROWS_PER_RESET 1024

const BmOptionSpec bm_rule_options[] = {
	{"max_lhs", BM_OPT_INT, OPT(max_lhs), "0", 0, 1000000, NULL,
	 "Return rules with at most so many items on the left; 0: any."},
	{"max_itemsets", BM_OPT_INT, OPT(max_itemsets), "10000000", 1, 1000000000, NULL,
	 "Give up when there are more frequent itemsets than this to make rules of."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static const char smaller[] =
	"raise min_support, lower the option max_lhs, or leave out huge baskets "
	"with the option max_basket.";

enum
{
	R_LHS,
	R_RHS,
	R_N,
	R_SUPPORT,
	R_CONFIDENCE,
	R_LIFT,
	R_LEVERAGE,
	R_CONVICTION,
	R_ZHANG,
	R_JACCARD,
	R_COSINE,
	R_KULCZYNSKI,
	R_IMBALANCE,
	R_CHI2,
	R_FISHER,
	R_ADJUSTED,
	R_COLUMNS
};

/* ---- arguments ---- */

static double
number_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be null", name)));
	return PG_GETARG_FLOAT8(i);
}

static double
confidence_argument(FunctionCallInfo fcinfo, int i)
{
	double x = number_argument(fcinfo, i, "min_confidence");

	if (!(x > 0 && x <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"min_confidence\" must be above 0 and at most 1"),
				 errdetail("It is %g.", x),
				 errhint("It is the share of the baskets with the left side that also hold the "
						 "right side, as 0.5.")));
	return x;
}

static double
lift_argument(FunctionCallInfo fcinfo, int i)
{
	double x = number_argument(fcinfo, i, "min_lift");

	if (!(x >= 0) || isinf(x))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_lift\" must be a number from 0 on"),
						errdetail("It is %g.", x)));
	return x;
}

/* ---- rows ---- */

static void
put_measure(Datum *values, bool *nulls, int column, double x)
{
	nulls[column] = isnan(x); /* 0/0: not defined */
	values[column] = Float8GetDatum(x);
}

static void
put_rule(FunctionCallInfo fcinfo, const BmBaskets *b, const BmItemsets *s, const BmRules *r,
		 size_t i)
{
	const BmRule *rule = &r->rule[i];
	BmAssociation m = bmc_association(s->count[rule->both], s->count[rule->lhs],
									  s->count[rule->rhs], (uint32_t) b->n);
	Datum values[R_COLUMNS];
	bool nulls[R_COLUMNS] = {false};

	values[R_LHS] =
		bm_baskets_array(b, s->item + s->start[rule->lhs], bmc_itemset_length(s, rule->lhs));
	values[R_RHS] =
		bm_baskets_array(b, s->item + s->start[rule->rhs], bmc_itemset_length(s, rule->rhs));
	values[R_N] = Int64GetDatum(s->count[rule->both]);
	put_measure(values, nulls, R_SUPPORT, m.support);
	put_measure(values, nulls, R_CONFIDENCE, m.confidence);
	put_measure(values, nulls, R_LIFT, m.lift);
	put_measure(values, nulls, R_LEVERAGE, m.leverage);
	put_measure(values, nulls, R_CONVICTION, m.conviction);
	put_measure(values, nulls, R_ZHANG, m.zhang);
	put_measure(values, nulls, R_JACCARD, m.jaccard);
	put_measure(values, nulls, R_COSINE, m.cosine);
	put_measure(values, nulls, R_KULCZYNSKI, m.kulczynski);
	put_measure(values, nulls, R_IMBALANCE, m.imbalance);
	put_measure(values, nulls, R_CHI2, m.chi2);
	put_measure(values, nulls, R_FISHER, r->fisher[i]);
	put_measure(values, nulls, R_ADJUSTED, r->adjusted[i]);
	bm_srf_row(fcinfo, values, nulls);
}

static void
put_rows(FunctionCallInfo fcinfo, const BmBaskets *b, const BmItemsets *s, const BmRules *r)
{
	MemoryContext context =
		AllocSetContextCreate(b->context, "behavmine rows", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (size_t i = 0; i < r->n; i++)
	{
		put_rule(fcinfo, b, s, r, i);
		if (i % ROWS_PER_RESET == 0)
		{
			MemoryContextReset(context);
			bm_interrupts();
		}
	}
	MemoryContextSwitchTo(old);
}

/* What is not among the rows: rules with nothing on the left. More rules than the cap are an error. */
static void
check_rows(const BmBaskets *b, const BmRules *r)
{
	if (r->n > (size_t) b->o.max_rows)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has more than %d rules", b->what, b->o.max_rows),
				 errdetail("There are %zu.", r->n),
				 errhint("Raise min_support, min_confidence or min_lift, or raise the option "
						 "max_rows.")));
	if (r->no_lhs > 0)
		ereport(NOTICE, (errmsg("not returned: %zu %s with an empty left side", r->no_lhs,
								r->no_lhs == 1 ? "rule" : "rules"),
						 errdetail("As many items lie in enough baskets to reach min_confidence by "
								   "themselves.")));
}

static void
too_many_itemsets(const BmBaskets *b)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("%s has more than %d itemsets to make rules of", b->what, b->o.max_itemsets),
			 errdetail("They lie in at least %u of %zu baskets each.", b->min_support, b->n),
			 errhint("Raise min_support, lower the option max_lhs, leave out huge baskets with the "
					 "option max_basket, or raise the option max_itemsets.")));
}

/* ---- the functions ---- */

/* Every frequent itemset that can be split within the lengths, indexed. */
static void
mine_itemsets(BmBaskets *b, BmItemsets *s, const BmRuleOptions *ro)
{
	BmItemsetOptions o = {0};
	BmStatus status;

	o.min_support = b->min_support;
	o.min_length = 1;
	o.max_length = ro->max_lhs > UINT32_MAX - ro->max_rhs ? UINT32_MAX : ro->max_lhs + ro->max_rhs;
	o.most = (size_t) b->o.max_itemsets;
	status = bmc_itemsets_mine(s, &b->sparse, &o, &b->mem, &b->watch.stop);
	if (status == BM_ELIMIT)
		too_many_itemsets(b);
	if (status == BM_OK)
		status = bmc_itemsets_index(s, &b->watch.stop);
	bm_baskets_check(b, status, psprintf("find the itemsets of %s", b->what), smaller);
}

/* Arguments after the input: min_support, min_confidence, min_lift, max_rhs, options[, since, until]. */
static Datum
rules(FunctionCallInfo fcinfo, BmBasketInput input)
{
	int a = BM_INPUT_ARGS(input);
	double support = bm_baskets_support(number_argument(fcinfo, a, "min_support"));
	BmRuleOptions o = {0};
	BmItemsets s;
	BmRules r;
	BmBaskets *b;

	o.min_confidence = confidence_argument(fcinfo, a + 1);
	o.min_lift = lift_argument(fcinfo, a + 2);
	o.max_rhs = (uint32_t) bm_arg_range_or(fcinfo, a + 3, "max_rhs", 1, PG_INT32_MAX, UINT32_MAX);
	bm_srf_begin(fcinfo);
	b = bm_baskets_begin(fcinfo, input, a + 4, a + 5, bm_rule_options);
	o.max_lhs = b->o.max_lhs > 0 ? (uint32_t) b->o.max_lhs : UINT32_MAX;
	o.baskets = (uint32_t) b->n;
	bm_baskets_encode(b, support);
	mine_itemsets(b, &s, &o);
	bm_baskets_check(b, bmc_rules_make(&r, &s, &o, &b->mem, &b->watch.stop),
					 psprintf("make the rules of %s", b->what), smaller);
	check_rows(b, &r);
	put_rows(fcinfo, b, &s, &r);
	bm_baskets_end(b);
	return (Datum) 0;
}

/* behav_rules(source text, min_support, min_confidence, min_lift, max_rhs, options, since, until) */
BM_FUNCTION(behav_rules);
Datum
behav_rules(PG_FUNCTION_ARGS)
{
	return rules(fcinfo, BM_BASKETS_SOURCE);
}

/* behav_rules_arrays(relation regclass, items name, min_support, ..., options) */
BM_FUNCTION(behav_rules_arrays);
Datum
behav_rules_arrays(PG_FUNCTION_ARGS)
{
	return rules(fcinfo, BM_BASKETS_ARRAYS);
}

/* behav_rules_rows(relation regclass, basket_id name, item_id name, min_support, ..., options) */
BM_FUNCTION(behav_rules_rows);
Datum
behav_rules_rows(PG_FUNCTION_ARGS)
{
	return rules(fcinfo, BM_BASKETS_ROWS);
}
