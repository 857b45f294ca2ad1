/*
 * funnel_read.c
 *		Conditions without SQL, and one SELECT that reads what a funnel needs of a source.
 *
 * Names of columns are looked up in the catalog and quoted, values travel as parameters: no text of
 * the caller becomes part of a statement.
 */
#include "pattern/funnel_read.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/memory.h"
#include "pg/scan.h"

/* ---- conditions ---- */

static int
add_param(BmConditions *c, Oid type, Datum value)
{
	if (c->nparams == c->capacity)
	{
		c->capacity = Max(16, 2 * c->capacity);
		c->type = c->type ? repalloc(c->type, sizeof(Oid) * c->capacity)
						  : palloc(sizeof(Oid) * c->capacity);
		c->value = c->value ? repalloc(c->value, sizeof(Datum) * c->capacity)
							: palloc(sizeof(Datum) * c->capacity);
	}
	c->type[c->nparams] = type;
	c->value[c->nparams] = value;
	return ++c->nparams;
}

static char *
event_column(const BmSource *source)
{
	if (source->event == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" has no column of behaviours", source->name),
				 errhint("Register it with event => 'column', or give steps as conditions on other "
						 "columns.")));
	return source->event;
}

/* A column as text, for comparison; as it is where it is text, so that an index can serve. */
static char *
text_column(const BmSource *source, const char *column)
{
	AttrNumber attno = get_attnum(source->relid, column);
	const char *quoted = quote_identifier(column);
	Oid type;

	if (attno <= 0)
	{
		int n;
		char **columns = bm_relation_columns(source->relid, &n);
		const char *nearest = bm_nearest(column, (const char *const *) columns, n);

		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation %s does not exist", column, source->relation),
				 nearest ? errhint("Did you mean \"%s\"?", nearest) : 0));
	}
	type = getBaseType(get_atttype(source->relid, attno));
	return type == TEXTOID ? pstrdup(quoted) : psprintf("%s::pg_catalog.text", quoted);
}

static BmCondition *
next_condition(BmConditions *c)
{
	if (c->n == BM_MAX_STEPS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a funnel has 1 to %d steps, exclusions included", BM_MAX_STEPS)));
	return &c->condition[c->n++];
}

void
bm_condition_event(BmConditions *c, const BmSource *source, const char *event)
{
	BmCondition *condition = next_condition(c);

	condition->name = pstrdup(event);
	condition->where =
		psprintf("%s OPERATOR(pg_catalog.=) $%d", text_column(source, event_column(source)),
				 add_param(c, TEXTOID, bm_text_datum(event)));
}

/* A scalar of JSON as a column's text output would be. */
static Datum
scalar_text(const JsonbValue *v, const char *what)
{
	switch (v->type)
	{
	case jbvString:
		return PointerGetDatum(cstring_to_text_with_len(v->val.string.val, v->val.string.len));
	case jbvNumeric:
		return DirectFunctionCall1(
			textin, DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	case jbvBool:
		return bm_text_datum(v->val.boolean ? "true" : "false");
	default:
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of the funnel has a value that is no text, number or boolean", what)));
	}
	return (Datum) 0;
}

/* "column = value", "column = ANY (values)", or "column IS NULL". */
static void
append_equality(StringInfo sql, BmConditions *c, const char *column, const JsonbValue *v,
				const char *what)
{
	JsonbValue *elements;
	Datum *values;
	int n;

	if (v->type == jbvNull)
	{
		appendStringInfo(sql, "%s IS NULL", column);
		return;
	}
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
	{
		appendStringInfo(sql, "%s OPERATOR(pg_catalog.=) $%d", column,
						 add_param(c, TEXTOID, scalar_text(v, what)));
		return;
	}
	elements = bm_jsonb_elements(JsonbValueToJsonb((JsonbValue *) v), &n);
	values = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
		values[i] = scalar_text(&elements[i], what);
	appendStringInfo(
		sql, "%s OPERATOR(pg_catalog.=) ANY ($%d)", column,
		add_param(c, TEXTARRAYOID,
				  PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT))));
}

