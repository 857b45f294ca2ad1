/*
 * version.c
 *		A trained version: its row, its tensors and its codes, written once and never changed.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "model/tensor_store.h"

void
bm_version_damaged(const BmVersion *v, const char *tensor, const char *fmt, ...)
{
	StringInfoData what;
	va_list args;
	int more;

	initStringInfo(&what);
	do
	{
		va_start(args, fmt);
		more = appendStringInfoVA(&what, fmt, args);
		va_end(args);
		if (more)
			enlargeStringInfo(&what, more);
	} while (more);
	if (v->version == 0) /* not ours yet: it is being imported */
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the imported version cannot be used"),
						errdetail("%s%s%s%s.", tensor ? "Tensor \"" : "", tensor ? tensor : "",
								  tensor ? "\": " : "It is not what was saved: ", what.data)));
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
					tensor ? errmsg("tensor \"%s\" of version %d of model \"%s\" is damaged",
									tensor, v->version, v->model)
						   : errmsg("version %d of model \"%s\" is damaged", v->version, v->model),
					errdetail("The stored data is not what was saved: %s.", what.data),
					errhint("Go back with SELECT behav_rollback(%s), or train again.",
							quote_literal_cstr(v->model))));
}

bool
bm_version_flag(const BmVersion *v, const char *key)
{
	JsonbValue *value = NULL;

	if (v->encoder && JB_ROOT_IS_OBJECT(v->encoder))
		value = getKeyJsonValueFromContainer(&v->encoder->root, key, strlen(key), NULL);
	return value && value->type == jbvBool && value->val.boolean;
}

/* ---- saving ---- */

bool
bm_version_bindable(const BmVersion *v)
{
	return v->task == NULL || strcmp(v->task, "recommend") == 0 || strcmp(v->task, "predict") == 0;
}

/* 42710 when the name is taken: by a model of the caller's with another task, or by another role's. */
static void
raise_name_taken(const BmVersion *v, const char *task)
{
	BmParam name = bm_param_text(v->model);
	char *other = NULL;

	if (bm_read("SELECT task FROM behavmine.model WHERE name = $1", 1, &name) == 1)
		other = bm_row_text(0, 1, CurrentMemoryContext);
	if (other && strcmp(other, task) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("model \"%s\" is for another task", v->model),
				 errdetail("Its task is \"%s\", that of the new version is \"%s\".", other, task),
				 errhint("Choose another name for your model.")));
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("model \"%s\" belongs to another role", v->model),
					errhint("Choose another name for your model.")));
}

/* The model's id and its next version number, the model made when it is new. */
static void
claim_number(BmVersion *v)
{
	const BmAlgorithm *algorithm = bm_algorithm_or_null(v->algorithm);
	const char *task = v->task ? v->task : algorithm ? algorithm->task : "recommend";
	BmParam params[3] = {bm_param_text(v->model), bm_param_text(v->source), bm_param_text(task)};

	/* what is deployed goes on reading its own source; bm_deploy changes it */
	if (bm_write("UPDATE behavmine.model m SET last_version = last_version + 1, source = CASE WHEN "
				 "EXISTS (SELECT 1 FROM behavmine.deployment d WHERE d.model_id = m.model_id "
				 "AND d.undone_at IS NULL) THEN source ELSE $2 END "
				 "WHERE name = $1 AND task = $3 RETURNING model_id, last_version",
				 3, params) == 0 &&
		bm_write("INSERT INTO behavmine.model (name, source, task, last_version) "
				 "VALUES ($1, $2, $3, 1) ON CONFLICT (name) DO NOTHING "
				 "RETURNING model_id, last_version",
				 3, params) == 0)
		raise_name_taken(v, task);
	v->model_id = bm_row_int8(0, 1);
	v->version = (int) bm_row_int8(0, 2);
}

