/*
 * forecast_model.c
 *		behav_fit_forecast and behav_forecast_table: forecasts as versions of a model.
 *
 * A version holds the numbers themselves, so that a shop reads them without a look at its sales; it is made
 * anew on a schedule, deployed and rolled back like any other. Series are the version's codes.
 */
#include "portrait/forecast.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "portrait/customers.h"
#include "portrait/value_model.h"

#define FORECAST_TASK "forecast"
#define MISSING (-1.0f) /* tensors hold finite numbers only; none of these is below 0 */

typedef struct Saved
{
	BmForecasts *f;
	BmTensors tensors;
	BmDict series;
	double mase, naive; /* means over the series that have one */
} Saved;

/* ---- saving ---- */

static void
add(Saved *s, const char *name, const double *v, int ndim, const size_t *shape)
{
	size_t n = ndim == 2 ? shape[0] * shape[1] : shape[0];
	float *data = bmc_alloc(&s->f->mem, n, sizeof(float));

	if (!data)
		bm_check(BM_ENOMEM, "save the forecasts", NULL);
	for (size_t i = 0; i < n; i++)
		data[i] = isfinite(v[i]) ? (float) v[i] : MISSING;
	if (!bmc_tensors_add(&s->tensors, NULL, name, BM_F32, data, ndim, shape))
		elog(ERROR, "too many tensors in one version");
}

static void
collect(Saved *s)
{
	BmForecasts *f = s->f;
	size_t shape[2] = {f->series.n, (size_t) f->options.horizon}, n = shape[0], counted = 0;
	double *column = bmc_alloc(&f->mem, n, sizeof(double));

	if (!column || bmc_dict_init(&s->series, BM_KEY_BYTES, &f->mem) != BM_OK)
		bm_check(BM_ENOMEM, "save the forecasts", NULL);
	for (size_t i = 0; i < n; i++)
	{
		const char *name = bm_forecast_name(f, i);
		uint32_t code;

		bm_check(bmc_dict_put_bytes(&s->series, name, strlen(name), &code), "save the forecasts",
				 NULL);
		column[i] = f->f[i].error.mase;
		if (isfinite(column[i]) && isfinite(f->f[i].naive.mase))
		{
			counted++;
			s->mase += column[i];
			s->naive += f->f[i].naive.mase;
		}
	}
	s->mase = counted ? s->mase / (double) counted : NAN;
	s->naive = counted ? s->naive / (double) counted : NAN;
	add(s, "forecast", f->mean, 2, shape);
	add(s, "lower", f->low, 2, shape);
	add(s, "upper", f->high, 2, shape);
	add(s, "mase", column, 1, shape);
	for (size_t i = 0; i < n; i++)
		column[i] = f->f[i].method;
	add(s, "method", column, 1, shape);
	for (size_t i = 0; i < n; i++)
		column[i] = f->f[i].profile.class;
	add(s, "class", column, 1, shape);
}

static Jsonb *
encoder_of(const BmForecasts *f)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"period\":\"%s\",\"last\":" INT64_FORMAT ",\"time_zone\":",
					 bm_series_period_names[f->series.period], f->series.last);
	escape_json(&s, f->sales->zone);
	appendStringInfoString(&s, ",\"relation\":");
	escape_json(&s, f->sales->source->relation);
	appendStringInfoString(&s, ",\"by\":");
	if (f->by)
		escape_json(&s, f->by);
	else
		appendStringInfoString(&s, "null");
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

/* behav_fit_forecast(model, source, by, period, horizon, until, data, ts, quantity, options, deploy) */
BM_FUNCTION(behav_fit_forecast);
Datum
behav_fit_forecast(PG_FUNCTION_ARGS)
{
	static const BmForecastArgs args = {1, 2, 3, 5, 6, 7, 8, 9};
	char *model = bm_arg_text(fcinfo, 0, "model");
	int horizon = (int) bm_arg_range(fcinfo, 4, "horizon", 1, BM_MAX_HORIZON);
	bool deploy = bm_arg_bool_or(fcinfo, 10, true);
	TimestampTz started = GetCurrentTimestamp();
	BmForecasts f;
	Saved s = {.f = &f};
	BmVersion v = {.model = model, .task = FORECAST_TASK, .algorithm = "rolling_origin"};
	Datum values[8];
	bool nulls[8] = {false};

	bm_srf_begin(fcinfo);
	bm_model_lock(model);
	bm_forecasts(&f, fcinfo, &args, horizon, 0.0, 0.0, "behav_fit_forecast");
	collect(&s);
	v.source = f.sales->registered ? f.sales->source->name : NULL;
	v.options = bm_jsonb_merge(bm_options_jsonb(&f.series_options, bm_series_options),
							   bm_options_jsonb(&f.settings, bm_forecast_options));
	v.encoder = encoder_of(&f);
	v.seed = f.settings.seed;
	v.rows = (int64) f.series.start[f.series.n];
	v.epochs = 1;
	v.seconds = (double) (GetCurrentTimestamp() - started) / USECS_PER_SEC;
	v.metric = "mase";
	v.value = s.mase;
	v.baseline = s.naive;
	v.watermark = bm_series_instant(&f.series, f.series.last + 1);
	bm_version_save(&v, &s.tensors, &s.series.view, NULL);
	if (deploy)
		bm_deploy(v.model_id, v.version);
	bm_version_prune(v.model_id, f.settings.keep_versions);
	values[0] = bm_text_datum(model);
	values[1] = Int32GetDatum(v.version);
	values[2] = Int64GetDatum((int64) f.series.n);
	values[3] = Int32GetDatum(horizon);
	bm_set_float8(values, nulls, 4, s.mase);
	bm_set_float8(values, nulls, 5, s.naive);
	values[6] = Float8GetDatum(v.seconds);
	values[7] = BoolGetDatum(deploy);
	bm_srf_row(fcinfo, values, nulls);
	MemoryContextDelete(f.context);
	return (Datum) 0;
}

