/*
 * series.h
 *		Demand by series and period: one SELECT into rows of numbers.
 */
#ifndef BM_SERIES_H
#define BM_SERIES_H

#include "core/num/mem.h"
#include "portrait/sales.h"

typedef enum BmSeriesPeriod
{
	BM_SERIES_DAY = 0,
	BM_SERIES_WEEK, /* from Monday */
	BM_SERIES_MONTH,
	BM_SERIES_PERIODS
} BmSeriesPeriod;

extern const char *const bm_series_period_names[BM_SERIES_PERIODS];

typedef struct BmSeriesOptions
{
	char *time_zone; /* NULL: the session's */
	int returns;     /* 0: rows below zero are left out; 1: taken off their period's demand */
	int start;       /* 0: at a series' first demand; 1: all at the first of all */
} BmSeriesOptions;

extern const BmOptionSpec bm_series_options[];

/* Series i is y[start[i]] .. y[start[i + 1] - 1], its last period is `last`. */
typedef struct BmSeries
{
	BmMem *mem;
	const BmSales *sales;
	BmSeriesPeriod period;
	size_t n, capacity;
	size_t *start; /* (n + 1) */
	size_t *name;  /* (n) offsets into text */
	double *y;     /* (start[n]) */
	size_t y_capacity;
	char *text;
	size_t text_used, text_capacity;
	int64 last; /* the last finished period */
} BmSeries;

/*
 * Read the demand by the values of a column (by; NULL: one series "all") up to the last period that is finished
 * at until; NULL: at the newest row, whose period counts as unfinished. 22000 when nothing is left.
 */
extern void bm_series_read(BmSeries *out, const BmSales *s, const char *by, BmSeriesPeriod period,
						   const BmSeriesOptions *options, const TimestampTz *until, BmMem *mem);
/* The instant at which a period begins. */
extern TimestampTz bm_series_instant(const BmSeries *s, int64 period);
/* Periods of the usual season: 7 days, 52 weeks, 12 months. */
extern int bm_series_season(BmSeriesPeriod period);
/* Length in days, on average. */
extern double bm_series_days(BmSeriesPeriod period);

#endif
