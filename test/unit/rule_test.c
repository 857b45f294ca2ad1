/*
 * Rules against naive twins: every split of every frequent itemset, measures from relative supports,
 * Fisher's test by counting tables, Benjamini and Hochberg by its definition.
 */
#include "unit.h"
#include "core/mine/association.h"
#include "core/mine/rule.h"
#include "core/num/rng.h"

#define MOST_ITEMS 7
#define MOST_BASKETS 60

static size_t
cases(void)
{
	const char *text = getenv("UNIT_CASES");

	return text ? (size_t) strtoul(text, NULL, 10) : 400;
}

/* ---- measures ---- */

/* The formulas as they are written in papers, from relative supports. */
static void
naive_measures(double s, double sa, double sb, double n, const BmAssociation *m)
{
	double conf = s / sa, leverage = s - sa * sb, chi2 = 0.0;
	double cell[4] = {s, sa - s, sb - s, 1.0 - sa - sb + s};
	double mean[4] = {sa * sb, sa * (1 - sb), (1 - sa) * sb, (1 - sa) * (1 - sb)};

	CHECK_NEAR(m->support, s, 1e-14);
	CHECK_NEAR(m->confidence, conf, 1e-14);
	CHECK_NEAR(m->lift, conf / sb, 1e-12 * m->lift);
	CHECK_NEAR(m->leverage, leverage, 1e-14);
	CHECK_NEAR(m->jaccard, s / (sa + sb - s), 1e-12);
	CHECK_NEAR(m->cosine, s / sqrt(sa * sb), 1e-12);
	CHECK_NEAR(m->kulczynski, (s / sa + s / sb) / 2, 1e-12);
	CHECK_NEAR(m->imbalance, fabs(sa - sb) / (sa + sb - s), 1e-12);
	if (sb == 1.0)
		CHECK(isnan(m->conviction));
	else if (conf == 1.0)
		CHECK(isinf(m->conviction) && m->conviction > 0);
	else
		CHECK_NEAR(m->conviction, (1 - sb) / (1 - conf), 1e-10 * m->conviction);
	if (sa == 1.0 || sb == 1.0)
	{
		CHECK(isnan(m->zhang) && isnan(m->chi2));
		return;
	}
	CHECK_NEAR(m->zhang, leverage / fmax(s * (1 - sa), sa * (sb - s)), 1e-10);
	for (int c = 0; c < 4; c++)
		chi2 += n * (cell[c] - mean[c]) * (cell[c] - mean[c]) / mean[c];
	CHECK_NEAR(m->chi2, chi2, 1e-9 * (1.0 + chi2));
}

/* The upper tail from binomial coefficients; exact in long double for n up to 60. */
static double
naive_fisher(uint32_t both, uint32_t a, uint32_t b, uint32_t n)
{
	static long double choose[MOST_BASKETS + 1][MOST_BASKETS + 1];
	long double sum = 0;

	for (int r = 0; choose[0][0] == 0 && r <= MOST_BASKETS; r++)
		for (int k = 0; k <= r; k++)
			choose[r][k] = k == 0 || k == r ? 1 : choose[r - 1][k - 1] + choose[r - 1][k];
	for (uint32_t k = both; k <= a && k <= b; k++)
		if (b - k <= n - a)
			sum += choose[a][k] * choose[n - a][b - k];
	return (double) (sum / choose[n][b]);
}

static void
every_small_table(void)
{
	uint32_t worst_n = 0;
	double worst = 0;

	CASE("every 2x2 table of up to 30 baskets: measures, and Fisher by counting tables");
	for (uint32_t n = 1; n <= 30; n++)
		for (uint32_t a = 1; a <= n; a++)
			for (uint32_t b = 1; b <= n; b++)
				for (uint32_t both = a + b > n ? a + b - n : 0; both <= a && both <= b; both++)
				{
					double p, want;

					if (both == 0)
						continue;
					p = bmc_fisher_greater(both, a, b, n);
					want = naive_fisher(both, a, b, n);
					if (fabs(p - want) > worst * want)
					{
						worst = fabs(p - want) / want;
						worst_n = n;
					}
					if (n < 14)
					{
						BmAssociation m = bmc_association(both, a, b, n);

						naive_measures((double) both / n, (double) a / n, (double) b / n, n, &m);
					}
				}
	if (worst > 1e-11)
		UNIT_FAIL("Fisher is off by a factor of 1 + %g at n = %u", worst, worst_n);
}

