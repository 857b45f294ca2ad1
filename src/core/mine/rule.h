/*
 * rule.h
 *		Association rules lhs => rhs between the parts of a frequent itemset (Agrawal and Srikant
 *		1994).
 */
#ifndef BM_RULE_H
#define BM_RULE_H

#include "core/mine/itemset.h"

typedef struct BmRuleOptions
{
	uint32_t baskets; /* all there are */
	double min_confidence;
	double min_lift;  /* 0: any */
	uint32_t max_lhs; /* items; UINT32_MAX: any */
	uint32_t max_rhs;
} BmRuleOptions;

/* Rows of the itemsets: both sides together, the left one, the right one. */
typedef struct BmRule
{
	uint32_t both, lhs, rhs;
} BmRule;

typedef struct BmRules
{
	BmMem *mem;
	size_t n, capacity;
	BmRule *rule;     /* (n) */
	double *fisher;   /* (n) one-sided p */
	double *adjusted; /* (n) Benjamini and Hochberg over all tests */
	double tests;     /* splits of the itemsets that the lengths allow, good or not */
	size_t no_lhs;    /* items whose support alone reaches min_confidence: {} => item */
} BmRules;

/*
 * All rules of sets, which must be complete: every frequent itemset of up to max_lhs + max_rhs items,
 * indexed. Order: confidence descending, support descending, then the rows of lhs and rhs. A rule
 * that misses min_confidence or min_lift is not kept but counts as a test with p = 1. BM_EINVAL when
 * a part is not in sets; BM_ENOMEM, BM_ELIMIT, BM_ESTOP: rules is freed.
 */
extern BmStatus bmc_rules_make(BmRules *rules, const BmItemsets *sets, const BmRuleOptions *options,
							   BmMem *mem, const BmStop *stop);
extern void bmc_rules_free(BmRules *rules);

#endif
