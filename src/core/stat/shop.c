/*
 * shop.c
 *		The simulated shop: the goods, and who somebody is. What they do stands in shop_user.c.
 */
#include <math.h>
#include <string.h>

#include "core/stat/shop.h"

#define STREAM_GOODS UINT64_C(0x676f6f6473)
#define STREAM_WHO UINT64_C(0x77686f)

#define ITEMS_OF_A_CATEGORY 25
#define MOST_CATEGORIES 64
#define ZIPF_POWER 0.9 /* popularity of the r-th item of a category: (r + 2)^-0.9 */
#define CONSUMABLE_SHARE 0.15
#define LATE_SHARE 0.2   /* items that appear after the first day */
#define BUNDLE_EVERY 10  /* one bundle for so many items */
#define FRAUD_ONE_IN 250 /* robots, and as many testers */

const BmShopSegment bmc_shop_segments[BM_SHOP_SEGMENTS] = {
	{"browsers", 0.4, 1.5, 6.0, 0.06, 0.30},
	{"bargain hunters", 0.3, 2.0, 8.0, 0.15, 0.35},
	{"enthusiasts", 0.2, 4.0, 7.0, 0.12, 0.50},
	{"regulars", 0.1, 2.5, 5.0, 0.25, 0.70},
};

static uint32_t
category_count(uint32_t items)
{
	uint32_t n = items / ITEMS_OF_A_CATEGORY;

	return n < 2 ? 2 : n > MOST_CATEGORIES ? MOST_CATEGORIES : n;
}

size_t
bmc_shop_bytes(uint32_t items)
{
	size_t n = items, total = bmc_mul(4, bmc_take_size(n, sizeof(uint32_t)));

	total = bmc_add(total, bmc_take_size((size_t) MOST_CATEGORIES + 1, sizeof(uint32_t)));
	total = bmc_add(total, bmc_take_size(n, sizeof(double)));
	total = bmc_add(total, bmc_mul(2, bmc_take_size(n, sizeof(float))));
	return bmc_add(total, bmc_take_size(n, sizeof(uint16_t)));
}

/* Items dealt to the categories in a random order; within one, the order is that of popularity. */
static void
deal_categories(BmShop *s, BmRng *rng)
{
	for (uint32_t i = 0; i < s->items; i++)
		s->member[i] = i;
	bmc_rng_shuffle(rng, s->member, s->items);
	for (uint32_t c = 0; c <= s->categories; c++)
		s->first[c] = (uint32_t) ((uint64_t) s->items * c / s->categories);
	for (uint32_t c = 0; c < s->categories; c++)
	{
		double sum = 0.0;

		for (uint32_t m = s->first[c]; m < s->first[c + 1]; m++)
		{
			sum += pow((double) (m - s->first[c]) + 2.0, -ZIPF_POWER);
			s->cumulative[m] = sum;
			s->category[s->member[m]] = c;
		}
	}
}

/* A random cycle through each category: everybody is somebody's follower, popular or not. */
static void
choose_followers(BmShop *s, BmRng *rng)
{
	for (uint32_t c = 0; c < s->categories; c++)
	{
		uint32_t first = s->first[c], n = s->first[c + 1] - first;

		for (uint32_t m = 0; m < n; m++)
			s->bundle[m] = s->member[first + m]; /* room that is filled later */
		bmc_rng_shuffle(rng, s->bundle, n);
		for (uint32_t m = 0; m < n; m++)
			s->follower[s->bundle[m]] = s->bundle[(m + 1) % n];
	}
}

/* Pairs of popular items of different categories, no item in two bundles. */
static void
choose_bundles(BmShop *s)
{
	uint32_t wanted = s->items / BUNDLE_EVERY, made = 0;

	for (uint32_t i = 0; i < s->items; i++)
		s->bundle[i] = BM_NONE;
	for (uint32_t rank = 0; made < wanted; rank++)
	{
		bool any = false;

		for (uint32_t c = 0; c + 1 < s->categories && made < wanted; c += 2)
		{
			uint32_t a = s->first[c] + rank, b = s->first[c + 1] + rank;

			if (a >= s->first[c + 1] || b >= s->first[c + 2])
				continue;
			any = true;
			s->bundle[s->member[a]] = s->member[b];
			made++;
		}
		if (!any)
			break;
	}
}

