/*
 * uplift_answer.c
 *		behav_uplift_predict, behav_uplift_scores, behav_uplift_explain: what the deployed model says of
 *		one person, or of a table of them.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "event/source.h"
#include "model/query.h"
#include "portrait/uplift_model.h"
#include "portrait/value_model.h"

const char *const bm_uplift_method_names[BM_UPLIFT_METHODS] = {"s_learner", "t_learner",
															   "class_transform", "uplift_forest"};

#define HOW_TO_MAKE                                                                                \
	"SELECT * FROM behav_uplift('my_uplift', '<table>', outcome => '<column>', treatment => "      \
	"'<column>')"

/* ---- finding ---- */

static Jsonb *
stored_encoder(const BmVersion *v, bool *binary)
{
	JsonbContainer *root = v->encoder ? &v->encoder->root : NULL;
	JsonbValue *e, *b;

	if (root == NULL || !JsonContainerIsObject(root))
		bm_version_damaged(v, NULL, "it has no encoder");
	e = getKeyJsonValueFromContainer(root, "encoder", 7, NULL);
	b = getKeyJsonValueFromContainer(root, "binary", 6, NULL);
	if (!e || e->type != jbvBinary || !b || b->type != jbvBool)
		bm_version_damaged(v, NULL, "its encoder lacks a member");
	*binary = b->val.boolean;
	return JsonbValueToJsonb(e);
}

static void
must_be_uplift(const BmVersion *v)
{
	if (strcmp(v->task, BM_UPLIFT_TASK) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("model \"%s\" does not know whom a treatment moves", v->model),
			 errdetail("Its task is \"%s\".", v->task), errhint("Make one: %s.", HOW_TO_MAKE)));
}

BmUpliftModel *
bm_uplift_model(const char *name)
{
	BmUpliftModel *m = palloc0(sizeof(BmUpliftModel));
	size_t shape[2] = {0, 4};
	const BmTensor *bands;
	int method = 0;
	bool binary;
	Jsonb *encoder;
	BmDict items;
	const char *wrong;

	bm_mem_init(&m->mem, CurrentMemoryContext);
	m->version = bm_version_load(name ? name : bm_only_model(BM_UPLIFT_TASK, HOW_TO_MAKE), 0);
	must_be_uplift(m->version);
	while (method < BM_UPLIFT_METHODS &&
		   strcmp(bm_uplift_method_names[method], m->version->algorithm) != 0)
		method++;
	if (method == BM_UPLIFT_METHODS)
		bm_version_damaged(m->version, NULL, "this library has no algorithm \"%s\"",
						   m->version->algorithm);
	m->tensors = palloc0(sizeof(BmTensors));
	bm_version_tensors(m->version, m->tensors, &items, &m->mem);
	encoder = stored_encoder(m->version, &binary);
	m->encoder = bm_encode_load(encoder, m->tensors, "encoder/", &m->mem);
	wrong = bmc_uplift_learner_bind(&m->learner, (BmUpliftMethod) method, m->encoder->core.width,
									binary, m->tensors, &m->mem);
	if (wrong)
		bm_version_damaged(m->version, NULL, "%s", wrong);
	bands = bmc_tensors_find(m->tensors, NULL, "bands", BM_F32, 2, shape);
	m->band = bands ? bands->data : NULL;
	m->nbands = bands ? bands->shape[0] : 0;
	m->reader = bm_row_reader(m->encoder);
	m->x = palloc0(sizeof(float) * (m->encoder->core.width + 1));
	return m;
}

/* ---- one row ---- */

/* What a call keeps while its statement runs: the model of the name that was asked for. */
typedef struct Kept
{
	BmUpliftModel *model;
	char name[NAMEDATALEN * 4];
} Kept;

static BmUpliftModel *
model_argument(FunctionCallInfo fcinfo)
{
	char *name = bm_arg_text_or_null(fcinfo, 0);
	Kept *kept = fcinfo->flinfo->fn_extra;
	MemoryContext old;

	if (kept && strncmp(kept->name, name ? name : "", sizeof(kept->name) - 1) == 0)
		return kept->model;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	kept = palloc0(sizeof(Kept));
	strlcpy(kept->name, name ? name : "", sizeof(kept->name));
	kept->model = bm_uplift_model(name);
	fcinfo->flinfo->fn_extra = kept;
	MemoryContextSwitchTo(old);
	return kept->model;
}

