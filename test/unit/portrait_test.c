/*
 * Portraits against counts made plainly from the list of events, the bounds of SpaceSaving, fading by its definition.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/portrait.h"

#define DAY (INT64_C(86400) * 1000000)
#define GAP (INT64_C(1800) * 1000000)
#define MOST 2000

static BmPortraitEvent event[MOST];

/* n events over span, of behaviours 0..3 (3 buys) and of so many categories; local time is 2 hours ahead */
static void
make(size_t n, int64_t span, uint32_t categories, uint64_t seed)
{
	BmRng rng = bmc_rng(seed, 1);
	int64_t t = bmc_rng_below(&rng, 1000) * DAY;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t c = bmc_rng_below(&rng, categories);

		t += (int64_t) (bmc_rng_exponential(&rng) * (double) span / (double) n);
		event[i] = (BmPortraitEvent){.time = t, .local = t + 2 * DAY / 24, .weight = 1.0f};
		event[i].item = bmc_mix64(c + 77);
		event[i].event = bmc_rng_below(&rng, 4);
		event[i].purchase = event[i].event == 3;
		event[i].price = i % 17 == 0 ? NAN : i % 23 == 0 ? -5.0 : 1.0 + bmc_rng_below(&rng, 50);
		event[i].quantity = i % 5 == 0 ? NAN : 2.0;
		event[i].list = 30.0;
		event[i].code[BM_TALLY_CATEGORY] = c;
		event[i].hash[BM_TALLY_CATEGORY] = c;
		event[i].code[BM_TALLY_BRAND] = c % 3 ? c % 2 : BM_NONE;
		event[i].code[BM_TALLY_DEVICE] = BM_NONE;
	}
}

static BmPortrait
portrait(size_t n)
{
	BmPortrait p;

	bmc_portrait_init(&p);
	for (size_t i = 0; i < n; i++)
		bmc_portrait_add(&p, &event[i], GAP);
	return p;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void
test_counts(void)
{
	CASE("counts, orders, amounts against the list of events");
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		size_t n = 1 + seed % 300;
		BmPortrait p;
		uint32_t sessions = 0, days = 0, orders = 0, buys = 0, returns = 0, hour[24] = {0},
				 pair = 0;
		uint32_t cheap = 0, listed = 0;
		double total = 0, returned = 0;
		int64_t order_day = INT64_MIN;

		make(n, (int64_t) (1 + seed % 90) * DAY, 9, seed);
		p = portrait(n);
		for (size_t i = 0; i < n; i++)
		{
			const BmPortraitEvent *e = &event[i];
			int64_t day = floor_div(e->local, DAY);
			double amount = e->price * (isnan(e->quantity) ? 1.0 : e->quantity);

			sessions += i == 0 || e->time - event[i - 1].time > GAP;
			days += i == 0 || day != floor_div(event[i - 1].local, DAY);
			hour[floor_div(e->local, DAY / 24) - day * 24]++;
			pair += i > 0 && event[i - 1].event == 1 && e->event == 3;
			if (!e->purchase)
				continue;
			if (amount < 0)
			{
				returns++;
				returned += amount;
				continue;
			}
			buys++;
			orders += day != order_day;
			order_day = day;
			total += isnan(amount) ? 0 : amount;
			listed += !isnan(amount);
			cheap += e->price < 0.97 * 30.0;
		}
		CHECK_INT(p.events, n);
		CHECK_INT(p.sessions, sessions);
		CHECK_INT(p.days, days);
		CHECK_INT(p.purchases, buys);
		CHECK_INT(p.orders, orders);
		CHECK_INT(p.returns, returns);
		CHECK_INT(p.listed, listed);
		CHECK_INT(p.discounted, cheap);
		CHECK_NEAR(p.total, total, 1e-6);
		CHECK_NEAR(p.returned, returned, 1e-6);
		CHECK(memcmp(p.hour, hour, sizeof(hour)) == 0);
		for (uint32_t i = 0; i < p.nevents; i++)
			for (uint32_t j = 0; j < p.nevents; j++)
				if (p.event[i] == 1 && p.event[j] == 3)
					CHECK_INT(p.next[i][j], pair);
	}
}

