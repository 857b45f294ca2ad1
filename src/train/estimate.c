/*
 * estimate.c
 *		behav_estimate: rows, memory and minutes before a long run.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "train/choose.h"
#include "train/train.h"

/* Floating-point operations a second that one thread of a common server brings to these fits. */
#define FLOPS_PER_THREAD 2e10

typedef struct Counts
{
	double rows, users, items;
} Counts;

/* One number from the planner's statistics; NaN when there are none. */
static double
statistic(const char *sql, Oid relid, const char *column)
{
	Oid types[] = {OIDOID, NAMEOID};
	Datum values[] = {ObjectIdGetDatum(relid),
					  DirectFunctionCall1(namein, CStringGetDatum(column ? column : ""))};
	bool null = true;
	Datum d = (Datum) 0;

	SPI_execute_with_args(sql, 2, types, values, NULL, true, 1);
	if (SPI_processed > 0)
		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
	return null ? NAN : DatumGetFloat8(d);
}

/* n_distinct below 0 is a share of the rows; NaN stays NaN. */
static double
distinct(const BmSource *s, const char *column, double rows)
{
	double n =
		statistic("SELECT st.n_distinct::pg_catalog.float8 FROM pg_catalog.pg_class c "
				  "JOIN pg_catalog.pg_namespace ns ON ns.oid OPERATOR(pg_catalog.=) c.relnamespace "
				  "JOIN pg_catalog.pg_stats st ON st.schemaname OPERATOR(pg_catalog.=) ns.nspname "
				  "AND st.tablename OPERATOR(pg_catalog.=) c.relname WHERE c.oid "
				  "OPERATOR(pg_catalog.=) $1 AND st.attname OPERATOR(pg_catalog.=) $2 "
				  "ORDER BY st.inherited DESC",
				  s->relid, column);

	return n < 0 ? -n * rows : n;
}

/* From the statistics where the relation has been analysed, else by counting. */
static Counts
count_source(const BmSource *s)
{
	Counts c = {-1, 0, 0};
	StringInfoData sql;
	bool null;

	SPI_connect();
	c.rows = statistic("SELECT pg_catalog.sum(c.reltuples)::pg_catalog.float8 FROM "
					   "pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) $1 "
					   "AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,m}') AND c.reltuples "
					   "OPERATOR(pg_catalog.>=) 0 AND $2 IS NOT NULL",
					   s->relid, NULL);
	if (c.rows > 0)
	{
		c.users = distinct(s, s->user_id, c.rows);
		c.items = distinct(s, s->item_id, c.rows);
	}
	if (!(c.rows > 0 && c.users > 0 && c.items > 0))
	{
		initStringInfo(&sql);
		appendStringInfo(&sql,
						 "SELECT pg_catalog.count(*)::pg_catalog.float8, "
						 "pg_catalog.count(DISTINCT %s)::pg_catalog.float8, "
						 "pg_catalog.count(DISTINCT %s)::pg_catalog.float8 FROM %s",
						 quote_identifier(s->user_id), quote_identifier(s->item_id), s->relation);
		SPI_execute(sql.data, true, 1);
		c.rows =
			DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
		c.users =
			DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &null));
		c.items =
			DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &null));
	}
	SPI_finish();
	return c;
}

static void
estimate_row(FunctionCallInfo fcinfo, const BmAlgorithm *a, const Counts *c, Jsonb *options)
{
	BmFitSize size = {.nusers = (size_t) c->users,
					  .nitems = (size_t) c->items,
					  .nevents = (size_t) c->rows,
					  .nnz = (size_t) c->rows,
					  .threads = bm_threads()};
	void *settings = bm_settings(a, options, &size);
	size_t bytes =
		bmc_add(a->core->fit_bytes(&size, settings), bm_log_bytes(c->rows, c->users, c->items));
	size_t limit = (size_t) bm_max_memory_kb * 1024;
	Datum values[7];
	bool nulls[7] = {false};

	values[0] = bm_text_datum(a->name);
	values[1] = Int64GetDatum((int64) c->rows);
	values[2] = Int64GetDatum((int64) c->users);
	values[3] = Int64GetDatum((int64) c->items);
	values[4] = Int64GetDatum(bytes > PG_INT64_MAX ? PG_INT64_MAX : (int64) bytes);
	values[5] = Float8GetDatum(bm_work(a, &size, settings) / (FLOPS_PER_THREAD * size.threads));
	values[6] = BoolGetDatum(limit == 0 || bytes <= limit);
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_estimate(source text, algorithm text, options jsonb): a row per algorithm. */
BM_FUNCTION(behav_estimate);
Datum
behav_estimate(PG_FUNCTION_ARGS)
{
	BmSource *source = bm_source_load(bm_arg_text(fcinfo, 0, "source"));
	char *name = bm_arg_text_or_null(fcinfo, 1);
	Jsonb *options = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	Counts counts;

	bm_srf_begin(fcinfo);
	if (name)
	{
		const BmOptionSpec *specs[] = {bm_train_option_spec, bm_algorithm(name)->options};

		bm_options_check(options, specs, 2, psprintf("algorithm \"%s\"", name));
	}
	counts = count_source(source);
	for (int i = 0; bm_algorithms[i]; i++)
		if (bm_algorithms[i]->core && (name == NULL || strcmp(name, bm_algorithms[i]->name) == 0))
			estimate_row(fcinfo, bm_algorithms[i], &counts, options);
	return (Datum) 0;
}