static bool
is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

void
bm_condition_json(BmConditions *c, const BmSource *source, const JsonbValue *v,
				  const char *const *skip, const char *what)
{
	BmCondition *condition;
	JsonbIterator *it;
	JsonbValue key, value;
	StringInfoData sql;
	JsonbIteratorToken token;

	if (v->type == jbvString)
	{
		bm_condition_event(c, source, pnstrdup(v->val.string.val, v->val.string.len));
		return;
	}
	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of the funnel is neither a name nor an object", what),
				 errhint("Write \"view\", or {\"event\": \"view\", \"category\": \"shoes\"}.")));
	condition = next_condition(c);
	initStringInfo(&sql);
	it = JsonbIteratorInit(v->val.binary.data);
	(void) JsonbIteratorNext(&it, &key, true); /* the object begins */
	while ((token = JsonbIteratorNext(&it, &key, true)) == WJB_KEY)
	{
		char *word = pnstrdup(key.val.string.val, key.val.string.len);

		(void) JsonbIteratorNext(&it, &value, true);
		if (strcmp(word, "name") == 0 || is_one_of(word, skip))
			continue;
		if (sql.len > 0)
			appendStringInfoString(&sql, " AND ");
		append_equality(&sql, c,
						strcmp(word, "event") == 0 ? text_column(source, event_column(source))
												   : text_column(source, word),
						&value, what);
	}
	if (sql.len == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s of the funnel has no condition", what)));
	condition->where = sql.data;
	condition->name = bm_jsonb_field(v->val.binary.data, "name");
	if (condition->name == NULL)
		condition->name = bm_jsonb_field(v->val.binary.data, "event");
	if (condition->name == NULL)
		condition->name = pstrdup(what);
}

/* ---- reading ---- */

typedef struct Reader
{
	BmFunnelEvents *e;
	const BmSource *source;
	int conditions;
	bool breakdown, user_int;
	int64 last_user; /* of an integer type: rows come in runs */
	uint32_t last_code;
} Reader;

static void
read_check(BmStatus status, const Reader *r)
{
	if (status == BM_ENOMEM && !bm_memory_system_refused())
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("a funnel over source \"%s\" needs more memory than "
							   "behavmine.max_memory allows",
							   r->source->name),
						errdetail("After %zu events %s are in use; the limit is %s.", r->e->n,
								  bm_size_text(r->e->mem->used), bm_size_text(r->e->mem->limit)),
						errhint("Raise behavmine.max_memory, or read less with since and until.")));
	bm_check(status, psprintf("read source \"%s\"", r->source->name), NULL);
}

static void
make_room(Reader *r)
{
	BmFunnelEvents *e = r->e;
	size_t capacity = e->capacity ? e->capacity + e->capacity / 2 : 65536;
	void *user, *time, *word, *group = NULL;

	if (capacity > PG_INT32_MAX)
		read_check(BM_ELIMIT, r);
	/* each is taken over at once: realloc has freed the old block */
	if ((user = bmc_realloc(e->mem, e->user, capacity, sizeof(*e->user))))
		e->user = user;
	if ((time = bmc_realloc(e->mem, e->time, capacity, sizeof(*e->time))))
		e->time = time;
	if ((word = bmc_realloc(e->mem, e->word, capacity, sizeof(*e->word))))
		e->word = word;
	if (r->breakdown && (group = bmc_realloc(e->mem, e->group, capacity, sizeof(*e->group))))
		e->group = group;
	if (!user || !time || !word || (r->breakdown && !group))
		read_check(BM_ENOMEM, r);
	e->capacity = capacity;
}

static uint32_t
text_code(Reader *r, BmDict *dict, Datum d)
{
	struct varlena *t = PG_DETOAST_DATUM_PACKED(d);
	uint32_t code;

	read_check(bmc_dict_put_bytes(dict, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), &code), r);
	if ((Pointer) t != DatumGetPointer(d))
		pfree(t);
	return code;
}

