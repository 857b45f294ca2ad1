/*
 * customers.h
 *		What is known of each customer: how often, since when, until when, for how much.
 */
#ifndef BM_CUSTOMERS_H
#define BM_CUSTOMERS_H

#include "core/num/mem.h"
#include "portrait/sales.h"

typedef struct BmCustomer
{
	double purchases;    /* >= 1; of one period are one */
	double first, last;  /* days since 2000-01-01 (see sales.h) */
	double total;        /* amount of all purchases; NaN: unknown */
	double first_amount; /* of the first; NaN: unknown */
	double returned;     /* <= 0: periods that gave back more than they bought */
	size_t user;         /* offset into text, if users are kept */
} BmCustomer;

typedef struct BmCustomers
{
	BmMem *mem;
	size_t n, capacity;
	BmCustomer *c; /* (n) in order of user where users are kept */
	char *text;    /* keys, each ended by a zero byte */
	size_t text_used, text_capacity;
	double newest; /* largest last; 0 without customers */
} BmCustomers;

/*
 * Read them into mem; until is NULL or points to the end (exclusive). user: NULL for all, else the key of
 * the only one, as its type's text form. users: keep and order by keys.
 */
extern void bm_customers_read(BmCustomers *out, const BmSales *s, const TimestampTz *until,
							  const char *user, bool users, BmMem *mem);
/* Mean amount of the repeat purchases; NaN where unknown or none. */
extern double bm_customer_repeat_mean(const BmCustomer *c);
/* 22000 unless there is a customer. */
extern void bm_customers_required(const BmCustomers *c, const BmSales *s, const TimestampTz *until);

#endif
