/*
 * encode_plan.c
 *		From options to what is asked of each column; fitting with errors that name the column.
 */
#include "event/encode.h"

#include <math.h>

#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "event/source.h"

#define OPT(field) offsetof(BmEncodeOptions, field)

const BmOptionSpec bm_encode_options[] = {
	{"columns", BM_OPT_JSON, OPT(columns), NULL, 0, 0, NULL,
	 "What is asked of single columns, by name: {\"age\": {\"scale\": \"robust\"}}."},
	{"numbers", BM_OPT_JSON, OPT(numbers), NULL, 0, 0, NULL,
	 "What is asked of all columns of numbers."},
	{"categories", BM_OPT_JSON, OPT(categories), NULL, 0, 0, NULL,
	 "What is asked of all columns of texts, enums and uuids."},
	{"times", BM_OPT_JSON, OPT(times), NULL, 0, 0, NULL, "What is asked of all columns of times."},
	{"vectors", BM_OPT_JSON, OPT(vectors), NULL, 0, 0, NULL,
	 "What is asked of all columns of arrays."},
	{"exclude", BM_OPT_JSON, OPT(exclude), NULL, 0, 0, NULL,
	 "Columns that are no features: [\"id\"]."},
	{"time_zone", BM_OPT_TEXT, OPT(time_zone), "UTC", 0, 0, NULL,
	 "Zone whose wall clock gives hour and day of a timestamp with time zone."},
	{"folds", BM_OPT_INT, OPT(folds), "5", 2, BM_MAX_FOLDS, NULL,
	 "Parts of the training rows, for means of the target that leave out a row's own part."},
	{NULL}};

/* Keys of one column. */
typedef struct ColumnOptions
{
	int encode, impute, scale, clip, missing_flag, non_finite;
	Jsonb *constant;
	char *by;
	double clip_low, clip_high, fence, smoothing;
	int max_categories, min_count, buckets;
	Jsonb *parts, *order;
} ColumnOptions;

#undef OPT
#define OPT(field) offsetof(ColumnOptions, field)

/* The choices are in the order of the enums of row_encoder.h. */
const BmOptionSpec bm_encode_column_options[] = {
	{"encode", BM_OPT_ENUM, OPT(encode), "auto", 0, 0,
	 "auto|skip|number|onehot|hash|ordinal|target|embed|time|vector",
	 "How the column becomes numbers; a column of numbers can be a category, too."},
	{"impute", BM_OPT_ENUM, OPT(impute), "auto", 0, 0,
	 "auto|none|mean|median|mode|constant|interpolate", "What stands for a missing value."},
	{"constant", BM_OPT_JSON, OPT(constant), NULL, 0, 0, NULL,
	 "The number or text that \"impute\": \"constant\" takes."},
	{"by", BM_OPT_TEXT, OPT(by), NULL, 0, 0, NULL,
	 "Column of times or numbers that \"impute\": \"interpolate\" goes along."},
	{"scale", BM_OPT_ENUM, OPT(scale), "auto", 0, 0, "auto|none|minmax|zscore|robust",
	 "What numbers are centred and divided by."},
	{"clip", BM_OPT_ENUM, OPT(clip), "none", 0, 0, "none|quantile|iqr",
	 "Where outliers are cut off: at two quantiles, or at fences beyond the quartiles."},
	{"clip_low", BM_OPT_FLOAT, OPT(clip_low), "0.01", 0, 1, NULL,
	 "Lower quantile of \"clip\": \"quantile\"."},
	{"clip_high", BM_OPT_FLOAT, OPT(clip_high), "0.99", 0, 1, NULL,
	 "Upper quantile of \"clip\": \"quantile\"."},
	{"fence", BM_OPT_FLOAT, OPT(fence), "1.5", 0, 1e6, NULL,
	 "Interquartile ranges beyond the quartiles, of \"clip\": \"iqr\"."},
	{"missing_flag", BM_OPT_ENUM, OPT(missing_flag), "auto", 0, 0, "auto|on|off",
	 "Is it a feature whether the value is missing? auto: where training rows miss some."},
	{"max_categories", BM_OPT_INT, OPT(max_categories), "0", 0, BM_MAX_CATEGORIES, NULL,
	 "The most frequent categories that are kept; 0: 32 of one-hot, else 65536."},
	{"min_count", BM_OPT_INT, OPT(min_count), "1", 1, 1000000000, NULL,
	 "Training rows that a category needs to be kept."},
	{"buckets", BM_OPT_INT, OPT(buckets), "64", 1, BM_MAX_BUCKETS, NULL,
	 "Features that \"encode\": \"hash\" makes."},
	{"smoothing", BM_OPT_FLOAT, OPT(smoothing), "10", 0, 1e9, NULL,
	 "Rows of the overall mean that \"encode\": \"target\" adds to each category."},
	{"parts", BM_OPT_JSON, OPT(parts), NULL, 0, 0, NULL,
	 "Parts of a time: an array of hour, weekday, monthday, month, trend."},
	{"order", BM_OPT_JSON, OPT(order), NULL, 0, 0, NULL,
	 "Categories of \"encode\": \"ordinal\", lowest first."},
	{"non_finite", BM_OPT_ENUM, OPT(non_finite), "error", 0, 0, "error|missing",
	 "What a NaN or an infinity is."},
	{NULL}};

