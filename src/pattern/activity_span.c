/*
 * activity_span.c
 *		Arguments that the functions on sources share, and the span of time that an answer is about.
 */
#include "pattern/activity_read.h"

#include "access/xact.h"
#include "utils/timestamp.h"

const char *
bm_arg_event(FunctionCallInfo fcinfo, int i)
{
	char *name = bm_arg_text_or_null(fcinfo, i);

	return name && *name ? name : NULL;
}

int64
bm_arg_time(FunctionCallInfo fcinfo, int i, const char *name, int64 dflt)
{
	int64 t;

	if (PG_ARGISNULL(i))
		return dflt;
	t = PG_GETARG_TIMESTAMPTZ(i);
	if (TIMESTAMP_IS_NOBEGIN(t))
		return PG_INT64_MIN;
	if (TIMESTAMP_IS_NOEND(t))
		return PG_INT64_MAX;
	if (!bm_period_time(t))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" is out of range", name),
						errdetail("Periods are counted up to the year 60000.")));
	return t;
}

void
bm_check_span(int64 since, int64 until)
{
	if (since < until)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"since\" must be before \"until\""),
			 errdetail("They are %s and %s.", pstrdup(timestamptz_to_str(since)),
					   pstrdup(timestamptz_to_str(until)))));
}

int64
bm_observed_until(const BmActivity *a, BmZone *zone, int64 until)
{
	int64 now = GetCurrentTransactionStartTimestamp();

	if (until == PG_INT64_MAX && a->first <= a->last)
		until = bm_zone_period_start(zone, BM_GRAIN_DAY,
									 bm_zone_period(zone, BM_GRAIN_DAY, a->last) + 1);
	return Min(until, now);
}

int32
bm_first_period(const BmActivity *a, BmZone *zone, BmGrain grain, int64 since)
{
	int32 first = bm_zone_period(zone, grain, a->first), from;

	if (since == PG_INT64_MIN)
		return first;
	from = bm_zone_period(zone, grain, since);
	if (bm_zone_period_start(zone, grain, from) < since)
		from++;
	return Max(first, from);
}
