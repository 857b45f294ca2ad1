/*
 * onnx.c
 *		A bound model as one file of ONNX: its network, calibrated, with what the version knows as metadata.
 *
 * Encoders of rows stay outside: they read texts, times and NULLs by rules that no operator has. The input
 * "features" is what behav_encode makes of a row with the encoder in the metadata.
 */
#include "pg/pg.h"

#include "common/base64.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "model/onnx.h"
#include "model/onnx_parts.h"

#define LOGIT_LIMIT 1e-7f /* of calibrate.c */

/* ---- calibration of the second of two classes ---- */

/* sigmoid(a * logit(p) + b) */
static const char *
platt(BmOnnxGraph *g, const char *p, const float *ab)
{
	const char *z = bm_onnx_op(g, "Clip", 3, p, bm_onnx_number(g, LOGIT_LIMIT),
							   bm_onnx_number(g, 1.0f - LOGIT_LIMIT));

	z = bm_onnx_op(g, "Div", 2, z, bm_onnx_op(g, "Sub", 2, bm_onnx_number(g, 1.0f), z));
	z = bm_onnx_op(g, "Mul", 2, bm_onnx_op(g, "Log", 1, z), bm_onnx_number(g, ab[0]));
	return bm_onnx_op(g, "Sigmoid", 1, bm_onnx_op(g, "Add", 2, z, bm_onnx_number(g, ab[1])));
}

/* Steps (low, high, value) joined by straight lines: the first value, and each rise in its share from 0 to 1. */
static const char *
isotonic(BmOnnxGraph *g, const char *p, const float *knot, size_t n)
{
	float *from = palloc(sizeof(float) * n), *slope = palloc(sizeof(float) * n);
	float *rise = palloc(sizeof(float) * n);
	size_t rises = n - 1;
	const char *y;

	if (rises == 0)
		return bm_onnx_op(g, "Add", 2, bm_onnx_op(g, "Sub", 2, p, p), bm_onnx_number(g, knot[2]));
	for (size_t i = 0; i < rises; i++)
	{
		from[i] = knot[3 * i + 1];
		slope[i] = 1.0f / (knot[3 * i + 3] - knot[3 * i + 1]);
		rise[i] = knot[3 * i + 5] - knot[3 * i + 2];
	}
	y = bm_onnx_op(g, "Sub", 2, p, bm_onnx_vector(g, from, rises)); /* (batch, rises) */
	y = bm_onnx_op(g, "Mul", 2, y, bm_onnx_vector(g, slope, rises));
	y = bm_onnx_op(g, "Clip", 3, y, bm_onnx_number(g, 0.0f), bm_onnx_number(g, 1.0f));
	y = bm_onnx_op(g, "MatMul", 2, y, bm_onnx_floats(g, rise, 2, (size_t[]){rises, 1}));
	return bm_onnx_op(g, "Add", 2, y, bm_onnx_number(g, knot[2]));
}

static const char *
calibrated(BmOnnxGraph *g, const char *y, const BmModel *model)
{
	size_t two = 2, steps[2] = {0, 3};
	const BmTensor *ab = bmc_tensors_find(model->tensors, NULL, "platt", BM_F32, 1, &two);
	const BmTensor *knot = bmc_tensors_find(model->tensors, NULL, "isotonic", BM_F32, 2, steps);
	const char *p;

	if (ab == NULL && (knot == NULL || knot->shape[0] == 0))
		return y;
	p = bm_onnx_op(g, "Gather", 2, y, bm_onnx_integers(g, 1, &(int64){1})); /* (batch, 1) */
	bm_onnx_set_integer(g, "axis", 1);
	p = ab ? platt(g, p, ab->data) : isotonic(g, p, knot->data, knot->shape[0]);
	p = bm_onnx_op(g, "Concat", 2, bm_onnx_op(g, "Sub", 2, bm_onnx_number(g, 1.0f), p), p);
	bm_onnx_set_integer(g, "axis", 1);
	return p;
}

/* ---- models ---- */

pg_attribute_noreturn() static void no_network(const BmModel *model)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
		 errmsg("algorithm \"%s\" has no form in ONNX", model->version->algorithm),
		 errdetail("Networks of rows and windows have one, and the recommenders sasrec and gru."),
		 errhint("Export it as safetensors: behav_export(%s).",
				 quote_literal_cstr(model->version->model))));
}

static void
predictor(BmOnnxGraph *g, const BmModel *model)
{
	const BmNetworkBound *b = model->predictor_bound;
	const char *y;

	if (model->predictor != &bmc_network)
		no_network(model);
	y = bm_onnx_network(g, b);
	if (b->classes == 2)
		y = calibrated(g, y, model);
	bm_onnx_output(g, b->classes ? "probabilities" : "value", y, (int64) bmc_outputs(b->classes));
}

