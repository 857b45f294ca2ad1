/*
 * encode_json.c
 *		The description of an encoder as jsonb, and back.
 */
#include "event/encode.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/base64.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "parser/parse_type.h"

#include "event/source.h"

#define FORMAT 1

static const char *const encode_name[] = {"auto",    "skip",   "number", "onehot", "hash",
										  "ordinal", "target", "embed",  "time",   "vector"};
static const char *const impute_name[] = {"auto", "none",     "mean",       "median",
										  "mode", "constant", "interpolate"};
static const char *const scale_name[] = {"auto", "none", "minmax", "zscore", "robust"};
static const char *const clip_name[] = {"none", "quantile", "iqr"};
static const char *const dropped_name[] = {NULL, "asked", "constant", "empty"};
static const char *const kind_name[] = {NULL,         "a number", "a boolean",
										"a category", "a time",   "an array"};

/* ---- to jsonb ---- */

static void
append_number(StringInfo s, const char *key, double v)
{
	char text[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (!isfinite(v))
		return;
	double_to_shortest_decimal_buf(v, text);
	appendStringInfo(s, ",\"%s\":%s", key, text);
}

static void
append_text(StringInfo s, const char *key, const char *value)
{
	appendStringInfo(s, ",\"%s\":", key);
	if (value)
		escape_json(s, value);
	else
		appendStringInfoString(s, "null");
}

static void
append_details(StringInfo s, const BmEncoderColumn *c)
{
	bool numbers = c->encode == BM_ENCODE_NUMBER || c->encode == BM_ENCODE_ORDINAL;

	append_text(s, "impute", impute_name[c->impute]);
	appendStringInfo(s, ",\"missing\":%zu", c->missing);
	if (c->kind == BM_COLUMN_KEY)
		appendStringInfo(s, ",\"distinct\":%zu,\"categories\":%u", c->distinct, c->ncategories);
	if (!c->value)
		return;
	if (numbers || c->encode == BM_ENCODE_TARGET || c->encode == BM_ENCODE_VECTOR)
		append_text(s, "scale", scale_name[c->scale]);
	if (numbers)
	{
		append_number(s, "fill", c->fill);
		append_number(s, "center", c->center);
		append_number(s, "scale_by", c->scale_by);
	}
	if (c->clip != BM_CLIP_NONE)
	{
		append_text(s, "clip", clip_name[c->clip]);
		append_number(s, "low", c->low);
		append_number(s, "high", c->high);
	}
}

static void
append_column(StringInfo s, const BmTableEncoder *t, int j)
{
	const BmEncoderColumn *c = &t->core.column[j];

	appendStringInfoString(s, j ? ",{\"name\":" : "{\"name\":");
	escape_json(s, t->column[j].name);
	append_text(s, "type", t->type[j]);
	appendStringInfo(s, ",\"category\":%s", t->column[j].category ? "true" : "false");
	append_text(s, "encode", encode_name[c->encode]);
	appendStringInfo(s, ",\"features\":%zu", c->width);
	if (c->dropped)
		append_text(s, "dropped", dropped_name[c->dropped]);
	if (c->dropped != BM_DROPPED_ASKED)
		append_details(s, c);
	appendStringInfoChar(s, '}');
}

/* The tensors' words as base64, lowest byte first. */
static void
append_data(StringInfo s, BmTableEncoder *t)
{
	BmTensors *tensors = palloc0(sizeof(BmTensors));

	bm_check(bmc_encoder_tensors(&t->core, NULL, tensors), "store an encoder", NULL);
	appendStringInfoString(s, ",\"data\":{");
	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *tensor = &tensors->t[i];
		size_t n = bmc_tensor_count(tensor);
		const int32 *word = tensor->data;
		char *bytes = palloc(n * 4 + 1), *text;
		int room, len;

		for (size_t w = 0; w < n; w++)
			for (int b = 0; b < 4; b++)
				bytes[4 * w + b] = (char) ((uint32) word[w] >> 8 * b);
		room = pg_b64_enc_len((int) (n * 4)) + 1;
		text = palloc(room);
		len = pg_b64_encode((void *) bytes, (int) (n * 4), text, room);
		if (len < 0)
			elog(ERROR, "base64 needs more room than was computed");
		appendStringInfo(s, "%s\"%s\":\"%.*s\"", i ? "," : "", tensor->name, len, text);
		pfree(bytes);
		pfree(text);
	}
	appendStringInfoChar(s, '}');
	pfree(tensors);
}

