/*
 * source.c
 *		Loading a registered source: its row in behavmine.source, resolved against the catalog.
 *
 * Names are stored, never OIDs, so a source survives dump and restore; each load looks the
 * relation and its columns up again, and says what has gone.
 */
#include "event/source.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#define OPT(field) offsetof(BmSourceOptions, field)

const BmOptionSpec bm_source_options[] = {
	{"drop_duplicates", BM_OPT_BOOL, OPT(drop_duplicates), "true", 0, 0, NULL,
	 "Keep one of several events with the same user, item, behaviour and time."},
	{"min_item_count", BM_OPT_INT, OPT(min_item_count), "1", 1, 1000000, NULL,
	 "Leave out items with fewer events."},
	{"min_user_count", BM_OPT_INT, OPT(min_user_count), "1", 1, 1000000, NULL,
	 "Leave out users with fewer events."},
	{"robot_events_per_day", BM_OPT_FLOAT, OPT(robot_events_per_day), "5000", 0, 1e9, NULL,
	 "Leave out users with more events per active day; 0 turns the rule off."},
	{"robot_events_per_minute", BM_OPT_FLOAT, OPT(robot_events_per_minute), "120", 0, 1e9, NULL,
	 "Leave out users with more events, purchases apart, in any minute; 0 turns the rule off."},
	{"min_time", BM_OPT_TEXT, OPT(min_time), "1971-01-01", 0, 0, NULL,
	 "Events before this time are impossible."},
	{"max_time", BM_OPT_TEXT, OPT(max_time), NULL, 0, 0, NULL,
	 "Events after this time are impossible; null means a day after now."},
	{"session_gap_minutes", BM_OPT_FLOAT, OPT(session_gap_minutes), "30", 0.01, 525600, NULL,
	 "A pause longer than this begins a new session."},
	{"event_weights", BM_OPT_JSON, OPT(event_weights), NULL, 0, 0, NULL,
	 "Weight of each behaviour, as {\"view\": 1, \"purchase\": 5}; others are guessed by name."},
	{"purchase_events", BM_OPT_JSON, OPT(purchase_events), NULL, 0, 0, NULL,
	 "Behaviours that are purchases, as [\"buy\"]; null guesses by name."},
	{"ignore_events", BM_OPT_JSON, OPT(ignore_events), NULL, 0, 0, NULL,
	 "Behaviours that are left out, as [\"search\"]."},
	{"items_key", BM_OPT_TEXT, OPT(items_key), NULL, 0, 0, NULL,
	 "Column of the table of items that is the item; null means that of item_id's name, else the "
	 "primary key."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

bool
bm_type_is_int(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

bool
bm_type_is_time(Oid type)
{
	return type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID ||
		   bm_type_is_int(type) || type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

char **
bm_relation_columns(Oid relid, int *n)
{
	Relation rel = relation_open(relid, AccessShareLock);
	TupleDesc desc = RelationGetDescr(rel);
	char **names = palloc(sizeof(char *) * Max(desc->natts, 1));

	*n = 0;
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			names[(*n)++] = pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	relation_close(rel, AccessShareLock);
	return names;
}

double
bm_relation_rows(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	double rows;

	if (!HeapTupleIsValid(tuple))
		return 0;
	rows = ((Form_pg_class) GETSTRUCT(tuple))->reltuples;
	ReleaseSysCache(tuple);
	return Max(rows, 0);
}

char *
bm_relation_name(Oid relid)
{
	Oid namespace = get_rel_namespace(relid);
	char *name = get_rel_name(relid);

	if (!name)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE),
						errmsg("relation with OID %u does not exist", relid)));
	return quote_qualified_identifier(
		isTempNamespace(namespace) ? "pg_temp" : get_namespace_name(namespace), name);
}

/* The type of a source's column under its domains; 42703 with the nearest name when it is gone. */
static Oid
column_type(const BmSource *s, const char *column, const char *argument)
{
	AttrNumber attno = get_attnum(s->relid, column);
	char **columns;
	const char *near;
	int n;

	if (attno > 0)
		return getBaseType(get_atttype(s->relid, attno));
	columns = bm_relation_columns(s->relid, &n);
	near = bm_nearest(column, (const char *const *) columns, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" of relation %s does not exist", column, s->relation),
					errdetail("It was given as \"%s\" of source \"%s\".", argument, s->name),
					near ? errhint("Did you mean \"%s\"?", near) : 0));
	return InvalidOid;
}

/* See source.h. */
void
bm_source_extra(BmSource *s, int i, const char *what)
{
	BmExtraColumn *x = &s->extra[i];
	bool preferred;
	char category;

	x->type = column_type(s, x->column, what);
	if (!x->number)
		return;
	get_type_category_preferred(x->type, &category, &preferred);
	if (category != TYPCATEGORY_NUMERIC)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of relation %s is no number: it is of type %s",
							   x->column, s->relation, format_type_be(x->type)),
						errdetail("It was given as \"%s\" of source \"%s\".", what, s->name)));
}

