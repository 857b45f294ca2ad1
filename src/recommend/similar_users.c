/*
 * similar_users.c
 *		behav_similar_users: the users whose histories are nearest, exactly.
 *
 * A user is the vector of items met, each with the largest weight * 2^-(age / half_life) of its events;
 * likeness is the cosine. As time scales every vector by the same power of two, the cosine does not depend
 * on the moment; ages are counted from the user's newest event, and beyond 100 half-lives as 100, so that no
 * product leaves the range of a float8. One statement over the events of all who share an item: the server chooses between an
 * index on the item and a scan, with parallel workers.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "event/behaviour.h"
#include "model/query.h"
#include "recommend/answer.h"

/* Shared items that a reason names. */
#define NAMED 3

/* The weight of an event's behaviour, as in training; 0 of behaviours that the model does not know. */
static char *
weight_expr(const BmModel *model, const BmSource *s)
{
	StringInfoData sql;

	if (s->event == NULL || model->nevents == 0)
		return "1";
	initStringInfo(&sql);
	appendStringInfo(&sql, "CASE coalesce(nullif(%s::text, ''), '" BM_NO_BEHAVIOUR "')",
					 quote_identifier(s->event));
	for (int i = 0; i < model->nevents; i++)
	{
		BmBehaviour b = bm_behaviour(&s->options, model->events[i]);

		appendStringInfo(&sql, " WHEN %s THEN %.9g", quote_literal_cstr(model->events[i]),
						 b.ignored ? 0.0 : (double) b.weight);
	}
	appendStringInfoString(&sql, " ELSE 0 END");
	return sql.data;
}

/* Parameters: $1 the user, $2 events before, $3 and not before, $4 half-life in seconds, $5 k. */
static char *
similar_sql(const BmModel *model, const BmSource *s)
{
	char *time = bm_source_time_expr(s);
	char *event =
		psprintf("(SELECT %1$s AS who, %2$s AS item, (%3$s)::float8 * exp(-0.6931471805599453 * "
				 "greatest(-100, least(100, extract(epoch FROM (SELECT t FROM newest) - "
				 "%4$s)::float8 / $4))) "
				 "AS w FROM %5$s "
				 "WHERE %1$s IS NOT NULL AND %2$s IS NOT NULL AND %4$s < $2 AND %4$s >= $3)",
				 quote_identifier(s->user_id), bm_source_item_expr(s), weight_expr(model, s), time,
				 s->relation);

	return psprintf(
		"WITH newest AS MATERIALIZED (SELECT max(%3$s) AS t FROM %4$s WHERE %5$s = $1 AND %3$s < "
		"$2), "
		"mine AS MATERIALIZED (SELECT item, max(w) AS w FROM %1$s e WHERE who = $1 GROUP BY 1 "
		"HAVING max(w) > 0), "
		"other AS (SELECT who, item, max(w) AS w FROM %1$s e WHERE who <> $1 AND who IN "
		"(SELECT who FROM %1$s f WHERE item IN (SELECT item FROM mine)) "
		"GROUP BY 1, 2 HAVING max(w) > 0) "
		"SELECT o.who::text, sum(o.w * m.w) / sqrt(sum(o.w * o.w) * (SELECT sum(w * w) FROM "
		"mine)), "
		"sum(o.w * m.w), count(m.w), "
		"(array_agg(o.item::text ORDER BY o.w * m.w DESC, o.item) FILTER (WHERE m.w > 0))[:%2$d], "
		"(array_agg(o.w * m.w ORDER BY o.w * m.w DESC, o.item) FILTER (WHERE m.w > 0))[:%2$d] "
		"FROM other o LEFT JOIN mine m ON m.item = o.item "
		"GROUP BY o.who HAVING count(m.w) > 0 ORDER BY 2 DESC, o.who LIMIT $5",
		event, NAMED, time, s->relation, quote_identifier(s->user_id));
}

