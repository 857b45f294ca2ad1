/*
 * activity_read.h
 *		Reading when the users of a source were active: users, times and two kinds of events, nothing
 *		else. Items do not matter here, so rows without one count.
 */
#ifndef BM_PATTERN_ACTIVITY_READ_H
#define BM_PATTERN_ACTIVITY_READ_H

#include "pg/zone.h"

#include "core/mine/retention.h"
#include "core/num/dict.h"
#include "event/source.h"

/* Most values of a breakdown: more of them is no breakdown but a list. */
#define BM_MAX_BREAKDOWN 1000

typedef struct BmActivityRequest
{
	const char *doing;        /* "compute retention", for messages */
	const char *start_event;  /* NULL: any */
	const char *return_event; /* NULL: any */
	const char *breakdown;    /* column, or NULL */
	int64 since, until;       /* rows with since <= ts < until; PG_INT64_MIN, PG_INT64_MAX: open */
	BmGrain grain;
	BmZone *zone;
	bool instants; /* keep times (and periods beside them), not periods alone */
	bool repeats;  /* events of a user in one period are counted or summed: keep them all */
	bool values;   /* read the source's value column, if it has one */
	/* Called for each row that counts, instead of keeping it; users are not told apart then. */
	void (*each)(void *arg, int64 t);
	void *arg;
} BmActivityRequest;

typedef struct BmActivity
{
	BmActivityLog log; /* its arrays live in the BmMem of the call */
	int64 first, last; /* instants of the first and the last event; first > last: none */
	char **group_name; /* (log.ngroups) NULL: the column is NULL, or there is no breakdown */
	uint64 rows;       /* read */
	uint64 starts;     /* events that are starts */
} BmActivity;

/* Events by order of arrival. period and value: NULL where they are not kept. */
typedef struct BmActivityColumns
{
	size_t n;
	uint32 *unit;
	int64 *at;
	int32 *period;
	uint8 *flags;
	double *value;
} BmActivityColumns;

/*
 * Read, and sort by (user and breakdown value, time). Groups are numbered in the order of their names,
 * NULL last. Rows without a user or a time, at impossible times, or of behaviours that the source ignores
 * are left out; a NOTICE counts them. 22000 with the nearest name when an event never occurs.
 */
extern BmActivity *bm_activity_read(BmSource *source, const BmActivityRequest *request, BmMem *mem,
									BmWatch *watch);
/*
 * Fill a->log (its nunits are known) from the columns, which become its arrays; equal times are in the
 * order of flags and values, whatever the order of arrival.
 */
extern void bm_activity_sort(BmActivity *a, BmActivityColumns *columns, const char *doing,
							 BmMem *mem, BmWatch *watch);
/* An error for a status of the core on what was read. */
extern void bm_activity_check(BmStatus status, const char *doing);

/* Text arguments that may be NULL or empty (then any event), and times that may be NULL. */
extern const char *bm_arg_event(FunctionCallInfo fcinfo, int i);
extern int64 bm_arg_time(FunctionCallInfo fcinfo, int i, const char *name, int64 dflt);
/* 22023 unless since < until. */
extern void bm_check_span(int64 since, int64 until);
/*
 * Until when what happened is known: until, or the end of the local day that holds the last event; never
 * later than the transaction's time.
 */
extern int64 bm_observed_until(const BmActivity *a, BmZone *zone, int64 until);
/* The first period with an event, but none that begins before since (PG_INT64_MIN: any). */
extern int32 bm_first_period(const BmActivity *a, BmZone *zone, BmGrain grain, int64 since);

#endif
