/*
 * reorder.c
 *		behav_reorder: when to order again, and how much.
 *
 * The reorder point is the quantile of the demand over the time that the stock has to last (lead time, and the
 * time between two looks at the stock), from the simulated futures of the forecast. The quantity is the
 * economic one (Harris 1913) where the costs are given, else the demand expected over that time.
 */
#include "portrait/forecast.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "portrait/customers.h"

static double
days_argument(FunctionCallInfo fcinfo, int i, const char *name)
{
	return (double) bm_interval_micros(PG_GETARG_INTERVAL_P(i), name) / USECS_PER_DAY;
}

static void
emit(FunctionCallInfo fcinfo, const BmForecasts *f, size_t i)
{
	const BmForecast *x = &f->f[i];
	const BmForecastSettings *s = &f->settings;
	double rate = x->lead_mean / f->options.lead, quantity = x->lead_mean;
	Datum values[8];
	bool nulls[8] = {false};

	if (s->order_cost > 0 && s->holding_cost > 0)
		quantity = sqrt(2.0 * rate * s->order_cost / s->holding_cost);
	values[0] = bm_text_datum(bm_forecast_name(f, i));
	values[1] = bm_text_datum(bmc_demand_class_names[x->profile.class]);
	values[2] = bm_text_datum(bmc_demand_method_names[x->method]);
	values[3] = Float8GetDatum(rate);
	values[4] = Float8GetDatum(x->lead_mean);
	values[5] = Float8GetDatum(x->lead_quantile - x->lead_mean);
	values[6] = Float8GetDatum(x->lead_quantile);
	values[7] = Float8GetDatum(quantity);
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_reorder(lead_time, service_level, source, by, period, review, until, data, ts, quantity, options)
 */
BM_FUNCTION(behav_reorder);
Datum
behav_reorder(PG_FUNCTION_ARGS)
{
	static const BmForecastArgs args = {2, 3, 4, 6, 7, 8, 9, 10};
	double level = PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1), days;
	BmForecasts f;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"lead_time\" must not be null")));
	if (!(level >= 0.01 && level <= 0.999))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"service_level\" must be between 0.01 and 0.999"),
				 errdetail("It is %g; 0.95 serves all demand in 95 of 100 lead times.", level)));
	days = days_argument(fcinfo, 0, "lead_time");
	if (!PG_ARGISNULL(5))
		days += days_argument(fcinfo, 5, "review");
	bm_forecasts(&f, fcinfo, &args, 1, days, level, "behav_reorder");
	for (size_t i = 0; i < f.series.n; i++)
		emit(fcinfo, &f, i);
	MemoryContextDelete(f.context);
	return (Datum) 0;
}
