/*
 * person.c
 *		Which columns a portrait is made of, and one user's events through the index.
 */
#include "portrait/person.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "event/guess.h"

#define MOST_WORDS 8

const BmOptionSpec bm_person_options[] = {
	{"time_zone", BM_OPT_TEXT, offsetof(BmPersonOptions, time_zone), NULL, 0, 0, NULL,
	 "Zone on whose clock hours and days are; default: the session's."},
	{"category", BM_OPT_TEXT, offsetof(BmPersonOptions, column[BM_TALLY_CATEGORY]), NULL, 0, 0,
	 NULL, "Column of the items' table or of the events; default: by its name."},
	{"brand", BM_OPT_TEXT, offsetof(BmPersonOptions, column[BM_TALLY_BRAND]), NULL, 0, 0, NULL,
	 "The same for brands."},
	{"device", BM_OPT_TEXT, offsetof(BmPersonOptions, column[BM_TALLY_DEVICE]), NULL, 0, 0, NULL,
	 "The same for devices."},
	{"list_price", BM_OPT_TEXT, offsetof(BmPersonOptions, list_price), NULL, 0, 0, NULL,
	 "The same for the regular price, from which a discount is counted."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const char *const bm_tally_names[BM_TALLIES] = {"category", "brand", "device"};

/* Names of columns, squeezed (letters and digits), that are taken where none is given. */
static const char *const words[BM_TALLIES + 1][MOST_WORDS] = {
	{"category", "categoryid", "categoryname", "productcategory", "department", "genre"},
	{"brand", "brandname", "vendor", "manufacturer"},
	{"device", "deviceid", "devicetype", "useragent", "platform"},
	{"listprice", "regularprice", "originalprice", "compareatprice", "retailprice"}};

/* ---- columns ---- */

static bool
is_number(Oid relid, const char *column)
{
	char category;
	bool preferred;

	get_type_category_preferred(getBaseType(get_atttype(relid, get_attnum(relid, column))),
								&category, &preferred);
	return category == TYPCATEGORY_NUMERIC;
}

/* Read a column of the events along; -1 when it is only guessed and there is no room. */
static int
read_along(BmPeople *p, const char *column, bool number, const char *what, bool named)
{
	BmSource *s = p->source;

	if (s->nextra == BM_MAX_EXTRA && !named)
		return -1;
	if (s->nextra == BM_MAX_EXTRA)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a portrait reads at most %d columns of the events beside user, "
							   "item, time and behaviour",
							   BM_MAX_EXTRA),
						errhint("Put \"%s\" into the table of items: behav_source(..., items => "
								"'my_items').",
								what)));
	s->extra[s->nextra] = (BmExtraColumn){.column = column, .number = number};
	bm_source_extra(s, s->nextra, what);
	return s->nextra++;
}

/* A column that is named (or NULL) or has one of the usual names, in the items' table or in the events. */
static BmPersonColumn
find_column(BmPeople *p, const char *named, const char *what, const char *const *usual, bool number)
{
	Oid relid[2] = {p->items ? p->items->relid : InvalidOid, p->source->relid};

	for (int r = 0; r < 2; r++)
	{
		char *name = NULL;

		if (!OidIsValid(relid[r]))
			continue;
		if (named && get_attnum(relid[r], named) > 0)
			name = pstrdup(named);
		for (int i = 0; !named && !name && i < MOST_WORDS && usual[i]; i++)
			name = bm_column_like(relid[r], usual[i]);
		if (name == NULL || (number && !named && !is_number(relid[r], name)))
			continue;
		if (number && !is_number(relid[r], name))
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("column \"%s\" of relation %s is no number", name,
								   bm_relation_name(relid[r])),
							errdetail("It was given as option \"%s\".", what)));
		if (r == 0)
			return (BmPersonColumn){name, true, -1};
		r = read_along(p, name, number, what, named != NULL);
		return (BmPersonColumn){r < 0 ? NULL : name, false, r};
	}
	if (named)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("neither the events of source \"%s\" nor its items have a column "
							   "\"%s\"",
							   p->source->name, named),
						errdetail("It was given as option \"%s\".", what)));
	return (BmPersonColumn){NULL, false, -1};
}

static void
new_dict(BmDict *d, BmMem *mem)
{
	bm_check(bmc_dict_init(d, BM_KEY_BYTES, mem), "make portraits", NULL);
}