static void
price_goods(BmShop *s, BmRng *rng)
{
	for (uint32_t i = 0; i < s->items; i++)
	{
		double level = 2.5 + 0.5 * (double) (s->category[i] % 5); /* 12 to 90 by category */

		s->price[i] = roundf(100.0f * (float) exp(level + 0.5 * bmc_rng_normal(rng))) / 100.0f;
		s->repeat_days[i] = bmc_rng_double(rng) < CONSUMABLE_SHARE
								? 7.0f + 14.0f * (float) bmc_rng_double(rng)
								: 0.0f;
		s->birth[i] = bmc_rng_double(rng) < LATE_SHARE
						  ? (uint16_t) ((double) s->days * 0.8 * bmc_rng_double(rng))
						  : 0;
	}
}

BmStatus
bmc_shop_init(BmShop *s, uint32_t users, uint32_t items, uint32_t days, uint64_t seed, void *memory)
{
	BmArena arena = {memory, bmc_shop_bytes(items), 0};
	BmRng rng = bmc_rng(seed, STREAM_GOODS);

	if (users < 1 || users > BM_SHOP_MOST_USERS || items < 10 || items > BM_SHOP_MOST_ITEMS ||
		days < 1 || days > BM_SHOP_MOST_DAYS)
		return BM_EINVAL;
	*s = (BmShop){.seed = seed, .users = users, .items = items, .days = days};
	s->categories = category_count(items);
	s->category = bmc_take(&arena, items, sizeof(uint32_t));
	s->member = bmc_take(&arena, items, sizeof(uint32_t));
	s->follower = bmc_take(&arena, items, sizeof(uint32_t));
	s->bundle = bmc_take(&arena, items, sizeof(uint32_t));
	s->first = bmc_take(&arena, (size_t) MOST_CATEGORIES + 1, sizeof(uint32_t));
	s->cumulative = bmc_take(&arena, items, sizeof(double));
	s->price = bmc_take(&arena, items, sizeof(float));
	s->repeat_days = bmc_take(&arena, items, sizeof(float));
	s->birth = bmc_take(&arena, items, sizeof(uint16_t));
	if (s->birth == NULL)
		return BM_ENOMEM;
	deal_categories(s, &rng);
	choose_followers(s, &rng);
	choose_bundles(s);
	price_goods(s, &rng);
	for (int g = 0; g < BM_SHOP_SEGMENTS; g++)
		for (int t = 0; t < 2; t++)
			s->taste[g][t] = (uint32_t) (2 * g + t) % s->categories;
	return BM_OK;
}

static uint32_t
draw_segment(BmRng *rng)
{
	double x = bmc_rng_double(rng);
	uint32_t g = 0;

	while (g + 1 < BM_SHOP_SEGMENTS && x >= bmc_shop_segments[g].share)
		x -= bmc_shop_segments[g++].share;
	return g;
}

BmShopUser
bmc_shop_user(const BmShop *s, uint32_t user)
{
	BmRng rng = bmc_rng(s->seed ^ STREAM_WHO, user);
	uint32_t fraud = bmc_rng_below(&rng, FRAUD_ONE_IN);
	BmShopUser who = {.segment = draw_segment(&rng)};

	who.fraud = fraud == 0 ? BM_SHOP_ROBOT : fraud == 1 ? BM_SHOP_TESTER : BM_SHOP_HONEST;
	/* seven in ten share a taste of their segment; everybody has a second one of their own */
	who.category[0] = bmc_rng_double(&rng) < 0.7 ? s->taste[who.segment][bmc_rng_below(&rng, 2)]
												 : bmc_rng_below(&rng, s->categories);
	who.category[1] = bmc_rng_below(&rng, s->categories);
	return who;
}
