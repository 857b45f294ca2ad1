/*
 * pattern_arrays.c
 *		Sequences that are arrays already: a jsonb of arrays, or a column of a relation.
 */
#include "pattern/pattern_input.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#include "event/source.h"
#include "pg/scan.h"

typedef struct Builder
{
	BmPatternInput *in;
	BmMem *mem;
	BmDict tokens, owners;
	size_t sequences, elements, items;
	size_t sequence_capacity, element_capacity, item_capacity;
	size_t *start, *element;
	uint32_t *item, *owner;
	bool sets;     /* an element of several items was met, or could have been */
	bool is_jsonb; /* the column's type */
} Builder;

static void
check(const Builder *b, BmStatus status)
{
	bm_check(status, psprintf("read %s", b->in->what), NULL);
}

static void *
grown(Builder *b, void *block, size_t *capacity, size_t need, size_t size)
{
	void *larger;

	if (need <= *capacity)
		return block;
	*capacity = 2 * need + 1024;
	larger = bmc_realloc(b->mem, block, *capacity, size);
	if (larger == NULL)
		check(b, BM_ENOMEM);
	return larger;
}

static void
open_sequence(Builder *b)
{
	size_t capacity = b->sequence_capacity;

	b->start = grown(b, b->start, &capacity, b->sequences + 2, sizeof(size_t));
	b->owner = grown(b, b->owner, &b->sequence_capacity, b->sequences + 2, sizeof(uint32_t));
	b->start[b->sequences++] = b->elements;
}

static void
open_element(Builder *b)
{
	b->element = grown(b, b->element, &b->element_capacity, b->elements + 2, sizeof(size_t));
	b->element[b->elements++] = b->items;
}

static void
add_item(Builder *b, const char *text, size_t len)
{
	b->item = grown(b, b->item, &b->item_capacity, b->items + 1, sizeof(uint32_t));
	if (len == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("sequence %zu of %s has an empty item", b->sequences, b->in->what)));
	check(b, bmc_dict_put_bytes(&b->tokens, text, len, &b->item[b->items]));
	b->items++;
}

static void
null_item(const Builder *b)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("sequence %zu of %s has a null in it", b->sequences, b->in->what),
					errhint("Leave nulls out: array_remove(sequence, NULL).")));
}

static void
bad_shape(const Builder *b, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("sequence %zu of %s has %s", b->sequences, b->in->what, what),
					errdetail("A sequence is an array of items, or of arrays of items that happen "
							  "together."),
					errhint("For example [\"a\", [\"b\", \"c\"], \"a\"].")));
}

/* ---- jsonb ---- */

static void
add_scalar(Builder *b, const JsonbValue *v)
{
	char *number;

	switch (v->type)
	{
	case jbvString:
		add_item(b, v->val.string.val, v->val.string.len);
		break;
	case jbvNumeric:
		number = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		add_item(b, number, strlen(number));
		pfree(number);
		break;
	case jbvBool:
		add_item(b, v->val.boolean ? "true" : "false", v->val.boolean ? 4 : 5);
		break;
	case jbvNull:
		null_item(b);
		break;
	default:
		bad_shape(b, "an element that is no item");
	}
}

/* The items of one element. */
static void
add_element(Builder *b, JsonbContainer *array)
{
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbIteratorToken token;
	JsonbValue v;

	if (!JsonContainerIsArray(array))
		bad_shape(b, "an object in it");
	if (JsonContainerSize(array) == 0)
		bad_shape(b, "an element without items");
	b->sets = true;
	open_element(b);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			add_scalar(b, &v);
}

/* One sequence: an array of items and of arrays of items. */
static void
add_sequence(Builder *b, JsonbContainer *array)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;

	open_sequence(b);
	if (!JsonContainerIsArray(array) || JsonContainerIsScalar(array))
		bad_shape(b, "no array");
	it = JsonbIteratorInit(array);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type == jbvBinary)
			add_element(b, v.val.binary.data);
		else
		{
			open_element(b);
			add_scalar(b, &v);
		}
	}
}

/* ---- the end ---- */

/* Tokens by key, so that nothing depends on the order of arrival. */
static void
finish(Builder *b)
{
	uint32_t n = b->tokens.view.n;
	uint32_t *code = bmc_alloc(b->mem, n, sizeof(uint32_t));

	if (code == NULL)
		check(b, BM_ENOMEM);
	check(b, bmc_dict_order(&b->tokens, NULL, NULL, code));
	for (size_t i = 0; i < b->items; i++)
		b->item[i] = code[b->item[i]];
	bmc_free(b->mem, code);
	/* bounds need room even where nothing was added */
	b->start = grown(b, b->start, &b->sequence_capacity, b->sequences + 1, sizeof(size_t));
	b->element = grown(b, b->element, &b->element_capacity, b->elements + 1, sizeof(size_t));
	b->start[b->sequences] = b->elements;
	b->element[b->elements] = b->items;
	b->in->set = (BmSequenceSet){
		b->sequences, b->tokens.view.n, b->start, b->sets ? b->element : NULL, b->item, NULL};
	b->in->tokens = b->tokens.view;
	b->in->marked = b->sets;
	b->in->owners = b->owners.view;
	b->in->owner = b->in->has_owners ? b->owner : NULL;
	if (b->sequences == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s has no sequences", b->in->what),
						errhint("A sequence is an array that is not null; an empty one counts.")));
}

