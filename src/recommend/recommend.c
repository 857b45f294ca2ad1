/*
 * recommend.c
 *		behav_recommend, behav_recommend_items, behav_recommend_cart: what to show now, and why.
 */
#include "pg/pg.h"

#include "recommend/request.h"

static const BmPast nobody = {.times = NULL};

static Datum
recommend(FunctionCallInfo fcinfo, BmUser user)
{
	BmRequest r;
	const BmPast *past = &nobody;

	bm_srf_begin(fcinfo);
	bm_request_arguments(&r, fcinfo, bm_arg_text_or_null(fcinfo, 3));
	if (user.known)
		past = bm_answer_history(r.model, &user, r.before);
	bm_request_answer(fcinfo, &r, past);
	return (Datum) 0;
}

/*
 * behav_recommend(user_id bigint, k, model, exclude, candidates, min_score, filter, exclude_items, max_per,
 * diversity, segment, as_of, rules)
 */
BM_FUNCTION(behav_recommend);
Datum
behav_recommend(PG_FUNCTION_ARGS)
{
	return recommend(fcinfo, bm_user_int(fcinfo));
}

BM_FUNCTION(behav_recommend_text);
Datum
behav_recommend_text(PG_FUNCTION_ARGS)
{
	return recommend(fcinfo, bm_user_text(fcinfo));
}

BM_FUNCTION(behav_recommend_uuid);
Datum
behav_recommend_uuid(PG_FUNCTION_ARGS)
{
	return recommend(fcinfo, bm_user_uuid(fcinfo));
}

/* behav_recommend_items(items array, ...): an anonymous visitor's items so far, oldest first. */
BM_FUNCTION(behav_recommend_items);
Datum
behav_recommend_items(PG_FUNCTION_ARGS)
{
	BmRequest r;
	const BmPast *past = &nobody;

	bm_srf_begin(fcinfo);
	bm_request_arguments(&r, fcinfo, bm_arg_text_or_null(fcinfo, 3));
	if (!PG_ARGISNULL(0))
		past = bm_answer_items(r.model, PG_GETARG_ARRAYTYPE_P(0));
	bm_request_answer(fcinfo, &r, past);
	return (Datum) 0;
}

static int
by_code(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return x < y ? -1 : x > y;
}

/* A cart holds an item once, however many of it, and in one order, so that a sum of floats is one, too. */
static void
keep_distinct(BmPast *past)
{
	uint32_t *item = (uint32_t *) past->h.item;
	size_t n = 0;

	for (size_t i = 0; i < past->h.n; i++)
	{
		bool met = false;

		for (size_t j = 0; j < n && !met; j++)
			met = item[j] == item[i];
		if (!met)
			item[n++] = item[i];
	}
	qsort(item, n, sizeof(uint32_t), by_code);
	past->h.n = n;
}

/* behav_recommend_cart(items array, k, model, differ_by, ...): what goes with what is in the cart. */
BM_FUNCTION(behav_recommend_cart);
Datum
behav_recommend_cart(PG_FUNCTION_ARGS)
{
	char *differ_by = bm_arg_text_or_null(fcinfo, 3);
	BmRequest r;
	BmPast *past;
	BmBlend cart;

	bm_srf_begin(fcinfo);
	bm_request_arguments(&r, fcinfo, "seen");
	if (PG_ARGISNULL(0))
	{
		bm_request_answer(fcinfo, &r, &nobody);
		return (Datum) 0;
	}
	past = bm_answer_items(r.model, PG_GETARG_ARRAYTYPE_P(0));
	if (past->h.n > BM_HISTORY_EVENTS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a cart holds at most %d items", BM_HISTORY_EVENTS),
						errdetail("It has %zu.", past->h.n)));
	keep_distinct(past);
	if (differ_by && past->h.n > 0)
		bm_request_keep(&r,
						bm_filter_other(r.model, differ_by, past->h.item, past->h.n, "differ_by"),
						"differ_by");
	cart =
		(BmBlend){.n = 1, .nitems = r.model->items.n, .part = {{&bmc_cart, &r.model->blend, 1.0f}}};
	r.serve.model = &cart;
	bm_request_answer(fcinfo, &r, past);
	return (Datum) 0;
}
