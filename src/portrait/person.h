/*
 * person.h
 *		From the events of a source to portraits: of one user through the index, of all users in a sweep.
 */
#ifndef BM_PERSON_H
#define BM_PERSON_H

#include "core/stat/portrait.h"
#include "event/behaviour.h"
#include "event/items.h"
#include "event/log.h"
#include "pg/zone.h"
#include "utils/jsonb.h"

typedef struct BmPersonOptions
{
	char *time_zone; /* NULL: the session's */
	char *column[BM_TALLIES];
	char *list_price;
} BmPersonOptions;

extern const BmOptionSpec bm_person_options[];
extern const char *const bm_tally_names[BM_TALLIES];

/* Where a value comes from: a column of the items' table, or of the events. */
typedef struct BmPersonColumn
{
	char *name; /* NULL: there is none */
	bool of_item;
	int extra; /* of the events: place among the source's extra columns */
} BmPersonColumn;

/* What stays the same for all users of a source. Codes of portraits are those of its dictionaries. */
typedef struct BmPeople
{
	BmSource *source;
	BmPersonOptions options;
	BmMem *mem;
	BmZone zone;
	int64 gap;      /* of sessions, microseconds */
	BmItems *items; /* or NULL */
	BmPersonColumn tally[BM_TALLIES], list;
	int price, quantity; /* extra columns, or -1 */
	BmDict events, names[BM_TALLIES];
} BmPeople;

/* Find the columns; options may be NULL. 42704, 42703, 22023. */
extern void bm_people(BmPeople *out, const char *source, Jsonb *options, BmMem *mem);
/* Code of a behaviour's or value's name, put in when it is new; len may be 0 for an empty one. */
extern uint32_t bm_people_code(BmDict *d, const char *name, size_t len);

/* One user; false without events. user is the key as text: 22P02 when it cannot be one. */
extern bool bm_person_read(BmPortrait *p, BmPeople *people, const char *user);

/* Everybody's events, sorted, with what is known of their items. */
typedef struct BmCrowd
{
	BmPeople *people;
	BmLog *log;                      /* NULL: there is no event */
	uint64 *item_hash;               /* (items) */
	uint32_t *item_code[BM_TALLIES]; /* (items) or NULL */
	double *item_list;               /* (items) or NULL */
	uint32_t *name_code[BM_TALLIES]; /* (extra values) or NULL */
	uint64 *name_hash[BM_TALLIES];   /* (names) */
	double *number[BM_MAX_EXTRA];    /* (extra values) or NULL */
	uint32_t event_code[256];
	bool purchase[256];
	float weight[256];
	uint32_t *order; /* (events.n) codes of behaviours, the lightest first */
} BmCrowd;

/* Read events with since <= ts; lives in context. */
extern void bm_crowd_read(BmCrowd *out, BmPeople *people, int64 since, MemoryContext context,
						  BmWatch *watch);
/*
 * Add the events of users first.. first + n - 1 to their portraits p (n), which are set up already, in
 * parallel.
 */
extern void bm_crowd_sweep(BmPortrait *p, const BmCrowd *c, size_t first, size_t n, BmPool *pool,
						   BmWatch *watch);
extern size_t bm_crowd_users(const BmCrowd *c);

#endif
