/*
 * item_features.c
 *		The table of items into terms and vectors, by the codes of a log that it extends.
 */
#include "event/item_features.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "core/num/vec.h"
#include "core/rec/content.h"
#include "event/frame_read.h"
#include "event/items.h"
#include "pg/scan.h"

#define BANDS 10 /* of a number: tenths of the items */
#define MAX_COLUMNS 200

/* A column that says something of items. */
typedef struct Feature
{
	const char *name;
	double weight;
	bool category; /* numbers are names */
	bool list;     /* text[], read by a query of its own; else column `at` of the frame */
	int at;
	uint32_t first_term; /* its terms are first_term + a code of its own */
} Feature;

typedef struct Entry
{
	uint32_t item, term;
	float weight;
} Entry;

typedef struct Reader
{
	BmLog *log;
	BmMem *mem;
	BmItems *items;
	BmWatch *watch;
	Feature feature[MAX_COLUMNS];
	int nfeatures;
	BmFrame *frame;
	uint32_t *code; /* (frame->n) of each row in the log; BM_NONE: without a key */
	Entry *entry;
	size_t n, capacity;
	BmDict words; /* of the list column being read */
	const Feature *list;
	BmStatus status;
	uint32_t nterms;
} Reader;

static void
check(BmStatus status)
{
	bm_check(status, "read the table of items", NULL);
}

static void *
take(Reader *r, size_t n, size_t size)
{
	void *block = bmc_alloc0(r->mem, Max(n, 1), size);

	if (block == NULL)
		check(BM_ENOMEM);
	return block;
}

/* ---- which columns ---- */

static bool
is_list(Oid type)
{
	return type == TEXTARRAYOID || type == get_array_type(VARCHAROID);
}

static Feature *
add_feature(Reader *r, const char *name)
{
	Feature *f = &r->feature[r->nfeatures];

	if (r->nfeatures == MAX_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("too many columns of relation %s", r->items->relation),
						errdetail("At most %d can say what an item is.", MAX_COLUMNS),
						errhint("Name them with the option \"content_columns\".")));
	*f = (Feature){.name = pstrdup(name), .weight = 1.0};
	r->nfeatures++;
	return f;
}

/* Every column but the key that is no time and whose type can say something. */
static void
all_columns(Reader *r)
{
	int n;
	char **names = bm_relation_columns(r->items->relid, &n);

	for (int i = 0; i < n; i++)
	{
		Oid type = getBaseType(get_atttype(r->items->relid, get_attnum(r->items->relid, names[i])));
		BmFrameColumn c = {.name = names[i]};

		if (strcmp(names[i], r->items->key) == 0)
			continue;
		if (is_list(type) || (bm_frame_type(&c, type) && c.kind != BM_COLUMN_TIME))
			add_feature(r, names[i]);
	}
}

pg_attribute_noreturn() static void bad_columns(void)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"content_columns\" is no list of columns and weights"),
					errhint("For example {\"brand\": 2, \"tags\": 1, \"category_id\": "
							"\"category\", \"price\": {\"weight\": 0.5}}, or [\"brand\", "
							"\"tags\"].")));
}

static double
weight_of(const JsonbValue *v)
{
	double weight = DatumGetFloat8(DirectFunctionCall1(numeric_float8, //
													   NumericGetDatum(v->val.numeric)));

	if (!(weight > 0.0 && weight <= 1e6))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a weight in option \"content_columns\" is %g", weight),
						errdetail("It must be above 0 and at most 1000000."),
						errhint("Leave out a column that should not count.")));
	return weight;
}

/* "category", the word of a column. */
static void
set_as(Feature *f, const JsonbValue *v)
{
	if (v->type != jbvString || v->val.string.len != 8 ||
		strncmp(v->val.string.val, "category", 8) != 0)
		bad_columns();
	f->category = true;
}

/* {"weight": 2, "as": "category"} */
static void
set_members(Feature *f, JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue key, v;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		(void) JsonbIteratorNext(&it, &v, true);
		if (key.val.string.len == 6 && strncmp(key.val.string.val, "weight", 6) == 0 &&
			v.type == jbvNumeric)
			f->weight = weight_of(&v);
		else if (key.val.string.len == 2 && strncmp(key.val.string.val, "as", 2) == 0)
			set_as(f, &v);
		else
			bad_columns();
	}
}

