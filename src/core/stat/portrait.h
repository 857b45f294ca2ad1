/*
 * portrait.h
 *		What the events of one user say: activity, rhythm, favourites, prices, orders, and odd things.
 *
 * A portrait grows by events in order of time and needs none of them again, so it is kept and goes on
 * where it stopped. Its size is fixed. Counts are exact, but for those of a tally with more values than
 * slots (see BmTallySlot). All times are microseconds of one epoch.
 */
#ifndef BM_PORTRAIT_H
#define BM_PORTRAIT_H

#include "core/num/status.h"

#define BM_PORTRAIT_EVENTS 12 /* behaviours that are told apart; the rest is the last one */
#define BM_PORTRAIT_WEEKS 13  /* of 7 days, of which events are counted */
#define BM_PORTRAIT_TASTE 32  /* width of the taste vector */
#define BM_PORTRAIT_SLOTS 24  /* values of an attribute that are counted at once */
#define BM_PORTRAIT_HALF_LIFE (INT64_C(30) * 86400 * 1000000) /* of what counts as recent */

typedef enum BmTallyKind
{
	BM_TALLY_CATEGORY = 0,
	BM_TALLY_BRAND,
	BM_TALLY_DEVICE,
	BM_TALLIES
} BmTallyKind;

/* Statements with a rule each: doc/portrait.md. Numbers are stored: never reuse one. */
typedef enum BmTag
{
	BM_TAG_BUYER = 0,
	BM_TAG_REPEAT_BUYER,
	BM_TAG_LOYAL,
	BM_TAG_WINDOW_SHOPPER,
	BM_TAG_DISCOUNT_HUNTER,
	BM_TAG_NIGHT_OWL,
	BM_TAG_WEEKENDER,
	BM_TAG_RISING,
	BM_TAG_FADING,
	BM_TAG_DORMANT,
	BM_TAG_MANY_RETURNS,
	BM_TAG_ORDER_BURST,
	BM_TAG_FAST_EVENTS,
	BM_TAG_ODD_ORDER,
	BM_TAG_NEW_DEVICE,
	BM_TAGS
} BmTag;
#define BM_TAG_FIRST_RISK BM_TAG_MANY_RETURNS

/*
 * Events of one value of an attribute, by SpaceSaving (Metwally, Agrawal and El Abbadi 2005): a value that
 * finds no slot takes that of the rarest and inherits its count, so n - over <= events <= n, and over is 0
 * where a user has at most BM_PORTRAIT_SLOTS values.
 */
typedef struct BmTallySlot
{
	uint32_t code;
	uint32_t n, over;
	uint32_t bought;     /* purchases among them, since the slot was taken */
	double recent;       /* events, each halved every BM_PORTRAIT_HALF_LIFE; see landmark */
	int64_t first, last; /* since the slot was taken */
} BmTallySlot;

typedef struct BmTally
{
	uint32_t n;      /* slots in use */
	uint32_t events; /* with a value */
	double recent;   /* sum of all, also of values that lost their slot */
	BmTallySlot slot[BM_PORTRAIT_SLOTS];
} BmTally;

/* Mean and spread of numbers (Welford 1962). */
typedef struct BmSpread
{
	uint32_t n;
	double mean, m2, min, max;
} BmSpread;

/* Most events in one span of a fixed grid of time. */
typedef struct BmBurst
{
	int64_t span; /* the newest, by number */
	uint32_t n, most;
	int64_t at; /* time of the event that made it most */
} BmBurst;

typedef struct BmPortrait
{
	int64_t first, last;
	uint32_t events, sessions, days;
	int32_t last_day; /* local day of the newest event */

	uint32_t nevents;
	uint32_t event[BM_PORTRAIT_EVENTS]; /* codes of behaviours, by first appearance */
	uint32_t count[BM_PORTRAIT_EVENTS];
	int64_t newest[BM_PORTRAIT_EVENTS];                    /* time of the newest event of each */
	uint32_t next[BM_PORTRAIT_EVENTS][BM_PORTRAIT_EVENTS]; /* [one][the next] */
	uint32_t current; /* place of the newest event's behaviour */

	uint32_t hour[24], weekday[7];      /* local; 0 is Monday */
	int64_t week;                       /* the newest, by number */
	uint32_t weekly[BM_PORTRAIT_WEEKS]; /* [0] the newest */

	uint32_t purchases; /* events */
	uint32_t orders;    /* local days with a purchase */
	int32_t order_day, first_order_day;
	int64_t first_purchase, last_purchase;
	uint32_t returns;       /* events of purchase with an amount below zero */
	double total, returned; /* amounts; returned <= 0 */
	BmSpread price, seen;   /* of purchases; of other events */
	BmSpread amount;        /* log(1 + amount) of a purchase event */
	double odd; /* largest of them in standard deviations above the mean of those before */
	double odd_amount;
	int64_t odd_at;
	uint32_t listed, discounted; /* purchases with a list price; those clearly below it */
	double saved;                /* sum of the shares saved of the latter */

	BmBurst orders_in_10min, events_in_1min;
	BmTally tally[BM_TALLIES];

	int64_t landmark; /* weights of recent things are those of this time; they only grow */
	double taste[BM_PORTRAIT_TASTE];

	int64_t since[BM_TAGS]; /* set by bmc_portrait_mark; 0: the tag does not hold */
} BmPortrait;