void
bm_encode_options_parse(BmEncodeOptions *options, Jsonb *json)
{
	static const BmOptionSpec *const specs[] = {bm_encode_options};

	bm_options_check(json, specs, 1, "an encoder");
	bm_options_parse(options, bm_encode_options, json);
}

/* ---- json ---- */

static void
raise_not_strings(const char *option)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" must be an array of strings", option)));
}

/* The strings of a JSON array, or NULL for none. */
static char **
strings_of(Jsonb *json, const char *option, int *n)
{
	char **out;

	*n = 0;
	if (json == NULL)
		return NULL;
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		raise_not_strings(option);
	out = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(json), 1));
	for (uint32 i = 0; i < JB_ROOT_COUNT(json); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&json->root, i);

		if (v->type != jbvString)
			raise_not_strings(option);
		out[(*n)++] = pnstrdup(v->val.string.val, v->val.string.len);
	}
	return out;
}

static bool
is_among(const char *name, char **names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The object under key, NULL when there is none. */
static Jsonb *
member(Jsonb *object, const char *key)
{
	JsonbValue *v;

	if (object == NULL || !JB_ROOT_IS_OBJECT(object))
		return NULL;
	v = getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);
	return v ? JsonbValueToJsonb(v) : NULL;
}

/* 22023 for a name in the options that is none of these columns. */
static void
raise_no_such(const char *option, const char *name, char **columns, int n)
{
	const char *near = bm_nearest(name, (const char *const *) columns, n);

	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" names \"%s\", which is no column here", option, name),
					near ? errhint("Perhaps you meant \"%s\".", near)
						 : errhint("It must be a column of the relation that is a feature.")));
}

static void
check_columns(Jsonb *columns, char **features, int n)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;

	if (columns == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(columns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"columns\" must be a JSON object"),
				 errhint("For example '{\"columns\": {\"age\": {\"scale\": \"robust\"}}}'.")));
	it = JsonbIteratorInit(&columns->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char *name;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(v.val.string.val, v.val.string.len);
		if (!is_among(name, features, n))
			raise_no_such("columns", name, features, n);
	}
}

/* ---- one column ---- */

