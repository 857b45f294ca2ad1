/*
 * value_fit.c
 *		behav_fit_value: how often customers buy, when they leave, what they spend, as a model version.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "portrait/value_model.h"

/* Above this correlation of x and the mean amount, Gamma-Gamma's assumption fails (Fader and Hardie 2013). */
#define HIGH_CORRELATION 0.3

static const char *const deploy_rules[] = {"always", "if_converged", "never"};

typedef struct Call
{
	char *model;
	BmBuyModel kind;
	int rule; /* of deploy_rules */
	BmSalesOptions sales_options;
	BmValueOptions options;
	BmSales *sales;
	BmCustomers customers;
	double end; /* last day known */
	size_t repeaters;
	BmEstimate buy, spend;
	bool has_spend;
	size_t spenders;
	double correlation; /* of x and the mean amount among spenders */
	StringInfoData note;
	BmVersion version;
	TimestampTz started;
	BmMem mem;
	BmPool *pool;
	BmWatch watch;
} Call;

/* ---- arguments ---- */

static int
word_of(const char *word, const char *const *words, int n, const char *argument)
{
	const char *near;

	for (int i = 0; i < n; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	near = bm_nearest(word, words, n);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" cannot be \"%s\"", argument, word),
					errdetail("It is one of %s, %s, %s.", words[0], words[1], words[2]),
					near ? errhint("Perhaps you meant \"%s\".", near) : 0));
	return 0;
}

/* ---- fitting ---- */

/* 22000: nobody came back, so neither the rate nor the leaving is identified. */
static void
no_repeaters(const Call *c)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_DATA_EXCEPTION),
		 errmsg("no customer of %s bought twice", bm_sales_name(c->sales)),
		 errdetail("It has %zu customers with one purchase each. Without a second one neither the "
				   "rate of purchases nor the chance to leave can be identified.",
				   c->customers.n),
		 errhint("Look at a longer time; or at a finer \"period\", if customers buy twice "
				 "on one day.")));
}

/* Empty rows for n customers. */
static BmBuyers
new_rows(Call *c, size_t n, bool times)
{
	BmBuyers rows = {0};

	bm_check_memory(&c->mem, bmc_mul(n, 6 * sizeof(double)), "fitting customers",
					"Raise behavmine.max_memory.");
	rows.x = bmc_alloc(&c->mem, n, sizeof(double));
	rows.tx = bmc_alloc(&c->mem, n, sizeof(double));
	rows.T = times ? bmc_alloc(&c->mem, n, sizeof(double)) : NULL;
	rows.w = bmc_alloc(&c->mem, n, sizeof(double));
	if (!rows.x || !rows.tx || !rows.w || (times && !rows.T))
		bm_check(BM_ENOMEM, "fit customers", NULL);
	return rows;
}

static void
free_rows(Call *c, BmBuyers *rows)
{
	bmc_free(&c->mem, rows->x);
	bmc_free(&c->mem, rows->tx);
	bmc_free(&c->mem, rows->T);
	bmc_free(&c->mem, rows->w);
}

static void
fit_purchases(Call *c)
{
	double unit = bm_value_unit_days(&c->options);
	BmBuyers rows = new_rows(c, c->customers.n, true);

	for (size_t i = 0; i < c->customers.n; i++)
	{
		BmBuyer b = bm_value_buyer(&c->customers.c[i], c->end, unit);

		rows.x[i] = b.x;
		rows.tx[i] = b.tx;
		rows.T[i] = b.T;
		rows.w[i] = 1.0;
		c->repeaters += b.x > 0;
	}
	if (c->repeaters == 0)
		no_repeaters(c);
	rows.n = c->customers.n;
	rows.customers = (double) rows.n;
	bm_check(bmc_buyers_merge(&rows, &c->mem), "fit customers", NULL);
	bm_check(bmc_buy_fit(&c->buy, c->kind, &rows, c->pool, &c->mem, &c->watch.stop),
			 "fit customers", NULL);
	free_rows(c, &rows);
	if (!c->buy.converged)
		appendStringInfoString(&c->note,
							   "The likelihood has no inner maximum: this is its best point. ");
	else if (!c->buy.identified)
		appendStringInfoString(&c->note,
							   "Some parameters can hardly be told from these customers: see "
							   "their standard errors. ");
}

/* Correlation of x and tx of rows. */
static double
correlation(const BmBuyers *rows)
{
	double n = (double) rows->n, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

	for (size_t i = 0; i < rows->n; i++)
	{
		x += rows->x[i] / n;
		y += rows->tx[i] / n;
	}
	for (size_t i = 0; i < rows->n; i++)
	{
		double dx = rows->x[i] - x, dy = rows->tx[i] - y;

		xx += dx * dx;
		yy += dy * dy;
		xy += dx * dy;
	}
	return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0.0;
}

