/*
 * export.c
 *		A version as one value, and back: behav_export (safetensors, ONNX), behav_import (safetensors).
 */
#include "pg/pg.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "model/bound.h"
#include "model/onnx.h"
#include "model/query.h"
#include "model/safetensors.h"

/* ---- export ---- */

static void
add_entry(BmFile *file, const char *name, const char *dtype, int ndim, const size_t *shape,
		  const void *data)
{
	BmFileEntry *e = &file->entry[file->n++];
	size_t count = 1;

	strlcpy(e->name, name, sizeof(e->name));
	strlcpy(e->dtype, dtype, sizeof(e->dtype));
	e->ndim = ndim;
	for (int d = 0; d < ndim; d++)
		count *= e->shape[d] = shape[d];
	e->data = data;
	e->bytes = count * bm_file_width(dtype);
}

static void
add_items(BmFile *file, const BmDictView *items)
{
	size_t n = items->n, offsets = n + 1, blob;

	if (items->kind == BM_KEY_INT)
	{
		add_entry(file, "item.key", "I64", 1, &n, items->key);
		return;
	}
	blob = items->offset[n];
	add_entry(file, "item.offset", "I64", 1, &offsets, items->offset);
	add_entry(file, "item.blob", "U8", 1, &blob, items->blob);
}

/* The version's row as JSON. */
static char *
row_json(const BmVersion *v)
{
	BmParam params[2] = {bm_param_int8(v->model_id), bm_param_int(v->version)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	SPI_connect();
	bm_read("SELECT (to_jsonb(v) - "
			"'{model_id,version,fingerprint,parent,trained_at,trained_by}'::text[] "
			"|| jsonb_build_object('source', m.source, 'task', m.task, 'encoding', "
			"getdatabaseencoding()))::text "
			"FROM behavmine.version v JOIN behavmine.model m ON m.model_id = v.model_id "
			"WHERE v.model_id = $1 AND v.version = $2",
			2, params);
	json = bm_row_text(0, 1, context);
	SPI_finish();
	return json;
}

/* Events of every item at its training. */
static void
add_counts(BmFile *file, const BmVersion *v)
{
	BmParam params[2] = {bm_param_int8(v->model_id), bm_param_int(v->version)};
	size_t n = (size_t) v->items;
	int64 *count = palloc0(sizeof(int64) * Max(n, 1));

	SPI_connect();
	if (bm_read(
			"SELECT coalesce(count, 0) FROM behavmine.code WHERE model_id = $1 AND version = $2 "
			"AND kind = 'item' ORDER BY code",
			2, params) == n)
		for (size_t i = 0; i < n; i++)
			count[i] = bm_row_int8(i, 1);
	SPI_finish();
	if (n > 0)
		add_entry(file, "item.count", "I64", 1, &n, count);
}

static bytea *
export_safetensors(const BmVersion *v, BmMem *mem)
{
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmFile *file = palloc0(sizeof(BmFile));
	BmDict items = {0};

	bm_version_tensors(v, tensors, v->items > 0 ? &items : NULL, mem);
	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];

		add_entry(file, t->name, t->dtype == BM_F32 ? "F32" : "I32", t->ndim, t->shape, t->data);
	}
	if (v->items > 0)
		add_items(file, &items.view);
	file->metadata = row_json(v);
	add_counts(file, v);
	return bm_file_write(file);
}

/* Keys of the items in the order of their codes as a JSON array, in UTF-8; NULL: there are none. */
static char *
items_json(const BmVersion *v)
{
	BmParam params[2] = {bm_param_int8(v->model_id), bm_param_int(v->version)};
	MemoryContext context = CurrentMemoryContext;
	char *json;

	SPI_connect();
	bm_read("SELECT jsonb_agg(key ORDER BY code)::text FROM behavmine.code "
			"WHERE model_id = $1 AND version = $2 AND kind = 'item'",
			2, params);
	json = bm_row_text(0, 1, context);
	SPI_finish();
	return json ? pg_server_to_any(json, strlen(json), PG_UTF8) : NULL;
}

static bytea *
export_onnx(const BmVersion *v, BmMem *mem)
{
	BmModel *model = bm_model_load(v->model, v->version, mem, CurrentMemoryContext);
	char *row = row_json(v);

	return bm_onnx_write(model, pg_server_to_any(row, strlen(row), PG_UTF8), items_json(v));
}

/* behav_export(model text, format text, version int): the version as one value. */
BM_FUNCTION(behav_export);
Datum
behav_export(PG_FUNCTION_ARGS)
{
	char *name = bm_arg_text(fcinfo, 0, "model"), *format = bm_arg_text(fcinfo, 1, "format");
	bool onnx = strcmp(format, "onnx") == 0;
	BmVersion *v;
	BmMem mem;

	if (!onnx && strcmp(format, "safetensors") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"format\" cannot be \"%s\"", format),
						errhint("It is safetensors or onnx.")));
	v = bm_version_load(name, (int) bm_arg_range_or(fcinfo, 2, "version", 1, PG_INT32_MAX, 0));
	bm_mem_init(&mem, CurrentMemoryContext);
	bm_check_memory(&mem, (size_t) v->bytes * 3, "exporting a version",
					"Raise behavmine.max_memory, or take tensor by tensor from behav_weights().");
	PG_RETURN_BYTEA_P(onnx ? export_onnx(v, &mem) : export_safetensors(v, &mem));
}

/* ---- import ---- */

pg_attribute_noreturn() static void bad_items(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"data\" has no usable list of items")));
}

