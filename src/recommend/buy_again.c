/*
 * buy_again.c
 *		behav_buy_again: what a user buys again and again, when it is due.
 *
 * From the user's own purchases only: no weights are asked, and an item that came after the training counts.
 */
#include "pg/pg.h"

#include "access/xact.h"
#include "utils/timestamp.h"

#include "core/rec/again.h"
#include "event/behaviour.h"
#include "recommend/answer.h"

#define DAY ((double) USECS_PER_DAY)

/* The purchases of a history; keys (dictionary) gets their items. */
static size_t
purchases_of(BmPurchase *out, BmDict *keys, const BmSource *source, const BmPastEvent *e, size_t n)
{
	size_t found = 0;
	BmStatus status = BM_OK;

	for (size_t i = 0; i < n && status == BM_OK; i++)
	{
		if (source->event && !bm_behaviour(&source->options, e[i].event).purchase)
			continue;
		out[found].time = e[i].time;
		status = source->item_int ? bmc_dict_put_int(keys, e[i].key, &out[found].item)
								  : bmc_dict_put_bytes(keys, e[i].text, e[i].len, &out[found].item);
		found++;
	}
	bm_check(status, "read a user's purchases", NULL);
	return found;
}

static void
emit(FunctionCallInfo fcinfo, const BmDictView *keys, const BmAgain *a, size_t n, TimestampTz now)
{
	for (size_t i = 0; i < n; i++)
	{
		Datum values[5] = {bm_text_datum(bm_dict_text(keys, a[i].item)), Float8GetDatum(a[i].score),
						   Int32GetDatum((int32) i + 1), TimestampTzGetDatum(a[i].due),
						   bm_text_datum(psprintf(
							   "bought %zu times, every %.1f days; %.1f days ago", a[i].times,
							   (double) a[i].interval / DAY, (double) (now - a[i].last) / DAY))};
		bool nulls[5] = {false};

		bm_srf_row(fcinfo, values, nulls);
	}
}

static Datum
buy_again(FunctionCallInfo fcinfo, BmUser user)
{
	int64 k = bm_arg_range_or(fcinfo, 1, "k", 1, BM_MAX_K, 10), before;
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	BmModel *model;
	BmSource *source;
	BmPastEvent *e;
	BmPurchase *p;
	BmAgain *again;
	BmDict keys;
	BmMem mem;
	size_t n;

	bm_srf_begin(fcinfo);
	model = bm_recommender_deployed(bm_arg_text_or_null(fcinfo, 2));
	before = bm_arg_before(fcinfo, 3);
	if (!user.known)
		return (Datum) 0;
	if (before != PG_INT64_MAX)
		now = before;
	bm_check_user(model, &user);
	source = bm_serving_source(model);
	n = bm_history_read(bm_answer_reader(model), user.key, user.text, before, &e);
	bm_mem_init(&mem, CurrentMemoryContext);
	bm_check(bmc_dict_init(&keys, source->item_int ? BM_KEY_INT : BM_KEY_BYTES, &mem),
			 "read a user's purchases", NULL);
	p = palloc(sizeof(BmPurchase) * Max(n, 1));
	again = palloc(sizeof(BmAgain) * Max(n, 1));
	n = purchases_of(p, &keys, source, e, n);
	n = bmc_again(again, p, n, now,
				  (int64) (source->options.session_gap_minutes * USECS_PER_MINUTE));
	emit(fcinfo, &keys.view, again, Min(n, (size_t) k), now);
	return (Datum) 0;
}

/* behav_buy_again(user_id bigint, k, model, as_of): item_id, score, rank, due, reason */
BM_FUNCTION(behav_buy_again);
Datum
behav_buy_again(PG_FUNCTION_ARGS)
{
	return buy_again(fcinfo, bm_user_int(fcinfo));
}

BM_FUNCTION(behav_buy_again_text);
Datum
behav_buy_again_text(PG_FUNCTION_ARGS)
{
	return buy_again(fcinfo, bm_user_text(fcinfo));
}

BM_FUNCTION(behav_buy_again_uuid);
Datum
behav_buy_again_uuid(PG_FUNCTION_ARGS)
{
	return buy_again(fcinfo, bm_user_uuid(fcinfo));
}
