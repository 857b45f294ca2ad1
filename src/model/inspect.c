/*
 * inspect.c
 *		Looking into a version: behav_summary, behav_history, behav_weights, behav_embeddings.
 *
 * behav_summary and behav_embeddings read through the verifying loader, so they double as a check of
 * what is stored; behav_weights shows the rows as they are.
 */
#include "pg/pg.h"

#include "utils/memutils.h"

#include "model/inspect.h"
#include "model/query.h"
#include "model/registry.h"

/* The version named by arguments model and version (NULL: the deployed one). */
static BmVersion *
arg_version(FunctionCallInfo fcinfo, int model, int version)
{
	char *name = bm_arg_text(fcinfo, model, "model");

	return bm_version_load(name,
						   (int) bm_arg_range_or(fcinfo, version, "version", 1, PG_INT32_MAX, 0));
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* ---- the algorithms of a version ---- */

/* Call fn for the version's algorithm, or for each part of a blend, until it says true. */
static const BmAlgorithm *
find_part(const BmVersion *v, bool (*fn)(const BmAlgorithm *))
{
	const BmAlgorithm *whole = bm_algorithm_or_null(v->algorithm);
	JsonbValue *parts;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue value;

	if (whole && !bm_is_blend(whole))
		return fn(whole) ? whole : NULL;
	parts = getKeyJsonValueFromContainer(&v->options->root, "parts", 5, NULL);
	if (parts == NULL || parts->type != jbvBinary)
		return NULL;
	it = JsonbIteratorInit(parts->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		const BmAlgorithm *part;

		if (token != WJB_ELEM || value.type != jbvString)
			continue;
		part = bm_algorithm_or_null(pnstrdup(value.val.string.val, value.val.string.len));
		if (part && part->core && fn(part))
			return part;
	}
	return NULL;
}

static bool
embeds_items(const BmAlgorithm *a)
{
	return a->core && a->core->item_embedding != NULL;
}

/* ---- summary ---- */

static const char *
note_of(const BmVersion *v, const BmTensor *t)
{
	const BmAlgorithm *embedder;

	if (strcmp(t->name, "popularity") == 0)
		return "time-decayed popularity of every item: the answer for unknown users";
	if (strcmp(t->name, "support") == 0)
		return "training events of every item";
	if (strcmp(t->name, "blend_weight") == 0)
		return "weight of each part of the blend";
	embedder = find_part(v, embeds_items);
	if (embedder &&
		strcmp(t->name, psprintf("%s/%s", embedder->name, embedder->core->item_embedding)) == 0)
		return "item embeddings: behav_embeddings";
	if (ends_with(t->name, "bias") || ends_with(t->name, ".b"))
		return "bias";
	return t->dtype == BM_I32 ? "codes and offsets" : NULL;
}

void
bm_summary_part(FunctionCallInfo fcinfo, const char *part, const int32 *shape, int ndim,
				int64 parameters, int64 bytes, const char *note)
{
	Datum values[5];
	bool nulls[5] = {false, shape == NULL, false, false, note == NULL};

	values[0] = bm_text_datum(part);
	values[1] = shape ? bm_int4_array(shape, ndim) : (Datum) 0;
	values[2] = Int64GetDatum(parameters);
	values[3] = Int64GetDatum(bytes);
	values[4] = note ? bm_text_datum(note) : (Datum) 0;
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_summary(model text, version int): part, shape, parameters, bytes, note: the layers of a network
 * over rows, then the tensors that are stored; the last row adds these up.
 */
BM_FUNCTION(behav_summary);
Datum
behav_summary(PG_FUNCTION_ARGS)
{
	BmVersion *v = arg_version(fcinfo, 0, 1);
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine summary", ALLOCSET_DEFAULT_SIZES);
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	int64 parameters = 0;
	BmMem mem;

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_version_tensors(v, tensors, NULL, &mem);
	bm_summary_layers(fcinfo, v, tensors);
	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];
		int64 n = (int64) bmc_tensor_count(t);
		int32 shape[BM_MAX_DIMS];

		for (int d = 0; d < t->ndim; d++)
			shape[d] = (int32) t->shape[d];
		bm_summary_part(fcinfo, t->name, shape, t->ndim, n, n * 4, note_of(v, t));
		parameters += n;
	}
	bm_summary_part(fcinfo, "total", NULL, 0, parameters, v->bytes,
					psprintf("version %d of model \"%s\", algorithm \"%s\"; checksums verified",
							 v->version, v->model, v->algorithm));
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* ---- history ---- */

/* behav_history(model text, version int): epoch, loss, metric, value, seconds; empty without epochs. */
BM_FUNCTION(behav_history);
Datum
behav_history(PG_FUNCTION_ARGS)
{
	BmVersion *v = arg_version(fcinfo, 0, 1);
	BmParam history = bm_param_jsonb(v->history);

	bm_srf_begin(fcinfo);
	bm_srf_query(fcinfo,
				 "SELECT (e.value ->> 'epoch')::int, (e.value ->> 'loss')::float8, m.key, "
				 "m.value::float8, (e.value ->> 'seconds')::float8 "
				 "FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS e (value, place) "
				 "LEFT JOIN LATERAL pg_catalog.jsonb_each_text(e.value) AS m "
				 "ON m.key NOT IN ('epoch', 'loss', 'seconds') ORDER BY e.place, m.key",
				 1, &history);
	return (Datum) 0;
}

/* ---- weights ---- */

static void
require_tensor(const BmVersion *v, const char *name)
{
	BmParam params[3] = {bm_param_int8(v->model_id), bm_param_int(v->version), bm_param_text(name)};
	const char **names, *nearest;
	uint64 n;

	SPI_connect();
	if (bm_read("SELECT 1 FROM behavmine.tensor WHERE model_id = $1 AND version = $2 "
				"AND name = $3 LIMIT 1",
				3, params) == 0)
	{
		n = bm_read("SELECT DISTINCT name FROM behavmine.tensor WHERE model_id = $1 "
					"AND version = $2 ORDER BY name",
					2, params);
		names = palloc(sizeof(char *) * Max(n, 1));
		for (uint64 i = 0; i < n; i++)
			names[i] = bm_row_text(i, 1, CurrentMemoryContext);
		nearest = bm_nearest(name, names, (int) n);
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("version %d of model \"%s\" has no tensor \"%s\"", v->version,
							   v->model, name),
						nearest ? errhint("Perhaps you meant \"%s\".", nearest)
								: errhint("SELECT part FROM behav_summary(%s, %d)",
										  quote_literal_cstr(v->model), v->version)));
	}
	SPI_finish();
}

