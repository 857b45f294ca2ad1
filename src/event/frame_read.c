/*
 * frame_read.c
 *		Columns of a table or view into a frame: one SELECT, as the caller, parallel plans allowed.
 *
 * The row callback is the hot loop: values are taken by type without a text round trip where there is
 * one, and what a row needs besides is forgotten every thousand rows.
 */
#include "event/frame_read.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "core/stat/moments.h"
#include "event/source.h"
#include "pg/memory.h"
#include "pg/scan.h"

#define RESET_ROWS 1024

/* ---- types ---- */

static void
be(BmFrameColumn *c, BmColumnKind kind, BmFrameFrom from)
{
	c->kind = kind;
	c->from = from;
	c->key_int = false;
}

static void
be_integer(BmFrameColumn *c, BmFrameFrom from)
{
	be(c, c->category ? BM_COLUMN_KEY : BM_COLUMN_NUMBER, from);
	c->key_int = c->category;
}

/* By the type's output function. */
static void
be_output(BmFrameColumn *c)
{
	Oid function;
	bool varlena;

	be(c, BM_COLUMN_KEY, BM_CELL_OUTPUT);
	getTypeOutputInfo(c->type, &function, &varlena);
	fmgr_info(function, &c->output);
}

static void
be_number(BmFrameColumn *c, BmFrameFrom from)
{
	if (c->category)
		be_output(c);
	else
		be(c, from == BM_CELL_BOOL ? BM_COLUMN_BOOL : BM_COLUMN_NUMBER, from);
}

bool
bm_frame_type(BmFrameColumn *c, Oid type)
{
	c->type = getBaseType(type);
	switch (c->type)
	{
	case INT2OID:
		be_integer(c, BM_CELL_INT2);
		return true;
	case INT4OID:
		be_integer(c, BM_CELL_INT4);
		return true;
	case INT8OID:
		be_integer(c, BM_CELL_INT8);
		return true;
	case FLOAT4OID:
		be_number(c, BM_CELL_FLOAT4);
		return true;
	case FLOAT8OID:
		be_number(c, BM_CELL_FLOAT8);
		return true;
	case NUMERICOID:
		be_number(c, BM_CELL_NUMERIC);
		return true;
	case BOOLOID:
		be_number(c, BM_CELL_BOOL);
		return true;
	case TEXTOID:
	case VARCHAROID:
		be(c, BM_COLUMN_KEY, BM_CELL_TEXT);
		return true;
	case BPCHAROID:
		be(c, BM_COLUMN_KEY, BM_CELL_BPCHAR);
		return true;
	case NAMEOID:
		be(c, BM_COLUMN_KEY, BM_CELL_NAME);
		return true;
	case UUIDOID:
		be(c, BM_COLUMN_KEY, BM_CELL_UUID);
		return true;
	case DATEOID:
		be(c, BM_COLUMN_TIME, BM_CELL_DATE);
		return true;
	case TIMESTAMPOID:
		be(c, BM_COLUMN_TIME, BM_CELL_TIMESTAMP);
		return true;
	case TIMESTAMPTZOID:
		be(c, BM_COLUMN_TIME, BM_CELL_TIMESTAMPTZ);
		return true;
	case FLOAT4ARRAYOID:
		be(c, BM_COLUMN_VECTOR, BM_CELL_FLOAT4_ARRAY);
		return true;
	case FLOAT8ARRAYOID:
		be(c, BM_COLUMN_VECTOR, BM_CELL_FLOAT8_ARRAY);
		return true;
	default:
		if (!type_is_enum(c->type))
			return false;
		be_output(c);
		return true;
	}
}

static void
raise_no_column(Oid relation, const char *name)
{
	int n;
	char **columns = bm_relation_columns(relation, &n);
	const char *near = bm_nearest(name, (const char *const *) columns, n);

	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation %s does not exist", name,
						   bm_relation_name(relation)),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
}

