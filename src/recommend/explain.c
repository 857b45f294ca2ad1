/*
 * explain.c
 *		behav_explain: which events of a user's history speak for an item, and how much.
 */
#include "pg/pg.h"

#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "recommend/answer.h"

/* Rows item_id, event, ts, share; the newest event first, only shares above 0. */
static void
emit_shares(FunctionCallInfo fcinfo, const BmModel *model, const BmPast *past, const float *share)
{
	for (size_t e = past->h.n; e-- > 0;)
	{
		Datum values[4];
		bool nulls[4] = {false};

		if (!(share[e] > 0.0f))
			continue;
		values[0] = bm_item_text(model, past->h.item[e]);
		values[1] = past->name[e] ? bm_text_datum(past->name[e]) : (Datum) 0;
		nulls[1] = past->name[e] == NULL;
		values[2] = TimestampTzGetDatum(past->times[e]);
		values[3] = bm_float8_datum(share[e]);
		bm_srf_row(fcinfo, values, nulls);
	}
}

static Datum
explain(FunctionCallInfo fcinfo, int64 key, bool is_int, const char *text)
{
	BmModel *model;
	BmPast *past;
	uint32_t code;
	float *share;

	bm_srf_begin(fcinfo);
	model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, 2));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	code = bm_item_code(model, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GETARG_DATUM(1));
	past = bm_answer_history(model, key, is_int, text);
	if (code == BM_NONE || past->h.n == 0)
		return (Datum) 0;
	share = palloc(sizeof(float) * past->h.n);
	bmc_blend_explain(
		share, &model->blend, &past->h, &code, 1,
		palloc_extended(bmc_blend_explain_bytes(&model->blend, past->h.n, 1), MCXT_ALLOC_HUGE));
	emit_shares(fcinfo, model, past, share);
	return (Datum) 0;
}

/* behav_explain(user_id bigint, item_id any, model) */
BM_FUNCTION(behav_explain);
Datum
behav_explain(PG_FUNCTION_ARGS)
{
	int64 key = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);

	return explain(fcinfo, key, true, psprintf(INT64_FORMAT, key));
}

BM_FUNCTION(behav_explain_text);
Datum
behav_explain_text(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, 0, false, PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

BM_FUNCTION(behav_explain_uuid);
Datum
behav_explain_uuid(PG_FUNCTION_ARGS)
{
	return explain(
		fcinfo, 0, false,
		PG_ARGISNULL(0) ? "" : DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0))));
}
