/*
 * churn_train.c
 *		behav_churn: a model of rows of who leaves, from customers at cuts in time a horizon apart.
 *
 * The newest cut is tested on, the one before it validated and calibrated on, the older ones trained on; the
 * outcome of each lies before the features of the next part, so nothing is known too early. Then the choice is
 * fitted on all of them.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "portrait/churn.h"
#include "train/rows.h"

#define TABLE "behav_churn_training"

typedef struct Call
{
	char *model;
	const char *algorithm;
	BmChurn *churn;
	TimestampTz first, last; /* of the data; last is exclusive */
	TimestampTz cut[BM_CHURN_MAX_CUTS];
	int64 rows[BM_CHURN_MAX_CUTS];
	int ncuts;
	char **feature;
	int nfeatures;
	BmTraining *training;
} Call;

/* ---- cuts ---- */

static char *
span_text(int64 micros)
{
	return psprintf("%.1f days", (double) micros / USECS_PER_DAY);
}

static void
too_short(const Call *c, int fit)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_DATA_EXCEPTION),
		 errmsg("%s is too short for a horizon of %s", bm_sales_name(c->churn->sales),
				span_text(c->churn->horizon)),
		 errdetail("It spans %s, which is room for %d cuts; training, choosing and testing need 3, "
				   "and a horizon before the first.",
				   span_text(c->last - c->first), Max(fit, 0)),
		 errhint("Take a horizon of at most %s.", span_text((c->last - c->first) / 4))));
}

/* As many cuts as asked for and as fit, a horizon apart, with one horizon before the first. */
static void
place_cuts(Call *c)
{
	int64 h = c->churn->horizon;
	int fit = (int) Min((c->last - c->first) / h - 1, BM_CHURN_MAX_CUTS);

	c->ncuts = Min(c->churn->options.cuts, fit);
	if (c->ncuts < 3)
		too_short(c, fit);
	for (int i = 0; i < c->ncuts; i++)
		c->cut[i] = c->last - (int64) (c->ncuts - i) * h;
}

/* ---- rows ---- */

static void
no_customers(const Call *c)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s has no purchases", bm_sales_name(c->churn->sales)),
			 errdetail("No customer bought before one of the cuts."),
			 errhint("Without purchases nobody can be said to have left: see that a behaviour is "
					 "one (behav_profile), and the option \"active\".")));
}

/* Fill the table that is trained on. */
static void
make_rows(Call *c)
{
	SPI_connect();
	bm_write(psprintf("CREATE TEMPORARY TABLE " TABLE " AS %s",
					  bm_churn_sql(c->churn, c->cut, c->ncuts, c->last, "")),
			 0, NULL);
	SPI_finish();
	CommandCounterIncrement();
}

/* Its rows by cut: there must be some in every part. */
static void
count_rows(Call *c)
{
	SPI_connect();
	for (int i = 0; i < c->ncuts; i++)
	{
		bm_read(psprintf("SELECT count(*) FROM pg_temp." TABLE " WHERE cut = %s",
						 bm_instant_sql(c->cut[i])),
				0, NULL);
		c->rows[i] = bm_row_int8(0, 1);
	}
	SPI_finish();
	if (c->rows[c->ncuts - 1] == 0)
		no_customers(c);
	if (c->rows[c->ncuts - 2] == 0 || c->rows[0] == 0)
		too_short(c, 0);
}

/*
 * The row family splits by shares of rows; so that its bounds fall within the newest cut, and within the
 * one before: equal times stay together.
 */
static Jsonb *
split_options(const Call *c)
{
	double n = 0, newest = (double) c->rows[c->ncuts - 1], before = (double) c->rows[c->ncuts - 2];
	double test, valid;

	for (int i = 0; i < c->ncuts; i++)
		n += (double) c->rows[i];
	test = Min(Max(0.5 * newest / n, 0.01), 0.45);
	valid = Min(Max((newest + 0.5 * before) / n - test, 0.01), 0.45);
	return bm_jsonb_parse(psprintf("{\"time\":\"cut\",\"test_share\":%.9g,\"valid_share\":%.9g,"
								   "\"calibrate\":\"platt\",\"task\":\"classify\"}",
								   test, valid));
}