void
bm_frame_columns(Oid relation, BmFrameColumn *column, int n)
{
	for (int j = 0; j < n; j++)
	{
		AttrNumber attno = get_attnum(relation, column[j].name);

		if (attno <= 0)
			raise_no_column(relation, column[j].name);
		if (bm_frame_type(&column[j], get_atttype(relation, attno)))
			continue;
		ereport(
			ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of relation %s cannot be a feature: it is of type %s",
					column[j].name, bm_relation_name(relation),
					format_type_be(get_atttype(relation, attno))),
			 errdetail("Numbers, booleans, texts, enums, uuids, dates, timestamps and arrays of "
					   "real or double precision can."),
			 errhint("Leave it out with the option \"exclude\", or cast it in a view: an "
					 "interval by extract(epoch FROM ...), a document by its fields.")));
	}
}

/* ---- values ---- */

static void
number_cell(BmCell *cell, double v)
{
	cell->nonfinite = cell->missing = !bmc_is_number(v);
	cell->number = v + 0.0; /* -0 becomes 0 */
}

static void
time_cell(BmCell *cell, Timestamp t)
{
	cell->nonfinite = cell->missing = TIMESTAMP_NOT_FINITE(t);
	cell->key = t;
}

static void
date_cell(BmCell *cell, DateADT d)
{
	cell->nonfinite = cell->missing = DATE_NOT_FINITE(d);
	/* a date may lie where no timestamp does */
	if (!cell->missing)
		cell->key = (int64) Min(Max(d, -1000000), 10000000) * USECS_PER_DAY;
}

/* The elements, of whatever dimensions, one behind the other; a NULL among them is not finite. */
static void
vector_cell(BmCell *cell, Datum value, bool doubles)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	float *v = (float *) ARR_DATA_PTR(array);

	cell->len = (size_t) n;
	cell->nonfinite = array_contains_nulls(array);
	if (!cell->nonfinite && doubles)
	{
		const double *from = (const double *) ARR_DATA_PTR(array);

		v = palloc(sizeof(float) * Max(n, 1));
		for (int i = 0; i < n; i++)
			v[i] = (float) from[i];
	}
	for (int i = 0; i < n && !cell->nonfinite; i++)
		cell->nonfinite = !isfinite(v[i]);
	cell->missing = cell->nonfinite;
	cell->vector = v;
}

static void
bytes_cell(BmCell *cell, const char *bytes, size_t len)
{
	cell->bytes = bytes;
	cell->len = len;
}

static void
text_cell(BmCell *cell, Datum value, bool blanks)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(value);
	const char *bytes = VARDATA_ANY(t);
	size_t len = VARSIZE_ANY_EXHDR(t);

	while (blanks && len > 0 && bytes[len - 1] == ' ')
		len--;
	bytes_cell(cell, bytes, len);
}

static inline void
int_cell(BmCell *cell, int64 v)
{
	cell->key = v;
	cell->number = (double) v;
}

void
bm_frame_cell(BmCell *cell, BmFrameColumn *c, Datum value, bool isnull, BmZone *zone)
{
	char *text;

	cell->missing = isnull;
	cell->nonfinite = false;
	if (isnull)
		return;
	switch (c->from)
	{
	case BM_CELL_INT2:
		int_cell(cell, DatumGetInt16(value));
		break;
	case BM_CELL_INT4:
		int_cell(cell, DatumGetInt32(value));
		break;
	case BM_CELL_INT8:
		int_cell(cell, DatumGetInt64(value));
		break;
	case BM_CELL_FLOAT4:
		number_cell(cell, DatumGetFloat4(value));
		break;
	case BM_CELL_FLOAT8:
		number_cell(cell, DatumGetFloat8(value));
		break;
	case BM_CELL_NUMERIC:
		number_cell(cell, DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value)));
		break;
	case BM_CELL_BOOL:
		cell->number = DatumGetBool(value);
		break;
	case BM_CELL_TEXT:
		text_cell(cell, value, false);
		break;
	case BM_CELL_BPCHAR:
		text_cell(cell, value, true);
		break;
	case BM_CELL_NAME:
		bytes_cell(cell, NameStr(*DatumGetName(value)), strlen(NameStr(*DatumGetName(value))));
		break;
	case BM_CELL_UUID:
		text = palloc(BM_UUID_TEXT);
		bm_uuid_text(text, DatumGetUUIDP(value));
		bytes_cell(cell, text, BM_UUID_TEXT);
		break;
	case BM_CELL_OUTPUT:
		text = OutputFunctionCall(&c->output, value);
		bytes_cell(cell, text, strlen(text));
		break;
	case BM_CELL_DATE:
		date_cell(cell, DatumGetDateADT(value));
		break;
	case BM_CELL_TIMESTAMP:
		time_cell(cell, DatumGetTimestamp(value));
		break;
	case BM_CELL_TIMESTAMPTZ:
		time_cell(cell, DatumGetTimestampTz(value));
		if (!cell->missing && bm_period_time(cell->key))
			cell->key = bm_zone_local(zone, cell->key);
		break;
	case BM_CELL_FLOAT4_ARRAY:
		vector_cell(cell, value, false);
		break;
	case BM_CELL_FLOAT8_ARRAY:
		vector_cell(cell, value, true);
		break;
	}
}

