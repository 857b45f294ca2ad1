/*
 * value_model.c
 *		Stored models of customers: parameters as tensors, and where the purchases come from.
 */
#include "portrait/value_model.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/numeric.h"
#include "utils/regproc.h"

#include "model/query.h"

const BmOptionSpec bm_value_options[] = {
	{"unit", BM_OPT_ENUM, offsetof(BmValueOptions, unit), "week", 0, 0, "day|week|month",
	 "Unit of time of the parameters; a month has 30.4375 days."},
	{"spend", BM_OPT_BOOL, offsetof(BmValueOptions, spend), "true", 0, 0, NULL,
	 "Fit the amounts (Gamma-Gamma), too, where there are any."},
	{"keep_versions", BM_OPT_INT, offsetof(BmValueOptions, keep_versions), "2", 0, 1000000, NULL,
	 "Newest versions to keep beside the deployed one."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const char *const bm_buy_model_names[BM_BUY_MODELS] = {"bg_nbd", "mbg_nbd", "pareto_nbd"};
const char *const bm_buy_parameter_names[BM_BUY_MODELS][BM_BUY_PARAMETERS] = {
	{"r", "alpha", "a", "b"}, {"r", "alpha", "a", "b"}, {"r", "alpha", "s", "beta"}};
const char *const bm_spend_parameter_names[BM_SPEND_PARAMETERS] = {"p", "q", "v"};

double
bm_value_unit_days(const BmValueOptions *options)
{
	static const double days[] = {1.0, 7.0, 30.4375};

	return days[options->unit];
}

BmBuyer
bm_value_buyer(const BmCustomer *c, double end, double unit_days)
{
	return (BmBuyer){.x = c->purchases - 1.0,
					 .tx = (c->last - c->first) / unit_days,
					 .T = (Max(end, c->last) - c->first) / unit_days};
}

/* ---- the encoder ---- */

static void
append_text(StringInfo s, const char *key, const char *value)
{
	appendStringInfo(s, "\"%s\":", key);
	if (value)
		escape_json(s, value);
	else
		appendStringInfoString(s, "null");
	appendStringInfoChar(s, ',');
}

Jsonb *
bm_value_encoder(const BmSales *s, double end)
{
	const BmSource *source = s->source;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_text(&json, "time_zone", s->zone);
	if (!s->registered)
	{
		append_text(&json, "relation", source->relation);
		append_text(&json, "user_id", source->user_id);
		append_text(&json, "ts", source->ts);
		append_text(&json, "value", source->value);
		append_text(&json, "quantity", source->quantity);
	}
	appendStringInfo(&json, "\"end\":%.17g}", end);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

char *
bm_json_text(Jsonb *json, const char *key)
{
	JsonbValue *v = json && JB_ROOT_IS_OBJECT(json)
						? getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL)
						: NULL;

	return v && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

double
bm_json_number(Jsonb *json, const char *key)
{
	JsonbValue *v = json && JB_ROOT_IS_OBJECT(json)
						? getKeyJsonValueFromContainer(&json->root, key, strlen(key), NULL)
						: NULL;

	return v && v->type == jbvNumeric ? DatumGetFloat8(DirectFunctionCall1(
											numeric_float8, NumericGetDatum(v->val.numeric)))
									  : NAN;
}

/* ---- finding ---- */

char *
bm_only_model(const char *task, const char *how_to_make_one)
{
	MemoryContext context = CurrentMemoryContext;
	BmParam param = bm_param_text(task);
	char *name = NULL;
	uint64 n;

	SPI_connect();
	n = bm_read("SELECT m.name FROM behavmine.model m WHERE m.task = $1 AND EXISTS "
				"(SELECT 1 FROM behavmine.deployment d WHERE d.model_id = m.model_id "
				"AND d.undone_at IS NULL) ORDER BY 1 LIMIT 2",
				1, &param);
	if (n > 0)
		name = bm_row_text(0, 1, context);
	SPI_finish();
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("no model of task \"%s\" is deployed that you may use", task),
						errhint("Make one: %s", how_to_make_one)));
	if (n > 1)
		ereport(ERROR, (errcode(ERRCODE_AMBIGUOUS_PARAMETER),
						errmsg("several models of task \"%s\" are deployed", task),
						errhint("Name one: model => %s.", quote_literal_cstr(name))));
	return name;
}

/* Fill p (n) from a tensor whose numbers must be above zero; false when there is none. */
static bool
parameters(double *p, size_t n, const BmVersion *v, const BmTensors *tensors, const char *name)
{
	const BmTensor *t = bmc_tensors_find(tensors, NULL, name, BM_F32, 1, &n);

	if (t == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		p[i] = ((const float *) t->data)[i];
		if (!(p[i] > 0.0) || !isfinite(p[i]))
			bm_version_damaged(v, name, "a parameter is not above zero");
	}
	return true;
}

static BmSales *
stored_sales(const BmVersion *v)
{
	BmSalesColumns columns = {.relation = InvalidOid};
	char *relation = bm_json_text(v->encoder, "relation");
	BmSalesOptions options;

	bm_options_parse(&options, bm_sales_options, v->options);
	options.time_zone = bm_json_text(v->encoder, "time_zone");
	if (v->source)
		return bm_sales(v->source, &columns, &options, true);
	if (relation == NULL)
		bm_version_damaged(v, NULL, "it names no relation");
	columns.relation = DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(relation)));
	columns.user_id = bm_json_text(v->encoder, "user_id");
	columns.ts = bm_json_text(v->encoder, "ts");
	columns.value = bm_json_text(v->encoder, "value");
	columns.quantity = bm_json_text(v->encoder, "quantity");
	return bm_sales(NULL, &columns, &options, true);
}

