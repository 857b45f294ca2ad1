/*
 * portrait_json.c
 *		A portrait as one JSON document: each statement beside the numbers that it rests on.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "portrait/portrait.h"

#define FAVOURITES 5
#define LEAST_RHYTHM 10 /* events before a rhythm is told */

static const char *const weekday_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
											"Friday", "Saturday", "Sunday"};

/* ---- pieces ---- */

/* "key": with the comma that it needs. */
static void
key(StringInfo s, const char *name)
{
	char last = s->len ? s->data[s->len - 1] : '{';

	if (last != '{' && last != '[')
		appendStringInfoChar(s, ',');
	escape_json(s, name);
	appendStringInfoChar(s, ':');
}

static void
item(StringInfo s)
{
	if (s->data[s->len - 1] != '[')
		appendStringInfoChar(s, ',');
}

/* What is not finite is null. */
static void
number(StringInfo s, const char *name, double v, int digits)
{
	key(s, name);
	if (isfinite(v))
		appendStringInfo(s, "%.*f", digits, v);
	else
		appendStringInfoString(s, "null");
}

static void
whole(StringInfo s, const char *name, int64 v)
{
	key(s, name);
	appendStringInfo(s, INT64_FORMAT, v);
}

static void
text_of(StringInfo s, const char *name, const char *v)
{
	key(s, name);
	if (v)
		escape_json(s, v);
	else
		appendStringInfoString(s, "null");
}

static void
instant(StringInfo s, const char *name, int64 t)
{
	char buf[MAXDATELEN + 1];

	key(s, name);
	JsonEncodeDateTime(buf, TimestampTzGetDatum(t), TIMESTAMPTZOID, NULL);
	escape_json(s, buf);
}

/* ---- parts ---- */

static void
say_activity(StringInfo s, const BmPortrait *p, const BmPortraitContext *c)
{
	uint32_t recent, before;

	bmc_portrait_trend(p, c->at, &recent, &before);
	key(s, "activity");
	appendStringInfoChar(s, '{');
	instant(s, "first_seen", p->first);
	instant(s, "last_seen", p->last);
	number(s, "days_since", (double) (c->at - p->last) / USECS_PER_DAY, 1);
	whole(s, "events", p->events);
	whole(s, "sessions", p->sessions);
	whole(s, "active_days", p->days);
	key(s, "by_behaviour");
	appendStringInfoChar(s, '{');
	for (uint32_t i = 0; i < p->nevents; i++)
	{
		key(s, bm_dict_text(c->events, p->event[i]));
		appendStringInfoChar(s, '{');
		whole(s, "events", p->count[i]);
		instant(s, "last", p->newest[i]);
		appendStringInfoChar(s, '}');
	}
	appendStringInfoChar(s, '}');
	key(s, "trend");
	appendStringInfoChar(s, '{');
	text_of(s, "direction",
			recent > 1.25 * before  ? "up"
			: recent < 0.8 * before ? "down"
									: "even");
	whole(s, "events_last_4_weeks", recent);
	whole(s, "events_4_weeks_before", before);
	appendStringInfoString(s, "}}");
}

static void
say_rhythm(StringInfo s, const BmPortrait *p)
{
	int hour, day = 0;
	double share = bmc_portrait_peak(p, &hour);

	for (int d = 1; d < 7; d++)
		if (p->weekday[d] > p->weekday[day])
			day = d;
	key(s, "rhythm");
	appendStringInfoChar(s, '{');
	if (p->events >= LEAST_RHYTHM)
	{
		text_of(s, "peak", psprintf("%02d:00-%02d:00", hour, (hour + 3) % 24));
		number(s, "peak_share", share, 3);
		number(s, "peak_strength", share / 0.125, 2);
		number(s, "concentration", bmc_portrait_concentration(p), 3);
		text_of(s, "weekday", weekday_names[day]);
		number(s, "weekday_share", (double) p->weekday[day] / p->events, 3);
		number(s, "weekend_share", (double) (p->weekday[5] + p->weekday[6]) / p->events, 3);
	}
	key(s, "hours");
	appendStringInfoChar(s, '[');
	for (int h = 0; h < 24; h++)
		appendStringInfo(s, "%s%u", h ? "," : "", p->hour[h]);
	appendStringInfoChar(s, ']');
	key(s, "weekdays");
	appendStringInfoChar(s, '[');
	for (int d = 0; d < 7; d++)
		appendStringInfo(s, "%s%u", d ? "," : "", p->weekday[d]);
	appendStringInfoString(s, "]}");
}

static int
more_events(const void *a, const void *b)
{
	const BmTallySlot *x = a, *y = b;

	if (x->n - x->over != y->n - y->over)
		return x->n - x->over > y->n - y->over ? -1 : 1;
	return x->last > y->last ? -1 : x->last < y->last;
}

static void
say_favourites(StringInfo s, const BmPortrait *p, const BmPortraitContext *c)
{
	static const char *const plural[BM_TALLIES] = {"categories", "brands", "devices"};

	for (int k = 0; k < BM_TALLIES; k++)
	{
		BmTally t = p->tally[k];

		if (t.n == 0)
			continue;
		qsort(t.slot, t.n, sizeof(BmTallySlot), more_events);
		key(s, plural[k]);
		appendStringInfoChar(s, '[');
		for (uint32_t i = 0; i < t.n && i < FAVOURITES; i++)
		{
			const BmTallySlot *v = &t.slot[i];
			double share = (double) v->n / t.events, recent = v->recent / t.recent;

			item(s);
			appendStringInfoChar(s, '{');
			text_of(s, bm_tally_names[k], bm_dict_text(&c->names[k], v->code));
			number(s, "share", share, 3);
			number(s, "recent_share", recent, 3);
			text_of(s, "trend",
					recent > share + 0.05   ? "up"
					: recent < share - 0.05 ? "down"
											: "even");
			whole(s, "events", v->n);
			if (v->over > 0)
				whole(s, "at_most_over_by", v->over);
			whole(s, "purchases", v->bought);
			instant(s, "last", v->last);
			appendStringInfoChar(s, '}');
		}
		appendStringInfoChar(s, ']');
	}
}

