/*
 * shop.h
 *		A shop that does not exist: customers with tastes, sessions, funnels, bundles, habits and frauds,
 *		with the truth known, so that whatever mines it can be checked.
 *
 * Every user is a function of (seed, user) alone: users can be made in any order or in parallel, and
 * one user's events do not depend on how many others there are.
 */
#ifndef BM_SHOP_H
#define BM_SHOP_H

#include "core/num/mem.h"
#include "core/num/rng.h"

#define BM_SHOP_SEGMENTS 4
#define BM_SHOP_MOST_EVENTS 16384 /* of one user; later ones are not made */
#define BM_SHOP_MOST_USERS 100000000
#define BM_SHOP_MOST_ITEMS 1000000
#define BM_SHOP_MOST_DAYS 3650

/* Midnight after the last day, in seconds since 1970: 2025-01-01 00:00 UTC. */
#define BM_SHOP_END INT64_C(1735689600)

typedef enum BmShopEventType
{
	BM_SHOP_VIEW = 0,
	BM_SHOP_CART,
	BM_SHOP_PURCHASE
} BmShopEventType;

typedef enum BmShopFraud
{
	BM_SHOP_HONEST = 0,
	BM_SHOP_ROBOT, /* hundreds of views a minute */
	BM_SHOP_TESTER /* a stolen card tried on cheap items: dozens of purchases in minutes */
} BmShopFraud;

typedef struct BmShopEvent
{
	int64_t time;     /* microseconds since 1970, ascending per user */
	uint32_t item;    /* 0 .. items-1 */
	uint32_t session; /* 0, 1, ... of the user */
	float price;
	uint16_t quantity;
	uint8_t type; /* BmShopEventType */
} BmShopEvent;

/* How a segment behaves. */
typedef struct BmShopSegment
{
	const char *name;
	double share;    /* of the users */
	double sessions; /* a week, mean */
	double views;    /* a session, mean */
	double cart;     /* probability that a view is followed by a cart */
	double buy;      /* probability that an item in the cart is bought */
} BmShopSegment;

extern const BmShopSegment bmc_shop_segments[BM_SHOP_SEGMENTS];

/* Probabilities that hold for the whole shop. */
#define BM_SHOP_FOLLOW 0.35 /* the next view is the follower of the last one */
#define BM_SHOP_BUNDLE 0.6  /* whoever buys the first of a bundle buys the second too */
#define BM_SHOP_REPEAT 0.7  /* a consumable is bought again */

typedef struct BmShop
{
	uint64_t seed;
	uint32_t users, items, days, categories;
	uint32_t *category; /* (items) */
	uint32_t *first;    /* (categories+1) into member, cumulative */
	uint32_t *member;   /* (items) items of a category, most popular first */
	double *cumulative; /* (items) of the Zipf weights within a category */
	uint32_t *follower; /* (items) of the same category */
	uint32_t *bundle;   /* (items) second item of the bundle that this one opens, or BM_NONE */
	float *price;       /* (items) */
	float *repeat_days; /* (items) mean interval of a consumable, or 0 */
	uint16_t *birth;    /* (items) day on which the item appears; most are there from the first */
	uint32_t taste[BM_SHOP_SEGMENTS][2]; /* preferred categories of a segment */
} BmShop;

typedef struct BmShopUser
{
	uint32_t segment;
	uint32_t category[2]; /* preferred: the first for 60 %, the second for 25 % of free views */
	BmShopFraud fraud;
} BmShopUser;

extern size_t bmc_shop_bytes(uint32_t items); /* SIZE_MAX on overflow */
/* memory: bmc_shop_bytes(items) bytes, 64-byte aligned. users, days >= 1, items >= 10. */
extern BmStatus bmc_shop_init(BmShop *shop, uint32_t users, uint32_t items, uint32_t days,
							  uint64_t seed, void *memory);
extern BmShopUser bmc_shop_user(const BmShop *shop, uint32_t user);
/* All events of a user in order of time into out (BM_SHOP_MOST_EVENTS); how many. */
extern size_t bmc_shop_events(BmShopEvent *out, const BmShop *shop, uint32_t user);

#endif
