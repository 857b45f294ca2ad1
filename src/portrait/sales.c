/*
 * sales.c
 *		What a purchase is, as conditions and expressions of SQL.
 *
 * Rows of one customer in one period (a day on the clock of a zone) are one purchase. Its amount is the sum of
 * its rows, returns and cancellations (amounts below zero) included. A period whose returns take back all
 * of it is no purchase; what it took back beyond is counted as returned.
 */
#include "portrait/sales.h"

#include <math.h>

#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "pgtime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "event/behaviour.h"

const BmOptionSpec bm_sales_options[] = {
	{"time_zone", BM_OPT_TEXT, offsetof(BmSalesOptions, time_zone), NULL, 0, 0, NULL,
	 "Zone whose clock days are counted on; default: the session's."},
	{"period", BM_OPT_ENUM, offsetof(BmSalesOptions, period), "day", 0, 0, "day|instant",
	 "Purchases of one customer on one day, or at one instant, are one purchase."},
	{"amount", BM_OPT_ENUM, offsetof(BmSalesOptions, amount), "auto", 0, 0, "auto|total",
	 "auto: value times quantity where there are both; total: value is the amount of the row."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* ---- arguments ---- */

static char *
name_argument(FunctionCallInfo fcinfo, int i)
{
	return i < 0 ? NULL : bm_arg_text_or_null(fcinfo, i);
}

BmSalesColumns
bm_arg_columns(FunctionCallInfo fcinfo, int relation, int user_id, int ts, int value, int quantity)
{
	return (BmSalesColumns){.relation =
								PG_ARGISNULL(relation) ? InvalidOid : PG_GETARG_OID(relation),
							.user_id = name_argument(fcinfo, user_id),
							.ts = name_argument(fcinfo, ts),
							.value = name_argument(fcinfo, value),
							.quantity = name_argument(fcinfo, quantity)};
}

bool
bm_arg_instant(FunctionCallInfo fcinfo, int i, const char *name, TimestampTz *t)
{
	if (PG_ARGISNULL(i))
		return false;
	*t = PG_GETARG_TIMESTAMPTZ(i);
	if (TIMESTAMP_NOT_FINITE(*t))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be a finite time", name)));
	return true;
}

char *
bm_sales_name(const BmSales *s)
{
	return s->registered ? psprintf("source \"%s\"", s->source->name)
						 : psprintf("relation %s", s->source->relation);
}

/* ---- zones ---- */

static const char *
checked_zone(const char *name)
{
	pg_tz *tz = name ? pg_tzset(name) : session_timezone;

	if (!tz || !pg_tz_acceptable(tz))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" does not exist", name),
				 errhint("Use a full name, as 'Europe/Berlin' or 'UTC': view pg_timezone_names "
						 "lists them all.")));
	return name ? name : pg_get_timezone_name(tz);
}

TimestampTz
bm_sales_instant(const BmSales *s, double day)
{
	int64 local = (int64) rint(day * (double) USECS_PER_DAY);

	if (s->options.period == BM_PURCHASE_INSTANT)
		return local;
	return DatumGetTimestampTz(
		DirectFunctionCall2(timestamp_zone, bm_text_datum(s->zone), TimestampGetDatum(local)));
}

double
bm_sales_day(const BmSales *s, TimestampTz t)
{
	if (s->options.period == BM_PURCHASE_INSTANT)
		return (double) t / (double) USECS_PER_DAY;
	return floor((double) DatumGetTimestamp(DirectFunctionCall2(
					 timestamptz_zone, bm_text_datum(s->zone), TimestampTzGetDatum(t))) /
				 (double) USECS_PER_DAY);
}

/* ---- what rows count ---- */

/* 22000: no behaviour of the source is a purchase; the detail names those that there are. */
static void
no_purchases(const BmSource *source, const char *names)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("source \"%s\" has no purchases", source->name),
			 errdetail("Its behaviours are %s.", names[0] ? names : "none: it has no rows"),
			 errhint("Say which of them are: register it again with behav_source(..., options "
					 "=> '{\"purchase_events\": [\"order\"]}').")));
}