static uint32_t
user_code(Reader *r, Datum d)
{
	if (!r->user_int)
		return text_code(r, &r->e->users, d);
	if (r->last_code == BM_NONE || DatumGetInt64(d) != r->last_user)
	{
		r->last_user = DatumGetInt64(d);
		read_check(bmc_dict_put_int(&r->e->users, r->last_user, &r->last_code), r);
	}
	return r->last_code;
}

/* BmRowFn: user, time, conditions..., breakdown. */
static void
read_row(void *arg, TupleTableSlot *slot)
{
	Reader *r = arg;
	BmFunnelEvents *e = r->e;
	const Datum *values = slot->tts_values;
	const bool *isnull = slot->tts_isnull;
	uint64 word = BM_FUNNEL_NOTHING;

	if (isnull[0] || isnull[1] || TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(values[1])))
	{
		e->ignored++;
		return;
	}
	for (int c = 0; c < r->conditions; c++)
		if (!isnull[2 + c] && DatumGetBool(values[2 + c]))
			word ^= bmc_funnel_bit(c);
	e->met |= ~word;
	if (e->n == e->capacity)
		make_room(r);
	e->user[e->n] = user_code(r, values[0]);
	e->time[e->n] = DatumGetTimestampTz(values[1]);
	e->word[e->n] = word;
	if (r->breakdown)
		e->group[e->n] = isnull[2 + r->conditions]
							 ? BM_NONE
							 : text_code(r, &e->groups, values[2 + r->conditions]);
	e->n++;
}

/* since and until in the column's own terms where an index can then serve them. */
static void
append_range(StringInfo sql, const BmSource *s, BmConditions *c, int64 since, int64 until)
{
	bool plain =
		s->ts_type == TIMESTAMPTZOID || s->ts_type == TIMESTAMPOID || s->ts_type == DATEOID;
	char *ts = plain ? pstrdup(quote_identifier(s->ts)) : bm_source_time_expr(s);

	if (since != PG_INT64_MIN)
		appendStringInfo(sql, " AND %s OPERATOR(pg_catalog.>=) $%d", ts,
						 add_param(c, TIMESTAMPTZOID, TimestampTzGetDatum(since)));
	if (until != PG_INT64_MAX)
		appendStringInfo(sql, " AND %s OPERATOR(pg_catalog.<) $%d", ts,
						 add_param(c, TIMESTAMPTZOID, TimestampTzGetDatum(until)));
}

void
bm_funnel_read(BmFunnelEvents *e, const BmSource *s, const BmConditions *conditions, bool keep_all,
			   const char *breakdown, int64 since, int64 until, BmMem *mem)
{
	BmConditions c = *conditions; /* the range adds parameters */
	Reader r = {.e = e, .source = s, .conditions = c.n, .breakdown = breakdown != NULL};
	StringInfoData sql;

	memset(e, 0, sizeof(*e));
	e->mem = mem;
	r.user_int = s->user_int;
	r.last_code = BM_NONE;
	read_check(bmc_dict_init(&e->users, s->user_int ? BM_KEY_INT : BM_KEY_BYTES, mem), &r);
	read_check(bmc_dict_init(&e->groups, BM_KEY_BYTES, mem), &r);
	SPI_connect();
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, %s", bm_source_user_expr(s), bm_source_time_expr(s));
	for (int i = 0; i < c.n; i++)
		appendStringInfo(&sql, ", %s", c.condition[i].where);
	if (breakdown)
		appendStringInfo(&sql, ", %s", text_column(s, breakdown));
	appendStringInfo(&sql, " FROM %s WHERE ", s->relation);
	if (keep_all)
		appendStringInfoString(&sql, "true");
	for (int i = 0; i < c.n && !keep_all; i++)
		appendStringInfo(&sql, "%s%s%s", i == 0 ? "((" : " OR (", c.condition[i].where,
						 i == c.n - 1 ? "))" : ")");
	append_range(&sql, s, &c, since, until);
	(void) bm_scan(sql.data, c.nparams, c.type, c.value, NULL, read_row, &r);
	SPI_finish();
}
