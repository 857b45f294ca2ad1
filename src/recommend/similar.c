/*
 * similar.c
 *		behav_similar_items: nearest items by the model's own measure.
 */
#include "pg/pg.h"

#include <math.h>

#include "recommend/answer.h"

/* scores (nitems): each part's own similarity, else its answer to the one-item history; blended. */
static void
similarity(float *scores, const BmModel *model, uint32_t item)
{
	BmHistory h = {.n = 1, .item = &item};
	const BmBlendPart *part = &model->blend.part[0];
	void *scratch = palloc_extended(bmc_blend_score_bytes(&model->blend, 1), MCXT_ALLOC_HUGE);

	if (model->blend.n == 1 && part->algorithm->similar)
	{
		part->algorithm->similar(scores, part->bound, item, scratch);
		bmc_blend_settle(scores, &model->blend, 0);
	}
	else
		bmc_blend_score(scores, &model->blend, &h, 1, scratch, false);
	scores[item] = -INFINITY;
}

/* behav_similar_items(item_id any, k, model): item_id, score, rank */
BM_FUNCTION(behav_similar_items);
Datum
behav_similar_items(PG_FUNCTION_ARGS)
{
	int64 k = bm_arg_range_or(fcinfo, 1, "k", 1, BM_MAX_K, 10);
	BmModel *model;
	uint32_t code, *item;
	float *scores, *score;
	size_t n;

	bm_srf_begin(fcinfo);
	model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, 2));
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	code = bm_item_code(model, get_fn_expr_argtype(fcinfo->flinfo, 0), PG_GETARG_DATUM(0));
	if (code == BM_NONE)
		return (Datum) 0;
	k = Min(k, (int64) model->items.n);
	scores = palloc_extended(sizeof(float) * model->items.n, MCXT_ALLOC_HUGE);
	item = palloc(sizeof(uint32_t) * (size_t) k);
	score = palloc(sizeof(float) * (size_t) k);
	similarity(scores, model, code);
	n = bmc_topk(item, score, (size_t) k, scores, model->items.n);
	for (size_t i = 0; i < n; i++)
	{
		Datum values[3] = {bm_item_text(model, item[i]), bm_float8_datum(score[i]),
						   Int32GetDatum((int32) i + 1)};
		bool nulls[3] = {false};

		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}
