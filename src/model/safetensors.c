/*
 * safetensors.c
 *		Writing and reading the safetensors format.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "port/pg_crc32c.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "model/safetensors.h"

#define MAX_HEADER (100 * 1024 * 1024) /* as in the reference implementation */

size_t
bm_file_width(const char *dtype)
{
	static const struct
	{
		const char *name;
		size_t bytes;
	} types[] = {{"F32", 4}, {"I32", 4}, {"I64", 8}, {"U8", 1}};

	for (int i = 0; i < lengthof(types); i++)
		if (strcmp(dtype, types[i].name) == 0)
			return types[i].bytes;
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const BmFileEntry *x = a, *y = b;
	size_t wx = bm_file_width(x->dtype), wy = bm_file_width(y->dtype);

	return wx != wy ? (wx > wy ? -1 : 1) : strcmp(x->name, y->name);
}

static uint32
checksum(const char *data, size_t bytes)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, bytes);
	FIN_CRC32C(crc);
	return crc;
}

/* ---- writing ---- */

static void
append_utf8(StringInfo s, const char *text)
{
	appendStringInfoString(s, pg_server_to_any(text, (int) strlen(text), PG_UTF8));
}

static void
append_entry(StringInfo s, const BmFileEntry *e, size_t at)
{
	appendStringInfoChar(s, ',');
	escape_json(s, e->name);
	appendStringInfo(s, ":{\"dtype\":\"%s\",\"shape\":[", e->dtype);
	for (int d = 0; d < e->ndim; d++)
		appendStringInfo(s, "%s%zu", d ? "," : "", e->shape[d]);
	appendStringInfo(s, "],\"data_offsets\":[%zu,%zu]}", at, at + e->bytes);
}

static void
build_header(StringInfo s, const BmFile *file, uint32 crc)
{
	StringInfoData escaped;
	size_t at = 0;

	initStringInfo(&escaped);
	escape_json(&escaped, file->metadata);
	appendStringInfo(s, "{\"__metadata__\":{\"format\":\"behavmine %d\",\"crc32c\":\"%08x\",",
					 BM_FILE_FORMAT, crc);
	appendStringInfoString(s, "\"version\":");
	append_utf8(s, escaped.data);
	appendStringInfoChar(s, '}');
	for (int i = 0; i < file->n; i++)
	{
		append_entry(s, &file->entry[i], at);
		at += file->entry[i].bytes;
	}
	appendStringInfoChar(s, '}');
	while (s->len % 8 != 0)
		appendStringInfoChar(s, ' ');
}

static size_t
data_bytes(const BmFile *file)
{
	size_t bytes = 0;

	for (int i = 0; i < file->n; i++)
		bytes = bmc_add(bytes, file->entry[i].bytes);
	if (bytes > MaxAllocSize - MAX_HEADER)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the version is too large to be exported as one value"),
				 errdetail("Its tensors and items have %zu bytes; the limit is %zu.", bytes,
						   (size_t) (MaxAllocSize - MAX_HEADER)),
				 errhint("Take it in parts: COPY (SELECT * FROM behav_weights(...)) TO ...")));
	return bytes;
}

bytea *
bm_file_write(BmFile *file)
{
	size_t bytes = data_bytes(file), at = VARHDRSZ + 8;
	char *data = palloc(Max(bytes, 1)), *out;
	StringInfoData header;

	qsort(file->entry, file->n, sizeof(BmFileEntry), compare_entries);
	for (size_t i = 0, to = 0; i < file->n; i++)
	{
		memcpy(data + to, file->entry[i].data, file->entry[i].bytes);
		to += file->entry[i].bytes;
		bm_interrupts();
	}
	initStringInfo(&header);
	build_header(&header, file, checksum(data, bytes));
	out = palloc(at + header.len + bytes);
	for (int b = 0; b < 8; b++)
		out[VARHDRSZ + b] = (char) ((uint64) header.len >> (8 * b));
	memcpy(out + at, header.data, header.len);
	memcpy(out + at + header.len, data, bytes);
	SET_VARSIZE(out, at + header.len + bytes);
	pfree(data);
	return (bytea *) out;
}

/* ---- reading ---- */

pg_attribute_noreturn() pg_attribute_printf(1, 2) static void bad_file(const char *fmt, ...)
{
	char detail[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"data\" is not a model that behav_export wrote"), errdetail("%s", detail)));
}

/* A member of a container; NULL when absent or of another type. */
static JsonbValue *
member(JsonbContainer *c, const char *key, enum jbvType type)
{
	JsonbValue *v = getKeyJsonValueFromContainer(c, key, strlen(key), NULL);

	return v && v->type == type ? v : NULL;
}

static char *
text_member(JsonbContainer *c, const char *key)
{
	JsonbValue *v = member(c, key, jbvString);

	return v ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* The sizes in an array member: how many, at most max; -1 when it is none. */
static int
sizes_member(JsonbContainer *c, const char *key, size_t *out, int max)
{
	JsonbValue *v = member(c, key, jbvBinary);
	int n;

	if (v == NULL || !JsonContainerIsArray(v->val.binary.data))
		return -1;
	n = (int) JsonContainerSize(v->val.binary.data);
	if (n > max)
		return -1;
	for (int i = 0; i < n; i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v->val.binary.data, (uint32) i);
		char *text, *end;

		if (e->type != jbvNumeric)
			return -1;
		text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(e->val.numeric)));
		errno = 0;
		out[i] = strtoull(text, &end, 10);
		if (errno || *end || text[0] == '-')
			return -1;
	}
	return n;
}

