/*
 * value_answer.c
 *		behav_clv and behav_next_purchase: what the deployed model says of one customer, or of all.
 *
 * The answer is a function of the customer's purchases as they stand in the source or table now: a
 * purchase that was inserted a moment ago counts.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "portrait/portrait.h"
#include "portrait/value_model.h"

#define YEAR_DAYS 365.25
#define FAR_DAYS 36525.0 /* a date that is a century away is no answer */

typedef struct Call
{
	BmValueModel *model;
	double horizon;     /* units of the model */
	double delta;       /* continuous discount a unit */
	double early, late; /* probabilities */
	bool has_at;
	TimestampTz at;
	BmCustomers customers;
} Call;

typedef void (*EmitFn)(FunctionCallInfo fcinfo, const Call *c, const BmCustomer *customer);

/* The last day known of a customer: what was asked for, or that of the model's data. */
static double
end_of(const Call *c, const BmCustomer *customer)
{
	if (c->has_at)
		return bm_sales_day(c->model->sales, c->at - 1);
	return Max(c->model->end, customer->last);
}

static void
emit_value(FunctionCallInfo fcinfo, const Call *c, const BmCustomer *customer)
{
	const BmValueModel *m = c->model;
	double end = end_of(c, customer), mean = bm_customer_repeat_mean(customer), amount = NAN;
	BmBuyer b = bm_value_buyer(customer, end, m->unit_days);
	double purchases = bmc_buy_expected(m->kind, m->buy, &b, c->horizon);
	Datum values[10];
	bool nulls[10] = {false};

	if (m->has_spend && isfinite(mean) && mean > 0)
		amount = bmc_spend_mean(m->spend, b.x, mean);
	else if (m->has_spend)
		amount = bmc_spend_mean(m->spend, 0, 0);
	values[0] = bm_text_datum(c->customers.text + customer->user);
	values[1] = Int64GetDatum((int64) b.x);
	values[2] = Float8GetDatum(customer->last - customer->first);
	values[3] = Float8GetDatum(b.T * m->unit_days);
	bm_set_float8(values, nulls, 4, mean);
	bm_set_float8(values, nulls, 5, bmc_buy_alive(m->kind, m->buy, &b));
	bm_set_float8(values, nulls, 6, purchases);
	bm_set_float8(values, nulls, 7, amount);
	bm_set_float8(values, nulls, 8, purchases * amount);
	bm_set_float8(values, nulls, 9,
				  amount * bmc_buy_discounted(m->kind, m->buy, &b, c->horizon, c->delta));
	bm_srf_row(fcinfo, values, nulls);
}

/* The date that is some units after day end; NULL where it never comes. */
static void
set_date(Datum *values, bool *nulls, int i, const Call *c, double end, double units)
{
	double days = units * c->model->unit_days;

	nulls[i] = !(days < FAR_DAYS);
	values[i] =
		nulls[i] ? (Datum) 0 : TimestampTzGetDatum(bm_sales_instant(c->model->sales, end + days));
}

static void
emit_next(FunctionCallInfo fcinfo, const Call *c, const BmCustomer *customer)
{
	const BmValueModel *m = c->model;
	double end = end_of(c, customer);
	BmBuyer b = bm_value_buyer(customer, end, m->unit_days);
	double alive = bmc_buy_alive(m->kind, m->buy, &b);
	Datum values[8];
	bool nulls[8] = {false};

	values[0] = bm_text_datum(c->customers.text + customer->user);
	values[1] = TimestampTzGetDatum(bm_sales_instant(m->sales, customer->last));
	bm_set_float8(values, nulls, 2, alive);
	bm_set_float8(values, nulls, 3, bmc_buy_within(m->kind, m->buy, &b, c->horizon));
	set_date(values, nulls, 4, c, end, bmc_buy_next(m->kind, m->buy, &b, c->early));
	set_date(values, nulls, 5, c, end, bmc_buy_next(m->kind, m->buy, &b, 0.5));
	set_date(values, nulls, 6, c, end, bmc_buy_next(m->kind, m->buy, &b, c->late));
	set_date(values, nulls, 7, c, end, bmc_buy_next(m->kind, m->buy, &b, 0.5 * alive));
	bm_srf_row(fcinfo, values, nulls);
}

/* ---- arguments ---- */

static double
probability(FunctionCallInfo fcinfo, int i, const char *name)
{
	double p = PG_ARGISNULL(i) ? NAN : PG_GETARG_FLOAT8(i);

	if (!(p > 0.0 && p < 1.0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be between 0 and 1", name),
						errdetail("It is %g.", p)));
	return p;
}

static double
discount(FunctionCallInfo fcinfo, int i)
{
	double rate = PG_ARGISNULL(i) ? 0.0 : PG_GETARG_FLOAT8(i);

	if (!(rate >= 0.0 && rate <= 10.0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"discount\" must be between 0 and 10"),
						errdetail("It is %g; 0.1 is ten percent a year.", rate)));
	return rate;
}

/*
 * Arguments from first on: horizon interval, model text, at timestamptz, then those of the question.
 * user: the only customer's key, or NULL.
 */
static void
answer(FunctionCallInfo fcinfo, int first, const char *user, bool next, EmitFn emit)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine value", ALLOCSET_DEFAULT_SIZES);
	double days, rate = next ? 0.0 : discount(fcinfo, first + 3);
	Call c = {0};
	BmMem mem;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(first))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"horizon\" must not be null")));
	days = (double) bm_interval_micros(PG_GETARG_INTERVAL_P(first), "horizon") / USECS_PER_DAY;
	if (next)
	{
		c.early = probability(fcinfo, first + 3, "low");
		c.late = probability(fcinfo, first + 4, "high");
	}
	c.has_at = bm_arg_instant(fcinfo, first + 2, "at", &c.at);
	bm_mem_init(&mem, context);
	c.model = bm_value_model(bm_arg_text_or_null(fcinfo, first + 1), &mem);
	c.horizon = days / c.model->unit_days;
	c.delta = log1p(rate) / YEAR_DAYS * c.model->unit_days;
	bm_customers_read(&c.customers, c.model->sales, c.has_at ? &c.at : NULL, user, true, &mem);
	for (size_t i = 0; i < c.customers.n; i++)
	{
		emit(fcinfo, &c, &c.customers.c[i]);
		if ((i & 0xfff) == 0)
			bm_interrupts();
	}
	MemoryContextDelete(context);
}

/* behav_clv(user_id, horizon, model, at, discount) */
BM_FUNCTION(behav_clv);
Datum
behav_clv(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 1, bm_arg_user(fcinfo, 0), false, emit_value);
	return (Datum) 0;
}

/* behav_clv_table(horizon, model, at, discount) */
BM_FUNCTION(behav_clv_table);
Datum
behav_clv_table(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 0, NULL, false, emit_value);
	return (Datum) 0;
}

/* behav_next_purchase(user_id, horizon, model, at, low, high) */
BM_FUNCTION(behav_next_purchase);
Datum
behav_next_purchase(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 1, bm_arg_user(fcinfo, 0), true, emit_next);
	return (Datum) 0;
}

/* behav_next_purchase_table(horizon, model, at, low, high) */
BM_FUNCTION(behav_next_purchase_table);
Datum
behav_next_purchase_table(PG_FUNCTION_ARGS)
{
	answer(fcinfo, 0, NULL, true, emit_next);
	return (Datum) 0;
}