static void
set_feature(Feature *f, const JsonbValue *v)
{
	if (v->type == jbvNumeric)
		f->weight = weight_of(v);
	else if (v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data))
		set_members(f, v->val.binary.data);
	else
		set_as(f, v);
}

static void
named_columns(Reader *r, Jsonb *columns)
{
	JsonbIterator *it = JsonbIteratorInit(&columns->root);
	JsonbValue v;
	JsonbIteratorToken token;

	if (JB_ROOT_IS_SCALAR(columns) || JB_ROOT_COUNT(columns) == 0)
		bad_columns();
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		Feature *f;

		if (token != WJB_KEY && token != WJB_ELEM)
			continue;
		if (v.type != jbvString)
			bad_columns();
		f = add_feature(r, pnstrdup(v.val.string.val, v.val.string.len));
		(void) bm_items_column(r->items, f->name, "content_columns");
		if (token == WJB_KEY)
		{
			(void) JsonbIteratorNext(&it, &v, true);
			set_feature(f, &v);
		}
	}
}

/* ---- rows ---- */

/* The frame: the key first, then every column that is no list. */
static void
read_frame(Reader *r)
{
	BmFrameColumn *column = palloc0(sizeof(BmFrameColumn) * ((size_t) r->nfeatures + 1));
	int n = 1;

	column[0] = (BmFrameColumn){.name = r->items->key, .category = true};
	for (int j = 0; j < r->nfeatures; j++)
	{
		Feature *f = &r->feature[j];

		f->list = is_list(
			getBaseType(get_atttype(r->items->relid, get_attnum(r->items->relid, f->name))));
		if (f->list)
			continue;
		f->at = n;
		column[n++] = (BmFrameColumn){.name = f->name, .category = f->category};
	}
	bm_frame_columns(r->items->relid, column, n);
	for (int j = 1; j < n; j++)
		if (column[j].kind == BM_COLUMN_TIME)
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("column \"%s\" of relation %s is a time", column[j].name,
								   r->items->relation),
							errdetail("A time says nothing of what an item is.")));
	r->frame = bm_frame_read(&(BmFrameRequest){.relation = r->items->relid,
											   .column = column,
											   .n = n,
											   .canonical = true,
											   .purpose = "read the table of items"},
							 r->mem, r->watch);
}

/* ---- codes ---- */

static BmStatus
put_key(BmDict *to, const BmDictView *from, uint32_t key, uint32_t *code)
{
	if (to->view.kind == BM_KEY_INT)
		return bmc_dict_put_int(to, from->key[key], code);
	if (from->kind == BM_KEY_INT)
	{
		char *text = bm_dict_text(from, key);
		BmStatus status = bmc_dict_put_bytes(to, text, strlen(text), code);

		pfree(text);
		return status;
	}
	return bmc_dict_put_bytes(to, from->blob + from->offset[key],
							  from->offset[key + 1] - from->offset[key], code);
}

/*
 * The table's items into the log's dictionary: those without events come after all others, for the
 * dictionary is ordered by events and keys, as it was before.
 */
static void
extend_items(Reader *r)
{
	BmLog *log = r->log;
	const BmColumn *key = &r->frame->column[0];
	uint32_t known = log->items.view.n, nkeys = key->dict.view.n, *code, *order, *count;

	if (log->items.view.kind == BM_KEY_INT && key->dict.view.kind != BM_KEY_INT)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of relation %s is no integer, but the items of "
							   "source \"%s\" are",
							   r->items->key, r->items->relation, log->source->name),
						errhint("Name the item's column with the source's option "
								"\"items_key\".")));
	code = take(r, nkeys, sizeof(uint32_t));
	for (uint32_t k = 0; k < nkeys; k++)
		check(put_key(&log->items, &key->dict.view, k, &code[k]));
	count = take(r, log->items.view.n, sizeof(uint32_t));
	order = take(r, log->items.view.n, sizeof(uint32_t));
	memcpy(count, log->item_count, known * sizeof(uint32_t));
	check(bmc_dict_order(&log->items, count, NULL, order));
	bmc_free(r->mem, log->item_count);
	log->item_count = count;
	r->code = take(r, r->frame->n, sizeof(uint32_t));
	for (size_t row = 0; row < r->frame->n; row++)
		r->code[row] = bmc_missing(key, row) ? BM_NONE : order[code[key->code[row]]];
	bmc_free(r->mem, order);
	bmc_free(r->mem, code);
}

