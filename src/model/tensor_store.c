/*
 * tensor_store.c
 *		Tensors and item codes between memory and the tables behavmine.tensor and behavmine.code.
 *
 * A tensor is stored row-major in chunks of BM_CHUNK_ELEMENTS elements, each a plain real[] or
 * integer[] with the CRC-32C of its bytes. What is read back is somebody's data: names, types,
 * shapes, chunk numbers, sizes, checksums and finiteness are verified before a byte is used.
 */
#include "pg/pg.h"

#include <errno.h>
#include <math.h>

#include "common/hashfn.h"
#include "port/pg_crc32c.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "model/query.h"
#include "model/tensor_store.h"

#define CODES_PER_INSERT 5000
#define CODES_PER_FETCH 10000
#define CHUNKS_PER_FETCH 8
#define MAX_CHUNK (1 << 24) /* elements that a stored chunk may claim */

/* ---- looking at tensors in memory ---- */

static size_t
tensor_count(const BmTensor *t)
{
	size_t n = bmc_tensor_count(t);

	if (n > SIZE_MAX / sizeof(float))
		elog(ERROR, "tensor \"%s\" has an impossible shape", t->name);
	return n;
}

/* Index of the first value that is no number, or n. An exponent of all ones is NaN or infinity. */
static size_t
first_not_finite(const void *data, size_t n)
{
	const uint32 *bits = data;

	for (size_t i = 0; i < n; i++)
		if ((bits[i] & 0x7F800000) == 0x7F800000)
			return i;
	return n;
}

void
bm_tensors_check_finite(const BmTensors *tensors)
{
	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];
		size_t n = tensor_count(t), bad;

		if (t->dtype != BM_F32 || (bad = first_not_finite(t->data, n)) == n)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("the trained weights are not finite"),
				 errdetail("Element %zu of %zu of tensor \"%s\" is %g.", bad + 1, n, t->name,
						   (double) ((const float *) t->data)[bad]),
				 errhint("Lower the learning rate, or look for extreme values in the "
						 "data.")));
	}
}

int64
bm_tensors_bytes(const BmTensors *tensors)
{
	size_t bytes = 0;

	for (int i = 0; i < tensors->n; i++)
		bytes = bmc_add(bytes, tensor_count(&tensors->t[i]) * sizeof(float));
	return (int64) Min(bytes, (size_t) PG_INT64_MAX);
}

/* Fold bytes of any length into h. */
static uint64
fold(uint64 h, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	do
	{
		size_t part = Min(bytes, (size_t) 1 << 20);

		h = hash_combine64(h, hash_bytes_extended(p, (int) part, h));
		p += part;
		bytes -= part;
		bm_interrupts();
	} while (bytes > 0);
	return h;
}

uint64
bm_tensors_fingerprint(const BmTensors *tensors, const BmDictView *items)
{
	uint64 h = 0x424D;

	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];

		h = fold(h, t->name, strlen(t->name));
		for (int d = 0; d < t->ndim; d++)
			h = hash_combine64(h, t->shape[d]);
		h = fold(hash_combine64(h, t->dtype), t->data, tensor_count(t) * sizeof(float));
	}
	if (items && items->kind == BM_KEY_INT)
		h = fold(h, items->key, items->n * sizeof(int64_t));
	else if (items)
	{
		h = fold(h, items->offset, (items->n + (size_t) 1) * sizeof(uint64_t));
		h = fold(h, items->blob, items->offset[items->n]);
	}
	return h;
}

static int64
chunk_crc(const void *data, size_t bytes)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, bytes);
	FIN_CRC32C(crc);
	return (int64) crc;
}

/* ---- writing ---- */

static SPIPlanPtr
prepare_tensor_insert(void)
{
	Oid types[] = {INT8OID,      INT4OID,        TEXTOID,      INT4OID, TEXTOID,
				   INT4ARRAYOID, FLOAT4ARRAYOID, INT4ARRAYOID, INT8OID};
	SPIPlanPtr plan =
		SPI_prepare("INSERT INTO behavmine.tensor (model_id, version, name, chunk_no, "
					"dtype, shape, \"values\", ints, crc) "
					"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
					lengthof(types), types);

	if (plan == NULL)
		elog(ERROR, "could not prepare to write tensors");
	return plan;
}

