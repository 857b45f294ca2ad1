/*
 * shop_user.c
 *		What one user of the simulated shop does.
 *
 * Sessions are drawn by a weekly and daily rhythm and kept an hour apart. In a session the user views
 * the follower of the last item, or an item of a favourite category by popularity; a view may be
 * followed by a cart, and what is in the cart is bought at the end or left. Whoever buys the first of
 * a bundle may buy the second along with it, and whoever bought a consumable may reorder it, without
 * viewing it, about its mean interval later.
 */
#include <math.h>
#include <string.h>

#include "core/stat/shop.h"

#define STREAM_DO UINT64_C(0x646f)
#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define MOST_SESSIONS 2048
#define MOST_CART 16
#define SESSION_PAUSE (3600 * SECOND) /* at least, between sessions */

/* Relative traffic by hour (UTC) and by day of the week, Thursday first as 1970-01-01 was one. */
static const double by_hour[24] = {0.3, 0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 0.9, 1.2, 1.3, 1.3, 1.3,
								   1.5, 1.4, 1.2, 1.1, 1.2, 1.4, 1.8, 2.2, 2.4, 2.0, 1.3, 0.7};
static const double by_weekday[7] = {1.0, 1.1, 1.4, 1.5, 0.9, 0.9, 0.95};

typedef struct Visit
{
	int64_t start;
	uint32_t reorder; /* the item, or BM_NONE for an ordinary session */
} Visit;

typedef struct Doing
{
	const BmShop *shop;
	const BmShopSegment *segment;
	BmShopUser who;
	BmRng rng;
	BmShopEvent *out;
	size_t n;
	uint32_t session;
	int64_t now;
	int64_t begin, end; /* of the simulated time */
	Visit visit[MOST_SESSIONS];
	size_t nvisits;
} Doing;

static void
emit(Doing *d, BmShopEventType type, uint32_t item, uint16_t quantity)
{
	if (d->n == BM_SHOP_MOST_EVENTS || d->now >= d->end)
		return;
	d->out[d->n++] =
		(BmShopEvent){d->now, item, d->session, d->shop->price[item], quantity, (uint8_t) type};
}

/* Some seconds later; whole microseconds, so that equal times are rare. */
static void
wait_seconds(Doing *d, double least, double mean)
{
	d->now += (int64_t) ((least + mean * bmc_rng_exponential(&d->rng)) * (double) SECOND);
}

/* ---- visits ---- */

/* Insert in order of start. */
static void
plan_visit(Doing *d, size_t from, Visit v)
{
	size_t i = d->nvisits;

	if (d->nvisits == MOST_SESSIONS || v.start >= d->end)
		return;
	for (; i > from && d->visit[i - 1].start > v.start; i--)
		d->visit[i] = d->visit[i - 1];
	d->visit[i] = v;
	d->nvisits++;
}

static uint32_t
draw_weighted(BmRng *rng, const double *weight, uint32_t n)
{
	double sum = 0.0, x;
	uint32_t i = 0;

	for (uint32_t j = 0; j < n; j++)
		sum += weight[j];
	x = bmc_rng_double(rng) * sum;
	while (i + 1 < n && x >= weight[i])
		x -= weight[i++];
	return i;
}

/* A day by the rhythm of the week: uniform, and refused in proportion. */
static int64_t
draw_day(Doing *d)
{
	int64_t first = d->begin / DAY;

	for (;;)
	{
		int64_t day = first + bmc_rng_below(&d->rng, d->shop->days);

		if (bmc_rng_double(&d->rng) * 1.5 < by_weekday[day % 7])
			return day;
	}
}

static void
plan_sessions(Doing *d)
{
	/* how eager this user is: gamma of shape 2, mean 1 */
	double eager = bmc_rng_gamma(&d->rng, 2.0) / 2.0;
	uint32_t n = bmc_rng_poisson(&d->rng, eager * d->segment->sessions * d->shop->days / 7.0);

	for (uint32_t i = 0; i < n && i < MOST_SESSIONS / 2; i++)
	{
		int64_t day = draw_day(d);
		double hour = draw_weighted(&d->rng, by_hour, 24) + bmc_rng_double(&d->rng);

		plan_visit(d, 0, (Visit){day * DAY + (int64_t) (hour * 3600.0 * SECOND), BM_NONE});
	}
}

/* ---- items ---- */

static uint32_t
draw_of_category(Doing *d, uint32_t category)
{
	const BmShop *s = d->shop;
	uint32_t lo = s->first[category], hi = s->first[category + 1] - 1;
	double x = bmc_rng_double(&d->rng) * s->cumulative[hi];

	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->cumulative[mid] <= x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return s->member[lo];
}

static bool
is_born(const Doing *d, uint32_t item)
{
	return d->now >= d->begin + d->shop->birth[item] * DAY;
}

/* An item by taste that is on sale already; a few tries, then whatever was drawn first and is born. */
static uint32_t
draw_by_taste(Doing *d)
{
	uint32_t item = 0;

	for (int tries = 0; tries < 50; tries++)
	{
		double x = bmc_rng_double(&d->rng);
		uint32_t category = x < 0.6    ? d->who.category[0]
							: x < 0.85 ? d->who.category[1]
									   : bmc_rng_below(&d->rng, d->shop->categories);

		item = draw_of_category(d, category);
		if (is_born(d, item))
			break;
	}
	return item;
}

