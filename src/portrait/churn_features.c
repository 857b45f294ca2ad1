/*
 * churn_features.c
 *		Customers at cuts in time as SQL; behav_churn_features. See churn.h.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "event/items.h"
#include "model/query.h"
#include "portrait/churn.h"
#include "portrait/value_model.h"

#define AT(field) offsetof(BmChurnOptions, field)

const BmOptionSpec bm_churn_options[] = {
	{"time_zone", BM_OPT_TEXT, AT(time_zone), NULL, 0, 0, NULL,
	 "Zone whose clock days and hours are of; default: the session's."},
	{"amount", BM_OPT_ENUM, AT(amount), "auto", 0, 0, "auto|total",
	 "auto: value times quantity where there are both; total: value is the amount of the row."},
	{"active", BM_OPT_INT, AT(active), "0", 0, 36500, NULL,
	 "Only customers who bought in so many days before the cut; 0: all who ever bought."},
	{"category", BM_OPT_TEXT, AT(category), NULL, 0, 0, NULL,
	 "Column of the source's table of items; how many of its values a customer bought is a "
	 "feature."},
	{"cuts", BM_OPT_INT, AT(cuts), "4", 3, BM_CHURN_MAX_CUTS, NULL,
	 "At most so many cuts, a horizon apart: the last is tested on, the one before it validated "
	 "on."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* What a feature needs beside customers and times. */
enum
{
	NEEDS_NOTHING,
	NEEDS_AMOUNT,
	NEEDS_SOURCE,
	NEEDS_CATEGORY
};

static const struct
{
	const char *name, *sql;
	int needs;
} features[] = {
	{"recency", "day_of(p.cut) - day_of(last)", NEEDS_NOTHING},
	{"tenure", "day_of(p.cut) - day_of(first)", NEEDS_NOTHING},
	{"purchases", "purchases", NEEDS_NOTHING},
	{"frequency", "30 * purchases / greatest(day_of(p.cut) - day_of(first), 30)", NEEDS_NOTHING},
	{"gap_mean", "gap_mean", NEEDS_NOTHING},
	{"gap_sd", "gap_sd", NEEDS_NOTHING},
	{"recency_gaps", "(day_of(p.cut) - day_of(last)) / gap_mean", NEEDS_NOTHING},
	{"recent", "recent", NEEDS_NOTHING},
	{"trend", "recent - before", NEEDS_NOTHING},
	{"weekend", "weekend", NEEDS_NOTHING},
	{"evening", "evening", NEEDS_NOTHING},
	{"total", "total", NEEDS_AMOUNT},
	{"basket", "total / purchases", NEEDS_AMOUNT},
	{"recent_total", "coalesce(recent_total, 0)", NEEDS_AMOUNT},
	{"returned", "coalesce(returned, 0)", NEEDS_AMOUNT},
	{"items", "items", NEEDS_SOURCE},
	{"events", "events", NEEDS_SOURCE},
	{"active_days", "active_days", NEEDS_SOURCE},
	{"idle", "day_of(p.cut) - day_of(seen)", NEEDS_SOURCE},
	{"categories", "categories", NEEDS_CATEGORY}};

static bool
has_feature(const BmChurn *c, int f)
{
	switch (features[f].needs)
	{
	case NEEDS_AMOUNT:
		return c->sales->amount != NULL;
	case NEEDS_SOURCE:
		return c->sales->registered;
	case NEEDS_CATEGORY:
		return c->category != NULL;
	}
	return true;
}

char **
bm_churn_features(const BmChurn *c, int *n)
{
	char **name = palloc(sizeof(char *) * lengthof(features));

	*n = 0;
	for (int f = 0; f < lengthof(features); f++)
		if (has_feature(c, f))
			name[(*n)++] = pstrdup(features[f].name);
	return name;
}