static void
insert_chunk(SPIPlanPtr plan, const BmVersion *v, const BmTensor *t, int chunk, const void *data,
			 size_t n)
{
	bool real = t->dtype == BM_F32;
	int32 shape[BM_MAX_DIMS];
	char nulls[] = "         ";
	Datum values[9];

	for (int d = 0; d < t->ndim; d++)
		shape[d] = (int32) t->shape[d];
	values[0] = Int64GetDatum(v->model_id);
	values[1] = Int32GetDatum(v->version);
	values[2] = bm_text_datum(t->name);
	values[3] = Int32GetDatum(chunk);
	values[4] = bm_text_datum(real ? "f32" : "i32");
	values[5] = bm_int4_array(shape, t->ndim);
	values[6] = real ? bm_float4_array(data, n) : (Datum) 0;
	values[7] = real ? (Datum) 0 : bm_int4_array(data, n);
	values[8] = Int64GetDatum(chunk_crc(data, n * sizeof(float)));
	nulls[real ? 7 : 6] = 'n';
	if (SPI_execute_plan(plan, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write tensor \"%s\"", t->name);
}

static void
check_shape(const BmTensor *t)
{
	for (int d = 0; d < t->ndim; d++)
		if (t->shape[d] > PG_INT32_MAX)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("tensor \"%s\" is too large", t->name),
							errdetail("A dimension has %zu elements; the limit is %d.", t->shape[d],
									  PG_INT32_MAX)));
}

void
bm_tensors_insert(const BmVersion *v, const BmTensors *tensors)
{
	SPIPlanPtr plan = prepare_tensor_insert();
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine chunk", ALLOCSET_DEFAULT_SIZES);
	double total = (double) bm_tensors_bytes(tensors), done = 0;

	for (int i = 0; i < tensors->n; i++)
	{
		const BmTensor *t = &tensors->t[i];
		size_t n = tensor_count(t), at = 0;
		int chunk = 0;

		check_shape(t);
		do /* an empty tensor is one empty chunk */
		{
			size_t part = Min(n - at, BM_CHUNK_ELEMENTS);
			MemoryContext old = MemoryContextSwitchTo(scratch);

			insert_chunk(plan, v, t, chunk++, (const char *) t->data + at * sizeof(float), part);
			MemoryContextSwitchTo(old);
			MemoryContextReset(scratch);
			at += part;
			done += part * sizeof(float);
			bm_progress_step(done, total, NAN, NULL, NAN);
			bm_interrupts();
		} while (at < n);
	}
	MemoryContextDelete(scratch);
	SPI_freeplan(plan);
}

static Datum
key_datum(const BmDictView *items, uint32_t code)
{
	const char *key;

	if (items->kind == BM_KEY_INT)
		return bm_text_datum(psprintf(INT64_FORMAT, (int64) items->key[code]));
	key = items->blob + items->offset[code];
	return PointerGetDatum(
		cstring_to_text_with_len(key, (int) (items->offset[code + 1] - items->offset[code])));
}

/* Rows of codes first .. first + n - 1. */
static void
insert_codes(const BmVersion *v, const BmDictView *items, const uint32_t *count, uint32_t first,
			 int n)
{
	Datum *keys = palloc(sizeof(Datum) * n), *counts = palloc(sizeof(Datum) * n);
	BmParam params[5] = {bm_param_int8(v->model_id), bm_param_int(v->version),
						 bm_param_int((int32) first)};

	for (int i = 0; i < n; i++)
	{
		keys[i] = key_datum(items, first + i);
		counts[i] = Int64GetDatum(count ? (int64) count[first + i] : 0);
	}
	params[3] = bm_param_datum(
		TEXTARRAYOID, PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT)));
	params[4] = bm_param_datum(INT8ARRAYOID,
							   PointerGetDatum(construct_array(counts, n, INT8OID, sizeof(int64),
															   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)));
	params[4].null = count == NULL;
	bm_write("INSERT INTO behavmine.code (model_id, version, kind, code, key, count) "
			 "SELECT $1, $2, 'item', $3 + u.place::int - 1, u.key, u.count "
			 "FROM ROWS FROM (pg_catalog.unnest($4), pg_catalog.unnest($5)) "
			 "WITH ORDINALITY AS u (key, count, place)",
			 5, params);
}

