/*
 * forecast.h
 *		The forecast of one series: method and weights chosen by rolling origin, its distribution by
 *		simulated futures, and the stock that it takes to serve it.
 */
#ifndef BM_FORECAST_H
#define BM_FORECAST_H

#include "core/stat/demand.h"

#define BM_MAX_HORIZON 1000

typedef enum BmCriterion
{
	BM_BY_ERROR = 0, /* mean absolute error */
	BM_BY_COST,      /* cost of stock at the service level */
	BM_BY_BOTH       /* both, each in shares of what the mean costs */
} BmCriterion;

typedef struct BmForecastOptions
{
	int horizon;      /* periods, 1..BM_MAX_HORIZON */
	int season;       /* periods; 1: none */
	double coverage;  /* of the intervals, 0..1 */
	double service;   /* probability to serve all demand, 0..1 */
	double lead;      /* periods that the stock has to last, 0: not asked; <= BM_MAX_HORIZON */
	int paths;        /* simulated futures */
	uint32_t methods; /* bit m: method m may be chosen */
	BmCriterion criterion;
	uint64_t seed;
} BmForecastOptions;

/* Errors of one method over the origins; means. */
typedef struct BmForecastError
{
	double mae; /* over origins and steps */
	double
		mase; /* over the mean absolute change from period to period before the first origin; NaN: none */
	/*
	 * One period at a time, with the stock that the service level asks for: (1 - service) a piece too many,
	 * service a piece too few.
	 */
	double cost;
} BmForecastError;

typedef struct BmForecast
{
	BmDemandProfile profile;
	BmDemandMethod method;
	BmDemandWeights weights;
	size_t n, origins; /* periods; origins looked at, 0: too few periods to choose by */
	BmForecastError error, naive, mean; /* of the chosen method, of seasonal naive, of the mean */
	double lead_mean, lead_quantile;    /* demand over the lead time; NaN unless asked for */
} BmForecast;

/* Bytes of scratch for series of up to n periods. */
extern size_t bmc_forecast_size(const BmForecastOptions *o, size_t n);
/*
 * Forecast y (n), oldest first. mean, low, high (horizon); low and high are NaN where nothing is known of the
 * spread (one period). stream: of the random numbers, one a series.
 */
extern void bmc_forecast(BmForecast *out, double *mean, double *low, double *high, const double *y,
						 size_t n, const BmForecastOptions *o, uint64_t stream, void *scratch);

#endif
