/*
 * pattern_rules.c
 *		Sequential rules, and how two groups differ in a pattern.
 *
 * A pattern cut in two is a rule: whoever did the first part goes on with the second. Both parts are
 * runs of neighbouring elements, so they are frequent when the pattern is, whatever the limits, and
 * their supports are among the patterns.
 */
#include <math.h>
#include <string.h>

#include "core/mine/pattern.h"
#include "core/num/sort.h"

#define STOP_EVERY 0xfff /* patterns between two questions */

static BmStatus
add_rule(BmSequenceRule **rules, size_t *n, size_t *capacity, size_t max_rules, BmSequenceRule rule,
		 BmMem *mem)
{
	if (max_rules > 0 && *n == max_rules)
		return BM_ELIMIT;
	if (*n == *capacity)
	{
		size_t more = 2 * *capacity + 256;
		BmSequenceRule *grown = bmc_realloc(mem, *rules, more, sizeof(BmSequenceRule));

		if (!grown)
			return BM_ENOMEM;
		*rules = grown;
		*capacity = more;
	}
	(*rules)[(*n)++] = rule;
	return BM_OK;
}

/* Most confident first; among equals the order of the patterns, then the shorter antecedent. */
static BmStatus
sort_rules(BmSequenceRule *rules, size_t n, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(mem, n, sizeof(uint32_t));
	BmSequenceRule *copy = bmc_alloc(mem, n, sizeof(BmSequenceRule));
	BmStatus status = key && order && copy ? BM_OK : BM_ENOMEM;

	if (status == BM_OK)
	{
		memcpy(copy, rules, n * sizeof(BmSequenceRule));
		for (size_t i = 0; i < n; i++)
		{
			memcpy(&key[i], &rules[i].confidence, sizeof(double)); /* positive: bits ascend */
			key[i] = ~key[i];
			order[i] = (uint32_t) i;
		}
		status = bmc_sort_u64(key, order, n, mem);
	}
	for (size_t i = 0; i < n && status == BM_OK; i++)
		rules[i] = copy[order[i]];
	bmc_free(mem, copy);
	bmc_free(mem, order);
	bmc_free(mem, key);
	return status;
}

/* The rules of one pattern. scratch: (its length). */
static BmStatus
cut_pattern(BmSequenceRule **rules, size_t *n, size_t *capacity, const BmPatternIndex *index,
			uint32_t i, double min_confidence, uint32_t max_consequent, size_t max_rules,
			BmMem *mem)
{
	const BmPatterns *p = index->p;
	const BmPattern *q = &p->pattern[i];
	const uint32_t *token = p->token + q->at;
	BmStatus status = BM_OK;

	for (uint32_t split = 1; split < q->length && status == BM_OK; split++)
	{
		uint32_t a, c;
		double confidence;

		if (BM_TOKEN_JOINED(token[split]) || q->length - split > max_consequent)
			continue;
		a = bmc_pattern_index_find(index, token, split);
		c = bmc_pattern_index_find(index, token + split, q->length - split);
		if (a == BM_NONE || c == BM_NONE)
			return BM_EINVAL; /* the patterns are not all */
		confidence = (double) q->support / (double) p->pattern[a].support;
		if (confidence >= min_confidence)
			status = add_rule(rules, n, capacity, max_rules,
							  (BmSequenceRule){i, split, p->pattern[a].support,
											   p->pattern[c].support, confidence},
							  mem);
	}
	return status;
}

/* See pattern.h. */
BmStatus
bmc_sequence_rules(BmSequenceRule **rules, size_t *n, const BmPatterns *p, double min_confidence,
				   uint32_t max_consequent, size_t max_rules, BmMem *mem, const BmStop *stop)
{
	BmPatternIndex index;
	size_t capacity = 0;
	BmStatus status = bmc_pattern_index_build(&index, p, mem, stop);

	*rules = NULL;
	*n = 0;
	for (size_t i = 0; i < p->n && status == BM_OK; i++)
	{
		status = cut_pattern(rules, n, &capacity, &index, (uint32_t) i, min_confidence,
							 max_consequent, max_rules, mem);
		if ((i & STOP_EVERY) == 0 && bmc_stop(stop))
			status = BM_ESTOP;
	}
	bmc_pattern_index_free(&index);
	if (status == BM_OK && *n > 0)
		status = sort_rules(*rules, *n, mem);
	return status;
}

/* ---- two groups ---- */

double
bmc_contrast_chi2(double a, double n, double b, double m)
{
	double with = a + b, without = n + m - with;
	double d = a * (m - b) - b * (n - a);

	if (!(with > 0.0 && without > 0.0 && n > 0.0 && m > 0.0))
		return 0.0;
	return d / with * (d / without) * ((n + m) / n) / m;
}

double
bmc_contrast_p(double chi2)
{
	return erfc(sqrt(0.5 * chi2));
}

/* See pattern.h. */
BmStatus
bmc_adjust_bh(double *adjusted, const double *p, size_t n, BmMem *mem)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(mem, n, sizeof(uint32_t));
	BmStatus status = key && order ? BM_OK : BM_ENOMEM;
	double least = 1.0;

	for (size_t i = 0; i < n && status == BM_OK; i++)
	{
		memcpy(&key[i], &p[i], sizeof(double)); /* not negative: bits ascend */
		order[i] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64(key, order, n, mem);
	for (size_t r = n; r > 0 && status == BM_OK; r--)
	{
		double value = p[order[r - 1]] * (double) n / (double) r;

		least = value < least ? value : least;
		adjusted[order[r - 1]] = least;
	}
	bmc_free(mem, order);
	bmc_free(mem, key);
	return status;
}
