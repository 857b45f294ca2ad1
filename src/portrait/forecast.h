/*
 * forecast.h
 *		Forecasts of many series at once: arguments, reading, fitting in parallel.
 */
#ifndef BM_PORTRAIT_FORECAST_H
#define BM_PORTRAIT_FORECAST_H

#include "core/stat/forecast.h"
#include "portrait/series.h"

typedef struct BmForecastSettings
{
	int season; /* 0: the usual one of the period */
	double coverage, service;
	int paths;
	int criterion;
	char *method; /* NULL: choose */
	double order_cost, holding_cost;
	int seed;
	int keep_versions;
} BmForecastSettings;

extern const BmOptionSpec bm_forecast_options[];

/* Where the arguments of the functions of stock stand. */
typedef struct BmForecastArgs
{
	int source, by, period, until, data, ts, quantity, options;
} BmForecastArgs;

typedef struct BmForecasts
{
	MemoryContext context;
	BmMem mem;
	BmSales *sales;
	BmSeries series;
	BmSeriesOptions series_options;
	BmForecastSettings settings;
	BmForecastOptions options;
	char *by;                  /* column, or NULL */
	BmForecast *f;             /* (n) */
	double *mean, *low, *high; /* (n, horizon) */
} BmForecasts;

/*
 * Read and forecast; lead_days: days that the stock has to last, 0: not asked. who: for messages. The caller
 * deletes context.
 */
extern void bm_forecasts(BmForecasts *out, FunctionCallInfo fcinfo, const BmForecastArgs *args,
						 int horizon, double lead_days, double service, const char *who);
extern const char *bm_forecast_name(const BmForecasts *f, size_t i);

#endif