static void
put_text_items(BmDict *items, const BmFile *file)
{
	const BmFileEntry *offset = bm_file_find(file, "item.offset", "I64", 1);
	const BmFileEntry *blob = bm_file_find(file, "item.blob", "U8", 1);
	const int64 *at;
	uint32_t code;

	if (offset == NULL || blob == NULL || offset->shape[0] == 0)
		bad_items();
	at = offset->data;
	for (size_t i = 0; i + 1 < offset->shape[0]; i++)
	{
		if (at[i] < 0 || at[i] > at[i + 1] || at[i + 1] > (int64) blob->bytes ||
			memchr((const char *) blob->data + at[i], 0, at[i + 1] - at[i]))
			bad_items();
		pg_verifymbstr((const char *) blob->data + at[i], (int) (at[i + 1] - at[i]), false);
		bm_check(bmc_dict_put_bytes(items, (const char *) blob->data + at[i],
									(size_t) (at[i + 1] - at[i]), &code),
				 "read the items", NULL);
		if (code != i)
			bad_items();
	}
}

static void
put_int_items(BmDict *items, const BmFileEntry *key)
{
	uint32_t code;

	for (size_t i = 0; i < key->shape[0]; i++)
	{
		bm_check(bmc_dict_put_int(items, ((const int64 *) key->data)[i], &code), "read the items",
				 NULL);
		if (code != i)
			bad_items();
	}
}

/* The dictionary of the file in items, which stays empty where the version knows no items. */
static void
read_items(BmDict *items, const BmFile *file, const BmVersion *v, BmMem *mem)
{
	const BmFileEntry *key = bm_file_find(file, "item.key", "I64", 1);

	if (v->items == 0)
		return;
	bm_check(bmc_dict_init(items, bm_version_flag(v, "item_int") ? BM_KEY_INT : BM_KEY_BYTES, mem),
			 "read the items", NULL);
	if (items->view.kind == BM_KEY_BYTES)
		put_text_items(items, file);
	else if (key)
		put_int_items(items, key);
	if (items->view.n != v->items)
		bad_items();
}

static uint32_t *
read_counts(const BmFile *file, const BmDict *items)
{
	const BmFileEntry *e = bm_file_find(file, "item.count", "I64", 1);
	uint32_t *count = palloc0(sizeof(uint32_t) * Max(items->view.n, 1));

	if (e == NULL || e->shape[0] != items->view.n)
		bad_items();
	for (uint32_t i = 0; i < items->view.n; i++)
		count[i] = (uint32_t) Min(Max(((const int64 *) e->data)[i], 0), PG_UINT32_MAX);
	return count;
}

static void
read_tensors(BmTensors *tensors, const BmFile *file)
{
	for (int i = 0; i < file->n; i++)
	{
		const BmFileEntry *e = &file->entry[i];

		if (strncmp(e->name, "item.", 5) == 0)
			continue;
		if (strcmp(e->dtype, "F32") != 0 && strcmp(e->dtype, "I32") != 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("tensor \"%s\" has type %s", e->name, e->dtype),
							errdetail("Tensors of a model are F32 or I32.")));
		if (!bmc_tensors_add(tensors, NULL, e->name, e->dtype[0] == 'F' ? BM_F32 : BM_I32, e->data,
							 e->ndim, e->shape))
			elog(ERROR, "too many tensors in one version");
	}
}

/* What a wrong algorithm or shape would break later breaks here, before anything is written. */
static void
check_binds(BmVersion *v, const BmTensors *tensors, const BmDict *items)
{
	BmModel *model = palloc0(sizeof(BmModel));

	model->context = CurrentMemoryContext;
	model->version = v;
	model->items = items->view;
	bm_model_bind(model, tensors);
}

/* 55000 when the model exists and is trained on another source. */
static void
check_source(const BmVersion *v)
{
	BmParam params[2] = {bm_param_text(v->model), bm_param_text(v->source)};
	char *other = NULL;

	SPI_connect();
	if (bm_read("SELECT coalesce(source, '') FROM behavmine.model WHERE name = $1 "
				"AND source IS DISTINCT FROM $2",
				2, params) == 1)
	{
		other = bm_row_text(0, 1, CurrentMemoryContext);
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" is trained on source \"%s\"", v->model, other),
						errdetail("The version in \"data\" was trained on source \"%s\".",
								  v->source ? v->source : ""),
						errhint("Give it another name, a model of its own.")));
	}
	SPI_finish();
}

/* behav_import(model text, data bytea, deploy boolean): number of the new version. */
BM_FUNCTION(behav_import);
Datum
behav_import(PG_FUNCTION_ARGS)
{
	char *name = bm_arg_text(fcinfo, 0, "model"), *data;
	BmFile *file;
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmDict items = {0};
	BmVersion *v;
	bytea *raw;
	size_t size;
	BmMem mem;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("\"data\" is null"),
						errhint("It is what behav_export answered.")));
	bm_mem_init(&mem, CurrentMemoryContext);
	raw = PG_GETARG_BYTEA_PP(1);
	size = VARSIZE_ANY_EXHDR(raw);
	/* the arrays are used where they lie, and must lie on multiples of 8 */
	data = (char *) MAXALIGN(bmc_alloc(&mem, size + 16, 1));
	memcpy(data, VARDATA_ANY(raw), size);
	file = bm_file_read(data, size);
	v = bm_version_of_json(file->metadata);
	v->model = name;
	check_source(v);
	read_tensors(tensors, file);
	read_items(&items, file, v, &mem);
	if (bm_version_bindable(v))
		check_binds(v, tensors, &items);
	bm_model_lock(name);
	bm_version_save(v, tensors, v->items > 0 ? &items.view : NULL,
					v->items > 0 ? read_counts(file, &items) : NULL);
	if (bm_arg_bool_or(fcinfo, 2, false))
		bm_deploy(v->model_id, v->version);
	PG_RETURN_INT32(v->version);
}
