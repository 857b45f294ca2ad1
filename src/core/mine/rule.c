/*
 * rule.c
 *		Rules from itemsets. All supports are in the store, so a rule costs a look-up or two; right
 *		sides grow item by item, and stop growing where the confidence is too low, for it only falls.
 */
#include <string.h>

#include "core/mine/association.h"
#include "core/mine/rule.h"

#define STOP_EVERY 65536

typedef struct Maker
{
	BmRules *rules;
	const BmItemsets *sets;
	const BmRuleOptions *o;
	const BmStop *stop;
	size_t work;
	uint32_t row; /* the itemset that is split */
	const uint32_t *item;
	uint32_t length;
	uint32_t rhs[64], nrhs; /* codes, ascending */
} Maker;

void
bmc_rules_free(BmRules *r)
{
	bmc_free(r->mem, r->rule);
	bmc_free(r->mem, r->fisher);
	bmc_free(r->mem, r->adjusted);
	memset(r, 0, sizeof(*r));
}

static BmStatus
add_rule(BmRules *r, BmRule rule, double fisher)
{
	if (r->n == r->capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, r->capacity), 256);
		BmRule *rules = bmc_realloc(r->mem, r->rule, capacity, sizeof(BmRule));
		double *p;

		if (rules == NULL)
			return BM_ENOMEM;
		r->rule = rules;
		p = bmc_realloc(r->mem, r->fisher, capacity, sizeof(double));
		if (p == NULL)
			return BM_ENOMEM;
		r->fisher = p;
		r->capacity = capacity;
	}
	r->rule[r->n] = rule;
	r->fisher[r->n++] = fisher;
	return BM_OK;
}

/* ---- making ---- */

/* The row of the itemset without the right side. */
static uint32_t
find_lhs(const Maker *m)
{
	uint32_t lhs[64], n = 0, r = 0;

	for (uint32_t i = 0; i < m->length; i++)
		if (r < m->nrhs && m->rhs[r] == m->item[i])
			r++;
		else
			lhs[n++] = m->item[i];
	return bmc_itemsets_find(m->sets, lhs, n);
}

/* The rule with the right side at hand, when it is wanted. *more: may the right side grow? */
static BmStatus
try_rule(Maker *m, bool *more)
{
	uint32_t both = m->sets->count[m->row], lhs = find_lhs(m), rhs, a, b;

	*more = false;
	if (lhs == BM_NONE)
		return BM_EINVAL;
	a = m->sets->count[lhs];
	if ((double) both / (double) a < m->o->min_confidence)
		return BM_OK;
	*more = true;
	if (m->length - m->nrhs > m->o->max_lhs)
		return BM_OK;
	rhs = bmc_itemsets_find(m->sets, m->rhs, m->nrhs);
	if (rhs == BM_NONE)
		return BM_EINVAL;
	b = m->sets->count[rhs];
	if ((double) both * m->o->baskets / ((double) a * b) < m->o->min_lift)
		return BM_OK;
	m->work += 64;
	return add_rule(m->rules, (BmRule){m->row, lhs, rhs},
					bmc_fisher_greater(both, a, b, m->o->baskets));
}

/* Every right side that is the present one with items from position from on. */
static BmStatus
grow_rhs(Maker *m, uint32_t from)
{
	BmStatus status = BM_OK;

	for (uint32_t i = from; i < m->length && status == BM_OK; i++)
	{
		bool more;

		m->rhs[m->nrhs++] = m->item[i];
		m->work += m->length;
		status = try_rule(m, &more);
		if (status == BM_OK && m->work > STOP_EVERY)
		{
			m->work = 0;
			status = bmc_stop(m->stop) ? BM_ESTOP : BM_OK;
		}
		if (status == BM_OK && more && m->nrhs < m->o->max_rhs && m->nrhs + 1 < m->length)
			status = grow_rhs(m, i + 1);
		m->nrhs--;
	}
	return status;
}

/* Ways to split an itemset of length items within the lengths. */
static double
count_splits(const BmRuleOptions *o, uint32_t length)
{
	double ways = 1.0, sum = 0.0;

	for (uint32_t r = 1; r < length && r <= o->max_rhs; r++)
	{
		ways *= (double) (length - r + 1) / r; /* length choose r */
		if (length - r <= o->max_lhs)
			sum += ways;
	}
	return sum;
}

