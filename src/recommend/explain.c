/*
 * explain.c
 *		behav_explain: which events of a user's history speak for an item, and how much.
 */
#include "pg/pg.h"

#include "utils/timestamp.h"

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
explain(FunctionCallInfo fcinfo, BmUser user)
{
	BmModel *model;
	BmPast *past;
	uint32_t code;
	float *share;

	bm_srf_begin(fcinfo);
	model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, 2));
	if (!user.known || PG_ARGISNULL(1))
		return (Datum) 0;
	code = bm_item_code(model, get_fn_expr_argtype(fcinfo->flinfo, 1), PG_GETARG_DATUM(1));
	past = bm_answer_history(model, &user, bm_arg_before(fcinfo, 3));
	if (code == BM_NONE || past->h.n == 0)
		return (Datum) 0;
	share = palloc(sizeof(float) * past->h.n);
	bmc_blend_explain(
		share, &model->blend, &past->h, &code, 1,
		palloc_extended(bmc_blend_explain_bytes(&model->blend, past->h.n, 1), MCXT_ALLOC_HUGE));
	emit_shares(fcinfo, model, past, share);
	return (Datum) 0;
}

/* behav_explain(user_id bigint, item_id any, model, as_of) */
BM_FUNCTION(behav_explain);
Datum
behav_explain(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, bm_user_int(fcinfo));
}

BM_FUNCTION(behav_explain_text);
Datum
behav_explain_text(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, bm_user_text(fcinfo));
}

BM_FUNCTION(behav_explain_uuid);
Datum
behav_explain_uuid(PG_FUNCTION_ARGS)
{
	return explain(fcinfo, bm_user_uuid(fcinfo));
}