BmChurn *
bm_churn(const char *source, const BmSalesColumns *columns, int64 horizon,
		 const BmChurnOptions *options)
{
	BmSalesOptions sales = {.time_zone = options->time_zone, .amount = options->amount};
	BmChurn *c = palloc0(sizeof(BmChurn));
	BmItems *items;

	c->sales = bm_sales(source, columns, &sales, true);
	c->options = *options;
	c->horizon = horizon;
	if (options->category == NULL)
		return c;
	items = c->sales->registered ? bm_items(c->sales->source) : NULL;
	if (items == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"category\" needs a source with a table of items"),
						errhint("Register one: behav_source(..., items => '<table>').")));
	c->items = items->relation;
	c->items_key = psprintf("_item.%s", quote_identifier(items->key));
	c->category =
		psprintf("_item.%s", bm_items_column(items, options->category, "option \"category\""));
	return c;
}

/* ---- SQL ---- */

char *
bm_instant_sql(TimestampTz t)
{
	/* in two parts: a literal of microseconds alone is limited to 32 bits of seconds in places */
	return psprintf("('2000-01-01 00:00+00'::timestamptz + '%lld seconds'::interval + "
					"'%lld microseconds'::interval)",
					(long long) (t / USECS_PER_SEC), (long long) (t % USECS_PER_SEC));
}

/* Text with day_of(x) written out: days of an instant. */
static char *
expanded(const char *sql)
{
	StringInfoData s;
	const char *at;

	initStringInfo(&s);
	while ((at = strstr(sql, "day_of(")) != NULL)
	{
		const char *end = strchr(at, ')');

		appendBinaryStringInfo(&s, sql, (int) (at - sql));
		appendStringInfo(&s, "(extract(epoch FROM %.*s)::float8 / 86400)", (int) (end - at - 7),
						 at + 7);
		sql = end + 1;
	}
	appendStringInfoString(&s, sql);
	return s.data;
}

/* Rows that count: u, t, day, amount, bought, item, category. */
static char *
events_sql(const BmChurn *c, const char *of)
{
	const BmSales *s = c->sales;
	char *local = psprintf("((%s) AT TIME ZONE %s)", s->ts, quote_literal_cstr(s->zone));
	char *item = bm_source_item_expr(s->source);

	return psprintf(
		"SELECT _e.u, _e.t, _e.day, _e.hour, _e.a, _e.bought, _e.i, %s AS category FROM (SELECT "
		"%s AS u, %s AS t, date_trunc('day', %s) AS day, extract(hour FROM %s) AS hour, %s AS a, "
		"(%s) AS bought, %s AS i FROM %s WHERE %s%s) AS _e%s",
		c->category ? psprintf("%s::text", c->category) : "NULL::text", s->user, s->ts, local,
		local, s->amount ? s->amount : "NULL::float8", s->bought, item, s->source->relation,
		s->valid, of,
		c->items
			? psprintf(" LEFT JOIN %s AS _item ON %s::text = _e.i::text", c->items, c->items_key)
			: "");
}

/* A list of cuts as rows. */
static char *
cuts_sql(const TimestampTz *cut, int n)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; i < n; i++)
		appendStringInfo(&s, "%s(%s)", i ? ", " : "", bm_instant_sql(cut[i]));
	return s.data;
}

