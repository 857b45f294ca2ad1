/*
 * Next baskets against a twin written down from next_basket.h: baskets as lists, profiles as dense vectors, all
 * users compared with all.
 */
#include "rec_check.h"
#include "core/rec/next_basket.h"

static Log L;

/* Several events of one time, pauses of minutes and of days. */
static void
set_times(void)
{
	BmRng rng = bmc_rng(8, 8);

	for (size_t u = 0; u < USERS; u++)
	{
		int64_t t = (int64_t) bmc_rng_below(&rng, 100000) * 60000000;

		for (size_t e = L.start[u]; e < L.start[u + 1]; e++)
		{
			uint32_t dice = bmc_rng_below(&rng, 4);

			t += dice == 0 ? 0 : dice == 1 ? INT64_C(300000000) : INT64_C(86400000000);
			L.time[e] = t;
		}
	}
}

/* v (ITEMS) of a history; part (h->n): the event's own part of its item's value. */
static void
twin_profile(double *v, double *part, const BmHistory *h, const BmNextBasketOptions *o)
{
	int basket[LONGEST], baskets = 0, size, groups;
	size_t before = h->n;

	memset(v, 0, ITEMS * sizeof(double));
	memset(part, 0, LONGEST * sizeof(double));
	for (size_t e = 0; e < h->n; e++)
	{
		if (L.weight[h->event[e]] <= 0)
			continue;
		if (before == h->n || (double) (h->time[e] - h->time[before]) > o->gap_minutes * 60e6)
			baskets++;
		basket[e] = baskets - 1;
		before = e;
	}
	if (baskets == 0)
		return;
	size = (baskets + o->groups - 1) / o->groups;
	groups = (baskets + size - 1) / size;
	for (int b = 0; b < baskets; b++)
	{
		int age = baskets - 1 - b, group = age / size;
		int members = 0;
		double entry[ITEMS] = {0};

		for (int x = 0; x < baskets; x++)
			members += (baskets - 1 - x) / size == group;
		for (size_t e = h->n; e-- > 0;) /* the newest first: an older one adds what it has more */
			if (L.weight[h->event[e]] > 0 && basket[e] == b)
			{
				double more = fmax(L.weight[h->event[e]] - entry[h->item[e]], 0);

				entry[h->item[e]] += more;
				part[e] =
					more * pow(o->between, group) * pow(o->within, age % size) / members / groups;
			}
		for (int i = 0; i < ITEMS; i++)
			v[i] +=
				entry[i] * pow(o->between, group) * pow(o->within, age % size) / members / groups;
	}
}

static double profile[USERS][ITEMS];

static double
inner(const double *a, const double *b)
{
	double sum = 0;

	for (int i = 0; i < ITEMS; i++)
		sum += a[i] * b[i];
	return sum;
}

/* Scores (ITEMS) and shares (ITEMS, LONGEST) of one history. */
static void
twin(double *score, double *share, const BmHistory *h, const BmNextBasketOptions *o)
{
	double v[ITEMS], part[LONGEST], near[USERS];
	int chosen[USERS], n = 0;

	memset(score, 0, ITEMS * sizeof(double));
	memset(share, 0, ITEMS * LONGEST * sizeof(double));
	twin_profile(v, part, h, o);
	if (inner(v, v) == 0)
		return;
	for (int u = 0; u < USERS; u++)
	{
		double *p = profile[u], square = inner(p, p);

		near[u] = square == 0 ? -INFINITY
				  : o->distance == BM_BASKET_COSINE
					  ? (inner(v, p) > 0 ? inner(v, p) / sqrt(square * inner(v, v)) : -INFINITY)
					  : -(square + inner(v, v) - 2 * inner(v, p));
	}
	while (n < o->neighbours)
	{
		int best = -1;

		for (int u = 0; u < USERS; u++)
			if (isfinite(near[u]) && (best < 0 || near[u] > near[best]))
				best = u;
		if (best < 0)
			break;
		near[best] = -INFINITY;
		chosen[n++] = best;
	}
	for (int i = 0; i < ITEMS; i++)
	{
		score[i] = o->own * v[i];
		for (size_t e = 0; e < h->n; e++)
			share[i * LONGEST + (int) e] = (int) h->item[e] == i ? o->own * part[e] : 0;
		for (int k = 0; k < n; k++)
		{
			double *p = profile[chosen[k]], given = (1 - o->own) * p[i] / n, dot = inner(v, p);

			score[i] += given;
			for (size_t e = 0; e < h->n && dot > 0; e++)
				share[i * LONGEST + (int) e] += given * part[e] * p[h->item[e]] / dot;
		}
	}
}