/* A condition that the row's behaviour is a purchase. SPI is not connected. */
static char *
purchase_condition(const BmSource *source)
{
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData list, names;
	const char *column = quote_identifier(source->event);

	initStringInfo(&list);
	initStringInfo(&names);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT coalesce(nullif(%s::pg_catalog.text, ''), '" BM_NO_BEHAVIOUR
							 "') FROM %s GROUP BY 1 ORDER BY 1 LIMIT 1000",
							 column, source->relation),
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the behaviours of %s", source->relation);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		char *name = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		BmBehaviour b = bm_behaviour(&source->options, name);

		if (i < 20)
			appendStringInfo(&names, "%s\"%s\"", i ? ", " : "", name);
		if (b.purchase && !b.ignored)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_literal_cstr(name));
	}
	MemoryContextSwitchTo(caller);
	if (list.len == 0)
		no_purchases(source, names.data);
	SPI_finish();
	return psprintf("coalesce(nullif(%s::pg_catalog.text, ''), '" BM_NO_BEHAVIOUR "') IN (%s)",
					column, list.data);
}

static char *
number_expr(const char *column)
{
	/* what is not finite is not known */
	return psprintf("CASE WHEN %1$s::pg_catalog.float8 OPERATOR(pg_catalog.<) 'Infinity' AND "
					"%1$s::pg_catalog.float8 OPERATOR(pg_catalog.>) '-Infinity' THEN "
					"%1$s::pg_catalog.float8 END",
					quote_identifier(column));
}

/* A condition that leaves out rows without a customer or a possible time, and other behaviours. */
static char *
row_condition(const BmSales *s, bool needs_user)
{
	const BmSource *source = s->source;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "pg_catalog.isfinite(%s)", s->ts);
	if (source->options.min_time)
		appendStringInfo(&sql, " AND %s OPERATOR(pg_catalog.>=) %s::pg_catalog.timestamptz", s->ts,
						 quote_literal_cstr(source->options.min_time));
	if (source->options.max_time)
		appendStringInfo(&sql, " AND %s OPERATOR(pg_catalog.<=) %s::pg_catalog.timestamptz", s->ts,
						 quote_literal_cstr(source->options.max_time));
	else
		appendStringInfo(&sql,
						 " AND %s OPERATOR(pg_catalog.<=) (pg_catalog.now() "
						 "OPERATOR(pg_catalog.+) '1 day'::pg_catalog.interval)",
						 s->ts);
	if (needs_user && source->user_int)
		appendStringInfo(&sql, " AND %s IS NOT NULL", s->user);
	else if (needs_user)
		appendStringInfo(&sql, " AND %s OPERATOR(pg_catalog.<>) ''", s->user);
	if (s->registered && source->event)
		appendStringInfo(&sql, " AND %s", purchase_condition(source));
	return sql.data;
}

/* A table as a source that is registered nowhere. */
static BmSource *
source_of_table(const BmSalesColumns *c, bool needs_user)
{
	BmSource *s = palloc0(sizeof(BmSource));

	if ((needs_user && !c->user_id) || !c->ts)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be null with \"data\"", c->ts ? "user_id" : "ts"),
				 errhint("Name the columns: data => 'sales', %sts => 'at', value => 'amount'.",
						 needs_user ? "user_id => 'customer', " : "")));
	s->relid = c->relation;
	s->relation = bm_relation_name(c->relation);
	s->name = s->relation;
	s->ts = c->ts;
	s->user_id = c->user_id ? c->user_id : c->ts;
	s->item_id = s->user_id;
	s->value = c->value;
	s->quantity = c->quantity;
	bm_options_parse(&s->options, bm_source_options, NULL);
	bm_source_resolve(s);
	return s;
}

