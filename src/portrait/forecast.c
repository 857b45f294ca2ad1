/*
 * forecast.c
 *		behav_forecast and behav_forecast_quality: the demand to come, series by series.
 *
 * Series are independent, so the threads share them; each has its own stream of random numbers, and the
 * answer depends neither on the threads nor on the other series.
 */
#include "portrait/forecast.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "portrait/customers.h"

const BmOptionSpec bm_forecast_options[] = {
	{"season", BM_OPT_INT, offsetof(BmForecastSettings, season), "0", 0, BM_MAX_SEASON, NULL,
	 "Periods of a season; 1: none; 0: 7 days, 52 weeks or 12 months."},
	{"coverage", BM_OPT_FLOAT, offsetof(BmForecastSettings, coverage), "0.9", 0.01, 0.999, NULL,
	 "Probability that the demand of a period lies between lower and upper."},
	{"service_level", BM_OPT_FLOAT, offsetof(BmForecastSettings, service), "0.95", 0.01, 0.999,
	 NULL, "Probability to serve all demand, in the cost of stock that methods are compared by."},
	{"paths", BM_OPT_INT, offsetof(BmForecastSettings, paths), "1000", 20, 100000, NULL,
	 "Simulated futures for intervals and stock."},
	{"criterion", BM_OPT_ENUM, offsetof(BmForecastSettings, criterion), "both", 0, 0,
	 "error|cost|both", "What methods are compared by: absolute error, cost of stock, or both."},
	{"method", BM_OPT_TEXT, offsetof(BmForecastSettings, method), NULL, 0, 0, NULL,
	 "Forecast all series by this method instead of choosing one for each."},
	{"order_cost", BM_OPT_FLOAT, offsetof(BmForecastSettings, order_cost), "0", 0, 1e12, NULL,
	 "Of one order (behav_reorder); with holding_cost it sets the quantity."},
	{"holding_cost", BM_OPT_FLOAT, offsetof(BmForecastSettings, holding_cost), "0", 0, 1e12, NULL,
	 "Of one piece in stock for one period (behav_reorder)."},
	{"seed", BM_OPT_INT, offsetof(BmForecastSettings, seed), "0", 0, 2147483647, NULL,
	 "Of the simulated futures."},
	{"keep_versions", BM_OPT_INT, offsetof(BmForecastSettings, keep_versions), "2", 0, 1000000,
	 NULL, "Newest versions to keep beside the deployed one (behav_fit_forecast)."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const char *
bm_forecast_name(const BmForecasts *f, size_t i)
{
	return f->series.text + f->series.name[i];
}

/*
 * What is chosen from. Croston and SBJ differ from SBA by a factor near 1 only; with them among the candidates one of
 * the three is chosen too often by chance.
 */
#define CANDIDATES (((1u << BM_DEMAND_METHODS) - 1) & ~(1u << BM_CROSTON | 1u << BM_SBJ))

/* ---- arguments ---- */

/* The word's place in the list; 22023 with the nearest one. */
static int
word_of(const char *word, const char *const *words, int n, const char *what)
{
	const char *near;

	for (int i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	near = bm_nearest(word, words, n);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown %s \"%s\"", what, word),
			 near ? errhint("Did you mean \"%s\"?", near)
				  : errhint("The page doc/stock.md lists them.")));
	return 0;
}

/* The column that tells series apart: as named, '*' for none, by default a source's item. */
static char *
series_column(const BmSales *s, char *by)
{
	if (by == NULL)
		by = s->registered ? s->source->item_id : NULL;
	if (by && strcmp(by, "*") == 0)
		return NULL;
	return by;
}

static void
set_options(BmForecasts *out, int horizon, double lead_days, double service)
{
	const BmForecastSettings *s = &out->settings;

	out->options =
		(BmForecastOptions){.horizon = horizon,
							.season = s->season ? s->season : bm_series_season(out->series.period),
							.coverage = s->coverage,
							.service = service > 0 ? service : s->service,
							.lead = lead_days / bm_series_days(out->series.period),
							.paths = s->paths,
							.methods = s->method ? 1u << word_of(s->method, bmc_demand_method_names,
																 BM_DEMAND_METHODS, "method")
												 : CANDIDATES,
							.criterion = (BmCriterion) s->criterion,
							.seed = (uint64) s->seed};
	if (out->options.lead > BM_MAX_HORIZON)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the time to cover is longer than %d periods", BM_MAX_HORIZON),
						errhint("Use longer periods.")));
}

