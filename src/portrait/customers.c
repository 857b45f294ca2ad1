/*
 * customers.c
 *		One row a customer, from the server's executor into memory.
 */
#include "portrait/customers.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "pg/scan.h"

typedef struct Reader
{
	BmCustomers *out;
	bool users;
} Reader;

static double
number(const TupleTableSlot *slot, int column)
{
	return slot->tts_isnull[column] ? NAN : DatumGetFloat8(slot->tts_values[column]);
}

static void *
grown(BmCustomers *c, void *block, size_t n, size_t size)
{
	void *larger = bmc_realloc(c->mem, block, n, size);

	if (!larger)
		bm_check(BM_ENOMEM, "read the customers", NULL);
	return larger;
}

static size_t
keep_text(BmCustomers *c, Datum d)
{
	text *t = DatumGetTextPP(d);
	size_t len = VARSIZE_ANY_EXHDR(t), at = c->text_used;

	if (at + len + 1 > c->text_capacity)
	{
		c->text_capacity = Max(2 * c->text_capacity, at + len + 65536);
		c->text = grown(c, c->text, c->text_capacity, 1);
	}
	memcpy(c->text + at, VARDATA_ANY(t), len);
	c->text[at + len] = '\0';
	c->text_used = at + len + 1;
	if ((Pointer) t != DatumGetPointer(d))
		pfree(t);
	return at;
}

static void
customer_row(void *arg, TupleTableSlot *slot)
{
	Reader *r = arg;
	BmCustomers *c = r->out;
	BmCustomer *row;

	if (c->n == c->capacity)
	{
		c->capacity = Max(1024, 2 * c->capacity);
		c->c = grown(c, c->c, c->capacity, sizeof(BmCustomer));
	}
	row = &c->c[c->n++];
	*row = (BmCustomer){.purchases = (double) DatumGetInt64(slot->tts_values[0]),
						.first = number(slot, 1),
						.last = number(slot, 2),
						.total = number(slot, 3),
						.first_amount = number(slot, 4),
						.returned = number(slot, 5)};
	if (r->users)
		row->user = keep_text(c, slot->tts_values[6]);
	c->newest = c->n == 1 ? row->last : Max(c->newest, row->last);
}

void
bm_customers_read(BmCustomers *out, const BmSales *s, const TimestampTz *until, const char *user,
				  bool users, BmMem *mem)
{
	Reader r = {out, users};
	Oid type = TIMESTAMPTZOID;
	Datum value = until ? TimestampTzGetDatum(*until) : (Datum) 0;
	char *sql = bm_sales_customers_sql(s, user ? bm_sales_user_condition(s, user) : "");

	*out = (BmCustomers){.mem = mem};
	sql =
		psprintf("SELECT purchases, first, last, total, first_amount, returned%s FROM (%s) AS c%s",
				 users ? ", u::pg_catalog.text" : "", sql, users ? " ORDER BY c.u" : "");
	SPI_connect();
	bm_scan(sql, 1, &type, &value, until ? " " : "n", customer_row, &r);
	SPI_finish();
}

double
bm_customer_repeat_mean(const BmCustomer *c)
{
	return c->purchases > 1 ? (c->total - c->first_amount) / (c->purchases - 1.0) : NAN;
}

void
bm_customers_required(const BmCustomers *c, const BmSales *s, const TimestampTz *until)
{
	if (c->n > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s has no purchases", bm_sales_name(s)),
			 until ? errdetail("None lies before %s.", timestamptz_to_str(*until))
				   : errdetail("No row has a customer, a possible time and an amount that its "
							   "returns did not take back."),
			 s->registered ? errhint("SELECT * FROM behav_profile(%s) shows what is in it.",
									 quote_literal_cstr(s->source->name))
						   : errhint("Look at the table's columns and at \"until\".")));
}