static void
test_trend(void)
{
	CASE("weeks of the trend, also long after the last event");
	for (uint64_t seed = 1; seed <= 200; seed++)
	{
		size_t n = 1 + seed;
		int64_t now, week;
		BmPortrait p;
		uint32_t recent, before, r = 0, b = 0;

		make(n, (int64_t) (seed % 200) * DAY, 3, seed);
		p = portrait(n);
		now = event[n - 1].time + (int64_t) (seed % 70) * DAY;
		week = floor_div(now, 7 * DAY);
		for (size_t i = 0; i < n; i++)
		{
			int64_t ago = week - floor_div(event[i].time, 7 * DAY);

			r += ago < 4;
			b += ago >= 4 && ago < 8;
		}
		bmc_portrait_trend(&p, now, &recent, &before);
		CHECK_INT(recent, r);
		CHECK_INT(before, b);
	}
}

static void
test_tally(void)
{
	CASE("tallies are exact with few values, bounded with many; recent shares fade by half-lives");
	for (uint64_t seed = 1; seed <= 60; seed++)
	{
		size_t n = 1500;
		uint32_t values = seed % 2 ? 5 : 200;
		/* up to 40 years: the landmark has to move */
		int64_t span = (seed % 5 ? 100 : 14600) * DAY;
		BmPortrait p;
		const BmTally *t;

		make(n, span, values, seed);
		p = portrait(n);
		t = &p.tally[BM_TALLY_CATEGORY];
		CHECK_INT(t->events, n);
		CHECK_INT(t->n, values < BM_PORTRAIT_SLOTS ? values : BM_PORTRAIT_SLOTS);
		for (uint32_t s = 0; s < t->n; s++)
		{
			double recent = 0, all = 0;
			uint32_t count = 0;

			for (size_t i = 0; i < n; i++)
			{
				double w =
					exp2(-(double) (p.last - event[i].time) / (double) BM_PORTRAIT_HALF_LIFE);

				count += event[i].code[BM_TALLY_CATEGORY] == t->slot[s].code;
				all += w;
				recent += event[i].code[BM_TALLY_CATEGORY] == t->slot[s].code ? w : 0;
			}
			CHECK(count <= t->slot[s].n && count + t->slot[s].over >= t->slot[s].n);
			if (values <= BM_PORTRAIT_SLOTS)
			{
				CHECK_INT(t->slot[s].n, count);
				CHECK_INT(t->slot[s].over, 0);
				CHECK_NEAR(t->slot[s].recent / t->recent, recent / all, 1e-9);
			}
		}
	}
}

static void
test_taste(void)
{
	BmPortrait p, q;
	float a[BM_PORTRAIT_TASTE], b[BM_PORTRAIT_TASTE];
	double aa = 0, ab = 0;

	CASE("taste is a unit vector, the same for the same items, none without");
	make(300, 50 * DAY, 6, 3);
	p = portrait(300);
	for (int i = 0; i < 300; i++)
		event[i].time += 500 * DAY, event[i].local += 500 * DAY;
	q = portrait(300);
	bmc_portrait_taste(a, &p);
	bmc_portrait_taste(b, &q);
	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
	{
		aa += (double) a[i] * a[i];
		ab += (double) a[i] * b[i];
	}
	CHECK_NEAR(aa, 1.0, 1e-6);
	CHECK_NEAR(ab, 1.0, 1e-6);
	bmc_portrait_init(&p);
	bmc_portrait_taste(a, &p);
	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		CHECK(a[i] == 0);
}

