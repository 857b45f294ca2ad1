/*
 * series.c
 *		Demand by series and period, from the server's executor into memory.
 */
#include "portrait/series.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "pg/scan.h"

#define MOST_PERIODS 100000 /* of one series: 270 years of days */

const char *const bm_series_period_names[BM_SERIES_PERIODS] = {"day", "week", "month"};

const BmOptionSpec bm_series_options[] = {
	{"time_zone", BM_OPT_TEXT, offsetof(BmSeriesOptions, time_zone), NULL, 0, 0, NULL,
	 "Zone whose clock periods are counted on; default: the session's."},
	{"returns", BM_OPT_ENUM, offsetof(BmSeriesOptions, returns), "ignore", 0, 0, "ignore|net",
	 "Rows below zero are left out, or taken off the demand of their period."},
	{"start", BM_OPT_ENUM, offsetof(BmSeriesOptions, start), "first", 0, 0, "first|all",
	 "A series begins at its first demand, or where the first of all begins."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

int
bm_series_season(BmSeriesPeriod period)
{
	static const int season[] = {7, 52, 12};

	return season[period];
}

double
bm_series_days(BmSeriesPeriod period)
{
	static const double days[] = {1.0, 7.0, 30.4375};

	return days[period];
}

TimestampTz
bm_series_instant(const BmSeries *s, int64 period)
{
	int64 day = period;

	if (s->period == BM_SERIES_WEEK)
		day = period * 7 + 2; /* 2000-01-03 was a Monday */
	else if (s->period == BM_SERIES_MONTH)
		day = date2j((int) (period / 12), (int) (period % 12) + 1, 1) - POSTGRES_EPOCH_JDATE;
	return DatumGetTimestampTz(
		DirectFunctionCall2(timestamp_zone, bm_text_datum(s->sales->zone),
							TimestampGetDatum((Timestamp) day * USECS_PER_DAY)));
}

/* The number of the period that holds an instant (an SQL expression), as bigint. */
static char *
period_expr(const BmSales *s, BmSeriesPeriod period, const char *instant)
{
	char *local = psprintf("((%s) AT TIME ZONE %s)", instant, quote_literal_cstr(s->zone));

	if (period == BM_SERIES_MONTH)
		return psprintf("((pg_catalog.date_part('year', %1$s) OPERATOR(pg_catalog.*) 12) "
						"OPERATOR(pg_catalog.+) pg_catalog.date_part('month', %1$s) "
						"OPERATOR(pg_catalog.-) 1)::pg_catalog.int8",
						local);
	return psprintf("pg_catalog.floor(pg_catalog.date_part('epoch', %s OPERATOR(pg_catalog.-) "
					"'%s'::pg_catalog.timestamp) OPERATOR(pg_catalog./) %s)::pg_catalog.int8",
					local, period == BM_SERIES_WEEK ? "2000-01-03" : "2000-01-01",
					period == BM_SERIES_WEEK ? "604800" : "86400");
}

/* ---- rows ---- */

typedef struct Reader
{
	BmSeries *out;
	const BmSeriesOptions *options;
	int64 first_of_all, next; /* next: period after the last one stored of the current series */
} Reader;

static void *
grown(BmSeries *s, void *block, size_t n, size_t size)
{
	void *larger = bmc_realloc(s->mem, block, n, size);

	if (!larger)
		bm_check(BM_ENOMEM, "read the demand", NULL);
	return larger;
}

static void
append(BmSeries *s, double y)
{
	size_t at = s->start[s->n];

	if (at == s->y_capacity)
	{
		s->y_capacity = Max(4096, 2 * s->y_capacity);
		s->y = grown(s, s->y, s->y_capacity, sizeof(double));
	}
	s->y[at] = y;
	s->start[s->n] = at + 1;
}

/* Zeros for the periods before `until` that have no row. */
static void
fill(Reader *r, int64 until)
{
	if (until - r->next > MOST_PERIODS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a series has too many periods"),
				 errdetail("It spans more than %d.", MOST_PERIODS),
				 errhint("Look at longer periods, or leave out rows of impossible times.")));
	while (r->next < until)
	{
		append(r->out, 0.0);
		r->next++;
	}
}

static void
begin_series(Reader *r, const char *name, size_t len, int64 first)
{
	BmSeries *s = r->out;

	if (s->n + 2 > s->capacity)
	{
		s->capacity = Max(256, 2 * s->capacity);
		s->start = grown(s, s->start, s->capacity, sizeof(size_t));
		s->name = grown(s, s->name, s->capacity, sizeof(size_t));
	}
	if (s->text_used + len + 1 > s->text_capacity)
	{
		s->text_capacity = Max(2 * s->text_capacity, s->text_used + len + 65536);
		s->text = grown(s, s->text, s->text_capacity, 1);
	}
	memcpy(s->text + s->text_used, name, len);
	s->text[s->text_used + len] = '\0';
	s->name[s->n] = s->text_used;
	s->text_used += len + 1;
	if (s->n == 0)
		s->start[0] = 0;
	s->start[s->n + 1] = s->start[s->n];
	s->n++;
	r->next = r->options->start == 1 ? Min(r->first_of_all, first) : first;
}

static void
series_row(void *arg, TupleTableSlot *slot)
{
	Reader *r = arg;
	BmSeries *s = r->out;
	text *name = DatumGetTextPP(slot->tts_values[0]);
	size_t len = VARSIZE_ANY_EXHDR(name);
	int64 period = DatumGetInt64(slot->tts_values[1]);
	double y = slot->tts_isnull[2] ? 0.0 : DatumGetFloat8(slot->tts_values[2]);
	const char *current = s->n ? s->text + s->name[s->n - 1] : NULL;

	y = y > 0 ? y : 0.0;
	if (!current || strlen(current) != len || memcmp(current, VARDATA_ANY(name), len) != 0)
	{
		if (current)
			fill(r, s->last + 1);
		if (y == 0.0 && r->options->start == 0)
			return; /* not begun: periods of returns alone */
		begin_series(r, VARDATA_ANY(name), len, period);
	}
	fill(r, period);
	append(s, y);
	r->next = period + 1;
}

/* One bigint of a SELECT, with until as $1; false for NULL. SPI is connected. */
static bool
one_number(const char *sql, const TimestampTz *until, int64 *number)
{
	Oid type = TIMESTAMPTZOID;
	Datum value = until ? TimestampTzGetDatum(*until) : (Datum) 0;
	bool isnull;

	if (SPI_execute_with_args(sql, 1, &type, &value, until ? " " : "n", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read the demand");
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	*number = isnull ? 0 : DatumGetInt64(value);
	return !isnull;
}

static void
no_demand(const BmSales *s)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s has no demand in a finished period", bm_sales_name(s)),
			 errdetail("The period of the newest row, or of \"until\", counts as unfinished; rows "
					   "that are no purchases, and returns, are no demand."),
			 errhint("Give until => the end of what is known, or shorter periods.")));
}