static void
read_entry(BmFile *file, const JsonbValue *key, JsonbContainer *c, const char *data, size_t bytes)
{
	BmFileEntry *e;
	char *name = pnstrdup(key->val.string.val, key->val.string.len);
	char *dtype = text_member(c, "dtype");
	size_t range[2], count = 1;

	if (file->n == BM_FILE_ENTRIES)
		bad_file("It has more than %d arrays.", BM_FILE_ENTRIES);
	e = &file->entry[file->n++];
	if (strlen(name) >= BM_TENSOR_NAME || dtype == NULL || bm_file_width(dtype) == 0)
		bad_file("Array \"%s\" has a name or type that is not known here.", name);
	strcpy(e->name, name);
	strcpy(e->dtype, dtype);
	e->ndim = sizes_member(c, "shape", e->shape, BM_MAX_DIMS);
	if (e->ndim < 0 || sizes_member(c, "data_offsets", range, 2) != 2)
		bad_file("Array \"%s\" has no shape or no place.", name);
	for (int d = 0; d < e->ndim; d++)
		count = bmc_mul(count, e->shape[d]);
	e->bytes = bmc_mul(count, bm_file_width(dtype));
	if (range[0] > range[1] || range[1] > bytes || range[1] - range[0] != e->bytes)
		bad_file("Array \"%s\" should have %zu bytes; its place is %zu to %zu of %zu.", name,
				 e->bytes, range[0], range[1], bytes);
	e->data = data + range[0];
}

static int
compare_places(const void *a, const void *b)
{
	const BmFileEntry *x = a, *y = b;

	return x->data != y->data ? (x->data < y->data ? -1 : 1)
							  : (x->bytes < y->bytes ? -1 : x->bytes > y->bytes);
}

/* The arrays fill the data, each byte once. */
static void
check_places(BmFile *file, const char *data, size_t bytes)
{
	const char *at = data;

	qsort(file->entry, file->n, sizeof(BmFileEntry), compare_places);
	for (int i = 0; i < file->n; i++)
	{
		if (file->entry[i].data != at)
			bad_file("There is a gap or an overlap before array \"%s\".", file->entry[i].name);
		at += file->entry[i].bytes;
	}
	if (at != data + bytes)
		bad_file("Its arrays end %zu bytes before it does.", (size_t) (data + bytes - at));
}

static void
read_metadata(BmFile *file, Jsonb *header, const char *data, size_t bytes)
{
	JsonbValue *meta = member(&header->root, "__metadata__", jbvBinary);
	char *format, *crc;

	if (meta == NULL || !JsonContainerIsObject(meta->val.binary.data))
		bad_file("Its header lacks \"__metadata__\".");
	format = text_member(meta->val.binary.data, "format");
	crc = text_member(meta->val.binary.data, "crc32c");
	file->metadata = text_member(meta->val.binary.data, "version");
	if (format == NULL || strncmp(format, "behavmine ", 10) != 0 || crc == NULL ||
		file->metadata == NULL)
		bad_file("It is a safetensors file of another program.");
	if (atoi(format + 10) != BM_FILE_FORMAT)
		bad_file("Its format is \"%s\"; this library knows behavmine %d.", format, BM_FILE_FORMAT);
	if (strtoul(crc, NULL, 16) != checksum(data, bytes))
		bad_file("Its checksum is not that of its arrays: it was damaged on the way.");
}

BmFile *
bm_file_read(const char *input, size_t size)
{
	const unsigned char *length = (const unsigned char *) input;
	BmFile *file = palloc0(sizeof(BmFile));
	uint64 header_len = 0;
	Jsonb *header;
	const char *data;
	size_t bytes;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue key, value;

	for (int b = 0; b < 8 && size >= 8; b++)
		header_len |= (uint64) length[b] << (8 * b);
	if (size < 10 || header_len < 2 || header_len > Min(size - 8, MAX_HEADER) || input[8] != '{')
		bad_file("It does not begin with the header of a safetensors file.");
	data = input + 8 + header_len;
	bytes = size - 8 - header_len;
	header = DatumGetJsonbP(DirectFunctionCall1(
		jsonb_in, CStringGetDatum(pg_any_to_server(pnstrdup(input + 8, header_len),
												   (int) header_len, PG_UTF8))));
	read_metadata(file, header, data, bytes);
	it = JsonbIteratorInit(&header->root);
	while ((token = JsonbIteratorNext(&it, &key, false)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&it, &value, true);
		if (key.val.string.len == 12 && memcmp(key.val.string.val, "__metadata__", 12) == 0)
			continue;
		if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
			bad_file("A member of its header is not an object.");
		read_entry(file, &key, value.val.binary.data, data, bytes);
	}
	check_places(file, data, bytes);
	return file;
}

const BmFileEntry *
bm_file_find(const BmFile *file, const char *name, const char *dtype, int ndim)
{
	for (int i = 0; i < file->n; i++)
		if (strcmp(file->entry[i].name, name) == 0)
			return strcmp(file->entry[i].dtype, dtype) == 0 && file->entry[i].ndim == ndim
					   ? &file->entry[i]
					   : NULL;
	return NULL;
}