/* ---- rows ---- */

typedef struct FrameReader
{
	const BmFrameRequest *request;
	BmFrame *frame;
	BmRecentKey **recent; /* (n) of key columns */
	BmZone zone;
	BmMem *mem;
	MemoryContext row; /* what a few rows need */
	double expected;
} FrameReader;

static void
check(const FrameReader *r, BmStatus status)
{
	if (status == BM_OK)
		return;
	if (status == BM_ENOMEM && !bm_memory_system_refused())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("reading %s needs more memory than behavmine.max_memory",
						bm_relation_name(r->request->relation)),
				 errdetail("After %zu rows %zu kB are in use; the limit is %d kB.", r->frame->n,
						   r->mem->used / 1024, bm_max_memory_kb),
				 errhint("Raise behavmine.max_memory, name fewer features, or read a view that "
						 "samples the rows.")));
	if (status == BM_ELIMIT)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("relation %s has too many rows or categories",
							   bm_relation_name(r->request->relation)),
						errdetail("After %zu rows; the limits are 4294967295 rows and 2147483646 "
								  "categories of a column.",
								  r->frame->n),
						errhint("Read a view that samples the rows.")));
	bm_check(status, r->request->purpose, NULL);
}

static void
raise_dim(const FrameReader *r, const BmColumn *c, size_t dim)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column \"%s\" of relation %s has arrays of differing length", c->name,
					bm_relation_name(r->request->relation)),
			 errdetail("One has %u elements, another one %zu; the most are %d.", c->dim, dim,
					   BM_MAX_DIM),
			 errhint("Keep those of one length in a view, or leave the column out with the option "
					 "\"exclude\".")));
}

static void
put_vector(FrameReader *r, BmColumn *c, const BmCell *cell)
{
	size_t row = r->frame->n;

	if (c->dim == 0 && !cell->missing && cell->len >= 1 && cell->len <= BM_MAX_DIM)
	{
		size_t bytes = bmc_mul(r->frame->capacity, cell->len * sizeof(float));

		bm_check_memory(r->mem, bytes, r->request->purpose,
						"Raise behavmine.max_memory, or read a view that samples the rows.");
		check(r, bmc_frame_dim(r->frame, c, (uint32_t) cell->len));
	}
	if (!cell->missing && cell->len != c->dim)
		raise_dim(r, c, cell->len);
	if (c->dim == 0)
		return;
	if (cell->missing)
		c->vector[row * c->dim] = NAN;
	else
		memcpy(c->vector + row * c->dim, cell->vector, c->dim * sizeof(float));
}

static inline void
put_cell(FrameReader *r, int j, const BmCell *cell)
{
	BmColumn *c = &r->frame->column[j];
	size_t row = r->frame->n;

	c->missing += cell->missing;
	c->nonfinite += cell->nonfinite;
	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
		c->number[row] = cell->missing ? NAN : cell->number;
		break;
	case BM_COLUMN_BOOL:
		c->boolean[row] = cell->missing ? BM_BOOL_MISSING : (uint8_t) cell->number;
		break;
	case BM_COLUMN_TIME:
		c->time[row] = cell->missing ? BM_TIME_MISSING : cell->key;
		break;
	case BM_COLUMN_VECTOR:
		put_vector(r, c, cell);
		break;
	case BM_COLUMN_KEY:
		c->code[row] = BM_NONE;
		if (!cell->missing && r->request->column[j].key_int)
			check(r, bm_recent_int(r->recent[j], &c->dict, cell->key, &c->code[row]));
		else if (!cell->missing)
			check(r,
				  bm_recent_bytes(r->recent[j], &c->dict, cell->bytes, cell->len, &c->code[row]));
		break;
	}
}