static void
recommender(BmOnnxGraph *g, const BmModel *model)
{
	const BmBlendPart *part = &model->blend.part[0];
	const char *y = NULL;

	if (model->blend.n == 1 && (part->algorithm == &bmc_sasrec || part->algorithm == &bmc_gru))
		y = bm_onnx_next_item(g, part->bound);
	if (y == NULL)
		no_network(model);
	bm_onnx_output(g, "scores", y, (int64) model->items.n);
}

/* ---- the encoder of a model of rows ---- */

/* Words as base64; machines of the other byte order write no ONNX. */
static void
append_words(StringInfo s, const char *name, const BmTensor *t)
{
	int bytes = (int) (bmc_tensor_count(t) * sizeof(int32)), room = pg_b64_enc_len(bytes) + 1, len;
	char *text = palloc(room);

	len = pg_b64_encode((const void *) t->data, bytes, text, room);
	if (len < 0)
		elog(ERROR, "base64 needs more room than was computed");
	appendStringInfo(s, "\"%s\":\"%.*s\"", name, len, text);
	pfree(text);
}

/*
 * The encoder as behav_encode takes it: its description in the version, and under "data" its tensors. NULL
 * where the version has none.
 */
static char *
encoder_json(const BmModel *model)
{
	static const char prefix[] = "encoder/";
	Jsonb *all = model->version->encoder;
	JsonbValue *own = all && JB_ROOT_IS_OBJECT(all)
						  ? getKeyJsonValueFromContainer(&all->root, "encoder", 7, NULL)
						  : NULL;
	StringInfoData s;
	bool any = false;

	if (own == NULL || own->type != jbvBinary || !JsonContainerIsObject(own->val.binary.data))
		return NULL;
	initStringInfo(&s);
	JsonbToCString(&s, own->val.binary.data, own->val.binary.len);
	s.len--; /* the closing brace */
	appendStringInfoString(&s, ",\"data\":{");
	for (int i = 0; i < model->tensors->n; i++)
	{
		const BmTensor *t = &model->tensors->t[i];

		if (strncmp(t->name, prefix, strlen(prefix)) != 0 || t->dtype != BM_I32)
			continue;
		appendStringInfoString(&s, any ? "," : "");
		append_words(&s, t->name + strlen(prefix), t);
		any = true;
	}
	appendStringInfoString(&s, "}}");
	return pg_server_to_any(s.data, s.len, PG_UTF8);
}

/* ---- the file ---- */

static void
add_metadata(OnnxModel *file, const char *key, const char *value)
{
	OnnxProperty *p = palloc(sizeof(OnnxProperty));

	onnx_property__init(p);
	p->key = (char *) key;
	p->value = (char *) value;
	file->metadata[file->n_metadata++] = p;
}

static bytea *
packed(const OnnxModel *file, const BmVersion *v)
{
	size_t size = onnx_model__get_packed_size(file);
	bytea *out;

	if (size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("version %d of model \"%s\" is too large for one value", v->version,
							   v->model),
						errdetail("The file would take %zu bytes, a value holds %zu.", size,
								  (size_t) MaxAllocSize - VARHDRSZ)));
	out = palloc(VARHDRSZ + size);
	SET_VARSIZE(out, VARHDRSZ + size);
	onnx_model__pack(file, (uint8 *) VARDATA(out));
	return out;
}

bytea *
bm_onnx_write(const BmModel *model, const char *version, const char *items)
{
	BmOnnxGraph *g = bm_onnx_graph();
	OnnxOperatorSet operators = ONNX_OPERATOR_SET__INIT, *sets[] = {&operators};
	OnnxProperty *metadata[3];
	char *encoder = model->predictor ? encoder_json(model) : NULL;
	OnnxModel file = ONNX_MODEL__INIT;

#ifdef WORDS_BIGENDIAN
	ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					errmsg("ONNX cannot be written on a machine of this byte order")));
#endif
	if (model->predictor)
		predictor(g, model);
	else
		recommender(g, model);
	operators.domain = "";
	operators.has_version = true;
	operators.version = BM_ONNX_OPERATORS;
	file.has_ir_version = true;
	file.ir_version = BM_ONNX_IR;
	file.producer_name = "behavmine";
	file.producer_version = BM_VERSION;
	file.graph = &g->graph;
	file.n_operator_set = 1;
	file.operator_set = sets;
	file.metadata = metadata;
	add_metadata(&file, "version", version);
	if (items)
		add_metadata(&file, "items", items);
	if (encoder)
		add_metadata(&file, "encoder", encoder);
	return packed(&file, model->version);
}
