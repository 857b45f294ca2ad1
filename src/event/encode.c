/*
 * encode.c
 *		behav_fit_encoder, behav_encode, behav_encoder_features: encoders of rows by themselves.
 */
#include "event/encode.h"

#include <math.h>

#include "access/htup_details.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "event/encode_row.h"
#include "event/source.h"

/* ---- fitting ---- */

/* The target's numbers, NaN where it is missing, and its classes. */
static void
read_target(BmEncoderFit *fit, const BmFrame *f, const BmColumn *c)
{
	float *y = palloc_extended(Max(f->n, 1) * sizeof(float), MCXT_ALLOC_HUGE);

	if (c->nonfinite > 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("target \"%s\" is not finite in %zu rows", c->name, c->nonfinite),
						errhint("Leave these rows out in a view.")));
	for (size_t i = 0; i < f->n; i++)
	{
		if (bmc_missing(c, i))
			y[i] = NAN;
		else if (c->kind == BM_COLUMN_NUMBER)
			y[i] = (float) c->number[i];
		else
			y[i] = c->kind == BM_COLUMN_BOOL ? (float) c->boolean[i] : (float) c->code[i];
	}
	fit->y = y;
	fit->classes = c->kind == BM_COLUMN_NUMBER ? 0 : c->kind == BM_COLUMN_BOOL ? 2 : c->dict.view.n;
}

/* Rows whose target is known are the training rows. */
static void
choose_rows(BmEncoderFit *fit, const BmFrame *f, const BmColumn *target)
{
	uint32_t *rows;

	if (target->missing == 0)
		return;
	rows = palloc_extended(Max(f->n, 1) * sizeof(uint32_t), MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < f->n; i++)
		if (!bmc_missing(target, i))
			rows[fit->nrows++] = (uint32_t) i;
	fit->rows = rows;
	ereport(NOTICE, (errmsg("rows without target \"%s\" are left out: %zu", target->name,
							target->missing)));
}

/* Read the target along, behind the encoder's columns. */
static void
plan_target(BmEncodePlan *plan, const char *target)
{
	BmFrameColumn *c = &plan->column[plan->n];

	*c = (BmFrameColumn){.name = target};
	bm_frame_columns(plan->relation, c, 1);
	if (c->kind == BM_COLUMN_TIME || c->kind == BM_COLUMN_VECTOR)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" cannot be a target: it is of type %s", target,
							   format_type_be(c->type)),
						errdetail("A target is a number, a boolean or a category.")));
}

static BmTableEncoder *
fit_table(BmEncodePlan *plan, const char *target, BmMem *mem)
{
	BmFrameRequest request = {.relation = plan->relation,
							  .column = plan->column,
							  .n = plan->n + (target != NULL),
							  .time_zone = plan->time_zone,
							  .canonical = true,
							  .purpose = "fit an encoder"};
	BmEncoderFit fit = {0};
	BmTableEncoder *encoder;
	BmFrame *frame;
	BmWatch watch;

	bm_watch_init(&watch, 0);
	fit.stop = &watch.stop;
	frame = bm_frame_read(&request, mem, &watch);
	if (target)
	{
		read_target(&fit, frame, &frame->column[plan->n]);
		choose_rows(&fit, frame, &frame->column[plan->n]);
	}
	bm_check_memory(mem, bmc_mul(frame->n, 2 * sizeof(double)), "fitting an encoder",
					"Raise behavmine.max_memory, or read a view that samples the rows.");
	encoder = bm_encode_fit(plan, frame, &fit, mem);
	encoder->target = target ? pstrdup(target) : NULL;
	return encoder;
}

/* behav_fit_encoder(data, features, target, options) */
BM_FUNCTION(behav_fit_encoder);
Datum
behav_fit_encoder(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3), *result;
	MemoryContext context, old;
	BmEncodeOptions options;
	BmTableEncoder *encoder;
	BmEncodePlan *plan;
	char **features, *target;
	int nfeatures;
	BmMem mem;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	features = bm_arg_text_array(fcinfo, 1, "features", &nfeatures);
	target = bm_arg_text_or_null(fcinfo, 2);
	bm_encode_options_parse(&options, json);
	context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine encoder", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	bm_mem_init(&mem, context);
	plan = bm_encode_plan(PG_GETARG_OID(0), features, nfeatures, target, &options);
	if (target)
		plan_target(plan, target);
	encoder = fit_table(plan, target, &mem);
	MemoryContextSwitchTo(old);
	result = bm_encode_jsonb(encoder, true);
	MemoryContextDelete(context);
	PG_RETURN_JSONB_P(result);
}

/* ---- encoding ---- */