void
bm_items_insert(const BmVersion *v, const BmDictView *items, const uint32_t *count)
{
	MemoryContext scratch =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine codes", ALLOCSET_DEFAULT_SIZES);

	for (uint32_t first = 0; first < items->n; first += CODES_PER_INSERT)
	{
		MemoryContext old = MemoryContextSwitchTo(scratch);

		insert_codes(v, items, count, first, (int) Min(items->n - first, CODES_PER_INSERT));
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		bm_interrupts();
	}
	MemoryContextDelete(scratch);
}

/* ---- reading tensors ---- */

/* A tensor that is being put together from its chunks. */
typedef struct Reading
{
	const BmVersion *version;
	BmMem *mem;
	BmTensors *out;
	BmTensor tensor; /* name empty: none begun */
	char *data;
	size_t count, filled; /* elements */
	int64 chunks, next;   /* stored, and the number of the next */
	int64 bytes;          /* of all tensors so far */
} Reading;

/* One row of behavmine.tensor; payload still in the tuple. */
typedef struct Chunk
{
	const char *name, *dtype;
	ArrayType *shape;
	Datum payload;
	int number;
	int64 crc, siblings;
} Chunk;

static Datum
required(const Reading *r, HeapTuple row, int column, const char *name)
{
	bool null;
	Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &null);

	if (null)
		bm_version_damaged(r->version, name, "column %d is null", column);
	return value;
}

static Chunk
read_chunk(const Reading *r, HeapTuple row)
{
	Chunk c;

	c.name = TextDatumGetCString(required(r, row, 1, NULL));
	c.number = DatumGetInt32(required(r, row, 2, c.name));
	c.dtype = TextDatumGetCString(required(r, row, 3, c.name));
	c.shape = DatumGetArrayTypeP(required(r, row, 4, c.name));
	c.payload = required(r, row, c.dtype[0] == 'f' ? 5 : 6, c.name);
	c.crc = DatumGetInt64(required(r, row, 7, c.name));
	c.siblings = DatumGetInt64(required(r, row, 8, c.name));
	return c;
}

/* Type and shape of the chunk's tensor; count is the product of the shape. */
static void
parse_tensor(const Reading *r, const Chunk *c, BmTensor *t)
{
	int ndim = ARR_NDIM(c->shape) == 1 ? ARR_DIMS(c->shape)[0] : 0;
	const int32 *dim = (const int32 *) ARR_DATA_PTR(c->shape);

	memset(t, 0, sizeof(*t));
	if (strlen(c->name) == 0 || strlen(c->name) >= BM_TENSOR_NAME)
		bm_version_damaged(r->version, c->name, "its name has %zu bytes", strlen(c->name));
	strcpy(t->name, c->name);
	if (strcmp(c->dtype, "f32") != 0 && strcmp(c->dtype, "i32") != 0)
		bm_version_damaged(r->version, c->name, "its type is \"%s\"", c->dtype);
	t->dtype = c->dtype[0] == 'f' ? BM_F32 : BM_I32;
	if (ndim < 1 || ndim > BM_MAX_DIMS || ARR_HASNULL(c->shape))
		bm_version_damaged(r->version, c->name, "its shape is not an array of 1 to %d sizes",
						   BM_MAX_DIMS);
	t->ndim = ndim;
	for (int d = 0; d < ndim; d++)
	{
		if (dim[d] < 0)
			bm_version_damaged(r->version, c->name, "dimension %d of its shape is %d", d + 1,
							   dim[d]);
		t->shape[d] = (size_t) dim[d];
	}
}

static void
begin_tensor(Reading *r, const Chunk *c)
{
	parse_tensor(r, c, &r->tensor);
	r->count = bmc_tensor_count(&r->tensor);
	r->filled = 0;
	r->chunks = c->siblings;
	r->next = 0;
	if (r->out->n >= BM_MAX_TENSORS)
		bm_version_damaged(r->version, c->name, "it is one of more than %d tensors",
						   BM_MAX_TENSORS);
	/* before memory is taken: could the stored chunks fill this shape at all? */
	if (c->siblings > PG_INT32_MAX || r->count > (size_t) c->siblings * MAX_CHUNK)
		bm_version_damaged(r->version, c->name,
						   "its shape asks for %zu elements, %lld %s cannot "
						   "hold them",
						   r->count, (long long) c->siblings,
						   c->siblings == 1 ? "chunk" : "chunks");
	r->data = bmc_alloc(r->mem, Max(r->count, 1), sizeof(float));
	if (r->data == NULL)
		bm_check(
			BM_ENOMEM,
			psprintf("load version %d of model \"%s\"", r->version->version, r->version->model),
			NULL);
}

