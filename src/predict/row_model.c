/*
 * row_model.c
 *		Binding a stored model of rows, and one row's way through it; see row_model.h.
 */
#include "pg/pg.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

#include "core/num/pooled.h"
#include "predict/window_model.h"

/* ---- binding ---- */

static JsonbValue *
member(const BmVersion *v, const char *key, enum jbvType type)
{
	JsonbValue *value = NULL;

	if (v->encoder && JB_ROOT_IS_OBJECT(v->encoder))
		value = getKeyJsonValueFromContainer(&v->encoder->root, key, strlen(key), NULL);
	if (value == NULL || value->type != type)
		bm_version_damaged(v, NULL, "its encoder lacks the member \"%s\"", key);
	return value;
}

static char *
text_member(const BmVersion *v, const char *key)
{
	JsonbValue *value = member(v, key, jbvString);

	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
bind_classes(BmRowModel *m, const BmVersion *v)
{
	JsonbValue *array = member(v, "classes", jbvBinary);

	if (!JsonContainerIsArray(array->val.binary.data))
		bm_version_damaged(v, NULL, "its classes are no array");
	m->classes = JsonContainerSize(array->val.binary.data);
	m->class_name = palloc(sizeof(char *) * Max(m->classes, 1));
	for (size_t c = 0; c < m->classes; c++)
	{
		JsonbValue *name = getIthJsonbValueFromContainer(array->val.binary.data, (uint32) c);

		if (name->type != jbvString)
			bm_version_damaged(v, NULL, "one of its classes has no name");
		m->class_name[c] = pnstrdup(name->val.string.val, name->val.string.len);
	}
}

static void
bind_calibration(BmRowModel *m, const BmVersion *v)
{
	char *kind = text_member(v, "calibration");
	size_t steps[2] = {0, 3}, two = 2;
	const BmTensor *t = NULL;

	if (strcmp(kind, "none") == 0)
		return;
	if (strcmp(kind, "isotonic") == 0)
	{
		t = bmc_tensors_find(m->model->tensors, NULL, "isotonic", BM_F32, 2, steps);
		m->calibrated.kind = BM_CALIBRATE_ISOTONIC;
	}
	else
	{
		t = bmc_tensors_find(m->model->tensors, NULL, "platt", BM_F32, 1, &two);
		m->calibrated.kind = BM_CALIBRATE_PLATT;
	}
	if (t == NULL || m->classes != 2 || t->shape[0] == 0)
		bm_version_damaged(v, kind, "it is missing or has another shape");
	if (m->calibrated.kind == BM_CALIBRATE_ISOTONIC)
	{
		m->calibrated.knot = (float *) t->data;
		m->calibrated.nsteps = t->shape[0];
		return;
	}
	m->calibrated.a = (double) ((const float *) t->data)[0];
	m->calibrated.b = (double) ((const float *) t->data)[1];
}

/* What the predictor takes must be what the encoder gives. */
static void
check_shape(const BmRowModel *m, const BmVersion *v)
{
	const BmPredictor *p = m->model->predictor;
	const BmRowEncoder *e = &m->encoder->core;
	size_t expected = m->events && m->events->pooled ? BM_POOLED_ROWS * e->width : e->width;
	size_t width = expected, ncodes = e->ncodes, classes = m->classes;

	if (p->shape)
		p->shape(m->model->predictor_bound, &width, &ncodes, &classes);
	if (width != expected || ncodes != e->ncodes || classes != m->classes)
		bm_version_damaged(v, NULL, "its weights take %zu features, its encoder makes %zu", width,
						   expected);
}

static void
make_room(BmRowModel *m)
{
	const BmRowEncoder *e = &m->encoder->core;
	size_t width = m->events && m->events->pooled ? BM_POOLED_ROWS * e->width : e->width;

	m->samples = (BmSamples){.n = 1,
							 .nrows = 1,
							 .width = width,
							 .x = palloc0(sizeof(float) * (width + 1)),
							 .ncodes = e->ncodes,
							 .code = palloc0(sizeof(uint32_t) * (e->ncodes + 1)),
							 .cardinality = e->cardinality,
							 .steps = 1,
							 .classes = m->classes};
	m->p = palloc0(sizeof(float) * bmc_outputs(m->classes));
	m->scratch = bmc_alloc(
		&m->mem, m->model->predictor->predict_bytes(m->model->predictor_bound, 1) + 64, 1);
	if (m->scratch == NULL)
		bm_check(BM_ENOMEM, "prepare a model", NULL);
}

BmRowModel *
bm_row_model(BmModel *model)
{
	const BmVersion *v = model->version;
	MemoryContext old;
	BmRowModel *m;

	if (model->attached)
		return model->attached;
	old = MemoryContextSwitchTo(model->context);
	m = palloc0(sizeof(BmRowModel));
	bm_mem_init(&m->mem, model->context);
	m->model = model;
	bind_classes(m, v);
	m->threshold = DatumGetFloat8(DirectFunctionCall1(
		numeric_float8, NumericGetDatum(member(v, "threshold", jbvNumeric)->val.numeric)));
	m->data = text_member(v, "data");
	m->target = text_member(v, "target");
	m->encoder = bm_encode_load(JsonbValueToJsonb(member(v, "encoder", jbvBinary)), model->tensors,
								"encoder/", &m->mem);
	bind_calibration(m, v);
	m->events = bm_window_model(m, model);
	check_shape(m, v);
	m->reader = bm_row_reader(m->encoder);
	make_room(m);
	model->attached = m;
	MemoryContextSwitchTo(old);
	return m;
}

/* ---- one row ---- */

/* What a query keeps while it is parallel: the name that was asked for, and its model. */
typedef struct Kept
{
	BmRowModel *model;
	char name[FLEXIBLE_ARRAY_MEMBER];
} Kept;

BmRowModel *
bm_row_model_arg(FunctionCallInfo fcinfo)
{
	char *name = bm_arg_text(fcinfo, 0, "model");
	Kept *kept = fcinfo->flinfo->fn_extra;

	if (!IsInParallelMode())
		return bm_row_model(bm_predictor_deployed(name));
	if (kept && strcmp(kept->name, name) == 0)
		return kept->model;
	kept = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, offsetof(Kept, name) + strlen(name) + 1);
	strcpy(kept->name, name);
	kept->model = bm_row_model(bm_predictor_deployed(name));
	fcinfo->flinfo->fn_extra = kept;
	return kept->model;
}