/* What a call keeps for the next one of the same query. */
typedef struct EncodeCache
{
	MemoryContext context; /* of the encoder and everything below */
	struct varlena *given; /* the encoder as it was given, toasted or not */
	BmTableEncoder *encoder;
	BmMem mem;
	float *x;       /* (width + ncodes) */
	uint32_t *code; /* (ncodes) */
	BmRowReader *reader;
} EncodeCache;

static EncodeCache *
new_cache(FunctionCallInfo fcinfo)
{
	EncodeCache *c = fcinfo->flinfo->fn_extra;
	struct varlena *given = (struct varlena *) PG_GETARG_POINTER(0);
	MemoryContext old;

	if (c == NULL)
	{
		c = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(EncodeCache));
		fcinfo->flinfo->fn_extra = c;
	}
	else if (c->context)
		MemoryContextDelete(c->context);
	memset(c, 0, sizeof(*c));
	c->context =
		AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "behavmine encoder", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(c->context);
	bm_mem_init(&c->mem, c->context);
	c->encoder = bm_encode_load(PG_GETARG_JSONB_P(0), NULL, NULL, &c->mem);
	c->x = palloc((c->encoder->core.width + c->encoder->core.ncodes + 1) * sizeof(float));
	c->code = palloc((c->encoder->core.ncodes + 1) * sizeof(uint32_t));
	c->reader = bm_row_reader(c->encoder);
	c->given = palloc(VARSIZE_ANY(given));
	memcpy(c->given, given, VARSIZE_ANY(given));
	MemoryContextSwitchTo(old);
	return c;
}

static EncodeCache *
encode_cache(FunctionCallInfo fcinfo)
{
	EncodeCache *c = fcinfo->flinfo->fn_extra;
	struct varlena *given = (struct varlena *) PG_GETARG_POINTER(0);

	/* given is set last: a cache that failed half way is made anew */
	if (c && c->given &&
		(get_fn_expr_arg_stable(fcinfo->flinfo, 0) ||
		 (VARSIZE_ANY(given) == VARSIZE_ANY(c->given) &&
		  memcmp(given, c->given, VARSIZE_ANY(given)) == 0)))
		return c;
	return new_cache(fcinfo);
}

/* behav_encode(encoder, row): the features, then the codes of embeddings. */
BM_FUNCTION(behav_encode);
Datum
behav_encode(PG_FUNCTION_ARGS)
{
	EncodeCache *c = encode_cache(fcinfo);
	const BmRowEncoder *e = &c->encoder->core;

	bmc_encoder_row(c->x, c->code, e, bm_row_cells(c->reader, PG_GETARG_HEAPTUPLEHEADER(1)));
	for (size_t k = 0; k < e->ncodes; k++)
		c->x[e->width + k] = (float) c->code[k];
	PG_RETURN_DATUM(bm_float4_array(c->x, e->width + e->ncodes));
}

/* ---- features ---- */

#define NAME_BYTES 512

static void
feature_row(FunctionCallInfo fcinfo, size_t position, const char *name, const char *column,
			Jsonb *description, size_t j)
{
	JsonbContainer *columns =
		getKeyJsonValueFromContainer(&description->root, "columns", 7, NULL)->val.binary.data;
	JsonbValue *v = getIthJsonbValueFromContainer(columns, (uint32) j), *encode;
	bool null[4] = {false};
	Datum d[4];

	encode = getKeyJsonValueFromContainer(v->val.binary.data, "encode", 6, NULL);
	d[0] = Int32GetDatum((int32) position);
	d[1] = bm_text_datum(name);
	d[2] = bm_text_datum(column);
	null[3] = encode == NULL || encode->type != jbvString;
	d[3] = null[3] ? (Datum) 0
				   : bm_text_datum(pnstrdup(encode->val.string.val, encode->val.string.len));
	bm_srf_row(fcinfo, d, null);
}

/* behav_encoder_features(encoder) */
BM_FUNCTION(behav_encoder_features);
Datum
behav_encoder_features(PG_FUNCTION_ARGS)
{
	Jsonb *description = PG_GETARG_JSONB_P(0);
	BmTableEncoder *t;
	size_t position;
	BmMem mem;

	bm_mem_init(&mem, CurrentMemoryContext);
	t = bm_encode_load(description, NULL, NULL, &mem);
	bm_srf_begin(fcinfo);
	for (position = 0; position < t->core.width; position++)
	{
		char name[NAME_BYTES];
		size_t j;

		bmc_encoder_feature(&t->core, position, name, sizeof(name), &j);
		name[pg_mbcliplen(name, strlen(name), sizeof(name) - 1)] = '\0';
		feature_row(fcinfo, position + 1, name, t->column[j].name, description, j);
	}
	for (size_t j = 0; j < t->core.ncolumns; j++)
		if (t->core.column[j].encode == BM_ENCODE_EMBED && t->core.column[j].value)
			feature_row(fcinfo, ++position, psprintf("%s code", t->column[j].name),
						t->column[j].name, description, j);
	return (Datum) 0;
}
