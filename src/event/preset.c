/*
 * preset.c
 *		Event tables as known systems write them: a map of columns where a row is an event, a view
 *		where it is not.
 */
#include "event/preset.h"

#include "catalog/namespace.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

struct BmPreset
{
	const char *name;
	const char *column[BM_ROLES]; /* squeezed names; several as "a|b"; NULL: none */
	char *(*view)(const BmPreset *preset, Oid events); /* its SELECT; NULL: the table itself */
	const char *options;                               /* or NULL */
};

/* The first of "a|b|c" that the relation has, or NULL. */
static char *
first_column(Oid relid, const char *words)
{
	char *copy = pstrdup(words), *save = NULL;

	for (char *word = strtok_r(copy, "|", &save); word; word = strtok_r(NULL, "|", &save))
	{
		char *found = bm_column_like(relid, word);

		if (found)
			return found;
	}
	return NULL;
}

/* A column that the preset cannot do without. */
static char *
required_column(const BmPreset *preset, Oid relid, const char *words)
{
	char *found = first_column(relid, words);

	if (!found)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("relation %s has no column that preset \"%s\" needs",
							   bm_relation_name(relid), preset->name),
						errdetail("It needs one like \"%s\".", words),
						errhint("Leave preset out, and name the columns or have them guessed.")));
	return found;
}

/* A column of the UCI view as it is in the table, or NULL under that name. */
static void
append_column(StringInfo sql, const char *column, const char *as)
{
	if (column)
		appendStringInfo(sql, ", %s AS %s", quote_identifier(column), as);
}

/*
 * Online Retail: invoices beginning with C are cancellations. Columns keep their type, so that an
 * index on (customer, date) serves the view.
 */
static char *
uci_retail_view(const BmPreset *preset, Oid events)
{
	char *invoice = required_column(preset, events, preset->column[BM_ROLE_SESSION]);
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(
		&sql, "SELECT %s AS user_id",
		quote_identifier(required_column(preset, events, preset->column[BM_ROLE_USER])));
	append_column(&sql, required_column(preset, events, preset->column[BM_ROLE_ITEM]), "item_id");
	append_column(&sql, required_column(preset, events, preset->column[BM_ROLE_TS]), "ts");
	appendStringInfo(&sql,
					 ", CASE WHEN %s::pg_catalog.text LIKE 'C%%' THEN 'refund' ELSE 'purchase' END"
					 " AS event",
					 quote_identifier(invoice));
	append_column(&sql, first_column(events, preset->column[BM_ROLE_VALUE]), "value");
	append_column(&sql, first_column(events, preset->column[BM_ROLE_QUANTITY]), "quantity");
	append_column(&sql, invoice, "session_id");
	appendStringInfo(&sql, " FROM %s", bm_relation_name(events));
	return sql.data;
}

/* Google Analytics 4: items nest, so a row of the view is an item of an event. */
#define GA4_VIEW                                                                                   \
	"SELECT coalesce(e.user_id, e.user_pseudo_id) AS user_id, i ->> 'item_id' AS item_id,"         \
	" e.event_name AS event, pg_catalog.to_timestamp(e.event_timestamp / 1e6) AS ts,"              \
	" e.user_pseudo_id || '.' || (SELECT p -> 'value' ->> 'int_value' FROM"                        \
	" pg_catalog.jsonb_array_elements(CASE WHEN"                                                   \
	" pg_catalog.jsonb_typeof(e.event_params) = 'array' THEN e.event_params END) p"                \
	" WHERE p ->> 'key' = 'ga_session_id' LIMIT 1) AS session_id,"                                 \
	" (i ->> 'price')::pg_catalog.float8 AS value,"                                                \
	" (i ->> 'quantity')::pg_catalog.float8 AS quantity,"                                          \
	" e.ecommerce ->> 'transaction_id' AS order_id, e.event_params AS props"                       \
	" FROM %s e LEFT JOIN LATERAL pg_catalog.jsonb_array_elements("                                \
	"CASE WHEN pg_catalog.jsonb_typeof(e.items) = 'array' THEN e.items END) i ON true"

