/*
 * Periods against a calendar counted day by day; active periods against an array of flags; retention,
 * lifecycle and stickiness against their definitions, event by event, on random logs full of ties.
 * BM_CASES=50000 runs so many random logs.
 */
#include "unit.h"
#include "core/mine/retention.h"
#include "core/num/rng.h"

/* ---- periods ---- */

static bool
leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static void
test_calendar(void)
{
	static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t day = 0;
	int year = 2000;

	CASE("periods of every day of 1200 years");
	for (; year > 1500; year--)
		day -= leap(year - 1) ? 366 : 365;
	for (; year < 2700; year++)
		for (int month = 0; month < 12; month++)
			for (int d = 0; d < length[month] + (month == 1 && leap(year)); d++, day++)
			{
				int64_t noon = day * BM_USECS_PER_DAY + BM_USECS_PER_DAY / 2;
				int64_t months = 12 * (year - 2000) + month;

				CHECK_INT(bmc_period(BM_GRAIN_DAY, noon), day);
				CHECK_INT(bmc_period(BM_GRAIN_MONTH, noon), months);
				CHECK_INT(bmc_period(BM_GRAIN_QUARTER, noon), bmc_floor_div(months, 3));
				CHECK_INT(bmc_period(BM_GRAIN_YEAR, noon), year - 2000);
				CHECK_INT(bmc_period(BM_GRAIN_WEEK, noon), bmc_floor_div(day - 2, 7));
				if (d == 0)
					CHECK_INT(bmc_period_start(BM_GRAIN_MONTH, (int32_t) months),
							  day * BM_USECS_PER_DAY);
			}
}

static void
test_starts(void)
{
	static const int32_t most[] = {BM_PERIOD_BIAS - 100, 20000000, 3000000, 600000, 200000, 50000};
	BmRng rng = bmc_rng(1, 1);

	CASE("a period begins where the one before it ends");
	for (int g = 0; g < BM_GRAINS; g++)
		for (int i = 0; i < 20000; i++)
		{
			int32_t p = (int32_t) bmc_rng_below(&rng, 2 * (uint32_t) most[g]) - most[g];
			int64_t start = bmc_period_start((BmGrain) g, p);

			CHECK_INT(bmc_period((BmGrain) g, start), p);
			CHECK_INT(bmc_period((BmGrain) g, start - 1), p - 1);
		}
	CHECK(bmc_period(BM_GRAIN_HOUR, BM_PERIOD_MAX_TIME) < BM_PERIOD_BIAS);
	CHECK(bmc_period(BM_GRAIN_HOUR, -BM_PERIOD_MAX_TIME) > -BM_PERIOD_BIAS);
}

/* ---- active periods ---- */

#define SPAN 200 /* periods -100..99 */

static int
compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

