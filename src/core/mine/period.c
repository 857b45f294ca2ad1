/*
 * period.c
 *		Days to weeks, months, quarters and years of the proleptic Gregorian calendar, and back.
 *
 * Years are taken from March, so that the leap day is the last of its year and every month but the last
 * has a fixed number of days before it: 153 days in each five months.
 */
#include "core/mine/period.h"

#define DAYS_400_YEARS 146097
#define DAYS_100_YEARS 36524
#define DAYS_4_YEARS 1461
#define MARCH_OF_2000 60 /* the day 2000-03-01 */

/* Months since 2000-01 of a day. */
static int64_t
month_of_day(int64_t day)
{
	int64_t cycle = bmc_floor_div(day - MARCH_OF_2000, DAYS_400_YEARS);
	int64_t in_cycle = day - MARCH_OF_2000 - cycle * DAYS_400_YEARS;
	/* take the leap days before it out: then every year has 365 days; the last day of the 400 stays in */
	int64_t year = (in_cycle - in_cycle / (DAYS_4_YEARS - 1) + in_cycle / DAYS_100_YEARS -
					in_cycle / (DAYS_400_YEARS - 1)) /
				   365;
	int64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * in_year + 2) / 153; /* 0 is March */

	return 12 * (400 * cycle + year) + month + 2;
}

/* First day of a month that is counted from 2000-01. */
static int64_t
day_of_month(int64_t month)
{
	int64_t from_march = month - 2;
	int64_t years = bmc_floor_div(from_march, 12), m = from_march - 12 * years;
	int64_t cycle = bmc_floor_div(years, 400), year = years - 400 * cycle;

	return MARCH_OF_2000 + cycle * DAYS_400_YEARS + 365 * year + year / 4 - year / 100 +
		   (153 * m + 2) / 5;
}

int32_t
bmc_period(BmGrain grain, int64_t local)
{
	int64_t day;

	if (grain == BM_GRAIN_HOUR)
		return (int32_t) bmc_floor_div(local, BM_USECS_PER_HOUR);
	day = bmc_floor_div(local, BM_USECS_PER_DAY);
	switch (grain)
	{
	case BM_GRAIN_WEEK:
		return (int32_t) bmc_floor_div(day - 2, 7);
	case BM_GRAIN_MONTH:
		return (int32_t) month_of_day(day);
	case BM_GRAIN_QUARTER:
		return (int32_t) bmc_floor_div(month_of_day(day), 3);
	case BM_GRAIN_YEAR:
		return (int32_t) bmc_floor_div(month_of_day(day), 12);
	default:
		return (int32_t) day;
	}
}

int64_t
bmc_period_start(BmGrain grain, int32_t period)
{
	switch (grain)
	{
	case BM_GRAIN_HOUR:
		return period * BM_USECS_PER_HOUR;
	case BM_GRAIN_WEEK:
		return ((int64_t) period * 7 + 2) * BM_USECS_PER_DAY;
	case BM_GRAIN_MONTH:
		return day_of_month(period) * BM_USECS_PER_DAY;
	case BM_GRAIN_QUARTER:
		return day_of_month((int64_t) period * 3) * BM_USECS_PER_DAY;
	case BM_GRAIN_YEAR:
		return day_of_month((int64_t) period * 12) * BM_USECS_PER_DAY;
	default:
		return period * BM_USECS_PER_DAY;
	}
}