static uint32
parts_of(Jsonb *json)
{
	static const char *const names[] = {"hour", "weekday", "monthday", "month", "trend"};
	int n;
	char **part = strings_of(json, "parts", &n);
	uint32 parts = 0;

	for (int i = 0; i < n; i++)
	{
		int p = 0;

		while (p < (int) lengthof(names) && strcmp(part[i], names[p]) != 0)
			p++;
		if (p == lengthof(names))
		{
			const char *near = bm_nearest(part[i], names, lengthof(names));

			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"parts\" cannot have \"%s\"", part[i]),
							errdetail("The parts are hour, weekday, monthday, month and trend."),
							near ? errhint("Perhaps you meant \"%s\".", near) : 0));
		}
		parts |= 1U << p;
	}
	return parts;
}

/* "constant": a number, a boolean or a text. */
static void
set_constant(BmColumnSpec *spec, Jsonb *json, const char *column)
{
	JsonbValue v;

	if (json == NULL || !JB_ROOT_IS_SCALAR(json) || !JsonbExtractScalar(&json->root, &v) ||
		v.type == jbvNull)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" is imputed by a constant, and has none", column),
						errhint("Add \"constant\": 0, or \"constant\": \"unknown\".")));
	if (v.type == jbvNumeric)
	{
		spec->constant = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v.val.numeric)));
		spec->constant_key =
			DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
	}
	else if (v.type == jbvBool)
	{
		spec->constant = v.val.boolean;
		spec->constant_key = v.val.boolean ? "t" : "f";
	}
	else
		spec->constant_key = pnstrdup(v.val.string.val, v.val.string.len);
}

/* A number's constant must be one, and finite. */
static void
check_constant(const BmFrameColumn *c, Jsonb *json)
{
	JsonbValue v;

	if (c->kind == BM_COLUMN_KEY || !JsonbExtractScalar(&json->root, &v) || v.type != jbvString)
		return;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("the constant of column \"%s\" must be a number", c->name),
					errhint("Write it without quotes, or encode the column as a category.")));
}

static void
set_spec(BmColumnSpec *spec, const ColumnOptions *o, BmFrameColumn *c)
{
	int norder;

	*spec = bmc_column_spec();
	spec->encode = (BmEncode) o->encode;
	spec->impute = (BmImpute) o->impute;
	spec->scale = (BmScale) o->scale;
	spec->clip = (BmClip) o->clip;
	spec->flag = (BmFlag) o->missing_flag;
	spec->nonfinite = o->non_finite == 1;
	spec->clip_low = o->clip_low;
	spec->clip_high = o->clip_high;
	spec->fence = o->fence;
	spec->max_categories = (uint32) o->max_categories;
	spec->min_count = (uint32) o->min_count;
	spec->buckets = (uint32) o->buckets;
	spec->smoothing = o->smoothing;
	spec->parts = parts_of(o->parts);
	spec->order = (const char *const *) strings_of(o->order, "order", &norder);
	spec->norder = (size_t) norder;
	if (spec->impute == BM_IMPUTE_CONSTANT)
	{
		set_constant(spec, o->constant, c->name);
		check_constant(c, o->constant);
	}
	if (!(o->clip_low < o->clip_high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"clip_low\" of column \"%s\" must be less than \"clip_high\"", c->name),
				 errdetail("They are %g and %g.", o->clip_low, o->clip_high)));
}

static bool
is_category(int encode)
{
	return encode >= BM_ENCODE_ONEHOT && encode <= BM_ENCODE_EMBED;
}

