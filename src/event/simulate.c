/*
 * simulate.c
 *		behav_simulate and behav_simulate_truth: a shop's events, and what was planted in them.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/timestamp.h"

#include "core/stat/shop.h"

static const char *const event_names[] = {"view", "cart", "purchase"};

/* Arguments users, items, days, seed of both functions. */
static BmShop *
shop_of_arguments(FunctionCallInfo fcinfo)
{
	uint32_t users = (uint32_t) bm_arg_range(fcinfo, 0, "users", 1, BM_SHOP_MOST_USERS);
	uint32_t items = (uint32_t) bm_arg_range(fcinfo, 1, "items", 10, BM_SHOP_MOST_ITEMS);
	uint32_t days = (uint32_t) bm_arg_range(fcinfo, 2, "days", 1, BM_SHOP_MOST_DAYS);
	BmShop *shop = palloc(sizeof(BmShop));
	size_t bytes = bmc_shop_bytes(items);
	char *memory = palloc_extended(bytes + 64, MCXT_ALLOC_HUGE);

	bm_check(bmc_shop_init(shop, users, items, days, (uint64_t) PG_GETARG_INT64(3),
						   (void *) TYPEALIGN(64, (uintptr_t) memory)),
			 "simulate a shop", NULL);
	return shop;
}

static void
put_events(ReturnSetInfo *result, const BmShopEvent *e, size_t n, uint32_t user, const Datum *name)
{
	/* the server counts from 2000, the shop from 1970 */
	const int64 epoch = (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	static const bool nulls[7] = {false};

	for (size_t i = 0; i < n; i++)
	{
		Datum values[7] = {Int64GetDatum((int64) user + 1),
						   Int64GetDatum((int64) e[i].item + 1),
						   name[e[i].type],
						   TimestampTzGetDatum(e[i].time - epoch),
						   Float8GetDatum(rint((double) e[i].price * 100.0) / 100.0),
						   Int32GetDatum(e[i].quantity),
						   Int64GetDatum(((int64) user + 1) * 10000 + e[i].session)};

		tuplestore_putvalues(result->setResult, result->setDesc, values, (bool *) nulls);
	}
}

/* behav_simulate(users int, items int, days int, seed bigint): the events, user by user. */
BM_FUNCTION(behav_simulate);
Datum
behav_simulate(PG_FUNCTION_ARGS)
{
	BmShop *shop = shop_of_arguments(fcinfo);
	BmShopEvent *events = palloc(sizeof(BmShopEvent) * BM_SHOP_MOST_EVENTS);
	Datum name[lengthof(event_names)];

	bm_srf_begin(fcinfo);
	for (int i = 0; i < lengthof(event_names); i++)
		name[i] = bm_text_datum(event_names[i]);
	for (uint32_t u = 0; u < shop->users; u++)
	{
		put_events((ReturnSetInfo *) fcinfo->resultinfo, events, bmc_shop_events(events, shop, u),
				   u, name);
		bm_interrupts();
	}
	return (Datum) 0;
}

/* ---- the truth ---- */

static void
put_truth(FunctionCallInfo fcinfo, const char *kind, int64 key, int64 other, const char *name,
		  double value)
{
	Datum values[5] = {bm_text_datum(kind), Int64GetDatum(key), Int64GetDatum(other),
					   name ? bm_text_datum(name) : (Datum) 0, Float8GetDatum(value)};
	bool nulls[5] = {false, false, other < 0, name == NULL, false};

	bm_srf_row(fcinfo, values, nulls);
}

static void
put_segments(FunctionCallInfo fcinfo, const BmShop *shop)
{
	for (int g = 0; g < BM_SHOP_SEGMENTS; g++)
	{
		const BmShopSegment *s = &bmc_shop_segments[g];

		put_truth(fcinfo, "segment_share", g + 1, -1, s->name, s->share);
		put_truth(fcinfo, "sessions_a_week", g + 1, -1, s->name, s->sessions);
		put_truth(fcinfo, "views_a_session", g + 1, -1, s->name, s->views);
		put_truth(fcinfo, "cart_rate", g + 1, -1, s->name, s->cart);
		put_truth(fcinfo, "purchase_rate", g + 1, -1, s->name, s->buy);
		for (int t = 0; t < 2; t++)
			put_truth(fcinfo, "segment_category", g + 1, (int64) shop->taste[g][t] + 1, s->name,
					  0.35);
	}
}

static void
put_items(FunctionCallInfo fcinfo, const BmShop *s)
{
	for (uint32_t i = 0; i < s->items; i++)
	{
		int64 key = (int64) i + 1;

		put_truth(fcinfo, "item_category", key, (int64) s->category[i] + 1, NULL, 1.0);
		put_truth(fcinfo, "follower", key, (int64) s->follower[i] + 1, NULL, BM_SHOP_FOLLOW);
		if (s->bundle[i] != BM_NONE)
			put_truth(fcinfo, "bundle", key, (int64) s->bundle[i] + 1, NULL, BM_SHOP_BUNDLE);
		if (s->repeat_days[i] > 0.0f)
			put_truth(fcinfo, "repeat_days", key, -1, NULL, (double) s->repeat_days[i]);
		if (s->birth[i] > 0)
			put_truth(fcinfo, "first_day", key, -1, NULL, s->birth[i]);
	}
}

static void
put_users(FunctionCallInfo fcinfo, const BmShop *s)
{
	for (uint32_t u = 0; u < s->users; u++)
	{
		BmShopUser who = bmc_shop_user(s, u);
		int64 key = (int64) u + 1;

		put_truth(fcinfo, "user_segment", key, (int64) who.segment + 1,
				  bmc_shop_segments[who.segment].name, 1.0);
		put_truth(fcinfo, "user_category", key, (int64) who.category[0] + 1, NULL, 0.6);
		put_truth(fcinfo, "user_category", key, (int64) who.category[1] + 1, NULL, 0.25);
		if (who.fraud != BM_SHOP_HONEST)
			put_truth(fcinfo, "fraud", key, -1,
					  who.fraud == BM_SHOP_ROBOT ? "robot" : "card tester", 1.0);
		bm_interrupts();
	}
}

/* behav_simulate_truth(users, items, days, seed): kind, key, other, name, value */
BM_FUNCTION(behav_simulate_truth);
Datum
behav_simulate_truth(PG_FUNCTION_ARGS)
{
	BmShop *shop = shop_of_arguments(fcinfo);

	bm_srf_begin(fcinfo);
	put_segments(fcinfo, shop);
	put_items(fcinfo, shop);
	put_users(fcinfo, shop);
	return (Datum) 0;
}
