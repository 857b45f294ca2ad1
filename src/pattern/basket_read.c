/*
 * basket_read.c
 *		Baskets of plain data: a column of arrays, one a basket, or two columns with a row an item.
 *
 * Read as the caller through one SELECT. Integers stay integers, everything else is its text; a NULL
 * is no item and no basket.
 */
#include "pattern/basket.h"

#include "access/attnum.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "event/source.h"
#include "pg/scan.h"

/* A column, or the elements of one, on its way into a dictionary. */
typedef struct KeyColumn
{
	BmDict dict;
	Oid type;   /* of what arrives: an integer type, or text */
	bool any;   /* is there one before? */
	Datum last; /* integers: the one before */
	uint32_t last_code;
} KeyColumn;

typedef struct RowReader
{
	BmBaskets *b;
	KeyColumn basket, item;
	size_t n, capacity;
	uint32_t *basket_code, *item_code; /* (n) */
	MemoryContext scratch;             /* arrays: emptied now and then */
	size_t since_reset;
	Oid element;
	int16 typlen;
	bool typbyval;
	char typalign;
} RowReader;

static void
read_check(BmBaskets *b, BmStatus status)
{
	bm_baskets_check(b, status, psprintf("read the baskets of %s", b->what),
					 "read a part of them.");
}

/* ---- keys ---- */

/* The column's type; 42703 with the nearest name when there is none. */
static Oid
column_type(const BmBaskets *b, Oid relid, const char *column)
{
	AttrNumber attno = get_attnum(relid, column);
	char **columns;
	const char *near;
	int n;

	if (attno > 0)
		return getBaseType(get_atttype(relid, attno));
	columns = bm_relation_columns(relid, &n);
	near = bm_nearest(column, (const char *const *) columns, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of %s does not exist", column, b->what),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
	return InvalidOid;
}

static void
key_begin(BmBaskets *b, KeyColumn *k, Oid type)
{
	k->type = bm_type_is_int(type) ? type : TEXTOID;
	k->any = false;
	read_check(b,
			   bmc_dict_init(&k->dict, bm_type_is_int(type) ? BM_KEY_INT : BM_KEY_BYTES, &b->mem));
}

/* The column for the SELECT list: as it is, or through the cast to text. */
static char *
key_expr(const char *column, Oid type)
{
	if (bm_type_is_int(type) || type == TEXTOID || type == VARCHAROID)
		return pstrdup(quote_identifier(column));
	return psprintf("%s::pg_catalog.text", quote_identifier(column));
}

/* Rows of one basket follow each other as a rule: the code before is tried first. */
static uint32_t
text_code(BmBaskets *b, KeyColumn *k, Datum d)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(d);
	const char *key = VARDATA_ANY(t);
	size_t len = VARSIZE_ANY_EXHDR(t);
	const BmDictView *v = &k->dict.view;
	uint32_t c = k->last_code;

	if (!k->any || v->offset[c + 1] - v->offset[c] != len ||
		memcmp(v->blob + v->offset[c], key, len) != 0)
		read_check(b, bmc_dict_put_bytes(&k->dict, key, len, &k->last_code));
	k->any = true;
	if ((Pointer) t != DatumGetPointer(d))
		pfree(t);
	return k->last_code;
}

static uint32_t
key_code(BmBaskets *b, KeyColumn *k, Datum d)
{
	int64 key;

	if (k->type == TEXTOID)
		return text_code(b, k, d);
	if (k->any && k->last == d)
		return k->last_code;
	key = k->type == INT8OID   ? DatumGetInt64(d)
		  : k->type == INT4OID ? DatumGetInt32(d)
							   : DatumGetInt16(d);
	read_check(b, bmc_dict_put_int(&k->dict, key, &k->last_code));
	k->any = true;
	k->last = d;
	return k->last_code;
}

static void
begin_relation(BmBaskets *b, Oid relid)
{
	char *name = bm_relation_name(relid);

	b->what = psprintf("relation %s", name);
	bm_progress_start(name);
	bm_progress_phase(BM_PHASE_READ, NULL);
}

/* ---- a row an item ---- */

static void
read_pair(void *arg, TupleTableSlot *slot)
{
	RowReader *r = arg;
	BmBaskets *b = r->b;

	if (slot->tts_isnull[0] || slot->tts_isnull[1])
	{
		b->no_basket += slot->tts_isnull[0];
		b->no_item += !slot->tts_isnull[0];
		return;
	}
	if (r->n == r->capacity)
	{
		size_t capacity = bmc_add(bmc_mul(r->capacity, 2), 8192);
		uint32_t *basket = bmc_realloc(&b->mem, r->basket_code, capacity, sizeof(uint32_t));
		uint32_t *item;

		if (basket == NULL)
			read_check(b, BM_ENOMEM);
		r->basket_code = basket;
		item = bmc_realloc(&b->mem, r->item_code, capacity, sizeof(uint32_t));
		if (item == NULL)
			read_check(b, BM_ENOMEM);
		r->item_code = item;
		r->capacity = capacity;
	}
	r->basket_code[r->n] = key_code(b, &r->basket, slot->tts_values[0]);
	r->item_code[r->n++] = key_code(b, &r->item, slot->tts_values[1]);
}