char *
bm_churn_sql(const BmChurn *c, const TimestampTz *cut, int ncuts, TimestampTz until, const char *of)
{
	/* what makes a day one with a purchase: returns of the day do not take back all of it */
	const char *kept = "NOT (coalesce(min(e.a) < 0, false) AND coalesce(sum(e.a) <= 1e-9, false))";
	char *h = psprintf("'%lld microseconds'::interval", (long long) c->horizon);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "WITH e AS MATERIALIZED (%s), c (cut) AS (VALUES %s), ", events_sql(c, of),
					 cuts_sql(cut, ncuts));
	appendStringInfo(
		&s,
		"d AS (SELECT c.cut, e.u, e.day, max(e.t) AS t, min(e.t) AS t0, sum(e.a) AS a, "
		"max(e.hour) AS hour FROM c JOIN e ON e.t < c.cut WHERE e.bought GROUP BY 1, 2, 3 HAVING "
		"%s), "
		"g AS (SELECT *, extract(epoch FROM day - lag(day) OVER (PARTITION BY cut, u ORDER BY "
		"day))::float8 / 86400 AS gap FROM d), ",
		kept);
	appendStringInfo(
		&s,
		"p AS (SELECT cut, u, min(t0) AS first, max(t) AS last, count(*)::float8 AS purchases, "
		"avg(gap) AS gap_mean, stddev_samp(gap) AS gap_sd, sum(a) AS total, "
		"sum(a) FILTER (WHERE t >= cut - %1$s) AS recent_total, "
		"(count(*) FILTER (WHERE t >= cut - %1$s))::float8 AS recent, "
		"(count(*) FILTER (WHERE t < cut - %1$s AND t >= cut - %1$s - %1$s))::float8 AS before, "
		"avg((extract(isodow FROM day) > 5)::int)::float8 AS weekend, "
		"avg((hour >= 18)::int)::float8 AS evening FROM g GROUP BY 1, 2), ",
		h);
	appendStringInfo(
		&s,
		"x AS (SELECT c.cut, e.u, max(e.t) AS seen, "
		"(count(*) FILTER (WHERE e.t >= c.cut - %1$s))::float8 AS events, "
		"(count(DISTINCT e.day) FILTER (WHERE e.t >= c.cut - %1$s))::float8 AS active_days, "
		"(count(DISTINCT e.i) FILTER (WHERE e.bought))::float8 AS items, "
		"(count(DISTINCT e.category) FILTER (WHERE e.bought))::float8 AS categories, "
		"sum(e.a) FILTER (WHERE e.bought AND e.a < 0) AS returned "
		"FROM c JOIN e ON e.t < c.cut GROUP BY 1, 2), ",
		h);
	appendStringInfo(&s,
					 "b AS (SELECT DISTINCT c.cut, e.u FROM c JOIN e ON e.t >= c.cut AND e.t < "
					 "c.cut + %s WHERE e.bought GROUP BY c.cut, e.u, e.day HAVING %s) "
					 "SELECT p.u::text AS user_id, p.cut",
					 h, kept);
	for (int f = 0; f < lengthof(features); f++)
		appendStringInfo(&s, ", (%s)::float8 AS %s",
						 has_feature(c, f) ? expanded(psprintf("%s", features[f].sql)) : "NULL",
						 features[f].name);
	appendStringInfo(
		&s,
		", CASE WHEN p.cut + %s <= %s THEN b.u IS NULL END AS churned FROM (SELECT p.*, x.seen, "
		"x.events, x.active_days, x.items, x.categories, x.returned FROM p JOIN x USING (cut, u)) "
		"AS p LEFT JOIN b ON b.cut = p.cut AND b.u = p.u",
		h, bm_instant_sql(until));
	if (c->options.active > 0)
		appendStringInfo(&s, " WHERE p.last >= p.cut - '%d days'::interval", c->options.active);
	return s.data;
}

bool
bm_churn_span(const BmChurn *c, const char *of, TimestampTz *first, TimestampTz *last)
{
	const BmSales *s = c->sales;
	uint64 n;

	SPI_connect();
	n = bm_read(psprintf("SELECT (extract(epoch FROM min(t) - %1$s) * 1000000)::int8, "
						 "(extract(epoch FROM max(t) - %1$s) * 1000000)::int8 FROM (SELECT %2$s "
						 "AS t FROM %3$s WHERE %4$s%5$s) AS e HAVING count(*) > 0",
						 bm_instant_sql(0), s->ts, s->source->relation, s->valid, of),
				0, NULL);
	if (n > 0)
	{
		*first = bm_row_int8(0, 1);
		*last = bm_row_int8(0, 2);
	}
	SPI_finish();
	return n > 0;
}

/* ---- stored ---- */

static void
append_text(StringInfo s, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(s, "\"%s\":", key);
	escape_json(s, value);
	appendStringInfoChar(s, ',');
}