void
bm_people(BmPeople *out, const char *source, Jsonb *options, BmMem *mem)
{
	static const BmOptionSpec *const specs[] = {bm_person_options};
	BmSource *s;

	memset(out, 0, sizeof(*out));
	bm_options_check(options, specs, 1, "a portrait");
	bm_options_parse(&out->options, bm_person_options, options);
	out->mem = mem;
	s = out->source = bm_source_load(source);
	s->extra = palloc0(sizeof(BmExtraColumn) * BM_MAX_EXTRA);
	s->itemless = true;
	s->options.min_item_count = s->options.min_user_count = 1; /* everybody has a portrait */
	bm_zone_init(&out->zone, out->options.time_zone);
	out->gap = (int64) (s->options.session_gap_minutes * (double) USECS_PER_MINUTE);
	out->items = bm_items(s);
	out->price = s->value ? read_along(out, s->value, true, "value", true) : -1;
	out->quantity = s->quantity ? read_along(out, s->quantity, true, "quantity", true) : -1;
	for (int k = 0; k < BM_TALLIES; k++)
		out->tally[k] =
			find_column(out, out->options.column[k], bm_tally_names[k], words[k], false);
	out->list = find_column(out, out->options.list_price, "list_price", words[BM_TALLIES], true);
	new_dict(&out->events, mem);
	for (int k = 0; k < BM_TALLIES; k++)
		new_dict(&out->names[k], mem);
}

uint32_t
bm_people_code(BmDict *d, const char *name, size_t len)
{
	uint32_t code;

	bm_check(bmc_dict_put_bytes(d, name, len, &code), "make portraits", NULL);
	return code;
}

/* ---- one user ---- */

/* An expression over the columns of both tables; "NULL" where there is none. */
static char *
outer_expr(const BmPersonColumn *c, const char *alias, const char *type)
{
	if (c->name == NULL)
		return psprintf("NULL::pg_catalog.%s", type);
	if (c->of_item)
		return psprintf("i.%s::pg_catalog.%s", quote_identifier(c->name), type);
	return psprintf("e.%s", alias);
}

static char *
inner_expr(const BmPersonColumn *c, const char *alias, const char *type)
{
	if (c->name == NULL || c->of_item)
		return "";
	return psprintf(", %s::pg_catalog.%s AS %s", quote_identifier(c->name), type, alias);
}

/* item, time, behaviour, price, quantity, category, brand, device, list price */
static char *
person_sql(const BmPeople *p)
{
	const BmSource *s = p->source;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT e.item::pg_catalog.text, e.at, e.event, e.price, e.quantity");
	for (int k = 0; k < BM_TALLIES; k++)
		appendStringInfo(&sql, ", %s", outer_expr(&p->tally[k], bm_tally_names[k], "text"));
	appendStringInfo(&sql, ", %s FROM (SELECT %s AS item, %s AS at, %s AS event",
					 outer_expr(&p->list, "list", "float8"), quote_identifier(s->item_id),
					 bm_source_time_expr(s),
					 s->event ? psprintf("%s::pg_catalog.text", quote_identifier(s->event))
							  : "NULL::pg_catalog.text");
	appendStringInfo(&sql, ", %s AS price",
					 s->value ? psprintf("%s::pg_catalog.float8", quote_identifier(s->value))
							  : "NULL::pg_catalog.float8");
	appendStringInfo(&sql, ", %s AS quantity",
					 s->quantity ? psprintf("%s::pg_catalog.float8", quote_identifier(s->quantity))
								 : "NULL::pg_catalog.float8");
	for (int k = 0; k < BM_TALLIES; k++)
		appendStringInfoString(&sql, inner_expr(&p->tally[k], bm_tally_names[k], "text"));
	appendStringInfo(&sql, "%s FROM %s WHERE %s OPERATOR(pg_catalog.=) $1) AS e",
					 inner_expr(&p->list, "list", "float8"), s->relation,
					 s->user_key ? s->user_key : quote_identifier(s->user_id));
	if (p->items) /* as they are, so that an index serves, unless one is a number and the other is not */
		appendStringInfo(
			&sql,
			p->items->key_int == s->item_int
				? " LEFT JOIN %s AS i ON i.%s = e.item"
				: " LEFT JOIN %s AS i ON i.%s::pg_catalog.text = e.item::pg_catalog.text",
			p->items->relation, quote_identifier(p->items->key));
	return sql.data;
}

/* The key as the column's type. */
static Datum
user_datum(const BmSource *s, const char *user, Oid *type)
{
	Oid input, ioparam;

	*type = s->user_key ? TEXTOID : s->user_type;
	getTypeInputInfo(*type, &input, &ioparam);
	return OidInputFunctionCall(input, (char *) user, ioparam, -1);
}