static void
say_prices(StringInfo s, const BmPortrait *p)
{
	key(s, "price");
	appendStringInfoChar(s, '{');
	number(s, "mean_paid", p->price.n ? p->price.mean : NAN, 2);
	number(s, "cheapest", p->price.n ? p->price.min : NAN, 2);
	number(s, "dearest", p->price.n ? p->price.max : NAN, 2);
	whole(s, "purchases", p->price.n);
	number(s, "mean_looked_at", p->seen.n ? p->seen.mean : NAN, 2);
	whole(s, "looked_at", p->seen.n);
	key(s, "discounts");
	if (p->listed == 0)
		appendStringInfoString(s, "null");
	else
	{
		appendStringInfoChar(s, '{');
		number(s, "share", (double) p->discounted / p->listed, 3);
		whole(s, "discounted", p->discounted);
		whole(s, "purchases", p->listed);
		number(s, "mean_saving", p->discounted ? p->saved / p->discounted : NAN, 3);
		appendStringInfoChar(s, '}');
	}
	appendStringInfoChar(s, '}');
}

static void
say_value(StringInfo s, const BmPortrait *p, const BmPortraitContext *c)
{
	key(s, "value");
	appendStringInfoChar(s, '{');
	whole(s, "orders", p->orders);
	whole(s, "purchases", p->purchases);
	if (p->purchases > 0)
	{
		instant(s, "first_order", p->first_purchase);
		instant(s, "last_order", p->last_purchase);
		number(s, "days_since_order", (double) (c->at - p->last_purchase) / USECS_PER_DAY, 1);
		number(s, "days_between_orders", bmc_portrait_gap(p), 1);
		number(s, "spent", p->amount.n ? p->total : NAN, 2);
		number(s, "mean_order", p->amount.n ? p->total / p->orders : NAN, 2);
	}
	whole(s, "returns", p->returns);
	number(s, "returned", p->returned, 2);
	if (isfinite(c->alive))
	{
		number(s, "p_alive", c->alive, 4);
		text_of(s, "p_alive_model", c->alive_model);
	}
	appendStringInfoChar(s, '}');
}

static void
say_next(StringInfo s, const BmPortrait *p, const BmPortraitContext *c)
{
	double probability[BM_PORTRAIT_EVENTS];
	uint32_t order[BM_PORTRAIT_EVENTS];

	bmc_portrait_next(probability, p, c->shop);
	for (uint32_t i = 0; i < p->nevents; i++)
	{
		uint32_t j = i;

		for (; j > 0 && probability[order[j - 1]] < probability[i]; j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
	key(s, "next");
	appendStringInfoChar(s, '{');
	text_of(s, "after", bm_dict_text(c->events, p->event[p->current]));
	key(s, "likely");
	appendStringInfoChar(s, '[');
	for (uint32_t i = 0; i < p->nevents; i++)
		if (probability[order[i]] > 0)
		{
			item(s);
			appendStringInfoChar(s, '{');
			text_of(s, "behaviour", bm_dict_text(c->events, p->event[order[i]]));
			number(s, "probability", probability[order[i]], 3);
			whole(s, "seen", p->next[p->current][order[i]]);
			appendStringInfoChar(s, '}');
		}
	appendStringInfoChar(s, ']');
	text_of(s, "from", c->shop ? "own transitions and those of all users" : "own transitions");
	appendStringInfoChar(s, '}');
}

static void
say_tags(StringInfo s, const BmPortrait *p, const double *score, int first, int end,
		 const char *name)
{
	key(s, name);
	appendStringInfoChar(s, '[');
	for (int t = first; t < end; t++)
		if (!isnan(score[t]))
		{
			item(s);
			appendStringInfoChar(s, '{');
			text_of(s, "tag", bmc_tag_names[t]);
			number(s, "score", score[t], 3);
			if (p->since[t])
				instant(s, "since", p->since[t]);
			appendStringInfoChar(s, '}');
		}
	appendStringInfoChar(s, ']');
}

static void
say_embedding(StringInfo s, const BmPortrait *p)
{
	float taste[BM_PORTRAIT_TASTE];

	bmc_portrait_taste(taste, p);
	key(s, "embedding");
	appendStringInfoChar(s, '[');
	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		appendStringInfo(s, "%s%.4f", i ? "," : "", taste[i]);
	appendStringInfoChar(s, ']');
}

Jsonb *
bm_portrait_jsonb(const BmPortrait *p, const BmPortraitContext *c)
{
	double score[BM_TAGS];
	StringInfoData s;

	bmc_portrait_tags(score, p, c->at);
	initStringInfo(&s);
	appendStringInfoChar(&s, '{');
	text_of(&s, "user_id", c->user);
	if (c->source)
		text_of(&s, "source", c->source);
	instant(&s, "at", c->at);
	say_activity(&s, p, c);
	say_rhythm(&s, p);
	say_favourites(&s, p, c);
	say_prices(&s, p);
	say_value(&s, p, c);
	if (c->segment)
	{
		key(&s, "segment");
		appendStringInfoString(&s, c->segment);
	}
	say_next(&s, p, c);
	say_tags(&s, p, score, 0, BM_TAG_FIRST_RISK, "tags");
	say_tags(&s, p, score, BM_TAG_FIRST_RISK, BM_TAGS, "risks");
	say_embedding(&s, p);
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}