/* Time as text is refused, with the statement that turns it into a time. */
static void
check_time_type(const BmSource *s)
{
	const char *column = quote_identifier(s->ts);
	char kind = get_rel_relkind(s->relid);
	bool table = kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE;

	if (bm_type_is_time(s->ts_type))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of relation %s cannot be a time: it is of type %s", s->ts,
					s->relation, format_type_be(s->ts_type)),
			 errdetail("A time is timestamptz, timestamp, date, or a number of seconds or "
					   "milliseconds since 1970."),
			 table ? errhint("Run ALTER TABLE %s ALTER COLUMN %s TYPE timestamptz USING "
							 "%s::timestamptz; or make a view that casts it.",
							 s->relation, column, column)
				   : errhint("Make a view with %s::timestamptz and register that.", column)));
}

void
bm_source_resolve(BmSource *s)
{
	struct
	{
		const char *column, *argument;
	} optional[] = {{s->event, "event"},
					{s->value, "value"},
					{s->quantity, "quantity"},
					{s->session_id, "session_id"}};

	s->user_type = column_type(s, s->user_id, "user_id");
	s->item_type = column_type(s, s->item_id, "item_id");
	s->ts_type = column_type(s, s->ts, "ts");
	for (int i = 0; i < lengthof(optional); i++)
		if (optional[i].column)
			(void) column_type(s, optional[i].column, optional[i].argument);
	for (int i = 0; i < s->nattributes; i++)
		(void) column_type(s, s->attributes[i], "attributes");
	if (s->user_key)
		s->user_type = InvalidOid; /* read through its text */
	s->user_int = bm_type_is_int(s->user_type);
	s->item_int = bm_type_is_int(s->item_type);
	check_time_type(s);
}

/* 42704: no such source, with the nearest name or the statement that registers one. */
static void
no_such_source(const char *name)
{
	char **names;
	const char *near;
	int n;

	SPI_execute("SELECT name FROM behavmine.source ORDER BY name", true, 0);
	n = (int) SPI_processed;
	names = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		names[i] = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
	near = bm_nearest(name, (const char *const *) names, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("source \"%s\" does not exist", name),
					near ? errhint("Did you mean \"%s\"?", near)
						 : errhint("Register the table of events: SELECT * FROM behav_source(%s, "
								   "'my_events'). View behav_sources lists what there is.",
								   quote_literal_cstr(name))));
}

enum
{
	COL_NAME = 1,
	COL_OWNER,
	COL_RELATION,
	COL_USER,
	COL_ITEM,
	COL_TS,
	COL_EVENT,
	COL_VALUE,
	COL_QUANTITY,
	COL_SESSION,
	COL_ITEMS,
	COL_PRESET,
	COL_ATTRIBUTES,
	COL_OPTIONS,
	COL_RELID
};

static const char load_sql[] =
	"SELECT name, owner, relation, user_id, item_id, ts, event, value, quantity, session_id, items,"
	" preset, attributes::pg_catalog.text[], options, "
	"pg_catalog.to_regclass(relation)::pg_catalog.oid"
	" FROM behavmine.source WHERE name OPERATOR(pg_catalog.=) $1";

/* A field of the row as text in the current context, or NULL. */
static char *
field(int column)
{
	char *value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column);

	return value; /* SPI_getvalue pallocs in the current context */
}

static Datum
field_datum(int column)
{
	bool isnull;
	Datum d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &isnull);

	return isnull ? (Datum) 0 : d;
}

/* The row that load_sql found, copied into the current context. */
static BmSource *
source_from_row(void)
{
	BmSource *s = palloc0(sizeof(BmSource));
	Datum attributes = field_datum(COL_ATTRIBUTES);
	Datum options = field_datum(COL_OPTIONS);

	s->name = field(COL_NAME);
	s->owner = field(COL_OWNER);
	s->relation = field(COL_RELATION);
	s->user_id = field(COL_USER);
	s->item_id = field(COL_ITEM);
	s->ts = field(COL_TS);
	s->event = field(COL_EVENT);
	s->value = field(COL_VALUE);
	s->quantity = field(COL_QUANTITY);
	s->session_id = field(COL_SESSION);
	s->items = field(COL_ITEMS);
	s->preset = field(COL_PRESET);
	s->relid = DatumGetObjectId(field_datum(COL_RELID));
	if (attributes)
	{
		Datum *elems;
		ArrayType *array = DatumGetArrayTypePCopy(attributes);

		deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elems, NULL, &s->nattributes);
		s->attributes = palloc(sizeof(char *) * Max(s->nattributes, 1));
		for (int i = 0; i < s->nattributes; i++)
			s->attributes[i] = TextDatumGetCString(elems[i]);
	}
	bm_options_parse(&s->options, bm_source_options, options ? DatumGetJsonbPCopy(options) : NULL);
	return s;
}

