/*
 * evaluate_rows.c
 *		How good a model of rows is: as it was measured when it was trained, or on the rows of a table.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "event/source.h"
#include "model/query.h"
#include "predict/row_model.h"

#define DEFAULT_BINS 10

/* ---- measuring on a table ---- */

typedef struct Measured
{
	BmRowModel *model;
	BmFrame *frame;
	const BmColumn *truth;
	uint32_t *row; /* (n) with a target that the model can answer */
	size_t n, missing, unknown;
	float *y, *p, *base; /* answers of the model and of its baseline */
	BmMem mem;
	BmWatch watch;
} Measured;

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "measure a model", NULL);
	return block;
}

/* The encoder's columns and the target, read with the caller's rights. */
static void
read_table(Measured *d, Oid relation, const char *target)
{
	const BmTableEncoder *e = d->model->encoder;
	int n = (int) e->core.ncolumns;
	BmFrameColumn *column = bm_encode_columns(e, relation);
	BmFrameRequest request = {.relation = relation,
							  .column = column,
							  .n = n + 1,
							  .time_zone = e->time_zone,
							  .canonical = true,
							  .purpose = "measuring a model"};

	column[n] = (BmFrameColumn){.name = target};
	bm_frame_columns(relation, column + n, 1);
	d->frame = bm_frame_read(&request, &d->mem, &d->watch);
	d->truth = &d->frame->column[n];
}

/* Class of row i, or classes when the model does not know it. */
static size_t
class_of(const Measured *d, size_t i)
{
	const BmRowModel *m = d->model;
	char *text = bm_target_text(d->truth, i);

	for (size_t c = 0; c < m->classes; c++)
		if (strcmp(m->class_name[c], text) == 0)
			return c;
	return m->classes;
}

static void
read_truth(Measured *d)
{
	const BmRowModel *m = d->model;

	d->row = need(bmc_alloc(&d->mem, Max(d->frame->n, 1), sizeof(uint32_t)));
	d->y = need(bmc_alloc(&d->mem, Max(d->frame->n, 1), sizeof(float)));
	if (m->classes == 0 && d->truth->kind != BM_COLUMN_NUMBER)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("target \"%s\" is not a number", d->truth->name),
						errdetail("Model \"%s\" answers numbers.", m->model->version->model)));
	for (size_t i = 0; i < d->frame->n; i++)
	{
		size_t class = 0;

		if (bmc_missing(d->truth, i))
		{
			d->missing++;
			continue;
		}
		if (m->classes && (class = class_of(d, i)) == m->classes)
		{
			d->unknown++;
			continue;
		}
		d->y[d->n] = m->classes ? (float) class : (float) d->truth->number[i];
		d->row[d->n++] = (uint32_t) i;
	}
	if (d->unknown)
		ereport(NOTICE,
				(errmsg("%zu rows have a class that model \"%s\" does not know and are left "
						"out",
						d->unknown, m->model->version->model)));
	if (d->n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("there is no row to measure on"),
						errdetail("Of %zu rows %zu have no target and %zu one that the model does "
								  "not know.",
								  d->frame->n, d->missing, d->unknown)));
}

static void
answer(Measured *d)
{
	BmRowModel *m = d->model;
	const BmRowEncoder *e = &m->encoder->core;
	size_t outputs = bmc_outputs(m->classes);
	BmFrame features = *d->frame;
	BmSamples s = m->samples;
	float *x;
	uint32_t *code;

	features.ncolumns = e->ncolumns;
	bm_check_memory(&d->mem, bmc_mul(d->n, bmc_mul(e->width + e->ncodes + 2 * outputs, 4)),
					"measuring a model", "Raise behavmine.max_memory, or measure on a sample.");
	x = need(bmc_alloc(&d->mem, d->n * e->width + 1, sizeof(float)));
	code = need(bmc_alloc(&d->mem, d->n * e->ncodes + 1, sizeof(uint32_t)));
	d->p = need(bmc_alloc(&d->mem, d->n * outputs, sizeof(float)));
	d->base = need(bmc_alloc0(&d->mem, d->n * outputs, sizeof(float)));
	bm_check(bmc_encoder_apply(x, e->ncodes ? code : NULL, e, &features, d->row, d->n, false,
							   &d->mem, NULL, &d->watch.stop),
			 "encode the rows", NULL);
	s.n = s.nrows = d->n;
	s.x = x;
	s.code = code;
	bm_predict_all(d->p, m->model->predictor, m->model->predictor_bound, &s, NULL, &d->mem,
				   &d->watch, false);
	bm_calibrate(d->p, m->classes == 2 ? d->n : 0, &m->calibrated);
	bmc_free(&d->mem, code);
	bmc_free(&d->mem, x);
}

