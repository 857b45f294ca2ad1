/*
 * delivery.c
 *		behav_delivery: at which hours of the week a region orders, for the capacity of delivery.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/stat/rhythm.h"
#include "pg/scan.h"
#include "portrait/customers.h"

#define MOST_REGIONS 10000

typedef struct Region
{
	char *name;
	int64 orders, count[BM_RHYTHM_CELLS], busiest[BM_RHYTHM_CELLS];
} Region;

typedef struct Call
{
	MemoryContext context;
	int n, capacity;
	Region *region;
	int64 first, last; /* local times of the first and last hour */
} Call;

typedef struct DeliveryOptions
{
	char *time_zone;
} DeliveryOptions;

static const BmOptionSpec option_specs[] = {
	{"time_zone", BM_OPT_TEXT, offsetof(DeliveryOptions, time_zone), NULL, 0, 0, NULL,
	 "Zone whose clock hours are counted on; default: the session's."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

static Region *
next_region(Call *c, char *name)
{
	if (c->n == MOST_REGIONS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("there are more than %d regions", MOST_REGIONS),
						errhint("Group them in a view.")));
	if (c->n == c->capacity)
	{
		c->capacity = Max(16, 2 * c->capacity);
		c->region = c->region ? repalloc_huge(c->region, sizeof(Region) * c->capacity)
							  : MemoryContextAlloc(c->context, sizeof(Region) * c->capacity);
	}
	memset(&c->region[c->n], 0, sizeof(Region));
	c->region[c->n].name = MemoryContextStrdup(c->context, name);
	return &c->region[c->n++];
}

/* Rows: region, local hour, orders in that hour; in order of region. */
static void
hour_row(void *arg, TupleTableSlot *slot)
{
	Call *c = arg;
	char *name = text_to_cstring(DatumGetTextPP(slot->tts_values[0]));
	int64 hour = DatumGetTimestamp(slot->tts_values[1]);
	int64 orders = DatumGetInt64(slot->tts_values[2]);
	Region *r = c->n ? &c->region[c->n - 1] : NULL;
	int cell = bmc_rhythm_cell(hour);

	if (!r || strcmp(r->name, name) != 0)
		r = next_region(c, name);
	pfree(name);
	r->orders += orders;
	r->count[cell] += orders;
	r->busiest[cell] = Max(r->busiest[cell], orders);
	c->first = Min(c->first, hour);
	c->last = Max(c->last, hour);
}

static void
emit(FunctionCallInfo fcinfo, const Region *r, const double *hours)
{
	for (int cell = 0; cell < BM_RHYTHM_CELLS; cell++)
	{
		Datum values[7];
		bool nulls[7] = {false};

		values[0] = bm_text_datum(r->name);
		values[1] = Int32GetDatum(cell / 24 + 1);
		values[2] = Int32GetDatum(cell % 24);
		values[3] = Int64GetDatum(r->count[cell]);
		values[4] = Float8GetDatum((double) r->count[cell] / (double) r->orders);
		bm_set_float8(values, nulls, 5, (double) r->count[cell] / hours[cell]);
		values[6] = Int64GetDatum(r->busiest[cell]);
		bm_srf_row(fcinfo, values, nulls);
	}
}

/* behav_delivery(source, region, since, until, data, ts, user_id, options) */
BM_FUNCTION(behav_delivery);
Datum
behav_delivery(PG_FUNCTION_ARGS)
{
	static const BmOptionSpec *const specs[] = {option_specs};
	BmSalesColumns columns = bm_arg_columns(fcinfo, 4, 6, 5, -1, -1);
	Jsonb *json = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);
	char *region = bm_arg_text_or_null(fcinfo, 1);
	DeliveryOptions options;
	BmSalesOptions sales = {0};
	Oid types[2] = {TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum bounds[2] = {0, 0};
	char nulls[3] = "nn";
	double hours[BM_RHYTHM_CELLS] = {0};
	Call c = {.first = PG_INT64_MAX, .last = PG_INT64_MIN};
	TimestampTz t;
	BmSales *s;

	bm_srf_begin(fcinfo);
	bm_options_check(json, specs, 1, "behav_delivery");
	bm_options_parse(&options, option_specs, json);
	sales.time_zone = options.time_zone;
	for (int i = 0; i < 2; i++)
		if (bm_arg_instant(fcinfo, 2 + i, i ? "until" : "since", &t))
		{
			bounds[i] = TimestampTzGetDatum(t);
			nulls[i] = ' ';
		}
	c.context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine delivery", ALLOCSET_DEFAULT_SIZES);
	s = bm_sales(bm_arg_text_or_null(fcinfo, 0), &columns, &sales, false);
	SPI_connect();
	/* lines of one customer at one instant are one order */
	bm_scan(
		psprintf(
			"SELECT r, h, pg_catalog.count(*) FROM (SELECT r, pg_catalog.date_trunc('hour', t AT "
			"TIME ZONE %s) AS h FROM (SELECT %s AS r, %s AS u, %s AS t FROM %s WHERE %s%s) AS a "
			"WHERE r IS NOT NULL AND ($1 IS NULL OR t OPERATOR(pg_catalog.>=) $1) AND ($2 IS NULL "
			"OR t OPERATOR(pg_catalog.<) $2) GROUP BY r, u, t) AS o GROUP BY r, h ORDER BY r "
			"COLLATE pg_catalog.\"C\", h",
			quote_literal_cstr(s->zone),
			region ? psprintf("%s::pg_catalog.text", quote_identifier(region))
				   : "'all'::pg_catalog.text",
			s->user, s->ts, s->source->relation, s->where,
			s->quantity ? psprintf(" AND coalesce(%s, 1) OPERATOR(pg_catalog.>) 0", s->quantity)
						: ""),
		2, types, bounds, nulls, hour_row, &c);
	SPI_finish();
	if (c.n > 0)
		bmc_rhythm_exposure(hours, c.first, c.last + USECS_PER_HOUR);
	for (int i = 0; i < c.n; i++)
	{
		emit(fcinfo, &c.region[i], hours);
		bm_interrupts();
	}
	MemoryContextDelete(c.context);
	return (Datum) 0;
}