static void
check_active(BmRng *rng)
{
	unsigned flag[SPAN] = {0};
	uint64_t word[300];
	size_t n = bmc_rng_below(rng, 300), count = 0, periods = bmc_rng_below(rng, 40);
	bool retained[40], has_first = false, or_after = bmc_rng_below(rng, 2);
	int32_t first = 0, found = 0, period;
	int32_t from = (int32_t) bmc_rng_below(rng, SPAN) - 100, to = from + 50;
	unsigned flags, ask = 1 + bmc_rng_below(rng, 3);
	BmActiveWalk walk;

	for (size_t i = 0; i < n; i++)
	{
		int32_t p = (int32_t) bmc_rng_below(rng, SPAN) - 100;
		unsigned f = 1 + bmc_rng_below(rng, 3);

		flag[p + 100] |= f;
		word[i] = bmc_active_word(p, f);
	}
	CHECK(bmc_active_valid(word, n));
	qsort(word, n, sizeof(uint64_t), compare_words);
	n = bmc_active_unite(word, n);
	CHECK(bmc_active_valid(word, n));
	CHECK(n <= SPAN / BM_ACTIVE_BLOCK + 2);
	walk = bmc_active_walk(word, n);
	for (int p = 0; p < SPAN; p++)
	{
		if (!flag[p])
			continue;
		CHECK(bmc_active_next(&walk, &period, &flags));
		CHECK_INT(period, p - 100);
		CHECK_INT(flags, flag[p]);
		if (!has_first && (flag[p] & BM_ACTIVE_START))
		{
			has_first = true;
			first = p - 100;
		}
		count += p - 100 >= from && p - 100 < to && (flag[p] & ask);
	}
	CHECK(!bmc_active_next(&walk, &period, &flags));
	CHECK_INT(bmc_active_count(word, n, from, to, ask), count);
	CHECK_INT(bmc_active_first(&found, word, n), has_first);
	if (!has_first)
		return;
	CHECK_INT(found, first);
	bmc_active_retained(retained, periods, first, or_after, word, n);
	for (size_t k = 0; k < periods; k++)
	{
		bool want = false;

		for (int p = first + 100 + (int) k; p < SPAN; p++)
			want =
				want || ((flag[p] & BM_ACTIVE_RETURN) && (or_after || p - 100 - first == (int) k));
		CHECK_INT(retained[k], want);
	}
}

static void
test_active(void)
{
	BmRng rng = bmc_rng(2, 2);

	CASE("active periods: united, walked, counted, retained");
	for (int i = 0; i < 3000; i++)
		check_active(&rng);
	CHECK(bmc_active_valid(NULL, 0));
	CHECK(!bmc_active_valid((uint64_t[]){0}, 1));
	CHECK(!bmc_active_valid((uint64_t[]){UINT64_C(1) << 58 | 1}, 1));
	CHECK(bmc_active_valid((uint64_t[]){bmc_active_word(BM_PERIOD_BIAS - 1, 1)}, 1));
	CHECK(bmc_active_valid((uint64_t[]){bmc_active_word(-BM_PERIOD_BIAS, 1)}, 1));
}

/* ---- a random log ---- */

#define UNITS 6
#define EVENTS 40
#define COHORTS 5
#define COLUMNS 6

typedef struct Log
{
	BmActivityLog log;
	size_t start[UNITS + 1];
	int64_t at[EVENTS];
	int32_t period[EVENTS];
	uint8_t flags[EVENTS];
	double value[EVENTS];
	uint32_t group[UNITS];
} Log;

/* rolling: times in 0..99, calendar periods of 10; else period numbers. */
static void
make_log(Log *l, BmRng *rng, bool rolling, bool same)
{
	size_t n = bmc_rng_below(rng, EVENTS + 1), e = 0;
	size_t units = 1 + bmc_rng_below(rng, UNITS);

	memset(l, 0, sizeof(*l));
	for (size_t u = 0; u < units; u++)
	{
		size_t end = u + 1 == units ? n : e + bmc_rng_below(rng, (uint32_t) (n - e + 1));

		l->start[u] = e;
		l->group[u] = bmc_rng_below(rng, 2);
		for (size_t begin = e; e < end; e++)
		{
			int64_t at = bmc_rng_below(rng, rolling ? 100 : 12);
			size_t j = e;

			for (; j > begin && l->at[j - 1] > at; j--)
				l->at[j] = l->at[j - 1];
			l->at[j] = at;
		}
		for (size_t i = l->start[u]; i < end; i++)
		{
			l->period[i] = (int32_t) (rolling ? l->at[i] / 10 : l->at[i]);
			l->flags[i] = (uint8_t) (1 + bmc_rng_below(rng, 3));
			if (same && (l->flags[i] & BM_ACTIVE_START))
				l->flags[i] |= BM_ACTIVE_RETURN;
			l->value[i] = (double) bmc_rng_below(rng, 100);
		}
	}
	l->start[units] = n;
	l->log = (BmActivityLog){units,
							 n,
							 l->start,
							 l->at,
							 rolling ? l->period : NULL,
							 l->flags,
							 bmc_rng_below(rng, 2) ? l->value : NULL,
							 l->group,
							 2};
}