/* Encode the composite value or JSON object of argument 1 into m->x. */
static void
read_row(BmUpliftModel *m, FunctionCallInfo fcinfo)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 1);
	const BmCell *cell;

	if (type == JSONBOID)
		cell = bm_row_cells_jsonb(m->reader, PG_GETARG_JSONB_P(1));
	else if (type_is_rowtype(type))
		cell = bm_row_cells(m->reader, PG_GETARG_HEAPTUPLEHEADER(1));
	else
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("argument \"row\" must be a row of a table, or jsonb"),
						errdetail("It is of type %s.", format_type_be(type)),
						errhint("SELECT p.* FROM <table> t, behav_uplift_predict(%s, t) p",
								quote_literal_cstr(m->version->model))));
	bmc_encoder_row(m->x, NULL, &m->encoder->core, cell);
}

/* The band that a score falls into; NULL: none was measured. */
static const BmUpliftBand *
band_of(const BmUpliftModel *m, float score)
{
	for (size_t b = 0; b < m->nbands; b++)
		if (score >= m->band[b].from)
			return &m->band[b];
	return m->nbands ? &m->band[m->nbands - 1] : NULL;
}

/* behav_uplift_predict(model text, row anyelement): uplift, seen, low, high */
BM_FUNCTION(behav_uplift_predict);
Datum
behav_uplift_predict(PG_FUNCTION_ARGS)
{
	Datum values[4] = {0};
	bool nulls[4] = {false};
	BmUpliftModel *m;
	const BmUpliftBand *band;
	TupleDesc desc;
	float effect;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "behav_uplift_predict must return a row");
	m = model_argument(fcinfo);
	read_row(m, fcinfo);
	bmc_uplift_learner_predict(&effect, &m->learner, m->x, 1);
	band = band_of(m, effect);
	values[0] = bm_float8_datum(effect);
	nulls[1] = nulls[2] = nulls[3] = band == NULL;
	if (band)
	{
		values[1] = bm_float8_datum(band->effect);
		values[2] = bm_float8_datum(band->low);
		values[3] = bm_float8_datum(band->high);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* behav_uplift_scores(model text, data regclass, id name): id, uplift, seen, low, high of every row */
BM_FUNCTION(behav_uplift_scores);
Datum
behav_uplift_scores(PG_FUNCTION_ARGS)
{
	BmParam model = bm_param_text(bm_arg_text(fcinfo, 0, "model"));
	char *id = bm_arg_text(fcinfo, 2, "id");
	Oid relation;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	relation = PG_GETARG_OID(1);
	if (get_attnum(relation, id) == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" does not exist in %s", id, bm_relation_name(relation)),
				 errhint("Name the column that tells the rows apart: id => '<column>'.")));
	bm_srf_begin(fcinfo);
	bm_srf_query(
		fcinfo,
		psprintf("SELECT _row.%s::pg_catalog.text, p.uplift, p.seen, p.low, p.high FROM %s _row "
				 "CROSS JOIN LATERAL %s.behav_uplift_predict($1, _row) p",
				 quote_identifier(id), bm_relation_name(relation),
				 quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)))),
		1, &model);
	return (Datum) 0;
}

/* ---- explanations ---- */

typedef struct Share
{
	const char *column;
	double share;
} Share;

static int
strongest_first(const void *a, const void *b)
{
	double x = fabs(((const Share *) a)->share), y = fabs(((const Share *) b)->share);

	return x > y ? -1 : x < y;
}

/* behav_uplift_explain(model text, row anyelement): feature, share; the strongest first */
BM_FUNCTION(behav_uplift_explain);
Datum
behav_uplift_explain(PG_FUNCTION_ARGS)
{
	const BmRowEncoder *e;
	BmUpliftModel *m;
	double *share;
	Share *of;
	int n = 0;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	m = bm_uplift_model(bm_arg_text_or_null(fcinfo, 0));
	read_row(m, fcinfo);
	e = &m->encoder->core;
	share = palloc0(sizeof(double) * (e->width + 1));
	of = palloc0(sizeof(Share) * (e->ncolumns + 1));
	of[n++] = (Share){"(everybody)", bmc_uplift_learner_explain(share, &m->learner, m->x)};
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		if (c->dropped)
			continue;
		of[n].column = m->encoder->column[j].name;
		for (size_t k = 0; k < c->width; k++)
			of[n].share += share[c->first + k];
		n++;
	}
	qsort(of + 1, (size_t) n - 1, sizeof(Share), strongest_first);
	for (int i = 0; i < n; i++)
	{
		Datum values[2] = {bm_text_datum(of[i].column), Float8GetDatum(of[i].share)};
		bool nulls[2] = {false, false};

		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}