/* What the options say of one column; its kind is known, and changes where it is to be a category. */
static void
plan_column(BmEncodePlan *plan, int j, const BmEncodeOptions *options, char **by)
{
	static const BmOptionSpec *const specs[] = {bm_encode_column_options};
	BmFrameColumn *c = &plan->column[j];
	char *what = psprintf("column \"%s\"", c->name);
	Jsonb *own = member(options->columns, c->name), *general = NULL;
	ColumnOptions o;

	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
		general = options->numbers;
		break;
	case BM_COLUMN_KEY:
		general = options->categories;
		break;
	case BM_COLUMN_TIME:
		general = options->times;
		break;
	case BM_COLUMN_VECTOR:
		general = options->vectors;
		break;
	case BM_COLUMN_BOOL:
		break;
	}
	bm_options_check(general, specs, 1, what);
	bm_options_check(own, specs, 1, what);
	bm_options_parse(&o, bm_encode_column_options, bm_jsonb_merge(general, own));
	if (is_category(o.encode) && (c->kind == BM_COLUMN_NUMBER || c->kind == BM_COLUMN_BOOL))
	{
		if (!OidIsValid(plan->relation))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" is to be a category, but its state has numbers",
								   c->name),
							errhint("Make it with behav_category_agg(value::text).")));
		c->category = true;
		bm_frame_columns(plan->relation, c, 1);
	}
	set_spec(&plan->spec[j], &o, c);
	*by = plan->spec[j].impute == BM_IMPUTE_INTERPOLATE ? o.by : NULL;
	if (*by && !OidIsValid(plan->relation))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" cannot be interpolated by a state", c->name),
						errdetail("A state does not know which values stood in one row."),
						errhint("Fit the encoder on the table.")));
	if (plan->spec[j].impute == BM_IMPUTE_INTERPOLATE && o.by == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" is to be interpolated, and nothing says along what",
							   c->name),
						errhint("Name a column of times: \"by\": \"ts\".")));
}

/* ---- all columns ---- */

static char **
choose_features(Oid relation, char **features, int *n, const char *target, Jsonb *exclude)
{
	int nall, nexclude, kept = 0;
	char **all = bm_relation_columns(relation, &nall);
	char **excluded = strings_of(exclude, "exclude", &nexclude), **out;

	for (int i = 0; i < nexclude; i++)
		if (!is_among(excluded[i], all, nall))
			raise_no_such("exclude", excluded[i], all, nall);
	if (features == NULL)
	{
		features = all;
		*n = nall;
	}
	out = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (is_among(features[i], out, kept))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" is named twice", features[i])));
		if (is_among(features[i], excluded, nexclude))
			continue;
		if (target && strcmp(features[i], target) == 0)
		{
			if (features == all)
				continue;
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("target \"%s\" is also among the features", target),
							errhint("Leave it out of features: it is what is to be learnt.")));
		}
		out[kept++] = features[i];
	}
	if (kept == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relation %s has no column left to encode", bm_relation_name(relation))));
	*n = kept;
	return out;
}

/* Position of the column that an interpolation goes along; read along where it is no feature. */
static size_t
by_position(BmEncodePlan *plan, const char *by)
{
	for (int j = 0; j < plan->n; j++)
		if (strcmp(plan->column[j].name, by) == 0)
			return (size_t) j;
	plan->column[plan->n] = (BmFrameColumn){.name = by};
	bm_frame_columns(plan->relation, &plan->column[plan->n], 1);
	plan->spec[plan->n] = bmc_column_spec();
	plan->spec[plan->n].encode = BM_ENCODE_SKIP;
	return (size_t) plan->n++;
}

static BmEncodePlan *
new_plan(Oid relation, char **name, int n, const BmEncodeOptions *options)
{
	BmEncodePlan *plan = palloc0(sizeof(BmEncodePlan));

	check_columns(options->columns, name, n);
	plan->relation = relation;
	plan->n = n;
	plan->time_zone = options->time_zone;
	plan->folds = (uint32) options->folds;
	/* an interpolation may bring a column of its own along */
	plan->column = palloc0(sizeof(BmFrameColumn) * (2 * n + BM_PLAN_EXTRA));
	plan->spec = palloc0(sizeof(BmColumnSpec) * (2 * n + BM_PLAN_EXTRA));
	for (int j = 0; j < n; j++)
		plan->column[j].name = name[j];
	return plan;
}

