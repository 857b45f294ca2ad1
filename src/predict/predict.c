/*
 * predict.c
 *		behav_predict, behav_predict_table, behav_explain_row: answers for rows.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "event/source.h"
#include "model/query.h"
#include "pg/compat.h"
#include "predict/row_model.h"

/* {"no":0.8,"yes":0.2} */
static Jsonb *
probabilities(const BmRowModel *m)
{
	StringInfoData s;

	initStringInfo(&s);
	for (size_t c = 0; c < m->classes; c++)
	{
		appendStringInfoChar(&s, c ? ',' : '{');
		escape_json(&s, m->class_name[c]);
		appendStringInfo(&s, ":%.6g", (double) m->p[c]);
	}
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

/*
 * behav_predict(model text, row anyelement): class, probability, probabilities, value. The probability is
 * that of class 1 of a binary problem, else of the answered class.
 */
BM_FUNCTION(behav_predict);
Datum
behav_predict(PG_FUNCTION_ARGS)
{
	BmRowModel *m = bm_row_model_arg(fcinfo);
	Datum values[4] = {0};
	bool nulls[4] = {true, true, true, true};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "behav_predict must return a row");
	if (!bm_row_model_read(m, fcinfo, 1))
		PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
	bm_row_model_predict(m);
	if (m->classes)
	{
		size_t class = bmc_answer_class(m->p, m->classes, m->threshold);

		values[0] = bm_text_datum(m->class_name[class]);
		values[1] = bm_float8_datum(m->p[m->classes == 2 ? 1 : class]);
		values[2] = JsonbPGetDatum(probabilities(m));
		nulls[0] = nulls[1] = nulls[2] = false;
	}
	else
	{
		values[3] = bm_float8_datum(m->p[0]);
		nulls[3] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- explanations ---- */

typedef struct Share
{
	int column;
	double share;
} Share;

static int
compare_shares(const void *a, const void *b)
{
	double x = fabs(((const Share *) a)->share), y = fabs(((const Share *) b)->share);

	return x > y ? -1 : x < y;
}

/* Shares of the encoded features added up by the columns that they come from. */
static int
column_shares(Share *of, const BmRowModel *m, const float *share)
{
	const BmRowEncoder *e = &m->encoder->core;
	int n = 0;

	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		if (c->dropped)
			continue;
		of[n] = (Share){(int) j, 0.0};
		for (size_t k = 0; k < c->width; k++)
			of[n].share += (double) share[c->first + k];
		if (c->encode == BM_ENCODE_EMBED && c->value)
			of[n].share += (double) share[e->width + c->code];
		n++;
	}
	qsort(of, n, sizeof(Share), compare_shares);
	return n;
}

static char *
shown_value(const BmRowModel *m, FunctionCallInfo fcinfo, int column)
{
	const char *name = m->encoder->column[column].name;
	Datum shown;

	if (get_fn_expr_argtype(fcinfo->flinfo, 1) != JSONBOID)
		return bm_row_value(m->reader, column);
	/* a JSON null has no text */
	if (m->reader->cell[column].missing)
		return NULL;
	shown = DirectFunctionCall2(jsonb_object_field_text, PG_GETARG_DATUM(1), bm_text_datum(name));
	return TextDatumGetCString(shown);
}

/* behav_explain_row(model text, row anyelement, class text): feature, value, share; strongest first. */
BM_FUNCTION(behav_explain_row);
Datum
behav_explain_row(PG_FUNCTION_ARGS)
{
	BmRowModel *m;
	float *share;
	Share *of;
	size_t target;
	int n;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	m = bm_row_model(bm_predictor_deployed(bm_arg_text(fcinfo, 0, "model")));
	if (m->model->predictor->explain == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("algorithm \"%s\" cannot explain a single answer",
							   m->model->version->algorithm),
						errhint("SELECT * FROM behav_importance(%s) tells which features matter.",
								quote_literal_cstr(m->model->version->model))));
	bm_row_model_of_rows(m);
	(void) bm_row_model_read(m, fcinfo, 1);
	target = bm_row_model_class(m, bm_arg_text_or_null(fcinfo, 2));
	share = palloc0(sizeof(float) * (m->samples.width + m->samples.ncodes + 1));
	m->model->predictor->explain(share, m->model->predictor_bound, &m->samples, 0, target,
								 m->scratch);
	of = palloc(sizeof(Share) * Max(m->encoder->core.ncolumns, 1));
	n = column_shares(of, m, share);
	for (int i = 0; i < n; i++)
	{
		char *value = shown_value(m, fcinfo, of[i].column);
		Datum values[3];
		bool nulls[3] = {false, value == NULL, false};

		values[0] = bm_text_datum(m->encoder->column[of[i].column].name);
		values[1] = value ? bm_text_datum(value) : (Datum) 0;
		values[2] = bm_float8_datum((float) of[i].share);
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/* ---- a whole table ---- */

/* The table by name: made when it does not exist, else emptied of this model's rows. */
static char *
prepare_table(const char *into, const char *id, Oid id_type, const char *model)
{
	RangeVar *range = makeRangeVarFromNameList(bm_qualified_name(into));
	Oid relid = RangeVarGetRelid(range, NoLock, true);
	BmParam param = bm_param_text(model);
	char *name;

	SPI_connect();
	if (!OidIsValid(relid))
	{
		bm_write_as_caller(
			psprintf(
				"CREATE TABLE %s (%s %s, class pg_catalog.text, probability pg_catalog.float8, "
				"value pg_catalog.float8, model pg_catalog.text NOT NULL, "
				"version pg_catalog.int4 NOT NULL)",
				quote_qualified_identifier(range->schemaname, range->relname), quote_identifier(id),
				format_type_be_qualified(id_type)),
			0, NULL);
		relid = RangeVarGetRelid(range, NoLock, false);
	}
	SPI_finish();
	name = bm_relation_name(relid);
	SPI_connect();
	bm_write_as_caller(psprintf("DELETE FROM %s WHERE model OPERATOR(pg_catalog.=) $1", name), 1,
					   &param);
	SPI_finish();
	return name;
}

/* behav_predict_table(model text, data regclass, into_table text, id name): rows, seconds */
BM_FUNCTION(behav_predict_table);
Datum
behav_predict_table(PG_FUNCTION_ARGS)
{
	TimestampTz started = GetCurrentTimestamp();
	char *model = bm_arg_text(fcinfo, 0, "model"), *id, *into, *schema;
	const BmVersion *v;
	Oid relation;
	AttrNumber attno;
	Datum values[2];
	bool nulls[2] = {false, false};
	BmParam params[2];
	int64 rows;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	relation = PG_GETARG_OID(1);
	id = bm_arg_text(fcinfo, 3, "id");
	bm_srf_begin(fcinfo);
	bm_row_model_of_rows(bm_row_model(bm_predictor_deployed(model)));
	v = bm_predictor_deployed(model)->version;
	attno = get_attnum(relation, id);
	if (attno == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist in %s", id, bm_relation_name(relation)),
				 errhint("Name the column that tells the rows apart: id => '<column>'.")));
	into = prepare_table(bm_arg_text(fcinfo, 2, "into_table"), id, get_atttype(relation, attno),
						 model);
	schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	params[0] = bm_param_text(model);
	params[1] = bm_param_int(v->version);
	SPI_connect();
	rows = (int64) bm_write_as_caller(
		psprintf("INSERT INTO %s (%s, class, probability, value, model, version) "
				 "SELECT _row.%s, p.class, p.probability, p.value, $1, $2 FROM %s _row CROSS JOIN "
				 "LATERAL "
				 "%s.behav_predict($1, _row) p",
				 into, quote_identifier(id), quote_identifier(id), bm_relation_name(relation),
				 quote_identifier(schema)),
		2, params);
	SPI_finish();
	values[0] = Int64GetDatum(rows);
	values[1] = Float8GetDatum((GetCurrentTimestamp() - started) / 1e6);
	bm_srf_row(fcinfo, values, nulls);
	return (Datum) 0;
}
