/*
 * recommend.c
 *		behav_recommend and behav_recommend_items: what to show now, and why.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/uuid.h"

#include "recommend/answer.h"

/* Arguments 1 to 5 of both functions: k, model, exclude, candidates, min_score. */
static BmModel *
serve_arguments(FunctionCallInfo fcinfo, BmServe *serve)
{
	int64 k = bm_arg_range_or(fcinfo, 1, "k", 1, BM_MAX_K, 10);
	char *name = bm_arg_text_or_null(fcinfo, 2);
	char *exclude = bm_arg_text_or_null(fcinfo, 3);
	BmModel *model = bm_recommender_deployed(name);

	*serve = (BmServe){.model = &model->blend,
					   .popularity = model->popularity,
					   .k = Min((size_t) k, model->items.n),
					   .exclude = bm_answer_exclude(exclude ? exclude : "purchased"),
					   .purchase = model->purchase,
					   .min_score = -INFINITY};
	if (!PG_ARGISNULL(4))
		serve->allowed = bm_answer_candidates(model, PG_GETARG_ARRAYTYPE_P(4));
	if (!PG_ARGISNULL(5))
	{
		float8 least = PG_GETARG_FLOAT8(5);

		if (isnan(least))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"min_score\" cannot be NaN")));
		serve->min_score = (float) least;
	}
	return model;
}

static Datum
recommend(FunctionCallInfo fcinfo, int64 key, bool is_int, const char *text)
{
	BmServe serve;
	BmModel *model;
	BmPast nobody = {.times = NULL}, *past = &nobody;

	bm_srf_begin(fcinfo);
	model = serve_arguments(fcinfo, &serve);
	if (!PG_ARGISNULL(0))
		past = bm_answer_history(model, key, is_int, text);
	bm_answer_emit(fcinfo, model, &serve, past);
	return (Datum) 0;
}

/* behav_recommend(user_id bigint, k, model, exclude, candidates, min_score) */
BM_FUNCTION(behav_recommend);
Datum
behav_recommend(PG_FUNCTION_ARGS)
{
	int64 key = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);

	return recommend(fcinfo, key, true, psprintf(INT64_FORMAT, key));
}

BM_FUNCTION(behav_recommend_text);
Datum
behav_recommend_text(PG_FUNCTION_ARGS)
{
	return recommend(fcinfo, 0, false,
					 PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

BM_FUNCTION(behav_recommend_uuid);
Datum
behav_recommend_uuid(PG_FUNCTION_ARGS)
{
	return recommend(
		fcinfo, 0, false,
		PG_ARGISNULL(0) ? "" : DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0))));
}

/* behav_recommend_items(items array, ...): an anonymous visitor's items so far, oldest first. */
BM_FUNCTION(behav_recommend_items);
Datum
behav_recommend_items(PG_FUNCTION_ARGS)
{
	BmServe serve;
	BmModel *model;
	BmPast nobody = {.times = NULL}, *past = &nobody;

	bm_srf_begin(fcinfo);
	model = serve_arguments(fcinfo, &serve);
	if (!PG_ARGISNULL(0))
		past = bm_answer_items(model, PG_GETARG_ARRAYTYPE_P(0));
	bm_answer_emit(fcinfo, model, &serve, past);
	return (Datum) 0;
}
