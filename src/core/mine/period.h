/*
 * period.h
 *		Calendar periods as numbers: days, weeks (from Monday), months, quarters and years of a local
 *		clock, and the hours of the world's clock.
 *
 * A period's number says how many periods after the first of 2000 it begins: 0 is the day 2000-01-01,
 * the week of Monday 2000-01-03, the month 2000-01, the quarter and the year that begin then. A local
 * time is microseconds since 2000-01-01 00:00 as the clock on the wall shows them, so that days of 23 and
 * 25 hours are one period each. Hours are counted in UTC: an hour that a clock shows twice is two.
 */
#ifndef BM_PERIOD_H
#define BM_PERIOD_H

#include "core/num/status.h"

typedef enum BmGrain
{
	BM_GRAIN_HOUR, /* of UTC: give it the instant, not the local time */
	BM_GRAIN_DAY,
	BM_GRAIN_WEEK,
	BM_GRAIN_MONTH,
	BM_GRAIN_QUARTER,
	BM_GRAIN_YEAR,
	BM_GRAINS
} BmGrain;

#define BM_USECS_PER_HOUR INT64_C(3600000000)
#define BM_USECS_PER_DAY (24 * BM_USECS_PER_HOUR)

/* Period numbers lie strictly between -BM_PERIOD_BIAS and BM_PERIOD_BIAS... */
#define BM_PERIOD_BIAS (1 << 29)
/* ...because times do not go beyond this: 61,000 years after 2000, when hours would reach it. */
#define BM_PERIOD_MAX_TIME ((int64_t) (BM_PERIOD_BIAS - 48) * BM_USECS_PER_HOUR)

/* a / b rounded down; b > 0. */
static inline int64_t
bmc_floor_div(int64_t a, int64_t b)
{
	int64_t q = a / b;

	return q - (a % b < 0);
}

/* Number of the period of local (of the instant for hours), which lies within BM_PERIOD_MAX_TIME. */
extern int32_t bmc_period(BmGrain grain, int64_t local);
/* When a period begins: local time, for hours the instant. */
extern int64_t bmc_period_start(BmGrain grain, int32_t period);

#endif