static void
insert_version(const BmVersion *v)
{
	BmParam params[] = {bm_param_int8(v->model_id),
						bm_param_int(v->version),
						bm_param_text(v->algorithm),
						bm_param_jsonb(v->options),
						bm_param_jsonb(v->encoder),
						bm_param_int8(v->seed),
						bm_param_int8(v->rows),
						bm_param_int8(v->users),
						bm_param_int8(v->items),
						bm_param_int8(v->bytes),
						bm_param_int(v->epochs),
						bm_param_float8(v->seconds),
						bm_param_text(v->metric),
						bm_param_float8(v->value),
						bm_param_float8(v->baseline),
						bm_param_jsonb(v->metrics),
						bm_param_jsonb(v->history),
						bm_param_jsonb(v->cleaning),
						bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(v->watermark)),
						bm_param_int8((int64) v->fingerprint),
						bm_param_int(v->parent)};

	params[18].null = v->watermark == 0; /* unknown */
	bm_write("INSERT INTO behavmine.version (model_id, version, algorithm, options, encoder, seed, "
			 "rows, users, items, bytes, epochs, seconds, metric, value, baseline, metrics, "
			 "history, cleaning, watermark, fingerprint, parent) "
			 "VALUES ($1, $2, $3, coalesce($4, '{}'), coalesce($5, '{}'), $6, $7, $8, $9, $10, "
			 "$11, $12, $13, $14, $15, coalesce($16, '{}'), coalesce($17, '[]'), "
			 "coalesce($18, '{}'), $19, $20, nullif($21, 0))",
			 lengthof(params), params);
}

void
bm_version_save(BmVersion *v, const BmTensors *tensors, const BmDictView *items,
				const uint32_t *item_count)
{
	bm_tensors_check_finite(tensors);
	v->bytes = bm_tensors_bytes(tensors);
	v->fingerprint = bm_tensors_fingerprint(tensors, items);
	if (items)
		v->items = items->n;
	SPI_connect();
	claim_number(v);
	insert_version(v);
	bm_tensors_insert(v, tensors);
	if (items)
		bm_items_insert(v, items, item_count);
	SPI_finish();
}

void
bm_version_prune(int64 model_id, int keep)
{
	BmParam params[2] = {bm_param_int8(model_id), bm_param_int(keep)};

	SPI_connect();
	bm_write("DELETE FROM behavmine.version WHERE model_id = $1 AND version IN ("
			 "SELECT v.version FROM behavmine.version v WHERE v.model_id = $1 "
			 "AND v.version IS DISTINCT FROM (SELECT d.version FROM behavmine.deployment d "
			 "WHERE d.model_id = $1 AND d.undone_at IS NULL "
			 "ORDER BY d.deployment_id DESC LIMIT 1) "
			 "ORDER BY v.version DESC OFFSET $2)",
			 2, params);
	SPI_finish();
}

/* ---- loading ---- */

static void
raise_not_deployed(const char *model)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("no version of model \"%s\" is deployed", model),
			 errhint("SELECT behav_deploy(%s, <version>); the versions are in behav_versions.",
					 quote_literal_cstr(model))));
}

static void
raise_no_version(const char *model, int64 model_id, int version)
{
	BmParam id = bm_param_int8(model_id);
	char *list = NULL;

	if (bm_read("SELECT pg_catalog.string_agg(version::text, ', ' ORDER BY version) "
				"FROM behavmine.version WHERE model_id = $1",
				1, &id) == 1)
		list = bm_row_text(0, 1, CurrentMemoryContext);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %d of model \"%s\" does not exist", version, model),
			 list ? errdetail("Its versions are %s.", list) : errdetail("It has no version."),
			 errhint("SELECT * FROM behav_versions WHERE model = %s", quote_literal_cstr(model))));
}