/* BmRowFn: the columns as they were asked for. */
static void
read_row(void *arg, TupleTableSlot *slot)
{
	FrameReader *r = arg;
	MemoryContext old = MemoryContextSwitchTo(r->row);
	BmCell cell;

	if (r->frame->n == r->frame->capacity)
	{
		check(r, bmc_frame_grow(r->frame, 1));
		bm_progress_step((double) r->frame->n, r->expected, NAN, NULL, NAN);
	}
	for (int j = 0; j < r->request->n; j++)
	{
		bm_frame_cell(&cell, &r->request->column[j], slot->tts_values[j], slot->tts_isnull[j],
					  &r->zone);
		put_cell(r, j, &cell);
	}
	MemoryContextSwitchTo(old);
	if (++r->frame->n % RESET_ROWS == 0)
		MemoryContextReset(r->row);
}

/* ---- the whole ---- */

static size_t
row_bytes(const BmFrameRequest *q)
{
	size_t bytes = 12; /* hash and order while it becomes canonical */

	for (int j = 0; j < q->n; j++)
		bytes += q->column[j].kind == BM_COLUMN_BOOL  ? 1
				 : q->column[j].kind == BM_COLUMN_KEY ? 4
													  : sizeof(double);
	return bytes;
}

static void
reader_init(FrameReader *r, const BmFrameRequest *q, BmMem *mem)
{
	BmColumn *column = palloc0(sizeof(BmColumn) * Max(q->n, 1));
	bool *key_int = palloc0(sizeof(bool) * Max(q->n, 1));
	double rows = bm_relation_rows(q->relation);

	memset(r, 0, sizeof(*r));
	r->request = q;
	r->mem = mem;
	r->expected = q->where ? 0 : rows;
	r->frame = palloc0(sizeof(BmFrame));
	r->recent = palloc0(sizeof(BmRecentKey *) * Max(q->n, 1));
	bm_zone_init(&r->zone, q->time_zone ? q->time_zone : "UTC");
	for (int j = 0; j < q->n; j++)
	{
		column[j].name = pstrdup(q->column[j].name);
		column[j].kind = q->column[j].kind;
		key_int[j] = q->column[j].key_int;
	}
	bm_check_memory(mem, bmc_mul((size_t) r->expected, row_bytes(q)), q->purpose,
					"Raise behavmine.max_memory, name fewer features, or read a view that samples "
					"the rows.");
	check(r, bmc_frame_init(r->frame, column, q->n, key_int, mem));
	for (int j = 0; j < q->n; j++)
		if (column[j].kind == BM_COLUMN_KEY)
		{
			r->recent[j] = palloc(sizeof(BmRecentKey) * BM_RECENT_KEYS);
			bm_recent_clear(r->recent[j]);
		}
	/* a little more than expected, so that it need not grow at the end */
	if (r->expected > 0 && r->expected < 4e9)
		check(r, bmc_frame_grow(r->frame, (size_t) (r->expected * 1.02) + 64));
}

static char *
select_of(const BmFrameRequest *q)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (int j = 0; j < q->n; j++)
		appendStringInfo(&sql, "%s%s", j ? ", " : "",
						 q->column[j].absent ? "NULL" : quote_identifier(q->column[j].name));
	appendStringInfo(&sql, " FROM %s", bm_relation_name(q->relation));
	if (q->where)
		appendStringInfo(&sql, " WHERE %s", q->where);
	return sql.data;
}

BmFrame *
bm_frame_read(const BmFrameRequest *q, BmMem *mem, BmWatch *watch)
{
	FrameReader r;
	char *sql;

	reader_init(&r, q, mem);
	sql = select_of(q);
	SPI_connect();
	r.row = AllocSetContextCreate(CurrentMemoryContext, "behavmine rows", ALLOCSET_DEFAULT_SIZES);
	(void) bm_scan(sql, 0, NULL, NULL, NULL, read_row, &r);
	SPI_finish();
	for (int j = 0; j < q->n; j++)
	{
		if (r.frame->column[j].dim == 0) /* no vector was seen */
			check(&r, bmc_frame_dim(r.frame, &r.frame->column[j], 1));
		if (r.recent[j])
			pfree(r.recent[j]);
	}
	check(&r, bmc_frame_canonical(r.frame, q->canonical, &watch->stop));
	return r.frame;
}