/* ---- fitting ---- */

typedef struct Task
{
	BmForecasts *f;
	char *scratch;
	size_t bytes; /* of scratch a worker */
} Task;

#define TASK_SERIES 8

static void
task(void *arg, size_t k, int worker)
{
	Task *t = arg;
	BmForecasts *f = t->f;
	size_t H = (size_t) f->options.horizon;

	for (size_t i = k * TASK_SERIES; i < f->series.n && i < (k + 1) * TASK_SERIES; i++)
	{
		size_t from = f->series.start[i];

		bmc_forecast(&f->f[i], f->mean + i * H, f->low + i * H, f->high + i * H, f->series.y + from,
					 f->series.start[i + 1] - from, &f->options, i,
					 t->scratch + t->bytes * (size_t) worker);
	}
}

static void
fit(BmForecasts *f)
{
	size_t n = f->series.n, longest = 0, H = (size_t) f->options.horizon;
	BmPool *pool = bm_pool_open(f->context, bm_threads(), false);
	Task t = {.f = f};
	BmWatch watch;

	for (size_t i = 0; i < n; i++)
		longest = Max(longest, f->series.start[i + 1] - f->series.start[i]);
	t.bytes = bmc_forecast_size(&f->options, longest);
	bm_check_memory(&f->mem,
					bmc_add(bmc_mul(t.bytes, (size_t) bmc_pool_threads(pool)),
							bmc_mul(n, sizeof(BmForecast) + 3 * H * sizeof(double))),
					"forecasting", "Ask for a shorter horizon or fewer paths.");
	t.scratch = bmc_alloc(&f->mem, (size_t) bmc_pool_threads(pool), t.bytes);
	f->f = bmc_alloc(&f->mem, n, sizeof(BmForecast));
	f->mean = bmc_alloc(&f->mem, n * H, sizeof(double));
	f->low = bmc_alloc(&f->mem, n * H, sizeof(double));
	f->high = bmc_alloc(&f->mem, n * H, sizeof(double));
	if (!t.scratch || !f->f || !f->mean || !f->low || !f->high)
		bm_check(BM_ENOMEM, "forecast", NULL);
	bm_watch_init(&watch, 0);
	bm_check(bmc_pool_run(pool, task, &t, (n + TASK_SERIES - 1) / TASK_SERIES, &watch.stop),
			 "forecast", NULL);
}

void
bm_forecasts(BmForecasts *out, FunctionCallInfo fcinfo, const BmForecastArgs *a, int horizon,
			 double lead_days, double service, const char *who)
{
	static const BmOptionSpec *const specs[] = {bm_series_options, bm_forecast_options};
	BmSalesColumns columns = bm_arg_columns(fcinfo, a->data, -1, a->ts, -1, a->quantity);
	Jsonb *json = PG_ARGISNULL(a->options) ? NULL : PG_GETARG_JSONB_P(a->options);
	BmSeriesPeriod period =
		(BmSeriesPeriod) word_of(bm_arg_text(fcinfo, a->period, "period"), bm_series_period_names,
								 BM_SERIES_PERIODS, "period");
	BmSalesOptions sales = {0};
	TimestampTz until;
	bool bounded = bm_arg_instant(fcinfo, a->until, "until", &until);

	memset(out, 0, sizeof(*out));
	out->context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine forecast", ALLOCSET_DEFAULT_SIZES);
	bm_mem_init(&out->mem, out->context);
	bm_options_check(json, specs, 2, who);
	bm_options_parse(&out->series_options, bm_series_options, json);
	bm_options_parse(&out->settings, bm_forecast_options, json);
	sales.time_zone = out->series_options.time_zone;
	out->series.period = period;
	set_options(out, horizon, lead_days, service);
	out->sales = bm_sales(bm_arg_text_or_null(fcinfo, a->source), &columns, &sales, false);
	out->by = series_column(out->sales, bm_arg_text_or_null(fcinfo, a->by));
	bm_series_read(&out->series, out->sales, out->by, period, &out->series_options,
				   bounded ? &until : NULL, &out->mem);
	fit(out);
}

