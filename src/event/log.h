/*
 * log.h
 *		An event log in memory: a source, read, cleaned, encoded and sorted by (user, time).
 */
#ifndef BM_LOG_H
#define BM_LOG_H

#include "pg/pg.h"
#include "core/num/dict.h"
#include "core/num/recommender.h"
#include "core/num/rng.h"
#include "event/source.h"
#include "utils/jsonb.h"

/* Hashes of keys: the same whatever their codes, so that a history read alone is ordered as the log. */
static inline uint64_t
bm_key_hash_int(int64 key)
{
	return bmc_mix64((uint64_t) key);
}

static inline uint64_t
bm_key_hash_bytes(const char *key, size_t len)
{
	uint64_t h = UINT64_C(0x452821e638d01377);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char) key[i]) * UINT64_C(0x100000001b3);
	return bmc_mix64(h);
}

/*
 * Order among one user's events at one time: pseudo-random by user, item and time (the lowest byte is
 * free for the behaviour's rank by weight and name). So no pattern appears that the data does not have.
 */
static inline uint64_t
bm_tie(uint64_t user_hash, uint64_t item_hash, int64 time)
{
	return bmc_mix64(item_hash ^ bmc_mix64((uint64_t) time + user_hash)) & ~UINT64_C(255);
}

/* What cleaning removed; shown by behav_profile and stored with every version. */
typedef struct BmCleaning
{
	uint64 read; /* rows read */
	uint64 missing_user, missing_item, missing_time;
	uint64 bad_time;      /* infinite, before min_time, after max_time */
	uint64 ignored_event; /* behaviours that the source leaves out */
	uint64 duplicates;    /* same user, item, behaviour and time as another */
	uint64 robots;        /* events of users with impossible rates */
	uint64 robot_users;
	uint64 rare_items; /* events of items below min_item_count */
	uint64 rare_users; /* events of users below min_user_count */
	uint64 kept;
} BmCleaning;

typedef struct BmLog
{
	BmSource *source;
	BmMem *mem;
	BmDict users;  /* ordered by key */
	BmDict items;  /* most frequent first */
	BmDict events; /* behaviours, most frequent first; at most 255 */
	size_t n;
	size_t *start;           /* (users+1) */
	uint32_t *item;          /* (n); BM_NONE: none, only where source->itemless */
	int64_t *time;           /* (n) TimestampTz microseconds */
	uint8_t *event;          /* (n) or NULL when the source has no event column */
	float event_weight[256]; /* filled from options */
	bool purchase[256];      /* is this behaviour a purchase */
	/* Of source->extra: dictionaries ordered by key (they may hold keys of removed events). */
	BmDict extra[BM_MAX_EXTRA];
	uint32_t *extra_code[BM_MAX_EXTRA]; /* (n) each; BM_NONE: NULL, or an empty text */
	uint32_t *item_count;               /* (items) events per item */
	const BmItemFeatures *features;     /* set by bm_item_features' caller, or NULL */
	int64_t first, last;                /* time span */
	BmCleaning cleaning;
} BmLog;

/*
 * Read the whole source (events with since <= ts < until; 0 / DT_NOEND style PG_INT64_MIN/MAX mean
 * open) into context through mem. Progress phases read, clean, index. SPI is managed inside.
 * Ties in time are put into a fixed pseudo-random order (a hash of user, item and time), behaviours
 * of one item in order of weight: deterministic under parallel plans and free of artificial patterns.
 */
extern BmLog *bm_log_read(BmSource *source, int64 since, int64 until, BmMem *mem,
						  MemoryContext context, BmWatch *watch);
extern size_t bm_log_bytes(double rows, double users, double items); /* estimate of the peak */
/* The log as core sequences (no copying). */
extern void bm_log_sequences(const BmLog *log, BmSequences *out);
extern Jsonb *bm_cleaning_jsonb(const BmCleaning *c);
/* Key of a code as palloc'd text. */
extern char *bm_dict_text(const BmDictView *d, uint32_t code);

#endif