void
bm_series_read(BmSeries *out, const BmSales *s, const char *by, BmSeriesPeriod period,
			   const BmSeriesOptions *options, const TimestampTz *until, BmMem *mem)
{
	char *number = period_expr(s, period, s->ts);
	const char *q = s->quantity ? s->quantity : "1::pg_catalog.float8";
	Reader r = {.out = out, .options = options};
	Oid type = INT8OID;
	Datum last;
	int64 unfinished;
	bool known;

	*out = (BmSeries){.mem = mem, .sales = s, .period = period};
	SPI_connect();
	known =
		until ? one_number(psprintf("SELECT %s", period_expr(s, period, "$1")), until, &unfinished)
			  : one_number(psprintf("SELECT pg_catalog.max(%s) FROM %s WHERE %s", number,
									s->source->relation, s->where),
						   until, &unfinished);
	out->last = unfinished - 1;
	if (known && options->start == 1)
		(void) one_number(psprintf("SELECT pg_catalog.min(%s) FROM %s WHERE %s", number,
								   s->source->relation, s->where),
						  until, &r.first_of_all);
	last = Int64GetDatum(out->last);
	if (known)
		bm_scan(
			psprintf(
				"SELECT s, k, pg_catalog.sum(q) FROM (SELECT s, k, q FROM (SELECT %s AS s, %s AS "
				"k, %s AS q FROM %s WHERE %s) AS d WHERE s IS NOT NULL AND k "
				"OPERATOR(pg_catalog.<=) $1%s) AS e GROUP BY s, k ORDER BY s COLLATE "
				"pg_catalog.\"C\", k",
				by ? psprintf("%s::pg_catalog.text", quote_identifier(by))
				   : "'all'::pg_catalog.text",
				number, q, s->source->relation, s->where,
				options->returns == 0 ? " AND q OPERATOR(pg_catalog.>) 0" : ""),
			1, &type, &last, NULL, series_row, &r);
	SPI_finish();
	if (out->n == 0)
		no_demand(s);
	fill(&r, out->last + 1);
}
