/*
 * rfm.c
 *		behav_rfm: recency, frequency and value of every customer, scores and segment.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/stat/rfm.h"
#include "portrait/customers.h"

/* What a customer brought, returns taken off; NaN where amounts are unknown. */
static double
net(const BmCustomer *c)
{
	return c->total + c->returned;
}

/* Scores (n) of recency, frequency and net value; money tells whether there are amounts at all. */
static void
score(const BmCustomers *c, int32 *r, int32 *f, int32 *m, bool *money)
{
	double *v = bmc_alloc(c->mem, Max(c->n, 1), sizeof(double));

	if (!v)
		bm_check(BM_ENOMEM, "score the customers", NULL);
	*money = false;
	for (size_t i = 0; i < c->n; i++)
		v[i] = c->c[i].last;
	bm_check(bmc_quintiles(r, v, c->n, c->mem), "score the customers", NULL);
	for (size_t i = 0; i < c->n; i++)
		v[i] = c->c[i].purchases;
	bm_check(bmc_quintiles(f, v, c->n, c->mem), "score the customers", NULL);
	for (size_t i = 0; i < c->n; i++)
	{
		v[i] = net(&c->c[i]);
		*money |= !isnan(v[i]);
	}
	bm_check(bmc_quintiles(m, v, c->n, c->mem), "score the customers", NULL);
}

static void
emit(FunctionCallInfo fcinfo, const BmSales *s, const BmCustomers *all, const BmCustomer *c,
	 double end, const int32 scores[3], bool money)
{
	Datum values[13];
	bool nulls[13] = {false};
	int worth = money ? (scores[1] + scores[2] + 1) / 2 : scores[1];

	values[0] = bm_text_datum(all->text + c->user);
	values[1] = Int64GetDatum((int64) c->purchases);
	values[2] = Int64GetDatum((int64) c->purchases - 1);
	bm_set_float8(values, nulls, 3, c->last - c->first);
	bm_set_float8(values, nulls, 4, end - c->first);
	bm_set_float8(values, nulls, 5, bm_customer_repeat_mean(c));
	bm_set_float8(values, nulls, 6, c->total);
	bm_set_float8(values, nulls, 7, c->returned);
	values[8] = TimestampTzGetDatum(bm_sales_instant(s, c->last));
	for (int k = 0; k < 3; k++)
		values[9 + k] = Int32GetDatum(scores[k]);
	nulls[11] = !money;
	values[12] = bm_text_datum(bmc_rfm_segment(scores[0], worth));
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_rfm(source, until, data, user_id, ts, value, quantity, options) */
BM_FUNCTION(behav_rfm);
Datum
behav_rfm(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const specs[] = {bm_sales_options};
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine rfm", ALLOCSET_DEFAULT_SIZES);
	BmSalesColumns columns = bm_arg_columns(fcinfo, 2, 3, 4, 5, 6);
	Jsonb *json = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	TimestampTz until;
	bool bounded = bm_arg_instant(fcinfo, 1, "until", &until), money;
	BmSalesOptions options;
	BmCustomers c;
	BmSales *s;
	int32 *scores[3];
	double end;
	BmMem mem;

	bm_srf_begin(fcinfo);
	bm_options_check(json, specs, 1, "behav_rfm");
	bm_options_parse(&options, bm_sales_options, json);
	s = bm_sales(bm_arg_text_or_null(fcinfo, 0), &columns, &options, true);
	bm_mem_init(&mem, context);
	bm_customers_read(&c, s, bounded ? &until : NULL, NULL, true, &mem);
	end = bounded ? bm_sales_day(s, until - 1) : c.newest;
	for (int k = 0; k < 3; k++)
		if (!(scores[k] = bmc_alloc(&mem, Max(c.n, 1), sizeof(int32))))
			bm_check(BM_ENOMEM, "score the customers", NULL);
	score(&c, scores[0], scores[1], scores[2], &money);
	for (size_t i = 0; i < c.n; i++)
	{
		int32 three[3] = {scores[0][i], scores[1][i], scores[2][i]};

		emit(fcinfo, s, &c, &c.c[i], end, three, money);
		if ((i & 0xffff) == 0)
			bm_interrupts();
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}