/* The shares of the classes among these rows, or their mean, for every row. */
static void
fill_baseline(Measured *d)
{
	size_t C = bmc_outputs(d->model->classes);

	for (size_t i = 0; i < d->n; i++)
		d->base[d->model->classes ? (size_t) d->y[i] : 0] +=
			(d->model->classes ? 1.0f : d->y[i]) / (float) d->n;
	for (size_t i = 1; i < d->n; i++)
		memcpy(d->base + i * C, d->base, C * sizeof(float));
}

/* {"test":{..},"baseline":{..},"confusion":[..],...} of the rows of relation */
static Jsonb *
measure_table(BmModel *model, Oid relation, const char *target, int bins)
{
	Measured *d = palloc0(sizeof(Measured));
	BmRowQuality ours, base;
	BmAnswers a;
	StringInfoData s;

	bm_mem_init(&d->mem, CurrentMemoryContext);
	bm_watch_init(&d->watch, 0);
	d->model = bm_row_model(model);
	bm_row_model_of_rows(d->model);
	read_table(d, relation, target ? target : d->model->target);
	read_truth(d);
	answer(d);
	fill_baseline(d);
	a = (BmAnswers){d->n, d->model->classes, d->p, d->y, d->model->threshold};
	bm_row_quality(&ours, &a, &d->mem);
	initStringInfo(&s);
	appendStringInfoString(&s, "{\"test\":");
	bm_append_quality(&s, &ours);
	a.p = d->base;
	a.threshold = 0.5;
	bm_row_quality(&base, &a, &d->mem);
	appendStringInfoString(&s, ",\"baseline\":");
	bm_append_quality(&s, &base);
	a.p = d->p;
	a.threshold = d->model->threshold;
	bm_append_tables(&s, &a, d->model->class_name, bins, &d->mem);
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

/*
 * The measurements that a call is about: of argument 1 (data), or those stored with the version of
 * argument 2 (the deployed one). target and bins: arguments of the call, or -1.
 */
static Jsonb *
measurements(FunctionCallInfo fcinfo, int target, int bins)
{
	char *name = bm_arg_text(fcinfo, 0, "model");
	int version = (int) bm_arg_range_or(fcinfo, 2, "version", 1, PG_INT32_MAX, 0);
	int nbins = bins < 0 ? DEFAULT_BINS
						 : (int) bm_arg_range_or(fcinfo, bins, "bins", 1, 1000, DEFAULT_BINS);
	const BmAlgorithm *algorithm;
	BmModel *model;
	BmVersion *v;
	BmMem *mem;

	if (PG_ARGISNULL(1))
	{
		v = bm_version_load(name, version);
		algorithm = bm_algorithm_or_null(v->algorithm);
		if (algorithm && algorithm->predictor == NULL)
			ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
							errmsg("model \"%s\" does not answer for rows", name),
							errhint("SELECT * FROM behav_evaluate(%s)", quote_literal_cstr(name))));
		return v->metrics;
	}
	mem = palloc(sizeof(BmMem));
	bm_mem_init(mem, CurrentMemoryContext);
	model = version ? bm_model_load(name, version, mem, CurrentMemoryContext)
					: bm_predictor_deployed(name);
	bm_model_must_predict(model);
	return measure_table(model, PG_GETARG_OID(1),
						 target < 0 ? NULL : bm_arg_text_or_null(fcinfo, target), nbins);
}

/* ---- as rows ---- */

/* behav_evaluate_rows(model, data, version, target): part, metric, class, value, baseline, sd */
BM_FUNCTION(behav_evaluate_rows);
Datum
behav_evaluate_rows(PG_FUNCTION_ARGS)
{
	BmParam metrics;

	bm_srf_begin(fcinfo);
	metrics = bm_param_jsonb(measurements(fcinfo, 3, -1));
	bm_srf_query(
		fcinfo,
		"SELECT * FROM ("
		"SELECT p.part, m.key, NULL::text, m.value::float8, "
		"($1 -> 'baseline' ->> m.key)::float8, NULL::float8 "
		"FROM (VALUES ('test', 1), ('validation', 2)) p (part, place), "
		"LATERAL pg_catalog.jsonb_each_text($1 -> p.part) m WHERE m.key NOT IN ('macro', "
		"'weighted') "
		"UNION ALL SELECT p.part, a.kind || ' ' || m.key, NULL, m.value::float8, "
		"($1 -> 'baseline' -> a.kind ->> m.key)::float8, NULL "
		"FROM (VALUES ('test'), ('validation')) p (part), (VALUES ('macro'), ('weighted')) a "
		"(kind), "
		"LATERAL pg_catalog.jsonb_each_text($1 -> p.part -> a.kind) m "
		"UNION ALL SELECT 'test', m.key, c.value ->> 'class', m.value::float8, NULL, NULL "
		"FROM pg_catalog.jsonb_array_elements($1 -> 'classes') c, "
		"LATERAL pg_catalog.jsonb_each_text(c.value) m WHERE m.key <> 'class' "
		"UNION ALL SELECT 'folds', m.key, NULL, (m.value ->> 'mean')::float8, NULL, "
		"(m.value ->> 'sd')::float8 FROM pg_catalog.jsonb_each($1 -> 'cross_validation') m "
		"WHERE m.key <> 'folds') q (part, metric, class, value, baseline, sd) "
		"ORDER BY part COLLATE \"C\" DESC, class COLLATE \"C\" NULLS FIRST, metric COLLATE \"C\"",
		1, &metrics);
	return (Datum) 0;
}