static void
large_tables(void)
{
	CASE("Fisher's p of large tables: published and computed with exact rationals");
	/* Fisher 1935, tea: 3 of 4; and scipy's documentation of fisher_exact, one-sided */
	CHECK_NEAR(bmc_fisher_greater(3, 4, 4, 8), 17.0 / 70.0, 1e-14);
	/* integer arithmetic: sum of C(a,k) C(n-a,b-k) / C(n,b) */
	CHECK_NEAR(bmc_fisher_greater(736, 1903, 2513, 9835) / 1.443891554743752864e-45, 1, 1e-10);
	CHECK_NEAR(bmc_fisher_greater(12, 19, 327, 9835) / 6.116444666375407670e-14, 1, 1e-10);
	CHECK_NEAR(bmc_fisher_greater(1030, 100000, 100000, 10000000) / 0.1728665867324824802, 1, 1e-9);
	CHECK_NEAR(bmc_fisher_greater(970, 100000, 100000, 10000000) / 0.8349746969670473046, 1, 1e-9);
	CHECK_NEAR(bmc_fisher_greater(1, 5, 5, 4000000000u), 25.0 / 4000000000.0, 1e-16);
	CHECK(bmc_fisher_greater(2000000000, 2000000000, 2000000000, 4000000000u) == 0); /* underflow */
	CHECK(bmc_fisher_greater(5, 5, 10, 10) == 1 && bmc_fisher_greater(3, 7, 3, 7) == 1);
}

/* ---- adjusted p ---- */

static void
adjusted(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	BmRng rng = bmc_rng(1, 1);

	CASE("Benjamini and Hochberg against the definition, ties and tests beyond those given");
	for (int c = 0; c < 300; c++)
	{
		double p[40], got[40];
		size_t n = bmc_rng_below(&rng, 41), tests = n + bmc_rng_below(&rng, 3) * 10;

		for (size_t i = 0; i < n; i++)
			p[i] = pow(bmc_rng_below(&rng, 20) / 20.0, 4);
		CHECK_INT(bmc_benjamini_hochberg(got, p, n, (double) tests, mem, NULL), BM_OK);
		for (size_t i = 0; i < n; i++)
		{
			double least = 1.0; /* over all thresholds t >= p[i]: t tests / #{p <= t} */

			for (size_t j = 0; j < n; j++)
			{
				size_t below = 0;

				for (size_t k = 0; k < n; k++)
					below += p[k] <= p[j];
				if (p[j] >= p[i])
					least = fmin(least, p[j] * (double) tests / (double) below);
			}
			CHECK_NEAR(got[i], least, 1e-14);
		}
	}
	CHECK_INT(h.live, 0);
}

/* ---- rules ---- */

typedef struct Found
{
	uint32_t lhs, rhs, both, a, b;
} Found;

static uint32_t
mask_of(const BmItemsets *s, uint32_t row)
{
	uint32_t mask = 0;

	for (size_t e = s->start[row]; e < s->start[row + 1]; e++)
		mask |= UINT32_C(1) << s->item[e];
	return mask;
}

/* All rules by trying every pair of disjoint sets; *tests counts those of enough support. */
static size_t
brute(Found *out, const uint32_t *basket, uint32_t n, uint32_t nitems, uint32_t min_support,
	  const BmRuleOptions *o, size_t *tests)
{
	size_t found = 0;

	*tests = 0;
	for (uint32_t lhs = 1; lhs < UINT32_C(1) << nitems; lhs++)
		for (uint32_t rhs = 1; rhs < UINT32_C(1) << nitems; rhs++)
		{
			Found f = {lhs, rhs, 0, 0, 0};

			if ((lhs & rhs) || (uint32_t) __builtin_popcount(lhs) > o->max_lhs ||
				(uint32_t) __builtin_popcount(rhs) > o->max_rhs)
				continue;
			for (uint32_t r = 0; r < n; r++)
			{
				f.a += (basket[r] & lhs) == lhs;
				f.b += (basket[r] & rhs) == rhs;
				f.both += (basket[r] & (lhs | rhs)) == (lhs | rhs);
			}
			if (f.both < min_support)
				continue;
			++*tests;
			if ((double) f.both / f.a >= o->min_confidence &&
				(double) f.both * n / ((double) f.a * f.b) >= o->min_lift)
				out[found++] = f;
		}
	return found;
}

static void
check_rules(const BmRules *r, const BmItemsets *s, const Found *want, size_t n)
{
	CHECK_INT(r->n, n);
	for (size_t i = 0; i < r->n; i++)
	{
		const BmRule *rule = &r->rule[i];
		Found f = {mask_of(s, rule->lhs), mask_of(s, rule->rhs), s->count[rule->both],
				   s->count[rule->lhs], s->count[rule->rhs]};
		bool there = false;

		for (size_t j = 0; j < n && !there; j++)
			there = memcmp(&f, &want[j], sizeof(f)) == 0;
		CHECK(there);
		CHECK_INT(mask_of(s, rule->both), f.lhs | f.rhs);
		CHECK(r->adjusted[i] >= r->fisher[i] && r->adjusted[i] <= 1.0);
		if (i > 0)
		{
			const BmRule *last = &r->rule[i - 1];
			double c0 = (double) s->count[last->both] / s->count[last->lhs];
			double c1 = (double) f.both / f.a;

			CHECK(c0 > c1 || (c0 == c1 && (s->count[last->both] > f.both ||
										   (s->count[last->both] == f.both &&
											(last->lhs < rule->lhs ||
											 (last->lhs == rule->lhs && last->rhs < rule->rhs))))));
		}
	}
}

