/*
 * zone.h
 *		Local time of a zone for millions of instants, and grains by name.
 */
#ifndef BM_ZONE_H
#define BM_ZONE_H

#include "pg/pg.h"
#include "pgtime.h"

#include "core/mine/period.h"

#define BM_ZONE_SPANS 32 /* changes of the clock in 16 years */

/* While from <= instant < to, local = instant + offset; all in microseconds. */
typedef struct BmZoneSpan
{
	int64 from, to, offset;
} BmZoneSpan;

typedef struct BmZone
{
	pg_tz *tz;
	int n, last; /* spans known; the one used last */
	BmZoneSpan span[BM_ZONE_SPANS];
} BmZone;

/* name NULL: the session's TimeZone. 22023 with the nearest name when there is no such zone. */
extern void bm_zone_init(BmZone *zone, const char *name);
extern const char *bm_zone_name(const BmZone *zone);
/* The span that holds an instant; looked up in the server's tables, and kept. */
extern const BmZoneSpan *bm_zone_find(BmZone *zone, int64 t);
/* The instant of a local time: as the server's casts, the first or only one that shows it. */
extern int64 bm_zone_instant(const BmZone *zone, int64 local);
/* 22023 with the nearest name when there is no such grain. */
extern BmGrain bm_grain(const char *name);
extern const char *const bm_grain_names[BM_GRAINS];

static inline const BmZoneSpan *
bm_zone_span(BmZone *zone, int64 t)
{
	const BmZoneSpan *s = &zone->span[zone->last];

	return likely(zone->n > 0 && t >= s->from && t < s->to) ? s : bm_zone_find(zone, t);
}

/* What a clock on the wall shows, as a timestamp without time zone. */
static inline int64
bm_zone_local(BmZone *zone, int64 t)
{
	return t + bm_zone_span(zone, t)->offset;
}

/* Can t be counted in periods? Finite, and not tens of thousands of years away. */
static inline bool
bm_period_time(int64 t)
{
	return t > -BM_PERIOD_MAX_TIME && t < BM_PERIOD_MAX_TIME;
}

static inline int32
bm_zone_period(BmZone *zone, BmGrain grain, int64 t)
{
	return bmc_period(grain, grain == BM_GRAIN_HOUR ? t : bm_zone_local(zone, t));
}

/* The instant at which a period begins. */
static inline int64
bm_zone_period_start(const BmZone *zone, BmGrain grain, int32 period)
{
	int64 start = bmc_period_start(grain, period);

	return grain == BM_GRAIN_HOUR ? start : bm_zone_instant(zone, start);
}

#endif
