/*
 * query.c
 *		Statements on the registry's tables under the caller's rights, with little ceremony.
 */
#include "model/query.h"

#include <math.h>

#include "utils/guc.h"
#include "utils/memutils.h"

#define MAX_PARAMS 24
#define FETCH_ROWS 64

/* ---- parameters ---- */

BmParam
bm_param_datum(Oid type, Datum value)
{
	return (BmParam){type, value, false};
}

BmParam
bm_param_int(int32 v)
{
	return bm_param_datum(INT4OID, Int32GetDatum(v));
}

BmParam
bm_param_int8(int64 v)
{
	return bm_param_datum(INT8OID, Int64GetDatum(v));
}

BmParam
bm_param_float8(double v)
{
	return (BmParam){FLOAT8OID, Float8GetDatum(v), isnan(v)};
}

BmParam
bm_param_text(const char *s)
{
	return (BmParam){TEXTOID, s ? CStringGetTextDatum(s) : (Datum) 0, s == NULL};
}

BmParam
bm_param_jsonb(Jsonb *json)
{
	return (BmParam){JSONBOID, json ? JsonbPGetDatum(json) : (Datum) 0, json == NULL};
}

/* The parameters as the three arrays that SPI wants. */
static void
spread(const BmParam *params, int n, Oid *types, Datum *values, char *nulls)
{
	Assert(n <= MAX_PARAMS);
	for (int i = 0; i < n; i++)
	{
		types[i] = params[i].type;
		values[i] = params[i].value;
		nulls[i] = params[i].null ? 'n' : ' ';
	}
}

/* ---- statements ---- */

/* Until AtEOXact_GUC(true, level), or an error: names and operators mean the server's own. */
static int
plain_search_path(void)
{
	int level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return level;
}

static uint64
run(const char *sql, int n, const BmParam *params, bool read_only)
{
	Oid types[MAX_PARAMS];
	Datum values[MAX_PARAMS];
	char nulls[MAX_PARAMS] = {0};
	int result;

	bm_check_state_rights();
	spread(params, n, types, values, nulls);
	result = SPI_execute_with_args(sql, n, types, values, nulls, read_only, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}

uint64
bm_read(const char *sql, int n, const BmParam *params)
{
	int level = plain_search_path();
	uint64 rows = run(sql, n, params, true);

	AtEOXact_GUC(true, level);
	return rows;
}

uint64
bm_write(const char *sql, int n, const BmParam *params)
{
	int level = plain_search_path();
	uint64 rows = run(sql, n, params, false);

	AtEOXact_GUC(true, level);
	return rows;
}

uint64
bm_write_as_caller(const char *sql, int n, const BmParam *params)
{
	return run(sql, n, params, false);
}

static Datum
column_of(uint64 i, int column, bool *null)
{
	return SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column, null);
}

char *
bm_row_text(uint64 i, int column, MemoryContext context)
{
	char *s = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column);

	return s ? MemoryContextStrdup(context, s) : NULL;
}

int64
bm_row_int8(uint64 i, int column)
{
	bool null;
	Datum value = column_of(i, column, &null);

	if (null)
		return 0;
	switch (SPI_gettypeid(SPI_tuptable->tupdesc, column))
	{
	case INT2OID:
		return DatumGetInt16(value);
	case INT4OID:
		return DatumGetInt32(value);
	default:
		return DatumGetInt64(value);
	}
}

double
bm_row_float8(uint64 i, int column)
{
	bool null;
	Datum value = column_of(i, column, &null);

	return null ? NAN : DatumGetFloat8(value);
}

Jsonb *
bm_row_jsonb(uint64 i, int column, MemoryContext context)
{
	bool null;
	Datum value = column_of(i, column, &null);
	MemoryContext old = MemoryContextSwitchTo(context);
	Jsonb *json = null ? NULL : DatumGetJsonbPCopy(value);

	MemoryContextSwitchTo(old);
	return json;
}

void
bm_srf_query(FunctionCallInfo fcinfo, const char *sql, int n, const BmParam *params)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int natts = result->setDesc->natts;
	Datum *row = palloc(sizeof(Datum) * natts);
	bool *row_nulls = palloc(sizeof(bool) * natts);
	Oid types[MAX_PARAMS];
	Datum values[MAX_PARAMS];
	char nulls[MAX_PARAMS] = {0};
	int level = plain_search_path();
	Portal portal;

	spread(params, n, types, values, nulls);
	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL, sql, n, types, values, nulls, true, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		Assert(SPI_tuptable->tupdesc->natts == natts);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			heap_deform_tuple(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, row, row_nulls);
			bm_srf_row(fcinfo, row, row_nulls);
		}
		SPI_freetuptable(SPI_tuptable);
		bm_interrupts();
	}
	SPI_cursor_close(portal);
	SPI_finish();
	AtEOXact_GUC(true, level);
}