/* One event. Prices that are unknown are NaN, codes BM_NONE. */
typedef struct BmPortraitEvent
{
	int64_t time;
	int64_t local; /* what the clock on the wall shows */
	uint64_t item; /* hash of its key; 0: none */
	uint32_t event;
	bool purchase;
	float weight;                 /* of the behaviour, >= 0 */
	double price, quantity, list; /* of one piece; pieces (NaN: 1); regular price */
	uint32_t code[BM_TALLIES];
	uint64_t hash[BM_TALLIES]; /* of the attribute's value, the same in every run */
} BmPortraitEvent;

extern void bmc_portrait_init(BmPortrait *p);
/* Events of a user in order of time; session_gap in microseconds. */
extern void bmc_portrait_add(BmPortrait *p, const BmPortraitEvent *e, int64_t session_gap);

/* Events of the last four weeks before now, and of the four before those. */
extern void bmc_portrait_trend(const BmPortrait *p, int64_t now, uint32_t *recent,
							   uint32_t *before);
/* The mean time between two orders in days; NaN with fewer than two. */
extern double bmc_portrait_gap(const BmPortrait *p);
/* Standard deviation; NaN with fewer than two numbers. */
extern double bmc_spread_sd(const BmSpread *s);
/* Share of the most frequent three hours in a row, their first hour, and what an even day would give. */
extern double bmc_portrait_peak(const BmPortrait *p, int *hour);
/*
 * Length of the mean direction of the hours on the clock (Mardia 1972): 0 evenly spread, 1 all in one
 * hour.
 */
extern double bmc_portrait_concentration(const BmPortrait *p);
/* Unit vector (BM_PORTRAIT_TASTE); all zero without items. */
extern void bmc_portrait_taste(float *out, const BmPortrait *p);
/*
 * probability (nevents): what comes next after the newest event; own counts, to which the shop's
 * are added with a weight of ten. shop (nevents, nevents) counts in the portrait's order, or NULL.
 */
extern void bmc_portrait_next(double *probability, const BmPortrait *p, const double *shop);

extern const char *const bmc_tag_names[BM_TAGS];
/* score (BM_TAGS): how much of it, as the rule of each tag says; NaN where the tag does not hold at now. */
extern void bmc_portrait_tags(double *score, const BmPortrait *p, int64_t now);
/* Keep since when each tag holds: tags that are new hold since the newest event, or since time made them. */
extern void bmc_portrait_mark(BmPortrait *p, int64_t now);

/* What groups of users are made of. */
typedef enum BmFeatureKind
{
	BM_FEATURE_RFM = 0, /* recency, orders, spend; of users with an order */
	BM_FEATURE_RATES,   /* how often a behaviour leads to each weightier one */
	BM_FEATURE_ALL      /* both, and how often, how long, how dear */
} BmFeatureKind;

#define BM_MOST_FEATURES (BM_PORTRAIT_EVENTS + 10)

typedef struct BmFeature
{
	const char *name; /* or NULL: rate of behaviour number event */
	int event;
	bool log; /* the feature is log(1 + value), else asin(sqrt(value)) when rate, else the value */
	bool rate;
} BmFeature;

/* out (BM_MOST_FEATURES); events: behaviours, the lightest first. Returns how many. */
extern size_t bmc_portrait_features(BmFeature *out, BmFeatureKind kind, size_t events);
/* x: as above, value by value; events (n) codes, the lightest first. False: the user has none of this kind. */
extern bool bmc_portrait_feature_row(float *x, const BmPortrait *p, BmFeatureKind kind,
									 const uint32_t *events, size_t n, int64_t now);
/* The value that a feature stands for. */
extern double bmc_feature_value(const BmFeature *f, double x);

#endif