Jsonb *
bm_encode_jsonb(BmTableEncoder *t, bool data)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"format\":%d", FORMAT);
	append_text(&s, "time_zone", t->time_zone);
	append_text(&s, "target", t->target);
	appendStringInfo(&s, ",\"width\":%zu,\"codes\":%zu,\"columns\":[", t->core.width,
					 t->core.ncodes);
	for (size_t j = 0; j < t->core.ncolumns; j++)
		append_column(&s, t, (int) j);
	appendStringInfoChar(&s, ']');
	if (data)
		append_data(&s, t);
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

/* ---- back ---- */

static void
raise_damaged(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("an encoder is damaged"),
					errdetail("It cannot be read: %s.", what),
					errhint("Make it again with behav_fit_encoder.")));
}

static JsonbValue *
value_of(JsonbContainer *object, const char *key, enum jbvType type)
{
	JsonbValue *v = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	if (v == NULL || v->type != type)
		raise_damaged(psprintf("\"%s\" is missing or of a wrong type", key));
	return v;
}

static char *
text_of(JsonbContainer *object, const char *key)
{
	JsonbValue *v = value_of(object, key, jbvString);

	return pnstrdup(v->val.string.val, v->val.string.len);
}

static void
check_format(JsonbContainer *root)
{
	JsonbValue *v = value_of(root, "format", jbvNumeric);
	double format = DatumGetFloat8(
		DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v->val.numeric)));

	if (format > FORMAT)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("an encoder comes from a newer version of behavmine"),
						errdetail("Its format is %g; this library knows formats up to %d.", format,
								  FORMAT),
						errhint("Install that version of behavmine here, or fit it again.")));
}

/* A tensor of int32 words out of base64; its shape is known by its name. */
static void
add_tensor(BmTensors *out, JsonbContainer *data, const char *name, size_t a, size_t b)
{
	JsonbValue *v = value_of(data, name, jbvString);
	int room = pg_b64_dec_len(v->val.string.len) + 4, len;
	unsigned char *bytes = palloc(room);
	size_t row = (a ? a : 1) * (b ? b : 1), shape[3] = {0, a, b};
	int32 *word;

	len = pg_b64_decode(v->val.string.val, v->val.string.len, (void *) bytes, room);
	if (len < 4 || len % (4 * row) != 0)
		raise_damaged(psprintf("\"%s\" has a wrong length", name));
	word = palloc(len);
	for (int w = 0; w < len / 4; w++)
		word[w] = (int32) (bytes[4 * w] | bytes[4 * w + 1] << 8 | bytes[4 * w + 2] << 16 |
						   (uint32) bytes[4 * w + 3] << 24);
	shape[0] = len / 4 / row;
	if (!bmc_tensors_add(out, NULL, name, BM_I32, word, a == 0 ? 1 : b == 0 ? 2 : 3, shape))
		elog(ERROR, "too many tensors in an encoder");
	pfree(bytes);
}

static BmTensors *
own_tensors(JsonbContainer *root)
{
	BmTensors *t = palloc0(sizeof(BmTensors));
	JsonbContainer *data = value_of(root, "data", jbvBinary)->val.binary.data;

	if (!JsonContainerIsObject(data))
		raise_damaged("\"data\" is no object");
	add_tensor(t, data, "encoder", 0, 0);
	add_tensor(t, data, "column", 24, 0);
	add_tensor(t, data, "number", 8, 2);
	add_tensor(t, data, "table", 2, 0);
	add_tensor(t, data, "key", 2, 0);
	add_tensor(t, data, "blob", 0, 0);
	return t;
}