static void
fit_spend(Call *c)
{
	BmBuyers rows;

	if (!c->options.spend || !c->sales->amount)
		return;
	rows = new_rows(c, c->customers.n, false);
	for (size_t i = 0; i < c->customers.n; i++)
	{
		double mean = bm_customer_repeat_mean(&c->customers.c[i]);

		if (!(mean > 0))
			continue;
		rows.x[rows.n] = c->customers.c[i].purchases - 1.0;
		rows.tx[rows.n] = mean;
		rows.w[rows.n++] = 1.0;
	}
	c->spenders = rows.n;
	rows.customers = (double) rows.n;
	c->correlation = correlation(&rows);
	bm_check(bmc_buyers_merge(&rows, &c->mem), "fit amounts", NULL);
	if (rows.n >= 2)
	{
		BmStatus status = bmc_spend_fit(&c->spend, &rows, c->pool, &c->mem, &c->watch.stop);

		c->has_spend = status == BM_OK;
		if (status != BM_ENOTFINITE)
			bm_check(status, "fit amounts", NULL);
	}
	free_rows(c, &rows);
	if (!c->has_spend)
		appendStringInfo(&c->note,
						 "Amounts are not fitted: %zu customers have repeat purchases of "
						 "different amounts above zero. ",
						 c->spenders);
	else if (!c->spend.identified)
		appendStringInfoString(&c->note, "The model of amounts is hardly identified. ");
	if (c->has_spend && fabs(c->correlation) > HIGH_CORRELATION)
		appendStringInfo(&c->note,
						 "The amount goes with the number of purchases (correlation %.2f), "
						 "which Gamma-Gamma takes for independent. ",
						 c->correlation);
}

/* ---- the version ---- */

/* {"r": 0.24, ...} of value (n); what is not finite is null. */
static void
append_named(StringInfo s, const char *key, const char *const *names, const double *value, int n)
{
	appendStringInfo(s, "\"%s\":{", key);
	for (int i = 0; i < n; i++)
		if (isfinite(value[i]))
			appendStringInfo(s, "%s\"%s\":%.12g", i ? "," : "", names[i], value[i]);
		else
			appendStringInfo(s, "%s\"%s\":null", i ? "," : "", names[i]);
	appendStringInfoChar(s, '}');
}

static void
append_estimate(StringInfo s, const BmEstimate *e, const char *const *names, int n)
{
	append_named(s, "parameters", names, e->value, n);
	appendStringInfoChar(s, ',');
	append_named(s, "std_error", names, e->std_error, n);
	appendStringInfo(s, ",\"log_likelihood\":%.12g,\"converged\":%s,\"identified\":%s", e->loglik,
					 e->converged ? "true" : "false", e->identified ? "true" : "false");
}

static Jsonb *
metrics_of(const Call *c)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoChar(&s, '{');
	append_estimate(&s, &c->buy, bm_buy_parameter_names[c->kind], BM_BUY_PARAMETERS);
	appendStringInfo(&s, ",\"customers\":%zu,\"repeaters\":%zu,\"evaluations\":%d", c->customers.n,
					 c->repeaters, c->buy.evaluations);
	if (c->has_spend)
	{
		appendStringInfoString(&s, ",\"spend\":{");
		append_estimate(&s, &c->spend, bm_spend_parameter_names, BM_SPEND_PARAMETERS);
		appendStringInfo(&s, ",\"customers\":%zu,\"correlation\":%.4f}", c->spenders,
						 c->correlation);
	}
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

/* value and std_error (n) as two tensors; what is not finite is stored as 0. */
static void
add_estimate(BmTensors *t, const char *name, const BmEstimate *e, size_t n)
{
	float *value = palloc(sizeof(float) * n), *error = palloc(sizeof(float) * n);

	for (size_t i = 0; i < n; i++)
	{
		value[i] = (float) e->value[i];
		error[i] = isfinite(e->std_error[i]) ? (float) e->std_error[i] : 0.0f;
	}
	if (!bmc_tensors_add(t, NULL, name, BM_F32, value, 1, &n) ||
		!bmc_tensors_add(t, NULL, psprintf("%s_std_error", name), BM_F32, error, 1, &n))
		elog(ERROR, "too many tensors in one version");
}