/* The current row of the last query as a BmVersion in context. */
static BmVersion *
version_of_row(MemoryContext context)
{
	BmVersion *v = MemoryContextAllocZero(context, sizeof(BmVersion));

	v->model_id = bm_row_int8(0, 1);
	v->model = bm_row_text(0, 2, context);
	v->owner = bm_row_text(0, 3, context);
	v->source = bm_row_text(0, 4, context);
	v->version = (int) bm_row_int8(0, 5);
	v->algorithm = bm_row_text(0, 6, context);
	v->options = bm_row_jsonb(0, 7, context);
	v->encoder = bm_row_jsonb(0, 8, context);
	v->seed = bm_row_int8(0, 9);
	v->rows = bm_row_int8(0, 10);
	v->users = bm_row_int8(0, 11);
	v->items = bm_row_int8(0, 12);
	v->bytes = bm_row_int8(0, 13);
	v->epochs = (int) bm_row_int8(0, 14);
	v->seconds = bm_row_float8(0, 15);
	v->metric = bm_row_text(0, 16, context);
	v->value = bm_row_float8(0, 17);
	v->baseline = bm_row_float8(0, 18);
	v->metrics = bm_row_jsonb(0, 19, context);
	v->history = bm_row_jsonb(0, 20, context);
	v->cleaning = bm_row_jsonb(0, 21, context);
	v->watermark = (TimestampTz) bm_row_int8(0, 22);
	v->fingerprint = (uint64) bm_row_int8(0, 23);
	v->task = bm_row_text(0, 24, context);
	return v;
}

BmVersion *
bm_version_of_json(const char *json)
{
	MemoryContext context = CurrentMemoryContext;
	BmParam param = bm_param_text(json);
	BmVersion *v;

	SPI_connect();
	bm_read("SELECT 0, NULL::text, NULL::text, v.source, 0, v.algorithm, v.options, v.encoder, "
			"v.seed, v.rows, v.users, v.items, v.bytes, v.epochs, v.seconds, v.metric, v.value, "
			"v.baseline, v.metrics, v.history, v.cleaning, v.watermark, 0, v.task, v.encoding "
			"FROM jsonb_to_record($1::jsonb) AS v (source text, algorithm text, options jsonb, "
			"encoder jsonb, seed int8, rows int8, users int8, items int8, bytes int8, epochs int, "
			"seconds float8, metric text, value float8, baseline float8, metrics jsonb, "
			"history jsonb, cleaning jsonb, watermark timestamptz, task text, encoding text)",
			1, &param);
	v = version_of_row(context);
	if (v->algorithm == NULL ||
		(bm_version_bindable(v) && bm_algorithm_or_null(v->algorithm) == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("this library has no algorithm \"%s\"", v->algorithm ? v->algorithm : ""),
				 errhint("Import with the version of behavmine that exported it.")));
	if (strcmp(bm_row_text(0, 25, context) ?: "", GetDatabaseEncodingName()) != 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("the version comes from a database with another encoding"),
						errdetail("Here it is %s.", GetDatabaseEncodingName())));
	SPI_finish();
	return v;
}

BmVersion *
bm_version_load(const char *model, int version)
{
	MemoryContext context = CurrentMemoryContext;
	int64 id = bm_model_id(model, false);
	BmParam params[2] = {bm_param_int8(id)};
	BmVersion *v;

	if (version == 0)
		version = bm_deployed_version(id);
	if (version == 0)
		raise_not_deployed(model);
	params[1] = bm_param_int(version);
	SPI_connect();
	if (bm_read("SELECT m.model_id, m.name, m.owner, "
				"coalesce(v.encoder->>'source', m.source), v.version, v.algorithm, v.options, "
				"v.encoder, "
				" v.seed, v.rows, v.users, v.items, v.bytes, v.epochs, v.seconds, "
				"v.metric, v.value, v.baseline, v.metrics, v.history, v.cleaning, v.watermark, "
				"v.fingerprint, m.task FROM behavmine.version v JOIN behavmine.model m "
				"ON m.model_id = v.model_id WHERE v.model_id = $1 AND v.version = $2",
				2, params) == 0)
		raise_no_version(model, id, version);
	v = version_of_row(context);
	SPI_finish();
	return v;
}