/* ---- SQL ---- */

/* behav_forecast(source, by, period, horizon, until, data, ts, quantity, options) */
BM_FUNCTION(behav_forecast);
Datum
behav_forecast(PG_FUNCTION_ARGS)
{
	static const BmForecastArgs args = {0, 1, 2, 4, 5, 6, 7, 8};
	int horizon = (int) bm_arg_range(fcinfo, 3, "horizon", 1, BM_MAX_HORIZON);
	BmForecasts f;

	bm_srf_begin(fcinfo);
	bm_forecasts(&f, fcinfo, &args, horizon, 0.0, 0.0, "behav_forecast");
	for (size_t i = 0; i < f.series.n; i++)
	{
		for (int h = 0; h < horizon; h++)
		{
			size_t at = i * (size_t) horizon + (size_t) h;
			Datum values[9];
			bool nulls[9] = {false};

			values[0] = bm_text_datum(bm_forecast_name(&f, i));
			values[1] = TimestampTzGetDatum(bm_series_instant(&f.series, f.series.last + 1 + h));
			values[2] = Int32GetDatum(h + 1);
			values[3] = Float8GetDatum(f.mean[at]);
			bm_set_float8(values, nulls, 4, f.low[at]);
			bm_set_float8(values, nulls, 5, f.high[at]);
			values[6] = bm_text_datum(bmc_demand_method_names[f.f[i].method]);
			values[7] = bm_text_datum(bmc_demand_class_names[f.f[i].profile.class]);
			bm_set_float8(values, nulls, 8, f.f[i].error.mase);
			bm_srf_row(fcinfo, values, nulls);
		}
		bm_interrupts();
	}
	MemoryContextDelete(f.context);
	return (Datum) 0;
}

/* behav_forecast_quality(source, by, period, horizon, until, data, ts, quantity, options) */
BM_FUNCTION(behav_forecast_quality);
Datum
behav_forecast_quality(PG_FUNCTION_ARGS)
{
	static const BmForecastArgs args = {0, 1, 2, 4, 5, 6, 7, 8};
	int horizon = (int) bm_arg_range(fcinfo, 3, "horizon", 1, BM_MAX_HORIZON);
	BmForecasts f;

	bm_srf_begin(fcinfo);
	bm_forecasts(&f, fcinfo, &args, horizon, 0.0, 0.0, "behav_forecast_quality");
	for (size_t i = 0; i < f.series.n; i++)
	{
		const BmForecast *x = &f.f[i];
		Datum values[15];
		bool nulls[15] = {false};

		values[0] = bm_text_datum(bm_forecast_name(&f, i));
		values[1] = bm_text_datum(bmc_demand_class_names[x->profile.class]);
		values[2] = Int64GetDatum((int64) x->n);
		values[3] = Float8GetDatum(x->profile.total);
		bm_set_float8(values, nulls, 4, x->profile.adi);
		bm_set_float8(values, nulls, 5, x->profile.cv2);
		values[6] = bm_text_datum(bmc_demand_method_names[x->method]);
		values[7] = Int64GetDatum((int64) x->origins);
		bm_set_float8(values, nulls, 8, x->error.mae);
		bm_set_float8(values, nulls, 9, x->error.mase);
		bm_set_float8(values, nulls, 10, x->naive.mase);
		bm_set_float8(values, nulls, 11, x->mean.mase);
		bm_set_float8(values, nulls, 12, x->error.cost);
		bm_set_float8(values, nulls, 13, x->naive.cost);
		bm_set_float8(values, nulls, 14, x->mean.cost);
		bm_srf_row(fcinfo, values, nulls);
	}
	MemoryContextDelete(f.context);
	return (Datum) 0;
}