Jsonb *
bm_churn_jsonb(const BmChurn *c, TimestampTz until)
{
	const BmSource *source = c->sales->source;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"churn\":{");
	append_text(&s, c->sales->registered ? "source" : "relation", source->name);
	append_text(&s, "time_zone", c->sales->zone);
	append_text(&s, "category", c->options.category);
	if (!c->sales->registered)
	{
		append_text(&s, "user_id", source->user_id);
		append_text(&s, "ts", source->ts);
		append_text(&s, "value", source->value);
		append_text(&s, "quantity", source->quantity);
	}
	appendStringInfo(&s, "\"horizon\":%lld,\"amount\":%d,\"active\":%d,\"until\":%lld}}",
					 (long long) c->horizon, c->options.amount, c->options.active,
					 (long long) until);
	return bm_jsonb_parse(s.data);
}

BmChurn *
bm_churn_stored(const BmVersion *v, TimestampTz *until)
{
	JsonbValue *member = v->encoder && JB_ROOT_IS_OBJECT(v->encoder)
							 ? getKeyJsonValueFromContainer(&v->encoder->root, "churn", 5, NULL)
							 : NULL;
	BmSalesColumns columns = {.relation = InvalidOid};
	BmChurnOptions options;
	double horizon;
	Jsonb *json;
	char *relation;

	if (member == NULL || member->type != jbvBinary)
		ereport(
			ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("model \"%s\" does not know who leaves", v->model),
			 errhint("Make one that does: SELECT * FROM behav_churn('my_churn', 'my_source').")));
	json = JsonbValueToJsonb(member);
	horizon = bm_json_number(json, "horizon");
	if (!(horizon > 0) || isnan(bm_json_number(json, "until")))
		bm_version_damaged(v, NULL, "it lacks its horizon");
	bm_options_parse(&options, bm_churn_options, NULL);
	options.time_zone = bm_json_text(json, "time_zone");
	options.category = bm_json_text(json, "category");
	options.amount = (int) bm_json_number(json, "amount");
	options.active = 0; /* whoever is asked for is answered */
	*until = (TimestampTz) bm_json_number(json, "until");
	relation = bm_json_text(json, "relation");
	if (relation)
	{
		columns.relation =
			DatumGetObjectId(DirectFunctionCall1(regclassin, CStringGetDatum(relation)));
		columns.user_id = bm_json_text(json, "user_id");
		columns.ts = bm_json_text(json, "ts");
		columns.value = bm_json_text(json, "value");
		columns.quantity = bm_json_text(json, "quantity");
	}
	return bm_churn(bm_json_text(json, "source"), &columns, (int64) horizon, &options);
}

/* ---- SQL ---- */

/* behav_churn_features(source, at, horizon, data, user_id, ts, value, quantity, options) */
BM_FUNCTION(behav_churn_features);
Datum
behav_churn_features(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const specs[] = {bm_churn_options};
	BmSalesColumns columns = bm_arg_columns(fcinfo, 3, 4, 5, 6, 7);
	Jsonb *json = PG_ARGISNULL(8) ? NULL : PG_GETARG_JSONB_P(8);
	TimestampTz at, first, last;
	BmChurnOptions options;
	BmChurn *c;
	bool given = bm_arg_instant(fcinfo, 1, "at", &at);

	if (PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"horizon\" must not be null")));
	bm_srf_begin(fcinfo);
	bm_options_check(json, specs, 1, "behav_churn_features");
	bm_options_parse(&options, bm_churn_options, json);
	c = bm_churn(bm_arg_text_or_null(fcinfo, 0), &columns,
				 bm_interval_micros(PG_GETARG_INTERVAL_P(2), "horizon"), &options);
	if (!bm_churn_span(c, "", &first, &last))
		return (Datum) 0;
	if (!given)
		at = last + 1;
	bm_srf_query(fcinfo, bm_churn_sql(c, &at, 1, last + 1, ""), 0, NULL);
	return (Datum) 0;
}