/* Returns of the unit in column k after anchor, and their value; by the definition. */
static int64_t
naive_returns(const Log *l, const BmRetentionSpec *s, size_t u, int64_t anchor, int64_t first,
			  int64_t last, double *value)
{
	int64_t count = 0;

	for (size_t e = l->start[u]; e < l->start[u + 1]; e++)
	{
		int64_t k = bmc_floor_div(l->at[e] - anchor, s->length);

		if (l->at[e] < anchor || !(l->flags[e] & BM_ACTIVE_RETURN) || k < first || k > last)
			continue;
		count++;
		*value += l->value[e];
	}
	return count;
}

static bool
naive_counts(const Log *l, const BmRetentionSpec *s, size_t u, int64_t anchor, int64_t first,
			 int64_t last, double *value)
{
	double sum = 0;
	bool yes = naive_returns(l, s, u, anchor, first, last, &sum) >= s->min_count ||
			   (s->same && first == 0);

	if (yes)
		*value += sum;
	return yes;
}

static void
naive_start(const Log *l, const BmRetentionSpec *s, size_t u, size_t start, int64_t *size,
			int64_t *users, double *value)
{
	int64_t cohort = l->period[start] - s->first_cohort, anchor = l->at[start];
	size_t row = l->group[u] * s->ncohorts + (size_t) cohort;

	if (cohort < 0 || cohort >= s->ncohorts)
		return;
	if (s->round > 1)
		anchor -= anchor % s->round;
	size[row]++;
	for (uint32_t k = 0; k < s->periods; k++)
	{
		size_t cell = row * s->periods + k;
		bool yes = false;

		if (s->criterion == BM_RETAINED_BRACKET)
			yes = naive_counts(l, s, u, anchor, s->bracket[k].first, s->bracket[k].last,
							   &value[cell]);
		else if (s->criterion == BM_RETAINED_ON)
			yes = naive_counts(l, s, u, anchor, k, k, &value[cell]);
		else
			for (int64_t later = k; later < 110; later++)
				yes = naive_counts(l, s, u, anchor, later, later, &value[cell]) || yes;
		users[cell] += yes;
	}
}

static void
naive(const Log *l, const BmRetentionSpec *s, int64_t *size, int64_t *users, double *value)
{
	for (size_t u = 0; u < l->log.nunits; u++)
		for (size_t e = l->start[u]; e < l->start[u + 1]; e++)
		{
			bool earlier = false;

			if (!(l->flags[e] & BM_ACTIVE_START))
				continue;
			for (size_t d = l->start[u]; d < e; d++)
				earlier = earlier || ((l->flags[d] & BM_ACTIVE_START) &&
									  (!s->every || l->period[d] == l->period[e]));
			if (!earlier)
				naive_start(l, s, u, e, size, users, value);
		}
}

