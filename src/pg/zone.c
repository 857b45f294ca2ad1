/*
 * zone.c
 *		The server's time-zone tables as spans of constant offset.
 *
 * Between two changes of the clock local time is the instant plus a constant, so one look into the
 * tables serves half a year of events, and days of 23 and 25 hours come out right by themselves.
 */
#include "pg/zone.h"

#include "utils/datetime.h"
#include "utils/timestamp.h"

#define EPOCH_SECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define LOOK_BACK ((int64) 200 * USECS_PER_DAY) /* a little more than a summer or a winter */

const char *const bm_grain_names[BM_GRAINS] = {"hour", "day", "week", "month", "quarter", "year"};

BmGrain
bm_grain(const char *name)
{
	const char *near;

	for (int g = 0; g < BM_GRAINS; g++)
		if (pg_strcasecmp(name, bm_grain_names[g]) == 0)
			return (BmGrain) g;
	near = bm_nearest(name, bm_grain_names, BM_GRAINS);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown grain \"%s\"", name),
					errdetail("Grains are hour, day, week, month, quarter and year."),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
	return BM_GRAIN_DAY;
}

/* ---- names ---- */

/* The zone of the server's list whose name is nearest, palloc'd; NULL when none is near. */
static char *
nearest_zone(const char *name)
{
	pg_tzenum *list = pg_tzenumerate_start();
	pg_tz *tz;
	char **names = palloc(sizeof(char *) * 4096);
	int n = 0;
	const char *near;

	while (n < 4096 && (tz = pg_tzenumerate_next(list)) != NULL)
		names[n++] = pstrdup(pg_get_timezone_name(tz));
	pg_tzenumerate_end(list);
	near = bm_nearest(name, (const char *const *) names, n);
	return near ? pstrdup(near) : NULL;
}

void
bm_zone_init(BmZone *zone, const char *name)
{
	char *near;

	zone->n = zone->last = 0;
	zone->tz = name ? pg_tzset(name) : session_timezone;
	if (zone->tz && pg_tz_acceptable(zone->tz))
		return;
	near = nearest_zone(name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("time zone \"%s\" does not exist", name),
			 near ? errhint("Did you mean \"%s\"? View pg_timezone_names lists them all.", near)
				  : errhint("Use a full name, as 'Europe/Berlin' or 'UTC': view pg_timezone_names "
							"lists them all.")));
}

const char *
bm_zone_name(const BmZone *zone)
{
	return pg_get_timezone_name(zone->tz);
}

/* ---- spans ---- */

/* The offset at t, in microseconds, and the instant at which it next changes (PG_INT64_MAX: never). */
static int64
offset_at(const BmZone *zone, int64 t, int64 *until)
{
	pg_time_t at = (pg_time_t) (bmc_floor_div(t, USECS_PER_SEC) + EPOCH_SECS), boundary;
	long before, after;
	int before_dst, after_dst, found;

	found =
		pg_next_dst_boundary(&at, &before, &before_dst, &boundary, &after, &after_dst, zone->tz);
	if (found < 0)
		elog(ERROR, "could not look up time zone \"%s\"", bm_zone_name(zone));
	*until = found == 0 ? PG_INT64_MAX : ((int64) boundary - EPOCH_SECS) * USECS_PER_SEC;
	return (int64) before * USECS_PER_SEC;
}

const BmZoneSpan *
bm_zone_find(BmZone *zone, int64 t)
{
	BmZoneSpan s;
	int64 until;

	for (int i = 0; i < zone->n; i++)
		if (t >= zone->span[i].from && t < zone->span[i].to)
		{
			zone->last = i;
			return &zone->span[i];
		}
	s.offset = offset_at(zone, t, &s.to);
	/* begin as early as the offset is known to hold: events may come in any order */
	s.from = t - LOOK_BACK;
	for (;;)
	{
		(void) offset_at(zone, s.from, &until);
		if (until > t)
			break;
		s.from = until;
	}
	zone->last = zone->n < BM_ZONE_SPANS ? zone->n++ : (zone->last + 1) % BM_ZONE_SPANS;
	zone->span[zone->last] = s;
	return &zone->span[zone->last];
}

int64
bm_zone_instant(const BmZone *zone, int64 local)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (timestamp2tm(local, NULL, &tm, &fsec, NULL, NULL) != 0)
		return local; /* before the calendar of the server begins */
	return local + (int64) DetermineTimeZoneOffset(&tm, zone->tz) * USECS_PER_SEC;
}