static void
end_tensor(Reading *r)
{
	if (r->tensor.name[0] == '\0')
		return;
	if (r->filled != r->count || r->next != r->chunks)
		bm_version_damaged(r->version, r->tensor.name,
						   "its shape asks for %zu elements, its chunks hold %zu", r->count,
						   r->filled);
	r->bytes += (int64) (r->count * sizeof(float));
	if (!bmc_tensors_add(r->out, NULL, r->tensor.name, r->tensor.dtype, r->data, r->tensor.ndim,
						 r->tensor.shape))
		bm_version_damaged(r->version, r->tensor.name, "there is no room for it");
	r->tensor.name[0] = '\0';
}

static void
check_same_tensor(const Reading *r, const Chunk *c)
{
	BmTensor t;

	parse_tensor(r, c, &t);
	if (t.dtype != r->tensor.dtype || t.ndim != r->tensor.ndim ||
		memcmp(t.shape, r->tensor.shape, sizeof(t.shape)) != 0)
		bm_version_damaged(r->version, c->name, "chunk %d has another type or shape than chunk 0",
						   c->number);
}

/* Verify the chunk's payload and copy it to its place. */
static void
append_payload(Reading *r, const Chunk *c)
{
	ArrayType *array = DatumGetArrayTypeP(c->payload);
	bool empty = ARR_NDIM(array) == 0;
	size_t n = empty ? 0 : (size_t) ARR_DIMS(array)[0], bytes = n * sizeof(float);
	const char *data = ARR_DATA_PTR(array);

	if (c->number != r->next)
		bm_version_damaged(r->version, c->name, "chunk %lld is missing", (long long) r->next);
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
		bm_version_damaged(r->version, c->name, "chunk %d is not a plain array", c->number);
	if (n > MAX_CHUNK || n > r->count - r->filled || (n == 0 && r->count > 0))
		bm_version_damaged(r->version, c->name, "chunk %d has %zu elements, its shape leaves %zu",
						   c->number, n, r->count - r->filled);
	if (chunk_crc(data, bytes) != c->crc)
		bm_version_damaged(r->version, c->name, "chunk %d has another checksum than stored",
						   c->number);
	if (r->tensor.dtype == BM_F32 && first_not_finite(data, n) < n)
		bm_version_damaged(r->version, c->name, "chunk %d holds a value that is not finite",
						   c->number);
	memcpy(r->data + r->filled * sizeof(float), data, bytes);
	r->filled += n;
	r->next++;
}

static void
take_row(Reading *r, HeapTuple row)
{
	Chunk c = read_chunk(r, row);

	if (strcmp(c.name, r->tensor.name) != 0)
	{
		end_tensor(r);
		begin_tensor(r, &c);
	}
	else
		check_same_tensor(r, &c);
	append_payload(r, &c);
}

/* All tensors of the version, or the one of that name. Their bytes. */
static int64
read_tensors(const BmVersion *v, const char *name, BmTensors *out, BmMem *mem)
{
	Reading r = {.version = v, .mem = mem, .out = out};
	Oid types[] = {INT8OID, INT4OID, TEXTOID};
	Datum values[] = {Int64GetDatum(v->model_id), Int32GetDatum(v->version),
					  name ? bm_text_datum(name) : (Datum) 0};
	MemoryContext scratch;
	Portal portal;

	out->n = 0;
	SPI_connect();
	scratch =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine chunk", ALLOCSET_DEFAULT_SIZES);
	portal = SPI_cursor_open_with_args(
		NULL,
		name ? "SELECT t.name, t.chunk_no, t.dtype, t.shape, t.\"values\", t.ints, t.crc, "
			   "pg_catalog.count(*) OVER () FROM behavmine.tensor t WHERE t.model_id "
			   "OPERATOR(pg_catalog.=) $1 "
			   "AND t.version OPERATOR(pg_catalog.=) $2 AND t.name OPERATOR(pg_catalog.=) $3 ORDER "
			   "BY t.chunk_no"
			 : "SELECT t.name, t.chunk_no, t.dtype, t.shape, t.\"values\", t.ints, t.crc, s.chunks "
			   "FROM behavmine.tensor t JOIN (SELECT n.name, pg_catalog.count(*) AS chunks "
			   "FROM behavmine.tensor n WHERE n.model_id OPERATOR(pg_catalog.=) $1 AND n.version "
			   "OPERATOR(pg_catalog.=) $2 "
			   "GROUP BY n.name) s ON s.name OPERATOR(pg_catalog.=) t.name "
			   "WHERE t.model_id OPERATOR(pg_catalog.=) $1 AND t.version OPERATOR(pg_catalog.=) $2 "
			   "ORDER BY t.name, t.chunk_no",
		name ? 3 : 2, types, values, NULL, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, CHUNKS_PER_FETCH);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(scratch);

			take_row(&r, SPI_tuptable->vals[i]);
			MemoryContextSwitchTo(old);
			MemoryContextReset(scratch);
		}
		SPI_freetuptable(SPI_tuptable);
		bm_interrupts();
	}
	end_tensor(&r);
	SPI_cursor_close(portal);
	SPI_finish();
	return r.bytes;
}