static bool
save(Call *c)
{
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmVersion *v = &c->version;
	bool deploy = c->rule == 0 || (c->rule == 1 && c->buy.converged && c->buy.identified);

	add_estimate(tensors, "purchases", &c->buy, BM_BUY_PARAMETERS);
	if (c->has_spend)
		add_estimate(tensors, "spend", &c->spend, BM_SPEND_PARAMETERS);
	v->model = c->model;
	v->task = BM_VALUE_TASK;
	v->source = c->sales->registered ? c->sales->source->name : NULL;
	v->algorithm = pstrdup(bm_buy_model_names[c->kind]);
	v->options = bm_jsonb_merge(bm_options_jsonb(&c->sales_options, bm_sales_options),
								bm_options_jsonb(&c->options, bm_value_options));
	v->encoder = bm_value_encoder(c->sales, c->end);
	v->rows = v->users = (int64) c->customers.n;
	v->epochs = c->buy.evaluations;
	v->seconds = (double) (GetCurrentTimestamp() - c->started) / USECS_PER_SEC;
	v->metric = "log_likelihood";
	v->value = c->buy.loglik;
	v->baseline = NAN;
	v->metrics = metrics_of(c);
	v->watermark = bm_sales_instant(c->sales, c->end);
	bm_version_save(v, tensors, NULL, NULL);
	if (deploy)
		bm_deploy(v->model_id, v->version);
	else if (c->rule == 1)
		appendStringInfoString(&c->note,
							   "It is not deployed: SELECT behav_deploy(...) does it all the "
							   "same. ");
	bm_version_prune(v->model_id, c->options.keep_versions);
	return deploy;
}

static void
emit(FunctionCallInfo fcinfo, const Call *c, bool deployed)
{
	Datum values[12];
	bool nulls[12] = {false};
	const BmVersion *v = &c->version;
	const char *note = c->note.len ? pnstrdup(c->note.data, c->note.len - 1) : "ok";

	values[0] = bm_text_datum(c->model);
	values[1] = Int32GetDatum(v->version);
	values[2] = bm_text_datum(v->algorithm);
	values[3] = Int64GetDatum((int64) c->customers.n);
	values[4] = Int64GetDatum((int64) c->repeaters);
	values[5] = Float8GetDatum(c->buy.loglik);
	values[6] = BoolGetDatum(c->buy.converged);
	values[7] = JsonbPGetDatum(v->metrics);
	values[8] = Float8GetDatum(c->spend.loglik);
	nulls[8] = !c->has_spend;
	values[9] = Float8GetDatum(v->seconds);
	values[10] = BoolGetDatum(deployed);
	values[11] = bm_text_datum(note);
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_fit_value(model, algorithm, source, until, data, user_id, ts, value, quantity, options, deploy) */
BM_FUNCTION(behav_fit_value);
Datum
behav_fit_value(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const specs[] = {bm_sales_options, bm_value_options};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine value", ALLOCSET_DEFAULT_SIZES);
	BmSalesColumns columns = bm_arg_columns(fcinfo, 4, 5, 6, 7, 8);
	Jsonb *json = PG_ARGISNULL(9) ? NULL : PG_GETARG_JSONB_P(9);
	TimestampTz until;
	bool bounded = bm_arg_instant(fcinfo, 3, "until", &until);
	Call c = {.model = bm_arg_text(fcinfo, 0, "model"), .started = GetCurrentTimestamp()};

	bm_srf_begin(fcinfo);
	c.kind = (BmBuyModel) word_of(bm_arg_text(fcinfo, 1, "algorithm"), bm_buy_model_names,
								  BM_BUY_MODELS, "algorithm");
	c.rule = word_of(bm_arg_text(fcinfo, 10, "deploy"), deploy_rules, 3, "deploy");
	bm_options_check(json, specs, 2, "behav_fit_value");
	bm_options_parse(&c.sales_options, bm_sales_options, json);
	bm_options_parse(&c.options, bm_value_options, json);
	initStringInfo(&c.note);
	bm_model_lock(c.model);
	c.sales = bm_sales(bm_arg_text_or_null(fcinfo, 2), &columns, &c.sales_options, true);
	bm_mem_init(&c.mem, context);
	bm_watch_init(&c.watch, 0);
	bm_customers_read(&c.customers, c.sales, bounded ? &until : NULL, NULL, false, &c.mem);
	bm_customers_required(&c.customers, c.sales, bounded ? &until : NULL);
	c.end = bounded ? bm_sales_day(c.sales, until - 1) : c.customers.newest;
	c.pool = bm_pool_open(context, bm_threads(), false);
	fit_purchases(&c);
	fit_spend(&c);
	emit(fcinfo, &c, save(&c));
	MemoryContextDelete(context);
	return (Datum) 0;
}
