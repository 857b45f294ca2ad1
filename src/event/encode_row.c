/*
 * encode_row.c
 *		From a composite value or a JSON object to the cells of an encoder's columns.
 */
#include "event/encode_row.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

BmRowReader *
bm_row_reader(BmTableEncoder *encoder)
{
	size_t n = encoder->core.ncolumns;
	BmRowReader *c = palloc0(sizeof(BmRowReader));

	c->encoder = encoder;
	c->context = CurrentMemoryContext;
	c->cell = palloc0(n * sizeof(BmCell));
	c->attribute = palloc(n * sizeof(int));
	c->column = palloc0(n * sizeof(BmFrameColumn));
	c->json_type = palloc0(n * sizeof(Oid));
	c->json_column = palloc0(n * sizeof(BmFrameColumn));
	return c;
}

static int
find_attribute(TupleDesc desc, const char *name)
{
	const char **names = palloc(sizeof(char *) * Max(desc->natts, 1));
	const char *near;
	int n = 0;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute a = TupleDescAttr(desc, i);

		if (a->attisdropped)
			continue;
		if (strcmp(NameStr(a->attname), name) == 0)
			return i;
		names[n++] = NameStr(a->attname);
	}
	near = bm_nearest(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no column \"%s\", which the encoder was fitted on", name),
			 near ? errhint("Perhaps \"%s\" was renamed: give it its old name in a subquery.", near)
				  : errhint("Add it in a subquery, or fit the encoder again.")));
	return -1;
}

/* Where the encoder's columns are in rows of this type. */
static void
look_up_row_type(BmRowReader *c, Oid type, int32 typmod)
{
	const BmTableEncoder *t = c->encoder;
	MemoryContext old = MemoryContextSwitchTo(c->context);
	TupleDesc desc = lookup_rowtype_tupdesc_copy(type, typmod);

	for (int j = 0; j < (int) t->core.ncolumns; j++)
	{
		c->attribute[j] = -1;
		if (!bm_encode_uses(t, j))
			continue;
		c->attribute[j] = find_attribute(desc, t->column[j].name);
		bm_encode_check_type(t, j, &c->column[j], TupleDescAttr(desc, c->attribute[j])->atttypid);
	}
	c->value = palloc(sizeof(Datum) * Max(desc->natts, 1));
	c->null = palloc(sizeof(bool) * Max(desc->natts, 1));
	c->row_type = type;
	c->row_typmod = typmod;
	c->desc = desc;
	MemoryContextSwitchTo(old);
}

static void
check_cell(const BmTableEncoder *t, int j, const BmCell *cell)
{
	const BmEncoderColumn *c = &t->core.column[j];

	if (cell->nonfinite && !c->nonfinite)
		ereport(
			ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION), errmsg("column \"%s\" is not finite", c->name),
			 errdetail("A NaN or an infinity can be no feature, nor can a number beyond 1e150."),
			 errhint("Make it NULL, or fit the encoder with \"non_finite\": \"missing\" for "
					 "this column.")));
	if (c->kind == BM_COLUMN_VECTOR && !cell->missing && cell->len != c->dim)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("column \"%s\" has an array of another length", c->name),
						errdetail("It has %zu elements; the encoder was fitted on %u.", cell->len,
								  c->dim)));
}

const BmCell *
bm_row_cells(BmRowReader *c, HeapTupleHeader row)
{
	BmTableEncoder *t = c->encoder;
	Oid type = HeapTupleHeaderGetTypeId(row);
	int32 typmod = HeapTupleHeaderGetTypMod(row);
	HeapTupleData tuple;

	if (c->desc == NULL || c->row_type != type || c->row_typmod != typmod)
		look_up_row_type(c, type, typmod);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, c->desc, c->value, c->null);
	for (int j = 0; j < (int) t->core.ncolumns; j++)
	{
		int a = c->attribute[j];

		if (a < 0)
		{
			c->cell[j].missing = true;
			continue;
		}
		bm_frame_cell(&c->cell[j], &c->column[j], c->value[a], c->null[a], &t->zone);
		check_cell(t, j, &c->cell[j]);
	}
	return c->cell;
}

/* ---- JSON ---- */

static void
missing_key(const BmRowReader *c, Jsonb *row, const char *name)
{
	JsonbIterator *it = JsonbIteratorInit(&row->root);
	const char **names = palloc(sizeof(char *) * Max(JB_ROOT_COUNT(row), 1)), *near;
	JsonbIteratorToken token;
	JsonbValue v;
	int n = 0;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY)
			names[n++] = pnstrdup(v.val.string.val, v.val.string.len);
	near = bm_nearest(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("the row has no key \"%s\", which the encoder was fitted on", name),
			 near ? errhint("Perhaps \"%s\" is meant; give null for what is not known.", near)
				  : errhint("Give null for what is not known.")));
}

/* The value's text as the input function of the column's type takes it: arrays with braces. */
static char *
value_text(const JsonbValue *v)
{
	char *text;

	if (v->type == jbvString)
		return pnstrdup(v->val.string.val, v->val.string.len);
	if (v->type == jbvBool)
		return pstrdup(v->val.boolean ? "true" : "false");
	if (v->type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	text = JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
	for (char *at = text; *at; at++)
		*at = *at == '[' ? '{' : *at == ']' ? '}' : *at;
	return text;
}

const BmCell *
bm_row_cells_jsonb(BmRowReader *c, Jsonb *row)
{
	BmTableEncoder *t = c->encoder;

	if (!JB_ROOT_IS_OBJECT(row))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a row as JSON must be an object of columns and values")));
	for (int j = 0; j < (int) t->core.ncolumns; j++)
	{
		const char *name = t->column[j].name;
		JsonbValue *v;
		Datum value = (Datum) 0;
		bool null;

		c->cell[j] = (BmCell){.missing = true};
		if (!bm_encode_uses(t, j))
			continue;
		v = getKeyJsonValueFromContainer(&row->root, name, strlen(name), NULL);
		if (v == NULL)
			missing_key(c, row, name);
		if (!OidIsValid(c->json_type[j])) /* as it was in the fit */
		{
			c->json_type[j] =
				DatumGetObjectId(DirectFunctionCall1(regtypein, CStringGetDatum(t->type[j])));
			bm_encode_check_type(t, j, &c->json_column[j], c->json_type[j]);
		}
		null = v->type == jbvNull;
		if (!null)
		{
			Oid input, ioparam;

			getTypeInputInfo(c->json_type[j], &input, &ioparam);
			value = OidInputFunctionCall(input, value_text(v), ioparam, -1);
		}
		bm_frame_cell(&c->cell[j], &c->json_column[j], value, null, &t->zone);
		check_cell(t, j, &c->cell[j]);
	}
	return c->cell;
}

/* ---- showing ---- */

char *
bm_row_value(const BmRowReader *c, int j)
{
	int a = c->attribute[j];
	Oid output;
	bool varlena;

	if (c->desc == NULL || a < 0 || c->null[a])
		return NULL;
	getTypeOutputInfo(TupleDescAttr(c->desc, a)->atttypid, &output, &varlena);
	return OidOutputFunctionCall(output, c->value[a]);
}