BmEncodePlan *
bm_encode_plan(Oid relation, char **features, int nfeatures, const char *target,
			   const BmEncodeOptions *options)
{
	int n = nfeatures;
	char **name = choose_features(relation, features, &n, target, options->exclude);
	char **by = palloc0(sizeof(char *) * n);
	BmEncodePlan *plan = new_plan(relation, name, n, options);

	bm_frame_columns(relation, plan->column, n);
	for (int j = 0; j < n; j++)
		plan_column(plan, j, options, &by[j]);
	for (int j = 0; j < n; j++)
		if (by[j])
			plan->spec[j].by = by_position(plan, by[j]);
	return plan;
}

BmEncodePlan *
bm_encode_plan_types(char **name, const Oid *type, int n, const BmEncodeOptions *options)
{
	BmEncodePlan *plan = new_plan(InvalidOid, name, n, options);
	char *by;

	for (int j = 0; j < n; j++)
	{
		if (!bm_frame_type(&plan->column[j], type[j]))
			elog(ERROR, "a state of type %u has no column", type[j]);
		plan_column(plan, j, options, &by);
	}
	return plan;
}

/* ---- fitting ---- */

static void
raise_fit(BmStatus status, const BmEncodePlan *plan, const BmFrame *frame, const BmEncoderFit *fit)
{
	const char *name = plan->column[fit->column].name;

	if (status == BM_ENOTFINITE)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column \"%s\" is not finite in %zu rows", name,
					frame->column[fit->column].nonfinite),
			 errdetail("A NaN or an infinity can be no feature, nor can a number beyond 1e150."),
			 errhint("Correct them, or let them count as missing: '{\"columns\": {\"%s\": "
					 "{\"non_finite\": \"missing\"}}}'.",
					 name)));
	if (status == BM_EINVAL && fit->error[0])
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("column \"%s\" cannot be encoded as asked", name),
						errdetail("%s", fit->error)));
	if (status == BM_ELIMIT)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the encoded rows would have too many features"),
						errdetail("The most are %d.", BM_MAX_FEATURES),
						errhint("Lower \"max_categories\" or \"buckets\", or encode columns of "
								"many categories as \"target\" or \"embed\".")));
	bm_check(status, "fit an encoder", NULL);
}

static void
tell_dropped(const BmRowEncoder *e)
{
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		if (c->dropped == BM_DROPPED_CONSTANT)
			ereport(NOTICE, (errmsg("column \"%s\" is left out: it is constant", c->name)));
		else if (c->dropped == BM_DROPPED_EMPTY)
			ereport(NOTICE, (errmsg("column \"%s\" is left out: it has no value", c->name)));
	}
}

BmTableEncoder *
bm_encode_fit(const BmEncodePlan *plan, const BmFrame *frame, BmEncoderFit *fit, BmMem *mem)
{
	BmTableEncoder *encoder = palloc0(sizeof(BmTableEncoder));
	BmStatus status;

	if ((fit->rows ? fit->nrows : frame->n) == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						OidIsValid(plan->relation)
							? errmsg("relation %s has no rows to fit an encoder on",
									 bm_relation_name(plan->relation))
							: errmsg("the states have no rows to fit an encoder on")));
	fit->ncolumns = (size_t) plan->n;
	fit->folds = plan->folds;
	status = bmc_encoder_fit(&encoder->core, frame, plan->spec, fit, mem);
	if (status != BM_OK)
		raise_fit(status, plan, frame, fit);
	encoder->column = plan->column;
	encoder->time_zone = plan->time_zone;
	bm_zone_init(&encoder->zone, plan->time_zone);
	encoder->type = palloc(sizeof(char *) * plan->n);
	for (int j = 0; j < plan->n; j++)
	{
		encoder->type[j] = format_type_be(plan->column[j].type);
		encoder->core.column[j].name = plan->column[j].name;
	}
	if (!plan->quiet)
		tell_dropped(&encoder->core);
	if (encoder->core.width == 0 && encoder->core.ncodes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 OidIsValid(plan->relation) ? errmsg("no column of relation %s makes a feature",
													 bm_relation_name(plan->relation))
											: errmsg("no state makes a feature"),
				 errdetail("Each of them is constant, empty or left out.")));
	return encoder;
}
