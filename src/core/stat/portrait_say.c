/*
 * portrait_say.c
 *		What a portrait says in words and in features: tags by rules, columns for grouping.
 */
#include <math.h>

#include "core/stat/portrait.h"

#define DAY (INT64_C(86400) * 1000000)
#define LEAST_EVENTS 20      /* before shares of hours and days are telling */
#define LOYAL_ORDERS 5       /* orders */
#define WINDOW_EVENTS 50     /* events without a purchase */
#define LEAST_TREND 10       /* events in the larger of two times four weeks */
#define DORMANT_DAYS 90      /* without an event */
#define LEAST_RETURNS 3      /* returns */
#define RETURNED_SHARE 0.3   /* of what was bought, by amount */
#define LEAST_LISTED 3       /* purchases with a list price */
#define BURST_ORDERS 10      /* purchases in ten minutes */
#define FAST_EVENTS 60       /* events in a minute */
#define ODD_DEVIATIONS 4.0   /* standard deviations above the mean of the purchases before */
#define NEW_DEVICE (7 * DAY) /* before the newest event */

const char *const bmc_tag_names[BM_TAGS] = {
	"buyer",        "repeat_buyer", "loyal",       "window_shopper", "discount_hunter",
	"night_owl",    "weekender",    "rising",      "fading",         "dormant",
	"many_returns", "order_burst",  "fast_events", "odd_order",      "new_device"};

static double
when(bool holds, double score)
{
	return holds ? score : NAN;
}

/* Events by night, from 22 to 6 o'clock, and at weekends, as shares. */
static void
shares(const BmPortrait *p, double *night, double *weekend)
{
	double n = p->events, in = p->hour[22] + p->hour[23];

	for (int h = 0; h < 6; h++)
		in += p->hour[h];
	*night = in / n;
	*weekend = (p->weekday[5] + p->weekday[6]) / n;
}

/* Days for which the newest device that was not the first has been used; NaN without one that is new. */
static double
new_device(const BmPortrait *p)
{
	const BmTally *t = &p->tally[BM_TALLY_DEVICE];
	int64_t newest = INT64_MIN;

	for (uint32_t i = 0; i < t->n; i++)
		if (t->slot[i].first > p->first && t->slot[i].first > newest)
			newest = t->slot[i].first;
	return when(newest != INT64_MIN && newest > p->last - NEW_DEVICE,
				(double) (p->last - newest) / (double) DAY);
}

void
bmc_portrait_tags(double *score, const BmPortrait *p, int64_t now)
{
	double night = 0, weekend = 0, idle = (double) (now - p->last) / (double) DAY;
	double back = p->total > 0 ? -p->returned / p->total : p->returned < 0 ? 1.0 : 0.0;
	double cheap = p->listed ? (double) p->discounted / p->listed : 0;
	bool enough = p->events >= LEAST_EVENTS;
	uint32_t recent, before;

	if (p->events > 0)
		shares(p, &night, &weekend);
	bmc_portrait_trend(p, now, &recent, &before);
	score[BM_TAG_BUYER] = when(p->orders >= 1, p->orders);
	score[BM_TAG_REPEAT_BUYER] = when(p->orders >= 2, p->orders);
	score[BM_TAG_LOYAL] = when(p->orders >= LOYAL_ORDERS, p->orders);
	score[BM_TAG_WINDOW_SHOPPER] = when(p->purchases == 0 && p->events >= WINDOW_EVENTS, p->events);
	score[BM_TAG_DISCOUNT_HUNTER] = when(p->listed >= LEAST_LISTED && cheap >= 0.5, cheap);
	score[BM_TAG_NIGHT_OWL] = when(enough && night >= 0.5, night);
	score[BM_TAG_WEEKENDER] = when(enough && weekend >= 0.6, weekend);
	score[BM_TAG_RISING] =
		when(recent >= LEAST_TREND && recent >= 2.0 * before, recent / fmax(before, 1.0));
	score[BM_TAG_FADING] =
		when(before >= LEAST_TREND && before >= 2.0 * recent, before / fmax(recent, 1.0));
	score[BM_TAG_DORMANT] = when(p->events > 0 && idle >= DORMANT_DAYS, idle);
	score[BM_TAG_MANY_RETURNS] = when(p->returns >= LEAST_RETURNS && back > RETURNED_SHARE, back);
	score[BM_TAG_ORDER_BURST] =
		when(p->orders_in_10min.most >= BURST_ORDERS, p->orders_in_10min.most);
	score[BM_TAG_FAST_EVENTS] = when(p->events_in_1min.most >= FAST_EVENTS, p->events_in_1min.most);
	score[BM_TAG_ODD_ORDER] = when(p->odd >= ODD_DEVIATIONS, p->odd);
	score[BM_TAG_NEW_DEVICE] = new_device(p);
}