/* Rows to baskets: a counting sort by basket. */
static void
group_pairs(RowReader *r)
{
	BmBaskets *b = r->b;
	size_t nbaskets = r->basket.dict.view.n;
	size_t *at = bm_baskets_take(b, nbaskets + 1, sizeof(size_t));
	uint32_t *grouped = bm_baskets_take(b, r->n, sizeof(uint32_t));
	size_t from = 0;

	memset(at, 0, (nbaskets + 1) * sizeof(size_t));
	for (size_t e = 0; e < r->n; e++)
		at[r->basket_code[e] + 1]++;
	for (size_t k = 1; k <= nbaskets; k++)
		at[k] += at[k - 1];
	for (size_t e = 0; e < r->n; e++)
		grouped[at[r->basket_code[e]]++] = r->item_code[e];
	bmc_free(&b->mem, r->basket_code);
	bmc_free(&b->mem, r->item_code);
	bmc_dict_free(&r->basket.dict);
	for (size_t k = 0; k < nbaskets; k++)
	{
		for (; from < at[k]; from++)
			bm_baskets_add(b, grouped[from]);
		bm_baskets_close(b);
		if ((k & 0xffff) == 0)
			bm_interrupts();
	}
	bmc_free(&b->mem, at);
	bmc_free(&b->mem, grouped);
}

void
bm_baskets_from_rows(BmBaskets *b, Oid relid, const char *basket, const char *item)
{
	RowReader *r = palloc0(sizeof(RowReader));
	Oid basket_type, item_type;

	begin_relation(b, relid);
	basket_type = column_type(b, relid, basket);
	item_type = column_type(b, relid, item);
	r->b = b;
	key_begin(b, &r->basket, basket_type);
	key_begin(b, &r->item, item_type);
	SPI_connect();
	(void) bm_scan(psprintf("SELECT %s, %s FROM %s", key_expr(basket, basket_type),
							key_expr(item, item_type), bm_relation_name(relid)),
				   0, NULL, NULL, NULL, read_pair, r);
	SPI_finish();
	group_pairs(r);
	b->items = &r->item.dict;
}

/* ---- an array a basket ---- */

static void
read_array(void *arg, TupleTableSlot *slot)
{
	RowReader *r = arg;
	MemoryContext old;
	ArrayType *array;
	Datum *element;
	bool *null;
	int n;

	if (slot->tts_isnull[0])
	{
		bm_baskets_close(r->b);
		return;
	}
	old = MemoryContextSwitchTo(r->scratch);
	array = DatumGetArrayTypeP(slot->tts_values[0]);
	deconstruct_array(array, r->element, r->typlen, r->typbyval, r->typalign, &element, &null, &n);
	for (int i = 0; i < n; i++)
	{
		if (null[i])
			r->b->no_item++;
		else
			bm_baskets_add(r->b, key_code(r->b, &r->item, element[i]));
	}
	bm_baskets_close(r->b);
	MemoryContextSwitchTo(old);
	r->since_reset += (size_t) n + 16;
	if (r->since_reset > 65536)
	{
		MemoryContextReset(r->scratch);
		r->since_reset = 0;
	}
}

void
bm_baskets_from_arrays(BmBaskets *b, Oid relid, const char *column)
{
	RowReader *r = palloc0(sizeof(RowReader));
	Oid type, element;
	bool plain;

	begin_relation(b, relid);
	type = column_type(b, relid, column);
	element = get_base_element_type(type);
	if (!OidIsValid(element))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of %s is no array: it is of type %s", column, b->what,
						format_type_be(type)),
				 errhint("Of a table with a row an item use the function whose name ends in _rows "
						 "(relation, basket_id, item_id); a text can be split in a view with "
						 "string_to_array.")));
	element = getBaseType(element);
	plain = bm_type_is_int(element) || element == TEXTOID || element == VARCHAROID;
	r->b = b;
	r->element = plain ? element : TEXTOID;
	get_typlenbyvalalign(r->element, &r->typlen, &r->typbyval, &r->typalign);
	r->scratch = AllocSetContextCreate(b->context, "behavmine arrays", ALLOCSET_DEFAULT_SIZES);
	key_begin(b, &r->item, element);
	SPI_connect();
	(void) bm_scan(psprintf("SELECT %s%s FROM %s", quote_identifier(column),
							plain ? "" : "::pg_catalog.text[]", bm_relation_name(relid)),
				   0, NULL, NULL, NULL, read_array, r);
	SPI_finish();
	b->items = &r->item.dict;
}
