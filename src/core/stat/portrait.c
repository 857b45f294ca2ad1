/*
 * portrait.c
 *		One user's events, one after the other, into a summary of fixed size.
 *
 * What fades is weighted forward: an event counts 2^((t - landmark) / half-life), and a share of such sums is
 * that of weights halved backwards from any later time (Cormode, Shkapenyuk, Srivastava and Xu 2009). The landmark
 * moves on before the weights leave the range of a double.
 *
 * The taste vector is a signed hashing of items and categories (Weinberger et al. 2009): its cosine is, but for
 * collisions, that of the sparse vectors of faded counts, and it needs no training.
 */
#include "core/stat/portrait.h"

#include <math.h>
#include <string.h>

#include "core/num/rng.h"

#define DAY (INT64_C(86400) * 1000000)
#define WEEK (7 * DAY)
#define MINUTE (INT64_C(60) * 1000000)
#define MOST_DOUBLINGS 200.0 /* of a weight before the landmark moves */
#define TASTE_PLACES 4       /* of one item in the taste vector */
#define CATEGORY_WEIGHT 2.0  /* against the item itself, in the taste vector */
#define DISCOUNT 0.97        /* of the list price: dearer is a rounding, not a discount */
#define LEAST_AMOUNTS 10     /* before one can be odd */
#define SHOP_WEIGHT 10.0     /* transitions that the shop's shares count for */