/* Only the options of the training, not those of what a customer at a cut is. */
static Jsonb *
training_options(Jsonb *json)
{
	BmParam param = bm_param_jsonb(json);
	MemoryContext context = CurrentMemoryContext;
	StringInfoData sql;
	Jsonb *left;

	if (json == NULL)
		return NULL;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT $1");
	for (const BmOptionSpec *o = bm_churn_options; o->name; o++)
		appendStringInfo(&sql, " - '%s'", o->name);
	SPI_connect();
	bm_read(sql.data, 1, &param);
	left = bm_row_jsonb(0, 1, context);
	SPI_finish();
	return left;
}

static void
train(Call *c, Jsonb *options, const char *deploy, int64 seed)
{
	BmRequest request = {.model = c->model,
						 .algorithm = c->algorithm,
						 .data = "pg_temp." TABLE,
						 .target = "churned",
						 .features = c->feature,
						 .nfeatures = c->nfeatures,
						 .options = bm_jsonb_merge(split_options(c), options),
						 .deploy = deploy,
						 .seed = seed};
	BmTraining *t = bm_training_begin(&request, CurrentMemoryContext);
	MemoryContext old;

	c->training = t;
	bm_training_read(t);
	bm_training_compute(t);
	old = MemoryContextSwitchTo(t->context);
	t->version.encoder = bm_jsonb_merge(t->version.encoder, bm_churn_jsonb(c->churn, c->last));
	t->version.watermark = c->last;
	MemoryContextSwitchTo(old);
	bm_training_save(t);
	SPI_connect();
	bm_write("DROP TABLE pg_temp." TABLE, 0, NULL);
	SPI_finish();
}

/* ---- baselines ---- */

typedef struct Known
{
	float recency;
	bool churned;
} Known;

static int
longest_first(const void *a, const void *b)
{
	float x = ((const Known *) a)->recency, y = ((const Known *) b)->recency;

	return x > y ? -1 : x < y;
}

static Known *
known(const BmRows *r, const BmPart *p)
{
	Known *k = palloc_extended(sizeof(Known) * Max(p->n, 1), MCXT_ALLOC_HUGE);

	/* the recency is the first feature */
	for (size_t i = 0; i < p->n; i++)
		k[i] = (Known){(float) r->frame->column[0].number[p->row[i]], r->y[p->row[i]] > 0.5f};
	return k;
}

/* The rule "gone is who has not bought for so long", its days chosen on the training part. */
static double
best_days(const BmRows *r)
{
	Known *k = known(r, &r->train);
	int64 right = 0, most;
	double days = INFINITY;

	for (size_t i = 0; i < r->train.n; i++)
		right += !k[i].churned;
	most = right;
	qsort(k, r->train.n, sizeof(Known), longest_first);
	for (size_t i = 0; i < r->train.n; i++)
	{
		right += k[i].churned ? 1 : -1;
		if ((i + 1 == r->train.n || k[i + 1].recency < k[i].recency) && right > most)
		{
			most = right;
			days = k[i].recency;
		}
	}
	pfree(k);
	return days;
}

static void
measure_rule(const BmRows *r, double days, double *auc, double *accuracy)
{
	Known *k = known(r, &r->test);
	float *y = palloc_extended(sizeof(float) * Max(r->test.n, 1), MCXT_ALLOC_HUGE);
	double pr, right = 0;
	BmMem mem;

	bm_mem_init(&mem, CurrentMemoryContext);
	for (size_t i = 0; i < r->test.n; i++)
	{
		y[i] = k[i].churned;
		right += ((double) k[i].recency >= days) == k[i].churned;
	}
	bm_check(bmc_rank_quality(auc, &pr, &k[0].recency, sizeof(Known) / sizeof(float), y, 1.0f,
							  r->test.n, &mem),
			 "measure a rule", NULL);
	*accuracy = right / (double) Max(r->test.n, 1);
	pfree(k);
}