static void
check_retention(BmRng *rng, int c)
{
	bool rolling = c % 2, same = bmc_rng_below(rng, 2);
	BmBracket bracket[COLUMNS];
	BmRetentionSpec s = {.criterion = (BmRetentionCriterion) (c / 2 % 3),
						 .periods = 1 + bmc_rng_below(rng, COLUMNS),
						 .bracket = bracket,
						 .every = bmc_rng_below(rng, 2),
						 .same = same,
						 .min_count = 1 + bmc_rng_below(rng, 3),
						 .length = rolling ? 1 + bmc_rng_below(rng, 15) : 1,
						 .round = 1,
						 .first_cohort = (int32_t) bmc_rng_below(rng, 4) - 1,
						 .ncohorts = 1 + bmc_rng_below(rng, COHORTS)};
	int64_t size[2 * COHORTS] = {0}, want_size[2 * COHORTS] = {0};
	int64_t users[2 * COHORTS * COLUMNS] = {0}, want[2 * COHORTS * COLUMNS] = {0};
	double value[2 * COHORTS * COLUMNS] = {0}, want_value[2 * COHORTS * COLUMNS] = {0};
	BmRetention out = {size, users, value};
	UnitHeap h;
	Log l;

	if (rolling)
		s.round = 1 + bmc_rng_below(rng, (uint32_t) s.length);
	make_log(&l, rng, rolling, same);
	out.value = l.log.value ? value : NULL;
	for (int b = 0; b < COLUMNS; b++)
	{
		bracket[b].first = bmc_rng_below(rng, 6);
		bracket[b].last = bmc_rng_below(rng, 4) == 0
							  ? INT64_MAX
							  : bracket[b].first + (int64_t) bmc_rng_below(rng, 5);
	}
	CHECK_INT(bmc_retention(&out, &l.log, &s, unit_heap(&h), NULL), BM_OK);
	CHECK_INT(h.live, 0);
	naive(&l, &s, want_size, want, want_value);
	CHECK(memcmp(size, want_size, sizeof(size)) == 0);
	CHECK(memcmp(users, want, sizeof(users)) == 0);
	CHECK(!l.log.value || memcmp(value, want_value, sizeof(value)) == 0);
}

/* ---- shares and means ---- */

static void
test_shares(void)
{
	int64_t size[] = {4, 1, 2}, users[] = {4, 2, 1, 1, 1, 0, 2, 1, 0};
	int64_t horizon[] = {9, 9, 2};
	BmRetention r = {size, users, NULL};
	BmRetentionSpec s = {.periods = 3, .ncohorts = 3};
	BmBracket bracket[] = {{0, 0}, {1, 2}, {3, INT64_MAX}};
	BmRetentionMean m;

	CASE(
		"shares and means: weighted, simple, of the column before; unfinished columns are unknown");
	CHECK_NEAR(bmc_retention_share(&r, &s, horizon, 0, 0, 1, false), 0.5, 0);
	CHECK_NEAR(bmc_retention_share(&r, &s, horizon, 0, 0, 2, true), 0.5, 0);
	CHECK_NEAR(bmc_retention_share(&r, &s, horizon, 0, 2, 1, false), 0.5, 0);
	CHECK(isnan(bmc_retention_share(&r, &s, horizon, 0, 2, 2, false)));
	CHECK_NEAR(bmc_retention_share(&r, &s, horizon, 0, 1, 2, true), 0, 0);
	m = bmc_retention_mean(&r, &s, horizon, 0, 1, false, false);
	CHECK_INT(m.size, 7);
	CHECK_INT(m.users, 4);
	CHECK_NEAR(m.share, 4.0 / 7, 1e-15);
	m = bmc_retention_mean(&r, &s, horizon, 0, 2, false, false);
	CHECK_INT(m.size, 5);
	CHECK_NEAR(m.share, 0.2, 1e-15);
	m = bmc_retention_mean(&r, &s, horizon, 0, 1, false, true);
	CHECK_NEAR(m.share, (0.5 + 1 + 0.5) / 3, 1e-15);
	m = bmc_retention_mean(&r, &s, horizon, 0, 2, true, false);
	CHECK_NEAR(m.share, 1.0 / 3, 1e-15);
	horizon[0] = horizon[1] = horizon[2] = 0;
	CHECK(isnan(bmc_retention_mean(&r, &s, horizon, 0, 0, false, false).share));
	s.criterion = BM_RETAINED_BRACKET;
	s.bracket = bracket;
	CHECK_INT(bmc_retention_needs(&s, 0), 1);
	CHECK_INT(bmc_retention_needs(&s, 1), 3);
	CHECK_INT(bmc_retention_needs(&s, 2), 4);
}

/* ---- lifecycle and stickiness ---- */