BmSales *
bm_sales(const char *source, const BmSalesColumns *columns, const BmSalesOptions *options,
		 bool needs_user)
{
	BmSales *s = palloc0(sizeof(BmSales));

	if (source == NULL && !OidIsValid(columns->relation))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("neither \"source\" nor \"data\" is given"),
						errhint("Name a source of behav_sources, or a table with data => "
								"'sales', user_id => 'customer', ts => 'at', value => 'amount'.")));
	if (source && OidIsValid(columns->relation))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"source\" and \"data\" cannot be given together")));
	s->registered = source != NULL;
	s->source = source ? bm_source_load(source) : source_of_table(columns, needs_user);
	s->options = *options;
	s->zone = checked_zone(options->time_zone);
	s->user = bm_source_user_expr(s->source);
	s->ts = bm_source_time_expr(s->source);
	if (s->source->quantity)
		s->quantity = number_expr(s->source->quantity);
	if (s->source->value)
		s->amount = number_expr(s->source->value);
	if (s->amount && s->quantity && options->amount == BM_AMOUNT_AUTO)
		s->amount = psprintf("(%s) OPERATOR(pg_catalog.*) (%s)", s->amount, s->quantity);
	s->where = row_condition(s, needs_user);
	return s;
}

/* ---- customers ---- */

char *
bm_sales_customers_sql(const BmSales *s, const char *of)
{
	const char *at = psprintf("((%s) AT TIME ZONE %s)", s->ts, quote_literal_cstr(s->zone));
	const char *day = "pg_catalog.date_part('epoch', %s OPERATOR(pg_catalog.-) "
					  "'2000-01-01'::pg_catalog.timestamp) OPERATOR(pg_catalog./) 86400";
	bool instant = s->options.period == BM_PURCHASE_INSTANT;

	if (instant)
		at = psprintf("((%s) AT TIME ZONE 'UTC')", s->ts);
	else
		at = psprintf("pg_catalog.date_trunc('day', %s)", at);
	return psprintf(
		/* the smallest (day, amount) is the first purchase with its amount */
		"SELECT u, pg_catalog.count(*) FILTER (WHERE bought) AS purchases,"
		" pg_catalog.min(k) FILTER (WHERE bought) AS first,"
		" pg_catalog.max(k) FILTER (WHERE bought) AS last,"
		" pg_catalog.sum(s) FILTER (WHERE bought) AS total,"
		" (pg_catalog.min(ARRAY[k, s]) FILTER (WHERE bought))[2] AS first_amount,"
		" coalesce(pg_catalog.sum(s) FILTER (WHERE NOT bought), 0) AS returned"
		" FROM (SELECT u, k, pg_catalog.sum(a) AS s, NOT (coalesce(pg_catalog.min(sign)"
		" OPERATOR(pg_catalog.<) 0, false) AND pg_catalog.sum(sign) OPERATOR(pg_catalog.<=) ("
		/* what is left of a sum by rounding, in whatever order the rows came, is nothing */
		" pg_catalog.sum(pg_catalog.abs(sign)) OPERATOR(pg_catalog.*) 1e-9))"
		" AS bought"
		" FROM (SELECT u, k, a, %5$s AS sign FROM (SELECT %1$s AS u, %2$s AS k, %3$s AS a%6$s"
		" FROM %4$s WHERE %7$s"
		" AND ($1 IS NULL OR %8$s OPERATOR(pg_catalog.<) $1)%9$s) AS e) AS f"
		" GROUP BY u, k) AS p GROUP BY u"
		" HAVING pg_catalog.count(*) FILTER (WHERE bought) OPERATOR(pg_catalog.>) 0",
		s->user, psprintf(day, at), s->amount ? s->amount : "NULL::pg_catalog.float8",
		s->source->relation,
		s->amount     ? "a"
		: s->quantity ? "q"
					  : "NULL::pg_catalog.float8",
		s->amount == NULL && s->quantity ? psprintf(", %s AS q", s->quantity) : "", s->where, s->ts,
		of);
}