void
bmc_portrait_mark(BmPortrait *p, int64_t now)
{
	double score[BM_TAGS];

	bmc_portrait_tags(score, p, now);
	for (int t = 0; t < BM_TAGS; t++)
		if (isnan(score[t]))
			p->since[t] = 0;
		else if (p->since[t] == 0)
			switch (t)
			{
			case BM_TAG_BUYER:
				p->since[t] = p->first_purchase;
				break;
			case BM_TAG_DORMANT:
				p->since[t] = p->last + DORMANT_DAYS * DAY;
				break;
			case BM_TAG_ORDER_BURST:
				p->since[t] = p->orders_in_10min.at;
				break;
			case BM_TAG_FAST_EVENTS:
				p->since[t] = p->events_in_1min.at;
				break;
			case BM_TAG_ODD_ORDER:
				p->since[t] = p->odd_at;
				break;
			default:
				p->since[t] = p->last;
			}
}

/* ---- features ---- */

static const BmFeature rfm_features[] = {
	{"days_since_order", 0, true, false}, {"orders", 0, true, false}, {"spend", 0, true, false}};
static const BmFeature other_features[] = {{"sessions_a_week", 0, true, false},
										   {"events_a_session", 0, true, false},
										   {"price", 0, true, false},
										   {"weekend_share", 0, false, true},
										   {"night_share", 0, false, true}};

size_t
bmc_portrait_features(BmFeature *out, BmFeatureKind kind, size_t events)
{
	size_t n = 0;

	if (kind != BM_FEATURE_RATES)
		for (int i = 0; i < 3; i++)
			out[n++] = rfm_features[i];
	if (kind != BM_FEATURE_RFM)
		for (size_t i = 1; i < events && i < BM_PORTRAIT_EVENTS; i++)
			out[n++] = (BmFeature){.event = (int) i, .rate = true};
	if (kind == BM_FEATURE_ALL)
		for (int i = 0; i < 5; i++)
			out[n++] = other_features[i];
	return n;
}

static uint32_t
count_of(const BmPortrait *p, uint32_t event)
{
	for (uint32_t i = 0; i < p->nevents; i++)
		if (p->event[i] == event)
			return p->count[i];
	return 0;
}

/* The angle that makes the spread of a share the same whatever it is (Anscombe 1948). */
static float
angle(double share)
{
	return (float) asin(sqrt(share < 0 ? 0 : share > 1 ? 1 : share));
}

bool
bmc_portrait_feature_row(float *x, const BmPortrait *p, BmFeatureKind kind, const uint32_t *events,
						 size_t n, int64_t now)
{
	double weeks = (double) (p->last - p->first) / (7.0 * (double) DAY), night, weekend;
	uint32_t lightest = n > 0 ? count_of(p, events[0]) : 0;

	if (p->events == 0 || (kind == BM_FEATURE_RFM && p->orders == 0))
		return false;
	if (kind != BM_FEATURE_RATES)
	{
		int64_t idle = p->orders ? now - p->last_purchase : now - p->first;

		*x++ = (float) log1p(idle > 0 ? (double) idle / (double) DAY : 0.0);
		*x++ = (float) log1p(p->orders);
		*x++ = (float) log1p(fmax(p->total + p->returned, 0.0));
	}
	if (kind != BM_FEATURE_RFM)
		for (size_t i = 1; i < n && i < BM_PORTRAIT_EVENTS; i++)
			*x++ = angle((count_of(p, events[i]) + 0.5) / (lightest + 1.0));
	if (kind != BM_FEATURE_ALL)
		return true;
	shares(p, &night, &weekend);
	*x++ = (float) log1p(p->sessions / fmax(weeks, 1.0));
	*x++ = (float) log1p((double) p->events / p->sessions);
	*x++ = (float) log1p(p->price.n ? p->price.mean : p->seen.n ? p->seen.mean : 0.0);
	*x++ = angle(weekend);
	*x++ = angle(night);
	return true;
}

double
bmc_feature_value(const BmFeature *f, double x)
{
	double s;

	if (f->log)
		return expm1(x);
	if (!f->rate)
		return x;
	s = sin(x < 0 ? 0 : x);
	return s * s;
}