/* "3 shared items: 46 (55 %), 12 (30 %), 3 (15 %)" from row i. */
static Datum
reason(uint64 i)
{
	int64 shared = bm_row_int8(i, 4);
	double total = bm_row_float8(i, 3);
	Datum *item, *part;
	bool null;
	StringInfoData s;
	int n;

	initStringInfo(&s);
	deconstruct_array(
		DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 5, &null)),
		TEXTOID, -1, false, TYPALIGN_INT, &item, NULL, &n);
	deconstruct_array(
		DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 6, &null)),
		FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &part, NULL, &n);
	appendStringInfo(&s, INT64_FORMAT " shared item%s:", shared, shared == 1 ? "" : "s");
	for (int j = 0; j < n; j++)
		appendStringInfo(&s, "%s %s (%.0f %%)", j ? "," : "", TextDatumGetCString(item[j]),
						 100.0 * DatumGetFloat8(part[j]) / total);
	return PointerGetDatum(cstring_to_text_with_len(s.data, s.len));
}

static double
half_life_seconds(FunctionCallInfo fcinfo)
{
	double days = PG_ARGISNULL(3) ? 90.0 : PG_GETARG_FLOAT8(3);

	if (!(days > 0.0 && days <= 1e6))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"half_life_days\" must be above 0 and at most 1000000"),
						errdetail("It is %g.", days)));
	return days * SECS_PER_DAY;
}

static Datum
similar_users(FunctionCallInfo fcinfo, BmUser user)
{
	int64 k = bm_arg_range_or(fcinfo, 1, "k", 1, BM_MAX_K, 10);
	double half_life = half_life_seconds(fcinfo);
	int64 before = bm_arg_before(fcinfo, 4);
	BmModel *model;
	BmSource *s;
	BmParam p[5];
	uint64 n;

	bm_srf_begin(fcinfo);
	model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, 2));
	if (!user.known)
		return (Datum) 0;
	bm_check_user(model, &user);
	s = bm_serving_source(model);
	if (!bm_history_user(bm_answer_reader(model), user.key, user.text, &p[0].value))
		return (Datum) 0;
	p[0].type = s->user_type;
	p[0].null = false;
	if (before == PG_INT64_MAX)
		before = GetCurrentTransactionStartTimestamp() + USECS_PER_DAY;
	p[1] = bm_param_datum(TIMESTAMPTZOID, TimestampTzGetDatum(before));
	p[2] =
		bm_param_datum(TIMESTAMPTZOID,
					   TimestampTzGetDatum(s->options.min_time ? bm_option_time(s->options.min_time)
															   : DT_NOBEGIN));
	p[3] = bm_param_float8(half_life);
	p[4] = bm_param_int8(k);
	SPI_connect();
	n = bm_read(similar_sql(model, s), 5, p);
	for (uint64 i = 0; i < n; i++)
	{
		Datum values[4] = {bm_text_datum(bm_row_text(i, 1, CurrentMemoryContext)),
						   Float8GetDatum(bm_row_float8(i, 2)), Int32GetDatum((int32) i + 1),
						   reason(i)};
		bool nulls[4] = {false};

		bm_srf_row(fcinfo, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/* behav_similar_users(user_id bigint, k, model, half_life_days, as_of): user_id, score, rank, reason */
BM_FUNCTION(behav_similar_users);
Datum
behav_similar_users(PG_FUNCTION_ARGS)
{
	return similar_users(fcinfo, bm_user_int(fcinfo));
}

BM_FUNCTION(behav_similar_users_text);
Datum
behav_similar_users_text(PG_FUNCTION_ARGS)
{
	return similar_users(fcinfo, bm_user_text(fcinfo));
}

BM_FUNCTION(behav_similar_users_uuid);
Datum
behav_similar_users_uuid(PG_FUNCTION_ARGS)
{
	return similar_users(fcinfo, bm_user_uuid(fcinfo));
}