static void
begin(Builder *b, BmPatternInput *in, BmMem *mem)
{
	memset(b, 0, sizeof(*b));
	memset(in, 0, sizeof(*in));
	b->in = in;
	b->mem = mem;
	in->unit = "sequences";
	in->what = "argument \"sequences\"";
	check(b, bmc_dict_init(&b->tokens, BM_KEY_BYTES, mem));
	check(b, bmc_dict_init(&b->owners, BM_KEY_BYTES, mem));
}

/* See pattern_input.h. */
void
bm_pattern_read_jsonb(BmPatternInput *in, Jsonb *json, BmMem *mem)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	Builder b;

	begin(&b, in, mem);
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"sequences\" must be an array of arrays"),
						errhint("For example '[[\"a\", \"b\"], [\"a\", [\"b\", \"c\"]]]', or "
								"(SELECT jsonb_agg(items) FROM orders).")));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM || v.type == jbvNull)
			continue;
		if (v.type != jbvBinary)
		{
			open_sequence(&b);
			bad_shape(&b, "no array");
		}
		add_sequence(&b, v.val.binary.data);
		bm_interrupts();
	}
	finish(&b);
}

/* ---- a column ---- */

/* One row: the sequence, and who it belongs to. */
static void
add_row(void *arg, TupleTableSlot *slot)
{
	Builder *b = arg;
	Datum *elem;
	bool *null;
	int n;

	if (slot->tts_isnull[0])
		return;
	if (b->is_jsonb)
	{
		Jsonb *json = DatumGetJsonbP(slot->tts_values[0]);

		if (JB_ROOT_IS_SCALAR(json) &&
			getIthJsonbValueFromContainer(&json->root, 0)->type == jbvNull)
			return;
		add_sequence(b, &json->root);
	}
	else
	{
		ArrayType *array = DatumGetArrayTypeP(slot->tts_values[0]);

		open_sequence(b);
		if (ARR_NDIM(array) > 1)
			bad_shape(b, "an array of several dimensions");
		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elem, &null, &n);
		for (int i = 0; i < n; i++)
		{
			if (null[i])
				null_item(b);
			open_element(b);
			add_item(b, VARDATA_ANY(DatumGetPointer(elem[i])),
					 VARSIZE_ANY_EXHDR(DatumGetPointer(elem[i])));
		}
		pfree(elem);
		pfree(null);
	}
	if (b->in->has_owners)
	{
		text *t = slot->tts_isnull[1] ? NULL : DatumGetTextPP(slot->tts_values[1]);

		if (t == NULL)
			b->owner[b->sequences - 1] = BM_NONE;
		else
			check(b, bmc_dict_put_bytes(&b->owners, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t),
										&b->owner[b->sequences - 1]));
	}
}

/* The column's type; 42703 with the nearest name. */
static Oid
column_type(Oid relid, const char *column)
{
	AttrNumber attno = get_attnum(relid, column);
	char **columns;
	const char *near;
	int n;

	if (attno > 0)
		return getBaseType(get_atttype(relid, attno));
	columns = bm_relation_columns(relid, &n);
	near = bm_nearest(column, (const char *const *) columns, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of relation %s does not exist", column, bm_relation_name(relid)),
			 near ? errhint("Did you mean \"%s\"?", near) : 0));
	return InvalidOid;
}

/* See pattern_input.h. */
void
bm_pattern_read_column(BmPatternInput *in, Oid relid, const char *column, const char *id,
					   BmMem *mem)
{
	Oid type = column_type(relid, column);
	StringInfoData sql;
	Builder b;

	begin(&b, in, mem);
	in->what = psprintf("column \"%s\" of relation %s", column, bm_relation_name(relid));
	b.is_jsonb = type == JSONBOID;
	if (!b.is_jsonb && !OidIsValid(get_element_type(type)))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%s is no array: it is of type %s", in->what, format_type_be(type)),
						errhint("Gather rows into arrays in a view: array_agg(item ORDER BY ts) "
								"... GROUP BY user_id.")));
	in->has_owners = id != NULL;
	if (id)
		(void) column_type(relid, id);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s::pg_catalog.%s", quote_identifier(column),
					 b.is_jsonb ? "jsonb" : "text[]");
	if (id)
		appendStringInfo(&sql, ", %s::pg_catalog.text", quote_identifier(id));
	appendStringInfo(&sql, " FROM %s", bm_relation_name(relid));
	if (id)
		appendStringInfo(&sql, " ORDER BY %s", quote_identifier(id));
	SPI_connect();
	(void) bm_scan(sql.data, 0, NULL, NULL, NULL, add_row, &b);
	SPI_finish();
	finish(&b);
}