static BmStatus
make_all(Maker *m)
{
	const BmItemsets *s = m->sets;
	BmStatus status = BM_OK;

	for (size_t i = 0; i < s->n && status == BM_OK; i++)
	{
		m->row = (uint32_t) i;
		m->item = s->item + s->start[i];
		m->length = bmc_itemset_length(s, i);
		if (m->length == 1)
			m->rules->no_lhs += (double) s->count[i] / m->o->baskets >= m->o->min_confidence;
		else if (m->length > 64)
			status = BM_ELIMIT; /* all its subsets cannot be there */
		else
		{
			m->rules->tests += count_splits(m->o, m->length);
			status = grow_rhs(m, 0);
		}
	}
	return status;
}

/* ---- order ---- */

static bool
rule_before(const BmItemsets *s, const BmRule *x, const BmRule *y)
{
	/* confidences as fractions, so that equal ones are equal */
	uint64_t left = (uint64_t) s->count[x->both] * s->count[y->lhs];
	uint64_t right = (uint64_t) s->count[y->both] * s->count[x->lhs];

	if (left != right)
		return left > right;
	if (s->count[x->both] != s->count[y->both])
		return s->count[x->both] > s->count[y->both];
	if (x->lhs != y->lhs)
		return x->lhs < y->lhs;
	return x->rhs < y->rhs;
}

/* Merge sort of numbers of rules, bottom up; the result is in *order, which may become other. */
static BmStatus
sort_order(const BmRules *r, const BmItemsets *s, uint32_t **order, uint32_t **other,
		   const BmStop *stop)
{
	size_t work = 0;

	for (size_t width = 1; width < r->n; width *= 2)
	{
		uint32_t *from = *order, *to = *other;

		for (size_t lo = 0; lo < r->n; lo += 2 * width)
		{
			size_t mid = lo + width < r->n ? lo + width : r->n;
			size_t hi = mid + width < r->n ? mid + width : r->n, a = lo, b = mid;

			for (size_t i = lo; i < hi; i++)
				to[i] =
					b >= hi || (a < mid && !rule_before(s, &r->rule[from[b]], &r->rule[from[a]]))
						? from[a++]
						: from[b++];
			work += hi - lo;
			if (work > STOP_EVERY)
			{
				work = 0;
				if (bmc_stop(stop))
					return BM_ESTOP;
			}
		}
		*order = to;
		*other = from;
	}
	return BM_OK;
}

/* Rules and their p in order; the old arrays are freed. */
static BmStatus
apply_order(BmRules *r, const uint32_t *order)
{
	BmRule *rule = bmc_alloc(r->mem, r->n, sizeof(BmRule));
	double *fisher = bmc_alloc(r->mem, r->n, sizeof(double));

	if (rule == NULL || fisher == NULL)
	{
		bmc_free(r->mem, rule);
		bmc_free(r->mem, fisher);
		return BM_ENOMEM;
	}
	for (size_t i = 0; i < r->n; i++)
	{
		rule[i] = r->rule[order[i]];
		fisher[i] = r->fisher[order[i]];
	}
	bmc_free(r->mem, r->rule);
	bmc_free(r->mem, r->fisher);
	r->rule = rule;
	r->fisher = fisher;
	r->capacity = r->n;
	return BM_OK;
}

static BmStatus
sort_rules(BmRules *r, const BmItemsets *s, const BmStop *stop)
{
	uint32_t *order = bmc_alloc(r->mem, r->n, sizeof(uint32_t));
	uint32_t *other = bmc_alloc(r->mem, r->n, sizeof(uint32_t));
	BmStatus status = order && other ? BM_OK : BM_ENOMEM;

	for (size_t i = 0; status == BM_OK && i < r->n; i++)
		order[i] = (uint32_t) i;
	if (status == BM_OK)
		status = sort_order(r, s, &order, &other, stop);
	if (status == BM_OK)
		status = apply_order(r, order);
	bmc_free(r->mem, order);
	bmc_free(r->mem, other);
	return status;
}

BmStatus
bmc_rules_make(BmRules *rules, const BmItemsets *sets, const BmRuleOptions *options, BmMem *mem,
			   const BmStop *stop)
{
	Maker m;
	BmStatus status;

	memset(rules, 0, sizeof(*rules));
	rules->mem = mem;
	memset(&m, 0, sizeof(m));
	m.rules = rules;
	m.sets = sets;
	m.o = options;
	m.stop = stop;
	status = make_all(&m);
	if (status == BM_OK && rules->n >= BM_NONE)
		status = BM_ELIMIT;
	if (status == BM_OK)
		status = sort_rules(rules, sets, stop);
	if (status == BM_OK)
	{
		rules->adjusted = bmc_alloc(mem, rules->n, sizeof(double));
		status = rules->adjusted ? bmc_benjamini_hochberg(rules->adjusted, rules->fisher, rules->n,
														  rules->tests, mem, stop)
								 : BM_ENOMEM;
	}
	if (status != BM_OK)
		bmc_rules_free(rules);
	return status;
}