void
bmc_portrait_init(BmPortrait *p)
{
	memset(p, 0, sizeof(*p));
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* ---- parts ---- */

static void
spread_add(BmSpread *s, double v)
{
	double delta = v - s->mean;

	s->min = s->n == 0 || v < s->min ? v : s->min;
	s->max = s->n == 0 || v > s->max ? v : s->max;
	s->n++;
	s->mean += delta / s->n;
	s->m2 += delta * (v - s->mean);
}

double
bmc_spread_sd(const BmSpread *s)
{
	return s->n < 2 ? NAN : sqrt(s->m2 / (s->n - 1));
}

static void
burst_add(BmBurst *b, int64_t t, int64_t span)
{
	int64_t at = floor_div(t, span);

	if (b->n == 0 || at != b->span)
	{
		b->span = at;
		b->n = 0;
	}
	if (++b->n > b->most)
	{
		b->most = b->n;
		b->at = t;
	}
}

/* The slot of a value: its own, a free one, or that of the rarest value. */
static BmTallySlot *
tally_slot(BmTally *t, uint32_t code, int64_t time)
{
	BmTallySlot *rarest = &t->slot[0];

	for (uint32_t i = 0; i < t->n; i++)
	{
		if (t->slot[i].code == code)
			return &t->slot[i];
		if (t->slot[i].n < rarest->n)
			rarest = &t->slot[i];
	}
	if (t->n < BM_PORTRAIT_SLOTS)
	{
		rarest = &t->slot[t->n++];
		*rarest = (BmTallySlot){.code = code, .first = time};
	}
	else
		*rarest = (BmTallySlot){.code = code, .n = rarest->n, .over = rarest->n, .first = time};
	return rarest;
}

static void
tally_add(BmTally *t, const BmPortraitEvent *e, uint32_t code, bool bought, double weight)
{
	BmTallySlot *s = tally_slot(t, code, e->time);

	s->n++;
	s->bought += bought;
	s->recent += weight;
	s->last = e->time;
	t->events++;
	t->recent += weight;
}

static void
taste_add(BmPortrait *p, uint64_t hash, double weight)
{
	uint64_t h = bmc_mix64(hash);

	for (int i = 0; i < TASTE_PLACES; i++, h >>= 8)
		p->taste[h % BM_PORTRAIT_TASTE] += h & 0x80 ? weight : -weight;
}

/* Weight of an event now, against the landmark. */
static double
fading_weight(BmPortrait *p, int64_t t)
{
	double doublings = (double) (t - p->landmark) / (double) BM_PORTRAIT_HALF_LIFE;

	if (doublings > MOST_DOUBLINGS)
	{
		double down = exp2(-doublings);

		for (int k = 0; k < BM_TALLIES; k++)
		{
			p->tally[k].recent *= down;
			for (uint32_t i = 0; i < p->tally[k].n; i++)
				p->tally[k].slot[i].recent *= down;
		}
		for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
			p->taste[i] *= down;
		p->landmark = t;
		doublings = 0.0;
	}
	return exp2(doublings);
}

/* ---- one event ---- */

static void
add_behaviour(BmPortrait *p, const BmPortraitEvent *e)
{
	uint32_t i = 0;

	while (i < p->nevents && p->event[i] != e->event && i < BM_PORTRAIT_EVENTS - 1)
		i++;
	if (i == p->nevents)
		p->event[p->nevents++] = e->event;
	if (p->events > 0)
		p->next[p->current][i]++;
	p->current = i;
	p->count[i]++;
	p->newest[i] = e->time;
}

static void
add_time(BmPortrait *p, const BmPortraitEvent *e, int64_t session_gap)
{
	int32_t day = (int32_t) floor_div(e->local, DAY);
	int64_t week = floor_div(e->time, WEEK), gone = p->events > 0 ? week - p->week : 0;

	if (p->events == 0)
		p->first = p->landmark = e->time;
	p->sessions += p->events == 0 || e->time - p->last > session_gap;
	p->days += p->events == 0 || day != p->last_day;
	p->last_day = day;
	p->last = e->time;
	p->hour[floor_div(e->local, DAY / 24) - (int64_t) day * 24]++;
	/* 2000-01-01, day 0 of the epoch, was a Saturday */
	p->weekday[((day + 5) % 7 + 7) % 7]++;
	if (gone >= BM_PORTRAIT_WEEKS)
		memset(p->weekly, 0, sizeof(p->weekly));
	else if (gone > 0)
	{
		memmove(p->weekly + gone, p->weekly, (BM_PORTRAIT_WEEKS - gone) * sizeof(uint32_t));
		memset(p->weekly, 0, (size_t) gone * sizeof(uint32_t));
	}
	p->week = week;
	p->weekly[0]++;
	burst_add(&p->events_in_1min, e->time, MINUTE);
}

/* Amounts are skew, so what is odd is measured on their logarithms. */
static void
add_amount(BmPortrait *p, double amount, int64_t time)
{
	double sd = bmc_spread_sd(&p->amount), level = log1p(amount);

	if (p->amount.n >= LEAST_AMOUNTS && sd > 0 && (level - p->amount.mean) / sd > p->odd)
	{
		p->odd = (level - p->amount.mean) / sd;
		p->odd_amount = amount;
		p->odd_at = time;
	}
	spread_add(&p->amount, level);
	p->total += amount;
}

static void
add_purchase(BmPortrait *p, const BmPortraitEvent *e)
{
	double quantity = isnan(e->quantity) ? 1.0 : e->quantity, amount = e->price * quantity;
	int32_t day = p->last_day;

	if (amount < 0 || quantity < 0)
	{
		p->returns++;
		p->returned += amount < 0 ? amount : 0.0;
		return;
	}
	if (p->purchases == 0)
	{
		p->first_purchase = e->time;
		p->first_order_day = day;
	}
	p->orders += p->purchases == 0 || day != p->order_day;
	p->order_day = day;
	p->purchases++;
	p->last_purchase = e->time;
	burst_add(&p->orders_in_10min, e->time, 10 * MINUTE);
	if (isnan(amount))
		return;
	add_amount(p, amount, e->time);
	if (e->price > 0)
		spread_add(&p->price, e->price);
	if (e->list > 0)
	{
		bool less = e->price < DISCOUNT * e->list;

		p->listed++;
		p->discounted += less;
		p->saved += less ? 1.0 - e->price / e->list : 0.0;
	}
}

void
bmc_portrait_add(BmPortrait *p, const BmPortraitEvent *e, int64_t session_gap)
{
	uint32_t purchases = p->purchases;
	double weight;

	add_behaviour(p, e);
	add_time(p, e, session_gap);
	p->events++;
	if (e->purchase)
		add_purchase(p, e);
	else if (e->price > 0)
		spread_add(&p->seen, e->price);
	weight = fading_weight(p, e->time);
	for (int k = 0; k < BM_TALLIES; k++)
		if (e->code[k] != BM_NONE)
			tally_add(&p->tally[k], e, e->code[k], p->purchases > purchases, weight);
	if (e->item != 0)
		taste_add(p, e->item, weight * e->weight);
	if (e->code[BM_TALLY_CATEGORY] != BM_NONE)
		taste_add(p, e->hash[BM_TALLY_CATEGORY], CATEGORY_WEIGHT * weight * e->weight);
}

/* ---- what it says ---- */

void
bmc_portrait_trend(const BmPortrait *p, int64_t now, uint32_t *recent, uint32_t *before)
{
	int64_t gone = floor_div(now, WEEK) - p->week;

	*recent = *before = 0;
	for (int64_t w = 0; w < BM_PORTRAIT_WEEKS && p->events > 0; w++)
	{
		int64_t ago = w + gone;

		if (ago >= 0 && ago < 4)
			*recent += p->weekly[w];
		else if (ago >= 4 && ago < 8)
			*before += p->weekly[w];
	}
}

double
bmc_portrait_gap(const BmPortrait *p)
{
	return p->orders < 2 ? NAN : (double) (p->order_day - p->first_order_day) / (p->orders - 1);
}

double
bmc_portrait_peak(const BmPortrait *p, int *hour)
{
	uint32_t most = 0;

	*hour = 0;
	for (int h = 0; h < 24; h++)
	{
		uint32_t n = p->hour[h] + p->hour[(h + 1) % 24] + p->hour[(h + 2) % 24];

		if (n > most)
		{
			most = n;
			*hour = h;
		}
	}
	return p->events ? (double) most / p->events : 0.0;
}

double
bmc_portrait_concentration(const BmPortrait *p)
{
	double x = 0, y = 0;

	for (int h = 0; h < 24; h++)
	{
		double angle = (h + 0.5) * 3.14159265358979323846 / 12.0;

		x += p->hour[h] * cos(angle);
		y += p->hour[h] * sin(angle);
	}
	return p->events ? hypot(x, y) / p->events : 0.0;
}

void
bmc_portrait_taste(float *out, const BmPortrait *p)
{
	double norm = 0;

	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		norm =
			fmax(norm, fabs(p->taste[i])); /* first by the largest: squares may leave the range */
	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		out[i] = norm > 0 ? (float) (p->taste[i] / norm) : 0.0f;
	norm = 0;
	for (int i = 0; i < BM_PORTRAIT_TASTE; i++)
		norm += (double) out[i] * out[i];
	for (int i = 0; i < BM_PORTRAIT_TASTE && norm > 0; i++)
		out[i] /= (float) sqrt(norm);
}

void
bmc_portrait_next(double *probability, const BmPortrait *p, const double *shop)
{
	const uint32_t *own = p->next[p->current];
	double sum = 0, theirs = 0;

	for (uint32_t i = 0; i < p->nevents; i++)
		theirs += shop ? shop[p->current * p->nevents + i] : 0;
	for (uint32_t i = 0; i < p->nevents; i++)
	{
		probability[i] = own[i];
		if (theirs > 0)
			probability[i] += SHOP_WEIGHT * shop[p->current * p->nevents + i] / theirs;
		sum += probability[i];
	}
	for (uint32_t i = 0; i < p->nevents; i++)
		probability[i] = sum > 0 ? probability[i] / sum : 0.0;
}