static void
compare(const BmNextBasketOptions *o)
{
	Fitted f;
	static float scores[USERS * ITEMS], share[ITEMS * LONGEST];
	static double want[ITEMS], want_share[ITEMS * LONGEST], part[LONGEST];
	BmHistory h[USERS];
	uint32_t all[ITEMS];
	void *scratch;

	for (size_t u = 0; u < USERS; u++)
	{
		h[u] = history(&L.s, u);
		h[u].n = bmc_sequence_length(&L.s, u);
		twin_profile(profile[u], part, &h[u], o);
		h[u] = history(&L.s, u);
	}
	CHECK_INT(fit_model(&f, &bmc_next_basket, o, &L.s, NULL, NULL, 0), BM_OK);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, USERS) + 127) / 64 * 64);
	for (uint32_t i = 0; i < ITEMS; i++)
		all[i] = i;
	f.r->score(scores, f.bound, h, USERS, scratch, false);
	for (size_t u = 0; u < USERS; u++)
	{
		twin(want, want_share, &h[u], o);
		f.r->explain(share, f.bound, &h[u], all, ITEMS, scratch);
		for (size_t i = 0; i < ITEMS; i++)
		{
			double total = 0;

			CHECK_NEAR(scores[u * ITEMS + i], want[i], 1e-5 * (1 + fabs(want[i])));
			for (size_t e = 0; e < h[u].n; e++)
				total += want_share[i * LONGEST + e];
			for (size_t e = 0; e < h[u].n; e++)
				CHECK_NEAR(share[i * h[u].n + e],
						   total > 1e-6 ? want_share[i * LONGEST + e] / total
										: share[i * h[u].n + e],
						   1e-3);
		}
	}
	free(scratch);
	free_model(&f);
}

static void
test_formulas(void)
{
	/* every neighbour votes, or few whose order no tie decides */
	BmNextBasketOptions o[] = {
		{1000, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_EUCLIDEAN},
		{1000, 3, 0.8, 0.6, 0.3, 30, BM_BASKET_COSINE},
		{5, 1, 1, 1, 0.5, 30, BM_BASKET_COSINE},
		{5, 2, 0.5, 0.9, 0, 100000, BM_BASKET_EUCLIDEAN},
		{1, 1, 1, 1, 1, 0, BM_BASKET_COSINE},
	};

	CASE("profiles, neighbours, scores and shares are the formulas");
	for (size_t i = 0; i < sizeof(o) / sizeof(o[0]); i++)
		compare(&o[i]);
}

/* Planted: user 0 buys milk in every basket, tea in every other; users 1 to 9 milk with bread. */
static void
test_planted(void)
{
	enum
	{
		MILK,
		TEA,
		BREAD,
		RARE
	};
	static uint32_t item[400];
	static int64_t time[400];
	size_t start[11] = {0}, n = 0;
	BmNextBasketOptions o = {5, 7, 0.9, 0.7, 0.7, 0, BM_BASKET_COSINE};
	BmSequences s = {10, 4, start, item, time, NULL, NULL, NULL, NULL, NULL};
	float scores[4];
	BmHistory h;
	void *scratch;
	Fitted f;

	CASE("a habit comes first, then what is bought less often, then what neighbours buy");
	for (int u = 0; u < 10; u++)
	{
		for (int b = 0; b < 10; b++)
		{
			item[n] = MILK, time[n++] = b * INT64_C(86400000000);
			if (u > 0 || b % 2)
				item[n] = u == 0 ? TEA : BREAD, time[n++] = b * INT64_C(86400000000);
		}
		start[u + 1] = n;
	}
	CHECK_INT(fit_model(&f, &bmc_next_basket, &o, &s, NULL, NULL, 0), BM_OK);
	scratch = aligned_alloc(64, (f.r->score_bytes(f.bound, 1) + 127) / 64 * 64);
	h = history(&s, 0);
	f.r->score(scores, f.bound, &h, 1, scratch, false);
	CHECK(scores[MILK] > scores[TEA] && scores[TEA] > scores[BREAD] && scores[BREAD] > 0);
	CHECK_NEAR(scores[RARE], 0, 0);
	CASE("without times a history is one basket; without events there is no score");
	h.time = NULL;
	f.r->score(scores, f.bound, &h, 1, scratch, false);
	CHECK(scores[MILK] > 0.7f && scores[TEA] >= 0.7f);
	h.n = 0;
	f.r->score(scores, f.bound, &h, 1, scratch, false);
	for (int i = 0; i < 4; i++)
		CHECK_NEAR(scores[i], 0, 0);
	free(scratch);
	free_model(&f);
}

static void
test_runs(void)
{
	BmNextBasketOptions o = {20, 7, 0.9, 0.7, 0.7, 30, BM_BASKET_COSINE};

	CASE("the same bits with 1, 2 and 3 threads; the estimate of memory holds");
	check_threads(&bmc_next_basket, &o, &L);
	CASE("a stop ends a fit; a refused allocation is told; neither leaks");
	check_failures(&bmc_next_basket, &o, &L);
	CASE("an event of weight 0 is none at all");
	check_weight_zero(&bmc_next_basket, &o, &L);
}

static void
test_damage(void)
{
	BmNextBasketOptions o = {20, 7, 0.9, 0.7, 0.7, 30, BM_BASKET_COSINE};
	static const char *const any[] = {"value", "square", NULL};

	CASE("bind refuses every damaged index, shape and setting");
	check_damage(&bmc_next_basket, &o, &L, any);
}

int
main(void)
{
	make_log(&L, 3);
	set_times();
	test_formulas();
	test_planted();
	test_runs();
	test_damage();
	return unit_done();
}