static void
against_brute_force(void)
{
	static Found want[1 << (2 * MOST_ITEMS)];
	BmRng rng = bmc_rng(3, 9);
	size_t rules = 0;

	CASE("rules of random baskets against every pair of sets");
	for (size_t c = 0; c < cases(); c++)
	{
		uint32_t basket[MOST_BASKETS], n = 1 + bmc_rng_below(&rng, c % 10 ? 20 : MOST_BASKETS);
		uint32_t nitems = 1 + bmc_rng_below(&rng, c % 8 ? 5 : MOST_ITEMS);
		uint32_t col[MOST_BASKETS * MOST_ITEMS], base = bmc_rng_u32(&rng);
		size_t start[MOST_BASKETS + 1], at = 0, tests, no_lhs = 0;
		BmRuleOptions o = {n, (1 + bmc_rng_below(&rng, 10)) / 10.0, bmc_rng_below(&rng, 3) / 1.5,
						   1 + bmc_rng_below(&rng, 4), 1 + bmc_rng_below(&rng, 4)};
		BmItemsetOptions io = {
			BM_ITEMSETS_ALL, 1 + bmc_rng_below(&rng, n / 2 + 1), 1, o.max_lhs + o.max_rhs, 0, 0,
			BM_ENGINE_AUTO};
		UnitHeap h;
		BmMem *mem = unit_heap(&h);
		BmItemsets s;
		BmRules r;
		BmSparse b = {n, nitems, start, col, NULL};

		for (uint32_t k = 0; k < n; k++)
		{
			basket[k] = (bmc_rng_u32(&rng) & bmc_rng_u32(&rng)) ^ (c % 3 ? base : 0);
			basket[k] &= (UINT32_C(1) << nitems) - 1;
			start[k] = at;
			for (uint32_t i = 0; i < nitems; i++)
				if (basket[k] >> i & 1)
					col[at++] = i;
		}
		start[n] = at;
		CHECK_INT(bmc_itemsets_mine(&s, &b, &io, mem, NULL), BM_OK);
		CHECK_INT(bmc_itemsets_index(&s, NULL), BM_OK);
		CHECK_INT(bmc_rules_make(&r, &s, &o, mem, NULL), BM_OK);
		check_rules(&r, &s, want, brute(want, basket, n, nitems, io.min_support, &o, &tests));
		CHECK_INT(r.tests, tests);
		for (size_t i = 0; i < s.n; i++)
			no_lhs +=
				s.start[i + 1] - s.start[i] == 1 && (double) s.count[i] / n >= o.min_confidence;
		CHECK_INT(r.no_lhs, no_lhs);
		rules += r.n;
		bmc_rules_free(&r);
		bmc_itemsets_free(&s);
		CHECK_INT(h.live, 0);
	}
	CHECK(rules > 1000); /* else nothing was tested */
}

static bool
stop_at_once(void *arg)
{
	return true;
}

static void
stopped_and_starved(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	size_t start[3001];
	uint32_t *col = malloc(3000 * 14 * sizeof(uint32_t));
	BmSparse b = {3000, 14, start, col, NULL};
	BmRng rng = bmc_rng(2, 2);
	BmItemsetOptions io = {BM_ITEMSETS_ALL, 3, 1, UINT32_MAX, 0, 0, BM_ENGINE_AUTO};
	BmRuleOptions o = {3000, 0.3, 0, UINT32_MAX, UINT32_MAX};
	BmStop stop = {stop_at_once, NULL};
	BmStatus status = BM_ENOMEM;
	BmItemsets s;
	BmRules r;
	size_t at = 0;

	CASE("a stop, a failing allocator and itemsets with holes end in a status");
	for (size_t k = 0; k < 3000; k++)
	{
		start[k] = at;
		for (uint32_t i = 0; i < 14; i++)
			if (bmc_rng_below(&rng, 2))
				col[at++] = i;
	}
	start[3000] = at;
	CHECK_INT(bmc_itemsets_mine(&s, &b, &io, mem, NULL), BM_OK);
	CHECK_INT(bmc_itemsets_index(&s, NULL), BM_OK);
	{
		long live = h.live;

		CHECK_INT(bmc_rules_make(&r, &s, &o, mem, &stop), BM_ESTOP);
		CHECK_INT(h.live, live);
		for (long fail = 1; status == BM_ENOMEM && fail < 200; fail++)
		{
			h.calls = 0;
			h.fail_at = fail;
			status = bmc_rules_make(&r, &s, &o, mem, NULL);
		}
		h.fail_at = 0;
		CHECK_INT(status, BM_OK);
		CHECK(r.n > 1000);
		bmc_rules_free(&r);
		CHECK_INT(h.live, live);
	}
	bmc_itemsets_free(&s);
	io.min_length = 2; /* single items are missing */
	CHECK_INT(bmc_itemsets_mine(&s, &b, &io, mem, NULL), BM_OK);
	CHECK_INT(bmc_itemsets_index(&s, NULL), BM_OK);
	CHECK_INT(bmc_rules_make(&r, &s, &o, mem, NULL), BM_EINVAL);
	bmc_itemsets_free(&s);
	CHECK_INT(h.live, 0);
	free(col);
}

int
main(void)
{
	every_small_table();
	large_tables();
	adjusted();
	against_brute_force();
	stopped_and_starved();
	return unit_done();
}