/* ---- terms ---- */

static BmStatus
add_entry(Reader *r, uint32_t item, const Feature *f, uint32_t code)
{
	if (r->n == r->capacity)
	{
		size_t capacity = Max(1024, r->capacity + r->capacity / 2);
		Entry *grown = bmc_realloc(r->mem, r->entry, capacity, sizeof(Entry));

		if (grown == NULL)
			return BM_ENOMEM;
		r->entry = grown;
		r->capacity = capacity;
	}
	r->entry[r->n++] = (Entry){item, f->first_term + code, (float) f->weight};
	return BM_OK;
}

/* (n) which term of its own a row has: a number's band. */
static void
add_bands(Reader *r, const Feature *f, const BmColumn *c)
{
	double edge[BANDS - 1], *x = take(r, r->frame->n, sizeof(double));
	size_t n = 0;

	for (size_t row = 0; row < r->frame->n; row++)
		if (!bmc_missing(c, row) && r->code[row] != BM_NONE)
			x[n++] = c->number[row];
	bmc_band_edges(edge, BANDS, x, n);
	for (size_t row = 0; row < r->frame->n; row++)
		if (!bmc_missing(c, row) && r->code[row] != BM_NONE)
			check(add_entry(r, r->code[row], f, (uint32_t) bmc_band(edge, BANDS, c->number[row])));
	bmc_free(r->mem, x);
}

static void
add_words(Reader *r, const Feature *f, const BmColumn *c)
{
	for (size_t row = 0; row < r->frame->n; row++)
		if (!bmc_missing(c, row) && r->code[row] != BM_NONE)
			check(add_entry(r, r->code[row], f,
							c->kind == BM_COLUMN_BOOL ? c->boolean[row] : c->code[row]));
}

/* BmRowFn: (item, element) of a list. */
static void
list_row(void *arg, TupleTableSlot *slot)
{
	Reader *r = arg;
	uint32_t item, word;
	struct varlena *element;

	if (slot->tts_isnull[0] || slot->tts_isnull[1] || r->status != BM_OK)
		return;
	if (r->log->items.view.kind == BM_KEY_INT)
		item = bmc_dict_find_int(&r->log->items.view, DatumGetInt64(slot->tts_values[0]));
	else
	{
		struct varlena *key = PG_DETOAST_DATUM_PACKED(slot->tts_values[0]);

		item = bmc_dict_find_bytes(&r->log->items.view, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key));
	}
	element = PG_DETOAST_DATUM_PACKED(slot->tts_values[1]);
	r->status =
		bmc_dict_put_bytes(&r->words, VARDATA_ANY(element), VARSIZE_ANY_EXHDR(element), &word);
	if (item != BM_NONE && r->status == BM_OK)
		r->status = add_entry(r, item, r->list, word);
}

/* The elements of a text[], their codes in the order of their bytes. Returns how many there are. */
static uint32_t
add_list(Reader *r, const Feature *f)
{
	bool as_int = r->log->items.view.kind == BM_KEY_INT;
	size_t first = r->n;
	uint32_t *order, n;

	r->list = f;
	check(bmc_dict_init(&r->words, BM_KEY_BYTES, r->mem));
	SPI_connect();
	bm_scan(psprintf("SELECT %s::pg_catalog.%s, pg_catalog.unnest(%s)::pg_catalog.text FROM %s",
					 quote_identifier(r->items->key), as_int ? "int8" : "text",
					 pstrdup(quote_identifier(f->name)), r->items->relation),
			0, NULL, NULL, NULL, list_row, r);
	SPI_finish();
	check(r->status);
	n = r->words.view.n;
	order = take(r, n, sizeof(uint32_t));
	check(bmc_dict_order(&r->words, NULL, NULL, order));
	for (size_t e = first; e < r->n; e++)
		r->entry[e].term = f->first_term + order[r->entry[e].term - f->first_term];
	bmc_free(r->mem, order);
	bmc_dict_free(&r->words);
	return n;
}

static void
add_terms(Reader *r)
{
	for (int j = 0; j < r->nfeatures; j++)
	{
		Feature *f = &r->feature[j];
		const BmColumn *c = f->list ? NULL : &r->frame->column[f->at];

		f->first_term = r->nterms;
		if (f->list)
			r->nterms += add_list(r, f);
		else if (c->kind == BM_COLUMN_NUMBER)
		{
			add_bands(r, f, c);
			r->nterms += BANDS;
		}
		else if (c->kind != BM_COLUMN_VECTOR)
		{
			add_words(r, f, c);
			r->nterms += c->kind == BM_COLUMN_BOOL ? 2 : c->dict.view.n;
		}
		bm_interrupts();
	}
}

