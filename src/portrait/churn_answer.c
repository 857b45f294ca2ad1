/*
 * churn_answer.c
 *		behav_churn_risk, behav_churn_table: how probable it is that a customer does not buy within the
 *		model's horizon; behav_churn_survival: how long customers of a segment stay.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/stat/survival.h"
#include "model/query.h"
#include "pg/scan.h"
#include "portrait/churn.h"

/* ---- risk ---- */

/*
 * Answer for the customers of: a function of their events before at, which defaults to the end of the
 * model's data, or to just after the newest event of these customers where that is later.
 */
static void
answer(FunctionCallInfo fcinfo, const char *model, const char *user, bool has_at, TimestampTz at)
{
	BmParam param = bm_param_text(model);
	BmVersion *v = bm_version_load(model, 0);
	TimestampTz until, first, last;
	BmChurn *c = bm_churn_stored(v, &until);
	char *of = user ? bm_sales_user_condition(c->sales, user) : "";

	if (!has_at)
		at = bm_churn_span(c, of, &first, &last) ? Max(until, last + 1) : until;
	bm_srf_query(
		fcinfo,
		psprintf("SELECT f.user_id, p.probability, f.cut, f.cut + '%lld microseconds'::interval, "
				 "f.recency, f.purchases FROM (%s) AS f CROSS JOIN LATERAL %s.behav_predict($1, f) "
				 "AS p ORDER BY 1",
				 (long long) c->horizon, bm_churn_sql(c, &at, 1, at, of),
				 quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)))),
		1, &param);
}

/* behav_churn_risk(user_id, model, at) */
BM_FUNCTION(behav_churn_risk);
Datum
behav_churn_risk(PG_FUNCTION_ARGS)
{
	TimestampTz at = 0;
	bool has_at = bm_arg_instant(fcinfo, 2, "at", &at), varlena;
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0), out;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"user_id\" must not be null")));
	bm_srf_begin(fcinfo);
	getTypeOutputInfo(type, &out, &varlena);
	answer(fcinfo, bm_arg_text(fcinfo, 1, "model"), OidOutputFunctionCall(out, PG_GETARG_DATUM(0)),
		   has_at, at);
	return (Datum) 0;
}

/* behav_churn_table(model, at): everybody */
BM_FUNCTION(behav_churn_table);
Datum
behav_churn_table(PG_FUNCTION_ARGS)
{
	TimestampTz at = 0;
	bool has_at = bm_arg_instant(fcinfo, 1, "at", &at);

	bm_srf_begin(fcinfo);
	answer(fcinfo, bm_arg_text(fcinfo, 0, "model"), NULL, has_at, at);
	return (Datum) 0;
}

/* ---- survival ---- */

/* One segment at a time: times in order. */
typedef struct Survival
{
	FunctionCallInfo fcinfo;
	char *segment; /* or NULL: none yet */
	BmLifetimes *life;
	size_t n, capacity;
	MemoryContext context;
} Survival;

static void
emit_segment(Survival *s)
{
	BmSurvivalRow *row = palloc(sizeof(BmSurvivalRow) * Max(s->n, 1));

	if (s->segment == NULL)
		return;
	bmc_survival(row, s->life, s->n, 1.959964);
	for (size_t i = 0; i < s->n; i++)
	{
		Datum values[8];
		bool nulls[8] = {false};

		values[0] = bm_text_datum(s->segment);
		values[1] = Float8GetDatum(row[i].t);
		values[2] = Int64GetDatum(row[i].at_risk);
		values[3] = Int64GetDatum(row[i].events);
		values[4] = Int64GetDatum(row[i].censored);
		values[5] = Float8GetDatum(row[i].survival);
		values[6] = Float8GetDatum(row[i].low);
		values[7] = Float8GetDatum(row[i].high);
		nulls[6] = !isfinite(row[i].low);
		nulls[7] = !isfinite(row[i].high);
		bm_srf_row(s->fcinfo, values, nulls);
	}
	pfree(row);
}

/* segment, days, churned, censored */
static void
survival_row(void *arg, TupleTableSlot *slot)
{
	Survival *s = arg;
	MemoryContext old = MemoryContextSwitchTo(s->context);
	char *segment =
		slot->tts_isnull[0] ? pstrdup("(none)") : TextDatumGetCString(slot->tts_values[0]);

	if (s->segment == NULL || strcmp(s->segment, segment) != 0)
	{
		emit_segment(s);
		s->segment = segment;
		s->n = 0;
	}
	if (s->n == s->capacity)
	{
		s->capacity = Max(256, 2 * s->capacity);
		s->life = s->life ? repalloc_huge(s->life, s->capacity * sizeof(BmLifetimes))
						  : palloc(s->capacity * sizeof(BmLifetimes));
	}
	s->life[s->n++] =
		(BmLifetimes){DatumGetFloat8(slot->tts_values[1]), DatumGetInt64(slot->tts_values[2]),
					  DatumGetInt64(slot->tts_values[3])};
	MemoryContextSwitchTo(old);
}