static void
test_next(void)
{
	double probability[BM_PORTRAIT_EVENTS], shop[16], sum = 0;
	BmPortrait p;

	CASE("what comes next: own counts, ten of the shop's");
	make(500, 50 * DAY, 6, 4);
	p = portrait(500);
	CHECK_INT(p.nevents, 4);
	for (int i = 0; i < 16; i++)
		shop[i] = 1 + i % 4;
	bmc_portrait_next(probability, &p, shop);
	for (int i = 0; i < 4; i++)
	{
		double own = 0;

		for (int j = 0; j < 4; j++)
			own += p.next[p.current][j];
		CHECK_NEAR(probability[i], (p.next[p.current][i] + 10.0 * (1 + i) / 10.0) / (own + 10.0),
				   1e-12);
		sum += probability[i];
	}
	CHECK_NEAR(sum, 1.0, 1e-12);
	p = portrait(1);
	bmc_portrait_next(probability, &p, NULL);
	CHECK(probability[0] == 0);
}

static void
test_tags(void)
{
	double score[BM_TAGS];
	BmPortrait p;

	CASE("tags: one event, a burst, dormant later, since is kept");
	make(1, DAY, 1, 5);
	event[0].purchase = false;
	event[0].time = event[0].local = 900 * DAY;
	p = portrait(1);
	bmc_portrait_tags(score, &p, p.last);
	for (int t = 0; t < BM_TAGS; t++)
		CHECK(isnan(score[t]));
	for (int i = 0; i < 80; i++)
	{
		event[i] = event[0];
		event[i].time += i * INT64_C(500000);
		event[i].purchase = true;
		event[i].price = i == 40 ? 1e6 : 10.0 + i % 3;
	}
	p = portrait(80);
	bmc_portrait_mark(&p, p.last);
	bmc_portrait_tags(score, &p, p.last);
	CHECK(score[BM_TAG_ORDER_BURST] >= 10 && score[BM_TAG_FAST_EVENTS] >= 60);
	CHECK(score[BM_TAG_ODD_ORDER] > 4 && p.since[BM_TAG_ODD_ORDER] == event[40].time);
	CHECK(isnan(score[BM_TAG_DORMANT]) && p.since[BM_TAG_DORMANT] == 0);
	CHECK(isnan(score[BM_TAG_LOYAL])); /* one day is one order */
	bmc_portrait_mark(&p, p.last + 200 * DAY);
	CHECK_INT(p.since[BM_TAG_DORMANT], p.last + 90 * DAY);
	CHECK_INT(p.since[BM_TAG_BUYER], p.first);
	CHECK(p.since[BM_TAG_NEW_DEVICE] == 0);
}

static void
test_features(void)
{
	BmFeature f[BM_MOST_FEATURES];
	float x[BM_MOST_FEATURES];
	const uint32_t order[4] = {0, 1, 2, 3};
	BmPortrait p;

	CASE("features are as many as their names, and turn back into what they stand for");
	make(400, 50 * DAY, 6, 6);
	p = portrait(400);
	CHECK_INT(bmc_portrait_features(f, BM_FEATURE_RFM, 4), 3);
	CHECK(bmc_portrait_feature_row(x, &p, BM_FEATURE_RFM, order, 4, p.last));
	CHECK_NEAR(bmc_feature_value(&f[1], x[1]), p.orders, 1e-3);
	CHECK_INT(bmc_portrait_features(f, BM_FEATURE_RATES, 4), 3);
	CHECK_INT(bmc_portrait_features(f, BM_FEATURE_ALL, 4), 11);
	x[11] = 42;
	CHECK(bmc_portrait_feature_row(x, &p, BM_FEATURE_ALL, order, 4, p.last));
	CHECK(x[11] == 42 && isfinite(x[10]));
	CHECK_NEAR(bmc_feature_value(&f[9], x[9]), (p.weekday[5] + p.weekday[6]) / 400.0, 1e-5);
	bmc_portrait_init(&p);
	CHECK(!bmc_portrait_feature_row(x, &p, BM_FEATURE_ALL, order, 4, 0));
}

int
main(void)
{
	test_counts();
	test_trend();
	test_tally();
	test_taste();
	test_next();
	test_tags();
	test_features();
	return unit_done();
}