bool
bm_row_model_read(BmRowModel *m, FunctionCallInfo fcinfo, int i)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);
	const BmCell *cell;

	if (m->events)
		return bm_window_read(m, fcinfo, i, PG_INT64_MAX);
	if (type == JSONBOID)
		cell = bm_row_cells_jsonb(m->reader, PG_GETARG_JSONB_P(i));
	else if (type_is_rowtype(type))
		cell = bm_row_cells(m->reader, PG_GETARG_HEAPTUPLEHEADER(i));
	else
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("argument \"row\" must be a row of a table, or jsonb"),
						errdetail("It is of type %s.", format_type_be(type)),
						errhint("SELECT p.* FROM <table> t, behav_predict(%s, t) p; or an object: "
								"jsonb_build_object('<column>', <value>, ...).",
								quote_literal_cstr(m->model->version->model))));
	bmc_encoder_row((float *) m->samples.x, (uint32_t *) m->samples.code, &m->encoder->core, cell);
	return true;
}

void
bm_row_model_of_rows(const BmRowModel *m)
{
	if (m->events == NULL)
		return;
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("model \"%s\" answers for users, not for rows of a table",
						   m->model->version->model),
					errhint("SELECT u.user_id, p.* FROM <users> u, behav_predict(%s, u.user_id) p; "
							"and behav_explain_events tells which events mattered.",
							quote_literal_cstr(m->model->version->model))));
}

size_t
bm_row_model_class(BmRowModel *m, const char *name)
{
	if (name == NULL)
	{
		bm_row_model_predict(m);
		return m->classes > 2 ? bmc_answer_class(m->p, m->classes, m->threshold) : m->classes / 2;
	}
	for (size_t c = 0; c < m->classes; c++)
		if (strcmp(m->class_name[c], name) == 0)
			return c;
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		 errmsg("model \"%s\" has no class \"%s\"", m->model->version->model, name),
		 m->classes
			 ? errhint("Perhaps you meant \"%s\".",
					   bm_nearest(name, (const char *const *) m->class_name, (int) m->classes)
						   ? bm_nearest(name, (const char *const *) m->class_name, (int) m->classes)
						   : m->class_name[0])
			 : errdetail("It answers a number.")));
}

void
bm_row_model_predict(BmRowModel *m)
{
	m->model->predictor->predict(m->p, m->model->predictor_bound, &m->samples, 0, 1, m->scratch,
								 false);
	bm_calibrate(m->p, m->classes == 2 ? 1 : 0, &m->calibrated);
}