/* behav_confusion(model, data, version, target): actual, predicted, n, share */
BM_FUNCTION(behav_confusion);
Datum
behav_confusion(PG_FUNCTION_ARGS)
{
	BmParam metrics;

	bm_srf_begin(fcinfo);
	metrics = bm_param_jsonb(measurements(fcinfo, 3, -1));
	bm_srf_query(
		fcinfo,
		"SELECT c.actual, c.predicted, c.n, "
		"c.n / nullif(pg_catalog.sum(c.n) OVER (PARTITION BY c.actual), 0)::float8 "
		"FROM pg_catalog.jsonb_array_elements($1 -> 'confusion') WITH ORDINALITY e (value, i), "
		"LATERAL (SELECT e.value ->> 'actual', e.value ->> 'predicted', "
		"(e.value ->> 'n')::bigint) c (actual, predicted, n) ORDER BY e.i",
		1, &metrics);
	return (Datum) 0;
}

/* behav_calibration(model, data, version, target, bins): class, bin, n, low, high, predicted, observed */
BM_FUNCTION(behav_calibration);
Datum
behav_calibration(PG_FUNCTION_ARGS)
{
	BmParam metrics;

	bm_srf_begin(fcinfo);
	metrics = bm_param_jsonb(measurements(fcinfo, 3, 4));
	bm_srf_query(fcinfo,
				 "SELECT b.class, b.bin, b.n, b.low, b.high, b.mean, b.rate "
				 "FROM pg_catalog.jsonb_to_recordset($1 -> 'bins') AS b (class text, bin int, "
				 "n float8, low float8, high float8, mean float8, rate float8) "
				 "ORDER BY b.class COLLATE \"C\", b.bin DESC",
				 1, &metrics);
	return (Datum) 0;
}

/* behav_lift(model, data, version, target, bins): class, bin, n, positives, rate, lift, gain, cumulative_lift */
BM_FUNCTION(behav_lift);
Datum
behav_lift(PG_FUNCTION_ARGS)
{
	BmParam metrics;

	bm_srf_begin(fcinfo);
	metrics = bm_param_jsonb(measurements(fcinfo, 3, 4));
	bm_srf_query(
		fcinfo,
		"SELECT b.class, b.bin, b.n, b.positives, b.rate, b.lift, b.gain, b.cumulative_lift "
		"FROM pg_catalog.jsonb_to_recordset($1 -> 'bins') AS b (class text, bin int, "
		"n float8, positives float8, rate float8, lift float8, gain float8, "
		"cumulative_lift float8) ORDER BY b.class COLLATE \"C\", b.bin",
		1, &metrics);
	return (Datum) 0;
}

/* behav_importance(model, version): feature, importance, sd; the most important first */
BM_FUNCTION(behav_importance);
Datum
behav_importance(PG_FUNCTION_ARGS)
{
	char *name = bm_arg_text(fcinfo, 0, "model");
	BmVersion *v;
	BmParam metrics;

	bm_srf_begin(fcinfo);
	v = bm_version_load(name, (int) bm_arg_range_or(fcinfo, 1, "version", 1, PG_INT32_MAX, 0));
	metrics = bm_param_jsonb(v->metrics);
	bm_srf_query(fcinfo,
				 "SELECT f.feature, f.importance, f.sd "
				 "FROM pg_catalog.jsonb_to_recordset($1 -> 'importance') AS f (feature text, "
				 "importance float8, sd float8) ORDER BY f.importance DESC NULLS LAST, "
				 "f.feature COLLATE \"C\"",
				 1, &metrics);
	return (Datum) 0;
}