/* ---- reading ---- */

/* A tensor of this shape (0: any); XX001 without. */
static const BmTensor *
tensor_of(const BmVersion *v, const BmTensors *tensors, const char *name, int ndim,
		  const size_t *shape)
{
	const BmTensor *t = bmc_tensors_find(tensors, NULL, name, BM_F32, ndim, shape);

	if (t == NULL)
		bm_version_damaged(v, name, "it is missing or has another shape");
	return t;
}

/* The name that a stored number stands for; XX001 when there is none. */
static const char *
stored_name(const BmVersion *v, const char *tensor, float number, const char *const *names, int n)
{
	if (!(number >= 0 && number < (float) n))
		bm_version_damaged(v, tensor, "%g is no number of a name", (double) number);
	return names[(int) number];
}

static void
set_stored(Datum *values, bool *nulls, int i, float v)
{
	nulls[i] = v == MISSING;
	values[i] = bm_float8_datum(v);
}

/* The periods of a stored version. */
static BmSeries
stored_periods(const BmVersion *v)
{
	BmSales *sales = palloc0(sizeof(BmSales));
	char *period = bm_json_text(v->encoder, "period");
	double last = bm_json_number(v->encoder, "last");
	BmSeries s = {.sales = sales};
	int p = 0;

	sales->zone = bm_json_text(v->encoder, "time_zone");
	while (period && p < BM_SERIES_PERIODS && strcmp(period, bm_series_period_names[p]) != 0)
		p++;
	if (!period || p == BM_SERIES_PERIODS || !sales->zone || !(fabs(last) < 1e6))
		bm_version_damaged(v, NULL, "it does not say which periods it forecasts");
	s.period = (BmSeriesPeriod) p;
	s.last = (int64) last;
	return s;
}

/* behav_forecast_table(model): the deployed version's forecasts, as behav_forecast gives them. */
BM_FUNCTION(behav_forecast_table);
Datum
behav_forecast_table(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine forecast", ALLOCSET_DEFAULT_SIZES);
	char *name = bm_arg_text_or_null(fcinfo, 0);
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	const BmTensor *mean, *low, *high, *mase, *method, *class;
	size_t shape[2] = {0, 0};
	BmVersion *v;
	BmSeries s;
	BmDict keys;
	BmMem mem;

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	if (name == NULL)
		name = bm_only_model(FORECAST_TASK,
							 "SELECT * FROM behav_fit_forecast('my_forecast', source => "
							 "'my_source')");
	v = bm_version_load(name, 0);
	if (strcmp(v->task, FORECAST_TASK) != 0)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("model \"%s\" does not forecast demand", name),
						errdetail("Its task is \"%s\".", v->task)));
	bm_version_tensors(v, tensors, &keys, &mem);
	s = stored_periods(v);
	shape[0] = keys.view.n;
	mean = tensor_of(v, tensors, "forecast", 2, shape);
	shape[1] = mean->shape[1];
	low = tensor_of(v, tensors, "lower", 2, shape);
	high = tensor_of(v, tensors, "upper", 2, shape);
	mase = tensor_of(v, tensors, "mase", 1, shape);
	method = tensor_of(v, tensors, "method", 1, shape);
	class = tensor_of(v, tensors, "class", 1, shape);
	for (size_t i = 0; i < shape[0]; i++)
	{
		for (size_t h = 0; h < shape[1]; h++)
		{
			size_t at = i * shape[1] + h;
			Datum values[9];
			bool nulls[9] = {false};

			values[0] = PointerGetDatum(
				cstring_to_text_with_len(keys.view.blob + keys.view.offset[i],
										 (int) (keys.view.offset[i + 1] - keys.view.offset[i])));
			values[1] = TimestampTzGetDatum(bm_series_instant(&s, s.last + 1 + (int64) h));
			values[2] = Int32GetDatum((int32) h + 1);
			set_stored(values, nulls, 3, ((const float *) mean->data)[at]);
			set_stored(values, nulls, 4, ((const float *) low->data)[at]);
			set_stored(values, nulls, 5, ((const float *) high->data)[at]);
			values[6] = bm_text_datum(stored_name(v, "method", ((const float *) method->data)[i],
												  bmc_demand_method_names, BM_DEMAND_METHODS));
			values[7] = bm_text_datum(stored_name(v, "class", ((const float *) class->data)[i],
												  bmc_demand_class_names, BM_DEMAND_CLASSES));
			set_stored(values, nulls, 8, ((const float *) mase->data)[i]);
			bm_srf_row(fcinfo, values, nulls);
		}
		bm_interrupts();
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}