static uint32_t
next_view(Doing *d, uint32_t last)
{
	if (last != BM_NONE && bmc_rng_double(&d->rng) < BM_SHOP_FOLLOW &&
		is_born(d, d->shop->follower[last]))
		return d->shop->follower[last];
	return draw_by_taste(d);
}

/* ---- sessions ---- */

static void
buy(Doing *d, size_t visit, uint32_t item)
{
	const BmShop *s = d->shop;
	uint16_t quantity =
		bmc_rng_double(&d->rng) < 0.85 ? 1 : 2 + (uint16_t) bmc_rng_below(&d->rng, 3);

	emit(d, BM_SHOP_PURCHASE, item, quantity);
	if (s->repeat_days[item] > 0.0f && bmc_rng_double(&d->rng) < BM_SHOP_REPEAT)
	{
		/* gamma of shape 9: a third of the mean is the standard deviation */
		double days = (double) s->repeat_days[item] * bmc_rng_gamma(&d->rng, 9.0) / 9.0;

		plan_visit(d, visit + 1, (Visit){d->now + (int64_t) (days * (double) DAY), item});
	}
}

static void
buy_with_bundle(Doing *d, size_t visit, uint32_t item)
{
	uint32_t second = d->shop->bundle[item];

	buy(d, visit, item);
	if (second == BM_NONE || !is_born(d, second) || bmc_rng_double(&d->rng) >= BM_SHOP_BUNDLE)
		return;
	wait_seconds(d, 1.0, 5.0);
	buy(d, visit, second);
}

static void
check_out(Doing *d, size_t visit, const uint32_t *cart, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		if (bmc_rng_double(&d->rng) >= d->segment->buy)
			continue;
		wait_seconds(d, 1.0, 10.0);
		buy_with_bundle(d, visit, cart[i]);
	}
}

static void
ordinary_session(Doing *d, size_t visit)
{
	uint32_t cart[MOST_CART], last = BM_NONE;
	double go_on = 1.0 - 1.0 / d->segment->views; /* a geometric number of views */
	size_t n = 0;

	do
	{
		last = next_view(d, last);
		emit(d, BM_SHOP_VIEW, last, 1);
		wait_seconds(d, 3.0, 30.0);
		if (n < MOST_CART && bmc_rng_double(&d->rng) < d->segment->cart)
		{
			emit(d, BM_SHOP_CART, last, 1);
			cart[n++] = last;
			wait_seconds(d, 2.0, 15.0);
		}
	} while (bmc_rng_double(&d->rng) < go_on);
	check_out(d, visit, cart, n);
}

/* ---- frauds ---- */

static void
robot(Doing *d)
{
	uint32_t n = 2000 + bmc_rng_below(&d->rng, 4000);

	d->now = d->begin + (int64_t) ((double) (d->end - d->begin) * 0.9 * bmc_rng_double(&d->rng));
	for (uint32_t i = 0; i < n; i++)
	{
		emit(d, BM_SHOP_VIEW, bmc_rng_below(&d->rng, d->shop->items), 1);
		wait_seconds(d, 0.1, 0.1);
	}
}

static void
tester(Doing *d)
{
	uint32_t n = 30 + bmc_rng_below(&d->rng, 50), cheap = 0;

	for (int i = 0; i < 50; i++)
	{
		uint32_t item = bmc_rng_below(&d->rng, d->shop->items);

		cheap = i == 0 || d->shop->price[item] < d->shop->price[cheap] ? item : cheap;
	}
	d->now = d->begin + (int64_t) ((double) (d->end - d->begin) * 0.9 * bmc_rng_double(&d->rng));
	for (uint32_t i = 0; i < n; i++)
	{
		emit(d, BM_SHOP_PURCHASE, cheap, 1);
		wait_seconds(d, 2.0, 4.0);
	}
}

size_t
bmc_shop_events(BmShopEvent *out, const BmShop *shop, uint32_t user)
{
	Doing d;

	d.shop = shop;
	d.who = bmc_shop_user(shop, user);
	d.segment = &bmc_shop_segments[d.who.segment];
	d.rng = bmc_rng(shop->seed ^ STREAM_DO, user);
	d.out = out;
	d.n = d.nvisits = 0;
	d.session = 0;
	d.end = BM_SHOP_END * SECOND;
	d.begin = d.now = d.end - (int64_t) shop->days * DAY;
	if (d.who.fraud == BM_SHOP_ROBOT)
		robot(&d);
	else if (d.who.fraud == BM_SHOP_TESTER)
		tester(&d);
	if (d.who.fraud != BM_SHOP_HONEST)
		return d.n;
	plan_sessions(&d);
	for (size_t v = 0; v < d.nvisits; v++)
	{
		/* not before the last session has been over for a while */
		int64_t free = d.session ? d.now + SESSION_PAUSE : d.begin;

		d.now = d.visit[v].start > free ? d.visit[v].start : free;
		if (d.now >= d.end)
			break;
		if (d.visit[v].reorder == BM_NONE)
			ordinary_session(&d, v);
		else
			buy(&d, v, d.visit[v].reorder);
		d.session++;
	}
	return d.n;
}