static const char *const ga4_columns[] = {"user_id",         "user_pseudo_id", "event_name",
										  "event_timestamp", "event_params",   "items",
										  "ecommerce"};

static char *
ga4_view(const BmPreset *preset, Oid events)
{
	for (int i = 0; i < lengthof(ga4_columns); i++)
		if (get_attnum(events, ga4_columns[i]) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("relation %s has no column \"%s\" that preset \"%s\" needs",
							bm_relation_name(events), ga4_columns[i], preset->name),
					 errhint("Load the export with event_params, items and ecommerce as jsonb.")));
	return psprintf(GA4_VIEW, bm_relation_name(events));
}

static const BmPreset presets[] = {
	{"rees46",
	 {"userid", "productid", "eventtime", "eventtype", "price", NULL, "usersession"},
	 NULL,
	 NULL},
	{"retailrocket", {"visitorid", "itemid", "timestamp", "event", NULL, NULL, NULL}, NULL, NULL},
	{"uci_retail",
	 {"customerid", "stockcode", "invoicedate", NULL, "unitprice|price", "quantity",
	  "invoiceno|invoice"},
	 uci_retail_view,
	 "{\"ignore_events\": [\"refund\"]}"},
	{"orders",
	 {"customerid|userid|partnerid|customer", "productid|itemid|variantid|sku|product",
	  "createdat|orderdate|dateorder|orderedat", NULL, "price|unitprice|amount", "quantity|qty",
	  "orderid|ordernumber|orderno"},
	 NULL,
	 NULL},
	{"ga4", {NULL}, ga4_view, NULL},
};

const BmPreset *
bm_preset(const char *name)
{
	const char *names[lengthof(presets)];
	const char *near;

	for (int i = 0; i < lengthof(presets); i++)
	{
		if (strcmp(presets[i].name, name) == 0)
			return &presets[i];
		names[i] = presets[i].name;
	}
	near = bm_nearest(name, names, lengthof(presets));
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown preset \"%s\"", name),
					errdetail("Presets are ga4, orders, rees46, retailrocket and uci_retail."),
					near ? errhint("Did you mean \"%s\"?", near)
						 : errhint("Leave preset out to have the columns guessed by name.")));
	return NULL;
}

const char *
bm_preset_options(const BmPreset *preset)
{
	return preset->options;
}

/* The names that the views of presets give to their columns. */
static const char *const view_columns[BM_ROLES] = {"user_id", "item_id",  "ts",        "event",
												   "value",   "quantity", "session_id"};

void
bm_preset_columns(const BmPreset *preset, BmColumns *columns, Oid relid)
{
	for (int role = 0; role < BM_ROLES; role++)
	{
		const char *words = preset->column[role];

		if (columns->name[role])
			continue;
		if (preset->view && get_attnum(relid, view_columns[role]) != InvalidAttrNumber)
			columns->name[role] = pstrdup(view_columns[role]);
		else if (!preset->view && words)
			columns->name[role] = role <= BM_ROLE_EVENT ? required_column(preset, relid, words)
														: first_column(relid, words);
	}
}

Oid
bm_preset_relation(const BmPreset *preset, const char *source, Oid events)
{
	List *path;
	Oid schema;
	char *view = psprintf("behav_src_%s", source);

	if (!preset->view)
		return events;
	path = fetch_search_path(false);
	if (path == NIL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_SCHEMA),
						errmsg("no schema has been selected to create view \"%s\" in", view)));
	if (strlen(view) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("source name \"%s\" is too long for a preset that makes a view", source),
				 errhint("Use a name of at most %d bytes.",
						 NAMEDATALEN - 1 - (int) strlen("behav_src_"))));
	schema = linitial_oid(path);
	SPI_execute(psprintf("CREATE OR REPLACE VIEW %s AS %s",
						 quote_qualified_identifier(get_namespace_name(schema), view),
						 preset->view(preset, events)),
				false, 0);
	CommandCounterIncrement();
	return get_relname_relid(view, schema);
}
