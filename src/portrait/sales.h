/*
 * sales.h
 *		Purchases as SQL: of a registered source or of any table, with the rules on what a purchase is.
 *
 * The rows are grouped by the server's own executor: with the caller's rights, in parallel, on disk where
 * memory is short. What comes back is one row a customer, or one a series and period.
 */
#ifndef BM_SALES_H
#define BM_SALES_H

#include "event/source.h"

typedef struct BmSalesOptions
{
	char *time_zone; /* NULL: the session's */
	int period;      /* BM_PERIOD_DAY ... : purchases of one customer in one period are one */
	int amount;      /* BM_AMOUNT_AUTO ... : what the value column holds */
} BmSalesOptions;

enum
{
	BM_PURCHASE_DAY,
	BM_PURCHASE_INSTANT
};

enum
{
	BM_AMOUNT_AUTO, /* value * quantity where there are both */
	BM_AMOUNT_TOTAL /* value */
};

extern const BmOptionSpec bm_sales_options[];

typedef struct BmSales
{
	BmSource *source; /* of a table: made up, without a name of its own */
	bool registered;
	BmSalesOptions options;
	const char *zone; /* checked; never NULL */
	char *user, *ts;  /* SQL expressions */
	char *amount;     /* float8, or NULL: unknown; not finite: NULL */
	char *quantity;   /* float8, or NULL */
	char *where;      /* condition on rows that are purchases or returns */
} BmSales;

/* Columns of a table, as the caller named them; NULL where not. */
typedef struct BmSalesColumns
{
	Oid relation; /* InvalidOid: a source is used */
	char *user_id, *ts, *value, *quantity;
} BmSalesColumns;

/*
 * Purchases of the source, or of columns.relation when source is NULL; options are parsed already. needs_user:
 * a table's user column must be named. 22023 when neither or both are given.
 */
extern BmSales *bm_sales(const char *source, const BmSalesColumns *columns,
						 const BmSalesOptions *options, bool needs_user);
/*
 * One row a customer: u, purchases (bigint), first and last (float8 days since 2000-01-01 on the zone's
 * clock), total, first_amount, returned (float8). Purchases at or after $1 (timestamptz, NULL: none)
 * are left out. of: "" or a condition on rows that begins with AND.
 */
extern char *bm_sales_customers_sql(const BmSales *s, const char *of);
/* Days since 2000-01-01 as an instant, on the zone's clock (instants: UTC). */
extern TimestampTz bm_sales_instant(const BmSales *s, double day);
/* The day (or instant) of t as customers' first and last count it. */
extern double bm_sales_day(const BmSales *s, TimestampTz t);

/* Arguments data, user_id, ts, value, quantity from first on; -1 columns are not there. */
extern BmSalesColumns bm_arg_columns(FunctionCallInfo fcinfo, int relation, int user_id, int ts,
									 int value, int quantity);
/* A timestamptz argument that may be NULL, as *t; false for NULL. 22023 when infinite. */
extern bool bm_arg_instant(FunctionCallInfo fcinfo, int i, const char *name, TimestampTz *t);
/* "source \"shop\"" or "relation public.sales", for messages. */
extern char *bm_sales_name(const BmSales *s);

#endif