/* An event with what orders it among others of the same time, as the log does. */
typedef struct Row
{
	BmPortraitEvent e;
	uint64 tie;
	const char *name; /* of the behaviour */
	bool ignored;
} Row;

static int
compare_rows(const void *a, const void *b)
{
	const Row *x = a, *y = b;

	if (x->e.time != y->e.time)
		return x->e.time < y->e.time ? -1 : 1;
	if (x->tie != y->tie)
		return x->tie < y->tie ? -1 : 1;
	if (x->e.weight != y->e.weight)
		return x->e.weight < y->e.weight ? -1 : 1;
	return strcmp(x->name, y->name);
}

static double
number_of(uint64 i, int column)
{
	bool null;
	Datum d = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, &null);

	return null || !isfinite(DatumGetFloat8(d)) ? NAN : DatumGetFloat8(d);
}

static char *
text_of(uint64 i, int column)
{
	char *s = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column);

	return s && *s ? s : NULL;
}

/* Row i of the result; false for what cleaning leaves out. */
static bool
row_of(Row *r, BmPeople *p, uint64 user_hash, int64 min_time, int64 max_time, uint64 i)
{
	const BmSource *s = p->source;
	bool null;
	Datum at = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &null);
	char *item = text_of(i, 1);
	BmBehaviour b = {.weight = 1.0f, .purchase = true};

	memset(r, 0, sizeof(*r));
	r->e.time = null ? PG_INT64_MIN : DatumGetTimestampTz(at);
	if (r->e.time < min_time || r->e.time > max_time)
		return false;
	r->name = text_of(i, 3);
	if (r->name == NULL)
		r->name = s->event ? BM_NO_BEHAVIOUR : "event";
	if (s->event)
		b = bm_behaviour(&s->options, r->name);
	r->e.local = bm_zone_local(&p->zone, r->e.time);
	r->e.item = item == NULL  ? 0
				: s->item_int ? bm_key_hash_int(strtoll(item, NULL, 10))
							  : bm_key_hash_bytes(item, strlen(item));
	r->tie = bm_tie(user_hash, r->e.item, r->e.time);
	r->e.event = bm_people_code(&p->events, r->name, strlen(r->name));
	r->e.purchase = b.purchase;
	r->e.weight = b.weight;
	r->e.price = number_of(i, 4);
	r->e.quantity = number_of(i, 5);
	for (int k = 0; k < BM_TALLIES; k++)
	{
		char *v = text_of(i, 6 + k);

		r->e.code[k] = v ? bm_people_code(&p->names[k], v, strlen(v)) : BM_NONE;
		r->e.hash[k] = v ? bm_key_hash_bytes(v, strlen(v)) : 0;
	}
	r->e.list = number_of(i, 6 + BM_TALLIES);
	return !b.ignored;
}

static void
add_rows(BmPortrait *out, const BmPeople *p, Row *row, size_t n)
{
	qsort(row, n, sizeof(Row), compare_rows);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !p->source->options.drop_duplicates || row[i].e.time != row[i - 1].e.time ||
			row[i].e.item != row[i - 1].e.item || row[i].e.event != row[i - 1].e.event)
			bmc_portrait_add(out, &row[i].e, p->gap);
}

bool
bm_person_read(BmPortrait *out, BmPeople *p, const char *user)
{
	const BmSourceOptions *o = &p->source->options;
	int64 min_time = o->min_time ? bm_option_time(o->min_time) : DT_NOBEGIN + 1;
	int64 max_time = o->max_time ? Min(bm_option_time(o->max_time), DT_NOEND - 1)
								 : GetCurrentTransactionStartTimestamp() + USECS_PER_DAY;
	Oid type;
	Datum key = user_datum(p->source, user, &type);
	uint64 hash = p->source->user_int ? bm_key_hash_int(strtoll(user, NULL, 10))
									  : bm_key_hash_bytes(user, strlen(user));
	size_t n = 0;
	Row *row;

	bmc_portrait_init(out);
	SPI_connect();
	if (SPI_execute_with_args(person_sql(p), 1, &type, &key, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the events of source \"%s\"", p->source->name);
	row = palloc_extended(sizeof(Row) * Max(SPI_processed, 1), MCXT_ALLOC_HUGE);
	for (uint64 i = 0; i < SPI_processed; i++)
		n += row_of(&row[n], p, hash, Max(min_time, DT_NOBEGIN + 1), max_time, i);
	add_rows(out, p, row, n);
	SPI_finish();
	return out->events > 0;
}