/* behav_weights(model text, name text, version int): name, dtype, shape, chunk_no, values, ints. */
BM_FUNCTION(behav_weights);
Datum
behav_weights(PG_FUNCTION_ARGS)
{
	BmVersion *v = arg_version(fcinfo, 0, 2);
	char *name = bm_arg_text_or_null(fcinfo, 1);
	BmParam params[3] = {bm_param_int8(v->model_id), bm_param_int(v->version), bm_param_text(name)};

	if (name)
		require_tensor(v, name);
	bm_srf_begin(fcinfo);
	bm_srf_query(fcinfo,
				 "SELECT name, dtype, shape, chunk_no, \"values\", ints FROM behavmine.tensor "
				 "WHERE model_id = $1 AND version = $2 AND ($3 IS NULL OR name = $3) "
				 "ORDER BY name, chunk_no",
				 3, params);
	return (Datum) 0;
}

/* ---- embeddings ---- */

static void
raise_no_embeddings(const BmVersion *v)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; bm_algorithms[i]; i++)
		if (bm_algorithms[i]->core && embeds_items(bm_algorithms[i]))
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", bm_algorithms[i]->name);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("version %d of model \"%s\" has no item embeddings", v->version, v->model),
			 errdetail("Its algorithm is \"%s\".", v->algorithm),
			 errhint("Train one of these algorithms: %s.", list.data)));
}

/* An item's key as text. */
static Datum
key_text(const BmDictView *items, uint32_t code)
{
	const char *key;

	if (items->kind == BM_KEY_INT)
		return bm_text_datum(psprintf(INT64_FORMAT, (int64) items->key[code]));
	key = items->blob + items->offset[code];
	return PointerGetDatum(
		cstring_to_text_with_len(key, (int) (items->offset[code + 1] - items->offset[code])));
}

static void
emit_embeddings(FunctionCallInfo fcinfo, const BmTensor *t, const BmDictView *items)
{
	size_t width = t->shape[1];
	MemoryContext row =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine row", ALLOCSET_DEFAULT_SIZES);

	for (uint32_t i = 0; i < items->n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(row);
		bool nulls[2] = {false, false};
		Datum values[2];

		values[0] = key_text(items, i);
		values[1] = bm_float4_array((const float *) t->data + i * width, width);
		bm_srf_row(fcinfo, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row);
		if (i % 4096 == 0)
			bm_interrupts();
	}
	MemoryContextDelete(row);
}

/*
 * behav_embeddings(model text, kind text, version int): id, embedding, most frequent item first.
 * The table may have a row more than there are items (padding); it is left out.
 */
BM_FUNCTION(behav_embeddings);
Datum
behav_embeddings(PG_FUNCTION_ARGS)
{
	BmVersion *v = arg_version(fcinfo, 0, 2);
	char *kind = bm_arg_text(fcinfo, 1, "kind"), *name;
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine embeddings", ALLOCSET_DEFAULT_SIZES);
	const BmAlgorithm *algorithm = find_part(v, embeds_items);
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmDict items;
	BmMem mem;

	if (strcmp(kind, "item") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"kind\" cannot be \"%s\"", kind),
						errdetail("Users are not stored: a recommendation is a function of the "
								  "user's history."),
						errhint("It can be 'item'.")));
	if (algorithm == NULL)
		raise_no_embeddings(v);
	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	name = psprintf("%s/%s", algorithm->name, algorithm->core->item_embedding);
	if (!bm_version_tensor(v, name, tensors, &items, &mem))
		bm_version_damaged(v, name, "it is missing");
	if (tensors->t[0].dtype != BM_F32 || tensors->t[0].ndim != 2 ||
		tensors->t[0].shape[0] < items.view.n)
		bm_version_damaged(v, name, "its shape is not (items, width)");
	emit_embeddings(fcinfo, &tensors->t[0], &items.view);
	MemoryContextDelete(context);
	return (Datum) 0;
}