static void
check_task(const BmVersion *v)
{
	if (strcmp(v->task, BM_VALUE_TASK) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("model \"%s\" does not know what customers are worth", v->model),
					errdetail("Its task is \"%s\".", v->task),
					errhint("Make one that does: SELECT * FROM behav_fit_value('my_value', source "
							"=> 'my_source')")));
}

BmValueModel *
bm_value_parameters(const char *name, BmMem *mem)
{
	BmValueModel *m = palloc0(sizeof(BmValueModel));
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmValueOptions options;
	int kind = 0;
	BmDict items;

	m->version = bm_version_load(name, 0);
	check_task(m->version);
	while (kind < BM_BUY_MODELS && strcmp(bm_buy_model_names[kind], m->version->algorithm) != 0)
		kind++;
	if (kind == BM_BUY_MODELS)
		bm_version_damaged(m->version, NULL, "this library has no algorithm \"%s\"",
						   m->version->algorithm);
	m->kind = (BmBuyModel) kind;
	bm_version_tensors(m->version, tensors, &items, mem);
	if (!parameters(m->buy, BM_BUY_PARAMETERS, m->version, tensors, "purchases"))
		bm_version_damaged(m->version, "purchases", "it is missing or has another shape");
	m->has_spend = parameters(m->spend, BM_SPEND_PARAMETERS, m->version, tensors, "spend");
	bm_options_parse(&options, bm_value_options, m->version->options);
	m->unit_days = bm_value_unit_days(&options);
	m->end = bm_json_number(m->version->encoder, "end");
	if (!isfinite(m->end))
		bm_version_damaged(m->version, NULL, "it does not say when its data end");
	return m;
}

BmValueModel *
bm_value_model(const char *name, BmMem *mem)
{
	BmValueModel *m;

	if (name == NULL)
		name = bm_only_model(BM_VALUE_TASK,
							 "SELECT * FROM behav_fit_value('my_value', source => 'my_source')");
	m = bm_value_parameters(name, mem);
	m->sales = stored_sales(m->version);
	return m;
}
