/*
 * window.c
 *		Columns of event windows, and the numbers of one event; see window.h.
 */
#include "event/window.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

static const char *const fixed_name[BM_WINDOW_FIXED] = {
	"event", "item", "gap", "session_position", "item_seen", "time"};

static const char fixed_columns[] =
	"{\"event\": {\"encode\": \"onehot\"}, \"item\": {\"encode\": \"hash\", \"buckets\": 8}, "
	"\"gap\": {\"missing_flag\": \"on\", \"clip\": \"quantile\", \"clip_low\": 0, \"clip_high\": "
	"1}, "
	"\"time\": {\"parts\": [\"hour\", \"weekday\"]}}";

static bool
is_number(Oid type)
{
	return bm_type_is_int(type) || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

static bool
is_category(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID ||
		   type == BOOLOID || type == UUIDOID || get_typtype(type) == TYPTYPE_ENUM;
}

static void
add_extra(BmSource *s, BmExtraColumn *extra, const char *column, bool number)
{
	Oid type;

	if (column == NULL || s->nextra == BM_MAX_EXTRA)
		return;
	type = getBaseType(get_atttype(s->relid, get_attnum(s->relid, column)));
	/* whole numbers of an attribute are as a rule keys: a category, a brand */
	number = number ? is_number(type) : is_number(type) && !bm_type_is_int(type);
	if (!number && !is_category(type) && !bm_type_is_int(type))
		return;
	extra[s->nextra] = (BmExtraColumn){.column = column, .number = number};
	s->extra = extra;
	bm_source_extra(s, s->nextra++, "attributes");
}

void
bm_window_source(BmSource *s)
{
	BmExtraColumn *extra = palloc0(sizeof(BmExtraColumn) * BM_MAX_EXTRA);

	s->nextra = 0;
	add_extra(s, extra, s->value, true);
	for (int i = 0; i < s->nattributes; i++)
		add_extra(s, extra, s->attributes[i], false);
}

void
bm_window_extra(BmSource *s, const BmTableEncoder *e)
{
	BmExtraColumn *extra = palloc0(sizeof(BmExtraColumn) * BM_MAX_EXTRA);

	s->nextra = 0;
	s->extra = extra;
	for (size_t j = BM_WINDOW_FIXED; j < e->core.ncolumns && s->nextra < BM_MAX_EXTRA; j++)
	{
		extra[s->nextra] = (BmExtraColumn){.column = e->column[j].name,
										   .number = e->core.column[j].kind == BM_COLUMN_NUMBER};
		bm_source_extra(s, s->nextra++, "attributes");
	}
}

/* Columns that are no features stay in their places, so that an answer finds them there. */
static void
exclude(BmEncodePlan *plan, Jsonb *names)
{
	if (names == NULL)
		return;
	for (uint32 i = 0; JB_ROOT_IS_ARRAY(names) && i < JB_ROOT_COUNT(names); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&names->root, i);
		bool found = false;

		for (int j = 0; j < plan->n && v->type == jbvString; j++)
			if (strlen(plan->column[j].name) == (size_t) v->val.string.len &&
				memcmp(plan->column[j].name, v->val.string.val, v->val.string.len) == 0)
			{
				plan->spec[j].encode = BM_ENCODE_SKIP;
				found = true;
			}
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("option \"exclude\" names what is no feature of the events"),
					 errhint("The features are event, item, gap, session_position, item_seen, "
							 "time, and the source's value and attributes.")));
	}
}

BmEncodePlan *
bm_window_plan(const BmSource *s, const BmEncodeOptions *options)
{
	int n = BM_WINDOW_FIXED + s->nextra;
	char **name = palloc(sizeof(char *) * n);
	Oid *type = palloc(sizeof(Oid) * n);
	const Oid fixed[BM_WINDOW_FIXED] = {TEXTOID,   TEXTOID,   FLOAT8OID,
										FLOAT8OID, FLOAT8OID, TIMESTAMPTZOID};
	BmEncodeOptions o = *options;
	BmEncodePlan *plan;

	for (int j = 0; j < n; j++)
	{
		const BmExtraColumn *x = j < BM_WINDOW_FIXED ? NULL : &s->extra[j - BM_WINDOW_FIXED];

		name[j] = pstrdup(x ? x->column : fixed_name[j]);
		type[j] = x == NULL ? fixed[j] : x->number ? FLOAT8OID : TEXTOID;
		for (int i = 0; x && i < BM_WINDOW_FIXED; i++)
			if (strcmp(name[j], fixed_name[i]) == 0)
				ereport(ERROR, (errcode(ERRCODE_DUPLICATE_COLUMN),
								errmsg("attribute \"%s\" of source \"%s\" has the name of a "
									   "feature of events",
									   name[j], s->name),
								errhint("Rename the column in a view and register that.")));
	}
	o.columns = options->columns ? bm_jsonb_merge(bm_jsonb_parse(fixed_columns), options->columns)
								 : bm_jsonb_parse(fixed_columns);
	/* of many values only a hash: a window has many rows, and a row need not know each brand */
	o.categories = options->categories
					   ? options->categories
					   : bm_jsonb_parse("{\"buckets\": 16, \"max_categories\": 16}");
	plan = bm_encode_plan_types(name, type, n, &o);
	exclude(plan, options->exclude);
	for (int j = 0; j < n; j++)
	{
		const BmExtraColumn *x = j < BM_WINDOW_FIXED ? NULL : &s->extra[j - BM_WINDOW_FIXED];
		BmFrameColumn *c = &plan->column[j];

		c->category =
			x ? !x->number && bm_type_is_int(x->type) : j == BM_WINDOW_ITEM && s->item_int;
		if (c->category)
			(void) bm_frame_type(c, INT8OID);
	}
	return plan;
}

BmMoment
bm_window_moment(const int64_t *time, const uint64_t *item, size_t i, int64 at, uint64_t now_item,
				 int64 session_gap)
{
	BmMoment m = {NAN, 0.0, 0.0};
	int64 next = at;

	if (i > 0)
		m.gap = log1p((double) (at - time[i - 1]) / 1e6);
	for (size_t k = i; k > 0 && i - k < BM_WINDOW_BACK && next - time[k - 1] <= session_gap; k--)
	{
		next = time[k - 1];
		m.position += 1.0;
	}
	for (size_t k = i; now_item && k > 0 && i - k < BM_WINDOW_BACK; k--)
		m.seen += item[k - 1] == now_item;
	return m;
}