BmSource *
bm_source_load(const char *name)
{
	MemoryContext caller = CurrentMemoryContext;
	Oid type = TEXTOID;
	Datum arg = bm_text_datum(name);
	MemoryContext spi;
	BmSource *s;

	bm_check_state_rights();
	SPI_connect();
	if (SPI_execute_with_args(load_sql, 1, &type, &arg, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read behavmine.source");
	if (SPI_processed == 0)
		no_such_source(name);
	spi = MemoryContextSwitchTo(caller);
	s = source_from_row();
	MemoryContextSwitchTo(spi);
	SPI_finish();

	if (!OidIsValid(s->relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation %s of source \"%s\" does not exist", s->relation, name),
				 errhint("Register the source again with the relation's present name: SELECT "
						 "* FROM behav_source(%s, 'my_events').",
						 quote_literal_cstr(name))));
	bm_source_resolve(s);
	return s;
}

/* A key column as bigint, or as text (the cast, so that char(n) loses its padding). */
static char *
key_expr(const char *column, bool is_int, Oid type)
{
	const char *quoted = quote_identifier(column);

	if (type == INT8OID || type == TEXTOID)
		return pstrdup(quoted);
	return psprintf("%s::pg_catalog.%s", quoted, is_int ? "int8" : "text");
}

char *
bm_source_user_expr(const BmSource *s)
{
	if (s->user_key)
		return pstrdup(s->user_key);
	return key_expr(s->user_id, s->user_int, s->user_type);
}

char *
bm_source_item_expr(const BmSource *s)
{
	return key_expr(s->item_id, s->item_int, s->item_type);
}

/*
 * Numbers count from 1970 and tell their unit by magnitude, value by value: below 1e11 seconds
 * (until the year 5138), below 1e14 milliseconds, else microseconds. What no timestamp can hold is
 * NULL. epoch_micros in read.c is the same for integers.
 */
char *
bm_source_time_expr(const BmSource *s)
{
	const char *quoted = quote_identifier(s->ts);

	if (s->ts_type == TIMESTAMPTZOID)
		return pstrdup(quoted);
	if (s->ts_type == TIMESTAMPOID || s->ts_type == DATEOID)
		return psprintf("%s::pg_catalog.timestamptz", quoted);
	return psprintf(
		"CASE WHEN %1$s::pg_catalog.float8 OPERATOR(pg_catalog.<) -2.1e11 OR"
		" %1$s::pg_catalog.float8 OPERATOR(pg_catalog.>) 9.2e18 THEN NULL"
		" WHEN %1$s::pg_catalog.float8 OPERATOR(pg_catalog.<) 1e11 THEN"
		" pg_catalog.to_timestamp(%1$s::pg_catalog.float8)"
		" WHEN %1$s::pg_catalog.float8 OPERATOR(pg_catalog.<) 1e14 THEN"
		" pg_catalog.to_timestamp(%1$s::pg_catalog.float8 OPERATOR(pg_catalog./) 1e3)"
		" ELSE pg_catalog.to_timestamp(%1$s::pg_catalog.float8 OPERATOR(pg_catalog./) 1e6)"
		" END",
		quoted);
}

/* Does this index serve "user = ? ORDER BY ts"? */
static bool
index_fits(Oid indexid, AttrNumber user, AttrNumber ts)
{
	HeapTuple tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	Form_pg_index form;
	bool fits;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_index) GETSTRUCT(tuple);
	fits = form->indisvalid && form->indnkeyatts >= 2 && form->indkey.values[0] == user &&
		   form->indkey.values[1] == ts && heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tuple);
	return fits;
}

bool
bm_source_has_index(const BmSource *s)
{
	Relation rel = relation_open(s->relid, AccessShareLock);
	AttrNumber user = get_attnum(s->relid, s->user_id);
	AttrNumber ts = get_attnum(s->relid, s->ts);
	ListCell *lc;
	bool found = false;

	foreach (lc, RelationGetIndexList(rel))
		found = found || index_fits(lfirst_oid(lc), user, ts);
	relation_close(rel, AccessShareLock);
	return found;
}

char *
bm_source_index_statement(const BmSource *s)
{
	char kind = get_rel_relkind(s->relid);

	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE && kind != RELKIND_MATVIEW)
		return NULL;
	return psprintf("CREATE INDEX ON %s (%s, %s)", s->relation, quote_identifier(s->user_id),
					quote_identifier(s->ts));
}