/*
 * A customer's life begins with the first purchase and ends with the first one that is followed by a horizon
 * without another; who has no such purchase yet was last seen at the last one.
 */
static char *
lives_sql(const BmChurn *c, TimestampTz last, const char *segments, const char *user,
		  const char *segment)
{
	const BmSales *s = c->sales;
	char *h = psprintf("'%lld microseconds'::pg_catalog.interval", (long long) c->horizon);

	char *local = psprintf("(%%s AT TIME ZONE %s)", quote_literal_cstr(s->zone));

	return psprintf(
		"SELECT g, days, pg_catalog.sum(gone)::pg_catalog.int8, pg_catalog.sum(1 "
		"OPERATOR(pg_catalog.-) gone)::pg_catalog.int8 FROM (SELECT %1$s AS g, "
		"pg_catalog.date_part('epoch', coalesce(l.until, l.last) OPERATOR(pg_catalog.-) l.first) "
		"OPERATOR(pg_catalog./) 86400 AS days, (l.until IS NOT NULL)::pg_catalog.int4 AS gone FROM "
		"(SELECT u, pg_catalog.min(t) AS first, pg_catalog.max(t) AS last, pg_catalog.min(t) "
		"FILTER "
		"(WHERE coalesce(next, %2$s) OPERATOR(pg_catalog.-) t OPERATOR(pg_catalog.>=) %3$s) AS "
		"until FROM (SELECT u, t, pg_catalog.lead(t) OVER (PARTITION BY u ORDER BY t) AS next FROM "
		"(SELECT u, t FROM (SELECT %4$s AS u, pg_catalog.date_trunc('day', %5$s) AS t, %9$s AS a "
		"FROM %6$s WHERE %7$s) AS r GROUP BY u, t HAVING NOT (coalesce(pg_catalog.min(a) "
		"OPERATOR(pg_catalog.<) 0, false) AND coalesce(pg_catalog.sum(a) OPERATOR(pg_catalog.<=) "
		"1e-9, false))) AS e) AS n GROUP BY u) AS l%8$s) AS z GROUP BY 1, 2 ORDER BY 1, 2",
		segments ? psprintf("_s.%s::pg_catalog.text", quote_identifier(segment))
				 : "pg_catalog.to_char(l.first, 'YYYY-\"Q\"Q')",
		psprintf(local, bm_instant_sql(last)), h, s->user, psprintf(local, psprintf("(%s)", s->ts)),
		s->source->relation, s->where,
		segments ? psprintf(" JOIN %s AS _s ON _s.%s::pg_catalog.text OPERATOR(pg_catalog.=) "
							"l.u::pg_catalog.text",
							segments, quote_identifier(user))
				 : "",
		s->amount ? s->amount : "NULL::pg_catalog.float8");
}

/*
 * behav_churn_survival(source, horizon, segments, segment, segment_user, data, user_id, ts, value, quantity,
 * options)
 */
BM_FUNCTION(behav_churn_survival);
Datum
behav_churn_survival(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const specs[] = {bm_churn_options};
	BmSalesColumns columns = bm_arg_columns(fcinfo, 5, 6, 7, 8, 9);
	Jsonb *json = PG_ARGISNULL(10) ? NULL : PG_GETARG_JSONB_P(10);
	char *segments = PG_ARGISNULL(2) ? NULL : bm_relation_name(PG_GETARG_OID(2));
	Survival s = {.fcinfo = fcinfo, .context = CurrentMemoryContext};
	TimestampTz first, last;
	BmChurnOptions options;
	BmChurn *c;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"horizon\" must not be null")));
	bm_srf_begin(fcinfo);
	bm_options_check(json, specs, 1, "behav_churn_survival");
	bm_options_parse(&options, bm_churn_options, json);
	c = bm_churn(bm_arg_text_or_null(fcinfo, 0), &columns,
				 bm_interval_micros(PG_GETARG_INTERVAL_P(1), "horizon"), &options);
	if (!bm_churn_span(c, "", &first, &last))
		return (Datum) 0;
	SPI_connect();
	bm_scan(lives_sql(c, last + 1, segments, bm_arg_text(fcinfo, 4, "segment_user"),
					  bm_arg_text(fcinfo, 3, "segment")),
			0, NULL, NULL, NULL, survival_row, &s);
	emit_segment(&s);
	SPI_finish();
	return (Datum) 0;
}