/* ---- the answer ---- */

static void
emit(FunctionCallInfo fcinfo, const Call *c, const char *answer, const double *quality, bool model)
{
	const BmTraining *t = c->training;
	Datum values[11];
	bool nulls[11] = {false};

	values[0] = bm_text_datum(c->model);
	values[1] = Int32GetDatum(t->version.version);
	values[2] = bm_text_datum(answer);
	values[3] = Int64GetDatum((int64) t->rows->test.n);
	for (int i = 0; i < 4; i++)
	{
		values[4 + i] = Float8GetDatum(quality[i]);
		nulls[4 + i] = !isfinite(quality[i]);
	}
	values[8] = TimestampTzGetDatum(c->cut[c->ncuts - 1]);
	values[9] = BoolGetDatum(model && t->deployed);
	nulls[10] = !model || t->note == NULL;
	values[10] = nulls[10] ? (Datum) 0 : bm_text_datum(t->note);
	bm_srf_row(fcinfo, values, nulls);
}

static void
emit_all(FunctionCallInfo fcinfo, const Call *c)
{
	const BmRows *r = c->training->rows;
	const double *m = r->candidate[r->best].test.value, *b = r->baseline.value;
	double days = best_days(r), rule[4] = {NAN, NAN, NAN, NAN};
	double model[] = {m[BM_METRIC_AUC], m[BM_METRIC_ACCURACY], m[BM_METRIC_LOG_LOSS],
					  m[BM_METRIC_BRIER]};
	double base[] = {0.5, b[BM_METRIC_ACCURACY], b[BM_METRIC_LOG_LOSS], b[BM_METRIC_BRIER]};

	measure_rule(r, days, &rule[0], &rule[1]);
	emit(fcinfo, c, c->training->version.algorithm, model, true);
	emit(fcinfo, c,
		 isfinite(days) ? psprintf("no purchase for %.0f days", days)
						: "longest without a purchase",
		 rule, false);
	emit(fcinfo, c, "majority", base, false);
}

/* behav_churn(model, source, horizon, algorithm, data, user_id, ts, value, quantity, options, deploy, seed) */
BM_FUNCTION(behav_churn);
Datum
behav_churn(PG_FUNCTION_ARGS)
{
	BmSalesColumns columns = bm_arg_columns(fcinfo, 4, 5, 6, 7, 8);
	Jsonb *json = PG_ARGISNULL(9) ? NULL : PG_GETARG_JSONB_P(9);
	Jsonb *own = training_options(json);
	BmChurnOptions options;
	Call c = {.model = bm_arg_text(fcinfo, 0, "model"),
			  .algorithm = bm_arg_text_or_null(fcinfo, 3)};

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"horizon\" must not be null")));
	bm_srf_begin(fcinfo);
	bm_options_parse(&options, bm_churn_options, json); /* the other keys are the training's */
	c.churn = bm_churn(bm_arg_text_or_null(fcinfo, 1), &columns,
					   bm_interval_micros(PG_GETARG_INTERVAL_P(2), "horizon"), &options);
	bm_model_lock(c.model);
	if (!bm_churn_span(c.churn, "", &c.first, &c.last))
		no_customers(&c);
	c.last++;
	c.feature = bm_churn_features(c.churn, &c.nfeatures);
	place_cuts(&c);
	make_rows(&c);
	/* the training reads by the statement's snapshot: let it see the table */
	PushCopiedSnapshot(GetActiveSnapshot());
	UpdateActiveSnapshotCommandId();
	count_rows(&c);
	train(&c, own, bm_arg_text(fcinfo, 10, "deploy"), PG_ARGISNULL(11) ? 0 : PG_GETARG_INT64(11));
	PopActiveSnapshot();
	emit_all(fcinfo, &c);
	bm_training_end(c.training);
	return (Datum) 0;
}