/* By item, then by term. */
static int
compare_entries(const void *a, const void *b)
{
	const Entry *x = a, *y = b;

	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->term < y->term ? -1 : x->term > y->term;
}

/* Entries to rows; a term that an item has twice (two rows, an element twice) counts once. */
static void
fill_terms(Reader *r, BmSparse *terms)
{
	size_t kept = 0;

	*terms = (BmSparse){.rows = r->log->items.view.n, .cols = r->nterms};
	terms->start = take(r, terms->rows + 1, sizeof(size_t));
	terms->col = take(r, r->n, sizeof(uint32_t));
	terms->value = take(r, r->n, sizeof(float));
	if (r->n > 0)
		qsort(r->entry, r->n, sizeof(Entry), compare_entries);
	for (size_t e = 0; e < r->n; e++)
	{
		if (e > 0 && compare_entries(&r->entry[e - 1], &r->entry[e]) == 0)
			continue;
		terms->start[r->entry[e].item + 1]++;
		terms->col[kept] = r->entry[e].term;
		terms->value[kept++] = r->entry[e].weight;
	}
	for (size_t i = 0; i < terms->rows; i++)
		terms->start[i + 1] += terms->start[i];
	bmc_free(r->mem, r->entry);
}

/* ---- vectors ---- */

/* Side by side; each of unit length times the root of its weight, so that a dot product is the weighted sum. */
static void
fill_vectors(Reader *r, BmItemFeatures *out)
{
	size_t at = 0;
	float *vector;

	for (int j = 0; j < r->nfeatures; j++)
		if (!r->feature[j].list && r->frame->column[r->feature[j].at].kind == BM_COLUMN_VECTOR)
			out->width += r->frame->column[r->feature[j].at].dim;
	if (out->width == 0)
		return;
	out->vector = vector = take(r, bmc_mul(r->log->items.view.n, out->width), sizeof(float));
	for (int j = 0; j < r->nfeatures; j++)
	{
		const BmColumn *c = r->feature[j].list ? NULL : &r->frame->column[r->feature[j].at];

		if (c == NULL || c->kind != BM_COLUMN_VECTOR)
			continue;
		for (size_t row = 0; row < r->frame->n; row++)
		{
			const float *x = c->vector + row * c->dim;
			float *y, norm;

			if (r->code[row] == BM_NONE || bmc_missing(c, row))
				continue;
			y = vector + r->code[row] * out->width + at;
			norm = sqrtf(bmc_dot(x, x, c->dim));
			for (uint32_t d = 0; d < c->dim; d++)
				y[d] = norm > 0.0f ? x[d] / norm * sqrtf((float) r->feature[j].weight) : 0.0f;
		}
		at += c->dim;
		bm_interrupts();
	}
}

const BmItemFeatures *
bm_item_features(BmLog *log, Jsonb *columns, BmWatch *watch)
{
	Reader *r = palloc0(sizeof(Reader));
	BmItemFeatures *out = palloc0(sizeof(BmItemFeatures));

	r->log = log;
	r->mem = log->mem;
	r->watch = watch;
	r->items = bm_items(log->source);
	if (r->items == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("source \"%s\" has no table of items", log->source->name),
						errdetail("Algorithm \"content\" learns what items are from it."),
						errhint("Register the source with it: SELECT * FROM behav_source(%s, "
								"..., items => 'my_items').",
								quote_literal_cstr(log->source->name))));
	if (columns)
		named_columns(r, columns);
	else
		all_columns(r);
	read_frame(r);
	extend_items(r);
	add_terms(r);
	fill_terms(r, &out->terms);
	fill_vectors(r, out);
	if (out->terms.start[out->terms.rows] == 0 && out->width == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("relation %s says nothing of the items", r->items->relation),
				 errdetail("It has %zu rows and %d columns that could.", r->frame->n, r->nfeatures),
				 errhint("Text, numbers, booleans, text[] and real[] say something; name columns "
						 "with the option \"content_columns\".")));
	bmc_frame_free(r->frame);
	bmc_free(r->mem, r->code);
	return out;
}