static bool
active_in(const Log *l, size_t u, int64_t period, int64_t min_count)
{
	int64_t n = 0;

	for (size_t e = l->start[u]; e < l->start[u + 1]; e++)
		n += l->at[e] == period;
	return n >= min_count;
}

static void
check_life(BmRng *rng)
{
	int64_t life[2 * 8 * BM_LIFE_STATES] = {0}, want[2 * 8 * BM_LIFE_STATES] = {0};
	int64_t sticky[2 * 9] = {0}, want_sticky[2 * 9] = {0};
	int32_t first = (int32_t) bmc_rng_below(rng, 6) - 2;
	uint32_t periods = 1 + bmc_rng_below(rng, 8);
	int64_t min_count = 1 + bmc_rng_below(rng, 3);
	Log l;

	make_log(&l, rng, false, true);
	CHECK_INT(bmc_lifecycle(life, &l.log, first, periods, NULL), BM_OK);
	CHECK_INT(bmc_stickiness(sticky, &l.log, first, periods, min_count, NULL), BM_OK);
	for (size_t u = 0; u < l.log.nunits; u++)
	{
		int64_t intervals = 0;

		for (uint32_t p = 0; p < periods; p++)
		{
			int64_t *at = want + (l.group[u] * periods + p) * BM_LIFE_STATES,
					now = first + (int64_t) p;
			bool before = active_in(&l, u, now - 1, 1), earlier = false;

			for (int64_t q = -1; q < now; q++)
				earlier = earlier || active_in(&l, u, q, 1);
			if (active_in(&l, u, now, 1))
				at[before ? BM_LIFE_RETURNING : earlier ? BM_LIFE_RESURRECTING : BM_LIFE_NEW]++;
			else
				at[BM_LIFE_DORMANT] += before;
			intervals += active_in(&l, u, now, min_count);
		}
		want_sticky[l.group[u] * (periods + 1) + (size_t) intervals]++;
	}
	CHECK(memcmp(life, want, sizeof(life)) == 0);
	CHECK(memcmp(sticky, want_sticky, sizeof(sticky)) == 0);
}

/* ---- running out ---- */

static bool
always(void *arg)
{
	return true;
}

static void
test_ends(void)
{
	static int64_t at[300000];
	static uint8_t flags[300000];
	size_t start[] = {0, 300000};
	int64_t size = 0, users = 0, life[BM_LIFE_STATES] = {0}, sticky[2] = {0};
	BmActivityLog log = {1, 300000, start, at, NULL, flags, NULL, NULL, 1};
	BmRetentionSpec s = {.periods = 1, .min_count = 1, .length = 1, .round = 1, .ncohorts = 1};
	BmRetention out = {&size, &users, NULL};
	BmStop stop = {always, NULL};
	UnitHeap h;

	CASE("stopped, and out of memory");
	unit_heap(&h);
	CHECK_INT(bmc_retention(&out, &log, &s, &h.mem, &stop), BM_ESTOP);
	CHECK_INT(h.live, 0);
	CHECK_INT(bmc_lifecycle(life, &log, 0, 1, &stop), BM_ESTOP);
	CHECK_INT(bmc_stickiness(sticky, &log, 0, 1, 1, &stop), BM_ESTOP);
	unit_heap(&h);
	h.fail_at = 1;
	CHECK_INT(bmc_retention(&out, &log, &s, &h.mem, NULL), BM_ENOMEM);
}

int
main(void)
{
	const char *cases = getenv("BM_CASES");
	int n = cases ? atoi(cases) : 6000;
	BmRng rng = bmc_rng(3, 3);

	test_calendar();
	test_starts();
	test_active();
	CASE("retention is its definition: calendar and rolling, on, on or after, bracket");
	for (int c = 0; c < n; c++)
		check_retention(&rng, c);
	test_shares();
	CASE("lifecycle and stickiness are their definitions");
	for (int c = 0; c < n; c++)
		check_life(&rng);
	test_ends();
	return unit_done();
}