/* ---- reading codes ---- */

/* A decimal key as bigint; false when it is none. */
static bool
parse_key(const char *s, int64 *key)
{
	char *end;

	errno = 0;
	*key = strtoll(s, &end, 10);
	return errno == 0 && end != s && *end == '\0';
}

static void
put_code(const BmVersion *v, BmDict *items, int64 code, const char *key)
{
	BmStatus status;
	uint32_t got;
	int64 number;

	if (key == NULL || code != items->view.n)
		bm_version_damaged(v, NULL, "item code %lld is missing", (long long) items->view.n);
	if (items->view.kind == BM_KEY_BYTES)
		status = bmc_dict_put_bytes(items, key, strlen(key), &got);
	else if (parse_key(key, &number))
		status = bmc_dict_put_int(items, number, &got);
	else
		bm_version_damaged(v, NULL, "the key of item code %lld is no integer", (long long) code);
	bm_check(status, psprintf("load the items of model \"%s\"", v->model), NULL);
	if (got != code)
		bm_version_damaged(v, NULL, "item codes %u and %lld have the same key", got,
						   (long long) code);
}

static void
read_items(const BmVersion *v, BmDict *items, BmMem *mem)
{
	Oid types[] = {INT8OID, INT4OID};
	Datum values[] = {Int64GetDatum(v->model_id), Int32GetDatum(v->version)};
	BmKeyKind kind = bm_version_flag(v, "item_int") ? BM_KEY_INT : BM_KEY_BYTES;
	MemoryContext scratch;
	Portal portal;

	bm_check(bmc_dict_init(items, kind, mem), psprintf("load the items of model \"%s\"", v->model),
			 NULL);
	SPI_connect();
	scratch =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine codes", ALLOCSET_DEFAULT_SIZES);
	portal = SPI_cursor_open_with_args(
		NULL,
		"SELECT code, key FROM behavmine.code WHERE model_id OPERATOR(pg_catalog.=) $1 "
		"AND version OPERATOR(pg_catalog.=) $2 AND kind OPERATOR(pg_catalog.=) 'item' ORDER BY "
		"code",
		2, types, values, NULL, true, 0);
	for (;;)
	{
		MemoryContext old;

		SPI_cursor_fetch(portal, true, CODES_PER_FETCH);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(scratch);
		for (uint64 i = 0; i < SPI_processed; i++)
			put_code(v, items, bm_row_int8(i, 1), bm_row_text(i, 2, scratch));
		MemoryContextSwitchTo(old);
		MemoryContextReset(scratch);
		SPI_freetuptable(SPI_tuptable);
		bm_interrupts();
	}
	SPI_cursor_close(portal);
	SPI_finish();
	if (items->view.n != v->items)
		bm_version_damaged(v, NULL, "it has %u item codes, it was saved with %lld", items->view.n,
						   (long long) v->items);
}

/* ---- the interface ---- */

void
bm_version_tensors(const BmVersion *v, BmTensors *out, BmDict *items, BmMem *mem)
{
	int64 bytes = read_tensors(v, NULL, out, mem);

	if (bytes != v->bytes)
		bm_version_damaged(v, NULL, "its tensors have %lld bytes, it was saved with %lld",
						   (long long) bytes, (long long) v->bytes);
	if (items)
		read_items(v, items, mem);
}

bool
bm_version_tensor(const BmVersion *v, const char *name, BmTensors *out, BmDict *items, BmMem *mem)
{
	read_tensors(v, name, out, mem);
	if (items)
		read_items(v, items, mem);
	return out->n == 1;
}