/* Name and type of column j; what the types are called may differ, what they hold may not. */
static void
load_column(BmTableEncoder *t, int j, JsonbContainer *object)
{
	BmEncoderColumn *c = &t->core.column[j];
	BmFrameColumn *column = &t->column[j];

	column->name = text_of(object, "name");
	column->category = value_of(object, "category", jbvBool)->val.boolean;
	column->kind = c->kind;
	column->key_int = c->kind == BM_COLUMN_KEY && c->keys.view.kind == BM_KEY_INT;
	t->type[j] = text_of(object, "type");
	c->name = column->name;
}

BmTableEncoder *
bm_encode_load(Jsonb *description, const BmTensors *tensors, const char *prefix, BmMem *mem)
{
	BmTableEncoder *t = palloc0(sizeof(BmTableEncoder));
	JsonbContainer *columns;
	JsonbValue *target;
	const char *wrong;

	if (!JB_ROOT_IS_OBJECT(description))
		raise_damaged("it is no JSON object");
	check_format(&description->root);
	wrong = bmc_encoder_bind(&t->core, tensors ? tensors : own_tensors(&description->root), prefix,
							 mem);
	if (wrong)
		raise_damaged(wrong);
	columns = value_of(&description->root, "columns", jbvBinary)->val.binary.data;
	if (!JsonContainerIsArray(columns) || JsonContainerSize(columns) != t->core.ncolumns)
		raise_damaged("its columns do not fit its data");
	t->time_zone = text_of(&description->root, "time_zone");
	bm_zone_init(&t->zone, t->time_zone);
	target = getKeyJsonValueFromContainer(&description->root, "target", 6, NULL);
	if (target && target->type == jbvString)
		t->target = pnstrdup(target->val.string.val, target->val.string.len);
	t->column = palloc0(sizeof(BmFrameColumn) * (t->core.ncolumns + BM_PLAN_EXTRA));
	t->type = palloc0(sizeof(char *) * t->core.ncolumns);
	for (uint32 j = 0; j < t->core.ncolumns; j++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(columns, j);

		if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
			raise_damaged("a column is no object");
		load_column(t, (int) j, v->val.binary.data);
	}
	return t;
}

/* ---- columns at the time of encoding ---- */

bool
bm_encode_uses(const BmTableEncoder *t, int j)
{
	const BmEncoderColumn *c = &t->core.column[j];

	if (c->width > 0 || (c->encode == BM_ENCODE_EMBED && c->value))
		return true;
	for (size_t i = 0; i < t->core.ncolumns; i++)
		if (t->core.column[i].impute == BM_IMPUTE_INTERPOLATE && t->core.column[i].by == (size_t) j)
			return true;
	return false;
}

void
bm_encode_check_type(const BmTableEncoder *t, int j, BmFrameColumn *column, Oid type)
{
	const BmFrameColumn *was = &t->column[j];

	column->name = was->name;
	column->category = was->category;
	if (bm_frame_type(column, type) && column->kind == was->kind && column->key_int == was->key_int)
		return;
	ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
					errmsg("column \"%s\" cannot be encoded: it is of type %s now", was->name,
						   format_type_be(type)),
					errdetail("It was of type %s, %s, when the encoder was fitted.", t->type[j],
							  kind_name[was->kind]),
					errhint("Cast it in a view, or fit the encoder again.")));
}

BmFrameColumn *
bm_encode_columns(const BmTableEncoder *t, Oid relation)
{
	int n = (int) t->core.ncolumns;
	BmFrameColumn *column = palloc0(sizeof(BmFrameColumn) * (n + BM_PLAN_EXTRA));

	for (int j = 0; j < n; j++)
	{
		AttrNumber attno = get_attnum(relation, t->column[j].name);

		column[j].name = t->column[j].name;
		column[j].category = t->column[j].category;
		if (!bm_encode_uses(t, j))
		{
			/* not read: a column that is always missing stands in its place */
			column[j].kind = t->column[j].kind;
			column[j].key_int = t->column[j].key_int;
			column[j].absent = true;
			continue;
		}
		bm_frame_columns(relation, &column[j], 1);
		bm_encode_check_type(t, j, &column[j], get_atttype(relation, attno));
	}
	return column;
}
